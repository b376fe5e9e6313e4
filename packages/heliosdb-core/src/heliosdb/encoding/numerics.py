"""Numerics as integers: a column of prices has two digits behind the point in every row, and is written as cents.

Where all numerics of a column have the same scale, none is NaN, infinite or minus zero and all have at most 18 digits,
the column is that scale and the numbers without their point. All is done by a few calls for the whole column, in a
context of our own: the thread's may round, or not raise.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, Inexact, InvalidOperation, Overflow, localcontext
from itertools import repeat
from typing import Any

from heliosdb.encoding.columns import corrupted

__all__ = ["GREATEST_SCALE", "read_numerics", "scaled_numerics"]

GREATEST_SCALE = 18
_LIMIT = 10**18
_EXACT = Context(prec=40, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[Inexact, InvalidOperation, Overflow])


def scaled_numerics(values: Sequence[Decimal]) -> tuple[int, list[int]] | None:
    """Return the scale of numerics and them as integers; None where they have no such form."""
    first = values[0]
    exponent = first.as_tuple().exponent
    if not isinstance(exponent, int) or not -GREATEST_SCALE <= exponent <= 0:
        return None
    if not all(map(Decimal.same_quantum, values, repeat(first))):
        return None
    scale = -exponent
    try:
        with localcontext(_EXACT):
            factor = Decimal(10**scale)
            integers = list(map(int, [value * factor for value in values] if scale else values))
    except Inexact:
        return None
    if max(integers) >= _LIMIT or min(integers) <= -_LIMIT:
        return None
    if 0 in integers and any(value.is_signed() for value in values if not value):
        return None
    return scale, integers


def read_numerics(integers: Sequence[Any], scale: int) -> list[Decimal]:
    """Return numerics of one scale."""
    if scale > GREATEST_SCALE:
        raise corrupted(f"numerics of one scale have none of {scale}")
    if not scale:
        return list(map(Decimal, integers))
    with localcontext(_EXACT):
        unit = Decimal((0, (1,), -scale))
        return [integer * unit for integer in integers]
