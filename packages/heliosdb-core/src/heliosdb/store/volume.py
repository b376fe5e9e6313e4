"""Volumes: where a database's bytes live.

A volume holds named files that grow at their end, and a few small ones that are replaced as a whole, atomically; a
writer's volume is locked against all others. The store above never opens a file of the host. Files are named by the
store, never by a user: ``log-0000000012``, words and numbers with hyphens between them; those that are replaced have a
word alone, as ``manifest``.

    append ──► may be lost, torn or reordered by a crash ──sync──► survives whatever the device survives

A file may be given room ahead, zeros that later appends fill: to sync a file that has not grown takes half as long.

The memory volume keeps nothing: its database lives as long as the process does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from heliosdb.errors import DataCorrupted, InternalFailure

__all__ = ["Announces", "MemoryVolume", "Volume", "check_name", "check_word", "is_name", "missing_file", "short_file"]

_well_formed = re.compile(r"[a-z]+(-[0-9a-z]+)+").fullmatch
_word = re.compile(r"[a-z]{1,50}").fullmatch


class Volume(Protocol):
    """Durable bytes behind one database.

    Durability: bytes are durable when the ``sync`` of their file that follows returns, and what ``replace`` was
    given when it returns; ``delete`` and ``truncate`` may be undone by a crash until the next ``sync`` of that
    file (``delete``: for ever, so who opens a volume deletes again what the manifest does not name). What a process
    that was killed left behind can be read and may not be durable: its bytes are when their file has been synced, its
    names and its manifest when the first ``sync`` of any file has returned. Ordering: none between files, none between
    appends that are not synced. Concurrency: reads from any thread at any time; one thread
    at a time changes a file, but may append while another syncs it (what that makes durable was appended before it
    began). Failure: an append, reservation or truncation that raises has changed nothing of what can be read. A failed
    sync is never tried again: the volume takes no more changes, and can be read.
    """

    @property
    def keeps_log(self) -> bool:
        """Whether what is written outlives the process; the store writes nothing to a volume where it does not."""
        ...

    @property
    def read_only(self) -> bool:
        """Whether the volume refuses changes (25006)."""
        ...

    @property
    def scratch(self) -> str | None:
        """The folder of the host where the database's temporary files are made; None: the system's."""
        ...

    def append(self, name: str, data: bytes | Sequence[bytes]) -> int:
        """Append to a file, made when missing, and return the offset where the data begins.

        Raises DiskFull (53100) and IoError (58030).
        """
        ...

    def reserve(self, name: str, size: int) -> bool:
        """Make room behind a file's end, up to this size: appends that fit into it need not make the file grow.

        Room is no content: ``size`` and ``read`` do not show it, ``truncate`` gives it back, a sync makes it durable.
        But where it is not given back, whoever opens the volume next finds it as zeros at the end of the file.

        A volume that has no use for room makes none, and returns False. Raises DiskFull (53100), also where so little
        is left that others need it more, and IoError (58030).
        """
        ...

    def sync(self, name: str) -> None:
        """Make a file's bytes and its name durable; raise IoError (58030) when the device says no."""
        ...

    def truncate(self, name: str, size: int) -> None:
        """Cut a file down to a size, and give back the room behind it."""
        ...

    def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        """Return bytes of a file (default: to its end); DataCorrupted (XX001) when it is missing or too short."""
        ...

    def size(self, name: str) -> int:
        """Return a file's size; DataCorrupted (XX001) when it is missing."""
        ...

    def names(self) -> list[str]:
        """Return the names of all files that grow, sorted."""
        ...

    def delete(self, name: str) -> None:
        """Remove a file; nothing happens when there is none."""
        ...

    def whole(self, name: str) -> bytes | None:
        """Return a file that is replaced as a whole, None when there is none."""
        ...

    def replace(self, name: str, content: bytes) -> None:
        """Replace such a file durably, or make it: after a crash on the way the old or the new one is there, whole."""
        ...

    def close(self) -> None:
        """Release the lock and every handle. Harmless a second time."""
        ...


@runtime_checkable
class Announces(Protocol):
    """A volume that can say to those it keeps out where they are let in."""

    @property
    def path(self) -> str:
        """The directory of the host that it is in."""
        ...

    def announce(self, address: str | None) -> None:
        """Have openers that find the volume in use be told this address, the URL of a server, for as long as this
        process has it locked; None: of none. Concurrency: any thread. Nothing is durable."""
        ...


class MemoryVolume:
    """The volume of an in-memory database: files in a dict."""

    keeps_log = False
    read_only = False
    scratch = None

    def __init__(self) -> None:
        self._files: dict[str, bytearray] = {}
        self._whole: dict[str, bytes] = {}

    def append(self, name: str, data: bytes | Sequence[bytes]) -> int:
        """Append to a file."""
        content = self._files.setdefault(check_name(name), bytearray())
        offset = len(content)
        content += data if isinstance(data, bytes) else b"".join(data)
        return offset

    def reserve(self, name: str, size: int) -> bool:
        """Make no room: nothing gets faster by it."""
        self._file(name)
        return False

    def sync(self, name: str) -> None:
        """Return at once: there is nothing to make durable."""
        self._file(name)

    def truncate(self, name: str, size: int) -> None:
        """Cut a file down."""
        del self._file(name)[size:]

    def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        """Return bytes of a file."""
        content = self._file(name)
        found = bytes(content[offset:] if length is None else content[offset : offset + length])
        if offset > len(content) or (length is not None and len(found) < length):
            raise short_file(name, offset, length, len(content))
        return found

    def size(self, name: str) -> int:
        """Return a file's size."""
        return len(self._file(name))

    def names(self) -> list[str]:
        """Return the names of all files."""
        return sorted(self._files)

    def delete(self, name: str) -> None:
        """Forget a file."""
        self._files.pop(check_name(name), None)

    def whole(self, name: str) -> bytes | None:
        """Return a file that is replaced as a whole."""
        return self._whole.get(check_word(name))

    def replace(self, name: str, content: bytes) -> None:
        """Keep it."""
        self._whole[check_word(name)] = content

    def close(self) -> None:
        """Forget everything."""
        self._files.clear()
        self._whole.clear()

    def _file(self, name: str) -> bytearray:
        found = self._files.get(check_name(name))
        if found is None:
            raise missing_file(name)
        return found


def is_name(name: str) -> bool:
    """Whether a file of a volume may have this name."""
    return len(name) <= 100 and _well_formed(name) is not None


def check_name(name: str) -> str:
    """Return the name of a volume's file; InternalFailure when it is not one that the store makes."""
    if not is_name(name):
        raise InternalFailure(f"{name!r} cannot be the name of a file in a volume")
    return name


def check_word(name: str) -> str:
    """Return the name of a file that is replaced as a whole; InternalFailure when it is not one."""
    if _word(name) is None:
        raise InternalFailure(f"{name!r} cannot be the name of a file that is replaced as a whole")
    return name


def missing_file(name: str) -> DataCorrupted:
    """Return the error for a file that should be there."""
    return DataCorrupted(f'file "{name}" is missing', hint="heliosdb salvage reads what is left.")


def short_file(name: str, offset: int, length: int | None, size: int) -> DataCorrupted:
    """Return the error for a file that ends too early."""
    wanted = "its end" if length is None else f"{length} bytes"
    return DataCorrupted(
        f'file "{name}" is too short: cannot read {wanted} at offset {offset}',
        detail=f"The file has {size} bytes.",
        hint="heliosdb salvage reads what is left.",
    )
