"""Text input of dates, times, timestamps and intervals.

The types name these functions by import string: reading text is the one thing about dates that needs the parsers, and
a database opens without it.
"""

from __future__ import annotations

from heliosdb import errors
from heliosdb.types.calendar import (
    DATE_END,
    DATE_INFINITY,
    DATE_MINUS_INFINITY,
    DATE_START,
    MICROSECONDS_PER_DAY,
    MICROSECONDS_PER_SECOND,
    TIMESTAMP_END,
    TIMESTAMP_INFINITY,
    TIMESTAMP_MINUS_INFINITY,
    TIMESTAMP_START,
    UNIX_EPOCH_DAYS,
)
from heliosdb.types.datetime_parse import ParsedDatetime, parse_datetime, parse_time
from heliosdb.types.definitions import SessionContext
from heliosdb.types.interval import FULL_RANGE, Interval, coerce_interval, fields_of, range_of
from heliosdb.types.interval_parse import parse_interval
from heliosdb.types.time import TimeWithZone

__all__ = ["date_input", "interval_input", "time_input", "timestamp_input", "timestamptz_input", "timetz_input"]


def date_input(text: str, typmod: int, session: SessionContext) -> int:
    """Read a date; a time of day and a zone in the text are dropped."""
    parsed = parse_datetime(text, "date", session)
    if parsed.special is not None:
        if parsed.special == "epoch":
            return -UNIX_EPOCH_DAYS
        return DATE_INFINITY if parsed.special == "infinity" else DATE_MINUS_INFINITY
    if not DATE_START <= parsed.days < DATE_END:
        raise errors.DatetimeFieldOverflow(f'date out of range: "{text}"')
    return parsed.days


def time_input(text: str, typmod: int, session: SessionContext) -> int:
    """Read a time of day; a date and a zone in the text are dropped."""
    return parse_time(text, "time", session).microseconds


def timetz_input(text: str, typmod: int, session: SessionContext) -> TimeWithZone:
    """Read a time of day with its zone, the session's where it names none."""
    parsed = parse_time(text, "time with time zone", session, zoned=True)
    return TimeWithZone(parsed.microseconds, -(parsed.offset or 0))


def _from_parsed(parsed: ParsedDatetime, text: str, offset: int) -> int:
    if parsed.special is not None:
        if parsed.special == "epoch":
            return -UNIX_EPOCH_DAYS * MICROSECONDS_PER_DAY
        return TIMESTAMP_INFINITY if parsed.special == "infinity" else TIMESTAMP_MINUS_INFINITY
    datum = parsed.days * MICROSECONDS_PER_DAY + parsed.microseconds - offset * MICROSECONDS_PER_SECOND
    if TIMESTAMP_START <= datum < TIMESTAMP_END:
        return datum
    raise errors.DatetimeFieldOverflow(f'timestamp out of range: "{text}"')


def timestamp_input(text: str, typmod: int, session: SessionContext) -> int:
    """Read a timestamp; a zone in the text is dropped."""
    return _from_parsed(parse_datetime(text, "timestamp", session), text, 0)


def timestamptz_input(text: str, typmod: int, session: SessionContext) -> int:
    """Read an instant; local time of the session's TimeZone where the text names no zone."""
    parsed = parse_datetime(text, "timestamp with time zone", session, zoned=True)
    return _from_parsed(parsed, text, parsed.offset or 0)


def interval_input(text: str, typmod: int, session: SessionContext) -> Interval:
    """Read an interval in any of the input styles; the typmod says what a number without a unit counts."""
    mask = range_of(typmod)
    last: str | None = None
    if mask != FULL_RANGE:
        fields = fields_of(mask)
        last = "minute:second" if fields == ["minute", "second"] else fields[-1]
    standard = str(session.setting("intervalstyle")).lower() == "sql_standard"
    return coerce_interval(Interval(*parse_interval(text, last, standard)), typmod, False)
