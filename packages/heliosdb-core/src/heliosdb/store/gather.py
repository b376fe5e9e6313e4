"""Rows that came one by one lie where there was room, and a scan waits for memory at each: they are put together again.

Copies that were made block by block would get the gaps that the copies before have left. So all rows of a relation are
copied before the first old one goes: for that while they take their memory twice. Numbers are copied with them where
they are scattered, too, and not shared by several rows; other values stay where they are.

On a branch only rows of its own are copied: the others are the parent's, and stay where it has them.

Relations in segments do not need it: a checkpoint lets their blocks leave memory, and they are read together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, compress, repeat
from operator import add, is_, is_not, mul
from typing import TYPE_CHECKING, Any

from heliosdb.interrupts import poll
from heliosdb.rows import collection_paused

if TYPE_CHECKING:
    from threading import RLock

    from heliosdb.store.relation import Relation
    from heliosdb.store.versions import Row

__all__ = ["gather", "is_scattered"]

FEWEST = 1 << 14
"""Rows of fewer lie near each other anyway, as far as a processor's cache goes."""
SAMPLE = 64
"""Values of a column that are looked at."""
NEAR = 1 << 12
"""Bytes between two that follow one another and are not scattered."""

_NO_ROW = object()

_COPIES: dict[type, Callable[[Sequence[Any]], list[Any]]] = {
    int: lambda values: list(map(add, values, repeat(0))),
    float: lambda values: list(map(mul, values, repeat(1.0))),
}


def is_scattered(relation: Relation) -> bool:
    """Whether half of a relation's rows, or more, have come one by one since all were made together; on a branch in
    memory, where fewer are to be copied, a sixteenth."""
    scattered = sum(block.scattered for block in relation.blocks if block is not None)
    part = 2 if relation.parent is None or relation.stored is not None else 16
    return scattered >= FEWEST and part * scattered >= relation.count


def gather(relation: Relation, lock: RLock) -> None:
    """Put copies in the place of a relation's rows; blocks that change meanwhile stay as they are. ``lock`` is the
    commit lock, which is held only when all copies are there."""
    with collection_paused():
        blocks = [(number, block) for number, block in enumerate(relation.blocks) if block is not None]
        copies = []
        for number, block in blocks:
            poll()
            copies.append(_copied(block.rows) if relation.parent is None else _own_copied(relation, number, block.rows))
        with lock:
            for (number, block), rows in zip(blocks, copies, strict=True):
                if relation.blocks[number] is block and not block.overlay:
                    relation.blocks[number] = block.together(rows)
            relation.forget_settled()


def _own_copied(relation: Relation, number: int, slots: list[Row | None]) -> list[Row | None]:
    """Return the rows of a branch's block, copies of those that are not its parent's."""
    assert relation.parent is not None
    above = relation.parent.block(number)
    inherited = [] if above is None else above.positional(relation.fork)
    shared = list(map(is_, slots, chain(inherited, repeat(_NO_ROW))))
    copied = _copied([None if same else row for row, same in zip(slots, shared)])
    return [row if same else copy for row, same, copy in zip(slots, shared, copied)]


def _copied(slots: list[Row | None]) -> list[Row | None]:
    rows: list[Row] = [row for row in slots if row is not None]
    if len(set(map(len, rows))) == 1 and rows[0]:
        columns: list[Sequence[Any]] = list(zip(*rows))
        for place, values in enumerate(columns):
            copy = _COPIES.get(type(values[0]))
            if copy is not None and _is_scattered(values) and len(set(map(type, values))) == 1:
                columns[place] = copy(values)
        rows = list(zip(*columns))
    else:
        rows = list(map(tuple, map(list, rows)))
    if len(rows) == len(slots):
        return list(rows)
    copied: list[Row | None] = [None] * len(slots)
    for slot, row in zip(compress(range(len(slots)), map(is_not, slots, repeat(None))), rows):
        copied[slot] = row
    return copied


def _is_scattered(values: Sequence[Any]) -> bool:
    """Whether most values lie far from those before them, and are no other rows' as well."""
    places = range(1, len(values), max(1, len(values) // SAMPLE))
    far = sum(abs(id(values[place]) - id(values[place - 1])) > NEAR for place in places)
    return 2 * far > len(places) and len({id(values[place]) for place in places}) > 0.9 * len(places)
