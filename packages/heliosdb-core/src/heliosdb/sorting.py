"""Sorting long lists so that others get their turn, and so that it can be stopped.

``list.sort`` of a million rows holds the interpreter for a second: no other thread runs, nobody can cancel it. Here a
long list is cut by *key* first (a sample sort): splitters from a sample, every row to the bucket between two of them,
then each bucket by ``list.sort``. The comparisons are as many as before; what comes on top is each row's way to its
bucket.

    rows ──► key < 17: bucket 0 │ 17 <= key < 42: bucket 1 │ ...      each some thousand rows: milliseconds
    rows of equal keys meet in one bucket in the order in which they came, so that the sort is stable
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from operator import ge, le
from typing import Any

from heliosdb.interrupts import poll

__all__ = ["sort_rows"]

BUCKET = 4096
"""Rows of a bucket, about."""

LONG = 4 * BUCKET
"""A list of more rows is cut first."""

OVERSAMPLED = 8
"""Rows of the sample for each bucket."""

Key = Callable[[Any], Any]


def sort_rows(rows: list[Any], key: Key, reverse: bool = False) -> None:
    """Sort a list in place, as ``list.sort`` does it. Raises QueryCanceled where the statement is to stop: the list
    is good for nothing then."""
    if len(rows) <= LONG:
        rows.sort(key=key, reverse=reverse)
        return
    if _is_sorted(rows, key, reverse):
        return
    buckets = _buckets(rows, key)
    rows.clear()
    if reverse:
        buckets.reverse()
    while buckets:
        poll()
        bucket, is_equal = buckets.pop(0)
        if not is_equal:
            sort_rows(bucket, key, reverse)
        rows += bucket


def _is_sorted(rows: list[Any], key: Key, reverse: bool) -> bool:
    follows = ge if reverse else le
    for start in range(0, len(rows), LONG):
        poll()
        keys = list(map(key, rows[start : start + LONG + 1]))
        if not all(map(follows, keys, keys[1:])):
            return False
    return True


def _buckets(rows: list[Any], key: Key) -> list[tuple[list[Any], bool]]:
    """Return rows cut by their keys, ascending, and of each piece whether all of its keys are equal."""
    step = BUCKET // OVERSAMPLED
    sample = [key(row) for row in rows[step // 2 :: step]]
    sample.sort()
    splitters: list[Any] = []
    for candidate in sample[OVERSAMPLED::OVERSAMPLED]:
        if not splitters or splitters[-1] < candidate:
            splitters.append(candidate)
    if len(splitters) < 2:
        return _around(rows, key, sample[len(sample) // 2])
    buckets: list[list[Any]] = [[] for _ in range(len(splitters) + 1)]
    adds = [bucket.append for bucket in buckets]
    for start in range(0, len(rows), LONG):
        poll()
        for row in rows[start : start + LONG]:
            adds[bisect_right(splitters, key(row))](row)
    return [(bucket, False) for bucket in buckets]


def _around(rows: list[Any], key: Key, middle: Any) -> list[tuple[list[Any], bool]]:
    """Cut rows into those below a key, of that key, and above: many are of one."""
    below: list[Any] = []
    equal: list[Any] = []
    above: list[Any] = []
    for start in range(0, len(rows), LONG):
        poll()
        for row in rows[start : start + LONG]:
            found = key(row)
            (below if found < middle else above if middle < found else equal).append(row)
    return [(below, False), (equal, True), (above, False)]
