"""Access paths: which index, if any, a filtered scan uses.

For an ordered method the conditions are matched to the key columns from the left: equalities (and one IN list) make
the prefix, then comparisons bound the next column. What the index decides is taken out of the filter. For other
methods an operator of the index's operator class on its column is a search; inexact ones keep the condition.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from attrs import frozen

from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.sql.optimizer.conditions import conjunction, is_volatile, split

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Index, Relation
    from heliosdb.catalog.registries import Registries
    from heliosdb.sql.optimizer.estimates import Estimates

__all__ = ["choose_access"]

FLIPPED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


@frozen
class _Comparison:
    """``column operator value`` in a condition; ``condition`` is the whole part."""

    column: int
    operator: str
    value: ex.Expression
    condition: ex.Expression


def _comparisons(scan: pn.Scan, parts: list[ex.Expression], registries: Registries) -> Iterator[_Comparison]:
    for part in parts:
        if not isinstance(part, ex.Call) or part.operator is None or len(part.arguments) != 2 or is_volatile(part):
            continue
        for (column, value), operator in (
            (part.arguments, part.operator),
            (part.arguments[::-1], _commuted(part, registries)),
        ):
            if (
                operator is None
                or not isinstance(column, ex.Column)
                or column.source != scan.source
                or column.index < 0
            ):
                continue
            if not _reads(value, scan.source):
                yield _Comparison(column.index, operator, value, part)


def _commuted(call: ex.Call, registries: Registries) -> str | None:
    assert call.operator is not None
    if call.operator in FLIPPED:
        return FLIPPED[call.operator]
    for operator in registries.operators.get(call.operator, ()):
        if (operator.left, operator.right) == call.argument_types[:2]:
            return operator.commutator
    return None


def _reads(node: ex.Expression, source: int) -> bool:
    from heliosdb.plan.rewrite import columns_in

    return any(column.source == source for column in columns_in(node))


def choose_access(
    scan: pn.Scan, condition: ex.Expression | None, estimates: Estimates, registries: Registries
) -> pn.PlanNode:
    """Return the cheapest way to read the scan's rows that satisfy the condition."""
    parts = list(split(condition))
    best: pn.PlanNode = scan if condition is None else pn.Filter(input=scan, condition=condition)
    if not parts or scan.snapshot is not None:
        return best
    best_cost = estimates.table(scan.relation)
    comparisons = list(_comparisons(scan, parts, registries))
    for index in scan.relation.indexes:
        if not index.valid or index.predicate is not None:
            continue
        method = registries.access_methods.get(index.method)
        if method is None:
            continue
        if method.ordered:
            candidate = _ordered(scan, index, comparisons, parts, registries)
        else:
            candidate = _search(scan, index, comparisons, parts, method, registries)
        if candidate is None:
            continue
        found = candidate.input if isinstance(candidate, pn.Filter) else candidate
        cost = 2.0 + 1.5 * estimates.rows(found)
        if cost < best_cost or (cost == best_cost and isinstance(found, pn.IndexScan) and found.unique):
            best, best_cost = candidate, cost
    return best


def _is_usable(scan: pn.Scan, index: Index, position: int, comparison: _Comparison, registries: Registries) -> bool:
    """Whether the comparison's operator is the one that the index key is sorted by."""
    from heliosdb.codegen.index_keys import operator_class_of

    key = index.keys[position]
    if key.column is None or key.column - 1 != comparison.column:
        return False
    column = scan.relation.columns[comparison.column]
    assert isinstance(comparison.condition, ex.Call)
    types = comparison.condition.argument_types
    # Comparisons between two types are made by functions of their own; keys only compare with keys of one type,
    # or of integer types among each other, which Python compares exactly.
    same = types[0] == types[1] or set(types) <= {"int2", "int4", "int8"}
    if not same:
        return False
    wanted = operator_class_of(column.type, key, index.method, registries)
    return comparison.operator in wanted.operators.values() or comparison.operator in FLIPPED


def _ordered(
    scan: pn.Scan, index: Index, comparisons: list[_Comparison], parts: list[ex.Expression], registries: Registries
) -> pn.PlanNode | None:
    equal: list[ex.Expression] = []
    used: list[ex.Expression] = []
    in_list: tuple[ex.Expression, ...] = ()
    low = high = None
    low_inclusive = high_inclusive = True
    for position in range(len(index.keys)):
        usable = [c for c in comparisons if _is_usable(scan, index, position, c, registries)]
        equality = next((c for c in usable if c.operator == "="), None)
        if equality is not None and not in_list:
            equal.append(equality.value)
            used.append(equality.condition)
            continue
        members = None if in_list else _in_list(scan, index, position, parts)
        if members is not None:
            in_list = members.items
            used.append(members)
            continue
        if in_list and equality is not None:
            break
        for comparison in usable:
            if comparison.operator in (">", ">=") and low is None:
                low, low_inclusive = comparison.value, comparison.operator == ">="
                used.append(comparison.condition)
            elif comparison.operator in ("<", "<=") and high is None:
                high, high_inclusive = comparison.value, comparison.operator == "<="
                used.append(comparison.condition)
        break
    if not used:
        return None
    unique = index.unique and len(equal) == len(index.keys) and not in_list
    unique = unique and not any(c.index == index.oid and c.deferrable for c in scan.relation.constraints)
    found = pn.IndexScan(
        source=scan.source, columns=scan.columns, relation=scan.relation, index=index, alias=scan.alias,
        equal=tuple(equal), in_list=in_list, low=low, low_inclusive=low_inclusive, high=high,
        high_inclusive=high_inclusive, unique=unique,
    )  # fmt: skip
    rest = conjunction(part for part in parts if part not in used)
    return found if rest is None else pn.Filter(input=found, condition=rest)


def _in_list(scan: pn.Scan, index: Index, position: int, parts: list[ex.Expression]) -> ex.InList | None:
    key = index.keys[position]
    for part in parts:
        if (
            isinstance(part, ex.InList)
            and part.hashable
            and not part.negated
            and isinstance(part.operand, ex.Column)
            and part.operand.source == scan.source
            and key.column is not None
            and part.operand.index == key.column - 1
            and not any(_reads(item, scan.source) for item in part.items)
        ):
            return part
    return None


def _search(
    scan: pn.Scan, index: Index, comparisons: list[_Comparison], parts: list[ex.Expression], method: object,
    registries: Registries,
) -> pn.PlanNode | None:  # fmt: skip
    from heliosdb.codegen.index_keys import operator_class_of

    for comparison in comparisons:
        key = index.keys[0]
        if key.column is None or key.column - 1 != comparison.column:
            continue
        wanted = operator_class_of(scan.relation.columns[comparison.column].type, key, index.method, registries)
        for strategy, operator in wanted.operators.items():
            if operator == comparison.operator:
                exact = bool(getattr(method, "exact", False))
                found = pn.IndexScan(
                    source=scan.source, columns=scan.columns, relation=scan.relation, index=index, alias=scan.alias,
                    strategy=strategy, argument=comparison.value,
                    rows=max(1.0, 0.01 * len(parts)),
                )  # fmt: skip
                rest = conjunction(part for part in parts if not exact or part is not comparison.condition)
                return found if rest is None else pn.Filter(input=found, condition=rest)
    return None


def relation_rows(relation: Relation, session: object) -> float:
    """Return how many rows a table has in the session's transaction."""
    return float(session.transaction.view(relation.oid).estimated_rows())  # type: ignore[attr-defined]
