"""The log: what was synced is there, what is torn ends it, what was synced and is damaged is never passed over."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliosdb.encoding.codecs import FileCodecs, Unchanged
from heliosdb.errors import DataCorrupted, DiskFull, FeatureNotSupported, IoError, ProgramLimitExceeded
from heliosdb.store import log as log_module
from heliosdb.store.log import (
    FEW,
    HEADER_AREA,
    MARKER,
    Log,
    LogChain,
    LogReader,
    log_name,
    read_log,
)
from heliosdb_testkit import FaultyVolume

NAME = log_name(1)
PLAIN = FileCodecs(())
HEAD = 36


def written(*groups: tuple[bytes, ...]) -> tuple[FaultyVolume, list[int], list[int]]:
    """Return a volume with a log of groups of records, each synced, the positions behind the records, and those up to
    which the log was durable after each group."""
    volume = FaultyVolume()
    log = Log(volume, 1, PLAIN)
    ends, synced = [], []
    scn = 0
    for group in groups:
        for payload in group:
            scn += 1
            ends.append(log.append(payload, scn))
        synced.append(log.sync())
    return volume, ends, synced


def holding(content: bytes) -> FaultyVolume:
    """Return a volume whose log consists of these bytes."""
    volume = FaultyVolume()
    volume.append(NAME, content)
    return volume


def records(volume: FaultyVolume, **options: bool) -> list[tuple[int, bytes]]:
    return [(record.scn, record.payload) for record in read_log(volume, 1, PLAIN, **options)]


GROUPS = ((b"a", b"", b"c" * 40), (b"second group",), (b"x", MARKER * 5), (b"last", b"of all"))
EVERY = [payload for group in GROUPS for payload in group]


def test_records_come_back_with_their_scn_and_the_position_behind_them() -> None:
    volume, ends, synced = written(*GROUPS)
    reader = read_log(volume, 1, PLAIN)
    assert [tuple(record) for record in reader] == list(zip(range(1, 9), EVERY, ends))
    assert (reader.end, reader.size, reader.damaged) == (ends[-1], volume.size(NAME), [])
    assert ends[0] == HEADER_AREA + HEAD + 1
    assert synced == [ends[2], ends[3], ends[5], ends[7]]


def test_a_new_log_is_durable_and_empty() -> None:
    volume = FaultyVolume()
    Log(volume, 7, PLAIN)
    for seed in range(20):
        reader = read_log(volume.crash(random.Random(seed)), 7, PLAIN)
        assert list(reader) == []
        assert (reader.end, reader.damaged) == (HEADER_AREA, [])


def test_sync_has_nothing_to_do_twice() -> None:
    volume = FaultyVolume()
    log = Log(volume, 1, PLAIN)
    log.append(b"x", 1)
    steps = len(volume.steps)
    assert log.sync() == log.sync() == log.synced_to
    assert volume.steps[steps:] == [("sync", NAME)]


@pytest.mark.parametrize("names", [(), ("none",), ("zstd",), ("lz4", "zstd")])
def test_payloads_pass_the_codecs_that_the_header_names(names: tuple[str, ...]) -> None:
    volume = FaultyVolume()
    log = Log(volume, 1, FileCodecs(names))
    payload = b"compressible " * 1000
    log.append(payload, 5)
    reader = read_log(volume, 1, PLAIN)
    assert [record.payload for record in reader] == [payload]
    assert reader.header is not None
    assert reader.header.codecs == names
    assert (volume.size(NAME) < 6000) == any(name in names for name in ("zstd", "lz4"))


class PlaceCodec:
    """Refuses chunks that are not where they were encoded, as a cipher does."""

    name = "place"

    def encode(self, chunk: bytes, associated: bytes) -> bytes:
        return associated + chunk

    def decode(self, chunk: bytes, associated: bytes) -> bytes:
        if not chunk.startswith(associated):
            raise DataCorrupted("not here")
        return chunk[len(associated) :]


class Careless(Unchanged):
    """Goes by its name."""

    name = "place"


PLACES = FileCodecs(("place",), find=lambda name: PlaceCodec)


def test_a_codec_is_told_the_file_the_place_and_the_scn() -> None:
    volume = FaultyVolume()
    log = Log(volume, 1, PLACES)
    for scn in (1, 2, 3):
        log.append(b"x", scn)
    heads = [record.payload for record in read_log(volume, 1, FileCodecs((), find=lambda name: Careless))]
    assert len(set(heads)) == 3
    assert len({head[:16] for head in heads}) == 1
    assert [record.payload for record in read_log(volume, 1, PLACES)] == [b"x"] * 3


def test_a_payload_that_its_codec_refuses_is_corruption_at_its_offset() -> None:
    volume = FaultyVolume()
    log = Log(volume, 1, FileCodecs(("place",), find=lambda name: Careless))
    ends = [log.append(payload, scn) for scn, payload in enumerate((b"a", b"b"), 1)]
    with pytest.raises(DataCorrupted, match=rf"{NAME}.*offset {HEADER_AREA}$"):
        list(read_log(volume, 1, PLACES))
    reader = read_log(volume, 1, PLACES, salvage=True)
    assert list(reader) == []
    assert reader.damaged == [(HEADER_AREA, ends[0]), (ends[0], ends[1])]


# -- torn, flipped, reordered


def test_a_log_cut_at_any_byte_holds_the_records_before_the_cut() -> None:
    volume, ends, _ = written(*GROUPS)
    content = volume.read(NAME)
    for size in range(len(content) + 1):
        reader = read_log(holding(content[:size]), 1, PLAIN)
        whole = [payload for payload, end in zip(EVERY, ends) if end <= size]
        assert [record.payload for record in reader] == whole, size
        good = ends[len(whole) - 1] if whole else HEADER_AREA if size >= HEADER_AREA else 0
        assert (reader.end, reader.size) == (good, size)
        assert reader.damaged == ([(good, size)] if good < size else [])


def test_a_flipped_byte_is_corruption_unless_it_may_have_been_torn() -> None:
    """Only the last group may be torn: no record behind it says that it had been synced."""
    volume, ends, synced = written(*GROUPS)
    content = volume.read(NAME)
    proven = synced[-2]
    for at in range(len(content)):
        changed = bytearray(content)
        changed[at] ^= 0x41
        reader: Callable[[], LogReader] = lambda changed=changed: read_log(holding(bytes(changed)), 1, PLAIN)  # noqa: E731
        if at < HEADER_AREA:
            used = 32 + int.from_bytes(content[14:16], "little") + 4
            if at < used:
                with pytest.raises(DataCorrupted, match=r"offset 0$"):
                    list(reader())
            else:
                assert [record.payload for record in reader()] == EVERY
        elif at < proven:
            start = max([end for end in ends if end <= at], default=HEADER_AREA)
            with pytest.raises(DataCorrupted, match=rf'"{NAME}" is corrupt at offset {start}$') as raised:
                list(reader())
            assert "heliosdb salvage" in str(raised.value.hint)
        else:
            found = [record.payload for record in reader()]
            assert found == [payload for payload, end in zip(EVERY, ends) if end <= at], at


def test_salvage_gives_every_record_that_is_whole() -> None:
    volume, ends, _ = written(*GROUPS)
    content = volume.read(NAME)
    for at in range(HEADER_AREA, len(content), 3):
        changed = bytearray(content)
        changed[at] ^= 0x41
        reader = read_log(holding(bytes(changed)), 1, PLAIN, salvage=True)
        hit = sum(end <= at for end in ends)
        assert [record.payload for record in reader] == EVERY[:hit] + EVERY[hit + 1 :]
        assert reader.damaged == [(ends[hit - 1] if hit else HEADER_AREA, ends[hit])]


def test_salvage_reads_the_copy_of_a_damaged_header() -> None:
    volume, _, _ = written(*GROUPS)
    for at in range(49):
        changed = bytearray(volume.read(NAME))
        changed[at] ^= 0x41
        reader = read_log(holding(bytes(changed)), 1, PLAIN, salvage=True)
        assert [record.payload for record in reader] == EVERY
        assert reader.damaged == [(0, HEADER_AREA // 2)]


def test_a_file_of_garbage_is_corrupt_and_never_more_than_an_error() -> None:
    draw = random.Random(4)
    for size in (1, 35, HEADER_AREA - 1, HEADER_AREA):
        assert records(holding(draw.randbytes(size))) == []
    for size in (HEADER_AREA + 1, 3 * HEADER_AREA):
        for salvage in (False, True):
            with pytest.raises(DataCorrupted):
                records(holding(draw.randbytes(size)), salvage=salvage)


payloads = st.lists(
    st.tuples(st.lists(st.binary(max_size=9000), max_size=4), st.booleans()),
    max_size=6,
)


@settings(max_examples=150, deadline=None)
@given(payloads, st.randoms(use_true_random=False), st.integers(1, 3))
def test_after_any_crash_the_synced_records_are_there_and_the_rest_is_a_beginning(
    groups: list[tuple[list[bytes], bool]], draw: random.Random, lives: int
) -> None:
    """Also when the machine crashes again and again, while the log goes on."""
    volume = FaultyVolume()
    log = Log(volume, 1, PLAIN)
    model: list[tuple[int, bytes]] = []
    scn = 0
    for _ in range(lives):
        durable = len(model)
        for group, synced in groups:
            for payload in group:
                scn += 1
                log.append(payload, scn)
                model.append((scn, payload))
            if synced:
                log.sync()
                durable = len(model)
        volume = volume.crash(draw)
        reader = read_log(volume, 1, PLAIN)
        found = [(record.scn, record.payload) for record in reader]
        assert found == model[: len(found)]
        assert len(found) >= durable
        log = Log.resume(reader)
        model = found
        assert log.size == log.synced_to == volume.size(NAME)
    assert records(volume) == model


@pytest.mark.parametrize("killed", [True, False])
def test_a_tail_that_was_cut_off_never_comes_back(killed: bool) -> None:
    """Records of equal length would fit exactly where older ones stood."""
    for seed in range(300):
        draw = random.Random(seed)
        volume = FaultyVolume()
        log = Log(volume, 1, PLAIN)
        for scn in (1, 2, 3, 4):
            log.append(b"old %d" % scn, scn)
        volume = volume.crash(draw)
        reader = read_log(volume, 1, PLAIN)
        count = len(list(reader))
        log = Log.resume(reader)
        log.append(b"new %d" % (count + 1), count + 1)
        if killed:
            volume = volume.kill()
            log = Log.resume(_read(volume))
        volume = volume.crash(draw)
        found = [record.payload for record in read_log(volume, 1, PLAIN)]
        assert found[:count] == [b"old %d" % scn for scn in range(1, count + 1)]
        assert found[count:] in ([], [b"new %d" % (count + 1)]), seed


def _read(volume: FaultyVolume) -> LogReader:
    reader = read_log(volume, 1, PLAIN)
    for _ in reader:
        pass
    return reader


def test_what_a_killed_process_left_is_durable_before_the_log_goes_on() -> None:
    volume = FaultyVolume()
    log = Log(volume, 1, PLAIN)
    log.append(b"written, not synced", 1)
    volume = volume.kill()
    log = Log.resume(_read(volume))
    for seed in range(20):
        assert records(volume.crash(random.Random(seed))) == [(1, b"written, not synced")]


def test_a_log_whose_making_was_cut_short_is_made_again() -> None:
    volume, _, _ = written((b"x",))
    content = volume.read(NAME)
    for size in (0, 1, 31, 32, 100, HEADER_AREA - 1):
        volume = holding(content[:size])
        reader = _read(volume)
        assert reader.header is None
        log = Log.resume(reader)
        log.append(b"first", 1)
        log.sync()
        assert records(volume.crash(random.Random(size))) == [(1, b"first")]


# -- what looks like a record and is none


def test_a_record_inside_a_payload_proves_nothing() -> None:
    """A user may store the bytes of a log; they are never taken for records of the log that they are in."""
    other, _, _ = written((b"harmless", b"values"), (b"synced",))
    forged = other.read(NAME)[HEADER_AREA:]
    volume, _ends, _synced = written((b"first",))
    log = Log.resume(_read(volume))
    end = log.append(forged, 2)
    content = volume.read(NAME)[:end]
    for cut in range(len(content) - len(forged), len(content), 7):
        reader = read_log(holding(content[:cut]), 1, PLAIN)
        assert [record.payload for record in reader] == [b"first"]
    assert [record.payload for record in read_log(volume, 1, PLAIN)] == [b"first", forged]


def test_a_payload_full_of_markers_is_searched_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "WINDOW", 1 << 12)
    volume, _, _ = written((b"first",), (MARKER * 50_000,), (b"third",))
    content = bytearray(volume.read(NAME))
    content[HEADER_AREA + HEAD + 5 + HEAD] ^= 1
    with pytest.raises(DataCorrupted):
        records(holding(bytes(content)))
    assert [scn for scn, _ in records(holding(bytes(content)), salvage=True)] == [1, 3]


def test_a_record_at_another_place_is_none() -> None:
    """The device may put a block elsewhere; an old block may show up again."""
    volume, ends, _ = written((b"aa", b"bb", b"cc"))
    content = volume.read(NAME)
    first, second, third = content[HEADER_AREA : ends[0]], content[ends[0] : ends[1]], content[ends[1] :]
    header = content[:HEADER_AREA]
    assert records(holding(header + second + first + third)) == []
    assert records(holding(header + first + first + third)) == [(1, b"aa")]
    assert records(holding(header + first + third)) == [(1, b"aa")]
    other, _, _ = written((b"aa", b"bb", b"cc"))
    assert records(holding(header + other.read(NAME)[HEADER_AREA:])) == []


# -- errors


def test_an_append_that_fails_leaves_the_log_as_it_was() -> None:
    volume = FaultyVolume(capacity=HEADER_AREA + 200)
    log = Log(volume, 1, PLAIN)
    log.append(b"x" * 100, 1)
    size = log.size
    with pytest.raises(DiskFull):
        log.append(b"y" * 100, 2)
    assert log.size == size == volume.size(NAME)
    volume.capacity = None
    log.append(b"z", 2)
    log.sync()
    assert records(volume) == [(1, b"x" * 100), (2, b"z")]


def test_what_a_failed_sync_leaves_behind_is_not_read_again() -> None:
    volume = FaultyVolume()
    log = Log(volume, 1, PLAIN)
    log.append(b"durable", 1)
    log.sync()
    durable = log.synced_to
    log.append(b"not durable", 2)
    volume.fail(IoError("could not sync"), "sync")
    with pytest.raises(IoError):
        log.sync()
    assert log.synced_to == durable
    with pytest.raises(IoError, match="could not sync"):
        log.append(b"later", 3)
    with pytest.raises(IoError, match="could not sync"):
        log.sync()
    assert records(volume) == [(1, b"durable")]
    assert records(volume.kill()) == [(1, b"durable")]


class Interrupting(FaultyVolume):
    """A volume whose next append is done, and never answered."""

    interrupt = False

    def append(self, name: str, data: bytes | Sequence[bytes]) -> int:
        offset = super().append(name, data)
        if self.interrupt:
            self.interrupt = False
            raise KeyboardInterrupt
        return offset


def interrupted(first: bytes) -> tuple[FaultyVolume, Log]:
    """Return a volume with one record, and the log, whose second append was interrupted."""
    volume = Interrupting()
    log = Log(volume, 1, PLAIN)
    log.append(first, 1)
    volume.interrupt = True
    with pytest.raises(KeyboardInterrupt):
        log.append(b"interrupted", 2)
    return volume, log


@pytest.mark.parametrize("first", [b"first", b"too large for room" * FEW])
def test_an_interrupted_append_is_undone_by_the_next(first: bytes) -> None:
    volume, log = interrupted(first)
    log.append(b"second", 2)
    log.sync()
    assert records(volume) == [(1, first), (2, b"second")]


@pytest.mark.parametrize("first", [b"first", b"too large for room" * FEW])
def test_an_interrupted_append_is_undone_where_another_log_is_to_follow(first: bytes) -> None:
    volume, log = interrupted(first)
    log.give_back_room()
    log.sync()
    reader = _read(volume.crash(random.Random(1)))
    assert reader.end == reader.size == log.size


def test_an_interrupted_sync_writes_what_was_held_once() -> None:
    volume = Interrupting()
    log = Log(volume, 1, PLAIN)
    log.append(b"first", 1)
    log.append(b"second", 2, hold=True)
    log.append(b"third", 3, hold=True)
    volume.interrupt = True
    with pytest.raises(KeyboardInterrupt):
        log.sync()
    log.append(b"fourth", 4, hold=True)
    log.sync()
    log.give_back_room()
    log.sync()
    expected = [(1, b"first"), (2, b"second"), (3, b"third"), (4, b"fourth")]
    assert records(volume) == expected
    assert records(volume.crash(random.Random(1))) == expected


def test_an_interrupted_append_is_undone_once() -> None:
    volume, log = interrupted(b"first")
    log.append(b"second", 2)
    steps = len(volume.steps)
    log.append(b"third", 3)
    assert [kind for kind, _ in volume.steps[steps:]] == ["append"]


def test_a_record_has_a_greatest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "LARGEST_RECORD", 10_000)
    log = Log(FaultyVolume(), 1, FileCodecs())
    log.append(b"x" * 10_000, 1)
    with pytest.raises(ProgramLimitExceeded):
        log.append(b"x" * 10_001, 2)


def test_a_newer_format_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    volume = FaultyVolume()
    monkeypatch.setattr(log_module, "VERSION", 2)
    Log(volume, 1, PLAIN)
    monkeypatch.setattr(log_module, "VERSION", 1)
    with pytest.raises(FeatureNotSupported, match=f'"{NAME}" has format version 2.*reads up to 1'):
        read_log(volume, 1, PLAIN)


def test_a_missing_log_is_named() -> None:
    with pytest.raises(DataCorrupted, match='"log-0000000012" is missing'):
        read_log(FaultyVolume(), 12, PLAIN)


def test_a_log_that_another_follows_has_no_torn_tail() -> None:
    volume, _, _ = written((b"a", b"b"))
    reader = _read(volume)
    reader.require_whole()
    reader = _read(holding(volume.read(NAME)[:-1]))
    with pytest.raises(DataCorrupted, match=f"offset {reader.end}$"):
        reader.require_whole()


# -- codecs with parameters --------------------------------------------------------------------------------------------


class Numbered:
    """Says in the header which one of all it is, and writes that before every chunk."""

    name = "numbered"
    made = 0

    def __init__(self, parameters: Mapping[str, Any] | None = None) -> None:
        if parameters is None:
            Numbered.made += 1
        self.parameters = {"number": Numbered.made} if parameters is None else dict(parameters)

    def encode(self, chunk: bytes, associated: bytes) -> bytes:
        return b"%d:" % self.parameters["number"] + chunk

    def decode(self, chunk: bytes, associated: bytes) -> bytes:
        mark = b"%d:" % self.parameters["number"]
        if not chunk.startswith(mark):
            raise DataCorrupted("of another codec")
        return chunk[len(mark) :]


def test_records_of_a_codec_with_parameters_are_read_with_those_of_the_header() -> None:
    codecs = FileCodecs(("numbered",), find=lambda name: Numbered)
    volume = FaultyVolume()
    logs = [Log(volume, number, codecs) for number in (1, 2)]
    for log in logs:
        log.append(b"payload", 1)
    found = [read_log(volume, number, codecs) for number in (1, 2)]
    assert [[record.payload for record in reader] for reader in found] == [[b"payload"], [b"payload"]]
    first, second = (reader.header.codec_parameters["numbered"]["number"] for reader in found if reader.header)
    assert second == first + 1


def test_nothing_is_appended_to_a_log_whose_codec_is_for_one_writing() -> None:
    codecs = FileCodecs(("numbered",), find=lambda name: Numbered)
    volume = FaultyVolume()
    log = Log(volume, 1, codecs)
    log.append(b"first", 1)
    log.sync()
    volume.append(NAME, b"torn")
    reader = read_log(volume, 1, codecs)
    assert [record.payload for record in reader] == [b"first"]
    logs = LogChain(1)
    logs.add(reader)
    going_on = Log.resume(reader, logs.end)
    going_on.append(b"second", 2)
    assert (going_on.number, volume.size(NAME)) == (2, reader.end)
    following = read_log(volume, 2, codecs)
    assert logs.problem_before(following) is None
    missing = LogChain(1).problem_before(following)
    assert missing is not None
    assert "is missing" in missing.message
    assert [record.payload for number in (1, 2) for record in read_log(volume, number, codecs)] == [b"first", b"second"]
