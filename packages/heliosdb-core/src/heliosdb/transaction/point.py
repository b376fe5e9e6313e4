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

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from heliosdb.encoding.keys import has_null
from heliosdb.store.block import Block
from heliosdb.store.commits import Author
from heliosdb.store.relation import FOLD_AT, Relation
from heliosdb.store.store import RelationChanges
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
        elif row_id is None:
            published = store.published
            # Looked up again, now after ``published``: had the key been on its way to another row, it would be there.
            if find(key) is None and tree.last_superseded <= published:
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
    """Autocommit writes of single rows by a unique key of main. Any thread may use it."""

    __slots__ = ("_author", "_author_number", "_index", "_owner", "_relation", "_session", "_store", "_tree", "_waits")

    def __init__(
        self,
        store: TransactionalStore,
        relation_oid: int,
        index_oid: int,
        session: SessionToken | None = None,
        author: Author | None = None,
        *,
        waits: bool = True,
    ) -> None:
        self._waits = waits
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

    def update(self, key: Any, change: Callable[[Row], Row]) -> bool | None:
        """Replace the row with this key by ``change(row)`` and commit; False when there is none.

        None (only of a writer that does not wait): somebody holds a lock on the relation or the row, or listens to
        commits; nothing was done, and an ordinary transaction has to do it.
        """
        store, relation, index = self._store, self._relation, self._index
        locks, indexes, key_of = relation.locks, relation.indexes, index.simple_key
        grant = self._owner.grant(RowLock.NO_KEY_UPDATE)
        with store.commit_lock:
            if not self._waits and relation.oid in store.locks.relations:
                # A change of the definition may be under way, and ``change`` was made for the one before.
                return None
            row_id = self._tree.current.get(key)
            if row_id is None and not self._waits:
                # Every commit before this moment has been entered.
                return False
            if (
                row_id.__class__ is int
                and key_of is not None
                and not store.is_followed
                and locks.get(row_id) is None
                and locks.setdefault(row_id, grant) is grant
            ):
                try:
                    block = relation.blocks[row_id >> 12]
                    if block is not None:
                        slot = row_id & 4095
                        entry = block.overlay.get(slot) or block.newest_with_older(slot)
                        row = entry[1]
                        if row is not None and key_of(row) == key:
                            new = change(row)
                            if key_of(new) == key and (len(indexes) == 1 or not self._changes_keys(row, new)):
                                self._replace(block, row_id, entry, new)
                                return True
                finally:
                    store.locks.give_back(locks, row_id, self._owner)
        return self._ordinary(key, change) if self._waits else None

    def _changes_keys(self, row: Row, new: Row) -> bool:
        return any(index.elements(row) != index.elements(new) for index in self._relation.indexes.values())

    def _replace(self, block: Block, row_id: int, entry: Any, new: Row) -> None:
        """Give a row a new version with the same keys, as a commit of its own."""
        store, relation = self._store, self._relation
        snapshots, scn = store.snapshots, store.next_scn()
        before, row, older = entry
        overlay = block.overlay
        slot = row_id & 4095
        readers: Sequence[int] | None
        if snapshots.is_idle and scn - 1 == store.published:
            readers = ()
            overlay[slot] = (scn, new, (before, row, PRUNED if older is not None else None))
        else:
            readers = store.needed(relation.oid)
            overlay[slot] = (scn, new, push(older, before, row, readers))
        if older is not None and readers is not None:
            relation.pruned_to = before
        feed = relation.feed
        if feed.wanted:
            feed.record(scn, [(row_id, row, new)])
        else:
            feed.horizon = scn
        store.publish(scn, next(store.transaction_ids), self._author_number)
        if len(overlay) >= FOLD_AT:
            relation.fold(row_id >> 12, store.needed(relation.oid))

    def _commit_row(self, row_id: int, row: Row | None) -> None:
        """Commit a new row, or None in the place of one, with its keys."""
        store = self._store
        changed: RelationChanges = (self._relation, {row_id >> 12: {row_id & 4095: row}}, {}, True)
        store.apply([changed], next(store.transaction_ids), self._author_number)

    def delete(self, key: Any) -> bool | None:
        """Delete the row with this key and commit; False when there is none, None as for ``update``."""
        store, relation = self._store, self._relation
        locks, key_of = relation.locks, self._index.simple_key
        grant = self._owner.grant(RowLock.UPDATE)
        with store.commit_lock:
            if not self._waits and relation.oid in store.locks.relations:
                return None
            row_id = self._tree.current.get(key)
            if row_id is None and not self._waits:
                # Every commit before this moment has been entered.
                return False
            if (
                row_id.__class__ is int
                and key_of is not None
                and not store.is_followed
                and locks.get(row_id) is None
                and locks.setdefault(row_id, grant) is grant
            ):
                try:
                    row = relation.newest(row_id)[1]
                    if row is not None and key_of(row) == key:
                        self._commit_row(row_id, None)
                        return True
                finally:
                    store.locks.give_back(locks, row_id, self._owner)
        return self._ordinary(key, None) if self._waits else None

    def insert(self, row: Row) -> int | None:
        """Insert a row, commit, and return its row id; None as for ``update``, also when a key is taken."""
        store, relation, owner = self._store, self._relation, self._owner
        grant = owner.grant(0)
        taken: list[tuple[dict[Any, Any], Any]] = []
        with store.commit_lock:
            if not self._waits and relation.oid in store.locks.relations:
                return None
            try:
                if not store.is_followed and self._takes_keys(row, grant, taken):
                    row_id = relation.row_ids.take()
                    self._commit_row(row_id, row)
                    return row_id
            finally:
                for locks, key in taken:
                    store.locks.give_back(locks, key, owner)
        if not self._waits:
            return None
        transaction = store.begin(self._session, isolation="read committed", author=self._author)
        try:
            transaction.begin_statement()
            row_id = transaction.insert(relation.oid, row)
            transaction.commit().wait()
        finally:
            transaction.rollback()
        return row_id

    def _takes_keys(self, row: Row, grant: Any, taken: list[tuple[dict[Any, Any], Any]]) -> bool:
        """Lock every unique key of a new row; False as soon as one is taken or the case is not a plain one."""
        for index in self._relation.indexes.values():
            spec, tree, key_of = index.spec, index.tree, index.simple_key
            if key_of is None or spec.deferrable:
                return False
            if spec.unique:
                key = key_of(row)
                if not spec.nulls_not_distinct and has_null(key, spec.width):
                    continue
                locks = index.key_locks
                if index.claims or locks.get(key) is not None or locks.setdefault(key, grant) is not grant:
                    return False
                taken.append((locks, key))
                if key in tree.current:
                    return False
        return True

    def _ordinary(self, key: Any, change: Callable[[Row], Row] | None) -> bool:
        """Do the same in a transaction of its own: None deletes."""
        store, oid = self._store, self._relation.oid
        while True:
            transaction = store.begin(self._session, isolation="read committed", author=self._author)
            try:
                transaction.begin_statement()
                found = transaction.find_newest(self._index.spec.oid, key, relation_oid=oid)
                if found is None:
                    return False
                row_id, row = found
                if change is None:
                    state = transaction.delete(oid, row_id, row)
                else:
                    state = transaction.update(oid, row_id, row, change(row))
                if state is None:
                    transaction.commit().wait()
                    return True
            finally:
                transaction.rollback()
