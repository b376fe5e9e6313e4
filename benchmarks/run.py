"""Compare HeliosDB with sqlite3 in one process: ``python benchmarks/run.py [--rows N] [--only WORD] [--json FILE]``."""

from __future__ import annotations

import argparse
import gc
import json
import platform
import random
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any, NamedTuple

import heliosdb

ROUNDS = 5
NO_PAST = heliosdb.Config(retention_days=0)


class Case(NamedTuple):
    """One comparison: both sides do the same work; ``bar`` is the ratio to be reached, None where none is set."""

    name: str
    ours: Callable[[], Any]
    peer: Callable[[], Any]
    bar: float | None
    calls: int = 1
    before: Callable[[], Any] | None = None
    """What has to be made ready before each round, on both sides; it is not measured."""


class Measured(NamedTuple):
    """A case's outcome: medians in seconds a call, and the median ratio peer / ours."""

    name: str
    ours: float
    peer: float
    ratio: float
    bar: float | None


def seconds(work: Callable[[], Any]) -> float:
    """Return how long the work takes, garbage collected before."""
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(case: Case, rounds: int) -> Measured:
    """Run both sides in turn and compare round by round, after one round that does not count."""
    pairs = []
    for number in range(-1, rounds):
        if case.before is not None:
            case.before()
        if number % 2:
            peer, ours = seconds(case.peer), seconds(case.ours)
        else:
            ours, peer = seconds(case.ours), seconds(case.peer)
        if number >= 0:
            pairs.append((ours / case.calls, peer / case.calls))
    ratio = statistics.median(peer / ours for ours, peer in pairs)
    return Measured(
        case.name,
        statistics.median(ours for ours, _ in pairs),
        statistics.median(peer for _, peer in pairs),
        ratio,
        case.bar,
    )


