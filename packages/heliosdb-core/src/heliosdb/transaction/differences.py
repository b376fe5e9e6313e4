"""What is different in a relation between two points of history, at a cost that follows what was changed.

Both points are chains of relations: a timeline's own, its parent's until the fork, and so on. Row ids are the same in
all of them, and mean the same row.

    a     (staging, 9) ── (main, 4)          the two chains meet in main; what can be different was changed in
    b     (main, 12)                         staging after 4, or in main after 4

A block that nobody changed there is not looked at: a timeline has no block of its own where it only goes on with its
parent's, and the others know since when their rows are as they stand. Of a block that was changed, the rows that have
a version since then are compared; all of them where older versions are gone and nobody knows any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from heliosdb.store.block import BLOCK_BITS
from heliosdb.transaction.view import hold

if TYPE_CHECKING:
    from heliosdb.store.relation import Relation
    from heliosdb.store.snapshot import Snapshot
    from heliosdb.store.timeline import Timeline
    from heliosdb.store.versions import Row
    from heliosdb.transaction.transaction import Transaction

__all__ = ["Difference", "differences", "is_same", "is_same_datum"]

Difference = tuple[int, "Row | None", "Row | None"]
Links = list[tuple["Relation", int]]

FEW = 64
"""Rows of a block up to which they are looked up one by one."""


def differences(
    transaction: Transaction,
    relation_oid: int,
    first: Snapshot | tuple[Timeline, int],
    second: Snapshot | tuple[Timeline, int],
) -> Iterator[list[Difference]]:
    """Yield (row id, row at the first point, row at the second) of each row that is not the same, by blocks.

    Points are committed ones, of any timeline (as an object it may have been dropped); None stands for "no row there".
    Rows are as they are stored: whoever compares columns matches them by attribute number. Both points stay readable
    until the transaction ends. Raises UndefinedObject for a timeline, and ObjectNotInPrerequisiteState for a point
    whose versions are gone.
    """
    before, after = _links(hold(transaction, relation_oid, first)), _links(hold(transaction, relation_oid, second))
    common = next((place for place, (relation, _) in enumerate(before) if any(relation is r for r, _ in after)), None)
    since: list[tuple[Relation, int]] = []
    if common is None:
        meeting = None
    else:
        meeting = before[common][0]
        other = next(place for place, (relation, _) in enumerate(after) if relation is meeting)
        since = [(relation, relation.fork) for relation, _ in (*before[:common], *after[:other])]
        points = (before[common][1], after[other][1])
        if points[0] != points[1]:
            since.append((meeting, min(points)))
    if not since:
        return
    for number in range(max(relation.block_count() for relation, _ in (*before, *after))):
        slots: set[int] | None = set()
        for relation, scn in since:
            changed = _changed(relation, number, scn)
            if changed is None:
                slots = None
                break
            if slots is not None:
                slots |= changed
        if slots is None or slots:
            found = _compared(number, slots, _rows(before, number, slots), _rows(after, number, slots))
            if found:
                yield found


def is_same(old: Row | None, new: Row | None) -> bool:
    """Whether two rows hold the very same data: 1 is not true, and 1.0 is not 1.00."""
    if old is new:
        return True
    if old is None or new is None or len(old) != len(new):
        return False
    return all(map(is_same_datum, old, new))


def is_same_datum(old: object, new: object) -> bool:
    """Whether two data are the very same. NaN is."""
    if old is new:
        return True
    if type(old) is not type(new):
        return False
    if isinstance(old, Decimal):
        return isinstance(new, Decimal) and old.as_tuple() == new.as_tuple()
    if isinstance(old, float):
        return repr(old) == repr(new)
    if isinstance(old, tuple):
        return is_same(old, new)  # type: ignore[arg-type]
    return bool(old == new)


def _links(top: tuple[Relation, int]) -> Links:
    """Return a relation at an SCN as the chain of relations that its rows come from."""
    relation, scn = top
    links = [top]
    while relation.parent is not None:
        scn = min(scn, relation.fork)
        relation = relation.parent
        links.append((relation, scn))
    return links


def _changed(relation: Relation, number: int, scn: int) -> set[int] | None:
    """Return the slots of a block that have a version after an SCN, and perhaps more of them; None: any may have."""
    if number >= relation.block_count():
        return set()
    block = relation.blocks[number]
    if block is None:
        stored = relation.stored
        segment = None if stored is None else stored.where().get(number)
        if segment is None or segment.begin(number) <= scn:
            return set()
        block = relation.block(number)
        if block is None:
            return set()
    found = {slot for slot, entry in block.overlay.copy().items() if entry[0] > scn}
    if block.begin > scn:
        begins = block.load_versions()
        if begins is None:
            return None
        found.update([slot for slot, begin in enumerate(begins) if begin > scn])
    return found


def _rows(links: Links, number: int, slots: set[int] | None) -> dict[int, Row]:
    """Return the rows of a block by slot as the first of the chain shows them, which may take them from its parent."""
    for relation, scn in links:
        if number < relation.block_count() and (
            relation.blocks[number] is not None
            or (relation.stored is not None and number in relation.stored.where())
            or relation.parent is None
        ):
            block = relation.block(number)
            if block is None:
                return {}
            if slots is not None and len(slots) <= FEW:
                return {slot: row for slot in slots if (row := block.row(slot, scn)) is not None}
            rows = block.positional(scn)
            if slots is None:
                return {slot: row for slot, row in enumerate(rows) if row is not None}
            size = len(rows)
            return {slot: row for slot in slots if slot < size and (row := rows[slot]) is not None}
    return {}


def _compared(number: int, slots: set[int] | None, before: dict[int, Row], after: dict[int, Row]) -> list[Difference]:
    first = number << BLOCK_BITS
    places = before.keys() | after.keys() if slots is None else slots
    old, new = before.get, after.get
    return [
        (first + slot, old(slot), new(slot))
        for slot in sorted(places)
        if old(slot) is not new(slot) and not is_same(old(slot), new(slot))
    ]
