"""Tables of another time: the catalog of a snapshot, and relations as it has them.

    clause ──values──► resolve_snapshot ──► Snapshot ──► catalog of then ──► relation of then ──► its rows

The catalog is rows of the store, so that every snapshot that can be read has one. ``past_catalog`` gives it for
reading: a relation has the columns of then and the indexes of now, as far as these serve rows of then; what was
dropped since and has lost its rows is not in it.

A plan that reads the past is made for the definitions of then (``sql/binder/moments.py``). ``Moments`` notes what it
was told of each catalog; before it runs again, for other values, ``hold`` says whether the catalogs that these lead to
would tell the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from attrs import define, evolve

from heliosdb.catalog.definitions import Relation, Schema
from heliosdb.catalog.storage import OBJECTS_RELATION, decode_row
from heliosdb.errors import FeatureNotSupported, ObjectNotInPrerequisiteState, SerializationFailure
from heliosdb.plan.expressions import Constant, Parameter
from heliosdb.plan.nodes import BoundStatement, OneRow, OutputColumn, PlanNode, Project, Scan, SnapshotRequest
from heliosdb.plan.rewrite import walk
from heliosdb.transaction.row_versions import first_readable, row_versions

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Index
    from heliosdb.catalog.storage import CatalogObject
    from heliosdb.catalog.view import CatalogSnapshot
    from heliosdb.session.plans import SessionPlans
    from heliosdb.session.statements import RecordingCatalog
    from heliosdb.sql.binder.context import BindContext
    from heliosdb.store.snapshot import Snapshot

__all__ = ["Moments", "catalog_of_past", "definitions", "past_catalog", "past_relation", "resolved"]


# -- from a clause to a snapshot ---------------------------------------------------------------------------------------


def resolved(session: Any, request: SnapshotRequest, arguments: tuple[Any, ...], base: Snapshot | None) -> Snapshot:
    """Return the snapshot that a plugin makes of a clause; FeatureNotSupported where none does."""
    snapshot: Snapshot | None = session.registries.first_result("resolve_snapshot", session, request, arguments, base)
    if snapshot is None:
        raise FeatureNotSupported(f"no plugin resolves the clause {request.clause}")
    return snapshot


@define
class _Asked:
    """A request, what computes its values, and the catalog that its plan was made for."""

    request: SnapshotRequest
    recorded: RecordingCatalog | None = None
    compiled: Any = None

    def values(self, session: SessionPlans, data: Sequence[Any], slots: Sequence[Any]) -> tuple[Any, ...]:
        """Return the datums of the clause's expressions."""
        arguments = self.request.arguments
        if all(node.__class__ is Constant or node.__class__ is Parameter for node in arguments):
            return tuple(
                [
                    data[node.number - 1]
                    if isinstance(node, Parameter)
                    else node.value  # type: ignore[attr-defined]
                    if node.slot is None  # type: ignore[attr-defined]
                    else slots[node.slot]  # type: ignore[attr-defined]
                    for node in arguments
                ]
            )
        from heliosdb.session.execution import Execution

        if self.compiled is None:
            self.compiled = self._compile(session, slots)
        execution = Execution(session, session.transaction, tuple(data), tuple(slots))
        try:
            (row,) = [row for batch in self.compiled.run(execution) for row in batch]
        finally:
            execution.close()
        return tuple(row)

    def _compile(self, session: SessionPlans, slots: Sequence[Any]) -> Any:
        from heliosdb.codegen import compile_statement
        from heliosdb.sql.optimizer import optimize

        columns = tuple(OutputColumn(name="", type=node.type) for node in self.request.arguments)
        plan = Project(input=OneRow(), source=0, columns=columns, expressions=self.request.arguments)
        bound = BoundStatement(plan=plan, columns=columns, tag="SELECT", cacheable=False)
        return compile_statement(optimize(bound, session, slots, len(slots)).plan, session.registries)


