"""What is answered at once is, byte for byte, what the protocol's whole machinery answers."""

from __future__ import annotations

import asyncio
import sys
from struct import pack
from typing import Any

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliosdb import EmbeddedDatabase, errors
from heliosdb_server import start_server
from heliosdb_server.conversation import Conversation
from heliosdb_server.encoding import INTEGER_WAY, TEXT_WAY, row_encoder
from heliosdb_server.messages import Inbox, error_response
from heliosdb_server.short import IN_THREAD

TABLES = """
CREATE TABLE p (id int PRIMARY KEY, n int, name text UNIQUE, price numeric(6, 2), born date, ok bool, big int8 UNIQUE);
INSERT INTO p VALUES (1, 10, 'one', 1.5, '2000-01-01', true, 1), (2, NULL, 'é', NULL, NULL, NULL, 1234567890123),
    (17, 3, '', 0, '1999-12-31', false, NULL);
"""
TEXTS = [
    "SELECT n FROM p WHERE id = 1;",
    "SELECT n FROM p WHERE id = 17",
    "SELECT n FROM p WHERE id = 5",
    "SELECT n FROM p WHERE id = 3000000000",
    "SELECT * FROM p WHERE id = 2",
    "SELECT *, 'x' AS c, 10 / n AS d FROM p WHERE id = 1",
    "SELECT born, id FROM p WHERE name = 'one'",
    "SELECT born, id FROM p WHERE name = 'é'",
    "SELECT born, id FROM p WHERE name = 'it''s'",
    "SELECT id FROM p WHERE big = 1234567890123",
    "SELECT id FROM p WHERE big = 1",
    "SELECT n / (id - 1) FROM p WHERE id = 1",
    "SELECT n / (id - 1) FROM p WHERE id = 17",
    "SELECT n FROM p WHERE id = 1; SELECT 2",
    "SELECT n FROM p WHERE id = $1",
    "SELECT id FROM p",
    "SET DateStyle = german",
    "SET DateStyle = iso",
    "BEGIN",
    "UPDATE p SET n = 10 WHERE id = 1",
    "COMMIT",
    "SELECT",
    "SELEC",
    "",
]
PREPARED = {
    "a": "SELECT n, name FROM p WHERE id = $1",
    "b": "SELECT * FROM p WHERE id = $1",
    "c": "SELECT id, born, price, ok FROM p WHERE name = $1",
    "d": "SELECT id FROM p WHERE big = $1 AND n < $2",
    "e": "UPDATE p SET n = 10 WHERE id = $1",
    "f": "SELECT n / (id - 1) FROM p WHERE id = $1",
}
VALUES: list[bytes | None] = [
    b"1", b"2", b"17", b"-1", b"+1", b" 1", b"1_7", b"x", b"", b"one", "é".encode(), b"\xff", b"1234567890123",
    b"99999999999", None, pack("!i", 1), pack("!q", 1234567890123), pack("!q", 1), b"\0" * 3,
]  # fmt: skip


def message(kind: bytes, body: bytes) -> bytes:
    return kind + pack("!i", len(body) + 4) + body


def query(text: str) -> bytes:
    return message(b"Q", text.encode() + b"\0")


def bind(name: str, values: list[bytes | None], forms: list[int], wanted: list[int], portal: bytes = b"") -> bytes:
    parts = [portal, b"\0", name.encode(), b"\0", pack(f"!h{len(forms)}h", len(forms), *forms), pack("!h", len(values))]
    parts += [pack("!i", -1) if value is None else pack("!i", len(value)) + value for value in values]
    return message(b"B", b"".join([*parts, pack(f"!h{len(wanted)}h", len(wanted), *wanted)]))


DESCRIBE, EXECUTE, SYNC = message(b"D", b"P\0"), message(b"E", b"\0" + pack("!i", 0)), message(b"S", b"")


