"""Uniqueness among concurrent transactions: entering keys, finding who has one, waiting for who may give one up.

Whoever adds a key to a unique index locks the key first, so that two who insert the same one meet. Then he looks at
the newest state, committed (published or pending) or his own, not at his snapshot: a row that has the key

    and stays                                      is a violation, 23505
    and another transaction has deleted, or given  may go: give the key lock back, wait for that transaction,
    another key, without having committed          look again

The key lock is given back before waiting, because the other transaction may want to insert the key again.

A bulk insert does not lock its keys one by one: it publishes a *claim*, the dict of all its keys, and then looks for
key locks and other claims on them; who locks a single key looks at the claims afterwards. Each publishes before it
looks, so at least one of two sees the other. A bulk insert that sees anybody withdraws its claim and goes key by key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from heliosdb.encoding.keys import NULL, has_null
from heliosdb.errors import UniqueViolation
from heliosdb.store.relation import Relation
from heliosdb.store.timeline_index import TimelineIndex
from heliosdb.store.versions import Row
from heliosdb.transaction.locks import KEY_CONFLICTS, ROW_CONFLICTS, RowLock
from heliosdb.transaction.writes import ABSENT, RelationWrites

if TYPE_CHECKING:
    from heliosdb.transaction.transaction import Transaction

__all__ = ["Claim", "claim", "enter_existing", "enter_row", "enter_rows", "find", "recheck"]


CLAIM_AT = 16
"""Rows from which a claim is cheaper than a lock for each key."""


class Claim:
    """The keys that a transaction's bulk inserts add to one index: those it has, and those it is about to claim.

    Live while it is itself a locked key of the index.
    """

    __slots__ = ("fresh", "keys", "owner")

    def __init__(self, owner: object) -> None:
        self.owner = owner
        self.keys: dict[Any, int] = {}
        self.fresh: dict[Any, int] = {}

    def __contains__(self, key: object) -> bool:
        return key in self.fresh or key in self.keys  # in this order: ``settle`` goes the other way

    def is_disjoint(self, keys: dict[Any, int]) -> bool:
        """Whether it has none of these keys."""
        return self.fresh.keys().isdisjoint(keys) and self.keys.keys().isdisjoint(keys)

    def settle(self) -> None:
        """Take the fresh keys for good."""
        self.keys.update(self.fresh)
        self.fresh = {}


def enter_row(
    transaction: Transaction,
    writes: RelationWrites,
    index: TimelineIndex,
    row_id: int,
    row: Row,
    *,
    later: bool = False,
) -> None:
    """Check a new row (or new version) against an index and note its keys among the own ones.

    ``later``: a unique key is looked at with those that are deferred (``Transaction.check_deferred``).
    """
    spec = index.spec
    if spec.predicate is not None and not spec.predicate(row):
        return
    if index.tree is None:
        # Own rows of such methods are read from the write set; but what makes keys of a row may raise, and is to do
        # so now.
        index.elements(row)
        return
    key = spec.key(row)
    own = writes.keys_of(index)
    if spec.unique and (spec.nulls_not_distinct or not (key is NULL if spec.width == 1 else has_null(key, spec.width))):
        if spec.deferrable or later:
            transaction.deferred.append((writes, index, key))
        else:
            locks = index.key_locks
            grant = transaction.grant(0)
            if locks.get(key) is None and locks.setdefault(key, grant) is grant:
                transaction.held += (locks, key, 0)
            else:
                _lock_key(transaction, index, key)
            if index.claims or key in index.tree.current or index.tree.beyond is not None or key in own.keys:
                found = _settle(transaction, writes, index, key, row_id)
                if found is not None:
                    raise _refusal(transaction, index, row)
    own.add(key if spec.order_key is None else (spec.order_key(row), key), row_id)


def enter_rows(
    transaction: Transaction, writes: RelationWrites, index: TimelineIndex, row_ids: range, rows: Sequence[Row]
) -> None:
    """Do the same for many rows at once."""
    spec, tree = index.spec, index.tree
    if tree is None:
        return
    if spec.predicate is None and len(rows) >= CLAIM_AT:
        keys = list(map(spec.key, rows))
        fresh = dict(zip(keys, row_ids))
        own = writes.keys_of(index)
        distinct = len(fresh) == len(keys) and own.keys.keys().isdisjoint(fresh)
        elements = keys if spec.order_key is None else list(zip(map(spec.order_key, rows), keys))
        if not spec.unique and not distinct:
            for element, row_id in zip(elements, row_ids):
                own.add(element, row_id)
            return
        if distinct and (not spec.unique or _claim_all(transaction, index, fresh)):
            own.add_many(elements, fresh)
            return
    for row_id, row in zip(row_ids, rows):
        enter_row(transaction, writes, index, row_id, row)


def _claim_all(transaction: Transaction, index: TimelineIndex, fresh: dict[Any, int]) -> bool:
    """Claim all keys at once; False where somebody has, or may get, one of them, or the check must wait."""
    spec = index.spec
    if spec.deferrable or (
        spec.width > 1 and not spec.nulls_not_distinct and any(has_null(k, spec.width) for k in fresh)
    ):
        return False
    locks, claims = transaction.store.locks, index.claims
    made = transaction.claims.get(index)
    if made is None or made not in index.key_locks:
        made = transaction.claims[index] = Claim(transaction)
        locks.acquire(index.key_locks, made, transaction, 0, KEY_CONFLICTS)
        claims.append(made)
        transaction.at_end(lambda: claims.remove(made))
    made.fresh = fresh
    free = index.key_locks.keys().isdisjoint(fresh) and all(
        other is made or other not in index.key_locks or other.is_disjoint(fresh) for other in tuple(claims)
    )
    tree = index.tree
    assert tree is not None
    free = free and tree.current.keys().isdisjoint(fresh)
    line = tree.beyond
    while free and line is not None:
        free = line.has_none_of(fresh)
        line = line.beyond
    if free:
        made.settle()
    else:
        made.fresh = {}
    return free


def enter_existing(transaction: Transaction, writes: RelationWrites, index: TimelineIndex) -> None:
    """Enter the rows that the transaction had written before the index was made."""
    for number, slots in writes.blocks.items():
        for slot, entry in slots.items():
            if entry[1] is not None:
                enter_row(transaction, writes, index, number << 12 | slot, entry[1])
    for number, own in writes.bulk.items():
        changed = writes.blocks.get(number, {})
        for slot, row in enumerate(own.over([])):
            if row is not None and slot not in changed:
                enter_row(transaction, writes, index, number << 12 | slot, row)


def find(
    relation: Relation, writes: RelationWrites | None, index: TimelineIndex, key: Any, besides: int = -1
) -> tuple[int, Row] | None:
    """Return (row id, row) with this key in the newest committed or own state, other than row ``besides``."""
    spec = index.spec
    own = None if writes is None else writes.own_keys.get(spec.oid)
    candidates = index.newest_row_ids(key)
    if own is not None:
        candidates = (*own.row_ids(key), *candidates)
    for row_id in candidates:
        if row_id == besides:
            continue
        row = ABSENT if writes is None else writes.newest(row_id)
        if row is ABSENT:
            row = relation.newest(row_id)[1]
        if row is not None and spec.key(row) == key and (spec.predicate is None or spec.predicate(row)):
            return row_id, row
    return None


def claim(transaction: Transaction, writes: RelationWrites, index: TimelineIndex, key: Any) -> tuple[int, Row] | None:
    """Lock a key and return who has it; wait for transactions that may give it up or complete it.

    The lock is kept where nobody has the key, for whoever goes on to insert it.
    """
    held = len(transaction.held)
    _lock_key(transaction, index, key)
    found = _settle(transaction, writes, index, key, -1)
    if found is not None and len(transaction.held) > held:
        transaction.store.locks.release_one(transaction, index.key_locks, key)
    return found


def _lock_key(transaction: Transaction, index: TimelineIndex, key: Any) -> None:
    locks = transaction.store.locks
    locks.acquire(index.key_locks, key, transaction, 0, KEY_CONFLICTS, session=transaction.session)


def _settle(
    transaction: Transaction, writes: RelationWrites, index: TimelineIndex, key: Any, row_id: int
) -> tuple[int, Row] | None:
    """With the key locked, return the row that has the key for good, waiting where that is open."""
    locks, session = transaction.store.locks, transaction.session
    relation = writes.relation
    while True:
        blocking = None
        for other in tuple(index.claims):
            if other.owner is not transaction and key in other and other in index.key_locks:
                blocking = (index.key_locks, other, 0, KEY_CONFLICTS)
        if blocking is None:
            found = find(relation, writes, index, key, row_id)
            if found is None:
                return None
            if writes.newest(found[0]) is not ABSENT or not _is_being_changed(transaction, relation, found[0]):
                return found
            # SHARE, not KEY SHARE, which would not wait for one who writes the row and keeps its key
            blocking = (relation.locks, found[0], RowLock.SHARE, ROW_CONFLICTS)
        space, place, mode, conflicts = blocking
        locks.release_one(transaction, index.key_locks, key)
        held = len(transaction.held)
        locks.acquire(space, place, transaction, mode, conflicts, session=session)
        if len(transaction.held) > held:
            locks.release_one(transaction, space, place)
        _lock_key(transaction, index, key)


def _is_being_changed(transaction: Transaction, relation: Relation, row_id: int) -> bool:
    """Whether another open transaction has deleted the row or written a new version of it."""
    for holder in transaction.store.locks.holders(relation.locks, row_id):
        if holder is not transaction and holder.has_written_row(relation.oid, row_id):
            return True
    return False


def recheck(transaction: Transaction, writes: RelationWrites, index: TimelineIndex, key: Any) -> None:
    """Check a key whose check was deferred: at most one row may have it now."""
    first = claim(transaction, writes, index, key)
    if first is not None:
        second = _settle(transaction, writes, index, key, first[0])
        if second is not None:
            raise _refusal(transaction, index, second[1])


def _refusal(transaction: Transaction, index: TimelineIndex, row: Row) -> UniqueViolation:
    """Return the error for a row whose key is taken.

    A serializable transaction that cannot commit anyway, because what it read has changed, is told so instead: it may
    have looked for the key and found nothing, and will find it when it is run again (as PostgreSQL does since 9.6).
    Where commits cannot become durable any more, that is the error: the key may be of one that nobody will ever see.
    """
    store = transaction.store
    if store.journal is not None:
        store.journal.require_open()
    if transaction.reads is not None:
        with store.commit_lock:
            store.history.validate(transaction.reads, transaction.scn)
    error = violation(index, row)
    session, spec = transaction.session, index.spec
    if session is not None and not session.may_read(spec.schema, spec.table):
        error.detail = None
    return error


def violation(index: TimelineIndex, row: Row) -> UniqueViolation:
    """Return the error for a row whose key is taken, worded as PostgreSQL words it."""
    spec = index.spec
    shown = "" if spec.describe_key is None else spec.describe_key(row)
    error = UniqueViolation(
        f'duplicate key value violates unique constraint "{spec.constraint}"',
        detail=f"Key {shown} already exists." if shown else None,
        schema=spec.schema,
        table=spec.table,
        constraint=spec.constraint,
    )
    error.row = row
    return error
