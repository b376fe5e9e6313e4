"""count, sum, avg, min, max and the boolean and bit aggregates.

They are given in the inline form: the code generator keeps the slots in local variables and writes the steps into its
loop. Sums of integers stay Python ints, which cannot overflow, and are checked once, at the end. ``min`` and ``max``
compare the datums themselves where Python's order is the type's, and the operator class's sort keys elsewhere.
``statistics_functions`` has variance and regression, ``ordered_set_functions`` the percentiles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from functools import reduce
from math import isfinite
from operator import add
from typing import Any

from heliosdb.errors import UndefinedFunction
from heliosdb.types.comparison import nan_last
from heliosdb.types.definitions import Aggregate, CallTypes
from heliosdb.types.float import LARGEST, overflow, single
from heliosdb.types.integer import INT8
from heliosdb.types.numeric import numeric_add, numeric_div

__all__ = ["AGGREGATES", "same_scale"]

IDENTITY_TYPES = ("int2", "int4", "int8", "oid", "text", "date", "time", "timestamp", "timestamptz", "xid8")
"""Types with ``min`` and ``max`` whose datums Python orders as PostgreSQL does."""

KEYED_TYPES = ("bpchar", "timetz", "interval", "tid", "anyarray", "anyenum")
"""Types with ``min`` and ``max`` that compare by sort key."""


def average(total: Any, count: int) -> Decimal:
    """Divide a sum of integers or numerics by the number of rows."""
    return numeric_div(Decimal(total), Decimal(count))


def float_addition(total: float, value: float) -> float:
    """Add where the sum is not finite: legitimate only when an operand was not."""
    result = total + value
    if result - result == 0 or total - total != 0 or value - value != 0:
        return result
    raise overflow()


def add_floats(total: float, values: Sequence[float]) -> float:
    """Add one by one: ``sum`` may round otherwise."""
    result = reduce(add, values, total)
    return result if isfinite(result) else reduce(float_addition, values, total)


def _extreme(symbol: str) -> Any:
    """Return the factory of ``min`` (``<``) or ``max`` (``>``) over sort keys."""

    def specialize(call: CallTypes) -> Aggregate:
        name = "min" if symbol == "<" else "max"
        ordering = call.types.ordering(call.arguments[0])
        if ordering is None:
            raise UndefinedFunction(f"function {name}({call.arguments[0]}) does not exist")
        if ordering.identity:
            return _plain_extreme(name, call.arguments[0], symbol)
        # Of equal values that look different, char(n) keeps the first and every other type the last.
        better = f"{{s2}} is None or {{s0}} {symbol} {{s2}}"
        if call.arguments[0] != "bpchar":
            better = f"{{s2}} is None or not {{s2}} {symbol} {{s0}}"
        return Aggregate(
            name,
            call.arguments,
            call.result,
            slots=("None", "None", "None"),
            inline_step=("{f}({0})", f"({{0}} if {better} else {{s1}})", f"({{s0}} if {better} else {{s2}})"),
            inline_final="{s1}",
            implementation=ordering.sort_key,
            associative=True,
        )

    return specialize


def _plain_extreme(name: str, type_name: str, symbol: str) -> Aggregate:
    return Aggregate(
        name,
        (type_name,),
        type_name,
        slots=("None",),
        inline_step=(f"({{0}} if {{s0}} is None or {{0}} {symbol} {{s0}} else {{s0}})",),
        inline_fold=(f"({name}({{0}}) if {{s0}} is None else {name}({{s0}}, {name}({{0}})))",),
        inline_final="{s0}",
        associative=True,
    )


def _nan_extreme(name: str, type_name: str) -> Aggregate:
    """``min`` or ``max`` of a type with a NaN, its greatest value; of equal ones (1.0, 1.00) the last is kept."""
    if name == "min":
        kept = "({s0} < {0} if {0} == {0} and {s0} == {s0} else {s0} == {s0})"
    else:
        kept = "({s0} > {0} if {0} == {0} and {s0} == {s0} else {s0} != {s0} and {0} == {0})"
    return Aggregate(
        name,
        (type_name,),
        type_name,
        slots=("None",),
        inline_step=(f"({{s0}} if {{s0}} is not None and {kept} else {{0}})",),
        inline_final="{s0}",
        implementation=nan_last,
        associative=True,
    )


def _extremes() -> Iterator[Aggregate]:
    for name, symbol in (("min", "<"), ("max", ">")):
        for type_name in IDENTITY_TYPES:
            yield _plain_extreme(name, type_name, symbol)
        for type_name in ("float4", "float8", "numeric"):
            yield _nan_extreme(name, type_name)
        for type_name in KEYED_TYPES:
            yield Aggregate(name, (type_name,), type_name, implementation=_extreme(symbol), specialize=True)


def _sums() -> Iterator[Aggregate]:
    integer_step, less = "({0} if {s0} is None else {s0} + {0})", "{s0} - {0}"
    integer_fold = "(sum({0}) if {s0} is None else {s0} + sum({0}))"
    for type_name in ("int2", "int4"):
        yield Aggregate(
            "sum",
            (type_name,),
            "int8",
            slots=("None",),
            inline_step=(integer_step,),
            inline_inverse=(less,),
            inline_fold=(integer_fold,),
            inline_final=f"({{s0}} if {{s0}} is None or {INT8.lowest} <= {{s0}} <= {INT8.highest} else {{f}}({{s0}}))",
            implementation=INT8.checked,
        )
    yield Aggregate(
        "sum",
        ("int8",),
        "numeric",
        slots=("None",),
        inline_step=(integer_step,),
        inline_inverse=(less,),
        inline_fold=(integer_fold,),
        inline_final="(None if {s0} is None else {f}({s0}))",
        implementation=Decimal,
    )
    yield Aggregate(
        "sum",
        ("numeric",),
        "numeric",
        slots=("None",),
        inline_step=("({0} if {s0} is None else {f}({s0}, {0}))",),
        inline_inverse=("{f}({s0}, -{0})",),
        reversible=same_scale,
        inline_final="{s0}",
        implementation=numeric_add,
        associative=True,
    )
    # The first slot is the unchecked sum (None: no row yet); adding -0.0 changes no number, not even -0.0.
    steps = ("{s1} + {0}", f"({{s0}} if -{LARGEST!r} <= {{s0}} <= {LARGEST!r} else {{f}}({{s1}}, {{0}}))")
    yield Aggregate(
        "sum",
        ("float8",),
        "float8",
        slots=("None", "-0.0"),
        inline_step=steps,
        inline_fold=("{g}({s1}, {0})", "{s0}"),
        fold=add_floats,
        inline_final="(None if {s0} is None else {s1})",
        implementation=float_addition,
    )
    yield Aggregate("sum", ("float4",), "float4", initial=_nothing, step=_add_single, final=None)


def _nothing() -> None:
    return None


def _add_single(state: float | None, value: float) -> float:
    """Add in single precision, row by row, as PostgreSQL's float4pl does."""
    if state is None:
        return value
    total = state + value
    result = single(total)
    if result - result != 0 and state - state == 0 and value - value == 0:
        raise overflow()
    return result


