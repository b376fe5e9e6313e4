"""Large deletions from indexes that are not in memory: a checkpoint takes the entries out; until then nobody minds."""

from __future__ import annotations

from typing import Any

import pytest

from heliosdb.database import Database
from heliosdb.errors import IoError, UniqueViolation
from heliosdb.store import Retention
from heliosdb.store.snapshot import Snapshot
from heliosdb.store.timeline_index import TimelineIndex
from heliosdb.verify import verify
from heliosdb_testkit import FaultyVolume
from stored_database import checkpoint, opened, rows

MANY = 12_000


def filled(**storage: Any) -> tuple[FaultyVolume, Database, Any]:
    """A database whose index entries are in runs alone."""
    volume = FaultyVolume()
    database, session = reopened(volume)
    session.execute("CREATE TABLE t (id int PRIMARY KEY, n int, note text)")
    session.execute("CREATE INDEX by_note ON t (note)")
    session.execute("CREATE INDEX by_n ON t (n) WHERE n < 5")
    session.execute(f"INSERT INTO t SELECT g, g % 10, 'note ' || g / 2 FROM generate_series(1, {MANY}) g")
    checkpoint(database)
    return volume, database, session


def reopened(volume: FaultyVolume) -> tuple[Database, Any]:
    database, session = opened(volume, cache_size=1 << 20, large_commit=1000)
    assert database.store.indexes is not None
    database.store.indexes.most_entries = 0
    return database, session


def oid(session: Any, name: str) -> int:
    return int(rows(session, f"SELECT '{name}'::regclass::oid::int")[0][0])


def indexes(database: Database, session: Any) -> list[TimelineIndex]:
    return list(database.store.relation(None, oid(session, "t")).indexes.values())


def entries(database: Database, session: Any) -> list[int]:
    return [0 if index.runs is None else len(index.runs) for index in indexes(database, session)]


