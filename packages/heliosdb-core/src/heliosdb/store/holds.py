"""What keeps versions readable beyond the snapshots of running statements: pins and retention.

    pin         a name that holds one SCN of one timeline: what was visible there stays
    retention   what a relation, or the whole database, keeps of its history: all of it, or what was visible since then

Both stand in the log before they are true in memory, and in the manifest after a checkpoint; so they hold after
reopening, and where the plugin that set them is not installed. Versions that a retention no longer covers go when
somebody vacuums or compacts (``Store.vacuum``, ``Maintenance.compact``).

Where nobody has said what the database keeps, ``StorageOptions.retention`` holds for as long as it is open; a database
that is made has it written down. Temporary relations keep nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen

from heliosdb.errors import (
    DuplicateObject,
    Error,
    InvalidParameterValue,
    ObjectNotInPrerequisiteState,
    ReadOnlySqlTransaction,
    UndefinedObject,
)
from heliosdb.store.commits import NEVER

if TYPE_CHECKING:
    from heliosdb.store.store import Store
    from heliosdb.store.timeline import Timeline

__all__ = ["DATABASE", "Holds", "Pin", "Retention"]

DATABASE = 0
"""In the place of a relation's OID: the retention of all that have none of their own."""


@frozen
class Retention:
    """What is kept of the past. ``period``: what was visible within so many microseconds before now; None: for ever; 0:
    nothing. ``since``: nothing that ended at or before this SCN, however long the period is. InvalidParameterValue
    where one is negative."""

    period: int | None = None
    since: int = 0

    def __attrs_post_init__(self) -> None:
        if self.since < 0 or (self.period is not None and self.period < 0):
            raise InvalidParameterValue(
                "a retention is neither for a negative period nor since a negative SCN",
                detail=f"Its period is {self.period}, and since {self.since}.",
            )


@frozen
class Pin:
    """A held point: the number of a timeline, and an SCN there."""

    timeline: int
    scn: int


