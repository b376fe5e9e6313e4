"""The log: one checksummed record per commit, appended and synced before the commit is answered.

    header (4,096 bytes, a copy in its second half)  |  record  |  record  |  record  | ...

    record    0  4  marker      f5 "REC"
              4  4  length      of the stored payload
              8  8  SCN
             16  8  synced to   where the file was known to be durable when this record was written
             24  4  previous    the header checksum of the record before; of the first: that of the binding
             28  4  payload's checksum
             32  4  header's checksum, over the file's binding, the record's offset and bytes 4 to 31
             36  n  payload, as the codecs left it

All numbers are little-endian, checksums are CRC-32. A record is valid at one place of one file behind one other
record; neither a block that the device put elsewhere, nor what an older, cut-off record left, nor a user's value that
looks like a record can be taken for one.

**The tail.** A crash may tear, drop or reorder whatever was not synced, so a record that is not valid ends the log:
it was never acknowledged, nor was any behind it. Unless a later record proves otherwise: if its header is valid and
its ``synced to`` lies behind the bad record, the bad one had been durable once, and the file is corrupt. Then nothing
is guessed; the database does not open (XX001), and ``heliosdb salvage`` reads what records there are.

**Room.** To sync a file that has grown takes half as long again as to sync one that has not. So where little is
appended between two syncs, which somebody waits for then, the log gets room ahead, as zeros. A crash may leave them:
zeros up to the file's end are no torn tail. A log that another follows has none: it was cut to its records, and that
was durable, before the other was made.

**Held back.** Where many commit, what fits into the room is not written at once: whoever syncs next writes all that is
held with one call, and nobody else leaves the interpreter for it. Where there is no room an append writes, for it may
find the disk full, and that is told to its commit alone; who fills room can only find it full on a file system that
writes nothing in place, and then it is as if the sync had failed. Records whose commits are answered without a sync are
written before (``write``): the end of the process must not take them.

**The log before** (``LogChain``): a log's header says which one it follows and where that one ended. So one that ends
too early is known to, though it ends with a whole record and nothing stands in the next.

**Going on** after a crash (``Log.resume``): the torn tail is cut off, and the cut and everything before it is synced,
before anything is appended. Otherwise the next crash might undo the cut alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from struct import Struct
from threading import Lock
from typing import NamedTuple
from zlib import crc32

from heliosdb.encoding.codecs import Chain, FileCodecs
from heliosdb.errors import DataCorrupted, DiskFull, Error, InternalFailure, IoError, ProgramLimitExceeded
from heliosdb.store.file_header import FileHeader, new_file_header, parse_file_header
from heliosdb.store.volume import Volume, missing_file

__all__ = ["Log", "LogChain", "LogEnd", "LogReader", "LogRecord", "log_name", "read_log"]

KIND = b"LOG "
VERSION = 2
"""1: without "before"."""

HEADER_AREA = 4096
"""Constant, so that of a damaged header it is known whether records can follow it."""

COPY = HEADER_AREA // 2

MARKER = b"\xf5REC"

LARGEST_RECORD = 1 << 30

SMALL = 1 << 14
"""Up to this size a record is cheaper copied together than written in parts."""

WINDOW = 1 << 20
"""Bytes read at once."""

FEW = 1 << 14
"""There is room for records where at most so many bytes wait for the sync."""

LEAST_ROOM, MOST_ROOM = 1 << 16, 1 << 20
"""Room is made for as much as the log has, within these bounds."""

_head = Struct("<4sIQQIII")
_place = Struct("<QIQQII")
_associated = Struct("<16sQQ")

_Head = tuple[bytes, int, int, int, int, int, int]


class LogRecord(NamedTuple):
    """A record: its SCN, its payload, and the position in the log behind it."""

    scn: int
    payload: bytes
    end: int


class LogEnd(NamedTuple):
    """Where the records of a log end."""

    number: int
    size: int


def log_name(number: int) -> str:
    """Return the name of a log's file."""
    return f"log-{number:010d}"