class Moments:
    """The requests of one statement, by number; the binder asks for their catalogs (``catalog_at``)."""

    def __init__(self, session: SessionPlans, parameters: Sequence[Any] = (), *, are_data: bool = False) -> None:
        self._session = session
        self._parameters = parameters
        """Python objects or, ``are_data``, datums; fewer than there are where they are not known."""
        self._are_data = are_data
        self._asked: dict[int, _Asked] = {}

    def __bool__(self) -> bool:
        return bool(self._asked)

    def catalog_at(self, context: BindContext, request: SnapshotRequest) -> tuple[Any, int | None]:
        """Return the catalog at the snapshot that a request leads to, and the SCN; see ``BindContext``."""
        from heliosdb.session.statements import RecordingCatalog

        asked = self._asked[request.number] = _Asked(request)
        data = self._data(request)
        if data is None:
            asked.recorded = RecordingCatalog(self._session.catalog)
            return asked.recorded, None
        snapshot = self._snapshot(request.number, data, (), {})
        asked.recorded = RecordingCatalog(past_catalog(self._session, snapshot))
        return asked.recorded, snapshot.scn

    def _data(self, request: SnapshotRequest) -> list[Any] | None:
        """Return the parameters that a request is about as datums; None where they are not known."""
        data: list[Any] = [None] * len(self._parameters)
        chain: SnapshotRequest | None = request
        while chain is not None:
            for node in walk(chain):
                if isinstance(node, Parameter):
                    if node.number > len(data):
                        return None
                    value = self._parameters[node.number - 1]
                    if value is not None and not self._are_data:
                        value = self._session.database.adapters.read(node.type, value, self._session)
                    data[node.number - 1] = value
            chain = chain.base
        return data

    def _snapshot(self, number: int, data: Sequence[Any], slots: Sequence[Any], known: dict[int, Snapshot]) -> Snapshot:
        found = known.get(number)
        if found is None:
            asked = self._asked[number]
            base = asked.request.base
            within = None if base is None else self._snapshot(base.number, data, slots, known)
            values = asked.values(self._session, data, slots)
            found = known[number] = resolved(self._session, asked.request, values, within)
        return found

    def finish(self, plan: PlanNode) -> None:
        """Take the requests as they stand in the bound plan, whose constants and parameters are settled."""
        for node in walk(plan):
            request = node.snapshot if isinstance(node, Scan) else None
            while request is not None:
                asked = self._asked[request.number]
                asked.request, asked.compiled = request, None
                request = request.base
        self._parameters = ()

    def hold(self, session: SessionPlans, data: Sequence[Any], slots: Sequence[Any]) -> dict[int, Snapshot] | None:
        """Return the snapshots, by number, that these parameters and constants lead to, if a plan may run with them:
        what it asked the catalogs has the same answers. Else None.

        Raises what the clauses' values raise.
        """
        self._session = session
        known: dict[int, Snapshot] = {}
        for number, asked in self._asked.items():
            catalog = past_catalog(session, self._snapshot(number, data, slots, known))
            assert asked.recorded is not None
            if catalog is not asked.recorded.catalog and not asked.recorded.still_holds(catalog):
                return None
        return known


# -- the catalog of a snapshot -----------------------------------------------------------------------------------------


def past_catalog(session: Any, snapshot: Snapshot) -> CatalogSnapshot:
    """Return the catalog at a snapshot, for reading what was there then.

    Raises ObjectNotInPrerequisiteState where the catalog of then is no longer kept.
    """
    now: CatalogSnapshot = session.catalog
    if _is_unchanged(session, snapshot):
        return now
    database = session.database
    try:
        rows = session.transaction.view(OBJECTS_RELATION, at=snapshot)
    except ObjectNotInPrerequisiteState as error:
        raise ObjectNotInPrerequisiteState(f"{error.message} of the catalog", detail=error.detail) from None
    line = database.store.timeline(snapshot.timeline)
    then = database.catalogs.snapshot((line.id, -1 - snapshot.scn), rows.row_blocks())
    newest = now
    if line is not session.transaction.timeline:
        with database.store_transaction(line) as short:
            newest = database.catalogs.of(short)
    return catalog_of_past(database, line, then, newest)


def catalog_of_past(database: Any, line: Any, then: CatalogSnapshot, now: CatalogSnapshot) -> CatalogSnapshot:
    """Return the catalog of then with what there is now to read it with, and with who may do so: the roles and the
    grants of now."""
    made: CatalogSnapshot = database.catalogs.combined(then, now, lambda: _changes(line, then, now))
    return made


def _changes(line: Any, then: CatalogSnapshot, now: CatalogSnapshot) -> dict[int, CatalogObject | None]:
    changes = _access_of_now(then, now)
    for relation in then.relations():
        present = now.relation_by_oid(relation.oid)
        if present is relation:
            continue
        if present is not None and (relation.owner, relation.acl) != (present.owner, present.acl):
            relation = evolve(relation, owner=present.owner, acl=present.acl)
            changes[relation.oid] = relation
        if present is None:
            # What was granted on it, to its owner too, has gone with it.
            relation = evolve(relation, acl=())
            changes[relation.oid] = relation
        if relation.kind not in ("table", "materialized view"):
            continue
        if present is None:
            if not _has_rows(line, relation.oid):
                changes[relation.oid] = None
            elif relation.indexes:
                changes[relation.oid] = evolve(relation, indexes=())
        elif present.version != relation.version:
            changes[relation.oid] = evolve(relation, indexes=_serving(relation, present))
    return changes


