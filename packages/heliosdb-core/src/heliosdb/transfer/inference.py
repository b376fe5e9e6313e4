"""The types of columns of text, found by looking at every value: none is met later that does not fit.

A column begins with all types and loses those that a value does not fit. A type is only taken where nothing is lost by
it: ``007`` is no number, ``1e3`` no integer. Each block of values is looked at by one regular expression over all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from typing import Final

__all__ = ["ColumnInference", "fits"]

_NUMBER = r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]+)?|\.[0-9]+)"
_DATE = r"[0-9]{4}-[01][0-9]-[0-3][0-9]"
_TIME = r"[0-2][0-9]:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
_ZONE = r"(?:Z|[+-](?:0[0-9]|1[0-5])(?::?[0-5][0-9])?)"

PATTERNS: Final = {
    "boolean": "true|false|True|False|TRUE|FALSE",
    "bigint": r"-?(?:0|[1-9][0-9]{0,18})",
    "numeric": _NUMBER,
    "double precision": rf"{_NUMBER}(?:[eE][+-]?[0-9]{{1,3}})?|NaN|nan|-?[Ii]nf(?:inity)?",
    "date": _DATE,
    "timestamp without time zone": rf"{_DATE}(?:[ T]{_TIME})?",
    "timestamp with time zone": rf"{_DATE}[ T]{_TIME}{_ZONE}",
    "time without time zone": _TIME,
    "uuid": "[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}",
}
"""Types in the order in which they are preferred."""

_compiled: Final = {name: re.compile(rf"(?:(?:{pattern})\n)*+") for name, pattern in PATTERNS.items()}


def _integers(values: Sequence[str]) -> bool:
    return all(-(2**63) <= int(value) < 2**63 for value in values if len(value) > 18)


def _dates(values: Sequence[str]) -> bool:
    return _read(date.fromisoformat, values)


def _timestamps(values: Sequence[str]) -> bool:
    return _read(datetime.fromisoformat, values)


def _times(values: Sequence[str]) -> bool:
    return _read(time.fromisoformat, values)


def _read(read: Callable[[str], object], values: Sequence[str]) -> bool:
    try:
        for value in set(values):
            read(value)
    except ValueError:
        return False
    return True


def _numerics(values: Sequence[str]) -> bool:
    return max(map(len, values)) <= MOST_DIGITS


def _floats(values: Sequence[str]) -> bool:
    # What a float cannot hold would be an error later.
    return _numerics(values) and all(
        0.0 < abs(float(value)) < INFINITE or _stands_there(value.lower()) for value in values
    )


def _stands_there(value: str) -> bool:
    """Return whether a text whose float is 0, infinite or NaN says that itself."""
    return "n" in value or (float(value) == 0.0 and re.search("[1-9]", value.partition("e")[0]) is None)


INFINITE: Final = float("inf")
MOST_DIGITS: Final = 16_383
"""Behind the point of a numeric; before it there may be more, but nobody means that as a number."""

_checks: Final[dict[str, Callable[[Sequence[str]], bool]]] = {
    "bigint": _integers,
    "numeric": _numerics,
    "double precision": _floats,
    "date": _dates,
    "timestamp without time zone": _timestamps,
    "timestamp with time zone": _timestamps,
    "time without time zone": _times,
}


def fits(name: str, values: Sequence[str]) -> bool:
    """Return whether all values, of which there is one at least, are written as those of a type (SQL) are."""
    joined = "\n".join(values) + "\n"
    return joined.count("\n") == len(values) and _fits(name, joined, values)


def _fits(name: str, joined: str, values: Sequence[str]) -> bool:
    if _compiled[name].fullmatch(joined) is None:
        return False
    check = _checks.get(name)
    return check is None or check(values)


class ColumnInference:
    """What a column can still be."""

    def __init__(self) -> None:
        self._left = list(PATTERNS)
        self._has_values = False

    def look(self, values: Sequence[str | None]) -> None:
        """Take note of values; None fits every type."""
        if not self._left:
            return
        given = [value for value in values if value is not None]
        if not given:
            return
        self._has_values = True
        joined = "\n".join(given) + "\n"
        if joined.count("\n") != len(given):
            self._left.clear()
            return
        self._left = [name for name in self._left if _fits(name, joined, given)]

    @property
    def type(self) -> str:
        """The type as SQL."""
        return self._left[0] if self._left and self._has_values else "text"
