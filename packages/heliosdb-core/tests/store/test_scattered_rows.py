"""Rows that were changed one by one lie anywhere in memory: a checkpoint lets their blocks go, to be read again."""

from __future__ import annotations

from typing import Any

import pytest

from heliosdb.database import Database
from heliosdb.store import stored_blocks
from heliosdb.store.relation import Relation
from heliosdb_testkit import FaultyVolume
from stored_database import checkpoint, rows

ROWS = 9000


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> tuple[FaultyVolume, Database, Any]:
    monkeypatch.setattr(stored_blocks, "FEWEST_SCATTERED", 100)
    volume = FaultyVolume()
    database = Database(volume=volume, plugins=[])
    session = database.session()
    session.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
    session.execute(f"INSERT INTO t SELECT g, 0 FROM generate_series(1, {ROWS}) g")
    return volume, database, session


def in_memory(database: Database) -> list[bool]:
    """Return which blocks of the table are in memory."""
    return [block is not None for block in table(database).blocks]


def cached(database: Database) -> int:
    """Return how many bytes of blocks the cache knows of."""
    stored = table(database).stored
    assert stored is not None
    return stored.cache.size


def table(database: Database) -> Relation:
    (relation,) = [found for found in database.store.main.relations.values() if found.count >= ROWS - 1]
    return relation


def change(session: Any, count: int) -> None:
    for number in range(1, ROWS + 1, ROWS // count):
        session.execute(f"UPDATE t SET n = n + 1 WHERE id = {number}")


def test_blocks_of_few_changes_stay_and_of_many_go(opened: tuple[FaultyVolume, Database, Any]) -> None:
    volume, database, session = opened
    checkpoint(database)
    assert in_memory(database) == [True] * 3
    change(session, ROWS // 5)
    checkpoint(database)
    assert in_memory(database) == [True] * 3
    # Those before count, too: together they are more than half of the rows.
    change(session, ROWS // 3)
    session.execute("DELETE FROM t WHERE id = 6000")
    expected = rows(session, "SELECT count(*), sum(n), max(n) FROM t")
    assert expected == [(ROWS - 1, ROWS // 3 + ROWS // 5, 2)]
    size = cached(database)
    checkpoint(database)
    assert in_memory(database) == [False] * 3
    assert cached(database) < size // 2
    session.execute("UPDATE t SET n = 100 WHERE id = 17")
    for _ in range(3):
        assert rows(session, "SELECT n FROM t WHERE id IN (15, 16, 17, 6000) ORDER BY id") == [(0,), (2,), (100,)]
        assert rows(session, "SELECT count(*), max(n) FROM t") == [(ROWS - 1, 100)]
    checkpoint(database)
    assert in_memory(database) == [True] * 3
    reopened = Database(volume=volume.kill(), plugins=[]).session()
    assert rows(reopened, "SELECT count(*), max(n) FROM t") == [(ROWS - 1, 100)]


def test_an_open_snapshot_and_a_change_meanwhile_keep_what_they_need(
    opened: tuple[FaultyVolume, Database, Any],
) -> None:
    volume, database, session = opened
    checkpoint(database)
    reader = database.session()
    reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    assert rows(reader, "SELECT count(*), sum(n) FROM t") == [(ROWS, 0)]
    writer = database.session()
    writer.execute("BEGIN")
    writer.execute("INSERT INTO t VALUES (0, 50)")
    change(session, ROWS)
    checkpoint(database)
    assert rows(reader, "SELECT count(*), sum(n) FROM t") == [(ROWS, 0)]
    assert rows(reader, "SELECT n FROM t WHERE id = 4000") == [(0,)]
    reader.execute("COMMIT")
    writer.execute("ROLLBACK")
    checkpoint(database)
    assert rows(session, "SELECT count(*), sum(n) FROM t") == [(ROWS, ROWS)]
    reopened = Database(volume=volume.kill(), plugins=[]).session()
    assert rows(reopened, "SELECT count(*), sum(n) FROM t") == [(ROWS, ROWS)]
