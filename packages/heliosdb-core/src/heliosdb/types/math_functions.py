"""The mathematical functions of ``double precision`` (section 9.3): powers, logarithms, trigonometry, buckets.

C's library gives infinities and NaN where PostgreSQL raises an error; each function checks its domain first, as
``float.c`` does. The functions that take degrees are exact at the multiples of 30 and 45, by scaling with the
library's own values there. ``random`` has the generator.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from heliosdb.errors import (
    ArraySubscriptError,
    InvalidArgumentForLogarithm,
    InvalidArgumentForPowerFunction,
    InvalidArgumentForWidthBucketFunction,
    NullValueNotAllowed,
    NumericValueOutOfRange,
    UndefinedFunction,
)
from heliosdb.types.definitions import CallTypes, Operator, ScalarFunction, resolve_implementation
from heliosdb.types.float import overflow, underflow

__all__ = ["FUNCTIONS", "OPERATORS", "power"]

DEGREE = 0.0174532925199432957692
SIN_30 = math.sin(30.0 * DEGREE)
ONE_MINUS_COS_60 = 1.0 - math.cos(60.0 * DEGREE)
ASIN_HALF = math.asin(0.5)
ACOS_HALF = math.acos(0.5)
ATAN_ONE = math.atan(1.0)


def _out_of_range() -> NumericValueOutOfRange:
    return NumericValueOutOfRange("input is out of range")


def _checked(result: float, operand: float) -> float:
    """Return a result unless a finite operand gave an infinity."""
    if math.isinf(result) and not math.isinf(operand):
        raise overflow()
    return result


def square_root(x: float) -> float:
    """Return the square root; 2201F for a negative number."""
    if x < 0:
        raise InvalidArgumentForPowerFunction("cannot take square root of a negative number")
    return math.sqrt(x)


def cube_root(x: float) -> float:
    """Return the cube root."""
    return math.cbrt(x)


def power(base: float, exponent: float) -> float:
    """Raise to a power; 2201F where the result is undefined or complex, 22003 where it leaves the range."""
    if base != base or exponent != exponent:
        return 1.0 if exponent == 0 or base == 1 else math.nan
    if base == 0 and exponent < 0:
        raise InvalidArgumentForPowerFunction("zero raised to a negative power is undefined")
    if base < 0 and not math.isinf(exponent) and exponent != math.floor(exponent):
        raise InvalidArgumentForPowerFunction("a negative number raised to a non-integer power yields a complex result")
    try:
        result = math.pow(base, exponent)
    except OverflowError:
        raise overflow() from None
    if result == 0 and base != 0 and not math.isinf(base) and not math.isinf(exponent):
        raise underflow()
    return result


def exponential(x: float) -> float:
    """Return e raised to a power; 22003 where it leaves the range."""
    try:
        result = math.exp(x)
    except OverflowError:
        raise overflow() from None
    if result == 0 and not math.isinf(x):
        raise underflow()
    return result


def _positive(x: float) -> None:
    if x == 0:
        raise InvalidArgumentForLogarithm("cannot take logarithm of zero")
    if x < 0:
        raise InvalidArgumentForLogarithm("cannot take logarithm of a negative number")


def natural_logarithm(x: float) -> float:
    """Return the natural logarithm; 2201E unless the operand is positive."""
    _positive(x)
    return math.log(x)


def decimal_logarithm(x: float) -> float:
    """Return the logarithm to base 10; 2201E unless the operand is positive."""
    _positive(x)
    return math.log10(x)


def round_float(x: float) -> float:
    """Round to an integer, ties to even."""
    return math.copysign(float(round(x)), x) if math.isfinite(x) else x


def ceil_float(x: float) -> float:
    """Return the least integer not below the operand."""
    return math.copysign(float(math.ceil(x)), x) if math.isfinite(x) else x


def floor_float(x: float) -> float:
    """Return the greatest integer not above the operand."""
    return float(math.floor(x)) if math.isfinite(x) and x else x


def trunc_float(x: float) -> float:
    """Cut off the fraction."""
    return math.copysign(float(math.trunc(x)), x) if math.isfinite(x) else x


def sign_float(x: float) -> float:
    """Return -1, 0 or 1; 0 for NaN, too."""
    return 1.0 if x > 0 else -1.0 if x < 0 else 0.0


def degrees(x: float) -> float:
    """Turn radians into degrees."""
    return _checked(x / DEGREE, x)


def radians(x: float) -> float:
    """Turn degrees into radians."""
    result = x * DEGREE
    if result == 0 and x:
        raise underflow()
    return result


def _finite(function: Callable[[float], float]) -> Callable[[float], float]:
    """Return a function that refuses infinities."""

    def checked(x: float) -> float:
        if math.isinf(x):
            raise _out_of_range()
        return function(x)

    return checked


def _unit(function: Callable[[float], float]) -> Callable[[float], float]:
    """Return a function that takes -1 to 1 only."""

    def checked(x: float) -> float:
        if x != x:
            return x
        if not -1 <= x <= 1:
            raise _out_of_range()
        return function(x)

    return checked


def cotangent(x: float) -> float:
    """Return the cotangent; infinite at zero."""
    if math.isinf(x):
        raise _out_of_range()
    tangent = math.tan(x)
    return 1.0 / tangent if tangent else math.copysign(math.inf, tangent)


def hyperbolic_sine(x: float) -> float:
    """Return the hyperbolic sine; infinite where it overflows."""
    try:
        return math.sinh(x)
    except OverflowError:
        return math.copysign(math.inf, x)


def hyperbolic_cosine(x: float) -> float:
    """Return the hyperbolic cosine; infinite where it overflows."""
    try:
        return math.cosh(x)
    except OverflowError:
        return math.inf


def inverse_hyperbolic_cosine(x: float) -> float:
    """Return the inverse hyperbolic cosine of a number from 1 on."""
    if x < 1:
        raise _out_of_range()
    return math.acosh(x)


def inverse_hyperbolic_tangent(x: float) -> float:
    """Return the inverse hyperbolic tangent of a number from -1 to 1, which are infinite."""
    if x < -1 or x > 1:
        raise _out_of_range()
    return math.copysign(math.inf, x) if abs(x) == 1 else math.atanh(x)


def _sine_to_30(x: float) -> float:
    return (math.sin(x * DEGREE) / SIN_30) / 2.0


def _cosine_to_60(x: float) -> float:
    return 1.0 - ((1.0 - math.cos(x * DEGREE)) / ONE_MINUS_COS_60) / 2.0


def _sine_quadrant(x: float) -> float:
    return _sine_to_30(x) if x <= 30 else _cosine_to_60(90.0 - x)


def _cosine_quadrant(x: float) -> float:
    return _cosine_to_60(x) if x <= 60 else _sine_to_30(90.0 - x)


def _reduced(x: float) -> float:
    if math.isinf(x):
        raise _out_of_range()
    return math.fmod(x, 360.0)


def sine_of_degrees(x: float) -> float:
    """Return the sine of an angle in degrees."""
    angle, sign = _reduced(x), 1.0
    if angle < 0:
        angle, sign = -angle, -sign
    if angle > 180:
        angle, sign = 360.0 - angle, -sign
    if angle > 90:
        angle = 180.0 - angle
    return sign * _sine_quadrant(angle)


def cosine_of_degrees(x: float) -> float:
    """Return the cosine of an angle in degrees."""
    angle, sign = abs(_reduced(x)), 1.0
    if angle > 180:
        angle = 360.0 - angle
    if angle > 90:
        angle, sign = 180.0 - angle, -sign
    return sign * _cosine_quadrant(angle)


def _tangent_angle(x: float) -> tuple[float, float]:
    """Return (angle from 0 to 90, sign) of an angle for tangent and cotangent."""
    angle, sign = _reduced(x), 1.0
    if angle < 0:
        angle, sign = -angle, -sign
    if angle > 180:
        angle, sign = 360.0 - angle, -sign
    if angle > 90:
        angle, sign = 180.0 - angle, -sign
    return angle, sign


def tangent_of_degrees(x: float) -> float:
    """Return the tangent of an angle in degrees."""
    angle, sign = _tangent_angle(x)
    cosine = _cosine_quadrant(angle)
    if not cosine:
        return sign * math.inf
    result = sign * ((_sine_quadrant(angle) / cosine) / (_sine_quadrant(45.0) / _cosine_quadrant(45.0)))
    return result if result else 0.0


def cotangent_of_degrees(x: float) -> float:
    """Return the cotangent of an angle in degrees."""
    angle, sign = _tangent_angle(x)
    sine = _sine_quadrant(angle)
    if not sine:
        return sign * math.copysign(math.inf, sine)
    result = sign * ((_cosine_quadrant(angle) / sine) / (_cosine_quadrant(45.0) / _sine_quadrant(45.0)))
    return result if result else 0.0


def _arcsine_quadrant(x: float) -> float:
    return (math.asin(x) / ASIN_HALF) * 30.0 if x <= 0.5 else 90.0 - (math.acos(x) / ACOS_HALF) * 60.0


def _arccosine_quadrant(x: float) -> float:
    return 90.0 - (math.asin(x) / ASIN_HALF) * 30.0 if x <= 0.5 else (math.acos(x) / ACOS_HALF) * 60.0


def arcsine_in_degrees(x: float) -> float:
    """Return the arc sine in degrees."""
    return _arcsine_quadrant(x) if x >= 0 else -_arcsine_quadrant(-x)


def arccosine_in_degrees(x: float) -> float:
    """Return the arc cosine in degrees."""
    return _arccosine_quadrant(x) if x >= 0 else 90.0 + _arcsine_quadrant(-x)


def arctangent_in_degrees(x: float) -> float:
    """Return the arc tangent in degrees."""
    return (math.atan(x) / ATAN_ONE) * 45.0


def arctangent2_in_degrees(y: float, x: float) -> float:
    """Return the angle of a point in degrees."""
    return (math.atan2(y, x) / ATAN_ONE) * 45.0


def width_bucket(operand: float, low: float, high: float, count: int) -> int:
    """Return which of equal buckets between two bounds an operand falls into (0 and count+1: outside)."""
    if count <= 0:
        raise InvalidArgumentForWidthBucketFunction("count must be greater than zero")
    if operand != operand or low != low or high != high:
        raise InvalidArgumentForWidthBucketFunction("operand, lower bound, and upper bound cannot be NaN")
    if math.isinf(low) or math.isinf(high):
        raise InvalidArgumentForWidthBucketFunction("lower and upper bounds must be finite")
    if low == high:
        raise InvalidArgumentForWidthBucketFunction("lower bound cannot equal upper bound")
    ascending = low < high
    if (operand < low) if ascending else (operand > low):
        return 0
    if (operand >= high) if ascending else (operand <= high):
        if count == 2147483647:
            raise NumericValueOutOfRange("integer out of range")
        return count + 1
    share = (operand - low) / (high - low)
    if not math.isfinite(high - low):
        share = (operand / 2 - low / 2) / (high / 2 - low / 2)
    return int(count * share) + 1


_UNARY: tuple[tuple[str, Callable[[float], float]], ...] = (
    ("sqrt", square_root),
    ("dsqrt", square_root),
    ("cbrt", cube_root),
    ("dcbrt", cube_root),
    ("exp", exponential),
    ("dexp", exponential),
    ("ln", natural_logarithm),
    ("dlog1", natural_logarithm),
    ("log", decimal_logarithm),
    ("log10", decimal_logarithm),
    ("dlog10", decimal_logarithm),
    ("round", round_float),
    ("dround", round_float),
    ("ceil", ceil_float),
    ("ceiling", ceil_float),
    ("floor", floor_float),
    ("trunc", trunc_float),
    ("dtrunc", trunc_float),
    ("sign", sign_float),
    ("degrees", degrees),
    ("radians", radians),
    ("sin", _finite(math.sin)),
    ("cos", _finite(math.cos)),
    ("tan", _finite(math.tan)),
    ("cot", cotangent),
    ("asin", _unit(math.asin)),
    ("acos", _unit(math.acos)),
    ("atan", math.atan),
    ("sind", sine_of_degrees),
    ("cosd", cosine_of_degrees),
    ("tand", tangent_of_degrees),
    ("cotd", cotangent_of_degrees),
    ("asind", _unit(arcsine_in_degrees)),
    ("acosd", _unit(arccosine_in_degrees)),
    ("atand", arctangent_in_degrees),
    ("sinh", hyperbolic_sine),
    ("cosh", hyperbolic_cosine),
    ("tanh", math.tanh),
    ("asinh", math.asinh),
    ("acosh", inverse_hyperbolic_cosine),
    ("atanh", inverse_hyperbolic_tangent),
)

_BINARY: tuple[tuple[str, Callable[[float, float], float]], ...] = (
    ("power", power),
    ("pow", power),
    ("dpow", power),
    ("atan2", math.atan2),
    ("atan2d", arctangent2_in_degrees),
)


def array_bucket(call: CallTypes) -> Callable[[Any, Sequence[Any]], int]:
    """Make ``width_bucket`` over sorted thresholds: how many of them are not above the operand."""
    ordering = call.types.ordering(call.arguments[0])
    if ordering is None:
        raise UndefinedFunction(f"could not identify a comparison function for type {call.arguments[0]}")
    key = None if ordering.sort_key is None or ordering.identity else resolve_implementation(ordering.sort_key)

    def bucket(operand: Any, thresholds: Sequence[Any]) -> int:
        if thresholds and isinstance(thresholds[0], tuple) and not isinstance(operand, tuple):
            raise ArraySubscriptError("thresholds must be one-dimensional array")
        if None in thresholds:
            raise NullValueNotAllowed("thresholds array must not contain NULLs")
        return bisect_right(thresholds, operand if key is None else key(operand), key=key)

    return bucket


def pi() -> float:
    """Return the number pi."""
    return math.pi


def _functions() -> Iterator[ScalarFunction]:
    for name, unary in _UNARY:
        yield ScalarFunction(name, ("float8",), "float8", unary)
    for name, binary in _BINARY:
        yield ScalarFunction(name, ("float8", "float8"), "float8", binary)
    yield ScalarFunction("pi", (), "float8", pi)
    yield ScalarFunction("width_bucket", ("anycompatible", "anycompatiblearray"), "int4", array_bucket, specialize=True)
    yield ScalarFunction("width_bucket", ("float8", "float8", "float8", "int4"), "int4", width_bucket)


FUNCTIONS: tuple[ScalarFunction, ...] = tuple(_functions())

OPERATORS: tuple[Operator, ...] = (
    Operator("^", "float8", "float8", "float8", "dpow"),
    Operator("|/", None, "float8", "float8", "dsqrt"),
    Operator("||/", None, "float8", "float8", "dcbrt"),
)
