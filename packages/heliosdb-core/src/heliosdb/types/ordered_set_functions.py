"""The aggregates of WITHIN GROUP: ``percentile_cont``, ``percentile_disc``, ``mode``, and the hypothetical ranks.

The engine sorts and drops NULLs; the state is the list of values, and the final function looks at the places it
needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from heliosdb.errors import NumericValueOutOfRange, UndefinedFunction
from heliosdb.types.definitions import Aggregate, CallTypes, resolve_implementation
from heliosdb.types.float import double_text
from heliosdb.types.interval import Interval, interval_mi, interval_mul, interval_pl

__all__ = ["AGGREGATES"]


def _append(values: list[Any], value: Any) -> list[Any]:
    values.append(value)
    return values


def _checked(fraction: float) -> float:
    if not 0 <= fraction <= 1:
        raise NumericValueOutOfRange(f"percentile value {double_text(fraction)} is not between 0 and 1")
    return fraction


def continuous(values: Sequence[float], fraction: float | None) -> float | None:
    """Return the value at a fraction of the way through, interpolated between neighbours."""
    if fraction is None:
        return None
    _checked(fraction)
    if not values:
        return None
    place = fraction * (len(values) - 1)
    first, second = math.floor(place), math.ceil(place)
    low = values[first]
    return low if first == second else low + (place - first) * (values[second] - low)


def continuous_interval(values: Sequence[Interval], fraction: float | None) -> Interval | None:
    """Return the interval at a fraction of the way through, interpolated between neighbours."""
    if fraction is None:
        return None
    _checked(fraction)
    if not values:
        return None
    place = fraction * (len(values) - 1)
    first, second = math.floor(place), math.ceil(place)
    low = values[first]
    if first == second:
        return low
    return interval_pl(interval_mul(interval_mi(values[second], low), place - first), low)


def discrete(values: Sequence[Any], fraction: float | None) -> Any:
    """Return the first value whose place is at or past a fraction of all."""
    if fraction is None:
        return None
    _checked(fraction)
    if not values:
        return None
    return values[max(math.ceil(fraction * len(values)), 1) - 1]


def _of_array(single: Callable[[Sequence[Any], float | None], Any]) -> Callable[[Sequence[Any], Any], Any]:
    """Return the form that takes an array of fractions and gives an array of the same shape."""

    def shaped(values: Sequence[Any], fractions: Any) -> Any:
        return tuple(
            shaped(values, fraction) if isinstance(fraction, tuple) else single(values, fraction)
            for fraction in fractions
        )

    return lambda values, fractions: None if fractions is None or not values else shaped(values, fractions)


def mode(call: CallTypes) -> Aggregate:
    """Make ``mode`` for a type: the first of the most frequent values."""
    ordering = call.types.ordering(call.arguments[-1])
    if ordering is None:
        raise UndefinedFunction(f"could not identify an equality operator for type {call.arguments[-1]}")
    key = None if ordering.identity or ordering.sort_key is None else resolve_implementation(ordering.sort_key)

    def final(values: Sequence[Any]) -> Any:
        best, most, run = None, 0, 0
        previous: Any = None
        for number, value in enumerate(values):
            current = value if key is None else key(value)
            if number and current == previous:
                run += 1
            else:
                first, run = value, 1
            previous = current
            if run > most:
                best, most = first, run
        return best

    return Aggregate("mode", call.arguments, call.result, initial=list, step=_append, final=final, kind="ordered_set")


def _ordered(name: str, arguments: tuple[str, ...], returns: str, final: Callable[..., Any]) -> Aggregate:
    return Aggregate(
        name, arguments, returns, initial=list, step=_append, final=final, kind="ordered_set", direct_arguments=1
    )


Sorting = tuple[tuple[Callable[[Any], Any] | None, bool, bool], ...]
"""For each thing sorted by: its sort key (None: the datum itself), whether it descends, whether NULLs come first."""


def _append_row(rows: list[tuple[Any, ...]], *values: Any) -> list[tuple[Any, ...]]:
    rows.append(values)
    return rows


def _comparison(left: Sequence[Any], right: Sequence[Any], sorting: Sorting) -> int:
    """Return -1, 0 or 1 as a row sorts before, with or after another."""
    for one, other, (key, descends, nulls_first) in zip(left, right, sorting, strict=True):
        if one is None or other is None:
            if one is other:
                continue
            return -1 if (one is None) == nulls_first else 1
        if key is not None:
            one, other = key(one), key(other)
        if one != other:
            return -1 if (one < other) != descends else 1
    return 0


def _hypothetical_rank(rows: Sequence[Sequence[Any]], row: Sequence[Any], sorting: Sorting) -> int:
    return 1 + sum(1 for other in rows if _comparison(other, row, sorting) < 0)


def _hypothetical_dense_rank(rows: Sequence[Sequence[Any]], row: Sequence[Any], sorting: Sorting) -> int:
    rank = 1
    previous: Sequence[Any] | None = None
    for other in rows:
        if _comparison(other, row, sorting) >= 0:
            break
        if previous is None or _comparison(previous, other, sorting):
            rank += 1
        previous = other
    return rank


def _hypothetical_percent_rank(rows: Sequence[Sequence[Any]], row: Sequence[Any], sorting: Sorting) -> float:
    return (_hypothetical_rank(rows, row, sorting) - 1) / len(rows) if rows else 0.0


def _hypothetical_cume_dist(rows: Sequence[Sequence[Any]], row: Sequence[Any], sorting: Sorting) -> float:
    before = sum(1 for other in rows if _comparison(other, row, sorting) <= 0)
    return (before + 1) / (len(rows) + 1)


def _hypothetical(name: str, returns: str, final: Callable[..., Any]) -> Aggregate:
    """An aggregate that says where a row would stand: ``final(rows, row, sorting)``."""
    return Aggregate(
        name,
        ("any",),
        returns,
        initial=list,
        step=_append_row,
        final=final,
        strict=False,
        kind="hypothetical",
        variadic=True,
    )


AGGREGATES: tuple[Aggregate, ...] = (
    _hypothetical("rank", "int8", _hypothetical_rank),
    _hypothetical("dense_rank", "int8", _hypothetical_dense_rank),
    _hypothetical("percent_rank", "float8", _hypothetical_percent_rank),
    _hypothetical("cume_dist", "float8", _hypothetical_cume_dist),
    _ordered("percentile_cont", ("float8", "float8"), "float8", continuous),
    _ordered("percentile_cont", ("_float8", "float8"), "_float8", _of_array(continuous)),
    _ordered("percentile_cont", ("float8", "interval"), "interval", continuous_interval),
    _ordered("percentile_cont", ("_float8", "interval"), "_interval", _of_array(continuous_interval)),
    _ordered("percentile_disc", ("float8", "anyelement"), "anyelement", discrete),
    _ordered("percentile_disc", ("_float8", "anyelement"), "anyarray", _of_array(discrete)),
    Aggregate("mode", ("anyelement",), "anyelement", implementation=mode, specialize=True, kind="ordered_set"),
)
