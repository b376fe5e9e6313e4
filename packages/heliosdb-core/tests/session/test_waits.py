"""What a session leaves behind when something ends it early: nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from heliosdb import EmbeddedDatabase, errors


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    made = EmbeddedDatabase.new_in_memory(plugins=[])
    made.execute("CREATE TABLE t (id int PRIMARY KEY, v int)")
    made.execute("INSERT INTO t VALUES (1, 10), (2, 0)")
    yield made
    made.close()


def session(db: EmbeddedDatabase) -> Any:
    return db.database.session(isolation="read committed")


def nothing_is_held(db: EmbeddedDatabase) -> bool:
    store = db.database.store
    rows = [relation.locks for relation in store.main.relations.values()]
    keys = [index.key_locks for r in store.main.relations.values() for index in r.indexes.values()]
    return not any((store.locks.relations, store.locks.advisory, store.snapshots.readers, *rows, *keys))


def test_a_commit_that_fails_at_a_held_cursor_gives_everything_back(db: EmbeddedDatabase) -> None:
    first = session(db)
    first.execute("BEGIN")
    first.execute("UPDATE t SET v = 11 WHERE id = 1")
    first.execute("DECLARE c CURSOR WITH HOLD FOR SELECT 1 / v FROM t WHERE id = 2")
    with pytest.raises(errors.DivisionByZero):
        first.execute("COMMIT")
    assert first.block.status == "I"
    assert nothing_is_held(db)
    assert session(db).execute("UPDATE t SET v = v + 1 WHERE id = 1 RETURNING v")[0].rows == [(11,)]


def test_an_interrupt_ends_a_wait_and_leaves_the_line(db: EmbeddedDatabase) -> None:
    first, second = session(db), session(db)
    first.execute("BEGIN")
    first.execute("SELECT * FROM t WHERE id = 1 FOR SHARE")
    caught: list[errors.Error] = []

    def wait() -> None:
        try:
            second.execute("DELETE FROM t WHERE id = 1")
        except errors.QueryCanceled as error:
            caught.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    while not db.database.store.locks.is_waiting(second):
        thread.join(0.001)
    second.interrupt()
    thread.join(20)
    assert [error.message for error in caught] == ["canceling statement due to user request"]
    assert session(db).execute("SELECT id FROM t WHERE id = 1 FOR SHARE NOWAIT")[0].rows == [(1,)]
    first.execute("COMMIT")
    assert nothing_is_held(db)


def test_a_session_that_is_closed_gives_back_its_advisory_locks(db: EmbeddedDatabase) -> None:
    first = session(db)
    first.execute("SELECT pg_advisory_lock(1), pg_advisory_lock_shared(2, 3)")
    assert session(db).execute("SELECT pg_try_advisory_lock(1)")[0].rows == [(False,)]
    first.close()
    assert nothing_is_held(db)


def test_every_way_out_of_a_transaction_gives_everything_back(db: EmbeddedDatabase) -> None:
    work = (
        "UPDATE t SET v = 1 WHERE id = 1",
        "INSERT INTO t VALUES (3, 3)",
        "INSERT INTO t SELECT i, i FROM generate_series(10, 900) i",
        "SELECT * FROM t FOR UPDATE",
        "SELECT pg_advisory_xact_lock(5)",
        "CREATE TABLE u (id int PRIMARY KEY REFERENCES t)",
        "DELETE FROM t WHERE id = 2",
    )
    for end in ("ROLLBACK", "SELECT 1 / 0", "close", "SELECT * FROM nosuch", "INSERT INTO t VALUES (3, 3)"):
        one = session(db)
        one.execute("BEGIN ISOLATION LEVEL SERIALIZABLE")
        for statement in work:
            one.execute(statement)
        if end == "close":
            one.close()
        else:
            try:
                one.execute(end)
            except errors.Error:
                one.execute("ROLLBACK")
        assert nothing_is_held(db), end
        assert not db.database.store.history.open
