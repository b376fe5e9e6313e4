"""Types that SQL makes: seen by transactions and sessions as tables are, by plans, indexes and the edges to Python."""

from __future__ import annotations

from typing import Any

import pytest

import heliosdb
from heliosdb import errors


@pytest.fixture
def database() -> heliosdb.EmbeddedDatabase:
    return heliosdb.EmbeddedDatabase.new_in_memory(plugins=[])


def rows(session: Any, text: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in list(session.execute_script(text))[-1].rows]


def test_a_type_belongs_to_its_transaction(database: heliosdb.EmbeddedDatabase) -> None:
    one, other = database.session(), database.session()
    rows(one, "BEGIN; CREATE TYPE mood AS ENUM ('a', 'b'); SELECT 1")
    assert rows(one, "SELECT 'b'::mood > 'a'::mood") == [(True,)]
    with pytest.raises(errors.UndefinedObject):
        rows(other, "SELECT 'a'::mood")
    rows(one, "COMMIT; SELECT 1")
    assert rows(other, "SELECT 'b'::mood > 'a'::mood") == [(True,)]


def test_a_type_rolled_back_to_a_savepoint_is_gone(database: heliosdb.EmbeddedDatabase) -> None:
    session = database.session()
    rows(session, "BEGIN; SAVEPOINT s; CREATE DOMAIN d AS int CHECK (VALUE > 0); SELECT 1::d")
    rows(session, "ROLLBACK TO s; SELECT 1")
    with pytest.raises(errors.UndefinedObject):
        rows(session, "SELECT 1::d")


def test_kept_plans_follow_a_domain_that_changes_elsewhere(database: heliosdb.EmbeddedDatabase) -> None:
    one, other = database.session(), database.session()
    rows(one, "CREATE DOMAIN d AS int CHECK (VALUE > 0); CREATE TABLE t (v d); SELECT 1")
    for session in (one, other):
        for _ in range(3):
            rows(session, "INSERT INTO t VALUES (5) RETURNING v")
    rows(other, "DELETE FROM t RETURNING v")
    rows(other, "ALTER DOMAIN d ADD CONSTRAINT few CHECK (VALUE < 5); SELECT 1")
    for session in (one, other):
        with pytest.raises(errors.CheckViolation, match='violates check constraint "few"'):
            rows(session, "INSERT INTO t VALUES (5) RETURNING v")


def test_labels_added_between_others_reorder_what_indexes_hold(database: heliosdb.EmbeddedDatabase) -> None:
    session = database.session()
    rows(session, "CREATE TYPE e AS ENUM ('a', 'z'); CREATE TABLE t (id int PRIMARY KEY, v e); SELECT 1")
    rows(session, "INSERT INTO t SELECT i, (CASE WHEN i % 2 = 0 THEN 'a' ELSE 'z' END)::e FROM generate_series(1, 6) i"
                  " RETURNING 1")  # fmt: skip
    rows(session, "CREATE INDEX i ON t (v); ALTER TYPE e ADD VALUE 'm' BEFORE 'z'; SELECT 1")
    rows(session, "UPDATE t SET v = 'm' WHERE id = 2 RETURNING 1")
    assert rows(session, "SELECT id FROM t WHERE v >= 'm' ORDER BY v, id") == [(2,), (1,), (3,), (5,)]
    assert rows(session, "SELECT v FROM t ORDER BY v LIMIT 3") == [("a",), ("a",), ("m",)]


def test_a_renamed_label_is_renamed_in_rows_and_found_by_keys(database: heliosdb.EmbeddedDatabase) -> None:
    session = database.session()
    rows(session, "CREATE TYPE e AS ENUM ('a', 'b'); CREATE TABLE t (v e PRIMARY KEY); SELECT 1")
    rows(session, "INSERT INTO t VALUES ('a'), ('b') RETURNING 1")
    rows(session, "ALTER TYPE e RENAME VALUE 'a' TO 'x'; SELECT 1")
    assert rows(session, "SELECT v FROM t WHERE v = 'x'") == [("x",)]
    assert rows(session, "SELECT v FROM t ORDER BY v") == [("x",), ("b",)]
    with pytest.raises(errors.UniqueViolation):
        rows(session, "INSERT INTO t VALUES ('x') RETURNING 1")


