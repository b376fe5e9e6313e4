"""Statements that are run by who must not wait: as ever where no lock is in the way, else not at all."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from heliosdb import EmbeddedDatabase, errors

TABLES = """
CREATE TABLE t (id int PRIMARY KEY, n int CHECK (n < 1000), name text UNIQUE);
CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES t ON DELETE CASCADE);
CREATE TABLE log (at timestamptz, what text);
INSERT INTO t SELECT g, g, 'name ' || g FROM generate_series(1, 10) g;
"""
SHORT = [
    "SELECT n, name FROM t WHERE id = 1",
    "SELECT n FROM t WHERE id = 99",
    "UPDATE t SET n = n + 1, name = upper(name) WHERE id = 1 AND n > 0",
    "INSERT INTO log VALUES (CURRENT_TIMESTAMP, 'x')",
    "INSERT INTO t VALUES (50, 1, 'new')",
    "INSERT INTO child VALUES (1, 1)",
    "DELETE FROM child WHERE id = 1",
]
LONG = [
    "SELECT count(*) FROM t",
    "SELECT n FROM t WHERE id > 1",
    "SELECT pg_sleep(0) FROM t WHERE id = 1",
    "UPDATE t SET n = n + 1",
    "UPDATE t SET id = 70 WHERE id = 2",
    "DELETE FROM t WHERE id = 2",
    "UPDATE t SET n = n + 1 WHERE id = 1 RETURNING n",
    "INSERT INTO log SELECT now(), name FROM t",
    "INSERT INTO t VALUES (1, 1, 'x') ON CONFLICT DO NOTHING",
    "SET work_mem = '8MB'",
]


@pytest.fixture
def db() -> Any:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.execute(TABLES)
        yield database


def begin(db: EmbeddedDatabase, isolation: str = "read committed") -> Any:
    session = db._database.session(isolation=isolation)
    session.execute("BEGIN")
    return session


def at_once(session: Any, text: str) -> Any:
    (statement,) = session.texts(text)
    return session.run_at_once(statement, None)


def learn(db: EmbeddedDatabase, text: str) -> None:
    """Have a plan for a text."""
    session = begin(db)
    session.execute(text)
    session.execute("ROLLBACK")


@pytest.mark.parametrize("text", SHORT)
def test_one_row_is_read_and_written_as_ever(db: EmbeddedDatabase, text: str) -> None:
    session = begin(db)
    assert at_once(session, text) is None, "there is no plan"
    expected = session.execute(text)[0]
    state = session.execute("SELECT * FROM t ORDER BY id")[0].rows, session.execute("SELECT * FROM child")[0].rows
    session.execute("ROLLBACK; BEGIN")
    found = at_once(session, text)
    assert (found.tag, found.rows, found.row_count, found.status) == (
        expected.tag, expected.rows, expected.row_count, expected.status,
    )  # fmt: skip
    assert state == (
        session.execute("SELECT * FROM t ORDER BY id")[0].rows, session.execute("SELECT * FROM child")[0].rows,
    )  # fmt: skip
    session.execute("ROLLBACK")


@pytest.mark.parametrize("text", LONG)
def test_what_may_take_its_time_is_not_run(db: EmbeddedDatabase, text: str) -> None:
    learn(db, text)
    session = begin(db)
    assert at_once(session, text) is None
    assert db.query("SELECT count(*), sum(n) FROM t") == [(10, 55)]
    session.execute("ROLLBACK")
    assert at_once(session, "SELECT n FROM t WHERE id = 1") is None, "no block is open"


@pytest.mark.parametrize(
    ("held", "text"),
    [
        ("UPDATE t SET n = 0 WHERE id = 1", "UPDATE t SET n = n + 1 WHERE id = 1"),
        ("DELETE FROM t WHERE id = 1", "UPDATE t SET n = n + 1 WHERE id = 1"),
        ("INSERT INTO t VALUES (60, 1, 'y')", "INSERT INTO t VALUES (60, 2, 'z')"),
        ("INSERT INTO t VALUES (60, 1, 'y')", "INSERT INTO t VALUES (61, 2, 'y')"),
        ("DELETE FROM t WHERE id = 3", "INSERT INTO child VALUES (9, 3)"),
        ("LOCK TABLE t IN ACCESS EXCLUSIVE MODE", "SELECT n FROM t WHERE id = 1"),
    ],
)
def test_a_lock_that_is_taken_leaves_everything_as_it_was(db: EmbeddedDatabase, held: str, text: str) -> None:
    learn(db, text)
    other = begin(db)
    session = begin(db)
    session.execute("INSERT INTO log VALUES (now(), 'before')")
    other.execute(held)
    locks = len(session.transaction.held)
    assert at_once(session, text) is None
    assert len(session.transaction.held) == locks
    assert session.block.status == "T"
    done: list[Any] = []

    def run() -> None:
        try:
            done.append(session.execute(text)[0].status)
        except errors.Error as error:
            done.append(error.sqlstate)
            session.execute("ROLLBACK")

    thread = threading.Thread(target=run)
    thread.start()  # waits, and is let go
    other.execute("ROLLBACK")
    thread.join()
    assert done in (["UPDATE 1"], ["INSERT 0 1"], ["SELECT 1"])
    assert session.execute("SELECT what FROM log")[0].rows == [("before",)]
    session.execute("COMMIT")


def test_an_error_fails_the_block(db: EmbeddedDatabase) -> None:
    text = "INSERT INTO t VALUES (80, {}, 'eighty')"
    learn(db, text.format(1))
    session = begin(db)
    with pytest.raises(errors.CheckViolation):
        at_once(session, text.format(5000))
    assert session.block.status == "E"
    assert at_once(session, "SELECT n FROM t WHERE id = 1") is None
    session.execute("ROLLBACK")


def test_a_later_definition_is_seen(db: EmbeddedDatabase) -> None:
    text = "SELECT * FROM t WHERE id = 1"
    learn(db, text)
    db.execute("ALTER TABLE t ADD COLUMN extra int DEFAULT 7")
    session = begin(db)
    assert at_once(session, text) is None
    assert session.execute(text)[0].rows == [(1, 1, "name 1", 7)]
    assert at_once(session, text).rows == [(1, 1, "name 1", 7)]
    session.execute("COMMIT")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT n FROM t WHERE id = 1", True),
        ("SHOW work_mem", True),
        ("SET LOCAL work_mem = '8MB'", True),
        ("UPDATE t SET n = 1 WHERE id = 99", True),
        ("UPDATE t SET n = 1 WHERE id = 1", False),
        ("CREATE TABLE made (a int)", False),
        ("CREATE TEMP TABLE made (a int)", False),
        ("NOTIFY somebody", False),
        ("LISTEN somebody", False),
        ("SELECT nextval('counter')", False),
        ("DECLARE c CURSOR WITH HOLD FOR SELECT * FROM t", False),
        ("SELECT 1 / 0", False),
    ],
)
def test_a_block_that_has_changed_nothing_ends_at_once(db: EmbeddedDatabase, text: str, expected: bool) -> None:
    db.execute("CREATE SEQUENCE counter")
    session = begin(db)
    assert session.ends_at_once()
    try:
        session.execute(text)
    except errors.DivisionByZero:
        pass
    assert session.ends_at_once() is expected
    session.execute("COMMIT")
    assert not session.ends_at_once(), "no block is open"


def test_statements_are_counted_once(db: EmbeddedDatabase) -> None:
    text = "UPDATE t SET n = n + 1 WHERE id = 1"
    learn(db, text)
    db.execute("SET pg_stat_statements.track = top")
    session, other = begin(db), begin(db)
    for each in (session, other):
        each.execute("ROLLBACK; SET pg_stat_statements.track = top; BEGIN")
        if each is session:
            learn_here(session, text)
    assert at_once(session, text) is not None
    assert at_once(other, text) is None, "the row is locked"
    for ended in (session, other):
        ended.execute("ROLLBACK")
        ended.close()
    counted = db.query("SELECT calls, rows FROM pg_stat_statements WHERE query LIKE 'UPDATE t SET n%'")
    assert [tuple(row) for row in counted] == [(2, 2)]


def learn_here(session: Any, text: str) -> None:
    """Have a plan under the session's settings."""
    session.execute(text)
    session.execute("ROLLBACK; BEGIN")
