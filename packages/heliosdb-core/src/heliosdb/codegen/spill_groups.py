"""Tables of groups, and sets of keys that were met, beyond ``work_mem``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Any

from heliosdb.codegen.spill import FIRST_LOOK, NEVER, Parts, Watched, size_of

if TYPE_CHECKING:
    from heliosdb.session.execution import Execution
    from heliosdb.store.temporary import Frame

__all__ = ["EVERYTHING", "NO_OVERFLOW", "GroupOverflow", "ValueOverflow"]

LOOK_EVERY = 0.001
"""Seconds between two looks at sets."""
GROUPS = 8
"""Groups that are looked at to tell the size of their sets."""


class _NoOverflow:
    """Stands for an overflow that never comes."""

    is_full = False


NO_OVERFLOW = _NoOverflow()


class _Everything:
    """Stands for a set that has everything: of a row that is looked at again, nothing counts now."""

    def __contains__(self, key: object) -> bool:
        return True


EVERYTHING = _Everything()


class GroupOverflow(Watched):
    """The dict of groups (of DISTINCT the set of keys), and the rows of groups that it has no room for."""

    __slots__ = ("_aside", "_depth", "_pending", "is_full")

    def __init__(self, execution: Execution, groups: dict[Any, Any] | set[Any], node: int = 0) -> None:
        super().__init__(execution, groups, node)
        self.is_full = False
        self._depth = 0
        self._aside: Parts | None = None
        self._pending: list[tuple[int, list[Frame]]] = []

    def relieve(self) -> None:
        """Take no more groups where the dict is full."""
        if not self.is_full and not self._has_room(self._fits()):
            self.fill()

    def fill(self) -> None:
        """Take no more groups from now on."""
        if self.is_full:
            return
        self.is_full = True
        self.look = NEVER
        self._aside = self._parts(self._depth)

    def put(self, key: Any, row: Any) -> None:
        """Put a row of a group aside that is not in the dict."""
        assert self._aside is not None
        self._aside.put(key, row)

    def put_with_key(self, key: Any, row: Any) -> None:
        """Put a row aside together with its key."""
        self.put(key, (key, row))

    def next(self) -> Iterator[Any] | None:
        """Empty the dict and return the rows of the next part, when the groups so far have gone on; None at the end."""
        if self._aside is not None:
            self._pending += [(self._depth + 1, frames) for frames in self._aside.close() if frames]
            self._aside = None
        if not self._pending:
            self.end()
            self._close()
            return None
        self._depth, frames = self._pending.pop()
        if self.report is not None:
            self.report.batches += 1
        self.held.clear()
        self.is_full = False
        self.look = FIRST_LOOK
        rows: Iterator[Any] = self._read(frames)
        return rows


class ValueOverflow(Watched):
    """The sets of values that the DISTINCT aggregates of all groups have seen, and the values they have no room for.

    ``steps`` has, for each such aggregate, the place of its set in a group's state, and the function that steps a
    state. When the sets are full, no group gets a new value, nor is there a new group. Values of groups that are there
    are put aside, parted by the hash of both, and stepped when all rows have come.
    """

    __slots__ = ("_aside", "_next", "_overflow", "_steps", "_wait", "is_full")

    def __init__(
        self,
        execution: Execution,
        groups: dict[Any, Any],
        overflow: GroupOverflow,
        steps: tuple[tuple[int, Callable[..., None]], ...],
        node: int = 0,
    ) -> None:
        super().__init__(execution, groups, node)
        # The number of groups says little.
        self.look = 0
        self.is_full = False
        self._overflow = overflow
        self._steps = steps
        self._wait = 0
        self._next = 0.0
        self._aside: Parts | None = None

    def relieve(self) -> None:
        """Take no more values where the sets are full."""
        if self._wait or self.is_full:
            self._wait -= not self.is_full
            return
        now = monotonic()
        if now < self._next:
            # Polls may come for every few rows.
            return
        self._next = now + LOOK_EVERY
        count = len(self.held)
        sample = list(islice(self.held.values(), 0, None, 1 + count // GROUPS))
        if not sample:
            return
        if not self._budget:
            self._fits(sample)
        size = count * sum(size_of(state[place]) for state in sample for place, _ in self._steps) // len(sample)
        if size < self._budget:
            self._wait = 4 if size < self._budget // 16 else 0
            return
        self._fits(sample)
        self.is_full = True
        self._aside = self._parts(0)
        self._overflow.fill()

    def put(self, number: int, group: Any, key: Any, values: Any) -> None:
        """Put the values of a row aside that an aggregate of a group may not have seen."""
        assert self._aside is not None
        self._aside.put((number, group, key), (number, group, key, values))

    def finish(self) -> None:
        """Step what was put aside, when all rows of the groups have come, and go on with empty sets."""
        aside, self._aside = self._aside, None
        self.is_full = False
        self._wait = 0
        if aside is None:
            return
        groups, steps = self.held, self._steps
        for state in groups.values():
            for place, _ in steps:
                state[place] = None
        seen: set[Any] = set()
        overflow = GroupOverflow(self._execution, seen)
        for frames in filter(None, aside.close()):
            rows: Iterator[Any] | None = self._read(frames)
            while rows is not None:
                for row in rows:
                    number, group, key, values = row
                    known = number, group, key
                    if known in seen:
                        continue
                    if overflow.is_full:
                        overflow.put(known, row)
                        continue
                    seen.add(known)
                    if len(seen) >= overflow.look:
                        overflow.relieve()
                    steps[number][1](groups[group], *values)
                rows = overflow.next()
            seen.clear()
            overflow = GroupOverflow(self._execution, seen)
        overflow.end()
        self._close()
