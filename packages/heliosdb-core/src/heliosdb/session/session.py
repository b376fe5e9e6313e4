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

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from heliosdb import errors
from heliosdb.catalog.access import check_statement
from heliosdb.catalog.result import Result
from heliosdb.catalog.sequences import SessionSequences
from heliosdb.catalog.types import over_domains
from heliosdb.interrupts import ask
from heliosdb.session.at_once import ends_at_once, run_at_once
from heliosdb.session.definition_locks import lock_definition, lock_plan
from heliosdb.session.environment import EPOCH, Notice
from heliosdb.session.execution import Execution
from heliosdb.session.kinds import (
    CONTROL,
    DEFINING,
    UPKEEP,
    WITH_QUERY,
    WITHOUT_SNAPSHOT,
    WITHOUT_SNAPSHOT_WORDS,
    is_query,
    tag_of,
    words_of,
)
from heliosdb.session.plans import SessionPlans
from heliosdb.session.recursion import allow_recursion
from heliosdb.session.statements import (
    PreparedStatement,
    StatementText,
    forget_prepared,
    no_parameter,
    unwanted_parameters,
)

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Relation
    from heliosdb.session.copying import Copy, Readable
    from heliosdb.session.live import LiveRows
    from heliosdb.session.streaming import Stream
    from heliosdb.transaction.locks import RelationLock

__all__ = ["Notice", "Session"]

RETRIES = 10


