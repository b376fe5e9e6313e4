"""Segments: blocks of a relation on a volume, column by column.

    header, chunks, footer (see ``chunk_file``), kind "SEGM"

    block       shape?  column 0  column 1  ...  begins?  history?       each a chunk: a frame (``stored_frames``)
    zones       for each column the least and the greatest value of every block, and whether it has a NULL; the same of
                superseded versions
    footer      what blocks there are, and where their chunks are

**Current rows apart from superseded ones.** Shape and columns hold the newest versions; who reads at or after a
block's ``begin`` needs no more, and only older readers have ``begins`` and ``history`` read and decoded.

**Shape.** Rows may be missing (deleted, never used) and may be shorter than others, stored before a column was added.
Only a block in which that is so has a shape: whether each slot has a row, and how many items each row has. A column
holds an item for each row that is there; None stands for what a shorter row does not have, and is cut off again.

**Zones.** A column whose values are all of one class that Python orders as their types do, and of which none is NaN,
has bounds: no value is less or greater. They may be wider than they need to be: long texts are cut.

A file is written once, its reader opens it when the first block is wanted, and any number of threads may read.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Container, Sequence
from itertools import accumulate, chain, compress, zip_longest
from typing import Any, NamedTuple

from heliosdb.encoding.codecs import FileCodecs
from heliosdb.encoding.stored_column import StoredColumn
from heliosdb.encoding.stored_frames import StoredFrames
from heliosdb.errors import DataCorrupted
from heliosdb.store.chunk_file import Chunk, ChunkFileReader, ChunkFileWriter
from heliosdb.store.pace import Pay
from heliosdb.store.segment_history import decode_history, encode_history
from heliosdb.store.versions import Older, Row, is_full
from heliosdb.store.volume import Volume
from heliosdb.store.zones import Zone, zone_within, zones_of_superseded

__all__ = ["BlockImage", "SegmentInfo", "SegmentReader", "SegmentWriter", "Zone"]

KIND = b"SEGM"
VERSION = 1
FOOTER_LISTS = 12
"""The frames that a footer consists of."""

SHAPE, BEGINS, HISTORY = -1, -2, -3
"""The second number of these chunks' place; a column's is its number. The first is the block's."""
ZONES = -2
"""The first number of the place of a column's zones."""

_HAS_SHAPE, _HAS_BEGINS, _HAS_HISTORY = 1, 2, 4


class BlockImage(NamedTuple):
    """A block as it is stored. ``begins`` and ``history`` are as in ``store.block``: None where all rows are as of
    ``begin``."""

    number: int
    rows: list[Row | None]
    begin: int
    begins: array[int] | None = None
    history: dict[int, Older] | None = None


class SegmentInfo(NamedTuple):
    """What a manifest says of a segment. ``rows`` counts newest versions, ``last_scn`` is the greatest ``begin``."""

    name: str
    size: int
    first_block: int
    last_block: int
    blocks: int
    rows: int
    last_scn: int


class _Written(NamedTuple):
    """A block of which the chunks are written."""

    begin: int
    slots: int
    rows: int
    width: int
    flags: int
    offset: int
    chunks: list[Chunk]
    zones: list[Zone | None]
    past_zones: list[Zone | None]


