"""Texts with constants find their function by the pieces between them, and answer as the ordinary way does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import heliosdb
from heliosdb import EmbeddedDatabase, errors
from heliosdb.session.statements import StatementCache
from heliosdb.sql.dialect import POSTGRESQL
from heliosdb.sql.lifting import LONGEST, cut
from heliosdb.sql.shape import shape

TABLES = """
CREATE TABLE p (id int PRIMARY KEY, n int CHECK (n > -100), name text UNIQUE, price numeric(6, 2), born date,
    tiny int2, big int8, code varchar(3), u uuid, f float8, ok bool);
INSERT INTO p VALUES (1, 10, 'one', 1.5, '2000-01-01', 1, 1, 'a', NULL, 0.5, true),
    (2, 20, 'two', NULL, NULL, NULL, NULL, NULL, '00000000-0000-0000-0000-000000000001', NULL, false),
    (5, 50, 'it''s', 5, '2005-05-05', 5, 5, '5', NULL, 5, NULL);
CREATE TABLE "a = 5 " (id int PRIMARY KEY, "b = 7 " int); INSERT INTO "a = 5 " VALUES (5, 7);
"""

TEMPLATES = [
    "SELECT n, {0} FROM p WHERE id = {0}",
    "SELECT n FROM p WHERE id={0};",
    "SELECT n + {1}, -{1}, price FROM p WHERE id = {0} AND n <> {1}",
    "SELECT id FROM p WHERE name = {0}",
    "SELECT id, {1} AS x FROM p WHERE name = {0} OR id = {1}",
    "SELECT name FROM p WHERE id = - {0}",
    "SELECT name FROM p WHERE id = {0} /* {1} */",
    "SELECT name FROM p WHERE id = {0} -- {1}",
    "SELECT name FROM p WHERE id = {0}\n{1}",
    "SELECT name FROM p WHERE id = ({0}) ORDER BY {1}",
    "SELECT name FROM p WHERE id = {0} LIMIT {1}",
    "SELECT name FROM p WHERE id = {0}::int",
    "SELECT n / ({1} - n) FROM p WHERE id = {0}",
    "SELECT E{1}, n FROM p WHERE id = {0}",
    "SELECT date {1}, n FROM p WHERE id = {0}",
    "SELECT $${0}$$ FROM p WHERE id = {0}",
    'SELECT "b = 7 " FROM "a = 5 " WHERE id = {0}',
    "SELECT x5 FROM (SELECT id, n AS x5 FROM p) q WHERE id = {0}",
    "SELECT n FROM p WHERE id = {0}; SELECT {1}",
    "UPDATE p SET n = n + {1} WHERE id = {0}",
    "UPDATE p SET n = n + -{1} WHERE id = {0}",
    "UPDATE p SET name = {1} WHERE id = {0}",
    "UPDATE p SET price = {1} WHERE id = {0}",
    "UPDATE p SET price = -{1} WHERE id = {0}",
    "UPDATE p SET born = {1} WHERE id = {0}",
    "UPDATE p SET tiny = {1} WHERE id = {0}",
    "UPDATE p SET big = - {1} WHERE id = {0}",
    "UPDATE p SET code = {1} WHERE id = {0}",
    "UPDATE p SET u = {1} WHERE id = {0}",
    "UPDATE p SET f = {1}, ok = {1} WHERE id = {0}",
    "INSERT INTO p (id, n, name) VALUES ({0}, {1}, {1})",
    "INSERT INTO p (id, code, tiny) VALUES ({0},{1},{1})",
    "INSERT INTO p (id, born) VALUES ({0}, {1})",
    "DELETE FROM p WHERE id = {0}",
]
CONSTANTS = [
    "1", "2", "5", "0", "00", "007", "10", "999999999", "1000000000", "2147483648", "9223372036854775808", "1e2",
    "1.5", ".5", "1.", "0.0", "5x", "0x10", "1_000", "''", "'1'", "' 1 '", "'a'", "'it''s'", "'two'", "'a\\b'",
    "E'a\\'b'", "'x' 'y'", "'x'\n'y'", "'toolong'", "'2000-01-01'", "'today'",
    "'00000000-0000-0000-0000-000000000001'", "'é'", "'\0'", "'\ud800'", "'a = 5 '", "'--'", "'/*'", "'$1'", "NULL",
    "true", "$1", "- 5", "-5", "--5\n5", "/* 5 */ 5", "(5)", "b'101'", "U&'\\0061'", "N'a'", "'5'::int", "5 + 5",
    "5,5", "5;", "\xa05", "5\xa0", "5\v",
]  # fmt: skip


def outcome(db: EmbeddedDatabase, text: str) -> Any:
    """Return what a client sees of a statement, through the method that fits."""
    try:
        if text.startswith("SELECT"):
            return [(tuple(row), row.keys(), [type(value) for value in row]) for row in db.query(text)]
        return db.execute(text)
    except errors.Error as error:
        return error.sqlstate, str(error), error.detail


def databases() -> tuple[EmbeddedDatabase, EmbeddedDatabase]:
    """Return a database as it is, and one that never takes the short way."""
    quick, plain = EmbeddedDatabase.new_in_memory(plugins=[]), EmbeddedDatabase.new_in_memory(plugins=[])
    for db in (quick, plain):
        db.execute(TABLES)
    plain._session.points.offer = lambda *_, **__: None  # type: ignore[method-assign]
    return quick, plain


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_constant_gives_the_same_both_ways(template: str) -> None:
    quick, plain = databases()
    content = "SELECT * FROM p ORDER BY id"
    for first in ("1", "'one'", *CONSTANTS):
        others = CONSTANTS if "{1}" in template and first in ("1", "5", "'two'") else ["5", "'b'"]
        for text in (template.replace("{0}", first).replace("{1}", other) for other in others):
            assert outcome(quick, text) == outcome(plain, text), text
            if text[0] in "DI":
                assert outcome(quick, content) == outcome(plain, content), text
        assert outcome(quick, content) == outcome(plain, content), template
        for db in (quick, plain):
            db.execute("DELETE FROM p WHERE id NOT IN (1, 2, 5)")
            db.execute("INSERT INTO p (id) VALUES (1), (2), (5) ON CONFLICT DO NOTHING")


NOISE = r"""SELECT ~n~id~ FROM p ~WHERE ~id = ~name = ~ AND ~, ~ ~
~;~(~)~=~+~-~--~/*~*/~'~''~"~$$~$1~E~x~\~.~e~1~5~'a'~'b'~[~]~`~*~%~||"""
pieces_of_text = st.sampled_from(NOISE.split("~"))


