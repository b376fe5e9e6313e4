"""``ORDER BY column <operator> value LIMIT k`` through an index that gives rows in the operator's order.

    Limit                        Limit
      Index Scan, Order By         Sort                 where the index gives likely rows and a condition leaves some
                                     Limit              out, those behind may have to come before: so many rows as
                                       Filter           there are to be are sorted once more
                                         Index Scan

Where more keys follow, rows that the first leaves tied with the last wanted come as well, and all are sorted.

With a condition the index is read until enough rows satisfy it, which costs as much more as the condition is selective.
The other way is to compute the value of every row that satisfies it, found as without ORDER BY, and to keep the least.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

from attrs import evolve

from heliosdb.codegen.index_keys import operator_class_of
from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.plan.rewrite import columns_in, rewritten
from heliosdb.sql.optimizer.conditions import is_volatile, split, unlabelled
from heliosdb.sql.optimizer.implication import follows
from heliosdb.types.definitions import WindowFunction

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Index
    from heliosdb.sql.optimizer.access import AccessPaths

__all__ = [
    "COMPUTED",
    "below_projection",
    "is_ordering_scan",
    "nearest_path",
    "numbers_rows",
    "order_cost",
    "ordering_scan",
    "refusal",
    "sorted_again",
]

COMPUTED = 10.0
"""What computing a row's value and comparing it costs, in rows of a filtered sequential scan."""
NUMBERING = frozenset({"row_number", "rank", "dense_rank"})
SOME = 100.0
"""Rows that are taken to be wanted where the LIMIT is not known."""


def nearest_path(
    access: AccessPaths,
    limit: pn.Limit,
    sort: pn.Sort,
    scan: pn.Scan,
    index: Index,
    condition: ex.Expression | None,
    others: float,
    wanted: float | None,
) -> tuple[pn.PlanNode, float] | None:
    """Return the plan below a LIMIT that reads a scan's rows in an index's order, and its cost; None where the index
    does not give it, or it is quicker to sort.

    ``others``: the cost of finding the rows that satisfy the condition without the order.
    """
    found = ordering_scan(access, limit, sort, scan, index, condition)
    if found is None:
        return None
    method = access.registries.access_methods[index.method]
    if condition is None:
        return found, 0.0
    rows = access.estimates.table(scan.relation)
    share = max(access.estimates.selectivity(condition, scan), 1.0 / rows)
    cost = order_cost(method, rows, share, wanted)
    if cost > others + COMPUTED * share * rows:
        return None
    order = unlabelled(sort.keys[0].expression)
    assert isinstance(order, ex.Call)
    found = evolve(found, share=share, within=_threshold(scan, order, condition))
    return pn.Filter(input=found, condition=condition), cost


def order_cost(method: Any, rows: float, share: float, wanted: float | None) -> float:
    """Return what naming rows in order costs until as many as are wanted satisfy a condition that this share does."""
    return float(method.cost(rows, min(1.0, (SOME if wanted is None else wanted) / share / rows)))


def _threshold(scan: pn.Scan, order: ex.Call, condition: ex.Expression) -> tuple[ex.Expression, ex.Expression] | None:
    """Return (argument, bound) of a condition that the value of the order's operator is less than a bound."""
    place = next(number for number, operand in enumerate(order.arguments) if not _reads(scan, operand))
    for part in split(condition):
        if not isinstance(part, ex.Call) or set(part.argument_types) != {order.type} or len(part.arguments) != 2:
            continue
        if part.operator in ("<", "<="):
            less, bound = part.arguments
        elif part.operator in (">", ">="):
            bound, less = part.arguments
        else:
            continue
        less = unlabelled(less)
        if (
            isinstance(less, ex.Call)
            and less.function is order.function
            and less.arguments[1 - place] == order.arguments[1 - place]
            and not _reads(scan, (less.arguments[place], bound))
            and not is_volatile((less.arguments[place], bound))
        ):
            return less.arguments[place], bound
    return None


def _reads(scan: pn.Scan, node: object) -> bool:
    return any(column.source == scan.source for column in columns_in(node))


