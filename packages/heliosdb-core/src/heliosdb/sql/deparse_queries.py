"""Queries as SQL text, for ``heliosdb.sql.deparse``."""

from __future__ import annotations

from heliosdb.errors import FeatureNotSupported
from heliosdb.sql import statements as tree
from heliosdb.sql.deparse_expressions import list_text, operator_text, type_of, window_text, writer
from heliosdb.sql.quoting import quote_identifier, quote_name

__all__: list[str] = []


@writer.register
def _(node: tree.SortItem, pretty: bool) -> str:
    text = writer(node.expression, pretty)
    if pretty and not isinstance(node.expression, (tree.ColumnRef, tree.Literal)):
        text = f"({text})"
    if node.using is not None:
        *schema, name = node.using.parts
        text += f" USING {operator_text(name, tuple(schema))}"
    if node.direction is not None:
        text += f" {node.direction.upper()}"
    if node.nulls is not None:
        text += f" NULLS {node.nulls.upper()}"
    return text


@writer.register
def _(node: tree.Target, pretty: bool) -> str:
    return writer(node.expression, pretty) + (f" AS {quote_identifier(node.alias)}" if node.alias is not None else "")


@writer.register
def _(node: tree.Select, pretty: bool) -> str:
    if node.into is not None:
        raise FeatureNotSupported("SELECT INTO is not supported here")
    text = "SELECT"
    if node.distinct_on:
        text += f" DISTINCT ON ({list_text(node.distinct_on, pretty)})"
    elif node.distinct:
        text += " DISTINCT"
    if node.targets:
        text += f" {list_text(node.targets, pretty)}"
    if node.from_items:
        text += f" FROM {list_text(node.from_items, pretty)}"
    if node.where is not None:
        text += f" WHERE {writer(node.where, pretty)}"
    if node.group_by:
        text += f" GROUP BY {'DISTINCT ' if node.group_distinct else ''}{list_text(node.group_by, pretty)}"
    if node.having is not None:
        text += f" HAVING {writer(node.having, pretty)}"
    if node.windows:
        named = [f"{quote_identifier(spec.name or '')} AS ({window_text(spec, pretty)})" for spec in node.windows]
        text += f" WINDOW {', '.join(named)}"
    return _around(node, text, pretty)


@writer.register
def _(node: tree.Values, pretty: bool) -> str:
    return _around(node, "VALUES " + ", ".join([f"({list_text(row, pretty)})" for row in node.rows]), pretty)


@writer.register
def _(node: tree.SetOperation, pretty: bool) -> str:
    # Unions of many lean to the left, too.
    rights: list[str] = []
    current: tree.Query = node
    while isinstance(current, tree.SetOperation) and (current is node or not _has_around(current)):
        every = " ALL" if current.all else ""
        rights.append(f" {current.operator.upper()}{every} ({writer(current.right, pretty)})")
        current = current.left
        if isinstance(current, tree.SetOperation) and not _has_around(current):
            rights.append(")")
    text = "(" * rights.count(")") + f"({writer(current, pretty)})" + "".join(reversed(rights))
    return _around(node, text, pretty)


def _has_around(node: tree.Query) -> bool:
    return bool(
        node.with_clause
        or node.order_by
        or node.limit
        or node.offset
        or node.locking
        or node.extensions
        or node.with_ties
    )


def _around(node: tree.Query, text: str, pretty: bool) -> str:
    if node.with_clause is not None:
        text = f"{writer(node.with_clause, pretty)} {text}"
    if node.order_by:
        text += f" ORDER BY {list_text(node.order_by, pretty)}"
    if node.offset is not None:
        text += f" OFFSET {writer(node.offset, pretty)}"
    if node.limit is not None:
        if node.with_ties:
            text += f" FETCH FIRST ({writer(node.limit, pretty)}) ROWS WITH TIES"
        elif isinstance(node.limit, tree.Literal) and node.limit.kind == "null":
            text += " LIMIT ALL"
        else:
            text += f" LIMIT {writer(node.limit, pretty)}"
    return text + "".join([f" {writer(locking, pretty)}" for locking in node.locking]) + _clauses(node, pretty)


def _clauses(node: tree.Query | tree.RangeTable, pretty: bool) -> str:
    """Return the clauses of plugins on a node, whose payloads write themselves."""
    text = ""
    for clause in node.extensions:
        written = getattr(clause.payload, "deparse", None)
        if written is None:
            raise FeatureNotSupported(f"clause {clause.name} in a stored query is not supported")
        text += f" {written(lambda expression: writer(expression, pretty))}"
    return text


@writer.register
def _(node: tree.Locking, pretty: bool) -> str:
    relations = ", ".join([quote_name(name.parts) for name in node.relations])
    wait = {"block": "", "nowait": " NOWAIT", "skip locked": " SKIP LOCKED"}[node.wait]
    return f"FOR {node.strength.upper()}{' OF ' + relations if relations else ''}{wait}"


