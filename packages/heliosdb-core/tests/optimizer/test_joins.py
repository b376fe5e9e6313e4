"""Join orders and methods, seen through EXPLAIN; each query's answer is also that of the subqueries as written."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import heliosdb
from heliosdb import EmbeddedDatabase, errors


@pytest.fixture(scope="module")
def database() -> Iterator[EmbeddedDatabase]:
    with heliosdb.EmbeddedDatabase.new_in_memory(plugins=[]) as made:
        made.execute("CREATE TABLE brand (id int PRIMARY KEY, label text, size int)")
        made.execute("CREATE TABLE sale (id int PRIMARY KEY, brand int, line int, amount int, price int)")
        made.execute("INSERT INTO brand SELECT g, 'label' || g % 50, g % 20 FROM generate_series(1, 1000) g")
        made.execute(
            "INSERT INTO sale SELECT g, nullif(g % 1000, 0), g % 7, g % 40, g FROM generate_series(1, 20000) g"
        )
        made.execute("CREATE INDEX sale_brand_line ON sale (brand, line)")
        made.execute("CREATE INDEX sale_brand ON sale (brand)")
        made.execute("ANALYZE")
        yield made


def plan(database: EmbeddedDatabase, query: str) -> str:
    return "\n".join(row[0] for row in database.query(f"EXPLAIN {query}"))


FOUND = {
    "each arm of an OR restricts each table": (
        "SELECT s.id FROM sale s, brand b WHERE s.brand = b.id AND ((b.label = 'label1' AND s.amount < 3)"
        " OR (b.label = 'label2' AND s.amount > 37)) ORDER BY 1",
        ["Filter: ((b.label = 'label1') OR (b.label = 'label2'))"],
        "SELECT s.id FROM (SELECT * FROM sale OFFSET 0) s, (SELECT * FROM brand OFFSET 0) b"
        " WHERE s.brand = b.id AND ((b.label = 'label1') AND (s.amount < 3)"
        " OR b.label = 'label2' AND s.amount > 37) ORDER BY 1",
    ),
    "what all arms of an OR share is a condition of its own": (
        "SELECT s.id FROM sale s, brand b WHERE (s.brand = b.id AND b.size = 1 AND s.amount < 3)"
        " OR (s.brand = b.id AND b.size = 14 AND s.amount > 30) ORDER BY 1",
        ["= b.id"],
        "SELECT s.id FROM sale s JOIN brand b ON s.brand = b.id WHERE CASE b.size WHEN 1 THEN s.amount < 3"
        " WHEN 14 THEN s.amount > 30 END ORDER BY 1",
    ),
    "an index whose whole key is given comes before a part of a longer one": (
        "SELECT s.id FROM brand b JOIN sale s ON s.brand = b.id WHERE b.label = 'label7' ORDER BY 1",
        ["using sale_brand on"],
        "SELECT id FROM sale WHERE brand = ANY (ARRAY(SELECT id FROM brand WHERE label = 'label7')) ORDER BY 1",
    ),
    "IN over groups is an inner join, which may come first": (
        "SELECT s.id FROM sale s WHERE s.brand IN (SELECT brand FROM sale GROUP BY brand HAVING sum(price) > 205000)"
        " ORDER BY 1",
        ["HashAggregate", "Hash Join"],
        "SELECT id FROM sale WHERE brand = ANY"
        " (ARRAY(SELECT brand FROM sale GROUP BY brand HAVING sum(price) > 205000)) ORDER BY 1",
    ),
    "a semi join stops at the first match": (
        "SELECT b.id FROM brand b WHERE b.label = 'label3' AND EXISTS"
        " (SELECT FROM sale s WHERE s.brand = b.id AND s.amount > b.size) ORDER BY 1",
        ["Nested Loop Semi Join"],
        "SELECT DISTINCT b.id FROM brand b JOIN sale s ON s.brand = b.id AND s.amount > b.size"
        " WHERE b.label = 'label3' ORDER BY 1",
    ),
    "a constant holds for all columns that are equal": (
        "SELECT s.id, b.label FROM sale s JOIN brand b ON b.id = s.brand WHERE s.brand = 17 ORDER BY 1",
        ["Index Cond: (id = 17)", "Index Cond: (brand = 17)"],
        "SELECT s.id, b.label FROM (SELECT * FROM sale OFFSET 0) s, (SELECT * FROM brand OFFSET 0) b"
        " WHERE s.brand + 0 = b.id AND s.brand + 0 = 17 ORDER BY 1",
    ),
    "what equals the same column may be joined first": (
        "SELECT s.id FROM sale s, brand b, brand c WHERE s.brand = b.id AND c.id = s.brand AND b.size = 3"
        " AND c.label = 'label3' ORDER BY 1",
        ["Index Cond: (id = c.id)"],
        "SELECT s.id FROM sale s JOIN brand b ON s.brand = b.id WHERE b.size = 3 AND b.label = 'label3' ORDER BY 1",
    ),
    "a semi join comes before the joins that multiply its rows": (
        "SELECT s.id FROM brand b JOIN sale s ON s.brand = b.id WHERE EXISTS (SELECT FROM sale x WHERE x.id = b.size"
        " AND x.price < 2) ORDER BY 1",
        ["Index Scan using sale_brand on sale s"],
        "SELECT s.id FROM sale s JOIN brand b ON s.brand = b.id WHERE b.size = 1 ORDER BY 1",
    ),
    "a query in FROM that only chooses and filters joins as its table does": (
        "SELECT v.key, s.id FROM (SELECT id AS key, id, label FROM brand WHERE size = 3) v JOIN"
        " (SELECT id, brand AS b FROM sale) s ON s.b = v.id WHERE v.label = 'label3' ORDER BY 1, 2",
        ["Index Scan using sale_brand on sale", "Index Cond: (brand = brand.id)"],
        "SELECT s.brand, s.id FROM sale s JOIN (SELECT * FROM brand OFFSET 0) b ON s.brand + 0 = b.id"
        " WHERE b.label = 'label3' AND b.size = 3 ORDER BY 1, 2",
    ),
    "what is computed below an outer join is NULL where a row is missing": (
        "SELECT b.id, v.one FROM brand b LEFT JOIN (SELECT id, 1 AS one FROM sale WHERE price < 3) v ON v.id = b.id"
        " WHERE b.id < 6 ORDER BY 1",
        ["Subquery Scan on v"],
        "SELECT id, CASE WHEN id < 3 THEN 1 END FROM brand WHERE id < 6 ORDER BY 1",
    ),
    "an anti join keeps those without a match": (
        "SELECT b.id FROM brand b WHERE b.size = 0 AND NOT EXISTS"
        " (SELECT FROM sale s WHERE s.brand = b.id AND s.amount >= 20) ORDER BY 1",
        ["Anti Join"],
        "SELECT b.id FROM brand b LEFT JOIN sale s ON s.brand = b.id AND s.amount >= 20"
        " WHERE b.size = 0 AND s.id IS NULL ORDER BY 1",
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_a_plan_is_the_expected_one_and_answers_as_the_query_means(database: EmbeddedDatabase, name: str) -> None:
    query, parts, meaning = FOUND[name]
    text = plan(database, query)
    assert all(part in text for part in parts), text
    answer = database.query(query)
    assert answer == database.query(meaning)
    assert 0 < len(answer) < 20000


def test_a_semi_join_by_index_reads_one_match_per_row(database: EmbeddedDatabase) -> None:
    query = (
        "SELECT b.id FROM brand b WHERE b.size = 3 AND EXISTS (SELECT FROM sale s WHERE s.brand = b.id AND s.line >= 0)"
    )
    text = "\n".join(row[0] for row in database.query(f"EXPLAIN ANALYZE {query}"))
    (read,) = [line for line in text.splitlines() if "Index Scan" in line]
    assert " rows=50 loops=1)" in read, text
    assert len(database.query(query)) == 50


def test_hundreds_of_relations_are_joined_and_the_planner_can_be_stopped() -> None:
    with heliosdb.EmbeddedDatabase.new_in_memory(plugins=[]) as made:
        query = "SELECT count(*), sum(x7) FROM " + ", ".join(f"(SELECT {n} AS x{n} OFFSET 0) s{n}" for n in range(200))
        assert made.query(query) == [(1, 7)]
        made.execute("SET statement_timeout = 1")
        with pytest.raises(errors.QueryCanceled):
            made.query(query.replace("count(*)", "count(*) + 1"))


@pytest.mark.parametrize("kind", ["JOIN", "LEFT JOIN", "FULL JOIN"])
@pytest.mark.parametrize("tables", [5, 9, 20, 24, 41])
def test_many_tables_are_joined(kind: str, tables: int) -> None:
    with heliosdb.EmbeddedDatabase.new_in_memory(plugins=[]) as made:
        made.execute("CREATE TABLE t (id int, v int)")
        made.execute("INSERT INTO t SELECT g, g FROM generate_series(1, 3) g")
        joins = " ".join(f"{kind} t t{n} ON t{n}.id = t{n - 1}.id" for n in range(1, tables))
        query = f"SELECT count(*), sum(t0.v), max(t{tables - 1}.v) FROM t t0 {joins}"
        assert made.query(query) == [(3, 6, 3)]
        assert made.query(query.replace("SELECT count", "EXPLAIN ANALYZE SELECT count"))


def test_rows_without_a_key_have_no_match_by_index(database: EmbeddedDatabase) -> None:
    outer = "SELECT n FROM (VALUES (1), (5000), (NULL::int), (7)) v (n) WHERE"
    match = "EXISTS (SELECT FROM sale s WHERE s.brand = v.n"
    assert "Index Only Scan" in plan(database, f"{outer} NOT {match})")
    assert database.query(f"{outer} NOT {match}) ORDER BY 1") == [(5000,), (None,)]
    assert database.query(f"{outer} {match}) ORDER BY 1") == [(1,), (7,)]
    assert database.query(f"{outer} NOT {match} AND s.line = v.n) ORDER BY 1") == [(7,), (5000,), (None,)]
