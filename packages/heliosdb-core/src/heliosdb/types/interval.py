"""``interval``: (months, days, microseconds), three integers that do not flow into each other.

A month has no fixed length and a day not always 24 hours, so the three are kept apart and added to a timestamp one
after the other. To compare two intervals a month counts 30 days and a day 24 hours (PostgreSQL's rule): ``'1 month' =
'30 days'`` is true, and hash and sort keys follow it. The datum is a named tuple, so that an array of intervals is
not taken for a nested array.

The type modifier holds, as PostgreSQL's does, a mask of the fields to keep above the precision of the seconds.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from heliosdb import errors
from heliosdb.types.calendar import (
    DAYS_PER_MONTH,
    MICROSECONDS_PER_DAY,
    MICROSECONDS_PER_HOUR,
    MICROSECONDS_PER_MINUTE,
    round_to_precision,
    time_fields,
    truncated_division,
)
from heliosdb.types.comparison import comparison_functions, comparison_names, comparison_operators, operator_classes
from heliosdb.types.definitions import (
    Aggregate,
    Cast,
    CastContext,
    Operator,
    OperatorClass,
    ScalarFunction,
    SessionContext,
    Type,
)
from heliosdb.types.stored_classes import INTERVAL

__all__ = [
    "FULL_RANGE",
    "fields_of",
    "range_of",
    "coerce_interval",
    "AGGREGATES",
    "CASTS",
    "FUNCTIONS",
    "OPERATORS",
    "OPERATOR_CLASSES",
    "TYPES",
    "Interval",
    "checked_interval",
    "interval_key",
    "interval_output",
]

_FIELD_BITS = {"month": 1 << 1, "year": 1 << 2, "day": 1 << 3, "hour": 1 << 10, "minute": 1 << 11, "second": 1 << 12}
_FIELD_ORDER = ("year", "month", "day", "hour", "minute", "second")
FULL_RANGE = 0x7FFF
_FULL_PRECISION = 0xFFFF


class Interval(NamedTuple):
    """An interval's three parts, each of its own sign."""

    months: int
    days: int
    microseconds: int


def checked_interval(months: int, days: int, microseconds: int) -> Interval:
    """Return an interval whose parts fit 32, 32 and 64 bits, else raise 22008."""
    if -(2**31) <= months < 2**31 and -(2**31) <= days < 2**31 and -(2**63) <= microseconds < 2**63:
        return Interval(months, days, microseconds)
    raise errors.DatetimeFieldOverflow("interval out of range")


def range_of(typmod: int) -> int:
    """Return the mask of the fields that a typmod keeps."""
    return FULL_RANGE if typmod < 0 else typmod >> 16


def fields_of(mask: int) -> list[str]:
    """Return the names of a mask's fields, greatest first."""
    return [name for name in _FIELD_ORDER if mask & _FIELD_BITS[name]]


def interval_output(datum: Interval, session: SessionContext) -> str:
    """Return an interval in the session's IntervalStyle."""
    style = str(session.setting("intervalstyle")).lower()
    if style == "postgres":
        return postgres_style(datum)
    if style == "postgres_verbose":
        return _verbose(datum)
    return _sql_standard(datum) if style == "sql_standard" else _iso(datum)


def _split(datum: Interval) -> tuple[int, int, int, int, int, int, int]:
    """Return years, months, days, hours, minutes, seconds and microseconds, each with its part's sign."""
    sign = -1 if datum.months < 0 else 1
    years, months = divmod(abs(datum.months), 12)
    clock = -1 if datum.microseconds < 0 else 1
    hour, minute, second, fraction = time_fields(abs(datum.microseconds))
    return (
        sign * years,
        sign * months,
        datum.days,
        clock * hour,
        clock * minute,
        clock * second,
        clock * fraction,
    )


def _seconds(second: int, fraction: int, *, width: int = 1) -> str:
    text = f"{abs(second):0{width}d}"
    return f"{text}.{abs(fraction):06d}".rstrip("0") if fraction else text


def postgres_style(datum: Interval) -> str:
    """Return an interval as ``1 mon -2 days 03:00:00``."""
    years, months, days, hour, minute, second, fraction = _split(datum)
    parts: list[str] = []
    negative_before = False
    for value, unit in ((years, "year"), (months, "mon"), (days, "day")):
        if value:
            # A part after a negative one shows its plus, so that the text reads back the same.
            sign = "+" if negative_before and value > 0 else ""
            parts.append(f"{sign}{value} {unit}{'' if value == 1 else 's'}")
            negative_before = value < 0
    if datum.microseconds or not parts:
        sign = "-" if datum.microseconds < 0 else "+" if negative_before else ""
        parts.append(f"{sign}{abs(hour):02d}:{abs(minute):02d}:{_seconds(second, fraction, width=2)}")
    return " ".join(parts)


