"""Zones: between which bounds the values of a column lie in one block, so that who looks for others leaves it out.

A column whose values are all of one class that Python orders as their types do, and of which none is NaN, has bounds:
no value is less or greater. They may be wider than they need to be: long texts are cut. Superseded versions have zones
of their own, for those who read what was before the newest rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Context, Decimal, InvalidOperation, localcontext
from math import isnan
from typing import Any

from heliosdb.encoding.stored_frames import StoredFrames
from heliosdb.store.versions import Older, history

__all__ = ["Zone", "zone_within", "zones_of_superseded"]

LONGEST_BOUND = 64
_STRICT = Context(traps=[InvalidOperation])

Zone = tuple[Any, Any, bool]
"""(least, greatest, whether there is a NULL); None, None where all are NULL."""


def zones_of_superseded(versions: Mapping[int, Older] | None, width: int, frames: StoredFrames) -> list[Zone | None]:
    """Return the bounds of so many columns in superseded versions; nothing where there are none."""
    if not versions:
        return []
    rows = [row for older in versions.values() for _, row in history(older) if row is not None]
    columns = ([row[place] if place < len(row) else None for row in rows] for place in range(width))
    return [zone_within(*frames.encode_column(values)[1:]) for values in columns]


def zone_within(extent: Sequence[Any] | None, has_null: bool) -> Zone | None:
    """Return the bounds of a column of which these are some values, the least and the greatest among them (see
    ``StoredFrames.encode_column``), or None where it has none."""
    if extent is None:
        return None
    if not extent:
        return (None, None, True) if has_null else None
    kind = type(extent[0])
    if kind is Decimal:
        # A NaN raises, whatever the thread's context says.
        try:
            with localcontext(_STRICT):
                return min(extent), max(extent), has_null
        except InvalidOperation:
            return None
    if kind is float and (total := sum(extent)) != total and any(map(isnan, extent)):
        return None
    least, greatest = min(extent), max(extent)
    if kind is str or kind is bytes:
        last = "\U0010ffff" if kind is str else b"\xff"
        least = least[:LONGEST_BOUND]
        if len(greatest) > LONGEST_BOUND:
            if greatest[LONGEST_BOUND : LONGEST_BOUND + 1] == last:
                return None
            greatest = greatest[:LONGEST_BOUND] + last
    return least, greatest, has_null
