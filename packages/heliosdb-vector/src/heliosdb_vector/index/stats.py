"""The view ``pg_vector_index_stats``: what each vector index holds and takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heliosdb.spi import SessionContext

__all__ = ["COLUMNS", "METHODS", "vector_index_stats"]

METHODS = ("hnsw", "ivf", "ivfflat")
COLUMNS = (
    ("index_name", "text"),
    ("num_vectors", "int8"),
    ("dimensions", "int4"),
    ("quantization", "text"),
    ("memory_bytes", "int8"),
    ("schema_name", "text"),
    ("table_name", "text"),
    ("method", "text"),
    ("backend", "text"),
    ("metric", "text"),
    ("bytes_per_vector", "float8"),
    ("compression_ratio", "float8"),
    ("recent_vectors", "int8"),
    ("dead_vectors", "int8"),
    ("training_vectors", "int8"),
    ("trouble", "text"),
    ("recall", "float8"),
)


def vector_index_stats(session: SessionContext) -> Iterator[tuple[Any, ...]]:
    """Yield a row for each vector index.

    ``bytes_per_vector`` is what is kept of a vector itself, without links; ``compression_ratio`` compares it with
    numbers of single precision (bits, for bit strings). ``recent_vectors`` are not in the structure yet and compared
    one by one; ``dead_vectors`` wait to be taken out of it. From ``training_vectors`` it has learned what its lists and
    codes stand for. ``trouble`` says why an index is broken, so that searches do without it; then it holds nothing.

    ``recall`` is the part of the ten nearest that codes (the nearest of them compared again with the rows) or lists
    found of a sample when the index was built, with the default of the method's setting. It is NULL for a graph of
    whole vectors, which measures itself where ``heliosdb.vector_recall`` asks for it.
    """
    for relation in session.catalog.relations():
        for index in relation.indexes:
            if index.method not in METHODS:
                continue
            found = session.index(index.oid)
            if found is None:
                continue
            structure, known = found.structure, found.known
            dimensions = found.dimensions
            plain = None if dimensions is None else (dimensions + 7) // 8 if found.measure.is_binary else 4 * dimensions
            each = plain if structure is None else structure.code_size
            yield (
                index.name,
                known.live - known.ended,
                dimensions,
                found.plan.quantization,
                found.size_bytes(),
                relation.schema,
                relation.name,
                index.method,
                found.backend.name,
                found.measure.name,
                None if each is None else float(each),
                None if each is None or plain is None else plain / each,
                found.number_recent,
                found.number_dead,
                found.trained_with,
                found.trouble,
                found.recall,
            )