def _verbose(datum: Interval) -> str:
    years, months, days, hour, minute, second, fraction = _split(datum)
    parts = ["@"]
    ago = False
    first = True
    named = ((years, "year"), (months, "mon"), (days, "day"), (hour, "hour"), (minute, "min"))
    for value, unit in named:
        if value:
            if first:
                ago, first = value < 0, False
            shown = -value if ago else value
            parts.append(f"{shown} {unit}{'' if shown == 1 else 's'}")
    if second or fraction:
        negative = second < 0 or fraction < 0
        if first:
            ago, first = negative, False
        sign = "-" if negative != ago else ""
        plural = "" if abs(second) == 1 and not fraction else "s"
        parts.append(f"{sign}{_seconds(second, fraction)} sec{plural}")
    if first:
        parts.append("0")
    return " ".join([*parts, "ago"] if ago else parts)


def _sql_standard(datum: Interval) -> str:
    years, months, days, hour, minute, second, fraction = _split(datum)
    values = (datum.months, days, datum.microseconds)
    if not any(values):
        return "0"
    clock = f"{abs(hour)}:{abs(minute):02d}:{_seconds(second, fraction, width=2)}"
    year_month = f"{abs(years)}-{abs(months)}"
    mixed_signs = any(value < 0 for value in values) and any(value > 0 for value in values)
    if mixed_signs or (datum.months and (days or datum.microseconds)):
        signs = ["-" if value < 0 else "+" for value in values]
        return f"{signs[0]}{year_month} {signs[1]}{abs(days)} {signs[2]}{clock}"
    sign = "-" if any(value < 0 for value in values) else ""
    if datum.months:
        return f"{sign}{year_month}"
    return f"{sign}{abs(days)} {clock}" if days else f"{sign}{clock}"


def _iso(datum: Interval) -> str:
    years, months, days, hour, minute, second, fraction = _split(datum)
    if not any(datum):
        return "PT0S"
    parts = [f"{value}{unit}" for value, unit in ((years, "Y"), (months, "M"), (days, "D")) if value]
    clock = [f"{value}{unit}" for value, unit in ((hour, "H"), (minute, "M")) if value]
    if second or fraction:
        clock.append(f"{'-' if datum.microseconds < 0 else ''}{_seconds(second, fraction)}S")
    return "P" + "".join(parts) + ("T" + "".join(clock) if clock else "")


def interval_typmod_in(modifiers: Sequence[int | str]) -> int:
    """Return the typmod of fields such as ``"day to second"`` and a precision, either of them optional."""
    mask, precision = FULL_RANGE, _FULL_PRECISION
    for modifier in modifiers:
        if isinstance(modifier, str):
            first, _, last = modifier.lower().partition(" to ")
            start, end = _FIELD_ORDER.index(first), _FIELD_ORDER.index(last or first)
            mask = sum(_FIELD_BITS[name] for name in _FIELD_ORDER[start : end + 1])
        elif modifier < 0:
            raise errors.InvalidParameterValue(f"INTERVAL({modifier}) precision must not be negative")
        else:
            precision = min(modifier, 6)
    return mask << 16 | precision


def interval_typmod_out(typmod: int) -> str:
    """Return `` day to second(3)``."""
    if typmod < 0:
        return ""
    mask, precision = typmod >> 16, typmod & 0xFFFF
    text = ""
    if mask != FULL_RANGE:
        fields = fields_of(mask)
        text = f" {fields[0]}" + (f" to {fields[-1]}" if len(fields) > 1 else "")
    return text if precision == _FULL_PRECISION else f"{text}({precision})"


def coerce_interval(datum: Interval, typmod: int, explicit: bool) -> Interval:
    """Cut off the fields below the last that the type modifier keeps, and round the seconds."""
    mask = range_of(typmod)
    months, days, microseconds = datum
    if mask != FULL_RANGE:
        last = fields_of(mask)[-1]
        if last == "year":
            months, days, microseconds = truncated_division(months, 12) * 12, 0, 0
        elif last == "month":
            days, microseconds = 0, 0
        elif last == "day":
            microseconds = 0
        elif last in ("hour", "minute"):
            unit = MICROSECONDS_PER_HOUR if last == "hour" else MICROSECONDS_PER_MINUTE
            microseconds = truncated_division(microseconds, unit) * unit
    precision = typmod & 0xFFFF if typmod >= 0 else _FULL_PRECISION
    if precision != _FULL_PRECISION:
        microseconds = round_to_precision(microseconds, precision)
    return Interval(months, days, microseconds)


