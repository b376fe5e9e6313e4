"""Parameters of commands around a query: CREATE TABLE AS, SELECT INTO, DECLARE. EXPLAIN has its own tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import heliosdb
from heliosdb import EmbeddedDatabase, errors
from heliosdb.database import Database
from heliosdb.session import Session


@pytest.fixture
def session() -> Iterator[Session]:
    database = Database(plugins=[])
    session = database.session()
    session.execute("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    yield session
    database.close()


def rows(session: Session, text: str) -> list[tuple[Any, ...]]:
    return list(session.execute(text)[0].rows)


@pytest.mark.parametrize("text", ["CREATE TABLE c AS SELECT v, $2 AS w, 7 AS n FROM t WHERE id = $1",
                                  "SELECT v, $2 AS w, 7 AS n INTO c FROM t WHERE id = $1"])  # fmt: skip
def test_a_table_is_made_of_a_query_with_parameters(session: Session, text: str) -> None:
    session.execute(text, [2, "x"])
    assert rows(session, "SELECT * FROM c") == [("b", "x", 7)]


def test_a_cursor_is_declared_with_parameters(session: Session) -> None:
    session.execute("BEGIN")
    session.execute("DECLARE c CURSOR FOR SELECT v FROM t WHERE id >= $1 ORDER BY id", [2])
    assert rows(session, "FETCH ALL FROM c") == [("b",)]


@pytest.mark.parametrize(
    ("text", "parameters", "sqlstate"),
    [
        ("CREATE TABLE c AS SELECT $1::int AS a", None, "42P02"),
        ("CREATE TABLE c AS SELECT $1::int AS a", [1, 2], "08P01"),
        ("CREATE TABLE c AS SELECT $1::int AS a", ["x"], "22P02"),
        ("CREATE TABLE c AS SELECT $1::int AS a WITH NO DATA", ["x"], "22P02"),
        ("CREATE VIEW c AS SELECT v FROM t", [1], "08P01"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(
    session: Session, text: str, parameters: list[Any] | None, sqlstate: str
) -> None:
    with pytest.raises(errors.Error) as caught:
        session.execute(text, parameters)
    assert caught.value.sqlstate == sqlstate
    with pytest.raises(errors.UndefinedTable):
        session.execute("SELECT * FROM c")


def test_a_query_whose_rows_nobody_wants_is_not_run(session: Session) -> None:
    session.execute("CREATE TABLE c AS SELECT id, 1 / (id - id) AS n FROM t WITH NO DATA")
    assert rows(session, "SELECT * FROM c") == []
    with pytest.raises(errors.DivisionByZero):
        session.execute("CREATE TABLE d AS SELECT id, 1 / (id - id) AS n FROM t WITH DATA")


CONTROLS = ["BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK", "SAVEPOINT a", "RELEASE a", "ROLLBACK TO a",
            "SET TRANSACTION READ ONLY", "SET work_mem = '1MB'", "LOCK TABLE t", "SHOW work_mem"]  # fmt: skip


@pytest.mark.parametrize("text", CONTROLS)
@pytest.mark.parametrize("before", ["", "BEGIN; SAVEPOINT a"])
def test_values_for_what_has_no_parameters_are_refused_and_nothing_is_done(
    session: Session, text: str, before: str
) -> None:
    session.execute(before)
    with pytest.raises(errors.ProtocolViolation, match="supplies 2 parameters, but prepared statement requires 0"):
        session.execute(text, [1, "x"])
    assert session.block.status == ("E" if before else "I")


@pytest.mark.parametrize("text", ["BEGIN", "COMMIT"])
def test_every_door_of_python_refuses_values_for_transaction_commands(text: str) -> None:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        for run in (database.execute, database.query):
            with pytest.raises(errors.ProtocolViolation):
                run(text, (1,))
    with heliosdb.connect(":memory:", autocommit=True) as connection:
        with pytest.raises(heliosdb.OperationalError, match="supplies 1 parameters"):
            connection.run(text, [1])
        assert not connection.in_transaction
