"""Functions of dates and times: the clock, zones, building and taking apart, age, overlap.

``now()`` and kin are the start of the transaction, ``statement_timestamp()`` of the statement, both from the session;
only ``clock_timestamp()`` asks the clock. ``YEAR``, ``MONTH`` and ``DAY`` of one argument are not PostgreSQL's but
other dialects', for ``extract`` as an integer.
"""

from __future__ import annotations

import math
import time as clock
from collections.abc import Callable
from typing import Any

from heliosdb import errors
from heliosdb.types.calendar import (
    MICROSECONDS_PER_DAY,
    MICROSECONDS_PER_HOUR,
    MICROSECONDS_PER_MINUTE,
    MICROSECONDS_PER_SECOND,
    TIMESTAMP_END,
    TIMESTAMP_INFINITY,
    TIMESTAMP_MINUS_INFINITY,
    TIMESTAMP_START,
    UNIX_EPOCH_DAYS,
    civil_from_days,
    days_from_civil,
    days_in_month,
    truncated_division,
)
from heliosdb.types.date import current_date
from heliosdb.types.datetime_arithmetic import timestamp_pl_interval, timestamptz_pl_interval
from heliosdb.types.definitions import ScalarFunction, SessionContext, Volatility
from heliosdb.types.interval import Interval, checked_interval
from heliosdb.types.interval import interval_output as interval_text
from heliosdb.types.time import TimeWithZone, seconds_text, timetz_sort_key
from heliosdb.types.timestamp import (
    is_finite,
    timestamp_to_date,
    timestamptz_to_timestamp,
)
from heliosdb.types.zones import abbreviation_at, session_zone, utc_to_local, zone_argument_offset

__all__ = ["FUNCTIONS", "clock_timestamp"]

_UNIX_EPOCH = UNIX_EPOCH_DAYS * MICROSECONDS_PER_DAY


# -- the clock -----------------------------------------------------------------------------------------------------


def now(session: SessionContext) -> int:
    """Return when the transaction started."""
    return session.transaction_timestamp


def statement_timestamp(session: SessionContext) -> int:
    """Return when the statement started."""
    return session.statement_timestamp


def clock_timestamp() -> int:
    """Return the time of day of this very call."""
    return clock.time_ns() // 1000 - _UNIX_EPOCH


def timeofday(session: SessionContext) -> str:
    """Return the time of this very call as text."""
    zone = session_zone(session)
    instant = clock_timestamp()
    days, rest = divmod(utc_to_local(zone, instant), MICROSECONDS_PER_DAY)
    year, month, day = civil_from_days(days)
    weekday = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[(days + 5) % 7]
    name = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[month - 1]
    seconds, fraction = divmod(rest, MICROSECONDS_PER_SECOND)
    time = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{fraction:06d}"
    return f"{weekday} {name} {day:02d} {time} {year} {abbreviation_at(zone, instant)}"


# -- zones ---------------------------------------------------------------------------------------------------------


def timezone_timestamptz(name: str, timestamp: int) -> int:
    """``timestamptz AT TIME ZONE name``: the local time there."""
    if not is_finite(timestamp):
        return timestamp
    return _in_range(timestamp + zone_argument_offset(name, timestamp, local=False) * MICROSECONDS_PER_SECOND)


def timezone_timestamp(name: str, timestamp: int) -> int:
    """``timestamp AT TIME ZONE name``: the instant of a local time there."""
    if not is_finite(timestamp):
        return timestamp
    return _in_range(timestamp - zone_argument_offset(name, timestamp, local=True) * MICROSECONDS_PER_SECOND)


def timezone_timetz(name: str, time: TimeWithZone, session: SessionContext) -> TimeWithZone:
    """``timetz AT TIME ZONE name``: the same moment of the day there, by the offset of now."""
    west = -zone_argument_offset(name, session.transaction_timestamp, local=False)
    return TimeWithZone((time[0] + (time[1] - west) * MICROSECONDS_PER_SECOND) % MICROSECONDS_PER_DAY, west)


def _interval_offset(interval: Interval, session: SessionContext) -> int:
    if interval[0] or interval[1]:
        text = interval_text(interval, session)
        raise errors.InvalidParameterValue(f'interval time zone "{text}" must not include months or days')
    return truncated_division(interval[2], MICROSECONDS_PER_SECOND)


