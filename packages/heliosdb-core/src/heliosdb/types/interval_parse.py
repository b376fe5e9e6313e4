"""Interval input: PostgreSQL's verbose form, SQL's ``1-2 3 04:05:06``, both forms of ISO 8601's ``P1Y2M3DT4H5M6S``.

The verbose form is read backwards, because a unit stands after its number. Fractions flow downwards: of years into
months, of months and weeks into days, of days into time, never upwards, so that ``1.5 months`` is 1 month 15 days.
"""

from __future__ import annotations

import re

from attrs import define

from heliosdb import errors
from heliosdb.types.calendar import MICROSECONDS_PER_DAY, MICROSECONDS_PER_SECOND
from heliosdb.types.datetime_fields import FieldError, FieldKind, Problem, raise_problem, split_fields
from heliosdb.types.datetime_parse import decode_time
from heliosdb.types.datetime_units import UNITS

__all__ = ["parse_interval"]

_MONTHS = {"month": 1, "year": 12, "decade": 120, "century": 1200, "millennium": 12000}
_TIMES = {
    "microsecond": 1,
    "millisecond": 1000,
    "second": MICROSECONDS_PER_SECOND,
    "minute": 60 * MICROSECONDS_PER_SECOND,
    "hour": 3600 * MICROSECONDS_PER_SECOND,
}
_SECONDS = frozenset(("second", "millisecond", "microsecond"))