class Session(SessionPlans):
    """See the module. ``SessionContext`` and ``CommandSession`` are what functions and commands see of it."""

    _limit: float | None = None
    live: LiveRows | None = None
    """The rows of the statement that runs, where they are sent on as they come."""
    owns_temporary_schema = True
    run_at_once, ends_at_once = run_at_once, ends_at_once

    def lock_definition(self, relation: Relation, mode: RelationLock) -> None:
        """Lock a relation for a change of its definition, and see it as it is now (``definition_locks``)."""
        lock_definition(self, relation, mode)

    # -- what doors need -----------------------------------------------------------------------------------------------

    def begin(self, isolation: str | None = None, read_only: bool | None = None) -> None:
        """Begin a transaction block."""
        self.statement_timestamp = time.time_ns() // 1000 - EPOCH
        self.block.begin(isolation, read_only)
        self.idle.begin()

    def begin_implicit(self) -> None:
        """Begin the transaction that the statements to come share until ``block.commit()``; no block is open."""
        self.statement_timestamp = time.time_ns() // 1000 - EPOCH
        self.block.begin_implicit()

    def fork(self) -> Session:
        """Open another session with this one's role, settings, functions, and what they keep for it."""
        other = Session(self.database, on_notice=self.on_notice)
        other.role, other.user = self.role, self.user
        other.session_role, other.session_user = self.session_role, self.session_user
        other.timeline, other.past = self.timeline, self.past
        other.settings.copy_from(self.settings)
        other.functions = self.functions
        other.memory.update(self.memory)
        if self.on_notice is None:
            other.notices = self.notices
        return other

    def fork_reader(self) -> Session:
        """Open another session that sees this one's temporary tables too, for a stream of its own."""
        other = self.fork()
        other._temporary_schema = self._temporary_schema
        other.owns_temporary_schema = False
        return other

    def limit_to(self, deadline: float | None) -> None:
        """Cancel whatever statement still runs at this time (of ``time.monotonic``)."""
        self._limit = deadline

    @contextmanager
    def time_limit(self, seconds: float) -> Iterator[None]:
        """Cancel whatever statement still runs after this many seconds, while the block runs."""
        if not isinstance(seconds, int | float):
            raise errors.InterfaceError(f"timeout must be a number of seconds, not {type(seconds).__name__}")
        if not seconds >= 0:
            # Written so that NaN, which would never be reached, is refused too.
            raise errors.InterfaceError("timeout must not be negative" if seconds < 0 else "timeout must be a number")
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
        self.points.forget()

    def execute_many(self, text: str, rows: Sequence[Sequence[Any]]) -> int:
        """Run one statement for many parameter rows in one transaction; return the total of rows affected."""
        statements = self._texts(text)
        if len(statements) != 1:
            raise errors.SqlSyntaxError("cannot insert multiple commands into a prepared statement")
        if self.idle.is_on:
            self.idle.end()
        opened = not self.block.is_open
        if opened:
            self.begin()
            self.idle.forget()
        try:
            total = self._execute_many(statements[0], rows)
            self.block.has_run(statements[0].text)
        except BaseException:
            if opened:
                self.block.rollback()
            raise
        finally:
            self.idle.begin()
        if opened:
            self.block.commit()
        return total

    def _execute_many(self, statement: StatementText, rows: Sequence[Sequence[Any]]) -> int:
        if not isinstance(rows, list | tuple):
            rows = list(rows)
        if not rows:
            return 0
        for kind in set(map(type, rows)) - {tuple, list}:
            if issubclass(kind, str | bytes) or not issubclass(kind, Sequence):
                raise errors.InterfaceError(f"each item of the rows must be a sequence of values, not {kind.__name__}")
        if type(self.tree(statement)).__name__ == "Insert":
            from heliosdb.session.many import many_rows

            with self.guarded():
                self.block.require_healthy()
                self.transaction.begin_statement()
                hints = tuple(self.hint(parameter) for parameter in rows[0])
                plan = self.plan(statement, hints)
                while not lock_plan(self, plan):
                    plan = self.plan(statement, hints)
                compiled = many_rows(plan, self.registries)
                if compiled is not None:
                    execution = Execution(self, self.transaction, (), plan.slots(statement.constants, self))
                    execution.parameter_rows = rows
                    try:
                        for _ in compiled.run(execution):
                            pass
                    finally:
                        execution.close()
                    return execution.row_count
        total = 0
        for row in rows:
            total += self.run(statement, row).row_count or 0
        return total

    def texts(self, text: str) -> tuple[StatementText, ...]:
        """Cut a text into its statements."""
        return self._texts(text)

    def copy(self, text: str) -> Copy:
        """Begin a COPY FROM STDIN or TO STDOUT whose data the caller gives or takes (``session/copying.py``)."""
        from heliosdb.session.copying import Copy

        return Copy(self, text)

    def copy_from(self, text: str, source: str | bytes | Iterable[str | bytes] | Readable) -> int:
        """Run COPY ... FROM STDIN on a str, bytes, an open file or an iterable of pieces; return the number of rows."""
        with self.copy(text) as copy:
            return copy.write_all(source)

    def copy_to(self, text: str, write: Callable[[Any], object]) -> int:
        """Run COPY ... TO STDOUT and give each piece of the output (str, in binary bytes) to ``write``; return the
        number of rows."""
        with self.copy(text) as copy:
            for piece in copy:
                write(piece)
            return copy.finish().row_count or 0

    def stream(self, text: str, parameters: Sequence[Any] = (), *, timeout: float | None = None) -> Stream:
        """Open a query whose rows come batch by batch (``session/streaming.py``)."""
        from heliosdb.session.streaming import Stream

        return Stream(self, text, parameters, timeout=timeout)

    def is_query(self, statement: StatementText) -> bool:
        """Return whether a statement is planned: a query or a data modification."""
        return is_query(self.tree(statement))

    def run_copy(self, tree: Any, door: Copy) -> None:
        """Have the command begin its transfer and hand it to the door."""
        self.copy_door = door
        try:
            self._executor(tree)(self, tree)
        finally:
            self.copy_door = None

    def discard_sequences(self) -> None:
        """Forget what currval and lastval answer."""
        self.sequences = SessionSequences()

    # -- running -----------------------------------------------------------------------------------------------------

    def execute(self, text: str, parameters: Sequence[Any] | None = None) -> list[Result]:
        """Run every statement of a text and return their results. Parameters are Python objects, for one statement
        only; None: the text cannot have any (42P02 where it names one).
        """
        statements = self._texts(text)
        if len(statements) > 1 and parameters:
            raise errors.SqlSyntaxError("cannot insert multiple commands into a prepared statement")
        if len(statements) == 1:
            return [self.run(statements[0], parameters)]
        if not statements:
            self.block.require_healthy()
            return []
        return list(self.run_script(statements))

    def run_script(self, statements: Sequence[StatementText], *, live: bool = False) -> Iterator[Result]:
        """Several statements of one text run as one implicit transaction, as PostgreSQL's simple query does.

        COMMIT or ROLLBACK among them ends it; the next statement begins another one. ``live`` as in ``run``: rows have
        to be read before the next result is asked for.
        """
        implicit = len(statements) > 1 and not self.block.is_open
        try:
            for statement in statements:
                if implicit and not self.block.is_open:
                    self.begin_implicit()
                result = self.run(statement, live=live)
                if statement is statements[-1] and self.block.is_implicit:
                    # The last statement is done only when everything is committed.
                    if self.live is None:
                        self.block.commit()
                    else:
                        self.live.commits = True
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

    def run(self, statement: StatementText, parameters: Sequence[Any] | None = None, *, live: bool = False) -> Result:
        """Run one statement with Python parameters and return its result, rows included. With ``live`` rows that are
        more than a batch are ``LiveRows``, whose reader ends the statement (``session/live.py``)."""
        if self.watch.is_on:
            self.watch.begin(statement, parameters)
        self.start_clock(statement.shown or statement.text)
        for name, left in statement.cut_names:
            self.notice(f'identifier "{name}" will be truncated to "{left}"', sqlstate="42622")
        try:
            result = self._run(statement, parameters, live)
            self.watch.rows = result.row_count
            return result
        except BaseException as error:
            self.watch.end(failed=True)
            self._fail(error)
            raise
        finally:
            ask(None) if self.live is not None else self.stop_clock()

    def start_clock(self, text: str) -> None:
        """Note which statement runs from now on, and when it has to be done."""
        if self.idle.is_on:
            self.idle.end()
        # In this order: an interruption that comes once the statement is known must not be forgotten.
        self.interruption = None
        self.current_query = self.latest_query = text
        self.changed_at = time.time_ns()
        ask(self.check_interrupt)
        timeout = self.setting("statement_timeout")
        self.deadline = time.monotonic() + timeout / 1000 if timeout else None
        if self._limit is not None:
            self.deadline = self._limit if self.deadline is None else min(self.deadline, self._limit)

    def stop_clock(self) -> None:
        """Note that no statement runs."""
        ask(None)
        if self.watch.is_on:
            self.watch.end()
        text, self.current_query = self.current_query, ""
        self.changed_at = time.time_ns()
        self.deadline = None
        if self.block.is_open:
            self.block.has_run(text)
            self.idle.begin()

    @contextmanager
    def on_the_clock(self, text: str) -> Iterator[None]:
        """Be interruptible, as a statement is, while the block runs."""
        self.start_clock(text)
        try:
            yield
        finally:
            self.stop_clock()

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Fail the transaction block after any error, as ``run`` does, while the block runs."""
        try:
            yield
        except BaseException as error:
            self._fail(error)
            raise

    def _fail(self, error: BaseException) -> None:
        """Fail the transaction block; raise Python's own errors as the SQL errors that they are."""
        self.block.fail()
        if isinstance(error, RecursionError):
            raise errors.StatementTooComplex("stack depth limit exceeded", hint="Simplify the statement.") from error
        if isinstance(error, MemoryError):
            raise errors.OutOfMemory("out of memory") from error
        if isinstance(error, ZeroDivisionError):
            raise errors.DivisionByZero("division by zero") from error
        if isinstance(error, OverflowError):
            raise errors.NumericValueOutOfRange("value out of range") from error

    def _run(self, statement: StatementText, parameters: Sequence[Any] | None, live: bool) -> Result:
        tries = 0
        self.last_plan = None
        while True:
            alone = not self.block.is_open
            self.statement_timestamp = time.time_ns() // 1000 - EPOCH
            if not alone:
                return self._run_in_block(statement, parameters, live)
            try:
                return self._run_alone(statement, parameters, live)
            except errors.SerializationFailure:
                tries += 1
                if tries > RETRIES or self.block.is_open or not self._is_repeatable(statement):
                    raise

    @staticmethod
    def _is_repeatable(statement: StatementText) -> bool:
        """Whether running the statement again gives what the first time would have: COPY FROM STDIN has been read."""
        return type(statement.tree).__name__ not in ("Copy", "Call", "Do")

    def _run_alone(self, statement: StatementText, parameters: Sequence[Any] | None, live: bool) -> Result:
        """Run a statement in a transaction of its own; transaction commands open or refuse one themselves."""
        if self._controls_transactions(statement):
            return self._command(statement, parameters)
        self.transaction_timestamp = self.statement_timestamp
        self.block.begin_alone()
        try:
            result = self._dispatch(statement, parameters, live)
            if self.live is not None:
                return result
            if result.columns is not None and not isinstance(result.rows, list):
                rows = list(result.rows)
                result = Result(result.tag, result.columns, rows, len(rows))
        except BaseException:
            self.block.rollback()
            raise
        self.block.commit()
        return result

    def _run_in_block(self, statement: StatementText, parameters: Sequence[Any] | None, live: bool) -> Result:
        if self._controls_transactions(statement):
            return self._command(statement, parameters)
        if self.block.status == "E":
            self.tree(statement)
            self.block.require_healthy()
        first = statement.text[:10].lower()
        if first.startswith(WITHOUT_SNAPSHOT_WORDS) and type(self.tree(statement)).__name__ in WITHOUT_SNAPSHOT:
            return self._command(statement, parameters)
        self.transaction.begin_statement()
        result = self._dispatch(statement, parameters, live)
        if result.columns is not None and not isinstance(result.rows, list) and self.live is None:
            rows = list(result.rows)
            result = Result(result.tag, result.columns, rows, len(rows))
        return result

    def _controls_transactions(self, statement: StatementText) -> bool:
        first = statement.text[:9].lower()
        if not first.startswith(self.database.control_words):
            return False
        tree = self.tree(statement)
        if type(tree).__name__ == "ExtensionStatement":
            return self.registries.extension_statements[tree.name].outside  # type: ignore[attr-defined, no-any-return]
        return type(tree).__name__ in CONTROL

    def _command(self, statement: StatementText, parameters: Sequence[Any] | None) -> Result:
        tree = self.tree(statement)
        if parameters:
            raise unwanted_parameters(parameters)
        return self._executor(tree)(self, tree)  # type: ignore[no-any-return]

    def _executor(self, tree: Any) -> Callable[..., Any]:
        name = type(tree).__name__
        if name == "ExtensionStatement":
            return self._extension_executor(tree)
        executor = self.registries.statements.get(name)
        if executor is None:
            what = f"CREATE {tree.kind.upper()}" if name == "CreateRoutine" else words_of(name)
            raise errors.FeatureNotSupported(f"{what} is not supported", position=tree.position or None)
        if name in DEFINING and self.block.read_only:
            raise errors.ReadOnlySqlTransaction(f"cannot execute {tag_of(tree)} in a read-only transaction")
        if name in UPKEEP and self.database.volume.read_only:
            raise errors.ReadOnlySqlTransaction(
                f"cannot execute {words_of(name)}: the database is open for reading only"
            )
        return executor  # type: ignore[no-any-return]

    def _extension_executor(self, tree: Any) -> Callable[..., Any]:
        registered = self.registries.extension_statements[tree.name]
        if registered.outside:
            self.block.require_healthy()
        check_statement(self, registered, tree.payload)
        if not registered.transactional and self.block.is_explicit:
            raise errors.ActiveSqlTransaction(
                f"{' '.join(registered.words).upper()} cannot run inside a transaction block"
            )
        if not registered.read_only and self.block.read_only:
            raise errors.ReadOnlySqlTransaction(
                f"cannot execute {' '.join(registered.words).upper()} in a read-only transaction"
            )
        executor = self.registries.statements[tree.name]
        return lambda session, statement: executor(session, statement.payload)

    def has_query(self, statement: StatementText) -> bool:
        """Whether a command is around a query, which takes its parameters."""
        tree: Any = self.tree(statement)
        name = type(tree).__name__
        if name == "ExtensionStatement":
            return bool(self.registries.extension_statements[tree.name].with_query)
        return name in WITH_QUERY

    def _dispatch(self, statement: StatementText, parameters: Sequence[Any] | None, live: bool = False) -> Result:
        allow_recursion()
        hints = tuple(map(self.hint, parameters or ()))
        types = statement.types
        self.snapshots = None
        plan = self.cached_plan(statement, hints, parameters or (), types)
        snapshots, self.snapshots = self.snapshots, None
        if plan is None:
            tree = self.tree(statement)
            if not is_query(tree):
                if parameters and not self.has_query(statement):
                    raise unwanted_parameters(parameters)
                outer, self.command_parameters = self.command_parameters, parameters
                try:
                    done: Result = self._executor(tree)(self, tree)
                finally:
                    self.command_parameters = outer
                self.last_plan = None
                return done
            try:
                plan = self.plan(statement, hints, types, parameters or ())
            except errors.IndeterminateDatatype:
                if parameters is None and "$" in statement.text:
                    raise no_parameter(statement.text) from None
                raise
        while not lock_plan(self, plan):
            plan, snapshots = self.plan(statement, hints, types, parameters or ()), None
        if parameters is None and plan.bound.parameter_types:
            raise no_parameter(statement.text)
        datums = self.read_parameters(plan, parameters or ())
        result = self.run_plan(plan, statement.constants, datums, snapshots, live=live)
        # Of this very text: what ran inside of it (functions, EXECUTE, the query of COPY) has texts of its own.
        self.last_plan, self.last_hints = plan, hints
        return _over_domains(result, self.types)

    # -- prepared statements -----------------------------------------------------------------------------------------

    def prepare(self, text: str, types: Sequence[str | None] = ()) -> PreparedStatement:
        """Parse and bind one statement without running it."""
        statements = self._texts(text)
        if len(statements) != 1:
            raise errors.SqlSyntaxError("cannot insert multiple commands into a prepared statement")
        (statement,) = statements
        with self.guarded():
            tree = self.tree(statement)
        if not is_query(tree):
            # Nothing is looked at: that the block has failed is for whoever runs it to say.
            return PreparedStatement(statement, (), None, tuple(types))
        with self.guarded(), self._short_transaction():
            plan = self.plan(statement, types=tuple(types))
            columns = None if plan.columns is None else over_domains(plan.columns, self.types)
            return PreparedStatement(statement, plan.bound.parameter_types, columns, tuple(types))

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
        if self.live is not None:
            self.live.abandon()
        if self.block.is_open:
            self.block.rollback()
        self.unlock_all_advisory()
        self.idle.close()
        self.watch.leave()
        owned = self._temporary_schema is not None and self.owns_temporary_schema
        if owned and self.timeline_is_there and not self.database.closed:
            self.database.drop_temporary_objects(self)
        self.closed = True
        self.points.forget()
        self.database.sessions.pop(self.number, None)
        self.timeline = None
        self.inbox.leave()
        if not self.database.closed:
            self._end()

    def discard(self) -> None:
        """DISCARD ALL: forget prepared statements, cursors, sequences' last values, what functions keep; go to main,
        then to the settings that the session began with. Temporary objects have been dropped."""
        self.memory.clear()
        forget_prepared(self)
        self.cursors.clear()
        self.unlock_all_advisory()
        self.inbox.leave()
        self.sequences = SessionSequences()
        self.timeline = self._temporary_schema = self.past = None
        self.points.forget()
        self._end()
        self.settings.reset_all(in_transaction=False)


def _over_domains(result: Result, types: Any) -> Result:
    """Return the result with columns of domains described as of the types below, as clients expect."""
    if result.columns is None:
        return result
    columns = over_domains(result.columns, types)
    return result if columns is result.columns else Result(result.tag, columns, result.rows, result.row_count)
