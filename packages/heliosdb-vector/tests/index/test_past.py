"""ORDER BY distance LIMIT k at a past commit and on branches: through the index, and with the rows of then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest

from heliosdb import Config, EmbeddedDatabase
from heliosdb.spi import IndexDefinition
from heliosdb_vector import columns, distances
from heliosdb_vector.index.entries import Entries
from heliosdb_vector.index.methods import HnswMethod

from .conftest import clustered, fill, ids

COUNT, DIMENSIONS = 1500, 16
VECTORS = clustered(21, 4 * COUNT, DIMENSIONS)
QUERIES = clustered(21, 4 * COUNT + 15, DIMENSIONS)[4 * COUNT :]
KEPT = Config(options={"temporal.time_travel_enabled": True})
SUPPORT = {"distance": distances.VECTORS.l2_distance, "distances": columns.VECTORS.l2_distance}
Rows = dict[int, Any]


@pytest.fixture
def database() -> Iterator[EmbeddedDatabase]:
    plugins = ["vector", "temporal", "branch"]
    with EmbeddedDatabase(":memory:", plugins=plugins, strict=True, config=KEPT) as made:
        fill(made, VECTORS[:COUNT])
        yield made


def now(database: EmbeddedDatabase) -> int:
    return ids(database, "SELECT heliosdb_current_scn()")[0]


def change(database: EmbeddedDatabase, rows: Rows, first: int) -> None:
    """Give two of three rows other vectors, delete some, insert some."""
    numbers = sorted(rows)
    with database.begin_transaction() as transaction:
        for place, number in enumerate(number for number in numbers if number % 3):
            rows[number] = VECTORS[first + place]
            transaction.execute("UPDATE items SET v = $2 WHERE id = $1", [number, rows[number]])
        for number in numbers[::6]:
            del rows[number]
            transaction.execute("DELETE FROM items WHERE id = $1", [number])
        for place in range(100):
            rows[first + place] = VECTORS[first + place + 700]
            transaction.execute("INSERT INTO items VALUES ($1, $1 % 100, $2)", [first + place, rows[first + place]])
        transaction.commit()


def plan(database: EmbeddedDatabase, query: str) -> str:
    return "\n".join(row[0] for row in database.query("EXPLAIN " + query.replace("$1", f"'{QUERIES[0].tolist()}'")))


def require(database: EmbeddedDatabase, rows: Mapping[int, Any], clause: str = "", *, least: float = 0.97) -> None:
    """Check the nearest rows at a point, with and without a condition, and that the index gave them."""
    numbers = np.array(sorted(rows))
    matrix = np.array([rows[number] for number in numbers])
    for condition, among in (("", numbers >= 0), ("WHERE kind < 60 ", numbers % 100 < 60)):
        query = f"SELECT id FROM items {clause} {condition}ORDER BY v <-> $1 LIMIT 10"
        assert "Index Scan using by_v" in plan(database, query)
        found = 0
        for vector in QUERIES:
            order = np.argsort(np.linalg.norm(matrix[among] - vector, axis=1), kind="stable")
            exact = numbers[among][order][:10].tolist()
            answer = ids(database, query, [vector])
            assert len(answer) == 10
            distances = [float(np.linalg.norm(rows[number] - vector)) for number in answer]
            assert distances == pytest.approx(sorted(distances))
            found += len(set(exact) & set(answer))
        assert found >= least * 10 * len(QUERIES)


@pytest.mark.parametrize("made", ["before", "after"])
def test_rows_of_a_past_commit_come_through_the_index(database: EmbeddedDatabase, made: str) -> None:
    """Also where the index was made after the rows had changed: it is given what they were."""
    if made == "before":
        database.execute("CREATE INDEX by_v ON items USING hnsw (v)")
    rows = dict(enumerate(VECTORS[:COUNT]))
    points = []
    for first in (COUNT, 2 * COUNT):
        points.append((now(database), dict(rows)))
        change(database, rows, first)
    if made == "after":
        database.execute("CREATE INDEX by_v ON items USING hnsw (v)")
    points.append((now(database), dict(rows)))
    for scn, then in points:
        require(database, then, f"AS OF SCN {scn}")
    require(database, rows)


def test_the_past_is_known_after_a_crash(tmp_path: Path) -> None:
    """The files have the index as it was at the checkpoint, the log what came later."""
    rows = dict(enumerate(VECTORS[:COUNT]))
    points = []
    with EmbeddedDatabase(str(tmp_path / "db"), plugins=["vector", "temporal"], config=KEPT) as database:
        fill(database, VECTORS[:COUNT])
        database.execute("CREATE INDEX by_v ON items USING hnsw (v)")
        points.append((now(database), dict(rows)))
        change(database, rows, COUNT)
        points.append((now(database), dict(rows)))
        database.execute("CHECKPOINT")
        change(database, rows, 2 * COUNT)
        points.append((now(database), dict(rows)))
        copytree(tmp_path / "db", tmp_path / "crashed")
    with EmbeddedDatabase(str(tmp_path / "crashed"), plugins=["vector", "temporal"], config=KEPT) as database:
        for scn, then in points:
            require(database, then, f"AS OF SCN {scn}")
        change(database, rows, COUNT + 800)
        require(database, rows)


def test_a_branch_and_its_past_come_through_the_index(database: EmbeddedDatabase) -> None:
    database.execute("CREATE INDEX by_v ON items USING hnsw (v)")
    rows = dict(enumerate(VECTORS[:COUNT]))
    start, fork_rows = now(database), dict(rows)
    database.execute("CREATE BRANCH trial")
    database.execute("USE BRANCH trial")
    change(database, rows, COUNT)
    before, then = now(database), dict(rows)
    change(database, rows, 2 * COUNT)
    require(database, rows)
    require(database, then, f"AS OF SCN {before}")
    require(database, fork_rows, f"AS OF SCN {start}")
    database.execute("USE BRANCH main")
    require(database, fork_rows)


def test_a_point_before_there_was_the_index_anywhere(database: EmbeddedDatabase) -> None:
    """Of a branch's own index the branch before it has nothing: the answer is exact."""
    start, rows = now(database), dict(enumerate(VECTORS[:COUNT]))
    database.execute("CREATE BRANCH trial")
    database.execute("USE BRANCH trial")
    database.execute("CREATE INDEX by_v ON items USING hnsw (v)")
    then = dict(rows)
    change(database, rows, COUNT)
    require(database, then, f"AS OF SCN {start}", least=1.0)
    require(database, rows)


