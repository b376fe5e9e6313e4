"""Moving conditions down to where their columns come from.

``push(node, conditions)`` returns the node with the conditions applied as far down as each may go. A condition passes
a projection with the projection's expressions put in the columns' place, an aggregate if it is about group columns
only, and a join on the side whose rows it cannot bring back as missing ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import evolve

from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.plan.rewrite import contains, rewritten
from heliosdb.sql.optimizer.conditions import conjunction, is_volatile, rejects_null, restrictions, sources_of, split

__all__ = ["push"]


def push(node: pn.PlanNode, conditions: Sequence[ex.Expression] = ()) -> pn.PlanNode:
    """Return the node with conditions pushed into it."""
    if isinstance(node, pn.Filter):
        parts = list(split(node.condition))
        movable = [part for part in parts if not is_volatile(part)]
        fixed = [part for part in parts if is_volatile(part)]
        if fixed:
            return _filtered(pn.Filter(input=push(node.input, movable), condition=_all(fixed)), conditions)
        return push(node.input, [*movable, *conditions])
    if isinstance(node, pn.Project):
        return _push_project(node, conditions)
    if isinstance(node, pn.Join):
        return _push_join(node, conditions)
    if isinstance(node, pn.Aggregate):
        return _push_aggregate(node, conditions)
    if isinstance(node, pn.Sort | pn.LockRows) and not (isinstance(node, pn.Sort) and node.top is not None):
        if isinstance(node, pn.LockRows):
            return _filtered(evolve(node, input=push(node.input)), conditions)
        return evolve(node, input=push(node.input, conditions))
    if isinstance(node, pn.Distinct) and not node.on:
        return evolve(node, input=push(node.input, conditions))
    if isinstance(node, pn.SetOperation):
        return _push_set_operation(node, conditions)
    return _filtered(_into_inputs(node), conditions)


def _into_inputs(node: pn.PlanNode) -> pn.PlanNode:
    changes: dict[str, Any] = {}
    for name in ("input", "left", "right", "start", "step"):
        child = getattr(node, name, None)
        if isinstance(child, pn.PlanNode):
            new = push(child)
            if new is not child:
                changes[name] = new
    if isinstance(node, pn.With):
        changes["ctes"] = tuple((number, name, push(plan)) for number, name, plan in node.ctes)
    return evolve(node, **changes) if changes else node


def _all(parts: Sequence[ex.Expression]) -> ex.Expression:
    condition = conjunction(parts)
    assert condition is not None
    return condition


def _filtered(node: pn.PlanNode, conditions: Sequence[ex.Expression]) -> pn.PlanNode:
    # Subqueries last: the rows that anything cheaper rejects need none.
    conditions = sorted(conditions, key=lambda condition: contains(condition, ex.Subquery))
    return pn.Filter(input=node, condition=_all(conditions)) if conditions else node


def _substituted(condition: ex.Expression, node: pn.Project) -> ex.Expression:
    def replace(inner: object) -> ex.Expression | None:
        if isinstance(inner, ex.Column) and inner.source == node.source and inner.index >= 0:
            return node.expressions[inner.index]
        return None

    result = rewritten(condition, replace)
    assert isinstance(result, ex.Expression)
    return result


def _push_project(node: pn.Project, conditions: Sequence[ex.Expression]) -> pn.PlanNode:
    volatile = is_volatile(node.expressions)
    below: list[ex.Expression] = []
    above: list[ex.Expression] = []
    for condition in conditions:
        whole = any(c.source == node.source and c.index < 0 for c in _columns(condition))
        # A subquery in the projection would be evaluated once more for the condition.
        if volatile or whole or contains(node.expressions, ex.Subquery):
            above.append(condition)
        else:
            below.append(_substituted(condition, node))
    return _filtered(evolve(node, input=push(node.input, below)), above)


def _columns(node: object) -> list[ex.Column]:
    from heliosdb.plan.rewrite import columns_in

    return list(columns_in(node))


def _push_join(node: pn.Join, conditions: Sequence[ex.Expression]) -> pn.PlanNode:
    left, right = set(node.left.sources), set(node.right.sources)
    kind = node.kind
    if kind in ("left", "full") and any(rejects_null(condition, right) for condition in conditions):
        kind = "inner" if kind == "left" else "right"
    if kind in ("right", "full") and any(rejects_null(condition, left) for condition in conditions):
        kind = "inner" if kind == "right" else "left"
    to_left: list[ex.Expression] = []
    to_right: list[ex.Expression] = []
    here: list[ex.Expression] = []
    above: list[ex.Expression] = []
    on = list(split(node.condition))
    if kind == "inner":
        for part in (*on, *conditions):
            used = sources_of(part)
            if is_volatile(part):
                here.append(part)
            elif not used & right:
                to_left.append(part)
            elif not used & left and not node.lateral:
                to_right.append(part)
            else:
                here.append(part)
                to_left.extend(restrictions(part, left))
                if not node.lateral:
                    to_right.extend(restrictions(part, right))
    else:
        for part in conditions:
            used = sources_of(part)
            if kind in ("left", "semi", "anti") and not used & right:
                to_left.append(part)
            elif kind == "right" and not used & left:
                to_right.append(part)
            else:
                above.append(part)
        for part in on:
            used = sources_of(part)
            if (kind in ("left", "semi") and not used & left and not node.lateral and not is_volatile(part)) or (
                kind == "anti" and not used & left and not node.null_aware and not node.lateral
            ):
                to_right.append(part)
            elif kind in ("right", "semi") and not used & right and not is_volatile(part):
                to_left.append(part)
            else:
                here.append(part)
    changed = evolve(
        node, kind=kind, left=push(node.left, to_left), right=push(node.right, to_right), condition=conjunction(here)
    )
    return _filtered(changed, above)


def _push_aggregate(node: pn.Aggregate, conditions: Sequence[ex.Expression]) -> pn.PlanNode:
    below: list[ex.Expression] = []
    above: list[ex.Expression] = []
    width = len(node.groups)
    for condition in conditions:
        columns = [c for c in _columns(condition) if c.source == node.source]
        movable = (
            node.grouping_sets is None
            and width > 0
            and columns
            and all(0 <= column.index < width for column in columns)
            and not is_volatile(condition)
            and not contains(condition, ex.Subquery)
        )
        if movable:

            def replace(inner: object) -> ex.Expression | None:
                if isinstance(inner, ex.Column) and inner.source == node.source:
                    return node.groups[inner.index]
                return None

            below.append(rewritten(condition, replace))
        else:
            above.append(condition)
    return _filtered(evolve(node, input=push(node.input, below)), above)


def _push_set_operation(node: pn.SetOperation, conditions: Sequence[ex.Expression]) -> pn.PlanNode:
    """A condition on the result holds for a row of either side exactly if it holds for the result's row."""
    movable = [
        c for c in conditions if not contains(c, ex.Subquery) and all(column.index >= 0 for column in _columns(c))
    ]
    above = [c for c in conditions if c not in movable]

    def for_side(side: pn.PlanNode) -> list[ex.Expression]:
        (number,) = side.sources

        def replace(inner: object) -> ex.Expression | None:
            if isinstance(inner, ex.Column) and inner.source == node.source:
                return evolve(inner, source=number)
            return None

        return [rewritten(condition, replace) for condition in movable]

    changed = evolve(node, left=push(node.left, for_side(node.left)), right=push(node.right, for_side(node.right)))
    return _filtered(changed, above)
