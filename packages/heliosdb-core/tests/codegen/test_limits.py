"""Huge and deep statements: the right answer, or 54001; never an error of Python's own."""

# ruff: noqa: PT017 - what may be refused has to be refused so

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from heliosdb import EmbeddedDatabase, errors
from heliosdb.session.recursion import deep_recursion, planning


@pytest.fixture(scope="module")
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.execute("CREATE TABLE t (id int PRIMARY KEY, a int, b text)")
        database.execute("INSERT INTO t SELECT g, g % 7, 'x' || g FROM generate_series(1, 50) g")
        yield database


DEEP: dict[str, tuple[Any, Any]] = {
    "parentheses": (lambda n: f"SELECT {'(' * n}a{')' * n} FROM t WHERE id = 1", lambda n: 1),
    "CASE": (lambda n: f"SELECT {'CASE WHEN a > 0 THEN ' * n}1{' ELSE 2 END' * n} FROM t WHERE id = 1", lambda n: 1),
    "sums to the right": (lambda n: f"SELECT {'(a + ' * n}1{')' * n} FROM t WHERE id = 1", lambda n: n + 1),
    "NOT": (lambda n: f"SELECT {'NOT ' * n}a > 0 FROM t WHERE id = 1", lambda n: n % 2 == 0),
    "signs": (lambda n: f"SELECT {'- ' * n}a FROM t WHERE id = 1", lambda n: -1 if n % 2 else 1),
    "calls": (lambda n: f"SELECT {'abs(' * n}a{')' * n} FROM t WHERE id = 1", lambda n: 1),
    "coalesce": (lambda n: f"SELECT {'coalesce(NULL, ' * n}a{')' * n} FROM t WHERE id = 1", lambda n: 1),
    "casts": (lambda n: f"SELECT a{'::text::int' * n} FROM t WHERE id = 1", lambda n: 1),
    "derived tables": (lambda n: f"SELECT a FROM {'(SELECT * FROM ' * n}t WHERE id = 1{') q' * n}", lambda n: 1),
    "scalar subqueries": (lambda n: f"SELECT {'(SELECT ' * n}a{')' * n} FROM t WHERE id = 1", lambda n: 1),
    "EXISTS": (
        lambda n: f"SELECT a FROM t WHERE id = 1 AND {'EXISTS (SELECT 1 FROM t WHERE ' * n}true{')' * n}",
        lambda n: 1,
    ),
    "IN": (lambda n: f"SELECT a FROM t WHERE {'id IN (SELECT id FROM t WHERE ' * n}id = 1{')' * n}", lambda n: 1),
    "UNION": (lambda n: f"{'(' * n}SELECT 1{' UNION SELECT 1)' * n}", lambda n: 1),
    "limits": (lambda n: f"SELECT a FROM {'(SELECT * FROM ' * n}t WHERE id = 1{' LIMIT 1) q' * n}", lambda n: 1),
    "chained tables": (
        lambda n: (
            "WITH c0 AS (SELECT 0 AS x)"
            + "".join(f", c{i + 1} AS (SELECT x + 1 AS x FROM c{i})" for i in range(n))
            + f" SELECT x FROM c{n}"
        ),
        lambda n: n,
    ),
    "parentheses around a query": (lambda n: f"{'(' * n}SELECT 1{')' * n}", lambda n: 1),
    "intersections": (lambda n: f"{'(SELECT 1 INTERSECT ' * n}SELECT 1{')' * n}", lambda n: 1),
}


@pytest.mark.parametrize("what", DEEP)
def test_nesting_gives_the_answer_or_says_it_is_too_deep(db: EmbeddedDatabase, what: str) -> None:
    make, expected = DEEP[what]
    assert db.query(make(60)) == [(expected(60),)]
    for depth in (200, 20_000):
        try:
            assert db.query(make(depth)) == [(expected(depth),)]
        except errors.StatementTooComplex as error:
            assert error.sqlstate == "54001"
    assert db.query("SELECT 1") == [(1,)]


@pytest.mark.parametrize(
    "what", ["parentheses", "CASE", "sums to the right", "calls", "coalesce", "derived tables", "UNION"]
)
def test_five_hundred_levels_are_no_problem(db: EmbeddedDatabase, what: str) -> None:
    make, expected = DEEP[what]
    assert db.query(make(500)) == [(expected(500),)]


