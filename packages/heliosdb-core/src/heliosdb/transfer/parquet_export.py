"""A query's rows as Parquet; needs pyarrow.

Columns have the Arrow types that ``heliosdb.exchange`` gives them. A numeric column without precision becomes the
decimal that its values need, which is known when all have been seen: the rows wait as Arrow columns, which are compact.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from heliosdb.catalog.result import Result
from heliosdb.errors import FeatureNotSupported
from heliosdb.exchange import to_arrow

if TYPE_CHECKING:
    from heliosdb.dump.report import OnProgress, Report
    from heliosdb.session import Session

__all__ = ["export_parquet"]

ROWS: Final = 20_000
LARGEST_PRECISION: Final = 38


def export_parquet(session: Session, query: str, file: BinaryIO, report: Report, *, on_progress: OnProgress) -> None:
    """Write the rows of a query."""
    try:
        pa, pq = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ModuleNotFoundError:
        raise FeatureNotSupported("Parquet needs pyarrow", hint="pip install 'heliosdb-core[arrow]'") from None
    pieces: list[Any] = []
    stream = session.stream(query)
    waiting: list[tuple[Any, ...]] = []

    def flush() -> None:
        result = Result("SELECT", stream.columns, waiting, len(waiting))
        pieces.append(to_arrow(result, session))
        report.rows += len(waiting)
        on_progress("rows", len(waiting))

    for batch in stream:
        waiting.extend(batch)
        if len(waiting) >= ROWS:
            flush()
            waiting = []
    if waiting or not pieces:
        flush()
    schema = _common(pa, [piece.schema for piece in pieces])
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for piece in pieces:
            writer.write_table(_as(pa, piece, schema))
    report.tables += 1


def _common(pa: Any, schemas: list[Any]) -> Any:
    """Return the schema that all pieces fit: decimals as wide as the widest, text where one piece needs it."""
    fields = []
    for place, field in enumerate(schemas[0]):
        kinds = {schema.field(place).type for schema in schemas}
        kind = field.type if len(kinds) == 1 else _widest(pa, kinds)
        fields.append(pa.field(field.name, kind))
    return pa.schema(fields)


def _widest(pa: Any, kinds: set[Any]) -> Any:
    if not all(pa.types.is_decimal(kind) for kind in kinds):
        return pa.string()
    scale = max(kind.scale for kind in kinds)
    precision = max(kind.precision - kind.scale for kind in kinds) + scale
    return pa.decimal128(precision, scale) if precision <= LARGEST_PRECISION else pa.string()


def _as(pa: Any, piece: Any, schema: Any) -> Any:
    columns = []
    for column, field in zip(piece.columns, schema):
        if column.type != field.type:
            if column.null_count == len(column):
                column = pa.nulls(len(column), field.type)
            else:
                column = column.cast(field.type)
        columns.append(column)
    return pa.Table.from_arrays(columns, schema=schema)