def timezone_interval_timestamptz(interval: Interval, timestamp: int, session: SessionContext) -> int:
    """``timestamptz AT TIME ZONE interval``."""
    if not is_finite(timestamp):
        return timestamp
    return _in_range(timestamp + _interval_offset(interval, session) * MICROSECONDS_PER_SECOND)


def timezone_interval_timestamp(interval: Interval, timestamp: int, session: SessionContext) -> int:
    """``timestamp AT TIME ZONE interval``."""
    if not is_finite(timestamp):
        return timestamp
    return _in_range(timestamp - _interval_offset(interval, session) * MICROSECONDS_PER_SECOND)


def timezone_interval_timetz(interval: Interval, time: TimeWithZone, session: SessionContext) -> TimeWithZone:
    """``timetz AT TIME ZONE interval``."""
    west = -_interval_offset(interval, session)
    return TimeWithZone((time[0] + (time[1] - west) * MICROSECONDS_PER_SECOND) % MICROSECONDS_PER_DAY, west)


def _in_range(timestamp: int) -> int:
    if TIMESTAMP_START <= timestamp < TIMESTAMP_END:
        return timestamp
    raise errors.DatetimeFieldOverflow("timestamp out of range")


# -- building ------------------------------------------------------------------------------------------------------


def make_timestamp(year: int, month: int, day: int, hour: int, minute: int, second: float) -> int:
    """Return the timestamp of these fields; a negative year counts BC."""
    astronomical = year + 1 if year < 0 else year
    if year == 0 or not 1 <= month <= 12 or not 1 <= day <= days_in_month(astronomical, month):
        raise errors.DatetimeFieldOverflow(f"date field value out of range: {year}-{month:02d}-{day:02d}")
    if not (-4713, 11) <= (astronomical, month) < (5_874_898, 6):
        raise errors.DatetimeFieldOverflow(f"date out of range: {year}-{month:02d}-{day:02d}")
    valid = 0 <= hour <= 24 and 0 <= minute <= 59 and 0 <= second <= 60
    rest = (hour * 60 + minute) * MICROSECONDS_PER_MINUTE + (round(second * 1_000_000) if valid else 0)
    if not valid or rest > MICROSECONDS_PER_DAY:
        raise errors.DatetimeFieldOverflow(f"time field value out of range: {hour}:{minute:02d}:{seconds_text(second)}")
    timestamp = days_from_civil(astronomical, month, day) * MICROSECONDS_PER_DAY + rest
    if not TIMESTAMP_START <= timestamp < TIMESTAMP_END:
        shown = f"{year}-{month:02d}-{day:02d} {hour}:{minute:02d}:{seconds_text(second)}"
        raise errors.DatetimeFieldOverflow(f"timestamp out of range: {shown}")
    return timestamp


def make_timestamptz(
    year: int, month: int, day: int, hour: int, minute: int, second: float, session: SessionContext
) -> int:
    """Return the instant of these fields in the session's TimeZone."""
    local = make_timestamp(year, month, day, hour, minute, second)
    return timezone_timestamp(session.setting("timezone"), local)


def make_timestamptz_at(year: int, month: int, day: int, hour: int, minute: int, second: float, zone: str) -> int:
    """Return the instant of these fields in a zone, which may also be an offset such as ``+2``."""
    local = make_timestamp(year, month, day, hour, minute, second)
    if zone[:1] in ("+", "-"):
        from heliosdb.types.datetime_fields import FieldError, Problem
        from heliosdb.types.datetime_parse import decode_offset

        try:
            return _in_range(local - decode_offset(zone) * MICROSECONDS_PER_SECOND)
        except FieldError as error:
            if error.problem is Problem.ZONE_OVERFLOW:
                raise errors.InvalidParameterValue(f'numeric time zone "{zone}" out of range') from None
            raise errors.InvalidParameterValue(f'time zone "{zone}" not recognized') from None
    if zone[:1].isdigit():
        raise errors.InvalidParameterValue(
            f'invalid input syntax for type numeric time zone: "{zone}"',
            hint='Numeric time zones must have "-" or "+" as first character.',
        )
    return timezone_timestamp(zone, local)


