"""``=``, ``<`` and their kin: number by number, as arrays compare."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from heliosdb_vector.dense import VECTOR

__all__ = ["vector_eq", "vector_ge", "vector_gt", "vector_le", "vector_lt", "vector_ne"]

Compare = Callable[[bytes, bytes], bool]


def _comparisons(key: Callable[[bytes], Any], hashed: Callable[[bytes], Any]) -> tuple[Compare, ...]:
    """Return =, <>, <, <=, >, >= by these keys."""
    return (
        lambda left, right: bool(hashed(left) == hashed(right)),
        lambda left, right: bool(hashed(left) != hashed(right)),
        lambda left, right: bool(key(left) < key(right)),
        lambda left, right: bool(key(left) <= key(right)),
        lambda left, right: bool(key(left) > key(right)),
        lambda left, right: bool(key(left) >= key(right)),
    )


vector_eq, vector_ne, vector_lt, vector_le, vector_gt, vector_ge = _comparisons(VECTOR.sort_key, VECTOR.hash_key)
