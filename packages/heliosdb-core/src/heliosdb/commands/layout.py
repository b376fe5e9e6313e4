"""A view's query laid out in lines, as ``pg_get_viewdef`` gives it: one clause, and one output column, a line."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from heliosdb.commands.trees import changed_parts
from heliosdb.sql import statements as tree
from heliosdb.sql.deparse import expression_text, query_text, quote_identifier

__all__ = ["laid_out"]


def laid_out(query: tree.Query, names: tuple[str, ...] = ()) -> str:
    """Return the query as text that ends with a semicolon; ``names`` are the view's columns, shown as aliases."""
    if isinstance(query, tree.Select) and names and len(query.targets) == len(names):
        query = evolve(query, targets=tuple(_named(target, name) for target, name in zip(query.targets, names)))
    return _lines(query) + ";"


def _named(target: tree.Target, name: str) -> tree.Target:
    expression = target.expression
    plain = isinstance(expression, tree.ColumnRef) and expression.parts[-1:] == (name,)
    return evolve(target, alias=None if plain else name)


def _lines(query: tree.Query) -> str:
    if query.with_clause is not None and not query.with_clause.recursive:
        tables = [_common_table(table) for table in query.with_clause.tables]
        return f" WITH {', '.join(tables)}\n{_lines(evolve(query, with_clause=None))}"
    if not isinstance(query, tree.Select) or query.with_clause or query.windows or query.locking or query.distinct_on:
        return " " + query_text(query)
    query = _qualified(query)
    lines = [f" SELECT{' DISTINCT' if query.distinct else ''} " + ",\n    ".join(map(expression_text, query.targets))]
    if query.from_items:
        lines.append("   FROM " + ",\n    ".join([_from_item(item) for item in query.from_items]))
    if query.where is not None:
        lines.append(f"  WHERE {expression_text(query.where)}")
    if query.group_by:
        lines.append("  GROUP BY " + ", ".join(map(expression_text, query.group_by)))
    if query.having is not None:
        lines.append(f" HAVING {expression_text(query.having)}")
    if query.order_by:
        lines.append("  ORDER BY " + ", ".join(map(expression_text, query.order_by)))
    if query.offset is not None:
        lines.append(f" OFFSET {expression_text(query.offset)}")
    if query.limit is not None:
        if query.with_ties:
            lines.append(f" FETCH FIRST ({expression_text(query.limit)}) ROWS WITH TIES")
        else:
            lines.append(f" LIMIT {expression_text(query.limit)}")
    return "\n".join(lines)


def _common_table(table: tree.CommonTable) -> str:
    if table.search is not None or table.cycle is not None or not isinstance(table.query, tree.Query):
        return expression_text(table)
    columns = f"({', '.join([quote_identifier(name) for name in table.columns])})" if table.columns else ""
    hint = {None: "", True: "MATERIALIZED ", False: "NOT MATERIALIZED "}[table.materialized]
    body = "\n".join(["        " + line for line in _lines(table.query).split("\n")])
    return f"{quote_identifier(table.name)}{columns} AS {hint}(\n{body}\n        )"


def _from_item(item: tree.FromItem) -> str:
    if not isinstance(item, tree.Join) or item.alias is not None or item.natural:
        return expression_text(item)
    kind = {"inner": "JOIN", "cross": "CROSS JOIN"}.get(item.kind, f"{item.kind.upper()} JOIN")
    text = f"{_from_item(item.left)}\n     {kind} {expression_text(item.right)}"
    if item.using:
        text += f" USING ({', '.join([quote_identifier(name) for name in item.using])})"
    elif item.on is not None:
        text += f" ON ({expression_text(item.on)})"
    return text


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
