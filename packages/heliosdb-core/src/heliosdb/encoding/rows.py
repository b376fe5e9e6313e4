"""Rows as self-delimiting bytes: what a log record or a page of stored rows is made of.

A row is the number of its fields and the fields, one behind the other. A field begins with one byte that says what it
is and, where that is enough, how long; nobody needs the relation's columns to read it, and what is behind it is found
without a directory. Lengths and counts are varints (seven bits a byte, low ones first, the high bit says "more").

    row      count field*
    00       NULL             01 02     false, true
    03..06   integer of 1, 2, 4, 8 bytes, little end first, signed        07   length, integer of any size, likewise
    08       float, 8 bytes   09        length, numeric as ASCII text (its scale, NaN and infinities included)
    0a       length, text in UTF-8 (lone surrogates pass)                 0b   length, bytes
    0c       count field*     a plain tuple: an array, a row of one
    0d       number field     a value of a class with a *form*, taken apart into the field
    40..7f   text of 0..63 bytes
    80..ff   the integers -32..95

A form says how a class that this layer does not know (intervals, jsonb objects, arrays with bounds) is taken apart into
fields and put together again; its number is part of the format and is never given to another class. What was written
is read by any process that knows the same forms.

For many rows of one shape ``encoding/frames.py``, column by column, is about three times as fast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from struct import Struct
from typing import Any

from attrs import frozen

from heliosdb.errors import DataCorrupted

__all__ = ["Form", "RowCodec", "read_varint", "varint"]

Row = tuple[Any, ...]

_int1, _int2, _int4, _int8 = Struct("<Bb"), Struct("<Bh"), Struct("<Bi"), Struct("<Bq")
_float8 = Struct("<Bd")
_read2, _read4, _read8, _read_float = Struct("<h"), Struct("<i"), Struct("<q"), Struct("<d")

_SMALL = [bytes((0xA0 + number,)) for number in range(-32, 96)]
"""The integers of one byte, from -32 on."""
_SHORT = [bytes((0x40 + length,)) for length in range(64)]


@frozen
class Form:
    """How values of a class are stored. ``apart`` gives what can be stored, ``together`` the value again."""

    number: int
    kind: type
    apart: Callable[[Any], Any]
    together: Callable[[Any], Any]


def varint(number: int) -> bytes:
    """Return a count or length as bytes."""
    if number < 0x80:
        return bytes((number,))
    parts = bytearray()
    while number >= 0x80:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a count or length, and where what follows begins."""
    number = data[at]
    at += 1
    if number < 0x80:
        return number, at
    number &= 0x7F
    shift = 7
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7


def _encode_int(value: int) -> bytes:
    if -32 <= value < 96:
        return _SMALL[value + 32]
    if -0x80000000 <= value < 0x80000000:
        if -0x8000 <= value < 0x8000:
            return _int2.pack(4, value) if not -0x80 <= value < 0x80 else _int1.pack(3, value)
        return _int4.pack(5, value)
    if -0x8000000000000000 <= value < 0x8000000000000000:
        return _int8.pack(6, value)
    size = value.bit_length() // 8 + 1
    return b"\x07" + varint(size) + value.to_bytes(size, "little", signed=True)


def _encode_float(value: float) -> bytes:
    return _float8.pack(8, value)


def _encode_text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogatepass")
    size = len(data)
    return _SHORT[size] + data if size < 64 else b"\x0a" + varint(size) + data


def _encode_decimal(value: Decimal) -> bytes:
    data = str(value).encode()
    return b"\x09" + varint(len(data)) + data


def _encode_bytes(value: bytes) -> bytes:
    return b"\x0b" + varint(len(value)) + value


