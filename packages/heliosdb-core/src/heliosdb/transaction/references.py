"""Rows that a transaction relies on without changing them: a foreign key's parent, the row that ON CONFLICT met.

They are looked for in the newest state, for that is what a constraint is about. A snapshot that is kept may show
something else, and then the answer would not follow from what the transaction sees:

                              newest state has the key       newest state has it no more
    snapshot has it           lock it KEY SHARE              40001: it has gone since
    snapshot does not         as if it were not there        not there

KEY SHARE protects the unique keys of a row and nothing else, so a row may have been changed since the snapshot as long
as it kept them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heliosdb.errors import SerializationFailure
from heliosdb.transaction import unique
from heliosdb.transaction.locks import RowLock
from heliosdb.transaction.writes import ABSENT

if TYPE_CHECKING:
    from heliosdb.store.relation import Relation
    from heliosdb.store.timeline_index import TimelineIndex
    from heliosdb.store.versions import Row
    from heliosdb.transaction.transaction import Transaction

__all__ = ["CONCURRENT_UPDATE", "concurrent_change", "keeps_keys", "reference", "require_seen"]

CONCURRENT_UPDATE = "could not serialize access due to concurrent update"


def concurrent_change(newest: Row | None) -> SerializationFailure:
    """Return the error for who wants to change a row that somebody has changed since the snapshot."""
    return SerializationFailure(
        f"could not serialize access due to concurrent {'delete' if newest is None else 'update'}"
    )


def reference(transaction: Transaction, relation: Relation, index: TimelineIndex, key: Any) -> bool:
    """Lock the row with a key FOR KEY SHARE; False where there is none, for this transaction."""
    while True:
        found = unique.find(relation, transaction.writes.get(relation.oid), index, key)
        if found is None:
            break
        transaction.lock(relation, found[0], RowLock.KEY_SHARE)
        again = unique.find(relation, transaction.writes.get(relation.oid), index, key)
        if again is not None and again[0] == found[0]:
            break
    if transaction.isolation == "read committed":
        return found is not None
    if found is not None:
        if _newest_own(transaction, relation, found[0]) is not ABSENT:
            return True
        seen = relation.row(found[0], transaction.scn)
        if seen is not None and _has_key(index, seen, key):
            return True
    for row_id in index.row_ids(key, transaction.scn):
        seen = relation.row(row_id, transaction.scn)
        if seen is not None and _has_key(index, seen, key) and _newest_own(transaction, relation, row_id) is ABSENT:
            raise SerializationFailure(CONCURRENT_UPDATE)
    return False


def require_seen(transaction: Transaction, relation: Relation, row_id: int) -> None:
    """Raise SerializationFailure where ON CONFLICT DO NOTHING met a version that a kept snapshot does not show."""
    if transaction.isolation == "read committed" or _newest_own(transaction, relation, row_id) is not ABSENT:
        return
    if relation.newest(row_id)[0] > transaction.scn:
        raise SerializationFailure(CONCURRENT_UPDATE)
    if transaction.reads is not None:
        # That nothing was done follows from this row.
        transaction.reads.add_row(relation, row_id)


def keeps_keys(relation: Relation, row_id: int, newest: Row, scn: int) -> bool:
    """Whether a row has the unique keys that it had at a snapshot."""
    seen = relation.row(row_id, scn)
    return seen is not None and all(
        index.elements(seen) == index.elements(newest)
        for index in tuple(relation.indexes.values())
        if index.spec.unique
    )


def _newest_own(transaction: Transaction, relation: Relation, row_id: int) -> Any:
    writes = transaction.writes.get(relation.oid)
    return ABSENT if writes is None else writes.newest(row_id)


def _has_key(index: TimelineIndex, row: Row, key: Any) -> bool:
    return bool(index.spec.key(row) == key) and (index.spec.predicate is None or bool(index.spec.predicate(row)))
