"""Floats that somebody typed: 19.99, 0.5, 1200.0 have few digits, and are written as the integers 1999, 5, 12000.

A column of which every value is the float next to an integer divided by a power of ten is that power and the integers;
dividing again gives the very same bits. Measurements and results of arithmetic have no such form and stay as they are.
After A. Afroozeh, L. Kuffo, P. Boncz, "ALP: Adaptive Lossless floating-Point Compression", SIGMOD 2023.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from heliosdb.encoding.columns import corrupted

__all__ = ["divided_floats", "read_divided_floats"]

MOST_DIGITS = 12
LIMIT = 1 << 53
SAMPLE = 24


def _exponent(sample: Sequence[float], first: int) -> int | None:
    """Return the least power of ten, from ``first`` on, that makes integers of these values."""
    for exponent in range(first, MOST_DIGITS + 1):
        factor = 10.0**exponent
        if all(round(value * factor) / factor == value for value in sample):
            return exponent
    return None


def divided_floats(values: Sequence[float]) -> tuple[int, list[int]] | None:
    """Return a power of ten and the integers to divide by it; None where values have no such form."""
    try:
        exponent = _exponent(values[:: max(1, len(values) // SAMPLE) | 1], 0)
        if exponent is None:
            return None
        factor = 10.0**exponent
        integers = [round(value * factor) for value in values]
    except (ValueError, OverflowError):
        return None  # NaN, infinity
    # Bytes tell -0.0 from 0.0.
    if max(integers) >= LIMIT or min(integers) <= -LIMIT:
        return None
    if array("d", [integer / factor for integer in integers]).tobytes() != array("d", values).tobytes():
        return None
    return exponent, integers


def read_divided_floats(integers: Sequence[int], exponent: int) -> list[float]:
    """Return the floats again."""
    if exponent > MOST_DIGITS:
        raise corrupted(f"floats are not divided by ten to the power of {exponent}")
    factor = 10.0**exponent
    return [integer / factor for integer in integers]
