"""The short ways: one row by a unique key, outside any transaction, on main.

``point_reader`` gives a closure that reads the newest published version. It registers no snapshot. It takes
``published`` first, so whatever it then meets is either visible at that SCN, or answered by the version before,
which a row always keeps until its next change; if even that is gone, it starts over.

``PointWriter`` commits a change of one row by the same rules as a transaction: the row is locked in the lock
table for the moment of the change, unique keys are kept, indexes, feed, commit record and SCN are as ever. What is
saved is the transaction object, the write set and its merge. Where anything is out of the ordinary (somebody holds
the row's lock, keys change, serializable transactions or listeners are about) it runs an ordinary transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from heliosdb.errors import SerializationFailure
from heliosdb.store.block import Block
from heliosdb.store.commits import Author
from heliosdb.store.relation import FOLD_AT, Relation
from heliosdb.store.timeline_index import TimelineIndex
from heliosdb.store.versions import PRUNED, Row, push
from heliosdb.transaction.locks import LockOwner, RowLock, SessionToken

if TYPE_CHECKING:
    from heliosdb.transaction.transactional_store import TransactionalStore

__all__ = ["PointWriter", "point_reader"]


def point_reader(store: TransactionalStore, relation_oid: int, index_oid: int) -> Callable[[Any], Row | None]:
    """Return ``read(key) -> row or None`` over a unique btree index of main."""
    index = store.index(None, relation_oid, index_oid)
    relation = store.create_relation(None, relation_oid)
    slow = _slow_reader(store, relation, index)
    tree, spec = index.tree, index.spec
    assert tree is not None
    find, blocks, column = tree.current.get, relation.blocks, spec.key_column
    if column is None or spec.predicate is not None:
        return slow

    def read(key: Any) -> Row | None:
        row_id = find(key)
        if row_id.__class__ is int:
            published = store.published
            try:
                block: Block = blocks[row_id >> 12]  # type: ignore[assignment]
                entry = block.overlay.get(row_id & 4095)
                if entry is None:
                    if block.begin <= published:
                        row = block.rows[row_id & 4095]
                        if row is not None and row[column] == key:
                            return row
                elif entry[0] <= published:
                    row = entry[1]
                    if row is not None and row[column] == key:
                        return row
            except (IndexError, AttributeError):
                pass  # the key is entered before its row: not published yet
        elif row_id is None and tree.last_superseded <= store.published:
            return None
        return slow(key)

    return read


def _slow_reader(store: TransactionalStore, relation: Relation, index: TimelineIndex) -> Callable[[Any], Row | None]:
    spec = index.spec
    key_of, predicate = spec.key, spec.predicate

    def read(key: Any) -> Row | None:
        while True:
            published = store.published
            pruned = False
            for row_id in index.row_ids(key, published):
                row = relation.row(row_id, published)
                if row is PRUNED:
                    pruned = True
                elif row is not None and key_of(row) == key and (predicate is None or predicate(row)):
                    found: Row = row
                    return found
            if not pruned and published == store.published:
                return None
            # Something was committed meanwhile, and may have moved the key to another row behind our back.

    return read


class PointWriter:
    """Autocommit writes of single rows by a unique key. Any thread may use it."""

    __slots__ = ("_author", "_author_number", "_index", "_owner", "_relation", "_session", "_store", "_tree")

    def __init__(
        self,
        store: TransactionalStore,
        relation_oid: int,
        index_oid: int,
        session: SessionToken | None = None,
        author: Author | None = None,
    ) -> None:
        self._store = store
        self._relation = store.create_relation(None, relation_oid)
        self._index = store.index(None, relation_oid, index_oid)
        tree = self._index.tree
        assert tree is not None
        self._tree = tree
        self._session = session
        self._author = author or Author()
        self._author_number = store.commits.author_number(self._author)
        self._owner = LockOwner(session)

    def update(self, key: Any, change: Callable[[Row], Row]) -> bool:
        """Replace the row with this key by ``change(row)`` and commit; False when there is none."""
        store, relation, index = self._store, self._relation, self._index
        key_of, indexes, locks = index.spec.key, relation.indexes, relation.locks
        grant = self._owner.grants[RowLock.NO_KEY_UPDATE]
        with store.commit_lock:
            row_id = self._tree.current.get(key)
            if row_id is None and not store.last_scn > store.published:
                return False
            if row_id.__class__ is int and not store.history.open and not store.listeners:
                if locks.setdefault(row_id, grant) is grant:
                    try:
                        block = relation.blocks[row_id >> 12]
                        if block is not None and index.spec.predicate is None:
                            before, row, older = block.newest_with_older(row_id & 4095)
                            if row is not None and key_of(row) == key:
                                new = change(row)
                                for other in indexes.values():
                                    if other is index:
                                        if key_of(new) != key:
                                            break
                                    elif other.elements(row) != other.elements(new):
                                        break
                                else:
                                    self._replace(block, row_id, before, row, older, new)
                                    return True
                    finally:
                        store.locks.give_back(locks, row_id, self._owner)
        return self._ordinary(key, change)

    def _replace(self, block: Block, row_id: int, before: int, row: Row, older: Any, new: Row | None) -> None:
        store, relation = self._store, self._relation
        snapshots = store.snapshots
        readers: tuple[int, ...] | None = ()
        if snapshots.readers or snapshots.pins or snapshots.retention or snapshots.default_retention is not None:
            readers = snapshots.needed(relation.oid)
        scn = store.last_scn + 1
        if older is not None and readers is not None:
            relation.pruned_to = before
        overlay = block.overlay
        overlay[row_id & 4095] = (scn, new, push(older, before, row, readers))
        if len(overlay) >= FOLD_AT:
            relation.fold(row_id >> 12, readers)
        feed = relation.feed
        if feed.wanted:
            feed.record(scn, [(row_id, row, new)])
        else:
            feed.horizon = scn
        store.last_scn = scn
        store.commits.record(next(store.transaction_ids), self._author_number)
        store.published = scn

    def _ordinary(self, key: Any, change: Callable[[Row], Row | None]) -> bool:
        store, oid = self._store, self._relation.oid
        while True:
            transaction = store.begin(self._session, isolation="read committed", author=self._author)
            try:
                transaction.begin_statement()
                found = transaction.find_newest(self._index.spec.oid, key, relation_oid=oid)
                if found is None:
                    return False
                row_id, row = found
                new = change(row)
                state = (
                    transaction.delete(oid, row_id, row) if new is None else transaction.update(oid, row_id, row, new)
                )
                if state is None:
                    transaction.commit().wait()
                    return True
            except SerializationFailure:
                continue
            finally:
                transaction.rollback()

    def delete(self, key: Any) -> bool:
        """Delete the row with this key and commit; False when there is none."""
        return self._ordinary(key, lambda row: None)

    def insert(self, row: Row) -> int:
        """Insert a row, commit, and return its row id."""
        transaction = self._store.begin(self._session, isolation="read committed", author=self._author)
        try:
            transaction.begin_statement()
            row_id = transaction.insert(self._relation.oid, row)
            transaction.commit().wait()
        finally:
            transaction.rollback()
        return row_id
