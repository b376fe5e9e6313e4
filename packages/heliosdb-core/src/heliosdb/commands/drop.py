"""DROP of tables, views, sequences, indexes and schemas; of other kinds through their own executors.

A kind that nothing can create has no objects: then IF EXISTS is told so, and without it the error is that the object
does not exist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.catalog.result import Result
from heliosdb.commands import DROPS
from heliosdb.commands.ddl import apply, done, edit_of, lock_relation
from heliosdb.commands.dependencies import Dropper, Object
from heliosdb.commands.names import (
    SYSTEM_SCHEMAS,
    find_index,
    find_relation,
    is_system_view,
    position_of,
)
from heliosdb.commands.privileges import may_drop, require_drop, require_index_owner, require_owner
from heliosdb.errors import (
    DependentObjectsStillExist,
    Error,
    FeatureNotSupported,
    InsufficientPrivilege,
    InvalidSchemaName,
    UndefinedObject,
    UndefinedTable,
    WrongObjectType,
)
from heliosdb.sql import statements as tree
from heliosdb.types.definitions import resolve_implementation

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession

__all__ = ["execute_drop"]

RELATION_KINDS = ("table", "view", "materialized view", "sequence")
ARTICLES = {
    "table": "a table",
    "view": "a view",
    "materialized view": "a materialized view",
    "sequence": "a sequence",
    "index": "an index",
}


def execute_drop(session: CommandSession, statement: tree.Drop) -> Result:
    """Execute DROP."""
    kind = statement.kind
    tag = f"DROP {kind.upper()}"
    other = DROPS.get(kind)
    if other is not None:
        found: Result = resolve_implementation(other)(session, statement)
        return found
    if kind not in (*RELATION_KINDS, "index", "schema"):
        raise FeatureNotSupported(f"{tag} is not supported", position=statement.position or None)
    if statement.concurrently and len(statement.objects) > 1:
        raise FeatureNotSupported("DROP INDEX CONCURRENTLY does not support dropping multiple objects")
    targets = [target for name in statement.objects if (target := _target(session, statement, name)) is not None]
    targets = list(dict.fromkeys(targets))
    if not targets:
        return done(tag)
    for target in targets:
        relation = session.catalog.relation_by_oid(target.relation)
        if relation is not None:
            lock_relation(session, relation, action=tag if target.kind == "relation" else None)
    # Another transaction may have dropped something while this one waited for its lock.
    targets = [target for target in targets if session.catalog.object_by_oid(target.relation) is not None]
    edit = edit_of(session)
    dropped = Dropper(session, edit).drop(targets, cascade=statement.cascade)
    for item in dropped:
        if item not in targets and item.kind == "relation":
            relation = session.catalog.relation_by_oid(item.relation)
            if relation is not None:
                lock_relation(session, relation, action=f"DROP {relation.kind.upper()}")
    apply(session, edit)
    return done(tag)


def _target(session: CommandSession, statement: tree.Drop, name: tree.ObjectName) -> Object | None:
    kind = statement.kind
    if kind == "schema":
        return _schema(session, name, statement.if_exists)
    if kind == "index":
        entry = find_index(session, name.name)
        if entry is not None:
            if not may_drop(session, entry[0]):
                require_index_owner(session, *entry)
            return Object("index", entry[0].oid, entry[1].oid)
    relation = find_relation(session, name.name)
    if relation is not None:
        if relation.kind != kind:
            what = relation.kind
            article = "an" if what == "index" else "a"
            raise WrongObjectType(
                f'"{relation.name}" is not {ARTICLES[kind]}',
                hint=f"Use DROP {what.upper()} to remove {article} {what}.",
            )
        require_drop(session, relation)
        return Object("relation", relation.oid)
    if kind != "index" and find_index(session, name.name) is not None:
        raise WrongObjectType(f'"{name.name.name}" is not {ARTICLES[kind]}', hint="Use DROP INDEX to remove an index.")
    if is_system_view(session, name.name):
        raise InsufficientPrivilege(f'permission denied: "{name.name.name}" is a system catalog')
    _missing(session, statement, name)
    return None


def _missing(session: CommandSession, statement: tree.Drop, name: tree.ObjectName) -> None:
    kind, schema = statement.kind, name.name.schema
    no_schema = schema is not None and schema != "pg_temp" and session.catalog.schema(schema) is None
    if statement.if_exists:
        what = f'schema "{schema}"' if no_schema else f'{kind} "{name.name.name}"'
        session.notice(f"{what} does not exist, skipping")
        return
    error: Error
    if no_schema:
        error = InvalidSchemaName(f'schema "{schema}" does not exist', position=position_of(name))
    elif kind == "index":
        error = UndefinedObject(f'index "{name.name.name}" does not exist')
    else:
        error = UndefinedTable(f'{kind} "{name.name.name}" does not exist')
    raise error


def _schema(session: CommandSession, name: tree.ObjectName, if_exists: bool) -> Object | None:
    found = session.catalog.schema(name.name.name)
    if found is None:
        if if_exists:
            session.notice(f'schema "{name.name.name}" does not exist, skipping')
            return None
        raise InvalidSchemaName(f'schema "{name.name.name}" does not exist')
    if found.name in SYSTEM_SCHEMAS:
        raise DependentObjectsStillExist(
            f"cannot drop schema {found.name} because it is required by the database system"
        )
    require_owner(session, found)
    return Object("schema", found.oid)
