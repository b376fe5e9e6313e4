"""Expressions that begin with a name: columns, function calls, and constants of a named type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.sql.keywords import COLUMN_NAMES, FUNCTION_NAMES, RESERVED
from heliosdb.sql.parser import functions, types
from heliosdb.sql.parser.indirection import apply_indirection, indirection
from heliosdb.sql.statements import ColumnRef, Expression, FunctionCall, TypeCast, TypeName

if TYPE_CHECKING:
    from heliosdb.sql.parser.cursor import Parser

__all__ = ["name_expression"]


def name_expression(p: Parser) -> Expression:
    """Read a column reference, a call, or ``type 'literal'``."""
    i = p.i
    kind = p.kind
    position = p.positions[i]
    following = p.kinds[i + 1] if kind != "EOF" and kind != "ERROR" else ""
    if kind == "IDENT" and following not in _AFTER_NAME:
        p.i = i + 1
        p.kind = following
        return ColumnRef((p.values[i],), position=position)
    if kind in types.CONSTANT_TYPES:
        found = typed_constant(p)
        if found is not None:
            return found
    elif kind == "double" and following == "precision":
        return cast_constant(p, types.simple_type_name(p, constant=True), position)
    if kind not in COLUMN_NAMES:
        # A word that may name functions and types only: a call or a typed constant must follow.
        if kind not in FUNCTION_NAMES or kind in RESERVED:
            p.unexpected()
        p.advance()
        if p.kind == "(":
            return functions.call(p, (p.values[i],), position)
        return cast_constant(p, TypeName((p.values[i],), position=position), position)
    p.advance()
    kind_after = p.kind
    if kind_after == ".":
        return dotted_name(p, p.values[i], position)
    if kind_after == "(" and kind in FUNCTION_NAMES:
        return functions.call(p, (p.values[i],), position)
    if kind_after == "SCONST" and kind in FUNCTION_NAMES:
        return cast_constant(p, TypeName((p.values[i],), position=position), position)
    column = ColumnRef((p.values[i],), position=position)
    if kind_after == "[":
        wrapped = apply_indirection(p, column)
        if p.kind == "(":
            p.unexpected()
        return wrapped
    return column


_AFTER_NAME = frozenset({".", "(", "SCONST", "["})


def dotted_name(p: Parser, first: str, position: int) -> Expression:
    """Read on behind a name at its first dot."""
    parts = [first]
    while p.kind == ".":
        p.advance()
        if p.kind == "*":
            p.advance()
            if p.kind in (".", "["):
                indirection(p)
                raise p.near('improper use of "*"')
            if p.kind in ("(", "SCONST"):
                p.unexpected()
            return ColumnRef(tuple(parts), True, position=position)
        parts.append(p.label())
    if p.kind == "(":
        return functions.call(p, tuple(parts), position)
    if p.kind == "SCONST":
        return cast_constant(p, TypeName(tuple(parts), position=position), position)
    column = ColumnRef(tuple(parts), position=position)
    if p.kind != "[":
        return column
    wrapped = apply_indirection(p, column)
    if p.kind in ("(", "SCONST"):
        p.unexpected()
    return wrapped


def cast_constant(p: Parser, type_name: TypeName, position: int) -> TypeCast:
    """Read the string of ``type 'literal'``."""
    if p.kind != "SCONST":
        p.unexpected()
    return TypeCast(p.constant(), type_name, position=position)


def typed_constant(p: Parser) -> Expression | None:
    """Read ``timestamp(3) '...'``, ``interval '1' day`` and kin; None when the word is a plain name here."""
    i = p.i
    position = p.position
    following = p.next_kind()
    kind = p.kind
    if kind == "interval":
        if following == "SCONST":
            p.advance()
            constant = p.constant()
            fields, precision = types.interval_fields(p)
            name = TypeName(("pg_catalog", "interval"), precision, interval_fields=fields, position=position)
            return TypeCast(constant, name, position=position)
        if following == "(":
            return cast_constant(p, types.simple_type_name(p, constant=True), position)
        return None
    if following == "SCONST" or following in _TYPE_WORDS or (following == "(" and kind in _WITH_MODIFIER):
        type_name = types.simple_type_name(p, constant=True)
        if p.kind != "SCONST":
            if following == "SCONST" or p.i != i + 1:
                p.unexpected()
            p.reset(i)
            return None
        return TypeCast(p.constant(), type_name, position=position)
    return None


_TYPE_WORDS = frozenset({"varying", "with_la", "without", "character", "char"})
_WITH_MODIFIER = frozenset(
    {"float", "decimal", "dec", "numeric", "bit", "character", "char", "varchar", "nchar", "timestamp", "time"}
)


def modified_type(p: Parser, call: FunctionCall) -> TypeCast | None:
    """Return ``name(1, 2) 'literal'`` when a string follows a plain call, for then the call was a type."""
    if p.kind != "SCONST":
        return None
    name = TypeName(call.name, call.arguments, position=call.position)
    return TypeCast(p.constant(), name, position=call.position)
