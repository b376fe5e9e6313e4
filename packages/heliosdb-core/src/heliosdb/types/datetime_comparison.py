"""Comparisons between dates, timestamps and timestamptz.

They exist beside the implicit casts because they are exact where a cast would fail (a date later than every timestamp
is simply later) and because they depend on the session's TimeZone only where an instant meets a local time.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from heliosdb.types.calendar import (
    DATE_INFINITY,
    DATE_MINUS_INFINITY,
    MICROSECONDS_PER_DAY,
    TIMESTAMP_INFINITY,
    TIMESTAMP_MINUS_INFINITY,
)
from heliosdb.types.comparison import SUFFIXES, comparison_operators
from heliosdb.types.definitions import Operator, ScalarFunction, SessionContext, Volatility
from heliosdb.types.zones import local_to_utc, session_zone

__all__ = ["FUNCTIONS", "OPERATORS"]

_PYTHON: tuple[Callable[[Any, Any], bool], ...] = (
    operator.eq,
    operator.ne,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
)


def _local(value: int, type_name: str) -> int:
    """Return microseconds of local time, unbounded, with the timestamps' infinities."""
    if type_name != "date":
        return value
    if value == DATE_INFINITY:
        return TIMESTAMP_INFINITY
    if value == DATE_MINUS_INFINITY:
        return TIMESTAMP_MINUS_INFINITY
    microseconds = value * MICROSECONDS_PER_DAY
    # A date past every timestamp sorts after them all, but before infinity.
    return min(microseconds, TIMESTAMP_INFINITY - 1)


def _instant(value: int, type_name: str, session: SessionContext) -> int:
    """Return microseconds of UTC."""
    local = _local(value, type_name)
    if type_name == "timestamptz" or local in (TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY, TIMESTAMP_INFINITY - 1):
        return local
    return local_to_utc(session_zone(session), local)


def _without_zone(left: str, right: str, compare: Callable[[Any, Any], bool]) -> Callable[[int, int], bool]:
    def compared(first: int, second: int) -> bool:
        return compare(_local(first, left), _local(second, right))

    return compared


def _with_zone(
    left: str, right: str, compare: Callable[[Any, Any], bool]
) -> Callable[[int, int, SessionContext], bool]:
    def compared(first: int, second: int, session: SessionContext) -> bool:
        return compare(_instant(first, left, session), _instant(second, right, session))

    return compared


_PAIRS = (
    ("date", "timestamp"),
    ("timestamp", "date"),
    ("date", "timestamptz"),
    ("timestamptz", "date"),
    ("timestamp", "timestamptz"),
    ("timestamptz", "timestamp"),
)


def _names(left: str, right: str) -> tuple[str, ...]:
    return tuple(f"{left}_{suffix}_{right}" for suffix in SUFFIXES)


def _functions(left: str, right: str) -> tuple[ScalarFunction, ...]:
    if "timestamptz" not in (left, right):
        return tuple(
            ScalarFunction(name, (left, right), "bool", _without_zone(left, right, compare))
            for name, compare in zip(_names(left, right), _PYTHON, strict=True)
        )
    return tuple(
        ScalarFunction(
            name,
            (left, right),
            "bool",
            _with_zone(left, right, compare),
            volatility=Volatility.STABLE,
            needs_session=True,
        )
        for name, compare in zip(_names(left, right), _PYTHON, strict=True)
    )


FUNCTIONS: tuple[ScalarFunction, ...] = tuple(
    function for left, right in _PAIRS for function in _functions(left, right)
)

OPERATORS: tuple[Operator, ...] = tuple(
    operator_
    for left, right in _PAIRS
    for operator_ in comparison_operators(left, right, _names(left, right), hashes=False)
)
