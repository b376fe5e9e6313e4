"""LOCK TABLE, VACUUM, REINDEX, and temporary tables at the end of a transaction."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from heliosdb import EmbeddedDatabase, errors
from heliosdb.config import Config

Client = Any
"""``conftest.Client``; test folders are no packages."""


def test_a_lock_keeps_others_out_until_the_transaction_ends(client: Client, new_client: Callable[[], Client]) -> None:
    client.run("CREATE TABLE t (a int); CREATE VIEW v AS SELECT * FROM t")
    other = new_client()
    client.run("BEGIN; LOCK v IN ACCESS EXCLUSIVE MODE")
    other.run("BEGIN")
    assert other.error("LOCK TABLE t IN ACCESS SHARE MODE NOWAIT").sqlstate == "55P03"
    client.run("COMMIT")
    other.run("ROLLBACK; BEGIN; LOCK TABLE t IN ACCESS SHARE MODE NOWAIT; COMMIT")
    assert client.error("LOCK TABLE t").sqlstate == "25P01"


def test_reindexing_builds_the_same_answers(client: Client) -> None:
    client.run("CREATE TABLE p (a int PRIMARY KEY, b text UNIQUE); CREATE TABLE c (p int REFERENCES p)")
    client.run("INSERT INTO p SELECT g, g::text FROM generate_series(1, 100) g; INSERT INTO c VALUES (5)")
    for statement in ("REINDEX TABLE p", "REINDEX INDEX p_b_key", "REINDEX SCHEMA public"):
        assert client.run(statement) == "REINDEX"
        assert client.rows("SELECT b FROM p WHERE a = 42") == [("42",)]
        assert client.error("INSERT INTO p VALUES (101, '7')").constraint == "p_b_key"
        assert client.error("INSERT INTO c VALUES (999)").sqlstate == "23503"
        assert client.error("DELETE FROM p WHERE a = 5").sqlstate == "23503"
    assert client.error("REINDEX INDEX nowhere").sqlstate == "42P01"


def test_vacuum_keeps_what_is_visible(client: Client, new_client: Callable[[], Client]) -> None:
    client.run("CREATE TABLE t (a int); INSERT INTO t SELECT * FROM generate_series(1, 1000)")
    reader = new_client()
    reader.run("BEGIN ISOLATION LEVEL REPEATABLE READ")
    assert reader.value("SELECT sum(a) FROM t") == 500500
    client.run("UPDATE t SET a = a + 1; DELETE FROM t WHERE a % 2 = 0; VACUUM t; VACUUM (VERBOSE)")
    assert reader.value("SELECT sum(a) FROM t") == 500500
    assert client.value("SELECT count(*) FROM t") == 500
    assert client.error("VACUUM nowhere").sqlstate == "42P01"
    client.run("BEGIN")
    assert client.error("VACUUM").sqlstate == "25001"


@pytest.mark.parametrize(("action", "left"), [("DELETE ROWS", []), ("PRESERVE ROWS", [(1,)])])
def test_on_commit_decides_about_rows(client: Client, action: str, left: list[tuple[int]]) -> None:
    client.run(f"CREATE TEMP TABLE t (a int) ON COMMIT {action}; BEGIN; INSERT INTO t VALUES (1)")
    assert client.rows("SELECT * FROM t") == [(1,)]
    client.run("COMMIT")
    assert client.rows("SELECT * FROM t") == left


def test_on_commit_drop_drops(client: Client) -> None:
    client.run("BEGIN; CREATE TEMP TABLE t (a int) ON COMMIT DROP; INSERT INTO t VALUES (1)")
    assert client.rows("SELECT * FROM t") == [(1,)]
    client.run("COMMIT")
    assert client.error("SELECT * FROM t").sqlstate == "42P01"
    assert client.error("CREATE TABLE u (a int) ON COMMIT DROP").sqlstate == "42P16"


def test_a_database_statement_tells_what_it_does_not_do(client: Client) -> None:
    client.run("CREATE DATABASE other")
    assert client.notices()[0][0] == 'database "other" is not created: this is one embedded database'
    assert client.error("DROP DATABASE other").sqlstate == "3D000"


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("CHECKPOINT", "cannot execute CHECKPOINT: the database is open for reading only"),
        ("VACUUM", "cannot execute VACUUM: the database is open for reading only"),
        ("REINDEX TABLE t", "cannot execute REINDEX in a read-only transaction"),
    ],
)
def test_upkeep_of_a_database_that_is_open_for_reading_is_refused(tmp_path: Path, statement: str, message: str) -> None:
    path = str(tmp_path / "db")
    with EmbeddedDatabase(path, plugins=[]) as database:
        database.execute("CREATE TABLE t (a int PRIMARY KEY)")
    with EmbeddedDatabase(path, config=Config(read_only=True), plugins=[]) as database:
        with pytest.raises(errors.ReadOnlySqlTransaction) as caught:
            database.execute(statement)
        assert caught.value.message == message
        database.execute("ANALYZE t")


def test_a_session_that_only_reads_may_order_upkeep(client: Client) -> None:
    client.run("CREATE TABLE t (a int); SET default_transaction_read_only = on")
    assert client.run("CHECKPOINT") == "CHECKPOINT"
    assert client.run("VACUUM t") == "VACUUM"
