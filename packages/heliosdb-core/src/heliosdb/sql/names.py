"""Names inside text: what ``'"My Table".x'::regclass`` and ``nextval('s.t_id_seq')`` mean.

Parts are separated by dots; a quoted part keeps its letters, any other is folded to lower case (PostgreSQL's
``SplitIdentifierString``).
"""

from __future__ import annotations

import re

from heliosdb.errors import InvalidName

__all__ = ["split_qualified_name"]

_PART = re.compile(r'\s*(?:"((?:[^"]|"")+)"|([^\s".]+))\s*')


def split_qualified_name(text: str) -> tuple[str, ...]:
    """Return the parts of a qualified name; InvalidName (42602) where it is none."""
    parts: list[str] = []
    at = 0
    while True:
        match = _PART.match(text, at)
        if match is None:
            raise InvalidName("invalid name syntax")
        quoted, plain = match.groups()
        parts.append(plain.lower() if quoted is None else quoted.replace('""', '"'))
        at = match.end()
        if at == len(text):
            return tuple(parts)
        if text[at] != ".":
            raise InvalidName("invalid name syntax")
        at += 1
