"""Operators that need more than ``work_mem``: what does not fit is put aside in temporary files.

    rows kept       (nested loops, common tables, what is returned) the list is written to the file and emptied whenever
                    it is full; whoever reads it meets the file's rows first                   ``codegen/spool.py``
    sort, windows   the list is sorted and put aside as a *run*; at the end the runs are merged
                                                                                              ``codegen/spill_sort.py``
    groups, sets    when the table is full it takes no new keys: rows of others are put aside, parted by the hash of
                    their key, and each part is worked on afterwards by the same code       ``codegen/spill_groups.py``
    hash joins      a table that is full is put aside, parted by the hash of the key, and begun anew; once anything
                    was, the other side's rows are parted likewise, and part by part the two are joined
                                                                                             ``codegen/spill_joins.py``

A generated function collects into plain lists and dicts and knows nothing of sizes. It polls for cancellation once a
block; there ``Execution`` looks, by one comparison an operator, whether something has grown beyond what was found to
fit. How much fits is estimated from a sample of what is there. So what stays in memory pays a comparison a block.

The files are made, and deleted when the execution ends, by ``store/temporary.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import islice
from sys import getsizeof
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heliosdb.session.execution import Execution
    from heliosdb.store.temporary import Frame, TemporaryRows

__all__ = ["FRAME", "LEAST", "LEAST_BUDGET", "MOST_LINES", "NEVER", "PARTS", "Parts", "Report", "Watched", "size_of"]

SAMPLE = 24
FIRST_LOOK = 256
LEAST = 32
"""Items that are always kept: with fewer, files of tiny pieces would cost more than they save."""
LEAST_BUDGET = 512 * 1024
"""Bytes, likewise: what a smaller ``work_mem`` means, for Python's objects are large."""
PARTS = 16
LEAST_PARTS = 4
NEVER = 1 << 62
MOST_LINES = 60
"""Lines that an operator may write twice, for rows as they come and for those that were put aside."""
FRAME = 512
MEMBERS = 16
"""Members of a large list, set or dict that are looked at to tell its size."""


def size_of(value: Any) -> int:
    """Return roughly what a value takes in memory, with what only it refers to."""
    size = getsizeof(value)
    if isinstance(value, tuple | list | set | frozenset):
        count = len(value)
        if count <= MEMBERS:
            return size + sum(map(size_of, value))
        return size + count * sum(map(size_of, islice(value, MEMBERS))) // MEMBERS
    if isinstance(value, dict):
        return size + (len(value) * sum(map(size_of, islice(value.items(), MEMBERS)))) // min(MEMBERS, len(value) or 1)
    members = getattr(value, "members", None)
    return size if members is None else size + size_of(members)


class Report:
    """What EXPLAIN ANALYZE says of an operator's memory."""

    __slots__ = ("batches", "disk", "memory")

    def __init__(self) -> None:
        self.batches = 1
        self.disk = 0
        self.memory = 0


