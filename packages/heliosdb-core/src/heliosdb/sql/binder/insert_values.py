"""The VALUES list of an INSERT: each cell converted to its column's type by itself, as PostgreSQL does it.

Lists of thousands of literal rows are common (dumps, loaders), so a literal that its column's type reads directly
becomes a constant in one step, length coercion included. That looks at the value: it is done only where the literal
has no slot, that is where the plan serves this text alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from heliosdb.errors import Error, SqlSyntaxError
from heliosdb.plan import nodes
from heliosdb.plan.expressions import Constant, Expression
from heliosdb.sql import statements as ast
from heliosdb.sql.binder.constraints import bind_default
from heliosdb.sql.binder.literals import without_negative_zero
from heliosdb.sql.binder.value_columns import ColumnCells, read_rows
from heliosdb.sql.parser import parse_rows

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import ColumnDefinition, Relation
    from heliosdb.sql.binder.binder import Binder
    from heliosdb.sql.binder.scope import Scope
    from heliosdb.sql.value_rows import ValueRows

__all__ = ["bind_rows"]

INTEGERS = {"int2": 2**15, "int4": 2**31, "int8": 2**63}
READABLE = {
    "integer": frozenset({"numeric", "float4", "float8"}),
    "numeric": frozenset({"numeric", "float4", "float8"}),
}
"""Types whose input reads a number's text as the assignment cast from the literal's own type would convert it."""

Cell = Callable[[ast.Literal], Expression | None]


def bind_rows(
    binder: Binder,
    relation: Relation,
    columns: list[ColumnDefinition],
    rows: tuple[tuple[ast.Expression, ...], ...],
    use_default: set[int],
    scope: Scope,
    every: ValueRows | None = None,
) -> nodes.Values:
    """Return the rows, of the columns' types; in the columns ``use_default`` the default stands whatever was written.

    ``every`` are all rows where only the first was parsed.
    """
    if every is not None:
        many = None if use_default else _many(binder, columns, every)
        if many is not None:
            return many
        rows = parse_rows(every)
    width = len(columns)
    defaults: dict[int, Expression] = {}
    readers = [_reader(binder, column) for column in columns]
    table: list[tuple[Expression, ...]] = []
    before, scope.clause = scope.clause, "VALUES"
    for row in rows:
        if len(row) != width:
            raise SqlSyntaxError("VALUES lists must all be the same length", position=row[0].position or None)
        cells: list[Expression] = []
        for number, node in enumerate(row):
            cell: Expression | None = None
            if node.__class__ is ast.Literal and number not in use_default:
                assert isinstance(node, ast.Literal)
                if node.slot is None or binder.slots.suspended:
                    cell = readers[number](node)
            if cell is None:
                if number in use_default or isinstance(node, ast.Default):
                    cell = defaults.get(number)
                    if cell is None:
                        cell = defaults[number] = bind_default(binder, relation, columns[number])
                else:
                    cell = _converted(binder, columns[number], node, scope)
            cells.append(cell)
        table.append(tuple(cells))
    scope.clause = before
    outputs = tuple(
        nodes.OutputColumn(
            name=column.name,
            type=column.type,
            typmod=column.typmod,
            nullable=any(row[number].nullable for row in table),
            collation=column.collation,
        )
        for number, column in enumerate(columns)
    )
    return nodes.Values(source=binder.new_source(), columns=outputs, table=tuple(table))


def _many(binder: Binder, columns: list[ColumnDefinition], every: ValueRows) -> nodes.Values | None:
    """Return the rows of a long list of constants without an expression for each; None where that cannot be."""
    cells = [_cells(binder, column) for column in columns]
    rows = read_rows(cells, every)
    if rows is None:
        return None
    outputs = tuple(
        nodes.OutputColumn(
            name=column.name,
            type=column.type,
            typmod=column.typmod,
            nullable=cell.has_null,
            collation=column.collation,
        )
        for column, cell in zip(columns, cells)
    )
    return nodes.Values(source=binder.new_source(), columns=outputs, table=(), datums=rows)


def _cells(binder: Binder, column: ColumnDefinition) -> ColumnCells:
    limit = INTEGERS.get(column.type, 0)
    # Such a statement's plan is not kept, so it may hold what the session's settings make of a text.
    return ColumnCells(column.type, column.typmod, limit, _reader(binder, column, binder.context.session))


def _converted(binder: Binder, column: ColumnDefinition, node: ast.Expression, scope: Scope) -> Expression:
    expression = binder.expression(node, scope)
    if expression.type == column.type and column.typmod < 0:
        return expression
    return binder.assigned(expression, column.type, column.typmod, column.name, ast.leftmost(node) or None)


def _reader(binder: Binder, column: ColumnDefinition, session: Any = None) -> Cell:
    """Return what reads a literal as a constant of a type; it gives None where a conversion must be bound.

    ``session`` is None where what depends on its settings must not be read now.
    """
    type_, typmod = column.type, column.typmod
    found = binder.types.by_name(type_)
    if (found.needs_session and session is None) or found.kind == "domain" or type_ in ("interval", "regclass"):
        return lambda literal: None
    read = binder.types.input(type_)
    length = binder.types.coerce_typmod(type_) if typmod >= 0 else None
    limit = INTEGERS.get(type_, 0)
    numbers = {kind for kind, types in READABLE.items() if type_ in types}

    def constant(literal: ast.Literal) -> Expression | None:
        kind = literal.kind
        value: Any
        if kind == "integer" and limit:
            value = int(literal.value) if len(literal.value) < 20 else limit
            if not -limit <= value < limit:
                return None
        elif kind == "string" or kind in numbers:
            try:
                text = literal.value if kind == "string" else without_negative_zero(literal.value)
                value = read(text, -1, session)
            except Error as error:
                raise error.at(literal.position or None) from None
        elif kind == "boolean" and type_ == "bool":
            value = literal.value == "true"
        elif kind == "null":
            return Constant(type=type_, typmod=typmod, value=None)
        else:
            return None
        if length is not None:
            value = length(value, typmod, False)
        return Constant(type=type_, typmod=typmod, value=value, nullable=False, position=literal.position or None)

    return constant
