"""Time zones: names, POSIX rules and abbreviations against offsets from UTC.

Zones come from Python's ``zoneinfo`` (the platform's tz database, or the ``tzdata`` distribution where there is
none). A POSIX rule such as ``EST5EDT,M3.2.0,M11.1.0`` or ``<+03>-3``, whose signs count west of Greenwich, becomes a
zone by way of a TZif file without transitions, which holds nothing but the rule.

Local time to UTC follows PostgreSQL: in the hour that a spring leap leaves out the offset before it holds, in the
hour that autumn repeats the offset after it; in both cases that is the smaller of the two offsets that Python's
``fold`` distinguishes. Offsets here are seconds *east* of UTC, as in ISO 8601; the datum of ``time with time zone``
keeps PostgreSQL's seconds west.
"""

from __future__ import annotations

import re
import struct
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING

from heliosdb import errors
from heliosdb.types.calendar import MICROSECONDS_PER_DAY, MICROSECONDS_PER_SECOND
from heliosdb.types.definitions import SessionContext
from heliosdb.types.zone_abbreviations import DAYLIGHT_ABBREVIATIONS, STANDARD_ABBREVIATIONS, ZONE_ABBREVIATIONS

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = [
    "abbreviation_at",
    "abbreviation_offset",
    "canonical_zone_name",
    "find_zone",
    "fixed_zone",
    "local_to_utc",
    "offset_at_local",
    "offset_at_utc",
    "offset_text",
    "parse_zone_setting",
    "require_zone",
    "session_zone",
    "utc_to_local",
    "zone_argument_offset",
]

_EPOCH = datetime(2000, 1, 1)
_EPOCH_UTC = datetime(2000, 1, 1, tzinfo=UTC)
_CYCLE = 146_097 * MICROSECONDS_PER_DAY
_FIRST_DIRECT = -1990 * 366 * MICROSECONDS_PER_DAY
_LAST_DIRECT = 7990 * 365 * MICROSECONDS_PER_DAY
_POSIX_WITHOUT_RULE = re.compile(
    r"(?P<std><[^>]+>|[^0-9,+<>-]+)(?P<offset>[+-]?\d{1,3}(:\d{1,2}){0,2})(?P<dst><[^>]+>|[^0-9,+<>-]+)?"
    r"(?P<dst_offset>[+-]?\d{1,3}(:\d{1,2}){0,2})?(?P<rule>,.*)?"
)
_NUMERIC_ZONE = re.compile(r"\s*([+-]?)(\d+)(?:\.(\d+))?\s*")
_ZONE_NAME = re.compile(r"[A-Za-z0-9_+./-]+")
_DAYLIGHT_RULE = ",M3.2.0,M11.1.0"


def fixed_zone(offset: int) -> tzinfo:
    """Return the zone that is always this many seconds east of UTC."""
    return UTC if offset == 0 else timezone(timedelta(seconds=offset))


@lru_cache(maxsize=1)
def _zone_names() -> dict[str, str]:
    # zoneinfo asks sysconfig where the platform keeps zones; a database opens without that, here and below.
    from zoneinfo import available_timezones

    return {name.lower(): name for name in available_timezones()}


def _posix_zone(rule: str) -> ZoneInfo | None:
    from zoneinfo import ZoneInfo

    header = b"TZif2" + bytes(15)
    empty_block = header + struct.pack(">6l", 0, 0, 0, 0, 1, 4) + struct.pack(">lbb", 0, 0, 0) + b"UTC\0"
    try:
        return ZoneInfo.from_file(BytesIO(empty_block + empty_block + b"\n" + rule.encode("ascii") + b"\n"), key=rule)
    except (ValueError, UnicodeError):
        return None


