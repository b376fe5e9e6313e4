"""What an expression reads from outside itself: the arguments of the function that it may become."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from heliosdb.plan import expressions as ex

__all__ = ["element_indexes", "outer_columns"]


def outer_columns(node: Any) -> Iterator[ex.Column]:
    """Yield the columns an expression reads from outside itself (subqueries say theirs)."""
    if isinstance(node, ex.Column):
        yield node
    elif isinstance(node, ex.Subquery):
        yield from node.outer
        for left in node.left:
            yield from outer_columns(left)
        if node.comparison is not None:
            own = set(node.plan.sources)
            yield from (column for column in outer_columns(node.comparison) if column.source not in own)
    elif isinstance(node, tuple):
        for item in node:
            yield from outer_columns(item)
    elif isinstance(node, ex.Grouping):
        yield ex.Column(type="int4", source=node.source, index=-3)
    elif attrs.has(type(node)) and type(node).__module__ == ex.__name__:
        for name in _child_fields(type(node)):
            yield from outer_columns(getattr(node, name))


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


def _child_fields(cls: type) -> tuple[str, ...]:
    return tuple(attribute.name for attribute in attrs.fields(cls) if attribute.name not in _SCALAR_FIELDS)
