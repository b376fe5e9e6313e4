"""A Parquet file as a table; needs pyarrow. The file says the types, so nothing is guessed."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from heliosdb.dump.runner import BulkCopy
from heliosdb.errors import BadCopyFileFormat, FeatureNotSupported
from heliosdb.sql.deparse import quote_identifier
from heliosdb.transfer.names import folded, unique_names

if TYPE_CHECKING:
    from heliosdb.dump.report import OnProgress, Report
    from heliosdb.session import Session

__all__ = ["import_parquet"]

BATCH: Final = 5000


def import_parquet(
    session: Session,
    file: BinaryIO,
    name: str,
    table: str,
    report: Report,
    *,
    append: bool = False,
    keep_case: bool = False,
    commit_rows: int | None = None,
    on_progress: OnProgress,
) -> None:
    """Make a table (SQL name) of a seekable file, or append its rows to the one that is there."""
    try:
        pa, pq = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ModuleNotFoundError:
        raise FeatureNotSupported("Parquet needs pyarrow", hint="pip install 'heliosdb-core[arrow]'") from None
    try:
        source = pq.ParquetFile(file)
        schema = source.schema_arrow
        names = unique_names([folded(field.name, keep_case=keep_case) for field in schema])
        kinds = [_column(pa, field.type) for field in schema]
        if not append:
            columns = ", ".join(f"{quote_identifier(n)} {kind}" for n, (kind, _) in zip(names, kinds))
            session.execute(f"CREATE TABLE {table} ({columns})")
            report.objects += 1
        converts = [(place, convert) for place, (_, convert) in enumerate(kinds) if convert is not None]
        text = f"COPY {table} ({', '.join(map(quote_identifier, names))}) FROM STDIN"
        with BulkCopy(session, text, commit_rows) as copy:
            for batch in source.iter_batches(batch_size=BATCH):
                columns_of = [_values(pa, column) for column in batch.columns]
                for place, convert in converts:
                    columns_of[place] = [None if value is None else convert(value) for value in columns_of[place]]
                copy.write_rows(list(zip(*columns_of)))
                on_progress(name, batch.num_rows)
            report.rows += copy.finish()
        report.tables += 1
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowKeyError, OSError) as error:
        raise BadCopyFileFormat(f'"{name}" cannot be read as Parquet: {error}') from None


def _values(pa: Any, column: Any) -> list[Any]:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        # Python's datetime has no nanoseconds.
        column = column.cast(pa.timestamp("us", tz=column.type.tz), safe=False)
    values: list[Any] = column.to_pylist()
    return values


def _column(pa: Any, kind: Any) -> tuple[str, Callable[[Any], Any] | None]:
    """Return the SQL type of an Arrow type, and what makes its values fit (None: they do)."""
    types = pa.types
    if types.is_dictionary(kind):
        return _column(pa, kind.value_type)
    for test, name in (
        (types.is_boolean, "boolean"),
        (types.is_int8, "smallint"),
        (types.is_uint8, "smallint"),
        (types.is_int16, "smallint"),
        (types.is_uint16, "integer"),
        (types.is_int32, "integer"),
        (types.is_uint32, "bigint"),
        (types.is_int64, "bigint"),
        (types.is_uint64, "numeric(20)"),
        (types.is_float16, "real"),
        (types.is_float32, "real"),
        (types.is_float64, "double precision"),
        (types.is_date, "date"),
        (types.is_null, "text"),
    ):
        if test(kind):
            return name, None
    if types.is_decimal(kind):
        scale = max(kind.scale, 0)
        return f"numeric({max(kind.precision, scale)},{scale})", None
    if types.is_timestamp(kind):
        return ("timestamp with time zone" if kind.tz else "timestamp without time zone"), None
    if types.is_time(kind):
        return "time without time zone", None
    if types.is_duration(kind):
        return "interval", None
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return "bytea", None
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        element, convert = _column(pa, kind.value_type)
        if element not in ("jsonb",) and not element.endswith("[]") and convert is None:
            return f"{element}[]", None
        return "jsonb", _json
    if types.is_struct(kind) or types.is_map(kind):
        return "jsonb", _json
    return "text", None


def _json(value: Any) -> str:
    return json.dumps(value, default=str)
