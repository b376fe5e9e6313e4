"""``smallint``, ``integer``, ``bigint``: Python ints whose range is checked where a result may leave it.

Python's ints do not overflow, so each arithmetic function is the Python operator followed by a range check, and raises
22003 as PostgreSQL does. The inline forms carry the check in line and call the implementation only when it fails.
Division truncates toward zero (SQL), unlike Python's ``//``; shifts use the count modulo the word as x86 does.

The functions of all nine pairs of widths come from one loop over ``WIDTHS``; the result has the wider type.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from struct import Struct

from attrs import frozen

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
    operator_classes,
)
from heliosdb.types.definitions import (
    Cast,
    CastContext,
    Operator,
    OperatorClass,
    ScalarFunction,
    TableFunction,
    Type,
)

__all__ = [
    "CASTS",
    "FUNCTIONS",
    "INT2",
    "INT4",
    "INT8",
    "OPERATORS",
    "OPERATOR_CLASSES",
    "TABLE_FUNCTIONS",
    "TYPES",
    "IntegerWidth",
    "parse_integer",
    "truncating_division",
    "truncating_remainder",
]


@frozen
class IntegerWidth:
    """One of the three widths: its type's names and range, and its binary form."""

    name: str
    display: str
    oid: int
    array_oid: int
    bits: int
    wire: Struct
    aliases: tuple[str, ...]
    digit: str

    @property
    def lowest(self) -> int:
        """The least value, -2**(bits-1)."""
        return -(1 << (self.bits - 1))

    @property
    def highest(self) -> int:
        """The greatest value, 2**(bits-1)-1."""
        return (1 << (self.bits - 1)) - 1

    def checked(self, value: int) -> int:
        """Return the value; NumericValueOutOfRange when the type cannot hold it."""
        if self.lowest <= value <= self.highest:
            return value
        raise NumericValueOutOfRange(f"{self.display} out of range")

    def wrapped(self, value: int) -> int:
        """Return the value modulo 2**bits, as a signed number."""
        return ((value - self.lowest) & ((1 << self.bits) - 1)) + self.lowest

    def guarded(self, expression: str, arguments: str = "{0}, {1}") -> str:
        """Return the inline form of an expression whose result may leave the range."""
        return f"({{t}} if {self.lowest} <= ({{t}} := {expression}) <= {self.highest} else {{f}}({arguments}))"


INT2 = IntegerWidth("int2", "smallint", 21, 1005, 16, Struct(">h"), ("smallint",), "2")
INT4 = IntegerWidth("int4", "integer", 23, 1007, 32, Struct(">i"), ("integer", "int"), "4")
INT8 = IntegerWidth("int8", "bigint", 20, 1016, 64, Struct(">q"), ("bigint",), "8")
WIDTHS = (INT2, INT4, INT8)

_INTEGER = r"[ \t\n\v\f\r]*[+-]?[0-9]+[ \t\n\v\f\r]*"


def parse_integer(text: str, width: IntegerWidth) -> int:
    """Parse a decimal integer of a width; 22P02 for other text, 22003 outside the range."""
    if re.fullmatch(_INTEGER, text) is None:
        raise InvalidTextRepresentation(f'invalid input syntax for type {width.display}: "{text}"')
    # No number of more than 4000 digits fits, and Python refuses to read so many at once; leading zeros do not count.
    digits = text.strip(BLANKS)
    if len(digits) > 30:
        sign = "-" if digits[0] == "-" else ""
        digits = sign + (digits.lstrip("+-").lstrip("0") or "0")
    value = int(digits) if len(digits) <= 30 else 1 << 99
    if width.lowest <= value <= width.highest:
        return value
    raise NumericValueOutOfRange(f'value "{text}" is out of range for type {width.display}')


def truncating_division(dividend: int, divisor: int) -> int:
    """Divide toward zero; DivisionByZero."""
    if divisor == 0:
        raise DivisionByZero("division by zero")
    quotient = abs(dividend) // abs(divisor)
    return quotient if (dividend < 0) == (divisor < 0) else -quotient


def truncating_remainder(dividend: int, divisor: int) -> int:
    """Return the remainder that has the dividend's sign; DivisionByZero."""
    if divisor == 0:
        raise DivisionByZero("division by zero")
    remainder = abs(dividend) % abs(divisor)
    return -remainder if dividend < 0 else remainder


