"""CREATE EXTENSION and DROP EXTENSION: a database says which plugins it needs.

A plugin works as soon as it is installed; nothing of it waits for CREATE EXTENSION. The statement is there because
tools and dumps written for PostgreSQL issue it, and because what it records, name and version in ``pg_extension``,
tells the next one who opens the database what to install.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from heliosdb.catalog.changes import CatalogEdit
from heliosdb.catalog.definitions import Extension
from heliosdb.catalog.result import Result
from heliosdb.commands.ddl import apply
from heliosdb.commands.privileges import require_superuser
from heliosdb.errors import (
    DependentObjectsStillExist,
    DuplicateObject,
    FeatureNotSupported,
    InvalidParameterValue,
    InvalidSchemaName,
    UndefinedObject,
)
from heliosdb.sql.statements import CreateExtension, Drop, Literal, QualifiedName

if TYPE_CHECKING:
    from heliosdb.catalog.registries import PluginStatus
    from heliosdb.commands.context import CommandSession

__all__ = ["execute_create_extension", "execute_drop_extension"]


def execute_create_extension(session: CommandSession, statement: CreateExtension) -> Result:
    """Record that the database needs a plugin; 0A000 where no such plugin is installed and active."""
    if statement.name not in session.catalog.extensions:
        require_superuser(
            session, f'permission denied to create extension "{statement.name}"',
            hint="Must be superuser to create this extension.",
        )  # fmt: skip
    if statement.name in session.catalog.extensions:
        if not statement.if_not_exists:
            raise DuplicateObject(f'extension "{statement.name}" already exists')
        session.notice(f'extension "{statement.name}" already exists, skipping', sqlstate=DuplicateObject.sqlstate)
        return Result("CREATE EXTENSION")
    plugin = _active_plugin(session, statement.name)
    schema = "public"
    for option in statement.options:
        text = _text_of(option.value)
        match option.name:
            case "schema":
                schema = text
                if session.catalog.schema(schema) is None:
                    raise InvalidSchemaName(f'schema "{schema}" does not exist')
            case "new_version" | "version":
                if text != plugin.version:
                    raise InvalidParameterValue(
                        f'extension "{statement.name}" has no installation script nor update path for version "{text}"',
                        detail=f"Version {plugin.version} is installed.",
                    )
            case "cascade":
                pass  # plugins bring what they need with their package
            case _:
                raise FeatureNotSupported(f"option {option.name} of CREATE EXTENSION is not supported")
    edit = CatalogEdit(session.catalog)
    edit.put(
        Extension(
            oid=session.database.next_oid(),
            name=statement.name,
            package=plugin.package or plugin.name,
            version=plugin.version or "",
            schema=schema,
        )
    )
    apply(session, edit)
    return Result("CREATE EXTENSION")


def execute_drop_extension(session: CommandSession, statement: Drop) -> Result:
    """Forget that the database needs a plugin; refused while something stored belongs to it."""
    edit = CatalogEdit(session.catalog)
    for dropped in statement.objects:
        name = dropped.name.parts[-1]
        extension = session.catalog.extensions.get(name)
        if extension is None:
            if not statement.if_exists:
                raise UndefinedObject(f'extension "{name}" does not exist')
            session.notice(f'extension "{name}" does not exist, skipping')
            continue
        require_superuser(session, f"must be owner of extension {name}")
        dependents = list(_dependents(session, extension))
        if dependents and statement.cascade:
            raise FeatureNotSupported(f"DROP EXTENSION {name} CASCADE is not supported", hint="Drop the objects first.")
        if dependents:
            raise DependentObjectsStillExist(
                f"cannot drop extension {name} because other objects depend on it",
                detail="\n".join(f"{dependent} depends on extension {name}" for dependent in dependents),
                hint="Use DROP ... CASCADE to drop the dependent objects too.",
            )
        edit.drop(extension.oid)
    apply(session, edit)
    return Result("DROP EXTENSION")


def _active_plugin(session: CommandSession, name: str) -> PluginStatus:
    from heliosdb.plugin.views import IN_CORE

    found = next((plugin for plugin in (*session.registries.plugins, *IN_CORE) if plugin.name == name), None)
    if found is not None and found.status == "active":
        return found
    raise FeatureNotSupported(
        f'extension "{name}" is not available',
        detail=found.error if found is not None and found.error else None,
        hint="The extension must first be installed, for example with pip; heliosdb plugins lists those there are.",
    )


def _dependents(session: CommandSession, extension: Extension) -> Iterator[str]:
    """Name the columns, tables and indexes that use a type or an access method of the extension's package."""
    owners = session.registries.owners
    for relation in session.catalog.relations():
        for column in relation.columns:
            element = column.type.removeprefix("_")
            holders = {owners.get(("types", name)) for name in (column.type, element)}
            if not column.dropped and extension.name in holders:
                yield f"column {column.name} of {relation.kind} {relation.name}"
        for index in relation.indexes:
            if owners.get(("access_methods", index.method)) == extension.name:
                yield f"index {index.name}"


def _text_of(value: Any) -> str:
    match value:
        case Literal():
            return value.value
        case QualifiedName():
            return ".".join(value.parts)
    return str(value)
