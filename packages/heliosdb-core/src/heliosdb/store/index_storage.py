"""How btree indexes come from their runs when they are first used, and go into runs at checkpoints.

    attach      the entries of the runs, corrected by the rows of blocks that have changed since they were written
    capture     commit lock held: what was entered since the last checkpoint; the first time, everything
    write       a new run, merged with older ones where it has grown as large as they are
    install     commit lock held: look-ups go to the new runs

An index whose runs are damaged is built anew from the rows: it is never the reason why a table cannot be used. Those
of other access methods are kept as blobs of their own (``kept_index``) or built when they are first used. Keys that are
ordered by something else stand in runs together with it, and are found by what follows from the key; where nothing
follows the tree is always complete, and its runs are only there for the next time.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from itertools import chain, groupby, islice
from operator import eq
from typing import TYPE_CHECKING, Any, NamedTuple

from heliosdb.config import log
from heliosdb.errors import DataCorrupted
from heliosdb.store.block import BLOCK_BITS
from heliosdb.store.btree import BTree
from heliosdb.store.index_build import changed_blocks, enter_past, superseded_entries
from heliosdb.store.index_runs import IndexRuns, current_and_past, merged_entries, without_gone
from heliosdb.store.index_sort import IndexSort
from heliosdb.store.kept_index import CapturedBlobs, capture_blobs, is_kept, restore
from heliosdb.store.manifest import StoredIndex
from heliosdb.store.timeline_index import MAX_SCN, note_gone

if TYPE_CHECKING:
    from heliosdb.store.access_method import Progress
    from heliosdb.store.files import StoreFiles
    from heliosdb.store.index_run import Entry, IndexRun, IndexRunWriter
    from heliosdb.store.pace import Pay
    from heliosdb.store.relation import Relation
    from heliosdb.store.store import Store
    from heliosdb.store.timeline import Timeline
    from heliosdb.store.timeline_index import TimelineIndex
    from heliosdb.store.versions import Row

__all__ = ["CapturedIndex", "IndexStorage"]

ENTRY_SIZE = 140
"""Bytes that an entry takes in a tree, about."""

PIECE = 1 << 14
"""Elements of a tree whose rows are looked up together."""

READ_AT_ONCE = 4096
"""Entries of an index that are read when it is first used; of larger ones, pages are read as they are needed."""
READ_SHIFT = 6
"""An index is read into memory after one look-up for so many entries (as a power of two)."""

Key = tuple[int, int]
"""(timeline, index OID)."""


class WholeTree(NamedTuple):
    """All that is in a tree: the rows that each key has and had, and the parts that hold the elements, most of them
    sorted."""

    current: dict[Any, Any]
    past: dict[Any, Any]
    parts: tuple[list[Any], ...]


class CapturedIndex:
    """What of an index is to be written at a checkpoint."""

    __slots__ = ("delta", "full", "gone", "history", "index", "line", "made", "stored")

    def __init__(
        self,
        line: Timeline,
        index: TimelineIndex,
        delta: list[Entry],
        full: WholeTree | None,
        scn: int,
        *,
        history: bool,
    ) -> None:
        self.line = line
        self.index = index
        self.delta = delta
        self.full = full
        """The tree's entries, where nothing of the index was written yet."""
        self.gone = index.gone
        """Rows whose entries are to be left out."""
        self.history = history
        """Whether somebody may read what was before the checkpoint."""
        self.stored = StoredIndex(index.spec.oid, scn, index.parent is None)
        self.made: IndexRuns | None = None

    def give_back(self) -> None:
        """Undo the capture, with the commit lock held: the checkpoint has failed."""
        if self.full is not None:
            self.index.delta = None
        elif self.index.delta is not None and self.index.delta is not self.delta:
            self.index.delta = self.delta + self.index.delta
        if self.gone is not self.index.gone:
            for number, slots in self.gone.items():
                note_gone(self.index.gone, number, slots)


