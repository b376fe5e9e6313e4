"""What a file is, by its content: the name may say anything."""

from __future__ import annotations

import re
from typing import Final

from heliosdb.dump.archive import MAGIC
from heliosdb.errors import BadCopyFileFormat, FeatureNotSupported, InvalidParameterValue

__all__ = ["BEGINNING", "KINDS", "kind_of"]

KINDS: Final = ("archive", "csv", "parquet", "sql", "sqlite")
BEGINNING: Final = 4096
"""Bytes that are looked at."""

_MAGIC: Final = {MAGIC: "archive", b"SQLite format 3\x00": "sqlite", b"PAR1": "parquet"}
_OTHERS: Final = {
    b"PGDMP": ("a dump of pg_dump in its own format", "Make it with pg_dump --format=plain."),
    b"\x1f\x8b": ("compressed with gzip", "Give it unpacked: gunzip -c FILE | heliosdb import - ..."),
    b"\x28\xb5\x2f\xfd": ("compressed with zstd", "Give it unpacked: zstdcat FILE | heliosdb import - ..."),
    b"BZh": ("compressed with bzip2", "Give it unpacked: bzcat FILE | heliosdb import - ..."),
    b"\xfd7zXZ\x00": ("compressed with xz", "Give it unpacked: xzcat FILE | heliosdb import - ..."),
    b"PK\x03\x04": ("a zip file (a spreadsheet is one, too)", "Give it unpacked, or saved as CSV."),
    b"ARROW1": ("an Arrow file", "Save it as Parquet."),
    b"DUCK": ("a DuckDB database", "Export its tables as Parquet or CSV."),
}
_PASSED: Final = r"(?:\s|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*"
_WORDS: Final = "SET|CREATE|INSERT|COPY|ALTER|DROP|COMMENT|SELECT|UPDATE|DELETE|TRUNCATE|GRANT|WITH|BEGIN|START|PRAGMA"
_sql: Final = re.compile(
    rf"\ufeff?{_PASSED}(?:\\(?:un)?restrict\s|(?:{_WORDS})\s+[A-Za-z_\"'(*]|SELECT\s+\S|BEGIN\s*;)",
    re.IGNORECASE | re.DOTALL,
)
_sqlite_dump: Final = re.compile(rf"\ufeff?{_PASSED}PRAGMA\s+foreign_keys\s*=", re.IGNORECASE | re.DOTALL)
_only_comments: Final = re.compile(rf"{_PASSED}--[^\n]*{_PASSED}\Z", re.DOTALL)


def kind_of(beginning: bytes, name: str) -> str:
    """Return the kind of a file that begins so; an error that says what it is where it cannot be imported."""
    if not beginning:
        raise InvalidParameterValue(f'"{name}" is empty: there is nothing to import')
    for magic, kind in _MAGIC.items():
        if beginning.startswith(magic):
            return kind
    for magic, (what, hint) in _OTHERS.items():
        if beginning.startswith(magic) or (magic == b"DUCK" and beginning[8:12] == magic):
            raise FeatureNotSupported(f'"{name}" is {what}, which cannot be imported', hint=hint)
    if beginning.startswith((b"\xff\xfe", b"\xfe\xff")):
        if _kind_of_text(beginning.decode("utf-16", errors="replace")) != "csv":
            raise FeatureNotSupported(
                f'"{name}" is SQL in UTF-16, which cannot be imported',
                hint="Give it in UTF-8: iconv -f UTF-16 -t UTF-8 FILE | heliosdb import - ...",
            )
        return "csv"
    if b"\x00" in beginning:
        raise BadCopyFileFormat(
            f'"{name}" is binary, and of no kind that is known',
            hint="SQLite databases, dumps in SQL, archives, CSV and Parquet can be imported.",
        )
    return _kind_of_text(beginning.decode(errors="replace"))


def _kind_of_text(text: str) -> str:
    if _sqlite_dump.match(text) is not None:
        # What the shell of SQLite writes for .dump: its own SQL.
        return "sqlite"
    if _sql.match(text) is not None or _only_comments.match(text) is not None:
        return "sql"
    return "csv"
