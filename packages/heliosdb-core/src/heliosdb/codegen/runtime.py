"""What generated code calls besides the functions of types: array and row helpers, subquery results, insertion of
rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from itertools import islice
from math import ceil
from typing import Any

from heliosdb import errors
from heliosdb.codegen.spool import blocks_of
from heliosdb.types import array as arrays
from heliosdb.types.array import construct_nested as nested_array
from heliosdb.types.array import flatten, map_elements, slice_array

__all__ = ["flatten", "map_elements", "nested_array", "slice_array"]

Row = tuple[Any, ...]


def any_element(comparison: Callable[[Any], Any], array: Row) -> bool | None:
    """``x op ANY (array)``: True if one comparison is, else NULL if one is, else False."""
    unknown = False
    for item in flatten(array):
        outcome = comparison(item)
        if outcome:
            return True
        unknown = unknown or outcome is None
    return None if unknown else False


def distinct_elements(array: Row | None, key: Callable[[Any], Any] | None) -> list[Any]:
    """Return the elements of an array that are not NULL, each once."""
    items = () if array is None else flatten(array)
    return list({item if key is None else key(item): item for item in items if item is not None}.values())


def is_element(keys: Set[Any] | None, key: Any) -> bool | None:
    """``x = ANY (array)`` by the set of the elements' keys (None: the array is NULL)."""
    if keys is None:
        return None
    if not keys:
        return False
    if key is None:
        return None
    return True if key in keys else None if None in keys else False


def is_no_element(keys: Set[Any] | None, key: Any) -> bool | None:
    """``x <> ALL (array)``."""
    found = is_element(keys, key)
    return None if found is None else not found


def all_elements(comparison: Callable[[Any], Any], array: Row) -> bool | None:
    """``x op ALL (array)``: False if one comparison is, else NULL if one is, else True."""
    unknown = False
    for item in flatten(array):
        outcome = comparison(item)
        if outcome is False:
            return False
        unknown = unknown or outcome is None
    return None if unknown else True


def subscript_array(array: Row | None, subscripts: Sequence[tuple[Any, Any]]) -> Any:
    """``array[i][j]``: NULL outside the bounds, for NULL subscripts and for too few or many of them."""
    return arrays.subscript_array(array, [index for index, _ in subscripts])


def subscript_jsonb(document: Any, subscripts: Sequence[tuple[Any, Any]]) -> Any:
    """``document['a'][0]``."""
    from heliosdb.types import jsonb

    for key, _ in subscripts:
        if document is None or key is None:
            return None
        document = jsonb.get_field(document, key)
    return document


def greatest(values: Row, key: Callable[[Any], Any] | None) -> Any:
    """Return the greatest value that is not NULL; NULL if all are."""
    return max((value for value in values if value is not None), default=None, key=key)


def least(values: Row, key: Callable[[Any], Any] | None) -> Any:
    """Return the least value that is not NULL; NULL if all are."""
    return min((value for value in values if value is not None), default=None, key=key)


def row_is_null(row: Row | None) -> bool:
    """``row IS NULL``: the row or all its fields are."""
    return row is None or all(item is None for item in row)


def row_is_not_null(row: Row | None) -> bool:
    """``row IS NOT NULL``: no field is NULL."""
    return row is not None and all(item is not None for item in row)


def more_than_one_row() -> Any:
    """Raise for a scalar subquery with two rows."""
    raise errors.CardinalityViolation("more than one row returned by a subquery used as an expression")


def row_count(value: Any, what: str) -> int | None:
    """Check the value of LIMIT or OFFSET; NULL means none."""
    if value is None:
        return None
    if value < 0:
        if what == "LIMIT":
            raise errors.InvalidRowCountInLimitClause("LIMIT must not be negative")
        raise errors.InvalidRowCountInResultOffsetClause("OFFSET must not be negative")
    return int(value)


def wanted_rows(limit: Any, offset: Any, share: float, beyond: int = 0) -> int | None:
    """Return how many rows to look for, so that LIMIT, OFFSET and those beyond may pass a condition that this
    share does."""
    count = row_count(limit, "LIMIT")
    return None if count is None else ceil((count + (row_count(offset, "OFFSET") or 0) + beyond) / share)


def lockstep(*streams: tuple[Iterable[Any], int]) -> Iterable[Row]:
    """Merge set-returning calls side by side; a shorter one is filled up with NULL. Each is (results, width or 0 for
    one column).
    """
    iterators = [(iter(results), width) for results, width in streams]
    while True:
        row: list[Any] = []
        alive = False
        for iterator, width in iterators:
            item: Any = next(iterator, _END)
            if item is not _END:
                alive = True
            if width:
                row.extend((None,) * width if item is _END or item is None else item)
            else:
                row.append(None if item is _END else item)
        if not alive:
            return
        yield tuple(row)


_END = object()


def chunks(items: Iterable[Any]) -> Iterator[list[Any]]:
    """Cut an iterable into lists, short ones first: whoever needs a few items does not wait for many."""
    iterator = iter(items)
    size = 16
    while chunk := list(islice(iterator, size)):
        yield chunk
        size = min(2 * size, 1024)


def wrong_parameter_count(given: int, wanted: int) -> None:
    """Raise for a parameter row of another length."""
    raise errors.ProtocolViolation(
        f"bind message supplies {given} parameters, but prepared statement requires {wanted}"
    )


def once(function: Callable[[], Any]) -> Callable[[], Any]:
    """Return a function that calls ``function`` the first time and remembers the result."""
    result: list[Any] = []

    def call() -> Any:
        if not result:
            result.append(function())
        return result[0]

    return call


def any_row(comparison: Callable[[Row], Any], rows: Sequence[Row], x: Any) -> bool | None:
    """``x op ANY (subquery)``. ``x`` is the execution, which is asked now and then whether to stop."""
    unknown = False
    for piece in _pieces(rows):
        if x.cancelled:
            x.raise_cancelled()
        for row in piece:
            outcome = comparison(row)
            if outcome:
                return True
            unknown = unknown or outcome is None
    return None if unknown else False


def all_rows(comparison: Callable[[Row], Any], rows: Sequence[Row], x: Any) -> bool | None:
    """``x op ALL (subquery)``."""
    unknown = False
    for piece in _pieces(rows):
        if x.cancelled:
            x.raise_cancelled()
        for row in piece:
            outcome = comparison(row)
            if outcome is False:
                return False
            unknown = unknown or outcome is None
    return None if unknown else True


def _pieces(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for block in blocks_of(rows):
        for first in range(0, len(block), 1024):
            yield block[first : first + 1024]
