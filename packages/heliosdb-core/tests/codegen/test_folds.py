"""Aggregates over whole columns give what the rows one by one give: in memory, beside changes, and from a volume."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.errors import DataCorrupted, NumericValueOutOfRange
from heliosdb_testkit import FaultyVolume
from stored_database import checkpoint, opened_without_cache, rows

TABLE = "CREATE TABLE t (id int PRIMARY KEY, a int, b bigint, f double precision, s text, n numeric, e smallint)"
ROWS = 9000
FOLDED = (
    "count(*), count(a), sum(a), avg(a), min(a), max(a), sum(b), avg(b), max(b), sum(f), avg(f), min(s), max(s), "
    "count(s), sum(e), min(e), count(e), max(id), avg(id)"
)


def fill(session: Any) -> None:
    chance = random.Random(11)

    def some(value: Any) -> Any:
        return "NULL" if chance.random() < 0.2 else value

    values = [
        f"({n}, {some(chance.randrange(-(10**9), 10**9))}, {some(chance.randrange(-(10**18), 10**18))}, "
        f"{some(chance.random() * 10 ** chance.randrange(-20, 20))}, {some(repr(chr(97 + n % 26) * (n % 5)))}, "
        f"{some(n / 8)}, NULL)"
        for n in range(ROWS)
    ]
    session.execute(TABLE)
    session.execute(f"INSERT INTO t VALUES {', '.join(values)}")


def same(session: Any, folded: str = FOLDED) -> None:
    """Compare with what goes row by row: OFFSET keeps the aggregates from the scan."""
    found = rows(session, f"SELECT {folded} FROM t")
    assert found == rows(session, f"SELECT {folded} FROM (SELECT * FROM t OFFSET 0) AS o")
    assert repr(found) == repr(rows(session, f"SELECT {folded} FROM t WHERE id > -10"))


def test_columns_of_memory_and_of_a_volume_and_own_changes() -> None:
    volume = FaultyVolume()
    database, session = opened_without_cache(volume)
    fill(session)
    same(session)
    for turn in range(3):
        checkpoint(database)
        volume = volume.kill()
        database, session = opened_without_cache(volume)
        same(session)
        session.execute(f"UPDATE t SET a = 5, s = NULL WHERE id % 1000 = {turn}")
        same(session)
        session.execute("BEGIN")
        session.execute(f"DELETE FROM t WHERE id BETWEEN {4000 + turn * 50} AND {4020 + turn * 50}")
        session.execute(f"INSERT INTO t (id, a, e) VALUES ({ROWS + turn}, 7, 3)")
        same(session)
        session.execute("COMMIT" if turn else "ROLLBACK")
        same(session)
    assert rows(session, "SELECT count(*), max(id), sum(e) FROM t") == [(ROWS + 2 - 42, ROWS + 2, 6)]
    session.execute("DELETE FROM t WHERE id < 5000")
    checkpoint(database)
    _, session = opened_without_cache(volume.kill())
    same(session)


def test_an_older_snapshot_sees_its_rows() -> None:
    database, session = opened_without_cache(FaultyVolume())
    fill(session)
    reader = database.session()
    reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    expected = rows(reader, f"SELECT {FOLDED} FROM t")
    session.execute("UPDATE t SET a = 1, f = 1.0")
    session.execute("DELETE FROM t WHERE id < 500")
    for _ in range(2):
        assert rows(reader, f"SELECT {FOLDED} FROM t") == expected
        checkpoint(database)
    assert rows(session, "SELECT count(*), sum(a), sum(f) FROM t") == [(ROWS - 500, ROWS - 500, float(ROWS - 500))]


def test_an_added_column_and_an_empty_table() -> None:
    volume = FaultyVolume()
    database, session = opened_without_cache(volume)
    session.execute(TABLE)
    same(session)
    assert rows(session, "SELECT count(*), sum(a), avg(f), min(s) FROM t") == [(0, None, None, None)]
    session.execute(f"INSERT INTO t (id) SELECT generate_series(1, {ROWS})")
    checkpoint(database)
    session.execute("ALTER TABLE t ADD COLUMN later int DEFAULT 4")
    session.execute("INSERT INTO t (id, later) VALUES (0, NULL)")
    checkpoint(database)
    _, session = opened_without_cache(volume.kill())
    assert rows(session, "SELECT count(*), count(later), sum(later) FROM t") == [(ROWS + 1, ROWS, 4 * ROWS)]
    same(session)


@pytest.mark.parametrize(
    ("values", "total"),
    [
        ([0.1] * 10, 0.9999999999999999),
        ([1e16, 1.0, -1e16], 0.0),
        ([-0.0, -0.0], -0.0),
        ([math.inf, 1.0], math.inf),
        ([math.inf, -math.inf], math.nan),
        ([math.nan, 1.0], math.nan),
        ([1e308, 1e308], None),
        ([math.inf, 1e308, 1e308], math.inf),
    ],
)
def test_sums_of_floats_are_those_of_adding_one_by_one(values: list[float], total: float | None) -> None:
    with EmbeddedDatabase.new_in_memory() as database:
        database.execute("CREATE TABLE t (f double precision)")
        database.prepare("INSERT INTO t VALUES ($1)").execute_many([(value,) for value in values])
        if total is None:
            with pytest.raises(NumericValueOutOfRange):
                database.query("SELECT sum(f) FROM t")
        else:
            assert repr(database.query("SELECT sum(f) FROM t")[0][0]) == repr(total)


def test_explain_counts_the_rows() -> None:
    with EmbeddedDatabase.new_in_memory() as database:
        database.execute("CREATE TABLE t (a int)")
        database.execute("INSERT INTO t SELECT generate_series(1, 9000)")
        lines = [line for (line,) in database.query("EXPLAIN (ANALYZE, TIMING OFF) SELECT count(*), sum(a) FROM t")]
    assert [line for line in lines if "Scan on t" in line and "rows=9000" in line.partition("actual")[2]]


def test_a_damaged_column_is_an_error_and_others_are_summed() -> None:
    volume = FaultyVolume()
    database, session = opened_without_cache(volume)
    session.execute("CREATE TABLE t (a int, s text)")
    session.execute("INSERT INTO t SELECT g, md5(g::text) FROM generate_series(1, 4096) g")
    checkpoint(database)
    (name,) = [found for found in volume.names() if found.startswith("segment") and volume.size(found) > 50_000]
    content = bytearray(volume.read(name))
    content[len(content) // 2] ^= 1
    volume.delete(name)
    volume.append(name, bytes(content))
    volume.sync(name)
    _, session = opened_without_cache(volume.kill())
    assert rows(session, "SELECT count(*), sum(a) FROM t") == [(4096, 4096 * 4097 // 2)]
    with pytest.raises(DataCorrupted, match=f'file "{name}" is corrupted: column 1 of block 0 at offset .* is damaged'):
        rows(session, "SELECT max(s) FROM t")


def test_ranges_find_their_rows_on_the_volume_first() -> None:
    volume = FaultyVolume()
    database, session = opened_without_cache(volume)
    fill(session)
    session.execute("UPDATE t SET f = 'NaN' WHERE id % 100 = 0")
    conditions = [
        "a < -900000000",
        "a > 900000000 AND b > 0",
        "a BETWEEN 5 AND 5000000",
        "f > 1e15",
        "f = 'NaN'",
        "f < 1e-18 AND s > 'b'",
        "s = 'aaaa'",
        "s < 'b'",
        "n > 1100",
        "n = 1000",
        "e = 1",
        "id >= 8990 AND a IS NULL",
        "b > 999999999999999990",
        "a = NULL",
    ]
    expected = [rows(session, f"SELECT id, a, s, n FROM t WHERE {condition}") for condition in conditions]
    assert [bool(found) for found in expected].count(True) > 8
    checkpoint(database)
    _, session = opened_without_cache(volume.kill())
    for condition, found in zip(conditions, expected, strict=True):
        for _ in range(2):
            assert rows(session, f"SELECT id, a, s, n FROM t WHERE {condition}") == found
        assert rows(session, f"SELECT count(*), sum(b) FROM t WHERE {condition}") == rows(
            session, f"SELECT count(*), sum(b) FROM (SELECT b FROM t WHERE {condition} OFFSET 0) AS o"
        )
