"""Lists of Python values as bytes, for temporary files of this process: what sorts and hash tables put aside.

A frame is written column by column: the values of a list are told apart by class, each class in the form that is
cheapest to make and read in bulk (integers and floats as machine words, texts as one text and their lengths), tuples as
the columns they consist of. Every part says how long it is.

    frame   tag count body          tag says which form, one letter
    "i" "f" words     "s" "b" "d" lengths and one text     "?" bytes     "0" nothing (all None)
    "t" class, width and one frame a position     "v" lengths and one frame (tuples of different lengths)
    "m" the number of each value's class and one frame a class     "k" numbers of kept objects

A class of tuples that adds no state is named by its number in ``Frames.classes``. What has no form of its own is kept
as the object it is, and the frame says which: nothing that can be sorted or grouped is ever changed by being put aside.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from itertools import accumulate, pairwise
from struct import Struct
from typing import Any

__all__ = ["Frames"]

_head = Struct("<cI")
_size = Struct("<I")
LIMIT = 1 << 63


class Frames:
    """Writes and reads frames. What one object wrote only the same object can read."""

    def __init__(self) -> None:
        self.classes: list[type] = []
        self._numbers: dict[type, int] = {}
        self.kept: list[Any] = []
        """Objects without a form."""

    def encode(self, values: Sequence[Any]) -> bytes:
        """Return a list of values as a frame."""
        parts: list[bytes] = []
        self._write(list(values), parts)
        return b"".join(parts)

    def decode(self, data: bytes) -> list[Any]:
        """Return the values of a frame."""
        values, _ = self._read(memoryview(data), 0)
        return values

    # -- writing -----------------------------------------------------------------------------------------------------

    def _write(self, values: list[Any], parts: list[bytes]) -> None:
        count = len(values)
        classes = set(map(type, values))
        if len(classes) > 1:
            self._write_mixed(values, classes, parts)
            return
        kind = classes.pop() if classes else type(None)
        if kind is int:
            if max(values) < LIMIT and min(values) >= -LIMIT:
                parts.append(_head.pack(b"i", count) + array("q", values).tobytes())
            else:
                self._write_texts(b"n", list(map(str, values)), parts)
        elif kind is str:
            self._write_texts(b"s", values, parts)
        elif kind is float:
            parts.append(_head.pack(b"f", count) + array("d", values).tobytes())
        elif kind is type(None):
            parts.append(_head.pack(b"0", count))
        elif kind is bool:
            parts.append(_head.pack(b"?", count) + bytes(values))
        elif kind is Decimal:
            self._write_texts(b"d", list(map(str, values)), parts)
        elif kind is bytes:
            joined = b"".join(values)
            parts.append(_head.pack(b"b", count) + _words(list(map(len, values))) + _size.pack(len(joined)) + joined)
        elif kind is tuple or (issubclass(kind, tuple) and not kind.__dictoffset__ and kind.__iter__ is tuple.__iter__):
            self._write_tuples(kind, values, parts)
        else:
            first = len(self.kept)
            self.kept.extend(values)
            parts.append(_head.pack(b"k", count) + _size.pack(first))

    @staticmethod
    def _write_texts(tag: bytes, texts: list[str], parts: list[bytes]) -> None:
        data = "".join(texts).encode("utf-8", "surrogatepass")
        parts.append(_head.pack(tag, len(texts)) + _words(list(map(len, texts))) + _size.pack(len(data)) + data)

    def _write_tuples(self, kind: type, values: list[Any], parts: list[bytes]) -> None:
        number = self._numbers.get(kind)
        if number is None:
            number = self._numbers[kind] = len(self.classes)
            self.classes.append(kind)
        lengths = list(map(tuple.__len__, values))
        if min(lengths) == max(lengths):
            width = lengths[0]
            parts.append(_head.pack(b"t", len(values)) + _size.pack(number) + _size.pack(width))
            for column in zip(*values):
                self._write(list(column), parts)
            return
        parts.append(_head.pack(b"v", len(values)) + _size.pack(number) + _words(lengths))
        self._write([item for value in values for item in value], parts)

    def _write_mixed(self, values: list[Any], classes: set[type], parts: list[bytes]) -> None:
        if len(classes) > 255:
            # No column has so many classes; but if one had, it would still be right.
            first = len(self.kept)
            self.kept.extend(values)
            parts.append(_head.pack(b"k", len(values)) + _size.pack(first))
            return
        numbers = {kind: number for number, kind in enumerate(classes)}
        parts.append(_head.pack(b"m", len(values)) + bytes((len(numbers),)))
        parts.append(bytes(map(numbers.__getitem__, map(type, values))))
        for kind in numbers:
            self._write([value for value in values if type(value) is kind], parts)

    # -- reading -----------------------------------------------------------------------------------------------------

    def _read(self, data: memoryview, at: int) -> tuple[list[Any], int]:
        tag, count = _head.unpack_from(data, at)
        at += _head.size
        if tag in b"if":
            end = at + 8 * count
            words = array("q" if tag == b"i" else "d")
            words.frombytes(data[at:end])
            return words.tolist(), end
        if tag in b"snd":
            texts, at = _read_texts(data, at, count)
            convert = _CONVERSIONS.get(tag)
            return (texts if convert is None else list(map(convert, texts))), at
        if tag == b"0":
            return [None] * count, at
        if tag == b"?":
            return list(map(bool, data[at : at + count])), at + count
        if tag == b"b":
            lengths, at = _read_words(data, at, count)
            (size,) = _size.unpack_from(data, at)
            at += _size.size
            ends = list(accumulate(lengths, initial=at))
            return [bytes(data[start:end]) for start, end in pairwise(ends)], at + size
        if tag == b"t":
            return self._read_tuples(data, at, count)
        if tag == b"v":
            (number,) = _size.unpack_from(data, at)
            lengths, at = _read_words(data, at + _size.size, count)
            items, at = self._read(data, at)
            make = self._maker(number)
            ends = list(accumulate(lengths, initial=0))
            return [make(items[start:end]) for start, end in pairwise(ends)], at
        if tag == b"m":
            return self._read_mixed(data, at, count)
        (first,) = _size.unpack_from(data, at)
        return self.kept[first : first + count], at + _size.size

    def _maker(self, number: int) -> Callable[[Any], Any]:
        kind = self.classes[number]
        return tuple if kind is tuple else partial(tuple.__new__, kind)

    def _read_tuples(self, data: memoryview, at: int, count: int) -> tuple[list[Any], int]:
        (number,) = _size.unpack_from(data, at)
        (width,) = _size.unpack_from(data, at + _size.size)
        at += 2 * _size.size
        if not width:
            make = self._maker(number)
            return [make(()) for _ in range(count)], at
        columns = []
        for _ in range(width):
            column, at = self._read(data, at)
            columns.append(column)
        rows: Any = zip(*columns)
        kind = self.classes[number]
        return (list(rows) if kind is tuple else list(map(partial(tuple.__new__, kind), rows))), at

    def _read_mixed(self, data: memoryview, at: int, count: int) -> tuple[list[Any], int]:
        kinds = data[at]
        numbers = data[at + 1 : at + 1 + count]
        at += 1 + count
        sources = []
        for _ in range(kinds):
            column, at = self._read(data, at)
            sources.append(iter(column))
        return [next(sources[number]) for number in numbers], at


def _words(numbers: list[int]) -> bytes:
    return array("I", numbers).tobytes()


def _read_words(data: memoryview, at: int, count: int) -> tuple[list[int], int]:
    end = at + _word * count
    words = array("I")
    words.frombytes(data[at:end])
    return words.tolist(), end


def _read_texts(data: memoryview, at: int, count: int) -> tuple[list[str], int]:
    lengths, at = _read_words(data, at, count)
    (size,) = _size.unpack_from(data, at)
    at += _size.size
    text = str(data[at : at + size], "utf-8", "surrogatepass")
    ends = list(accumulate(lengths, initial=0))
    return [text[start:end] for start, end in pairwise(ends)], at + size


_word = array("I").itemsize
_CONVERSIONS: dict[bytes, Callable[[str], Any]] = {b"n": int, b"d": Decimal}
