"""Foreign keys in the short way of one row (``transaction/point.py``): looked up under the commit lock.

Nobody commits while a point write looks and enters, so what is found is the newest state, and stays it. Who has not
committed yet is seen by his lock: a transaction that deletes the referenced row has locked it, and one that has
inserted a referencing row holds a key-share lock on the referenced one. The point write takes such a lock itself until
it is entered. Wherever it meets another's, or finds that there is something to refuse or to do, it declines, and an
ordinary transaction waits, words the error or runs the action.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from attrs import frozen

from heliosdb.store.relation import Relation
from heliosdb.store.timeline_index import TimelineIndex
from heliosdb.store.versions import Row
from heliosdb.transaction.locks import LockOwner, RelationLock, RowLock

if TYPE_CHECKING:
    from heliosdb.transaction.transactional_store import TransactionalStore

__all__ = ["PointReference"]

Taken = list[tuple[dict[Any, Any], Any]]
"""Locks to give back: (space, key)."""


@frozen(eq=False)
class PointReference:
    """One foreign key seen from a table that is written: ``index`` is the other table's, on the columns of the key.

    ``key`` makes the index's key of a row that is written, None where one of its columns is NULL.
    """

    relation: Relation
    index: TimelineIndex
    key: Callable[[Row], Any]

    def holds(self, store: TransactionalStore, key: Any, owner: LockOwner, taken: Taken) -> bool:
        """Whether the referenced row is there; it is locked then."""
        if not store.locks.may_write(self.relation.lock_key, RelationLock.ROW_SHARE):
            return False
        row_ids: Sequence[int] = self.index.newest_row_ids(key)
        if len(row_ids) != 1:
            return False
        locks, grant = self.relation.locks, owner.grant(RowLock.KEY_SHARE)
        (row_id,) = row_ids
        if locks.get(row_id) is not None or locks.setdefault(row_id, grant) is not grant:
            return False
        taken.append((locks, row_id))
        if locks.blocks and locks.block_of(row_id) is not None:
            return False
        row = self.relation.newest(row_id)[1]
        return row is not None and bool(self.index.spec.key(row) == key)

    def is_free(self, store: TransactionalStore, key: Any) -> bool:
        """Whether no committed row refers to the key. Those that are not committed hold a lock on the row that has
        it."""
        if not store.locks.may_write(self.relation.lock_key, RelationLock.ROW_SHARE):
            return False
        key_of, newest = self.index.spec.key, self.relation.newest
        for row_id in self.index.newest_row_ids(key):
            row = newest(row_id)[1]
            if row is not None and key_of(row) == key:
                return False
        return True
