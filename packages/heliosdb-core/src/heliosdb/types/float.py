"""``real`` and ``double precision``: Python floats, ``real`` rounded to single precision after every operation.

Text output is the shortest text that reads back as the same value (PostgreSQL 12 and later with ``extra_float_digits``
above zero), in C's spelling: ``1e+15``, ``Infinity``, ``NaN``. An operation on finite numbers that leaves the range
raises 22003, a nonzero result that falls to zero too. NaN equals itself and sorts last, so neither type's comparison is
Python's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from struct import Struct
from typing import Any

from heliosdb.errors import (
    DivisionByZero,
    InvalidBinaryRepresentation,
    InvalidParameterValue,
    InvalidTextRepresentation,
    NumericValueOutOfRange,
)
from heliosdb.types.boolean import BLANKS
from heliosdb.types.comparison import (
    comparison_functions,
    comparison_names,
    comparison_operators,
    nan_last,
    nan_last_comparisons,
    operator_classes,
)
from heliosdb.types.definitions import Cast, CastContext, Operator, OperatorClass, ScalarFunction, Type
from heliosdb.types.integer import WIDTHS, IntegerWidth

__all__ = [
    "CASTS",
    "FUNCTIONS",
    "OPERATORS",
    "OPERATOR_CLASSES",
    "TYPES",
    "double_text",
    "overflow",
    "single",
    "single_text",
    "underflow",
]

SMALLEST_NORMAL_SINGLE = 2.0**-126
LARGEST = 1.7976931348623157e308
_SINGLE = Struct(">f")
_DOUBLE = Struct(">d")
_DECIMAL = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_HEXADECIMAL = r"[+-]?0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)(?:[pP][+-]?[0-9]+)?"
_WORDS = {"nan": math.nan, "inf": math.inf, "infinity": math.inf}
_WORDS |= {f"{sign}{word}": -math.inf if sign == "-" else math.inf for word in ("inf", "infinity") for sign in "+-"}
_WORDS |= {"+nan": math.nan, "-nan": math.nan}


def overflow() -> NumericValueOutOfRange:
    """Return the error of a result too large for the type."""
    return NumericValueOutOfRange("value out of range: overflow")


def underflow() -> NumericValueOutOfRange:
    """Return the error of a nonzero result too small for the type."""
    return NumericValueOutOfRange("value out of range: underflow")


def single(value: float) -> float:
    """Round to single precision; infinity where that overflows."""
    try:
        rounded: float = _SINGLE.unpack(_SINGLE.pack(value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)
    return rounded


def _read(text: str, display: str) -> float:
    """Read a number of any size in C's notation; the callers check its range."""
    stripped = text.strip(BLANKS)
    if re.fullmatch(_DECIMAL, stripped):
        return float(stripped)
    value = _WORDS.get(stripped.lower())
    if value is not None:
        return value
    if re.fullmatch(_HEXADECIMAL, stripped):
        try:
            return float.fromhex(stripped)
        except OverflowError:
            return math.inf
    raise InvalidTextRepresentation(f'invalid input syntax for type {display}: "{text}"')


def _is_zero(text: str) -> bool:
    """Whether the digits of a number's text are all zero."""
    mantissa = text.lower().split("e")[0] if "x" not in text.lower() else text.lower().split("p")[0]
    return not re.search("[1-9a-f]", mantissa.replace("0x", ""))


def float8_input(text: str, typmod: int, session: Any = None) -> float:
    """Parse a double; 22P02 for other text, 22003 where it over- or underflows."""
    value = _read(text, "double precision")
    if (value in (math.inf, -math.inf) and "n" not in text.lower()) or (value == 0 and not _is_zero(text)):
        raise NumericValueOutOfRange(f'"{text.strip(BLANKS)}" is out of range for type double precision')
    return value


def float4_input(text: str, typmod: int, session: Any = None) -> float:
    """Parse a single; 22P02 for other text, 22003 where it over- or underflows."""
    value = _read(text, "real")
    rounded = single(value)
    if (rounded in (math.inf, -math.inf) and "n" not in text.lower()) or (rounded == 0 and not _is_zero(text)):
        raise NumericValueOutOfRange(f'"{text.strip(BLANKS)}" is out of range for type real')
    return rounded


