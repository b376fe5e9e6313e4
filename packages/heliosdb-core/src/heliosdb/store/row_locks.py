"""Where locks on a relation's rows stand: one by one, or for many rows of a block at once.

    RowLocks    {row id: grant}           what whoever wants a single row looks at
      .blocks   {block: BlockLock}        who changes many rows of a block locks them here: modes by slot

A block's lock is a short form of its rows' locks. Whoever meets one *spreads* it, so that everything there is to say
about waiting is said of single rows: the locks are entered row by row, and the block's lock stays as the note of which
ones are to be given back together. Both publish first and look second, he who enters a row's lock without a mutex and
he who enters a block's, so at least one of two sees the other. Granting and waiting are heliosdb.transaction's.
"""

from __future__ import annotations

from typing import Any

from heliosdb.store.block import BLOCK_BITS, SLOT_MASK

__all__ = ["BlockLock", "RowLocks"]


class BlockLock:
    """One owner's lock on rows of a block: ``slots`` has a byte for each, with a bit for each mode."""

    __slots__ = ("owner", "slots", "space", "spread")

    def __init__(self, space: RowLocks, owner: Any, slots: bytes) -> None:
        self.space = space
        self.owner = owner
        self.slots = slots
        self.spread = False
        """Whether the rows' own locks say it, too."""


class RowLocks(dict[int, Any]):
    """The locks on the rows of one relation in one timeline."""

    __slots__ = ("blocks",)

    def __init__(self) -> None:
        self.blocks: dict[int, BlockLock] = {}

    def block_of(self, row_id: int) -> BlockLock | None:
        """Return the block's lock that holds a row."""
        lock = self.blocks.get(row_id >> BLOCK_BITS)
        if lock is None:
            return None
        slot = row_id & SLOT_MASK
        return lock if slot < len(lock.slots) and lock.slots[slot] else None
