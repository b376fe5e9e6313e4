"""Databases with no room for anything that stands on the volume: whatever is needed is read again."""

from __future__ import annotations

import threading

import pytest

from heliosdb.database import Database
from heliosdb.errors import UniqueViolation
from heliosdb_testkit import FaultyVolume
from stored_database import checkpoint, opened_without_cache, rows


def test_a_block_that_is_being_changed_stays_in_memory() -> None:
    database, session = opened_without_cache(FaultyVolume())
    session.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
    session.execute("INSERT INTO t SELECT g, 0 FROM generate_series(1, 9000) g")
    for turn in range(1, 4):
        checkpoint(database)
        for number in (1, 4500, 9000):
            session.execute(f"UPDATE t SET n = n + 1 WHERE id = {number}")
        session.execute("UPDATE t SET n = n + 10 WHERE id IN (2, 4501)")
        assert rows(session, "SELECT id, n FROM t WHERE n > 0 ORDER BY id") == [
            (1, turn),
            (2, 10 * turn),
            (4500, turn),
            (4501, 10 * turn),
            (9000, turn),
        ]
    database.close()


def test_replay_changes_blocks_that_are_read_for_it() -> None:
    volume = FaultyVolume()
    database, session = opened_without_cache(volume)
    session.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
    session.execute("INSERT INTO t SELECT g, 0 FROM generate_series(1, 9000) g")
    checkpoint(database)
    for number in (1, 4500, 9000, 1):
        session.execute(f"UPDATE t SET n = n + 1 WHERE id = {number}")
    _, session = opened_without_cache(volume.kill())
    assert rows(session, "SELECT id, n FROM t WHERE n > 0 ORDER BY id") == [(1, 2), (4500, 1), (9000, 1)]


def test_updates_beside_checkpoints_are_all_there() -> None:
    database, session = opened_without_cache(FaultyVolume())
    session.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
    session.execute("INSERT INTO t SELECT g, 0 FROM generate_series(1, 50) g")
    done = threading.Event()

    def checkpoints() -> None:
        while not done.is_set():
            checkpoint(database)

    worker = threading.Thread(target=checkpoints)
    worker.start()
    try:
        for turn in range(1, 61):
            session.execute(f"UPDATE t SET n = n + 1 WHERE id = {turn % 50 + 1}")
            assert rows(session, "SELECT sum(n) FROM t") == [(turn,)]
    finally:
        done.set()
        worker.join()
    database.close()


@pytest.mark.parametrize("order", ["ASC", "DESC"])
def test_a_key_that_many_rows_have_is_listed_once(order: str) -> None:
    volume = FaultyVolume()
    database, session = opened_without_cache(volume)
    session.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
    session.execute("CREATE INDEX ON t (n)")
    session.execute("INSERT INTO t SELECT g, g / 100 FROM generate_series(0, 999) g")
    database.close()
    database, session = opened_without_cache(volume.kill())
    assert rows(session, f"SELECT n, count(*) FROM t WHERE n >= 0 GROUP BY n ORDER BY n {order}") == [
        (n, 100) for n in (range(10) if order == "ASC" else range(9, -1, -1))
    ]
    with database.store_transaction() as transaction:
        (oid,) = rows(session, "SELECT 't'::regclass::oid")[0]
        view = transaction.view(oid)
        for index in view.relation.indexes:
            listed = [row_id for batch in view.index(index).range_item_blocks() for row_id, _ in batch]
            assert sorted(listed) == list(range(1000))
    database.close()


def test_a_table_without_rows_keeps_its_indexes() -> None:
    volume = FaultyVolume()
    _, session = opened_without_cache(volume)
    session.execute("CREATE TABLE t (id int PRIMARY KEY)")
    _, session = opened_without_cache(volume.kill())
    session.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(UniqueViolation):
        session.execute("INSERT INTO t VALUES (1)")


def test_an_index_read_in_part_after_a_crash_takes_back_what_is_true_no_more() -> None:
    """Later it is read whole, and then what the runs say is taken at its word."""
    volume = FaultyVolume()
    database = Database(volume=volume, plugins=[])
    session = database.session()
    session.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
    session.execute("CREATE INDEX ON t (n)")
    session.execute("INSERT INTO t SELECT g, g % 10 FROM generate_series(1, 6000) g")
    database.close()
    volume = volume.kill()
    session = Database(volume=volume, plugins=[]).session()
    session.execute("UPDATE t SET n = 77 WHERE n = 1")
    volume = volume.kill()
    database = Database(volume=volume, plugins=[])
    session = database.session()
    session.execute("UPDATE t SET n = 1 WHERE n = 77 AND id < 100")
    for _ in range(2):
        (oid,) = rows(session, "SELECT 't'::regclass::oid")[0]
        with database.store_transaction() as transaction:
            view = transaction.view(oid)
            for index in view.relation.indexes:
                listed = [row_id for batch in view.index(index).range_item_blocks() for row_id, _ in batch]
                assert sorted(listed) == list(range(6000))
        assert rows(session, "SELECT count(*) FROM t WHERE n = 1") == [(10,)]
        assert rows(session, "SELECT count(*) FROM t WHERE n = 77") == [(590,)]
        storage = database.store.indexes
        assert storage is not None
        for line in database.store.timelines():
            for relation in tuple(line.relations.values()):
                for held in relation.indexes.values():
                    if held.runs is not None:
                        storage._read(line, held, held.runs)
        checkpoint(database)
    database.close()
