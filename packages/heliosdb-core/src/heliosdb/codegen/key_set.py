"""Sets of keys, and rows by key, beyond ``work_mem`` that are asked one key at a time: IN (subquery), the rows a
recursion has met, the rows that a nested loop looks up.

What has no room goes to the file as a *run*: pages of keys in the order of their hashes. Of each page only the first
hash stays in memory, and of a run one bit in sixteen a key (a Bloom filter with two hashes), so that most keys that are
in no run read nothing. A key that may be there is looked for in one page of each run; a few pages are remembered.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from heapq import merge
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from heliosdb.codegen.spill import NEVER, Watched
from heliosdb.codegen.spill_joins import JoinOverflow

if TYPE_CHECKING:
    from heliosdb.session.execution import Execution
    from heliosdb.store.temporary import Frame

__all__ = ["KeySet", "KeyedRows"]

PAGE = 64
"""Keys of a page. It is read for one key."""
REMEMBERED = 32
RUNS = 8
"""Runs that are asked one after the other before they become one."""
MIX = 0x9E3779B97F4A7C15
MASK = (1 << 64) - 1
BITS = 16
"""Bits of the filter for a key."""


class _Run:
    """A run: its pages, and what is known of them without reading."""

    __slots__ = ("_filter", "_mask", "count", "firsts", "frames", "number")

    def __init__(self, number: int, expected: int) -> None:
        self.number = number
        self.firsts: list[int] = []
        self.frames: list[Frame] = []
        self.count = 0
        bits = 1 << max(10, (BITS * expected - 1).bit_length())
        self._mask = bits - 1
        self._filter = bytearray(bits >> 3)

    def note(self, code: int) -> None:
        """Take note of a key's hash."""
        for bit in self._places(code):
            self._filter[bit >> 3] |= 1 << (bit & 7)

    def may_have(self, code: int) -> bool:
        """Whether a key with this hash may be in the run."""
        return all(self._filter[bit >> 3] & 1 << (bit & 7) for bit in self._places(code))

    def _places(self, code: int) -> tuple[int, int]:
        # Hashes of integers are the integers: spread them.
        mixed = (code * MIX) & MASK
        return (mixed >> 32) & self._mask, (mixed ^ mixed >> 29) & self._mask

    def pages(self, code: int) -> range:
        """Return the numbers of the pages that may hold a key with this hash."""
        first = max(0, bisect_left(self.firsts, code) - 1)
        return range(first, bisect_right(self.firsts, code))


class _Runs:
    """The runs of one file, and the pages that are remembered. ``key_of`` gives the key of what stands in them."""

    __slots__ = ("_key_of", "_made", "_owner", "_pages", "runs")

    def __init__(self, owner: Watched, key_of: Callable[[Any], Any] | None = None) -> None:
        self._owner = owner
        self._key_of = key_of
        self._made = 0
        self._pages: dict[tuple[int, int], Any] = {}
        self.runs: list[_Run] = []

    def _code(self, item: Any) -> int:
        return hash(item if self._key_of is None else self._key_of(item))

    def candidates(self, key: Any) -> Iterator[Any]:
        """Yield the pages that may hold a key: a set of keys, or a list of what has keys."""
        code = hash(key)
        for run in self.runs:
            if run.may_have(code):
                for number in run.pages(code):
                    yield self._page(run, number)

    def _page(self, run: _Run, number: int) -> Any:
        place = run.number, number
        page = self._pages.get(place)
        if page is None:
            file = self._owner.file
            assert file is not None
            if len(self._pages) >= REMEMBERED:
                del self._pages[next(iter(self._pages))]
            items = file.read(run.frames[number])
            page = self._pages[place] = frozenset(items) if self._key_of is None else items
        return page

    def add(self, items: Collection[Any]) -> None:
        """Put items aside as a run; what was there before stays before it."""
        runs = self.runs
        runs.append(self._written(len(items), iter(sorted(items, key=self._code))))
        if len(runs) >= RUNS:
            # Nearly equal ones become one, so that no key is copied often.
            small = runs[-RUNS + 1 :] if runs[0].count > 4 * runs[1].count else runs[:]
            merged = merge(*(self._owner._read(run.frames) for run in small), key=self._code)
            runs[-len(small) :] = [self._written(sum(run.count for run in small), merged)]

    def _written(self, expected: int, items: Iterator[Any]) -> _Run:
        self._made += 1
        run = _Run(self._made, expected)
        while page := list(islice(items, PAGE)):
            run.firsts.append(self._code(page[0]))
            run.frames.append(self._owner._write(page))
            run.count += len(page)
            for item in page:
                run.note(self._code(item))
        return run


class KeySet(Watched):
    """A set of keys: ``in`` and ``add``, as of a set. Who asks often asks ``held`` first, and the rest where there are
    ``runs``.
    """

    __slots__ = ("_aside", "add", "runs")

    def __init__(self, execution: Execution, node: int = 0) -> None:
        super().__init__(execution, set(), node)
        self.add = self.held.add
        self._aside = _Runs(self)
        self.runs = self._aside.runs

    def __contains__(self, key: Any) -> bool:
        return key in self.held or (bool(self.runs) and any(key in page for page in self._aside.candidates(key)))

    def __len__(self) -> int:
        return len(self.held) + sum(run.count for run in self.runs)

    def __iter__(self) -> Iterator[Any]:
        for run in self.runs:
            yield from self._read(run.frames)
        yield from self.held

    def update(self, keys: Iterable[Any]) -> None:
        """Add many keys."""
        for number, key in enumerate(keys):
            if not number & 255:
                self._look()
            if key not in self:
                self.add(key)

    def _look(self) -> None:
        execution = self._execution
        if execution.cancelled:
            execution.raise_cancelled()

    def relieve(self) -> None:
        """Put the keys aside where they are too many."""
        fits = self._fits()
        if self._has_room(fits):
            return
        self.look = NEVER
        self._aside.add(self.held)
        self.held.clear()
        self.look = self._again(fits)


class KeyedRows(JoinOverflow):
    """Lists of rows by key that are looked up in any order: a dict, and runs of what it had no room for."""

    __slots__ = ("_aside",)

    def __init__(self, execution: Execution, table: dict[Any, list[Any]], node: int = 0) -> None:
        super().__init__(execution, table, "lists", node)
        self._aside = _Runs(self, itemgetter(0))

    def _make_room(self) -> None:
        self._aside.add(list(self._items()))
        self.held.clear()

    def finish(self) -> Callable[[Any, Any], Any]:
        """Return what looks a key up, when the last row has come; its second argument is what it gives for no rows."""
        self.end()
        if not self._aside.runs:
            return self.held.get  # type: ignore[no-any-return]
        self._make_room()
        return self._rows_of

    def _rows_of(self, key: Any, nothing: Any) -> Any:
        return [item[1] for page in self._aside.candidates(key) for item in page if item[0] == key] or nothing
