"""Functions in FROM: set-returning and scalar ones, ROWS FROM, WITH ORDINALITY, column definition lists.

They see what stands left of them in FROM whether LATERAL is written or not. A catalog view may be called like a
function without arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from heliosdb.errors import DatatypeMismatch, SqlSyntaxError
from heliosdb.plan import nodes
from heliosdb.plan.expressions import Expression, SetReturningCall
from heliosdb.plan.rewrite import contains_level
from heliosdb.sql import statements as ast
from heliosdb.sql.binder.coercion import resolve_unknown
from heliosdb.sql.binder.functions import named_functions
from heliosdb.sql.binder.scope import RangeItem, Scope
from heliosdb.sql.binder.targets import column_name
from heliosdb.sql.binder.type_names import bind_type_name

if TYPE_CHECKING:
    from heliosdb.catalog.registries import CatalogView
    from heliosdb.sql.binder.binder import Binder

__all__ = ["bind_range_function"]


def bind_range_function(binder: Binder, scope: Scope, item: ast.RangeFunction) -> tuple[nodes.PlanNode, RangeItem]:
    """Bind a function, or several side by side, in FROM."""
    from heliosdb.sql.binder.from_clause import renamed_columns

    alias = item.alias.name if item.alias is not None else None
    if len(item.functions) == 1 and not item.ordinality:
        view = _called_view(binder, item.functions[0].function)
        if view is not None:
            return _view_call(binder, item, view, alias)
    before, scope.lateral_active = scope.lateral_active, True
    clause, scope.clause = scope.clause, "functions in FROM"
    calls: list[Expression] = []
    columns: list[nodes.OutputColumn] = []
    for function in _spread_unnest(item.functions):
        definitions = function.column_definitions or (item.column_definitions if len(item.functions) == 1 else ())
        call, shown = _function(binder, scope, function.function, definitions, alias, len(item.functions) == 1)
        calls.append(call)
        columns.extend(shown)
    scope.lateral_active, scope.clause = before, clause
    if len(calls) > 1:
        columns = [_nullable(column) for column in columns]
    if item.ordinality:
        columns.append(nodes.OutputColumn(name="ordinality", type="int8", nullable=False))
    source = binder.new_source()
    name = alias or column_name(item.functions[0].function)
    if item.alias is not None and item.alias.columns:
        columns = renamed_columns(columns, item.alias.columns, name)
    plan = nodes.FunctionScan(
        source=source, columns=tuple(columns), calls=tuple(calls), ordinality=item.ordinality, alias=name
    )
    return plan, RangeItem(name, source, columns, kind="function")


def _spread_unnest(functions: tuple[ast.RowsFromItem, ...]) -> tuple[ast.RowsFromItem, ...]:
    """Return ``unnest(a, b)`` as unnest(a) and unnest(b) side by side, which is what it means in FROM."""
    result: list[ast.RowsFromItem] = []
    for item in functions:
        call = item.function
        if isinstance(call, ast.FunctionCall) and call.name[-1] == "unnest" and len(call.arguments) > 1:
            result += [evolve(item, function=evolve(call, arguments=(argument,))) for argument in call.arguments]
        else:
            result.append(item)
    return tuple(result)


def _nullable(column: nodes.OutputColumn) -> nodes.OutputColumn:
    return nodes.OutputColumn(
        name=column.name, type=column.type, typmod=column.typmod, nullable=True, collation=column.collation
    )


def _called_view(binder: Binder, node: ast.Expression) -> CatalogView | None:
    if not isinstance(node, ast.FunctionCall) or node.arguments or node.star:
        return None
    if named_functions(binder, node.name):
        return None
    views = binder.registries.catalog_views
    schemas = (node.name[-2],) if len(node.name) > 1 else ("pg_catalog", *binder.search_path)
    for schema in schemas:
        view = views.get((schema, node.name[-1]))
        if view is not None and view.callable_form:
            return view
    return None


def _view_call(
    binder: Binder, item: ast.RangeFunction, view: CatalogView, alias: str | None
) -> tuple[nodes.PlanNode, RangeItem]:
    from heliosdb.sql.binder.from_clause import catalog_scan, renamed_columns

    plan, entry = catalog_scan(binder, view, alias or view.name)
    if item.alias is not None and item.alias.columns:
        entry.columns = renamed_columns(entry.columns, item.alias.columns, entry.name)
    return plan, entry


def _function(
    binder: Binder,
    scope: Scope,
    node: ast.Expression,
    definitions: tuple[ast.ColumnDefinitionItem, ...],
    alias: str | None,
    alone: bool,
) -> tuple[Expression, list[nodes.OutputColumn]]:
    position = node.position or None
    call = resolve_unknown(binder, binder.expression(node, scope))
    scope.has_set_returning = False
    if not isinstance(call, SetReturningCall) and contains_level(call, SetReturningCall):
        from heliosdb.errors import FeatureNotSupported

        raise FeatureNotSupported("set-returning functions must appear at top level of FROM", position=position)
    name = column_name(node)
    if isinstance(call, SetReturningCall) and call.columns and not definitions:
        shown = [nodes.OutputColumn(name=column, type=type_) for column, type_ in call.columns]
        return call, shown
    if definitions:
        return _defined(binder, call, definitions, position)
    if call.type == "record":
        raise SqlSyntaxError('a column definition list is required for functions returning "record"', position=position)
    found = binder.types.find(call.type)
    if found is not None and found.kind == "composite":
        shown = [
            nodes.OutputColumn(name=column, type=type_, typmod=typmod)
            for (column, type_), typmod in zip(found.attributes, binder.types.field_typmods(found.name))
        ]
        return call, shown
    own_name = call.function.result_name if isinstance(call, SetReturningCall) else ""
    column = nodes.OutputColumn(
        name=own_name or (alias if alias is not None and alone else name),
        type=call.type,
        typmod=call.typmod,
        nullable=call.nullable,
        collation=call.collation,
    )
    return call, [column]


def _defined(
    binder: Binder, call: Expression, definitions: tuple[ast.ColumnDefinitionItem, ...], position: int | None
) -> tuple[Expression, list[nodes.OutputColumn]]:
    """Apply a column definition list, which only functions returning ``record`` take."""
    if call.type != "record" or (isinstance(call, SetReturningCall) and call.columns):
        kind = (
            "a column definition list is redundant for a function with OUT parameters"
            if isinstance(call, SetReturningCall) and call.columns
            else 'a column definition list is only allowed for functions returning "record"'
        )
        raise SqlSyntaxError(kind, position=definitions[0].position or None)
    shown: list[nodes.OutputColumn] = []
    for definition in definitions:
        type_, typmod = bind_type_name(binder, definition.type)
        if any(known.name == definition.name for known in shown):
            raise DatatypeMismatch(f'column name "{definition.name}" specified more than once', position=position)
        shown.append(nodes.OutputColumn(name=definition.name, type=type_, typmod=typmod))
    if isinstance(call, SetReturningCall):
        call = evolve(call, columns=tuple((column.name, column.type) for column in shown))
    return call, shown
