"""Operators that need more than ``work_mem``: what does not fit goes to a temporary file.

    sort        the list is sorted and put aside as a *run* whenever it is full; at the end the runs are merged
    GROUP BY    when the table of groups is full it takes no new groups: rows of others are put aside, parted by the
                hash of their key, and each part is grouped afterwards by the same code
    DISTINCT    the same, without states
    hash join   a table that is full is put aside, parted by the hash of the key, and begun anew; once anything was,
                the other side's rows are parted likewise, and part by part the two are joined

A generated function collects into plain lists and dicts and knows nothing of sizes. It polls for cancellation once a
block; there ``Execution`` looks, by one comparison an operator, whether something has grown beyond what was found to
fit. How much fits is estimated from a sample of what is there. So what stays in memory pays a comparison a block.

The file has no name, or is deleted when it is closed, which at the latest happens with the execution. Its format is
``encoding/frames.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cmp_to_key, partial
from heapq import merge
from itertools import islice
from sys import getsizeof
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from heliosdb.encoding.frames import Frames

if TYPE_CHECKING:
    from heliosdb.session.execution import Execution

__all__ = ["MOST_LINES", "NO_OVERFLOW", "GroupOverflow", "JoinOverflow", "SortRuns", "TemporaryRows"]

SAMPLE = 24
FIRST_LOOK = 512
LEAST = 256
"""Items that are always kept: with fewer, files of tiny pieces would cost more than they save."""
FAN_IN = 32
"""Runs that are merged at once: each has a frame in memory."""
PARTS = 16
JOIN_PARTS = 64
"""Parts of a join, which are not parted again."""
NEVER = 1 << 62
MOST_LINES = 60
"""Lines that an operator may write twice, for rows as they come and for those that were put aside."""
FRAME = 512
LEAST_FRAME = 32

Frame = tuple[int, int]
"""Offset and length in the file."""


class TemporaryRows:
    """A temporary file of frames; made by the first write."""

    def __init__(self) -> None:
        self._file: Any = None
        self._end = 0
        self._frames = Frames()

    def write(self, rows: list[Any]) -> Frame:
        """Put rows aside."""
        if self._file is None:
            self._file = TemporaryFile(prefix="heliosdb-")  # noqa: SIM115 - lives as long as the execution
        data = self._frames.encode(rows)
        self._file.seek(self._end)
        self._file.write(data)
        frame = self._end, len(data)
        self._end += len(data)
        return frame

    def read(self, frame: Frame) -> list[Any]:
        """Return the rows of a frame."""
        offset, length = frame
        self._file.seek(offset)
        return self._frames.decode(self._file.read(length))

    def close(self) -> None:
        """Delete the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def size_of(value: Any) -> int:
    """Return roughly what a value takes in memory, with what only it refers to."""
    size = getsizeof(value)
    if isinstance(value, tuple | list):
        size += sum(map(size_of, value))
    return size