def _access_of_now(then: CatalogSnapshot, now: CatalogSnapshot) -> dict[int, CatalogObject | None]:
    """Return the roles of now in the place of those of then, and the schemas of then with what is granted now."""
    changes: dict[int, CatalogObject | None] = {}
    for role in then.roles.values():
        if now.role_by_oid(role.oid) is not role:
            changes[role.oid] = now.role_by_oid(role.oid)
    for role in now.roles.values():
        if then.role_by_oid(role.oid) is None:
            changes[role.oid] = role
    for name in then.schemas():
        schema = then.schema(name)
        present = None if schema is None else now.object_by_oid(schema.oid)
        if isinstance(present, Schema) and schema is not None and present is not schema:
            changes[schema.oid] = evolve(schema, owner=present.owner, acl=present.acl)
    return changes


def _has_rows(line: Any, oid: int) -> bool:
    """Whether the rows of a relation that is dropped are still there."""
    while line is not None:
        if oid in line.relations or oid in line.stored:
            return True
        line = line.parent
    return False


def _serving(then: Relation, now: Relation) -> tuple[Index, ...]:
    """Return the indexes of now that find rows of then: what they are over was the same.

    Those that are unique since then are not unique: several rows of then may have one key.
    """
    if _shape(then) == _shape(now):
        alike = {column.number for column in then.columns}
        is_whole = True
    else:
        before = {column.number: _form(column) for column in then.columns}
        alike = {column.number for column in now.columns if before.get(column.number) == _form(column)}
        is_whole = False
    unique = {index.oid for index in then.indexes if index.unique}
    serving = []
    for index in now.indexes:
        is_plain = index.predicate is None and all(key.column is not None for key in index.keys)
        if is_whole or (is_plain and all(key.column in alike for key in index.keys)):
            serving.append(index if index.unique <= (index.oid in unique) else evolve(index, unique=False))
    return tuple(serving)


def _is_unchanged(session: Any, snapshot: Snapshot) -> bool:
    """Whether the catalog is known to be the same then and now."""
    transaction = session.transaction
    line = transaction.timeline
    feed = transaction.relation(OBJECTS_RELATION).feed
    return (
        line.name == snapshot.timeline
        and (line.parent is None or line.fork <= snapshot.scn)
        and OBJECTS_RELATION not in transaction.writes
        and not feed.wanted
        and feed.horizon <= min(snapshot.scn, transaction.scn)
    )


def definitions(session: Any, oid: int) -> list[tuple[int, Relation]]:
    """Return (SCN, definition from there on) of a relation, oldest first, as far back as the catalog is kept."""
    transaction = session.transaction
    line = transaction.timeline
    since = first_readable(transaction, OBJECTS_RELATION, line)
    found: dict[int, Relation] = {}
    for versions in row_versions(transaction, OBJECTS_RELATION, line, since, transaction.scn):
        for version in versions:
            if version.row[0] == oid:
                definition = decode_row(version.row)
                assert isinstance(definition, Relation)
                found[version.begin or 0] = definition
    return sorted(found.items(), key=itemgetter(0))


# -- a relation of it --------------------------------------------------------------------------------------------------


def past_relation(session: Any, relation: Relation, snapshot: Snapshot, *, is_held: bool = False) -> Any:
    """Return the view of a relation at a snapshot, for a plan that was made for this definition of it. ``is_held``:
    it is known to have it there (``Moments.hold``).

    Raises SerializationFailure where it had another one: the clause's value has changed since the plan was made.
    """
    then = relation if is_held else past_catalog(session, snapshot).relation_by_oid(relation.oid)
    if then is not relation and (then is None or then.version != relation.version):
        raise SerializationFailure(
            f'relation "{relation.name}" has another definition at SCN {snapshot.scn} than where the statement began'
        )
    for listener in session.registries.lifecycle.get("past_read", ()):
        listener(session, relation, snapshot)
    try:
        return session.transaction.view(relation.oid, at=snapshot)
    except ObjectNotInPrerequisiteState as error:
        raise ObjectNotInPrerequisiteState(
            f'{error.message} of relation "{relation.name}"', detail=error.detail
        ) from None


def _shape(relation: Relation) -> tuple[Any, ...]:
    return tuple([(column.number, column.name, *_form(column)) for column in relation.columns])


def _form(column: Any) -> tuple[Any, ...]:
    return (column.type, column.typmod, column.collation, column.dropped, column.form)
