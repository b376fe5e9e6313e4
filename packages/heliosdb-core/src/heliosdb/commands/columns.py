"""Columns: from their syntax to their definition, with default, identity, SERIAL, generation and NOT NULL.

A column brings along what is not the column's own: sequences, and constraints that stand on it but belong to the
table. ``ColumnDraft`` holds the three together until the table is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import define, evolve, field

from heliosdb.catalog.changes import CatalogEdit
from heliosdb.catalog.definitions import ColumnDefinition, Relation
from heliosdb.commands.binding import (
    bind_assignment,
    bind_expression,
    check_constants,
    check_contents,
    columns_used,
    is_immutable,
    not_immutable,
    refuse_columns,
    stored_text,
    type_of,
)
from heliosdb.commands.forms import refuse_values
from heliosdb.commands.naming import choose_relation_name
from heliosdb.commands.sequence_options import new_options, new_sequence
from heliosdb.errors import (
    DatatypeMismatch,
    DuplicateColumn,
    FeatureNotSupported,
    InvalidObjectDefinition,
    InvalidTableDefinition,
    NameTooLong,
    SqlSyntaxError,
    UndefinedObject,
)
from heliosdb.sql import statements as tree
from heliosdb.sql.deparse import quote_identifier, quote_literal

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession

__all__ = [
    "SERIAL",
    "ColumnDraft",
    "add_sequence",
    "check_column_name",
    "draft_column",
    "finish_expressions",
    "sequence_default",
]

SERIAL = {
    "serial": "int4",
    "serial4": "int4",
    "bigserial": "int8",
    "serial8": "int8",
    "smallserial": "int2",
    "serial2": "int2",
}

SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})


@define
class ColumnDraft:
    """A column on its way: its definition without expressions yet, and what comes with it."""

    column: ColumnDefinition
    default: tree.Expression | None = None
    generated: tree.Expression | None = None
    constraints: list[tree.Constraint] = field(factory=list)
    """Constraints of the table that were written at the column: keys, checks, references."""
    sequence: Relation | None = None
    sequence_options: Sequence[tree.Option] | None = None
    """Options of the sequence that SERIAL or an identity asks for, None where neither does."""
    position: int | None = None


def check_column_name(name: str, position: int | None = None) -> None:
    """Refuse the names of system columns."""
    if name in SYSTEM_COLUMNS:
        raise DuplicateColumn(f'column name "{name}" conflicts with a system column name', position=position)
    if len(name.encode()) > 63:
        raise NameTooLong(f'identifier "{name}" is too long', position=position)


def sequence_default(sequence: Relation) -> str:
    """Return the default of a column that a sequence fills; the name is qualified, whatever search_path will be."""
    name = f"{quote_identifier(sequence.schema)}.{quote_identifier(sequence.name)}"
    return f"nextval({quote_literal(name)}::regclass)"


def _is_serial(written: tree.TypeName) -> str | None:
    if written.percent_type or (len(written.names) > 1 and written.names[0] != "pg_catalog"):
        return None
    return SERIAL.get(written.names[-1])


def column_type(session: CommandSession, name: str, written: tree.TypeName) -> tuple[str, int]:
    """Return a column's type; pseudo-types are refused."""
    type_name, typmod = type_of(session, written)
    found = session.registries.types.by_name(type_name)
    if found.kind == "pseudo":
        raise InvalidTableDefinition(f'column "{name}" has pseudo-type {found.display}')
    return type_name, typmod


def _collation(
    session: CommandSession, collation: tree.QualifiedName | None, type_name: str, position: int | None
) -> str | None:
    if collation is None:
        return None
    if collation.name not in session.registries.collations:
        raise UndefinedObject(
            f'collation "{collation}" for encoding "UTF8" does not exist', position=collation.position
        )
    found = session.registries.types.by_name(type_name)
    if not found.collatable:
        raise DatatypeMismatch(f"collations are not supported by type {found.display}", position=position)
    return collation.name


def draft_column(session: CommandSession, written: tree.ColumnDefinition, *, number: int, table: str) -> ColumnDraft:
    """Read a column's syntax."""
    position = written.position or None
    check_column_name(written.name, position)
    if written.type is None:
        raise FeatureNotSupported("typed tables are not supported", position=position)
    if written.compression is not None:
        raise FeatureNotSupported("column compression methods are not supported", position=position)
    if written.options:
        raise FeatureNotSupported("column options are not supported", position=position)
    serial = _is_serial(written.type)
    if serial is not None:
        if written.type.dimensions:
            raise FeatureNotSupported("array of serial is not implemented", position=written.type.position or None)
        type_name, typmod = serial, -1
    else:
        type_name, typmod = column_type(session, written.name, written.type)
    collation = _collation(session, written.collation, type_name, position)
    draft = ColumnDraft(
        ColumnDefinition(number=number, name=written.name, type=type_name, typmod=typmod, collation=collation),
        position=position,
    )
    _read_constraints(draft, written, table, is_serial=serial is not None)
    identity = next((item for item in written.constraints if isinstance(item, tree.IdentityColumn)), None)
    if serial is not None:
        draft.sequence_options = ()
        draft.column = evolve(draft.column, not_null=True)
    elif identity is not None:
        draft.sequence_options = identity.options
        draft.column = evolve(draft.column, not_null=True, identity=identity.when)
    return draft


