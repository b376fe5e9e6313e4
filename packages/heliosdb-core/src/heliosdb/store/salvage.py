"""What is left of a damaged database, put into the files of a new one.

    manifest    if it is readable it says which segments and logs count, which timelines there are, and what of the past
                is kept; else all files that are there count, and the newest state of the main timeline is taken
    segments    block by block; of a block that is not readable an older copy is taken, where there is one
    logs        record by record; one that is not readable is left out, and so are changes that a block has already;
                rows that a large commit wrote to a segment are changes, too, which the record only names

Rows keep their ids, and commits their SCNs, times and authors. So what the catalog says of rows stays true, and what
was at an SCN can be asked for as before: where somebody keeps the past, all versions are taken that can be read
(``salvage_blocks``). Where the older versions of a block cannot be, its relation has a later horizon, and pins before
it are let go of: an answer that lacks rows would be a lie. Indexes are made anew from the rows. Every loss is told.

Nothing of the new files counts before the manifest is there, which comes last.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from attrs import define, evolve, field

from heliosdb.errors import DataCorrupted, FeatureNotSupported
from heliosdb.store.block import BLOCK_BITS, BLOCK_SIZE
from heliosdb.store.commit_history import COMMITS_RELATION, CommitRow
from heliosdb.store.commits import Author
from heliosdb.store.counters import OIDS, Counter
from heliosdb.store.files import StoreFiles, log_number
from heliosdb.store.log import Log, LogChain, log_name, read_log
from heliosdb.store.manifest import Manifest, StoredRelation, StoredTimeline, decode_manifest, encode_manifest
from heliosdb.store.options import StorageOptions
from heliosdb.store.records import COMMIT, HOLDS, TIMELINES, Record, RecordSegment, by_block, decode_record
from heliosdb.store.salvage_blocks import BlockSalvage, Remains, Told, WrittenSegments
from heliosdb.store.segment import BlockImage, SegmentReader
from heliosdb.store.volume import Volume

__all__ = ["Loss", "Salvaged", "salvage"]

UNKNOWN_OIDS = 1_000_000
"""By how much the OID counter is moved on where its last value is lost."""

FIRST_LOG = Manifest().log + 1
"""The new files' log. Without a manifest, and without the first log, nobody takes them for a database."""

LOST = Author(timeline="", kind="lost")
"""Stands for what is not known of a commit."""


@define
class Loss:
    """What could not be read, and of which relation, where that is known."""

    message: str
    relation: int | None = None


@define
class Salvaged:
    """How much was found, and what was lost."""

    relations: int = 0
    rows: int = 0
    commits: int = 0
    losses: list[Loss] = field(factory=list)

    def lost(self, message: str, relation: int | None = None) -> None:
        """Note a loss."""
        self.losses.append(Loss(message, relation))


def salvage(
    source: Volume,
    target: Volume,
    options: StorageOptions | None = None,
    new_options: StorageOptions | None = None,
    on_progress: Callable[[str, int], None] = lambda title, amount: None,
) -> Salvaged:
    """Put what a volume holds into a new, empty one, durably, and say what was lost.

    ``options`` are those that the source's files were written with, ``new_options`` those of the new ones.
    ``on_progress`` is called with what is read and the number of rows.
    """
    files = StoreFiles(source, options or StorageOptions())
    return _Salvage(files, StoreFiles(target, new_options or StorageOptions()), on_progress).run()


