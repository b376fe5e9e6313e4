"""The size of one value: ``pg_column_size``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from heliosdb.types.definitions import CallTypes, ScalarFunction, Volatility

__all__ = ["FUNCTIONS"]

VARIABLE_HEADER = 4


def column_size(call: CallTypes) -> Callable[[Any, Any], int]:
    """Make ``pg_column_size``: the bytes a value takes in the binary form, with a header where the type varies."""
    type_ = call.types.by_name(call.arguments[0])
    if type_.length > 0:
        return lambda value, session: type_.length
    if type_.send is not None and callable(type_.send):
        send = type_.send
        return lambda value, session: VARIABLE_HEADER + len(send(value))
    output = call.types.output(type_.name)
    return lambda value, session: VARIABLE_HEADER + len(output(value, session).encode("utf-8"))


FUNCTIONS: tuple[ScalarFunction, ...] = (
    ScalarFunction(
        "pg_column_size",
        ("any",),
        "int4",
        column_size,
        specialize=True,
        needs_session=True,
        volatility=Volatility.STABLE,
    ),
)
