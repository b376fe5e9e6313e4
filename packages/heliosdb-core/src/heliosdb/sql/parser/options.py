"""Option lists: ``(name = value, ...)`` as in WITH of tables and in definitions, and the generic lists of utilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from heliosdb.sql.keywords import RESERVED
from heliosdb.sql.parser import expressions, types
from heliosdb.sql.statements import Literal, Option, QualifiedName, TypeName

if TYPE_CHECKING:
    from heliosdb.sql.parser.cursor import Parser

__all__ = [
    "generic_options",
    "numeric_only",
    "relation_options",
    "reset_options",
    "utility_options",
    "value_of_option",
    "word",
]


def word(text: str, position: int) -> Literal:
    """Return a word as the string literal options hold it as."""
    return Literal("string", text, position=position)


def relation_options(p: Parser) -> tuple[Option, ...]:
    """Read ``(name = value, namespace.name, ...)``."""
    p.expect("(")
    options = p.separated(lambda: _relation_option(p))
    p.expect(")")
    return options


reset_options = relation_options


def _relation_option(p: Parser) -> Option:
    position = p.position
    name = p.label()
    namespace = None
    if p.accept("."):
        namespace, name = name, p.label()
    value = value_of_option(p) if p.accept("=") else None
    return Option(name, value, namespace, position=position)


def value_of_option(p: Parser) -> Literal | TypeName | QualifiedName:
    """Read the value of a definition: a constant, a word, a type or an operator (def_arg)."""
    kind = p.kind
    position = p.position
    if kind == "SCONST":
        return p.constant()
    if kind in ("ICONST", "FCONST") or (kind in "+-" and p.next_kind() in ("ICONST", "FCONST")):
        return numeric_only(p)
    if kind in RESERVED or kind == "none":
        text = p.values[p.i]
        p.advance()
        return word(text, position)
    if kind == "OP" or kind in expressions.OPERATORS or (kind == "operator" and p.next_kind() == "("):
        return expressions.qualified_operator(p)
    start = p.i
    name = routine_type(p)
    if p.i == start + 1 and p.kinds[start] not in types.CONSTANT_TYPES:
        return word(name.names[0], position)
    return name


def routine_type(p: Parser) -> TypeName:
    """Read a type as routines take it: also ``name.column%TYPE`` (func_type)."""
    found = types.type_name(p)
    if p.kind == "%" and p.next_kind() == "type" and len(found.names) > 1 and not found.modifiers:
        p.advance()
        p.advance()
        return evolve(found, percent_type=True)
    return found


def numeric_only(p: Parser) -> Literal:
    """Read a number with an optional sign."""
    position = p.position
    negative = False
    if p.kind in ("+", "-"):
        negative = p.kind == "-"
        p.advance()
    if p.kind not in ("ICONST", "FCONST"):
        p.unexpected()
    constant = p.constant()
    if negative:
        return evolve(constant, value="-" + constant.value, negated=True, position=position)
    return constant


def utility_options(p: Parser) -> tuple[Option, ...]:
    """Read the list of EXPLAIN, VACUUM and kin: ``(name [value], ...)`` with words, numbers and strings as values."""
    p.expect("(")
    options = p.separated(lambda: _utility_option(p))
    p.expect(")")
    return options


def _utility_option(p: Parser) -> Option:
    position = p.position
    name = "analyze" if p.kind == "analyse" else p.values[p.i]
    if p.kind in ("analyse", "analyze"):
        p.advance()
    else:
        p.non_reserved_word()
    value = None
    if p.kind in ("true", "false", "on"):
        value = word(p.kind, p.position)
        p.advance()
    elif p.kind in ("ICONST", "FCONST", "+", "-"):
        value = numeric_only(p)
    elif p.kind == "SCONST":
        value = p.constant()
    elif p.kind not in (",", ")"):
        at = p.position
        value = word(p.non_reserved_word(), at)
    return Option(name, value, position=position)


def generic_options(p: Parser, *, alter: bool = False) -> tuple[Option, ...]:
    """Read ``OPTIONS (name 'value', ...)`` of foreign objects if it is there; ALTER has SET, ADD, DROP in it."""
    if not p.accept("options"):
        return ()
    p.expect("(")
    options = p.separated(lambda: _generic_option(p, alter))
    p.expect(")")
    return options


def _generic_option(p: Parser, alter: bool) -> Option:
    position = p.position
    if alter and p.kind == "drop" and p.next_kind() != "SCONST":
        p.advance()
        return Option(p.label(), action="drop", position=position)
    action = None
    if alter and p.kind in ("set", "add") and p.next_kind() != "SCONST":
        action = p.kind
        p.advance()
    name = p.label()
    if p.kind != "SCONST":
        p.unexpected()
    return Option(name, p.constant(), action=action, position=position)  # type: ignore[arg-type]
