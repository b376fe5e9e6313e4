"""Columns of a block for functions that compute many rows at once, and what such functions make of them and keep.

    ColumnValues    the data of one column of some rows
      .values         a list, made when it is asked for
      .form(make)     make(column), which is kept with the block if the rows are the block's own: a matrix, lengths, ...

Rows of a block never change, so what was made of them stays right for as long as the block lives, and goes with it. All
forms of a database together take a bounded number of bytes: when there is no room, those go that were not used by the
last scans, and where all were, a form is made anew each time, which is slower and not wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any
from weakref import WeakSet

from heliosdb.store.versions import Row

__all__ = ["BlockForms", "ColumnValues", "FormsRoom"]

RECENT = 64
"""How many scans may pass without a look at a block's forms before they go for others'."""


class FormsRoom:
    """How much memory forms take, in one database."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.size = 0
        """Bytes."""
        self.scans = 0
        self._known: WeakSet[BlockForms] = WeakSet()
        self._lock = Lock()
        self._looked_at = 0

    def scan(self) -> int:
        """Return the number of a scan that begins; without a lock, for two of one number do no harm."""
        self.scans += 1
        return self.scans

    def admit(self, forms: BlockForms, size: int) -> bool:
        """Return whether there is room for so many bytes more."""
        with self._lock:
            if self.size + size > self.capacity:
                if self.scans - self._looked_at < RECENT // 4:
                    return False
                self._looked_at = self.scans
                for old in list(self._known):
                    if old is not forms and self.scans - old.used > RECENT:
                        old.forms = {}
                        self.size -= old.size
                        old.size = 0
                if self.size + size > self.capacity:
                    return False
            self._known.add(forms)
            self.size += size
            forms.size += size
            return True

    def release(self, size: int) -> None:
        """Take back room."""
        with self._lock:
            self.size -= size


class BlockForms:
    """What functions made of one block's columns."""

    __slots__ = ("__weakref__", "_room", "forms", "size", "used")

    def __init__(self, room: FormsRoom) -> None:
        self._room = room
        self.forms: dict[Any, Any] = {}
        self.size = 0
        self.used = 0
        """The scan that looked last."""

    def put(self, key: Any, form: Any) -> None:
        """Keep a form, if there is room for it."""
        size = getattr(form, "nbytes", None)
        if self._room.admit(self, sys.getsizeof(form) if size is None else int(size)):
            self.forms[key] = form

    def __del__(self) -> None:
        if self.size:
            self._room.release(self.size)


_NONE = object()


class ColumnValues:
    """See the module. ``len`` is the number of rows."""

    __slots__ = ("_kept", "_name", "_place", "_rows", "_values")

    def __init__(self, rows: Sequence[Row], place: int, kept: BlockForms | None = None, name: Any = None) -> None:
        self._rows = rows
        self._place = place
        self._kept = kept
        self._name = place if name is None else name
        self._values: list[Any] | None = None

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def values(self) -> list[Any]:
        """The data, one for each row."""
        values = self._values
        if values is None:
            place = self._place
            values = self._values = [row[place] for row in self._rows]
        return values

    def form(self, make: Callable[[ColumnValues], Any]) -> Any:
        """Return ``make(self)``, or what it returned for the same rows before. It must not be changed."""
        kept = self._kept
        if kept is None:
            return make(self)
        found = kept.forms.get((self._name, make), _NONE)
        if found is _NONE:
            found = make(self)
            kept.put((self._name, make), found)
        return found

    def missing(self) -> Sequence[int]:
        """Return the places of the rows that have NULL."""
        places: Sequence[int] = self.form(_places_of_null)
        return places

    def some(self, places: Sequence[int]) -> ColumnValues:
        """Return the column of the rows at places."""
        rows = self._rows
        return ColumnValues([rows[place] for place in places], self._place)

    def present(self) -> tuple[list[int], ColumnValues]:
        """Return the places of the rows that do not have NULL, and the column of those rows."""
        places = [place for place, value in enumerate(self.values) if value is not None]
        rows = self._rows
        return places, ColumnValues([rows[place] for place in places], self._place, self._kept, (self._name, "present"))


def _places_of_null(column: ColumnValues) -> Sequence[int]:
    # To ask for what is false is quick; only then is it worth to look for NULL.
    if all(column.values):
        return ()
    return tuple([place for place, value in enumerate(column.values) if value is None])
