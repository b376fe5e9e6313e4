"""Exact nearest-neighbour search against sqlite-vec and NumPy, in one run: ``python benchmarks/vector/exact.py``.

The same vectors in a table without an index, in a ``vec0`` table of sqlite-vec, and in one NumPy matrix; the same
questions, ten neighbours each. A round asks each side every question in turn, so that all have the same noise; what is
printed are medians over rounds, and their ratios. Python's own ``sqlite3`` often loads no extensions, so SQLite
is reached by apsw: ``uv pip install --group bench`` installs both.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import apsw
import numpy as np
import sqlite_vec

from heliosdb import EmbeddedDatabase

NEIGHBOURS = 10
QUESTIONS = 10

Search = Callable[[Any], list[int]]


def clustered(count: int, dimensions: int, chance: np.random.Generator) -> Any:
    """Return vectors around a thousand centres."""
    centres = chance.standard_normal((1000, dimensions))
    noise = chance.standard_normal((count, dimensions)) * 0.5
    return (centres[chance.integers(0, 1000, count)] + noise).astype(np.float32)


def heliosdb(vectors: Any) -> Search:
    """Return a search of a table in memory, without an index."""
    database = EmbeddedDatabase.new_in_memory(plugins=["vector"])
    database.execute(f"CREATE TABLE v (id int PRIMARY KEY, e vector({vectors.shape[1]}) NOT NULL)")
    database.prepare("INSERT INTO v VALUES ($1, $2)").execute_many(list(enumerate(vectors)))
    query = database.prepare(f"SELECT id FROM v ORDER BY e <-> $1 LIMIT {NEIGHBOURS}")
    return lambda question: [row[0] for row in query.query((question,))]


def sqlite(vectors: Any) -> Search:
    """Return a search of a ``vec0`` table in memory."""
    connection = apsw.Connection(":memory:")
    connection.enable_load_extension(True)
    connection.load_extension(sqlite_vec.loadable_path())
    connection.execute(f"CREATE VIRTUAL TABLE v USING vec0(id integer PRIMARY KEY, e float[{vectors.shape[1]}])")
    with connection:
        rows = ((number, row.tobytes()) for number, row in enumerate(vectors))
        connection.executemany("INSERT INTO v VALUES (?, ?)", rows)
    query = f"SELECT id FROM v WHERE e MATCH ? AND k = {NEIGHBOURS}"
    return lambda question: [row[0] for row in connection.execute(query, (question.tobytes(),))]


def numpy(vectors: Any) -> Search:
    """Return a search by one expression over all vectors."""

    def search(question: Any) -> list[int]:
        difference = vectors - question
        squares = np.vecdot(difference, difference)
        nearest = np.argpartition(squares, NEIGHBOURS)[:NEIGHBOURS]
        found: list[int] = nearest[np.argsort(squares[nearest], kind="stable")].tolist()
        return found

    return search


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sizes", nargs="*", default=["100000x128", "50000x384"], metavar="COUNTxDIMENSIONS")
    arguments = parser.parse_args()
    for size in arguments.sizes:
        count, dimensions = map(int, size.split("x"))
        chance = np.random.default_rng(7)
        vectors = clustered(count, dimensions, chance)
        questions = clustered(QUESTIONS, dimensions, chance)
        sides = {make.__name__: make(vectors) for make in (heliosdb, sqlite, numpy)}
        times: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(arguments.rounds):
            for question in questions:
                answers = []
                for name, search in sides.items():
                    start = time.perf_counter()
                    answers.append(search(question))
                    times[name].append(time.perf_counter() - start)
                if any(sorted(answer) != sorted(answers[0]) for answer in answers):
                    raise SystemExit(f"the answers differ: {answers}")
        medians = {name: statistics.median(some) for name, some in times.items()}
        print(f"{count} vectors of {dimensions}, {NEIGHBOURS} nearest, exact")
        for name, median in medians.items():
            ratio = statistics.median(b / a for a, b in zip(times["heliosdb"], times[name]))
            print(f"  {name:10} {median * 1e3:8.1f} ms   {ratio:5.2f} of heliosdb's time")


if __name__ == "__main__":
    main()
