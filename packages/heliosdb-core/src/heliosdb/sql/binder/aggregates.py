"""Aggregates and grouping: which query an aggregate belongs to, and what may stand beside it.

An aggregate call is bound in place. When the whole SELECT is known, ``Grouper`` makes the Aggregate node and rewrites
every expression that stands above it:

    SELECT a + 1, sum(b) FROM t GROUP BY a        a      ─►  column 0 of the node
                                                  sum(b) ─►  column 1
                                                  any other column of t: error 42803,
                                                  unless t's primary key is grouped by: then it is grouped by too

An aggregate whose arguments name outer columns only belongs to the outer query (SQL:2016, 6.9); it is noted in that
query's scope.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from heliosdb.errors import (
    FeatureNotSupported,
    GroupingError,
    InvalidColumnReference,
    InvalidRecursion,
    SqlSyntaxError,
    UndefinedFunction,
    WindowingError,
    WrongObjectType,
)
from heliosdb.plan import nodes
from heliosdb.plan.expressions import (
    AggregateCall,
    Column,
    Constant,
    Expression,
    Grouping,
    Parameter,
    SetReturningCall,
    SortKey,
    Subquery,
    WindowCall,
)
from heliosdb.plan.forms import stored_column
from heliosdb.plan.rewrite import columns_in, contains_level, free_columns, rewritten, walk, walk_level
from heliosdb.sql import statements as ast
from heliosdb.sql.binder.coercion import (
    coerce_to_common_type,
    resolve_unknown,
    select_common_type,
)
from heliosdb.sql.binder.functions import Candidate
from heliosdb.sql.binder.ordering import (
    bind_plain_sort_keys,
    equality_class,
    matches,
    sort_direction,
    sort_key,
)
from heliosdb.sql.binder.set_returning import expand_below
from heliosdb.types.definitions import Aggregate

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Relation
    from heliosdb.sql.binder.binder import Binder
    from heliosdb.sql.binder.scope import RangeItem, Scope

__all__ = ["Grouper", "bind_aggregate_call", "bind_grouping_function", "within_group_arguments"]

AGGREGATE_CLAUSES = frozenset(
    {"SELECT", "HAVING", "ORDER BY", "DISTINCT ON", "window PARTITION BY", "window ORDER BY", "window definition"}
)


def within_group_arguments(binder: Binder, node: ast.FunctionCall, scope: Scope) -> tuple[Expression, ...]:
    """Return what WITHIN GROUP sorts by, which an ordered-set aggregate takes as its last arguments."""
    return tuple(binder.expression(item.expression, scope) for item in node.order_by)


def bind_aggregate_call(
    binder: Binder,
    node: ast.FunctionCall,
    candidate: Candidate,
    arguments: tuple[Expression, ...],
    condition: Expression | None,
    scope: Scope,
) -> Expression:
    """Bind an aggregate, or an aggregate used as a window function."""
    from heliosdb.sql.binder.calls import resolved_arguments

    aggregate = candidate.target
    assert isinstance(aggregate, Aggregate)
    position = node.position or None
    shown = ".".join(node.name)
    _check_form(node, aggregate, shown, position)
    converted, concrete, returns = resolved_arguments(binder, candidate, arguments, position)
    if node.distinct:
        converted = tuple(resolve_unknown(binder, argument) for argument in converted)
    if node.distinct and not converted:
        raise SqlSyntaxError("DISTINCT specified but no arguments", position=position)
    if node.over is not None:
        from heliosdb.sql.binder.windows import window_call

        if node.distinct:
            raise FeatureNotSupported("DISTINCT is not implemented for window functions", position=position)
        if node.within_group:
            raise FeatureNotSupported(f"OVER is not supported for ordered-set aggregate {shown}", position=position)
        if node.order_by:
            raise FeatureNotSupported("aggregate ORDER BY is not implemented for window functions", position=position)
        return window_call(binder, node, aggregate, converted, concrete, returns, condition, scope)
    direct: tuple[Expression, ...] = ()
    if node.within_group:
        count = len(converted) - len(node.order_by)
        direct, converted = converted[:count], converted[count:]
        if aggregate.kind == "hypothetical":
            # From the arguments as written: an untyped literal takes the type that it is compared with.
            direct, converted = _hypothetical_rows(binder, shown, arguments[:count], arguments[count:], position)
        keys = _within_group_keys(binder, node, converted)
    else:
        keys = _aggregate_keys(binder, node, converted, scope)
        if node.distinct and not aggregate.inline_step:
            keys = _distinct_keys(binder, keys, converted)
    if node.distinct:
        for argument in converted:
            equality_class(binder, argument.type, argument.position)
    call = AggregateCall(
        type=returns,
        aggregate=aggregate,
        arguments=converted,
        argument_types=concrete,
        direct=direct,
        distinct=node.distinct,
        order_by=keys,
        filter=condition,
        nullable=aggregate.name != "count",
        collation=binder.combined_collation(converted) if binder.has_collations else None,
        position=position,
    )
    owner = _owner(binder, call, scope)
    _check_place(call, owner, position)
    owner.aggregates.append(call)
    return call


def _hypothetical_rows(
    binder: Binder,
    shown: str,
    direct: tuple[Expression, ...],
    sorted_by: tuple[Expression, ...],
    position: int | None,
) -> tuple[tuple[Expression, ...], tuple[Expression, ...]]:
    """Bring each direct argument and what WITHIN GROUP sorts by at its place to one type."""
    if len(direct) != len(sorted_by):
        types = ", ".join(binder.types.format(argument.type) for argument in (*direct, *sorted_by))
        raise UndefinedFunction(
            f"function {shown}({types}) does not exist",
            hint=f"To use the hypothetical-set aggregate {shown}, the number of hypothetical direct arguments "
            f"(here {len(direct)}) must match the number of ordering columns (here {len(sorted_by)}).",
            position=position,
        )
    rows = []
    for pair in zip(direct, sorted_by):
        target = select_common_type(binder, pair, "WITHIN GROUP")
        assert target is not None
        rows.append([coerce_to_common_type(binder, argument, target, "WITHIN GROUP") for argument in pair])
    return tuple(row[0] for row in rows), tuple(row[1] for row in rows)


def _check_form(node: ast.FunctionCall, aggregate: Aggregate, shown: str, position: int | None) -> None:
    if aggregate.kind != "normal" and not node.within_group:
        raise WrongObjectType(f"WITHIN GROUP is required for ordered-set aggregate {shown}", position=position)
    if aggregate.kind == "normal" and node.within_group:
        raise WrongObjectType(
            f"{shown} is not an ordered-set aggregate, so it cannot have WITHIN GROUP", position=position
        )
    if not node.arguments and not node.star and aggregate.kind == "normal":
        raise WrongObjectType(f"{shown}(*) must be used to call a parameterless aggregate function", position=position)


def _within_group_keys(
    binder: Binder, node: ast.FunctionCall, converted: tuple[Expression, ...]
) -> tuple[SortKey, ...]:
    keys = []
    for item, expression in zip(node.order_by, converted):
        descending, nulls_first = sort_direction(binder, item)
        keys.append(sort_key(binder, resolve_unknown(binder, expression), descending, nulls_first))
    return tuple(keys)


def _aggregate_keys(
    binder: Binder, node: ast.FunctionCall, converted: tuple[Expression, ...], scope: Scope
) -> tuple[SortKey, ...]:
    if not node.order_by:
        return ()
    keys = bind_plain_sort_keys(binder, node.order_by, scope)
    if node.distinct:
        for key, item in zip(keys, node.order_by):
            if not any(matches(binder, key.expression, argument) for argument in converted):
                raise InvalidColumnReference(
                    "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list",
                    position=item.expression.position or None,
                )
    return keys


def _distinct_keys(binder: Binder, keys: tuple[SortKey, ...], converted: tuple[Expression, ...]) -> tuple[SortKey, ...]:
    """Return the order in which DISTINCT gives an aggregate its rows: ORDER BY, then the arguments left to right.

    An aggregate in the inline form (count, sum, max) has the same result in any order.
    """
    rest = [
        sort_key(binder, argument)
        for argument in converted
        if not isinstance(argument, Constant | Parameter)
        and not any(matches(binder, key.expression, argument) for key in keys)
    ]
    return (*keys, *rest)


def _owner(binder: Binder, call: AggregateCall, scope: Scope) -> Scope:
    """Return the scope of the innermost query whose columns the call names; its own where it names none."""
    levels = {id(level): depth for depth, level in enumerate(scope.ancestors())}
    innermost: Scope | None = None
    best = len(levels)
    for column in columns_in((call.arguments, call.order_by, call.filter)):
        level = binder.owners.get(column.source)
        depth = levels.get(id(level), best) if level is not None else best
        if level is not None and depth < best:
            innermost, best = level, depth
    return innermost if innermost is not None else scope


def _check_place(call: AggregateCall, owner: Scope, position: int | None) -> None:
    parts = (call.arguments, call.order_by, call.filter)
    nested = [
        inner.position
        for inner in walk(parts)
        if isinstance(inner, AggregateCall) and any(inner is known for known in owner.aggregates)
    ]
    if nested:
        raise GroupingError("aggregate function calls cannot be nested", position=_first(nested))
    windows = [inner.position for inner in walk_level(parts) if isinstance(inner, WindowCall)]
    if windows:
        raise GroupingError("aggregate function calls cannot contain window function calls", position=_first(windows))
    for inner in walk_level(parts):
        if isinstance(inner, SetReturningCall):
            raise FeatureNotSupported(
                "aggregate function calls cannot contain set-returning function calls",
                hint="You might be able to move the set-returning function into a LATERAL FROM item.",
                position=inner.position,
            )
    if owner.recursive_item:
        raise InvalidRecursion(
            "aggregate functions are not allowed in a recursive query's recursive term", position=position
        )
    if owner.clause not in AGGREGATE_CLAUSES:
        raise GroupingError(f"aggregate functions are not allowed in {owner.clause}", position=position)


def _first(positions: list[int | None]) -> int | None:
    return min((position for position in positions if position), default=None)


def bind_grouping_function(binder: Binder, node: ast.GroupingFunction, scope: Scope) -> Expression:
    """Bind ``GROUPING(a, b)``: its arguments are matched with the GROUP BY items once those are known."""
    position = node.position or None
    if scope.clause not in AGGREGATE_CLAUSES:
        raise GroupingError(f"grouping operations are not allowed in {scope.clause}", position=position)
    arguments = tuple(binder.expression(argument, scope) for argument in node.arguments)
    request = GroupingRequest(type="int4", groups=(), source=0, position=position, arguments=arguments)
    scope.groupings.append(request)
    return request


@frozen(kw_only=True)
class GroupingRequest(Grouping):
    """GROUPING before its arguments have been matched with the groups."""

    arguments: tuple[Expression, ...]


def _loosened_column(node: Any) -> Any:
    return evolve(node, nullable=True) if node.__class__ is Column and not node.nullable else None


class Grouper:
    """Makes the Aggregate node of one SELECT and rewrites what stands above it."""

    def __init__(
        self,
        binder: Binder,
        scope: Scope,
        groups: list[Expression],
        grouping_sets: tuple[tuple[int, ...], ...] | None,
    ) -> None:
        self.binder = binder
        self.scope = scope
        self.source = binder.new_source()
        self.groups = groups
        self.grouping_sets = grouping_sets
        self.calls: list[AggregateCall] = []
        self.own = {base.source for item in scope.items for base in item.base_items()}
        self._bound = len(groups)
        self._nulled = grouping_sets is not None
        self._dependent: list[Column] = []
        self._in_subquery = False

    def above(self, expression: Any) -> Any:
        """Return an expression (or sort key, or tuple of them) as it reads above the Aggregate node."""
        # A group column that a grouping set leaves out is NULL, whatever was known about the column below.
        return rewritten(expression, self._replace, loosen=self._nulled)

    def _replace(self, node: Any) -> Any:
        if not isinstance(node, Expression):
            return None
        for index, group in enumerate(self.groups):
            if node.__class__ is group.__class__ and matches(self.binder, node, group):
                return self._group_column(index, group, node.position)
        if node.__class__ is AggregateCall:
            return self._call_column(node) if self._is_own(node) else None
        if node.__class__ is GroupingRequest:
            return self._grouping(node)
        if node.__class__ is Column and node.source in self.own:
            return self._ungrouped(node)
        if node.__class__ is Subquery and not self._in_subquery:
            return self._subquery(node)
        return None

    def _subquery(self, node: Subquery) -> Subquery:
        left, comparison = self.above(node.left), self.above(node.comparison)
        self._in_subquery = True
        plan = self.above(node.plan)
        self._in_subquery = False
        if plan is not node.plan:
            if self._nulled:
                plan = rewritten(plan, _loosened_column, loosen=True)
            node = evolve(node, plan=plan, outer=free_columns(plan))
        return evolve(node, left=left, comparison=comparison)

    def _group_column(self, index: int, group: Expression, position: int | None) -> Expression:
        return Column(
            type=group.type,
            typmod=group.typmod,
            nullable=group.nullable or self._nulled,
            collation=group.collation,
            position=position,
            source=self.source,
            index=index,
            name=getattr(group, "name", ""),
        )

    def _is_own(self, call: AggregateCall) -> bool:
        return any(call is own for own in self.scope.aggregates)

    def _call_column(self, call: AggregateCall) -> Expression:
        number = next((at for at, known in enumerate(self.calls) if matches(self.binder, known, call)), None)
        if number is None:
            number = len(self.calls)
            self.calls.append(call)
        # Groups may still be added for functionally dependent columns: calls are numbered from the far end until
        # ``node``.
        return Column(
            type=call.type,
            typmod=call.typmod,
            nullable=call.nullable,
            collation=call.collation,
            position=call.position,
            source=self.source,
            index=CALLS + number,
            name=call.aggregate.name,
        )

    def _grouping(self, node: GroupingRequest) -> Expression:
        indexes = []
        for argument in node.arguments:
            for index, group in enumerate(self.groups[: self._bound]):
                if matches(self.binder, argument, group):
                    indexes.append(index)
                    break
            else:
                raise GroupingError(
                    "arguments to GROUPING must be grouping expressions of the associated query level",
                    position=argument.position,
                )
        return Grouping(groups=tuple(indexes), source=self.source, position=node.position)

    def _ungrouped(self, column: Column) -> Expression:
        for item in self.scope.items:
            for base in item.base_items():
                if base.source == column.source and self._determined(base):
                    self.groups.append(column)
                    self._dependent.append(column)
                    if self.grouping_sets is not None:
                        added = len(self.groups) - 1
                        self.grouping_sets = tuple((*members, added) for members in self.grouping_sets)
                    return self._group_column(len(self.groups) - 1, column, column.position)
        raise self.ungrouped_error(column)

    def _determined(self, item: RangeItem) -> bool:
        """Return whether the groups hold the item's primary key, so that one group has one value of every column."""
        if item.relation is None:
            return False
        key = primary_key(item.relation)
        if not key:
            return False
        common = (
            set(range(self._bound))
            if self.grouping_sets is None
            else set.intersection(*(set(members) for members in self.grouping_sets))
            if self.grouping_sets
            else set()
        )
        grouped = {
            column.index
            for number, group in enumerate(self.groups[: self._bound])
            if number in common and (column := stored_column(group)) is not None and column.source == item.source
        }
        return all(number - 1 in grouped for number in key)

    def ungrouped_error(self, column: Column) -> GroupingError:
        """Return the error for a column that is neither grouped by nor aggregated."""
        name = f"{self._item_name(column)}.{column.name}"
        if self._in_subquery:
            return GroupingError(f'subquery uses ungrouped column "{name}" from outer query', position=column.position)
        return GroupingError(
            f'column "{name}" must appear in the GROUP BY clause or be used in an aggregate function',
            position=column.position,
        )

    def _item_name(self, column: Column) -> str:
        for item in self.scope.items:
            for base in item.base_items():
                if base.source == column.source:
                    return base.name
        return ""

    def node(self, plan: nodes.PlanNode) -> nodes.Aggregate:
        """Return the Aggregate node over a plan; to be called when every expression above has been rewritten."""
        columns = [self.binder.output_column(getattr(group, "name", ""), group) for group in self.groups]
        if self._nulled:
            columns = [evolve(column, nullable=True) for column in columns]
        columns += [self.binder.output_column(call.aggregate.name, call) for call in self.calls]
        if self.grouping_sets is not None:
            columns.append(nodes.OutputColumn(name="grouping", type="int4", nullable=False))
        groups, calls = tuple(self.groups), tuple(self.calls)
        if contains_level(groups, SetReturningCall):
            plan, expanded = expand_below(self.binder, plan, (*groups, *calls))
            groups, calls = expanded[: len(groups)], expanded[len(groups) :]
        return nodes.Aggregate(
            source=self.source,
            columns=tuple(columns),
            groups=groups,
            group_classes=tuple(equality_class(self.binder, group.type, group.position) for group in groups),
            calls=calls,
            grouping_sets=self.grouping_sets,
            input=plan,
        )

    def settled(self, expression: Any) -> Any:
        """Return a rewritten expression with the calls' columns at their final places."""
        return rewritten(expression, self._settle)

    def _settle(self, node: Any) -> Any:
        if node.__class__ is Column and node.source == self.source and node.index >= CALLS:
            return evolve(node, index=node.index - CALLS + len(self.groups))
        return None


