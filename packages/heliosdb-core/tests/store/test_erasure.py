"""Erasing deleted rows from the past, and letting go of dropped indexes' files."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from heliosdb import Config, EmbeddedDatabase
from heliosdb.errors import FeatureNotSupported, SerializationFailure
from heliosdb.spi import Retention, Snapshot


def stored(db: EmbeddedDatabase, oid: int, scn: int) -> list[object]:
    with db.database.store_transaction() as transaction:
        return list(transaction.view(oid, at=Snapshot("main", scn)))


@pytest.fixture(params=["memory", "volume"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> EmbeddedDatabase:
    made = EmbeddedDatabase(":memory:" if request.param == "memory" else str(tmp_path / "t.helio"))
    made.database.history.retain(Retention())
    made.execute("CREATE TABLE t (id int); INSERT INTO t VALUES (1), (2)")
    return made


def test_a_deleted_row_is_erased_from_every_point_and_from_the_change_feed(db: EmbeddedDatabase) -> None:
    (oid,) = db.query("SELECT 't'::regclass::oid")[0]
    history, store = db.database.history, db.database.store
    store.follow(oid)
    then = history.published
    db.execute("DELETE FROM t WHERE id = 1")
    history.erase(oid, [0])
    assert stored(db, oid, then) == [(2,)]
    assert list(store.changes(oid, then)) == []
    assert db.query("SELECT count(*) FROM t") == [(1,)]
    db.close()


def test_what_is_kept_together_of_a_point_that_is_asked_for_often_loses_the_row() -> None:
    with EmbeddedDatabase(":memory:") as db:
        db.database.history.retain(Retention())
        db.execute("CREATE TABLE t (id int); INSERT INTO t VALUES (1), (2)")
        (oid,) = db.query("SELECT 't'::regclass::oid")[0]
        then = db.database.history.published
        db.execute("DELETE FROM t WHERE id = 1")

        def found() -> list[object]:
            with db.database.store_transaction() as transaction:
                return list(transaction.view(oid, at=Snapshot("main", then)).committed_all([0, 1]))

        assert [found() for _ in range(6)] == [[(1,), (2,)]] * 6
        db.database.history.erase(oid, [0])
        assert [found() for _ in range(6)] == [[None, (2,)]] * 6


def test_rows_that_are_there_and_databases_with_branches_are_refused(db: EmbeddedDatabase) -> None:
    (oid,) = db.query("SELECT 't'::regclass::oid")[0]
    history = db.database.history
    with pytest.raises(SerializationFailure):
        history.erase(oid, [0])
    db.execute("DELETE FROM t WHERE id = 1")
    then = history.published - 1
    history.create_timeline("other")
    with pytest.raises(FeatureNotSupported, match='timeline "other"'):
        history.erase(oid, [0])
    assert stored(db, oid, then) == [(1,), (2,)]
    db.close()


def test_the_files_of_a_dropped_index_go_with_the_next_checkpoint(tmp_path: Path) -> None:
    where = tmp_path / "t.helio"
    with EmbeddedDatabase(str(where), config=Config(compression="none")) as db:
        db.execute("CREATE TABLE t (name text); CREATE INDEX by_name ON t (name)")
        db.execute("INSERT INTO t VALUES ('searchable')")
        db.execute("CHECKPOINT")
        runs = {path.name for path in where.rglob("run-*") if b"searchable" in path.read_bytes()}
        assert len(runs) == 1
        db.execute("DROP INDEX by_name")
        gc.collect()
        db.execute("CHECKPOINT")
        assert not runs & {path.name for path in where.rglob("run-*")}
        assert db.query("SELECT name FROM t WHERE name = 'searchable'") == [("searchable",)]
