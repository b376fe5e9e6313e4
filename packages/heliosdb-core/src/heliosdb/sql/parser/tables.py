"""CREATE TABLE, CREATE TABLE AS, views, columns, partitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from heliosdb.errors import FeatureNotSupported, SqlSyntaxError
from heliosdb.sql.keywords import COLUMN_NAMES
from heliosdb.sql.parser import constraints, expressions, indexes, options, query, types, utility
from heliosdb.sql.statements import (
    Clause,
    ColumnDefinition,
    Constraint,
    CreateTable,
    CreateTableAs,
    CreateView,
    LikeClause,
    PartitionBound,
    PartitionElement,
    PartitionSpec,
    QualifiedName,
    Statement,
)

if TYPE_CHECKING:
    from heliosdb.sql.parser.cursor import Parser

__all__ = [
    "column_definition",
    "create_foreign_table",
    "create_materialized_view",
    "create_table",
    "create_view",
    "partition_bound",
    "with_data",
]

_LIKE_OPTIONS: Final = (
    "comments",
    "compression",
    "constraints",
    "defaults",
    "identity",
    "generated",
    "indexes",
    "statistics",
    "storage",
    "all",
)


def create_table(p: Parser, persistence: str) -> Statement:
    """Read CREATE TABLE behind that word, or CREATE TABLE AS."""
    exists = p.if_not_exists()
    name = p.qualified_name()
    fields: dict[str, Any] = {"persistence": persistence, "if_not_exists": exists, "position": p.start_position}
    if p.accept("of"):
        fields["of_type"] = p.any_name()
        fields["elements"] = typed_elements(p)
    elif p.kind == "partition":
        p.advance()
        p.expect("of")
        fields["partition_of"] = p.qualified_name()
        fields["elements"] = typed_elements(p)
        fields["partition_bound"] = partition_bound(p)
    elif p.kind == "(" and not (p.next_kind() in COLUMN_NAMES and p.next_kind(2) in (",", ")")):
        fields["elements"] = elements(p)
        if p.accept("inherits"):
            p.expect("(")
            fields["inherits"] = p.separated(p.qualified_name)
            p.expect(")")
    else:
        return create_table_as(p, name, fields)
    if p.kind == "partition":
        fields["partition_by"] = partition_spec(p)
    storage(p, fields)
    return CreateTable(name, **fields)


def storage(p: Parser, fields: dict[str, Any]) -> None:
    """Read ``USING method WITH (...) ON COMMIT ... TABLESPACE name`` and the clauses of plugins."""
    if p.accept("using"):
        fields["access_method"] = p.identifier()
    if p.kind == "with":
        p.advance()
        fields["options"] = options.relation_options(p)
    elif p.kind == "without":
        p.advance()
        p.expect("oids")
    if p.accept("on"):
        p.expect("commit")
        what = p.one_of("drop", "delete", "preserve")
        if what != "drop":
            p.expect("rows")
            what += " rows"
        fields["on_commit"] = what
    if p.accept("tablespace"):
        fields["tablespace"] = p.identifier()
    extensions = p.clauses("create_table")
    if extensions:
        fields["extensions"] = extensions


def create_table_as(p: Parser, name: QualifiedName, fields: dict[str, Any]) -> CreateTableAs:
    """Read CREATE TABLE ... AS behind the name."""
    if p.kind == "(":
        fields["columns"] = p.parenthesized_names()
    storage(p, fields)
    p.expect("as")
    source: Statement = utility.execute(p) if p.kind == "execute" else query.query(p)
    return CreateTableAs(name, source, with_data=with_data(p), **fields)


def with_data(p: Parser) -> bool:
    """Read ``WITH [NO] DATA`` if it is there."""
    if p.kind != "with":
        return True
    p.advance()
    filled = not p.accept("no")
    p.expect("data")
    return filled


def create_foreign_table(p: Parser) -> CreateTable:
    """Read CREATE FOREIGN TABLE behind those words."""
    exists = p.if_not_exists()
    name = p.qualified_name()
    fields: dict[str, Any] = {"if_not_exists": exists, "position": p.start_position}
    if p.kind == "partition":
        p.advance()
        p.expect("of")
        fields["partition_of"] = p.qualified_name()
        fields["elements"] = typed_elements(p)
        fields["partition_bound"] = partition_bound(p)
    else:
        fields["elements"] = elements(p)
        if p.accept("inherits"):
            p.expect("(")
            fields["inherits"] = p.separated(p.qualified_name)
            p.expect(")")
    p.expect("server")
    server = p.identifier()
    return CreateTable(name, server=server, server_options=options.generic_options(p), **fields)


# -- elements ---------------------------------------------------------------------------------------------------------


def elements(p: Parser) -> tuple[ColumnDefinition | Constraint | LikeClause, ...]:
    """Read ``(columns, constraints, LIKE ...)``, which may be empty."""
    p.expect("(")
    found = () if p.kind == ")" else p.separated(lambda: element(p))
    p.expect(")")
    return found


def element(p: Parser) -> ColumnDefinition | Constraint | LikeClause:
    if p.kind in constraints.TABLE_CONSTRAINTS and (p.kind not in COLUMN_NAMES or exclude_constraint(p)):
        return constraints.table_constraint(p)
    if p.kind == "like":
        return like(p)
    clause = p.one_clause("table_element")
    return column_definition(p) if clause is None else clause.payload  # type: ignore[return-value]


def exclude_constraint(p: Parser) -> bool:
    """EXCLUDE is no reserved word: it opens a constraint only where a column's type cannot follow."""
    return p.kind == "exclude" and p.next_kind() in ("using", "(")


