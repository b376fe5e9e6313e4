"""A mapping of which copies are cheap, however large it is: they share what was there before.

    base    {a: 1, b: 2, c: 3, ...}      shared by all copies, never changed once it is
    top     {b: 5, d: 7, c: GONE}        what this copy has otherwise

A copy copies the top. Where that has grown beyond about the square root of the base, both become a base of the copy's
own; so n copies with one change each cost O(n * sqrt(n)) moves in C, where copying all would cost O(n * n).
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, MutableMapping, ValuesView
from math import isqrt
from typing import Any, Generic, TypeVar

__all__ = ["Layers"]

Key = TypeVar("Key")
Value = TypeVar("Value")

SMALLEST_LIMIT = 64

_GONE: Any = object()
_ABSENT: Any = object()


class Layers(MutableMapping[Key, Value], Generic[Key, Value]):
    """See the module. Items come in the order in which their keys came."""

    __slots__ = ("_base", "_shares", "_size", "_top")

    def __init__(self) -> None:
        self._base: dict[Key, Value] = {}
        self._top: dict[Key, Value] = {}
        self._shares = False
        self._size = 0

    def copy(self) -> Layers[Key, Value]:
        """Return a mapping with the same items; what happens to one of the two does not concern the other."""
        made: Layers[Key, Value] = Layers()
        made._size = self._size
        if len(self._top) > max(SMALLEST_LIMIT, 4 * isqrt(len(self._base))):
            made._base = dict(self.items())
            return made
        self._shares = made._shares = True
        made._base = self._base
        made._top = self._top.copy()
        return made

    def find(self, key: Key) -> Value | None:
        """Return the value of a key, or None."""
        if self._top:
            found: Any = self._top.get(key, _ABSENT)
            if found is not _ABSENT:
                return None if found is _GONE else found
        return self._base.get(key)

    def __getitem__(self, key: Key) -> Value:
        found: Any = self._top.get(key, _ABSENT)
        if found is _ABSENT:
            return self._base[key]
        if found is _GONE:
            raise KeyError(key)
        return found  # type: ignore[no-any-return]

    def __contains__(self, key: object) -> bool:
        found: Any = self._top.get(key, _ABSENT)  # type: ignore[arg-type]
        return key in self._base if found is _ABSENT else found is not _GONE

    def __setitem__(self, key: Key, value: Value) -> None:
        if key not in self:
            self._size += 1
        (self._top if self._shares else self._base)[key] = value

    def __delitem__(self, key: Key) -> None:
        if key not in self:
            raise KeyError(key)
        self._size -= 1
        if not self._shares:
            del self._base[key]
        elif key in self._base:
            self._top[key] = _GONE
        else:
            del self._top[key]

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Key]:
        return (key for key, _ in self._pairs())

    def items(self) -> ItemsView[Key, Value]:
        """Return all items."""
        return self._plain().items()

    def values(self) -> ValuesView[Value]:
        """Return all values."""
        return self._plain().values()

    def _plain(self) -> dict[Key, Value]:
        return dict(self._pairs()) if self._top else self._base

    def _pairs(self) -> Iterator[tuple[Key, Value]]:
        base, top = self._base, self._top
        for key, value in base.items():
            if top:
                value = top.get(key, value)
            if value is not _GONE:
                yield key, value
        for key, value in top.items():
            if key not in base:
                yield key, value
