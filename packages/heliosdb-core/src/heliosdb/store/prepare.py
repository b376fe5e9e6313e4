"""What a commit's changes mean row by row and to each index, worked out before anything is entered.

    single rows     the rows before them are looked up, and each index gets all of the changes together
    new blocks      each index gets them as they are
    whole blocks    what a large commit does to blocks that were there, block after block: the rows before are not kept
                    in memory, and not read at all for rows that are deleted where no index has to know their keys

Everything that may raise (key functions, predicates, files that cannot be read) is called here; entering what was
prepared does not fail half way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from heliosdb.store.block import BLOCK_BITS
from heliosdb.store.timeline_index import IndexEntries, RowChange

if TYPE_CHECKING:
    from heliosdb.store.relation import Relation
    from heliosdb.store.timeline_index import TimelineIndex
    from heliosdb.store.versions import Row

__all__ = ["PreparedChanges", "prepare_changes"]

Entries = list[tuple["TimelineIndex", IndexEntries]]


class PreparedChanges(NamedTuple):
    """What a commit is about to enter into one relation: rows, whole blocks, the changes row by row, index entries."""

    relation: Relation
    rows: Mapping[int, Mapping[int, Row | None]]
    bulk: Mapping[int, Sequence[Row | None]]
    changes: list[RowChange]
    entries: Entries


def prepare_changes(
    relation: Relation,
    rows: Mapping[int, Mapping[int, Row | None]],
    bulk: Mapping[int, Sequence[Row | None]],
    indexes: Sequence[TimelineIndex],
    *,
    wanted: bool,
) -> PreparedChanges:
    """Return what is to be entered; the commit lock is held. ``rows`` are by block and slot, those of whole blocks in
    another mapping than a dict; ``wanted``: somebody wants to know of every row."""
    changes: list[RowChange] = []
    entries: Entries = []
    whole: list[RowChange] = []
    for number, slots in rows.items():
        if isinstance(slots, dict):
            changes += _single(relation, number, slots, wanted=wanted or bool(indexes))
        elif indexes or wanted:
            found = _whole(relation, number, dict(slots.items()), indexes, entries, wanted=wanted)
            if wanted:
                whole += found
    for index in indexes:
        entry = index.prepare(changes)
        if entry is not None:
            entries.append((index, entry))
        for number, run in bulk.items():
            first = number << BLOCK_BITS
            entries.append((index, index.prepare_run(range(first, first + len(run)), run)))
    if wanted:
        changes += whole
        for number, run in bulk.items():
            first = number << BLOCK_BITS
            changes.extend((first + slot, None, row) for slot, row in enumerate(run) if row is not None)
    return PreparedChanges(relation, rows, bulk, changes, entries)


def _single(relation: Relation, number: int, slots: dict[int, Row | None], *, wanted: bool) -> list[RowChange]:
    block = relation.block(number)
    if block is not None:
        # What was before the rows is read now, where it has to be read: it may be damaged.
        block.load_versions()
    if not wanted:
        return []
    first = number << BLOCK_BITS
    if block is None:
        return [(first + slot, None, row) for slot, row in slots.items() if row is not None]
    return block.changes(first, slots)


def _whole(
    relation: Relation,
    number: int,
    slots: dict[int, Row | None],
    indexes: Sequence[TimelineIndex],
    entries: Entries,
    *,
    wanted: bool,
) -> list[RowChange]:
    """Have ``entries`` take what the changes of a block are to the indexes, and return them as far as they were needed
    for that or are wanted."""
    late = [index for index in indexes if index.forgets_late] if None in slots.values() else []
    if late:
        gone = bytearray(max(slots) + 1)
        for slot, row in slots.items():
            gone[slot] = row is None
        entries += [(index, IndexEntries([], gone=(number, bytes(gone)))) for index in late]
    if not wanted and len(late) == len(indexes):
        slots = {slot: row for slot, row in slots.items() if row is not None}
    block = relation.passing_block(number) if slots else None
    if block is None:
        return []
    changes = block.changes(number << BLOCK_BITS, slots)
    there = [change for change in changes if change[2] is not None] if late else changes
    for index in indexes:
        entry = index.prepare(there if index in late else changes)
        if entry is not None:
            entries.append((index, entry))
    return changes
