"""``WHERE CURRENT OF cursor``: the condition that a row is the one on which a cursor stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heliosdb.errors import FeatureNotSupported, InvalidCursorName, InvalidCursorState
from heliosdb.plan.expressions import Column, Constant, Expression
from heliosdb.sql import statements as ast
from heliosdb.sql.binder.functions import bind_operator
from heliosdb.sql.binder.scope import RangeItem

if TYPE_CHECKING:
    from heliosdb.sql.binder.binder import Binder
    from heliosdb.sql.binder.scope import Scope

__all__ = ["bind_current_of"]


def bind_current_of(binder: Binder, node: ast.CurrentOf, scope: Scope) -> Expression:
    """Return ``row id = the current row's``; the statement is bound anew each time it runs."""
    binder.cacheable = False
    item = next((item for item in scope.items if isinstance(item, RangeItem)), None)
    relation = None if item is None else item.relation
    if item is None or relation is None or relation.kind != "table":
        raise FeatureNotSupported("WHERE CURRENT OF on a view is not implemented", position=node.position or None)
    cursors: dict[str, Any] = getattr(binder.context.session, "cursors", {})
    cursor = cursors.get(node.cursor or "")
    if cursor is None:
        raise InvalidCursorName(f'cursor "{node.cursor}" does not exist')
    if cursor.is_complete:
        raise InvalidCursorState(f'cursor "{node.cursor}" is held from a previous transaction')
    found = cursor.row_id_of(relation.oid)
    if found is None:
        raise InvalidCursorState(f'cursor "{node.cursor}" is not a simply updatable scan of table "{relation.name}"')
    if found < 0:
        raise InvalidCursorState(f'cursor "{node.cursor}" is not positioned on a row')
    row_id = Column(type="int8", source=item.source, index=-1, name="ctid", nullable=False)
    current = Constant(type="int8", value=found, nullable=False)
    return bind_operator(binder, "=", row_id, current, node.position or None)
