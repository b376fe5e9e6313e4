"""Ranges of an index as they were at an SCN that is asked for again and again.

    pivots        [      k256      k512      k768      ]      of the longest run of keys
    parts         [ rows | rows    |  -      | rows    ]      filled when a range touches them

What was there at an SCN never changes. Finding it takes a look at the keys of now and at those that rows have lost
since; who asks for the same SCN the third time leaves what he finds, by parts of some 256 keys, and the next reader has
it for a slice of a list. One SCN at a time is kept for each index.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heliosdb.store.btree import BTree
    from heliosdb.store.key_order import KeyOrder, Ordered

__all__ = ["Bounds", "RangesOfThen", "ranges_of_then"]

Bounds = tuple["tuple[Any, ...] | None", "tuple[Any, ...] | None", bool, bool, bool]
"""(low, high, whether low is included, whether high is, descending) of a range."""
Part = tuple[list[Any], "array[int]"]
"""Elements in order, and the rows that have them."""
PART = 256
MOST_AT_ONCE = 8
ASKED = 3
"""Times an SCN is asked for before anything is kept for it."""


class RangesOfThen:
    """See the module. Readers fill it beside each other; what they fill in is the same."""

    __slots__ = ("_table", "asked", "scn")

    def __init__(self, scn: int) -> None:
        self.scn = scn
        self.asked = 1
        self._table: tuple[list[Any], list[Part | None]] | None = None
        """Pivots and parts."""

    def windows(
        self,
        order: KeyOrder,
        orders: Sequence[Ordered],
        bounds: Bounds,
        rows_of: Callable[[list[Any]], list[tuple[Any, int]]],
    ) -> Iterator[Sequence[int]]:
        """Yield the row ids of a range in the order of their keys.

        ``orders`` have all keys that a row may have had; ``rows_of(elements)`` gives the (element, row id) of then.
        """
        low, high, low_inclusive, high_inclusive, descending = bounds
        ends = order.ends(low, high, low_inclusive, high_inclusive)
        if self._table is None:
            longest: Sequence[Any] = max((run for part in orders for run in part.state[0]), key=len, default=())
            made = list(longest[PART::PART])
            self._table = made, [None] * (len(made) + 1)
        pivots, parts = self._table
        first, last = ends(pivots)
        numbers = range(first, last + 1)
        at_once = 1
        while numbers:
            some = numbers[-at_once:] if descending else numbers[:at_once]
            numbers = numbers[:-at_once] if descending else numbers[at_once:]
            at_once = min(2 * at_once, MOST_AT_ONCE)
            found = array("q")
            for number in some:
                part = parts[number]
                if part is None:
                    part = parts[number] = _filled(pivots, number, orders, rows_of)
                elements, row_ids = part
                start, end = ends(elements) if number in (first, last) else (0, len(elements))
                found += row_ids[start:end]
            if found:
                yield found[::-1] if descending else found


def ranges_of_then(tree: BTree, scn: int) -> RangesOfThen | None:
    """Return what is kept of a tree's ranges at an SCN, None where it is not asked for so often."""
    then: RangesOfThen | None = tree.then
    if then is None or then.scn != scn:
        tree.then = RangesOfThen(scn)
        return None
    then.asked += 1
    return then if then.asked >= ASKED else None


def _filled(
    pivots: list[Any],
    number: int,
    orders: Sequence[Ordered],
    rows_of: Callable[[list[Any]], list[tuple[Any, int]]],
) -> Part:
    elements: list[Any] = []
    for order in orders:
        runs, recent = order.state
        for run in (*runs, order.sorted_recent(recent)):
            start = bisect_left(run, pivots[number - 1]) if number else 0
            end = bisect_left(run, pivots[number]) if number < len(pivots) else len(run)
            elements += run[start:end]
    elements.sort()
    found = rows_of([element for place, element in enumerate(elements) if not place or element != elements[place - 1]])
    return [element for element, _ in found], array("q", [row_id for _, row_id in found])
