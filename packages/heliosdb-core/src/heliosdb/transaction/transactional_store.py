"""The store as a database opens it: ``Store`` with transactions, locks and the short ways for single rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from heliosdb.errors import Error, FeatureNotSupported, ObjectNotInPrerequisiteState
from heliosdb.store.access_method import AccessMethod
from heliosdb.store.commits import Author
from heliosdb.store.options import StorageOptions
from heliosdb.store.records import encode_segment
from heliosdb.store.snapshot import Snapshot
from heliosdb.store.store import RelationChanges, Store
from heliosdb.store.timeline import Timeline
from heliosdb.store.versions import Row
from heliosdb.store.volume import Volume
from heliosdb.transaction.locks import LockTable, SessionToken, WouldWait
from heliosdb.transaction.nearest_reader import NearestReader, nearest_reader
from heliosdb.transaction.own_blocks import ChangedSlots
from heliosdb.transaction.point import PointWriter, point_reader
from heliosdb.transaction.point_references import PointReference
from heliosdb.transaction.serializable import CommitHistory
from heliosdb.transaction.session_locks import SessionLocks
from heliosdb.transaction.ticket import CommitTicket
from heliosdb.transaction.transaction import Transaction

if TYPE_CHECKING:
    from heliosdb.store.commit_segments import CommitSegments, Written
    from heliosdb.store.relation import Relation

__all__ = ["TransactionalStore"]

ISOLATION = {
    "read uncommitted": "read committed",  # as in PostgreSQL
    "read committed": "read committed",
    "repeatable read": "repeatable read",
    "serializable": "serializable",
}

CommitListener = Callable[[Transaction, CommitTicket], None]


class TransactionalStore(Store):
    """See the module. ``relation_name`` may be set by the catalog's owner: it names relations in messages."""

    def __init__(
        self,
        volume: Volume | None = None,
        methods: Iterable[AccessMethod] | Mapping[str, AccessMethod] = (),
        options: StorageOptions | None = None,
    ) -> None:
        super().__init__(volume, methods, options)
        self.locks = LockTable()
        self.history = CommitHistory()
        self.relation_name: Callable[[int, Timeline], str] = lambda oid, line: str(oid)
        self.listeners: list[CommitListener] = []
        """Called after every commit; ``ticket.changes`` is what it did."""

    @property
    def is_followed(self) -> bool:
        """Whether somebody wants to know row by row what commits do: listeners, serializable transactions."""
        return bool(self.listeners or self.history.open)

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
        read_only = read_only or self.volume.read_only
        return Transaction(self, session, line, level, read_only=read_only, snapshot=snapshot, author=author)

    def session_locks(self, session: SessionToken) -> SessionLocks:
        """Return the advisory locks that a session takes outside its transactions; it keeps the object."""
        return SessionLocks(self.locks, session)

    def point_reader(
        self, relation_oid: int, index_oid: int, line: Timeline | None = None
    ) -> Callable[[Any], Row | None]:
        """Return a closure ``read(key)`` that gives a timeline's (default: main's) newest published row with a unique
        key, outside transactions."""
        return point_reader(self, relation_oid, index_oid, self.main if line is None else line)

    def nearest_reader(
        self,
        relation_oid: int,
        index_oid: int,
        line: Timeline | None,
        operator: str,
        setting: Callable[[str], Any],
        *,
        values: bool,
    ) -> NearestReader:
        """Return a closure ``read(argument, wanted)`` that gives a timeline's (default: main's) nearest published rows
        by an ordering operator, outside transactions, or None; see ``transaction.nearest_reader``."""
        timeline = self.main if line is None else line
        return nearest_reader(self, relation_oid, index_oid, timeline, operator, setting, values=values)

    def point_writer(
        self,
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
    ) -> PointWriter:
        """Return an object whose ``update``, ``delete`` and ``insert`` each commit one row of a timeline (default:
        main).

        ``waits`` False: its ``update`` declines (None) where an ordinary transaction would have to wait.
        ``synchronous`` False: it returns before the commit is durable. ``references`` are the relation's foreign keys
        that are to hold, ``referenced`` those that point at it. ``definitions``: once this relation has changed after
        that SCN, a writer that does not wait declines: its rows are made for the definition of then.
        """
        return PointWriter(
            self,
            relation_oid,
            index_oid,
            session,
            author,
            line=line,
            waits=waits,
            synchronous=synchronous,
            references=references,
            referenced=referenced,
            definitions=definitions,
        )

    def await_published(self, scn: int, *, never_waits: bool = False) -> None:
        """Return when a commit is published. A row's newest version may be that of one which is pending: then who
        never waits gets WouldWait.
        """
        if scn > self.published and self.journal is not None:
            if never_waits:
                raise WouldWait
            self.journal.wait(scn)

    def commit(self, transaction: Transaction) -> CommitTicket:
        """Order, enter and publish a transaction's writes. Called by ``Transaction.commit``."""
        changed: list[RelationChanges] = []
        for writes in transaction.writes.values():
            rows, own = writes.net()
            # What is put aside stays there when the blocks are written to segments, one by one.
            large = self.large if writes.relation.is_logged else None
            bulk = own if large is not None and large.is_large(own) else {n: list(run) for n, run in own.items()}
            whole = {n: slots for n, slots in rows.items() if isinstance(slots, ChangedSlots)}
            changes: dict[int, Mapping[int, Row | None]] = {**rows}
            if large is None or not large.are_large(sum(slots.at_least for slots in whole.values())):
                changes.update({n: slots.to_dict() for n, slots in whole.items()})
            if changes or bulk:
                changed.append((writes.relation, changes, bulk, writes.keys_change or writes.has_new_indexes()))
        line = transaction.timeline
        author = transaction.author or Author()
        if author.timeline != line.name:
            author = author._replace(timeline=line.name)
        if not changed and not transaction.has_written:
            if transaction.has_counted and self.journal is not None and self.counters.has_changed:
                return self._commit_counters(author)
            return CommitTicket(0, None)
        written: list[Written] = []
        try:
            left: Sequence[RelationChanges] = changed
            record: list[bytes] = []
            if self.large is not None and self.journal is not None:
                left = self._write_large(self.large, line, changed, written)
                frames = self.journal.frames
                record = self.record_of(left) + [encode_segment(frames, item.segment) for item in written]
            ticket = self._enter(transaction, changed, left, record, written, author)
        except BaseException as error:
            if self.large is not None and written:
                if isinstance(error, Error):
                    self.large.abandon(written)
                else:
                    self.large.leave(written)
            raise
        return ticket

    def _write_large(
        self, large: CommitSegments, line: Timeline, changed: Sequence[RelationChanges], written: list[Written]
    ) -> list[RelationChanges]:
        """Write whole blocks, where there are many, to segments; return the changes that are left for the log."""
        base = self.last_scn
        left = []
        for relation, rows, bulk, keys_change in changed:
            whole = {number: slots for number, slots in rows.items() if isinstance(slots, ChangedSlots)}
            if whole:
                large.write_changed(line, relation, whole, base, written)
                rows = {number: slots for number, slots in rows.items() if number not in whole}
            if relation.is_logged and large.is_large(bulk):
                large.write(line, relation, bulk, written)
                bulk = {}
            left.append((relation, rows, bulk, keys_change))
        return left

    def _enter(
        self,
        transaction: Transaction,
        changed: Sequence[RelationChanges],
        left: Sequence[RelationChanges],
        record: Sequence[bytes],
        written: list[Written],
        author: Author,
    ) -> CommitTicket:
        """Order, enter and publish changes; what is ``left`` of them is not in segments."""
        number = transaction.transaction_id
        entering: list[Written] = []
        with self.commit_lock:
            if transaction.timeline.dropped:
                raise ObjectNotInPrerequisiteState(f'timeline "{transaction.timeline.name}" has been dropped')
            if transaction.reads is not None:
                self.history.validate(transaction.reads, transaction.scn)
            followed = self.is_followed
            prepared = self.prepare(changed, collect=followed, dropped=transaction.dropped_indexes)
            author_number = self.commits.author_number(author)
            time = self.log_commit(
                transaction.timeline.id, record, number, author_number, transaction.dropped_relations
            )
            if self.large is not None and written:
                prepared = [item._replace(rows=rows, bulk=bulk) for item, (_, rows, bulk, _) in zip(prepared, left)]
                self.large.settle(written)
                entering, written[:] = written[:], ()
            scn = self.next_scn()
            # From here on nothing raises. The transaction's snapshot is read no more, and would only keep versions.
            self.snapshots.readers.pop(transaction, None)
            for action in transaction.actions_at_commit():
                action()
            self.enter(prepared, scn)
            if self.large is not None and entering:
                self.large.enter(entering, scn)
                self.superseding.update({item.relation: None for item in entering if item.segment.changed is not None})
            collected = [(changes.relation, changes.changes) for changes in prepared] if followed else None
            if collected is not None and self.history.open:
                self.history.record(scn, collected)
            time = self.publish(scn, number, author_number, time)
        if self.journal is None:
            return CommitTicket(scn, number, time, collected)
        if not transaction.synchronous and self.journal.publish_early(scn):
            return CommitTicket(scn, number, time, collected)
        return CommitTicket(scn, number, time, collected, journal=self.journal)

    def _commit_counters(self, author: Author) -> CommitTicket:
        """Write down what sequences gave to a transaction that changed nothing else."""
        journal = self.journal
        assert journal is not None
        with self.commit_lock:
            journal.append_counters(self.commits.next_time(), author)
        journal.sync()
        return CommitTicket(0, None)

    def announce(self, transaction: Transaction, ticket: CommitTicket) -> None:
        """Tell the listeners of a durable commit, after its locks have been given back."""
        if ticket.scn and ticket.error is None:
            for listener in tuple(self.listeners):
                listener(transaction, ticket)
