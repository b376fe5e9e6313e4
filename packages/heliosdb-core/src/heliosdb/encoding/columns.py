"""Columns of numbers, texts and bits as bytes: the forms that ``frames`` puts its parts into.

Integers are written as what they exceed their least one by, in as few bytes as the greatest needs, and not number by
number but by significance: the low bytes of all, then the next. The high bytes of similar numbers are similar, and a
compressor behind makes little of them. Where differences from one to the next are smaller, those are written instead.

    integers    width, least, width * count bytes                least is a zigzag varint; width 0: all are the least
                0x10, first, integers                            the differences, one less than the numbers
    bits        (count + 7) // 8 bytes, the first bit highest
    texts       size, one text: the texts with a NUL between two of them
    lengths     integers

Everything that is read is bounded by what is there: a ``Source`` gives no more bytes than it has, and makes no more
values than the frame says it holds.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from itertools import accumulate, islice, pairwise
from operator import sub
from struct import Struct

from heliosdb.errors import DataCorrupted

__all__ = [
    "LIMIT",
    "Source",
    "corrupted",
    "read_bits",
    "read_floats",
    "read_integers",
    "read_lengths",
    "read_texts",
    "write_bits",
    "write_floats",
    "write_integers",
    "write_texts",
    "write_varint",
]

LIMIT = 1 << 63
DIFFERENCES = 0x10
_CELLS = (0, 1, 2, 4, 4, 8, 8, 8, 8)
"""Bytes of the machine word that holds numbers of so many bytes."""
_CODES = {2: "H", 4: "I", 8: "Q"}
_SWAP = sys.byteorder == "big"
_FROM_BITS = bytes.maketrans(b"01", b"\x00\x01")
_TO_BITS = bytes.maketrans(b"\x00\x01", b"01")


def corrupted(what: str) -> DataCorrupted:
    """Return the error for bytes that no frame consists of."""
    return DataCorrupted(f"stored values are damaged: {what}")


class Source:
    """Bytes that are read from the front; ``left`` is how many values may still be made of them."""

    __slots__ = ("at", "data", "end", "left")

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at
        self.end = len(data)
        self.left = 0

    def take(self, size: int) -> bytes:
        """Return the next bytes."""
        at = self.at
        end = at + size
        if not at <= end <= self.end:
            raise corrupted("they end too early")
        self.at = end
        return self.data[at:end]

    def byte(self) -> int:
        """Return the next byte."""
        at = self.at
        if at >= self.end:
            raise corrupted("they end too early")
        self.at = at + 1
        return self.data[at]

    def varint(self) -> int:
        """Return a number: seven bits a byte, low ones first, the high bit says that more follow."""
        number = self.byte()
        if number < 0x80:
            return number
        number &= 0x7F
        for shift in range(7, 70, 7):
            byte = self.byte()
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number
        raise corrupted("a number does not end")

    def signed(self) -> int:
        """Return a number of either sign."""
        number = self.varint()
        return number >> 1 if not number & 1 else ~(number >> 1)

    def count(self, number: int) -> None:
        """Note that so many values are about to be made."""
        self.left -= number
        if self.left < 0:
            raise corrupted("there are more than there should be")


def write_varint(number: int) -> bytes:
    """Return a number from 0 on as bytes."""
    if number < 0x80:
        return bytes((number,))
    parts = bytearray()
    while number >= 0x80:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def _write_signed(number: int) -> bytes:
    return write_varint(number << 1 if number >= 0 else ~number << 1 | 1)


# -- integers ------------------------------------------------------------------------------------------------------


def _width(number: int) -> int:
    return (number.bit_length() + 7) >> 3


def write_integers(values: Sequence[int], parts: list[bytes], low: int | None = None, high: int | None = None) -> None:
    """Write integers of 64 bits; ``low`` and ``high`` are the least and the greatest, where they are known."""
    count = len(values)
    if low is None or high is None:
        low = min(values, default=0)
        high = max(values, default=0)
    if low != high and count >= 4 and _differences(values, count, high - low, parts):
        return
    _write_words(values, low, high, parts)


def _write_words(values: Sequence[int], low: int, high: int, parts: list[bytes]) -> None:
    width = _width(high - low)
    if low > 0 and width and _width(high) == width:
        low = 0
    parts.append(bytes((width,)) + _write_signed(low))
    if not width:
        return
    if low:
        values = [value - low for value in values]
    if width == 1:
        parts.append(bytes(values))
        return
    cell = _CELLS[width]
    words = array(_CODES[cell], values)
    if _SWAP:
        words.byteswap()
    raw = words.tobytes()
    for place in range(width):
        parts.append(raw[place::cell])


def _differences(values: Sequence[int], count: int, span: int, parts: list[bytes]) -> bool:
    """Write the differences, where they are worth it."""
    step = max(1, count // 64)
    # Whether it is worth trying is seen from some of them.
    sample = [values[place + 1] - values[place] for place in range(0, count - 1, step)]
    least, most = min(sample), max(sample)
    if least != most and (most - least) << 6 > span:
        return False
    first = values[0]
    if least == most and least and values == list(range(first, first + least * count, least)):
        parts.append(bytes((DIFFERENCES,)) + _write_signed(first) + b"\0" + _write_signed(least))
        return True
    found = list(map(sub, islice(values, 1, None), values))
    low, high = min(found), max(found)
    if low < -LIMIT or high >= LIMIT or _width(high - low) >= _width(span):
        return False
    parts.append(bytes((DIFFERENCES,)) + _write_signed(values[0]))
    _write_words(found, low, high, parts)
    return True


def read_integers(source: Source, count: int) -> list[int]:
    """Read integers."""
    width = source.byte()
    low = source.signed()
    if width == DIFFERENCES:
        if count < 2:
            raise corrupted("one number has no differences")
        width = source.byte()
        step = source.signed()
        if not width:
            if not step:
                return [low] * count
            return list(range(low, low + step * count, step))
        return list(accumulate(_read_words(source, count - 1, width, step), initial=low))
    if not width:
        return [low] * count
    return _read_words(source, count, width, low)


def _read_words(source: Source, count: int, width: int, low: int) -> list[int]:
    if width > 8:
        raise corrupted(f"integers have no width of {width} bytes")
    raw = source.take(width * count)
    if width == 1:
        values = list(raw)
    else:
        cell = _CELLS[width]
        buffer = bytearray(cell * count)
        for place in range(width):
            buffer[place::cell] = raw[place * count : (place + 1) * count]
        words = array(_CODES[cell])
        words.frombytes(buffer)
        if _SWAP:
            words.byteswap()
        values = words.tolist()
    return [value + low for value in values] if low else values


def read_lengths(source: Source, count: int) -> list[int]:
    """Read lengths: integers of which none is negative."""
    lengths = read_integers(source, count)
    if lengths and min(lengths) < 0:
        raise corrupted("a length is negative")
    return lengths


# -- floats --------------------------------------------------------------------------------------------------------


def write_floats(values: Sequence[float], parts: list[bytes]) -> None:
    """Write floats: eight bytes each, by significance."""
    words = array("d", values)
    if _SWAP:
        words.byteswap()
    raw = words.tobytes()
    for place in range(8):
        parts.append(raw[place::8])


def read_floats(source: Source, count: int) -> list[float]:
    """Read floats."""
    raw = source.take(8 * count)
    buffer = bytearray(8 * count)
    for place in range(8):
        buffer[place::8] = raw[place * count : (place + 1) * count]
    words = array("d")
    words.frombytes(buffer)
    if _SWAP:
        words.byteswap()
    return words.tolist()


# -- bits ----------------------------------------------------------------------------------------------------------


def write_bits(flags: bytes) -> bytes:
    """Return bytes that are 0 or 1 as bits."""
    size = (len(flags) + 7) >> 3
    if not size:
        return b""
    # Base two: the one conversion between text and numbers that takes linear time both ways.
    return int(flags.translate(_TO_BITS).ljust(8 * size, b"0"), 2).to_bytes(size, "big")


def read_bits(source: Source, count: int) -> bytes:
    """Read bits as bytes that are 0 or 1."""
    size = (count + 7) >> 3
    if not size:
        return b""
    number = int.from_bytes(source.take(size), "big")
    return format(number, f"0{8 * size}b").encode().translate(_FROM_BITS)[:count]


# -- texts ---------------------------------------------------------------------------------------------------------


def write_texts(texts: Sequence[str], parts: list[bytes]) -> bool:
    """Write texts, where none has a NUL in it."""
    joined = "\0".join(texts)
    if joined.count("\0") != len(texts) - 1:
        return False
    data = joined.encode("utf-8", "surrogatepass")
    parts.append(write_varint(len(data)))
    parts.append(data)
    return True


def read_texts(source: Source, count: int) -> list[str]:
    """Read texts."""
    data = source.take(source.varint())
    texts = str(data, "utf-8", "surrogatepass").split("\0")
    if len(texts) != count:
        raise corrupted(f"there are {len(texts)} texts, not {count}")
    return texts


def cut(source: Source, lengths: Sequence[int]) -> list[bytes]:
    """Read one behind the other what has these lengths."""
    data = source.take(sum(lengths))
    if len(lengths) > 1 and lengths[0] and lengths.count(lengths[0]) == len(lengths):
        return [part for (part,) in Struct(f"{lengths[0]}s").iter_unpack(data)]
    return [data[start:end] for start, end in pairwise(accumulate(lengths, initial=0))]
