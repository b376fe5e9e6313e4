"""Select lists: stars, aliases and the names PostgreSQL gives to columns that have none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.errors import FeatureNotSupported, SqlSyntaxError, TooManyColumns, WrongObjectType
from heliosdb.plan.expressions import Expression
from heliosdb.sql import statements as ast
from heliosdb.sql.binder.names import find_relation_item, note_outer

if TYPE_CHECKING:
    from heliosdb.sql.binder.binder import Binder
    from heliosdb.sql.binder.scope import RangeItem, Scope

__all__ = ["bind_targets", "column_name", "expand_star"]

MOST_TARGETS = 1664
"""As many columns as PostgreSQL allows."""


def bind_targets(binder: Binder, targets: tuple[ast.Target, ...], scope: Scope) -> list[tuple[str, Expression]]:
    """Return (name, expression) for every output column, stars expanded; unknown literals stay unknown."""
    result: list[tuple[str, Expression]] = []
    for target in targets:
        node = target.expression
        if isinstance(node, ast.ColumnRef) and node.star:
            result.extend(expand_star(binder, node, scope))
        elif isinstance(node, ast.FieldStar):
            result.extend(_expand_fields(binder, node, scope))
        else:
            result.append((target.alias or column_name(node, binder), binder.expression(node, scope)))
    if len(result) > MOST_TARGETS:
        raise TooManyColumns(f"target lists can have at most {MOST_TARGETS} entries")
    return result


def expand_star(binder: Binder, node: ast.ColumnRef, scope: Scope) -> list[tuple[str, Expression]]:
    """Return the columns of ``*`` or ``t.*``."""
    position = node.position or None
    if not node.parts:
        visible = [item for item in scope.items if item.columns_visible]
        if not scope.items:
            raise SqlSyntaxError("SELECT * with no tables specified is not valid", position=position)
        binder.note_star(node, visible)
        return [column for item in visible for column in _columns(item, position)]
    if len(node.parts) > 2:
        raise FeatureNotSupported(
            f"cross-database references are not implemented: {'.'.join(node.parts)}.*", position=position
        )
    schema = node.parts[-2] if len(node.parts) > 1 else None
    item, owner = find_relation_item(scope, schema, node.parts[-1], position)
    binder.note_star(node, [item])
    columns = _columns(item, position)
    for _, expression in columns:
        note_outer(scope, owner, expression)
    return columns


def _columns(item: RangeItem, position: int | None) -> list[tuple[str, Expression]]:
    return [(column.name, item.column(number, position)) for number, column in enumerate(item.columns)]


def _expand_fields(binder: Binder, node: ast.FieldStar, scope: Scope) -> list[tuple[str, Expression]]:
    from heliosdb.sql.binder.expressions import composite_fields

    operand = binder.expression(node.operand, scope)
    fields = composite_fields(binder, operand)
    if fields is None:
        if operand.type == "record":
            raise FeatureNotSupported("record type has not been registered", position=node.position or None)
        raise WrongObjectType(f"type {binder.display(operand.type)} is not composite", position=node.position or None)
    return fields


def column_name(node: ast.Expression, binder: Binder | None = None) -> str:
    """Return the name of an output column without alias (FigureColname)."""
    return _name(node)[0] or "?column?"


def _name(node: ast.Expression) -> tuple[str | None, int]:
    """Return a name and its strength: 2 for a real one, 1 for a type's or CASE's, 0 for none."""
    if isinstance(node, ast.ColumnRef):
        return (node.parts[-1], 2) if node.parts and not node.star else (None, 0)
    if isinstance(node, ast.FieldSelection):
        return node.name, 2
    if isinstance(node, ast.FunctionCall):
        return node.name[-1], 2
    if isinstance(node, ast.Subscript | ast.Collate):
        return _name(node.operand)
    if isinstance(node, ast.TypeCast):
        name, strength = _name(node.operand)
        return (name, strength) if strength > 1 else (node.type.name, 1)
    if isinstance(node, ast.Case):
        name, strength = _name(node.default) if node.default is not None else (None, 0)
        return (name, strength) if strength > 1 else ("case", 1)
    if isinstance(node, ast.ScalarSubquery):
        return _query_name(node.query)
    if isinstance(node, ast.SqlValueFunction):
        return node.name, 2
    fixed = FIXED_NAMES.get(type(node))
    return (fixed, 2) if fixed is not None else (None, 0)


FIXED_NAMES: dict[type, str] = {
    ast.Coalesce: "coalesce",
    ast.Greatest: "greatest",
    ast.Least: "least",
    ast.NullIf: "nullif",
    ast.ArrayConstructor: "array",
    ast.RowConstructor: "row",
    ast.Exists: "exists",
    ast.ArraySubquery: "array",
    ast.GroupingFunction: "grouping",
}


def _query_name(query: ast.Query) -> tuple[str | None, int]:
    while isinstance(query, ast.SetOperation):
        query = query.left
    if isinstance(query, ast.Values):
        return "column1", 2
    if isinstance(query, ast.Select) and query.targets:
        target = query.targets[0]
        return target.alias or column_name(target.expression), 2
    return None, 0