class Pair:
    """A conversation that answers at once what it can, and one that never does, with the same said to both."""

    def __init__(self) -> None:
        self.databases = [EmbeddedDatabase.new_in_memory(plugins=[]) for _ in range(2)]
        for database in self.databases:
            database.execute(TABLES)
        self.quick, self.plain = (Conversation(database.database, "helios", {}) for database in self.databases)
        for conversation in (self.quick, self.plain):
            conversation.greeting()
        self.answered = 0

    def say(self, data: bytes) -> bytes:
        """Say something to both; the answers must be the same."""
        expected = whole(self.plain, data)
        found = self.quick.answer(data) if data else None
        if found is None:
            found = whole(self.quick, data)
        else:
            self.answered += 1
        assert found == expected, data
        return found

    def prepare(self) -> None:
        for name, text in PREPARED.items():
            self.say(message(b"P", name.encode() + b"\0" + text.encode() + b"\0\0\0") + SYNC)
            for _ in range(3):
                count = text.count("$")
                self.say(bind(name, [b"1"] * count, [], []) + EXECUTE + SYNC)
        self.answered = 0


def whole(conversation: Conversation, data: bytes) -> bytes:
    """Return what the conversation answers by the ordinary way; what is no message ends it."""
    inbox = Inbox(1 << 20)
    inbox.feed(data)
    try:
        return b"".join(conversation.process(inbox.take()))
    except errors.Error as error:
        conversation.is_over = False
        return error_response(error)


@pytest.mark.parametrize("text", TEXTS)
def test_simple_queries_are_answered_alike(text: str) -> None:
    pair = Pair()
    for other in (text, text, text, text, *TEXTS, text, *reversed(TEXTS), *TEXTS):
        pair.say(query(other))


def test_a_text_with_other_constants_is_answered_at_once() -> None:
    pair = Pair()
    for number in (1, 2):
        pair.say(query(f"SELECT n, name FROM p WHERE id = {number}"))
    assert pair.answered == 0
    assert b"SELECT 1" in pair.say(query("SELECT n, name FROM p WHERE id = 17"))
    assert b"SELECT 0" in pair.say(query("SELECT n, name FROM p WHERE id = 18"))
    assert pair.answered == 2


@pytest.mark.parametrize("name", PREPARED)
def test_prepared_statements_are_answered_alike(name: str) -> None:
    pair = Pair()
    pair.prepare()
    count = PREPARED[name].count("$")
    for value in VALUES:
        for forms in ([], [0], [1], [0] * count, [1] * count, [2], [0, 0, 0]):
            for wanted in ([], [0], [1], [0, 1], [1, 1, 1, 1], [3]):
                for ends in (EXECUTE + SYNC, DESCRIBE + EXECUTE + SYNC):
                    pair.say(bind(name, [value, *[b"20"] * (count - 1)], forms, wanted) + ends)
    assert (pair.answered > 10) == (name != "e")


def test_what_is_open_is_not_answered_at_once() -> None:
    pair = Pair()
    pair.prepare()
    short = bind("a", [b"1"], [], []) + EXECUTE + SYNC
    pair.say(short)
    assert pair.answered == 1
    for begin in (
        [bind("a", [b"1"], [], [], b"portal")],  # an open portal
        [bind("nobody", [], [], [])],  # an error: up to Sync all is skipped
        [query("BEGIN")],
        [query("BEGIN"), query("SELECT 1 / 0")],
        [query("COPY p (id) FROM STDIN")],
        [message(b"P", b"g\0SET DateStyle = german\0\0\0") + bind("g", [], [], []) + EXECUTE],
    ):
        for part in begin:
            pair.say(part)
        pair.say(short)
        assert pair.answered == 1, begin
        pair.say(message(b"f", b"enough\0"))
        pair.say(SYNC)
        pair.say(query("ROLLBACK; RESET ALL"))
        pair.say(message(b"C", b"Sg\0") + SYNC)
        for _ in range(3):
            pair.say(short)
        assert pair.answered > 1, begin
        pair.answered = 1


