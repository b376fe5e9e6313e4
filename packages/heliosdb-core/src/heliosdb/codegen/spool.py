"""Rows kept in the order in which they came, beyond ``work_mem`` in a temporary file.

Spool      watches the list that generated code appends to; what was put aside comes first
Spooled    what is read then, as often as wanted and from any place: a sequence like the list it stands for
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from heliosdb.codegen.spill import FRAME, NEVER, Watched

if TYPE_CHECKING:
    from heliosdb.session.execution import Execution
    from heliosdb.store.temporary import Frame, TemporaryRows

__all__ = ["Spool", "Spooled", "blocks_of"]

RECENT = 4
"""Frames of a sequence that stay in memory."""


class Spooled(Sequence[Any]):
    """Rows in a file, and the last ones in memory. It is never changed."""

    __slots__ = ("_execution", "_file", "_frames", "_last", "_recent", "_starts")

    def __init__(
        self, execution: Execution, file: TemporaryRows, frames: list[Frame], starts: list[int], last: list[Any]
    ) -> None:
        self._execution = execution
        self._file = file
        self._frames = frames
        self._starts = starts
        """The number of each frame's first row, and of the first one in memory."""
        self._last = last
        self._recent: dict[int, list[Any]] = {}

    def __len__(self) -> int:
        return self._starts[-1] + len(self._last)

    def __iter__(self) -> Iterator[Any]:
        execution = self._execution
        for frame in self._frames:
            if execution.cancelled:
                execution.raise_cancelled()
            yield from self._file.read(frame)
        yield from self._last

    def blocks(self) -> Iterator[list[Any]]:
        """Yield the rows in lists."""
        for frame in self._frames:
            yield self._file.read(frame)
        if self._last:
            yield self._last

    @overload
    def __getitem__(self, place: int) -> Any: ...

    @overload
    def __getitem__(self, place: slice) -> list[Any]: ...

    def __getitem__(self, place: int | slice) -> Any:
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(len(self)))]
        starts = self._starts
        if place < 0:
            place += len(self)
        if place >= starts[-1]:
            return self._last[place - starts[-1]]
        number = bisect_right(starts, place) - 1
        rows = self._recent.get(number)
        if rows is None:
            if len(self._recent) >= RECENT:
                del self._recent[next(iter(self._recent))]
            rows = self._recent[number] = self._file.read(self._frames[number])
        return rows[place - starts[number]]

    def close(self) -> None:
        """Delete the file, where nobody reads it any more."""
        self._file.close()


class Spool(Watched):
    """The list that generated code collects rows in, and what of it was put aside."""

    __slots__ = ("_frames", "_read_back", "_starts", "_without")

    def __init__(self, execution: Execution, rows: list[Any], node: int = 0, *, without: int | None = None) -> None:
        """``without``: the item of each row that is left out, and comes back as None."""
        super().__init__(execution, rows, node)
        self._without = without
        self._read_back: Spooled | None = None
        self._frames: list[Frame] = []
        self._starts = [0]

    def relieve(self) -> None:
        """Put the list aside where it is full."""
        fits = self._fits()
        if self._has_room(fits):
            return
        self.put_aside(fits)
        self.look = self._again(fits)

    def put_aside(self, fits: int = 4 * FRAME) -> None:
        """Write the rows of the list and empty it. The function goes on appending to the same list."""
        self.look = NEVER
        rows = self.held
        # Frames that are read again stay small beside what may be held.
        size = max(1, min(FRAME, fits // 8))
        for start in range(0, len(rows), size):
            piece = rows[start : start + size]
            out = self._without
            if out is not None:
                piece = [(*row[:out], None, *row[out + 1 :]) for row in piece]
            self._frames.append(self._write(piece))
            self._starts.append(self._starts[-1] + len(piece))
        rows.clear()

    def rows(self) -> Sequence[Any]:
        """Return all rows, when the last has come: the list itself, or what stands for it."""
        self.end()
        return self._taken()

    def __len__(self) -> int:
        return self._starts[-1] + len(self.held)

    def __getitem__(self, place: int) -> Any:
        """Return a row while others may still come."""
        kept = self._starts[-1]
        if place >= kept:
            return self.held[place - kept]
        if self._read_back is None or len(self._read_back) != kept:
            assert self.file is not None
            self._read_back = Spooled(self._execution, self.file, self._frames, self._starts, [])
        return self._read_back[place]

    def forget(self, count: int) -> int:
        """Forget up to so many of the first rows, as they will not be asked for again; return how many."""
        kept = self._starts[-1]
        if count < kept:
            # What is in the file stays there until all of it may go.
            return 0
        if self.file is not None:
            self._close()
            self._read_back = None
            self._frames.clear()
            self._starts[:] = [0]
        del self.held[: count - kept]
        return count

    def filled(self, rows: Iterable[Any]) -> Spooled:
        """Put all of some rows aside."""
        self.end()
        held = self.held
        most = FRAME
        for row in rows:
            held.append(row)
            if len(held) >= most:
                most = max(FRAME, min(8 * FRAME, self._fits() // 16))
                self.put_aside(self._fits())
        if self.file is None:
            self.file = self._execution.temporary.create()
        return Spooled(self._execution, self.file, self._frames, self._starts, held)

    def turn(self, fresh: list[Any]) -> Sequence[Any]:
        """Return the rows so far and go on with another list."""
        taken = self._taken()
        self.file = None
        self._frames, self._starts = [], [0]
        self.held = fresh
        return taken

    def _taken(self) -> Sequence[Any]:
        if self.file is None:
            rows: list[Any] = self.held
            return rows
        if self.report is not None:
            self.report.batches = max(self.report.batches, len(self._frames))
        return Spooled(self._execution, self.file, self._frames, self._starts, self.held)


def blocks_of(rows: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """Return kept rows as lists: the one they are, or one after the other from the file."""
    return rows.blocks() if isinstance(rows, Spooled) else (rows,)
