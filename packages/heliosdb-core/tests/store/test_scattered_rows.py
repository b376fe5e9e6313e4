"""Rows that were changed one by one lie anywhere in memory: a checkpoint lets their blocks go, to be read again, and
VACUUM puts rows together that stand in memory alone."""

from __future__ import annotations

import subprocess
import sys
from operator import is_
from random import Random
from typing import Any

import pytest

from heliosdb.database import Database
from heliosdb.store import gather
from heliosdb.store.relation import Relation
from heliosdb.store.timeline_index import MAX_SCN
from heliosdb_testkit import FaultyVolume
from stored_database import checkpoint, rows

ROWS = 9000


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> tuple[FaultyVolume, Database, Any]:
    monkeypatch.setattr(gather, "FEWEST", 100)
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
    (relation,) = [found for found in database.store.main.relations.values() if found.count >= ROWS - 2]
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


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Database:
    """A database in memory, whose rows have all been changed one by one in any order, but for the last block's."""
    monkeypatch.setattr(gather, "FEWEST", 100)
    database = Database(plugins=[])
    session = database.session()
    session.execute("CREATE TABLE t (id int PRIMARY KEY, n int, f float, s text)")
    session.execute(f"INSERT INTO t SELECT g, g + 1000, '-0'::float, 'text ' || g FROM generate_series(1, {ROWS}) g")
    numbers = list(range(1, 8001))
    Random(1).shuffle(numbers)
    for number in numbers:
        session.execute(f"UPDATE t SET n = n + 5000, f = f - {number} WHERE id = {number}")
    session.execute("DELETE FROM t WHERE id IN (1, 5000)")
    return database


CHANGED = [
    (number, number + 6000, float(-number), f"text {number}")
    if number <= 8000
    else (number, number + 1000, -0.0, f"text {number}")
    for number in range(1, ROWS + 1)
    if number not in (1, 5000)
]


def test_vacuum_puts_rows_together_that_stand_in_memory_alone(memory: Database) -> None:
    session, relation = memory.session(), table(memory)
    reader = memory.session()
    reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    assert len(rows(reader, "SELECT * FROM t")) == ROWS - 2
    session.execute("UPDATE t SET n = 0 WHERE id = 8500")
    before = [row for block in relation.blocks if block is not None for row in block.positional(MAX_SCN) if row]
    session.execute("VACUUM t")
    after = [row for block in relation.blocks if block is not None for row in block.positional(MAX_SCN) if row]
    assert after == before
    assert sum(map(is_, after, before)) == 0
    # These lie together as they were made, or are shared.
    assert all(map(is_, [row[0] for row in after], [row[0] for row in before]))
    assert all(map(is_, [row[3] for row in after], [row[3] for row in before]))
    assert [block.scattered for block in relation.blocks if block is not None] == [0] * len(relation.blocks)
    assert rows(reader, "SELECT * FROM t ORDER BY id") == CHANGED
    reader.execute("UPDATE t SET s = 'mine' WHERE id = 77")
    reader.execute("COMMIT")
    assert rows(session, "SELECT n, s FROM t WHERE id IN (77, 8500) ORDER BY id") == [(6077, "mine"), (0, "text 8500")]
    assert str(rows(session, "SELECT f FROM t WHERE id = 8500")[0][0]) == "-0.0"
    assert rows(session, "SELECT id FROM t WHERE id IN (1, 2, 5000)") == [(2,)]


def test_what_changes_while_rows_are_put_together_is_not_lost(
    memory: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, relation = memory.session(), table(memory)
    other = memory.session()
    calls = iter(range(100))

    def change_between() -> None:
        if next(calls) == 2:
            other.execute("UPDATE t SET n = -1 WHERE id = 10")

    monkeypatch.setattr(gather, "poll", change_between)
    session.execute("VACUUM t")
    assert next(calls) > 2
    assert rows(session, "SELECT n FROM t WHERE id IN (9, 10, 11) ORDER BY id") == [(6009,), (-1,), (6011,)]
    scattered = [block.scattered for block in relation.blocks if block is not None]
    assert scattered[0] > 0 == scattered[1]


def test_few_scattered_rows_stay_where_they_are() -> None:
    database = Database(plugins=[])
    session = database.session()
    session.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
    session.execute(f"INSERT INTO t SELECT g, g FROM generate_series(1, {ROWS}) g")
    change(session, ROWS // 5)
    session.execute("VACUUM t")
    before = list(table(database).blocks)
    session.execute("VACUUM t")
    assert all(map(is_, table(database).blocks, before))


NEAR = """
from itertools import pairwise
from random import Random
from heliosdb import EmbeddedDatabase
from heliosdb.store import gather

gather.FEWEST = 100

def near(values):
    places = list(map(id, values))
    return sum(0 < later - before <= 256 for before, later in pairwise(places)) / len(places)

database = EmbeddedDatabase.new_in_memory(plugins=[]).database
session = database.session()
session.execute("CREATE TABLE t (id int PRIMARY KEY, n int, f float8)")
session.execute("INSERT INTO t SELECT g, 0, 0 FROM generate_series(1, 8000) g")
numbers = list(range(1, 8001))
Random(1).shuffle(numbers)
for number in numbers:
    session.execute(f"UPDATE t SET n = id + 6000, f = -id WHERE id = {number}")
(relation,) = [found for found in database.store.main.relations.values() if found.count == 8000]
for text in ("SELECT 1", "VACUUM t"):
    session.execute(text)
    rows = [row for block in relation.blocks for row in block.positional(1 << 60) if row]
    print(near([row[1] for row in rows]), near([row[2] for row in rows]), near(rows))
"""


def test_they_lie_nearer_then() -> None:
    """In a process of its own: where the allocator puts things depends on whatever ran before."""
    done = subprocess.run([sys.executable, "-c", NEAR], capture_output=True, text=True, check=True)
    before, after = [list(map(float, line.split())) for line in done.stdout.splitlines()]
    assert all(later > earlier + 0.1 for earlier, later in zip(before[:2], after[:2], strict=True)), (before, after)
    assert after[2] >= before[2]


def test_a_branch_gets_copies_of_its_own_rows_alone(memory: Database) -> None:
    session = memory.session()
    session.execute("VACUUM t")
    memory.history.create_timeline("branch")
    session.use_timeline("branch")
    numbers = list(range(2, 8001, 10))
    Random(2).shuffle(numbers)
    for number in numbers:
        session.execute(f"UPDATE t SET n = 1 WHERE id = {number}")
    session.execute("DELETE FROM t WHERE id = 9; INSERT INTO t VALUES (20000, 7)")
    with memory.store_transaction(memory.history.timeline("branch")) as transaction:
        oid = table(memory).oid
        relation = transaction.relation(oid)
    expected = rows(session, "SELECT id, n FROM t ORDER BY id")
    above = {id(row) for block in table(memory).blocks if block is not None for row in block.rows}

    def own() -> list[tuple[Any, ...]]:
        blocks = [block for block in relation.blocks if block is not None]
        return [
            row for block in blocks for row in block.positional(MAX_SCN) if row is not None and id(row) not in above
        ]

    before = own()
    assert len(before) == len(numbers) + 1
    session.execute("VACUUM t")
    after = own()
    assert after == before
    assert sum(map(is_, after, before)) == 0
    assert [block.scattered for block in relation.blocks if block is not None] == [0] * len(relation.blocks)
    assert rows(session, "SELECT id, n FROM t ORDER BY id") == expected
    assert [row for row in expected if row[0] in (9, 12, 20000)] == [(12, 1), (20000, 7)]
