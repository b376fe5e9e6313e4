"""The subcommands of ALTER TABLE (alter_table_cmd), which ALTER INDEX, VIEW, SEQUENCE and kin share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from heliosdb.errors import FeatureNotSupported, InvalidParameterValue
from heliosdb.sql.keywords import COLUMN_NAMES
from heliosdb.sql.parser import constraints, expressions, options, roles, sequences, tables, types
from heliosdb.sql.statements import (
    AddColumn,
    AddConstraint,
    AlterColumnType,
    AlterConstraint,
    AttachPartition,
    ColumnAction,
    Constraint,
    DetachPartition,
    DropColumn,
    DropConstraint,
    Node,
    Option,
    SetDefault,
    TableAction,
    ValidateConstraint,
)

if TYPE_CHECKING:
    from heliosdb.sql.parser.cursor import Parser

__all__ = ["actions", "partition_action"]


def actions(p: Parser) -> tuple[Node, ...]:
    """Read one or more subcommands separated by commas."""
    return p.separated(lambda: action(p))


def action(p: Parser) -> Node:
    rule = _ACTIONS.get(p.kind)
    if rule is None:
        p.unexpected()
    position = p.position
    p.advance()
    return rule(p, position)


def partition_action(p: Parser, *, index: bool = False) -> Node:
    """Read ATTACH or DETACH PARTITION, which must stand alone."""
    position = p.position
    kind = p.kind
    p.advance()
    p.expect("partition")
    partition = p.qualified_name()
    if kind == "attach":
        return AttachPartition(partition, None if index else tables.partition_bound(p), position=position)
    concurrently = p.accept("concurrently")
    finalize = not concurrently and p.accept("finalize")
    return DetachPartition(partition, concurrently, finalize, position=position)


def refuse_system_versioning(p: Parser) -> None:
    """Raise 0A000 at SYSTEM VERSIONING. A column "system" of a type "versioning" is added by ADD COLUMN."""
    if p.at_keyword("system", "versioning"):
        raise FeatureNotSupported(
            "system versioning is not supported here",
            hint="It is a statement of its own, of the package heliosdb-temporal.",
            position=p.position,
        )


def add(p: Parser, position: int) -> Node:
    refuse_system_versioning(p)
    if p.kind in constraints.TABLE_CONSTRAINTS and (p.kind not in COLUMN_NAMES or tables.exclude_constraint(p)):
        return AddConstraint(constraints.table_constraint(p), position=position)
    clause = p.one_clause("table_element")
    if clause is not None:
        added: Any = clause.payload
        kind = AddConstraint if isinstance(added, Constraint) else AddColumn
        return kind(added, position=position)
    p.accept("column")
    exists = p.if_not_exists()
    return AddColumn(tables.column_definition(p), exists, position=position)


def drop(p: Parser, position: int) -> Node:
    refuse_system_versioning(p)
    if p.accept("constraint"):
        exists = p.if_exists()
        name = p.identifier()
        return DropConstraint(name, exists, p.cascade(), position=position)
    p.accept("column")
    exists = p.if_exists()
    name = p.identifier()
    return DropColumn(name, exists, p.cascade(), position=position)


def alter(p: Parser, position: int) -> Node:
    if p.accept("constraint"):
        name = p.identifier()
        timing = constraints.attributes(p, "ALTER CONSTRAINT statement", deferrable=True)
        return AlterConstraint(
            name, timing.get("deferrable", False), timing.get("initially_deferred", False), position=position
        )
    p.accept("column")
    if p.kind == "ICONST":
        at = p.position
        number = p.integer()
        p.expect_all("set", "statistics")
        if not 0 < number <= 32767:
            raise InvalidParameterValue("column number must be in range from 1 to 32767", position=at)
        return ColumnAction("set statistics", None, signed_integer(p), number=number, position=position)
    name = p.identifier()
    kind = p.kind
    if kind == "set":
        return set_column(p, name, position)
    if kind == "reset":
        p.advance()
        return ColumnAction("reset options", name, options=options.reset_options(p), position=position)
    if kind == "drop":
        return drop_from_column(p, name, position)
    if kind == "add":
        p.advance()
        p.expect("generated")
        when = constraints.generated_when(p)
        p.expect_all("as", "identity")
        found = sequences.parenthesized_options(p)
        return ColumnAction("add identity", name, when, found, position=position)
    if kind == "restart":
        return ColumnAction("alter identity", name, options=identity_options(p), position=position)
    return column_type(p, name, position)


def set_column(p: Parser, name: str, position: int) -> Node:
    following = p.next_kind()
    if following in ("generated", "sequence") or following in sequences.SEQUENCE_WORDS:
        return ColumnAction("alter identity", name, options=identity_options(p), position=position)
    p.advance()
    if p.accept("default"):
        return SetDefault(name, expressions.expression(p), position=position)
    if p.accept("not"):
        p.expect("null")
        return ColumnAction("set not null", name, position=position)
    if p.accept("statistics"):
        return ColumnAction("set statistics", name, signed_integer(p), position=position)
    if p.kind == "(":
        return ColumnAction("set options", name, options=options.relation_options(p), position=position)
    if p.accept("storage"):
        return ColumnAction("set storage", name, p.identifier(), position=position)
    if p.accept("compression"):
        method = "default" if p.accept("default") else p.identifier()
        return ColumnAction("set compression", name, method, position=position)
    if p.accept("data"):
        return column_type(p, name, position)
    refuse_clause(p)
    p.unexpected()


def refuse_clause(p: Parser) -> None:
    """Refuse a plugin's clause of a column behind SET and DROP: it says how rows are made, and they are there."""
    position = p.position
    for clause in p.clauses("column"):
        raise FeatureNotSupported(
            f"a column that is there cannot become {clause.name.upper()}, nor cease to be",
            hint="Add a column that is as it should be, copy the values, and drop this one.",
            position=position,
        )


