"""Parameter rows of ``executemany`` as rows of data: a column of a chunk is looked at as a whole.

Where all values of a column are exactly what the data of the type are in Python, they are taken as they are; where that
is true of all columns, so are the rows. The values of other columns are looked at one by one, and converted if they are
not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from heliosdb.codegen.runtime import wrong_parameter_count
from heliosdb.store.versions import Row

__all__ = ["DATUM_CHECKS", "ParameterRows"]

DATUM_CHECKS = {
    "int2": "{p}.__class__ is not int or not -32768 <= {p} <= 32767",
    "int4": "{p}.__class__ is not int or not -2147483648 <= {p} <= 2147483647",
    "int8": "{p}.__class__ is not int or not -9223372036854775808 <= {p} <= 9223372036854775807",
    "bool": "{p}.__class__ is not bool",
    "float8": "{p}.__class__ is not float",
    "text": '{p}.__class__ is not str or not {p}.isascii() or "\\0" in {p}',
    "varchar": '{p}.__class__ is not str or not {p}.isascii() or "\\0" in {p}',
}
"""When a single Python object is not exactly the datum of a parameter of the type, as source."""


class ParameterRows:
    """Reads rows of parameters of these types."""

    def __init__(self, types: Sequence[str]) -> None:
        self._types = types

    def read(self, rows: Sequence[Sequence[Any]], session: Any) -> Sequence[Row]:
        """Return rows as tuples of data; raise for one of another length, or with a value that is none of the type."""
        width = len(self._types)
        if set(map(len, rows)) != {width}:
            wrong_parameter_count(next(len(row) for row in rows if len(row) != width), width)
        items = list(chain.from_iterable(rows))
        is_same = set(map(type, rows)) == {tuple}
        columns = []
        for place, type_name in enumerate(self._types):
            values = items[place::width]
            if not _are_data(values, type_name):
                values = _converted(values, type_name, session)
                is_same = False
            columns.append(values)
        if is_same:
            return rows  # type: ignore[return-value]
        return list(zip(*columns)) if columns else [()] * len(rows)


def _converted(values: list[Any], type_name: str, session: Any) -> list[Any]:
    read = session.database.adapters.read
    are_data = _CHECKS.get(type_name)
    kind = _CLASSES.get(type_name)
    return [
        value
        if value is None or (are_data is not None and value.__class__ is kind and are_data((value,)))
        else read(type_name, value, session)
        for value in values
    ]


def _are_data(values: list[Any], type_name: str) -> bool:
    """Whether all values are exactly what data of the type are, or None."""
    kind = _CLASSES.get(type_name)
    if kind is None:
        return False
    kinds = set(map(type, values))
    if type(None) in kinds:
        kinds.discard(type(None))
        values = [value for value in values if value is not None]
    return not kinds or (kinds == {kind} and _CHECKS[type_name](values))


def _integers(bits: int) -> Callable[[Sequence[Any]], bool]:
    limit = 1 << (bits - 1)
    return lambda values: -limit <= min(values) and max(values) < limit


def _texts(values: Sequence[Any]) -> bool:
    text = "".join(values)
    return text.isascii() and "\0" not in text


def _all(values: Sequence[Any]) -> bool:
    return True


_CHECKS: dict[str, Callable[[Sequence[Any]], bool]] = {
    "int2": _integers(16),
    "int4": _integers(32),
    "int8": _integers(64),
    "bool": _all,
    "float8": _all,
    "text": _texts,
    "varchar": _texts,
}
"""Whether values of the right class, at least one, are data of a type."""
_CLASSES: dict[str, type] = {
    "int2": int,
    "int4": int,
    "int8": int,
    "bool": bool,
    "float8": float,
    "text": str,
    "varchar": str,
}