WIDE: dict[str, tuple[Any, Any]] = {
    "a sum of literals": (lambda n: f"SELECT {' + '.join(['1'] * (n // 6))}", lambda n: n // 6),
    "a sum of columns": (lambda n: f"SELECT {' + '.join(['a'] * (n // 6))} FROM t WHERE id = 1", lambda n: n // 6),
    "AND": (
        lambda n: f"SELECT 1 FROM t WHERE id = 1 AND {' AND '.join(f'a <> {i + 9}' for i in range(n))}",
        lambda n: 1,
    ),
    "OR": (lambda n: f"SELECT 1 FROM t WHERE id = 1 AND ({' OR '.join(f'a = {i}' for i in range(n))})", lambda n: 1),
    "IN": (lambda n: f"SELECT count(*) FROM t WHERE a IN ({', '.join(map(str, range(n)))})", lambda n: 50),
    "IN of text": (
        lambda n: "SELECT count(*) FROM t WHERE b IN (" + ", ".join(f"'x{i}'" for i in range(n)) + ")",
        lambda n: 50,
    ),
    "NOT IN": (
        lambda n: f"SELECT count(*) FROM t WHERE a NOT IN ({', '.join(str(i + 7) for i in range(n))})",
        lambda n: 50,
    ),
    "VALUES": (lambda n: f"SELECT count(*) FROM (VALUES {', '.join(f'({i})' for i in range(n))}) v", lambda n: n),
    "WHEN": (
        lambda n: f"SELECT CASE a {' '.join(f'WHEN {i + 1} THEN {i}' for i in range(n))} END FROM t WHERE id = 1",
        lambda n: 0,
    ),
    "arguments": (lambda n: f"SELECT coalesce({'NULL::int, ' * n} a) FROM t WHERE id = 1", lambda n: 1),
    "an array": (lambda n: f"SELECT array_length(ARRAY[{', '.join(['a'] * n)}], 1) FROM t WHERE id = 1", lambda n: n),
    "a text of many statements": (lambda n: "SELECT 1;" * (n // 10), lambda n: 1),
}


@pytest.mark.parametrize("what", WIDE)
def test_long_lists_are_no_problem(db: EmbeddedDatabase, what: str) -> None:
    make, expected = WIDE[what]
    assert db.query(make(3000)) == [(expected(3000),)]


CHAINS = {
    "+": ("1", 10_000),
    "||": ("'a'", "a" * 10_000),
    "AND": ("true", True),
    "- ": ("a", -9_998),
    "*": ("a", 1),
}


@pytest.mark.parametrize("operator", CHAINS)
def test_ten_thousand_terms_are_no_problem_and_cost_the_process_nothing(db: EmbeddedDatabase, operator: str) -> None:
    """PostgreSQL, with the stack that it has by default, ends between four and five thousand."""
    db.query("SELECT 1")
    before = sys.getrecursionlimit()
    term, answer = CHAINS[operator]
    chain = f" {operator} ".join([term] * 10_000)
    assert db.query(f"SELECT {chain} FROM t WHERE id = 1") == [(answer,)]
    assert sys.getrecursionlimit() == before


def test_many_threads_that_plan_deep_expressions_give_the_limit_back(db: EmbeddedDatabase) -> None:
    db.query("SELECT 1")
    before = sys.getrecursionlimit()
    answers: list[Any] = []

    def plan(n: int) -> None:
        session = db.database.session()
        answers.append(next(iter(session.execute("SELECT " + " + ".join(["1"] * n))[-1].rows))[0])

    threads = [threading.Thread(target=plan, args=(3_000 + n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [3_000, 3_001, 3_002, 3_003]
    assert sys.getrecursionlimit() == before


def test_the_limit_stays_while_a_thread_of_the_application_is_beyond_it(db: EmbeddedDatabase) -> None:
    """An interpreter that finds a thread far beyond its limit ends the process."""
    db.query("SELECT 1")
    before = sys.getrecursionlimit()
    is_deep, may_return = threading.Event(), threading.Event()

    def descend(levels: int) -> int:
        if levels:
            return descend(levels - 1) + 1
        is_deep.set()
        assert may_return.wait(60)
        return 0

    thread = threading.Thread(target=descend, args=(before + 1_000,))
    with planning():
        deep_recursion()
        raised = sys.getrecursionlimit()
        thread.start()
        assert is_deep.wait(60)
    assert sys.getrecursionlimit() == raised > before
    assert db.query("SELECT 2 AS planned_while_it_is_deep") == [(2,)]
    assert sys.getrecursionlimit() == raised
    may_return.set()
    thread.join()
    assert db.query("SELECT 3 AS planned_afterwards") == [(3,)]
    assert sys.getrecursionlimit() == before


def test_a_limit_that_the_application_sets_meanwhile_is_its_own(db: EmbeddedDatabase) -> None:
    before = sys.getrecursionlimit()
    with planning():
        deep_recursion()
        sys.setrecursionlimit(before + 5)
    assert sys.getrecursionlimit() == before + 5
    sys.setrecursionlimit(before)
    assert db.query("SELECT 4 AS planned_afterwards") == [(4,)]
    assert sys.getrecursionlimit() == before


@pytest.mark.parametrize("terms", [100, 900, 1_500, 4_000, 20_000])
def test_a_view_can_be_read_or_is_not_made(db: EmbeddedDatabase, terms: int) -> None:
    try:
        db.execute("CREATE VIEW deep AS SELECT " + " + ".join(["1"] * terms) + " AS a")
    except errors.StatementTooComplex:
        assert terms > 900
        return
    assert db.query("SELECT a FROM deep") == [(terms,)]
    db.execute("DROP VIEW deep")


def test_a_thousand_columns(db: EmbeddedDatabase) -> None:
    targets = ", ".join(f"a + {i} AS c{i}" for i in range(1000))
    (row,) = db.query(f"SELECT {targets} FROM t WHERE id = 1")
    assert row == tuple(range(1, 1001))
    assert row["c999"] == 1000
    assert db.query(f"SELECT c7 FROM (SELECT {targets} FROM t) q WHERE c3 = 5 ORDER BY c999 LIMIT 1") == [(9,)]
    with pytest.raises(errors.Error) as failure:
        db.query(f"SELECT {', '.join(['a'] * 1665)} FROM t")
    assert failure.value.sqlstate == "54011"


def joined(kind: str, count: int, on: str) -> str:
    """Return a FROM clause that joins t so many times."""
    return "t t0" + "".join(f" {kind} JOIN t t{i} ON {on.format(i=i, j=i - 1)}" for i in range(1, count))


@pytest.mark.parametrize("kind", ["", "LEFT", "RIGHT", "FULL"])
def test_twenty_tables_are_joined(db: EmbeddedDatabase, kind: str) -> None:
    assert db.query(f"SELECT count(*), sum(t19.a) FROM {joined(kind, 20, 't{i}.id = t{j}.id')}") == [(50, 148)]


def test_many_tables_in_other_ways(db: EmbeddedDatabase) -> None:
    singles = ", ".join(f"(SELECT {i} AS x) s{i}" for i in range(25))
    assert db.query(f"SELECT s0.x + s24.x FROM {singles}") == [(24,)]
    laterals = "".join(f" CROSS JOIN LATERAL (SELECT l{i - 1}.x + 1 AS x) l{i}" for i in range(1, 25))
    assert db.query(f"SELECT l24.x FROM (SELECT 1 AS x) l0{laterals}") == [(25,)]
    series = "".join(f" CROSS JOIN LATERAL generate_series(l{i - 1}.x, 1) l{i}(x)" for i in range(1, 25))
    assert db.query(f"SELECT l24.x FROM (SELECT 1 AS x) l0{series}") == [(1,)]
    nested = " AND ".join(f"EXISTS (SELECT FROM t u WHERE u.id = t.id AND u.a + {i} > {i})" for i in range(25))
    assert db.query(f"SELECT count(*) FROM t WHERE {nested}") == [(43,)]


def test_many_aggregates_windows_and_keys(db: EmbeddedDatabase) -> None:
    (row,) = db.query(f"SELECT {', '.join(f'sum(a + {i})' for i in range(300))} FROM t")
    assert row[299] == 148 + 50 * 299
    windows = ", ".join(f"sum(id) OVER (PARTITION BY a + {i} ORDER BY id)" for i in range(25))
    assert db.query(f"SELECT {windows} FROM t ORDER BY id LIMIT 1") == [(1,) * 25]
    keys = ", ".join(f"a + {i}" for i in range(200))
    assert db.query(f"SELECT count(*) FROM (SELECT FROM t GROUP BY {keys}) q") == [(7,)]
    assert db.query(f"SELECT id FROM t ORDER BY {keys}, id LIMIT 1") == [(7,)]
    cube = ", ".join(f"(a + {i})" for i in range(8))
    assert db.query(f"SELECT count(*) FROM (SELECT FROM t GROUP BY CUBE ({cube})) q") == [(1 + 255 * 7,)]
    with pytest.raises(errors.Error) as failure:
        db.query(f"SELECT FROM t GROUP BY CUBE ({', '.join(f'(a + {i})' for i in range(13))})")
    assert failure.value.sqlstate == "54011"


def test_deep_values_are_read_or_refused(db: EmbeddedDatabase) -> None:
    for text in ("[" * 20_000 + "]" * 20_000, '{"a":' * 20_000 + "1" + "}" * 20_000):
        with pytest.raises(errors.Error) as failure:
            db.query("SELECT $1::jsonb", (text,))
        assert failure.value.sqlstate == "54001"
    assert db.query("SELECT jsonb_typeof($1::jsonb)", ("[" * 300 + "]" * 300,)) == [("array",)]