def _special_text(value: float) -> str:
    if value != value:
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _layout(digits: str, point: int, negative: bool, fixed_limit: int) -> str:
    """Write digits with the point after ``point`` of them, as C's %g with a precision of ``fixed_limit``."""
    sign = "-" if negative else ""
    exponent = point - 1
    if -4 <= exponent < fixed_limit:
        if point <= 0:
            return f"{sign}0.{'0' * -point}{digits}"
        if len(digits) <= point:
            return f"{sign}{digits}{'0' * (point - len(digits))}"
        return f"{sign}{digits[:point]}.{digits[point:]}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _split(text: str) -> tuple[str, int]:
    """Return (significant digits, number of digits before the point) of an unsigned number in Python's notation."""
    mantissa, _, exponent = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = whole + fraction
    stripped = digits.lstrip("0")
    point = len(whole) - (len(digits) - len(stripped)) + int(exponent or 0)
    return stripped.rstrip("0") or "0", point if stripped else 1


def double_text(value: float) -> str:
    """Return the shortest text of a double, as PostgreSQL writes it."""
    text = repr(value)
    if text.endswith(".0"):
        return text[:-2] if abs(value) < 1e15 else _layout(*_split(text.lstrip("-")), value < 0, 15)
    if "e" not in text and abs(value) < 1e15 and value == value:
        return text
    if not math.isfinite(value):
        return _special_text(value)
    text = text.lstrip("-")
    if abs(value) >= 2.0**54:
        gap, digits = math.ulp(value), len(_split(text)[0])
        while _is_midpoint(text, value, gap):
            text = f"{abs(value):.{digits}e}"
            digits += 1
    return _layout(*_split(text), value < 0, 15)


def _is_midpoint(text: str, value: float, gap: float) -> bool:
    """Whether a text lies halfway to a neighbour of a large value: it reads back, but PostgreSQL writes a digit
    more."""
    difference = int(Decimal(text)) - int(abs(value))
    # Below a power of two the neighbour is only half as far away.
    return abs(difference) * 2 == gap or (difference * -4 == gap and math.frexp(value)[0] in (0.5, -0.5))


def single_text(value: float) -> str:
    """Return the shortest text of a single, as PostgreSQL writes it."""
    if not math.isfinite(value):
        return _special_text(value)
    if value == 0:
        return "-0" if math.copysign(1.0, value) < 0 else "0"
    magnitude = abs(value)
    text = f"{magnitude:.8e}"
    # Six digits identify any normal single that has a text of so few, and trailing zeros are cut anyway.
    for digits in range(5 if magnitude >= SMALLEST_NORMAL_SINGLE else 0, 8):
        candidate = _single_candidate(magnitude, digits)
        if candidate is not None:
            text = candidate
            break
    return _layout(*_split(text), value < 0, 6)


def _single_candidate(magnitude: float, digits: int) -> str | None:
    """Return a text with so many digits after the first that reads back as the single, None where there is none."""
    nearest = f"{magnitude:.{digits}e}"
    candidates = [nearest]
    if math.frexp(magnitude)[0] == 0.5:
        # Above a power of two there is twice as much room as below: the next text may fit where the nearest does not.
        candidates.append(
            f"{Decimal(nearest) + Decimal((0, (1,), int(nearest.partition('e')[2]) - digits)):.{digits}e}"
        )
    gap = math.ulp(magnitude) * 2.0**29
    for candidate in candidates:
        if single(float(candidate)) == magnitude and not (
            magnitude >= 2.0**25 and _is_midpoint(candidate, magnitude, gap)
        ):
            return candidate
    return None


def _digits(session: Any) -> int:
    """Return ``extra_float_digits``; 1 where there is no session."""
    return 1 if session is None else int(session.setting("extra_float_digits"))


def _rounded_text(value: float, precision: int) -> str:
    """Write with a fixed number of significant digits, as C's %g."""
    if not math.isfinite(value):
        return _special_text(value)
    return f"{value:.{max(precision, 1)}g}"


