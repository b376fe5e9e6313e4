"""Nearest-neighbour search in the past, on branches and in joins, beside the same in the present: ratios of one run.

``python benchmarks/vector/past.py [--rows 100000] [--dimensions 128]``. The table gets other vectors for a part of its
rows, on main and on branches; each question is put to both sides in turn, and what is printed are medians of rounds:
how fast a side is as a part of the present's speed, and which part of the ten nearest it finds.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import numpy as np

from heliosdb import Config, EmbeddedDatabase

NEIGHBOURS = 10
QUESTIONS = 50
ROUNDS = 9
NOW = f"SELECT id FROM items ORDER BY v <-> $1 LIMIT {NEIGHBOURS}"
JOINED = f"SELECT i.id FROM items i JOIN kinds k ON k.id = i.id % 100 ORDER BY i.v <-> $1 LIMIT {NEIGHBOURS}"


class Table:
    """A table of vectors with an index, and what its rows are."""

    def __init__(self, rows: int, dimensions: int) -> None:
        self.random = np.random.default_rng(1)
        self.centres = self.random.standard_normal((1000, dimensions))
        self.vectors = self.clustered(rows)
        self.questions = self.clustered(QUESTIONS)
        config = Config(options={"temporal.time_travel_enabled": True})
        self.database = EmbeddedDatabase(":memory:", plugins=["vector", "temporal", "branch"], config=config)
        self.database.execute(f"CREATE TABLE items (id int PRIMARY KEY, v vector({dimensions}) NOT NULL)")
        self.database.prepare("INSERT INTO items VALUES ($1, $2)").execute_many(list(enumerate(self.vectors)))
        self.database.execute("CREATE TABLE kinds (id int PRIMARY KEY)")
        self.database.execute("INSERT INTO kinds SELECT generate_series(0, 99)")
        self.database.execute("CREATE INDEX by_v ON items USING hnsw (v)")
        self.database.execute("SET hnsw.ef_search = 100")

    def clustered(self, count: int) -> Any:
        noise = self.random.standard_normal((count, self.centres.shape[1])) * 0.5
        return (self.centres[self.random.integers(0, 1000, count)] + noise).astype(np.float32)

    def change(self, part: float) -> Any:
        """Give a part of the rows other vectors; return all."""
        vectors = self.vectors.copy()
        chosen = self.random.choice(len(vectors), int(len(vectors) * part), replace=False)
        vectors[chosen] = self.clustered(len(chosen))
        with self.database.begin_transaction() as transaction:
            for number in chosen.tolist():
                transaction.execute("UPDATE items SET v = $2 WHERE id = $1", [number, vectors[number]])
            transaction.commit()
        return vectors

    def round(self, query: str) -> tuple[float, list[list[int]]]:
        started = time.perf_counter()
        found = [[row[0] for row in self.database.query(query, [question])] for question in self.questions]
        return time.perf_counter() - started, found

    def compare(self, name: str, query: str, vectors: Any, branch: str = "main") -> None:
        """Print a search beside that of the present."""
        ratios, found = [], []
        for _ in range(ROUNDS):
            present, _ = self.round(NOW)
            self.database.execute(f"USE BRANCH {branch}")
            other, found = self.round(query)
            self.database.execute("USE BRANCH main")
            ratios.append(present / other)
        share = 0
        for question, row_ids in zip(self.questions, found):
            exact = np.argsort(((vectors - question) ** 2).sum(axis=1))[:NEIGHBOURS]
            share += len({*exact.tolist()} & {*row_ids})
        print(f"{name:44} {statistics.median(ratios):.2f} of the present   recall {share / NEIGHBOURS / QUESTIONS:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dimensions", type=int, default=128)
    given = parser.parse_args()
    table = Table(given.rows, given.dimensions)
    first = table.vectors
    table.compare("joined with a table by its key", JOINED, first)
    for part in (0.0, 0.01, 0.1, 0.3):
        name = f"b{int(part * 100)}"
        table.database.execute(f"CREATE BRANCH {name}")
        table.database.execute(f"USE BRANCH {name}")
        vectors = table.change(part) if part else first
        table.database.execute("USE BRANCH main")
        table.compare(f"on a branch where {part:.0%} have changed", NOW, vectors, name)
    scn = table.database.query("SELECT heliosdb_current_scn()")[0][0]
    past = NOW.replace("FROM items", f"FROM items AS OF SCN {scn}")
    for part in (0.01, 0.1, 0.3):
        table.change(part)
        table.compare(f"as of before {part:.0%} more were changed", past, first)


if __name__ == "__main__":
    main()