def test_two_points_in_one_query(database: EmbeddedDatabase) -> None:
    database.execute("CREATE INDEX by_v ON items USING hnsw (v)")
    start = now(database)
    database.execute("UPDATE items SET v = (SELECT v FROM items WHERE id = 8) WHERE id = 7")
    query = (
        f"SELECT (SELECT id FROM items AS OF SCN {start} ORDER BY v <-> $1 LIMIT 1), "
        "ARRAY(SELECT id FROM items ORDER BY v <-> $1, id LIMIT 2)"
    )
    assert ids(database, query, [VECTORS[7]]) == [7]
    assert database.query(query, [VECTORS[8]])[0][1] == [7, 8]


def test_what_a_row_had_before_says_since_when_it_has_the_next() -> None:
    """As an index is built over rows: what they have, then what they had, with its end."""
    entries = Entries()
    labels = [entries.add(7, 30, 0)]
    for digest, end in ((10, 100), (20, 200)):
        labels.append(entries.add(7, digest, 0))
        entries.close(labels[-1], end)
    for scn, seen in ((50, 10), (100, 20), (199, 20), (200, 30), (300, 30)):
        (label,) = [label for label in labels if len(entries.visible(np.array([label]), scn))]
        assert entries.digest[label] == seen
    assert entries.find(7, 10) == labels[1]


def test_the_end_of_an_entry_is_the_first_one_that_is_noted() -> None:
    definition = IndexDefinition(1, 1, operator_classes=("vector_l2_ops",), support=(SUPPORT,))
    index: Any = HnswMethod().create(definition)
    vector = VECTORS[0].tobytes()
    index.apply([(7, (), (vector,))], 10)
    index.apply([(7, (vector,), ())], 20)
    index.apply([(7, (vector,), ())], 30)
    assert [end for end, _, _ in index.ended()] == [20]
