"""LISTEN and NOTIFY by real clients: told at once when idle, else between transactions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import asyncpg
import psycopg
import pytest

from heliosdb import EmbeddedDatabase
from heliosdb_server import RunningServer, start_server


@pytest.fixture
def database() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as opened:
        yield opened


@pytest.fixture
def server(database: EmbeddedDatabase) -> Iterator[RunningServer]:
    with start_server(database, port=0) as running:
        yield running


def test_a_client_that_is_idle_is_told_at_once(server: RunningServer, database: EmbeddedDatabase) -> None:
    async def talk() -> list[Any]:
        listener = await asyncpg.connect(f"{server.url}app", user="helios")
        other = await asyncpg.connect(f"{server.url}app", user="helios")
        heard: asyncio.Queue[Any] = asyncio.Queue()
        await listener.add_listener("a", lambda *told: heard.put_nowait(told[1:]))
        await other.execute("NOTIFY a, 'from a client'")
        found = [await asyncio.wait_for(heard.get(), 30)]
        database.execute("NOTIFY a, 'from inside'")
        found.append(await asyncio.wait_for(heard.get(), 30))
        assert [told[1:] for told in found] == [("a", "from a client"), ("a", "from inside")]
        assert found[0][0] == other.get_server_pid() == await other.fetchval("SELECT pg_backend_pid()")
        assert heard.empty()
        await listener.close()
        await other.execute("NOTIFY a, 'to nobody'")
        await other.close()
        return found

    assert len(asyncio.run(talk())) == 2


def test_a_client_in_a_transaction_is_told_when_it_ends(server: RunningServer, database: EmbeddedDatabase) -> None:
    with psycopg.connect(f"{server.url}app?user=helios", autocommit=True) as client:
        heard: list[tuple[str, str, int]] = []
        client.add_notify_handler(lambda told: heard.append((told.channel, told.payload, told.pid)))
        client.execute("LISTEN a")
        client.execute("NOTIFY a, 'own'")
        assert heard == [("a", "own", client.info.backend_pid)]
        client.execute("BEGIN")
        database.execute("NOTIFY a, 'later'")
        client.execute("SELECT 1")
        assert len(heard) == 1
        client.execute("COMMIT")
        assert [told[1] for told in heard] == ["own", "later"]
        client.execute("NOTIFY a, '1'; SELECT 1; NOTIFY a, '2'")
        assert [told[1] for told in heard[2:]] == ["1", "2"]
        with client.pipeline():
            client.execute("NOTIFY a, '3'")
            client.execute("SELECT 1")
        assert [told[1] for told in heard[4:]] == ["3"]


def test_many_notifications_come_in_order(server: RunningServer, database: EmbeddedDatabase) -> None:
    with psycopg.connect(f"{server.url}app?user=helios", autocommit=True) as client:
        client.execute("LISTEN a")
        for number in range(2_000):
            database.execute(f"NOTIFY a, '{number}'")
        found = [told.payload for told in client.notifies(timeout=60, stop_after=2_000)]
        assert found == [str(number) for number in range(2_000)]
    assert database.query("SELECT pg_notification_queue_usage()") == [(0.0,)]


def test_branches_hear_their_own() -> None:
    with (
        EmbeddedDatabase.new_in_memory(plugins=["branch"]) as database,
        start_server(database, port=0) as running,
        psycopg.connect(f"{running.url}app?user=helios", autocommit=True) as main,
    ):
        database.execute("CREATE BRANCH b")
        with psycopg.connect(f"{running.url}app@b?user=helios", autocommit=True) as branch:
            for client in (main, branch):
                client.execute("LISTEN a")
            main.execute("NOTIFY a, 'main'")
            branch.execute("NOTIFY a, 'branch'")
            for client, heard in ((main, "main"), (branch, "branch")):
                assert [told.payload for told in client.notifies(timeout=0.1)] == [heard]
