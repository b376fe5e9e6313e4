"""Whole conversations of a client that is broken, or hostile: whatever it sends, in whatever pieces, the server answers
with messages or hangs up, says nothing of internal errors, and serves the next one.

FUZZ_EXAMPLES says how many conversations are tried.
"""

from __future__ import annotations

import gc
import logging
import os
import socket
from collections.abc import Iterator
from itertools import pairwise
from struct import pack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heliosdb import EmbeddedDatabase
from heliosdb_server import RunningServer, start_server
from heliosdb_server.messages import Inbox

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "150"))
fuzz = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

KINDS = frozenset(b"RKSZTtDCEN123nsIcdGHAvV")
"""What a server may say."""


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with (
        EmbeddedDatabase.new_in_memory(plugins=[]) as database,
        start_server(database, port=0, max_message_size=1 << 20, authentication_timeout=10) as running,
    ):
        database.execute("CREATE TABLE t (a int PRIMARY KEY, b text); INSERT INTO t VALUES (1, 'one'), (2, 'two')")
        yield running


def framed(body: bytes) -> bytes:
    return pack("!i", len(body) + 4) + body


def said(kind: bytes, body: bytes) -> bytes:
    return kind + framed(body)


STARTUP = framed(b"\0\3\0\0user\0helios\0database\0app\0\0")
SSL, GSS = framed(pack("!i", 80877103)), framed(pack("!i", 80877104))
CANCEL = framed(pack("!iii", 80877102, 1, 2))

names = st.sampled_from([b"", b"s", b"p", b'"', b"'; DROP TABLE t; --", b"\xff", b"x" * 300])
texts = st.sampled_from(
    [
        b"SELECT $1::int, b FROM t WHERE a = $1",
        b"SELECT a FROM t WHERE a = $1::int4",
        b"INSERT INTO t VALUES ($1, $2) ON CONFLICT DO NOTHING",
        b"SELECT g FROM generate_series(1, 3) g",
        b"BEGIN",
        b"COMMIT",
        b"ROLLBACK",
        b"COPY t FROM STDIN",
        b"COPY t FROM STDIN WITH (FORMAT binary)",
        b"COPY t TO STDOUT",
        b"COPY t TO STDOUT WITH (FORMAT binary)",
        b"DECLARE p CURSOR WITH HOLD FOR SELECT * FROM t",
        b"FETCH 1 FROM p",
        b"LISTEN s",
        b"NOTIFY s, 'x'",
        b"SELECT 1; SELECT 2",
        b"SELECT 1 / 0",
        b"SET statement_timeout = 1000",
        b"DISCARD ALL",
        b"EXECUTE s(1)",
        b"",
        b";",
        b"SELEC",
        b"\xff",
    ]
)
counts = st.one_of(st.integers(0, 3), st.sampled_from([-1, 0x7FFF, -0x8000, 100]))
lengths = st.one_of(st.integers(-2, 8), st.sampled_from([0x7FFFFFFF, -0x80000000, 1 << 20]))
values = st.tuples(lengths, st.binary(max_size=8)).map(lambda pair: pack("!i", pair[0]) + pair[1])
whole = st.one_of(
    st.just(pack("!i", -1)),
    st.sampled_from([b"1", b"\0\0\0\1", b"x"]).map(lambda value: pack("!i", len(value)) + value),
)
oids = st.sampled_from([0, 23, 25, 705, 17, 1700, -1, 99999]).map(lambda oid: pack("!i", oid))


