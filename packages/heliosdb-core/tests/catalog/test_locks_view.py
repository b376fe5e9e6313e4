"""``pg_locks`` and ``pg_blocking_pids``: who holds what, and who waits for whom."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from heliosdb import EmbeddedDatabase


@pytest.fixture
def sessions() -> Iterator[Callable[[], Any]]:
    db = EmbeddedDatabase.new_in_memory(plugins=[])
    db.execute("CREATE TABLE t (id int PRIMARY KEY, v int)")
    db.execute("INSERT INTO t VALUES (1, 10), (2, 20)")
    yield lambda: db.database.session(isolation="read committed")
    db.close()


@contextmanager
def waiting(session: Any, text: str) -> Iterator[None]:
    """Have a session wait in a thread, while the block runs; the block ends the wait."""
    thread = threading.Thread(target=session.execute, args=(text,), daemon=True)
    thread.start()
    while not session.database.store.locks.is_waiting(session):
        assert thread.is_alive()
        thread.join(0.001)
    yield
    thread.join(20)
    assert not thread.is_alive()


WAITS = "SELECT locktype, relation::regclass::text, mode, pid, waitstart <= now() FROM pg_locks WHERE NOT granted"


@pytest.mark.parametrize(
    ("hold", "wait", "locktype", "relation", "mode"),
    [
        ("UPDATE t SET v = 1 WHERE id = 1", "DELETE FROM t WHERE id = 1", "tuple", "t", "AccessExclusiveLock"),
        ("SELECT * FROM t FOR UPDATE", "SELECT * FROM t FOR KEY SHARE", "tuple", "t", "AccessShareLock"),
        ("LOCK TABLE t", "INSERT INTO t VALUES (3, 3)", "relation", "t", "RowExclusiveLock"),
        ("INSERT INTO t VALUES (3, 3)", "INSERT INTO t VALUES (3, 4) ON CONFLICT DO NOTHING", "transactionid", None,
         "ShareLock"),
        ("SELECT pg_advisory_xact_lock(5)", "SELECT pg_advisory_xact_lock_shared(5)", "advisory", None, "ShareLock"),
    ],
)  # fmt: skip
def test_a_wait_is_listed(
    sessions: Callable[[], Any], hold: str, wait: str, locktype: str, relation: str | None, mode: str
) -> None:
    holder, waiter, observer = sessions(), sessions(), sessions()
    holder.execute("BEGIN")
    holder.execute(hold)
    assert observer.execute(WAITS)[0].rows == []
    with waiting(waiter, wait):
        assert observer.execute(WAITS)[0].rows == [(locktype, relation, mode, waiter.number, True)]
        asked = f"SELECT pg_blocking_pids({waiter.number}), pg_blocking_pids({holder.number})"
        assert observer.execute(asked)[0].rows == [((holder.number,), ())]
        holder.execute("COMMIT")
    assert observer.execute(WAITS)[0].rows == []


def test_held_locks_are_listed(sessions: Callable[[], Any]) -> None:
    holder, observer = sessions(), sessions()
    holder.execute("SELECT pg_advisory_lock(4294967301), pg_advisory_lock_shared(-1, 7)")
    holder.execute("BEGIN")
    holder.execute("SELECT * FROM t")
    holder.execute("LOCK TABLE t IN SHARE MODE")
    found = observer.execute(
        "SELECT locktype, relation::regclass::text, classid, objid, objsubid, mode FROM pg_locks "
        f"WHERE pid = {holder.number} AND granted ORDER BY 1, 3, 6"
    )[0].rows
    assert found == [
        ("advisory", None, 1, 5, 1, "ExclusiveLock"),
        ("advisory", None, 4294967295, 7, 2, "ShareLock"),
        ("relation", "t", None, None, None, "AccessShareLock"),
        ("relation", "t", None, None, None, "ShareLock"),
    ]


def test_who_stands_in_line_blocks_too(sessions: Callable[[], Any]) -> None:
    holder, first, second, observer = sessions(), sessions(), sessions(), sessions()
    holder.execute("BEGIN")
    holder.execute("LOCK TABLE t IN ACCESS SHARE MODE")
    with waiting(first, "TRUNCATE t"), waiting(second, "INSERT INTO t VALUES (9, 9)"):
        asked = f"SELECT pg_blocking_pids({second.number})"
        assert observer.execute(asked)[0].rows == [((first.number,),)]
        holder.execute("COMMIT")
