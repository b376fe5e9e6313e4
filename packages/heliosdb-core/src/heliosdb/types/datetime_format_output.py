"""``to_char`` for timestamps and intervals.

A template's fields draw on one set of parts: year, month, day and so on, of a local time with the offset and name of
its zone, or of an interval, which has no weekday, era or zone.
"""

from __future__ import annotations

from attrs import frozen

from heliosdb import errors
from heliosdb.types.calendar import (
    EPOCH_JULIAN_DAY,
    MICROSECONDS_PER_DAY,
    MICROSECONDS_PER_SECOND,
    civil_from_days,
    days_from_civil,
    iso_week,
    time_fields,
    truncated_division,
)
from heliosdb.types.datetime_template import Node, NodeKind, parse_template
from heliosdb.types.definitions import SessionContext
from heliosdb.types.interval import Interval
from heliosdb.types.timestamp import is_finite
from heliosdb.types.zones import abbreviation_at, offset_at_utc, session_zone

__all__ = ["to_char_interval", "to_char_timestamp", "to_char_timestamptz"]

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
ROMAN_MONTHS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")

_OF_CALENDAR = frozenset(("TZ", "TZH", "TZM", "OF", "A.D.", "B.C.", "AD", "BC", "MONTH", "MON", "DAY", "DY", "D", "ID"))


@frozen
class _Parts:
    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    fraction: int
    days: int
    day_of_year: int
    offset: int = 0
    zone: str = ""
    is_interval: bool = False

    @property
    def weekday(self) -> int:
        """0 for Sunday."""
        return (self.days + 6) % 7

    @property
    def shown_year(self) -> int:
        """The year as people count it: 1 BC is 1."""
        return self._shown(self.year)

    @property
    def iso_year(self) -> int:
        """The year of the ISO week, as people count it."""
        return self._shown(iso_week(self.days)[0])

    def _shown(self, year: int) -> int:
        return year if self.is_interval or year > 0 else 1 - year


def _parts_of_local(local: int, offset: int = 0, zone: str = "") -> _Parts:
    days, rest = divmod(local, MICROSECONDS_PER_DAY)
    year, month, day = civil_from_days(days)
    day_of_year = days - days_from_civil(year, 1, 1) + 1
    return _Parts(year, month, day, *time_fields(rest), days, day_of_year, offset, zone)


def to_char_timestamp(timestamp: int, template: str) -> str | None:
    """Write a timestamp by a template; NULL for infinity and the empty template."""
    if not template or not is_finite(timestamp):
        return None
    return _write(_parts_of_local(timestamp), template)


def to_char_timestamptz(timestamp: int, template: str, session: SessionContext) -> str | None:
    """Write an instant's local time in the session's TimeZone by a template."""
    if not template or not is_finite(timestamp):
        return None
    zone = session_zone(session)
    offset = offset_at_utc(zone, timestamp)
    local = timestamp + offset * MICROSECONDS_PER_SECOND
    return _write(_parts_of_local(local, offset, abbreviation_at(zone, timestamp)), template)


def to_char_interval(interval: Interval, template: str) -> str | None:
    """Write an interval by a template; 22007 for fields that only dates have."""
    if not template:
        return None
    months, days, microseconds = interval
    year = truncated_division(months, 12)
    month = months - year * 12
    sign = -1 if microseconds < 0 else 1
    hour, minute, second, fraction = (sign * part for part in time_fields(abs(microseconds)))
    day_of_year = (year * 12 + month) * 30 + days
    day = _julian_day(year, month, days) - EPOCH_JULIAN_DAY
    parts = _Parts(year, month, days, hour, minute, second, fraction, day, day_of_year, is_interval=True)
    return _write(parts, template)


def _julian_day(year: int, month: int, day: int) -> int:
    """Count an interval's parts as if they were a date's, as PostgreSQL's ``date2j`` does with whatever it gets."""
    year, month = (year + 4800, month + 1) if month > 2 else (year + 4799, month + 13)
    century = truncated_division(year, 100)
    leap_days = truncated_division(year, 4) - century + truncated_division(century, 4)
    return year * 365 - 32167 + leap_days + truncated_division(7834 * month, 256) + day


def _write(parts: _Parts, template: str) -> str:
    return "".join(
        node.text if node.kind is not NodeKind.FIELD else _field(parts, node) for node in parse_template(template)
    )


def _number(node: Node, value: int, width: int) -> str:
    """Write a number with leading zeros, one more place for a sign, and its ordinal ending."""
    if node.fill_mode:
        width = 0
    text = f"{value:0{width + (value < 0)}d}" if width else str(value)
    return text + _ordinal(text, node.ordinal)


def _ordinal(number: str, spelling: str) -> str:
    if not spelling:
        return ""
    teen = len(number) > 1 and number[-2] == "1"
    ending = {"1": "st", "2": "nd", "3": "rd"}.get("" if teen else number[-1], "th")
    return ending.upper() if spelling == "TH" else ending


def _word(node: Node, word: str, width: int = 0) -> str:
    """Write a name in the case of the field's spelling, padded to the longest one."""
    spelling = node.text
    if spelling.isupper():
        word = word.upper()
    elif spelling.islower():
        word = word.lower()
    return word if node.fill_mode or node.locale else word.ljust(width)


def _field(parts: _Parts, node: Node) -> str:
    assert node.field is not None
    name = node.field.name
    if parts.is_interval and name in _OF_CALENDAR:
        raise errors.InvalidDatetimeFormat(
            "invalid format specification for an interval value",
            hint="Intervals are not tied to specific calendar dates.",
        )
    if name in ("YYYY", "YYY", "YY", "Y", "IYYY", "IYY", "IY", "I", "Y,YYY", "CC"):
        return _year_field(parts, node, name)
    if name in _TIME_FIELDS:
        return _time_field(parts, node, name)
    return _date_field(parts, node, name)