def many(items: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Items behind their number, which mostly is right."""
    right = st.lists(items, max_size=3).map(lambda found: pack("!h", len(found)) + b"".join(found))
    wrong = st.tuples(counts, st.lists(items, max_size=3)).map(lambda both: pack("!h", both[0]) + b"".join(both[1]))
    return st.one_of(right, right, wrong)


formats = many(st.sampled_from([0, 1, 2, -1]).map(lambda form: pack("!h", form)))
bodies: dict[bytes, st.SearchStrategy[bytes]] = {
    b"Q": texts.map(lambda text: text + b"\0"),
    b"P": st.tuples(names, texts, many(oids)).map(lambda p: p[0] + b"\0" + p[1] + b"\0" + p[2]),
    b"B": st.tuples(names, names, formats, many(st.one_of(whole, whole, values)), formats).map(
        lambda p: p[0] + b"\0" + p[1] + b"\0" + p[2] + p[3] + p[4]
    ),
    b"D": st.tuples(st.sampled_from([b"S", b"P", b"X"]), names).map(lambda p: p[0] + p[1] + b"\0"),
    b"E": st.tuples(names, st.sampled_from([0, 1, -1, 0x7FFFFFFF])).map(lambda p: p[0] + b"\0" + pack("!i", p[1])),
    b"C": st.tuples(st.sampled_from([b"S", b"P", b""]), names).map(lambda p: p[0] + p[1] + b"\0"),
    b"S": st.just(b""),
    b"H": st.just(b""),
    b"d": st.sampled_from([b"3\tthree\n", b"3", b"\\.\n", b"PGCOPY\n\xff\r\n\0" + b"\0" * 8, b"\xff\xff", b"\0" * 30]),
    b"c": st.just(b""),
    b"f": st.just(b"no\0"),
    b"F": st.just(b"\0" * 10),
    b"p": st.just(b"secret\0"),
    b"X": st.just(b""),
    b"!": st.binary(max_size=4),
}
ordinary = [*(kind for kind in bodies if kind not in (b"X", b"!", b"p", b"F")), b"Q", b"P", b"B", b"E", b"S", b"S"]


@st.composite
def message(draw: st.DrawFn) -> bytes:
    """A message; one in five has something wrong with it."""
    kind = draw(st.sampled_from(ordinary)) if draw(st.integers(0, 9)) else draw(st.sampled_from(list(bodies)))
    body = draw(bodies[kind])
    fault = draw(st.sampled_from(["none"] * 16 + ["short", "long", "bits", "length"]))
    if fault == "short":
        body = body[: draw(st.integers(0, max(len(body) - 1, 0)))]
    elif fault == "long":
        body += draw(st.binary(min_size=1, max_size=6))
    elif fault == "bits" and body:
        at = draw(st.integers(0, len(body) - 1))
        body = body[:at] + bytes([body[at] ^ draw(st.integers(1, 255))]) + body[at + 1 :]
    elif fault == "length":
        return kind + pack("!i", draw(st.sampled_from([-1, 0, 3, 5, 1 << 19, 1 << 20, 0x7FFFFFFF]))) + body
    return said(kind, body)


beginnings = st.one_of(
    st.just(STARTUP),
    st.just(STARTUP),
    st.just(STARTUP),
    st.lists(st.sampled_from([SSL, GSS, STARTUP, STARTUP, CANCEL]), max_size=4).map(b"".join),
    st.tuples(st.binary(max_size=30), st.sampled_from([0, 0x30000, 0x30002, 0x40000, 80877103])).map(
        lambda pair: framed(pack("!i", pair[1]) + pair[0])
    ),
    st.binary(max_size=40),
)


def talk(server: RunningServer, pieces: list[bytes]) -> bytes:
    """Send pieces, one packet each, say that no more come; return all that is answered.

    Nothing is returned where the server has hung up on what was still being sent: TCP then drops what it had answered.
    """
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        found = b""
        try:
            for piece in pieces:
                client.sendall(piece)
            client.shutdown(socket.SHUT_WR)
            while piece := client.recv(1 << 16):
                found += piece
        except OSError:
            return b""
    return found


def cut(data: bytes, places: list[int]) -> list[bytes]:
    at = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(at)]


def kinds_of(answer: bytes) -> bytes:
    """Return the types of messages, which must be whole ones of a server."""
    answer = answer.lstrip(b"N") if answer[:2] in (b"N", b"NR", b"NE", b"NN") else answer
    inbox = Inbox(1 << 30)
    inbox.feed(answer)
    found = inbox.take()
    assert inbox.is_empty
    assert {each.kind[0] for each in found} <= KINDS
    for each in found:
        if each.kind == b"E":
            fields = {field[:1]: field[1:] for field in each.body.split(b"\0") if field}
            assert fields[b"C"][:2] not in (b"XX",), fields
    return b"".join(each.kind for each in found)


def serves(server: RunningServer) -> bool:
    answer = talk(server, [STARTUP + said(b"Q", b"SELECT 42 AS a\0")])
    return answer.count(b"\0\0\0\x0242") == 1


@fuzz
@given(beginnings, st.lists(message(), max_size=12), st.lists(st.integers(0, 1 << 16), max_size=4))
def test_any_conversation_ends_in_order(
    server: RunningServer, caplog: pytest.LogCaptureFixture, begin: bytes, sent: list[bytes], places: list[int]
) -> None:
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="heliosdb"):
        answer = talk(server, cut(begin + b"".join(sent), places))
        kinds = kinds_of(answer)
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
    if begin == STARTUP and (answer or not any(each[:1] == b"X" for each in sent)):
        assert kinds.startswith(b"RK")
    assert serves(server)


@fuzz
@given(st.lists(message(), max_size=8), st.sampled_from([b"Q", b"P", b"B"]))
def test_a_known_client_is_told_in_whole_messages_and_goes_on_behind_sync(
    server: RunningServer, sent: list[bytes], kind: bytes
) -> None:
    good = [each for each in sent if each[:1] in b"QPBDECSH" and int.from_bytes(each[1:5], "big") == len(each) - 1]
    query = b"SELECT 'still here'\0"
    answer = talk(server, [STARTUP, b"".join(good), said(b"c", b"") + said(b"S", b"") + said(b"Q", b"ROLLBACK\0")])
    assert kinds_of(answer)[-1:] == b"Z"
    ending = talk(server, [STARTUP + b"".join(good) + said(b"f", b"\0") + said(b"S", b"") + said(b"Q", query)])
    assert b"still here" in ending or b"C25P02\0" in ending


@given(st.lists(st.tuples(st.integers(1, 255), st.binary(max_size=30)), max_size=8), st.lists(st.integers(0, 400)))
def test_messages_are_the_same_however_they_come(sent: list[tuple[int, bytes]], places: list[int]) -> None:
    messages = [(bytes([kind]), body) for kind, body in sent]
    inbox = Inbox(1 << 20)
    found = []
    for piece in cut(b"".join(said(kind, body) for kind, body in messages), places):
        inbox.feed(piece)
        found += [tuple(each) for each in inbox.take()]
    assert found == messages
    assert inbox.is_empty


@pytest.mark.parametrize(
    "flood",
    [
        said(b"S", b"") * 20_000,
        said(b"H", b"") * 20_000,
        said(b"P", b"\0SELECT 1\0\0\0") * 500,
        said(b"C", b"Snobody\0") * 20_000,
        said(b"d", b"x" * 100) * 5_000,
        said(b"Q", b"\0") * 5_000,
        b"".join(said(b"P", b"s%d\0SELECT 1\0\0\0" % number) for number in range(1000)) + said(b"S", b""),
        said(b"B", b"\0nobody\0\0\0\xff\xff") * 5_000 + said(b"S", b""),
    ],
)
def test_floods_are_answered_and_leave_nothing(server: RunningServer, flood: bytes) -> None:
    assert kinds_of(talk(server, [STARTUP, flood])).startswith(b"RK")
    gc.collect()
    before = rss()
    for _ in range(3):
        talk(server, [STARTUP, flood])
    gc.collect()
    assert rss() - before < 24 << 20
    assert serves(server)


def rss() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


@pytest.mark.parametrize(
    "body",
    [
        b"\0s\0\0\0\0\0\0\0",
        b"\0none\0\0\0\0\0\0\0",
        b"\0begin\0\0\0\0\0\0\0",
        b"\0insert\0\0\0" + pack("!hi", 1, -1) + b"\0\0",
        b"\0insert\0\0\0" + pack("!hiii", 3, -1, -1, -1) + b"\0\0",
        b"\0s\0" + pack("!h", -1),
        b"\0s\0" + pack("!h", 0) + pack("!h", -1) + b"\0\0",
        b"\0s\0" + pack("!hh", 0, 0x7FFF) + pack("!i", 1),
        b"\0s\0" + pack("!hhi", 0, 1, -2) + pack("!h", 0),
        b"\0s\0" + pack("!hhi", 0, 1, 0x7FFFFFFF) + b"1" + pack("!h", 0),
        b"\0s\0" + pack("!hhi", 0, 1, 1) + b"1" + pack("!h", -1),
        b"\0s\0" + pack("!hhi", 0, 1, 1) + b"1" + pack("!h", 0) + b"rest",
        b"\0s",
        b"",
    ],
)
def test_absurd_counts_are_protocol_violations(server: RunningServer, body: bytes) -> None:
    declared = pack("!hii", 2, 23, 25)
    made = {b"s": b"SELECT $1::int\0\0\0", b"none": b"\0" + declared, b"begin": b"BEGIN\0" + declared}
    made[b"insert"] = b"INSERT INTO t VALUES ($1, $2)\0\0\0"
    sent = b"".join(said(b"P", name + b"\0" + text) for name, text in made.items())
    sent += said(b"B", body) + said(b"E", b"\0\0\0\0\0") + said(b"S", b"")
    answer = talk(server, [STARTUP + sent + said(b"Q", b"SELECT 'still here'\0")])
    assert b"C08P01\0" in answer
    assert b"still here" in answer
