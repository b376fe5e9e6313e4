"""``extract`` and ``date_part``: one field of a date, time, timestamp or interval.

``extract`` gives numeric, exact, with the scale PostgreSQL 14 and later give (seconds with six digits, milliseconds
with three); ``date_part`` the same as double precision. Of an infinite value the fields that only grow (year, epoch)
are infinite and the others NULL.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

from heliosdb import errors
from heliosdb.types.calendar import (
    DATE_INFINITY,
    DATE_MINUS_INFINITY,
    EPOCH_JULIAN_DAY,
    MICROSECONDS_PER_DAY,
    MICROSECONDS_PER_SECOND,
    TIMESTAMP_INFINITY,
    TIMESTAMP_MINUS_INFINITY,
    UNIX_EPOCH_DAYS,
    civil_from_days,
    days_from_civil,
    iso_week,
    time_fields,
    truncated_division,
)
from heliosdb.types.datetime_units import UNITS
from heliosdb.types.definitions import ScalarFunction, SessionContext, Volatility
from heliosdb.types.interval import Interval
from heliosdb.types.numeric import numeric_add, numeric_div
from heliosdb.types.time import TimeWithZone
from heliosdb.types.timestamp import date_to_timestamp
from heliosdb.types.zones import offset_at_utc, session_zone

__all__ = ["FUNCTIONS", "decode_unit", "unit_not_recognized", "unit_not_supported"]

_FURTHER_UNITS = {
    "dow": "dow",
    "doy": "doy",
    "epoch": "epoch",
    "isodow": "isodow",
    "isoyear": "isoyear",
    "j": "julian",
    "jd": "julian",
    "julian": "julian",
    "mm": "minute",
    "t": "time",
    "now": "now",
    "today": "today",
    "tomorrow": "tomorrow",
    "yesterday": "yesterday",
    "allballs": "allballs",
    "infinity": "infinity",
    "-infinity": "infinity",
}
_SPECIAL_VALUES = frozenset(("now", "today", "tomorrow", "yesterday", "allballs", "infinity"))
_GROWING = frozenset(("year", "decade", "century", "millennium", "julian", "isoyear", "epoch"))
_OF_DATE = frozenset(("year", "month", "day", "quarter", "week", "decade", "century", "millennium")) | frozenset(
    ("julian", "isoyear", "dow", "isodow", "doy", "epoch")
)
_OF_TIME = frozenset(("microsecond", "millisecond", "second", "minute", "hour", "epoch"))
_OF_ZONE = frozenset(("timezone", "timezone_hour", "timezone_minute"))
_OF_TIMESTAMP = _OF_DATE | _OF_TIME
_OF_INTERVAL = _OF_TIME | frozenset(("day", "month", "quarter", "year", "decade", "century", "millennium"))


def decode_unit(text: str) -> str | None:
    """Return the unit that a name means, in any case and in any of its spellings, or None."""
    name = text.lower()[:10]
    return UNITS.get(name) or _FURTHER_UNITS.get(name)


def unit_not_supported(unit: str, display: str, detail: str | None = None) -> errors.Error:
    """Return the error of a unit that a type does not have."""
    return errors.FeatureNotSupported(f'unit "{unit.lower()}" not supported for type {display}', detail=detail)


def unit_not_recognized(unit: str, display: str) -> errors.Error:
    """Return the error of a name that is no unit."""
    return errors.InvalidParameterValue(f'unit "{unit.lower()}" not recognized for type {display}')


def _checked_unit(text: str, allowed: frozenset[str], display: str) -> str:
    unit = decode_unit(text)
    if unit is None or (unit in _SPECIAL_VALUES and display.startswith(("time ", "interval"))):
        raise unit_not_recognized(text, display)
    if unit not in allowed:
        raise unit_not_supported(text, display)
    return unit


def _scaled(value: int, digits: int) -> Decimal:
    """Return value / 10**digits with that scale."""
    return Decimal(value).scaleb(-digits)


def _time_part(unit: str, microseconds: int) -> Decimal | None:
    hour, minute, second, fraction = time_fields(microseconds)
    if unit == "microsecond":
        return Decimal(second * MICROSECONDS_PER_SECOND + fraction)
    if unit == "millisecond":
        return _scaled(second * MICROSECONDS_PER_SECOND + fraction, 3)
    if unit == "second":
        return _scaled(second * MICROSECONDS_PER_SECOND + fraction, 6)
    if unit == "minute":
        return Decimal(minute)
    return Decimal(hour) if unit == "hour" else None


def _date_part(unit: str, days: int) -> Decimal:
    if unit == "dow":
        return Decimal((days + 6) % 7)
    if unit == "isodow":
        return Decimal((days + 5) % 7 + 1)
    if unit in ("isoyear", "week"):
        iso_year, week, _ = iso_week(days)
        return Decimal(week if unit == "week" else iso_year if iso_year > 0 else iso_year - 1)
    year, month, day = civil_from_days(days)
    if unit == "year":
        return Decimal(year if year > 0 else year - 1)
    if unit == "month":
        return Decimal(month)
    if unit == "day":
        return Decimal(day)
    if unit == "quarter":
        return Decimal((month - 1) // 3 + 1)
    if unit == "doy":
        return Decimal(days - days_from_civil(year, 1, 1) + 1)
    if unit == "decade":
        return Decimal(year // 10)
    size = 100 if unit == "century" else 1000
    return Decimal((year + size - 1) // size if year > 0 else -((size - 1 - (year - 1)) // size))


def _infinite_part(unit: str, positive: bool) -> Decimal | None:
    if unit not in _GROWING:
        return None
    return Decimal("Infinity") if positive else Decimal("-Infinity")


@lru_cache(maxsize=8192)
def extract_date(text: str, date: int) -> Decimal | None:
    """Return a field of a date. Dates come again and again: they are few."""
    unit = _checked_unit(text, _OF_DATE, "date")
    if date in (DATE_INFINITY, DATE_MINUS_INFINITY):
        return _infinite_part(unit, date > 0)
    if unit == "epoch":
        return Decimal((date + UNIX_EPOCH_DAYS) * 86_400)
    if unit == "julian":
        return Decimal(date + EPOCH_JULIAN_DAY)
    return _date_part(unit, date)


def _timestamp_part(unit: str, local: int, instant: int) -> Decimal | None:
    days, rest = divmod(local, MICROSECONDS_PER_DAY)
    part = _time_part(unit, rest)
    if part is not None:
        return part
    if unit == "epoch":
        return _scaled(instant + UNIX_EPOCH_DAYS * MICROSECONDS_PER_DAY, 6)
    if unit == "julian":
        part_of_day = numeric_div(Decimal(rest), Decimal(MICROSECONDS_PER_DAY))
        return numeric_add(Decimal(days + EPOCH_JULIAN_DAY), part_of_day)
    return _date_part(unit, days)


def extract_timestamp(text: str, timestamp: int) -> Decimal | None:
    """Return a field of a timestamp."""
    if timestamp in (TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY):
        # PostgreSQL does not tell the two kinds of timestamp apart here.
        unit = _checked_unit(text, _OF_TIMESTAMP | _OF_ZONE, "timestamp without time zone")
        return _infinite_part(unit, timestamp > 0)
    unit = _checked_unit(text, _OF_TIMESTAMP, "timestamp without time zone")
    return _timestamp_part(unit, timestamp, timestamp)


def extract_timestamptz(text: str, timestamp: int, session: SessionContext) -> Decimal | None:
    """Return a field of an instant's local time in the session's TimeZone."""
    unit = _checked_unit(text, _OF_TIMESTAMP | _OF_ZONE, "timestamp with time zone")
    if timestamp in (TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY):
        return _infinite_part(unit, timestamp > 0)
    offset = offset_at_utc(session_zone(session), timestamp)
    if unit in _OF_ZONE:
        return _zone_part(unit, offset)
    return _timestamp_part(unit, timestamp + offset * MICROSECONDS_PER_SECOND, timestamp)


def _zone_part(unit: str, east: int) -> Decimal:
    if unit == "timezone":
        return Decimal(east)
    if unit == "timezone_hour":
        return Decimal(truncated_division(east, 3600))
    return Decimal(truncated_division(east, 60) - truncated_division(east, 3600) * 60)


def extract_time(text: str, time: int) -> Decimal | None:
    """Return a field of a time of day."""
    unit = _checked_unit(text, _OF_TIME, "time without time zone")
    return _scaled(time, 6) if unit == "epoch" else _time_part(unit, time)


def extract_timetz(text: str, time: TimeWithZone) -> Decimal | None:
    """Return a field of a time of day with zone."""
    unit = _checked_unit(text, _OF_TIME | _OF_ZONE, "time with time zone")
    if unit in _OF_ZONE:
        return _zone_part(unit, -time[1])
    if unit == "epoch":
        return _scaled(time[0] + time[1] * MICROSECONDS_PER_SECOND, 6)
    return _time_part(unit, time[0])


def extract_interval(text: str, interval: Interval) -> Decimal | None:
    """Return a field of an interval, with the sign of its part."""
    unit = _checked_unit(text, _OF_INTERVAL, "interval")
    months, days, microseconds = interval
    sign = -1 if months < 0 else 1
    years, rest = divmod(abs(months), 12)
    if unit == "epoch":
        # A year of 365.25 days, a month of 30.
        quarter_days = sign * (years * 1461 + rest * 120) + days * 4
        return _scaled(quarter_days * (MICROSECONDS_PER_DAY // 4) + microseconds, 6)
    if unit == "day":
        return Decimal(days)
    if unit == "month":
        return Decimal(sign * rest)
    if unit == "quarter":
        return Decimal(truncated_division(sign * rest, 3) + 1)
    if unit in ("year", "decade", "century", "millennium"):
        divisor = {"year": 1, "decade": 10, "century": 100, "millennium": 1000}[unit]
        return Decimal(truncated_division(sign * years, divisor))
    part = _time_part(unit, abs(microseconds))
    return -part if part and microseconds < 0 else part


def _as_float(extract: Callable[..., Decimal | None]) -> Callable[..., float | None]:
    def part(*arguments: Any) -> float | None:
        value = extract(*arguments)
        return None if value is None else float(value)

    return part


def _interval_part(text: str, interval: Interval) -> Decimal | float | None:
    """Return a field of an interval; its epoch is summed up in double precision, as PostgreSQL does it."""
    if decode_unit(text) != "epoch":
        return extract_interval(text, interval)
    months, days, microseconds = interval
    years = truncated_division(months, 12)
    seconds = microseconds / 1_000_000.0 + 365.25 * 86_400 * years
    return seconds + 30.0 * 86_400 * (months - years * 12) + 86_400.0 * days


Adapt = Callable[[Callable[..., Any]], Callable[..., Any]]


def _part_of_date(text: str, date: int) -> Decimal | None:
    """Return a field of a date's midnight: ``date_part`` takes a date for a timestamp, ``extract`` does not."""
    return extract_timestamp(text, date_to_timestamp(date))


def _functions(name: str, returns: str, adapt: Adapt) -> list[ScalarFunction]:
    simple: list[tuple[str, Callable[..., Any]]] = [
        ("date", extract_date if name == "extract" else _part_of_date),
        ("time", extract_time),
        ("timetz", extract_timetz),
        ("timestamp", extract_timestamp),
        ("interval", extract_interval if name == "extract" else _interval_part),
    ]
    functions = [
        ScalarFunction(name, ("text", type_name), returns, adapt(implementation))
        for type_name, implementation in simple
    ]
    functions.append(
        ScalarFunction(
            name,
            ("text", "timestamptz"),
            returns,
            adapt(extract_timestamptz),
            volatility=Volatility.STABLE,
            needs_session=True,
        )
    )
    return functions


def _unchanged(implementation: Callable[..., Any]) -> Callable[..., Any]:
    return implementation


FUNCTIONS: tuple[ScalarFunction, ...] = (
    *_functions("extract", "numeric", _unchanged),
    *_functions("date_part", "float8", _as_float),
)
