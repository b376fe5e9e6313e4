"""Nearest neighbours through an index: recall, speed, filters, quantization and changes, beside raw hnswlib.

    python benchmarks/vector/nearest.py [rows] [dimensions]

Everything is measured in one process and printed as a ratio, for the absolute times of a busy machine say little. A
time is the median of single queries. Vectors stand in clusters, as embeddings do. Recall is that of ten neighbours,
against exact search.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliosdb import EmbeddedDatabase

NEAREST = "SELECT id FROM items ORDER BY v <-> $1 LIMIT 10"
QUERIES = 300
LINKS, EFFORT, SEARCH = 16, 100, 40


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    dimensions = int(sys.argv[2]) if len(sys.argv) > 2 else 128
    random = np.random.default_rng(1)
    middles = random.normal(size=(count // 100, dimensions))

    def vectors(number: int) -> NDArray[Any]:
        chosen = middles[random.integers(0, len(middles), number)]
        return (chosen + 0.6 * random.normal(size=(number, dimensions))).astype(np.float32)

    rows, queries = vectors(count), list(vectors(QUERIES))
    squares = (rows * rows).sum(axis=1)
    print(f"{count} vectors of {dimensions} numbers, {QUERIES} queries, ten neighbours")

    def exact(allowed: NDArray[Any] | None = None) -> list[set[int]]:
        found = []
        for query in queries:
            distances = squares - 2 * (rows @ query)
            if allowed is not None:
                distances = np.where(allowed, distances, np.inf)
            nearest = np.argpartition(distances, 10)[:10]
            found.append(set(nearest[np.isfinite(distances[nearest])].tolist()))
        return found

    truth = exact()
    with EmbeddedDatabase.new_in_memory(plugins=["vector"], strict=True) as database:
        database.execute(f"CREATE TABLE items (id int PRIMARY KEY, part float8, v vector({dimensions}))")
        parts = random.random(count)
        with database.begin_transaction() as transaction:
            for number, row in enumerate(rows):
                transaction.execute("INSERT INTO items VALUES ($1, $2, $3)", [number, float(parts[number]), row])
            transaction.commit()

        def sql(query: str) -> Callable[[Any], list[int]]:
            return lambda vector: [row[0] for row in database.query(query, [vector])]

        building = timed(lambda: make_index(database, "hnsw", f"m = {LINKS}, ef_construction = {EFFORT}"))
        raw, raw_building = raw_graph(rows)
        database.execute(f"SET hnsw.ef_search = {SEARCH}")
        if raw is not None:
            print(f"build, of raw hnswlib: {building / raw_building:.2f}")
        for effort in (20, 40, 80, 200):
            database.execute(f"SET hnsw.ef_search = {effort}")
            share, spent = measured(sql(NEAREST), queries, truth)
            line = f"ef_search {effort}: recall {share:.4f}, {spent * 1e6:.0f} us"
            if raw is not None:
                raw.set_ef(effort)
                raw_share, raw_spent = measured(
                    lambda query: raw.knn_query(query, k=10, num_threads=1)[0][0].tolist(), queries, truth
                )
                line += f"; raw recall {raw_share:.4f}, {raw_spent * 1e6:.0f} us; speed of raw: {raw_spent / spent:.2f}"
            print(line)
        database.execute(f"SET hnsw.ef_search = {SEARCH}")
        for part in (0.5, 0.1, 0.01, 0.001):
            query = f"SELECT id FROM items WHERE part < {part} ORDER BY v <-> $1 LIMIT 10"
            share, spent = measured(sql(query), queries, exact(parts < part), least=min(10, int((parts < part).sum())))
            print(f"filter {part:.1%}: recall {share:.4f}, {spent * 1e3:.2f} ms")
        _, idle = measured(sql(NEAREST), queries, truth)
        print(f"speed with a writer of 100 updates a second, of idle: {idle / beside_a_writer(database, queries):.2f}")
        for number in range(1000):
            database.execute("UPDATE items SET v = $1 WHERE id = $2", [rows[number], number])
        more = vectors(1000)

        def insert() -> None:
            with database.begin_transaction() as transaction:
                for number, row in enumerate(more, count):
                    transaction.execute("INSERT INTO items VALUES ($1, 0.5, $2)", [number, row])
                transaction.commit()

        print(f"1,000 rows into the filled index: {timed(insert) * 1e3:.0f} ms")
        database.execute("DELETE FROM items WHERE id % 10 < 3")
        kept = np.arange(count) % 10 >= 3
        share, _ = measured(sql(NEAREST), queries, exact(kept), others=range(count, count + 1000))
        print(f"recall after 30 % deletes: {share:.4f}")
        database.execute("DELETE FROM items WHERE id >= $1", [count])
        truth = exact(kept)
        for options in (
            "quantization = scalar",
            "quantization = binary",
            f"quantization = product, pq_subquantizers = {dimensions // 2}",
            f"quantization = product, pq_subquantizers = {dimensions // 4}",
            f"quantization = product, pq_subquantizers = {dimensions // 8}",
            "quantization = product, pq_subquantizers = 8",
        ):
            spent = timed(lambda options=options: make_index(database, "hnsw", options))  # type: ignore[misc]
            share, query_spent = measured(sql(NEAREST), queries, truth)
            (line,) = database.query(
                "SELECT bytes_per_vector, compression_ratio, memory_bytes FROM pg_vector_index_stats"
            )
            print(
                f"{options}: {line[0]:.0f} bytes a vector (1/{line[1]:.0f}), {line[2] / 1e6:.0f} MB in all, "
                f"recall {share:.4f}, {query_spent * 1e6:.0f} us, built in {spent:.1f} s"
            )


def make_index(database: EmbeddedDatabase, method: str, options: str) -> None:
    """Put an index in the place of the one that is there."""
    database.execute("DROP INDEX IF EXISTS by_v")
    database.execute(f"CREATE INDEX by_v ON items USING {method} (v vector_l2_ops) WITH ({options})")


def raw_graph(rows: NDArray[Any]) -> tuple[Any, float]:
    """Return hnswlib's own graph and the seconds that it took; None where hnswlib is not installed."""
    try:
        import hnswlib
    except ImportError:
        return None, 0.0
    graph = hnswlib.Index("l2", rows.shape[1])
    graph.init_index(len(rows), M=LINKS, ef_construction=EFFORT, random_seed=1)
    return graph, timed(lambda: graph.add_items(rows))


