"""Join order and join methods.

A tree of inner joins is a set of items and conditions. It is built up greedily: begin with the item that gives the
fewest rows, then always add the one whose join gives the fewest, of those that a condition connects. For each pair
there are three methods: a hash join that builds the smaller side, index look-ups into the new item for each row so
far, or nested loops. Outer, semi and anti joins keep their place; only their method is chosen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve, frozen

from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.plan.rewrite import free_columns
from heliosdb.sql.optimizer.conditions import conjunction, is_volatile, sources_of, split

if TYPE_CHECKING:
    from collections.abc import Callable

    from heliosdb.catalog.registries import Registries
    from heliosdb.sql.optimizer.access import AccessPaths
    from heliosdb.sql.optimizer.estimates import Estimates

__all__ = ["Joins"]

LOOKUP_COST = 4.0
"""What an index look-up costs, in rows of a hash join."""


@frozen
class _Item:
    plan: pn.PlanNode
    logical: pn.PlanNode
    sources: frozenset[int]
    needs: frozenset[int]


class Joins:
    """Chooses join orders and methods. ``physical`` plans what is below a join."""

    def __init__(
        self,
        estimates: Estimates,
        registries: Registries,
        access: AccessPaths,
        physical: Callable[[pn.PlanNode], pn.PlanNode],
    ) -> None:
        self.access = access
        self.estimates = estimates
        self.registries = registries
        self.physical = physical

    def plan(self, node: pn.Join) -> pn.PlanNode:
        """Return the physical plan of a join."""
        if node.kind != "inner":
            return self._single(node)
        leaves: list[pn.PlanNode] = []
        conditions: list[ex.Expression] = []
        self._flatten(node, leaves, conditions)
        return self._order(leaves, conditions)

    def _flatten(self, node: pn.PlanNode, leaves: list[pn.PlanNode], conditions: list[ex.Expression]) -> None:
        if type(node) is pn.Join and node.kind == "inner":
            self._flatten(node.left, leaves, conditions)
            self._flatten(node.right, leaves, conditions)
            conditions.extend(split(node.condition))
        else:
            leaves.append(node)

    def _order(self, leaves: list[pn.PlanNode], conditions: list[ex.Expression]) -> pn.PlanNode:
        everything = {source for leaf in leaves for source in leaf.sources}
        items = []
        for leaf in leaves:
            needs = {c.source for c in free_columns(leaf)} & everything - set(leaf.sources)
            items.append(_Item(self.physical(leaf), leaf, frozenset(leaf.sources), frozenset(needs)))
        # A volatile condition is evaluated where it was written: above all joins.
        late = [condition for condition in conditions if is_volatile(condition)]
        waiting = [condition for condition in conditions if not is_volatile(condition)]
        rows = self.estimates.rows
        start = min((item for item in items if not item.needs), key=lambda item: rows(item.plan))
        items.remove(start)
        plan, done = start.plan, set(start.sources)
        while items:
            best: tuple[bool, float, _Item, pn.PlanNode, list[ex.Expression]] | None = None
            for item in items:
                if not item.needs <= done:
                    continue
                usable = [c for c in waiting if sources_of(c) & everything <= done | item.sources]
                joined = self._join(plan, done, item, usable)
                connected = bool(item.needs) or any(sources_of(c) & done for c in usable)
                key = (not connected, rows(joined))
                if best is None or key < best[:2]:
                    best = (*key, item, joined, usable)
            assert best is not None
            _, _, item, plan, used = best
            items.remove(item)
            done |= item.sources
            waiting = [condition for condition in waiting if not any(condition is other for other in used)]
        rest = conjunction([*waiting, *late])
        return plan if rest is None else pn.Filter(input=plan, condition=rest)

    def _join(self, left: pn.PlanNode, done: set[int], item: _Item, conditions: list[ex.Expression]) -> pn.PlanNode:
        """Return the cheapest inner join of what there is with one more item."""
        rows = self.estimates.rows
        right = item.plan
        if item.needs:
            return pn.Join(kind="inner", left=left, right=right, condition=conjunction(conditions), lateral=True)
        pairs, rest = self._equalities(conditions, done, set(item.sources))
        if not pairs:
            return pn.Join(kind="inner", left=left, right=right, condition=conjunction(conditions))
        index = self._index_join("inner", left, item.logical, conditions)
        left_rows, right_rows = rows(left), rows(right)
        if index is not None and left_rows * LOOKUP_COST < right_rows + left_rows:
            return index
        joined = self._hash("inner", left, right, pairs, rest)
        if left_rows < right_rows:
            swapped = [(b, a, c) for a, b, c in pairs]
            joined = self._hash("inner", right, left, swapped, rest)
        return evolve(joined, rows=max(1.0, rows(joined)))

    def _hash(
        self,
        kind: str,
        left: pn.PlanNode,
        right: pn.PlanNode,
        pairs: list[tuple[ex.Expression, ex.Expression, object]],
        rest: list[ex.Expression],
        *,
        null_aware: bool = False,
    ) -> pn.HashJoin:
        return pn.HashJoin(
            kind=kind,
            left=left,
            right=right,
            condition=conjunction(rest),
            left_keys=tuple(a for a, _, _ in pairs),
            right_keys=tuple(b for _, b, _ in pairs),
            key_classes=tuple(c for _, _, c in pairs),
            null_aware=null_aware,
        )

    def _equalities(
        self, conditions: list[ex.Expression], left: set[int], right: set[int]
    ) -> tuple[list[tuple[ex.Expression, ex.Expression, object]], list[ex.Expression]]:
        """Return ((left key, right key, operator class) of each hashable equality, the other conditions)."""
        pairs = []
        rest = []
        for condition in conditions:
            pair = self._equality(condition, left, right)
            if pair is None:
                rest.append(condition)
            else:
                pairs.append(pair)
        return pairs, rest

    def _equality(
        self, condition: ex.Expression, left: set[int], right: set[int]
    ) -> tuple[ex.Expression, ex.Expression, object] | None:
        if not isinstance(condition, ex.Call) or condition.operator != "=" or len(condition.arguments) != 2:
            return None
        first, second = condition.argument_types[:2]
        if first != second and not {first, second} <= {"int2", "int4", "int8"}:
            return None
        ordering = self.registries.types.ordering(first)
        if ordering is None:
            return None
        a, b = condition.arguments
        a_sources, b_sources = sources_of(a), sources_of(b)
        if not a_sources & (left | right) or not b_sources & (left | right):
            return None
        if not a_sources & right and not b_sources & left:
            return a, b, ordering
        if not b_sources & right and not a_sources & left:
            return b, a, ordering
        return None

    def _index_join(
        self, kind: str, left: pn.PlanNode, right: pn.PlanNode, conditions: list[ex.Expression]
    ) -> pn.PlanNode | None:
        """Return a join that looks up each left row in an index of the right table."""
        scan, parts = right, list(conditions)
        while isinstance(scan, pn.Filter):
            parts.extend(split(scan.condition))
            scan = scan.input
        if type(scan) is not pn.Scan:
            return None
        access = self.access.choose(scan, conjunction(parts))
        found = access.input if isinstance(access, pn.Filter) else access
        if not isinstance(found, pn.IndexScan):
            return None
        keys = (*found.equal, *found.in_list, *(bound for bound in (found.low, found.high) if bound is not None))
        if not sources_of(keys) & set(left.sources):
            return None
        total = self.estimates.rows(left) * self.estimates.rows(access)
        return pn.IndexJoin(kind=kind, left=left, right=access, lateral=True, rows=max(1.0, total))

    def _single(self, node: pn.Join) -> pn.PlanNode:
        """Plan an outer, semi or anti join, or one that is lateral: both sides stay where they are."""
        left, right = self.physical(node.left), self.physical(node.right)
        if node.lateral:
            return evolve(node, left=left, right=right)
        conditions = list(split(node.condition))
        pairs, rest = self._equalities(conditions, set(node.left.sources), set(node.right.sources))
        if not pairs:
            return evolve(node, left=left, right=right)
        if node.kind in ("left", "semi", "anti") and not node.null_aware:
            left_rows, right_rows = self.estimates.rows(left), self.estimates.rows(right)
            if left_rows * LOOKUP_COST < right_rows:
                index = self._index_join(node.kind, left, node.right, conditions)
                if index is not None:
                    return index
        return self._hash(node.kind, left, right, pairs, rest, null_aware=node.null_aware)
