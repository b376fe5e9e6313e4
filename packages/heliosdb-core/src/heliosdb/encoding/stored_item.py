"""One value of a frame, without the others: for whoever wants one row of a block that is not in memory.

Numbers and codes are picked out of their planes, a text is split off; what takes its meaning from the values before it
(differences, runs, tuples) is decoded as a whole. The frame is not checked as thoroughly as by decoding all of it, so
its checksum has to have been compared.
"""

from __future__ import annotations

from decimal import Decimal
from struct import Struct
from typing import TYPE_CHECKING, Any

from heliosdb.encoding.columns import DIFFERENCES, Source, corrupted, read_bits, read_integers
from heliosdb.encoding.floats import read_divided_floats
from heliosdb.encoding.numerics import read_numerics

if TYPE_CHECKING:
    from heliosdb.encoding.stored_frames import StoredFrames

__all__ = ["read_item"]

_float = Struct("<d")


def read_item(frames: StoredFrames, source: Source, count: int, place: int) -> Any:
    """Return the value at a place of a column of so many values."""
    start = source.at
    tag = source.byte()
    if tag == 0x69:  # i
        return _word(source, count, place)
    if tag == 0x73:  # s
        text = str(source.take(source.varint()), "utf-8", "surrogatepass")
        parts = text.split("\0", place + 1)
        if len(parts) < min(count, place + 2):
            raise corrupted("there are too few texts")
        return parts[place]
    if tag == 0x4E:  # N
        flags = read_bits(source, count)
        return read_item(frames, source, flags.count(1), flags.count(1, 0, place)) if flags[place] else None
    if tag == 0x23:  # #
        source.count(count)
        distinct = frames.read_values(source, source.varint())
        return distinct[_word(source, count, place)]
    if tag == 0x64:  # d
        scale = source.varint()
        value = read_item(frames, source, count, place)
        return read_numerics([value], scale)[0]
    if tag == 0x61:  # a
        exponent = source.varint()
        return read_divided_floats([read_item(frames, source, count, place)], exponent)[0]
    if tag == 0x66:  # f
        return _float.unpack(source.take(8 * count)[place::count])[0]
    if tag == 0x31:  # 1
        return frames.read_values(source, 1)[0]
    if tag == 0x30:  # 0
        return None
    if tag == 0x44:  # D
        return Decimal(read_item(frames, source, count, place))
    source.at = start
    return frames.read_values(source, count)[place]


def _word(source: Source, count: int, place: int) -> int:
    """Return one of integers; where they are differences of different size, by decoding all."""
    start = source.at
    width = source.byte()
    low = source.signed()
    if width == DIFFERENCES:
        width = source.byte()
        step = source.signed()
        if not width:
            return low + step * place
        source.at = start
        return read_integers(source, count)[place]
    return int.from_bytes(source.take(width * count)[place::count], "little") + low if width else low
