"""``date``: the datum is an int, days since 2000-01-01; PostgreSQL's range, with an infinity at either end.

Text input and output follow DateStyle. At Python's edge a date is ``datetime.date``, which knows the years 1 to 9999;
what lies outside, infinity too, is an error that says to read the value as text.
"""

from __future__ import annotations

import struct
from datetime import date as python_date
from datetime import datetime

from heliosdb import errors
from heliosdb.types.calendar import (
    DATE_END,
    DATE_INFINITY,
    DATE_MINUS_INFINITY,
    DATE_START,
    MICROSECONDS_PER_DAY,
    days_from_civil,
    days_in_month,
)
from heliosdb.types.comparison import comparison_functions, comparison_names, comparison_operators, operator_classes
from heliosdb.types.datetime_output import date_text
from heliosdb.types.definitions import Operator, OperatorClass, ScalarFunction, SessionContext, Type
from heliosdb.types.zones import session_zone, utc_to_local

__all__ = [
    "FUNCTIONS",
    "OPERATORS",
    "OPERATOR_CLASSES",
    "TYPES",
    "date_from_python",
    "date_to_python",
]

_ORDINAL_OF_2000 = 730_120
_LAST_ORDINAL = python_date.max.toordinal()


def date_send(datum: int) -> bytes:
    """Return the four bytes of PostgreSQL's binary format."""
    return struct.pack(">i", datum)


def date_receive(data: bytes) -> int:
    """Read four bytes; 22008 where they are no date."""
    if len(data) != 4:
        raise errors.InvalidBinaryRepresentation("incorrect binary data format")
    days: int = struct.unpack(">i", data)[0]
    if DATE_START <= days < DATE_END or days in (DATE_INFINITY, DATE_MINUS_INFINITY):
        return days
    raise errors.DatetimeFieldOverflow("date out of range")


def date_to_python(datum: int) -> python_date:
    """Return a ``datetime.date``; 22008 for infinity and for years that Python does not have."""
    ordinal = datum + _ORDINAL_OF_2000
    if 0 < ordinal <= _LAST_ORDINAL:
        return python_date.fromordinal(ordinal)
    raise errors.DatetimeFieldOverflow(
        "date does not fit Python's datetime.date (years 1 to 9999)", hint="Cast the value to text to read it."
    )


def date_from_python(value: object) -> int:
    """Return the datum of a ``datetime.date`` or of the day of a ``datetime.datetime``."""
    if isinstance(value, datetime):
        value = value.date()
    if isinstance(value, python_date):
        return value.toordinal() - _ORDINAL_OF_2000
    raise errors.DatatypeMismatch(f"cannot convert Python {type(value).__name__} to date")


def date_pli(date: int, days: int) -> int:
    """Add days; infinity stays infinity."""
    if date in (DATE_INFINITY, DATE_MINUS_INFINITY):
        return date
    result = date + days
    if DATE_START <= result < DATE_END:
        return result
    raise errors.DatetimeFieldOverflow("date out of range")


def date_mii(date: int, days: int) -> int:
    """Subtract days; infinity stays infinity."""
    return date_pli(date, -days)


def integer_pl_date(days: int, date: int) -> int:
    """Add days; infinity stays infinity."""
    return date_pli(date, days)


def date_mi(left: int, right: int) -> int:
    """Return the days between two dates; 22008 where one is infinite."""
    if left in (DATE_INFINITY, DATE_MINUS_INFINITY) or right in (DATE_INFINITY, DATE_MINUS_INFINITY):
        raise errors.DatetimeFieldOverflow("cannot subtract infinite dates")
    return left - right


def date_cmp(left: int, right: int) -> int:
    """Return -1, 0 or 1."""
    return (left > right) - (left < right)


def date_is_finite(date: int) -> bool:
    """Return whether a date is not infinity."""
    return date not in (DATE_INFINITY, DATE_MINUS_INFINITY)


def make_date(year: int, month: int, day: int) -> int:
    """Return the date of these fields; a negative year counts BC."""
    astronomical = year + 1 if year < 0 else year
    if year == 0 or not 1 <= month <= 12 or not 1 <= day <= days_in_month(astronomical, month):
        raise errors.DatetimeFieldOverflow(f"date field value out of range: {year}-{month:02d}-{day:02d}")
    days = days_from_civil(astronomical, month, day)
    if not DATE_START <= days < DATE_END:
        # PostgreSQL shows the year as it counts internally, in which 1 BC is 0.
        raise errors.DatetimeFieldOverflow(f"date out of range: {astronomical}-{month:02d}-{day:02d}")
    return days


def current_date(session: SessionContext) -> int:
    """Return the day of the transaction's start in the session's TimeZone."""
    return utc_to_local(session_zone(session), session.transaction_timestamp) // MICROSECONDS_PER_DAY


def _checked(sum_: str) -> str:
    """Return an inline sum that leaves infinity, and whatever leaves the range of dates, to the function."""
    inside = f"{DATE_START} <= {{0}} < {DATE_END} and {DATE_START} <= ({{t}} := {sum_}) < {DATE_END}"
    return f"({{t}} if {inside} else {{f}}({{0}}, {{1}}))"


TYPES: tuple[Type, ...] = (
    Type(
        "date",
        "date",
        oid=1082,
        array_oid=1182,
        category="D",
        length=4,
        input="heliosdb.types.datetime_input:date_input",
        output=date_text,
        receive=date_receive,
        send=date_send,
        to_python=date_to_python,
        from_python=date_from_python,
        python_types=("datetime:date",),
        needs_session=True,
        description="date",
    ),
)

_NAMES = comparison_names("date_")

FUNCTIONS: tuple[ScalarFunction, ...] = (
    *comparison_functions("date", "date", _NAMES),
    ScalarFunction("date_cmp", ("date", "date"), "int4", date_cmp),
    ScalarFunction("date_pli", ("date", "int4"), "date", date_pli, inline=_checked("{0} + {1}")),
    ScalarFunction("date_mii", ("date", "int4"), "date", date_mii, inline=_checked("{0} - {1}")),
    ScalarFunction("integer_pl_date", ("int4", "date"), "date", integer_pl_date),
    ScalarFunction("date_mi", ("date", "date"), "int4", date_mi),
    ScalarFunction("date_larger", ("date", "date"), "date", max, inline="({0} if {0} > {1} else {1})"),
    ScalarFunction("date_smaller", ("date", "date"), "date", min, inline="({0} if {0} < {1} else {1})"),
    ScalarFunction("isfinite", ("date",), "bool", date_is_finite),
    ScalarFunction("make_date", ("int4", "int4", "int4"), "date", make_date, argument_names=("year", "month", "day")),
)

OPERATORS: tuple[Operator, ...] = (
    *comparison_operators("date", "date", _NAMES),
    Operator("+", "date", "int4", "date", "date_pli", commutator="+"),
    Operator("+", "int4", "date", "date", "integer_pl_date", commutator="+"),
    Operator("-", "date", "int4", "date", "date_mii"),
    Operator("-", "date", "date", "int4", "date_mi"),
)

OPERATOR_CLASSES: tuple[OperatorClass, ...] = operator_classes("date")
