"""The catalog as one snapshot sees it: an immutable value, shared by all sessions that see the same.

``CatalogSnapshot`` answers every question of the binder, the planner and the commands from mappings. ``CatalogCache``
makes them: one a database. The session asks for its snapshot's state of the catalog, which is one comparison as long
as nothing changed.

    a command of this transaction changed the catalog    its snapshot with the changes: it shares all the rest
    this transaction committed, and no other did         the same one, under the name of the committed state
    anything else                                        the rows of the system relation are read, and only those that
                                                         are new (by identity) are decoded again

So a script of many definitions takes time in proportion to their number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from threading import Lock
from typing import Any

from heliosdb.catalog.definitions import Constraint, DataType, Extension, Index, Relation, Role, Schema
from heliosdb.catalog.layers import Layers
from heliosdb.catalog.roles import PREDEFINED
from heliosdb.catalog.storage import OBJECTS_RELATION, CatalogObject, decode_row

__all__ = ["CatalogCache", "CatalogSnapshot", "catalog_state", "temporary_schema"]


class CatalogSnapshot:
    """All catalog objects of one state of the catalog. Nothing in it changes once it is made."""

    __slots__ = (
        "_constraint_names",
        "_extensions",
        "_index_names",
        "_indexes",
        "_names",
        "_objects",
        "_referencing",
        "_role_names",
        "_roles",
        "_schemas",
        "_type_names",
        "access_state",
        "type_state",
    )

    def __init__(self, objects: Iterable[CatalogObject] = ()) -> None:
        self._objects: Layers[int, CatalogObject] = Layers()
        self._names: Layers[tuple[str, str], Relation] = Layers()
        self._index_names: Layers[tuple[str, str], int] = Layers()
        self._indexes: Layers[int, tuple[Relation, Index]] = Layers()
        self._constraint_names: Layers[tuple[str, str], int] = Layers()
        """How many relations of a schema have a constraint of a name."""
        self._referencing: Layers[int, tuple[tuple[Relation, Constraint], ...]] = Layers()
        self._schemas: Layers[str, Schema] = Layers()
        self._roles: Layers[str, Role] = Layers()
        self._role_names: Layers[int, str] = Layers()
        self._extensions: Layers[str, Extension] = Layers()
        self._type_names: Layers[tuple[str, str], DataType] = Layers()
        referencing: dict[int, list[tuple[Relation, Constraint]]] = {}
        for role in PREDEFINED:
            self._enter_role(role)
        for definition in objects:
            self._enter(definition)
            if isinstance(definition, Relation):
                for constraint in definition.constraints:
                    if constraint.foreign is not None:
                        referencing.setdefault(constraint.foreign.relation, []).append((definition, constraint))
        for oid, found in referencing.items():
            self._referencing[oid] = tuple(found)
        self.type_state = self._types_now()
        """What tells whether any type that SQL made is another in another catalog."""
        self.access_state = self._access_now()
        """What tells whether who may do what, but for what relations themselves say, is another in another catalog."""

    def changed(self, changes: Mapping[int, CatalogObject | None]) -> CatalogSnapshot:
        """Return this catalog with other objects under some OIDs (None: without them). What is the same is shared."""
        made = CatalogSnapshot.__new__(CatalogSnapshot)
        for name in _MAPPINGS:
            setattr(made, name, getattr(self, name).copy())
        made.type_state = self.type_state
        made.access_state = self.access_state
        before = {oid: self._objects.find(oid) for oid in changes}
        for oid, old in before.items():
            if old is not None:
                made._leave(old)
                if changes[oid] is None:
                    del made._objects[oid]
        for new in changes.values():
            if new is not None:
                made._enter(new)
                made._enter_references(new)
        if any(isinstance(found, DataType) for found in (*before.values(), *changes.values())):
            made.type_state = made._types_now()
        if any(isinstance(found, Role | Schema) for found in (*before.values(), *changes.values())):
            made.access_state = made._access_now()
        return made

    def _access_now(self) -> tuple[Role | Schema, ...]:
        # Compared with others they are mostly the very same objects, which takes next to no time.
        both: tuple[Role | Schema, ...] = (*self._roles.values(), *self._schemas.values())
        return tuple(sorted(both, key=lambda found: found.oid))

    def _types_now(self) -> tuple[tuple[int, int], ...]:
        return tuple([(found.oid, found.version) for found in self._type_names.values()])

    def _leave(self, definition: CatalogObject) -> None:
        """Forget all but the object itself, in whose place another may come."""
        if isinstance(definition, Relation):
            del self._names[definition.schema, definition.name]
            for index in definition.indexes:
                del self._indexes[index.oid]
                del self._index_names[index.schema, index.name]
            for constraint in definition.constraints:
                name = (definition.schema, constraint.name)
                self._constraint_names[name] -= 1
                if not self._constraint_names[name]:
                    del self._constraint_names[name]
            targets = {found.foreign.relation for found in definition.constraints if found.foreign is not None}
            for target in targets:
                left = tuple([entry for entry in self._referencing[target] if entry[0] is not definition])
                if left:
                    self._referencing[target] = left
                else:
                    del self._referencing[target]
        elif isinstance(definition, Schema):
            del self._schemas[definition.name]
        elif isinstance(definition, Role):
            del self._roles[definition.name]
            del self._role_names[definition.oid]
        elif isinstance(definition, DataType):
            del self._type_names[definition.schema, definition.name]
        else:
            del self._extensions[definition.name]

    def _enter_references(self, definition: CatalogObject) -> None:
        if isinstance(definition, Relation):
            for constraint in definition.constraints:
                if constraint.foreign is not None:
                    target = constraint.foreign.relation
                    self._referencing[target] = (*self._referencing.get(target, ()), (definition, constraint))

    def _enter(self, definition: CatalogObject) -> None:
        self._objects[definition.oid] = definition
        if isinstance(definition, Relation):
            self._names[definition.schema, definition.name] = definition
            for index in definition.indexes:
                self._indexes[index.oid] = (definition, index)
                self._index_names[index.schema, index.name] = index.oid
            for constraint in definition.constraints:
                name = (definition.schema, constraint.name)
                self._constraint_names[name] = self._constraint_names.get(name, 0) + 1
        elif isinstance(definition, Schema):
            self._schemas[definition.name] = definition
        elif isinstance(definition, Role):
            self._enter_role(definition)
        elif isinstance(definition, DataType):
            self._type_names[definition.schema, definition.name] = definition
        else:
            self._extensions[definition.name] = definition

    def _enter_role(self, role: Role) -> None:
        self._roles[role.name] = role
        self._role_names[role.oid] = role.name

    # -- relations -------------------------------------------------------------------------------------------------

    def lookup_relation(self, schema: str | None, name: str, search_path: Iterable[str] = ()) -> Relation | None:
        """Return the relation that a name means: in its schema, else in the first schema of the path that has one."""
        if schema is not None:
            return self._names.find((_own(schema, search_path), name))
        for candidate in search_path:
            found = self._names.find((candidate, name))
            if found is not None:
                return found
        return None

    def relation_by_oid(self, oid: int) -> Relation | None:
        """Return the relation with this OID, or None."""
        found = self._objects.find(oid)
        return found if isinstance(found, Relation) else None

    def relations(self) -> Iterator[Relation]:
        """Iterate over all relations in order of creation."""
        return (found for found in self._objects.values() if isinstance(found, Relation))

    def sequences(self) -> Iterator[Relation]:
        """Iterate over the sequences."""
        return (found for found in self.relations() if found.kind == "sequence")

    def relations_referencing(self, oid: int) -> tuple[tuple[Relation, Constraint], ...]:
        """Return the foreign keys that point to a relation, each with the relation that has it."""
        found: tuple[tuple[Relation, Constraint], ...] = self._referencing.get(oid, ())
        return found

    def version_of(self, oid: int) -> int | None:
        """Return the version of a relation's definition (of an index: its relation's), or None where it is not
        there."""
        found = self._objects.find(oid)
        if found is None:
            entry = self._indexes.find(oid)
            return None if entry is None else entry[0].version
        return found.version if isinstance(found, Relation) else 0

    # -- indexes ---------------------------------------------------------------------------------------------------

    def lookup_index(
        self, schema: str | None, name: str, search_path: Iterable[str] = ()
    ) -> tuple[Relation, Index] | None:
        """Return the index that a name means, with its relation."""
        for candidate in (_own(schema, search_path),) if schema is not None else search_path:
            oid = self._index_names.find((candidate, name))
            if oid is not None:
                return self._indexes[oid]
        return None

    def index_by_oid(self, oid: int) -> tuple[Relation, Index] | None:
        """Return the index with this OID and its relation, or None."""
        return self._indexes.find(oid)

    def is_name_taken(self, schema: str, name: str) -> bool:
        """Return whether a relation or an index of the schema has the name: they share one namespace."""
        return (schema, name) in self._names or (schema, name) in self._index_names

    def constraints_named(self, schema: str, name: str) -> int:
        """Return how many relations of a schema have a constraint with this name."""
        found: int = self._constraint_names.get((schema, name), 0)
        return found

    # -- types -----------------------------------------------------------------------------------------------------

    def types(self) -> Iterator[DataType]:
        """Iterate over the types that SQL made."""
        return iter(self._type_names.values())

    def lookup_type(self, schema: str | None, name: str, search_path: Iterable[str] = ()) -> DataType | None:
        """Return the type that SQL made under a name: in its schema, else in the first schema of the path that has
        one."""
        for candidate in (_own(schema, search_path),) if schema is not None else search_path:
            found = self._type_names.find((candidate, name))
            if found is not None:
                return found
        return None

    # -- everything else -------------------------------------------------------------------------------------------

    def schemas(self) -> tuple[str, ...]:
        """Return the names of all schemas."""
        return tuple(self._schemas)

    def schema(self, name: str) -> Schema | None:
        """Return the schema with this name, or None."""
        return self._schemas.find(name)

    @property
    def roles(self) -> Mapping[str, Role]:
        """Roles by name."""
        return self._roles

    def role_by_oid(self, oid: int) -> Role | None:
        """Return the role with this OID, or None."""
        name = self._role_names.find(oid)
        return None if name is None else self._roles[name]

    def role_name(self, oid: int) -> str:
        """Return how a role is called; of one that is not there its OID."""
        return self._role_names.find(oid) or str(oid)

    @property
    def extensions(self) -> Mapping[str, Extension]:
        """Extensions by name."""
        return self._extensions

    def extension(self, name: str) -> Extension | None:
        """Return the extension with this name, or None."""
        return self._extensions.find(name)

    def object_by_oid(self, oid: int) -> CatalogObject | None:
        """Return any object by its OID, or None."""
        return self._objects.find(oid) or self.role_by_oid(oid)

    def objects(self) -> Iterator[CatalogObject]:
        """Iterate over everything in order of creation."""
        return iter(self._objects.values())


_MAPPINGS = tuple(name for name in CatalogSnapshot.__slots__ if not name.endswith("_state"))


class CatalogCache:
    """Makes ``CatalogSnapshot`` values for one database and keeps what it decoded.

    A *state* names what a transaction sees of the catalog: the timeline, the last change of the catalog at or before
    its snapshot, and its own uncommitted changes. Equal states see equal catalogs, so one value serves all sessions
    that changed nothing.

    A decoded row is kept by the row's identity: rows are immutable, and the cache holds them, so an address is never
    reused. Safe for many threads: two that miss at once make two equal values.
    """

    def __init__(self, kept_states: int = 16) -> None:
        self._decoded: dict[int, tuple[tuple[Any, ...], CatalogObject]] = {}
        self._states: dict[Any, CatalogSnapshot] = {}
        self._combined: dict[tuple[int, int], tuple[CatalogSnapshot, CatalogSnapshot, CatalogSnapshot]] = {}
        """By the addresses of two catalogs, which are held: what was made of them."""
        self._kept_states = kept_states
        self._lock = Lock()

    def of(self, transaction: Any) -> CatalogSnapshot:
        """Return the catalog as a transaction's current command sees it."""
        state = catalog_state(transaction)
        found = self._states.get(state)
        return self._make(state, transaction.view(OBJECTS_RELATION).row_blocks()) if found is None else found

    def enter(self, state: Any, made: CatalogSnapshot) -> None:
        """Keep what the caller knows to be the catalog in a state."""
        with self._lock:
            self._keep(state, made)

    def _keep(self, state: Any, made: CatalogSnapshot) -> None:
        while len(self._states) >= self._kept_states:
            del self._states[next(iter(self._states))]
        self._states[state] = made
        self._sweep()

    def written(self, transaction: Any, made: CatalogSnapshot | None) -> None:
        """Give a name to the state in which a command of a transaction has left the catalog, until it is rolled back;
        ``made`` is that catalog, where it is known."""
        own = transaction.writes[OBJECTS_RELATION]
        before, own.state = own.state, transaction.command
        transaction.undo_by(partial(setattr, own, "state", before))
        if made is not None:
            self.enter(catalog_state(transaction), made)
        if before is None:
            transaction.at_commit(partial(self.commit, transaction))

    def commit(self, transaction: Any) -> None:
        """Keep a transaction's catalog as that of the commit which is being entered, if no other changed it meanwhile:
        done under the commit lock, before the changes are entered."""
        relation = transaction.relation(OBJECTS_RELATION)
        state = catalog_state(transaction)
        made = self._states.get(state)
        if made is not None and not relation.feed.wanted and relation.feed.horizon == state[1]:
            self.enter((transaction.timeline.id, transaction.store.entering), made)

    def snapshot(self, state: Any, blocks: Iterable[list[tuple[Any, ...]]]) -> CatalogSnapshot:
        """Return the catalog in a state that the caller names, which begins with the timeline's number, from the rows
        of ``objects``."""
        found = self._states.get(state)
        return self._make(state, blocks) if found is None else found

    def _make(self, state: Any, blocks: Iterable[list[tuple[Any, ...]]]) -> CatalogSnapshot:
        line = state[0]
        decoded = (self._decode(row) for block in blocks for row in block)
        made = CatalogSnapshot(definition for definition in decoded if not _is_temporary_elsewhere(definition, line))
        self.enter(state, made)
        return made

    def combined(
        self,
        then: CatalogSnapshot,
        now: CatalogSnapshot,
        changes: Callable[[], Mapping[int, CatalogObject | None]],
    ) -> CatalogSnapshot:
        """Return ``then`` with changes that follow from the two catalogs; made once for each pair, while it is kept."""
        key = (id(then), id(now))
        found = self._combined.get(key)
        if found is None:
            different = changes()
            found = (then, now, then.changed(different) if different else then)
            with self._lock:
                while len(self._combined) >= self._kept_states:
                    del self._combined[next(iter(self._combined))]
                self._combined[key] = found
        return found[2]

    def _decode(self, row: tuple[Any, ...]) -> CatalogObject:
        found = self._decoded.get(id(row))
        if found is not None and found[0] is row:
            return found[1]
        definition = decode_row(row)
        self._decoded[id(row)] = (row, definition)
        return definition

    def _sweep(self) -> None:
        # Rows of superseded definitions stay until they outnumber the living ones.
        living = max(len(state._objects) for state in self._states.values())
        if len(self._decoded) > 4 * living + 1024:
            self._decoded = {}


