"""Many rows at once.

Inserting: from 512 rows on the new rows get blocks of their own, which stay whole until they are committed.

Updating and deleting, where nothing is in the way.

What ``Transaction.update`` and ``delete`` do row by row is done here for a chunk by whole lists: nobody holds a lock
on any of the rows, each is still the version that the statement read, none has own versions, no unique key changes.
Where one of these does not hold, the chunk and all behind it are left to the caller, who goes row by row; locks that
were taken by then stay, as he wants them next.

What concerns 512 rows of a block or more becomes an own block (``own_blocks``) under a lock of the block: no entry, no
lock and no way back for each row.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import repeat
from operator import is_
from typing import TYPE_CHECKING, Any

from heliosdb.rows import collection_paused
from heliosdb.store.block import BLOCK_BITS, BLOCK_SIZE, SLOT_MASK
from heliosdb.store.relation import Relation
from heliosdb.store.row_ids import BULK_ROWS
from heliosdb.store.timeline_index import TimelineIndex
from heliosdb.store.versions import Row
from heliosdb.transaction import unique
from heliosdb.transaction.locks import RowLock
from heliosdb.transaction.own_blocks import OwnBlock
from heliosdb.transaction.writes import OwnEntry, RelationWrites

if TYPE_CHECKING:
    from heliosdb.transaction.transaction import Transaction

__all__ = ["change_rows", "insert_rows", "many"]

CHUNK = 4096
PAUSE_AT = 1000
"""Rows from which the garbage collector waits: what is allocated for them has no cycles, and a full collection visits
all rows of the database."""
ROWS_AT_ONCE = 1 << 15
"""Rows of a bulk insert whose keys are entered by one call, during which no other thread runs."""

NOTHING_SPECIAL = nullcontext()

Entering = list[tuple[TimelineIndex, list[tuple[int, Row]]]]
"""Indexes that are concerned, each with the row ids and new rows whose keys change."""


def many(count: int) -> AbstractContextManager[None]:
    """Return the context to handle so many rows in."""
    return collection_paused() if count >= PAUSE_AT else NOTHING_SPECIAL


def insert_rows(transaction: Transaction, writes: RelationWrites, rows: Sequence[Row]) -> range:
    """Insert rows and return their row ids, consecutive and in order."""
    count = len(rows)
    row_ids = writes.relation.row_ids.take_run(count)
    # Rows before keys: a key that comes twice is found on the own row that has it.
    if count >= BULK_ROWS:
        for offset in range(0, count, BLOCK_SIZE):
            number = (row_ids.start + offset) >> BLOCK_BITS
            own = list(rows[offset : offset + BLOCK_SIZE])
            _enter_block(transaction, writes, number, own, is_new=True)
    else:
        command = transaction.command
        for number, part in _by_block(row_ids):
            slots = [row_id & SLOT_MASK for row_id in row_ids[part]]
            _enter_slots(transaction, writes, number, {s: (command, row, None) for s, row in zip(slots, rows[part])})
    for index in writes.indexes:
        for start in range(0, count, ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            unique.enter_rows(transaction, writes, index, row_ids[part], rows[part])
    writes.keys_change = True
    writes.count += count
    return row_ids


def change_rows(
    transaction: Transaction,
    writes: RelationWrites,
    row_ids: Sequence[int],
    old_rows: Sequence[Row],
    new_rows: Sequence[Row] | None,
) -> int:
    """Change the first of these rows, as many as go without a second look, and return their number.

    ``new_rows`` None deletes.
    """
    done = 0
    for start in range(0, len(row_ids), CHUNK):
        part = slice(start, start + CHUNK)
        chunk = row_ids[part]
        if not _change(transaction, writes, chunk, old_rows[part], None if new_rows is None else new_rows[part]):
            break
        done += len(chunk)
    return done


def _change(
    transaction: Transaction,
    writes: RelationWrites,
    row_ids: Sequence[int],
    old_rows: Sequence[Row],
    new_rows: Sequence[Row] | None,
) -> bool:
    entering: Entering | None = []
    if new_rows is not None:
        entering = _entering(writes, row_ids, old_rows, new_rows)
    if entering is None or len(set(row_ids)) != len(row_ids):
        return False
    order = sorted(range(len(row_ids)), key=row_ids.__getitem__)
    row_ids = [row_ids[place] for place in order]
    old_rows = [old_rows[place] for place in order]
    if new_rows is not None:
        new_rows = [new_rows[place] for place in order]
    slots = [row_id & SLOT_MASK for row_id in row_ids]
    groups = list(_by_block(row_ids))
    mode = RowLock.UPDATE if new_rows is None else RowLock.NO_KEY_UPDATE
    for number, part in groups:
        if not _take(transaction, writes, number, slots[part], row_ids[part], old_rows[part], mode):
            return False
    for index, changed in entering:
        for row_id, row in changed:
            unique.enter_row(transaction, writes, index, row_id, row)
    for number, part in groups:
        _enter(transaction, writes, number, slots[part], None if new_rows is None else new_rows[part])
    if new_rows is None:
        writes.count -= len(row_ids)
        writes.keys_change = True
    elif entering:
        writes.keys_change = True
    return True


def _entering(
    writes: RelationWrites, row_ids: Sequence[int], old_rows: Sequence[Row], new_rows: Sequence[Row]
) -> Entering | None:
    """Return the indexes whose keys change, with the rows concerned; None where one of them is unique."""
    entering = []
    for index in writes.indexes:
        key = index.simple_key or index.elements
        old_keys, new_keys = list(map(key, old_rows)), list(map(key, new_rows))
        if old_keys != new_keys:
            if index.spec.unique:
                return None
            changed = [
                (row_id, row)
                for row_id, row, old_key, new_key in zip(row_ids, new_rows, old_keys, new_keys)
                if old_key != new_key
            ]
            entering.append((index, changed))
    return entering


def _by_block(row_ids: Sequence[int]) -> Iterator[tuple[int, slice]]:
    """Yield (block number, slice) of ascending row ids."""
    start = 0
    while start < len(row_ids):
        number = row_ids[start] >> BLOCK_BITS
        end = bisect_left(row_ids, (number + 1) << BLOCK_BITS, start)
        yield number, slice(start, end)
        start = end


def _take(
    transaction: Transaction,
    writes: RelationWrites,
    number: int,
    slots: Sequence[int],
    row_ids: Sequence[int],
    rows: Sequence[Row],
    mode: RowLock,
) -> bool:
    """Lock rows of a block, and say whether they may be changed: no row is another than the statement has read."""
    own, block = writes.blocks.get(number), writes.bulk.get(number)
    if own and not own.keys().isdisjoint(slots):
        return False
    is_own = False
    if block is not None:
        covered = block.covers(slots)
        if covered is None or (block.is_new and not covered):
            return False
        is_own = covered
        if is_own and max(map(block.newest_command, slots)) >= transaction.command:
            return False
    if len(slots) < BULK_ROWS:
        locked = not is_own and _lock(transaction, writes.relation, row_ids, mode)
    else:
        modes = _bytes_of(slots, 1 << mode)
        locked = transaction.store.locks.acquire_block(writes.relation.locks, number, modes, transaction)
    return locked and (is_own or _is_newest(transaction, writes.relation, number, slots, rows))


def _enter(
    transaction: Transaction, writes: RelationWrites, number: int, slots: Sequence[int], rows: Sequence[Row] | None
) -> None:
    """Enter own versions of rows of a block; ``rows`` None deletes."""
    count = len(slots)
    if count < BULK_ROWS:
        command = transaction.command
        entries: dict[int, OwnEntry]
        if rows is None:
            entries = dict.fromkeys(slots, (command, None, None))
        else:
            entries = dict(zip(slots, zip(repeat(command), rows, repeat(None))))
        _enter_slots(transaction, writes, number, entries)
        return
    size = slots[-1] + 1
    if rows is None or size > count:
        new: list[Row | None] = [None] * size
        for slot, row in zip(slots, rows or ()):
            new[slot] = row
    else:
        new = list(rows)
    _enter_block(transaction, writes, number, new, None if size == count else _bytes_of(slots, 1))


def _enter_slots(transaction: Transaction, writes: RelationWrites, number: int, entries: dict[int, OwnEntry]) -> None:
    """Enter own versions of rows of one block that have none yet."""
    slots = writes.blocks.setdefault(number, {})
    slots.update(entries)
    transaction.note_new(slots, entries)


def _enter_block(
    transaction: Transaction,
    writes: RelationWrites,
    number: int,
    rows: list[Any],
    written: bytes | None = None,
    *,
    is_new: bool = False,
) -> None:
    before = writes.bulk.get(number)
    is_new = is_new or (before is not None and before.is_new)
    block = writes.bulk[number] = OwnBlock(transaction.command, rows, written, before, is_new=is_new)
    transaction.note_change(writes.bulk, number, before)
    if transaction.aside is not None and writes.relation.is_logged:
        transaction.aside.note(block, number, writes.relation, transaction.timeline)


def _bytes_of(slots: Sequence[int], value: int) -> bytes:
    """Return a byte for each slot up to the last: the value, or 0 where it is none of these."""
    size = slots[-1] + 1
    if size == len(slots):
        return bytes((value,)) * size
    found = bytearray(size)
    for slot in slots:
        found[slot] = value
    return bytes(found)


def _lock(transaction: Transaction, relation: Relation, row_ids: Sequence[int], mode: RowLock) -> bool:
    """Lock the rows one by one; False where one is not free (the others may be locked then)."""
    locks, grant = relation.locks, transaction.grant(mode)
    # Only this thread enters this grant: where there was nothing and it is there now, it was entered just now.
    if not locks.keys().isdisjoint(row_ids) or (locks.blocks and any(map(locks.block_of, row_ids))):
        return False
    present = list(map(locks.setdefault, row_ids, repeat(grant)))
    taken = row_ids
    if present.count(grant) != len(present):
        taken = [row_id for row_id, there in zip(row_ids, present) if there is grant]
    before = len(transaction.held)
    held: list[Any] = [locks, None, 0] * len(taken)
    held[1::3] = taken
    transaction.held += held
    if locks.blocks and any(map(locks.block_of, taken)):
        transaction.store.locks.release(transaction, before)  # somebody has locked the block meanwhile
        return False
    return taken is row_ids


def _is_newest(
    transaction: Transaction, relation: Relation, number: int, slots: Sequence[int], rows: Sequence[Row]
) -> bool:
    """Whether these, which the statement has read, are the newest versions of the rows in these slots of a block."""
    block = relation.block(number)
    if block is None:
        return False
    overlay, base = block.overlay, block.rows
    if overlay and not overlay.keys().isdisjoint(slots):
        newest = block.newest
        return all(newest(slot)[1] is row for slot, row in zip(slots, rows))
    if slots[-1] >= len(base):
        return False
    # Where nothing has come since the snapshot there is nothing newer, though the block was read from a file again.
    return block.begin <= transaction.scn or all(map(is_, map(base.__getitem__, slots), rows))
