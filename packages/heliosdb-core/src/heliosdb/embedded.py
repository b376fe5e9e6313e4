"""The embedded API: a database in this process, in five methods.

    db = EmbeddedDatabase.new_in_memory()
    db.execute("CREATE TABLE users (id int PRIMARY KEY, name text)")
    db.execute("INSERT INTO users VALUES ($1, $2)", (1, "Alice"))
    db.query("SELECT name FROM users WHERE id = $1", (1,))[0]["name"]

    with db.begin_transaction() as tx:
        tx.execute("UPDATE users SET name = 'Bob' WHERE id = 1")
        tx.commit()

The database has one default session, on which ``SET`` and ``BEGIN`` act; threads that use it take turns.
``begin_transaction`` opens a session of its own, so transactions of several threads run side by side.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

from heliosdb import errors
from heliosdb.config import on_branch, opening
from heliosdb.database import Database
from heliosdb.database_methods import method_of
from heliosdb.rows import Row, RowMaker
from heliosdb.session.notifications import notifies

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from heliosdb.catalog.result import Result
    from heliosdb.config import Config
    from heliosdb.session import PreparedStatement, Session
    from heliosdb.session.copying import Readable
    from heliosdb.session.notifications import Notify
    from heliosdb.session.streaming import Stream

__all__ = ["EmbeddedDatabase", "RowStream", "Statement", "Transaction"]

T = TypeVar("T")

ISOLATION_LEVELS = ("read committed", "repeatable read", "serializable")


class _Handle:
    """What the database and a transaction share: running statements on a session, one thread at a time."""

    def __init__(self, database: Database, session: Session) -> None:
        self._database = database
        self._session = session
        self._lock = threading.RLock()
        self._streams: WeakSet[Stream] = WeakSet()

    def _run(self, sql: str, params: Sequence[Any], timeout: float | None) -> list[Result]:
        self._database.require_open()
        if isinstance(params, str | bytes) or not isinstance(params, Sequence):
            raise errors.InterfaceError(f"params must be a sequence of values, not {type(params).__name__}")
        with self._lock:
            if timeout is None:
                return self._session.execute(sql, params)
            with self._session.time_limit(timeout):
                return self._session.execute(sql, params)

    def _short(self, sql: str, params: Sequence[Any]) -> Any:
        """Run a point statement (``session/points.py``); None: the ordinary way has to."""
        fast = self._session.fast.get(sql)
        if fast is not None:
            return fast(params)
        if params.__class__ is tuple and not params and (found := self._session.points.find_lifted(sql)) is not None:
            lifted, constants = found
            return lifted.run(constants)
        return None

    def execute(self, sql: str, params: Sequence[Any] = (), *, timeout: float | None = None) -> int:
        """Run one statement, or several without parameters, and return the number of rows affected.

        For several statements it is the sum. ``params`` are the values of ``$1``, ``$2``, ...; ``timeout`` is in
        seconds.
        """
        count = self._short(sql, params)
        if count.__class__ is int:
            return count
        if count is not None:
            return len(count)
        with self._lock:
            results = self._run(sql, params, timeout)
            if len(results) == 1 and results[0].columns is None:
                self._session.points.offer(sql, results[0], has_parameters=bool(params))
        return sum(result.row_count or 0 for result in results)

    def query(self, sql: str, params: Sequence[Any] = (), *, timeout: float | None = None) -> list[Row]:
        """Run one statement and return its rows (of several statements, the last one's)."""
        rows = self._short(sql, params)
        if rows.__class__ is list:
            return rows
        if rows is not None:
            # An UPDATE: it is done.
            return []
        # What is offered is the plan of the last run, so nobody may run another statement in between.
        with self._lock:
            results = self._run(sql, params, timeout)
            if not results or results[-1].columns is None:
                return []
            result = results[-1]
            maker = self._row_maker(result)
            if len(results) == 1:
                self._session.points.offer(sql, result, maker, has_parameters=bool(params), searches=True)
        return maker.pack(result.rows, self._session)  # type: ignore[arg-type]

    def _row_maker(self, result: Result) -> RowMaker:
        assert result.columns is not None
        return self._database.row_maker(result.columns)

    def stream(self, sql: str, params: Sequence[Any] = (), *, timeout: float | None = None) -> RowStream:
        """Run a query and return an iterator over its rows, which are read as they are asked for.

        It shows what is there now, holds no more than a batch of rows, and other statements may run meanwhile.
        Exhaust it, close it, or use it as a context manager; ``timeout`` is for all of it.
        """
        self._require_usable()
        with self._lock:
            stream = self._session.stream(sql, params, timeout=timeout)
            self._streams.add(stream)
        return RowStream(self, stream)

    def copy_from(self, sql: str, source: str | bytes | Iterable[str | bytes] | Readable) -> int:
        """Run ``COPY table FROM STDIN ...`` on text, bytes, an open file or an iterable of pieces; return the number of
        rows.
        """
        self._require_usable()
        with self._lock:
            return self._session.copy_from(sql, source)

    def copy_to(self, sql: str, write: Callable[[Any], object]) -> int:
        """Run ``COPY ... TO STDOUT ...`` and give the output to ``write`` piece by piece (str, in binary bytes); return
        the number of rows."""
        self._require_usable()
        with self._lock:
            return self._session.copy_to(sql, write)

    def _require_usable(self) -> None:
        self._database.require_open()

    def prepare(self, sql: str) -> Statement:
        """Parse and bind a statement once, to run it many times."""
        self._require_usable()
        with self._lock:
            return Statement(self, sql, self._session.prepare(sql))

    def notifies(self, *, timeout: float | None = None, stop_after: int | None = None) -> Iterator[Notify]:
        """Yield what NOTIFY announces on channels that this handle listens to, waiting for it (``dbapi_notifies``)."""
        self._require_usable()
        return notifies(self._session.inbox, timeout, stop_after)

    def interrupt(self) -> None:
        """Stop what is running on this handle, from any thread, open streams too: it raises QueryCanceled (57014)."""
        self._session.interrupt()
        for stream in list(self._streams):
            stream.interrupt()

    @property
    def notices(self) -> list[Any]:
        """The latest notices of the session: objects with severity, message, sqlstate, detail, hint."""
        return self._session.notices

    def query_arrow(self, sql: str, params: Sequence[Any] = ()) -> Any:
        """Run a query and return a ``pyarrow.Table`` (needs pyarrow)."""
        from heliosdb.exchange import to_arrow

        return self._exchange(sql, params, to_arrow)

    def query_pandas(self, sql: str, params: Sequence[Any] = ()) -> Any:
        """Run a query and return a ``pandas.DataFrame`` (needs pandas)."""
        from heliosdb.exchange import to_pandas

        return self._exchange(sql, params, to_pandas)

    def query_polars(self, sql: str, params: Sequence[Any] = ()) -> Any:
        """Run a query and return a ``polars.DataFrame`` (needs polars)."""
        from heliosdb.exchange import to_polars

        return self._exchange(sql, params, to_polars)

    def _exchange(self, sql: str, params: Sequence[Any], convert: Callable[..., Any]) -> Any:
        results = self._run(sql, params, None)
        if not results:
            raise errors.ProgrammingError("an empty statement returns no rows")
        result = results[-1]
        if result.columns is None:
            raise errors.ProgrammingError(f"{result.tag} returns no rows")
        return convert(result, self._session)

    def insert_frame(self, table: str, frame: Any) -> int:
        """Insert the rows of a pyarrow Table, a pandas or a Polars DataFrame into a table, by column name; return
        their number.
        """
        from heliosdb.exchange import insert_frame

        self._require_usable()
        with self._lock:
            return insert_frame(self._session, table, frame)


class Statement:
    """A prepared statement of a database or a transaction."""

    def __init__(self, handle: _Handle, sql: str, prepared: PreparedStatement) -> None:
        self._handle = handle
        self._sql = sql
        self._prepared = prepared

    @property
    def columns(self) -> tuple[str, ...] | None:
        """The names of the result's columns, None where the statement returns no rows."""
        columns = self._prepared.columns
        return None if columns is None else tuple(column.name for column in columns)

    @property
    def parameter_types(self) -> tuple[str, ...]:
        """The internal type names of ``$1``, ``$2``, ..."""
        return self._prepared.parameter_types

    def query(self, params: Sequence[Any] = (), *, timeout: float | None = None) -> list[Row]:
        """Run it with these values and return its rows."""
        return self._handle.query(self._sql, params, timeout=timeout)

    def execute(self, params: Sequence[Any] = (), *, timeout: float | None = None) -> int:
        """Run it with these values and return the number of rows affected."""
        return self._handle.execute(self._sql, params, timeout=timeout)

    def execute_many(self, rows: Sequence[Sequence[Any]]) -> int:
        """Run it once for each sequence of values, in one transaction; return the total of rows affected."""
        handle = self._handle
        handle._require_usable()
        with handle._lock:
            return handle._session.execute_many(self._sql, rows)


class RowStream:
    """The rows of a query, one after the other. ``columns`` are their names."""

    def __init__(self, handle: _Handle, stream: Stream) -> None:
        self._handle = handle
        self._stream = stream
        self._maker = handle._database.row_maker(stream.columns)
        self._rows: Iterator[Row] = iter(())

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self._stream.columns)

    def __iter__(self) -> RowStream:
        return self

    def __next__(self) -> Row:
        for row in self._rows:
            return row
        with self._handle._lock:
            self._rows = iter(self._maker.pack(next(self._stream), self._handle._session))
        return next(self._rows)

    def close(self) -> None:
        """Stop, and let go of the snapshot. Harmless a second time."""
        with self._handle._lock:
            self._rows = iter(())
            self._stream.close()

    def __enter__(self) -> RowStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Transaction(_Handle):
    """A transaction with a session of its own. As a context manager it rolls back what was not committed."""

    def __init__(self, database: Database, session: Session, isolation: str | None, read_only: bool | None) -> None:
        super().__init__(database, session)
        session.begin(isolation, read_only)
        self._open = True

    def commit(self) -> None:
        """Make the changes permanent. A failed transaction raises InFailedSqlTransaction, and is rolled back."""
        with self._lock:
            self._require_open()
            failed = self._session.block.status == "E"
            try:
                self._session.block.commit()
            finally:
                self._finish()
        if failed:
            raise errors.InFailedSqlTransaction("the transaction had failed and was rolled back")

    def rollback(self) -> None:
        """Undo everything. Harmless after the end."""
        if not self._database.is_own:
            # In a forked child there is nothing of the parent's that could be undone.
            self._open = False
            return
        with self._lock:
            if self._open:
                try:
                    self._session.block.rollback()
                finally:
                    self._finish()

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo what the block did if it raises; the transaction itself goes on."""
        name = f"sp_{self._session.block.depth}"
        self.execute(f'SAVEPOINT "{name}"')
        try:
            yield
        except BaseException:
            self.execute(f'ROLLBACK TO SAVEPOINT "{name}"')
            self.execute(f'RELEASE SAVEPOINT "{name}"')
            raise
        self.execute(f'RELEASE SAVEPOINT "{name}"')

    def _run(self, sql: str, params: Sequence[Any], timeout: float | None) -> list[Result]:
        self._require_open()
        results = super()._run(sql, params, timeout)
        if not self._session.block.is_open:
            # COMMIT or ROLLBACK was written as SQL.
            self._finish()
        return results

    def _require_usable(self) -> None:
        super()._require_usable()
        self._require_open()

    def _require_open(self) -> None:
        self._database.require_open()
        if not self._open:
            raise errors.NoActiveSqlTransaction("the transaction has ended")

    def _finish(self) -> None:
        self._open = False
        self._session.close()

    def __enter__(self) -> Transaction:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.rollback()


class EmbeddedDatabase(_Handle):
    """A database in this process. Close it, or use it as a context manager."""

    def __init__(
        self,
        path: str | None,
        *,
        config: Config | None = None,
        plugins: Sequence[Any] | None = None,
        strict: bool = False,
        encryption_key: Any = None,
        branch: str | None = None,
        mode: str | None = None,
    ) -> None:
        """Open the database at ``path``; ``":memory:"`` makes a new one in memory. None: where the configuration says.

        ``plugins`` None loads the installed ones, a sequence (of modules or names) exactly these. ``strict`` raises
        when a plugin fails to load, instead of noting it in ``heliosdb_plugins``. ``encryption_key``
        is that of ``Config``, and wins over it. ``branch`` is what its sessions begin with as the setting
        ``heliosdb.branch``, which the package heliosdb-branch has. ``mode`` "hybrid" has it serve PostgreSQL's clients,
        too, until it is closed, which the package heliosdb-server has.
        """
        database = Database(
            **opening(path, config, {"encryption_key": encryption_key, "mode": mode}),
            plugins=plugins,
            strict=strict,
            session_settings=on_branch(branch),
        )
        with database.closed_by_failure():
            super().__init__(database, database.session(isolation="repeatable read"))

    @classmethod
    def new(cls, path: str) -> EmbeddedDatabase:
        """Open or create the database at ``path``."""
        return cls(path)

    @classmethod
    def new_in_memory(cls, *, plugins: Sequence[Any] | None = None, strict: bool = False) -> EmbeddedDatabase:
        """Make a database in memory; it is gone when it is closed."""
        return cls(":memory:", plugins=plugins, strict=strict)

    @classmethod
    def new_branch(cls, path: str, branch: str) -> EmbeddedDatabase:
        """Open the database at ``path`` on a branch of it."""
        return cls(path, branch=branch)

    @classmethod
    def with_config(cls, path: str | None, config: Config) -> EmbeddedDatabase:
        """Open the database at ``path`` (None: where the configuration says) with a ``heliosdb.Config``."""
        return cls(path, config=config)

    @property
    def database(self) -> Database:
        """The engine below, for plugins and tools."""
        return self._database

    def session(self, **options: Any) -> Session:
        """Open another session of this database, the engine's own interface."""
        return self._database.session(**options)

    def begin_transaction(self, *, isolation: str | None = None, read_only: bool | None = None) -> Transaction:
        """Begin a transaction on a session of its own, with this database's settings.

        ``isolation`` is "read committed", "repeatable read" (the default, snapshot isolation) or "serializable".
        """
        self._database.require_open()
        if isolation is not None and isolation not in ISOLATION_LEVELS:
            raise errors.InvalidParameterValue(
                f'isolation must be one of {", ".join(ISOLATION_LEVELS)}, not "{isolation}"'
            )
        with self._lock:
            return Transaction(self._database, self._session.fork(), isolation, read_only)

    def run(self, function: Callable[[Transaction], T], retries: int = 5) -> T:
        """Run ``function(transaction)`` and commit; on a conflict (40001, 40P01) roll back and run it again.

        At most ``retries`` times again; then the last conflict is raised. Return what the function returned.
        """
        tries = 0
        while True:
            try:
                with self.begin_transaction() as transaction:
                    result = function(transaction)
                    transaction.commit()
                    return result
            except (errors.SerializationFailure, errors.DeadlockDetected):
                tries += 1
                if tries > retries:
                    raise

    def create_function(
        self,
        name: str,
        arguments: Sequence[str],
        returns: str,
        function: Callable[..., Any],
        *,
        strict: bool = True,
        volatility: str = "volatile",
    ) -> None:
        """Make a Python function callable in SQL on this database's handles, until it is closed.

        ``arguments`` and ``returns`` are SQL type names; the function gets and returns Python objects. ``strict``:
        NULL arguments give NULL without a call. ``volatility`` "immutable" or "stable" allows the planner to call it
        less often.
        """
        self._require_usable()
        with self._lock:
            self._session.create_function(name, arguments, returns, function, strict=strict, volatility=volatility)

    def close(self) -> None:
        """Close the database; open transactions are rolled back. Harmless a second time."""
        self._database.close()

    def __getattr__(self, name: str) -> Any:
        return method_of(self, name, self.__dict__.get("_database"), lambda: self)

    def __enter__(self) -> EmbeddedDatabase:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
