"""Names in commands: where a new object goes, which object an existing name means, and what is said when there is
none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.catalog.definitions import Index, Relation, Role
from heliosdb.commands.privileges import require_create, require_schema
from heliosdb.errors import (
    FeatureNotSupported,
    InsufficientPrivilege,
    InvalidSchemaName,
    InvalidTableDefinition,
    SqlSyntaxError,
    UndefinedObject,
    UndefinedTable,
    WrongObjectType,
)
from heliosdb.sql.quoting import quote_identifier

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession

from heliosdb.sql.statements import ObjectName, QualifiedName, RoleName

__all__ = [
    "ARTICLES",
    "SYSTEM_SCHEMAS",
    "check_schema",
    "check_tablespace",
    "creation_schema",
    "find_index",
    "find_relation",
    "is_temporary_schema",
    "position_of",
    "relation_named",
    "role_of",
    "visible_name",
]

SYSTEM_SCHEMAS = ("pg_catalog", "information_schema")

ARTICLES = {
    "table": "a table",
    "view": "a view",
    "materialized view": "a materialized view",
    "sequence": "a sequence",
    "index": "an index",
}


def position_of(node: QualifiedName | ObjectName) -> int | None:
    """Return a node's position for an error, None where it is not known."""
    return node.position or None


def is_temporary_schema(name: str) -> bool:
    """Return whether a schema holds a session's temporary objects."""
    return name.startswith("pg_temp_") or name == "pg_temp"


def check_catalog(session: CommandSession, name: QualifiedName) -> None:
    """Refuse names in another database, and names with more than three parts."""
    if len(name.parts) > 3:
        raise SqlSyntaxError(f"improper qualified name (too many dotted names): {name}", position=position_of(name))
    if name.catalog is not None and name.catalog != getattr(session.database, "name", None):
        raise FeatureNotSupported(
            f'cross-database references are not implemented: "{name}"', position=position_of(name)
        )


def creation_schema(session: CommandSession, name: QualifiedName, persistence: str = "permanent") -> tuple[str, str]:
    """Return the schema in which a new object goes, and its persistence (``pg_temp.t`` is temporary)."""
    check_catalog(session, name)
    schema = name.schema
    if schema is not None and is_temporary_schema(schema):
        if schema != "pg_temp" and schema != session.temporary_schema():
            raise InvalidTableDefinition("cannot create relations in temporary schemas of other sessions")
        return session.temporary_schema(), "temporary"
    if persistence == "temporary":
        if schema is not None:
            raise InvalidTableDefinition("cannot create temporary relation in non-temporary schema")
        return session.temporary_schema(), persistence
    if schema is not None:
        if session.catalog.schema(schema) is None:
            raise InvalidSchemaName(f'schema "{schema}" does not exist', position=position_of(name))
        require_create(session, schema)
        if schema in SYSTEM_SCHEMAS:
            raise InsufficientPrivilege(
                f'permission denied to create "{name}"', detail="System catalog modifications are currently disallowed."
            )
        return schema, persistence
    for candidate in session.search_path:
        if candidate in SYSTEM_SCHEMAS or is_temporary_schema(candidate):
            continue
        if session.catalog.schema(candidate) is not None:
            require_create(session, candidate)
            return candidate, persistence
    raise InvalidSchemaName("no schema has been selected to create in", position=position_of(name))


def check_tablespace(name: str | None) -> None:
    """Refuse tablespaces that do not exist: there is the default one only."""
    if name not in (None, "pg_default"):
        raise UndefinedObject(f'tablespace "{name}" does not exist')


def _own_schema(session: CommandSession, name: QualifiedName) -> str | None:
    return session.temporary_schema() if name.schema == "pg_temp" else name.schema


def _check_schema_use(session: CommandSession, name: QualifiedName) -> None:
    if name.schema is not None and not is_temporary_schema(name.schema):
        require_schema(session, name.schema)


def find_relation(session: CommandSession, name: QualifiedName) -> Relation | None:
    """Return the relation that a name means, or None."""
    check_catalog(session, name)
    _check_schema_use(session, name)
    return session.catalog.lookup_relation(_own_schema(session, name), name.name, session.search_path)


def find_index(session: CommandSession, name: QualifiedName) -> tuple[Relation, Index] | None:
    """Return the index that a name means, with its relation, or None."""
    check_catalog(session, name)
    _check_schema_use(session, name)
    return session.catalog.lookup_index(_own_schema(session, name), name.name, session.search_path)


def is_system_view(session: CommandSession, name: QualifiedName) -> bool:
    """Return whether the name means a view of the system catalogs."""
    schemas = (name.schema,) if name.schema is not None else ("pg_catalog", *session.search_path)
    return any((schema, name.name) in session.registries.catalog_views for schema in schemas)


def check_schema(session: CommandSession, name: QualifiedName) -> None:
    """Raise InvalidSchemaName where a name is qualified with a schema that does not exist."""
    schema = name.schema
    if schema is not None and not is_temporary_schema(schema) and session.catalog.schema(schema) is None:
        raise InvalidSchemaName(f'schema "{schema}" does not exist')


def relation_named(session: CommandSession, name: QualifiedName, *kinds: str) -> Relation:
    """Return the relation that a name means; it must be of one of the kinds (none given: of any)."""
    found = find_relation(session, name)
    if found is None:
        if find_index(session, name) is not None and kinds:
            raise WrongObjectType(f'"{name.name}" is not {ARTICLES[kinds[0]]}')
        if is_system_view(session, name):
            raise InsufficientPrivilege(
                f'permission denied: "{name.name}" is a system catalog',
                detail="System catalog modifications are currently disallowed.",
            )
        check_schema(session, name)
        raise UndefinedTable(f'relation "{name}" does not exist')
    if kinds and found.kind not in kinds:
        raise WrongObjectType(f'"{found.name}" is not {ARTICLES[kinds[0]]}')
    return found


def role_of(session: CommandSession, name: RoleName) -> Role:
    """Return the role that is meant; UndefinedObject when there is none."""
    catalog = session.catalog
    found: Role | None = None
    if name.special in ("current_user", "current_role"):
        found = catalog.role_by_oid(session.role)
    elif name.special == "session_user":
        found = catalog.role_by_oid(session.session_role)
    elif name.name is not None:
        found = catalog.roles.get(name.name)
    if found is None:
        called = name.name or ("public" if name.special == "public" else session.user)
        raise UndefinedObject(f'role "{called}" does not exist', position=name.position or None)
    return found


def visible_name(session: CommandSession, relation: Relation) -> str:
    """Return how messages name a relation: qualified where search_path does not find it."""
    found = session.catalog.lookup_relation(None, relation.name, session.search_path)
    if found is not None and found.oid == relation.oid:
        return quote_identifier(relation.name)
    return f"{quote_identifier(relation.schema)}.{quote_identifier(relation.name)}"
