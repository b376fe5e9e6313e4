"""pgbench: its tables made by COPY and by the server, its scripts in all protocols. Takes host, port, user, database."""

from __future__ import annotations

import subprocess
import sys

import psycopg

HOST, PORT, USER, DATABASE = sys.argv[1:]
SHOWN = ("transaction type", "query mode", "number of transactions actually", "number of failed", "pgbench: error")


def pgbench(*options: str) -> None:
    """Run it; print what does not depend on the machine, and all of it when it failed."""
    command = ["pgbench", "-h", HOST, "-p", PORT, "-U", USER, *options, DATABASE]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    print("pgbench", *options, "ended with", done.returncode)
    for line in (done.stdout + done.stderr).splitlines():
        if done.returncode or line.startswith(SHOWN):
            print("   ", line)


def counted() -> None:
    """Print how many rows there are, and whether all balances agree with the history."""
    with psycopg.connect(host=HOST, port=PORT, user=USER, dbname=DATABASE) as connection:
        for table, column in (("accounts", "a"), ("tellers", "t"), ("branches", "b")):
            agrees = f"coalesce(sum({column}balance), 0) = (SELECT coalesce(sum(delta), 0) FROM pgbench_history)"
            print("   ", table, *connection.execute(f"SELECT count(*), {agrees} FROM pgbench_{table}").fetchone())
        print("    history", *connection.execute("SELECT count(*) FROM pgbench_history").fetchone())


pgbench("-i", "-I", "dtGvpf")
counted()
pgbench("-i", "-q")
for protocol in ("simple", "extended", "prepared"):
    pgbench("-n", "-c", "4", "-j", "2", "-t", "25", "-M", protocol)
    pgbench("-n", "-c", "4", "-j", "2", "-t", "50", "-S", "-M", protocol)
counted()
pgbench("-i", "-I", "d")
