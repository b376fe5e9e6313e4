"""What is done when a database has been opened; where there is nothing to do, nothing of what does it is imported."""

from __future__ import annotations

from heliosdb.spi import Database
from heliosdb_temporal.erasures import records
from heliosdb_temporal.retention import apply

__all__ = ["opened"]


def opened(database: Database) -> None:
    """Have the past kept as the options and the tables say, and finish erasures that were cut short."""
    apply(database)
    if not (database.store.was_closed or database.volume.read_only):
        from heliosdb_temporal.versioning import settle

        settle(database)
    if not database.volume.read_only and any(records(database, pending=True)):
        from heliosdb_temporal.erase import finish

        finish(database)
