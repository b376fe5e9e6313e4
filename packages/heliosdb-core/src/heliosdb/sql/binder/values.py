"""VALUES as a query, and ORDER BY and LIMIT of queries that have output columns only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.errors import FeatureNotSupported, SqlSyntaxError
from heliosdb.plan import nodes
from heliosdb.plan.expressions import Expression, SortKey
from heliosdb.sql import statements as ast
from heliosdb.sql.binder.bound_query import BoundQuery
from heliosdb.sql.binder.clauses import bind_limit, limited
from heliosdb.sql.binder.coercion import coerce_to_common_type, select_common_type, select_common_typmod
from heliosdb.sql.binder.ordering import Target, bind_sort_items
from heliosdb.sql.binder.scope import Scope

if TYPE_CHECKING:
    from heliosdb.sql.binder.binder import Binder

__all__ = ["bind_values", "finish_plain"]


def bind_values(binder: Binder, values: ast.Values, scope: Scope, resolve_unknowns: bool) -> BoundQuery:
    width = len(values.rows[0])
    rows: list[list[Expression]] = []
    scope.clause = "VALUES"
    for row in values.rows:
        if len(row) != width:
            raise SqlSyntaxError("VALUES lists must all be the same length", position=row[0].position or None)
        rows.append([binder.expression(node, scope) for node in row])
    types: list[tuple[str, int]] = []
    for number in range(width):
        column = [row[number] for row in rows]
        if not resolve_unknowns and len(rows) == 1 and column[0].type == "unknown":
            types.append(("unknown", -1))
            continue
        type_ = select_common_type(binder, column, "VALUES")
        assert type_ is not None
        column = [coerce_to_common_type(binder, expression, type_, "VALUES") for expression in column]
        for cells, expression in zip(rows, column):
            cells[number] = expression
        types.append((type_, select_common_typmod(column, type_)))
    source = binder.new_source()
    columns = tuple(
        nodes.OutputColumn(
            name=f"column{number + 1}",
            type=type_,
            typmod=typmod,
            nullable=any(row[number].nullable for row in rows),
        )
        for number, (type_, typmod) in enumerate(types)
    )
    table = tuple(tuple(row) for row in rows)
    plan: nodes.PlanNode = nodes.Values(source=source, columns=columns, table=table)
    result = BoundQuery(plan, source, columns, table[0] if len(table) == 1 else ())
    scope.clause = "SELECT"
    return finish_plain(binder, values, result, scope)


def finish_plain(binder: Binder, query: ast.Query, result: BoundQuery, scope: Scope) -> BoundQuery:
    """Add ORDER BY and LIMIT to VALUES or a set operation, whose ORDER BY may name output columns only."""
    if query.locking:
        kind = "UNION/INTERSECT/EXCEPT" if isinstance(query, ast.SetOperation) else "VALUES"
        verb = "is not allowed with" if kind != "VALUES" else "cannot be applied to"
        raise FeatureNotSupported(f"FOR {query.locking[0].strength.upper()} {verb} {kind}")
    keys: tuple[SortKey, ...] = ()
    if query.order_by:
        targets = [Target(column.name, result.column(number)) for number, column in enumerate(result.columns)]
        inner = Scope(scope)
        inner.items = [result.item("*VALUES*")] if isinstance(query, ast.Values) else [result.item("")]
        count = len(targets)
        requests = bind_sort_items(binder, query.order_by, targets, inner)
        if len(targets) > count:
            if isinstance(query, ast.SetOperation):
                raise FeatureNotSupported(
                    "invalid UNION/INTERSECT/EXCEPT ORDER BY clause",
                    detail="Only result column names can be used, not expressions or functions.",
                    hint=("Add the expression/function to every SELECT, or move the UNION into a FROM clause."),
                    position=ast.leftmost(query.order_by[0].expression) or None,
                )
        keys = tuple(
            SortKey(
                expression=request.target.expression,
                ordering=request.ordering,
                descending=request.descending,
                nulls_first=request.nulls_first,
            )
            for request in requests
        )
        result.plan = nodes.Sort(input=result.plan, keys=keys)
    limit, offset = bind_limit(binder, query, scope)
    result.plan = limited(result.plan, query, limit, offset, keys)
    return result
