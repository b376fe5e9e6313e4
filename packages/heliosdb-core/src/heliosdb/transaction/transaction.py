"""One transaction: its snapshot, its own writes, its locks, and the way to commit.

The life of a change:

    insert / update / delete    lock the row (UPDATE, DELETE) or the unique keys (INSERT), compare with the newest
                                committed version, enter the own version, note the way back in the journal
    mark / rollback_to          savepoints and failed statements: walk the journal back, give back later locks
    commit                      deferred checks; under the commit lock validate, take an SCN, enter, publish; unlock

Isolation. ``repeatable read`` keeps the snapshot of its beginning and gets 40001 when it wants to change a row that
somebody changed since. ``read committed`` takes a new snapshot for every statement and is told the newest version of
such a row (``LockedRow``), to evaluate its condition again. ``serializable`` is repeatable read that also notes what
it reads (see ``serializable``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from heliosdb.errors import NoActiveSqlTransaction, ReadOnlySqlTransaction, SerializationFailure, UndefinedObject
from heliosdb.store.access_method import IndexSpec, Progress
from heliosdb.store.block import BLOCK_BITS, BLOCK_SIZE, SLOT_MASK
from heliosdb.store.commits import Author
from heliosdb.store.relation import Relation, lock_key
from heliosdb.store.snapshot import REGISTERING, Snapshot
from heliosdb.store.timeline import Timeline
from heliosdb.store.timeline_index import TimelineIndex
from heliosdb.store.versions import Row
from heliosdb.transaction import index_changes, references, unique
from heliosdb.transaction.bulk import change_rows, insert_rows, many
from heliosdb.transaction.locks import (
    ADVISORY_CONFLICTS,
    RELATION_CONFLICTS,
    ROW_CONFLICTS,
    AdvisoryLock,
    LockOwner,
    RelationLock,
    RowLock,
    SessionToken,
)
from heliosdb.transaction.outcome import DELETED, SAME, SKIPPED, LockedRow, Mark, SnapshotHold
from heliosdb.transaction.own_blocks import ABSENT
from heliosdb.transaction.serializable import ReadSet, enroll
from heliosdb.transaction.ticket import CommitTicket
from heliosdb.transaction.view import RelationView, past_view
from heliosdb.transaction.writes import RelationWrites

if TYPE_CHECKING:
    from heliosdb.transaction.aside import Aside
    from heliosdb.transaction.transactional_store import TransactionalStore

__all__ = ["Transaction"]

READ_COMMITTED = "read committed"
REPEATABLE_READ = "repeatable read"
SERIALIZABLE = "serializable"


class Transaction(LockOwner):
    """See the module. One thread at a time uses a transaction."""

    __slots__ = (
        "_at_end",
        "_checks",
        "_journal",
        "_on_commit",
        "_transaction_id",
        "aside",
        "author",
        "claims",
        "command",
        "deferred",
        "dropped_indexes",
        "dropped_relations",
        "has_counted",
        "is_past",
        "isolation",
        "read_only",
        "reads",
        "scn",
        "status",
        "store",
        "synchronous",
        "timeline",
        "writes",
        "writes_temporary",
    )

    def __init__(
        self,
        store: TransactionalStore,
        session: SessionToken | None,
        timeline: Timeline,
        isolation: str,
        *,
        read_only: bool = False,
        snapshot: Snapshot | int | None = None,
        author: Author | None = None,
    ) -> None:
        super().__init__(session)
        self.store = store
        self.isolation = isolation
        self.read_only = read_only
        self.writes_temporary = False
        """Whether a read-only transaction may write all the same: its statements write temporary tables alone."""
        self.status = "active"
        self.command = 0
        self.writes: dict[int, RelationWrites] = {}
        self.deferred: list[tuple[RelationWrites, TimelineIndex, Any]] = []
        self.claims: dict[TimelineIndex, unique.Claim] = {}
        self.author = author
        self.aside: Aside | None = None  # where new blocks go that are too many
        self._transaction_id: int | None = None
        self._journal: list[Any] = []
        """container, place, what was there before, container, ... of every change; flat as ``held`` is."""
        self._checks: list[tuple[int, Callable[[], None]]] = []
        self._on_commit: list[Callable[[], None]] = []
        self._at_end: list[Callable[[], None]] = []
        self.dropped_indexes: set[int] = set()
        self.dropped_relations: list[int] = []
        self.has_counted = False  # a sequence: the commit makes that durable though nothing else was written
        self.synchronous = True
        """Whether the commit is published only when it is durable (synchronous_commit)."""
        self.is_past = snapshot is not None  # it reads a point of history and writes nothing
        self.reads: ReadSet | None = None
        readers = store.snapshots.readers
        readers[self] = REGISTERING
        scn = store.published
        if snapshot is not None:
            if isinstance(snapshot, Snapshot):
                timeline = store.timeline(snapshot.timeline)
                scn = snapshot.scn
            else:
                scn = snapshot
            self.read_only = True
            while timeline.parent is not None and scn < timeline.fork:
                timeline = timeline.parent
        readers[self] = self.scn = scn
        self.timeline = timeline
        if isolation == SERIALIZABLE and not self.read_only:
            self.reads = enroll(self)

    # -- statements and reading

    @property
    def transaction_id(self) -> int:
        """The transaction's id, given on first demand."""
        number = self._transaction_id
        if number is None:
            number = self._transaction_id = next(self.store.transaction_ids)
        return number

    @property
    def has_transaction_id(self) -> bool:
        """Whether the transaction has an id, or will have one because it has changed something."""
        return self._transaction_id is not None or self.has_written

    @property
    def has_written(self) -> bool:
        """Whether there is anything to commit."""
        return bool(self._journal)

    def begin_statement(self) -> int:
        """Start a statement: a new command id and, under read committed, a new snapshot. Return the command id."""
        self._require_active()
        self.command += 1
        if self.isolation == READ_COMMITTED and not self.is_past:
            readers = self.store.snapshots.readers
            readers[self] = REGISTERING
            readers[self] = self.scn = self.store.published
        elif not self.command:
            self.see_anew()
        return self.command

    @property
    def is_fresh(self) -> bool:
        """Whether this is the first statement and has changed nothing yet."""
        return self.command <= 2 and not (self._journal or self.is_past)

    def look_later(self) -> None:
        """Have the next statement take the snapshot, if this is the first one; it looks at nothing (LOCK TABLE)."""
        if self.is_fresh and self.isolation != READ_COMMITTED:
            self.command = -1

    def see_anew(self) -> None:
        """Take a snapshot that is to be kept again: nobody has seen anything of the one before."""
        self.command = 2  # as the first statement has it
        if self.reads is not None:
            self.reads = enroll(self)
        else:
            readers = self.store.snapshots.readers
            readers[self] = REGISTERING
            readers[self] = self.scn = self.store.published

    def advance_command(self) -> int:
        """Make own writes so far visible to what follows, under the same snapshot (triggers, cascades)."""
        self.command += 1
        return self.command

    def hold_snapshot(self) -> SnapshotHold:
        """Keep the current statement's snapshot readable beyond the statement, for a cursor's views."""
        return SnapshotHold(self.store.snapshots, self.scn)

    def relation(self, relation_oid: int) -> Relation:
        """Return a relation's storage in this transaction's timeline."""
        found = self.timeline.relations.get(relation_oid)
        return self.store.create_relation(self.timeline, relation_oid) if found is None else found

    def view(self, relation_oid: int, *, at: Snapshot | tuple[Timeline, int] | None = None) -> RelationView:
        """Return what the current statement sees of a relation; ``at`` asks for another point of history, without
        own writes (with a ``Timeline`` in place of its name also of one that was dropped)."""
        if at is not None:
            return past_view(self, relation_oid, at)
        found = self.relation(relation_oid)
        if self.is_past:
            with self.store.commit_lock:  # who drops versions holds it, and sees the registration or is through
                self.store.check_readable(found, self.scn)
        return RelationView(found, self.scn, self.writes.get(relation_oid), self.command, self.reads)

    # -- writing

    def writes_of(self, relation_oid: int, operation: str) -> RelationWrites:
        writes = self.writes.get(relation_oid)
        if writes is None or self.status != "active":
            self._require_active()
            if self.read_only and not self.writes_temporary:
                raise ReadOnlySqlTransaction(f"cannot execute {operation} in a read-only transaction")
            writes = self.writes[relation_oid] = RelationWrites(self.relation(relation_oid), self.dropped_indexes)
        return writes

    def note_new(self, container: dict[int, Any], places: Collection[int]) -> None:
        """Enter into the journal that nothing was at these places of a container."""
        journal: list[Any] = [container, None, None] * len(places)
        journal[1::3] = places
        self._journal += journal

    def note_change(self, container: dict[int, Any], place: int, before: Any) -> None:
        """Enter into the journal what was at a place of a container: None for nothing."""
        self._journal += (container, place, before)

    def enter(self, writes: RelationWrites, row_id: int, row: Row | None) -> None:
        number = row_id >> BLOCK_BITS
        slots = writes.blocks.get(number)
        if slots is None:
            slots = writes.blocks[number] = {}
        slot = row_id & SLOT_MASK
        previous = slots.get(slot)
        slots[slot] = (self.command, row, previous)
        self._journal += (slots, slot, previous)

    def insert(self, relation_oid: int, row: Row) -> int:
        """Insert a row and return its row id. Raises UniqueViolation; may wait for whoever inserts the same key."""
        writes = self.writes_of(relation_oid, "INSERT")
        row_id = writes.relation.row_ids.take()
        for index in writes.indexes:
            unique.enter_row(self, writes, index, row_id, row)
        self.enter(writes, row_id, row)
        writes.keys_change = True
        writes.count += 1
        return row_id

    def insert_rows(self, relation_oid: int, rows: Sequence[Row]) -> range:
        """Insert many rows at once and return their row ids, consecutive and in order."""
        writes = self.writes_of(relation_oid, "INSERT")
        with many(len(rows)):
            return insert_rows(self, writes, rows)

    def update(self, relation_oid: int, row_id: int, old_row: Row, new_row: Row) -> LockedRow | None:
        """Replace a row's version ``old_row`` by ``new_row``.

        Returns None when done. Under read committed, when somebody has changed the row since ``old_row`` was read,
        nothing is written and the newest state is returned: the caller evaluates its condition again and calls once
        more with that row as ``old_row``. A row that this statement has already changed is left alone ("same").
        """
        writes = self.writes_of(relation_oid, "UPDATE")
        mode = RowLock.NO_KEY_UPDATE
        entering = []
        for index in writes.indexes:
            key = index.simple_key
            if key is not None:
                if key(old_row) == key(new_row):
                    continue
            elif index.elements(old_row) == index.elements(new_row):
                continue
            entering.append(index)
            if index.spec.unique:
                mode = RowLock.UPDATE
        state = self.prepare_change(writes, row_id, old_row, mode)
        if state is not None:
            return state
        if entering:
            writes.keys_change = True
            for index in entering:
                unique.enter_row(self, writes, index, row_id, new_row)
        self.enter(writes, row_id, new_row)
        return None

    def delete(self, relation_oid: int, row_id: int, old_row: Row) -> LockedRow | None:
        """Delete a row; returns as ``update`` does."""
        writes = self.writes_of(relation_oid, "DELETE")
        state = self.prepare_change(writes, row_id, old_row, RowLock.UPDATE)
        if state is not None:
            return state
        self.enter(writes, row_id, None)
        writes.keys_change = True
        writes.count -= 1
        return None

    def update_rows(
        self, relation_oid: int, row_ids: Sequence[int], old_rows: Sequence[Row], new_rows: Sequence[Row]
    ) -> int:
        """Replace the first of these rows, as many as are free and unchanged, and return their number; the others are
        to be updated one by one."""
        writes = self.writes_of(relation_oid, "UPDATE")
        with many(len(row_ids)):
            return change_rows(self, writes, row_ids, old_rows, new_rows)

    def delete_rows(self, relation_oid: int, row_ids: Sequence[int], old_rows: Sequence[Row]) -> int:
        """Delete rows; returns as ``update_rows`` does."""
        writes = self.writes_of(relation_oid, "DELETE")
        with many(len(row_ids)):
            return change_rows(self, writes, row_ids, old_rows, None)

    def prepare_change(self, writes: RelationWrites, row_id: int, old_row: Row, mode: int) -> LockedRow | None:
        mine = writes.newest(row_id)
        relation = writes.relation
        if mine is not ABSENT:
            if writes.command_of(row_id) >= self.command:
                return LockedRow(SAME, mine)
            if mine is None:
                return DELETED
            if mode == RowLock.UPDATE:
                self.lock(relation, row_id, mode)
            return None
        grant, locks = self.grant(mode), relation.locks
        if not locks.blocks and locks.get(row_id) is None and locks.setdefault(row_id, grant) is grant:
            self.held += (locks, row_id, 0)
            if locks.blocks and locks.block_of(row_id) is not None:
                self.store.locks.release_one(self, locks, row_id)  # somebody has locked the block meanwhile
                self.lock(relation, row_id, mode)
        else:
            self.lock(relation, row_id, mode)
        scn, newest = relation.newest(row_id)
        if newest is old_row or (scn <= self.scn and newest is not None):
            return None
        if self.isolation != READ_COMMITTED:
            raise references.concurrent_change(newest)
        self.store.await_published(scn, never_waits=self.never_waits)
        if newest is None:
            return DELETED
        return None if newest == old_row else LockedRow("changed", newest)

    # -- locks

    def lock(self, relation: Relation, row_id: int, mode: int, wait: str = "block") -> bool:
        """Lock a row, whatever has become of it."""
        what = "" if wait != "nowait" else f'row in relation "{self.store.relation_name(relation.oid, self.timeline)}"'
        return self.store.locks.acquire(
            relation.locks, row_id, self, mode, ROW_CONFLICTS, wait=wait, session=self.session, what=what
        )

    def lock_row(self, relation_oid: int, row_id: int, mode: RowLock | int, wait: str = "block") -> LockedRow:
        """Lock a row (SELECT ... FOR) and say what became of it since the statement's snapshot.

        ``wait`` is "block", "nowait" (LockNotAvailable) or "skip" (status "skipped").
        """
        self._require_active()
        relation = self.relation(relation_oid)
        if not self.lock(relation, row_id, mode, wait):
            return SKIPPED
        writes = self.writes.get(relation_oid)
        mine = ABSENT if writes is None else writes.newest(row_id)
        if mine is not ABSENT:
            return DELETED if mine is None else LockedRow(SAME, mine)
        scn, newest = relation.newest(row_id)
        if scn <= self.scn and newest is not None:
            return LockedRow(SAME, newest)
        if self.isolation != READ_COMMITTED:
            if (
                mode == RowLock.KEY_SHARE
                and newest is not None
                and references.keeps_keys(relation, row_id, newest, self.scn)
            ):
                return LockedRow(SAME, relation.row(row_id, self.scn))
            raise SerializationFailure(references.CONCURRENT_UPDATE)
        self.store.await_published(scn, never_waits=self.never_waits)
        return DELETED if newest is None else LockedRow("changed", newest)

    def relation_key(self, relation_oid: int) -> Any:
        """Return what a relation of the transaction's timeline is called in the lock table."""
        return lock_key(self.timeline.id, relation_oid)

    def lock_relation(self, relation_oid: int, mode: RelationLock | int, wait: str = "block") -> bool:
        """Lock a relation in one of PostgreSQL's eight modes until the transaction ends."""
        self._require_active()
        key = self.relation_key(relation_oid)
        what = "" if wait != "nowait" else f'relation "{self.store.relation_name(relation_oid, self.timeline)}"'
        locks = self.store.locks
        return locks.acquire(
            locks.relations, key, self, mode, RELATION_CONFLICTS, wait=wait, session=self.session, what=what
        )

    def lock_advisory(self, key: Any, mode: AdvisoryLock | int, wait: str = "block") -> bool:
        """Take an advisory lock until the transaction ends."""
        self._require_active()
        locks = self.store.locks
        return locks.acquire(
            locks.advisory, key, self, mode, ADVISORY_CONFLICTS, wait=wait, session=self.session, what="advisory lock"
        )

    # -- constraints

    def find_newest(
        self, index_oid: int, key: Any, *, relation_oid: int, claim: bool = False
    ) -> tuple[int, Row] | None:
        """Return (row id, row) that has a key in the newest committed or own state, or None.

        ``claim`` (ON CONFLICT) locks the key first, waiting for whoever is inserting or deleting it; a None answer then
        holds until the transaction ends.
        """
        self._require_active()
        writes = self.writes_of(relation_oid, "INSERT") if claim else self.writes.get(relation_oid)
        index = self._index(relation_oid, index_oid)
        if claim:
            assert writes is not None
            return unique.claim(self, writes, index, key)
        return unique.find(self.relation(relation_oid), writes, index, key)

    def reference(self, relation_oid: int, index_oid: int, key: Any) -> bool:
        """Lock a referenced key against deletion (a foreign-key check); False when no row has it."""
        self._require_active()
        return references.reference(self, self.relation(relation_oid), self._index(relation_oid, index_oid), key)

    def require_seen(self, relation_oid: int, row_id: int) -> None:
        """Raise SerializationFailure for a version that a kept snapshot does not show (ON CONFLICT DO NOTHING)."""
        references.require_seen(self, self.relation(relation_oid), row_id)

    def _index(self, relation_oid: int, index_oid: int) -> TimelineIndex:
        found: TimelineIndex | None = self.relation(relation_oid).indexes.get(index_oid)
        if found is None or index_oid in self.dropped_indexes:
            raise UndefinedObject(f"index {index_oid} does not exist")
        return found

    def check_deferred(self, index_oids: Sequence[int] | None = None, *, end_of_statement: bool = False) -> None:
        """Check deferrable unique indexes now: all, the named ones, or those due at the end of each statement."""
        waiting = []
        for entry in self.deferred:
            spec = entry[1].spec
            if (index_oids is not None and spec.oid not in index_oids) or (
                end_of_statement and spec.initially_deferred
            ):
                waiting.append(entry)
            else:
                unique.recheck(self, *entry)
        self.deferred = waiting

    def on_commit_check(self, relation_oid: int, check: Callable[[], None]) -> None:
        """Run a check of a relation's rows when the transaction commits, before its commit point; it may raise."""
        self._checks.append((relation_oid, check))

    def has_checks(self, relation_oid: int) -> bool:
        """Whether checks of the relation's rows wait for the commit."""
        return any(oid == relation_oid for oid, _ in self._checks)

    def run_checks(self) -> None:
        """Run the checks that wait for the commit now (SET CONSTRAINTS ... IMMEDIATE)."""
        checks, self._checks = self._checks, []
        for _, check in checks:
            check()
        self.check_deferred()

    @contextmanager
    def reading_newest(self) -> Iterator[None]:
        """Read the newest published state, own writes included, while the block runs (foreign-key checks)."""
        scn = self.scn
        # The old registration stays: it protects at least as much.
        self.scn = max(scn, self.store.published)
        try:
            yield
        finally:
            self.scn = scn

    # -- definitions

    def define_index(self, spec: IndexSpec, *, progress: Progress | None = None) -> TimelineIndex:
        """Make an index over committed and own rows; it goes again if this transaction is rolled back."""
        self._require_active()
        return index_changes.define_index(self, spec, progress)

    def drop_index(self, relation_oid: int, index_oid: int) -> None:
        """Stop using an index now, and drop it when this transaction commits."""
        self._require_active()
        index_changes.drop_index(self, relation_oid, index_oid)

    def drop_relation(self, relation_oid: int) -> None:
        """Sweep a relation's rows when this transaction has committed."""
        self._require_active()
        self.dropped_relations.append(relation_oid)
        self.undo_by(self.dropped_relations.pop)
        self.at_commit(lambda: self.store.drop_relation(self.timeline, relation_oid))

    def at_commit(self, action: Callable[[], None]) -> None:
        """Do something under the commit lock, unless what asks for it is rolled back before."""
        actions = self._on_commit
        actions.append(action)
        self.undo_by(actions.pop)

    def actions_at_commit(self) -> list[Callable[[], None]]:
        """Return what is to be done under the commit lock, before the changes are entered."""
        return self._on_commit

    # -- savepoints and the end

    def mark(self) -> Mark:
        """Return a mark to roll back to."""
        return Mark(len(self._journal), len(self.held), len(self._checks), len(self.deferred))

    def rollback_to(self, mark: Mark) -> None:
        """Undo everything since a mark and give back the locks taken since."""
        self._undo(mark.journal)
        del self._checks[mark.checks :]
        del self.deferred[mark.deferred :]
        self.store.locks.release(self, mark.locks)

    def _undo(self, keep: int) -> None:
        journal = self._journal
        while len(journal) > keep:
            previous, place, container = journal.pop(), journal.pop(), journal.pop()
            if container is None:
                place()
            elif previous is None:
                del container[place]
            else:
                container[place] = previous

    def undo_by(self, action: Callable[[], object]) -> None:
        """Enter an action into the journal that undoes what was done."""
        self._journal += (None, action, None)

    def commit(self) -> CommitTicket:
        """Make the transaction's changes permanent and visible; return the ticket that says when they are durable."""
        self._require_active()
        if not (self._journal or self._checks or self.deferred or self.has_counted or self.store.listeners):
            self._end("committed")
            self._let_go()
            return CommitTicket(0, None)
        try:
            self.run_checks()
            blocks = sum(len(writes.bulk) for writes in self.writes.values())
            with many(len(self._journal) // 3 + blocks * BLOCK_SIZE):
                ticket = self.store.commit(self)
        except BaseException:
            self.rollback()
            raise
        self._end("committed")
        if ticket.is_pending:
            # Who gets a lock reads at once what it protects, and that is not published yet.
            ticket.at_answer(self._let_go)
        else:
            self._let_go()
        if self.store.listeners:
            ticket.on_durable(lambda answered: self.store.announce(self, answered))
        return ticket

    def rollback(self) -> None:
        """Undo everything. Harmless after the end."""
        if self.status == "active":
            self._undo(0)
            self._end("rolled back")
            self._let_go()

    def _end(self, status: str) -> None:
        self.status = status
        self.store.snapshots.readers.pop(self, None)
        if self.reads is not None:
            self.store.history.open.pop(self, None)

    def _let_go(self) -> None:
        for action in self._at_end:
            action()
        if self.held:
            self.store.locks.release(self)
        if self.aside is not None:
            self.aside.close()
        self.grants.clear()  # they refer to this object

    def at_end(self, action: Callable[[], None]) -> None:
        """Run an action when the transaction ends, either way, before its locks are given back."""
        self._at_end.append(action)

    def has_written_row(self, relation_oid: int, row_id: int) -> bool:
        """Whether a row has an own version."""
        writes = self.writes.get(relation_oid)
        return writes is not None and writes.newest(row_id) is not ABSENT

    def _require_active(self) -> None:
        if self.status != "active":
            raise NoActiveSqlTransaction(f"the transaction is {self.status}")
