"""Temporary files: what statements and cursors put aside when it grows beyond ``work_mem``.

    TemporarySpace    one a database: the folder, the codecs, the names
    TemporaryFiles    one a statement or cursor: deletes its files when that ends, however it ends
    TemporaryRows     one file: frames (``encoding/frames.py``) one behind the other, each passed through the codecs

A file has no name any more once it is open, so that it dies with the process even when that is killed. Where the
system does not delete open files, what a killed process left has a name that ``is_temporary`` knows, and the one who
opens the database next removes it.

They pass the codecs of the database's other files, so that a cipher leaves nothing readable here either; but no
compression, whose time statements would wait for.
"""

from __future__ import annotations

import errno
import os
import tempfile
from itertools import count
from struct import Struct
from typing import IO, Any, Protocol
from weakref import WeakValueDictionary

from heliosdb import errors
from heliosdb.encoding.codecs import FileCodecs
from heliosdb.encoding.frames import Frames

__all__ = [
    "Frame", "TemporaryFiles", "TemporaryRows", "TemporarySpace", "is_temporary",
    "temporary_name",
]  # fmt: skip

PREFIX = "heliosdb-temporary-"

NOTHING = FileCodecs(())

_associated = Struct("<16sQ")

_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))

Frame = tuple[int, int]
"""Offset and length in the file."""


class LimitedSession(Protocol):
    """What is asked of a session: how much its temporary files hold now, and how much they may."""

    temporary_bytes: int

    def setting(self, name: str) -> Any:
        """Return the value of a setting (``temp_file_limit``, in kB, -1 for no limit)."""
        ...


def temporary_name(process: int, number: int) -> str:
    """Return the name of a temporary file of a process."""
    return f"{PREFIX}{process}-{number}"


def is_temporary(name: str) -> bool:
    """Whether a file of this name is a temporary one: of no use to anybody once its process is gone."""
    process, _, number = name.removeprefix(PREFIX).partition("-")
    return name.startswith(PREFIX) and process.isdigit() and number.isdigit()


class TemporarySpace:
    """Where a database's temporary files are made. ``folder`` None: the system's place for them."""

    def __init__(self, folder: str | None = None, codecs: FileCodecs | None = None) -> None:
        self.folder = folder
        self.codecs = NOTHING if codecs is None else codecs
        self._numbers = count(1)

    def create(self) -> IO[bytes]:
        """Make a file that is gone when it is closed."""
        folder = tempfile.gettempdir() if self.folder is None else self.folder
        # O_TEMPORARY and O_BINARY are Windows' own; elsewhere the name is taken away at once.
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_TEMPORARY", 0) | getattr(os, "O_BINARY", 0)
        while True:
            path = os.path.join(folder, temporary_name(os.getpid(), next(self._numbers)))
            try:
                descriptor = os.open(path, flags, 0o600)
                break
            except FileExistsError:
                continue
            except OSError as error:
                raise failure(error, "create") from error
        if not hasattr(os, "O_TEMPORARY"):
            os.unlink(path)
        return os.fdopen(descriptor, "w+b", buffering=0)


class TemporaryFiles:
    """The temporary files of one statement or cursor."""

    def __init__(self, space: TemporarySpace, session: LimitedSession) -> None:
        self.space = space
        self.session = session
        self.written = 0
        """Bytes in all, those of files that are gone included."""
        self.count = 0
        """Files in all."""
        self._open: WeakValueDictionary[int, TemporaryRows] = WeakValueDictionary()

    def create(self) -> TemporaryRows:
        """Make a file."""
        self.count += 1
        rows = TemporaryRows(self, self.count)
        self._open[self.count] = rows
        return rows

    def forget(self, number: int) -> None:
        """Take note that a file is gone."""
        self._open.pop(number, None)

    def close(self) -> None:
        """Delete all files. Harmless a second time."""
        for rows in tuple(self._open.values()):
            rows.close()


class TemporaryRows:
    """One temporary file. What was written can be read in any order, any number of times."""

    def __init__(self, files: TemporaryFiles, number: int) -> None:
        self._files = files
        self._number = number
        self._chain = files.space.codecs.new()
        self._id = os.urandom(16)
        self._frames = Frames()
        self.size = 0
        self._file: IO[bytes] | None = files.space.create()

    def write(self, rows: list[Any]) -> Frame:
        """Put rows aside."""
        assert self._file is not None
        data = self._chain.encode(self._frames.encode(rows), self._place(self.size))
        files = self._files
        session = files.session
        limit = session.setting("temp_file_limit")
        if limit >= 0 and session.temporary_bytes + len(data) > limit * 1024:
            raise errors.ConfigurationLimitExceeded(f"temporary file size exceeds temp_file_limit ({limit}kB)")
        try:
            self._file.seek(self.size)
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise failure(error, "write to") from error
        frame = self.size, len(data)
        self.size += len(data)
        files.written += len(data)
        session.temporary_bytes += len(data)
        return frame

    def read(self, frame: Frame) -> list[Any]:
        """Return the rows of a frame."""
        assert self._file is not None
        offset, length = frame
        try:
            self._file.seek(offset)
            data = self._file.read(length)
            while len(data) < length and (more := self._file.read(length - len(data))):
                data += more
        except OSError as error:
            raise failure(error, "read from") from error
        return self._frames.decode(self._chain.decode(data, self._place(offset)))

    def _place(self, offset: int) -> bytes:
        return _associated.pack(self._id, offset)

    def close(self) -> None:
        """Delete the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self._files.session.temporary_bytes -= self.size
            self._files.forget(self._number)

    def __del__(self) -> None:
        # Nobody reads it any more.
        if hasattr(self, "_file"):
            self.close()


def failure(error: OSError, action: str) -> errors.Error:
    """Return the error of a file that could not be made, written or read."""
    message = f"could not {action} temporary file: {error.strerror}"
    if error.errno in _FULL:
        return errors.DiskFull(message)
    return errors.IoError(message)
