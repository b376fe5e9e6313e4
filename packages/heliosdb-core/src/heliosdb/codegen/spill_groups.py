"""Tables of groups, and sets of keys that were met, beyond ``work_mem``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from heliosdb.codegen.spill import FIRST_LOOK, NEVER, Parts, Watched

if TYPE_CHECKING:
    from heliosdb.session.execution import Execution
    from heliosdb.store.temporary import Frame

__all__ = ["NO_OVERFLOW", "GroupOverflow"]


class _NoOverflow:
    """Stands for an overflow that never comes."""

    is_full = False


NO_OVERFLOW = _NoOverflow()


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
        if self.is_full or self._has_room(self._fits()):
            return
        self.is_full = True
        self.look = NEVER
        self._aside = self._parts(self._depth)

    def put(self, key: Any, row: Any) -> None:
        """Put a row of a group aside that is not in the dict."""
        assert self._aside is not None
        self._aside.put(key, row)

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
