"""A database on disk beside sqlite3 with equal durability: ``python benchmarks/durable.py [--rows N] [--json FILE]``.

Both sync every commit: sqlite3 in WAL mode with ``synchronous = FULL``. Both work in one temporary folder, in one run.
Retention: only what open snapshots need is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import heliosdb

COMMITS = 2000
SOME = 100
THREADS = 16
LOOKUPS = 20_000
FIRST_ROW = """
import sys, heliosdb
print(heliosdb.connect(sys.argv[1]).execute("SELECT * FROM people WHERE id = %s", (int(sys.argv[2]),)).fetchone()[0])
"""
FILL_LOG = """
import sys, heliosdb
connection = heliosdb.connect(sys.argv[1])
connection.execute("SET synchronous_commit = off")
number = 0
while True:
    for _ in range(100):
        connection.execute("UPDATE people SET age = age + 1 WHERE id = %s", (number % 5000,))
        connection.commit()
        number += 1
    print(number, flush=True)
"""
TABLE = "CREATE TABLE people (id integer PRIMARY KEY, name text, age integer, score double precision, seen text)"
ONE = "CREATE TABLE event (id integer PRIMARY KEY, note text)"

Row = tuple[int, str, int, float, str]


class Figure(NamedTuple):
    """One measurement; ``bar`` is what it has to reach: at least for ratios, at most for times."""

    name: str
    value: float
    unit: str
    bar: float | None

    @property
    def is_met(self) -> bool:
        """Whether the bar is reached."""
        if self.bar is None:
            return True
        return self.value >= self.bar if self.unit == "x" else self.value <= self.bar


def people(count: int) -> list[Row]:
    """Return made-up people."""
    chance = random.Random(5)
    names = ("alpha", "beta", "gamma", "delta", "omega")
    return [
        (
            number,
            f"{names[number % 5]} {chance.randrange(10**6)}",
            chance.randrange(10**6),
            chance.random() * 1000,
            f"2024-01-{1 + number % 28:02} 10:00:00",
        )
        for number in range(count)
    ]


def seconds(work: Callable[[], Any]) -> float:
    """Return how long something takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def peer(path: Path) -> sqlite3.Connection:
    """Open sqlite3 with the same durability."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=120)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of the files in a folder."""
    return path.stat().st_size if path.is_file() else sum(file.stat().st_size for file in path.iterdir())


def commits(folder: Path) -> Iterator[Figure]:
    """Single-row commits, alone and from many threads."""
    with (
        heliosdb.connect(str(folder / "one"), autocommit=True) as ours,
        heliosdb.EmbeddedDatabase(str(folder / "another")) as embedded,
    ):
        theirs = peer(folder / "one.sqlite")
        for each in (ours, embedded, theirs):
            each.execute(ONE)
        # In short turns: what a sync takes changes from one second to the next.
        times: list[tuple[float, ...]] = []
        for first in range(0, 5 * COMMITS, SOME):
            numbers = range(first, first + SOME)
            mine = seconds(partial(insert_one_by_one, ours, "INSERT INTO event VALUES (%s, %s)", numbers))
            other = seconds(partial(insert_one_by_one, theirs, "INSERT INTO event VALUES (?, ?)", numbers))
            plain = seconds(partial(insert_one_by_one, embedded, "INSERT INTO event VALUES ($1, $2)", numbers))
            times.append((other / mine, other / plain, mine, other, plain))
        through, short, mine, other, plain = map(statistics.median, zip(*times))
        yield Figure("durable single-row commit, alone", through, "x", 0.8)
        yield Figure("  by EmbeddedDatabase", short, "x", 0.8)
        yield Figure("  of ours, a commit", mine / SOME * 1e6, "us", None)
        yield Figure("  by EmbeddedDatabase, a commit", plain / SOME * 1e6, "us", None)
        yield Figure("  of sqlite3, a commit", other / SOME * 1e6, "us", None)
    with heliosdb.EmbeddedDatabase(str(folder / "many")) as database:
        database.execute(ONE)
        theirs = peer(folder / "many.sqlite")
        theirs.execute(ONE)
        share = 4 * COMMITS // THREADS

        def mine_of(thread: int) -> None:
            with heliosdb.connect(database, autocommit=True) as connection:
                for number in range(share):
                    connection.execute("INSERT INTO event VALUES (%s, %s)", (thread * share + number, "note"))

        def theirs_of(thread: int) -> None:
            connection = peer(folder / "many.sqlite")
            for number in range(share):
                connection.execute("INSERT INTO event VALUES (?, ?)", (thread * share + number, "note"))
            connection.close()

        mine, other = seconds(lambda: in_threads(mine_of)), seconds(lambda: in_threads(theirs_of))
        yield Figure(f"durable single-row commit, {THREADS} threads", other / mine, "x", 2.0)
        yield Figure("  of ours, a commit", mine / (share * THREADS) * 1e6, "us", None)