def like(p: Parser) -> LikeClause:
    position = p.position
    p.advance()
    table = p.qualified_name()
    found: list[tuple[bool, str]] = []
    while p.kind in ("including", "excluding"):
        including = p.kind == "including"
        p.advance()
        found.append((including, p.one_of(*_LIKE_OPTIONS)))
    return LikeClause(table, tuple(found), position=position)


def column_definition(p: Parser) -> ColumnDefinition:
    """Read ``name type [COMPRESSION m] [OPTIONS (...)] constraints`` (columnDef)."""
    position = p.position
    name = p.identifier()
    type_name = types.type_name(p)
    compression = None
    if p.accept("compression"):
        compression = "default" if p.accept("default") else p.identifier()
    foreign = options.generic_options(p)
    qualifiers = column_qualifiers(p)
    return ColumnDefinition(name, type_name, compression=compression, options=foreign, **qualifiers, position=position)


def column_qualifiers(p: Parser) -> dict[str, Any]:
    """Read constraints, COLLATE and the clauses of plugins behind a column's type (ColQualList)."""
    found: list[Constraint] = []
    extensions: list[Clause] = []
    said: set[str] = set()
    collation = None
    while True:
        if p.kind == "collate":
            position = p.position
            p.advance()
            if collation is not None:
                p.any_name()
                raise SqlSyntaxError("multiple COLLATE clauses not allowed", position=position)
            collation = p.any_name()
            continue
        if p.grammar.clauses:
            extensions.extend(p.clauses("column"))
        constraint = constraints.column_constraint(p)
        if constraint is not None:
            found.append(constraint)
            said.clear()
        elif not constraints.constraint_timing(p, found, said) and p.kind != "collate":
            return {"constraints": tuple(found), "collation": collation, "extensions": tuple(extensions)}


def typed_elements(p: Parser) -> tuple[ColumnDefinition | Constraint, ...]:
    """Read ``(column [WITH OPTIONS] constraints, ...)`` if it is there (OptTypedTableElementList)."""
    if p.kind != "(":
        return ()
    p.advance()
    found = p.separated(lambda: typed_element(p))
    p.expect(")")
    return found


def typed_element(p: Parser) -> ColumnDefinition | Constraint:
    if p.kind in constraints.TABLE_CONSTRAINTS and (p.kind not in COLUMN_NAMES or exclude_constraint(p)):
        return constraints.table_constraint(p)
    position = p.position
    name = p.identifier()
    if p.kind == "with":
        p.advance()
        p.expect("options")
    return ColumnDefinition(name, None, **column_qualifiers(p), position=position)


# -- partitions -------------------------------------------------------------------------------------------------------


