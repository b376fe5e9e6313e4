"""Distances of bit strings. A datum of ``bit`` is a text of 0 and 1."""

from __future__ import annotations

from heliosdb.errors import DataException

__all__ = ["hamming_distance", "jaccard_distance"]


def _pair(left: str, right: str) -> tuple[int, int]:
    if len(left) != len(right):
        raise DataException(f"different bit lengths {len(left)} and {len(right)}")
    return int("0" + left, 2), int("0" + right, 2)


def hamming_distance(left: str, right: str) -> float:
    """``<~>``: how many bits differ."""
    first, second = _pair(left, right)
    return float((first ^ second).bit_count())


def jaccard_distance(left: str, right: str) -> float:
    """``<%>``: 1 less the part that both have of the bits that either has; 1 where they share none."""
    first, second = _pair(left, right)
    common = (first & second).bit_count()
    return 1.0 - common / (first | second).bit_count() if common else 1.0
