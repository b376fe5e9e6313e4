"""ALTER: which object; rename, owner, schema, and the kinds with few forms of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from heliosdb.sql.parser import (
    alter_table,
    constraints,
    create,
    expressions,
    from_items,
    objects,
    options,
    roles,
    routines,
    sequences,
    settings,
    types,
)
from heliosdb.sql.statements import (
    AddColumn,
    AlterColumnType,
    AlterDatabaseSet,
    AlterDependsOnExtension,
    AlterDomain,
    AlterEnum,
    AlterObject,
    AlterOwner,
    AlterSchema,
    AlterTable,
    ColumnDefinition,
    DropColumn,
    Node,
    ObjectName,
    Option,
    QualifiedName,
    Rename,
    Statement,
)

if TYPE_CHECKING:
    from heliosdb.sql.parser.cursor import Parser

__all__ = ["alter"]

_RELATIONS: Final = {
    ("table",): "table",
    ("foreign", "table"): "foreign table",
    ("index",): "index",
    ("view",): "view",
    ("materialized", "view"): "materialized view",
    ("sequence",): "sequence",
}
_WITH_COLUMNS: Final = frozenset({"table", "foreign table", "view", "materialized view"})


def alter(p: Parser) -> Statement:
    """Read ALTER behind that word."""
    for words, kind in _RELATIONS.items():
        if p.kind == words[0] and (len(words) == 1 or p.next_kind() == words[1]):
            p.reset(p.i + len(words))
            return relation(p, kind)
    kind = p.kind
    if kind == "materialized" or (kind == "foreign" and p.next_kind() != "data"):
        p.advance()
        p.unexpected()
    rule = _RULES.get(kind)
    if rule is not None:
        p.advance()
        return rule(p)
    if kind in _UNSUPPORTED:
        raise p.unsupported(f"ALTER {p.values[p.i].upper()}")
    p.unexpected()


def relation(p: Parser, kind: str) -> Statement:
    """Read ALTER TABLE, INDEX, VIEW and kin behind those words."""
    if p.kind == "all" and kind in ("table", "index", "materialized view"):
        raise p.unsupported(f"ALTER {kind.upper()} ALL IN TABLESPACE")
    exists = p.if_exists()
    only = False
    if kind in ("table", "foreign table"):
        found = from_items.relation(p)
        name, only = found.name, found.only
    else:
        name = p.qualified_name()
    target = ObjectName(kind, name, position=name.position)
    word = p.kind
    if word == "rename":
        p.advance()
        return rename_relation(p, target, kind, exists, only)
    if word == "set" and p.next_kind() == "schema" and kind != "index":
        p.advance()
        return set_schema(p, target, exists)
    if word in ("depends", "no") and p.next_kind() in ("on", "depends"):
        return depends(p, target)
    position = p.start_position
    if word in ("attach", "detach") and kind in ("table", "index"):
        if kind == "index" and word == "detach":
            p.unexpected()
        action = alter_table.partition_action(p, index=kind == "index")
        return AlterTable(kind, name, (action,), only, exists, position=position)
    if kind == "sequence" and is_sequence_option(p):
        found_options = sequences.sequence_options(p)
        return AlterObject(target, "options", found_options, if_exists=exists, position=position)
    return AlterTable(kind, name, alter_table.actions(p), only, exists, position=position)


def is_sequence_option(p: Parser) -> bool:
    if p.kind == "no":
        return p.next_kind() in ("cycle", "maxvalue", "minvalue")
    return p.kind in sequences.SEQUENCE_WORDS


def rename_relation(p: Parser, target: ObjectName, kind: str, exists: bool, only: bool) -> Rename:
    position = p.start_position
    if p.kind == "to" or kind not in _WITH_COLUMNS:
        p.expect("to")
        return Rename(target, p.identifier(), if_exists=exists, only=only, position=position)
    part = "column"
    if p.kind == "constraint" and kind == "table":
        p.advance()
        part = "constraint"
    else:
        p.accept("column")
    old = p.identifier()
    p.expect("to")
    return Rename(target, p.identifier(), part, old, exists, False, only, position=position)  # type: ignore[arg-type]


def set_schema(p: Parser, target: ObjectName, exists: bool = False) -> AlterSchema:
    """Read ``SCHEMA name`` behind SET."""
    p.expect("schema")
    return AlterSchema(target, p.identifier(), exists, position=p.start_position)


def depends(p: Parser, target: ObjectName) -> AlterDependsOnExtension:
    remove = p.accept("no")
    p.expect_all("depends", "on", "extension")
    return AlterDependsOnExtension(target, p.identifier(), remove, position=p.start_position)


def common(p: Parser, target: ObjectName, *, schema: bool = True, owner: bool = True) -> Statement:
    """Read RENAME TO, OWNER TO or SET SCHEMA behind an object."""
    if p.accept("rename"):
        p.expect("to")
        return Rename(target, p.identifier(), position=p.start_position)
    if owner and p.accept("owner"):
        p.expect("to")
        return AlterOwner(target, roles.role(p), position=p.start_position)
    if schema:
        p.expect("set")
        return set_schema(p, target)
    p.unexpected()


# -- types and domains ------------------------------------------------------------------------------------------------


def alter_type(p: Parser) -> Statement:
    name = p.any_name()
    target = ObjectName("type", name, position=name.position)
    position = p.start_position
    kind, following = p.kind, p.next_kind()
    if kind == "add" and following == "value":
        p.reset(p.i + 2)
        exists = p.kind == "if"
        if exists:
            p.expect_all("if", "not", "exists")
        label = p.string()
        neighbour = None
        after = True
        if p.kind in ("before", "after"):
            after = p.kind == "after"
            p.advance()
            neighbour = p.string()
        return AlterEnum(name, label, neighbour, after, exists, position=position)
    if kind == "rename" and following == "value":
        p.reset(p.i + 2)
        old = p.string()
        p.expect("to")
        return AlterEnum(name, p.string(), old=old, position=position)
    if kind == "rename" and following == "attribute":
        p.reset(p.i + 2)
        old = p.identifier()
        p.expect("to")
        new = p.identifier()
        return Rename(target, new, "attribute", old, cascade=p.cascade(), position=position)
    if kind in ("add", "drop", "alter"):
        return AlterTable("type", name, p.separated(lambda: type_action(p)), position=position)
    if kind == "set" and following == "(":
        p.advance()
        return AlterObject(target, "set", create.definition(p), position=position)
    return common(p, target)


def type_action(p: Parser) -> Node:
    """Read ADD, DROP or ALTER ATTRIBUTE."""
    position = p.position
    kind = p.one_of("add", "drop", "alter")
    p.expect("attribute")
    if kind == "add":
        item = from_items.column_definition(p)
        column = ColumnDefinition(item.name, item.type, item.collation, position=item.position)
        return AddColumn(column, cascade=p.cascade(), position=position)
    if kind == "drop":
        exists = p.if_exists()
        name = p.identifier()
        return DropColumn(name, exists, p.cascade(), position=position)
    name = p.identifier()
    if p.accept("set"):
        p.expect("data")
    p.expect("type")
    type_name = types.type_name(p)
    collation = p.any_name() if p.accept("collate") else None
    return AlterColumnType(name, type_name, collation, cascade=p.cascade(), position=position)


def domain(p: Parser) -> Statement:
    name = p.any_name()
    target = ObjectName("domain", name, position=name.position)
    position = p.start_position
    kind, following = p.kind, p.next_kind()
    if kind == "set" and following == "schema":
        p.advance()
        return set_schema(p, target)
    if kind == "set":
        p.advance()
        if p.accept("default"):
            return AlterDomain(name, "set default", expressions.expression(p), position=position)
        p.expect_all("not", "null")
        return AlterDomain(name, "set not null", position=position)
    if kind == "drop":
        p.advance()
        what = p.one_of("default", "not", "constraint")
        if what == "default":
            return AlterDomain(name, "drop default", position=position)
        if what == "not":
            p.expect("null")
            return AlterDomain(name, "drop not null", position=position)
        exists = p.if_exists()
        constraint = p.identifier()
        return AlterDomain(
            name,
            "drop constraint",
            name_of_constraint=constraint,
            if_exists=exists,
            cascade=p.cascade(),
            position=position,
        )
    if kind == "add":
        p.advance()
        return AlterDomain(name, "add constraint", constraint=constraints.table_constraint(p), position=position)
    if kind == "validate":
        p.advance()
        p.expect("constraint")
        return AlterDomain(name, "validate constraint", name_of_constraint=p.identifier(), position=position)
    if kind == "rename" and following == "constraint":
        p.reset(p.i + 2)
        old = p.identifier()
        p.expect("to")
        return Rename(target, p.identifier(), "constraint", old, position=position)
    return common(p, target)


# -- routines and named objects ---------------------------------------------------------------------------------------


def routine(kind: str) -> Callable[[Parser], Statement]:
    def parse(p: Parser) -> Statement:
        target = objects.aggregate(p) if kind == "aggregate" else objects.routine(p, kind)
        if kind == "aggregate" or p.kind in ("rename", "owner") or (p.kind == "set" and p.next_kind() == "schema"):
            return common(p, target)
        if p.kind in ("depends", "no"):
            return depends(p, target)
        found, sets = routines.routine_settings(p)
        return AlterObject(target, "options", found, settings=sets, position=p.start_position)

    return parse


def schema(p: Parser) -> Statement:
    return common(p, objects.named(p, "schema"), schema=False)


def database(p: Parser) -> Statement:
    target = objects.named(p, "database")
    position = p.start_position
    kind, following = p.kind, p.next_kind()
    if kind in ("rename", "owner") and following == "to":
        return common(p, target)
    if kind == "set" and following == "tablespace" and p.next_kind(2) not in ("=", "to"):
        p.reset(p.i + 2)
        at = p.position
        found = Option("tablespace", options.word(p.identifier(), at), position=at)
        return AlterObject(target, "options", (found,), position=position)
    if kind in ("set", "reset"):
        return AlterDatabaseSet(target.name.name, settings.set_or_reset(p), position=position)
    if kind == "refresh":
        p.advance()
        p.expect_all("collation", "version")
        return AlterObject(target, "refresh collation version", position=position)
    if p.kind in ("with", "with_la"):
        p.advance()
    listed: list[Option] = []
    while (option := create.database_option(p)) is not None:
        listed.append(option)
    return AlterObject(target, "options", tuple(listed), position=position)


def extension(p: Parser) -> Statement:
    target = objects.named(p, "extension")
    position = p.start_position
    kind = p.kind
    if kind == "update":
        p.advance()
        found: list[Option] = []
        while p.kind == "to":
            at = p.position
            p.advance()
            found.append(Option("new_version", routines.language(p), position=at))
        return AlterObject(target, "update", tuple(found), position=position)
    if kind in ("add", "drop"):
        p.advance()
        member = objects.object_name(p, more=(("database",), ("role",), ("subscription",), ("tablespace",)))
        return AlterObject(target, kind, member=member, position=position)
    p.expect("set")
    return set_schema(p, target)


def statistics(p: Parser) -> Statement:
    exists = p.if_exists()
    target = objects.any_named(p, "statistics")
    if p.kind == "set" and p.next_kind() == "statistics":
        p.reset(p.i + 2)
        at = p.position
        value = options.word(alter_table.signed_integer(p), at)
        found = Option("statistics", value, position=at)
        return AlterObject(target, "options", (found,), if_exists=exists, position=p.start_position)
    if exists:
        p.unexpected()
    return common(p, target)


def collation(p: Parser) -> Statement:
    target = objects.any_named(p, "collation")
    if p.accept("refresh"):
        p.expect("version")
        return AlterObject(target, "refresh version", position=p.start_position)
    return common(p, target)


def language(p: Parser) -> Statement:
    return common(p, objects.named(p, "language"), schema=False)


def procedural(p: Parser) -> Statement:
    p.expect("language")
    return language(p)


def tablespace(p: Parser) -> Statement:
    target = objects.named(p, "tablespace")
    if p.kind in ("set", "reset"):
        action = p.kind
        p.advance()
        return AlterObject(target, action, options.relation_options(p), position=p.start_position)
    return common(p, target, schema=False)


def operator(p: Parser) -> Statement:
    if p.kind in ("class", "family") and p.next_kind() != ".":
        kind = f"operator {p.one_of('class', 'family')}"
        target = objects.operator_class(p, kind)
        if kind == "operator family" and p.kind in ("add", "drop"):
            raise p.unsupported(f"ALTER OPERATOR FAMILY ... {p.kind.upper()}")
        return common(p, target)
    target = objects.operator(p)
    if p.kind == "owner" or (p.kind == "set" and p.next_kind() == "schema"):
        return common(p, target)
    p.expect("set")
    return AlterObject(target, "set", create.definition(p), position=p.start_position)


def on_table(kind: str) -> Callable[[Parser], Statement]:
    """ALTER TRIGGER, RULE and POLICY."""

    def parse(p: Parser) -> Statement:
        exists = kind == "policy" and p.if_exists()
        position = p.position
        name = QualifiedName((p.identifier(),), position=position)
        p.expect("on")
        table = p.qualified_name()
        target = ObjectName(kind, name, relation=table, position=position)
        if p.accept("rename"):
            p.expect("to")
            return Rename(target, p.identifier(), if_exists=exists, position=p.start_position)
        if kind == "trigger" and p.kind in ("depends", "no"):
            return depends(p, target)
        if kind == "policy" and not exists:
            return roles.alter_policy(p, name.name, table)
        p.unexpected()

    return parse


def role(kind: str) -> Callable[[Parser], Statement]:
    def parse(p: Parser) -> Statement:
        if kind == "user" and p.kind == "mapping" and p.next_kind() == "for":
            raise p.unsupported("ALTER USER MAPPING")
        if p.next_kind() == "rename":
            position = p.position
            found = roles.role_name(p)
            p.advance()
            p.expect("to")
            new = roles.role_name(p)
            target = ObjectName("role", QualifiedName((found.name or "",), position=position), position=position)
            return Rename(target, new.name or "", position=p.start_position)
        return roles.alter_role(p, kind)

    return parse


def default_privileges(p: Parser) -> Statement:
    p.expect("privileges")
    return roles.alter_default_privileges(p)


def system(p: Parser) -> Statement:
    position = p.start_position
    kind = p.one_of("set", "reset")
    if kind == "reset":
        p.reset(p.i - 1)
        setting: Statement = settings.set_or_reset(p)
    else:
        setting = settings.set_variable_only(p)
    target = ObjectName("system", QualifiedName(("system",)))
    return AlterObject(target, kind, settings=(setting,), position=position)


_RULES: Final[dict[str, Callable[[Parser], Statement]]] = {
    "type": alter_type,
    "domain": domain,
    "function": routine("function"),
    "procedure": routine("procedure"),
    "routine": routine("routine"),
    "aggregate": routine("aggregate"),
    "schema": schema,
    "database": database,
    "extension": extension,
    "statistics": statistics,
    "collation": collation,
    "language": language,
    "procedural": procedural,
    "tablespace": tablespace,
    "operator": operator,
    "trigger": on_table("trigger"),
    "rule": on_table("rule"),
    "policy": on_table("policy"),
    "role": role("role"),
    "user": role("user"),
    "group": role("group"),
    "default": default_privileges,
    "system": system,
}
_UNSUPPORTED: Final = frozenset(
    {"publication", "subscription", "server", "foreign", "event", "large", "conversion", "text"}
)
