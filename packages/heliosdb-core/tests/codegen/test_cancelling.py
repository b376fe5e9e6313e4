"""Whatever a statement is busy with, it stops soon after it was told to."""

# ruff: noqa: E501 - a statement is one line

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from heliosdb import EmbeddedDatabase, errors

LIMIT = 0.1
PATIENCE = 5.0
"""Seconds after which a statement counts as one that does not stop; generous, for machines that are busy."""

STATEMENTS = {
    "nested loops": "SELECT count(*) FROM n x, n y WHERE x.a + y.a = -1",
    "an aggregate over nested loops": "SELECT sum(x.f * y.f) FROM n x, n y",
    "generate_series": "SELECT count(*) FROM generate_series(1, 1000000000) g WHERE g < 0",
    "generate_series among the targets": "SELECT count(*) FROM (SELECT generate_series(1, 1000000000)) q",
    "numeric generate_series": "SELECT count(*) FROM generate_series(1.0, 1e9, 0.1) g",
    "several functions side by side": "SELECT count(*) FROM ROWS FROM (generate_series(1, 1e9), generate_series(1, 2)) g",
    "ordinality": "SELECT max(n) FROM generate_series(1, 1000000000) WITH ORDINALITY g(v, n)",
    "filling a sort": "SELECT * FROM (SELECT x.id, y.id AS i FROM n x, n y) q ORDER BY i DESC, id LIMIT 1",
    "filling groups": "SELECT count(*) FROM (SELECT x.id * 20000 + y.id FROM n x, n y GROUP BY 1) q",
    "distinct": "SELECT count(*) FROM (SELECT DISTINCT x.id * 20000 + y.id FROM n x, n y) q",
    "filling a window": "SELECT sum(r) FROM (SELECT row_number() OVER (ORDER BY x.id) AS r FROM n x, n y) q",
    "frames": "SELECT sum(s) FROM (SELECT sum(f) OVER (ORDER BY id ROWS BETWEEN 9999 PRECEDING AND 9999 FOLLOWING) AS s"
    " FROM n) q",
    "recursion": "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT count(*) FROM r",
    "recursion without duplicates": "WITH RECURSIVE r(i) AS (SELECT 1 UNION SELECT i + 1 FROM r) SELECT count(*) FROM r",
    "correlated subqueries": "SELECT count(*) FROM n x WHERE (SELECT count(*) FROM n y WHERE y.f > x.f + y.a) < 0",
    "a semi join without equality": "SELECT count(*) FROM n x WHERE EXISTS (SELECT FROM n y WHERE x.f + y.f < 0)",
    "a quantified comparison": "SELECT count(*) FROM n x WHERE x.a + 5000 > ALL (SELECT y.a + x.id * 0 FROM n y)",
    "a hash join with many matches": "SELECT count(*) FROM n x JOIN n y USING (a) JOIN n z USING (a)",
    "a full join with many matches": "SELECT count(*) FROM n x FULL JOIN n y ON x.a = y.a JOIN n z ON z.a = x.a",
    "a left join without equality": "SELECT count(*) FROM n x LEFT JOIN n y ON x.id > y.id + 100000",
    "set operations": "SELECT count(*) FROM (SELECT x.id, y.id FROM n x, n y INTERSECT ALL SELECT 1, 2 FROM n x, n y) q",
    "update": "UPDATE n SET b = b || (SELECT count(*) FROM n y WHERE y.f > n.f + y.a)",
    "insert": "INSERT INTO n SELECT x.id * 100000 + y.id + 10000000 FROM n x, n y",
    "delete": "DELETE FROM n WHERE (SELECT count(*) FROM n x, n y WHERE x.id + y.id = n.id) < 0",
    "a regular expression": "SELECT count(*) FROM n WHERE repeat(b || ' aaaaaaaaaaaaaaaa', 20) ~ '(a*)*b$'",
    "sleeping": "SELECT pg_sleep(30)",
    "lateral": "SELECT count(*) FROM n x, LATERAL (SELECT sum(y.id) FROM n y WHERE y.a <> x.a) q",
    "grouping sets": "SELECT count(*) FROM (SELECT x.id FROM n x, n y GROUP BY CUBE (x.id, y.id)) q",
    "skipping rows": "SELECT x.id FROM n x, n y, n z OFFSET 1000000000",
    "results": "SELECT x.id, y.id FROM n x, n y",
    "create table as": "CREATE TABLE made AS SELECT x.id FROM n x, n y",
    "array_agg": "SELECT array_length(array_agg(x.id), 1) FROM n x, n y",
    "a python function": "SELECT count(slow(id)) FROM n",
}


@pytest.fixture(scope="module")
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.execute("CREATE TABLE n (id int PRIMARY KEY, a int, b text, f float8)")
        database.execute("INSERT INTO n SELECT g, g % 40, 'text ' || g, g * 0.5 FROM generate_series(1, 20000) g")
        database.create_function("slow", ["int"], "int", lambda n: time.sleep(0.01) or n)
        yield database


@pytest.mark.parametrize("what", STATEMENTS)
def test_a_statement_stops(db: EmbeddedDatabase, what: str) -> None:
    start = time.monotonic()
    with pytest.raises(errors.QueryCanceled) as failure:
        db.execute(STATEMENTS[what], timeout=LIMIT)
    assert time.monotonic() - start < PATIENCE
    assert failure.value.sqlstate == "57014"
    assert db.query("SELECT count(*) FROM n") == [(20000,)]
