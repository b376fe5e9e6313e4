"""The calendar: days and microseconds since 2000-01-01 against years, months, days, hours, minutes and seconds.

PostgreSQL's calendar is the proleptic Gregorian one, from 4714 BC to 5874897 AD for dates and to 294276 AD for
timestamps. Years here are astronomical: year 0 is 1 BC. Python's ``datetime`` knows the years 1 to 9999 only; because
the calendar repeats every 400 years (146,097 days), any other day is moved by whole cycles into that range, asked
there, and moved back.

Instants are integers: a *date* counts days, a *timestamp* microseconds, both since 2000-01-01, both with one value at
either end for infinity.
"""

from __future__ import annotations

from datetime import date as python_date

from heliosdb import errors

__all__ = [
    "DATE_END",
    "DATE_INFINITY",
    "DATE_MINUS_INFINITY",
    "DATE_START",
    "DAYS_PER_MONTH",
    "EPOCH_JULIAN_DAY",
    "MICROSECONDS_PER_DAY",
    "MICROSECONDS_PER_HOUR",
    "MICROSECONDS_PER_MINUTE",
    "MICROSECONDS_PER_SECOND",
    "TIMESTAMP_END",
    "TIMESTAMP_INFINITY",
    "TIMESTAMP_MINUS_INFINITY",
    "TIMESTAMP_START",
    "UNIX_EPOCH_DAYS",
    "add_months",
    "check_date",
    "check_timestamp",
    "civil_from_days",
    "days_from_civil",
    "days_in_month",
    "is_leap_year",
    "iso_week",
    "round_to_precision",
    "time_fields",
    "truncated_division",
]

MICROSECONDS_PER_SECOND = 1_000_000
MICROSECONDS_PER_MINUTE = 60 * MICROSECONDS_PER_SECOND
MICROSECONDS_PER_HOUR = 60 * MICROSECONDS_PER_MINUTE
MICROSECONDS_PER_DAY = 24 * MICROSECONDS_PER_HOUR
DAYS_PER_MONTH = 30
"""What a month counts where an interval must become a length of time (PostgreSQL's rule)."""

EPOCH_JULIAN_DAY = 2451545
"""The Julian day of 2000-01-01."""
UNIX_EPOCH_DAYS = 10957
"""Days from 1970-01-01 to 2000-01-01."""

DATE_INFINITY = 2**31 - 1
DATE_MINUS_INFINITY = -(2**31)
DATE_START = -EPOCH_JULIAN_DAY
"""The first date, 4714-11-24 BC."""
DATE_END = 2147483494 - EPOCH_JULIAN_DAY
"""One past the last date, 5874897-12-31."""

TIMESTAMP_INFINITY = 2**63 - 1
TIMESTAMP_MINUS_INFINITY = -(2**63)
TIMESTAMP_START = -211813488000000000
"""The first timestamp, 4714-11-24 00:00:00 BC."""
TIMESTAMP_END = 9223371331200000000
"""One past the last timestamp, 294276-12-31 23:59:59.999999."""

_ORDINAL_OF_2000 = python_date(2000, 1, 1).toordinal()
_LAST_ORDINAL = python_date.max.toordinal()
_DAYS_PER_CYCLE = 146_097
_MONTH_LENGTHS = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def is_leap_year(year: int) -> bool:
    """Return whether an astronomical year has a 29th of February."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def days_in_month(year: int, month: int) -> int:
    """Return the length of a month, 1 to 12, of an astronomical year."""
    return 29 if month == 2 and is_leap_year(year) else _MONTH_LENGTHS[month]


def days_from_civil(year: int, month: int, day: int) -> int:
    """Return the days since 2000-01-01 of a valid day; the range of dates is not checked."""
    if 0 < year < 10_000:
        return python_date(year, month, day).toordinal() - _ORDINAL_OF_2000
    cycle, rest = divmod(year - 1, 400)
    return python_date(rest + 1, month, day).toordinal() - _ORDINAL_OF_2000 + cycle * _DAYS_PER_CYCLE


def civil_from_days(days: int) -> tuple[int, int, int]:
    """Return (astronomical year, month, day) of a day since 2000-01-01."""
    ordinal = days + _ORDINAL_OF_2000
    if 0 < ordinal <= _LAST_ORDINAL:
        day = python_date.fromordinal(ordinal)
        return day.year, day.month, day.day
    cycle, rest = divmod(ordinal - 1, _DAYS_PER_CYCLE)
    day = python_date.fromordinal(rest + 1)
    return day.year + 400 * cycle, day.month, day.day


def iso_week(days: int) -> tuple[int, int, int]:
    """Return the ISO 8601 (year, week, weekday 1 = Monday) of a day since 2000-01-01."""
    cycle, rest = divmod(days + _ORDINAL_OF_2000 - 1, _DAYS_PER_CYCLE)
    # One whole cycle up, so that the ISO year of the first days of year 1 (which is year 0) exists in Python.
    year, week, weekday = python_date.fromordinal(rest + 1 + _DAYS_PER_CYCLE).isocalendar()
    return year + 400 * (cycle - 1), week, weekday


def time_fields(microseconds: int) -> tuple[int, int, int, int]:
    """Return (hour, minute, second, microsecond) of a non-negative count of microseconds since midnight."""
    seconds, fraction = divmod(microseconds, MICROSECONDS_PER_SECOND)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return hour, minute, second, fraction


def add_months(days: int, months: int) -> int:
    """Move a day by months; a day that the month does not have becomes the month's last."""
    year, month, day = civil_from_days(days)
    years, month = divmod(year * 12 + month - 1 + months, 12)
    return days_from_civil(years, month + 1, min(day, days_in_month(years, month + 1)))


def truncated_division(dividend: int, divisor: int) -> int:
    """Divide towards zero, as C and PostgreSQL do."""
    quotient = abs(dividend) // abs(divisor)
    return quotient if (dividend < 0) == (divisor < 0) else -quotient


def round_to_precision(microseconds: int, precision: int) -> int:
    """Round to ``precision`` digits after the second, halves away from zero (a negative precision: leave it)."""
    if precision < 0 or precision >= 6:
        return microseconds
    scale: int = 10 ** (6 - precision)
    half = scale // 2
    if microseconds >= 0:
        return (microseconds + half) // scale * scale
    return -((-microseconds + half) // scale * scale)


def check_date(days: int) -> int:
    """Return the day, or raise 22008 when it is no finite date."""
    if DATE_START <= days < DATE_END:
        return days
    raise errors.DatetimeFieldOverflow("date out of range")


def check_timestamp(microseconds: int) -> int:
    """Return the instant, or raise 22008 when it is no finite timestamp."""
    if TIMESTAMP_START <= microseconds < TIMESTAMP_END:
        return microseconds
    raise errors.DatetimeFieldOverflow("timestamp out of range")