def test_a_label_in_a_stored_expression_is_not_renamed(database: heliosdb.EmbeddedDatabase) -> None:
    session = database.session()
    rows(session, "CREATE TYPE e AS ENUM ('a', 'b'); CREATE TABLE t (v e DEFAULT 'a'); SELECT 1")
    with pytest.raises(errors.FeatureNotSupported):
        rows(session, "ALTER TYPE e RENAME VALUE 'a' TO 'x'; SELECT 1")
    assert rows(session, "INSERT INTO t DEFAULT VALUES RETURNING v") == [("a",)]


def test_values_at_the_edge_to_python(database: heliosdb.EmbeddedDatabase) -> None:
    database.execute("CREATE TYPE e AS ENUM ('a', 'b')")
    database.execute("CREATE TYPE pair AS (x int, d date)")
    database.execute("CREATE DOMAIN positive AS numeric CHECK (VALUE > 0)")
    database.execute("CREATE TABLE t (v e, many e[], p pair, n positive)")
    database.execute("INSERT INTO t VALUES ($1, $2, $3, $4)", ("b", ["a", "b"], "(1,2024-02-29)", 3))
    import datetime
    from decimal import Decimal

    (row,) = database.query("SELECT * FROM t")
    assert tuple(row) == ("b", ["a", "b"], (1, datetime.date(2024, 2, 29)), Decimal(3))
    with pytest.raises(errors.InvalidTextRepresentation, match='invalid input value for enum e: "c"'):
        database.execute("INSERT INTO t (v) VALUES ($1)", ("c",))
    with pytest.raises(errors.CheckViolation):
        database.execute("INSERT INTO t (n) VALUES ($1)", (-1,))


def test_a_not_null_domain_refuses_null_however_it_comes(database: heliosdb.EmbeddedDatabase) -> None:
    database.execute("CREATE DOMAIN d AS text NOT NULL")
    database.execute("CREATE TABLE t (id int, v d)")
    for text, parameters in (
        ("INSERT INTO t VALUES (1, $1)", (None,)),
        ("INSERT INTO t VALUES (1, NULL)", ()),
        ("INSERT INTO t (id) VALUES (1)", ()),
        ("INSERT INTO t SELECT 1, NULL", ()),
    ):
        with pytest.raises(errors.NotNullViolation, match="domain d does not allow null values"):
            database.execute(text, parameters)
    assert database.query("SELECT * FROM t") == []


def test_names_of_types_that_hurt(database: heliosdb.EmbeddedDatabase) -> None:
    session = database.session()
    rows(session, """CREATE TYPE "we'ird ""x""; DROP" AS ENUM ('it''s', '"', ''); SELECT 1""")
    assert rows(session, """SELECT 'it''s'::"we'ird ""x""; DROP", ''::"we'ird ""x""; DROP" """) == [("it's", "")]
    assert rows(session, """SELECT pg_typeof('"'::"we'ird ""x""; DROP")::text""") == [('"we\'ird ""x""; DROP"',)]


def test_schemas_of_types(database: heliosdb.EmbeddedDatabase) -> None:
    session = database.session()
    rows(session, "CREATE SCHEMA s; CREATE TYPE s.e AS ENUM ('a'); CREATE TABLE t (v s.e DEFAULT 'a'); SELECT 1")
    assert rows(session, "INSERT INTO t DEFAULT VALUES RETURNING v, pg_typeof(v)::text") == [("a", "s.e")]
    rows(session, "SET search_path = s, public; SELECT 1")
    assert rows(session, "SELECT v, pg_typeof(v)::text FROM t") == [("a", "e")]
    with pytest.raises(errors.DependentObjectsStillExist):
        rows(session, "DROP SCHEMA s; SELECT 1")
    rows(session, "DROP SCHEMA s CASCADE; SELECT 1")
    assert rows(session, "SELECT * FROM public.t") == [()]
