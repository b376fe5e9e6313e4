"""Subqueries in expressions: EXISTS, scalar, ARRAY, IN, ANY and ALL.

Between the query and the expression stands a scope without items: whatever the query names further out crosses it, so
that its ``outer`` is what the subquery is correlated with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.errors import SqlSyntaxError, UndefinedObject, WrongObjectType
from heliosdb.plan import expressions as bound
from heliosdb.plan import nodes
from heliosdb.plan.expressions import Expression, SubqueryKind
from heliosdb.sql import statements as ast
from heliosdb.sql.binder.comparisons import compare_rows, is_hashed_equality
from heliosdb.sql.binder.scope import Scope

if TYPE_CHECKING:
    from heliosdb.sql.binder.binder import Binder
    from heliosdb.sql.binder.bound_query import BoundQuery

__all__ = [
    "bind_array_subquery",
    "bind_exists",
    "bind_in_subquery",
    "bind_quantified",
    "bind_scalar_subquery",
    "row_fields",
]

WITHOUT_SUBQUERIES = {
    "check constraints": "cannot use subquery in check constraint",
    "DEFAULT expressions": "cannot use subquery in DEFAULT expression",
    "index expressions": "cannot use subquery in index expression",
    "index predicates": "cannot use subquery in index predicate",
    "column generation expressions": "cannot use subquery in column generation expression",
    "EXECUTE parameters": "cannot use subquery in EXECUTE parameter",
    "CALL arguments": "cannot use subquery in CALL argument",
}


def _query(binder: Binder, query: ast.Query, scope: Scope, position: int | None) -> tuple[BoundQuery, Scope]:
    refused = WITHOUT_SUBQUERIES.get(scope.clause)
    if refused is not None:
        from heliosdb.errors import FeatureNotSupported

        raise FeatureNotSupported(refused, position=position)
    boundary = Scope(scope)
    boundary.clause = scope.clause
    return binder.query(query, boundary), boundary


def bind_exists(binder: Binder, node: ast.Exists, scope: Scope) -> Expression:
    """Bind ``EXISTS (SELECT ...)``."""
    position = node.position or None
    query, boundary = _query(binder, node.query, scope, position)
    return bound.Subquery(
        type="bool",
        kind=SubqueryKind.EXISTS,
        plan=query.plan,
        outer=tuple(boundary.outer.values()),
        nullable=False,
        position=position,
    )


def bind_scalar_subquery(binder: Binder, node: ast.ScalarSubquery, scope: Scope) -> Expression:
    """Bind ``(SELECT ...)`` as a value."""
    position = node.position or None
    query, boundary = _query(binder, node.query, scope, position)
    column = _only_column(query, position)
    return bound.Subquery(
        type=column.type,
        typmod=column.typmod,
        collation=column.collation,
        kind=SubqueryKind.SCALAR,
        plan=query.plan,
        outer=tuple(boundary.outer.values()),
        position=position,
    )


def _only_column(query: BoundQuery, position: int | None) -> bound.Column:
    if len(query.columns) != 1:
        raise SqlSyntaxError("subquery must return only one column", position=position)
    return query.column(0)


def bind_array_subquery(binder: Binder, node: ast.ArraySubquery, scope: Scope) -> Expression:
    """Bind ``ARRAY(SELECT ...)``; a query of arrays gives an array of one more dimension."""
    position = node.position or None
    query, boundary = _query(binder, node.query, scope, position)
    column = _only_column(query, position)
    found = binder.types.find(column.type)
    if found is None or found.kind != "array":
        found = binder.types.array_of(column.type)
    if found is None:
        raise UndefinedObject(
            f"could not find array type for data type {binder.display(column.type)}", position=position
        )
    return bound.Subquery(
        type=found.name,
        kind=SubqueryKind.ARRAY,
        plan=query.plan,
        outer=tuple(boundary.outer.values()),
        nullable=False,
        position=position,
    )


def row_fields(
    binder: Binder,
    node: ast.ScalarSubquery,
    count: int,
    scope: Scope,
    position: int | None,
    *,
    assigned: bool = False,
) -> list[Expression]:
    """Bind ``(SELECT x, y)`` where a row is wanted: the fields of the one row, NULLs where it gives none."""
    query, boundary = _query(binder, node.query, scope, position)
    if len(query.columns) != count:
        if assigned:
            raise SqlSyntaxError("number of columns does not match number of values", position=position)
        few = len(query.columns) < count
        raise SqlSyntaxError(f"subquery has too {'few' if few else 'many'} columns", position=position)
    source = binder.new_source()
    row = bound.RowConstructor(
        type="record",
        fields=tuple(query.column(index) for index in range(count)),
        names=tuple(column.name for column in query.columns),
    )
    plan = nodes.Project(
        input=query.plan,
        source=source,
        columns=(nodes.OutputColumn(name="row", type="record", nullable=False),),
        expressions=(row,),
    )
    subquery = bound.Subquery(
        type="record", kind=SubqueryKind.SCALAR, plan=plan, outer=tuple(boundary.outer.values()), position=position
    )
    return [
        bound.FieldSelection(type=column.type, typmod=column.typmod, operand=subquery, index=index, position=position)
        for index, column in enumerate(query.columns)
    ]


def bind_in_subquery(binder: Binder, node: ast.InSubquery, scope: Scope) -> Expression:
    """Bind ``x IN (SELECT ...)``, which is ``x = ANY (SELECT ...)``."""
    any_of = _quantified(binder, node.operand, "=", SubqueryKind.ANY, node.query, scope, node.position or None)
    if not node.negated:
        return any_of
    return bound.Not(operand=any_of, nullable=any_of.nullable, position=node.position or None)


def bind_quantified(binder: Binder, node: ast.AnyAll, scope: Scope) -> Expression:
    """Bind ``x op ANY | ALL (SELECT ...)``."""
    assert node.query is not None
    kind = SubqueryKind.ALL if node.quantifier == "all" else SubqueryKind.ANY
    return _quantified(binder, node.operand, node.operator, kind, node.query, scope, node.position or None)


def _quantified(
    binder: Binder,
    operand: ast.Expression,
    operator: str,
    kind: SubqueryKind,
    query_node: ast.Query,
    scope: Scope,
    position: int | None,
) -> Expression:
    query, boundary = _query(binder, query_node, scope, position)
    if isinstance(operand, ast.RowConstructor):
        lefts = [binder.expression(element, scope) for element in operand.elements]
    else:
        lefts = [binder.expression(operand, scope)]
    if len(lefts) > len(query.columns):
        raise SqlSyntaxError("subquery has too few columns", position=position)
    if len(lefts) < len(query.columns):
        raise SqlSyntaxError("subquery has too many columns", position=position)
    elements = [
        bound.Element(
            type=column.type,
            typmod=column.typmod,
            nullable=column.nullable,
            collation=column.collation,
            index=index,
        )
        for index, column in enumerate(query.columns)
    ]
    comparison = compare_rows(binder, operator, lefts, elements, position)
    if comparison.type != "bool":
        raise WrongObjectType(f"operator {operator} must return type boolean, not type {comparison.type}")
    pairs = _compared(comparison)
    hashable = (
        operator == "="
        and kind is SubqueryKind.ANY
        and all(isinstance(right, bound.Element) for _, right in pairs)
        and is_hashed_equality(binder, pairs)
    )
    return bound.Subquery(
        type="bool",
        kind=kind,
        plan=query.plan,
        outer=tuple(boundary.outer.values()),
        left=tuple(left for left, _ in pairs),
        comparison=comparison,
        hashable=hashable,
        position=position,
    )


def _compared(comparison: Expression) -> list[tuple[Expression, Expression]]:
    """Return the (left, right) operands of every pair that a comparison compares."""
    calls = comparison.equal if isinstance(comparison, bound.RowComparison) else (comparison,)
    pairs = []
    for call in calls:
        assert isinstance(call, bound.Call)
        pairs.append((call.arguments[0], call.arguments[1]))
    return pairs
