"""The server beside PostgreSQL, asked by the same clients: ``python benchmarks/server.py --peer URL [--seconds N]``.

``--peer`` is a PostgreSQL server that may be written to, as ``postgresql://postgres@127.0.0.1:5432/postgres``; what is
measured is put into it, too. Both get pgbench's tables. Every figure is printed with the bar that it has to reach, won
or lost: ours by PostgreSQL's, in turn, the median of three.

    look-ups      pgbench -S, simple and prepared, 1 and 8 clients, scale 1
    TPC-B         pgbench, scale 10, 8 clients, both read committed and with the same synchronous_commit
    neighbours    pgbench -S beside a long query of another connection: by itself alone, and its slowest hundredth
    rows          psql reads a million rows, and brings a million with COPY
    memory        500 idle connections
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

import heliosdb

TURNS = 3
ROWS = 1_000_000
IDLE = 500
ENDLESS = "SELECT sum(a.abalance + g) FROM generate_series(1, 1000000000) g CROSS JOIN pgbench_accounts a"
SORT = "SELECT x FROM (SELECT (g * 7919) % 1000003 AS x FROM generate_series(1, 1000000) g ORDER BY 1 OFFSET 999999) s"


class Programs:
    """The clients, and how they are run."""

    def __init__(self, pgbench: str, psql: str, seconds: int) -> None:
        self._pgbench = pgbench
        self._psql = psql
        self.seconds = seconds

    def pgbench(self, url: str, *arguments: str) -> str:
        """Run pgbench and return what it says; exit with its error."""
        done = subprocess.run([self._pgbench, *arguments, url], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"pgbench {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def per_second(self, url: str, *arguments: str) -> float:
        """Return how many transactions a second there were; none may have failed."""
        said = self.pgbench(url, "-n", "-T", str(self.seconds), *arguments)
        failed = re.search(r"failed transactions: (\d+)", said)
        if failed is None or failed.group(1) != "0":
            sys.exit(f"pgbench {' '.join(arguments)}: {said}")
        found = re.search(r"^tps = ([0-9.]+)", said, re.MULTILINE)
        assert found is not None, said
        return float(found.group(1))

    def slowest_hundredth(self, url: str, *arguments: str) -> tuple[float, float]:
        """Return transactions a second, and milliseconds that 99 of 100 of them are below."""
        with tempfile.TemporaryDirectory() as name:
            rate = self.per_second(url, "-l", "--log-prefix", f"{name}/log", *arguments)
            lines = [line.split() for path in Path(name).iterdir() for line in path.read_text().splitlines()]
        took = sorted(int(line[2]) for line in lines)
        return rate, took[len(took) * 99 // 100] / 1000

    def psql(self, url: str, *arguments: str) -> float:
        """Run psql and return the seconds that it took; exit with its error."""
        start = time.perf_counter()
        done = subprocess.run(
            [self._psql, "-X", "-q", url, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        if done.returncode:
            sys.exit(f"psql {' '.join(arguments)}: {done.stderr.decode().strip()}")
        return time.perf_counter() - start

    @contextmanager
    def busy(self, url: str, statement: str) -> Iterator[None]:
        """Have a connection run a statement over and over meanwhile."""
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
            script.write(f"{statement};\n" * 1000)
            script.flush()
            running = subprocess.Popen(
                [self._psql, "-X", "-q", "-f", script.name, url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            try:
                time.sleep(1)  # until it runs
                if running.poll() is not None:
                    sys.exit(f"psql ended: {statement}")
                yield
            finally:
                running.send_signal(signal.SIGINT)  # cancels the statement
                running.terminate()
                running.wait()


def show(
    what: str, figure: float, bar: float, *, unit: str = "of PostgreSQL's", below: bool = False, more: str = ""
) -> None:
    """Print a line. The figure has to be above the bar, or below."""
    missed = figure > bar if below else figure < bar
    print(
        f"{what:44} {figure:8.2f} {unit:17} bar {bar:g}{'  missed' if missed else ''}{f'   {more}' if more else ''}",
        flush=True,
    )


def beside(what: str, bar: float, measured: list[tuple[float, float]]) -> None:
    """Print the ratio of two measurements that were taken in turn, larger is better."""
    ratio = statistics.median(mine / other for mine, other in measured)
    mine, other = (statistics.median(turn[side] for turn in measured) for side in (0, 1))
    show(what, ratio, bar, more=f"{mine:.0f} beside {other:.0f}")


def look_ups(programs: Programs, urls: list[str]) -> None:
    """One row by its key."""
    for url in urls:
        programs.pgbench(url, "-i", "-q", "-s", "1")
    for protocol in ("simple", "prepared"):
        for clients in (1, 8):
            arguments = ("-S", "-M", protocol, "-c", str(clients))
            measured = [tuple(programs.per_second(url, *arguments) for url in urls) for _ in range(TURNS)]
            beside(f"look-ups, {protocol}, {clients} clients", 0.7, measured)  # type: ignore[arg-type]


def tpc_b(programs: Programs, urls: list[str]) -> None:
    """Transactions of seven statements."""
    for url in urls:
        programs.pgbench(url, "-i", "-q", "-s", "10")
    for durable in ("on", "off"):
        options = (
            f"?options=-c%20synchronous_commit%3D{durable}%20-c%20default_transaction_isolation%3Dread%5C%20committed"
        )
        for protocol in ("simple", "prepared"):
            arguments = ("-M", protocol, "-c", "8")
            measured = [tuple(programs.per_second(url + options, *arguments) for url in urls) for _ in range(TURNS)]
            beside(f"TPC-B, {protocol}, synchronous_commit {durable}", 0.3, measured)  # type: ignore[arg-type]


def neighbours(programs: Programs, urls: list[str]) -> None:
    """Look-ups beside a query that never ends, and one that sorts a million rows."""
    for name, statement, limit in (("an endless aggregate", ENDLESS, 10.0), ("ORDER BY of 1 M rows", SORT, 50.0)):
        for whose, url in zip(("ours", "PostgreSQL"), urls, strict=True):
            arguments = ("-S", "-M", "prepared", "-c", "1")
            alone = programs.per_second(url, *arguments)
            with programs.busy(url, statement):
                rate, slowest = programs.slowest_hundredth(url, *arguments)
            show(f"{whose}, beside {name}", rate / alone, 0.2, unit="of alone", more=f"{rate:.0f} beside {alone:.0f}")
            show(f"{whose}, beside {name}: p99", slowest, limit, unit="ms", below=True)


def rows(programs: Programs, urls: list[str]) -> None:
    """A million rows out, and in."""
    query = "SELECT aid, bid, abalance, 'name ' || aid AS name FROM pgbench_accounts"
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "rows"
        path.write_text("".join(f"{n}\t{n % 1000}\tname {n}\n" for n in range(ROWS)))
        out, back = [], []
        for url in urls:
            programs.psql(url, "-c", "DROP TABLE IF EXISTS brought; CREATE TABLE brought (id int, n int, name text)")
        for _ in range(TURNS):
            out.append(tuple(ROWS / programs.psql(url, "-A", "-t", "-c", query) for url in urls))
            taken = []
            for url in urls:
                programs.psql(url, "-c", "TRUNCATE brought")
                taken.append(ROWS / programs.psql(url, "-c", f"\\copy brought FROM '{path}'"))
            back.append(tuple(taken))
        beside("1 M rows read by psql, a second", 0.0, out)  # type: ignore[arg-type]
        beside("1 M rows brought by COPY, a second", 0.0, back)  # type: ignore[arg-type]


def memory(process: int, url: str) -> None:
    """Connections that do nothing: kilobytes of the server for each, before and after their first query."""

    def resident() -> int:
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process}/status").read_text())
        assert found is not None
        return int(found.group(1))

    before = resident()
    connections = [psycopg.connect(url, autocommit=True) for _ in range(IDLE)]
    idle = resident()
    for connection in connections:
        connection.execute("SELECT relname FROM pg_class WHERE oid = 1259")
    used = resident()
    for connection in connections:
        connection.close()
    print(
        f"{IDLE} idle connections: {(idle - before) / IDLE:.0f} kB each, {(used - before) / IDLE:.0f} kB after a query"
    )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peer", required=True)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--pgbench", default=shutil.which("pgbench"), help="where pgbench is")
    parser.add_argument("--psql", default=shutil.which("psql"), help="where psql is")
    parser.add_argument("only", nargs="*", help="look-ups, tpc-b, neighbours, rows, memory; none: all")
    arguments = parser.parse_args()
    if arguments.pgbench is None or arguments.psql is None:
        sys.exit("pgbench or psql is not on the PATH; --pgbench and --psql say where they are")
    wanted = arguments.only or ["look-ups", "tpc-b", "neighbours", "rows", "memory"]
    programs = Programs(arguments.pgbench, arguments.psql, arguments.seconds)
    with psycopg.connect(arguments.peer) as peer:
        version = peer.info.parameter_status("server_version")
    print(f"benchmarks/server.py {' '.join(sys.argv[1:])}".replace(arguments.peer, "URL"))
    print(f"heliosdb {heliosdb.__version__}, PostgreSQL {version}, Python {platform.python_version()},")
    print(f"{platform.platform()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}\n")
    with tempfile.TemporaryDirectory() as name:
        program = str(Path(sys.executable).with_name("heliosdb"))
        command = [program, "start", str(Path(name) / "bench.db"), "--port", "0", "--max-connections", str(IDLE + 20)]
        log = Path(name) / "log"
        with log.open("w") as said, subprocess.Popen(command, stderr=said) as server:
            where = None
            while where is None:
                if server.poll() is not None:
                    sys.exit(f"the server has not started: {log.read_text()}")
                time.sleep(0.1)
                where = re.search(r"listening at (\S+)\n", log.read_text())
            urls = [f"postgresql://helios@{where.group(1)}/bench", arguments.peer]
            try:
                if "memory" in wanted:
                    memory(server.pid, urls[0])
                if "look-ups" in wanted:
                    look_ups(programs, urls)
                if "tpc-b" in wanted:
                    tpc_b(programs, urls)
                elif "neighbours" in wanted or "rows" in wanted:
                    for url in urls:
                        programs.pgbench(url, "-i", "-q", "-s", "10")
                if "neighbours" in wanted:
                    neighbours(programs, urls)
                if "rows" in wanted:
                    rows(programs, urls)
            finally:
                server.send_signal(signal.SIGINT)


if __name__ == "__main__":
    main()
