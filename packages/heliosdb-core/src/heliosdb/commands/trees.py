"""Walking syntax trees: what an expression names, and what it must not contain where the catalog keeps it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, TypeVar

import attrs
from attrs import evolve

from heliosdb.sql import statements as tree

__all__ = ["changed_parts", "column_names", "map_tables", "replaced", "walk", "without_slots"]

Node = TypeVar("Node", bound=tree.Node)


@cache
def _parts(class_: Any) -> tuple[str, ...]:
    return tuple(attribute.name for attribute in attrs.fields(class_) if attribute.name != "position")


def walk(node: Any) -> Iterator[tree.Node]:
    """Yield a node and everything in it, in order of writing."""
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, tree.Node):
            yield current
            class_: Any = type(current)
            pending.extend(getattr(current, name) for name in reversed(_parts(class_)))
        elif isinstance(current, tuple):
            pending.extend(reversed(current))


def column_names(node: tree.Node) -> list[str]:
    """Return the last parts of the column references in an expression, each once, in order of writing."""
    names: dict[str, None] = {}
    for part in walk(node):
        if isinstance(part, tree.ColumnRef) and not part.star:
            names[part.parts[-1]] = None
    return list(names)


def without_slots(node: Node) -> Node:
    """Return the tree with its literals' values taken as they are: for a query that is part of another statement."""
    return replaced(node, lambda part: evolve(part, slot=None) if isinstance(part, tree.Literal) else part)


def changed_parts(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return a node or tuple with ``change`` applied to each of its parts, itself where none changes."""
    if isinstance(value, tuple):
        items = [change(item) for item in value]
        return tuple(items) if any(new is not old for new, old in zip(items, value)) else value
    if not isinstance(value, tree.Node):
        return value
    class_: Any = type(value)
    changes = {}
    for name in _parts(class_):
        old = getattr(value, name)
        new = change(old)
        if new is not old:
            changes[name] = new
    return attrs.evolve(value, **changes) if changes else value


def map_tables(node: Node, change: Callable[[tree.RangeTable], tree.RangeTable]) -> Node:
    """Return the tree with ``change`` applied to the relations that are named in FROM, common tables left out."""
    made = _map_tables(node, change, frozenset())
    assert isinstance(made, tree.Node)
    return made  # type: ignore[return-value]


def _map_tables(value: Any, change: Callable[[tree.RangeTable], tree.RangeTable], hidden: frozenset[str]) -> Any:
    if isinstance(value, tuple):
        items = [_map_tables(item, change, hidden) for item in value]
        return tuple(items) if any(new is not old for new, old in zip(items, value)) else value
    if not isinstance(value, tree.Node):
        return value
    if isinstance(value, tree.RangeTable):
        is_common = value.name.schema is None and value.name.name in hidden
        return value if is_common else change(value)
    changes: dict[str, Any] = {}
    with_clause = getattr(value, "with_clause", None)
    if isinstance(with_clause, tree.With):
        # A common table sees those before it, with RECURSIVE all of them; the query sees all.
        every = hidden | {table.name for table in with_clause.tables}
        seen = every if with_clause.recursive else hidden
        tables = []
        for table in with_clause.tables:
            tables.append(_map_tables(table, change, seen))
            seen |= {table.name}
        changes["with_clause"] = evolve(with_clause, tables=tuple(tables))
        hidden = every
    class_: Any = type(value)
    for name in _parts(class_):
        if name not in changes:
            old = getattr(value, name)
            new = _map_tables(old, change, hidden)
            if new is not old:
                changes[name] = new
    return attrs.evolve(value, **changes) if changes else value


def replaced(node: Node, change: Callable[[tree.Node], tree.Node]) -> Node:
    """Return the tree with ``change`` applied to every node, leaves first; unchanged parts are shared."""
    made = _replaced(node, change)
    assert isinstance(made, tree.Node)
    return made  # type: ignore[return-value]


def _replaced(value: Any, change: Callable[[tree.Node], tree.Node]) -> Any:
    made = changed_parts(value, lambda part: _replaced(part, change))
    return change(made) if isinstance(made, tree.Node) else made
