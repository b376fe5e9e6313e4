"""Statements against changes of definitions.

A statement that writes, or that runs inside a block, locks the relations it touches; DDL locks what it changes in a
mode that conflicts. When the lock is there the catalog may be another one: read committed looks again, a snapshot
that is kept raises 40001, for it has the old definition and could meet rows of the new one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb import errors
from heliosdb.catalog.storage import OBJECTS_RELATION
from heliosdb.transaction.locks import RelationLock

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Relation
    from heliosdb.session.environment import SessionEnvironment
    from heliosdb.session.statements import Plan, RecordingCatalog

__all__ = ["have_changed", "lock_definition", "lock_plan"]


def lock_definition(session: SessionEnvironment, relation: Relation, mode: RelationLock) -> None:
    """Lock a relation for a change of its definition, and see it as it is now.

    Under read committed, and as the first of its transaction, the statement goes on with a new snapshot. One that is
    kept cannot see what was committed before the lock was granted, so then the transaction fails with 40001.
    """
    transaction = session.transaction
    transaction.lock_relation(relation.oid, mode)
    store = session.database.store
    # A point statement that looked at the lock before it was ours has entered its row once the commit lock is free; a
    # snapshot has that row when it is published, which on a volume is later.
    with store.commit_lock:
        entered = store.last_scn
    store.await_published(entered)
    if transaction.isolation == "read committed":
        transaction.begin_statement()
    elif transaction.is_fresh:
        transaction.see_anew()
    elif transaction.relation(relation.oid).feed.last_scn > transaction.scn:
        raise errors.SerializationFailure(
            f'could not serialize access due to concurrent changes of relation "{relation.name}"'
        )
    if _newest_version(session, relation.oid) != relation.version and OBJECTS_RELATION not in transaction.writes:
        raise errors.SerializationFailure(
            f'could not serialize access due to a concurrent change of the definition of "{relation.name}"'
        )


def _newest_version(session: SessionEnvironment, oid: int) -> int | None:
    with session.database.store_transaction(session.transaction.timeline) as newest:
        return session.database.catalogs.of(newest).version_of(oid)


def have_changed(session: SessionEnvironment, recorder: RecordingCatalog) -> bool:
    """Wait for changes under way of what a statement named that could not be bound; whether there is a new
    catalog now.
    """
    transaction = session.block.transaction
    if transaction is None or transaction.isolation != "read committed":
        return False
    locks = session.database.store.locks.relations
    oids = {answer[0] for answer in recorder.lookups.values() if answer is not None}
    waited = [oid for oid in oids if transaction.relation_key(oid) in locks]
    for oid in waited:
        transaction.lock_relation(oid, RelationLock.ACCESS_SHARE)
    if not waited:
        return False
    transaction.begin_statement()
    return not recorder.still_holds(session.catalog)


def lock_plan(session: SessionEnvironment, plan: Plan) -> bool:
    """Lock what a plan touches against changes of its definition; False: the plan is outdated, make it anew.

    A lone query needs no lock: its snapshot has the catalog and the rows of one moment.
    """
    block = session.block
    if (block.state == "alone" and plan.bound.read_only) or session.transaction.is_past:
        return True
    wanted = [lock for lock in plan.locks if lock not in block.locked]
    if not wanted:
        return True
    transaction = session.transaction
    for oid, mode in wanted:
        transaction.lock_relation(oid, mode)
        block.locked.add((oid, mode))
    if transaction.isolation == "read committed":
        # What was committed while a lock was waited for is seen: who held it may have emptied the table.
        if session.database.store.published == transaction.scn:
            return True
        before = transaction.scn
        transaction.begin_statement()
        return transaction.relation(OBJECTS_RELATION).feed.last_scn <= before or plan.is_valid(session.catalog)
    if transaction.relation(OBJECTS_RELATION).feed.last_scn <= transaction.scn:
        return True
    # The catalog has changed since the snapshot was taken.
    with session.database.store_transaction(transaction.timeline) as newest:
        if plan.recorded.still_holds(session.database.catalogs.of(newest)):
            return True
    raise errors.SerializationFailure("could not serialize access due to a concurrent change of a table's definition")
