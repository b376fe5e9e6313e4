"""The row ids of consecutive integer keys, by place: what a key that numbers its rows makes of a large table.

    first      1000
    row_ids    [ 4096  4097  4098 ... ]     of the keys 1000, 1001, 1002, ...
    changed    { 1001 }                     keys of which that is no longer true

A hash table of a million integers is found in the processor's cache nowhere: a look-up waits for its index, its entry,
the key and the row id, each somewhere else in memory. Here it waits for one. It is made where many rows enter whose
keys go on from one to the next, and is used from so many keys on; all keys are in ``current`` nevertheless.

The committer enters a key into ``changed`` before it changes ``current``, so whoever finds a key here and not there has
what ``current`` would have told him a moment ago.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["FEWEST_KEYS", "DenseKeys"]

FEWEST_KEYS = 1 << 18
"""Keys from which it is used: the hash table of fewer is in the cache."""
FEWEST_AT_ONCE = 512


class DenseKeys:
    """See the module."""

    __slots__ = ("changed", "first", "row_ids")

    def __init__(self, first: int) -> None:
        self.first = first
        self.row_ids = array("q")
        self.changed: set[Any] = set()

    @property
    def is_large(self) -> bool:
        """Whether it is worth while, and not changed too much."""
        return len(self.row_ids) >= FEWEST_KEYS and len(self.changed) * 16 < len(self.row_ids)

    def goes_on(self, keys: Sequence[Any]) -> bool:
        """Whether these are the keys that come next."""
        first = self.first + len(self.row_ids)
        return len(keys) >= FEWEST_AT_ONCE and keys[0] == first and keys == list(range(first, first + len(keys)))

    def extend(self, row_ids: Iterable[int]) -> None:
        """Take in the row ids of the next keys."""
        self.row_ids += array("q", row_ids)
