"""The order of an index's keys: a few sorted runs and a short list of recent keys.

    runs      [ k k k k k k k k k k k ]  [ k k k k ]  [ k k ]     immutable, sorted, sizes falling geometrically
    recent    k k k                                               unsorted, append-only

A reader takes both by one reference (``state``), so nothing moves under it. The committer appends to ``recent`` and,
when that is long enough, assigns a new ``state`` with one more run, merging runs of similar size. A key that is no
longer in use stays in its run until a merge leaves it out, and a key may stand in two runs; whoever reads skips the
first and drops repetitions.

Elements are order keys themselves where these are also the keys, else pairs (order key, key).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from heliosdb.encoding.keys import MAX
from heliosdb.store.dense_keys import DenseKeys
from heliosdb.store.run_rows import FEWEST_KEYS, RunRows

__all__ = ["KeyOrder", "Ordered", "Slice", "TakenOrder", "bounds_of_windows"]

RECENT = 512
PIECE = 1 << 16
FIRST_WINDOW = 64
LAST_WINDOW = 1024

State = tuple[tuple[list[Any], ...], list[Any]]
Slice = tuple[Sequence[Any], int, int]
"""A sorted list, and where a range begins and ends in it."""


class Ordered(Protocol):
    """Sorted parts of an index: lists, or what reads like one, and elements that are in none of them yet."""

    @property
    def state(self) -> tuple[tuple[Any, ...], list[Any]]:
        """The sorted parts, and the other elements."""
        ...

    def sorted_recent(self, recent: list[Any]) -> list[Any]:
        """Return these other elements, sorted."""
        ...


class TakenOrder:
    """The sorted parts of an index as they were at one moment."""

    __slots__ = ("_order", "state")

    def __init__(self, order: KeyOrder) -> None:
        self._order = order
        self.state = order.state

    def sorted_recent(self, recent: list[Any]) -> list[Any]:
        """Return these other elements, sorted."""
        return self._order.sorted_recent(recent)


class KeyOrder:
    """The sorted keys of one index. ``add`` is called by one thread at a time; everything else by any."""

    __slots__ = ("_growing", "_sorted_recent", "dense", "known", "paired", "single", "state", "waste")

    def __init__(self, *, paired: bool, single: bool) -> None:
        self.paired = paired
        self.single = single
        """Whether an order key is one value rather than a tuple of them."""
        self.state: State = ((), [])
        self.waste = 0
        """About how many elements belong to keys that nobody has any more, or stand here twice."""
        self._sorted_recent: tuple[list[Any], int, list[Any]] | None = None
        self._growing: DenseKeys | None = None
        self.dense: DenseKeys | None = None
        """The row ids of consecutive keys, where they are very many."""
        self.known: RunRows | None = None
        """The row ids of one run's keys."""

    @property
    def is_known(self) -> bool:
        """Whether anybody has to be told of changes."""
        return self.known is not None or self._growing is not None

    def note_changes(self, elements: Sequence[Any]) -> None:
        """Take note, beforehand, that elements of the order will have other rows."""
        growing = self._growing
        if growing is not None:
            growing.changed.update(elements)
            if self.dense is not None and not growing.is_large:
                self.dense = self._growing = None
        known = self.known
        if known is not None:
            known.changed += elements
            if len(known.changed) > known.most_changes:
                self.known = None

    def note_rows(self, keys: list[Any], row_ids: Sequence[int]) -> None:
        """Take note of the row ids of many new keys."""
        growing = self._growing
        if growing is None and keys[0].__class__ is int and not self.paired and self.single:
            growing = DenseKeys(keys[0])
        if growing is not None and growing.goes_on(keys):
            growing.extend(row_ids)
            self._growing = growing
            if growing.is_large:
                self.dense = growing

    def rows_of(self, run: Sequence[Any]) -> RunRows | None:
        """Return what is to be known of a run's rows; None where it is not the longest, or short."""
        known = self.known
        if known is not None and known.run is run:
            return known
        runs = self.state[0]
        if not runs or runs[0] is not run or len(run) < FEWEST_KEYS:
            return None
        self.known = known = RunRows(runs[0])
        return known

    def add(self, element: Any, in_use: Callable[[Any], bool]) -> None:
        """Take in a new element; ``in_use(key)`` says which old ones to keep when runs are merged."""
        recent = self.state[1]
        recent.append(element)
        if len(recent) >= RECENT:
            self._merge(_distinct(sorted(recent)), in_use)
            self.compact_if_worth(in_use)

    def add_many(self, elements: list[Any], in_use: Callable[[Any], bool]) -> None:
        """Take in many new elements, all different."""
        if len(elements) < RECENT:
            for element in elements:
                self.state[1].append(element)
                if len(self.state[1]) >= RECENT:
                    self._merge(_distinct(sorted(self.state[1])), in_use)
        else:
            if self.state[1]:
                self._merge(_distinct(sorted(self.state[1])), in_use)
            self._merge(_sorted_in_pieces(elements), in_use)
        # Not before all are in: a wasted element whose key is coming back looks used already, and stands here twice
        # soon.
        self.compact_if_worth(in_use)

    def _merge(self, run: list[Any], in_use: Callable[[Any], bool]) -> None:
        runs = list(self.state[0])
        while runs and len(runs[-1]) < 2 * len(run):
            last = runs.pop()
            if last[-1] < run[0]:
                run = last + run
            elif run[-1] < last[0]:
                run = run + last
            else:
                run = last + run
                run.sort()  # two sorted parts: one linear merge
                if self.waste:
                    run = self._without_waste(run, in_use)
        runs.append(run)
        self.state = (tuple(runs), [])

    def compact_if_worth(self, in_use: Callable[[Any], bool]) -> None:
        """Leave waste out where there is much of it."""
        if self.waste > max(RECENT, len(self) // 2):
            self.compact(in_use)

    def _without_waste(self, run: list[Any], in_use: Callable[[Any], bool]) -> list[Any]:
        kept = _distinct(run)
        if self.paired:
            return [element for element in kept if in_use(element[1])] or run[:1]
        return [element for element in kept if in_use(element)] or run[:1]

    def compact(self, in_use: Callable[[Any], bool]) -> None:
        """Merge everything into one run without waste."""
        runs, recent = self.state
        everything = sorted(element for part in (*runs, recent) for element in part)
        self.state = ((self._without_waste(everything, in_use),) if everything else (), [])
        self.waste = 0

    def join(self) -> RunRows | None:
        """Make one run of everything, as after a build: ranges then come from one list, whose rows can be known."""
        runs, recent = self.state
        if len(runs) > 1 or recent:
            everything = [element for part in (*runs, recent) for element in part]
            everything.sort()  # a merge: the parts are sorted
            self.state = ((_distinct(everything) if self.waste or recent else everything,), [])
        runs = self.state[0]
        return self.rows_of(runs[0]) if runs else None

    def __len__(self) -> int:
        runs, recent = self.state
        return sum(map(len, runs)) + len(recent)

    def _cut(self, bound: tuple[Any, ...], after: bool) -> Callable[[Sequence[Any]], int]:
        """Return the function that finds where a run is cut before (or after) all elements with this prefix."""
        if self.single and not self.paired:
            value = bound[0]
            return (lambda run: bisect_right(run, value)) if after else (lambda run: bisect_left(run, value))
        target: Any
        if self.single:
            target = bound + (MAX,) if after else bound
        else:
            target = bound + (MAX,) if after else bound
            if self.paired:
                target = (target,)
        return lambda run: bisect_left(run, target)

    def sorted_recent(self, recent: list[Any]) -> list[Any]:
        """Return the elements that are in no run yet, sorted."""
        size = len(recent)
        cached = self._sorted_recent
        if cached is not None and cached[0] is recent and cached[1] == size:
            return cached[2]
        ordered = _distinct(sorted(recent[:size]))
        self._sorted_recent = (recent, size, ordered)
        return ordered

    def windows(
        self,
        low: tuple[Any, ...] | None,
        high: tuple[Any, ...] | None,
        low_inclusive: bool = True,
        high_inclusive: bool = True,
        descending: bool = False,
        extra: Sequence[Any] = (),
        orders: Sequence[Ordered] = (),
    ) -> Iterator[list[Any]]:
        """Yield growing lists of keys between two bounds, in order and without repetition.

        A bound is a prefix of an order key, None for an open end. ``extra`` are sorted elements to merge in and
        ``orders`` what is to be read in place of this one.
        """
        slices = self.slices(low, high, low_inclusive, high_inclusive, extra, orders)
        return self.windows_of(slices, descending)

    def slices(
        self,
        low: tuple[Any, ...] | None,
        high: tuple[Any, ...] | None,
        low_inclusive: bool = True,
        high_inclusive: bool = True,
        extra: Sequence[Any] = (),
        orders: Sequence[Ordered] = (),
    ) -> list[Slice]:
        """Return the sorted parts that lie between two bounds."""
        parts: list[Sequence[Any]] = [extra]
        for order in orders or (self,):
            runs, recent = order.state
            parts += (*runs, order.sorted_recent(recent))
        ends = self.ends(low, high, low_inclusive, high_inclusive)
        slices: list[Slice] = []
        for run in filter(None, parts):
            start, end = ends(run)
            if start < end:
                slices.append((run, start, end))
        return slices

    def ends(
        self, low: tuple[Any, ...] | None, high: tuple[Any, ...] | None, low_inclusive: bool, high_inclusive: bool
    ) -> Callable[[Sequence[Any]], tuple[int, int]]:
        """Return what finds where a range begins and ends in sorted elements."""
        first = None if low is None else self._cut(low, not low_inclusive)
        last = None if high is None else self._cut(high, high_inclusive)
        return lambda run: (0 if first is None else first(run), len(run) if last is None else last(run))

    def windows_of(self, slices: list[Slice], descending: bool) -> Iterator[list[Any]]:
        """Yield growing lists of keys of such parts, in order and without repetition."""
        merged = self._backward(slices) if descending else self._forward(slices)
        # A run on the volume has a key once for each of its rows.
        repeats = len(slices) > 1 or any(type(run) is not list for run, _, _ in slices)
        previous: Any = None
        for window in merged:
            if repeats:
                unique = list(dict.fromkeys(window)) if not self.paired else _distinct(window)
                if previous is not None and unique and unique[0] == previous[0]:
                    del unique[0]
                if not unique:
                    continue
                window = unique
            previous = (window[-1],)
            yield [element[1] for element in window] if self.paired else window

    @staticmethod
    def _forward(slices: list[Slice]) -> Iterator[list[Any]]:
        size = FIRST_WINDOW
        while slices:
            if len(slices) == 1:
                run, start, end = slices[0]
                while start < end:
                    yield list(run[start : min(end, start + size)])
                    start += size
                    size = min(2 * size, LAST_WINDOW)
                return
            # Everything up to the smallest of the runs' next window ends can be given out.
            step = max(8, size // len(slices))
            pivot = min(run[min(end, start + step) - 1] for run, start, end in slices)
            window: list[Any] = []
            left = []
            for run, start, end in slices:
                cut = bisect_right(run, pivot, start, end)
                window += run[start:cut]
                if cut < end:
                    left.append((run, cut, end))
            window.sort()
            slices = left
            size = min(2 * size, LAST_WINDOW)
            yield window

    @staticmethod
    def _backward(slices: list[Slice]) -> Iterator[list[Any]]:
        size = FIRST_WINDOW
        while slices:
            step = max(8, size // len(slices))
            pivot = max(run[max(start, end - step)] for run, start, end in slices)
            window: list[Any] = []
            left = []
            for run, start, end in slices:
                cut = bisect_left(run, pivot, start, end)
                window += run[cut:end]
                if start < cut:
                    left.append((run, start, cut))
            window.sort(reverse=True)
            slices = left
            size = min(2 * size, LAST_WINDOW)
            yield window


def bounds_of_windows(start: int, end: int, descending: bool) -> Iterator[tuple[int, int]]:
    """Yield where growing windows of a part begin and end."""
    size = FIRST_WINDOW
    while start < end:
        if descending:
            first = max(start, end - size)
            yield first, end
            end = first
        else:
            last = min(end, start + size)
            yield start, last
            start = last
        size = min(2 * size, LAST_WINDOW)


def _sorted_in_pieces(elements: list[Any]) -> list[Any]:
    """Sort a long list in calls of bounded length, so that other threads get their turn."""
    pieces = [sorted(elements[start : start + PIECE]) for start in range(0, len(elements), PIECE)]
    while len(pieces) > 1:
        merged = []
        for place in range(0, len(pieces), 2):
            both = pieces[place] + (pieces[place + 1] if place + 1 < len(pieces) else [])
            both.sort()
            merged.append(both)
        pieces = merged
    return pieces[0]


def _distinct(window: list[Any]) -> list[Any]:
    """Return sorted elements without repetitions."""
    result = window[:1]
    for element in window:
        if element is not result[-1] and element != result[-1]:
            result.append(element)
    return result
