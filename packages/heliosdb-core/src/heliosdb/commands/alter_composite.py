"""ALTER TYPE ... ADD, DROP, ALTER and RENAME ATTRIBUTE.

A row of a composite type is stored as the tuple of its fields, so where tables have columns of the type (or arrays of
it) an attribute that comes or goes rewrites their rows, in the statement's transaction. Older versions of those rows
stay as they are: whoever reads the past reads it with the type of that time.

An attribute that a stored expression or view names stays as it is: such statements are refused, as is changing a type
whose rows stand inside of other types.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from attrs import evolve

from heliosdb.catalog.definitions import Attribute, ColumnDefinition, DataType, Relation
from heliosdb.catalog.result import Result
from heliosdb.commands.columns import column_type
from heliosdb.commands.ddl import apply, done, edit_of, lock_relation
from heliosdb.commands.forms import refuse_forms
from heliosdb.commands.privileges import require_owner
from heliosdb.commands.types import find_type, stored_texts
from heliosdb.errors import (
    DuplicateColumn,
    FeatureNotSupported,
    InvalidTableDefinition,
    UndefinedColumn,
    UndefinedTable,
)
from heliosdb.sql import statements as tree
from heliosdb.sql.quoting import quote_identifier
from heliosdb.types.array import map_elements

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession

__all__ = ["execute_alter_attributes", "rename_attribute"]

Kept = list[int | None]
"""For each new attribute the place of the old one, None for one that is new."""


def execute_alter_attributes(session: CommandSession, statement: tree.AlterTable) -> Result:
    """Execute ALTER TYPE with its list of attribute changes."""
    found = _composite(session, statement.name)
    attributes = list(found.attributes)
    kept: Kept = list(range(len(attributes)))
    for action in statement.actions:
        if isinstance(action, tree.AddColumn):
            _add(session, found, attributes, kept, action)
        elif isinstance(action, tree.DropColumn):
            _drop(session, found, attributes, kept, action)
        elif isinstance(action, tree.AlterColumnType):
            _retype(session, found, attributes, action)
        else:
            raise FeatureNotSupported(f"this form of ALTER TYPE is not supported ({type(action).__name__})")
    if len(attributes) > 1600:
        raise InvalidTableDefinition("composite types can have at most 1600 attributes")
    is_same = kept == list(range(len(found.attributes)))
    _change(session, evolve(found, attributes=tuple(attributes)), kept, is_same)
    return done("ALTER TYPE")


def rename_attribute(session: CommandSession, statement: tree.Rename) -> Result:
    """Execute ALTER TYPE ... RENAME ATTRIBUTE."""
    found = _composite(session, statement.object.name)
    names = [attribute.name for attribute in found.attributes]
    if statement.old not in names:
        raise UndefinedColumn(f'column "{statement.old}" does not exist')
    if statement.new_name in names:
        raise DuplicateColumn(f'column "{statement.new_name}" of relation "{found.name}" already exists')
    _refuse_named(session, found, statement.old)
    attributes = tuple(
        evolve(attribute, name=statement.new_name) if attribute.name == statement.old else attribute
        for attribute in found.attributes
    )
    edit = edit_of(session)
    edit.put(evolve(found, attributes=attributes))
    apply(session, edit)
    return done("ALTER TYPE")


def _composite(session: CommandSession, name: tree.QualifiedName) -> DataType:
    found = find_type(session, name)
    if found is None or found.kind != "composite":
        # A composite type is a relation to PostgreSQL, and other types are none.
        raise UndefinedTable(f'relation "{name}" does not exist')
    require_owner(session, found)
    return found


def _place(found: DataType, attributes: list[Attribute], name: str) -> int:
    for place, attribute in enumerate(attributes):
        if attribute.name == name:
            return place
    raise UndefinedColumn(f'column "{name}" of relation "{found.name}" does not exist')


def _add(
    session: CommandSession, found: DataType, attributes: list[Attribute], kept: Kept, action: tree.AddColumn
) -> None:
    column = action.column
    assert column.type is not None
    if any(attribute.name == column.name for attribute in attributes):
        raise DuplicateColumn(f'column "{column.name}" of relation "{found.name}" already exists')
    type_name, typmod = column_type(session, column.name, column.type)
    if type_name.removeprefix("_") == found.internal_name:
        raise InvalidTableDefinition(f"composite type {found.name} cannot be made a member of itself")
    collation = None if column.collation is None else column.collation.name
    attributes.append(Attribute(name=column.name, type=type_name, typmod=typmod, collation=collation))
    kept.append(None)


def _drop(
    session: CommandSession, found: DataType, attributes: list[Attribute], kept: Kept, action: tree.DropColumn
) -> None:
    if action.if_exists and all(attribute.name != action.name for attribute in attributes):
        session.notice(f'column "{action.name}" of relation "{found.name}" does not exist, skipping', sqlstate="42703")
        return
    place = _place(found, attributes, action.name)
    _refuse_named(session, found, action.name)
    del attributes[place], kept[place]


def _retype(
    session: CommandSession, found: DataType, attributes: list[Attribute], action: tree.AlterColumnType
) -> None:
    place = _place(found, attributes, action.name)
    for relation, column in _columns_of(session, found):
        raise FeatureNotSupported(
            f'cannot alter type "{found.name}" because column "{relation.name}.{column.name}" uses it'
        )
    _refuse_named(session, found, action.name)
    type_name, typmod = column_type(session, action.name, action.type)
    collation = None if action.collation is None else action.collation.name
    attributes[place] = Attribute(name=action.name, type=type_name, typmod=typmod, collation=collation)


def _columns_of(session: CommandSession, found: DataType) -> Iterator[tuple[Relation, ColumnDefinition]]:
    names = (found.internal_name, f"_{found.internal_name}")
    for relation in session.catalog.relations():
        if relation.kind in ("table", "materialized view"):
            for column in relation.columns:
                if column.type in names and not column.dropped:
                    yield relation, column


def _refuse_named(session: CommandSession, found: DataType, name: str) -> None:
    """Refuse where a stored expression or view may name an attribute."""
    written = f".{quote_identifier(name)}"
    using = {relation.oid for relation, _ in _columns_of(session, found)}
    for relation in session.catalog.relations():
        if relation.oid in using or any(oid == found.oid or oid in using for oid, _ in relation.dependencies):
            if any(written in text for text in stored_texts(relation)):
                raise FeatureNotSupported(
                    f'cannot alter type "{found.name}" because {relation.kind} {relation.name} names its attribute '
                    f'"{name}"'
                )


def _refuse_nested(session: CommandSession, found: DataType) -> None:
    names = (found.internal_name, f"_{found.internal_name}")
    for other in session.catalog.types():
        if other.base in names or any(attribute.type in names for attribute in other.attributes):
            raise FeatureNotSupported(f'cannot alter type "{found.name}" because type {other.name} holds it')
    using = {relation.oid for relation, _ in _columns_of(session, found)}
    for relation in session.catalog.relations():
        if any(oid == found.oid or oid in using for oid, _ in relation.dependencies):
            if any(").*" in text for text in stored_texts(relation)):
                raise FeatureNotSupported(
                    f'cannot alter type "{found.name}" because {relation.kind} {relation.name} has all its attributes'
                )


def _change(session: CommandSession, found: DataType, kept: Kept, is_same: bool) -> None:
    edit = edit_of(session)
    edit.put(found)
    if is_same:
        apply(session, edit)
        return
    _refuse_nested(session, found)
    tables: dict[int, tuple[Relation, list[ColumnDefinition]]] = {}
    for relation, column in _columns_of(session, found):
        tables.setdefault(relation.oid, (relation, []))[1].append(column)
    for relation, columns in tables.values():
        _refuse_indexed(found, relation, columns)
        refuse_forms(relation, columns)
        lock_relation(session, relation)

    def renewed(value: Any) -> Any:
        return type(value)([None if place is None else value[place] for place in kept])

    def rewrite() -> None:
        for relation, columns in tables.values():
            changes = {
                column.number - 1: renewed if column.type == found.internal_name else _over(renewed)
                for column in columns
            }
            _rewrite_rows(session, relation, changes)

    apply(session, edit, rewrite)


def _refuse_indexed(found: DataType, relation: Relation, columns: list[ColumnDefinition]) -> None:
    """Refuse where an index holds rows of the type: it has entries for older versions, which are as they were."""
    numbers = {column.number for column in columns}
    for index in relation.indexes:
        for key in index.keys:
            if key.column in numbers or key.type.endswith(found.internal_name):
                raise FeatureNotSupported(
                    f'cannot alter type "{found.name}" because index {index.name} holds it',
                    hint="Drop the index first.",
                )


def _over(renewed: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda array: map_elements(renewed, array)


def _rewrite_rows(session: CommandSession, relation: Relation, changes: dict[int, Callable[[Any], Any]]) -> None:
    rows = [
        (row_id, row)
        for row_ids, block in session.transaction.view(relation.oid).item_blocks()
        for row_id, row in zip(row_ids, block)
    ]
    for row_id, row in rows:
        session.check_interrupt()
        changed = tuple(
            [changes[slot](value) if slot in changes and value is not None else value for slot, value in enumerate(row)]
        )
        if changed != row:
            session.transaction.update(relation.oid, row_id, row, changed)
