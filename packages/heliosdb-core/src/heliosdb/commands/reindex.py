"""REINDEX: build indexes again from the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from heliosdb.catalog.changes import CatalogEdit
from heliosdb.catalog.definitions import Relation
from heliosdb.catalog.result import Result
from heliosdb.commands.ddl import apply, done, edit_of, lock_relation
from heliosdb.commands.names import find_index, relation_named
from heliosdb.commands.privileges import require_index_owner, require_owner, require_superuser
from heliosdb.errors import InvalidSchemaName, SqlSyntaxError, UndefinedTable
from heliosdb.sql import statements as tree

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession

__all__ = ["execute_reindex", "renew_indexes"]


def execute_reindex(session: CommandSession, statement: tree.Reindex) -> Result:
    """Execute REINDEX: build indexes again from the rows."""
    name = statement.name
    for option in statement.options:
        if option.name not in ("concurrently", "verbose"):
            raise SqlSyntaxError(f'unrecognized REINDEX option "{option.name}"', position=option.position or None)
    chosen: dict[int, set[int]] = {}
    if statement.kind == "index":
        entry = find_index(session, name)
        if entry is None:
            raise UndefinedTable(f'relation "{name}" does not exist', position=name.position or None)
        require_index_owner(session, *entry)
        chosen[entry[0].oid] = {entry[1].oid}
    elif statement.kind == "table":
        relation = relation_named(session, name, "table")
        require_owner(session, relation)
        chosen[relation.oid] = {index.oid for index in relation.indexes}
        if not relation.indexes:
            session.notice(f'table "{relation.name}" has no indexes to reindex')
    else:
        if statement.kind == "schema" and session.catalog.schema(name.name) is None:
            raise InvalidSchemaName(f'schema "{name.name}" does not exist')
        schema = session.catalog.schema(name.name) if statement.kind == "schema" else None
        if schema is not None:
            require_owner(session, schema)
        else:
            require_superuser(session, f"must be owner of database {name.name}")
        for relation in session.catalog.relations():
            if statement.kind != "schema" or relation.schema == name.name:
                chosen[relation.oid] = {index.oid for index in relation.indexes}
    for oid in chosen:
        lock_relation(session, session.catalog.relation_by_oid(oid) or relation_named(session, name), "share")
    edit = edit_of(session)
    for oid, indexes in chosen.items():
        renew_indexes(session, edit, edit.existing(oid), indexes)
    apply(session, edit)
    return done("REINDEX")


def renew_indexes(session: CommandSession, edit: CatalogEdit, relation: Relation, oids: set[int]) -> None:
    """Give indexes new OIDs, which makes the store build them again; what refers to them follows."""
    renamed = {oid: session.database.next_oid() for oid in oids}
    if not renamed:
        return
    edit.put(
        evolve(
            relation,
            indexes=tuple(evolve(index, oid=renamed.get(index.oid, index.oid)) for index in relation.indexes),
            constraints=tuple(
                evolve(item, index=renamed[item.index]) if item.index in renamed and item.foreign is None else item
                for item in relation.constraints
            ),
        )
    )
    for other, constraint in edit.relations_referencing(relation.oid):
        if constraint.index in renamed:
            current = edit.existing(other.oid)
            items = tuple(
                evolve(item, index=renamed[item.index])
                if item.oid == constraint.oid and item.index is not None
                else item
                for item in current.constraints
            )
            edit.put(evolve(current, constraints=items))
