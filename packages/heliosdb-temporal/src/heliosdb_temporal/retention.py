"""What is kept of the past, as the configuration says.

    Config(retention_days=30)                   what was visible within 30 days before now
    [temporal] snapshot_retention_days = 30     the same
    [temporal] time_travel_enabled = true       everything, unless there is a number of days

The wish is written into the database, and holds when it is opened without it. ``time_travel_enabled = false`` takes it
back.
"""

from __future__ import annotations

from heliosdb.errors import InvalidParameterValue
from heliosdb.spi import Database, Opening, Retention

__all__ = ["apply", "take_options"]

ATTACHED = "heliosdb-temporal retention"
DAY = 86_400_000_000
MOST = 36_500
"""Days; a hundred years."""


def take_options(opening: Opening) -> None:
    """Take the options and check them."""
    named = {name: opening.take(name) for name in ("retention_days", "temporal.snapshot_retention_days")}
    enabled = opening.take("temporal.time_travel_enabled")
    for name, days in named.items():
        if days is not None and (type(days) is not int or not 1 <= days <= MOST):
            raise InvalidParameterValue(
                f'invalid value for configuration key "{name}": {days!r}',
                hint=f"It must be a whole number of days, from 1 to {MOST}.",
            )
    if enabled is not None and type(enabled) is not bool:
        raise InvalidParameterValue('configuration key "temporal.time_travel_enabled" must be a boolean')
    stated = {days for days in named.values() if days is not None}
    if len(stated) > 1:
        raise InvalidParameterValue("retention_days contradicts temporal.snapshot_retention_days")
    if stated and enabled is False:
        raise InvalidParameterValue("temporal.time_travel_enabled is false, and a retention is stated")
    if stated:
        opening.attach(ATTACHED, (Retention(period=stated.pop() * DAY),))
    elif enabled is not None:
        opening.attach(ATTACHED, (Retention() if enabled else None,))


def apply(database: Database) -> None:
    """Write down what the options say, where the database does not say so yet."""
    if ATTACHED not in database.attached:
        return
    (wanted,) = database.attached[ATTACHED]
    held = database.history.retentions().get(0)
    period = None if held is None else (held.period,)
    if period != (None if wanted is None else (wanted.period,)):
        database.history.retain(wanted)
