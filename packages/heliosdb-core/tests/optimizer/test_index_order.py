"""What an index alone answers: key columns, the least and the greatest value, the first rows of an order.

Each answer is also that of a scan.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import heliosdb
from heliosdb import EmbeddedDatabase


@pytest.fixture(scope="module")
def database() -> Iterator[EmbeddedDatabase]:
    with heliosdb.EmbeddedDatabase.new_in_memory(plugins=[]) as made:
        made.execute("CREATE TABLE item (id int PRIMARY KEY, kind int, size int NOT NULL, name text, weight float8)")
        made.execute(
            "INSERT INTO item SELECT g, nullif(g % 400, 7), g % 10, 'name' || g,"
            " CASE WHEN g = 1234 THEN 'nan' ELSE g / 8.0 END FROM generate_series(1, 8000) g"
        )
        made.execute(
            "CREATE INDEX item_kind ON item (kind); CREATE INDEX item_size_kind ON item (size, kind);"
            " CREATE INDEX item_kind_size ON item (kind DESC, size); CREATE INDEX item_name ON item (name);"
            " CREATE INDEX item_weight ON item (weight DESC); CREATE INDEX item_part ON item (kind) WHERE size > 5"
        )
        made.execute("ANALYZE item")
        yield made


def plan(database: EmbeddedDatabase, query: str) -> str:
    return "\n".join(row[0] for row in database.query(f"EXPLAIN {query}"))


ALONE = [
    "SELECT count(*) FROM item WHERE kind = 5",
    "SELECT count(*), sum(kind) FROM item WHERE kind BETWEEN 10 AND 40",
    "SELECT kind FROM item WHERE kind > 390 ORDER BY 1 DESC",
    "SELECT size, kind, count(*) FROM item WHERE size = 3 AND kind < 100 GROUP BY size, kind ORDER BY 1, 2",
    "SELECT kind, count(size) FROM item WHERE kind IN (3, 13, 393, 3, NULL) AND size = 3 GROUP BY 1 ORDER BY 1",
    "SELECT kind, size FROM item WHERE size = 2 AND kind > 350 ORDER BY 1",
    "SELECT count(*) FROM item WHERE name > 'name77'",
    "SELECT v.n, (SELECT count(*) FROM item WHERE kind = v.n) FROM (VALUES (3), (7), (NULL)) v (n) ORDER BY 1",
    "SELECT v.n, i.kind FROM (VALUES (3), (7), (NULL), (1000)) v (n) LEFT JOIN item i ON i.kind = v.n ORDER BY 1, 2",
    "SELECT v.n, i.kind FROM (VALUES (3), (70), (NULL)) v (n) LEFT JOIN item i ON i.size = v.n AND i.kind > 390"
    " ORDER BY 1, 2",
    "SELECT count(*) FROM (VALUES (3), (7), (NULL)) v (n) WHERE NOT EXISTS (SELECT FROM item WHERE kind = v.n)",
]

NOT_ALONE = [
    "SELECT count(*) FROM item WHERE kind = 5 AND weight > 3",
    "SELECT id FROM item WHERE kind = 5",
    "SELECT i FROM item i WHERE kind = 5 ORDER BY id",
    "SELECT ctid IS NULL FROM item WHERE kind = 5",
    "SELECT kind FROM item WHERE size = 3 AND name = 'name33'",
    "SELECT kind FROM item WHERE kind = 5 FOR UPDATE",
    "SELECT count(weight) FROM item WHERE weight < 9",
]


def scanned(query: str) -> str:
    return query.replace("item i ON", "(SELECT * FROM item OFFSET 0) i ON").replace(
        "FROM item ", "FROM (SELECT * FROM item OFFSET 0) item "
    )


@pytest.mark.parametrize("query", ALONE)
def test_key_columns_are_read_from_the_index_alone(database: EmbeddedDatabase, query: str) -> None:
    if "(SELECT count" not in query:
        assert "Index Only Scan" in plan(database, query)
    assert database.query(query) == database.query(scanned(query))


@pytest.mark.parametrize("query", NOT_ALONE)
def test_other_columns_are_read_from_the_rows(database: EmbeddedDatabase, query: str) -> None:
    assert "Index Only Scan" not in plan(database, query)
    assert database.query(query)


def test_an_index_alone_shows_what_the_statement_may_see(database: EmbeddedDatabase) -> None:
    query = "SELECT count(*), min(kind) FROM item WHERE kind BETWEEN 100 AND 110"
    assert "Index Only Scan" in plan(database, query)
    (before,) = database.query(query)
    with database.begin_transaction() as transaction:
        transaction.execute("UPDATE item SET kind = 5000 WHERE kind = 100")
        transaction.execute("DELETE FROM item WHERE kind = 101")
        transaction.execute("INSERT INTO item VALUES (100001, 105, 1, 'x', 1)")
        assert transaction.query(query) == [(before[0] - 39, 102)]
        assert database.query(query) == [before]
        transaction.rollback()
    assert database.query(query) == [before]


ENDS = [
    ("SELECT max(id) FROM item", "Limit"),
    ("SELECT min(id) + 1 FROM item", "Limit"),
    ("SELECT max(kind) FROM item", "Limit"),
    ("SELECT min(kind) FROM item WHERE size = 3", "Limit"),
    ("SELECT max(weight) FROM item", "Limit"),
    ("SELECT min(weight) FROM item", "Limit"),
    ("SELECT max(name) FROM item", "Limit"),
    ("SELECT max(id) FROM item WHERE id < 0", ""),
    ("SELECT max(id) FROM item WHERE name = 'name77'", "item_name"),
    ("SELECT max(id), min(id) FROM item", "Seq Scan"),
    ("SELECT max(id) FROM item GROUP BY size ORDER BY 1", "Seq Scan"),
    ("SELECT max(id) FILTER (WHERE size = 2) FROM item", "Seq Scan"),
    ("SELECT max(DISTINCT id) FROM item", ""),
    ("SELECT id FROM item WHERE size = 3 ORDER BY id LIMIT 3", "item_pkey"),
    ("SELECT id FROM item WHERE name = 'name500' ORDER BY id LIMIT 3", "item_name"),
    ("SELECT id FROM item WHERE weight * 2 = 500 ORDER BY id LIMIT 5", ""),
    ("SELECT id FROM item ORDER BY id DESC LIMIT 3 OFFSET 2", "Backward"),
]


@pytest.mark.parametrize(("query", "part"), ENDS)
def test_the_end_of_an_index_is_read_where_that_is_quicker(database: EmbeddedDatabase, query: str, part: str) -> None:
    assert part in plan(database, query)
    assert repr(database.query(query)) == repr(
        database.query(query.replace("FROM item", "FROM (SELECT * FROM item OFFSET 0) item"))
    )
