"""UPDATE: the target joined with FROM, filtered, and what each column gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.errors import DuplicateAlias
from heliosdb.plan import nodes
from heliosdb.sql import statements as ast
from heliosdb.sql.binder.constraints import (
    bind_checks,
    bind_generated,
    foreign_keys,
    referencing_keys,
)
from heliosdb.sql.binder.cte import bind_with, with_node
from heliosdb.sql.binder.from_clause import bind_from
from heliosdb.sql.binder.modify import bind_assignments, bind_returning
from heliosdb.sql.binder.scope import RangeItem, Scope
from heliosdb.sql.binder.write_target import WriteTarget, find_target

if TYPE_CHECKING:
    from heliosdb.sql.binder.binder import Binder

__all__ = ["bind_target_rows", "bind_update"]


def bind_target_rows(
    binder: Binder,
    written: WriteTarget,
    target: ast.RangeTable,
    others: tuple[ast.FromItem, ...],
    where: ast.Expression | None,
    scope: Scope,
) -> tuple[nodes.PlanNode, RangeItem, list[RangeItem]]:
    """Return the rows of the target that UPDATE or DELETE is about, the target's item and those of FROM or USING."""
    from heliosdb.sql.binder.clauses import bind_condition

    source = binder.new_source()
    alias = target.alias.name if target.alias is not None else None
    relation = written.relation
    item = written.item(source, alias)
    binder.owners[source] = scope
    plan: nodes.PlanNode = nodes.Scan(
        source=source,
        columns=binder.scan_columns(relation),
        relation=relation,
        alias=alias or written.name,
    )
    for condition in written.condition(source):
        plan = nodes.Filter(input=plan, condition=condition)
    from_items: list[RangeItem] = []
    if others:
        right = bind_from(binder, scope, others)
        from_items = scope.items
        for other in from_items:
            if other.relation_visible and other.name == item.name:
                raise DuplicateAlias(f'table name "{item.name}" specified more than once')
        plan = nodes.Join(kind="inner", left=plan, right=right)
    scope.items = [item, *from_items]
    if where is not None:
        plan = nodes.Filter(input=plan, condition=bind_condition(binder, where, scope, "WHERE"))
    return plan, item, from_items


def bind_update(binder: Binder, statement: ast.Update, parent: Scope | None) -> nodes.PlanNode:
    """Bind UPDATE."""
    scope = Scope(parent)
    ctes = bind_with(binder, statement.with_clause, scope) if statement.with_clause is not None else []
    written = find_target(binder, statement.target, "update")
    relation = written.relation
    plan, item, others = bind_target_rows(
        binder, written, statement.target, statement.from_items, statement.where, scope
    )
    assignments = bind_assignments(binder, written, statement.assignments, scope)
    changed = {assignment.slot + 1 for assignment in assignments}
    target, source = binder.new_source(), binder.new_source()
    generated = bind_generated(binder, relation, target)
    changed |= {assignment.slot + 1 for assignment in generated}
    new_item = written.item(target, item.name if item.name != written.name else None)
    binder.owners[target] = scope
    scope.items = [new_item, *others]
    returning, returned = bind_returning(binder, statement.returning, scope)
    written.require("w")
    update = nodes.Update(
        input=plan,
        relation=relation,
        target=target,
        source=source,
        columns=returned,
        returning=returning,
        checks=(*bind_checks(binder, relation, target), *written.view_checks(target)),
        generated=generated,
        foreign_keys=foreign_keys(relation, changed),
        referencing=referencing_keys(binder, relation, changed),
        scan=item.source,
        assignments=assignments,
    )
    return with_node(ctes, update) if ctes else update
