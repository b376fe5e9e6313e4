"""Filling an index that is too large for memory: its entries are sorted on the volume, and stay there.

    1  with the commit lock:      the index joins the relation's; commits put what they enter into its backlog
    2  without it:                entries of the newest rows, and of older versions, are sorted by pieces; each piece is
                                  written as a run, and all are merged into one. Keys that come twice are noted
    3  with it:                   the run is what the index has; the backlog's rows are compared with it; keys that came
                                  twice, or into the backlog, are checked

The run holds a superset of what is to be found, as runs do: also keys that rows had in older versions, taken back. An
entry counts by how often it was entered and taken back, so what commits did meanwhile is not entered as it came, but as
the difference between the rows and the run.

The run belongs to the database from the next checkpoint that finds the index on. After a crash before it the index is
filled again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from heliosdb.encoding.keys import has_null
from heliosdb.interrupts import poll
from heliosdb.sorting import sort_rows
from heliosdb.store.index_build import refuse_duplicates, rows_by_block
from heliosdb.store.index_run import merge
from heliosdb.store.index_runs import IndexRuns

if TYPE_CHECKING:
    from heliosdb.store.access_method import Progress
    from heliosdb.store.files import StoreFiles
    from heliosdb.store.index_run import Entry, IndexRun
    from heliosdb.store.relation import Relation
    from heliosdb.store.store import Store
    from heliosdb.store.timeline import Timeline
    from heliosdb.store.timeline_index import TimelineIndex
    from heliosdb.store.versions import Row

__all__ = ["IndexSort"]

FEWEST = 4096
"""Entries that are sorted at once however little memory there is."""
ENTRIES_A_POLL = 4096


def _itself(entry: Entry) -> Entry:
    return entry


class IndexSort:
    """Fills one index. ``piece`` is how many entries are sorted at once."""

    def __init__(self, store: Store, files: StoreFiles, line: Timeline, index: TimelineIndex, piece: int) -> None:
        self._store = store
        self._files = files
        self._line = line
        self._index = index
        self._piece = max(FEWEST, piece)
        self._written: list[str] = []
        self._twice: list[Any] = []

    def build(
        self,
        relation: Relation,
        wake: Callable[[], None],
        progress: Progress | None,
        own: Callable[[int, Row | None], Row | None] | None,
    ) -> None:
        """Fill the index and make it one of the relation's; see ``index_build.build_index``."""
        store, files, index, oid = self._store, self._files, self._index, self._index.spec.oid
        with store.commit_lock:
            index.backlog = []
            relation.indexes[oid] = index
        try:
            runs = [self._write(iter(piece)) for piece in self._pieces(relation, progress)]
            run = self._write(self._noting_twice(merge(runs)))
            self._delete(self._written[:-1])
            with store.commit_lock:
                order_of = None if index.spec.order_key is None else index.spec.order_of
                self._install(relation, IndexRuns([run], None, wake, order_of), own)
            files.uncommitted.discard(run.name)  # it stays as long as the index has it
        except BaseException:
            with store.commit_lock:
                relation.indexes.pop(oid, None)
            self._delete(self._written)
            raise

    def _pieces(self, relation: Relation, progress: Progress | None) -> Iterator[list[Entry]]:
        """Yield sorted lists of the entries of rows that are there, and of older versions."""
        entries: list[Entry] = []
        past: list[tuple[int, Any, int]] = []
        done = 0
        for batch in rows_by_block(relation, self._index, past):
            entries += [(key, row_id) for row_id, keys in batch for key in keys]
            entries += _passed(past)
            past.clear()
            done += len(batch)
            if len(entries) >= self._piece:
                sort_rows(entries, _itself)
                yield entries
                entries = []
            if progress is not None:
                progress(done)
        entries += _passed(past)
        sort_rows(entries, _itself)
        yield entries

    def _write(self, entries: Iterable[Entry]) -> IndexRun:
        spec, files = self._index.spec, self._files
        writer, name = files.write_run(
            spec.oid, self._line.id, paired=spec.order_key is not None, single=spec.width == 1
        )
        files.uncommitted.add(name)
        self._written.append(name)
        writer.add_sorted(entries)
        writer.finish()
        return files.read_run(name)

    def _delete(self, names: Iterable[str]) -> None:
        for name in tuple(names):
            self._files.volume.delete(name)
            self._files.uncommitted.discard(name)

    def _noting_twice(self, entries: Iterator[Entry]) -> Iterator[Entry]:
        """Note the keys that come twice on the way."""
        before: Any = _NOTHING
        unique, twice = self._index.spec.unique, self._twice
        for number, entry in enumerate(entries):
            if not number % ENTRIES_A_POLL:
                poll()
            if unique:
                key = entry[0]
                if entry[1] >= 0 and key == before and (not twice or twice[-1] != key):
                    twice.append(key)
                if entry[1] >= 0:
                    before = key
            yield entry

    def _install(
        self, relation: Relation, runs: IndexRuns, own: Callable[[int, Row | None], Row | None] | None
    ) -> None:
        index, spec, tree = self._index, self._index.spec, self._index.tree
        assert tree is not None
        touched = _touched(index)
        index.backlog = None
        tree.beyond = index.runs = runs
        added, removed = [], []
        for key, row_id in touched:
            row = relation.newest(row_id)[1]
            is_wanted = row is not None and key in index.elements(row)
            there = runs.runs[0].row_ids(key)
            is_there = row_id in there and ~row_id not in there
            if is_wanted and not is_there:
                added.append((key, row_id))
            elif is_there and not is_wanted:
                removed.append((key, ~row_id))
        tree.apply([(row_id, (), (key,)) for key, row_id in added], 0)
        index.delta = [*added, *removed]
        tree.last_changed = self._store.last_scn
        if spec.unique:
            for element in dict.fromkeys([*self._twice, *(element for element, _ in added)]):
                key = element if spec.order_key is None else element[1]
                if spec.nulls_not_distinct or not has_null(key, spec.width):
                    refuse_duplicates(relation, index, key, index.newest_row_ids(key), own)


def _passed(past: Iterable[tuple[int, Any, int]]) -> Iterator[Entry]:
    """Yield the entries of keys that rows had: found by whoever reads an older state, and taken back at once."""
    for _, key, row_id in past:
        yield key, row_id
        yield key, ~row_id


def _touched(index: TimelineIndex) -> dict[Entry, None]:
    """Return the entries that commits have entered or taken out since the index joined the relation's."""
    touched: dict[Entry, None] = {}
    for (changes, added, removed, _), _ in index.backlog or ():
        for row_id, before, after in changes:
            touched.update(dict.fromkeys((key, row_id) for key in (*before, *after)))
        for run in (added, removed):
            if run is not None:
                touched.update(dict.fromkeys(zip(run.elements, run.row_ids)))
    return touched


_NOTHING: Any = object()
