"""Which index a condition is looked up in, seen through EXPLAIN; and that the answer is the one a scan gives."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import heliosdb
from heliosdb import EmbeddedDatabase


@pytest.fixture(scope="module")
def database() -> Iterator[EmbeddedDatabase]:
    with heliosdb.EmbeddedDatabase.new_in_memory(plugins=[]) as made:
        made.execute(
            "CREATE TABLE item (id int PRIMARY KEY, kind int, name varchar(20), label text, made date, price numeric)"
        )
        made.execute(
            "INSERT INTO item SELECT g, g % 500, 'name' || g, 'Label' || g, date '2024-01-01' + g % 300, g / 10.0"
            " FROM generate_series(1, 5000) g"
        )
        for index in (
            "item_kind ON item (kind)",
            "item_name ON item (name)",
            "item_label ON item (lower(label))",
            "item_made ON item (made) WHERE kind > 400",
            "item_kind_id ON item (kind DESC, id)",
        ):
            made.execute(f"CREATE INDEX {index}")
        made.execute("ANALYZE item")
        yield made


def plan(database: EmbeddedDatabase, query: str) -> str:
    return "\n".join(row[0] for row in database.query(f"EXPLAIN {query}"))


@pytest.mark.parametrize(
    ("condition", "index"),
    [
        ("id = 5", "item_pkey"),
        ("kind = 5", "item_kind"),
        ("5 = kind", "item_kind"),
        ("kind IN (1, 2, 3)", "item_kind"),
        ("kind BETWEEN 3 AND 5", "item_kind"),
        ("name = 'name7'", "item_name"),
        ("name LIKE 'name77%'", "item_name"),
        ("lower(label) = 'label9'", "item_label"),
        ("made = '2024-03-03' AND kind > 450", "item_made"),
        ("made = '2024-03-03' AND kind = 462", "item_"),
        ("kind = 7 OR id = 9 OR name = 'name11'", "Index Union"),
    ],
)
def test_a_condition_is_looked_up_in_its_index_and_answers_as_a_scan_does(
    database: EmbeddedDatabase, condition: str, index: str
) -> None:
    query = f"SELECT id FROM item WHERE {condition} ORDER BY id"
    assert index in plan(database, query)
    scanned = f"SELECT id FROM (SELECT * FROM item OFFSET 0) item WHERE {condition} ORDER BY id"
    assert "Index" not in plan(database, scanned)
    rows = database.query(query)
    assert rows == database.query(scanned)
    assert rows


@pytest.mark.parametrize(
    "condition",
    [
        "made = '2024-03-03' AND kind > 300",
        "lower(name) = 'name7'",
        "name LIKE '%7'",
        "kind + 0 = 5",
        "kind = 7 OR price = 9",
        "kind <> 5",
        "kind > 3",
    ],
)
def test_a_condition_that_no_index_decides_is_read_by_a_scan(database: EmbeddedDatabase, condition: str) -> None:
    shown = plan(database, f"SELECT id FROM item WHERE {condition}")
    assert "Seq Scan on item" in shown


def test_one_plan_serves_all_constants_but_those_that_an_index_depends_on(database: EmbeddedDatabase) -> None:
    for kind in (401, 399, 450, 2):
        rows = database.query(f"SELECT count(*) FROM item WHERE made >= '2024-01-01' AND kind > {kind}")
        assert rows[0][0] == sum(1 for g in range(1, 5001) if g % 500 > kind)


def test_the_order_of_an_index_stands_in_for_a_sort_under_limit(database: EmbeddedDatabase) -> None:
    query = "SELECT id FROM item ORDER BY id DESC LIMIT 3"
    assert "Index Scan Backward using item_pkey" in plan(database, query)
    assert [row[0] for row in database.query(query)] == [5000, 4999, 4998]


def test_analyze_says_how_many_rows_it_looked_at(database: EmbeddedDatabase) -> None:
    database.notices.clear()
    database.execute("ANALYZE VERBOSE item")
    assert [notice.message for notice in database.notices] == [
        '"public.item": 5000 rows in sample, 5000 estimated total rows'
    ]


@pytest.mark.parametrize(
    ("statement", "sqlstate"),
    [
        ("ANALYZE nosuch", "42P01"),
        ("ANALYZE item (nosuch)", "42703"),
        ("VACUUM (FULL) item", "0A000"),
        ("BEGIN; VACUUM item", "25001"),
    ],
)
def test_maintenance_refuses_what_it_cannot_do(database: EmbeddedDatabase, statement: str, sqlstate: str) -> None:
    with pytest.raises(heliosdb.Error) as refused:
        database.execute(statement)
    database.execute("ROLLBACK")
    assert refused.value.sqlstate == sqlstate


def test_estimates_follow_the_data(database: EmbeddedDatabase) -> None:
    assert " rows=10 " in plan(database, "SELECT * FROM item WHERE kind = 5")
    assert " rows=1 " in plan(database, "SELECT * FROM item WHERE name = 'name5'")


def test_long_lists_are_looked_up_as_short_ones_are(database: EmbeddedDatabase) -> None:
    for condition in ("id IN ({})", "id NOT IN ({})", "kind IN ({}, NULL)", "kind NOT IN ({}, NULL)", "kind IN ({})"):
        values = list(range(0, 900, 6))
        long = database.query(f"SELECT id FROM item WHERE {condition.format(', '.join(map(str, values)))} ORDER BY 1")
        rows = ", ".join(f"({value})" for value in values) + (", (NULL)" if "NULL" in condition else "")
        subquery = condition.partition("(")[0] + f"(SELECT * FROM (VALUES {rows}) v)"
        assert long == database.query(f"SELECT id FROM item WHERE {subquery} ORDER BY 1")


@pytest.fixture(scope="module")
def crossed() -> Iterator[EmbeddedDatabase]:
    with heliosdb.EmbeddedDatabase.new_in_memory(plugins=[]) as made:
        made.execute("CREATE TABLE spot (id int PRIMARY KEY, x int, y int, name text)")
        made.execute(
            "INSERT INTO spot SELECT g, g * 7919 % 101, nullif(g * 104729 % 103, 7), 'n' || g % 97"
            " FROM generate_series(1, 20000) g"
        )
        made.execute("CREATE INDEX spot_x ON spot (x DESC); CREATE INDEX spot_y ON spot (y); ANALYZE spot")
        yield made


@pytest.mark.parametrize(
    "condition",
    [
        "x = 5 AND y = 11",
        "x = 5 AND y = 7",
        "x BETWEEN 5 AND 8 AND y > 98",
        "x = 3 AND y = 10 AND name > 'n5'",
        "x = 5 AND y = (SELECT 11)",
        "x = 5 AND y = (SELECT NULL::int)",
        "x > (SELECT 97) AND x <= 99 AND y < 3",
    ],
)
def test_two_indexes_are_intersected(crossed: EmbeddedDatabase, condition: str) -> None:
    query = f"SELECT id, name FROM spot WHERE {condition} ORDER BY id"
    if "SELECT" not in condition:
        assert "Index Intersection using spot_" in plan(crossed, query)
    scanned = query.replace("FROM spot", "FROM (SELECT * FROM spot OFFSET 0) spot")
    assert "Index" not in plan(crossed, scanned)
    assert crossed.query(query) == crossed.query(scanned)


def test_an_intersection_sees_what_its_transaction_did(crossed: EmbeddedDatabase) -> None:
    query = "SELECT id FROM spot WHERE x = 5 AND y = 11 ORDER BY id"
    before = crossed.query(query)
    assert "Index Intersection" in plan(crossed, query)
    assert len(before) > 1
    with crossed.begin_transaction() as transaction:
        transaction.execute("UPDATE spot SET y = 12 WHERE id = $1", (before[0][0],))
        transaction.execute("INSERT INTO spot VALUES (50001, 5, 11, 'new'), (50002, 5, 12, 'new')")
        transaction.execute("UPDATE spot SET name = 'changed' WHERE id = $1", (before[1][0],))
        assert transaction.query(query) == [*before[1:], (50001,)]
        assert crossed.query(query) == before
        transaction.rollback()


def test_one_index_that_finds_few_rows_is_enough(crossed: EmbeddedDatabase) -> None:
    assert "Index Intersection" not in plan(crossed, "SELECT * FROM spot WHERE id = 5 AND x = 39")
    assert "Index Intersection" not in plan(crossed, "SELECT * FROM spot WHERE x = 5 AND y > 5")
