"""Clauses that are one expression or less: WHERE and its kin, LIMIT and OFFSET, FOR UPDATE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.errors import (
    FeatureNotSupported,
    InvalidColumnReference,
    InvalidRowCountInLimitClause,
    SqlSyntaxError,
    UndefinedTable,
)
from heliosdb.plan import nodes
from heliosdb.plan.expressions import Constant, Expression, SortKey
from heliosdb.plan.rewrite import columns_in
from heliosdb.sql import statements as ast
from heliosdb.sql.binder.coercion import coerce_to_boolean, coerce_to_named_type
from heliosdb.sql.binder.scope import RangeItem, Scope

if TYPE_CHECKING:
    from heliosdb.sql.binder.binder import Binder

__all__ = ["bind_condition", "bind_limit", "bind_locking", "inner_locking", "limited"]


def bind_condition(binder: Binder, node: ast.Expression, scope: Scope, clause: str) -> Expression:
    """Bind WHERE, HAVING, ON: a boolean."""
    return coerce_to_boolean(binder, binder.expression_in(clause, node, scope), clause)


def bind_limit(binder: Binder, query: ast.Query, scope: Scope) -> tuple[Expression | None, Expression | None]:
    """Return LIMIT and OFFSET, None for ``LIMIT NULL``."""
    construct = "FETCH FIRST" if query.with_ties else "LIMIT"
    offset = _row_count(binder, query.offset, scope, "OFFSET") if query.offset is not None else None
    if query.limit is None:
        return None, offset
    if query.with_ties and not query.order_by:
        raise SqlSyntaxError("WITH TIES cannot be specified without ORDER BY clause")
    if query.with_ties and isinstance(query.limit, ast.Literal) and query.limit.kind == "null":
        raise InvalidRowCountInLimitClause("row count cannot be null in FETCH FIRST ... WITH TIES clause")
    if query.with_ties and any(lock.wait == "skip locked" for lock in query.locking):
        raise SqlSyntaxError("SKIP LOCKED and WITH TIES options cannot be used together")
    return _row_count(binder, query.limit, scope, construct), offset


def _row_count(binder: Binder, node: ast.Expression, scope: Scope, construct: str) -> Expression | None:
    before, scope.clause = scope.clause, construct
    expression = coerce_to_named_type(binder, binder.expression(node, scope), "int8", construct)
    scope.clause = before
    own = {base.source for item in scope.items for base in item.base_items()}
    for column in columns_in(expression):
        if column.source in own:
            raise InvalidColumnReference(
                f"argument of {construct} must not contain variables", position=column.position
            )
    if isinstance(expression, Constant) and expression.value is None and expression.slot is None:
        return None
    return expression


def limited(
    plan: nodes.PlanNode,
    query: ast.Query,
    limit: Expression | None,
    offset: Expression | None,
    keys: tuple[SortKey, ...],
) -> nodes.PlanNode:
    """Return the plan under LIMIT and OFFSET, or as it is without them."""
    if limit is None and offset is None:
        return plan
    return nodes.Limit(input=plan, limit=limit, offset=offset, ties=keys if query.with_ties else ())


def bind_locking(binder: Binder, locking: tuple[ast.Locking, ...], scope: Scope) -> tuple[tuple[int, str, str], ...]:
    """Return (source, strength, wait) for every scan that FOR UPDATE and kin lock."""
    waits = {"block": "block", "nowait": "nowait", "skip locked": "skip"}
    locks: dict[int, tuple[int, str, str]] = {}
    for clause in locking:
        wait = waits[clause.wait]
        if not clause.relations:
            for item in scope.items:
                for base in item.base_items():
                    if base.relation is not None:
                        binder.require(base.relation, "w")
                    if _is_stored(base):
                        _check_lockable(base, clause)
                        locks[base.source] = (base.source, clause.strength, wait)
            continue
        for name in clause.relations:
            if name.schema is not None:
                raise SqlSyntaxError(
                    f"FOR {clause.strength.upper()} must specify unqualified relation names",
                    position=name.position or None,
                )
            named = _locked_item(scope, name.name)
            if named is None:
                raise UndefinedTable(
                    f'relation "{name.name}" in FOR {clause.strength.upper()} clause not found in FROM clause',
                    position=name.position or None,
                )
            if named.kind not in ("relation", "subquery"):
                article = "" if named.kind == "VALUES" else "a "
                raise FeatureNotSupported(
                    f"FOR {clause.strength.upper()} cannot be applied to {article}{named.kind}",
                    position=name.position or None,
                )
            if named.relation is not None:
                binder.require(named.relation, "w")
            if _is_stored(named):
                _check_lockable(named, clause)
                locks[named.source] = (named.source, clause.strength, wait)
    return tuple(locks.values())


def _check_lockable(item: RangeItem, clause: ast.Locking) -> None:
    if item.hidden:
        raise FeatureNotSupported(f"FOR {clause.strength.upper()} cannot be applied to rows of another time")
    if item.nulled:
        raise FeatureNotSupported(
            f"FOR {clause.strength.upper()} cannot be applied to the nullable side of an outer join"
        )


def _is_stored(item: RangeItem) -> bool:
    return item.relation is not None and item.relation.kind in ("table", "materialized view")


def _locked_item(scope: Scope, name: str) -> RangeItem | None:
    for item in scope.items:
        for candidate in (item, *item.base_items()):
            if candidate.name == name:
                return candidate
    return None


def inner_locking(scope: Scope, name: str) -> tuple[ast.Locking, ...]:
    """Return what FOR UPDATE and kin of a query mean for a subquery or view in its FROM: all that is read there."""
    return tuple(
        ast.Locking(clause.strength, (), clause.wait, position=clause.position)
        for clause in scope.locking
        if not clause.relations or any(relation.name == name for relation in clause.relations)
    )
