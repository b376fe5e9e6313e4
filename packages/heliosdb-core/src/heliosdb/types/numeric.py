"""``numeric``: Decimal datums with PostgreSQL's scale rules, infinities and NaN.

A datum's exponent is its display scale negated, so a finite datum never has an exponent above zero, and never is a
negative zero: every function here keeps that invariant, and arithmetic then gives sums the larger scale and products
the sum of the scales without further work. All arithmetic runs in contexts of this module (``EXACT`` and the division
contexts), never in the thread's, whose precision and traps belong to the embedding program.

The limits are PostgreSQL's: 131,072 digits before the point, 16,383 after. Scales of quotients and roots follow
``numeric.c`` of PostgreSQL 15, which counts in groups of four digits (NBASE 10000). ``numeric_functions`` registers
what stands here and has the transcendental functions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import (
    MAX_EMAX,
    MIN_EMIN,
    ROUND_05UP,
    ROUND_DOWN,
    ROUND_HALF_UP,
    Context,
    Decimal,
    Overflow,
)
from struct import Struct, pack, unpack_from
from struct import error as struct_error
from typing import Any

from heliosdb.errors import (
    DivisionByZero,
    InvalidBinaryRepresentation,
    InvalidParameterValue,
    InvalidTextRepresentation,
    NumericValueOutOfRange,
)
from heliosdb.types.boolean import BLANKS
from heliosdb.types.definitions import Type
from heliosdb.types.stored_classes import NUMERIC

__all__ = [
    "EXACT",
    "NAN",
    "TYPES",
    "coerce_numeric",
    "leading_group",
    "numeric_add",
    "numeric_div",
    "numeric_div_trunc",
    "numeric_from_python",
    "numeric_input",
    "numeric_mod",
    "numeric_mul",
    "numeric_output",
    "numeric_overflow",
    "numeric_sub",
    "quotient",
    "rescaled",
]

MAXIMUM_WHOLE_DIGITS = 131072
MAXIMUM_SCALE = 16383
MAXIMUM_DISPLAY_SCALE = 1000
MINIMUM_SIGNIFICANT_DIGITS = 16
GROUP_DIGITS = 4

EXACT = Context(
    prec=MAXIMUM_WHOLE_DIGITS + 3 * MAXIMUM_SCALE,
    rounding=ROUND_HALF_UP,
    Emin=MIN_EMIN,
    Emax=MAXIMUM_WHOLE_DIGITS - 1,
    traps=[Overflow],
)
"""Wide enough that sums and products are exact; a result of too many whole digits raises ``decimal.Overflow``."""

_DIVISIONS = tuple(
    Context(prec=precision, rounding=ROUND_05UP, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])
    for precision in (50, 200, 1100, 5000, 40000, 330000)
)
# ROUND_05UP leaves a last digit from which a second rounding to fewer digits comes out right.

NAN = Decimal("NaN")
_ZERO = Decimal(0)
_INFINITIES = {"inf": Decimal("Infinity"), "infinity": Decimal("Infinity")}
_WORDS = {
    "nan": NAN,
    **_INFINITIES,
    **{f"+{word}": value for word, value in _INFINITIES.items()},
    **{f"-{word}": value.copy_negate() for word, value in _INFINITIES.items()},
}
_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE]([+-]?[0-9]+))?"
_EXPONENTS = tuple(Decimal((0, (1,), -scale)) for scale in range(MAXIMUM_DISPLAY_SCALE + 1))
_WIRE = Struct(">hhHH")
_WIRE_SIGNS = {0xC000: NAN, 0xD000: Decimal("Infinity"), 0xF000: Decimal("-Infinity")}

_add, _subtract, _multiply = EXACT.add, EXACT.subtract, EXACT.multiply


def numeric_overflow() -> NumericValueOutOfRange:
    """Return the error of a number with too many digits."""
    return NumericValueOutOfRange("value overflows numeric format")


def scale_of(datum: Decimal) -> int:
    """Return the display scale of a finite datum."""
    return -int(datum.as_tuple().exponent)


def exponent_of(scale: int) -> Decimal:
    """Return 10 ** -scale, the pattern that ``quantize`` wants."""
    return _EXPONENTS[scale] if 0 <= scale <= MAXIMUM_DISPLAY_SCALE else Decimal((0, (1,), -scale))


def rescaled(value: Decimal, scale: int, rounding: str = ROUND_HALF_UP) -> Decimal:
    """Round a finite number to a scale (negative: to tens, hundreds ...), ties away from zero."""
    try:
        result = value.quantize(exponent_of(scale), rounding, EXACT)
        if scale < 0:
            result = result.quantize(_EXPONENTS[0], rounding, EXACT)
    except Overflow:
        raise numeric_overflow() from None
    if result != result:
        # quantize() answers NaN where the result has too many digits for the context.
        raise numeric_overflow()
    return result if result else result.copy_abs()


def normal(value: Decimal) -> Decimal:
    """Bring a Decimal from outside under the invariant; 22003 where it has too many digits."""
    if not value.is_finite():
        return NAN if value != value else value
    if value and value.adjusted() >= MAXIMUM_WHOLE_DIGITS:
        raise numeric_overflow()
    exponent = int(value.as_tuple().exponent)
    if exponent > 0:
        return rescaled(value, 0) if value else _ZERO
    if -exponent > MAXIMUM_SCALE:
        raise numeric_overflow()
    return value if value else value.copy_abs()


def numeric_input(text: str, typmod: int = -1) -> Decimal:
    """Parse a number, ``NaN`` or an infinity; 22P02 for other text, 22003 for too many digits."""
    stripped = text.strip(BLANKS)
    match = re.fullmatch(_NUMBER, stripped)
    if match is None:
        value = _WORDS.get(stripped.lower())
        if value is None:
            raise InvalidTextRepresentation(f'invalid input syntax for type numeric: "{text}"')
        return value
    exponent = match.group(1)
    if exponent is not None and len(exponent.lstrip("+-0")) > 6:
        raise numeric_overflow()
    return normal(Decimal(stripped))


def numeric_output(datum: Decimal) -> str:
    """Write all digits, never with an exponent."""
    return format(datum, "f")


def numeric_from_python(value: Any) -> Decimal:
    """Return an int, float or Decimal as a datum."""
    if isinstance(value, float):
        return Decimal(repr(value)) if value == value else NAN
    return normal(Decimal(value))


def numeric_send(datum: Decimal) -> bytes:
    """Write PostgreSQL's form: groups of four decimal digits with the weight of the first."""
    if datum != datum:
        return _WIRE.pack(0, 0, 0xC000, 0)
    if not datum.is_finite():
        # PostgreSQL sends the scale field of an infinity as 0x20.
        return _WIRE.pack(0, 0, 0xD000 if datum > _ZERO else 0xF000, 0x20)
    sign, digits, exponent = datum.as_tuple()
    scale = -int(exponent)
    text = "".join(map(str, digits))
    # Groups are aligned at the decimal point: pad the fraction to a multiple of four, then the whole part.
    text += "0" * (-scale % GROUP_DIGITS)
    text = text.rjust(-(-len(text) // GROUP_DIGITS) * GROUP_DIGITS, "0")
    groups = [int(text[i : i + GROUP_DIGITS]) for i in range(0, len(text), GROUP_DIGITS)]
    weight = len(groups) - 1 - -(-scale // GROUP_DIGITS)
    start = 0
    while start < len(groups) and groups[start] == 0:
        start += 1
    end = len(groups)
    while end > start and groups[end - 1] == 0:
        end -= 1
    groups, weight = groups[start:end], weight - start if start < len(groups) else 0
    return _WIRE.pack(len(groups), weight, 0x4000 if sign else 0, scale) + pack(f">{len(groups)}H", *groups)


def numeric_receive(data: bytes) -> Decimal:
    """Read PostgreSQL's binary form; 22P03 when it is malformed."""
    try:
        count, weight, sign, scale = _WIRE.unpack_from(data)
        groups = unpack_from(f">{max(count, 0)}H", data, _WIRE.size)
    except struct_error:
        raise InvalidBinaryRepresentation("insufficient data left in message") from None
    if sign in _WIRE_SIGNS:
        return _WIRE_SIGNS[sign]
    if sign not in (0, 0x4000):
        raise InvalidBinaryRepresentation('invalid sign in external "numeric" value')
    if scale > MAXIMUM_SCALE:
        raise InvalidBinaryRepresentation('invalid scale in external "numeric" value')
    if any(group > 9999 for group in groups) or count < 0 or len(data) != _WIRE.size + 2 * count:
        raise InvalidBinaryRepresentation('invalid digit in external "numeric" value')
    if not groups:
        return rescaled(_ZERO, scale)
    text = "".join(f"{group:04d}" for group in groups)
    exponent = (weight - count + 1) * GROUP_DIGITS
    value = Decimal(f"{'-' if sign else ''}{text}E{exponent}")
    if value.adjusted() >= MAXIMUM_WHOLE_DIGITS:
        raise numeric_overflow()
    return rescaled(value, scale, ROUND_DOWN)


def numeric_typmod_in(modifiers: Sequence[int | str]) -> int:
    """Pack ``(precision[, scale])`` as PostgreSQL does."""
    if not 1 <= len(modifiers) <= 2 or not all(isinstance(m, int) for m in modifiers):
        raise InvalidParameterValue("invalid NUMERIC type modifier")
    precision = int(modifiers[0])
    scale = int(modifiers[1]) if len(modifiers) == 2 else 0
    if not 1 <= precision <= MAXIMUM_DISPLAY_SCALE:
        raise InvalidParameterValue(f"NUMERIC precision {precision} must be between 1 and {MAXIMUM_DISPLAY_SCALE}")
    if not -MAXIMUM_DISPLAY_SCALE <= scale <= MAXIMUM_DISPLAY_SCALE:
        raise InvalidParameterValue(
            f"NUMERIC scale {scale} must be between -{MAXIMUM_DISPLAY_SCALE} and {MAXIMUM_DISPLAY_SCALE}"
        )
    return ((precision << 16) | (scale & 0x7FF)) + 4


def unpacked_typmod(typmod: int) -> tuple[int, int]:
    """Return (precision, scale) of a numeric typmod."""
    packed = typmod - 4
    return (packed >> 16) & 0xFFFF, ((packed & 0x7FF) ^ 1024) - 1024


def numeric_typmod_out(typmod: int) -> str:
    """Return ``(precision,scale)``."""
    if typmod < 4:
        return ""
    precision, scale = unpacked_typmod(typmod)
    return f"({precision},{scale})"


def coerce_numeric(datum: Decimal, typmod: int, explicit: bool = False) -> Decimal:
    """Round to the declared scale; 22003 when the whole part has more digits than the declaration leaves."""
    if typmod < 4 or datum != datum:
        return datum
    precision, scale = unpacked_typmod(typmod)
    if not datum.is_finite():
        raise NumericValueOutOfRange(
            "numeric field overflow",
            detail=f"A field with precision {precision}, scale {scale} cannot hold an infinite value.",
        )
    result = rescaled(datum, scale)
    if result and result.adjusted() >= precision - scale:
        limit = f"10^{precision - scale}" if precision != scale else "1"
        raise NumericValueOutOfRange(
            "numeric field overflow",
            detail=f"A field with precision {precision}, scale {scale} "
            f"must round to an absolute value less than {limit}.",
        )
    return result


def numeric_add(left: Decimal, right: Decimal) -> Decimal:
    """Add; the scale is the larger of the two."""
    try:
        return _add(left, right)
    except Overflow:
        raise numeric_overflow() from None


def numeric_sub(left: Decimal, right: Decimal) -> Decimal:
    """Subtract; the scale is the larger of the two."""
    try:
        return _subtract(left, right)
    except Overflow:
        raise numeric_overflow() from None


def numeric_mul(left: Decimal, right: Decimal) -> Decimal:
    """Multiply; the scale is the sum of the two, at most 16,383."""
    try:
        result = _multiply(left, right)
    except Overflow:
        raise numeric_overflow() from None
    if not result:
        result = result.copy_abs()
    # A scale above the limit takes 8,000 digits or as many zeros after the point; asking for the scale itself is slow.
    if (result.adjusted() < -8000 or result.__sizeof__() > 3000) and scale_of(result) > MAXIMUM_SCALE:
        return rescaled(result, MAXIMUM_SCALE)
    return result


def leading_group(value: Decimal) -> tuple[int, int]:
    """Return (weight, first digit) in NBASE 10000 of a finite number; (0, 0) for zero."""
    if not value:
        return 0, 0
    highest = value.adjusted()
    weight = highest // GROUP_DIGITS
    length = highest - weight * GROUP_DIGITS + 1
    digits = value.as_tuple().digits[:length]
    group = 0
    for digit in digits:
        group = group * 10 + digit
    return weight, group * int(10 ** (length - len(digits)))


def division_scale(left: Decimal, right: Decimal) -> int:
    """Return the scale of a quotient: at least 16 significant digits, not below either operand's scale."""
    left_weight, left_group = leading_group(left)
    right_weight, right_group = leading_group(right)
    weight = left_weight - right_weight - (left_group <= right_group)
    scale = max(MINIMUM_SIGNIFICANT_DIGITS - weight * GROUP_DIGITS, scale_of(left), scale_of(right), 0)
    return min(scale, MAXIMUM_DISPLAY_SCALE)


def quotient(left: Decimal, right: Decimal, scale: int, rounding: str = ROUND_HALF_UP) -> Decimal:
    """Divide finite numbers (right not zero) and round the exact quotient to a scale."""
    needed = left.adjusted() - right.adjusted() + scale + 3 if left else 1
    for context in _DIVISIONS:
        if context.prec >= needed:
            return rescaled(context.divide(left, right), scale, rounding)
    raise numeric_overflow()


def _special_division(left: Decimal, right: Decimal) -> Decimal:
    """Divide where an operand is NaN or infinite, or the divisor zero."""
    if left != left or right != right:
        return NAN
    if not right:
        raise DivisionByZero("division by zero")
    if left.is_finite():
        return _ZERO
    if not right.is_finite():
        return NAN
    return left if right > _ZERO else left.copy_negate()


def numeric_div(left: Decimal, right: Decimal) -> Decimal:
    """Divide with PostgreSQL's choice of scale."""
    if not right or not left.is_finite() or not right.is_finite():
        return _special_division(left, right)
    return quotient(left, right, division_scale(left, right))


def numeric_div_trunc(left: Decimal, right: Decimal) -> Decimal:
    """``div``: the quotient truncated to an integer."""
    if not right or not left.is_finite() or not right.is_finite():
        return _special_division(left, right)
    return quotient(left, right, 0, ROUND_DOWN)


def numeric_mod(left: Decimal, right: Decimal) -> Decimal:
    """``%``: the remainder with the dividend's sign and the larger scale; infinite dividends give NaN."""
    if left != left or right != right:
        return NAN
    if not right:
        raise DivisionByZero("division by zero")
    if not left.is_finite():
        return NAN
    if not right.is_finite():
        return left
    result = EXACT.remainder(left, right)
    return result if result else result.copy_abs()


TYPES: tuple[Type, ...] = (
    Type(
        "numeric",
        "numeric",
        oid=1700,
        array_oid=1231,
        category="N",
        aliases=("decimal", "dec"),
        input=numeric_input,
        output=numeric_output,
        receive=numeric_receive,
        send=numeric_send,
        typmod_in=numeric_typmod_in,
        typmod_out=numeric_typmod_out,
        coerce_typmod=coerce_numeric,
        from_python=numeric_from_python,
        python_types=("decimal:Decimal",),
        stored=NUMERIC,
        description="numeric(precision, scale), arbitrary precision number",
    ),
)
