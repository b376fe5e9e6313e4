"""Large commits write segments themselves: what is there after crashes, beside others, and after failures."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from heliosdb.errors import DiskFull, Error, IoError, UniqueViolation
from heliosdb.store import chunk_file
from heliosdb.verify import verify
from heliosdb_testkit import FaultyVolume
from stored_database import checkpoint, opened, rows, segments

TABLE = "CREATE TABLE t (id int PRIMARY KEY, n int, note text)"
MANY = 20_000


@pytest.fixture
def small_appends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A volume gets what is written to a segment soon, not megabyte by megabyte."""
    monkeypatch.setattr(chunk_file, "APPEND_AT", 500)


def insert(first: int, count: int = MANY) -> str:
    return f"INSERT INTO t SELECT g, g % 7, 'note ' || g FROM generate_series({first}, {first + count - 1}) g"


def summary(session: Any) -> tuple[Any, ...]:
    return rows(session, "SELECT count(*), sum(id), sum(n), min(note), max(note) FROM t")[0]


def test_the_log_names_the_segment_and_a_crash_loses_nothing() -> None:
    volume = FaultyVolume()
    _, session = opened(volume, compression="none")
    session.execute(TABLE)
    session.execute("INSERT INTO t VALUES (0, 0, 'a note of its own')")
    session.execute("DELETE FROM t")
    assert b"a note of its own" in volume.read("log-0000000001")
    session.execute(insert(1))
    (name,) = segments(volume)
    assert b"note 12345" not in volume.read("log-0000000001")
    expected = summary(session)
    assert expected[:2] == (MANY, MANY * (MANY + 1) // 2)
    for _ in range(2):
        volume = volume.kill()
        _, session = opened(volume)
        assert segments(volume) == [name]
        assert summary(session) == expected
        assert rows(session, "SELECT note FROM t WHERE id = 12345") == [("note 12345",)]
    # Row ids go on behind those of the segment.
    session.execute("INSERT INTO t VALUES (0, 0, 'last')")
    session.execute(insert(MANY + 1, 600))
    volume = volume.kill()
    _, session = opened(volume)
    assert summary(session)[0] == MANY + 601


def test_a_checkpoint_takes_the_segment_as_it_is() -> None:
    volume = FaultyVolume()
    database, session = opened(volume, compression="none")
    session.execute(TABLE)
    session.execute(insert(1))
    (name,) = segments(volume)
    checkpoint(database)
    assert [name] == [found for found in segments(volume) if b"note 12345" in volume.read(found)]
    session.execute("UPDATE t SET n = 100 WHERE id = 5")
    volume = volume.kill()
    database, session = opened(volume, cache_size=1)
    assert rows(session, "SELECT n FROM t WHERE id IN (4, 5) ORDER BY id") == [(4,), (100,)]
    # The manifest has the SCN of its rows: whoever reads before it sees none.
    checkpoint(database)
    session.execute("DELETE FROM t WHERE id > 5000")
    checkpoint(database)
    _, session = opened(volume.kill())
    assert rows(session, "SELECT count(*), max(id) FROM t") == [(5000, 5000)]
    assert rows(session, "SELECT count(*) FROM t WHERE n = 100") == [(1,)]


def test_who_reads_an_older_state_sees_none_of_it() -> None:
    database, session = opened(FaultyVolume(), cache_size=1)
    session.execute(TABLE)
    session.execute("INSERT INTO t VALUES (0, 0, 'first')")
    reader = database.session()
    reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    assert rows(reader, "SELECT count(*) FROM t") == [(1,)]
    session.execute(insert(1))
    assert rows(reader, "SELECT count(*) FROM t") == [(1,)]
    checkpoint(database)
    assert rows(reader, "SELECT count(*) FROM t") == [(1,)]
    assert rows(reader, "SELECT note FROM t WHERE id = 17") == []
    reader.execute("COMMIT")
    assert rows(reader, "SELECT count(*) FROM t") == [(MANY + 1,)]


def test_rows_of_others_behind_the_last_block_stay() -> None:
    volume = FaultyVolume()
    database, session = opened(volume, cache_size=1)
    session.execute(TABLE)
    session.execute("BEGIN")
    session.execute(insert(1))
    other = database.session()
    other.execute("INSERT INTO t VALUES (0, 50, 'behind')")
    checkpoint(database)
    other.execute("INSERT INTO t VALUES (-1, 51, 'behind, too')")
    session.execute("COMMIT")
    expected = [(-1, 51), (0, 50), (1, 1)]
    assert rows(session, "SELECT id, n FROM t WHERE id < 2 ORDER BY id") == expected
    for turn in range(3):
        assert summary(session)[0] == MANY + 2
        if turn:
            checkpoint(database)
        volume = volume.kill()
        database, session = opened(volume, cache_size=1)
        assert rows(session, "SELECT id, n FROM t WHERE id < 2 ORDER BY id") == expected
        assert rows(session, "SELECT n FROM t WHERE id = 0") == [(50,)]


def test_what_is_rolled_back_leaves_no_file() -> None:
    volume = FaultyVolume()
    _, session = opened(volume)
    session.execute(TABLE)
    session.execute("BEGIN")
    session.execute(insert(1))
    session.execute("SAVEPOINT s")
    session.execute(insert(MANY + 1))
    session.execute("ROLLBACK TO s")
    session.execute("DELETE FROM t WHERE id <= 10")
    session.execute("COMMIT")
    assert summary(session)[0] == MANY - 10
    (name,) = segments(volume)
    session.execute("BEGIN")
    session.execute(insert(MANY + 1))
    session.execute("ROLLBACK")
    assert segments(volume) == [name]
    _, session = opened(volume.kill())
    assert summary(session)[0] == MANY - 10


def test_files_of_commits_that_never_were_are_swept() -> None:
    volume = FaultyVolume()
    database, session = opened(volume)
    session.execute(TABLE)
    session.execute(insert(1))
    (name,) = segments(volume)
    volume.append("segment-0000000009", volume.read(name))
    volume.sync("segment-0000000009")
    volume = volume.kill()
    database, session = opened(volume)
    assert segments(volume) == [name]
    assert summary(session)[0] == MANY
    database.close()


def test_commits_beside_checkpoints() -> None:
    volume = FaultyVolume()
    database, session = opened(volume, large_commit=600, cache_size=1)
    session.execute(TABLE)
    stop = threading.Event()
    failed: list[Error] = []

    def checkpoints() -> None:
        try:
            while not stop.is_set():
                checkpoint(database)
        except Error as error:
            failed.append(error)

    thread = threading.Thread(target=checkpoints)
    thread.start()
    try:
        for turn in range(25):
            session.execute(insert(turn * 1000, 700))
            session.execute(f"UPDATE t SET n = 50 WHERE id = {turn * 1000}")
    finally:
        stop.set()
        thread.join()
    assert not failed
    for _ in range(2):
        assert rows(session, "SELECT count(*), count(*) FILTER (WHERE n = 50) FROM t") == [(25 * 700, 25)]
        volume = volume.kill()
        database, session = opened(volume, cache_size=1)
    checkpoint(database)
    assert len(segments(volume)) <= 17  # a few of the catalog's, and no more than the checkpoint puts up with
    database.close()


@pytest.mark.parametrize("step", [1, 2])
def test_a_device_that_is_full(step: int) -> None:
    volume = FaultyVolume()
    _, session = opened(volume)
    session.execute(TABLE)
    session.execute("INSERT INTO t VALUES (0, 0, 'first')")
    before = segments(volume)
    volume.fail(DiskFull("no space left on the device"), "append", at=step)
    with pytest.raises(DiskFull):
        session.execute(insert(1))
    assert summary(session)[0] == 1
    assert segments(volume) == before
    session.execute(insert(1))
    _, session = opened(volume.kill())
    assert summary(session)[0] == MANY + 1


@pytest.mark.parametrize("room", [0, 1500])
def test_what_is_put_aside_can_be_read_while_the_device_is_full(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk_file, "APPEND_AT", 40_000)
    volume = FaultyVolume()
    _, session = opened(volume, compression="none")
    session.execute(TABLE)
    session.execute("SET work_mem = '64kB'")
    session.execute("BEGIN")
    session.execute(insert(1))
    session.execute("SAVEPOINT s")
    volume.capacity = room + sum(map(volume.size, volume.names())) + len(volume.whole("manifest") or b"")
    with pytest.raises(DiskFull):
        session.execute(insert(MANY + 1))
    for _ in range(2):
        session.execute("ROLLBACK TO s")
        assert summary(session) == (MANY, MANY * (MANY + 1) // 2, 59998, "note 1", "note 9999")
        assert rows(session, "SELECT note FROM t WHERE id IN (2, 19990) ORDER BY id") == [("note 2",), ("note 19990",)]
        with pytest.raises(DiskFull):
            session.execute(insert(MANY + 1))
    session.execute("ROLLBACK TO s")
    volume.capacity = None
    session.execute("COMMIT")
    _, session = opened(volume.kill())
    assert summary(session) == (MANY, MANY * (MANY + 1) // 2, 59998, "note 1", "note 9999")


def test_a_segment_that_cannot_be_made_durable() -> None:
    volume = FaultyVolume()
    _, session = opened(volume)
    session.execute(TABLE)
    session.execute("INSERT INTO t VALUES (0, 0, 'first')")
    volume.fail(IoError("could not sync"), "sync")
    with pytest.raises(IoError):
        session.execute(insert(1))
    assert summary(session)[0] == 1
    _, session = opened(volume.kill())
    assert summary(session)[0] == 1


@pytest.mark.usefixtures("small_appends")
def test_more_rows_than_memory_are_put_aside_until_the_commit() -> None:
    volume = FaultyVolume()
    database, session = opened(volume)
    session.execute(TABLE)
    session.execute("SET work_mem = '64kB'")
    session.execute("BEGIN")
    session.execute(insert(1))
    (growing,) = segments(volume)
    assert session.temporary_bytes == 0
    assert summary(session)[:2] == (MANY, MANY * (MANY + 1) // 2)
    assert rows(session, "SELECT note FROM t WHERE id IN (2, 12345) ORDER BY id") == [("note 2",), ("note 12345",)]
    session.execute("SAVEPOINT s")
    session.execute(insert(MANY + 1))
    session.execute("UPDATE t SET n = 100 WHERE id % 1000 = 0")
    session.execute("ROLLBACK TO s")
    session.execute("UPDATE t SET n = 200 WHERE id = 77")
    session.execute("DELETE FROM t WHERE id = 78")
    with pytest.raises(UniqueViolation):
        session.execute("INSERT INTO t VALUES (5000, 0, 'twice')")
    session.execute("ROLLBACK TO s")
    session.execute("UPDATE t SET n = 200 WHERE id = 77")
    session.execute("DELETE FROM t WHERE id = 78")
    session.execute("COMMIT")
    assert (session.temporary_bytes, segments(volume)) == (0, [growing])
    for _ in range(2):
        assert rows(session, "SELECT count(*), max(n), count(DISTINCT id) FROM t") == [(MANY - 1, 200, MANY - 1)]
        assert rows(session, "SELECT id FROM t WHERE n = 200") == [(77,)]
        database, session = opened(volume.kill())
    database.close()


@pytest.mark.usefixtures("small_appends")
def test_what_is_put_aside_is_gone_after_a_rollback_and_stays_apart() -> None:
    volume = FaultyVolume()
    _, session = opened(volume)
    session.execute(TABLE)
    session.execute("CREATE TABLE u (id int, note text)")
    session.execute("SET work_mem = '64kB'")
    session.execute("BEGIN")
    session.execute(insert(1))
    session.execute("INSERT INTO u SELECT id, note || '!' FROM t")
    assert len(segments(volume)) == 2
    checkpoint(session.database)
    session.execute("ROLLBACK")
    kept = segments(volume)  # those of the catalog
    assert rows(session, "SELECT count(*) FROM u") == [(0,)]
    session.execute("BEGIN")
    session.execute(insert(1))
    session.execute("INSERT INTO u SELECT id, note || '!' FROM t")
    session.execute(insert(MANY + 1))
    session.execute("DELETE FROM u WHERE id <= 5000")
    session.execute("UPDATE u SET note = 'changed' WHERE id > 19000")
    session.execute("UPDATE u SET note = note || '?' WHERE id BETWEEN 18990 AND 19010")
    seen = (
        rows(session, "SELECT count(*), max(note), min(id) FROM u"),
        rows(session, "SELECT * FROM u WHERE id > 18988"),
    )
    assert seen[0] == [(MANY - 5000, "note 9999!", 5001)]
    assert seen[1][:3] == [(18989, "note 18989!"), (18990, "note 18990!?"), (18991, "note 18991!?")]
    session.execute("COMMIT")
    assert len(segments(volume)) == len(kept) + 2
    for _ in range(2):
        assert summary(session)[:2] == (2 * MANY, MANY * (2 * MANY + 1))
        found = rows(session, "SELECT * FROM u WHERE id > 18988")
        assert (rows(session, "SELECT count(*), max(note), min(id) FROM u"), found) == seen
        _, session = opened(volume.kill(), cache_size=1)
    database, _ = opened(volume.kill())
    assert verify(database).problems == ()


@pytest.mark.usefixtures("small_appends")
@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_device_that_is_full_while_rows_are_put_aside(step: int) -> None:
    volume = FaultyVolume()
    _, session = opened(volume)
    session.execute(TABLE)
    session.execute("SET work_mem = '64kB'")
    session.execute("BEGIN")
    session.execute(insert(1, 6000))
    session.execute("SAVEPOINT s")
    volume.fail(DiskFull("no space left on the device"), "append", at=step)
    with pytest.raises(DiskFull):
        session.execute(insert(6001, 15000))
    session.execute("ROLLBACK TO s")
    assert summary(session)[0] == 6000
    session.execute(insert(6001, 15000))
    session.execute("COMMIT")
    for _ in range(2):
        assert summary(session)[:2] == (21_000, 21_000 * 21_001 // 2)
        _, session = opened(volume.kill())


def test_few_large_rows_are_put_aside_and_go_to_the_log() -> None:
    volume = FaultyVolume()
    _, session = opened(volume)
    session.execute(TABLE)
    session.execute("SET work_mem = '64kB'")
    session.execute("BEGIN")
    session.execute("INSERT INTO t SELECT g, g, repeat('x', 500) FROM generate_series(1, 3000) g")
    session.execute("UPDATE t SET n = n + 1 WHERE id > 0")
    assert session.temporary_bytes > 0
    session.execute("COMMIT")
    assert segments(volume) == []
    _, session = opened(volume.kill())
    assert rows(session, "SELECT count(*), sum(length(note)) FROM t") == [(3000, 1_500_000)]