class IndexStorage:
    """The runs of all indexes of a store."""

    def __init__(self, store: Store, files: StoreFiles) -> None:
        self._store = store
        self._files = files
        self._stored: dict[Key, StoredIndex] = {}
        self.most_entries = files.options.cache_size // 2 // ENTRY_SIZE
        """Entries that trees hold, all together, of indexes that stand in runs."""
        self._held: dict[Key, TimelineIndex] = {}
        """Indexes whose tree holds everything."""

    def _wake(self) -> None:
        if self._store.maintenance is not None:
            self._store.maintenance.wake()

    def load(self, timeline: int, stored: Iterable[StoredIndex]) -> None:
        """Take note of the indexes of a relation, at opening."""
        for index in stored:
            self._stored[timeline, index.oid] = index

    def attach(self, line: Timeline, relation: Relation, index: TimelineIndex) -> bool:
        """Fill a new index from its runs; False where there are none to be used, and it has to be built."""
        if index.tree is None and not is_kept(index):
            return False
        key = (line.id, index.spec.oid)
        stored = self._stored.get(key)
        if index.parent is None and (stored is None or not stored.whole or not relation.blocks):
            # A table without rows has none in the manifest, and its runs are gone. Of an index that the parent has
            # dropped a branch's runs hold only a part.
            return False
        if index.tree is None:
            return self._restored(relation, index, stored, line.fork if stored is None else stored.scn)
        read = [] if stored is None else [self._files.read_run(name) for name in stored.runs]
        runs = self._runs(read, index)
        try:
            if any(run.paired is (index.spec.order_key is None) for run in read):
                return False  # written when keys of this type were ordered in another way
            tree, delta = self._filled(relation, index, runs, line.fork if stored is None else stored.scn)
        except DataCorrupted as error:
            log("warn", "an index is built anew: %s", error)
            return False
        index.tree = index.method = tree
        if stored is not None:
            index.runs, index.delta = runs, delta
        if tree.beyond is index.parent:
            self._held[key] = index
        relation.indexes[index.spec.oid] = index
        return True

    def _restored(self, relation: Relation, index: TimelineIndex, stored: StoredIndex | None, since: int) -> bool:
        try:
            changed = changed_blocks(relation, since)
            restore(self._files, relation, index, stored, changed, self._store.last_scn)
        except DataCorrupted as error:
            log("warn", "an index is built anew: %s", error)
            index.method = self._store.new_index(index.spec).method
            index.superseded.clear()
            return False
        relation.indexes[index.spec.oid] = index
        return True

    def _filled(self, relation: Relation, index: TimelineIndex, runs: IndexRuns, scn: int) -> tuple[BTree, list[Entry]]:
        """Return an index's tree, and what is in it or no more that the runs do not say."""
        tree = _empty_tree(index)
        changed = set(changed_blocks(relation, scn))
        new = dict.fromkeys(_entries_of(relation, index, changed))
        # Keys that rows have had and lost since the runs were written.
        past = [entry for entry in superseded_entries(relation, index, changed) if entry[0] > scn]
        delta = [entry for _, element, row_id in past for entry in ((element, row_id), (element, ~row_id))]
        if index.spec.is_sortable and len(runs) > READ_AT_ONCE:
            tree.beyond = runs
            before = _entries_before(relation, index, changed, runs, scn)
            added = [entry for entry in new if entry not in before]
            # What the runs say of these rows and is true no more has to be taken back some day.
            delta += [(element, ~row_id) for element, row_id in before if (element, row_id) not in new]
        else:
            tree.beyond = index.parent
            before = {}
            elements: list[Any] = []
            row_ids: list[int] = []
            for element, row_id in current_and_past(runs.runs, past, scn):
                if row_id >> BLOCK_BITS in changed:
                    before[element, row_id] = None
                else:
                    elements.append(element)
                    row_ids.append(row_id)
            tree.apply_run(elements, row_ids)
            added = list(new)
            for element, row_id in before:
                if (element, row_id) not in new:
                    delta.append((element, ~row_id))
                    past.append((self._store.last_scn, element, row_id))
        tree.apply([(row_id, (), (element,)) for element, row_id in added], 0)
        enter_past(index, tree, past)
        tree.last_changed = self._store.last_scn
        return tree, [*delta, *(entry for entry in new if entry not in before)]

    def _runs(self, runs: Iterable[IndexRun], index: TimelineIndex) -> IndexRuns:
        spec = index.spec
        return IndexRuns(runs, index.parent, self._wake, None if spec.order_key is None else spec.order_of)

    def _room_for(self, entries: int) -> bool:
        held = sum(map(_size_of, self._held.values()))
        return held + entries <= self.most_entries

    def build(
        self,
        line: Timeline,
        relation: Relation,
        index: TimelineIndex,
        progress: Progress | None = None,
        own: Callable[[int, Row | None], Row | None] | None = None,
    ) -> bool:
        """Fill a new index on the volume, where there is no room for its tree; else return False."""
        if (
            index.tree is None
            or not index.spec.is_sortable
            or index.parent is not None
            or not relation.is_logged
            or self._room_for(relation.count)
        ):
            return False
        piece = self._files.options.cache_size // 8 // ENTRY_SIZE
        IndexSort(self._store, self._files, line, index, piece).build(relation, self._wake, progress, own)
        return True

    # -- in memory or not; one thread at a time, and no checkpoint meanwhile

    def read_busy_ones(self) -> bool:
        """Read indexes into memory that are asked again and again, where there is room; return whether any was."""
        moved = False
        for line in self._store.timelines():
            for relation in tuple(line.relations.values()):
                for index in tuple(relation.indexes.values()):
                    runs = index.runs
                    if (
                        runs is not None
                        and (line.id, index.spec.oid) not in self._held
                        and runs.asked > len(runs) >> READ_SHIFT
                        and self._room_for(len(runs))
                    ):
                        moved = self._read(line, index, runs) or moved
        return moved

    def _read(self, line: Timeline, index: TimelineIndex, runs: IndexRuns) -> bool:
        stored = self._stored.get((line.id, index.spec.oid))
        if stored is None:
            return False  # its runs were made since the last checkpoint
        tree = _empty_tree(index)
        tree.beyond = index.parent
        past: list[tuple[int, Any, int]] = []
        store = self._store
        entries = list(current_and_past(runs.runs, past, stored.scn))
        tree.apply_run([element for element, _ in entries], [row_id for _, row_id in entries])
        with store.commit_lock:
            if index.gone:
                return False  # the next checkpoint takes them out of the runs
            self._enter_delta(index, tree, past)
            index.tree = index.method = tree
            self._held[line.id, index.spec.oid] = index
        return True

    def _enter_delta(self, index: TimelineIndex, tree: BTree, past: list[tuple[int, Any, int]]) -> None:
        """Enter into a new tree what came since the last checkpoint; when a row lost a key is not known any more."""
        scn = self._store.last_scn
        for element, row_id in index.delta or ():
            if row_id >= 0:
                tree.apply([(row_id, (), (element,))], scn)
            else:
                tree.apply([(~row_id, (element,), ())], scn)
        ended = [(scn, element, ~row_id) for element, row_id in index.delta or () if row_id < 0]
        enter_past(index, tree, past)
        index.superseded += ended
        tree.last_changed = tree.last_superseded = scn

    # -- checkpoints

    def capture(
        self, line: Timeline, relation: Relation, scn: int, captured: list[CapturedIndex | CapturedBlobs]
    ) -> None:
        """Have ``captured`` take what is to be written of a relation's indexes; the commit lock is held. Where this
        raises, what has been taken is to be given back.
        """
        readers = self._store.needed(relation.oid)
        history = readers is None or (bool(readers) and readers[0] < scn)
        for index in relation.indexes.values():
            tree = index.tree
            if index.backlog is not None:
                continue
            if tree is None:
                if is_kept(index):
                    kept = capture_blobs(line, relation, index, self._stored.get((line.id, index.spec.oid)), scn)
                    captured += [] if kept is None else [kept]
                continue
            full = None
            if index.delta is None:
                current = tree.current.copy()
                if dict in set(map(type, current.values())):
                    current.update([(key, tuple(found)) for key, found in current.items() if type(found) is dict])
                parts = [part for order in tree.orders(None) for part in (*order.state[0], order.state[1][:])]
                full = WholeTree(current, tree.past.copy(), tuple(parts))
            captured.append(CapturedIndex(line, index, index.delta or [], full, scn, history=history))
            index.delta, index.gone = [], {}
        if captured and not history:
            relation.pruned_to = max(relation.pruned_to, scn)  # as far as indexes go

    def write(
        self,
        item: CapturedIndex | CapturedBlobs,
        written: list[str],
        outdated: Container[str] = (),
        pay: Pay | None = None,
    ) -> StoredIndex:
        """Write a captured index, and with it runs that are ``outdated``; return what the manifest is to say of it."""
        if isinstance(item, CapturedBlobs):
            return item.write(self._files, written, outdated, pay)
        index = item.index
        runs: list[IndexRun] = [] if index.runs is None else list(index.runs.runs)
        if item.full is not None:
            tree = item.full
            runs.append(self._write_run(item, lambda writer: _add_tree(writer, index, tree), written, pay))
        elif item.delta:
            runs.append(self._write_run(item, lambda writer: writer.add_sorted(sorted(item.delta)), written, pay))
        first = 0 if item.gone and runs else _first_to_merge(runs, outdated)
        if first is not None:
            # Somebody who reads an older state needs what merging would leave out.
            merged = merged_entries(runs[first:], is_last=not first, history=item.history)
            if item.gone:
                merged = without_gone(merged, item.gone, history=item.history)
            runs[first:] = [self._write_run(item, lambda writer: writer.add_sorted(merged), written, pay)]
        item.made = self._runs(runs, index)
        item.stored.runs = [run.name for run in runs]
        return item.stored

    def _write_run(
        self, item: CapturedIndex, add: Callable[[IndexRunWriter], None], written: list[str], pay: Pay | None
    ) -> IndexRun:
        spec = item.index.spec
        writer, name = self._files.write_run(
            spec.oid, item.line.id, paired=spec.order_key is not None, single=spec.width == 1, pay=pay
        )
        written.append(name)
        add(writer)
        writer.finish()
        return self._files.read_run(name)

    def install(self, captured: Iterable[CapturedIndex | CapturedBlobs]) -> bool:
        """Let the indexes use what was written, and move entries out of memory where there are too many; the commit
        lock is held. Return whether entries were moved: whoever keeps a tree has to ask for it again."""
        # What was dropped would keep its files, and its tree in memory.
        self._held = {key: index for key, index in self._held.items() if self._store.lines.has_index(key[0], index)}
        moved = False
        for item in captured:
            index, key = item.index, (item.line.id, item.index.spec.oid)
            self._stored[key] = item.stored
            if isinstance(item, CapturedBlobs):
                item.installed()
                continue
            if index.runs is None:
                self._held[key] = index
            elif item.made is not None:
                item.made.asked = index.runs.asked
            index.runs = item.made
            if key not in self._held:
                self._rebase(index)
                moved = True
        for key, index in sorted(self._held.items(), key=lambda held: -_size_of(held[1])):
            if self._room_for(0):
                break
            if index.spec.is_sortable and index.runs is not None:
                del self._held[key]
                index.runs.asked = 0
                self._rebase(index)
                moved = True
        return moved

    def _rebase(self, index: TimelineIndex) -> None:
        """Leave in the tree only what came since the capture: the runs have the rest."""
        tree = _empty_tree(index)
        tree.beyond = index.runs
        self._enter_delta(index, tree, [])
        index.tree = index.method = tree


