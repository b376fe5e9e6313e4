"""The part of an index that stands in runs on the volume, oldest first.

    run         sorted entries (element, row id) of what was entered between two checkpoints
                (element, ~row id): that row has the key no more

A key that a row had stays in the older run; so what a look-up finds is a superset, and who looks checks the key on the
row that he sees, as ever. Merging leaves out what a newer run has taken back.

    complete    the index's tree holds every entry; runs are only written      small, new and busy indexes
    in part     the tree holds what came since the last checkpoint, and the runs are beyond it       the others
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, groupby
from operator import itemgetter
from threading import Lock
from typing import TYPE_CHECKING, Any, overload

from heliosdb.store.block import BLOCK_BITS, SLOT_MASK
from heliosdb.store.index_run import IndexRun, merge

if TYPE_CHECKING:
    from heliosdb.store.index_run import Entry
    from heliosdb.store.timeline_index import TimelineIndex

__all__ = ["IndexRuns", "PageCache", "current_and_past", "merged_entries", "without_gone"]


class PageCache:
    """Decoded pages of runs, the most recently used within a number of bytes."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.size = 0
        self._pages: OrderedDict[Any, tuple[Any, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Any) -> Any:
        """Return what was put under a key, or None."""
        found = self._pages.get(key)
        if found is None:
            return None
        try:
            self._pages.move_to_end(key)
        except KeyError:
            pass  # evicted just now
        return found[0]

    def put(self, key: Any, value: Any, weight: int) -> None:
        """Keep a value that takes about so many bytes, for as long as there is room."""
        with self._lock:
            before = self._pages.pop(key, None)
            self.size += weight - (0 if before is None else before[1])
            self._pages[key] = (value, weight)
            while self.size > self.capacity and len(self._pages) > 1:
                _, (_, gone) = self._pages.popitem(last=False)
                self.size -= gone


class RunElements(Sequence[Any]):
    """The elements of a run as one long list, of which only the pages that are asked for are read."""

    def __init__(self, run: IndexRun) -> None:
        self._run = run
        self._starts = array("q", accumulate(run.page_counts(), initial=0))

    def __len__(self) -> int:
        return self._starts[-1]

    @overload
    def __getitem__(self, place: int) -> Any: ...

    @overload
    def __getitem__(self, place: slice) -> list[Any]: ...

    def __getitem__(self, place: int | slice) -> Any:
        starts = self._starts
        if isinstance(place, int):
            if place < 0:
                place += starts[-1]
            if not 0 <= place < starts[-1]:
                raise IndexError(place)
            number = bisect_right(starts, place) - 1
            return self._run.page(number)[0][place - starts[number]]
        first, end, _ = place.indices(starts[-1])
        found: list[Any] = []
        if first < end:
            for number in range(bisect_right(starts, first) - 1, bisect_right(starts, end - 1)):
                start = starts[number]
                found += self._run.page(number)[0][max(0, first - start) : end - start]
        return found


class RunOrder:
    """What ``KeyOrder`` merges in from elsewhere."""

    def __init__(self, parts: tuple[RunElements, ...]) -> None:
        self.state: tuple[tuple[Any, ...], list[Any]] = (parts, [])

    def sorted_recent(self, recent: list[Any]) -> list[Any]:
        """Return the elements that are in no run: none."""
        return recent

    def __bool__(self) -> bool:
        return bool(self.state[0])


class IndexRuns:
    """The runs of one index in one timeline; ``parent`` is the parent timeline's index. Never changed: replaced."""

    def __init__(
        self,
        runs: Iterable[IndexRun],
        parent: TimelineIndex | None = None,
        wake: Callable[[], None] = lambda: None,
        order_of: Callable[[Any], Any] | None = None,
    ) -> None:
        """``wake`` is called from time to time by those who ask: somebody should look at ``asked``. ``order_of``: the
        elements are pairs of what this gives of a key, and the key."""
        self.runs = tuple(runs)
        self.wake = wake
        self._order_of = order_of
        self.parent = parent
        self._order: RunOrder | None = None
        self.asked = 0
        """Look-ups so far: where they are many the entries had better be in memory."""

    @property
    def order(self) -> RunOrder:
        """The keys in order."""
        self.asked += 64  # as many as the first window of a range
        if not self.asked & 960:
            self.wake()
        found = self._order
        if found is None:
            found = self._order = RunOrder(tuple(map(RunElements, self.runs)))
        return found

    def __len__(self) -> int:
        return sum(map(len, self.runs))

    @property
    def beyond(self) -> TimelineIndex | None:
        """The parent timeline's index."""
        return self.parent

    def own_row_ids(self, key: Any) -> list[int]:
        """Return the row ids that may have a key, at whatever SCN; the parent has others."""
        found: list[int] = []
        self.asked = asked = self.asked + 1
        if not asked & 1023:
            self.wake()
        element = key if self._order_of is None else (self._order_of(key), key)
        for run in self.runs:
            found += [row_id for row_id in run.row_ids(element) if row_id >= 0]
        return found

    def has_none_of(self, keys: Collection[Any]) -> bool:
        """Whether surely no row has one of many keys: they all lie before or behind what the runs hold."""
        order_of = self._order_of
        elements = keys if order_of is None else [(order_of(key), key) for key in keys]
        least, greatest = min(elements), max(elements)
        return all(not len(run) or greatest < run.low or run.high < least for run in self.runs)


def merged_entries(runs: Sequence[IndexRun], *, is_last: bool, history: bool = False) -> Iterator[Entry]:
    """Yield the entries of runs that follow one another, without those that were taken back.

    A row gets and loses a key in turns, so the sum over all runs says what is left. ``is_last``: nothing is older, so
    that what was taken back need not be remembered either. ``history``: what was entered and taken back comes as
    both, and whoever reads an older state finds it.
    """
    element: Any = _NOTHING
    row_ids: list[int] = []
    for entry in merge(runs, distinct=False):
        if entry[0] != element:
            if len(row_ids) == 1 and row_ids[0] >= 0:
                yield element, row_ids[0]
            elif row_ids:
                yield from _left(element, row_ids, is_last, history)
            element, row_ids = entry[0], [entry[1]]
        else:
            row_ids.append(entry[1])
    yield from _left(element, row_ids, is_last, history)


def without_gone(entries: Iterable[Entry], gone: Mapping[int, bytes], *, history: bool) -> Iterator[Entry]:
    """Yield all entries of an index but those of rows that are gone, given by block, a byte a slot. ``history``: these
    come as taken back, and whoever reads an older state finds them."""

    def is_gone(row_id: int) -> bool:
        slots, slot = gone.get(row_id >> BLOCK_BITS), row_id & SLOT_MASK
        return slots is not None and slot < len(slots) and slots[slot] == 1

    for element, group in groupby(entries, itemgetter(0)):
        row_ids = [row_id for _, row_id in group]
        lost = {row_id for row_id in row_ids if is_gone(row_id if row_id >= 0 else ~row_id)}
        if lost and history:
            row_ids = sorted({*row_ids, *(~row_id for row_id in lost if row_id >= 0)})
        elif lost:
            row_ids = [row_id for row_id in row_ids if row_id not in lost]
        for row_id in row_ids:
            yield element, row_id


def current_and_past(runs: Sequence[IndexRun], past: list[tuple[int, Any, int]], scn: int) -> Iterator[tuple[Any, int]]:
    """Yield the entries that rows have now, and collect (SCN, element, row id) of those that they had.

    When an entry was taken back runs do not say: not after ``scn``.
    """
    element: Any = _NOTHING
    gone: set[int] = set()
    for entry in merged_entries(runs, is_last=True, history=True):
        if entry[0] != element:
            element = entry[0]
            gone.clear()
        row_id = entry[1]
        if row_id < 0:
            gone.add(~row_id)
            past.append((scn, element, ~row_id))
        elif row_id not in gone:
            yield entry


class _Nothing:
    """Equal to no element."""

    __slots__ = ()


_NOTHING = _Nothing()


def _left(element: Any, row_ids: Sequence[int], is_last: bool, history: bool) -> Iterator[Entry]:
    """Yield what is left of one element's entries, in order."""
    balance: dict[int, int] = {}
    for number in row_ids:
        row_id = number if number >= 0 else ~number
        balance[row_id] = balance.get(row_id, 0) + (1 if number >= 0 else -1)
    left = [
        row_id if count > 0 else ~row_id for row_id, count in balance.items() if count > 0 or (count and not is_last)
    ]
    if history and len(balance) < len(row_ids):
        for row_id, count in balance.items():
            if not count:
                left += (~row_id, row_id)
    for row_id in sorted(left):
        yield element, row_id
