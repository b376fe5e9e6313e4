"""COPY by real clients, in text, CSV and binary."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import psycopg
import pytest

from heliosdb import EmbeddedDatabase
from heliosdb_server import RunningServer, start_server

COLUMNS = (
    "i int, s text, n numeric, f float8, b bool, d date, ts timestamptz, u uuid, j jsonb, bs bytea, ar int[], ss text[]"
)
ROW = (
    1,
    "a\tb\né",
    Decimal("12.50"),
    1.5,
    True,
    date(2020, 2, 29),
    datetime(2020, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
    UUID("5d0f3c26-0b1e-4d5f-8a3e-0123456789ab"),
    '{"a": [1, null]}',
    b"\0\xff",
    [1, None, 3],
    ["x", "y,z"],
)
ROWS = [ROW, (None,) * len(ROW)] * 700


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database, start_server(database, port=0) as running:
        database.execute(f"CREATE TABLE everything ({COLUMNS}); CREATE TABLE t (id int PRIMARY KEY, name text)")
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[Any]:
    with psycopg.connect(f"{server.url}app?user=helios", autocommit=True) as connection:
        connection.execute("TRUNCATE everything, t")
        yield connection


def test_asyncpg_copies_records_both_ways(server: RunningServer, client: Any) -> None:
    async def talk() -> bytes:
        connection = await asyncpg.connect(f"{server.url}app", user="helios")
        assert await connection.copy_records_to_table("everything", records=ROWS) == f"COPY {len(ROWS)}"
        assert [tuple(row) for row in await connection.fetch("SELECT * FROM everything")] == ROWS
        pieces: list[bytes] = []

        async def take(piece: bytes) -> None:
            pieces.append(piece)

        assert await connection.copy_from_query("SELECT 1::int, NULL::int", output=take, format="binary") == "COPY 1"
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.copy_records_to_table("t", records=[(1, "x"), (1, "y")])
        assert await connection.fetchval("SELECT count(*) FROM t") == 0
        await connection.close()
        return b"".join(pieces)

    one = b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\0\2\0\0\0\4\0\0\0\1\xff\xff\xff\xff\xff\xff"
    assert asyncio.run(talk()) == one


def test_psycopg_copies_rows_in_binary_both_ways(client: Any) -> None:
    types = [
        "int4",
        "text",
        "numeric",
        "float8",
        "bool",
        "date",
        "timestamptz",
        "uuid",
        "jsonb",
        "bytea",
        "int4[]",
        "text[]",
    ]
    rows = [(*row[:8], None, *row[9:]) for row in ROWS]
    with client.cursor() as cursor:
        with cursor.copy("COPY everything FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)
        assert cursor.statusmessage == f"COPY {len(rows)}"
        with cursor.copy("COPY everything TO STDOUT (FORMAT binary)") as copy:
            copy.set_types(types)
            assert list(copy.rows()) == rows


def test_bad_binary_data_fails_and_the_connection_goes_on(client: Any) -> None:
    for data, code in (
        (b"1\tx\n2\ty\n3\tz\n4\tu\n5\tv\n", "22P04"),
        (b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\0\2\0\0\0\1x\xff\xff\xff\xff", "22P03"),
        (b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\0\2\0\0\0\4", "22P04"),
    ):
        with pytest.raises(psycopg.Error) as caught, client.cursor() as cursor:
            with cursor.copy("COPY t FROM STDIN (FORMAT binary)") as copy:
                copy.write(data)
        assert caught.value.sqlstate == code
        assert client.execute("SELECT count(*) FROM t").fetchone() == (0,)


@pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not on the PATH")
@pytest.mark.parametrize("options", ["binary", "csv header", ""])
def test_psql_copies_files(server: RunningServer, client: Any, tmp_path: Path, options: str) -> None:
    file = tmp_path / "rows"
    client.execute("INSERT INTO t SELECT g, e'a\\tb\\n' || g FROM generate_series(1, 2500) g")
    done = subprocess.run(
        [
            *("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", f"{server.url}app?user=helios"),
            *("-c", rf"\copy t to '{file}' {options}", "-c", "TRUNCATE t", "-c", rf"\copy t from '{file}' {options}"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = client.execute("SELECT count(*), count(DISTINCT name), max(id) FROM t WHERE name = e'a\\tb\\n' || id")
    assert found.fetchone() == (2500, 2500, 2500)