def _averages() -> Iterator[Aggregate]:
    for type_name in ("int2", "int4", "int8"):
        yield Aggregate(
            "avg",
            (type_name,),
            "numeric",
            slots=("0", "0"),
            inline_step=("{s0} + {0}", "{s1} + 1"),
            inline_inverse=("{s0} - {0}", "{s1} - 1"),
            inline_fold=("{s0} + sum({0})", "{s1} + len({0})"),
            inline_final="({f}({s0}, {s1}) if {s1} else None)",
            implementation=average,
        )
    yield Aggregate(
        "avg",
        ("numeric",),
        "numeric",
        initial=_empty_average,
        step=_numeric_step,
        inverse=_numeric_inverse,
        reversible=same_scale,
        final=_numeric_average,
    )
    steps = ("{s1} + {0}", f"({{s0}} if -{LARGEST!r} <= {{s0}} <= {LARGEST!r} else {{f}}({{s1}}, {{0}}))", "{s2} + 1")
    for type_name in ("float4", "float8"):
        yield Aggregate(
            "avg",
            (type_name,),
            "float8",
            slots=("0.0", "0.0", "0"),
            inline_step=steps,
            inline_fold=("{g}({s1}, {0})", "{s0}", "{s2} + len({0})"),
            fold=add_floats,
            inline_final="({s1} / {s2} if {s2} else None)",
            implementation=float_addition,
        )


def _empty_average() -> tuple[Decimal, int]:
    return Decimal(0), 0


def _numeric_step(state: tuple[Decimal, int], value: Decimal) -> tuple[Decimal, int]:
    return numeric_add(state[0], value), state[1] + 1


def _numeric_inverse(state: tuple[Decimal, int], value: Decimal) -> tuple[Decimal, int]:
    return numeric_add(state[0], -value), state[1] - 1


def same_scale(values: Iterable[Decimal | None]) -> bool:
    """Whether sums of some of the values all have the scale that a sum of all has, and none is NaN or infinite."""
    return len({value.as_tuple().exponent for value in values if value is not None}) <= 1 and all(
        value is None or value.is_finite() for value in values
    )


def _numeric_average(state: tuple[Decimal, int]) -> Decimal | None:
    return average(*state) if state[1] else None


def _logic() -> Iterator[Aggregate]:
    for name, operator in (("bool_and", "and"), ("every", "and"), ("bool_or", "or")):
        yield Aggregate(
            name,
            ("bool",),
            "bool",
            slots=("None",),
            inline_step=(f"({{0}} if {{s0}} is None else {{s0}} {operator} {{0}})",),
            inline_final="{s0}",
            associative=True,
        )
    for name, operator in (("bit_and", "&"), ("bit_or", "|"), ("bit_xor", "^")):
        for type_name in ("int2", "int4", "int8"):
            yield Aggregate(
                name,
                (type_name,),
                type_name,
                slots=("None",),
                inline_step=(f"({{0}} if {{s0}} is None else {{s0}} {operator} {{0}})",),
                inline_final="{s0}",
                associative=True,
            )


def _join(name: str, type_name: str, empty: Any) -> Aggregate:
    """``string_agg``: a row's delimiter goes before its value, the first row's is dropped, NULL values are skipped."""

    def step(state: list[Any], value: Any, delimiter: Any) -> list[Any]:
        if value is not None:
            if state and delimiter is not None:
                state.append(delimiter)
            state.append(value)
        return state

    def final(state: list[Any]) -> Any:
        return empty.join(state) if state else None

    return Aggregate(name, (type_name, type_name), type_name, initial=list, step=step, final=final, strict=False)


AGGREGATES: tuple[Aggregate, ...] = (
    Aggregate(
        "count",
        (),
        "int8",
        slots=("0",),
        inline_step=("{s0} + 1",),
        inline_inverse=("{s0} - 1",),
        inline_fold=("{s0} + {n}",),
        inline_final="{s0}",
    ),
    Aggregate(
        "count",
        ("any",),
        "int8",
        slots=("0",),
        inline_step=("{s0} + 1",),
        inline_inverse=("{s0} - 1",),
        inline_fold=("{s0} + len({0})",),
        inline_final="{s0}",
    ),
    *_extremes(),
    *_sums(),
    *_averages(),
    *_logic(),
    _join("string_agg", "text", ""),
    _join("string_agg", "bytea", b""),
)
