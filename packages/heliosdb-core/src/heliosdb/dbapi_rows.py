"""Row factories: what a cursor makes of each row. A factory gets the cursor, and returns what gets the row."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heliosdb.dbapi import Cursor

__all__ = ["RowFactory", "dict_row", "named_row", "scalar_row", "tuple_row"]

RowFactory = Callable[["Cursor"], Callable[[tuple[Any, ...]], Any]]


def tuple_row(cursor: Cursor) -> Callable[[tuple[Any, ...]], Any]:
    """Row factory: plain tuples, the default."""
    return _same


def _same(row: tuple[Any, ...]) -> Any:
    return row


def dict_row(cursor: Cursor) -> Callable[[tuple[Any, ...]], dict[str, Any]]:
    """Row factory: a dict for each row."""
    names = [column.name for column in cursor.description or ()]
    return lambda row: dict(zip(names, row, strict=True))


def named_row(cursor: Cursor) -> Callable[[tuple[Any, ...]], Any]:
    """Row factory: tuples that also answer ``row["name"]``."""
    result = cursor.result
    if result is None or result.columns is None:
        return _same
    return cursor.connection.database.row_maker(result.columns).new


def scalar_row(cursor: Cursor) -> Callable[[tuple[Any, ...]], Any]:
    """Row factory: the first column's value."""
    return lambda row: row[0]