def look(session: Any, left: set[int]) -> None:
    """All that an index may be asked answers for the rows that are left."""
    for number in (1, 2, 3, 4, 5, 6, MANY - 1, MANY):
        found = [(number,)] if number in left else []
        assert rows(session, f"SELECT id FROM t WHERE id = {number}") == found
        twins = [(other,) for other in (number // 2 * 2, number // 2 * 2 + 1) if other in left]
        assert rows(session, f"SELECT id FROM t WHERE note = 'note {number // 2}' ORDER BY id") == twins
    assert rows(session, "SELECT id FROM t ORDER BY id LIMIT 5") == [(number,) for number in sorted(left)[:5]]
    assert rows(session, "SELECT count(*) FROM t WHERE n = 3") == [(sum(number % 10 == 3 for number in left),)]
    assert rows(session, "SELECT count(*), min(id), max(id) FROM t WHERE id BETWEEN 100 AND 900") == [
        (len(left & set(range(100, 901))), min(left & {*range(100, 901)}), max(left & {*range(100, 901)}))
    ]


def test_what_was_deleted_is_found_no_more_and_leaves_the_runs_with_the_next_checkpoint() -> None:
    volume, database, session = filled()
    assert entries(database, session) == [MANY, MANY, MANY // 2]
    left = {number for number in range(1, MANY + 1) if number % 3 == 0}
    assert session.execute("DELETE FROM t WHERE id % 3 > 0")[-1].row_count == MANY - len(left)
    for index in indexes(database, session):
        assert (index.delta, len(index.superseded), sum(map(sum, index.gone.values()))) == ([], 0, MANY - len(left))
    assert all(block is None for block in database.store.relation(None, oid(session, "t")).blocks)
    look(session, left)
    session.execute("INSERT INTO t VALUES (1, 0, 'again')")
    with pytest.raises(UniqueViolation):
        session.execute("INSERT INTO t VALUES (3, 0, 'twice')")
    session.execute("DELETE FROM t WHERE id = 1")
    assert database.store.indexes is not None
    database.store.indexes.most_entries = 1 << 30
    for index in indexes(database, session):
        assert index.runs is not None
        index.runs.asked = 1 << 30
    database.store.maintenance.read_busy_indexes()  # type: ignore[union-attr]
    database.store.indexes.most_entries = 0
    look(session, left)
    checkpoint(database)
    assert entries(database, session) == [len(left), len(left), len(left) // 2]
    look(session, left)
    assert verify(database).problems == ()
    database, session = reopened(volume.kill())
    look(session, left)


@pytest.mark.parametrize("checkpointed", [True, False])
def test_after_a_crash_what_was_deleted_is_not_found(checkpointed: bool) -> None:
    volume, database, session = filled()
    session.execute("DELETE FROM t WHERE id > 2000")
    if checkpointed:
        volume.fail(IoError("input/output error"), "replace write")
        with pytest.raises(IoError):
            checkpoint(database)
        assert [len(index.gone) for index in indexes(database, session)] == [3, 3, 3]
        session.execute("DELETE FROM t WHERE id % 2 > 0")
        checkpoint(database)
        assert entries(database, session) == [1000, 1000, 600]
    left = {number for number in range(1, 2001) if not (checkpointed and number % 2)}
    look(session, left)
    database, session = reopened(volume.kill())
    look(session, left)
    assert verify(database).problems == ()


def test_rows_that_the_same_commit_has_changed_keep_their_entries() -> None:
    volume, database, session = filled()
    session.execute("BEGIN")
    session.execute("UPDATE t SET note = 'changed ' || id")
    session.execute("DELETE FROM t WHERE id % 2 = 0")
    session.execute("COMMIT")
    for _ in range(2):
        assert rows(session, "SELECT id FROM t WHERE note = 'changed 77'") == [(77,)]
        assert rows(session, "SELECT id FROM t WHERE note IN ('note 38', 'changed 78')") == []
        assert rows(session, "SELECT count(*) FROM t WHERE id > 0") == [(MANY // 2,)]
        assert verify(database).problems == ()
        checkpoint(database)
        database, session = reopened(volume.kill())


def test_indexes_answer_for_the_past_of_what_was_deleted() -> None:
    volume, database, session = filled()
    database.history.retain(Retention())
    before = database.store.published
    session.execute("DELETE FROM t")
    table, by_note = oid(session, "t"), oid(session, "by_note")
    for turn in range(3):
        store = database.store
        past = store.begin(snapshot=Snapshot("main", before))
        past.begin_statement()
        assert sorted(past.view(table).index(by_note).rows("note 50")) == [(100, 0, "note 50"), (101, 1, "note 50")]
        past.rollback()
        assert rows(session, "SELECT id FROM t WHERE note = 'note 50'") == []
        if turn == 1:
            assert store.indexes is not None
            store.indexes.most_entries = 1 << 30  # all of it is read into memory
            for _ in range(MANY // 64 + 1):
                session.execute("SELECT id FROM t WHERE note = 'note 50'")
        checkpoint(database)
        if turn == 1:
            store.maintenance.read_busy_indexes()  # type: ignore[union-attr]
        else:
            database, session = reopened(volume.kill())
            volume = database.volume  # type: ignore[assignment]


def test_a_branch_deletes_what_it_has_from_its_parent() -> None:
    _, database, session = filled()
    store, table, by_note = database.store, oid(session, "t"), oid(session, "by_note")
    store.create_timeline("staging")
    branch = store.begin(timeline="staging")
    branch.begin_statement()
    for ids, found in branch.view(table).item_blocks():
        branch.delete_rows(table, list(ids), found)
    branch.commit().wait()
    for _ in range(2):
        assert look(session, set(range(1, MANY + 1))) is None
        reader = store.begin(timeline="staging")
        reader.begin_statement()
        assert reader.view(table).index(by_note).rows("note 50") == []
        assert list(reader.view(table).index(by_note).range_blocks()) == []
        reader.rollback()
        checkpoint(database)