def catalog_state(transaction: Any) -> Any:
    """Return the name of what a transaction sees of the catalog, see ``CatalogCache``."""
    relation = transaction.relation(OBJECTS_RELATION)
    scn = transaction.scn
    last = relation.feed.horizon
    if relation.feed.wanted or last > scn:
        # Someone follows the catalog's changes, or it changed after this snapshot: named by the snapshot alone.
        last = -1 - scn
    own = transaction.writes.get(OBJECTS_RELATION)
    if own is None or not (own.blocks or own.bulk):
        return (transaction.timeline.id, last)
    if own.state is not None:
        return (transaction.timeline.id, last, transaction.transaction_id, own.state)
    # Commands are numbered without repetition, also after a rollback to a savepoint: the newest one that left
    # something, and how # much there is, tell any two states of the own changes apart.
    commands = [entry[0] for slots in own.blocks.values() for entry in slots.values()]
    commands += [block.command for block in own.bulk.values()]
    if not commands:
        return (transaction.timeline.id, last)
    newest = max(commands)
    pending = transaction.command if newest >= transaction.command else None
    return (transaction.timeline.id, last, transaction.transaction_id, newest, len(commands), pending)


def temporary_schema(session: int, line: int) -> str:
    """Return the schema for a session's temporary objects on a timeline: what starts from it does not have them."""
    return f"pg_temp_{session}_{line}" if line else f"pg_temp_{session}"


def _is_temporary_elsewhere(definition: CatalogObject, line: int) -> bool:
    """Whether an object is a temporary one of a timeline that this one starts from."""
    if not isinstance(definition, Relation) or definition.persistence != "temporary":
        return False
    home = definition.schema.split("_")[3:]
    return home != ([str(line)] if line else [])


def _own(schema: str, search_path: Iterable[str]) -> str:
    """Return the schema that a qualification means: ``pg_temp`` is whichever is the session's own."""
    if schema != "pg_temp":
        return schema
    return next((name for name in search_path if name.startswith("pg_temp_")), schema)
