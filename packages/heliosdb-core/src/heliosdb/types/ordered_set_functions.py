"""The aggregates of WITHIN GROUP that need the sorted values: ``percentile_cont``, ``percentile_disc``, ``mode``.

The engine sorts and drops NULLs; the state is the list of values, and the final function looks at the places it needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from heliosdb.errors import NumericValueOutOfRange, UndefinedFunction
from heliosdb.types.definitions import Aggregate, CallTypes, resolve_implementation
from heliosdb.types.float import double_text

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


AGGREGATES: tuple[Aggregate, ...] = (
    _ordered("percentile_cont", ("float8", "float8"), "float8", continuous),
    _ordered("percentile_cont", ("_float8", "float8"), "_float8", _of_array(continuous)),
    _ordered("percentile_disc", ("float8", "anyelement"), "anyelement", discrete),
    _ordered("percentile_disc", ("_float8", "anyelement"), "anyarray", _of_array(discrete)),
    Aggregate("mode", ("anyelement",), "anyelement", implementation=mode, specialize=True, kind="ordered_set"),
)
