"""Values nested so deeply that taking them apart column by column would cost a stack frame or two a level: as one list
of marks, without recursion.

    mark    0       the next leaf
            n + 1   a tuple of the n values that follow
            -n      a value of the n-th class, of the plain value that follows
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from heliosdb.errors import DataCorrupted

__all__ = ["build", "flatten"]

LEAVES = frozenset((type(None), bool, int, float, str, bytes, Decimal))


def flatten(values: Sequence[Any], apart: Callable[[Any], tuple[str, Any]]) -> tuple[list[str], list[int], list[Any]]:
    """Return names of classes, marks and leaves. ``apart`` gives the name and the plain value of what is no leaf."""
    names: dict[str, int] = {}
    marks: list[int] = []
    leaves: list[Any] = []
    waiting = list(reversed(values))
    while waiting:
        value = waiting.pop()
        kind = type(value)
        if kind in LEAVES:
            marks.append(0)
            leaves.append(value)
        elif kind is tuple:
            marks.append(len(value) + 1)
            waiting.extend(reversed(value))
        else:
            name, plain = apart(value)
            marks.append(-names.setdefault(name, len(names) + 1))
            waiting.append(plain)
    return list(names), marks, leaves


def build(count: int, together: Sequence[Callable[[Any], Any]], marks: Sequence[int], leaves: list[Any]) -> list[Any]:
    """Return the values again. ``together`` makes a value of each class."""
    # Backwards, what a mark is about is already there.
    made: list[Any] = []
    for mark in reversed(marks):
        if not mark:
            made.append(leaves.pop())
        elif mark < 0:
            made.append(together[-mark - 1](made.pop()))
        else:
            size = mark - 1
            if size > len(made):
                raise DataCorrupted("stored values are damaged: a tuple is cut off")
            items = made[len(made) - size :]
            del made[len(made) - size :]
            items.reverse()
            made.append(tuple(items))
    made.reverse()
    if len(made) != count or leaves:
        raise DataCorrupted("stored values are damaged: they do not fit together")
    return made
