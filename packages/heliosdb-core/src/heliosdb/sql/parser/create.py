"""CREATE: which object, and the kinds that are a name and a few options."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from heliosdb.errors import FeatureNotSupported
from heliosdb.sql.keywords import COLUMN_NAMES
from heliosdb.sql.parser import (
    create_index,
    entry,
    expressions,
    from_items,
    indexes,
    objects,
    options,
    roles,
    routines,
    sequences,
    tables,
    types,
)
from heliosdb.sql.statements import (
    ColumnRef,
    CreateCast,
    CreateCompositeType,
    CreateDatabase,
    CreateDomain,
    CreateEnum,
    CreateExtension,
    CreateObject,
    CreateRangeType,
    CreateSchema,
    CreateStatistics,
    Expression,
    ObjectName,
    Option,
    QualifiedName,
    Statement,
)

if TYPE_CHECKING:
    from heliosdb.sql.parser.cursor import Parser

__all__ = ["create"]


def create(p: Parser) -> Statement:
    """Read CREATE behind that word."""
    replace = False
    if p.kind == "or":
        p.advance()
        p.expect("replace")
        replace = True
    persistence = "permanent"
    if p.kind in ("local", "global") and not replace:
        p.advance()
        p.one_of("temporary", "temp")
        persistence = "temporary"
    elif p.kind in ("temporary", "temp"):
        p.advance()
        persistence = "temporary"
    elif p.kind == "unlogged":
        p.advance()
        persistence = "unlogged"
    if persistence != "permanent" or replace:
        return create_special(p, persistence, replace)
    kind = p.kind
    rule = _RULES.get(kind)
    if rule is not None:
        p.advance()
        return rule(p)
    if kind in ("unique", "index"):
        return create_index.create_index(p, p.start_position)
    if kind in ("view", "recursive"):
        return tables.create_view(p, persistence, False)
    if kind in _UNSUPPORTED:
        raise p.unsupported(f"CREATE {p.values[p.i].upper()}")
    return create_special(p, persistence, False)


def create_special(p: Parser, persistence: str, replace: bool) -> Statement:
    """Read what may have OR REPLACE, TEMPORARY or UNLOGGED in front."""
    kind = p.kind
    if kind == "view" or kind == "recursive":
        return tables.create_view(p, persistence, replace)
    if not replace:
        if kind == "table":
            p.advance()
            return tables.create_table(p, persistence)
        if kind == "sequence":
            p.advance()
            return sequences.create_sequence(p, persistence)
        if kind == "materialized" and persistence != "temporary":
            p.advance()
            p.expect("view")
            return tables.create_materialized_view(p, persistence)
    if persistence == "permanent":
        if kind in ("function", "procedure"):
            p.advance()
            return routines.create_routine(p, kind, replace)
        if kind == "trigger":
            p.advance()
            return routines.create_trigger(p, constraint=False, replace=replace)
        if kind == "constraint":
            p.advance()
            p.expect("trigger")
            return routines.create_trigger(p, constraint=True, replace=replace)
        if kind == "rule":
            p.advance()
            return routines.create_rule(p, replace)
        if kind == "aggregate":
            p.advance()
            return aggregate(p, replace)
        if kind in ("trusted", "procedural", "language"):
            return language(p, replace)
        if kind == "transform":
            raise p.unsupported("CREATE TRANSFORM")
    p.unexpected()


def named(p: Parser, kind: str) -> ObjectName:
    return objects.named(p, kind)


def schema(p: Parser) -> CreateSchema:
    exists = p.if_not_exists()
    name = None
    owner = None
    if p.kind != "authorization":
        name = p.identifier()
    if p.accept("authorization"):
        owner = roles.role(p)
    elif name is None:
        p.unexpected()
    elements: list[Statement] = []
    at = p.position
    while p.kind in ("create", "grant"):
        start = p.i
        element = p.deeper(lambda: entry.statement(p))
        if type(element).__name__ not in _SCHEMA_ELEMENTS:
            p.reset(start + 1)
            p.unexpected()
        elements.append(element)
    if exists and elements:
        raise FeatureNotSupported("CREATE SCHEMA IF NOT EXISTS cannot include schema elements", position=at)
    return CreateSchema(name, owner, exists, tuple(elements), position=p.start_position)


_SCHEMA_ELEMENTS: Final = frozenset(
    {"CreateTable", "CreateIndex", "CreateSequence", "CreateTrigger", "Grant", "CreateView"}
)


def create_type(p: Parser) -> Statement:
    name = p.any_name()
    position = p.start_position
    if p.kind == "(":
        found = definition(p)
        return CreateObject(ObjectName("type", name, position=name.position), found, position=position)
    if not p.accept("as"):
        return CreateObject(ObjectName("type", name, position=name.position), position=position)
    if p.accept("enum"):
        p.expect("(")
        labels = () if p.kind == ")" else p.separated(p.string)
        p.expect(")")
        return CreateEnum(name, labels, position=position)
    if p.accept("range"):
        return CreateRangeType(name, definition(p), position=position)
    p.expect("(")
    attributes = () if p.kind == ")" else p.separated(lambda: from_items.column_definition(p))
    p.expect(")")
    return CreateCompositeType(name, attributes, position=position)


def definition(p: Parser) -> tuple[Option, ...]:
    """Read ``(name = value, name, ...)`` (definition)."""
    p.expect("(")
    found = p.separated(lambda: definition_item(p))
    p.expect(")")
    return found


def definition_item(p: Parser) -> Option:
    position = p.position
    name = p.label()
    return Option(name, options.value_of_option(p) if p.accept("=") else None, position=position)


def domain(p: Parser) -> CreateDomain:
    name = p.any_name()
    p.accept("as")
    type_name = types.type_name(p)
    found = tables.column_qualifiers(p)
    if found["extensions"]:
        clause = found["extensions"][0]
        raise p.unsupported(f"clause {clause.name} in CREATE DOMAIN", clause.position)
    return CreateDomain(name, type_name, found["collation"], found["constraints"], position=p.start_position)


def extension(p: Parser) -> CreateExtension:
    exists = p.if_not_exists()
    name = p.identifier()
    if p.kind in ("with", "with_la"):
        p.advance()
    found: list[Option] = []
    while p.kind in ("schema", "version", "cascade", "from"):
        position = p.position
        kind = p.kind
        p.advance()
        if kind == "cascade":
            found.append(Option("cascade", options.word("true", position), position=position))
        elif kind == "schema":
            at = p.position
            found.append(Option("schema", options.word(p.identifier(), at), position=position))
        elif kind == "version":
            found.append(Option("new_version", routines.language(p), position=position))
        else:
            routines.language(p)
            raise FeatureNotSupported("CREATE EXTENSION ... FROM is no longer supported", position=position)
    return CreateExtension(name, tuple(found), exists, position=p.start_position)


def database(p: Parser) -> CreateDatabase:
    name = p.identifier()
    if p.kind in ("with", "with_la"):
        p.advance()
    found: list[Option] = []
    while (option := database_option(p)) is not None:
        found.append(option)
    return CreateDatabase(name, tuple(found), position=p.start_position)


def database_option(p: Parser) -> Option | None:
    """Read ``name [=] value`` (createdb_opt_item)."""
    position = p.position
    if p.kind == "connection":
        p.advance()
        p.expect("limit")
        name = "connection_limit"
    elif p.kind in ("IDENT", "encoding", "location", "owner", "tablespace", "template"):
        name = p.values[p.i]
        p.advance()
    else:
        return None
    p.accept("=")
    if p.accept("default"):
        return Option(name, position=position)
    if p.kind in ("ICONST", "FCONST", "+", "-"):
        return Option(name, options.numeric_only(p), position=position)
    at = p.position
    if p.kind in ("true", "false", "on"):
        value = options.word(p.kind, at)
        p.advance()
        return Option(name, value, position=position)
    return Option(name, routines.language(p), position=position)


def statistics(p: Parser) -> CreateStatistics:
    exists = p.if_not_exists()
    name = p.any_name()
    kinds = p.parenthesized_names() if p.kind == "(" else ()
    p.expect("on")
    found = p.separated(lambda: statistics_key(p))
    if p.kind != "from":
        p.unexpected()
    return CreateStatistics(name, kinds, found, from_items.from_clause(p), exists, position=p.start_position)


def statistics_key(p: Parser) -> Expression:
    position = p.position
    name, expression = indexes.key(p)
    if expression is not None:
        return expression
    assert name is not None
    return ColumnRef((name,), position=position)


def aggregate(p: Parser, replace: bool) -> CreateObject:
    position = p.position
    name = QualifiedName(p.function_name(), position=position)
    if p.kind == "(" and p.next_kind() in COLUMN_NAMES and p.next_kind(2) == "=":
        p.advance()
        found = p.separated(lambda: old_aggregate_item(p))
        p.expect(")")
        return CreateObject(ObjectName("aggregate", name, position=position), found, replace, position=p.start_position)
    arguments = objects.input_types(routines.aggregate_parameters(p))
    target = ObjectName("aggregate", name, arguments, position=position)
    return CreateObject(target, definition(p), replace, position=p.start_position)


def old_aggregate_item(p: Parser) -> Option:
    position = p.position
    if p.kind != "IDENT":
        p.unexpected()
    name = p.values[p.i]
    p.advance()
    p.expect("=")
    return Option(name, options.value_of_option(p), position=position)


def operator(p: Parser) -> CreateObject:
    if p.kind in ("class", "family") and p.next_kind() != ".":
        raise p.unsupported(f"CREATE OPERATOR {p.kind.upper()}")
    position = p.position
    name = QualifiedName(expressions.dotted_operator(p), position=position)
    return CreateObject(ObjectName("operator", name, position=position), definition(p), position=p.start_position)


def collation(p: Parser) -> CreateObject:
    exists = p.if_not_exists()
    target = objects.any_named(p, "collation")
    if p.accept("from"):
        return CreateObject(target, (), False, exists, p.any_name(), position=p.start_position)
    return CreateObject(target, definition(p), False, exists, position=p.start_position)


def text_search(p: Parser) -> CreateObject:
    p.expect("search")
    kind = "text search " + p.one_of("parser", "dictionary", "template", "configuration")
    target = objects.any_named(p, kind)
    return CreateObject(target, definition(p), position=p.start_position)


def language(p: Parser, replace: bool) -> CreateObject:
    found: list[Option] = []
    if p.kind == "trusted":
        found.append(Option("trusted", position=p.position))
        p.advance()
    p.accept("procedural")
    p.expect("language")
    target = named(p, "language")
    if p.kind == "handler":
        for word in ("handler", "inline", "validator"):
            position = p.position
            if word == "validator" and p.accept("no"):
                p.expect("validator")
            elif p.accept(word):
                found.append(Option(word, p.any_name(), position=position))
    return CreateObject(target, tuple(found), replace, position=p.start_position)


def tablespace(p: Parser) -> CreateObject:
    target = named(p, "tablespace")
    found: tuple[Option, ...] = ()
    if p.kind == "owner":
        position = p.position
        p.advance()
        owner = roles.role(p)
        found = (Option("owner", options.word(owner.name or owner.special or "", owner.position), position=position),)
    position = p.position
    p.expect("location")
    found += (Option("location", routines.string_literal(p), position=position),)
    if p.accept("with"):
        found += options.relation_options(p)
    return CreateObject(target, found, position=p.start_position)


def cast(p: Parser) -> CreateCast:
    p.expect("(")
    source = types.type_name(p)
    p.expect("as")
    target = types.type_name(p)
    p.expect(")")
    function = None
    if p.accept("without"):
        p.expect("function")
        method = "binary"
    else:
        p.expect("with")
        method = p.one_of("function", "inout")
        if method == "function":
            function = objects.routine(p, "function")
    context = "explicit"
    if p.accept("as"):
        context = p.one_of("implicit", "assignment")
    return CreateCast(source, target, method, function, context, position=p.start_position)  # type: ignore[arg-type]


def foreign(p: Parser) -> Statement:
    if p.accept("table"):
        return tables.create_foreign_table(p)
    if p.kind == "data":
        raise p.unsupported("CREATE FOREIGN DATA WRAPPER")
    p.unexpected()


def user(p: Parser) -> Statement:
    if p.kind == "mapping" and p.next_kind() in ("for", "if"):
        raise p.unsupported("CREATE USER MAPPING")
    return roles.create_role(p, "user")


def assertion(p: Parser) -> Statement:
    p.any_name()
    p.expect("check")
    p.expect("(")
    expressions.expression(p)
    p.expect(")")
    raise FeatureNotSupported("CREATE ASSERTION is not yet implemented")


_RULES: Final[dict[str, Callable[[Parser], Statement]]] = {
    "schema": schema,
    "type": create_type,
    "domain": domain,
    "extension": extension,
    "database": database,
    "statistics": statistics,
    "operator": operator,
    "collation": collation,
    "text": text_search,
    "tablespace": tablespace,
    "cast": cast,
    "foreign": foreign,
    "role": lambda p: roles.create_role(p, "role"),
    "group": lambda p: roles.create_role(p, "group"),
    "user": user,
    "policy": roles.create_policy,
    "assertion": assertion,
}
_UNSUPPORTED: Final = frozenset({"publication", "subscription", "server", "event", "access", "conversion", "default"})