class Log:
    """A log that is being written. One thread at a time appends; another may sync meanwhile."""

    def __init__(self, volume: Volume, number: int, codecs: FileCodecs, before: LogEnd | None = None) -> None:
        """Make a new log; its header is durable when this returns. ``before`` is the log that it follows, whose end is
        durable."""
        self._begin(volume, number, codecs.new())
        self._write_header(before)

    @classmethod
    def resume(cls, reader: LogReader, before: LogEnd | None = None) -> Log:
        """Go on with a log that was read to its end: a torn tail is cut off, and all the rest is synced.

        Records with codecs that are for one writing go into a new log, numbered one higher. ``before`` is the last log
        with records, for a header that has to be written.
        """
        volume, number = reader.volume, reader.number
        header, chain = reader.header, reader.chain
        log = cls.__new__(cls)
        if header is None or chain is None:
            log._begin(volume, number, reader.codecs.new())
            volume.truncate(log.name, 0)
            log._write_header(before)
            return log
        log._begin(volume, number, chain)
        if reader.end < reader.size:
            volume.truncate(log.name, reader.end)
        volume.sync(log.name)
        if chain.is_for_one_writing:
            return cls(volume, number + 1, reader.codecs, before)
        log._take_header(header)
        log._tip = reader.end, reader.previous
        log.synced_to = log._written = reader.end
        return log

    def _begin(self, volume: Volume, number: int, chain: Chain) -> None:
        self.volume = volume
        self.number = number
        self.name = log_name(number)
        self.chain = chain
        self._tip = 0, 0
        """The position behind the last record appended, and that record's checksum: one value, so that Ctrl-C finds
        both or neither changed."""
        self.synced_to = 0
        """The position up to which the log is known to be durable."""
        self._held: deque[tuple[int, bytes]] = deque()
        """Records, with the positions behind them, that may not have been written yet."""
        self._written = 0
        """The position up to which the log was written."""
        self._writing = Lock()
        self._is_writing = self._is_appending = False
        """Whether a call of the volume, or an append, began and did not end: Ctrl-C may come at any time."""
        self._room = 0
        """The position up to which there is room, or would be if the volume had had it; 0: none was asked for."""
        self._room_there = 0
        """The position up to which there is room."""
        self._is_cut = False
        """Whether room was given back, which is not durable."""

    @property
    def size(self) -> int:
        """The position behind the last record appended."""
        return self._tip[0]

    def _write_header(self, before: LogEnd | None) -> None:
        parameters = {**self.chain.described(), **({} if before is None else {"before": before})}
        header = new_file_header(KIND, VERSION, parameters)
        encoded = header.encode(COPY).ljust(COPY, b"\0")
        if self.volume.append(self.name, encoded + encoded):
            raise InternalFailure(f'file "{self.name}" exists already')
        # Alone, so that a damaged header in front of records is known to be damaged, not torn.
        self.volume.sync(self.name)
        self._take_header(header)
        self._tip = HEADER_AREA, self._seed
        self.synced_to = self._written = HEADER_AREA

    def _take_header(self, header: FileHeader) -> None:
        self._binding = header.binding(self.name)
        self._seed = crc32(self._binding)

    @property
    def end(self) -> LogEnd:
        """Where the log ends now."""
        return LogEnd(self.number, self.size)

    def append(self, payload: bytes, scn: int, *, hold: bool = False) -> int:
        """Append a commit's record and return the position behind it; nothing is durable yet.

        With ``hold``, for one who sees to it that somebody syncs, it may be written by then only. Raises DiskFull and
        IoError; the log is then as it was before.
        """
        offset, previous = self._tip
        stored = self.chain.encode(payload, _associated.pack(self._binding, offset, scn))
        length = len(stored)
        if max(length, len(payload)) > LARGEST_RECORD:
            raise ProgramLimitExceeded(f"a commit's record takes {length} bytes, and may take {LARGEST_RECORD}")
        synced_to = self.synced_to
        content = crc32(stored)
        check = crc32(_place.pack(offset, length, scn, synced_to, previous, content), self._seed)
        head = _head.pack(MARKER, length, scn, synced_to, previous, content, check)
        end = offset + _head.size + length
        if self._is_appending:
            self.give_back_room()
        if end > self._room and end - synced_to <= FEW:
            self._make_room(end)
        self._is_appending = True
        if hold and end <= self._room_there:
            self._held.append((end, head + stored))
        else:
            with self._writing:
                self._write_held()
                self._write(head + stored if length < SMALL else (head, stored), end)
        self._tip = end, check
        self._is_appending = False
        return end

    def _write(self, data: bytes | Sequence[bytes], end: int) -> None:
        """Write what follows what was written; the caller writes alone."""
        self._is_writing = True
        try:
            found = self.volume.append(self.name, data)
        except Error:
            self._is_writing = False
            self._room_there = 0  # it went with what the volume had written of this
            raise
        if found != self._written:
            raise InternalFailure(f'file "{self.name}" has grown to {found} bytes behind its log\'s back')
        self._written = end
        self._is_writing = False

    def write(self) -> None:
        """Write what is held: it outlives the process. Raises DiskFull and IoError; it is still held then."""
        with self._writing:
            self._write_held()

    def _write_held(self) -> None:
        if self._is_writing:
            self._cut(self._written)
        held, written = self._held, self._written
        left = [(end, record) for end, record in tuple(held) if end > written]
        if left:
            self._write(b"".join([record for _, record in left]), left[-1][0])
        while held and held[0][0] <= self._written:
            held.popleft()

    def _cut(self, end: int) -> None:
        self.volume.truncate(self.name, end)
        self._written = end
        self._room = self._room_there = 0
        self._is_cut = True
        self._is_writing = False

    def _make_room(self, end: int) -> None:
        self._room = end + min(max(end, LEAST_ROOM), MOST_ROOM)
        try:
            with self._writing:
                self._write_held()
                if self.volume.reserve(self.name, self._room):
                    self._room_there = self._room
        except (DiskFull, IoError):
            # Without room all is as well, but slower; and whether a record fits is for its append to say.
            pass

    def give_back_room(self) -> None:
        """Cut the log to its records, nobody appends meanwhile; the next sync makes that durable.

        Raises DiskFull and IoError; the room is still there then.
        """
        with self._writing:
            held, size = self._held, self.size
            while held and held[-1][0] > size:
                held.pop()  # its append was interrupted
            self._write_held()
            if self._room or self._is_appending:
                self._cut(size)
                self._is_appending = False

    def sync(self) -> int:
        """Make durable whatever was appended before the call, and return the position up to which it is."""
        with self._writing:
            self._write_held()
            end = min(self._written, self.size)
        if end > self.synced_to or self._is_cut:
            self.volume.sync(self.name)
            self.synced_to = end
            self._is_cut = False
        return end


