"""Tables of vectors in clusters, as embeddings are, and exact answers beside which an index's are held."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from heliosdb import EmbeddedDatabase

Vectors = NDArray[np.float32]


def clustered(seed: int, count: int, dimensions: int, clusters: int = 50, spread: float = 0.6) -> Vectors:
    """Return vectors around random middles."""
    random = np.random.default_rng(seed)
    middles = random.normal(size=(clusters, dimensions))
    chosen = middles[random.integers(0, clusters, count)]
    return (chosen + spread * random.normal(size=(count, dimensions))).astype(np.float32)


def fill(database: EmbeddedDatabase, vectors: Vectors, table: str = "items") -> None:
    """Make a table (id, kind, v) whose ids count from 0 and whose kinds are id % 100."""
    database.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, kind int, v vector({vectors.shape[1]}))")
    with database.begin_transaction() as transaction:
        for number, vector in enumerate(vectors):
            transaction.execute(f"INSERT INTO {table} VALUES ($1, $2, $3)", [number, number % 100, vector])
        transaction.commit()


def ids(database: Any, query: str, parameters: Sequence[Any] = ()) -> list[int]:
    """Return the first column of a query's result."""
    return [row[0] for row in database.query(query, list(parameters))]


def recall(found: Sequence[Sequence[int]], exact: Sequence[Sequence[int]]) -> float:
    """Return which part of the exact answers was found; all of nothing."""
    if not any(exact):
        return float(not any(found))
    return sum(len(set(a) & set(b)) for a, b in zip(found, exact)) / sum(map(len, exact))


@pytest.fixture
def database() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=["vector"], strict=True) as made:
        yield made


@pytest.fixture
def exactly() -> Callable[..., list[int]]:
    """Return a function that answers a query without any index."""

    def answer(database: EmbeddedDatabase, query: str, parameters: Sequence[Any] = ()) -> list[int]:
        database.execute("SET heliosdb.vector_recall = 1")
        try:
            return ids(database, query, parameters)
        finally:
            database.execute("RESET heliosdb.vector_recall")

    return answer
