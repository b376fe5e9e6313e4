"""MERGE BRANCH: what a branch has changed since the base is done on another one, in one transaction, or nothing is.

    bases      the latest point that both contain (merge_bases)
    schema     definitions, three ways (merge_schema)           what the target's catalog has to become
    rows       of each table, three ways (merge_rows)           what is to be done to its rows
    conflicts  the same changed on both sides                   refused, or one side wins

The target's rows are changed by their ids, and all of its constraints looked at afterwards, on what it has become
(``heliosdb.spi.RowChanges``). It is an ordinary transaction of the target: what others change meanwhile makes it fail.

A merge runs in a session of its own that works on the target, so EXPLAIN MERGE and ``heliosdb_merge_conflicts`` do the
same and stop before anything is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from attrs import define, field

from heliosdb.errors import (
    Error,
    InvalidParameterValue,
    ObjectInUse,
    ObjectNotInPrerequisiteState,
    SerializationFailure,
)
from heliosdb.spi import (
    CatalogEdit,
    OutputColumn,
    Relation,
    RelationLock,
    Result,
    RowChanges,
    Session,
    Timeline,
    apply_edit,
    check_definition,
    differences,
    require_superuser,
    spelled,
)
from heliosdb_branch.commands import remove, require_droppable
from heliosdb_branch.diff import catalog_at, key_text
from heliosdb_branch.merge_bases import Point, pin, prune, record
from heliosdb_branch.merge_grammar import RESOLUTIONS, Merge
from heliosdb_branch.merge_points import merge_points
from heliosdb_branch.merge_rows import MISSING, Conflict, RowConflict, TableMerge, TableSides, merge_rows
from heliosdb_branch.merge_schema import SchemaMerge, is_stricter, merge_schemas, refused, require_whole
from heliosdb_branch.sessions import named

__all__ = ["Plan", "execute_explain", "execute_merge", "merge_branch", "merge_branches", "merge_conflicts"]

SHOWN = 20
"""Conflicts that an error lists."""


@define
class Plan:
    """What a merge would do to its target."""

    source: Point
    target: Timeline
    base: Point
    schema: SchemaMerge
    tables: dict[int, TableMerge] = field(factory=dict)
    conflicts: list[Conflict] = field(factory=list)

    def counts(self) -> Iterator[tuple[Relation, int, int, int]]:
        """Yield (table, rows to insert, to update, to delete) where there are any."""
        for oid, table in self.tables.items():
            counts = len(table.inserts), len(table.changes), len(table.deletes)
            if any(counts):
                yield self.schema.objects[oid], *counts


def execute_merge(session: Session, merge: Merge) -> Result:
    """MERGE BRANCH."""
    if session.transaction.has_written:
        raise ObjectInUse("MERGE BRANCH cannot run in a transaction that has changed something")
    count = merge_branches(session, merge)
    # As of MERGE: libpq takes what begins so for a count.
    return Result("MERGE", row_count=count)


def execute_explain(session: Session, merge: Merge) -> Result:
    """EXPLAIN MERGE BRANCH: what it would do, and what would be in its way."""
    lines = []
    with _working_on(session, merge) as (working, source, target):
        plan = _plan(working, source, target, merge.resolution)
        base = plan.base
        lines.append(f"Merge {source.name} into {target.name}")
        lines.append(f"  Base: {base[0].name} at SCN {base[1]}")
        for oid, found in plan.schema.changed.items():
            before = working.catalog.object_by_oid(oid)
            verb = "Drop" if found is None else "Create" if before is None else "Alter"
            shown = found or before
            lines.append(f"  {verb} {getattr(shown, 'kind', 'schema')} {shown.name}")
        for table, inserts, updates, deletes in plan.counts():
            lines.append(f"  Change {table.name}: {inserts} inserted, {updates} updated, {deletes} deleted")
        wins = {"fail": "nothing is merged", "branch_wins": f"{source.name} wins", "target_wins": f"{target.name} wins"}
        if plan.conflicts:
            lines.append(f"  Conflicts: {len(plan.conflicts)}, {wins[merge.resolution]}")
            lines += [f"    {_described(conflict)}" for conflict in plan.conflicts]
    column = OutputColumn(name="QUERY PLAN", type="text")
    return Result("EXPLAIN", (column,), [(line,) for line in lines], len(lines))


def merge_conflicts(source: str, target: str, session: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of ``heliosdb_merge_conflicts``: for superusers, as the merge is."""
    require_superuser(session, "must be superuser to execute heliosdb_merge_conflicts")
    with _working_on(session, Merge(source, target)) as (working, line, into):
        found = _plan(working, line, into, "fail").conflicts
    for conflict in found:
        yield (
            conflict.table, conflict.key, conflict.kind, conflict.column,
            conflict.base, conflict.source, conflict.target,
        )  # fmt: skip


