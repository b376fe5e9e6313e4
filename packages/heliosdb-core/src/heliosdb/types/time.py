"""``time`` and ``time with time zone``.

A ``time`` is an int, microseconds since midnight, 24:00:00 included. A ``timetz`` is (microseconds, seconds *west* of
UTC), as PostgreSQL keeps it: two of them are ordered by the instant they mean on one day, and, where that is the
same, by the zone. ``precision``, the type modifier, is the number of digits kept after the second.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import time as python_time
from datetime import timedelta, timezone
from typing import NamedTuple

from heliosdb import errors
from heliosdb.types.calendar import MICROSECONDS_PER_DAY, MICROSECONDS_PER_SECOND, round_to_precision, time_fields
from heliosdb.types.comparison import comparison_functions, comparison_names, comparison_operators, operator_classes
from heliosdb.types.datetime_output import time_text
from heliosdb.types.definitions import (
    Cast,
    CastContext,
    Operator,
    OperatorClass,
    ScalarFunction,
    SessionContext,
    Type,
)
from heliosdb.types.stored_classes import TIMETZ
from heliosdb.types.zones import offset_at_utc, offset_text, session_zone

__all__ = [
    "CASTS",
    "FUNCTIONS",
    "OPERATORS",
    "OPERATOR_CLASSES",
    "TYPES",
    "TimeWithZone",
    "precision_typmod_in",
    "timetz_output",
    "timetz_sort_key",
]


class TimeWithZone(NamedTuple):
    """Microseconds since midnight and seconds west of UTC."""

    microseconds: int
    west: int


_MAXIMUM_PRECISION = 6


def precision_typmod_in(display: str, modifiers: Sequence[int | str]) -> int:
    """Return the typmod of ``display(p)``; 22023 where p is no precision."""
    if len(modifiers) != 1 or not isinstance(modifiers[0], int):
        raise errors.InvalidParameterValue("invalid type modifier")
    precision = modifiers[0]
    if precision < 0:
        suffix = " WITH TIME ZONE" if display.endswith("with time zone") else ""
        name = display.split(" ")[0].upper()
        raise errors.InvalidParameterValue(f"{name}({precision}){suffix} precision must not be negative")
    # PostgreSQL warns and takes 6 where more digits are asked for.
    return min(precision, _MAXIMUM_PRECISION)


def _time_typmod_in(modifiers: Sequence[int | str]) -> int:
    return precision_typmod_in("time", modifiers)


def _timetz_typmod_in(modifiers: Sequence[int | str]) -> int:
    return precision_typmod_in("time with time zone", modifiers)


def _time_typmod_out(typmod: int) -> str:
    return f"({typmod})"


def _timetz_typmod_out(typmod: int) -> str:
    return f"({typmod})"


def time_output(datum: int, session: SessionContext) -> str:
    """Return ``04:05:06.789``."""
    return time_text(datum)


def timetz_output(datum: TimeWithZone, session: SessionContext) -> str:
    """Return ``04:05:06.789+01``."""
    return time_text(datum[0]) + offset_text(datum[1], west=True)


def coerce_time(datum: int, typmod: int, explicit: bool) -> int:
    """Round to the precision that the type modifier names."""
    return round_to_precision(datum, typmod)


def coerce_timetz(datum: TimeWithZone, typmod: int, explicit: bool) -> TimeWithZone:
    """Round to the precision that the type modifier names."""
    return TimeWithZone(round_to_precision(datum[0], typmod), datum[1])


def _checked_time(microseconds: int) -> int:
    if 0 <= microseconds <= MICROSECONDS_PER_DAY:
        return microseconds
    raise errors.DatetimeFieldOverflow("time out of range")


def time_send(datum: int) -> bytes:
    """Return the eight bytes of PostgreSQL's binary format."""
    return struct.pack(">q", datum)


def time_receive(data: bytes) -> int:
    """Read eight bytes; 22008 where they are no time."""
    if len(data) != 8:
        raise errors.InvalidBinaryRepresentation("incorrect binary data format")
    return _checked_time(struct.unpack(">q", data)[0])


def timetz_send(datum: TimeWithZone) -> bytes:
    """Return the twelve bytes of PostgreSQL's binary format."""
    return struct.pack(">qi", *datum)


def timetz_receive(data: bytes) -> TimeWithZone:
    """Read twelve bytes; 22008 and 22009 where they are no time or zone."""
    if len(data) != 12:
        raise errors.InvalidBinaryRepresentation("incorrect binary data format")
    microseconds, west = struct.unpack(">qi", data)
    if not -16 * 3600 < west < 16 * 3600:
        raise errors.InvalidTimeZoneDisplacementValue("time zone displacement out of range")
    return TimeWithZone(_checked_time(microseconds), west)


def time_to_python(datum: int) -> python_time:
    """Return a ``datetime.time``; 22008 for 24:00:00, which Python does not have."""
    if datum == MICROSECONDS_PER_DAY:
        raise errors.DatetimeFieldOverflow(
            "time 24:00:00 does not fit Python's datetime.time", hint="Cast the value to text to read it."
        )
    return python_time(*time_fields(datum))


def time_from_python(value: object) -> int:
    """Return the datum of a ``datetime.time``; its zone is dropped."""
    if isinstance(value, python_time):
        seconds = (value.hour * 60 + value.minute) * 60 + value.second
        return seconds * MICROSECONDS_PER_SECOND + value.microsecond
    raise errors.DatatypeMismatch(f"cannot convert Python {type(value).__name__} to time")


def timetz_to_python(datum: TimeWithZone) -> python_time:
    """Return an aware ``datetime.time``; 22008 for 24:00:00."""
    return time_to_python(datum[0]).replace(tzinfo=timezone(timedelta(seconds=-datum[1])))


