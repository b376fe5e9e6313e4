"""Functions about the database, its sessions and transactions; the tenant of a session; types written ARRAY[...]."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from heliosdb import EmbeddedDatabase, errors


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        yield database


def value(db: Any, expression: str) -> Any:
    return db.query(f"SELECT {expression}")[0][0]


def test_a_transaction_keeps_its_id_and_others_have_others(db: EmbeddedDatabase) -> None:
    db.execute("CREATE TABLE t (a int)")
    with db.begin_transaction() as tx:
        assert value(tx, "pg_current_xact_id_if_assigned()") is None
        tx.execute("INSERT INTO t VALUES (1)")
        first = value(tx, "pg_current_xact_id_if_assigned()")
        assert first == value(tx, "pg_current_xact_id()") == value(tx, "txid_current()")
        tx.commit()
    assert value(db, "pg_current_xact_id()") > first


def test_the_tenant_is_what_the_session_says(db: EmbeddedDatabase) -> None:
    db.execute("CREATE TABLE documents (id bigint, tenant_id int, code text)")
    db.execute("INSERT INTO documents VALUES (1, 7, '7'), (2, 8, '8')")
    mine = "SELECT id FROM documents WHERE tenant_id = current_tenant_id()"
    assert value(db, "current_tenant_id()") is None
    assert db.query(mine) == []
    db.execute("SET heliosdb.tenant_id = 8")
    assert (value(db, "current_tenant_id()"), db.query(mine)) == ("8", [(2,)])
    assert db.query("SELECT id FROM documents WHERE code = current_tenant_id()") == [(2,)]
    db.execute("SET heliosdb.tenant_id = 'x'")
    with pytest.raises(errors.InvalidTextRepresentation):
        db.query(mine)
    db.execute("RESET heliosdb.tenant_id")
    assert db.query(mine) == []


def test_the_schema_of_temporary_objects_is_the_sessions_own(db: EmbeddedDatabase) -> None:
    assert value(db, "pg_my_temp_schema()") == 0
    db.execute("CREATE TEMP TABLE t (a int)")
    assert db.query("SELECT relnamespace = pg_my_temp_schema() FROM pg_class WHERE relname = 't'") == [(True,)]
    oid = value(db, "pg_my_temp_schema()")
    assert value(db, f"pg_is_other_temp_schema({oid})") is False


def test_another_sessions_statement_can_be_cancelled(db: EmbeddedDatabase) -> None:
    other = db.session()
    assert value(db, f"pg_cancel_backend({other.number})") is True
    assert value(db, "pg_cancel_backend(987654)") is False


def test_words_of_the_grammar(db: EmbeddedDatabase) -> None:
    words = (
        "SELECT word, catcode, barelabel FROM pg_get_keywords() WHERE word IN ('abort', 'between', 'select', 'year')"
    )
    assert db.query(f"{words} ORDER BY 1") == [
        ("abort", "U", True),
        ("between", "C", True),
        ("select", "R", True),
        ("year", "U", False),
    ]


@pytest.mark.parametrize(
    "expression",
    [
        "pg_postmaster_start_time() <= now()",
        "inet_server_port() IS NULL",
        "current_query() LIKE 'SELECT current_query()%'",
        "(SELECT count(*) > 100 FROM pg_timezone_names())",
        "(SELECT utc_offset = '0' FROM pg_timezone_abbrevs() WHERE abbrev = 'UTC')",
        "NOT row_security_active('pg_class'::regclass)",
        "pg_relation_is_updatable('pg_class'::regclass, true) = 0",
    ],
)
def test_facts(db: EmbeddedDatabase, expression: str) -> None:
    assert value(db, expression) is True


@pytest.mark.parametrize(
    ("written", "shown"),
    [("ARRAY[int]", "integer[]"), ("ARRAY[varchar(3)]", "character varying(3)[]"), ("ARRAY[ARRAY[text]]", "text[]")],
)
def test_an_array_type_may_be_written_with_the_word(db: EmbeddedDatabase, written: str, shown: str) -> None:
    db.execute(f"CREATE TABLE t (a {written})")
    assert db.query(
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum = 1"
    ) == [(shown,)]
    assert value(db, f"'{{}}'::{written}") == []


@pytest.mark.parametrize("written", ["ARRAY[]", "ARRAY[1]", "ARRAY[int", "ARRAY int"])
def test_what_is_no_array_type_is_refused(db: EmbeddedDatabase, written: str) -> None:
    with pytest.raises(errors.SqlSyntaxError):
        db.execute(f"CREATE TABLE t (a {written})")
