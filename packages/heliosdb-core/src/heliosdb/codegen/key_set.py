"""Sets of keys beyond ``work_mem`` that are asked one key at a time: IN (subquery), the rows a recursion has met.

What has no room goes to the file as a *run*: pages of keys in the order of their hashes. Of each page only the first
hash stays in memory, and of a run one bit in sixteen a key (a Bloom filter with two hashes), so that most keys that are
in no run read nothing. A key that may be there is looked for in one page of each run; a few pages are remembered.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, Any

from heliosdb.codegen.spill import NEVER, Watched

if TYPE_CHECKING:
    from heliosdb.session.execution import Execution
    from heliosdb.store.temporary import Frame

__all__ = ["KeySet"]

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


class KeySet(Watched):
    """A set of keys: ``in`` and ``add``, as of a set. Who asks often asks ``held`` first, and the rest where there are
    ``runs``.
    """

    __slots__ = ("_made", "_pages", "add", "runs")

    def __init__(self, execution: Execution, node: int = 0) -> None:
        super().__init__(execution, set(), node)
        self.add = self.held.add
        self.runs: list[_Run] = []
        self._made = 0
        self._pages: dict[tuple[int, int], frozenset[Any]] = {}

    def __contains__(self, key: Any) -> bool:
        if key in self.held:
            return True
        if not self.runs:
            return False
        code = hash(key)
        return any(run.may_have(code) and self._is_in(run, code, key) for run in self.runs)

    def _is_in(self, run: _Run, code: int, key: Any) -> bool:
        return any(key in self._page(run, number) for number in run.pages(code))

    def _page(self, run: _Run, number: int) -> frozenset[Any]:
        place = run.number, number
        page = self._pages.get(place)
        if page is None:
            assert self.file is not None
            if len(self._pages) >= REMEMBERED:
                del self._pages[next(iter(self._pages))]
            page = self._pages[place] = frozenset(self.file.read(run.frames[number]))
        return page

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
        held = self.held
        self.runs.append(self._written(len(held), iter(sorted(held, key=hash))))
        held.clear()
        if len(self.runs) >= RUNS:
            # Nearly equal ones become one, so that no key is copied often.
            small = self.runs[-RUNS + 1 :] if self.runs[0].count > 4 * self.runs[1].count else self.runs
            keys = merge(*(self._read(run.frames) for run in small), key=hash)
            merged = self._written(sum(run.count for run in small), keys)
            self.runs[-len(small) :] = [merged]
        self.look = self._again(fits)

    def _written(self, expected: int, keys: Iterator[Any]) -> _Run:
        self._made += 1
        run = _Run(self._made, expected)
        while page := list(islice(keys, PAGE)):
            run.firsts.append(hash(page[0]))
            run.frames.append(self._write(page))
            run.count += len(page)
            for key in page:
                run.note(hash(key))
        return run
