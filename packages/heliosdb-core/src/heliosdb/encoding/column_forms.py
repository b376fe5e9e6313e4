"""Which form a column of values of one class is written in: the shortest that is seen at a glance.

A sample says whether values are repeated, or are few; then that form is tried, and taken if it is worth it. Beside the
bytes it is noted which values are the least and the greatest, as far as that costs nothing (``Writer.extent``).
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import count as numbering
from itertools import groupby
from operator import eq
from typing import Any

from heliosdb.encoding.columns import (
    LIMIT,
    write_bits,
    write_floats,
    write_integers,
    write_texts,
    write_varint,
)
from heliosdb.encoding.floats import divided_floats, read_divided_floats

__all__ = ["Writer", "write_bools", "write_byte_strings", "write_float_column", "write_ints", "write_strs"]

FEW = 32
"""Fewer values are written without a look at which form is shortest."""


class Writer:
    """The parts of one frame that is written."""

    __slots__ = ("extent", "has_null", "parts", "total")

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.total = 0
        self.extent: Sequence[Any] | None = None
        """Values of the column written last, its least and its greatest among them; None where they are not of one
        class that Python orders."""
        self.has_null = False
        """Whether there was a None beside them."""


def write_ints(values: list[int], writer: Writer) -> None:
    """Write integers of any size."""
    parts = writer.parts
    low = min(values)
    high = max(values)
    writer.extent = (low, high)
    if len(values) >= FEW and low != high:
        if _repeats(values) and _write_runs(values, writer, write_ints):
            return
        # Numbers that lie far apart and are few.
        if high - low >= 256:
            sample = values[:: _step(len(values), 6)]
            if len(set(sample)) <= len(sample) >> 2 and _write_distinct(values, 256, writer, write_ints):
                return
    if high < LIMIT and low >= -LIMIT:
        parts.append(b"i")
        write_integers(values, parts, low, high)
        return
    data = [value.to_bytes((value.bit_length() >> 3) + 1, "little", signed=True) for value in values]
    parts.append(b"n")
    write_integers(list(map(len, data)), parts)
    parts += data


def write_strs(values: list[str], writer: Writer) -> None:
    """Write texts."""
    count = len(values)
    if count >= FEW:
        if values[0] == values[-1] and values.count(values[0]) == count:
            _write_once(values[0], writer, write_strs)
            return
        if _repeats(values) and _write_runs(values, writer, write_strs):
            return
        sample = values[:: _step(count, 7)]
        if len(set(sample)) * 16 <= len(sample) * 15:
            if _write_distinct(values, count >> 1, writer, write_strs):
                return
    parts = writer.parts
    writer.extent = values
    parts.append(b"s")
    if write_texts(values, parts):
        return
    parts[-1] = b"S"
    data = "".join(values).encode("utf-8", "surrogatepass")
    write_integers(list(map(len, values)), parts)
    parts += (write_varint(len(data)), data)


def write_byte_strings(values: list[bytes], writer: Writer) -> None:
    """Write byte strings."""
    count = len(values)
    if count >= FEW:
        if values.count(values[0]) == count:
            _write_once(values[0], writer, write_byte_strings)
            return
        sample = values[:: _step(count, 7)]
        if len(set(sample)) * 16 <= len(sample) * 15:
            if _write_distinct(values, count >> 1, writer, write_byte_strings):
                return
    writer.extent = values
    writer.parts.append(b"b")
    write_integers(list(map(len, values)), writer.parts)
    writer.parts += values


def write_float_column(values: list[float], writer: Writer) -> None:
    """Write floats."""
    count = len(values)
    if count >= FEW:
        # Bytes tell -0.0 from 0.0 and one NaN from another.
        words = array("d", values).tobytes()
        if words == words[:8] * count:
            _write_once(values[0], writer, write_float_column)
            return
        divided = divided_floats(values)
        if divided is not None:
            exponent, integers = divided
            writer.parts += (b"a", write_varint(exponent))
            writer.total += count
            write_ints(integers, writer)
            writer.extent = read_divided_floats(writer.extent or (), exponent)
            return
    writer.extent = values
    writer.parts.append(b"f")
    write_floats(values, writer.parts)


def write_bools(values: list[bool], writer: Writer) -> None:
    """Write booleans."""
    if len(values) >= FEW and (all(values) or not any(values)):
        _write_once(values[0], writer, write_bools)
    else:
        writer.extent = values
        writer.parts += (b"?", write_bits(bytes(values)))


def _write_once(value: Any, writer: Writer, write: Callable[[list[Any], Writer], None]) -> None:
    writer.parts.append(b"1")
    writer.total += 1
    write([value], writer)


def _step(count: int, bits: int) -> int:
    """Return how far apart samples are taken; odd, for what alternates."""
    return max(1, count >> bits) | 1


def _repeats(values: list[Any]) -> bool:
    """Whether most values seem to be the one before again."""
    step = _step(len(values), 6)
    firsts, seconds = values[:-1:step], values[1::step]
    return list(map(eq, firsts, seconds)).count(True) * 8 >= len(firsts) * 7


def _write_runs(values: list[Any], writer: Writer, write: Callable[[list[Any], Writer], None]) -> bool:
    firsts = []
    lengths = []
    for value, run in groupby(values):
        firsts.append(value)
        lengths.append(sum(1 for _ in run))
    if len(firsts) << 2 > len(values):
        return False
    if len(firsts) == 1:
        _write_once(firsts[0], writer, write)
        return True
    writer.parts += (b"r", write_varint(len(firsts)))
    writer.total += len(firsts)
    write(firsts, writer)
    write_integers(lengths, writer.parts)
    return True


def _write_distinct(values: list[Any], most: int, writer: Writer, write: Callable[[list[Any], Writer], None]) -> bool:
    numbers: dict[Any, int] = defaultdict(numbering().__next__)
    codes = list(map(numbers.__getitem__, values))
    if len(numbers) > most:
        return False
    writer.parts += (b"#", write_varint(len(numbers)))
    writer.total += len(numbers)
    write(list(numbers), writer)
    write_integers(codes, writer.parts)
    return True
