"""The ``reg*`` types: an OID that is read and written as the name of what it identifies.

Names are looked up through the session, with its search path; where no object has an OID the number is written, and
``-`` for zero. The datums are OIDs, so casts among these types and ``oid`` change nothing. Functions have no OIDs of
their own: each gets one from its name and argument types, the same in every process.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from heliosdb.errors import (
    AmbiguousFunction,
    FeatureNotSupported,
    InvalidName,
    InvalidParameterValue,
    InvalidSchemaName,
    InvalidTextRepresentation,
    SqlSyntaxError,
    UndefinedFunction,
    UndefinedObject,
    UndefinedTable,
)
from heliosdb.types.boolean import BLANKS
from heliosdb.types.definitions import Cast, CastContext, ScalarFunction, SessionContext, Type, Volatility
from heliosdb.types.identifiers import parse_identifiers, quote_identifier
from heliosdb.types.oid import (
    HIGHEST,
    WIRE,
    int4_from_oid,
    oid_from_int4,
    oid_from_int8,
    oid_receive,
    parse_oid,
)
from heliosdb.types.registry import stable_oid

__all__ = ["CASTS", "FUNCTIONS", "TYPES", "function_oid"]

MEMORY_KEY = "functions by OID"
_TYPE_NAME = r"(?s)(.*?)\s*(\([^()]*\))?((?:\s*\[\s*[0-9]*\s*\])*)\s*(with(?:out)? time zone)?\s*"


def _names(text: str) -> tuple[str, ...]:
    """Split a qualified name; 42602 where it is malformed."""
    try:
        return parse_identifiers(text)
    except InvalidParameterValue:
        raise InvalidName("invalid name syntax") from None


def _number(text: str) -> int | None:
    """Return the OID that digits or ``-`` (zero) mean, None for a name."""
    if text == "-":
        return 0
    return parse_oid(text) if text.isascii() and text.isdigit() else None


def regclass_input(text: str, typmod: int, session: SessionContext) -> int:
    """Read a relation's name or OID; 42P01 where there is no such relation, 3F000 no such schema."""
    stripped = text.strip(BLANKS)
    number = _number(stripped)
    if number is not None:
        return number
    names = _names(stripped)
    if len(names) > 3:
        raise SqlSyntaxError(f"improper relation name (too many dotted names): {'.'.join(names)}")
    if len(names) == 3:
        raise FeatureNotSupported(f'cross-database references are not implemented: "{".".join(names)}"')
    oid = session.relation_oid(stripped)
    if oid is not None:
        return oid
    if len(names) == 2 and names[0] not in session.catalog.schemas():
        raise InvalidSchemaName(f'schema "{names[0]}" does not exist')
    raise UndefinedTable(f'relation "{".".join(names)}" does not exist')


def regclass_output(datum: int, session: SessionContext) -> str:
    """Write a relation's name, quoted and qualified where needed."""
    if datum == 0:
        return "-"
    return session.relation_name(datum) or str(datum)


def regclass_from_text(datum: str, session: SessionContext) -> int:
    """Cast text to the relation it names."""
    return regclass_input(datum, -1, session)


def _type_name(text: str, session: SessionContext) -> str | None:
    """Return the internal name of the type that SQL spells so, None where there is none."""
    match = re.fullmatch(_TYPE_NAME, text)
    assert match is not None
    base, _, brackets, zone = match.groups()
    if not base:
        raise SqlSyntaxError(f'syntax error at or near "{text}"')
    types: Any = session.types
    spelled = " ".join((base + (f" {zone}" if zone else "")).split())
    found = None
    if "." not in spelled and '"' not in spelled:
        # A name of several words (double precision) is an alias, or how the type is shown.
        lower = spelled.lower()
        found = types.resolve((lower,)) or next((type_ for type_ in types if type_.display == lower), None)
    if found is None:
        try:
            found = types.resolve(parse_identifiers(spelled))
        except InvalidParameterValue:
            return None
    if found is not None and brackets:
        found = types.array_of(found.name)
    return None if found is None else str(found.name)


def regtype_input(text: str, typmod: int, session: SessionContext) -> int:
    """Read a type's name as SQL spells it, or its OID; 42704 where there is no such type."""
    stripped = text.strip(BLANKS)
    number = _number(stripped)
    if number is not None:
        return number
    name = _type_name(stripped, session)
    if name is None:
        raise UndefinedObject(f'type "{stripped}" does not exist')
    return session.types.by_name(name).oid or 0


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
        number = _number(stripped)
        if number is not None:
            return number
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


def function_oid(name: str, arguments: Sequence[str]) -> int:
    """Return the OID of a function of the registries, which has none but by its name and argument types."""
    return stable_oid(f"{name}({','.join(arguments)})")


def _functions(session: SessionContext) -> dict[int, Any]:
    """Return the registered functions by OID, remembered by the session."""
    known = session.memory.get(MEMORY_KEY)
    if known is None:
        known = session.memory[MEMORY_KEY] = {
            function_oid(function.name, function.arguments): function
            for functions in session.registries.functions.values()
            for function in functions
        }
    assert isinstance(known, dict)
    return known


