"""Large commits: their blocks go to segments before the log says so, and are written once.

    write       no lock held: blocks that the commit fills, or of which it changes many rows, are written to segments
                and synced; nobody knows of them
    settle      commit lock held, the record is in the log: it names the segments, so they are part of the database
    enter       commit lock held: the relation's blocks stand in the segments, from the commit's SCN on

Segments of a commit that failed are deleted; those of a process that died on the way are not named by anything, and
are deleted when the database is opened. A checkpoint leaves those alone that are under way.

The rows are written before the commit has an SCN. The log's record has it, and later the manifest.

A block that was there before is written whole, with the rows that the commit leaves as they are. Nobody else can change
those that it changes, it holds their locks; but others may come to be, or be changed, before the commit lock is held.
So it is known which slots the commit has changed, and as of which SCN the others are. If the block is no younger it is
replaced, and what it was stays where it is (``superseded``); else the changed rows are entered one by one. Both go by
what the log says alone, and come to the same when it is replayed.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import compress
from typing import TYPE_CHECKING, NamedTuple

from heliosdb.errors import DataCorrupted, Error
from heliosdb.store.block import Block
from heliosdb.store.growing_segments import SEGMENT_SIZE, GrowingSegments, WrittenRows
from heliosdb.store.records import RecordSegment
from heliosdb.store.segment import BlockImage
from heliosdb.store.stored_blocks import StoredBlocks
from heliosdb.store.superseded import Before
from heliosdb.store.timeline_index import MAX_SCN
from heliosdb.store.versions import is_full

if TYPE_CHECKING:
    from heliosdb.store.files import StoreFiles
    from heliosdb.store.relation import Relation
    from heliosdb.store.segment import SegmentReader
    from heliosdb.store.stored_blocks import BlockCache, BlockSource
    from heliosdb.store.timeline import Timeline
    from heliosdb.store.versions import Row

__all__ = ["CommitSegments", "Written", "enter_changed", "enter_segment"]


class Written(NamedTuple):
    """Blocks of a relation that were written for a commit, and their rows if they are in memory."""

    relation: Relation
    segment: RecordSegment
    size: int
    rows: Mapping[int, Sequence[Row | None]]


class CommitSegments:
    """Writes the segments of large commits of one store."""

    def __init__(self, files: StoreFiles, cache: BlockCache) -> None:
        self._files = files
        self._cache = cache

    def write(
        self, line: Timeline, relation: Relation, blocks: Mapping[int, Sequence[Row | None]], written: list[Written]
    ) -> None:
        """Write new blocks of a relation, whose slots nobody else uses; ``written`` takes them.

        Those that are written already (``growing_segments``) go on to where they are.
        """
        found = (rows.segments for rows in blocks.values() if isinstance(rows, WrittenRows))
        growing = next(found, None) or self.growing(line, relation)
        try:
            for number in sorted(blocks):
                rows = blocks[number]
                if not isinstance(rows, WrittenRows):
                    growing.add(
                        number, rows if isinstance(rows, list) else list(rows), keep_rows=isinstance(rows, list)
                    )
            for info, present in growing.finish(blocks):
                segment = RecordSegment(relation.oid, info.name, info.rows)
                written.append(Written(relation, segment, info.size, present))
        except BaseException:
            growing.abandon()
            raise

    def growing(self, line: Timeline, relation: Relation) -> GrowingSegments:
        """Return what takes blocks of a relation before their transaction commits."""
        return GrowingSegments(self._files, line, relation)

    def write_changed(
        self,
        line: Timeline,
        relation: Relation,
        blocks: Mapping[int, Mapping[int, Row | None]],
        base: int,
        written: list[Written],
    ) -> None:
        """Write blocks of which many rows are changed, with the rows that stay as they are; ``written`` takes them.

        ``base`` is the last SCN that was given out before this was called.
        """
        files = self._files
        writer = None
        changed: list[bytes] = []
        growth = 0

        def finish() -> Written:
            assert writer is not None
            info = writer.finish()
            return Written(relation, RecordSegment(relation.oid, info.name, growth, base, changed), info.size, {})

        for number in sorted(blocks):
            if writer is None:
                writer = files.write_segment(relation.oid, line.id)
                files.uncommitted.add(writer.name)
                written.append(Written(relation, RecordSegment(relation.oid, writer.name, 0), 0, {}))
                changed, growth = [], 0
            image, slots, more = _changed_block(relation, number, dict(blocks[number].items()))
            writer.add(image)
            changed.append(slots)
            growth += more
            if writer.size >= SEGMENT_SIZE:
                written[-1] = finish()
                writer = None
        if writer is not None:
            written[-1] = finish()

    def is_large(self, blocks: Mapping[int, Sequence[Row | None]]) -> bool:
        """Whether so many new rows are to be written to segments."""
        return bool(blocks) and self.are_large(sum(map(len, blocks.values())))

    def are_large(self, rows: int) -> bool:
        """Whether so many rows of whole blocks are to be written to segments."""
        return rows >= self._files.options.large_commit

    def abandon(self, written: Iterable[Written]) -> None:
        """Delete what was written for a commit that has failed."""
        for item in written:
            with suppress(Error):  # what cannot be deleted now is swept later
                self._files.volume.delete(item.segment.name)
            self._files.uncommitted.discard(item.segment.name)

    def leave(self, written: Iterable[Written]) -> None:
        """Leave what was written for a commit that was interrupted, perhaps after the log had its name: a checkpoint
        sweeps it, with that log."""
        self._files.uncommitted.difference_update(item.segment.name for item in written)

    def settle(self, written: Iterable[Written]) -> None:
        """Take note that the log names the segments."""
        files = self._files
        for item in written:
            files.committed[item.segment.name] = item.size
            files.uncommitted.discard(item.segment.name)

    def enter(self, written: Iterable[Written], scn: int) -> None:
        """Let the blocks stand in the segments, as of an SCN that is not published yet."""
        for item in written:
            segment = self._files.read_segment(item.segment.name, scn)
            readers = self._cache.needed(item.relation.oid)
            if item.segment.changed is not None:
                enter_changed(item.relation, segment, self._cache, item.segment, readers)
            else:
                enter_segment(item.relation, segment, self._cache, item.segment.rows, readers, item.rows)

    @property
    def size(self) -> int:
        """The bytes of the segments that were committed since the last checkpoint."""
        return sum(list(self._files.committed.values()))  # others may add one meanwhile


def enter_segment(
    relation: Relation,
    segment: SegmentReader,
    cache: BlockCache,
    growth: int,
    readers: Sequence[int] | None,
    rows: Mapping[int, Sequence[Row | None]],
) -> None:
    """Make the blocks of a commit's segment those of a relation. ``rows`` are the contents of some, to be kept while
    there is room."""
    if relation.stored is None:
        relation.stored = StoredBlocks(cache, [])
    where = relation.stored.where()
    scn = relation.changed = segment.known_begin
    before, placed = relation.count, []
    for number in segment.numbers:
        relation.extend_to(number + 1)
        if number in where or relation.blocks[number] is not None:
            # Behind the commit's rows others have put theirs.
            relation.apply_block(number, segment.read(number).rows, scn, readers)
        else:
            placed.append(number)
    if placed:
        relation.stored.add(segment, placed)
    for number in placed:
        content = rows.get(number)
        if isinstance(content, list) and cache.size < cache.capacity:
            block = relation.blocks[number] = Block(content, scn, dense=is_full(content))
            cache.note(relation, number, block)
    relation.count = before + growth


def _changed_block(relation: Relation, number: int, slots: dict[int, Row | None]) -> tuple[BlockImage, bytes, int]:
    """Return a block with new rows in some slots, which slots these are (a byte a slot), and by how many rows it grows.

    Where nothing else is in the block it is not read.
    """
    present, kept = _rows_of(relation, number, slots)
    rows: list[Row | None] = [None] * max(len(present), max(slots) + 1)
    begins: array[int] | None = None
    if kept is not None:
        begins = array("q", bytes(8 * len(rows)))
        for slot, (scn, other) in kept.items():
            rows[slot], begins[slot] = other, scn
    changed = bytearray(len(rows))
    growth = 0
    for slot, row in slots.items():
        rows[slot] = row
        changed[slot] = 1
        growth += (row is not None) - (slot < len(present) and present[slot])
    return BlockImage(number, rows, 0, begins), bytes(changed), growth


def _rows_of(
    relation: Relation, number: int, slots: Mapping[int, object]
) -> tuple[Sequence[bool], dict[int, tuple[int, Row]] | None]:
    """Return which slots of a block have a row, and (SCN, row) of those that are not among the given ones; None where
    there is none of these."""
    segment = None if relation.stored is None else relation.stored.where().get(number)
    if segment is not None and relation.blocks[number] is None:
        with suppress(DataCorrupted):  # a checkpoint may have put it elsewhere; who reads it is told otherwise
            shape = segment.present(number)
            there: Sequence[bool] = [True] * segment.row_count(number) if shape is None else shape[0]
            if all(slot in slots for slot in compress(range(len(there)), there)):
                return there, None
    block = relation.block(number)
    rows = [] if block is None else block.positional(MAX_SCN)
    kept: dict[int, tuple[int, Row]] = {}
    for slot, row in enumerate(rows):
        if row is not None and slot not in slots:
            assert block is not None
            kept[slot] = block.newest(slot)[0], row
    return [row is not None for row in rows], kept or None


def enter_changed(
    relation: Relation,
    segment: SegmentReader,
    cache: BlockCache,
    record: RecordSegment,
    readers: Sequence[int] | None,
) -> None:
    """Let blocks of a commit's segment take the place of those that were there; the commit lock is held."""
    if relation.stored is None:
        relation.stored = StoredBlocks(cache, [])
    stored, scn = relation.stored, segment.known_begin
    relation.changed = scn
    count = relation.count
    replaced: dict[int, Before] = {}
    assert record.changed is not None
    for number, changed in zip(segment.numbers, record.changed, strict=True):
        former = _former(relation, number, record.base, scn)
        if former is None:
            rows = segment.read(number).rows
            relation.apply_rows(
                number, {slot: rows[slot] for slot in compress(range(len(changed)), changed)}, scn, readers
            )
        else:
            replaced[number] = former
    # In this order: whoever finds no block in memory is led to the segment, and from there to what was before.
    stored.superseded.add(scn, replaced)
    stored.add(segment, replaced)
    for number in replaced:
        relation.blocks[number] = None
    relation.count = count + record.rows


def _former(relation: Relation, number: int, base: int, scn: int) -> Before | None:
    """Return what is to be superseded of a block; None where it has changed since an SCN."""
    stored = relation.stored
    assert stored is not None
    relation.extend_to(number + 1)
    present, segment = relation.blocks[number], stored.where().get(number)

    def read(source: BlockSource, number: int, older: Before | None) -> Block:
        return stored.read(relation, source, number, older)

    if segment is not None and (present is None or stored.holds(number, present)):
        begin = segment.begin(number)
        older = stored.superseded.before(number, begin)
        return Before(segment, number, scn, older, read) if begin <= base else None
    block = relation.block(number)
    if block is None or max(block.begin, *(entry[0] for entry in block.overlay.values()), 0) > base:
        return None
    return Before(block, number, scn, None, read)
