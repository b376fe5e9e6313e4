"""How large a timeline is: what it has of its own, and what would come back if it went.

On a volume that is a question of files, for each segment and each run of an index is one timeline's. In memory rows are
weighed: main's by a sample; of another timeline those that its parent does not have at the fork.
"""

from __future__ import annotations

from sys import getsizeof
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heliosdb.store.relation import Relation
    from heliosdb.store.store import Store
    from heliosdb.store.timeline import Timeline

__all__ = ["own_size"]

SAMPLE = 100
"""Rows of a relation that are weighed for all."""


def own_size(store: Store, line: Timeline) -> int:
    """Return the bytes that a timeline has of its own."""
    if store.maintenance is not None:
        return store.maintenance.size_of(line.id)
    return sum(_weight(relation, store.published) for relation in tuple(line.relations.values()))


def _weight(relation: Relation, scn: int) -> int:
    total = 0
    for number, block in enumerate(tuple(relation.blocks)):
        if block is None:
            continue
        rows = [row for row in block.positional(scn) if row is not None]
        if relation.parent is None:
            sample = rows[:SAMPLE]
            total += sum(map(_row_weight, sample)) * len(rows) // max(1, len(sample))
            continue
        inherited = relation.parent.block(number)
        shared = set() if inherited is None else set(map(id, inherited.positional(relation.fork)))
        total += sum(_row_weight(row) for row in rows if id(row) not in shared)
    return total


def _row_weight(row: Any) -> int:
    return getsizeof(row) + sum(map(getsizeof, row))
