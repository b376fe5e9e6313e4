"""Every operator's memory stays near ``work_mem``, however many rows go through it."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator

import pytest

from heliosdb.embedded import EmbeddedDatabase

ROWS = 12_000
MEGABYTE = 1 << 20
ALL = ROWS * 900
"""About what the rows take in memory when they are all there."""

WIDE = f"(SELECT g, g * 7919 % {ROWS} AS h, repeat('x', 700) || g AS w FROM generate_series(1, {ROWS}) g)"

OPERATORS = {
    "sort": f"SELECT g, w FROM {WIDE} s ORDER BY h",
    "sort in passes": f"SELECT g, w FROM {WIDE} s ORDER BY w DESC, g",
    "top-N sort": f"SELECT g, w FROM {WIDE} s ORDER BY h LIMIT {ROWS - 1}",
    "group": f"SELECT w, count(*) FROM {WIDE} s GROUP BY w",
    "distinct values": f"SELECT count(DISTINCT w), sum(DISTINCT h), count(*) FROM {WIDE} s",
    "distinct values of groups": f"SELECT g % 3, count(DISTINCT w), sum(DISTINCT h), count(*) FROM {WIDE} s "
    "GROUP BY g % 3",
    "grouping sets": f"SELECT g, w, count(*) FROM {WIDE} s GROUP BY GROUPING SETS ((g, w), (w), ())",
    "distinct": f"SELECT DISTINCT w FROM {WIDE} s",
    "distinct on": f"SELECT DISTINCT ON (h / 2) g, w FROM {WIDE} s ORDER BY h / 2, g",
    "union": f"SELECT w FROM {WIDE} s UNION SELECT w FROM {WIDE} u",
    "intersect": f"SELECT w FROM {WIDE} s INTERSECT SELECT w FROM {WIDE} u",
    "intersect all": f"SELECT w FROM {WIDE} s INTERSECT ALL SELECT w FROM {WIDE} u",
    "except": f"SELECT w FROM {WIDE} s EXCEPT SELECT w || 'y' FROM {WIDE} u",
    "except all": f"SELECT w FROM {WIDE} s EXCEPT ALL SELECT w || 'y' FROM {WIDE} u",
    "hash join": f"SELECT s.w, u.w FROM {WIDE} s JOIN {WIDE} u ON s.g = u.h",
    "left join": f"SELECT s.w, u.w FROM {WIDE} s LEFT JOIN {WIDE} u ON s.g = u.h AND u.g % 2 = 0",
    "full join": f"SELECT s.w, u.w FROM {WIDE} s FULL JOIN {WIDE} u ON s.g = u.h AND u.g % 2 = 0",
    "full join of nobody": f"SELECT s.w, u.w FROM {WIDE} s FULL JOIN {WIDE} u ON s.w = u.w || 'x'",
    "semi join": f"SELECT g FROM {WIDE} s WHERE w IN (SELECT w FROM {WIDE} u)",
    "not in": f"SELECT g FROM {WIDE} s WHERE w NOT IN (SELECT w || 'x' FROM {WIDE} u)",
    "one key": f"SELECT s.g, u.w FROM generate_series(1, 3) s(g) LEFT JOIN {WIDE} u ON s.g = u.h / {ROWS} + 2",
    "one key, condition": f"SELECT s.g, u.w FROM generate_series(1, 3) s(g) LEFT JOIN {WIDE} u "
    f"ON s.g = u.h / {ROWS} + 2 AND u.h % 2 = s.g % 2",
    "one key, full": f"SELECT s.g, u.w FROM (SELECT 2 AS g) s FULL JOIN {WIDE} u "
    f"ON s.g = u.h / {ROWS} + 2 AND u.g % 2 = 0",
    "nested loop": f"SELECT s.g, u.w FROM generate_series(1, 2) s(g) LEFT JOIN {WIDE} u ON u.h > s.g",
    "hashed in": f"SELECT count(*) FROM generate_series(1, 300) g WHERE g = 5 OR 'x' || g IN (SELECT w FROM {WIDE} u)",
    "any": f"SELECT count(*) FROM generate_series(1, 3) g WHERE 'y' || g < ANY (SELECT w FROM {WIDE} u)",
    "common table": f"WITH c AS MATERIALIZED {WIDE} SELECT w FROM c UNION ALL SELECT w FROM c",
    "recursion": "WITH RECURSIVE r(n, w) AS (SELECT g, repeat('x', 700) || g FROM generate_series(1, 6000) g UNION "
    "SELECT n + 6000, w || 'y' FROM r WHERE n < 6000) SELECT n FROM r",
    "window": f"SELECT g, w, row_number() OVER (ORDER BY h), sum(g) OVER (ORDER BY h) FROM {WIDE} s",
    "window by partition": f"SELECT g, w, rank() OVER (PARTITION BY h % 50 ORDER BY w) FROM {WIDE} s",
    "window frames": f"SELECT lag(w, 2) OVER q, last_value(w) OVER q FROM {WIDE} s "
    "WINDOW q AS (ORDER BY h ROWS BETWEEN 3 PRECEDING AND 5 FOLLOWING)",
    "window of all": f"SELECT w, count(*) OVER () FROM {WIDE} s",
    "subquery": f"SELECT (SELECT count(*) FROM (SELECT w FROM {WIDE} s ORDER BY h OFFSET 1) q)",
}  # fmt: skip


@pytest.fixture(scope="module")
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.execute("SET work_mem = '1MB'")
        yield database


def peak_of(db: EmbeddedDatabase, query: str) -> tuple[int, int]:
    """Return how many rows a query gives, and what it takes at most."""
    # Once with few rows, for what is compiled and cached.
    for _ in db.stream(query.replace(str(ROWS), "10").replace("6000", "10")):
        pass
    gc.collect()
    tracemalloc.start()
    try:
        count = sum(1 for _ in db.stream(query))
        return count, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_keep_little(db: EmbeddedDatabase, name: str) -> None:
    count, peak = peak_of(db, OPERATORS[name])
    assert count > 0
    assert peak < 5 * MEGABYTE < ALL / 2


def test_memory_would_not_be_little_otherwise(db: EmbeddedDatabase) -> None:
    db.execute("SET work_mem = '1GB'")
    try:
        _, peak = peak_of(db, OPERATORS["sort"])
    finally:
        db.execute("SET work_mem = '1MB'")
    assert peak > ALL * 0.8


@pytest.mark.parametrize("hold", [" WITH HOLD", ""])
def test_cursors_keep_little(db: EmbeddedDatabase, hold: str) -> None:
    # What the first cursor of a process imports is not counted.
    db.execute(f"BEGIN; DECLARE c SCROLL CURSOR{hold} FOR SELECT g, w FROM {WIDE} s; FETCH LAST FROM c; COMMIT")
    if hold:
        db.execute("CLOSE c")
    tracemalloc.start()
    try:
        db.execute("BEGIN")
        db.execute(f"DECLARE c SCROLL CURSOR{hold} FOR SELECT g, w FROM {WIDE} s")
        if hold:
            db.execute("COMMIT")
        assert db.query("FETCH LAST FROM c")[0][0] == ROWS
        assert [row[0] for row in db.query("FETCH BACKWARD 3 FROM c")] == [ROWS - 1, ROWS - 2, ROWS - 3]
        assert db.query("FETCH ABSOLUTE 5 FROM c")[0][1] == "x" * 700 + "5"
        db.execute("CLOSE c")
        if not hold:
            db.execute("COMMIT")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 * MEGABYTE


def test_a_table_that_was_put_aside_is_put_aside_again(db: EmbeddedDatabase) -> None:
    db.execute("SET work_mem = '4MB'")
    try:
        many = WIDE.replace(str(ROWS), str(3 * ROWS))
        _, peak = peak_of(db, f"SELECT count(s.w) FROM {many} s JOIN {many} u ON s.g = u.h AND s.w <> u.w")
    finally:
        db.execute("SET work_mem = '1MB'")
    assert peak < 8 * MEGABYTE < ALL
