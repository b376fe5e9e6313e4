"""One moment of a database, for as long as a dump takes.

A session of its own in a read-only transaction at repeatable read: catalog and rows are those of the moment when it
began, whatever others commit meanwhile. Every table is locked against changes of its definition (ACCESS SHARE, which
nobody who reads or writes rows waits for). Where a definition changed between the snapshot and the lock, the moment is
taken anew.

The settings make texts that mean the same everywhere: names are qualified, dates and times ISO, floats exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from heliosdb.errors import SerializationFailure
from heliosdb.sql.deparse import quote_name
from heliosdb.transaction.locks import RelationLock

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Relation
    from heliosdb.session import Session

__all__ = ["EXACT_SETTINGS", "Sessions", "exact_session", "relation_name", "snapshot"]

RETRIES = 10

EXACT_SETTINGS = {
    "search_path": "",
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}


class Sessions(Protocol):
    """What opens sessions: ``Database``, ``EmbeddedDatabase``."""

    def session(self) -> Session:
        """Open a session."""
        ...


@contextmanager
def exact_session(database: Sessions | Any) -> Iterator[Session]:
    """Yield a session of its own whose texts are exact; it is closed at the end, and rolled back."""
    session = database.session()
    try:
        for name, text in EXACT_SETTINGS.items():
            session.settings.set(name, text, in_transaction=False)
        for setting in session.registries.settings.values():
            # What a plugin leaves out or rounds where a session asks for that must not be missing for ever.
            if "." in setting.name and setting.context == "user":
                session.settings.put(setting.name.lower(), setting.default, in_transaction=False)
        yield session
    finally:
        session.close()


@contextmanager
def snapshot(database: Sessions | Any) -> Iterator[Session]:
    """Yield a session in a transaction that sees one moment, its tables locked."""
    tries = 0
    with exact_session(database) as session:
        while True:
            session.begin("repeatable read", read_only=True)
            try:
                session.execute("SELECT 1")
                with session.on_the_clock("LOCK TABLE"):
                    _lock(session, [found for found in session.catalog.relations() if is_stored(found)])
                break
            except SerializationFailure:
                session.block.rollback()
                tries += 1
                if tries > RETRIES:
                    raise
        yield session


def _lock(session: Session, relations: Iterable[Relation]) -> None:
    transaction, block, database = session.transaction, session.block, session.database
    locked = []
    for relation in relations:
        transaction.lock_relation(relation.oid, RelationLock.ACCESS_SHARE)
        # Statements need not ask again: what they would find out is found out here, once.
        block.locked.add((relation.oid, RelationLock.ACCESS_SHARE))
        locked.append(relation)
    with database.store_transaction(transaction.timeline) as newest:
        catalog = database.catalogs.of(newest)
    for relation in locked:
        if catalog.version_of(relation.oid) != relation.version:
            raise SerializationFailure(f'the definition of "{relation.name}" has changed since the snapshot was taken')


def is_stored(relation: Relation) -> bool:
    """Return whether a relation has rows that a dump holds: a table that is not temporary."""
    return relation.kind == "table" and relation.persistence != "temporary"


def relation_name(relation: Relation) -> str:
    """Return a relation's qualified name as SQL."""
    return quote_name((relation.schema, relation.name))
