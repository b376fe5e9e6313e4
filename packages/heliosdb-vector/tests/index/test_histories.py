"""Random histories: whatever was inserted, updated, deleted and rolled back, a search gives what exact search gives.

The tables are small enough for the answers to be equal, not only alike: a structure that is to be searched with more
effort than it has vectors names them all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pytest

from heliosdb import EmbeddedDatabase
from heliosdb_vector.index import vector_index

from .conftest import ids

DIMENSIONS = 4
INDEXES = (
    "hnsw (v) WITH (backend = faiss)",
    "hnsw (v) WITH (backend = hnswlib)",
    "hnsw (v) WITH (backend = usearch)",
    "ivf (v) WITH (lists = 3)",
    "hnsw (v) WITH (quantization = 'scalar')",
)


@pytest.fixture(autouse=True)
def few_recent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have vectors go to the structure soon, and the structure renewed often."""
    monkeypatch.setattr(vector_index, "RECENT", 8)
    monkeypatch.setattr(vector_index, "STEP", 3)


class History:
    """One table with an index, and what it should hold."""

    def __init__(self, database: EmbeddedDatabase, seed: int, index: str) -> None:
        self.database = database
        self.random = Random(seed)
        self.rows: dict[int, Any] = {}
        self.next = 0
        database.execute(f"CREATE TABLE items (id int PRIMARY KEY, v vector({DIMENSIONS}))")
        database.execute(f"CREATE INDEX by_v ON items USING {index}")
        database.execute("SET hnsw.ef_search = 1000")
        database.execute("SET ivfflat.probes = 100")

    def vector(self) -> Any:
        if self.random.random() < 0.05:
            return None
        return np.array([self.random.randrange(-9, 9) for _ in range(DIMENSIONS)], np.float32)

    def change(self, door: Any, rows: dict[int, Any]) -> None:
        kind = self.random.random()
        if kind < 0.5 or not rows:
            self.next += 1
            rows[self.next] = self.vector()
            door.execute("INSERT INTO items VALUES ($1, $2)", [self.next, rows[self.next]])
        elif kind < 0.8:
            number = self.random.choice(list(rows))
            rows[number] = self.vector()
            door.execute("UPDATE items SET v = $2 WHERE id = $1", [number, rows[number]])
        else:
            number = self.random.choice(list(rows))
            del rows[number]
            door.execute("DELETE FROM items WHERE id = $1", [number])

    def require(self, door: Any, rows: dict[int, Any]) -> None:
        """Check a search against a sort of what there should be: distances are compared, for ties may come anyhow."""
        query = self.vector()
        if query is None:
            return
        limit, odd = self.random.choice([1, 3, 10, 1000]), self.random.random() < 0.4
        condition = "WHERE id % 2 = 1 " if odd else ""
        found = ids(door, f"SELECT id FROM items {condition}ORDER BY v <-> $1 LIMIT {limit}", [query])
        wanted = {number: row for number, row in rows.items() if not odd or number % 2}
        assert len(found) == len(set(found)) == min(limit, len(wanted))
        assert set(found) <= set(wanted)

        def distance(row: Any) -> float:
            return float("inf") if row is None else float(np.linalg.norm(row - query))

        assert [distance(wanted[number]) for number in found] == sorted(map(distance, wanted.values()))[:limit]


def run(make: Callable[[int, str], History], seed: int, index: str, steps: int = 120) -> History:
    """Change and search, in transactions of which some are rolled back, with a snapshot kept open now and then."""
    history = make(seed, index)
    reader: Any = None
    seen: dict[int, Any] = {}
    for step in range(steps):
        kind = history.random.random()
        if kind < 0.55:
            history.change(history.database, history.rows)
        elif kind < 0.8:
            rows = dict(history.rows)
            with history.database.begin_transaction() as transaction:
                for _ in range(history.random.randrange(1, 12)):
                    history.change(transaction, rows)
                history.require(transaction, rows)
                history.require(history.database, history.rows)
                if history.random.random() < 0.7:
                    transaction.commit()
                    history.rows = rows
                else:
                    transaction.rollback()
        elif kind < 0.85:
            if reader is None:
                reader, seen = history.database.begin_transaction(), dict(history.rows)
                assert len(ids(reader, "SELECT id FROM items")) == len(seen)  # which takes the snapshot
            else:
                reader.rollback()
                reader = None
        elif kind < 0.88:
            history.database.execute("VACUUM items")
        history.require(history.database, history.rows)
        if reader is not None and step % 3 == 0:
            history.require(reader, seen)
    if reader is not None:
        reader.rollback()
    return history


@pytest.mark.parametrize("index", INDEXES)
@pytest.mark.parametrize("seed", range(4))
def test_searches_see_what_their_snapshot_sees(database: EmbeddedDatabase, index: str, seed: int) -> None:
    for backend in ("hnswlib", "usearch"):
        if backend in index:
            pytest.importorskip(backend)
    run(lambda seed, index: History(database, seed, index), seed, index)


@pytest.mark.parametrize("index", INDEXES[:4])
def test_searches_in_other_threads_while_vectors_come_and_go(database: EmbeddedDatabase, index: str) -> None:
    """Nobody fails, and whatever is found was there: rows come as pairs of equal vectors, committed together."""
    for backend in ("hnswlib", "usearch"):
        if backend in index:
            pytest.importorskip(backend)
    database.execute(f"CREATE TABLE items (id int PRIMARY KEY, v vector({DIMENSIONS}))")
    database.execute(f"CREATE INDEX by_v ON items USING {index}")
    random = np.random.default_rng(4)
    failures: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        session = database.database.session()
        try:
            session.execute("SET hnsw.ef_search = 1000; SET ivfflat.probes = 100")
            while not done.is_set():
                query = f"'{random_vector.tolist()}'"
                (found,) = session.execute(f"SELECT id, v <-> {query} FROM items ORDER BY 2 LIMIT 10")
                distances = [row[1] for row in found.rows]
                assert distances == sorted(distances)
                (all_rows,) = session.execute(
                    f"SELECT count(*), count(DISTINCT id % 1000) FROM (SELECT id FROM items ORDER BY v <-> {query} "
                    "LIMIT 100000) AS t"
                )
                assert all_rows.rows[0][0] == 2 * all_rows.rows[0][1]
        except BaseException as error:  # noqa: BLE001 - handed to the test, which fails with it
            failures.append(error)
        finally:
            session.close()

    random_vector = random.normal(size=DIMENSIONS)
    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for number in range(250):
            with database.begin_transaction() as transaction:
                vector = random.normal(size=DIMENSIONS)
                transaction.execute("INSERT INTO items VALUES ($1, $2), ($1 + 1000, $2)", [number, vector])
                if number > 60:
                    transaction.execute("DELETE FROM items WHERE id % 1000 = $1", [number - 60])
                transaction.commit()
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert failures == []
