"""A relation's blocks that stand in segments, and the cache of those that were read.

    relation.blocks   [block] [None] [None] [block] ...      what is in memory
    stored            {1: segment, 2: segment, ...}          where the others are; read when they are touched

A block that was read is like any other from then on. It may leave memory again as long as it is what its segment says:
nothing in its overlay, and its rows are as of the SCN that the segment has them from. Whoever changes a block holds the
commit lock, and so does who evicts one; readers go on with the object they have.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from itertools import repeat
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from weakref import WeakSet

from heliosdb.errors import DataCorrupted
from heliosdb.store.block import Block
from heliosdb.store.gather import is_scattered
from heliosdb.store.superseded import Before, Superseded
from heliosdb.store.versions import Older, Row, is_full

if TYPE_CHECKING:
    from heliosdb.store.block_column import Range
    from heliosdb.store.relation import Relation
    from heliosdb.store.store import Store

__all__ = ["BlockCache", "BlockImage", "BlockSource", "Places", "StoredBlocks"]


Result = TypeVar("Result")

MOST_SEGMENTS = 8
LARGE_SEGMENT = 32 << 20
"""Bytes from which on a segment is not written anew only because there are others."""
SAMPLE = 64
"""Values of a block that are looked at to see whether a range leaves out many."""
ROW_SIZE = 250
"""Bytes that a row takes in memory, about."""


class BlockImage(Protocol):
    """A block as a segment has it."""

    @property
    def rows(self) -> list[Row | None]:
        """The newest rows by slot."""
        ...


class BlockSource(Protocol):
    """A segment."""

    name: str

    @property
    def numbers(self) -> Sequence[int]:
        """The blocks in it."""
        ...

    @property
    def size(self) -> int:
        """How many bytes the blocks take."""
        ...

    def begin(self, number: int) -> int:
        """Return the SCN from which a block's rows are as they stand."""
        ...

    def read(self, number: int) -> BlockImage:
        """Return a block's newest rows."""
        ...

    def row(self, number: int, slot: int) -> Row | None:
        """Return one slot's newest row."""
        ...

    def has_versions(self, number: int) -> bool:
        """Whether the rows of a block are of different SCNs, or something is known of what was before."""
        ...

    def versions(self, number: int) -> tuple[array[int] | None, dict[int, Older] | None]:
        """Return the SCN of each slot's row, and what was before."""
        ...

    def image(self, number: int) -> Any:
        """Return all of a block."""
        ...

    def width(self, number: int) -> int:
        """Return how many items the longest row of a block has."""
        ...

    def slots(self, number: int) -> int:
        """Return how many slots a block has."""
        ...

    def row_count(self, number: int) -> int:
        """Return how many rows a block has."""
        ...

    def present(self, number: int) -> tuple[list[bool], list[int]] | None:
        """Return whether each slot has a row, and how many items each row has; None: all have all."""
        ...

    def lists(self, number: int, wanted: Sequence[int], *, nulls: bool = True) -> Mapping[int, list[Any]]:
        """Return columns of a block's newest rows; ``nulls`` False leaves out what is NULL."""
        ...

    def zone(self, number: int, column: int) -> tuple[Any, Any, bool] | None:
        """Return a column's least and greatest value, and whether it has a NULL, where they are known."""
        ...

    def past_zone(self, number: int, column: int) -> tuple[Any, Any, bool] | None:
        """Return the same of superseded versions; (None, None, False) where there are none."""
        ...


class StoredVersions:
    """What a segment has of the versions before a block's rows. It is not deleted as long as a block has one."""

    __slots__ = ("__weakref__", "_cache", "_number", "_relation", "segment")

    def __init__(self, cache: BlockCache, relation: Relation, number: int, segment: BlockSource) -> None:
        self._cache = cache
        self._relation = relation
        self._number = number
        self.segment = segment
        """Where they stand; a checkpoint may put them elsewhere."""

    def read(self) -> tuple[array[int] | None, dict[int, Older] | None]:
        """Return the SCN of each slot's row, and what was before."""
        begins, history = self.segment.versions(self._number)
        self._cache.note_versions(self._relation, self._number, history or {})
        return begins, history


