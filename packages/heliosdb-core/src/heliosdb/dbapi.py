"""PEP 249 in psycopg 3's feel: ``heliosdb.connect()`` gives connections, cursors, row factories.

    with heliosdb.connect(":memory:") as conn:
        conn.execute("CREATE TABLE users (id int PRIMARY KEY, name text)")
        with conn.transaction():
            conn.execute("INSERT INTO users VALUES (%s, %s)", (1, "Alice"))
        name = conn.execute("SELECT name FROM users WHERE id = %(id)s", {"id": 1}).fetchone()[0]

As in psycopg, the first statement begins a transaction, which ``commit`` or leaving the connection's context ends; with
``autocommit=True`` every statement is its own. Parameters are ``%s`` (a sequence), ``%(name)s`` (a mapping) or
PostgreSQL's ``$1``; a text uses one of them. ``%`` means nothing where no parameters are given. Threads may share a
connection: they take turns.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from heliosdb import errors
from heliosdb.catalog.result import Result
from heliosdb.dbapi_notifies import Listening
from heliosdb.dbapi_rows import RowFactory, dict_row, named_row, scalar_row, tuple_row
from heliosdb.dbapi_types import (
    BINARY,
    DATETIME,
    NUMBER,
    ROWID,
    STRING,
    Binary,
    Column,
    Date,
    DateFromTicks,
    Time,
    TimeFromTicks,
    Timestamp,
    TimestampFromTicks,
    described,
)
from heliosdb.errors import (
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    Warning,
)
from heliosdb.placeholders import rewrite, rewrite_many
from heliosdb.rows import loading

if TYPE_CHECKING:
    from types import TracebackType

    from heliosdb.config import Config
    from heliosdb.database import Database
    from heliosdb.dbapi_copy import Copy
    from heliosdb.embedded import EmbeddedDatabase
    from heliosdb.session import Session

__all__ = [
    "BINARY",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "Binary",
    "Column",
    "Connection",
    "Cursor",
    "DataError",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "Warning",
    "apilevel",
    "connect",
    "dict_row",
    "named_row",
    "paramstyle",
    "scalar_row",
    "threadsafety",
    "tuple_row",
]

apilevel = "2.0"
threadsafety = 2
paramstyle = "pyformat"

Parameters = Sequence[Any] | Mapping[str, Any] | None


def connect(
    path: str | EmbeddedDatabase | None = None,
    *,
    config: Config | None = None,
    autocommit: bool = False,
    row_factory: RowFactory = tuple_row,
    plugins: Sequence[Any] | None = None,
    strict: bool = False,
    timeout: float | None = None,
    encryption_key: Any = None,
    branch: str | None = None,
    mode: str | None = None,
) -> Connection:
    """Open a database and a connection to it.

    ``path`` is ``":memory:"`` for a new database in memory, or an open ``EmbeddedDatabase``, which stays open when the
    connection is closed. None: where ``config`` says, else in memory. ``plugins`` None loads the installed plugins, a
    sequence exactly these; ``strict`` raises if one fails. ``timeout`` seconds is the longest a statement of this
    connection may run or wait. ``encryption_key`` and ``mode`` are those of ``Config``, and win over it. ``branch`` is
    where the connection works (package heliosdb-branch).
    """
    with loading():
        # The first connection imports the engine: thousands of objects that stay.
        from heliosdb.config import on_branch, opening
        from heliosdb.database import Database

    if path is None or isinstance(path, str):
        database = Database(
            **opening(path, config, {"encryption_key": encryption_key, "mode": mode}),
            plugins=plugins,
            strict=strict,
            session_settings=on_branch(branch),
        )
        with database.closed_by_failure():
            return Connection(database, owns=True, autocommit=autocommit, row_factory=row_factory, timeout=timeout)
    if not isinstance(getattr(path, "database", None), Database):
        raise InterfaceError(f"path must be a str or an EmbeddedDatabase, not {type(path).__name__}")
    if plugins is not None:
        raise InterfaceError("plugins are chosen when the database is opened")
    if config is not None or strict or encryption_key is not None or mode is not None:
        raise InterfaceError("what is fixed when a database opens cannot be given for an open one")
    return Connection(
        path.database, owns=False, autocommit=autocommit, row_factory=row_factory, timeout=timeout,
        settings=on_branch(branch),
    )  # fmt: skip


class Connection(Listening):
    """A session with PEP 249's interface. As a context manager: commit, or roll back after an error, then close."""

    Warning = Warning
    Error = Error
    InterfaceError = InterfaceError
    DatabaseError = DatabaseError
    DataError = DataError
    OperationalError = OperationalError
    IntegrityError = IntegrityError
    InternalError = InternalError
    ProgrammingError = ProgrammingError
    NotSupportedError = NotSupportedError

    def __init__(
        self,
        database: Database,
        *,
        owns: bool,
        autocommit: bool,
        row_factory: RowFactory,
        timeout: float | None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.database = database
        self.session = database.session(settings=settings)
        self.row_factory = row_factory
        self._owns = owns
        self._autocommit = autocommit
        self._timeout = timeout
        self._lock = threading.RLock()
        self._blocks = 0
        self.copying: Copy | None = None
        self.closed = False

    # -- statements ------------------------------------------------------------------------------------------------

    def cursor(
        self,
        name: str = "",
        *,
        row_factory: RowFactory | None = None,
        scrollable: bool | None = None,
        withhold: bool = False,
    ) -> Cursor:
        """Return a new cursor. With a name its rows stay in the engine until they are fetched."""
        self._require_open()
        if name:
            from heliosdb.dbapi_cursors import ServerCursor

            factory = row_factory or self.row_factory
            return ServerCursor(self, factory, name, scrollable=scrollable, withhold=withhold)
        return Cursor(self, row_factory or self.row_factory)

    @contextmanager
    def working(self, *, begin: bool = True) -> Iterator[Session]:
        """Have the session to oneself, in a transaction where one is due and ``begin``."""
        with self._lock:
            self._require_open()
            if begin and not self._autocommit and not self.session.block.is_open:
                self.session.begin()
            with nullcontext() if self._timeout is None else self.session.time_limit(self._timeout):
                yield self.session

    def begin_copy(self, cursor: Cursor, query: str) -> Copy:
        """Begin a COPY; the connection is the cursor's until ``end_copy``."""
        from heliosdb.dbapi_copy import Copy

        with self.working() as session:
            copy = Copy(cursor, session.copy(query))
        self._lock.acquire()
        self.copying = copy
        return copy

    def end_copy(self, copy: Copy, error: BaseException | None) -> Result | None:
        """End a COPY."""
        if self.copying is not copy:
            return None
        try:
            return copy.finish(error)
        finally:
            self.copying = None
            self._lock.release()

    def execute(self, query: str, params: Parameters = None) -> Cursor:
        """Run a statement on a new cursor and return the cursor."""
        return self.cursor().execute(query, params)

    def executemany(self, query: str, rows: Iterable[Sequence[Any] | Mapping[str, Any]]) -> Cursor:
        """Run a statement for each row of parameters on a new cursor and return the cursor."""
        return self.cursor().executemany(query, rows)

    def run(self, query: str, parameters: Sequence[Any] | None) -> list[Result]:
        """Run a text whose parameters are ``$1``, ... and return the results; begins a transaction where one is due."""
        with self._lock:
            self._require_open()
            session = self.session
            if not self._autocommit and not session.block.is_open and not _controls(query):
                session.begin()
            if self._timeout is None:
                results = session.execute(query, parameters)
            else:
                with session.time_limit(self._timeout):
                    results = session.execute(query, parameters)
            if self._autocommit and len(results) == 1:
                session.points.offer(query, results[0], has_parameters=bool(parameters), searches=True)
            return results

    def run_short(self, query: str, parameters: Sequence[Any]) -> Result | None:
        """Run a point statement (``session/points.py``), whose rows are Python objects then; None: ``run`` has to."""
        with self._lock:
            # With the lock no other thread may begin a transaction.
            short = self.session.points.find(query, parameters) if self._autocommit else None
            if short is None:
                return None
            fast, answer, values = short
            found = fast(values)
        if found.__class__ is list:
            return Result(answer.tag, answer.columns, found, len(found))
        if found is None:
            return None
        return answer if found == answer.row_count else Result(answer.tag, None, (), found)

    def run_many(self, query: str, rows: Sequence[Sequence[Any]]) -> int:
        """Run a statement for many rows of parameters in one transaction; return the rows affected."""
        with self.working() as session:
            return session.execute_many(query, rows)

    # -- transactions ----------------------------------------------------------------------------------------------

    @property
    def autocommit(self) -> bool:
        """Whether every statement is a transaction of its own."""
        return self._autocommit

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        with self._lock:
            if self.session.block.is_open:
                raise errors.ActiveSqlTransaction(
                    "autocommit cannot be changed inside a transaction", hint="Commit or roll back first."
                )
            self._autocommit = bool(value)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self.session.block.is_open

    def commit(self) -> None:
        """Commit the open transaction, if there is one; a failed one is rolled back."""
        with self._lock:
            self._require_open()
            self._refuse_in_block("commit")
            self.session.block.commit()

    def rollback(self) -> None:
        """Roll back the open transaction, if there is one."""
        with self._lock:
            self._require_open()
            self._refuse_in_block("rollback")
            self.session.block.rollback()

    def _refuse_in_block(self, what: str) -> None:
        if self._blocks:
            raise ProgrammingError(f"explicit {what}() is forbidden within a transaction() block")

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Commit what the block did, or roll it back if it raises; inside another transaction it is a savepoint."""
        with self._lock:
            self._require_open()
            block = self.session.block
            outer = block.is_open
            name = f"_heliosdb_{self._blocks + 1}"
            if outer:
                self.session.execute(f'SAVEPOINT "{name}"')
            else:
                self.session.begin()
            self._blocks += 1
            try:
                yield self
            except BaseException:
                self._blocks -= 1
                if outer:
                    self.session.execute(f'ROLLBACK TO SAVEPOINT "{name}"')
                    self.session.execute(f'RELEASE SAVEPOINT "{name}"')
                else:
                    block.rollback()
                raise
            self._blocks -= 1
            if outer:
                self.session.execute(f'RELEASE SAVEPOINT "{name}"')
            elif not block.commit():
                raise errors.InFailedSqlTransaction("the transaction had failed and was rolled back")

    # -- the rest --------------------------------------------------------------------------------------------------

    def cancel(self) -> None:
        """Stop the statement that is running, from any thread."""
        self.session.interrupt()

    @property
    def notices(self) -> list[Any]:
        """The latest notices: objects with severity, message, sqlstate, detail, hint."""
        return self.session.notices

    def create_function(
        self, name: str, arguments: Sequence[str], returns: str, function: Callable[..., Any], *,
        strict: bool = True, volatility: str = "volatile",
    ) -> None:  # fmt: skip
        """Make a Python function callable in SQL on this connection."""
        with self.working(begin=False) as session:
            session.create_function(name, arguments, returns, function, strict=strict, volatility=volatility)

    def close(self) -> None:
        """Close the connection; an open transaction is rolled back. Harmless a second time."""
        if self.closed:
            return
        self.closed = True
        if not self.database.is_own:
            # In a forked child: the session is the parent's.
            return
        self.session.close()
        if self._owns:
            self.database.close()

    def _require_open(self) -> None:
        if self.closed:
            raise InterfaceError("the connection is closed")
        if self.copying is not None:
            raise OperationalError("another command is already in progress: a COPY")
        self.database.require_open()

    def __getattr__(self, name: str) -> Any:
        from heliosdb.database_methods import Runner, method_of

        return method_of(self, name, self.__dict__.get("database"), lambda: Runner(self))

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if not self.closed and (self.session.block.is_open or self.session.idle.is_on):
                if kind is None:
                    self.commit()
                else:
                    self.session.block.rollback()
        finally:
            self.close()


class Cursor:
    """Runs statements and holds the rows of the last one."""

    arraysize = 1

    def __init__(self, connection: Connection, row_factory: RowFactory) -> None:
        self.connection = connection
        self.row_factory = row_factory
        self.result: Result | None = None
        self.closed = False
        self._results: list[Result] = []
        self._rows: list[Any] = []
        self._position = 0
        self._rowcount = -1

    @property
    def description(self) -> list[Column] | None:
        """The columns of the last result (PEP 249), None where it has no rows."""
        if self.result is None or self.result.columns is None:
            return None
        database = self.connection.database
        types = database.registries.types
        if any("#" in column.type for column in self.result.columns):
            types = next(database.types_with(column.type) for column in self.result.columns if "#" in column.type)
        return [described(column, types) for column in self.result.columns]

    @property
    def rowcount(self) -> int:
        """The number of rows the last statement gave or changed; -1 before the first."""
        return self._rowcount

    @property
    def rownumber(self) -> int | None:
        """The number of the next row to be fetched, None without a result."""
        return None if self.result is None or self.result.columns is None else self._position

    @property
    def statusmessage(self) -> str | None:
        """The last statement's command tag, such as ``INSERT 0 1``."""
        return None if self.result is None else self.result.status

    def execute(self, query: str, params: Parameters = None) -> Cursor:
        """Run a statement (or several, without parameters) and return self."""
        self._require_open()
        text, values = rewrite(query, params)
        session = self.connection.session
        if text in session.fast or (session.lifted and not values):
            result = self.connection.run_short(text, values)
            if result is not None:
                self._results = []
                self._hold(result, result.rows)
                return self
        self._take(self.connection.run(text, None if params is None else values))
        return self

    def executemany(self, query: str, rows: Iterable[Sequence[Any] | Mapping[str, Any]]) -> Cursor:
        """Run a statement for each row of parameters, in one transaction; results are counted, rows are not kept."""
        self._require_open()
        self._clear()
        made = rewrite_many(query, rows)
        self._rowcount = 0 if made is None else self.connection.run_many(*made)
        return self

    def copy(self, query: str) -> Copy:
        """Begin a COPY FROM STDIN or TO STDOUT, to be used in a ``with`` statement (``heliosdb.dbapi_copy``)."""
        self._require_open()
        self._clear()
        return self.connection.begin_copy(self, query)

    def end_copy(self, copy: Copy, error: BaseException | None) -> None:
        """End a COPY and keep its result."""
        result = self.connection.end_copy(copy, error)
        if result is not None:
            self._show(result)

    def _clear(self) -> None:
        self.result = None
        self._results = []
        self._rows = []
        self._position = 0
        self._rowcount = -1

    def _take(self, results: list[Result]) -> None:
        self._clear()
        if results:
            self._results = results[1:]
            self._show(results[0])

    def _show(self, result: Result) -> None:
        rows: Iterable[tuple[Any, ...]] = ()
        if result.columns is not None:
            maker = self.connection.database.row_maker(result.columns)
            rows = maker.convert(result.rows, self.connection.session)
        self._hold(result, rows)

    def _hold(self, result: Result, rows: Iterable[tuple[Any, ...]]) -> None:
        """Have a result and its rows, which are Python objects."""
        self.result = result
        self._position = 0
        self._rowcount = -1 if result.row_count is None else result.row_count
        if result.columns is None:
            self._rows = []
        elif self.row_factory is tuple_row:
            self._rows = rows if isinstance(rows, list) else list(rows)
        else:
            make = self.row_factory(self)
            self._rows = [make(row) for row in rows]

    def nextset(self) -> bool | None:
        """Go on to the result of the text's next statement; None where there is none."""
        if not self._results:
            return None
        self._show(self._results.pop(0))
        return True

    def fetchone(self) -> Any:
        """Return the next row, None at the end."""
        rows = self._fetchable()
        if self._position >= len(rows):
            return None
        self._position += 1
        return rows[self._position - 1]

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """Return the next rows, at most ``size`` (``arraysize`` by default)."""
        rows = self._fetchable()
        start = self._position
        count = self.arraysize if size is None else size
        if count < 0:
            raise ProgrammingError("the number of rows to fetch must not be negative")
        self._position = min(len(rows), start + count)
        return rows[start : self._position]

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""
        rows = self._fetchable()
        start, self._position = self._position, len(rows)
        return rows[start:] if start else list(rows)

    def scroll(self, value: int, mode: str = "relative") -> None:
        """Move the position by, or to, a row number; IndexError outside the result."""
        rows = self._fetchable()
        if mode not in ("relative", "absolute"):
            raise ValueError(f"mode must be 'relative' or 'absolute', not {mode!r}")
        target = self._position + value if mode == "relative" else value
        if not 0 <= target < len(rows):
            raise IndexError("position out of bound")
        self._position = target

    def _fetchable(self) -> list[Any]:
        self._require_open()
        if self.result is None or self.result.columns is None:
            raise ProgrammingError("the last operation didn't produce a result")
        return self._rows

    def __iter__(self) -> Iterator[Any]:
        # Not until fetchone gives None: a row factory may make that of a row.
        while self._position < len(self._fetchable()):
            yield self.fetchone()

    def setinputsizes(self, sizes: Sequence[Any]) -> None:
        """Do nothing: PEP 249 allows it, sizes need not be told."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """Do nothing: PEP 249 allows it, values come whole."""

    def close(self) -> None:
        """Forget the rows; the cursor cannot be used any more."""
        self._clear()
        self.closed = True

    def _require_open(self) -> None:
        if self.closed:
            raise InterfaceError("the cursor is closed")
        if self.connection.closed:
            raise InterfaceError("the connection is closed")

    def __enter__(self) -> Cursor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _controls(query: str) -> bool:
    """Whether a text begins, ends or sets a transaction itself, so that none is begun for it."""
    first = query.lstrip()[:12].lower()
    return first.startswith(("begin", "start", "commit", "end", "rollback", "abort"))
