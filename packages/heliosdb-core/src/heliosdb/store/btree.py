"""The btree access method: an ordered index over one key a row.

    current     {key: row id, or {row id: None, ...}}     keys of newest versions
    order       their sorted keys (see ``key_order``)
    past        {key: (begin SCN, end SCN, row id, element), or a list}    keys that a row had from some SCN to another
    past_order  their sorted keys, by time as well (see ``past_order``)
    began       {row id: SCN}     when a row got the key that it has, where it had another before

A reader at SCN s takes ``current`` first. Only if ``last_superseded`` > s can the version he sees have lost its key
meanwhile, and then, and only then, ``past`` entries with begin <= s < end are candidates too. ``apply`` therefore
enters a change in this order: the past entry and ``last_superseded``, ``began``, then the new key, then it removes the
old one from ``current``; the row itself changes after that and the SCN is published last. Whatever a reader meets half
done, one of the two has the row, and the recheck of the key on the visible version drops what should not be there.
A range takes the keys of ``order`` first and then looks at ``last_superseded``, for the same reason.

``begin`` is never too late, but may be too early: 0 where nobody noted it.

A reader who finds, after having read ``current``, that ``last_changed`` <= s knows more: nothing was entered since his
snapshot, so every row id he read is of a row he sees under this very key, and he need not check again.

A key here is an *element* of ``key_order``: the key itself, or (order key, key) where they differ.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from math import log2
from typing import TYPE_CHECKING, Any

from heliosdb.store.access_method import Index, IndexChange, IndexDefinition, Progress
from heliosdb.store.key_order import KeyOrder, TakenOrder
from heliosdb.store.past_order import Ended, PastOrder

if TYPE_CHECKING:
    from heliosdb.store.index_runs import IndexRuns
    from heliosdb.store.key_order import Ordered
    from heliosdb.store.timeline_index import TimelineIndex

__all__ = ["BTree", "BTreeMethod"]

Past = Ended | list[Ended]
"""(begin SCN, end SCN, row id, element) of a superseded key, mostly of one row: then without a list around it, which
the garbage collector would have to visit again and again."""
LESS, LESS_EQUAL, EQUAL, GREATER_EQUAL, GREATER = 1, 2, 3, 4, 5
EVER = 2**63 - 1


class BTree:
    """One btree of one timeline."""

    __slots__ = (
        "began",
        "beyond",
        "current",
        "last_changed",
        "last_superseded",
        "order",
        "paired",
        "past",
        "past_order",
        "then",
    )

    def __init__(self, *, paired: bool = False, width: int = 1) -> None:
        self.paired = paired
        self.current: dict[Any, Any] = {}
        self.past: dict[Any, Past] = {}
        self.then: Any = None
        """Ranges as they were at an SCN that was asked for again and again (heliosdb.transaction.ranges_of_then)."""
        self.last_superseded = 0
        self.last_changed = 0
        """The SCN of the last commit that entered anything, set before it does."""
        self.order = KeyOrder(paired=paired, single=width == 1)
        self.began: dict[int, int] = {}
        self.past_order = PastOrder()
        self.beyond: TimelineIndex | IndexRuns | None = None
        """Who holds the entries that are not in this tree: the parent timeline's index, runs on the volume. It never
        changes: where entries move, the index gets another tree, and whoever reads this one finds all that he may
        see."""

    def in_use(self, key: Any) -> bool:
        """Whether any row has this key in its newest version."""
        return key in self.current

    def orders(self, scn: int | None) -> list[Ordered]:
        """Return what has the keys, in order, that rows may have in the versions visible at an SCN; None: at any."""
        found: list[Ordered] = [TakenOrder(self.order)]  # before anything is asked of the past; see the module
        if scn is None or self.last_superseded > scn:
            found += self.past_order.parts(scn)
        return found

    def extract(self, values: Sequence[Any]) -> Sequence[Any]:
        """Return the one key of a row: its values, as a tuple where there are more than one."""
        return [values[0] if len(values) == 1 else tuple(values)]

    def apply(self, changes: Sequence[IndexChange], scn: int) -> None:
        """Take in a commit's changes in the order that readers rely on."""
        current, past, paired = self.current, self.past, self.paired
        if scn > self.last_changed:
            self.last_changed = scn
        known = self.order.is_known
        began, note = self.began, self.past_order.note
        for row_id, removed, added in changes:
            if removed:
                begin = began.get(row_id, 0)
                for element in removed:
                    ended = (begin, scn, row_id, element)
                    _note(past, element[1] if paired else element, ended)
                    note(ended)
                self.last_superseded = scn
                if added:
                    began[row_id] = scn
                else:
                    began.pop(row_id, None)
            for element in added:
                key = element[1] if paired else element
                present = current.get(key)
                if present is None:
                    current[key] = row_id  # before it is ordered: a merge leaves out keys that nobody has
                    self.order.add(element, self.in_use)
                    continue
                if known:
                    self.order.note_changes((element,))
                if type(present) is int:
                    if present != row_id:
                        current[key] = {present: None, row_id: None}
                else:
                    present[row_id] = None
            if removed and known:
                self.order.note_changes(removed)
            for element in removed:
                self._remove(element[1] if paired else element, row_id)
        self.past_order.settle()

    def replace(self, row_id: int, removed: tuple[Any] | None, added: tuple[Any] | None, scn: int) -> None:
        """Take in the change of one row: what ``apply`` does, without its lists."""
        current, paired = self.current, self.paired
        self.last_changed = scn
        if removed is not None:
            ended = (self.began.get(row_id, 0), scn, row_id, removed[0])
            _note(self.past, removed[0][1] if paired else removed[0], ended)
            self.past_order.note(ended)
            self.last_superseded = scn
            if added:
                self.began[row_id] = scn
            else:
                self.began.pop(row_id, None)
        if added is not None:
            key = added[0][1] if paired else added[0]
            present = current.get(key)
            if present is None:
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
            self.past_order.settle()

    def forget_last(self, element: Any, row_id: int) -> None:
        """Drop the past entry that ``replace`` has just made."""
        key = element[1] if self.paired else element
        past = self.past
        kept = past[key]
        if isinstance(kept, tuple):
            del past[key]
        else:
            past[key] = [entry for entry in kept if entry[2] != row_id]
        self.past_order.take_back(element)
        self.began.pop(row_id, None)

    def _remove(self, key: Any, row_id: int) -> None:
        present = self.current.get(key)
        if type(present) is int:
            if present == row_id:
                del self.current[key]
                self.order.waste += 1
        elif present is not None:
            present.pop(row_id, None)
            if len(present) == 1:
                self.current[key] = next(iter(present))

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
            current.update(fresh)
            self.order.note_rows(keys, row_ids)
            self.order.add_many(elements, self.in_use)
        else:
            self._apply_repeating(elements, keys, row_ids)

    def remove_run(self, elements: list[Any], row_ids: Sequence[int], scn: int) -> None:
        """Take out the keys of many rows at once; they stay findable as superseded ones."""
        current, past = self.current, self.past
        if scn > self.last_changed:
            self.last_changed = scn
        keys = [element[1] for element in elements] if self.paired else elements
        began = self.began
        begins = [began.get(row_id, 0) for row_id in row_ids] if began else [0] * len(keys)
        ended = [(begin, scn, row_id, element) for begin, row_id, element in zip(begins, row_ids, elements)]
        fresh: dict[Any, Past] = dict(zip(keys, ended))
        distinct = len(fresh) == len(keys)
        if distinct and past.keys().isdisjoint(fresh):
            past.update(fresh)
        else:
            for key, entry in zip(keys, ended):
                _note(past, key, entry)
        self.past_order.note_all(ended)
        self.last_superseded = scn
        for row_id in row_ids if began else ():
            began.pop(row_id, None)
        self.order.note_changes(elements)
        if distinct and list(map(current.get, keys)) == list(row_ids):
            for key in keys:
                del current[key]
            self.order.waste += len(keys)
        else:
            for key, row_id in zip(keys, row_ids):
                self._remove(key, row_id)
        self.order.compact_if_worth(self.in_use)

    def forget_run(self, elements: list[Any], row_ids: Sequence[int]) -> None:
        """Drop the oldest past entry of each element of a run that was removed."""
        self.forget(zip(elements, row_ids))

    def _apply_repeating(self, elements: list[Any], keys: list[Any], row_ids: Iterable[int]) -> None:
        current = self.current
        self.order.note_changes(elements)
        new = []
        for element, key, row_id in zip(elements, keys, row_ids):
            present = current.get(key)
            if present is None:
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
        past, began, paired = self.past, self.began, self.paired
        gone = end = 0
        for element, row_id in entries:
            key = element[1] if paired else element
            kept = past.get(key)
            if isinstance(kept, tuple):
                end = kept[1]
                del past[key]
            elif kept is not None:
                for place, entry in enumerate(kept):
                    if entry[2] == row_id:
                        end = entry[1]
                        rest = [*kept[:place], *kept[place + 1 :]]
                        past[key] = rest[0] if len(rest) == 1 else rest
                        break
            gone += 1
            if began and began.get(row_id) == end:
                del began[row_id]
        if not past:
            self.past_order = PastOrder()
            self.then = None
        else:
            self.past_order.waste += gone
            self.past_order.sweep((lambda element: element[1] in past) if paired else past.__contains__, end)

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
        ended = []
        for end, element, row_id in entries:
            entry = (0, end, row_id, element)
            _note(self.past, element[1] if self.paired else element, entry)
            ended.append(entry)
            self.last_superseded = max(self.last_superseded, end)
        self.past_order.note_all(ended)

    def row_ids(self, key: Any, scn: int, until: int | None = None) -> Sequence[int]:
        """Return the row ids that may have this key in the version visible at an SCN, or at one from there ``until``
        another."""
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
                last = scn if until is None else until
                entries = (past,) if isinstance(past, tuple) else tuple(past)
                extra = [row_id for begin, end, row_id, _ in entries if begin <= last and end > scn]
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
        """Yield growing lists of keys between two bounds, in order, of the present and of the past."""
        orders = self.orders(None)
        return self.order.windows(low, high, low_inclusive, high_inclusive, descending, orders=orders)

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
            found = [row_id for key in keys for row_id in self.row_ids(key, -1, EVER)]
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


def _note(past: dict[Any, Past], key: Any, ended: Ended) -> None:
    """Enter that a row had a key from one SCN to another."""
    present = past.get(key)
    if present is None:
        past[key] = ended
    elif isinstance(present, tuple):
        past[key] = [present, ended]
    else:
        present.append(ended)


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
