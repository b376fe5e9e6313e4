"""Real clients: psycopg and asyncpg, and psql where there is one."""

from __future__ import annotations

import asyncio
import datetime
import shutil
import subprocess
import threading
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import asyncpg
import psycopg
import pytest
from psycopg import pq

from heliosdb import EmbeddedDatabase
from heliosdb_server import RunningServer, start_server


@pytest.fixture
def database() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as opened:
        opened.execute("CREATE TABLE t (id int PRIMARY KEY, name text NOT NULL)")
        opened.execute("INSERT INTO t SELECT g, 'row ' || g FROM generate_series(1, 1000) g")
        yield opened


@pytest.fixture
def server(database: EmbeddedDatabase) -> Iterator[RunningServer]:
    with start_server(database, port=0) as running:
        yield running


@pytest.fixture
def connection(server: RunningServer) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(f"{server.url}app?user=helios", autocommit=True) as opened:
        yield opened


VALUES: list[tuple[str, Any]] = [
    ("int2", -32768),
    ("int4", 2147483647),
    ("int8", -(1 << 62)),
    ("float8", 1.5e300),
    ("float8", float("-inf")),
    ("numeric", Decimal("-12345678901234567890.0123456789")),
    ("bool", False),
    ("text", "é \\ ' \" 日本"),
    ("text", ""),
    ("bytea", b"\x00\xff\\"),
    ("date", datetime.date(2024, 2, 29)),
    ("timestamp", datetime.datetime(1999, 12, 31, 23, 59, 59, 999999)),
    ("timestamptz", datetime.datetime(2024, 5, 6, 7, 8, 9, tzinfo=datetime.UTC)),
    ("time", datetime.time(1, 2, 3, 4)),
    ("interval", datetime.timedelta(days=3, microseconds=-1)),
    ("uuid", uuid.UUID(int=5)),
    ("int4[]", [1, None, 3]),
    ("text[]", ['a"b', "NULL", "", None]),
]


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize(("kind", "value"), VALUES)
def test_values_go_there_and_back(connection: Any, kind: str, value: Any, binary: bool) -> None:
    placeholder = "%b" if binary else "%t"
    with connection.cursor(binary=binary) as cursor:
        cursor.execute(f"SELECT {placeholder}::{kind}, NULL::{kind}", (value,))
        assert cursor.fetchone() == (value, None)
        cursor.execute(
            f"SELECT x FROM (VALUES ({placeholder}::{kind})) v (x) WHERE x = {placeholder}::{kind}", (value, value)
        )
        assert cursor.fetchall() == [(value,)]


def test_columns_are_described(connection: Any) -> None:
    cursor = connection.execute("SELECT id, name, 1.5::numeric(5, 2) AS n, name::varchar(7) AS v FROM t LIMIT 0")
    assert [(c.name, c.type_code, c.precision, c.scale, c.internal_size) for c in cursor.description] == [
        ("id", 23, None, None, 4),
        ("name", 25, None, None, None),
        ("n", 1700, 5, 2, None),
        ("v", 1043, None, None, None),
    ]


def test_errors_have_their_fields(connection: Any) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation) as failure:
        connection.execute("INSERT INTO t VALUES (1, 'again')")
    said = failure.value.diag
    assert (said.severity, said.sqlstate, said.table_name, said.constraint_name) == ("ERROR", "23505", "t", "t_pkey")
    assert said.message_detail == "Key (id)=(1) already exists."
    with pytest.raises(psycopg.errors.UndefinedColumn) as failure:
        connection.execute("SELECT nobody FROM t")
    assert failure.value.diag.statement_position == "8"
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_transactions(server: RunningServer) -> None:
    with (
        psycopg.connect(f"{server.url}app?user=helios") as first,
        psycopg.connect(f"{server.url}app?user=helios") as second,
    ):
        first.execute("DELETE FROM t WHERE id > 10")
        assert first.info.transaction_status == pq.TransactionStatus.INTRANS
        assert second.execute("SELECT count(*) FROM t").fetchone() == (1000,)
        second.rollback()
        first.commit()
        assert second.execute("SELECT count(*) FROM t").fetchone() == (10,)
        with pytest.raises(psycopg.errors.DivisionByZero):
            second.execute("SELECT 1 / 0")
        assert second.info.transaction_status == pq.TransactionStatus.INERROR
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            second.execute("SELECT 1")
        second.rollback()
        assert second.execute("SELECT 1").fetchone() == (1,)


