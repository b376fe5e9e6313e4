"""How much memory statements take over a table larger than the cache: ``python benchmarks/bounded.py [--scale N]``.

The table's decoded rows are 512 MB, the cache is 64 MB, ``work_mem`` 32 MB, and each statement may take 200 MB more
than the process had after opening; ``--scale 0.125`` makes all of them smaller. Each statement runs in a process of its
own, which asks the system for the most that it had in memory (Linux only).
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

__all__ = ["BOUND", "OPERATIONS", "Peak", "make", "measure"]

DECODED, CACHE, WORK_MEM, BOUND = 512 << 20, 64 << 20, 32 << 20, 200 << 20

Row = tuple[int, int, float, str]

OPERATIONS = {
    "scan": "SELECT count(*), sum(grp), max(length(note)) FROM big",
    "join": "SELECT count(*), sum(a.grp + b.grp) FROM big a JOIN big b ON a.id = b.other",
    "group by": "SELECT count(*), sum(s) FROM (SELECT id, sum(grp) AS s FROM big GROUP BY id) AS groups",
    "order by": "SELECT id, note FROM big ORDER BY score",
    "fetch all": "SELECT * FROM big",
    "update": "UPDATE big SET grp = grp + 1",
    "delete": "DELETE FROM big",
    "delete from indexes": "DELETE FROM big",
    "create index": "CREATE INDEX ON big (note)",
    "create unique index": "CREATE UNIQUE INDEX ON big (other)",
    "insert select": "INSERT INTO copy SELECT id, other, grp, score, note FROM big",
}
FETCHED = ("fetch all", "order by")
CHANGES = ("update", "delete", "delete from indexes", "create index", "create unique index", "insert select")
BEFORE = {"delete from indexes": ("CREATE UNIQUE INDEX ON big (id)", "CREATE INDEX ON big (note)")}
"""Statements that are run in another process before, and not measured."""


class Peak(NamedTuple):
    """How much memory a statement took at most, and how long it ran (processor time)."""

    operation: str
    memory: int
    seconds: float


def rows(count: int) -> Iterator[tuple[int, int, int, float, str]]:
    """Yield rows of about 330 bytes of decoded objects."""
    chance = Random(7)
    for number in range(count):
        other = (number * 7919 + 13) % count  # each number once: 7919 is a prime, and no divisor
        note = f"{number} {chance.getrandbits(200):x} " + "word " * 14
        yield number, other, 1000 + number % 1000, chance.random() * 1e6, note


def row_size() -> int:
    """Return how much memory a decoded row takes."""
    row = next(rows(1 << 20))
    return sys.getsizeof(row) + 16 + sum(sys.getsizeof(value) for value in (1000, 2000, 3000, *row[3:]))


def make(path: Path, scale: float) -> int:
    """Make the database and return how many rows it has."""
    import heliosdb

    count = int(DECODED * scale) // row_size()
    with heliosdb.connect(str(path)) as connection:
        for name in ("big", "copy"):
            connection.execute(
                f"CREATE TABLE {name} (id integer, other integer, grp integer, score double precision, note text)"
            )
        source, batch = rows(count), []
        for row in source:
            batch.append(row)
            if len(batch) == 50_000:
                connection.executemany("INSERT INTO big VALUES (%s, %s, %s, %s, %s)", batch)
                connection.commit()
                batch = []
        connection.executemany("INSERT INTO big VALUES (%s, %s, %s, %s, %s)", batch)
        connection.commit()
    return count


def measure(path: Path, operation: str, scale: float) -> Peak:
    """Run a statement in a process of its own, over a copy of the database if it changes it."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        place = path
        if operation in CHANGES:
            place = Path(folder) / "copy"
            shutil.copytree(path, place)
        if operation in BEFORE:
            _run("--prepare", operation, place, scale)
        memory, seconds = json.loads(_run("--child", operation, place, scale).splitlines()[-1])
    return Peak(operation, memory, seconds)


def _run(part: str, operation: str, place: Path, scale: float) -> str:
    command = [sys.executable, __file__, part, operation, str(place), "--scale", str(scale)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{operation}: {done.stderr[-2000:]}")
    return done.stdout


def _prepare(operation: str, path: str, scale: float) -> None:
    import heliosdb
    from heliosdb.config import Config

    with heliosdb.connect(config=Config(path=path, cache_size=int(CACHE * scale), retention_days=0)) as connection:
        for statement in BEFORE[operation]:
            connection.execute(statement)
        connection.commit()


def _status(field: str) -> int:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith(field))


def _child(operation: str, path: str, scale: float) -> None:
    import heliosdb
    from heliosdb.config import Config

    config = Config(path=path, cache_size=int(CACHE * scale), retention_days=0)
    with heliosdb.connect(config=config) as connection:
        connection.execute(f"SET work_mem = '{int(WORK_MEM * scale) >> 10}kB'")
        # What is imported on the way is no matter of the table's size.
        connection.execute(
            "CREATE TEMPORARY TABLE small (id integer, other integer, grp integer, score float, note text)"
        )
        connection.execute("INSERT INTO small VALUES (1, 1, 1, 1, 'a')")
        connection.execute(OPERATIONS[operation].replace("big", "small").replace("copy", "small"))
        connection.commit()
        Path("/proc/self/clear_refs").write_text("5")
        before, start = _status("VmRSS"), time.process_time()
        if operation in FETCHED:
            cursor = connection.cursor("rows")
            cursor.execute(OPERATIONS[operation])
            while cursor.fetchmany(1000):
                pass
        else:
            connection.execute(OPERATIONS[operation])
        connection.commit()
        peak = _status("VmHWM") - before
    print(json.dumps([peak, time.process_time() - start]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 0 where every peak is within its bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--bound", type=int, help="MB that a statement may take; 200 MB times the scale")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--prepare", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help="keep the database here, and use the one that is there")
    parser.add_argument("operations", nargs="*", default=list(OPERATIONS))
    options: Any = parser.parse_args(arguments)
    if options.child:
        _child(*options.child, options.scale)
        return 0
    if options.prepare:
        _prepare(*options.prepare, options.scale)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = options.path or Path(folder) / "database"
        if not path.exists():
            print(f"{make(path, options.scale):,} rows", flush=True)
        bound = BOUND * options.scale if options.bound is None else options.bound << 20
        good = True
        for operation in options.operations:
            peak = measure(path, operation, options.scale)
            good = good and peak.memory <= bound
            print(
                f"{operation:22}{peak.memory / 1e6:9.1f} MB of {bound / 1e6:.0f}   {peak.seconds:6.1f} s"
                f"{'' if peak.memory <= bound else '   too much'}",
                flush=True,
            )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
