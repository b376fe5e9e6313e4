"""Salvaging one relation of one timeline: what segments and logs have of each block, put together and written anew.

    copies      blocks of segments, oldest first: the newest that can be read is taken, with what was before its rows
    written     segments of large commits that only a log names: rows of one SCN
    changes     what log records say: rows by slot

What has happened to a block since its copy was made is entered in the order of the SCNs, as it was at first. A block of
a branch that no segment has begins as the parent's block is at the fork.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import compress
from typing import Protocol

from attrs import define, field

from heliosdb.errors import DataCorrupted
from heliosdb.store.block import BLOCK_BITS, SLOT_MASK, Block
from heliosdb.store.files import StoreFiles
from heliosdb.store.growing_segments import SEGMENT_SIZE
from heliosdb.store.manifest import StoredRelation, StoredTimeline
from heliosdb.store.segment import BlockImage, SegmentReader
from heliosdb.store.versions import Row, is_full, push

__all__ = ["BlockSalvage", "Remains", "Told", "WrittenSegments", "row_ids"]

Slots = Mapping[int, "Row | None"]


class Told(Protocol):
    """Takes note of losses."""

    def __call__(self, message: str, relation: int | None = None) -> None:
        """Take note of what is lost, and of which relation."""


@define
class Remains:
    """What there is of a relation in a timeline. ``stored`` is what a manifest says of it, without files."""

    stored: StoredRelation
    segments: list[SegmentReader]
    """Oldest first."""
    changes: dict[int, list[tuple[int, Slots]]] = field(factory=dict)
    """{block: [(SCN, {slot: row}), ...]}."""
    written: dict[int, list[tuple[SegmentReader, bytes | None]]] = field(factory=dict)
    """{block: segments of commits}, each with the slots that its commit has changed, a byte a slot; None: all."""

    def copies(self, told: Told) -> dict[int, list[SegmentReader]]:
        """Return the segments that have each block, oldest first."""
        found: dict[int, list[SegmentReader]] = {}
        for reader in self.segments:
            try:
                for number in reader.numbers:
                    found.setdefault(number, []).append(reader)
            except DataCorrupted as error:
                told(error.message, self.stored.oid)
        return found

    def scns(self) -> Iterator[int]:
        """Yield SCNs of rows, the last one among them."""
        for changes in self.changes.values():
            yield changes[-1][0]
        for reader in self.segments:
            try:
                yield from map(reader.begin, reader.numbers)
            except DataCorrupted:
                pass  # it is told when it is wanted


class WrittenSegments:
    """The new segments, of all relations."""

    def __init__(self, files: StoreFiles, lines: Mapping[int, StoredTimeline]) -> None:
        self.files = files
        self._lines = lines
        self._where: dict[tuple[int, int], dict[int, SegmentReader]] = {}

    def note(self, line: int, oid: int, numbers: list[int], name: str) -> None:
        """Take note of the blocks of a segment."""
        where = self._where.setdefault((line, oid), {})
        where.update(dict.fromkeys(numbers, self.files.read_segment(name)))

    def at_fork(self, line: int, oid: int, number: int) -> Block:
        """Return a block of a timeline as it begins: empty, or what its parent has at the fork."""
        timeline = self._lines[line]
        fork = scn = timeline.fork
        while timeline.parent is not None:
            timeline = self._lines[timeline.parent]
            segment = self._where.get((timeline.id, oid), {}).get(number)
            if segment is not None:
                rows = _block_of(segment.image(number)).positional(scn)
                return Block(rows, fork, dense=is_full(rows))
            scn = min(scn, timeline.fork)
        return Block([], fork)


class BlockSalvage:
    """Writes the blocks of one relation of one timeline. ``with_past``: with all versions."""

    def __init__(self, told: Told, written: WrittenSegments, remains: Remains, *, with_past: bool) -> None:
        self._told = told
        self._written = written
        self._remains = remains
        self._with_past = with_past
        self._is_branch = remains.stored.timeline != 0
        self.next_row_id = 0
        self.unreadable_past = 0
        """The SCN before which versions of rows are lost."""

    def run(self) -> Iterator[int]:
        """Write all blocks, and yield the number of rows of each; ``stored`` says in the end which segments they are
        in."""
        remains, files = self._remains, self._written.files
        stored = remains.stored
        copies = remains.copies(self._told)
        growth = rows = 0
        writer = None
        numbers: list[int] = []
        for number in sorted({*copies, *remains.changes, *remains.written}):
            block, before = self._block(number, copies.get(number, []))
            count = sum(row is not None for row in block.rows)
            growth += count - before
            rows += count
            if count:
                last = max(slot for slot, row in enumerate(block.rows) if row is not None)
                self.next_row_id = max(self.next_row_id, (number << BLOCK_BITS) + last + 1)
            if block.is_empty and not self._is_branch:
                continue
            if writer is None:
                writer = files.write_segment(stored.oid, stored.timeline)
            writer.add(BlockImage(number, block.rows, block.begin, block.begins, block.history))
            numbers.append(number)
            stored.blocks = max(stored.blocks, number + 1)
            yield count
            if writer.size >= SEGMENT_SIZE:
                stored.segments.append(writer.finish().name)
                self._written.note(stored.timeline, stored.oid, numbers, writer.name)
                writer, numbers = None, []
        if writer is not None:
            stored.segments.append(writer.finish().name)
            self._written.note(stored.timeline, stored.oid, numbers, writer.name)
        stored.count = stored.count + growth if self._is_branch else rows

    def _block(self, number: int, copies: list[SegmentReader]) -> tuple[Block, int]:
        """Return a block with all that has happened to it, and how many rows it had in the copy that was taken."""
        remains = self._remains
        block = self._copy(number, copies)
        if block is None:
            block = self._written.at_fork(remains.stored.timeline, remains.stored.oid, number)
        before = sum(row is not None for row in block.rows)
        begin = block.begin
        changes = [*remains.changes.get(number, ()), *self._of_commits(number)]
        for scn, slots in sorted(changes, key=lambda change: change[0]):
            if scn > begin:
                for slot, row in slots.items():
                    ended, old, older = block.newest_with_older(slot)
                    kept = push(older, ended, old, None) if ended else None
                    if ended or row is not None:
                        block.overlay[slot] = (scn, row, kept)
        if self._with_past and not block.overlay:
            return block, before
        return block.fold(None if self._with_past else ())[0], before

    def _copy(self, number: int, copies: list[SegmentReader]) -> Block | None:
        """Return the newest copy of a block that can be read; None where there is none."""
        oid = self._remains.stored.oid
        for reader in reversed(copies):
            try:
                image = reader.read(number)
            except DataCorrupted as error:
                older = ", an older state of them is taken" if reader is not copies[0] else ""
                self._told(f"{error.message} ({row_ids(number)}{older})", oid)
                continue
            if self._with_past:
                try:
                    begins, history = reader.versions(number)
                    image = image._replace(begins=begins, history=history)
                except DataCorrupted as error:
                    self._told(f"{error.message} ({row_ids(number)})", oid)
                    self.unreadable_past = max(self.unreadable_past, image.begin)
            return _block_of(image)
        return None

    def _of_commits(self, number: int) -> Iterator[tuple[int, Slots]]:
        """Yield what commits have put into a block by way of segments."""
        for reader, changed in self._remains.written.get(number, ()):
            try:
                rows = reader.read(number).rows
            except DataCorrupted as error:
                self._told(f"{error.message} ({row_ids(number)})", self._remains.stored.oid)
                continue
            if changed is None:
                yield reader.known_begin, {slot: row for slot, row in enumerate(rows) if row is not None}
            else:
                yield reader.known_begin, {slot: rows[slot] for slot in compress(range(len(rows)), changed)}


def _block_of(image: BlockImage) -> Block:
    rows = image.rows
    return Block(rows, image.begin, dense=is_full(rows), begins=image.begins, history=image.history)


def row_ids(number: int) -> str:
    """Return what errors call the rows of a block."""
    first = number << BLOCK_BITS
    return f"row ids {first} to {first | SLOT_MASK}"