def _size_of(index: TimelineIndex) -> int:
    return 0 if index.tree is None else len(index.tree.current) + len(index.tree.past)


def _empty_tree(index: TimelineIndex) -> BTree:
    return BTree(paired=index.spec.order_key is not None, width=index.spec.width)


def _entries_of(relation: Relation, index: TimelineIndex, numbers: Iterable[int]) -> Iterator[Entry]:
    """Yield the entries of the newest rows of some blocks."""
    for number in sorted(numbers):
        block = relation.block(number)
        if block is not None:
            for slot, row in enumerate(block.positional(MAX_SCN)):
                if row is not None:
                    for element in index.elements(row):
                        yield element, number << BLOCK_BITS | slot


def _entries_before(
    relation: Relation, index: TimelineIndex, changed: set[int], runs: IndexRuns, scn: int
) -> dict[Entry, None]:
    """Return what runs that were written at an SCN say of the rows of blocks that have changed since.

    The segments have those blocks as they were then. Where they have been written again since, all of the runs is read.
    """
    where = {} if relation.stored is None else relation.stored.where()
    then = {number: where[number] for number in changed if number in where}
    if any(segment.begin(number) > scn for number, segment in then.items()):
        entries = merged_entries(runs.runs, is_last=True)
        return {entry: None for entry in entries if entry[1] >> BLOCK_BITS in changed}
    found: dict[Entry, None] = {}
    for number, segment in sorted(then.items()):
        for slot, row in enumerate(segment.read(number).rows):
            if row is not None:
                for element in index.elements(row):
                    found[element, number << BLOCK_BITS | slot] = None
    return found


