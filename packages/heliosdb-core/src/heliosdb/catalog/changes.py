"""Changes of the catalog inside a transaction.

A command collects what it creates, replaces and drops in a ``CatalogEdit``, which answers questions as if all that
had happened already, and writes it at the end with ``write``: rows of the system relations, under the transaction
like any other rows. Nothing of a failed command is left, and no command ever sees half of itself.

    command  ->  CatalogEdit (pending, on top of the snapshot's catalog)  ->  rows of ``objects`` and ``names``

Names are rows of their own under a unique index. So of two sessions that create one name the second waits for the
first and then fails with the error that PostgreSQL gives for a name that is taken, whatever its snapshot shows. Every
change gives the object a version that was never used before, in any timeline: plans are cached by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from attrs import evolve, frozen

from heliosdb.catalog.definitions import OWNER, Constraint, DataType, Index, Relation, Role, Schema
from heliosdb.catalog.storage import (
    NAMES_INDEX,
    NAMES_RELATION,
    OBJECTS_INDEX,
    OBJECTS_RELATION,
    CatalogObject,
    class_name,
    encode_row,
)
from heliosdb.catalog.view import CatalogSnapshot
from heliosdb.errors import DuplicateObject, DuplicateSchema, DuplicateTable, Error, InternalFailure, UniqueViolation

__all__ = ["BOOTSTRAP", "CatalogChange", "CatalogEdit", "CatalogWriter", "names_of", "write_bootstrap"]

BOOTSTRAP: tuple[CatalogObject, ...] = (
    Role(oid=OWNER, name="helios"),
    Schema(oid=11, name="pg_catalog", comment="system catalog schema"),
    Schema(oid=2200, name="public", comment="standard public schema"),
    Schema(oid=13183, name="information_schema"),
)
"""What every database begins with; the OIDs are PostgreSQL's."""


@frozen
class CatalogChange:
    """One object's change as plugins see it: ``operation`` is "create", "alter" or "drop", ``kind`` the relation's kind
    or "schema", "role", "extension"; indexes and constraints change with their relation."""

    operation: str
    kind: str
    before: CatalogObject | None
    after: CatalogObject | None


class CatalogWriter(Protocol):
    """What writing the catalog asks of a transaction."""

    def view(self, relation_oid: int) -> Any:
        """Return a relation as the current command sees it."""
        ...

    def insert(self, relation_oid: int, row: tuple[Any, ...]) -> int:
        """Insert a row and return its row id."""
        ...

    def update(self, relation_oid: int, rowid: int, old_row: tuple[Any, ...], new_row: tuple[Any, ...]) -> Any:
        """Replace a row."""
        ...

    def delete(self, relation_oid: int, rowid: int, old_row: tuple[Any, ...]) -> Any:
        """Delete a row."""
        ...


def names_of(definition: CatalogObject) -> dict[tuple[str, str, str], int]:
    """Return the names that an object holds, (namespace, schema, name) -> OID. Relations and indexes share one
    namespace."""
    if isinstance(definition, Relation):
        names = {("relation", definition.schema, definition.name): definition.oid}
        for index in definition.indexes:
            names["relation", index.schema, index.name] = index.oid
        return names
    if isinstance(definition, DataType):
        return {("type", definition.schema, definition.name): definition.oid}
    return {(class_name(definition), "", definition.name): definition.oid}


def write_bootstrap(transaction: CatalogWriter) -> None:
    """Write what an empty database begins with."""
    for definition in BOOTSTRAP:
        transaction.insert(OBJECTS_RELATION, encode_row(definition))
        for name, oid in names_of(definition).items():
            transaction.insert(NAMES_RELATION, (*name, oid))


