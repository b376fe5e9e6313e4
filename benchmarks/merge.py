"""Merging a branch: ``python benchmarks/merge.py [--rows N] [--changed N]``.

What a merge costs follows what was changed, not the table: so it is measured over a table and over one of a tenth of
its size, with the same number of rows changed at random on the branch. Beside it stands sqlite3 doing the least that
comes to the same, ``UPDATE ... FROM`` with a table of the changed rows, which looks for no conflicts. All on disk, with
an index on the column that changes; the merge has to stay below ``LIMIT`` seconds.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

import heliosdb

LIMIT = 2.0


def merged(folder: Path, rows: int, changed: list[int]) -> tuple[float, float, float]:
    """Return the seconds that EXPLAIN MERGE, MERGE and a second MERGE take."""
    with heliosdb.EmbeddedDatabase(str(folder / f"{rows}.helio")) as db:
        db.execute("CREATE TABLE item (id integer PRIMARY KEY, amount integer, note text)")
        db.execute(f"INSERT INTO item SELECT i, i % 1000, 'item ' || i FROM generate_series(1, {rows}) AS g(i)")
        db.execute("CREATE INDEX item_amount ON item (amount)")
        db.execute("CREATE BRANCH work")
        session = db.session()
        session.execute("USE BRANCH work; BEGIN")
        for number in changed:
            session.execute("UPDATE item SET amount = amount + 1 WHERE id = $1", (number,))
        session.execute("COMMIT")
        session.close()
        times = []
        for text in ("EXPLAIN MERGE BRANCH work INTO main", *["MERGE BRANCH work INTO main"] * 2):
            begin = time.perf_counter()
            db.execute(text)
            times.append(time.perf_counter() - begin)
        total = db.query("SELECT sum(amount) FROM item")[0][0]
        if total != sum(i % 1000 for i in range(1, rows + 1)) + len(changed):
            raise SystemExit("the merge is wrong")
    return times[0], times[1], times[2]


def updated(folder: Path, rows: int, changed: list[int]) -> float:
    """Return the seconds that sqlite3 takes to change the same rows."""
    with sqlite3.connect(folder / f"{rows}.sqlite") as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("CREATE TABLE item (id integer PRIMARY KEY, amount integer, note text)")
        db.executemany("INSERT INTO item VALUES (?, ?, ?)", ((i, i % 1000, f"item {i}") for i in range(1, rows + 1)))
        db.execute("CREATE INDEX item_amount ON item (amount)")
        db.execute("CREATE TABLE work (id integer PRIMARY KEY, amount integer)")
        db.executemany("INSERT INTO work VALUES (?, ?)", ((i, i % 1000 + 1) for i in changed))
        db.commit()
        begin = time.perf_counter()
        db.execute("UPDATE item SET amount = work.amount FROM work WHERE item.id = work.id")
        db.commit()
        return time.perf_counter() - begin


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--changed", type=int, default=10_000)
    arguments = parser.parse_args()
    slowest = 0.0
    for rows in (arguments.rows // 10, arguments.rows):
        chosen = random.Random(rows).sample(range(1, rows + 1), min(arguments.changed, rows))
        with tempfile.TemporaryDirectory(prefix="heliosdb-merge-") as name:
            explain, merge, again = merged(Path(name), rows, chosen)
            plain = updated(Path(name), rows, chosen)
        slowest = max(slowest, merge)
        print(
            f"{len(chosen):,} of {rows:,} rows: explain {explain:.2f} s, merge {merge:.2f} s, again {again:.3f} s; "
            f"sqlite3 UPDATE FROM {plain:.3f} s"
        )
    print(f"{'ok' if slowest <= LIMIT else 'too slow'}: at most {LIMIT} s")
    return slowest > LIMIT


if __name__ == "__main__":
    sys.exit(main())