def test_a_statement_is_forgotten_with_its_name_and_its_table() -> None:
    pair = Pair()
    pair.prepare()
    short = bind("a", [b"1"], [], []) + EXECUTE + SYNC
    assert b"one" in pair.say(short)
    pair.say(query("ALTER TABLE p RENAME COLUMN name TO other"))
    pair.say(short)
    pair.say(message(b"C", b"Sa\0") + SYNC)
    assert b"26000" in pair.say(short)
    pair.say(message(b"P", b"a\0SELECT big FROM p WHERE id = $1\0\0\0") + SYNC)
    for _ in range(4):
        assert b"SELECT 1" in pair.say(short)
    assert pair.answered > 1


def test_a_simple_query_ends_the_unnamed_statement() -> None:
    pair = Pair()
    text = query("SELECT n FROM p WHERE id = 1")
    for _ in range(3):
        pair.say(text)
    pair.say(message(b"P", b"\0SELECT 1\0\0\0") + SYNC)
    pair.say(text)
    assert pair.answered == 2
    assert b"26000" in pair.say(bind("", [], [], []) + EXECUTE + SYNC)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_damaged_messages_are_never_answered_at_once(data: st.DataObject) -> None:
    pair = _damaged()
    source = data.draw(
        st.sampled_from([
            bind("a", [b"1"], [], []) + EXECUTE + SYNC,
            bind("d", [b"1", b"20"], [0, 0], [1]) + DESCRIBE + EXECUTE + SYNC,
            query("SELECT n FROM p WHERE id = 1;"),
        ])
    )  # fmt: skip
    place = data.draw(st.integers(1, len(source) - 1))
    kind = data.draw(st.sampled_from(["cut", "byte", "gone", "more"]))
    byte = data.draw(st.binary(min_size=1, max_size=4))
    damaged = {
        "cut": source[:place],
        "byte": source[:place] + byte[:1] + source[place + 1 :],
        "gone": source[:place] + source[place + 1 :],
        "more": source[:place] + byte + source[place:],
    }[kind]
    answer = pair.quick.answer(damaged)
    if answer is not None:
        inbox = Inbox(1 << 20)
        inbox.feed(damaged)
        arrived = inbox.take()
        assert inbox.is_empty, damaged
        assert b"".join(pair.plain.process(arrived)) == answer, damaged
        assert pair.plain.session.block.status == "I"


_made: list[Pair] = []


def _damaged() -> Pair:
    """Return conversations that know the statements; nothing that the test says changes them."""
    if not _made:
        pair = Pair()
        pair.prepare()
        for _ in range(3):
            pair.say(query("SELECT n FROM p WHERE id = 1;"))
        _made.append(pair)
    return _made[0]


def test_rows_of_every_width_become_bytes() -> None:
    ways: list[Any] = [INTEGER_WAY, TEXT_WAY, bytes]
    row = (12, "é", b"\0\1")
    parts = [b"12", "é".encode(), b"\0\1"]
    for width in range(4):
        body = pack("!h", width) + b"".join(pack("!i", len(part)) + part for part in parts[:width])
        assert row_encoder(ways[:width])([row[:width]] * 2) == message(b"D", body) * 2
    nothing = pack("!h", 3) + pack("!i", -1) * 3
    assert row_encoder(ways)([(None, None, None)]) == message(b"D", nothing)
    assert row_encoder(ways)([]) == b""


