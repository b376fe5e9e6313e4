"""Object identifiers: ``oid``, its vector, and the ``reg*`` types that show an OID as the object's name.

All datums are ints from 0 to 2**32-1 (the vectors: tuples of them). A ``reg*`` type reads a name through the session
and writes one the same way; where no object has the OID it writes the number, and ``-`` for zero. Casts among them
change nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from struct import Struct, pack, unpack_from
from struct import error as struct_error
from typing import Any

from heliosdb.errors import (
    FeatureNotSupported,
    InvalidBinaryRepresentation,
    InvalidName,
    InvalidParameterValue,
    InvalidTextRepresentation,
    NumericValueOutOfRange,
    SqlSyntaxError,
    UndefinedFunction,
    UndefinedObject,
    UndefinedTable,
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
    SessionContext,
    Type,
    Volatility,
)
from heliosdb.types.identifiers import parse_identifiers, quote_identifier
from heliosdb.types.integer import INT2, parse_integer

__all__ = ["CASTS", "FUNCTIONS", "OPERATORS", "OPERATOR_CLASSES", "TYPES", "parse_oid"]

HIGHEST = 4294967295
WIRE = Struct(">I")
OIDVECTOR = 30
_NUMBER = r"[+-]?[0-9]+"
_TYPE_NAME = r"(?s)(.*?)\s*(\([^()]*\))?((?:\s*\[\s*[0-9]*\s*\])*)\s*(with(?:out)? time zone)?\s*"


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


def _vector_input(element: Callable[[str], int]) -> Callable[..., tuple[int, ...]]:
    def vector_input(text: str, typmod: int = -1) -> tuple[int, ...]:
        return tuple(element(part) for part in text.split())

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
            return tuple(unpack_from(form, data, 24 + i * (4 + size))[0] for i in range(count))
        except struct_error:
            raise InvalidBinaryRepresentation("incorrect binary data format") from None

    return vector_receive


def _names(text: str) -> tuple[str, ...]:
    """Split a qualified name; 42602 where it is malformed."""
    try:
        return parse_identifiers(text)
    except InvalidParameterValue:
        raise InvalidName("invalid name syntax") from None


def regclass_input(text: str, typmod: int, session: SessionContext) -> int:
    """Read a relation's name or OID; 42P01 where there is no such relation."""
    stripped = text.strip(BLANKS)
    if stripped == "-":
        return 0
    if stripped.isascii() and stripped.isdigit():
        return parse_oid(stripped)
    names = _names(stripped)
    oid = session.relation_oid(stripped)
    if oid is None:
        raise UndefinedTable(f'relation "{".".join(names)}" does not exist')
    return oid


def regclass_output(datum: int, session: SessionContext) -> str:
    """Write a relation's name, quoted and qualified where needed."""
    if datum == 0:
        return "-"
    return session.relation_name(datum) or str(datum)


def regclass_from_text(datum: str, session: SessionContext) -> int:
    """Cast text to the relation it names."""
    return regclass_input(datum, -1, session)


def regtype_input(text: str, typmod: int, session: SessionContext) -> int:
    """Read a type's name as SQL spells it, or its OID; 42704 where there is no such type."""
    stripped = text.strip(BLANKS)
    if stripped == "-":
        return 0
    if stripped.isascii() and stripped.isdigit():
        return parse_oid(stripped)
    match = re.fullmatch(_TYPE_NAME, stripped)
    assert match is not None
    base, _, brackets, zone = match.groups()
    if not base:
        raise SqlSyntaxError(f'syntax error at or near "{stripped}"')
    types: Any = session.types
    spelled = " ".join((base + (f" {zone}" if zone else "")).split())
    # A name of several words (double precision) is an alias; a quoted or qualified one is taken apart.
    found = types.resolve((spelled.lower(),)) if "." not in spelled and '"' not in spelled else None
    if found is None:
        try:
            found = types.resolve(parse_identifiers(spelled))
        except InvalidParameterValue:
            raise UndefinedObject(f'type "{spelled}" does not exist') from None
    if found is not None and brackets:
        found = types.array_of(found.name)
    if found is None:
        raise UndefinedObject(f'type "{stripped}" does not exist')
    oid: int = found.oid
    return oid


def regtype_output(datum: int, session: SessionContext) -> str:
    """Write a type's name as SQL spells it."""
    if datum == 0:
        return "-"
    types: Any = session.types
    try:
        name: str = types.by_oid(datum).name
    except UndefinedObject:
        return str(datum)
    spelled: str = types.format(name)
    return spelled


def _catalog_object(kind: str, lookup: Callable[[SessionContext, str], Any]) -> Callable[..., int]:
    """Return the input function of ``regnamespace`` or ``regrole``: objects of one name, without a schema."""

    def named_input(text: str, typmod: int, session: SessionContext) -> int:
        stripped = text.strip(BLANKS)
        if stripped == "-":
            return 0
        if stripped.isascii() and stripped.isdigit():
            return parse_oid(stripped)
        names = _names(stripped)
        if len(names) != 1:
            raise InvalidName("invalid name syntax")
        found = lookup(session, names[0])
        if found is None:
            raise UndefinedObject(f'{kind} "{names[0]}" does not exist')
        oid: int = found.oid
        return oid

    return named_input


