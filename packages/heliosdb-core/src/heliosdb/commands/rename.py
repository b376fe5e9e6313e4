"""RENAME, SET SCHEMA and OWNER TO: an object's name changes, and with it the texts that mention it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from heliosdb.catalog.changes import CatalogEdit
from heliosdb.catalog.definitions import ColumnDefinition, DataType, Relation, Schema
from heliosdb.catalog.result import Result
from heliosdb.commands.alter_table import find_altered
from heliosdb.commands.binding import parse_expression
from heliosdb.commands.columns import check_column_name
from heliosdb.commands.ddl import apply, done, edit_of, lock_relation
from heliosdb.commands.dependencies import split_name
from heliosdb.commands.names import SYSTEM_SCHEMAS, find_index, find_relation, is_temporary_schema, role_of
from heliosdb.commands.ownership import give
from heliosdb.commands.privileges import (
    require_index_owner,
    require_new_owner,
    require_owner,
    require_superuser,
)
from heliosdb.commands.trees import replaced
from heliosdb.commands.views import rename_column_in_views, rename_relation_in_views
from heliosdb.errors import (
    DuplicateColumn,
    DuplicateObject,
    DuplicateSchema,
    DuplicateTable,
    FeatureNotSupported,
    InsufficientPrivilege,
    InvalidSchemaName,
    ReservedName,
    UndefinedColumn,
    UndefinedObject,
    UndefinedTable,
)
from heliosdb.sql import statements as tree
from heliosdb.sql.deparse import expression_text, quote_identifier

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession

__all__ = ["execute_alter_owner", "execute_alter_schema", "execute_rename"]

RELATIONS = ("table", "view", "sequence", "index", "materialized view")


def execute_rename(session: CommandSession, statement: tree.Rename) -> Result:
    """Execute ALTER ... RENAME."""
    kind = statement.object.kind
    tag = f"ALTER {kind.upper()}"
    if kind == "schema":
        return _rename_schema(session, statement)
    if kind == "database":
        session.notice("renaming a database has no effect: one database is one file", severity="WARNING")
        return done(tag)
    if kind in ("type", "domain"):
        if statement.part == "attribute":
            from heliosdb.commands.alter_composite import rename_attribute

            return rename_attribute(session, statement)
        from heliosdb.commands.types import rename_type

        return rename_type(session, statement)
    if kind in ("role", "user", "group"):
        from heliosdb.commands.roles import rename_role

        return rename_role(session, statement.object.name.name, statement.new_name)
    if kind not in RELATIONS:
        raise FeatureNotSupported(f"{tag} ... RENAME is not supported", position=statement.position or None)
    name = statement.object.name
    entry = find_index(session, name)
    if entry is not None and statement.part is None and kind in ("index", "table"):
        require_index_owner(session, *entry)
        lock_relation(session, entry[0], "share update exclusive")
        edit = edit_of(session)
        _rename_index(session, edit, edit.existing(entry[0].oid), entry[1].oid, statement.new_name)
        apply(session, edit)
        return done(tag)
    relation = find_altered(session, kind, name, if_exists=statement.if_exists)
    if relation is None:
        return done(tag)
    lock_relation(session, relation)
    edit = edit_of(session)
    relation = edit.existing(relation.oid)
    if statement.part == "column":
        _rename_column(session, edit, relation, statement.old or "", statement.new_name)
    elif statement.part == "constraint":
        _rename_constraint(session, edit, relation, statement.old or "", statement.new_name)
    elif statement.part is None:
        _rename_relation(session, edit, relation, relation.schema, statement.new_name)
    else:
        raise FeatureNotSupported(f"{tag} ... RENAME {statement.part.upper()} is not supported")
    apply(session, edit)
    return done(tag)


def _rename_schema(session: CommandSession, statement: tree.Rename) -> Result:
    old, new = statement.object.name.name, statement.new_name
    schema = session.catalog.schema(old)
    if schema is None:
        raise InvalidSchemaName(f'schema "{old}" does not exist')
    if session.catalog.schema(new) is not None:
        raise DuplicateSchema(f'schema "{new}" already exists')
    if new.startswith("pg_"):
        raise ReservedName(
            f'unacceptable schema name "{new}"', detail='The prefix "pg_" is reserved for system schemas.'
        )
    if old in SYSTEM_SCHEMAS:
        raise InsufficientPrivilege(f'permission denied: "{old}" is a system schema')
    require_owner(session, schema)
    require_superuser(session, f"permission denied for database {getattr(session.database, 'name', '')}")
    edit = edit_of(session)
    edit.put(evolve(schema, name=new))
    for relation in list(edit.relations()):
        if relation.schema == old:
            _move(session, edit, edit.existing(relation.oid), new, relation.name)
    for relation in list(edit.relations()):
        if old in relation.search_path:
            path = tuple(new if name == old else name for name in relation.search_path)
            edit.put(evolve(relation, search_path=path))
    apply(session, edit)
    return done("ALTER SCHEMA")


def _move(session: CommandSession, edit: CatalogEdit, relation: Relation, schema: str, name: str) -> None:
    """Give a relation a schema and a name, and change the texts that mention it."""
    rename_relation_in_views(session, edit, relation, schema, name)
    if relation.kind == "sequence":
        _rename_in_defaults(session, edit, relation, schema, name)
    relation = edit.existing(relation.oid)
    edit.put(
        evolve(
            relation,
            schema=schema,
            name=name,
            indexes=tuple(evolve(index, schema=schema) for index in relation.indexes),
        )
    )


def _rename_relation(session: CommandSession, edit: CatalogEdit, relation: Relation, schema: str, name: str) -> None:
    if edit.is_name_taken(schema, name):
        raise DuplicateTable(f'relation "{name}" already exists')
    _move(session, edit, relation, schema, name)


def _rename_in_defaults(session: CommandSession, edit: CatalogEdit, sequence: Relation, schema: str, name: str) -> None:
    """Change defaults such as nextval('s'::regclass)."""
    text = f"{quote_identifier(schema)}.{quote_identifier(name)}"

    def changed(node: tree.Node) -> tree.Node:
        if (
            isinstance(node, tree.TypeCast)
            and node.type.names[-1] == "regclass"
            and isinstance(node.operand, tree.Literal)
        ):
            parts = split_name(node.operand.value)
            found = session.catalog.lookup_relation(
                parts[-2] if len(parts) > 1 else None, parts[-1], session.search_path
            )
            if found is not None and found.oid == sequence.oid:
                return evolve(node, operand=tree.Literal("string", text))
        return node

    for relation in list(edit.relations()):
        columns = tuple(
            evolve(column, default=expression_text(replaced(parse_expression(session, column.default), changed)))
            if column.default is not None and "regclass" in column.default
            else column
            for column in relation.columns
        )
        if columns != relation.columns:
            edit.put(evolve(relation, columns=columns))


def _rename_index(session: CommandSession, edit: CatalogEdit, relation: Relation, oid: int, name: str) -> None:
    if edit.is_name_taken(relation.schema, name):
        raise DuplicateTable(f'relation "{name}" already exists')
    index = next(index for index in relation.indexes if index.oid == oid)
    edit.put(
        evolve(
            relation,
            indexes=tuple(evolve(other, name=name) if other.oid == oid else other for other in relation.indexes),
            constraints=tuple(
                evolve(item, name=name) if item.oid == index.constraint else item for item in relation.constraints
            ),
        )
    )


def _rename_constraint(session: CommandSession, edit: CatalogEdit, relation: Relation, old: str, new: str) -> None:
    found = next((item for item in relation.constraints if item.name == old), None)
    if found is None:
        raise UndefinedObject(f'constraint "{old}" for table "{relation.name}" does not exist')
    if any(item.name == new for item in relation.constraints):
        raise DuplicateObject(f'constraint "{new}" for relation "{relation.name}" already exists')
    if found.index is not None and found.foreign is None:
        _rename_index(session, edit, relation, found.index, new)
        return
    constraints = tuple(evolve(item, name=new) if item.oid == found.oid else item for item in relation.constraints)
    edit.put(evolve(relation, constraints=constraints))


def _rename_column(session: CommandSession, edit: CatalogEdit, relation: Relation, old: str, new: str) -> None:
    column = relation.column(old)
    if column is None:
        raise UndefinedColumn(f'column "{old}" does not exist')
    check_column_name(new)
    if relation.column(new) is not None:
        raise DuplicateColumn(f'column "{new}" of relation "{relation.name}" already exists')
    rename_column_in_views(session, edit, relation, column, new)
    relation = edit.existing(relation.oid)
    edit.put(with_renamed_column(session, relation, column, new))


def with_renamed_column(session: CommandSession, relation: Relation, column: ColumnDefinition, new: str) -> Relation:
    """Return the relation with a column renamed, in its own expressions too."""

    def changed(node: tree.Node) -> tree.Node:
        if isinstance(node, tree.ColumnRef) and not node.star and node.parts[-1] == column.name:
            return evolve(node, parts=(*node.parts[:-1], new))
        return node

    def text(expression: str | None) -> str | None:
        if expression is None or column.name not in expression:
            return expression
        return expression_text(replaced(parse_expression(session, expression), changed))

    return evolve(
        relation,
        columns=tuple(
            evolve(
                other,
                name=new if other.number == column.number else other.name,
                generated=text(other.generated),
            )
            for other in relation.columns
        ),
        constraints=tuple(evolve(item, expression=text(item.expression)) for item in relation.constraints),
        indexes=tuple(
            evolve(
                index,
                predicate=text(index.predicate),
                keys=tuple(evolve(key, expression=text(key.expression)) for key in index.keys),
            )
            for index in relation.indexes
        ),
    )


def execute_alter_schema(session: CommandSession, statement: tree.AlterSchema) -> Result:
    """Execute ALTER ... SET SCHEMA."""
    kind, schema = statement.object.kind, statement.schema
    tag = f"ALTER {kind.upper()}"
    if kind not in ("table", "view", "sequence"):
        raise FeatureNotSupported(f"{tag} ... SET SCHEMA is not supported", position=statement.position or None)
    relation = find_altered(session, kind, statement.object.name, if_exists=statement.if_exists)
    if relation is None:
        return done(tag)
    if session.catalog.schema(schema) is None:
        raise InvalidSchemaName(f'schema "{schema}" does not exist')
    if schema in SYSTEM_SCHEMAS:
        raise InsufficientPrivilege(f'permission denied for schema "{schema}"')
    if is_temporary_schema(schema) or is_temporary_schema(relation.schema):
        raise FeatureNotSupported("cannot move objects into or out of temporary schemas")
    lock_relation(session, relation)
    edit = edit_of(session)
    relation = edit.existing(relation.oid)
    if relation.schema == schema:
        return done(tag)
    owned_by = relation.sequence.owned_by if relation.sequence is not None else None
    if owned_by is not None:
        owner = edit.existing(owned_by[0])
        raise FeatureNotSupported(
            "cannot move an owned sequence into another schema",
            detail=f'Sequence "{relation.name}" is linked to table "{owner.name}".',
        )
    for name in (relation.name, *[index.name for index in relation.indexes]):
        if edit.is_name_taken(schema, name):
            raise DuplicateTable(f'relation "{name}" already exists in schema "{schema}"')
    _move(session, edit, relation, schema, relation.name)
    for other in list(edit.relations()):
        if other.sequence is not None and (other.sequence.owned_by or (0, 0))[0] == relation.oid:
            _rename_relation(session, edit, other, schema, other.name)
    apply(session, edit)
    return done(tag)


def execute_alter_owner(session: CommandSession, statement: tree.AlterOwner) -> Result:
    """Execute ALTER ... OWNER TO for what is no relation."""
    kind = statement.object.kind
    owner = role_of(session, statement.owner)
    if kind == "database":
        require_superuser(session, f"must be owner of database {statement.object.name}")
        session.notice("the owner of a database is the owner of its file", severity="WARNING")
        return done("ALTER DATABASE")
    found: Relation | Schema | DataType | None
    name = statement.object.name
    if kind in RELATIONS:
        found = find_relation(session, name)
        if found is None:
            raise UndefinedTable(f'relation "{name}" does not exist')
        require_owner(session, found)
    elif kind == "schema":
        found = session.catalog.schema(name.name)
        if found is None:
            raise InvalidSchemaName(f'schema "{name.name}" does not exist')
        require_owner(session, found)
    elif kind in ("type", "domain"):
        from heliosdb.commands.types import type_named

        found = type_named(session, name)
    else:
        raise FeatureNotSupported(f"ALTER {kind.upper()} OWNER TO is not supported")
    require_new_owner(session, owner, getattr(found, "schema", None))
    edit = edit_of(session)
    give(edit, found, owner.oid)
    apply(session, edit)
    return done(f"ALTER {kind.upper()}")
