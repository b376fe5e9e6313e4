"""A volume in memory that loses power, runs full and fails when it is told to.

Like a real one it keeps two states apart: what has been written, and what is durable. Reading shows the former;
``crash`` gives a volume as it may be found after power came back:

    bytes written and not synced       sector by sector kept, dropped, torn at any byte, in any order; so in room that
                                       was made before, where what is dropped leaves the zeros that were there; a lost
                                       end may be there as zeros
    truncations not synced             done or not
    names made, removed, renamed       likewise, until something syncs the names

Every change consists of steps (``STEPS``), which are counted; a truncation that cuts off nothing but room is a step of
its own kind, "give back". ``crash_at`` ends the world before a step has its effect for sure, ``fail`` makes a step
raise. ``skip`` names steps that are not taken at all: a store on a volume that skips a sync must lose something, or the
sync was not needed or the test does not look.
"""

from __future__ import annotations

import re
import time
from collections.abc import Container, Iterator, Sequence
from contextlib import AbstractContextManager
from random import Random
from threading import RLock

from heliosdb.errors import DataCorrupted, DiskFull, Error, InterfaceError, InternalFailure, IoError

__all__ = ["FaultyVolume", "PowerLoss", "STEPS"]

STEPS = (
    "append",
    "reserve",
    "give back",
    "truncate",
    "sync",
    "sync names",
    "delete",
    "replace write",
    "replace sync",
    "replace rename",
    "replace sync names",
)

NEW = ".new"
SECTOR = 512
"""What the smallest devices write at once; a page of the system's memory may be lost in part."""

_well_formed = re.compile(r"[a-z]+(-[0-9a-z]+)+").fullmatch
_word = re.compile(r"[a-z]{1,50}").fullmatch


class PowerLoss(BaseException):
    """The simulated machine is off. No error that a program could handle."""


class SimulatedFile:
    """A file's bytes as they were written, as they are durable, and what lies between."""

    __slots__ = ("content", "durable", "durable_end", "pending", "room")

    def __init__(self, durable: bytes = b"") -> None:
        self.content = bytearray(durable)
        self.durable = durable
        self.durable_end = len(durable)
        """How much of what is durable is content."""
        self.pending: list[tuple[int, bytes | None]] = []
        """(offset, bytes written) or (size, None): truncated."""
        self.room = 0
        """How many bytes at the end are not content, but room for it."""

    @property
    def end(self) -> int:
        """Where the content ends."""
        return len(self.content) - self.room

    def write(self, offset: int, data: bytes) -> None:
        self.content[offset : offset + len(data)] = data
        self.pending.append((offset, data))

    def append(self, data: bytes) -> None:
        end = self.end
        self.write(end, data)
        self.room = len(self.content) - end - len(data)

    def reserve(self, size: int) -> None:
        start, end = len(self.content), self.end
        if size > start:
            self.write(start, bytes(size - start))
            self.room = size - end

    def truncate(self, size: int) -> None:
        del self.content[size:]
        self.room = 0
        self.pending.append((size, None))

    def sync(self) -> None:
        self.made_durable(*self.begin_sync())

    def begin_sync(self) -> tuple[bytes, int, int]:
        """Return what a sync that begins now makes durable: the bytes, how many of them are content, the writes."""
        return bytes(self.content), self.end, len(self.pending)

    def made_durable(self, content: bytes, end: int, count: int) -> None:
        """Note that a sync has reached the device: what ``begin_sync`` gave."""
        self.durable, self.durable_end = content, end
        del self.pending[:count]

    def after_crash(self, random: Random) -> bytes:
        """Return what may be left."""
        found = bytearray(self.durable)
        for offset, data in _survivors(list(self._pieces()), random):
            if data is None:
                del found[offset:]
                continue
            if len(found) < offset:
                found += bytes(offset - len(found))
            found[offset : offset + len(data)] = data
        missing = len(self.content) - len(found)
        if missing > 0 and random.random() < 0.4:
            # The size was durable before the bytes were.
            found += bytes(random.choice((missing, random.randint(1, missing))))
        return bytes(found)

    def _pieces(self) -> Iterator[tuple[int, bytes | None]]:
        for offset, data in self.pending:
            if data is None:
                yield offset, None
                continue
            start = 0
            while start < len(data):
                end = min(len(data), start + SECTOR - (offset + start) % SECTOR)
                yield offset + start, data[start:end]
                start = end


