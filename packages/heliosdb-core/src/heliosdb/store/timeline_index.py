"""An index as one timeline has it: its own entries, its parent's at the fork, and what waits to be forgotten.

    branch index  --parent, fork SCN-->  main's index
        own entries: changes made on the branch        entries as of the fork: everything before

A look-up takes the candidates of both; no tombstones are needed, because the reader checks the key on the row that the
branch shows. If the parent's index is dropped later, the branch keeps the object it refers to.

Nor is anything entered when a large commit deletes rows and not all entries are in memory: which rows are gone is
noted, a byte a row, and the next checkpoint leaves their entries out of the runs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from heliosdb.encoding.keys import NULL
from heliosdb.store.access_method import Index, IndexChange, IndexSpec
from heliosdb.store.ancestors import ASKED, Ancestors
from heliosdb.store.btree import BTree
from heliosdb.store.growing_segments import WrittenRows
from heliosdb.store.versions import Row, is_full

if TYPE_CHECKING:
    from heliosdb.store.index_runs import IndexRuns
    from heliosdb.store.key_order import Ordered

__all__ = ["IndexEntries", "RowChange", "Run", "TimelineIndex", "note_gone"]

MANY = 16
RowChange = tuple[int, "Row | None", "Row | None"]
"""(row id, old, new)."""


class Run(NamedTuple):
    """Elements of a btree with their row ids."""

    elements: list[Any]
    row_ids: Sequence[int]


class IndexEntries(NamedTuple):
    """What a commit enters into one index: changes, and (in btrees) a run of elements that are new and one of elements
    that are gone; or which rows of a block are gone, a byte a slot, whatever their elements are."""

    changes: list[IndexChange]
    added: Run | None = None
    removed: Run | None = None
    gone: tuple[int, bytes] | None = None


class TimelineIndex:
    """One index of one timeline: the access method's Index (``method``; ``tree`` if that is a btree) and its
    surroundings."""

    __slots__ = (
        "_above",
        "_asked",
        "backlog",
        "changed",
        "claims",
        "delta",
        "exact",
        "fork",
        "found",
        "gone",
        "key_locks",
        "method",
        "moved",
        "parent",
        "runs",
        "simple_key",
        "spec",
        "superseded",
        "tree",
    )

    def __init__(
        self, spec: IndexSpec, method: Index, *, exact: bool = True, parent: TimelineIndex | None = None, fork: int = 0
    ) -> None:
        self.spec = spec
        self.method = method
        self.exact = exact
        self.tree = method if isinstance(method, BTree) else None
        self.simple_key = spec.key if self.tree is not None and spec.predicate is None else None
        """The key function, where comparing keys is all there is to say whether a change concerns this index."""
        self.parent = parent
        """The index of the parent timeline, or of one above it, which has the entries as of ``fork``."""
        self.fork = fork
        self._above: Ancestors | None = None
        self._asked = 0
        self.found: dict[Any, int] = {}
        """Where look-ups of a branch's unique keys have ended; the row there has to be looked at."""
        self.moved = 0.0
        """The part of the rows named by ancestors that stand elsewhere now, as the latest ordering scans met it."""
        self.runs: IndexRuns | None = None
        """The runs that stand on the volume, whether the tree holds their entries or not."""
        self.delta: list[tuple[Any, int]] | None = None
        """What was entered since the last checkpoint, (element, row id) and (element, ~row id) of what was taken out;
        None where nothing of the index stands on a volume."""
        self.gone: dict[int, bytes] = {}
        """By block, which of its rows have been deleted and have their entries still: a byte a slot."""
        self.superseded: deque[tuple[int, Any, int]] = deque()
        """(end SCN, key, row id) of removed entries, oldest first, until nobody needs them; a ``Run`` stands in the
        key's place for all of its keys."""
        self.key_locks: dict[Any, Any] = {}
        """Key of a unique index -> lock grant (heliosdb.transaction.locks)."""
        self.backlog: list[tuple[IndexEntries, int]] | None = None
        """While the index is built: what commits will have entered."""
        self.changed = 0
        """Rows whose entries have changed since the index was last written, where it is kept as blobs."""
        self.claims: list[Any] = []
        """Bulk inserts under way: each holds all the keys it is about to add."""

    def inherit(self, parent: TimelineIndex, fork: int) -> None:
        """Begin with what the parent timeline's index has at the fork.

        A btree in which nothing was ever entered has nothing at the fork either, and what comes to it later is not
        asked for: then this index begins with that of the timeline above, so that a look-up on a deep branch asks only
        those that have something to say.
        """
        if self.tree is not None:
            while parent.parent is not None and parent.is_unused:
                parent, fork = parent.parent, parent.fork
        self.parent, self.fork = parent, fork
        self._above = None
        if self.tree is not None:
            self.tree.beyond = parent

    @property
    def is_unused(self) -> bool:
        """Whether a btree has no entries of its own, neither here nor on the volume."""
        tree = self.tree
        return (
            tree is not None
            and self.backlog is None
            and tree.beyond is self.parent
            and not (tree.current or tree.past or self.delta)
        )

    def elements(self, row: Row) -> Sequence[Any]:
        """Return the index keys of a row: none where a partial index leaves it out."""
        spec = self.spec
        if spec.predicate is not None and not spec.predicate(row):
            return ()
        if self.tree is not None:
            key = spec.key(row)
            return (key,) if spec.order_key is None else ((spec.order_key(row), key),)
        assert spec.values is not None
        return self.method.extract(spec.values(row))

    def changes(self, changed: Iterable[RowChange]) -> list[IndexChange]:
        """Return what (row id, old, new) changes mean to this index."""
        result: list[IndexChange] = []
        elements, key = self.elements, self.simple_key
        for row_id, old, new in changed:
            if key is not None and old is not None and new is not None and key(old) == key(new):
                continue
            before = () if old is None else elements(old)
            after = () if new is None else elements(new)
            if len(before) > 1 or len(after) > 1:
                before, after = [k for k in before if k not in after], [k for k in after if k not in before]
            elif before == after:
                continue
            if before or after:
                result.append((row_id, before, after))
        return result

    def prepare(self, changed: Sequence[RowChange]) -> IndexEntries | None:
        """Return what a commit's (row id, old, new) changes are to enter here, None for nothing."""
        if len(changed) >= MANY and self.simple_key is not None:
            row_ids, olds, news = zip(*changed)
            if olds.count(None) == len(olds):
                return self.prepare_run(row_ids, news)
            if news.count(None) == len(news):
                return IndexEntries([], None, Run(self._elements_of(olds), row_ids))
        changes = self.changes(changed)
        return IndexEntries(changes) if changes else None

    @property
    def forgets_late(self) -> bool:
        """Whether it is enough to note which rows are deleted: readers look at the rows of all that they find."""
        return self.tree is not None and self.tree.beyond is not None and self.backlog is None

    def prepare_run(self, row_ids: Sequence[int], rows: Sequence[Row | None]) -> IndexEntries:
        """Return what many new rows are to enter here."""
        column = self.spec.key_column
        if column is not None and self.spec.order_key is None and self.simple_key is not None:
            if isinstance(rows, WrittenRows):
                return IndexEntries([], Run([NULL if key is None else key for key in rows.column(column)], row_ids))
        if self.simple_key is None or not is_full(rows):
            return IndexEntries(self.changes((i, None, row) for i, row in zip(row_ids, rows) if row is not None))
        return IndexEntries([], Run(self._elements_of(rows), row_ids))

    def _elements_of(self, rows: Sequence[Any]) -> list[Any]:
        key, order_key = self.simple_key, self.spec.order_key
        assert key is not None
        keys = map(key, rows)
        return list(keys) if order_key is None else list(zip(map(order_key, rows), keys))

    def enter(self, entries: IndexEntries, scn: int) -> None:
        """Enter what was prepared, or note it while the index is being built."""
        if self.backlog is not None:
            self.backlog.append((entries, scn))
            return
        changes, added, removed, gone = entries
        if gone is not None:
            note_gone(self.gone, *gone)
        if self.delta is not None:
            self._note_delta(entries)
        if self.tree is not None:
            if added is not None:
                self.tree.apply_run(added.elements, added.row_ids, scn)
            if removed is not None:
                self.tree.remove_run(removed.elements, removed.row_ids, scn)
                self.superseded.append((scn, removed, -1))
        if changes:
            self.changed += len(changes)
            self.method.apply(changes, scn)
            superseded = self.superseded
            for row_id, elements, _ in changes:
                for element in elements:
                    superseded.append((scn, element, row_id))

    def _note_delta(self, entries: IndexEntries) -> None:
        delta = self.delta
        assert delta is not None
        changes, added, removed, _ = entries
        for row_id, before, after in changes:
            delta += [(element, ~row_id) for element in before]
            delta += [(element, row_id) for element in after]
        if added is not None:
            delta += zip(added.elements, added.row_ids)
        if removed is not None:
            delta += [(element, ~row_id) for element, row_id in zip(removed.elements, removed.row_ids)]

    def catch_up(self) -> None:
        """Enter what was noted during the build, which is over."""
        backlog, self.backlog = self.backlog, None
        for entries, scn in backlog or ():
            self.enter(entries, scn)

    def row_ids(self, key: Any, scn: int, until: int | None = None) -> Sequence[int]:
        """Return the row ids that may have a btree key in the version visible at an SCN of this timeline, or at one
        from there ``until`` another."""
        tree = self.tree
        assert tree is not None
        found = tree.row_ids(key, scn, until)
        beyond = tree.beyond
        if beyond is None:
            return found
        more = [*found]
        if beyond is not self.parent:
            more += beyond.own_row_ids(key)  # type: ignore[union-attr]
        if self.parent is not None:
            more += self.above(1).row_ids(key)
        return tuple(dict.fromkeys(more)) if len(more) > 1 else more

    def guess(self, key: Any) -> int | None:
        """Return a row that is likely to have a btree key, for who looks at the row; None: ask ``row_ids``."""
        assert self.tree is not None
        found = self.tree.current.get(key)
        if found is None and self.parent is not None:
            found = self.above(1).guess(key)
        return found if found.__class__ is int else None

    def above(self, asked: int) -> Ancestors:
        """Return the parents' part of a btree, to be asked for so many keys."""
        found = self._above
        if found is None:
            found = self._above = Ancestors(self)
        if self._asked < ASKED:
            self._asked += asked
            if self._asked >= ASKED:
                found = self._above = found.put_together(self)
        return found

    def orders(self, tree: BTree, scn: int) -> list[Ordered]:
        """Return what has the keys, in order, that rows may have in the versions visible at an SCN of this timeline.

        ``tree`` is that of this index, or was when the reader began; its own order comes first.
        """
        found = tree.orders(scn)
        beyond = tree.beyond
        if beyond is not None and beyond is not self.parent:
            found.append(beyond.order)  # type: ignore[union-attr]
        if self.parent is not None:
            found += self.above(ASKED).orders()
        return found

    def has_none_of(self, keys: Collection[Any]) -> bool:
        """Whether surely no row has, or had, one of many keys of a btree; parents are asked for themselves."""
        tree = self.tree
        assert tree is not None
        return tree.current.keys().isdisjoint(keys) and tree.past.keys().isdisjoint(keys)

    @property
    def beyond(self) -> TimelineIndex | IndexRuns | None:
        """Who holds the entries of a btree that are not in its tree."""
        assert self.tree is not None
        return self.tree.beyond

    @property
    def trouble(self) -> str | None:
        """Why the index's own part names nothing, None where all is well; see ``Likely``."""
        said: str | None = getattr(self.method, "trouble", None)
        return said

    def ancestors(self) -> Iterator[TimelineIndex]:
        """Yield the index and those of the parent timelines that hold more of its entries."""
        line: TimelineIndex | None = self
        while line is not None:
            yield line
            line = line.parent

    def newest_row_ids(self, key: Any) -> Sequence[int]:
        """Return the row ids that may have a btree key in their newest version, published or pending."""
        return self.row_ids(key, MAX_SCN)


def note_gone(gone: dict[int, bytes], number: int, slots: bytes) -> None:
    """Add rows of a block to those that are gone."""
    before = gone.get(number)
    if before is not None:
        size = max(len(before), len(slots))
        both = int.from_bytes(before, "little") | int.from_bytes(slots, "little")
        slots = both.to_bytes(size, "little")
    gone[number] = slots


MAX_SCN = 2**63 - 1
