"""Indexes on a volume: opening takes up what a checkpoint has kept, after a crash as well, and damage does no harm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.verify import verify
from heliosdb_vector.index.vector_index import VectorIndex

from .conftest import clustered, fill, ids, recall

VECTORS = clustered(5, 4000, 16)
QUERIES = clustered(5, 4030, 16)[4000:]
NEAREST = "SELECT id FROM items ORDER BY v <-> $1 LIMIT 10"
INDEXES = (
    "hnsw (v) WITH (backend = faiss)",
    "hnsw (v) WITH (backend = hnswlib)",
    "hnsw (v) WITH (backend = usearch)",
    "hnsw (v) WITH (quantization = 'scalar')",
    "hnsw (v) WITH (quantization = 'product')",
    "ivf (v)",
    "ivf (v) WITH (quantization = 'pq')",
)


def index_of(database: EmbeddedDatabase) -> VectorIndex:
    """Return the engine's object of the table's vector index, read or built by now."""
    ids(database, NEAREST, [QUERIES[0]])
    (oid,) = ids(database, "SELECT 'items'::regclass::oid::int")
    found = database.database.store.main.relations[oid].indexes.values()
    (method,) = [index.method for index in found if isinstance(index.method, VectorIndex)]
    return method


def was_built(index: VectorIndex) -> bool:
    """Whether an index was built over rows: then nobody knows since when they are there."""
    return not index.known.begin[: index.known.count].any()


def checkpoint(database: EmbeddedDatabase) -> None:
    database.execute("CHECKPOINT")


@pytest.mark.parametrize("definition", INDEXES)
def test_opening_takes_up_what_was_kept(tmp_path: Path, exactly: Callable[..., list[int]], definition: str) -> None:
    for backend in ("hnswlib", "usearch"):
        if backend in definition:
            pytest.importorskip(backend)
    with EmbeddedDatabase(str(tmp_path / "db"), plugins=["vector"]) as database:
        database.execute("CREATE TABLE items (id int PRIMARY KEY, kind int, v vector(16))")
        database.execute(f"CREATE INDEX by_v ON items USING {definition}")
        with database.begin_transaction() as transaction:
            for number, vector in enumerate(VECTORS):
                transaction.execute("INSERT INTO items VALUES ($1, 0, $2)", [number, vector])
            transaction.commit()
        database.execute("SET ivfflat.probes = 8")
        assert not was_built(index_of(database))
        before = [ids(database, NEAREST, [vector]) for vector in QUERIES]
    with EmbeddedDatabase(str(tmp_path / "db"), plugins=["vector"]) as database:
        database.execute("SET ivfflat.probes = 8")
        index = index_of(database)
        assert not was_built(index)
        assert index.structure is not None
        assert [ids(database, NEAREST, [vector]) for vector in QUERIES] == before
        assert index.check((number, (vector.tobytes(),)) for number, vector in enumerate(VECTORS)) == []
        # It goes on where it was: changes after opening are found, by their new places only.
        database.execute("UPDATE items SET v = $1 WHERE id = 17", [QUERIES[0]])
        database.execute("DELETE FROM items WHERE id = $1", [before[1][0]])
        assert ids(database, NEAREST, [QUERIES[0]])[0] == 17
        assert before[1][0] not in ids(database, NEAREST, [QUERIES[1]])


def test_changes_after_a_checkpoint_are_found_in_the_rows(tmp_path: Path) -> None:
    """The log has them, and the blobs do not: a crash loses nothing, and nothing is built anew."""
    path = tmp_path / "db"
    with EmbeddedDatabase(str(path), plugins=["vector"]) as database:
        database.execute("CREATE TABLE items (id int PRIMARY KEY, kind int, v vector(16))")
        database.execute("CREATE INDEX by_v ON items USING hnsw (v)")
        with database.begin_transaction() as transaction:
            for number, vector in enumerate(VECTORS[:3000]):
                transaction.execute("INSERT INTO items VALUES ($1, 0, $2)", [number, vector])
            transaction.commit()
        checkpoint(database)
        (kept,) = path.glob("blobs-*")
        copy = tmp_path / "crashed"
        for number in range(3000, 3100):
            database.execute("INSERT INTO items VALUES ($1, 0, $2)", [number, VECTORS[number]])
        database.execute("UPDATE items SET v = $1 WHERE id = 5", [QUERIES[0]])
        database.execute("UPDATE items SET v = NULL WHERE id = 6")
        database.execute("DELETE FROM items WHERE id = 7")
        # What a crash leaves is what is in the files now.
        copy.mkdir()
        for file in path.iterdir():
            if file.is_file():
                (copy / file.name).write_bytes(file.read_bytes())
    with EmbeddedDatabase(str(copy), plugins=["vector"]) as database:
        index = index_of(database)
        assert not was_built(index)
        assert (copy / kept.name).exists()
        assert ids(database, NEAREST, [QUERIES[0]])[0] == 5
        assert ids(database, NEAREST, [VECTORS[3050]])[0] == 3050
        assert 5 not in ids(database, NEAREST, [VECTORS[5]])[:1]
        assert ids(database, NEAREST, [VECTORS[7]])[0] != 7
        current = {n: v for n, v in enumerate(VECTORS[:3100]) if n not in (5, 6, 7)} | {5: QUERIES[0]}
        assert index.check((number, (vector.tobytes(),)) for number, vector in current.items()) == []
        assert index.known.live - index.known.ended == len(current)
        # What is no more is forgotten by and by, as always.
        database.execute("UPDATE items SET kind = 1, v = $1 WHERE id = 9", [QUERIES[1]])
        database.execute("VACUUM items")
        assert index.known.ended == 0
        exact = [np.argsort([np.linalg.norm(current[n] - q) for n in sorted(current)])[:10] for q in QUERIES[2:]]
        places = sorted(current)
        found = [ids(database, NEAREST, [vector]) for vector in QUERIES[2:]]
        assert recall(found, [[places[n] for n in row] for row in exact]) >= 0.97


def test_a_small_change_does_not_write_the_index_again(tmp_path: Path) -> None:
    path = tmp_path / "db"
    with EmbeddedDatabase(str(path), plugins=["vector"]) as database:
        fill(database, VECTORS)
        database.execute("CREATE INDEX by_v ON items USING hnsw (v)")
        checkpoint(database)
        (first,) = path.glob("blobs-*")
        database.execute("UPDATE items SET v = $1 WHERE id < 100", [QUERIES[0]])
        checkpoint(database)
        assert list(path.glob("blobs-*")) == [first]
        database.execute("UPDATE items SET v = $1 WHERE id BETWEEN 1000 AND 2500", [QUERIES[1]])
        checkpoint(database)
        (second,) = path.glob("blobs-*")
        assert second != first
        database.execute("DROP INDEX by_v")
        checkpoint(database)
        assert list(path.glob("blobs-*")) == []


@pytest.mark.parametrize("where", [0.02, 0.5, 0.98])
def test_damage_is_reported_and_the_index_is_built_anew(tmp_path: Path, where: float) -> None:
    path = tmp_path / "db"
    with EmbeddedDatabase(str(path), plugins=["vector"]) as database:
        fill(database, VECTORS[:2000])
        database.execute("CREATE INDEX by_v ON items USING hnsw (v)")
    (kept,) = path.glob("blobs-*")
    content = bytearray(kept.read_bytes())
    content[int(len(content) * where)] ^= 1
    kept.write_bytes(content)
    with EmbeddedDatabase(str(path), plugins=["vector"]) as database:
        assert ids(database, NEAREST, [VECTORS[1234]])[0] == 1234
        index = index_of(database)
        assert index.check((number, (vector.tobytes(),)) for number, vector in enumerate(VECTORS[:2000])) == []


def test_reindex_makes_it_anew(tmp_path: Path) -> None:
    with EmbeddedDatabase(str(tmp_path / "db"), plugins=["vector"]) as database:
        fill(database, VECTORS[:2000])
        database.execute("CREATE INDEX by_v ON items USING hnsw (v)")
        before = index_of(database)
        database.execute("REINDEX INDEX by_v")
        after = index_of(database)
        assert after is not before
        assert ids(database, NEAREST, [VECTORS[77]])[0] == 77


def test_a_check_names_rows_that_the_index_lacks(tmp_path: Path) -> None:
    with EmbeddedDatabase(str(tmp_path / "db"), plugins=["vector"]) as database:
        fill(database, VECTORS[:1000])
        database.execute("CREATE INDEX by_v ON items USING hnsw (v)")
        assert verify(database.database).problems == ()
        index = index_of(database)
        index.forget([(VECTORS[77].tobytes(), 77)])
        (problem,) = verify(database.database).problems
        assert (problem.object, problem.message) == ("index public.by_v", "row 77 has no entry for its vector")