def make_interval(
    years: int = 0,
    months: int = 0,
    weeks: int = 0,
    days: int = 0,
    hours: int = 0,
    minutes: int = 0,
    seconds: float = 0.0,
) -> Interval:
    """Return the interval of these fields."""
    if not math.isfinite(seconds):
        raise errors.DatetimeFieldOverflow("interval out of range")
    time = hours * MICROSECONDS_PER_HOUR + minutes * MICROSECONDS_PER_MINUTE + round(seconds * 1_000_000)
    return checked_interval(years * 12 + months, weeks * 7 + days, time)


def to_timestamp(seconds: float) -> int:
    """Return the instant that is this long after 1970-01-01 UTC."""
    if math.isnan(seconds):
        raise errors.DatetimeFieldOverflow("timestamp cannot be NaN")
    if math.isinf(seconds):
        return TIMESTAMP_INFINITY if seconds > 0 else TIMESTAMP_MINUS_INFINITY
    if abs(seconds) < 1e15:
        timestamp = round((seconds - UNIX_EPOCH_DAYS * 86_400) * 1_000_000)
        if TIMESTAMP_START <= timestamp < TIMESTAMP_END:
            return timestamp
    raise errors.DatetimeFieldOverflow(f'timestamp out of range: "{seconds:g}"')


# -- intervals -----------------------------------------------------------------------------------------------------


def justify_days(interval: Interval) -> Interval:
    """Make months of each thirty days."""
    months, days, microseconds = interval
    whole = truncated_division(days, 30)
    days -= whole * 30
    months += whole
    if months > 0 > days:
        months, days = months - 1, days + 30
    elif months < 0 < days:
        months, days = months + 1, days - 30
    return checked_interval(months, days, microseconds)


def justify_hours(interval: Interval) -> Interval:
    """Make days of each 24 hours."""
    months, days, microseconds = interval
    whole = truncated_division(microseconds, MICROSECONDS_PER_DAY)
    microseconds -= whole * MICROSECONDS_PER_DAY
    days += whole
    if days > 0 > microseconds:
        days, microseconds = days - 1, microseconds + MICROSECONDS_PER_DAY
    elif days < 0 < microseconds:
        days, microseconds = days + 1, microseconds - MICROSECONDS_PER_DAY
    return checked_interval(months, days, microseconds)


def justify_interval(interval: Interval) -> Interval:
    """Make days of hours, months of days, and all signs alike."""
    months, days, microseconds = interval
    whole = truncated_division(microseconds, MICROSECONDS_PER_DAY)
    days, microseconds = days + whole, microseconds - whole * MICROSECONDS_PER_DAY
    whole = truncated_division(days, 30)
    months, days = months + whole, days - whole * 30
    if months > 0 and (days < 0 or (days == 0 and microseconds < 0)):
        months, days = months - 1, days + 30
    elif months < 0 and (days > 0 or (days == 0 and microseconds > 0)):
        months, days = months + 1, days - 30
    if days > 0 > microseconds:
        days, microseconds = days - 1, microseconds + MICROSECONDS_PER_DAY
    elif days < 0 < microseconds:
        days, microseconds = days + 1, microseconds - MICROSECONDS_PER_DAY
    return checked_interval(months, days, microseconds)


def age(later: int, earlier: int) -> Interval:
    """Return the difference in calendar years, months, days and time, as people count it."""
    if not is_finite(later) or not is_finite(earlier):
        raise errors.DatetimeFieldOverflow("timestamp out of range")
    sign = 1
    if later < earlier:
        later, earlier, sign = earlier, later, -1
    (days, time), (first_days, first_time) = divmod(later, MICROSECONDS_PER_DAY), divmod(earlier, MICROSECONDS_PER_DAY)
    year, month, day = civil_from_days(days)
    first_year, first_month, first_day = civil_from_days(first_days)
    months = (year - first_year) * 12 + month - first_month
    between = day - first_day
    rest = time - first_time
    if rest < 0:
        rest += MICROSECONDS_PER_DAY
        between -= 1
    while between < 0:
        # The days of the earlier date's month are what is borrowed.
        between += days_in_month(first_year, first_month)
        months -= 1
    return Interval(sign * months, sign * between, sign * rest)