def _input(width: IntegerWidth) -> Callable[..., int]:
    lowest, highest = width.lowest, width.highest
    sure = len(str(highest)) - 1

    def integer_input(text: str, typmod: int = -1) -> int:
        if len(text) <= sure and text.isascii() and text.isdigit():
            return int(text)
        value = parse_integer(text, width)
        assert lowest <= value <= highest
        return value

    return integer_input


def _receive(width: IntegerWidth) -> Callable[[bytes], int]:
    unpack, size = width.wire.unpack, width.wire.size

    def integer_receive(data: bytes) -> int:
        if len(data) != size:
            raise InvalidBinaryRepresentation("incorrect binary data format")
        value: int = unpack(data)[0]
        return value

    return integer_receive


def _types() -> Iterator[Type]:
    descriptions = {
        "int2": "-32 thousand to 32 thousand, 2-byte storage",
        "int4": "-2 billion to 2 billion integer, 4-byte storage",
        "int8": "~18 digit integer, 8-byte storage",
    }
    for width in WIDTHS:
        yield Type(
            width.name,
            width.display,
            oid=width.oid,
            array_oid=width.array_oid,
            category="N",
            length=width.bits // 8,
            aliases=width.aliases,
            input=_input(width),
            output=str,
            receive=_receive(width),
            send=width.wire.pack,
            # A parameter without a context must hold any int that an index or a counter may produce.
            python_types=("builtins:int",) if width is INT8 else (),
            description=descriptions[width.name],
        )


TYPES: tuple[Type, ...] = tuple(_types())


def _arithmetic(left: IntegerWidth, right: IntegerWidth) -> Iterator[tuple[str, ScalarFunction]]:
    """The four operations over a pair of widths, each with its operator's symbol."""
    wide = left if left.bits >= right.bits else right
    prefix = f"int{left.digit}" if left is right else f"int{left.digit}{right.digit}"
    checked = wide.checked

    def plus(a: int, b: int) -> int:
        return checked(a + b)

    def minus(a: int, b: int) -> int:
        return checked(a - b)

    def times(a: int, b: int) -> int:
        return checked(a * b)

    def divide(a: int, b: int) -> int:
        return checked(truncating_division(a, b))

    arguments = (left.name, right.name)
    yield "+", ScalarFunction(f"{prefix}pl", arguments, wide.name, plus, inline=wide.guarded("{0} + {1}"))
    yield "-", ScalarFunction(f"{prefix}mi", arguments, wide.name, minus, inline=wide.guarded("{0} - {1}"))
    yield "*", ScalarFunction(f"{prefix}mul", arguments, wide.name, times, inline=wide.guarded("{0} * {1}"))
    inline = "({0} // {1} if {0} >= 0 and {1} > 0 else {f}({0}, {1}))"
    yield "/", ScalarFunction(f"{prefix}div", arguments, wide.name, divide, inline=inline)


def _bits(width: IntegerWidth) -> Iterator[tuple[str, ScalarFunction]]:
    """Bitwise operators, remainder and shifts of one width."""
    word = max(width.bits, 32)
    mask, wrapped = word - 1, width.wrapped
    one, two, name = (width.name,), (width.name, width.name), width.name

    def shift_left(a: int, count: int) -> int:
        return wrapped(a << (count & mask))

    def shift_right(a: int, count: int) -> int:
        return a >> (count & mask)

    remainder = "({0} % {1} if {0} >= 0 and {1} > 0 else {f}({0}, {1}))"
    yield "%", ScalarFunction(f"{name}mod", two, name, truncating_remainder, inline=remainder)
    yield "&", ScalarFunction(f"{name}and", two, name, int.__and__, inline="({0} & {1})")
    yield "|", ScalarFunction(f"{name}or", two, name, int.__or__, inline="({0} | {1})")
    yield "#", ScalarFunction(f"{name}xor", two, name, int.__xor__, inline="({0} ^ {1})")
    yield "~", ScalarFunction(f"{name}not", one, name, int.__invert__, inline="(~{0})")
    shift = (name, "int4")
    yield "<<", ScalarFunction(f"{name}shl", shift, name, shift_left)
    yield ">>", ScalarFunction(f"{name}shr", shift, name, shift_right, inline=f"({{0}} >> ({{1}} & {mask}))")