def test_statements_that_are_prepared_see_what_changes(connection: Any) -> None:
    for number in range(20):
        row = connection.execute("SELECT name FROM t WHERE id = %s", (number + 1,), prepare=True).fetchone()
        assert row == (f"row {number + 1}",)
    connection.execute("ALTER TABLE t RENAME COLUMN name TO title")
    with pytest.raises(psycopg.errors.UndefinedColumn):
        connection.execute("SELECT name FROM t WHERE id = %s", (1,), prepare=True)


def test_a_pipeline_is_one_transaction_up_to_its_sync(connection: Any) -> None:
    def insert_in_a_pipeline() -> None:
        with connection.pipeline():
            connection.execute("INSERT INTO t VALUES (2001, 'gone')")
            connection.execute("INSERT INTO t VALUES (1, 'again')")
            connection.execute("INSERT INTO t VALUES (2002, 'skipped')")

    with pytest.raises(psycopg.errors.UniqueViolation):
        insert_in_a_pipeline()
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (1000,)
    with connection.pipeline() as pipeline:
        cursors = [connection.execute("INSERT INTO t VALUES (%s, 'x') RETURNING id", (n,)) for n in range(3000, 3100)]
        pipeline.sync()
        assert [cursor.fetchone() for cursor in cursors] == [(n,) for n in range(3000, 3100)]


def test_several_statements_of_one_text(connection: Any) -> None:
    cursor = connection.execute("SELECT 1; INSERT INTO t VALUES (5000, 'x'); SELECT 2, 3")
    found = [cursor.fetchall()]
    assert cursor.nextset()
    assert cursor.statusmessage == "INSERT 0 1"
    assert cursor.nextset()
    assert [*found, cursor.fetchall()] == [[(1,)], [(2, 3)]]
    with pytest.raises(psycopg.errors.DivisionByZero):
        connection.execute("INSERT INTO t VALUES (5001, 'x'); SELECT 1 / 0")
    assert connection.execute("SELECT max(id) FROM t").fetchone() == (5000,)


