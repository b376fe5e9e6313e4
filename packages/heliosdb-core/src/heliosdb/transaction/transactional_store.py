"""The store as a database opens it: ``Store`` with transactions, locks and the short ways for single rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from heliosdb.errors import FeatureNotSupported
from heliosdb.store.access_method import AccessMethod
from heliosdb.store.commits import Author
from heliosdb.store.relation import Relation
from heliosdb.store.snapshot import Snapshot
from heliosdb.store.store import RelationChanges, RowChange, Store
from heliosdb.store.timeline import Timeline
from heliosdb.store.versions import Row
from heliosdb.store.volume import Volume
from heliosdb.transaction.locks import LockTable, SessionLocks, SessionToken
from heliosdb.transaction.point import PointWriter, point_reader
from heliosdb.transaction.serializable import CommitHistory
from heliosdb.transaction.ticket import CommitTicket
from heliosdb.transaction.transaction import Transaction

__all__ = ["TransactionalStore"]

ISOLATION = {
    "read uncommitted": "read committed",  # as in PostgreSQL
    "read committed": "read committed",
    "repeatable read": "repeatable read",
    "serializable": "serializable",
}

CommitListener = Callable[[Transaction, CommitTicket, "list[tuple[Relation, list[RowChange]]]"], None]


class TransactionalStore(Store):
    """See the module. ``relation_name`` may be set by the catalog's owner: it names relations in messages."""

    def __init__(self, volume: Volume | None = None, methods: Iterable[AccessMethod] = ()) -> None:
        super().__init__(volume, methods)
        self.locks = LockTable()
        self.history = CommitHistory()
        self.relation_name: Callable[[int], str] = str
        self.listeners: list[CommitListener] = []
        """Called after every commit with (transaction, ticket, [(relation, [(row id, old, new)])])."""

    def begin(
        self,
        session: SessionToken | None = None,
        timeline: Timeline | str | None = None,
        isolation: str = "repeatable read",
        read_only: bool = False,
        snapshot: Snapshot | int | None = None,
        author: Author | None = None,
    ) -> Transaction:
        """Start a transaction. ``snapshot`` (a read-only one) asks for a point of the past."""
        line = self.main if timeline is None else self.timeline(timeline) if isinstance(timeline, str) else timeline
        level = ISOLATION.get(isolation)
        if level is None:
            raise FeatureNotSupported(f"isolation level {isolation} does not exist")
        return Transaction(self, session, line, level, read_only=read_only, snapshot=snapshot, author=author)

    def session_locks(self, session: SessionToken) -> SessionLocks:
        """Return the advisory locks that a session takes outside its transactions; it keeps the object."""
        return SessionLocks(self.locks, session)

    def point_reader(self, relation_oid: int, index_oid: int) -> Callable[[Any], Row | None]:
        """Return a closure ``read(key)`` that gives main's newest published row with a unique key, outside
        transactions."""
        return point_reader(self, relation_oid, index_oid)

    def point_writer(
        self,
        relation_oid: int,
        index_oid: int,
        session: SessionToken | None = None,
        author: Author | None = None,
    ) -> PointWriter:
        """Return an object whose ``update``, ``delete`` and ``insert`` each commit one row of main."""
        return PointWriter(self, relation_oid, index_oid, session, author)

    def commit(self, transaction: Transaction) -> CommitTicket:
        """Order, enter and publish a transaction's writes. Called by ``Transaction.commit``."""
        changed: list[RelationChanges] = []
        for writes in transaction.writes.values():
            rows, bulk = writes.net()
            if rows or bulk:
                changed.append((writes.relation, rows, bulk))
        if not changed and not transaction.has_written:
            return CommitTicket(0, None)
        author = transaction.author or Author(timeline=transaction.timeline.name)
        with self.commit_lock:
            if transaction.reads is not None:
                self.history.validate(transaction.reads, transaction.scn)
            scn = self.last_scn + 1
            for action in transaction.actions_at_commit():
                action()
            collect = bool(self.history.open or self.listeners)
            collected = self.apply(changed, scn, collect=collect)
            if self.history.open:
                self.history.record(scn, collected)
            self.last_scn = scn
            time = self.commits.record(transaction.transaction_id, self.commits.author_number(author))
            self.published = scn
        ticket = CommitTicket(scn, transaction.transaction_id, time)
        if self.listeners:
            transaction.collected = collected
        return ticket

    def committed(self, transaction: Transaction, ticket: CommitTicket) -> None:
        """Tell the listeners; the locks have been given back."""
        if ticket.scn:
            for listener in tuple(self.listeners):
                listener(transaction, ticket, transaction.collected)
