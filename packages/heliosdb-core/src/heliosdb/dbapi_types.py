"""PEP 249's types: what ``Cursor.description`` says (columns and type codes), and what makes values for parameters."""

from __future__ import annotations

import datetime
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heliosdb.plan.nodes import OutputColumn

__all__ = [
    "BINARY",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "Binary",
    "Column",
    "Date",
    "DateFromTicks",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "described",
]

Binary = bytes
Date = datetime.date
Time = datetime.time
Timestamp = datetime.datetime


def DateFromTicks(ticks: float) -> datetime.date:  # noqa: N802 - the name PEP 249 prescribes
    """Return the local date of a Unix time."""
    return datetime.date(*time.localtime(ticks)[:3])


def TimeFromTicks(ticks: float) -> datetime.time:  # noqa: N802 - the name PEP 249 prescribes
    """Return the local time of day of a Unix time."""
    return datetime.time(*time.localtime(ticks)[3:6])


def TimestampFromTicks(ticks: float) -> datetime.datetime:  # noqa: N802 - the name PEP 249 prescribes
    """Return the local date and time of a Unix time."""
    return datetime.datetime(*time.localtime(ticks)[:6])


class _TypeObject:
    """Equal to the type codes (OIDs) of a family of types, as PEP 249 wants."""

    def __init__(self, *oids: int) -> None:
        self._oids = frozenset(oids)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, _TypeObject):
            return self._oids == other._oids
        return isinstance(other, int) and other in self._oids

    def __hash__(self) -> int:
        return hash(self._oids)


STRING = _TypeObject(18, 19, 25, 114, 705, 1042, 1043, 2275, 2950, 3802)
BINARY = _TypeObject(17)
NUMBER = _TypeObject(20, 21, 23, 700, 701, 1700)
DATETIME = _TypeObject(1082, 1083, 1114, 1184, 1186, 1266)
ROWID = _TypeObject(26)


class Column(tuple[Any, ...]):
    """One item of ``Cursor.description``: PEP 249's seven values, with names for those that say something."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The column's name."""
        return self[0]  # type: ignore[no-any-return]

    @property
    def type_code(self) -> int:
        """The type's OID."""
        return self[1]  # type: ignore[no-any-return]

    @property
    def precision(self) -> int | None:
        """The precision of a numeric column that has one."""
        return self[4]  # type: ignore[no-any-return]

    @property
    def scale(self) -> int | None:
        """The scale of a numeric column that has one."""
        return self[5]  # type: ignore[no-any-return]


def described(column: OutputColumn, types: Any) -> Column:
    """Return the description of a result's column."""
    found = types.by_name(column.type)
    precision = scale = None
    if column.type == "numeric" and column.typmod >= 4:
        packed = column.typmod - 4
        precision, scale = packed >> 16, (packed & 0x7FF ^ 0x400) - 0x400
    size = found.length if found.length > 0 else None
    return Column((column.name, found.oid, None, size, precision, scale, column.nullable))
