"""What blocks were before a large commit replaced them whole.

    block as of SCN 40, in segment 9    ──before──►    the same block until 40, in segment 3 (or in memory, if it
                                                       had not been written yet)

A commit that changes most rows of many blocks writes new blocks, and copies nothing of what they were: that stays where
it is, and whoever reads an older state is led there. Readers keep it, as they keep every version; when the last one who
may need it has gone it is let go of, with the commit lock held, and its file goes with the next checkpoint. It does not
outlive the process: a checkpoint writes what pins need into the segments, version by version.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from heliosdb.store.block import Block

if TYPE_CHECKING:
    from heliosdb.store.stored_blocks import BlockSource
    from heliosdb.store.versions import Older

__all__ = ["Before", "Superseded"]

MakeBlock = Callable[["BlockSource", int, "Before | None"], Block]
"""Reads a block of a segment; the last is what it was before that."""


class Before:
    """One block as it was until an SCN."""

    __slots__ = ("_number", "_older", "_read", "end", "source")

    def __init__(
        self, source: Block | BlockSource, number: int, end: int, older: Before | None, read: MakeBlock
    ) -> None:
        self.source: Block | BlockSource | None = source
        """None when nobody needs it any more."""
        self.end = end
        self._number = number
        self._older = older
        self._read = read

    def block(self) -> Block | None:
        """Return the block; None where nobody needs it any more."""
        source, older = self.source, self._older
        if source is None or isinstance(source, Block):
            return source
        return self._read(source, self._number, older)

    def versions(self, begins: array[int]) -> dict[int, Older] | None:
        """Return what was before the rows of the block that came after, whose SCNs are given; None where nobody needs
        it any more."""
        former = self.block()
        if former is None:
            return None
        history: dict[int, Older] = {}
        for slot, begin in enumerate(begins):
            entry = former.newest_with_older(slot)
            # The commit has written anew what it did not change, too.
            older = entry[2] if entry[0] == begin else entry if entry[0] else None
            if older is not None:
                history[slot] = older
        return history

    def let_go(self) -> None:
        """Nobody needs it any more."""
        self.source = self._older = None


class Superseded:
    """The blocks of one relation that large commits have replaced since the store was opened."""

    def __init__(self) -> None:
        self._of: dict[int, Before] = {}
        self._waiting: deque[tuple[int, list[Before]]] = deque()

    def before(self, number: int, begin: int) -> Before | None:
        """Return what a block was before the SCN from which it is as it stands, if anybody may need it."""
        found = self._of.get(number)
        return found if found is not None and found.end == begin and found.source is not None else None

    def add(self, end: int, replaced: dict[int, Before]) -> None:
        """Take note of the blocks that a commit replaces; readers are led to them from now on."""
        if replaced:
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
        if not waiting:
            self._of.clear()
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

    def leave(self, written: Mapping[int, Before]) -> None:
        """Do so, and keep their files no longer: who still reads one finds out that it is gone."""
        self.forget(written)
        gone = set(map(id, written.values()))
        self._waiting = deque([
            (end, [before for before in replaced if id(before) not in gone]) for end, replaced in self._waiting
        ])  # fmt: skip

    def sources(self) -> set[str]:
        """Return the names of the segments that are still read."""
        sources = [before.source for _, replaced in tuple(self._waiting) for before in replaced]
        return {source.name for source in sources if source is not None and not isinstance(source, Block)}
