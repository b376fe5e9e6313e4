"""How an index of a plugin's access method is kept on the volume: its own blobs, in a file of their own.

    header, chunks, footer (see ``chunk_file``), kind "IBLB"

    chunk       a piece of a blob: its place is the blob's number and the piece's
    footer      JSON: the blobs' names, and where the pieces are

A file is written again when a part of the index has changed, not at each checkpoint. So the manifest says up to which
SCN it has the keys, and when the index is first used after opening, the blocks that have changed since are compared
with it: what it lacks is entered, what it has too much of is superseded, and so forgotten when nobody needs it.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection, Container, Mapping
from typing import TYPE_CHECKING, Any

from heliosdb.errors import DataCorrupted
from heliosdb.store.access_method import Persisted
from heliosdb.store.block import BLOCK_BITS
from heliosdb.store.chunk_file import Chunk, ChunkFileReader, ChunkFileWriter
from heliosdb.store.index_build import enter_ended, rows_by_block
from heliosdb.store.manifest import StoredIndex

if TYPE_CHECKING:
    from heliosdb.store.files import StoreFiles
    from heliosdb.store.pace import Pay
    from heliosdb.store.relation import Relation
    from heliosdb.store.timeline import Timeline
    from heliosdb.store.timeline_index import TimelineIndex

__all__ = ["CapturedBlobs", "capture_blobs", "is_kept", "read_blobs", "restore", "write_blobs"]

KIND = b"IBLB"
VERSION = 1
PIECE = 1 << 22
FEW = 1000
"""Changes for which an index is not written again, however small it is."""
PART = 10
"""It is when one of so many of its rows has changed: entering these at opening takes less than building it."""


class CapturedBlobs:
    """An index that is to be written at a checkpoint; ``blobs`` is None where what was written is good enough."""

    __slots__ = ("blobs", "changed", "index", "line", "stored")

    def __init__(
        self, line: Timeline, index: TimelineIndex, stored: StoredIndex, blobs: dict[str, bytes] | None
    ) -> None:
        self.line = line
        self.index = index
        self.stored = stored
        self.blobs = blobs
        self.changed = index.changed

    def give_back(self) -> None:
        """Undo nothing: the index itself was not touched."""

    def write(
        self, files: StoreFiles, written: list[str], outdated: Container[str], pay: Pay | None = None
    ) -> StoredIndex:
        """Write the blobs, or those of a file that is ``outdated`` again; return what the manifest is to say."""
        stored, blobs = self.stored, self.blobs
        if blobs is None and any(name in outdated for name in stored.runs):
            blobs = read_blobs(files, stored.runs[0])
        if blobs is not None:
            name = files.blobs_name()
            written.append(name)
            write_blobs(files, name, stored.oid, self.line.id, blobs, pay)
            self.stored = StoredIndex(stored.oid, stored.scn, stored.whole, [name])
        return self.stored

    def installed(self) -> None:
        """Note that the manifest has it, with the commit lock held."""
        if self.blobs is not None:
            self.index.changed -= self.changed


def is_kept(index: TimelineIndex) -> bool:
    """Whether an index is one that can be kept."""
    return index.tree is None and isinstance(index.method, Persisted)


def capture_blobs(
    line: Timeline, relation: Relation, index: TimelineIndex, before: StoredIndex | None, scn: int
) -> CapturedBlobs | None:
    """Return what of an index is to be written, with the commit lock held; None for nothing, and nothing was."""
    assert isinstance(index.method, Persisted)
    if before is not None and index.changed <= max(FEW, relation.count // PART):
        return CapturedBlobs(line, index, before, None)
    if before is None and not relation.count:
        return None
    return CapturedBlobs(
        line, index, StoredIndex(index.spec.oid, scn, whole=index.parent is None), index.method.blobs()
    )


def write_blobs(
    files: StoreFiles, name: str, oid: int, timeline: int, blobs: Mapping[str, bytes], pay: Pay | None = None
) -> None:
    """Write a file of blobs."""
    parameters = {"index": oid, "timeline": timeline}
    writer = ChunkFileWriter(files.volume, name, KIND, VERSION, files.codecs, parameters, pay)
    places: dict[str, list[Chunk]] = {}
    for number, (blob_name, blob) in enumerate(sorted(blobs.items())):
        pieces = range(0, len(blob), PIECE)
        places[blob_name] = [
            writer.add(blob[start : start + PIECE], number, place) for place, start in enumerate(pieces)
        ]
    writer.finish(json.dumps(places).encode())


def read_blobs(files: StoreFiles, name: str) -> dict[str, bytes]:
    """Return the blobs of a file; DataCorrupted where it is damaged."""
    reader = ChunkFileReader(files.volume, name, KIND, VERSION, files.codecs)
    places: dict[str, list[tuple[int, int, int]]] = json.loads(reader.footer())
    return {
        blob_name: b"".join(
            [reader.read(Chunk(*piece), number, place, f'blob "{blob_name}"') for place, piece in enumerate(pieces)]
        )
        for number, (blob_name, pieces) in enumerate(sorted(places.items()))
    }


def restore(
    files: StoreFiles,
    relation: Relation,
    index: TimelineIndex,
    stored: StoredIndex | None,
    changed: Collection[int],
    last_scn: int,
) -> None:
    """Fill a new index from its blobs, and from the blocks that have changed since; DataCorrupted where its blobs are
    of no use.
    """
    method: Any = index.method  # an Index, and Persisted
    if stored is not None:
        (name,) = stored.runs
        try:
            method.load(read_blobs(files, name))
        except ValueError as error:
            raise DataCorrupted(f'file "{name}" holds no index as it is made now', detail=str(error)) from error
        index.superseded = deque(sorted(method.ended(), key=lambda entry: entry[0]))
    past: list[tuple[int, Any, int]] = []
    for number in sorted(changed):
        rows = {row_id: keys for batch in rows_by_block(relation, index, past, [number]) for row_id, keys in batch}
        # What was entered later, and is no more, may still be looked for by readers of the past.
        enter_ended(method, past)
        past.clear()
        first = number << BLOCK_BITS
        gone = [
            (key, row_id)
            for key, row_id in method.entries(first, first + (1 << BLOCK_BITS))
            if not any(key == other for other in rows.get(row_id, ()))
        ]
        method.apply([(row_id, (key,), ()) for key, row_id in gone], last_scn)
        index.superseded.extend((last_scn, key, row_id) for key, row_id in gone)
        method.apply([(row_id, (), keys) for row_id, keys in rows.items()], 0)
        index.changed += len(rows)
