"""Lists of Python values as bytes, for any process to read: what segments, index runs and log records hold.

A frame is written column by column: the values of a list are told apart by class, each class in the form that is
cheapest to make and read in bulk, tuples as the columns they consist of. What was written is read again exactly:
1, 1.0, True and the numeric 1.00 are four values.

    frame       count, total, column     both varints; total is how many values all columns in it have together
    column      tag, body                one letter; how many values it has, what surrounds it says

    0           None                                    1  column         the same value always, a column of one
    ?  bits     booleans                                i  integers       integers of 64 bits
    a  power column     floats that are integers divided by a power of ten
    f  floats   floats                                  n  lengths bytes  integers of any size, in two's complement
    s  texts    texts without a NUL                     S  lengths size   texts, all in one
    b  lengths  bytes, all in one                       d  scale integers numerics of one scale
    D  column   numerics, as texts                      N  bits column    None where the bit is 0, else the next one
    #  size column integers   distinct values, and for each the number of its own
    r  size column lengths    values, and how often each is repeated
    t  width column*          tuples of one length      v  lengths column tuples of different lengths
    c  size name column       values of a stored class, as plain values
    m  size integers column*  for each the number of its class, and a column a class
    z                         values nested too deeply for columns, see ``nested``

Decoding makes no more values than ``total`` says and reads no byte that is not there; bytes that are no frame are
DataCorrupted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from itertools import accumulate, chain, compress, pairwise, repeat
from struct import Struct
from typing import Any

from heliosdb.encoding import nested
from heliosdb.encoding.classes import ClassTable, Opaque
from heliosdb.encoding.column_forms import (
    Writer,
    write_bools,
    write_byte_strings,
    write_float_column,
    write_ints,
    write_strs,
)
from heliosdb.encoding.columns import (
    LIMIT,
    Source,
    corrupted,
    cut,
    read_bits,
    read_floats,
    read_integers,
    read_lengths,
    read_texts,
    write_bits,
    write_integers,
    write_varint,
)
from heliosdb.encoding.floats import read_divided_floats
from heliosdb.encoding.numerics import read_numerics, scaled_numerics
from heliosdb.encoding.stored_column import StoredColumn, read_column
from heliosdb.encoding.stored_item import read_item
from heliosdb.errors import DataCorrupted, Error

__all__ = ["StoredFrames"]

DEEPEST = 24
"""Levels of tuples and classes that are written as columns."""


_float = Struct("<d")
_ORDERED = frozenset((int, str, float, Decimal, bytes, bool))
"""Classes whose values Python orders as their types do, but for NaN."""

_DAMAGE = (ValueError, IndexError, KeyError, TypeError, ArithmeticError, OverflowError, RecursionError)
"""What Python raises where bytes are not what they should be."""

Kind = Any
"""A class; of opaque values (Opaque, name)."""


class StoredFrames:
    """Writes and reads frames that any process can read that knows the classes. Safe to use from any thread."""

    def __init__(self, classes: ClassTable) -> None:
        self._classes = classes

    def encode(self, values: Sequence[Any]) -> bytes:
        """Return a list of values as a frame; FeatureNotSupported for values of a class that is not stored."""
        if len(values) == 1 and (single := _SINGLE.get(type(values[0]))) is not None:
            return b"\1\1" + single(values[0])
        return self.encode_column(values)[0]

    def encode_column(self, values: Sequence[Any]) -> tuple[bytes, Sequence[Any] | None, bool]:
        """Return a frame as ``encode`` does; values among which are the least and the greatest, None where they are not
        of one class that Python orders; and whether there is a None beside them."""
        writer = Writer()
        self._write(values if type(values) is list else list(values), writer, 0)
        data = b"".join((write_varint(len(values)), write_varint(writer.total), *writer.parts))
        return data, writer.extent, writer.has_null

    def decode(self, data: bytes) -> list[Any]:
        """Return the values of a frame; DataCorrupted where it is none or more than that."""
        values, end = self._read(data, 0)
        if end != len(data):
            raise corrupted("bytes follow")
        return values

    def decode_each(self, data: bytes, count: int) -> list[list[Any]]:
        """Return the values of so many frames, one behind the other; DataCorrupted where there are fewer or more."""
        found, at = [], 0
        for _ in range(count):
            values, at = self._read(data, at)
            found.append(values)
        if at != len(data):
            raise corrupted("bytes follow")
        return found

    def _read(self, data: bytes, at: int) -> tuple[list[Any], int]:
        """Return the values of the frame at a place, and where it ends."""
        source = Source(data, at)
        return self._read_all(source, self.read_values), source.at

    def column(self, data: bytes) -> StoredColumn:
        """Return the values of a frame in the form in which they are stored; DataCorrupted as ``decode``."""
        source = Source(data)
        column: StoredColumn = self._read_all(source, partial(read_column, self))
        if source.at != len(data):
            raise corrupted("bytes follow")
        return column

    def present(self, data: bytes) -> list[Any]:
        """Return the values of a frame that are not None; DataCorrupted as ``decode``."""
        source = Source(data)
        values: list[Any] = self._read_all(source, self._read_present)
        if source.at != len(data):
            raise corrupted("bytes follow")
        return values

    def item(self, data: bytes, place: int) -> Any:
        """Return one value of a frame whose checksum is right."""
        source = Source(data)
        try:
            count = source.varint()
            source.left = source.varint()
            if not 0 <= place < count:
                raise corrupted(f"of {count} values there is none at place {place}")
            return read_item(self, source, count, place)
        except _DAMAGE as error:
            raise corrupted(f"{type(error).__name__}: {error}") from error

    @staticmethod
    def _read_all(source: Source, read: Callable[[Source, int], Any]) -> Any:
        try:
            count = source.varint()
            source.left = source.varint()
            values = read(source, count)
        except _DAMAGE as error:
            raise corrupted(f"{type(error).__name__}: {error}") from error
        if source.left:
            raise corrupted("there are fewer than there should be")
        return values

    # -- writing -----------------------------------------------------------------------------------------------------

    def _write(self, values: list[Any], writer: Writer, depth: int) -> None:
        count = len(values)
        writer.total += count
        if count == 1:
            self._write_one(values[0], writer, depth)
            writer.extent = values if type(values[0]) in _ORDERED else None
            if values[0] is None:
                writer.extent, writer.has_null = (), True
            return
        kinds: set[Kind] = set(map(type, values))
        if Opaque in kinds:
            kinds = {_kind_of(value) for value in values}
        if len(kinds) == 1:
            (kind,) = kinds
            self._write_kind(kind, values, writer, depth)
            if kind not in _ORDERED:
                writer.extent = () if kind is type(None) else None
                writer.has_null = kind is type(None)
        elif not count:
            writer.parts.append(b"0")
            writer.extent = ()
        else:
            self._write_mixed(values, kinds, writer, depth)

    def _write_one(self, value: Any, writer: Writer, depth: int) -> None:
        """Write a column of one value, as ``_write_kind`` does, in fewer steps: log records mostly hold one row."""
        kind = type(value)
        single = _SINGLE.get(kind)
        if single is not None:
            writer.parts.append(single(value))
        elif kind is Decimal:
            writer.total += 1
            writer.parts += (b"D", _single_str(str(value)))
        elif kind is tuple and depth < DEEPEST:
            width = len(value)
            writer.total += width
            writer.parts += (b"t", write_varint(width))
            for item in value:
                self._write_one(item, writer, depth + 1)
        else:
            self._write_kind(_kind_of(value), [value], writer, depth)

    def _write_kind(self, kind: Kind, values: list[Any], writer: Writer, depth: int) -> None:
        """Write values of one class, at least one."""
        parts = writer.parts
        if kind is int:
            write_ints(values, writer)
        elif kind is str:
            write_strs(values, writer)
        elif kind is type(None):
            parts.append(b"0")
        elif kind is float:
            write_float_column(values, writer)
        elif kind is bool:
            write_bools(values, writer)
        elif kind is Decimal:
            self._write_decimals(values, writer)
        elif kind is bytes:
            write_byte_strings(values, writer)
        elif depth >= DEEPEST:
            self._write_nested(values, writer)
        elif kind is tuple:
            self._write_tuples(values, writer, depth)
        else:
            self._write_class(kind, values, writer, depth)

    def _write_class(self, kind: Kind, values: list[Any], writer: Writer, depth: int) -> None:
        if type(kind) is tuple:
            name: str = kind[1]
            plain = [value.opaque_plain for value in values]
        else:
            name, to_plain = self._classes.writer(kind)
            plain = list(map(to_plain, values))
        data = name.encode()
        writer.parts += (b"c", write_varint(len(data)), data)
        self._write(plain, writer, depth + 1)

    def _write_tuples(self, values: list[Any], writer: Writer, depth: int) -> None:
        lengths = set(map(len, values))
        if len(lengths) == 1:
            (width,) = lengths
            writer.parts += (b"t", write_varint(width))
            # One long list and its slices: half of what zip takes.
            items = list(chain.from_iterable(values))
            for place in range(width):
                self._write(items[place::width], writer, depth + 1)
            return
        writer.parts.append(b"v")
        write_integers(list(map(len, values)), writer.parts)
        self._write(list(chain.from_iterable(values)), writer, depth + 1)

    def _write_decimals(self, values: list[Any], writer: Writer) -> None:
        scaled = scaled_numerics(values)
        if scaled is None:
            writer.parts.append(b"D")
            self._write(list(map(str, values)), writer, 0)
            writer.extent = values
        else:
            scale, integers = scaled
            writer.parts += (b"d", write_varint(scale))
            writer.total += len(integers)
            write_ints(integers, writer)
            writer.extent = read_numerics(writer.extent or (), scale)

    def _write_mixed(self, values: list[Any], kinds: set[Kind], writer: Writer, depth: int) -> None:
        parts = writer.parts
        if len(kinds) == 2 and type(None) in kinds:
            present = [value for value in values if value is not None]
            parts += (b"N", write_bits(bytes([value is not None for value in values])))
            self._write(present, writer, depth)
            writer.has_null = True
            return
        sort = _kind_of if any(type(kind) is tuple for kind in kinds) else type
        # In the order in which they first occur, so that equal values give equal bytes.
        numbers = {kind: number for number, kind in enumerate(dict.fromkeys(map(sort, values)))}
        parts += (b"m", write_varint(len(numbers)))
        write_integers(list(map(numbers.__getitem__, map(sort, values))), parts)
        for kind in numbers:
            self._write([value for value in values if sort(value) is kind or sort(value) == kind], writer, depth)
        writer.extent = None

    def _write_nested(self, values: list[Any], writer: Writer) -> None:
        names, marks, leaves = nested.flatten(values, self._apart)
        writer.parts += (b"z", write_varint(len(names)), write_varint(len(marks)), write_varint(len(leaves)))
        for part in (names, marks, leaves):
            self._write(part, writer, 0)

    def _apart(self, value: Any) -> tuple[str, Any]:
        if type(value) is Opaque:
            return value.opaque_name, value.opaque_plain
        name, to_plain = self._classes.writer(type(value))
        return name, to_plain(value)

    # -- reading -----------------------------------------------------------------------------------------------------

    def read_values(self, source: Source, count: int) -> list[Any]:
        """Read a column of so many values."""
        source.count(count)
        tag = source.byte()
        if tag == 0x69:  # i
            return read_integers(source, count)
        if tag == 0x73:  # s
            return read_texts(source, count)
        read = _READERS.get(tag)
        if read is None:
            raise corrupted(f"no column begins with the byte {tag}")
        return read(self, source, count)

    def _read_none(self, source: Source, count: int) -> list[Any]:
        return [None] * count

    def _read_constant(self, source: Source, count: int) -> list[Any]:
        return self.read_values(source, 1) * count

    def _read_bools(self, source: Source, count: int) -> list[Any]:
        return list(map(bool, read_bits(source, count)))

    def _read_floats(self, source: Source, count: int) -> list[Any]:
        return read_floats(source, count)

    def _read_divided(self, source: Source, count: int) -> list[Any]:
        exponent = source.varint()
        return read_divided_floats(self.read_values(source, count), exponent)

    def _read_large(self, source: Source, count: int) -> list[Any]:
        return [int.from_bytes(part, "little", signed=True) for part in cut(source, read_lengths(source, count))]

    def _read_texts(self, source: Source, count: int) -> list[Any]:
        lengths = read_lengths(source, count)
        text = str(source.take(source.varint()), "utf-8", "surrogatepass")
        if sum(lengths) != len(text):
            raise corrupted("the lengths of texts are not theirs")
        return [text[start:end] for start, end in pairwise(accumulate(lengths, initial=0))]

    def _read_bytes(self, source: Source, count: int) -> list[Any]:
        return cut(source, read_lengths(source, count))

    def _read_decimals(self, source: Source, count: int) -> list[Any]:
        scale = source.varint()
        return read_numerics(self.read_values(source, count), scale)

    def _read_decimal_texts(self, source: Source, count: int) -> list[Any]:
        return list(map(Decimal, self.read_values(source, count)))

    def _read_nullable(self, source: Source, count: int) -> list[Any]:
        flags = read_bits(source, count)
        values: list[Any] = [None] * count
        for place, value in zip(compress(range(count), flags), self.read_values(source, sum(flags))):
            values[place] = value
        return values

    def _read_present(self, source: Source, count: int) -> list[Any]:
        tag = source.data[source.at : source.at + 1]
        if tag == b"N":
            source.count(count)
            source.at += 1
            return self.read_values(source, read_bits(source, count).count(1))
        values = self.read_values(source, count)
        # Columns of one class have no None in them.
        return [value for value in values if value is not None] if tag in (b"0", b"1", b"m", b"r") else values

    def _read_dictionary(self, source: Source, count: int) -> list[Any]:
        size = source.varint()
        distinct = self.read_values(source, size)
        numbers = read_lengths(source, count)
        return list(map(distinct.__getitem__, numbers))

    def _read_runs(self, source: Source, count: int) -> list[Any]:
        size = source.varint()
        values = self.read_values(source, size)
        lengths = read_lengths(source, size)
        if sum(lengths) != count:
            raise corrupted("repetitions are more or fewer than values")
        return list(chain.from_iterable(map(repeat, values, lengths)))

    def _read_tuples(self, source: Source, count: int) -> list[Any]:
        width = source.varint()
        if not width:
            return [()] * count
        return list(zip(*[self.read_values(source, count) for _ in range(width)]))

    def _read_lists(self, source: Source, count: int) -> list[Any]:
        lengths = read_lengths(source, count)
        items = self.read_values(source, sum(lengths))
        return [tuple(items[start:end]) for start, end in pairwise(accumulate(lengths, initial=0))]

    def _read_class(self, source: Source, count: int) -> list[Any]:
        name = source.take(source.varint()).decode()
        plain = self.read_values(source, count)
        make = self._classes.reader(name)
        if make is None:
            return [Opaque(name, value) for value in plain]
        return _made(name, make, plain)

    def _together(self, name: str) -> Callable[[Any], Any]:
        make = self._classes.reader(name)
        return partial(Opaque, name) if make is None else lambda plain: _made(name, make, (plain,))[0]

    def _read_mixed(self, source: Source, count: int) -> list[Any]:
        size = source.varint()
        if size > count:
            raise corrupted("there are more classes than values")
        numbers = read_lengths(source, count)
        sizes = Counter(numbers)
        columns = [iter(self.read_values(source, sizes[number])) for number in range(size)]
        return [next(columns[number]) for number in numbers]

    def _read_nested(self, source: Source, count: int) -> list[Any]:
        sizes = source.varint(), source.varint(), source.varint()
        names, marks, leaves = [self.read_values(source, size) for size in sizes]
        return nested.build(count, [self._together(name) for name in names], marks, leaves)


def _made(name: str, make: Callable[[Any], Any], plain: Sequence[Any]) -> list[Any]:
    try:
        return list(map(make, plain))
    except Error:
        raise
    except Exception as error:
        # A plugin's function, given what may be damaged: whatever it raises.
        raise DataCorrupted(f'a stored value of class "{name}" is damaged: {error}') from error


_READERS: dict[int, Callable[[StoredFrames, Source, int], list[Any]]] = {
    ord(letter): read
    for letter, read in {
        "0": StoredFrames._read_none,
        "1": StoredFrames._read_constant,
        "?": StoredFrames._read_bools,
        "f": StoredFrames._read_floats,
        "a": StoredFrames._read_divided,
        "n": StoredFrames._read_large,
        "S": StoredFrames._read_texts,
        "b": StoredFrames._read_bytes,
        "d": StoredFrames._read_decimals,
        "D": StoredFrames._read_decimal_texts,
        "N": StoredFrames._read_nullable,
        "#": StoredFrames._read_dictionary,
        "r": StoredFrames._read_runs,
        "t": StoredFrames._read_tuples,
        "v": StoredFrames._read_lists,
        "c": StoredFrames._read_class,
        "m": StoredFrames._read_mixed,
        "z": StoredFrames._read_nested,
    }.items()
}


def _kind_of(value: Any) -> Kind:
    kind = type(value)
    return (Opaque, value.opaque_name) if kind is Opaque else kind


def _single_int(value: int) -> bytes:
    if -LIMIT <= value < LIMIT:
        return b"i\0" + write_varint(value << 1 if value >= 0 else ~value << 1 | 1)
    size = (value.bit_length() >> 3) + 1
    parts: list[bytes] = []
    write_integers([size], parts)
    return b"".join((b"n", *parts, value.to_bytes(size, "little", signed=True)))


def _single_str(value: str) -> bytes:
    data = value.encode("utf-8", "surrogatepass")
    if "\0" in value:
        parts: list[bytes] = []
        write_integers([len(value)], parts)
        return b"".join((b"S", *parts, write_varint(len(data)), data))
    return b"s" + write_varint(len(data)) + data


_SINGLE: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda value: b"0",
    bool: lambda value: b"?\x80" if value else b"?\0",
    int: _single_int,
    str: _single_str,
    float: lambda value: b"f" + _float.pack(value),
}
