"""The nearest rows by an index that gives likely ones, outside transactions: what ``ordering_scan`` does, for a search
that the index answers at once.

    read(argument, wanted) -> rows, values     so many rows, the nearest first
                              None             the ordinary way has to do it

Where the values are not wanted, and the index knows the order of what it names, none is computed.

The reader declines whatever is not the plain case: a branch that reads its parent's index too, a partial index, an
index that names too few, a row without a value. It holds a snapshot while it reads, as a transaction would.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

from heliosdb.store.access_method import LikelySearch
from heliosdb.store.column_values import ColumnValues
from heliosdb.store.snapshot import REGISTERING
from heliosdb.transaction.view import RelationView

if TYPE_CHECKING:
    from heliosdb.store.timeline import Timeline
    from heliosdb.store.versions import Row
    from heliosdb.transaction.transactional_store import TransactionalStore

__all__ = ["NearestReader", "nearest_reader"]

NearestReader = Callable[[Any, int], "tuple[Sequence[Row], Sequence[float]] | None"]


def nearest_reader(
    store: TransactionalStore,
    relation_oid: int,
    index_oid: int,
    line: Timeline,
    operator: str,
    setting: Callable[[str], Any],
    *,
    values: bool,
) -> NearestReader:
    """Return ``read(argument, wanted)`` over an index of a timeline; ``argument`` is a datum, ``wanted`` more than 0.

    Unless ``values`` are wanted there may be none.
    """
    relation = store.create_relation(line, relation_oid)
    readers = store.snapshots.readers

    def read(argument: Any, wanted: int) -> tuple[Sequence[Row], Sequence[float]] | None:
        index = relation.indexes.get(index_oid)
        if index is None or index.parent is not None:
            return None
        column = index.spec.key_column
        if column is None or index.spec.predicate is not None:
            return None
        reading = object()
        readers[reading] = REGISTERING
        try:
            readers[reading] = scn = store.published
            method: Any = index.method
            found = next(method.likely(LikelySearch(operator, argument, wanted, scn, setting)), None)
            if found is None or found.sure < wanted:
                return None
            row_ids = found.row_ids
            rows: list[Any] = RelationView(relation, scn, None, 0, None).peek_all(row_ids)
        finally:
            del readers[reading]
        if len(rows) < wanted or None in rows or len({*row_ids}) < len(row_ids):
            return None
        if found.in_order and not values:
            return rows[:wanted], ()
        ranks = method.ordering_values(operator, argument, ColumnValues(rows, column))
        try:
            if not isfinite(sum(ranks)):
                return None
        except TypeError:  # no numbers, or NULL
            return None
        ordered = sorted(zip(ranks, row_ids, rows))[:wanted]
        return [row for _, _, row in ordered], [rank for rank, _, _ in ordered]

    return read
