"""Volumes: where a database's bytes live.

A volume appends records to a log, keeps named immutable blobs and a manifest that is replaced atomically, and holds the
writer's exclusive lock. The store above it never opens a file. The memory volume keeps nothing: its database lives
as long as the process does.
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["MemoryVolume", "Volume"]


class Volume(Protocol):
    """Durable bytes behind one database.

    Durability: ``append`` promises nothing until the ``sync`` that follows it returns. A blob is durable when
    ``put`` returns and is never changed afterwards. Ordering: records come back in the order they were appended; a
    synced record is never lost while an earlier one survives. Concurrency: ``append``, ``sync`` and
    ``replace_manifest`` are called by one thread at a time.
    """

    @property
    def keeps_log(self) -> bool:
        """Whether appended records can be read back; the store encodes none for a volume that keeps none."""
        ...

    def append(self, record: bytes) -> int:
        """Append a record to the log and return the log position after it."""
        ...

    def sync(self) -> None:
        """Make every appended record durable; raise IoError when the device says no (never retried)."""
        ...

    def put(self, name: str, content: bytes) -> None:
        """Store an immutable blob under a new name."""
        ...

    def get(self, name: str) -> bytes:
        """Return a blob; KeyError when there is none."""
        ...

    def delete(self, name: str) -> None:
        """Remove a blob; nothing happens when there is none."""
        ...

    def replace_manifest(self, content: bytes) -> None:
        """Replace the manifest atomically: after a crash the old or the new one is there, whole."""
        ...

    def manifest(self) -> bytes | None:
        """Return the manifest, or None for a new database."""
        ...

    def close(self) -> None:
        """Release the writer's lock and every handle."""
        ...


class MemoryVolume:
    """The volume of an in-memory database: no log, blobs in a dict."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}
        self._manifest: bytes | None = None

    @property
    def keeps_log(self) -> bool:
        """False: nothing survives the process, so nothing is encoded."""
        return False

    def append(self, record: bytes) -> int:
        """Drop the record."""
        return 0

    def sync(self) -> None:
        """Return at once: there is nothing to make durable."""

    def put(self, name: str, content: bytes) -> None:
        """Keep a blob in memory."""
        self._blobs[name] = content

    def get(self, name: str) -> bytes:
        """Return a blob."""
        return self._blobs[name]

    def delete(self, name: str) -> None:
        """Forget a blob."""
        self._blobs.pop(name, None)

    def replace_manifest(self, content: bytes) -> None:
        """Keep the manifest."""
        self._manifest = content

    def manifest(self) -> bytes | None:
        """Return the manifest."""
        return self._manifest

    def close(self) -> None:
        """Forget everything."""
        self._blobs.clear()
