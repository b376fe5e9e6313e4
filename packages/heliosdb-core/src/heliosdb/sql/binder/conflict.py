"""ON CONFLICT: which unique indexes decide, and what is done to the row that is already there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.errors import (
    FeatureNotSupported,
    InvalidColumnReference,
    SqlSyntaxError,
    UndefinedObject,
    WrongObjectType,
)
from heliosdb.plan import nodes
from heliosdb.plan.expressions import Expression
from heliosdb.plan.forms import stored_column
from heliosdb.sql import statements as ast
from heliosdb.sql.binder.coercion import coerce_to_boolean
from heliosdb.sql.binder.constraints import bind_table_text
from heliosdb.sql.binder.modify import bind_assignments
from heliosdb.sql.binder.ordering import matches
from heliosdb.sql.binder.scope import Scope

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Index, Relation
    from heliosdb.sql.binder.binder import Binder
    from heliosdb.sql.binder.write_target import WriteTarget

__all__ = ["bind_conflict"]


def bind_conflict(
    binder: Binder, written: WriteTarget, clause: ast.OnConflict, alias: str | None, scope: Scope
) -> tuple[nodes.ConflictClause, set[int]]:
    """Return the bound clause and the attribute numbers that its SET changes."""
    if clause.action == "update" and clause.target is None:
        raise SqlSyntaxError(
            "ON CONFLICT DO UPDATE requires inference specification or constraint name",
            hint="For example, ON CONFLICT (column_name).",
            position=clause.position or None,
        )
    existing, excluded = binder.new_source(), binder.new_source()
    existing_item = written.item(existing, alias)
    arbiters = _arbiters(binder, written, clause.target, existing) if clause.target is not None else ()
    if clause.action == "nothing":
        return nodes.ConflictClause(arbiters=arbiters, existing=existing, excluded=excluded), set()
    excluded_item = written.item(excluded, "excluded")
    # The row that was to be inserted is the statement's own.
    written.items.remove(excluded_item)
    binder.owners[existing] = binder.owners[excluded] = scope
    scope.items = [existing_item, excluded_item]
    assignments = bind_assignments(binder, written, clause.assignments, scope)
    condition: Expression | None = None
    if clause.where is not None:
        condition = coerce_to_boolean(binder, binder.expression_in("WHERE", clause.where, scope), "WHERE")
    bound = nodes.ConflictClause(
        arbiters=arbiters, existing=existing, excluded=excluded, assignments=assignments, condition=condition
    )
    return bound, {assignment.slot + 1 for assignment in assignments}


def _arbiters(binder: Binder, written: WriteTarget, target: ast.ConflictTarget, source: int) -> tuple[Index, ...]:
    relation = written.relation
    # Whether there is a conflict tells of the rows that are there.
    written.items[-1].named = True
    if target.constraint is not None:
        for constraint in relation.constraints:
            if constraint.name == target.constraint:
                break
        else:
            raise UndefinedObject(f'constraint "{target.constraint}" for table "{relation.name}" does not exist')
        for index in relation.indexes:
            if index.oid == constraint.index or index.constraint == constraint.oid:
                if constraint.deferrable:
                    raise WrongObjectType(
                        "ON CONFLICT does not support deferrable unique constraints/exclusion constraints as arbiters"
                    )
                return (index,)
        raise WrongObjectType("constraint in ON CONFLICT clause has no associated index")
    wanted_columns, wanted_expressions = _elements(binder, written, target, source)
    predicate: Expression | None = None
    if target.where is not None:
        inner = _table_scope(written, source, "ON CONFLICT WHERE")
        predicate = coerce_to_boolean(binder, binder.expression(target.where, inner), "WHERE")
    # A deferrable one is refused when a row comes.
    found = tuple(
        index
        for index in relation.indexes
        if index.unique and _fits(binder, relation, index, wanted_columns, wanted_expressions, predicate, source)
    )
    if not found:
        raise InvalidColumnReference(
            "there is no unique or exclusion constraint matching the ON CONFLICT specification"
        )
    return found


def _table_scope(written: WriteTarget, source: int, clause: str) -> Scope:
    scope = Scope()
    scope.items = [written.item(source, None)]
    scope.clause = clause
    return scope


def _elements(
    binder: Binder, written: WriteTarget, target: ast.ConflictTarget, source: int
) -> tuple[set[int], list[Expression]]:
    columns: set[int] = set()
    expressions: list[Expression] = []
    for element in target.elements:
        if element.direction is not None or element.nulls is not None:
            raise InvalidColumnReference(
                "ASC/DESC is not allowed in ON CONFLICT clause"
                if element.direction is not None
                else "NULLS FIRST/LAST is not allowed in ON CONFLICT clause",
                position=element.position or None,
            )
        if element.collation or element.operator_class:
            raise FeatureNotSupported(
                "a collation or operator class in ON CONFLICT is not supported", position=element.position or None
            )
        node: ast.Expression | None = element.expression
        if element.name is not None:
            node = ast.ColumnRef((element.name,), position=target.position)
        assert node is not None
        expression = binder.expression(node, _table_scope(written, source, "index expressions"))
        column = stored_column(expression)
        if column is not None and column.index >= 0:
            columns.add(column.index + 1)
        else:
            expressions.append(expression)
    return columns, expressions


def _fits(
    binder: Binder,
    relation: Relation,
    index: Index,
    columns: set[int],
    expressions: list[Expression],
    predicate: Expression | None,
    source: int,
) -> bool:
    """Return whether an index is over exactly these columns and expressions, and its predicate follows."""
    if {key.column for key in index.keys if key.column is not None} != columns:
        return False
    keys = [
        bind_table_text(binder, key.expression, relation, source, "index expressions")
        for key in index.keys
        if key.expression is not None
    ]
    if len(keys) != len(expressions):
        return False
    if not all(any(matches(binder, key, expression) for key in keys) for expression in expressions):
        return False
    if index.predicate is None:
        return True
    if predicate is None:
        return False
    # Only the very same predicate, or a conjunction that has it, is taken to imply the index's.
    own = bind_table_text(binder, index.predicate, relation, source, "index predicates")
    parts = getattr(predicate, "arguments", ()) if type(predicate).__name__ == "And" else (predicate,)
    return matches(binder, own, predicate) or any(matches(binder, own, part) for part in parts)
