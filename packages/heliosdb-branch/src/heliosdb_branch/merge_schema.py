"""Definitions merged three ways: tables with their columns, constraints and indexes, views, sequences, types, schemas.

Objects are the same on all branches by their OID, columns by attribute number. What one side only has changed is
taken; so tables may be merged of which one side has a new column and the other a new index. The same part changed on
both sides is a conflict, as with rows. What does not fit together then is refused, whoever wins: two objects under
one name, a view over a column that is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
from attrs import define, evolve, field

from heliosdb.errors import ObjectNotInPrerequisiteState
from heliosdb.spi import ColumnDefinition, Relation
from heliosdb_branch.merge_rows import Conflict

__all__ = ["SchemaMerge", "is_stricter", "merge_schemas", "refused", "require_whole"]

PARTS = ("columns", "constraints", "indexes")
FIRST_OID = 16384
"""What has a smaller one is there in every database."""
Catalog = Any
Object = Any


@define
class SchemaMerge:
    """``changed`` is what the target's catalog has to have under each OID; None: no longer. ``objects`` is all that
    there will be."""

    objects: dict[int, Object] = field(factory=dict)
    changed: dict[int, Object | None] = field(factory=dict)
    conflicts: list[Conflict] = field(factory=list)


def merge_schemas(base: Catalog, source: Catalog, target: Catalog, wins: str) -> SchemaMerge:
    """Merge three states of the catalog. ``wins`` is the side that is taken in a conflict: "source", or the target."""
    sides = [{found.oid: found for found in catalog.objects() if not _is_temporary(found)} for catalog in
             (base, source, target)]  # fmt: skip
    merged = SchemaMerge()
    for oid in dict.fromkeys([*sides[2], *sides[1]]):
        before, theirs, ours = (side.get(oid) for side in sides)
        found = _trimmed(_merged(before, theirs, ours, wins, merged.conflicts), ours)
        if found is not None:
            merged.objects[oid] = found
        if not _is_same(found, ours):
            merged.changed[oid] = found
    if merged.changed:
        require_whole(merged.objects)
    return merged


def is_stricter(relation: Relation, before: Relation) -> bool:
    """Whether rows that a table's former definition allowed may not be allowed now."""
    known = {constraint.oid for constraint in before.constraints}
    required = {column.number for column in before.columns if column.not_null}
    return any(constraint.oid not in known for constraint in relation.constraints) or any(
        column.not_null and column.number not in required for column in relation.columns if not column.dropped
    )


def _is_temporary(found: Object) -> bool:
    name = found.schema if hasattr(found, "schema") else found.name
    return getattr(found, "persistence", "") == "temporary" or (name or "").startswith("pg_temp")


def _is_same(one: Object, other: Object) -> bool:
    if one is None or other is None or type(one) is not type(other):
        return one is other
    return bool(_plain(one) == _plain(other))


def _plain(found: Object) -> Object:
    """Return a definition without the number of its version."""
    return evolve(found, version=0) if hasattr(found, "version") and found.version else found


def _merged(before: Object, theirs: Object, ours: Object, wins: str, conflicts: list[Conflict]) -> Object:
    if _is_same(theirs, ours) or _is_same(theirs, before):
        return ours
    if _is_same(ours, before):
        return theirs
    if isinstance(theirs, Relation) and isinstance(ours, Relation) and isinstance(before, Relation):
        return _merged_relation(before, theirs, ours, wins, conflicts)
    if theirs is not None and ours is not None:
        return _merged_fields(before, theirs, ours, wins, lambda what: conflicts.append(_conflict(ours, what)))
    kind = "dropped and changed" if theirs is None else "changed and dropped"
    conflicts.append(Conflict((theirs or ours).name, None, kind))
    return theirs if wins == "source" else ours


def _trimmed(found: Object, ours: Object) -> Object:
    """Return a table's definition without slots at its end that only keep a number free: the target's rows have
    none."""
    if not isinstance(found, Relation) or not isinstance(ours, Relation):
        return found
    columns = found.columns
    while len(columns) > len(ours.columns) and columns[-1].dropped:
        columns = columns[:-1]
    return found if columns is found.columns else evolve(found, columns=columns)


def _conflict(found: Object, what: str) -> Conflict:
    return Conflict(found.name, None, "definition changed twice", what)


def _merged_fields(
    before: Object, theirs: Object, ours: Object, wins: str, conflict: Callable[[str], None], skip: Any = ()
) -> Object:
    """Merge two values field by field."""
    changes = {}
    for attribute in attrs.fields(type(ours)):
        name = attribute.name
        if name in skip or name in ("oid", "version"):
            continue
        was, x, y = getattr(before, name, None), getattr(theirs, name), getattr(ours, name)
        if x == y or (before is not None and x == was):
            continue
        if before is None or y != was:
            conflict(name)
            if wins != "source":
                continue
        changes[name] = x
    return evolve(ours, **changes) if changes else ours


def _merged_relation(
    before: Relation, theirs: Relation, ours: Relation, wins: str, conflicts: list[Conflict]
) -> Relation:
    def conflict(what: str) -> None:
        conflicts.append(_conflict(ours, what))

    made = _merged_fields(before, theirs, ours, wins, conflict, PARTS)
    columns = _merged_columns(before, theirs, ours, wins, conflict)
    parts = {
        name: _merged_parts(getattr(before, name), getattr(theirs, name), getattr(ours, name), wins, conflict)
        for name in PARTS[1:]
    }
    whole: Relation = evolve(made, columns=columns, **parts)
    return whole


