"""Arrays: the datum, its shape, text and binary form, construction, subscripts and slices.

An array is a tuple of its elements; a two-dimensional one is a tuple of tuples, and so on, all rows of a level
equally long. What is *exactly* a ``tuple`` inside an array is therefore a row of the next dimension, and elements
whose own datums are tuples are of subclasses (``Interval``, ``Composite``). Subscripts begin at 1; the rare array
that begins elsewhere (``'[0:1]={1,2}'``) is a ``BoundedArray``, a tuple that also knows its lower bounds. The empty
array is ``()`` and has no dimensions.

The registry derives each array type from its element type and asks ``make_input``, ``make_output``, ``make_receive``
and ``make_send`` for its functions.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from heliosdb import errors
from heliosdb.types.composite import as_element
from heliosdb.types.definitions import SessionContext, Type, TypeLookup

__all__ = [
    "Array",
    "BoundedArray",
    "build_array",
    "construct_nested",
    "dimensions",
    "flatten",
    "lower_bounds",
    "make_input",
    "make_output",
    "make_receive",
    "make_send",
    "map_elements",
    "slice_array",
    "subscript_array",
    "with_bounds",
]

Array = tuple[Any, ...]

MAXIMUM_DIMENSIONS = 6
_MAXIMUM_ELEMENTS = 134_217_727


class BoundedArray(tuple[Any, ...]):
    """An array whose subscripts do not all begin at 1."""

    lower_bounds: tuple[int, ...]

    @property
    def lower_bound(self) -> int:
        """The first subscript of the first dimension."""
        return self.lower_bounds[0]

    def __reduce__(self) -> tuple[Any, ...]:
        return with_bounds, (tuple(self), self.lower_bounds)


def with_bounds(array: Array, lower: tuple[int, ...]) -> Array:
    """Return the array with these lower bounds, one for each dimension."""
    if not array or all(bound == 1 for bound in lower):
        return tuple(array)
    bounded = BoundedArray(array)
    bounded.lower_bounds = lower
    return bounded


def dimensions(array: Array) -> tuple[int, ...]:
    """Return the length of each dimension, ``()`` for an empty array."""
    if not array:
        return ()
    sizes = [len(array)]
    item = array[0]
    while type(item) is tuple:
        sizes.append(len(item))
        item = item[0]
    return tuple(sizes)


def lower_bounds(array: Array) -> tuple[int, ...]:
    """Return the first subscript of each dimension."""
    return array.lower_bounds if type(array) is BoundedArray else (1,) * len(dimensions(array))


def flatten(array: Array) -> Iterator[Any]:
    """Yield the elements in storage order, through all dimensions."""
    for item in array:
        if type(item) is tuple:
            yield from flatten(item)
        else:
            yield item


def map_elements(function: Callable[[Any], Any], array: Array) -> Array:
    """Apply a function to each element that is not NULL, through all dimensions; the bounds stay."""
    mapped = tuple(
        None if item is None else map_elements(function, item) if type(item) is tuple else function(item)
        for item in array
    )
    return with_bounds(mapped, array.lower_bounds) if type(array) is BoundedArray else mapped


def build_array(elements: Sequence[Any], sizes: Sequence[int], lower: Sequence[int] | None = None) -> Array:
    """Return the array with these elements in storage order, dimensions and lower bounds."""
    if not elements:
        return ()
    array: Array = tuple(elements)
    for size in reversed(sizes[1:]):
        array = tuple(array[start : start + size] for start in range(0, len(array), size))
    return array if lower is None else with_bounds(array, tuple(lower))


def construct_nested(items: Iterable[Array | None]) -> Array:
    """Build the array ``ARRAY[a, b, ...]`` of arrays: all of them of the same dimensions and bounds (NULL counts as
    empty).
    """
    parts = [() if item is None else item for item in items]
    shapes = {(dimensions(part), lower_bounds(part)) for part in parts}
    if not any(part for part in parts):
        return ()
    if len(shapes) > 1:
        raise errors.ArraySubscriptError("multidimensional arrays must have array expressions with matching dimensions")
    _, lower = next(iter(shapes))
    check_dimension_count(len(lower) + 1)
    return with_bounds(tuple(tuple(part) for part in parts), (1, *lower))


def check_dimension_count(count: int) -> None:
    """Raise 54000 for more than six dimensions."""
    if count > MAXIMUM_DIMENSIONS:
        raise errors.ProgramLimitExceeded(
            f"number of array dimensions ({count}) exceeds the maximum allowed ({MAXIMUM_DIMENSIONS})"
        )


def check_size(count: int) -> None:
    """Raise 54000 for an array that PostgreSQL would not hold."""
    if count > _MAXIMUM_ELEMENTS:
        raise errors.ProgramLimitExceeded(f"array size exceeds the maximum allowed ({_MAXIMUM_ELEMENTS})")


def subscript_array(array: Array | None, indexes: Sequence[int | None]) -> Any:
    """Return ``array[i][j]``: NULL outside the bounds, for a NULL subscript and for too few or too many of them."""
    if array is None or None in indexes:
        return None
    lower = lower_bounds(array)
    if len(indexes) != len(lower):
        return None
    value: Any = array
    for index, first in zip(indexes, lower, strict=True):
        position = index - first  # type: ignore[operator]
        if not 0 <= position < len(value):
            return None
        value = value[position]
    return value


def slice_array(array: Array | None, bounds: Sequence[tuple[Any, Any]]) -> Array | None:
    """Return ``array[a:b][c:d]``, numbered from 1; ``...`` stands for a bound that was left out.

    A dimension without bounds of its own is kept whole; more bounds than dimensions give the empty array. A NULL
    bound makes the whole slice NULL.
    """
    if array is None or any(low is None or high is None for low, high in bounds):
        return None
    sizes, lower = dimensions(array), lower_bounds(array)
    if len(bounds) > len(sizes):
        return ()
    spans = []
    for axis, (size, first) in enumerate(zip(sizes, lower, strict=True)):
        low, high = bounds[axis] if axis < len(bounds) else (..., ...)
        start = 0 if low is ... else max(low - first, 0)
        stop = size if high is ... else min(high - first + 1, size)
        if start >= stop:
            return ()
        spans.append(slice(start, stop))
    return _cut(tuple(array), spans)


def _cut(array: Array, spans: Sequence[slice]) -> Array:
    part = array[spans[0]]
    return part if len(spans) == 1 else tuple(_cut(item, spans[1:]) for item in part)


def make_input(element: Type, types: TypeLookup) -> Callable[[str, int, SessionContext], Array]:
    """Return the text input function of the array type over a type."""
    # Not needed before text is read: a database opens without it.
    from heliosdb.types.array_text import parse_array

    read = types.input(element.name)
    delimiter = element.delimiter
    wrap = _element_wrapper(element)

    def array_in(text: str, typmod: int, session: SessionContext) -> Array:
        texts, sizes, lower = parse_array(text, delimiter)
        elements = [None if item is None else wrap(read(item, typmod, session)) for item in texts]
        return build_array(elements, sizes, lower)

    return array_in


def _element_wrapper(element: Type) -> Callable[[Any], Any]:
    return as_element if element.kind == "composite" or element.name == "record" else _same


def _same(datum: Any) -> Any:
    return datum


_QUOTED = frozenset('"\\{} \t\n\v\f\r')


def make_output(element: Type, types: TypeLookup) -> Callable[[Array, SessionContext], str]:
    """Return the text output function of the array type over a type."""
    write = types.output(element.name)
    delimiter = element.delimiter
    quoted = _QUOTED | {delimiter}

    def element_text(datum: Any, session: SessionContext) -> str:
        if datum is None:
            return "NULL"
        text = write(datum, session)
        if text and quoted.isdisjoint(text) and (len(text) != 4 or text.lower() != "null"):
            return text
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'

    def level(array: Array, session: SessionContext) -> str:
        parts = [level(item, session) if type(item) is tuple else element_text(item, session) for item in array]
        return "{" + delimiter.join(parts) + "}"

    def array_out(array: Array, session: SessionContext) -> str:
        text = level(array, session)
        if type(array) is not BoundedArray:
            return text
        spans = zip(array.lower_bounds, dimensions(array), strict=True)
        return "".join(f"[{first}:{first + size - 1}]" for first, size in spans) + "=" + text

    return array_out


def make_send(element: Type, types: TypeLookup) -> Callable[[Array], bytes]:
    """Return the binary output function of the array type over a type."""
    send = types.send(element.name)

    def array_send(array: Array) -> bytes:
        sizes = dimensions(array)
        items = list(flatten(array))
        parts = [struct.pack(">iiI", len(sizes), None in items, element.oid or 0)]
        parts += [struct.pack(">ii", size, first) for size, first in zip(sizes, lower_bounds(array), strict=True)]
        for item in items:
            if item is None:
                parts.append(b"\xff\xff\xff\xff")
            else:
                data = send(item)
                parts.append(struct.pack(">i", len(data)) + data)
        return b"".join(parts)

    return array_send


def make_receive(element: Type, types: TypeLookup) -> Callable[[bytes], Array]:
    """Return the binary input function of the array type over a type."""
    receive = types.receive(element.name)
    wrap = _element_wrapper(element)

    def array_receive(data: bytes) -> Array:
        try:
            return _received(data)
        except struct.error:
            raise errors.InvalidBinaryRepresentation("insufficient data left in message") from None

    def _received(data: bytes) -> Array:
        count, flags, oid = struct.unpack_from(">iiI", data)
        if count < 0:
            raise errors.InvalidBinaryRepresentation(f"invalid number of dimensions: {count}")
        check_dimension_count(count)
        if flags not in (0, 1):
            raise errors.InvalidBinaryRepresentation(f"invalid array flags: {flags}")
        if oid != element.oid:
            try:
                given = types.format(types.by_oid(oid).name)
            except errors.UndefinedObject:
                given = "???"
            raise errors.DatatypeMismatch(
                f"binary data has array element type {oid} ({given}) instead of expected {element.oid} "
                f"({types.format(element.name)})"
            )
        position = 12
        sizes, lower = [], []
        total = 1 if count else 0
        for _ in range(count):
            size, first = struct.unpack_from(">ii", data, position)
            if size < 0:
                raise errors.ProgramLimitExceeded(f"array size exceeds the maximum allowed ({_MAXIMUM_ELEMENTS})")
            sizes.append(size)
            lower.append(first)
            position += 8
            total *= size
            check_size(total)
        elements: list[Any] = []
        for _ in range(total):
            (length,) = struct.unpack_from(">i", data, position)
            position += 4
            if length == -1:
                elements.append(None)
                continue
            if length < 0 or position + length > len(data):
                raise errors.InvalidBinaryRepresentation("insufficient data left in message")
            elements.append(wrap(receive(data[position : position + length])))
            position += length
        if position != len(data):
            raise errors.InvalidBinaryRepresentation("improper binary format in array element")
        return build_array(elements, sizes, lower)

    return array_receive
