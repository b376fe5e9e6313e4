"""Rows that are to be nowhere: every version of them leaves their blocks, as if they had never been.

    block    rows [r0, r1, r2]  begins [4, 9, 9]  history {1: ...}  overlay {2: ...}
    erased 1      [r0, None, r2]       [4, 9, 9]          {}                {2: ...}

A row is erased after it was deleted, so nobody who reads what is now can tell. Who reads an older state does not find
it any more, snapshots that are open included: that is what erasing means. Blocks are replaced, as by a fold; those of
a volume are written by the very checkpoint that erases, and the segments that had them in any form go with it
(``Checkpointer.erase``). Indexes still have the rows' keys, which lead nowhere; who erases builds them again.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection
from typing import TYPE_CHECKING

from heliosdb.errors import FeatureNotSupported, SerializationFailure
from heliosdb.store.block import BLOCK_BITS, SLOT_MASK, Block

if TYPE_CHECKING:
    from heliosdb.store.relation import Relation
    from heliosdb.store.store import Store

__all__ = ["erase_rows"]


def erase_rows(store: Store, relation_oid: int, row_ids: Collection[int]) -> frozenset[int]:
    """Erase deleted rows of main in memory, and return the numbers of their blocks; the commit lock is held.

    Raises FeatureNotSupported where there are other timelines, and SerializationFailure where a row is there again.
    Nothing has been erased then.
    """
    others = [line.name for line in store.lines.all() if line is not store.main]
    if others:
        raise FeatureNotSupported(
            f'rows cannot be erased while there is timeline "{others[0]}"',
            detail="It goes on from rows of main as they were.",
            hint="Drop it first.",
        )
    relation = store.create_relation(None, relation_oid)
    slots: dict[int, list[int]] = {}
    for row_id in row_ids:
        if relation.newest(row_id)[1] is not None:
            raise SerializationFailure("a row that is to be erased is there again")
        slots.setdefault(row_id >> BLOCK_BITS, []).append(row_id & SLOT_MASK)
    for number, erased in slots.items():
        _erase_block(relation, number, erased)
    relation.forget_settled()
    relation.feed.erase(frozenset(row_ids))
    return frozenset(slots)


def _erase_block(relation: Relation, number: int, slots: Collection[int]) -> None:
    block = relation.block(number)
    if block is None:
        return
    begins = block.load_versions()
    rows, history, overlay = block.rows[:], dict(block.history or ()), block.overlay.copy()
    for slot in slots:
        if slot < len(rows):
            rows[slot] = None
        history.pop(slot, None)
        if slot in overlay:
            overlay[slot] = (overlay[slot][0], None, None)
    relation.blocks[number] = Block(
        rows,
        block.begin,
        dense=False,
        exact=block.exact,
        begins=None if begins is None else array("q", begins),
        history=history or None,
        overlay=overlay,
    )
