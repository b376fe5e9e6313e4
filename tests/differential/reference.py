"""The reference: a PostgreSQL server, reached or started for the occasion.

Messages go by the simple query protocol (the extended one where a script binds parameters), results come in text
form, and column types are named by the server's own ``format_type``.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import pq
from psycopg.pq import DiagnosticField as Field
from psycopg.pq import ExecStatus

from .recording import Answer, Failure, Notice, Rows

__all__ = ["REFERENCE_VARIABLE", "ReferenceDoor", "reachable", "started_cluster"]

REFERENCE_VARIABLE = "POSTGRESQL_REFERENCE"
"""Environment variable with the connection string of a reference server, for tests that can use one."""

OPTIONS = "-c TimeZone=UTC -c DateStyle=ISO,MDY -c IntervalStyle=postgres -c lc_messages=C"
"""Every session's settings, whatever the cluster's are."""

FIRST_USER_OID = 16384

BINARIES = (Path("/usr/lib/postgresql/15/bin"), Path("/usr/local/pgsql/bin"))


class ReferenceConversation:
    """One session on the reference server."""

    def __init__(self, connection: psycopg.Connection, control: psycopg.Connection) -> None:
        self._connection = connection
        self._control = control
        self._pid = connection.info.backend_pid
        self._notices: list[Notice] = []
        self._type_names: dict[tuple[int, int], str] = {}
        connection.pgconn.notice_handler = self._notice

    def send(self, text: str, bind: tuple[str | None, ...] | None = None) -> Answer:
        pgconn = self._connection.pgconn
        self._notices = []
        if bind is None:
            pgconn.send_query(text.encode())
        else:
            pgconn.send_query_params(text.encode(), [None if v is None else v.encode() for v in bind])
        results: list[Rows] = []
        failure: Failure | None = None
        while (result := self._next(pgconn)) is not None:
            if result.status in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
                results.append(self._rows(result))
            elif result.status == ExecStatus.FATAL_ERROR:
                failure = _failure(result)
            elif result.status == ExecStatus.EMPTY_QUERY:
                results.append(Rows("EMPTY"))
            else:
                raise NotImplementedError(f"{result.status!r} for {text!r}")
        return Answer(tuple(results), failure, tuple(self._notices))

    def is_waiting(self) -> bool:
        row = self._control.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = %s AND NOT granted)", (self._pid,)
        ).fetchone()
        return row is not None and row[0] is True

    def close(self) -> None:
        self._connection.close()

    def _notice(self, result: pq.abc.PGresult) -> None:
        self._notices.append(Notice(_text(result, Field.SEVERITY) or "", _text(result, Field.MESSAGE_PRIMARY) or ""))

    @staticmethod
    def _next(pgconn: pq.abc.PGconn) -> pq.abc.PGresult | None:
        # get_result() would hold the interpreter's lock while it waits; another session must be able to run meanwhile
        while True:
            pgconn.flush()
            if not pgconn.is_busy():
                return pgconn.get_result()
            select.select([pgconn.socket], [], [])
            pgconn.consume_input()

    def _rows(self, result: pq.abc.PGresult) -> Rows:
        tag = (result.command_status or b"").decode()
        if result.status == ExecStatus.COMMAND_OK:
            return Rows(tag)
        columns = tuple(
            ((result.fname(i) or b"").decode(), self._type_name(result.ftype(i), result.fmod(i)))
            for i in range(result.nfields)
        )
        rows = tuple(
            tuple(None if (v := result.get_value(r, c)) is None else bytes(v).decode() for c in range(result.nfields))
            for r in range(result.ntuples)
        )
        return Rows(tag, columns, rows)

    def _type_name(self, oid: int, modifier: int) -> str:
        name = self._type_names.get((oid, modifier))
        if name is None:
            name = self._asked_type_name(oid, modifier)
            if oid < FIRST_USER_OID:  # of the types that the server is born with
                self._type_names[oid, modifier] = name
        return name

    def _asked_type_name(self, oid: int, modifier: int) -> str:
        row = self._control.execute("SELECT format_type(%s::oid, %s::int)", (oid, modifier)).fetchone()
        assert row is not None
        # a type that an open transaction made is not visible to the control connection
        return str(row[0])


def _text(result: pq.abc.PGresult, field: Field) -> str | None:
    value = result.error_field(field)
    return None if value is None else value.decode()


def _failure(result: pq.abc.PGresult) -> Failure:
    position = _text(result, Field.STATEMENT_POSITION)
    sqlstate = _text(result, Field.SQLSTATE) or ""
    detail = _text(result, Field.MESSAGE_DETAIL)
    if sqlstate == "40P01" and detail is not None:
        detail = re.sub(r"\d+", "N", detail)  # process and transaction numbers are never the same twice
    return Failure(
        sqlstate=sqlstate,
        message=_text(result, Field.MESSAGE_PRIMARY) or "",
        detail=detail,
        hint=_text(result, Field.MESSAGE_HINT),
        position=None if position is None else int(position),
    )


class ReferenceDoor:
    """A fresh database on the reference server."""

    name = "reference"
    gives_objects = False

    def __init__(self, conninfo: str, database: str = "heliosdb") -> None:
        self._conninfo = conninfo
        self._database = database
        self._server = psycopg.connect(conninfo, autocommit=True)
        self._drop()
        self._server.execute(f'CREATE DATABASE "{database}" TEMPLATE template0')
        self._control = psycopg.connect(conninfo, dbname=database, autocommit=True, options=OPTIONS)

    def open(self) -> ReferenceConversation:
        connection = psycopg.connect(self._conninfo, dbname=self._database, autocommit=True, options=OPTIONS)
        return ReferenceConversation(connection, self._control)

    def header(self) -> list[str]:
        """Return the lines that say where a recording comes from."""
        settings = ["server_version", "server_encoding", "TimeZone", "DateStyle", "IntervalStyle"]
        version, encoding, *others = [self._value(f"SHOW {name}") for name in settings]
        collate = self._value("SELECT datcollate FROM pg_database WHERE datname = current_database()")
        shown = [f"server_encoding {encoding}", f"lc_collate {collate}"]
        extension = self._value(
            "SELECT string_agg(extname || ' ' || extversion, ', ') FROM pg_extension WHERE oid > 16383"
        )
        return [
            f"recorded from PostgreSQL {version}, cluster made with initdb -E UTF8 --no-locale"
            + (f", extension {extension}" if extension else ""),
            ", ".join([*shown, *(f"{name} {value}" for name, value in zip(settings[2:], others, strict=True))]),
        ]

    def has(self, extension: str) -> bool:
        """Return whether the server can create an extension."""
        return self._value(f"SELECT count(*) FROM pg_available_extensions WHERE name = '{extension}'") > 0

    def _value(self, query: str) -> Any:
        row = self._control.execute(query).fetchone()  # type: ignore[call-overload]
        return row[0]

    def close(self) -> None:
        self._control.close()
        self._drop()
        self._server.close()

    def _drop(self) -> None:
        self._server.execute(f'DROP DATABASE IF EXISTS "{self._database}" WITH (FORCE)')


def reachable() -> str | None:
    """Return the connection string in POSTGRESQL_REFERENCE if a server of major version 15 answers there."""
    conninfo = os.environ.get(REFERENCE_VARIABLE)
    if not conninfo:
        return None
    try:
        with psycopg.connect(conninfo, connect_timeout=2) as connection:
            return conninfo if connection.info.server_version // 10000 == 15 else None
    except psycopg.OperationalError:
        return None


@contextmanager
def started_cluster() -> Iterator[str]:
    """Start a throw-away cluster, give its connection string, and remove it afterwards."""
    binaries = next((path for path in BINARIES if (path / "initdb").exists()), None)
    if binaries is None:
        raise FileNotFoundError("no PostgreSQL 15 binaries found")
    # the server refuses to run as root
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="reference"))
    if prefix:
        shutil.chown(folder, "postgres")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = f"-c port={port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    options += " -c timezone=UTC -c datestyle=ISO,MDY"
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "cwd": folder}
    subprocess.run(
        [
            *prefix,
            binaries / "initdb",
            "-D",
            folder / "data",
            "-E",
            "UTF8",
            "--no-locale",
            "-U",
            "postgres",
            "-A",
            "trust",
        ],
        **quiet,  # type: ignore[call-overload]
    )
    control = [*prefix, binaries / "pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log"]
    subprocess.run([*control, "-o", options, "start"], **quiet)  # type: ignore[call-overload]
    try:
        yield f"host=127.0.0.1 port={port} user=postgres dbname=postgres"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **quiet)  # type: ignore[call-overload]
        shutil.rmtree(folder, ignore_errors=True)