def _merged_columns(
    before: Relation, theirs: Relation, ours: Relation, wins: str, conflict: Callable[[str], None]
) -> tuple[ColumnDefinition, ...]:
    known = {column.number: column for column in before.columns}

    def of(side: Relation) -> dict[int, ColumnDefinition]:
        # What was dropped before the base knew of it only keeps a number free.
        return {c.number: c for c in side.columns if c.number in known or not c.dropped}

    sides = known, of(theirs), of(ours)
    spare = {c.number: c for c in (*theirs.columns, *ours.columns) if c.dropped}
    columns = []
    for number in range(1, max(len(theirs.columns), len(ours.columns)) + 1):
        was, x, y = (side.get(number) for side in sides)
        if x is None or y is None:
            found = x or y or spare[number]
        elif x in (y, was):
            found = y
        elif y == was:
            found = x
        elif was is None:
            raise refused(
                f'table "{ours.name}" has got column "{x.name}" on one branch and "{y.name}" on the other under one'
                " number"
            )
        elif x.dropped or y.dropped:
            conflict(was.name)
            found = x if wins == "source" else y
        else:
            found = _merged_fields(was, x, y, wins, _prefixed(conflict, was.name))
        columns.append(found)
    return tuple(columns)


def _prefixed(conflict: Callable[[str], None], name: str) -> Callable[[str], None]:
    return lambda what: conflict(f"{name}.{what}")


def _merged_parts(
    before: tuple[Any, ...], theirs: tuple[Any, ...], ours: tuple[Any, ...], wins: str, conflict: Callable[[str], None]
) -> tuple[Any, ...]:
    """Merge constraints or indexes, each as a whole."""
    known, x, y = ({part.oid: part for part in side} for side in (before, theirs, ours))
    found = []
    for oid in dict.fromkeys([*y, *x]):
        was, one, other = known.get(oid), x.get(oid), y.get(oid)
        if one in (other, was):
            part = other
        elif other == was:
            part = one
        else:
            conflict(str(getattr(one or other, "name", oid)))
            part = one if wins == "source" else other
        if part is not None:
            found.append(part)
    return tuple(found)


# -- does it fit together?


def refused(reason: str) -> ObjectNotInPrerequisiteState:
    """Return the error for definitions that do not fit together."""
    return ObjectNotInPrerequisiteState(
        "the definitions of the two branches cannot be merged",
        detail=f"{reason[0].upper()}{reason[1:]}.",
        hint="Change one of the two branches so that they fit together.",
    )


def require_whole(objects: Mapping[int, Object]) -> None:
    """Raise ObjectNotInPrerequisiteState for the first thing that does not fit."""
    schemas = {found.name for found in objects.values() if not hasattr(found, "schema")}
    names: dict[tuple[str, str, str], str] = {}
    for found in objects.values():
        schema = getattr(found, "schema", None)
        if schema is not None and schema not in schemas:
            raise refused(f'"{found.name}" is in schema "{schema}", which one of the branches has dropped')
        space = "relation" if isinstance(found, Relation) else type(found).__name__.lower()
        for name in (found.name, *(index.name for index in getattr(found, "indexes", ()))):
            if (space, schema or "", name) in names:
                raise refused(f'both branches have got a {space} "{name}" of their own')
            names[space, schema or "", name] = found.name
        if isinstance(found, Relation):
            _require_relation(found, objects)


def _require_relation(relation: Relation, objects: Mapping[int, Object]) -> None:
    live = {column.number for column in relation.columns if not column.dropped}
    names = [column.name for column in relation.columns if not column.dropped]
    name = next((name for name in names if names.count(name) > 1), None)
    if name is not None:
        raise refused(f'both branches have got a column "{name}" of table "{relation.name}" of their own')
    used = [(part.name, {key.column for key in part.keys if key.column} | {*part.include}) for part in relation.indexes]
    used += [(part.name, set(part.columns)) for part in relation.constraints]
    for part, numbers in used:
        if not numbers <= live:
            raise refused(f'"{part}" needs a column of table "{relation.name}" that one of the branches has dropped')
    constraints = [constraint.name for constraint in relation.constraints]
    if len(set(constraints)) < len(constraints):
        raise refused(f'both branches have got a constraint of one name on table "{relation.name}"')
    if sum(constraint.kind == "primary key" for constraint in relation.constraints) > 1:
        raise refused(f'both branches have given table "{relation.name}" a primary key')
    needed = [(c.name, c.foreign.relation, c.foreign.columns) for c in relation.constraints if c.foreign is not None]
    needed += [(relation.name, oid, (number,) if number else ()) for oid, number in relation.dependencies]
    if relation.sequence is not None and relation.sequence.owned_by is not None:
        oid, number = relation.sequence.owned_by
        needed.append((relation.name, oid, (number,)))
    for part, oid, columns in needed:
        other = objects.get(oid)
        if other is None and oid < FIRST_OID:
            continue
        if not isinstance(other, Relation):
            raise refused(f'"{part}" needs a table that one of the branches has dropped')
        if not set(columns) <= {column.number for column in other.columns if not column.dropped}:
            raise refused(f'"{part}" needs a column of table "{other.name}" that one of the branches has dropped')
