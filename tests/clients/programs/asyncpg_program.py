"""asyncpg: what it asks about types that SQL made, records, COPY, cursors, notifications. Takes host, port, user, database."""

from __future__ import annotations

import asyncio
import datetime
import sys
import uuid
from decimal import Decimal

import asyncpg

HOST, PORT, USER, DATABASE = sys.argv[1:]


async def main() -> None:
    connection = await asyncpg.connect(host=HOST, port=int(PORT), user=USER, database=DATABASE)
    print("version", connection.get_server_version().major)
    await connection.execute("DROP SCHEMA IF EXISTS ap CASCADE")
    await connection.execute("CREATE SCHEMA ap")
    await connection.execute("CREATE TYPE ap.mood AS ENUM ('sad', 'ok')")
    await connection.execute("CREATE TYPE ap.pair AS (x int, m ap.mood, tags text[])")
    await connection.execute("CREATE DOMAIN ap.price AS numeric(8, 2) CHECK (VALUE >= 0)")
    await connection.execute(
        "CREATE TABLE ap.t (id int PRIMARY KEY, m ap.mood, p ap.pair, ps ap.pair[], d ap.price, ms ap.mood[])"
    )
    row = (1, "ok", (7, "sad", ["a", None]), [(8, None, [])], Decimal("1.50"), ["sad"])
    await connection.execute("INSERT INTO ap.t VALUES ($1, $2, $3, $4, $5, $6)", *row)
    found = await connection.fetchrow("SELECT * FROM ap.t")
    print(
        "row",
        found["id"],
        found["m"],
        tuple(found["p"]),
        [tuple(pair) for pair in found["ps"]],
        found["d"],
        found["ms"],
    )
    print("whole", tuple(await connection.fetchval("SELECT t FROM ap.t t"))[:2])
    statement = await connection.prepare("SELECT m, d, p, $1::ap.mood FROM ap.t WHERE id = $2")
    print("parameters", [(each.name, each.kind, each.schema) for each in statement.get_parameters()])
    print("attributes", [(each.name, each.type.name, each.type.kind) for each in statement.get_attributes()])
    values = (
        2**40,
        1.5,
        datetime.date(2024, 2, 29),
        datetime.timedelta(1, 2),
        uuid.UUID(int=5),
        b"\x00",
        [[1, 2], [3, 4]],
        "é",
    )
    print(
        "values",
        tuple(
            await connection.fetchrow(
                "SELECT $1::int8, $2::float8, $3::date, $4::interval, $5::uuid, $6::bytea, $7::int[], $8::text", *values
            )
        ),
    )
    await connection.copy_records_to_table(
        "t", schema_name="ap", columns=["id", "m", "d"], records=[(n, "sad", Decimal(n)) for n in range(2, 6)]
    )
    print("copied", await connection.fetchval("SELECT sum(d) FROM ap.t"))
    async with connection.transaction(isolation="serializable", readonly=True):
        numbers = [record["id"] async for record in connection.cursor("SELECT id FROM ap.t ORDER BY id", prefetch=2)]
        print("cursor", numbers)
    try:
        await connection.execute("INSERT INTO ap.t (id) VALUES (1)")
    except asyncpg.UniqueViolationError as error:
        print("refused", error.sqlstate, error.constraint_name, error.schema_name, error.table_name)
    try:
        await connection.execute("UPDATE ap.t SET d = -1")
    except asyncpg.CheckViolationError as error:
        print("refused", error.sqlstate, error.constraint_name)
    heard = asyncio.get_running_loop().create_future()
    await connection.add_listener("chan", lambda *told: heard.done() or heard.set_result(told[2:]))
    await connection.execute("NOTIFY chan, 'hello'")
    print("notified", await asyncio.wait_for(heard, 5))
    await connection.execute("DROP SCHEMA ap CASCADE")
    await connection.close()


asyncio.run(main())