def add_sequence(
    session: CommandSession,
    edit: CatalogEdit,
    draft: ColumnDraft,
    *,
    schema: str,
    table: str,
    table_oid: int,
    persistence: str = "permanent",
) -> None:
    """Make the sequence that a column asks for, and let SERIAL's default use it."""
    if draft.sequence_options is None:
        return
    is_identity = draft.column.identity is not None
    draft.sequence = owned_sequence(
        session, edit, draft.sequence_options, schema, table, table_oid, draft.column, is_identity, persistence
    )
    if not is_identity:
        draft.column = evolve(draft.column, default=sequence_default(draft.sequence))


def owned_sequence(
    session: CommandSession,
    edit: CatalogEdit,
    options: Sequence[tree.Option],
    schema: str,
    table: str,
    table_oid: int,
    column: ColumnDefinition,
    identity: bool,
    persistence: str,
) -> Relation:
    """Make the sequence of a SERIAL or identity column."""
    parameters = new_options(
        session,
        [option for option in options if option.name != "sequence_name"],
        type_name=column.type,
        identity=identity,
    )
    named = next((option.value for option in options if option.name == "sequence_name"), None)
    name = choose_relation_name(edit, schema, table, column.name, "seq")
    if isinstance(named, tree.QualifiedName):
        name = named.name
    sequence = new_sequence(
        session,
        schema,
        name,
        evolve(parameters, owned_by=(table_oid, column.number), identity=identity),
        persistence,
    )
    edit.put(sequence)
    return sequence


def _read_constraints(
    draft: ColumnDraft,
    written: tree.ColumnDefinition,
    table: str,
    *,
    is_serial: bool,
) -> None:
    name = written.name
    saw_nullable = not_null = False
    has_default = is_serial
    has_identity = has_generated = False

    def redundant(words: str, item: tree.Constraint) -> SqlSyntaxError:
        return SqlSyntaxError(f'{words} for column "{name}" of table "{table}"', position=item.position or None)

    for item in written.constraints:
        if isinstance(item, tree.NullConstraint | tree.NotNullConstraint):
            wants = isinstance(item, tree.NotNullConstraint)
            if saw_nullable and wants != not_null:
                raise redundant("conflicting NULL/NOT NULL declarations", item)
            saw_nullable, not_null = True, wants
        elif isinstance(item, tree.DefaultConstraint):
            if has_default:
                raise redundant("multiple default values specified", item)
            has_default = True
            draft.default = item.expression
        elif isinstance(item, tree.IdentityColumn):
            if has_identity:
                raise redundant("multiple identity specifications", item)
            has_identity = True
            if saw_nullable and not not_null:
                raise redundant("conflicting NULL/NOT NULL declarations", item)
            saw_nullable = not_null = True
        elif isinstance(item, tree.GeneratedColumn):
            if has_generated:
                raise redundant("multiple generation clauses specified", item)
            has_generated = True
            draft.generated = item.expression
        elif isinstance(item, tree.ExclusionConstraint):
            raise FeatureNotSupported("exclusion constraints are not supported", position=item.position or None)
        else:
            draft.constraints.append(item)
        if has_default and has_identity:
            raise redundant("both default and identity specified", item)
        if has_default and has_generated:
            raise redundant("both default and generation expression specified", item)
        if has_identity and has_generated:
            raise redundant("both identity and generation expression specified", item)
    if saw_nullable and not not_null and is_serial:
        raise SqlSyntaxError(
            f'conflicting NULL/NOT NULL declarations for column "{name}" of table "{table}"',
            position=draft.position,
        )
    if not_null:
        draft.column = evolve(draft.column, not_null=True)


def finish_expressions(
    session: CommandSession, draft: ColumnDraft, columns: Sequence[ColumnDefinition], table: str
) -> ColumnDefinition:
    """Return the column with its default and generation expression, checked against the table's columns."""
    column = draft.column
    if draft.default is not None:
        column = with_default(session, column, draft.default)
    if draft.generated is not None:
        column = with_generation(session, column, draft.generated, columns, table)
    return column


def with_default(session: CommandSession, column: ColumnDefinition, expression: tree.Expression) -> ColumnDefinition:
    """Return the column with a default, which must be assignable to it. DEFAULT NULL is no default."""
    refuse_columns(expression)
    check_contents(session, expression, "DEFAULT expression", "DEFAULT expressions")
    check_constants(session, bind_expression(session, expression))
    check_constants(session, bind_assignment(session, expression, column))
    if isinstance(expression, tree.Literal) and expression.kind == "null" and column.typmod < 0:
        return evolve(column, default=None)
    return evolve(column, default=stored_text(session, expression))


def with_generation(
    session: CommandSession,
    column: ColumnDefinition,
    expression: tree.Expression,
    columns: Sequence[ColumnDefinition],
    table: str,
) -> ColumnDefinition:
    """Return the column with a generation expression, which must be immutable and use no generated column."""
    place = "column generation expression"
    check_contents(session, expression, place, f"{place}s")
    bound = bind_expression(session, expression, columns, table)
    for number in columns_used(bound):
        other = columns[number - 1] if number > 0 else None
        if other is None:
            raise InvalidObjectDefinition("cannot use whole-row variable in column generation expression")
        if other.generated is not None or other.name == column.name:
            raise InvalidObjectDefinition(
                f'cannot use generated column "{other.name}" in column generation expression',
                detail="A generated column cannot reference another generated column.",
            )
    check_constants(session, bind_assignment(session, expression, column, columns, "default", table))
    refuse_values(bound, f'the expression of generated column "{column.name}"')
    if not is_immutable(bound):
        raise not_immutable("generation expression")
    return evolve(column, generated=stored_text(session, expression))
