"""Ctrl-C in a commit or a checkpoint: what was answered stays, what was not is there whole or not at all."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import CodeType, FrameType
from typing import Any

import pytest

from heliosdb.database import Database
from heliosdb.errors import IoError
from heliosdb.store.checkpoint import Checkpointer
from heliosdb.store.journal import Journal
from heliosdb.store.log import Log
from heliosdb.transaction import TransactionalStore
from heliosdb.verify import verify
from heliosdb_testkit import FaultyVolume


class InterruptedVolume(FaultyVolume):
    """A volume in whose calls Ctrl-C may come just before they return."""

    interrupted: str | None = None

    def _interrupt(self, call: str) -> None:
        if self.interrupted == call:
            self.interrupted = None
            raise KeyboardInterrupt

    def append(self, name: str, data: bytes | Sequence[bytes]) -> int:
        offset = super().append(name, data)
        if name.startswith("log"):
            self._interrupt("append")
        return offset

    def replace(self, name: str, content: bytes) -> None:
        super().replace(name, content)
        self._interrupt("replace")


def rows(database: Database, text: str) -> list[tuple[Any, ...]]:
    return list(database.session().execute(text)[-1].rows)


def made(volume: FaultyVolume) -> Database:
    database = Database(volume=volume, plugins=[], storage={"large_commit": 1000})
    database.session().execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
    database.session().execute("INSERT INTO t VALUES (1, 1), (2, 2)")
    return database


def interrupt_return_of(code: CodeType, action: Callable[[], Any]) -> None:
    """Run an action; Ctrl-C comes when a function returns to its caller for the first time."""

    def of_function(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "return":
            sys.settrace(None)
            raise KeyboardInterrupt
        return of_function

    sys.settrace(lambda frame, event, argument: of_function if frame.f_code is code else None)
    try:
        with pytest.raises(KeyboardInterrupt):
            action()
    finally:
        sys.settrace(None)


LARGE = "INSERT INTO t SELECT g, g FROM generate_series(10, 3009) g"
SMALL = "INSERT INTO t VALUES (10, 10)"
PLACES = [Log.append, Journal.append, TransactionalStore.log_commit, TransactionalStore.next_scn]


@pytest.mark.parametrize("statement", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__qualname__)
def test_after_a_commit_that_was_interrupted_when_it_was_logged_nothing_is_taken_that_would_be_lost(
    statement: str, place: Any
) -> None:
    volume = FaultyVolume()
    database = made(volume)
    interrupt_return_of(place.__code__, lambda: database.session().execute(statement))
    assert rows(database, "SELECT id FROM t ORDER BY id") == [(1,), (2,)]
    with pytest.raises(IoError, match="the database accepts no more commits"):
        database.session().execute("INSERT INTO t VALUES (5, 5)")
    again = Database(volume=volume.kill(), plugins=[])
    added = 1 if statement is SMALL else 3000
    assert rows(again, "SELECT count(*), count(*) FILTER (WHERE id = 5) FROM t") in ([(2, 0)], [(2 + added, 0)])
    assert verify(again).problems == ()


@pytest.mark.parametrize("statement", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("others", [True, False])
def test_a_commit_that_was_interrupted_while_its_bytes_were_written_is_undone_by_the_next(
    statement: str, others: bool
) -> None:
    volume = InterruptedVolume()
    database = made(volume)
    volume.interrupted = "append"
    with pytest.raises(KeyboardInterrupt):
        database.session().execute(statement)
    if others:
        database.session().execute("INSERT INTO t VALUES (5, 5)")
        assert rows(database, "SELECT id FROM t ORDER BY id") == [(1,), (2,), (5,)]
    again = Database(volume=volume.kill(), plugins=[])
    found = rows(again, "SELECT count(*), count(*) FILTER (WHERE id = 5) FROM t")
    if others:
        assert found == [(3, 1)]
    else:
        # Nobody was told that it failed for good: it is there whole.
        assert found == [(3 if statement is SMALL else 3002, 0)]
    assert verify(again).problems == ()


def test_a_checkpoint_that_was_interrupted_when_the_manifest_had_been_replaced_loses_nothing() -> None:
    volume = InterruptedVolume()
    database = made(volume)
    database.session().execute(LARGE)
    volume.interrupted = "replace"
    assert database.store.maintenance is not None
    with pytest.raises(KeyboardInterrupt):
        database.store.maintenance.checkpoint()
    database.session().execute("INSERT INTO t VALUES (5, 5)")
    killed = volume.kill()
    expected = [(3003, 1)]
    again = Database(volume=killed, plugins=[])
    assert rows(again, "SELECT count(*), count(*) FILTER (WHERE id = 5) FROM t") == expected
    assert verify(again).problems == ()


def test_after_an_interrupted_checkpoint_the_next_one_does_all() -> None:
    volume = InterruptedVolume()
    database = made(volume)
    database.session().execute(LARGE)
    assert database.store.maintenance is not None
    for place in ("replace", None, "replace", None):
        volume.interrupted = place
        database.session().execute("UPDATE t SET n = n + 1")
        if place is None:
            database.store.maintenance.checkpoint()
        else:
            with pytest.raises(KeyboardInterrupt):
                database.store.maintenance.checkpoint()
    database.close()
    again = Database(volume=volume.kill(), plugins=[])
    assert rows(again, "SELECT count(*), sum(n - id) FROM t") == [(3002, 4 * 3002)]
    assert verify(again).problems == ()


def test_a_checkpoint_that_was_interrupted_before_leaves_no_files() -> None:
    volume = FaultyVolume()
    database = made(volume)
    assert database.store.maintenance is not None
    before = set(volume.names())
    interrupt_return_of(Checkpointer._write.__code__, database.store.maintenance.checkpoint)
    assert {name for name in volume.names() if not name.startswith("log")} <= before
    again = Database(volume=volume.kill(), plugins=[])
    assert rows(again, "SELECT id FROM t ORDER BY id") == [(1,), (2,)]
