"""The way in: whole statements, and single expressions over given columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from heliosdb.sql.binder.binder import Binder
from heliosdb.sql.binder.coercion import coerce_to_boolean, resolve_unknown
from heliosdb.sql.binder.scope import RangeItem, Scope
from heliosdb.sql.binder.type_names import bind_type_name

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Relation
    from heliosdb.plan.expressions import Expression
    from heliosdb.plan.nodes import BoundStatement, OutputColumn
    from heliosdb.sql.binder.context import BindContext
    from heliosdb.sql.statements import Expression as ExpressionNode
    from heliosdb.sql.statements import Statement, TypeName

__all__ = ["bind", "bind_expression", "bind_type"]


def bind(statement: Statement, context: BindContext) -> BoundStatement:
    """Bind a query, INSERT, UPDATE or DELETE."""
    return Binder(context).bind(statement)


def bind_expression(
    node: ExpressionNode,
    context: BindContext,
    columns: Sequence[OutputColumn] | Relation = (),
    *,
    source: int = 0,
    clause: str = "SELECT",
    type_: str | None = None,
    typmod: int = -1,
    column: str = "",
) -> Expression:
    """Bind an expression over the columns of one row, outside any query: a default, a check, an index key, a predicate.

    ``columns`` are the row's, whose place is ``source``: a relation (its attributes by slot, and its name) or plain
    columns. ``clause`` names what the expression is for in errors ("check constraints", "DEFAULT expressions", "index
    expressions", "index predicates", "column generation expressions"). With ``type_`` the value is converted for
    storing into ``column``; ``type_`` "bool" without a column makes it a condition. Literals are values, parameters are
    refused.
    """
    binder = Binder(context)
    scope = Scope()
    scope.clause = clause
    if hasattr(columns, "columns"):
        scope.items = [binder.scan_item(columns, None, source, columns.schema)]  # type: ignore[arg-type, union-attr]
    elif columns:
        scope.items = [RangeItem("", source, columns)]
    with binder.other_text():
        expression = binder.expression(node, scope)
        if type_ == "bool" and not column:
            return coerce_to_boolean(binder, expression, clause)
        if type_ is not None:
            return binder.assigned(expression, type_, typmod, column)
        return resolve_unknown(binder, expression)


def bind_type(written: TypeName, context: BindContext) -> tuple[str, int]:
    """Return (internal name, typmod) of a written type."""
    return bind_type_name(Binder(context), written)
