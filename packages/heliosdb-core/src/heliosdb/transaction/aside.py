"""New blocks of a transaction beyond ``work_mem``: their rows wait in a temporary file for the commit.

A bulk insert's blocks are whole until they are committed. When they take more memory than allowed, those that are there
are put aside, and whoever asks for one of their rows reads the block again. The commit writes them to a segment one by
one. Tables that are not logged, and databases in memory, keep their rows in memory anyway.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any, overload

from heliosdb.store.temporary import TemporaryFiles, TemporarySpace

if TYPE_CHECKING:
    from heliosdb.store.temporary import Frame, LimitedSession, TemporaryRows
    from heliosdb.store.versions import Row
    from heliosdb.transaction.writes import RelationWrites

__all__ = ["Aside", "AsideRows"]

SAMPLE = 16


class AsideRows(Sequence[Any]):
    """The rows of a block that are in the file."""

    __slots__ = ("_aside", "_frame", "_length")

    def __init__(self, aside: Aside, frame: Frame, length: int) -> None:
        self._aside = aside
        self._frame = frame
        self._length = length

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, slot: int) -> Any: ...

    @overload
    def __getitem__(self, slot: slice) -> list[Any]: ...

    def __getitem__(self, slot: int | slice) -> Any:
        return self._aside.read(self._frame)[slot]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._aside.read(self._frame))


class Aside:
    """What one transaction has put aside. ``limit`` is how many bytes of rows stay in memory.

    Others, too, ask for a row where they wait for the transaction.
    """

    def __init__(self, space: TemporarySpace, session: LimitedSession, limit: int) -> None:
        self._files = TemporaryFiles(space, session)
        self._limit = limit
        self._file: TemporaryRows | None = None
        self._size = 0
        self._present: list[tuple[RelationWrites, int]] = []
        self._last: tuple[Frame, list[Any]] | None = None
        self._lock = Lock()

    def note(self, writes: RelationWrites, number: int, rows: Sequence[Row | None]) -> None:
        """Take note of a new block, and put all aside that are in memory where they are too many."""
        self._present.append((writes, number))
        sample = [row for row in rows[:: max(1, len(rows) // SAMPLE)] if row is not None]
        size = sum(row.__sizeof__() + 24 + sum(value.__sizeof__() for value in row) for row in sample)
        self._size += len(rows) * size // max(1, len(sample))
        if self._size < self._limit:
            return
        for owner, place in self._present:
            entry = owner.bulk.get(place)
            if entry is not None and isinstance(entry[1], list):
                owner.bulk[place] = (entry[0], self._put(entry[1]))
        self._present.clear()
        self._size = 0

    def _put(self, rows: list[Any]) -> AsideRows:
        with self._lock:
            if self._file is None:
                self._file = self._files.create()
            return AsideRows(self, self._file.write(rows), len(rows))

    def read(self, frame: Frame) -> list[Any]:
        """Return the rows of a frame; the list must not be changed."""
        with self._lock:
            last = self._last
            if last is None or last[0] != frame:
                assert self._file is not None
                last = self._last = frame, self._file.read(frame)
            return last[1]

    def close(self) -> None:
        """Delete the file."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = self._last = None
