"""Where dumps and archives lie: files, ``-`` for standard input and output, and URLs that fsspec knows.

What is written becomes visible only when it is whole: a file is written beside its place and moved there at the end,
an object of a store appears when it is closed. An existing target is refused unless it may be replaced.
"""

from __future__ import annotations

import errno
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from heliosdb.errors import (
    DiskFull,
    DuplicateFile,
    Error,
    FeatureNotSupported,
    InsufficientPrivilege,
    IoError,
    UndefinedFile,
    WrongObjectType,
)

__all__ = ["file_error", "is_url", "reading", "seekable", "sync_folder", "writing"]

_url: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://|[A-Za-z][A-Za-z0-9+.-]+::")
PIECE: Final = 1 << 20


def is_url(place: str) -> bool:
    """Return whether a place is a URL, not a path."""
    return _url.match(place) is not None


def file_error(place: str, error: OSError, doing: str) -> Error:
    """Return an error of the operating system as one of SQL."""
    reason = error.strerror or str(error) or type(error).__name__
    message = f'could not {doing} "{place}": {reason}'
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return UndefinedFile(message)
    if isinstance(error, PermissionError):
        return InsufficientPrivilege(message)
    if isinstance(error, IsADirectoryError):
        return WrongObjectType(message)
    if isinstance(error, FileExistsError):
        return DuplicateFile(message)
    if error.errno in (errno.ENOSPC, errno.EDQUOT if hasattr(errno, "EDQUOT") else -1):
        return DiskFull(message)
    return IoError(message)


@contextmanager
def reading(place: str) -> Iterator[BinaryIO]:
    """Open a place to read it from its beginning to its end."""
    if place == "-":
        yield sys.stdin.buffer
        return
    with _named(place, "read"):
        file = _remote(place).open() if is_url(place) else _local(place).open("rb")
    with file:
        yield cast(BinaryIO, file)


@contextmanager
def writing(place: str, *, replace: bool = False) -> Iterator[BinaryIO]:
    """Open a place to write it; nothing is there after an error, and what was there before is as it was."""
    if place == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    elif is_url(place):
        with _to_remote(place, replace=replace) as file:
            yield file
    else:
        with _to_file(place, replace=replace) as file:
            yield file


@contextmanager
def _named(place: str, doing: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise file_error(place, error, doing) from None
    except ValueError as error:
        # A NUL in the name, or a URL that its store does not read.
        raise UndefinedFile(f"could not {doing} {place!r}: {error}") from None


def _local(place: str) -> Path:
    path = Path(place).expanduser()
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), place)
    return path


@contextmanager
def _to_file(place: str, *, replace: bool) -> Iterator[BinaryIO]:
    with _named(place, "write"):
        path = _local(place)
        if path.exists() and not path.is_file():
            # A device or a pipe: there is nothing to move.
            with path.open("wb") as device:
                yield device
            return
        if path.exists() and not replace:
            raise DuplicateFile(f'"{place}" exists already')
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with _named(place, "write"):
            with os.fdopen(handle, "wb", buffering=PIECE) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(name, 0o666 & ~mask)
            if replace:
                os.replace(name, path)
            else:
                _move_to_new(name, path, place)
            sync_folder(path.parent)
    finally:
        if os.path.exists(name):
            os.unlink(name)


def _move_to_new(name: str, path: Path, place: str) -> None:
    """Move a file to a place where none may be: also one that came there meanwhile is kept."""
    try:
        os.link(name, path)
    except FileExistsError:
        raise DuplicateFile(f'"{place}" exists already') from None
    except OSError:
        # A file system without hard links.
        os.replace(name, path)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on disk, where the system does such a thing."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


# -- other places ------------------------------------------------------------------------------------------------------


class _Remote:
    """A place of fsspec's."""

    def __init__(self, file_system: Any, path: str) -> None:
        self.file_system = file_system
        self.path = path

    def open(self, mode: str = "rb") -> Any:
        return self.file_system.open(self.path, mode)


def _remote(place: str) -> _Remote:
    try:
        fsspec = import_module("fsspec.core")
    except ModuleNotFoundError:
        raise FeatureNotSupported(
            f'"{place}" needs the package fsspec', hint="pip install 'heliosdb-core[remote]'"
        ) from None
    try:
        file_system, path = fsspec.url_to_fs(place)
    except ImportError as error:
        raise FeatureNotSupported(f'"{place}" needs a package that is not installed', hint=str(error)) from None
    return _Remote(file_system, path)


@contextmanager
def _to_remote(place: str, *, replace: bool) -> Iterator[BinaryIO]:
    with _named(place, "write"):
        remote = _remote(place)
        if not replace and remote.file_system.exists(remote.path):
            raise DuplicateFile(f'"{place}" exists already')
        # Some stores show an object while it grows, others not: the parts are collected here and go there when whole.
        with tempfile.TemporaryFile(prefix="heliosdb-") as parts:
            yield cast(BinaryIO, parts)
            parts.seek(0)
            with remote.open("wb") as file:
                while piece := parts.read(PIECE):
                    file.write(piece)


@contextmanager
def seekable(file: BinaryIO) -> Iterator[BinaryIO]:
    """Yield a file in which one can go back and forth: this one, or a copy of what it still has."""
    if file.seekable():
        yield file
        return
    with tempfile.TemporaryFile(prefix="heliosdb-") as copied:
        while piece := file.read(PIECE):
            copied.write(piece)
        copied.seek(0)
        yield cast(BinaryIO, copied)
