"""Ask a PostgreSQL 15 server what it answers to the conversations below and write ``conversations.jsonl``.

    python record_conversations.py HOST PORT USER DATABASE

``test_conversations.py`` has the same conversations with our server. What may differ is left out: numbers of processes
and their secrets, settings at the beginning, where in PostgreSQL's source an error was raised, OIDs of tables, and how
far a COPY had come that its client gave up. What is asked of neither, for it is known to differ: PostgreSQL reads texts
of parameters and computes constants at Bind, here that is done by Execute; and it knows the columns of EXPLAIN before.
"""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from struct import pack, unpack_from

__all__ = ["CONVERSATIONS", "SETUP", "talk"]

Answer = list[tuple[str, str]]

SETUP = (
    "DROP TABLE IF EXISTS wt;"
    "CREATE TABLE wt (a int PRIMARY KEY, b varchar(5) NOT NULL, c numeric(6, 2) CHECK (c > 0));"
    "INSERT INTO wt SELECT g, 'r' || g, g FROM generate_series(1, 10) g"
)


def message(kind: str, body: bytes = b"") -> bytes:
    """Return a message."""
    return kind.encode() + pack("!i", len(body) + 4) + body


def query(text: str) -> bytes:
    """Return Query."""
    return message("Q", text.encode() + b"\0")


def parse(text: str, name: str = "", types: tuple[int, ...] = ()) -> bytes:
    """Return Parse."""
    return message("P", name.encode() + b"\0" + text.encode() + b"\0" + pack(f"!h{len(types)}I", len(types), *types))


def bind(
    values: tuple[bytes | None, ...] = (), portal: str = "", name: str = "", formats: tuple[int, ...] = (),
    results: tuple[int, ...] = (),
) -> bytes:  # fmt: skip
    """Return Bind."""
    sent = b"".join(pack("!i", -1) if value is None else pack("!i", len(value)) + value for value in values)
    return message(
        "B",
        portal.encode() + b"\0" + name.encode() + b"\0" + pack(f"!h{len(formats)}h", len(formats), *formats)
        + pack("!h", len(values)) + sent + pack(f"!h{len(results)}h", len(results), *results),
    )  # fmt: skip


def execute(portal: str = "", limit: int = 0) -> bytes:
    """Return Execute."""
    return message("E", portal.encode() + b"\0" + pack("!i", limit))


def describe(kind: str, name: str = "") -> bytes:
    """Return Describe."""
    return message("D", kind.encode() + name.encode() + b"\0")


def close(kind: str, name: str = "") -> bytes:
    """Return Close."""
    return message("C", kind.encode() + name.encode() + b"\0")


SYNC, FLUSH = message("S"), message("H")

