"""Superseded versions of one row.

The newest version of a row stands in its block; what came before it is its *older*:

    None                    nothing: the row did not exist before
    PRUNED                  there was something, and nobody needs it any more
    (scn, row, older)       one version and what came before that
    [(scn, row), ...]       many, ascending by SCN; the list is append-only but for its last item (see ``push``)

``row`` is None where that version is "deleted" and PRUNED where versions were dropped between two that somebody needs.
A look-up is a step or two, or a bisection; a row with 100,000 versions is read as fast as one with ten.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any

__all__ = ["PRUNED", "Older", "Row", "history", "is_full", "is_needed", "lookup", "push", "trimmed"]

Row = tuple[Any, ...]
Older = Any
"""See the module: None, PRUNED, a triple or a list."""


class _Pruned:
    __slots__ = ()

    def __repr__(self) -> str:
        return "PRUNED"


PRUNED: Any = _Pruned()

_scn_of = itemgetter(0)


def is_full(rows: Sequence[Row | None]) -> bool:
    """Whether no place is empty. Rows are mostly true; ``in`` would compare every one of them with None."""
    return all(rows) or None not in rows


def lookup(older: Older, scn: int) -> Any:
    """Return the row at an SCN, None where there was none, PRUNED where the answer was dropped."""
    while older is not None and older is not PRUNED:
        if type(older) is list:
            place = bisect_right(older, scn, key=_scn_of)
            # Before the first version the row did not exist: a list whose beginning was dropped starts with a PRUNED
            # mark.
            return older[place - 1][1] if place else None
        if older[0] <= scn:
            return older[1]
        older = older[2]
    return older


def push(older: Older, scn: int, row: Row | None, readers: Sequence[int] | None) -> Older:
    """Return the older of a row whose newest version (scn, row) is being superseded.

    That version itself is always kept until the row changes again, for readers that hold no snapshot. The one before
    it is kept if one of ``readers`` (SCNs, ascending; None: keep everything) lies in its lifetime.
    """
    if older is None:
        return (scn, row, None)
    if readers is not None:
        if not readers or readers[0] >= scn:
            return (scn, row, PRUNED)
        if type(older) is tuple and not is_needed(older[0], scn, readers):
            # Somebody reads before this gap, and must still find what, or that nothing, was there.
            return [*_ascending(older[2]), (older[0], PRUNED), (scn, row)]
        if type(older) is list and not is_needed(older[-1][0], scn, readers):
            # The last item becomes a gap: a reader without a snapshot that lands there starts over.
            if len(older) > 1 and older[-2][1] is PRUNED:
                older[-1] = (scn, row)
            else:
                older[-1] = (older[-1][0], PRUNED)
                older.append((scn, row))
            return _trimmed(older, readers)
    if type(older) is list:
        older.append((scn, row))
        return older
    return [*_ascending(older), (scn, row)]


def _ascending(older: Older) -> list[tuple[int, Any]]:
    """Return the kept versions as a new list."""
    versions: list[tuple[int, Any]] = []
    while type(older) is tuple:
        versions.append((older[0], older[1]))
        older = older[2]
    if older is PRUNED:
        versions.append((-1, PRUNED))
    versions.reverse()
    # Whole blocks that a commit replaced lead to what was before: one version in front of a list.
    return [*older, *versions] if type(older) is list else versions


def is_needed(begin: int, end: int, readers: Sequence[int]) -> bool:
    """Whether one of the readers (ascending SCNs) sees a version that lived from begin until end."""
    place = bisect_left(readers, begin)
    return place < len(readers) and readers[place] < end


def trimmed(older: Older, end: int, readers: Sequence[int], horizon: int | None = None) -> tuple[Older, int]:
    """Return an older without the versions that nobody needs, and the SCN at which the last of those ended (or 0).

    ``end`` is the SCN at which the last version ended. Who is among ``readers`` (ascending) needs what he sees;
    versions that ended after ``horizon`` stay, too. None: nothing is left.
    """
    versions = older if type(older) is list else _ascending(older)
    kept: list[tuple[int, Any]] = []
    lost, is_left = 0, False
    for place, (begin, row) in enumerate(versions):
        stop = versions[place + 1][0] if place + 1 < len(versions) else end
        if row is not PRUNED and ((horizon is not None and stop > horizon) or is_needed(begin, stop, readers)):
            kept.append((begin, row))
            is_left = True
            continue
        if row is not PRUNED:
            lost = stop
        if not kept or kept[-1][1] is not PRUNED:
            kept.append((begin, PRUNED))
    if not is_left:
        return None, lost
    return (kept, lost) if lost else (older, 0)


def _trimmed(versions: list[tuple[int, Any]], readers: Sequence[int]) -> Older:
    """Drop the versions that end before the first reader, once they are the greater part of a long list."""
    if len(versions) < 16:
        return versions
    first = readers[0]
    place = bisect_right(versions, first, key=_scn_of) - 1
    if place <= len(versions) // 2:
        return versions
    return [(-1, PRUNED), *versions[place:]]


def history(older: Older) -> Iterator[tuple[int, Row | None]]:
    """Yield the kept versions, newest first; gaps are left out."""
    while type(older) is tuple:
        yield older[0], older[1]
        older = older[2]
    if type(older) is list:
        for scn, row in reversed(older):
            if row is not PRUNED:
                yield scn, row
