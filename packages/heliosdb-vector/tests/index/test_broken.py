"""A backend that raises breaks its index and nothing else: commits, searches and opening go on, REINDEX mends it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.errors import HostSystemError, InvalidParameterValue
from heliosdb.verify import verify

from .conftest import clustered

VECTORS = clustered(3, 400, 8)
NEAREST = "SELECT id FROM items ORDER BY v <-> $1 LIMIT 5"
FRAIL = """
import numpy as np

raising = {}


def reach(point):
    if point in raising:
        raise raising[point]


class Frail:
    name = "frail"

    def refusal(self, plan):
        return None

    def structure(self, plan, dimensions, expected):
        reach("structure")
        return Vectors(dimensions, 100 if plan.method == "ivf" else 0)


class Vectors:
    def __init__(self, dimensions, needed):
        self.needed, self.code_size, self.dimensions = needed, 4 * dimensions, dimensions
        self.held = {}

    def train(self, rows):
        reach("train")

    def add(self, labels, rows):
        for label, row in zip(labels.tolist(), rows):
            self.held[label] = row
            reach("add")

    def remove(self, labels):
        reach("remove")
        for label in labels.tolist():
            del self.held[label]

    def search(self, row, count, effort):
        reach("search")
        near = sorted(self.held, key=lambda label: float(((self.held[label] - row) ** 2).sum()))
        return np.array(near[:count], np.int64), None

    def rows(self, labels):
        reach("rows")
        return np.array([self.held[label] for label in labels.tolist()], np.float32).reshape(-1, self.dimensions)

    def size_bytes(self):
        return len(self.held) * self.code_size

    def blobs(self):
        reach("blobs")
        made = {"labels": np.array(list(self.held), np.int64).tobytes()}
        return {**made, "rows": b"".join(row.tobytes() for row in self.held.values())}

    def load(self, blobs):
        reach("load")
        rows = np.frombuffer(blobs["rows"], np.float32).reshape(-1, self.dimensions)
        self.held = dict(zip(np.frombuffer(blobs["labels"], np.int64).tolist(), rows))
"""


@pytest.fixture
def frail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module of an installed backend, which raises what is put under the name of a point."""
    site = tmp_path / "site"
    info = site / "frail-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.3\nName: frail\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[heliosdb.vector_backends]\nfrail = heliosdb_frail_backend:Frail\n")
    (site / "heliosdb_frail_backend.py").write_text(FRAIL)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    import heliosdb_frail_backend  # type: ignore[import-not-found]

    heliosdb_frail_backend.raising.clear()
    yield heliosdb_frail_backend
    heliosdb_frail_backend.raising.clear()


def opened(tmp_path: Path) -> EmbeddedDatabase:
    return EmbeddedDatabase(str(tmp_path / "db"), plugins=["vector", "branch"])


def made(database: EmbeddedDatabase, count: int, column: str = "vector(8)", method: str = "hnsw") -> None:
    database.execute(f"CREATE TABLE items (id int PRIMARY KEY, v {column})")
    database.execute(f"CREATE INDEX by_v ON items USING {method} (v) WITH (backend = frail)")
    insert(database, range(count))


def insert(database: EmbeddedDatabase, numbers: range) -> None:
    with database.begin_transaction() as transaction:
        for number in numbers:
            transaction.execute("INSERT INTO items VALUES ($1, $2)", [number, VECTORS[number]])
        transaction.commit()


def require_exact(database: EmbeddedDatabase, numbers: range) -> None:
    query = VECTORS[7] + 0.01
    distances = ((VECTORS[numbers.start : numbers.stop] - query) ** 2).sum(axis=1)
    exact = (np.argsort(distances, kind="stable")[:5] + numbers.start).tolist()
    assert [row[0] for row in database.query(NEAREST, [query])] == exact


def trouble(database: EmbeddedDatabase) -> Any:
    return database.query("SELECT trouble, num_vectors FROM pg_vector_index_stats")[0]


def explained(database: EmbeddedDatabase) -> str:
    return "\n".join(row[0] for row in database.query(f"EXPLAIN {NEAREST}", [VECTORS[7]]))