class _Salvage:
    def __init__(self, source: StoreFiles, target: StoreFiles, on_progress: Callable[[str, int], None]) -> None:
        self._files = source
        self._source = source.volume
        self._target = target
        self._on_progress = on_progress
        self._found = Salvaged()
        self._told: Told = self._found.lost
        self._known = True
        """Whether there is a manifest."""
        self._manifest = Manifest()
        """What there is, as the manifest and the logs say it; in the end what the new one is to say."""
        self._lines: dict[int, StoredTimeline] = {0: StoredTimeline(0, "main")}
        self._remains: dict[tuple[int, int], Remains] = {}
        """By timeline and relation."""
        self._commits: dict[int, CommitRow] = {}
        """Those that the logs tell of."""
        self._counters: dict[int, Counter] = {}

    def run(self) -> Salvaged:
        manifest = self._manifest = self._read_manifest()
        self._lines.update({line.id: line for line in manifest.timelines})
        self._counters.update(manifest.counters)
        commits = self._named_segments() if self._known else self._all_segments()
        numbers = [n for name in self._source.names() if (n := log_number(name)) is not None and n >= manifest.log]
        logs = LogChain(manifest.log if self._known else min(numbers, default=0))
        for number in sorted(numbers):
            self._read_log(number, logs)
        new = self._new_manifest()
        new.relations = self._write_relations(new.scn)
        new.relations.append(self._write_commits(commits, new))
        new.timelines = [line for _, line in sorted(self._lines.items())]
        new.holds = self._holds
        new.row_ids = self._row_ids
        new.next_file = self._target.next_number
        Log(self._target.volume, new.log, self._target.codecs)
        self._target.volume.replace("manifest", encode_manifest(new, self._target.codecs))
        return self._found

    # -- what there is

    def _read_manifest(self) -> Manifest:
        content = self._source.whole("manifest")
        if content is None:
            names = self._source.names()
            # Before the first checkpoint there is none, and the first log has everything, or names it.
            if any(log_number(name) is None for name in names) and log_name(Manifest().log) not in names:
                return self._no_manifest("the manifest is missing")
            return Manifest()
        try:
            return decode_manifest(content, self._files.codecs)
        except DataCorrupted as error:
            return self._no_manifest(error.message)

    def _no_manifest(self, why: str) -> Manifest:
        self._known = False
        self._told(
            f"{why}: files that were to be deleted may count again; of branches, pins and the past nothing is taken"
        )
        return Manifest(log=0)

    def _named_segments(self) -> list[SegmentReader]:
        """Take what the manifest names, and return the segments in which the commits stand."""
        present = set(self._source.names())
        commits: list[SegmentReader] = []
        for relation in self._manifest.relations:
            readers = []
            for name in relation.segments:
                if name in present:
                    readers.append(self._files.read_segment(name, relation.begins.get(name, 0)))
                else:
                    self._told(f'file "{name}" is missing', relation.oid)
            if relation.oid == COMMITS_RELATION:
                commits = readers
            else:
                stored = evolve(relation, segments=[], indexes=[], begins={})
                self._remains[relation.timeline, relation.oid] = Remains(stored, readers)
        return commits

    def _all_segments(self) -> list[SegmentReader]:
        commits: list[SegmentReader] = []
        for name in self._source.names():
            if name.startswith("segment-"):
                reader = self._files.read_segment(name)
                try:
                    if reader.timeline_id == 0 and reader.relation_oid == COMMITS_RELATION:
                        commits.append(reader)
                    elif reader.timeline_id == 0:
                        self._remains_of(0, reader.relation_oid).segments.append(reader)
                except DataCorrupted as error:
                    self._told(error.message)
        return commits

    def _remains_of(self, line: int, oid: int) -> Remains:
        found = self._remains.get((line, oid))
        if found is None:
            fork = self._lines[line].fork
            found = self._remains[line, oid] = Remains(StoredRelation(line, oid, pruned_to=fork), [])
        return found

    def _read_log(self, number: int, logs: LogChain) -> None:
        try:
            reader = read_log(self._source, number, self._files.codecs, salvage=True)
        except DataCorrupted as error:
            self._told(error.message)
            return
        problem = logs.problem_before(reader)
        if problem is not None:
            self._told(problem.message)
        for record in reader:
            try:
                decoded = decode_record(self._files.frames, record.payload)
            except (DataCorrupted, FeatureNotSupported) as error:
                self._told(f'file "{reader.name}", the record that ends at {record.end}: {error.message}')
                continue
            self._counters.update(decoded.counters)
            if decoded.kind == COMMIT:
                self._take(decoded, record.scn)
            elif decoded.kind == TIMELINES and self._known:
                listed = json.loads(decoded.payload)
                lines = [StoredTimeline(**item) for item in (listed if isinstance(listed, list) else [listed])]
                known = self._lines if isinstance(listed, dict) else {0: self._lines[0]}
                self._lines = {**known, **{line.id: line for line in lines}}
            elif decoded.kind == HOLDS and self._known:
                self._take_holds(json.loads(decoded.payload))
        for start, end in reader.damaged:
            if end < reader.size:
                self._told(f'file "{reader.name}" is damaged from offset {start} to {end}')
        logs.add(reader)

    def _take_holds(self, changed: dict[str, dict[str, list[int | None] | None]]) -> None:
        for kind, items in changed.items():
            held = self._manifest.holds.setdefault(kind, {})
            held.update(items)
            for name in [name for name, item in held.items() if item is None]:
                del held[name]

    def _take(self, record: Record, scn: int) -> None:
        manifest = self._manifest
        if self._known and scn <= manifest.scn:
            return
        line = self._lines.get(record.timeline)
        author = record.author._replace(timeline="" if line is None else line.name)
        self._commits[scn] = (record.time, record.transaction_id, *author)
        if line is None:
            if self._known:
                self._told(f"commit {scn} is lost: it is on a branch of which nothing is known")
            return
        self._found.commits += 1
        manifest.transaction_id = max(manifest.transaction_id, record.transaction_id + 1)
        for changes in record.changes:
            remains = self._remains_of(record.timeline, changes.relation)
            for number, slots in by_block(changes).items():
                remains.changes.setdefault(number, []).append((scn, slots))
        for named in record.segments:
            self._take_segment(record.timeline, named, scn)
        for oid in record.dropped:
            if (record.timeline, oid) in self._remains:
                self._remains[record.timeline, oid].stored.dropped = scn

    def _take_segment(self, line: int, named: RecordSegment, scn: int) -> None:
        """Note the blocks of a segment that a commit has written: without a manifest it is among all the others."""
        remains = self._remains_of(line, named.relation)
        remains.segments[:] = [reader for reader in remains.segments if reader.name != named.name]
        reader = self._files.read_segment(named.name, scn)
        try:
            changed = [None] * len(reader.numbers) if named.changed is None else named.changed
            for number, slots in zip(reader.numbers, changed, strict=True):
                remains.written.setdefault(number, []).append((reader, slots))
        except DataCorrupted as error:
            self._told(error.message, named.relation)

    # -- what is made of it

    def _new_manifest(self) -> Manifest:
        manifest, counters = self._manifest, self._counters
        scns = [manifest.scn, *self._commits, *(scn for remains in self._remains.values() for scn in remains.scns())]
        self._holds = {kind: dict(items) for kind, items in manifest.holds.items()}
        self._row_ids = dict(manifest.row_ids)
        if not self._known or OIDS not in counters:
            last = max([*(oid for _, oid in self._remains), counters.get(OIDS, (0, True))[0]], default=0)
            counters[OIDS] = (last + UNKNOWN_OIDS, True)
            if not self._known:
                self._told("where sequences stand is known only as far as the logs say it")
        return Manifest(
            scn=max(scns),
            log=FIRST_LOG,
            transaction_id=manifest.transaction_id,
            next_timeline=max([manifest.next_timeline, *(line + 1 for line in self._lines)]),
            counters=counters,
        )

    def _write_relations(self, last: int) -> list[StoredRelation]:
        """Write the relations of all timelines, parents before their branches, and return what the manifest is to say
        of them."""
        is_kept = len(self._lines) > 1 or any(self._holds.values())
        made: list[StoredRelation] = []
        written = WrittenSegments(self._target, self._lines)
        for (line, oid), remains in sorted(self._remains.items(), key=lambda item: item[0]):
            if line not in self._lines or (remains.stored.dropped and not is_kept):
                continue
            salvaged = BlockSalvage(self._told, written, remains, with_past=is_kept)
            for amount in salvaged.run():
                self._found.rows += amount
                self._on_progress(f"relation {oid}", amount)
            self._found.relations += 1
            self._row_ids[oid] = max(self._row_ids.get(oid, 0), salvaged.next_row_id)
            if salvaged.unreadable_past:
                self._raise_horizon(line, oid, salvaged.unreadable_past)
            horizon = salvaged.unreadable_past if is_kept else last
            remains.stored.pruned_to = max(remains.stored.pruned_to, horizon)
            made.append(remains.stored)
        return made

    def _raise_horizon(self, line: int, oid: int, horizon: int) -> None:
        """Let go of what relies on versions of a relation that are lost."""
        self._told(f"older versions of rows are lost: what was before SCN {horizon} cannot be asked for", oid)
        pins = self._holds.get("pins", {})
        for name, (timeline, scn) in list(pins.items()):
            if timeline == line and scn < horizon:
                del pins[name]
                self._told(f'pin "{name}" is let go of')
        for branch in self._lines.values():
            if branch.parent == line and branch.fork < horizon:
                self._told(f'rows may be missing on branch "{branch.name}", which starts from before that', oid)

    # -- commits

    def _write_commits(self, segments: Sequence[SegmentReader], new: Manifest) -> StoredRelation:
        """Write when each commit was made, and by whom."""
        last = new.scn
        where, unknown = self._readable_commits(segments)
        if unknown:
            self._told(f"when commits were made up to SCN {unknown}, and by whom, is not known any more")
        writer = self._target.write_segment(COMMITS_RELATION, 0)
        before: CommitRow | None = None
        holes: list[int] = []
        for number in range((last + BLOCK_SIZE - 1) >> BLOCK_BITS):
            first = (number << BLOCK_BITS) + 1
            end = min(first + BLOCK_SIZE, last + 1)
            known = where[number].read(number).rows if number in where else []
            rows: list[CommitRow | None] = []
            for scn in range(first, end):
                slot = scn - first
                row = self._commits.get(scn) or (known[slot] if slot < len(known) and scn > unknown else None)
                if row is None and before is not None:
                    holes.append(scn)
                    # Behind the commit before it: times ascend, and there is room between two for each that was.
                    row = (before[0] + 1, 0, *LOST)
                before = row or before
                rows.append(row)
            if before is not None:
                writer.add(BlockImage(number, rows, last))
        for start, end in _stretches(holes):
            self._told(f"commit {start} is lost" if start == end else f"commits {start} to {end} are lost")
        info = writer.finish()
        new.time = 0 if before is None else before[0]
        blocks = (last + BLOCK_SIZE - 1) >> BLOCK_BITS
        return StoredRelation(0, COMMITS_RELATION, last, blocks, segments=[info.name] if info.blocks else [])

    def _readable_commits(self, segments: Sequence[SegmentReader]) -> tuple[dict[int, SegmentReader], int]:
        """Return where blocks of commits are that can be read, and the last SCN up to which others cannot, or 0."""
        last = self._manifest.scn
        names = [item.segments for item in self._manifest.relations if item.oid == COMMITS_RELATION]
        unknown = last if len(segments) < sum(map(len, names)) else 0
        where: dict[int, SegmentReader] = {}
        for reader in segments:
            try:
                numbers = reader.numbers
            except DataCorrupted as error:
                self._told(error.message)
                unknown = max(unknown, last)
                continue
            for number in numbers:
                try:
                    reader.read(number)
                    where[number] = reader
                except DataCorrupted as error:
                    self._told(error.message)
                    where.pop(number, None)
                    unknown = max(unknown, min((number + 1) << BLOCK_BITS, last or 1 << 62))
        return where, unknown


def _stretches(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Return (first, last) of each stretch of ascending numbers that follow one another."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found
