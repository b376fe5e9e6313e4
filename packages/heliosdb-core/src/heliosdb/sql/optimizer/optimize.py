"""The optimizer's steps in order, and the choice of physical nodes from the leaves up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.plan.rewrite import contains, rewritten, walk
from heliosdb.sql.optimizer.access import ROW, AccessPaths
from heliosdb.sql.optimizer.conditions import conjunction, split
from heliosdb.sql.optimizer.decorrelate import decorrelate
from heliosdb.sql.optimizer.estimates import Estimates
from heliosdb.sql.optimizer.forms import compare_stored, read_with_leave
from heliosdb.sql.optimizer.joins import Joins
from heliosdb.sql.optimizer.keep import Keeper
from heliosdb.sql.optimizer.nearest import (
    below_projection,
    is_ordering_scan,
    nearest_path,
    numbers_rows,
    sorted_again,
)
from heliosdb.sql.optimizer.nearest_joins import nearest_join
from heliosdb.sql.optimizer.pullup import pull_up
from heliosdb.sql.optimizer.pushdown import push
from heliosdb.sql.optimizer.stored import StoredExpressions
from heliosdb.types.definitions import resolve_implementation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from heliosdb.catalog.registries import Registries
    from heliosdb.sql.optimizer.figures import Peek

__all__ = ["Optimized", "optimize"]

MOST_NULLS = 0.01
"""The part of NULLs in a column whose least or greatest value is looked for at the end of an index."""


@frozen
class Optimized:
    """A physical plan, and what of the statement's free constants it was chosen for."""

    plan: pn.PlanNode
    peeks: tuple[Peek, ...]


def optimize(bound: pn.BoundStatement, session: Any, slots: Sequence[Any] = (), width: int = 0) -> Optimized:
    """Return the physical plan of a bound statement.

    ``session`` gives the registries and the tables' sizes; ``slots`` are the datums of the text's constants, so many as
    ``width`` says, and of the parameters, where they are known.
    """
    registries: Registries = session.registries
    plan = bound.plan
    lenient = bound.has_forms and not contains(plan, pn.Modify)
    if lenient:
        plan = read_with_leave(plan, registries)
    for rule in registries.planner_rules:
        if rule.stage == "logical":
            plan = resolve_implementation(rule.apply)(plan, session)
    estimates = Estimates(session, slots, width)
    optimizer = _Optimizer(registries, estimates, StoredExpressions(session), plan, session.check_interrupt)
    optimizer.has_forms, optimizer.lenient = bound.has_forms, lenient
    plan = optimizer.plan(plan)
    for rule in registries.planner_rules:
        if rule.stage == "physical":
            plan = resolve_implementation(rule.apply)(plan, session)
    return Optimized(plan, estimates.figures.peeks)


