"""Enum types: the datum is the label; labels sort in the order in which the type lists them.

A type of kind ``enum`` needs nothing but its ``labels``: the registry asks here for its input and output and
``ordering`` for its order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from heliosdb import errors
from heliosdb.types.comparison import comparison_operators
from heliosdb.types.definitions import (
    CallTypes,
    Operator,
    ScalarFunction,
    SessionContext,
    Type,
    resolve_implementation,
)

__all__ = ["FUNCTIONS", "OPERATORS", "make_input", "make_output", "make_receive", "make_send"]


def make_input(type_: Type) -> Callable[[str, int, SessionContext], str]:
    """Return the text input function of an enum: its labels, exactly."""
    labels = {label: label for label in type_.labels}

    def enum_in(text: str, typmod: int = -1, session: SessionContext | None = None) -> str:
        label = labels.get(text)
        if label is None:
            raise errors.InvalidTextRepresentation(f'invalid input value for enum {type_.display}: "{text}"')
        return label

    return enum_in


def make_output(type_: Type) -> Callable[[str, SessionContext], str]:
    """Return the text output function of an enum."""
    return lambda datum, session: datum


def make_receive(type_: Type) -> Callable[[bytes], str]:
    """Return the binary input function of an enum: the label's bytes."""
    read = make_input(type_)
    return lambda data: read(data.decode(), -1, None)  # type: ignore[arg-type]


def make_send(type_: Type) -> Callable[[str], bytes]:
    """Return the binary output function of an enum."""
    return lambda datum: datum.encode()


def _sort_key(call: CallTypes) -> Callable[[Any], Any]:
    ordering = call.types.ordering(call.arguments[0])
    if ordering is None or ordering.sort_key is None:
        raise errors.UndefinedFunction(f"type {call.arguments[0]} is not an enum")
    return resolve_implementation(ordering.sort_key)


def _equal(left: str, right: str) -> bool:
    return left == right


def _different(left: str, right: str) -> bool:
    return left != right


def _less(call: CallTypes) -> Callable[[str, str], bool]:
    place = _sort_key(call)
    return lambda left, right: bool(place(left) < place(right))


def _at_most(call: CallTypes) -> Callable[[str, str], bool]:
    place = _sort_key(call)
    return lambda left, right: bool(place(left) <= place(right))


def _greater(call: CallTypes) -> Callable[[str, str], bool]:
    place = _sort_key(call)
    return lambda left, right: bool(place(left) > place(right))


def _at_least(call: CallTypes) -> Callable[[str, str], bool]:
    place = _sort_key(call)
    return lambda left, right: bool(place(left) >= place(right))


def enum_cmp(call: CallTypes) -> Callable[[str, str], int]:
    """Make ``enum_cmp``: -1, 0 or 1."""
    place = _sort_key(call)
    return lambda left, right: (place(left) > place(right)) - (place(left) < place(right))


def _labels(call: CallTypes) -> tuple[str, ...]:
    labels = call.types.by_name(call.arguments[0]).labels
    if not labels:
        raise errors.ObjectNotInPrerequisiteState(f"enum {call.types.format(call.arguments[0])} contains no values")
    return labels


def enum_first(call: CallTypes) -> Callable[[str | None], str]:
    """Make ``enum_first``: the type's first label, whatever the value."""
    first = _labels(call)[0]
    return lambda value: first


def enum_last(call: CallTypes) -> Callable[[str | None], str]:
    """Make ``enum_last``: the type's last label, whatever the value."""
    last = _labels(call)[-1]
    return lambda value: last


def enum_range_all(call: CallTypes) -> Callable[[str | None], tuple[str, ...]]:
    """Make ``enum_range(value)``: all labels of the type in order."""
    labels = call.types.by_name(call.arguments[0]).labels
    return lambda value: labels


def enum_range_bounds(call: CallTypes) -> Callable[[str | None, str | None], tuple[str, ...]]:
    """Make ``enum_range(first, last)``: the labels between two, NULL for an open end."""
    labels = call.types.by_name(call.arguments[0]).labels
    places = {label: place for place, label in enumerate(labels)}

    def between(first: str | None, last: str | None) -> tuple[str, ...]:
        start = 0 if first is None else places[first]
        stop = len(labels) if last is None else places[last] + 1
        return labels[start:stop]

    return between


_NAMES = ("enum_eq", "enum_ne", "enum_lt", "enum_le", "enum_gt", "enum_ge")
_PAIR = ("anyenum", "anyenum")


def _made(name: str, arguments: tuple[str, ...], returns: str, factory: Any, *, strict: bool = True) -> ScalarFunction:
    return ScalarFunction(name, arguments, returns, factory, strict=strict, specialize=True)


FUNCTIONS: tuple[ScalarFunction, ...] = (
    ScalarFunction("enum_eq", _PAIR, "bool", _equal, inline="({0} == {1})"),
    ScalarFunction("enum_ne", _PAIR, "bool", _different, inline="({0} != {1})"),
    _made("enum_lt", _PAIR, "bool", _less),
    _made("enum_le", _PAIR, "bool", _at_most),
    _made("enum_gt", _PAIR, "bool", _greater),
    _made("enum_ge", _PAIR, "bool", _at_least),
    _made("enum_cmp", _PAIR, "int4", enum_cmp),
    _made("enum_first", ("anyenum",), "anyenum", enum_first, strict=False),
    _made("enum_last", ("anyenum",), "anyenum", enum_last, strict=False),
    _made("enum_range", ("anyenum",), "anyarray", enum_range_all, strict=False),
    _made("enum_range", _PAIR, "anyarray", enum_range_bounds, strict=False),
)

OPERATORS: tuple[Operator, ...] = comparison_operators("anyenum", "anyenum", _NAMES)
