"""ORDER BY, GROUP BY and DISTINCT items: names, ordinals and expressions, and the orderings of types.

PostgreSQL accepts three spellings of an item: the name of an output column, its number, or any expression. A name
means the output column first in ORDER BY and DISTINCT ON, the input column first in GROUP BY
(findTargetlistEntrySQL92).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, fields

from heliosdb.errors import (
    AmbiguousColumn,
    InvalidColumnReference,
    SqlSyntaxError,
    UndefinedFunction,
    WrongObjectType,
)
from heliosdb.plan.expressions import Constant, Expression, SortKey
from heliosdb.plan.nodes import PlanNode
from heliosdb.sql import statements as ast
from heliosdb.sql.binder.coercion import resolve_unknown

if TYPE_CHECKING:
    from heliosdb.sql.binder.binder import Binder
    from heliosdb.sql.binder.scope import Scope
    from heliosdb.types.definitions import OperatorClass

__all__ = [
    "Target",
    "bind_sort_items",
    "equality_class",
    "find_target",
    "matches",
    "ordering_class",
    "sort_key",
]


@define(eq=False)
class Target:
    """One entry of a target list; ``hidden`` ones are computed for ORDER BY or DISTINCT ON only."""

    name: str
    expression: Expression
    hidden: bool = False


@define(eq=False)
class SortRequest:
    """An ORDER BY item, matched to its target."""

    target: Target
    descending: bool
    nulls_first: bool
    ordering: OperatorClass


def ordering_class(binder: Binder, expression: Expression, position: int | None = None) -> OperatorClass:
    """Return the operator class that sorts a type; 42883 where there is none."""
    ordering = binder.types.ordering(expression.type)
    if ordering is None:
        raise UndefinedFunction(
            f"could not identify an ordering operator for type {binder.display(expression.type)}",
            hint="Use an explicit ordering operator or modify the query.",
            position=position or expression.position,
        )
    return ordering


def equality_class(binder: Binder, type_: str, position: int | None = None) -> OperatorClass:
    """Return the operator class by which values are grouped; 42883 where there is none."""
    ordering = binder.types.ordering(type_)
    if ordering is None:
        for candidate in binder.registries.operator_classes.get(("hash", type_), ()):
            if candidate.default:
                return candidate
        raise UndefinedFunction(
            f"could not identify an equality operator for type {binder.display(type_)}", position=position
        )
    return ordering


def sort_key(
    binder: Binder, expression: Expression, descending: bool = False, nulls_first: bool | None = None
) -> SortKey:
    """Return a sort key with PostgreSQL's default for NULLs: last when ascending, first when descending."""
    return SortKey(
        expression=expression,
        ordering=ordering_class(binder, expression),
        descending=descending,
        nulls_first=descending if nulls_first is None else nulls_first,
    )


def matches(binder: Binder, left: Any, right: Any) -> bool:
    """Return whether two bound expressions are the same; literals that had to be compared are pinned."""
    if left is right:
        return True
    cls = left.__class__
    if cls is not right.__class__:
        return False
    if cls is tuple:
        return len(left) == len(right) and all(matches(binder, one, other) for one, other in zip(left, right))
    if cls is Constant:
        if left.type != right.type:
            return False
        if left.slot is not None or right.slot is not None:
            binder.pin(left.slot)
            binder.pin(right.slot)
            if left.value is None or right.value is None:
                # What only a session can read is compared as text.
                return _slot_text(binder, left) == _slot_text(binder, right)
        return left.value.__class__ is right.value.__class__ and bool(left.value == right.value)
    if isinstance(left, Expression | SortKey):
        for attribute in fields(cls):
            if attribute.name in ("position", "nullable"):
                continue
            if not matches(binder, getattr(left, attribute.name), getattr(right, attribute.name)):
                return False
        return True
    if isinstance(left, PlanNode):
        # Two bindings of one subquery have sources of their own, so they are never the same.
        return False
    if hasattr(cls, "__attrs_attrs__") and cls.__module__.startswith("heliosdb.plan"):
        return all(
            matches(binder, getattr(left, attribute.name), getattr(right, attribute.name))
            for attribute in fields(cls)
            if attribute.eq
        )
    return bool(left == right)


