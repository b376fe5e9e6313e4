"""Why a sort is made although an index gives rows in the order of a distance: what EXPLAIN says of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from heliosdb.codegen.index_keys import operator_class_of
from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.plan.rewrite import columns_in
from heliosdb.sql.optimizer.access import AccessPaths
from heliosdb.sql.optimizer.conditions import split, unlabelled
from heliosdb.sql.optimizer.implication import follows
from heliosdb.sql.optimizer.nearest import COMPUTED, below_projection, order_cost, ordering_scan, refusal
from heliosdb.sql.optimizer.nearest_joins import joined_tables
from heliosdb.sql.optimizer.stored import StoredExpressions

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Index
    from heliosdb.sql.optimizer.estimates import Estimates

__all__ = ["unused_orders"]


def unused_orders(sort: pn.Sort, estimates: Estimates, session: Any) -> Iterator[str]:
    """Yield ``index: reason`` for each index over a column that a sort is about, whose method orders by operators."""
    access = AccessPaths(session.registries, estimates, StoredExpressions(session))
    while (below := below_projection(sort)) is not None:
        sort = below
    for leaf in joined_tables(sort.input):
        condition, scan = (leaf.condition, leaf.input) if isinstance(leaf, pn.Filter) else (None, leaf)
        assert isinstance(scan, pn.Scan)
        sorted_by = {column.index + 1 for column in columns_in(sort.keys) if column.source == scan.source}
        for index in scan.relation.indexes:
            key = index.keys[0]
            method = access.registries.access_methods.get(index.method)
            if method is None or method.ordered or not sorted_by or key.column not in {*sorted_by, None}:
                continue
            reason = _reason(access, sort, scan, index, condition, is_joined=leaf is not sort.input)
            if reason is not None:
                yield f"{index.name}: {reason}"


def _reason(
    access: AccessPaths, sort: pn.Sort, scan: pn.Scan, index: Index, condition: ex.Expression | None, *, is_joined: bool
) -> str | None:
    class_ = operator_class_of(access.key_type(scan, index, 0), index.keys[0], index.method, access.registries)
    if not class_.ordering_operators:
        return None
    if not index.valid:
        return "the index is not valid"
    why = refusal(access, index)
    if why is not None:
        return why
    first = sort.keys[0]
    call = unlabelled(first.expression)
    names = [operator.function for name in class_.ordering_operators for operator in _of(access, name)]
    if not isinstance(call, ex.Call) or call.function.name not in names or len(call.arguments) != 2:
        return f"it gives the order of {', '.join(class_.ordering_operators)}, and the sort is by something else"
    if first.descending or first.nulls_first:
        return "it gives the nearest first and NULLs last, and the sort does not"
    if sort.top is None:
        return "all rows are wanted: there is no LIMIT, or one WITH TIES or FOR UPDATE"
    if index.predicate is not None:
        known = list(split(condition))
        if not all(follows(part, known) for part in split(access.stored.predicate(scan, index))):
            return "the condition does not imply its predicate"
    limit = pn.Limit(input=sort.input, limit=sort.top, offset=sort.skip)
    if ordering_scan(access, limit, sort, scan, index, condition) is None:
        return "the distance is not from a value that is the same for all rows"
    estimates = access.estimates
    rows = estimates.table(scan.relation)
    found = estimates.rows(sort.input)
    wanted = estimates.figures.known_value(sort.top)
    if not isinstance(wanted, int):
        wanted = None
    cost = order_cost(access.registries.access_methods[index.method], rows, min(1.0, found / rows), wanted)
    kept = "the joins do not keep its order, or " if is_joined else ""
    return (
        f"{kept}it would cost {cost:.0f} to name rows until enough of them are among the {found:.0f} of {rows:.0f} "
        f"that are left, comparing these costs {COMPUTED * found:.0f}"
    )


def _of(access: AccessPaths, name: str) -> Any:
    return access.registries.operators.get(name, ())