def _survivors(pieces: list[tuple[int, bytes | None]], random: Random) -> Iterator[tuple[int, bytes | None]]:
    """Yield what a crash leaves of writes: nothing, all, those up to some byte, or any of them, each torn or not."""
    way = random.choice(("nothing", "all", "beginning", "any", "any"))
    if way == "all":
        yield from pieces
    elif way == "beginning" and pieces:
        last = random.randrange(len(pieces))
        yield from pieces[:last]
        yield from _torn(pieces[last], random)
    elif way == "any":
        for piece in pieces:
            fate = random.random()
            if fate < 0.5:
                yield piece
            elif fate < 0.7:
                yield from _torn(piece, random)


def _torn(piece: tuple[int, bytes | None], random: Random) -> Iterator[tuple[int, bytes | None]]:
    offset, data = piece
    if data is None:
        return
    kept = random.randint(0, len(data))
    if random.random() < 0.5:
        yield offset, data[:kept]
    elif kept < len(data):
        yield offset + kept, data[kept:]


class FaultyVolume:
    """See the module. It satisfies ``VolumeSuite`` as long as nothing is made to fail."""

    keeps_log = True
    read_only = False
    scratch = None

    def __init__(self, *, skip: Container[str] = (), capacity: int | None = None) -> None:
        """``skip`` holds steps that are not taken, as "sync" or for some files only, as "sync log"; skipping "manifest
        rename" makes it two: the old file goes before the new one comes. ``capacity`` is in bytes."""
        self.skip = skip
        self.capacity = capacity
        self.steps: list[tuple[str, str]] = []
        """Every step taken: (kind, file)."""
        self.others_go_on = False
        """Whether other threads get a turn in the middle of a sync."""
        self._names: dict[str, SimulatedFile] = {}
        self._durable_names: dict[str, SimulatedFile] = {}
        self._pending_names: list[tuple[str, SimulatedFile | None]] = []
        self._found_unsynced = False
        """Whether a process that was killed left names here that are not durable."""
        self._crash_at: tuple[str | None, int] | None = None
        self._failures: list[tuple[str | None, int, Error]] = []
        self._sealed: str | None = None
        self._closed = False
        self._off = False
        self._mutex = RLock()

    # -- faults

    def crash_at(self, step: int, kind: str | None = None) -> None:
        """Lose power at a step from now (1: the next one; with ``kind``, the next one of that kind)."""
        self._crash_at = (kind, step)

    def fail(self, error: Error, kind: str | None = None, at: int = 1) -> None:
        """Make a step from now (1: the next one; with ``kind``, the next one of that kind) raise, once.

        Kinds are those of ``STEPS``, also for some files only, as "append log"; and "read".
        """
        self._failures.append((kind, at, error))

    def damage(self, name: str, offset: int, mask: int = 0xFF) -> None:
        """Change a byte that was durable."""
        file = self._names[name]
        file.content[offset] ^= mask
        file.durable = bytes(file.content)

    def lose_power(self) -> None:
        """End the world now: every call raises PowerLoss from here on."""
        self._off = True

    def crash(self, random: Random) -> FaultyVolume:
        """Return the volume as it may be found when power is back."""
        with self._mutex:
            self._off = True
            names = dict(self._durable_names)
            kept = random.choice((0.0, 0.5, 1.0))
            for name, file in self._pending_names:
                if random.random() < kept:
                    _enter(names, name, file)
            found = FaultyVolume(skip=self.skip, capacity=self.capacity)
            found.others_go_on = self.others_go_on
            left: dict[int, SimulatedFile] = {}
            for name, file in names.items():
                if not name.endswith(NEW):
                    if id(file) not in left:
                        left[id(file)] = SimulatedFile(file.after_crash(random))
                    found._names[name] = left[id(file)]
            found._durable_names = dict(found._names)
            return found

    def kill(self) -> FaultyVolume:
        """Return the volume as the next process finds it when this one is killed: all is there, not all is durable."""
        with self._mutex:
            self._off = True
            found = FaultyVolume(skip=self.skip, capacity=self.capacity)
            found.others_go_on = self.others_go_on
            found._names = self._names
            found._durable_names = self._durable_names
            found._pending_names = self._pending_names
            found._found_unsynced = bool(self._pending_names)
            for file in found._names.values():
                file.room = 0  # who made it is gone
            return found

    # -- the volume

    def append(self, name: str, data: bytes | Sequence[bytes]) -> int:
        """Append to a file."""
        content = data if isinstance(data, bytes) else b"".join(data)
        with self._changing(name):
            file = self._names.get(name)
            self._require_space(name, len(content) - (0 if file is None else file.room))
            with self._step("append", name) as taken:
                if file is None:
                    file = SimulatedFile()
                    self._rename(name, file)
                offset = file.end
                if taken:
                    file.append(content)
            return offset

    def reserve(self, name: str, size: int) -> bool:
        """Make room behind a file's end."""
        with self._changing(name):
            file = self._file(name)
            self._require_space(name, size - len(file.content))
            with self._step("reserve", name) as taken:
                if taken:
                    file.reserve(size)
                return True

    def _require_space(self, name: str, growth: int) -> None:
        used = sum(len(file.content) for file in self._names.values())
        if self.capacity is not None and growth > 0 and used + growth > self.capacity:
            raise DiskFull(f'could not write file "{name}": No space left on device', hint="Check free disk space.")

    def sync(self, name: str) -> None:
        """Make a file and its name durable."""
        with self._changing(name):
            file = self._file(name)
            begun = file.begin_sync()
        if self.others_go_on:
            # Another thread may append meanwhile: that is not made durable.
            time.sleep(0)
        with self._changing(name):
            self._sync(file, "sync", name, begun)
            if self._found_unsynced or any(pending == name for pending, _ in self._pending_names):
                self._sync_names("sync names", name)
                self._found_unsynced = False

    def truncate(self, name: str, size: int) -> None:
        """Cut a file down."""
        with self._changing(name):
            file = self._file(name)
            with self._step("truncate" if size < file.end else "give back", name) as taken:
                if taken and (size < file.end or file.room):
                    file.truncate(min(size, file.end))

    def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        """Return bytes of a file."""
        with self._mutex:
            self._require_open(name)
            self._fail_if_told("read", name)
            file = self._file(name)
            end = file.end if length is None else offset + length
            if offset > file.end or end > file.end:
                raise DataCorrupted(f'file "{name}" is too short: cannot read {length} bytes at offset {offset}')
            return bytes(file.content[offset:end])

    def size(self, name: str) -> int:
        """Return a file's size."""
        with self._mutex:
            self._require_open(name)
            return self._file(name).end

    def names(self) -> list[str]:
        """Return the names of all files."""
        with self._mutex:
            self._require_open()
            return sorted(name for name in self._names if _well_formed(name))

    def delete(self, name: str) -> None:
        """Remove a file."""
        with self._changing(name):
            with self._step("delete", name) as taken:
                if taken and name in self._names:
                    self._rename(name, None)

    def whole(self, name: str) -> bytes | None:
        """Return a file that is replaced as a whole."""
        with self._mutex:
            self._require_open()
            file = self._names.get(_checked_word(name))
            return None if file is None else bytes(file.content)

    def replace(self, name: str, content: bytes) -> None:
        """Replace such a file as a directory does: write, sync, rename, sync the names."""
        new = _checked_word(name) + NEW
        with self._changing():
            file = SimulatedFile()
            with self._step("replace write", name):
                self._rename(new, file)
                file.write(0, content)
            self._sync(file, "replace sync", name, file.begin_sync())
            with self._step("replace rename", name) as taken:
                if not taken:
                    self._rename(name, None)
                self._rename(name, file)
                self._names.pop(new, None)
                self._pending_names = [pending for pending in self._pending_names if pending[0] != new]
            self._sync_names("replace sync names", name)

    def close(self) -> None:
        """Take no more calls."""
        self._closed = True

    # -- how

    def _changing(self, name: str | None = None) -> AbstractContextManager[object]:
        self._require_open(name)
        if self._sealed is not None:
            raise IoError(self._sealed, detail="The database takes no more changes.")
        return self._mutex

    def _require_open(self, name: str | None = None) -> None:
        if self._off:
            raise PowerLoss
        if self._closed:
            raise InterfaceError("the database is closed")
        if name is not None and (len(name) > 100 or _well_formed(name) is None):
            raise InternalFailure(f"{name!r} cannot be the name of a file in a volume")

    def _file(self, name: str) -> SimulatedFile:
        found = self._names.get(name)
        if found is None:
            raise DataCorrupted(f'file "{name}" is missing')
        return found

    def _rename(self, name: str, file: SimulatedFile | None) -> None:
        _enter(self._names, name, file)
        self._pending_names.append((name, file))

    def _sync(self, file: SimulatedFile, kind: str, name: str, begun: tuple[bytes, int, int]) -> None:
        try:
            with self._step(kind, name) as taken:
                if taken and not self._off:
                    file.made_durable(*begun)
        except Error as error:
            # What was not durable may be lost, or may not: it is cut off, and shown no more.
            self._sealed = error.message
            file.truncate(min([file.durable_end, *(size for size, data in file.pending if data is None)]))
            raise

    def _sync_names(self, kind: str, name: str) -> None:
        try:
            with self._step(kind, name) as taken:
                if taken and not self._off:
                    self._durable_names = dict(self._names)
                    self._pending_names = []
        except Error as error:
            self._sealed = error.message
            raise

    def _step(self, kind: str, name: str) -> _Step:
        self.steps.append((kind, name))
        self._fail_if_told(kind, name)
        narrow = f"{kind} {name.partition('-')[0]}"
        due = False
        if self._crash_at is not None and self._crash_at[0] in (None, kind, narrow):
            wanted, left = self._crash_at
            due = left == 1
            self._crash_at = (wanted, left - 1)
        return _Step(self, kind not in self.skip and narrow not in self.skip, due)

    def _fail_if_told(self, kind: str, name: str) -> None:
        for number, (wanted, at, error) in enumerate(self._failures):
            counts = kind != "read" if wanted is None else wanted in (kind, f"{kind} {name.partition('-')[0]}")
            if counts:
                if at == 1:
                    del self._failures[number]
                    raise error
                self._failures[number] = (wanted, at - 1, error)


class _Step:
    """A step that is being taken: ``with`` gives whether it is, and ends with the power loss that is due."""

    __slots__ = ("_due", "_taken", "_volume")

    def __init__(self, volume: FaultyVolume, taken: bool, due: bool) -> None:
        self._volume = volume
        self._taken = taken
        self._due = due

    def __enter__(self) -> bool:
        if self._due:
            # Writes and renames may still reach the device; a sync that is cut short promises nothing.
            self._volume._off = True
        return self._taken

    def __exit__(self, *raised: object) -> None:
        if self._due:
            raise PowerLoss


def _checked_word(name: str) -> str:
    if _word(name) is None:
        raise InternalFailure(f"{name!r} cannot be the name of a file that is replaced as a whole")
    return name


def _enter(names: dict[str, SimulatedFile], name: str, file: SimulatedFile | None) -> None:
    if file is None:
        names.pop(name, None)
    else:
        names[name] = file
