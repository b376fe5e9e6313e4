"""Transactions over the store: snapshots, own writes, locks, isolation, commit tickets.

``TransactionalStore`` is what a database opens; ``Transaction`` what ``begin`` returns; ``RelationView`` and
``IndexView`` what statements read.
"""

from __future__ import annotations

from heliosdb.transaction.differences import Difference, differences
from heliosdb.transaction.index_view import IndexView
from heliosdb.transaction.locks import AdvisoryLock, RelationLock, RowLock, SessionToken
from heliosdb.transaction.outcome import LockedRow, Mark, SnapshotHold
from heliosdb.transaction.ticket import CommitTicket
from heliosdb.transaction.transaction import Transaction
from heliosdb.transaction.transactional_store import TransactionalStore
from heliosdb.transaction.view import RelationView

__all__ = [
    "AdvisoryLock",
    "CommitTicket",
    "Difference",
    "IndexView",
    "LockedRow",
    "Mark",
    "RelationLock",
    "RelationView",
    "RowLock",
    "SessionToken",
    "SnapshotHold",
    "Transaction",
    "TransactionalStore",
    "differences",
]