class CatalogEdit:
    """The pending changes of one command on top of a snapshot's catalog."""

    def __init__(self, catalog: CatalogSnapshot) -> None:
        self.catalog = catalog
        self._pending: dict[int, CatalogObject | None] = {}

    # -- the state as it will be -----------------------------------------------------------------------------------

    def relation(self, oid: int) -> Relation | None:
        """Return a relation as it will be."""
        found = self._pending[oid] if oid in self._pending else self.catalog.object_by_oid(oid)
        return found if isinstance(found, Relation) else None

    def existing(self, oid: int) -> Relation:
        """Return a relation that must be there."""
        found = self.relation(oid)
        if found is None:
            raise InternalFailure(f"relation with OID {oid} does not exist")
        return found

    def relations(self) -> Iterator[Relation]:
        """Iterate over all relations as they will be."""
        for found in self.catalog.relations():
            if found.oid not in self._pending:
                yield found
        for pending in list(self._pending.values()):
            if isinstance(pending, Relation):
                yield pending

    def types(self) -> Iterator[DataType]:
        """Iterate over the types that SQL made as they will be."""
        for found in self.catalog.types():
            if found.oid not in self._pending:
                yield found
        for pending in list(self._pending.values()):
            if isinstance(pending, DataType):
                yield pending

    def type(self, oid: int) -> DataType | None:
        """Return a type that SQL made as it will be."""
        found = self._pending[oid] if oid in self._pending else self.catalog.object_by_oid(oid)
        return found if isinstance(found, DataType) else None

    def relations_referencing(self, oid: int) -> list[tuple[Relation, Constraint]]:
        """Return the foreign keys that will point to a relation, each with the relation that has it."""
        return [
            (relation, constraint)
            for relation in self.relations()
            for constraint in relation.constraints
            if constraint.foreign is not None and constraint.foreign.relation == oid
        ]

    def is_name_taken(self, schema: str, name: str) -> bool:
        """Return whether a relation or an index will have the name."""
        for definition in self._pending.values():
            if isinstance(definition, Relation) and ("relation", schema, name) in names_of(definition):
                return True
        found = self.catalog.lookup_relation(schema, name)
        if found is None:
            entry = self.catalog.lookup_index(schema, name)
            found = None if entry is None else entry[0]
        return found is not None and found.oid not in self._pending

    def lookup_relation(self, schema: str, name: str) -> Relation | None:
        """Return the relation that will have a name."""
        for definition in self._pending.values():
            if isinstance(definition, Relation) and (definition.schema, definition.name) == (schema, name):
                return definition
        found = self.catalog.lookup_relation(schema, name)
        return found if found is not None and found.oid not in self._pending else None

    def is_constraint_named(self, schema: str, name: str) -> bool:
        """Return whether a relation of the schema will have a constraint with this name."""
        count = self.catalog.constraints_named(schema, name)
        for oid, new in self._pending.items():
            old = self.catalog.object_by_oid(oid)
            for found, by in ((old, -1), (new, 1)):
                if isinstance(found, Relation) and found.schema == schema:
                    count += by * sum(constraint.name == name for constraint in found.constraints)
        return count > 0

    def lookup_type(self, schema: str, name: str) -> DataType | None:
        """Return the type that will have a name."""
        for definition in self._pending.values():
            if isinstance(definition, DataType) and (definition.schema, definition.name) == (schema, name):
                return definition
        found = self.catalog.lookup_type(schema, name)
        return found if found is not None and found.oid not in self._pending else None

    def is_dropped(self, oid: int) -> bool:
        """Return whether this command drops the object."""
        return oid in self._pending and self._pending[oid] is None

    # -- changes ---------------------------------------------------------------------------------------------------

    def put(self, definition: CatalogObject) -> None:
        """Create an object, or replace the one that has its OID."""
        self._pending[definition.oid] = definition

    def drop(self, oid: int) -> None:
        """Drop an object."""
        self._pending[oid] = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing changes."""
        return not self._pending

    def changes(self) -> Iterator[CatalogChange]:
        """Yield what is created, altered and dropped, for the hook ``catalog_changed``."""
        for oid, after in self._pending.items():
            before = self.catalog.object_by_oid(oid)
            definition = before if after is None else after
            if definition is not None:
                operation = "create" if before is None else "drop" if after is None else "alter"
                kind = definition.kind if isinstance(definition, Relation) else class_name(definition)
                yield CatalogChange(operation, kind, before, after)

    def index_changes(self) -> Iterator[tuple[Relation | None, Relation | None, tuple[Index, ...], tuple[Index, ...]]]:
        """Yield (old relation, new relation, indexes that go, indexes that come) for each changed relation."""
        for oid, new in self._pending.items():
            old = self.catalog.object_by_oid(oid)
            if not (isinstance(old, Relation) or isinstance(new, Relation)):
                continue
            before = {index.oid: index for index in old.indexes} if isinstance(old, Relation) else {}
            after = {index.oid: index for index in new.indexes} if isinstance(new, Relation) else {}
            yield (
                old if isinstance(old, Relation) else None,
                new if isinstance(new, Relation) else None,
                tuple([index for number, index in before.items() if number not in after]),
                tuple([index for number, index in after.items() if number not in before]),
            )

    def result(self) -> CatalogSnapshot:
        """Return the catalog as it is when the changes have been written."""
        return self.catalog.changed(self._pending)

    def write(self, transaction: CatalogWriter, next_version: Any) -> None:
        """Write the changes; ``next_version()`` gives a number that was never used. DuplicateTable and kin for
        names."""
        pending = self._pending
        freed: dict[tuple[str, str, str], int] = {}
        claimed: dict[tuple[str, str, str], tuple[int, CatalogObject]] = {}
        for oid, new in pending.items():
            old = self.catalog.object_by_oid(oid)
            before = names_of(old) if old is not None else {}
            after = names_of(new) if new is not None else {}
            freed |= {name: number for name, number in before.items() if after.get(name) != number}
            if new is not None:
                for name, number in after.items():
                    if before.get(name) != number:
                        if name in claimed:
                            raise duplicate_name(name, new)
                        claimed[name] = (number, new)
        self._write_names(transaction, freed, claimed)
        for oid, new in list(pending.items()):
            old = self.catalog.object_by_oid(oid)
            if isinstance(new, Relation | DataType):
                new = evolve(new, version=next_version())
                pending[oid] = new
            if old is None:
                if new is not None:
                    transaction.insert(OBJECTS_RELATION, encode_row(new))
                continue
            rowid, row = _stored(transaction, OBJECTS_RELATION, OBJECTS_INDEX, oid)
            if new is None:
                transaction.delete(OBJECTS_RELATION, rowid, row)
            else:
                transaction.update(OBJECTS_RELATION, rowid, row, encode_row(new))

    def _write_names(
        self,
        transaction: CatalogWriter,
        freed: dict[tuple[str, str, str], int],
        claimed: dict[tuple[str, str, str], tuple[int, CatalogObject]],
    ) -> None:
        for name in freed:
            rowid, row = _stored(transaction, NAMES_RELATION, NAMES_INDEX, name)
            if name in claimed:
                number, _ = claimed.pop(name)
                transaction.update(NAMES_RELATION, rowid, row, (*name, number))
            else:
                transaction.delete(NAMES_RELATION, rowid, row)
        for name, (number, definition) in claimed.items():
            try:
                transaction.insert(NAMES_RELATION, (*name, number))
            except UniqueViolation:
                raise duplicate_name(name, definition) from None


def duplicate_name(name: tuple[str, str, str], definition: CatalogObject) -> Error:
    """Return the error for a name that is taken."""
    namespace, _, last = name
    if namespace == "relation":
        return DuplicateTable(f'relation "{last}" already exists')
    if namespace == "schema":
        return DuplicateSchema(f'schema "{last}" already exists')
    return DuplicateObject(f'{namespace} "{last}" already exists')


def _stored(transaction: CatalogWriter, relation: int, index: int, key: Any) -> tuple[int, tuple[Any, ...]]:
    found = transaction.view(relation).index(index).items(key)
    if len(found) != 1:
        raise InternalFailure(f"catalog relation {relation} has {len(found)} rows for {key}")
    rowid, row = found[0]
    return rowid, row
