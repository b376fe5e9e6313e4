"""The transaction block of a session: what BEGIN, COMMIT, ROLLBACK and SAVEPOINT do to it.

    idle  --BEGIN-->  open  --error-->  failed  --ROLLBACK TO-->  open
                       |                  |
                    COMMIT             ROLLBACK (COMMIT too)  -->  idle

A statement outside a block has a transaction *alone*; several statements of one text share an *implicit* one, which
BEGIN makes explicit (PostgreSQL 15, section 55.2.2.1).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from attrs import frozen

from heliosdb import errors
from heliosdb.store.commits import Author
from heliosdb.transaction.aside import Aside
from heliosdb.transaction.outcome import Mark

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Constraint
    from heliosdb.session.environment import SessionEnvironment
    from heliosdb.session.live import LiveRows
    from heliosdb.session.notifications import Announcement
    from heliosdb.session.streaming import Stream
    from heliosdb.transaction import Transaction
    from heliosdb.transaction.ticket import CommitTicket

__all__ = ["TransactionBlock"]

STATEMENTS = 1_000
"""How many characters are kept of what a transaction has run."""
REMEMBERED, LONG = 1_000, 10_000
"""Of how many texts a session remembers what is kept of them, and how many characters these have at most."""

BEGINNING = Mark(0, 0, 0, 0)
"""Where a transaction stands that has not begun."""


@frozen
class _Savepoint:
    name: str
    mark: Mark
    settings: int
    said: tuple[int, int]


@frozen
class _Usual:
    """What the settings say of transactions that say nothing themselves."""

    isolation: str
    read_only: bool
    author: Author
    synchronous: bool


class TransactionBlock:
    """See the module."""

    def __init__(self, session: SessionEnvironment) -> None:
        self._session = session
        self._transaction: Transaction | None = None
        self._modes: tuple[str | None, bool | None] = (None, None)
        self._isolation = ""
        """The level that the open transaction was asked for."""
        self.state = "idle"
        self.locked: set[tuple[int, int]] = set()
        """The relation locks that the transaction has: (OID, mode)."""
        self.is_implicit = False
        self._savepoints: list[_Savepoint] = []
        self._deferred: dict[int | None, bool] = {}
        self._usual: _Usual | None = None
        self._ran: list[tuple[int, str]] = []
        """What has changed something in the block: (length of the transaction's journal behind it, text)."""
        self._authors: dict[str, Author] = {}
        """Who the session's commits are by that one statement makes, by its text."""
        self.streams: WeakSet[Stream | LiveRows] = WeakSet()
        """What is read while the block lasts (``session/streaming.py``)."""

    @property
    def is_open(self) -> bool:
        """Whether a block is open: explicit, implicit or failed (not a statement's own transaction)."""
        return self.state in ("open", "failed")

    @property
    def is_explicit(self) -> bool:
        """Whether the user opened the block."""
        return self.is_open and not self.is_implicit

    @property
    def depth(self) -> int:
        """The number of savepoints."""
        return len(self._savepoints)

    @property
    def status(self) -> str:
        """PostgreSQL's transaction status: "I" idle, "T" in a transaction, "E" in a failed one."""
        return {"open": "T", "failed": "E"}.get(self.state, "I")

    @property
    def has_begun(self) -> bool:
        """Whether a transaction is open that has its snapshot, or had it when it failed."""
        return self._transaction is not None

    @property
    def transaction(self) -> Transaction | None:
        """The open transaction. An explicit block's begins with its first statement, and so does its snapshot."""
        if self._transaction is None and self.state == "open":
            self._start()
        return self._transaction

    @property
    def isolation(self) -> str:
        """The isolation level of the current or next transaction."""
        if self._transaction is not None:
            return self._isolation
        return self._modes[0] or str(self._session.settings.get("default_transaction_isolation"))

    @property
    def read_only(self) -> bool:
        """Whether the current or next transaction may not write."""
        if self._transaction is not None:
            return self._transaction.read_only
        if self._modes[1] is not None:
            return self._modes[1]
        return bool(self._session.settings.get("default_transaction_read_only"))

    def forget_usual(self) -> None:
        """Ask the settings again how transactions are to be: one of them has changed, or the role."""
        self._usual = None
        self._authors.clear()

    def _start(self) -> None:
        session = self._session
        usual = self._usual
        if usual is None:
            setting = session.setting
            usual = self._usual = _Usual(
                isolation=str(setting("default_transaction_isolation")),
                read_only=bool(setting("default_transaction_read_only")),
                author=self.author(),
                synchronous=setting("synchronous_commit") != "off",
            )
        isolation, read_only = self._modes
        self._isolation = isolation or usual.isolation
        store = session.database.store
        self._transaction = transaction = store.begin(
            session,
            timeline=session.database.timeline_of(session),
            isolation=self._isolation,
            read_only=usual.read_only if read_only is None else read_only,
            snapshot=session.past,
            author=usual.author,
        )
        if store.large is not None:
            limit = session.setting("work_mem") * 1024
            transaction.aside = Aside(session.database.temporary, session, limit, store.large)
        transaction.synchronous = usual.synchronous
        transaction.advance_command()

    def author(self, *texts: str) -> Author:
        """Return who the session's commits are by, with what is kept of the statements that they are of."""
        session = self._session
        kept = "; ".join(dict.fromkeys(filter(None, map(self._kept_of, texts))))
        return Author(
            role=session.user,
            session_user=session.session_user,
            application_name=session.settings.get("application_name"),
            statement=kept if len(kept) <= STATEMENTS else kept[: STATEMENTS - 1] + "…",
        )

    def _kept_of(self, text: str) -> str:
        session = self._session
        try:
            statements = session.database.statements.texts(text)
        except errors.Error:
            return ""  # no statement of SQL: a door's own words for what it does
        pieces = tuple([piece for statement in statements for piece in statement.shape[::2]])
        return session.registries.first_result("commit_statement", session, pieces) or ""

    def has_run(self, text: str) -> None:
        """Take note of a statement of an open block, where it has changed something."""
        transaction = self._transaction
        if transaction is not None:
            length = transaction.mark().journal
            if length > (self._ran[-1][0] if self._ran else 0):
                self._ran.append((length, text))

    def _sign(self, transaction: Transaction) -> None:
        """Say with a transaction that is about to commit what it has run."""
        session = self._session
        if not session.registries.lifecycle.get("commit_statement"):
            return
        if self.state != "alone":
            transaction.author = self.author(*[text for _, text in self._ran])
            return
        text = session.current_query
        author = self._authors.get(text)
        if author is None:
            author = self.author(text)
            if len(self._authors) >= REMEMBERED:
                self._authors.clear()
            if len(text) <= LONG:
                self._authors[text] = author
        transaction.author = author

    def begin_alone(self) -> None:
        """Open a transaction for one statement."""
        self._session.transaction_timestamp = self._session.statement_timestamp
        self._start()
        self.state = "alone"

    def begin_implicit(self) -> None:
        """Open the transaction that several statements of one text share."""
        self._session.transaction_timestamp = self._session.statement_timestamp
        self.state = "open"
        self.is_implicit = True
        self._session.points.suspend()

    def begin(self, isolation: str | None = None, read_only: bool | None = None) -> None:
        """BEGIN."""
        if self.is_open:
            if self.is_implicit:
                self.is_implicit = False
                self._change_modes(isolation, read_only)
                return
            self._session.notice("there is already a transaction in progress", severity="WARNING", sqlstate="25001")
            self._change_modes(isolation, read_only)
            return
        self._modes = (isolation, read_only)
        self.state = "open"
        self._session.transaction_timestamp = self._session.statement_timestamp
        self._session.points.suspend()

    def _change_modes(self, isolation: str | None, read_only: bool | None) -> None:
        if isolation is not None:
            self.set_isolation(isolation)
        if read_only is not None:
            self.set_read_only(read_only)

    def set_isolation(self, isolation: str) -> None:
        """SET TRANSACTION ISOLATION LEVEL: only before the first query."""
        if self._transaction is not None and self._isolation != isolation:
            raise errors.ActiveSqlTransaction("SET TRANSACTION ISOLATION LEVEL must be called before any query")
        self._modes = (isolation, self._modes[1])

    def set_read_only(self, read_only: bool) -> None:
        """SET TRANSACTION READ ONLY | READ WRITE."""
        transaction = self._transaction
        if transaction is None:
            self._modes = (self._modes[0], read_only)
            return
        if transaction.read_only and not read_only:
            raise errors.ActiveSqlTransaction("transaction read-write mode must be set before any query")
        transaction.read_only = read_only

    def _require(self) -> Transaction:
        transaction = self.transaction
        if transaction is None:
            raise errors.NoActiveSqlTransaction("there is no transaction in progress")
        return transaction

    def require_healthy(self) -> None:
        """Raise 25P02 in a failed block."""
        if self.state == "failed":
            raise errors.InFailedSqlTransaction(
                "current transaction is aborted, commands ignored until end of transaction block"
            )

    def fail(self) -> None:
        """Note an error: an open block accepts only ROLLBACK from now on, and holds no locks any more.

        With a savepoint, what came before it stays until it is clear whether ROLLBACK TO saves it.
        """
        if self.state != "open":
            return
        self.state = "failed"
        transaction = self._transaction
        if transaction is None:
            return
        if self._savepoints:
            transaction.rollback_to(self._savepoints[-1].mark)
        else:
            transaction.rollback()

    def commit(self) -> bool:
        """COMMIT. Return whether it committed: a failed block is rolled back instead."""
        if self._session.idle.is_on:
            self._session.idle.end()
        if self.state == "failed":
            self.rollback()
            return False
        transaction = self._transaction
        session = self._session
        announcement = self._announcement()
        if transaction is None:
            self._end(committed=True)
            if announcement is not None:
                session.database.notifications.settle(announcement, committed=True)
            return True
        try:
            if session.has_temporary_schema:
                session.database.apply_on_commit(session)
            if transaction.writes:
                self._sign(transaction)
                for listener in session.registries.lifecycle.get("transaction_committing", ()):
                    listener(session)
            for cursor in session.cursors.values():
                if cursor.is_held:
                    cursor.materialize()
            if announcement is not None:
                transaction.at_commit(partial(session.database.notifications.enter, announcement))
            ticket = transaction.commit()
        except BaseException:
            transaction.rollback()  # harmless where it was the commit that failed
            self._end(committed=False)
            raise
        self._end(committed=True)
        if announcement is None:
            ticket.wait()
        else:
            self._announce(announcement, ticket)
        if ticket.scn:
            session.database.committed(session, transaction, ticket)
        return True

    def _announcement(self) -> Announcement | None:
        try:
            return self._session.inbox.announcement()
        except errors.Error:
            self.rollback()
            raise

    def _announce(self, announcement: Announcement, ticket: CommitTicket) -> None:
        """Tell who listens once the commit is durable."""
        committed = False
        try:
            ticket.wait()
            committed = True
        finally:
            self._session.database.notifications.settle(announcement, committed=committed)

    def rollback(self) -> None:
        """ROLLBACK."""
        if self._session.idle.is_on:
            self._session.idle.forget()
        if self._transaction is not None:
            self._transaction.rollback()
        self._end(committed=False)

    def _end(self, *, committed: bool) -> None:
        self._transaction = None
        self._modes = (None, None)
        self.locked.clear()
        self.state = "idle"
        self.is_implicit = False
        self._savepoints.clear()
        self._ran.clear()
        self._deferred.clear()
        session = self._session
        if self.streams:
            for stream in list(self.streams):
                stream.cut()
        for name, cursor in list(session.cursors.items()):
            # A held cursor belongs to the session once the transaction that declared it has committed.
            if not (cursor.is_complete or (committed and cursor.is_held)):
                session.cursors.pop(name).close()
        session.settings.end_transaction(committed=committed)
        session.points.resume()
        session.inbox.end()

    # -- savepoints --------------------------------------------------------------------------------------------------

    def savepoint(self, name: str) -> None:
        """SAVEPOINT."""
        self._require_block("SAVEPOINT")
        self.require_healthy()
        # A savepoint looks at nothing, so that it takes no snapshot, either.
        mark = BEGINNING if self._transaction is None else self._transaction.mark()
        session = self._session
        self._savepoints.append(_Savepoint(name, mark, session.settings.mark(), session.inbox.mark()))

    def release(self, name: str) -> None:
        """RELEASE SAVEPOINT: forget it and all later ones."""
        self._require_block("RELEASE SAVEPOINT")
        self.require_healthy()
        del self._savepoints[self._find(name) :]

    def rollback_to(self, name: str) -> None:
        """ROLLBACK TO SAVEPOINT: undo what came after it; the savepoint stays."""
        self._require_block("ROLLBACK TO SAVEPOINT")
        position = self._find(name)
        savepoint = self._savepoints[position]
        transaction = self._transaction
        if transaction is not None:
            transaction.rollback_to(savepoint.mark)
            self._ran = [item for item in self._ran if item[0] <= savepoint.mark.journal]
            self.locked.clear()
            transaction.begin_statement()
        self._session.settings.rollback_to(savepoint.settings)
        self._session.inbox.rollback_to(savepoint.said)
        del self._savepoints[position + 1 :]
        self.state = "open"

    def _require_block(self, what: str) -> None:
        if not self.is_open or self.is_implicit:
            raise errors.NoActiveSqlTransaction(f"{what} can only be used in transaction blocks")

    def _find(self, name: str) -> int:
        for position in range(len(self._savepoints) - 1, -1, -1):
            if self._savepoints[position].name == name:
                return position
        self.fail()
        raise errors.InvalidSavepointSpecification(f'savepoint "{name}" does not exist')

    # -- deferred constraints ----------------------------------------------------------------------------------------

    def is_deferred(self, constraint: Constraint) -> bool:
        """Whether a constraint is checked at the end of the transaction."""
        if not constraint.deferrable:
            return False
        deferred = self._deferred.get(constraint.oid)
        if deferred is None:
            deferred = self._deferred.get(None)
        return constraint.initially_deferred if deferred is None else deferred

    def set_deferred(self, oids: list[int] | None, deferred: bool) -> None:
        """SET CONSTRAINTS; None means ALL. IMMEDIATE checks what was put off."""
        if oids is None:
            self._deferred = {None: deferred}
        else:
            self._deferred.update(dict.fromkeys(oids, deferred))
        if not deferred:
            transaction: Any = self._require()
            transaction.run_checks()
