"""Long statements take their length, not its square, to plan: counted in calls of functions, which no load changes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import heliosdb
from heliosdb import EmbeddedDatabase


@pytest.fixture(scope="module")
def database() -> Iterator[EmbeddedDatabase]:
    with heliosdb.EmbeddedDatabase.new_in_memory(plugins=[]) as made:
        made.execute("CREATE TABLE t (id int PRIMARY KEY, a int, b text)")
        made.execute("INSERT INTO t SELECT g, g % 7, 'x' || g FROM generate_series(1, 500) g")
        made.execute("CREATE INDEX ON t (a)")
        made.execute("ANALYZE")
        yield made


def numbers(n: int, template: str, separator: str) -> str:
    return separator.join(template.format(i=i) for i in range(n))


SHAPES: dict[str, tuple[int, Callable[[int], str], Callable[[int], Any]]] = {
    "an IN list": (
        400,
        lambda n: f"SELECT count(*) FROM t WHERE id IN ({numbers(n, '{i}', ', ')})",
        lambda n: min(n - 1, 500),
    ),
    "a NOT IN list": (
        100,
        lambda n: f"SELECT count(*) FROM t WHERE b NOT IN ({numbers(n, chr(39) + 'x{i}' + chr(39), ', ')})",
        lambda n: 501 - n,
    ),
    "a sum": (100, lambda n: f"SELECT {numbers(n, 'id', ' + ')} FROM t WHERE id = 2", lambda n: 2 * n),
    "a conjunction": (
        100,
        lambda n: f"SELECT count(*) FROM t WHERE {numbers(n, 'id <> {i}', ' AND ')}",
        lambda n: 501 - n,
    ),
    "a disjunction": (
        100,
        lambda n: f"SELECT count(*) FROM t WHERE {numbers(n, 'id = {i}', ' OR ')}",
        lambda n: min(n - 1, 500),
    ),
    "columns": (100, lambda n: f"SELECT {numbers(n, 'id + {i}', ', ')} FROM t WHERE id = 1", lambda n: 1),
    "chained common tables": (
        40,
        lambda n: (
            "WITH c0 AS (SELECT 1 AS x)"
            + "".join(f", c{i} AS (SELECT x + 1 AS x FROM c{i - 1})" for i in range(1, n))
            + f" SELECT x FROM c{n - 1}"
        ),
        lambda n: n,
    ),
    "UNION ALL": (50, lambda n: f"SELECT count(*) FROM ({numbers(n, 'SELECT {i}', ' UNION ALL ')}) s", lambda n: n),
    "relations that nothing connects": (
        20,
        lambda n: f"SELECT count(*) FROM {numbers(n, '(SELECT {i} AS x{i} OFFSET 0) s{i}', ', ')}",
        lambda n: 1,
    ),
    "EXISTS": (
        10,
        lambda n: f"SELECT count(*) FROM t WHERE {numbers(n, 'EXISTS (SELECT FROM t u WHERE u.id = t.a)', ' AND ')}",
        lambda n: 429,
    ),
}


def calls(work: Callable[[], Any]) -> tuple[int, Any]:
    """Return how many Python functions a piece of work calls, and what it gives."""
    count = 0

    def note(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        if event == "call":
            count += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        result = work()
    finally:
        sys.setprofile(before)
    return count, result


@pytest.mark.parametrize("name", SHAPES)
def test_four_times_the_length_takes_about_four_times_as_long(database: EmbeddedDatabase, name: str) -> None:
    size, make, answer = SHAPES[name]
    counts = []
    for n in (size, 4 * size):
        count, rows = calls(lambda n=n: database.query(make(n)))  # type: ignore[misc]
        assert rows[0][0] == answer(n)
        counts.append(count)
    assert counts[1] <= 6 * counts[0], counts
