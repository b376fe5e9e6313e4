"""Commits that replace whole blocks: who reads which state, others in the same blocks, crashes, failures, files."""

from __future__ import annotations

import threading
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from heliosdb.database import Database
from heliosdb.errors import DiskFull, Error, IoError, SerializationFailure
from heliosdb.store.records import RecordSegment, decode_record, encode_head, encode_segment
from heliosdb.store.salvage import salvage
from heliosdb.verify import verify
from heliosdb_testkit import FaultyVolume
from heliosdb_testkit.faulty_volume import PowerLoss
from stored_database import checkpoint, rows, segments

MANY = 12_000
TABLE = "CREATE TABLE t (id int PRIMARY KEY, n int, note text)"
SMALL = {"cache_size": 1 << 21, "large_commit": 5000}
"""About two blocks stay in memory, and statements over half of the rows are large."""


def opened(volume: FaultyVolume, **storage: Any) -> tuple[Database, Any]:
    database = Database(volume=volume, plugins=[], storage={**SMALL, **storage})
    session = database.session()
    session.execute("SET work_mem = '64kB'")
    return database, session


def filled(**storage: Any) -> tuple[FaultyVolume, Database, Any]:
    volume = FaultyVolume()
    database, session = opened(volume, **storage)
    session.execute(TABLE)
    session.execute(f"INSERT INTO t SELECT g, 0, 'note ' || g FROM generate_series(1, {MANY}) g")
    return volume, database, session