def age_timestamptz(later: int, earlier: int, session: SessionContext) -> Interval:
    """Return the difference of the local times in the session's TimeZone."""
    if not is_finite(later) or not is_finite(earlier):
        raise errors.DatetimeFieldOverflow("timestamp out of range")
    zone = session_zone(session)
    return age(utc_to_local(zone, later), utc_to_local(zone, earlier))


def age_today(timestamp: int, session: SessionContext) -> Interval:
    """Return the age at today's midnight."""
    return age(current_date(session) * MICROSECONDS_PER_DAY, timestamp)


def age_today_timestamptz(timestamp: int, session: SessionContext) -> Interval:
    """Return the age at today's midnight of the session's TimeZone."""
    return age_today(timestamptz_to_timestamp(timestamp, session), session)


# -- overlap -------------------------------------------------------------------------------------------------------


def overlaps(start1: Any, end1: Any, start2: Any, end2: Any) -> bool | None:
    """``(start1, end1) OVERLAPS (start2, end2)`` with SQL's treatment of NULL ends."""
    first, second = _ordered(start1, end1), _ordered(start2, end2)
    if first is None or second is None:
        return None
    (from1, to1), (from2, to2) = first, second
    if from1 == from2:
        return None if to1 is None or to2 is None else True
    if from1 < from2:
        (from1, to1), (from2, to2) = (from2, to2), (from1, to1)
    # Now the second begins first.
    if to2 is None:
        return None
    if from1 < to2:
        return True
    return None if to1 is None else False


def _ordered(start: Any, end: Any) -> tuple[Any, Any] | None:
    if start is None:
        return None if end is None else (end, None)
    if end is not None and start > end:
        return end, start
    return start, end


def _overlaps_timetz(*ends: TimeWithZone | None) -> bool | None:
    start1, end1, start2, end2 = (None if end is None else timetz_sort_key(end) for end in ends)
    return overlaps(start1, end1, start2, end2)


def _overlaps_with_intervals(add: Callable[..., Any], first: bool, second: bool) -> Callable[..., bool | None]:
    def compared(start1: Any, end1: Any, start2: Any, end2: Any, *session: SessionContext) -> bool | None:
        if first:
            end1 = None if start1 is None or end1 is None else add(start1, end1, *session)
        if second:
            end2 = None if start2 is None or end2 is None else add(start2, end2, *session)
        return overlaps(start1, end1, start2, end2)

    return compared


def _time_plus(time: int, interval: Interval) -> int:
    return (time + interval[2]) % MICROSECONDS_PER_DAY


# -- fields as integers --------------------------------------------------------------------------------------------


def _field(position: int) -> Callable[[int], int | None]:
    def of_date(date: int) -> int | None:
        if not -(2**31) < date < 2**31 - 1:
            return None
        value = civil_from_days(date)[position]
        return value - 1 if position == 0 and value <= 0 else value

    return of_date


def _field_of_timestamp(position: int) -> Callable[[int], int | None]:
    of_date = _field(position)
    return lambda timestamp: of_date(timestamp_to_date(timestamp))


def _field_of_timestamptz(position: int) -> Callable[[int, SessionContext], int | None]:
    of_date = _field(position)
    return lambda timestamp, session: of_date(timestamp_to_date(timestamptz_to_timestamp(timestamp, session)))


def _clock_functions() -> list[ScalarFunction]:
    functions = [
        ScalarFunction(name, (), "timestamptz", now, volatility=Volatility.STABLE, needs_session=True)
        for name in ("now", "transaction_timestamp")
    ]
    functions += [
        ScalarFunction(
            "statement_timestamp",
            (),
            "timestamptz",
            statement_timestamp,
            volatility=Volatility.STABLE,
            needs_session=True,
        ),
        ScalarFunction("clock_timestamp", (), "timestamptz", clock_timestamp, volatility=Volatility.VOLATILE),
        ScalarFunction("timeofday", (), "text", timeofday, volatility=Volatility.VOLATILE, needs_session=True),
    ]
    return functions


