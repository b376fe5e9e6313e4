"""The mathematical functions of ``numeric``: rounding, roots, exponentials, logarithms, powers, divisors.

How many digits after the point a result gets follows ``numeric.c`` of PostgreSQL 15: at least 16 significant digits
and at least the scale of the operands. The estimates that this takes (the decimal weight of a logarithm, of a power)
are made in double precision exactly as there, so that the scales agree digit for digit. The digits themselves come
from ``decimal``, whose logarithm and exponential are correctly rounded, computed with ten digits to spare.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal

from heliosdb.errors import (
    DivisionByZero,
    InvalidArgumentForLogarithm,
    InvalidArgumentForPowerFunction,
    InvalidArgumentForWidthBucketFunction,
    InvalidParameterValue,
    NumericValueOutOfRange,
)
from heliosdb.interrupts import poll
from heliosdb.types.definitions import Operator, ScalarFunction, TableFunction
from heliosdb.types.numeric import (
    EXACT,
    MAXIMUM_DISPLAY_SCALE,
    MAXIMUM_SCALE,
    MAXIMUM_WHOLE_DIGITS,
    MINIMUM_SIGNIFICANT_DIGITS,
    NAN,
    leading_group,
    numeric_add,
    numeric_div_trunc,
    numeric_overflow,
    quotient,
    rescaled,
    scale_of,
)

__all__ = ["FUNCTIONS", "OPERATORS", "TABLE_FUNCTIONS", "numeric_power", "numeric_sqrt", "round_numeric", "square_root"]

MAXIMUM_RESULT_SCALE = 2000
LOG10_OF_E = 0.434294481903252
LN_OF_10 = 2.302585092994046
INT4_RANGE = range(-(2**31), 2**31)

_ZERO, _ONE = Decimal(0), Decimal(1)
_LEADING_DIGITS = Context(prec=17, rounding=ROUND_HALF_EVEN, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])
_INFINITY = Decimal("Infinity")


def _working(digits: int) -> Context:
    """Return a context for an intermediate result with so many significant digits."""
    return Context(prec=max(digits, 1) + 12, rounding=ROUND_HALF_EVEN, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])


def _clamped(scale: int, *operands: Decimal) -> int:
    """Return a result scale that is not below the operands' and within what numeric displays."""
    return min(max(scale, 0, *(scale_of(operand) for operand in operands)), MAXIMUM_DISPLAY_SCALE)


def round_numeric(datum: Decimal, scale: int = 0) -> Decimal:
    """Round to a number of digits after the point, ties away from zero; a negative number rounds whole digits."""
    if not datum.is_finite():
        return datum
    if scale < -MAXIMUM_WHOLE_DIGITS:
        return _ZERO
    return rescaled(datum, min(scale, MAXIMUM_SCALE))


def trunc_numeric(datum: Decimal, scale: int = 0) -> Decimal:
    """Cut off after a number of digits after the point."""
    if not datum.is_finite():
        return datum
    if scale < -MAXIMUM_WHOLE_DIGITS:
        return _ZERO
    return rescaled(datum, min(scale, MAXIMUM_SCALE), ROUND_DOWN)


def ceil_numeric(datum: Decimal) -> Decimal:
    """Return the least integer not below the operand."""
    return rescaled(datum, 0, ROUND_CEILING) if datum.is_finite() else datum


def floor_numeric(datum: Decimal) -> Decimal:
    """Return the greatest integer not above the operand."""
    return rescaled(datum, 0, ROUND_FLOOR) if datum.is_finite() else datum


def sign_numeric(datum: Decimal) -> Decimal:
    """Return -1, 0 or 1."""
    if datum != datum:
        return NAN
    return _ZERO if not datum else _ONE.copy_sign(datum)


def square_root(datum: Decimal, scale: int) -> Decimal:
    """Return the square root of a finite number that is not negative, rounded to a scale."""
    # In integers, where the rounding is exact: a decimal root would be rounded twice.
    square = int(datum.scaleb(2 * scale, EXACT))
    root = math.isqrt(square)
    return Decimal(root + (square - root * root > root)).scaleb(-scale, EXACT)


def numeric_sqrt(datum: Decimal) -> Decimal:
    """Return the square root; 2201F for a negative number."""
    if datum != datum:
        return NAN
    if datum < _ZERO:
        raise InvalidArgumentForPowerFunction("cannot take square root of a negative number")
    if not datum.is_finite():
        return datum
    weight, _ = leading_group(datum)
    # C's division truncates: a weight below zero must not be rounded down.
    whole_digits = int(weight * 4 / 2) + 1
    return square_root(datum, _clamped(MINIMUM_SIGNIFICANT_DIGITS - whole_digits, datum))


