"""The btree access method: an ordered index over one key a row.

    current    {key: row id, or {row id: None, ...}}        keys of newest versions
    past       {key: (end SCN, row id), or a list of them}  keys that a row had until some SCN
    order      the sorted keys of both (see ``key_order``)

A reader at SCN s takes ``current`` first. Only if ``last_superseded`` > s can the version he sees have lost its key
meanwhile, and then, and only then, ``past`` entries with end > s are candidates too. ``apply`` therefore enters a
change in this order: the past entry and ``last_superseded``, then the new key, then it removes the old one from
``current``; the row itself changes after that and the SCN is published last. Whatever a reader meets half done, one
of the two has the row, and the recheck of the key on the visible version drops what should not be there.

A reader who finds, after having read ``current``, that ``last_changed`` <= s knows more: nothing was entered since his
snapshot, so every row id he read is of a row he sees under this very key, and he need not check again.

A key here is an *element* of ``key_order``: the key itself, or (order key, key) where they differ.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from math import log2
from typing import TYPE_CHECKING, Any

from heliosdb.store.access_method import Index, IndexChange, IndexDefinition, Progress
from heliosdb.store.key_order import KeyOrder

if TYPE_CHECKING:
    from heliosdb.store.index_runs import IndexRuns
    from heliosdb.store.timeline_index import TimelineIndex

__all__ = ["BTree", "BTreeMethod"]

Past = tuple[int, int] | list[tuple[int, int]]
"""(end SCN, row id) of a superseded key, mostly of one row: then without a list around it, which the garbage collector
would have to visit again and again."""
LESS, LESS_EQUAL, EQUAL, GREATER_EQUAL, GREATER = 1, 2, 3, 4, 5


class BTree:
    """One btree of one timeline."""

    __slots__ = ("beyond", "current", "last_changed", "last_superseded", "order", "paired", "past")

    def __init__(self, *, paired: bool = False, width: int = 1) -> None:
        self.paired = paired
        self.current: dict[Any, Any] = {}
        self.past: dict[Any, Past] = {}
        self.last_superseded = 0
        self.last_changed = 0
        """The SCN of the last commit that entered anything, set before it does."""
        self.order = KeyOrder(paired=paired, single=width == 1)
        self.beyond: TimelineIndex | IndexRuns | None = None
        """Who holds the entries that are not in this tree: the parent timeline's index, runs on the volume. It never
        changes: where entries move, the index gets another tree, and whoever reads this one finds all that he may
        see."""

    def in_use(self, key: Any) -> bool:
        """Whether any row has or had this key, as far as anybody may ask."""
        return key in self.current or key in self.past

    def extract(self, values: Sequence[Any]) -> Sequence[Any]:
        """Return the one key of a row: its values, as a tuple where there are more than one."""
        return [values[0] if len(values) == 1 else tuple(values)]

    def apply(self, changes: Sequence[IndexChange], scn: int) -> None:
        """Take in a commit's changes in the order that readers rely on."""
        current, past, paired = self.current, self.past, self.paired
        if scn > self.last_changed:
            self.last_changed = scn
        known = self.order.is_known
        for row_id, removed, added in changes:
            for element in removed:
                self._note_removed(element, scn, row_id)
                self.last_superseded = scn
            for element in added:
                key = element[1] if paired else element
                present = current.get(key)
                if present is None and key not in past:
                    current[key] = row_id  # before it is ordered: a merge leaves out keys that nobody has
                    self.order.add(element, self.in_use)
                    continue
                if known:
                    self.order.note_changes((element,))
                if present is None:
                    current[key] = row_id
                elif type(present) is int:
                    if present != row_id:
                        current[key] = {present: None, row_id: None}
                else:
                    present[row_id] = None
            if removed and known:
                self.order.note_changes(removed)
            for element in removed:
                self._remove(element[1] if paired else element, row_id)

    def replace(self, row_id: int, removed: tuple[Any] | None, added: tuple[Any] | None, scn: int) -> None:
        """Take in the change of one row: what ``apply`` does, without its lists."""
        current, past, paired = self.current, self.past, self.paired
        self.last_changed = scn
        if removed is not None:
            self._note_removed(removed[0], scn, row_id)
            self.last_superseded = scn
        if added is not None:
            key = added[0][1] if paired else added[0]
            present = current.get(key)
            if present is None:
                if key in past:
                    self.order.note_changes(added)
                    current[key] = row_id
                else:
                    current[key] = row_id
                    self.order.add(added[0], self.in_use)
            else:
                self.order.note_changes(added)
                if present.__class__ is not int:
                    present[row_id] = None
                elif present != row_id:
                    current[key] = {present: None, row_id: None}
        if removed is not None:
            self.order.note_changes(removed)
            self._remove(removed[0][1] if paired else removed[0], row_id)

    def _note_removed(self, element: Any, scn: int, row_id: int) -> None:
        key = element[1] if self.paired else element
        is_new = self.beyond is not None and not self.in_use(key)
        _note(self.past, key, scn, row_id)
        if is_new:
            # So far only those beyond had it; keys of ``past`` are in order, too.
            self.order.add(element, self.in_use)

    def forget_last(self, element: Any, row_id: int) -> None:
        """Drop the past entry that ``replace`` has just made."""
        key = element[1] if self.paired else element
        past = self.past
        kept = past[key]
        if isinstance(kept, tuple):
            del past[key]
            if key not in self.current:
                self.order.waste += 1
        else:
            past[key] = [entry for entry in kept if entry[1] != row_id]

    def _remove(self, key: Any, row_id: int) -> None:
        present = self.current.get(key)
        if type(present) is int:
            if present == row_id:
                del self.current[key]
        elif present is not None:
            present.pop(row_id, None)
            if len(present) == 1:
                self.current[key] = next(iter(present))
            elif not present:
                del self.current[key]

    def apply_run(self, elements: list[Any], row_ids: Sequence[int], scn: int = 0) -> None:
        """Take in the keys of many new rows at once."""
        if not elements:
            return
        current = self.current
        if scn > self.last_changed:
            self.last_changed = scn
        keys = [element[1] for element in elements] if self.paired else elements
        fresh = dict(zip(keys, row_ids))
        if len(fresh) == len(keys) and current.keys().isdisjoint(fresh):
            if self.past:
                past = self.past
                if self.order.is_known:
                    self.order.note_changes([element for element, key in zip(elements, keys) if key in past])
                elements = [element for element, key in zip(elements, keys) if key not in past]
            current.update(fresh)
            self.order.note_rows(keys, row_ids)
            if elements:
                self.order.add_many(elements, self.in_use)
        else:
            self._apply_repeating(elements, keys, row_ids)

    def remove_run(self, elements: list[Any], row_ids: Sequence[int], scn: int) -> None:
        """Take out the keys of many rows at once; they stay findable as superseded ones."""
        current, past = self.current, self.past
        if scn > self.last_changed:
            self.last_changed = scn
        keys = [element[1] for element in elements] if self.paired else elements
        unknown: list[Any] = []
        if self.beyond is not None:
            unknown = list(dict.fromkeys(e for e, key in zip(elements, keys) if not self.in_use(key)))
        fresh: dict[Any, Past] = {key: (scn, row_id) for key, row_id in zip(keys, row_ids)}
        distinct = len(fresh) == len(keys)
        if distinct and past.keys().isdisjoint(fresh):
            past.update(fresh)
        else:
            for key, row_id in zip(keys, row_ids):
                _note(past, key, scn, row_id)
        if unknown:
            self.order.add_many(unknown, self.in_use)
        self.last_superseded = scn
        self.order.note_changes(elements)
        if distinct and list(map(current.get, keys)) == list(row_ids):
            for key in keys:
                del current[key]
        else:
            for key, row_id in zip(keys, row_ids):
                self._remove(key, row_id)

    def forget_run(self, elements: list[Any], row_ids: Sequence[int]) -> None:
        """Drop the oldest past entry of each element of a run that was removed."""
        past, current = self.past, self.current
        others = []
        gone = 0
        for element, row_id in zip(elements, row_ids):
            key = element[1] if self.paired else element
            if past[key].__class__ is tuple:
                del past[key]
                gone += key not in current
            else:
                others.append((element, row_id))
        self.order.waste += gone
        if others:
            self.forget(others)

    def _apply_repeating(self, elements: list[Any], keys: list[Any], row_ids: Iterable[int]) -> None:
        current, past = self.current, self.past
        self.order.note_changes(elements)
        new = []
        for element, key, row_id in zip(elements, keys, row_ids):
            present = current.get(key)
            if present is None:
                if key not in past:
                    new.append(element)
                current[key] = row_id
            elif type(present) is int:
                if present != row_id:
                    current[key] = {present: None, row_id: None}
            else:
                present[row_id] = None
        if new:
            self.order.add_many(new, self.in_use)

    def forget(self, entries: Iterable[tuple[Any, int]]) -> None:
        """Drop the oldest past entry of each (element, row id)."""
        past = self.past
        for element, row_id in entries:
            key = element[1] if self.paired else element
            kept = past.get(key)
            if isinstance(kept, tuple):
                del past[key]
                if key not in self.current:
                    self.order.waste += 1
            elif kept is not None:
                for place, (_, other) in enumerate(kept):
                    if other == row_id:
                        rest = [*kept[:place], *kept[place + 1 :]]
                        past[key] = rest[0] if len(rest) == 1 else rest
                        break

    def build(self, batches: Iterable[Sequence[tuple[int, Sequence[Any]]]], progress: Progress | None = None) -> None:
        """Fill the index over existing rows."""
        done = 0
        for batch in batches:
            self.apply_run([keys[0] for _, keys in batch], [row_id for row_id, _ in batch])
            done += len(batch)
            if progress is not None:
                progress(done)
        known = self.order.join()
        if known is not None:
            known.fill(self)

    def build_past(self, entries: Iterable[tuple[int, Any, int]]) -> None:
        """Enter (end SCN, element, row id) of versions that were superseded before the index was made."""
        for end, element, row_id in entries:
            key = element[1] if self.paired else element
            ordered = self.in_use(key)
            _note(self.past, key, end, row_id)
            if not ordered:
                self.order.add(element, self.in_use)
            self.last_superseded = max(self.last_superseded, end)

    def row_ids(self, key: Any, scn: int) -> Sequence[int]:
        """Return the row ids that may have this key in the version visible at an SCN."""
        present = self.current.get(key)
        found: Sequence[int]
        if present is None:
            found = ()
        elif type(present) is int:
            found = (present,)
        else:
            found = tuple(present)  # one atomic step; iterating would meet the committer
        if self.last_superseded > scn:
            past = self.past.get(key)
            if past:
                ends = (past,) if isinstance(past, tuple) else tuple(past)
                extra = [row_id for end, row_id in ends if end > scn]
                if extra:
                    return tuple(dict.fromkeys((*found, *extra)))
        return found

    def key_windows(
        self,
        low: tuple[Any, ...] | None,
        high: tuple[Any, ...] | None,
        low_inclusive: bool = True,
        high_inclusive: bool = True,
        descending: bool = False,
    ) -> Iterator[list[Any]]:
        """Yield growing lists of keys between two bounds, in order."""
        return self.order.windows(low, high, low_inclusive, high_inclusive, descending)

    def candidates(
        self, strategy: int, argument: Any, row_filter: Container[int] | None = None
    ) -> Iterator[Sequence[int]]:
        """Yield the row ids for one of btree's five strategies, whatever version they are of."""
        bound = argument if type(argument) is tuple else (argument,)
        low, high, low_in, high_in = None, None, True, True
        if strategy in (LESS, LESS_EQUAL):
            high, high_in = bound, strategy == LESS_EQUAL
        elif strategy in (GREATER, GREATER_EQUAL):
            low, low_in = bound, strategy == GREATER_EQUAL
        else:
            low = high = bound
        for keys in self.key_windows(low, high, low_in, high_in):
            found = [row_id for key in keys for row_id in self.row_ids(key, -1)]
            yield found if row_filter is None else [row_id for row_id in found if row_id in row_filter]

    def size_bytes(self) -> int:
        """Return about how much memory the index holds, the keys themselves aside."""
        return self.current.__sizeof__() + self.past.__sizeof__() + 8 * len(self.order) + 32 * len(self.current)

    def check(self, rows: Iterable[tuple[int, Sequence[Any]]]) -> list[str]:
        """Return what newest rows the index misses and what it has beyond them."""
        problems = []
        expected = set()
        ordered = {key for window in self.order.windows(None, None) for key in window}
        for row_id, keys in rows:
            for element in keys:
                key = element[1] if self.paired else element
                expected.add((key, row_id))
                present = self.current.get(key)
                if present != row_id and not (type(present) is dict and row_id in present):
                    problems.append(f"row {row_id} is not found under {key!r}")
                if key not in ordered:
                    problems.append(f"key {key!r} is not in order")
        for key, present in self.current.items():
            for row_id in present if type(present) is dict else (present,):
                if (key, row_id) not in expected:
                    problems.append(f"no row {row_id} has {key!r}")
        return problems


def _note(past: dict[Any, Past], key: Any, end: int, row_id: int) -> None:
    """Enter that a row had a key until an SCN."""
    present = past.get(key)
    if present is None:
        past[key] = (end, row_id)
    elif isinstance(present, tuple):
        past[key] = [present, (end, row_id)]
    else:
        present.append((end, row_id))


class BTreeMethod:
    """The access method ``btree``."""

    name = "btree"
    exact = True
    unique = True
    ordered = True
    many_keys = False
    strategies: Mapping[str, Mapping[int, str]] = {
        "": dict(zip((LESS, LESS_EQUAL, EQUAL, GREATER_EQUAL, GREATER), ("<", "<=", "=", ">=", ">")))
    }
    options: Mapping[str, Callable[[str], Any]] = {}

    def create(self, definition: IndexDefinition) -> Index:
        """Return an empty btree whose keys are also its order."""
        return BTree(width=definition.columns)

    def cost(self, rows: float, selectivity: float) -> float:
        """Return the cost of a search: a step a doubling of the rows, then one for each row found."""
        return 0.1 * log2(rows + 2.0) + 1.5 * rows * selectivity
