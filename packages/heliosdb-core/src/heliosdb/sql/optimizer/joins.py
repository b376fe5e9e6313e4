"""Join order and join methods.

A tree of inner joins is a set of items and conditions. It is built up greedily: begin with the item that gives the
fewest rows, then always add the one whose join gives the fewest, of those that a condition connects; and once more
beginning with the item of which its own conditions leave the smallest part, if that is another one. The cheaper of the
two is taken. For each pair there are three methods: a hash join that builds the smaller side, index look-ups into the
new item for each row so far, or nested loops. Outer, semi and anti joins keep their place; only their method is chosen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve, frozen

from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.plan.rewrite import free_columns
from heliosdb.sql.optimizer.access import index_cost
from heliosdb.sql.optimizer.conditions import conjunction, is_volatile, sources_of, split

if TYPE_CHECKING:
    from collections.abc import Callable

    from heliosdb.catalog.registries import Registries
    from heliosdb.sql.optimizer.access import AccessPaths
    from heliosdb.sql.optimizer.estimates import Estimates

__all__ = ["Joins"]

BUILD, PROBE = 4.0, 3.0
"""What a row put into a hash table and one looked up there cost, in rows of a sequential scan."""


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
        free = [item for item in items if not item.needs]
        starts = [min(free, key=lambda item: self.estimates.rows(item.plan)), min(free, key=self._selectivity)]
        tries = [self._build(start, items, waiting) for start in dict.fromkeys(starts)]
        plan, rest, _ = min(tries, key=lambda tried: tried[2])
        condition = conjunction([*rest, *late])
        return plan if condition is None else pn.Filter(input=plan, condition=condition)

    def _selectivity(self, item: _Item) -> float:
        """Return which part of its table an item leaves, 1 where it is no filtered table."""
        scan = item.logical
        while isinstance(scan, pn.Filter):
            scan = scan.input
        if type(scan) is not pn.Scan:
            return 1.0
        return self.estimates.rows(item.plan) / self.estimates.table(scan.relation)

    def _build(
        self, start: _Item, items: list[_Item], conditions: list[ex.Expression]
    ) -> tuple[pn.PlanNode, list[ex.Expression], float]:
        """Join all items beginning with one; return (plan, conditions left over, cost)."""
        everything = frozenset().union(*(item.sources for item in items))
        left = [item for item in items if item is not start]
        waiting = conditions
        plan, done, total = start.plan, set(start.sources), self._scan_cost(start)
        while left:
            best: tuple[tuple[bool, float], _Item, pn.PlanNode, list[ex.Expression], float] | None = None
            for item in left:
                if not item.needs <= done:
                    continue
                usable = [c for c in waiting if sources_of(c) & everything <= done | item.sources]
                joined, cost = self._join(plan, done, item, usable)
                connected = bool(item.needs) or any(sources_of(c) & done for c in usable)
                key = (not connected, self.estimates.rows(joined))
                if best is None or key < best[0]:
                    best = (key, item, joined, usable, cost)
            assert best is not None
            _, item, plan, used, cost = best
            total += cost
            left.remove(item)
            done |= item.sources
            waiting = [condition for condition in waiting if not any(condition is other for other in used)]
        return plan, waiting, total

    def _scan_cost(self, item: _Item) -> float:
        """Return what reading an item costs, in rows of a sequential scan."""
        scan = item.plan
        while isinstance(scan, pn.Filter):
            scan = scan.input
        if type(scan) is pn.Scan:
            return self.estimates.table(scan.relation)
        rows = self.estimates.rows(scan)
        return index_cost(scan, rows) if isinstance(scan, pn.IndexScan) else rows

    def _join(
        self, left: pn.PlanNode, done: set[int], item: _Item, conditions: list[ex.Expression]
    ) -> tuple[pn.PlanNode, float]:
        """Return the cheapest inner join of what there is with one more item, and what it costs."""
        rows = self.estimates.rows
        right = item.plan
        left_rows, right_rows = rows(left), rows(right)
        if item.needs:
            made = pn.Join(kind="inner", left=left, right=right, condition=conjunction(conditions), lateral=True)
            return made, left_rows * self._scan_cost(item)
        pairs, rest = self.equalities(conditions, done, set(item.sources))
        index = self._index_join("inner", left, item.logical, conditions)
        if not pairs:
            made = pn.Join(kind="inner", left=left, right=right, condition=conjunction(conditions))
            loops = self._scan_cost(item) + left_rows * right_rows
            return index if index is not None and index[1] < loops else (made, loops)
        joined = self._hash("inner", left, right, pairs, rest)
        if left_rows < right_rows:
            joined = self._hash("inner", right, left, [(b, a, c) for a, b, c in pairs], rest)
        hashed = self._scan_cost(item) + BUILD * min(left_rows, right_rows) + PROBE * max(left_rows, right_rows)
        if index is not None and index[1] < hashed:
            return index
        return evolve(joined, rows=max(1.0, rows(joined))), hashed

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

    def equalities(
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
    ) -> tuple[pn.PlanNode, float] | None:
        """Return a join that looks up each left row in an index of the right table, and what it costs."""
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
        left_rows = self.estimates.rows(left)
        made = pn.IndexJoin(
            kind=kind,
            left=left,
            right=access,
            lateral=True,
            rows=max(1.0, left_rows * self.estimates.rows(access)) if kind == "inner" else None,
        )
        # The first match decides a semi or an anti join.
        found_rows = self.estimates.rows(found) if kind in ("inner", "left") else 1.0
        return made, left_rows * index_cost(found, found_rows)

    def _single(self, node: pn.Join) -> pn.PlanNode:
        """Plan an outer, semi or anti join, or one that is lateral: both sides stay where they are."""
        left, right = self.physical(node.left), self.physical(node.right)
        if node.lateral:
            return evolve(node, left=left, right=right)
        conditions = list(split(node.condition))
        pairs, rest = self.equalities(conditions, set(node.left.sources), set(node.right.sources))
        if node.kind in ("left", "semi", "anti") and not node.null_aware:
            left_rows, right_rows = self.estimates.rows(left), self.estimates.rows(right)
            item = _Item(right, node.right, frozenset(node.right.sources), frozenset())
            index = self._index_join(node.kind, left, node.right, conditions)
            other = BUILD * right_rows + PROBE * left_rows if pairs else left_rows * right_rows
            if index is not None and index[1] < self._scan_cost(item) + other:
                return index[0]
        if not pairs:
            return evolve(node, left=left, right=right)
        return self._hash(node.kind, left, right, pairs, rest, null_aware=node.null_aware)
