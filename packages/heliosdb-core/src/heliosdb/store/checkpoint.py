"""Checkpoints: what is in memory alone goes to segments, and the log starts anew.

    1  commit lock held     everything logged is synced and published; a new log begins; blocks that have changed since
                            the last checkpoint are folded and noted. From here on commits go to the new log
    2  no lock              their rows are written to new segments; segments that hold little of use are rewritten
    3                       the manifest names the new segments and the new log, and replaces the old one: this instant
                            is the checkpoint. A crash before it finds the old manifest and both logs
    4  commit lock held     relations learn where their blocks are; blocks may leave memory from now on
    5                       files that the manifest does not name are deleted

What step 1 notes never changes afterwards: a block's rows are immutable, and later commits make overlays.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator, Mapping
from contextlib import suppress
from heapq import merge
from threading import Lock
from typing import TYPE_CHECKING, Any

from heliosdb.errors import Error
from heliosdb.store.block import BLOCK_BITS, BLOCK_SIZE, Block
from heliosdb.store.erasure import erase_rows
from heliosdb.store.file_header import read_header
from heliosdb.store.growing_segments import SEGMENT_SIZE
from heliosdb.store.log import Log
from heliosdb.store.manifest import Manifest, StoredRelation, encode_manifest
from heliosdb.store.segment import BlockImage, SegmentReader
from heliosdb.store.stored_blocks import MOST_SEGMENTS, BlockCache, Places, StoredBlocks, StoredVersions
from heliosdb.store.timelines import stored_timeline
from heliosdb.store.versions import is_full, trimmed

if TYPE_CHECKING:
    from heliosdb.store.commit_history import CommitRow
    from heliosdb.store.files import StoreFiles
    from heliosdb.store.index_storage import CapturedIndex, IndexStorage
    from heliosdb.store.kept_index import CapturedBlobs
    from heliosdb.store.pace import Pay
    from heliosdb.store.relation import Relation
    from heliosdb.store.store import Store
    from heliosdb.store.stored_blocks import BlockSource
    from heliosdb.store.superseded import Before
    from heliosdb.store.timeline import Timeline
    from heliosdb.store.versions import Older

__all__ = ["Checkpointer"]


class _Noted:
    """A relation as step 1 found it."""

    __slots__ = (
        "blocks", "dropped", "erased", "horizon", "indexes", "lasting", "line", "places", "points", "relation",
        "stored", "trimmed",
    )  # fmt: skip

    def __init__(
        self,
        line: Timeline,
        relation: Relation,
        stored: StoredRelation,
        blocks: list[BlockImage],
        lasting: Mapping[int, Before],
    ) -> None:
        self.line = line
        self.lasting = lasting
        """What blocks were before commits replaced them, which is written with them."""
        self.relation = relation
        self.stored = stored
        self.blocks = blocks
        self.indexes: list[CapturedIndex | CapturedBlobs] = []
        self.places = Places({}) if relation.stored is None else relation.stored.places
        self.dropped: set[int] = set()
        """Blocks that nobody needs any more."""
        self.erased: Collection[int] = ()
        """Blocks that no file is to have as they were."""
        self.points: tuple[int, ...] | None = None
        """Where superseded versions in segments are to go: the SCNs that are read; else None."""
        self.horizon: int | None = None
        """From which SCN on they stay in any case."""
        self.trimmed = 0
        """How many of them have gone."""


class Checkpointer:
    """Makes the checkpoints of one store."""

    def __init__(
        self, store: Store, files: StoreFiles, cache: BlockCache, indexes: IndexStorage, manifest: Manifest
    ) -> None:
        self._store = store
        self._indexes = indexes
        self._files = files
        self._cache = cache
        self._manifest = manifest
        self._running = Lock()

    def read_busy_indexes(self) -> None:
        """Read indexes into memory that are asked again and again."""
        with self._running:
            moved = self._indexes.read_busy_ones()
        if moved:
            self._store.points_changed()

    @property
    def is_closed(self) -> bool:
        """Whether the manifest says that the database was closed."""
        return self._manifest.closed

    def run(
        self,
        *,
        closed: bool = False,
        outdated: Container[str] = (),
        compact: Container[int] = (),
        pay: Pay | None = None,
        erase: tuple[int, Collection[int]] | None = None,
    ) -> dict[int, int]:
        """Make a checkpoint now and return how many versions segments have lost to ``compact``, by relation. Raises
        DiskFull and IoError; the database is then as it was before.

        ``closed``: it is the last one, nothing follows. ``outdated``: files whose content is to go into new ones.
        ``compact``: relations of which blocks with versions that nobody needs are to be written without them. ``pay``
        is called for what is written. ``erase``: a relation and the ids of deleted rows of which no version is to be
        left (``erasure``).
        """
        with self._running:
            return self._run(closed=closed, outdated=outdated, compact=compact, pay=pay, erase=erase)

    def outdated(self) -> list[str]:
        """Return the names of the files whose codecs are not those of new files, logs left out."""
        codecs = self._files.codecs
        found = []
        for name in sorted(self._manifest.files()):
            header = read_header(self._store.volume, name)
            if header is not None and not codecs.is_current(header.codecs, header.codec_parameters):
                found.append(name)
        return found

    def size_of(self, line: int) -> int:
        """Return the bytes of the files that a timeline has of its own."""
        items = [item for item in self._manifest.relations if item.timeline == line]
        names = {
            name for item in items for name in (*item.segments, *(r for index in item.indexes for r in index.runs))
        }
        return sum(map(self._store.volume.size, names))

    def attach_indexes(self, names: Container[str]) -> None:
        """Make the indexes known that have some of these runs: a checkpoint writes none of which nobody knows."""
        store = self._store
        for item in self._manifest.relations:
            if any(run in names for index in item.indexes for run in index.runs):
                store.create_relation(store.lines.numbered(item.timeline), item.oid)

    def _run(
        self,
        *,
        closed: bool,
        outdated: Container[str],
        compact: Container[int],
        pay: Pay | None,
        erase: tuple[int, Collection[int]] | None,
    ) -> dict[int, int]:
        store, files = self._store, self._files
        replaced = store.volume.whole("manifest")
        noted: list[_Noted] = []
        committed: dict[str, int] = {}
        written: list[str] = []
        try:
            manifest, commits = self._note(noted, committed, compact, erase)
            manifest.closed = closed
            noted.append(self._noted_commits(manifest, commits))
            moved = [self._write(item, written, outdated, pay) for item in noted]
            for item in noted:
                if item.indexes:
                    item.stored.indexes = [self._indexes.write(index, written, outdated, pay) for index in item.indexes]
            manifest.next_file = files.next_number
            store.volume.replace("manifest", encode_manifest(manifest, files.codecs))
        except BaseException:
            with store.commit_lock:
                for item in noted:
                    for index in item.indexes:
                        index.give_back()
                files.committed = {**committed, **files.committed}
            # Ctrl-C may come when the manifest has been replaced, and before this is known: then it names them.
            with suppress(Error):
                if store.volume.whole("manifest") == replaced:
                    for name in written:
                        store.volume.delete(name)
            raise
        with store.commit_lock:
            for item, places in zip(noted, moved, strict=True):
                self._install(item, places)
            store.checkpoint_scn = manifest.scn
            store.commits.written_to(manifest.scn)
            trees_changed = self._indexes.install([index for item in noted for index in item.indexes])
        if trees_changed:
            store.points_changed()
        gone = {(item.timeline, item.oid) for item in self._manifest.relations}
        gone.difference_update((item.timeline, item.oid) for item in manifest.relations)
        self._manifest = manifest
        if gone:
            self._cache.forget_dropped()
        self._cache.shrink()
        delete_unnamed(files, manifest, self._cache)
        trimmed: dict[int, int] = {}
        for item in noted:
            trimmed[item.relation.oid] = trimmed.get(item.relation.oid, 0) + item.trimmed
        return trimmed

    # -- step 1

    def _note(
        self,
        noted: list[_Noted],
        committed: dict[str, int],
        compact: Container[int],
        erase: tuple[int, Collection[int]] | None,
    ) -> tuple[Manifest, list[CommitRow]]:
        """Return the new manifest, and what there is to say of the commits since the last one; ``noted`` takes the
        relations, and ``committed`` the segments that those commits have written.
        """
        store = self._store
        journal = store.journal
        assert journal is not None
        with journal.rotating(), store.commit_lock:
            journal.end_log()
            store.let_go_of_superseded()
            erased = frozenset() if erase is None else erase_rows(store, *erase)
            log = Log(store.volume, journal.log.number + 1, self._files.codecs, journal.log.end)
            journal.rotate(log)
            manifest = Manifest(
                scn=store.last_scn,
                time=store.commits.last_time,
                log=log.number,
                transaction_id=next(store.transaction_ids),  # which nobody gets
                counters=store.counters.all(),
                row_ids=store.all_row_ids(),
                next_timeline=store.lines.next_number,
                holds=store.holds.stored(),
            )
            known = {(item.timeline, item.oid): item for item in self._manifest.relations}
            for line in store.lines.all():
                manifest.timelines.append(stored_timeline(line))
                for oid, relation in sorted({**line.stored, **line.relations}.items()):
                    # Whoever asks for a relation that was dropped gets a new one, in which nothing is.
                    if relation.is_logged and (relation.blocks or relation.indexes):
                        here = erased if erase is not None and oid == erase[0] else frozenset()
                        lasting = self._lasting(relation, all_of_it=bool(here))
                        blocks = self._changed_blocks(relation, lasting, here)  # which may drop versions
                        before = known.get((line.id, oid))
                        stored = StoredRelation(
                            line.id,
                            oid,
                            relation.count,
                            relation.block_count(),
                            segments=[] if relation.stored is None else relation.stored.names(),
                            indexes=list(before.indexes) if before is not None and oid in line.stored else [],
                        )
                        stored.begins = _known_begins(relation)
                        stored.dropped = store.dropped.scn(line, oid)
                        manifest.relations.append(stored)
                        item = _Noted(line, relation, stored, blocks, lasting)
                        item.erased = here
                        noted.append(item)
                        if oid in compact:
                            self._note_horizon(item)
                        if oid not in line.stored:
                            self._indexes.capture(line, relation, manifest.scn, item.indexes)
                        stored.pruned_to = relation.pruned_to
            commits = store.commits.rows_from(store.checkpoint_scn + 1)
            committed.update(self._files.committed)
            self._files.committed = {}
            return manifest, commits

    def _note_horizon(self, item: _Noted) -> None:
        """Note which versions of a relation may go, and that nobody may read before them from now on."""
        store, relation = self._store, item.relation
        where = item.places.where()
        if any(segment.has_versions(number) for number, segment in where.items()):
            item.points, item.horizon = store.points(), store.holds.horizon(relation.oid)
            if item.points is not None:
                last = store.last_scn if item.horizon is None else item.horizon
                relation.pruned_to = max(relation.pruned_to, last)

    def _noted_commits(self, manifest: Manifest, commits: list[CommitRow]) -> _Noted:
        """Return the relation in which commits stand, with those since the last checkpoint."""
        store, history = self._store, self._store.commits.history
        relation = history.relation
        relation.extend_to((manifest.scn + BLOCK_SIZE - 1) >> BLOCK_BITS)
        names = [] if relation.stored is None else relation.stored.names()
        stored = StoredRelation(store.lines.root.id, relation.oid, manifest.scn, relation.block_count(), segments=names)
        item = _Noted(store.lines.root, relation, stored, history.images(commits, manifest.scn), {})
        item.dropped = history.outdated(store.holds.first_needed())
        manifest.relations.append(stored)
        return item

    def _lasting(self, relation: Relation, *, all_of_it: bool) -> dict[int, Before]:
        """Return what blocks were before commits replaced them, as far as it is to be found by who opens the database
        again."""
        if relation.stored is None:
            return {}
        points = None if all_of_it else self._store.snapshots.lasting(relation.oid)
        return relation.stored.superseded.needed_at(points)

    def _changed_blocks(self, relation: Relation, lasting: Container[int], erased: Container[int]) -> list[BlockImage]:
        store, images = self._store, []
        for number, present in enumerate(relation.blocks):
            if number in lasting or number in erased:
                relation.block(number)
                folded = relation.fold(number, store.needed(relation.oid))
                if folded is not None:
                    images.append(_image(number, folded))
                continue
            if present is None or not (present.overlay or present.begin > store.checkpoint_scn):
                continue
            if relation.stored is not None and relation.stored.holds(number, present):
                continue  # a commit has written it
            block: Block | None = present
            if present.overlay or present.has_versions:
                block = relation.fold(number, store.needed(relation.oid))
            if block is not None:
                images.append(_image(number, block))
        return images

    # -- steps 2 and 4

    def _write(
        self, item: _Noted, written: list[str], outdated: Container[str], pay: Pay | None
    ) -> dict[int, SegmentReader]:
        """Write a relation's changed blocks, and blocks of segments that are hardly used; return where they are now."""
        kept, images = self._plan(item, outdated)
        places: dict[int, SegmentReader] = {}
        numbers: list[int] = []
        writer = None
        for image in images:
            if writer is None:
                writer = self._files.write_segment(item.stored.oid, item.line.id, pay)
                written.append(writer.name)
            writer.add(image)
            numbers.append(image.number)
            if writer.size >= SEGMENT_SIZE:
                writer.finish()
                places.update(dict.fromkeys(numbers, self._files.read_segment(writer.name)))
                writer, numbers = None, []
        if writer is not None:
            writer.finish()
            places.update(dict.fromkeys(numbers, self._files.read_segment(writer.name)))
        item.stored.segments = [*kept, *dict.fromkeys(reader.name for reader in places.values())]
        item.stored.begins = {name: item.stored.begins[name] for name in kept if name in item.stored.begins}
        return places

    def _plan(self, item: _Noted, outdated: Container[str]) -> tuple[list[str], Iterator[BlockImage]]:
        """Return the names of the segments that stay, and the blocks to write."""
        blocks = iter(item.blocks)
        crowded = len(item.places.segments) >= 2 * MOST_SEGMENTS or item.places.has_replaced
        if (
            not item.blocks
            and not crowded
            and item.points is None
            and not any(name in outdated for name in item.places.segments)
        ):
            return item.stored.segments, blocks
        if item.erased:
            outdated = {name for name, segment in item.places.segments.items() if _has_erased(segment, item, outdated)}
        replaced = item.dropped.union(image.number for image in item.blocks)
        trimmed = _trimmed_blocks(item, replaced)
        kept, old = item.places.worth_keeping(replaced | trimmed.keys(), outdated)
        old.update(trimmed)
        if not old:
            return kept, blocks
        return kept, _merged(blocks, (_trimmed(old[number].image(number), item) for number in sorted(old)))

    def _install(self, item: _Noted, places: dict[int, SegmentReader]) -> None:
        relation = item.relation
        if not places and item.stored.segments == list(item.places.segments):
            return
        if relation.stored is None:
            relation.stored = StoredBlocks(self._cache, [])
        relation.stored.install(item.places, places, item.stored.segments, item.dropped)
        if item.erased:
            relation.stored.superseded.leave(item.lasting)
        else:
            relation.stored.superseded.forget(item.lasting)
        for number, segment in places.items():
            block = relation.blocks[number]
            if block is not None:
                if isinstance(block.source, StoredVersions) and relation.stored.where().get(number) is segment:
                    block.source.segment = segment
                self._cache.note(relation, number, block)
        self._cache.let_go_of_scattered(relation)


