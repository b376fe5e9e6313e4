"""Indexes over sparsevec: written out where that is short, hashed where it is long; distances by column."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.errors import InvalidParameterValue
from heliosdb.spi import ColumnValues
from heliosdb_vector import SparseVector, columns, distances
from heliosdb_vector.sparse import SPARSEVEC

from .conftest import ids, recall

OPERATORS = {"l2": "<->", "ip": "<#>", "cosine": "<=>", "l1": "<+>"}


def sparse(seed: int, count: int, dimensions: int, numbers: int = 40) -> list[SparseVector]:
    """Return vectors about some of a few subjects, each with places of its own."""
    random = np.random.default_rng(seed)
    subjects = np.random.default_rng(7).choice(dimensions, (30, numbers))
    made = []
    for _ in range(count):
        places = {*random.choice(subjects[random.integers(30)], numbers // 2).tolist()}
        places |= {*random.choice(dimensions, numbers // 4).tolist()}
        made.append(SparseVector({place: float(random.random() + 0.1) for place in sorted(places)}, dimensions))
    return made


def fill(database: EmbeddedDatabase, vectors: list[SparseVector]) -> None:
    database.execute(f"CREATE TABLE items (id int PRIMARY KEY, v sparsevec({vectors[0].dimensions()}))")
    with database.begin_transaction() as transaction:
        for number, vector in enumerate(vectors):
            transaction.execute("INSERT INTO items VALUES ($1, $2)", [number, vector])
        transaction.commit()


@pytest.mark.parametrize(("measure", "dimensions"), [(name, 300) for name in OPERATORS] + [
    (name, 30522) for name in ("l2", "ip", "cosine")
])  # fmt: skip
def test_the_index_finds_what_exact_search_finds(
    database: EmbeddedDatabase, exactly: Callable[..., list[int]], measure: str, dimensions: int
) -> None:
    fill(database, sparse(1, 1500, dimensions))
    database.execute(f"CREATE INDEX by_v ON items USING hnsw (v sparsevec_{measure}_ops)")
    database.execute("SET hnsw.ef_search = 100")
    query = f"SELECT id FROM items ORDER BY v {OPERATORS[measure]} $1 LIMIT 10"
    shown = "\n".join(row[0] for row in database.query("EXPLAIN " + query, [sparse(2, 1, dimensions)[0]]))
    assert "Index Scan using by_v" in shown
    questions = sparse(3, 20, dimensions)
    found = [ids(database, query, [vector]) for vector in questions]
    exact = [exactly(database, query, [vector]) for vector in questions]
    assert recall(found, exact) >= 0.9
    database.execute("UPDATE items SET v = $1 WHERE id = 77", [questions[0]])
    if measure != "ip":
        assert ids(database, query, [questions[0]])[0] == 77


def test_an_index_is_kept_and_counted(tmp_path: Path) -> None:
    vectors = sparse(1, 1200, 30522)
    query = "SELECT id FROM items ORDER BY v <-> $1 LIMIT 1"
    with EmbeddedDatabase(str(tmp_path / "db"), plugins=["vector"]) as database:
        fill(database, vectors)
        database.create_vector_index("items", "v")  # type: ignore[attr-defined]
        database.execute("CREATE INDEX by_l2 ON items USING hnsw (v) WITH (quantization = 'scalar')")
    with EmbeddedDatabase(str(tmp_path / "db"), plugins=["vector"]) as database:
        assert [ids(database, query, [vectors[number]]) for number in (5, 900)] == [[5], [900]]
        stats = database.query("SELECT num_vectors, dimensions, bytes_per_vector FROM pg_vector_index_stats ORDER BY 3")
        assert [tuple(row) for row in stats] == [(1200, 30522, 1024.0), (1200, 30522, 4096.0)]


def test_taxicab_distances_of_long_vectors_are_not_guessed(database: EmbeddedDatabase) -> None:
    database.execute("CREATE TABLE items (v sparsevec(5000), w sparsevec)")
    wrong = "takes sparsevec of 1024 dimensions at most, not 5000"
    with pytest.raises(InvalidParameterValue, match=wrong):
        database.execute("CREATE INDEX ON items USING hnsw (v sparsevec_l1_ops)")
    database.execute("CREATE INDEX ON items USING hnsw (w sparsevec_l1_ops)")
    with pytest.raises(InvalidParameterValue, match=wrong):
        database.execute("INSERT INTO items (w) VALUES ('{1:1}/5000')")
    assert database.query("SELECT count(*) FROM items")[0][0] == 0


DISTANCES = ("l2_distance", "inner_product", "negative_inner_product", "cosine_distance", "l1_distance")


@pytest.mark.parametrize("name", DISTANCES)
def test_distances_of_a_column_are_those_of_its_vectors(name: str) -> None:
    vectors = [vector.to_text() for vector in sparse(4, 40, 200)]
    data = [SPARSEVEC.input(text) for text in [*vectors, "{}/200", "{1:3e38,200:-3e38}/200"]]
    column = ColumnValues([(datum,) for datum in data], 0)
    for other in (data[0], data[-1], data[-2], SPARSEVEC.input("{7:1.5}/200")):
        single: Any = getattr(distances.SPARSEVECS, name)
        many: Any = getattr(columns.SPARSEVECS, name)
        assert repr(many(column, other).tolist()) == repr([single(datum, other) for datum in data])
        if name != "cosine_distance":
            written = [np.array(SparseVector.from_text(SPARSEVEC.output(d)).to_list()) for d in (*data, other)]
            rows, query = np.array(written[:-1]), written[-1]
            expected = {
                "l2_distance": np.linalg.norm(rows - query, axis=1),
                "inner_product": rows @ query,
                "negative_inner_product": -(rows @ query),
                "l1_distance": np.abs(rows - query).sum(axis=1),
            }[name]
            assert many(column, other) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert getattr(columns.SPARSEVECS, name)(column, SPARSEVEC.input("{1:1}/201")) is None
    mixed = ColumnValues([(data[0],), (SPARSEVEC.input("{1:1}/201"),)], 0)
    assert getattr(columns.SPARSEVECS, name)(mixed, data[0]) is None


def test_equal_vectors_have_no_distance() -> None:
    for vector in sparse(5, 30, 5000):
        datum = SPARSEVEC.input(vector.to_text())
        assert distances.SPARSEVECS.l2_distance(datum, datum) == 0
        assert distances.SPARSEVECS.l1_distance(datum, datum) == 0