def _zone_functions() -> list[ScalarFunction]:
    functions = [
        ScalarFunction("timezone", ("text", "timestamptz"), "timestamp", timezone_timestamptz),
        ScalarFunction("timezone", ("text", "timestamp"), "timestamptz", timezone_timestamp),
        ScalarFunction(
            "timezone",
            ("text", "timetz"),
            "timetz",
            timezone_timetz,
            volatility=Volatility.STABLE,
            needs_session=True,
        ),
    ]
    of_interval: list[tuple[str, str, Callable[..., Any]]] = [
        ("timestamptz", "timestamp", timezone_interval_timestamptz),
        ("timestamp", "timestamptz", timezone_interval_timestamp),
        ("timetz", "timetz", timezone_interval_timetz),
    ]
    for source, target, implementation in of_interval:
        functions.append(ScalarFunction("timezone", ("interval", source), target, implementation, needs_session=True))
    return functions


def _overlaps_functions() -> list[ScalarFunction]:
    functions = [
        ScalarFunction(
            "overlaps",
            (name,) * 4,
            "bool",
            _overlaps_timetz if name == "timetz" else overlaps,
            strict=False,
        )
        for name in ("time", "timetz", "timestamp", "timestamptz")
    ]
    adders: tuple[tuple[str, Callable[..., Any]], ...] = (
        ("time", _time_plus),
        ("timestamp", timestamp_pl_interval),
        ("timestamptz", timestamptz_pl_interval),
    )
    for name, add in adders:
        zoned = name == "timestamptz"
        for first, second in ((True, True), (False, True), (True, False)):
            functions.append(
                ScalarFunction(
                    "overlaps",
                    (name, "interval" if first else name, name, "interval" if second else name),
                    "bool",
                    _overlaps_with_intervals(add, first, second),
                    strict=False,
                    volatility=Volatility.STABLE if zoned else Volatility.IMMUTABLE,
                    needs_session=zoned,
                )
            )
    return functions


def _field_functions() -> list[ScalarFunction]:
    functions = []
    for position, name in enumerate(("year", "month", "day")):
        functions += [
            ScalarFunction(name, ("date",), "int4", _field(position)),
            ScalarFunction(name, ("timestamp",), "int4", _field_of_timestamp(position)),
            ScalarFunction(
                name,
                ("timestamptz",),
                "int4",
                _field_of_timestamptz(position),
                volatility=Volatility.STABLE,
                needs_session=True,
            ),
        ]
    return functions


_FIELDS = ("year", "month", "mday", "hour", "min", "sec")
_SIX = ("int4", "int4", "int4", "int4", "int4", "float8")

FUNCTIONS: tuple[ScalarFunction, ...] = (
    *_clock_functions(),
    *_zone_functions(),
    *_overlaps_functions(),
    *_field_functions(),
    ScalarFunction("make_timestamp", _SIX, "timestamp", make_timestamp, argument_names=_FIELDS),
    ScalarFunction(
        "make_timestamptz",
        _SIX,
        "timestamptz",
        make_timestamptz,
        volatility=Volatility.STABLE,
        needs_session=True,
        argument_names=_FIELDS,
    ),
    ScalarFunction(
        "make_timestamptz",
        (*_SIX, "text"),
        "timestamptz",
        make_timestamptz_at,
        volatility=Volatility.STABLE,
        argument_names=(*_FIELDS, "timezone"),
    ),
    ScalarFunction(
        "make_interval",
        ("int4", "int4", "int4", "int4", "int4", "int4", "float8"),
        "interval",
        make_interval,
        argument_names=("years", "months", "weeks", "days", "hours", "mins", "secs"),
        defaults=("0", "0", "0", "0", "0", "0", "0.0"),
    ),
    ScalarFunction("to_timestamp", ("float8",), "timestamptz", to_timestamp),
    ScalarFunction("justify_days", ("interval",), "interval", justify_days),
    ScalarFunction("justify_hours", ("interval",), "interval", justify_hours),
    ScalarFunction("justify_interval", ("interval",), "interval", justify_interval),
    ScalarFunction("age", ("timestamp", "timestamp"), "interval", age),
    ScalarFunction("age", ("timestamptz", "timestamptz"), "interval", age_timestamptz, needs_session=True),
    ScalarFunction("age", ("timestamp",), "interval", age_today, volatility=Volatility.STABLE, needs_session=True),
    ScalarFunction(
        "age", ("timestamptz",), "interval", age_today_timestamptz, volatility=Volatility.STABLE, needs_session=True
    ),
)