class _Optimizer:
    def __init__(
        self,
        registries: Registries,
        estimates: Estimates,
        stored: StoredExpressions,
        whole: pn.PlanNode,
        check: Callable[[], None],
    ) -> None:
        self.registries = registries
        self.has_forms = self.lenient = False
        self.estimates = estimates
        self.access = AccessPaths(registries, estimates, stored, whole)
        self.joins = Joins(estimates, registries, self.access, self.physical, check)
        self.keeper = Keeper(self.joins, whole)

    def plan(self, node: pn.PlanNode, *, repeated: bool = False) -> pn.PlanNode:
        """Simplify and choose physical nodes, in subqueries too; ``repeated`` where the plan runs many times."""
        if isinstance(node, pn.Update | pn.Delete):
            node = evolve(node, recheck=conjunction(_conditions(node.input)))
        logical = push(decorrelate(pull_up(node)))
        if self.has_forms:
            logical = compare_stored(logical, self.registries, lenient=self.lenient)
        chosen = self.keeper.keep(self.physical(logical), repeated=repeated)
        plan: pn.PlanNode = self.subqueries(chosen)
        return plan

    def subqueries(self, node: Any) -> Any:
        """Optimize the plans of all subqueries in the node's expressions."""

        def replace(inner: object) -> ex.Subquery | None:
            if not isinstance(inner, ex.Subquery):
                return None
            return evolve(
                inner,
                plan=self.plan(inner.plan, repeated=bool(inner.outer)),
                left=self.subqueries(inner.left),
                comparison=self.subqueries(inner.comparison),
            )

        return rewritten(node, replace)

    def physical(self, node: pn.PlanNode) -> pn.PlanNode:
        """Return the node with physical nodes below it and in its place."""
        if isinstance(node, pn.Filter):
            scan = node.input
            if type(scan) is pn.Scan:
                return self.access.choose(scan, node.condition)
            return evolve(node, input=self.physical(scan))
        if type(node) is pn.Join:
            return self.joins.plan(node)
        if isinstance(node, pn.Limit) and isinstance(node.input, pn.Sort) and not node.ties:
            return self._top(node, node.input)
        if isinstance(node, pn.Aggregate) and len(node.calls) == 1:
            extreme = self._extreme(node)
            if extreme is not None:
                return evolve(node, input=extreme)
        changes: dict[str, Any] = {}
        if isinstance(node, pn.LockRows):
            scans = {inner.source: inner.relation for inner in walk(node.input) if isinstance(inner, pn.Scan)}
            changes["relations"] = {number: scans[number] for number, _, _ in node.locks}
            changes["recheck"] = conjunction(_conditions(node.input))
        for name in ("input", "left", "right", "start", "step"):
            child = getattr(node, name, None)
            if isinstance(child, pn.PlanNode):
                changed = self.physical(child)
                if changed is not child:
                    changes[name] = changed
        if isinstance(node, pn.With):
            changes["ctes"] = tuple((number, name, self.physical(plan)) for number, name, plan in node.ctes)
        return evolve(node, **changes) if changes else node

    def _top(self, limit: pn.Limit, sort: pn.Sort) -> pn.PlanNode:
        """LIMIT over ORDER BY: read an index in its order, or bound the sort."""
        bounds = (limit.limit, limit.offset)
        known = [self.estimates.figures.known_value(bound) for bound in bounds if bound is not None]
        wanted = sum(known) if all(isinstance(number, int) for number in known) else None
        ordered = self._in_index_order(sort, wanted, limit)
        if ordered is not None:
            return sorted_again(limit, sort, ordered)
        below, projections = sort, list[pn.Project]()
        while isinstance(below.input, pn.Project) and (inner := below_projection(below)) is not None:
            projections.append(below.input)
            below = inner
            ordered = self._in_index_order(below, wanted, limit)
            if is_ordering_scan(ordered):
                return _projected(projections, sorted_again(limit, below, ordered))
        ranked = below.input
        if isinstance(ranked, pn.Window) and numbers_rows(ranked, below.keys):
            # The first rows' numbers follow from the first rows.
            first = self._top(evolve(limit, skips=False), evolve(below, input=ranked.input))
            found = _projected(projections, evolve(ranked, input=first))
            return evolve(limit, input=evolve(sort, input=found, top=limit.limit, skip=limit.offset))
        found = self.physical(below.input)
        joined = nearest_join(self.joins, self.keeper.is_constant, limit, below, found, wanted)
        if joined is not None:
            return _projected(projections, sorted_again(limit, below, joined))
        found = _projected(projections, found)
        return evolve(limit, input=evolve(sort, input=found, top=limit.limit, skip=limit.offset))

    def _cost(self, ordered: pn.PlanNode, wanted: float | None) -> float:
        """Return what reading so many rows in an index's order costs; all where it is not known how many."""
        found = self.estimates.rows(ordered.input if isinstance(ordered, pn.Filter) else ordered)
        share = 1.0 if wanted is None else min(1.0, wanted / self.estimates.rows(ordered))
        return share * ROW * found

    def _extreme(self, node: pn.Aggregate) -> pn.PlanNode | None:
        """Return the one row at an index's end that decides min(column) or max(column), where there is such an
        index."""
        (call,) = node.calls
        if node.groups or node.grouping_sets is not None or not isinstance(call, ex.AggregateCall):
            return None
        if call.aggregate.name not in ("min", "max") or call.filter is not None or call.order_by:
            return None
        (column,) = call.arguments if len(call.arguments) == 1 else (None,)
        scan = node.input.input if isinstance(node.input, pn.Filter) else node.input
        if type(scan) is not pn.Scan or not isinstance(column, ex.Column) or column.source != scan.source:
            return None
        ordering = self.registries.types.ordering(column.type)
        if ordering is None or column.index < 0:
            return None
        if column.nullable:
            # NULLs may stand at that end, and are passed over one by one.
            known = self.estimates.figures.column(scan.relation, column.index)
            if known is not None and known.null_fraction > MOST_NULLS:
                return None
        descending = call.aggregate.name == "max"
        parts = list(split(node.input.condition)) if isinstance(node.input, pn.Filter) else []
        if column.nullable:
            parts.append(ex.IsNull(type="bool", operand=column, negated=True, nullable=False))
        condition = conjunction(parts)
        below = scan if condition is None else pn.Filter(input=scan, condition=condition)
        key = ex.SortKey(expression=column, ordering=ordering, descending=descending, nulls_first=descending)
        found = self._in_index_order(pn.Sort(input=below, keys=(key,)), 1)
        if found is None:
            return None
        one = ex.Constant(type="int8", value=1, nullable=False)
        return pn.Limit(input=found, limit=one)

    def _in_index_order(self, sort: pn.Sort, wanted: float | None, top: pn.Limit | None = None) -> pn.PlanNode | None:
        """Return the sort's input read through an index that gives its order, where one does and reading as many rows
        as are wanted in that order is quicker than reading all and sorting them."""
        condition, scan = None, sort.input
        if isinstance(scan, pn.Filter):
            condition, scan = scan.condition, scan.input
        if type(scan) is not pn.Scan:
            return None
        chosen = None if condition is None else self.physical(sort.input)
        others = float("inf") if chosen is None else self.joins.scan_cost(chosen)
        limit = float("inf") if wanted is None else others
        if isinstance(chosen, pn.Filter):
            chosen = chosen.input
        best: pn.PlanNode | None = None
        for index in scan.relation.indexes:
            method = self.registries.access_methods.get(index.method)
            if not index.valid or method is None:
                continue
            if not method.ordered:
                if top is None:
                    continue
                nearest = nearest_path(self.access, top, sort, scan, index, condition, others, wanted)
                if nearest is not None and (best is None or nearest[1] < limit):
                    best, limit = nearest
                continue
            if index.predicate is not None:
                continue
            bounded = None if condition is None else self.access.bounded(scan, index, condition)
            found = bounded.input if isinstance(bounded, pn.Filter) else bounded
            if not isinstance(found, pn.IndexScan) or found.in_list:
                bounded, found = None, None
            if (
                wanted is None
                and isinstance(chosen, pn.IndexScan | pn.IndexUnion | pn.IndexIntersection)
                and (found is None or getattr(chosen, "index", None) is not index)
            ):
                continue  # what the chosen index leaves is less to sort than this one may have to read
            descending = _direction(sort, scan, index, len(found.equal) if isinstance(found, pn.IndexScan) else 0)
            if descending is None:
                continue
            if isinstance(found, pn.IndexScan):
                found = evolve(found, descending=descending)
                ordered = evolve(bounded, input=found) if isinstance(bounded, pn.Filter) else found
            else:
                ordered = pn.IndexScan(
                    source=scan.source, columns=scan.columns, relation=scan.relation, index=index, alias=scan.alias,
                    snapshot=scan.snapshot, descending=descending,
                )  # fmt: skip
                if condition is not None:
                    ordered = pn.Filter(input=ordered, condition=condition)
            cost = self._cost(ordered, wanted)
            if cost < limit:
                best, limit = ordered, cost
        return best


