"""``REVERT TRANSACTION n``: what a transaction did to rows is undone, in the transaction that says so.

    what it did      the differences between its commit and the commit before it, on the session's timeline
    is it still so   a row that is no longer what it left would lose what came later: 40001, with table and key
    the inverse      the rows' former versions, by their ids, completed and checked as any others are

A transaction that changed definitions, and rows whose table has other columns since, are refused (0A000). What the
transaction only read does not matter, and what others did because of it stays. The inverse is a commit like any other:
it can be reverted, too.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen

from heliosdb.errors import (
    FeatureNotSupported,
    ObjectNotInPrerequisiteState,
    SerializationFailure,
    UniqueViolation,
)
from heliosdb.spi import (
    CATALOG_RELATION,
    Cursor,
    Relation,
    RelationLock,
    Result,
    RowChange,
    RowChanges,
    Session,
    differences,
    is_same_datum,
    spelled,
)
from heliosdb_temporal import points

__all__ = ["Revert", "execute", "parse"]

SHOWN = 10
"""Rows that an error lists."""


@frozen
class Revert:
    """What was written."""

    transaction: int


def parse(cursor: Cursor) -> Revert:
    """Read the number behind ``REVERT TRANSACTION``."""
    return Revert(cursor.integer())


def execute(session: Session, payload: Revert) -> Result:
    """Undo a transaction; see the module."""
    number = payload.transaction
    history = session.database.history
    scn = points.scn_of_transaction(history, number)
    _require_same_definitions(session, number, scn)
    locked: dict[int, Relation] = {}
    for relation in _touched(session, number, scn):
        session.lock_definition(relation, RelationLock.SHARE_ROW_EXCLUSIVE)
        locked[relation.oid] = relation
    if not locked:
        _require_known_timeline(session, number, scn)
    changes = RowChanges(session)
    inverse = [(relation, _inverse(session, relation, number, scn)) for relation in locked.values()]
    count = sum([changes.change(relation, rows) for relation, rows in inverse])
    try:
        changes.check()
    except UniqueViolation as error:
        raise SerializationFailure(
            f"transaction {number} cannot be reverted: another row has taken a key since",
            detail=f"{error.message}: {error.detail}",
        ) from error
    return Result("REVERT TRANSACTION", row_count=count)


# -- what it did


def _at(session: Session, scn: int) -> tuple[Any, int]:
    return session.transaction.timeline, scn


def _catalog(session: Session, scn: int) -> Any:
    point = _at(session, scn)
    blocks = session.transaction.view(CATALOG_RELATION, at=point).row_blocks()
    return session.database.catalogs.snapshot((point[0].id, -1 - scn), blocks)


def _changed_rows(session: Session, oid: int, scn: int) -> list[RowChange]:
    transaction = session.transaction
    found = differences(transaction, oid, _at(session, scn - 1), _at(session, scn))
    return [change for block in found for change in block]


def _require_same_definitions(session: Session, number: int, scn: int) -> None:
    """Refuse a transaction that changed the catalog."""
    changed = _changed_rows(session, CATALOG_RELATION, scn)
    if not changed:
        return
    oids = [(new or old or (None,))[0] for _, old, new in changed]
    catalogs = (_catalog(session, scn), _catalog(session, scn - 1))
    names = [
        next((found.name for catalog in catalogs if (found := catalog.object_by_oid(oid)) is not None), str(oid))
        for oid in dict.fromkeys(oids)
    ]
    raise FeatureNotSupported(
        f"transaction {number} cannot be reverted: it changed definitions",
        detail=f"It created, altered or dropped {', '.join(names[:SHOWN])}.",
    )


def _touched(session: Session, number: int, scn: int) -> list[Relation]:
    """Return the tables whose rows the transaction changed, as they are now."""
    found = []
    for then in _catalog(session, scn).relations():
        if then.kind not in ("table", "materialized view") or then.persistence == "temporary":
            continue
        if not any(True for _ in differences(session.transaction, then.oid, _at(session, scn - 1), _at(session, scn))):
            continue
        now = session.catalog.relation_by_oid(then.oid)
        if then.kind != "table":
            raise FeatureNotSupported(
                f'transaction {number} cannot be reverted: it refreshed materialized view "{then.name}"'
            )
        if now is None:
            raise FeatureNotSupported(
                f'transaction {number} cannot be reverted: table "{then.name}" has been dropped since'
            )
        if _shape(now) != _shape(then):
            raise FeatureNotSupported(
                f'transaction {number} cannot be reverted: table "{now.name}" has other columns since',
                hint=f"AS OF SCN {scn - 1} reads the table as it was before.",
            )
        found.append(now)
    return found


def _shape(relation: Relation) -> tuple[Any, ...]:
    return tuple([(c.number, c.stored_type, c.typmod, c.dropped, c.form) for c in relation.columns])


def _require_known_timeline(session: Session, number: int, scn: int) -> None:
    """Refuse a transaction whose changes are not among what the session sees."""
    commit = session.database.history.commits.get(scn)
    line, names = session.transaction.timeline, set()
    while line is not None:
        names.add(line.name)
        line = line.parent
    if commit is not None and commit.author.timeline not in names:
        raise ObjectNotInPrerequisiteState(
            f"transaction {number} cannot be reverted here",
            detail=f'It was committed on "{commit.author.timeline}".',
        )


# -- its inverse


def _inverse(session: Session, relation: Relation, number: int, scn: int) -> list[RowChange]:
    """Return what is to be done to a table. Raises SerializationFailure where rows are not what they were left as."""
    view = session.transaction.view(relation.oid)
    inverse: list[RowChange] = []
    touched = []
    for row_id, before, after in _changed_rows(session, relation.oid, scn):
        now = view.peek(row_id)
        if _is_same(now, after):
            inverse.append((row_id, now, before))
        else:
            touched.append(after or before)
    if touched:
        shown = [f'table "{relation.name}", {_key(session, relation, row)}' for row in touched[:SHOWN]]
        more = len(touched) - SHOWN
        raise SerializationFailure(
            f'transaction {number} cannot be reverted: rows of table "{relation.name}" have been changed since',
            detail="\n".join(shown + ([f"and {more} more"] if more > 0 else [])),
        )
    return inverse


def _is_same(now: Any, then: Any) -> bool:
    return now is then or is_same_datum(now, then)


def _key(session: Session, relation: Relation, row: Any) -> str:
    """Return the primary key of a row for a message, all of the row where there is none."""
    primary = next((c.columns for c in relation.constraints if c.kind == "primary key"), None)
    columns = [c for c in relation.columns if not c.dropped and (primary is None or c.number in primary)]
    values = [
        spelled(session.registries, c, row[c.number - 1] if c.number <= len(row) else None, session) for c in columns
    ]
    return f"({', '.join([c.name for c in columns])})=({', '.join(values)})"