_TIME_FIELD_NAMES = "HH24 HH12 HH MI SS MS US SSSS SSSSS A.M. P.M. AM PM TZ TZH TZM OF FF1 FF2 FF3 FF4 FF5 FF6"
_TIME_FIELDS = frozenset(_TIME_FIELD_NAMES.split())


def _time_field(parts: _Parts, node: Node, name: str) -> str:
    if name in ("HH12", "HH"):
        # Twelve hours, for intervals too; the sign goes as C's remainder does.
        hour = parts.hour - truncated_division(parts.hour, 12) * 12
        width = 2 if parts.hour >= 0 else 3
        shown = 12 if hour == 0 else hour
        text = str(shown) if node.fill_mode else f"{shown:0{width}d}"
        return text + _ordinal(text, node.ordinal)
    if name in ("HH24", "MI", "SS"):
        value = {"HH24": parts.hour, "MI": parts.minute, "SS": parts.second}[name]
        return _number(node, value, 2)
    if name in ("MS", "US") or name.startswith("FF"):
        digits = {"MS": 3, "US": 6}.get(name) or int(name[2])
        text = f"{truncated_division(parts.fraction, 10 ** (6 - digits)):0{digits}d}"
        return text + _ordinal(text, node.ordinal)
    if name in ("SSSS", "SSSSS"):
        text = str((parts.hour * 60 + parts.minute) * 60 + parts.second)
        return text + _ordinal(text, node.ordinal)
    if name in ("A.M.", "P.M.", "AM", "PM"):
        hour = parts.hour - truncated_division(parts.hour, 24) * 24
        half = "PM" if hour >= 12 else "AM"
        spelled = f"{half[0]}.{half[1]}." if "." in name else half
        return spelled.lower() if node.text.islower() else spelled
    if name == "TZ":
        return parts.zone.lower() if node.text.islower() else parts.zone
    hours, rest = divmod(abs(parts.offset), 3600)
    sign = "-" if parts.offset < 0 else "+"
    if name == "TZH":
        return f"{sign}{hours:02d}"
    if name == "TZM":
        return f"{rest // 60:02d}"
    shown_hours = str(hours) if node.fill_mode else f"{hours:02d}"
    return f"{sign}{shown_hours}" + (f":{rest // 60:02d}" if rest else "")


def _year_field(parts: _Parts, node: Node, name: str) -> str:
    if name == "CC":
        if parts.is_interval:
            century = truncated_division(parts.year, 100)
        else:
            century = (parts.year - 1) // 100 + 1 if parts.year > 0 else truncated_division(parts.year, 100) - 1
        return _number(node, century, 2 if -99 <= century <= 99 else 0)
    if name == "Y,YYY":
        thousands = truncated_division(parts.shown_year, 1000)
        text = f"{thousands},{parts.shown_year - thousands * 1000:03d}"
        return text + _ordinal(text, node.ordinal)
    year = parts.iso_year if name.startswith("I") else parts.shown_year
    digits = len(name)
    if digits < 4:
        year -= truncated_division(year, 10**digits) * 10**digits
    # Whether there is a place for a sign depends on the calendar's year, also where the ISO year is shown.
    width = digits + (parts.shown_year < 0) - (year < 0) if digits > 1 else 0
    return _number(node, year, width)


def _date_field(parts: _Parts, node: Node, name: str) -> str:
    if name in ("MONTH", "MON"):
        month = MONTHS[parts.month - 1]
        return _word(node, month, 9) if name == "MONTH" else _word(node, month[:3])
    if name in ("DAY", "DY"):
        day = DAYS[parts.weekday]
        return _word(node, day, 9) if name == "DAY" else _word(node, day[:3])
    if name == "RM":
        return _roman_month(parts, node)
    if name in ("A.D.", "B.C.", "AD", "BC"):
        era = "BC" if parts.year <= 0 else "AD"
        spelled = f"{era[0]}.{era[1]}." if "." in name else era
        return spelled.lower() if node.text.islower() else spelled
    if name == "MM":
        return _number(node, parts.month, 2)
    if name == "DD":
        # Unlike other numbers, no place for a sign.
        text = str(parts.day) if node.fill_mode else f"{parts.day:02d}"
        return text + _ordinal(text, node.ordinal)
    if name == "Q" and not parts.month:
        return ""
    values = {
        "DDD": (parts.day_of_year, 3),
        "D": (parts.weekday + 1, 0),
        "ID": (parts.weekday or 7, 0),
        "WW": (truncated_division(parts.day_of_year - 1, 7) + 1, 2),
        "W": (truncated_division(parts.day - 1, 7) + 1, 0),
        "Q": (truncated_division(parts.month - 1, 3) + 1, 0),
        "J": (parts.days + EPOCH_JULIAN_DAY, 0),
    }
    if name in values:
        return _number(node, *values[name])
    if name == "FX":
        return ""
    _, week, weekday = iso_week(parts.days)
    return _number(node, week, 2) if name == "IW" else _number(node, (week - 1) * 7 + weekday, 3)


def _roman_month(parts: _Parts, node: Node) -> str:
    if not parts.month and not parts.year:
        return ""
    if parts.month > 0:
        index = parts.month - 1
    elif parts.month == 0:
        # A whole number of years: December, counted from either end.
        index = 11 if parts.year >= 0 else 0
    else:
        index = 12 + parts.month
    word = ROMAN_MONTHS[index]
    word = word.lower() if node.text.islower() else word
    return word if node.fill_mode else word.ljust(4)
