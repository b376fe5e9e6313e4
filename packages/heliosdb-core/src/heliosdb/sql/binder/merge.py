"""MERGE: the source's rows joined with the target's, and for each what the first WHEN clause that applies does.

Without an INSERT only rows that have a partner matter: an inner join. Else the target's side of a left join may be
missing, and a row without one is "not matched". What WHEN MATCHED does sees the target and the source, what WHEN NOT
MATCHED does the source alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.errors import DuplicateAlias, FeatureNotSupported, SqlSyntaxError
from heliosdb.plan import nodes
from heliosdb.plan.expressions import Expression
from heliosdb.sql import statements as ast
from heliosdb.sql.binder.constraints import (
    bind_checks,
    bind_default,
    bind_generated,
    foreign_keys,
    referencing_keys,
)
from heliosdb.sql.binder.cte import bind_with, with_node
from heliosdb.sql.binder.from_clause import bind_from
from heliosdb.sql.binder.insert import check_may_write, row_values
from heliosdb.sql.binder.modify import bind_assignments, refuse_duplicate
from heliosdb.sql.binder.scope import RangeItem, Scope
from heliosdb.sql.binder.write_target import WriteTarget, find_target

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import ColumnDefinition
    from heliosdb.sql.binder.binder import Binder

__all__ = ["bind_merge"]

ACTIONS = {"insert": "a", "update": "w", "delete": "d"}


def bind_merge(binder: Binder, statement: ast.Merge, parent: Scope | None) -> nodes.PlanNode:
    """Bind MERGE."""
    from heliosdb.sql.binder.clauses import bind_condition

    _check_reachable(statement)
    scope = Scope(parent)
    if statement.with_clause is not None and statement.with_clause.recursive:
        raise FeatureNotSupported("WITH RECURSIVE is not supported for MERGE statement")
    ctes = bind_with(binder, statement.with_clause, scope) if statement.with_clause is not None else []
    written = _target(binder, statement)
    relation = written.relation
    right = bind_from(binder, scope, (statement.source,))
    sources = scope.items
    number = binder.new_source()
    alias = statement.target.alias.name if statement.target.alias is not None else None
    item = written.item(number, alias)
    binder.owners[number] = scope
    for other in sources:
        if other.relation_visible and other.name == item.name:
            raise DuplicateAlias(
                f'name "{item.name}" specified more than once',
                detail="The name is used both as MERGE target table and data source.",
            )
    scan = nodes.Scan(
        source=number, columns=binder.scan_columns(relation), relation=relation, alias=alias or written.name
    )
    scope.items = [item, *sources]
    condition = bind_condition(binder, statement.condition, scope, "JOIN/ON")
    inserts = any(not when.matched for when in statement.whens)
    plan = nodes.Join(kind="left" if inserts else "inner", left=right, right=scan, condition=condition)
    target = binder.new_source()
    actions = tuple(_action(binder, written, item, sources, when, scope) for when in statement.whens)
    changed = {assignment.slot + 1 for action in actions for assignment in action.assignments}
    removes = any(action.action == "delete" for action in actions)
    adds = any(action.action == "insert" for action in actions)
    written.require("".join(ACTIONS.get(when.action, "") for when in statement.whens))
    generated = bind_generated(binder, relation, target)
    changed |= {assignment.slot + 1 for assignment in generated}
    merge = nodes.Merge(
        input=plan,
        relation=relation,
        target=target,
        source=binder.new_source(),
        checks=bind_checks(binder, relation, target),
        generated=generated,
        foreign_keys=foreign_keys(relation, None if adds else changed),
        referencing=referencing_keys(binder, relation, None if removes else changed),
        recheck=condition,
        scan=number,
        actions=actions,
    )
    return with_node(ctes, merge) if ctes else merge


def _check_reachable(statement: ast.Merge) -> None:
    unconditional: set[bool] = set()
    for when in statement.whens:
        if when.matched in unconditional:
            raise SqlSyntaxError("unreachable WHEN clause specified after unconditional WHEN clause")
        if when.condition is None:
            unconditional.add(when.matched)


def _target(binder: Binder, statement: ast.Merge) -> WriteTarget:
    relation = binder.relation(statement.target.name.parts)
    if relation is not None and relation.kind != "table":
        raise FeatureNotSupported(
            f'cannot execute MERGE on relation "{relation.name}"',
            detail=f"This operation is not supported for {relation.kind}s.",
        )
    return find_target(binder, statement.target, "merge into")


def _action(
    binder: Binder,
    written: WriteTarget,
    item: RangeItem,
    sources: list[RangeItem],
    when: ast.MergeWhen,
    scope: Scope,
) -> nodes.MergeAction:
    from heliosdb.sql.binder.clauses import bind_condition

    # What is not matched has no row of the target that could be named.
    item.relation_visible = item.columns_visible = when.matched
    scope.items = [item, *sources] if when.matched else sources
    scope.from_pending = [] if when.matched else [item]
    condition = None
    if when.condition is not None:
        condition = bind_condition(binder, when.condition, scope, "WHEN")
    assignments: tuple[nodes.Assignment, ...] = ()
    values: tuple[Expression, ...] = ()
    if when.action == "update":
        assignments = bind_assignments(binder, written, when.assignments, scope)
    elif when.action == "insert":
        values = _inserted(binder, written, when, scope)
    item.relation_visible = item.columns_visible = True
    scope.from_pending = []
    return nodes.MergeAction(
        matched=when.matched, action=when.action, condition=condition, assignments=assignments, values=values
    )


def _inserted(binder: Binder, written: WriteTarget, when: ast.MergeWhen, scope: Scope) -> tuple[Expression, ...]:
    """Return the value of every attribute of the row that WHEN NOT MATCHED THEN INSERT makes."""
    relation = written.relation
    columns: list[ColumnDefinition] = []
    if when.columns:
        names: list[str] = []
        for target in when.columns:
            column = written.column(target)
            refuse_duplicate(names, column.name, target.position or None)
            names.append(column.name)
            columns.append(column)
    else:
        columns = [column for column in written.live_columns() if column is not None]
    given: dict[int, Expression] = {}
    if when.values is not None:
        if len(when.values) > len(columns):
            raise SqlSyntaxError(
                "INSERT has more expressions than target columns",
                position=ast.leftmost(when.values[len(columns)]) or None,
            )
        if when.columns and len(when.values) < len(columns):
            raise SqlSyntaxError(
                "INSERT has more target columns than expressions",
                position=when.columns[len(when.values)].position or None,
            )
        before, scope.clause = scope.clause, "VALUES"
        for column, node in zip(columns, when.values):
            if isinstance(node, ast.Default) or (column.identity and when.overriding == "user"):
                given[column.number] = bind_default(binder, relation, column)
                continue
            check_may_write(column, when.overriding)
            value = binder.expression(node, scope)
            given[column.number] = binder.assigned(
                value, column.type, column.typmod, column.name, ast.leftmost(node) or None
            )
        scope.clause = before
    return row_values(binder, relation, given)