def _slot_text(binder: Binder, constant: Constant) -> str | None:
    return binder.slots.literals[constant.slot].value if constant.slot is not None else None


def find_target(binder: Binder, node: ast.Expression, targets: list[Target], scope: Scope, clause: str) -> Target:
    """Return the target that an item of ORDER BY, GROUP BY or DISTINCT ON means, adding a hidden one if need be."""
    position = node.position or None
    if isinstance(node, ast.ColumnRef) and len(node.parts) == 1 and not node.star:
        name = node.parts[0]
        if not (clause == "GROUP BY" and _is_input_column(name, scope)):
            found = _named_target(binder, name, targets, clause, position)
            if found is not None:
                return found
    if isinstance(node, ast.Literal):
        binder.pin(node.slot)
        if node.kind != "integer":
            raise SqlSyntaxError(f"non-integer constant in {clause}", position=position)
        number = int(node.value)
        visible = [target for target in targets if not target.hidden]
        if not 1 <= number <= len(visible):
            raise InvalidColumnReference(f"{clause} position {number} is not in select list", position=position)
        return visible[number - 1]
    expression = binder.expression_in(clause, node, scope)
    return target_for(binder, expression, targets)


def target_for(binder: Binder, expression: Expression, targets: list[Target]) -> Target:
    """Return the target with this expression, adding a hidden one if there is none."""
    for target in targets:
        if matches(binder, target.expression, expression):
            return target
    added = Target("?column?", resolve_unknown(binder, expression), hidden=True)
    targets.append(added)
    return added


def _named_target(binder: Binder, name: str, targets: list[Target], clause: str, position: int | None) -> Target | None:
    found: Target | None = None
    for target in targets:
        if target.hidden or target.name != name:
            continue
        if found is not None and not matches(binder, found.expression, target.expression):
            raise AmbiguousColumn(f'{clause} "{name}" is ambiguous', position=position)
        found = found or target
    return found


def _is_input_column(name: str, scope: Scope) -> bool:
    return any(item.columns_visible and name in item.positions for item in scope.items)


def bind_sort_items(
    binder: Binder, items: tuple[ast.SortItem, ...], targets: list[Target], scope: Scope, clause: str = "ORDER BY"
) -> list[SortRequest]:
    """Match every ORDER BY item to its target; repeated ones count once."""
    requests: list[SortRequest] = []
    for item in items:
        target = find_target(binder, item.expression, targets, scope, clause)
        target.expression = resolve_unknown(binder, target.expression)
        if any(request.target is target for request in requests):
            continue
        descending, nulls_first = sort_direction(binder, item)
        ordering = ordering_class(binder, target.expression, ast.leftmost(item.expression) or None)
        requests.append(SortRequest(target, descending, nulls_first, ordering))
    return requests


def sort_direction(binder: Binder, item: ast.SortItem) -> tuple[bool, bool]:
    """Return (descending, nulls first) of an ORDER BY item."""
    if item.using is not None:
        operator = item.using.name
        if operator not in ("<", ">"):
            raise WrongObjectType(
                f"operator {operator} is not a valid ordering operator",
                hint='Ordering operators must be "<" or ">" members of btree operator families.',
                position=item.using.position or None,
            )
        descending = operator == ">"
    else:
        descending = item.direction == "desc"
    nulls_first = descending if item.nulls is None else item.nulls == "first"
    return descending, nulls_first


def bind_plain_sort_keys(binder: Binder, items: tuple[ast.SortItem, ...], scope: Scope) -> tuple[SortKey, ...]:
    """Bind ORDER BY inside an aggregate or a window, where numbers are constants and names are columns."""
    keys = []
    for item in items:
        expression = resolve_unknown(binder, binder.expression(item.expression, scope))
        descending, nulls_first = sort_direction(binder, item)
        keys.append(sort_key(binder, expression, descending, nulls_first))
    return tuple(keys)
