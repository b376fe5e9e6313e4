"""The log's room: zeros ahead of the records, which nobody sees, and which are not taken for records that are lost."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from heliosdb.encoding.codecs import FileCodecs
from heliosdb.errors import DataCorrupted, DiskFull, Error, IoError
from heliosdb.store.log import FEW, HEADER_AREA, LEAST_ROOM, MOST_ROOM, Log, LogReader, log_name, read_log
from heliosdb_testkit import FaultyVolume

NAME = log_name(1)
HEAD = 36
PLAIN = FileCodecs(())


def records(volume: FaultyVolume) -> list[tuple[int, bytes]]:
    return [(record.scn, record.payload) for record in read_log(volume, 1, PLAIN)]


def _read(volume: FaultyVolume) -> LogReader:
    reader = read_log(volume, 1, PLAIN)
    for _ in reader:
        pass
    return reader


def holding(content: bytes) -> FaultyVolume:
    """Return a volume whose log consists of these bytes."""
    volume = FaultyVolume()
    volume.append(NAME, content)
    return volume


def with_room(*payloads: bytes) -> tuple[FaultyVolume, Log]:
    """Return a volume whose process was killed after records that were each synced, and the log."""
    volume = FaultyVolume()
    log = Log(volume, 1, PLAIN)
    for scn, payload in enumerate(payloads, 1):
        log.append(payload, scn)
        log.sync()
    return volume, log


def test_a_log_of_small_commits_has_room_that_nobody_sees() -> None:
    volume, log = with_room(b"a", b"b")
    assert log.size == volume.size(NAME)
    assert [step for step, _ in volume.steps].count("reserve") == 1
    volume = volume.kill()
    content = volume.read(NAME)
    assert content[log.size :] == bytes(LEAST_ROOM)[: -(log.size - HEADER_AREA - HEAD - 1)]
    for salvage in (False, True):
        reader = read_log(volume, 1, PLAIN, salvage=salvage)
        assert [record.payload for record in reader] == [b"a", b"b"]
        assert (reader.end, reader.damaged) == (log.size, [])
        assert reader.size == len(content)


def test_going_on_behind_room_that_was_found_cuts_it_off() -> None:
    volume, log = with_room(b"a", b"b")
    volume = volume.kill()
    again = Log.resume(_read(volume))
    assert volume.size(NAME) == again.size == log.size
    again.append(b"c", 3)
    again.sync()
    for seed in range(20):
        assert [payload for _, payload in records(volume.crash(random.Random(seed)))] == [b"a", b"b", b"c"]


def test_room_grows_with_the_log_up_to_a_bound() -> None:
    volume = FaultyVolume()
    log = Log(volume, 1, PLAIN)
    made = []
    for scn in range(1, 1200):
        log.append(b"x" * 5000, scn)
        if volume.steps[-2][0] == "reserve":
            made.append(log.size)
        log.sync()
    steps = [later - earlier for earlier, later in pairwise(made)]
    assert len(made) < 12
    assert steps[0] == pytest.approx(LEAST_ROOM, rel=0.2)
    assert steps[-1] == pytest.approx(MOST_ROOM, rel=0.02)
    assert len(records(volume)) == 1199


def test_there_is_no_room_for_what_nobody_waits_for() -> None:
    """Neither for records that are synced together, nor for large ones: they would be written twice."""
    volume = FaultyVolume()
    log = Log(volume, 1, PLAIN)
    log.append(b"x" * (FEW + 1), 1)
    log.sync()
    for scn in range(2, 100):
        log.append(b"x" * 1000, scn)
    reserved = [volume.steps.index(step) for step in volume.steps if step[0] == "reserve"]
    assert len(reserved) == 1
    log.give_back_room()
    log.sync()
    volume.steps.clear()
    log.append(b"x" * FEW, 100)
    assert [kind for kind, _ in volume.steps] == ["append"]


@pytest.mark.parametrize("error", [DiskFull("full"), IoError("broken")])
def test_a_record_that_fits_needs_no_room(error: Error) -> None:
    volume = FaultyVolume()
    log = Log(volume, 1, PLAIN)
    volume.fail(error, "reserve")
    for scn in range(1, 40):
        log.append(b"x" * 1000, scn)
        log.sync()
    assert [kind for kind, _ in volume.steps].count("reserve") == 1, "it is not tried for every record"
    for scn in range(40, 100):
        log.append(b"x" * 1000, scn)
        log.sync()
    assert [kind for kind, _ in volume.steps].count("reserve") == 2
    assert [scn for scn, _ in records(volume.kill())] == list(range(1, 100))


def test_a_full_device_takes_every_record_that_fits() -> None:
    volume = FaultyVolume(capacity=HEADER_AREA + 10 * (HEAD + 100))
    log = Log(volume, 1, PLAIN)
    for scn in range(1, 11):
        log.append(b"x" * 100, scn)
        log.sync()
    with pytest.raises(DiskFull):
        log.append(b"x", 11)
    assert len(records(volume)) == 10


def test_room_is_given_back_for_good() -> None:
    volume, log = with_room(b"a")
    log.append(b"b", 2)
    log.give_back_room()
    log.sync()
    assert volume.steps[-1] == ("sync", NAME)
    steps = len(volume.steps)
    log.give_back_room()
    log.sync()
    assert len(volume.steps) == steps, "there is nothing to give back twice"
    for seed in range(20):
        found = volume.crash(random.Random(seed))
        assert found.size(NAME) == log.size
        _read(found).require_whole()


def test_a_log_whose_room_was_given_back_goes_on() -> None:
    volume, log = with_room(b"a")
    log.give_back_room()
    log.append(b"b", 2)
    log.sync()
    volume = volume.kill()
    assert volume.size(NAME) > log.size
    assert records(volume) == [(1, b"a"), (2, b"b")]


def test_giving_back_is_synced_where_nothing_was_appended() -> None:
    volume, log = with_room(b"a")
    log.give_back_room()
    log.sync()
    assert [kind for kind, _ in volume.steps[-2:]] == ["give back", "sync"]


def test_room_that_cannot_be_given_back_is_still_there() -> None:
    volume, log = with_room(b"a")
    volume.fail(IoError("broken"), "give back")
    with pytest.raises(IoError):
        log.give_back_room()
    log.append(b"b", 2)
    log.sync()
    log.give_back_room()
    log.sync()
    assert volume.kill().size(NAME) == log.size


def test_a_log_that_another_follows_has_no_room() -> None:
    """Zeros at its end were records."""
    volume, log = with_room(b"a", b"b")
    reader = _read(volume.kill())
    with pytest.raises(DataCorrupted, match=f"offset {log.size}$"):
        reader.require_whole()


def test_zeros_in_place_of_records_that_were_durable_are_corruption() -> None:
    """Up to the last one, of which nothing says that it had been synced."""
    volume = FaultyVolume()
    log = Log(volume, 1, PLAIN)
    ends = [HEADER_AREA]
    for scn in range(1, 6):
        ends.append(log.append(b"x" * 20 * scn, scn))
        log.sync()
    content = volume.kill().read(NAME)
    for number, start in enumerate(ends[:4]):
        for end in ends[number + 1 : 5]:
            with pytest.raises(DataCorrupted, match=f"offset {start}$"):
                records(holding(content[:start] + bytes(end - start) + content[end:]))
    last = holding(content[: ends[4]] + bytes(len(content) - ends[4]))
    assert [scn for scn, _ in records(last)] == [1, 2, 3, 4]


def test_a_torn_record_in_room_ends_the_log() -> None:
    """Any part of it may be there, zeros are before and behind it."""
    volume, log = with_room(b"a")
    begin = log.size
    end = log.append(b"torn" * 300, 2)
    content = volume.kill().read(NAME)
    for cut in range(begin + 1, end, 13):
        for changed in (
            content[:cut] + bytes(len(content) - cut),
            content[:begin] + bytes(cut - begin) + content[cut:],
        ):
            reader = read_log(holding(changed), 1, PLAIN)
            assert [record.payload for record in reader] == [b"a"]
            assert (reader.end, reader.damaged) == (begin, [(begin, len(content))])
            again = Log.resume(reader)
            assert again.size == begin


# -- records that are held back --------------------------------------------------------------------------------------


def held(*payloads: bytes) -> tuple[FaultyVolume, Log]:
    """Return a volume with one synced record and room, and its log, which holds others."""
    volume, log = with_room(b"first")
    for scn, payload in enumerate(payloads, 2):
        log.append(payload, scn, hold=True)
    return volume, log


def changes(volume: FaultyVolume) -> list[str]:
    return [step for step, _ in volume.steps]


def test_what_is_held_is_written_at_once_by_who_syncs() -> None:
    volume, log = held()
    before = len(volume.steps)
    for scn in (2, 3, 4):
        log.append(b"held", scn, hold=True)
    assert changes(volume)[before:] == []
    assert log.sync() == log.size
    assert changes(volume)[before:] == ["append", "sync"]
    assert records(volume.crash(random.Random(1))) == [(1, b"first"), (2, b"held"), (3, b"held"), (4, b"held")]


def test_what_is_held_may_be_written_without_a_sync() -> None:
    volume, log = held(b"a", b"b")
    assert records(volume.kill()) == [(1, b"first")]
    volume, log = held(b"a", b"b")
    log.write()
    assert records(volume.kill()) == [(1, b"first"), (2, b"a"), (3, b"b")]


def test_what_is_held_comes_before_what_is_not() -> None:
    volume, log = held(b"a", b"b")
    log.append(b"c", 4)
    log.append(b"too large for room" * FEW, 5, hold=True)
    log.append(b"d", 6, hold=True)
    log.sync()
    found = records(volume.crash(random.Random(1)))
    assert [(scn, payload[:1]) for scn, payload in found[1:]] == [(2, b"a"), (3, b"b"), (4, b"c"), (5, b"t"), (6, b"d")]


def test_where_there_is_no_room_nothing_is_held() -> None:
    volume = FaultyVolume(capacity=HEADER_AREA + 1000)
    log = Log(volume, 1, PLAIN)
    log.append(b"alone", 1, hold=True)
    assert records(volume.kill()) == [(1, b"alone")]


@pytest.mark.parametrize("error", [DiskFull("full"), IoError("broken")])
def test_what_could_not_be_written_is_still_held(error: Error) -> None:
    volume, log = held(b"a", b"b")
    volume.fail(error, "append")
    with pytest.raises(type(error)):
        log.sync()
    log.append(b"c", 4, hold=True)
    log.sync()
    assert records(volume.crash(random.Random(1))) == [(1, b"first"), (2, b"a"), (3, b"b"), (4, b"c")]


def test_giving_back_room_writes_what_is_held() -> None:
    volume, log = held(b"a", b"b")
    log.give_back_room()
    log.sync()
    volume = volume.crash(random.Random(1))
    assert volume.size(NAME) == log.size
    assert records(volume) == [(1, b"first"), (2, b"a"), (3, b"b")]
