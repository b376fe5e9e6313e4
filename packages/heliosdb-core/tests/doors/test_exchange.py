"""Arrow, pandas and Polars: results go out and come back as what they were."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliosdb import EmbeddedDatabase, errors

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        yield database


COLUMNS: list[tuple[str, Any, list[str]]] = [
    ("bool", pa.bool_(), ["true", "false"]),
    ("int2", pa.int16(), ["-32768", "32767"]),
    ("int4", pa.int32(), ["-2147483648", "2147483647"]),
    ("int8", pa.int64(), ["-9223372036854775808", "9223372036854775807"]),
    ("float4", pa.float32(), ["1.5", "Infinity", "-Infinity"]),
    ("float8", pa.float64(), ["1e308", "-0.1", "Infinity"]),
    ("numeric(10,2)", pa.decimal128(10, 2), ["-99999999.99", "0.01"]),
    ("numeric(5,-2)", pa.decimal128(7, 0), ["12300"]),
    ("numeric", pa.decimal128(4, 3), ["1.500", "0.125"]),
    ("numeric", pa.string(), ["1e60", "0.0000000000000000000000000000000001"]),
    ("text", pa.string(), ["", "é😀\n\t'\"\\", "NULL"]),
    ("varchar(3)", pa.string(), ["abc"]),
    ("char(3)", pa.string(), ["a  "]),
    ("bytea", pa.binary(), ["\\x00ff", "\\x"]),
    ("date", pa.date32(), ["0001-01-01", "9999-12-31", "2000-02-29"]),
    ("time", pa.time64("us"), ["00:00:00", "23:59:59.999999"]),
    ("timetz", pa.string(), ["12:00:00+02"]),
    ("timestamp", pa.timestamp("us"), ["0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "1969-12-31 23:59:59.5"]),
    ("timestamptz", pa.timestamp("us", tz="UTC"), ["2000-01-01 00:00:00.000001+00"]),
    ("interval", pa.string(), ["1 mon 2 days 00:00:03", "-1 days"]),
    ("uuid", pa.string(), ["00000000-0000-0000-0000-000000000001"]),
    ("json", pa.string(), ['{"a" : [1, null]}']),
    ("jsonb", pa.string(), ['{"a": [1, null]}']),
    ("int[]", pa.string(), ["{1,NULL}", "{{1,2},{3,4}}", "{}"]),
    ("text[]", pa.string(), ['{a,"b,c",NULL}']),
    ("oid", pa.int64(), ["4294967295"]),
]


@pytest.mark.parametrize(("type_", "arrow", "values"), COLUMNS)
def test_every_type_goes_out_and_comes_back(db: EmbeddedDatabase, type_: str, arrow: Any, values: list[str]) -> None:
    db.execute(f"CREATE TABLE here (n int, c {type_}); CREATE TABLE back (n int, c {type_})")
    for number, value in enumerate([*values, None]):
        db.execute(f"INSERT INTO here VALUES ($1, $2::text::{type_})", (number, value))
    table = db.query_arrow("SELECT n, c FROM here ORDER BY n")
    assert table.schema.field("c").type == arrow
    assert table.column("c").null_count == 1
    original = db.query("SELECT n, c::text FROM here ORDER BY n")
    assert db.insert_frame("back", table) == len(values) + 1
    assert db.query("SELECT n, c::text FROM back ORDER BY n") == original
    db.execute("DELETE FROM back")
    assert db.insert_frame("back", db.query_polars("SELECT n, c FROM here ORDER BY n")) == len(values) + 1
    assert db.query("SELECT n, c::text FROM back ORDER BY n") == original
    empty = db.query_arrow("SELECT c FROM here WHERE false")
    assert empty.num_rows == 0
    nothing = db.query_arrow("SELECT c FROM here WHERE c IS NULL")
    assert nothing.column("c").to_pylist() == [None]


@pytest.mark.parametrize(
    ("type_", "values"),
    [(t, v) for t, _, v in COLUMNS if t not in ("int2", "int4", "int8", "bool", "date", "float4", "float8", "oid")],
)
def test_pandas_frames_come_back(db: EmbeddedDatabase, type_: str, values: list[str]) -> None:
    db.execute(f"CREATE TABLE here (n int, c {type_}); CREATE TABLE back (n int, c {type_})")
    for number, value in enumerate([*values, None]):
        db.execute(f"INSERT INTO here VALUES ($1, $2::text::{type_})", (number, value))
    frame = db.query_pandas("SELECT n, c FROM here ORDER BY n")
    assert list(frame.columns) == ["n", "c"]
    assert db.insert_frame("back", frame) == len(values) + 1
    assert db.query("SELECT c::text FROM back ORDER BY n") == db.query("SELECT c::text FROM here ORDER BY n")


def test_pandas_makes_of_missing_numbers_what_pandas_makes_of_them(db: EmbeddedDatabase) -> None:
    frame = db.query_pandas("SELECT * FROM (VALUES (1, 1.5::float8, true), (NULL, NULL, NULL)) v(i, f, b)")
    assert frame["i"].isna().tolist() == [False, True]
    assert frame["f"].isna().tolist() == [False, True]
    db.execute("CREATE TABLE t (i int, f float8, b bool, d date)")
    db.insert_frame("t", pd.DataFrame({"i": [1, 2], "f": [0.5, None], "b": [True, False]}))
    assert db.query("SELECT i, f, b, d FROM t ORDER BY i") == [(1, 0.5, True, None), (2, None, False, None)]


@pytest.mark.parametrize(
    ("sql", "state"),
    [
        ("SELECT 'infinity'::date", "22008"),
        ("SELECT '-infinity'::timestamptz", "22008"),
        ("SELECT '24:00'::time", "22008"),
        ("SELECT 'NaN'::numeric(5,2)", "22003"),
        ("UPDATE t SET a = 1", None),
        ("SELECT 1; DELETE FROM t", None),
    ],
)
def test_what_has_no_place_in_a_frame_is_refused(db: EmbeddedDatabase, sql: str, state: str | None) -> None:
    db.execute("CREATE TABLE t (a int)")
    for run in (db.query_arrow, db.query_pandas, db.query_polars):
        with pytest.raises(errors.Error) as failure:
            run(sql)
        assert state is None or failure.value.sqlstate == state


def test_years_that_python_does_not_know_are_numbers_to_arrow(db: EmbeddedDatabase) -> None:
    table = db.query_arrow("SELECT '0044-03-15 BC'::date AS d, '20000-01-01'::timestamp AS t")
    assert table.column("d").cast(pa.int32()).to_pylist() == [-735160]
    assert table.column("t").cast(pa.int64()).to_pylist() == [568971820800000000]


def test_names_that_occur_again_are_numbered(db: EmbeddedDatabase) -> None:
    table = db.query_arrow('SELECT 1 AS a, 2 AS a, 3 AS a_2, 4 AS a, 5 AS "A"')
    assert table.column_names == ["a", "a_3", "a_2", "a_4", "A"]
    assert db.query_polars("SELECT 1 AS a, 2 AS a").columns == ["a", "a_2"]


def test_parameters_settings_and_transactions_count(db: EmbeddedDatabase) -> None:
    assert db.query_arrow("SELECT $1::int AS a", (5,)).to_pylist() == [{"a": 5}]
    db.execute("SET intervalstyle = 'iso_8601'")
    assert db.query_arrow("SELECT interval '1 day' AS i").to_pylist() == [{"i": "P1D"}]
    db.execute("CREATE TABLE t (a int PRIMARY KEY)")
    with db.begin_transaction() as tx:
        assert tx.insert_frame("t", pa.table({"a": [1, 2]})) == 2
        assert tx.query_arrow("SELECT count(*) AS n FROM t").to_pylist() == [{"n": 2}]
    assert db.query("SELECT count(*) FROM t") == [(0,)]


def test_frames_that_do_not_fit_change_nothing(db: EmbeddedDatabase) -> None:
    db.execute('CREATE SCHEMA "S x"; CREATE TABLE "S x"."T y" ("a b" int PRIMARY KEY, c text DEFAULT \'d\')')
    assert db.insert_frame('"S x"."T y"', pa.table({"a b": [1, 2]})) == 2
    assert db.query('SELECT c FROM "S x"."T y"') == [("d",), ("d",)]
    for frame, state in (
        (pa.table({"a b": [3, 3]}), "23505"),
        (pa.table({"a b": [3, None]}), "23502"),
        (pa.table({"nope": [3]}), "42703"),
        (pa.table({"a b": ["x"]}), "22P02"),
        (pa.table({"a b": [2**40]}), "22003"),
        (pa.table({}), None),
        ([1, 2], None),
        ({"a b": [1]}, None),
    ):
        with pytest.raises(errors.Error) as failure:
            db.insert_frame('"S x"."T y"', frame)
        assert state is None or failure.value.sqlstate == state
    with pytest.raises(errors.InvalidName):
        db.insert_frame("nope; DROP TABLE t", pa.table({"a": [1]}))
    assert db.query('SELECT count(*) FROM "S x"."T y"') == [(2,)]
    assert db.insert_frame('"S x"."T y"', pa.table({"a b": pa.array([], pa.int64())})) == 0


@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(-(2**63), 2**63 - 1),
            st.none() | st.floats(allow_nan=False),
            st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5),
            st.none() | st.binary(max_size=5),
            st.none() | st.dates(),
            st.none() | st.datetimes(),
            st.none() | st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-1000, max_value=1000),
        ),
        max_size=5,
    )
)
def test_any_table_survives(rows: list[tuple[Any, ...]]) -> None:
    schema = pa.schema(
        [
            ("i", pa.int64()),
            ("f", pa.float64()),
            ("t", pa.string()),
            ("b", pa.binary()),
            ("d", pa.date32()),
            ("s", pa.timestamp("us")),
            ("n", pa.decimal128(10, 3)),
        ]
    )
    arrays = [pa.array([row[n] for row in rows], schema.field(n).type) for n in range(7)]
    table = pa.Table.from_arrays(arrays, schema=schema)
    with EmbeddedDatabase.new_in_memory(plugins=[]) as db:
        db.execute("CREATE TABLE t (i int8, f float8, t text, b bytea, d date, s timestamp, n numeric(10,3))")
        for frame in (table, pl.from_arrow(table)):
            db.execute("DELETE FROM t")
            assert db.insert_frame("t", frame) == len(rows)
            assert [tuple(row) for row in db.query("SELECT * FROM t")] == rows
            assert db.query_arrow("SELECT * FROM t").equals(table)


def test_objects_of_pandas_are_read(db: EmbeddedDatabase) -> None:
    db.execute("CREATE TABLE t (s timestamp, z timestamptz, d date, n numeric, x jsonb)")
    moment = pd.Timestamp("2024-02-29 01:02:03.000004")
    frame = pd.DataFrame({"s": [moment], "z": [moment.tz_localize("UTC")], "d": [moment.date()], "n": [Decimal("1.5")]})
    db.insert_frame("t", frame)
    utc = datetime.UTC
    expected = datetime.datetime(2024, 2, 29, 1, 2, 3, 4)
    assert db.query("SELECT s, z, d, n FROM t") == [
        (expected, expected.replace(tzinfo=utc), expected.date(), Decimal("1.5"))
    ]
