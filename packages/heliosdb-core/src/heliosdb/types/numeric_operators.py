"""The operators, casts and operator classes of ``numeric``; ``numeric`` has the datums and the arithmetic.

Comparisons guard against NaN first: Python's ``<`` on a NaN Decimal would signal in the thread's context.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_UP, Decimal

from heliosdb.errors import FeatureNotSupported, NumericValueOutOfRange
from heliosdb.types.comparison import (
    comparison_functions,
    comparison_names,
    comparison_operators,
    nan_last,
    nan_last_comparisons,
    operator_classes,
)
from heliosdb.types.definitions import Cast, CastContext, Operator, OperatorClass, ScalarFunction
from heliosdb.types.float import single
from heliosdb.types.integer import WIDTHS, IntegerWidth
from heliosdb.types.numeric import (
    NAN,
    normal,
    numeric_add,
    numeric_div,
    numeric_mod,
    numeric_mul,
    numeric_sub,
    rescaled,
)

__all__ = ["CASTS", "FUNCTIONS", "OPERATORS", "OPERATOR_CLASSES", "numeric_from_float8", "numeric_to_float8"]


def _guarded(symbol: str) -> str:
    return f"({{0}} {symbol} {{1}} if {{0}} == {{0}} and {{1}} == {{1}} else {{f}}({{0}}, {{1}}))"


_COMPARISONS = tuple(_guarded(symbol) for symbol in ("==", "!=", "<", "<=", ">", ">="))


def numeric_abs(datum: Decimal) -> Decimal:
    """Return the absolute value."""
    return datum.copy_abs()


def numeric_uminus(datum: Decimal) -> Decimal:
    """Negate; there is no negative zero."""
    return datum.copy_negate() if datum and datum == datum else datum


def numeric_uplus(datum: Decimal) -> Decimal:
    """Return the operand."""
    return datum


def _to_integer(width: IntegerWidth) -> Callable[[Decimal], int]:
    """Return the conversion to an integer: ties away from zero, unlike float's."""

    def convert(datum: Decimal) -> int:
        if not datum.is_finite():
            what = "NaN" if datum != datum else "infinity"
            raise FeatureNotSupported(f"cannot convert {what} to {width.display}")
        if datum.adjusted() > 20:
            raise NumericValueOutOfRange(f"{width.display} out of range")
        return width.checked(int(rescaled(datum, 0, ROUND_HALF_UP)))

    return convert


def _out_of_range(datum: Decimal, display: str) -> NumericValueOutOfRange:
    return NumericValueOutOfRange(f'"{datum:f}" is out of range for type {display}')


def numeric_to_float8(datum: Decimal) -> float:
    """Return the nearest double; 22003 where it over- or underflows."""
    value = float(datum)
    if math.isinf(value) and datum.is_finite():
        raise _out_of_range(datum, "double precision")
    if value == 0 and datum:
        raise _out_of_range(datum, "double precision")
    return value


def numeric_to_float4(datum: Decimal) -> float:
    """Return the nearest single; 22003 where it over- or underflows."""
    value = single(float(datum))
    if (math.isinf(value) and datum.is_finite()) or (value == 0 and datum):
        raise _out_of_range(datum, "real")
    return value


def _from_float(digits: int) -> Callable[[float], Decimal]:
    """Return the conversion from a float: as many significant digits as the type is sure of (C's DBL_DIG, FLT_DIG)."""

    def convert(datum: float) -> Decimal:
        if not math.isfinite(datum):
            return NAN if datum != datum else Decimal(datum)
        # %g drops trailing zeros, so that 1.50 has scale 1, and an exponent above zero is written out.
        return normal(Decimal(f"{datum:.{digits}g}"))

    return convert


numeric_from_float8 = _from_float(15)
numeric_from_float4 = _from_float(6)


def _casts() -> Iterator[Cast]:
    for width in WIDTHS:
        yield Cast(width.name, "numeric", CastContext.IMPLICIT, Decimal)
        yield Cast("numeric", width.name, CastContext.ASSIGNMENT, _to_integer(width))
    yield Cast("numeric", "float8", CastContext.IMPLICIT, numeric_to_float8)
    yield Cast("numeric", "float4", CastContext.IMPLICIT, numeric_to_float4)
    yield Cast("float8", "numeric", CastContext.ASSIGNMENT, numeric_from_float8)
    yield Cast("float4", "numeric", CastContext.ASSIGNMENT, numeric_from_float4)


CASTS: tuple[Cast, ...] = tuple(_casts())

_NAMES = comparison_names("numeric_")
_N, _NN = ("numeric",), ("numeric", "numeric")

FUNCTIONS: tuple[ScalarFunction, ...] = (
    *comparison_functions("numeric", "numeric", _NAMES, _COMPARISONS, nan_last_comparisons),
    ScalarFunction("numeric_add", _NN, "numeric", numeric_add),
    ScalarFunction("numeric_sub", _NN, "numeric", numeric_sub),
    ScalarFunction("numeric_mul", _NN, "numeric", numeric_mul),
    ScalarFunction("numeric_div", _NN, "numeric", numeric_div),
    ScalarFunction("numeric_mod", _NN, "numeric", numeric_mod),
    ScalarFunction("mod", _NN, "numeric", numeric_mod),
    ScalarFunction("numeric_uminus", _N, "numeric", numeric_uminus),
    ScalarFunction("numeric_uplus", _N, "numeric", numeric_uplus, inline="{0}"),
    ScalarFunction("numeric_abs", _N, "numeric", numeric_abs, inline="{0}.copy_abs()"),
    ScalarFunction("abs", _N, "numeric", numeric_abs, inline="{0}.copy_abs()"),
)

OPERATORS: tuple[Operator, ...] = (
    *comparison_operators("numeric", "numeric", _NAMES),
    Operator("+", "numeric", "numeric", "numeric", "numeric_add", commutator="+"),
    Operator("-", "numeric", "numeric", "numeric", "numeric_sub"),
    Operator("*", "numeric", "numeric", "numeric", "numeric_mul", commutator="*"),
    Operator("/", "numeric", "numeric", "numeric", "numeric_div"),
    Operator("%", "numeric", "numeric", "numeric", "numeric_mod"),
    Operator("-", None, "numeric", "numeric", "numeric_uminus"),
    Operator("+", None, "numeric", "numeric", "numeric_uplus"),
    Operator("@", None, "numeric", "numeric", "numeric_abs"),
)

OPERATOR_CLASSES: tuple[OperatorClass, ...] = operator_classes(
    "numeric", identity=False, hash_key=nan_last, sort_key=nan_last
)
