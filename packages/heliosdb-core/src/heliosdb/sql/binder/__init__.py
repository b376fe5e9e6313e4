"""The binder: from syntax tree to logical plan.

Reading order: context, scope, names, literals, coercion, functions, expressions, query, from_clause, aggregates,
windows, cte, insert.
"""

from __future__ import annotations

from heliosdb.sql.binder.bind import bind, bind_expression, bind_type
from heliosdb.sql.binder.context import BindContext, Resolutions

__all__ = ["BindContext", "Resolutions", "bind", "bind_expression", "bind_type"]
