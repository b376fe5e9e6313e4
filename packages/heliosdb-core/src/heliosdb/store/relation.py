"""A relation's rows in one timeline: a list of blocks.

Appending to the list and assigning one of its items are the only ways it changes, so readers take it as it is. A
branch's relation starts with no block of its own; block n is made when it is first touched, from what the parent shows
at the fork SCN:

    main      [b0] [b1] [b2]              fork at SCN 40
    branch     .    [b1'] .               b1'.rows = main's b1 as of 40 (the same list where nothing differs), then
    own overlay

From then on a branch reads as fast as main. Nothing here compares SCNs of two timelines but that one look at the fork.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import repeat
from threading import Lock
from typing import TYPE_CHECKING, Any

from heliosdb.store.block import BLOCK_BITS, SLOT_MASK, Block
from heliosdb.store.feed import Feed
from heliosdb.store.row_ids import RowIds
from heliosdb.store.row_locks import RowLocks
from heliosdb.store.versions import PRUNED, Row, history, is_full, lookup, push

if TYPE_CHECKING:
    from heliosdb.store.column_values import FormsRoom
    from heliosdb.store.stored_blocks import StoredBlocks

__all__ = ["Relation", "lock_key"]

FOLD_AT = 1024
"""Overlay entries after which the committer folds a block."""
QUIET_FOLD_AT = 32
"""Overlay entries after which a scan folds a block that nobody needs an older state of, if there were as many when a
scan was here before."""
BUSY_FOLD_AT = 256
"""The same for blocks that change all the time."""

MANY = 16
"""Changes of a block that are worth being entered together."""


def lock_key(timeline: int, oid: int) -> Any:
    """Return what a timeline's relation is called in the lock table."""
    return (timeline, oid) if timeline else oid


ASKED = 4
"""Times that an SCN of the past is asked for before its rows are kept together."""


class _Then:
    """Rows at one SCN of the past, by block."""

    __slots__ = ("asked", "blocks", "scn")

    def __init__(self, scn: int) -> None:
        self.scn = scn
        self.asked = 1
        self.blocks: list[list[Row | None] | None] | None = None