CONVERSATIONS: dict[str, list[bytes]] = {
    "empty queries": [query(""), query(" ; ; "), query("-- nothing"), parse(""), bind(), describe("S"), describe("P"),
                      execute(), SYNC],
    "several statements": [query("SELECT 1 AS a; SELECT 'x'::text, NULL; DELETE FROM wt WHERE a > 100")],
    "an error among several": [query("SELECT 1; SELECT 1 / 0; SELECT 2"), query("SELECT 3")],
    "an explicit block": [query("BEGIN"), query("SELECT 1 / 0"), query("SELECT 1"), query("COMMIT")],
    "a block in one text": [query("BEGIN; SELECT 1; SELECT 1 / 0; COMMIT"), query("SELECT 2"), query("ROLLBACK")],
    "notices": [query("DROP TABLE IF EXISTS nobody"), query("COMMIT"), query("BEGIN; BEGIN; ROLLBACK"),
                query("SET client_min_messages = error"), query("DROP TABLE IF EXISTS nobody"), query("ROLLBACK")],
    "settings are told": [query("SET datestyle = 'SQL, DMY'"), query("SET search_path = public"),
                          query("BEGIN; SET application_name = 'x'"), query("ROLLBACK"), query("RESET datestyle")],
    "a prepared statement": [parse("SELECT a, b FROM wt WHERE a = $1", "s"), describe("S", "s"),
                             bind((b"3",), "p", "s"), describe("P", "p"), execute("p"), close("P", "p"),
                             close("S", "s"), SYNC],
    "binary both ways": [parse("SELECT a, c FROM wt WHERE a = $1 OR b = $2"),
                         bind((pack("!i", 3), b"r4"), formats=(1, 0), results=(1, 0)), describe("P"), execute(), SYNC],
    "a portal with a limit": [query("BEGIN"), parse("SELECT a FROM wt ORDER BY a"), bind(portal="p"), execute("p", 4),
                              FLUSH, execute("p", 6), execute("p", 1), SYNC, query("COMMIT")],
    "sync ends portals": [parse("SELECT a FROM wt"), bind(portal="p"), execute("p", 1), SYNC, execute("p"), SYNC],
    "an error skips to sync": [parse("SELECT 1 / (a - 1) FROM wt"), bind(), execute(), parse("SELECT 1"), bind(),
                               execute(), SYNC, parse("SELECT 2"), bind(), execute(), SYNC],
    "a pipeline is one transaction": [parse("INSERT INTO wt VALUES (50, 'x', 1)"), bind(), execute(),
                                      parse("INSERT INTO wt VALUES (50, 'y', 1)"), bind(), execute(), SYNC,
                                      query("SELECT count(*) FROM wt WHERE a = 50")],
    "nobody's names": [describe("S", "nobody"), SYNC, describe("P", "nobody"), SYNC, bind(name="nobody"), SYNC,
                       execute("nobody"), SYNC, close("S", "nobody"), close("P", "nobody"), SYNC],
    "names twice": [parse("SELECT 1", "n"), parse("SELECT 2", "n"), SYNC, parse("SELECT 1"), bind(portal="q"),
                    bind(portal="q"), SYNC],
    "parameters that are missing": [parse("SELECT $1::int"), bind(), SYNC, parse("SELECT $1"), describe("S"), SYNC],
    "parameters that are wrong": [parse("SELECT $1::int"), bind((b"abc",), formats=(1, 1)), SYNC],
    "two commands to prepare": [parse("SELECT 1; SELECT 2"), SYNC],
    "what returns nothing": [parse("UPDATE wt SET c = 2 WHERE a = $1"), describe("S"), bind((b"1",)), describe("P"),
                             execute(), SYNC],
    "returning": [parse("INSERT INTO wt VALUES ($1, $2, 3) RETURNING a, c"), describe("S"), bind((b"60", b"x")),
                  describe("P"), execute(limit=1), execute(), SYNC, query("DELETE FROM wt WHERE a = 60")],
    "fields of errors": [query("INSERT INTO wt VALUES (1, 'x', 1)"), query("INSERT INTO wt VALUES (70, NULL, 1)"),
                         query("INSERT INTO wt VALUES (70, 'x', -1)"),
                         query("INSERT INTO wt VALUES (70, 'toolong', 1)"),
                         query("SELECT nobody FROM wt"), query("SELECT * FROM nobody"), query("SELEC 1"),
                         query("SELECT 1;\nSELECT x"), query("SELECT 'x'::int")],
    "show": [parse("SHOW standard_conforming_strings"), describe("S"), bind(), describe("P"), execute(), SYNC],
    "cursors are portals": [query("BEGIN; DECLARE c CURSOR FOR SELECT a FROM wt ORDER BY a"), describe("P", "c"),
                            execute("c", 2), SYNC, query("FETCH 2 FROM c"), close("P", "c"), SYNC, query("COMMIT")],
    "copy in": [query("COPY wt FROM STDIN"), message("d", b"80\tx\t1\n"), message("d", b"81\ty\t1\n"), message("c"),
                query("DELETE FROM wt WHERE a >= 80")],
    "copy in that fails": [query("COPY wt FROM STDIN"), message("d", b"80\tx\t1\n"), message("f", b"no more\0"),
                           query("SELECT count(*) FROM wt WHERE a = 80")],
    "copy in of what is wrong": [query("COPY wt FROM STDIN"), message("d", b"x\tx\t1\n"), message("d", b"81\ty\t1\n"),
                                 message("c"), query("SELECT 1")],
    "copy in by the extended protocol": [parse("COPY wt (a, b) FROM STDIN"), bind(), describe("P"), execute(),
                                         message("d", b"82\tx\n"), message("c"), SYNC,
                                         query("DELETE FROM wt WHERE a = 82")],
    "copy out": [query("COPY (SELECT a, b FROM wt WHERE a < 4 ORDER BY a) TO STDOUT"),
                 query("COPY (SELECT a FROM wt WHERE a < 3 ORDER BY a) TO STDOUT (FORMAT binary)"),
                 query("COPY (SELECT 1, E'a\\nb') TO STDOUT CSV HEADER")],
    "copy messages out of order": [message("d", b"x"), message("c"), message("f", b"x\0"), query("SELECT 1")],
    "format codes": [parse("SELECT 1, 2"), bind(results=(0, 1, 0)), SYNC, parse("SELECT $1::int, $2::int"),
                     bind((b"1", b"2"), formats=(0, 0, 0)), SYNC],
    "notifications": [query("LISTEN ch"), query("NOTIFY ch, 'x'"), query("BEGIN; NOTIFY ch; NOTIFY ch, 'x'"),
                      query("COMMIT"), query("SELECT pg_notify('ch', 'y')"), query("UNLISTEN *; NOTIFY ch")],
    "describing types": [parse("SELECT a, b, c, now(), 'x'::char(3), ARRAY[1], 1.5::float4, true, '1 day'::interval"
                               " FROM wt"), describe("S"), SYNC],
    "describing parameters": [parse("SELECT $1::text, $2 + 1, a = $3, $4::date FROM wt", types=(0, 20)), describe("S"),
                              SYNC],
    "describing what has no rows": [parse("CREATE TABLE wu (a int)"), describe("S"), SYNC,
                                    parse("SET timezone = 'UTC'"),
                                    describe("S"), SYNC, parse("BEGIN"), describe("S"), SYNC],
}  # fmt: skip