def test_copy_both_ways(connection: Any) -> None:
    rows = [(n, f"line\t{n}\r\n\\\x0b\u2028") for n in range(10_000, 12_000)]
    with connection.cursor() as cursor:
        with cursor.copy("COPY t (id, name) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        assert cursor.statusmessage == "COPY 2000"
        with cursor.copy("COPY (SELECT * FROM t WHERE id >= 10000 ORDER BY id) TO STDOUT") as copy:
            copy.set_types(["int4", "text"])
            assert list(copy.rows()) == rows
        with pytest.raises(psycopg.errors.InvalidTextRepresentation), cursor.copy("COPY t FROM STDIN") as copy:
            copy.write("not a number\tx\n")
        with pytest.raises(ZeroDivisionError), cursor.copy("COPY t FROM STDIN") as copy:
            copy.write(f"{20_000 // len([])}\tx\n")
        assert cursor.execute("SELECT count(*) FROM t").fetchone() == (3000,)


def test_notices_and_settings_are_told(connection: Any) -> None:
    notices: list[Any] = []
    connection.add_notice_handler(lambda notice: notices.append((notice.severity, notice.message_primary)))
    connection.execute("DROP TABLE IF EXISTS nobody")
    assert notices == [("NOTICE", 'table "nobody" does not exist, skipping')]
    assert connection.info.parameter_status("TimeZone") == connection.execute("SHOW timezone").fetchone()[0]
    connection.execute("SET timezone TO 'Asia/Tokyo'")
    assert connection.info.parameter_status("TimeZone") == "Asia/Tokyo"
    assert connection.info.parameter_status("server_version").startswith("15")


def test_show_and_explain_by_the_extended_protocol(connection: Any) -> None:
    assert connection.execute("SHOW application_name", prepare=True).fetchone() == ("",)
    plan = connection.execute("EXPLAIN SELECT * FROM t WHERE id = %s", (3,), prepare=True).fetchall()
    assert "Index" in plan[0][0]


def test_what_runs_is_cancelled(server: RunningServer) -> None:
    async def talk() -> None:
        client = await asyncpg.connect(f"{server.url}app", user="helios")
        endless = "SELECT count(*) FROM generate_series(1, 1000000000000) g WHERE g % 7 = 3"
        with pytest.raises(TimeoutError):
            await client.fetchval(endless, timeout=0.2)
        assert await client.fetchval("SELECT 1") == 1
        await client.close()

    asyncio.run(talk())


def test_a_branch_stands_behind_the_name_of_the_database() -> None:
    with (
        EmbeddedDatabase.new_in_memory(plugins=["branch"]) as database,
        start_server(database, port=0) as running,
    ):
        database.execute("CREATE TABLE t AS SELECT 1 AS a")
        database.execute("CREATE BRANCH experiment")
        with psycopg.connect(f"{running.url}app@experiment?user=helios", autocommit=True) as client:
            client.execute("UPDATE t SET a = 2")
            assert client.execute("SELECT a FROM t").fetchone() == (2,)
        assert database.query("SELECT a FROM t") == [(1,)]
        with pytest.raises(psycopg.OperationalError, match="nobody"):
            psycopg.connect(f"{running.url}app@nobody?user=helios")
        with psycopg.connect(f"{running.url}app@experiment?user=helios") as client:
            assert client.execute("SELECT a FROM t").fetchone() == (2,)


def test_branches_need_their_package(server: RunningServer) -> None:
    with pytest.raises(psycopg.OperationalError, match=r"heliosdb\.branch"):
        psycopg.connect(f"{server.url}app@experiment?user=helios")


def test_a_client_that_goes_leaves_nothing(server: RunningServer, database: EmbeddedDatabase) -> None:
    gone = psycopg.connect(f"{server.url}app?user=helios")
    gone.execute("DELETE FROM t")
    gone.pgconn.finish()
    deadline = threading.Event()
    for _ in range(500):
        if server.get_status().active_connections == 0:
            break
        deadline.wait(0.01)
    assert database.query("SELECT count(*) FROM t") == [(1000,)]
    assert database.execute("UPDATE t SET name = 'x'") == 1000


def test_a_server_that_stops_says_so(database: EmbeddedDatabase) -> None:
    running = start_server(database, port=0)
    client = psycopg.connect(f"{running.url}app?user=helios", autocommit=True)
    running.stop()
    running.stop()
    with pytest.raises(psycopg.errors.AdminShutdown):
        client.execute("SELECT 1")
    assert (running.get_status().running, running.get_status().active_connections) == (False, 0)
    assert database.query("SELECT count(*) FROM t") == [(1000,)]


def test_asyncpg(server: RunningServer) -> None:
    async def talk() -> None:
        client = await asyncpg.connect(f"{server.url}app", user="helios")
        assert await client.fetchval("SELECT $1::int + 1", 41) == 42
        assert [tuple(row) for row in await client.fetch("SELECT * FROM t WHERE id = ANY($1) ORDER BY 1", [2, 3])] == [
            (2, "row 2"),
            (3, "row 3"),
        ]
        for kind, value in VALUES:
            assert await client.fetchval(f"SELECT $1::{kind}", value) == value, kind
        transaction = client.transaction()
        await transaction.start()
        await client.execute("INSERT INTO t VALUES (7000, 'x')")
        with pytest.raises(asyncpg.UniqueViolationError):
            await client.execute("INSERT INTO t VALUES (1, 'x')")
        await transaction.rollback()
        async with client.transaction():
            seen = [row["id"] async for row in client.cursor("SELECT id FROM t ORDER BY id", prefetch=64)]
        assert seen == list(range(1, 1001))
        await client.executemany("INSERT INTO t VALUES ($1, $2)", [(n, "many") for n in range(8000, 8100)])
        assert await client.fetchval("SELECT count(*) FROM t") == 1100
        await client.close()

    asyncio.run(talk())


@pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not on the PATH")
@pytest.mark.parametrize(
    "command", [r"\d t", r"\dt+", r"\df abs", r"\l", r"\dn", r"\du", r"\di+", r"\dT", r"\conninfo"]
)
def test_psql_describes(server: RunningServer, command: str) -> None:
    done = subprocess.run(
        ["psql", "-X", "-v", "ON_ERROR_STOP=1", f"{server.url}app?user=helios", "-c", command],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_look_ups_that_are_made_short_answer_as_before(connection: Any) -> None:
    """The third run of a statement is answered on the loop itself."""
    for number in (1, 2, 3, 4, 999, 1001, 5):
        expected = (number, f"row {number}") if number <= 1000 else None
        for binary in (True, False):
            with connection.cursor(binary=binary) as cursor:
                cursor.execute("SELECT id, name FROM t WHERE id = %s", (number,), prepare=True)
                assert cursor.fetchone() == expected
                assert cursor.statusmessage == f"SELECT {1 if expected else 0}"
    connection.execute("UPDATE t SET name = 'changed' WHERE id = 5")
    row = connection.execute("SELECT id, name FROM t WHERE id = %s", (5,), prepare=True).fetchone()
    assert row == (5, "changed")
    # The same text with a parameter of another type is another statement.
    for value, kind in ((5, "int8"), ("5", "text"), (5, "int2")):
        row = connection.execute(f"SELECT id FROM t WHERE id = (%s::{kind})::int", (value,)).fetchone()
        assert row == (5,)
    with connection.transaction():
        connection.execute("DELETE FROM t WHERE id = 5")
        assert connection.execute("SELECT id, name FROM t WHERE id = %s", (5,), prepare=True).fetchone() is None
    connection.execute("DROP TABLE t")
    with pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("SELECT id, name FROM t WHERE id = %s", (1,), prepare=True)


def test_a_cursor_that_sql_declared_is_a_portal(server: RunningServer) -> None:
    with psycopg.connect(f"{server.url}app?user=helios") as client:
        with client.cursor('a "b"', scrollable=True) as cursor:
            cursor.execute("SELECT id, name FROM t ORDER BY id")
            assert cursor.description is not None
            assert [(column.name, column.type_code) for column in cursor.description] == [("id", 23), ("name", 25)]
            assert cursor.fetchmany(2) == [(1, "row 1"), (2, "row 2")]


def test_statements_of_plugins_may_return_rows() -> None:
    text = "DELETE FROM prices FOR PORTION OF valid FROM %s::int TO %s::int RETURNING item, since, until"
    with (
        EmbeddedDatabase.new_in_memory(plugins=["temporal"]) as database,
        start_server(database, port=0) as running,
        psycopg.connect(f"{running.url}app", user="helios", autocommit=True) as connection,
    ):
        connection.execute("CREATE TABLE prices (item text, since int, until int, PERIOD FOR valid (since, until))")
        connection.execute("INSERT INTO prices VALUES ('tea', 1, 9)")
        for prepare in (False, True):
            with connection.transaction(force_rollback=True):
                assert connection.execute(text, (2, 3), prepare=prepare).fetchall() == [("tea", 1, 9)]
                assert connection.execute("SELECT since, until FROM prices ORDER BY 1").fetchall() == [(1, 2), (3, 9)]


def test_columns_tell_what_table_they_are_of(connection: Any) -> None:
    connection.execute("CREATE TABLE u (gone int, a int, b text)")
    connection.execute("ALTER TABLE u DROP COLUMN gone")
    connection.execute("CREATE VIEW v AS SELECT b, a + 1 AS c FROM u")
    oids = dict(connection.execute("SELECT relname, oid FROM pg_class WHERE relname IN ('t', 'u', 'v')").fetchall())

    def described(query: str) -> list[tuple[int, int]]:
        result = connection.execute(query).pgresult
        return [(result.ftable(number), result.ftablecol(number)) for number in range(result.nfields)]

    t, u, v = oids["t"], oids["u"], oids["v"]
    assert described("SELECT b, a, a + 1, 1, name FROM u JOIN t ON a = id") == [(u, 3), (u, 2), (0, 0), (0, 0), (t, 2)]
    assert described("SELECT * FROM (SELECT x.b AS other, a::text FROM u x ORDER BY 1) s") == [(u, 3), (0, 0)]
    assert described("SELECT * FROM v") == [(v, 1), (v, 2)]
    assert described("SELECT relname FROM pg_class LIMIT 0") == [(1259, 2)]
    assert described("SELECT id FROM t UNION SELECT a FROM u") == [(0, 0)]
    assert described("INSERT INTO u VALUES (1, 'x') RETURNING b, a") == [(u, 3), (u, 2)]
    assert described("WITH w AS (SELECT a FROM u) SELECT a FROM w") == [(u, 2)]