class RowCodec:
    """Writes and reads rows. Safe to use from any number of threads."""

    def __init__(self, forms: Iterable[Form] = ()) -> None:
        self._forms = {form.number: form for form in forms}
        self._encoders: dict[type, Callable[[Any], bytes]] = {
            type(None): lambda value: b"\x00",
            bool: lambda value: b"\x02" if value else b"\x01",
            int: _encode_int,
            float: _encode_float,
            str: _encode_text,
            bytes: _encode_bytes,
            Decimal: _encode_decimal,
            tuple: self._encode_tuple,
        }
        for form in self._forms.values():
            self._encoders[form.kind] = self._encoder(form)

    def _encoder(self, form: Form) -> Callable[[Any], bytes]:
        head, apart = b"\x0d" + varint(form.number), form.apart

        def encode(value: Any) -> bytes:
            return head + self.encode_datum(apart(value))

        return encode

    def _encode_tuple(self, value: Row) -> bytes:
        return b"\x0c" + self.encode_row(value)

    def encode_row(self, row: Row) -> bytes:
        """Return a row as bytes."""
        encoders = self._encoders
        try:
            fields = [encoders[value.__class__](value) for value in row]
        except KeyError:
            fields = list(map(self.encode_datum, row))
        return varint(len(fields)) + b"".join(fields)

    def encode_datum(self, value: Any) -> bytes:
        """Return one field. Raises TypeError for a value of a class without a form."""
        encode = self._encoders.get(value.__class__)
        if encode is None:
            # A subclass is stored as the class with a form that it extends (the rows that know their fields).
            kind = next(
                (kind for kind in type(value).__mro__[1:] if kind in self._encoders and kind is not tuple), None
            )
            if kind is None:
                raise TypeError(f"values of {type(value).__name__} have no stored form")
            encode = self._encoders[kind]
        return encode(value)

    def encode_rows(self, rows: Sequence[Row]) -> bytes:
        """Return rows, one behind the other, behind their number."""
        return varint(len(rows)) + b"".join(map(self.encode_row, rows))

    def decode_rows(self, data: bytes, at: int = 0) -> tuple[list[Row], int]:
        """Return the rows that ``encode_rows`` wrote, and where what follows begins."""
        count, at = read_varint(data, at)
        rows = []
        decode = self.decode_row
        for _ in range(count):
            row, at = decode(data, at)
            rows.append(row)
        return rows, at

    def decode_row(self, data: bytes, at: int = 0) -> tuple[Row, int]:
        """Return the row that begins at a place, and where what follows begins."""
        values: list[Any] = []
        add = values.append
        count = data[at]
        at += 1
        if count >= 0x80:
            count, at = read_varint(data, at - 1)
        for _ in range(count):
            tag = data[at]
            at += 1
            if tag >= 0x80:
                add(tag - 0xA0)
            elif tag >= 0x40:
                end = at + tag - 0x40
                add(str(data[at:end], "utf-8", "surrogatepass"))
                at = end
            elif tag == 0:
                add(None)
            elif tag == 5:
                add(_read4.unpack_from(data, at)[0])
                at += 4
            elif tag == 6:
                add(_read8.unpack_from(data, at)[0])
                at += 8
            else:
                value, at = self._decode(tag, data, at)
                add(value)
        return tuple(values), at

    def _decode(self, tag: int, data: bytes, at: int) -> tuple[Any, int]:
        if tag == 0x04:
            return _read2.unpack_from(data, at)[0], at + 2
        if tag == 0x08:
            return _read_float.unpack_from(data, at)[0], at + 8
        if tag == 0x01 or tag == 0x02:
            return tag == 0x02, at
        if tag == 0x03:
            number = data[at]
            return number - 256 if number >= 128 else number, at + 1
        if tag == 0x0C:
            return self.decode_row(data, at)
        if tag == 0x0D:
            number, at = read_varint(data, at)
            form = self._forms.get(number)
            if form is None:
                raise DataCorrupted(f"stored value has unknown form {number}")
            value, at = self.decode_datum(data, at)
            return form.together(value), at
        if tag not in _SIZED:
            raise DataCorrupted(f"stored value begins with unknown byte {tag}")
        size, at = read_varint(data, at)
        end = at + size
        part = data[at:end]
        if len(part) != size:
            raise DataCorrupted("stored value is cut off")
        if tag == 0x0A:
            return str(part, "utf-8", "surrogatepass"), end
        if tag == 0x0B:
            return bytes(part), end
        if tag == 0x09:
            return Decimal(str(part, "ascii")), end
        return int.from_bytes(part, "little", signed=True), end

    def decode_datum(self, data: bytes, at: int = 0) -> tuple[Any, int]:
        """Return the field that begins at a place, and where what follows begins."""
        tag = data[at]
        at += 1
        if tag >= 0x80:
            return tag - 0xA0, at
        if tag >= 0x40:
            end = at + tag - 0x40
            return str(data[at:end], "utf-8", "surrogatepass"), end
        if tag == 0:
            return None, at
        if tag == 5:
            return _read4.unpack_from(data, at)[0], at + 4
        if tag == 6:
            return _read8.unpack_from(data, at)[0], at + 8
        return self._decode(tag, data, at)


_SIZED = frozenset((0x07, 0x09, 0x0A, 0x0B))
