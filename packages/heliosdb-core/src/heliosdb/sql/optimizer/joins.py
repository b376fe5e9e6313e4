"""Join order and join methods.

A tree of inner joins, with the left, semi and anti joins above and among them, is taken apart into a graph
(``join_graph``), for which an order is searched (``join_order``); here the graph is made and the order becomes a plan
again. For two sets there are three methods: a hash join that builds the smaller side, index look-ups into one item for
each row of the other set, or nested loops. Full joins, NOT IN, and outer joins that are lateral keep their place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.plan.rewrite import free_columns
from heliosdb.sql.optimizer.access import index_cost
from heliosdb.sql.optimizer.conditions import conjunction, is_volatile, sources_of, split
from heliosdb.sql.optimizer.join_graph import (
    Clause,
    EquivalenceClass,
    Graph,
    Item,
    Pair,
    bits,
    constant_equalities,
    equivalences,
    mask_of,
)
from heliosdb.sql.optimizer.join_order import Tree, best_order
from heliosdb.sql.optimizer.pushdown import push
from heliosdb.sql.optimizer.selectivity import Producers

if TYPE_CHECKING:
    from collections.abc import Callable

    from heliosdb.catalog.registries import Registries
    from heliosdb.sql.optimizer.access import AccessPaths
    from heliosdb.sql.optimizer.estimates import Estimates

__all__ = ["Joins"]

Place = tuple[int, int]
"""Source and index of a column."""


class Joins:
    """Chooses join orders and methods. ``physical`` plans what is below a join, ``check`` asks whether to stop."""

    def __init__(
        self,
        estimates: Estimates,
        registries: Registries,
        access: AccessPaths,
        physical: Callable[[pn.PlanNode], pn.PlanNode],
        check: Callable[[], None],
    ) -> None:
        self.access = access
        self.estimates = estimates
        self.registries = registries
        self.physical = physical
        self.check = check

    def plan(self, node: pn.Join) -> pn.PlanNode:
        """Return the physical plan of a join."""
        leaves: list[pn.PlanNode] = []
        specials: list[pn.Join] = []
        conditions: list[ex.Expression] = []
        _flatten(node, leaves, specials, conditions)
        if len(leaves) + len(specials) == 1:
            return self._single(node)
        # A volatile condition is evaluated where it was written: above all joins.
        late = [condition for condition in conditions if is_volatile(condition)]
        joined = [condition for condition in conditions if not is_volatile(condition)]
        graph, rest = self._graph(leaves, specials, joined)
        lookups: dict[tuple[int, tuple[int, ...]], float | None] = {}

        def lookup(mask: int, number: int) -> float | None:
            item = graph.items[number]
            place, parts = graph.lookups(mask, number) if item.kind == "inner" else ((), list(item.conditions))
            if (number, place) not in lookups:
                found = self._lookup(item, parts) if parts else None
                lookups[number, place] = None if found is None else found[1]
            return lookups[number, place]

        tree = best_order(
            graph,
            lambda number: self.scan_cost(graph.items[number].plan),
            lookup,
            lambda number: self._selectivity(graph.items[number]),
            self.check,
        )
        plan = self._built(graph, tree)
        condition = conjunction([*rest, *late])
        return plan if condition is None else pn.Filter(input=plan, condition=condition)

    def _graph(
        self, leaves: list[pn.PlanNode], specials: list[pn.Join], conditions: list[ex.Expression]
    ) -> tuple[Graph, list[ex.Expression]]:
        """Return the graph of a tree of joins and the conditions that are about none of its items."""
        owners = {source: number for number, leaf in enumerate(leaves) for source in leaf.sources}
        for number, special in enumerate(specials, len(leaves)):
            if special.kind == "left":
                owners |= dict.fromkeys(special.right.sources, number)
        needs = [mask_of(free_columns(leaf), owners) & ~(1 << number) for number, leaf in enumerate(leaves)]
        inner = {source for number, leaf in enumerate(leaves) if not needs[number] for source in leaf.sources}
        classes, rest = equivalences(conditions, self.registries.types, inner)
        constants = {
            (column.source, column.index): value for leaf in leaves for column, value in constant_equalities(leaf)
        }
        own: list[list[ex.Expression]] = [[] for _ in leaves]
        for found in classes:
            for column in found.columns:
                number = owners[column.source]
                found.members.setdefault(number, []).append(column)
                found.mask |= 1 << number
            own_parts = _settle(found, constants)
            for number, part in own_parts:
                own[number].append(part)
        waiting: list[tuple[ex.Expression, int]] = []
        none: list[ex.Expression] = []
        for condition in rest:
            mask = mask_of(condition, owners)
            if not mask:
                none.append(condition)
            elif not mask & (mask - 1) and mask < 1 << len(leaves):
                own[mask.bit_length() - 1].append(condition)
            else:
                waiting.append((condition, mask))
        items: list[Item] = []
        for number, leaf in enumerate(leaves):
            self.check()
            logical = push(leaf, own[number]) if own[number] else leaf
            items.append(
                Item(number, "inner", logical, self.physical(logical), needs[number], lateral=bool(needs[number]))
            )
        for special in specials:
            items.append(self._special(special, items, owners, constants, len(leaves)))
        return Graph(items, classes, self._clauses(waiting, items, owners), self.estimates), none

    def _special(
        self,
        node: pn.Join,
        items: list[Item],
        owners: dict[int, int],
        constants: dict[Place, ex.Expression],
        leaves: int,
    ) -> Item:
        """Return the item of a left, semi or anti join."""
        conditions = list(split(node.condition))
        right, mine = set(node.right.sources), set(node.left.sources)
        known = []
        for condition in conditions:
            # What the other side is known to be, this one has to be as well.
            if isinstance(condition, ex.Call) and condition.operator == "=" and len(condition.arguments) == 2:
                for a, b in (condition.arguments, condition.arguments[::-1]):
                    if isinstance(a, ex.Column) and isinstance(b, ex.Column) and b.source in right and a.type == b.type:
                        value = constants.get((a.source, a.index))
                        if value is not None and a.source in mine:
                            nullable = b.nullable or value.nullable
                            known.append(evolve(condition, arguments=(b, value), nullable=nullable, position=None))
        logical = push(node.right, known) if known else node.right
        plan = self.physical(logical)
        number = len(items)
        needs = mask_of(tuple(conditions), owners) & ~(1 << number)
        if not needs:
            # Without a condition it comes after all of its other side, but not after what reads its own columns.
            needs = sum(1 << other for other in {owners[source] for source in mine if source in owners})
        needs = needs or (1 << leaves) - 1
        pairs, rest = self.equalities(conditions, mine, right)
        below = [items[other].plan for other in bits(needs)]
        left = below[0]
        for other in below[1:]:
            left = pn.Join(kind="inner", left=left, right=other, rows=max(map(self.estimates.rows, below)))
        keys = [(a, b) for a, b, _ in pairs]
        others = conjunction(rest)
        if node.kind == "left":
            factor = self.estimates.rows(plan) * self.estimates.selectivity(
                others, pn.Join(kind="inner", left=left, right=plan)
            )
            if keys:
                factor *= self.estimates.join_selectivity(keys, left, plan)
            factor = max(1.0, factor)
        else:
            factor = self.estimates.matched(left, plan, keys, others)
            factor = factor if node.kind == "semi" else 1 - factor
        return Item(
            number, node.kind, logical, plan, needs, tuple(conditions), factor=factor, is_hashable=bool(pairs)
        )  # fmt: skip

    def _clauses(
        self, waiting: list[tuple[ex.Expression, int]], items: list[Item], owners: dict[int, int]
    ) -> list[Clause]:
        producers = Producers(*(item.plan for item in items))
        clauses = []
        for condition, mask in waiting:
            pair = self._pair(condition)
            if pair is None:
                clauses.append(Clause(condition, mask, self.estimates.conditions.of(condition, producers)))
                continue
            left, right = mask_of(pair[0], owners), mask_of(pair[1], owners)
            distinct = 1.0
            for side, key in ((left, pair[0]), (right, pair[1])):
                if not side & (side - 1):
                    distinct = max(distinct, self.estimates.distinct([key], items[side.bit_length() - 1].plan))
            if left & right or distinct == 1.0:
                clauses.append(Clause(condition, mask, self.estimates.conditions.of(condition, producers)))
            else:
                clauses.append(Clause(condition, mask, 1 / distinct, pair, left, right))
        return clauses

    def _selectivity(self, item: Item) -> float:
        """Return which part of its table an item leaves, 1 where it is no filtered table."""
        scan = item.logical
        while isinstance(scan, pn.Filter):
            scan = scan.input
        if type(scan) is not pn.Scan:
            return 1.0
        return self.estimates.rows(item.plan) / self.estimates.table(scan.relation)

    def scan_cost(self, plan: pn.PlanNode) -> float:
        """Return what reading a plan costs, in rows of a sequential scan."""
        if isinstance(plan, pn.Scan):
            return self.estimates.table(plan.relation)
        if isinstance(plan, pn.IndexScan):
            return index_cost(plan, self.estimates.rows(plan))
        return sum(map(self.scan_cost, plan.inputs)) + (
            0.0 if isinstance(plan, pn.Filter | pn.Project) else self.estimates.rows(plan)
        )

    # -- from an order to a plan

    def _built(self, graph: Graph, tree: Tree) -> pn.PlanNode:
        """Return the plan of a tree."""
        if tree.step is None or tree.left is None or tree.right is None:
            return graph.items[tree.mask.bit_length() - 1].plan
        left = self._built(graph, tree.left)
        step, right_mask = tree.step, tree.right.mask
        item = None if right_mask & (right_mask - 1) else graph.items[right_mask.bit_length() - 1]
        if item is not None and item.kind != "inner":
            made = self._joined_special(left, tree, item)
            condition = conjunction(graph.conditions(tree.left.mask, right_mask))
            return made if condition is None else pn.Filter(input=made, condition=condition, rows=tree.rows)
        if step.method == "index":
            assert item is not None
            _, conditions = graph.lookups(tree.left.mask, item.number)
            found = self._lookup(item, conditions)
            assert found is not None
            return pn.IndexJoin(kind="inner", left=left, right=found[0], lateral=True, rows=tree.rows)
        right = self._built(graph, tree.right)
        if step.method == "hash":
            pairs, rest = graph.between(tree.left.mask, right_mask)
            return evolve(self._hash("inner", left, right, pairs, rest), rows=tree.rows)
        condition = conjunction(graph.conditions(tree.left.mask, right_mask))
        lateral = item is not None and item.lateral
        return pn.Join(kind="inner", left=left, right=right, condition=condition, lateral=lateral, rows=tree.rows)

    def _joined_special(self, left: pn.PlanNode, tree: Tree, item: Item) -> pn.PlanNode:
        """Return the left, semi or anti join of what there is with an item."""
        assert tree.step is not None
        if tree.step.method == "index":
            found = self._lookup(item, list(item.conditions))
            assert found is not None
            return pn.IndexJoin(kind=item.kind, left=left, right=found[0], lateral=True, rows=tree.rows)
        keys, others = self.equalities(list(item.conditions), set(left.sources), set(item.plan.sources))
        if keys:
            return evolve(self._hash(item.kind, left, item.plan, keys, others), rows=tree.rows)
        condition = conjunction(item.conditions)
        return pn.Join(kind=item.kind, left=left, right=item.plan, condition=condition, rows=tree.rows)

    def _hash(
        self,
        kind: str,
        left: pn.PlanNode,
        right: pn.PlanNode,
        pairs: list[Pair],
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
    ) -> tuple[list[Pair], list[ex.Expression]]:
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

    def _pair(self, condition: ex.Expression) -> Pair | None:
        """Return the sides of an equality that can be hashed."""
        if not isinstance(condition, ex.Call) or condition.operator != "=" or len(condition.arguments) != 2:
            return None
        first, second = condition.argument_types[:2]
        if first != second and not {first, second} <= {"int2", "int4", "int8"}:
            return None
        ordering = self.registries.types.ordering(first)
        if ordering is None:
            return None
        a, b = condition.arguments
        return a, b, ordering

    def _equality(self, condition: ex.Expression, left: set[int], right: set[int]) -> Pair | None:
        pair = self._pair(condition)
        if pair is None:
            return None
        a, b, ordering = pair
        a_sources, b_sources = sources_of(a), sources_of(b)
        if not a_sources & (left | right) or not b_sources & (left | right):
            return None
        if not a_sources & right and not b_sources & left:
            return a, b, ordering
        if not b_sources & right and not a_sources & left:
            return b, a, ordering
        return None

    def _lookup(self, item: Item, conditions: list[ex.Expression]) -> tuple[pn.PlanNode, float] | None:
        """Return an item as index look-ups by conditions with others, and what one look-up costs."""
        scan, parts = item.logical, list(conditions)
        while isinstance(scan, pn.Filter):
            parts.extend(split(scan.condition))
            scan = scan.input
        if type(scan) is not pn.Scan or item.lateral:
            return None
        access = self.access.choose(scan, conjunction(parts), one_index=True)
        found = access.input if isinstance(access, pn.Filter) else access
        if not isinstance(found, pn.IndexScan):
            return None
        keys = (*found.equal, *found.in_list, *(bound for bound in (found.low, found.high) if bound is not None))
        if not sources_of(keys) & sources_of(tuple(conditions)):
            return None
        # The first match decides a semi or an anti join.
        rows = self.estimates.rows(found)
        if item.kind in ("semi", "anti"):
            rows = min(rows, 1.0 if found is access else 2.0)
        return access, index_cost(found, rows)

    def _single(self, node: pn.Join) -> pn.PlanNode:
        """Plan a full join, NOT IN, or an outer join that is lateral: both sides stay where they are."""
        left, right = self.physical(node.left), self.physical(node.right)
        if node.lateral:
            return evolve(node, left=left, right=right)
        conditions = list(split(node.condition))
        pairs, rest = self.equalities(conditions, set(node.left.sources), set(node.right.sources))
        if not pairs:
            return evolve(node, left=left, right=right)
        return self._hash(node.kind, left, right, pairs, rest, null_aware=node.null_aware)


def _flatten(
    node: pn.PlanNode, leaves: list[pn.PlanNode], specials: list[pn.Join], conditions: list[ex.Expression]
) -> None:
    """Take a tree of joins apart."""
    if type(node) is pn.Join and node.kind == "inner":
        _flatten(node.left, leaves, specials, conditions)
        _flatten(node.right, leaves, specials, conditions)
        conditions.extend(split(node.condition))
    elif (
        type(node) is pn.Join
        and node.kind in ("left", "semi", "anti")
        and not node.lateral
        and not node.null_aware
        and not is_volatile(node.condition)
        and not free_columns(node.right)
    ):
        _flatten(node.left, leaves, specials, conditions)
        specials.append(node)
    else:
        leaves.append(node)


def _settle(found: EquivalenceClass, constants: dict[Place, ex.Expression]) -> list[tuple[int, ex.Expression]]:
    """Return the (item, condition) that each item's own columns of a class have to satisfy among themselves."""
    known = [(column, constants.get((column.source, column.index))) for column in found.columns]
    found.constants = [value for _, value in known if value is not None]
    result: list[tuple[int, ex.Expression]] = []
    for number, columns in found.members.items():
        if found.constants:
            missing = [column for column in columns if (column.source, column.index) not in constants]
            result.extend((number, found.equality(column, found.constants[0])) for column in missing)
        else:
            result.extend((number, found.equality(columns[0], column)) for column in columns[1:])
    return result
