"""The small values that a transaction hands out: what a locked row has become, a mark, a held snapshot."""

from __future__ import annotations

from attrs import frozen

from heliosdb.store.snapshot import Snapshots
from heliosdb.store.versions import Row

__all__ = ["DELETED", "SAME", "SKIPPED", "LockedRow", "Mark", "SnapshotHold"]


@frozen
class LockedRow:
    """What became of a row by the time it was locked: "same", "changed", "deleted" or "skipped", and its newest
    version."""

    status: str
    row: Row | None = None


SAME = "same"
SKIPPED = LockedRow("skipped")
DELETED = LockedRow("deleted")


@frozen
class Mark:
    """A point in a transaction to which it can be rolled back."""

    journal: int
    locks: int
    checks: int
    deferred: int


class SnapshotHold:
    """Keeps a snapshot readable (an open cursor's) until it is released."""

    __slots__ = ("_snapshots", "scn")

    def __init__(self, snapshots: Snapshots, scn: int) -> None:
        self._snapshots = snapshots
        self.scn = scn
        snapshots.readers[self] = scn

    def release(self) -> None:
        """Let go of the snapshot; harmless a second time."""
        self._snapshots.readers.pop(self, None)
