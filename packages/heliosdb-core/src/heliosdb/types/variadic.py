"""``VARIADIC array`` for functions of any number of arguments of any type (``concat``, ``format``, ``num_nulls``).

Such a function is compiled for the types of its arguments. When they come as one array their number is known only
when it runs: the function is then made for each number of elements that comes along, once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve

from heliosdb import errors
from heliosdb.types.array import flatten
from heliosdb.types.definitions import CallTypes, ScalarFunction, resolve_implementation

__all__ = ["over_array"]


def over_array(function: ScalarFunction) -> ScalarFunction:
    """Return the function as it is called with VARIADIC: its last argument is an array of the rest, NULL gives NULL."""

    def specialize(call: CallTypes) -> Callable[..., Any]:
        element = call.types.by_name(call.arguments[-1]).element
        if element is None:
            raise errors.DatatypeMismatch("VARIADIC argument must be an array")
        fixed = call.arguments[:-1]
        base = resolve_implementation(function.implementation)
        made: dict[int, Callable[..., Any]] = {}

        def of_count(count: int) -> Callable[..., Any]:
            if not function.specialize:
                return base
            found = made.get(count)
            if found is None:
                types = (*fixed, *(element,) * count)
                found = made[count] = base(CallTypes(types, call.result, call.types))
            return found

        def apply(*arguments: Any) -> Any:
            array, rest = arguments[len(fixed)], arguments[len(fixed) + 1 :]
            if array is None:
                return None
            items = list(flatten(array))
            return of_count(len(items))(*arguments[: len(fixed)], *items, *rest)

        return apply

    return evolve(function, implementation=specialize, specialize=True, inline=None, variadic=False)
