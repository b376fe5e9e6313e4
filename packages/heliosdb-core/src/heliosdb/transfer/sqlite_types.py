"""Which type a column of SQLite's becomes: what was declared, as far as the values that are there agree.

SQLite holds a column to nothing: an INTEGER column may have text. So the declared type says what the values should be,
and one pass over the column says what they are; the type that is taken holds them all. Where numbers and texts are
mixed that is text, where bytes are among them bytea.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, Final

from attrs import frozen

from heliosdb.errors import Error
from heliosdb.transfer.inference import fits
from heliosdb.types.json import json_input
from heliosdb.types.jsonb import jsonb_input
from heliosdb.types.numeric import numeric_input
from heliosdb.types.uuid import uuid_input

__all__ = ["ColumnType", "column_type"]

BATCH: Final = 10_000
EXACT_IN_FLOAT: Final = 2**53
_typmod: Final = re.compile(r"\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")


@frozen
class ColumnType:
    """``sql`` is the type; ``convert`` makes of SQLite's value what is stored (None: as it is); ``note`` says what does
    not go along."""

    sql: str
    convert: Callable[[Any], Any] | None = None
    note: str | None = None


def column_type(
    connection: sqlite3.Connection, table: str, column: str, declared: str, *, is_rowid: bool
) -> ColumnType:
    """Return the type of a column (names as SQLite's SQL)."""
    if is_rowid:
        return ColumnType("bigint")
    word = declared.upper()
    kinds: dict[str, tuple[Any, Any, Any]] = {
        kind: (low, high, longest)
        for kind, low, high, longest in connection.execute(
            f"SELECT typeof({column}), min({column}), max({column}), max(length({column})) FROM {table}"
            f" WHERE {column} IS NOT NULL GROUP BY 1"
        )
    }
    if not kinds:
        return ColumnType(_declared(word))
    found = set(kinds)
    if "blob" in found:
        if found == {"blob"}:
            return ColumnType("bytea")
        return ColumnType("bytea", _to_bytes, "bytes and other values are mixed: all became bytes")
    if found == {"text"}:
        return _of_texts(connection, table, column, word, kinds["text"][2])
    if "text" in found:
        return ColumnType("text", _to_text, "numbers and texts are mixed: all became text")
    if "BOOL" in word and found == {"integer"} and kinds["integer"][0] >= 0 and kinds["integer"][1] <= 1:
        return ColumnType("boolean", bool)
    if found == {"integer"}:
        if _is_decimal(word):
            return ColumnType(_numeric(connection, table, column, word), _to_decimal)
        if _is_real(word):
            # Declared later than they were stored, or computed.
            return _floats_or_numeric(kinds)
        return ColumnType("bigint")
    if _is_decimal(word):
        return _decimal_or_float(connection, table, column, word)
    return _floats_or_numeric(kinds)


def _declared(word: str) -> str:
    """Return what a declared type is where there are no values to disagree."""
    if "BOOL" in word:
        return "boolean"
    if "INT" in word:
        return "bigint"
    for part, name in (("UUID", "uuid"), ("GUID", "uuid"), ("JSONB", "jsonb"), ("JSON", "json")):
        if part in word:
            return name
    if "CHAR" in word or "CLOB" in word or "TEXT" in word:
        length = _typmod.search(word)
        return f"varchar({length[1]})" if length and "CHAR" in word and 0 < int(length[1]) <= 10_485_760 else "text"
    if "TIMESTAMP" in word or "DATETIME" in word:
        return "timestamp"
    if word.startswith("DATE"):
        return "date"
    if word.startswith("TIME"):
        return "time"
    if "BLOB" in word or "BINARY" in word or "BYTEA" in word:
        return "bytea"
    if _is_real(word):
        return "double precision"
    if _is_decimal(word):
        return _written_numeric(word)
    return "text"


def _is_real(word: str) -> bool:
    return "REAL" in word or "FLOA" in word or "DOUB" in word


def _is_decimal(word: str) -> bool:
    return "DEC" in word or "NUM" in word or "MONEY" in word


def _written_numeric(word: str) -> str:
    written = _typmod.search(word)
    if written is None:
        return "numeric"
    precision, scale = int(written[1]), int(written[2] or 0)
    return f"numeric({precision},{scale})" if 0 < precision <= 1000 and scale <= precision else "numeric"


def _floats_or_numeric(kinds: dict[str, tuple[Any, Any, Any]]) -> ColumnType:
    low, high, _ = kinds.get("integer", (0, 0, 0))
    if low >= -EXACT_IN_FLOAT and high <= EXACT_IN_FLOAT:
        return ColumnType("double precision", float)
    return ColumnType("numeric", _to_decimal)


def _decimal_or_float(connection: sqlite3.Connection, table: str, column: str, word: str) -> ColumnType:
    for (value,) in connection.execute(f"SELECT {column} FROM {table} WHERE typeof({column}) = 'real'"):
        if value - value != 0:
            return ColumnType("double precision", float)
    return ColumnType(_numeric(connection, table, column, word), _to_decimal)


def _numeric(connection: sqlite3.Connection, table: str, column: str, word: str) -> str:
    """Return numeric as it was declared, without its limits where a value is beyond them."""
    written = _typmod.search(word)
    name = _written_numeric(word)
    if written is None or name == "numeric":
        return name
    precision, scale = int(written[1]), int(written[2] or 0)
    limit = Decimal(10) ** (precision - scale)
    unit = Decimal(1).scaleb(-scale)
    for (value,) in connection.execute(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL"):
        number = _to_decimal(value)
        try:
            fits = abs(number) < limit and number == number.quantize(unit)
        except InvalidOperation:
            fits = False
        if not fits:
            return "numeric"
    return name


def _of_texts(connection: sqlite3.Connection, table: str, column: str, word: str, longest: int) -> ColumnType:
    """Return the type of a column of nothing but texts: what was declared, if all of them read as that."""
    name = _declared(word)
    if name.startswith("varchar") and longest > int(name[8:-1]):
        return ColumnType("text")
    if name == "text" or name.startswith("varchar"):
        return ColumnType(name)
    left = _TEXTS.get(name.partition("(")[0], {})
    cursor = connection.execute(f"SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL")
    while left and (rows := cursor.fetchmany(BATCH)):
        values = [value for (value,) in rows]
        left = {taken: are for taken, are in left.items() if are(values)}
    if "numeric" in left:
        return ColumnType(_numeric(connection, table, column, word))
    return ColumnType(next(iter(left), "text"))


def _written(name: str) -> Callable[[Sequence[str]], bool]:
    """Of a type that takes more than it keeps, such as an offset or a word: whether texts are written as it is."""
    return partial(fits, name)


def _readable(read: Callable[[str], Any]) -> Callable[[Sequence[str]], bool]:
    """Of a type that keeps all that it takes: whether it takes texts."""

    def are(values: Sequence[str]) -> bool:
        try:
            for value in values:
                read(value)
        except Error:
            return False
        return True

    return are


_TEXTS: Final[dict[str, dict[str, Callable[[Sequence[str]], bool]]]] = {
    "date": {"date": _written("date")},
    "timestamp": {
        "timestamp": _written("timestamp without time zone"),
        "timestamptz": _written("timestamp with time zone"),
    },
    "time": {"time": _written("time without time zone")},
    "uuid": {"uuid": _readable(uuid_input)},
    "json": {"json": _readable(json_input)},
    "jsonb": {"jsonb": _readable(jsonb_input)},
    "numeric": {"numeric": _readable(numeric_input)},
}
"""For a declared type those that it may become where all values are texts, the first one preferred."""


def _to_text(value: Any) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def _to_bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else _to_text(value).encode()


def _to_decimal(value: Any) -> Decimal:
    # By its text: 0.1 is meant, not the float next to it.
    return numeric_input(value) if isinstance(value, str) else Decimal(repr(value))