class SegmentWriter:
    """Writes one segment. Of a block that is added twice only what was added last is part of it."""

    def __init__(
        self,
        volume: Volume,
        name: str,
        relation_oid: int,
        timeline_id: int,
        codecs: FileCodecs,
        frames: StoredFrames,
        pay: Pay | None = None,
    ) -> None:
        parameters = {"relation": relation_oid, "timeline": timeline_id}
        self._volume = volume
        self._codecs = codecs
        self._file = ChunkFileWriter(volume, name, KIND, VERSION, codecs, parameters, pay)
        self._frames = frames
        self._blocks: dict[int, _Written] = {}

    @property
    def name(self) -> str:
        """The file's name."""
        return self._file.name

    @property
    def size(self) -> int:
        """How many bytes the file has so far."""
        return self._file.size

    def add(self, image: BlockImage) -> None:
        """Append a block. What raises has added nothing."""
        number, slots = image.number, image.rows
        offset = self._file.size
        chunks: list[Chunk] = []
        zones: list[Zone | None] = []

        def add(data: bytes, part: int) -> None:
            chunks.append(self._file.add(data, number, part))

        frames, flags = self._frames, 0
        rows: list[Row] = [row for row in slots if row is not None] if not is_full(slots) else slots  # type: ignore[assignment]
        widths = set(map(len, rows))
        if len(rows) < len(slots) or len(widths) > 1:
            flags |= _HAS_SHAPE
            present = frames.encode([row is not None for row in slots])
            add(present + frames.encode(list(map(len, rows))), SHAPE)
        width = max(widths, default=0)
        if len(widths) > 1:
            rows = list(zip(*zip_longest(*rows)))
        # One long list and its slices: half of what zip takes.
        items = list(chain.from_iterable(rows))
        for place in range(width):
            values = items[place::width]
            data, extent, has_null = frames.encode_column(values)
            add(data, place)
            zones.append(zone_within(extent, has_null))
        past_zones = zones_of_superseded(image.history, width, frames)
        if image.begins is not None:
            flags |= _HAS_BEGINS
            add(frames.encode(image.begins.tolist()), BEGINS)
        if image.history:
            flags |= _HAS_HISTORY
            add(encode_history(image.history, frames), HISTORY)
        self._blocks[number] = _Written(
            image.begin, len(slots), len(rows), width, flags, offset, chunks, zones, past_zones
        )

    def read(self, number: int) -> list[Row | None]:
        """Return the rows of a block that was added."""
        return self._reader(number).read(number).rows

    def _reader(self, number: int) -> SegmentReader:
        block = self._blocks[number]
        reader = SegmentReader(self._volume, self.name, self._codecs, self._frames)
        reader._file = self._file.reader()
        lengths, checksums = [chunk.length for chunk in block.chunks], [chunk.checksum for chunk in block.chunks]
        reader._loaded = _Directory(
            {number: 0},
            [block.begin],
            [block.slots],
            [block.rows],
            [block.width],
            [block.flags],
            [block.offset],
            lengths,
            checksums,
            [0, len(lengths)],
            [],
        )
        return reader

    def column(self, number: int, place: int) -> list[Any]:
        """Return a column of a block that was added, with an item for each row; KeyError where it has none."""
        return self._reader(number).lists(number, (place,))[place]

    def finish(self, keep: Container[int] | None = None) -> SegmentInfo:
        """Write the footer, make the file durable and return what it holds; with ``keep``, of these blocks only."""
        frames = self._frames
        numbers = sorted(number for number in self._blocks if keep is None or number in keep)
        blocks = [self._blocks[number] for number in numbers]
        width = max((block.width for block in blocks), default=0)
        zones = [
            self._file.add(
                _zones_at(frames, place, [block.zones for block in blocks])
                + _zones_at(frames, place, [block.past_zones for block in blocks]),
                ZONES,
                place,
            )
            for place in range(width)
        ]
        chunks = [chunk for block in blocks for chunk in block.chunks]
        lists: list[list[int]] = [
            numbers,
            [block.begin for block in blocks],
            [block.slots for block in blocks],
            [block.rows for block in blocks],
            [block.width for block in blocks],
            [block.flags for block in blocks],
            [block.offset for block in blocks],
        ]
        lists += [[chunk.length for chunk in chunks], [chunk.checksum for chunk in chunks]]
        lists += [[zone[part] for zone in zones] for part in range(3)]
        size = self._file.finish(b"".join([frames.encode(values) for values in lists]))
        rows = sum(block.rows for block in blocks)
        first, last = (numbers[0], numbers[-1]) if numbers else (0, -1)
        last_scn = max((block.begin for block in blocks), default=0)
        return SegmentInfo(self._file.name, size, first, last, len(blocks), rows, last_scn)

    def abandon(self) -> None:
        """Delete what was written."""
        self._file.abandon()


class _Directory(NamedTuple):
    """The footer. ``firsts`` says where a block's chunks begin in ``lengths`` and ``checksums``."""

    places: dict[int, int]
    begins: list[int]
    slots: list[int]
    rows: list[int]
    widths: list[int]
    flags: list[int]
    offsets: list[int]
    lengths: list[int]
    checksums: list[int]
    firsts: list[int]
    zones: list[Chunk]


