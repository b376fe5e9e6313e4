"""Segments give back the blocks that were written, and what is damaged is an error that says where."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliosdb.encoding.classes import ClassTable
from heliosdb.encoding.codecs import FileCodecs
from heliosdb.encoding.stored_frames import StoredFrames
from heliosdb.errors import DataCorrupted, DiskFull
from heliosdb.store import chunk_file
from heliosdb.store.segment import BlockImage, SegmentReader, SegmentWriter
from heliosdb.store.segment_history import decode_history, encode_history
from heliosdb.store.versions import PRUNED
from heliosdb.store.volume import MemoryVolume

FRAMES = StoredFrames(ClassTable())
CODECS = FileCodecs(("zstd",))
NAME = "segment-1"


def write(images: list[BlockImage], volume: MemoryVolume | None = None, codecs: FileCodecs = CODECS) -> SegmentReader:
    """Write a segment and return its reader."""
    volume = volume or MemoryVolume()
    writer = SegmentWriter(volume, NAME, 16400, 3, codecs, FRAMES)
    for image in images:
        writer.add(image)
    info = writer.finish()
    assert info.size == volume.size(NAME)
    assert (info.blocks, info.rows) == (len(images), sum(len(i.rows) - i.rows.count(None) for i in images))
    return SegmentReader(volume, NAME, codecs, FRAMES)


DATA = st.none() | st.integers() | st.text(max_size=5) | st.decimals(allow_nan=False) | st.floats(allow_nan=False)
ROWS = st.lists(st.none() | st.lists(DATA, max_size=4).map(tuple), max_size=20)
OLDER = (
    st.just(PRUNED)
    | st.tuples(st.integers(1, 9), st.none() | st.tuples(DATA), st.sampled_from([None, PRUNED]))
    | st.lists(st.tuples(st.integers(-1, 9), st.none() | st.just(PRUNED) | st.tuples(DATA)), min_size=1, max_size=5)
    | st.tuples(st.integers(5, 9), st.tuples(DATA), st.tuples(st.integers(1, 4), st.none(), st.none()))
)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.integers(0, 1 << 40), st.tuples(ROWS, st.dictionaries(st.integers(0, 19), OLDER)), max_size=4)
)
def test_blocks_come_back_as_they_were(blocks: dict[int, Any]) -> None:
    images = []
    for number, (rows, history) in sorted(blocks.items()):
        begins = array("q", range(len(rows))) if history else None
        images.append(BlockImage(number, rows, number + 7, begins, history or None))
    for codecs in (CODECS, FileCodecs(("none",))):
        reader = write(images, codecs=codecs)
        assert list(reader.numbers) == sorted(blocks)
        for image in images:
            read = reader.image(image.number)
            assert read == image
            assert repr(read) == repr(image)
            assert reader.read(image.number) == image._replace(begins=None, history=None)
            assert [reader.row(image.number, slot) for slot in range(len(image.rows))] == image.rows
            assert reader.row(image.number, len(image.rows)) is None
            assert reader.has_versions(image.number) == (image.history is not None)
        assert reader.verify() == []
        assert (reader.relation_oid, reader.timeline_id) == (16400, 3)


@given(st.dictionaries(st.integers(0, 4095), OLDER))
def test_history_comes_back_as_it_was(history: dict[int, Any]) -> None:
    read = decode_history(encode_history(history, FRAMES), FRAMES)
    assert read == history
    assert list(read) == list(history)
    assert repr(read) == repr(history)


def test_columns_and_zones_are_read_alone() -> None:
    rows: list[Any] = [(n, f"name {n % 3}", None, Decimal(n) / 4, float("nan"), n % 2 == 0) for n in range(100)]
    rows[5] = None
    rows[9] = (-1, None)
    reader = write([BlockImage(4, rows, 10), BlockImage(6, [(1,)], 11), BlockImage(9, [None], 12)])
    columns = reader.columns(4, [0, 1, 2, 3, 7])
    present = [row if len(row) == 6 else (-1, None, None, None) for row in rows if row is not None]
    assert {number: column.to_list() for number, column in columns.items()} == {
        number: [row[number] for row in present] for number in range(4)
    }
    assert columns[0].numbers == array("q", [row[0] for row in present])
    assert columns[1].distinct == ["name 0", "name 1", "name 2"]
    assert columns[1].codes is not None
    assert [len(columns[1].codes), columns[1].count] == [98, 99]
    assert columns[3].scale is None
    assert columns[3].values is not None
    shape = reader.present(4)
    assert shape is not None
    assert [slot for slot, there in enumerate(shape[0]) if not there] == [5]
    assert [length for length in shape[1] if length != 6] == [2]
    assert reader.present(6) is None
    assert reader.zone(4, 0) == (-1, 99, False)
    assert reader.zone(4, 1) == ("name 0", "name 2", True)
    assert reader.zone(4, 2) == (None, None, True)
    assert reader.zone(4, 3) == (Decimal(0), Decimal("24.75"), True)
    assert reader.zone(4, 4) is None
    assert reader.zone(4, 5) == (False, True, True)
    assert reader.zone(6, 0) == (1, 1, False)
    assert reader.zone(6, 1) is None
    assert reader.zone(9, 0) is None
    assert reader.zone(4, 77) is None
    assert (reader.begin(6), reader.slots(4), reader.row_count(4)) == (11, 100, 99)
    assert 6 in reader
    assert 5 not in reader


@pytest.mark.parametrize("values", [["a" * 200, "b" * 200], ["x"], [b"\xfe" * 300, b"\xfd"], [b"\xff" * 300, b""]])
def test_bounds_of_long_values_are_cut_and_still_bounds(values: list[Any]) -> None:
    zone = write([BlockImage(0, [(value,) for value in values], 1)]).zone(0, 0)
    if zone is None:
        assert values[0] == b"\xff" * 300
        return
    assert zone[0] <= min(values)
    assert zone[1] >= max(values)
    assert len(zone[0]) <= 64
    assert len(zone[1]) <= 65


def test_values_of_several_classes_have_no_zone() -> None:
    reader = write([BlockImage(0, [(1, 1), (1.5, True)], 1), BlockImage(1, [((1, 2), "a")], 1)])
    assert [reader.zone(0, 0), reader.zone(0, 1), reader.zone(1, 0)] == [None] * 3
    assert reader.zone(1, 1) == ("a", "a", False)


def test_every_damaged_byte_is_found() -> None:
    volume = MemoryVolume()
    history = {2: (4, (1, "old"), None), 3: [(1, (5, "x")), (2, PRUNED)]}
    rows: list[Any] = [(n, f"name {n % 3}") for n in range(300)]
    rows[7] = None
    images = [BlockImage(1, rows, 9, array("q", range(300)), history), BlockImage(2, rows[8:], 5)]
    reader = write(images, volume)
    assert [reader.image(1), reader.image(2)] == images
    content = volume.read(NAME)
    for place in range(len(content)):
        broken = MemoryVolume()
        broken.append(NAME, content[:place] + bytes((content[place] ^ 0x40,)) + content[place + 1 :])
        problems = SegmentReader(broken, NAME, CODECS, FRAMES).verify()
        assert problems, f"byte {place}"
        assert all(f'file "{NAME}" is corrupted' in problem for problem in problems)
    for size in range(0, len(content), 7):
        cut = MemoryVolume()
        cut.append(NAME, content[:size])
        assert SegmentReader(cut, NAME, CODECS, FRAMES).verify()


def test_damage_names_file_block_and_column() -> None:
    volume = MemoryVolume()
    write([BlockImage(5, [(n, str(n)) for n in range(1000)], 9), BlockImage(6, [(1, "a")], 9)], volume)
    content = bytearray(volume.read(NAME))
    place = content.index(b"\x28\xb5\x2f\xfd", content.index(b"\x28\xb5\x2f\xfd") + 1) + 30
    content[place] ^= 1
    broken = MemoryVolume()
    broken.append(NAME, bytes(content))
    reader = SegmentReader(broken, NAME, CODECS, FRAMES)
    with pytest.raises(
        DataCorrupted, match=r'file "segment-1" is corrupted: column 1 of block 5 at offset \d+ is damaged'
    ) as caught:
        reader.read(5)
    assert caught.value.sqlstate == "XX001"
    assert reader.read(6).rows == [(1, "a")]
    assert reader.columns(5, [0])[0].to_list() == list(range(1000))
    assert len(reader.verify()) == 1


def test_a_chunk_of_another_file_is_not_taken() -> None:
    volumes = [MemoryVolume(), MemoryVolume()]
    for volume in volumes:
        write([BlockImage(1, [(5,)], 9)], volume)
    ours, other = (volume.read(NAME) for volume in volumes)
    header = ours.index(b"\x28\xb5\x2f\xfd")
    assert other.index(b"\x28\xb5\x2f\xfd") == header
    mixed = MemoryVolume()
    mixed.append(NAME, ours[:header] + other[header:])
    assert SegmentReader(mixed, NAME, CODECS, FRAMES).verify()


def test_an_empty_segment() -> None:
    reader = write([])
    assert list(reader.numbers) == []
    assert reader.verify() == []
    with pytest.raises(KeyError):
        write([BlockImage(3, [()], 1)]).read(4)


class Refusing(MemoryVolume):
    """A volume that has no space when it is told so."""

    is_full = False

    def append(self, name: str, data: bytes | Sequence[bytes]) -> int:
        if self.is_full:
            raise DiskFull("no space")
        return super().append(name, data)


def test_blocks_are_read_while_others_are_written_and_the_last_of_a_number_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chunk_file, "APPEND_AT", 1)
    volume = Refusing()
    writer = SegmentWriter(volume, NAME, 1, 1, CODECS, FRAMES)
    blocks = {number: [(n, f"{number} {n}", None if n % 3 else n / 7) for n in range(300)] for number in (4, 2, 9, 7)}
    blocks[2][5] = None  # type: ignore[call-overload]
    for number, rows in blocks.items():
        writer.add(BlockImage(number, [(0, "other", 0.5)] * 10, 3))
        volume.is_full = True
        with pytest.raises(DiskFull):
            writer.add(BlockImage(number, rows, 3))  # type: ignore[arg-type]
        volume.is_full = False
        assert len(writer.read(number)) == 10
        writer.add(BlockImage(number, rows, 3))  # type: ignore[arg-type]
        assert writer.read(number) == rows
    assert writer.read(4) == blocks[4]
    info = writer.finish({2, 4, 7, 100})
    assert (info.first_block, info.last_block, info.blocks, info.rows, info.last_scn) == (2, 7, 3, 899, 3)
    assert info.size == volume.size(NAME)
    reader = SegmentReader(volume, NAME, CODECS, FRAMES)
    assert list(reader.numbers) == [2, 4, 7]
    assert reader.verify() == []
    assert [reader.read(number).rows for number in (2, 4, 7)] == [blocks[number] for number in (2, 4, 7)]
    assert reader.zone(7, 0) == (0, 299, False)
    assert reader.zone(4, 1) == ("4 0", "4 99", False)
    with pytest.raises(KeyError):
        reader.read(9)


def test_an_abandoned_segment_leaves_nothing() -> None:
    volume = MemoryVolume()
    writer = SegmentWriter(volume, NAME, 1, 1, FileCodecs(("none",)), FRAMES)
    for number in range(3):
        writer.add(BlockImage(number, [(b"x" * 1_000_000,)], 1))
    writer.abandon()
    assert volume.names() == []
