"""SELECT, VALUES and what every query may have: ORDER BY, LIMIT, locking.

A SELECT is bound in PostgreSQL's order: FROM, select list, WHERE, HAVING, ORDER BY, GROUP BY, DISTINCT, LIMIT,
windows; aggregates and window calls then move to nodes of their own. The plan, from the bottom:

    FROM ─ Filter (WHERE) ─ Aggregate ─ Filter (HAVING) ─ Window ─ Sort ─ Limit ─ Project

Sort and Limit stand below Project, on the input's columns, so that an index may give their order and only rows that
come out are computed. They stand above it where the output must exist first: DISTINCT, set-returning functions, and
sort expressions that must not be computed twice (volatile ones, subqueries); hidden columns are then cut off by a
last Project.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from heliosdb.errors import (
    FeatureNotSupported,
    GroupingError,
    InvalidColumnReference,
)
from heliosdb.plan import nodes
from heliosdb.plan.expressions import (
    AggregateCall,
    Call,
    Expression,
    SetReturningCall,
    SortKey,
    Subquery,
)
from heliosdb.plan.rewrite import contains, contains_level, walk, walk_level
from heliosdb.sql import statements as ast
from heliosdb.sql.binder.aggregates import Grouper, expand_grouping, refuse_windows
from heliosdb.sql.binder.bound_query import BoundQuery
from heliosdb.sql.binder.clauses import bind_condition, bind_limit, bind_locking, limited
from heliosdb.sql.binder.coercion import (
    resolve_unknown,
)
from heliosdb.sql.binder.extensions import apply_clauses, lock_rows
from heliosdb.sql.binder.from_clause import bind_from
from heliosdb.sql.binder.locations import location
from heliosdb.sql.binder.moments import at_moments
from heliosdb.sql.binder.ordering import (
    SortRequest,
    Target,
    bind_sort_items,
    equality_class,
    find_target,
)
from heliosdb.sql.binder.scope import Scope
from heliosdb.sql.binder.set_returning import expand_sets
from heliosdb.sql.binder.targets import bind_targets
from heliosdb.sql.binder.values import bind_values
from heliosdb.sql.binder.windows import WindowPlanner, bind_windows, remember_window_definitions
from heliosdb.types.definitions import Volatility

if TYPE_CHECKING:
    from heliosdb.sql.binder.binder import Binder

__all__ = ["bind_query", "is_volatile"]


def bind_query(binder: Binder, query: ast.Query, parent: Scope | None, *, resolve_unknowns: bool = True) -> BoundQuery:
    """Bind any query; ``resolve_unknowns`` False leaves undecided literals to the caller (INSERT, set operations)."""
    if not query.extensions:
        return _bind_query(binder, query, parent, resolve_unknowns)
    with at_moments(binder, query.extensions):
        result = _bind_query(binder, query, parent, resolve_unknowns)
    result.plan = apply_clauses(binder, query.extensions, result.plan)
    return result


def _bind_query(binder: Binder, query: ast.Query, parent: Scope | None, resolve_unknowns: bool) -> BoundQuery:
    scope = Scope(parent)
    if query.with_clause is not None:
        from heliosdb.sql.binder.cte import bind_with

        ctes = bind_with(binder, query.with_clause, scope)
    else:
        ctes = None
    if isinstance(query, ast.Select):
        result = _SelectBinder(binder, query, scope, resolve_unknowns).bind()
    elif isinstance(query, ast.Values):
        result = bind_values(binder, query, scope, resolve_unknowns)
    elif isinstance(query, ast.SetOperation):
        from heliosdb.sql.binder.set_operations import bind_set_operation

        result = bind_set_operation(binder, query, scope, resolve_unknowns)
    else:
        raise FeatureNotSupported(f"{type(query).__name__} is not supported here", position=query.position or None)
    if ctes:
        from heliosdb.sql.binder.cte import with_node

        result.plan = with_node(ctes, result.plan)
    return result


def is_volatile(expression: Any) -> bool:
    """Return whether a volatile function is called anywhere in an expression or plan."""
    for node in walk(expression):
        if isinstance(node, Call | SetReturningCall) and node.function.volatility is Volatility.VOLATILE:
            return True
    return False


class _SelectBinder:
    """One SELECT on its way to a plan."""

    def __init__(self, binder: Binder, select: ast.Select, scope: Scope, resolve_unknowns: bool) -> None:
        self.binder = binder
        self.select = select
        self.scope = scope
        self.resolve_unknowns = resolve_unknowns
        self.targets: list[Target] = []
        self.sorts: list[SortRequest] = []
        self.distinct_on: list[Target] = []
        self.limit: Expression | None = None
        self.offset: Expression | None = None

    def bind(self) -> BoundQuery:
        binder, select, scope = self.binder, self.select, self.scope
        if select.into is not None:
            raise FeatureNotSupported("SELECT INTO is not allowed here", position=select.position or None)
        scope.locking = select.locking
        plan = bind_from(binder, scope, select.from_items)
        if select.windows:
            remember_window_definitions(select.windows, scope)
        self.targets = [Target(name, expression) for name, expression in bind_targets(binder, select.targets, scope)]
        if select.where is not None:
            condition = bind_condition(binder, select.where, scope, "WHERE")
            plan = nodes.Filter(input=plan, condition=condition)
        having = bind_condition(binder, select.having, scope, "HAVING") if select.having is not None else None
        if having is not None:
            refuse_windows(having, "HAVING")
        if select.order_by:
            self.sorts = bind_sort_items(binder, select.order_by, self.targets, scope)
        grouper = self._group(having)
        if select.distinct:
            self._bind_distinct()
        self.limit, self.offset = bind_limit(binder, select, scope)
        if select.windows or scope.pending_windows:
            bind_windows(binder, select.windows, self.targets, scope)
            if grouper is None and (scope.aggregates or scope.groupings):
                grouper = Grouper(binder, scope, [], None)
        if self.resolve_unknowns or select.distinct:
            for target in self.targets:
                if target.expression.type == "unknown":
                    target.expression = resolve_unknown(binder, target.expression)
        if grouper is not None:
            for target in self.targets:
                target.expression = grouper.above(target.expression)
            having = grouper.above(having) if having is not None else None
            for target in self.targets:
                target.expression = grouper.settled(target.expression)
            having = grouper.settled(having) if having is not None else None
            plan = grouper.node(plan)
            if having is not None:
                plan = nodes.Filter(input=plan, condition=having)
        if scope.has_windows:
            planner = WindowPlanner(binder)
            for target in self.targets:
                target.expression = planner.above(target.expression)
            plan = planner.node(plan)
        locks = bind_locking(binder, select.locking, scope) if select.locking else ()
        if select.locking:
            self._check_locking(grouper is not None)
        return self._assemble(plan, locks)

    # -- grouping ----------------------------------------------------------------------------------------------------

    def _group(self, having: Expression | None) -> Grouper | None:
        select, scope, binder = self.select, self.scope, self.binder
        if not select.group_by:
            if not scope.aggregates and having is None and not scope.groupings:
                return None
            return Grouper(binder, scope, [], None)
        sets = expand_grouping(select.group_by, select.position or None)
        items = (
            [node for item in select.group_by for node in _row_members(item)]
            if sets is None
            else [node for members in sets for node in members]
        )
        groups: list[Expression] = []
        numbers: dict[int, int] = {}
        for node in items:
            if id(node) in numbers:
                continue
            target = find_target(binder, node, self.targets, scope, "GROUP BY")
            target.expression = resolve_unknown(binder, target.expression)
            numbers[id(node)] = self._group_number(target.expression, groups, node)
        # Targets that only GROUP BY needs are no outputs: the groups hold their expressions.
        self.targets = [
            target
            for target in self.targets
            if not target.hidden or any(request.target is target for request in self.sorts)
        ]
        if sets is None:
            return Grouper(binder, scope, groups, None)
        grouping_sets: list[tuple[int, ...]] = []
        for members in sets:
            indexes = tuple(dict.fromkeys(numbers[id(node)] for node in members))
            if select.group_distinct and set(indexes) in [set(known) for known in grouping_sets]:
                continue
            grouping_sets.append(indexes)
        return Grouper(binder, scope, groups, tuple(grouping_sets))

    def _group_number(self, expression: Expression, groups: list[Expression], written: ast.Expression) -> int:
        from heliosdb.sql.binder.ordering import matches

        for node in walk_level(expression):
            if isinstance(node, AggregateCall):
                raise GroupingError("aggregate functions are not allowed in GROUP BY", position=node.position)
        refuse_windows(expression, "GROUP BY")
        for number, known in enumerate(groups):
            if matches(self.binder, known, expression):
                return number
        equality_class(self.binder, expression.type, ast.leftmost(written) or None)
        groups.append(expression)
        return len(groups) - 1

    # -- DISTINCT ----------------------------------------------------------------------------------------------------

    def _bind_distinct(self) -> None:
        binder, select, scope = self.binder, self.select, self.scope
        if not select.distinct_on:
            for request in self.sorts:
                if request.target.hidden:
                    item = select.order_by[self.sorts.index(request)]
                    raise InvalidColumnReference(
                        "for SELECT DISTINCT, ORDER BY expressions must appear in select list",
                        position=ast.leftmost(item.expression) or None,
                    )
            return
        chosen: list[Target] = []
        for node in select.distinct_on:
            target = find_target(binder, node, self.targets, scope, "DISTINCT ON")
            if not any(target is known for known in chosen):
                chosen.append(target)
        self.distinct_on = chosen
        for request in self.sorts[: len(chosen)]:
            if not any(request.target is target for target in chosen):
                raise InvalidColumnReference(
                    "SELECT DISTINCT ON expressions must match initial ORDER BY expressions",
                    position=select.distinct_on[0].position or None,
                )

    # -- locking -----------------------------------------------------------------------------------------------------

    def _check_locking(self, grouped: bool) -> None:
        select = self.select
        strength = f"FOR {select.locking[0].strength.upper()}"
        reason = None
        if select.distinct:
            reason = "DISTINCT clause"
        elif select.group_by:
            reason = "GROUP BY clause"
        elif select.having is not None:
            reason = "HAVING clause"
        elif grouped:
            reason = "aggregate functions"
        elif self.scope.has_windows:
            reason = "window functions"
        elif self.scope.has_set_returning:
            reason = "set-returning functions in the target list"
        if reason is not None:
            raise FeatureNotSupported(f"{strength} is not allowed with {reason}")

    # -- assembly ----------------------------------------------------------------------------------------------------

    def _assemble(self, plan: nodes.PlanNode, locks: tuple[tuple[int, str, str], ...]) -> BoundQuery:
        select, targets = self.select, self.targets
        visible = [target for target in targets if not target.hidden]
        set_returning = self.scope.has_set_returning and any(
            contains_level(target.expression, SetReturningCall) for target in targets
        )
        output_first = set_returning or (
            bool(self.sorts)
            and any(
                is_volatile(request.target.expression) or contains(request.target.expression, Subquery)
                for request in self.sorts
            )
        )
        if select.distinct and not self.distinct_on:
            return self._distinct(plan, visible, set_returning)
        if output_first:
            return self._output_first(plan, visible, set_returning, locks)
        keys = self._keys(lambda target: target.expression)
        if self.distinct_on:
            plan = self._sorted_for_distinct(plan, keys, lambda target: target.expression)
        elif keys:
            plan = nodes.Sort(input=plan, keys=keys)
        if locks:
            self.binder.read_only = False
            plan = lock_rows(plan, locks)
        plan = self._limited(plan, keys)
        return self._project(plan, visible, False)

    def _distinct(self, plan: nodes.PlanNode, visible: list[Target], set_returning: bool) -> BoundQuery:
        result = self._project(plan, visible, set_returning)
        classes = tuple(
            equality_class(self.binder, target.expression.type, location(target.expression)) for target in visible
        )
        result.plan = nodes.Distinct(input=result.plan, classes=classes)
        keys = self._keys(lambda target: result.column(visible.index(target)))
        if keys:
            result.plan = nodes.Sort(input=result.plan, keys=keys)
        result.plan = self._limited(result.plan, keys)
        return result

    def _output_first(
        self,
        plan: nodes.PlanNode,
        visible: list[Target],
        set_returning: bool,
        locks: tuple[tuple[int, str, str], ...],
    ) -> BoundQuery:
        if locks:
            self.binder.read_only = False
            plan = lock_rows(plan, locks)
        ordered = visible + [target for target in self.targets if target.hidden]
        inner = self._project(plan, ordered, set_returning)

        def column(target: Target) -> Expression:
            return inner.column(ordered.index(target))

        keys = self._keys(column)
        plan = inner.plan
        if self.distinct_on:
            plan = self._sorted_for_distinct(plan, keys, column)
        elif keys:
            plan = nodes.Sort(input=plan, keys=keys)
        plan = self._limited(plan, keys)
        if len(ordered) == len(visible):
            inner.plan = plan
            return inner
        source = self.binder.new_source()
        columns = inner.columns[: len(visible)]
        expressions = tuple(inner.column(number) for number in range(len(visible)))
        plan = nodes.Project(input=plan, source=source, columns=columns, expressions=expressions)
        return BoundQuery(plan, source, columns, expressions)

    def _keys(self, column: Any) -> tuple[SortKey, ...]:
        return tuple(
            SortKey(
                expression=column(request.target),
                ordering=request.ordering,
                descending=request.descending,
                nulls_first=request.nulls_first,
            )
            for request in self.sorts
        )

    def _sorted_for_distinct(self, plan: nodes.PlanNode, keys: tuple[SortKey, ...], column: Any) -> nodes.PlanNode:
        from heliosdb.sql.binder.ordering import sort_key

        sorted_by = {id(request.target) for request in self.sorts}
        added = tuple(
            sort_key(self.binder, column(target)) for target in self.distinct_on if id(target) not in sorted_by
        )
        on = tuple(column(target) for target in self.distinct_on)
        classes = tuple(equality_class(self.binder, expression.type, location(expression)) for expression in on)
        if keys or added:
            plan = nodes.Sort(input=plan, keys=keys + added)
        return nodes.Distinct(input=plan, on=on, classes=classes)

    def _limited(self, plan: nodes.PlanNode, keys: tuple[SortKey, ...]) -> nodes.PlanNode:
        return limited(plan, self.select, self.limit, self.offset, keys)

    def _project(self, plan: nodes.PlanNode, targets: Sequence[Target], set_returning: bool) -> BoundQuery:
        binder = self.binder
        source = binder.new_source()
        expressions = tuple(target.expression for target in targets)
        columns = tuple(binder.output_column(target.name, target.expression) for target in targets)
        if set_returning:
            plan, expressions = expand_sets(binder, plan, expressions)
            set_returning = any(isinstance(expression, SetReturningCall) for expression in expressions)
        binder.note_rows(source, expressions)
        node = nodes.ProjectSet if set_returning else nodes.Project
        return BoundQuery(
            node(input=plan, source=source, columns=columns, expressions=expressions), source, columns, expressions
        )


def _row_members(item: Any) -> list[ast.Expression]:
    if isinstance(item, ast.RowConstructor) and not item.explicit:
        return list(item.elements)
    return [item]
