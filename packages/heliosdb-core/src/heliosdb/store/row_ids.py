"""Row ids: one counter per relation, shared by every timeline.

A row id is never given twice, not to two branches and not after a rollback, so a row can be named for ever and
merging two branches never meets one id for two rows. Long runs start at a block's first slot, which lets a bulk
insert become whole blocks.
"""

from __future__ import annotations

from threading import Lock

from heliosdb.store.block import BLOCK_SIZE, SLOT_MASK

__all__ = ["BULK_ROWS", "RowIds"]

BULK_ROWS = 512
"""Inserts of at least this many rows become blocks of their own."""


class RowIds:
    """The counter of one relation."""

    __slots__ = ("_lock", "_next")

    def __init__(self, first: int = 0) -> None:
        self._next = first
        self._lock = Lock()

    @property
    def next(self) -> int:
        """The row id that would be given next."""
        return self._next

    def advance(self, first: int) -> None:
        """Give no row id below ``first`` any more."""
        with self._lock:
            if first > self._next:
                self._next = first

    def take(self) -> int:
        """Return a new row id."""
        with self._lock:
            row_id = self._next
            self._next = row_id + 1
            return row_id

    def take_run(self, count: int) -> range:
        """Return ``count`` consecutive new row ids, aligned to a block if there are many."""
        with self._lock:
            first = self._next
            if count >= BULK_ROWS and first & SLOT_MASK:
                first += BLOCK_SIZE - (first & SLOT_MASK)
            self._next = first + count
            return range(first, first + count)
