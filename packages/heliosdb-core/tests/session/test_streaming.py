"""Streams: rows as they come, under one snapshot, in constant memory."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator

import pytest

from heliosdb import errors
from heliosdb.embedded import EmbeddedDatabase


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.execute("CREATE TABLE t (a int PRIMARY KEY, b text)")
        database.execute("INSERT INTO t SELECT g, 'row ' || g FROM generate_series(1, 5000) g")
        yield database


def open_snapshots(db: EmbeddedDatabase) -> int:
    return len(db.database.store.snapshots.readers)


def test_rows_are_those_of_query(db: EmbeddedDatabase) -> None:
    sql = "SELECT a, b, date '2020-01-01' + a AS d FROM t WHERE a % $1 = 0 ORDER BY a"
    stream = db.stream(sql, (7,))
    assert stream.columns == ("a", "b", "d")
    first = next(stream)
    assert (first["a"], first["b"], first["d"].isoformat()) == (7, "row 7", "2020-01-08")
    assert [first, *stream] == db.query(sql, (7,))
    assert list(stream) == []


def test_five_million_rows_need_the_memory_of_a_batch(db: EmbeddedDatabase) -> None:
    stream = db.stream("SELECT g, g * 2 AS twice, 'x' AS x FROM generate_series(1, 5000000) g")
    for _ in range(5000):
        next(stream)
    tracemalloc.start()
    try:
        for _ in range(30_000):
            next(stream)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000
    count = last = 0
    for row in stream:
        count += 1
        last = row[0]
    assert (count, last) == (5_000_000 - 35_000, 5_000_000)


def test_a_stream_shows_what_was_there_when_it_was_opened(db: EmbeddedDatabase) -> None:
    stream = db.stream("SELECT a FROM t")
    next(stream)
    db.execute("UPDATE t SET a = a + 100000")
    db.execute("DELETE FROM t WHERE a > 100010")
    assert len(list(stream)) == 4999
    assert len(list(db.stream("SELECT a FROM t"))) == 10


def test_the_snapshot_is_held_while_the_stream_is_open_and_no_longer(db: EmbeddedDatabase) -> None:
    before, sessions = open_snapshots(db), len(db.database.sessions)
    stream = db.stream("SELECT a FROM t")
    next(stream)
    assert open_snapshots(db) > before
    stream.close()
    assert (open_snapshots(db), len(db.database.sessions)) == (before, sessions)
    list(db.stream("SELECT a FROM t"))
    assert (open_snapshots(db), len(db.database.sessions)) == (before, sessions)
    with db.stream("SELECT a FROM t") as stream:
        next(stream)
    assert list(stream) == []
    abandoned = db.stream("SELECT a FROM t")
    next(abandoned)
    del abandoned
    gc.collect()
    assert (open_snapshots(db), len(db.database.sessions)) == (before, sessions)
    failing = db.stream("SELECT 1 / (a - 3000) FROM t ORDER BY a")
    with pytest.raises(errors.DivisionByZero):
        list(failing)
    assert (open_snapshots(db), len(db.database.sessions)) == (before, sessions)
    with pytest.raises(errors.UndefinedTable):
        db.stream("SELECT * FROM missing")
    assert (open_snapshots(db), len(db.database.sessions)) == (before, sessions)


def test_in_a_transaction_a_stream_sees_its_writes_and_ends_with_it(db: EmbeddedDatabase) -> None:
    with db.begin_transaction() as transaction:
        transaction.execute("INSERT INTO t VALUES (-1, 'own')")
        stream = transaction.stream("SELECT b FROM t ORDER BY a")
        assert next(stream)["b"] == "own"
        transaction.execute("INSERT INTO t VALUES (9999, 'later')")
        transaction.commit()
    with pytest.raises(errors.ObjectNotInPrerequisiteState, match="the transaction of the stream has ended"):
        list(stream)


def test_an_error_in_a_stream_fails_its_transaction(db: EmbeddedDatabase) -> None:
    with db.begin_transaction() as transaction:
        with pytest.raises(errors.DivisionByZero):
            list(transaction.stream("SELECT 1 / (a - 2) FROM t ORDER BY a"))
        with pytest.raises(errors.InFailedSqlTransaction):
            transaction.query("SELECT 1")


def test_timeouts_and_interrupts(db: EmbeddedDatabase) -> None:
    endless = "SELECT g FROM generate_series(1, 1000000000000) g"
    with pytest.raises(errors.QueryCanceled, match="statement timeout"):
        for _ in db.stream(endless, timeout=0.05):
            pass
    db.execute("SET statement_timeout = '50ms'")
    with pytest.raises(errors.QueryCanceled, match="statement timeout"):
        list(db.stream("SELECT count(*) FROM generate_series(1, 1000000000000) g"))
    db.execute("RESET statement_timeout")
    stream = db.stream(endless)
    next(stream)
    db.interrupt()
    with pytest.raises(errors.QueryCanceled, match="user request"):
        for _ in stream:
            pass
    assert open_snapshots(db) == 0
    assert db.query("SELECT 1 AS one") == [(1,)]


def test_what_is_no_plain_query_is_run_at_once(db: EmbeddedDatabase) -> None:
    stream = db.stream("INSERT INTO t VALUES (-5, 'x') RETURNING a, b")
    assert db.query("SELECT b FROM t WHERE a = -5") == [("x",)]
    assert list(stream) == [(-5, "x")]
    assert list(db.stream("SHOW server_version_num")) == db.query("SHOW server_version_num")
    with pytest.raises(errors.ProgrammingError):
        db.stream("DELETE FROM t WHERE a = -5")


def test_temporary_tables_are_seen_and_stay(db: EmbeddedDatabase) -> None:
    db.execute("CREATE TEMP TABLE own (x int)")
    db.execute("INSERT INTO own VALUES (1), (2)")
    assert list(db.stream("SELECT x FROM own ORDER BY x")) == [(1,), (2,)]
    assert db.query("SELECT count(*) FROM own") == [(2,)]
