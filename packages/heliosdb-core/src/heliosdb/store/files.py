"""The files of a durable store: how they are named, and what everything that is written to them passes.

rows, keys  ──StoredFrames──►  bytes  ──codecs──►  chunk of a file  ──►  volume
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakSet

from heliosdb.encoding.classes import ClassTable
from heliosdb.encoding.codecs import FileCodecs
from heliosdb.encoding.stored_frames import StoredFrames
from heliosdb.store.index_run import IndexRun, IndexRunWriter
from heliosdb.store.index_runs import PageCache
from heliosdb.store.options import StorageOptions
from heliosdb.store.segment import SegmentReader, SegmentWriter

if TYPE_CHECKING:
    from heliosdb.store.pace import Pay
    from heliosdb.store.volume import Volume

__all__ = ["BLOBS_PREFIX", "LOG_PREFIX", "RUN_PREFIX", "SEGMENT_PREFIX", "StoreFiles", "log_number"]

LOG_PREFIX = "log-"
RUN_PREFIX = "run-"
SEGMENT_PREFIX = "segment-"
BLOBS_PREFIX = "blobs-"


def log_number(name: str) -> int | None:
    """Return the number of a log by its file's name, None for other files."""
    return int(name[len(LOG_PREFIX) :]) if name.startswith(LOG_PREFIX) else None


class StoreFiles:
    """Makes writers and readers. One thread at a time writes to a file."""

    def __init__(self, volume: Volume, options: StorageOptions) -> None:
        self.volume = volume
        self.options = options
        self.codecs = options.codecs or FileCodecs()
        self.frames = StoredFrames(options.classes or ClassTable())
        self.next_number = 1
        self._lock = Lock()
        self._runs: WeakSet[IndexRun] = WeakSet()
        self.uncommitted: set[str] = set()
        """Files that neither manifest nor log name yet: of commits, and of indexes that are being made."""
        self.committed: dict[str, int] = {}
        """Segments that the log names since the last checkpoint, and their sizes."""
        self.pages = PageCache(options.cache_size // 4)

    def _name(self, kind: str) -> str:
        with self._lock:
            name = f"{kind}-{self.next_number:010d}"
            self.next_number += 1
        return name

    def take_name(self, name: str) -> None:
        """Give no number up to this file's any more."""
        self.next_number = max(self.next_number, int(name.rpartition("-")[2]) + 1)

    def write_segment(self, relation_oid: int, timeline_id: int, pay: Pay | None = None) -> SegmentWriter:
        """Return the writer of a new segment, which calls ``pay`` for what it has written."""
        name = self._name("segment")
        return SegmentWriter(self.volume, name, relation_oid, timeline_id, self.codecs, self.frames, pay)

    def read_segment(self, name: str, begin: int = 0) -> SegmentReader:
        """Return the reader of a segment; nothing is read yet. ``begin`` is the SCN of all of its rows, where the
        segment itself does not say it."""
        return SegmentReader(self.volume, name, self.codecs, self.frames, begin)

    def write_run(
        self, index_oid: int, timeline_id: int, *, paired: bool, single: bool, pay: Pay | None = None
    ) -> tuple[IndexRunWriter, str]:
        """Return the writer of a new index run, which calls ``pay`` for what it has written, and its name."""
        name = self._name("run")
        writer = IndexRunWriter(
            self.volume, name, index_oid, timeline_id, self.codecs, self.frames, paired=paired, single=single, pay=pay
        )
        return writer, name

    def blobs_name(self) -> str:
        """Return the name of a new file of blobs of an index."""
        return self._name("blobs")

    def read_run(self, name: str) -> IndexRun:
        """Return the reader of an index run; nothing is read yet. While somebody has it the file is not deleted."""
        run = IndexRun(self.volume, name, self.codecs, self.frames, self.pages)
        with self._lock:
            self._runs.add(run)
        return run

    def runs_in_use(self) -> set[str]:
        """Return the names of index runs that somebody may be reading."""
        with self._lock:
            return {run.name for run in self._runs}