CALLS = 1 << 20
"""Where the columns of aggregate calls are numbered from while groups may still be added."""


def primary_key(relation: Relation) -> tuple[int, ...]:
    """Return the attribute numbers of a relation's primary key, () where it has none that can be relied on."""
    for constraint in relation.constraints:
        if constraint.kind == "primary key" and not constraint.deferrable:
            return constraint.columns
    return ()


def expand_grouping(
    items: tuple[ast.Expression | ast.GroupingSet, ...], position: int | None = None
) -> list[list[ast.Expression]] | None:
    """Return the grouping sets that GROUP BY means as lists of expressions, or None where it is a plain list."""
    if not any(isinstance(item, ast.GroupingSet) for item in items):
        return None
    result: list[list[ast.Expression]] = [[]]
    for item in items:
        sets = _sets(item)
        result = [first + second for first in result for second in sets]
        if len(result) > 4096:
            from heliosdb.errors import StatementTooComplex

            raise StatementTooComplex("too many grouping sets present (maximum 4096)", position=position)
    return result


def _sets(item: ast.Expression | ast.GroupingSet) -> list[list[ast.Expression]]:
    if not isinstance(item, ast.GroupingSet):
        return [_members(item)]
    if item.kind == "empty":
        return [[]]
    if item.kind == "rollup":
        parts = [_members(member) for member in item.members if not isinstance(member, ast.GroupingSet)]
        return [[node for part in parts[:count] for node in part] for count in range(len(parts), -1, -1)]
    if item.kind == "cube":
        parts = [_members(member) for member in item.members if not isinstance(member, ast.GroupingSet)]
        if len(parts) > 12:
            from heliosdb.errors import TooManyColumns

            raise TooManyColumns("CUBE is limited to 12 elements", position=item.position or None or None)
        # The order of PostgreSQL: by size, as it later sorts them.
        masks = range((1 << len(parts)) - 1, -1, -1)
        return [
            [node for at, part in enumerate(parts) if mask >> (len(parts) - 1 - at) & 1 for node in part]
            for mask in masks
        ]
    return [members for member in item.members for members in _sets(member)]


def _members(item: ast.Expression) -> list[ast.Expression]:
    if isinstance(item, ast.RowConstructor) and not item.explicit:
        return list(item.elements)
    return [item]


def refuse_windows(expression: Expression, clause: str) -> None:
    """Raise 42P20 where a window call stands in a clause that is evaluated before windows."""
    for node in walk_level(expression):
        if isinstance(node, WindowCall):
            raise WindowingError(f"window functions are not allowed in {clause}", position=node.position)
