"""``ORDER BY column <operator> value LIMIT k`` over joins, led by the index that gives a table's rows in that order.

    Limit                                     Limit
      Sort (i.v <-> $1)                         Sort
        Hash Join                                 Limit
          Seq Scan on items i          ──►          Nested Loop
          Seq Scan on kinds k                         Index Scan on items i, Order By
                                                      Keyed Materialize (kinds k, by key)

The table's rows come first in every loop, so what is joined to them comes in their order, and few of them are joined. A
hash join that runs out of memory gives rows in another order; so its other side is kept by key instead. A side that has
one row at most may come before all, and the value may be made of it: ``FROM items, (SELECT ... ) AS question``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.plan.rewrite import columns_in
from heliosdb.sql.optimizer.conditions import is_volatile
from heliosdb.sql.optimizer.nearest import COMPUTED, order_cost, ordering_scan

if TYPE_CHECKING:
    from heliosdb.sql.optimizer.joins import Joins

__all__ = ["joined_tables", "nearest_join"]

KEEPING = ("inner", "left", "semi", "anti")
"""Joins that give the rows of the left side in their order."""


def nearest_join(
    joins: Joins,
    is_constant: Callable[[pn.PlanNode], bool],
    limit: pn.Limit,
    sort: pn.Sort,
    plan: pn.PlanNode,
    wanted: float | None,
) -> pn.PlanNode | None:
    """Return a plan of joins with its rows in the order of a sort's first key, likely, where that is quicker.

    ``is_constant``: whether a plan gives the same rows whenever it runs in the statement.
    """
    if not _has_join(plan) or is_volatile(plan):
        return None
    estimates, access = joins.estimates, joins.access
    everything = joins.scan_cost(plan) + COMPUTED * estimates.rows(plan)
    best: pn.PlanNode | None = None
    for leaf in joined_tables(plan):
        condition, scan = (leaf.condition, leaf.input) if isinstance(leaf, pn.Filter) else (None, leaf)
        assert isinstance(scan, pn.Scan)
        rows = estimates.table(scan.relation)
        share = min(1.0, max(estimates.rows(plan), 1.0) / rows)
        for index in scan.relation.indexes:
            method = access.registries.access_methods.get(index.method)
            if not index.valid or method is None or method.ordered:
                continue
            found = ordering_scan(access, limit, sort, scan, index, condition)
            if found is None:
                continue
            led = _Led(joins, is_constant, leaf, evolve(found, share=share), set(plan.sources)).of(plan, frozenset())
            if led is None:
                continue
            cost = order_cost(method, rows, share, wanted) + sum(map(joins.scan_cost, _others(led)))
            if cost < everything:
                best, everything = led, cost
    return best


@frozen
class _Led:
    """Puts an index scan in the place of a leaf, and it before everything else."""

    joins: Joins
    is_constant: Callable[[pn.PlanNode], bool]
    leaf: pn.PlanNode
    scan: pn.IndexScan
    sources: set[int]

    def of(self, plan: pn.PlanNode, before: frozenset[int]) -> pn.PlanNode | None:
        """Return the plan in the order of the scan, None where it cannot be; the rows of ``before`` are there."""
        if plan is self.leaf:
            assert self.scan.nearest is not None
            if {column.source for column in columns_in(self.scan.nearest[1])} & self.sources - before:
                return None
            return evolve(plan, input=self.scan) if isinstance(plan, pn.Filter) else self.scan
        if isinstance(plan, pn.Filter):
            below = self.of(plan.input, before)
            return None if below is None else evolve(plan, input=below)
        if not isinstance(plan, pn.Join) or plan.kind not in KEEPING or plan.null_aware:
            return None
        mine = self.scan.source in plan.left.sources
        if not mine and (plan.kind != "inner" or plan.lateral):
            return None
        side, other = (plan.left, plan.right) if mine else (plan.right, plan.left)
        if plan.kind == "inner" and type(plan) is pn.Join and not plan.lateral and _has_one_row(other):
            inside = self.of(side, before | set(other.sources))
            return None if inside is None else evolve(plan, left=other, right=inside, lateral=True)
        outer = self.of(side, before)
        if outer is None:
            return None
        if not isinstance(plan, pn.HashJoin):
            return evolve(plan, left=outer, right=other)
        if not self.is_constant(other):
            return None
        keys, values = (plan.right_keys, plan.left_keys) if mine else (plan.left_keys, plan.right_keys)
        return pn.Join(
            kind=plan.kind,
            left=outer,
            right=pn.Kept(input=other, keys=keys, values=values, key_classes=plan.key_classes),
            condition=plan.condition,
            lateral=True,
            rows=plan.rows,
        )


def _has_join(plan: pn.PlanNode) -> bool:
    return isinstance(plan.input if isinstance(plan, pn.Filter) else plan, pn.Join)


def joined_tables(plan: pn.PlanNode) -> Iterator[Any]:
    """Yield the scans of tables, with their conditions, among what is joined."""
    if type(plan) is pn.Scan or (isinstance(plan, pn.Filter) and type(plan.input) is pn.Scan):
        yield plan
    elif isinstance(plan, pn.Filter):
        yield from joined_tables(plan.input)
    elif isinstance(plan, pn.Join):
        for part in plan.inputs:
            yield from joined_tables(part)


def _others(plan: pn.PlanNode) -> Iterator[pn.PlanNode]:
    """Yield what is read besides the scan that leads, but for look-ups."""
    if isinstance(plan, pn.Filter):
        yield from _others(plan.input)
    elif isinstance(plan, pn.Join):
        for part in plan.inputs:
            if _leads(part):
                yield from _others(part)
            elif not isinstance(plan, pn.IndexJoin):
                yield part


def _leads(plan: pn.PlanNode) -> bool:
    if isinstance(plan, pn.IndexScan):
        return plan.nearest is not None
    return isinstance(plan, pn.Filter | pn.Join) and any(map(_leads, plan.inputs))


def _has_one_row(plan: pn.PlanNode) -> bool:
    """Whether a plan gives one row at most, as far as is seen at once."""
    match plan:
        case pn.OneRow() | pn.Empty():
            return True
        case pn.Filter() | pn.Project() | pn.Sort():
            return _has_one_row(plan.input)
        case pn.IndexScan():
            return plan.unique and len(plan.equal) == len(plan.index.keys)
        case pn.Aggregate():
            return not plan.groups and plan.grouping_sets is None
        case pn.Values():
            return len(plan.table) == 1 and not plan.datums
        case pn.Limit():
            most = plan.limit
            known = isinstance(most, ex.Constant) and most.slot is None and most.value == 1 and not plan.ties
            return known or _has_one_row(plan.input)
    return False
