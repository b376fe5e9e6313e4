"""What no client should send: the connection answers 08P01 or closes, and the next one is served."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from struct import pack

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliosdb import EmbeddedDatabase
from heliosdb.errors import CharacterNotInRepertoire, ProtocolViolation
from heliosdb_server import RunningServer, start_server
from heliosdb_server.messages import Body, Inbox


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with (
        EmbeddedDatabase.new_in_memory(plugins=[]) as database,
        start_server(database, port=0, max_message_size=1 << 20, authentication_timeout=5) as running,
    ):
        yield running


STARTUP = b"\0\3\0\0user\0helios\0\0"


def framed(body: bytes) -> bytes:
    return pack("!i", len(body) + 4) + body


def said(kind: bytes, body: bytes) -> bytes:
    return kind + framed(body)


def talk(server: RunningServer, data: bytes) -> bytes:
    """Send bytes, say that no more come, and return everything that is answered."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        found = b""
        while piece := client.recv(1 << 16):
            found += piece
    return found


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (framed(b"\0\2\0\0"), b"C0A000"),
        (framed(b"\0\3\0\0user\0me"), b"C08P01"),
        (framed(b"\0\3\0\0\0"), b"C28000"),
        (pack("!i", 3) + b"xxxx", b"C08P01"),
        (pack("!i", 1 << 30) + b"xxxx", b"C08P01"),
        (framed(b"\0\3\0\0user\0helios\0replication\0database\0\0"), b"C0A000"),
        (framed(b"\0\3\0\0user\0helios\0options\0-c nobody\0\0"), b"C42601"),
        (framed(b"\0\3\0\0user\0helios\0statement_timeout\0soon\0\0"), b"C22023"),
        (framed(STARTUP) + said(b"!", b""), b"C08P01"),
        (framed(STARTUP) + b"Q" + pack("!i", 2), b"C08P01"),
        (framed(STARTUP) + b"Q" + pack("!i", 1 << 29), b"C54000"),
        (framed(STARTUP) + said(b"Q", b"SELECT 1"), b"C08P01"),
        (framed(STARTUP) + said(b"Q", b"SELECT '\xff'\0"), b"C22021"),
        (framed(STARTUP) + said(b"B", b"\0nobody\0\0\0\0\0\0\0") + said(b"S", b""), b"C26000"),
        (framed(STARTUP) + said(b"E", b"nobody\0\0\0\0\0") + said(b"S", b""), b"C34000"),
        (framed(STARTUP) + said(b"P", b"\0SELECT 1\0\xff\xff") + said(b"S", b""), b"C08P01"),
        (framed(STARTUP) + said(b"P", b"\0SELECT 1; SELECT 2\0\0\0") + said(b"S", b""), b"C42601"),
        (framed(STARTUP) + said(b"D", b"X\0") + said(b"S", b""), b"C08P01"),
        (framed(STARTUP) + said(b"F", b""), b"C0A000"),
    ],
)
def test_what_makes_no_sense_is_an_error(server: RunningServer, data: bytes, code: bytes) -> None:
    assert code + b"\0" in talk(server, data)


def test_a_statement_too_long_is_refused_and_not_kept(server: RunningServer) -> None:
    answer = talk(server, framed(STARTUP) + said(b"Q", b"SELECT 1" + b" " * (2 << 20) + b"\0"))
    assert b"C54000\0" in answer
    assert b"FATAL" in answer


def test_a_cancellation_with_a_wrong_secret_says_nothing(server: RunningServer) -> None:
    with psycopg.connect(f"{server.url}app?user=helios") as client:
        for number in (client.info.backend_pid, 0, -1):
            assert talk(server, framed(pack("!iii", 80877102, number, 12345))) == b""
        assert client.execute("SELECT 1").fetchone() == (1,)


def test_requests_for_encryption_that_is_not_there_are_declined(server: RunningServer) -> None:
    assert talk(server, framed(pack("!i", 80877103)) + framed(pack("!i", 80877104)) + framed(STARTUP))[:3] == b"NNR"


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(b"QPBDECHSFXdcfp!"), st.binary(max_size=40)), max_size=8), st.binary(max_size=20)
)
def test_random_messages_do_no_harm(server: RunningServer, sent: list[tuple[int, bytes]], rest: bytes) -> None:
    data = framed(STARTUP) + b"".join(said(bytes([kind]), body) for kind, body in sent) + rest
    answer = talk(server, data)
    inbox = Inbox(1 << 30)
    inbox.feed(answer)
    kinds = b"".join(message.kind for message in inbox.take())
    assert kinds.startswith(b"RK")
    assert inbox.is_empty
    assert talk(server, framed(STARTUP) + said(b"Q", b"SELECT 42 AS a\0")).count(b"\0\0\0\x0242") == 1


@given(st.binary(max_size=60))
def test_a_body_is_read_or_refused(data: bytes) -> None:
    for read in (Body.text, Body.int2, Body.int4, Body.count, Body.value, Body.byte):
        with suppress(ProtocolViolation, CharacterNotInRepertoire):
            read(Body(data))


def test_a_cursor_is_executed_and_closed_as_a_portal(server: RunningServer) -> None:
    name = b'x"; DROP TABLE x; --\0'
    declare = b'DECLARE "x""; DROP TABLE x; --" CURSOR FOR SELECT g FROM generate_series(1, 3) g\0'
    execute = said(b"E", name + pack("!i", 2))
    rows = b"".join(said(b"D", pack("!hi", 1, 1) + digit) for digit in (b"1", b"2"))
    answer = talk(
        server,
        framed(STARTUP)
        + said(b"Q", b"BEGIN\0")
        + said(b"Q", declare)
        + said(b"D", b"P" + name)
        + execute * 2
        + said(b"C", b"P" + name)
        + execute
        + said(b"S", b"")
        + said(b"X", b""),
    )
    assert rows + said(b"s", b"") + said(b"D", pack("!hi", 1, 1) + b"3") + said(b"C", b"SELECT 1\0") in answer
    assert said(b"3", b"") + b"E" in answer
    assert b"C34000\0" in answer
