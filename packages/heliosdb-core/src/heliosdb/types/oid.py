"""Object identifiers: ``oid`` and the vectors ``oidvector`` and ``int2vector``; ``object_names`` has the ``reg*``
types.

Datums are ints from 0 to 2**32-1, the vectors' arrays whose subscripts begin at 0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from struct import Struct, pack, unpack_from
from struct import error as struct_error

from heliosdb.errors import (
    InvalidBinaryRepresentation,
    InvalidTextRepresentation,
    NumericValueOutOfRange,
)
from heliosdb.types.array import Array, with_bounds
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
    Type,
)
from heliosdb.types.integer import INT2, parse_integer

__all__ = ["CASTS", "FUNCTIONS", "OPERATORS", "OPERATOR_CLASSES", "TYPES", "parse_oid"]

HIGHEST = 4294967295
WIRE = Struct(">I")
OIDVECTOR = 30
_NUMBER = r"[+-]?[0-9]+"


def parse_oid(text: str) -> int:
    """Parse an unsigned number of 32 bits; a negative one counts from the top, as C's strtoul has it."""
    stripped = text.strip(BLANKS)
    if re.fullmatch(_NUMBER, stripped) is None:
        raise InvalidTextRepresentation(f'invalid input syntax for type oid: "{text}"')
    value = int(stripped) if len(stripped) < 30 else 1 << 99
    if not -(1 << 31) <= value <= HIGHEST:
        raise NumericValueOutOfRange(f'value "{text}" is out of range for type oid')
    return value & HIGHEST


def oid_input(text: str, typmod: int = -1) -> int:
    """Parse an OID."""
    return parse_oid(text)


def oid_receive(data: bytes) -> int:
    """Read four bytes."""
    if len(data) != 4:
        raise InvalidBinaryRepresentation("incorrect binary data format")
    value: int = WIRE.unpack(data)[0]
    return value


def oid_from_int8(datum: int) -> int:
    """Return a bigint as an OID; 22003 outside of 32 bits."""
    if not 0 <= datum <= HIGHEST:
        raise NumericValueOutOfRange("OID out of range")
    return datum


def oid_from_int4(datum: int) -> int:
    """Return an integer's bits as an OID."""
    return datum & HIGHEST


def int4_from_oid(datum: int) -> int:
    """Return an OID's bits as an integer."""
    return datum - (1 << 32) if datum > 0x7FFFFFFF else datum


def vector(numbers: Iterable[int]) -> Array:
    """Return the datum of a vector: an array whose subscripts begin at 0."""
    return with_bounds(tuple(numbers), (0,))


def _vector_input(element: Callable[[str], int]) -> Callable[..., tuple[int, ...]]:
    def vector_input(text: str, typmod: int = -1) -> tuple[int, ...]:
        return vector(element(part) for part in text.split())

    return vector_input


def vector_output(datum: tuple[int, ...]) -> str:
    """Write the numbers between blanks."""
    return " ".join(map(str, datum))


def _vector_send(oid: int, form: str) -> Callable[[tuple[int, ...]], bytes]:
    size = Struct(form).size

    def vector_send(datum: tuple[int, ...]) -> bytes:
        # One dimension from subscript 0, no NULLs: an array's binary form.
        elements = b"".join(pack(">i", size) + pack(form, value) for value in datum)
        return pack(">iiIii", 1, 0, oid, len(datum), 0) + elements

    return vector_send


def _vector_receive(form: str) -> Callable[[bytes], tuple[int, ...]]:
    size = Struct(form).size

    def vector_receive(data: bytes) -> tuple[int, ...]:
        try:
            dimensions, _, _, count, _ = unpack_from(">iiIii", data)
            if dimensions != 1 or len(data) != 20 + count * (4 + size):
                raise InvalidBinaryRepresentation("incorrect binary data format")
            return vector(unpack_from(form, data, 24 + i * (4 + size))[0] for i in range(count))
        except struct_error:
            raise InvalidBinaryRepresentation("incorrect binary data format") from None

    return vector_receive


def _types() -> Iterator[Type]:
    yield Type(
        "oid",
        "oid",
        oid=26,
        array_oid=1028,
        category="N",
        preferred=True,
        length=4,
        input=oid_input,
        output=str,
        receive=oid_receive,
        send=WIRE.pack,
        description="object identifier(oid), maximum 4 billion",
    )
    for name, oid, array_oid, element, form, read_element in (
        ("int2vector", 22, 1006, 21, ">h", lambda text: parse_integer(text, INT2)),
        ("oidvector", OIDVECTOR, 1013, 26, ">I", parse_oid),
    ):
        yield Type(
            name,
            name,
            oid=oid,
            array_oid=array_oid,
            category="A",
            element=name.removesuffix("vector"),
            input=_vector_input(read_element),
            output=vector_output,
            receive=_vector_receive(form),
            send=_vector_send(element, form),
            to_python=list,
            from_python=tuple,
            description=f"array of {name.removesuffix('vector')}, used in system tables",
        )


_I, _A = CastContext.IMPLICIT, CastContext.ASSIGNMENT


def _casts() -> Iterator[Cast]:
    yield Cast("int8", "oid", _I, oid_from_int8, inline=f"({{0}} if 0 <= {{0}} <= {HIGHEST} else {{f}}({{0}}))")
    yield Cast("int4", "oid", _I, oid_from_int4, inline=f"({{0}} & {HIGHEST})")
    yield Cast("int2", "oid", _I, oid_from_int4, inline=f"({{0}} & {HIGHEST})")
    yield Cast("oid", "int8", _A, None, inline="{0}")
    yield Cast("oid", "int4", _A, int4_from_oid)


_OID_NAMES = comparison_names("oid")
_VECTOR_NAMES = comparison_names("oidvector")

TYPES: tuple[Type, ...] = tuple(_types())
CASTS: tuple[Cast, ...] = tuple(_casts())
FUNCTIONS: tuple[ScalarFunction, ...] = (
    *comparison_functions("oid", "oid", _OID_NAMES),
    *comparison_functions("oidvector", "oidvector", _VECTOR_NAMES),
)
OPERATORS: tuple[Operator, ...] = (
    *comparison_operators("oid", "oid", _OID_NAMES),
    *comparison_operators("oidvector", "oidvector", _VECTOR_NAMES),
)
OPERATOR_CLASSES: tuple[OperatorClass, ...] = (*operator_classes("oid"), *operator_classes("oidvector"))
