"""Results to and from Arrow, pandas and Polars, where those are installed.

Arrow is the hinge: a result becomes a ``pyarrow.Table`` with the Arrow type that fits each column's SQL type, and
pandas and Polars are made from that. What has no Arrow type of its own (interval, jsonb, arrays of such) travels as
its text.
"""

from __future__ import annotations

from decimal import Decimal
from importlib import import_module
from typing import TYPE_CHECKING, Any

from heliosdb import errors

if TYPE_CHECKING:
    from heliosdb.catalog.result import Result
    from heliosdb.database import Database
    from heliosdb.session import Session

__all__ = ["insert_frame", "to_arrow", "to_pandas", "to_polars"]

_SIMPLE = {
    "bool": "bool_",
    "int2": "int16",
    "int4": "int32",
    "int8": "int64",
    "float4": "float32",
    "float8": "float64",
    "text": "string",
    "varchar": "string",
    "bpchar": "string",
    "name": "string",
    "bytea": "binary",
    "date": "date32",
    "oid": "int64",
}
NUMERIC_PRECISION = 38


def _module(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        raise errors.FeatureNotSupported(f"this needs {name}", hint=f"pip install {name}") from None


def _arrow_type(pa: Any, column: Any) -> Any:
    """Return the Arrow type of a result column, or None where it travels as text."""
    simple = _SIMPLE.get(column.type)
    if simple is not None:
        return getattr(pa, simple)()
    if column.type == "timestamp":
        return pa.timestamp("us")
    if column.type == "timestamptz":
        return pa.timestamp("us", tz="UTC")
    if column.type == "time":
        return pa.time64("us")
    if column.type == "numeric" and column.typmod >= 4:
        packed = column.typmod - 4
        if packed >> 16 <= NUMERIC_PRECISION:
            return pa.decimal128(packed >> 16, (packed & 0x7FF ^ 0x400) - 0x400)
    return None


def to_arrow(result: Result, database: Database) -> Any:
    """Return a result as a ``pyarrow.Table``; a numeric column without precision takes what its values need."""
    pa = _module("pyarrow")
    assert result.columns is not None
    rows = list(result.rows)
    arrays = []
    for number, column in enumerate(result.columns):
        values = [row[number] for row in rows]
        wanted = _arrow_type(pa, column)
        if wanted is None and column.type == "numeric" and all(v is None or v.is_finite() for v in values):
            # Arrow finds precision and scale by itself, unless there is nothing to find them from.
            arrays.append(
                pa.array(values) if any(v is not None for v in values) else pa.nulls(len(values), pa.decimal128(38, 0))
            )
            continue
        if wanted is None:
            output = database.types_with(column.type).output(column.type)
            session = next(iter(database.sessions.values()))
            arrays.append(pa.array([None if v is None else output(v, session) for v in values], pa.string()))
            continue
        write = database.adapters.writer(column.type)
        if write is not None:
            values = [None if value is None else write(value) for value in values]
        arrays.append(pa.array(values, wanted))
    return pa.Table.from_arrays(arrays, names=_unique([column.name for column in result.columns]))


def _unique(names: list[str]) -> list[str]:
    """Number names that occur again, for frames cannot have two columns of one name."""
    seen: dict[str, int] = {}
    made = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        made.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return made


def to_pandas(result: Result, database: Database) -> Any:
    """Return a result as a ``pandas.DataFrame``."""
    _module("pandas")
    return to_arrow(result, database).to_pandas()


def to_polars(result: Result, database: Database) -> Any:
    """Return a result as a ``polars.DataFrame``."""
    return _module("polars").from_arrow(to_arrow(result, database))


def insert_frame(session: Session, table: str, frame: Any) -> int:
    """Insert a pyarrow Table, pandas or Polars DataFrame by column name; return the number of rows."""
    from heliosdb.sql.deparse import quote_identifier
    from heliosdb.sql.names import split_qualified_name

    names, rows = _columns_and_rows(frame)
    if not names:
        raise errors.InterfaceError("the frame has no columns")
    target = ".".join(quote_identifier(part) for part in split_qualified_name(table))
    columns = ", ".join(quote_identifier(name) for name in names)
    values = ", ".join(f"${number}" for number in range(1, len(names) + 1))
    return session.execute_many(f"INSERT INTO {target} ({columns}) VALUES ({values})", rows)


def _columns_and_rows(frame: Any) -> tuple[list[str], list[tuple[Any, ...]]]:
    package = type(frame).__module__.partition(".")[0]
    if package == "pandas":
        pa = _module("pyarrow")
        frame = pa.Table.from_pandas(frame, preserve_index=False)
    elif package == "polars":
        return list(frame.columns), [tuple(map(_plain, row)) for row in frame.rows()]
    elif package != "pyarrow":
        raise errors.InterfaceError(
            f"cannot insert a {type(frame).__name__}: pass a pyarrow Table, a pandas or Polars DataFrame"
        )
    columns = [column.to_pylist() for column in frame.columns]
    return list(frame.column_names), list(zip(*(map(_plain, column) for column in columns), strict=True))


def _plain(value: Any) -> Any:
    """Return a value whose class parameters know: pandas' own timestamps are datetimes, but not exactly."""
    if isinstance(value, Decimal | str | int | float | bytes) or value is None:
        return value
    convert = getattr(value, "to_pydatetime", None)
    return value if convert is None else convert()
