"""An index as one statement sees it: the timeline's entries, its ancestors', the transaction's own, rechecked.

The indexes name candidates; the row that counts is the one the statement's view shows. For btree the key of that row
must equal the key it was found under, which also drops a row that moved from one key to another (it is found under
both, and has one). Inexact methods leave the recheck of the condition to the plan; a row found twice is given once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Any

from heliosdb.encoding.keys import MAX, MIN
from heliosdb.errors import FeatureNotSupported
from heliosdb.store.access_method import LikelySearch
from heliosdb.store.block import BLOCK_BITS, SLOT_MASK
from heliosdb.store.key_order import bounds_of_windows
from heliosdb.store.timeline_index import TimelineIndex
from heliosdb.store.versions import Row
from heliosdb.transaction.ordering_scan import likely_rows, nearest_rows
from heliosdb.transaction.ranges_of_then import Bounds, ranges_of_then

if TYPE_CHECKING:
    from heliosdb.transaction.view import RelationView
    from heliosdb.transaction.writes import OwnKeys

__all__ = ["IndexView"]

SEARCH_BATCH = 1024
MOST_FOUND = 1 << 14
"""Keys of a branch of which it is remembered where they are."""

_ONE_ROW = {int}
"""What stands in a tree at a key that one row has: its id. At others stands a dict of ids, or nothing any more."""


class IndexView:
    """See the module. Keys and bounds are in the forms ``heliosdb.encoding.keys`` describes."""

    __slots__ = ("_inherits", "_own", "_plain", "_tree", "index", "view")

    def __init__(self, view: RelationView, index: TimelineIndex) -> None:
        self.view = view
        self.index = index
        own = view.own
        self._tree = tree = index.tree  # this one for the whole statement, whatever moves meanwhile
        self._own: OwnKeys | None = None if own is None else own.own_keys.get(index.spec.oid)
        self._plain = (
            own is None
            and view.reads is None
            and index.simple_key is not None
            and tree is not None
            and tree.beyond is None
        )
        """Whether the timeline's own btree says everything: no own writes, no ancestors, no notes to take."""
        self._inherits = own is None and index.simple_key is not None and index.parent is not None
        """Whether it says so together with its ancestors'."""

    def _row_ids(self, key: Any) -> Sequence[int]:
        found = self.index.row_ids(key, self.view.scn)
        if self._own is not None:
            own = self._own.row_ids(key)
            if own:
                return tuple(dict.fromkeys((*found, *own))) if found else own
        return found

    def _matches(self, key: Any, row: Row) -> bool:
        spec = self.index.spec
        return bool(spec.key(row) == key) and (spec.predicate is None or bool(spec.predicate(row)))

    def get(self, key: Any) -> Row | None:
        """Return the row with this key in a unique index, or None."""
        view, index = self.view, self.index
        if self._plain:
            row_id = self._tree.current.get(key)  # type: ignore[union-attr]
            if row_id.__class__ is int:
                row = view.relation.row(row_id, view.scn)
                if row is not None and index.simple_key(row) == key:  # type: ignore[misc]
                    return row  # type: ignore[no-any-return]
        elif view.reads is not None:
            view.reads.add_key(view.relation, index, key)
        if self._inherits:
            row_id = index.found.get(key)
            if row_id is not None:
                row = view.relation.row(row_id, view.scn)
                if row is not None and index.simple_key(row) == key:  # type: ignore[misc]
                    return row  # type: ignore[no-any-return]
        row_ids = self._row_ids(key)
        if self._own is not None:
            # Own rows first: a kept snapshot may still show a row that somebody has deleted since, and whose key the
            # transaction has taken.
            row_ids = (*self._own.row_ids(key), *row_ids)
        for row_id in row_ids:
            row = view.peek(row_id)
            if row is not None and self._matches(key, row):
                if self._inherits:
                    if len(index.found) >= MOST_FOUND:
                        index.found.clear()
                    index.found[key] = row_id
                return row
        return None

    def items(self, key: Any) -> list[tuple[int, Row]]:
        """Return (row id, row) of every row with this key."""
        view = self.view
        if view.reads is not None:
            view.reads.add_key(view.relation, self.index, key)
        result = []
        for row_id in self._row_ids(key):
            row = view.peek(row_id)
            if row is not None and self._matches(key, row):
                result.append((row_id, row))
        return result

    def rows(self, key: Any) -> list[Row]:
        """Return every row with this key."""
        if not self._plain:
            return [row for _, row in self.items(key)]
        tree, view = self._tree, self.view
        present = tree.current.get(key)  # type: ignore[union-attr]
        if present.__class__ is dict:
            present = tuple(present)  # at once: a commit may change the dict
        elif present is not None:
            present = (present,)
        scn = view.scn
        if tree.last_changed > scn:  # type: ignore[union-attr]
            return [row for _, row in self._items_of((key,))]
        if present is None:
            return []
        blocks = view.relation.blocks
        rows: list[Row] = []
        for row_id in present:
            block = blocks[row_id >> BLOCK_BITS]
            if block is None or block.overlay or block.begin > scn:
                return [row for row in view.committed_all(present) if row is not None]
            rows.append(block.rows[row_id & SLOT_MASK])
        return rows

    def has(self, key: Any) -> bool:
        """Whether there is a row with this key."""
        if self._plain:
            tree = self._tree
            present = key in tree.current  # type: ignore[union-attr]
            if tree.last_changed <= self.view.scn:  # type: ignore[union-attr]
                return present
        return bool(self.items(key))

    def ids(self, key: Any) -> set[int]:
        """Return the ids of rows that may have this key."""
        if self.view.reads is not None:
            self.view.reads.add_key(self.view.relation, self.index, key)
        return set(self._row_ids(key))

    def range_id_blocks(
        self,
        low: Any = MIN,
        high: Any = MAX,
        low_inclusive: bool = True,
        high_inclusive: bool = True,
        descending: bool = False,
    ) -> Iterator[list[int]]:
        """Yield the ids of rows that may have a key between two bounds."""
        view = self.view
        bounds = (None if low is MIN else low, None if high is MAX else high, low_inclusive, high_inclusive, descending)
        if view.reads is not None:
            view.reads.add_range(view.relation, self.index, bounds)
        for keys in self._windows(*bounds):
            row_ids = self._settled(keys) if self._plain else None
            yield [row_id for key in keys for row_id in self._row_ids(key)] if row_ids is None else row_ids

    def count(self, key: Any) -> int:
        """Return how many rows have this key."""
        if self._plain:
            tree = self.index.tree
            present = tree.current.get(key)  # type: ignore[union-attr]
            number = len(present) if present.__class__ is dict else 0 if present is None else 1
            if tree.last_changed <= self.view.scn:  # type: ignore[union-attr]
                return number
        return len(self.items(key))

    def key_blocks(
        self,
        low: Any = MIN,
        high: Any = MAX,
        low_inclusive: bool = True,
        high_inclusive: bool = True,
        descending: bool = False,
    ) -> Iterator[list[Any]]:
        """Yield the keys of rows in order between two bounds, each once a row; the rows themselves are not read where
        the index alone knows who sees them."""
        if not self._plain:
            key_of = self.index.spec.key
            for batch in self.range_item_blocks(low, high, low_inclusive, high_inclusive, descending):
                yield [key_of(row) for _, row in batch]
            return
        bounds = (None if low is MIN else low, None if high is MAX else high, low_inclusive, high_inclusive, descending)
        tree = self.index.tree
        assert tree is not None
        for keys in self._windows(*bounds):
            found = list(map(tree.current.get, keys))
            if set(map(type, found)) <= _ONE_ROW:
                result = keys
            else:
                counts = [len(p) if p.__class__ is dict else 0 if p is None else 1 for p in found]
                result = [key for key, count in zip(keys, counts) for _ in range(count)]
            if tree.last_changed > self.view.scn:
                key_of = self.index.spec.key
                result = [key_of(row) for _, row in self._items_of(keys)]
            if result:
                yield result

    def range_item_blocks(
        self,
        low: Any = MIN,
        high: Any = MAX,
        low_inclusive: bool = True,
        high_inclusive: bool = True,
        descending: bool = False,
    ) -> Iterator[list[tuple[int, Row]]]:
        """Yield (row id, row) in key order between two bounds: prefixes of the order key as tuples, or MIN and MAX."""
        view = self.view
        bounds = (None if low is MIN else low, None if high is MAX else high, low_inclusive, high_inclusive, descending)
        if view.reads is not None:
            view.reads.add_range(view.relation, self.index, bounds)
        for row_ids, keys in self._candidates(bounds):
            if row_ids is not None:
                batch = [(i, row) for i, row in zip(row_ids, view.committed_all(row_ids)) if row is not None]
            else:
                batch = self._items_of(keys)
            if batch:
                yield batch

    def _items_of(self, keys: Sequence[Any]) -> list[tuple[int, Row]]:
        """Return (row id, row) of every row with one of these keys, in their order."""
        if self._inherits:
            return self._inherited_items(keys)
        if not self._plain:
            matches, peek = self._matches, self.view.peek
            return [
                (row_id, row)
                for key in keys
                for row_id in self._row_ids(key)
                if (row := peek(row_id)) is not None and matches(key, row)
            ]
        tree, view = self._tree, self.view
        assert tree is not None
        scn = view.scn
        found: list[Any] = list(map(tree.current.get, keys))
        # Asked after the look-ups: who loses a key is noted first.
        past = tree.past if tree.last_superseded > scn else None
        if past is None and set(map(type, found)) == _ONE_ROW:
            return [(i, row) for i, row in zip(found, view.committed_all(found)) if row is not None]
        hads: Iterable[Any] = repeat(None)
        if past is not None:
            begin = tree.began.get  # looked at before the past, which is noted first
            found = [present if present.__class__ is not int or begin(present, 0) <= scn else None for present in found]
            hads = map(past.get, keys)
        row_ids: list[int] = []
        of: list[Any] = []
        for key, present, had in zip(keys, found, hads):
            ids: Collection[int]
            if had is None:
                if present is None:
                    continue
                if present.__class__ is int:
                    row_ids.append(present)
                    of.append(key)
                    continue
                ids = tuple(present)  # at once: a commit may change the dict
            else:
                entries = (had,) if had.__class__ is tuple else had
                ids = [entry[2] for entry in entries if entry[0] <= scn < entry[1]]
                if present is not None:
                    ids += (present,) if present.__class__ is int else tuple(present)
                if len(ids) > 1:
                    ids = dict.fromkeys(ids)
            row_ids += ids
            of += [key] * len(ids)
        rows = view.committed_all(row_ids)
        if past is None:
            # Nobody has lost a key since: who has one now, and was there, had it then.
            return [(i, row) for i, row in zip(row_ids, rows) if row is not None]
        key_of = self.index.simple_key
        assert key_of is not None
        return [(i, row) for i, key, row in zip(row_ids, of, rows) if row is not None and key_of(row) == key]

    def _inherited_items(self, keys: Sequence[Any]) -> list[tuple[int, Row]]:
        """Do the same on a branch."""
        index, tree, view = self.index, self._tree, self.view
        assert tree is not None
        found: Sequence[int] | None = None
        if tree.beyond is index.parent and index.has_none_of(keys):
            found = index.above(len(keys)).only_row_ids(keys)
        of = keys
        if found is None:
            row_ids: list[int] = []
            of = []
            for key in keys:
                ids = index.row_ids(key, view.scn)
                row_ids += ids
                of += [key] * len(ids)
            found = row_ids
        key_of = index.simple_key
        assert key_of is not None
        rows = view.committed_all(found)
        return [(i, row) for i, key, row in zip(found, of, rows) if row is not None and key_of(row) == key]

    def _candidates(self, bounds: Bounds) -> Iterator[tuple[Sequence[int] | None, list[Any]]]:
        """Yield (row ids, []) of rows that surely have keys between the bounds, else (None, keys to be asked for)."""
        if not self._plain:
            for keys in self._windows(*bounds):
                yield None, keys
            return
        tree, scn = self._tree, self.view.scn
        assert tree is not None
        order, (low, high, low_inclusive, high_inclusive, descending) = tree.order, bounds
        orders = tree.orders(scn)
        if len(orders) > 1:
            then = ranges_of_then(tree, scn)
            if then is not None:
                for found in then.windows(order, orders, bounds, self._elements_of):
                    yield found, []
                return
        slices = order.slices(low, high, low_inclusive, high_inclusive, (), orders)
        known = order.rows_of(slices[0][0]) if len(slices) == 1 else None
        if known is None:
            for keys in order.windows_of(slices, descending):
                row_ids: Sequence[int] | None = self._settled(keys)
                yield row_ids, [] if row_ids is not None else keys
            return
        for start, stop in bounds_of_windows(slices[0][1], slices[0][2], descending):
            row_ids = known.window(tree, start, stop, scn)
            if row_ids is not None:
                yield row_ids[::-1] if descending else row_ids, []
            else:
                keys = known.run[start:stop]
                if descending:
                    keys.reverse()
                yield None, [element[1] for element in keys] if tree.paired else keys

    def _elements_of(self, elements: list[Any]) -> list[tuple[Any, int]]:
        """Return (element, row id) of every row with one of these elements, in their order."""
        assert self._tree is not None
        items = self._items_of([element[1] for element in elements] if self._tree.paired else elements)
        elements_of = self.index.elements
        return [(elements_of(row)[0], row_id) for row_id, row in items]

    def _settled(self, keys: list[Any]) -> list[Any] | None:
        """Return the row ids of many keys if nothing was entered since the snapshot, else None."""
        tree = self._tree
        assert tree is not None
        found = list(map(tree.current.get, keys))
        if not set(map(type, found)) <= _ONE_ROW:
            found = [
                row_id
                for present in found
                if present is not None
                for row_id in (tuple(present) if type(present) is dict else (present,))
            ]
        return None if tree.last_changed > self.view.scn else found

    def range_blocks(
        self,
        low: Any = MIN,
        high: Any = MAX,
        low_inclusive: bool = True,
        high_inclusive: bool = True,
        descending: bool = False,
    ) -> Iterator[list[Row]]:
        """Yield rows in key order between two bounds, in blocks that grow."""
        if not self._plain:
            for batch in self.range_item_blocks(low, high, low_inclusive, high_inclusive, descending):
                yield [row for _, row in batch]
            return
        view = self.view
        bounds = (None if low is MIN else low, None if high is MAX else high, low_inclusive, high_inclusive, descending)
        for row_ids, keys in self._candidates(bounds):
            rows: list[Row]
            if row_ids is None:
                rows = [row for _, row in self._items_of(keys)]
            else:
                plain = view.relation.settled(view.scn)
                if plain is not None:
                    rows = [plain[row_id >> BLOCK_BITS][row_id & SLOT_MASK] for row_id in row_ids]
                else:
                    rows = view.committed_all(row_ids)  # type: ignore[assignment]
                    if not all(rows):
                        rows = [row for row in rows if row is not None]
            if rows:
                yield rows

    def _windows(
        self,
        low: tuple[Any, ...] | None,
        high: tuple[Any, ...] | None,
        low_inclusive: bool,
        high_inclusive: bool,
        descending: bool,
    ) -> Iterator[list[Any]]:
        tree = self._tree
        if tree is None:
            raise FeatureNotSupported(f'access method "{self.index.spec.method}" has no order')
        own: Sequence[Any] = () if self._own is None else self._own.ordered()
        orders = self.index.orders(tree, self.view.scn)
        return tree.order.windows(low, high, low_inclusive, high_inclusive, descending, own, orders)

    def search(
        self, strategy: int, argument: Any, row_filter: Container[int] | None = None
    ) -> Iterator[list[tuple[int, Row]]]:
        """Yield (row id, row) of visible rows that may satisfy the condition, each once; own written rows always
        may."""
        view = self.view
        if view.reads is not None:
            view.reads.add_relation(view.relation)
        seen: set[int] = set()
        for line in self.index.ancestors():
            for row_ids in line.method.candidates(strategy, argument, row_filter):
                batch = self._visible(row_ids, seen)
                if batch:
                    yield batch
        own = self._own_row_ids()
        if own:
            batch = self._visible([r for r in own if row_filter is None or r in row_filter], seen)
            if batch:
                yield batch

    def _visible(self, row_ids: Sequence[int], seen: set[int]) -> list[tuple[int, Row]]:
        batch = []
        predicate = self.index.spec.predicate
        for row_id in row_ids:
            if row_id not in seen:
                seen.add(row_id)
                row = self.view.peek(row_id)
                if row is not None and (predicate is None or predicate(row)):
                    batch.append((row_id, row))
        return batch

    def _own_row_ids(self) -> list[int]:
        own = self.view.own
        if own is None:
            return []
        found = [number << 12 | slot for number, slots in own.blocks.items() for slot in slots]
        for number, block in own.bulk.items():
            found.extend(range(number << 12, (number << 12) + len(block.over([]))))
        return found

    def nearest(
        self, operator: str, argument: Any, row_filter: Container[int] | None = None
    ) -> Iterator[tuple[Any, int, Row]]:
        """Yield (ordering value, row id, row) of visible rows by increasing ordering value, lazily; those without one
        last."""
        if self.view.reads is not None:
            self.view.reads.add_relation(self.view.relation)
        return nearest_rows(self.view, self.index, self._own_row_ids(), operator, argument, row_filter)

    def likely(
        self, operator: str, argument: Any, wanted: int | None, setting: Callable[[str], Any], within: Any = None
    ) -> Iterator[list[tuple[int, Row]]]:
        """Yield blocks of (row id, row): as many visible rows as are wanted, likely the nearest, in their order; then
        all others. None wants all, and in their order. Those beyond ``within`` may be missing."""
        if self.view.reads is not None:
            self.view.reads.add_relation(self.view.relation)
        if within != within:
            within = None  # NaN, which is beyond everything
        search = LikelySearch(operator, argument, max(1, wanted or 0), self.view.scn, setting)
        return likely_rows(self.view, self.index, self._own_row_ids(), search, asked=wanted is not None, within=within)
