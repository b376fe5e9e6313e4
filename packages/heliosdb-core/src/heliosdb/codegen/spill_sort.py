"""External sorting: the list that a sort collects in, and the runs that were put aside when it was full."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cmp_to_key, partial
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, Any

from heliosdb.codegen.spill import FRAME, NEVER, Watched
from heliosdb.sorting import sort_rows

if TYPE_CHECKING:
    from heliosdb.session.execution import Execution
    from heliosdb.store.temporary import Frame

__all__ = ["FAN_IN", "Passes", "SortRuns", "sorted_rows"]

FAN_IN = 32
"""Runs that are merged at once: each has a frame in memory."""
LEAST_FRAME = 8

Passes = tuple[tuple[Callable[[Any], Any], bool], ...]
"""Sort keys and whether each runs backwards, the least important first: a stable sort by each, in this order, sorts."""


class SortRuns(Watched):
    """The list that a sort collects in, and the runs of it. ``passes`` say how it is sorted."""

    __slots__ = ("_frame", "_key", "_passes", "_reverse", "_runs")

    def __init__(self, execution: Execution, rows: list[Any], passes: Passes, node: int = 0) -> None:
        super().__init__(execution, rows, node)
        self._passes = passes
        self._key: Callable[[Any], Any] = passes[0][0]
        self._reverse = passes[0][1]
        if len(passes) > 1:
            self._key, self._reverse = cmp_to_key(partial(_compare, passes)), False
        self._frame = FRAME
        self._runs: list[list[list[Frame]]] = [[]]
        """Runs by how often they have been merged."""

    def relieve(self) -> None:
        """Put the list aside where it is full."""
        rows = self.held
        fits = self._fits()
        if self._has_room(fits):
            return
        # Merging polls, and must not come here again.
        self.look = NEVER
        self.sort()
        # A frame of each run that is merged is in memory.
        size = self._frame = max(LEAST_FRAME, min(FRAME, fits // FAN_IN))
        self._add(0, [self._write(rows[start : start + size]) for start in range(0, len(rows), size)])
        # The function goes on appending to the same list.
        rows.clear()
        self.look = self._again(fits)

    def sort(self) -> None:
        """Sort the list as it is now."""
        for key, reverse in self._passes:
            sort_rows(self.held, key, reverse)

    def _add(self, level: int, run: list[Frame]) -> None:
        if level == len(self._runs):
            self._runs.append([])
        runs = self._runs[level]
        runs.append(run)
        if len(runs) < FAN_IN:
            return
        merged = self._merged([self._read(frames) for frames in runs])
        frames = self._run(merged)
        runs.clear()
        self._add(level + 1, frames)

    def _run(self, rows: Iterator[Any]) -> list[Frame]:
        frames = []
        while piece := list(islice(rows, self._frame)):
            frames.append(self._write(piece))
        return frames

    def _merged(self, sources: list[Iterator[Any]]) -> Iterator[Any]:
        return merge(*sources, key=self._key, reverse=self._reverse)

    def rows(self, top: int | None = None) -> Any:
        """Return everything (or the first rows) in order, when the input has ended: the list, or the runs merged."""
        self.end()
        self.sort()
        if self.file is None:
            if top is not None:
                del self.held[top:]
            return self.held
        if self.report is not None:
            self.report.batches = sum(map(len, self._runs)) + 1
        return islice(self._all(), top)

    def _all(self) -> Iterator[Any]:
        # Older rows first, so that equal keys keep the order in which they came.
        runs = [run for level in reversed(self._runs) for run in level]
        while len(runs) > FAN_IN:
            # Of the longest first, as they are the oldest.
            first = self._merged([self._read(frames) for frames in runs[:FAN_IN]])
            runs[:FAN_IN] = [self._run(first)]
        try:
            yield from self._merged([*(self._read(frames) for frames in runs), iter(self.held)])
        finally:
            self._close()


def _compare(passes: Passes, left: Any, right: Any) -> int:
    for key, reverse in reversed(passes):
        a, b = key(left), key(right)
        if a < b:
            return 1 if reverse else -1
        if b < a:
            return -1 if reverse else 1
    return 0


def sorted_rows(execution: Execution, rows: Iterable[Any], passes: Passes) -> Iterable[Any]:
    """Return rows in order, however many they are."""
    held: list[Any] = []
    runs = SortRuns(execution, held, passes)
    for row in rows:
        held.append(row)
        if len(held) >= runs.look:
            runs.relieve()
    return runs.rows()  # type: ignore[no-any-return]
