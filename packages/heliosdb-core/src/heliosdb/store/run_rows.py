"""Which rows have the keys of a sorted run: the row ids beside the keys, in the run's order.

    run        [ k0  k1  k2  k3 ... ]          immutable
    row_ids    [ 17   4  -1   9 ... ]          -1: none or several, ask ``current``
    filled     [ 1           2  ... ]          one for 64 keys: 0 not asked yet, 1 all have one row, 2 some have not
    changed    [ k9 ]                          keys of which that may be true no more, in the order of their changes

A range then costs one look-up where its keys lie, not one in a hash table for each key; in a large table neither that
nor the key is in the processor's cache. It is filled by whoever reads, and at once when an index is built.

The committer enters a key into ``changed`` before it changes ``current``, and sets the tree's ``last_changed`` before
that. Who fills reads ``current`` first and then finds ``last_changed`` no later than his snapshot: so whatever changes
what he read is entered after he began, into the list he looks at.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heliosdb.store.btree import BTree

__all__ = ["FEWEST_KEYS", "RunRows"]

FEWEST_KEYS = 1024
"""Shorter runs are in the cache anyway."""
PART_BITS = 6
FILL_AT_ONCE = 1 << 14
_SOME_HAVE_NOT = 2


class RunRows:
    """See the module."""

    __slots__ = ("_sorted", "changed", "filled", "most_changes", "row_ids", "run")

    def __init__(self, run: list[Any]) -> None:
        self.run = run
        self.row_ids = array("q", bytes(8 * len(run)))
        self.filled = bytearray((len(run) + 63) >> PART_BITS)
        self.changed: list[Any] = []
        self.most_changes = max(256, len(run) >> 9)
        """Changes after which it is better to begin anew."""
        self._sorted: tuple[int, list[Any]] = (0, [])

    def fill(self, tree: BTree) -> None:
        """Look up all keys. Nobody changes the tree meanwhile, or all changes are later than the snapshot."""
        step = FILL_AT_ONCE >> PART_BITS
        for first in range(0, len(self.filled), step):
            self._fill(tree, first, min(first + step, len(self.filled)), tree.last_changed)

    def window(self, tree: BTree, start: int, stop: int, scn: int) -> Sequence[int] | None:
        """Return the row ids of the keys from ``start`` to ``stop``, None if anything was entered since the SCN."""
        first, last = start >> PART_BITS, (stop + 63) >> PART_BITS
        if 0 in self.filled[first:last]:
            self._fill(tree, first, last, scn)
        filled = self.filled[first:last]
        found: Sequence[int]
        if 0 in filled or self._has_changed(start, stop):
            found = self._look_up(tree, self.run[start:stop])
        else:
            found = self.row_ids[start:stop]
            if _SOME_HAVE_NOT in filled and min(found) < 0:
                found = self._completed(tree, start, found)
        return None if tree.last_changed > scn else found

    def _fill(self, tree: BTree, first: int, last: int, scn: int) -> None:
        start, stop = first << PART_BITS, min(last << PART_BITS, len(self.run))
        keys = self.run[start:stop]
        found: list[Any] = list(map(tree.current.get, [element[1] for element in keys] if tree.paired else keys))
        state = 1
        if set(map(type, found)) != {int}:
            state = _SOME_HAVE_NOT
            found = [row_id if type(row_id) is int else -1 for row_id in found]
        row_ids = array("q", found)
        if tree.last_changed <= scn:
            self.row_ids[start:stop] = row_ids
            self.filled[first:last] = bytes((state,)) * (last - first)

    def _has_changed(self, start: int, stop: int) -> bool:
        """Whether one of these keys has changed since."""
        changed = self.changed
        if not changed:
            return False
        size, ordered = self._sorted
        if size != len(changed):
            size = len(changed)
            ordered = sorted(changed[:size])
            self._sorted = (size, ordered)
        place = bisect_left(ordered, self.run[start])
        return place < size and bool(ordered[place] <= self.run[stop - 1])

    @staticmethod
    def _look_up(tree: BTree, elements: list[Any]) -> list[int]:
        found: list[int] = []
        for element in elements:
            present = tree.current.get(element[1] if tree.paired else element)
            if type(present) is int:
                found.append(present)
            elif present is not None:
                found.extend(tuple(present))  # one atomic step; iterating would meet the committer
        return found

    def _completed(self, tree: BTree, start: int, row_ids: Sequence[int]) -> list[int]:
        found: list[int] = []
        for place, row_id in enumerate(row_ids, start):
            if row_id >= 0:
                found.append(row_id)
            else:
                found.extend(self._look_up(tree, [self.run[place]]))
        return found
