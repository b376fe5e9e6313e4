"""Whatever the optimizer does to a plan, the rows stay the same.

Every query runs twice: its plan as the binder made it, compiled as it is (scans, nested loops, subqueries row by row),
and the optimized one. Tables are small, full of NULLs and duplicates, and have indexes of all kinds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliosdb import EmbeddedDatabase, errors
from heliosdb.codegen import compile_statement
from heliosdb.session import Session
from heliosdb.session.execution import Execution
from heliosdb.sql.binder import bind
from heliosdb.sql.parser import parse_one

TABLES = """
CREATE TABLE t (id int PRIMARY KEY, a int, b int, c text);
CREATE TABLE u (id int PRIMARY KEY, a int, b int NOT NULL, c text);
CREATE TABLE v (a int, b int, c text);
CREATE INDEX ON t (a, b DESC);
CREATE INDEX ON t (c DESC NULLS LAST);
CREATE INDEX ON u (a NULLS FIRST);
CREATE INDEX ON u (b, c);
CREATE INDEX ON v ((a + b));
CREATE INDEX ON v (a) WHERE b > 0;
CREATE TABLE empty (id int PRIMARY KEY, a int, b int, c text);
"""
SMALL = st.one_of(st.none(), st.integers(-1, 3))
WORDS = st.one_of(st.none(), st.sampled_from(["", "a", "ab", "b", "B"]))


@pytest.fixture(scope="module")
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.execute(TABLES)
        yield database


def fill(db: EmbeddedDatabase, rows: list[tuple[Any, ...]]) -> None:
    """Put the rows into the three tables, in other orders and widths."""
    db.execute("DELETE FROM t; DELETE FROM u; DELETE FROM v")
    for number, (a, b, c) in enumerate(rows):
        db.execute("INSERT INTO t VALUES ($1, $2, $3, $4)", (number, a, b, c))
        if number % 3:
            db.execute("INSERT INTO u VALUES ($1, $2, $3, $4)", (len(rows) - number, b, a or 0, c))
        if number % 2:
            db.execute("INSERT INTO v VALUES ($1, $2, $3)", (b, a, c))


def unoptimized(session: Session, text: str) -> list[tuple[Any, ...]]:
    """Run a query without the optimizer."""
    session.execute("BEGIN")
    try:
        session.transaction.begin_statement()
        bound = bind(parse_one(text), session.bind_context_of((), (), lift=False))
        compiled = compile_statement(bound.plan, session.registries)
        execution = Execution(session, session.transaction, (), ())
        return [row for batch in compiled.run(execution) for row in batch]
    finally:
        session.execute("ROLLBACK")


def check(session: Session, text: str) -> None:
    """Compare both ways of running a query; their order too, where it says one."""
    try:
        plain: Any = unoptimized(session, text)
    except errors.Error as error:
        plain = error.sqlstate
    try:
        (result,) = session.execute(text)
        optimized: Any = list(result.rows)
    except errors.Error as error:
        optimized = error.sqlstate
    if isinstance(plain, str) or isinstance(optimized, str) or re.search(r"/\*ordered\*/", text):
        assert plain == optimized, text
    else:
        assert Counter(plain) == Counter(optimized), text


QUERIES = [
    # joins of all kinds, with conditions on either side, above and below
    *(
        f"SELECT x.id, y.id, z.a FROM t x {first} JOIN u y ON {on} {second} JOIN v z ON z.a = {link} WHERE {where}"
        for first in ("", "LEFT", "RIGHT", "FULL")
        for second in ("", "LEFT", "FULL")
        for on in ("x.a = y.a", "x.a = y.b AND x.c < y.c")
        for link in ("y.b", "coalesce(x.a, y.a)")
        for where in ("true", "y.c = 'a'", "x.a IS NULL", "x.b = 1 OR y.b = 1")
    ),
    "SELECT x.id, y.id FROM t x LEFT JOIN u y ON x.a > y.a WHERE y.id IS NULL",
    "SELECT x.id, y.id FROM t x LEFT JOIN u y ON x.a = y.a AND x.b = 1",
    "SELECT x.id, y.id FROM t x LEFT JOIN u y ON x.a = y.a AND y.b = 1 WHERE coalesce(y.c, 'a') = 'a'",
    "SELECT * FROM t x FULL JOIN u y ON x.id = y.id AND x.a = 1 WHERE x.b IS NOT DISTINCT FROM y.b",
    "SELECT * FROM t NATURAL JOIN u",
    "SELECT a, t.b, u.b FROM t FULL JOIN u USING (a) WHERE a > 0",
    "SELECT * FROM t x, u y, v z WHERE x.a = y.a AND y.b = z.b AND x.b + z.a > y.b",
    "SELECT * FROM t x CROSS JOIN empty e",
    "SELECT * FROM t x LEFT JOIN empty e ON true",
    "SELECT * FROM empty e RIGHT JOIN t x ON e.a = x.a WHERE e.b IS NULL",
    # semi and anti joins
    "SELECT id FROM t WHERE a IN (SELECT a FROM u)",
    "SELECT id FROM t WHERE a NOT IN (SELECT a FROM u)",
    "SELECT id FROM t WHERE a NOT IN (SELECT a FROM u WHERE a IS NOT NULL)",
    "SELECT id FROM t WHERE a NOT IN (SELECT a FROM empty)",
    "SELECT id FROM t WHERE a IN (SELECT a FROM empty) IS NULL",
    "SELECT id FROM t WHERE NOT (a IN (SELECT a FROM u))",
    "SELECT id, a IN (SELECT a FROM u) FROM t",
    "SELECT id, a NOT IN (SELECT u.a FROM u WHERE u.b = t.b) FROM t",
    "SELECT id FROM t WHERE (a, b) IN (SELECT a, b FROM u)",
    "SELECT id FROM t WHERE (a, b) NOT IN (SELECT a, b FROM u)",
    "SELECT id FROM t WHERE a NOT IN (SELECT u.a FROM u WHERE u.b = t.b)",
    "SELECT id FROM t WHERE EXISTS (SELECT FROM u WHERE u.a = t.a AND u.b > t.b)",
    "SELECT id FROM t WHERE NOT EXISTS (SELECT FROM u WHERE u.a = t.a AND u.c = 'a')",
    "SELECT id FROM t WHERE NOT EXISTS (SELECT FROM u WHERE u.a = t.a OR t.b = 1)",
    "SELECT id FROM t WHERE EXISTS (SELECT count(*) FROM u WHERE u.a = t.a)",
    "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a LIMIT 0)",
    "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a OFFSET 1)",
    "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM u GROUP BY a HAVING count(*) > t.b)",
    "SELECT id FROM t WHERE EXISTS (SELECT FROM u WHERE EXISTS (SELECT FROM v WHERE v.a = t.a AND v.b = u.b))",
    "SELECT id FROM t WHERE a = ANY (SELECT b FROM u WHERE u.c = t.c)",
    "SELECT id FROM t WHERE a > ALL (SELECT b FROM u WHERE u.c = t.c)",
    "SELECT id FROM t WHERE a <> ALL (SELECT a FROM u)",
    "SELECT id FROM t WHERE a = (SELECT max(a) FROM u WHERE u.b = t.b)",
    "SELECT id, (SELECT count(*) FROM u WHERE u.a = t.a) FROM t WHERE (SELECT count(*) FROM u WHERE u.a = t.a) > 0",
    "SELECT x.id FROM t x LEFT JOIN u y ON x.a = y.a AND y.b IN (SELECT b FROM v)",
    "SELECT x.id FROM t x LEFT JOIN u y ON x.a = y.a WHERE EXISTS (SELECT FROM v WHERE v.a = y.b)",
    "SELECT x.id FROM t x LEFT JOIN u y ON EXISTS (SELECT FROM v WHERE v.a = x.a AND v.b = y.b)",
    # pushdown through everything
    "SELECT * FROM (SELECT a, b + 1 AS b FROM t) s WHERE b = 2",
    "SELECT * FROM (SELECT a, count(*) AS n FROM t GROUP BY a) s WHERE a = 1 AND n > 0",
    "SELECT * FROM (SELECT a, count(*) AS n FROM t GROUP BY GROUPING SETS ((a), ())) s WHERE a = 1",
    "SELECT * FROM (SELECT a, count(*) AS n FROM t GROUP BY GROUPING SETS ((a), ())) s WHERE a IS NULL",
    "SELECT * FROM (SELECT count(*) AS n FROM t WHERE a = 77) s WHERE n = 0",
    "SELECT * FROM (SELECT count(*) AS n FROM t) s WHERE false",
    "SELECT * FROM (SELECT DISTINCT a, b FROM t) s WHERE a > 0",
    "SELECT * FROM (SELECT DISTINCT ON (a) a, b FROM t ORDER BY a, b NULLS FIRST, id) s WHERE b = 1",
    "SELECT * FROM (SELECT DISTINCT ON (a) a, b FROM t ORDER BY a, b NULLS FIRST, id) s WHERE a = 1",
    "SELECT * FROM (SELECT id, a FROM t ORDER BY id LIMIT 3) s WHERE a = 1",
    "SELECT * FROM (SELECT id, a FROM t ORDER BY id OFFSET 2) s WHERE a = 1",
    "SELECT * FROM (SELECT a FROM t UNION SELECT b FROM u) s WHERE a > 0",
    "SELECT * FROM (SELECT a FROM t UNION ALL SELECT b FROM u) s WHERE a > 0",
    "SELECT * FROM (SELECT a FROM t INTERSECT SELECT b FROM u) s WHERE a > 0",
    "SELECT * FROM (SELECT a FROM t EXCEPT SELECT b FROM u) s WHERE a > 0",
    "SELECT * FROM (SELECT a FROM t EXCEPT ALL SELECT b FROM u) s WHERE a > 0",
    "SELECT * FROM (SELECT id, a, sum(b) OVER (PARTITION BY a) AS s FROM t) s WHERE a = 1",
    "SELECT * FROM (SELECT id, a, row_number() OVER (ORDER BY id) AS n FROM t) s WHERE n < 3 AND a = 1",
    "SELECT * FROM (SELECT a, generate_series(1, 3) AS g FROM t) s WHERE g = 2 AND a = 1",
    "SELECT * FROM (SELECT x.a, y.b FROM t x LEFT JOIN u y ON x.a = y.a) s WHERE b = 1",
    "SELECT * FROM (SELECT coalesce(y.b, 1) AS b FROM t x LEFT JOIN u y ON x.a = y.a) s WHERE b = 1",
    "WITH w AS (SELECT a, b FROM t) SELECT * FROM w x JOIN w y ON x.a = y.b WHERE x.b = 1",
    "WITH w AS MATERIALIZED (SELECT a, b FROM t) SELECT * FROM w WHERE a = 1",
    "WITH RECURSIVE w(n) AS (SELECT 1 UNION SELECT n + 1 FROM w WHERE n < 4) SELECT * FROM w JOIN t ON t.a = w.n",
    # access paths
    *(
        f"SELECT id, a, b, c FROM t WHERE {where}"
        for where in (
            "a = 1",
            "a = 1 AND b > 0",
            "a = 1 AND b IS NULL",
            "a IS NULL",
            "a IS NOT NULL AND b = 1",
            "a > 0",
            "a >= 0 AND a < 2 AND b = 1",
            "a BETWEEN 2 AND 0",
            "a IN (1, 2, 2, NULL)",
            "a IN (1, 2) AND b IN (0, 1)",
            "a = ANY ('{1,NULL,3}')",
            "a = ANY (NULL::int[])",
            "a = NULL",
            "a = 1 AND a = 2",
            "a = 1 OR b = 1",
            "a = 1 OR a > 2",
            "a = 1 OR c = 'a'",
            "NOT (a = 1)",
            "a <> 1",
            "a > 0 AND a > 1 AND a > -1",
            "c = 'a'",
            "c > 'a'",
            "c <= 'ab'",
            "c LIKE 'a%'",
            "c LIKE 'a'",
            "c LIKE ''",
            "c LIKE '%'",
            "c IS NULL",
            "id = 2",
            "id = 2 AND a = 1",
            "id IN (0, 1, 99)",
            "id > 1 AND id < 4",
            "1 = a",
            "a + 0 = 1",
            "a = b",
            "a = 1.5",
            "a = 1.0",
            "a > 0.5",
            "a = 3000000000",
            "(a, b) = (1, 1)",
            "(a, b) > (1, 0)",
            "CASE WHEN a = 0 THEN false ELSE 1 / a > 0 END",
        )
    ),
    "SELECT * FROM v WHERE a + b = 2",
    "SELECT * FROM v WHERE a = 1 AND b > 0",
    "SELECT * FROM v WHERE a = 1 AND b > 1",
    "SELECT * FROM v WHERE a = 1",
    "SELECT * FROM u WHERE a IS NULL OR b = 1",
    # order and limits, where an index has the order and where it has not
    *(
        f"SELECT {target} FROM t {where} ORDER BY {keys} /*ordered*/ {limit}"
        for keys, target in (
            ("a, b DESC", "a, b"),
            ("a DESC, b", "a, b"),
            ("a NULLS FIRST", "a"),
            ("a DESC NULLS LAST", "a"),
            ("c DESC NULLS LAST", "c"),
            ("c NULLS FIRST", "c"),
            ("c", "c"),
            ("id", "id, a"),
            ("id DESC", "id, a"),
            ("a, id", "a, id"),
            ("b, a, id", "b, a, id"),
        )
        for where in ("", "WHERE a = 1", "WHERE b > 0")
        for limit in ("", "LIMIT 2", "LIMIT 3 OFFSET 2", "OFFSET 3")
    ),
    "SELECT a FROM u ORDER BY a NULLS FIRST /*ordered*/ LIMIT 3",
    "SELECT a FROM u ORDER BY a /*ordered*/ LIMIT 3",
    "SELECT a FROM t ORDER BY a /*ordered*/ FETCH FIRST 2 ROWS WITH TIES",
    "SELECT DISTINCT ON (a) a, b FROM t ORDER BY a, b DESC /*ordered*/",
    "SELECT DISTINCT a FROM t ORDER BY a DESC /*ordered*/ LIMIT 2",
    "SELECT a, count(*) FROM t GROUP BY a ORDER BY a /*ordered*/",
    "SELECT max(a), min(a), max(c), min(c) FROM t",
    "SELECT max(a) FROM t WHERE a < 2 AND b = 1",
    # set operations
    *(
        f"SELECT a, c FROM t {first} SELECT b, c FROM u {second} SELECT a, c FROM v"
        for first in ("UNION", "UNION ALL", "INTERSECT", "INTERSECT ALL", "EXCEPT", "EXCEPT ALL")
        for second in ("UNION", "UNION ALL", "INTERSECT", "EXCEPT ALL")
    ),
    # LATERAL
    "SELECT x.id, l.n FROM t x, LATERAL (SELECT count(*) AS n FROM u y WHERE y.a = x.a) l",
    "SELECT x.id, l.b FROM t x LEFT JOIN LATERAL (SELECT b FROM u y WHERE y.a = x.a ORDER BY b LIMIT 1) l ON true",
    "SELECT x.id, l.b FROM t x LEFT JOIN LATERAL (SELECT x.b + y.b AS b FROM u y WHERE y.a = x.a) l ON l.b > 1",
    "SELECT x.id, g FROM t x CROSS JOIN LATERAL generate_series(0, x.a) g WHERE g = x.b",
    "SELECT x.id, l.c FROM t x LEFT JOIN LATERAL (SELECT x.c AS c WHERE x.a = 1) l ON true WHERE l.c IS NULL",
    "SELECT x.id, l.a FROM t x, LATERAL (SELECT x.a UNION SELECT y.a FROM u y WHERE y.b = x.b) l(a)",
    "SELECT x.id, m.n FROM t x, LATERAL (SELECT x.a + 1 AS n) l, LATERAL (SELECT l.n * 2 AS n) m WHERE m.n = 4",
]

ROWS = [
    (1, 1, "a"), (1, 0, "ab"), (None, 1, None), (2, None, "b"), (3, 2, "B"), (1, None, ""),
    (0, 1, "a"), (None, None, "ab"), (2, 2, None), (1, 1, "a"), (-1, 3, "b"), (2, 1, "a"),
]  # fmt: skip


@pytest.fixture(scope="module")
def filled(db: EmbeddedDatabase) -> Session:
    fill(db, ROWS)
    return db.session()


@pytest.mark.parametrize("part", range(16))
def test_queries_of_every_kind(filled: Session, part: int) -> None:
    for text in QUERIES[part::16]:
        check(filled, text)


@given(st.lists(st.tuples(SMALL, SMALL, WORDS), max_size=9), st.lists(st.sampled_from(QUERIES), min_size=6, max_size=6))
def test_queries_on_any_data(rows: list[tuple[Any, ...]], queries: list[str]) -> None:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as db:
        db.execute(TABLES)
        fill(db, rows)
        session = db.session()
        for text in queries:
            check(session, text)


# -- queries put together at random ------------------------------------------------------------------------------------


@st.composite
def conditions(draw: Any, sources: tuple[str, ...], depth: int = 2) -> str:
    """A condition over the columns of the sources."""
    if depth == 0:
        left = f"{draw(st.sampled_from(sources))}.{draw(st.sampled_from('ab'))}"
        match draw(st.integers(0, 7)):
            case 0:
                return f"{left} IS {draw(st.sampled_from(['', 'NOT ']))}NULL"
            case 1:
                return f"{left} IN ({draw(st.sampled_from(['0, 1', '1, NULL', '2']))})"
            case 2:
                negated = draw(st.sampled_from(["", "NOT "]))
                return f"{left} {negated}IN (SELECT q.b FROM {draw(st.sampled_from('tuv'))} q)"
            case 3:
                negated = draw(st.sampled_from(["", "NOT "]))
                return f"{negated}EXISTS (SELECT FROM {draw(st.sampled_from('tuv'))} q WHERE q.a = {left} AND q.b > 0)"
            case 4:
                return f"{left} = {draw(st.integers(-1, 3))}"
            case _:
                right = f"{draw(st.sampled_from(sources))}.{draw(st.sampled_from('ab'))}"
                return f"{left} {draw(st.sampled_from(['=', '=', '<', '>=', '<>']))} {right}"
    inner = conditions(sources, depth - 1)
    match draw(st.integers(0, 4)):
        case 0:
            return f"NOT ({draw(inner)})"
        case 1:
            return f"({draw(inner)} OR {draw(inner)})"
        case 2:
            return f"coalesce({draw(inner)}, false)"
        case _:
            return f"({draw(inner)} AND {draw(inner)})"


@st.composite
def statements(draw: Any) -> str:
    """A query over up to four joined tables."""
    count = draw(st.integers(1, 4))
    names = tuple(f"r{number}" for number in range(count))
    source = f"{draw(st.sampled_from('tuv'))} r0"
    for number in range(1, count):
        kind = draw(st.sampled_from(["JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]))
        on = draw(conditions(names[: number + 1], draw(st.integers(0, 1))))
        if kind == "FULL JOIN":
            # PostgreSQL joins fully by equalities only.
            on = f"r{number}.a = r{draw(st.integers(0, number - 1))}.b"
        source += f" {kind} {draw(st.sampled_from('tuv'))} r{number} ON {on}"
    where = draw(conditions(names, draw(st.integers(0, 2))))
    targets = ", ".join(f"{name}.a, {name}.b" for name in names)
    return f"SELECT {targets} FROM {source} WHERE {where}"


@given(st.lists(statements(), min_size=4, max_size=4))
def test_queries_put_together_at_random(filled: Session, texts: list[str]) -> None:
    for text in texts:
        check(filled, text)