def float8_output(datum: float, session: Any = None) -> str:
    """Return the text; ``extra_float_digits`` at or below zero asks for 15 digits and fewer."""
    extra = _digits(session)
    return double_text(datum) if extra > 0 else _rounded_text(datum, 15 + extra)


def float4_output(datum: float, session: Any = None) -> str:
    """Return the text; ``extra_float_digits`` at or below zero asks for 6 digits and fewer."""
    extra = _digits(session)
    return single_text(datum) if extra > 0 else _rounded_text(datum, 6 + extra)


def _receive(form: Struct) -> Callable[[bytes], float]:
    def float_receive(data: bytes) -> float:
        if len(data) != form.size:
            raise InvalidBinaryRepresentation("incorrect binary data format")
        value: float = form.unpack(data)[0]
        return value

    return float_receive


def float_typmod(modifiers: object) -> int:
    """Refuse a modifier: ``float(n)`` is resolved to one of the two types by the grammar."""
    raise InvalidParameterValue("type modifier is not allowed for type double precision")


def float4_from_python(value: Any) -> float:
    """Return a number as a single; 22003 where a finite one overflows."""
    rounded = single(float(value))
    if math.isinf(rounded) and not math.isinf(value):
        raise overflow()
    return rounded


def checked_result(result: float, left: float, right: float) -> float:
    """Return a sum's or difference's value unless finite operands gave an infinity."""
    if math.isinf(result) and not math.isinf(left) and not math.isinf(right):
        raise overflow()
    return result


def _plus(left: float, right: float) -> float:
    return checked_result(left + right, left, right)


def _minus(left: float, right: float) -> float:
    return checked_result(left - right, left, right)


def _times(left: float, right: float) -> float:
    result = checked_result(left * right, left, right)
    if result == 0 and left != 0 and right != 0:
        raise underflow()
    return result


def _divide(left: float, right: float) -> float:
    if right == 0 and left == left:
        raise DivisionByZero("division by zero")
    if right == 0:
        return math.nan
    result = left / right
    if math.isinf(result) and not math.isinf(left):
        raise overflow()
    if result == 0 and left != 0 and not math.isinf(right):
        raise underflow()
    return result


def _in_single(operation: Callable[[float, float], float]) -> Callable[[float, float], float]:
    """Return an operation on singles: computed exactly enough in double, then rounded and checked once more."""

    def compute(left: float, right: float) -> float:
        result = operation(left, right)
        rounded = single(result)
        if math.isinf(rounded) and not math.isinf(result):
            raise overflow()
        if rounded == 0 and result != 0:
            raise underflow()
        return rounded

    return compute


_OPERATIONS = (
    ("+", "pl", _plus, f"({{t}} if -{LARGEST!r} <= ({{t}} := {{0}} + {{1}}) <= {LARGEST!r} else {{f}}({{0}}, {{1}}))"),
    ("-", "mi", _minus, f"({{t}} if -{LARGEST!r} <= ({{t}} := {{0}} - {{1}}) <= {LARGEST!r} else {{f}}({{0}}, {{1}}))"),
    (
        "*",
        "mul",
        _times,
        f"({{t}} if ({{t}} := {{0}} * {{1}}) and -{LARGEST!r} <= {{t}} <= {LARGEST!r} else {{f}}({{0}}, {{1}}))",
    ),
    (
        "/",
        "div",
        _divide,
        "({t} if {1} and ({t} := {0} / {1}) "
        f"and -{LARGEST!r} <= {{t}} <= {LARGEST!r} else {{f}}({{0}}, {{1}}))",
    ),
)

_COMPARISONS = (
    "({0} == {1} or {0} != {0} and {1} != {1})",
    "({0} != {1} and ({0} == {0} or {1} == {1}))",
    "({0} < {1} or {1} != {1} and {0} == {0})",
    "({0} <= {1} or {1} != {1})",
    "({0} > {1} or {0} != {0} and {1} == {1})",
    "({0} >= {1} or {0} != {0})",
)
"""Python's comparison with the two rules it lacks: NaN = NaN, and NaN above everything."""


def _rounded_integer(width: IntegerWidth) -> Callable[[float], int]:
    """Return the conversion to an integer: to the nearest, ties to even, as C's rint()."""

    def convert(datum: float) -> int:
        if not math.isfinite(datum):
            raise NumericValueOutOfRange(f"{width.display} out of range")
        return width.checked(round(datum))

    return convert


