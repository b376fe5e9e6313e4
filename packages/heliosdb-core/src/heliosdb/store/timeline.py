"""A timeline: main, or a branch that starts at an SCN of its parent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from heliosdb.store.relation import Relation

__all__ = ["Timeline"]


class Timeline:
    """One line of history. ``fork`` is the parent's SCN it starts from; ``id`` never changes, the name may.

    ``created`` is when it was made, in microseconds since 2000-01-01 UTC; 0: not known, as of main. ``properties`` are
    what its maker noted of it: the engine keeps them, and does not read them.
    """

    __slots__ = ("created", "dropped", "fork", "id", "name", "parent", "properties", "relations", "stored")

    def __init__(
        self,
        number: int,
        name: str,
        parent: Timeline | None = None,
        fork: int = 0,
        created: int = 0,
        properties: Mapping[str, Any] | None = None,
    ) -> None:
        self.id = number
        self.name = name
        self.parent = parent
        self.fork = fork
        self.created = created
        self.properties: Mapping[str, Any] = dict(properties or {})
        self.relations: dict[int, Relation] = {}
        self.stored: dict[int, Relation] = {}
        """Relations that were there when the store was opened, until they are first used: they have no indexes yet."""
        self.dropped = False

    def chain(self, scn: int) -> tuple[tuple[Timeline, int], ...]:
        """Return the snapshot at an SCN as the chain of (timeline, SCN) that it reads."""
        links: list[tuple[Timeline, int]] = []
        line: Timeline | None = self
        while line is not None:
            if scn >= line.fork:
                links.append((line, scn))
            scn = min(scn, line.fork)
            line = line.parent
        return tuple(links)
