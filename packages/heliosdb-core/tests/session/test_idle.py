"""``idle_in_transaction_session_timeout``: the transaction goes, its locks too, and nobody takes it for committed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

import heliosdb
from heliosdb import EmbeddedDatabase
from heliosdb.errors import IdleInTransactionSessionTimeout


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    made = EmbeddedDatabase.new_in_memory(plugins=[])
    made.execute("CREATE TABLE t (id int PRIMARY KEY, v int)")
    made.execute("INSERT INTO t VALUES (1, 10)")
    yield made
    made.close()
    for watch in watches():
        watch.join(20)


def watches() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.endswith("idle")]


def session(db: EmbeddedDatabase) -> Any:
    return db.database.session(isolation="read committed")


def idle_with_a_lock(db: EmbeddedDatabase, begin: str = "BEGIN") -> Any:
    """Return a session whose transaction has a row's lock and is about to be forgotten."""
    made = session(db)
    made.execute("SET idle_in_transaction_session_timeout = '200ms'")
    made.execute(begin)
    made.execute("UPDATE t SET v = 99 WHERE id = 1")
    return made


def until_gone(db: EmbeddedDatabase) -> None:
    """Wait for the row's lock, which only the end of the idle transaction gives back."""
    session(db).execute("SELECT * FROM t WHERE id = 1 FOR UPDATE")


@pytest.mark.parametrize("statement", ["SELECT 1", "COMMIT", "ROLLBACK", "BEGIN", "UPDATE t SET v = 5"])
def test_the_next_statement_is_told(db: EmbeddedDatabase, statement: str) -> None:
    idle = idle_with_a_lock(db)
    until_gone(db)
    with pytest.raises(IdleInTransactionSessionTimeout) as caught:
        idle.execute(statement)
    assert caught.value.sqlstate == "25P03"
    assert caught.value.message == "terminating connection due to idle-in-transaction timeout"
    assert idle.block.status == "I"
    assert idle.execute("SELECT v FROM t")[0].rows == [(10,)]


def test_a_failed_block_is_idle_too(db: EmbeddedDatabase) -> None:
    idle = idle_with_a_lock(db)
    idle.execute("SAVEPOINT s")  # so that the error behind it keeps the row's lock
    with pytest.raises(heliosdb.errors.DivisionByZero):
        idle.execute("SELECT 1 / 0")
    until_gone(db)
    with pytest.raises(IdleInTransactionSessionTimeout):
        idle.execute("ROLLBACK TO s")


def test_a_statement_that_runs_long_is_not_idle(db: EmbeddedDatabase) -> None:
    idle = session(db)
    idle.execute("SET idle_in_transaction_session_timeout = '300ms'")
    idle.execute("BEGIN")
    idle.execute("UPDATE t SET v = 99 WHERE id = 1")
    idle.execute("SELECT pg_sleep(0.5)")
    idle.execute("COMMIT")
    assert idle.execute("SELECT v FROM t")[0].rows == [(99,)]


def test_outside_of_a_block_nobody_is_idle_in_a_transaction(db: EmbeddedDatabase) -> None:
    idle = session(db)
    idle.execute("SET idle_in_transaction_session_timeout = '1ms'")
    for _ in range(20):
        idle.execute("UPDATE t SET v = v + 1 WHERE id = 1")
    assert idle.execute("SELECT v FROM t")[0].rows == [(30,)]
    assert not watches()


def test_commit_and_rollback_by_the_interfaces(db: EmbeddedDatabase) -> None:
    connection = heliosdb.connect(db)
    connection.execute("SET idle_in_transaction_session_timeout = '300ms'")
    connection.commit()
    connection.execute("UPDATE t SET v = 99 WHERE id = 1")
    until_gone(db)
    with pytest.raises(IdleInTransactionSessionTimeout):
        connection.commit()
    connection.execute("UPDATE t SET v = 98 WHERE id = 1")
    until_gone(db)
    connection.rollback()
    connection.execute("UPDATE t SET v = 97 WHERE id = 1")
    connection.commit()
    connection.execute("UPDATE t SET v = 96 WHERE id = 1")
    until_gone(db)
    with pytest.raises(IdleInTransactionSessionTimeout):
        connection.__exit__(None, None, None)
    assert db.query("SELECT v FROM t") == [(97,)]


def test_the_watch_ends_with_its_session(db: EmbeddedDatabase) -> None:
    idle = session(db)
    idle.execute("SET idle_in_transaction_session_timeout = '1h'")
    idle.execute("BEGIN")
    (watch,) = watches()
    idle.close()
    watch.join(20)
    assert not watch.is_alive()
