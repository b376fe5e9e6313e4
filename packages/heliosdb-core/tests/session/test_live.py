"""Statements whose rows are read as they come, as the server reads them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from heliosdb import EmbeddedDatabase, errors
from heliosdb.session.live import LiveRows

MANY = 5_000


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as made:
        made.execute("CREATE TABLE t (id int PRIMARY KEY, v int)")
        made.execute(f"INSERT INTO t SELECT g, g FROM generate_series(1, {MANY}) g")
        yield made


@pytest.fixture
def session(db: EmbeddedDatabase) -> Any:
    return db.session(isolation="read committed")


def run(session: Any, text: str) -> Any:
    (statement,) = session.texts(text)
    return session.run(statement, live=True)


def is_idle(session: Any) -> bool:
    holds = session.database.store.snapshots.readers
    return session.block.state == "idle" and session.current_query == "" and session.live is None and not holds


def test_a_batch_or_less_is_there_at_once(session: Any) -> None:
    assert run(session, "SELECT id FROM t WHERE id < 3").rows == [(1,), (2,)]
    assert is_idle(session)
    returned = run(session, "UPDATE t SET v = 0 RETURNING id").rows
    assert isinstance(returned, list)
    assert len(returned) == MANY
    assert is_idle(session)


def test_more_is_read_as_it_is_asked_for(session: Any) -> None:
    session.execute("SET pg_stat_statements.track = 'top'")
    result = run(session, "SELECT id, 1 / (id - 4000) FROM t WHERE id < 4000")
    assert isinstance(result.rows, LiveRows)
    assert session.current_query != ""
    batches = list(result.rows)
    assert [row[0] for batch in batches for row in batch] == list(range(1, 4000))
    assert max(map(len, batches)) <= 2048
    assert is_idle(session)
    assert list(result.rows) == []
    counted = session.execute("SELECT calls, rows FROM pg_stat_statements WHERE query LIKE 'SELECT id, % / (id - %'")
    assert counted[0].rows == [(1, 3999)]


def test_an_error_after_the_first_rows_ends_the_statement(session: Any) -> None:
    rows = run(session, "SELECT 1 / (id - 4000) FROM t").rows
    assert len(next(rows)) >= 1024
    with pytest.raises(errors.DivisionByZero):
        list(rows)
    assert is_idle(session)
    session.begin()
    rows = run(session, "SELECT 1 / (id - 4000) FROM t").rows
    with pytest.raises(errors.DivisionByZero):
        list(rows)
    assert session.block.status == "E"
    session.block.rollback()
    assert is_idle(session)


def test_what_is_shown_is_what_was_there(db: EmbeddedDatabase, session: Any) -> None:
    session.begin()
    rows = run(session, "SELECT id FROM t").rows
    first = next(rows)
    rows.pause()
    session.execute("DELETE FROM t")
    session.execute("INSERT INTO t VALUES (-1, 0)")
    db.execute("INSERT INTO t VALUES (-2, 0)")
    assert session.execute("SELECT count(*) FROM t")[0].rows == [(2,)]
    assert sorted(row[0] for batch in (first, *rows) for row in batch) == list(range(1, MANY + 1))
    session.block.rollback()
    assert is_idle(session)


def test_a_snapshot_is_held_meanwhile(db: EmbeddedDatabase, session: Any) -> None:
    rows = run(session, "SELECT v FROM t").rows
    first = next(rows)
    for number in range(3):
        db.execute("UPDATE t SET v = -$1", [number])
    db.execute("VACUUM t")
    assert sum(row[0] for batch in (first, *rows) for row in batch) == MANY * (MANY + 1) // 2
    assert is_idle(session)


def test_the_end_of_the_block_ends_the_rows(session: Any) -> None:
    session.begin()
    rows = run(session, "SELECT id FROM t").rows
    rows.pause()
    session.execute("COMMIT")
    with pytest.raises(errors.ObjectNotInPrerequisiteState):
        next(rows)
    assert is_idle(session)


def test_several_statements_commit_with_the_last_row(db: EmbeddedDatabase, session: Any) -> None:
    texts = session.texts("INSERT INTO t VALUES (-1, 0); SELECT id FROM t")
    results = session.run_script(texts, live=True)
    assert next(results).tag == "INSERT"
    rows = next(results).rows
    first = next(rows)
    assert db.query("SELECT count(*) FROM t") == [(MANY,)]
    assert len(first) + sum(map(len, rows)) == MANY + 1
    assert next(results, None) is None
    assert db.query("SELECT count(*) FROM t") == [(MANY + 1,)]
    assert is_idle(session)
    results = session.run_script(
        session.texts("INSERT INTO t VALUES (-2, 0); SELECT 1 / (id - 4000) FROM t"), live=True
    )
    next(results)
    rows = next(results).rows
    with pytest.raises(errors.DivisionByZero):
        list(rows)
    assert is_idle(session)
    assert db.query("SELECT count(*) FROM t") == [(MANY + 1,)]


def test_an_interrupt_between_two_batches(session: Any) -> None:
    rows = run(session, "SELECT id FROM t").rows
    next(rows)
    session.interrupt()
    with pytest.raises(errors.QueryCanceled, match="user request"):
        next(rows)
    assert is_idle(session)
    assert len(run(session, "SELECT 1").rows) == 1


def test_time_goes_on_between_two_batches(session: Any) -> None:
    session.execute("SET statement_timeout = 60000")
    rows = run(session, "SELECT id FROM t").rows
    next(rows)
    session.deadline = time.monotonic() - 1
    with pytest.raises(errors.QueryCanceled, match="statement timeout"):
        next(rows)
    assert is_idle(session)


def test_a_session_that_ends_gives_everything_back(db: EmbeddedDatabase, session: Any) -> None:
    rows = run(session, "SELECT id, pg_notify('a', '') FROM t").rows
    next(rows)
    db.execute("LISTEN a")
    session.close()
    assert not db.database.store.snapshots.readers
    assert list(db.notifies(timeout=0)) == []
    with pytest.raises(StopIteration):
        next(rows)