def numeric_exp(datum: Decimal) -> Decimal:
    """Return e raised to a power."""
    if not datum.is_finite():
        return _ZERO if datum == -_INFINITY else datum
    weight = min(max(float(datum) * LOG10_OF_E, -MAXIMUM_RESULT_SCALE), MAXIMUM_RESULT_SCALE)
    scale = _clamped(MINIMUM_SIGNIFICANT_DIGITS - int(weight), datum)
    if abs(float(datum)) >= MAXIMUM_RESULT_SCALE * 3:
        if datum > _ZERO:
            raise numeric_overflow()
        return rescaled(_ZERO, scale)
    return rescaled(_working(int(float(datum) * LOG10_OF_E) + scale + 2).exp(datum), scale)


def _logarithm_weight(datum: Decimal) -> int:
    """Estimate the decimal weight of the natural logarithm of a positive number (``estimate_ln_dweight``)."""
    if Decimal("0.9") <= datum <= Decimal("1.1"):
        difference = EXACT.subtract(datum, _ONE)
        if not difference:
            return 0
        weight, group = leading_group(difference)
        return weight * 4 + int(math.log10(group))
    weight, group = leading_group(datum)
    digits = "".join(map(str, datum.as_tuple().digits))
    # The first two groups of four digits, where there is more than one that is not zero.
    first = datum.adjusted() - weight * 4 + 1
    exponent = weight * 4
    rest = digits[first:].rstrip("0")
    if rest:
        group = group * 10000 + int(digits[first : first + 4].ljust(4, "0"))
        exponent -= 4
    logarithm = math.log(group) + exponent * LN_OF_10
    return int(math.log10(abs(logarithm)))


def _check_logarithm(datum: Decimal) -> None:
    if datum < _ZERO:
        raise InvalidArgumentForLogarithm("cannot take logarithm of a negative number")
    if not datum:
        raise InvalidArgumentForLogarithm("cannot take logarithm of zero")


def numeric_ln(datum: Decimal) -> Decimal:
    """Return the natural logarithm; 2201E unless the operand is positive."""
    if datum != datum:
        return NAN
    _check_logarithm(datum)
    if not datum.is_finite():
        return datum
    scale = _clamped(MINIMUM_SIGNIFICANT_DIGITS - _logarithm_weight(datum), datum)
    return rescaled(_working(scale + 8).ln(datum), scale)


def numeric_log(base: Decimal, datum: Decimal) -> Decimal:
    """Return the logarithm to a base; 2201E unless both are positive."""
    if base != base or datum != datum:
        return NAN
    _check_logarithm(base)
    _check_logarithm(datum)
    if not base.is_finite():
        return NAN if not datum.is_finite() else _ZERO
    if not datum.is_finite():
        return datum
    base_weight, weight = _logarithm_weight(base), _logarithm_weight(datum)
    scale = _clamped(MINIMUM_SIGNIFICANT_DIGITS - (weight - base_weight), base, datum)
    context = _working(scale + abs(weight) + abs(base_weight) + 20)
    divisor = context.ln(base)
    if not divisor:
        raise DivisionByZero("division by zero")
    return quotient(context.ln(datum), divisor, scale)


def numeric_log10(datum: Decimal) -> Decimal:
    """Return the logarithm to base 10."""
    return numeric_log(Decimal(10), datum)


def _is_whole(datum: Decimal) -> bool:
    return not datum.is_finite() or datum == rescaled(datum, 0, ROUND_DOWN)


def _is_odd(datum: Decimal) -> bool:
    return bool(EXACT.remainder(datum, Decimal(2)))


def _special_power(base: Decimal, exponent: Decimal) -> Decimal:
    """Raise to a power where an operand is NaN or infinite (``numeric_power``)."""
    if base != base:
        return NAN if exponent != exponent or exponent else _ONE
    if exponent != exponent:
        return _ONE if base == _ONE else NAN
    if base == _ONE or not exponent:
        return _ONE
    if not base:
        return _ZERO
    if not exponent.is_finite():
        if base == -_ONE:
            return _ONE
        return _INFINITY if (base.copy_abs() > _ONE) == (exponent > _ZERO) else _ZERO
    if exponent < _ZERO:
        return _ZERO
    return base if base > _ZERO or _is_odd(exponent) else _INFINITY


