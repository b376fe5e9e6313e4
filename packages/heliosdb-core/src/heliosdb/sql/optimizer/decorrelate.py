"""EXISTS and IN in a condition become semi joins, NOT EXISTS an anti join (Kim 1982; Galindo-Legaria and Joshi,
SIGMOD 2001).

The subquery's conditions that name outer columns become the join's condition, so that a hash join can take the place
of one evaluation for each row. It applies where the subquery is a filtered join, or groups one, without window, set
operation or limit; any other stays a subquery. NOT IN stays one too: what NULLs do to it, the hashed subquery knows.
"""

from __future__ import annotations

from typing import Any

from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.plan.rewrite import contains, free_columns, rewritten
from heliosdb.sql.optimizer.conditions import conjunction, is_volatile, sources_of, split, unlabelled

__all__ = ["decorrelate"]


def decorrelate(node: pn.PlanNode) -> pn.PlanNode:
    """Return the plan with semi and anti joins in place of subqueries in its filters."""

    def replace(inner: object) -> pn.PlanNode | None:
        return _filter(inner) if isinstance(inner, pn.Filter) else None

    result = rewritten(node, replace)
    assert isinstance(result, pn.PlanNode)
    return result


def _filter(node: pn.Filter) -> pn.PlanNode:
    below = decorrelate(node.input)
    rest: list[ex.Expression] = []
    for part in split(node.condition):
        joined = _joined(below, part)
        if joined is None:
            rest.append(part)
        else:
            below = joined
    condition = conjunction(rest)
    if condition is None:
        return below
    if below is node.input and condition is node.condition:
        return node
    return pn.Filter(input=below, condition=condition)


def _joined(left: pn.PlanNode, part: ex.Expression) -> pn.PlanNode | None:
    kind = "semi"
    if isinstance(part, ex.Not):
        kind, part = "anti", part.operand
    if not isinstance(part, ex.Subquery) or part.kind not in (ex.SubqueryKind.EXISTS, ex.SubqueryKind.ANY):
        return None
    if part.kind is ex.SubqueryKind.ANY and (kind == "anti" or part.comparison is None):
        return None
    plan, output = _stripped(part.plan)
    if plan is None or is_volatile(part):
        return None
    conditions: list[ex.Expression] = []
    kept: list[ex.Expression] = []
    inner = set(plan.sources)
    if isinstance(plan, pn.Filter):
        parts = list(split(plan.condition))
        plan = plan.input
        inner = set(plan.sources)
        for condition in parts:
            outside = sources_of(condition) - inner
            (conditions if outside & set(left.sources) else kept).append(condition)
    if part.kind is ex.SubqueryKind.EXISTS and not conditions:
        return None
    if part.kind is ex.SubqueryKind.ANY:
        assert part.comparison is not None

        def element(node: object) -> ex.Expression | None:
            return output[node.index] if isinstance(node, ex.Element) and output is not None else None

        conditions.append(rewritten(part.comparison, element))
    right = plan
    own = conjunction(kept)
    if own is not None:
        right = pn.Filter(input=right, condition=own)
    available = set(left.sources)
    if any(column.source in available for column in free_columns(right)):
        return None
    if any(contains(item, ex.Subquery) for item in conditions):
        return None
    right = decorrelate(right)
    if kind == "semi" and _meets_at_most_one(right, conditions):
        # Then it is an inner join, which may stand anywhere in the join order.
        kind = "inner"
    return pn.Join(kind=kind, left=left, right=right, condition=conjunction(conditions))


def _meets_at_most_one(right: pn.PlanNode, conditions: list[ex.Expression]) -> bool:
    """Whether equalities among the conditions cover a unique key of the right side: of a filtered table, or what a
    filtered aggregate groups by.
    """
    scan = right
    while isinstance(scan, pn.Filter):
        scan = scan.input
    if not isinstance(scan, pn.Scan | pn.Aggregate):
        return False
    numbers = set()
    for condition in conditions:
        if isinstance(condition, ex.Call) and condition.operator == "=":
            for mine, other in (condition.arguments, condition.arguments[::-1]):
                column = unlabelled(mine)
                if (
                    isinstance(column, ex.Column)
                    and column.source == scan.source
                    and scan.source not in sources_of(other)
                ):
                    numbers.add(column.index + 1)
    if isinstance(scan, pn.Aggregate):
        return _is_grouped(scan) and numbers >= set(range(1, len(scan.groups) + 1))
    return any(
        index.unique
        and index.valid
        and index.predicate is None
        and all(key.column in numbers for key in index.keys)
        and not any(c.index == index.oid and c.deferrable for c in scan.relation.constraints)
        for index in scan.relation.indexes
    )


def _stripped(plan: Any) -> tuple[pn.PlanNode | None, tuple[ex.Expression, ...] | None]:
    """Return the plan below projections and sorts, and the output expressions; (None, None) where it must stay
    whole.
    """
    output: tuple[ex.Expression, ...] | None = None
    while isinstance(plan, pn.Project | pn.Sort):
        if isinstance(plan, pn.Project):
            if output is not None:
                return None, None
            output = plan.expressions
        plan = plan.input
    if isinstance(plan, pn.Filter | pn.Scan) or (isinstance(plan, pn.Join) and plan.kind == "inner"):
        return plan, output
    if _is_grouped(plan) and output is not None:
        return plan, output
    return None, None


def _is_grouped(plan: pn.PlanNode) -> bool:
    """Whether the plan gives one row for each group of its input."""
    return isinstance(plan, pn.Aggregate) and bool(plan.groups) and plan.grouping_sets is None
