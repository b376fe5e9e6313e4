"""``pg_locks``: table and advisory locks that are held, and everything that somebody waits for.

Row locks and keys that nobody waits for are not listed: there may be a million of them, as in PostgreSQL, which keeps
them in the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from heliosdb.catalog.views.columns import PG_CATALOG
from heliosdb.catalog.views.support import DATABASE_OID, Row, row_maker
from heliosdb.store.block import BLOCK_BITS, SLOT_MASK
from heliosdb.transaction.locks import ADVISORY_MODES, RELATION_MODES, ROW_MODES

__all__ = ["pg_blocking_pids", "pg_locks"]

_row = row_maker(PG_CATALOG["pg_locks"])


def pg_locks(session: Any) -> Iterator[Row]:
    """Locks that are held or waited for."""
    locks = session.database.store.locks
    for space, modes, place in (
        (locks.relations, RELATION_MODES, _relation),
        (locks.advisory, ADVISORY_MODES, _advisory),
    ):
        for key, holder in dict(space).items():
            for owner, mask in _holders(holder):
                for mode, name in enumerate(modes):
                    if mask >> mode & 1:
                        yield _row(**place(key), **_always(owner), mode=name, granted=True)
    for waiter in locks.waiting():
        yield _row(**_waited_for(session, waiter), **_always(waiter.owner), granted=False, waitstart=waiter.since)


def pg_blocking_pids(pid: int, session: Any) -> tuple[int, ...]:
    """Return the sessions that a session waits for."""
    numbers = [getattr(owner.session, "number", None) for owner in session.database.store.locks.blockers_of(pid)]
    return tuple(dict.fromkeys(number for number in numbers if number is not None))


def _always(owner: Any) -> dict[str, Any]:
    return {"database": DATABASE_OID, "pid": getattr(owner.session, "number", None), "fastpath": False}


def _relation(key: Any) -> dict[str, Any]:
    return {"locktype": "relation", "relation": key[1] if isinstance(key, tuple) else key}


def _advisory(key: tuple[int, ...]) -> dict[str, Any]:
    high, low = key if len(key) == 2 else (key[0] >> 32, key[0])
    numbers = {"classid": high & 0xFFFFFFFF, "objid": low & 0xFFFFFFFF}
    return {"locktype": "advisory", **numbers, "objsubid": len(key)}


def _waited_for(session: Any, waiter: Any) -> dict[str, Any]:
    store = session.database.store
    if waiter.space is store.locks.relations:
        return {**_relation(waiter.key), "mode": RELATION_MODES[waiter.mode]}
    if waiter.space is store.locks.advisory:
        return {**_advisory(waiter.key), "mode": ADVISORY_MODES[waiter.mode]}
    timeline = session.database.timeline_of(session) or store.main
    for oid, relation in dict(timeline.relations).items():
        if relation.locks is waiter.space:
            place = {"page": waiter.key >> BLOCK_BITS, "tuple": waiter.key & SLOT_MASK}
            return {"locktype": "tuple", "relation": oid, **place, "mode": ROW_MODES[waiter.mode]}
    # A unique key: what is waited for is the transaction that is about to have it.
    return {"locktype": "transactionid", "mode": "ShareLock"}


def _holders(holder: Any) -> Iterator[tuple[Any, int]]:
    if isinstance(holder, tuple):
        yield holder[0], holder[1]
        return
    yield from dict(getattr(holder, "holders", {})).items()
