"""Values that name objects (regclass, regtype ...) leave the database as their names, as they do for psycopg."""

from __future__ import annotations

import pytest

import heliosdb
from heliosdb import EmbeddedDatabase


@pytest.fixture
def db() -> EmbeddedDatabase:
    made = EmbeddedDatabase.new_in_memory(plugins=[])
    made.execute('CREATE TABLE items (id int PRIMARY KEY, "Name" text)')
    made.execute('CREATE TABLE "Odd Table" (id int)')
    return made


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("pg_typeof(1)", "integer"),
        ("pg_typeof(now())", "timestamp with time zone"),
        ("'items'::regclass", "items"),
        ("'\"Odd Table\"'::regclass", '"Odd Table"'),
        ("0::regclass", "-"),
        ("987654::regclass", "987654"),
        ("'int4[]'::regtype", "integer[]"),
        ("'public'::regnamespace", "public"),
        ("ARRAY['items'::regclass, NULL]", ["items", None]),
        ("'pg_class'::regclass", "pg_class"),
        ("'items'::regclass::oid > 0", True),
        ("NULL::regclass", None),
    ],
)
def test_query_gives_names(db: EmbeddedDatabase, expression: str, value: object) -> None:
    assert db.query(f"SELECT {expression}")[0][0] == value


def test_the_name_is_the_one_that_the_session_needs(db: EmbeddedDatabase) -> None:
    db.execute("CREATE SCHEMA s")
    db.execute("CREATE TABLE s.t (a int)")
    assert db.query("SELECT 's.t'::regclass")[0][0] == "s.t"
    db.execute("SET search_path = s")
    assert db.query("SELECT 's.t'::regclass")[0][0] == "t"


def test_a_point_statement_gives_names(db: EmbeddedDatabase) -> None:
    db.execute("CREATE TABLE refs (id int PRIMARY KEY, target regclass)")
    db.execute("INSERT INTO refs VALUES (1, 'items')")
    for _ in range(4):
        assert db.query("SELECT target FROM refs WHERE id = $1", [1])[0] == ("items",)
    db.execute("ALTER TABLE items RENAME TO things")
    assert db.query("SELECT target FROM refs WHERE id = $1", [1])[0] == ("things",)


def test_names_go_back_in(db: EmbeddedDatabase) -> None:
    (name,) = db.query("SELECT oid::regclass FROM pg_class WHERE relname = 'Odd Table'")[0]
    assert db.query("SELECT count(*) FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0", [name])[0][0] == 1


def test_streams_cursors_and_functions_give_names(db: EmbeddedDatabase) -> None:
    assert [tuple(row) for row in db.stream("SELECT 'items'::regclass")] == [("items",)]
    seen: list[object] = []

    def note(value: object) -> str:
        seen.append(value)
        return "done"

    db.create_function("note", ["regclass"], "text", note)
    db.query("SELECT note('items'::regclass)")
    assert seen == ["items"]
    with heliosdb.connect(":memory:") as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT pg_typeof(1.5), pg_typeof(NULL::text[])")
        assert cursor.fetchall() == [("numeric", "text[]")]


def test_columns_of_domains_are_described_as_their_base_everywhere(db: EmbeddedDatabase) -> None:
    db.execute("CREATE DOMAIN code AS varchar(8); CREATE DOMAIN small AS code; CREATE TABLE d (c small, n int)")
    db.execute("INSERT INTO d VALUES ('x', 1)")
    with db.stream("SELECT c FROM d") as stream:
        assert [(column.type, column.typmod) for column in stream._stream.columns] == [("varchar", 12)]
    session = db.session()
    assert [(column.type, column.typmod) for column in session.prepare("SELECT c FROM d").columns or ()] == [
        ("varchar", 12)
    ]
    session.execute("BEGIN; DECLARE k CURSOR FOR SELECT c FROM d")
    (fetched,) = session.execute("FETCH k")
    assert fetched.columns is not None
    assert [(column.type, column.typmod) for column in fetched.columns] == [("varchar", 12)]
    assert fetched.rows == [("x",)]
