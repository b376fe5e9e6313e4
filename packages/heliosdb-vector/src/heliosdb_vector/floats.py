"""Numbers of single precision as text: what pgvector reads and writes between the brackets.

Written is the shortest decimal that reads back as the same number, as PostgreSQL writes ``real``. Read is what C's
``strtof`` reads: the text is rounded once, to single precision, so a text in the middle between two numbers must not
be rounded to double precision before.
"""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

__all__ = ["NUMBER", "SPACE", "number_of", "singles_of", "text_of"]

SPACE = " \t\n\r\v\f"
NUMBER = re.compile(
    r"[+-]?(?:0x(?:[0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)(?:p[+-]?[0-9]+)?"
    r"|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?"
    r"|inf(?:inity)?|nan(?:\([0-9a-z_]*\))?)",
    re.IGNORECASE | re.ASCII,
)
"""What ``strtof`` takes for a number."""

_LEAST = np.float32(1e-4)
_REST = np.uint64((1 << 29) - 1)
_HALF = np.uint64(1 << 28)


def text_of(numbers: NDArray[np.floating]) -> str:
    """Return numbers of single precision, separated by commas."""
    singles = numbers.astype(np.float32)
    magnitudes = np.abs(singles)
    plain = ((magnitudes > _LEAST) & (magnitudes < 1e6)) | (magnitudes == 0)
    texts = singles.astype("U").tolist()
    if plain.all():
        return ",".join([text.removesuffix(".0") for text in texts])
    return ",".join(
        [
            text.removesuffix(".0") if is_plain else _exponential(number)
            for text, is_plain, number in zip(texts, plain, singles)
        ]
    )


def _exponential(number: np.float32) -> str:
    # The number next to 0.0001 is a little less, and PostgreSQL goes by the decimal digits.
    positional = abs(number) == _LEAST
    return f"{number:.4f}" if positional else np.format_float_scientific(number, trim="-", exp_digits=2)


def number_of(text: str) -> float:
    """Return what ``NUMBER`` has matched, in double precision; infinite where that is too small for it."""
    lowered = text.lower()
    if "x" in lowered:
        try:
            return float.fromhex(lowered)
        except OverflowError:
            return float("inf")
    return float(lowered.partition("(")[0])


def singles_of(texts: list[str]) -> NDArray[np.float32]:
    """Return texts of numbers in single precision, infinite where one is out of range; ValueError for no number."""
    doubles = np.array([number_of(text) for text in texts], dtype=np.float64)
    with np.errstate(over="ignore"):
        singles = doubles.astype(np.float32)
    middle = np.flatnonzero((doubles.view(np.uint64) & _REST) == _HALF)
    for place in middle.tolist():
        singles[place] = _rounded_once(texts[place], float(doubles[place]), float(singles[place]))
    return singles


def _rounded_once(text: str, double: float, single: float) -> float:
    """Return the number of single precision next to a text whose double lies in the middle between two."""
    if "x" in text.lower() or not np.isfinite(single):
        return single
    rest = Fraction(text.strip()) - Fraction(double)
    if not rest:
        return single
    towards = np.float32(np.inf if rest > 0 else -np.inf)
    other = np.nextafter(np.float32(single), towards)
    return float(other) if (single < double) == (rest > 0) else single
