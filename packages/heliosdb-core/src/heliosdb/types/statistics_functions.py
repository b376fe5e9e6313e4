"""Variance, standard deviation, covariance, correlation and linear regression.

Integers and numerics keep exact sums and give a numeric with the scale of a quotient. Floats are summed as Youngs
and Cramer do (Sxx grows by the squared difference from the running mean), step by step as in PostgreSQL 15's
``float8_accum`` and ``float8_regr_accum``, so that the last digits agree. A sum of squares that overflows from
finite values raises 22003, one with an infinite or NaN value among the inputs is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from heliosdb.types.aggregate_functions import same_scale
from heliosdb.types.definitions import Aggregate
from heliosdb.types.float import overflow
from heliosdb.types.numeric import EXACT, NAN, division_scale, numeric_add, numeric_mul, quotient
from heliosdb.types.numeric_functions import square_root

__all__ = ["AGGREGATES"]

_ZERO = Decimal(0)

Final = Callable[..., Any]

# Name, whether it is of a sample (divide by n - 1), whether it is the root.
_SPREADS = (
    ("var_pop", False, False),
    ("var_samp", True, False),
    ("variance", True, False),
    ("stddev_pop", False, True),
    ("stddev_samp", True, True),
    ("stddev", True, True),
)


def _float_spread(sample: bool, root: bool) -> Final:
    def final(count: float, squares: float) -> float | None:
        divisor = count - 1 if sample else count
        if divisor <= 0:
            return None
        result = _finite(squares) / divisor
        return math.sqrt(result) if root else result

    return final


def _finite(total: float) -> float:
    if math.isinf(total):
        raise overflow()
    return total


def _numeric_spread(sample: bool, root: bool) -> Final:
    def final(count: int, total: Any, squares: Any) -> Decimal | None:
        if count == 0 or (sample and count == 1):
            return None
        total, squares, rows = Decimal(total), Decimal(squares), Decimal(count)
        if not total.is_finite() or not squares.is_finite():
            return NAN
        numerator = EXACT.subtract(EXACT.multiply(rows, squares), EXACT.multiply(total, total))
        if numerator <= _ZERO:
            return _ZERO
        denominator = Decimal(count * (count - 1 if sample else count))
        scale = division_scale(numerator, denominator)
        result = quotient(numerator, denominator, scale)
        return square_root(result, scale) if root else result

    return final


def _numeric_start() -> tuple[int, Decimal, Decimal]:
    return 0, _ZERO, _ZERO


def _numeric_step(state: tuple[int, Decimal, Decimal], value: Decimal) -> tuple[int, Decimal, Decimal]:
    count, total, squares = state
    return count + 1, numeric_add(total, value), numeric_add(squares, numeric_mul(value, value))


def _numeric_inverse(state: tuple[int, Decimal, Decimal], value: Decimal) -> tuple[int, Decimal, Decimal]:
    count, total, squares = state
    return count - 1, EXACT.subtract(total, value), EXACT.subtract(squares, numeric_mul(value, value))


def _spread_over(final: Final) -> Final:
    return lambda state: final(*state)


def _spreads() -> Iterator[Aggregate]:
    for name, sample, root in _SPREADS:
        for type_name in ("int2", "int4", "int8"):
            yield Aggregate(
                name,
                (type_name,),
                "numeric",
                slots=("0", "0", "0"),
                inline_step=("{s0} + 1", "{s1} + {0}", "{s2} + {0} * {0}"),
                inline_inverse=("{s0} - 1", "{s1} - {0}", "{s2} - {0} * {0}"),
                inline_final="{f}({s0}, {s1}, {s2})",
                implementation=_numeric_spread(sample, root),
            )
        yield Aggregate(
            name,
            ("numeric",),
            "numeric",
            initial=_numeric_start,
            step=_numeric_step,
            inverse=_numeric_inverse,
            reversible=same_scale,
            final=_spread_over(_numeric_spread(sample, root)),
        )
        # The first value's difference from itself is 0, or NaN where it is not finite; an overflow (1e999 is infinity)
        # stays until the end, where it raises.
        square = "({t} := {0} * {s0} - {s1}) * {t} / ({s0} * ({s0} - 1.0))"
        squares = f"{{s2}} if {{s2}} == 1e999 else {{s2}} + {square} if {{s0}} > 1.0 else {{0}} - {{0}}"
        for type_name in ("float4", "float8"):
            yield Aggregate(
                name,
                (type_name,),
                "float8",
                slots=("0.0", "0.0", "0.0"),
                inline_step=("{s0} + 1.0", "{s1} + {0}", squares),
                inline_final="{f}({s0}, {s2})",
                implementation=_float_spread(sample, root),
            )


# Slots of the two-argument aggregates (dependent Y, independent X): rows, sums, this row's differences and weight,
# and the sums of squared differences and of their products.
_PAIR_SLOTS = ("0.0",) * 9
_PAIR_STEPS = (
    "{s0} + 1.0",
    "{s1} + {1}",
    "{s2} + {0}",
    "({1} * {s0} - {s1} if {s0} > 1.0 else {1} - {1})",
    "({0} * {s0} - {s2} if {s0} > 1.0 else {0} - {0})",
    "(1.0 / ({s0} * ({s0} - 1.0)) if {s0} > 1.0 else 1.0)",
    "({s6} if {s6} == 1e999 else {s6} + {s3} * {s3} * {s5})",
    "({s7} if {s7} == 1e999 else {s7} + {s4} * {s4} * {s5})",
    "{s8} + {s3} * {s4} * {s5}",
)
_PAIR_FINAL = "({f}({s0}, {s1}, {s2}, {s6}, {s7}, {s8}) if {s0} else None)"


def _pair(name: str, final: Callable[[float, float, float, float, float, float], float | None]) -> Aggregate:
    def checked(n: float, sx: float, sy: float, sxx: float, syy: float, sxy: float) -> float | None:
        return final(n, sx, sy, _finite(sxx), _finite(syy), sxy)

    return Aggregate(
        name,
        ("float8", "float8"),
        "float8",
        slots=_PAIR_SLOTS,
        inline_step=_PAIR_STEPS,
        inline_final=_PAIR_FINAL,
        implementation=checked,
    )


def _sample_covariance(n: float, sx: float, sy: float, sxx: float, syy: float, sxy: float) -> float | None:
    return sxy / (n - 1) if n > 1 else None


def _correlation(n: float, sx: float, sy: float, sxx: float, syy: float, sxy: float) -> float | None:
    return None if sxx == 0 or syy == 0 else sxy / math.sqrt(sxx * syy)


def _determination(n: float, sx: float, sy: float, sxx: float, syy: float, sxy: float) -> float | None:
    if sxx == 0:
        return None
    return 1.0 if syy == 0 else (sxy * sxy) / (sxx * syy)


def _slope(n: float, sx: float, sy: float, sxx: float, syy: float, sxy: float) -> float | None:
    return None if sxx == 0 else sxy / sxx


def _intercept(n: float, sx: float, sy: float, sxx: float, syy: float, sxy: float) -> float | None:
    return None if sxx == 0 else (sy - sx * sxy / sxx) / n


AGGREGATES: tuple[Aggregate, ...] = (
    *_spreads(),
    Aggregate(
        "regr_count",
        ("float8", "float8"),
        "int8",
        slots=("0",),
        inline_step=("{s0} + 1",),
        inline_final="{s0}",
    ),
    _pair("regr_sxx", lambda n, sx, sy, sxx, syy, sxy: sxx),
    _pair("regr_syy", lambda n, sx, sy, sxx, syy, sxy: syy),
    _pair("regr_sxy", lambda n, sx, sy, sxx, syy, sxy: sxy),
    _pair("regr_avgx", lambda n, sx, sy, sxx, syy, sxy: sx / n),
    _pair("regr_avgy", lambda n, sx, sy, sxx, syy, sxy: sy / n),
    _pair("regr_r2", _determination),
    _pair("regr_slope", _slope),
    _pair("regr_intercept", _intercept),
    _pair("covar_pop", lambda n, sx, sy, sxx, syy, sxy: sxy / n),
    _pair("covar_samp", _sample_covariance),
    _pair("corr", _correlation),
)
