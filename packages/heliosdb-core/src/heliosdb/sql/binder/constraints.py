"""Expressions that the catalog keeps as SQL text: defaults, checks, generated columns, index keys, predicates, views.

They are parsed and bound when they are used, in a name space of their own: the columns of their table, no parameters,
and literals that are no slots of the statement. ``bind_expression`` is what DDL and index maintenance use; the rest
serves INSERT, UPDATE and DELETE.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from heliosdb.catalog.sequences import NEXT_IDENTITY
from heliosdb.errors import DataCorrupted, Error, UndefinedTable
from heliosdb.plan import nodes
from heliosdb.plan.expressions import Constant, Expression
from heliosdb.plan.forms import writing
from heliosdb.sql import statements as ast
from heliosdb.sql.binder.coercion import coerce_to_boolean, resolve_unknown
from heliosdb.sql.binder.scope import Scope
from heliosdb.sql.parser import parse_expression, parse_one

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import ColumnDefinition, Constraint, Relation
    from heliosdb.sql.binder.binder import Binder

__all__ = [
    "bind_checks",
    "bind_default",
    "bind_generated",
    "bind_table_text",
    "foreign_keys",
    "parse_text_expression",
    "parse_view",
    "referencing_keys",
]


def parse_text_expression(binder: Binder, text: str) -> ast.Expression:
    """Parse an expression of the catalog; the tree is remembered with the registries whose grammar read it."""
    memory = binder.context.resolutions.expressions
    found = memory.get(text)
    if found is None:
        found = parse_expression(text, binder.registries.grammar)
        if len(memory) > MAXIMUM_REMEMBERED:
            memory.clear()
        memory[text] = found
    return found


MAXIMUM_REMEMBERED = 4096


def parse_view(binder: Binder, relation: Relation) -> ast.Query:
    """Parse a view's text."""
    memory = binder.context.resolutions.queries
    assert relation.query is not None
    found = memory.get(relation.query)
    if found is None:
        try:
            statement = parse_one(relation.query, binder.registries.grammar)
        except Error as error:
            raise DataCorrupted(f'the definition of view "{relation.name}" cannot be read: {error.message}') from error
        if not isinstance(statement, ast.Query):
            raise DataCorrupted(f'the definition of view "{relation.name}" is not a query')
        if len(memory) > MAXIMUM_REMEMBERED:
            memory.clear()
        found = memory[relation.query] = statement
    return found


def bind_table_text(binder: Binder, text: str, relation: Relation, source: int, clause: str) -> Expression:
    """Bind an expression text over the columns of a relation whose row is ``source``."""
    scope = Scope()
    scope.items = [binder.scan_item(relation, None, source, relation.schema)]
    scope.clause = clause
    with binder.other_text(relation.search_path or None):
        return resolve_unknown(binder, binder.expression(parse_text_expression(binder, text), scope))


def bind_default(binder: Binder, relation: Relation, column: ColumnDefinition) -> Expression:
    """Return the value of a column that is not given: its default, its identity's next number, or NULL."""
    text = column.default
    if column.identity and text is None:
        return _next_identity(binder, relation, column)
    if column.generated is None and column.type.startswith("#"):
        domain = binder.types.definition(column.type)
        if domain is not None and domain.kind == "domain" and text is None:
            text = domain.default or "NULL"
    if text is None or column.generated is not None:
        return Constant(type=column.type, typmod=column.typmod, value=None)
    scope = Scope()
    scope.clause = "DEFAULT expressions"
    with binder.other_text(relation.search_path or None):
        expression = binder.expression(parse_text_expression(binder, text), scope)
        return binder.assigned(expression, column.type, column.typmod, column.name)


def _next_identity(binder: Binder, relation: Relation, column: ColumnDefinition) -> Expression:
    """Return the next number of the sequence that an identity column owns."""
    from heliosdb.sql.binder.expressions import call_by_name

    for sequence in binder.context.catalog.sequences():
        options = sequence.sequence
        if options is not None and options.owned_by == (relation.oid, column.number):
            binder.dependencies.add((sequence.oid, sequence.version))
            argument = Constant(type="regclass", value=sequence.oid, nullable=False)
            number = evolve(call_by_name(binder, "nextval", (argument,), None), function=NEXT_IDENTITY)
            return binder.assigned(number, column.type, column.typmod, column.name)
    raise UndefinedTable(f'no owned sequence found for column "{column.name}" of relation "{relation.name}"')


def bind_generated(binder: Binder, relation: Relation, source: int) -> tuple[nodes.Assignment, ...]:
    """Return the assignments of the stored generated columns, bound on the new row."""
    result = []
    for column in relation.columns:
        if column.dropped or column.generated is None:
            continue
        expression = bind_table_text(binder, column.generated, relation, source, "column generation expressions")
        value = binder.assigned(expression, column.type, column.typmod, column.name)
        stored = writing(binder.registries, column, value)
        result.append(nodes.Assignment(slot=column.number - 1, value=stored))
    return tuple(result)


def bind_checks(binder: Binder, relation: Relation, source: int) -> tuple[nodes.RowCheck, ...]:
    """Return the CHECK constraints, bound on the new row, in the order they are checked: by name, as in PostgreSQL."""
    result = []
    for constraint in sorted(relation.constraints, key=lambda constraint: constraint.name):
        if constraint.kind != "check" or constraint.expression is None:
            continue
        expression = bind_table_text(binder, constraint.expression, relation, source, "check constraints")
        condition = coerce_to_boolean(binder, expression, "CHECK")
        result.append(nodes.RowCheck(condition=condition, constraint=constraint.name))
    return tuple(result)


def foreign_keys(relation: Relation, changed: set[int] | None = None) -> tuple[Constraint, ...]:
    """Return the foreign keys of a relation that have one of the changed attribute numbers (None: all)."""
    return tuple(
        constraint
        for constraint in relation.constraints
        if constraint.kind == "foreign key" and (changed is None or changed & set(constraint.columns))
    )


def referencing_keys(
    binder: Binder, relation: Relation, changed: set[int] | None = None
) -> tuple[tuple[Relation, Constraint], ...]:
    """Return the foreign keys of other tables that point to the changed attributes of a relation (None: any)."""
    result = []
    for other, constraint in binder.context.catalog.relations_referencing(relation.oid):
        assert constraint.foreign is not None
        if changed is None or changed & set(constraint.foreign.columns):
            binder.dependencies.add((other.oid, other.version))
            result.append((other, constraint))
    return tuple(result)