class Holds:
    """The pins and retentions of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pins: dict[str, Pin] = {}
        self._told: dict[int, Retention] = {}
        """What somebody has said; ``snapshots`` has what holds."""
        store.snapshots.default_retention = store.options.retention

    # -- pins

    def pins(self) -> dict[str, Pin]:
        """Return what is held, by name."""
        return self._pins.copy()

    def pin(self, name: str, scn: int | None, line: Timeline) -> int:
        """Hold an SCN of a timeline; see ``Store.pin``."""
        store = self._store
        with store.commit_lock:
            if name in self._pins:
                raise DuplicateObject(f'pin "{name}" already exists')
            if line.dropped:
                raise ObjectNotInPrerequisiteState(f'timeline "{line.name}" has been dropped')
            point = store.published if scn is None else scn
            if point > store.published:
                raise ObjectNotInPrerequisiteState(f"SCN {point} has not been reached")
            while line.parent is not None and point < line.fork:
                line = line.parent
            store.check_readable_at(line, point)
            made = Pin(line.id, point)
            self._log(pins={name: made})
            self._set_pin(name, made)
        try:
            self._settle()
        except Error:
            with store.commit_lock:
                self._set_pin(name, None)
            raise
        return point

    def unpin(self, name: str) -> None:
        """Let go of a pin; see ``Store.unpin``."""
        with self._store.commit_lock:
            if name not in self._pins:
                raise UndefinedObject(f'pin "{name}" does not exist')
            self._log(pins={name: None})
            self._set_pin(name, None)
        self._settle()

    def _set_pin(self, name: str, pin: Pin | None) -> None:
        pins = self._store.snapshots.pins
        if pin is None:
            self._pins.pop(name, None)
            pins.pop(name, None)
        else:
            self._pins[name] = pin
            pins[name] = (pin.timeline, pin.scn)

    # -- retention

    def retentions(self) -> dict[int, Retention]:
        """Return what has been set, by relation; what the database keeps, set or not, under ``DATABASE``."""
        found = self._told.copy()
        if DATABASE not in found and self._store.options.retention is not None:
            found[DATABASE] = self._store.options.retention
        return found

    def retain(self, retention: Retention | None, relation_oid: int) -> None:
        """Set a retention; see ``Store.retain``."""
        with self._store.commit_lock:
            self._log(retention={relation_oid: retention})
            self._set_retention(relation_oid, retention)
        self._settle()

    def _set_retention(self, relation_oid: int, retention: Retention | None) -> None:
        store, told = self._store, self._told
        if retention is None:
            told.pop(relation_oid, None)
        else:
            told[relation_oid] = retention
        if relation_oid == DATABASE:
            kept = store.options.retention if retention is None else retention
            store.snapshots.default_retention = None if kept is None or kept.period == 0 else kept
        elif retention is None:
            store.snapshots.retention.pop(relation_oid, None)
        else:
            store.snapshots.retention[relation_oid] = retention
        self.note_times()

    def note_times(self) -> None:
        """Have the times of commits stay where there is no other place for them, as long as somebody may ask."""
        if not self._store.volume.keeps_log:
            kept = any(retention.period != 0 for retention in self.retentions().values())
            self._store.commits.droppable = 0 if kept else NEVER

    def begin(self) -> None:
        """Write down what a database that is made keeps, where nobody has said so."""
        retention = self._store.options.retention
        if retention is not None and DATABASE not in self._told and not self._store.volume.read_only:
            self.retain(retention, DATABASE)

    def keep_nothing(self, relation_oid: int) -> None:
        """Have a relation keep nothing of its past; this is not written down, for it goes with its session."""
        self._store.snapshots.retention[relation_oid] = Retention(0)

    def forget_relation(self, relation_oid: int) -> None:
        """Forget the retention of a relation that is gone."""
        self._told.pop(relation_oid, None)
        self._store.snapshots.retention.pop(relation_oid, None)

    def horizon(self, relation_oid: int) -> int | None:
        """Return the SCN from which a retention keeps everything of a relation, None where there is none.

        A version stays that ended after it. Pins and snapshots keep what they need besides.
        """
        snapshots = self._store.snapshots
        retention = snapshots.retention.get(relation_oid, snapshots.default_retention)
        if retention is None or retention.period == 0:
            return None
        if retention.period is None:
            return retention.since
        commits = self._store.commits
        return max(retention.since, commits.scn_at(commits.clock() - retention.period))

    def first_needed(self) -> int:
        """Return the SCN before which nobody is to ask what was committed: the earliest that the retention of the
        database, that of a relation, or a pin keeps. 0: all, as long as the database has no retention with a period."""
        if self.horizon(DATABASE) is None:
            return 0
        horizons = [self.horizon(oid) for oid in self.retentions()]
        pinned = [scn for _, scn in tuple(self._store.snapshots.pins.values())]
        return min([*(horizon for horizon in horizons if horizon is not None), *pinned])

    # -- log and manifest

    def _log(
        self, pins: Mapping[str, Pin | None] | None = None, retention: Mapping[int, Retention | None] | None = None
    ) -> None:
        store = self._store
        if store.journal is not None:
            store.journal.append_holds(store.commits.next_time(), _stored(pins or {}, retention or {}))
        elif store.volume.read_only:
            raise ReadOnlySqlTransaction("the database is open for reading only")

    def _settle(self) -> None:
        if self._store.journal is not None:
            self._store.journal.sync()

    def stored(self) -> dict[str, Any]:
        """Return all of it as a manifest has it."""
        return _stored(self._pins, self._told)

    def restore(self, stored: Mapping[str, Any]) -> None:
        """Take in what a manifest or a log record says."""
        for name, pin in stored.get("pins", {}).items():
            self._set_pin(name, None if pin is None else Pin(*pin))
        for oid, retention in stored.get("retention", {}).items():
            self._set_retention(int(oid), None if retention is None else Retention(*retention))


def _stored(pins: Mapping[str, Pin | None], retention: Mapping[int, Retention | None]) -> dict[str, Any]:
    return {
        "pins": {name: None if pin is None else [pin.timeline, pin.scn] for name, pin in pins.items()},
        "retention": {str(oid): None if kept is None else [kept.period, kept.since] for oid, kept in retention.items()},
    }