@writer.register
def _(node: tree.With, pretty: bool) -> str:
    return f"WITH {'RECURSIVE ' if node.recursive else ''}{list_text(node.tables, pretty)}"


@writer.register
def _(node: tree.CommonTable, pretty: bool) -> str:
    columns = _columns(node.columns)
    hint = {None: "", True: "MATERIALIZED ", False: "NOT MATERIALIZED "}[node.materialized]
    text = f"{quote_identifier(node.name)}{columns} AS {hint}({writer(node.query, pretty)})"
    if node.search is not None:
        order = "BREADTH" if node.search.breadth_first else "DEPTH"
        by = ", ".join([quote_identifier(name) for name in node.search.columns])
        text += f" SEARCH {order} FIRST BY {by} SET {quote_identifier(node.search.sequence_column)}"
    if node.cycle is not None:
        cycle = node.cycle
        columns = ", ".join([quote_identifier(name) for name in cycle.columns])
        text += f" CYCLE {columns} SET {quote_identifier(cycle.mark_column)}"
        if cycle.mark_value is not None and cycle.mark_default is not None:
            text += f" TO {writer(cycle.mark_value, pretty)} DEFAULT {writer(cycle.mark_default, pretty)}"
        text += f" USING {quote_identifier(cycle.path_column)}"
    return text


def _columns(names: tuple[str, ...]) -> str:
    return f"({', '.join([quote_identifier(name) for name in names])})" if names else ""


@writer.register
def _(node: tree.Alias, pretty: bool) -> str:
    return f" {quote_identifier(node.name)}{_columns(node.columns)}"


def _alias(alias: tree.Alias | None, pretty: bool) -> str:
    return writer(alias, pretty) if alias is not None else ""


@writer.register
def _(node: tree.RangeTable, pretty: bool) -> str:
    text = ("ONLY " if node.only else "") + quote_name(node.name.parts) + _alias(node.alias, pretty)
    text += _clauses(node, pretty)
    if node.sample is not None:
        text += f" TABLESAMPLE {quote_name(node.sample.method.parts)}({list_text(node.sample.arguments, pretty)})"
        if node.sample.repeatable is not None:
            text += f" REPEATABLE ({writer(node.sample.repeatable, pretty)})"
    return text


@writer.register
def _(node: tree.RangeSubquery, pretty: bool) -> str:
    return f"{'LATERAL ' if node.lateral else ''}({writer(node.query, pretty)}){_alias(node.alias, pretty)}"


@writer.register
def _(node: tree.ColumnDefinitionItem, pretty: bool) -> str:
    collation = f" COLLATE {quote_name(node.collation.parts)}" if node.collation is not None else ""
    return f"{quote_identifier(node.name)} {type_of(node.type)}{collation}"


@writer.register
def _(node: tree.RowsFromItem, pretty: bool) -> str:
    definitions = f" AS ({list_text(node.column_definitions, pretty)})" if node.column_definitions else ""
    return writer(node.function, pretty) + definitions


@writer.register
def _(node: tree.RangeFunction, pretty: bool) -> str:
    text = f"ROWS FROM ({list_text(node.functions, pretty)})" if node.rows_from else writer(node.functions[0], pretty)
    if node.ordinality:
        text += " WITH ORDINALITY"
    if node.column_definitions:
        name = f" {quote_identifier(node.alias.name)}" if node.alias is not None else ""
        return f"{'LATERAL ' if node.lateral else ''}{text} AS{name}({list_text(node.column_definitions, pretty)})"
    return f"{'LATERAL ' if node.lateral else ''}{text}{_alias(node.alias, pretty)}"


@writer.register
def _(node: tree.Join, pretty: bool) -> str:
    right = writer(node.right, pretty)
    if isinstance(node.right, tree.Join) and node.right.alias is None:
        right = f"({right})"
    kind = {"inner": "JOIN", "cross": "CROSS JOIN"}.get(node.kind, f"{node.kind.upper()} JOIN")
    text = f"{writer(node.left, pretty)} {'NATURAL ' if node.natural else ''}{kind} {right}"
    if node.using:
        text += f" USING {_columns(node.using)}"
        if node.using_alias is not None:
            text += f" AS {quote_identifier(node.using_alias)}"
    elif node.on is not None:
        text += f" ON {writer(node.on, pretty)}"
    return f"({text}){_alias(node.alias, pretty)}" if node.alias is not None else text


@writer.register
def _(node: tree.GroupingSet, pretty: bool) -> str:
    if node.kind == "empty":
        return "()"
    return f"{node.kind.upper()} ({list_text(node.members, pretty)})"