class SegmentReader:
    """Reads one segment."""

    def __init__(
        self, volume: Volume, name: str, codecs: FileCodecs, frames: StoredFrames, known_begin: int = 0
    ) -> None:
        self.name = name
        self.known_begin = known_begin
        """The SCN of all rows, where they were written before they had one; else 0."""
        self._file = ChunkFileReader(volume, name, KIND, VERSION, codecs)
        self._frames = frames
        self._loaded: _Directory | None = None
        self._zones: dict[int, tuple[list[Zone | None], list[Zone | None]]] = {}
        """By column, for each block: of the newest rows, and of superseded versions."""

    @property
    def relation_oid(self) -> int:
        """The relation that the blocks are of."""
        return int(self._file.header.parameters["relation"])

    @property
    def timeline_id(self) -> int:
        """The timeline that the blocks are of."""
        return int(self._file.header.parameters["timeline"])

    def _directory(self) -> _Directory:
        loaded = self._loaded
        if loaded is None:
            loaded = self._loaded = self._load()
        return loaded

    def _load(self) -> _Directory:
        data = self._file.footer()
        try:
            lists = self._frames.decode_each(data, FOOTER_LISTS)
        except DataCorrupted as error:
            raise self._file.damaged("its footer", error.message) from error
        numbers, begins, slots, rows, widths, flags, offsets, lengths, checksums, *zones = lists
        if self.known_begin:
            begins = [self.known_begin] * len(begins)
        counts = [width + flag.bit_count() for width, flag in zip(widths, flags)]
        firsts = list(accumulate(counts, initial=0))
        places = {number: place for place, number in enumerate(numbers)}
        chunks = [Chunk(*parts) for parts in zip(*zones)]
        return _Directory(places, begins, slots, rows, widths, flags, offsets, lengths, checksums, firsts, chunks)

    @property
    def numbers(self) -> Sequence[int]:
        """The numbers of the blocks, ascending."""
        return list(self._directory().places)

    @property
    def size(self) -> int:
        """How many bytes the blocks take."""
        return sum(self._directory().lengths)

    def __contains__(self, number: int) -> bool:
        return number in self._directory().places

    def begin(self, number: int) -> int:
        """Return the SCN from which all rows of a block are as they stand."""
        directory = self._directory()
        return directory.begins[directory.places[number]]

    def slots(self, number: int) -> int:
        """Return how many slots a block has."""
        directory = self._directory()
        return directory.slots[directory.places[number]]

    def width(self, number: int) -> int:
        """Return how many items the longest row of a block has."""
        directory = self._directory()
        return directory.widths[directory.places[number]]

    def row_count(self, number: int) -> int:
        """Return how many of a block's slots have a row."""
        directory = self._directory()
        return directory.rows[directory.places[number]]

    def has_versions(self, number: int) -> bool:
        """Whether a block has ``begins`` or ``history``."""
        directory = self._directory()
        return directory.flags[directory.places[number]] & (_HAS_BEGINS | _HAS_HISTORY) != 0

    # -- rows --------------------------------------------------------------------------------------------------------

    def _parts(self, number: int) -> list[tuple[int, Chunk]]:
        """Return a block's chunks and the second number of each one's place."""
        directory = self._directory()
        place = directory.places[number]
        flags = directory.flags[place]
        parts = [SHAPE] if flags & _HAS_SHAPE else []
        parts += range(directory.widths[place])
        if flags & _HAS_BEGINS:
            parts.append(BEGINS)
        if flags & _HAS_HISTORY:
            parts.append(HISTORY)
        first, end = directory.firsts[place], directory.firsts[place + 1]
        lengths = directory.lengths[first:end]
        offsets = accumulate(lengths, initial=directory.offsets[place])
        return list(zip(parts, map(Chunk, offsets, lengths, directory.checksums[first:end])))

    def _decoded(self, number: int, part: int, stored: bytes, chunk: Chunk) -> bytes:
        return self._file.decode(stored, chunk, number, part, _called(number, part))

    def _values(
        self, number: int, part: int, stored: bytes, chunk: Chunk, read: Callable[[bytes], list[Any]] | None = None
    ) -> list[Any]:
        data = self._decoded(number, part, stored, chunk)
        try:
            return (read or self._frames.decode)(data)
        except DataCorrupted as error:
            raise self._file.damaged(_called(number, part), error.message) from error

    def read(self, number: int) -> BlockImage:
        """Return a block's newest rows, with ``begins`` and ``history`` left out (see ``versions``).

        KeyError where the segment has no such block.
        """
        directory = self._directory()
        place = directory.places[number]
        parts = [(part, chunk) for part, chunk in self._parts(number) if part >= SHAPE]
        count = directory.rows[place]
        if not parts:
            return BlockImage(number, [()] * count, directory.begins[place])
        start = parts[0][1].offset
        span = self._file.read_span(start, parts[-1][1].offset + parts[-1][1].length - start)
        shape: tuple[list[bool], list[int]] | None = None
        columns = []
        for part, chunk in parts:
            stored = span[chunk.offset - start : chunk.offset - start + chunk.length]
            if part == SHAPE:
                shape = self._shape(number, stored, chunk)
                continue
            columns.append(self._values(number, part, stored, chunk))
            if len(columns[-1]) != count:
                raise self._file.damaged(_called(number, part), "it has another number of rows")
        rows: list[Row | None] = list(zip(*columns)) if columns else [()] * count
        if shape is not None:
            rows = self._shaped(number, rows, *shape)
        return BlockImage(number, rows, directory.begins[place])

    def _shape(self, number: int, stored: bytes, chunk: Chunk) -> tuple[list[bool], list[int]]:
        data = self._decoded(number, SHAPE, stored, chunk)
        try:
            present, lengths = self._frames.decode_each(data, 2)
            return present, lengths
        except DataCorrupted as error:
            raise self._file.damaged(_called(number, SHAPE), error.message) from error

    def _shaped(self, number: int, rows: list[Row | None], present: list[bool], lengths: list[int]) -> list[Row | None]:
        if len(lengths) != len(rows) or present.count(True) != len(rows):
            raise self._file.damaged(_called(number, SHAPE), "it has another number of rows")
        if len(set(lengths)) > 1:
            rows = [row[:length] for row, length in zip(rows, lengths) if row is not None]
        if len(present) == len(rows):
            return rows
        slots: list[Row | None] = [None] * len(present)
        for slot, row in zip(compress(range(len(present)), present), rows):
            slots[slot] = row
        return slots

    def row(self, number: int, slot: int) -> Row | None:
        """Return one slot's newest row: a fraction of the work of ``read``, for blocks of which no more is wanted."""
        directory = self._directory()
        place = directory.places[number]
        if not 0 <= slot < directory.slots[place]:
            return None
        parts = [(part, chunk) for part, chunk in self._parts(number) if part >= SHAPE]
        if not parts:
            return ()
        start = parts[0][1].offset
        span = self._file.read_span(start, parts[-1][1].offset + parts[-1][1].length - start)
        width = directory.widths[place]
        row: list[Any] = []
        for part, chunk in parts:
            stored = span[chunk.offset - start : chunk.offset - start + chunk.length]
            if part == SHAPE:
                present, lengths = self._shape(number, stored, chunk)
                if not present[slot]:
                    return None
                slot = present[:slot].count(True)
                width = lengths[slot]
            elif part < width:
                data = self._decoded(number, part, stored, chunk)
                try:
                    row.append(self._frames.item(data, slot))
                except DataCorrupted as error:
                    raise self._file.damaged(_called(number, part), error.message) from error
        return tuple(row)

    def versions(self, number: int) -> tuple[array[int] | None, dict[int, Older] | None]:
        """Return a block's ``begins`` and ``history``."""
        begins: array[int] | None = None
        history: dict[int, Older] | None = None
        for part, chunk in self._parts(number):
            if part == BEGINS:
                stored = self._file.read_span(chunk.offset, chunk.length)
                begins = array("q", self._values(number, part, stored, chunk))
                if self.known_begin:
                    # What the commit itself has written had no SCN yet.
                    begins = array("q", [begin or self.known_begin for begin in begins])
            elif part == HISTORY:
                stored = self._file.read_span(chunk.offset, chunk.length)
                data = self._decoded(number, part, stored, chunk)
                try:
                    history = decode_history(data, self._frames)
                except DataCorrupted as error:
                    raise self._file.damaged(_called(number, part), error.message) from error
        return begins, history

    def image(self, number: int) -> BlockImage:
        """Return a block with everything that is stored of it."""
        begins, history = self.versions(number)
        return self.read(number)._replace(begins=begins, history=history)

    def columns(self, number: int, wanted: Sequence[int]) -> dict[int, StoredColumn]:
        """Return columns of a block's newest rows as they are stored, with an item for each row that is there (see
        ``present``).

        A column that no row of the block has is left out: its rows were stored before it was added.
        """
        chunks = dict(self._parts(number))
        found = {}
        for column in wanted:
            chunk = chunks.get(column)
            if chunk is not None:
                data = self._decoded(number, column, self._file.read_span(chunk.offset, chunk.length), chunk)
                try:
                    found[column] = self._frames.column(data)
                except DataCorrupted as error:
                    raise self._file.damaged(_called(number, column), error.message) from error
        return found

    def lists(self, number: int, wanted: Sequence[int], *, nulls: bool = True) -> dict[int, list[Any]]:
        """Do the same with lists of data; ``nulls`` False leaves out what is NULL."""
        chunks = dict(self._parts(number))
        count = self.row_count(number)
        read = self._frames.decode if nulls else self._frames.present
        found = {}
        for column in wanted:
            chunk = chunks.get(column)
            if chunk is not None:
                stored = self._file.read_span(chunk.offset, chunk.length)
                values = found[column] = self._values(number, column, stored, chunk, read)
                if len(values) > count or (nulls and len(values) < count):
                    raise self._file.damaged(_called(number, column), "it has another number of rows")
        return found

    def present(self, number: int) -> tuple[list[bool], list[int]] | None:
        """Return whether each slot of a block has a row, and how many items each row has; None: all have all."""
        part, chunk = next(iter(self._parts(number)), (0, None))
        if part != SHAPE or chunk is None:
            return None
        return self._shape(number, self._file.read_span(chunk.offset, chunk.length), chunk)

    def zone(self, number: int, column: int) -> Zone | None:
        """Return the bounds of a block's column, or None where nothing is known."""
        return self._zone(number, column, 0)

    def past_zone(self, number: int, column: int) -> Zone | None:
        """Return the bounds of a column in the superseded versions of a block's rows, or None where nothing is known;
        without any these are (None, None, False)."""
        directory = self._directory()
        if not directory.flags[directory.places[number]] & _HAS_HISTORY:
            return None, None, False
        return self._zone(number, column, 1)

    def _zone(self, number: int, column: int, which: int) -> Zone | None:
        directory = self._directory()
        place = directory.places[number]
        if column >= len(directory.zones) or column >= directory.widths[place]:
            return None
        both = self._zones.get(column)
        if both is None:
            what = f"the zones of column {column}"
            data = self._file.read(directory.zones[column], ZONES, column, what)
            try:
                now, past = self._frames.decode_each(data, 2)
            except DataCorrupted as error:
                raise self._file.damaged(what, error.message) from error
            both = self._zones[column] = now, past
        zones = both[which]
        return zones[place] if place < len(zones) else None

    def verify(self) -> list[str]:
        """Return what is damaged: every chunk is read, compared with its checksum and decoded."""
        problems: list[str] = []

        def attempt(read: Any, *arguments: Any) -> Any:
            try:
                return read(*arguments)
            except DataCorrupted as error:
                problems.append(error.message)

        if attempt(self._directory) is None:
            return problems
        for number in self.numbers:
            image = attempt(self.read, number)
            if image is not None and len(image.rows) != self.slots(number):
                problems.append(f'file "{self.name}" is corrupted: block {number} has {len(image.rows)} slots')
            if image is None:
                # Reading rows ends at the first column that is damaged.
                attempt(self.present, number)
                for column in range(self.width(number)):
                    attempt(self._column, number, column)
            attempt(self.versions, number)
        for column in range(len(self._directory().zones)):
            wide = [number for number in self.numbers if column < self.width(number)]
            if wide:
                attempt(self.zone, wide[0], column)
        return list(dict.fromkeys(problems))

    def _column(self, number: int, column: int) -> list[Any]:
        chunk = dict(self._parts(number))[column]
        return self._values(number, column, self._file.read_span(chunk.offset, chunk.length), chunk)


def _called(number: int, part: int) -> str:
    names = {SHAPE: "the shape", BEGINS: "the begins", HISTORY: "the history"}
    return f"{names.get(part, f'column {part}')} of block {number}"


def _zones_at(frames: StoredFrames, place: int, zones: Sequence[Sequence[Zone | None]]) -> bytes:
    return frames.encode([block[place] if place < len(block) else None for block in zones])
