"""What plan nodes, catalog definitions and registrations have in common: they are values.

Each is a frozen attrs class made with ``eq=False, repr=False``; comparing, hashing and printing work for all of them
by the same few lines here. Methods generated for each of some hundred classes would cost a process more at its start
than they ever save. Fields declared with ``eq=False`` take no part in comparison.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from attrs import fields, frozen

__all__ = ["Shown", "Value"]


class Shown:
    """Base of attrs classes made with ``repr=False``: shows the fields as attrs itself would."""

    __slots__ = ()

    def __repr__(self) -> str:
        kind: Any = type(self)
        shown = (f"{f.name}={getattr(self, f.name)!r}" for f in fields(kind) if f.repr)
        return f"{kind.__name__}({', '.join(shown)})"


@frozen(eq=False, repr=False)
class Value(Shown):
    """Base of frozen attrs classes that are equal when their fields are."""

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in compared(type(self)))

    def __hash__(self) -> int:
        return hash((type(self), *(getattr(self, name) for name in compared(type(self)))))


def _compared(kind: Any) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind) if f.eq)


#: The names of the fields that tell two values of a class apart.
compared: Callable[[Any], tuple[str, ...]] = lru_cache(maxsize=1024)(_compared)
