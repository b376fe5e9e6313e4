"""A database that is used in a program and served by it at once."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest

import heliosdb
from heliosdb import Config, EmbeddedDatabase
from heliosdb.errors import (
    CannotConnectNow,
    CantChangeRuntimeParam,
    FeatureNotSupported,
    InterfaceError,
    InvalidParameterValue,
    IoError,
    ObjectInUse,
    ObjectNotInPrerequisiteState,
)
from heliosdb_server import ServerConfig, control, start_server

ANY_PORT = Config(options={"server.port": 0})


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "app.db")


def test_hybrid_mode_as_the_manual_shows_it(path: str) -> None:
    conn = heliosdb.connect(path, mode="hybrid", config=ANY_PORT)
    with conn:
        conn.execute("CREATE TABLE users (id int)")
        conn.commit()
        server_info = conn.get_server_info()
        assert server_info.url == f"postgresql://helios@127.0.0.1:{server_info.port}/app"
        with psycopg.connect(server_info.url, autocommit=True) as remote:
            remote.execute("INSERT INTO users VALUES (7)")
            assert conn.execute("SELECT id FROM users").fetchall() == [(7,)]
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server_info.url)
    with EmbeddedDatabase(path, mode="embedded") as database:
        assert database.query("SELECT id FROM users") == [(7,)]
        with pytest.raises(ObjectNotInPrerequisiteState, match="the database is not served"):
            database.get_server_info()


def test_a_server_of_a_path_as_the_manual_shows_it(path: str) -> None:
    server = start_server(database=path, host="127.0.0.1", port=0, max_connections=100)
    with psycopg.connect(
        host="localhost", port=server.port, dbname="app", user="helios", password="", autocommit=True
    ) as conn:
        conn.execute("CREATE TABLE t (id int)")
        conn.execute("INSERT INTO t VALUES (1)")
        status = server.get_status()
        assert (status.running, status.active_connections, status.total_queries) == (True, 1, 2)
        assert 0 < status.uptime_seconds < 60
    server.stop()
    server.stop()
    status = server.get_status()
    assert (status.running, status.state, status.active_connections, status.total_queries) == (False, "stopped", 0, 2)
    assert server.get_status().uptime_seconds == status.uptime_seconds
    with EmbeddedDatabase(path) as database:
        assert database.query("SELECT id FROM t") == [(1,)]


def test_a_path_is_not_made_for_a_server_that_cannot_be(path: str) -> None:
    with pytest.raises(InvalidParameterValue):
        start_server(path, host="0.0.0.0")
    with pytest.raises(InvalidParameterValue, match="a server has no option 'prot'"):
        start_server(path, prot=1)
    assert not os.path.exists(path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(IoError, match="cannot listen"):
            start_server(path, port=taken.getsockname()[1])
        with pytest.raises(IoError, match="cannot listen"):
            heliosdb.connect(path, mode="hybrid", config=Config(options={"server.port": taken.getsockname()[1]}))
    with EmbeddedDatabase(path) as database:  # nobody holds it
        assert database.query("SELECT 1") == [(1,)]


def test_a_mode_is_known_or_refused(path: str) -> None:
    for mode, hint in (
        ("in_memory", 'Open ":memory:".'),
        ("server", "Run heliosdb start, or call heliosdb_server.start_server."),
        ("hybird", "Available values: embedded, hybrid."),
    ):
        with pytest.raises(InvalidParameterValue) as refused:
            heliosdb.connect(path, mode=mode)
        assert refused.value.hint == hint
    with pytest.raises(FeatureNotSupported, match='"mode" needs heliosdb-server') as missing:
        heliosdb.connect(path, mode="hybrid", plugins=[])
    assert missing.value.hint == "pip install heliosdb-server"
    with EmbeddedDatabase(":memory:") as database, pytest.raises(InterfaceError):
        heliosdb.connect(database, mode="hybrid")


def test_servers_end_with_their_database_and_settings_say_where_they_are() -> None:
    with EmbeddedDatabase(":memory:", config=Config(options={"server.max_connections": 3})) as database:
        assert database.query("SHOW port") == [("5432",)]
        with database.start_server(port=0) as first:
            assert database.query("SHOW port") == [(str(first.port),)]
            assert database.query("SHOW max_connections") == [("3",)]
            for statement in ("SET port = 1", "RESET port"):
                with pytest.raises(CantChangeRuntimeParam):
                    database.execute(statement)
            database.execute("RESET ALL")
            second = start_server(database, ServerConfig(port=0, max_connections=9))
            assert database.get_server_info() == second.info
            assert second.port != first.port
            second.stop()
            assert database.get_server_info() == first.info
        last = start_server(database, port=0)
        client = psycopg.connect(last.info.url)
    assert not last.get_status().running
    with pytest.raises(psycopg.errors.AdminShutdown):
        client.execute("SELECT 1")


def test_a_smart_stop_waits_and_a_fast_one_may_follow(path: str) -> None:
    with EmbeddedDatabase(path) as database:
        server = start_server(database, port=0)
        client = psycopg.connect(server.info.url, autocommit=True)
        waiting = threading.Thread(target=server.stop, args=("smart",))
        waiting.start()
        while server.get_status().state == "running":
            client.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError, match="the database system is shutting down"):
            psycopg.connect(server.info.url)
        assert waiting.is_alive()
        with pytest.raises(InvalidParameterValue, match="does not stop in mode 'immediate'"):
            server.stop("immediate")
        server.stop("fast")
        waiting.join(60)
        assert not waiting.is_alive()
        with pytest.raises(psycopg.errors.AdminShutdown):
            client.execute("SELECT 1")
        assert database.query("SELECT 1") == [(1,)]
        assert CannotConnectNow.sqlstate == "57P03"


def test_whoever_has_not_the_secret_is_told_what_anybody_is(path: str) -> None:
    with EmbeddedDatabase(path) as database, start_server(database, port=0) as server:
        contact = control.noted(os.path.join(path, control.FILE))
        assert contact is not None
        assert control.ask(contact, "status", 5)["active_connections"] == 0
        with socket.create_connection(("127.0.0.1", server.port)) as wrong:
            wrong.sendall(control.request("0" * 64, "stop fast"))
            said = wrong.recv(1000)
        assert said[:1] == b"E"
        assert b"unsupported frontend protocol 1234.5690" in said
        answer: Any = control.ask(contact, "stop immediate", 5)
        assert "a server inside a program does not end immediately" in answer["error"]
        assert control.ask(contact, "stop later", 5)["sqlstate"] == "22023"
        assert control.ask(contact, "dance", 5)["sqlstate"] == "22023"
        assert server.get_status().state == "running"
        assert control.ask(contact, "stop fast", 5)["state"] == "stopping"
        server.stop()
        assert control.noted(os.path.join(path, control.FILE)) is None
        with pytest.raises(control.NotThereError):
            control.ask(contact, "status", 5)


def test_of_two_servers_the_one_that_is_left_is_found(path: str) -> None:
    with EmbeddedDatabase(path) as database, start_server(database, port=0) as first:
        with start_server(database, port=0) as second:
            found = control.noted(os.path.join(path, control.FILE))
            assert found is not None
            assert found.port == second.port
        left = control.noted(os.path.join(path, control.FILE))
        assert left is not None
        assert left.port == first.port
        assert control.ask(left, "status", 5)["url"] == first.info.url
    assert control.noted(os.path.join(path, control.FILE)) is None


def test_a_program_works_while_a_dashboard_looks_on(path: str) -> None:
    conn = heliosdb.connect(path, mode="hybrid", config=ANY_PORT)
    with conn, psycopg.connect(conn.get_server_info().url, autocommit=True) as dashboard:
        conn.execute("CREATE TABLE training_log (epoch int, loss float8)")
        conn.commit()
        seen = []
        for epoch in range(20):
            conn.execute("INSERT INTO training_log VALUES (%s, %s)", (epoch, 1 / (epoch + 1)))
            conn.commit()
            row = dashboard.execute("SELECT count(*), min(loss) FROM training_log").fetchone()
            assert row is not None
            seen.append(row)
        assert seen == [(epoch + 1, 1 / (epoch + 1)) for epoch in range(20)]
        found: list[int] = []

        def handle_request() -> None:  # as the threads of a web server do, which share the connection
            found.append(conn.execute("SELECT count(*) FROM training_log").fetchone()[0])

        threads = [threading.Thread(target=handle_request) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert found == [20] * 8


def test_another_process_is_told_of_the_server_while_there_is_one(path: str) -> None:
    script = "import sys, heliosdb; heliosdb.connect(sys.argv[1])"
    said = []
    with EmbeddedDatabase(path) as database:
        for is_served in (False, True, False):
            server = start_server(database, port=0) if is_served else None
            done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True)
            said.append(done.stderr.splitlines()[-1].partition(": ")[2])
            if server is not None:
                assert said[-1].startswith(f'database "{path}" is in use by process {os.getpid()}, which serves it at ')
                assert server.info.url in said[-1]
                server.stop()
        with pytest.raises(ObjectInUse, match="already open in this process"):
            EmbeddedDatabase(path)
    assert [text.startswith(f'database "{path}" is in use by process {os.getpid()}') for text in said] == [True] * 3
    assert ["serves" in text for text in said] == [False, True, False]
