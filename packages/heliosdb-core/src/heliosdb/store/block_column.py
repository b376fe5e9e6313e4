"""What is known of one column of a block's rows: which of them a condition may be true for.

A block's rows never change, so what was once found out about them stays true. Scans that ask for ranges of a column
again and again (WHOLE_SCANS times over the same block) have it look once:

    rows      [(1, "b"), (2, "a"), (3, None), (4, "b")]
    values    ["a", "b"]             the column's distinct values, sorted
    codes     "\\2\\1\\0\\2"            a character a row: its value's place in ``values``, from 1; 0 is NULL

Then a range that no value lies in leaves out the block, and of one with few values the rows are found by ``str.find``,
fifty times as fast as by looking at each. That is 10 bytes a row and column at most, most often 3. Where only the
ends were asked for (ranges, ORDER BY ... LIMIT), only the least and the greatest value are kept.

What is answered is a superset: the condition itself is always checked again, so nothing here need know about types.
Values that do not compare as a total order (NaN, for one) make a column unknown for good.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from decimal import Decimal
from operator import itemgetter, ne
from typing import Any

from heliosdb.store.versions import Row

__all__ = ["BlockColumn", "Range"]

Range = tuple[int, Any, Any]
"""(place in the row, least value, greatest value) of a condition; None: open."""

WHOLE_SCANS = 2
"""How often a block is scanned without help before its column is looked at."""
FEWEST_ROWS = 512
MOST_VALUES = 8
"""Distinct values in a range up to which their rows are looked up one by one."""
COMPARABLE = frozenset({int, float, str, bytes, bool, Decimal})


class BlockColumn:
    """See the module. Several threads may work it out at once, and all find the same."""

    __slots__ = ("_asked", "_codes", "_is_unknown", "_place", "_rows", "_values", "greatest", "least")

    def __init__(self, rows: Sequence[Row], place: int) -> None:
        self._rows = rows
        self._place = place
        self._asked = 0
        self._is_unknown = len(rows) < FEWEST_ROWS
        self._values: list[Any] | None = None
        self._codes = ""
        self.least: Any = None
        """No value is less; None: unknown, or all are NULL."""
        self.greatest: Any = None

    def look_at_ends(self) -> None:
        """Count a scan that would use the ends, and find them out if that was one of many."""
        if self.greatest is None and not self._is_unknown:
            self._asked += 1
            if self._asked > WHOLE_SCANS:
                self._find_ends()

    def _column(self) -> list[Any]:
        return list(map(itemgetter(self._place), self._rows))

    def _find_ends(self) -> None:
        values = self._column()
        if None in values:
            values = [value for value in values if value is not None]
        if not _is_ordered(values):
            self._is_unknown = True
            return
        self.least = min(values)
        self.greatest = max(values)

    def _find_codes(self) -> None:
        column = self._column()
        distinct = set(column)
        has_null = None in distinct
        distinct.discard(None)
        if not _is_ordered(distinct):
            self._is_unknown = True
            return
        values = sorted(distinct)
        characters: dict[Any, str] = dict(zip(values, map(chr, range(1, len(values) + 1))))
        if has_null:
            characters[None] = "\0"
        self._codes = "".join(map(characters.__getitem__, column))
        self.least, self.greatest = values[0], values[-1]
        self._values = values

    def rows(self, low: Any, high: Any) -> Sequence[Row]:
        """Return the rows whose value may lie between ``low`` and ``high`` (inclusive; None: open), in their order."""
        rows = self._rows
        places = self.places(low, high)
        return rows if places is None else [rows[place] for place in places]

    def places(self, low: Any, high: Any) -> Sequence[int] | None:
        """Return the places of those rows in their list, None for all of them."""
        if self._is_unknown or low != low or high != high:
            return None
        values = self._values
        if values is None:
            self._asked += 1
            if self._asked <= WHOLE_SCANS:
                return None
            if low is None or high is None:
                if self.greatest is None:
                    self._find_ends()
            elif self.greatest is None or (self.least <= high and self.greatest >= low):
                self._find_codes()
                values = self._values
            if self._is_unknown:
                return None
        if (high is not None and high < self.least) or (low is not None and low > self.greatest):
            return ()
        if values is None:
            return None
        first = 0 if low is None else bisect_left(values, low)
        last = len(values) if high is None else bisect_right(values, high, first)
        if last - first > MOST_VALUES or (last - first) * 4 > len(values):
            return None
        return self._found(first + 1, last + 1)

    def _found(self, first: int, last: int) -> Sequence[int] | None:
        """Return the places of these codes, None if there are many."""
        find = self._codes.find
        places: list[int] = []
        most = len(self._rows) // 4
        for code in range(first, last):
            character = chr(code)
            place = find(character)
            while place >= 0:
                places.append(place)
                place = find(character, place + 1)
                if len(places) > most:
                    return None
        if last - first > 1:
            places.sort()
        return places

    def moved(self, rows: Sequence[Row], changed: Iterable[int]) -> BlockColumn:
        """Return what is known of the rows that take these ones' places, where so many have changed."""
        made = BlockColumn(rows, self._place)
        if self._is_unknown or self.greatest is None or len(rows) != len(self._rows):
            # Who asked for it will ask again.
            made._asked = self._asked if len(rows) == len(self._rows) else 0
            return made
        made._asked = WHOLE_SCANS
        place, before = self._place, self._rows
        news = {slot: rows[slot][place] for slot in changed if rows[slot][place] != before[slot][place]}
        known = [value for value in news.values() if value is not None]
        if known and not (_is_ordered(known) and type(known[0]) is type(self.least)):
            return made
        made.least, made.greatest = min([self.least, *known]), max([self.greatest, *known])
        values = self._values
        if values is None:
            return made
        codes = self._codes
        if news:
            letters = list(codes)
            for slot, value in news.items():
                code = 0 if value is None else bisect_left(values, value) + 1
                if code > len(values) or (code and values[code - 1] != value):
                    return made
                letters[slot] = chr(code)
            codes = "".join(letters)
        made._codes, made._values = codes, values
        return made


def _is_ordered(values: Sequence[Any] | set[Any]) -> bool:
    """Whether the values are of one type of a total order, and there are any."""
    types = set(map(type, values))
    return len(types) == 1 and types <= COMPARABLE and not any(map(ne, values, values))