def identity_options(p: Parser) -> tuple[Option, ...]:
    """Read ``RESTART [[WITH] n]``, ``SET option``, ``SET GENERATED ...`` as often as they come."""
    found: list[Option] = []
    while True:
        position = p.position
        if p.kind == "restart":
            found.append(sequences.sequence_option(p))
        elif p.kind == "set" and p.next_kind() == "generated":
            p.advance()
            p.advance()
            found.append(Option("generated", options.word(constraints.generated_when(p), position), position=position))
        elif p.kind == "set":
            p.advance()
            found.append(sequences.sequence_option(p))
        else:
            return tuple(found)


def drop_from_column(p: Parser, name: str, position: int) -> Node:
    p.advance()
    refuse_clause(p)
    what = p.one_of("default", "not", "expression", "identity")
    if what == "default":
        return SetDefault(name, None, position=position)
    if what == "not":
        p.expect("null")
        return ColumnAction("drop not null", name, position=position)
    return ColumnAction(f"drop {what}", name, if_exists=p.if_exists(), position=position)


def column_type(p: Parser, name: str, position: int) -> Node:
    if p.kind == "options":
        return ColumnAction("foreign options", name, options=options.generic_options(p, alter=True), position=position)
    p.expect("type")
    type_name = types.type_name(p)
    collation = p.any_name() if p.accept("collate") else None
    using = expressions.expression(p) if p.accept("using") else None
    return AlterColumnType(name, type_name, collation, using, position=position)


def signed_integer(p: Parser) -> str:
    """Read an integer with an optional sign, as text."""
    sign = ""
    if p.kind in ("+", "-"):
        sign = "-" if p.kind == "-" else ""
        p.advance()
    return sign + str(p.integer())


def validate(p: Parser, position: int) -> Node:
    p.expect("constraint")
    return ValidateConstraint(p.identifier(), position=position)


def cluster(p: Parser, position: int) -> Node:
    p.expect("on")
    return TableAction("cluster on", p.identifier(), position=position)


def set_table(p: Parser, position: int) -> Node:
    if p.kind == "(":
        return TableAction("set options", options=options.relation_options(p), position=position)
    kind = p.one_of("without", "logged", "unlogged", "access", "tablespace")
    if kind == "without":
        return TableAction(f"set without {p.one_of('oids', 'cluster')}", position=position)
    if kind == "access":
        p.expect("method")
        return TableAction("set access method", p.identifier(), position=position)
    if kind == "tablespace":
        return TableAction("set tablespace", p.identifier(), position=position)
    return TableAction(f"set {kind}", position=position)


def reset_table(p: Parser, position: int) -> Node:
    return TableAction("reset options", options=options.reset_options(p), position=position)


def enable(p: Parser, position: int) -> Node:
    return switch(p, position, "enable")


def disable(p: Parser, position: int) -> Node:
    return switch(p, position, "disable")


def switch(p: Parser, position: int, verb: str) -> Node:
    if p.kind == "row":
        p.expect_all("row", "level", "security")
        return TableAction(f"{verb} row level security", position=position)
    if verb == "enable" and p.kind in ("always", "replica"):
        verb = f"{verb} {p.kind}"
        p.advance()
        what = p.one_of("trigger", "rule")
        return TableAction(f"{verb} {what}", p.identifier(), position=position)
    what = p.one_of("trigger", "rule")
    if what == "trigger" and p.kind in ("all", "user"):
        name = p.kind
        p.advance()
        return TableAction(f"{verb} trigger", name, special=True, position=position)
    return TableAction(f"{verb} {what}", p.identifier(), position=position)


def force(p: Parser, position: int) -> Node:
    p.expect_all("row", "level", "security")
    return TableAction("force row level security", position=position)


def no(p: Parser, position: int) -> Node:
    if p.accept("force"):
        p.expect_all("row", "level", "security")
        return TableAction("no force row level security", position=position)
    p.expect("inherit")
    return TableAction("no inherit", table=p.qualified_name(), position=position)


def inherit(p: Parser, position: int) -> Node:
    return TableAction("inherit", table=p.qualified_name(), position=position)


def of_type(p: Parser, position: int) -> Node:
    return TableAction("of", table=p.any_name(), position=position)


def not_of(p: Parser, position: int) -> Node:
    p.expect("of")
    return TableAction("not of", position=position)


def owner(p: Parser, position: int) -> Node:
    p.expect("to")
    return TableAction("owner", role=roles.role(p), position=position)


def replica(p: Parser, position: int) -> Node:
    p.expect("identity")
    if p.accept("using"):
        p.expect("index")
        return TableAction("replica identity using index", p.identifier(), position=position)
    return TableAction("replica identity", p.one_of("nothing", "full", "default"), position=position)


def foreign_options(p: Parser, position: int) -> Node:
    p.reset(p.i - 1)
    return TableAction("foreign options", options=options.generic_options(p, alter=True), position=position)


_ACTIONS: Final[dict[str, Callable[[Parser, int], Node]]] = {
    "add": add,
    "drop": drop,
    "alter": alter,
    "validate": validate,
    "cluster": cluster,
    "set": set_table,
    "reset": reset_table,
    "enable": enable,
    "disable": disable,
    "force": force,
    "no": no,
    "inherit": inherit,
    "of": of_type,
    "not": not_of,
    "owner": owner,
    "replica": replica,
    "options": foreign_options,
}
