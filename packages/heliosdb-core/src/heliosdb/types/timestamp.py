"""``timestamp`` and ``timestamp with time zone``: ints, microseconds since 2000-01-01, the latter in UTC.

A timestamptz holds no zone: input subtracts the offset that the text or the session's TimeZone gives, output shows
the local time of the session's TimeZone. To Python it is an aware ``datetime`` in UTC, a timestamp is a naive one; a
naive datetime given for a timestamptz counts as UTC. What Python's years 1 to 9999 do not hold, infinity too, is an
error that says to read the value as text.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from datetime import date as python_date

from heliosdb import errors
from heliosdb.types.calendar import (
    DATE_INFINITY,
    DATE_MINUS_INFINITY,
    MICROSECONDS_PER_DAY,
    MICROSECONDS_PER_SECOND,
    TIMESTAMP_END,
    TIMESTAMP_INFINITY,
    TIMESTAMP_MINUS_INFINITY,
    check_timestamp,
    round_to_precision,
)
from heliosdb.types.comparison import comparison_functions, comparison_names, comparison_operators, operator_classes
from heliosdb.types.datetime_output import timestamp_text, timestamptz_text
from heliosdb.types.definitions import (
    Cast,
    CastContext,
    Operator,
    OperatorClass,
    ScalarFunction,
    SessionContext,
    Type,
    Volatility,
)
from heliosdb.types.time import TimeWithZone, precision_typmod_in
from heliosdb.types.zones import local_to_utc, offset_at_utc, session_zone, utc_to_local

__all__ = [
    "CASTS",
    "FUNCTIONS",
    "OPERATORS",
    "OPERATOR_CLASSES",
    "TYPES",
    "date_to_timestamp",
    "date_to_timestamptz",
    "is_finite",
    "timestamp_from_python",
    "timestamp_to_date",
    "timestamp_to_timestamptz",
    "timestamptz_to_timestamp",
]

_EPOCH = datetime(2000, 1, 1)
_EPOCH_UTC = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def is_finite(datum: int) -> bool:
    """Return whether a timestamp is not infinity."""
    return datum not in (TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY)


def _timestamp_typmod_in(modifiers: Sequence[int | str]) -> int:
    return precision_typmod_in("timestamp", modifiers)


def _timestamptz_typmod_in(modifiers: Sequence[int | str]) -> int:
    return precision_typmod_in("timestamp with time zone", modifiers)


def _timestamp_typmod_out(typmod: int) -> str:
    return f"({typmod})"


def _timestamptz_typmod_out(typmod: int) -> str:
    return f"({typmod})"


def coerce_timestamp(datum: int, typmod: int, explicit: bool) -> int:
    """Round to the precision that the type modifier names."""
    return round_to_precision(datum, typmod) if is_finite(datum) else datum


def timestamp_send(datum: int) -> bytes:
    """Return the eight bytes of PostgreSQL's binary format."""
    return struct.pack(">q", datum)


def timestamp_receive(data: bytes) -> int:
    """Read eight bytes; 22008 where they are no timestamp."""
    if len(data) != 8:
        raise errors.InvalidBinaryRepresentation("incorrect binary data format")
    datum: int = struct.unpack(">q", data)[0]
    return check_timestamp(datum) if is_finite(datum) else datum


def _python_overflow(name: str) -> errors.Error:
    return errors.DatetimeFieldOverflow(
        f"{name} does not fit Python's datetime.datetime (years 1 to 9999)",
        hint="Cast the value to text to read it.",
    )


def timestamp_to_python(datum: int) -> datetime:
    """Return a naive ``datetime.datetime``; 22008 for infinity and for years that Python does not have."""
    try:
        return _EPOCH + timedelta(microseconds=datum)
    except OverflowError:
        raise _python_overflow("timestamp") from None


def timestamptz_to_python(datum: int) -> datetime:
    """Return an aware ``datetime.datetime`` in UTC; 22008 for infinity and for years that Python does not have."""
    try:
        return _EPOCH_UTC + timedelta(microseconds=datum)
    except OverflowError:
        raise _python_overflow("timestamp with time zone") from None


def timestamp_from_python(value: object) -> int:
    """Return the datum of a datetime (an aware one counts in UTC) or of a date's midnight."""
    if isinstance(value, datetime):
        epoch = _EPOCH if value.utcoffset() is None else _EPOCH_UTC
        return (value - epoch) // _MICROSECOND
    if isinstance(value, python_date):
        return (datetime(value.year, value.month, value.day) - _EPOCH) // _MICROSECOND
    raise errors.DatatypeMismatch(f"cannot convert Python {type(value).__name__} to timestamp")


def date_to_timestamp(date: int) -> int:
    """Return midnight; 22008 where no timestamp reaches."""
    if date == DATE_INFINITY:
        return TIMESTAMP_INFINITY
    if date == DATE_MINUS_INFINITY:
        return TIMESTAMP_MINUS_INFINITY
    datum = date * MICROSECONDS_PER_DAY
    if datum < TIMESTAMP_END:
        return datum
    raise errors.DatetimeFieldOverflow("date out of range for timestamp")


def date_to_timestamptz(date: int, session: SessionContext) -> int:
    """Return midnight of the session's TimeZone."""
    return timestamp_to_timestamptz(date_to_timestamp(date), session)


def timestamp_to_date(datum: int) -> int:
    """Return the day."""
    if datum == TIMESTAMP_INFINITY:
        return DATE_INFINITY
    return DATE_MINUS_INFINITY if datum == TIMESTAMP_MINUS_INFINITY else datum // MICROSECONDS_PER_DAY


