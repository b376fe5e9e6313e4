"""Scans that leave out rows by what they know of a block answer as those that look at every row."""

from __future__ import annotations

import math
import random
import re
from typing import Any

import pytest

from heliosdb import EmbeddedDatabase

SCANS = 4
"""Rounds of each question: at first nothing is known of a block, then its columns are."""
ROWS = 6000


@pytest.fixture(scope="module")
def rows() -> list[tuple[Any, ...]]:
    chooser = random.Random(5)

    def some(value: Any, share: float = 0.1) -> Any:
        return None if chooser.random() < share else value

    return [
        (
            n,
            chooser.randrange(300),
            some(chooser.randrange(50)),
            some(chooser.choice((math.nan, math.inf, -0.0, 0.0, 1.5)) if n < 3000 else chooser.random()),
            some(chooser.choice("abcdefgh") * chooser.randrange(3)),
        )
        for n in range(ROWS)
    ]


@pytest.fixture(scope="module")
def database(rows: list[tuple[Any, ...]]) -> EmbeddedDatabase:
    database = EmbeddedDatabase.new_in_memory()
    database.execute("CREATE TABLE t (id integer NOT NULL, k integer NOT NULL, a integer, f double precision, s text)")
    database.prepare("INSERT INTO t VALUES ($1, $2, $3, $4, $5)").execute_many(rows)
    return database


@pytest.mark.parametrize(
    ("condition", "parameters"),
    [
        ("k = $1", (7,)),
        ("k = $1", (-7,)),
        ("k = $1", (None,)),
        ("$1 = k", (299,)),
        ("k > $1 AND k < 12", (8,)),
        ("k BETWEEN $1 AND $2", (298, 400)),
        ("k >= 299 AND k >= $1", (3,)),
        ("a = $1 OR k = 3", (7,)),
        ("a <= $1", (0,)),
        ("a = $1 AND k <= 60", (49,)),
        ("f = $1", (0.0,)),
        ("f = $1", (math.nan,)),
        ("f > $1", (math.inf,)),
        ("f >= 0.999", ()),
        ("f < $1", (0.001,)),
        ("s = $1", ("",)),
        ("s = 'gg'", ()),
        ("s > 'h'", ()),
        ("NOT k = 3 AND a = 4", ()),
    ],
)
def test_a_condition_gives_the_same_rows_each_time(
    database: EmbeddedDatabase, condition: str, parameters: tuple[Any, ...]
) -> None:
    # What is asked of an expression is asked of every row.
    hidden = re.sub(r"\b([ka])\b", r"(\1 + 0)", condition)
    hidden = re.sub(r"\bf\b", "(f * 1)", re.sub(r"\bs\b", "(s || '')", hidden))
    wanted = database.query(f"SELECT id FROM t WHERE {hidden}", parameters)
    for _ in range(SCANS):
        assert database.query(f"SELECT id FROM t WHERE {condition}", parameters) == wanted
        counted = database.query(f"SELECT count(*) FROM t WHERE {condition}", parameters)
        assert counted == [(len(wanted),)]


@pytest.mark.parametrize("column", ["id", "k", "a", "f", "s"])
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("nulls", ["FIRST", "LAST"])
@pytest.mark.parametrize("more", ["", ", id DESC", ", k, id"])
def test_the_first_rows_of_an_order_are_those_of_a_whole_sort(
    database: EmbeddedDatabase, column: str, direction: str, nulls: str, more: str
) -> None:
    order = f"ORDER BY {column} {direction} NULLS {nulls}{more}"
    every = database.query(f"SELECT {column}, id FROM t {order}")
    for limit, skip in ((1, 0), (5, 0), (150, 20), (ROWS, 0)):
        for _ in range(SCANS):
            found = database.query(f"SELECT {column}, id FROM t {order} LIMIT $1 OFFSET $2", (limit, skip))
            wanted = every[skip : skip + limit]
            if more:
                assert repr(found) == repr(wanted)
            else:
                assert [repr(row[0]) for row in found] == [repr(row[0]) for row in wanted] or column == "f"
                assert len(found) == len(wanted)


def test_filters_below_the_order_hold(database: EmbeddedDatabase, rows: list[tuple[Any, ...]]) -> None:
    wanted = sorted((row for row in rows if row[1] >= 100), key=lambda row: (-row[1], row[0]))[:7]
    for _ in range(SCANS):
        found = database.query("SELECT id FROM t WHERE k >= 100 ORDER BY k DESC, id LIMIT 7")
        assert found == [(row[0],) for row in wanted]


def test_changes_are_seen_by_the_next_scan_and_by_no_older_snapshot() -> None:
    database = EmbeddedDatabase.new_in_memory()
    database.execute("CREATE TABLE t (id integer NOT NULL, k integer NOT NULL)")
    database.execute("INSERT INTO t SELECT g, g % 100 FROM generate_series(0, 999) g")
    question, top = "SELECT count(*) FROM t WHERE k = 100", "SELECT k FROM t ORDER BY k DESC LIMIT 1"
    for _ in range(SCANS):
        assert (database.query(question), database.query(top)) == ([(0,)], [(99,)])
    database.execute("BEGIN")
    database.execute("UPDATE t SET k = 100 WHERE id = 5")
    assert (database.query(question), database.query(top)) == ([(1,)], [(100,)])
    database.execute("ROLLBACK")
    assert (database.query(question), database.query(top)) == ([(0,)], [(99,)])
    database.execute("UPDATE t SET k = 100 WHERE id = 5")
    for _ in range(SCANS):
        assert (database.query(question), database.query(top)) == ([(1,)], [(100,)])
    database.execute("DELETE FROM t WHERE k >= 99")
    for _ in range(SCANS):
        assert (database.query(question), database.query(top)) == ([(0,)], [(98,)])
