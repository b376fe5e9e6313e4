"""DELETE: the target joined with USING and filtered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.plan import nodes
from heliosdb.sql import statements as ast
from heliosdb.sql.binder.constraints import referencing_keys
from heliosdb.sql.binder.cte import bind_with, with_node
from heliosdb.sql.binder.modify import bind_returning
from heliosdb.sql.binder.scope import Scope
from heliosdb.sql.binder.update import bind_target_rows
from heliosdb.sql.binder.write_target import find_target

if TYPE_CHECKING:
    from heliosdb.sql.binder.binder import Binder

__all__ = ["bind_delete"]


def bind_delete(binder: Binder, statement: ast.Delete, parent: Scope | None) -> nodes.PlanNode:
    """Bind DELETE."""
    scope = Scope(parent)
    ctes = bind_with(binder, statement.with_clause, scope) if statement.with_clause is not None else []
    written = find_target(binder, statement.target, "delete from")
    relation = written.relation
    plan, item, others = bind_target_rows(binder, written, statement.target, statement.using, statement.where, scope)
    target, source = binder.new_source(), binder.new_source()
    old_item = written.item(target, item.name if item.name != written.name else None)
    binder.owners[target] = scope
    scope.items = [old_item, *others]
    returning, returned = bind_returning(binder, statement.returning, scope)
    written.require("d")
    delete = nodes.Delete(
        input=plan,
        relation=relation,
        target=target,
        source=source,
        columns=returned,
        returning=returning,
        referencing=referencing_keys(binder, relation),
        scan=item.source,
    )
    return with_node(ctes, delete) if ctes else delete
