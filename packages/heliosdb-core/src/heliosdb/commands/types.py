"""CREATE TYPE, ALTER TYPE and DROP TYPE: enums and composite types.

A type holds the name that a row type would have, so it may not be called as a table or view of its schema is. The label
of an enum is its datum; RENAME VALUE therefore changes the rows that hold it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from attrs import evolve

from heliosdb.catalog.changes import CatalogEdit
from heliosdb.catalog.definitions import Attribute, DataType, Relation
from heliosdb.catalog.result import Result
from heliosdb.commands.columns import column_type
from heliosdb.commands.ddl import apply, done, edit_of, lock_relation
from heliosdb.commands.dependencies import Dropper, Object
from heliosdb.commands.forms import refuse_forms
from heliosdb.commands.names import creation_schema
from heliosdb.commands.privileges import require_drop, require_owner
from heliosdb.commands.reindex import renew_indexes
from heliosdb.errors import (
    DependentObjectsStillExist,
    DuplicateColumn,
    DuplicateObject,
    Error,
    FeatureNotSupported,
    InvalidName,
    InvalidParameterValue,
    InvalidSchemaName,
    UndefinedObject,
    UniqueViolation,
    WrongObjectType,
)
from heliosdb.sql import statements as tree
from heliosdb.sql.deparse import quote_identifier, quote_literal

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession

__all__ = [
    "execute_alter_enum",
    "execute_create_composite",
    "execute_create_enum",
    "execute_drop_type",
    "find_type",
    "new_type_name",
    "rename_type",
    "stored_texts",
    "type_named",
]

LABEL_BYTES = 63


def new_type_name(session: CommandSession, name: tree.QualifiedName) -> tuple[str, str]:
    """Return schema and name for a new type; DuplicateObject where the name is taken."""
    schema, _ = creation_schema(session, name)
    catalog = session.catalog
    if catalog.lookup_type(schema, name.name) is not None or (
        (relation := catalog.lookup_relation(schema, name.name)) is not None and relation.kind != "sequence"
    ):
        raise DuplicateObject(f'type "{name.name}" already exists')
    return schema, name.name


def find_type(session: CommandSession, name: tree.QualifiedName) -> DataType | None:
    """Return the type that SQL made under a name, or None."""
    schema = name.schema
    return session.catalog.lookup_type(schema, name.name, session.search_path)


def missing_type(session: CommandSession, name: tree.QualifiedName) -> Error:
    """Return the error for a type that does not exist."""
    if name.schema is not None and session.catalog.schema(name.schema) is None:
        return InvalidSchemaName(f'schema "{name.schema}" does not exist')
    return UndefinedObject(f'type "{name}" does not exist')


def type_named(session: CommandSession, name: tree.QualifiedName) -> DataType:
    """Return the type that SQL made under a name and that is to be changed; UndefinedObject where there is none,
    InsufficientPrivilege where it is not the current role's."""
    found = find_type(session, name)
    if found is None:
        raise missing_type(session, name)
    require_owner(session, found)
    return found


# -- enums -----------------------------------------------------------------------------------------------------------


def _check_label(label: str) -> None:
    if len(label.encode()) > LABEL_BYTES:
        raise InvalidName(f'invalid enum label "{label}"', detail="Labels must be 63 bytes or less.")


def execute_create_enum(session: CommandSession, statement: tree.CreateEnum) -> Result:
    """Execute CREATE TYPE ... AS ENUM."""
    schema, name = new_type_name(session, statement.name)
    for label in statement.labels:
        _check_label(label)
    if len(set(statement.labels)) < len(statement.labels):
        raise UniqueViolation('duplicate key value violates unique constraint "pg_enum_typid_label_index"')
    database = session.database
    edit = edit_of(session)
    edit.put(
        DataType(
            oid=database.next_oid(),
            array_oid=database.next_oid(),
            schema=schema,
            name=name,
            kind="enum",
            owner=session.role,
            labels=statement.labels,
        )
    )
    apply(session, edit)
    return done("CREATE TYPE")


