"""What a look-up by key takes by each door, and what it takes that statements are counted.

    python benchmarks/doors.py [--rounds 9] [--calls 5000]

Each figure is a median of ratios, round by round in one process. The first two compare asyncio with ``connect``'s
cursors: a look-up that is answered on the loop, and a statement that never becomes a function, so that it goes to the
connection's thread. The third compares ``EmbeddedDatabase.query`` with ``pg_stat_statements.track`` on and off.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from typing import Any

import heliosdb
from heliosdb import EmbeddedDatabase
from heliosdb.dbapi_async import AsyncConnection

SHORT = "SELECT n FROM t WHERE id = $1"
ORDINARY = "SELECT n + 1 FROM t WHERE id IN ($1, 3)"


async def by_loop(conn: AsyncConnection, text: str, calls: int) -> float:
    """Return the seconds of so many look-ups, awaited."""
    since = time.perf_counter()
    for number in range(calls):
        await (await conn.execute(text, (number,))).fetchone()
    return time.perf_counter() - since


def by_cursor(conn: Any, text: str, calls: int) -> float:
    """Return the seconds of so many look-ups by ``connect``'s cursors."""
    since = time.perf_counter()
    for number in range(calls):
        conn.execute(text, (number,)).fetchone()
    return time.perf_counter() - since


def by_query(db: EmbeddedDatabase, calls: int) -> float:
    """Return the seconds of so many look-ups by ``query``."""
    query = db.query
    since = time.perf_counter()
    for number in range(calls):
        query(SHORT, (number,))
    return time.perf_counter() - since


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=5000)
    arguments = parser.parse_args()
    ratios: dict[str, list[float]] = {}
    with EmbeddedDatabase(":memory:", plugins=[]) as db:
        db.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
        db.execute("INSERT INTO t SELECT g, g FROM generate_series(1, 100000) g")
        async with await heliosdb.connect_async(db, autocommit=True) as conn:
            for _ in range(arguments.rounds):
                for name, text in (("asyncio, on the loop", SHORT), ("asyncio, by the thread", ORDINARY)):
                    calls = arguments.calls if text is SHORT else arguments.calls // 5
                    ratio = await by_loop(conn, text, calls) / by_cursor(conn.connection, text, calls)
                    ratios.setdefault(name, []).append(ratio)
                taken = {}
                for track in ("none", "top"):
                    db.execute(f"SET pg_stat_statements.track = {track}")
                    by_query(db, 10)
                    taken[track] = by_query(db, arguments.calls * 4)
                ratios.setdefault("statements are counted", []).append(taken["top"] / taken["none"])
    print(f"heliosdb {heliosdb.__version__}, {arguments.rounds} rounds; times as long as without")
    for name, found in ratios.items():
        print(f"  {name:<24} {statistics.median(found):5.2f}   ({min(found):.2f} to {max(found):.2f})")


if __name__ == "__main__":
    asyncio.run(main())
