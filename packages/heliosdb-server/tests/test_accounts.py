"""Roles of the database connect: may they, until when, how many, and as whom."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.errors import InvalidParameterValue
from heliosdb_server import RunningServer, start_server, verifier


@pytest.fixture
def database() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as opened:
        yield opened


def connect(server: RunningServer, user: str, password: str | None = None, **options: Any) -> Any:
    where: dict[str, Any] = {"host": "127.0.0.1", "port": server.port, "dbname": "app", "user": user}
    return psycopg.connect(**where, password=password, autocommit=True, **options)


def refused(server: RunningServer, user: str, password: str | None = None, **options: Any) -> str:
    with pytest.raises(psycopg.OperationalError) as failure:
        connect(server, user, password, **options)
    return str(failure.value).partition("FATAL:  ")[2].strip()


PASSWORD = "correct horse"


@pytest.mark.parametrize("auth", ["scram-sha-256", "md5", "password"])
@pytest.mark.parametrize("kept", ["scram-sha-256", "md5"])
def test_the_password_is_the_roles(database: EmbeddedDatabase, auth: str, kept: str) -> None:
    database.execute(f"SET password_encryption = '{kept}'")
    database.execute(f"CREATE ROLE ann LOGIN PASSWORD '{PASSWORD}'")
    fails = 'password authentication failed for user "ann"'
    with start_server(database, port=0, auth=auth) as server:
        if (auth, kept) == ("scram-sha-256", "md5"):
            assert refused(server, "ann", PASSWORD) == fails  # there is nothing that such a proof could be held against
            return
        connect(server, "ann", PASSWORD).close()
        database.execute("ALTER ROLE ann PASSWORD 'another'")
        assert refused(server, "ann", PASSWORD) == fails
        connect(server, "ann", "another").close()
        database.execute("ALTER ROLE ann VALID UNTIL '2001-01-01'")
        assert refused(server, "ann", "another") == fails
        database.execute("ALTER ROLE ann VALID UNTIL 'infinity'")
        connect(server, "ann", "another").close()
        database.execute("ALTER ROLE ann PASSWORD NULL")
        assert refused(server, "ann", "another") == fails
        database.execute("DROP ROLE ann")
        assert refused(server, "ann", "another") == fails


def test_a_session_begins_as_the_role(database: EmbeddedDatabase) -> None:
    database.execute("CREATE ROLE ann LOGIN; CREATE ROLE staff; GRANT staff TO ann")
    database.execute("ALTER ROLE ann SET application_name = 'of ann'")
    with start_server(database, port=0) as server:
        for user, is_superuser in (("ann", "off"), ("helios", "on")):
            with connect(server, user) as client:
                assert client.execute("SELECT current_user, session_user").fetchone() == (user, user)
                assert client.info.parameter_status("session_authorization") == user
                assert client.info.parameter_status("is_superuser") == is_superuser
        with connect(server, "helios") as client:
            client.execute("BEGIN; SET LOCAL SESSION AUTHORIZATION ann")
            assert client.info.parameter_status("is_superuser") == "off"
            client.execute("ROLLBACK")
            assert client.info.parameter_status("is_superuser") == "on"
        with connect(server, "ann") as client:
            assert client.execute("SHOW application_name").fetchone() == ("of ann",)
            for statement in ("SET SESSION AUTHORIZATION helios", "SET ROLE helios", "ALTER ROLE ann SUPERUSER"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    client.execute(statement)
            client.execute("SET ROLE staff")
            assert client.info.parameter_status("session_authorization") == "ann"
            assert client.execute("SELECT current_user, session_user").fetchone() == ("staff", "ann")


@pytest.mark.parametrize("name", ["role", "session_authorization", "is_superuser"])
@pytest.mark.parametrize("value", ["helios", "on"])
def test_who_somebody_is_cannot_be_said_beside_it(database: EmbeddedDatabase, name: str, value: str) -> None:
    database.execute("CREATE ROLE ann LOGIN")
    with start_server(database, port=0) as server:
        for options in ({"options": f"-c {name}={value}"}, {"options": f"--{name.replace('_', '-')}={value}"}):
            try:
                with connect(server, "ann", **options) as client:
                    said = client.execute("SELECT current_user, session_user").fetchone()
                    assert client.info.parameter_status("is_superuser") == "off"
            except psycopg.OperationalError:
                continue
            assert said == ("ann", "ann")


def test_roles_that_may_not_log_in(database: EmbeddedDatabase) -> None:
    database.execute(f"CREATE ROLE staff PASSWORD '{PASSWORD}'; CREATE ROLE ann LOGIN PASSWORD 'x'")
    for auth in ("trust", "password"):
        with start_server(database, port=0, auth=auth) as server:
            assert refused(server, "staff", PASSWORD) == 'role "staff" is not permitted to log in'
            said = 'role "who" does not exist' if auth == "trust" else 'password authentication failed for user "who"'
            assert refused(server, "who", PASSWORD) == said
            assert refused(server, "Ann", "x").endswith(said[-14:].replace("who", "Ann"))
            assert server.get_status().active_connections == 0


def test_a_role_has_no_more_sessions_than_it_may(database: EmbeddedDatabase) -> None:
    database.execute("CREATE ROLE ann LOGIN CONNECTION LIMIT 2; CREATE ROLE bob LOGIN CONNECTION LIMIT 0")
    database.execute("CREATE ROLE root LOGIN SUPERUSER CONNECTION LIMIT 0")
    with start_server(database, port=0) as server, ExitStack() as held:
        for _ in range(2):
            held.enter_context(connect(server, "ann"))
        for _ in range(3):
            assert refused(server, "ann") == 'too many connections for role "ann"'
        assert refused(server, "bob") == 'too many connections for role "bob"'
        connect(server, "root").close()
        held.close()
        assert server.get_status().running


def test_the_last_places_are_for_superusers(database: EmbeddedDatabase) -> None:
    database.execute("CREATE ROLE ann LOGIN")
    options = {"max_connections": 3, "superuser_reserved_connections": 2}
    with start_server(database, port=0, **options) as server, ExitStack() as held:
        held.enter_context(connect(server, "ann"))
        assert "remaining connection slots are reserved" in refused(server, "ann")
        for _ in range(2):
            held.enter_context(connect(server, "helios"))
        for user in ("ann", "helios"):
            assert refused(server, user) == "sorry, too many clients already"


def test_the_first_password(database: EmbeddedDatabase, caplog: pytest.LogCaptureFixture) -> None:
    for auth in ("scram-sha-256", "password", "md5"):
        with pytest.raises(InvalidParameterValue, match="no role has a password") as failure:
            start_server(database, port=0, auth=auth)
        assert "ALTER ROLE helios PASSWORD" in str(failure.value.hint)
    users = {"helios": "first", "odd \"name'\\": verifier("it's")}
    with start_server(database, port=0, auth="scram-sha-256", users=users) as server:
        with connect(server, "odd \"name'\\", "it's") as client:
            client.execute("CREATE ROLE ann LOGIN PASSWORD 'hers'")
        connect(server, "helios", "first").close()
    for again in ({}, users, {"helios": "first"}):
        with start_server(database, port=0, auth="scram-sha-256", users=again) as server:
            connect(server, "helios", "first").close()
            connect(server, "ann", "hers").close()
    with start_server(database, port=0, auth="scram-sha-256", users={"ann": "mine"}) as server:
        connect(server, "ann", "hers").close()
        assert "password authentication failed" in refused(server, "ann", "mine")
    assert "role 'ann' keeps the password that it has" in caplog.text
    assert "mine" not in caplog.text
    shown = [row[0] for row in database.query("SELECT rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL")]
    assert [text.partition("$")[0] for text in shown] == ["SCRAM-SHA-256"] * 3


def test_passwords_that_nobody_has_make_no_database(tmp_path: Path) -> None:
    path = tmp_path / "app.helio"
    with pytest.raises(InvalidParameterValue, match="no role has a password"):
        start_server(str(path), port=0, auth="scram-sha-256")
    program = str(Path(sys.executable).with_name("heliosdb"))
    environment = {name: value for name, value in os.environ.items() if name != "PGPASSWORD"}
    for where in ([str(path)], ["--memory"]):
        done = subprocess.run(
            [program, "start", *where, "--auth", "scram-sha-256"], capture_output=True, text=True, env=environment
        )
        assert done.returncode == 1
        assert "no role has a password" in done.stderr
        assert "PGPASSWORD" in done.stderr
    assert not path.exists()
