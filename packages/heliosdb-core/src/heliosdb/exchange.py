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
from heliosdb.types.definitions import resolve_implementation

if TYPE_CHECKING:
    from heliosdb.catalog.result import Result
    from heliosdb.plan.nodes import OutputColumn
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
        precision, scale = packed >> 16, (packed & 0x7FF ^ 0x400) - 0x400
        if scale < 0:
            # Not everybody who reads Arrow knows negative scales.
            precision, scale = precision - scale, 0
        if max(precision, scale) <= NUMERIC_PRECISION:
            return pa.decimal128(max(precision, scale), scale)
    return None


def to_arrow(result: Result, session: Session) -> Any:
    """Return a result as a ``pyarrow.Table``; a numeric column without precision takes what its values need."""
    pa = _module("pyarrow")
    assert result.columns is not None
    rows = list(result.rows)
    arrays = [_array(pa, column, [row[n] for row in rows], session) for n, column in enumerate(result.columns)]
    return pa.Table.from_arrays(arrays, names=_unique([column.name for column in result.columns]))


def _array(pa: Any, column: OutputColumn, values: list[Any], session: Session) -> Any:
    """Return a column's datums as an Arrow array."""
    own = session.types.by_name(column.type).to_arrow
    if own is not None:
        return resolve_implementation(own)(pa, values, column.typmod)
    wanted = _arrow_type(pa, column)
    adapters = session.database.adapters
    if column.type in _EPOCHS:
        # From number to number: Arrow knows years that Python's datetime does not.
        width, offset, limit = _EPOCHS[column.type]
        write = adapters.writer(column.type)
        assert write is not None
        numbers = [None if v is None else v + offset if -limit < v < limit - offset else write(v) for v in values]
        return pa.array(numbers, getattr(pa, width)()).view(wanted)
    if wanted is not None:
        write = adapters.writer(column.type, session)
        objects = values if write is None else [None if value is None else write(value) for value in values]
        try:
            return pa.array(objects, wanted)
        except pa.ArrowInvalid as error:
            raise errors.NumericValueOutOfRange(
                f'column "{column.name}" does not fit Arrow\'s {wanted}: {error}'
            ) from None
    if column.type == "numeric" and all(value is None or value.is_finite() for value in values):
        if all(value is None for value in values):
            return pa.nulls(len(values), pa.decimal128(NUMERIC_PRECISION, 0))
        try:
            # Arrow finds precision and scale by itself.
            return pa.array(values)
        except pa.ArrowInvalid:
            # More digits than Arrow's decimals have.
            pass
    output = session.types.output(column.type)
    return pa.array([None if value is None else output(value, session) for value in values], pa.string())


_EPOCHS = {
    "date": ("int32", 10_957, 2**31 - 1),
    "timestamp": ("int64", 946_684_800_000_000, 2**63 - 1),
    "timestamptz": ("int64", 946_684_800_000_000, 2**63 - 1),
}
"""Types whose datums count from 2000, as Arrow's from 1970: (Arrow's integer, difference, the datum of infinity)."""


def _unique(names: list[str]) -> list[str]:
    """Number names that occur again, for frames cannot have two columns of one name."""
    made: list[str] = []
    for name in names:
        number, unique = 1, name
        while unique in made or (number > 1 and unique in names):
            number += 1
            unique = f"{name}_{number}"
        made.append(unique)
    return made


def to_pandas(result: Result, session: Session) -> Any:
    """Return a result as a ``pandas.DataFrame``."""
    _module("pandas")
    return to_arrow(result, session).to_pandas()


def to_polars(result: Result, session: Session) -> Any:
    """Return a result as a ``polars.DataFrame``."""
    return _module("polars").from_arrow(to_arrow(result, session))


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
