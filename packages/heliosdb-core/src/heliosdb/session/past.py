"""Relations at another snapshot: only where their definition was the same there.

A plan is made for the definitions that its statement sees. Rows of another time may have other columns, of other types,
and names that meant something else. So the definition of then is looked up first:

    the catalog has not changed since     it is the same
    there was no such relation            42P01
    its columns were others               0A000
    the catalog of then is gone           55000
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heliosdb.catalog.storage import OBJECTS_RELATION
from heliosdb.errors import FeatureNotSupported, ObjectNotInPrerequisiteState, UndefinedTable

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Relation
    from heliosdb.session.environment import SessionEnvironment
    from heliosdb.store.snapshot import Snapshot

__all__ = ["past_relation"]


def past_relation(session: SessionEnvironment, oid: int, snapshot: Snapshot) -> Any:
    """Return the view of a relation at a snapshot, for a plan that was made for its definition of now."""
    now = session.catalog.relation_by_oid(oid)
    if now is not None and not _is_unchanged(session, snapshot):
        _check_definition(session, now, snapshot)
    try:
        return session.transaction.view(oid, at=snapshot)
    except ObjectNotInPrerequisiteState as error:
        raise _named(error, now) from None


def _is_unchanged(session: SessionEnvironment, snapshot: Snapshot) -> bool:
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


def _check_definition(session: SessionEnvironment, now: Relation, snapshot: Snapshot) -> None:
    try:
        catalog = session.transaction.view(OBJECTS_RELATION, at=snapshot)
    except ObjectNotInPrerequisiteState as error:
        raise _named(error, now) from None
    state = (session.database.store.timeline(snapshot.timeline).id, -1 - snapshot.scn)
    then = session.database.catalogs.snapshot(state, catalog.row_blocks()).relation_by_oid(now.oid)
    if then is None:
        raise UndefinedTable(f'relation "{now.name}" does not exist at SCN {snapshot.scn}')
    if then is not now and then.version != now.version and _shape(then) != _shape(now):
        raise FeatureNotSupported(
            f'relation "{now.name}" had another definition at SCN {snapshot.scn}',
            detail=f"Its columns were then {_columns(then)}, and are now {_columns(now)}.",
        )
    for before, column in zip(then.columns, now.columns):
        if column.not_null and not before.not_null:
            raise FeatureNotSupported(
                f'relation "{now.name}" had another definition at SCN {snapshot.scn}',
                detail=f'Its column "{column.name}" might be null then, and may not be now.',
            )


def _shape(relation: Relation) -> tuple[Any, ...]:
    return tuple([
        (column.number, column.name, column.type, column.typmod, column.collation, column.dropped, column.form)
        for column in relation.columns
    ])  # fmt: skip


def _columns(relation: Relation) -> str:
    return ", ".join([f"{column.name} {column.type}" for column in relation.columns if not column.dropped])


def _named(error: ObjectNotInPrerequisiteState, relation: Relation | None) -> ObjectNotInPrerequisiteState:
    name = "" if relation is None else f' of relation "{relation.name}"'
    return ObjectNotInPrerequisiteState(f"{error.message}{name}", detail=error.detail)