def execute_alter_enum(session: CommandSession, statement: tree.AlterEnum) -> Result:
    """Execute ALTER TYPE ... ADD VALUE and RENAME VALUE."""
    found = type_named(session, statement.name)
    if found.kind != "enum":
        raise WrongObjectType(f'"{statement.name}" is not an enum')
    _check_label(statement.label)
    labels = list(found.labels)
    if statement.old is not None:
        if statement.old not in labels:
            raise InvalidParameterValue(f'"{statement.old}" is not an existing enum label')
        if statement.label in labels:
            raise DuplicateObject(f'enum label "{statement.label}" already exists')
        return _rename_label(session, found, statement.old, statement.label)
    if statement.label in labels:
        if not statement.if_not_exists:
            raise DuplicateObject(f'enum label "{statement.label}" already exists')
        session.notice(f'enum label "{statement.label}" already exists, skipping', sqlstate="42710")
        return done("ALTER TYPE")
    at = len(labels)
    if statement.neighbour is not None:
        if statement.neighbour not in labels:
            raise InvalidParameterValue(f'"{statement.neighbour}" is not an existing enum label')
        at = labels.index(statement.neighbour) + statement.after
    labels.insert(at, statement.label)
    edit = edit_of(session)
    edit.put(evolve(found, labels=tuple(labels)))
    _renew_indexes(session, edit, found)
    apply(session, edit)
    return done("ALTER TYPE")


def _renew_indexes(session: CommandSession, edit: CatalogEdit, found: DataType) -> None:
    """Have the indexes that hold the labels' places built again."""
    name = found.internal_name
    for relation in list(session.catalog.relations()):
        oids = {
            index.oid
            for index in relation.indexes
            for key in index.keys
            if (key.type if key.column is None else relation.columns[key.column - 1].type).endswith(name)
        }
        if oids:
            lock_relation(session, relation, "share")
            renew_indexes(session, edit, edit.existing(relation.oid), oids)


def _rename_label(session: CommandSession, found: DataType, old: str, new: str) -> Result:
    name = found.internal_name
    tables = []
    for relation in session.catalog.relations():
        uses = [column for column in relation.columns if not column.dropped and name in column.type]
        if (uses or _depends(relation, found)) and any(quote_literal(old) in text for text in stored_texts(relation)):
            raise FeatureNotSupported(
                f'label "{old}" cannot be renamed because {relation.kind} {relation.name} has expressions with it'
            )
        if relation.kind == "table" and uses:
            refuse_forms(relation, uses)
            if any(column.type != name for column in uses):
                raise FeatureNotSupported(
                    f'label "{old}" cannot be renamed because columns of table {relation.name} hold it inside of arrays'
                )
            tables.append((relation, uses))
    for other in session.catalog.types():
        if other.base == name or any(attribute.type.endswith(name) for attribute in other.attributes):
            raise FeatureNotSupported(f'label "{old}" cannot be renamed because type {other.name} holds it')
    for relation, _ in tables:
        lock_relation(session, relation)
    edit = edit_of(session)
    edit.put(evolve(found, labels=tuple([new if label == old else label for label in found.labels])))
    _renew_indexes(session, edit, found)

    def rewrite() -> None:
        for relation, uses in tables:
            slots = {column.number - 1 for column in uses}
            changes = [
                (row_id, row)
                for row_ids, block in session.transaction.view(relation.oid).item_blocks()
                for row_id, row in zip(row_ids, block)
                if any(slot < len(row) and row[slot] == old for slot in slots)
            ]
            for row_id, row in changes:
                changed = tuple([new if slot in slots and value == old else value for slot, value in enumerate(row)])
                session.transaction.update(relation.oid, row_id, row, changed)

    apply(session, edit, rewrite)
    return done("ALTER TYPE")


def _depends(relation: Relation, found: DataType) -> bool:
    return any(oid == found.oid for oid, _ in relation.dependencies)


def stored_texts(relation: Relation) -> Iterator[str]:
    """Yield the SQL texts that a relation's definition keeps."""
    if relation.query is not None:
        yield relation.query
    for column in relation.columns:
        for text in (column.default, column.generated):
            if text is not None:
                yield text
    for constraint in relation.constraints:
        if constraint.expression is not None:
            yield constraint.expression
    for index in relation.indexes:
        if index.predicate is not None:
            yield index.predicate
        for key in index.keys:
            if key.expression is not None:
                yield key.expression


