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
from collections.abc import Callable, Mapping, Sequence
from decimal import Context, Decimal, InvalidOperation, localcontext
from itertools import accumulate, chain, compress, zip_longest
from math import isnan
from typing import Any, NamedTuple

from heliosdb.encoding.codecs import FileCodecs
from heliosdb.encoding.stored_column import StoredColumn
from heliosdb.encoding.stored_frames import StoredFrames
from heliosdb.errors import DataCorrupted
from heliosdb.store.chunk_file import Chunk, ChunkFileReader, ChunkFileWriter
from heliosdb.store.pace import Pay
from heliosdb.store.segment_history import decode_history, encode_history
from heliosdb.store.versions import Older, Row, history, is_full
from heliosdb.store.volume import Volume

__all__ = ["BlockImage", "SegmentInfo", "SegmentReader", "SegmentWriter", "Zone"]

KIND = b"SEGM"
VERSION = 1

SHAPE, BEGINS, HISTORY = -1, -2, -3
"""The second number of these chunks' place; a column's is its number. The first is the block's."""
ZONES = -2
"""The first number of the place of a column's zones."""

_HAS_SHAPE, _HAS_BEGINS, _HAS_HISTORY = 1, 2, 4

LONGEST_BOUND = 64
_STRICT = Context(traps=[InvalidOperation])
_ORDERED = frozenset((int, str, float, Decimal, bytes, bool))

Zone = tuple[Any, Any, bool]
"""(least, greatest, whether there is a NULL); None, None where all are NULL."""


Zones = tuple[list[Zone | None], list[Zone | None]]
"""Of one column, by block: those of the newest rows, and those of superseded versions."""


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


class SegmentWriter:
    """Writes one segment; blocks come in ascending order of their numbers."""

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
        self._file = ChunkFileWriter(volume, name, KIND, VERSION, codecs, parameters, pay)
        self._frames = frames
        self._blocks: list[tuple[int, int, int, int, int, int, int]] = []
        """(number, begin, slots, rows, width, flags, offset)"""
        self._chunks: list[Chunk] = []
        self._zones: list[Zones] = []

    @property
    def name(self) -> str:
        """The file's name."""
        return self._file.name

    @property
    def size(self) -> int:
        """How many bytes the file has so far."""
        return self._file.size

    def add(self, image: BlockImage) -> None:
        """Append a block."""
        number, slots = image.number, image.rows
        if self._blocks and number <= self._blocks[-1][0]:
            raise ValueError(f"block {number} comes behind block {self._blocks[-1][0]}")
        offset = self._file.size
        frames, flags = self._frames, 0
        rows: list[Row] = [row for row in slots if row is not None] if not is_full(slots) else slots  # type: ignore[assignment]
        widths = set(map(len, rows))
        if len(rows) < len(slots) or len(widths) > 1:
            flags |= _HAS_SHAPE
            present = frames.encode([row is not None for row in slots])
            self._add(present + frames.encode(list(map(len, rows))), number, SHAPE)
        width = max(widths, default=0)
        if len(widths) > 1:
            rows = list(zip(*zip_longest(*rows)))
        # One long list and its slices: half of what zip takes.
        items = list(chain.from_iterable(rows))
        past = _superseded_rows(image.history)
        for place in range(width):
            values = items[place::width]
            self._add(frames.encode(values), number, place)
            old = [row[place] if place < len(row) else None for row in past]
            self._add_zones(place, zone_of(values), zone_of(old))
        if image.begins is not None:
            flags |= _HAS_BEGINS
            self._add(frames.encode(image.begins.tolist()), number, BEGINS)
        if image.history:
            flags |= _HAS_HISTORY
            self._add(encode_history(image.history, frames), number, HISTORY)
        self._blocks.append((number, image.begin, len(slots), len(rows), width, flags, offset))

    def _add(self, data: bytes, number: int, part: int) -> None:
        self._chunks.append(self._file.add(data, number, part))

    def _add_zones(self, place: int, zone: Zone | None, past_zone: Zone | None) -> None:
        if place == len(self._zones):
            self._zones.append(([], []))
        for zones, made in zip(self._zones[place], (zone, past_zone)):
            zones.extend([None] * (len(self._blocks) - len(zones)))
            zones.append(made)

    def finish(self) -> SegmentInfo:
        """Write the footer, make the file durable and return what it holds."""
        blocks, frames = self._blocks, self._frames
        zones = [
            self._file.add(frames.encode(now) + frames.encode(past), ZONES, place)
            for place, (now, past) in enumerate(self._zones)
        ]
        parts = [*zip(*blocks)] or [()] * 7
        lists = [*parts[:6], parts[6], [chunk.length for chunk in self._chunks], [c.checksum for c in self._chunks]]
        lists += [[zone[part] for zone in zones] for part in range(3)]
        size = self._file.finish(b"".join([frames.encode(list(values)) for values in lists]))
        rows = sum(block[3] for block in blocks)
        first, last = (blocks[0][0], blocks[-1][0]) if blocks else (0, -1)
        last_scn = max((block[1] for block in blocks), default=0)
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
        self._zones: dict[int, Zones] = {}

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
        lists = []
        at = 0
        try:
            while at < len(data):
                values, at = self._frames.read(data, at)
                lists.append(values)
            numbers, begins, slots, rows, widths, flags, offsets, lengths, checksums, *zones = lists
        except (ValueError, DataCorrupted) as error:
            raise self._file.damaged("its footer") from error
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
            present, at = self._frames.read(data, 0)
            return present, self._frames.decode(data[at:])
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
                now, at = self._frames.read(data, 0)
                both = self._zones[column] = now, self._frames.decode(data[at:])
            except DataCorrupted as error:
                raise self._file.damaged(what, error.message) from error
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


def _superseded_rows(versions: Mapping[int, Older] | None) -> list[Row]:
    """Return the rows of superseded versions."""
    return [row for older in (versions or {}).values() for _, row in history(older) if row is not None]


def zone_of(values: list[Any]) -> Zone | None:
    """Return the bounds of a column's values, or None where they have none."""
    kinds = set(map(type, values))
    has_null = type(None) in kinds
    if has_null:
        kinds.discard(type(None))
        values = [value for value in values if value is not None]
    if not kinds:
        return (None, None, True) if has_null else None
    (kind, *others) = kinds
    if others or kind not in _ORDERED:
        return None
    if kind is Decimal:
        # A NaN raises, whatever the thread's context says.
        try:
            with localcontext(_STRICT):
                return min(values), max(values), has_null
        except InvalidOperation:
            return None
    if kind is float and (total := sum(values)) != total and any(map(isnan, values)):
        return None
    least, greatest = min(values), max(values)
    if kind is str or kind is bytes:
        last = "\U0010ffff" if kind is str else b"\xff"
        least = least[:LONGEST_BOUND]
        if len(greatest) > LONGEST_BOUND:
            if greatest[LONGEST_BOUND : LONGEST_BOUND + 1] == last:
                return None
            greatest = greatest[:LONGEST_BOUND] + last
    return least, greatest, has_null