class _Watched:
    """Something that grows while a statement runs. ``look`` is the size at which it is to be looked at."""

    __slots__ = ("_budget", "_execution", "held", "look")

    def __init__(self, execution: Execution, held: Any) -> None:
        self._execution = execution
        self._budget = 0
        self.held = held
        self.look = FIRST_LOOK
        execution.watched.append(self)

    def end(self) -> None:
        """Watch it no longer."""
        watched = self._execution.watched
        if self in watched:
            watched.remove(self)

    def _fits(self, sample: list[Any]) -> int:
        """Return how many items like these fit."""
        if not self._budget:
            self._budget = self._execution.work_mem
        each = sum(map(size_of, sample)) // max(1, len(sample)) + 16
        return max(LEAST, self._budget // each)

    def relieve(self) -> None:
        """Look at the size, and do something about it."""
        raise NotImplementedError


Passes = tuple[tuple[Callable[[Any], Any], bool], ...]
"""Sort keys and whether each runs backwards, the least important first: a stable sort by each, in this order, sorts."""


class SortRuns(_Watched):
    """The list that a sort collects in, and the runs of it that were put aside. ``passes`` say how it is sorted."""

    __slots__ = ("_file", "_frame", "_key", "_passes", "_reverse", "_runs")

    def __init__(self, execution: Execution, rows: list[Any], passes: Passes) -> None:
        super().__init__(execution, rows)
        self._passes = passes
        self._key: Callable[[Any], Any] = passes[0][0]
        self._reverse = passes[0][1]
        if len(passes) > 1:
            self._key, self._reverse = cmp_to_key(partial(_compare, passes)), False
        self._frame = FRAME
        self._file: TemporaryRows | None = None
        self._runs: list[list[list[Frame]]] = [[]]
        """Runs by how often they have been merged."""

    def relieve(self) -> None:
        """Put the list aside where it is full."""
        rows = self.held
        fits = self._fits(rows[:: max(1, len(rows) // SAMPLE)])
        if len(rows) < fits:
            self.look = min(fits, 2 * len(rows))
            return
        # Merging polls, and must not come here again.
        self.look = NEVER
        self._sort()
        if self._file is None:
            self._file = TemporaryRows()
        # A frame of each run that is merged is in memory.
        size = self._frame = max(LEAST_FRAME, min(FRAME, fits // FAN_IN))
        self._add(0, [self._file.write(rows[start : start + size]) for start in range(0, len(rows), size)])
        # The function goes on appending to the same list.
        rows.clear()
        self.look = fits

    def _sort(self) -> None:
        for key, reverse in self._passes:
            self.held.sort(key=key, reverse=reverse)

    def _add(self, level: int, run: list[Frame]) -> None:
        if level == len(self._runs):
            self._runs.append([])
        runs = self._runs[level]
        runs.append(run)
        if len(runs) < FAN_IN:
            return
        merged = self._merged([self._read(frames) for frames in runs])
        assert self._file is not None
        frames = []
        while piece := list(islice(merged, self._frame)):
            frames.append(self._file.write(piece))
        runs.clear()
        self._add(level + 1, frames)

    def _read(self, frames: list[Frame]) -> Iterator[Any]:
        execution, file = self._execution, self._file
        assert file is not None
        for frame in frames:
            if execution.cancelled:
                execution.raise_cancelled()
            yield from file.read(frame)

    def _merged(self, sources: list[Iterator[Any]]) -> Iterator[Any]:
        return merge(*sources, key=self._key, reverse=self._reverse)

    def rows(self) -> Any:
        """Return everything in order, when the input has ended: the list itself, or the runs merged."""
        self.end()
        self._sort()
        if self._file is None:
            return self.held
        return self._all()

    def _all(self) -> Iterator[Any]:
        assert self._file is not None
        # Older rows first, so that equal keys keep the order in which they came.
        runs = [self._read(frames) for level in reversed(self._runs) for frames in level]
        try:
            yield from self._merged([*runs, iter(self.held)])
        finally:
            self._file.close()


def _compare(passes: Passes, left: Any, right: Any) -> int:
    for key, reverse in reversed(passes):
        a, b = key(left), key(right)
        if a < b:
            return 1 if reverse else -1
        if b < a:
            return -1 if reverse else 1
    return 0


class _NoOverflow:
    """Stands for an overflow that never comes."""

    is_full = False


NO_OVERFLOW = _NoOverflow()


class GroupOverflow(_Watched):
    """The dict of groups (of DISTINCT the set of keys), and the rows of groups that it has no room for."""

    __slots__ = ("_depth", "_file", "_frames", "_parts", "_pending", "is_full")

    def __init__(self, execution: Execution, groups: dict[Any, Any] | set[Any]) -> None:
        super().__init__(execution, groups)
        self.is_full = False
        self._file: TemporaryRows | None = None
        self._depth = 0
        self._parts: list[list[Any]] = []
        self._frames: list[list[Frame]] = []
        self._pending: list[tuple[int, list[Frame]]] = []

    def relieve(self) -> None:
        """Take no more groups where the dict is full."""
        if self.is_full:
            return
        groups = self.held
        items = groups.items() if isinstance(groups, dict) else groups
        fits = self._fits(list(islice(items, 0, None, max(1, len(groups) // SAMPLE))))
        if len(groups) < fits:
            self.look = min(fits, 2 * len(groups))
            return
        self.is_full = True
        self.look = NEVER
        self._parts = [[] for _ in range(PARTS)]
        self._frames = [[] for _ in range(PARTS)]
        if self._file is None:
            self._file = TemporaryRows()

    def put(self, key: Any, row: Any) -> None:
        """Put a row of a group aside that is not in the dict."""
        number = hash((self._depth, key)) % PARTS
        part = self._parts[number]
        part.append(row)
        if len(part) >= FRAME:
            assert self._file is not None
            self._frames[number].append(self._file.write(part))
            part.clear()

    def next(self) -> Iterator[Any] | None:
        """Empty the dict and return the rows of the next part, when the groups so far have gone on; None at the end."""
        self._close_parts()
        if not self._pending:
            self.end()
            if self._file is not None:
                self._file.close()
            return None
        depth, frames = self._pending.pop()
        self._depth = depth
        self.held.clear()
        self.is_full = False
        self.look = FIRST_LOOK
        return self._read(frames)

    def _close_parts(self) -> None:
        if not self._parts:
            return
        assert self._file is not None
        for part, frames in zip(self._parts, self._frames):
            if part:
                frames.append(self._file.write(part))
            if frames:
                self._pending.append((self._depth + 1, frames))
        self._parts = self._frames = []

    def _read(self, frames: list[Frame]) -> Iterator[Any]:
        execution, file = self._execution, self._file
        assert file is not None
        for frame in frames:
            if execution.cancelled:
                execution.raise_cancelled()
            yield from file.read(frame)


class JoinOverflow(_Watched):
    """The table of a hash join, and what it had no room for.

    ``held`` is a dict of packed rows (``form`` "unique"), of lists of them ("lists"), or a set of keys ("keys").
    """

    __slots__ = ("_file", "_form", "_left", "_left_rows", "_right")

    def __init__(self, execution: Execution, table: Any, form: str) -> None:
        super().__init__(execution, table)
        self._form = form
        self._file: TemporaryRows | None = None
        self._right: list[list[Frame]] = []
        self._left: list[list[Frame]] = []
        self._left_rows: list[list[Any]] = []

    def relieve(self) -> None:
        """Put the table aside where it is full."""
        table = self.held
        items = table if self._form == "keys" else table.items()
        fits = self._fits(list(islice(items, 0, None, max(1, len(table) // SAMPLE))))
        if len(table) < fits:
            self.look = min(fits, 2 * len(table))
            return
        self._put_aside()
        self.look = fits

    def _put_aside(self) -> None:
        if self._file is None:
            self._file = TemporaryRows()
            self._right = [[] for _ in range(JOIN_PARTS)]
            self._left = [[] for _ in range(JOIN_PARTS)]
            self._left_rows = [[] for _ in range(JOIN_PARTS)]
        parts: list[list[Any]] = [[] for _ in range(JOIN_PARTS)]
        if self._form == "keys":
            for key in self.held:
                parts[hash(key) % JOIN_PARTS].append(key)
        elif self._form == "unique":
            for item in self.held.items():
                parts[hash(item[0]) % JOIN_PARTS].append(item)
        else:
            for key, rows in self.held.items():
                parts[hash(key) % JOIN_PARTS] += [(key, row) for row in rows]
        for part, frames in zip(parts, self._right):
            frames += [self._file.write(part[start : start + FRAME]) for start in range(0, len(part), FRAME)]
        self.held.clear()

    def end_build(self) -> bool:
        """Return whether the other side's rows have to be parted, when the table's input has ended."""
        self.end()
        if self._file is None:
            return False
        self._put_aside()
        return True

    def put(self, key: Any, row: Any) -> None:
        """Put a row of the other side aside."""
        number = hash(key) % JOIN_PARTS
        rows = self._left_rows[number]
        rows.append(row)
        if len(rows) >= FRAME:
            assert self._file is not None
            self._left[number].append(self._file.write(rows))
            rows.clear()

    def parts(self) -> Iterator[Iterator[Any]]:
        """Fill the table with one part after the other, and yield the other side's rows that belong to it."""
        file, table = self._file, self.held
        assert file is not None
        for number in range(JOIN_PARTS):
            table.clear()
            for frame in self._right[number]:
                rows = file.read(frame)
                if self._form == "lists":
                    for key, row in rows:
                        table.setdefault(key, []).append(row)
                else:
                    table.update(rows)
            yield self._rows(number)
        file.close()

    def _rows(self, number: int) -> Iterator[Any]:
        execution, file = self._execution, self._file
        assert file is not None
        for frame in self._left[number]:
            if execution.cancelled:
                execution.raise_cancelled()
            yield from file.read(frame)
        yield from self._left_rows[number]
