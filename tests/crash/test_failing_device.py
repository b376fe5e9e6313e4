"""Full disks, broken devices and damaged files: statements fail, what was committed stays."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from heliosdb.database import Database
from heliosdb.errors import DataCorrupted, DiskFull, Error, IoError
from heliosdb_testkit import FaultyVolume

from .check import index_problems, rows_of
from .rounds import abandon, quiet_ends

pytestmark = pytest.mark.timeout(900)

FULL = DiskFull("could not write: No space left on device")
BROKEN = IoError("could not sync: Input/output error")


@pytest.fixture
def volume() -> Iterator[FaultyVolume]:
    with quiet_ends():
        yield FaultyVolume()


def opened(volume: FaultyVolume) -> tuple[Database, Any]:
    database = Database(volume=volume, plugins=[])
    return database, database.session()


def filled(volume: FaultyVolume) -> tuple[Database, Any]:
    database, session = opened(volume)
    session.execute("CREATE TABLE t (id int PRIMARY KEY, grp int, note text)")
    session.execute("CREATE INDEX ON t (grp)")
    session.execute("INSERT INTO t SELECT g, g % 5, 'n' || g FROM generate_series(1, 1000) g")
    return database, session


def sum_of(session: Any) -> tuple[Any, ...]:
    return rows_of(session, "SELECT count(*), sum(id), sum(grp) FROM t")[0]


BEFORE = (1000, 500500, 2000)

CHANGES = (
    "INSERT INTO t VALUES (1001, 0, 'new')",
    "INSERT INTO t SELECT g, 0, 'new' FROM generate_series(1001, 3000) g",
    "UPDATE t SET grp = 7 WHERE id = 3",
    "UPDATE t SET grp = 7",
    "DELETE FROM t WHERE id = 3",
    "DELETE FROM t",
    "INSERT INTO t VALUES (3, 9, 'x') ON CONFLICT (id) DO UPDATE SET grp = 9",
    "TRUNCATE t",
    "CREATE TABLE u (a int)",
    "CREATE INDEX ON t (note)",
    "DROP TABLE t",
    "ALTER TABLE t ADD COLUMN c int DEFAULT 1",
)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("block", [False, True], ids=["alone", "in a block"])
def test_on_a_full_disk_a_change_fails_and_nothing_of_it_is_there(
    volume: FaultyVolume, change: str, block: bool
) -> None:
    database, session = filled(volume)
    for _ in range(2):
        volume.fail(FULL, "append")
        if block:
            session.execute("BEGIN")
            session.execute(change)
        with pytest.raises(DiskFull) as raised:
            session.execute("COMMIT" if block else change)
        assert raised.value.sqlstate == "53100"
        assert sum_of(session) == BEFORE
        assert rows_of(session, "SELECT note FROM t WHERE id = 3 AND grp = 3") == [("n3",)]
        assert index_problems(database, session) == []
    session.execute(change)
    session.execute("CREATE TABLE later (a int)")
    with_change = rows_of(session, "SELECT relname FROM pg_class WHERE relname IN ('t', 'u')")
    abandon(database)
    database, session = opened(volume.kill())
    assert rows_of(session, "SELECT relname FROM pg_class WHERE relname IN ('t', 'u')") == with_change
    assert index_problems(database, session) == []
    abandon(database)


@pytest.mark.parametrize("change", CHANGES)
def test_after_a_failed_sync_the_database_can_only_be_read_until_it_is_opened_again(
    volume: FaultyVolume, change: str
) -> None:
    database, session = filled(volume)
    volume.fail(BROKEN, "sync")
    with pytest.raises(IoError) as raised:
        session.execute(change)
    assert raised.value.sqlstate == "58030"
    syncs = volume.steps.count(("sync", "log-0000000001"))
    for again in (change, "INSERT INTO t VALUES (5000, 0, 'x')", "CREATE TABLE v (a int)"):
        with pytest.raises(IoError) as raised:
            session.execute(again)
        assert raised.value.sqlstate == "58030"
        assert sum_of(session) == BEFORE
    other = database.session()
    assert sum_of(other) == BEFORE
    assert index_problems(database, other) == []
    assert volume.steps.count(("sync", "log-0000000001")) == syncs, "fsync was tried again"
    abandon(database)
    database, session = opened(volume.kill())
    assert sum_of(session) == BEFORE
    assert index_problems(database, session) == []
    session.execute(change)
    abandon(database)


def test_all_that_wait_for_one_sync_fail_together(volume: FaultyVolume) -> None:
    """Nobody of a group is told that his commit is durable."""
    database, session = filled(volume)
    answers: list[str] = []
    barrier = threading.Barrier(8)

    def insert(number: int) -> None:
        own = database.session()
        barrier.wait()
        try:
            own.execute(f"INSERT INTO t VALUES ({number}, 0, 'x')")
            answers.append("committed")
        except IoError as error:
            answers.append(error.sqlstate)

    volume.fail(BROKEN, "sync")
    threads = [threading.Thread(target=insert, args=(2000 + number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["58030"] * 8
    assert sum_of(session) == BEFORE
    abandon(database)
    database, session = opened(volume.kill())
    assert sum_of(session) == BEFORE
    abandon(database)


def test_a_statement_that_fails_on_a_full_disk_can_be_tried_again_when_there_is_space() -> None:
    volume = FaultyVolume(capacity=60_000)
    database, session = filled(volume)
    noise = Random(1)

    def insert_until_full() -> None:
        for number in range(1001, 1200):
            session.execute(f"INSERT INTO t VALUES ({number}, 0, '{noise.randbytes(1000).hex()}')")

    with pytest.raises(DiskFull):
        insert_until_full()
    count = sum_of(session)[0]
    assert 1000 < count < 1199
    volume.capacity = None
    session.execute(f"INSERT INTO t VALUES ({count + 1}, 0, 'x')")
    abandon(database)
    database, session = opened(volume.crash(Random(1)))
    assert sum_of(session)[0] == count + 1
    abandon(database)


@pytest.mark.parametrize(
    "kind", ["append log", "sync log", "append segment", "sync segment", "replace write", "replace rename", "delete"]
)
@pytest.mark.parametrize("error", [FULL, BROKEN], ids=["full", "broken"])
def test_a_checkpoint_that_fails_loses_nothing(volume: FaultyVolume, kind: str, error: Error) -> None:
    database, session = filled(volume)
    session.execute("DELETE FROM t WHERE id > 900")
    assert database.store.maintenance is not None
    volume.fail(error, kind)
    with pytest.raises((DiskFull, IoError)):
        database.store.maintenance.checkpoint()
    assert sum_of(session)[0] == 900
    assert index_problems(database, session) == []
    sealed = kind.startswith("sync")
    if sealed:
        with pytest.raises(IoError):
            session.execute("INSERT INTO t VALUES (2000, 0, 'x')")
    else:
        session.execute("INSERT INTO t VALUES (2000, 0, 'x')")
        database.store.maintenance.checkpoint()
    abandon(database)
    for after in (volume.kill(), volume.crash(Random(3))):
        database, session = opened(after)
        assert sum_of(session)[0] == (900 if sealed else 901)
        assert index_problems(database, session) == []
        abandon(database)


def test_a_segment_that_cannot_be_read_fails_the_statement_that_needs_it(volume: FaultyVolume) -> None:
    database, session = filled(volume)
    session.execute("CREATE TABLE u AS SELECT * FROM t")
    database.close()
    volume = volume.kill()
    database, session = opened(volume)
    assert rows_of(session, "SELECT count(*) FROM u") == [(1000,)]
    volume.fail(IoError("could not read: Input/output error"), "read")
    with pytest.raises(IoError):
        session.execute("SELECT sum(id) FROM t")
    assert sum_of(session) == BEFORE
    abandon(database)


def test_damage_in_the_middle_of_the_log_is_never_passed_over(volume: FaultyVolume) -> None:
    database, session = filled(volume)
    session.execute("INSERT INTO t VALUES (2000, 0, 'x')")
    abandon(database)
    volume = volume.kill()
    volume.damage("log-0000000001", 5000)
    with pytest.raises(DataCorrupted, match=r"log-0000000001.*corrupt at offset") as raised:
        opened(volume)
    assert raised.value.sqlstate == "XX001"
    assert "heliosdb salvage" in str(raised.value.hint)


def test_damage_in_a_segment_is_an_error_and_no_wrong_answer(volume: FaultyVolume) -> None:
    filled(volume)[0].close()
    volume = volume.kill()
    for name in volume.names():
        if name.startswith("segment"):
            for offset in range(100, volume.size(name), 97):
                volume.damage(name, offset)
    with pytest.raises(DataCorrupted) as raised:
        sum_of(opened(volume)[1])
    assert raised.value.sqlstate == "XX001"
