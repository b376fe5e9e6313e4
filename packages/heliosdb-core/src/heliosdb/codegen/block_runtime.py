"""What generated code calls to compute and choose among the values of a block of rows.

Values are a list, or an array in the manner of NumPy: it has ``tolist`` and ``take``, and gives an array of bool where
it is compared. None stands for NULL (in lists only), ``...`` for a value that its row computes itself.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any

from heliosdb.store.column_values import ColumnValues

__all__ = ["every", "listed", "narrowed", "not_worse", "taken", "values"]

SOME = 3
"""Of a block with forms, the part of the rows (one in so many) from which on all values are computed."""


def values(form: Callable[..., Any], count: int, arguments: tuple[Any, ...]) -> Any:
    """Return a call's values for so many rows. Where a row has NULL in an argument its value is NULL."""
    columns = [argument for argument in arguments if type(argument) is ColumnValues]
    if None in arguments:
        return [None] * count
    if any(column.missing() for column in columns):
        return _values_of_some(form, count, arguments, columns)
    found = form(*arguments)
    return [...] * count if found is None else found


def _values_of_some(
    form: Callable[..., Any], count: int, arguments: tuple[Any, ...], columns: list[ColumnValues]
) -> list[Any]:
    if len(columns) == 1:
        places, present = columns[0].present()
        some = tuple([present if type(argument) is ColumnValues else argument for argument in arguments])
    else:
        missing = {place for column in columns for place in column.missing()}
        places = [place for place in range(count) if place not in missing]
        some = tuple([a.some(places) if type(a) is ColumnValues else a for a in arguments])
    result: list[Any] = [None] * count
    if places:
        found = form(*some)
        for place, value in zip(places, [...] * len(places) if found is None else listed(found)):
            result[place] = value
    return result


def listed(column: Any) -> list[Any]:
    """Return values as a list of data."""
    found: list[Any] = column if type(column) is list else column.tolist()
    return found


def every(rows: Sequence[Any], places: list[int] | None) -> Sequence[int]:
    """Return places, those of all rows for None."""
    return range(len(rows)) if places is None else places


def taken(column: Any, places: list[int]) -> Any:
    """Return the values, or rows, at places."""
    return [column[place] for place in places] if isinstance(column, Sequence) else column.take(places)


def narrowed(rows: Sequence[Any], forms: Any, places: list[int]) -> tuple[Sequence[Any], Any, list[int] | None]:
    """Return rows, what is kept of them, and the places of those that are wanted (None: all).

    Few rows are taken out of their block; of many the whole block's values cost less, where something is kept of it.
    """
    if forms is None or SOME * len(places) < len(rows):
        return taken(rows, places), None, None
    return rows, forms, places


def not_worse(
    column: Any, bound: Any, descending: bool, is_strict: bool, keep_nulls: bool, wanted: list[int] | None
) -> list[int] | None:
    """Return the wanted places (None: all) of values that do not surely come behind a bound.

    What does not compare (NaN) stays, and so do equal values unless ``is_strict``. A bound that is no number says
    nothing.
    """
    if type(bound) is not float and type(bound) is not int:
        return wanted
    if type(column) is not list:
        if descending:
            worse = column <= bound if is_strict else column < bound
        else:
            worse = column >= bound if is_strict else column > bound
        places: list[int] = (~worse).nonzero()[0].tolist()
        if wanted is None:
            return places
        if 16 * len(places) < len(wanted):
            return [place for place in places if wanted[bisect_left(wanted, place, 0, len(wanted) - 1)] == place]
        refused = worse.tolist()
        return [place for place in wanted if not refused[place]]
    return [
        place
        for place in (range(len(column)) if wanted is None else wanted)
        if _stays(column[place], bound, descending, is_strict, keep_nulls)
    ]


def _stays(value: Any, bound: Any, descending: bool, is_strict: bool, keep_nulls: bool) -> bool:
    if value is None:
        return keep_nulls
    if value is ... or value != value:
        return True
    if value == bound:
        return not is_strict
    return bool(value > bound if descending else value < bound)
