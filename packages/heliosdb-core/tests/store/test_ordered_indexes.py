"""Indexes whose keys are not plain data, or not in plain order, stand in runs on the volume as others do."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

import pytest

from heliosdb.database import Database
from heliosdb.encoding import KeyColumn, KeyShape
from heliosdb.encoding.keys import NULL
from heliosdb.errors import UniqueViolation
from heliosdb.types.comparison import nan_last
from heliosdb.verify import verify
from heliosdb_testkit import FaultyVolume
from stored_database import rows

COUNT = 9000
INDEXES = {
    "num": "a",
    "flt": "b",
    "down": "c DESC",
    "first": "c NULLS FIRST",
    "text_down": "d DESC",
    "pair": "a DESC, d",
    "mixed": "c, b DESC NULLS LAST",
    "span": "e",
}


def opened(volume: FaultyVolume) -> tuple[Database, Any]:
    database = Database(volume=volume, plugins=[])
    # Room for blocks, and none for trees.
    assert database.store.indexes is not None
    database.store.indexes.most_entries = 3000
    return database, database.session()


def filled() -> tuple[FaultyVolume, Database, Any]:
    volume = FaultyVolume()
    database, session = opened(volume)
    session.execute("CREATE TABLE t (id int, a numeric, b float8, c int, d text, e interval)")
    session.execute(
        f"INSERT INTO t SELECT g, (g * 7919 % {COUNT})::numeric / 8, ((g * 104729) % 7000)::float8 / 4, "
        f"CASE WHEN g % 50 = 0 THEN NULL ELSE g % 3000 END, 't' || g % 5000, (g % 900) * interval '1 hour' "
        f"FROM generate_series(1, {COUNT}) g"
    )
    session.execute("UPDATE t SET a = 'NaN', b = 'NaN' WHERE id % 1000 = 0")
    session.execute("UPDATE t SET a = NULL, b = '-0' WHERE id % 1000 = 1")
    for name, columns in INDEXES.items():
        session.execute(f"CREATE INDEX {name} ON t ({columns})")
    return volume, database, session


def on_volume(database: Database, session: Any) -> set[str]:
    """The names of the indexes of which the volume holds the entries."""
    relation = database.store.relation(None, rows(session, "SELECT 't'::regclass::oid::int")[0][0])
    names = dict(rows(session, "SELECT oid::int, relname FROM pg_class WHERE relkind = 'i'"))
    found = relation.indexes.items()
    return {names[oid] for oid, index in found if index.tree.beyond is not None and len(index.tree.current) < 200}


QUERIES = (
    "a = 17.5", "a = 17.50", "a = 'NaN'", "a > 1120", "a BETWEEN 10 AND 12.5", "a < 2", "b = 3.25", "b = 0",
    "b = 'NaN'", "b > 1745", "c = 77", "c > 2980", "c BETWEEN 5 AND 9", "d = 't77'", "d > 't4990'",
    "a = 17.5 AND d = 't140'", "c = 77 AND b > 100", "e = interval '77 hours'", "e > interval '890 hours'",
)  # fmt: skip


def compare(session: Any) -> None:
    """Every way to look something up finds what a scan finds."""
    apart = "(SELECT * FROM t OFFSET 0) AS s"  # of which no condition is pushed down
    for condition in QUERIES:
        found = sorted(rows(session, f"SELECT id FROM t WHERE {condition}"))
        assert found == sorted(rows(session, f"SELECT id FROM {apart} WHERE {condition}")), condition
        assert found or "AND d" in condition, condition
    for order in ("a LIMIT 20", "a DESC LIMIT 20", "c DESC, id LIMIT 5", "d DESC LIMIT 5"):
        ordered = rows(session, f"SELECT {order[0]} FROM t ORDER BY {order}")
        assert str(ordered) == str(rows(session, f"SELECT {order[0]} FROM {apart} ORDER BY {order}"))


def test_they_are_found_on_the_volume_by_key_range_and_order() -> None:
    volume, database, session = filled()
    expected = set(INDEXES)
    assert on_volume(database, session) == expected
    for name, condition in (("num", "a = 17.5"), ("flt", "b = 3.25"), ("span", "e = '77 hours'")):
        assert name in str(rows(session, f"EXPLAIN SELECT id FROM t WHERE {condition}"))
    compare(session)
    for _ in range(2):
        session.execute("UPDATE t SET a = a + 0.125, b = b + 0.25, c = c + 1 WHERE id % 90 = 3")
        session.execute("DELETE FROM t WHERE id % 450 = 7")
        session.execute("INSERT INTO t VALUES (10001, 17.5, 3.25, 77, 't77', '77 hours')")
        compare(session)
        volume = volume.kill()
        database, session = opened(volume)
        compare(session)
        assert database.store.maintenance is not None
        database.store.maintenance.checkpoint()
        assert on_volume(database, session) == expected
        compare(session)
    assert verify(database).problems == ()
    database.close()
    database, session = opened(volume.kill())
    compare(session)
    assert verify(database).problems == ()


def test_unique_keys_are_checked_on_the_volume() -> None:
    _, database, session = filled()
    session.execute("CREATE TABLE u AS SELECT id, id::numeric / 4 AS a, -id AS c FROM t")
    session.execute("CREATE UNIQUE INDEX u_a ON u (a)")
    session.execute("CREATE UNIQUE INDEX u_c ON u (c DESC)")
    for values in ("(0, 0.500, 1)", "(0, 0.1, -77)"):
        with pytest.raises(UniqueViolation):
            session.execute(f"INSERT INTO u VALUES {values}")
    session.execute("INSERT INTO u VALUES (0, 0.1, 1)")
    session.execute("UPDATE u SET c = 5 WHERE a = 0.5")
    session.execute("INSERT INTO u VALUES (0, 0.2, -2)")
    assert rows(session, "SELECT id FROM u WHERE c = -2") == [(0,)]
    with pytest.raises(UniqueViolation) as raised:
        session.execute("CREATE UNIQUE INDEX ON t (a)")
    assert "duplicated" in str(raised.value.detail)
    assert verify(database).problems == ()


def test_the_order_that_follows_from_a_key_is_that_of_the_row() -> None:
    random = Random(2)
    data = [None, Decimal("NaN"), Decimal(0), Decimal("-1.50"), Decimal(7), Decimal("1e30"), Decimal("1.5")]
    shapes = [
        KeyShape([KeyColumn(0, nan_last, nan_last, descending=down, nulls_first=first)])
        for down in (False, True)
        for first in (False, True)
    ]
    shapes.append(KeyShape([KeyColumn(0, nan_last, nan_last, descending=True), KeyColumn(1)]))
    shapes.append(KeyShape([KeyColumn(1, descending=True), KeyColumn(0, nan_last, nan_last)]))
    shapes.append(KeyShape([KeyColumn(2, None, str.casefold), KeyColumn(1, nulls_first=True)]))
    for shape in shapes:
        key, order, order_of = shape.row_key(), shape.row_order_key(), shape.key_order()
        assert order_of is not None
        made = [(random.choice(data), random.choice([None, 1, 2, -3]), random.choice("aAbB")) for _ in range(300)]
        for row in made:
            assert order_of(key(row)) == (key(row) if order is None else order(row))
        if shape is shapes[0]:
            assert order is None
            assert key(max(made, key=key)) is NULL
    assert KeyShape([KeyColumn(0, str.casefold, str.upper)]).key_order() is None