@lru_cache(maxsize=256)
def find_zone(name: str) -> tzinfo | None:
    """Return the zone of this name (in any case) or POSIX rule, or None. Abbreviations are not names."""
    if name.lower() in ("utc", "gmt", "etc/utc"):
        return UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    # A slash first, two dots or a strange character would let a name leave the tz database's folder.
    if _ZONE_NAME.fullmatch(name) and not name.startswith(("/", ".")) and ".." not in name:
        try:
            return ZoneInfo(_zone_names().get(name.lower(), name) if name.lower() == name else name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
        known = _zone_names().get(name.lower())
        if known is not None:
            return ZoneInfo(known)
    match = _POSIX_WITHOUT_RULE.fullmatch(name)
    if match is None:
        # PostgreSQL reads "+3" as a nameless POSIX zone: three hours west.
        numeric = re.fullmatch(r"([+-])(\d{1,2})(?::(\d{2}))?(?::(\d{2}))?", name)
        if numeric is None:
            return None
        west = int(numeric[2]) * 3600 + int(numeric[3] or 0) * 60 + int(numeric[4] or 0)
        return fixed_zone(-west if numeric[1] == "+" else west) if west < 86_400 else None
    if not match["dst"]:
        hour, minute, second = (int(part) for part in (match["offset"].lstrip("+-") + ":0:0").split(":")[:3])
        west = (hour * 60 + minute) * 60 + second
        west = -west if match["offset"].startswith("-") else west
        if match["rule"] or abs(west) >= 86_400:
            return None
        return timezone(timedelta(seconds=-west), match["std"].strip("<>"))
    names = [f"<{re.sub(r'[^A-Za-z0-9+-]', '', match[part]) or 'X'}>" for part in ("std", "dst")]
    rule = match["rule"] or _DAYLIGHT_RULE
    return _posix_zone(f"{names[0]}{match['offset']}{names[1]}{match['dst_offset'] or ''}{rule}")


def require_zone(name: str) -> tzinfo:
    """Return the zone of this name, or raise 22023."""
    zone = find_zone(name)
    if zone is None:
        raise errors.InvalidParameterValue(f'time zone "{name}" not recognized')
    return zone


def canonical_zone_name(name: str) -> str | None:
    """Return how SHOW TimeZone spells this name, or None when there is no such zone."""
    if find_zone(name) is None:
        return None
    return name.upper() if name.lower() in ("utc", "gmt") else _zone_names().get(name.lower(), name)


def parse_zone_setting(text: str) -> str:
    """Return the name that ``SET TIME ZONE`` stores for its argument: a number is hours east, else a zone's name.

    Raise 22023 in PostgreSQL's words when the text names no zone.
    """
    words = text.split(None, 1)
    if len(words) == 2 and words[0].lower() == "interval" and words[1][:1] == words[1][-1:] == "'":
        return _interval_zone(words[1][1:-1])
    match = _NUMERIC_ZONE.fullmatch(text)
    if match is not None:
        hours = float(text)
        seconds = round(hours * 3600)
        if abs(seconds) < 168 * 3600:
            return _posix_name(seconds)
    name = canonical_zone_name(text)
    if name is None:
        raise errors.InvalidParameterValue(f'invalid value for parameter "TimeZone": "{text}"')
    return name


def _interval_zone(text: str) -> str:
    """Return the zone that is an interval away from Greenwich: ``SET TIME ZONE INTERVAL '-03:30' HOUR TO MINUTE``."""
    from heliosdb.types.interval import Interval, postgres_style
    from heliosdb.types.interval_parse import parse_interval

    months, days, microseconds = parse_interval(text, None, False)
    if months or days:
        shown = postgres_style(Interval(months, days, microseconds))
        raise errors.InvalidParameterValue(
            f'invalid value for parameter "TimeZone": "INTERVAL \'{shown}\'"',
            detail=f"Cannot specify {'months' if months else 'days'} in time zone interval.",
        )
    return _posix_name(microseconds // 1_000_000)


def _posix_name(east: int) -> str:
    def spell(seconds: int) -> str:
        hours, rest = divmod(abs(seconds), 3600)
        minutes, second = divmod(rest, 60)
        sign = "-" if seconds < 0 else "+"
        return f"{sign}{hours:02d}" + (f":{minutes:02d}" if rest else "") + (f":{second:02d}" if second else "")

    west = spell(-east)
    return f"<{spell(east)}>{west}"


def session_zone(session: SessionContext) -> tzinfo:
    """Return the session's TimeZone."""
    name: str = session.setting("timezone")
    return UTC if name == "UTC" else require_zone(name)


def _within_python(microseconds: int) -> int:
    """Move an instant that Python's datetime cannot hold by whole calendar cycles to one that it can."""
    if _FIRST_DIRECT <= microseconds <= _LAST_DIRECT:
        return microseconds
    if microseconds < 0:
        return _FIRST_DIRECT + (microseconds - _FIRST_DIRECT) % _CYCLE
    return _LAST_DIRECT - (_LAST_DIRECT - microseconds) % _CYCLE


def offset_at_utc(zone: tzinfo, microseconds: int) -> int:
    """Return the zone's offset, in seconds east, at an instant."""
    if zone is UTC:
        return 0
    instant = _EPOCH_UTC + timedelta(microseconds=_within_python(microseconds))
    return _seconds(instant.astimezone(zone).utcoffset())


def offset_at_local(zone: tzinfo, microseconds: int) -> int:
    """Return the zone's offset, in seconds east, at a local time."""
    if zone is UTC:
        return 0
    local = (_EPOCH + timedelta(microseconds=_within_python(microseconds))).replace(tzinfo=zone)
    return min(_seconds(local.utcoffset()), _seconds(local.replace(fold=1).utcoffset()))


def _seconds(offset: timedelta | None) -> int:
    return 0 if offset is None else offset.days * 86_400 + offset.seconds


def utc_to_local(zone: tzinfo, microseconds: int) -> int:
    """Return the zone's local time at a finite instant."""
    return microseconds if zone is UTC else microseconds + offset_at_utc(zone, microseconds) * MICROSECONDS_PER_SECOND


def local_to_utc(zone: tzinfo, microseconds: int) -> int:
    """Return the instant of a finite local time."""
    return microseconds if zone is UTC else microseconds - offset_at_local(zone, microseconds) * MICROSECONDS_PER_SECOND


def abbreviation_at(zone: tzinfo, microseconds: int) -> str:
    """Return what the zone is called at an instant, ``CEST`` for example."""
    if zone is UTC:
        return "UTC"
    name = (_EPOCH_UTC + timedelta(microseconds=_within_python(microseconds))).astimezone(zone).tzname()
    return name or ""


def offset_text(offset: int, *, west: bool = False, colons: bool = False) -> str:
    """Spell an offset as ISO 8601 output does: ``+00``, ``-03:30``; minutes and seconds where they are not zero."""
    east = -offset if west else offset
    minutes, second = divmod(abs(east), 60)
    hour, minute = divmod(minutes, 60)
    text = f"{'-' if east < 0 else '+'}{hour:02d}"
    if second:
        return f"{text}:{minute:02d}:{second:02d}"
    return f"{text}:{minute:02d}" if minute or colons else text


def abbreviation_offset(name: str, local: int | None) -> tuple[int, bool] | None:
    """Return (seconds east, is daylight saving) of an abbreviation, or None when it is none.

    ``local`` is the local time for the few whose meaning changed; None asks only about the fixed ones and gives their
    zone's standard offset of today's rules otherwise.
    """
    key = name.lower()
    fixed = STANDARD_ABBREVIATIONS.get(key)
    if fixed is not None:
        return fixed, False
    fixed = DAYLIGHT_ABBREVIATIONS.get(key)
    if fixed is not None:
        return fixed, True
    zone_name = ZONE_ABBREVIATIONS.get(key)
    if zone_name is None:
        return None
    zone = require_zone(zone_name)
    at = _EPOCH + timedelta(microseconds=_within_python(local or 0))
    moment = at.replace(tzinfo=zone)
    offset = offset_at_local(zone, local or 0)
    # The abbreviation names one of the zone's two halves; where the clock shows the other, take the saving off.
    if (moment.tzname() or "").lower() != key and (moment.tzname() or "").isalpha():
        offset -= _seconds(moment.dst())
    return offset, False


def zone_argument_offset(name: str, instant: int, *, local: bool) -> int:
    """Return the offset that ``AT TIME ZONE name`` means at an instant or local time; abbreviations before names."""
    known = abbreviation_offset(name, instant)
    if known is not None:
        return known[0]
    zone = require_zone(name)
    return offset_at_local(zone, instant) if local else offset_at_utc(zone, instant)