class Watched:
    """Something that grows while a statement runs. ``look`` is the size at which it is to be looked at.

    ``node`` tells EXPLAIN ANALYZE whose it is (``Pipelines.asked_by``); 0 says that nobody asks.
    """

    __slots__ = ("_budget", "_each", "_execution", "file", "held", "look", "report")

    def __init__(self, execution: Execution, held: Any, node: int = 0) -> None:
        self._execution = execution
        self._budget = 0
        self._each = 1
        """Bytes that an item takes, at the last look."""
        self.file: TemporaryRows | None = None
        """What was put aside; None: nothing yet."""
        self.held = held
        self.look = FIRST_LOOK
        self.report: Report | None = None
        execution.watched.append(self)
        if node:
            self.report = execution.reports.setdefault(node, Report())

    def share(self, part: int) -> None:
        """Take only a part of ``work_mem``: what is made of the rows needs the rest."""
        self._budget = max(LEAST_BUDGET, self._execution.work_mem) // part

    def end(self) -> None:
        """Watch it no longer."""
        watched = self._execution.watched
        if self in watched:
            watched.remove(self)
        if self.report is not None:
            self._note(len(self.held), self._sample())

    def _sample(self) -> list[Any]:
        held = self.held
        items: Collection[Any] = held.items() if isinstance(held, dict) else held
        step = max(1, len(held) // SAMPLE)
        # Of a dict all items up to the last one that is taken have to be gone through.
        return (
            held[::step]
            if isinstance(held, list)
            else list(islice(items, 0, SAMPLE * min(step, FRAME), min(step, FRAME)))
        )

    def _note(self, count: int, sample: list[Any]) -> None:
        if self.report is not None and sample:
            self.report.memory = max(self.report.memory, count * (sum(map(size_of, sample)) // len(sample) + 16))

    def _fits(self, sample: list[Any] | None = None) -> int:
        """Return how many items like these fit."""
        if not self._budget:
            self._budget = max(LEAST_BUDGET, self._execution.work_mem)
        if sample is None:
            sample = self._sample()
        self._note(len(self.held), sample)
        self._each = sum(map(size_of, sample)) // max(1, len(sample)) + 16
        return max(LEAST, self._budget // self._each)

    def _has_room(self, fits: int) -> bool:
        """Whether what is there fits; then it is looked at again when it is full, or twice as large."""
        size = len(self.held)
        if size >= fits:
            return False
        self.look = min(fits, 2 * size)
        return True

    def _again(self, fits: int) -> int:
        """Return when to look at what was emptied: well before it is full, for later items may be larger."""
        return max(LEAST, fits // 4)

    def _parts(self, depth: int, most: int = PARTS) -> Parts:
        """Return where to put rows aside in parts: fewer where there is little room for the rows of each."""
        number = max(LEAST_PARTS, min(most, self._budget // (LEAST * self._each)))
        return Parts(number, depth, self._budget, self._write)

    def _write(self, rows: list[Any]) -> Frame:
        file = self.file
        if file is None:
            file = self.file = self._execution.temporary.create()
        frame = file.write(rows)
        if self.report is not None:
            self.report.disk += frame[1]
        return frame

    def _read(self, frames: list[Frame]) -> Any:
        """Yield the rows of frames."""
        execution, file = self._execution, self.file
        assert file is not None
        for frame in frames:
            if execution.cancelled:
                execution.raise_cancelled()
            yield from file.read(frame)

    def _close(self) -> None:
        if self.file is not None:
            self.file.close()
            self.file = None

    def relieve(self) -> None:
        """Look at the size, and do something about it."""
        raise NotImplementedError


class Parts:
    """Rows on their way to a file, parted by the hash of a key. ``write`` puts a list of rows aside."""

    __slots__ = ("_budget", "_count", "_depth", "_limit", "_rows", "_write", "frames")

    def __init__(self, number: int, depth: int, budget: int, write: Callable[[list[Any]], Frame]) -> None:
        self._depth = depth
        self._budget = budget
        self._write = write
        self._rows: list[list[Any]] = [[] for _ in range(number)]
        self.frames: list[list[Frame]] = [[] for _ in range(number)]
        self._count = 0
        self._limit = LEAST

    def twin(self) -> Parts:
        """Return parts for rows with keys like these."""
        return Parts(len(self._rows), self._depth, self._budget, self._write)

    def put(self, key: Any, row: Any) -> None:
        """Put a row aside."""
        # Each round of parting has another hash. Not of integers: what is parted in round 1 lies apart in round 2.
        number = hash((self._depth, key)) % len(self._rows)
        rows = self._rows[number]
        rows.append(row)
        if len(rows) >= FRAME:
            self._flush(number)
        else:
            self._count += 1
            if self._count >= self._limit:
                self._shrink(rows[-4:])

    def _flush(self, number: int) -> None:
        rows = self._rows[number]
        self._count -= len(rows) - 1
        self.frames[number].append(self._write(rows))
        rows.clear()

    def _shrink(self, sample: list[Any]) -> None:
        """Write what is there where it is more than a quarter of what may be held."""
        fits = max(LEAST, self._budget // 4 // (sum(map(size_of, sample)) // len(sample) + 16))
        if self._count < fits:
            self._limit = min(fits, 2 * self._count)
            return
        most = max(map(len, self._rows))
        for number, rows in enumerate(self._rows):
            if 2 * len(rows) >= most:
                self._flush(number)
        self._count = sum(map(len, self._rows))
        self._limit = max(LEAST, self._count + fits // 4)

    def close(self) -> list[list[Frame]]:
        """Write the rest and return each part's frames."""
        for number, rows in enumerate(self._rows):
            if rows:
                self.frames[number].append(self._write(rows))
        self._rows = []
        return self.frames