@given(st.lists(pieces_of_text, max_size=12).map("".join), st.lists(st.sampled_from(CONSTANTS), min_size=8, max_size=8))
@settings(max_examples=400)
def test_what_shape_confirms_of_one_text_holds_for_all_with_its_pieces(noise: str, constants: list[str]) -> None:
    text = f"SELECT n FROM p WHERE id = 1{noise}"
    parts = cut(text)
    assert "".join(parts) == text
    key, lifted = shape(text)
    values = {constant.position: constant.value for constant in lifted}
    for place in range(1, len(parts), 2):
        if values.get(sum(map(len, parts[:place])) + 1) != parts[place].strip("'"):
            return
    # Other constants of the same kinds between the same pieces.
    fitting = {
        False: [c for c in constants if cut(f" {c}")[1::2] == [c] and c[0] != "'"] or ["7"],
        True: ["''", "'x = 5 '"],
    }
    other = [
        part if place % 2 == 0 else fitting[part[0] == "'"][place % len(fitting[part[0] == "'"])]
        for place, part in enumerate(parts)
    ]
    again = cut("".join(other))
    assert again == other
    assert shape("".join(other))[0] == key


@pytest.mark.parametrize("template", TEMPLATES)
def test_statements_are_cut_as_the_lexer_does(template: str) -> None:
    known = StatementCache(POSTGRESQL)
    for first in CONSTANTS:
        for second in CONSTANTS if "{1}" in template and first in ("1", "'a'") else ["2", "'b'"]:
            for around in ("{}", "-- 5\n{} ; -- 7"):
                text = around.replace("{}", template.replace("{0}", first).replace("{1}", second))
                assert _cut(known, text) == _cut(StatementCache(POSTGRESQL), text), text


