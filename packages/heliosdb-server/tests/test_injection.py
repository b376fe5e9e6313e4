"""Names come from clients by many doors. In each they are names: they stand for themselves, or are refused, and no part
of them is ever a statement."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from struct import pack
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql

from heliosdb import EmbeddedDatabase
from heliosdb_server import RunningServer, start_server

HOSTILE = [
    '"; DROP TABLE canary; --',
    "'; DROP TABLE canary; --",
    "x'); DROP TABLE canary; --",
    '"',
    '""',
    "'",
    "''",
    "\\",
    "\\'; DROP TABLE canary; --",
    "$$; DROP TABLE canary; $$",
    "$1",
    "%s %I %L %",
    "{0}{canary}",
    "/* */ -- ",
    "a\nb\r\tc",
    "canary; --\n",
    "public.canary",
    "*",
    "SELECT",
    "é日本🦉",
    "\u202e\u0000"[:1],
    "' || (SELECT secret FROM canary) || '",
    "x" * 63,
]


@pytest.fixture(scope="module")
def database() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=["branch"]) as opened:
        opened.execute("CREATE TABLE canary (secret text PRIMARY KEY); INSERT INTO canary VALUES ('song')")
        yield opened


@pytest.fixture(scope="module")
def server(database: EmbeddedDatabase) -> Iterator[RunningServer]:
    with start_server(database, port=0) as running:
        yield running


@pytest.fixture(autouse=True)
def sings(database: EmbeddedDatabase) -> Iterator[None]:
    before = objects(database)
    yield
    assert database.query("SELECT secret FROM canary") == [("song",)]
    assert objects(database) == before


def objects(database: EmbeddedDatabase) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in database.query("SELECT relname FROM pg_class ORDER BY 1")]


def connect(server: RunningServer, **options: Any) -> Any:
    where: dict[str, Any] = {"host": "127.0.0.1", "port": server.port, "user": "helios", "dbname": "app"}
    return psycopg.connect(**where | options, autocommit=True)


@pytest.mark.parametrize("name", HOSTILE)
def test_users(database: EmbeddedDatabase, server: RunningServer, name: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        connect(server, user=name)
    with connect(server) as client:
        client.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
    with connect(server, user=name) as client:
        assert client.execute("SELECT current_user, session_user").fetchone() == (name, name)
        assert client.info.parameter_status("session_authorization") == name
    with connect(server) as client:
        client.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@pytest.mark.parametrize("name", HOSTILE)
def test_the_first_users(database: EmbeddedDatabase, name: str) -> None:
    with start_server(database, port=0, auth="password", users={name: name}) as server:
        with connect(server, user=name, password=name) as client:
            assert client.execute("SELECT current_user").fetchone() == (name,)
    with start_server(database, port=0) as server, connect(server) as client:
        client.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@pytest.mark.parametrize("name", HOSTILE)
def test_databases_and_branches(database: EmbeddedDatabase, server: RunningServer, name: str) -> None:
    with connect(server, dbname=name.replace("@", "")) as client:
        assert client.execute("SELECT secret FROM canary").fetchone() == ("song",)
    with pytest.raises(psycopg.OperationalError):
        connect(server, dbname=f"app@{name}")
    with suppress(psycopg.Error), connect(server) as client:
        client.execute(sql.SQL("CREATE BRANCH {}").format(sql.Identifier(name)))
        with connect(server, dbname=f"app@{name}") as other:
            other.execute("UPDATE canary SET secret = 'of the branch'")
            assert other.execute("SELECT secret FROM canary").fetchone() == ("of the branch",)
        client.execute(sql.SQL("DROP BRANCH {}").format(sql.Identifier(name)))


@pytest.mark.parametrize("name", HOSTILE)
def test_settings(server: RunningServer, name: str) -> None:
    with connect(server, application_name=name) as client:
        assert client.execute("SELECT current_setting('application_name')").fetchone() == (shown(name),)
    written = name.replace("\\", "\\\\").replace(" ", "\\ ").replace("\n", "\\\n").replace("\t", "\\\t")
    for options in (f"-c application_name={written}", f"-c search_path={written}", f"-c {written}=1", written):
        with suppress(psycopg.OperationalError), connect(server, options=options) as client:
            assert client.execute("SELECT 1").fetchone() == (1,)


def shown(name: str) -> str:
    """Return a name as ``application_name`` keeps it, which has printable ASCII alone."""
    return "".join(chr(byte) if 32 <= byte < 127 else "?" for byte in name.encode())


def talk(server: RunningServer, *messages: tuple[bytes, bytes]) -> bytes:
    body = b"user\0helios\0\0"
    sent = pack("!ii", len(body) + 8, 3 << 16) + body
    sent += b"".join(kind + pack("!i", len(text) + 4) + text for kind, text in messages)
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(1 << 16), b""))


@pytest.mark.parametrize("name", HOSTILE)
def test_statements_and_portals_of_the_protocol(server: RunningServer, name: str) -> None:
    text = name.encode()
    answer = talk(
        server,
        (b"P", text + b"\0SELECT $1::text AS a\0\0\0"),
        (b"B", text + b"\0" + text + b"\0\0\0" + pack("!hi", 1, len(text)) + text + b"\0\0"),
        (b"E", text + b"\0\0\0\0\0"),
        (b"S", b""),
    )
    row = pack("!hi", 1, len(text)) + text
    assert answer.count(b"D" + pack("!i", len(row) + 4) + row) == 1
    missing = talk(server, (b"D", b"S" + text + b"\0"), (b"S", b""))
    assert b"C26000\0" in missing


@pytest.mark.parametrize("name", HOSTILE)
def test_names_in_statements(server: RunningServer, name: str) -> None:
    quoted = sql.Identifier(name)
    with connect(server) as client:
        client.execute(sql.SQL("PREPARE {} AS SELECT secret FROM canary").format(quoted))
        assert client.execute(sql.SQL("EXECUTE {}").format(quoted)).fetchone() == ("song",)
        client.execute(sql.SQL("DEALLOCATE {}").format(quoted))
        with client.transaction():
            client.execute(sql.SQL("DECLARE {} CURSOR FOR SELECT secret FROM canary").format(quoted))
            assert client.execute(sql.SQL("FETCH 1 FROM {}").format(quoted)).fetchone() == ("song",)
            client.execute(sql.SQL("SAVEPOINT {}").format(quoted))
            client.execute(sql.SQL("ROLLBACK TO {}").format(quoted))
        client.execute(sql.SQL("LISTEN {}").format(quoted))
        client.execute("SELECT pg_notify(%s, %s)", (name, name))
        (notify,) = client.notifies(timeout=20, stop_after=1)
        assert (notify.channel, notify.payload) == (name, name)
        client.execute(sql.SQL("UNLISTEN {}").format(quoted))


@pytest.mark.parametrize("name", HOSTILE)
def test_copy(server: RunningServer, name: str) -> None:
    quoted = sql.Identifier(name)
    with connect(server) as client:
        client.execute(sql.SQL("CREATE TEMP TABLE {0} ({0} text)").format(quoted))
        with client.cursor() as cursor:
            with cursor.copy(sql.SQL("COPY {0} ({0}) FROM STDIN").format(quoted)) as copy:
                copy.write_row((name,))
            with cursor.copy(sql.SQL("COPY {0} TO STDOUT").format(quoted)) as copy:
                assert list(copy.rows()) == [(name,)]
            for option in ("DELIMITER", "NULL"):
                with (
                    suppress(psycopg.Error),
                    cursor.copy(
                        sql.SQL("COPY {0} TO STDOUT WITH (FORMAT csv, {1} {2})").format(
                            quoted, sql.SQL(option), sql.Literal(name)
                        )
                    ) as copy,
                ):
                    b"".join(copy)
        client.execute(sql.SQL("DROP TABLE {}").format(quoted))


words = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=20)


@settings(max_examples=60, deadline=None)
@given(words, words, words, words)
def test_any_words(server: RunningServer, user: str, name: str, application: str, options: str) -> None:
    with (
        suppress(psycopg.Error),
        connect(server, user=user, dbname=name, application_name=application, options=options) as client,
    ):
        client.execute("SELECT 1")
    with connect(server, application_name=application) as client:
        assert client.execute("SHOW application_name").fetchone() == (shown(application),)
