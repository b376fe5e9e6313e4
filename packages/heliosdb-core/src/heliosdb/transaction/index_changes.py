"""Indexes that a transaction makes or drops.

A new index is the transaction's own until it commits: its entries cover committed rows and those of the transaction,
and a rollback, also to a savepoint, takes it away. A dropped one is still kept up by everybody else until the commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.transaction import unique

if TYPE_CHECKING:
    from heliosdb.store.access_method import IndexSpec, Progress
    from heliosdb.store.timeline_index import TimelineIndex
    from heliosdb.transaction.transaction import Transaction

__all__ = ["define_index", "drop_index"]


def define_index(transaction: Transaction, spec: IndexSpec, progress: Progress | None) -> TimelineIndex:
    """Make an index over committed rows and the transaction's own, unique among both where it is to be."""
    store, timeline = transaction.store, transaction.timeline
    relation_oid, oid = spec.relation_oid, spec.oid
    writes = transaction.writes.get(relation_oid)
    own = None if writes is None else writes.newest_or
    index = store.define_index(timeline, relation_oid, spec, progress=progress, own=own)
    transaction.undo_by(lambda: store.drop_index(timeline, relation_oid, oid))
    if writes is not None:
        writes.refresh_indexes()
        # The rows that are there change nothing in the indexes of before, but all are new to this one.
        writes.keys_change = True
        try:
            unique.enter_existing(transaction, writes, index)
        except BaseException:
            store.drop_index(timeline, relation_oid, oid)
            writes.refresh_indexes()
            raise
    return index


def drop_index(transaction: Transaction, relation_oid: int, index_oid: int) -> None:
    """Stop using an index now, and drop it at the commit."""

    def refresh() -> None:
        if relation_oid in transaction.writes:
            transaction.writes[relation_oid].refresh_indexes()

    def undo() -> None:
        transaction.dropped_indexes.discard(index_oid)
        refresh()

    transaction.dropped_indexes.add(index_oid)
    refresh()
    transaction.undo_by(undo)
    transaction.at_commit(lambda: transaction.store.dropped.add_index(transaction.timeline, relation_oid, index_oid))
