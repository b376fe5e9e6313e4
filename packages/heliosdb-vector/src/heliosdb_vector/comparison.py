"""``=``, ``<`` and their kin: number by number, as arrays compare."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from heliosdb_vector.dense import HALFVEC, VECTOR
from heliosdb_vector.sparse import SPARSEVEC

__all__ = ["HALFVECS", "SPARSEVECS", "VECTORS", "Comparisons"]

Key = Callable[[bytes], Any]


class Comparisons:
    """The comparisons of one type, by its keys."""

    def __init__(self, sort_key: Key, hash_key: Key) -> None:
        self._sort_key, self._hash_key = sort_key, hash_key

    def eq(self, left: bytes, right: bytes) -> bool:
        """``=``."""
        return bool(self._hash_key(left) == self._hash_key(right))

    def ne(self, left: bytes, right: bytes) -> bool:
        """``<>``."""
        return bool(self._hash_key(left) != self._hash_key(right))

    def lt(self, left: bytes, right: bytes) -> bool:
        """``<``."""
        return bool(self._sort_key(left) < self._sort_key(right))

    def le(self, left: bytes, right: bytes) -> bool:
        """``<=``."""
        return bool(self._sort_key(left) <= self._sort_key(right))

    def gt(self, left: bytes, right: bytes) -> bool:
        """``>``."""
        return bool(self._sort_key(left) > self._sort_key(right))

    def ge(self, left: bytes, right: bytes) -> bool:
        """``>=``."""
        return bool(self._sort_key(left) >= self._sort_key(right))


VECTORS = Comparisons(VECTOR.sort_key, VECTOR.hash_key)
HALFVECS = Comparisons(HALFVEC.sort_key, HALFVEC.hash_key)
SPARSEVECS = Comparisons(SPARSEVEC.sort_key, SPARSEVEC.hash_key)