def timetz_from_python(value: object) -> TimeWithZone:
    """Return the datum of a ``datetime.time``, UTC where it names no fixed zone."""
    microseconds = time_from_python(value)
    offset = value.utcoffset() if isinstance(value, python_time) else None
    return TimeWithZone(microseconds, 0 if offset is None else -round(offset.total_seconds()))


def timetz_sort_key(datum: TimeWithZone) -> tuple[int, int]:
    """Return the instant on one day, then the zone."""
    return datum[0] + datum[1] * MICROSECONDS_PER_SECOND, datum[1]


def _timetz_eq(left: TimeWithZone, right: TimeWithZone) -> bool:
    return left == right


def _timetz_ne(left: TimeWithZone, right: TimeWithZone) -> bool:
    return left != right


def _timetz_lt(left: TimeWithZone, right: TimeWithZone) -> bool:
    return timetz_sort_key(left) < timetz_sort_key(right)


def _timetz_le(left: TimeWithZone, right: TimeWithZone) -> bool:
    return timetz_sort_key(left) <= timetz_sort_key(right)


def _timetz_gt(left: TimeWithZone, right: TimeWithZone) -> bool:
    return timetz_sort_key(left) > timetz_sort_key(right)


def _timetz_ge(left: TimeWithZone, right: TimeWithZone) -> bool:
    return timetz_sort_key(left) >= timetz_sort_key(right)


def time_cmp(left: int, right: int) -> int:
    """Return -1, 0 or 1."""
    return (left > right) - (left < right)


def timetz_cmp(left: TimeWithZone, right: TimeWithZone) -> int:
    """Return -1, 0 or 1."""
    return _timetz_gt(left, right) - _timetz_lt(left, right)


def timetz_from_time(datum: int, session: SessionContext) -> TimeWithZone:
    """Give a time the session's offset of now."""
    return TimeWithZone(datum, -offset_at_utc(session_zone(session), session.transaction_timestamp))


def time_from_timetz(datum: TimeWithZone) -> int:
    """Drop the zone."""
    return datum[0]


def seconds_text(second: float) -> str:
    """Return a count of seconds as error messages show it (C's ``%02g``)."""
    return "NaN" if second != second else f"{second:02g}"


def make_time(hour: int, minute: int, second: float) -> int:
    """Return the time of these fields."""
    valid = 0 <= hour <= 24 and 0 <= minute <= 59 and 0 <= second <= 60
    microseconds = (hour * 60 + minute) * 60 * MICROSECONDS_PER_SECOND
    if valid:
        microseconds += round(second * MICROSECONDS_PER_SECOND)
    if not valid or microseconds > MICROSECONDS_PER_DAY:
        raise errors.DatetimeFieldOverflow(f"time field value out of range: {hour}:{minute:02d}:{seconds_text(second)}")
    return microseconds


TYPES: tuple[Type, ...] = (
    Type(
        "time",
        "time without time zone",
        oid=1083,
        array_oid=1183,
        category="D",
        length=8,
        input="heliosdb.types.datetime_input:time_input",
        output=time_output,
        receive=time_receive,
        send=time_send,
        typmod_in=_time_typmod_in,
        typmod_out=_time_typmod_out,
        coerce_typmod=coerce_time,
        to_python=time_to_python,
        from_python=time_from_python,
        python_types=("datetime:time",),
        needs_session=True,
        description="time of day",
    ),
    Type(
        "timetz",
        "time with time zone",
        oid=1266,
        array_oid=1270,
        category="D",
        length=12,
        input="heliosdb.types.datetime_input:timetz_input",
        output=timetz_output,
        receive=timetz_receive,
        send=timetz_send,
        typmod_in=_timetz_typmod_in,
        typmod_out=_timetz_typmod_out,
        coerce_typmod=coerce_timetz,
        to_python=timetz_to_python,
        from_python=timetz_from_python,
        needs_session=True,
        stored=TIMETZ,
        description="time of day with time zone",
    ),
)

CASTS: tuple[Cast, ...] = (
    Cast(
        "time",
        "timetz",
        CastContext.IMPLICIT,
        timetz_from_time,
        needs_session=True,
    ),
    Cast("timetz", "time", CastContext.ASSIGNMENT, time_from_timetz, inline="{0}[0]"),
)

_TIME = comparison_names("time_")
_TIMETZ = comparison_names("timetz_")
_TIMETZ_INLINE = ("({0} == {1})", "({0} != {1})", None, None, None, None)

FUNCTIONS: tuple[ScalarFunction, ...] = (
    *comparison_functions("time", "time", _TIME),
    *comparison_functions(
        "timetz",
        "timetz",
        _TIMETZ,
        _TIMETZ_INLINE,
        (_timetz_eq, _timetz_ne, _timetz_lt, _timetz_le, _timetz_gt, _timetz_ge),
    ),
    ScalarFunction("time_cmp", ("time", "time"), "int4", time_cmp),
    ScalarFunction("timetz_cmp", ("timetz", "timetz"), "int4", timetz_cmp),
    ScalarFunction("make_time", ("int4", "int4", "float8"), "time", make_time, argument_names=("hour", "min", "sec")),
)

OPERATORS: tuple[Operator, ...] = (
    *comparison_operators("time", "time", _TIME),
    *comparison_operators("timetz", "timetz", _TIMETZ),
)

OPERATOR_CLASSES: tuple[OperatorClass, ...] = (
    *operator_classes("time"),
    *operator_classes("timetz", identity=False, hash_key=timetz_sort_key, sort_key=timetz_sort_key),
)
