"""What commits drop, until it may go.

A relation that is dropped is still read by older snapshots, pins and branches; and while the commit that drops it is
pending, by everybody: it may fail to become durable, and then nothing is dropped. So rows are swept, and indexes taken
away, when the commit is published and nobody needs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heliosdb.store.store import Store
    from heliosdb.store.timeline import Timeline

__all__ = ["Dropped"]


class Dropped:
    """Dropped relations and indexes of one store. Whoever calls holds the commit lock."""

    __slots__ = ("_indexes", "_relations", "_store")

    def __init__(self, store: Store) -> None:
        self._store = store
        self._relations: dict[tuple[Timeline, int], int] = {}
        """(timeline, relation) -> the SCN that drops it."""
        self._indexes: list[tuple[int, Timeline | None, int, int]] = []
        """(SCN, timeline, relation, index), ascending."""

    def __bool__(self) -> bool:
        return bool(self._relations or self._indexes)

    def add_relation(self, line: Timeline, oid: int) -> None:
        """Sweep a relation's rows, as soon as nobody may read them."""
        self.note(line, oid, self._store.entering)
        self.sweep()

    def note(self, line: Timeline, oid: int, scn: int) -> None:
        """Take note that a commit has dropped a relation; who sweeps comes later."""
        self._relations[line, oid] = scn

    def scn(self, line: Timeline, oid: int) -> int:
        """Return the SCN that dropped a relation which is still there, else 0."""
        return self._relations.get((line, oid), 0)

    def add_index(self, timeline: Timeline | None, relation_oid: int, index_oid: int) -> None:
        """Stop keeping an index, as soon as the commit that is being entered is durable."""
        store = self._store
        if store.journal is None:
            store.drop_index(timeline, relation_oid, index_oid)
        else:
            self._indexes.append((store.entering, timeline, relation_oid, index_oid))

    def sweep(self) -> None:
        """Let go of what nobody needs any more."""
        store = self._store
        durable = store.entering if store.journal is None else store.published
        for (line, oid), scn in tuple(self._relations.items()):
            if scn <= durable and not self._is_read_before(oid, scn):
                line.relations.pop(oid, None)
                line.stored.pop(oid, None)
                del self._relations[line, oid]
                if not any(other == oid for _, other in self._relations):
                    store.holds.forget_relation(oid)
        while self._indexes and self._indexes[0][0] <= durable:
            store.drop_index(*self._indexes.pop(0)[1:])

    def _is_read_before(self, oid: int, scn: int) -> bool:
        """Whether somebody may read what was before an SCN: a snapshot, a pin (so does each fork), or a retention."""
        points, horizon = self._store.snapshots.points(), self._store.holds.horizon(oid)
        return points is None or (bool(points) and points[0] < scn) or (horizon is not None and horizon < scn)
