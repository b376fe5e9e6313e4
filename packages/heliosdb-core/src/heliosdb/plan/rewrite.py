"""Walking and rewriting of bound expressions and plans, whatever their classes are.

Everything is an attrs class or a tuple of them, so the children of a node are found through its attributes; the list
for each
class is computed once (a plugin's plan nodes are walked like the core's).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from functools import cache
from typing import Any

from attrs import evolve

from heliosdb.plan.expressions import (
    Column,
    Expression,
    FrameBound,
    SortKey,
    Subquery,
    WindowSpecification,
)
from heliosdb.plan.nodes import Assignment, ConflictClause, MergeAction, PlanNode, RowCheck, SnapshotRequest, Source
from heliosdb.value import names_of

__all__ = ["columns_in", "contains", "contains_level", "free_columns", "rewritten", "walk", "walk_level"]

NODES = (
    Expression,
    PlanNode,
    SortKey,
    FrameBound,
    WindowSpecification,
    Assignment,
    ConflictClause,
    MergeAction,
    RowCheck,
    SnapshotRequest,
)
"""The classes that a walk descends into; catalog objects, functions and types are left alone."""

LEAVES = frozenset(
    {
        "type",
        "typmod",
        "nullable",
        "collation",
        "position",
        "source",
        "index",
        "name",
        "rows",
        "cost",
        "columns",
        "kind",
        "relation",
        "function",
        "cast",
        "aggregate",
        "ordering",
        "classes",
        "group_classes",
        "key_classes",
        "alias",
        "names",
        "argument_types",
        "value",
        "slot",
        "operator",
        "number",
        "view",
        "constraint",
        "foreign_keys",
        "referencing",
    }
)
"""Attributes that hold no nodes."""


@cache
def _attributes(cls: Hashable) -> tuple[str, ...]:
    # "value" is a datum in Constant and BooleanTest but an expression in NullIf and Assignment.
    assert isinstance(cls, type)
    skip = LEAVES - {"value"} if cls.__name__ in ("NullIf", "Assignment") else LEAVES
    return tuple(name for name in names_of(cls) if name not in skip)


def walk(node: Any) -> Iterator[Any]:
    """Yield the node and everything in it, plans of subqueries included, in no promised order."""
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, tuple):
            pending.extend(current)
        elif isinstance(current, NODES):
            yield current
            for name in _attributes(type(current)):  # type: ignore[arg-type]
                child = getattr(current, name)
                if child.__class__ is tuple or isinstance(child, NODES):
                    pending.append(child)


def walk_level(node: Any) -> Iterator[Any]:
    """Yield the node and everything in it that belongs to its query level: plans of subqueries are left out."""
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, tuple):
            pending.extend(current)
        elif isinstance(current, NODES):
            yield current
            for name in _attributes(type(current)):  # type: ignore[arg-type]
                child = getattr(current, name)
                if (child.__class__ is tuple or isinstance(child, NODES)) and not isinstance(child, PlanNode):
                    pending.append(child)


def columns_in(node: Any) -> Iterator[Column]:
    """Yield every column that is named anywhere in a node."""
    for inner in walk(node):
        if inner.__class__ is Column:
            yield inner


def contains(node: Any, classes: tuple[type, ...] | type) -> bool:
    """Return whether a node of these classes stands anywhere inside."""
    return any(isinstance(inner, classes) for inner in walk(node))


def contains_level(node: Any, classes: tuple[type, ...] | type) -> bool:
    """Return whether a node of these classes stands inside, in the same query level."""
    return any(isinstance(inner, classes) for inner in walk_level(node))


def free_columns(plan: PlanNode) -> tuple[Column, ...]:
    """Return the columns that a plan names but does not produce, each once."""
    produced: set[int] = set()
    named: dict[tuple[int, int], Column] = {}
    for inner in walk(plan):
        if inner.__class__ is Column:
            named.setdefault((inner.source, inner.index), inner)
        elif isinstance(inner, Source) or (isinstance(inner, PlanNode) and hasattr(inner, "source")):
            produced.add(inner.source)
        if isinstance(inner, PlanNode):
            produced.update(number for number in _own_sources(inner))
    return tuple(column for (source, _), column in named.items() if source not in produced)


def _own_sources(node: PlanNode) -> Iterator[int]:
    for name in ("target", "scan"):
        number = getattr(node, name, None)
        if isinstance(number, int):
            yield number
    conflict = getattr(node, "conflict", None)
    if conflict is not None:
        yield conflict.existing
        yield conflict.excluded


def rewritten(node: Any, replace: Callable[[Any], Any], *, loosen: bool = False) -> Any:
    """Return the node with ``replace`` applied from the top down.

    ``replace`` gives what stands in a node's place, which is then not looked into, or None to go on with its parts.
    Parts that do not change are shared. Correlated subqueries get the list of outer columns that their rewritten plan
    has. With ``loosen`` every expression around one that changed counts as nullable.
    """
    if node.__class__ is tuple:
        # No generator: what C calls takes of its stack, and expressions may be nested deeply.
        changed = [rewritten(item, replace, loosen=loosen) for item in node]
        return node if all(new is old for new, old in zip(changed, node)) else tuple(changed)
    if not isinstance(node, NODES):
        return node
    replacement = replace(node)
    if replacement is not None:
        return replacement
    changes: dict[str, Any] = {}
    for name in _attributes(type(node)):  # type: ignore[arg-type]
        child = getattr(node, name)
        if child.__class__ is tuple or isinstance(child, NODES):
            new = rewritten(child, replace, loosen=loosen)
            if new is not child:
                changes[name] = new
    if not changes:
        return node
    if isinstance(node, Subquery) and "plan" in changes:
        changes["outer"] = free_columns(changes["plan"])
    if loosen and isinstance(node, Expression):
        changes["nullable"] = True
    return evolve(node, **changes)
