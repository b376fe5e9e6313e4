"""Templates such as ``YYYY-MM-DD HH24:MI:SS``: their text cut into fields, separators and literal characters.

The same templates write (``to_char``) and read (``to_date``, ``to_timestamp``); PostgreSQL 15, section 9.8. A field
may have the prefixes FM (no padding) and TM (names of the locale, which here are English) and the suffix TH (an
ordinal ending).
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache

from attrs import frozen

__all__ = ["Convention", "Field", "Node", "NodeKind", "is_separator", "parse_template"]


class Convention(Enum):
    """Which calendar a field belongs to; a template for reading may use one of the two."""

    NONE = 0
    GREGORIAN = 1
    ISO_WEEK = 2


@frozen
class Field:
    """A field: ``spelling`` as in templates, ``name`` whatever the case, ``length`` the digits it takes in reading."""

    spelling: str
    name: str
    length: int
    is_digit: bool
    convention: Convention


class NodeKind(Enum):
    """What stands at a place of the template."""

    FIELD = 0
    SEPARATOR = 1
    SPACE = 2
    CHARACTER = 3


@frozen
class Node:
    """One field or one character."""

    kind: NodeKind
    text: str
    field: Field | None = None
    fill_mode: bool = False
    locale: bool = False
    ordinal: str = ""


_NUMBERS = {
    Convention.NONE: "CC FF1 FF2 FF3 FF4 FF5 FF6 HH24 HH12 HH J MI MS Q SSSSS SSSS SS TZM US",
    Convention.GREGORIAN: "DDD DD D MM WW W Y,YYY YYYY YYY YY Y",
    Convention.ISO_WEEK: "IDDD ID IW IYYY IYY IY I",
}
_WORDS = {
    Convention.NONE: "A.D. A.M. AD AM B.C. BC DAY DY FX OF P.M. PM TZH TZ",
    Convention.GREGORIAN: "MONTH MON RM",
}
_CAPITALIZED = ("Day", "Dy", "Month", "Mon")
_READ_LENGTHS = {"HH24": 2, "HH12": 2, "IDDD": 3, "Y,YYY": 5}


def _fields() -> dict[str, Field]:
    fields: dict[str, Field] = {}
    for table, is_digit in ((_NUMBERS, True), (_WORDS, False)):
        for convention, spellings in table.items():
            for name in spellings.split():
                length = _READ_LENGTHS.get(name, len(name))
                for spelling in (name, name.lower()):
                    fields[spelling] = Field(spelling, name, length, is_digit, convention)
    for spelling in _CAPITALIZED:
        fields[spelling] = Field(spelling, spelling.upper(), len(spelling), False, fields[spelling.upper()].convention)
    return fields


_FIELDS = _fields()
_LONGEST = max(map(len, _FIELDS))


def is_separator(character: str) -> bool:
    """Return whether a character is printable ASCII but no letter, digit or blank."""
    return "!" <= character <= "~" and not character.isalnum()


def _field_at(template: str, position: int) -> Field | None:
    for length in range(_LONGEST, 0, -1):
        field = _FIELDS.get(template[position : position + length])
        if field is not None and len(field.spelling) == length:
            return field
    return None


@lru_cache(maxsize=256)
def parse_template(template: str) -> tuple[Node, ...]:
    """Return the nodes of a template."""
    nodes: list[Node] = []
    position = 0
    while position < len(template):
        prefix = template[position : position + 2]
        fill_mode, locale = prefix in ("FM", "fm"), prefix in ("TM", "tm")
        if fill_mode or locale:
            position += 2
        if position >= len(template):
            break
        field = _field_at(template, position)
        if field is not None:
            position += len(field.spelling)
            suffix = template[position : position + 2]
            ordinal = suffix if suffix in ("TH", "th") else ""
            if ordinal or suffix == "SP":
                position += 2
            nodes.append(Node(NodeKind.FIELD, field.spelling, field, fill_mode, locale, ordinal))
        elif template[position] == '"':
            position = _quoted(template, position + 1, nodes)
        else:
            # A backslash means something only before a quote.
            if template.startswith('\\"', position):
                position += 1
            character = template[position]
            if is_separator(character):
                kind = NodeKind.SEPARATOR
            else:
                kind = NodeKind.SPACE if character in " \t\n\v\f\r" else NodeKind.CHARACTER
            nodes.append(Node(kind, character))
            position += 1
    return tuple(nodes)


def _quoted(template: str, position: int, nodes: list[Node]) -> int:
    while position < len(template):
        character = template[position]
        position += 1
        if character == '"':
            break
        if character == "\\" and position < len(template):
            character = template[position]
            position += 1
        nodes.append(Node(NodeKind.CHARACTER, character))
    return position