def keyed_cases(rows: int) -> Iterator[Case]:
    """Single rows by primary key, and all of them: a table of users with a fifth as many rows."""
    rows = max(1000, rows // 5)
    chooser = random.Random(1)
    users = [(i, f"user {i}", f"u{i}@example.org", i % 90) for i in range(rows)]
    ours = heliosdb.EmbeddedDatabase(":memory:", config=NO_PAST)
    peer = sqlite3.connect(":memory:", isolation_level=None)

    def both(text: str) -> None:
        ours.execute(text)
        peer.execute(text)

    def make() -> None:
        both("DROP TABLE IF EXISTS users")
        both("CREATE TABLE users (id integer PRIMARY KEY, name text NOT NULL, email text, age integer)")

    def load_ours() -> None:
        ours.prepare("INSERT INTO users VALUES ($1, $2, $3, $4)").execute_many(users)

    def load_peer() -> None:
        peer.execute("BEGIN")
        peer.executemany("INSERT INTO users VALUES (?, ?, ?, ?)", users)
        peer.execute("COMMIT")

    def fill() -> None:
        make()
        load_ours()
        load_peer()

    yield Case(f"bulk insert, {rows:,} rows, executemany", load_ours, load_peer, 0.5, rows, make)
    for text, name in (
        ("UPDATE users SET age = age + 1", f"UPDATE of all {rows:,} rows"),
        ("DELETE FROM users WHERE age >= 0", f"DELETE of all {rows:,} rows"),
    ):
        yield Case(name, partial(ours.execute, text), partial(peer.execute, text), None, rows, fill)
    fill()
    ids = [chooser.randrange(rows) for _ in range(20_000)]
    select = "SELECT id, name, email, age FROM users WHERE id = "
    yield Case(
        "point lookup by primary key, 4 columns",
        lambda: [ours.query(select + "$1", (i,)) for i in ids],
        lambda: [peer.execute(select + "?", (i,)).fetchall() for i in ids],
        1.2,
        len(ids),
    )
    yield from single_row_cases(ours, peer, rows, "primary key only", 0.5)
    fill()
    both("CREATE INDEX users_age ON users (age)")
    both("CREATE INDEX users_email ON users (email)")
    yield from single_row_cases(ours, peer, rows, "two more indexes", 0.4)
    ours.close()
    peer.close()


def single_row_cases(
    ours: heliosdb.EmbeddedDatabase, peer: sqlite3.Connection, rows: int, label: str, bar: float
) -> Iterator[Case]:
    """Autocommit changes of one row of ``users`` a call."""
    calls = min(5_000, rows // (ROUNDS + 2))
    ids = list(range(rows))
    random.Random(2).shuffle(ids)
    fresh, their_fresh, gone, their_gone = count(rows), count(rows), iter(ids), iter(ids)
    insert, delete = "INSERT INTO users VALUES ", "DELETE FROM users WHERE id = "
    name, age = "UPDATE users SET name = 'x' WHERE id = ", "UPDATE users SET age = age + 1 WHERE id = "

    def inserted(number: int) -> tuple[int, str, str, int]:
        return number, "n", f"e{number}", number % 90

    yield Case(
        f"autocommit INSERT, {label}",
        lambda: [ours.execute(insert + "($1, $2, $3, $4)", inserted(i)) for i in islice(fresh, calls)],
        lambda: [peer.execute(insert + "(?, ?, ?, ?)", inserted(i)) for i in islice(their_fresh, calls)],
        bar,
        calls,
    )
    for text, what in ((name, "UPDATE by key"), (age, "UPDATE by key of an indexed column")):
        if "indexed" not in what or "two" in label:
            yield Case(
                f"autocommit {what}, {label}",
                lambda text=text: [ours.execute(text + "$1", (i,)) for i in ids[:calls]],  # type: ignore[misc]
                lambda text=text: [peer.execute(text + "?", (i,)) for i in ids[:calls]],  # type: ignore[misc]
                bar,
                calls,
            )
    yield Case(
        f"autocommit DELETE by key, {label}",
        lambda: [ours.execute(delete + "$1", (i,)) for i in islice(gone, calls)],
        lambda: [peer.execute(delete + "?", (i,)) for i in islice(their_gone, calls)],
        bar,
        calls,
    )


def scan_cases(rows: int) -> Iterator[Case]:
    """Whole tables: filter, group, join, sort."""
    chooser = random.Random(2)
    facts = [
        (i, chooser.randrange(1000), chooser.randrange(rows // 10), chooser.random() * 1000, f"c{chooser.randrange(8)}")
        for i in range(rows)
    ]
    groups = [(i, i % 20, i * 0.5) for i in range(rows // 10)]
    ours = heliosdb.EmbeddedDatabase(":memory:", config=NO_PAST)
    peer = sqlite3.connect(":memory:", isolation_level=None)
    for run in (ours.execute, peer.execute):
        run(
            "CREATE TABLE facts (id integer PRIMARY KEY, k integer NOT NULL, dim integer NOT NULL,"
            " v double precision NOT NULL, cat text NOT NULL)"
        )
        run("CREATE TABLE dims (id integer PRIMARY KEY, region integer NOT NULL, weight double precision NOT NULL)")
    for table, data in (("facts", facts), ("dims", groups)):
        width = len(data[0])
        marks = ", ".join(f"${n}" for n in range(1, width + 1))
        ours.prepare(f"INSERT INTO {table} VALUES ({marks})").execute_many(data)
        peer.execute("BEGIN")
        peer.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * width)})", data)
        peer.execute("COMMIT")
    del facts, groups

    def both(text: str, *values: Any) -> tuple[Callable[[], Any], Callable[[], Any]]:
        asked = text
        for number in range(len(values), 0, -1):
            asked = asked.replace(f"${number}", f"?{number}")
        return lambda: ours.query(text, values), lambda: peer.execute(asked, values).fetchall()

    label = f"{rows:,} rows"
    yield Case(f"filtered scan, {label}, keeps 0.1 %", *both("SELECT id, v FROM facts WHERE k = $1", 7), 1.0)
    yield Case(f"filtered scan, {label}, keeps 70 %", *both("SELECT id, v FROM facts WHERE k < $1", 700), 1.0)
    yield Case(f"GROUP BY, {label}", *both("SELECT cat, count(*), sum(v) FROM facts GROUP BY cat"), 1.5)
    yield Case(
        f"hash join {label} x {rows // 10:,}, aggregate",
        *both("SELECT d.region, sum(f.v * d.weight) FROM facts f JOIN dims d ON f.dim = d.id GROUP BY d.region"),
        1.5,
    )
    yield Case(f"ORDER BY ... LIMIT 10, {label}", *both("SELECT id, v FROM facts ORDER BY v DESC LIMIT 10"), 1.0)
    for run in (ours.execute, peer.execute):
        run("CREATE INDEX facts_v ON facts (v)")
    width = 100 * 1000 / rows
    starts = [chooser.random() * (1000 - width) for _ in range(1000)]
    chosen = "SELECT id, k FROM facts WHERE v BETWEEN "
    yield Case(
        f"range of 100 rows by a secondary index, {label}",
        lambda: [ours.query(chosen + "$1 AND $2", (v, v + width)) for v in starts],
        lambda: [peer.execute(chosen + "? AND ?", (v, v + width)).fetchall() for v in starts],
        0.5,
        len(starts),
    )
    ours.close()
    peer.close()


def start_up() -> list[tuple[str, float, float]]:
    """Return (what, milliseconds, budget) from a fresh process, the interpreter's own start taken off."""
    steps = [
        ("import heliosdb", "import heliosdb", 10.0),
        ("connect(':memory:')", "import heliosdb; heliosdb.connect(':memory:')", 90.0),
        ("first SELECT", "import heliosdb; heliosdb.connect(':memory:').execute('SELECT 1').fetchall()", 160.0),
    ]

    def run(code: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return (time.perf_counter() - start) * 1000

    run("pass")
    outcome = []
    for what, code, budget in steps:
        own = statistics.median(run(code) - run("pass") for _ in range(ROUNDS))
        outcome.append((what, own, budget))
    return outcome


def processor() -> str:
    """Return the processor's name."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the large table (default: %(default)s)")
    parser.add_argument("--only", default="", help="run the cases whose names contain this")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="rounds a case (default: %(default)s)")
    parser.add_argument(
        "--json", type=Path, default=Path(__file__).with_name("results.json"), help="where to write JSON"
    )
    options = parser.parse_args()
    header = {
        "command": " ".join(sys.argv),
        "heliosdb": heliosdb.__version__,
        "sqlite": sqlite3.sqlite_version,
        "python": platform.python_version(),
        "machine": f"{processor()}, {platform.system()} {platform.machine()}",
        "retention": "none (retention_days = 0)",
    }
    for name, value in header.items():
        print(f"{name:>10}: {value}")
    results = []
    print(f"\n{'work':58} {'heliosdb':>12} {'sqlite3':>12} {'times':>7} {'bar':>5}")
    for cases in (keyed_cases, scan_cases):
        for case in cases(options.rows):
            if options.only in case.name:
                result = measure(case, options.rounds)
                results.append(result)
                bar = "" if result.bar is None else f"{result.bar:.1f}"
                mark = " missed" if result.bar is not None and result.ratio < result.bar else ""
                times = f"{shown(result.ours):>12} {shown(result.peer):>12} {result.ratio:7.2f}"
                print(f"{result.name:58} {times} {bar:>5}{mark}", flush=True)
    starts = start_up() if not options.only else []
    for what, milliseconds, budget in starts:
        mark = " missed" if milliseconds > budget else ""
        print(f"{'start: ' + what:58} {milliseconds:9.1f} ms   of {budget:.0f} ms{mark}")
    document = {
        **header,
        "cases": [result._asdict() for result in results],
        "start": [{"what": what, "milliseconds": ms, "budget": budget} for what, ms, budget in starts],
    }
    options.json.write_text(json.dumps(document, indent=2) + "\n")


def shown(value: float) -> str:
    """Return seconds in a readable unit."""
    if value < 1e-3:
        return f"{value * 1e6:.2f} us"
    return f"{value * 1e3:.1f} ms"


if __name__ == "__main__":
    main()