def _signs(width: IntegerWidth) -> Iterator[tuple[str, ScalarFunction]]:
    """Prefix operators of one width."""
    checked, name = width.checked, width.name

    def negate(a: int) -> int:
        return checked(-a)

    def absolute(a: int) -> int:
        return checked(abs(a))

    def identity(a: int) -> int:
        return a

    negative = f"(-{{0}} if {{0}} != {width.lowest} else {{f}}({{0}}))"
    size = f"({{0}} if {{0}} >= 0 else -{{0}} if {{0}} != {width.lowest} else {{f}}({{0}}))"
    yield "-", ScalarFunction(f"{name}um", (name,), name, negate, inline=negative)
    yield "+", ScalarFunction(f"{name}up", (name,), name, identity, inline="{0}")
    yield "@", ScalarFunction(f"{name}abs", (name,), name, absolute, inline=size)
    yield "", ScalarFunction("abs", (name,), name, absolute, inline=size)


def _divisors(width: IntegerWidth) -> Iterator[ScalarFunction]:
    """``mod``, ``gcd``, ``lcm`` by name."""
    checked, name = width.checked, width.name

    def greatest_common_divisor(a: int, b: int) -> int:
        return checked(math.gcd(a, b))

    def least_common_multiple(a: int, b: int) -> int:
        return checked(math.lcm(a, b))

    remainder = "({0} % {1} if {0} >= 0 and {1} > 0 else {f}({0}, {1}))"
    yield ScalarFunction("mod", (name, name), name, truncating_remainder, inline=remainder)
    if width is not INT2:
        yield ScalarFunction("gcd", (name, name), name, greatest_common_divisor)
        yield ScalarFunction("lcm", (name, name), name, least_common_multiple)


def _casts() -> Iterator[Cast]:
    for source in WIDTHS:
        for target in WIDTHS:
            if source.bits < target.bits:
                yield Cast(source.name, target.name, CastContext.IMPLICIT, None, inline="{0}")
            elif source.bits > target.bits:
                inline = f"({{0}} if {target.lowest} <= {{0}} <= {target.highest} else {{f}}({{0}}))"
                yield Cast(source.name, target.name, CastContext.ASSIGNMENT, target.checked, inline=inline)


def _functions() -> tuple[list[ScalarFunction], list[Operator]]:
    functions: list[ScalarFunction] = []
    operators: list[Operator] = []
    commutative = {"+", "*", "&", "|", "#"}
    for left in WIDTHS:
        for right in WIDTHS:
            prefix = f"int{left.digit}" if left is right else f"int{left.digit}{right.digit}"
            names = comparison_names(prefix)
            functions += comparison_functions(left.name, right.name, names)
            operators += comparison_operators(left.name, right.name, names)
            for symbol, function in _arithmetic(left, right):
                functions.append(function)
                commutator = symbol if symbol in commutative else None
                operators.append(
                    Operator(symbol, left.name, right.name, function.returns, function.name, commutator=commutator)
                )
    for width in WIDTHS:
        for symbol, function in (*_bits(width), *_signs(width)):
            functions.append(function)
            if not symbol:
                continue
            commutator = symbol if symbol in commutative and len(function.arguments) == 2 else None
            left_type, right_type = (None, *function.arguments) if len(function.arguments) == 1 else function.arguments
            operators.append(
                Operator(symbol, left_type, str(right_type), width.name, function.name, commutator=commutator)
            )
        functions += _divisors(width)
    return functions, operators


def _series(width: IntegerWidth) -> Callable[..., Iterator[int]]:
    lowest, highest = width.lowest, width.highest

    def generate_series(start: int, stop: int, step: int = 1) -> Iterator[int]:
        if step == 0:
            raise InvalidParameterValue("step size cannot equal zero")
        assert lowest <= start <= highest
        return iter(range(start, stop + (1 if step > 0 else -1), step))

    return generate_series


CASTS: tuple[Cast, ...] = tuple(_casts())
_LISTS = _functions()
FUNCTIONS: tuple[ScalarFunction, ...] = tuple(_LISTS[0])
OPERATORS: tuple[Operator, ...] = tuple(_LISTS[1])
OPERATOR_CLASSES: tuple[OperatorClass, ...] = tuple(c for width in WIDTHS for c in operator_classes(width.name))
TABLE_FUNCTIONS: tuple[TableFunction, ...] = tuple(
    TableFunction("generate_series", (width.name,) * count, width.name, _series(width))
    for width in (INT4, INT8)
    for count in (2, 3)
)