def _projected(projections: Sequence[pn.Project], plan: pn.PlanNode) -> pn.PlanNode:
    for projection in reversed(projections):
        plan = evolve(projection, input=plan)
    return plan


def _direction(sort: pn.Sort, scan: pn.Scan, index: Any, fixed: int) -> bool | None:
    """Return whether the index has to be read backwards to give the sort's order; None where it gives another order.

    ``fixed`` is the number of leading keys that have one value only, and so do not matter.
    """
    constant = {part.column for part in index.keys[:fixed]} - {None}
    wanted = [key for key in sort.keys if not _is_one_of(key.expression, scan, constant)]
    parts = index.keys[fixed:]
    if len(wanted) > len(parts):
        return None
    backwards: bool | None = None
    for key, part in zip(wanted, parts, strict=False):
        column = key.expression
        if not isinstance(column, ex.Column) or column.source != scan.source or part.column is None:
            return None
        if column.index + 1 != part.column or part.operator_class is not None:
            return None
        reverse = key.descending != part.descending
        if column.nullable and (key.nulls_first != part.nulls_first) != reverse:
            return None
        if backwards is None:
            backwards = reverse
        elif backwards != reverse:
            return None
    return bool(backwards)


def _is_one_of(node: ex.Expression, scan: pn.Scan, columns: set[int]) -> bool:
    return isinstance(node, ex.Column) and node.source == scan.source and node.index + 1 in columns


def _conditions(node: pn.PlanNode) -> list[ex.Expression]:
    """Return the conditions that rows satisfied on their way up, as far as they can be evaluated above."""
    if isinstance(node, pn.Filter):
        return [*split(node.condition), *_conditions(node.input)]
    if isinstance(node, pn.Join) and node.kind == "inner":
        return [*split(node.condition), *_conditions(node.left), *_conditions(node.right)]
    if isinstance(node, pn.Sort | pn.Limit):
        return _conditions(node.input)
    return []
