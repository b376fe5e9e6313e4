"""Date and time input: the fields of a text become a date, a local time and an offset, by PostgreSQL's rules.

The rules (PostgreSQL's appendix B.1) are a small machine that reads the fields from left to right and remembers which
parts it has: a number alone is a year, month, day, day of the year or time by what is still missing and by the order
that DateStyle gives; a part that comes twice is an error. ``parse_datetime`` serves dates and timestamps,
``parse_time`` times of day. The ISO shapes, which nearly every real text has, go through one regular expression
first.
"""

from __future__ import annotations

import re
from datetime import tzinfo

from attrs import define

from heliosdb.types.calendar import (
    EPOCH_JULIAN_DAY,
    MICROSECONDS_PER_DAY,
    MICROSECONDS_PER_SECOND,
    civil_from_days,
    days_from_civil,
    days_in_month,
)
from heliosdb.types.datetime_fields import FieldError, FieldKind, Problem, parse_fraction, raise_problem, split_fields
from heliosdb.types.definitions import SessionContext
from heliosdb.types.zone_abbreviations import DAYLIGHT_ABBREVIATIONS, STANDARD_ABBREVIATIONS, ZONE_ABBREVIATIONS
from heliosdb.types.zones import (
    abbreviation_offset,
    find_zone,
    offset_at_local,
    require_zone,
    session_zone,
    utc_to_local,
)

__all__ = ["ParsedDatetime", "decode_time", "parse_datetime", "parse_time"]

YEAR, MONTH, DAY, DAY_OF_YEAR = 1, 2, 4, 8
HOUR, MINUTE, SECOND, FRACTION = 16, 32, 64, 128
ZONE, DAYLIGHT_MODIFIER, AM_PM, ERA, WEEKDAY = 256, 512, 1024, 2048, 4096
DATE = YEAR | MONTH | DAY
TIME = HOUR | MINUTE | SECOND | FRACTION

_MONTH_NAMES = (
    "jan january,feb february,mar march,apr april,may,jun june,jul july,aug august,sep sept september,oct october,"
    "nov november,dec december"
)
_MONTHS = {name: number for number, names in enumerate(_MONTH_NAMES.split(","), 1) for name in names.split()}
_WEEKDAY_NAMES = (
    "sun sunday mon monday tue tues tuesday wed weds wednesday thu thur thurs thursday fri friday sat saturday"
)
_WEEKDAYS = frozenset(_WEEKDAY_NAMES.split())
_UNITS = {
    "d": "day",
    "h": "hour",
    "j": "julian",
    "jd": "julian",
    "julian": "julian",
    "m": "month",
    "mm": "minute",
    "s": "second",
    "y": "year",
    "dow": "dow",
    "doy": "doy",
    "isodow": "isodow",
    "isoyear": "isoyear",
}
_SPECIALS = frozenset(["now", "today", "tomorrow", "yesterday", "epoch", "infinity", "-infinity", "allballs"])

_ISO = re.compile(
    r"\s*(\d{4})-(\d\d)-(\d\d)(?:[ Tt](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?\s?"
    r"(?:([Zz])|([+-])(\d\d)(?::?(\d\d))?)?)?\s*",
    re.ASCII,
)
_PART = r"[^0-9A-Za-z]*([0-9]+|[A-Za-z]+)[^\0]?"
# Whatever one character follows a part separates it from the next, even a letter after digits.
_DATE_PART = re.compile(_PART)
_DATE_PARTS = re.compile(f"(?:{_PART})+")
_DIGITS = re.compile(r"[0-9]+")


@define(eq=False, repr=False)
class ParsedDatetime:
    """What a text says: a special value, or a local day and time with the offset (seconds east) they count from.

    ``offset`` is None where the text names no zone and none was asked for.
    """

    special: str | None = None
    days: int = 0
    microseconds: int = 0
    offset: int | None = None


def parse_datetime(text: str, type_name: str, session: SessionContext, *, zoned: bool = False) -> ParsedDatetime:
    """Read a date or timestamp; ``zoned`` asks for an offset and falls back on the session's TimeZone."""
    match = _ISO.fullmatch(text)
    if match is not None:
        parsed = _from_iso(match)
        if parsed is not None:
            if zoned and parsed.offset is None:
                local = parsed.days * MICROSECONDS_PER_DAY + parsed.microseconds
                parsed.offset = offset_at_local(session_zone(session), local)
            return parsed
    try:
        return _Decoder(session, time_only=False).decode(split_fields(text), zoned)
    except FieldError as error:
        raise_problem(error.problem, text, type_name)