class ReplacedVersions(StoredVersions):
    """The same for a block that a large commit has put in the place of another (see ``superseded``)."""

    __slots__ = ("_before",)

    def __init__(
        self, cache: BlockCache, relation: Relation, number: int, segment: BlockSource, before: Before
    ) -> None:
        super().__init__(cache, relation, number, segment)
        self._before = before

    def read(self) -> tuple[array[int] | None, dict[int, Older] | None]:
        """Return the SCN of each slot's row, and what was before."""
        segment, number = self.segment, self._number
        begins = segment.versions(number)[0] if segment.has_versions(number) else None
        if begins is None:
            begins = array("q", [segment.begin(number)]) * segment.slots(number)
        history = self._before.versions(begins)
        if history is None:
            return super().read()
        self._cache.note_versions(self._relation, number, history)
        return begins, history


class BlockCache:
    """Which blocks were read from segments, oldest first, and how much memory they take, for a whole store."""

    def __init__(self, store: Store, capacity: int) -> None:
        self.capacity = capacity
        self._store = store
        self._entries: deque[tuple[Relation, int, Block, int]] = deque()
        self.size = 0
        """Bytes, estimated."""
        self._sources: WeakSet[StoredVersions] = WeakSet()
        self._superseded: WeakSet[Superseded] = WeakSet()
        self._sources_lock = Lock()

    def needed(self, relation_oid: int) -> Sequence[int] | None:
        """Return the SCNs at which somebody may read a relation; None: all."""
        return self._store.needed(relation_oid)

    def note(self, relation: Relation, number: int, block: Block) -> None:
        """Note a block that stands in a segment, and may leave memory from now on."""
        weight = weight_of(block)
        self._entries.append((relation, number, block, weight))
        self.size += weight

    def versions(
        self, relation: Relation, number: int, segment: BlockSource, before: Before | None
    ) -> StoredVersions | None:
        """Return what a segment, or the block before, has of the versions before a block's rows, if anything; the
        segment stays as long as it is used."""
        if before is not None:
            made: StoredVersions = ReplacedVersions(self, relation, number, segment, before)
        elif segment.has_versions(number):
            made = StoredVersions(self, relation, number, segment)
        else:
            return None
        with self._sources_lock:
            self._sources.add(made)
        return made

    def segments_in_use(self) -> set[str]:
        """Return the names of segments that blocks in memory may still ask for versions."""
        with self._sources_lock:
            names = {source.segment.name for source in self._sources}
            return names.union(*(superseded.sources() for superseded in self._superseded))

    def add_superseded(self, superseded: Superseded) -> None:
        """Take note of where a relation has what its blocks were before large commits replaced them."""
        with self._sources_lock:
            self._superseded.add(superseded)

    def note_versions(self, relation: Relation, number: int, history: Mapping[int, Older]) -> None:
        """Note that a block takes more memory: older versions of its rows have been read."""
        block = relation.blocks[number]
        if block is not None:
            rows = len(block.rows) or 1
            weight = 8 * rows + len(history) * (150 + weight_of(block) // rows)
            self._entries.append((relation, number, block, weight))
            self.size += weight

    def entered(self, relation: Relation, number: int, block: Block) -> None:
        """Note a block that was read just now, and let go of others where the cache is over its capacity."""
        self.note(relation, number, block)
        if self.size > self.capacity:
            self.shrink()

    def shrink(self) -> None:
        """Evict the oldest blocks, unless somebody is committing: then the next one who reads does it.

        Who commits and reads a block on the way is about to change it: what he put into an evicted one would be lost.
        """
        store = self._store
        own = store.commit_lock._is_owned()  # type: ignore[attr-defined]
        if own or not store.commit_lock.acquire(blocking=False):
            return
        try:
            # Blocks that cannot go are met once.
            for _ in range(len(self._entries)):
                if self.size <= self.capacity:
                    return
                relation, number, block, weight = entry = self._entries.popleft()
                present = relation.blocks[number]
                # What was dropped has no segments any more; its blocks stay for who reads on.
                if present is block and self._store.lines.has(relation):
                    if relation.stored is None or not relation.stored.holds(number, block):
                        self._entries.append(entry)
                        continue
                    relation.blocks[number] = None
                self.size -= weight
        finally:
            store.commit_lock.release()

    def forget_dropped(self) -> None:
        """Let go of what was dropped: its memory, and the files of its indexes, which go when nobody has them."""
        with self._store.commit_lock:
            # Readers append meanwhile.
            for _ in range(len(self._entries)):
                entry = self._entries.popleft()
                if self._store.lines.has(entry[0]):
                    self._entries.append(entry)
                else:
                    self.size -= entry[3]

    def let_go_of_scattered(self, relation: Relation) -> None:
        """Let a relation's blocks leave memory where half of the rows came one by one; the commit lock is held.

        Rows lie then where there was room, and a scan waits for memory at each. Those that are read again are made
        together, and need not be in memory twice for that (see ``gather``).
        """
        blocks = relation.blocks
        if relation.stored is None or not is_scattered(relation):
            return
        for number, block in enumerate(blocks):
            if block is not None and relation.stored.holds(number, block):
                blocks[number] = None
        for _ in range(len(self._entries)):
            entry = self._entries.popleft()
            owner, number, block, weight = entry
            if owner is relation and blocks[number] is not block:
                self.size -= weight
            else:
                self._entries.append(entry)


def weight_of(block: Block) -> int:
    """Return about how many bytes a block takes, by a sample of its rows."""
    rows = [row for row in block.rows[:: max(1, len(block.rows) // 16)] if row is not None]
    if not rows:
        return 1000 + 8 * len(block.rows)
    sample: int = sum(row.__sizeof__() + 16 + sum(value.__sizeof__() for value in row) for row in rows) // len(rows)
    return 1000 + (8 + sample) * len(block.rows)


class ColdScan:
    """One statement's way through blocks that are not in memory: it reads what it needs, and keeps nothing.

    None is the answer for a block that has to be read whole: somebody may see older versions of its rows, or their
    number of items matters.
    """

    def __init__(self, stored: StoredBlocks, scn: int, columns: Sequence[int] | None) -> None:
        self._where = stored.where
        self._superseded = stored.superseded
        self._scn = scn
        self._columns = columns

    def leaves_out(self, number: int, ranges: Sequence[Range]) -> bool:
        """Whether a block surely has no row in the ranges."""
        segment = self._where().get(number)
        if segment is None:
            return False
        try:
            begin = segment.begin(number)
            if begin <= self._scn:
                return any(_is_beyond(segment.zone(number, place), low, high) for place, low, high in ranges)
            # Some of the rows are younger than the reader: he sees their older versions.
            return (
                self._superseded.before(number, begin) is None
                and any(
                    _is_beyond(segment.zone(number, place), low, high)
                    and _is_beyond(segment.past_zone(number, place), low, high)
                    for place, low, high in ranges
                )
                # Else a checkpoint may have put elsewhere what a large commit had left behind.
                and self._where().get(number) is segment
            )
        except DataCorrupted:
            return False  # as for ``rows``; who then reads the block is told

    def rows(self, number: int, ranges: Sequence[Range] = ()) -> list[Row] | None:
        """Return a block's rows, with None in the columns that nobody looks at, less rows that are in none of the
        ranges, where it is worth it to find these first."""
        return self._read(number, lambda segment: self._rows(segment, number, ranges))

    def columns(self, number: int) -> tuple[int, list[list[Any]]] | None:
        """Return how many rows a block has, and what is not NULL in each of the columns that are looked at."""
        return self._read(number, lambda segment: self._present(segment, number))

    def _read(self, number: int, read: Callable[[BlockSource], Result | None]) -> Result | None:
        segment = self._where().get(number)
        if self._columns is None or segment is None:
            return None
        try:
            return None if segment.begin(number) > self._scn else read(segment)
        except DataCorrupted:
            if self._where().get(number) is segment:
                raise
            return None  # a checkpoint has put the block elsewhere meanwhile, and deleted the file

    def _rows(self, segment: BlockSource, number: int, ranges: Sequence[Range]) -> list[Row] | None:
        shape = segment.present(number)
        width = segment.width(number)
        if not width or (shape is not None and any(length != width for length in shape[1])):
            return None
        columns = [place for place in self._columns or () if place < width]
        found: dict[int, list[Any]] = {}
        places: list[int] | None = None
        for place, low, high in ranges:
            if place < width and places is None:
                found.update(segment.lists(number, (place,)))
                places = _places_in(found[place], low, high)
        if places is not None:
            if not places:
                return []
            found = {column: [values[place] for place in places] for column, values in found.items()}
        for column in columns:
            if column not in found:
                values = segment.lists(number, (column,))[column]
                found[column] = values if places is None else [values[place] for place in places]
        if not found:
            return [(None,) * width] * segment.row_count(number)
        return list(zip(*[found.get(place, _NOTHING) for place in range(width)]))

    def _present(self, segment: BlockSource, number: int) -> tuple[int, list[list[Any]]]:
        columns = self._columns or ()
        found = segment.lists(number, columns, nulls=False)
        return segment.row_count(number), [found.get(column, []) for column in columns]


_NOTHING: Any = repeat(None)


def _is_beyond(zone: tuple[Any, Any, bool] | None, low: Any, high: Any) -> bool:
    """Whether surely no value of a zone lies in a range."""
    if zone is None:
        return False
    least, greatest, _ = zone
    try:
        return least is None or bool((high is not None and least > high) or (low is not None and greatest < low))
    except TypeError:
        return False  # values of another type


def _places_in(values: list[Any], low: Any, high: Any) -> list[int] | None:
    """Return the places of values that may lie in a range; None where that seems to be true of many."""
    sample = values[:: max(1, len(values) // SAMPLE)]
    try:
        if 2 * len(_within(sample, low, high)) > len(sample):
            return None
        return _within(values, low, high)
    except TypeError:
        return None  # values of another type


def _within(values: list[Any], low: Any, high: Any) -> list[int]:
    # "Not outside" rather than "inside": what does not compare (NaN) stays.
    if low is None:
        return [place for place, value in enumerate(values) if value is not None and not value > high]
    if high is None:
        return [place for place, value in enumerate(values) if value is not None and not value < low]
    return [place for place, value in enumerate(values) if value is not None and not value < low and not value > high]


class Places:
    """Which segments hold a relation's blocks. Never changed: replaced."""

    def __init__(
        self,
        segments: Mapping[str, BlockSource],
        where: dict[int, BlockSource] | None = None,
        *,
        has_replaced: bool = False,
    ) -> None:
        self.segments = segments
        """By name, oldest first: of a block that is in several the last has it as it is."""
        self._where = where
        self._lock = Lock()
        self.has_replaced = has_replaced
        """Whether a commit has replaced blocks of these segments since the last checkpoint."""

    def where(self) -> dict[int, BlockSource]:
        """Return the segment that holds each block; reads the segments' footers at first."""
        found = self._where
        if found is None:
            with self._lock:
                found = self._where
                if found is None:
                    found = {}
                    for segment in self.segments.values():
                        found.update(dict.fromkeys(segment.numbers, segment))
                    self._where = found
        return found

    def worth_keeping(
        self, replaced: Container[int], outdated: Container[str] = ()
    ) -> tuple[list[str], dict[int, BlockSource]]:
        """Return the names of the segments that stay when some blocks are written anew, and the blocks of the others,
        which are to be written with them.

        A segment goes when half of it has been replaced, and the smallest go when there are many that are not large; so
        do those that are ``outdated``.
        """
        where = self.where()
        live = {
            name: [number for number in segment.numbers if where.get(number) is segment and number not in replaced]
            for name, segment in self.segments.items()
        }
        kept = [
            name
            for name, numbers in live.items()
            if 2 * len(numbers) > len(self.segments[name].numbers) and name not in outdated
        ]
        small = [name for name in kept if self.segments[name].size < LARGE_SEGMENT]
        if len(small) >= MOST_SEGMENTS:
            smallest = set(sorted(small, key=lambda name: len(live[name]))[: MOST_SEGMENTS // 2])
            kept = [name for name in kept if name not in smallest]
        moved = {
            number: self.segments[name] for name, numbers in live.items() if name not in kept for number in numbers
        }
        return kept, moved


class StoredBlocks:
    """The blocks of one relation in one timeline that stand in segments."""

    def __init__(self, cache: BlockCache, segments: Sequence[BlockSource]) -> None:
        self.cache = cache
        self.places = Places({segment.name: segment for segment in segments})
        self.superseded = Superseded()
        cache.add_superseded(self.superseded)
        self._scans = 0

    def names(self) -> list[str]:
        """Return the names of the segments, oldest first."""
        return list(self.places.segments)

    def where(self) -> dict[int, BlockSource]:
        """Return the segment that holds each block."""
        return self.places.where()

    def holds(self, number: int, block: Block) -> bool:
        """Whether a block in memory is what stands in a segment: whoever changes its rows gives it another begin."""
        if block.overlay:
            return False
        segment = self.where().get(number)
        return segment is not None and segment.begin(number) == block.begin

    def load(self, relation: Relation, number: int) -> tuple[Block | None, BlockSource | None]:
        """Return a block as its segment has it, and the segment; None where there is none. What was before its rows is
        read when somebody asks for it."""
        while True:
            segment = self.where().get(number)
            if segment is None:
                return None, None
            try:
                return self._load(segment, relation, number), segment
            except DataCorrupted:
                if self.where().get(number) is segment:
                    raise
                # A checkpoint has put the block elsewhere meanwhile, and deleted the file.

    def _load(self, segment: BlockSource, relation: Relation, number: int) -> Block:
        return self.read(relation, segment, number, self.superseded.before(number, segment.begin(number)))

    def read(self, relation: Relation, segment: BlockSource, number: int, before: Before | None) -> Block:
        """Return a block of a segment; ``before`` is what it was before a large commit replaced it."""
        rows, begin = segment.read(number).rows, segment.begin(number)
        source = self.cache.versions(relation, number, segment, before)
        return Block(rows, begin, dense=is_full(rows), exact=before is None, source=source)

    def scan(self, relation: Relation, scn: int, columns: Sequence[int] | None) -> ColdScan:
        """Begin a scan of blocks that are not in memory.

        The first time only the columns that are looked at are read, and so it stays with relations that are larger than
        the cache. Others are read whole when they are scanned again, and are in memory from then on.
        """
        if columns is not None:
            again, self._scans = self._scans, self._scans + 1
            if again and relation.count * ROW_SIZE <= self.cache.capacity:
                columns = None
        return ColdScan(self, scn, columns)

    def add(self, segment: BlockSource, numbers: Iterable[int]) -> None:
        """Take note that blocks stand in another segment now, which a commit has written."""
        before, new = self.where(), dict.fromkeys(numbers, segment)
        replaces = self.places.has_replaced or not before.keys().isdisjoint(new)
        self.places = Places({**self.places.segments, segment.name: segment}, {**before, **new}, has_replaced=replaces)

    def install(
        self, noted: Places, moved: Mapping[int, BlockSource], names: Iterable[str], dropped: Iterable[int] = ()
    ) -> None:
        """Take note of where a checkpoint has put blocks that stood as in ``noted``, which it has ``dropped``, and of
        the names of all segments that are left of those, oldest first. What commits have put elsewhere since stays
        there."""
        before, where = noted.where(), {**self.where()}
        for number, segment in moved.items():
            if where.get(number) is before.get(number):
                where[number] = segment
        for number in dropped:
            where.pop(number, None)
        known = {**noted.segments, **{segment.name: segment for segment in moved.values()}}
        segments = {name: known[name] for name in names}
        segments.update({n: segment for n, segment in self.places.segments.items() if n not in noted.segments})
        self.places = Places(segments, where, has_replaced=self.places is not noted and self.places.has_replaced)
