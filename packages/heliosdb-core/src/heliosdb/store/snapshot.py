"""Snapshots: which commits a reader sees, and which versions must therefore stay.

A snapshot is a chain ((timeline, scn), (parent, fork SCN), ...). The chain below its first link never changes, and a
branch's blocks already contain what they take from it (see ``relation``), so that what a reader carries is the first
link alone.

``Snapshots`` knows everything that keeps versions alive:

    readers     running transactions and held cursors, each with its SCN
    pins        named points: fork points, tags, consumers of the change feed
    retention   relations (or the whole store) that keep their history

Registration takes no lock. A reader first registers SCN 0, which protects everything, then reads ``published`` and
registers that; who prunes reads ``published`` before it looks at the registrations. Either it sees the registration
or the reader sees an SCN that is at least the one the pruner used.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from heliosdb.store.holds import Retention

__all__ = ["REGISTERING", "Snapshot", "Snapshots"]


REGISTERING = -1
"""Stands for a reader whose SCN is not known yet."""


@frozen
class Snapshot:
    """A point of a timeline; everything committed there up to ``scn`` is visible."""

    timeline: str
    scn: int


class Snapshots:
    """The registered readers, pins and retentions of a store."""

    __slots__ = ("default_retention", "pins", "readers", "retention")

    def __init__(self) -> None:
        self.readers: dict[Hashable, int] = {}
        self.pins: dict[Hashable, tuple[int, int]] = {}
        """By name: (number of a timeline, SCN). Those of ``Holds``, and ("timeline", number) for its fork."""
        self.retention: dict[int, Retention] = {}
        """Relation OID -> what it keeps, where it has a rule of its own."""
        self.default_retention: Retention | None = None
        """The same for every other relation; None: only what readers and pins need."""

    def points(self) -> tuple[int, ...] | None:
        """Return the SCNs that readers and pins hold, ascending; None while a reader is about to register."""
        if not self.readers and not self.pins:
            return ()
        # tuple(dict.values()) is one atomic step; iterating would meet concurrent registrations.
        points = {*tuple(self.readers.values()), *(scn for _, scn in tuple(self.pins.values()))}
        return None if REGISTERING in points else tuple(sorted(points))

    def needed(self, relation_oid: int) -> tuple[int, ...] | None:
        """Return the SCNs at which somebody may read this relation, ascending; None where every version is kept.

        Where a retention keeps history that is so for commits: what it no longer covers goes with a vacuum.
        """
        retention = self.retention.get(relation_oid, self.default_retention)
        return None if retention is not None and retention.period != 0 else self.points()

    def lasting(self, relation_oid: int) -> tuple[int, ...] | None:
        """Return those of them that outlive the readers: pins; None where every version is kept."""
        retention = self.retention.get(relation_oid, self.default_retention)
        if retention is not None and retention.period != 0:
            return None
        return tuple(sorted(scn for _, scn in self.pins.values()))

    @property
    def is_idle(self) -> bool:
        """Whether nobody holds a snapshot and nothing else keeps versions: every one but the newest may go."""
        return not (self.readers or self.pins or self.retention) and self.default_retention is None

    def keeps(self, timeline: int, scn: int) -> bool:
        """Whether a pin keeps the versions visible at an SCN of a timeline, whatever else was dropped around it."""
        return (timeline, scn) in tuple(self.pins.values())