def merge_branches(session: Any, merge: Merge) -> int:
    """Merge, and return how many rows were changed."""
    history = session.database.history
    with _working_on(session, merge) as (working, source, target):
        if session.database.writers_on(source):
            raise ObjectInUse(
                f'branch "{source.name}" has changes that are not committed',
                hint="Commit or roll back the transactions that work on it.",
            )
        if merge.delete_after:
            require_droppable(session, source)
        plan = _locked(working, source, target, merge.resolution)
        pin(history, plan.source)
        merged = False
        try:
            count = _apply(working, plan)
            working.execute("COMMIT")
            merged = True
        finally:
            working.execute("ROLLBACK")
            working.begin("repeatable read")
            if merge.delete_after and merged:
                remove(working, source)
            else:
                prune(working)
    return count


@contextmanager
def _working_on(session: Any, merge: Merge) -> Iterator[tuple[Any, Timeline, Timeline]]:
    """Give a session that works on the target, in a transaction that keeps its snapshot, and the two branches."""
    source, target = (named(session, name) for name in (merge.source, merge.target))
    if source is target:
        raise InvalidParameterValue(f'branch "{source.name}" cannot be merged into itself')
    working = session.fork()
    try:
        working.use_timeline(target.name)
        working.begin("repeatable read")
        yield working, source, target
        working.execute("ROLLBACK")
    finally:
        working.close()


# -- planning


def _plan(session: Any, source: Timeline, target: Timeline, resolution: str) -> Plan:
    """Work out a merge into the branch that a session works on."""
    scn = session.transaction.scn
    points = merge_points(session, (source, scn), (target, scn))
    wins = RESOLUTIONS[resolution]
    plans = [_plan_from(session, base, (source, scn), target, wins) for base in points]
    first = plans[0]
    if any((plan.schema, plan.tables, plan.conflicts) != (first.schema, first.tables, first.conflicts)
           for plan in plans[1:]):  # fmt: skip
        shown = " and ".join([f'"{line.name}" at SCN {at}' for line, at in points])
        raise ObjectNotInPrerequisiteState(
            f'branches "{source.name}" and "{target.name}" have been merged crosswise',
            detail=f"They have {shown} in common, and merging would come to something else with each.",
            hint="Merge one of the branches that they have both taken something from into both of them first.",
        )
    return first


def _plan_from(session: Any, base: Point, source: Point, target: Timeline, wins: str) -> Plan:
    catalogs = [catalog_at(session, point) for point in (base, source)]
    schema = merge_schemas(catalogs[0], catalogs[1], session.catalog, wins)
    plan = Plan(source, target, base, schema, conflicts=list(schema.conflicts))
    tables = {r.oid: r for catalog in (*catalogs, session.catalog) for r in catalog.relations() if r.kind == "table"}
    for oid, relation in tables.items():
        if relation.persistence == "temporary":
            continue
        merged = schema.objects.get(oid)
        if merged is None:
            _plan_dropped(session, plan, oid, catalogs, wins)
        else:
            _plan_table(session, plan, merged, catalogs, wins)
    return plan


