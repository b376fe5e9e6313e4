"""Names of objects of every kind, as DROP, COMMENT, ALTER EXTENSION and kin spell them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from heliosdb.errors import SqlSyntaxError
from heliosdb.sql.keywords import COLUMN_NAMES, FUNCTION_NAMES
from heliosdb.sql.parser import expressions, options, routines, types
from heliosdb.sql.statements import ObjectName, QualifiedName, RoutineParameter, TypeName

if TYPE_CHECKING:
    from heliosdb.sql.parser.cursor import Parser

__all__ = [
    "ANY_NAME_KINDS",
    "NAME_KINDS",
    "ON_TABLE_KINDS",
    "aggregate",
    "any_named",
    "cast",
    "kind_of_object",
    "large_object",
    "named",
    "object_name",
    "on_table",
    "operator",
    "operator_class",
    "relation_named",
    "routine",
    "transform",
    "type_named",
]

#: Kinds whose objects live in schemas, and kinds that have plain names.
ANY_NAME_KINDS: Final = (
    ("table",),
    ("sequence",),
    ("view",),
    ("materialized", "view"),
    ("index",),
    ("foreign", "table"),
    ("collation",),
    ("conversion",),
    ("statistics",),
    ("text", "search", "parser"),
    ("text", "search", "dictionary"),
    ("text", "search", "template"),
    ("text", "search", "configuration"),
)
NAME_KINDS: Final = (
    ("access", "method"),
    ("event", "trigger"),
    ("extension",),
    ("foreign", "data", "wrapper"),
    ("procedural", "language"),
    ("language",),
    ("publication",),
    ("schema",),
    ("server",),
)
ON_TABLE_KINDS: Final = ("policy", "rule", "trigger")


def kind_of_object(p: Parser, kinds: tuple[tuple[str, ...], ...]) -> str | None:
    """Take the words of a kind if they are among these; words that only begin one are a syntax error."""
    begun = 0
    for words in kinds:
        if p.kind != words[0]:
            continue
        matched = 1
        while matched < len(words) and p.next_kind(matched) == words[matched]:
            matched += 1
        if matched == len(words):
            p.reset(p.i + matched)
            return "language" if words == ("procedural", "language") else " ".join(words)
        begun = max(begun, matched)
    if begun:
        p.reset(p.i + begun)
        p.unexpected()
    return None


def any_named(p: Parser, kind: str) -> ObjectName:
    """Read a dotted name."""
    position = p.position
    return ObjectName(kind, p.any_name(), position=position)


def relation_named(p: Parser, kind: str) -> ObjectName:
    """Read the name of a relation."""
    position = p.position
    return ObjectName(kind, p.qualified_name(), position=position)


def named(p: Parser, kind: str) -> ObjectName:
    """Read a plain name."""
    position = p.position
    return ObjectName(kind, QualifiedName((p.identifier(),), position=position), position=position)


def type_named(p: Parser, kind: str) -> ObjectName:
    """Read a type as the name of an object; its TypeName stands in ``arguments``."""
    position = p.position
    found = types.type_name(p)
    return ObjectName(kind, QualifiedName(found.names, position=position), (found,), position=position)


def on_table(p: Parser, kind: str) -> ObjectName:
    """Read ``name ON table``."""
    position = p.position
    name = QualifiedName((p.identifier(),), position=position)
    p.expect("on")
    if kind == "constraint" and p.accept("domain"):
        return ObjectName("domain constraint", name, relation=p.any_name(), position=position)
    return ObjectName(kind, name, relation=p.any_name(), position=position)


def routine(p: Parser, kind: str) -> ObjectName:
    """Read a routine with or without the types of its arguments (function_with_argtypes)."""
    position = p.position
    if p.kind in COLUMN_NAMES and p.next_kind() == ".":
        name = p.any_name().parts
    else:
        if p.kind not in COLUMN_NAMES and p.kind not in FUNCTION_NAMES:
            p.unexpected()
        if p.kind not in FUNCTION_NAMES and p.next_kind() == "(":
            p.advance()
            p.unexpected()
        name = (p.values[p.i],)
        p.advance()
    arguments = input_types(routines.parameters(p)) if p.kind == "(" else None
    return ObjectName(kind, QualifiedName(name, position=position), arguments, position=position)


def input_types(parameters: tuple[RoutineParameter, ...]) -> tuple[TypeName, ...]:
    return tuple(parameter.type for parameter in parameters if parameter.mode not in ("out", "table"))


def aggregate(p: Parser) -> ObjectName:
    """Read an aggregate with the types of its arguments; those of ORDER BY are appended."""
    position = p.position
    name = QualifiedName(p.function_name(), position=position)
    return ObjectName("aggregate", name, input_types(routines.aggregate_parameters(p)), position=position)


def operator(p: Parser) -> ObjectName:
    """Read ``op (left, right)``, where NONE stands for a missing side."""
    position = p.position
    name = QualifiedName(expressions.dotted_operator(p), position=position)
    p.expect("(")
    left = None
    if p.kind == "none":
        p.advance()
    else:
        left = types.type_name(p)
    if p.kind == ")" and left is not None:
        raise SqlSyntaxError(
            "missing argument",
            hint="Use NONE to denote the missing argument of a unary operator.",
            position=p.position,
        )
    p.expect(",")
    right = None
    if p.kind == "none" and left is not None:
        p.advance()
    else:
        right = types.type_name(p)
    p.expect(")")
    return ObjectName("operator", name, (left, right), position=position)


def operator_class(p: Parser, kind: str) -> ObjectName:
    """Read ``name USING method``."""
    position = p.position
    name = p.any_name()
    p.expect("using")
    return ObjectName(kind, name, method=p.identifier(), position=position)


def cast(p: Parser) -> ObjectName:
    """Read ``(source AS target)``."""
    position = p.position
    p.expect("(")
    source = types.type_name(p)
    p.expect("as")
    target = types.type_name(p)
    p.expect(")")
    return ObjectName("cast", QualifiedName(target.names), (source, target), position=position)


def transform(p: Parser) -> ObjectName:
    """Read ``FOR type LANGUAGE name``."""
    position = p.position
    p.expect("for")
    found = types.type_name(p)
    p.expect("language")
    return ObjectName("transform", QualifiedName((p.identifier(),)), (found,), position=position)


def large_object(p: Parser) -> ObjectName:
    """Read the number of a large object."""
    position = p.position
    return ObjectName("large object", QualifiedName((options.numeric_only(p).value,)), position=position)


def object_name(p: Parser, *, more: tuple[tuple[str, ...], ...] = ()) -> ObjectName:
    """Read a kind and a name of it, as COMMENT ON and ALTER EXTENSION ADD have them."""
    kind = p.kind
    if kind in ("function", "procedure", "routine"):
        p.advance()
        return routine(p, kind)
    if kind == "aggregate":
        p.advance()
        return aggregate(p)
    if kind in ("type", "domain"):
        p.advance()
        return type_named(p, kind)
    if kind == "operator":
        p.advance()
        if p.kind in ("class", "family") and p.next_kind() != ".":
            return operator_class(p, f"operator {p.one_of('class', 'family')}")
        return operator(p)
    if kind == "cast":
        p.advance()
        return cast(p)
    if kind == "transform":
        p.advance()
        return transform(p)
    found = kind_of_object(p, ANY_NAME_KINDS + NAME_KINDS + more)
    if found is None:
        p.unexpected()
    if tuple(found.split()) in ANY_NAME_KINDS or found == "column":
        return any_named(p, found)
    if found in ON_TABLE_KINDS or found == "constraint":
        return on_table(p, found)
    if found == "large object":
        return large_object(p)
    return named(p, found)
