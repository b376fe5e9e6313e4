"""Set-returning functions in a select list: ProjectSet nodes whose calls stand at the top, and what is made of them.

    SELECT a, abs(generate_series(1, a)) FROM t

    Project      a, abs(#1)
    ProjectSet   generate_series(1, a) as #1, a
    Scan t

Calls inside other calls' arguments are computed first, level by level.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heliosdb.plan import nodes
from heliosdb.plan.expressions import Column, Expression, SetReturningCall
from heliosdb.plan.rewrite import contains_level, rewritten, walk_level

if TYPE_CHECKING:
    from heliosdb.sql.binder.binder import Binder

__all__ = ["expand_below", "expand_sets"]


def expand_sets(
    binder: Binder, plan: nodes.PlanNode, expressions: tuple[Expression, ...]
) -> tuple[nodes.PlanNode, tuple[Expression, ...]]:
    """Return a plan and expressions over it such that set-returning calls stand at the top of expressions only."""
    while not all(_is_simple(expression) for expression in expressions):
        plan, expressions = _expand_innermost(binder, plan, expressions)
    return plan, expressions


def expand_below(
    binder: Binder, plan: nodes.PlanNode, expressions: tuple[Any, ...]
) -> tuple[nodes.PlanNode, tuple[Any, ...]]:
    """Return a plan that computes all set-returning calls, and the expressions over it without any (GROUP BY)."""
    while contains_level(expressions, SetReturningCall):
        plan, expressions = _expand_innermost(binder, plan, expressions)
    return plan, expressions


def _is_simple(expression: Expression) -> bool:
    if isinstance(expression, SetReturningCall):
        return not contains_level(expression.arguments, SetReturningCall)
    return not contains_level(expression, SetReturningCall)


def _expand_innermost(
    binder: Binder, plan: nodes.PlanNode, expressions: tuple[Expression, ...]
) -> tuple[nodes.PlanNode, tuple[Expression, ...]]:
    """Compute the calls that contain no others in a ProjectSet, which carries along the columns still needed."""
    calls: list[SetReturningCall] = []
    for node in walk_level(expressions):
        if isinstance(node, SetReturningCall) and not contains_level(node.arguments, SetReturningCall):
            if not any(node is known for known in calls):
                calls.append(node)
    calls.reverse()
    source = binder.new_source()
    available = set(plan.sources)
    carried: list[Column] = []
    places: dict[tuple[int, int], int] = {}
    outputs: list[Expression] = list(calls)

    def replace(node: Any) -> Any:
        if isinstance(node, SetReturningCall):
            for number, call in enumerate(calls):
                if call is node:
                    return _reference(source, number, node, "")
        if node.__class__ is Column and node.source in available:
            key = (node.source, node.index)
            number = places.setdefault(key, len(calls) + len(carried))
            if number == len(calls) + len(carried):
                carried.append(node)
            return _reference(source, number, node, node.name)
        return None

    changed: tuple[Expression, ...] = rewritten(expressions, replace)
    outputs += carried
    binder.note_rows(source, outputs)
    node = nodes.ProjectSet(
        input=plan,
        source=source,
        columns=tuple(binder.output_column(getattr(output, "name", ""), output) for output in outputs),
        expressions=tuple(outputs),
    )
    return node, changed


def _reference(source: int, index: int, expression: Expression, name: str) -> Column:
    return Column(
        type=expression.type,
        typmod=expression.typmod,
        nullable=expression.nullable,
        collation=expression.collation,
        position=expression.position,
        source=source,
        index=index,
        name=name,
    )
