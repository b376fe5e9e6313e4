"""A column of a frame as it is stored, without a Python object a value: for whoever computes with whole columns.

    numbers     array of 64-bit integers or floats; with ``scale``, numerics as integers
    codes       array of places in ``distinct``: texts and numbers of which there are few
    data        bytes of one length, ``width``, one behind the other: vectors are the rows of a matrix
    values      a list, for everything else

Where there are NULLs, ``flags`` has a byte for each row, 1 where there is a value, and the rest stands for those rows
only. ``StoredColumn.to_list`` gives what decoding the frame would have given.
"""

from __future__ import annotations

from array import array
from itertools import compress
from struct import Struct
from typing import TYPE_CHECKING, Any

from attrs import frozen

from heliosdb.encoding.columns import Source, corrupted, cut, read_bits, read_floats, read_integers, read_lengths
from heliosdb.encoding.floats import read_divided_floats
from heliosdb.encoding.numerics import read_numerics

if TYPE_CHECKING:
    from heliosdb.encoding.stored_frames import StoredFrames

__all__ = ["StoredColumn", "column_of", "read_column"]


@frozen
class StoredColumn:
    """See the module: exactly one of ``numbers``, ``codes``, ``data`` and ``values`` is not None."""

    count: int
    """How many rows, with those that are NULL."""
    flags: bytes | None = None
    numbers: array[int] | array[float] | None = None
    scale: int | None = None
    codes: array[int] | None = None
    distinct: list[Any] | None = None
    values: list[Any] | None = None
    data: bytes | None = None
    width: int | None = None

    def to_list(self) -> list[Any]:
        """Return a datum for each row."""
        values = self._present()
        if self.flags is None:
            return values
        rows: list[Any] = [None] * self.count
        for place, value in zip(compress(range(self.count), self.flags), values):
            rows[place] = value
        return rows

    def _present(self) -> list[Any]:
        if self.numbers is not None:
            numbers = self.numbers.tolist()
            return numbers if self.scale is None else read_numerics(numbers, self.scale)
        if self.codes is not None and self.distinct is not None:
            return list(map(self.distinct.__getitem__, self.codes))
        if self.data is not None:
            return [part for (part,) in Struct(f"{self.width}s").iter_unpack(self.data)]
        return self.values or []


def column_of(values: list[Any]) -> StoredColumn:
    """Return the column that a list of data is."""
    kinds = set(map(type, values))
    flags, present = None, values
    if type(None) in kinds and len(kinds) == 2:
        kinds.discard(type(None))
        flags = bytes([value is not None for value in values])
        present = [value for value in values if value is not None]
    if kinds == {float}:
        return StoredColumn(len(values), flags, numbers=array("d", present))
    if kinds == {int}:
        try:
            return StoredColumn(len(values), flags, numbers=array("q", present))
        except OverflowError:
            pass
    if kinds == {bytes}:
        width = len(present[0])
        if width and all(len(value) == width for value in present):
            return StoredColumn(len(values), flags, data=b"".join(present), width=width)
    return StoredColumn(len(values), flags, values=present)


def read_column(frames: StoredFrames, source: Source, count: int) -> StoredColumn:
    """Read a column; ``frames`` reads what is to be a list."""
    flags: bytes | None = None
    present = count
    if _next(source, b"N"):
        source.count(count)
        flags = read_bits(source, count)
        present = sum(flags)
    if _next(source, b"i"):
        source.count(present)
        return StoredColumn(count, flags, numbers=array("q", read_integers(source, present)))
    if _next(source, b"f"):
        source.count(present)
        return StoredColumn(count, flags, numbers=array("d", read_floats(source, present)))
    if _next(source, b"a"):
        source.count(present)
        exponent = source.varint()
        floats = read_divided_floats(frames.read_values(source, present), exponent)
        return StoredColumn(count, flags, numbers=array("d", floats))
    if _next(source, b"d"):
        source.count(present)
        scale = source.varint()
        integers = frames.read_values(source, present)
        try:
            return StoredColumn(count, flags, numbers=array("q", integers), scale=scale)
        except OverflowError:
            return StoredColumn(count, flags, values=read_numerics(integers, scale))
    if _next(source, b"#"):
        source.count(present)
        distinct = frames.read_values(source, source.varint())
        codes = read_lengths(source, present)
        if codes and max(codes) >= len(distinct):
            raise corrupted("a value is not among the distinct ones")
        return StoredColumn(count, flags, codes=array("i", codes), distinct=distinct)
    if present and _next(source, b"1"):
        source.count(present)
        distinct = frames.read_values(source, 1)
        return StoredColumn(count, flags, codes=array("i", bytes(4 * present)), distinct=distinct)
    if present and _next(source, b"b"):
        source.count(present)
        lengths = read_lengths(source, present)
        if lengths[0] and lengths.count(lengths[0]) == present:
            return StoredColumn(count, flags, data=source.take(sum(lengths)), width=lengths[0])
        return StoredColumn(count, flags, values=cut(source, lengths))
    return StoredColumn(count, flags, values=frames.read_values(source, present))


def _next(source: Source, tag: bytes) -> bool:
    """Step over a tag, if it is the next byte."""
    if source.data[source.at : source.at + 1] == tag:
        source.at += 1
        return True
    return False
