"""What INSERT, UPDATE and DELETE have in common: SET lists and RETURNING."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from attrs import evolve

from heliosdb.errors import (
    DuplicateColumn,
    FeatureNotSupported,
    GeneratedAlways,
    SqlSyntaxError,
)
from heliosdb.plan import nodes
from heliosdb.plan.expressions import Expression
from heliosdb.plan.forms import writing
from heliosdb.sql import statements as ast
from heliosdb.sql.binder.coercion import resolve_unknown
from heliosdb.sql.binder.constraints import bind_default
from heliosdb.sql.binder.scope import Scope
from heliosdb.sql.binder.subqueries import row_fields
from heliosdb.sql.binder.targets import bind_targets

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import ColumnDefinition, Relation
    from heliosdb.sql.binder.binder import Binder
    from heliosdb.sql.binder.write_target import WriteTarget

__all__ = ["bind_assignments", "bind_returning", "is_always_identity"]

Node = TypeVar("Node", bound=nodes.PlanNode)


def is_always_identity(column: ColumnDefinition) -> bool:
    """Return whether a column is GENERATED ALWAYS AS IDENTITY."""
    return column.identity is not None and column.identity.lower().startswith("a")


def bind_assignments(
    binder: Binder,
    written: WriteTarget,
    assignments: tuple[ast.Assignment | ast.MultiAssignment, ...],
    scope: Scope,
) -> tuple[nodes.Assignment, ...]:
    """Bind a SET list."""
    relation = written.relation
    before, scope.clause = scope.clause, "UPDATE"
    result: dict[int, nodes.Assignment] = {}
    for assignment in assignments:
        if isinstance(assignment, ast.Assignment):
            pairs = [(assignment.target, assignment.value)]
            values: list[Expression | None] = [_set_value(binder, assignment.value, scope)]
        else:
            pairs, values = _several(binder, assignment, scope)
        for (target, node), value in zip(pairs, values):
            column = written.column(target, whole=False)
            if target.path:
                earlier = result.get(column.number)
                so_far = earlier.value if earlier is not None else None
                part = _assigned_part(binder, column, target, value, so_far, scope)
                result[column.number] = nodes.Assignment(slot=column.number - 1, value=part)
                continue
            if column.number in result:
                raise SqlSyntaxError(f'multiple assignments to same column "{column.name}"')
            result[column.number] = nodes.Assignment(
                slot=column.number - 1, value=_stored(binder, relation, column, value, node)
            )
    scope.clause = before
    return tuple(
        evolve(assignment, value=writing(binder.registries, relation.columns[number - 1], assignment.value))
        for number, assignment in result.items()
        if not _is_generated(relation, assignment.slot)
    )


def _assigned_part(
    binder: Binder,
    column: ColumnDefinition,
    target: ast.AssignmentTarget,
    value: Expression | None,
    current: Expression | None,
    scope: Scope,
) -> Expression:
    """Return the column's value with an element or field replaced, on top of what SET did to it before."""
    from heliosdb.sql.binder.assignment_paths import assigned_path

    position = target.position or None
    if value is None:
        what = "an array element" if not isinstance(target.path[0], str) else "a subfield"
        raise FeatureNotSupported(f"cannot set {what} to DEFAULT", position=position)
    if current is None:
        item = scope.items[0]
        current = item.column(item.positions[target.name])
    return assigned_path(binder, current, target.path, value, column.name, scope, position)


def _is_generated(relation: Relation, slot: int) -> bool:
    return any(column.number == slot + 1 and column.generated is not None for column in relation.columns)


def _set_value(binder: Binder, node: ast.Expression, scope: Scope) -> Expression | None:
    return None if isinstance(node, ast.Default) else binder.expression(node, scope)


def _stored(
    binder: Binder, relation: Relation, column: ColumnDefinition, value: Expression | None, node: ast.Expression
) -> Expression:
    if value is None:
        return bind_default(binder, relation, column)
    if column.generated is not None:
        raise GeneratedAlways(
            f'column "{column.name}" can only be updated to DEFAULT',
            detail=f'Column "{column.name}" is a generated column.',
        )
    if is_always_identity(column):
        raise GeneratedAlways(
            f'column "{column.name}" can only be updated to DEFAULT',
            detail=f'Column "{column.name}" is an identity column defined as GENERATED ALWAYS.',
        )
    return binder.assigned(value, column.type, column.typmod, column.name, ast.leftmost(node) or None)


def _several(
    binder: Binder, assignment: ast.MultiAssignment, scope: Scope
) -> tuple[list[tuple[ast.AssignmentTarget, ast.Expression]], list[Expression | None]]:
    source = assignment.source
    count = len(assignment.targets)
    if isinstance(source, ast.RowConstructor):
        if len(source.elements) != count:
            raise SqlSyntaxError("number of columns does not match number of values", position=source.position or None)
        pairs = list(zip(assignment.targets, source.elements))
        return pairs, [_set_value(binder, node, scope) for node in source.elements]
    if isinstance(source, ast.ScalarSubquery):
        return [(target, source) for target in assignment.targets], list(
            row_fields(binder, source, count, scope, source.position or None, assigned=True)
        )
    raise FeatureNotSupported(
        "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression",
        position=source.position or None,
    )


def bind_returning(
    binder: Binder, targets: tuple[ast.Target, ...], scope: Scope
) -> tuple[tuple[Expression, ...] | None, tuple[nodes.OutputColumn, ...]]:
    """Return RETURNING's expressions (None without it) and the columns they give."""
    if not targets:
        return None, ()
    before, scope.clause = scope.clause, "RETURNING"
    bound = [(name, resolve_unknown(binder, expression)) for name, expression in bind_targets(binder, targets, scope)]
    scope.clause = before
    return (
        tuple(expression for _, expression in bound),
        tuple(binder.output_column(name, expression) for name, expression in bound),
    )


def refuse_duplicate(names: list[str], name: str, position: int | None) -> None:
    """Raise 42701 for a column that is listed twice."""
    if name in names:
        raise DuplicateColumn(f'column "{name}" specified more than once', position=position)
