"""Large commits: their blocks go to segments before the log says so, and are written once.

    write       no lock held: blocks that the commit fills are written to segments and synced; nobody knows of them
    settle      commit lock held, the record is in the log: it names the segments, so they are part of the database
    enter       commit lock held: the relation's blocks stand in the segments, from the commit's SCN on

Segments of a commit that failed are deleted; those of a process that died on the way are not named by anything, and
are deleted when the database is opened. A checkpoint leaves those alone that are under way.

The rows are written before the commit has an SCN. The log's record has it, and later the manifest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from heliosdb.errors import Error
from heliosdb.store.block import Block
from heliosdb.store.growing_segments import GrowingSegments, WrittenRows
from heliosdb.store.records import RecordSegment
from heliosdb.store.stored_blocks import StoredBlocks
from heliosdb.store.versions import is_full

if TYPE_CHECKING:
    from heliosdb.store.files import StoreFiles
    from heliosdb.store.relation import Relation
    from heliosdb.store.segment import SegmentReader
    from heliosdb.store.stored_blocks import BlockCache
    from heliosdb.store.timeline import Timeline
    from heliosdb.store.versions import Row

__all__ = ["CommitSegments", "Written", "enter_segment"]


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

    def is_large(self, blocks: Mapping[int, Sequence[Row | None]]) -> bool:
        """Whether so many new rows are to be written to segments."""
        return bool(blocks) and sum(map(len, blocks.values())) >= self._files.options.large_commit

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