def _plan_table(session: Any, plan: Plan, merged: Relation, catalogs: list[Any], wins: str) -> None:
    oid, transaction = merged.oid, session.transaction
    base, source = (catalog.relation_by_oid(oid) for catalog in catalogs)
    target = session.catalog.relation_by_oid(oid)
    if source is None:
        return  # only the target has it
    sides = TableSides(merged, base, source, target)
    changes = (item for block in differences(transaction, oid, plan.base, plan.source) for item in block)
    if target is None:
        # It is new, or is back: all of its rows are.
        view = transaction.view(oid, at=plan.source)
        changes = ((i, None, row) for ids, rows in view.item_blocks() for i, row in zip(ids, rows))
    here = transaction.view(oid)
    key_of: Callable[[Any], Any] | None = None
    key = sides.key_columns
    if key and target is not None:
        index = here.index(next(index.oid for index in target.indexes if index.primary))
        key_of = index.index.spec.key

        def find(key: Any) -> tuple[int, Any] | None:
            return next(iter(index.items(key)), None)
    else:

        def find(key: Any) -> tuple[int, Any] | None:
            row = here.peek(key) if target is not None else None
            return None if row is None else (key, row)

    rest = ((i, row) for ids, rows in here.item_blocks() for i, row in zip(ids, rows)) if sides.needs_rewriting else ()
    found = merge_rows(sides, changes, key_of, find, wins, rest)
    _require_same_types(session, plan, sides)
    plan.tables[oid] = found
    for conflict in found.conflicts:
        plan.conflicts += _conflicts(session, merged, conflict)


def _plan_dropped(session: Any, plan: Plan, oid: int, catalogs: list[Any], wins: str) -> None:
    """A table that is dropped is in conflict with changes of its rows on the other side."""
    source, target = catalogs[1].relation_by_oid(oid), session.catalog.relation_by_oid(oid)
    if source is None and target is None:
        return
    changed = (plan.target, session.transaction.scn) if source is None else plan.source
    if any(True for _ in differences(session.transaction, oid, plan.base, changed)):
        kind = "dropped, and rows changed" if source is None else "rows changed, and dropped"
        name = (source or target).name
        plan.conflicts.append(Conflict(name, None, kind))
        if wins == "target" and target is not None:
            schema = plan.schema
            for kept in (target, *_sequences_of(session.catalog, oid)):
                schema.objects[kept.oid] = kept
                schema.changed.pop(kept.oid, None)
            require_whole(schema.objects)
        elif wins == "source" and target is None:
            raise ObjectNotInPrerequisiteState(
                f'table "{name}" has been dropped on branch "{plan.target.name}", and its rows changed on'
                f' "{plan.source[0].name}"',
                detail="It does not come back by a merge.",
                hint="With conflict_resolution = 'target_wins' it stays dropped.",
            )


def _sequences_of(catalog: Any, oid: int) -> list[Relation]:
    """Return the sequences that belong to a table's columns."""
    return [
        relation
        for relation in catalog.relations()
        if relation.sequence is not None
        and relation.sequence.owned_by is not None
        and relation.sequence.owned_by[0] == oid
    ]


def _require_same_types(session: Any, plan: Plan, sides: TableSides) -> None:
    """Refuse data of a type that a column has no longer."""
    for column in sides.merged.columns:
        for side, point in ((sides.target, (plan.target, session.transaction.scn)), (sides.source, plan.source)):
            other = None if side is None or len(side.columns) < column.number else side.columns[column.number - 1]
            if other is None or column.dropped or other.dropped:
                continue
            if (other.stored_type, other.typmod, other.form) == (column.stored_type, column.typmod, column.form):
                continue
            slot = column.number - 1
            if any(
                new is not None and (old is None or old[slot : slot + 1] != new[slot : slot + 1])
                for block in differences(session.transaction, sides.merged.oid, plan.base, point)
                for _, old, new in block
            ):
                raise ObjectNotInPrerequisiteState(
                    f'column "{column.name}" of table "{sides.merged.name}" has another type on one branch, and new'
                    " values of the former type on the other",
                    hint=f'Change its type on branch "{point[0].name}", too.',
                )


def _conflicts(session: Any, relation: Relation, conflict: RowConflict) -> Iterator[Conflict]:
    def text(row: Any, slot: int) -> str | None:
        if row is None or slot >= len(row) or row[slot] is MISSING or row[slot] is None:
            return None
        return spelled(session.registries, relation.columns[slot], row[slot], session)

    some = conflict.target or conflict.source or conflict.base
    key = key_text(session, relation, some)
    if not conflict.slots:
        yield Conflict(relation.name, key, conflict.kind)
    for slot in conflict.slots:
        yield Conflict(
            relation.name,
            key,
            conflict.kind,
            relation.columns[slot].name,
            text(conflict.base, slot),
            text(conflict.source, slot),
            text(conflict.target, slot),
        )


# -- doing it


