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