def _add_tree(writer: IndexRunWriter, index: TimelineIndex, tree: WholeTree) -> None:
    """Append all entries of a tree, in order."""
    current, past = tree.current, tree.past
    elements = list(chain.from_iterable(tree.parts))
    elements.sort()  # a merge: most parts are sorted
    if any(map(eq, elements, islice(elements, 1, None))):
        elements = [element for element, _ in groupby(elements)]
    paired = index.spec.order_key is not None
    for start in range(0, len(elements), PIECE):
        piece = elements[start : start + PIECE]
        keys = [element[1] for element in piece] if paired else piece
        found: list[Any] = list(map(current.get, keys))
        if set(map(type, found)) == {int} and (not past or past.keys().isdisjoint(keys)):
            writer.add_run(piece, found)
            continue
        for element, key, row_ids in zip(piece, keys, found):
            had = past.get(key)
            if had is not None:
                now = () if row_ids is None else (row_ids,) if row_ids.__class__ is int else row_ids
                gone = {row_id for _, _, row_id, _ in ((had,) if had.__class__ is tuple else had)}.difference(now)
                # Entered and taken back: found by whoever reads an older state.
                row_ids = sorted((*now, *gone, *(~row_id for row_id in gone)))
                writer.add_run([element] * len(row_ids), row_ids)
            elif row_ids is not None:
                row_ids = (row_ids,) if row_ids.__class__ is int else sorted(row_ids)
                writer.add_run([element] * len(row_ids), row_ids)


def _first_to_merge(runs: list[IndexRun], outdated: Container[str] = ()) -> int | None:
    """Return from which run on all are to be one: those that are not much larger than what comes behind them, or from
    the first that is outdated."""
    for number, run in enumerate(runs):
        if run.name in outdated:
            return number
    first = len(runs) - 1
    behind = len(runs[-1]) if runs else 0
    while first > 0 and len(runs[first - 1]) <= 2 * behind:
        first -= 1
        behind += len(runs[first])
    return first if first < len(runs) - 1 else None
