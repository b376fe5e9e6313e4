r"""What the parents' indexes add to a branch's, however deep it is.

    branch 32  ──►  31  ──►  30  ──►  ...  ──►  1  ──►  main

               \______________ near _____________/       others

Each level holds what was changed there, mostly little, and what it had at its fork never changes. So all that is small
and in memory is put together once, by whoever has asked often enough: then a look-up asks three places and not
thirty-three. Large levels, and those whose entries stand in runs on the volume, are asked one by one, as are all until
then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heliosdb.store.key_order import Ordered
    from heliosdb.store.timeline_index import TimelineIndex

__all__ = ["ASKED", "Ancestors"]

MOST_OF_A_LEVEL = 4096
MOST = 1 << 16
"""Entries of a level, and of all levels, that are put together."""
ASKED = 64
"""Look-ups before that is done."""


class _NearOrder:
    """Sorted elements that never change."""

    def __init__(self, elements: list[Any]) -> None:
        self.state: tuple[tuple[list[Any], ...], list[Any]] = ((elements,), [])

    @staticmethod
    def sorted_recent(recent: list[Any]) -> list[Any]:
        """Return the elements that are in no run: none."""
        return recent


class Ancestors:
    """The parents of one index of one branch. Never changed: replaced."""

    __slots__ = ("near", "near_order", "others")

    def __init__(self, index: TimelineIndex) -> None:
        self.near: dict[Any, tuple[int, ...]] = {}
        """Key -> the rows that may have it, of all levels that were put together."""
        self.near_order: Ordered | None = None
        self.others = list(_line(index))
        """The other levels, each with the SCN that it is read at."""

    def put_together(self, index: TimelineIndex) -> Ancestors:
        """Return what is the same, with the small levels as one; itself, where there are not several."""
        size = 0
        small: list[tuple[TimelineIndex, int]] = []
        others = []
        for level, scn in self.others:
            tree = level.tree
            assert tree is not None
            entries = len(tree.current) + len(tree.past)
            if (
                tree.beyond is not level.parent
                or level.backlog is not None
                or entries > MOST_OF_A_LEVEL
                or size + entries > MOST
            ):
                others.append((level, scn))
            else:
                size += entries
                small.append((level, scn))
        if len(small) < 2:
            return self
        made = Ancestors(index)
        made.others = others
        elements: dict[Any, None] = {}
        for level, scn in small:
            tree = level.tree
            assert tree is not None
            for order in tree.orders(scn):
                runs, recent = order.state
                for run in (*runs, order.sorted_recent(recent)):
                    for element in run:
                        key = element[1] if tree.paired else element
                        row_ids = tree.row_ids(key, scn)
                        if row_ids:
                            made.near[key] = tuple(dict.fromkeys((*made.near.get(key, ()), *row_ids)))
                            elements[element] = None
        made.near_order = _NearOrder(sorted(elements))
        return made

    def guess(self, key: Any) -> Any:
        """Return a row that may have a key, if that takes no search."""
        near = self.near.get(key)
        if near is not None:
            return near[0]
        if len(self.others) != 1:
            return None
        tree = self.others[0][0].tree
        assert tree is not None
        return tree.current.get(key)

    def row_ids(self, key: Any) -> list[int]:
        """Return the rows that may have a key at the forks."""
        found = list(self.near.get(key, ()))
        for level, scn in self.others:
            tree = level.tree
            assert tree is not None
            if key in tree.current or key in tree.past:  # most levels of a deep branch know nothing of a key
                found += tree.row_ids(key, scn)
            beyond = tree.beyond
            if beyond is not None and beyond is not level.parent:
                found += beyond.own_row_ids(key)  # type: ignore[union-attr]
        return found

    def orders(self) -> list[Ordered]:
        """Return what has the keys, in order, that rows may have at the forks."""
        found: list[Ordered] = [] if self.near_order is None else [self.near_order]
        for level, scn in self.others:
            tree = level.tree
            assert tree is not None
            found += tree.orders(scn)
            beyond = tree.beyond
            if beyond is not None and beyond is not level.parent:
                found.append(beyond.order)  # type: ignore[union-attr]
        return found

    def only_row_ids(self, keys: Sequence[Any]) -> list[int] | None:
        """Return one row for each key, where a single level knows them and has lost none since; else None."""
        if len(self.others) != 1 or not self.near.keys().isdisjoint(keys):
            return None
        ((level, scn),) = self.others
        tree = level.tree
        assert tree is not None
        if tree.beyond is not level.parent:
            return None
        found: list[Any] = list(map(tree.current.get, keys))
        # Asked after the look-ups: who loses a key is noted first.
        return found if set(map(type, found)) == {int} and tree.last_superseded <= scn else None


def _line(index: TimelineIndex) -> Iterator[tuple[TimelineIndex, int]]:
    while index.parent is not None:
        yield index.parent, index.fork
        index = index.parent
