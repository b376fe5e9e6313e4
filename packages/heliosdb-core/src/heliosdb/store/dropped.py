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
        self._relations[line, oid] = self._store.entering
        self.sweep()

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
            if scn <= durable and store.snapshots.needed(oid) == ():
                line.relations.pop(oid, None)
                line.stored.pop(oid, None)
                del self._relations[line, oid]
        while self._indexes and self._indexes[0][0] <= durable:
            store.drop_index(*self._indexes.pop(0)[1:])
