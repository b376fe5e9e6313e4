"""``await heliosdb.connect_async()``: connections for asyncio, over the same engine in the same process.

    async with await heliosdb.connect_async("app.db") as conn:
        async with conn.transaction():
            await conn.execute("INSERT INTO users VALUES (%s, %s)", (1, "Alice"))
        async for name, in await conn.execute("SELECT name FROM users"):
            print(name)

It is ``heliosdb.connect``'s connection (``dbapi``) with ``await`` before what may take its time; what that says of
parameters, transactions and errors holds here. A statement runs in the one thread of its connection, so that the loop
goes on; a look-up by key that the session has a function for (``session/points.py``) takes less time than the way to
the thread and back, waits for nobody, and is answered on the loop itself.

A task that is cancelled while its statement runs stops the statement, and ends when that has stopped. A connection is
one session: tasks that share one take turns by the statement, and are in one another's transactions.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from heliosdb.dbapi import Connection, Cursor, connect
from heliosdb.dbapi_cursors import ServerCursor
from heliosdb.dbapi_rows import RowFactory, tuple_row
from heliosdb.placeholders import rewrite

if TYPE_CHECKING:
    from types import TracebackType

    from heliosdb.config import Config
    from heliosdb.dbapi import Parameters
    from heliosdb.dbapi_types import Column
    from heliosdb.embedded import EmbeddedDatabase
    from heliosdb.session.notifications import Notify

__all__ = ["AsyncConnection", "AsyncCursor", "connect_async"]

T = TypeVar("T")

PAUSE = 0.01
"""Seconds between two attempts to stop a statement, which may not have begun yet."""


async def connect_async(
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
) -> AsyncConnection:
    """Open a database and a connection to it, for asyncio; the arguments are those of ``heliosdb.connect``."""
    opened = AsyncConnection()
    await opened.open(
        partial(
            connect, path, config=config, autocommit=autocommit, row_factory=row_factory, plugins=plugins,
            strict=strict, timeout=timeout, encryption_key=encryption_key, branch=branch, mode=mode,
        )
    )  # fmt: skip
    return opened


async def _finished(work: asyncio.Future[Any], timeout: float | None = None) -> None:
    """Wait for something whatever happens to the task: it has been cancelled, and once is enough."""
    while not work.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait({work}, timeout=timeout)
            if timeout is not None:
                return


class AsyncConnection:
    """A connection for asyncio. As an asynchronous context manager: commit, or roll back after an error, then close."""

    _connection: Connection

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="heliosdb-async")
        self._turn = asyncio.Lock()

    async def open(self, make: Callable[[], Connection]) -> None:
        """Make the connection below; where the task is cancelled meanwhile, close it again."""
        loop = asyncio.get_running_loop()
        opening = loop.run_in_executor(self._thread, make)
        try:
            self._connection = await asyncio.shield(opening)
        except asyncio.CancelledError:
            await _finished(opening)
            if opening.exception() is None:
                await _finished(loop.run_in_executor(self._thread, opening.result().close))
            self._thread.shutdown(wait=False)
            raise
        except BaseException:
            self._thread.shutdown(wait=False)
            raise

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function in the connection's thread, when it is its turn. A task that is cancelled stops the
        statement."""
        async with self._turn:
            done = asyncio.get_running_loop().run_in_executor(self._thread, partial(function, *arguments))
            try:
                return await asyncio.shield(done)
            except asyncio.CancelledError:
                await self._stop(done)
                raise

    async def _stop(self, done: asyncio.Future[Any]) -> None:
        while not done.done():
            self._connection.cancel()
            await _finished(done, PAUSE)
        if not done.cancelled():
            done.exception()  # of what nobody waits for any more

    def answers_at_once(self, query: str, params: Parameters) -> bool:
        """Whether a query is a look-up by key that has become a function, and nothing else is about."""
        connection = self._connection
        if self._turn.locked() or not connection.autocommit or connection.closed:
            return False
        text, _ = rewrite(query, params)
        found = connection.session.points.answers.get(text)
        return found is not None and found.tag == "SELECT" and text in connection.session.fast

    # -- statements --------------------------------------------------------------------------------------------------

    def cursor(
        self,
        name: str = "",
        *,
        row_factory: RowFactory | None = None,
        scrollable: bool | None = None,
        withhold: bool = False,
    ) -> AsyncCursor:
        """Return a new cursor. With a name its rows stay in the engine until they are fetched."""
        made = self._connection.cursor(name, row_factory=row_factory, scrollable=scrollable, withhold=withhold)
        return AsyncCursor(self, made)

    async def execute(self, query: str, params: Parameters = None) -> AsyncCursor:
        """Run a statement on a new cursor and return the cursor."""
        return await self.cursor().execute(query, params)

    async def executemany(self, query: str, rows: Iterable[Sequence[Any] | Mapping[str, Any]]) -> AsyncCursor:
        """Run a statement for each row of parameters on a new cursor and return the cursor."""
        return await self.cursor().executemany(query, rows)

    # -- transactions ------------------------------------------------------------------------------------------------

    @property
    def autocommit(self) -> bool:
        """Whether every statement is a transaction of its own."""
        return self._connection.autocommit

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._connection.in_transaction

    async def set_autocommit(self, value: bool) -> None:
        """Have every statement be a transaction of its own, or not; ActiveSqlTransaction inside of one."""
        await self.run(setattr, self._connection, "autocommit", value)

    async def commit(self) -> None:
        """Commit the open transaction, if there is one; a failed one is rolled back."""
        await self.run(self._connection.commit)

    async def rollback(self) -> None:
        """Roll back the open transaction, if there is one."""
        await self.run(self._connection.rollback)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Commit what the block did, or roll it back if it raises; inside another transaction it is a savepoint."""
        block = self._connection.transaction()
        await self.run(block.__enter__)
        try:
            yield self
        except BaseException as error:
            await self.run(block.__exit__, type(error), error, error.__traceback__)
            raise
        await self.run(block.__exit__, None, None, None)

    # -- the rest ----------------------------------------------------------------------------------------------------

    @property
    def connection(self) -> Connection:
        """The connection below, whose methods make the loop wait."""
        return self._connection

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self._connection.closed

    @property
    def notices(self) -> list[Any]:
        """The latest notices: objects with severity, message, sqlstate, detail, hint."""
        return self._connection.notices

    def cancel(self) -> None:
        """Stop the statement that is running, from any thread."""
        self._connection.cancel()

    async def notifies(self, *, timeout: float | None = None, stop_after: int | None = None) -> AsyncIterator[Notify]:
        """Yield notifications as they come, as ``heliosdb.connect``'s connections do; ``timeout`` seconds for all."""
        loop, arrived = asyncio.get_running_loop(), asyncio.Event()
        inbox = self._connection.session.inbox
        until = None if timeout is None else loop.time() + timeout
        before, inbox.on_arrival = inbox.on_arrival, partial(loop.call_soon_threadsafe, arrived.set)
        taken = 0
        try:
            while True:
                arrived.clear()
                left = None if stop_after is None else stop_after - taken
                for notify in list(self._connection.notifies(timeout=0, stop_after=left)):
                    taken += 1
                    yield notify
                if taken == stop_after:
                    return
                try:
                    async with asyncio.timeout_at(until):
                        await arrived.wait()
                except TimeoutError:
                    return
        finally:
            inbox.on_arrival = before

    async def close(self) -> None:
        """Close the connection; an open transaction is rolled back. Harmless a second time."""
        if not self.closed:
            await self.run(self._connection.close)
            self._thread.shutdown(wait=False)

    async def __aenter__(self) -> AsyncConnection:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.closed:
            try:
                await self.run(self._connection.__exit__, kind, error, trace)
            finally:
                self._thread.shutdown(wait=False)


