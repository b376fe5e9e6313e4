"""Work that would be done over and over is done once: what a correlated subquery does not take from outside is kept.

A correlated subquery, the right side of a lateral join, and the step of a recursive union run many times a statement.
The parts of their plans that name nothing from outside give the same rows each time. Such a part becomes a ``Kept``
node: its rows are computed on first use and kept for the statement. Where the part is filtered by an equality with
something from outside (``WHERE b.n = a.n``), it is kept by that key, so that each run looks its rows up; a hash join
with such a part on the right becomes a look-up for each left row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.plan.rewrite import free_columns, walk
from heliosdb.sql.optimizer.conditions import conjunction, is_volatile, sources_of, split

if TYPE_CHECKING:
    from heliosdb.sql.optimizer.joins import Joins

__all__ = ["Keeper"]

CHEAP = (pn.Scan, pn.IndexScan, pn.CteScan, pn.Values, pn.OneRow, pn.Empty)
"""Nodes whose rows are as quick to read as kept ones."""


class Keeper:
    """Puts Kept nodes into one statement's plans. ``plan`` is the whole statement's."""

    def __init__(self, joins: Joins, plan: pn.PlanNode) -> None:
        self.joins = joins
        self.common: set[int] = set()
        """Common table expressions of the statement itself, which are the same for all its parts."""
        node = plan
        while isinstance(node, pn.Unary | pn.With):
            if isinstance(node, pn.With):
                self.common.update(number for number, _, _ in node.ctes)
            node = node.input

    def keep(self, node: pn.PlanNode, *, repeated: bool) -> pn.PlanNode:
        """Return the plan with what it need not do again kept. ``repeated``: it runs many times a statement."""
        if isinstance(node, pn.Kept):
            return evolve(node, input=self.keep(node.input, repeated=False))
        if repeated:
            if not isinstance(node, CHEAP) and self._works(node) and self.is_constant(node):
                return pn.Kept(input=self.keep(node, repeated=False))
            if isinstance(node, pn.Filter):
                found = self._looked_up(node)
                if found is not None:
                    return found
            if type(node) is pn.HashJoin and node.kind in ("inner", "left", "semi", "anti") and not node.null_aware:
                if self.is_constant(node.right):
                    return self._by_key(node, node.left, node.right, node.left_keys, node.right_keys)
                if node.kind == "inner" and self.is_constant(node.left):
                    return self._by_key(node, node.right, node.left, node.right_keys, node.left_keys)
        changes: dict[str, Any] = {}
        for name in ("input", "left", "right", "start", "step"):
            child = getattr(node, name, None)
            if isinstance(child, pn.PlanNode):
                inside = name == "step" or (name == "right" and isinstance(node, pn.Join) and node.lateral)
                changed = self.keep(child, repeated=repeated or inside)
                if changed is not child:
                    changes[name] = changed
        if isinstance(node, pn.With):
            ctes = tuple((number, name, self.keep(plan, repeated=repeated)) for number, name, plan in node.ctes)
            if any(new[2] is not old[2] for new, old in zip(ctes, node.ctes, strict=True)):
                changes["ctes"] = ctes
        return evolve(node, **changes) if changes else node

    def _looked_up(self, node: pn.Filter) -> pn.PlanNode | None:
        """Return a filter by what comes from outside as a look-up, where it is an equality."""
        own = set(node.input.sources)
        if not self.is_constant(node.input):
            return None
        parts = list(split(node.condition))
        outside = {source for part in parts for source in sources_of(part)} - own
        inner = [part for part in parts if not sources_of(part) - own and not _holds_subquery(part)]
        crossing = [part for part in parts if part not in inner]
        pairs, rest = self.joins.equalities([p for p in crossing if not _holds_subquery(p)], outside, own)
        pairs = [pair for pair in pairs if not is_volatile(pair[:2])]
        if not pairs or is_volatile(inner):
            return None
        rest = [part for part in crossing if _holds_subquery(part) or any(part is other for other in rest)]
        condition = conjunction(inner)
        below = node.input if condition is None else pn.Filter(input=node.input, condition=condition)
        kept = pn.Kept(
            input=self.keep(below, repeated=False),
            keys=tuple(key for _, key, _ in pairs),
            values=tuple(value for value, _, _ in pairs),
            key_classes=tuple(ordering for _, _, ordering in pairs),
        )
        remaining = conjunction(rest)
        return kept if remaining is None else pn.Filter(input=kept, condition=remaining)

    def _by_key(
        self,
        node: pn.HashJoin,
        left: pn.PlanNode,
        right: pn.PlanNode,
        left_keys: tuple[ex.Expression, ...],
        right_keys: tuple[ex.Expression, ...],
    ) -> pn.PlanNode:
        kept = pn.Kept(
            input=self.keep(right, repeated=False), keys=right_keys, values=left_keys, key_classes=node.key_classes
        )
        return pn.Join(
            kind=node.kind,
            left=self.keep(left, repeated=True),
            right=kept,
            condition=node.condition,
            lateral=True,
            rows=node.rows,
        )

    def is_constant(self, node: pn.PlanNode) -> bool:
        """Whether the node gives the same rows whenever it is run in the statement."""
        if free_columns(node) or is_volatile(node):
            return False
        inner = {part.cte for part in walk(node) if isinstance(part, pn.RecursiveUnion)}
        for part in walk(node):
            if isinstance(part, pn.Modify | pn.LockRows):
                return False
            if isinstance(part, pn.WorkTableScan) and part.cte not in inner:
                return False
            if isinstance(part, pn.CteScan) and part.cte not in self.common:
                return False
        return True

    @staticmethod
    def _works(node: pn.PlanNode) -> bool:
        """Whether the node does more than read a table and leave rows out."""
        return any(
            isinstance(part, pn.Join | pn.Aggregate | pn.Sort | pn.Window | pn.Distinct | pn.SetOperation | pn.With)
            for part in walk(node)
        )


def _holds_subquery(node: object) -> bool:
    return any(isinstance(part, ex.Subquery) for part in walk(node))
