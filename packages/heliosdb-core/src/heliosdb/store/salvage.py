"""What is left of a damaged database, put into a new one.

    manifest    if it is readable it says which segments and logs count; else all that are there do
    segments    block by block; of a block that is not readable an older copy is taken, where there is one
    logs        record by record; one that is not readable is left out, and so are changes that a block has already;
                rows that a large commit wrote to a segment are changes, too, which the record only names

Rows keep their ids, so what the catalog says of them stays true. History, branches and indexes are not taken over: what
comes out is the newest state of the main timeline, and indexes are made anew from the rows. Every loss is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import compress, count, groupby
from typing import TYPE_CHECKING

from attrs import define, field

from heliosdb.errors import DataCorrupted, FeatureNotSupported
from heliosdb.store.block import BLOCK_BITS, SLOT_MASK
from heliosdb.store.commit_history import COMMITS_RELATION
from heliosdb.store.commits import Author
from heliosdb.store.counters import OIDS, Counter
from heliosdb.store.files import StoreFiles, log_number
from heliosdb.store.log import LogChain, log_name, read_log
from heliosdb.store.manifest import Manifest, decode_manifest
from heliosdb.store.options import StorageOptions
from heliosdb.store.records import COMMIT, Record, RecordSegment, decode_record
from heliosdb.store.segment import SegmentReader

if TYPE_CHECKING:
    from heliosdb.store.store import Store
    from heliosdb.store.versions import Row
    from heliosdb.store.volume import Volume

__all__ = ["Loss", "Salvaged", "salvage"]

BLOCKS_A_COMMIT = 16

UNKNOWN_OIDS = 1_000_000
"""By how much the OID counter is moved on where its last value is lost."""

Changes = dict[int, "dict[int, tuple[int, Row | None]]"]
"""{relation: {row id: (SCN, row)}}."""
Written = tuple["SegmentReader", "bytes | None"]
"""A segment, and which slots of the block its commit has changed, a byte a slot; None: it is a new block."""


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
    target: Store,
    options: StorageOptions | None = None,
    on_progress: Callable[[str, int], None] = lambda title, amount: None,
) -> Salvaged:
    """Put what a volume holds into a new, empty store, make it durable there, and say what was lost.

    ``options`` are those that the source's files were written with. ``on_progress`` is called with what is read and the
    number of rows.
    """
    return _Salvage(source, options or StorageOptions(), on_progress).run(target)


class _Salvage:
    def __init__(self, source: Volume, options: StorageOptions, on_progress: Callable[[str, int], None]) -> None:
        self._source = source
        self._files = StoreFiles(source, options)
        self._on_progress = on_progress
        self._found = Salvaged()
        self._changes: Changes = {}
        self._written: dict[int, dict[int, list[Written]]] = {}
        """{relation: {block: segments of commits in the logs that have rows of it, oldest first}}."""
        self._counters: dict[int, Counter] = {}
        self._transaction_id = 2

    def run(self, target: Store) -> Salvaged:
        manifest = self._manifest()
        segments = self._all_segments() if manifest is None else self._named_segments(manifest)
        if manifest is not None:
            self._counters.update(manifest.counters)
            self._transaction_id = manifest.transaction_id
        numbers = sorted(n for name in self._source.names() if (n := log_number(name)) is not None)
        logs = LogChain(min(numbers, default=0) if manifest is None else manifest.log)
        for number in numbers:
            if manifest is None or number >= manifest.log:
                self._read_log(number, segments, logs)
        next_ids = {} if manifest is None else manifest.row_ids
        oids = sorted({*segments, *self._changes, *self._written})
        for oid in oids:
            self._write(target, oid, segments.get(oid, []), next_ids.get(oid, 0))
        self._write_counters(target, oids, known=manifest is not None)
        assert target.maintenance is not None
        target.maintenance.checkpoint()
        return self._found

    # -- what there is

    def _manifest(self) -> Manifest | None:
        """Return the manifest; None where it is lost."""
        content = self._source.whole("manifest")
        if content is None:
            names = self._source.names()
            # Before the first checkpoint there is none, and the first log has everything, or names it.
            if any(log_number(name) is None for name in names) and log_name(Manifest().log) not in names:
                self._found.lost("the manifest is missing: files that were to be deleted may count again")
                return None
            return Manifest()
        try:
            return decode_manifest(content, self._files.codecs)
        except DataCorrupted as error:
            self._found.lost(f"{error.message}: files that were to be deleted may count again")
            return None

    def _named_segments(self, manifest: Manifest) -> dict[int, list[SegmentReader]]:
        present = set(self._source.names())
        found: dict[int, list[SegmentReader]] = {}
        for relation in manifest.relations:
            if relation.timeline or relation.oid == COMMITS_RELATION:
                continue
            readers = found.setdefault(relation.oid, [])
            for name in relation.segments:
                if name in present:
                    readers.append(self._files.read_segment(name, relation.begins.get(name, 0)))
                else:
                    self._found.lost(f'file "{name}" is missing', relation.oid)
        if len(manifest.timelines) > 1:
            self._found.lost("branches are not salvaged")
        return found

    def _all_segments(self) -> dict[int, list[SegmentReader]]:
        found: dict[int, list[SegmentReader]] = {}
        for name in self._source.names():
            if not name.startswith("segment-"):
                continue
            reader = self._files.read_segment(name)
            try:
                if reader.timeline_id == 0 and reader.relation_oid != COMMITS_RELATION:
                    found.setdefault(reader.relation_oid, []).append(reader)
            except DataCorrupted as error:
                self._found.lost(error.message)
        return found

    def _read_log(self, number: int, segments: dict[int, list[SegmentReader]], logs: LogChain) -> None:
        try:
            reader = read_log(self._source, number, self._files.codecs, salvage=True)
        except DataCorrupted as error:
            self._found.lost(error.message)
            return
        problem = logs.problem_before(reader)
        if problem is not None:
            self._found.lost(problem.message)
        for record in reader:
            try:
                decoded = decode_record(self._files.frames, record.payload)
            except (DataCorrupted, FeatureNotSupported) as error:
                self._found.lost(f'file "{reader.name}", the record that ends at {record.end}: {error.message}')
                continue
            self._counters.update(decoded.counters)
            if decoded.kind == COMMIT and decoded.timeline == 0:
                self._take(decoded, record.scn, segments)
        for start, end in reader.damaged:
            if end < reader.size:
                self._found.lost(f'file "{reader.name}" is damaged from offset {start} to {end}')
        logs.add(reader)

    def _take(self, record: Record, scn: int, segments: dict[int, list[SegmentReader]]) -> None:
        self._found.commits += 1
        self._transaction_id = max(self._transaction_id, record.transaction_id)
        for changes in record.changes:
            rows = self._changes.setdefault(changes.relation, {})
            rows.update({row_id: (scn, row) for row_id, row in zip(changes.row_ids, changes.rows, strict=True)})
        for named in record.segments:
            self._take_segment(named, scn, segments)
        for oid in record.dropped:
            self._changes.pop(oid, None)
            self._written.pop(oid, None)
            segments.pop(oid, None)

    def _take_segment(self, named: RecordSegment, scn: int, segments: dict[int, list[SegmentReader]]) -> None:
        """Note the blocks of a segment that a commit has written: without a manifest it is among all the others."""
        oid = named.relation
        others = segments.get(oid, [])
        others[:] = [reader for reader in others if reader.name != named.name]
        reader = self._files.read_segment(named.name, scn)
        blocks = self._written.setdefault(oid, {})
        try:
            changed = [None] * len(reader.numbers) if named.changed is None else named.changed
            for number, slots in zip(reader.numbers, changed, strict=True):
                blocks.setdefault(number, []).append((reader, slots))
        except DataCorrupted as error:
            self._found.lost(error.message, oid)

    # -- one relation

    def _write(self, target: Store, oid: int, readers: list[SegmentReader], next_row_id: int) -> None:
        relation = target.create_relation(None, oid)
        self._found.relations += 1
        for _, part in groupby(enumerate(self._blocks(oid, readers)), lambda item: item[0] // BLOCKS_A_COMMIT):
            changed: dict[int, dict[int, Row | None]] = {}
            for _, (number, rows) in part:
                changed[number] = dict(rows)
                next_row_id = max(next_row_id, ((number << BLOCK_BITS) | max(rows)) + 1)
            amount = sum(map(len, changed.values()))
            self._found.rows += amount
            self._on_progress(f"relation {oid}", amount)
            author = target.commits.author_number(Author())
            target.apply([(relation, changed, {}, False)], next(target.transaction_ids), author)
        target.row_ids(oid, next_row_id)

    def _blocks(self, oid: int, readers: list[SegmentReader]) -> Iterator[tuple[int, Mapping[int, Row]]]:
        """Yield the newest rows of a relation by block and slot."""
        copies: dict[int, list[SegmentReader]] = {}
        for reader in readers:
            try:
                for number in reader.numbers:
                    copies.setdefault(number, []).append(reader)
            except DataCorrupted as error:
                self._found.lost(error.message, oid)
        later: dict[int, dict[int, tuple[int, Row | None]]] = {}
        for row_id, change in self._changes.get(oid, {}).items():
            later.setdefault(row_id >> BLOCK_BITS, {})[row_id & SLOT_MASK] = change
        written = self._written.get(oid, {})
        for number in sorted({*copies, *later, *written}):
            begin, rows = self._block(oid, number, copies.get(number, []))
            changes = self._written_rows(oid, number, written.get(number, ()))
            for slot, change in later.get(number, {}).items():
                if slot not in changes or change[0] > changes[slot][0]:
                    changes[slot] = change
            for slot, (scn, row) in changes.items():
                if scn <= begin:
                    continue
                if row is None:
                    rows.pop(slot, None)
                else:
                    rows[slot] = row
            if rows:
                yield number, rows

    def _written_rows(self, oid: int, number: int, segments: Sequence[Written]) -> dict[int, tuple[int, Row | None]]:
        """Return what commits have put into a block by way of segments."""
        found: dict[int, tuple[int, Row | None]] = {}
        for reader, changed in segments:
            try:
                rows = reader.read(number).rows
            except DataCorrupted as error:
                self._found.lost(f"{error.message} ({_row_ids(number)})", oid)
                continue
            scn = reader.known_begin
            if changed is None:
                found.update({slot: (scn, row) for slot, row in enumerate(rows) if row is not None})
            else:
                found.update({slot: (scn, rows[slot]) for slot in compress(range(len(rows)), changed)})
        return found

    def _block(self, oid: int, number: int, copies: list[SegmentReader]) -> tuple[int, dict[int, Row]]:
        """Return the SCN and the rows of the newest copy of a block that can be read."""
        for reader in reversed(copies):
            try:
                rows = reader.read(number).rows
                begin = reader.begin(number)
            except DataCorrupted as error:
                older = ", an older state of them is taken" if reader is not copies[0] else ""
                self._found.lost(f"{error.message} ({_row_ids(number)}{older})", oid)
                continue
            return begin, {slot: row for slot, row in enumerate(rows) if row is not None}
        return 0, {}

    # -- counters

    def _write_counters(self, target: Store, oids: list[int], *, known: bool) -> None:
        counters = dict(self._counters)
        if not known or OIDS not in counters:
            last = max([*oids, counters.get(OIDS, (0, True))[0]], default=0)
            counters[OIDS] = (last + UNKNOWN_OIDS, True)
            if not known:
                self._found.lost("where sequences stand is known only as far as the logs say it")
        with target.counters.lock:
            for key, (value, given) in counters.items():
                target.counters.set(key, value, given)
        target.transaction_ids = count(max(self._transaction_id, next(target.transaction_ids)) + 1)


def _row_ids(number: int) -> str:
    first = number << BLOCK_BITS
    return f"row ids {first} to {first | SLOT_MASK}"
