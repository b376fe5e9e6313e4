"""The window functions of PostgreSQL 15, section 9.22.

Each gets a whole sorted partition and returns one result a row (see ``WindowPartition``), so that rank and its kin
cost one pass. ``first_value``, ``last_value`` and ``nth_value`` look at the row's frame; the others ignore it, as the
standard says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

from heliosdb.errors import InvalidArgumentForNthValueFunction, InvalidArgumentForNtileFunction
from heliosdb.types.definitions import WindowFunction, WindowPartition

__all__ = ["WINDOW_FUNCTIONS"]

Column = Sequence[Any]
Results = Iterable[Any]
"""One result a row. They are made as they are asked for: a partition may be too large for memory."""


def row_number(partition: WindowPartition) -> Results:
    """Return 1, 2, 3 ..."""
    return range(1, partition.size + 1)


def rank(partition: WindowPartition) -> Results:
    """Return the number of the first row among a row's peers: ranks with gaps."""
    return (start + 1 for start in partition.peer_starts)


def dense_rank(partition: WindowPartition) -> Results:
    """Return the number of a row's peer group: ranks without gaps."""
    current, previous = 0, -1
    for start in partition.peer_starts:
        if start != previous:
            current, previous = current + 1, start
        yield current


def percent_rank(partition: WindowPartition) -> Results:
    """Return (rank - 1) / (rows - 1), 0 for a single row."""
    if partition.size <= 1:
        return [0.0] * partition.size
    return (start / (partition.size - 1) for start in partition.peer_starts)


def cume_dist(partition: WindowPartition) -> Results:
    """Return the share of rows that come before a row or are its peers."""
    return (end / partition.size for end in partition.peer_ends)


def ntile(partition: WindowPartition, buckets: Column) -> Results:
    """Divide the partition as evenly as possible into as many buckets as the first row says."""
    count = buckets[0] if partition.size else None
    if count is None:
        return repeat(None, partition.size)
    if count <= 0:
        raise InvalidArgumentForNtileFunction("argument of ntile must be greater than zero")
    quotient, remainder = divmod(partition.size, count)
    boundary = remainder * (quotient + 1)
    return (
        row // (quotient + 1) + 1 if row < boundary else remainder + (row - boundary) // quotient + 1
        for row in range(partition.size)
    )


def _shifted(
    partition: WindowPartition, values: Column, offsets: Column | None, defaults: Column | None, sign: int
) -> Results:
    size = partition.size
    for row in range(size):
        offset = 1 if offsets is None else offsets[row]
        if offset is None:
            yield None
            continue
        other = row + sign * offset
        if 0 <= other < size:
            yield values[other]
        else:
            yield None if defaults is None else defaults[row]


def lag(
    partition: WindowPartition, values: Column, offsets: Column | None = None, defaults: Column | None = None
) -> Results:
    """Return the value some rows before, or the default outside of the partition."""
    return _shifted(partition, values, offsets, defaults, -1)


def lead(
    partition: WindowPartition, values: Column, offsets: Column | None = None, defaults: Column | None = None
) -> Results:
    """Return the value some rows after, or the default outside of the partition."""
    return _shifted(partition, values, offsets, defaults, 1)


def first_value(partition: WindowPartition, values: Column) -> Results:
    """Return the value at the first row of the frame."""
    return (values[frame[0]] if len(frame) else None for frame in partition.frames)


def last_value(partition: WindowPartition, values: Column) -> Results:
    """Return the value at the last row of the frame."""
    return (values[frame[-1]] if len(frame) else None for frame in partition.frames)


def nth_value(partition: WindowPartition, values: Column, numbers: Column) -> Results:
    """Return the value at the nth row of the frame, NULL where it has fewer."""
    for number, frame in zip(numbers, partition.frames, strict=True):
        if number is None:
            yield None
            continue
        if number <= 0:
            raise InvalidArgumentForNthValueFunction("argument of nth_value must be greater than zero")
        yield values[frame[number - 1]] if number <= len(frame) else None


WINDOW_FUNCTIONS: tuple[WindowFunction, ...] = (
    WindowFunction("row_number", (), "int8", row_number),
    WindowFunction("rank", (), "int8", rank),
    WindowFunction("dense_rank", (), "int8", dense_rank),
    WindowFunction("percent_rank", (), "float8", percent_rank),
    WindowFunction("cume_dist", (), "float8", cume_dist),
    WindowFunction("ntile", ("int4",), "int4", ntile),
    WindowFunction("lag", ("anyelement",), "anyelement", lag),
    WindowFunction("lag", ("anyelement", "int4"), "anyelement", lag),
    WindowFunction("lag", ("anycompatible", "int4", "anycompatible"), "anycompatible", lag),
    WindowFunction("lead", ("anyelement",), "anyelement", lead),
    WindowFunction("lead", ("anyelement", "int4"), "anyelement", lead),
    WindowFunction("lead", ("anycompatible", "int4", "anycompatible"), "anycompatible", lead),
    WindowFunction("first_value", ("anyelement",), "anyelement", first_value),
    WindowFunction("last_value", ("anyelement",), "anyelement", last_value),
    WindowFunction("nth_value", ("anyelement", "int4"), "anyelement", nth_value),
)
