"""Why a sequential scan does not go through an index: what EXPLAIN says about the indexes that the filter is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.plan.rewrite import columns_in
from heliosdb.sql.optimizer.access import AccessPaths, index_cost
from heliosdb.sql.optimizer.conditions import split
from heliosdb.sql.optimizer.implication import follows
from heliosdb.sql.optimizer.stored import StoredExpressions

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Index
    from heliosdb.sql.optimizer.estimates import Estimates

__all__ = ["unused_indexes"]


def unused_indexes(
    scan: pn.Scan, condition: ex.Expression, whole: pn.PlanNode, estimates: Estimates, session: Any
) -> list[str]:
    """Return ``index: reason`` for each index of a table that is scanned although a column of the index is filtered."""
    stored = StoredExpressions(session)
    access = AccessPaths(session.registries, estimates, stored, whole)
    parts = list(split(condition))
    lines = []
    filtered = {column.index + 1 for column in columns_in(condition) if column.source == scan.source}
    for index in scan.relation.indexes:
        if not any(key.column is None or key.column in filtered for key in index.keys):
            continue
        reason = _reason(scan, index, parts, condition, access, estimates, stored)
        lines.append(f"{index.name}: {reason}")
    return lines


def _reason(
    scan: pn.Scan,
    index: Index,
    parts: list[ex.Expression],
    condition: ex.Expression,
    access: AccessPaths,
    estimates: Estimates,
    stored: StoredExpressions,
) -> str:
    method = access.registries.access_methods.get(index.method)
    if method is None:
        return f'access method "{index.method}" is not installed'
    if not index.valid:
        return "the index is not valid"
    if getattr(method, "likely", False):
        return "it gives rows in the order of an operator, and does not promise all that satisfy a condition"
    if index.predicate is not None:
        if not all(follows(part, parts) for part in split(stored.predicate(scan, index))):
            return "the condition does not imply its predicate"
    found = access.bounded(scan, index, condition) if method.ordered else None
    if isinstance(found, pn.Filter):
        found = found.input
    if isinstance(found, pn.IndexScan):
        rows = estimates.rows(found)
        cost, whole = index_cost(found, rows), estimates.table(scan.relation)
        return f"it would cost {cost:.0f} to find {rows:.0f} rows, reading all {whole:.0f} rows costs {whole:.0f}"
    return _no_comparison(scan, index, parts)


def _no_comparison(scan: pn.Scan, index: Index, parts: list[ex.Expression]) -> str:
    key = index.keys[0]
    if key.column is None:
        return f"no condition compares its first key ({key.expression}) with a value"
    name = scan.relation.columns[key.column - 1].name
    naming = [
        part
        for part in parts
        if any(column.source == scan.source and column.index == key.column - 1 for column in columns_in(part))
    ]
    if not naming:
        return f"no condition is about its first key {name}"
    for part in naming:
        if isinstance(part, ex.Call) and len(part.arguments) == 2:
            for argument in part.arguments:
                if isinstance(argument, ex.Convert | ex.Call) and any(
                    column.index == key.column - 1 for column in columns_in(argument)
                ):
                    return f"the condition computes something of its first key {name}, which the index does not hold"
    return f"it cannot answer the condition about its first key {name}"
