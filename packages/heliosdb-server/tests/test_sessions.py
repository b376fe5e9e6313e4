"""Clients' sessions as others see them, and ends that others or limits put to them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from heliosdb import EmbeddedDatabase
from heliosdb_server import RunningServer, start_server
from server_processes import ServerProcess, run

PATIENCE = 60


@pytest.fixture
def database() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as opened:
        opened.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
        opened.execute("INSERT INTO t SELECT g, g FROM generate_series(1, 100) g")
        yield opened


@pytest.fixture
def server(database: EmbeddedDatabase) -> Iterator[RunningServer]:
    with start_server(database, port=0) as running:
        yield running


def open_client(server: RunningServer, **options: Any) -> psycopg.Connection[Any]:
    return psycopg.connect(server.info.url, **({"autocommit": True} | options))


def await_end(database: EmbeddedDatabase, number: int) -> None:
    until = time.monotonic() + PATIENCE
    while database.query("SELECT 1 FROM pg_stat_activity WHERE pid = $1", (number,)):
        assert time.monotonic() < until


def test_a_client_is_seen_with_its_address(server: RunningServer, database: EmbeddedDatabase) -> None:
    with open_client(server, application_name="a program") as client:
        client.execute("SELECT 1 AS seen")
        (row,) = database.query(
            "SELECT pid, usename, application_name, client_addr, client_port, state, wait_event, query "
            "FROM pg_stat_activity WHERE application_name = 'a program'"
        )
        port = client.execute("SELECT inet_client_port()").fetchone()
        assert tuple(row)[:4] == (client.info.backend_pid, "helios", "a program", "127.0.0.1")
        assert (row["client_port"],) == port
        assert tuple(row)[5:] == ("idle", "ClientRead", "SELECT 1 AS seen")
        assert client.execute("SELECT pg_backend_pid()").fetchone() == (client.info.backend_pid,)


def test_a_session_is_ended_by_another(server: RunningServer, database: EmbeddedDatabase) -> None:
    busy, idle, admin = open_client(server), open_client(server, autocommit=False), open_client(server)
    idle.execute("DELETE FROM t")
    failures: list[psycopg.Error] = []

    def sleep() -> None:
        try:
            busy.execute("SELECT pg_sleep(100)")
        except psycopg.Error as error:
            failures.append(error)

    sleeper = threading.Thread(target=sleep)
    sleeper.start()
    while not database.query("SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%(100)'"):
        pass
    for client in (busy, idle):
        number = client.info.backend_pid
        ended = admin.execute("SELECT pg_terminate_backend(%s, 60000)", (number,)).fetchone()
        assert ended == (True,)
        assert database.query("SELECT 1 FROM pg_stat_activity WHERE pid = $1", (number,)) == []
    sleeper.join(PATIENCE)
    with pytest.raises(psycopg.errors.AdminShutdown):
        raise failures[0]
    with pytest.raises(psycopg.errors.AdminShutdown, match="terminating connection due to administrator command"):
        idle.execute("SELECT 1")
    assert admin.execute("UPDATE t SET n = 0").rowcount == 100, "what the session had done is undone, its locks gone"
    number = admin.info.backend_pid
    with pytest.raises(psycopg.errors.AdminShutdown):
        admin.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    await_end(database, number)


def test_a_client_that_is_idle_for_too_long_is_sent_away(server: RunningServer, database: EmbeddedDatabase) -> None:
    with open_client(server) as client:
        client.execute("SET idle_session_timeout = '300ms'")
        for _ in range(12):  # half a second and more, but never silent for so long
            client.execute("SELECT pg_sleep(0.05)")
        await_end(database, client.info.backend_pid)
        with pytest.raises(psycopg.errors.IdleSessionTimeout, match="terminating connection due to idle-session"):
            client.execute("SELECT 1")


def test_a_client_that_is_idle_in_a_transaction_is_sent_away(server: RunningServer, database: EmbeddedDatabase) -> None:
    with open_client(server) as client:
        client.execute("SET idle_session_timeout = '50ms'; SET idle_in_transaction_session_timeout = '400ms'")
        client.execute("BEGIN; DELETE FROM t")
        started = time.monotonic()
        await_end(database, client.info.backend_pid)
        assert time.monotonic() - started > 0.2, "the other limit is not for transactions"
        with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
            client.execute("SELECT 1")
    assert database.query("SELECT count(*) FROM t") == [(100,)]
    assert database.execute("UPDATE t SET n = 1") == 100


def test_statements_of_a_server_are_counted_without_being_asked_for(tmp_path: Any) -> None:
    with ServerProcess("--memory", "--set", "work_mem=1MB") as server:
        with psycopg.connect(server.url, autocommit=True) as client:
            client.execute("CREATE TABLE t (id int PRIMARY KEY)")
            for number in range(20):
                client.execute("SELECT id FROM t WHERE id = %s", (number,), prepare=True)
                client.execute(f"SELECT id FROM t WHERE id = {number}")
            rows = client.execute(
                "SELECT query, calls, mean_time > 0 FROM pg_stat_statements WHERE query LIKE 'SELECT id%'"
            ).fetchall()
            assert rows == [("SELECT id FROM t WHERE id = $1", 20, True)] * 2 or rows == [
                ("SELECT id FROM t WHERE id = $1", 40, True)
            ]
            assert client.execute("SHOW work_mem").fetchone() == ("1MB",)
        assert server.process.poll() is None
    assert run("start", "--memory", "--set", "work_mem").returncode == 2


def test_long_statements_are_logged_as_objects_without_passwords() -> None:
    arguments = ["--memory", "--log-format", "json", "--set", "log_min_duration_statement=0"]
    with ServerProcess(*arguments) as server:
        with psycopg.connect(server.url, autocommit=True) as client:
            client.execute("SELECT %s::text", ("a parameter",))
            client.execute("CREATE ROLE r PASSWORD 'sEcReT'")
            with pytest.raises(psycopg.errors.UndefinedTable):
                client.execute("SELECT *\nFROM nothing")
        server.process.kill()
        lines = server.ended()[1].splitlines()
    found = [json.loads(line) for line in lines]
    said = [line for line in found if line["logger"] == "heliosdb.statements"]
    texts = [line["message"].partition("statement: ")[2] for line in said]
    assert texts[0] == "SELECT $1::text  parameters: $1 = 'a parameter'"
    assert texts[1].startswith("CREATE ROLE r PASSWORD ")
    assert texts[2] == "SELECT *\nFROM nothing"
    assert "sEcReT" not in "".join(lines)
    assert {(line["user"], type(line["duration_ms"])) for line in said} == {("helios", float)}
