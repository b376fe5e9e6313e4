"""Rows put in the place of others by their ids: a change that was made elsewhere, on another timeline.

A row keeps its id where it comes to be here for the first time, for ids mean the same row on every timeline. Unique
keys are looked at when all changes are in (``Transaction.check_deferred``): two rows may swap theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.errors import SerializationFailure
from heliosdb.transaction import references, unique
from heliosdb.transaction.locks import RowLock

if TYPE_CHECKING:
    from heliosdb.store.versions import Row
    from heliosdb.transaction.transaction import Transaction

__all__ = ["place_row"]


def place_row(transaction: Transaction, relation_oid: int, row_id: int, old: Row | None, new: Row | None) -> None:
    """Replace a row's version ``old`` by ``new``; None: there is no row with this id, before or afterwards.

    Once a row in each command of a transaction that keeps its snapshot. Raises SerializationFailure where somebody has
    changed the row since.
    """
    writes = transaction.writes_of(relation_oid, "UPDATE")
    if old is not None:
        transaction.prepare_change(writes, row_id, old, RowLock.UPDATE)
    else:
        relation = writes.relation
        transaction.lock(relation, row_id, RowLock.UPDATE)
        scn, newest = relation.newest(row_id)
        if newest is not None or scn > transaction.scn:
            raise SerializationFailure(references.CONCURRENT_UPDATE)
    if new is None:
        writes.keys_change = True
    else:
        for index in writes.indexes:
            if old is None or index.elements(old) != index.elements(new):
                unique.enter_row(transaction, writes, index, row_id, new, later=True)
                writes.keys_change = True
    transaction.enter(writes, row_id, new)
    writes.count += (new is not None) - (old is not None)