def _locked(session: Any, source: Timeline, target: Timeline, resolution: str) -> Plan:
    """Plan a merge, with locks that keep the definitions of what it touches as they were when it was planned."""
    transaction = session.transaction
    locked: set[tuple[int, int]] = set()
    while True:
        plan = _plan(session, source, target, resolution)
        if plan.conflicts and resolution == "fail":
            raise _refusal(plan)
        wanted = {(oid, RelationLock.ACCESS_EXCLUSIVE) for oid in plan.schema.changed}
        wanted |= {(table.oid, RelationLock.ROW_EXCLUSIVE) for table, *_ in plan.counts()}
        if wanted <= locked:
            return plan
        for oid, mode in sorted(wanted - locked):
            transaction.lock_relation(oid, mode)
        locked |= wanted
        if session.database.history.published == transaction.scn:
            return plan
        transaction.see_anew()


def _apply(session: Any, plan: Plan) -> int:
    """Do what is planned, in the session's transaction, and return how many rows were changed."""
    transaction = session.transaction
    changes = RowChanges(session)
    count = 0
    before = {oid: session.catalog.relation_by_oid(oid) for oid in plan.tables}

    def change_rows() -> None:
        nonlocal count
        _require_meaning(session, plan)
        for oid, table in plan.tables.items():
            relation = session.catalog.relation_by_oid(oid)
            if relation is None:
                continue
            storage: Any = transaction.relation(oid)
            for defaults, rows in table.by_defaults(storage).items():
                count += changes.change(relation, rows, defaults)
            if oid in plan.schema.changed and before.get(oid) is not None and is_stricter(relation, before[oid]):
                changes.recheck(relation)

    edit = CatalogEdit(session.catalog)
    for oid, found in plan.schema.changed.items():
        if found is None:
            edit.drop(oid)
        else:
            edit.put(found)
    if edit.is_empty:
        change_rows()
    else:
        apply_edit(session, edit, change_rows)
    changes.check()
    record(transaction, plan.source, plan.target)
    return count


def _require_meaning(session: Any, plan: Plan) -> None:
    """Raise where a definition names in its text what one of the branches has renamed or dropped."""
    changed = plan.schema.changed
    for relation in list(session.catalog.relations()):
        if relation.oid in changed or any(oid in changed for oid, _ in relation.dependencies):
            try:
                check_definition(session, relation)
            except Error as error:
                raise refused(f'"{relation.name}" does not fit what it is about: {error.message}') from None


def _refusal(plan: Plan) -> SerializationFailure:
    shown = "\n".join([_described(conflict) for conflict in plan.conflicts[:SHOWN]])
    more = len(plan.conflicts) - SHOWN
    return SerializationFailure(
        f'branches "{plan.source[0].name}" and "{plan.target.name}" have {len(plan.conflicts)} '
        f"conflict{'s' if len(plan.conflicts) > 1 else ''}",
        detail=f"{shown}\nand {more} more" if more > 0 else shown,
        hint="WITH (conflict_resolution = 'branch_wins' | 'target_wins') takes one side.",
    )


def _described(conflict: Conflict) -> str:
    where = conflict.table if conflict.key is None else f"{conflict.table} ({conflict.key})"
    if conflict.column is None:
        return f"{where}: {conflict.kind}"
    if conflict.key is None:
        return f"{where}: {conflict.kind}: {conflict.column}"
    values = [value if value is not None else "null" for value in (conflict.base, conflict.source, conflict.target)]
    return f"{where}: {conflict.kind}: {conflict.column}, {values[0]} in the base, {values[1]} against {values[2]}"


def merge_branch(
    db: Any,
    source: str,
    target: str = "main",
    *,
    conflict_resolution: str = "fail",
    delete_branch_after: bool = False,
) -> None:
    """Merge a branch into another one, as MERGE BRANCH does."""
    if conflict_resolution not in RESOLUTIONS:
        raise InvalidParameterValue(f'"{conflict_resolution}" is no way to resolve conflicts')
    names = [name.replace('"', '""') for name in (source, target)]
    options = f"conflict_resolution = '{conflict_resolution}', delete_branch_after = {bool(delete_branch_after)}"
    db.execute(f'MERGE BRANCH "{names[0]}" INTO "{names[1]}" WITH ({options})')
