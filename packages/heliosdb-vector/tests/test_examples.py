"""What descriptions of HeliosDB say about vectors, as it is written there; only their ``...`` are filled in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import heliosdb_vector as hv
from heliosdb import EmbeddedDatabase
from heliosdb.errors import DataException, DuplicateTable, SqlSyntaxError
from heliosdb_vector.hybrid import FilterOp, HybridQuery, HybridSearchEngine

RANDOM = np.random.default_rng(61)


def filled(start: str, dimensions: int) -> list[float]:
    """Return the numbers that an example begins with, and as many more as it leaves out."""
    given = [float(number) for number in start.split(",")]
    return [*given, *RANDOM.normal(size=dimensions - len(given)).round(4).tolist()]


def text(numbers: Any) -> str:
    return f"[{', '.join(map(str, numbers))}]"


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=["vector"], strict=True) as made:
        yield made


def test_semantic_search_in_applications(db: EmbeddedDatabase) -> None:
    db.execute("CREATE TABLE documents ( id SERIAL, content TEXT, embedding VECTOR(1536));")
    db.execute("CREATE INDEX idx_embedding ON documents USING hnsw (embedding vector_cosine_ops);")
    near, far = filled("0.1, 0.2", 1536), filled("0.9, -0.4", 1536)
    db.execute(f"INSERT INTO documents VALUES (1, 'text', array{near});")
    db.execute(f"INSERT INTO documents VALUES (2, 'other', array{far});")
    question = [0.15, 0.25, *near[2:]]
    rows = db.query(
        f"SELECT id, content, embedding <=> ARRAY{question} AS distance FROM documents ORDER BY distance LIMIT 10;"
    )
    assert [tuple(row)[:2] for row in rows] == [(1, "text"), (2, "other")]
    assert 0 <= rows[0]["distance"] < 1e-3 < rows[1]["distance"] <= 2


def test_tables_and_indexes_of_every_spelling(db: EmbeddedDatabase) -> None:
    db.execute("CREATE TABLE documents ( id INT PRIMARY KEY, content TEXT, embedding VECTOR(384) );")
    for index in (
        "CREATE INDEX idx_doc_embeddings ON documents USING hnsw (embedding vector_cosine_ops);",
        "CREATE INDEX idx_doc_embeddings ON documents USING hnsw (embedding vector_l2_ops);",
        "CREATE INDEX idx_doc_embeddings ON documents USING hnsw (embedding vector_ip_ops);",
        "CREATE INDEX idx_doc_embeddings ON documents USING hnsw (embedding vector_cosine_ops) "
        "WITH ( quantization = 'product', pq_subquantizers = 8, pq_centroids = 256);",
        "CREATE INDEX idx_doc_embeddings ON documents USING hnsw (embedding distance_ops) WITH ( "
        "m = 16, -- HNSW connection count\n ef_construction = 200, -- Build quality\n "
        "quantization = 'pq', -- Optional compression\n pq_subquantizers = 8 -- PQ settings\n);",
        "CREATE INDEX idx_doc_embeddings ON documents USING hnsw (embedding vector_cosine_ops) "
        "WITH (quantization = 'product', pq_subquantizers = 8);",
        "CREATE INDEX idx_doc_embeddings ON documents USING hnsw (embedding vector_cosine_ops) "
        "WITH ( m = 16, -- Graph connectivity\n ef_construction = 200 -- Build quality\n);",
    ):
        db.execute(index)
        (row,) = db.query("SELECT * FROM pg_vector_index_stats")
        assert [tuple(other) for other in db.query("SELECT * FROM pg_vector_index_stats();")] == [tuple(row)]
        assert tuple(row)[:4] == ("idx_doc_embeddings", 0, 384, "product" if "quantization" in index else "none")
        with pytest.raises(DuplicateTable):
            db.execute(index)
        db.execute("DROP INDEX idx_doc_embeddings")


def test_an_index_without_a_table_is_a_syntax_error(db: EmbeddedDatabase) -> None:
    with pytest.raises(SqlSyntaxError, match='at or near "WITH"') as raised:
        db.execute("CREATE INDEX idx WITH (quantization = 'product', pq_subquantizers = 8);")
    assert raised.value.sqlstate == "42601"


def test_search_by_literals_filters_and_thresholds(db: EmbeddedDatabase) -> None:
    db.execute(
        "CREATE TABLE documents ( id INT PRIMARY KEY, content TEXT, category TEXT, published_date DATE, "
        "embedding VECTOR(384) -- 384 dimensions (common for embeddings)\n);"
    )
    db.execute("CREATE INDEX idx_doc_embeddings ON documents USING hnsw (embedding vector_cosine_ops);")
    first, second = filled("0.12, 0.34, 0.56", 384), filled("0.15, 0.38, 0.52", 384)
    db.execute(
        "INSERT INTO documents (id, content, embedding) VALUES "
        f"(1, 'Machine learning basics', '{text(first)}'), (2, 'Deep learning tutorial', '{text(second)}');"
    )
    db.execute("UPDATE documents SET category = 'technology', published_date = date '2025-06-01' + id")
    values = [
        f"({number}, 'more', '{('music', 'technology')[number % 2]}', '2024-01-01', '{text(filled('1', 384))}')"
        for number in range(3, 60)
    ]
    db.execute(f"INSERT INTO documents VALUES {', '.join(values)}")
    question = [0.1, 0.2, 0.3, *first[3:]]
    nearest = db.query(
        f"SELECT id, content, embedding <=> '{text(question)}' AS distance FROM documents ORDER BY distance LIMIT 10;"
    )
    assert len(nearest) == 10
    assert nearest[0]["content"] == "Machine learning basics"
    rows = db.query(
        "SELECT id, content, embedding <=> $1 AS distance FROM documents "
        "WHERE category = 'technology' AND published_date > '2025-01-01' ORDER BY distance LIMIT 10;",
        [question],
    )
    assert [row["id"] for row in rows] == [1, 2]
    rows = db.query(
        "SELECT id, content, embedding <=> $1 AS distance FROM documents WHERE (embedding <=> $1) < 0.3 "
        "-- Distance threshold\nORDER BY distance;",
        [question],
    )
    assert [row["id"] for row in rows] == [1]
    for operator in ("<->", "<=>", "<#>", "<+>"):
        (row,) = db.query(f"SELECT id FROM documents ORDER BY embedding {operator} $1 LIMIT 1", [first])
        assert row["id"] == 1 or operator == "<#>"
    with pytest.raises(DataException, match="expected 384 dimensions, not 3"):
        db.execute("INSERT INTO documents (id, embedding) VALUES (100, '[0.1, 0.2, 0.3]')")


def test_retrieval_for_generated_answers(tmp_path: Path) -> None:
    def get_embedding(words: str) -> list[float]:
        counts = np.zeros(1536)
        for word in words.lower().split():
            counts[sum(map(ord, word)) % 1536] += 1
        return counts.tolist()

    with EmbeddedDatabase(str(tmp_path / "rag_db")) as db:
        db.execute(
            " CREATE TABLE knowledge_base ( id BIGINT PRIMARY KEY, source TEXT, content TEXT, "
            "embedding VECTOR(1536) -- OpenAI embeddings\n )"
        )
        db.execute(
            " CREATE INDEX idx_kb_embeddings ON knowledge_base USING hnsw (embedding vector_cosine_ops) "
            "WITH (quantization = 'product', pq_subquantizers = 8)"
        )
        for number, content in enumerate(["cats hunt at night", "graphs have nodes", "night trains run late"]):
            db.execute(
                "INSERT INTO knowledge_base (id, source, content, embedding) "
                f"VALUES ({number}, 'docs', '{content}', '{text(get_embedding(content))}')"
            )
    with EmbeddedDatabase(str(tmp_path / "rag_db")) as db:
        question = text(get_embedding("what hunt at night"))
        results = db.query(f"SELECT content FROM knowledge_base ORDER BY embedding <=> '{question}' LIMIT 5", [])
        assert results[0][0] == "cats hunt at night"
        assert len(results) == 3


def test_distances_and_arithmetic_by_name(db: EmbeddedDatabase) -> None:
    db.execute("CREATE TABLE documents ( id INTEGER PRIMARY KEY, title TEXT, content TEXT, embedding VECTOR(384) )")
    king, man, woman, queen = (RANDOM.normal(size=384).tolist() for _ in range(4))
    queen = (np.array(king) - man + woman + 0.01 * np.array(queen)).tolist()
    for number, (title, vector) in enumerate({"king": king, "man": man, "woman": woman, "queen": queen}.items()):
        db.execute("INSERT INTO documents VALUES ($1, $2, '', $3)", (number, title, vector))
    db.execute("CREATE INDEX ON documents USING hnsw (embedding vector_cosine_ops)")
    rows = db.query(
        " SELECT title, vector_distance( embedding, vector_add( vector_subtract($1, $2), $3 ), 'cosine' ) "
        "as similarity FROM documents ORDER BY similarity ASC LIMIT 5",
        (king, man, woman),
    )
    assert rows[0]["title"] == "queen"
    rows = db.query(
        " SELECT title, vector_distance(embedding, $1, 'cosine') as cosine_dist, "
        "vector_distance(embedding, $2, 'euclidean') as euclidean_dist, "
        "vector_distance(embedding, $3, 'manhattan') as manhattan_dist FROM documents",
        (king, king, king),
    )
    other = np.array(man, np.float32) - np.array(king, np.float32)
    (row,) = [row for row in rows if row["title"] == "man"]
    assert row["euclidean_dist"] == pytest.approx(float(np.linalg.norm(other)), rel=1e-5)
    assert row["manhattan_dist"] == pytest.approx(float(np.abs(other).sum()), rel=1e-5)
    query = (
        " SELECT id, title, content, vector_distance(embedding, $1, 'cosine') as similarity FROM documents "
        "ORDER BY similarity ASC LIMIT 10"
    )
    assert db.query(query, (queen,))[0]["title"] == "queen"
    shown = "\n".join(row[0] for row in db.query("EXPLAIN " + query.replace("$1", f"'{text(queen)}'")))
    assert "Index Scan using documents_embedding_idx" in shown
    for vector, title in ((king, "king"), (woman, "woman")):
        rows = db.query(
            " SELECT id, title FROM documents WHERE vector_distance(embedding, $1, 'cosine') < 0.3", (vector,)
        )
        assert title in [row["title"] for row in rows]


def test_vectors_are_added_to_a_table_that_is_there(db: EmbeddedDatabase) -> None:
    db.execute("CREATE TABLE articles (id INTEGER PRIMARY KEY, title TEXT, content TEXT)")
    db.execute("INSERT INTO articles SELECT n, 'title', 'content ' || n FROM generate_series(1, 40) AS n")
    db.execute("ALTER TABLE articles ADD COLUMN embedding VECTOR(384)")
    for row in db.query("SELECT id, content FROM articles"):
        db.execute("UPDATE articles SET embedding = $1 WHERE id = $2", (filled(str(row["id"]), 384), row["id"]))
    db.execute("CREATE INDEX idx ON articles USING hnsw (embedding vector_cosine_ops);")
    vector = db.query("SELECT embedding FROM articles WHERE id = 17")[0][0]
    (row,) = db.query(
        " SELECT id, title, vector_distance(embedding, $1, 'cosine') as similarity FROM articles "
        "ORDER BY similarity LIMIT 1",
        (vector,),
    )
    assert (row["id"], row["similarity"]) == (17, pytest.approx(0, abs=1e-6))


def test_methods_of_a_database(db: EmbeddedDatabase) -> None:
    db.execute("CREATE TABLE documents (id int PRIMARY KEY, content text, embedding vector(8))")
    for number in range(30):
        db.execute("INSERT INTO documents VALUES ($1, 'text', $2)", (number, filled(str(number), 8)))
    db.create_vector_index("documents", "embedding", hv.VectorIndexConfig(m=16, ef_construction=200))  # type: ignore[attr-defined]
    query = list(db.query("SELECT embedding FROM documents WHERE id = 5")[0][0])
    results = db.vector_search("documents", query, top_k=5)  # type: ignore[attr-defined]
    assert len(results) == 5
    assert results[0].row == {"id": 5, "content": "text"}


def test_indexes_without_a_database() -> None:
    index = hv.HnswIndex(768, 16, 200, hv.DistanceMetric.Cosine)
    embedding = filled("0.1, 0.2, 0.3", 768)
    index.insert(12345, embedding)
    for number in range(20):
        index.insert(number, filled("0.5", 768))
    results = index.search([0.15, 0.25, 0.35, *embedding[3:]], 10)
    assert results[0][0] == 12345
    assert [distance for _, distance in results] == sorted(distance for _, distance in results)
    for effort in (500, 50):
        index.set_ef(effort)
        assert index.search(embedding, 1)[0][0] == 12345
    assert index.remove(12345) is True
    assert index.remove(12345) is False
    for links, effort, searched in ((32, 400, 500), (8, 100, 50)):
        tuned = hv.HnswIndex(768, links, effort, hv.DistanceMetric.Cosine)
        tuned.set_ef(searched)
        tuned.insert(1, embedding)
        assert tuned.search(embedding, 3)[0][0] == 1
    training = RANDOM.normal(size=(600, 768)).tolist()
    lists = hv.IvfIndex(768, 16, hv.QuantizationType.ProductQuantization, hv.DistanceMetric.L2)
    with pytest.raises(hv.IndexNotTrained):
        lists.insert(1, training[0])
    lists.train(training)
    for number, vector in enumerate(training[:50]):
        lists.insert(number, vector)
    assert lists.search(training[7], 1)[0][0] == 7
    with pytest.raises(hv.DimensionMismatch, match="expected 768 dimensions, not 2"):
        lists.search([1.0, 2.0], 1)
    assert hv.euclidean_distance([0, 0], [3, 4]) == 5
    assert hv.cosine_distance([1, 0], [0, 2]) == 1
    assert hv.dot_product([1, 2], [3, 4]) == 11


def test_hybrid_queries_with_filters(db: EmbeddedDatabase) -> None:
    pytest.importorskip("bm25s")
    db.execute("CREATE TABLE articles (id int PRIMARY KEY, category text, body text, embedding vector(8))")
    bodies = ["machine learning at home", "learning to cook", "a machine for cooks", "deep machine learning"]
    for number, body in enumerate(bodies):
        category = "AI" if "learning" in body and "machine" in body else "food"
        db.execute("INSERT INTO articles VALUES ($1, $2, $3, $4)", (number, category, body, filled(str(number), 8)))
    engine = HybridSearchEngine(hv.SearchConfig(db, "articles", text="body"))
    query = HybridQuery(
        vector=filled("0.1, 0.2", 8), text="machine learning", filters=[FilterOp.Eq("category", "AI")], limit=10
    )
    assert {result.row["body"] for result in engine.search(query)} == {bodies[0], bodies[3]}
