"""COMMENT ON: a text kept with the object."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from attrs import evolve

from heliosdb.catalog.access import is_owner
from heliosdb.catalog.definitions import Relation
from heliosdb.catalog.result import Result
from heliosdb.commands.ddl import apply, done, edit_of
from heliosdb.commands.names import find_index, relation_named
from heliosdb.commands.privileges import require_index_owner, require_owner
from heliosdb.errors import (
    FeatureNotSupported,
    InsufficientPrivilege,
    InvalidSchemaName,
    SqlSyntaxError,
    UndefinedColumn,
    UndefinedObject,
    UndefinedTable,
    WrongObjectType,
)
from heliosdb.sql import statements as tree

if TYPE_CHECKING:
    from heliosdb.catalog.changes import CatalogEdit
    from heliosdb.commands.context import CommandSession

__all__ = ["execute_comment"]


def execute_comment(session: CommandSession, statement: tree.Comment) -> Result:
    """Execute COMMENT ON."""
    handler = HANDLERS.get(statement.object.kind)
    if handler is None:
        raise FeatureNotSupported(f"COMMENT ON {statement.object.kind.upper()} is not supported")
    edit = edit_of(session)
    # An empty text removes the comment, as NULL does.
    handler(session, edit, statement.object, statement.text or None)
    apply(session, edit)
    return done("COMMENT")


def _on_relation(session: CommandSession, edit: CatalogEdit, name: tree.ObjectName, text: str | None) -> None:
    relation = relation_named(session, name.name, name.kind)
    require_owner(session, relation)
    edit.put(evolve(relation, comment=text))


def _on_index(session: CommandSession, edit: CatalogEdit, name: tree.ObjectName, text: str | None) -> None:
    entry = find_index(session, name.name)
    if entry is None:
        if session.catalog.lookup_relation(name.name.schema, name.name.name, session.search_path) is not None:
            raise WrongObjectType(f'"{name.name.name}" is not an index')
        raise UndefinedTable(f'relation "{name.name}" does not exist')
    relation, index = entry
    require_index_owner(session, relation, index)
    indexes = tuple(evolve(other, comment=text) if other.oid == index.oid else other for other in relation.indexes)
    edit.put(evolve(relation, indexes=indexes))


def _on_column(session: CommandSession, edit: CatalogEdit, name: tree.ObjectName, text: str | None) -> None:
    parts = name.name.parts
    if len(parts) < 2:
        raise SqlSyntaxError("column name must be qualified", position=name.position or None)
    relation = relation_named(session, tree.QualifiedName(parts[:-1], position=name.name.position))
    if not is_owner(session.catalog, session.role, relation):
        raise InsufficientPrivilege(f"must be owner of relation {relation.name}")
    column = relation.column(parts[-1])
    if column is None:
        raise UndefinedColumn(f'column "{parts[-1]}" of relation "{relation.name}" does not exist')
    columns = tuple(evolve(c, comment=text) if c.number == column.number else c for c in relation.columns)
    edit.put(evolve(relation, columns=columns))


def _on_constraint(session: CommandSession, edit: CatalogEdit, name: tree.ObjectName, text: str | None) -> None:
    assert name.relation is not None
    relation: Relation = relation_named(session, name.relation, "table")
    require_owner(session, relation)
    if not any(item.name == name.name.name for item in relation.constraints):
        raise UndefinedObject(f'constraint "{name.name.name}" for table "{relation.name}" does not exist')
    constraints = tuple(
        evolve(item, comment=text) if item.name == name.name.name else item for item in relation.constraints
    )
    edit.put(evolve(relation, constraints=constraints))


def _on_schema(session: CommandSession, edit: CatalogEdit, name: tree.ObjectName, text: str | None) -> None:
    found = session.catalog.schema(name.name.name)
    if found is None:
        raise InvalidSchemaName(f'schema "{name.name.name}" does not exist')
    require_owner(session, found)
    edit.put(evolve(found, comment=text))


def _on_role(session: CommandSession, edit: CatalogEdit, name: tree.ObjectName, text: str | None) -> None:
    from heliosdb.commands.roles import require_createrole

    found = session.catalog.roles.get(name.name.name)
    if found is None:
        raise UndefinedObject(f'role "{name.name.name}" does not exist')
    require_createrole(session, found)
    edit.put(evolve(found, comment=text))


def _on_type(session: CommandSession, edit: CatalogEdit, name: tree.ObjectName, text: str | None) -> None:
    from heliosdb.commands.types import type_named

    edit.put(evolve(type_named(session, name.name), comment=text))


HANDLERS: dict[str, Callable[[Any, Any, tree.ObjectName, str | None], None]] = {
    "domain": _on_type,
    "type": _on_type,
    "column": _on_column,
    "constraint": _on_constraint,
    "index": _on_index,
    "role": _on_role,
    "schema": _on_schema,
    "sequence": _on_relation,
    "table": _on_relation,
    "view": _on_relation,
}
