"""The versions of rows between two commits: what each row was, from which commit until which.

    row 17    (begin 4, 'new')   (begin 9, 'sent')   deleted by 12
    since 5, until 10            ('new', 4, 9), ('sent', 9, 12)

A version is among them if it was visible at a commit from ``since`` to ``until``. Rows of a timeline that came from its
parent have their versions there until the fork.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from heliosdb.errors import ObjectNotInPrerequisiteState, UndefinedObject
from heliosdb.store.block import BLOCK_BITS, SLOT_MASK, Block
from heliosdb.store.versions import PRUNED, Older, Row
from heliosdb.transaction.outcome import SnapshotHold

if TYPE_CHECKING:
    from heliosdb.store.relation import Relation
    from heliosdb.store.timeline import Timeline
    from heliosdb.transaction.transaction import Transaction

__all__ = ["RowVersion", "first_readable", "row_ids_of_key", "row_versions"]


class RowVersion(NamedTuple):
    """One version of a row. ``begin`` is the commit that made it, None where that is known no more; ``end`` is the one
    that replaced or deleted it, None where it is there. ``is_first``: there was no such row before; None: not known.
    """

    row_id: int
    row: Row
    begin: int | None
    end: int | None
    is_first: bool | None
    is_last: bool
    """Whether no version came after it: the row was deleted at ``end``, or is there."""


def first_readable(transaction: Transaction, relation_oid: int, timeline: Timeline) -> int:
    """Return the SCN from which on all versions of a relation are kept, on a timeline and those that it starts from."""
    return _first_readable(transaction.store.create_relation(timeline, relation_oid))


def _first_readable(relation: Relation) -> int:
    parent = relation.parent
    if parent is None or relation.pruned_to > relation.fork:
        return relation.pruned_to
    return min(_first_readable(parent), relation.fork)


def row_versions(
    transaction: Transaction,
    relation_oid: int,
    timeline: Timeline,
    since: int,
    until: int,
    row_ids: Iterable[int] | None = None,
) -> Iterator[list[RowVersion]]:
    """Yield the committed versions that were visible at some SCN from ``since`` to ``until``, by blocks; of a row in
    order of their beginning. ``row_ids``: of these rows only.

    Raises ObjectNotInPrerequisiteState where versions from ``since`` on are no longer kept, also where they go while
    they are read.
    """
    store = transaction.store
    until = min(until, store.published)
    if until < since:
        return
    relation = store.create_relation(timeline, relation_oid)
    with store.commit_lock:  # so that nothing is dropped between the check and the registration
        first = _required(relation, since)
        held = SnapshotHold(store.snapshots, since)
    transaction.at_end(held.release)
    if row_ids is None:
        numbers: Iterable[int] = range(_block_count(relation))
        wanted: dict[int, list[int]] = {}
    else:
        wanted = {}
        for row_id in sorted(set(row_ids)):
            wanted.setdefault(row_id >> BLOCK_BITS, []).append(row_id & SLOT_MASK)
        numbers = wanted
    for number in numbers:
        found = _of_block(relation, number, since, until, first, wanted.get(number))
        # What is held is what was visible at ``since``; what came later a retention may have given up meanwhile.
        _required(relation, since)
        if found:
            yield found


def _required(relation: Relation, since: int) -> int:
    """Return the SCN from which on all versions are kept; ObjectNotInPrerequisiteState where that is later."""
    first = _first_readable(relation)
    if since < first:
        raise ObjectNotInPrerequisiteState(
            f"SCN {since} is before the horizon",
            detail=f"Versions that ended at or before SCN {first} are no longer kept.",
        )
    return first


def row_ids_of_key(
    transaction: Transaction, relation_oid: int, index_oid: int, key: Row, since: int, timeline: Timeline
) -> list[int]:
    """Return the ids of the rows that had a key at some SCN since one, and perhaps of others, in order.

    ``key`` is a row of which the index's columns count. UndefinedObject where there is no such index.
    """
    index = transaction.store.create_relation(timeline, relation_oid).indexes.get(index_oid)
    if index is None:
        raise UndefinedObject(f"index {index_oid} does not exist")
    value = index.spec.key(key)
    return sorted({*index.row_ids(value, since, transaction.scn), *index.row_ids(value, transaction.scn)})


def _block_count(relation: Relation | None) -> int:
    count = 0
    while relation is not None:
        count = max(count, relation.block_count())
        relation = relation.parent
    return count


def _of_block(
    relation: Relation, number: int, since: int, until: int, horizon: int, slots: list[int] | None
) -> list[RowVersion]:
    links: list[tuple[Block, int, int | None]] = []
    """Of the timeline and those that it starts from: (block, its fork, the last SCN that counts; None: any)."""
    link: Relation | None = relation
    last: int | None = None
    size = 0
    while link is not None:
        fork = 0 if link.parent is None else link.fork
        block = link.block(number) if number < link.block_count() else None
        if block is not None:
            links.append((block, fork, last))
            size = max(size, len(block.rows), max(block.overlay.copy(), default=-1) + 1)
        last = fork if last is None else min(last, fork)
        link = link.parent
    first = number << BLOCK_BITS
    if len(links) == 1 and slots is None:
        block = links[0][0]
        if not block.overlay and not block.has_versions and block.exact and links[0][2] is None:
            begin = block.begin
            if begin > until:
                return []
            rows = enumerate(block.rows, first)
            is_first = True if begin > horizon else None
            return [RowVersion(row_id, row, begin, None, is_first, True) for row_id, row in rows if row is not None]
    found: list[RowVersion] = []
    for slot in range(size) if slots is None else slots:
        found.extend(_of_slot(links, slot, first + slot, since, until, horizon))
    return found


def _of_slot(
    links: list[tuple[Block, int, int | None]], slot: int, row_id: int, since: int, until: int, horizon: int
) -> list[RowVersion]:
    events: list[tuple[int | None, Row | None]] = []
    """What became of the row, the newest first; None: it was deleted."""
    for block, fork, last in links:
        for begin, row in _versions(block, slot):
            if begin is not None:
                if last is not None and begin > last:
                    continue
                if begin <= fork:
                    break  # the parent knows since when
            events.append((begin, row))
    found: list[RowVersion] = []
    for place, (begin, row) in enumerate(events):
        if row is PRUNED:
            break
        end, after = events[place - 1] if place else (None, None)
        if end is not None and end <= since:
            break
        if row is not None and (begin is None or begin <= until):
            before = events[place + 1][1] if place + 1 < len(events) else None
            # What ended at or before the horizon may have gone without a trace.
            is_known = before is not PRUNED and begin is not None and (before is not None or begin > horizon)
            is_first = before is None if is_known else None
            found.append(RowVersion(row_id, row, begin, end, is_first, after is None))
    found.reverse()
    return found


def _versions(block: Block, slot: int) -> Iterator[tuple[int | None, Row | None]]:
    """Yield (begin, row) of a slot, newest first; None for "no row", PRUNED where something is not kept any more."""
    entry = block.overlay.get(slot)
    older: Older
    if entry is not None:
        begin, row, older = entry
    elif slot >= len(block.rows):
        return
    else:
        begins = block.load_versions()
        row = block.rows[slot]
        if begins is None:
            if row is None and block.exact:
                return
            yield (block.begin if block.exact else None), row
            if not block.exact:
                yield None, PRUNED
            return
        begin, older = begins[slot], (block.history.get(slot) if block.history else None)
    yield begin, row
    while type(older) is tuple:
        yield older[0], older[1]
        older = older[2]
    if older is PRUNED:
        yield None, PRUNED
    elif type(older) is list:
        yield from reversed(older)
