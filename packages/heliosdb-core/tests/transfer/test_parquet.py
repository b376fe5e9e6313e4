"""Parquet: the types of the file are the types of the table, and the other way round."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.errors import BadCopyFileFormat
from heliosdb.transfer import export, import_file

fresh = EmbeddedDatabase.new_in_memory


def test_a_file_becomes_a_table(tmp_path: Path) -> None:
    path = str(tmp_path / "Some File.parquet")
    table = pa.table(
        {
            "Id": pa.array([1, 2, None], pa.int32()),
            "big": pa.array([2**64 - 1, 0, None], pa.uint64()),
            "name": pa.array(["x", "", None]),
            "code": pa.array(["a", "b", "a"]).dictionary_encode(),
            "price": pa.array([Decimal("1.50"), Decimal("-2.25"), None], pa.decimal128(10, 2)),
            "ok": pa.array([True, False, None]),
            "d": pa.array([date(2024, 2, 29), None, None]),
            "at": pa.array([datetime(2024, 1, 1, 10), None, None], pa.timestamp("ns")),
            "zoned": pa.array([datetime(2024, 1, 1, 10, tzinfo=UTC), None, None], pa.timestamp("us", tz="UTC")),
            "t": pa.array([time(10, 30), None, None]),
            "took": pa.array([timedelta(days=1, seconds=5), None, None]),
            "raw": pa.array([b"\x00\xff", b"", None]),
            "tags": pa.array([["a", None], [], None]),
            "where": pa.array([{"x": 1, "y": None}, None, None]),
            "nothing": pa.nulls(3),
        }
    )
    pq.write_table(table, path)
    with fresh() as database:
        assert import_file(database, path).rows == 3
        types = dict(
            map(
                tuple,
                database.query(
                    "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
                    " WHERE attrelid = 'some_file'::regclass AND attnum > 0 ORDER BY attnum"
                ),
            )
        )
        assert types == {
            "id": "integer",
            "big": "numeric(20,0)",
            "name": "text",
            "code": "text",
            "price": "numeric(10,2)",
            "ok": "boolean",
            "d": "date",
            "at": "timestamp without time zone",
            "zoned": "timestamp with time zone",
            "t": "time without time zone",
            "took": "interval",
            "raw": "bytea",
            "tags": "text[]",
            "where": "jsonb",
            "nothing": "text",
        }
        first, second, third = map(tuple, database.query("SELECT * FROM some_file"))
        assert first[:7] == (1, Decimal(2**64 - 1), "x", "a", Decimal("1.50"), True, date(2024, 2, 29))
        assert first[11:] == (b"\x00\xff", ["a", None], {"x": 1, "y": None}, None)
        assert second[2] == ""
        assert third[3] == "a"
        assert third[0] is None


def test_rows_go_out_and_come_back(tmp_path: Path) -> None:
    path = str(tmp_path / "t.parquet")
    with fresh() as database, fresh() as other:
        database.execute(
            "CREATE TABLE t AS SELECT n AS id, 'row ' || n AS name, n * 0.25 AS quarter, n / 3.0::float8 AS third,"
            " date '2024-01-01' + n AS day, n % 2 = 0 AS even, CASE WHEN n % 7 = 0 THEN n::numeric / 1000 END AS rare"
            " FROM generate_series(1, 25000) n"
        )
        assert export(database, path, tables=("t",)).rows == 25_000
        import_file(other, path)
        same = "SELECT id, name, quarter::numeric(20,6), third, day, even, rare::numeric(20,6) FROM t ORDER BY id"
        assert [tuple(row) for row in database.query(same)] == [tuple(row) for row in other.query(same)]
        assert import_file(other, path, append=True).rows == 25_000
        export(database, path, query="SELECT 1 AS a WHERE false", replace=True)
        assert pq.read_table(path).num_rows == 0


def test_a_damaged_file_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": list(range(10_000))}), path)
    content = path.read_bytes()
    for damaged in (content[:-8], content[: len(content) // 2], content[:20] + b"\xff" * 500 + content[520:]):
        path.write_bytes(damaged)
        with fresh() as database:
            with pytest.raises(BadCopyFileFormat, match="cannot be read as Parquet"):
                import_file(database, str(path))
            assert database.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")[0][0] == 0
