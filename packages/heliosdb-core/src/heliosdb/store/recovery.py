"""Opening a store: the manifest says what there is, the logs behind it what has been committed since.

    manifest    timelines and relations as of the last checkpoint; none of their rows are read
    logs        every commit after it, entered again in the order of its SCN

Rows that are replayed go where they went at first. Every version stays: what of them is needed is known when all of the
log has been read, pins and timelines that it speaks of included, and the next checkpoint drops the others. No index is
touched: relations get their indexes when somebody first uses them. A torn tail is no error, those commits were never
answered; a hole in the numbering is.
"""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING

from heliosdb.errors import DataCorrupted
from heliosdb.store.block import BLOCK_BITS
from heliosdb.store.checkpoint import Checkpointer, delete_unnamed
from heliosdb.store.commit_history import COMMITS_RELATION
from heliosdb.store.commit_segments import CommitSegments, enter_changed, enter_segment
from heliosdb.store.files import LOG_PREFIX, RUN_PREFIX, SEGMENT_PREFIX, StoreFiles, log_number
from heliosdb.store.index_storage import IndexStorage
from heliosdb.store.journal import Journal
from heliosdb.store.log import Log, LogChain, LogReader, log_name, read_log
from heliosdb.store.maintenance import Maintenance
from heliosdb.store.manifest import Manifest, StoredTimeline, decode_manifest
from heliosdb.store.records import COMMIT, HOLDS, TIMELINES, RecordChanges, by_block, decode_record
from heliosdb.store.relation import Relation
from heliosdb.store.row_ids import BULK_ROWS
from heliosdb.store.stored_blocks import BlockCache, StoredBlocks
from heliosdb.store.volume import missing_file

if TYPE_CHECKING:
    from heliosdb.store.records import Record
    from heliosdb.store.store import Store
    from heliosdb.store.timeline import Timeline
    from heliosdb.store.volume import Volume

__all__ = ["recover"]

FIRST_LOG = Manifest().log
PREFIXES = (LOG_PREFIX, RUN_PREFIX, SEGMENT_PREFIX)


def recover(store: Store) -> None:
    """Bring a new store to the state of its volume, and give it the journal that goes on from there."""
    volume = store.volume
    files = StoreFiles(volume, store.options)
    frames = files.frames
    content = volume.whole("manifest")
    manifest = Manifest() if content is None else decode_manifest(content, files.codecs)
    cache = BlockCache(store, store.options.cache_size)
    store.indexes = IndexStorage(store, files)
    _load(store, manifest, files, cache)
    numbers = sorted(number for name in volume.names() if (number := log_number(name)) is not None)
    _require_files(volume, numbers, None if content is None else manifest)
    reader: LogReader | None = None
    logs = LogChain(manifest.log)
    # With the commit lock no block leaves memory between being read and being changed.
    with store.commit_lock:
        for number in numbers:
            if number < manifest.log:
                continue
            if reader is not None:
                reader.require_whole()
            reader = read_log(volume, number, files.codecs)
            if content is not None and number == manifest.log:
                reader.require_header()
            problem = logs.problem_before(reader)
            if problem is not None:
                raise problem
            for record in reader:
                _replay(store, decode_record(frames, record.payload), record.scn, files, cache)
            logs.add(reader)
    for line in store.lines.all():
        for relation in line.stored.values():
            relation.changed = relation.feed.horizon = store.checkpoint_scn + store.replayed
    store.published = store.last_scn = store.entering = store.checkpoint_scn + store.replayed
    store.was_closed = manifest.closed and not store.replayed
    store.dropped.sweep()
    store.let_go_of_superseded()
    if volume.read_only:
        return
    log = Log(volume, manifest.log, files.codecs) if reader is None else Log.resume(reader, logs.end)
    if reader is not None and manifest.log < reader.number < log.number and not reader.has_records:
        volume.delete(reader.name)
    delete_unnamed(files, manifest, cache)
    store.large = CommitSegments(files, cache)
    store.maintenance = Maintenance(store, Checkpointer(store, files, cache, store.indexes, manifest))
    store.journal = Journal(store, log, frames, store.last_scn, store.maintenance.wake)


