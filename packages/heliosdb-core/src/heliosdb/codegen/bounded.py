"""Which plans are over in a moment, however large the table: one row by a unique key, or one new row.

They may run where nobody may wait, as long as they need no lock that is taken (``LockOwner.never_waits``). All that
they call is bounded, no row brings changes of others about, and no index does more than enter a key.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.types.definitions import Volatility

__all__ = ["is_bounded"]


def is_bounded(plan: pn.PlanNode) -> bool:
    """Whether a plan touches one row at most, and calls nothing that may take long."""
    match plan:
        case pn.Insert(input=pn.Values(table=(line,)), conflict=None):
            return _changes_one(plan) and _are_bounded([*line, *plan.values])
        case pn.Update():
            values = [assignment.value for assignment in plan.assignments]
            return _changes_one(plan) and not plan.referencing and _is_look_up(plan.input) and _are_bounded(values)
        case pn.Delete():
            return _changes_one(plan) and not plan.referencing and _is_look_up(plan.input)
        case pn.Project():
            return _are_bounded(plan.expressions) and _is_look_up(plan.input)
    return False


def _changes_one(plan: pn.Insert | pn.Update | pn.Delete) -> bool:
    """Whether a change of one row of the relation is no more than that."""
    relation = plan.relation
    if relation.persistence != "permanent" or plan.returning is not None:
        return False
    if any(index.method != "btree" or any(key.column is None for key in index.keys) for index in relation.indexes):
        return False
    if isinstance(plan, pn.Delete):
        return True
    return _are_bounded(
        [*(assignment.value for assignment in plan.generated), *(check.condition for check in plan.checks)]
    )


def _is_look_up(plan: pn.PlanNode) -> bool:
    while isinstance(plan, pn.Filter):
        if not _is_bounded(plan.condition):
            return False
        plan = plan.input
    return (
        isinstance(plan, pn.IndexScan)
        and plan.unique
        and plan.snapshot is None
        and plan.recheck is None
        and plan.relation.persistence == "permanent"
        and _are_bounded(plan.equal)
    )


def _are_bounded(expressions: Iterable[Any]) -> bool:
    return all(map(_is_bounded, expressions))


def _is_bounded(node: Any) -> bool:
    match node:
        case ex.Column():
            return node.index >= 0
        case ex.Constant() | ex.Parameter():
            return True
        case ex.Call():
            function = node.function
            return (
                getattr(function, "bounded", False)
                and function.volatility != Volatility.VOLATILE
                and _are_bounded(node.arguments)
            )
        case ex.Convert():
            return not node.via_text and _is_bounded(node.operand)
        case ex.And() | ex.Or() | ex.Coalesce():
            return _are_bounded(node.arguments)
        case ex.Not() | ex.IsNull() | ex.CoerceTypmod():
            return _is_bounded(node.operand)
    return False