def _named(text: str, session: SessionContext) -> list[Any]:
    """Return the functions with a (qualified) name."""
    *schema, name = _names(text)
    return [f for f in session.registries.functions.get(name, ()) if not schema or f.schema == schema[-1]]


def regproc_input(text: str, typmod: int, session: SessionContext) -> int:
    """Read the name or OID of a function that is not overloaded."""
    stripped = text.strip(BLANKS)
    number = _number(stripped)
    if number is not None:
        return number
    found = _named(stripped, session)
    if not found:
        raise UndefinedFunction(f'function "{stripped}" does not exist')
    if len(found) > 1:
        raise AmbiguousFunction(f'more than one function named "{stripped}"')
    return function_oid(found[0].name, found[0].arguments)


def regprocedure_input(text: str, typmod: int, session: SessionContext) -> int:
    """Read a function's name with its argument types, or its OID."""
    stripped = text.strip(BLANKS)
    number = _number(stripped)
    if number is not None:
        return number
    name, parenthesis, rest = stripped.partition("(")
    if not parenthesis:
        raise InvalidTextRepresentation("expected a left parenthesis")
    if not rest.endswith(")"):
        raise InvalidTextRepresentation("expected a right parenthesis")
    arguments = []
    for spelled in filter(None, (part.strip(BLANKS) for part in rest[:-1].split(","))):
        argument = _type_name(spelled, session)
        if argument is None:
            raise UndefinedObject(f'type "{spelled}" does not exist')
        arguments.append(argument)
    for function in _named(name, session):
        if list(function.arguments) == arguments:
            return function_oid(function.name, function.arguments)
    raise UndefinedFunction(f'function "{stripped}" does not exist')


def _function_name(function: Any) -> str:
    schema = "" if function.schema == "pg_catalog" else f"{quote_identifier(function.schema)}."
    return schema + quote_identifier(function.name)


def regproc_output(datum: int, session: SessionContext) -> str:
    """Write a function's name, qualified where it is overloaded."""
    function = _functions(session).get(datum)
    if datum == 0 or function is None:
        return str(datum) if datum else "-"
    if len(session.registries.functions[function.name]) > 1:
        return f"{quote_identifier(function.schema)}.{quote_identifier(function.name)}"
    return _function_name(function)


def regprocedure_output(datum: int, session: SessionContext) -> str:
    """Write a function's name with its argument types."""
    function = _functions(session).get(datum)
    if datum == 0 or function is None:
        return str(datum) if datum else "-"
    types: Any = session.types
    return f"{_function_name(function)}({','.join(types.format(name) for name in function.arguments)})"


def object_input(text: str, typmod: int, session: SessionContext) -> int:
    """Read an OID of a kind of object that has no names here."""
    stripped = text.strip(BLANKS)
    number = _number(stripped)
    if number is not None:
        return number
    raise FeatureNotSupported(f'object name "{stripped}" cannot be looked up')


def number_or_dash(datum: int, session: SessionContext) -> str:
    """Write the number, ``-`` for zero."""
    return str(datum) if datum else "-"


_REG_TYPES: tuple[tuple[str, int, int, Callable[..., int], Callable[..., str]], ...] = (
    ("regproc", 24, 1008, regproc_input, regproc_output),
    ("regprocedure", 2202, 2207, regprocedure_input, regprocedure_output),
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
        _catalog_object("role", lambda session, name: session.catalog.roles.get(name)),
        _catalog_name,
    ),
)


NAMES_OF_OBJECTS = frozenset(name for name, *_ in _REG_TYPES)
"""The types of this module; outside they are their text, for a number alone says nothing about the object."""


def _types() -> Iterator[Type]:
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


_I, _A = CastContext.IMPLICIT, CastContext.ASSIGNMENT


def _casts() -> Iterator[Cast]:
    for name, *_ in _REG_TYPES:
        yield Cast("int8", name, _I, oid_from_int8, inline=f"({{0}} if 0 <= {{0}} <= {HIGHEST} else {{f}}({{0}}))")
        yield Cast("int4", name, _I, oid_from_int4, inline=f"({{0}} & {HIGHEST})")
        yield Cast("int2", name, _I, oid_from_int4, inline=f"({{0}} & {HIGHEST})")
        yield Cast(name, "int8", _A, None, inline="{0}")
        yield Cast(name, "int4", _A, int4_from_oid)
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


TYPES: tuple[Type, ...] = tuple(_types())
CASTS: tuple[Cast, ...] = tuple(_casts())
FUNCTIONS: tuple[ScalarFunction, ...] = tuple(
    ScalarFunction(f"to_{name}", ("text",), name, _lookup(read), needs_session=True, volatility=Volatility.STABLE)
    for name, _, _, read, _ in _REG_TYPES
)