def insert_one_by_one(connection: Any, text: str, numbers: range) -> None:
    """Insert rows, each a commit."""
    for number in numbers:
        connection.execute(text, (number, "note"))


def in_threads(work: Callable[[int], None]) -> None:
    """Do something in many threads at once."""
    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def load(folder: Path, rows: Sequence[Row]) -> Iterator[Figure]:
    """Bulk load, with everything in its place at the end, and what it takes."""

    def mine() -> None:
        with heliosdb.connect(str(folder / "people")) as connection:
            connection.execute(TABLE)
            connection.cursor().executemany("INSERT INTO people VALUES (%s, %s, %s, %s, %s)", rows)
            connection.commit()

    def theirs() -> None:
        connection = peer(folder / "people.sqlite")
        connection.execute(TABLE)
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO people VALUES (?, ?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()

    ours, other = seconds(mine), seconds(theirs)
    yield Figure(f"bulk load of {len(rows):,} rows", other / ours, "x", 0.5)
    taken, needed = size_of(folder / "people"), size_of(folder / "people.sqlite")
    yield Figure("size, of sqlite3's", taken / needed, "of", 0.5)


def reading(folder: Path, rows: int) -> Iterator[Figure]:
    """Opening, first look-ups, look-ups again and again, scans."""
    path = str(folder / "people")
    heliosdb.connect(":memory:").execute("SELECT 1").fetchall()
    start = time.perf_counter()
    connection = heliosdb.connect(path)
    opened = time.perf_counter()
    connection.execute("SELECT * FROM people WHERE id = %s", (rows // 2,)).fetchall()
    looked_up = time.perf_counter()
    yield Figure("open", (opened - start) * 1e3, "ms", 100)
    yield Figure("first look-up after that", (looked_up - opened) * 1e3, "ms", 20)
    theirs = peer(folder / "people.sqlite")
    scan = "SELECT count(*), sum(age) FROM people"
    with heliosdb.connect(path + "-other", autocommit=True) as other:
        other.execute("SELECT 1")
    mine = seconds(lambda: connection.execute(scan).fetchall())
    yield Figure("cold scan", seconds(lambda: theirs.execute(scan).fetchall()) / mine, "x", 1.0)
    connection.close()

    # With room for the rows, as the peer has: the other database is all in memory.
    roomy = heliosdb.Config(cache_size=4 << 30)
    with heliosdb.EmbeddedDatabase(path, config=roomy) as disk, heliosdb.EmbeddedDatabase.new_in_memory() as memory:
        memory.execute(TABLE)
        memory.prepare("INSERT INTO people VALUES ($1, $2, $3, $4, $5)").execute_many(people(rows))
        chance = random.Random(7)
        keys = [(chance.randrange(rows),) for _ in range(2000)]

        def look_up(database: heliosdb.EmbeddedDatabase) -> float:
            query = database.query
            return seconds(
                lambda: [query("SELECT * FROM people WHERE id = $1", keys[i % 2000]) for i in range(LOOKUPS)]
            )

        look_up(disk), look_up(memory)
        ratios = [look_up(disk) / look_up(memory) for _ in range(5)]
        yield Figure("warm look-up, of one in memory", statistics.median(ratios), "of", 1.3)

    def fresh() -> None:
        subprocess.run([sys.executable, "-c", FIRST_ROW, path, "1"], check=True, capture_output=True)

    yield Figure("a fresh process to the first row", min(seconds(fresh) for _ in range(5)) * 1e3, "ms", 400)

    worker = subprocess.Popen([sys.executable, "-c", FILL_LOG, path], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    for line in worker.stdout:
        if int(line) >= 19_000:
            break
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    log = sum(file.stat().st_size for file in Path(path).glob("log-*"))
    yield Figure("after kill -9, with a log of", log / 1e6, "MB", None)
    yield Figure("  a fresh process to the first row", seconds(fresh) * 1e3, "ms", 1500)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    print(f"heliosdb {heliosdb.__version__}, sqlite3 {sqlite3.sqlite_version}, Python {platform.python_version()},")
    print(f"{platform.platform()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}\n")
    figures = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in (commits(folder), load(folder, people(arguments.rows)), reading(folder, arguments.rows)):
            for figure in part:
                figures.append(figure)
                bar = "" if figure.bar is None else f"{figure.bar:>8.1f}  {'' if figure.is_met else 'missed'}"
                print(f"{figure.name:44}{figure.value:>10.2f} {figure.unit:3}{bar}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps([figure._asdict() for figure in figures], indent=2))


if __name__ == "__main__":
    main()
