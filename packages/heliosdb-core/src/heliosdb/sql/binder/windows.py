"""Window functions: OVER, WINDOW, frames, and the Window nodes that compute them.

A call is bound in place; ``WindowPlanner`` moves the calls of a SELECT into Window nodes, one for each different
PARTITION BY and ORDER BY, and leaves columns of these nodes in their places.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from attrs import fields, frozen

from heliosdb.errors import (
    FeatureNotSupported,
    InvalidColumnReference,
    UndefinedObject,
    WindowingError,
    WrongObjectType,
)
from heliosdb.plan import nodes
from heliosdb.plan.expressions import (
    Column,
    Expression,
    FrameBound,
    SortKey,
    WindowCall,
    WindowSpecification,
)
from heliosdb.plan.rewrite import columns_in, rewritten, walk_level
from heliosdb.sql import statements as ast
from heliosdb.sql.binder.coercion import coerce_to_named_type, coerce_to_type, resolve_unknown
from heliosdb.sql.binder.functions import Candidate, find_operator
from heliosdb.sql.binder.locations import location
from heliosdb.sql.binder.ordering import bind_plain_sort_keys, matches, sort_key
from heliosdb.types.definitions import Aggregate, CastContext, WindowFunction

if TYPE_CHECKING:
    from heliosdb.sql.binder.binder import Binder
    from heliosdb.sql.binder.ordering import Target
    from heliosdb.sql.binder.scope import Scope

__all__ = [
    "WindowPlanner",
    "bind_window_function",
    "bind_windows",
    "remember_window_definitions",
    "window_call",
]

WINDOW_CLAUSES = frozenset({"SELECT", "ORDER BY", "DISTINCT ON"})


def bind_window_function(
    binder: Binder, node: ast.FunctionCall, candidate: Candidate, arguments: tuple[Expression, ...], scope: Scope
) -> Expression:
    """Bind a pure window function such as rank()."""
    from heliosdb.sql.binder.calls import resolved_arguments

    shown = ".".join(node.name)
    position = node.position or None
    function = candidate.target
    assert isinstance(function, WindowFunction)
    if node.over is None:
        raise WrongObjectType(f"window function {shown} requires an OVER clause", position=position)
    if node.star:
        raise WrongObjectType(f"{shown}(*) specified, but {shown} is not an aggregate function", position=position)
    if node.distinct:
        raise FeatureNotSupported("DISTINCT is not implemented for window functions", position=position)
    if node.within_group:
        raise WrongObjectType(f"window function {shown} cannot have WITHIN GROUP", position=position)
    if node.order_by:
        raise FeatureNotSupported("aggregate ORDER BY is not implemented for window functions", position=position)
    if node.filter is not None:
        raise FeatureNotSupported("FILTER is not implemented for non-aggregate window functions", position=position)
    converted, concrete, returns = resolved_arguments(binder, candidate, arguments, position)
    return window_call(binder, node, function, converted, concrete, returns, None, scope)


def window_call(
    binder: Binder,
    node: ast.FunctionCall,
    function: WindowFunction | Aggregate,
    arguments: tuple[Expression, ...],
    argument_types: tuple[str, ...],
    returns: str,
    condition: Expression | None,
    scope: Scope,
) -> Expression:
    """Return the window call with its window bound."""
    position = node.position or None
    if scope.in_window:
        raise WindowingError("window functions are not allowed in window definitions", position=position)
    for inner in walk_level((arguments, condition)):
        if isinstance(inner, WindowCall):
            raise WindowingError("window function calls cannot be nested", position=inner.position)
    if scope.clause not in WINDOW_CLAUSES:
        raise WindowingError(f"window functions are not allowed in {scope.clause}", position=position)
    assert node.over is not None
    if node.over.name is not None:
        _named(scope, node.over.name, node.over.position or None)
    specification = PendingWindow(number=_pending_number(binder, node.over, scope))
    scope.has_windows = True
    return WindowCall(
        type=returns,
        function=function,
        arguments=arguments,
        argument_types=argument_types,
        specification=specification,
        filter=condition,
        nullable=function.name not in NEVER_NULL,
        position=position,
    )


NEVER_NULL = frozenset({"row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "count"})


@frozen(kw_only=True)
class PendingWindow(WindowSpecification):
    """A window that is bound when the rest of its SELECT has been, as PostgreSQL does it."""

    number: int


def _pending_number(binder: Binder, spec: ast.WindowSpec, scope: Scope) -> int:
    """Return the number of a window to be bound; windows that are written alike are one."""
    for number, known in enumerate(scope.pending_windows):
        if known == spec:
            for literal in (*_literals(known), *_literals(spec)):
                binder.pin(literal.slot)
            return number
    scope.pending_windows.append(spec)
    return len(scope.pending_windows) - 1


def _literals(node: Any) -> Iterator[ast.Literal]:
    if isinstance(node, ast.Literal):
        yield node
    elif isinstance(node, tuple):
        for item in node:
            yield from _literals(item)
    elif isinstance(node, ast.Node):
        for attribute in fields(type(node)):
            yield from _literals(getattr(node, attribute.name))


def remember_window_definitions(windows: tuple[ast.WindowSpec, ...], scope: Scope) -> None:
    """Remember the windows of WINDOW by their names; the first of two with one name is used until the error comes."""
    for window in windows:
        assert window.name is not None
        scope.windows.setdefault(window.name, window)


def bind_windows(binder: Binder, windows: tuple[ast.WindowSpec, ...], targets: list[Target], scope: Scope) -> None:
    """Bind the windows of WINDOW and of every OVER, and give the window calls in the targets theirs."""
    names: set[str | None] = set()
    for window in windows:
        if window.name in names:
            raise WindowingError(f'window "{window.name}" is already defined', position=window.position or None)
        names.add(window.name)
        _specification(binder, window, scope, is_over=False)
    bound = [_specification(binder, spec, scope, is_over=True) for spec in scope.pending_windows]

    def replace(node: Any) -> Any:
        if isinstance(node, PendingWindow):
            return bound[node.number]
        return None

    if bound:
        for target in targets:
            target.expression = rewritten(target.expression, replace)


def _specification(binder: Binder, spec: ast.WindowSpec, scope: Scope, *, is_over: bool) -> WindowSpecification:
    position = spec.position or None
    if is_over and spec.name is not None:
        return _specification(binder, _named(scope, spec.name, position), scope, is_over=False)
    partition_nodes, order_nodes = spec.partition_by, spec.order_by
    if spec.base is not None:
        base = _named(scope, spec.base, position)
        if partition_nodes:
            raise WindowingError(f'cannot override PARTITION BY clause of window "{spec.base}"', position=position)
        resolved = _resolve_base(scope, base)
        if order_nodes and resolved.order_by:
            raise WindowingError(f'cannot override ORDER BY clause of window "{spec.base}"', position=position)
        if resolved.frame is not None:
            raise WindowingError(
                f'cannot copy window "{spec.base}" because it has a frame clause',
                hint="Omit the parentheses in this OVER clause." if not order_nodes and spec.frame is None else None,
                position=position,
            )
        partition_nodes = resolved.partition_by
        order_nodes = order_nodes or resolved.order_by
    before_clause, before_window = scope.clause, scope.in_window
    scope.in_window = True
    scope.clause = "window PARTITION BY"
    partition = tuple(
        sort_key(binder, resolve_unknown(binder, binder.expression(node, scope))) for node in partition_nodes
    )
    scope.clause = "window ORDER BY"
    order = bind_plain_sort_keys(binder, order_nodes, scope)
    scope.clause, scope.in_window = before_clause, before_window
    if spec.frame is None:
        return WindowSpecification(partition_by=partition, order_by=order)
    return _with_frame(binder, spec.frame, partition, order, scope, position)


def _named(scope: Scope, name: str, position: int | None) -> ast.WindowSpec:
    found = scope.windows.get(name)
    if found is None:
        raise UndefinedObject(f'window "{name}" does not exist', position=position)
    return found


def _resolve_base(scope: Scope, spec: ast.WindowSpec) -> ast.WindowSpec:
    """Return a named window with what it takes from windows it names itself."""
    if spec.base is None:
        return spec
    base = _resolve_base(scope, _named(scope, spec.base, spec.position or None))
    return ast.WindowSpec(
        name=spec.name,
        partition_by=base.partition_by,
        order_by=spec.order_by or base.order_by,
        frame=spec.frame,
        position=spec.position,
    )


def _with_frame(
    binder: Binder,
    frame: ast.WindowFrame,
    partition: tuple[SortKey, ...],
    order: tuple[SortKey, ...],
    scope: Scope,
    position: int | None,
) -> WindowSpecification:
    if frame.mode == "groups" and not order:
        raise WindowingError("GROUPS mode requires an ORDER BY clause", position=position)
    has_offset = frame.start.offset is not None or frame.end.offset is not None
    range_add = range_subtract = None
    offset_type = "int8"
    key_type = order[0].expression.type if order else "int8"
    if frame.mode == "range" and has_offset:
        if len(order) != 1:
            raise WindowingError(
                "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column", position=position
            )
        key = order[0].expression
        offset_type = _range_offset_type(key.type)
        plus = find_operator(binder, "+", key.type, offset_type)
        minus = find_operator(binder, "-", key.type, offset_type)
        if plus is None or minus is None:
            raise FeatureNotSupported(
                f"RANGE with offset PRECEDING/FOLLOWING is not supported for column type {binder.display(key.type)}",
                position=_offset_position(frame),
            )
        range_add, range_subtract = plus[1], minus[1]
    return WindowSpecification(
        partition_by=partition,
        order_by=order,
        mode=frame.mode,
        start=_bound(binder, frame.start, frame.mode, offset_type, key_type, scope),
        end=_bound(binder, frame.end, frame.mode, offset_type, key_type, scope),
        exclusion=frame.exclusion or "no others",
        range_add=range_add,
        range_subtract=range_subtract,
    )


def _offset_position(frame: ast.WindowFrame) -> int | None:
    for bound in (frame.start, frame.end):
        if bound.offset is not None:
            return ast.leftmost(bound.offset) or None
    return None


def _range_offset_type(key: str) -> str:
    """Return what a RANGE offset over a key must be (PostgreSQL's in_range support functions)."""
    return "interval" if key in ("date", "timestamp", "timestamptz", "time", "timetz") else key


def _bound(
    binder: Binder, node: ast.FrameBound, mode: str, offset_type: str, key_type: str, scope: Scope
) -> FrameBound:
    if node.offset is None:
        return FrameBound(kind=node.kind)
    construct = mode.upper()
    offset = binder.expression_in(f"window {construct}", node.offset, scope)
    for _ in columns_in(offset):
        raise InvalidColumnReference(f"argument of {construct} must not contain variables", position=location(offset))
    if mode == "range":
        converted = coerce_to_type(binder, offset, offset_type, -1, CastContext.IMPLICIT)
        if converted is None:
            raise FeatureNotSupported(
                "RANGE with offset PRECEDING/FOLLOWING is not supported for column type "
                f"{binder.display(key_type)} and offset type {binder.display(offset.type)}",
                hint="Cast the offset value to an appropriate type.",
                position=ast.leftmost(node.offset) or None,
            )
        offset = converted
    else:
        offset = coerce_to_named_type(binder, offset, "int8", construct)
    return FrameBound(kind=node.kind, offset=offset)


class WindowPlanner:
    """Moves the window calls of one SELECT into Window nodes."""

    def __init__(self, binder: Binder) -> None:
        self.binder = binder
        self.windows: list[tuple[WindowSpecification, int, list[WindowCall]]] = []

    def above(self, expression: Any) -> Any:
        """Return an expression with its window calls replaced by columns of Window nodes."""
        return rewritten(expression, self._replace)

    def _replace(self, node: Any) -> Any:
        if node.__class__ is not WindowCall:
            return None
        source, calls = self._window(node.specification)
        number = next((at for at, call in enumerate(calls) if matches(self.binder, call, node)), None)
        if number is None:
            number = len(calls)
            calls.append(node)
        return Column(
            type=node.type,
            typmod=node.typmod,
            nullable=node.nullable,
            collation=node.collation,
            position=node.position,
            source=source,
            index=number,
            name=node.function.name,
        )

    def _window(self, wanted: WindowSpecification) -> tuple[int, list[WindowCall]]:
        """Return the source and the calls of the node with this PARTITION BY and ORDER BY."""
        for known, source, calls in self.windows:
            same_parts = matches(self.binder, known.partition_by, wanted.partition_by)
            if same_parts and matches(self.binder, known.order_by, wanted.order_by):
                return source, calls
        made: tuple[int, list[WindowCall]] = self.binder.new_source(), []
        self.windows.append((wanted, *made))
        return made

    def node(self, plan: nodes.PlanNode) -> nodes.PlanNode:
        """Return the plan under its Window nodes."""
        for _, source, calls in self.windows:
            plan = nodes.Window(
                source=source,
                columns=tuple(self.binder.output_column(call.function.name, call) for call in calls),
                calls=tuple(calls),
                input=plan,
            )
        return plan
