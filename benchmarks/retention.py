"""What keeping the past costs: the same updates without a retention and with one, in one run.

    python benchmarks/retention.py [--rows 20000] [--rounds 10]

Each round updates every row of a table once, in one statement; then rows one by one, by their key; then one row again
and again. Printed are times as ratios to the database that keeps nothing (medians of rounds in which both take turns),
and what each superseded version takes, in bytes of its files after a checkpoint and of memory in a database that has
no files; and what a million updates of one row do to their own speed.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from functools import partial
from pathlib import Path

from heliosdb import Config, EmbeddedDatabase

MODES = ("off", "on")


def config(mode: str) -> Config:
    """Return a configuration that keeps the past, or does not."""
    return Config(retention_days=None if mode == "on" else 0)


def fill(db: EmbeddedDatabase, rows: int) -> None:
    """Make the table."""
    db.execute("CREATE TABLE t (id int PRIMARY KEY, state text, amount bigint)")
    db.execute("INSERT INTO t SELECT g, 'state ' || g % 10, g FROM generate_series(1, $1) g", [rows])


def whole(db: EmbeddedDatabase) -> float:
    """Update every row; return the seconds."""
    began = time.perf_counter()
    db.execute("UPDATE t SET amount = (amount * 7919 + 13) % 1000003")
    return time.perf_counter() - began


def by_key(db: EmbeddedDatabase, rows: int, number: int) -> float:
    """Update a thousand rows one by one, others in each round; return the seconds."""
    began = time.perf_counter()
    for key in range(number * 1000, number * 1000 + 1000):
        db.execute("UPDATE t SET amount = (amount * 31 + 7) % 1000003 WHERE id = $1", [key % rows + 1])
    return time.perf_counter() - began


def one_row(db: EmbeddedDatabase, times: int) -> float:
    """Update one row so many times; return the seconds."""
    began = time.perf_counter()
    for _ in range(times):
        db.execute("UPDATE one SET n = n + 1 WHERE id = $1", [1])
    return time.perf_counter() - began


def ratios(rows: int, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Return (on / off, seconds off) of each round; both take turns."""
    found: dict[str, list[tuple[float, float]]] = {"all rows": [], "by key": [], "one row": []}
    with EmbeddedDatabase(":memory:", config=config("off")) as off, EmbeddedDatabase(":memory:") as on:
        for db in (off, on):
            fill(db, rows)
            db.execute("CREATE TABLE one (id int PRIMARY KEY, n bigint)")
            db.execute("INSERT INTO one VALUES (1, 0)")
        for number in range(rounds):
            first = off if number % 2 else on
            for name, work in (
                ("all rows", whole),
                ("by key", partial(by_key, rows=rows, number=number)),
                ("one row", partial(one_row, times=20_000)),
            ):
                taken = {db: work(db) for db in (first, on if first is off else off)}
                found[name].append((taken[on] / taken[off], taken[off]))
    return found


def million() -> tuple[float, float]:
    """Update one row a million times with everything kept: return how much longer the last tenth took than the first,
    and the bytes of memory a version."""
    script = """
import time
from heliosdb import EmbeddedDatabase
def memory():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmRSS"))
db = EmbeddedDatabase(":memory:")
db.execute("CREATE TABLE one (id int PRIMARY KEY, n bigint)")
db.execute("INSERT INTO one VALUES (1, 0)")
taken = []
for part in range(11):
    began = time.perf_counter()
    for _ in range(100_000):
        db.execute("UPDATE one SET n = n + 1 WHERE id = $1", [1])
    taken.append(time.perf_counter() - began)
    if part == 0:
        before = memory()
after = memory()
assert db.query("SELECT count(*) FROM one FOR SYSTEM_TIME ALL")[0][0] == 1_100_001
print(min(taken[-3:]) / min(taken[:3]), (after - before) / 1_000_000)
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    slower, bytes_each = map(float, done.stdout.split())
    return slower, bytes_each


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=10)
    given = parser.parse_args()
    versions = given.rounds * (given.rows + 1000)
    held: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for mode in MODES:
        tracemalloc.start()
        with EmbeddedDatabase(":memory:", config=config(mode)) as db:
            fill(db, given.rows)
            for _ in range(given.rounds):
                whole(db)
            held[mode] = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "t.helio"
            with EmbeddedDatabase(str(path), config=config(mode)) as db:
                fill(db, given.rows)
                for number in range(given.rounds):
                    whole(db)
                    by_key(db, given.rows, number)
                db.execute("CHECKPOINT")
            sizes[mode] = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    print(f"{given.rows} rows, {versions} superseded versions")
    per = {"all rows": given.rows, "by key": 1000, "one row": 20_000}
    for name, found in ratios(given.rows, given.rounds).items():
        ratio, off = map(statistics.median, zip(*found))
        print(f"update {name:<14} on / off  {ratio:.2f}   ({off * 1e6 / per[name]:.2f} us a row off)")
    print(f"bytes a version       files {(sizes['on'] - sizes['off']) / versions:.1f}")
    print(f"                      memory {(held['on'] - held['off']) / (given.rounds * given.rows):.1f}")
    slower, bytes_each = million()
    print(f"a million of one row  the last 100,000 take {slower:.2f} of the first; {bytes_each:.0f} bytes a version")
    print(f"files                 off {sizes['off']}, on {sizes['on']}")


if __name__ == "__main__":
    main()
