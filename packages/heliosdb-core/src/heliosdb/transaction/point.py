"""The short ways: one row by a unique key, outside any transaction, on one timeline.

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

from heliosdb.encoding.keys import NULL, has_null
from heliosdb.errors import Error
from heliosdb.store.block import Block, Entry
from heliosdb.store.commits import Author
from heliosdb.store.relation import FOLD_AT, Relation
from heliosdb.store.timeline_index import IndexEntries, TimelineIndex
from heliosdb.store.versions import PRUNED, Row, push
from heliosdb.transaction.locks import LockOwner, RowLock, SessionToken
from heliosdb.transaction.point_references import PointReference, Taken

if TYPE_CHECKING:
    from heliosdb.store.timeline import Timeline
    from heliosdb.transaction.transactional_store import TransactionalStore

__all__ = ["PointWriter", "point_reader"]

KeyChange = tuple[TimelineIndex, "tuple[Any] | None", "tuple[Any] | None"]
"""(index, the element that the row no longer has, the one that it has now)."""
REMEMBERED = 1 << 16
"""Keys of which a reader remembers the row id."""
NEVER: Entry = (0, None, None)
""""Newest version" of a row id that was never used."""


def point_reader(
    store: TransactionalStore, relation_oid: int, index_oid: int, line: Timeline
) -> Callable[[Any], Row | None]:
    """Return ``read(key) -> row or None`` over a unique btree index of a timeline."""
    index = store.index(line, relation_oid, index_oid)
    relation = store.create_relation(line, relation_oid)
    slow = _slow_reader(store, relation, index)
    if index.beyond is not None:
        return _remembering(slow, store, relation, index)
    tree, spec = index.tree, index.spec
    assert tree is not None
    find, blocks, column, order = tree.current.get, relation.blocks, spec.key_column, tree.order
    if column is None or spec.predicate is not None:
        return slow

    def read(key: Any) -> Row | None:
        dense = order.dense
        if dense is None:
            row_id = find(key)
        elif 0 <= (place := key - dense.first) < len(dense.row_ids) and key not in dense.changed:
            row_id = dense.row_ids[place]
        else:
            row_id = find(key)
        if row_id.__class__ is int:
            published = store.published
            try:
                block: Block = blocks[row_id >> 12]  # type: ignore[assignment]
                entry = block.overlay.get(row_id & 4095)
                # If no key was entered since ``published``, the row has this one: it need not be looked at.
                if entry is None:
                    if block.begin <= published:
                        row = block.rows[row_id & 4095]
                        if row is not None and (
                            (tree.last_changed <= published and index.tree is tree) or row[column] == key
                        ):
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


def _remembering(
    slow: Callable[[Any], Row | None], store: TransactionalStore, relation: Relation, index: TimelineIndex
) -> Callable[[Any], Row | None]:
    """Return a reader of an index that is not all in this timeline's tree; it remembers where it has found keys."""
    spec, blocks = index.spec, relation.blocks
    column = spec.key_column
    if column is None or spec.predicate is not None:
        return slow
    remembered: dict[Any, int] = {}
    find = remembered.get

    def remember(key: Any, row_id: int) -> None:
        if len(remembered) >= REMEMBERED:
            remembered.clear()
        remembered[key] = row_id

    def read(key: Any) -> Row | None:
        row_id = find(key)
        is_guessed = row_id is None
        if is_guessed:
            row_id = index.guess(key)
        if row_id is not None:
            published = store.published
            row: Any = None
            try:
                block: Block = blocks[row_id >> 12]  # type: ignore[assignment]
                entry = block.overlay.get(row_id & 4095)
                if entry is None:
                    if block.begin <= published:
                        row = block.rows[row_id & 4095]
                elif entry[0] <= published:
                    row = entry[1]
            except (AttributeError, IndexError):
                pass  # the block is not in memory, or the row is another timeline's
            if row is not None and row[column] == key:
                if is_guessed:
                    remember(key, row_id)
                return row  # type: ignore[no-any-return]
        found = slow(key)
        if found is not None:
            for row_id in index.newest_row_ids(key):
                if relation.newest(row_id)[1] is found:
                    remember(key, row_id)
        return found

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
    """Autocommit writes of single rows by a unique key of a timeline. Any thread may use it."""

    __slots__ = (
        "_author",
        "_author_number",
        "_definitions",
        "_index",
        "_key_grant",
        "_key_of",
        "_line",
        "_made_at",
        "_owner",
        "_referenced",
        "_references",
        "_relation",
        "_session",
        "_store",
        "_synchronous",
        "_waits",
    )

    def __init__(
        self,
        store: TransactionalStore,
        relation_oid: int,
        index_oid: int,
        session: SessionToken | None = None,
        author: Author | None = None,
        *,
        line: Timeline | None = None,
        waits: bool = True,
        synchronous: bool = True,
        references: Sequence[PointReference] = (),
        referenced: Sequence[PointReference] = (),
        definitions: tuple[Relation, int] | None = None,
    ) -> None:
        self._definitions = None if definitions is None else definitions[0]
        self._made_at = 0 if definitions is None else definitions[1]
        self._line = line = store.main if line is None else line
        self._references = tuple(references)
        """Foreign keys of the relation."""
        self._referenced = tuple(referenced)
        """Foreign keys that point at it."""
        self._waits = waits
        self._synchronous = synchronous
        self._store = store
        self._relation = store.create_relation(line, relation_oid)
        self._index = store.index(line, relation_oid, index_oid)
        self._key_of = self._index.simple_key
        self._session = session
        self._author = (author or Author())._replace(timeline=line.name)
        self._author_number = store.commits.author_number(self._author)
        self._owner = LockOwner(session)
        self._key_grant = self._owner.grant(0)

    def update(self, key: Any, change: Callable[[Row], Row]) -> bool | None:
        """Replace the row with this key by ``change(row)`` and commit; False when there is none.

        None (only of a writer that does not wait): somebody holds a lock on the relation or the row, or listens to
        commits; nothing was done, and an ordinary transaction has to do it.
        """
        taken: Taken = []
        try:
            done = self._change(key, change, RowLock.NO_KEY_UPDATE, taken)
            if done and (journal := self._store.journal) is not None:
                journal.settle(self._store.last_scn, synchronous=self._synchronous)
        finally:
            if taken:
                self._give_back(taken)
        return self._ordinary(key, change) if done is None and self._waits else done

    def delete(self, key: Any) -> bool | None:
        """Delete the row with this key and commit; False when there is none, None as for ``update``."""
        done = self._change(key, None, RowLock.UPDATE, [])
        if done and (journal := self._store.journal) is not None:
            journal.settle(self._store.last_scn, synchronous=self._synchronous)
        return self._ordinary(key, None) if done is None and self._waits else done

    def _is_current(self) -> bool:
        """Whether the definition that rows are made for is that of now, and no change of it is under way."""
        definitions = self._definitions
        if definitions is not None and definitions.changed != self._made_at:
            return False
        return self._store.locks.may_write(self._relation.lock_key)

    def _give_back(self, taken: Taken) -> None:
        """Release locks on what the row refers to: not before it is published, for whoever gets them looks for it."""
        for space, key in taken:
            self._store.locks.give_back(space, key, self._owner)

    def _change(self, key: Any, change: Callable[[Row], Row] | None, mode: RowLock, taken: Taken) -> bool | None:
        store, relation, key_of = self._store, self._relation, self._key_of
        locks = relation.locks
        with store.commit_lock:
            if self._line.dropped or (not self._waits and not self._is_current()):
                return None
            row_id = self._row_id(key)
            if row_id is None and not self._waits:
                # Every commit before this moment has been entered.
                return False
            grant = self._owner.grant(mode)
            if (
                row_id.__class__ is not int
                or key_of is None
                or store.listeners
                or store.history.open
                or locks.get(row_id) is not None
                or locks.setdefault(row_id, grant) is not grant
            ):
                return None
            try:
                block = relation.block(row_id >> 12)
                if block is None or (locks.blocks and locks.block_of(row_id) is not None):
                    return None
                entry = block.overlay.get(row_id & 4095) or block.newest_with_older(row_id & 4095)
                row = entry[1]
                if row is None or key_of(row) != key:
                    return None
                if change is None:
                    new, keys = None, self._keys_removed(row)
                    if self._referenced and not self._may_go(row):
                        return None
                else:
                    new = change(row)
                    keys = self._keys_changed(row, new)
                    if self._references and not self._refers(row, new, taken):
                        return None
                if keys is None:
                    return None
                self._commit(block, row_id, entry, new, keys)
                return True
            finally:
                store.locks.give_back(locks, row_id, self._owner)

    def _refers(self, row: Row | None, new: Row, taken: Taken) -> bool:
        """Whether what the new row refers to, and the old one did not, is there."""
        for reference in self._references:
            key = reference.key(new)
            if key is None or (row is not None and reference.key(row) == key):
                continue
            if not reference.holds(self._store, key, self._owner, taken):
                return False
        return True

    def _may_go(self, row: Row) -> bool:
        """Whether nobody refers to the row."""
        for reference in self._referenced:
            key = reference.key(row)
            if key is not None and not reference.is_free(self._store, key):
                return False
        return True

    def _row_id(self, key: Any) -> Any:
        """Return what the tree has for a key; of an index that is not all in memory the row id that has it now."""
        index = self._index
        tree = index.tree
        assert tree is not None
        found = tree.current.get(key)
        if found is None and tree.beyond is not None:
            for row_id in index.newest_row_ids(key):
                row = self._relation.newest(row_id)[1]
                if row is not None and index.spec.key(row) == key:
                    return row_id
        return found

    def insert(self, row: Row) -> int | None:
        """Insert a row, commit, and return its row id; None as for ``update``, also when a key is taken."""
        taken: Taken = []
        try:
            row_id = self._insert(row, taken)
            if row_id is not None:
                if (journal := self._store.journal) is not None:
                    journal.settle(self._store.last_scn, synchronous=self._synchronous)
                return row_id
        finally:
            self._give_back(taken)
        if not self._waits:
            return None
        store, relation = self._store, self._relation
        transaction = store.begin(self._session, self._line, "read committed", author=self._author)
        try:
            transaction.begin_statement()
            row_id = transaction.insert(relation.oid, row)
            transaction.commit().wait()
        finally:
            transaction.rollback()
        return row_id

    def _insert(self, row: Row, taken: Taken) -> int | None:
        store, relation = self._store, self._relation
        with store.commit_lock:
            if self._line.dropped or (not self._waits and not self._is_current()):
                return None
            if not store.listeners and not store.history.open:
                keys = self._keys_added(row, taken)
                if keys is not None and (not self._references or self._refers(None, row, taken)):
                    row_id = relation.row_ids.take()
                    block = relation.block(row_id >> 12) or relation.new_block(row_id >> 12)
                    self._commit(block, row_id, NEVER, row, keys)
                    return row_id
        return None

    def _keys_added(self, row: Row, taken: list[tuple[dict[Any, Any], Any]]) -> list[KeyChange] | None:
        """Return a new row's keys and lock the unique ones; None as soon as one is taken or the case is no plain
        one."""
        keys: list[KeyChange] = []
        grant = self._key_grant
        for index in self._relation.indexes.values():
            spec, key_of = index.spec, index.simple_key
            if spec.deferrable:
                return None
            if key_of is None:
                added = _only_element(index, row)
                if added is None or (added and spec.unique):
                    return None
                if added:
                    keys.append((index, None, added))
                continue
            key = key_of(row)
            if spec.unique and (
                spec.nulls_not_distinct or not (key is NULL if spec.width == 1 else has_null(key, spec.width))
            ):
                locks = index.key_locks
                if index.claims or locks.get(key) is not None or locks.setdefault(key, grant) is not grant:
                    return None
                taken.append((locks, key))
                if index.newest_row_ids(key):
                    return None
            keys.append((index, None, (key if spec.order_key is None else (spec.order_key(row), key),)))
        return keys

    def _keys_removed(self, row: Row) -> list[KeyChange] | None:
        keys: list[KeyChange] = []
        for index in self._relation.indexes.values():
            key_of = index.simple_key
            if key_of is None:
                removed = _only_element(index, row)
                if removed is None:
                    return None
                if removed:
                    keys.append((index, removed, None))
                continue
            order_key = index.spec.order_key
            keys.append((index, (key_of(row) if order_key is None else (order_key(row), key_of(row)),), None))
        return keys

    def _keys_changed(self, row: Row, new: Row) -> list[KeyChange] | None:
        """Return which keys an update changes; None where one of a unique index is among them."""
        keys: list[KeyChange] = []
        for index in self._relation.indexes.values():
            key_of = index.simple_key
            if key_of is not None:
                old_key, new_key = key_of(row), key_of(new)
                if old_key != new_key:
                    spec = index.spec
                    if spec.unique:
                        return None
                    order_key = spec.order_key
                    if order_key is None:
                        keys.append((index, (old_key,), (new_key,)))
                    else:
                        keys.append((index, ((order_key(row), old_key),), ((order_key(new), new_key),)))
            elif (before := _only_element(index, row)) != (after := _only_element(index, new)):
                if before is None or after is None or index.spec.unique:
                    return None
                keys.append((index, before or None, after or None))
            elif before is None and index.elements(row) != index.elements(new):
                return None
        return keys

    def _commit(self, block: Block, row_id: int, before: Entry, row: Row | None, keys: list[KeyChange]) -> None:
        """Give a row a new version as a commit of its own, keys first. From ``next_scn`` on nothing raises."""
        store, relation = self._store, self._relation
        number, time = next(store.transaction_ids), 0
        if store.journal is not None:
            record = store.journal.record_of_row(relation, row_id, row)
            time = store.log_commit(self._line.id, record, number, self._author_number)
        snapshots, scn = store.snapshots, store.next_scn()
        readers: Sequence[int] | None
        idle = snapshots.is_idle and scn - 1 == store.published
        readers = () if idle else store.needed(relation.oid)
        for index, removed, added in keys:
            if index.superseded:
                store.forget_superseded(relation, index, readers)
            tree = index.tree
            if tree is None or index.backlog is not None:
                index.enter(IndexEntries([(row_id, removed or (), added or ())]), scn)
            else:
                tree.replace(row_id, removed, added, scn)
                if index.delta is not None:
                    if removed is not None:
                        index.delta.append((removed[0], ~row_id))
                    if added is not None:
                        index.delta.append((added[0], row_id))
        begin, old, older = before
        relation.changed = scn
        overlay = block.overlay
        if not begin:
            overlay[row_id & 4095] = (scn, row, None)
        elif idle:
            overlay[row_id & 4095] = (scn, row, (begin, old, PRUNED if older is not None else None))
        else:
            overlay[row_id & 4095] = (scn, row, push(older, begin, old, readers))
        if older is not None and readers is not None:
            relation.pruned_to = max(relation.pruned_to, begin)
        if old is None:
            relation.count += 1
        elif row is None:
            relation.count -= 1
        feed = relation.feed
        if feed.wanted:
            feed.record(scn, [(row_id, old, row)])
        else:
            feed.horizon = scn
        store.publish(scn, number, self._author_number, time)
        if old is not None and keys:
            # Who has come since sees this commit: unless somebody came before, nobody asks for the keys it removed.
            gone = idle and snapshots.is_idle
            for index, removed, _ in keys:
                tree = index.tree
                if removed is not None and tree is not None and index.backlog is None:
                    if gone:
                        tree.forget_last(removed[0], row_id)
                        relation.pruned_to = scn
                    else:
                        index.superseded.append((scn, removed[0], row_id))
        if len(overlay) >= FOLD_AT:
            relation.fold(row_id >> 12, store.needed(relation.oid))

    def _ordinary(self, key: Any, change: Callable[[Row], Row] | None) -> bool:
        """Do the same in a transaction of its own: None deletes."""
        store, oid = self._store, self._relation.oid
        while True:
            transaction = store.begin(self._session, self._line, "read committed", author=self._author)
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


def _only_element(index: TimelineIndex, row: Row) -> tuple[Any] | tuple[()] | None:
    """Return the key of a row in a btree that leaves rows out, () where it does, None of another method.

    An error that it raises is the ordinary way's to word.
    """
    if index.tree is None:
        return None
    try:
        elements = index.elements(row)
    except (Error, ArithmeticError):
        return None
    return (elements[0],) if elements else ()
