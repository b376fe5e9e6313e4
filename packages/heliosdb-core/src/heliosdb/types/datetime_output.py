"""Date and time output in the four styles of DateStyle: ISO, SQL, Postgres and German.

ISO output of the years 1 to 9999 goes through Python's own ``isoformat``; everything else is put together from
fields.
"""

from __future__ import annotations

from datetime import date as python_date
from datetime import datetime, timedelta, tzinfo

from heliosdb.types.calendar import (
    DATE_INFINITY,
    DATE_MINUS_INFINITY,
    MICROSECONDS_PER_DAY,
    TIMESTAMP_INFINITY,
    TIMESTAMP_MINUS_INFINITY,
    civil_from_days,
    time_fields,
)
from heliosdb.types.definitions import SessionContext
from heliosdb.types.zones import abbreviation_at, offset_at_utc, offset_text, session_zone

__all__ = ["date_text", "iso_text", "time_text", "timestamp_text", "timestamptz_text"]

_ORDINAL_OF_2000 = 730_120
_EPOCH = datetime(2000, 1, 1)
_FIRST_PYTHON_DAY = 1 - _ORDINAL_OF_2000
_LAST_PYTHON_DAY = python_date.max.toordinal() - _ORDINAL_OF_2000
_FIRST_PYTHON_INSTANT = _FIRST_PYTHON_DAY * MICROSECONDS_PER_DAY
_LAST_PYTHON_INSTANT = (_LAST_PYTHON_DAY + 1) * MICROSECONDS_PER_DAY - 1
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _style(session: SessionContext) -> tuple[str, str]:
    setting: str = session.setting("datestyle")
    style, _, order = setting.partition(",")
    return style.strip().upper(), order.strip().upper()


def time_text(microseconds: int) -> str:
    """Return ``04:05:06.789``; the fraction without trailing zeros."""
    hour, minute, second, fraction = time_fields(microseconds)
    text = f"{hour:02d}:{minute:02d}:{second:02d}"
    return f"{text}.{fraction:06d}".rstrip("0") if fraction else text


def _shown_year(year: int) -> tuple[int, str]:
    return (year, "") if year > 0 else (1 - year, " BC")


def date_text(days: int, session: SessionContext) -> str:
    """Return a date in the session's DateStyle."""
    if days == DATE_INFINITY:
        return "infinity"
    if days == DATE_MINUS_INFINITY:
        return "-infinity"
    style, order = _style(session)
    if style == "ISO" and _FIRST_PYTHON_DAY <= days <= _LAST_PYTHON_DAY:
        return python_date.fromordinal(days + _ORDINAL_OF_2000).isoformat()
    year, month, day = civil_from_days(days)
    year, era = _shown_year(year)
    if style == "ISO":
        return f"{year:04d}-{month:02d}-{day:02d}{era}"
    if style == "GERMAN":
        return f"{day:02d}.{month:02d}.{year:04d}{era}"
    separator = "/" if style == "SQL" else "-"
    if order == "DMY":
        return f"{day:02d}{separator}{month:02d}{separator}{year:04d}{era}"
    return f"{month:02d}{separator}{day:02d}{separator}{year:04d}{era}"


def timestamp_text(microseconds: int, session: SessionContext) -> str:
    """Return a timestamp without time zone in the session's DateStyle."""
    infinite = _infinity(microseconds)
    return infinite or _instant_text(microseconds, _style(session), None, 0, "")


def timestamptz_text(microseconds: int, session: SessionContext, zone: tzinfo | None = None) -> str:
    """Return an instant as local time of the session's TimeZone (or another), with its offset or abbreviation."""
    infinite = _infinity(microseconds)
    if infinite:
        return infinite
    if zone is None:
        zone = session_zone(session)
    offset = offset_at_utc(zone, microseconds)
    style = _style(session)
    abbreviation = "" if style[0] == "ISO" else abbreviation_at(zone, microseconds)
    return _instant_text(microseconds + offset * 1_000_000, style, offset, offset, abbreviation)


def _infinity(microseconds: int) -> str | None:
    if microseconds == TIMESTAMP_INFINITY:
        return "infinity"
    return "-infinity" if microseconds == TIMESTAMP_MINUS_INFINITY else None


def _instant_text(local: int, style: tuple[str, str], shown: int | None, offset: int, abbreviation: str) -> str:
    name, order = style
    zone = "" if shown is None else offset_text(offset)
    if name == "ISO" and _FIRST_PYTHON_INSTANT <= local <= _LAST_PYTHON_INSTANT:
        text = (_EPOCH + timedelta(microseconds=local)).isoformat(" ")
        return (text.rstrip("0") if len(text) > 19 else text) + zone
    days, rest = divmod(local, MICROSECONDS_PER_DAY)
    year, month, day = civil_from_days(days)
    year, era = _shown_year(year)
    clock = time_text(rest)
    if name == "ISO":
        return f"{year:04d}-{month:02d}-{day:02d} {clock}{zone}{era}"
    if shown is not None:
        zone = f" {abbreviation}" if abbreviation else zone
    if name == "POSTGRES":
        weekday = _WEEKDAYS[(days + 5) % 7]
        middle = f"{day:02d} {_MONTHS[month]}" if order == "DMY" else f"{_MONTHS[month]} {day:02d}"
        return f"{weekday} {middle} {clock} {year:04d}{zone}{era}"
    if name == "GERMAN":
        return f"{day:02d}.{month:02d}.{year:04d} {clock}{zone}{era}"
    first, second = (day, month) if order == "DMY" else (month, day)
    return f"{first:02d}/{second:02d}/{year:04d} {clock}{zone}{era}"


def iso_text(local: int, offset: int | None = None) -> str:
    """Return an instant as ISO 8601 has it, with a T, whatever DateStyle says; ``offset`` in seconds east."""
    days, rest = divmod(local, MICROSECONDS_PER_DAY)
    year, month, day = civil_from_days(days)
    year, era = _shown_year(year)
    zone = "" if offset is None else offset_text(offset, colons=True)
    return f"{year:04d}-{month:02d}-{day:02d}T{time_text(rest)}{zone}{era}"
