"""Filling a new index over rows that are there, while commits go on.

    1  with the commit lock:      the index joins the relation's; commits put what they enter into its backlog
    2  without it:                the newest row of every slot is read block by block and given to the access method
    3  with it:                   keys of superseded versions, then the backlog; unique keys are checked

A row that changes between 1 and 3 is met twice, or met only new with its old key removed in the backlog. Entering a
key twice does nothing, and an entry too many is dropped by the reader's recheck, so nothing has to be matched up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from threading import RLock
from typing import Any

from heliosdb.encoding.keys import has_null
from heliosdb.errors import UniqueViolation
from heliosdb.interrupts import poll
from heliosdb.store.access_method import Index, Progress
from heliosdb.store.block import BLOCK_BITS, Block
from heliosdb.store.btree import BTree
from heliosdb.store.relation import Relation
from heliosdb.store.timeline_index import MAX_SCN, TimelineIndex
from heliosdb.store.versions import Row

__all__ = ["build_index", "refuse_duplicates", "rows_by_block"]

ROWS_A_POLL = 64


def build_index(
    relation: Relation,
    index: TimelineIndex,
    lock: RLock,
    last_scn: Any,
    progress: Progress | None,
    own: Callable[[int, Row | None], Row | None] | None = None,
) -> None:
    """Fill an index and make it one of the relation's. Raises UniqueViolation for duplicates of a unique key.

    One that its parent timeline has, too, gets what has changed since the fork. ``last_scn()`` gives the last SCN
    entered. ``own(row_id, newest)`` gives what a transaction that has changed rows and not yet committed them has in
    place of the newest committed row: duplicates that it has ended are none.
    """
    oid = index.spec.oid
    with lock:
        index.backlog = []
        relation.indexes[oid] = index
    try:
        past: list[tuple[int, Any, int]] = []
        numbers = None if index.parent is None else changed_blocks(relation, relation.fork)
        index.method.build(rows_by_block(relation, index, past, numbers), progress)
        with lock:
            enter_past(index, index.method, past)
            index.catch_up()
            index.superseded = deque(sorted(index.superseded, key=_end_of))
            if index.tree is not None:
                # Readers of older snapshots must recheck what they find.
                index.tree.last_changed = last_scn()
            if index.spec.unique:
                _check_unique(relation, index, own)
    except BaseException:
        with lock:
            relation.indexes.pop(oid, None)
        raise


def rows_by_block(
    relation: Relation, index: TimelineIndex, past: list[tuple[int, Any, int]], numbers: Iterable[int] | None = None
) -> Iterator[Sequence[tuple[int, Sequence[Any]]]]:
    """Yield (row id, keys) of newest rows by block, and collect (end SCN, key, row id) of superseded versions.

    ``numbers`` are the blocks that count; None: all.
    """
    elements = index.elements
    for number in range(relation.block_count()) if numbers is None else numbers:
        block = relation.block(number)
        if block is None:
            continue
        first = number << BLOCK_BITS
        batch = []
        for slot, row in enumerate(block.positional(MAX_SCN)):
            if slot % ROWS_A_POLL == 0:
                # Keys may be costly expressions.
                poll()
            if row is not None:
                keys = elements(row)
                if keys:
                    batch.append((first + slot, keys))
        for slot in _changed_slots(block):
            past.extend(_superseded(relation, index, first + slot))
        if batch:
            yield batch


def _changed_slots(block: Block) -> list[int]:
    block.load_versions()
    return [*block.overlay.copy(), *(block.history or ())]


def _superseded(relation: Relation, index: TimelineIndex, row_id: int) -> Iterator[tuple[int, Any, int]]:
    end = 0
    newest: Sequence[Any] | None = None
    for scn, row in relation.versions(row_id):
        keys = () if row is None else index.elements(row)
        if newest is None:
            newest = keys
        else:
            for key in keys:
                if key not in newest:
                    yield end, key, row_id
        end = scn


def no_longer_held(
    relation: Relation, index: TimelineIndex, ended: Iterable[tuple[Any, int]], horizon: int
) -> list[tuple[Any, int]]:
    """Return those of (key, row id) that ended by a horizon which no version of the row has that was there after it: a
    key may have come back, and have ended again.
    """
    held: dict[int, list[Any]] = {}
    gone = []
    for key, row_id in ended:
        keys = held.get(row_id)
        if keys is None:
            keys = held[row_id] = []
            end = MAX_SCN
            for begin, row in relation.versions(row_id):
                if end <= horizon:
                    break
                if row is not None:
                    keys += [key for key in index.elements(row) if key not in keys]
                end = begin
        if key not in keys:
            gone.append((key, row_id))
    return gone


def superseded_entries(
    relation: Relation, index: TimelineIndex, numbers: Iterable[int]
) -> Iterator[tuple[int, Any, int]]:
    """Yield (end SCN, key, row id) of keys that rows of some blocks had in older versions and do not have now."""
    for number in numbers:
        block = relation.block(number)
        if block is not None:
            for slot in _changed_slots(block):
                yield from _superseded(relation, index, number << BLOCK_BITS | slot)


def changed_blocks(relation: Relation, scn: int) -> list[int]:
    """Return the numbers of the blocks that have rows newer than an SCN."""
    changed = []
    where = {} if relation.stored is None else relation.stored.where()
    for number, block in enumerate(relation.blocks):
        if block is not None:
            if block.overlay or block.begin > scn:
                changed.append(number)
        else:
            segment = where.get(number)
            if segment is not None and segment.begin(number) > scn:
                changed.append(number)
    return changed


def enter_past(index: TimelineIndex, method: Index, past: list[tuple[int, Any, int]]) -> None:
    """Enter (end SCN, element, row id) of keys that rows had into a new method, to be forgotten in that order."""
    past.sort(key=_end_of)
    if isinstance(method, BTree):
        method.build_past(past)
    else:
        enter_ended(method, past)
    index.superseded = deque(past)


def enter_ended(method: Index, past: Iterable[tuple[int, Any, int]]) -> None:
    """Enter (end SCN, element, row id) of keys that rows had: the method may say that they are no more."""
    for end, element, row_id in past:
        method.apply([(row_id, (), (element,))], 0)
        method.apply([(row_id, (element,), ())], end)


def _end_of(entry: tuple[int, Any, int]) -> int:
    return entry[0]


def _check_unique(
    relation: Relation, index: TimelineIndex, own: Callable[[int, Row | None], Row | None] | None
) -> None:
    tree, spec = index.tree, index.spec
    assert tree is not None
    for key, present in tree.current.items():
        if type(present) is dict and (spec.nulls_not_distinct or not has_null(key, spec.width)):
            refuse_duplicates(relation, index, key, present, own)


def refuse_duplicates(
    relation: Relation,
    index: TimelineIndex,
    key: Any,
    row_ids: Collection[int],
    own: Callable[[int, Row | None], Row | None] | None,
) -> None:
    """Raise UniqueViolation where several of these rows have a key."""
    spec = index.spec
    rows = [relation.newest(row_id)[1] for row_id in row_ids]
    if own is not None:
        rows = [own(row_id, row) for row_id, row in zip(row_ids, rows, strict=True)]
    twice = [
        row
        for row in rows
        if row is not None and spec.key(row) == key and (spec.predicate is None or spec.predicate(row))
    ]
    if len(twice) > 1:
        shown = "" if spec.describe_key is None else spec.describe_key(twice[0])
        raise UniqueViolation(
            f'could not create unique index "{spec.constraint}"',
            detail=f"Key {shown} is duplicated.",
            schema=spec.schema,
            table=spec.table,
            constraint=spec.constraint,
        )