# -- composite types ---------------------------------------------------------------------------------------------------


def execute_create_composite(session: CommandSession, statement: tree.CreateCompositeType) -> Result:
    """Execute CREATE TYPE ... AS (...)."""
    schema, name = new_type_name(session, statement.name)
    attributes: list[Attribute] = []
    for item in statement.attributes:
        if any(attribute.name == item.name for attribute in attributes):
            raise DuplicateColumn(f'column "{item.name}" specified more than once')
        type_name, typmod = column_type(session, item.name, item.type)
        collation = None if item.collation is None else item.collation.name
        attributes.append(Attribute(name=item.name, type=type_name, typmod=typmod, collation=collation))
    database = session.database
    edit = edit_of(session)
    edit.put(
        DataType(
            oid=database.next_oid(),
            array_oid=database.next_oid(),
            schema=schema,
            name=name,
            kind="composite",
            owner=session.role,
            attributes=tuple(attributes),
        )
    )
    apply(session, edit)
    return done("CREATE TYPE")


# -- all types ---------------------------------------------------------------------------------------------------------


def rename_type(session: CommandSession, statement: tree.Rename) -> Result:
    """Execute ALTER TYPE or DOMAIN ... RENAME TO."""
    kind = statement.object.kind
    found = type_named(session, statement.object.name)
    if kind == "domain" and found.kind != "domain":
        raise WrongObjectType(f'"{statement.object.name}" is not a domain')
    if statement.part is not None:
        raise FeatureNotSupported(f"ALTER {kind.upper()} ... RENAME {statement.part.upper()} is not supported")
    new_type_name(session, tree.QualifiedName((found.schema, statement.new_name)))
    written = quote_identifier(found.name)
    for relation in session.catalog.relations():
        if any(written in text for text in stored_texts(relation)):
            raise FeatureNotSupported(
                f"type {found.name} cannot be renamed because {relation.kind} {relation.name} has expressions with it"
            )
    edit = edit_of(session)
    edit.put(evolve(found, name=statement.new_name))
    apply(session, edit)
    return done(f"ALTER {kind.upper()}")


def execute_drop_type(session: CommandSession, statement: tree.Drop) -> Result:
    """Execute DROP TYPE and DROP DOMAIN."""
    tag = f"DROP {statement.kind.upper()}"
    targets = []
    for written in statement.objects:
        found = find_type(session, written.name)
        if found is None:
            _refuse_other(session, statement.kind, written.name)
            error = missing_type(session, written.name)
            if not statement.if_exists:
                raise error
            session.notice(f"{error.message}, skipping")
            continue
        if statement.kind == "domain" and found.kind != "domain":
            raise WrongObjectType(f'"{written.name}" is not a domain')
        require_drop(session, found)
        targets.append(Object("type", found.oid))
    targets = list(dict.fromkeys(targets))
    if targets:
        edit = edit_of(session)
        for item in Dropper(session, edit).drop(targets, cascade=statement.cascade):
            relation = session.catalog.relation_by_oid(item.relation)
            if relation is not None:
                lock_relation(session, relation)
        apply(session, edit)
    return done(tag)


def _refuse_other(session: CommandSession, kind: str, name: tree.QualifiedName) -> None:
    """Refuse to drop registered types and row types."""
    found = session.registries.types.resolve(name.parts)  # type: ignore[attr-defined]
    if found is None:
        return
    if found.kind == "composite":
        relation = session.catalog.relation_by_oid(int(found.name[1:]))
        if relation is not None:
            words = f"{relation.kind} {relation.name}"
            raise DependentObjectsStillExist(
                f"cannot drop type {found.display} because {words} requires it", hint=f"You can drop {words} instead."
            )
    if kind == "domain":
        raise WrongObjectType(f'"{name}" is not a domain')
    raise DependentObjectsStillExist(f"cannot drop type {found.display} because it is required by the database system")
