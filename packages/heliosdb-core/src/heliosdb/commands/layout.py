"""A view's query laid out in lines, as ``pg_get_viewdef`` gives it: one clause, and one output column, a line."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from heliosdb.commands.trees import changed_parts
from heliosdb.sql import statements as tree
from heliosdb.sql.deparse import expression_text, query_text, quote_identifier

__all__ = ["laid_out"]


def laid_out(query: tree.Query, names: tuple[str, ...] = (), *, pretty: bool = False) -> str:
    """Return the query as text that ends with a semicolon; ``names`` are the view's columns, shown as aliases."""
    if isinstance(query, tree.Select) and names and len(query.targets) == len(names):
        query = evolve(query, targets=tuple(_named(target, name) for target, name in zip(query.targets, names)))
    return _lines(query, pretty) + ";"


def _named(target: tree.Target, name: str) -> tree.Target:
    expression = target.expression
    plain = isinstance(expression, tree.ColumnRef) and expression.parts[-1:] == (name,)
    return evolve(target, alias=None if plain else name)


def _lines(query: tree.Query, pretty: bool) -> str:
    if query.with_clause is not None and not query.with_clause.recursive:
        tables = [_common_table(table, pretty) for table in query.with_clause.tables]
        return f" WITH {', '.join(tables)}\n{_lines(evolve(query, with_clause=None), pretty)}"
    if (
        not isinstance(query, tree.Select)
        or query.with_clause
        or query.windows
        or query.locking
        or query.extensions
        or query.distinct_on
    ):
        return " " + query_text(query, pretty=pretty)
    query = _qualified(query)
    targets = [_target(target, pretty) for target in query.targets]
    text = " SELECT DISTINCT" if query.distinct else " SELECT"
    for number, target in enumerate(targets):
        # A CASE begins a line of its own.
        text += ("" if number == 0 else ",") + ("" if target.startswith("\n") else " " if number == 0 else "\n    ")
        text += target
    lines = [text]
    if query.from_items:
        lines.append("   FROM " + ",\n    ".join([_from_item(item, pretty) for item in query.from_items]))
    if query.where is not None:
        lines.append(f"  WHERE {expression_text(query.where, pretty=pretty)}")
    if query.group_by:
        lines.append("  GROUP BY " + ", ".join([expression_text(part, pretty=pretty) for part in query.group_by]))
    if query.having is not None:
        lines.append(f" HAVING {expression_text(query.having, pretty=pretty)}")
    if query.order_by:
        lines.append("  ORDER BY " + ", ".join([expression_text(part, pretty=pretty) for part in query.order_by]))
    if query.offset is not None:
        lines.append(f" OFFSET {expression_text(query.offset, pretty=pretty)}")
    if query.limit is not None:
        if query.with_ties:
            lines.append(f" FETCH FIRST ({expression_text(query.limit, pretty=pretty)}) ROWS WITH TIES")
        else:
            lines.append(f" LIMIT {expression_text(query.limit, pretty=pretty)}")
    return "\n".join(lines)


def _target(target: tree.Target, pretty: bool) -> str:
    if not isinstance(target.expression, tree.Case):
        return expression_text(target, pretty=pretty)
    case = target.expression
    operand = f" {expression_text(case.operand, pretty=pretty)}" if case.operand is not None else ""
    lines = [f"\n        CASE{operand}"]
    for when in case.whens:
        condition, result = expression_text(when.condition, pretty=pretty), expression_text(when.result, pretty=pretty)
        lines.append(f"            WHEN {condition} THEN {result}")
    if case.default is not None:
        lines.append(f"            ELSE {expression_text(case.default, pretty=pretty)}")
    alias = f" AS {quote_identifier(target.alias)}" if target.alias is not None else ""
    return "\n".join([*lines, f"        END{alias}"])


def _common_table(table: tree.CommonTable, pretty: bool) -> str:
    if table.search is not None or table.cycle is not None or not isinstance(table.query, tree.Query):
        return expression_text(table, pretty=pretty)
    columns = f"({', '.join([quote_identifier(name) for name in table.columns])})" if table.columns else ""
    hint = {None: "", True: "MATERIALIZED ", False: "NOT MATERIALIZED "}[table.materialized]
    body = "\n".join(["        " + line for line in _lines(table.query, pretty).split("\n")])
    return f"{quote_identifier(table.name)}{columns} AS {hint}(\n{body}\n        )"


def _from_item(item: tree.FromItem, pretty: bool) -> str:
    if not isinstance(item, tree.Join) or item.alias is not None or item.natural:
        return expression_text(item, pretty=pretty)
    kind = {"inner": "JOIN", "cross": "CROSS JOIN"}.get(item.kind, f"{item.kind.upper()} JOIN")
    text = f"{_from_item(item.left, pretty)}\n     {kind} {expression_text(item.right, pretty=pretty)}"
    if item.using:
        text += f" USING ({', '.join([quote_identifier(name) for name in item.using])})"
    elif item.on is not None:
        condition = expression_text(item.on, pretty=pretty)
        text += f" ON {condition}" if pretty else f" ON ({condition})"
    return text if pretty else f"({text})"


def _qualified(query: tree.Select) -> tree.Select:
    """Return the query with its columns qualified, where one table is all it reads."""
    if len(query.from_items) != 1 or not isinstance(query.from_items[0], tree.RangeTable):
        return query
    item = query.from_items[0]
    name = item.alias.name if item.alias is not None else item.name.name
    outputs = {target.alias for target in query.targets if target.alias is not None}

    def qualified(value: Any) -> Any:
        # Queries inside have scopes of their own, and are left as they are.
        if isinstance(value, tree.Query):
            return value
        if isinstance(value, tree.ColumnRef):
            plain = len(value.parts) == 1 and not value.star and value.parts[0] not in outputs
            return evolve(value, parts=(name, *value.parts)) if plain else value
        return changed_parts(value, qualified)

    found = changed_parts(query, qualified)
    assert isinstance(found, tree.Select)
    return found