class Relation:
    """One relation in one timeline. Only the holder of the store's commit lock calls ``apply_*`` and ``fold``."""

    __slots__ = (
        "_settled",
        "_then",
        "_touch",
        "blocks",
        "changed",
        "count",
        "feed",
        "fork",
        "forms",
        "indexes",
        "is_logged",
        "lock_key",
        "locks",
        "oid",
        "parent",
        "pruned_to",
        "row_ids",
        "stored",
        "tidy",
        "timeline",
    )

    def __init__(
        self, oid: int, row_ids: RowIds, parent: Relation | None = None, fork: int = 0, timeline: int = 0
    ) -> None:
        self.oid = oid
        self.timeline = timeline
        """The number of the timeline."""
        self.lock_key = lock_key(timeline, oid)
        self.row_ids = row_ids
        self.parent = parent
        self.fork = fork
        self.blocks: list[Block | None] = []
        self.indexes: dict[int, Any] = {}
        """Index OID -> its ``TimelineIndex`` in this timeline."""
        self.locks = RowLocks()
        self.feed = Feed()
        self.count: int = 0 if parent is None else parent.count
        self.stored: StoredBlocks | None = None
        """The blocks that stand in segments; those that are not in ``blocks`` are read when they are touched."""
        self.is_logged = True
        """Whether its changes are to outlive the process; those of temporary tables are not."""
        self.changed = fork
        """The SCN of the last commit that changed anything, set before it does."""
        self._settled: tuple[int, list[Sequence[Any]] | None] = (-1, None)
        self._then: _Then | None = None
        self.pruned_to = fork
        """Versions that ended at or before this SCN may be gone."""
        self.tidy: Callable[[Relation, int], Block | None] | None = None
        """Folds a block if the commit lock is free and no reader needs its older versions."""
        self.forms: FormsRoom | None = None
        """Where there is room for what functions make of blocks' columns."""
        self._touch = Lock()
        if parent is not None:
            self.blocks.extend([None] * parent.block_count())

    def block_count(self) -> int:
        """Return the number of blocks, absent ones included."""
        return len(self.blocks)

    def block(self, number: int) -> Block | None:
        """Return a block, made from the parent timeline's when it is touched for the first time."""
        blocks = self.blocks
        if number >= len(blocks):
            return None
        block = blocks[number]
        if block is None:
            if self.stored is not None:
                block = self._from_stored(number)
            if block is None and self.parent is not None:
                return self._from_parent(number)
        return block

    def passing_block(self, number: int) -> Block | None:
        """Return a block that is not to stay in memory if it is not there; the commit lock is held."""
        block = self.blocks[number]
        if block is None and self.stored is not None:
            block, _ = self.stored.load(self, number)
        return self.block(number) if block is None else block

    def _from_stored(self, number: int) -> Block | None:
        stored = self.stored
        assert stored is not None
        while True:
            made, segment = stored.load(self, number)
            if made is None:
                return None
            with self._touch:
                present = self.blocks[number]
                # While it was read it may have been changed, have gone to another segment, and have left memory again.
                if present is None and stored.where().get(number) is segment:
                    self.blocks[number] = present = made
            if present is made:
                stored.cache.entered(self, number, made)
            if present is not None:
                return present

    def _from_parent(self, number: int) -> Block:
        parent = self.parent
        assert parent is not None
        source = parent.block(number)
        rows = [] if source is None else source.positional(self.fork)
        made = Block(rows, self.fork, dense=is_full(rows))
        with self._touch:
            # Another reader, or the committer, may have been first, and may have changed its block since.
            present = self.blocks[number]
            if present is None:
                self.blocks[number] = present = made
        return present

    def row(self, row_id: int, scn: int) -> Any:
        """Return a row at an SCN, None, or PRUNED (only to readers without a registered snapshot)."""
        number = row_id >> BLOCK_BITS
        blocks = self.blocks
        block = blocks[number] if number < len(blocks) else None
        if block is None:
            block = self.block(number)
            if block is None:
                return None
        slot = row_id & SLOT_MASK
        entry = block.overlay.get(slot)
        if entry is not None:
            return entry[1] if entry[0] <= scn else lookup(entry[2], scn)
        rows = block.rows
        return rows[slot] if slot < len(rows) and scn >= block.begin else block.row(slot, scn)

    def settled(self, scn: int) -> list[Sequence[Any]] | None:
        """Return every block's rows as a reader at an SCN sees them, None while they are not as they stand.

        It is worked out when it is asked for twice without a change in between. (Blocks that are read from segments
        come and go with the cache, which this would keep.)
        """
        changed, lists = self._settled
        if changed != self.changed or changed > scn:
            if self.parent is None and self.stored is None:
                self._settled = (self.changed, None)
            return None
        if lists is None:
            blocks = self.blocks[:]
            # The last blocks are changed most often.
            if any(block is not None and (block.overlay or block.begin > scn) for block in reversed(blocks)):
                self._settled = (-1, None)
                return None
            lists = [() if block is None else block.rows for block in blocks]
            if changed != self.changed:
                return None
            self._settled = (changed, lists)
        return lists

    def forget_settled(self) -> None:
        """Keep no rows for ``settled`` and ``then``: others have taken their places, or they are gone for good."""
        self._settled = (-1, None)
        self._then = None

    def then(self, scn: int) -> list[list[Row | None] | None] | None:
        """Return what each block had at an SCN from before the last change, one item a slot, None where it is not known
        yet; whoever finds it enters it. It is there for an SCN that is asked for again and again, and else None.
        """
        if self.changed <= scn or self.stored is not None:  # what is read from segments goes with the cache
            return None
        then = self._then
        if then is None or then.scn != scn:
            self._then = _Then(scn)
            return None
        then.asked += 1
        if then.asked < ASKED:
            return None
        if then.blocks is None:
            then.blocks = [None] * len(self.blocks)
        return then.blocks

    def newest(self, row_id: int) -> tuple[int, Row | None]:
        """Return (SCN, row) of the newest version, published or pending."""
        block = self.block(row_id >> BLOCK_BITS)
        return (0, None) if block is None else block.newest(row_id & SLOT_MASK)

    def versions(self, row_id: int) -> Iterator[tuple[int, Row | None]]:
        """Yield every kept version of a row in this timeline as (SCN, row or None), newest first."""
        block = self.block(row_id >> BLOCK_BITS)
        if block is not None:
            scn, row, older = block.newest_with_older(row_id & SLOT_MASK)
            yield scn, row
            yield from history(older)

    def apply_rows(
        self, number: int, changes: Mapping[int, Row | None], scn: int, readers: Sequence[int] | None
    ) -> bool:
        """Give slots of a block new newest versions, and return whether the block is due for folding.

        ``readers`` are the SCNs that still need older versions (None: all). Folding must wait until the commit is
        published: who registers until then reads what was before it.
        """
        self.changed = scn
        block = self.block(number)
        if block is None:
            block = self.new_block(number)
        overlay = block.overlay
        if len(changes) >= MANY and self._apply_many(block, changes, scn, readers):
            return len(overlay) >= FOLD_AT
        count = 0
        for slot, row in changes.items():
            before, old_row, older = block.newest_with_older(slot)
            if before:
                kept = push(older, before, old_row, readers)
                if older is not None and readers is not None:
                    self.pruned_to = max(self.pruned_to, before)
                overlay[slot] = (scn, row, kept)
            elif row is not None:
                overlay[slot] = (scn, row, None)
            count += (row is not None) - (old_row is not None)
        self.count += count
        return len(overlay) >= FOLD_AT

    def _apply_many(
        self, block: Block, changes: Mapping[int, Row | None], scn: int, readers: Sequence[int] | None
    ) -> bool:
        """Do the same for many slots at once where their versions stand in the block's rows; False where not."""
        rows, begin = block.rows, block.begin
        if block.has_versions or max(changes) >= len(rows) or not block.overlay.keys().isdisjoint(changes):
            return False
        olds = [rows[slot] for slot in changes]
        missing = olds.count(None)
        if block.exact:
            if missing:
                return False
            before = zip(repeat(begin), olds, repeat(None))
            block.overlay.update(zip(changes, zip(repeat(scn), changes.values(), before)))
        elif readers is not None and (not readers or readers[0] >= begin):
            before = zip(repeat(begin), olds, repeat(PRUNED))
            block.overlay.update(zip(changes, zip(repeat(scn), changes.values(), before)))
            self.pruned_to = max(self.pruned_to, begin)
        else:
            return False
        self.count += missing - list(changes.values()).count(None)
        return True

    def apply_block(self, number: int, rows: list[Row | None], scn: int, readers: Sequence[int] | None) -> None:
        """Put a bulk insert's rows into a block of its own (slots from 0); rows of others behind them stay."""
        self.changed = scn
        present = self.block(number)
        if present is None or (not present.rows and present.begin == 0):
            dense = is_full(rows)
            self._append(number, Block(rows, scn, dense=dense, overlay=None if present is None else present.overlay))
            self.count += len(rows) if dense else sum(row is not None for row in rows)
        else:
            changes: dict[int, Row | None] = {slot: row for slot, row in enumerate(rows) if row is not None}
            self.apply_rows(number, changes, scn, readers)

    def extend_to(self, count: int) -> None:
        """Have at least so many blocks; those that are not there yet stand in segments, or are empty."""
        self.blocks.extend([None] * (count - len(self.blocks)))

    def is_new_block(self, number: int) -> bool:
        """Whether nothing was ever in a block."""
        block = self.block(number)
        return block is None or not (block.rows or block.begin or block.overlay)

    def new_block(self, number: int) -> Block:
        """Return a new empty block, now in its place."""
        return self._append(number, Block([], 0))

    def _append(self, number: int, block: Block) -> Block:
        with self._touch:
            blocks = self.blocks
            missing = number + 1 - len(blocks)
            if missing > 0:
                blocks.extend([None] * (missing - 1))
                blocks.append(block)
            else:
                blocks[number] = block
        return block

    def fold(self, number: int, readers: Sequence[int] | None, horizon: int | None = None) -> Block | None:
        """Move a block's overlay into its rows and drop what nobody needs: neither ``readers``, nor a retention that
        keeps what ended after ``horizon``."""
        block = self.blocks[number]
        if block is None:
            return None
        folded, lost = block.fold(readers, horizon)
        self.pruned_to = max(self.pruned_to, lost)
        if folded.is_empty and self.parent is None and self.stored is None:
            # Nothing is left, and nobody may ask what was. A branch keeps the block, else it would ask its parent;
            # so does a relation with segments, until a checkpoint has taken it out of them.
            self.blocks[number] = None
            return None
        self.blocks[number] = folded
        return folded

    def visible(self, number: int, scn: int) -> list[Row]:
        """Return a block's rows visible at an SCN, and fold the block on the way if that costs nobody anything."""
        block = self.tidy_block(number)
        return [] if block is None else block.visible(scn)

    def tidy_block(self, number: int) -> Block | None:
        """Return a block for a scan, folded if that costs nobody anything."""
        block = self.block(number)
        if block is None:
            return None
        entries = len(block.overlay)
        if entries >= QUIET_FOLD_AT and self.tidy is not None:
            # While the block changes from scan to scan, correcting a copy of it is cheaper than folding it each time.
            if entries == block.met or entries >= BUSY_FOLD_AT:
                return self.tidy(self, number) or block
            block.met = entries
        return block

    def items(self, scn: int) -> Iterator[tuple[int, Row]]:
        """Yield (row id, row) of every row visible at an SCN."""
        for number in range(self.block_count()):
            block = self.block(number)
            if block is not None:
                first = number << BLOCK_BITS
                for slot, row in enumerate(block.positional(scn)):
                    if row is not None:
                        yield first + slot, row