def parse_time(text: str, type_name: str, session: SessionContext, *, zoned: bool = False) -> ParsedDatetime:
    """Read a time of day; ``zoned`` asks for an offset and falls back on the session's TimeZone as of today."""
    try:
        return _Decoder(session, time_only=True).decode(split_fields(text), zoned)
    except FieldError as error:
        raise_problem(error.problem, text, type_name)


def _from_iso(match: re.Match[str]) -> ParsedDatetime | None:
    year, month, day = int(match[1]), int(match[2]), int(match[3])
    if not (year and 0 < month <= 12 and 0 < day <= days_in_month(year, month)):
        return None
    parsed = ParsedDatetime(days=days_from_civil(year, month, day))
    if match[4] is None:
        return parsed
    hour, minute, second = int(match[4]), int(match[5]), int(match[6] or 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    seconds = (hour * 60 + minute) * 60 + second
    parsed.microseconds = seconds * MICROSECONDS_PER_SECOND + int((match[7] or "0").ljust(6, "0"))
    if match[8]:
        parsed.offset = 0
    elif match[9]:
        hours, minutes = int(match[10]), int(match[11] or 0)
        if hours > 15 or minutes > 59:
            return None
        offset = hours * 3600 + minutes * 60
        parsed.offset = -offset if match[9] == "-" else offset
    return parsed


def _integer(text: str) -> int:
    """Read a number that PostgreSQL keeps in 32 bits."""
    value = int(text)
    if value > 2**31 - 1:
        raise FieldError(Problem.FIELD_OVERFLOW)
    return value


def decode_time(text: str, *, of_interval: bool = False, minutes_to_seconds: bool = False) -> tuple[int, int, int, int]:
    """Return (hour, minute, second, microsecond) of ``12:34``, ``12:34:56.7`` or ``34:56.7`` (minutes and seconds)."""
    match = re.fullmatch(r"([0-9]+):([0-9]*)(?::([0-9]*))?(\..*)?", text, re.ASCII)
    if match is None:
        raise FieldError(Problem.BAD_FORMAT)
    hour, minute = int(match[1]), _integer(match[2] or "0")
    if hour >= 2**31 and not of_interval:
        raise FieldError(Problem.FIELD_OVERFLOW)
    second, fraction = _integer(match[3] or "0"), 0
    if match[4]:
        # A lone point after seconds is accepted (12:34:56.), as PostgreSQL does.
        fraction = 0 if match[4] == "." else parse_fraction(match[4])
        if match[3] is None:
            hour, minute, second = 0, hour, minute
    elif match[3] is None and minutes_to_seconds:
        hour, minute, second = 0, hour, minute
    if minute > 59 or second > 60 or fraction > MICROSECONDS_PER_SECOND:
        raise FieldError(Problem.FIELD_OVERFLOW)
    return hour, minute, second, fraction


def decode_offset(text: str) -> int:
    """Return the seconds east of ``+05``, ``-0530``, ``+05:30`` or ``+05:30:10``."""
    match = re.fullmatch(r"([+-])([0-9]+)(?::([0-9]*)(?::([0-9]*))?)?(.*)", text, re.ASCII | re.DOTALL)
    if match is None:
        raise FieldError(Problem.BAD_FORMAT)
    hour, minute, second = int(match[2]), int(match[3] or 0), int(match[4] or 0)
    if match[3] is None and len(text) > 3 and not match[5]:
        hour, minute = divmod(hour, 100)
    if hour > 15 or minute > 59 or second > 59:
        raise FieldError(Problem.ZONE_OVERFLOW)
    if match[5]:
        raise FieldError(Problem.BAD_FORMAT)
    offset = (hour * 60 + minute) * 60 + second
    return -offset if match[1] == "-" else offset


class _Decoder:
    """Reads fields from left to right; ``seen`` says which parts of a date and time it has."""

    def __init__(self, session: SessionContext, *, time_only: bool) -> None:
        self.session = session
        self.time_only = time_only
        style: str = session.setting("datestyle")
        self.order = style.rpartition(",")[2].strip().upper() or "MDY"
        self.seen = 0
        self.year = self.month = self.day = self.day_of_year = 0
        self.hour = self.minute = self.second = self.fraction = 0
        self.offset: int | None = None
        self.zone: tzinfo | None = None
        self.zone_abbreviation: str | None = None
        self.special: str | None = None
        self.pending: str | None = None
        self.two_digit_year = self.julian = self.before_christ = self.text_month = False
        self.meridian: str | None = None

    def mark(self, mask: int) -> None:
        if mask & self.seen:
            raise FieldError(Problem.BAD_FORMAT)
        self.seen |= mask

    def decode(self, fields: list[tuple[FieldKind, str]], zoned: bool) -> ParsedDatetime:
        for index, (kind, text) in enumerate(fields):
            if kind is FieldKind.DATE:
                self.read_date_field(index, text, fields)
            elif kind is FieldKind.TIME:
                if self.pending not in (None, "time"):
                    raise FieldError(Problem.BAD_FORMAT)
                self.pending = None
                self.hour, self.minute, self.second, self.fraction = decode_time(text)
                if not self.time_only:
                    self.check_time()
                self.mark(TIME)
            elif kind is FieldKind.ZONE:
                self.offset = decode_offset(text)
                self.mark(ZONE)
            elif kind is FieldKind.NUMBER:
                self.read_number_field(index, text, fields)
            else:
                self.read_name(index, text, fields)
        # A label without a number after it is let pass, as PostgreSQL 15 does.
        self.finish()
        return self.result(zoned)

    def check_time(self) -> None:
        total = ((self.hour * 60 + self.minute) * 60 + self.second) * MICROSECONDS_PER_SECOND + self.fraction
        if self.hour > 24 or self.minute > 59 or self.second > 60 or total > MICROSECONDS_PER_DAY:
            raise FieldError(Problem.FIELD_OVERFLOW)

    def read_date_field(self, index: int, text: str, fields: list[tuple[FieldKind, str]]) -> None:
        if self.time_only:
            first_of_date = (
                index == 0 and len(fields) >= 2 and (fields[-1][0] is FieldKind.DATE or fields[1][0] is FieldKind.TIME)
            )
            if first_of_date:
                self.read_date(text)
            elif text[0].isdigit():
                self.read_run_together_time(text, self.seen | DATE)
            else:
                self.mark(ZONE)
                self.zone = require_zone(text)
        elif self.pending == "julian":
            digits = _DIGITS.match(text)
            if digits is None:
                raise FieldError(Problem.BAD_FORMAT)
            self.set_julian(digits[0])
            self.offset = decode_offset(text[digits.end() :])
            self.pending = None
            self.mark(DATE | TIME | ZONE)
        elif self.pending is not None or (self.seen & (MONTH | DAY)) == MONTH | DAY:
            if text[0].isdigit() or self.pending is not None:
                if self.pending not in (None, "time") or (self.seen & TIME) == TIME:
                    raise FieldError(Problem.BAD_FORMAT)
                self.pending = None
                self.read_run_together_time(text, self.seen)
            else:
                self.zone = require_zone(text)
                self.mark(ZONE)
        else:
            self.read_date(text)

    def read_run_together_time(self, text: str, seen: int) -> None:
        """Read ``040506-08``: a time without colons with its offset."""
        number, sign, offset = text.partition("-")
        if not sign:
            raise FieldError(Problem.BAD_FORMAT)
        self.offset = decode_offset("-" + offset)
        self.mark(self.read_concatenated(number, seen) | ZONE)

    def read_date(self, text: str) -> None:
        parts = [match[1] for match in _DATE_PART.finditer(text)]
        if not _DATE_PARTS.fullmatch(text) or len(parts) > 25:
            raise FieldError(Problem.BAD_FORMAT)
        numbers = []
        seen = 0
        self.text_month = False
        for part in parts:
            if part[0].isdigit():
                numbers.append(part)
            elif part[:10] in ("at", "on"):
                continue
            else:
                month = _MONTHS.get(part[:10])
                if month is None or seen & MONTH:
                    raise FieldError(Problem.BAD_FORMAT)
                self.month, seen = month, seen | MONTH
                self.text_month = True
        self.mark(seen)
        for part in numbers:
            self.mark(self.read_number(part))
        # A weekday or a time before a date with separators is refused, as in PostgreSQL.
        if self.seen & ~(DAY_OF_YEAR | ZONE) != DATE:
            raise FieldError(Problem.BAD_FORMAT)

    def read_number_field(self, index: int, text: str, fields: list[tuple[FieldKind, str]]) -> None:
        if self.pending is not None:
            self.read_labelled(text)
            return
        whole, point, _ = text.partition(".")
        if self.time_only:
            if point:
                if index == 0 and len(fields) >= 2 and fields[-1][0] is FieldKind.DATE:
                    self.read_date(text)
                elif len(whole) > 2:
                    self.mark(self.read_concatenated(text, self.seen | DATE))
                else:
                    raise FieldError(Problem.BAD_FORMAT)
            elif len(text) > 4:
                self.mark(self.read_concatenated(text, self.seen | DATE))
            else:
                self.mark(self.read_number(text, self.seen | DATE))
        elif point and not self.seen & DATE:
            self.read_date(text)
        elif (point and len(whole) > 2) or (
            len(text) >= 6 and ((self.seen & DATE) == 0 or (self.seen & TIME) == 0) and not point
        ):
            self.mark(self.read_concatenated(text, self.seen))
        else:
            self.mark(self.read_number(text))

    def read_labelled(self, text: str) -> None:
        """Read the number after a label, as in ``y2024m02d29`` or ``J2451187``."""
        whole, point, fraction = text.partition(".")
        value = _integer(whole) if whole else 0
        label, self.pending = self.pending, None
        if point and label not in ("julian", "time", "second"):
            raise FieldError(Problem.BAD_FORMAT)
        if label == "year":
            self.year = value
            self.mark(YEAR)
        elif label == "month" and self.seen & MONTH and self.seen & HOUR:
            self.minute = value
            self.mark(MINUTE)
        elif label == "month":
            self.month = value
            self.mark(MONTH)
        elif label == "day":
            self.day = value
            self.mark(DAY)
        elif label == "hour":
            self.hour = value
            self.mark(HOUR)
        elif label == "minute":
            self.minute = value
            self.mark(MINUTE)
        elif label == "second":
            self.second = value
            self.mark(SECOND | FRACTION if point else SECOND)
            if point:
                self.fraction = parse_fraction("." + fraction)
        elif label == "julian":
            self.set_julian(whole)
            self.mark(DATE)
            if point:
                rest = int(float("0." + (fraction or "0")) * MICROSECONDS_PER_DAY)
                seconds, self.fraction = divmod(rest, MICROSECONDS_PER_SECOND)
                minutes, self.second = divmod(seconds, 60)
                self.hour, self.minute = divmod(minutes, 60)
                self.mark(TIME)
        elif label == "time":
            mask = self.read_concatenated(text, self.seen | DATE)
            if mask != TIME:
                raise FieldError(Problem.BAD_FORMAT)
            self.mark(mask)
        else:
            raise FieldError(Problem.BAD_FORMAT)

    def set_julian(self, digits: str) -> None:
        self.year, self.month, self.day = civil_from_days(_integer(digits) - EPOCH_JULIAN_DAY)
        self.julian = True

    def read_concatenated(self, text: str, seen: int) -> int:
        """Read ``20240229`` or ``040506.7``; return the mask of what it was."""
        whole, point, fraction = text.partition(".")
        if point:
            self.fraction = round(float("0." + (fraction or "0")) * MICROSECONDS_PER_SECOND)
        elif (seen & DATE) != DATE and len(whole) >= 6:
            self.year, self.month, self.day = _integer(whole[:-4]), int(whole[-4:-2]), int(whole[-2:])
            self.two_digit_year = len(whole) == 6
            return DATE
        if (seen & TIME) != TIME:
            if len(whole) == 6:
                self.hour, self.minute, self.second = int(whole[:2]), int(whole[2:4]), int(whole[4:])
                return TIME
            if len(whole) == 4:
                self.hour, self.minute, self.second = int(whole[:2]), int(whole[2:]), 0
                return TIME
        raise FieldError(Problem.BAD_FORMAT)

    def read_number(self, text: str, seen: int | None = None) -> int:
        """Decide from what is still missing what a number is; return its mask."""
        have = self.seen if seen is None else seen
        whole, point, fraction = text.partition(".")
        if not whole:
            raise FieldError(Problem.BAD_FORMAT)
        value = _integer(whole)
        if point:
            if len(whole) > 2:
                return self.read_concatenated(text, have | DATE)
            self.fraction = parse_fraction("." + fraction)
        date = have & DATE
        if len(text) == 3 and date == YEAR and 1 <= value <= 366:
            self.day_of_year = value
            return DAY_OF_YEAR | MONTH | DAY
        if date == DATE:
            return self.read_concatenated(text, have)
        part = self.choose_part(date, len(text))
        if part == YEAR:
            self.year = value
            self.two_digit_year = len(text) <= 2
        elif part == MONTH:
            self.month = value
        elif date == YEAR | MONTH and self.text_month and len(text) >= 3 and self.two_digit_year:
            # The first number was taken for the year; a longer one shows that it was the day.
            self.day, self.year, self.two_digit_year = self.year, value, False
        else:
            self.day = value
        return part

    def choose_part(self, date: int, length: int) -> int:
        if date == 0:
            if length >= 3 or self.order == "YMD":
                return YEAR
            return DAY if self.order == "DMY" else MONTH
        if date == MONTH and self.text_month:
            return YEAR if length >= 3 or self.order == "YMD" else DAY
        parts = {YEAR: MONTH, MONTH: DAY, YEAR | MONTH: DAY, DAY: MONTH, MONTH | DAY: YEAR}
        if date not in parts:
            raise FieldError(Problem.BAD_FORMAT)
        return parts[date]

    def read_name(self, index: int, text: str, fields: list[tuple[FieldKind, str]]) -> None:
        name = text[:10]
        if name in STANDARD_ABBREVIATIONS or name in ("z", "utc"):
            self.mark(ZONE)
            self.offset = STANDARD_ABBREVIATIONS.get(name, 0)
        elif name in DAYLIGHT_ABBREVIATIONS:
            self.mark(ZONE)
            self.offset = DAYLIGHT_ABBREVIATIONS[name]
        elif name in ZONE_ABBREVIATIONS:
            self.mark(ZONE)
            self.zone_abbreviation = name
        elif name in ("at", "on"):
            return
        elif name in _SPECIALS:
            self.read_special(name)
        elif name in _MONTHS:
            mask = MONTH
            if self.seen & MONTH and not self.text_month and not self.seen & DAY and 1 <= self.month <= 31:
                self.day, mask = self.month, DAY
            self.text_month = True
            self.month = _MONTHS[name]
            self.mark(mask)
        elif name == "dst":
            self.mark(DAYLIGHT_MODIFIER)
            self.offset = (self.offset or 0) + 3600
        elif name in ("am", "pm"):
            self.mark(AM_PM)
            self.meridian = name
        elif name in ("ad", "bc"):
            self.mark(ERA)
            self.before_christ = name == "bc"
        elif name in _WEEKDAYS:
            self.mark(WEEKDAY)
        elif name in _UNITS:
            self.pending = _UNITS[name]
        elif name == "t":
            following = fields[index + 1][0] if index + 1 < len(fields) else None
            has_date = self.time_only or (self.seen & DATE) == DATE
            if not has_date or following not in (FieldKind.NUMBER, FieldKind.TIME, FieldKind.DATE):
                raise FieldError(Problem.BAD_FORMAT)
            self.pending = "time"
        else:
            self.zone = find_zone(text)
            if self.zone is None:
                raise FieldError(Problem.BAD_FORMAT)
            self.mark(ZONE)

    def read_special(self, name: str) -> None:
        if name == "allballs":
            self.mark(TIME | ZONE)
            self.offset = 0
            return
        if name == "now" or (name in ("today", "tomorrow", "yesterday") and not self.time_only):
            zone = session_zone(self.session)
            local = utc_to_local(zone, self.session.transaction_timestamp)
            days, rest = divmod(local, MICROSECONDS_PER_DAY)
            if name == "now":
                seconds, self.fraction = divmod(rest, MICROSECONDS_PER_SECOND)
                minutes, self.second = divmod(seconds, 60)
                self.hour, self.minute = divmod(minutes, 60)
                self.offset = (local - self.session.transaction_timestamp) // MICROSECONDS_PER_SECOND
                self.mark(TIME if self.time_only else DATE | TIME | ZONE)
            else:
                days += {"today": 0, "tomorrow": 1, "yesterday": -1}[name]
                self.mark(DATE)
            self.year, self.month, self.day = civil_from_days(days)
            self.julian = True
            return
        if self.time_only:
            raise FieldError(Problem.BAD_FORMAT)
        # A time of day may follow, and does not matter.
        self.mark(DATE)
        self.special = name

    def finish(self) -> None:
        """Check the date and apply era, century, day of the year and AM/PM."""
        if self.special is not None:
            if self.meridian is not None and self.hour > 12:
                raise FieldError(Problem.FIELD_OVERFLOW)
            return
        if self.seen & YEAR and not self.julian:
            if self.before_christ:
                if self.year <= 0:
                    raise FieldError(Problem.FIELD_OVERFLOW)
                self.year = 1 - self.year
            elif self.two_digit_year:
                self.year += 2000 if self.year < 70 else 1900 if self.year < 100 else 0
            elif self.year <= 0:
                raise FieldError(Problem.FIELD_OVERFLOW)
        if self.seen & DAY_OF_YEAR:
            days = days_from_civil(self.year, 1, 1) + self.day_of_year - 1
            self.year, self.month, self.day = civil_from_days(days)
        if self.seen & MONTH and not 1 <= self.month <= 12:
            raise FieldError(Problem.MONTH_DAY_OVERFLOW)
        if self.seen & DAY and not 1 <= self.day <= 31:
            raise FieldError(Problem.MONTH_DAY_OVERFLOW)
        if (self.seen & DATE) == DATE and self.day > days_in_month(self.year, self.month):
            raise FieldError(Problem.FIELD_OVERFLOW)
        if self.meridian is not None:
            if self.hour > 12:
                raise FieldError(Problem.FIELD_OVERFLOW)
            if self.meridian == "am" and self.hour == 12:
                self.hour = 0
            elif self.meridian == "pm" and self.hour != 12:
                self.hour += 12
        if self.time_only:
            self.check_time()
        if (self.seen & (TIME if self.time_only else DATE)) != (TIME if self.time_only else DATE):
            raise FieldError(Problem.BAD_FORMAT)

    def result(self, zoned: bool) -> ParsedDatetime:
        if self.special is not None:
            return ParsedDatetime(special=self.special)
        has_date = (self.seen & DATE) == DATE
        days = days_from_civil(self.year, self.month, self.day) if has_date else 0
        seconds = (self.hour * 60 + self.minute) * 60 + self.second
        microseconds = seconds * MICROSECONDS_PER_SECOND + self.fraction
        return ParsedDatetime(None, days, microseconds, self.find_offset(zoned, has_date, days, microseconds))

    def find_offset(self, zoned: bool, has_date: bool, days: int, microseconds: int) -> int | None:
        if self.seen & DAYLIGHT_MODIFIER and (self.zone or self.zone_abbreviation or not self.seen & ZONE):
            raise FieldError(Problem.BAD_FORMAT)
        if self.seen & ZONE and not self.zone and not self.zone_abbreviation:
            return self.offset
        if not has_date:
            # A zone's offset depends on the day: PostgreSQL takes the session's today, except for a full zone name.
            if self.zone is not None and self.zone.utcoffset(None) is None:
                raise FieldError(Problem.BAD_FORMAT)
            zone = session_zone(self.session)
            now = utc_to_local(zone, self.session.transaction_timestamp)
            days = now // MICROSECONDS_PER_DAY
        local = days * MICROSECONDS_PER_DAY + microseconds
        if self.zone is not None:
            return offset_at_local(self.zone, local)
        if self.zone_abbreviation is not None:
            known = abbreviation_offset(self.zone_abbreviation, local)
            return known[0] if known else None
        return offset_at_local(session_zone(self.session), local) if zoned else None