@pytest.mark.parametrize(
    ("point", "error"), [("structure", ValueError), ("train", MemoryError), ("add", RuntimeError), ("add", OSError)]
)
def test_commits_go_on(
    tmp_path: Path, frail: ModuleType, caplog: pytest.LogCaptureFixture, point: str, error: type[Exception]
) -> None:
    with opened(tmp_path) as database:
        made(database, 90, method="ivf")
        assert tuple(trouble(database)) == (None, 90)
        assert "Index Not Used" not in explained(database)
        frail.raising[point] = error("out of it")
        with caplog.at_level(logging.WARNING, "heliosdb"):
            insert(database, range(90, 300))
        said = trouble(database)
        assert said[0].startswith("broken until REINDEX by ")
        assert said[0].endswith(": out of it")
        assert said[1] == 0
        assert [record.getMessage() for record in caplog.records if "out of it" in record.getMessage()]
        assert f"by_v: {said[0]}" in explained(database)
        database.execute("DELETE FROM items WHERE id >= 290")
        database.execute("UPDATE items SET v = v WHERE id = 3")
        require_exact(database, range(290))
        with pytest.raises((HostSystemError, InvalidParameterValue), match="out of it"):
            database.execute("REINDEX INDEX by_v")
        require_exact(database, range(290))
        frail.raising.clear()
        database.execute("REINDEX INDEX by_v")
        assert tuple(trouble(database)) == (None, 290)
        assert "Index Not Used" not in explained(database)
        require_exact(database, range(290))


@pytest.mark.parametrize("point", ["remove", "search", "rows"])
def test_what_forgets_and_searches_may_raise(tmp_path: Path, frail: ModuleType, point: str) -> None:
    with opened(tmp_path) as database:
        made(database, 300)
        frail.raising[point] = RuntimeError("out of it")
        database.execute("DELETE FROM items WHERE id >= 100")
        insert(database, range(100, 101))
        database.execute("VACUUM")
        require_exact(database, range(101))
        assert trouble(database)[0] == "broken until REINDEX by RuntimeError: out of it"
        insert(database, range(101, 400))
        require_exact(database, range(400))


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("point", ["add", "load", "blobs"])
def test_a_table_opens_whatever_its_index_does(tmp_path: Path, frail: ModuleType, point: str, kept: bool) -> None:
    with opened(tmp_path) as database:
        made(database, 200)
        if kept:
            database.execute("CHECKPOINT")
        frail.raising[point] = RuntimeError("out of it")
        insert(database, range(200, 400))
        database.execute("CHECKPOINT")
    with opened(tmp_path) as database:
        require_exact(database, range(400))
        database.execute("DELETE FROM items WHERE id = 399")
        require_exact(database, range(399))
        assert (trouble(database)[0] is not None) is (point == "add")
    frail.raising.clear()
    with opened(tmp_path) as database:
        require_exact(database, range(399))
        assert trouble(database)[0] is None
        assert trouble(database)[1] == 399
        assert not verify(database).problems


def test_a_structure_that_cannot_be_made_at_opening(tmp_path: Path, frail: ModuleType) -> None:
    with opened(tmp_path) as database:
        made(database, 200)
    frail.raising["structure"] = RuntimeError("out of it")
    with opened(tmp_path) as database:
        require_exact(database, range(200))
        assert trouble(database)[0] == "broken until REINDEX by RuntimeError: out of it"
        insert(database, range(200, 201))
        with pytest.raises(HostSystemError, match=r"the index could not be built: broken .*: out of it"):
            database.execute("CREATE INDEX other ON items USING hnsw (v) WITH (backend = frail)")
        assert database.query("SELECT count(*) FROM pg_indexes WHERE indexname = 'other'")[0][0] == 0


def test_a_branch_whose_parent_is_broken_says_so(tmp_path: Path, frail: ModuleType) -> None:
    with opened(tmp_path) as database:
        made(database, 100)
        frail.raising["add"] = RuntimeError("out of it")
        insert(database, range(100, 200))
        database.execute("CREATE BRANCH side")
        database.execute("USE BRANCH side")
        insert(database, range(200, 210))
        require_exact(database, range(210))
        assert "by_v: broken until REINDEX by RuntimeError: out of it" in explained(database)
