"""What is kept of the past, as the configuration says: everything, unless it says otherwise.

    (nothing)                                   everything
    Config(retention_days=30)                   what was visible within 30 days before now
    Config(retention_days=0)                    nothing
    [temporal] snapshot_retention_days = 30     as retention_days
    [temporal] time_travel_enabled = true       everything, unless there is a number of days
    [temporal] time_travel_enabled = false      nothing

What is said is written into the database, and holds when it is opened without it, and without this package; a database
that is made is told so even where nothing is said. One that was made without the package, and was told nothing, keeps
everything while it is open with it (``Opening.retain``).

What a period no longer covers goes with VACUUM. Of a database on disk ``compact_interval_hours`` sees to it besides, of
one in memory ``sweep``, from time to time (``heliosdb.retention_sweep_interval``).
"""

from __future__ import annotations

import logging
from threading import Event

from heliosdb.errors import InvalidParameterValue
from heliosdb.spi import Database, Opening, Retention

__all__ = ["apply", "sweep", "take_options"]

log = logging.getLogger("heliosdb")

ATTACHED = "heliosdb-temporal retention"
DAY = 86_400_000_000
MOST = 36_500
"""Days; a hundred years."""


def take_options(opening: Opening) -> None:
    """Take the options and check them."""
    named = {name: opening.take(name) for name in ("retention_days", "temporal.snapshot_retention_days")}
    enabled = opening.take("temporal.time_travel_enabled")
    for name, days in named.items():
        if days is not None and (type(days) is not int or not 0 <= days <= MOST):
            raise InvalidParameterValue(
                f'invalid value for configuration key "{name}": {days!r}',
                hint=f"It must be a whole number of days, from 1 to {MOST}, or 0 to keep nothing.",
            )
    if enabled is not None and type(enabled) is not bool:
        raise InvalidParameterValue('configuration key "temporal.time_travel_enabled" must be a boolean')
    stated = {days for days in named.values() if days is not None}
    if len(stated) > 1:
        raise InvalidParameterValue("retention_days contradicts temporal.snapshot_retention_days")
    if stated and enabled is not None and enabled is not (stated != {0}):
        raise InvalidParameterValue(
            f"temporal.time_travel_enabled is {str(enabled).lower()}, and the retention is {stated.pop()} days"
        )
    if stated:
        opening.attach(ATTACHED, Retention(period=stated.pop() * DAY))
    elif enabled is not None:
        opening.attach(ATTACHED, Retention() if enabled else Retention(0))
    else:
        opening.retain(Retention())


def apply(database: Database) -> None:
    """Write down what the options say, where the database does not say so yet."""
    wanted: Retention | None = database.attached.get(ATTACHED)
    held = database.history.retentions().get(0)
    if wanted is not None and (held is None or held.period != wanted.period):
        database.history.retain(wanted)


def sweep(database: Database, stop: Event | None = None) -> None:
    """Drop what retentions with a period no longer cover, in a database that has no files."""
    limited = any(retention.period for retention in database.history.retentions().values())
    if limited and not database.volume.keeps_log:
        dropped = database.store.vacuum()
        log.info("%d older versions of rows were dropped that no retention covers", dropped)
