"""Splitting date and time text into fields, as all date, time and interval input does first.

``split_fields`` cuts a text into at most 25 fields of a kind each, by the same rules as PostgreSQL (its appendix B.1
"Date/Time Input Interpretation"): digits with a colon are a time, digits with separators a date, a sign before digits
a zone or a signed number, letters a name. What a field means is decided later, from the fields already read.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import NoReturn

from heliosdb import errors

__all__ = [
    "FieldError",
    "FieldKind",
    "Problem",
    "parse_fraction",
    "raise_problem",
    "split_fields",
]

_MAXIMUM_FIELDS = 25
_MAXIMUM_LENGTH = 150

# The names that may be followed by a digit or a plus sign without becoming a zone name ("y2024", "j2451545", "may+").
_KEYWORD_TEXT = """-infinity ad allballs am apr april at aug august bc d dec december dow doy dst epoch feb february
fri friday h
    infinity isodow isoyear j jan january jd jul julian july jun june m mar march may mm mon monday nov november now
    oct october on pm s sat saturday sep sept september sun sunday t thu thur thurs thursday today tomorrow tue tues
    tuesday wed wednesday weds y yesterday"""
_KEYWORDS = frozenset(_KEYWORD_TEXT.split())


class FieldKind(IntEnum):
    """What a field looks like."""

    NUMBER = 0
    NAME = 1
    DATE = 2
    TIME = 3
    ZONE = 4
    SPECIAL = 5


class Problem(IntEnum):
    """Why a text is no date, time or interval."""

    BAD_FORMAT = 1
    FIELD_OVERFLOW = 2
    MONTH_DAY_OVERFLOW = 3
    INTERVAL_OVERFLOW = 4
    ZONE_OVERFLOW = 5


class FieldError(Exception):
    """Carries a Problem out of the decoders; it never leaves the input functions."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


def raise_problem(problem: Problem, text: str, type_name: str) -> NoReturn:
    """Raise the error that PostgreSQL gives for a problem with a text."""
    if problem is Problem.FIELD_OVERFLOW:
        raise errors.DatetimeFieldOverflow(f'date/time field value out of range: "{text}"')
    if problem is Problem.MONTH_DAY_OVERFLOW:
        raise errors.DatetimeFieldOverflow(
            f'date/time field value out of range: "{text}"',
            hint='Perhaps you need a different "datestyle" setting.',
        )
    if problem is Problem.INTERVAL_OVERFLOW:
        raise errors.IntervalFieldOverflow(f'interval field value out of range: "{text}"')
    if problem is Problem.ZONE_OVERFLOW:
        raise errors.InvalidTimeZoneDisplacementValue(f'time zone displacement out of range: "{text}"')
    raise errors.InvalidDatetimeFormat(f'invalid input syntax for type {type_name}: "{text}"')


_SPACE = re.compile(r"[ \t\n\r\v\f]+")
_PUNCTUATION = re.compile(r"""[!"#$%&'()*,/:;<=>?@\[\\\]^_`{|}~]""")
_TIME = re.compile(r"[0-9]+:[0-9:.]*")
_DATE = re.compile(
    r"[0-9]+(?:(?P<delimiter>[-/.])(?:[0-9]+(?:(?P=delimiter)(?:[0-9]|(?P=delimiter))*)?|(?:[0-9A-Za-z]|(?P=delimiter))*))"
)
_NUMBER = re.compile(r"[0-9]+|\.[0-9]*")
_LETTERS = re.compile(r"[A-Za-z]+")
_NAME_TAIL = re.compile(r"[-+/_.:0-9A-Za-z]+")
_SIGNED = re.compile(r"([+-])[ \t\n\r\v\f]*(?:([0-9][0-9:.\-]*)|([A-Za-z]+))")


def split_fields(text: str) -> list[tuple[FieldKind, str]]:
    """Return the (kind, text) of each field, names in lower case; raise FieldError where a character fits nowhere."""
    fields: list[tuple[FieldKind, str]] = []
    position = 0
    end = len(text)
    if end > _MAXIMUM_LENGTH:
        raise FieldError(Problem.BAD_FORMAT)
    while position < end:
        space = _SPACE.match(text, position)
        if space:
            position = space.end()
            continue
        character = text[position]
        match: re.Match[str] | None
        if "0" <= character <= "9":
            match = _TIME.match(text, position)
            if match:
                kind = FieldKind.TIME
            else:
                match = _DATE.match(text, position)
                if match:
                    kind = _date_or_number(match)
                else:
                    match = _NUMBER.match(text, position)
                    kind = FieldKind.NUMBER
        elif character == ".":
            match = _NUMBER.match(text, position)
            kind = FieldKind.NUMBER
        elif character.isascii() and character.isalpha():
            match, kind = _name(text, position)
        elif character in "+-":
            match = _SIGNED.match(text, position)
            if match is None:
                raise FieldError(Problem.BAD_FORMAT)
            digits, letters = match[2], match[3]
            fields.append(
                (FieldKind.ZONE, match[1] + digits)
                if digits is not None
                else (FieldKind.SPECIAL, match[1] + letters.lower())
            )
            position = match.end()
            continue
        elif _PUNCTUATION.match(character):
            position += 1
            continue
        else:
            raise FieldError(Problem.BAD_FORMAT)
        assert match is not None
        start = position
        position = match.end()
        fields.append((kind, text[start:position].lower()))
    if len(fields) > _MAXIMUM_FIELDS:
        raise FieldError(Problem.BAD_FORMAT)
    return fields


def _date_or_number(match: re.Match[str]) -> FieldKind:
    """Tell ``2024.5``, which is a number so far, from ``1.2.2024`` and ``1-2``, which are dates."""
    if match["delimiter"] != ".":
        return FieldKind.DATE
    _, _, rest = match[0].partition(".")
    return FieldKind.NUMBER if rest and rest.isdigit() else FieldKind.DATE


def _name(text: str, start: int) -> tuple[re.Match[str] | None, FieldKind]:
    letters = _LETTERS.match(text, start)
    assert letters is not None
    following = text[letters.end() : letters.end() + 1]
    is_date = following in ("-", "/", ".")
    if following == "+" or ("0" <= following <= "9"):
        is_date = letters[0].lower()[:10] not in _KEYWORDS
    if not (is_date and following):
        return letters, FieldKind.NAME
    tail = _NAME_TAIL.match(text, letters.end())
    return tail, FieldKind.DATE


def parse_fraction(text: str) -> int:
    """Return the microseconds of ``.25``, rounded half to even as the C library's ``rint`` does."""
    if len(text) < 2 or not text[1:].isdigit():
        raise FieldError(Problem.BAD_FORMAT)
    return round(float(text) * 1_000_000)
