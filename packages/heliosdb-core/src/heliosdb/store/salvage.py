"""Opening what is left of a damaged store, for reading.

    manifest damaged    it is made up from the headers of the segments: whose they are, and in which order they came
    log damaged         whatever valid records there are are replayed, whether others between them are missing or not
    segment damaged     the blocks that can be read are there, the others are not

What is missing is told in words, and nothing else is: no checksum is passed over, so every row that comes out is one
that was committed, if not always the newest version of it. Indexes are not used, only rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from heliosdb.errors import DataCorrupted
from heliosdb.store.files import SEGMENT_PREFIX, log_number
from heliosdb.store.manifest import Manifest, StoredRelation
from heliosdb.store.stored_blocks import ColdScan, StoredBlocks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heliosdb.store.block import Block
    from heliosdb.store.files import StoreFiles
    from heliosdb.store.relation import Relation
    from heliosdb.store.segment import SegmentReader
    from heliosdb.store.stored_blocks import BlockCache, BlockSource

__all__ = ["SalvagedBlocks", "made_up_manifest"]


def made_up_manifest(files: StoreFiles, note: Callable[[str], None]) -> Manifest:
    """Return a manifest of all segments that can be read, newest last."""
    relations: dict[tuple[int, int], StoredRelation] = {}
    scn = 0
    names = files.volume.names()
    for name in sorted(names):
        if not name.startswith(SEGMENT_PREFIX):
            continue
        reader = files.read_segment(name)
        try:
            key = (reader.timeline_id, reader.relation_oid)
            numbers = reader.numbers
            scn = max([scn, *map(reader.begin, numbers)])
        except DataCorrupted as error:
            note(error.message)
            continue
        stored = relations.setdefault(key, StoredRelation(*key))
        stored.blocks = max([stored.blocks, *(number + 1 for number in numbers)])
        stored.segments.append(name)
    logs = [number for name in names if (number := log_number(name)) is not None]
    main = [stored for stored in relations.values() if stored.timeline == 0]
    if len(main) < len(relations):
        note(f"{len(relations) - len(main)} tables of branches are left out: where they begin is not known any more")
    return Manifest(scn=scn, log=min(logs, default=1), relations=main)


class SalvagedBlocks(StoredBlocks):
    """Stored blocks of which those that are damaged are missing."""

    def __init__(
        self, cache: BlockCache, segments: Sequence[SegmentReader], oid: int, note: Callable[[str], None]
    ) -> None:
        readable = []
        for segment in segments:
            try:
                segment.numbers  # noqa: B018 - reads the footer
            except DataCorrupted as error:
                note(f"relation {oid}: {error.message}")
            else:
                readable.append(segment)
        super().__init__(cache, readable)
        self._oid = oid
        self._note = note

    def _load(self, segment: BlockSource, relation_oid: int, number: int) -> Block:
        try:
            return super()._load(segment, relation_oid, number)
        except DataCorrupted as error:
            self._note(f"relation {self._oid}: {error.message}")
            del self.where()[number]
            raise

    def scan(self, relation: Relation, scn: int, columns: Sequence[int] | None) -> ColdScan:
        """Begin a scan that reads whole blocks."""
        return ColdScan(self, scn, None)
