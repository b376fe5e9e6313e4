"""What keeping the past costs: the same updates without a retention and with one, in one run.

    python benchmarks/retention.py [--rows 20000] [--rounds 10]

Each round updates every row of a table once, in one statement; then rows one by one, by their key. Printed are times as
ratios to the database that keeps nothing, and what each superseded version takes, in bytes of its files after a
checkpoint and of memory in a database that has no files.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import tracemalloc
from pathlib import Path

from heliosdb import Config, EmbeddedDatabase

MODES = {"off": False, "on": True}


def config(mode: str) -> Config:
    """Return a configuration that keeps the past, or does not."""
    return Config(options={"temporal.time_travel_enabled": MODES[mode]})


def fill(db: EmbeddedDatabase, rows: int) -> None:
    """Make the table."""
    db.execute("CREATE TABLE t (id int PRIMARY KEY, state text, amount bigint)")
    db.execute("INSERT INTO t SELECT g, 'state ' || g % 10, g FROM generate_series(1, $1) g", [rows])


def updates(db: EmbeddedDatabase, rows: int, rounds: int) -> tuple[float, float]:
    """Return the seconds of the best round of one statement, and of the best thousand updates by key."""
    whole, single = [], []
    for number in range(rounds):
        began = time.perf_counter()
        db.execute("UPDATE t SET amount = (amount * 7919 + 13) % 1000003")
        whole.append(time.perf_counter() - began)
        began = time.perf_counter()
        for key in range(number * 1000, number * 1000 + 1000):
            db.execute("UPDATE t SET amount = (amount * 31 + 7) % 1000003 WHERE id = $1", [key % rows + 1])
        single.append(time.perf_counter() - began)
    return min(whole), min(single)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=10)
    given = parser.parse_args()
    versions = given.rounds * (given.rows + 1000)
    times: dict[str, tuple[float, float]] = {}
    held: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for mode in MODES:
        with EmbeddedDatabase(":memory:", config=config(mode)) as db:
            fill(db, given.rows)
            times[mode] = updates(db, given.rows, given.rounds)
        tracemalloc.start()
        with EmbeddedDatabase(":memory:", config=config(mode)) as db:
            fill(db, given.rows)
            for _ in range(given.rounds):
                db.execute("UPDATE t SET amount = (amount * 7919 + 13) % 1000003")
            held[mode] = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "t.helio"
            with EmbeddedDatabase(str(path), config=config(mode)) as db:
                fill(db, given.rows)
                updates(db, given.rows, given.rounds)
                db.execute("CHECKPOINT")
            sizes[mode] = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    off, on = times["off"], times["on"]
    print(f"{given.rows} rows, {versions} superseded versions")
    print(f"update of all rows    on / off  {on[0] / off[0]:.2f}   ({off[0] * 1e6 / given.rows:.2f} us a row off)")
    print(f"update by key         on / off  {on[1] / off[1]:.2f}   ({off[1] * 1e3:.1f} us off)")
    print(f"bytes a version       files {(sizes['on'] - sizes['off']) / versions:.1f}")
    print(f"                      memory {(held['on'] - held['off']) / (given.rounds * given.rows):.1f}")
    print(f"files                 off {sizes['off']}, on {sizes['on']}")


if __name__ == "__main__":
    main()
