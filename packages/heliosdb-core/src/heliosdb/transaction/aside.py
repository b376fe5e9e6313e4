"""Own blocks of a transaction beyond ``work_mem``: their rows wait in files for the commit.

When they take more memory than allowed, those that are there are put aside, and whoever asks for one of their rows
reads the block again. New blocks go to the segments that the commit will name (``store/growing_segments.py``), changed
ones to a temporary file, from which the commit writes them to segments one by one. Tables that are not logged, and
databases in memory, keep their rows in memory anyway.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

from heliosdb.store.rows_elsewhere import RowsElsewhere
from heliosdb.store.temporary import TemporaryFiles, TemporarySpace

if TYPE_CHECKING:
    from heliosdb.store.commit_segments import CommitSegments
    from heliosdb.store.growing_segments import GrowingSegments, WrittenRows
    from heliosdb.store.relation import Relation
    from heliosdb.store.temporary import Frame, LimitedSession, TemporaryRows
    from heliosdb.store.timeline import Timeline
    from heliosdb.transaction.own_blocks import OwnBlock

__all__ = ["Aside", "AsideRows"]

SAMPLE = 16
RECENT = 3
"""Blocks that stay in memory after they were read."""


class AsideRows(RowsElsewhere):
    """The rows of a block that are in the file."""

    __slots__ = ("_aside", "_frame")

    def __init__(self, aside: Aside, frame: Frame, length: int) -> None:
        self._aside = aside
        self._frame = frame
        super().__init__(length)

    def read(self) -> list[Any]:
        """Return the rows; the list must not be changed."""
        return self._aside.read(self._frame)


class Aside:
    """What one transaction has put aside. ``limit`` is how many bytes of rows stay in memory.

    Others, too, ask for a row where they wait for the transaction.
    """

    def __init__(self, space: TemporarySpace, session: LimitedSession, limit: int, large: CommitSegments) -> None:
        self._files = TemporaryFiles(space, session)
        self._large = large
        self._growing: dict[Relation, GrowingSegments] = {}
        self._limit = limit
        self._file: TemporaryRows | None = None
        self._size = 0
        self._present: list[tuple[OwnBlock, int, Relation, Timeline]] = []
        self._recent: dict[Frame, list[Any]] = {}
        self._lock = Lock()

    def note(self, block: OwnBlock, number: int, relation: Relation, line: Timeline) -> None:
        """Take note of a block, and put all aside that are in memory where they are too many."""
        rows = block.rows
        self._present.append((block, number, relation, line))
        sample = [row for row in rows[:: max(1, len(rows) // SAMPLE)] if row]
        size = sum(row.__sizeof__() + 24 + sum(value.__sizeof__() for value in row) for row in sample)
        self._size += block.count * size // max(1, len(sample)) + 8 * len(rows)
        if self._size < self._limit:
            return
        for present, place, owner, timeline in self._present:
            if isinstance(present.rows, list):
                is_whole = present.is_new and present.before is None and present.written is None
                present.rows = (
                    self._write(present.rows, place, owner, timeline) if is_whole else self._put(present.rows)
                )
        self._present.clear()
        self._size = 0

    def _write(self, rows: list[Any], number: int, relation: Relation, line: Timeline) -> WrittenRows:
        growing = self._growing.get(relation)
        if growing is None:
            growing = self._growing[relation] = self._large.growing(line, relation)
        return growing.add(number, rows)

    def _put(self, rows: list[Any]) -> AsideRows:
        with self._lock:
            if self._file is None:
                self._file = self._files.create()
            return AsideRows(self, self._file.write(rows), len(rows))

    def read(self, frame: Frame) -> list[Any]:
        """Return the rows of a frame; the list must not be changed."""
        with self._lock:
            found = self._recent.get(frame)
            if found is None:
                assert self._file is not None
                if len(self._recent) >= RECENT:
                    del self._recent[next(iter(self._recent))]
                found = self._recent[frame] = self._file.read(frame)
            return found

    def close(self) -> None:
        """Delete the files, but for what a commit has taken."""
        for growing in self._growing.values():
            growing.abandon()
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None
                self._recent.clear()
