"""Subqueries and views in FROM that only choose columns and filter become part of the joins around them.

``FROM (SELECT id, a + 1 AS b FROM t WHERE c = 3) s JOIN u ON u.id = s.id`` is the join of a filtered ``t`` with ``u``:
the projection goes, and its expressions take the place of its columns wherever these are named. So the tables of a view
may be joined in any order with those outside it, and looked up through their indexes.

It stays where that could be noticed or would cost: where an expression is volatile or a subquery, would be computed
twice, or is no plain column although the side it stands on may be missing (then it is to be NULL, whatever it
computes); where the whole row is named; and where the projection is of groups, of a limited or sorted query, or of a
set operation.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from attrs import evolve

from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.plan.rewrite import columns_in, contains, rewritten, walk
from heliosdb.sql.optimizer.conditions import is_volatile

__all__ = ["pull_up"]

Place = tuple[int, int]


def pull_up(plan: pn.PlanNode) -> pn.PlanNode:
    """Return the plan without projections that are mere operands of its joins; plans of subqueries are left alone."""
    nodes = list(walk(plan))
    if not any(isinstance(node, pn.Join) for node in nodes) or any(
        isinstance(node, pn.Modify | pn.LockRows) for node in nodes
    ):
        return plan
    pulling = _Pulling(Counter((column.source, column.index) for column in columns_in(plan)))
    changed = pulling.below(plan)
    if not pulling.replaced:
        return plan
    result = rewritten(changed, pulling.replacement)
    assert isinstance(result, pn.PlanNode)
    return result


class _Pulling:
    def __init__(self, named: Counter[Place]) -> None:
        self.named = named
        self.whole = {source for source, index in named if index < 0}
        self.replaced: dict[Place, ex.Expression] = {}

    def replacement(self, node: object) -> ex.Expression | None:
        """Return what stands in a column's place."""
        if not isinstance(node, ex.Column):
            return None
        found = self.replaced.get((node.source, node.index))
        if found is None:
            return None
        expression = rewritten(found, self.replacement)
        # Above an outer join the column may be missing, though it cannot be NULL where it comes from.
        result: ex.Expression = evolve(expression, nullable=node.nullable or expression.nullable)
        return result

    def below(self, node: pn.PlanNode) -> pn.PlanNode:
        """Return a node with the operands of all joins in it changed."""
        if isinstance(node, pn.Join):
            return self.operand(node, missing=False)
        changes: dict[str, Any] = {}
        for name in ("input", "left", "right", "start", "step"):
            child = getattr(node, name, None)
            if isinstance(child, pn.PlanNode):
                new = self.below(child)
                if new is not child:
                    changes[name] = new
        if isinstance(node, pn.With):
            changes["ctes"] = tuple((number, name, self.below(part)) for number, name, part in node.ctes)
        return evolve(node, **changes) if changes else node

    def operand(self, node: pn.PlanNode, *, missing: bool) -> pn.PlanNode:
        """Return an operand of a join; ``missing`` where its rows may be."""
        if isinstance(node, pn.Join):
            left = self.operand(node.left, missing=missing or node.kind in ("right", "full"))
            right = node.right
            if not node.lateral:
                right = self.operand(right, missing=missing or node.kind in ("left", "full"))
            if left is node.left and right is node.right:
                return node
            return evolve(node, left=left, right=right)
        if isinstance(node, pn.Filter):
            below = self.operand(node.input, missing=missing)
            return node if below is node.input else evolve(node, input=below)
        if type(node) is pn.Project and self._may_go(node, missing):
            for index, expression in enumerate(node.expressions):
                place = (node.source, index)
                self.replaced[place] = expression
                for column in columns_in(expression):
                    self.named[column.source, column.index] += self.named[place] - 1
            return self.operand(node.input, missing=missing)
        return self.below(node) if not isinstance(node, pn.Scan) else node

    def _may_go(self, node: pn.Project, missing: bool) -> bool:
        below = node.input
        while isinstance(below, pn.Filter):
            below = below.input
        if not isinstance(below, pn.Scan | pn.Join | pn.Project) or node.source in self.whole:
            return False
        for index, expression in enumerate(node.expressions):
            if isinstance(expression, ex.Column) and expression.index >= 0 and expression.source in below.sources:
                continue
            if missing or self.named[node.source, index] > 1:
                return False
            if is_volatile(expression) or contains(expression, ex.Subquery):
                return False
        return True
