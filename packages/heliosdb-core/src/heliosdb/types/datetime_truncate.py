"""``date_trunc`` and ``date_bin``: instants and intervals cut down to a unit or a stride."""

from __future__ import annotations

from heliosdb import errors
from heliosdb.types.calendar import (
    MICROSECONDS_PER_DAY,
    MICROSECONDS_PER_HOUR,
    MICROSECONDS_PER_MINUTE,
    MICROSECONDS_PER_SECOND,
    TIMESTAMP_INFINITY,
    TIMESTAMP_MINUS_INFINITY,
    check_timestamp,
    civil_from_days,
    days_from_civil,
    truncated_division,
)
from heliosdb.types.datetime_extract import unit_not_recognized, unit_not_supported
from heliosdb.types.datetime_units import UNITS
from heliosdb.types.definitions import ScalarFunction, SessionContext, Volatility
from heliosdb.types.interval import Interval
from heliosdb.types.zones import (
    abbreviation_offset,
    fixed_zone,
    local_to_utc,
    offset_at_utc,
    require_zone,
    session_zone,
)

__all__ = ["FUNCTIONS"]

_SHORT_UNITS = {
    "microsecond": 1,
    "millisecond": 1000,
    "second": MICROSECONDS_PER_SECOND,
    "minute": MICROSECONDS_PER_MINUTE,
    "hour": MICROSECONDS_PER_HOUR,
}
_DAY_UNITS = frozenset(("day", "week", "month", "quarter", "year", "decade", "century", "millennium"))
_YEARS = {"year": 1, "decade": 10, "century": 100, "millennium": 1000}


def _unit(text: str, display: str) -> str:
    unit = UNITS.get(text.lower()[:10])
    if unit is None:
        raise unit_not_recognized(text, display)
    if unit not in _SHORT_UNITS and unit not in _DAY_UNITS:
        raise unit_not_supported(text, display)
    return unit


def _first_day(unit: str, days: int) -> int:
    """Return the first day of the unit that a day lies in."""
    if unit == "day":
        return days
    if unit == "week":
        return days - (days + 5) % 7
    year, month, _ = civil_from_days(days)
    if unit == "month":
        return days_from_civil(year, month, 1)
    if unit == "quarter":
        return days_from_civil(year, (month - 1) // 3 * 3 + 1, 1)
    size = _YEARS[unit]
    if unit in ("century", "millennium"):
        # The first century began with the year 1.
        year = (year - 1) // size * size + 1
    else:
        year = year // size * size
    return days_from_civil(year, 1, 1)


def _truncated(unit: str, local: int) -> int:
    short = _SHORT_UNITS.get(unit)
    if short is not None:
        return local - local % short
    return _first_day(unit, local // MICROSECONDS_PER_DAY) * MICROSECONDS_PER_DAY


def date_trunc_timestamp(text: str, timestamp: int) -> int:
    """Cut a timestamp down to a unit."""
    if timestamp in (TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY):
        return timestamp
    return check_timestamp(_truncated(_unit(text, "timestamp without time zone"), timestamp))


def date_trunc_timestamptz(text: str, timestamp: int, session: SessionContext) -> int:
    """Cut an instant down to a unit of local time in the session's TimeZone."""
    return _truncate_in_zone(text, timestamp, session.setting("timezone"), session)


def date_trunc_timestamptz_zone(text: str, timestamp: int, zone: str) -> int:
    """Cut an instant down to a unit of local time in a zone."""
    return _truncate_in_zone(text, timestamp, zone, None)


def _truncate_in_zone(text: str, timestamp: int, name: str, session: SessionContext | None) -> int:
    if timestamp in (TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY):
        return timestamp
    if session is not None:
        zone = session_zone(session)
    else:
        known = abbreviation_offset(name, timestamp)
        zone = fixed_zone(known[0]) if known is not None else require_zone(name)
    unit = _unit(text, "timestamp with time zone")
    offset = offset_at_utc(zone, timestamp) * MICROSECONDS_PER_SECOND
    local = _truncated(unit, timestamp + offset)
    # Hours and less keep the offset they had: of the two hours that autumn repeats each stays itself.
    return check_timestamp(local - offset if unit in _SHORT_UNITS else local_to_utc(zone, local))


def date_trunc_interval(text: str, interval: Interval) -> Interval:
    """Cut an interval down to a unit, towards zero."""
    unit = _unit_of_interval(text)
    months, days, microseconds = interval
    if unit in _YEARS:
        size = 12 * _YEARS[unit]
        return Interval(truncated_division(months, size) * size, 0, 0)
    if unit in ("quarter", "month"):
        size = 3 if unit == "quarter" else 1
        return Interval(truncated_division(months, size) * size, 0, 0)
    if unit == "day":
        return Interval(months, days, 0)
    size = _SHORT_UNITS[unit]
    return Interval(months, days, truncated_division(microseconds, size) * size)


def _unit_of_interval(text: str) -> str:
    unit = _unit(text, "interval")
    if unit == "week":
        raise unit_not_supported(text, "interval", detail="Months usually have fractional weeks.")
    return unit


def date_bin(stride: Interval, timestamp: int, origin: int) -> int:
    """Return the start of the stride, counted from the origin, that an instant lies in."""
    if timestamp in (TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY):
        return timestamp
    if origin in (TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY):
        raise errors.DatetimeFieldOverflow("origin out of range")
    if stride[0]:
        raise errors.FeatureNotSupported("timestamps cannot be binned into intervals containing months or years")
    length = stride[1] * MICROSECONDS_PER_DAY + stride[2]
    if not -(2**63) <= length < 2**63 or not -(2**63) <= timestamp - origin < 2**63:
        raise errors.DatetimeFieldOverflow("interval out of range")
    if length <= 0:
        raise errors.DatetimeFieldOverflow("stride must be greater than zero")
    return check_timestamp(origin + (timestamp - origin) // length * length)


FUNCTIONS: tuple[ScalarFunction, ...] = (
    ScalarFunction("date_trunc", ("text", "timestamp"), "timestamp", date_trunc_timestamp),
    ScalarFunction(
        "date_trunc",
        ("text", "timestamptz"),
        "timestamptz",
        date_trunc_timestamptz,
        volatility=Volatility.STABLE,
        needs_session=True,
    ),
    ScalarFunction(
        "date_trunc",
        ("text", "timestamptz", "text"),
        "timestamptz",
        date_trunc_timestamptz_zone,
        volatility=Volatility.STABLE,
    ),
    ScalarFunction("date_trunc", ("text", "interval"), "interval", date_trunc_interval),
    ScalarFunction("date_bin", ("interval", "timestamp", "timestamp"), "timestamp", date_bin),
    ScalarFunction("date_bin", ("interval", "timestamptz", "timestamptz"), "timestamptz", date_bin),
)