class LogReader:
    """Iterates once over the records of a log.

    Afterwards ``end`` is where the valid records end (``size``, if there is neither torn tail nor room) and ``damaged``
    lists the stretches, (from, to), that hold none: with ``salvage`` there may be many, else only the torn tail.
    """

    def __init__(
        self,
        volume: Volume,
        number: int,
        codecs: FileCodecs,
        *,
        salvage: bool = False,
    ) -> None:
        self.volume = volume
        self.number = number
        self.name = log_name(number)
        self.size = volume.size(self.name)
        self.end = 0
        self.damaged: list[tuple[int, int]] = []
        self.previous = 0
        self.codecs = codecs
        self.chain: Chain | None = None
        self._salvage = salvage
        self._window = b""
        self._window_at = 0
        self.header = self._read_header()
        if self.header is not None:
            try:
                self.chain = codecs.of(self.header.codecs, self.header.codec_parameters)
            except DataCorrupted as error:
                raise DataCorrupted(f'file "{self.name}" is corrupt: {error.message}') from error
            self._binding = self.header.binding(self.name)
            self._seed = self.previous = crc32(self._binding)
            self.end = HEADER_AREA

    def _read_header(self) -> FileHeader | None:
        """Return the header; None when it was never durable, so that no record can be."""
        area = self.volume.read(self.name, 0, min(self.size, HEADER_AREA))
        header = parse_file_header(area[:COPY], KIND, VERSION, self.name)
        if header is not None and self.size >= HEADER_AREA:
            return header
        if self.size > HEADER_AREA:
            if self._salvage:
                self.damaged.append((0, COPY))
                header = parse_file_header(area[COPY:], KIND, VERSION, self.name)
            if header is None:
                raise self._corrupt(0)
            return header
        if self.size:
            self.damaged.append((0, self.size))
        return None

    def __iter__(self) -> Iterator[LogRecord]:
        header, chain = self.header, self.chain
        if header is None or chain is None:
            return
        offset = self.end
        while offset < self.size:
            found = self._record(offset, chained=not self._salvage)
            if found is not None:
                scn, stored, check = found
                associated = _associated.pack(self._binding, offset, scn)
                end = offset + _head.size + len(stored)
                try:
                    payload = chain.decode(stored, associated)
                except DataCorrupted as error:
                    if not self._salvage:
                        raise self._corrupt(offset, error.message) from error
                    self.damaged.append((offset, end))
                    offset = end
                    continue
                self.previous = check
                self.end = offset = end
                yield LogRecord(scn, payload, end)
                continue
            if self._is_room(offset):
                return
            following = self._next_valid(offset)
            self.damaged.append((offset, self.size if following is None else following))
            if following is None:
                return
            offset = following

    def require_header(self) -> None:
        """Raise DataCorrupted when a log has no header that a manifest names: it was durable before."""
        if self.header is None:
            raise self._corrupt(0)

    @property
    def has_records(self) -> bool:
        """Whether there was any, after it was read."""
        return self.end > HEADER_AREA

    def require_whole(self) -> None:
        """Raise DataCorrupted when a log that was read to its end has a torn tail or room: the next one was begun when
        all of this one was durable, and cut to its records."""
        if self.end < self.size and not self._salvage:
            raise self._corrupt(self.end)

    def _is_room(self, start: int) -> bool:
        """Whether there are zeros up to the end."""
        while start < self.size:
            stretch = self.volume.read(self.name, start, min(WINDOW, self.size - start))
            if stretch.count(0) < len(stretch):
                return False
            start += len(stretch)
        return True

    def _next_valid(self, bad: int) -> int | None:
        """Return where records go on behind a bad one (salvage), or None at the log's end."""
        for offset, synced_to in self._headers(bad + 1):
            if self._salvage:
                if self._record(offset, chained=False) is not None:
                    return offset
            elif synced_to > bad:
                raise self._corrupt(bad)
        return None

    def _corrupt(self, offset: int, detail: str | None = None) -> DataCorrupted:
        return _corrupt(
            self.name, offset, detail or "What is there had been written and synced before, and is damaged."
        )

    def _checked(self, head: _Head, offset: int) -> tuple[int, int, int, int, int, int] | None:
        """Return (length, SCN, synced to, previous, payload's checksum, header's checksum) of a valid header."""
        marker, length, scn, synced_to, previous, content, check = head
        expected = crc32(_place.pack(offset, length, scn, synced_to, previous, content), self._seed)
        return head[1:] if marker == MARKER and check == expected else None

    def _record(self, offset: int, *, chained: bool) -> tuple[int, bytes, int] | None:
        """Return (SCN, stored payload, header's checksum) of a valid record."""
        if offset + _head.size > self.size:
            return None
        checked = self._checked(_head.unpack(self._bytes(offset, _head.size)), offset)
        if checked is None:
            return None
        length, scn, _, previous, content, check = checked
        start = offset + _head.size
        if (chained and previous != self.previous) or start + length > self.size:
            return None
        stored = self._bytes(start, length)
        return (scn, stored, check) if crc32(stored) == content else None

    def _headers(self, start: int) -> Iterator[tuple[int, int]]:
        """Yield (offset, synced to) of every valid header from an offset on.

        The header has a checksum of its own, so that this takes one pass however many markers a payload holds.
        """
        while start + _head.size <= self.size:
            stretch = self.volume.read(self.name, start, min(WINDOW, self.size - start))
            at = stretch.find(MARKER)
            while 0 <= at <= len(stretch) - _head.size:
                head = self._checked(_head.unpack_from(stretch, at), start + at)
                if head is not None:
                    yield start + at, head[2]
                at = stretch.find(MARKER, at + 1)
            start += len(stretch) - _head.size + 1

    def _bytes(self, offset: int, length: int) -> bytes:
        at = offset - self._window_at
        if at < 0 or at + length > len(self._window):
            size = min(max(length, WINDOW), self.size - offset)
            self._window = self.volume.read(self.name, offset, size)
            self._window_at = offset
            at = 0
        return self._window[at : at + length]