def _has_erased(segment: BlockSource, item: _Noted, outdated: Container[str]) -> bool:
    """Whether a segment is not to stay: it has something erased, be it in a block that was replaced since."""
    return segment.name in outdated or any(number in item.erased for number in segment.numbers)


def _trimmed_blocks(item: _Noted, replaced: Container[int]) -> dict[int, BlockSource]:
    """Return the blocks in segments that have versions which nobody needs any more."""
    found: dict[int, BlockSource] = {}
    points, horizon = item.points, item.horizon
    if points is None:
        return found
    for number, segment in item.places.where().items():
        if number in replaced or not segment.has_versions(number):
            continue
        begins, history = segment.versions(number)
        if begins is not None and any(
            trimmed(older, begins[slot], points, horizon)[1] for slot, older in (history or {}).items()
        ):
            found[number] = segment
    return found


def _trimmed(image: BlockImage, item: _Noted) -> BlockImage:
    """Return a block without the versions that nobody needs any more."""
    if item.points is None or image.begins is None:
        return image
    block = Block(image.rows, image.begin, dense=is_full(image.rows), begins=image.begins, history=image.history)
    folded, _ = block.fold(item.points, item.horizon)
    item.trimmed += block.superseded() - folded.superseded()
    return BlockImage(image.number, folded.rows, folded.begin, folded.begins, folded.history)


