"""Numerics as integers: a column of prices has two digits behind the point in every row, and is written as cents.

Where all numerics of a column have the same scale, none is NaN, infinite or minus zero and all have at most 18 digits,
the column is that scale and the numbers without their point. Checked and converted as one text: a call for each number
would take longer than all else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from itertools import repeat
from typing import Any

from heliosdb.encoding.columns import corrupted, write_varint

__all__ = ["read_numerics", "write_numerics"]

GREATEST_SCALE = 18


def _pattern(scale: int) -> re.Pattern[str]:
    digits = rf"-?\d{{1,{18 - scale or 1}}}\.\d{{{scale}}}" if scale else r"-?\d{1,18}"
    return re.compile(rf"(?:{digits}\n)*", re.ASCII)


_PATTERNS = [_pattern(scale) for scale in range(GREATEST_SCALE + 1)]
_ZEROS = ["-0\n", *[f"-0.{'0' * scale}\n" for scale in range(1, GREATEST_SCALE + 1)]]


def write_numerics(texts: Sequence[str], parts: list[bytes]) -> list[int] | None:
    """Write the head of numerics of one scale and return them as integers; None where they have no such form."""
    first = texts[0]
    point = first.find(".")
    scale = 0 if point < 0 else len(first) - point - 1
    if scale > GREATEST_SCALE:
        return None
    joined = "\n".join(texts) + "\n"
    if _PATTERNS[scale].fullmatch(joined) is None or _ZEROS[scale] in joined:
        return None
    parts += (b"d", write_varint(scale))
    return list(map(int, joined.replace(".", "").split()))


def read_numerics(integers: Sequence[Any], scale: int) -> list[Decimal]:
    """Return numerics of one scale."""
    if scale > GREATEST_SCALE:
        raise corrupted(f"numerics of one scale have none of {scale}")
    numbers = map(Decimal, integers)
    if not scale:
        return list(numbers)
    # The engine's own context: the thread's may round or trap.
    context = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
    return list(map(context.scaleb, numbers, repeat(-scale)))
