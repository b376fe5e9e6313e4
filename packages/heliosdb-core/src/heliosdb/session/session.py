"""The session: one client's settings, transaction and statements.

    execute(text)            cut into statements; each: find or make the plan, open a transaction if none is open,
                             run, commit if it was opened for this statement
    BEGIN ... COMMIT         the block's transaction stays open between calls; after an error only ROLLBACK (TO) goes on

A statement is read to its end before its transaction is committed, so an error always undoes the whole statement. A
statement that stands alone and meets 40001 is repeated on a fresh snapshot, at most ``RETRIES`` times: nobody has
seen anything of it yet.

One thread at a time uses a session; ``interrupt`` may come from any.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from attrs import frozen

from heliosdb import errors
from heliosdb.catalog.definitions import Constraint, Relation
from heliosdb.catalog.result import Result
from heliosdb.catalog.sequences import SessionSequences
from heliosdb.catalog.storage import OBJECTS_RELATION
from heliosdb.session.execution import Execution
from heliosdb.session.settings import SessionSettings
from heliosdb.session.statements import Plan, PreparedStatement, RecordingCatalog, StatementText, locks_of
from heliosdb.session.transactions import TransactionBlock
from heliosdb.transaction.locks import RelationLock

if TYPE_CHECKING:
    from heliosdb.catalog.view import CatalogSnapshot
    from heliosdb.codegen.point import FastStatement
    from heliosdb.database import Database
    from heliosdb.plan.nodes import SnapshotRequest
    from heliosdb.sql.binder.context import BindContext
    from heliosdb.sql.statements import Statement
    from heliosdb.transaction import Transaction

__all__ = ["Notice", "Session"]

RETRIES = 10
RECURSION = 8000
EPOCH = 946_684_800_000_000
"""2000-01-01 in microseconds of the Unix clock."""

QUERIES = frozenset({"Select", "Values", "SetOperation", "TableQuery", "Insert", "Update", "Delete", "Merge"})


@frozen
class Notice:
    """A message to the client that is no error."""

    severity: str
    message: str
    sqlstate: str = "00000"
    detail: str | None = None
    hint: str | None = None


class Session:
    """See the module. ``SessionContext`` and ``CommandSession`` are what functions and commands see of it."""

    def __init__(
        self,
        database: Database,
        *,
        user: str = "helios",
        isolation: str | None = None,
        settings: dict[str, Any] | None = None,
        on_notice: Callable[[Notice], None] | None = None,
    ) -> None:
        self.database = database
        self.registries = database.registries
        self.types = database.registries.types
        self.user = user
        self.session_user = user
        self.number = database.next_session_number()
        self.name = f"session {self.number}"
        self.fast: dict[str, FastStatement] = {}
        """Functions of point statements by exact text; empty while a transaction block is open."""
        self._fast: dict[str, FastStatement] = self.fast
        self._not_fast: set[str] = set()
        self.settings = SessionSettings(
            database.registries.settings, database.settings | (settings or {}), self.forget_fast
        )
        if isolation is not None:
            self.settings.put("default_transaction_isolation", isolation, in_transaction=False)
        self.sequences = SessionSequences()
        self.block = TransactionBlock(self)
        self.prepared: dict[str, Any] = {}
        self.cursors: dict[str, Any] = {}
        self.notices: list[Notice] = []
        self.on_notice = on_notice
        self.functions: dict[str, tuple[Any, ...]] = {}
        self.memory: dict[str, Any] = {}
        """What functions keep from call to call: ``random()`` its generator."""
        self.statement_timestamp = self.transaction_timestamp = 0
        self.current_query = ""
        self.last_plan: Plan | None = None
        self._interrupt: str | None = None
        self._deadline: float | None = None
        self._limit: float | None = None
        self._temporary_schema: str | None = None
        self.closed = False
        database.sessions[self.number] = self

    # -- what functions and commands ask (SessionContext, CommandSession, SessionToken) -----------------------------

    def setting(self, name: str) -> Any:
        """Return a setting's value."""
        return self.settings.get(name)

    def show_setting(self, name: str) -> str:
        """Return a setting as SHOW prints it."""
        return self.settings.show(name)

    def set_setting(self, name: str, text: str, *, local: bool = False) -> str:
        """Set a setting from text; return what SHOW prints."""
        return self.settings.set(name, text, local=local, in_transaction=self.block.is_open)

    def notice(
        self,
        message: str,
        *,
        severity: str = "NOTICE",
        sqlstate: str = "00000",
        detail: str | None = None,
        hint: str | None = None,
    ) -> None:
        """Send a notice, if ``client_min_messages`` lets it through."""
        if not self._wants(severity):
            return
        notice = Notice(severity, message, sqlstate, detail, hint)
        if self.on_notice is not None:
            self.on_notice(notice)
        else:
            self.notices.append(notice)
            del self.notices[:-100]

    def _wants(self, severity: str) -> bool:
        levels = ("debug", "log", "notice", "warning", "error")
        least = self.setting("client_min_messages").rstrip("12345")
        level = severity.lower().rstrip("12345")
        return level == "info" or levels.index(level) >= levels.index(least)

    @property
    def transaction(self) -> Transaction:
        """The open transaction."""
        transaction = self.block.transaction
        if transaction is None:
            raise errors.NoActiveSqlTransaction("there is no transaction in progress")
        return transaction

    @property
    def catalog(self) -> CatalogSnapshot:
        """The catalog as the current statement sees it."""
        transaction = self.block.transaction
        if transaction is None:
            with self.database.store_transaction() as short:
                return self.database.catalogs.of(short)
        return self.database.catalogs.of(transaction)

    @property
    def search_path(self) -> tuple[str, ...]:
        """The schemas in which unqualified names are looked up: temporary objects, pg_catalog, then the setting's."""
        path = [part.strip() for part in self.setting("search_path").split(",") if part.strip()]
        names = [self.user if name in ('"$user"', "$user") else _unquoted(name) for name in path]
        if "pg_catalog" not in names:
            names.insert(0, "pg_catalog")
        if self._temporary_schema is not None and "pg_temp" not in names:
            names.insert(0, self._temporary_schema)
        return tuple(self._temporary_schema or "pg_temp" if name == "pg_temp" else name for name in names)

    def temporary_schema(self) -> str:
        """Return this session's schema for temporary objects."""
        if self._temporary_schema is None:
            self._temporary_schema = f"pg_temp_{self.number}"
        return self._temporary_schema

    @property
    def has_temporary_schema(self) -> bool:
        """Whether the session ever made a temporary object."""
        return self._temporary_schema is not None

    @property
    def lock_timeout(self) -> float | None:
        """Seconds to wait for one lock, or None."""
        milliseconds = self.setting("lock_timeout")
        return milliseconds / 1000 if milliseconds else None

    @property
    def interrupted(self) -> bool:
        """Whether the running statement is to stop."""
        return self._interrupt is not None or (self._deadline is not None and time.monotonic() > self._deadline)

    def check_interrupt(self) -> None:
        """Raise QueryCanceled when the running statement is to stop."""
        if self._interrupt is not None:
            reason, self._interrupt = self._interrupt, None
            raise errors.QueryCanceled(f"canceling statement due to {reason}")
        if self._deadline is not None and time.monotonic() > self._deadline:
            self._deadline = None
            raise errors.QueryCanceled("canceling statement due to statement timeout")

    def interrupt(self, reason: str = "user request") -> None:
        """Stop the running statement (from any thread); without one, do nothing."""
        if self.current_query:
            self._interrupt = reason

    def relation_oid(self, name: str) -> int | None:
        """Return the OID that a name in text means, or None."""
        from heliosdb.sql.names import split_qualified_name

        parts = split_qualified_name(name)
        schema = parts[-2] if len(parts) > 1 else None
        catalog = self.catalog
        found = catalog.lookup_relation(schema, parts[-1], self.search_path)
        if found is not None:
            return found.oid
        index = catalog.lookup_index(schema, parts[-1], self.search_path)
        if index is not None:
            return index[1].oid
        from heliosdb.catalog.views.support import system_relation_oid

        schemas = ("pg_catalog", *self.search_path) if schema is None else (schema,)
        return next((oid for s in schemas if (oid := system_relation_oid(self, s, parts[-1])) is not None), None)

    def relation_name(self, oid: int) -> str | None:
        """Return a relation's name, qualified where search_path does not find it, or None."""
        from heliosdb.sql.deparse import quote_identifier

        catalog = self.catalog
        found: Any = catalog.relation_by_oid(oid)
        if found is None:
            entry = catalog.index_by_oid(oid)
            if entry is None:
                from heliosdb.catalog.views.support import system_relation_name

                return system_relation_name(self, oid)
            found = entry[1]
        visible = catalog.lookup_relation(None, found.name, self.search_path)
        if visible is not None and visible.oid == oid:
            return quote_identifier(found.name)
        return f"{quote_identifier(found.schema)}.{quote_identifier(found.name)}"

    def check_unique(self, constraints: Sequence[Constraint]) -> None:
        """Check deferrable unique constraints at the end of a statement, but for those that are deferred now."""
        due = [c.index for c in constraints if c.index is not None and not self.block.is_deferred(c)]
        if due:
            self.transaction.check_deferred(due)

    def is_deferred(self, constraint: Constraint) -> bool:
        """Whether a constraint is checked at COMMIT in the current transaction."""
        return self.block.is_deferred(constraint)

    def bind_context(self) -> BindContext:
        """Return what binding depends on."""
        return self._bind_context((), ())

    def _bind_context(
        self, types: Sequence[str | None], hints: Sequence[str | None], catalog: Any = None, *, lift: bool = True
    ) -> BindContext:
        from heliosdb.sql.binder.context import BindContext

        return BindContext(
            registries=self.registries,
            session=self,
            catalog=self.catalog if catalog is None else catalog,
            search_path=self.search_path,
            parameter_types=tuple(types),
            parameter_hints=tuple(hints),
            lift_constants=lift,
            dialect=self.database.dialect,
            setting=self.setting,
            session_functions=self.functions,
            resolutions=self.database.resolutions,
        )

    def view_as_of(self, relation: int, request: SnapshotRequest, arguments: tuple[Any, ...]) -> Any:
        """Return a relation at the snapshot that a plugin makes of a clause."""
        snapshot = self.registries.first_result("resolve_snapshot", self, request, arguments)
        if snapshot is None:
            raise errors.FeatureNotSupported(f"no plugin resolves the clause {request.clause}")
        return self.transaction.view(relation, at=snapshot)

    # -- relation locks ----------------------------------------------------------------------------------------------

    def lock_definition(self, relation: Relation, mode: RelationLock) -> None:
        """Lock a relation for a change of its definition, and see it as it is now.

        Under read committed the statement goes on with a new snapshot. A snapshot that is kept cannot see what was
        committed before the lock was granted, so then the transaction fails with 40001 (and is repeated if the
        statement stands alone).
        """
        transaction = self.transaction
        transaction.lock_relation(relation.oid, mode)
        store = self.database.store
        # A point statement that looked at the lock before it was ours has finished once the commit lock is free.
        with store.commit_lock:
            pass
        if transaction.isolation == "read committed":
            transaction.begin_statement()
        elif transaction.relation(relation.oid).feed.last_scn > transaction.scn:
            raise errors.SerializationFailure(
                f'could not serialize access due to concurrent changes of relation "{relation.name}"'
            )
        if self._newest_version(relation.oid) != relation.version and OBJECTS_RELATION not in transaction.writes:
            raise errors.SerializationFailure(
                f'could not serialize access due to a concurrent change of the definition of "{relation.name}"'
            )

    def _newest_version(self, oid: int) -> int | None:
        with self.database.store_transaction() as newest:
            return self.database.catalogs.of(newest).version_of(oid)

    def _definitions_changed(self, recorder: RecordingCatalog) -> bool:
        """Wait for changes under way of what a statement named that could not be bound; whether there is a new
        catalog now.
        """
        transaction = self.block.transaction
        if transaction is None or transaction.isolation != "read committed":
            return False
        locks = self.database.store.locks.relations
        oids = {answer[0] for answer in recorder.lookups.values() if answer is not None}
        waited = [oid for oid in oids if oid in locks]
        for oid in waited:
            transaction.lock_relation(oid, RelationLock.ACCESS_SHARE)
        if not waited:
            return False
        transaction.begin_statement()
        return not recorder.still_holds(self.catalog)

    def _locked(self, plan: Plan) -> bool:
        """Lock what a plan touches against changes of its definition; False: the plan is outdated, make it anew.

        A lone query needs no lock: its snapshot has the catalog and the rows of one moment.
        """
        block = self.block
        if block.state == "alone" and plan.bound.read_only:
            return True
        wanted = [lock for lock in plan.locks if lock not in block.locked]
        if not wanted:
            return True
        transaction = self.transaction
        for oid, mode in wanted:
            transaction.lock_relation(oid, mode)
            block.locked.add((oid, mode))
        if transaction.relation(OBJECTS_RELATION).feed.last_scn <= transaction.scn:
            return True
        # The catalog has changed since the snapshot was taken.
        if transaction.isolation == "read committed":
            transaction.begin_statement()
            return plan.is_valid(self.catalog)
        with self.database.store_transaction() as newest:
            if plan.recorded.still_holds(self.database.catalogs.of(newest)):
                return True
        raise errors.SerializationFailure(
            "could not serialize access due to a concurrent change of a table's definition"
        )

    # -- what doors need -----------------------------------------------------------------------------------------------

    def begin(self, isolation: str | None = None, read_only: bool | None = None) -> None:
        """Begin a transaction block."""
        self.statement_timestamp = time.time_ns() // 1000 - EPOCH
        self.block.begin(isolation, read_only)

    def fork(self) -> Session:
        """Open another session with this one's role, settings and functions."""
        other = Session(self.database, user=self.user, on_notice=self.on_notice)
        other.session_user = self.session_user
        other.settings.copy_from(self.settings)
        other.functions = self.functions
        if self.on_notice is None:
            other.notices = self.notices
        return other

    @contextmanager
    def time_limit(self, seconds: float) -> Iterator[None]:
        """Cancel whatever statement still runs after this many seconds, while the block runs."""
        before, self._limit = self._limit, time.monotonic() + seconds
        try:
            yield
        finally:
            self._limit = before

    def create_function(
        self,
        name: str,
        arguments: Sequence[str],
        returns: str,
        function: Callable[..., Any],
        *,
        strict: bool,
        volatility: str,
    ) -> None:
        """Make a Python function callable in this session (and those forked from it)."""
        from heliosdb.session.functions import python_function

        made = python_function(self, name, arguments, returns, function, strict=strict, volatility=volatility)
        others = tuple(f for f in self.functions.get(made.name, ()) if f.arguments != made.arguments)
        # A new dict: plans are keyed by its identity, and forked sessions keep what they had.
        self.functions = {**self.functions, made.name: (*others, made)}
        self.forget_fast()

    def execute_many(self, text: str, rows: Sequence[Sequence[Any]]) -> int:
        """Run one statement for many parameter rows in one transaction; return the total of rows affected."""
        statements = self._texts(text)
        if len(statements) != 1:
            raise errors.SqlSyntaxError("cannot insert multiple commands into a prepared statement")
        opened = not self.block.is_open
        if opened:
            self.begin()
        try:
            total = self._execute_many(statements[0], rows)
        except BaseException:
            if opened:
                self.block.rollback()
            raise
        if opened:
            self.block.commit()
        return total

    def _execute_many(self, statement: StatementText, rows: Sequence[Sequence[Any]]) -> int:
        if not isinstance(rows, list | tuple):
            rows = list(rows)
        if not rows:
            return 0
        if type(self.tree(statement)).__name__ == "Insert":
            from heliosdb.session.many import many_rows

            with self.guarded():
                self.block.require_healthy()
                self.transaction.begin_statement()
                hints = tuple(self.hint(parameter) for parameter in rows[0])
                plan = self.plan(statement, hints)
                while not self._locked(plan):
                    plan = self.plan(statement, hints)
                compiled = many_rows(plan, self.registries)
                if compiled is not None:
                    execution = Execution(self, self.transaction, (), plan.slots(statement.constants, self))
                    execution.parameter_rows = rows
                    for _ in compiled.run(execution):
                        pass
                    return execution.row_count
        total = 0
        for row in rows:
            total += self.run(statement, row).row_count or 0
        return total

    # -- point statements --------------------------------------------------------------------------------------------

    def forget_fast(self) -> None:
        """Drop the functions of point statements: a setting, a role or the catalog has changed."""
        self._fast.clear()
        self._not_fast.clear()

    def suspend_fast(self) -> None:
        """Take the ordinary way while a transaction block is open."""
        self.fast = {}

    def resume_fast(self) -> None:
        """Point statements may be short again."""
        self.fast = self._fast

    def make_fast(self, text: str, row_maker: Any) -> None:
        """Make the function of a statement that has just been run, where it is a point statement.

        Nothing is made on the first run: most texts are run once.
        """
        if (
            self.block.is_open
            or text in self._not_fast
            or self.functions
            or self.database.timeline_of(self) is not None
        ):
            return
        from heliosdb.codegen.point import compile_point

        epoch = self.database.epoch
        (statement, *others) = self.database.statements.texts(text)
        plan = self.last_plan
        if others or plan is None or plan.runs < 2:
            return
        made = None
        if plan.bound.read_only or not self.setting("default_transaction_read_only"):
            slots = plan.slots(statement.constants, self)
            made = compile_point(plan.bound, plan.explained, self.registries, self, slots, row_maker)
        with self.database.lock:
            if made is None:
                if len(self._not_fast) < 10_000:
                    self._not_fast.add(text)
            elif epoch == self.database.epoch and len(self._fast) < 1_000:
                self._fast[text] = made

    def discard_sequences(self) -> None:
        """Forget what currval and lastval answer."""
        self.sequences = SessionSequences()

    # -- running -----------------------------------------------------------------------------------------------------

    def execute(self, text: str, parameters: Sequence[Any] = (), *, hints: bool = True) -> list[Result]:
        """Run every statement of a text and return their results. Parameters are Python objects, for one statement
        only.
        """
        statements = self._texts(text)
        if len(statements) > 1 and parameters:
            raise errors.SqlSyntaxError("cannot insert multiple commands into a prepared statement")
        if len(statements) == 1:
            return [self.run(statements[0], parameters)]
        if not statements:
            self.block.require_healthy()
            return []
        return list(self._run_script(statements))

    def _run_script(self, statements: Sequence[StatementText]) -> Iterator[Result]:
        """Several statements of one text run as one implicit transaction, as PostgreSQL's simple query does.

        COMMIT or ROLLBACK among them ends it; the next statement begins another one.
        """
        implicit = not self.block.is_open
        try:
            for statement in statements:
                if implicit and not self.block.is_open:
                    self.statement_timestamp = time.time_ns() // 1000 - EPOCH
                    self.block.begin_implicit()
                result = self.run(statement)
                if statement is statements[-1] and self.block.is_implicit:
                    # The last statement is done only when everything is committed.
                    self.block.commit()
                yield result
        except BaseException:
            if self.block.is_implicit:
                self.block.rollback()
            raise

    def execute_script(self, text: str) -> Iterator[Result]:
        """Run a script one statement after the other, each by itself, as psql does with a file."""
        for statement in self._texts(text):
            yield self.run(statement)

    def _texts(self, text: str) -> tuple[StatementText, ...]:
        if self.closed:
            raise errors.InterfaceError("the session is closed")
        try:
            return self.database.statements.texts(text)
        except errors.Error:
            self.block.fail()
            raise

    def run(self, statement: StatementText, parameters: Sequence[Any] = ()) -> Result:
        """Run one statement with Python parameters and return its result, rows included."""
        self.current_query = statement.text
        timeout = self.setting("statement_timeout")
        self._deadline = time.monotonic() + timeout / 1000 if timeout else None
        if self._limit is not None:
            self._deadline = self._limit if self._deadline is None else min(self._deadline, self._limit)
        self._interrupt = None
        try:
            with self.guarded():
                return self._run(statement, parameters)
        finally:
            self.current_query = ""
            self._deadline = None

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Turn Python's own errors into SQL errors, and fail the transaction block after any of them."""
        limit = sys.getrecursionlimit()
        if limit < RECURSION:
            sys.setrecursionlimit(RECURSION)
        try:
            yield
        except errors.Error:
            self.block.fail()
            raise
        except RecursionError as error:
            self.block.fail()
            raise errors.StatementTooComplex("stack depth limit exceeded", hint="Simplify the statement.") from error
        except MemoryError as error:
            self.block.fail()
            raise errors.OutOfMemory("out of memory") from error
        except KeyboardInterrupt:
            self.block.fail()
            raise
        except ZeroDivisionError as error:
            self.block.fail()
            raise errors.DivisionByZero("division by zero") from error
        except OverflowError as error:
            self.block.fail()
            raise errors.NumericValueOutOfRange("value out of range") from error
        except BaseException:
            self.block.fail()
            raise

    def _run(self, statement: StatementText, parameters: Sequence[Any]) -> Result:
        tries = 0
        while True:
            alone = not self.block.is_open
            self.statement_timestamp = time.time_ns() // 1000 - EPOCH
            if not alone:
                return self._run_in_block(statement, parameters)
            try:
                return self._run_alone(statement, parameters)
            except errors.SerializationFailure:
                tries += 1
                if tries > RETRIES or self.block.is_open or not self._is_repeatable(statement):
                    raise

    @staticmethod
    def _is_repeatable(statement: StatementText) -> bool:
        """Whether running the statement again gives what the first time would have: COPY FROM STDIN has been read."""
        return type(statement.tree).__name__ not in ("Copy", "Call", "Do")

    def _run_alone(self, statement: StatementText, parameters: Sequence[Any]) -> Result:
        """Run a statement in a transaction of its own; transaction commands open or refuse one themselves."""
        if self._controls_transactions(statement):
            return self._command(statement)
        self.transaction_timestamp = self.statement_timestamp
        self.block.begin_alone()
        try:
            result = self._dispatch(statement, parameters)
            if not isinstance(result.rows, list):
                rows = list(result.rows)
                result = Result(result.tag, result.columns, rows, len(rows))
        except BaseException:
            self.block.rollback()
            raise
        self.block.commit()
        return result

    def _run_in_block(self, statement: StatementText, parameters: Sequence[Any]) -> Result:
        if self._controls_transactions(statement):
            return self._command(statement)
        if self.block.status == "E":
            self.tree(statement)
            self.block.require_healthy()
        if (
            type(self.tree(statement) if statement.tree is None and _sets(statement.text) else statement.tree).__name__
            in _NO_SNAPSHOT
        ):
            return self._command(statement)
        self.transaction.begin_statement()
        result = self._dispatch(statement, parameters)
        if not isinstance(result.rows, list):
            rows = list(result.rows)
            result = Result(result.tag, result.columns, rows, len(rows))
        return result

    _CONTROL = frozenset(
        {
            "Begin",
            "Commit",
            "Rollback",
            "Savepoint",
            "Release",
            "RollbackTo",
            "PrepareTransaction",
            "PreparedTransaction",
        }
    )

    def _controls_transactions(self, statement: StatementText) -> bool:
        first = statement.text[:9].lower()
        if not first.startswith(_CONTROL_WORDS):
            return False
        return type(self.tree(statement)).__name__ in self._CONTROL

    def tree(self, statement: StatementText) -> Statement:
        """Return a statement's syntax tree, parsed once a text."""
        if statement.tree is None:
            from heliosdb.sql.parser import parse_one

            if not statement.text:
                raise errors.SqlSyntaxError("the statement is empty")

            tree = parse_one(statement.text, self.registries.grammar)
            assert tree is not None
            statement.tree = tree
        return statement.tree

    def _command(self, statement: StatementText) -> Result:
        tree = self.tree(statement)
        return self._executor(tree)(self, tree)  # type: ignore[no-any-return]

    def _executor(self, tree: Any) -> Callable[..., Any]:
        name = type(tree).__name__
        if name == "ExtensionStatement":
            return self._extension_executor(tree)
        executor = self.registries.statements.get(name)
        if executor is None:
            raise errors.FeatureNotSupported(f"{_words(name)} is not supported", position=tree.position or None)
        return executor  # type: ignore[no-any-return]

    def _extension_executor(self, tree: Any) -> Callable[..., Any]:
        registered = self.registries.extension_statements[tree.name]
        if not registered.transactional and self.block.is_explicit:
            raise errors.ActiveSqlTransaction(
                f"{' '.join(registered.words).upper()} cannot run inside a transaction block"
            )
        executor = self.registries.statements[tree.name]
        return lambda session, statement: executor(session, statement.payload)

    def _dispatch(self, statement: StatementText, parameters: Sequence[Any]) -> Result:
        plan = self._cached(statement, parameters)
        if plan is None:
            tree = self.tree(statement)
            if type(tree).__name__ not in QUERIES or getattr(tree, "into", None) is not None:
                if parameters:
                    raise errors.ProtocolViolation(
                        f"bind message supplies {len(parameters)} parameters, but prepared statement requires 0"
                    )
                return self._executor(tree)(self, tree)  # type: ignore[no-any-return]
            plan = self.plan(statement, tuple(self.hint(parameter) for parameter in parameters))
        while not self._locked(plan):
            plan = self.plan(statement, tuple(self.hint(parameter) for parameter in parameters))
        return self.run_plan(plan, statement.constants, self.read_parameters(plan, parameters))

    # -- plans -------------------------------------------------------------------------------------------------------

    def hint(self, parameter: Any) -> str | None:
        """Return the type that a Python object suggests for a parameter, or None."""
        return self.database.adapters.suggest(parameter)

    def _key(self, statement: StatementText, hints: tuple[str | None, ...], types: tuple[str | None, ...] = ()) -> Any:
        kinds = tuple(constant.kind for constant in statement.constants)
        return (
            statement.shape,
            kinds,
            hints,
            types,
            self.settings.plan_key,
            self.user,
            self._temporary_schema,
            id(self.functions) if self.functions else 0,
        )

    def _cached(self, statement: StatementText, parameters: Sequence[Any]) -> Plan | None:
        hints = tuple(self.hint(parameter) for parameter in parameters)
        return self.database.statements.find(self._key(statement, hints), statement.constants, self.catalog)

    def plan(
        self, statement: StatementText, hints: tuple[str | None, ...] = (), types: tuple[str | None, ...] = ()
    ) -> Plan:
        """Return the plan of a query or data modification, from the cache or made now."""
        key = self._key(statement, hints, types)
        catalog = self.catalog
        found = self.database.statements.find(key, statement.constants, catalog)
        if found is not None:
            return found
        plan = self.make_plan(self.tree(statement), hints, types, statement)
        private = self.block.transaction is not None and OBJECTS_RELATION in self.block.transaction.writes
        if plan.bound.cacheable and not private and not self.functions and statement.is_lifted:
            self.database.statements.add(key, plan)
        return plan

    def make_plan(
        self,
        tree: Statement,
        hints: tuple[str | None, ...] = (),
        types: tuple[str | None, ...] = (),
        statement: StatementText | None = None,
    ) -> Plan:
        """Bind, optimize and compile."""
        # Imported by the first query, not when a database opens.
        from heliosdb.codegen import compile_statement
        from heliosdb.sql.binder import bind
        from heliosdb.sql.optimizer import optimize

        catalog = self.catalog
        recorder = RecordingCatalog(catalog)
        lift = statement is not None and statement.is_lifted
        try:
            bound = bind(tree, self._bind_context(types, hints, recorder, lift=lift))
        except errors.Error:
            if not self._definitions_changed(recorder):
                raise
            catalog = self.catalog
            recorder = RecordingCatalog(catalog)
            bound = bind(tree, self._bind_context(types, hints, recorder, lift=lift))
        optimized = optimize(bound, self)
        compiled = compile_statement(optimized, self.registries)
        constants = () if statement is None else statement.constants
        free = {slot.slot for slot in bound.slots}
        pinned = tuple((i, constant.value) for i, constant in enumerate(constants) if i not in free)
        readers = []
        for slot in bound.slots:
            read = self.types.input(slot.type)
            readers.append((slot.slot, _slot_reader(read, slot.typmod), slot.negated))
        return Plan(
            bound, compiled, pinned, len(constants), tuple(readers), recorder, catalog, optimized, locks_of(bound.plan)
        )

    def read_parameters(self, plan: Plan, parameters: Sequence[Any]) -> tuple[Any, ...]:
        """Return Python parameters as datums of the plan's parameter types."""
        expected = plan.bound.parameter_types
        if len(expected) != len(parameters):
            raise errors.ProtocolViolation(
                f"bind message supplies {len(parameters)} parameters, but prepared statement requires {len(expected)}"
            )
        if not expected:
            return ()
        return tuple(
            None if value is None else self.database.adapters.read(type_name, value, self)
            for type_name, value in zip(expected, parameters, strict=True)
        )

    def run_plan(self, plan: Plan, constants: Sequence[Any], parameters: tuple[Any, ...]) -> Result:
        """Run a plan in the open transaction and return its result with all rows."""
        transaction = self.transaction
        if not plan.bound.read_only and transaction.read_only:
            raise errors.ReadOnlySqlTransaction(f"cannot execute {plan.bound.tag} in a read-only transaction")
        self.last_plan = plan
        plan.runs += 1
        execution = Execution(self, transaction, parameters, plan.slots(constants, self))
        rows: list[tuple[Any, ...]] = []
        for batch in plan.compiled.run(execution):
            rows.extend(batch)
        count = len(rows) if plan.bound.tag == "SELECT" else execution.row_count
        return Result(plan.bound.tag, plan.columns, rows, count)

    def stream_plan(
        self, plan: Plan, constants: Sequence[Any], parameters: tuple[Any, ...]
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Run a plan in the open transaction and yield its batches as they come (cursors, COPY, the wire)."""
        execution = Execution(self, self.transaction, parameters, plan.slots(constants, self))
        return plan.compiled.run(execution)

    def run_query(self, query: Statement) -> Result:
        """Run a query's syntax tree inside the current statement (CREATE TABLE AS, COPY)."""
        return self.run_plan(self.make_plan(query), (), ())

    def run_internal(self, text: str, parameters: tuple[Any, ...], *, newest: bool = False) -> list[tuple[Any, ...]]:
        """Run a statement on datums inside the current statement and return its rows (foreign-key actions and checks).

        ``newest`` reads the newest committed state whatever the transaction's snapshot, own writes included.
        """
        (statement,) = self.database.statements.texts(text)
        plan = self.plan(statement)
        transaction = self.transaction
        transaction.advance_command()
        execution = Execution(self, transaction, parameters, plan.slots(statement.constants, self))
        rows: list[tuple[Any, ...]] = []
        with transaction.reading_newest() if newest else _nothing():
            for batch in plan.compiled.run(execution):
                rows.extend(batch)
        return rows

    # -- prepared statements -----------------------------------------------------------------------------------------

    def prepare(self, text: str, types: Sequence[str | None] = ()) -> PreparedStatement:
        """Parse and bind one statement without running it."""
        statements = self._texts(text)
        if len(statements) != 1:
            raise errors.SqlSyntaxError("cannot insert multiple commands into a prepared statement")
        (statement,) = statements
        with self.guarded(), self._short_transaction():
            tree = self.tree(statement)
            if type(tree).__name__ not in QUERIES:
                return PreparedStatement(statement, (), None, tuple(types))
            plan = self.plan(statement, types=tuple(types))
            return PreparedStatement(statement, plan.bound.parameter_types, plan.columns, tuple(types))

    @contextmanager
    def _short_transaction(self) -> Iterator[None]:
        """Have a transaction open, for looking at the catalog."""
        if self.block.is_open:
            self.block.require_healthy()
            self.transaction.begin_statement()
            yield
            return
        self.block.begin_alone()
        try:
            yield
        finally:
            self.block.rollback()

    # -- the end -----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Roll back what is open, drop temporary objects, and forget the session."""
        if self.closed:
            return
        if self.block.is_open:
            self.block.rollback()
        if self._temporary_schema is not None and not self.database.closed:
            self.database.drop_temporary_objects(self)
        self.closed = True
        self.database.sessions.pop(self.number, None)

    def discard(self) -> None:
        """Forget prepared statements, cursors and sequences' last values (DISCARD ALL)."""
        self.prepared.clear()
        self.cursors.clear()
        self.sequences = SessionSequences()


_NO_SNAPSHOT = frozenset({"Set", "SetTransaction", "SetConstraints", "Show", "Reset", "Deallocate"})
"""Commands that look at no data, so that a block's snapshot is not taken for them."""


def _sets(text: str) -> bool:
    return text[:10].lower().startswith(("set", "show", "reset", "deallocate"))


_CONTROL_WORDS = ("begin", "start", "commit", "end", "rollback", "abort", "savepoin", "release", "prepare", "/*", "--")


def _words(class_name: str) -> str:
    """Return ``CREATE TRIGGER`` for ``CreateTrigger``."""
    return "".join(f" {c}" if c.isupper() else c for c in class_name).strip().upper()


def _unquoted(name: str) -> str:
    if name.startswith('"') and name.endswith('"') and len(name) > 1:
        return name[1:-1].replace('""', '"')
    return name.lower()


def _slot_reader(read: Callable[..., Any], typmod: int) -> Callable[[str, Any], Any]:
    return lambda text, session: read(text, typmod, session)


@contextmanager
def _nothing() -> Iterator[None]:
    yield
