"""Statements prepared by the protocol and by SQL are of one kind, as in PostgreSQL: seen, run and forgotten alike."""

from __future__ import annotations

from collections.abc import Iterator
from struct import pack

import pytest

from heliosdb import EmbeddedDatabase
from heliosdb_server.conversation import Conversation
from heliosdb_server.messages import Inbox

SYNC = b"S\0\0\0\x04"


@pytest.fixture
def client() -> Iterator[Conversation]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.execute("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'one')")
        yield Conversation(database.database, "helios", {})


def message(kind: bytes, body: bytes) -> bytes:
    return kind + pack("!i", len(body) + 4) + body


def parse(name: str, text: str) -> bytes:
    return message(b"P", f"{name}\0{text}\0".encode() + b"\0\0") + SYNC


def run(name: str, *values: bytes) -> bytes:
    given = b"".join(pack("!i", len(value)) + value for value in values)
    bind = b"\0" + name.encode() + b"\0\0\0" + pack("!h", len(values)) + given + b"\0\0"
    return message(b"B", bind) + message(b"E", b"\0\0\0\0\0") + SYNC


def query(text: str) -> bytes:
    return message(b"Q", text.encode() + b"\0")


def said(client: Conversation, data: bytes) -> bytes:
    inbox = Inbox(1 << 20)
    inbox.feed(data)
    return b"".join(client.process(inbox.take()))


@pytest.mark.parametrize("text", ["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT a", "SET work_mem = '1MB'", "SHOW work_mem",
                                  "INSERT INTO t VALUES (2, 'x')", "CREATE TABLE u (a int)", ""])  # fmt: skip
def test_values_for_what_takes_none_are_refused_by_bind(client: Conversation, text: str) -> None:
    said(client, parse("s", text))
    found = said(client, run("s", b"1", b"2"))
    assert b'bind message supplies 2 parameters, but prepared statement "s" requires 0' in found
    assert b"C08P01" in found
    assert found.endswith(b"Z\0\0\0\x05I")
    assert not found.startswith(b"2")
    assert client.session.block.status == "I"


def test_a_query_in_a_command_takes_its_values(client: Conversation) -> None:
    said(client, parse("s", "CREATE TABLE u AS SELECT $1::int AS a"))
    assert b"SELECT 1" in said(client, run("s", b"7"))
    assert client.session.execute("TABLE u")[0].rows == [(7,)]


def test_statements_of_the_protocol_are_listed(client: Conversation) -> None:
    said(client, parse("mine", "SELECT v FROM t WHERE id = $1"))
    said(client, parse("empty", ""))
    said(client, parse("", "SELECT 1"))
    said(client, query("PREPARE sql (bigint) AS SELECT $1, $2::text"))
    (listed,) = client.session.execute(
        "SELECT name, statement, parameter_types::text, from_sql, prepare_time BETWEEN now() - interval '1 hour' "
        "AND now() + interval '1 hour' FROM pg_prepared_statements ORDER BY name"
    )
    assert list(listed.rows) == [
        ("empty", "", "{}", False, True),
        ("mine", "SELECT v FROM t WHERE id = $1", "{integer}", False, True),
        ("sql", "PREPARE sql (bigint) AS SELECT $1, $2::text", "{bigint,text}", True, True),
    ]
    said(client, message(b"C", b"Smine\0") + SYNC)
    assert [row[0] for row in client.session.execute("SELECT name FROM pg_prepared_statements")[0].rows] == [
        "sql", "empty",
    ]  # fmt: skip


def test_a_password_is_not_listed(client: Conversation) -> None:
    said(client, parse("s", "CREATE ROLE r PASSWORD 'sEcReT'"))
    ((text,),) = client.session.execute("SELECT statement FROM pg_prepared_statements")[0].rows
    assert text.startswith("CREATE ROLE r PASSWORD")
    assert "sEcReT" not in text


@pytest.mark.parametrize("forget", ["DEALLOCATE s", "DEALLOCATE ALL", "DISCARD ALL"])
def test_sql_forgets_what_the_protocol_prepared(client: Conversation, forget: str) -> None:
    said(client, parse("s", "SELECT v FROM t WHERE id = $1"))
    for _ in range(4):
        assert b"one" in said(client, run("s", b"1"))
    assert b"ERROR" not in said(client, query(forget))
    short = client.answer(run("s", b"1"))
    found = short or said(client, run("s", b"1"))
    assert b'prepared statement "s" does not exist' in found
    assert b"26000" in said(client, query("DEALLOCATE s"))
    assert b"ERROR" not in said(client, parse("s", "SELECT 2"))


def test_a_name_is_taken_by_either(client: Conversation) -> None:
    said(client, parse("s", "SELECT 1"))
    assert b'prepared statement "s" already exists' in said(client, query("PREPARE s AS SELECT 1"))
    said(client, query("PREPARE q AS SELECT 1"))
    assert b'prepared statement "q" already exists' in said(client, parse("q", "SELECT 1"))


def test_execute_runs_what_the_protocol_prepared(client: Conversation) -> None:
    said(client, parse("s", "SELECT v FROM t WHERE id = $1"))
    assert b"one" in said(client, query("EXECUTE s (1)"))
    said(client, parse("b", "BEGIN"))
    assert b"0A000" in said(client, query("EXECUTE b"))