def _merged(first: Iterator[BlockImage], second: Iterator[BlockImage]) -> Iterator[BlockImage]:
    """Yield blocks of two ascending iterators, ascending."""
    return merge(first, second, key=lambda image: image.number)


def _image(number: int, block: Block) -> BlockImage:
    history: dict[int, Older] | None = None
    if block.is_empty:
        return BlockImage(number, [], block.begin, None, None)
    block.load_versions()
    if block.history:
        # A list of versions grows at its end when the row changes again.
        history = {slot: older[:] if type(older) is list else older for slot, older in block.history.items()}
    return BlockImage(number, block.rows, block.begin, block.begins, history)


def _known_begins(relation: Relation) -> dict[str, int]:
    segments: Mapping[str, Any] = {} if relation.stored is None else relation.stored.places.segments
    return {name: segment.known_begin for name, segment in segments.items() if segment.known_begin}


def delete_unnamed(files: StoreFiles, manifest: Manifest, cache: BlockCache) -> None:
    """Delete files that are not part of the database: left behind by a crash, or replaced by a checkpoint.

    Those of commits that follow the manifest, or are just being made or read, stay.
    """
    from heliosdb.store.files import log_number

    volume = files.volume
    # In this order: what is being made is uncommitted before it is there, and until it is committed or somebody has it.
    names, uncommitted = volume.names(), set(files.uncommitted)
    named = manifest.files() | files.runs_in_use() | cache.segments_in_use() | set(files.committed) | uncommitted
    for name in names:
        number = log_number(name)
        if number < manifest.log if number is not None else name not in named:
            volume.delete(name)