def talk(host: str, port: int, user: str, database: str, sent: list[bytes]) -> Answer:
    """Send messages and return the answers behind the first ReadyForQuery."""
    with socket.create_connection((host, port), timeout=30) as client, client.makefile("rb") as file:
        body = b"\0\3\0\0user\0" + user.encode() + b"\0database\0" + database.encode() + b"\0\0"
        client.sendall(pack("!i", len(body) + 4) + body)
        client.sendall(b"".join(sent) + message("X"))
        found: Answer = []
        number = -1
        while kind := file.read(1):
            (length,) = unpack_from("!i", file.read(4))
            data = file.read(length - 4)
            if kind == b"K":
                (number,) = unpack_from("!i", data)
            found.append((kind.decode(), _shown(kind, data, number)))
    ready = [place for place, (kind, _) in enumerate(found) if kind == "Z"]
    return found[ready[0] + 1 :]


def _shown(kind: bytes, data: bytes, number: int) -> str:
    if kind in (b"E", b"N"):
        fields = [part for part in data.split(b"\0") if part and part[:1] not in b"FLR"]
        if b"C57014" in fields:
            fields = [part for part in fields if part[:1] != b"W"]
        return " | ".join(part.decode() for part in fields)
    if kind == b"T":
        (count,) = unpack_from("!h", data)
        at, columns = 2, []
        for _ in range(count):
            end = data.index(b"\0", at)
            columns.append((data[at:end].decode(), *unpack_from("!ihih", data, end + 7)))
            at = end + 19
        return str(columns)
    if kind == b"A":
        return f"{'own' if unpack_from('!i', data)[0] == number else 'other'} {data[4:]!r}"
    return repr(data)


def main() -> None:
    """Record everything."""
    host, port, user, database = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
    talk(host, port, user, database, [query(SETUP)])
    lines = [
        json.dumps({"name": name, "answer": talk(host, port, user, database, sent)})
        for name, sent in CONVERSATIONS.items()
    ]
    Path(__file__).with_name("conversations.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