def partition_spec(p: Parser) -> PartitionSpec:
    position = p.position
    p.advance()
    p.expect("by")
    strategy = p.identifier()
    p.expect("(")
    keys = p.separated(lambda: partition_element(p))
    p.expect(")")
    return PartitionSpec(strategy.lower(), keys, position=position)


def partition_element(p: Parser) -> PartitionElement:
    position = p.position
    name, expression = indexes.key(p)
    collation = p.any_name().parts if p.accept("collate") else ()
    operator_class = p.any_name().parts if p.kind in COLUMN_NAMES else ()
    return PartitionElement(name, expression, collation, operator_class, position=position)


def partition_bound(p: Parser) -> PartitionBound:
    """Read ``FOR VALUES ...`` or ``DEFAULT`` (PartitionBoundSpec)."""
    position = p.position
    if p.accept("default"):
        return PartitionBound("default", position=position)
    p.expect_all("for", "values")
    at = p.position
    kind = p.one_of("with", "in", "from")
    p.expect("(")
    if kind == "with":
        return hash_bound(p, at)
    values = expressions.expression_list(p)
    p.expect(")")
    if kind == "in":
        return PartitionBound("list", values, position=at)
    p.expect("to")
    p.expect("(")
    upper = expressions.expression_list(p)
    p.expect(")")
    return PartitionBound("range", values, upper, position=at)


def hash_bound(p: Parser, position: int) -> PartitionBound:
    from heliosdb.errors import DuplicateObject

    found: dict[str, int] = {}
    unknown: tuple[str, int] | None = None
    repeated: tuple[str, int] | None = None
    while True:
        at = p.position
        name = p.non_reserved_word()
        number = p.integer()
        if name not in ("modulus", "remainder"):
            unknown = unknown or (name, at)
        elif name in found:
            repeated = repeated or (name, at)
        else:
            found[name] = number
        if not p.accept(","):
            break
    p.expect(")")
    if repeated:
        raise DuplicateObject(f"{repeated[0]} for hash partition provided more than once", position=repeated[1])
    if unknown:
        raise SqlSyntaxError(f'unrecognized hash partition bound specification "{unknown[0]}"', position=unknown[1])
    for name in ("modulus", "remainder"):
        if name not in found:
            raise SqlSyntaxError(f"{name} for hash partition must be specified")
    return PartitionBound("hash", modulus=found["modulus"], remainder=found["remainder"], position=position)


# -- views ------------------------------------------------------------------------------------------------------------


def create_view(p: Parser, persistence: str, replace: bool) -> CreateView:
    """Read CREATE VIEW from RECURSIVE or VIEW on."""
    recursive = p.accept("recursive")
    p.expect("view")
    name = p.qualified_name()
    columns = p.parenthesized_names() if recursive or p.kind == "(" else ()
    found = constraints.with_definition(p)
    p.expect("as")
    source = query.query(p)
    check = None
    position = p.position
    if p.kind == "with":
        p.advance()
        check = p.kind if p.kind in ("local", "cascaded") else "cascaded"
        if p.kind in ("local", "cascaded"):
            p.advance()
        p.expect_all("check", "option")
        if recursive:
            raise FeatureNotSupported("WITH CHECK OPTION not supported on recursive views", position=position)
    return CreateView(
        name,
        source,
        columns,
        replace,
        recursive,
        persistence,  # type: ignore[arg-type]
        found,
        check,  # type: ignore[arg-type]
        position=p.start_position,
    )


def create_materialized_view(p: Parser, persistence: str) -> CreateTableAs:
    """Read CREATE MATERIALIZED VIEW behind those words."""
    exists = p.if_not_exists()
    name = p.qualified_name()
    columns = p.parenthesized_names() if p.kind == "(" else ()
    method = p.identifier() if p.accept("using") else None
    found = constraints.with_definition(p)
    tablespace = p.identifier() if p.accept("tablespace") else None
    extensions = p.clauses("create_table")
    p.expect("as")
    source = query.query(p)
    return CreateTableAs(
        name,
        source,
        columns,
        True,
        persistence,  # type: ignore[arg-type]
        exists,
        with_data(p),
        method,
        found,
        None,
        tablespace,
        extensions,
        position=p.start_position,
    )