def state(session: Any) -> list[tuple[Any, ...]]:
    """All rows, which every way to read them agrees on."""
    found = rows(session, "SELECT * FROM t ORDER BY id")
    assert rows(session, "SELECT count(*), sum(n) FROM t") == [
        (len(found), sum(row[1] for row in found) if found else None)
    ]
    for row in found[:: max(1, len(found) // 5)]:
        assert rows(session, f"SELECT * FROM t WHERE id = {row[0]}") == [row]
    return found


def in_memory(database: Database, session: Any) -> int:
    """How many rows of the table are in memory in a form that no segment has."""
    relation = database.store.relation(None, rows(session, "SELECT 't'::regclass::oid::int")[0][0])
    assert relation.block_count() >= 3
    return sum(len(block.overlay) for block in relation.blocks if block is not None)


@pytest.mark.parametrize("checkpointed", [True, False])
def test_all_rows_are_changed_in_segments_and_found_again(checkpointed: bool) -> None:
    volume, database, session = filled(compression="none")
    if checkpointed:
        checkpoint(database)
    assert session.execute("UPDATE t SET n = n + 1, note = 'changed ' || id")[-1].row_count == MANY
    assert in_memory(database, session) == 0
    assert b"changed 777" not in volume.read(f"log-{2 if checkpointed else 1:010d}")
    expected = [(number, 1, f"changed {number}") for number in range(1, MANY + 1)]
    assert state(session) == expected
    for turn in range(3):
        if turn == 2:
            checkpoint(database)
            assert not [name for name in segments(volume) if b"note 777" in volume.read(name)]
        volume = volume.kill()
        database, session = opened(volume)
        assert state(session) == expected
    session.execute("DELETE FROM t WHERE id > 100")
    assert state(session) == expected[:100]
    session.execute("UPDATE t SET n = 5 WHERE id = 7")
    database, session = opened(volume.kill())
    assert len(state(session)) == 100
    session.execute("DELETE FROM t")
    database.close()
    _, session = opened(volume.kill())
    assert state(session) == []


def test_readers_of_each_state_read_on_and_files_stay_as_long_as_they_do() -> None:
    volume, database, session = filled()
    readers = []
    for turn in range(4):
        reader = database.session()
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        readers.append((reader, state(reader)))
        if turn == 1:
            checkpoint(database)
        session.execute(
            "DELETE FROM t WHERE n = 2" if turn == 3 else "UPDATE t SET n = n + 1 WHERE id % 4 > 0 OR n > 0"
        )
        if turn == 2:
            session.execute("UPDATE t SET n = 50 WHERE id = 9")
            checkpoint(database)
    for reader, seen in readers:
        assert state(reader) == seen
    assert [seen[4][1] for _, seen in readers] == [0, 1, 2, 3]
    with pytest.raises(SerializationFailure):
        readers[0][0].execute("UPDATE t SET n = 0 WHERE id = 5")
    for reader, seen in reversed(readers[1:]):
        assert state(reader) == seen
        reader.execute("ROLLBACK")
    count = len(segments(volume))
    readers[0][0].execute("ROLLBACK")
    checkpoint(database)
    assert len(segments(volume)) < count
    assert not database.store.superseding
    expected = state(session)
    _, session = opened(volume.kill())
    assert state(session) == expected


def test_what_others_do_in_the_blocks_meanwhile_is_kept() -> None:
    volume, database, session = filled()
    checkpoint(database)
    other = database.session()
    old = database.session()
    old.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    before = state(old)
    session.execute("BEGIN")
    session.execute("UPDATE t SET n = n + 1 WHERE id > 100")
    # Rows that are not locked, and new rows in the last block.
    other.execute("UPDATE t SET n = 70 WHERE id <= 3")
    other.execute("DELETE FROM t WHERE id = 4")
    other.execute(f"INSERT INTO t VALUES ({MANY + 1}, 71, 'behind')")
    session.execute("COMMIT")
    numbers = [number for number in range(1, MANY + 1) if number != 4]
    expected = [(number, 70 if number <= 3 else int(number > 100), f"note {number}") for number in numbers]
    expected.append((MANY + 1, 71, "behind"))
    for turn in range(3):
        assert state(session) == expected
        if not turn:
            assert state(old) == before
        else:
            checkpoint(database)
        volume = volume.kill()
        database, session = opened(volume)


class HeldUp(FaultyVolume):
    """Somebody else gets a turn when a segment is made durable."""

    turn: Callable[[], None] | None = None

    def sync(self, name: str) -> None:
        """Do so once."""
        turn, self.turn = self.turn, None
        if turn is not None and name.startswith("segment"):
            turn()
        super().sync(name)


def test_what_others_commit_after_the_blocks_are_written_is_kept() -> None:
    for checkpointed in (True, False):
        volume = HeldUp()
        database, session = opened(volume)
        session.execute(TABLE)
        session.execute(f"INSERT INTO t SELECT g, 0, 'note ' || g FROM generate_series(1, {MANY}) g")
        if checkpointed:
            checkpoint(database)
        other = database.session()

        def turn(database: Database = database, other: Any = other, checkpointed: bool = checkpointed) -> None:
            other.execute("UPDATE t SET n = 70 WHERE id <= 3")
            other.execute("DELETE FROM t WHERE id = 4")
            other.execute(f"INSERT INTO t VALUES ({MANY + 1}, 71, 'behind')")
            if checkpointed:
                checkpoint(database)

        session.execute("BEGIN")
        session.execute("UPDATE t SET n = n + 1 WHERE id > 100")
        volume.turn = turn
        session.execute("COMMIT")
        assert volume.turn is None
        numbers = [number for number in range(1, MANY + 1) if number != 4]
        expected = [(number, 70 if number <= 3 else int(number > 100), f"note {number}") for number in numbers]
        expected.append((MANY + 1, 71, "behind"))
        assert state(session) == expected
        database, session = opened(volume.kill())
        assert state(session) == expected
        assert verify(database).problems == ()


def test_what_came_before_a_replacement_and_after_it_goes_on_in_both() -> None:
    volume, database, session = filled()
    for turn in range(6):
        session.execute(f"UPDATE t SET note = 'single {turn}' WHERE id IN (5, 6000, {MANY})")
        session.execute("UPDATE t SET n = n + 1")
        session.execute("BEGIN")
        session.execute("UPDATE t SET n = n + 1 WHERE id > 1000")
        session.execute("UPDATE t SET n = n - 1 WHERE id = 2000")
        session.execute(f"INSERT INTO t VALUES ({MANY + 10 + turn}, 0, 'new')")
        session.execute("SAVEPOINT s")
        session.execute("DELETE FROM t")
        session.execute("ROLLBACK TO s")
        session.execute("COMMIT")
        if turn % 3 == 0:
            checkpoint(database)
        if turn % 2 == 0:
            volume = volume.kill()
            database, session = opened(volume)
    found = state(session)
    assert [row[1] for row in found if row[0] in (7, 2000, 2001)] == [6, 6, 12]
    assert [row[2] for row in found if row[0] in (5, 6000, MANY)] == ["single 5"] * 3
    assert len(found) == MANY + 6


def test_new_rows_are_changed_before_their_commit() -> None:
    for change, count, total in (
        ("UPDATE t SET n = n + 1 WHERE id > 12000", 32_000, 20_000),
        ("UPDATE t SET n = n + 1 WHERE id > 12000 AND id <= 20000", 32_000, 8000),
        ("UPDATE t SET n = n + 1", 32_000, 32_000),
        ("DELETE FROM t WHERE id > 20000", 20_000, 0),
    ):
        volume, _, session = filled()
        session.execute("BEGIN")
        session.execute(f"INSERT INTO t SELECT g, 0, 'new ' || g FROM generate_series({MANY + 1}, {MANY + 20_000}) g")
        session.execute(change)
        before = state(session)
        session.execute("COMMIT")
        assert state(session) == before
        assert (len(before), sum(row[1] for row in before)) == (count, total)
        database, session = opened(volume.kill())
        assert state(session) == before
        assert verify(database).problems == ()


def test_random_histories_agree_with_a_dict() -> None:
    random = Random(5)
    volume, database, session = filled()
    model = dict.fromkeys(range(1, MANY + 1), 0)
    readers: list[tuple[Any, dict[int, int]]] = []
    for step in range(40):
        what = random.choice(["all", "part", "delete", "one", "insert", "checkpoint", "reader", "end", "crash", "back"])
        low, part = random.choice([0, 2000, 5000]), random.choice([1, 2, 5])
        if what in ("all", "part", "back"):
            where = "" if what == "all" else f" WHERE id > {low} AND id % {part} = 0"
            session.execute("BEGIN")
            session.execute(f"UPDATE t SET n = n + 1{where}")
            session.execute("ROLLBACK" if what == "back" else "COMMIT")
            if what != "back":
                model = {i: n + (not where or (i > low and i % part == 0)) for i, n in model.items()}
        elif what == "delete":
            session.execute(f"DELETE FROM t WHERE id > {low} AND id % 7 = {part}")
            model = {i: n for i, n in model.items() if not (i > low and i % 7 == part)}
        elif what == "one":
            for number in random.sample(list(model), 3):
                session.execute(f"UPDATE t SET n = {step} WHERE id = {number}")
                model[number] = step
        elif what == "insert":
            first = max(model) + 1
            count = random.choice([1, 800, 6000])
            session.execute(f"INSERT INTO t SELECT g, 0, 'x' FROM generate_series({first}, {first + count - 1}) g")
            model |= dict.fromkeys(range(first, first + count), 0)
        elif what == "checkpoint":
            checkpoint(database)
        elif what == "reader":
            reader = database.session()
            reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            assert rows(reader, "SELECT count(*) FROM t") == [(len(model),)]
            readers.append((reader, dict(model)))
        elif what == "end" and readers:
            readers.pop(random.randrange(len(readers)))[0].execute("ROLLBACK")
        elif what == "crash":
            readers.clear()
            volume = volume.kill()
            database, session = opened(volume)
        for reader, then in readers:
            assert dict(rows(reader, "SELECT id, n FROM t")) == then
        assert dict(rows(session, "SELECT id, n FROM t")) == model
    assert rows(session, f"SELECT n FROM t WHERE id = {min(model)}") == [(model[min(model)],)]


def test_a_branch_reads_what_was_before_its_fork_after_a_crash_too() -> None:
    volume, database, session = filled()
    checkpoint(database)
    session.execute("UPDATE t SET n = 1")
    fork = database.store.published
    database.store.create_timeline("branch", "main")
    session.execute("UPDATE t SET n = 2 WHERE id % 3 > 0")
    oid = rows(session, "SELECT 't'::regclass::oid::int")[0][0]

    def on_branch() -> dict[int, int]:
        reader = database.store.begin(timeline="branch")
        reader.begin_statement()
        found = {row[0]: row[1] for row in reader.view(oid)}
        reader.rollback()
        return found

    assert fork
    expected = dict.fromkeys(range(1, MANY + 1), 1)
    assert on_branch() == expected
    checkpoint(database)
    assert on_branch() == expected
    volume = volume.kill()
    database, session = opened(volume)
    assert on_branch() == expected
    assert rows(session, "SELECT count(*) FROM t WHERE n = 2") == [(MANY * 2 // 3,)]


def test_followers_are_told_row_by_row() -> None:
    _, database, session = filled()
    oid = rows(session, "SELECT 't'::regclass::oid::int")[0][0]
    since = database.store.follow(oid)
    session.execute("UPDATE t SET n = n + 1 WHERE id <= 6000")
    session.execute("DELETE FROM t WHERE id > 6000")
    changes = list(database.store.changes(oid, since))
    assert len(changes) == MANY
    assert {(c.old[1], c.new[1]) for c in changes if c.new is not None} == {(0, 1)}
    assert sorted(c.old[0] for c in changes if c.new is None) == list(range(6001, MANY + 1))


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("error", [DiskFull("no space left on the device"), IoError("could not write")])
def test_a_device_that_fails_in_the_middle_changes_nothing(step: int, error: Error) -> None:
    volume, _, session = filled()
    before, files = state(session), segments(volume)
    volume.fail(error, "append", at=step)
    with pytest.raises(type(error)):
        session.execute("UPDATE t SET n = n + 1")
    assert state(session) == before
    assert segments(volume) == files
    session.execute("UPDATE t SET n = n + 1 WHERE id > 10")
    expected = state(session)
    assert expected[10][1] == 1
    _, session = opened(volume.kill())
    assert state(session) == expected


def test_a_power_loss_at_any_step_leaves_all_or_nothing() -> None:
    outcomes = []
    for step in range(1, 40):
        volume, _, session = filled()
        volume.crash_at(step)
        try:
            session.execute("UPDATE t SET n = 1 WHERE id % 2 = 0 OR id > 4000")
            outcomes.append(True)
        except PowerLoss:
            outcomes.append(False)
        _, session = opened(volume.crash(Random(step)))
        assert sum(row[1] for row in state(session)) in ((10_000,) if outcomes[-1] else (0, 10_000))
        if outcomes[-1]:
            break
    assert len(outcomes) > 3
    assert outcomes[-1]


def test_threads_change_everything_beside_each_other_and_checkpoints() -> None:
    volume, database, _ = filled()
    failed: list[BaseException] = []
    rounds = 6

    def work(seed: int) -> None:
        random = Random(seed)
        session = database.session()
        try:
            for _ in range(rounds):
                if seed == 0:
                    checkpoint(database)
                elif random.random() < 0.7:
                    session.execute("UPDATE t SET n = n + 1")
                else:
                    for low in range(0, MANY, 3000):
                        session.execute(f"UPDATE t SET n = n + 1 WHERE id > {low} AND id <= {low + 3000}")
        except BaseException as error:  # noqa: BLE001 - carried to the main thread
            failed.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    for _ in range(2):
        assert rows(database.session(), "SELECT count(*), min(n), max(n) FROM t") == [(MANY, 2 * rounds, 2 * rounds)]
        volume = volume.kill()
        database, _ = opened(volume)


def test_salvage_takes_changed_rows_and_deleted_ones() -> None:
    volume, database, session = filled()
    checkpoint(database)
    session.execute("UPDATE t SET n = 1 WHERE id > 100")
    session.execute("UPDATE t SET n = 2 WHERE id = 5000")
    session.execute("DELETE FROM t WHERE id > 6000")
    expected = state(session)
    target = FaultyVolume()
    assert not salvage(volume.kill(), target).losses
    database, session = opened(target.kill())
    assert state(session) == expected
    assert verify(database).problems == ()


def test_the_record_of_a_replaced_segment_is_read_as_it_was_written() -> None:
    database, _ = opened(FaultyVolume())
    assert database.store.journal is not None
    frames = database.store.journal.frames
    random = Random(1)
    changed = [bytes(random.choice((0, 1)) for _ in range(size)) for size in (1, 7, 8, 4096)] + [b"\1" * 4096]
    segment = RecordSegment(77, "segment-0000000009", -5, 12, changed)
    head = encode_head(1, 0, 3, 0, b"\0" * 16, {}, ())
    (found,) = decode_record(frames, head + encode_segment(frames, segment)).segments
    assert found[:4] == segment[:4]
    assert found.changed is not None
    assert [slots.rstrip(b"\0") for slots in found.changed] == [slots.rstrip(b"\0") for slots in changed]


def test_a_checkpoint_that_cannot_read_a_block_keeps_what_indexes_have_to_write() -> None:
    volume = FaultyVolume()
    database, session = opened(volume)
    session.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
    session.execute("CREATE INDEX ON t (n)")
    session.execute(f"INSERT INTO t SELECT g, g FROM generate_series(1, {MANY}) g")
    checkpoint(database)
    database.history.pin("kept")
    session.execute("UPDATE t SET n = -n")
    volume.fail(IoError("input/output error"), "read")
    with pytest.raises(IoError):
        checkpoint(database)
    checkpoint(database)
    _, session = opened(volume.kill())
    assert "Index Scan" in rows(session, "EXPLAIN SELECT id FROM t WHERE n = -77")[0][0]
    assert rows(session, "SELECT id FROM t WHERE n = -77") == [(77,)]