@define
class _Sum:
    """The interval so far; years and months apart, because each must fit 32 bits while it is read."""

    years: int = 0
    months: int = 0
    days: int = 0
    microseconds: int = 0

    def add(self, unit: str, value: int, fraction: float) -> None:
        if unit in _TIMES:
            self.microseconds += value * _TIMES[unit]
            self.add_time(fraction * _TIMES[unit])
        elif unit == "day":
            self.days += value
            self.add_time(fraction * MICROSECONDS_PER_DAY)
        elif unit == "week":
            self.days += value * 7
            self.add_days(fraction * 7)
        elif unit == "month":
            self.months += value
            self.add_days(fraction * 30)
        else:
            self.years += value * (_MONTHS[unit] // 12)
            self.months += round(fraction * _MONTHS[unit])
        self.check()

    def add_days(self, days: float) -> None:
        whole = int(days)
        self.days += whole
        self.add_time((days - whole) * MICROSECONDS_PER_DAY)

    def add_time(self, microseconds: float) -> None:
        whole = int(microseconds)
        rest = microseconds - whole
        self.microseconds += whole + (rest > 0.5) - (rest < -0.5)

    def check(self) -> None:
        fits = all(-(2**31) <= part < 2**31 for part in (self.years, self.months, self.days))
        if not (fits and -(2**63) <= self.microseconds < 2**63):
            raise FieldError(Problem.FIELD_OVERFLOW)


def parse_interval(text: str, last_field: str | None, leading_minus_is_whole: bool) -> tuple[int, int, int]:
    """Return (months, days, microseconds).

    ``last_field`` is what a number without a unit counts (``interval '5' day``), "minute:second" among them where two
    numbers with a colon are minutes and seconds; ``leading_minus_is_whole`` is the rule of IntervalStyle
    sql_standard, by which one leading minus negates every field.
    """
    try:
        try:
            result = _verbose(text, last_field, leading_minus_is_whole)
        except FieldError as error:
            if error.problem is not Problem.BAD_FORMAT:
                raise
            result = _iso(text)
    except FieldError as error:
        problem = Problem.INTERVAL_OVERFLOW if error.problem is Problem.FIELD_OVERFLOW else error.problem
        raise_problem(problem, text, "interval")
    months = result.years * 12 + result.months
    if not -(2**31) <= months < 2**31:
        raise errors.DatetimeFieldOverflow("interval out of range")
    return months, result.days, result.microseconds


def _verbose(text: str, last_field: str | None, leading_minus_is_whole: bool) -> _Sum:
    fields = split_fields(text)
    negative = (
        leading_minus_is_whole
        and bool(fields)
        and fields[0][1].startswith("-")
        and not any(field[0] in "+-" for _, field in fields[1:])
    )
    total = _Sum()
    seen: set[str] = set()
    unit: str | None = None
    before = False
    for kind, field in reversed(fields):
        signed_time = kind is FieldKind.ZONE and ":" in field
        if kind is FieldKind.TIME or signed_time:
            hour, minute, second, fraction = decode_time(
                field.lstrip("+-"), of_interval=True, minutes_to_seconds=last_field == "minute:second"
            )
            microseconds = ((hour * 60 + minute) * 60 + second) * MICROSECONDS_PER_SECOND + fraction
            total.microseconds += -microseconds if negative or field[0] == "-" else microseconds
            total.check()
            _mark(seen, "hour", "minute", *_SECONDS)
            unit = "day"
        elif kind in (FieldKind.ZONE, FieldKind.DATE, FieldKind.NUMBER):
            if unit is None:
                unit = "second" if last_field in (None, "minute:second") else last_field
            assert unit is not None
            unit = _add_number(total, field, unit, seen, negative)
        else:
            name = field[:10]
            if name == "ago":
                before = True
            elif name in UNITS:
                unit = UNITS[name]
            else:
                raise FieldError(Problem.BAD_FORMAT)
    if not seen:
        raise FieldError(Problem.BAD_FORMAT)
    if before:
        total = _Sum(-total.years, -total.months, -total.days, -total.microseconds)
        total.check()
    return total


def _mark(seen: set[str], *units: str) -> None:
    if not seen.isdisjoint(units):
        raise FieldError(Problem.BAD_FORMAT)
    seen.update(units)


def _add_number(total: _Sum, field: str, unit: str, seen: set[str], negative: bool) -> str:
    """Add a number with its unit; return the unit, which the next number to the left would share."""
    match = re.fullmatch(r"([+-]?)([0-9]*)(?:-([0-9]*)|(\.[0-9]*))?", field)
    if match is None or not (match[2] or match[4]):
        raise FieldError(Problem.BAD_FORMAT)
    sign = -1 if match[1] == "-" else 1
    value = int(match[2] or "0") * sign
    fraction = 0.0
    if not -(2**63) <= value < 2**63:
        raise FieldError(Problem.FIELD_OVERFLOW)
    if match[3] is not None:
        # SQL's years-months, whatever unit stands after it.
        months = int(match[3] or "0")
        if months >= 12:
            raise FieldError(Problem.FIELD_OVERFLOW)
        unit = "month"
        value = value * 12 + months * sign
    elif match[4] is not None:
        fraction = float("0" + match[4] + "0") * sign
    if negative:
        value, fraction = -abs(value), -abs(fraction)
    if unit not in _MONTHS and unit not in _TIMES and unit not in ("day", "week"):
        raise FieldError(Problem.BAD_FORMAT)
    total.add(unit, value, fraction)
    _mark(seen, *(_SECONDS if unit == "second" and fraction else (unit,)))
    # "3 04" before an hour is days, as with 3 04:00.
    return "day" if unit == "hour" else unit


_ISO_NUMBER = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


_DATE_DESIGNATORS = {"Y": "year", "M": "month", "W": "week", "D": "day"}
_TIME_DESIGNATORS = {"H": "hour", "M": "minute", "S": "second"}


def _iso(text: str) -> _Sum:
    """Read ``P...``: designators, or the alternative form ``P0001-02-03T04:05:06`` and ``P00010203T040506``."""
    if len(text) < 2 or text[0] != "P":
        raise FieldError(Problem.BAD_FORMAT)
    total = _Sum()
    position = 1
    in_date = True
    have_field = False
    while position < len(text):
        if text[position] == "T":
            in_date, have_field = False, False
            position += 1
            continue
        start = position
        value, fraction, position = _iso_number(text, position)
        designator = text[position : position + 1]
        position += 1
        units = _DATE_DESIGNATORS if in_date else _TIME_DESIGNATORS
        if designator in units:
            total.add(units[designator], value, fraction)
            have_field = True
            continue
        ends = ("", "T", "-") if in_date else ("", ":")
        if designator not in ends or have_field:
            raise FieldError(Problem.BAD_FORMAT)
        width = len(re.match(r"-?([0-9]*)", text[start:])[1])  # type: ignore[index]
        if designator != ends[-1] and width == (8 if in_date else 6):
            _add_basic(total, in_date, value, fraction)
        else:
            position = _add_extended(total, in_date, value, fraction, designator, text, position)
            designator = text[position - 1 : position]
        if not in_date or designator != "T":
            return total
        in_date, have_field = False, False
    return total


def _iso_number(text: str, position: int) -> tuple[int, float, int]:
    match = _ISO_NUMBER.match(text, position)
    if match is None:
        raise FieldError(Problem.BAD_FORMAT)
    number = float(match[0])
    if not -1.0e15 <= number <= 1.0e15:
        raise FieldError(Problem.FIELD_OVERFLOW)
    whole = int(number)
    return whole, number - whole, match.end()


def _add_basic(total: _Sum, in_date: bool, value: int, fraction: float) -> None:
    high, rest = divmod(value, 10_000)
    middle, low = divmod(rest, 100)
    names = ("year", "month", "day") if in_date else ("hour", "minute", "second")
    for unit, number, part in zip(names, (high, middle, low), (0.0, 0.0, fraction), strict=True):
        total.add(unit, number, part)


def _add_extended(
    total: _Sum, in_date: bool, value: int, fraction: float, designator: str, text: str, position: int
) -> int:
    """Add ``0001-02-03`` or ``04:05:06``; return the position after the character that ended it."""
    names = ("year", "month", "day") if in_date else ("hour", "minute", "second")
    separator = "-" if in_date else ":"
    for index, unit in enumerate(names):
        if index:
            value, fraction, position = _iso_number(text, position)
            designator = text[position : position + 1]
            position += 1
        total.add(unit, value, fraction)
        if designator == "" or (designator == "T" and in_date):
            return position
        if designator != separator or index == 2:
            raise FieldError(Problem.BAD_FORMAT)
    return position
