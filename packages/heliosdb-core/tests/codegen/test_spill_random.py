"""Random data, random statements, random ``work_mem``: the answers are those of a statement that has room for all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heliosdb.codegen import spill
from heliosdb.embedded import EmbeddedDatabase

COLUMNS = ("a", "b", "c", "d", "e")


@st.composite
def tables(draw: st.DrawFn) -> str:
    """A table of up to some thousand rows; values come up to all in one row, NULLs in up to every second one."""
    rows = draw(st.sampled_from([0, 1, 40, 900, 2500]))

    def number() -> str:
        return f"(g * {draw(st.integers(1, 99))} % {draw(st.sampled_from([1, 3, 50, 700, 5000]))})"

    def nullable(text: str) -> str:
        every = draw(st.sampled_from([0, 2, 7]))
        return f"CASE WHEN g % {every} <> 0 THEN {text} END" if every else text

    columns = (
        nullable(number()),
        nullable(f"repeat('w', {draw(st.integers(0, 60))}) || {number()}"),
        nullable(f"{number()}::numeric / 4"),
        nullable(f"CASE WHEN {number()} = 1 THEN 'NaN' ELSE {number()} / 8.0 END::float8"),
        nullable(f"make_interval(days => {number()}::int)"),
    )
    texts = ", ".join(f"{text} AS {name}" for name, text in zip(COLUMNS, columns, strict=True))
    return f"(SELECT {texts} FROM generate_series(1, {rows}) g)"


QUERIES = st.sampled_from(
    [
        "SELECT * FROM {t} t ORDER BY {x}, {y} DESC, a, b, c, d, e",
        "SELECT {x}, {y}, count(*), sum(c), max(b) FROM {t} t GROUP BY {x}, {y}",
        "SELECT {x}, count(DISTINCT {y}), array_agg({z} ORDER BY {z}) FROM {t} t GROUP BY {x}",
        "SELECT count(DISTINCT {x}), array_agg({y} ORDER BY {y}), sum(DISTINCT c) FROM {t} t",
        "SELECT {x}, percentile_disc(0.3) WITHIN GROUP (ORDER BY {z}), count(DISTINCT a) FROM {t} t GROUP BY {x}",
        "SELECT {x}, {y}, {z}, count(*) FROM {t} t GROUP BY CUBE ({x}, {y}), {z}",
        "SELECT DISTINCT {x}, {y} FROM {t} t",
        "SELECT DISTINCT ON ({x}) {x}, a, b, c, d, e FROM {t} t ORDER BY {x}, a, b, c, d, e",
        "SELECT {x}, {y} FROM {t} t UNION SELECT {x}, {y} FROM {u} u",
        "SELECT {x}, {y} FROM {t} t INTERSECT SELECT {x}, {y} FROM {u} u",
        "SELECT {x}, {y} FROM {t} t INTERSECT ALL SELECT {x}, {y} FROM {u} u",
        "SELECT {x}, {y} FROM {t} t EXCEPT SELECT {x}, {y} FROM {u} u",
        "SELECT {x}, {y} FROM {t} t EXCEPT ALL SELECT {x}, {y} FROM {u} u",
        "SELECT count(*), count(t.{x}), count(u.b) FROM {t} t JOIN {u} u ON t.{x} = u.{x} AND t.{y} = u.{y}",
        "SELECT t.{x}, count(*), count(u.{y}) FROM {t} t LEFT JOIN {u} u ON t.{x} = u.{x} AND u.{z} >= t.{z} "
        "AND t.{y} = u.{y} GROUP BY t.{x}",
        "SELECT t.{x}, u.{y}, count(*) FROM {t} t FULL JOIN {u} u ON t.{x} = u.{x} AND t.{y} = u.{y} AND t.{z} = u.{z} "
        "GROUP BY 1, 2",
        "SELECT {x}, {y} FROM {t} t WHERE EXISTS (SELECT FROM {u} u WHERE u.{x} = t.{x} AND u.{z} = t.{z})",
        "SELECT {x}, {y} FROM {t} t WHERE NOT EXISTS (SELECT FROM {u} u WHERE u.{x} = t.{x} AND u.{z} = t.{z})",
        "SELECT {x}, {y} FROM {t} t WHERE {x} NOT IN (SELECT {x} FROM {u} u)",
        "SELECT {x}, {y} IN (SELECT {y} FROM {u} u), ({x}, {z}) NOT IN (SELECT {x}, {z} FROM {u} u WHERE a < 40) "
        "FROM {t} t WHERE a < 30",
        "WITH w AS MATERIALIZED {t} SELECT {x}, count(*) FROM (SELECT * FROM w UNION ALL SELECT * FROM w) v "
        "GROUP BY {x}",
        "SELECT {x}, row_number() OVER (ORDER BY {x}, a, b, c, d, e), sum(a) OVER (PARTITION BY {y} ORDER BY {x}), "
        "rank() OVER (PARTITION BY {x} ORDER BY {z}), count(*) OVER () FROM {t} t",
        "SELECT a, lag({x}, 2) OVER q, max(a) OVER q, first_value({y}) OVER q FROM {t} t "
        "WINDOW q AS (PARTITION BY {z} ORDER BY a, b, c, d, e ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING)",
        "WITH RECURSIVE r AS (SELECT a, {x} AS k FROM {t} t UNION SELECT a + 1, k FROM r WHERE a < 20) "
        "SELECT * FROM r",
        "SELECT (SELECT count(*) FROM (SELECT DISTINCT {x}, {y} FROM {t} t) s), "
        "ARRAY(SELECT {x} FROM {u} u ORDER BY {x})",
        "SELECT g, (SELECT count(*) FROM (SELECT {x}, {y} FROM {t} t WHERE t.a > g GROUP BY {x}, {y}) s) "
        "FROM generate_series(1, 3) g",
    ]
)  # fmt: skip


@pytest.fixture(scope="module")
def db() -> Iterator[EmbeddedDatabase]:
    before = spill.LEAST_BUDGET
    spill.LEAST_BUDGET = 0
    try:
        with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
            yield database
    finally:
        spill.LEAST_BUDGET = before


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    query=QUERIES,
    t=tables(),
    u=tables(),
    names=st.permutations(COLUMNS),
    work_mem=st.sampled_from([64, 100, 300]),
)
def test_random_statements_give_the_same_answers(
    db: EmbeddedDatabase, query: str, t: str, u: str, names: list[str], work_mem: int
) -> None:
    text = query.format(t=t, u=u, x=names[0], y=names[1], z=names[2])
    db.execute("SET work_mem = '1GB'")
    expected = list(map(repr, db.query(text)))
    db.execute(f"SET work_mem = '{work_mem}kB'")
    found = list(map(repr, db.query(text)))
    if " ORDER BY a, b, c, d, e" not in text or "OVER" in text:
        expected.sort()
        found.sort()
    assert found == expected
