"""Sums and differences of dates, times, timestamps and intervals.

An interval is added part by part, greatest first: months by the calendar (a day that the month lacks becomes its
last), then days, then microseconds. On a timestamptz months and days move the local time of the session's TimeZone,
microseconds the instant, so that ``+ '1 day'`` keeps the wall clock over a daylight saving change and ``+ '24
hours'`` does not. Infinity stays infinity.
"""

from __future__ import annotations

from collections.abc import Iterator

from heliosdb import errors
from heliosdb.types.calendar import (
    DATE_INFINITY,
    DATE_MINUS_INFINITY,
    MICROSECONDS_PER_DAY,
    MICROSECONDS_PER_SECOND,
    TIMESTAMP_END,
    TIMESTAMP_INFINITY,
    TIMESTAMP_MINUS_INFINITY,
    TIMESTAMP_START,
    add_months,
    check_timestamp,
    truncated_division,
)
from heliosdb.types.definitions import (
    Implementation,
    Operator,
    ScalarFunction,
    SessionContext,
    TableFunction,
    Volatility,
)
from heliosdb.types.interval import Interval, interval_key, interval_um
from heliosdb.types.time import TimeWithZone
from heliosdb.types.timestamp import date_to_timestamp
from heliosdb.types.zones import local_to_utc, session_zone, utc_to_local

__all__ = [
    "FUNCTIONS",
    "OPERATORS",
    "TABLE_FUNCTIONS",
    "datetime_pl",
    "date_pl_interval",
    "timestamp_mi",
    "timestamp_pl_interval",
    "timestamptz_pl_interval",
]

_INFINITE = (TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY)


def _moved(timestamp: int, months: int, days: int) -> int:
    day, rest = divmod(timestamp, MICROSECONDS_PER_DAY)
    if months:
        day = add_months(day, months)
        check_timestamp(day * MICROSECONDS_PER_DAY + rest)
    return check_timestamp((day + days) * MICROSECONDS_PER_DAY + rest)


def timestamp_pl_interval(timestamp: int, interval: Interval) -> int:
    """Add an interval."""
    if timestamp in _INFINITE:
        return timestamp
    months, days, microseconds = interval
    if months or days:
        timestamp = _moved(timestamp, months, days)
    timestamp += microseconds
    if TIMESTAMP_START <= timestamp < TIMESTAMP_END:
        return timestamp
    raise errors.DatetimeFieldOverflow("timestamp out of range")


def timestamp_mi_interval(timestamp: int, interval: Interval) -> int:
    """Subtract an interval."""
    return timestamp_pl_interval(timestamp, interval_um(interval))


def timestamptz_pl_interval(timestamp: int, interval: Interval, session: SessionContext) -> int:
    """Add an interval: months and days in the session's TimeZone."""
    if timestamp in _INFINITE:
        return timestamp
    months, days, microseconds = interval
    if months or days:
        zone = session_zone(session)
        # Two steps, as PostgreSQL does: a local time that months lead to may not exist and moves before days are
        # added.
        for step in ((months, 0), (0, days)):
            if any(step):
                timestamp = check_timestamp(local_to_utc(zone, _moved(utc_to_local(zone, timestamp), *step)))
    return check_timestamp(timestamp + microseconds)


def timestamptz_mi_interval(timestamp: int, interval: Interval, session: SessionContext) -> int:
    """Subtract an interval: months and days in the session's TimeZone."""
    return timestamptz_pl_interval(timestamp, interval_um(interval), session)


def timestamp_mi(left: int, right: int) -> Interval:
    """Return the days and time between two timestamps."""
    if left in _INFINITE or right in _INFINITE:
        raise errors.DatetimeFieldOverflow("cannot subtract infinite timestamps")
    difference = left - right
    if not -(2**63) <= difference < 2**63:
        raise errors.DatetimeFieldOverflow("interval out of range")
    days = truncated_division(difference, MICROSECONDS_PER_DAY)
    return Interval(0, days, difference - days * MICROSECONDS_PER_DAY)


def interval_pl_timestamp(interval: Interval, timestamp: int) -> int:
    """Add an interval."""
    return timestamp_pl_interval(timestamp, interval)


def interval_pl_timestamptz(interval: Interval, timestamp: int, session: SessionContext) -> int:
    """Add an interval: months and days in the session's TimeZone."""
    return timestamptz_pl_interval(timestamp, interval, session)


def date_pl_interval(date: int, interval: Interval) -> int:
    """Add an interval to midnight."""
    return timestamp_pl_interval(date_to_timestamp(date), interval)


def date_mi_interval(date: int, interval: Interval) -> int:
    """Subtract an interval from midnight."""
    return timestamp_mi_interval(date_to_timestamp(date), interval)


def interval_pl_date(interval: Interval, date: int) -> int:
    """Add an interval to midnight."""
    return timestamp_pl_interval(date_to_timestamp(date), interval)


def time_pl_interval(time: int, interval: Interval) -> int:
    """Add an interval's time around the clock; its months and days do not count."""
    return (time + interval[2]) % MICROSECONDS_PER_DAY


def time_mi_interval(time: int, interval: Interval) -> int:
    """Subtract an interval's time around the clock."""
    return (time - interval[2]) % MICROSECONDS_PER_DAY


def interval_pl_time(interval: Interval, time: int) -> int:
    """Add an interval's time around the clock."""
    return (time + interval[2]) % MICROSECONDS_PER_DAY


def timetz_pl_interval(time: TimeWithZone, interval: Interval) -> TimeWithZone:
    """Add an interval's time around the clock."""
    return TimeWithZone((time[0] + interval[2]) % MICROSECONDS_PER_DAY, time[1])


