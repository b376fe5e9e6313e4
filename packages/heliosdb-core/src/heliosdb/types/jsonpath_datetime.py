"""Dates and times in SQL/JSON paths: what ``.datetime()`` makes of a string.

Such an item is no string any more: it compares with other dates and times only, and becomes a string again, in ISO
8601, where it leaves the path. Whether a date lies before an instant depends on a time zone, which only the ``*_tz``
functions may use: theirs is the session's.
"""

from __future__ import annotations

import re
from typing import Any, Final

from attrs import frozen

from heliosdb.errors import (
    DatetimeFieldOverflow,
    FeatureNotSupported,
    InvalidArgumentForSqlJsonDatetimeFunction,
    InvalidDatetimeFormat,
)
from heliosdb.types.calendar import MICROSECONDS_PER_DAY, MICROSECONDS_PER_SECOND, civil_from_days, time_fields
from heliosdb.types.date import make_date
from heliosdb.types.timestamp import date_to_timestamptz, timestamp_to_timestamptz
from heliosdb.types.zones import offset_at_utc, offset_text, session_zone

__all__ = ["DatetimeItem", "compare_datetimes", "datetime_of"]

DISPLAY: Final = {
    "date": "date",
    "time": "time without time zone",
    "timetz": "time with time zone",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
}

_date: Final = r"\s*0*(\d{4})-(\d\d?)-(\d\d?)"
_time: Final = r"(\d\d?):(\d\d?):(\d\d?)(?:\.(\d{1,6}))?(?:\s?([+-]\d\d?)(?::(\d\d))?)?"
_format: Final = re.compile(rf"(?:{_date})?(?:(?(1)[ T])\s*{_time})?")


@frozen
class DatetimeItem:
    """``kind`` is a type's name; ``local`` microseconds since 2000-01-01 or midnight, as written; ``offset`` seconds
    east, of what has a zone.
    """

    kind: str
    local: int
    offset: int = 0

    @property
    def type_name(self) -> str:
        """What ``.type()`` says."""
        return DISPLAY[self.kind]

    @property
    def instant(self) -> int:
        """The microseconds in UTC of what has a zone."""
        return self.local - self.offset * MICROSECONDS_PER_SECOND

    def as_text(self) -> str:
        """Return the item as jsonb shows it."""
        days, microseconds = divmod(self.local, MICROSECONDS_PER_DAY)
        year, month, day = civil_from_days(days)
        parts = (
            [] if self.kind.startswith("time") and "stamp" not in self.kind else [f"{year:04d}-{month:02d}-{day:02d}"]
        )
        if self.kind != "date":
            hour, minute, second, fraction = time_fields(microseconds)
            shown = f"{hour:02d}:{minute:02d}:{second:02d}"
            parts.append(shown + (f".{fraction:06d}".rstrip("0") if fraction else ""))
        zone = ""
        if self.kind.endswith("tz"):
            zone = offset_text(self.offset, colons=True)
            zone += "" if ":" in zone else ":00"
        return "T".join(parts) + zone


def datetime_of(text: Any, template: str | None) -> DatetimeItem:
    """Return the date or time that a string names; 22031 where it is no string or names none."""
    if not isinstance(text, str):
        raise InvalidArgumentForSqlJsonDatetimeFunction(
            "jsonpath item method .datetime() can only be applied to a string"
        )
    if template is not None:
        return _by_template(text, template)
    match = _format.fullmatch(text)
    if match is None or not text.strip():
        raise _unrecognized(text)
    year, month, day, hour, minute, second, fraction, zone, zone_minutes = match.groups()
    local = offset = 0
    try:
        if year is not None:
            local = make_date(int(year), int(month), int(day)) * MICROSECONDS_PER_DAY
    except DatetimeFieldOverflow:
        raise _unrecognized(text) from None
    if hour is None:
        return DatetimeItem("date", local)
    if int(hour) > 23 or int(minute) > 59 or int(second) > 59:
        raise _unrecognized(text)
    seconds = (int(hour) * 60 + int(minute)) * 60 + int(second)
    local += seconds * MICROSECONDS_PER_SECOND + int((fraction or "").ljust(6, "0"))
    if zone is not None:
        offset = (abs(int(zone)) * 60 + int(zone_minutes or 0)) * 60 * (-1 if zone[0] == "-" else 1)
    kind = "time" if year is None else "timestamp"
    return DatetimeItem(kind if zone is None else f"{kind}tz", local, offset)


def _unrecognized(text: str) -> InvalidArgumentForSqlJsonDatetimeFunction:
    return InvalidArgumentForSqlJsonDatetimeFunction(
        f'datetime format is not recognized: "{text}"',
        hint="Use a datetime template argument to specify the input data format.",
    )


def _by_template(text: str, template: str) -> DatetimeItem:
    from heliosdb.types.datetime_format_input import read_by_template

    days, microseconds, offset = read_by_template(text, template)
    bare = re.sub(r'"[^"]*"', "", template).upper()
    is_timed = re.search(r"HH|MI|SS|MS|US|FF|[AP]\.?M", re.sub("MM|RM|MON", "", bare)) is not None
    is_dated = re.search(r"Y|MM|MON|DD|DAY|DY|RM|\bD\b|J|WW|IW|ID|CC|Q", bare) is not None
    local = microseconds + (days * MICROSECONDS_PER_DAY if is_dated else 0)
    if re.search("TZ|OF", bare) is not None:
        if not is_timed:
            raise InvalidDatetimeFormat("datetime format is zoned but not timed")
        return DatetimeItem("timestamptz" if is_dated else "timetz", local, offset or 0)
    if is_timed:
        return DatetimeItem("timestamp" if is_dated else "time", local)
    if not is_dated:
        raise InvalidDatetimeFormat("datetime format is not dated and not timed")
    return DatetimeItem("date", local)


def compare_datetimes(left: DatetimeItem, right: DatetimeItem, session: Any) -> int | None:
    """Return how two items are ordered, None where they do not compare; ``session`` None: without time zones."""
    is_clock = [item.kind in ("time", "timetz") for item in (left, right)]
    if is_clock[0] != is_clock[1]:
        return None
    if left.kind.endswith("tz") == right.kind.endswith("tz"):
        first, second = (
            ((item.instant, -item.offset) if is_clock[0] else (item.instant, 0))
            if item.kind.endswith("tz")
            else (item.local, 0)
            for item in (left, right)
        )
        return (first > second) - (first < second)
    first_instant, second_instant = _instant(left, right.kind, session), _instant(right, left.kind, session)
    return (first_instant > second_instant) - (first_instant < second_instant)


def _instant(item: DatetimeItem, other: str, session: Any) -> int:
    if item.kind.endswith("tz"):
        return item.instant
    if session is None:
        raise FeatureNotSupported(
            f"cannot convert value from {item.kind} to {other} without time zone usage",
            hint="Use *_tz() function for time zone support.",
        )
    if item.kind == "date":
        return date_to_timestamptz(item.local // MICROSECONDS_PER_DAY, session)
    if item.kind == "timestamp":
        return timestamp_to_timestamptz(item.local, session)
    now = session.transaction_timestamp
    return item.local - offset_at_utc(session_zone(session), now) * MICROSECONDS_PER_SECOND
