"""The units of time by their spellings, as interval input, ``extract`` and ``date_trunc`` know them."""

from __future__ import annotations

__all__ = ["UNITS"]

UNITS = {
    name[:10]: unit
    for unit, names in {
        "century": "c cent century centuries",
        "day": "d day days",
        "decade": "dec decade decades decs",
        "hour": "h hour hours hr hrs",
        "minute": "m min mins minute minutes",
        "millennium": "mil millennia millennium mils",
        "millisecond": "ms msec msecs mseconds millisecond milliseconds",
        "month": "mon mons month months",
        "quarter": "qtr quarter",
        "second": "s sec second seconds secs",
        "microsecond": "us usec usecs useconds microsecond microseconds",
        "week": "w week weeks",
        "year": "y year years yr yrs",
        "timezone": "timezone",
        "timezone_hour": "timezone_h",
        "timezone_minute": "timezone_m",
    }.items()
    for name in names.split()
}
"""Unit spellings, cut to ten letters as PostgreSQL compares them, to the unit."""
