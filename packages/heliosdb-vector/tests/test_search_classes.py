"""The Python classes and methods: indexes without a database, ``db.vector_search``, hybrid search, statistics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import heliosdb_vector as hv
from heliosdb import EmbeddedDatabase
from heliosdb.errors import (
    AmbiguousColumn,
    DatabaseError,
    DataException,
    InvalidParameterValue,
    UndefinedColumn,
    UndefinedTable,
)

VECTORS = np.random.default_rng(2).normal(size=(1500, 12)).astype(np.float32)
QUERIES = np.random.default_rng(3).normal(size=(30, 12)).astype(np.float32)
METRICS = {
    hv.DistanceMetric.L2: lambda q: np.linalg.norm(VECTORS - q, axis=1),
    hv.DistanceMetric.Cosine: lambda q: 1 - VECTORS @ q / np.linalg.norm(VECTORS, axis=1) / np.linalg.norm(q),
    hv.DistanceMetric.InnerProduct: lambda q: -VECTORS @ q,
    hv.DistanceMetric.Manhattan: lambda q: np.abs(VECTORS - q).sum(axis=1),
}


@pytest.fixture
def database() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=["vector"], strict=True) as made:
        yield made


def shares(index: hv.HnswIndex | hv.IvfIndex, metric: hv.DistanceMetric) -> float:
    """Return the recall of ten neighbours; distances are compared with the exact ones on the way."""
    found = 0
    for query in QUERIES:
        exact = METRICS[metric](query)
        result = index.search(query, 10)
        assert len(result) == 10
        assert [distance for _, distance in result] == sorted(distance for _, distance in result)
        assert [distance for _, distance in result] == pytest.approx([exact[key] for key, _ in result], abs=1e-4)
        found += len({key for key, _ in result} & set(np.argsort(exact)[:10].tolist()))
    return found / (10 * len(QUERIES))


@pytest.mark.parametrize("metric", METRICS)
def test_a_graph_finds_the_nearest(metric: hv.DistanceMetric) -> None:
    index = hv.HnswIndex(12, m=16, ef_construction=200, metric=metric)
    for key, vector in enumerate(VECTORS):
        index.insert(key, vector)
    index.set_ef(500)
    assert shares(index, metric) >= 0.95


def test_lists_find_the_nearest_once_they_are_trained() -> None:
    index = hv.IvfIndex(12, 16, hv.QuantizationType.ScalarQuantization, hv.DistanceMetric.L2)
    with pytest.raises(hv.IndexNotTrained):
        index.insert(1, VECTORS[0])
    with pytest.raises(InvalidParameterValue, match="too few"):
        index.train(VECTORS[:3])
    index.train(VECTORS[:500])
    for key, vector in enumerate(VECTORS):
        index.insert(key, vector.tolist())
    index.set_probes(16)
    assert shares(index, hv.DistanceMetric.L2) >= 0.95


def test_what_is_removed_or_replaced_is_not_found_any_more() -> None:
    index = hv.HnswIndex(12)
    for key, vector in enumerate(VECTORS):
        index.insert(key, vector)
    assert index.search(VECTORS[7], 1) == [(7, 0.0)]
    assert index.remove(7)
    assert not index.remove(7)
    assert index.search(VECTORS[7], 1)[0][0] != 7
    index.insert(8, VECTORS[7])
    assert index.search(VECTORS[7], 1) == [(8, 0.0)]
    for key in range(9, 1500):
        assert index.remove(key)
    assert len(index) == 8
    assert len(index.search(VECTORS[3], 100)) == 8


def test_bits() -> None:
    for metric in (hv.DistanceMetric.Hamming, hv.DistanceMetric.Jaccard):
        index = hv.HnswIndex(16, metric=metric)
        for key, vector in enumerate(VECTORS[:, :8] > 0):
            index.insert(key, [*vector, *vector])
        (best, distance), *_ = index.search([*(VECTORS[5, :8] > 0), *(VECTORS[5, :8] > 0)], 3)
        assert distance == 0.0
        assert ((VECTORS[best, :8] > 0) == (VECTORS[5, :8] > 0)).all()


def test_wrong_parameters_say_what_is_wrong() -> None:
    with pytest.raises(hv.InvalidParameter, match="0 dimensions"):
        hv.HnswIndex(0)
    with pytest.raises(hv.InvalidParameter):
        hv.HnswIndex(3, m=1)
    with pytest.raises(hv.InvalidParameter):
        hv.IvfIndex(3, 0)
    wrong: Any = "l2"
    for make in (lambda: hv.HnswIndex(3, metric=wrong), lambda: hv.IvfIndex(3, 2, metric=wrong)):
        with pytest.raises(hv.InvalidParameter, match="'l2' is no metric") as raised:
            make()
        assert "DistanceMetric.L2, " in (raised.value.hint or "")
    index = hv.HnswIndex(3)
    wrong = "a"
    with pytest.raises(hv.InvalidParameter, match="the id of a vector is an int, not str"):
        index.insert(wrong, [1, 2, 3])
    with pytest.raises(hv.DimensionMismatch, match="expected 3 dimensions, not 2"):
        index.insert(1, [1, 2])
    with pytest.raises(DataException, match="NaN"):
        index.insert(1, [1, 2, float("nan")])
    with pytest.raises(hv.InvalidParameter):
        index.search([1, 2, 3], 0)
    assert index.search([1, 2, 3], 5) == []
    assert hv.euclidean_distance([0, 0], [3, 4]) == 5.0
    assert hv.cosine_distance([1, 0], [0, 2]) == 1.0
    assert hv.dot_product([1, 2, 3], [4, 5, 6]) == 32.0


def test_the_databases_methods(database: EmbeddedDatabase) -> None:
    database.execute('CREATE TABLE "my docs" (id int PRIMARY KEY, "the ""title" text, v vector(12))')
    for key, vector in enumerate(VECTORS[:600]):
        database.execute('INSERT INTO "my docs" VALUES ($1, $2, $3)', [key, f"t{key}", vector])
    config = hv.VectorIndexConfig(metric="l2", m=8, ef_construction=50, quantization="scalar", name="by v")
    database.create_vector_index('"my docs"', "v", config)  # type: ignore[attr-defined]
    best, *others = database.vector_search('"my docs"', VECTORS[9], 3)  # type: ignore[attr-defined]
    assert best == hv.SearchResult({"id": 9, 'the "title': "t9"}, 0.0)
    assert len(others) == 2
    (row,) = database.query("SELECT index_name, num_vectors, quantization FROM pg_vector_index_stats")
    assert tuple(row) == ("by v", 600, "scalar")
    with pytest.raises(UndefinedTable):
        database.vector_search("nowhere", VECTORS[0])  # type: ignore[attr-defined]
    with pytest.raises(UndefinedColumn):
        database.vector_search('"my docs"', VECTORS[0], column="id")  # type: ignore[attr-defined]
    with pytest.raises(InvalidParameterValue, match="metric"):
        database.vector_search('"my docs"', VECTORS[0], metric="odd")  # type: ignore[attr-defined]
    for query, top_k, message in (
        (None, 3, "must be a row of numbers, not None"),
        (VECTORS[0], 2.5, "integer, not 2.5"),
    ):
        with pytest.raises(InvalidParameterValue, match=message):
            database.vector_search('"my docs"', query, top_k)  # type: ignore[attr-defined]
    database.execute('ALTER TABLE "my docs" ADD COLUMN w vector(2)')
    with pytest.raises(AmbiguousColumn):
        database.vector_search('"my docs"', VECTORS[0])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("operator_class", "nearest"),
    [("distance_ops", 2), ("vector_l2_ops", 2), ("vector_cosine_ops", 1), ("vector_ip_ops", 3), ("vector_l1_ops", 2)],
)
def test_a_search_takes_the_metric_of_the_index(database: EmbeddedDatabase, operator_class: str, nearest: int) -> None:
    database.execute("CREATE TABLE items (id int, v vector(2))")
    database.execute("INSERT INTO items VALUES (1, '[10,10]'), (2, '[1,0]'), (3, '[30,0]')")
    database.execute(f"CREATE INDEX ON items USING hnsw (v {operator_class})")
    (found,) = database.vector_search("items", [1, 1], 1)  # type: ignore[attr-defined]
    assert found.row == {"id": nearest}


def test_statistics_of_every_kind(database: EmbeddedDatabase) -> None:
    database.execute("CREATE TABLE items (id int, v vector(12), b bit(12))")
    for key, vector in enumerate(VECTORS):
        text = "".join("01"[int(number > 0)] for number in vector)
        database.execute(f"INSERT INTO items VALUES ($1, $2, B'{text}')", [key, vector])
    database.execute("CREATE INDEX a ON items USING hnsw (v vector_cosine_ops)")
    database.execute("CREATE INDEX b ON items USING hnsw (v) WITH (quantization = 'pq', pq_subquantizers = 4)")
    database.execute("CREATE INDEX c ON items USING ivf (v) WITH (quantization = 'scalar')")
    database.execute("CREATE INDEX d ON items USING hnsw (b bit_hamming_ops)")
    database.execute("CREATE TABLE empty (v vector(3))")
    database.execute("CREATE INDEX e ON empty USING hnsw (v)")
    query = (
        "SELECT index_name, num_vectors, dimensions, quantization, method, metric, bytes_per_vector, compression_ratio "
        "FROM {} ORDER BY 1"
    )
    rows = [tuple(row) for row in database.query(query.format("pg_vector_index_stats"))]
    assert rows == [
        ("a", 1500, 12, "none", "hnsw", "cosine", 48.0, 1.0),
        ("b", 1500, 12, "product", "hnsw", "l2", 4.0, 12.0),
        ("c", 1500, 12, "scalar", "ivf", "l2", 12.0, 4.0),
        ("d", 1500, 12, "none", "hnsw", "hamming", 2.0, 1.0),
        ("e", 0, 3, "none", "hnsw", "l2", 12.0, 1.0),
    ]
    assert [tuple(row) for row in database.query(query.format("pg_vector_index_stats()"))] == rows
    database.execute("DELETE FROM items WHERE id < 100")
    (row,) = database.query("SELECT num_vectors, memory_bytes FROM pg_vector_index_stats WHERE index_name = 'a'")
    assert row[0] == 1400
    assert row[1] > 1400 * 48


@pytest.fixture
def library(database: EmbeddedDatabase) -> EmbeddedDatabase:
    database.execute("CREATE TABLE docs (id int PRIMARY KEY, category text, body text, v vector(2))")
    rows = [
        (1, "AI", "machine learning with neural networks", [1.0, 0.0]),
        (2, "AI", "learning to cook", [0.9, 0.1]),
        (3, "food", "machine made noodles", [0.0, 1.0]),
        (4, "AI", "graphs and trees", [0.95, 0.05]),
        (5, "AI", None, [0.99, 0.0]),
    ]
    for row in rows:
        database.execute("INSERT INTO docs VALUES ($1, $2, $3, $4)", list(row))
    return database


@pytest.mark.parametrize("fusion", hv.Fusion)
def test_hybrid_search(library: EmbeddedDatabase, fusion: hv.Fusion) -> None:
    pytest.importorskip("bm25s")
    engine = hv.HybridSearchEngine(hv.SearchConfig(library, "docs", text="body", metric="l2", fusion=fusion))
    query = hv.HybridQuery(
        vector=[1.0, 0.0], text="machine learning", filters=[hv.FilterOp.Eq("category", "AI")], limit=3
    )
    results = engine.search(query)
    assert results[0].row["id"] == 1
    assert results[0].distance == 0.0
    assert results[0].text_score is not None
    assert {result.row["category"] for result in results} == {"AI"}
    assert len(results) == 3
    assert [result.score for result in results] == sorted((result.score for result in results), reverse=True)
    words = engine.search(hv.HybridQuery(text="machine", limit=5))
    assert {result.row["id"] for result in words} == {1, 3}
    assert all(result.distance is None for result in words)
    # What is asked is the table as it is now.
    library.execute("UPDATE docs SET body = 'about machines: machine' WHERE id = 5")
    assert 5 in {result.row["id"] for result in engine.search(hv.HybridQuery(text="machine", limit=5))}
    assert engine.search(hv.HybridQuery(text="machine", filters=[hv.FilterOp.Eq("category", "none")])) == []


def test_hybrid_queries_that_make_no_sense(library: EmbeddedDatabase) -> None:
    engine = hv.HybridSearchEngine(hv.SearchConfig(library, "docs", text="body"))
    with pytest.raises(InvalidParameterValue, match="needs a vector, a text, or both"):
        engine.search(hv.HybridQuery())
    with pytest.raises(InvalidParameterValue, match="no column"):
        engine.search(hv.HybridQuery(vector=[1, 0], filters=[hv.FilterOp.Eq("x; DROP TABLE docs", 1)]))
    with pytest.raises(InvalidParameterValue, match="limit"):
        engine.search(hv.HybridQuery(vector=[1, 0], limit=0))
    with pytest.raises(InvalidParameterValue):
        hv.HybridSearchEngine(hv.SearchConfig(library, "docs", text="nothing"))


def test_fusion_in_sql(database: EmbeddedDatabase) -> None:
    (row,) = database.query("SELECT rrf_score(1), rrf_score(NULL), rrf_score(2, 0), weighted_score(0, 1), 0")
    assert tuple(row)[:4] == (1 / 61, 0.0, 0.5, 1.0)
    (row,) = database.query("SELECT weighted_score(1, 0.5, 0.8), weighted_score(NULL, 0.5), weighted_score(3, NULL, 1)")
    assert tuple(row) == pytest.approx((0.8 * 0.5 + 0.2 * 0.5, 0.25, 0.25))
    for wrong in ("rrf_score(0)", "rrf_score(1, -1)", "weighted_score(1, 1, 2)"):
        with pytest.raises(DatabaseError) as raised:
            database.query(f"SELECT {wrong}")
        assert raised.value.sqlstate == "22023"