def timed(work: Callable[[], Any]) -> float:
    """Return how many seconds something takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measured(
    search: Callable[[Any], list[int]],
    queries: list[Any],
    truth: list[set[int]],
    *,
    least: int = 10,
    others: range = range(0),
) -> tuple[float, float]:
    """Return the recall and the median seconds of a search; ``others`` are ids that do not count."""
    spent, hits = [], 0
    for query, wanted in zip(queries, truth):
        start = time.perf_counter()
        found = search(query)
        spent.append(time.perf_counter() - start)
        if len(found) != least:
            raise SystemExit(f"{len(found)} rows instead of {least}")
        hits += len(wanted.intersection(found)) + sum(number in others for number in found)
    return hits / (least * len(queries)), median(spent)


def beside_a_writer(database: EmbeddedDatabase, queries: list[Any]) -> float:
    """Return the median seconds of a query while another thread updates vectors."""
    done = threading.Event()

    def write() -> None:
        number = 0
        session = database.database.session()
        try:
            while not done.wait(0.01):
                number += 1
                session.execute(
                    "UPDATE items SET v = $1 WHERE id = $2", [queries[number % len(queries)], number % 1000]
                )
        finally:
            session.close()

    writer = threading.Thread(target=write)
    writer.start()
    spent = []
    until = time.monotonic() + 5
    while time.monotonic() < until:
        for query in queries:
            start = time.perf_counter()
            database.query(NEAREST, [query])
            spent.append(time.perf_counter() - start)
    done.set()
    writer.join()
    return median(spent)


if __name__ == "__main__":
    main()