def below_projection(sort: pn.Sort) -> pn.Sort | None:
    """Return the sort below a projection whose columns its keys are made of: a subquery's, or that of keys with
    subqueries in them."""
    project = sort.input
    if not isinstance(project, pn.Project) or is_volatile(project.expressions):
        return None
    if any(column.source == project.source and column.index < 0 for column in columns_in(sort.keys)):
        return None

    def computed(node: object) -> ex.Expression | None:
        if isinstance(node, ex.Column) and node.source == project.source:
            return project.expressions[node.index]
        return None

    keys = [evolve(key, expression=rewritten(key.expression, computed)) for key in sort.keys]
    return evolve(sort, input=project.input, keys=tuple(keys))


def numbers_rows(window: pn.Window, keys: tuple[ex.SortKey, ...]) -> bool:
    """Whether a window only numbers all rows in the order of keys, so that of each row those before it say which."""
    return all(
        isinstance(call.function, WindowFunction)
        and call.function.name in NUMBERING
        and not call.specification.partition_by
        and call.specification.order_by == keys
        for call in window.calls
    )


def refusal(access: AccessPaths, index: Index) -> str | None:
    """Return why an index's method does not want it to be used for an order, None where it has nothing against it."""
    ask = getattr(access.registries.access_methods[index.method], "refusal", None)
    return None if ask is None else ask(dict(index.options), access.stored.session.setting)


def is_ordering_scan(plan: pn.PlanNode | None) -> TypeGuard[pn.PlanNode]:
    """Whether a plan reads an index in an operator's order, with a condition or without."""
    scan = plan.input if isinstance(plan, pn.Filter) else plan
    return isinstance(scan, pn.IndexScan) and scan.nearest is not None


def sorted_again(limit: pn.Limit, sort: pn.Sort, ordered: pn.PlanNode) -> pn.PlanNode:
    """Return a LIMIT over a plan in a sort's order; over likely rows with a condition or joins the sort is made, and so
    it is where there are more keys, over all rows whose first key is not behind that of the last wanted."""
    below = ordered.input if isinstance(ordered, pn.Filter) else ordered
    if len(sort.keys) > 1 and (isinstance(below, pn.Join) or is_ordering_scan(ordered)):
        tied = evolve(limit, input=ordered, skips=False, ties=sort.keys[:1])
        return evolve(limit, input=evolve(sort, input=tied))
    if isinstance(below, pn.Join) or (below is not ordered and getattr(below, "likely", None) is not None):
        ordered = evolve(sort, input=evolve(limit, input=ordered, skips=False))
    return evolve(limit, input=ordered)


def ordering_scan(
    access: AccessPaths,
    limit: pn.Limit,
    sort: pn.Sort,
    scan: pn.Scan,
    index: Index,
    condition: ex.Expression | None,
) -> pn.IndexScan | None:
    """Return a scan of an index in the order of a sort's first key, None where it does not give that order."""
    (key, *more) = sort.keys
    if limit.limit is None:
        return None  # all rows are wanted, and in their order
    if refusal(access, index) is not None:
        return None
    call = unlabelled(key.expression)
    if key.descending or key.nulls_first or not isinstance(call, ex.Call) or len(call.arguments) != 2:
        return None
    if index.predicate is not None:
        parts = list(split(condition))
        if not all(follows(part, parts) for part in split(access.stored.predicate(scan, index))):
            return None
    left, right = call.arguments
    wanted = operator_class_of(access.key_type(scan, index, 0), index.keys[0], index.method, access.registries)
    for name in wanted.ordering_operators:
        for operator in access.registries.operators.get(name, ()):
            if (operator.left, operator.right) != call.argument_types[:2] or operator.function != call.function.name:
                continue
            sides = [(left, right)]
            if operator.commutator == name:
                sides.append((right, left))
            for operand, value in sides:
                if (
                    access.is_key(scan, index, 0, unlabelled(operand))
                    and not _reads(scan, value)
                    and not is_volatile(value)
                ):
                    found = pn.IndexScan(
                        source=scan.source,
                        columns=scan.columns,
                        relation=scan.relation,
                        index=index,
                        alias=scan.alias,
                        snapshot=scan.snapshot,
                        nearest=(name, value),
                    )
                    if getattr(access.registries.access_methods[index.method], "likely", False):
                        # That there are no more rows of the last one's value, the next one says.
                        found = evolve(found, likely=(limit.limit, limit.offset), beyond=int(bool(more)))
                    return found
    return None
