"""psycopg 3: text and binary forms, types that SQL made, pipelines, COPY, cursors, cancelling. Takes host, port, user, database."""

from __future__ import annotations

import asyncio
import datetime
import enum
import logging
import sys
import uuid
from decimal import Decimal

import psycopg
from psycopg import sql
from psycopg.rows import class_row, dict_row
from psycopg.types.composite import CompositeInfo, register_composite
from psycopg.types.enum import EnumInfo, register_enum
from psycopg.types.json import Jsonb

HOST, PORT, USER, DATABASE = sys.argv[1:]
logging.getLogger("psycopg").setLevel(
    logging.ERROR
)  # it warns where a pipeline fails before it ends: a matter of timing
WHERE = {"host": HOST, "port": int(PORT), "user": USER, "dbname": DATABASE}
VALUES = (
    2**40,
    1.5,
    Decimal("1.50"),
    datetime.date(2024, 2, 29),
    datetime.time(1, 2, 3, 4),
    datetime.datetime(2024, 1, 1, 12, tzinfo=datetime.timezone.utc),
    datetime.timedelta(1, 2, 3),
    uuid.UUID(int=5),
    b"\x00'\\",
    [[1, None], [3, 4]],
    Jsonb({"k": [1, "é"]}),
    "é",
    None,
)
TYPES = (
    "int8",
    "float8",
    "numeric",
    "date",
    "time",
    "timestamptz",
    "interval",
    "uuid",
    "bytea",
    "int[]",
    "jsonb",
    "text",
    "bool",
)


class Mood(enum.Enum):
    SAD = "sad"
    OK = "ok"


class Row:
    def __init__(self, number: int, m: Mood) -> None:
        self.shown = f"{number} is {m.name}"


