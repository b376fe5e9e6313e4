"""Which commit made each row what it is: on its own timeline, or on one that this started from.

A row's SCN is known for certain as far back as nothing has been dropped. Before that its block may only know that it
is older, and then so does the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from heliosdb.store.block import BLOCK_BITS
from heliosdb.store.versions import history

if TYPE_CHECKING:
    from heliosdb.store.relation import Relation
    from heliosdb.store.versions import Row
    from heliosdb.transaction.transaction import Transaction

__all__ = ["row_origins"]


def row_origins(transaction: Transaction, relation_oid: int) -> Iterator[list[tuple[int, Row, int | None]]]:
    """Yield (row id, row, SCN of the commit that made it so) of a relation's committed rows, by blocks.

    The rows are those that the current statement sees, its transaction's own changes left out. The SCN is None where
    it is not known any more.
    """
    relation, scn = transaction.relation(relation_oid), transaction.scn
    for number in range(relation.block_count()):
        first = number << BLOCK_BITS
        block = relation.block(number)
        if block is not None:
            found = [
                (first + slot, row, _origin(relation, number, slot, scn))
                for slot, row in enumerate(block.positional(scn))
                if row is not None
            ]
            if found:
                yield found


def _origin(relation: Relation, number: int, slot: int, scn: int) -> int | None:
    """Return the SCN of a row's version as of an SCN."""
    block = relation.block(number)
    if block is None:
        return None
    begin, _, older = block.newest_with_older(slot)
    if begin > scn:
        begin = next((earlier for earlier, _ in history(older) if earlier <= scn), 0)
    if relation.parent is not None and begin <= relation.fork:
        return _origin(relation.parent, number, slot, relation.fork)
    return begin if begin > relation.pruned_to else None
