"""The entries of an index: for each vector that was entered and not yet forgotten, whose it is, from when to when.

    label      0        1        2
    row        7        9        7          a row id
    begin      12       12       40         the SCN that entered it
    end        40       never    never      the SCN that took it out
    digest     of the vector: a row has it once, whatever happens in between

A search gives labels. Those that a snapshot cannot see are left out by two comparisons of whole arrays, whatever its
SCN and whose timeline it is; the others are looked up in the table, which has the last word.

One thread changes entries at a time. Readers may be on their way meanwhile: arrays are only replaced by longer ones,
and what is appended is written before its label can be found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["NEVER", "Digested", "Entries", "digest_of"]

NEVER = 2**63 - 1
NO_ROW = -1
_COLUMNS = ("row", "begin", "end", "digest")


class Digested:
    """Stands for a vector of which only the digest is known, and equals it."""

    __slots__ = ("digest",)

    def __init__(self, digest: int) -> None:
        self.digest = digest

    def __eq__(self, other: object) -> bool:
        return digest_of(other) == self.digest

    def __hash__(self) -> int:
        return hash(self.digest)


def digest_of(datum: Any) -> int:
    """Return what tells the vectors of one row from each other."""
    if isinstance(datum, Digested):
        return datum.digest
    data = datum if isinstance(datum, bytes) else str(datum).encode()
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little", signed=True)


class Entries:
    """See the module. ``row[label]`` is ``NO_ROW`` for an entry that was forgotten."""

    def __init__(self) -> None:
        self.count = 0
        """Labels given so far; the next one."""
        self.live = 0
        """Entries that were not forgotten."""
        self.ended = 0
        """Entries of those that have an end."""
        self.last_change = 0
        """The greatest SCN at which an entry ended or began."""
        self.row = np.empty(0, np.int64)
        self.begin = np.empty(0, np.int64)
        self.end = np.empty(0, np.int64)
        self.digest = np.empty(0, np.int64)
        self._labels: dict[int, int | tuple[int, ...]] = {}
        self._visible: tuple[int, int, int] = (-1, -1, 0)
        """(SCN, entries given by then, how many of them it sees)."""

    def __len__(self) -> int:
        return self.live

    def labels(self, row_id: int) -> tuple[int, ...]:
        """Return the labels of a row's entries."""
        found = self._labels.get(row_id, ())
        return found if isinstance(found, tuple) else (found,)

    def find(self, row_id: int, digest: int) -> int | None:
        """Return the label of a row's vector, None where it has no entry."""
        for label in self.labels(row_id):
            if self.digest[label] == digest:
                return label
        return None

    def add(self, row_id: int, digest: int, scn: int) -> int:
        """Give a new label to a row's vector. SCN 0: from nobody knows when, but after what the row had before."""
        label = self.count
        if not scn:
            scn = max((int(end) for end in self.end[list(self.labels(row_id))] if end != NEVER), default=0)
        if label == len(self.row):
            self._grow(max(64, 2 * label))
        self.row[label], self.begin[label], self.end[label], self.digest[label] = row_id, scn, NEVER, digest
        before = self._labels.get(row_id)
        self._labels[row_id] = label if before is None else (*self.labels(row_id), label)
        self.count += 1
        self.live += 1
        self.last_change = max(self.last_change, scn)
        return label

    def reopen(self, label: int) -> None:
        """Note that a row has a vector again that it had before."""
        if self.end[label] != NEVER:
            self.end[label] = NEVER
            self.ended -= 1

    def close(self, label: int, scn: int) -> None:
        """Note that a row no longer has a vector from an SCN on."""
        if self.end[label] == NEVER:
            self.ended += 1
        self.end[label] = scn
        self.last_change = max(self.last_change, scn)
        for other in self.labels(int(self.row[label])):
            # A row has one vector at a time: one that it still has came later.
            if self.end[other] == NEVER and self.begin[other] < scn:
                self.begin[other] = scn

    def forget(self, label: int) -> None:
        """Let an entry go."""
        row_id = int(self.row[label])
        rest = tuple(other for other in self.labels(row_id) if other != label)
        if rest:
            self._labels[row_id] = rest[0] if len(rest) == 1 else rest
        else:
            del self._labels[row_id]
        self.row[label] = NO_ROW
        self.live -= 1
        self.ended -= bool(self.end[label] != NEVER)

    def visible(self, labels: NDArray[np.int64], scn: int) -> NDArray[np.int64]:
        """Return the row ids of those labels that a snapshot may see, in their order."""
        rows, seen = self.row[labels], self.seen(labels, scn)
        return np.asarray(rows if seen is None else rows[seen])

    def seen(self, labels: NDArray[np.int64], scn: int) -> NDArray[np.bool_] | None:
        """Return for each of the labels whether a snapshot may see it; None for all."""
        if self.live == self.count and not self.ended and scn >= self.last_change:
            return None
        return np.asarray((self.row[labels] != NO_ROW) & (self.begin[labels] <= scn) & (self.end[labels] > scn))

    def number_visible(self, scn: int) -> int:
        """Return how many of the entries a snapshot sees; the latest count for the past is remembered."""
        if scn >= self.last_change:
            return self.live - self.ended
        known = self._visible
        if known[:2] != (scn, self.count):
            known = self._visible = (scn, self.count, self._counted_visible(scn))
        return known[2]

    def _counted_visible(self, scn: int) -> int:
        """Return how many entries a snapshot may see."""
        if scn >= self.last_change:
            return self.live - self.ended
        count = self.count
        seen = (self.row[:count] != NO_ROW) & (self.begin[:count] <= scn) & (self.end[:count] > scn)
        return int(np.count_nonzero(seen))

    def live_labels(self) -> NDArray[np.int64]:
        """Return the labels of all entries, ascending."""
        return np.flatnonzero(self.row[: self.count] != NO_ROW)

    def between(self, first: int, past: int) -> Iterator[tuple[Digested, int]]:
        """Yield (vector, row id) of the entries of rows from one id up to another."""
        rows = self.row[: self.count]
        for label in np.flatnonzero((rows >= first) & (rows < past)).tolist():
            yield Digested(int(self.digest[label])), int(rows[label])

    def closed(self) -> Iterator[tuple[int, Digested, int]]:
        """Yield (SCN, vector, row id) of the entries that have an end."""
        rows, ends = self.row[: self.count], self.end[: self.count]
        for label in np.flatnonzero((rows != NO_ROW) & (ends != NEVER)).tolist():
            yield int(ends[label]), Digested(int(self.digest[label])), int(rows[label])

    def renumbered(self, labels: NDArray[np.int64]) -> Entries:
        """Return entries that have these labels' rows only, numbered anew in this order."""
        made = Entries()
        made.load({name: getattr(self, name)[labels].tobytes() for name in _COLUMNS})
        made.last_change = self.last_change
        return made

    def size_bytes(self) -> int:
        """Return about how much memory the entries take."""
        return 32 * len(self.row) + 120 * len(self._labels)

    def blobs(self) -> dict[str, bytes]:
        """Return the columns."""
        return {name: getattr(self, name)[: self.count].astype("<i8", copy=False).tobytes() for name in _COLUMNS}

    def load(self, blobs: Mapping[str, bytes]) -> None:
        """Become what ``blobs`` returned; ValueError for columns of different lengths."""
        columns = {name: np.frombuffer(blobs[name], "<i8").astype(np.int64) for name in _COLUMNS}
        count = len(columns["row"])
        if any(len(column) != count for column in columns.values()):
            raise ValueError("the columns of the entries have different lengths")
        self.row, self.begin, self.end, self.digest = (columns[name] for name in _COLUMNS)
        self.count = count
        labels: dict[int, int | tuple[int, ...]] = {}
        for label, row_id in enumerate(self.row.tolist()):
            if row_id != NO_ROW:
                before = labels.get(row_id)
                if before is None:
                    labels[row_id] = label
                else:
                    labels[row_id] = (*(before if isinstance(before, tuple) else (before,)), label)
        self._labels = labels
        alive = self.row != NO_ROW
        ends = self.end[alive]
        self.live = int(alive.sum())
        self.ended = int((ends != NEVER).sum())
        known = (self.begin[alive], ends[ends != NEVER])
        self.last_change = max((int(column.max()) for column in known if len(column)), default=0)

    def _grow(self, size: int) -> None:
        for name in _COLUMNS:
            column = np.full(size, NO_ROW, np.int64)
            column[: self.count] = getattr(self, name)[: self.count]
            setattr(self, name, column)
