"""Assignment to elements: ``SET a[2] = x``, ``SET a[2:3] = b``, ``SET doc['k'] = x`` compute the whole new value.

The binder makes calls of these functions; they have no names of their own in SQL. Arrays follow PostgreSQL's
array_set_element and array_set_slice: one-dimensional arrays grow in both directions and are filled with NULL, others
do not grow; NULL counts as the empty array. A jsonb document grows as PostgreSQL's jsonb subscripting lets it: missing
members are made, arrays are filled with null up to the index.
"""

from __future__ import annotations

from typing import Any

from heliosdb import errors
from heliosdb.types.array import Array, build_array, dimensions, flatten, lower_bounds, with_bounds
from heliosdb.types.composite import Composite
from heliosdb.types.definitions import ScalarFunction
from heliosdb.types.jsonb_tree import JSON_NULL, JsonArray, JsonObject, make_object

__all__ = ["ASSIGN_ELEMENT", "ASSIGN_MEMBER", "ASSIGN_SLICE", "assign_element", "assign_member", "assign_slice"]

NULL_SUBSCRIPT = "array subscript in assignment must not be null"


def assign_element(array: Array | None, value: Any, *subscripts: int | None) -> Array:
    """Return the array with one element replaced."""
    wanted = tuple(_subscript(subscript) for subscript in subscripts)
    if type(value) is tuple:
        # One element that is a tuple is a row.
        value = Composite(value)
    if not array:
        return build_array([value], [1] * len(wanted), wanted)
    sizes, lower = dimensions(array), lower_bounds(array)
    if len(sizes) != len(wanted):
        raise errors.ArraySubscriptError("wrong number of array subscripts")
    if len(sizes) == 1:
        first, items = _grown(list(array), lower[0], wanted[0], wanted[0])
        items[wanted[0] - first] = value
        return with_bounds(tuple(items), (first,))
    return with_bounds(_replaced(array, sizes, [w - low for w, low in zip(wanted, lower)], value), lower)


def _subscript(subscript: int | None) -> int:
    if subscript is None:
        raise errors.NullValueNotAllowed(NULL_SUBSCRIPT)
    return subscript


def _grown(items: list[Any], first: int, low: int, high: int) -> tuple[int, list[Any]]:
    """Return the elements with NULLs up to both subscripts, and the first subscript."""
    if low < first:
        items = [None] * (first - low) + items
        first = low
    if high >= first + len(items):
        items = items + [None] * (high - first - len(items) + 1)
    return first, items


def _replaced(array: Array, sizes: tuple[int, ...], offsets: list[int], value: Any) -> Array:
    if not 0 <= offsets[0] < sizes[0]:
        raise errors.ArraySubscriptError("array subscript out of range")
    at = offsets[0]
    new = value if len(offsets) == 1 else _replaced(array[at], sizes[1:], offsets[1:], value)
    return (*array[:at], new, *array[at + 1 :])


def assign_slice(array: Array | None, source: Array | None, *bounds: int | None) -> Array | None:
    """Return the array with a slice replaced; ``bounds``: lower, upper, whether each was given, per dimension."""
    if source is None:
        return array
    values = list(flatten(source))
    pairs = [tuple(bounds[at : at + 4]) for at in range(0, len(bounds), 4)]
    if not array:
        return _new_slice(values, pairs)
    sizes, lower = dimensions(array), lower_bounds(array)
    if len(pairs) > len(sizes):
        raise errors.ArraySubscriptError("wrong number of array subscripts")
    ranges: list[tuple[int, int]] = []
    for at, size in enumerate(sizes):
        low, high = lower[at], lower[at] + size - 1
        if at < len(pairs):
            given_low, given_high, has_low, has_high = pairs[at]
            low = _subscript(given_low) if has_low else low
            high = _subscript(given_high) if has_high else high
        if low > high:
            raise errors.ArraySubscriptError("upper bound cannot be less than lower bound")
        if len(sizes) > 1 and (low < lower[at] or high >= lower[at] + size):
            raise errors.ArraySubscriptError("array subscript out of range")
        ranges.append((low, high))
    needed = 1
    for low, high in ranges:
        needed *= high - low + 1
    if needed > len(values):
        raise errors.ArraySubscriptError("source array too small")
    if len(sizes) == 1:
        low, high = ranges[0]
        first, items = _grown(list(array), lower[0], low, high)
        items[low - first : high - first + 1] = values[:needed]
        return with_bounds(tuple(items), (first,))
    offsets = [(low - base, high - base) for (low, high), base in zip(ranges, lower)]
    return with_bounds(_spliced(array, offsets, iter(values)), lower)


