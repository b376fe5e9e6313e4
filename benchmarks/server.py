"""The server beside PostgreSQL, both asked by pgbench: ``python benchmarks/server.py --peer URL [--seconds N]``.

``--peer`` is a PostgreSQL server that may be written to, as ``postgresql://postgres@127.0.0.1:5432/postgres``. Both get
pgbench's tables at scale 1. Each figure is transactions per second of ours by those of PostgreSQL, run in turn: one row
by its key (-S), as a simple query and as a prepared statement, from one client and from eight.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import heliosdb

BAR = 0.7
TURNS = 3


def pgbench(program: str, url: str, *arguments: str) -> str:
    """Run pgbench and return what it says; exit with its error."""
    done = subprocess.run([program, *arguments, url], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"pgbench: {done.stderr.strip()}")
    return done.stdout


def per_second(program: str, url: str, protocol: str, clients: int, seconds: int) -> float:
    """Return how many look-ups a second are answered."""
    said = pgbench(program, url, "-n", "-S", "-M", protocol, "-c", str(clients), "-T", str(seconds))
    found = re.search(r"^tps = ([0-9.]+)", said, re.MULTILINE)
    assert found is not None, said
    return float(found.group(1))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", required=True)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--pgbench", default=shutil.which("pgbench"), help="where pgbench is")
    arguments = parser.parse_args()
    if arguments.pgbench is None:
        sys.exit("pgbench is not on the PATH; --pgbench says where it is")
    version = subprocess.run(
        [arguments.pgbench, "--version"], capture_output=True, text=True, check=True
    ).stdout.strip()
    print(f"heliosdb {heliosdb.__version__}, {version}, Python {platform.python_version()},")
    print(f"{platform.platform()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}\n")
    with tempfile.TemporaryDirectory() as name:
        program = str(Path(sys.executable).with_name("heliosdb"))
        command = [program, "start", str(Path(name) / "bench.db"), "--port", "0"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
            assert server.stderr is not None
            ours = f"postgresql://bench@{server.stderr.readline().split()[-1]}/bench"
            for url in (ours, arguments.peer):
                pgbench(arguments.pgbench, url, "-i", "-q", "-s", "1")
            for protocol in ("simple", "prepared"):
                for clients in (1, 8):
                    measured = [
                        [
                            per_second(arguments.pgbench, url, protocol, clients, arguments.seconds)
                            for url in (ours, arguments.peer)
                        ]
                        for _ in range(TURNS)
                    ]
                    ratio = statistics.median(mine / other for mine, other in measured)
                    mine = statistics.median(turn[0] for turn in measured)
                    print(
                        f"one row by its key, {protocol}, {clients} clients: {ratio:5.2f} of PostgreSQL's, "
                        f"{mine:8.0f} a second   {BAR}{'' if ratio >= BAR else '  missed'}",
                        flush=True,
                    )
            server.terminate()


if __name__ == "__main__":
    main()
