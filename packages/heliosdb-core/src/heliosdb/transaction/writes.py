"""What an open transaction has written to one relation, and how a statement's own effects stay out of its sight.

An entry of a row is (command, row or None, the own entry before it). A statement with command id c sees the
newest entry with command < c: neither what it writes itself (``INSERT INTO t SELECT FROM t`` ends, an UPDATE meets
no row twice) nor what later statements of the transaction write (an open cursor). What a statement does to many rows of
a block stays whole (``own_blocks``).

The journal of the transaction has the way back of every change; see ``Transaction.rollback_to``.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Container, Sequence
from operator import itemgetter
from typing import Any

from heliosdb.store.block import BLOCK_BITS, SLOT_MASK
from heliosdb.store.relation import Relation
from heliosdb.store.timeline_index import TimelineIndex
from heliosdb.store.versions import Row
from heliosdb.transaction.own_blocks import ABSENT, ChangedSlots, OwnBlock, OwnRows

__all__ = ["ABSENT", "OwnEntry", "OwnKeys", "RelationWrites"]

_ROW = itemgetter(1)
OwnEntry = tuple[int, "Row | None", Any]


class OwnKeys:
    """The keys that a transaction's own rows have, or had, in one btree index: a superset, rechecked by whoever
    reads."""

    __slots__ = ("_size", "_sorted", "elements", "keys", "paired")

    def __init__(self, paired: bool) -> None:
        self.paired = paired
        self.keys: dict[Any, Any] = {}
        self.elements: list[Any] = []
        self._sorted: list[Any] = []
        self._size = 0

    def add(self, element: Any, row_id: int) -> None:
        """Note that a row has a key."""
        key = element[1] if self.paired else element
        present = self.keys.get(key)
        if present is None:
            self.keys[key] = row_id
            self.elements.append(element)
        elif type(present) is int:
            if present != row_id:
                self.keys[key] = {present: None, row_id: None}
        else:
            present[row_id] = None

    def add_many(self, elements: list[Any], fresh: dict[Any, int]) -> None:
        """Note many rows whose keys are distinct and new here."""
        if self.keys:
            self.keys.update(fresh)
        else:
            self.keys = fresh.copy()
        self.elements += elements

    def row_ids(self, key: Any) -> Sequence[int]:
        """Return the own rows that may have a key."""
        present = self.keys.get(key)
        return () if present is None else (present,) if type(present) is int else tuple(present)

    def ordered(self) -> Sequence[Any]:
        """Return the elements, sorted."""
        size = len(self.elements)
        if self._size != size:
            if size - self._size < 8:
                for element in self.elements[self._size :]:
                    insort(self._sorted, element)
            else:
                self._sorted = sorted(self.elements)
            self._size = size
        return self._sorted


class RelationWrites:
    """The own writes of one transaction in one relation."""

    __slots__ = ("_dropped", "blocks", "bulk", "count", "indexes", "keys_change", "own_keys", "relation", "state")

    def __init__(self, relation: Relation, dropped: Container[int] = ()) -> None:
        self.relation = relation
        self._dropped = dropped
        self.blocks: dict[int, dict[int, OwnEntry]] = {}
        self.bulk: dict[int, OwnBlock] = {}
        self.count = 0
        """Rows more (or fewer) than committed ones; an estimate after a partial rollback."""
        self.indexes: tuple[TimelineIndex, ...] = ()
        self.keys_change = False
        """Whether any index is concerned: False when there were only updates that kept every key."""
        self.own_keys: dict[int, OwnKeys] = {}
        self.state: Any = None
        """What whoever writes here calls the state that it left, if it does: the catalog."""
        self.refresh_indexes()

    def refresh_indexes(self) -> None:
        """Take note of the indexes the relation has now."""
        indexes = tuple(self.relation.indexes.values())
        self.indexes = tuple([index for index in indexes if index.spec.oid not in self._dropped])

    def has_new_indexes(self) -> bool:
        """Whether an index was made since the transaction began to write here."""
        known = {index.spec.oid for index in self.indexes}
        return any(oid not in known and oid not in self._dropped for oid in tuple(self.relation.indexes))

    def keys_of(self, index: TimelineIndex) -> OwnKeys:
        """Return the own keys of an index, to add to."""
        found = self.own_keys.get(index.spec.oid)
        if found is None:
            found = self.own_keys[index.spec.oid] = OwnKeys(index.spec.order_key is not None)
        return found

    def newest(self, row_id: int) -> Any:
        """Return the own newest version of a row, None if deleted, ABSENT if untouched."""
        slots = self.blocks.get(row_id >> BLOCK_BITS)
        if slots is not None:
            entry = slots.get(row_id & SLOT_MASK)
            if entry is not None:
                return entry[1]
        bulk = self.bulk.get(row_id >> BLOCK_BITS)
        return ABSENT if bulk is None else bulk.newest(row_id & SLOT_MASK)[1]

    def newest_or(self, row_id: int, committed: Any) -> Any:
        """Return the own newest version of a row (None if deleted), or the committed one given if untouched."""
        own = self.newest(row_id)
        return committed if own is ABSENT else own

    def command_of(self, row_id: int) -> int:
        """Return the command id of the own newest version, -1 if untouched."""
        slots = self.blocks.get(row_id >> BLOCK_BITS)
        if slots is not None:
            entry = slots.get(row_id & SLOT_MASK)
            if entry is not None:
                return entry[0]
        bulk = self.bulk.get(row_id >> BLOCK_BITS)
        return -1 if bulk is None else bulk.newest(row_id & SLOT_MASK)[0]

    def visible(self, row_id: int, command: int) -> Any:
        """Return the own version that a statement with this command id sees, None if deleted, ABSENT if it sees
        none."""
        slots = self.blocks.get(row_id >> BLOCK_BITS)
        if slots is not None:
            entry = slots.get(row_id & SLOT_MASK)
            while entry is not None:
                if entry[0] < command:
                    return entry[1]
                entry = entry[2]
        bulk = self.bulk.get(row_id >> BLOCK_BITS)
        return ABSENT if bulk is None else bulk.visible(row_id & SLOT_MASK, command)

    def overlay(self, number: int, command: int) -> dict[int, Row | None]:
        """Return {slot: own version} of a block as a statement with this command id sees it."""
        result: dict[int, Row | None] = {}
        for slot, newest in self.blocks.get(number, {}).copy().items():
            entry: OwnEntry | None = newest
            while entry is not None:
                if entry[0] < command:
                    result[slot] = entry[1]
                    break
                entry = entry[2]
        return result

    def net(self) -> tuple[dict[int, dict[int, Row | None] | ChangedSlots], dict[int, Sequence[Row | None]]]:
        """Return what is to be committed: newest rows by block and slot, and new blocks with later changes worked in.

        Both may be worked out only when they are looked at.
        """
        rows: dict[int, dict[int, Row | None] | ChangedSlots] = {}
        bulk: dict[int, Sequence[Row | None]] = {}
        for number, entry in self.bulk.items():
            slots = self.blocks.get(number, {})
            if not entry.is_new:
                rows[number] = ChangedSlots(entry, slots)
            elif entry.before is None and not slots:
                bulk[number] = entry.rows
            else:
                bulk[number] = OwnRows(entry, slots)
        for number, slots in self.blocks.items():
            run = bulk.get(number)
            if run is not None:
                beyond = {slot: entry[1] for slot, entry in slots.items() if slot >= len(run)}
                if beyond:
                    rows[number] = beyond
            elif number not in rows:
                rows[number] = dict(zip(slots, map(_ROW, slots.values())))
        return rows, bulk
