"""What it takes to make a branch: time and bytes, for a small table and a large one, and beside many branches.

    .venv/bin/python benchmarks/branches.py            10 thousand rows and a million
    .venv/bin/python benchmarks/branches.py 10000000   10 thousand rows and as many as said

Every database is on disk. A figure is the median of many branches; the ratio is that of the large table to the small.
With ``synchronous_commit = on`` making a branch waits for one sync of the disk, which is most of its time.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from heliosdb import EmbeddedDatabase

SMALL, LARGE = 10_000, 1_000_000
TURNS = 50
BARS = {"milliseconds": 1.0, "bytes": 1024.0, "ratio": 1.5}


def milliseconds(db: EmbeddedDatabase, name: str) -> float:
    """Return the median time to make a branch."""
    times = []
    for turn in range(TURNS):
        start = perf_counter()
        db.execute(f"CREATE BRANCH {name}-{turn}")
        times.append((perf_counter() - start) * 1000)
    return median(times)


def written(db: EmbeddedDatabase, name: str) -> int:
    """Return how many bytes the log grows by for one branch."""
    volume = db.database.volume

    def total() -> int:
        return sum(volume.size(found) for found in volume.names() if found.startswith("log"))

    before = total()
    db.execute(f"CREATE BRANCH {name}")
    return total() - before


def filled(folder: str, rows: int) -> EmbeddedDatabase:
    """Return a database with a table of so many rows."""
    db = EmbeddedDatabase(str(Path(folder) / f"rows-{rows}.helio"))
    db.execute("CREATE TABLE t (id int PRIMARY KEY, v text)")
    db.execute("INSERT INTO t SELECT g, md5(g::text) FROM generate_series(1, $1::int) AS g", [rows])
    db.execute("CHECKPOINT")
    return db


def show(what: str, value: float, unit: str) -> None:
    """Print a figure, and whether it keeps its bar."""
    bar = BARS.get(unit)
    verdict = "" if bar is None else "met" if value <= bar else f"MISSED: at most {bar:g}"
    print(f"{what:55} {value:10.3f} {unit:13} {verdict}")


def main(large: int) -> None:
    """Print the figures."""
    with TemporaryDirectory() as folder, filled(folder, SMALL) as small, filled(folder, large) as big:
        for mode in ("on", "off"):
            times = []
            for rows, db in ((SMALL, small), (large, big)):
                db.execute(f"SET synchronous_commit = {mode}")
                times.append(milliseconds(db, f"sync-{mode}"))
                unit = "milliseconds" if mode == "off" else "ms with sync"
                show(f"a branch of {rows:,} rows, synchronous_commit = {mode}", times[-1], unit)
            show("  large to small", times[1] / times[0], "ratio")
        show("a branch in the log", written(small, "first"), "bytes")
        for number in range(1000):
            small.execute(f"CREATE BRANCH many-{number}")
        show("a branch beside a thousand others", milliseconds(small, "late"), "milliseconds")
        show("  in the log", written(small, "last"), "bytes")
        big.execute("CREATE BRANCH changed")
        big.execute("USE BRANCH changed")
        big.execute("UPDATE t SET v = 'changed' WHERE id = 1")
        big.execute("CHECKPOINT")
        ((size,),) = big.query("SELECT size_bytes FROM pg_database_branches WHERE branch_name = 'changed'")
        show("a branch that changed one row, on disk", size, "bytes on disk")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else LARGE)
