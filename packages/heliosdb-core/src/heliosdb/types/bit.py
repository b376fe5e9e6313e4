"""``bit(n)`` and ``bit varying(n)``: datums are strings of 0 and 1, whose order as text is the types' order.

A ``bit(n)`` has exactly n bits: assignment wants the right length, an explicit cast cuts or fills with zeros on the
right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from struct import error as struct_error
from struct import pack, unpack_from

from heliosdb.errors import (
    ArraySubscriptError,
    InvalidBinaryRepresentation,
    InvalidParameterValue,
    InvalidTextRepresentation,
    NumericValueOutOfRange,
    StringDataLengthMismatch,
    StringDataRightTruncation,
    SubstringError,
)
from heliosdb.types.comparison import (
    comparison_functions,
    comparison_names,
    comparison_operators,
    operator_classes,
)
from heliosdb.types.definitions import (
    Aggregate,
    Cast,
    CastContext,
    Operator,
    OperatorClass,
    ScalarFunction,
    Type,
)
from heliosdb.types.integer import INT4, INT8, IntegerWidth
from heliosdb.types.string_functions import overlay, substring

__all__ = ["AGGREGATES", "CASTS", "FUNCTIONS", "OPERATORS", "OPERATOR_CLASSES", "TYPES", "bit_input"]

MAXIMUM_LENGTH = 83886080


def bit_input(text: str, typmod: int = -1) -> str:
    """Parse binary digits, after ``b`` or nothing, or hexadecimal ones after ``x``."""
    if text[:1] in ("x", "X"):
        return "".join(_hexadecimal(digit) for digit in text[1:])
    digits = text[1:] if text[:1] in ("b", "B") else text
    for digit in digits:
        if digit not in "01":
            raise InvalidTextRepresentation(f'"{digit}" is not a valid binary digit')
    return digits


def _hexadecimal(digit: str) -> str:
    if digit not in "0123456789abcdefABCDEF":
        raise InvalidTextRepresentation(f'"{digit}" is not a valid hexadecimal digit')
    return f"{int(digit, 16):04b}"


def bit_output(datum: str) -> str:
    """Return the digits."""
    return datum


def bit_receive(data: bytes) -> str:
    """Read the number of bits and the bytes that hold them."""
    try:
        (length,) = unpack_from(">i", data)
    except struct_error:
        raise InvalidBinaryRepresentation("insufficient data left in message") from None
    if length < 0 or len(data) != 4 + (length + 7) // 8:
        raise InvalidBinaryRepresentation("invalid length in external bit string")
    return "".join(f"{byte:08b}" for byte in data[4:])[:length]


def bit_send(datum: str) -> bytes:
    """Write the number of bits and the bytes that hold them, filled with zeros."""
    size = (len(datum) + 7) // 8
    return pack(">i", len(datum)) + int("0" + datum.ljust(size * 8, "0"), 2).to_bytes(size, "big")


def _typmod_in(display: str) -> Callable[[Sequence[int | str]], int]:
    def typmod_in(modifiers: Sequence[int | str]) -> int:
        if len(modifiers) != 1 or not isinstance(modifiers[0], int):
            raise InvalidParameterValue("invalid type modifier")
        if modifiers[0] < 1:
            raise InvalidParameterValue(f"length for type {display} must be at least 1")
        if modifiers[0] > MAXIMUM_LENGTH:
            raise InvalidParameterValue(f"length for type {display} cannot exceed {MAXIMUM_LENGTH}")
        return modifiers[0]

    return typmod_in


def typmod_out(typmod: int) -> str:
    """Return ``(n)``."""
    return f"({typmod})" if typmod >= 0 else ""


def coerce_bit(datum: str, typmod: int, explicit: bool) -> str:
    """Fit into ``bit(n)``."""
    if typmod < 0 or len(datum) == typmod:
        return datum
    if not explicit:
        raise StringDataLengthMismatch(f"bit string length {len(datum)} does not match type bit({typmod})")
    return datum[:typmod].ljust(typmod, "0")


def coerce_varbit(datum: str, typmod: int, explicit: bool) -> str:
    """Fit into ``bit varying(n)``."""
    if typmod < 0 or len(datum) <= typmod:
        return datum
    if not explicit:
        raise StringDataRightTruncation(f"bit string too long for type bit varying({typmod})")
    return datum[:typmod]


def _from_integer(datum: int, typmod: int, explicit: bool) -> str:
    """Return the low bits of an integer, sign bits before them where there are more places."""
    length = typmod if typmod > 0 else 1
    return f"{datum & ((1 << length) - 1):0{length}b}"


def _to_integer(width: IntegerWidth) -> Callable[[str], int]:
    def convert(datum: str) -> int:
        if len(datum) > width.bits:
            raise NumericValueOutOfRange(f"{width.display} out of range")
        return width.wrapped(int("0" + datum, 2))

    return convert


def _bitwise(name: str, operation: Callable[[int, int], int]) -> Callable[[str, str], str]:
    def combine(left: str, right: str) -> str:
        if len(left) != len(right):
            raise StringDataLengthMismatch(f"cannot {name} bit strings of different sizes")
        return f"{operation(int('0' + left, 2), int('0' + right, 2)):0{len(left)}b}" if left else ""

    return combine


bit_and = _bitwise("AND", int.__and__)
bit_or = _bitwise("OR", int.__or__)
bit_xor = _bitwise("XOR", int.__xor__)
_COMPLEMENT = str.maketrans("01", "10")


def bit_not(datum: str) -> str:
    """Return every bit reversed."""
    return datum.translate(_COMPLEMENT)


def shift_left(datum: str, count: int) -> str:
    """Move the bits to the left, zeros following; a negative count moves them to the right."""
    if count < 0:
        return shift_right(datum, -count)
    return datum[count:] + "0" * min(count, len(datum))


def shift_right(datum: str, count: int) -> str:
    """Move the bits to the right, zeros before them; a negative count moves them to the left."""
    if count < 0:
        return shift_left(datum, -count)
    return ("0" * min(count, len(datum)) + datum)[: len(datum)]


def bit_concatenation(left: str, right: str) -> str:
    """Return the bits of both."""
    return left + right


def bit_octets(datum: str) -> int:
    """Return how many bytes hold the bits."""
    return (len(datum) + 7) // 8


def bit_count(datum: str) -> int:
    """Return how many bits are set."""
    return datum.count("1")


def _checked(datum: str, index: int) -> None:
    if not 0 <= index < len(datum):
        raise ArraySubscriptError(f"bit index {index} out of valid range (0..{len(datum) - 1})")


def get_bit(datum: str, index: int) -> int:
    """Return a bit, numbered from 0 on the left."""
    _checked(datum, index)
    return int(datum[index])


def set_bit(datum: str, index: int, value: int) -> str:
    """Return the bits with one replaced."""
    _checked(datum, index)
    if value not in (0, 1):
        raise InvalidParameterValue("new bit must be 0 or 1")
    return f"{datum[:index]}{value}{datum[index + 1 :]}"


def bit_substring(datum: str, start: int, length: int | None = None) -> str:
    """Return a part, counted from 1."""
    if length is not None and length < 0:
        raise SubstringError("negative substring length not allowed")
    part: str = substring(datum, start, length)
    return part


def bit_position(datum: str, part: str) -> int:
    """Return where a part is first found, counted from 1; nothing is found in an empty string."""
    return datum.find(part) + 1 if datum else 0


def _types() -> Iterator[Type]:
    for name, display, oid, array_oid, coerce, description in (
        ("bit", "bit", 1560, 1561, coerce_bit, "fixed-length bit string"),
        ("varbit", "bit varying", 1562, 1563, coerce_varbit, "variable-length bit string"),
    ):
        yield Type(
            name,
            display,
            oid=oid,
            array_oid=array_oid,
            category="V",
            preferred=name == "varbit",
            aliases=(display,) if display != name else (),
            input=bit_input,
            output=bit_output,
            receive=bit_receive,
            send=bit_send,
            typmod_in=_typmod_in(name),
            typmod_out=typmod_out,
            coerce_typmod=coerce,
            description=description,
        )


_E, _I = CastContext.EXPLICIT, CastContext.IMPLICIT
_B, _BB = ("bit",), ("bit", "bit")
_NAMES = {name: comparison_names(name) for name in ("bit", "varbit")}

TYPES: tuple[Type, ...] = tuple(_types())

CASTS: tuple[Cast, ...] = (
    Cast("bit", "varbit", _I, None, inline="{0}"),
    Cast("varbit", "bit", _I, None, inline="{0}"),
    Cast("bit", "int4", _E, _to_integer(INT4)),
    Cast("bit", "int8", _E, _to_integer(INT8)),
    Cast("int4", "bit", _E, _from_integer, takes_typmod=True),
    Cast("int8", "bit", _E, _from_integer, takes_typmod=True),
)

FUNCTIONS: tuple[ScalarFunction, ...] = (
    *(f for name in ("bit", "varbit") for f in comparison_functions(name, name, _NAMES[name])),
    ScalarFunction("bitand", _BB, "bit", bit_and),
    ScalarFunction("bitor", _BB, "bit", bit_or),
    ScalarFunction("bitxor", _BB, "bit", bit_xor),
    ScalarFunction("bitnot", _B, "bit", bit_not),
    ScalarFunction("bitshiftleft", ("bit", "int4"), "bit", shift_left),
    ScalarFunction("bitshiftright", ("bit", "int4"), "bit", shift_right),
    ScalarFunction("bitcat", ("varbit", "varbit"), "varbit", bit_concatenation, inline="({0} + {1})"),
    ScalarFunction("length", _B, "int4", len),
    ScalarFunction("bit_length", _B, "int4", len),
    ScalarFunction("octet_length", _B, "int4", bit_octets),
    ScalarFunction("bit_count", _B, "int8", bit_count),
    ScalarFunction("get_bit", ("bit", "int4"), "int4", get_bit),
    ScalarFunction("set_bit", ("bit", "int4", "int4"), "bit", set_bit),
    ScalarFunction("substring", ("bit", "int4"), "bit", bit_substring),
    ScalarFunction("substring", ("bit", "int4", "int4"), "bit", bit_substring),
    ScalarFunction("overlay", ("bit", "bit", "int4"), "bit", overlay),
    ScalarFunction("overlay", ("bit", "bit", "int4", "int4"), "bit", overlay),
    ScalarFunction("position", _BB, "int4", bit_position),
    ScalarFunction("int4", _B, "int4", _to_integer(INT4)),
    ScalarFunction("int8", _B, "int8", _to_integer(INT8)),
)

OPERATORS: tuple[Operator, ...] = (
    *(o for name in ("bit", "varbit") for o in comparison_operators(name, name, _NAMES[name], hashes=False)),
    Operator("&", "bit", "bit", "bit", "bitand", commutator="&"),
    Operator("|", "bit", "bit", "bit", "bitor", commutator="|"),
    Operator("#", "bit", "bit", "bit", "bitxor", commutator="#"),
    Operator("~", None, "bit", "bit", "bitnot"),
    Operator("<<", "bit", "int4", "bit", "bitshiftleft"),
    Operator(">>", "bit", "int4", "bit", "bitshiftright"),
    Operator("||", "varbit", "varbit", "varbit", "bitcat"),
)

OPERATOR_CLASSES: tuple[OperatorClass, ...] = (operator_classes("bit")[0], operator_classes("varbit")[0])

AGGREGATES: tuple[Aggregate, ...] = tuple(
    Aggregate(
        name,
        _B,
        "bit",
        slots=("None",),
        inline_step=("({0} if {s0} is None else {f}({s0}, {0}))",),
        inline_final="{s0}",
        implementation=operation,
    )
    for name, operation in (("bit_and", bit_and), ("bit_or", bit_or), ("bit_xor", bit_xor))
)
