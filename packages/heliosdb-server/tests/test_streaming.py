"""Results that are larger than anybody keeps: sent as they come, at the client's pace, and ended when it goes."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from struct import pack
from typing import Any

import asyncpg
import psycopg
import pytest

from heliosdb import EmbeddedDatabase
from heliosdb_server import RunningServer, start_server

ENDLESS = 10_000_000_000
READY = b"Z\0\0\0\5"


@pytest.fixture
def database() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as opened:
        opened.execute("CREATE TABLE t AS SELECT g AS id, 'row ' || g AS name FROM generate_series(1, 30000) g")
        yield opened


@pytest.fixture
def server(database: EmbeddedDatabase) -> Iterator[RunningServer]:
    with start_server(database, port=0) as running:
        yield running


def message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + pack("!i", len(body) + 4) + body


def query(text: str) -> bytes:
    return message(b"Q", text.encode() + b"\0")


def bound(text: str, limit: int) -> bytes:
    """Return Parse, Bind and Execute of the portal p."""
    return (
        message(b"P", b"\0" + text.encode() + b"\0\0\0")
        + message(b"B", b"p\0\0\0\0\0\0\0\0")
        + message(b"E", b"p\0" + pack("!i", limit))
    )


class Raw:
    """A client that reads when it is told to."""

    def __init__(self, server: RunningServer) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=60)
        body = b"\0\3\0\0user\0helios\0\0"
        self.socket.sendall(pack("!i", len(body) + 4) + body)
        self.file = self.socket.makefile("rb")
        self.until_ready()

    def close(self) -> None:
        self.file.close()
        self.socket.close()

    def until_ready(self) -> list[tuple[bytes, bytes]]:
        """Read messages up to ReadyForQuery."""
        found: list[tuple[bytes, bytes]] = []
        file = self.file
        while not found or found[-1][0] != b"Z":
            kind = file.read(1)
            found.append((kind, file.read(int.from_bytes(file.read(4), "big") - 4)))
        return found


@pytest.fixture
def raw(server: RunningServer) -> Iterator[Raw]:
    client = Raw(server)
    yield client
    client.close()


def kinds(found: list[tuple[bytes, bytes]]) -> str:
    """Return the kinds of messages, many of one kind as one."""
    letters = [kind.decode() for kind, _ in found]
    return "".join(letter for place, letter in enumerate(letters) if place == 0 or letters[place - 1] != letter)


def rows(found: list[tuple[bytes, bytes]]) -> int:
    return sum(kind == b"D" for kind, _ in found)


def wait_until(database: EmbeddedDatabase, connections: int) -> None:
    pause = threading.Event()
    for _ in range(3000):
        if len(database.database.sessions) == connections + 1:
            return
        pause.wait(0.01)
    raise AssertionError("the connection is still there")


def test_a_slow_client_holds_up_nobody_and_leaves_nothing(
    server: RunningServer, database: EmbeddedDatabase, raw: Raw
) -> None:
    raw.socket.sendall(query(f"SELECT g, 'text' FROM generate_series(1, {ENDLESS}) g"))
    assert raw.socket.recv(1000).startswith(b"T")
    with psycopg.connect(f"{server.url}app?user=helios", autocommit=True) as other:
        assert other.execute("SELECT count(*) FROM t").fetchone() == (30000,)
        other.execute("UPDATE t SET name = 'x' WHERE id = 1")
    wait_until(database, 1)
    raw.close()
    wait_until(database, 0)
    assert not database.database.store.snapshots.readers
    assert len(database.database.sessions) == 1


def test_a_client_that_goes_in_the_middle_of_a_table_or_a_copy(
    server: RunningServer, database: EmbeddedDatabase
) -> None:
    for text in (
        "SELECT * FROM t, t AS u",
        "BEGIN; SELECT * FROM t, t AS u",
        "COPY (SELECT * FROM t, t AS u) TO STDOUT",
    ):
        client = Raw(server)
        client.socket.sendall(query(text))
        client.socket.recv(100_000)
        client.close()
        wait_until(database, 0)
        assert not database.database.store.snapshots.readers
    assert database.execute("DROP TABLE t") == 0


def test_what_is_being_sent_is_cancelled(server: RunningServer) -> None:
    async def talk() -> None:
        client = await asyncpg.connect(f"{server.url}app", user="helios")
        seen = 0
        async with client.transaction():
            async for _ in client.cursor(f"SELECT * FROM generate_series(1, {ENDLESS})", prefetch=100_000):
                seen += 1
                if seen == 250_000:
                    break
        with pytest.raises(TimeoutError):
            await client.fetch(f"SELECT g % 10 FROM generate_series(1, {ENDLESS}) g", timeout=0.3)
        assert await client.fetchval("SELECT 1") == 1
        await client.close()

    asyncio.run(talk())


def test_an_error_after_many_rows(raw: Raw) -> None:
    raw.socket.sendall(query("SELECT 1 / (20000 - id) FROM t"))
    found = raw.until_ready()
    assert kinds(found) == "TDEZ"
    assert 1_000 < rows(found) < 20_000
    assert b"C22012\0" in found[-2][1]
    assert found[-1][1] == b"I"
    raw.socket.sendall(query("INSERT INTO t VALUES (0, 'x'); SELECT 1 / (20000 - id) FROM t; SELECT 1"))
    found = raw.until_ready()
    assert kinds(found) == "CTDEZ"
    raw.socket.sendall(query("SELECT count(*) FROM t WHERE id = 0"))
    assert raw.until_ready()[1][1].endswith(b"0")


def test_a_portal_goes_on_where_it_stopped(raw: Raw) -> None:
    more = message(b"E", b"p\0" + pack("!i", 10_000))
    raw.socket.sendall(message(b"Q", b"BEGIN\0") + bound("SELECT id FROM t", 10_000) + message(b"S"))
    raw.until_ready()
    found = raw.until_ready()
    assert (kinds(found), rows(found)) == ("12DsZ", 10_000)
    raw.socket.sendall(query("DELETE FROM t; SELECT count(*) FROM t") + more + message(b"S"))
    assert kinds(raw.until_ready()) == "CTDCZ"
    found = raw.until_ready()
    assert (kinds(found), rows(found)) == ("DsZ", 10_000)
    assert found[-3][1].endswith(b"20000")
    # As many as there are: that these were the last ones shows the next time.
    raw.socket.sendall(more + more + message(b"S"))
    found = raw.until_ready()
    assert (kinds(found), rows(found)) == ("DsCZ", 10_000)
    assert found[-2] == (b"C", b"SELECT 0\0")
    raw.socket.sendall(message(b"C", b"Pp\0") + message(b"S") + query("ROLLBACK"))
    assert kinds(raw.until_ready()) == "3Z"
    raw.until_ready()


def test_sync_ends_a_portal_outside_a_block(raw: Raw, database: EmbeddedDatabase) -> None:
    for text in (bound("SELECT id FROM t", 5), bound("SELECT id FROM t", 5) + message(b"H")):
        raw.socket.sendall(text + message(b"S") + message(b"E", b"p\0\0\0\0\0") + message(b"S"))
        found = raw.until_ready()
        assert (kinds(found), rows(found), found[-1][1]) == ("12DsZ", 5, b"I")
        assert not database.database.store.snapshots.readers
        found = raw.until_ready()
        assert kinds(found) == "EZ"
        assert b"C34000\0" in found[0][1]


def test_other_statements_between_two_pieces_of_a_pipeline(raw: Raw) -> None:
    again = message(b"E", b"p\0" + pack("!i", 7_000))
    other = (
        message(b"P", b"\0SELECT count(*) FROM t\0\0\0")
        + message(b"B", b"\0\0\0\0\0\0\0\0")
        + message(b"E", b"\0\0\0\0\0")
    )
    raw.socket.sendall(bound("SELECT id FROM t", 7_000) + other + again + other + again + message(b"S"))
    found = raw.until_ready()
    assert kinds(found) == "12Ds12DCDs12DCDsZ"
    assert rows(found) == 21_002


def test_the_rows_of_every_protocol_are_the_same(server: RunningServer) -> None:
    expected = [(number, f"row {number}") for number in range(1, 30_001)]
    with psycopg.connect(f"{server.url}app?user=helios", autocommit=True) as client:
        for options in ({}, {"prepare": True}, {"binary": True}):
            cursor: Any = client.execute("SELECT id, name FROM t ORDER BY id", **options)
            assert cursor.fetchall() == expected
            assert cursor.statusmessage == "SELECT 30000"
        assert list(client.cursor().stream("SELECT id, name FROM t ORDER BY id")) == expected
        with client.transaction(), client.cursor("c") as cursor:
            cursor.execute("SELECT id, name FROM t ORDER BY id")
            assert list(cursor) == expected