def _new_slice(values: list[Any], pairs: list[tuple[Any, ...]]) -> Array:
    sizes: list[int] = []
    firsts: list[int] = []
    for low, high, has_low, has_high in pairs:
        if not has_low or not has_high:
            raise errors.ArraySubscriptError(
                "array slice subscript must provide both boundaries",
                detail="When assigning to a slice of an empty array value, slice boundaries must be fully specified.",
            )
        firsts.append(_subscript(low))
        sizes.append(_subscript(high) - firsts[-1] + 1)
    needed = 1
    for size in sizes:
        if size <= 0:
            raise errors.ArraySubscriptError("upper bound cannot be less than lower bound")
        needed *= size
    if needed > len(values):
        raise errors.ArraySubscriptError("source array too small")
    return build_array(values[:needed], sizes, firsts)


def _spliced(array: Array, offsets: list[tuple[int, int]], values: Any) -> Array:
    low, high = offsets[0]
    rows = list(array)
    for at in range(low, high + 1):
        rows[at] = next(values) if len(offsets) == 1 else _spliced(rows[at], offsets[1:], values)
    return tuple(rows)


def assign_member(document: Any, value: Any, *keys: str | int | None) -> Any:
    """Return a jsonb document with the member at a path of keys and indexes replaced or made."""
    for key in keys:
        if key is None:
            raise errors.NullValueNotAllowed("jsonb subscript in assignment must not be null")
    new = JSON_NULL if value is None else value
    if document is None:
        document = make_object({}) if isinstance(keys[0], str) else JsonArray(())
    return _with_member(document, keys, new)


def _with_member(document: Any, keys: tuple[Any, ...], value: Any) -> Any:
    key = keys[0]
    if isinstance(document, JsonObject):
        name = str(key)
        members = dict(document.members)
        members[name] = value if len(keys) == 1 else _with_member(_inner(members.get(name), keys[1]), keys[1:], value)
        return make_object(members)
    if isinstance(document, JsonArray):
        return _with_item(document, keys, value)
    raise errors.InvalidParameterValue(
        "cannot replace existing key",
        detail="The path assumes key is a composite object, but it is a scalar value.",
    )


def _with_item(document: JsonArray, keys: tuple[Any, ...], value: Any) -> JsonArray:
    try:
        index = int(keys[0])
    except ValueError:
        raise errors.InvalidTextRepresentation(f'path element at position 1 is not an integer: "{keys[0]}"') from None
    if index < 0:
        index += len(document)
        if index < 0:
            raise errors.InvalidParameterValue(f"path element at position 1 is out of range: {keys[0]}")
    items = list(document) + [JSON_NULL] * (index + 1 - len(document))
    old = items[index] if index < len(document) else None
    items[index] = value if len(keys) == 1 else _with_member(_inner(old, keys[1]), keys[1:], value)
    return JsonArray(items)


def _inner(document: Any, key: Any) -> Any:
    """Return what a further key applies to: what is there, or a new object or array."""
    if document is None or document is JSON_NULL:
        return make_object({}) if isinstance(key, str) else JsonArray(())
    return document


def _function(name: str, arguments: tuple[str, ...], returns: str) -> ScalarFunction:
    implementation = f"heliosdb.types.subscript_assignment:{name}"
    return ScalarFunction(name, arguments, returns, implementation, strict=False, variadic=False)


ASSIGN_ELEMENT = _function("assign_element", ("anyarray", "anyelement"), "anyarray")
ASSIGN_SLICE = _function("assign_slice", ("anyarray", "anyarray"), "anyarray")
ASSIGN_MEMBER = _function("assign_member", ("jsonb", "jsonb"), "jsonb")
