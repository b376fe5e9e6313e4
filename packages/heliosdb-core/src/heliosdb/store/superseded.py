"""What blocks were before a large commit replaced them whole.

    block as of SCN 40, in segment 9    ──before──►    the same block until 40, in segment 3 (or in memory, if it
                                                       had not been written yet)

A commit that changes most rows of many blocks writes new blocks, and copies nothing of what they were: that stays where
it is, and whoever reads an older state is led there. Readers keep it, as they keep every version; when the last one who
may need it has gone it is let go of, with the commit lock held, and its file goes with the next checkpoint. It does not
outlive the process: a checkpoint writes what pins need into the segments, version by version.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from heliosdb.store.block import Block
from heliosdb.store.versions import is_full

if TYPE_CHECKING:
    from heliosdb.store.stored_blocks import BlockSource

__all__ = ["Before", "Superseded"]

RECENT = 4
"""Blocks that stay in memory after they were read, of all relations."""


class Before:
    """One block as it was until an SCN. ``block`` gives None once nobody needs it any more."""

    __slots__ = ("_number", "_older", "_recent", "end", "source")

    def __init__(
        self,
        source: Block | BlockSource,
        number: int,
        end: int,
        older: Before | None,
        recent: deque[tuple[Before, Block]],
    ) -> None:
        self.source: Block | BlockSource | None = source
        self.end = end
        self._number = number
        self._older = older
        self._recent = recent

    def block(self) -> Block | None:
        """Return the block as it was."""
        source = self.source
        if source is None or isinstance(source, Block):
            return source
        for before, block in tuple(self._recent):
            if before is self:
                return block
        image = source.image(self._number)
        made = Block(
            image.rows,
            image.begin,
            dense=is_full(image.rows),
            begins=image.begins,
            history=image.history,
            before=self._older,
        )
        self._recent.append((self, made))
        return made

    def let_go(self) -> None:
        """Nobody needs it any more."""
        self.source = self._older = None


class Superseded:
    """The blocks of one relation that large commits have replaced since the store was opened."""

    def __init__(self) -> None:
        self._of: dict[int, Before] = {}
        self._waiting: deque[tuple[int, list[Before]]] = deque()

    def before(self, number: int, begin: int) -> Before | None:
        """Return what a block was before the SCN from which it is as it stands."""
        found = self._of.get(number)
        return found if found is not None and found.end == begin else None

    def add(self, end: int, replaced: dict[int, Before]) -> None:
        """Take note of the blocks that a commit replaces; readers are led to them from now on."""
        self._of.update(replaced)
        self._waiting.append((end, list(replaced.values())))

    def let_go(self, readers: Sequence[int] | None) -> int:
        """Let go of what nobody needs who reads at these SCNs (None: all); return where the last of it ended, or 0."""
        gone = 0
        waiting = self._waiting
        while waiting and readers is not None and not (readers and readers[0] < waiting[0][0]):
            gone, replaced = waiting.popleft()
            for before in replaced:
                before.let_go()
        return gone

    @property
    def is_waiting(self) -> bool:
        """Whether there is anything that somebody may need."""
        return bool(self._waiting)

    def needed_at(self, points: Sequence[int] | None) -> dict[int, Before]:
        """Return what blocks were, by number, that were different at one of these SCNs (None: all)."""
        return {
            number: before
            for number, before in self._of.items()
            if before.source is not None and (points is None or (points and points[0] < before.end))
        }

    def forget(self, written: Mapping[int, Before]) -> None:
        """Lead nobody to these any more: the blocks have their older versions themselves now."""
        for number, before in written.items():
            if self._of.get(number) is before:
                del self._of[number]

    def sources(self) -> set[str]:
        """Return the names of the segments that are still read."""
        sources = [before.source for _, replaced in tuple(self._waiting) for before in replaced]
        return {source.name for source in sources if source is not None and not isinstance(source, Block)}
