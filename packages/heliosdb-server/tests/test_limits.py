"""What one client may take of the server: places, time, memory. The others are served meanwhile."""

from __future__ import annotations

import gc
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from struct import pack
from typing import Any

import psycopg
import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.errors import InvalidParameterValue
from heliosdb_server import RunningServer, start_server
from heliosdb_server.conversation import Conversation

STARTUP = pack("!ii", 21, 3 << 16) + b"user\0helios\0\0"
SSL = pack("!ii", 8, 80877103)


@pytest.fixture(scope="module")
def database() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as opened:
        yield opened


def opened(server: RunningServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=20)


def everything(client: socket.socket) -> bytes:
    """Return what the server still says until it hangs up."""
    found = b""
    try:
        while piece := client.recv(1 << 16):
            found += piece
    except ConnectionError:
        pass
    return found


def works(server: RunningServer) -> bool:
    with psycopg.connect(f"{server.url}app?user=helios") as client:
        return bool(client.execute("SELECT 42").fetchone() == (42,))


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread does; the test's own time limit ends it."""
    tick = threading.Event()
    while not condition():
        tick.wait(0.01)


@pytest.mark.parametrize(
    "begin", [b"", STARTUP[:7], SSL[:3], pack("!ii", 5000, 3 << 16) + b"user\0", SSL, SSL + b"\x16\x03\x01"]
)
def test_who_does_not_say_who_it_is_in_time_is_dropped(database: EmbeddedDatabase, begin: bytes) -> None:
    with start_server(database, port=0, authentication_timeout=0.3) as server, opened(server) as client:
        client.sendall(begin)
        started = time.monotonic()
        assert everything(client) in (b"", b"N")
        assert time.monotonic() - started < 10
        assert works(server)


@pytest.mark.parametrize("then", [b"", b"\x16\x03\x01\x02\x00\x01\x00", b"p\0\0\0\x05\0"])
def test_half_a_handshake_is_dropped(database: EmbeddedDatabase, authority: Any, then: bytes) -> None:
    cert, key = authority.sign("server")
    with start_server(database, port=0, authentication_timeout=0.5, tls_cert=cert, tls_key=key) as server:
        with opened(server) as client:
            client.sendall(SSL)
            assert client.recv(1) == b"S"
            client.sendall(then)
            everything(client)
        assert works(server)


def test_who_does_not_give_a_password_in_time_is_dropped(database: EmbeddedDatabase) -> None:
    for auth in ("password", "md5", "scram-sha-256"):
        with start_server(database, port=0, auth=auth, users={"me": "x"}, authentication_timeout=0.3) as server:
            with opened(server) as client:
                client.sendall(STARTUP)
                assert everything(client)[:1] == b"R"


