"""Type names (PostgreSQL's Typename): the standard's spellings become names of pg_catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from heliosdb.errors import InvalidParameterValue
from heliosdb.sql.keywords import FUNCTION_NAMES
from heliosdb.sql.parser import expressions
from heliosdb.sql.statements import Expression, Literal, TypeName

if TYPE_CHECKING:
    from heliosdb.sql.parser.cursor import Parser

__all__ = ["CONSTANT_TYPES", "INTERVAL_FIELDS", "interval_fields", "simple_type_name", "type_name", "type_with_array"]

_PLAIN = {
    "int": "int4",
    "integer": "int4",
    "smallint": "int2",
    "bigint": "int8",
    "real": "float4",
    "boolean": "bool",
}
_NUMERIC = frozenset({"decimal", "dec", "numeric"})
_CHARACTER = frozenset({"character", "char", "varchar", "national", "nchar"})
INTERVAL_FIELDS = frozenset({"year", "month", "day", "hour", "minute", "second"})
#: Words (besides names) that begin the type of a constant such as ``timestamp '...'``.
CONSTANT_TYPES = frozenset(_PLAIN) | _NUMERIC | _CHARACTER | {"float", "bit", "timestamp", "time", "interval"}


def type_name(p: Parser) -> TypeName:
    """Read a type with its array bounds, SETOF before it."""
    position = p.position
    setof = p.accept("setof")
    if p.kind == "array" and p.next_kind() == "[":
        base = array_type(p)
        dimensions = (*base.dimensions, *array_bounds(p))
    else:
        base = simple_type_name(p)
        dimensions = array_bounds(p)
    if not dimensions and not setof:
        return base
    return TypeName(
        base.names, base.modifiers, dimensions, setof, base.interval_fields, base.percent_type, position=position
    )


def array_type(p: Parser) -> TypeName:
    """Read ``ARRAY[integer]``, another way to write ``integer[]``."""
    p.advance()
    p.expect("[")
    element = p.deeper(lambda: type_name(p))
    p.expect("]")
    return evolve(element, dimensions=(None, *element.dimensions))


def type_with_array(p: Parser, base: TypeName) -> TypeName:
    """Return a type already read with the array bounds that follow."""
    dimensions = array_bounds(p)
    if not dimensions:
        return base
    return evolve(base, dimensions=dimensions)


def array_bounds(p: Parser) -> tuple[int | None, ...]:
    """Read ``[]``, ``[3]``, ``ARRAY``, ``ARRAY[3]``."""
    if p.kind == "array":
        p.advance()
        if not p.accept("["):
            return (None,)
        bound = p.integer()
        p.expect("]")
        return (bound,)
    bounds: list[int | None] = []
    while p.kind == "[":
        p.advance()
        bounds.append(None if p.kind == "]" else p.integer())
        p.expect("]")
    return tuple(bounds)


def simple_type_name(p: Parser, *, constant: bool = False) -> TypeName:
    """Read a type without array bounds. With ``constant`` it is that of a constant: CHAR then means any length."""
    kind = p.kind
    position = p.position
    if kind in _PLAIN:
        p.advance()
        return TypeName(("pg_catalog", _PLAIN[kind]), position=position)
    if kind == "float":
        p.advance()
        return TypeName(("pg_catalog", float_type(p)), position=position)
    if kind == "double" and (p.next_kind() == "precision"):
        p.advance()
        p.advance()
        return TypeName(("pg_catalog", "float8"), position=position)
    if kind in _NUMERIC:
        p.advance()
        return TypeName(("pg_catalog", "numeric"), modifiers(p), position=position)
    if kind == "bit":
        p.advance()
        name = "varbit" if p.accept("varying") else "bit"
        lengths = modifiers(p)
        if not lengths and name == "bit" and not constant:
            lengths = (Literal("integer", "1"),)
        return TypeName(("pg_catalog", name), lengths, position=position)
    if kind in _CHARACTER:
        return character_type(p, constant)
    if kind in ("timestamp", "time"):
        p.advance()
        precision = integer_in_parentheses(p)
        zoned = False
        if p.accept("with_la"):
            p.expect_all("time", "zone")
            zoned = True
        elif p.accept("without"):
            p.expect_all("time", "zone")
        return TypeName(("pg_catalog", kind + "tz" if zoned else kind), precision, position=position)
    if kind == "interval":
        p.advance()
        if p.kind == "(":
            return TypeName(("pg_catalog", "interval"), integer_in_parentheses(p), position=position)
        fields, precision = interval_fields(p)
        return TypeName(("pg_catalog", "interval"), precision, interval_fields=fields, position=position)
    if kind not in FUNCTION_NAMES:
        p.unexpected()
    names = [p.values[p.i]]
    p.advance()
    while p.kind == ".":
        p.advance()
        names.append(p.label())
    return TypeName(tuple(names), modifiers(p), position=position)


def modifiers(p: Parser) -> tuple[Expression, ...]:
    """Read ``(10, 2)`` if it is there."""
    if p.kind != "(":
        return ()
    p.advance()
    found = expressions.expression_list(p)
    p.expect(")")
    return found


def integer_in_parentheses(p: Parser) -> tuple[Expression, ...]:
    """Read ``(3)`` if it is there."""
    if p.kind != "(":
        return ()
    p.advance()
    if p.kind != "ICONST":
        p.unexpected()
    constant = p.constant()
    p.expect(")")
    return (constant,)


def float_type(p: Parser) -> str:
    """Read the precision behind FLOAT."""
    if p.kind != "(":
        return "float8"
    p.advance()
    position = p.position
    bits = p.integer()
    p.expect(")")
    if bits < 1:
        raise InvalidParameterValue("precision for type float must be at least 1 bit", position=position)
    if bits > 53:
        raise InvalidParameterValue("precision for type float must be less than 54 bits", position=position)
    return "float4" if bits <= 24 else "float8"


def character_type(p: Parser, constant: bool) -> TypeName:
    """Read CHAR, CHARACTER VARYING, NATIONAL CHARACTER and kin."""
    position = p.position
    kind = p.one_of(*_CHARACTER)
    if kind == "national":
        p.one_of("character", "char")
    varying = kind == "varchar" or p.accept("varying")
    length = integer_in_parentheses(p)
    if not length and not varying and not constant:
        length = (Literal("integer", "1"),)
    return TypeName(("pg_catalog", "varchar" if varying else "bpchar"), length, position=position)


def interval_fields(p: Parser) -> tuple[str | None, tuple[Expression, ...]]:
    """Read ``YEAR TO MONTH``, ``SECOND(3)`` and kin; return the fields and the precision of seconds."""
    if p.kind not in INTERVAL_FIELDS:
        return None, ()
    first = p.one_of(*INTERVAL_FIELDS)
    if first == "second":
        return first, integer_in_parentheses(p)
    if first == "month" or p.kind != "to":
        return first, ()
    p.advance()
    following = {
        "year": ("month",),
        "day": ("hour", "minute", "second"),
        "hour": ("minute", "second"),
        "minute": ("second",),
    }[first]
    last = p.one_of(*following)
    return f"{first} to {last}", integer_in_parentheses(p) if last == "second" else ()