class LogChain:
    """Logs that are read one behind the other, from the first that counts: is any of them missing, or cut short?"""

    def __init__(self, first: int) -> None:
        self._first = first
        self._ends: dict[int, int] = {}
        self.end: LogEnd | None = None
        """The end of the last log that has records, or is the first."""

    def problem_before(self, reader: LogReader) -> DataCorrupted | None:
        """Return what is wrong with the log that another follows, which is about to be read; None where all is well."""
        stated = None if reader.header is None else reader.header.parameters.get("before")
        if stated is None:
            return None
        before = LogEnd(*stated)
        if before.number < self._first:
            return None
        name, found = log_name(before.number), self._ends.get(before.number)
        if found is None:
            return missing_file(name)
        if found >= before.size:
            return None
        return _corrupt(name, found, f"It had {before.size} bytes when the log behind it was begun.")

    def add(self, reader: LogReader) -> None:
        """Take note of a log that was read to its end. What is damaged there is told anyway."""
        self._ends[reader.number] = max([reader.end, *(end for _, end in reader.damaged)])
        if reader.header is not None and (reader.has_records or reader.number == self._first):
            self.end = LogEnd(reader.number, reader.end)


def _corrupt(name: str, offset: int, detail: str) -> DataCorrupted:
    return DataCorrupted(
        f'file "{name}" is corrupt at offset {offset}', detail=detail, hint="heliosdb salvage reads what is left."
    )


def read_log(
    volume: Volume,
    number: int,
    codecs: FileCodecs,
    *,
    salvage: bool = False,
) -> LogReader:
    """Open a log for reading; iterate over what it returns. DataCorrupted (XX001) names file and offset.

    With ``salvage`` whatever valid records there are come, whether others between them are damaged or not.
    """
    return LogReader(volume, number, codecs, salvage=salvage)