def timetz_mi_interval(time: TimeWithZone, interval: Interval) -> TimeWithZone:
    """Subtract an interval's time around the clock."""
    return TimeWithZone((time[0] - interval[2]) % MICROSECONDS_PER_DAY, time[1])


def interval_pl_timetz(interval: Interval, time: TimeWithZone) -> TimeWithZone:
    """Add an interval's time around the clock."""
    return timetz_pl_interval(time, interval)


def time_mi_time(left: int, right: int) -> Interval:
    """Return the time between two times of day."""
    return Interval(0, 0, left - right)


def datetime_pl(date: int, time: int) -> int:
    """Return the timestamp of a day and a time of day."""
    timestamp = date_to_timestamp(date)
    return timestamp if timestamp in _INFINITE else check_timestamp(timestamp + time)


def timedate_pl(time: int, date: int) -> int:
    """Return the timestamp of a time of day and a day."""
    return datetime_pl(date, time)


def datetimetz_pl(date: int, time: TimeWithZone) -> int:
    """Return the instant of a day and a time of day with its zone."""
    if date == DATE_INFINITY:
        return TIMESTAMP_INFINITY
    if date == DATE_MINUS_INFINITY:
        return TIMESTAMP_MINUS_INFINITY
    midnight = date_to_timestamp(date)
    return check_timestamp(midnight + time[0] + time[1] * MICROSECONDS_PER_SECOND)


def timetzdate_pl(time: TimeWithZone, date: int) -> int:
    """Return the instant of a time of day with its zone and a day."""
    return datetimetz_pl(date, time)


def _step_sign(step: Interval) -> int:
    length = interval_key(step)
    if length == 0:
        raise errors.InvalidParameterValue("step size cannot equal zero")
    return 1 if length > 0 else -1


def generate_series_timestamp(start: int, stop: int, step: Interval) -> Iterator[int]:
    """Yield timestamps from start to stop, stop included where a step meets it."""
    sign = _step_sign(step)
    current = start
    while (stop - current) * sign >= 0:
        yield current
        current = timestamp_pl_interval(current, step)


def generate_series_timestamptz(start: int, stop: int, step: Interval, session: SessionContext) -> Iterator[int]:
    """Yield instants from start to stop; steps of months and days in the session's TimeZone."""
    sign = _step_sign(step)
    current = start
    while (stop - current) * sign >= 0:
        yield current
        current = timestamptz_pl_interval(current, step, session)


def _immutable(name: str, left: str, right: str, returns: str, function: Implementation) -> ScalarFunction:
    return ScalarFunction(name, (left, right), returns, function)


def _stable(name: str, left: str, right: str, returns: str, function: Implementation) -> ScalarFunction:
    return ScalarFunction(name, (left, right), returns, function, volatility=Volatility.STABLE, needs_session=True)


FUNCTIONS: tuple[ScalarFunction, ...] = (
    _immutable("timestamp_pl_interval", "timestamp", "interval", "timestamp", timestamp_pl_interval),
    _immutable("timestamp_mi_interval", "timestamp", "interval", "timestamp", timestamp_mi_interval),
    _immutable("interval_pl_timestamp", "interval", "timestamp", "timestamp", interval_pl_timestamp),
    _stable("timestamptz_pl_interval", "timestamptz", "interval", "timestamptz", timestamptz_pl_interval),
    _stable("timestamptz_mi_interval", "timestamptz", "interval", "timestamptz", timestamptz_mi_interval),
    _stable("interval_pl_timestamptz", "interval", "timestamptz", "timestamptz", interval_pl_timestamptz),
    _immutable("timestamp_mi", "timestamp", "timestamp", "interval", timestamp_mi),
    _immutable("timestamptz_mi", "timestamptz", "timestamptz", "interval", timestamp_mi),
    _immutable("date_pl_interval", "date", "interval", "timestamp", date_pl_interval),
    _immutable("date_mi_interval", "date", "interval", "timestamp", date_mi_interval),
    _immutable("interval_pl_date", "interval", "date", "timestamp", interval_pl_date),
    _immutable("time_pl_interval", "time", "interval", "time", time_pl_interval),
    _immutable("time_mi_interval", "time", "interval", "time", time_mi_interval),
    _immutable("interval_pl_time", "interval", "time", "time", interval_pl_time),
    _immutable("timetz_pl_interval", "timetz", "interval", "timetz", timetz_pl_interval),
    _immutable("timetz_mi_interval", "timetz", "interval", "timetz", timetz_mi_interval),
    _immutable("interval_pl_timetz", "interval", "timetz", "timetz", interval_pl_timetz),
    _immutable("time_mi_time", "time", "time", "interval", time_mi_time),
    _immutable("datetime_pl", "date", "time", "timestamp", datetime_pl),
    _immutable("timedate_pl", "time", "date", "timestamp", timedate_pl),
    _immutable("datetimetz_pl", "date", "timetz", "timestamptz", datetimetz_pl),
    _immutable("timetzdate_pl", "timetz", "date", "timestamptz", timetzdate_pl),
)

OPERATORS: tuple[Operator, ...] = tuple(
    Operator(
        "-" if "_mi" in function.name else "+",
        function.arguments[0],
        function.arguments[1],
        function.returns,
        function.name,
        commutator=None if "_mi" in function.name else "+",
    )
    for function in FUNCTIONS
)

TABLE_FUNCTIONS: tuple[TableFunction, ...] = (
    TableFunction("generate_series", ("timestamp", "timestamp", "interval"), "timestamp", generate_series_timestamp),
    TableFunction(
        "generate_series",
        ("timestamptz", "timestamptz", "interval"),
        "timestamptz",
        generate_series_timestamptz,
        volatility=Volatility.STABLE,
        needs_session=True,
    ),
)
