"""What an expression reads from outside itself: the arguments of the function that it may become."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import attrs

from heliosdb.plan import expressions as ex
from heliosdb.plan.rewrite import walk
from heliosdb.types.definitions import Volatility

__all__ = ["element_indexes", "is_constant", "is_worth_keeping", "outer_columns"]


def is_worth_keeping(node: ex.Expression) -> bool:
    """Whether an expression is made of constants only, and takes a call to evaluate."""
    costly = False
    pending = [node]
    while pending:
        part = pending.pop()
        if isinstance(part, ex.Call):
            if part.function.volatility == Volatility.VOLATILE:
                return False
            costly = costly or part.function.inline is None
            pending.extend(part.arguments)
        elif isinstance(part, ex.Convert):
            costly = costly or part.via_text or (part.cast is not None and part.cast.inline is None)
            pending.append(part.operand)
        elif not isinstance(part, ex.Constant | ex.Parameter):
            return False
    return costly


def is_constant(node: ex.Expression) -> bool:
    """Whether an expression has one value for all rows of a statement."""
    for part in walk(node):
        if isinstance(part, ex.SetReturningCall | ex.CaseOperand | ex.Element):
            return False
        if isinstance(part, ex.Call) and part.function.volatility == Volatility.VOLATILE:
            return False
    return not any(True for _ in outer_columns(node))


def outer_columns(node: Any) -> Iterator[ex.Column]:
    """Yield the columns an expression reads from outside itself (subqueries say theirs)."""
    # A stack of its own: in nested generators each column would pass through all levels above it.
    pending: list[Any] = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, ex.Column):
            yield current
        elif isinstance(current, tuple):
            pending.extend(current)
        elif isinstance(current, ex.Subquery):
            pending.extend(current.outer)
            pending.extend(current.left)
            if current.comparison is not None:
                own = set(current.plan.sources)
                yield from (column for column in outer_columns(current.comparison) if column.source not in own)
        elif isinstance(current, ex.Grouping):
            yield ex.Column(type="int4", source=current.source, index=-3)
        elif attrs.has(type(current)) and type(current).__module__ == ex.__name__:
            pending.extend(getattr(current, name) for name in _child_fields(type(current)))


FEW = 16
"""Columns that are remembered for each part of an expression."""


class OuterColumns:
    """The columns that expressions read from outside, remembered for every part that reads few: of a deep expression
    part after part is asked for, from the outside in.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, dict[tuple[int, int], ex.Column] | None]] = {}

    def of(self, node: Any) -> dict[tuple[int, int], ex.Column]:
        """Return the columns by (source, index)."""
        known = self._known
        pending: list[Any] = [node]
        while pending:
            current = pending[-1]
            if id(current) in known:
                pending.pop()
                continue
            parts = _parts(current)
            found: dict[tuple[int, int], ex.Column] | None
            if parts is None:
                found = {(c.source, c.index): c for c in outer_columns(current)}
            else:
                missing = [part for part in parts if id(part) not in known]
                if missing:
                    pending.extend(reversed(missing))
                    continue
                found = {}
                for part in parts:
                    inner = known[id(part)][1]
                    if inner is None:
                        found = None
                        break
                    found = found | inner if inner.keys() - found.keys() else found
            # The node is kept, so that its id stays its own.
            known[id(current)] = (current, None if found is None or len(found) > FEW else found)
            pending.pop()
        columns = known[id(node)][1]
        return {(c.source, c.index): c for c in outer_columns(node)} if columns is None else columns


def _parts(node: Any) -> list[Any] | None:
    """Return the expressions in one, None where its columns are to be looked for in another way."""
    if isinstance(node, ex.Column | ex.Subquery | ex.Grouping):
        return None
    if isinstance(node, tuple):
        return [item for item in node if isinstance(item, tuple) or _is_expression(item)]
    if not _is_expression(node):
        return []
    children = (getattr(node, name) for name in _child_fields(type(node)))
    return [child for child in children if isinstance(child, tuple) or _is_expression(child)]


def _is_expression(node: Any) -> bool:
    return type(node).__module__ == ex.__name__ and attrs.has(type(node))


def element_indexes(node: Any) -> Iterator[int]:
    """Yield the indexes of the Elements that belong to the nearest enclosing comparison."""
    if isinstance(node, ex.Element):
        yield node.index
    elif isinstance(node, ex.AnyAll):
        yield from element_indexes(node.array)
    elif isinstance(node, ex.Subquery):
        for left in node.left:
            yield from element_indexes(left)
    elif isinstance(node, tuple):
        for item in node:
            yield from element_indexes(item)
    elif attrs.has(type(node)) and type(node).__module__ == ex.__name__:
        for name in _child_fields(type(node)):
            yield from element_indexes(getattr(node, name))


_SCALAR_FIELDS = frozenset({"type", "typmod", "nullable", "collation", "position", "function", "aggregate", "cast"})


def _named_fields(cls: Any) -> tuple[str, ...]:
    return tuple(attribute.name for attribute in attrs.fields(cls) if attribute.name not in _SCALAR_FIELDS)


_child_fields: Callable[[Any], tuple[str, ...]] = lru_cache(maxsize=256)(_named_fields)
