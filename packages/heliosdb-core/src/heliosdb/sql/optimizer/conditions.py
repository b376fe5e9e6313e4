"""Conditions: split at AND, joined again, and what can be said of one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from heliosdb.plan import expressions as ex
from heliosdb.plan.rewrite import columns_in, contains, walk
from heliosdb.types.definitions import Volatility

__all__ = ["conjunction", "is_volatile", "rejects_null", "sources_of", "split", "unlabelled"]


def split(condition: ex.Expression | None) -> Iterator[ex.Expression]:
    """Yield the parts of a conjunction."""
    if condition is None:
        return
    if isinstance(condition, ex.And):
        for part in condition.arguments:
            yield from split(part)
    elif isinstance(condition, ex.Or):
        yield from _factored(condition)
    elif isinstance(condition, ex.RowComparison) and condition.operator == "=":
        for pair in condition.equal:
            yield from split(pair)
    else:
        yield condition


def _factored(condition: ex.Or) -> Iterator[ex.Expression]:
    """Yield what all arms of an OR share, then the OR of the rest: (a AND b) OR (a AND c) is a AND (b OR c)."""
    arms = [list(split(arm)) for arm in condition.arguments]
    common = [part for part in arms[0] if all(part in arm for arm in arms[1:]) and not is_volatile(part)]
    if not common:
        yield condition
        return
    yield from common
    rests = [conjunction(part for part in arm if part not in common) for arm in arms]
    if all(rest is not None for rest in rests):
        arguments = tuple(rest for rest in rests if rest is not None)
        yield ex.Or(arguments=arguments, nullable=any(rest.nullable for rest in arguments))


def restrictions(condition: ex.Expression, sources: set[int]) -> Iterator[ex.Expression]:
    """Yield what a condition about several sources says about ``sources`` alone.

    (a.x = 1 AND b.y = 2) OR (a.x = 3 AND b.y = 4) holds for no row of ``a`` but those with a.x = 1 OR a.x = 3.
    """
    if not isinstance(condition, ex.Or) or is_volatile(condition):
        return
    arms = []
    for arm in condition.arguments:
        own = conjunction(part for part in split(arm) if sources_of(part) and sources_of(part) <= sources)
        if own is None or contains(own, ex.Subquery):
            return
        arms.append(own)
    yield ex.Or(arguments=tuple(arms), nullable=any(arm.nullable for arm in arms))


def conjunction(parts: Iterable[ex.Expression]) -> ex.Expression | None:
    """Return the conjunction of the parts, None of none."""
    listed = list(parts)
    if not listed:
        return None
    if len(listed) == 1:
        return listed[0]
    return ex.And(arguments=tuple(listed), nullable=any(part.nullable for part in listed))


def sources_of(node: object) -> set[int]:
    """Return the sources whose columns a node names, subqueries' own included."""
    return {column.source for column in columns_in(node)}


def is_volatile(node: object) -> bool:
    """Whether evaluating the node twice, or not at all, can be noticed."""
    for inner in walk(node):
        if isinstance(inner, ex.Call) and inner.function.volatility == Volatility.VOLATILE:
            return True
        if isinstance(inner, ex.SetReturningCall):
            return True
    return False


def rejects_null(condition: ex.Expression, sources: set[int]) -> bool:
    """Whether the condition is not true when every column of ``sources`` is NULL."""
    if isinstance(condition, ex.And):
        return any(rejects_null(part, sources) for part in condition.arguments)
    if isinstance(condition, ex.Or):
        return all(rejects_null(part, sources) for part in condition.arguments)
    if isinstance(condition, ex.IsNull):
        return condition.negated and not condition.row and _becomes_null(condition.operand, sources)
    if isinstance(condition, ex.BooleanTest):
        return condition.value is not None and not condition.negated and _becomes_null(condition.operand, sources)
    if isinstance(condition, ex.InList):
        return _becomes_null(condition.operand, sources)
    return _becomes_null(condition, sources)


def _becomes_null(node: ex.Expression, sources: set[int]) -> bool:
    """Whether the expression is NULL when every column of ``sources`` is."""
    if isinstance(node, ex.Column):
        return node.source in sources
    if isinstance(node, ex.Call):
        return node.function.strict and any(_becomes_null(argument, sources) for argument in node.arguments)
    if isinstance(node, ex.Convert):
        strict = node.cast is None or not node.via_text
        return strict and _becomes_null(node.operand, sources)
    if isinstance(node, ex.CoerceTypmod | ex.Not):
        return _becomes_null(node.operand, sources)
    return False


def unlabelled(node: ex.Expression) -> ex.Expression:
    """Return an expression without the conversions around it that change its type only, not its datum."""
    while isinstance(node, ex.Convert) and not node.via_text and not node.element_cast:
        if node.cast is not None and node.cast.implementation is not None:
            break
        node = node.operand
    return node