def _require_files(volume: Volume, numbers: list[int], manifest: Manifest | None) -> None:
    """Raise DataCorrupted where the manifest is missing, or the log that it names.

    Nothing may be taken for a new database, and swept, that has lost them: before there is a manifest the first log is
    there, and a manifest names a log that is durable.
    """
    if manifest is not None:
        if manifest.log not in numbers:
            raise missing_file(log_name(manifest.log))
    elif FIRST_LOG not in numbers and any(name.startswith(PREFIXES) for name in volume.names()):
        raise missing_file("manifest")


def _load(store: Store, manifest: Manifest, files: StoreFiles, cache: BlockCache) -> None:
    files.next_number = manifest.next_file
    store.checkpoint_scn = manifest.scn
    store.commits.start(manifest.scn + 1, manifest.time)
    store.transaction_ids = count(manifest.transaction_id)
    store.counters.load(manifest.counters)
    store.lines.restore(manifest.timelines, manifest.next_timeline)
    store.holds.restore(manifest.holds)
    for oid, first in manifest.row_ids.items():
        store.row_ids(oid, first)
    for stored in manifest.relations:
        line = store.lines.numbered(stored.timeline)
        is_commits = stored.oid == COMMITS_RELATION
        relation = store.commits.history.relation if is_commits else _relation(store, line, stored.oid)
        relation.count = stored.count
        relation.pruned_to = stored.pruned_to
        relation.extend_to(stored.blocks)
        if stored.dropped:
            store.dropped.note(line, stored.oid, stored.dropped)
        assert store.indexes is not None
        store.indexes.load(line.id, stored.indexes)
        if stored.segments:
            relation.stored = StoredBlocks(
                cache, [files.read_segment(name, stored.begins.get(name, 0)) for name in stored.segments]
            )


def _relation(store: Store, line: Timeline, oid: int) -> Relation:
    found = line.stored.get(oid)
    if found is None:
        parent = None if line.parent is None else _relation(store, line.parent, oid)
        found = line.stored[oid] = Relation(oid, store.row_ids(oid), parent, line.fork, line.id)
    return found


def _replay(store: Store, record: Record, scn: int, files: StoreFiles, cache: BlockCache) -> None:
    store.counters.load(record.counters)
    if record.kind == TIMELINES:
        listed = json.loads(record.payload)
        if isinstance(listed, dict):
            store.lines.add(StoredTimeline(**listed))
        else:
            store.lines.restore(StoredTimeline(**item) for item in listed)
        return
    if record.kind == HOLDS:
        store.holds.restore(json.loads(record.payload))
        return
    if record.kind != COMMIT:
        return
    expected = store.checkpoint_scn + store.replayed + 1
    if scn < expected:
        return
    if scn > expected:
        raise DataCorrupted(
            f"the log goes on with commit {scn}, and {expected} is missing", hint="heliosdb salvage reads what is left."
        )
    line = store.lines.numbered(record.timeline)
    for changes in record.changes:
        _enter(store, _relation(store, line, changes.relation), changes, scn)
    for written in record.segments:
        files.take_name(written.name)
        segment = files.read_segment(written.name, scn)
        files.committed[written.name] = files.volume.size(written.name)
        relation = _relation(store, line, written.relation)
        last = segment.numbers[-1]
        store.row_ids(relation.oid, (last << BLOCK_BITS) + segment.slots(last))
        if written.changed is not None:
            enter_changed(relation, segment, cache, written, None)
            store.superseding[relation] = None
        else:
            enter_segment(relation, segment, cache, written.rows, None, {})
    for oid in record.dropped:
        store.dropped.note(line, oid, scn)
    author = record.author._replace(timeline=line.name)
    store.commits.record(record.transaction_id, store.commits.author_number(author), record.time)
    store.replayed += 1
    # Whoever begins first need not commit first.
    store.transaction_ids = count(max(record.transaction_id + 1, next(store.transaction_ids)))


def _enter(store: Store, relation: Relation, changes: RecordChanges, scn: int) -> None:
    if not changes.row_ids:
        return
    store.row_ids(relation.oid, max(changes.row_ids) + 1)
    for number, slots in by_block(changes).items():
        rows = list(slots.values())
        whole = len(slots) >= BULK_ROWS and list(slots) == list(range(len(slots)))
        if whole and relation.is_new_block(number):
            relation.apply_block(number, rows, scn, None)
        elif relation.apply_rows(number, slots, scn, None):
            relation.fold(number, None)
