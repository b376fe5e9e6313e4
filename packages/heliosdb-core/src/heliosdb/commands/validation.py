"""Do the rows that are there satisfy a new constraint? Asked by ALTER TABLE, with PostgreSQL's words when they do not.

A reference is checked set against set: the referenced keys are read once, so that adding it costs one pass over each
table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from heliosdb.catalog.definitions import ColumnDefinition, Constraint, Relation
from heliosdb.codegen.index_keys import key_shape
from heliosdb.commands.binding import bind_condition, compile_row, parse_expression
from heliosdb.errors import CheckViolation, ForeignKeyViolation, NotNullViolation
from heliosdb.plan.forms import spelled

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession

__all__ = ["check_not_null", "check_references", "check_rows"]

Row = tuple[Any, ...]


def rows_of(session: CommandSession, relation: Relation) -> Iterable[Row]:
    """Yield a table's rows as the current command sees them."""
    for block in session.transaction.view(relation.oid).row_blocks():
        session.check_interrupt()
        yield from block


def check_not_null(relation: Relation, columns: Sequence[ColumnDefinition], rows: Iterable[Row]) -> None:
    """Raise where a row has NULL in one of the columns."""
    slots = [(column.number - 1, column) for column in columns]
    for row in rows:
        for slot, column in slots:
            if slot >= len(row) or row[slot] is None:
                raise NotNullViolation(
                    f'column "{column.name}" of relation "{relation.name}" contains null values',
                    schema=relation.schema,
                    table=relation.name,
                    column=column.name,
                )


def check_rows(
    session: CommandSession, relation: Relation, constraints: Sequence[Constraint], rows: Iterable[Row]
) -> None:
    """Raise where a row makes one of the checks false."""
    if not constraints:
        return
    conditions = [
        bind_condition(
            session, parse_expression(session, item.expression or ""), relation.columns, relation.name, "CHECK"
        )
        for item in constraints
    ]
    compute = compile_row(session, conditions)
    for row in rows:
        for constraint, holds in zip(constraints, compute(row)):
            if holds is False:
                raise CheckViolation(
                    f'check constraint "{constraint.name}" of relation "{relation.name}" is violated by some row',
                    schema=relation.schema,
                    table=relation.name,
                    constraint=constraint.name,
                )


def check_references(
    session: CommandSession, relation: Relation, constraint: Constraint, referenced: Relation, rows: Iterable[Row]
) -> None:
    """Raise where a row refers to a key that the referenced table does not have."""
    foreign = constraint.foreign
    assert foreign is not None
    index = next(index for index in referenced.indexes if index.oid == constraint.index)
    shape = key_shape(referenced, index, session.registries)
    order = [foreign.columns.index(key.column or 0) for key in index.keys]
    slots = [constraint.columns[place] - 1 for place in order]
    targets = [foreign.columns[place] - 1 for place in order]
    present = {shape.key([row[slot] for slot in targets]) for row in rows_of(session, referenced)}
    for row in rows:
        values = [row[slot] for slot in slots]
        nulls = values.count(None)
        if nulls and (foreign.match == "simple" or nulls == len(values)):
            continue
        detail = None
        if nulls:
            detail = "MATCH FULL does not allow mixing of null and nonnull key values."
        elif shape.key(values) not in present:
            detail = f'Key {printed(session, relation, constraint, row)} is not present in table "{referenced.name}".'
        if detail is not None:
            raise ForeignKeyViolation(
                f'insert or update on table "{relation.name}" violates foreign key constraint "{constraint.name}"',
                detail=detail,
                schema=relation.schema,
                table=relation.name,
                constraint=constraint.name,
            )


def printed(session: CommandSession, relation: Relation, constraint: Constraint, row: Row) -> str:
    """Return ``(a, b)=(1, x)`` for a constraint's columns."""
    columns = [relation.columns[number - 1] for number in constraint.columns]
    names = ", ".join([column.name for column in columns])
    values = [spelled(session.registries, column, row[column.number - 1], session) for column in columns]
    return f"({names})=({', '.join(values)})"