def numeric_power(base: Decimal, exponent: Decimal) -> Decimal:
    """Raise to a power; 2201F where the result is undefined or complex."""
    if base == base and exponent == exponent:
        if not base and exponent < _ZERO:
            raise InvalidArgumentForPowerFunction("zero raised to a negative power is undefined")
        if base < _ZERO and not _is_whole(exponent):
            raise InvalidArgumentForPowerFunction(
                "a negative number raised to a non-integer power yields a complex result"
            )
    if not base.is_finite() or not exponent.is_finite():
        return _special_power(base, exponent)
    if _is_whole(exponent) and exponent.adjusted() < 11 and int(exponent) in INT4_RANGE:
        return _whole_power(base, int(exponent))
    if not base:
        return rescaled(_ZERO, MINIMUM_SIGNIFICANT_DIGITS)
    negative = base < _ZERO and _is_odd(exponent)
    base = base.copy_abs()
    local_scale = max(8 - _logarithm_weight(base), 0)
    logarithm = rescaled(_working(local_scale + 8).ln(base), local_scale)
    weight = float(rescaled(EXACT.multiply(logarithm, exponent), local_scale))
    if abs(weight) > MAXIMUM_RESULT_SCALE * 3.01:
        if weight > 0:
            raise numeric_overflow()
        return rescaled(_ZERO, MAXIMUM_DISPLAY_SCALE)
    weight *= LOG10_OF_E
    scale = _clamped(MINIMUM_SIGNIFICANT_DIGITS - int(weight), base, exponent)
    result = rescaled(_working(int(weight) + scale + 4).power(base, exponent), scale)
    return result.copy_negate() if negative and result else result


def _whole_power(base: Decimal, exponent: int) -> Decimal:
    """Raise to an integer power (``power_var_int``)."""
    scale = min(max(MINIMUM_SIGNIFICANT_DIGITS, scale_of(base)), MAXIMUM_DISPLAY_SCALE)
    if exponent == 0:
        return rescaled(_ONE, scale)
    if exponent == -1:
        return quotient(_ONE, base, scale)
    if not base:
        return rescaled(_ZERO, scale)
    # The decimal weight of the result, from the leading digits that fit a double.
    leading = base.copy_abs().normalize(_LEADING_DIGITS)
    weight = exponent * (math.log10(float(leading.scaleb(-leading.adjusted()))) + leading.adjusted())
    if weight > MAXIMUM_WHOLE_DIGITS:
        raise numeric_overflow()
    if weight + 1 < -scale:
        return rescaled(_ZERO, scale)
    return rescaled(_working(int(weight) + scale + 4).power(base, exponent), scale)


def factorial(number: int) -> Decimal:
    """Return the product of 1 to a number; 22003 where it is negative or too large."""
    if number < 0:
        raise NumericValueOutOfRange("factorial of a negative number is undefined")
    if number > 32177:
        raise numeric_overflow()
    return _product(1, number)


def _product(first: int, last: int) -> Decimal:
    """Return the product of the integers between two: of halves of like length, which Decimal is fast at."""
    if last - first < 64:
        return Decimal(math.prod(range(first, last + 1)))
    poll()
    middle = (first + last) // 2
    return EXACT.multiply(_product(first, middle), _product(middle + 1, last))


def _as_integers(left: Decimal, right: Decimal) -> tuple[int, int, int]:
    scale = max(scale_of(left), scale_of(right))
    return int(left.scaleb(scale, EXACT)), int(right.scaleb(scale, EXACT)), scale


def numeric_gcd(left: Decimal, right: Decimal) -> Decimal:
    """Return the greatest common divisor."""
    if not left.is_finite() or not right.is_finite():
        return NAN
    a, b, scale = _as_integers(left, right)
    return rescaled(Decimal(math.gcd(a, b)).scaleb(-scale, EXACT), scale)


def numeric_lcm(left: Decimal, right: Decimal) -> Decimal:
    """Return the least common multiple."""
    if not left.is_finite() or not right.is_finite():
        return NAN
    a, b, scale = _as_integers(left, right)
    result = Decimal(math.lcm(a, b)).scaleb(-scale, EXACT)
    if result and result.adjusted() >= MAXIMUM_WHOLE_DIGITS:
        raise numeric_overflow()
    return rescaled(result, scale)


def display_scale(datum: Decimal) -> int | None:
    """Return the number of digits after the point."""
    return scale_of(datum) if datum.is_finite() else None


def min_scale(datum: Decimal) -> int | None:
    """Return the number of digits after the point without trailing zeros."""
    return max(-int(datum.normalize(EXACT).as_tuple().exponent), 0) if datum.is_finite() else None