def interval_send(datum: Interval) -> bytes:
    """Return the sixteen bytes of PostgreSQL's binary format."""
    return struct.pack(">qii", datum[2], datum[1], datum[0])


def interval_receive(data: bytes) -> Interval:
    """Read sixteen bytes."""
    if len(data) != 16:
        raise errors.InvalidBinaryRepresentation("incorrect binary data format")
    microseconds, days, months = struct.unpack(">qii", data)
    return Interval(months, days, microseconds)


def interval_to_python(datum: Interval) -> timedelta:
    """Return a ``timedelta``, in which a year counts 365 days and a month 30; 22008 where that is too long."""
    years, months = abs(datum[0]) // 12, abs(datum[0]) % 12
    days = (years * 365 + months * DAYS_PER_MONTH) * (-1 if datum[0] < 0 else 1)
    try:
        return timedelta(days=days + datum[1], microseconds=datum[2])
    except OverflowError:
        raise errors.DatetimeFieldOverflow(
            "interval does not fit Python's datetime.timedelta", hint="Cast the value to text to read it."
        ) from None


def interval_from_python(value: object) -> Interval:
    """Return the datum of a ``timedelta``: its days, and its seconds and microseconds."""
    if isinstance(value, timedelta):
        return Interval(0, value.days, value.seconds * 1_000_000 + value.microseconds)
    raise errors.DatatypeMismatch(f"cannot convert Python {type(value).__name__} to interval")


def interval_key(datum: Interval) -> int:
    """Return the length in microseconds, a month of 30 days and a day of 24 hours: what intervals compare by."""
    return (datum[0] * DAYS_PER_MONTH + datum[1]) * MICROSECONDS_PER_DAY + datum[2]


def interval_eq(left: Interval, right: Interval) -> bool:
    """Return whether two intervals have the same length."""
    return interval_key(left) == interval_key(right)


def interval_ne(left: Interval, right: Interval) -> bool:
    """Return whether two intervals differ in length."""
    return interval_key(left) != interval_key(right)


def interval_lt(left: Interval, right: Interval) -> bool:
    """Return whether the first is shorter."""
    return interval_key(left) < interval_key(right)


def interval_le(left: Interval, right: Interval) -> bool:
    """Return whether the first is not longer."""
    return interval_key(left) <= interval_key(right)


def interval_gt(left: Interval, right: Interval) -> bool:
    """Return whether the first is longer."""
    return interval_key(left) > interval_key(right)


def interval_ge(left: Interval, right: Interval) -> bool:
    """Return whether the first is not shorter."""
    return interval_key(left) >= interval_key(right)


def interval_cmp(left: Interval, right: Interval) -> int:
    """Return -1, 0 or 1."""
    return interval_gt(left, right) - interval_lt(left, right)


def interval_pl(left: Interval, right: Interval) -> Interval:
    """Add part by part."""
    return checked_interval(left[0] + right[0], left[1] + right[1], left[2] + right[2])


def interval_mi(left: Interval, right: Interval) -> Interval:
    """Subtract part by part."""
    return checked_interval(left[0] - right[0], left[1] - right[1], left[2] - right[2])


def interval_um(datum: Interval) -> Interval:
    """Negate every part."""
    return checked_interval(-datum[0], -datum[1], -datum[2])


def interval_mul(datum: Interval, factor: float) -> Interval:
    """Multiply; fractions of months become days and fractions of days time, as PostgreSQL's interval_mul does it."""
    return _scaled(datum, factor, 1.0)


def mul_d_interval(factor: float, datum: Interval) -> Interval:
    """Multiply."""
    return _scaled(datum, factor, 1.0)


def interval_div(datum: Interval, divisor: float) -> Interval:
    """Divide; fractions flow downwards as in multiplication."""
    if divisor == 0:
        raise errors.DivisionByZero("division by zero")
    return _scaled(datum, 1.0, divisor)


def _scaled(datum: Interval, factor: float, divisor: float) -> Interval:
    # One of the two is 1.0: dividing by the reciprocal would not round as PostgreSQL does.
    def scale(value: int) -> float:
        return value * factor if divisor == 1.0 else value / divisor

    exact_months, exact_days = scale(datum[0]), scale(datum[1])
    if not (abs(exact_months) < 2.0**31 and abs(exact_days) < 2.0**31):
        raise errors.DatetimeFieldOverflow("interval out of range")
    months, days = int(exact_months), int(exact_days)
    rest_of_month = _snapped((exact_months - months) * DAYS_PER_MONTH)
    whole_days = int(rest_of_month)
    seconds = _snapped((exact_days - days + rest_of_month - whole_days) * 86_400)
    # Rounding may have made a whole day of it, but never of a time that was one already.
    if abs(seconds) >= 86_400:
        carried = int(seconds / 86_400)
        days += carried
        seconds -= carried * 86_400
    time = scale(datum[2]) + seconds * 1_000_000
    if not abs(time) < 2.0**63:
        raise errors.DatetimeFieldOverflow("interval out of range")
    return checked_interval(months, days + whole_days, round(time))