def float4_from_float8(datum: float) -> float:
    """Round to single precision; 22003 where that over- or underflows."""
    rounded = single(datum)
    if math.isinf(rounded) and not math.isinf(datum):
        raise overflow()
    if rounded == 0 and datum != 0:
        raise underflow()
    return rounded


def _absolute(datum: float) -> float:
    return abs(datum)


def _negate(datum: float) -> float:
    return -datum


def _identity(datum: float) -> float:
    return datum


TYPES: tuple[Type, ...] = (
    Type(
        "float4",
        "real",
        oid=700,
        array_oid=1021,
        category="N",
        length=4,
        aliases=("real",),
        input=float4_input,
        output=float4_output,
        receive=_receive(_SINGLE),
        send=_SINGLE.pack,
        from_python=float4_from_python,
        needs_session=True,
        description="single-precision floating point number, 4-byte storage",
    ),
    Type(
        "float8",
        "double precision",
        oid=701,
        array_oid=1022,
        category="N",
        preferred=True,
        length=8,
        aliases=("double precision", "double", "float"),
        input=float8_input,
        output=float8_output,
        receive=_receive(_DOUBLE),
        send=_DOUBLE.pack,
        from_python=float,
        python_types=("builtins:float",),
        needs_session=True,
        description="double-precision floating point number, 8-byte storage",
    ),
)


def _casts() -> Iterator[Cast]:
    yield Cast("float4", "float8", CastContext.IMPLICIT, _identity, inline="{0}")
    yield Cast("float8", "float4", CastContext.ASSIGNMENT, float4_from_float8)
    for width in WIDTHS:
        yield Cast(width.name, "float8", CastContext.IMPLICIT, float, inline="({0} * 1.0)")
        if width.bits == 16:
            yield Cast(width.name, "float4", CastContext.IMPLICIT, float, inline="({0} * 1.0)")
        else:
            yield Cast(width.name, "float4", CastContext.IMPLICIT, single)
        for source in ("float4", "float8"):
            yield Cast(source, width.name, CastContext.ASSIGNMENT, _rounded_integer(width))


def _lists() -> tuple[list[ScalarFunction], list[Operator]]:
    functions: list[ScalarFunction] = []
    operators: list[Operator] = []
    for left, right, prefix in (
        ("float8", "float8", "float8"),
        ("float4", "float4", "float4"),
        ("float4", "float8", "float48"),
        ("float8", "float4", "float84"),
    ):
        names = comparison_names(prefix)
        functions += comparison_functions(left, right, names, _COMPARISONS, nan_last_comparisons)
        operators += comparison_operators(left, right, names)
        for symbol, suffix, operation, inline in _OPERATIONS:
            commutator = symbol if symbol in "+*" else None
            if prefix == "float4":
                function = ScalarFunction(prefix + suffix, (left, right), "float4", _in_single(operation))
            else:
                function = ScalarFunction(prefix + suffix, (left, right), "float8", operation, inline=inline)
            functions.append(function)
            operators.append(Operator(symbol, left, right, function.returns, function.name, commutator=commutator))
    for name in ("float4", "float8"):
        for symbol, suffix, unary, template in (
            ("-", "um", _negate, "(-{0})"),
            ("+", "up", _identity, "{0}"),
            ("@", "abs", _absolute, None),
        ):
            functions.append(ScalarFunction(name + suffix, (name,), name, unary, inline=template))
            operators.append(Operator(symbol, None, name, name, name + suffix))
        functions.append(ScalarFunction("abs", (name,), name, _absolute))
    return functions, operators


CASTS: tuple[Cast, ...] = tuple(_casts())
_LISTS = _lists()
FUNCTIONS: tuple[ScalarFunction, ...] = tuple(_LISTS[0])
OPERATORS: tuple[Operator, ...] = tuple(_LISTS[1])
OPERATOR_CLASSES: tuple[OperatorClass, ...] = tuple(
    c
    for name in ("float4", "float8")
    for c in operator_classes(name, identity=False, hash_key=nan_last, sort_key=nan_last)
)