def trim_scale(datum: Decimal) -> Decimal:
    """Remove trailing zeros after the point."""
    return rescaled(datum, min_scale(datum) or 0) if datum.is_finite() else datum


def width_bucket_numeric(operand: Decimal, low: Decimal, high: Decimal, count: int) -> int:
    """Return which of equal buckets between two bounds an operand falls into (0 and count+1: outside)."""
    if count <= 0:
        raise InvalidArgumentForWidthBucketFunction("count must be greater than zero")
    if operand != operand or low != low or high != high:
        raise InvalidArgumentForWidthBucketFunction("operand, lower bound, and upper bound cannot be NaN")
    if not low.is_finite() or not high.is_finite():
        raise InvalidArgumentForWidthBucketFunction("lower and upper bounds must be finite")
    if low == high:
        raise InvalidArgumentForWidthBucketFunction("lower bound cannot equal upper bound")
    descending = low > high
    if (operand > low) if descending else (operand < low):
        return 0
    if (operand <= high) if descending else (operand >= high):
        return _bucket(count + 1)
    distance = EXACT.subtract(low, operand) if descending else EXACT.subtract(operand, low)
    width = EXACT.subtract(low, high) if descending else EXACT.subtract(high, low)
    return int(numeric_div_trunc(EXACT.multiply(distance, Decimal(count)), width)) + 1


def _bucket(number: int) -> int:
    if number not in INT4_RANGE:
        raise NumericValueOutOfRange("integer out of range")
    return number


def numeric_series(start: Decimal, stop: Decimal, step: Decimal = _ONE) -> Iterator[Decimal]:
    """Count from one number to another; 22023 for a step of zero or an operand that is not finite."""
    for name, value in (("start", start), ("stop", stop), ("step size", step)):
        if not value.is_finite():
            what = "NaN" if value != value else "infinity"
            raise InvalidParameterValue(
                f"{name} value cannot be {what}" if name != "step size" else f"{name} cannot be {what}"
            )
    if not step:
        raise InvalidParameterValue("step size cannot equal zero")
    return _count(start, stop, step)


def _count(current: Decimal, stop: Decimal, step: Decimal) -> Iterator[Decimal]:
    ascending = step > _ZERO
    while (current <= stop) if ascending else (current >= stop):
        yield current
        current = numeric_add(current, step)


_N, _NN = ("numeric",), ("numeric", "numeric")

_UNARY = (
    ("ceil", ceil_numeric),
    ("ceiling", ceil_numeric),
    ("floor", floor_numeric),
    ("sign", sign_numeric),
    ("sqrt", numeric_sqrt),
    ("numeric_sqrt", numeric_sqrt),
    ("exp", numeric_exp),
    ("numeric_exp", numeric_exp),
    ("ln", numeric_ln),
    ("numeric_ln", numeric_ln),
    ("log", numeric_log10),
    ("log10", numeric_log10),
    ("trim_scale", trim_scale),
)
_BINARY = (
    ("log", numeric_log),
    ("numeric_log", numeric_log),
    ("power", numeric_power),
    ("pow", numeric_power),
    ("numeric_power", numeric_power),
    ("div", numeric_div_trunc),
    ("numeric_div_trunc", numeric_div_trunc),
    ("gcd", numeric_gcd),
    ("lcm", numeric_lcm),
)

FUNCTIONS: tuple[ScalarFunction, ...] = (
    ScalarFunction("round", _N, "numeric", round_numeric),
    ScalarFunction("round", ("numeric", "int4"), "numeric", round_numeric),
    ScalarFunction("trunc", _N, "numeric", trunc_numeric),
    ScalarFunction("trunc", ("numeric", "int4"), "numeric", trunc_numeric),
    *(ScalarFunction(name, _N, "numeric", function, bounded=False) for name, function in _UNARY),
    *(ScalarFunction(name, _NN, "numeric", function, bounded=False) for name, function in _BINARY),
    ScalarFunction("factorial", ("int8",), "numeric", factorial, bounded=False),
    ScalarFunction("scale", _N, "int4", display_scale),
    ScalarFunction("min_scale", _N, "int4", min_scale),
    ScalarFunction("width_bucket", ("numeric", "numeric", "numeric", "int4"), "int4", width_bucket_numeric),
)

OPERATORS: tuple[Operator, ...] = (Operator("^", "numeric", "numeric", "numeric", "numeric_power"),)

TABLE_FUNCTIONS: tuple[TableFunction, ...] = (
    TableFunction("generate_series", ("numeric", "numeric"), "numeric", numeric_series),
    TableFunction("generate_series", ("numeric", "numeric", "numeric"), "numeric", numeric_series),
)
