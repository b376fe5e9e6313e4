"""SET heliosdb.vector_recall: exact at 1, by a measured curve below it; and what EXPLAIN says of the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.errors import InvalidName, InvalidParameterValue

from .conftest import clustered, fill, ids, recall

COUNT, DIMENSIONS = 6000, 48
# All in one cloud of many dimensions: little effort finds little.
VECTORS = clustered(41, COUNT, DIMENSIONS, 1)
QUERIES = clustered(41, COUNT + 60, DIMENSIONS, 1)[COUNT:]
NEAREST = "SELECT id FROM items ORDER BY v <-> $1 LIMIT 10"
EXACT = [np.argsort(np.linalg.norm(VECTORS - vector, axis=1))[:10].tolist() for vector in QUERIES]


@pytest.fixture(scope="module")
def filled() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=["vector"], strict=True) as made:
        fill(made, VECTORS)
        yield made


@pytest.fixture
def database(filled: EmbeddedDatabase) -> Iterator[EmbeddedDatabase]:
    yield filled
    filled.execute("RESET ALL")
    filled.execute("DROP INDEX IF EXISTS by_v")


def explained(database: EmbeddedDatabase, query: str) -> str:
    return "\n".join(row[0] for row in database.query("EXPLAIN " + query.replace("$1", f"'{QUERIES[0].tolist()}'")))


def found(database: EmbeddedDatabase, query: str = NEAREST) -> list[list[int]]:
    return [ids(database, query, [vector]) for vector in QUERIES]


@pytest.mark.parametrize("index", ["hnsw (v) WITH (m = 6)", "hnsw (v) WITH (backend = faiss, m = 6)", "ivf (v)"])
def test_the_effort_is_what_the_recall_needs(database: EmbeddedDatabase, index: str) -> None:
    database.execute(f"CREATE INDEX by_v ON items USING {index}")
    shares = []
    for wanted in (0.5, 0.8, 0.98):
        # What the other settings say does not count.
        database.execute("SET hnsw.ef_search = 1; SET ivfflat.probes = 1")
        database.execute(f"SET heliosdb.vector_recall = {wanted}")
        assert "Index Scan using by_v" in explained(database, NEAREST)
        shares.append(recall(found(database), EXACT))
        assert shares[-1] >= wanted - 0.2 * (1 - wanted)
    assert shares[0] < 0.95
    database.execute("SET heliosdb.vector_recall = 0")
    assert recall(found(database), EXACT) < 0.5


def test_one_is_exact_and_no_index_is_asked(database: EmbeddedDatabase) -> None:
    database.execute("CREATE INDEX by_v ON items USING hnsw (v)")
    database.execute("SET heliosdb.vector_recall = 1")
    assert found(database) == EXACT
    assert "by_v: heliosdb.vector_recall = 1 asks for the exact order" in explained(database, NEAREST)
    # A plan that was made before is not used again.
    database.execute("RESET heliosdb.vector_recall")
    assert "Index Scan using by_v" in explained(database, NEAREST)


def test_what_quantization_finds_is_not_measured_and_so_not_trusted(database: EmbeddedDatabase) -> None:
    database.execute("CREATE INDEX by_v ON items USING hnsw (v) WITH (quantization = 'scalar')")
    database.execute("SET heliosdb.vector_recall = 0.9")
    assert found(database) == EXACT
    assert "what an index with quantization finds is not measured" in explained(database, NEAREST)


def test_the_curve_is_measured_again_when_there_are_many_more(database: EmbeddedDatabase) -> None:
    database.execute(f"CREATE TABLE grown (id int PRIMARY KEY, v vector({DIMENSIONS}))")
    database.execute("INSERT INTO grown SELECT id, v FROM items WHERE id < 700")
    database.execute("CREATE INDEX ON grown USING hnsw (v) WITH (m = 4)")
    database.execute("SET heliosdb.vector_recall = 0.95")
    query = "SELECT id FROM grown ORDER BY v <-> $1 LIMIT 10"
    some = [np.argsort(np.linalg.norm(VECTORS[:700] - vector, axis=1))[:10].tolist() for vector in QUERIES]
    assert recall(found(database, query), some) >= 0.92
    database.execute("INSERT INTO grown SELECT id, v FROM items WHERE id >= 700")
    assert recall(found(database, query), EXACT) >= 0.92
    # More are deleted than stay, and nothing of them is found.
    database.execute("DELETE FROM grown WHERE id >= 300")
    few = [np.argsort(np.linalg.norm(VECTORS[:300] - vector, axis=1))[:10].tolist() for vector in QUERIES]
    assert recall(found(database, query), few) >= 0.92
    database.execute("DROP TABLE grown")


@pytest.mark.parametrize("index", ["hnsw (v)", "hnsw (v) WITH (backend = faiss)", "ivf (v)"])
def test_an_index_of_which_all_is_gone_is_exact_until_it_is_measured(database: EmbeddedDatabase, index: str) -> None:
    database.execute(f"CREATE TABLE emptied (id int PRIMARY KEY, v vector({DIMENSIONS}))")
    database.execute("INSERT INTO emptied SELECT id, v FROM items WHERE id < 1500")
    database.execute(f"CREATE INDEX ON emptied USING {index}")
    database.execute("SET heliosdb.vector_recall = 0.9")
    query = "SELECT id FROM emptied ORDER BY v <-> $1 LIMIT 10"
    try:
        with database.begin_transaction() as reader:
            # Somebody reads what was, so that nothing is forgotten yet.
            assert len(reader.query(query, [QUERIES[0]])) == 10
            database.execute("DELETE FROM emptied")
            assert found(database, query) == [[]] * len(QUERIES)
            assert len(reader.query(query, [QUERIES[0]])) == 10
            reader.rollback()
        database.execute("VACUUM emptied")
        assert found(database, query) == [[]] * len(QUERIES)
        database.execute("INSERT INTO emptied SELECT id, v FROM items WHERE id < 40")
        some = [np.argsort(np.linalg.norm(VECTORS[:40] - vector, axis=1))[:10].tolist() for vector in QUERIES]
        assert found(database, query) == some
    finally:
        database.execute("DROP TABLE emptied")


def test_who_measures_while_vectors_go_gets_an_answer(database: EmbeddedDatabase) -> None:
    database.execute(f"CREATE TABLE going (id int PRIMARY KEY, v vector({DIMENSIONS}))")
    database.execute("INSERT INTO going SELECT id, v FROM items")
    database.execute("CREATE INDEX ON going USING hnsw (v)")
    query = "SELECT id FROM going ORDER BY v <-> $1 LIMIT 10"
    lengths: list[int] = []

    def search() -> None:
        session = database.session()
        for wanted in (0.5, 0.8, 0.9, 0.95, 0.99):
            session.execute(f"SET heliosdb.vector_recall = {wanted}")
            lengths.append(len(session.execute(query, [QUERIES[0]])[-1].rows))
        session.close()

    reader = Thread(target=search)
    reader.start()
    for first in range(0, 3000, 100):
        database.execute(f"DELETE FROM going WHERE id BETWEEN {first} AND {first + 99}")
    reader.join()
    database.execute("DROP TABLE going")
    assert lengths == [10] * 5


def test_values_that_are_no_part_are_refused(database: EmbeddedDatabase) -> None:
    for wrong in ("-0.1", "1.01", "'NaN'", "'many'"):
        with pytest.raises(InvalidParameterValue):
            database.execute(f"SET heliosdb.vector_recall = {wrong}")


def test_settings_of_other_vector_stores_are_not_ignored(database: EmbeddedDatabase) -> None:
    for name in ("hnsw.iterative_scan", "ivfflat.max_probes", "heliosdb.vector_recal"):
        with pytest.raises(InvalidName, match=f'invalid configuration parameter name "{name}"') as raised:
            database.execute(f"SET {name} = 1")
        assert raised.value.sqlstate == "42602"
        assert "is a reserved prefix" in str(raised.value.detail)
    database.execute("SET another.name = 1")
    assert database.query("SHOW another.name")[0][0] == "1"


REASONS: dict[str, str] = {
    "SELECT id FROM items ORDER BY v <=> $1 LIMIT 3": "it gives the order of <->, and the sort is by something else",
    "SELECT id FROM items ORDER BY 1 - (v <-> $1) DESC LIMIT 3": "the sort is by something else",
    "SELECT id FROM items ORDER BY v <-> $1 DESC LIMIT 3": "it gives the nearest first and NULLs last",
    "SELECT id FROM items ORDER BY v <-> $1": "all rows are wanted: there is no LIMIT",
    "SELECT id FROM items ORDER BY v <-> v LIMIT 3": "not from a value that is the same for all rows",
    "SELECT id FROM items WHERE kind = 7 ORDER BY v <-> $1 LIMIT 3": "it would cost ",
    "SELECT id FROM items WHERE v <-> $1 < 1": "does not promise all that satisfy a condition",
}


@pytest.mark.parametrize("query", REASONS)
def test_explain_says_why_an_index_is_not_used(database: EmbeddedDatabase, query: str) -> None:
    database.execute("CREATE INDEX by_v ON items USING hnsw (v)")
    shown = explained(database, query)
    assert "Index Scan using by_v" not in shown
    (line,) = [line for line in shown.splitlines() if "Index Not Used: by_v: " in line]
    assert REASONS[query] in line


def test_a_partial_index_says_what_it_needs(database: EmbeddedDatabase) -> None:
    database.execute("CREATE INDEX by_v ON items USING hnsw (v) WHERE kind < 5")
    assert "by_v: the condition does not imply its predicate" in explained(database, NEAREST)


def test_plans_of_subqueries_are_shown(database: EmbeddedDatabase, exactly: Callable[..., list[int]]) -> None:
    database.execute("CREATE INDEX by_v ON items USING hnsw (v)")
    shown = explained(
        database, "SELECT id, ARRAY(SELECT n.id FROM items n ORDER BY n.v <-> i.v LIMIT 2) FROM items i WHERE id < 3"
    )
    assert "SubPlan: Limit" in shown
    assert "Index Scan using by_v on items n" in shown


@pytest.mark.parametrize(
    ("options", "least", "most"),
    [
        ("hnsw (v vector_l2_ops) WITH (quantization = 'scalar')", 0.98, 1.0),
        ("hnsw (v vector_l2_ops) WITH (quantization = 'product', pq_subquantizers = 1, pq_centroids = 16)", 0.0, 0.9),
        ("ivf (v vector_l2_ops) WITH (lists = 40)", 0.05, 0.95),
        ("ivf (v vector_cosine_ops) WITH (lists = 1)", 1.0, 1.0),
        ("hnsw (v vector_l2_ops)", None, None),
    ],
)
def test_the_statistics_say_what_codes_and_lists_find(
    tmp_path: Path, options: str, least: float | None, most: float | None
) -> None:
    path = str(tmp_path / "db")
    query = "SELECT recall FROM pg_vector_index_stats"
    with EmbeddedDatabase(path, plugins=["vector"], strict=True) as database:
        fill(database, clustered(9, 1500, 16))
        database.execute(f"CREATE INDEX by_v ON items USING {options}")
        ((recall,),) = database.query(query)
        if least is None or most is None:
            assert recall is None
        else:
            assert least <= recall <= most
    with EmbeddedDatabase(path, plugins=["vector"], strict=True) as database:
        assert database.query(query) == [(recall,)]
