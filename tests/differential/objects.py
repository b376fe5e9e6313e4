"""What a recorded text is as a Python object: what psycopg makes of it, an independent client of the same conventions.

psycopg's loaders work without a server. Values that have no Python object (infinite dates, years before Christ) and
types that psycopg leaves as text (records, object names) make a step incomparable.
"""

from __future__ import annotations

import functools
import re
import struct

import psycopg
from psycopg.adapt import Transformer
from psycopg.pq import Format

from .recording import quote, split_row

__all__ = ["as_objects"]

_MODIFIER = re.compile(r"\([0-9, -]+\)")
_LEFT_AS_TEXT = re.compile(r"record|reg[a-z]+|int2vector|oidvector|pg_lsn|xid8?|tid|void|interval .*")
_TRANSFORMER = Transformer()
_DEFAULT_STYLE = re.compile(r"([+-]?\d+ (year|mon|day)s? ?)*([+-]?\d+:\d\d:\d\d(\.\d+)?)?")
_REAL, _INTERVAL = 700, 1186
_BARE = {"bpchar": "character", '"char"': "char"}


@functools.cache
def _oid(kind: str) -> int | None:
    name = _MODIFIER.sub("", kind)
    element = name.removesuffix("[]")
    if _LEFT_AS_TEXT.fullmatch(element):
        return None
    info = psycopg.postgres.types.get(_BARE.get(element, element))
    if info is None:
        return None
    return info.array_oid if name.endswith("[]") else info.oid


def as_objects(lines: list[str]) -> list[str] | None:
    """Return an answer's lines with type OIDs for type names and ``repr()`` of objects for texts, or None."""
    if any(line.startswith("ERROR") for line in lines):
        # of several statements in one message, a connection gives all results or the error
        return [line for line in lines if not line.startswith(("tag ", "columns", " "))]
    out: list[str] = []
    kinds: list[int] = []
    for line in lines:
        if line.startswith("columns"):
            columns = [_column(column) for column in (line[8:].split(" | ") if line[8:] else [])]
            if None in columns:
                return None
            kinds = [column[1] for column in columns if column is not None]
            out.append(("columns " + " | ".join(f"{c[0]} {c[1]}" for c in columns if c is not None)).rstrip())
        elif line.startswith(" "):
            try:
                values = [_object(value, oid) for value, oid in zip(split_row(line[1:]), kinds, strict=True)]
            except (psycopg.DataError, ArithmeticError, ValueError):
                return None
            out.append(" " + (" | ".join(map(quote, values)) or "()"))
        else:
            out.append(line)
    return out


def _column(text: str) -> tuple[str, int] | None:
    """Return a column's name and its type's OID; both name and type may have blanks."""
    for blank in re.finditer(" ", text):
        oid = _oid(text[blank.end() :])
        if oid is not None:
            return text[: blank.start()], oid
    return None


def _object(value: str | None, oid: int) -> str:
    if value is None:
        return "None"
    if oid == _REAL:  # the nearest double of the single that was meant, not of the text
        return repr(struct.unpack("f", struct.pack("f", float(value)))[0])
    if oid == _INTERVAL and not _DEFAULT_STYLE.fullmatch(value):
        raise ValueError("psycopg reads intervals in the default style only")
    return repr(_TRANSFORMER.get_loader(oid, Format.TEXT).load(value.encode()))