def test_a_text_that_differs_in_its_constants_is_not_cut_again(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = StatementCache(POSTGRESQL)
    first = cache.texts("SELECT n FROM p WHERE id = 1 AND name = 'a';")
    monkeypatch.setattr("heliosdb.sql.script.split", None)
    (again,) = cache.texts("SELECT n FROM p WHERE id = 234 AND name = 'bcd';")
    assert again.shape == first[0].shape
    assert again.text == "SELECT n FROM p WHERE id = 234 AND name = 'bcd'"
    assert [(each.value, each.position) for each in again.constants] == [("234", 28), ("bcd", 43)]
    with pytest.raises(TypeError):
        cache.texts("SELECT n FROM p WHERE id = 'x' AND name = 'bcd';")  # of another kind


def _cut(cache: StatementCache, text: str) -> Any:
    try:
        return cache.texts(text)
    except errors.Error as error:
        return error.sqlstate, str(error)


def test_a_text_with_new_constants_is_answered_by_the_function_of_its_pieces() -> None:
    db, _ = databases()
    for number in (1, 2):
        db.query(f"SELECT n FROM p WHERE id = {number}")
    calls: list[Any] = []
    (lifted,) = db._session.lifted.values()
    run = lifted.run
    lifted.run = lambda constants: calls.append(constants) or run(constants)
    assert db.query("SELECT n FROM p WHERE id = 5") == [(50,)]
    assert db.query("SELECT n FROM p WHERE id = 6") == []
    assert calls == [["5"], ["6"]]
    assert db.query("SELECT n FROM p WHERE id = 2", ()) == [(20,)]
    assert len(calls) == 3
    with pytest.raises(errors.ProtocolViolation):
        db.query("SELECT n FROM p WHERE id = 2", (2,))
    assert len(calls) == 3


def test_lifted_functions_are_dropped_with_the_catalog_and_set_aside_in_a_block() -> None:
    db, _ = databases()
    for number in (1, 2):
        db.query(f"SELECT n, * FROM p WHERE id = {number}")
    assert db._session.lifted
    db.execute("BEGIN")
    db.execute("UPDATE p SET n = 0")
    assert db.query("SELECT n, * FROM p WHERE id = 1")[0][0] == 0
    db.execute("ROLLBACK")
    assert db.query("SELECT n, * FROM p WHERE id = 1")[0][0] == 10
    db.execute("ALTER TABLE p RENAME COLUMN n TO m; ALTER TABLE p RENAME COLUMN id TO n")
    with pytest.raises(errors.UndefinedColumn):
        db.query("SELECT n, * FROM p WHERE id = 1")


def test_the_db_api_finds_them_too() -> None:
    with heliosdb.connect(":memory:", plugins=[], autocommit=True) as conn:
        conn.execute(TABLES)
        for number in (1, 2):
            conn.execute(f"SELECT n, born FROM p WHERE id = {number}")
        assert len(conn.session.lifted) == 1
        cursor = conn.execute("SELECT n, born FROM p WHERE id = 5")
        found = cursor.fetchall()
        assert [(n, str(born)) for n, born in found] == [(50, "2005-05-05")]
        assert [column[0] for column in cursor.description] == ["n", "born"]
        assert cursor.statusmessage == "SELECT 1"
        assert conn.execute("SELECT n, born FROM p WHERE id = 9").statusmessage == "SELECT 0"


def test_long_texts_are_not_looked_at() -> None:
    db, _ = databases()
    for number in (1, 2, 5):
        db.query(f"SELECT n FROM p WHERE id = {number}{' ' * LONGEST}")
    assert not db._session.lifted
