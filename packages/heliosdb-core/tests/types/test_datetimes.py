"""Dates and times: the calendar far from Python's years, zones, and the way to Python and back."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliosdb import errors
from heliosdb.types.calendar import (
    DATE_END,
    DATE_INFINITY,
    DATE_START,
    MICROSECONDS_PER_DAY,
    TIMESTAMP_END,
    TIMESTAMP_INFINITY,
    TIMESTAMP_START,
    add_months,
    civil_from_days,
    days_from_civil,
    iso_week,
)
from heliosdb.types.date import date_from_python, date_to_python
from heliosdb.types.datetime_functions import age, clock_timestamp
from heliosdb.types.interval import Interval, interval_from_python, interval_key, interval_to_python
from heliosdb.types.time import TimeWithZone, time_from_python, time_to_python, timetz_from_python, timetz_to_python
from heliosdb.types.timestamp import timestamp_from_python, timestamp_to_python, timestamptz_to_python
from heliosdb.types.zones import find_zone, local_to_utc, parse_zone_setting, require_zone, utc_to_local
from recorded_calls import RecordedSession, registry

SESSION = RecordedSession(registry(), {})

days = st.integers(DATE_START, DATE_END - 1)
instants = st.integers(TIMESTAMP_START, TIMESTAMP_END - 1)
# The least integers do not read back in the style with "ago", in PostgreSQL neither.
intervals = st.builds(
    Interval, st.integers(1 - 2**31, 2**31 - 1), st.integers(1 - 2**31, 2**31 - 1), st.integers(-(2**62), 2**62)
)


@given(days)
def test_fields_of_a_day_give_the_day_again(day: int) -> None:
    assert days_from_civil(*civil_from_days(day)) == day


@given(days)
def test_dates_read_back(day: int) -> None:
    types = registry()
    assert types.input("date")(types.output("date")(day, SESSION), -1, SESSION) == day
    assert types.receive("date")(types.send("date")(day)) == day


@given(instants, st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "FOO3BAR"]))
def test_instants_read_back_in_every_zone(instant: int, zone: str) -> None:
    types = registry()
    session = RecordedSession(types, {"timezone": zone})
    text = types.output("timestamptz")(instant, session)
    assert types.input("timestamptz")(text, -1, session) == instant


@given(intervals, st.sampled_from(["postgres", "postgres_verbose", "iso_8601"]))
def test_intervals_read_back(interval: Interval, style: str) -> None:
    types = registry()
    session = RecordedSession(types, {"intervalstyle": style})
    text = types.output("interval")(interval, session)
    again = types.input("interval")(text, -1, session)
    # ISO numbers go through a float, which holds a second's fraction of very long times only roughly.
    assert again[:2] == interval[:2]
    assert style == "iso_8601" or again == interval


@given(st.dates())
def test_iso_weeks_are_pythons(day: date) -> None:
    assert iso_week(date_from_python(day)) == tuple(day.isocalendar())


@given(
    st.text(alphabet="0123456789-/:. +TZaBCpmJan", max_size=25),
    st.sampled_from(["date", "timestamptz", "timetz", "interval"]),
)
def test_hostile_text_gives_an_error_of_ours(text: str, name: str) -> None:
    try:
        registry().input(name)(text, -1, SESSION)
    except errors.DataError:
        pass


def test_adding_months_stops_at_the_months_end() -> None:
    assert civil_from_days(add_months(days_from_civil(2024, 1, 31), 1)) == (2024, 2, 29)
    assert civil_from_days(add_months(days_from_civil(2024, 3, 31), -13)) == (2023, 2, 28)
    assert civil_from_days(add_months(days_from_civil(1, 1, 31), -1)) == (0, 12, 31)


def test_the_hour_that_spring_leaves_out_counts_as_before_and_the_one_autumn_repeats_as_after() -> None:
    zone = require_zone("America/New_York")
    read = registry().input("timestamp")
    spring = local_to_utc(zone, read("2024-03-10 02:30", -1, SESSION))
    assert spring == read("2024-03-10 07:30", -1, SESSION)
    autumn = local_to_utc(zone, read("2024-11-03 01:30", -1, SESSION))
    assert autumn == read("2024-11-03 06:30", -1, SESSION)
    assert utc_to_local(zone, autumn) == read("2024-11-03 01:30", -1, SESSION)


@pytest.mark.parametrize(
    ("text", "name"),
    [("utc", "UTC"), ("america/new_york", "America/New_York"), ("+3", "<+03>-03"), ("-7.5", "<-07:30>+07:30")],
)
def test_set_time_zone_stores_the_name_postgresql_shows(text: str, name: str) -> None:
    assert parse_zone_setting(text) == name
    assert find_zone(name) is not None


@pytest.mark.parametrize("name", ["foo", "", "../etc/passwd", "/etc/localtime", "a\0b", "Etc/../UTC", "x" * 5000])
def test_a_name_that_is_no_zone_is_refused_and_leaves_the_zone_folder_alone(name: str) -> None:
    assert find_zone(name) is None
    with pytest.raises(errors.InvalidParameterValue):
        parse_zone_setting(name)


@given(st.dates(), st.datetimes(), st.times())
def test_python_values_come_back(day: date, moment: datetime, clock: time) -> None:
    assert date_to_python(date_from_python(day)) == day
    assert timestamp_to_python(timestamp_from_python(moment)) == moment
    assert timestamptz_to_python(timestamp_from_python(moment.replace(tzinfo=UTC))) == moment.replace(tzinfo=UTC)
    assert time_to_python(time_from_python(clock)) == clock
    zoned = clock.replace(tzinfo=timezone(timedelta(hours=-3, minutes=-30)))
    assert timetz_from_python(zoned).west == 12_600
    assert timetz_to_python(timetz_from_python(zoned)) == zoned


@given(st.timedeltas())
def test_timedeltas_come_back(delta: timedelta) -> None:
    assert interval_to_python(interval_from_python(delta)) == delta


def test_months_and_years_become_days_in_python() -> None:
    assert interval_to_python(Interval(14, 3, 5)) == timedelta(days=365 + 60 + 3, microseconds=5)
    assert interval_to_python(Interval(-14, 0, 0)) == timedelta(days=-(365 + 60))


@pytest.mark.parametrize(
    ("function", "datum"),
    [
        (date_to_python, DATE_INFINITY),
        (date_to_python, DATE_START),
        (timestamp_to_python, TIMESTAMP_INFINITY),
        (timestamptz_to_python, TIMESTAMP_END - 1),
        (time_to_python, MICROSECONDS_PER_DAY),
        (timetz_to_python, TimeWithZone(MICROSECONDS_PER_DAY, 0)),
        (interval_to_python, Interval(2**31 - 1, 2**31 - 1, 0)),
    ],
)
def test_what_python_cannot_hold_is_an_error_that_says_what_to_do(function: object, datum: object) -> None:
    with pytest.raises(errors.DataError) as caught:
        function(datum)  # type: ignore[operator]
    assert caught.value.hint == "Cast the value to text to read it."


@pytest.mark.parametrize("function", [date_from_python, timestamp_from_python, time_from_python, interval_from_python])
def test_other_python_values_are_refused(function: object) -> None:
    for value in (1, "2024-01-01", None, object()):
        with pytest.raises(errors.DatatypeMismatch):
            function(value)  # type: ignore[operator]


@given(instants, instants)
def test_age_and_its_opposite_cancel(first: int, second: int) -> None:
    forth, back = age(first, second), age(second, first)
    assert tuple(-part for part in forth) == tuple(back)


@given(intervals)
def test_a_months_worth_of_days_is_a_month(interval: Interval) -> None:
    months, rest, time_part = interval
    if months < 2**31 - 1:
        assert interval_key(Interval(months + 1, rest, time_part)) == interval_key(interval) + 30 * MICROSECONDS_PER_DAY


def test_now_is_the_transactions_and_the_clock_goes_on() -> None:
    text = registry().input("timestamptz")("now", -1, SESSION)
    assert text == SESSION.transaction_timestamp
    assert clock_timestamp() > SESSION.transaction_timestamp
    assert registry().output("date")(registry().input("date")("today", -1, SESSION), SESSION) == "2024-02-14"
