"""A database on a simulated device, as tests of its storage open, ask and checkpoint it."""

from __future__ import annotations

from typing import Any

from heliosdb.database import Database
from heliosdb.session.session import Session
from heliosdb_testkit import FaultyVolume

__all__ = ["checkpoint", "opened", "opened_without_cache", "rows", "segments"]


def opened(volume: FaultyVolume, **storage: Any) -> tuple[Database, Session]:
    """Open what a volume holds, with these options of its storage, and begin a session."""
    database = Database(volume=volume, plugins=[], storage=storage)
    return database, database.session()


def opened_without_cache(volume: FaultyVolume) -> tuple[Database, Session]:
    """Do so with no room for anything that stands on the volume."""
    return opened(volume, cache_size=1)


def rows(session: Session, text: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query, or of the last of several statements."""
    return list(session.execute(text)[-1].rows)


def checkpoint(database: Database) -> None:
    """Make a checkpoint."""
    assert database.store.maintenance is not None
    database.store.maintenance.checkpoint()


def segments(volume: FaultyVolume) -> list[str]:
    """Return the names of all segments."""
    return [name for name in volume.names() if name.startswith("segment")]
