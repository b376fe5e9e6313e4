"""``connect_async``: the DB-API's connection for asyncio."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import heliosdb
from heliosdb import EmbeddedDatabase
from heliosdb.dbapi_async import AsyncConnection
from heliosdb.errors import (
    DivisionByZero,
    InterfaceError,
    ObjectInUse,
    QueryCanceled,
    UniqueViolation,
)

Talk = Callable[[AsyncConnection], Awaitable[None]]


def talk(function: Talk, **options: Any) -> None:
    """Run a conversation with a database in memory that has a table of ten rows."""

    async def main() -> None:
        async with await heliosdb.connect_async(":memory:", plugins=[], **options) as conn:
            await conn.execute("CREATE TABLE t (id int PRIMARY KEY, name text)")
            await conn.executemany("INSERT INTO t VALUES (%s, %s)", [(n, f"row {n}") for n in range(10)])
            if not conn.autocommit:
                await conn.commit()
            await asyncio.wait_for(function(conn), 60)

    asyncio.run(main())


def test_rows_come_by_every_method() -> None:
    async def use(conn: AsyncConnection) -> None:
        cursor = await conn.execute("SELECT id, name FROM t ORDER BY id")
        assert (cursor.rowcount, cursor.rownumber, cursor.statusmessage) == (10, 0, "SELECT 10")
        assert [column.name for column in cursor.description or ()] == ["id", "name"]
        assert await cursor.fetchone() == (0, "row 0")
        assert await cursor.fetchmany(2) == [(1, "row 1"), (2, "row 2")]
        await cursor.scroll(-1)
        assert [row[0] async for row in cursor] == list(range(2, 10))
        assert await cursor.fetchall() == []
        async with conn.cursor(row_factory=heliosdb.dbapi.dict_row) as other:
            await other.execute("SELECT 1 AS a; SELECT 2 AS b")
            assert await other.fetchone() == {"a": 1}
            assert await other.nextset() is True
            assert await other.fetchone() == {"b": 2}
            assert await other.nextset() is None
        with pytest.raises(InterfaceError, match="the cursor is closed"):
            await other.execute("SELECT 1")
        assert (await conn.execute("SELECT %(x)s::int", {"x": 5})).rowcount == 1

    talk(use)


def test_named_cursors_read_piece_by_piece() -> None:
    async def use(conn: AsyncConnection) -> None:
        async with conn.transaction():
            async with conn.cursor("c") as cursor:
                await cursor.execute("SELECT g FROM generate_series(1, 1000000) g")
                assert await cursor.fetchone() == (1,)
                total = 0
                async for (number,) in cursor:
                    total += number
                    if number == 1000:
                        break
        assert total == sum(range(2, 1001))

    talk(use)


def test_transactions_commit_and_roll_back(tmp_path: Path) -> None:
    path = str(tmp_path / "db")

    async def _both(conn: AsyncConnection, *statements: str) -> None:
        async with conn.transaction():
            for statement in statements:
                await conn.execute(statement)

    async def fail() -> None:
        async with await heliosdb.connect_async(path, plugins=[]) as conn:
            await conn.execute("INSERT INTO t VALUES (6)")
            raise ZeroDivisionError

    async def count(conn: AsyncConnection) -> int:
        return int((await (await conn.execute("SELECT count(*) FROM t")).fetchone())[0])

    async def main() -> None:
        async with await heliosdb.connect_async(path, plugins=[]) as conn:
            await conn.execute("CREATE TABLE t (id int PRIMARY KEY)")
            async with conn.transaction():  # inside of the one that has begun: a savepoint
                await conn.execute("INSERT INTO t VALUES (1)")
            with pytest.raises(UniqueViolation):
                await _both(conn, "INSERT INTO t VALUES (2)", "INSERT INTO t VALUES (1)")
            assert conn.in_transaction
            assert await count(conn) == 1
            await conn.rollback()
            await conn.execute("CREATE TABLE t (id int PRIMARY KEY)")
            await conn.commit()
            await conn.set_autocommit(True)
            assert conn.autocommit
            with pytest.raises(DivisionByZero):
                await _both(conn, "INSERT INTO t VALUES (3)", "SELECT 1 / 0")
            await _both(conn, "INSERT INTO t VALUES (4)", "SELECT 1")
            await conn.set_autocommit(False)
            await conn.execute("INSERT INTO t VALUES (5)")
        assert conn.closed
        await conn.close()
        with pytest.raises(InterfaceError):
            await conn.execute("SELECT 1")
        with pytest.raises(ZeroDivisionError):
            await fail()
        async with await heliosdb.connect_async(path, plugins=[]) as conn:
            assert await (await conn.execute("SELECT id FROM t ORDER BY id")).fetchall() == [(4,), (5,)]
            with pytest.raises(ObjectInUse):
                await heliosdb.connect_async(path, plugins=[])

    asyncio.run(main())


def test_the_loop_goes_on_while_a_statement_runs() -> None:
    async def use(conn: AsyncConnection) -> None:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.001)

        ticking = asyncio.create_task(tick())
        await conn.execute("SELECT pg_sleep(0.3)")
        ticking.cancel()
        assert ticks > 20

    talk(use)


def test_a_task_that_is_cancelled_stops_its_statement() -> None:
    async def use(conn: AsyncConnection) -> None:
        for query in ("SELECT pg_sleep(1000)", "SELECT count(*) FROM generate_series(1, 1000000000000)"):
            running = asyncio.create_task(conn.execute(query))
            waiting = asyncio.create_task(conn.execute("SELECT 1"))
            while not conn.connection.session.current_query:
                await asyncio.sleep(0.001)
            waiting.cancel()  # it has not begun, and the other is not concerned
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert conn.connection.session.current_query == query
            started = time.monotonic()
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            assert time.monotonic() - started < 10
            assert conn.connection.session.current_query == ""
            assert await (await conn.execute("SELECT count(*) FROM t")).fetchone() == (10,)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await conn.execute("SELECT pg_sleep(1000)")
        at_once = asyncio.create_task(conn.execute("SELECT pg_sleep(1000)"))
        await asyncio.sleep(0)
        at_once.cancel()
        with pytest.raises(asyncio.CancelledError):
            await at_once
        stopped = asyncio.create_task(conn.execute("SELECT pg_sleep(1000)"))
        while not conn.connection.session.current_query:
            await asyncio.sleep(0.001)
        conn.cancel()
        with pytest.raises(QueryCanceled):
            await stopped

    talk(use, autocommit=True)


def test_a_cancelled_block_is_rolled_back() -> None:
    async def use(conn: AsyncConnection) -> None:
        async def work() -> None:
            async with conn.transaction():
                await conn.execute("DELETE FROM t")
                await conn.execute("SELECT pg_sleep(1000)")

        working = asyncio.create_task(work())
        while "sleep" not in conn.connection.session.current_query:
            await asyncio.sleep(0.001)
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        assert not conn.in_transaction
        assert await (await conn.execute("SELECT count(*) FROM t")).fetchone() == (10,)

    talk(use, autocommit=True)


def test_look_ups_by_key_are_answered_on_the_loop() -> None:
    async def use(conn: AsyncConnection) -> None:
        query, threads = "SELECT name FROM t WHERE id = %s", []
        inner = conn.cursor().cursor
        execute = type(inner).execute

        def noted(self: Any, *arguments: Any) -> Any:
            threads.append(threading.current_thread() is threading.main_thread())
            return execute(self, *arguments)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(inner), "execute", noted)
            for number in (1, 2, 3, 4, 99):
                row = await (await conn.execute(query, (number,))).fetchone()
                assert row == ((f"row {number}",) if number < 10 else None)
            assert threads == [False, False, True, True, True]
            threads.clear()
            async with conn.transaction():
                await conn.execute("UPDATE t SET name = 'new' WHERE id = 1")
                assert await (await conn.execute(query, (1,))).fetchone() == ("new",)
            await conn.execute("UPDATE t SET name = 'x' WHERE id = %s", (2,))
            await conn.execute("UPDATE t SET name = 'x' WHERE id = %s", (2,))
            await conn.execute("UPDATE t SET name = 'x' WHERE id = %s", (2,))  # it waits for the disk
            assert threads == [False] * 5

    talk(use, autocommit=True)


def test_connections_of_one_database_run_side_by_side() -> None:
    async def main() -> None:
        with EmbeddedDatabase(":memory:", plugins=[]) as database:
            database.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
            database.execute("INSERT INTO t VALUES (1, 0)")

            async def add() -> None:
                async with await heliosdb.connect_async(database, autocommit=True) as conn:
                    for _ in range(20):
                        await conn.execute("UPDATE t SET n = n + 1 WHERE id = 1")

            await asyncio.gather(*(add() for _ in range(5)))
            assert database.query("SELECT n FROM t") == [(100,)]
        with pytest.raises(InterfaceError, match="the database is closed"):
            await heliosdb.connect_async(database)

    asyncio.run(main())


def test_notifications_come_to_the_loop() -> None:
    async def main() -> None:
        with EmbeddedDatabase(":memory:", plugins=[]) as database:
            async with await heliosdb.connect_async(database, autocommit=True) as conn:
                await conn.execute("LISTEN orders")
                database.execute("NOTIFY orders, 'one'")
                said = asyncio.create_task(_gather(conn, stop_after=3))
                await asyncio.sleep(0)
                database.execute("NOTIFY orders, 'two'")
                database.execute("NOTIFY orders, 'three'")
                assert await asyncio.wait_for(said, 60) == ["one", "two", "three"]
                assert await _gather(conn, timeout=0.05) == []

    async def _gather(conn: AsyncConnection, **limits: Any) -> list[str]:
        return [notify.payload async for notify in conn.notifies(**limits)]

    asyncio.run(main())


def test_an_opening_that_is_cancelled_leaves_nothing_open(tmp_path: Path) -> None:
    async def main() -> None:
        for _ in range(5):
            opening = asyncio.create_task(heliosdb.connect_async(str(tmp_path / "db"), plugins=[]))
            await asyncio.sleep(0.002)
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening
            async with await heliosdb.connect_async(str(tmp_path / "db"), plugins=[]) as conn:
                await conn.execute("SELECT 1")

    asyncio.run(asyncio.wait_for(main(), 60))
