"""A store with one relation of (key, value) rows and an index on each, as tests of what lies below SQL use it."""

from __future__ import annotations

from operator import itemgetter
from random import Random

from heliosdb.store import IndexSpec
from heliosdb.transaction import Transaction, TransactionalStore
from heliosdb_testkit import FaultyVolume

__all__ = ["BY_ID", "BY_VALUE", "TABLE", "checkpoint", "closed", "find", "lost_power", "opened", "put", "rows"]

TABLE, BY_ID, BY_VALUE = 100, 101, 102
SPECS = (
    IndexSpec(BY_ID, TABLE, itemgetter(0), unique=True, key_column=0),
    IndexSpec(BY_VALUE, TABLE, itemgetter(1), key_column=1),
)


def opened(volume: FaultyVolume | None = None) -> TransactionalStore:
    """Open a store on a volume, None for one in memory, with both indexes on every timeline."""
    store = TransactionalStore(volume)
    store.specs_of = lambda line, oid: SPECS
    if not store.is_recovered:
        for spec in SPECS:
            store.define_index(None, TABLE, spec)
    return store


def lost_power(store: TransactionalStore, seed: int = 1) -> TransactionalStore:
    """Open what is left when only what was made durable is left."""
    volume = store.volume
    assert isinstance(volume, FaultyVolume)
    volume.lose_power()
    return opened(volume.crash(Random(seed)))


def closed(store: TransactionalStore) -> TransactionalStore:
    """Close a store and open it again."""
    volume = store.volume
    assert isinstance(volume, FaultyVolume)
    store.close()
    return opened(volume.kill())


def checkpoint(store: TransactionalStore) -> None:
    """Make a checkpoint."""
    assert store.maintenance is not None
    store.maintenance.checkpoint()


def put(store: TransactionalStore, key: int, value: object, timeline: str = "main") -> int:
    """Insert or change one row and return the SCN."""
    transaction = store.begin(timeline=timeline)
    transaction.begin_statement()
    found = transaction.view(TABLE).index(BY_ID).items(key)
    if found:
        transaction.update(TABLE, *found[0], (key, value))
    else:
        transaction.insert(TABLE, (key, value))
    ticket = transaction.commit()
    ticket.wait()
    return ticket.scn


def rows(transaction: Transaction) -> list[tuple[object, ...]]:
    """Return the rows that a transaction sees, and end it."""
    transaction.begin_statement()
    try:
        return sorted(row for block in transaction.view(TABLE).row_blocks() for row in block)
    finally:
        transaction.rollback()


def find(store: TransactionalStore, value: object, timeline: str = "main") -> list[tuple[object, ...]]:
    """Return the rows with a value, by index."""
    transaction = store.begin(timeline=timeline)
    transaction.begin_statement()
    found = transaction.view(TABLE).index(BY_VALUE).rows(value)
    transaction.rollback()
    return found