def test_a_session_that_begins_too_late_is_ended(database: EmbeddedDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on, closed = threading.Event(), threading.Event()
    begin, end = Conversation.__init__, Conversation.close

    def slow(self: Conversation, *arguments: Any, **options: Any) -> None:
        goes_on.wait()
        begin(self, *arguments, **options)

    def close(self: Conversation) -> None:
        end(self)
        closed.set()

    monkeypatch.setattr(Conversation, "__init__", slow)
    monkeypatch.setattr(Conversation, "close", close)
    with start_server(database, port=0, authentication_timeout=0.2, max_connections=1) as server:
        with opened(server) as client:
            client.sendall(STARTUP)
            until(lambda: server.get_status().active_connections == 1)
            until(lambda: server.get_status().active_connections == 0)
            goes_on.set()
            assert everything(client) == b""
            assert closed.wait(20)
        assert works(server)


def test_places_are_limited_and_come_back(database: EmbeddedDatabase) -> None:
    with start_server(database, port=0, max_connections=2) as server:
        for _ in range(3):
            with ExitStack() as held:
                clients = [held.enter_context(opened(server)) for _ in range(2)]
                for client in clients:
                    client.sendall(STARTUP)
                until(lambda: server.get_status().active_connections == 2)
                with opened(server) as third:
                    third.sendall(STARTUP)
                    assert b"C53300\0" in everything(third)
            until(lambda: server.get_status().active_connections == 0)


def test_clients_on_their_way_in_are_limited(database: EmbeddedDatabase) -> None:
    with start_server(database, port=0, max_connections=3) as server, ExitStack() as held:
        with psycopg.connect(f"{server.url}app?user=helios") as known:
            silent = [held.enter_context(opened(server)) for _ in range(64)]
            with opened(server) as one_more:
                assert b"C53300\0" in everything(one_more)
            assert known.execute("SELECT 1").fetchone() == (1,)
            for client in silent:
                client.close()
            until(lambda: _is_let_in(server))


def _is_let_in(server: RunningServer) -> bool:
    try:
        return works(server)
    except psycopg.OperationalError:
        return False


def test_messages_are_small_before_a_client_is_known(database: EmbeddedDatabase) -> None:
    with start_server(database, port=0, auth="password", users={"me": "x"}) as server:
        with opened(server) as client:
            client.sendall(pack("!ii", 10_001, 3 << 16))
            assert b"C08P01\0" in everything(client)
        for length, code in ((65_535, b"C28P01\0"), (65_536, b"C54000\0"), (1 << 30, b"C54000\0")):
            with opened(server) as client:
                client.sendall(STARTUP + b"p" + pack("!i", length) + b"y" * min(length - 5, 70_000) + b"\0")
                client.shutdown(socket.SHUT_WR)
                assert code in everything(client)


def test_memory_is_not_taken_on_somebodys_word(database: EmbeddedDatabase) -> None:
    with start_server(database, port=0) as server, ExitStack() as held:
        before = rss()
        for _ in range(30):
            client = held.enter_context(opened(server))
            client.sendall(STARTUP + b"Q" + pack("!i", 1 << 28) + b"SELECT 1")
        until(lambda: server.get_status().active_connections == 30)
        gc.collect()
        assert rss() - before < 64 << 20
        assert works(server)


def rss() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


def test_who_does_not_read_does_not_hold_up_the_end(database: EmbeddedDatabase) -> None:
    with start_server(database, port=0) as server, ExitStack() as held:
        query = b"SELECT repeat('x', 1000) FROM generate_series(1, 100000)\0"
        for _ in range(3):
            client = held.enter_context(opened(server))
            client.sendall(STARTUP + b"Q" + pack("!i", len(query) + 4) + query)
        until(lambda: server.get_status().active_connections == 3)
        writers = [connection.writer.transport for connection in server._server.connections.values()]
        until(lambda: all(writer.get_write_buffer_size() > 1 << 16 for writer in writers))
        started = time.monotonic()
        server.stop()
        assert time.monotonic() - started < 30


def test_a_failure_of_the_server_is_told_and_logged(
    database: EmbeddedDatabase, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(self: Conversation, body: Any) -> Any:
        raise RuntimeError("of the test")

    with start_server(database, port=0) as server:
        with opened(server) as client, monkeypatch.context() as patch:
            patch.setattr(Conversation, "_query", broken)
            client.sendall(STARTUP + b"Q" + pack("!i", 13) + b"SELECT 1\0")
            answer = everything(client)
        assert b"SFATAL\0" in answer
        assert b"CXX000\0" in answer
        assert b"of the test" not in answer
        assert works(server)
    assert "of the test" in caplog.text


def test_who_is_refused_is_logged_without_secrets(database: EmbeddedDatabase, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "heliosdb")
    with start_server(database, port=0, auth="password", users={"me": "x"}) as server:
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(host="127.0.0.1", port=server.port, user="who\nIN", password="top secret", dbname="app")
    (line,) = [each.getMessage() for each in caplog.records if "hung up" in each.getMessage()]
    assert "127.0.0.1" in line
    assert 'password authentication failed for user "who\\nIN"' in line
    assert "top secret" not in caplog.text


def test_options_of_tcp(database: EmbeddedDatabase) -> None:
    options: dict[str, Any] = {"tcp_keepalives_idle": 77, "tcp_keepalives_interval": 7, "tcp_keepalives_count": 3}
    with start_server(database, port=0, tcp_user_timeout=1.5, **options) as server, opened(server) as client:
        client.sendall(STARTUP)
        until(lambda: server.get_status().active_connections == 1)
        (connection,) = server._server.connections.values()
        kept = connection.writer.get_extra_info("socket")
        assert kept.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert [
            kept.getsockopt(socket.IPPROTO_TCP, number)
            for number in (
                socket.TCP_KEEPIDLE,
                socket.TCP_KEEPINTVL,
                socket.TCP_KEEPCNT,
                socket.TCP_USER_TIMEOUT,
            )
        ] == [77, 7, 3, 1500]
    for wrong in ({"tcp_keepalives_idle": -1}, {"tcp_keepalives_count": 128}, {"tcp_user_timeout": float("nan")}):
        with pytest.raises(InvalidParameterValue, match="out of range"):
            start_server(database, port=0, **wrong)