def timestamptz_to_date(datum: int, session: SessionContext) -> int:
    """Return the day of the session's TimeZone."""
    return timestamp_to_date(timestamptz_to_timestamp(datum, session))


def timestamp_to_timestamptz(datum: int, session: SessionContext) -> int:
    """Read a local time of the session's TimeZone."""
    return check_timestamp(local_to_utc(session_zone(session), datum)) if is_finite(datum) else datum


def timestamptz_to_timestamp(datum: int, session: SessionContext) -> int:
    """Return the local time of the session's TimeZone."""
    return check_timestamp(utc_to_local(session_zone(session), datum)) if is_finite(datum) else datum


def timestamp_to_time(datum: int) -> int | None:
    """Return the time of day, NULL for infinity."""
    return datum % MICROSECONDS_PER_DAY if is_finite(datum) else None


def timestamptz_to_time(datum: int, session: SessionContext) -> int | None:
    """Return the time of day of the session's TimeZone, NULL for infinity."""
    return timestamp_to_time(timestamptz_to_timestamp(datum, session))


def timestamptz_to_timetz(datum: int, session: SessionContext) -> TimeWithZone | None:
    """Return the time of day of the session's TimeZone with its offset, NULL for infinity."""
    if not is_finite(datum):
        return None
    offset = offset_at_utc(session_zone(session), datum)
    return TimeWithZone((datum + offset * MICROSECONDS_PER_SECOND) % MICROSECONDS_PER_DAY, -offset)


def timestamp_cmp(left: int, right: int) -> int:
    """Return -1, 0 or 1."""
    return (left > right) - (left < right)


TYPES: tuple[Type, ...] = (
    Type(
        "timestamp",
        "timestamp without time zone",
        oid=1114,
        array_oid=1115,
        category="D",
        length=8,
        aliases=("datetime",),
        input="heliosdb.types.datetime_input:timestamp_input",
        output=timestamp_text,
        receive=timestamp_receive,
        send=timestamp_send,
        typmod_in=_timestamp_typmod_in,
        typmod_out=_timestamp_typmod_out,
        coerce_typmod=coerce_timestamp,
        to_python=timestamp_to_python,
        from_python=timestamp_from_python,
        python_types=("datetime:datetime",),
        needs_session=True,
        description="date and time",
    ),
    Type(
        "timestamptz",
        "timestamp with time zone",
        oid=1184,
        array_oid=1185,
        category="D",
        preferred=True,
        length=8,
        input="heliosdb.types.datetime_input:timestamptz_input",
        output=timestamptz_text,
        receive=timestamp_receive,
        send=timestamp_send,
        typmod_in=_timestamptz_typmod_in,
        typmod_out=_timestamptz_typmod_out,
        coerce_typmod=coerce_timestamp,
        to_python=timestamptz_to_python,
        from_python=timestamp_from_python,
        needs_session=True,
        description="date and time with time zone",
    ),
)

_ASSIGNMENT, _IMPLICIT, _STABLE = CastContext.ASSIGNMENT, CastContext.IMPLICIT, Volatility.STABLE

CASTS: tuple[Cast, ...] = (
    Cast("date", "timestamp", _IMPLICIT, date_to_timestamp),
    Cast("date", "timestamptz", _IMPLICIT, date_to_timestamptz, needs_session=True, volatility=_STABLE),
    Cast("timestamp", "date", _ASSIGNMENT, timestamp_to_date),
    Cast("timestamp", "time", _ASSIGNMENT, timestamp_to_time),
    Cast("timestamp", "timestamptz", _IMPLICIT, timestamp_to_timestamptz, needs_session=True, volatility=_STABLE),
    Cast("timestamptz", "date", _ASSIGNMENT, timestamptz_to_date, needs_session=True, volatility=_STABLE),
    Cast("timestamptz", "time", _ASSIGNMENT, timestamptz_to_time, needs_session=True, volatility=_STABLE),
    Cast("timestamptz", "timestamp", _ASSIGNMENT, timestamptz_to_timestamp, needs_session=True, volatility=_STABLE),
    Cast("timestamptz", "timetz", _ASSIGNMENT, timestamptz_to_timetz, needs_session=True, volatility=_STABLE),
)

_TIMESTAMP = comparison_names("timestamp_")
_TIMESTAMPTZ = comparison_names("timestamptz_")

FUNCTIONS: tuple[ScalarFunction, ...] = (
    *comparison_functions("timestamp", "timestamp", _TIMESTAMP),
    *comparison_functions("timestamptz", "timestamptz", _TIMESTAMPTZ),
    ScalarFunction("timestamp_cmp", ("timestamp", "timestamp"), "int4", timestamp_cmp),
    ScalarFunction("timestamptz_cmp", ("timestamptz", "timestamptz"), "int4", timestamp_cmp),
    ScalarFunction("isfinite", ("timestamp",), "bool", is_finite),
    ScalarFunction("isfinite", ("timestamptz",), "bool", is_finite),
)

OPERATORS: tuple[Operator, ...] = (
    *comparison_operators("timestamp", "timestamp", _TIMESTAMP),
    *comparison_operators("timestamptz", "timestamptz", _TIMESTAMPTZ),
)

OPERATOR_CLASSES: tuple[OperatorClass, ...] = (*operator_classes("timestamp"), *operator_classes("timestamptz"))
