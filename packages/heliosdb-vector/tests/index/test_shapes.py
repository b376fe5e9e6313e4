"""ORDER BY distance LIMIT k in joins and subqueries: which shapes go by the index, and that all give the same rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from heliosdb import EmbeddedDatabase

from .conftest import clustered, fill

COUNT, DIMENSIONS = 3000, 16
VECTORS = clustered(31, COUNT, DIMENSIONS)
QUERIES = clustered(31, COUNT + 8, DIMENSIONS)[COUNT:]
Shown = Callable[[str], str]


@pytest.fixture(scope="module")
def database() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=["vector"], strict=True) as made:
        fill(made, VECTORS)
        made.execute("CREATE TABLE kinds (id int PRIMARY KEY, name text)")
        made.execute("INSERT INTO kinds SELECT n, 'kind ' || n FROM generate_series(0, 79) AS n")
        made.execute("CREATE TABLE tags (item int, tag int)")
        made.execute("INSERT INTO tags SELECT n / 2, n % 7 FROM generate_series(0, 5999) AS n")
        made.execute(f"CREATE TABLE questions (id int PRIMARY KEY, q vector({DIMENSIONS}))")
        for number, vector in enumerate(QUERIES):
            made.execute("INSERT INTO questions VALUES ($1, $2)", [number, vector])
        made.execute("CREATE INDEX by_v ON items USING hnsw (v)")
        made.execute("ANALYZE")
        made.execute("SET hnsw.ef_search = 200")
        yield made


BY_INDEX = [
    "SELECT i.id, k.name FROM items i JOIN kinds k ON k.id = i.kind ORDER BY i.v <-> $1 LIMIT 10",
    "SELECT i.id, k.name FROM kinds k JOIN items i ON k.id = i.kind ORDER BY i.v <-> $1, i.id LIMIT 10 OFFSET 3",
    "SELECT i.id, k.name FROM items i LEFT JOIN kinds k ON k.id = i.kind ORDER BY i.v <-> $1 LIMIT 10",
    "SELECT i.id FROM items i JOIN kinds k ON k.id = i.kind WHERE k.name <> 'kind 3' AND i.kind < 70 "
    "ORDER BY i.v <-> $1 LIMIT 10",
    "SELECT i.id FROM items i JOIN tags t ON t.item = i.id WHERE t.tag = 2 ORDER BY i.v <-> $1 LIMIT 10",
    "SELECT i.id, i.v <-> $1 AS far FROM items i WHERE EXISTS (SELECT FROM kinds k WHERE k.id = i.kind) "
    "ORDER BY far LIMIT 10",
    "SELECT i.id FROM items i WHERE i.kind NOT IN (SELECT k.id FROM kinds k) ORDER BY i.v <-> $1 LIMIT 10",
    "SELECT id, rank() OVER (ORDER BY v <-> $1) AS place FROM items ORDER BY v <-> $1 LIMIT 10",
    "SELECT id, row_number() OVER nearest, dense_rank() OVER nearest FROM items WHERE kind < 80 "
    "WINDOW nearest AS (ORDER BY v <-> $1) ORDER BY v <-> $1 LIMIT 10 OFFSET 4",
    "WITH question AS (SELECT $1::vector AS q) SELECT id FROM items, question ORDER BY v <-> q LIMIT 10",
    "SELECT i.id FROM items i CROSS JOIN (SELECT avg(q) AS q FROM questions) AS mean ORDER BY i.v <-> mean.q LIMIT 10",
    "SELECT i.id, k.name FROM questions o, items i JOIN kinds k ON k.id = i.kind WHERE o.id = 3 "
    "ORDER BY i.v <-> o.q LIMIT 10",
    "SELECT near.id FROM (SELECT id, v FROM items WHERE kind < 90) AS near ORDER BY near.v <-> $1 LIMIT 10",
    "SELECT near.id FROM (SELECT id, vec FROM (SELECT id, v AS vec FROM items) AS inside) AS near "
    "ORDER BY near.vec <-> $1 LIMIT 10",
    "SELECT o.id, near.id FROM questions o, "
    "LATERAL (SELECT i.id FROM items i JOIN kinds k ON k.id = i.kind ORDER BY i.v <-> o.q LIMIT 3) AS near",
]
EXACTLY = [
    "SELECT id FROM items ORDER BY v <-> $1 OFFSET 2990 LIMIT ALL",
    # What comes behind counts, or another order, or parts of the rows.
    "SELECT id, percent_rank() OVER (ORDER BY v <-> $1) FROM items ORDER BY v <-> $1 LIMIT 10",
    "SELECT id, rank() OVER (ORDER BY id) FROM items ORDER BY v <-> $1 LIMIT 10",
    "SELECT id, rank() OVER (PARTITION BY kind ORDER BY v <-> $1) FROM items ORDER BY v <-> $1 LIMIT 10",
    "SELECT id, count(*) OVER (ORDER BY v <-> $1) FROM items ORDER BY v <-> $1 LIMIT 10",
    # Several rows may come before: their orders are not one.
    "SELECT i.id, o.id FROM items i, questions o ORDER BY i.v <-> o.q LIMIT 10",
    # NULLs of the other side come last, and no index has them.
    "SELECT i.id, k.id FROM kinds k LEFT JOIN items i ON k.id = i.kind ORDER BY i.v <-> $1 LIMIT 10",
    "SELECT i.id, k.id FROM items i FULL JOIN kinds k ON k.id = i.kind ORDER BY i.v <-> $1 LIMIT 10",
    "SELECT i.id FROM items i JOIN kinds k ON k.id = i.kind WHERE i.id < 20 ORDER BY i.v <-> $1 LIMIT 10",
    "SELECT id FROM items ORDER BY v <-> $1 OFFSET 2990",
]


def plan(database: EmbeddedDatabase, query: str) -> str:
    return "\n".join(row[0] for row in database.query("EXPLAIN " + query, [QUERIES[0]] if "$1" in query else []))


def require_same_rows(database: EmbeddedDatabase, query: str) -> None:
    """Compare with the same query without an index."""
    found, exact = [], []
    for vector in QUERIES:
        parameters = [vector] if "$1" in query else []
        found.append([tuple(row) for row in database.query(query, parameters)])
        database.execute("SET heliosdb.vector_recall = 1")
        exact.append([tuple(row) for row in database.query(query, parameters)])
        database.execute("RESET heliosdb.vector_recall")
    assert all(exact)
    assert list(map(len, found)) == list(map(len, exact))
    share = [len(set(some) & set(all_of)) / len(all_of) for some, all_of in zip(found, exact)]
    assert np.mean(share) >= 0.97


@pytest.mark.parametrize("query", BY_INDEX)
def test_the_index_leads(database: EmbeddedDatabase, query: str) -> None:
    assert "Index Scan using by_v on items" in plan(database, query)
    require_same_rows(database, query)


@pytest.mark.parametrize("query", EXACTLY)
def test_the_index_does_not_serve(database: EmbeddedDatabase, query: str) -> None:
    assert "Index Scan using by_v" not in plan(database, query)
    require_same_rows(database, query)


@pytest.mark.parametrize("condition", ["v <-> $1 < $2", "$2 > v <-> $1", "v <-> $1 <= $2", "$2 >= l2_distance(v, $1)"])
def test_thresholds_give_all_that_is_near_enough(database: EmbeddedDatabase, condition: str) -> None:
    """However few an index searched without effort has found."""
    database.execute("SET hnsw.ef_search = 1")
    try:
        for vector in QUERIES:
            distances = np.linalg.norm(VECTORS - vector, axis=1)
            order = np.argsort(distances)
            query = f"SELECT id, v <-> $1 FROM items WHERE {condition} ORDER BY v <-> $1 LIMIT 8"
            shown = "\n".join(row[0] for row in database.query("EXPLAIN " + query, [vector, 5.0]))
            assert "Index Scan using by_v" in shown
            for near in (5, 40):
                bound = database.query("SELECT v <-> $1 FROM items WHERE id = $2", [vector, int(order[near])])[0][0]
                found = [row[0] for row in database.query(query, [vector, bound])]
                if near == 5:
                    assert found == order[: near + ("=" in condition)].tolist()
                else:
                    assert len(found) == 8
                    assert set(found) <= set(order[: near + 1].tolist())
            assert len(database.query(query, [vector, float("nan")])) == 8
            assert len(database.query(query, [vector, float("inf")])) == 8
            assert list(database.query(query, [vector, None])) == []
            assert list(database.query(query, [vector, 0.0])) == []
    finally:
        database.execute("SET hnsw.ef_search = 200")


def test_a_threshold_of_another_distance_bounds_nothing(database: EmbeddedDatabase) -> None:
    other = QUERIES[1]
    query = "SELECT id FROM items WHERE v <-> $2 < $3 ORDER BY v <-> $1 LIMIT 8"
    bound = float(np.sort(np.linalg.norm(VECTORS - other, axis=1))[30])
    near = np.flatnonzero(np.linalg.norm(VECTORS - other, axis=1) < bound)
    expected = near[np.argsort(np.linalg.norm(VECTORS[near] - QUERIES[0], axis=1))][:8].tolist()
    assert [row[0] for row in database.query(query, [QUERIES[0], other, bound])] == expected


def test_rows_of_a_join_are_in_the_order_of_distance_however_few_match(database: EmbeddedDatabase) -> None:
    """More are asked of the index then, and what comes later may have to stand before."""
    query = (
        "SELECT i.id, i.v <-> $1 FROM items i JOIN tags t ON t.item = i.id "
        "WHERE t.tag + i.kind % 7 = 9 ORDER BY i.v <-> $1 LIMIT 15"
    )
    for vector in QUERIES:
        distances = [row[1] for row in database.query(query, [vector])]
        assert len(distances) == 15
        assert distances == sorted(distances)


def test_a_limit_that_turns_out_to_be_none_gives_all_rows_in_order(database: EmbeddedDatabase) -> None:
    for query in ("items ORDER BY v <-> $1 LIMIT $2", "items WHERE kind < 90 ORDER BY v <-> $1 LIMIT $2"):
        distances = [row[0] for row in database.query(f"SELECT v <-> $1 FROM {query}", [QUERIES[0], None])]
        assert len(distances) == (3000 if "kind" not in query else 2700)
        assert distances == sorted(distances)


def test_a_join_with_more_than_work_mem_keeps_the_order(database: EmbeddedDatabase) -> None:
    query = "SELECT i.id FROM items i JOIN tags t ON t.item = i.id ORDER BY i.v <-> $1, i.id LIMIT 40"
    expected = [row[0] for row in database.query(query, [QUERIES[0]])]
    assert len(expected) == 40
    database.execute("SET work_mem = '64kB'")
    try:
        query = "SELECT i.id FROM items i JOIN tags t ON t.item = i.id ORDER BY i.v <-> $1 LIMIT 40"
        assert "Index Scan using by_v" in plan(database, query)
        assert [row[0] for row in database.query(query, [QUERIES[0]])] == expected
    finally:
        database.execute("RESET work_mem")