def _catalog_name(datum: int, session: SessionContext) -> str:
    if datum == 0:
        return "-"
    found = session.catalog.object_by_oid(datum)
    return str(datum) if found is None else quote_identifier(found.name)


def function_input(text: str, typmod: int, session: SessionContext) -> int:
    """Read a function's OID; functions of the registries have none, so that no name is known."""
    stripped = text.strip(BLANKS)
    if stripped == "-":
        return 0
    if stripped.isascii() and stripped.isdigit():
        return parse_oid(stripped)
    raise UndefinedFunction(f'function "{stripped}" does not exist')


def object_input(text: str, typmod: int, session: SessionContext) -> int:
    """Read an OID of a kind of object that has no names here."""
    stripped = text.strip(BLANKS)
    if stripped == "-":
        return 0
    if stripped.isascii() and stripped.isdigit():
        return parse_oid(stripped)
    raise FeatureNotSupported(f'object name "{stripped}" cannot be looked up')


def number_or_dash(datum: int, session: SessionContext) -> str:
    """Write the number, ``-`` for zero."""
    return str(datum) if datum else "-"


_REG_TYPES: tuple[tuple[str, int, int, Callable[..., int], Callable[..., str]], ...] = (
    ("regproc", 24, 1008, function_input, number_or_dash),
    ("regprocedure", 2202, 2207, function_input, number_or_dash),
    ("regoper", 2203, 2208, object_input, number_or_dash),
    ("regoperator", 2204, 2209, object_input, number_or_dash),
    ("regclass", 2205, 2210, regclass_input, regclass_output),
    ("regtype", 2206, 2211, regtype_input, regtype_output),
    ("regcollation", 4191, 4192, object_input, number_or_dash),
    (
        "regnamespace",
        4089,
        4090,
        _catalog_object("schema", lambda session, name: session.catalog.schema(name)),
        _catalog_name,
    ),
    (
        "regrole",
        4096,
        4097,
        _catalog_object("role", lambda session, name: session.catalog.roles().get(name)),
        _catalog_name,
    ),
)


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
    for name, oid, array_oid, read, write in _REG_TYPES:
        yield Type(
            name,
            name,
            oid=oid,
            array_oid=array_oid,
            category="N",
            length=4,
            input=read,
            output=write,
            receive=oid_receive,
            send=WIRE.pack,
            needs_session=True,
            description=f"registered {name[3:]}",
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
    for name in ("oid", *(name for name, *_ in _REG_TYPES)):
        yield Cast("int8", name, _I, oid_from_int8, inline=f"({{0}} if 0 <= {{0}} <= {HIGHEST} else {{f}}({{0}}))")
        yield Cast("int4", name, _I, oid_from_int4, inline=f"({{0}} & {HIGHEST})")
        yield Cast("int2", name, _I, oid_from_int4, inline=f"({{0}} & {HIGHEST})")
        yield Cast(name, "int8", _A, None, inline="{0}")
        yield Cast(name, "int4", _A, int4_from_oid)
    for name, *_ in _REG_TYPES:
        yield Cast("oid", name, _I, None, inline="{0}")
        yield Cast(name, "oid", _I, None, inline="{0}")
    for left, right in (("regproc", "regprocedure"), ("regoper", "regoperator")):
        yield Cast(left, right, _I, None, inline="{0}")
        yield Cast(right, left, _I, None, inline="{0}")
    for name in ("text", "varchar"):
        yield Cast(name, "regclass", _I, regclass_from_text, needs_session=True, volatility=Volatility.STABLE)


def _lookup(read: Callable[..., int]) -> Callable[[str, SessionContext], int | None]:
    """Return the ``to_reg*`` function of a type: NULL instead of an error where there is no such object."""

    def look_up(name: str, session: SessionContext) -> int | None:
        if name.strip(BLANKS).isdigit():
            return None
        try:
            return read(name, -1, session)
        except (UndefinedTable, UndefinedObject, UndefinedFunction, FeatureNotSupported):
            return None

    return look_up


_OID_NAMES = comparison_names("oid")
_VECTOR_NAMES = comparison_names("oidvector")

TYPES: tuple[Type, ...] = tuple(_types())
CASTS: tuple[Cast, ...] = tuple(_casts())
FUNCTIONS: tuple[ScalarFunction, ...] = (
    *comparison_functions("oid", "oid", _OID_NAMES),
    *comparison_functions("oidvector", "oidvector", _VECTOR_NAMES),
    *(
        ScalarFunction(f"to_{name}", ("text",), name, _lookup(read), needs_session=True, volatility=Volatility.STABLE)
        for name, _, _, read, _ in _REG_TYPES
    ),
)
OPERATORS: tuple[Operator, ...] = (
    *comparison_operators("oid", "oid", _OID_NAMES),
    *comparison_operators("oidvector", "oidvector", _VECTOR_NAMES),
)
OPERATOR_CLASSES: tuple[OperatorClass, ...] = (*operator_classes("oid"), *operator_classes("oidvector"))