connection = psycopg.connect(**WHERE, autocommit=True)
print("version", connection.info.server_version // 10000, connection.info.encoding, connection.info.timezone)
connection.execute("SET client_min_messages = warning")
for binary in (False, True):
    casts = ", ".join(f"{'%b' if binary else '%t'}::{name}" for name in TYPES)
    cursor = connection.cursor(binary=binary)
    row = cursor.execute(f"SELECT {casts}", VALUES).fetchone()
    print("binary" if binary else "text", row)
    print("described", [(c.name, c.type_display, c.precision, c.internal_size) for c in cursor.description][:4])

connection.execute("CREATE SCHEMA p3")
connection.execute("SET search_path = p3")
connection.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
connection.execute("CREATE TYPE pair AS (x int, m mood)")
connection.execute("CREATE TABLE t (id int PRIMARY KEY, m mood, p pair, ps pair[], v varchar(5) CHECK (v <> 'no'))")
register_enum(EnumInfo.fetch(connection, "mood"), connection, Mood, mapping={mood: mood.value for mood in Mood})
info = CompositeInfo.fetch(connection, "p3.pair")
register_composite(info, connection)
pair = info.python_type(7, Mood.SAD)
print("composite", info.name, info.field_names)
for binary in (False, True):
    where = "%b" if binary else "%t"
    cursor = connection.cursor(binary=binary)
    cursor.execute(
        f"INSERT INTO t (id, m, p, ps) VALUES (%s, {where}, %s, %s)", (int(binary), Mood.OK, pair, [pair, None])
    )
    print("row", cursor.execute("SELECT * FROM t WHERE id = %s", (int(binary),)).fetchone(), cursor.statusmessage)

with connection.pipeline() as pipeline:
    first = connection.execute("SELECT id FROM t ORDER BY id")
    cursor = connection.cursor()
    cursor.executemany("INSERT INTO t (id) VALUES (%s) RETURNING id * 10", [(n,) for n in range(2, 5)], returning=True)
    pipeline.sync()
    print("pipeline", first.fetchall(), [result.fetchall() for result in cursor.results()])
try:
    with connection.pipeline():
        connection.execute("INSERT INTO t (id) VALUES (9)")
        connection.execute("INSERT INTO t (id) VALUES (1)")
        connection.execute("INSERT INTO t (id) VALUES (10)")
except psycopg.errors.UniqueViolation as error:
    print("refused", error.sqlstate, error.diag.constraint_name, error.diag.schema_name, error.diag.message_detail)
print("kept", connection.execute("SELECT array_agg(id ORDER BY id) FROM t").fetchone())

for form in ("TEXT", "BINARY"):
    with connection.cursor().copy(f"COPY t (id, m, v) FROM STDIN (FORMAT {form})") as copy:
        copy.set_types(["int4", "mood", "varchar"])
        for n in range(3):
            copy.write_row(((20 if form == "TEXT" else 30) + n, Mood.SAD, None if n else "tab\t"))
    with connection.cursor().copy(
        f"COPY (SELECT id, m, v FROM t WHERE id >= 20 ORDER BY id) TO STDOUT (FORMAT {form})"
    ) as copy:
        copy.set_types(["int4", "mood", "varchar"])
        print("copied", list(copy.rows()))
for what in ("COPY t (id) FROM STDIN", "COPY t (v, id) FROM STDIN"):
    try:
        with connection.cursor().copy(what) as copy:
            copy.write("no\t77\n")
    except psycopg.Error as error:
        print("refused", error.sqlstate, error.diag.message_primary, "|", error.diag.context)

with connection.transaction(), connection.cursor("named", scrollable=True, row_factory=dict_row) as named:
    named.itersize = 2
    named.execute("SELECT id FROM t ORDER BY id")
    print("named", [row["id"] for row in named])
    named.scroll(1, mode="absolute")
    print("scrolled", named.fetchmany(2))
with connection.transaction() as outer:
    connection.execute("DELETE FROM t WHERE id >= 20")
    try:
        with connection.transaction():
            connection.execute("UPDATE t SET v = 'too long' WHERE id = 1")
    except psycopg.errors.StringDataRightTruncation as error:
        print("refused", error.sqlstate, error.diag.message_primary)
    print("nested", connection.execute("SELECT count(*) FROM t").fetchone())
    raise psycopg.Rollback(outer)
with connection.cursor(row_factory=class_row(Row)) as rows:
    print(
        "class",
        rows.execute("SELECT id AS number, m FROM t WHERE m IS NOT NULL ORDER BY id LIMIT 2").fetchall()[1].shown,
    )
print("streamed", [row[0] for row in connection.cursor().stream("SELECT id FROM t ORDER BY id DESC LIMIT 3")])
for n in range(7):
    cursor = connection.execute("SELECT m FROM t WHERE id = %s", (n,))
connection.execute("ALTER TABLE t ALTER m TYPE text")
try:
    print("altered", connection.execute("SELECT m FROM t WHERE id = %s", (1,)).fetchone())
except psycopg.Error as error:
    print("refused", error.sqlstate, error.diag.message_primary)
print("prepared", connection.execute("SELECT count(*), bool_and(NOT from_sql) FROM pg_prepared_statements").fetchone())
composed = sql.SQL("SELECT {}, {} FROM {} WHERE {} = ANY({}) ORDER BY 1").format(
    sql.Identifier("id"), sql.Literal("it's"), sql.Identifier("p3", "t"), sql.Identifier("id"), sql.Placeholder("ids")
)
print("composed", connection.execute(composed, {"ids": [1, 2, 99]}).fetchall())
client = psycopg.ClientCursor(connection)
print("mogrified", client.mogrify("SELECT %s, %s, %s", ("it's", Mood.OK, datetime.date(2024, 2, 29))))
several = connection.execute("SELECT 1 AS a; SELECT 2 AS b, 3")
print("several", [(result.fetchall(), result.description[0].name) for result in several.results()])
notices: list[str] = []
connection.add_notice_handler(lambda notice: notices.append(f"{notice.severity} {notice.message_primary}"))
connection.execute("SET client_min_messages = notice; DROP TABLE IF EXISTS nobody")
print("notices", notices)


async def main() -> None:
    async with await psycopg.AsyncConnection.connect(**WHERE, autocommit=True) as other:
        await other.execute("LISTEN chan")
        connection.execute("NOTIFY chan, 'hello'")
        async for told in other.notifies(timeout=5, stop_after=1):
            print("notified", told.channel, told.payload, told.pid == connection.info.backend_pid)
        sleeping = asyncio.create_task(other.execute("SELECT pg_sleep(60)"))
        while not connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND state = 'active' AND query LIKE '%%pg_sleep%%'",
            (other.info.backend_pid,),
        ).fetchone()[0]:
            await asyncio.sleep(0.01)
        await other.cancel_safe()
        try:
            await sleeping
        except psycopg.errors.QueryCanceled as error:
            print("cancelled", error.sqlstate, error.diag.message_primary)


asyncio.run(main())
connection.execute("SET client_min_messages = warning")
connection.execute("DROP SCHEMA p3 CASCADE")
connection.close()
