"""CREATE SCHEMA, with the objects that may be written inside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from heliosdb.catalog.definitions import Schema
from heliosdb.catalog.result import Result
from heliosdb.commands.ddl import apply, done, edit_of
from heliosdb.commands.names import role_of
from heliosdb.commands.privileges import require_superuser
from heliosdb.errors import DuplicateSchema, FeatureNotSupported, InvalidSchemaDefinition, ReservedName
from heliosdb.sql import statements as tree
from heliosdb.sql.deparse import quote_identifier
from heliosdb.types.definitions import resolve_implementation

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession

__all__ = ["execute_create_schema"]


def execute_create_schema(session: CommandSession, statement: tree.CreateSchema) -> Result:
    """Execute CREATE SCHEMA."""
    owner = session.role if statement.owner is None else role_of(session, statement.owner).oid
    name = statement.name if statement.name is not None else session.catalog.role_name(owner)
    if name.startswith("pg_"):
        raise ReservedName(
            f'unacceptable schema name "{name}"', detail='The prefix "pg_" is reserved for system schemas.'
        )
    # The database belongs to superusers, and there is no way to grant on it.
    require_superuser(session, f"permission denied for database {getattr(session.database, 'name', '')}")
    if session.catalog.schema(name) is not None:
        if not statement.if_not_exists:
            raise DuplicateSchema(f'schema "{name}" already exists')
        session.notice(f'schema "{name}" already exists, skipping', sqlstate="42P06")
        return done("CREATE SCHEMA")
    edit = edit_of(session)
    edit.put(Schema(oid=session.database.next_oid(), name=name, owner=owner))
    apply(session, edit)
    if statement.elements:
        # The elements see the new schema first.
        path = session.show_setting("search_path")
        session.set_setting("search_path", f"{quote_identifier(name)}, {path}", local=True)
        for element in statement.elements:
            _create_element(session, name, element)
        session.set_setting("search_path", path, local=True)
    return done("CREATE SCHEMA")


def _create_element(session: CommandSession, schema: str, element: tree.Statement) -> None:
    name = getattr(element, "table", None) or getattr(element, "name", None)
    if not isinstance(name, tree.QualifiedName):
        raise FeatureNotSupported(f"{type(element).__name__} in CREATE SCHEMA is not supported")
    if name.schema is not None and name.schema != schema:
        raise InvalidSchemaDefinition(
            f"CREATE specifies a schema ({name.schema}) different from the one being created ({schema})"
        )
    qualified = evolve(name, parts=(schema, name.name))
    field = "table" if isinstance(element, tree.CreateIndex | tree.CreateTrigger) else "name"
    changes: dict[str, Any] = {field: qualified}
    changed = evolve(element, **changes)
    executor = session.registries.statements.get(type(element).__name__)
    if executor is None:
        raise FeatureNotSupported(f"{type(element).__name__} is not supported")
    resolve_implementation(executor)(session, changed)
