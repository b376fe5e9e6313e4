"""LISTEN, NOTIFY and UNLISTEN by the doors of Python."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import heliosdb
from heliosdb import EmbeddedDatabase, Notify, errors
from heliosdb.session import notifications


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as made:
        made.execute("CREATE TABLE t (id int PRIMARY KEY, v text)")
        yield made


@pytest.fixture
def listener(db: EmbeddedDatabase) -> Iterator[Any]:
    with heliosdb.connect(db, autocommit=True) as connection:
        connection.execute("LISTEN a")
        yield connection


def told(connection: Any) -> list[tuple[str, str]]:
    """Return what has arrived: delivery is done when the statement that notifies has returned."""
    return [notify[:2] for notify in connection.notifies(timeout=0)]


def test_who_listens_is_told_at_commit_in_order_and_who_said_it(db: EmbeddedDatabase, listener: Any) -> None:
    number = db.query("SELECT pg_backend_pid()")[0][0]
    with db.begin_transaction() as transaction:
        own = transaction.query("SELECT pg_backend_pid()")[0][0]
        transaction.execute("NOTIFY a, 'second'")
        transaction.execute("NOTIFY b, 'nobody'")
        db.execute("NOTIFY a, 'first'")
        assert list(listener.notifies(timeout=0)) == [Notify("a", "first", number)]
        transaction.execute("NOTIFY a")
        transaction.commit()
    assert list(listener.notifies(timeout=0)) == [Notify("a", "second", own), Notify("a", "", own)]
    assert told(listener) == []


def test_the_same_is_said_once_in_a_transaction_where_it_was_said_first(listener: Any, db: EmbeddedDatabase) -> None:
    with db.begin_transaction() as transaction:
        for payload in ("x", "y", "x", "z", "y"):
            transaction.query("SELECT pg_notify('a', $1)", [payload])
        transaction.commit()
    assert told(listener) == [("a", "x"), ("a", "y"), ("a", "z")]


def test_a_transaction_that_rolls_back_says_and_hears_nothing(db: EmbeddedDatabase, listener: Any) -> None:
    with db.begin_transaction() as transaction:
        transaction.execute("NOTIFY a, 'no'")
        transaction.rollback()
    with pytest.raises(errors.DivisionByZero):
        db.execute("NOTIFY a, 'no'; SELECT 1 / 0")
    session = db.session()
    for text in ("BEGIN", "LISTEN b", "ROLLBACK"):
        session.execute(text)
    db.execute("NOTIFY b, 'no'")
    assert told(listener) == []
    assert session.execute("SELECT pg_listening_channels()")[0].rows == []
    assert session.inbox.take() == []


def test_a_savepoint_takes_back_what_was_said_after_it(db: EmbeddedDatabase, listener: Any) -> None:
    with db.begin_transaction() as transaction:
        transaction.execute("NOTIFY a, 'kept'")
        transaction.execute("SAVEPOINT s")
        for text in ("NOTIFY a, 'gone'", "NOTIFY a, 'kept'", "LISTEN gone", "ROLLBACK TO s", "NOTIFY a, 'last'"):
            transaction.execute(text)
        with pytest.raises(errors.DivisionByZero):
            transaction.query("SELECT pg_notify('a', (1 / 0)::text)")
        transaction.execute("ROLLBACK TO s")
        transaction.execute("NOTIFY a, 'after'")
        transaction.execute("RELEASE s")
        transaction.commit()
    assert told(listener) == [("a", "kept"), ("a", "after")]


def test_listen_holds_from_the_commit_on_and_so_does_unlisten(db: EmbeddedDatabase) -> None:
    with heliosdb.connect(db) as connection:
        connection.execute("LISTEN a")
        db.execute("NOTIFY a, 'early'")
        connection.execute("NOTIFY a, 'own'")
        connection.commit()
        assert told(connection) == [("a", "own")]
        connection.execute("UNLISTEN a")
        db.execute("NOTIFY a, 'before the commit'")
        assert told(connection) == []  # a transaction is open
        connection.commit()
        db.execute("NOTIFY a, 'late'")
        assert told(connection) == [("a", "before the commit")]


def test_channels(db: EmbeddedDatabase, listener: Any) -> None:
    for text in ('LISTEN "A b"', "LISTEN c", "LISTEN C", "UNLISTEN a", "UNLISTEN nobody"):
        listener.execute(text)
    assert listener.execute("SELECT * FROM pg_listening_channels()").fetchall() == [("A b",), ("c",)]
    db.execute("""NOTIFY "A b"; NOTIFY c, 'x'; NOTIFY a""")
    assert told(listener) == [("A b", ""), ("c", "x")]
    listener.execute("UNLISTEN *")
    assert listener.execute("SELECT pg_listening_channels()").fetchall() == []
    listener.execute("LISTEN a")
    listener.execute("DISCARD ALL")
    db.execute("NOTIFY a")
    assert told(listener) == []


@pytest.mark.parametrize(
    ("channel", "payload", "said"),
    [
        ("a" * 63, "é" * 3999 + "x", None),
        ("a" * 64, "", "channel name too long"),
        ("é" * 32, "", "channel name too long"),
        ("", "", "channel name cannot be empty"),
        (None, "x", "channel name cannot be empty"),
        ("a", "é" * 4000, "payload string too long"),
        ("a", None, None),
    ],
)
def test_limits(db: EmbeddedDatabase, channel: str | None, payload: str | None, said: str | None) -> None:
    if said is None:
        assert db.query("SELECT pg_notify($1, $2)", [channel, payload]) == [("",)]
        return
    with pytest.raises(errors.InvalidParameterValue, match=said):
        db.query("SELECT pg_notify($1, $2)", [channel, payload])


def test_a_row_a_notification(db: EmbeddedDatabase, listener: Any) -> None:
    """A statement by a unique key runs as a function of its own from the third time on: not one that notifies."""
    db.execute("INSERT INTO t VALUES (1, 'x')")
    for number in range(5):
        db.execute("UPDATE t SET v = $1 WHERE id = 1 RETURNING pg_notify('a', v)", [str(number)])
        db.query("SELECT pg_notify('a', v || 'read') FROM t WHERE id = $1", [1])
    expected = [("a", text) for number in range(5) for text in (str(number), f"{number}read")]
    assert told(listener) == expected


def test_what_nobody_takes_is_limited(db: EmbeddedDatabase, listener: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifications, "CAPACITY", 10_000)
    assert db.query("SELECT pg_notification_queue_usage()") == [(0.0,)]
    for number in range(10_000 // (notifications.OVERHEAD + 2)):
        db.execute(f"NOTIFY a, '{number}'")
    db.execute("NOTIFY a, 'the last'")
    with pytest.raises(errors.ProgramLimitExceeded, match="too many notifications"):
        db.execute("NOTIFY a, 'refused'")
    assert db.query("SELECT pg_notification_queue_usage()") == [(1.0,)]
    with db.begin_transaction() as transaction:
        transaction.execute("INSERT INTO t VALUES (1, 'x')")
        transaction.execute("NOTIFY a, 'more'")
        with pytest.raises(errors.ProgramLimitExceeded):
            transaction.commit()
    assert db.query("SELECT * FROM t") == []
    found = told(listener)
    assert found == [*(("a", str(number)) for number in range(len(found) - 1)), ("a", "the last")]
    assert db.query("SELECT pg_notification_queue_usage()") == [(0.0,)]
    db.execute("NOTIFY a, 'again'")
    listener.close()
    assert db.query("SELECT pg_notification_queue_usage()") == [(0.0,)]


def test_who_waits_is_woken(db: EmbeddedDatabase) -> None:
    found: list[Notify] = []
    is_listening = threading.Event()

    def listen() -> None:
        db.execute("LISTEN a")
        is_listening.set()
        found.extend(db.notifies(stop_after=3))

    thread = threading.Thread(target=listen)
    thread.start()
    assert is_listening.wait(30)
    with heliosdb.connect(db) as connection:
        for payload in "123":
            connection.execute("SELECT pg_notify('a', %s)", (payload,))
            connection.commit()
        connection.execute("NOTIFY a, 'left'")
    thread.join(30)
    assert [notify.payload for notify in found] == ["1", "2", "3"]
    assert [notify.payload for notify in db.notifies(timeout=30, stop_after=1)] == ["left"]


def test_who_waits_while_the_connection_is_closed_is_told_so(db: EmbeddedDatabase) -> None:
    connection = heliosdb.connect(db, autocommit=True)
    connection.execute("LISTEN a")
    raised: list[Exception] = []
    is_waiting = threading.Event()

    def listen() -> None:
        is_waiting.set()
        try:
            list(connection.notifies())
        except errors.InterfaceError as error:
            raised.append(error)

    thread = threading.Thread(target=listen)
    thread.start()
    assert is_waiting.wait(30)
    connection.close()
    thread.join(30)
    assert len(raised) == 1


def test_many_threads_are_heard_in_the_order_of_their_commits(tmp_path: Path) -> None:
    """On a volume with a log commits become durable in groups, whose threads go on in any order."""
    with EmbeddedDatabase(str(tmp_path / "db"), plugins=[]) as db:
        db.execute("CREATE TABLE t (id serial PRIMARY KEY)")
        db.execute("LISTEN a")

        def work() -> None:
            with heliosdb.connect(db) as connection:
                for _ in range(50):
                    connection.execute("INSERT INTO t DEFAULT VALUES")
                    connection.execute("SELECT pg_notify('a', pg_current_xact_id()::text)")
                    connection.commit()

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        found = [int(notify.payload) for notify in db.notifies(timeout=60, stop_after=400)]
        for thread in threads:
            thread.join()
        history = db.database.history
        order = [commit.transaction_id for commit in history.commits.between(1, history.published)]
        assert found == [number for number in order if number in set(found)]
        assert len(found) == 400


def test_whoever_hears_sees_what_was_committed(tmp_path: Path) -> None:
    with EmbeddedDatabase(str(tmp_path / "db"), plugins=[]) as db:
        db.execute("CREATE TABLE t (id int PRIMARY KEY)")
        db.execute("LISTEN a")

        def work() -> None:
            with heliosdb.connect(db) as connection:
                for number in range(50):
                    connection.execute("INSERT INTO t VALUES (%s)", (number,))
                    connection.execute("NOTIFY a")
                    connection.commit()

        thread = threading.Thread(target=work)
        thread.start()
        for count, _ in enumerate(db.notifies(timeout=60, stop_after=50), 1):
            assert db.query("SELECT count(*) FROM t")[0][0] >= count
        thread.join()