class AsyncCursor:
    """Runs statements and holds the rows of the last one, as ``dbapi.Cursor`` does."""

    def __init__(self, connection: AsyncConnection, cursor: Cursor) -> None:
        self.connection = connection
        self.cursor = cursor
        self._is_named = isinstance(cursor, ServerCursor)

    @property
    def description(self) -> list[Column] | None:
        """The columns of the last result (PEP 249), None where it has no rows."""
        return self.cursor.description

    @property
    def rowcount(self) -> int:
        """The number of rows the last statement gave or changed; -1 before the first."""
        return self.cursor.rowcount

    @property
    def rownumber(self) -> int | None:
        """The number of the next row to be fetched, None without a result."""
        return self.cursor.rownumber

    @property
    def statusmessage(self) -> str | None:
        """The last statement's command tag, such as ``INSERT 0 1``."""
        return self.cursor.statusmessage

    async def execute(self, query: str, params: Parameters = None) -> AsyncCursor:
        """Run a statement (or several, without parameters) and return self."""
        if not self._is_named and self.connection.answers_at_once(query, params):
            self.cursor.execute(query, params)
        else:
            await self.connection.run(self.cursor.execute, query, params)
        return self

    async def executemany(self, query: str, rows: Iterable[Sequence[Any] | Mapping[str, Any]]) -> AsyncCursor:
        """Run a statement for each row of parameters, in one transaction; results are counted, rows are not kept."""
        await self.connection.run(self.cursor.executemany, query, rows)
        return self

    async def _take(self, function: Callable[..., T], *arguments: Any) -> T:
        # Rows of a cursor without a name are there already.
        return await self.connection.run(function, *arguments) if self._is_named else function(*arguments)

    async def fetchone(self) -> Any:
        """Return the next row, None at the end."""
        return await self._take(self.cursor.fetchone)

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        """Return the next rows, at most ``size`` (``arraysize`` by default)."""
        return await self._take(self.cursor.fetchmany, size)

    async def fetchall(self) -> list[Any]:
        """Return all rows that are left."""
        return await self._take(self.cursor.fetchall)

    async def scroll(self, value: int, mode: str = "relative") -> None:
        """Move the position by, or to, a row number."""
        await self._take(self.cursor.scroll, value, mode)

    async def nextset(self) -> bool | None:
        """Go on to the result of the text's next statement; None where there is none."""
        return await self._take(self.cursor.nextset)

    async def __aiter__(self) -> AsyncIterator[Any]:
        if isinstance(self.cursor, ServerCursor):
            while rows := await self.fetchmany(self.cursor.itersize):
                for row in rows:
                    yield row
        else:
            for row in self.cursor:
                yield row

    async def close(self) -> None:
        """Forget the rows; the cursor cannot be used any more."""
        await self._take(self.cursor.close)

    async def __aenter__(self) -> AsyncCursor:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