def test_messages_in_pieces_and_many_at_once_come_in_order() -> None:
    """What arrives in pieces is not answered at once, and what comes behind it waits for its turn."""

    async def talk(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        startup = pack("!i", 196608) + b"user\0helios\0\0"
        writer.write(pack("!i", len(startup) + 4) + startup)
        await reader.readuntil(b"Z\0\0\0\5I")
        wanted = []
        for turn in range(40):
            for number in (1, 2, 17):
                text = query(f"SELECT n, name FROM p WHERE id = {number}")
                slow = query(f"SELECT count(*), {turn} FROM p")
                for piece in (text[:7], text[7:] + slow + text[:3], text[3:]):
                    writer.write(piece)
                    await asyncio.sleep(0)
                wanted += [{1: b"one", 2: "é".encode(), 17: b"\0\x013"}[number], str(turn).encode()]
                wanted.append(wanted[-2])
        for part in wanted:
            assert part in await asyncio.wait_for(reader.readuntil(b"Z\0\0\0\5I"), 60)
        writer.close()

    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.execute(TABLES)
        with start_server(database, port=0) as server:
            asyncio.run(talk(server.port))


def test_what_looks_like_a_message_inside_of_another_is_none() -> None:
    async def connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        startup = pack("!i", 196608) + b"user\0helios\0\0"
        writer.write(pack("!i", len(startup) + 4) + startup)
        await reader.readuntil(b"Z\0\0\0\5I")
        return reader, writer

    async def ask(other: tuple[asyncio.StreamReader, asyncio.StreamWriter], data: bytes) -> bytes:
        other[1].write(data)
        return await asyncio.wait_for(other[0].readuntil(b"Z\0\0\0\5I"), 60)

    async def talk(port: int) -> None:
        client, other = await connect(port), await connect(port)
        inner = query("SELECT n FROM p WHERE id = 1")
        for _ in range(3):
            await ask(client, inner)
        await ask(client, message(b"P", b"s\0SELECT length($1::bytea)\0\0\0") + SYNC)
        outer = bind("s", [inner], [1], []) + EXECUTE + SYNC
        before, _, behind = outer.partition(inner)
        for piece in (before, inner):
            client[1].write(piece)
            for _ in range(3):
                await ask(other, query("SELECT 1"))  # by now the piece has been read
        found = await ask(client, behind)
        assert found.startswith(b"2\0\0\0\4D")
        assert b"%d" % len(inner) in found

    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.execute(TABLES)
        with start_server(database, port=0) as server:
            asyncio.run(talk(server.port))


def test_asyncpg_sees_no_difference() -> None:
    async def talk(port: int) -> None:
        connection = await asyncpg.connect(host="127.0.0.1", port=port, user="helios", database="x")
        statement = await connection.prepare("SELECT * FROM p WHERE id = $1")
        first = [await statement.fetch(number) for number in (1, 2, 3)]
        for _ in range(4):
            assert [await statement.fetch(number) for number in (1, 2, 3)] == first
        async with connection.transaction():
            await connection.execute("UPDATE p SET n = 11 WHERE id = 1")
            assert (await statement.fetchrow(1))["n"] == 11
        assert (await statement.fetchrow(1))["n"] == 11
        await connection.close()

    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.execute(TABLES)
        with start_server(database, port=0) as server:
            asyncio.run(talk(server.port))


def test_the_loop_is_given_its_turn_while_a_server_runs() -> None:
    before = sys.getswitchinterval()
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        with start_server(database, port=0):
            assert sys.getswitchinterval() == pytest.approx(0.0005)
        assert sys.getswitchinterval() == before


def test_short_statements_of_a_block_need_no_thread() -> None:
    pair = Pair()
    texts = [
        "BEGIN",
        "SELECT n FROM p WHERE id = 1",
        "UPDATE p SET n = n + 1 WHERE id = 17",
        "INSERT INTO p (id, n) VALUES (40, 4)",
        "DELETE FROM p WHERE id = 40",
        "SELECT n FROM p WHERE id = 17",
    ]
    for text in (*texts, "COMMIT"):
        pair.say(query(text))
    pair.prepare()
    inbox = Inbox(1 << 20)
    for text in (*texts[:3], "SELECT n FROM p WHERE id = 17;"):
        inbox.feed(query(text))
    inbox.feed(bind("a", [b"1"], [], []) + DESCRIBE + EXECUTE + SYNC)
    arrived = inbox.take()
    pieces = list(pair.quick.process(arrived))
    assert IN_THREAD not in pieces
    assert b"".join(pieces) == b"".join(pair.plain.process(arrived))
    for text in ("UPDATE p SET n = n + 1", "COMMIT"):
        inbox.feed(query(text))
        assert IN_THREAD in list(pair.quick.process(inbox.take())), text
    assert pair.databases[0].query("SELECT n FROM p WHERE id = 17") == [(6,)]
    for text in ("BEGIN", "SELECT n FROM p WHERE id = 17", "END"):
        inbox.feed(query(text))
        assert IN_THREAD not in list(pair.quick.process(inbox.take())), text
    assert pair.quick.session.block.status == "I"
