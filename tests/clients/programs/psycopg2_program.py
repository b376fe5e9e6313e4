"""psycopg2: its client-side parameters, named cursors, COPY, adapters, notices, two-way types. Takes host, port, user, database."""

from __future__ import annotations

import datetime
import io
import sys
import uuid
from decimal import Decimal

import psycopg2
import psycopg2.errors
from psycopg2 import extras, sql

HOST, PORT, USER, DATABASE = sys.argv[1:]
extras.register_uuid()
connection = psycopg2.connect(host=HOST, port=PORT, user=USER, dbname=DATABASE)
print(
    "version",
    connection.server_version // 10000,
    connection.encoding,
    connection.get_parameter_status("TimeZone") is not None,
)
cursor = connection.cursor()
cursor.execute(
    "CREATE TABLE p2 (id serial PRIMARY KEY, n numeric, d date, t timestamptz, b bytea, a int[], j jsonb, u uuid, i interval)"
)
values = (
    Decimal("1.50"),
    datetime.date(2024, 2, 29),
    datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc),
    b"\x00'\\",
    [1, None],
    extras.Json({"k": [1, "é"]}),
    uuid.UUID(int=3),
    datetime.timedelta(days=1, seconds=5),
)
cursor.execute("INSERT INTO p2 (n, d, t, b, a, j, u, i) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id", values)
print("id", cursor.fetchone(), cursor.rowcount, cursor.statusmessage)
cursor.execute("SELECT n, d, t AT TIME ZONE 'UTC', b, a, j, u, i FROM p2")
row = cursor.fetchone()
print("row", [bytes(value) if isinstance(value, memoryview) else value for value in row])
print("described", [(column.name, column.type_code) for column in cursor.description])
extras.execute_values(cursor, "INSERT INTO p2 (n, a) VALUES %s", [(n, [n]) for n in range(10)])
extras.execute_batch(cursor, "UPDATE p2 SET n = n + %s WHERE id = %s", [(1, 2), (2, 3)])
cursor.execute("SELECT sum(n) FROM p2")
print("sum", cursor.fetchone())
cursor.copy_expert("COPY p2 (n, d) FROM STDIN CSV", io.StringIO("7,2020-01-01\n8,\n"))
out = io.StringIO()
cursor.copy_expert("COPY (SELECT n, d FROM p2 WHERE n > 6 ORDER BY n) TO STDOUT", out)
print("copied", out.getvalue().splitlines())
cursor.copy_from(io.StringIO("5\t\\N\n"), "p2", columns=("n", "d"))
with connection.cursor("named") as named:
    named.itersize = 3
    named.execute("SELECT g FROM generate_series(1, 10) g")
    print("named", [row[0] for row in named])
with connection.cursor(cursor_factory=extras.RealDictCursor) as dicts:
    dicts.execute(sql.SQL("SELECT {} FROM {} ORDER BY 1 LIMIT 1").format(sql.Identifier("n"), sql.Identifier("p2")))
    print("dict", dict(dicts.fetchone()))
connection.commit()
try:
    cursor.execute("INSERT INTO p2 (id) VALUES (1)")
except psycopg2.errors.UniqueViolation as error:
    print("refused", error.pgcode, error.diag.constraint_name, error.diag.message_detail)
connection.rollback()
connection.set_session(isolation_level="SERIALIZABLE", readonly=True)
cursor.execute("SHOW transaction_isolation")
print("level", cursor.fetchone())
try:
    cursor.execute("DELETE FROM p2")
except psycopg2.Error as error:
    print("refused", error.pgcode)
connection.rollback()
connection.set_session(isolation_level="DEFAULT", readonly=False, autocommit=True)
cursor.execute("CREATE TYPE pair AS (x int, y text)")
cursor.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
print("composite", extras.register_composite("pair", cursor).attnames)
cursor.execute("SELECT (1, 'a')::pair, ARRAY['sad', 'ok']::mood[]")
print("values", cursor.fetchone())
cursor.execute("DROP TABLE IF EXISTS nobody")
print("notices", [notice.strip() for notice in connection.notices[-1:]])
cursor.execute("LISTEN chan; NOTIFY chan, 'hello'")
connection.poll()
print("notified", [(n.channel, n.payload) for n in connection.notifies])
cursor.execute("SELECT 1 WHERE %(a)s = ANY(%(b)s)", {"a": 1, "b": [1, 2]})
print("any", cursor.fetchall())
cursor.execute("DROP TABLE p2; DROP TYPE pair; DROP TYPE mood")
connection.close()
