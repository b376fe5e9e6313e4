"""``to_date`` and ``to_timestamp``: reading text by a template.

The template's fields are read from left to right; between them, unless the template begins with FX, blanks are
skipped and one separator stands for any other. What the fields say is then put together: a 12-hour clock with its
half, a century with a short year, a day of the year, an ISO week. What is missing is the first day of the year 1 BC
at midnight.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NoReturn

from heliosdb import errors
from heliosdb.types.calendar import (
    DATE_END,
    DATE_START,
    EPOCH_JULIAN_DAY,
    MICROSECONDS_PER_DAY,
    MICROSECONDS_PER_SECOND,
    check_timestamp,
    civil_from_days,
    days_from_civil,
    days_in_month,
)
from heliosdb.types.datetime_fields import Problem, raise_problem
from heliosdb.types.datetime_template import Convention, Node, NodeKind, is_separator, parse_template
from heliosdb.types.definitions import SessionContext
from heliosdb.types.zones import local_to_utc, session_zone

__all__ = ["to_date", "to_timestamp_text"]

_SPACE = " \t\n\v\f\r"
_INTEGER = re.compile(r"[ \t\n\v\f\r]*[+-]?[0-9]+")
_MILLENNIA = re.compile(r"\s*([+-]?\d+),\s*([+-]?\d{1,3})", re.ASCII)
_MONTH_NAMES = "january february march april may june july august september october november december"
_MONTHS = _MONTH_NAMES.split()
_DAY_NAMES = "sunday monday tuesday wednesday thursday friday saturday"
_DAYS = _DAY_NAMES.split()
_ROMAN_NAMES = "xii xi x ix viii vii vi v iv iii ii i"
_ROMAN = _ROMAN_NAMES.split()
_SHORT_YEARS = {"YYY": 3, "YY": 2, "Y": 1, "IYY": 3, "IY": 2, "I": 1}
_SIMPLE = {
    "HH24": "hour",
    "MI": "minute",
    "SS": "second",
    "SSSS": "seconds",
    "SSSSS": "seconds",
    "MM": "month",
    "DDD": "day_of_year",
    "IDDD": "day_of_year",
    "DD": "day",
    "D": "weekday",
    "WW": "week",
    "IW": "week",
    "CC": "century",
    "W": "week_of_month",
    "J": "julian",
}


class _Reader:
    """Reads one text; ``values`` holds what the fields said, without those that were zero or absent."""

    def __init__(self, text: str, nodes: tuple[Node, ...]) -> None:
        self.text = text
        self.nodes = nodes
        self.position = 0
        self.values: dict[str, int] = {}
        self.convention = Convention.NONE
        self.twelve_hours = False
        self.year_digits = 0
        self.zone_sign = 0
        self.exact = False
        self.extra = 0

    def read(self) -> None:
        for index, node in enumerate(self.nodes):
            if self.position >= len(self.text):
                break
            is_field = node.kind is NodeKind.FIELD
            name = node.field.name if node.field is not None else ""
            if not self.exact and name != "FX" and (is_field or index == 0):
                self.extra += self.skip_blanks()
            if node.kind in (NodeKind.SPACE, NodeKind.SEPARATOR):
                self.read_separator()
            elif not is_field:
                self.read_character()
            else:
                self.read_field(node, index, name)
                if not self.exact:
                    self.extra = self.skip_blanks()

    def skip_blanks(self) -> int:
        start = self.position
        while self.position < len(self.text) and self.text[self.position] in _SPACE:
            self.position += 1
        return self.position - start

    def read_separator(self) -> None:
        if self.exact:
            self.position += 1
            return
        self.extra -= 1
        character = self.text[self.position : self.position + 1]
        if character and (character in _SPACE or is_separator(character)):
            self.position += 1
            self.extra += 1

    def read_character(self) -> None:
        # A character that blanks already made up for is not skipped again: it may belong to a field.
        if not self.exact and self.extra > 0:
            self.extra -= 1
        else:
            self.position += 1

    def read_field(self, node: Node, index: int, name: str) -> None:
        assert node.field is not None
        convention = node.field.convention
        if convention is not Convention.NONE:
            if self.convention not in (Convention.NONE, convention):
                raise errors.InvalidDatetimeFormat(
                    "invalid combination of date conventions",
                    hint="Do not mix Gregorian and ISO week date conventions in a formatting template.",
                )
            self.convention = convention
        if name == "FX":
            self.exact = True
        elif name in _SIMPLE:
            self.integer(node, index, _SIMPLE[name], node.field.length)
        elif name in ("HH", "HH12"):
            self.integer(node, index, "hour", 2)
            self.twelve_hours = True
        elif name in ("A.M.", "P.M.", "AM", "PM"):
            dotted = "." in name
            self.put(node, "afternoon", self.word(node, ["a.m.", "p.m."] if dotted else ["am", "pm"]))
            self.twelve_hours = True
        elif name in ("A.D.", "B.C.", "AD", "BC"):
            dotted = "." in name
            self.put(node, "before_christ", self.word(node, ["a.d.", "b.c."] if dotted else ["ad", "bc"]))
        elif name in ("MONTH", "MON"):
            names = _MONTHS if name == "MONTH" else [month[:3] for month in _MONTHS]
            self.put(node, "month", self.word(node, names) + 1)
        elif name in ("DAY", "DY"):
            names = _DAYS if name == "DAY" else [day[:3] for day in _DAYS]
            self.put(node, "weekday", self.word(node, names))
            self.values["weekday"] += 1
        elif name == "RM":
            self.put(node, "month", 12 - self.word(node, _ROMAN))
        else:
            self.read_special(node, index, name)
        if node.ordinal and node.field.is_digit and name != "TZM":
            # Whatever two characters stand there.
            self.position += 2

    def read_special(self, node: Node, index: int, name: str) -> None:
        assert node.field is not None
        if name == "MS":
            length = self.integer(node, index, "milliseconds", 3)
            self.values["milliseconds"] = self.values.get("milliseconds", 0) * 10 ** max(0, 3 - length)
        elif name == "US" or name.startswith("FF"):
            digits = 6 if name == "US" else int(name[2])
            length = self.integer(node, index, "microseconds", digits)
            self.values["microseconds"] = self.values.get("microseconds", 0) * 10 ** max(0, 6 - length)
        elif name in ("YYYY", "IYYY"):
            self.integer(node, index, "year", 4)
            self.year_digits = 4
        elif name == "Y,YYY":
            self.read_grouped_year(node)
        elif name in _SHORT_YEARS:
            self.year_digits = _SHORT_YEARS[name]
            if self.integer(node, index, "year", self.year_digits) < 4:
                self.values["year"] = _near_2020(self.values.get("year", 0))
        elif name == "ID":
            self.integer(node, index, "weekday", 1)
            self.values["weekday"] = self.values.get("weekday", 0) % 7 + 1
        elif name == "Q":
            # Read and ignored: which day of the quarter it would mean is unclear.
            self.integer(node, index, None, 1)
        elif name in ("TZH", "TZM"):
            self.read_zone(node, index, name)
        else:
            raise errors.FeatureNotSupported(f'formatting field "{node.text}" is only supported in to_char')

    def read_grouped_year(self, node: Node) -> None:
        match = _MILLENNIA.match(self.text, self.position)
        if match is None:
            raise errors.InvalidDatetimeFormat('invalid input string for "Y,YYY"')
        self.put(node, "year", int(match[1]) * 1000 + int(match[2]))
        self.year_digits = 4
        self.position = match.end()

    def read_zone(self, node: Node, index: int, name: str) -> None:
        if name == "TZM":
            self.zone_sign = self.zone_sign or 1
            self.integer(node, index, "zone_minutes", 2)
            return
        character = self.text[self.position]
        if character in "+- ":
            self.zone_sign = -1 if character == "-" else 1
            self.position += 1
        else:
            # The sign may have been taken for a separator.
            swallowed = self.extra > 0 and self.text[self.position - 1] == "-"
            self.zone_sign = -1 if swallowed else 1
        self.integer(node, index, "zone_hours", 2)

    def put(self, node: Node, key: str, value: int) -> None:
        known = self.values.get(key, 0)
        if known not in (0, value):
            raise errors.InvalidDatetimeFormat(
                f'conflicting values for "{node.text}" field in formatting string',
                detail="This value contradicts a previous setting for the same field type.",
            )
        self.values[key] = value

    def integer(self, node: Node, index: int, key: str | None, length: int) -> int:
        """Read a number, as long as it is or exactly ``length`` characters; return how many were read."""
        self.skip_blanks()
        start = self.position
        copy = self.text[start : start + length]
        if node.fill_mode or self.ends_number(node, index):
            match = _INTEGER.match(self.text, start)
        else:
            if len(copy) < length:
                raise errors.InvalidDatetimeFormat(
                    f'source string too short for "{node.text}" formatting field',
                    detail=f"Field requires {length} characters, but only {len(copy)} remain.",
                    hint='If your source string is not fixed-width, try using the "FM" modifier.',
                )
            match = _INTEGER.match(copy)
            used = match.end() if match else 0
            if 0 < used < length:
                raise errors.InvalidDatetimeFormat(
                    f'invalid value "{copy}" for "{node.text}"',
                    detail=f"Field requires {length} characters, but only {used} could be parsed.",
                    hint='If your source string is not fixed-width, try using the "FM" modifier.',
                )
        if match is None:
            raise errors.InvalidDatetimeFormat(
                f'invalid value "{copy}" for "{node.text}"', detail="Value must be an integer."
            )
        value = int(match[0])
        if not -(2**31) <= value < 2**31:
            raise errors.DatetimeFieldOverflow(
                f'value for "{node.text}" in source string is out of range',
                detail=f"Value must be in the range {-(2**31)} to {2**31 - 1}.",
            )
        self.position = start + len(match[0])
        if key is not None:
            self.put(node, key, value)
        return self.position - start

    def ends_number(self, node: Node, index: int) -> bool:
        """Return whether what follows in the template is no digit, so that a number may have any length."""
        if node.ordinal or index + 1 >= len(self.nodes):
            return True
        following = self.nodes[index + 1]
        if following.field is not None:
            return not following.field.is_digit
        return not ("0" <= following.text <= "9")

    def word(self, node: Node, words: Sequence[str]) -> int:
        """Read one of the words, in any case; return its number."""
        rest = self.text[self.position :].lower()
        for number, word in enumerate(words):
            if rest.startswith(word):
                self.position += len(word)
                return number
        shown = re.split(r"[ \t\n\r\f\v]", self.text[self.position :], maxsplit=1)[0]
        raise errors.InvalidDatetimeFormat(
            f'invalid value "{shown}" for "{node.text}"',
            detail="The given value did not match any of the allowed values for this field.",
        )


def _near_2020(year: int) -> int:
    """Complete a year of up to three digits to the one nearest to 2020."""
    if year < 70:
        return year + 2000
    if year < 100:
        return year + 1900
    if year < 520:
        return year + 2000
    return year + 1000 if year < 1000 else year


def _overflow(text: str) -> NoReturn:
    raise_problem(Problem.FIELD_OVERFLOW, text, "timestamp")


def read_by_template(text: str, template: str) -> tuple[int, int, int | None]:
    """Return (days, microseconds of the day, offset in seconds east or None)."""
    reader = _Reader(text, parse_template(template))
    if template:
        reader.read()
    values = reader.values
    hour, minute, second, fraction = _time_fields(reader, values)
    days = _day(reader, values, text)
    if not (0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 60 and 0 <= fraction < MICROSECONDS_PER_SECOND):
        _overflow(text)
    microseconds = ((hour * 60 + minute) * 60 + second) * MICROSECONDS_PER_SECOND + fraction
    offset: int | None = None
    if reader.zone_sign:
        hours, minutes = values.get("zone_hours", 0), values.get("zone_minutes", 0)
        if not 0 <= hours <= 15 or not 0 <= minutes < 60:
            raise_problem(Problem.ZONE_OVERFLOW, text, "timestamp")
        offset = reader.zone_sign * (hours * 60 + minutes) * 60
    return days, microseconds, offset


def _time_fields(reader: _Reader, values: dict[str, int]) -> tuple[int, int, int, int]:
    """Return hour, minute, second and microseconds, which may still lie outside their ranges."""
    hour = minute = second = 0
    if values.get("seconds"):
        minute, second = divmod(values["seconds"], 60)
        hour, minute = divmod(minute, 60)
    second = values.get("second") or second
    minute = values.get("minute") or minute
    hour = values.get("hour") or hour
    if reader.twelve_hours:
        if not 1 <= hour <= 12:
            raise errors.InvalidDatetimeFormat(
                f'hour "{hour}" is invalid for the 12-hour clock',
                hint="Use the 24-hour clock, or give an hour between 1 and 12.",
            )
        if values.get("afternoon") and hour < 12:
            hour += 12
        elif not values.get("afternoon") and hour == 12:
            hour = 0
    fraction = values.get("milliseconds", 0) * 1000 + values.get("microseconds", 0)
    return hour, minute, second, fraction


def _year(reader: _Reader, values: dict[str, int]) -> int:
    """Return the astronomical year, 0 where nothing says."""
    year: int = values.get("year", 0)
    century: int = values.get("century", 0)
    if values.get("before_christ"):
        century = -century
    if year:
        if century and reader.year_digits <= 2:
            year %= 100
            if year:
                return year + (century - 1) * 100 if century >= 0 else (century + 1) * 100 - year + 1
            return century * 100 + (0 if century >= 0 else 1)
        if values.get("before_christ"):
            year = -year
        return year + 1 if year < 0 else year
    if century:
        return (century - 1) * 100 + 1 if century >= 0 else century * 100 + 1
    return 0


def _day(reader: _Reader, values: dict[str, int], text: str) -> int:
    year, month, day = _year(reader, values), 1, 1
    iso = reader.convention is Convention.ISO_WEEK
    day_of_year = values.get("day_of_year", 0)
    if values.get("julian"):
        year, month, day = civil_from_days(values["julian"] - EPOCH_JULIAN_DAY)
    if values.get("week"):
        if iso:
            # Sunday is 1 here, and the last day of an ISO week.
            weekday = values.get("weekday", 0)
            shift = (weekday - 2 if weekday > 1 else 6) if weekday else 0
            year, month, day = civil_from_days(_iso_week_start(year, values["week"]) + shift)
        else:
            day_of_year = (values["week"] - 1) * 7 + 1
    day = values.get("day") or day
    if values.get("week_of_month"):
        day = (values["week_of_month"] - 1) * 7 + 1
    month = values.get("month") or month
    if day_of_year and (month <= 1 or day <= 1):
        if not year and not values.get("before_christ"):
            raise errors.InvalidDatetimeFormat("cannot calculate day of year without year information")
        if iso:
            return _iso_week_start(year, 1) - 1 + day_of_year
        if not 1 <= day_of_year <= 366:
            _overflow(text)
        own_month, own_day = _month_of_day(year, day_of_year)
        month = own_month if month <= 1 else month
        day = own_day if day <= 1 else day
    if not 1 <= month <= 12 or not 1 <= day <= days_in_month(year, month):
        _overflow(text)
    return days_from_civil(year, month, day)


def _month_of_day(year: int, day_of_year: int) -> tuple[int, int]:
    month = 1
    while month < 12 and day_of_year > days_in_month(year, month):
        day_of_year -= days_in_month(year, month)
        month += 1
    return month, day_of_year


def _iso_week_start(year: int, week: int) -> int:
    """Return the Monday of an ISO week: week 1 has the 4th of January."""
    fourth = days_from_civil(year, 1, 4)
    return fourth - (fourth + 5) % 7 + (week - 1) * 7


def to_date(text: str, template: str) -> int:
    """Read a date by a template."""
    days, _, _ = read_by_template(text, template)
    if not DATE_START <= days < DATE_END:
        raise errors.DatetimeFieldOverflow(f'date out of range: "{text}"')
    return days


def to_timestamp_text(text: str, template: str, session: SessionContext) -> int:
    """Read an instant by a template, local time of the session's TimeZone where no offset is read."""
    days, microseconds, offset = read_by_template(text, template)
    local = days * MICROSECONDS_PER_DAY + microseconds
    if offset is not None:
        return check_timestamp(local - offset * MICROSECONDS_PER_SECOND)
    return check_timestamp(local_to_utc(session_zone(session), check_timestamp(local)))