def _snapped(value: float) -> float:
    """Round to microseconds (PostgreSQL's TSROUND)."""
    return round(value * 1_000_000) / 1_000_000 if abs(value) < 2.0**63 / 1_000_000 else value


def time_to_interval(datum: int) -> Interval:
    """Return the time since midnight."""
    return Interval(0, 0, datum)


def interval_to_time(datum: Interval) -> int:
    """Return the time of day that is left when whole days are dropped."""
    return datum[2] % MICROSECONDS_PER_DAY


def interval_is_finite(datum: Interval) -> bool:
    """Return true: there are no infinite intervals."""
    return True


def _average(total: Interval, count: int) -> Interval:
    return interval_div(total, float(count))


TYPES: tuple[Type, ...] = (
    Type(
        "interval",
        "interval",
        oid=1186,
        array_oid=1187,
        category="T",
        preferred=True,
        length=16,
        input="heliosdb.types.datetime_input:interval_input",
        output=interval_output,
        receive=interval_receive,
        send=interval_send,
        typmod_in=interval_typmod_in,
        typmod_out=interval_typmod_out,
        coerce_typmod=coerce_interval,
        to_python=interval_to_python,
        from_python=interval_from_python,
        python_types=("datetime:timedelta",),
        needs_session=True,
        stored=INTERVAL,
        description="time interval, format 'number units ...'",
    ),
)

CASTS: tuple[Cast, ...] = (
    Cast("time", "interval", CastContext.IMPLICIT, time_to_interval),
    Cast("interval", "time", CastContext.ASSIGNMENT, interval_to_time),
)

_NAMES = comparison_names("interval_")

FUNCTIONS: tuple[ScalarFunction, ...] = (
    *comparison_functions(
        "interval",
        "interval",
        _NAMES,
        (None,) * 6,
        (interval_eq, interval_ne, interval_lt, interval_le, interval_gt, interval_ge),
    ),
    ScalarFunction("interval_cmp", ("interval", "interval"), "int4", interval_cmp),
    ScalarFunction("interval_pl", ("interval", "interval"), "interval", interval_pl),
    ScalarFunction("interval_mi", ("interval", "interval"), "interval", interval_mi),
    ScalarFunction("interval_um", ("interval",), "interval", interval_um),
    ScalarFunction("interval_mul", ("interval", "float8"), "interval", interval_mul),
    ScalarFunction("mul_d_interval", ("float8", "interval"), "interval", mul_d_interval),
    ScalarFunction("interval_div", ("interval", "float8"), "interval", interval_div),
    ScalarFunction("isfinite", ("interval",), "bool", interval_is_finite),
)

OPERATORS: tuple[Operator, ...] = (
    *comparison_operators("interval", "interval", _NAMES),
    Operator("+", "interval", "interval", "interval", "interval_pl", commutator="+"),
    Operator("-", "interval", "interval", "interval", "interval_mi"),
    Operator("-", None, "interval", "interval", "interval_um"),
    Operator("*", "interval", "float8", "interval", "interval_mul", commutator="*"),
    Operator("*", "float8", "interval", "interval", "mul_d_interval", commutator="*"),
    Operator("/", "interval", "float8", "interval", "interval_div"),
)

OPERATOR_CLASSES: tuple[OperatorClass, ...] = operator_classes(
    "interval", identity=False, hash_key=interval_key, sort_key=interval_key
)

AGGREGATES: tuple[Aggregate, ...] = (
    Aggregate(
        "sum",
        ("interval",),
        "interval",
        slots=("None",),
        inline_step=("({0} if {s0} is None else {f}({s0}, {0}))",),
        inline_inverse=("{f}({s0}, (-{0}[0], -{0}[1], -{0}[2]))",),
        inline_final="{s0}",
        implementation=interval_pl,
    ),
    Aggregate(
        "avg",
        ("interval",),
        "interval",
        initial=lambda: None,
        step=lambda state, value: (value, 1) if state is None else (interval_pl(state[0], value), state[1] + 1),
        final=lambda state: None if state is None else _average(*state),
        inverse=lambda state, value: None if state[1] == 1 else (interval_mi(state[0], value), state[1] - 1),
    ),
)
