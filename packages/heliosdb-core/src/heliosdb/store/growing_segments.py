"""The segments that the new blocks of one transaction go to, in one relation, before it commits.

    add         a block is written, and can be read again; nobody else knows of it
    finish      what is left of the blocks at the commit counts; the others are in the file, and named by nothing
    abandon     the files are deleted, as they are when the process dies on the way

So rows that are too many for the memory are encoded once, and what a transaction has put aside is already where its
commit wants it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from heliosdb.errors import Error
from heliosdb.store.rows_elsewhere import RowsElsewhere
from heliosdb.store.segment import BlockImage

if TYPE_CHECKING:
    from heliosdb.store.files import StoreFiles
    from heliosdb.store.relation import Relation
    from heliosdb.store.segment import SegmentInfo, SegmentWriter
    from heliosdb.store.timeline import Timeline
    from heliosdb.store.versions import Row

__all__ = ["SEGMENT_SIZE", "GrowingSegments", "WrittenRows"]

SEGMENT_SIZE = 64 << 20
"""A segment is closed when it is so large."""
RECENT = 3
"""Blocks that stay in memory after they were read."""


class WrittenRows(RowsElsewhere):
    """The rows of a block that was written."""

    __slots__ = ("_number", "segments")

    def __init__(self, segments: GrowingSegments, number: int, length: int) -> None:
        self.segments = segments
        self._number = number
        super().__init__(length)

    def read(self) -> list[Any]:
        """Return the rows; the list must not be changed."""
        return self.segments.read(self._number)

    def column(self, place: int) -> list[Any]:
        """Return a column of the rows, all of which are there."""
        return self.segments.column(self._number, place)


class _Growing(NamedTuple):
    """A segment, and the rows of its blocks that are still in memory."""

    writer: SegmentWriter
    rows: dict[int, list[Row | None]]


class GrowingSegments:
    """See the module. Any thread may read."""

    def __init__(self, files: StoreFiles, line: Timeline, relation: Relation) -> None:
        self._files = files
        self._line = line
        self._relation = relation
        self._segments: list[_Growing] = []
        self._where: dict[int, _Growing] = {}
        self._recent: dict[int, list[Any]] = {}
        self._lock = Lock()

    def add(self, number: int, rows: list[Row | None], *, keep_rows: bool = False) -> WrittenRows:
        """Write a block, in place of what was written of it before; ``keep_rows``: they are in memory anyway."""
        with self._lock:
            segments = self._segments
            if not segments or segments[-1].writer.size >= SEGMENT_SIZE:
                writer = self._files.write_segment(self._relation.oid, self._line.id)
                self._files.uncommitted.add(writer.name)
                segments.append(_Growing(writer, {}))
            growing = segments[-1]
            growing.writer.add(BlockImage(number, rows, 0))
            self._recent.pop(number, None)
            self._where[number] = growing
            if keep_rows:
                growing.rows[number] = rows
        return WrittenRows(self, number, len(rows))

    def read(self, number: int) -> list[Any]:
        """Return the rows of a block."""
        with self._lock:
            found = self._recent.get(number)
            if found is None:
                if len(self._recent) >= RECENT:
                    del self._recent[next(iter(self._recent))]
                found = self._recent[number] = self._where[number].writer.read(number)
            return found

    def column(self, number: int, place: int) -> list[Any]:
        """Return a column of a block."""
        with self._lock:
            return self._where[number].writer.column(number, place)

    def finish(self, blocks: Mapping[int, Any]) -> Iterator[tuple[SegmentInfo, Mapping[int, Sequence[Row | None]]]]:
        """Make the segments durable, with these blocks; yield what they are, and the rows that are in memory."""
        with self._lock:
            while self._segments:
                growing = self._segments[0]
                keep = {number for number in blocks if self._where.get(number) is growing}
                if keep:
                    yield growing.writer.finish(keep), growing.rows
                else:
                    self._delete(growing)
                del self._segments[0]

    def abandon(self) -> None:
        """Delete what is not finished. Harmless a second time."""
        with self._lock:
            for growing in self._segments:
                self._delete(growing)
            self._segments.clear()
            self._recent.clear()

    def _delete(self, growing: _Growing) -> None:
        with suppress(Error):  # what cannot be deleted now is swept later
            growing.writer.abandon()
        self._files.uncommitted.discard(growing.writer.name)
