"""UNION, INTERSECT, EXCEPT: the sides are bound, their columns brought to common types, and the chain folded left.

A column's type is decided pair by pair, as PostgreSQL does it; undecided literals of a side take the type that the
pair gives them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from heliosdb.errors import SqlSyntaxError
from heliosdb.plan import nodes
from heliosdb.plan.expressions import Constant, Expression, Parameter
from heliosdb.sql import statements as ast
from heliosdb.sql.binder.bound_query import BoundQuery
from heliosdb.sql.binder.coercion import (
    coerce_to_common_type,
    resolve_unknown,
    select_common_type,
)
from heliosdb.sql.binder.locations import location
from heliosdb.sql.binder.ordering import equality_class
from heliosdb.sql.binder.scope import Scope
from heliosdb.sql.binder.values import finish_plain

if TYPE_CHECKING:
    from heliosdb.sql.binder.binder import Binder

__all__ = ["bind_set_operation", "combine", "retyped"]


def bind_set_operation(binder: Binder, operation: ast.SetOperation, scope: Scope, resolve_unknowns: bool) -> BoundQuery:
    """Bind a set operation; long left-deep chains are folded with a loop."""
    chain: list[ast.SetOperation] = []
    current: ast.Query = operation
    while isinstance(current, ast.SetOperation) and (current is operation or _is_bare(current)):
        chain.append(current)
        current = current.left
    result = _operand(binder, current, scope)
    for link in reversed(chain):
        right = _operand(binder, link.right, scope)
        result = combine(binder, link, result, right)
    if resolve_unknowns:
        types = [
            ("text", -1) if column.type == "unknown" else (column.type, column.typmod) for column in result.columns
        ]
        result = retyped(binder, result, types, link_name(operation))
    return finish_plain(binder, operation, result, scope)


def _operand(binder: Binder, query: ast.Query, scope: Scope) -> BoundQuery:
    # VALUES decide for themselves what undecided literals are; a SELECT leaves it to the other side.
    return binder.query(query, scope, resolve_unknowns=isinstance(query, ast.Values))


def _is_bare(query: ast.Query) -> bool:
    """Return whether a query inside a chain has no clauses of its own."""
    return not (query.with_clause or query.order_by or query.limit or query.offset or query.locking or query.extensions)


def link_name(operation: ast.SetOperation) -> str:
    """Return the operation's word for errors."""
    return operation.operator.upper()


def combine(binder: Binder, operation: ast.SetOperation, left: BoundQuery, right: BoundQuery) -> BoundQuery:
    """Return the set operation over two bound queries."""
    word = link_name(operation)
    if len(left.columns) != len(right.columns):
        position = None
        if isinstance(operation.right, ast.Select) and operation.right.targets:
            position = operation.right.targets[0].expression.position or None
        raise SqlSyntaxError(f"each {word} query must have the same number of columns", position=position)
    types: list[tuple[str, int]] = []
    for number in range(len(left.columns)):
        pair = [_output(left, number), _output(right, number)]
        type_ = select_common_type(binder, pair, word)
        assert type_ is not None
        typmods = {expression.typmod if expression.type == type_ else -1 for expression in pair}
        types.append((type_, typmods.pop() if len(typmods) == 1 else -1))
    left = retyped(binder, left, types, word)
    right = retyped(binder, right, types, word)
    classes: tuple[object, ...] = ()
    if not (operation.operator == "union" and operation.all):
        classes = tuple(
            equality_class(binder, type_, _output(left, number).position) for number, (type_, _) in enumerate(types)
        )
    source = binder.new_source()
    columns = tuple(
        nodes.OutputColumn(
            name=left.columns[number].name,
            type=type_,
            typmod=typmod,
            nullable=left.columns[number].nullable or right.columns[number].nullable,
            collation=left.columns[number].collation,
        )
        for number, (type_, typmod) in enumerate(types)
    )
    plan = nodes.SetOperation(
        source=source,
        columns=columns,
        kind=operation.operator,
        all=operation.all,
        left=left.plan,
        right=right.plan,
        classes=classes,
    )
    return BoundQuery(plan, source, columns)


def _output(query: BoundQuery, number: int) -> Expression:
    """Return an output for type resolution: the literal itself where it is one."""
    if query.expressions:
        expression = query.expressions[number]
        if isinstance(expression, Constant | Parameter) and expression.type == "unknown":
            return expression
        return query.column(number, location(expression))
    return query.column(number)


def retyped(binder: Binder, query: BoundQuery, types: Sequence[tuple[str, int]], construct: str) -> BoundQuery:
    """Return the query with its columns converted to types; as it is where they already are."""
    if all(column.type == type_ for column, (type_, _) in zip(query.columns, types)):
        return query
    plan = query.plan
    replaced = isinstance(plan, nodes.Project) and plan.source == query.source and plan.expressions == query.expressions
    outputs: list[Expression] = []
    for number, (type_, _) in enumerate(types):
        current: Expression
        if replaced or (query.expressions and _is_undecided(query.expressions[number])):
            current = query.expressions[number]
        else:
            current = query.column(number)
        if current.type == "unknown" and type_ == "text":
            outputs.append(resolve_unknown(binder, current))
        else:
            outputs.append(coerce_to_common_type(binder, current, type_, construct))
    columns = tuple(binder.output_column(column.name, expression) for column, expression in zip(query.columns, outputs))
    source = binder.new_source()
    inner = plan.input if replaced and isinstance(plan, nodes.Project) else plan
    project = nodes.Project(input=inner, source=source, columns=columns, expressions=tuple(outputs))
    return BoundQuery(project, source, columns, tuple(outputs))


def _is_undecided(expression: Expression) -> bool:
    return isinstance(expression, Constant | Parameter) and expression.type == "unknown"
