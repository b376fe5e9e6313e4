"""A relation's blocks that stand in segments, and the cache of those that were read.

    relation.blocks   [block] [None] [None] [block] ...      what is in memory
    stored            {1: segment, 2: segment, ...}          where the others are; read when they are touched

A block that was read is like any other from then on. It may leave memory again as long as it is what its segment says:
nothing in its overlay, and nothing newer than the last checkpoint in its rows. Whoever changes a block holds the commit
lock, and so does who evicts one; readers go on with the object they have.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from heliosdb.store.block import Block
from heliosdb.store.versions import Older, Row, is_full

if TYPE_CHECKING:
    from heliosdb.store.relation import Relation
    from heliosdb.store.store import Store

__all__ = ["BlockCache", "BlockImage", "BlockSource", "StoredBlocks"]


class BlockImage(Protocol):
    """A block as a segment has it."""

    rows: list[Row | None]
    begin: int
    begins: array[int] | None
    history: dict[int, Older] | None


class BlockSource(Protocol):
    """A segment."""

    @property
    def numbers(self) -> Iterable[int]:
        """The blocks in it."""
        ...

    def read(self, number: int) -> BlockImage:
        """Return one of them."""
        ...


class BlockCache:
    """Which blocks were read from segments, oldest first, and how much memory they take, for a whole store."""

    def __init__(self, store: Store, capacity: int) -> None:
        self.capacity = capacity
        self._store = store
        self._entries: deque[tuple[Relation, int, Block, int]] = deque()
        self.size = 0
        """Bytes, estimated."""

    def entered(self, relation: Relation, number: int, block: Block) -> None:
        """Note a block that was read just now, and let go of others where the cache is over its capacity."""
        weight = weight_of(block)
        self._entries.append((relation, number, block, weight))
        self.size += weight
        if self.size > self.capacity:
            self.shrink()

    def shrink(self) -> None:
        """Evict the oldest blocks, unless somebody is committing: then the next one who reads does it."""
        store = self._store
        if not store.commit_lock.acquire(blocking=False):
            return
        try:
            # Blocks that cannot go are met once.
            for _ in range(len(self._entries)):
                if self.size <= self.capacity:
                    return
                relation, number, block, weight = entry = self._entries.popleft()
                present = relation.blocks[number]
                if present is block and (block.overlay or block.begin > store.checkpoint_scn):
                    self._entries.append(entry)
                    continue
                if present is block:
                    relation.blocks[number] = None
                self.size -= weight
        finally:
            store.commit_lock.release()


def weight_of(block: Block) -> int:
    """Return about how many bytes a block takes, by a sample of its rows."""
    rows = [row for row in block.rows[:: max(1, len(block.rows) // 16)] if row is not None]
    if not rows:
        return 1000 + 8 * len(block.rows)
    sample: int = sum(row.__sizeof__() + 16 + sum(value.__sizeof__() for value in row) for row in rows) // len(rows)
    return 1000 + (8 + sample) * len(block.rows)


class StoredBlocks:
    """The blocks of one relation in one timeline that stand in segments."""

    def __init__(self, cache: BlockCache, segments: list[BlockSource]) -> None:
        self.cache = cache
        self._segments = segments
        """Oldest first."""
        self._where: dict[int, BlockSource] | None = None
        self._lock = Lock()

    def where(self) -> dict[int, BlockSource]:
        """Return the segment that holds each block; reads the segments' footers at first."""
        found = self._where
        if found is None:
            with self._lock:
                found = {}
                for segment in self._segments:
                    for number in segment.numbers:
                        found[number] = segment
                self._where = found
        return found

    def load(self, number: int) -> Block | None:
        """Return a block as its segment has it, None where there is none."""
        while True:
            segment = self.where().get(number)
            if segment is None:
                return None
            try:
                image = segment.read(number)
            except Exception:
                if self.where().get(number) is segment:
                    raise
                continue  # a checkpoint has moved it meanwhile
            rows = image.rows
            return Block(
                rows,
                image.begin,
                dense=is_full(rows),
                exact=image.begins is not None,
                begins=image.begins,
                history=image.history,
            )
