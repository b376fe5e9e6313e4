"""The store: timelines of versioned relations, and the one place where commits become visible.

    published    the last SCN that readers may see
    commit_lock  held by whoever gives out SCNs and changes blocks and indexes

A commit, under the lock, takes the next SCN, enters its changes everywhere with that SCN, and publishes. Readers
look at ``published`` first and then at nothing that is younger; so a half-entered commit is invisible, and so is one
that is entered but not yet durable (*pending*): later committers build on it, readers do not see it.

The store knows neither SQL types nor the catalog nor sessions: keys come from functions in ``IndexSpec``. Transactions,
locks and views of own writes are heliosdb.transaction's; ``TransactionalStore`` there is the class that a database
opens.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import count
from threading import RLock
from typing import TYPE_CHECKING, Any

from heliosdb.encoding.keys import has_null
from heliosdb.errors import (
    HostSystemError,
    IoError,
    ObjectNotInPrerequisiteState,
    ReadOnlySqlTransaction,
    UndefinedObject,
)
from heliosdb.store.access_method import AccessMethod, IndexDefinition, IndexSpec, Progress
from heliosdb.store.block import Block
from heliosdb.store.btree import BTree, BTreeMethod
from heliosdb.store.column_values import FormsRoom
from heliosdb.store.commits import Commits
from heliosdb.store.counters import Counters
from heliosdb.store.dropped import Dropped
from heliosdb.store.feed import Change
from heliosdb.store.gather import gather, is_scattered
from heliosdb.store.holds import DATABASE, Holds, Retention
from heliosdb.store.index_build import build_index, no_longer_held
from heliosdb.store.options import StorageOptions
from heliosdb.store.prepare import PreparedChanges, prepare_changes
from heliosdb.store.relation import Relation
from heliosdb.store.row_ids import RowIds
from heliosdb.store.snapshot import Snapshots
from heliosdb.store.timeline import Timeline
from heliosdb.store.timeline_index import RowChange, Run, TimelineIndex
from heliosdb.store.timelines import Timelines
from heliosdb.store.versions import Row
from heliosdb.store.volume import MemoryVolume, Volume

if TYPE_CHECKING:
    from heliosdb.store.commit_segments import CommitSegments
    from heliosdb.store.index_storage import IndexStorage
    from heliosdb.store.journal import Journal
    from heliosdb.store.maintenance import Maintenance

__all__ = ["RelationChanges", "RowChange", "Store", "has_null"]


RelationChanges = tuple[Relation, Mapping[int, Mapping[int, "Row | None"]], Mapping[int, Sequence["Row | None"]], bool]
"""(relation, {block: {slot: new row or None}}, {block: rows of a bulk insert}, whether index keys may change)."""


class Store:
    """Everything that is committed, of every timeline."""

    def __init__(
        self,
        volume: Volume | None = None,
        methods: Iterable[AccessMethod] | Mapping[str, AccessMethod] = (),
        options: StorageOptions | None = None,
    ) -> None:
        self.options = StorageOptions() if options is None else options
        self.volume: Volume = MemoryVolume() if volume is None else volume
        self.counters = Counters()
        self.forms = FormsRoom(self.options.cache_size)
        self.checkpoint_scn = 0
        """Everything up to this SCN is in segments."""
        self.replayed = 0
        """Commits that were read from the log at opening."""
        self.was_closed = True
        """Whether nothing was under way when the volume was used the last time."""
        self.indexes: IndexStorage | None = None
        """The indexes that stand on the volume."""
        self.points_changed: Callable[[], None] = lambda: None
        """Called when point readers and writers are to be made anew: entries of btrees have gone from memory to the
        volume, a timeline has got another name or has been dropped."""
        self.maintenance: Maintenance | None = None
        """Makes checkpoints, where there is a journal."""
        self.large: CommitSegments | None = None  # writes the blocks of large commits, where there is a journal
        self.journal: Journal | None = None
        """Where commits are written before they are entered; None on a volume that keeps no log."""
        self.is_recovered = False  # whether there was a database on the volume already
        self.published = 0
        self.last_scn = 0
        """The last SCN given out; above ``published`` while commits are pending."""
        self.entering = 0
        """The SCN that was last begun to be entered. If it is not ``last_scn``, that commit was interrupted half way
        (KeyboardInterrupt, MemoryError): it stays invisible only as long as nothing is published after it."""
        self.commit_lock = RLock()
        self.snapshots = Snapshots()
        self.holds = Holds(self)
        self.commits = Commits()
        self.transaction_ids = count(3)  # as PostgreSQL: the first normal transaction id
        self.lines = Timelines(self)
        self.main = self.lines.main
        self._row_ids: dict[int, RowIds] = {}
        self._define = RLock()
        self._crowded: list[tuple[Relation, int]] = []
        """Blocks to fold once the commit that is being entered is published."""
        self.superseding: dict[Relation, None] = {}
        """Relations of which commits have replaced whole blocks: what these were goes when nobody needs it."""
        self.dropped = Dropped(self)
        if not isinstance(methods, Mapping):
            methods = {method.name: method for method in (BTreeMethod(), *methods)}
        # A mapping is asked when an index is made: until one is, nothing of a plugin's method is imported.
        self.methods: Mapping[str, AccessMethod] = methods
        self.specs_of: Callable[[Timeline, int], Sequence[IndexSpec]] | None = None
        """Gives the indexes that a timeline's catalog has for a relation; set by whoever opens a store that has
        relations."""
        if self.volume.keeps_log:
            from heliosdb.store.recovery import recover

            recover(self)
            self.is_recovered = self.last_scn > 0

    def close(self) -> None:
        """Make everything durable and let go of the volume."""
        if self.maintenance is not None:
            self.maintenance.stop()
        self.volume.close()

    # -- timelines

    def now(self) -> int:
        """Return the commit clock: microseconds since 2000-01-01 UTC, never before the last commit."""
        return self.commits.clock()

    def timeline(self, name: str) -> Timeline:
        """Return a timeline by name; UndefinedObject when there is none."""
        return self.lines.named(name)

    def timelines(self) -> list[Timeline]:
        """Return every timeline, main first."""
        return self.lines.living()

    def create_timeline(
        self,
        name: str,
        parent: Timeline | str | None = None,
        scn: int | None = None,
        properties: Mapping[str, Any] | None = None,
        *,
        wait: bool = True,
    ) -> Timeline:
        """Start a timeline at an SCN of its parent (default: main, now), durably, unless nobody is to ``wait`` for
        that: then the next commit makes it so. Nothing is copied.

        Raises DuplicateObject, UndefinedObject, and ObjectNotInPrerequisiteState for an SCN that has not been reached
        or whose versions are gone.
        """
        with self._define:  # whoever makes relations takes the commit lock after this one
            source = self.timeline(parent) if isinstance(parent, str) else parent
            made = self.lines.create(name, source, scn, properties, wait=wait)
            if self.specs_of is None:
                # Now, so that the branch has the indexes of its parent and not those that come later.
                line: Timeline | None = made.parent
                while line is not None:
                    for oid in tuple(line.relations):
                        self.create_relation(made, oid)
                    line = line.parent
        return made

    def drop_timeline(self, name: str) -> None:
        """Remove a timeline's name, durably; its versions stay as long as a descendant reads them.

        A transaction that is open on it can read, and not commit. Raises UndefinedObject, and ObjectInUse for main.
        """
        self.lines.drop(name)

    # -- relations

    def create_relation(self, timeline: Timeline | None, oid: int) -> Relation:
        """Return a relation's storage in a timeline, made on first use."""
        line = self.main if timeline is None else timeline
        found = line.relations.get(oid)
        if found is None:
            with self._define:
                found = self._create_relation(line, oid)
        return found

    relation = create_relation

    def _create_relation(self, line: Timeline, oid: int) -> Relation:
        found = line.relations.get(oid)
        if found is not None:
            return found
        parent = None if line.parent is None else self._create_relation(line.parent, oid)
        stored = line.stored.get(oid)
        if stored is None and self.specs_of is not None and (self.is_recovered or parent is not None):
            # It may have been there without rows, or be the parent's so far: only the catalog knows of its indexes.
            stored = line.stored[oid] = Relation(oid, self.row_ids(oid), parent, line.fork, line.id)
        if stored is not None:
            stored.parent = parent
            self._attach(line, stored)
            return stored
        made = Relation(oid, self.row_ids(oid), parent, line.fork, line.id)
        if parent is not None:
            for index in tuple(parent.indexes.values()):
                made.indexes[index.spec.oid] = self._branch_index(index, line.fork)
        made.tidy, made.forms = self._tidy, self.forms
        line.relations[oid] = made
        return made

    def row_ids(self, oid: int, first: int = 0) -> RowIds:
        """Return a relation's counter of row ids, which all timelines share; at ``first`` or beyond."""
        found = self._row_ids.setdefault(oid, RowIds())
        if first:
            found.advance(first)
        return found

    def all_row_ids(self) -> dict[int, int]:
        """Return the row id that each relation would give next."""
        return {oid: row_ids.next for oid, row_ids in tuple(self._row_ids.items())}

    def _attach(self, line: Timeline, relation: Relation) -> None:
        """Give a relation the indexes that the catalog says it has, before anybody uses it; its parent has its own."""
        for spec in () if self.specs_of is None else self.specs_of(line, relation.oid):
            index = self.new_index(spec)
            if relation.parent is not None and spec.oid in relation.parent.indexes:
                index.inherit(relation.parent.indexes[spec.oid], line.fork)
            if self.indexes is None or not (
                self.indexes.attach(line, relation, index) or self.indexes.build(line, relation, index)
            ):
                build_index(relation, index, self.commit_lock, lambda: self.last_scn, None)
        relation.tidy, relation.forms = self._tidy, self.forms
        line.relations[relation.oid] = relation
        del line.stored[relation.oid]

    def drop_relation(self, timeline: Timeline | None, oid: int) -> None:
        """Sweep a relation's rows, as soon as no branch, pin or open snapshot may read them."""
        with self.commit_lock:
            self.dropped.add_relation(self.main if timeline is None else timeline, oid)

    # -- indexes

    def new_index(self, spec: IndexSpec) -> TimelineIndex:
        """Return an empty index; UndefinedObject where its access method is not there."""
        method = self.methods.get(spec.method)
        if method is None:
            raise UndefinedObject(f'access method "{spec.method}" does not exist')
        if spec.method == "btree":
            return TimelineIndex(spec, BTree(paired=spec.order_key is not None, width=spec.width))
        definition = spec.definition or IndexDefinition(spec.oid, spec.width, spec.unique)
        return TimelineIndex(spec, method.create(definition), exact=method.exact)

    def _branch_index(self, index: TimelineIndex, fork: int) -> TimelineIndex:
        made = self.new_index(index.spec)
        made.inherit(index, fork)
        return made

    def define_index(
        self,
        timeline: Timeline | None,
        relation_oid: int,
        spec: IndexSpec,
        *,
        progress: Progress | None = None,
        own: Callable[[int, Row | None], Row | None] | None = None,
    ) -> TimelineIndex:
        """Make an index over the rows that are there, and keep it up from now on. Commits go on meanwhile.

        ``progress`` is called with the number of rows done. Raises UniqueViolation when the newest rows hold duplicates
        of a unique key; ``own`` gives the rows that a transaction has in their place (see ``build_index``).
        """
        relation = self.create_relation(timeline, relation_oid)
        index = self.new_index(spec)
        line = self.main if timeline is None else timeline
        if self.indexes is None or not self.indexes.build(line, relation, index, progress, own):
            build_index(relation, index, self.commit_lock, lambda: self.last_scn, progress, own)
        if index.trouble is not None:
            self.drop_index(timeline, relation_oid, spec.oid)
            raise HostSystemError(f"the index could not be built: {index.trouble}")
        return index

    def drop_index(self, timeline: Timeline | None, relation_oid: int, index_oid: int) -> None:
        """Stop keeping an index. Branches that read through it keep what they refer to."""
        relation = self.create_relation(timeline, relation_oid)
        with self.commit_lock:
            relation.indexes.pop(index_oid, None)

    def index(self, timeline: Timeline | None, relation_oid: int, index_oid: int) -> TimelineIndex:
        """Return an index as a timeline has it; UndefinedObject when it has none."""
        relation = self.create_relation(timeline, relation_oid)
        found: TimelineIndex | None = relation.indexes.get(index_oid)
        if found is None:
            raise UndefinedObject(f"index {index_oid} does not exist")
        return found

    # -- reading the past

    def needed(self, relation_oid: int) -> tuple[int, ...] | None:
        """Return the SCNs at which versions must stay readable, ascending; None: all."""
        return self._with_published(self.snapshots.needed(relation_oid))

    def points(self) -> tuple[int, ...] | None:
        """Return the same as far as readers and pins say it, whatever a retention keeps besides."""
        return self._with_published(self.snapshots.points())

    def _with_published(self, points: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if points is not None and self.published < self.last_scn:
            # Commits are pending: whoever comes now reads at ``published``.
            return tuple(sorted({*points, self.published}))
        return points

    def check_readable(self, relation: Relation, scn: int) -> None:
        """Raise when versions visible at an SCN may have been dropped, naming the horizon."""
        if scn < relation.pruned_to and not self.snapshots.keeps(relation.timeline, scn):
            raise ObjectNotInPrerequisiteState(
                f"SCN {scn} is before the horizon",
                detail=f"Versions that ended at or before SCN {relation.pruned_to} are no longer kept.",
            )

    def check_readable_at(self, line: Timeline, scn: int) -> None:
        """Do so for all relations of a timeline and of those that it starts from, used or not."""
        ancestor: Timeline | None = line
        while ancestor is not None:
            if scn >= ancestor.fork:
                for relation in (*ancestor.relations.values(), *ancestor.stored.values()):
                    self.check_readable(relation, scn)
            scn = min(scn, ancestor.fork)
            ancestor = ancestor.parent

    def pin(self, name: str, scn: int | None = None, timeline: Timeline | str | None = None) -> int:
        """Keep what is visible at an SCN of a timeline (default: main, now) until ``unpin``, durably; return the SCN.

        Raises DuplicateObject, and ObjectNotInPrerequisiteState for an SCN that has not been reached or whose versions
        are gone.
        """
        line = self.main if timeline is None else self.timeline(timeline) if isinstance(timeline, str) else timeline
        return self.holds.pin(name, scn, line)

    def unpin(self, name: str) -> None:
        """Let go of a pin, durably; UndefinedObject when there is none."""
        self.holds.unpin(name)

    def retain(self, retention: Retention | None, relation_oid: int = DATABASE) -> None:
        """Say, durably, what is kept of the past of a relation, or of all relations that have no rule of their own.

        None: no rule. It covers what is there and what will come, and brings nothing back.
        """
        self.holds.retain(retention, relation_oid)

    def changes(
        self, relation_oid: int, since: int, until: int | None = None, timeline: Timeline | None = None
    ) -> Iterator[Change]:
        """Yield what commits with since < SCN <= until did to a relation, in SCN order."""
        relation = self.create_relation(timeline, relation_oid)
        return relation.feed.changes(since, self.published if until is None else min(until, self.published))

    # -- the change feed

    def follow(self, relation_oid: int, timeline: Timeline | None = None) -> int:
        """Record a relation's changes from now on, for good, and return the SCN after which they are complete."""
        relation = self.create_relation(timeline, relation_oid)
        with self.commit_lock:
            relation.feed.start(self.last_scn)
            return relation.feed.horizon

    def add_consumer(self, name: Hashable, relation_oid: int, timeline: Timeline | None = None) -> int:
        """Register a consumer of a relation's changes; they are kept from the returned SCN until it advances."""
        relation = self.create_relation(timeline, relation_oid)
        with self.commit_lock:
            relation.feed.start(self.last_scn)
            relation.feed.consumers[name] = self.last_scn
            return self.last_scn

    def advance_consumer(self, name: Hashable, relation_oid: int, scn: int, timeline: Timeline | None = None) -> None:
        """Note that a consumer has taken in everything up to an SCN."""
        relation = self.create_relation(timeline, relation_oid)
        with self.commit_lock:
            relation.feed.consumers[name] = scn
            relation.feed.trim()

    def drop_consumer(self, name: Hashable, relation_oid: int, timeline: Timeline | None = None) -> None:
        """Forget a consumer; after the last one changes are no longer recorded."""
        relation = self.create_relation(timeline, relation_oid)
        with self.commit_lock:
            relation.feed.consumers.pop(name, None)
            if not relation.feed.consumers:
                relation.feed.forget(None)

    def vacuum(self) -> int:
        """Fold every block that has changes, drop every version that nobody needs, and return how many those were;
        without those that stand in segments, which a checkpoint drops."""
        dropped = 0
        for timeline in self.lines.all():
            for relation in tuple(timeline.relations.values()):
                dropped += self.vacuum_relation(relation)
        with self.commit_lock:
            self.let_go_of_superseded()
            self.dropped.sweep()
        return dropped

    def vacuum_relation(self, relation: Relation) -> int:
        """Do so for one relation's blocks in memory, giving way to commits between them; put its rows together where
        they lie anywhere."""
        horizon = self.holds.horizon(relation.oid)
        dropped = 0
        for number in range(relation.block_count()):
            block = relation.blocks[number]
            if block is not None and (block.overlay or block.has_versions):
                with self.commit_lock:
                    dropped += self._vacuum_block(relation, number, horizon)
        with self.commit_lock:
            for index in relation.indexes.values():
                self.forget_superseded(relation, index, self.points(), horizon)
            relation.feed.trim()
        if relation.stored is None and is_scattered(relation):
            gather(relation, self.commit_lock)
        return dropped

    def _vacuum_block(self, relation: Relation, number: int, horizon: int | None) -> int:
        block = relation.blocks[number]
        # What a segment holds is as it was on disk: its versions are dropped, and counted, there.
        if block is None or (relation.stored is not None and relation.stored.holds(number, block)):
            relation.fold(number, self.points(), horizon)
            return 0
        before = block.superseded()
        folded = relation.fold(number, self.points(), horizon)
        return before - (0 if folded is None else folded.superseded())

    def _tidy(self, relation: Relation, number: int) -> Block | None:
        if not self.commit_lock.acquire(blocking=False):
            return None
        try:
            block = relation.blocks[number]
            if block is None:
                return None
            # Who reads further back goes soon, and with him what would be kept; pins and retentions stay.
            oldest = min((self.published, *tuple(self.snapshots.readers.values())))
            if oldest < max((entry[0] for entry in block.overlay.values()), default=0):
                return None
            return relation.fold(number, self.needed(relation.oid))
        finally:
            self.commit_lock.release()

    # -- committing (the caller holds commit_lock)

    @property
    def is_sealed(self) -> bool:
        """Whether a commit was interrupted while it was entered, so that none may follow."""
        return self.entering != self.last_scn

    def next_scn(self) -> int:
        """Begin to enter a commit and return its SCN; IoError after one was interrupted."""
        if self.entering != self.last_scn:
            raise IoError(
                "the database accepts no more commits",
                detail="A commit was interrupted while it was being entered. What was committed before can be read.",
            )
        self.entering = scn = self.last_scn + 1
        return scn

    def publish(self, scn: int, transaction_id: int, author_number: int, time: int = 0) -> int:
        """Record a commit that is entered, make it visible, and return its time.

        With a journal it stays pending, until whoever waits for it has it published.
        """
        time = self.commits.record(transaction_id, author_number, time)
        self.last_scn = scn
        if self.journal is None:
            self.published = scn
            if self._crowded:
                self._fold_crowded()
        return time

    def publish_to(self, scn: int) -> None:
        """Make everything visible up to the SCN of a pending commit."""
        if scn > self.published:
            self.published = scn
        if self._crowded or self.dropped or self.superseding:
            with self.commit_lock:
                self._fold_crowded()
                self.let_go_of_superseded()
                self.dropped.sweep()

    def let_go_of_superseded(self) -> None:
        """Let go of blocks as they were before commits replaced them, where nobody needs them any more."""
        for relation in tuple(self.superseding):
            stored = relation.stored
            if stored is not None:
                gone = stored.superseded.let_go(self.needed(relation.oid))
                relation.pruned_to = max(relation.pruned_to, gone)
            if stored is None or not stored.superseded.is_waiting:
                del self.superseding[relation]

    def _fold_crowded(self) -> None:
        crowded, self._crowded = self._crowded, []
        for relation, number in crowded:
            relation.fold(number, self.needed(relation.oid))

    def record_of(self, changed: Sequence[RelationChanges]) -> list[bytes]:
        """Return what the journal is to say of a commit's changes; nothing without a journal."""
        return [] if self.journal is None else self.journal.record_of(changed)

    def log_commit(
        self,
        timeline: int,
        parts: Sequence[bytes],
        transaction_id: int,
        author_number: int,
        dropped: Collection[int] = (),
    ) -> int:
        """Append the next commit to the journal and return its time; 0 without a journal.

        Raises DiskFull, IoError or, in a database that is open for reading, ReadOnlySqlTransaction: nothing has been
        entered by then.
        """
        if self.journal is None:
            if self.volume.read_only:
                raise ReadOnlySqlTransaction("the database is open for reading only")
            return 0
        time = self.commits.next_time()
        author = self.commits.author(author_number)
        self.journal.append(self.last_scn + 1, time, transaction_id, timeline, author, parts, dropped)
        return time

    def apply(self, changed: Sequence[RelationChanges], transaction_id: int, author_number: int) -> None:
        """Commit changes: prepare, enter, publish."""
        prepared = self.prepare(changed)
        time = self.log_commit(0, self.record_of(changed), transaction_id, author_number)
        scn = self.next_scn()
        self.enter(prepared, scn)
        self.publish(scn, transaction_id, author_number, time)

    def prepare(
        self, changed: Sequence[RelationChanges], *, collect: bool = False, dropped: Container[int] = ()
    ) -> list[PreparedChanges]:
        """Work out what a commit's changes mean row by row and to each index that is not in ``dropped``.

        See ``prepare_changes``; ``enter`` does not fail half way.
        """
        prepared = []
        for relation, rows, bulk, keys_change in changed:
            wanted = collect or relation.feed.wanted
            indexes = (
                [index for index in relation.indexes.values() if index.spec.oid not in dropped] if keys_change else []
            )
            prepared.append(prepare_changes(relation, rows, bulk, indexes, wanted=wanted))
        return prepared

    def enter(self, prepared: Sequence[PreparedChanges], scn: int) -> None:
        """Enter a commit's changes with an SCN that is not published yet: indexes first, then rows."""
        for relation, rows, bulk, changes, entries in prepared:
            readers = self.needed(relation.oid)
            for index, entry in entries:
                if index.superseded:
                    # Before: a key that comes back with this commit is not that of the row as it still stands.
                    self.forget_superseded(relation, index, readers)
                index.enter(entry, scn)
            for number, slots in rows.items():
                if relation.apply_rows(number, slots, scn, readers):
                    self._crowded.append((relation, number))
            for number, run in bulk.items():
                relation.apply_block(number, run if isinstance(run, list) else list(run), scn, readers)
            if relation.feed.wanted:
                relation.feed.record(scn, changes)
            else:
                relation.feed.missed(scn)

    def forget_superseded(
        self, relation: Relation, index: TimelineIndex, readers: Sequence[int] | None, horizon: int | None = None
    ) -> None:
        """Let the index forget removed entries that ended before every reader and before the last published SCN (and
        the horizon of a retention)."""
        superseded = index.superseded
        if readers is None or not superseded:
            return
        last = self.published if horizon is None else min(horizon, self.published)
        last = min(readers[0], last) if readers else last
        gone: list[tuple[Any, int]] = []
        while superseded and superseded[0][0] <= last:
            end, key, row_id = superseded.popleft()
            if end > relation.pruned_to:
                relation.pruned_to = end  # who reads before it would miss the row
            if type(key) is Run:
                assert index.tree is not None
                index.tree.forget_run(key.elements, key.row_ids)
                continue
            gone.append((key, row_id))
        if gone and index.tree is None:
            gone = no_longer_held(relation, index, gone, last)
        if gone:
            index.method.forget(gone)
