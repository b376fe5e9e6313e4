"""What a parameter's Python type decides where the statement leaves it open, and what an integer column takes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

import heliosdb
from heliosdb import EmbeddedDatabase, errors

NOON = dt.datetime(2024, 1, 1, 12)
DAY = dt.timedelta(days=1)
AWARE = dt.datetime(2024, 1, 2, 3, tzinfo=dt.timezone(dt.timedelta(hours=2)))


@pytest.fixture
def row() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.execute("CREATE TABLE t (i int, b bigint, n numeric, j jsonb, x text, d date, ts timestamp, a int[])")
        database.execute(
            "INSERT INTO t VALUES (10, 20, 1.5, $1, '5', '2024-01-01', '2024-01-02', '{1,2}')",
            ['{"a": [1, 2, 3], "1": 7}'],
        )
        yield database


@pytest.mark.parametrize(
    ("expression", "parameters", "value"),
    [
        ("j->'a'->>$1", [0], "1"),
        ("j->'a'->$1", [-1], 3),
        ("j->>$1", ["1"], "7"),
        ("(j->'a') - $1", [0], [2, 3]),
        ("j - $1", ["1"], {"a": [1, 2, 3]}),
        ("i = $1", [10.0], True),
        ("i = $1", [10.5], False),
        ("i < $1", [10.5], True),
        ("i BETWEEN $1 AND $2", [9.5, 10.5], True),
        ("i = $1", [Decimal(10)], True),
        ("i IN ($1, $2)", [10.0, 5], True),
        ("i + $1", [1.5], 11.5),
        ("greatest(i, $1)", [10.5], 10.5),
        ("coalesce(NULL, $1)", [2.5], 2.5),
        ("n * $1", [2.0], Decimal("3.00")),
        ("x = $1", [5], True),
        ("x || $1", [5], "55"),
        ("d + $1", [1], dt.date(2024, 1, 2)),
        ("d - $1", [1], dt.date(2023, 12, 31)),
        ("d - $1", [dt.date(2023, 12, 31)], 1),
        ("ts - $1", [DAY], dt.datetime(2024, 1, 1)),
        ("ts - $1", [dt.datetime(2024, 1, 1)], DAY),
        ("a || $1", [3], [1, 2, 3]),
        ("a || $1", [[3]], [1, 2, 3]),
        ("$1 - $2", [dt.date(2024, 1, 1), 1], dt.date(2023, 12, 31)),
        ("$1 + $2", [1, 2], 3),
        ("date_trunc('day', $1)", [NOON], dt.datetime(2024, 1, 1)),
        ("round($1, 2)", [1.234], Decimal("1.23")),
        ("length($1)", [b"abc"], 3),
        ("$1::int", [10.5], 10),
        ("i = $1", [2**40], False),
        ("i < $1", [2**70], True),
        ("i + $1", [2**40], 2**40 + 10),
        ("greatest(i, $1)", [2**40], 2**40),
        ("to_jsonb($1)", [1.5], 1.5),
        ("to_jsonb($1)", [[1, 2]], [1, 2]),
        ("to_jsonb($1)", [dt.date(2024, 1, 2)], "2024-01-02"),
        ("$1", [AWARE], AWARE.astimezone(dt.UTC)),
        ("pg_typeof($1)", [AWARE], "timestamp with time zone"),
        ("pg_typeof($1)", [dt.time(1, tzinfo=dt.UTC)], "time with time zone"),
        ("$1::text", [float("nan")], "NaN"),
    ],
)
def test_the_value_decides_what_the_context_leaves_open(
    row: EmbeddedDatabase, expression: str, parameters: list[Any], value: object
) -> None:
    (found,) = row.query(f"SELECT {expression} FROM t", parameters)[0]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("value", "stored"), [(10.0, 10), (10.5, 10), (11.5, 12), (-0.5, 0), (Decimal("2.5"), 3), (Decimal("-2.5"), -3)]
)
def test_an_integer_column_rounds_as_the_cast_does(row: EmbeddedDatabase, value: Any, stored: int) -> None:
    row.execute("UPDATE t SET i = $1", [value])
    row.execute("INSERT INTO t (i) VALUES ($1)", [value])
    assert row.query("SELECT i FROM t") == [(stored,), (stored,)]


@pytest.mark.parametrize("value", [1e20, float("nan"), float("inf"), Decimal("3e9")])
def test_an_integer_column_refuses_what_does_not_fit(row: EmbeddedDatabase, value: Any) -> None:
    with pytest.raises(errors.NumericValueOutOfRange, match="integer out of range"):
        row.execute("INSERT INTO t (i) VALUES ($1)", [value])


def test_times_and_intervals_are_stored_by_their_casts() -> None:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as db:
        db.execute("CREATE TABLE t (t time, iv interval, x text)")
        db.execute("INSERT INTO t VALUES ($1, $2, $3)", [NOON, dt.time(1, 2), float("inf")])
        db.execute("INSERT INTO t (t) VALUES ($1)", [dt.timedelta(days=1, hours=5)])
        assert db.query("SELECT * FROM t") == [
            (dt.time(12), dt.timedelta(hours=1, minutes=2), "Infinity"),
            (dt.time(5), None, None),
        ]


def test_a_frame_of_floats_goes_into_integers_by_executemany() -> None:
    with heliosdb.connect(":memory:") as connection:
        connection.execute("CREATE TABLE t (i int, b bigint)")
        connection.cursor().executemany("INSERT INTO t VALUES (%s, %s)", [(1.0, 2.0), (3, None), (None, 5.0)])
        assert connection.execute("SELECT * FROM t").fetchall() == [(1, 2), (3, None), (None, 5)]


class Pair(NamedTuple):
    """A row that is a tuple and more."""

    i: Any
    t: Any


def test_parameter_rows_become_what_single_ones_become() -> None:
    """Chunks of which all rows are data already, and others of which some are not."""
    rows: list[Any] = [(n, f"text {n}") for n in range(3000)]
    odd: dict[int, Any] = {
        0: [0, "a list"],
        40: Pair(40, "named"),
        300: (300, None),
        1500: (1500, "\u00fcber"),
        2600: (2600.0, "float"),
        2601: (None, 7),
        2602: (Decimal("2602"), b"x".decode()),
        2999: ("2999", "digits"),
    }
    for place, row in odd.items():
        rows[place] = row
    with heliosdb.connect(":memory:") as connection:
        connection.execute("CREATE TABLE many (n serial, i int, t text)")
        connection.execute("CREATE TABLE single (n serial, i int, t text)")
        connection.cursor().executemany("INSERT INTO many (i, t) VALUES (%s, %s)", rows)
        for row in rows:
            connection.execute("INSERT INTO single (i, t) VALUES (%s, %s)", tuple(row))
        found = connection.execute("SELECT i, t FROM many ORDER BY n").fetchall()
        assert found == connection.execute("SELECT i, t FROM single ORDER BY n").fetchall()
        assert [found[place] for place in (0, 40, 2600, 2601)] == [
            (0, "a list"),
            (40, "named"),
            (2600, "float"),
            (None, "7"),
        ]
        connection.execute("CREATE TABLE plain (i int, t text)")
        connection.cursor().executemany("INSERT INTO plain VALUES (%s, %s)", rows)
        assert connection.execute("SELECT * FROM plain").fetchall() == found


@pytest.mark.parametrize(
    ("place", "row", "error"),
    [
        (5, (2**31, "a"), heliosdb.DataError),
        (2500, (-(2**31) - 1, "a"), heliosdb.DataError),
        (2500, (1, "nul \0"), heliosdb.DataError),
        (2500, (1, "\ud800"), heliosdb.DataError),
        (2500, ("x", "a"), heliosdb.DataError),
        (2500, (True, "a"), heliosdb.DataError),
        (2500, (1,), heliosdb.Error),
        (2500, (1, "a", 3), heliosdb.Error),
        (2500, (None, "a"), heliosdb.IntegrityError),
        (2500, (3, "a"), heliosdb.IntegrityError),
    ],
)
def test_a_parameter_row_that_is_wrong_undoes_all(place: int, row: tuple[Any, ...], error: type[Exception]) -> None:
    rows: list[tuple[Any, ...]] = [(n, f"text {n}") for n in range(3000)]
    rows[place] = row
    with heliosdb.connect(":memory:") as connection:
        connection.execute("CREATE TABLE t (i int PRIMARY KEY, t text)")
        connection.commit()
        with pytest.raises(error):
            connection.cursor().executemany("INSERT INTO t VALUES (%s, %s)", rows)
        connection.rollback()
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_integers_of_numpy_are_integers() -> None:
    numpy = pytest.importorskip("numpy")
    with EmbeddedDatabase.new_in_memory(plugins=[]) as db:
        db.execute("CREATE TABLE t (i int, x text)")
        db.execute("INSERT INTO t VALUES ($1, $2)", [numpy.int64(4), numpy.int16(5)])
        assert db.query("SELECT i, x, $1 FROM t WHERE i = $1", [numpy.int32(4)]) == [(4, "5", 4)]


def test_a_statement_without_parameters_cannot_name_one() -> None:
    with heliosdb.connect(":memory:") as connection:
        with pytest.raises(errors.UndefinedParameter, match=r"there is no parameter \$2") as failure:
            connection.execute("SELECT 1 + $2")
        assert failure.value.position == 12
