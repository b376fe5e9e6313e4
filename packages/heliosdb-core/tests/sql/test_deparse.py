"""A syntax tree written as text parses to an equal tree."""

from __future__ import annotations

import pytest

from heliosdb.errors import FeatureNotSupported
from heliosdb.sql.deparse import expression_text, query_text, quote_identifier, quote_literal
from heliosdb.sql.parser import core_grammar, parse_expression, parse_one

EXPRESSIONS = [
    "a", "t.a", '"Quoted ""x"".y"', "1", "-1", "1.50", "1e10", "'it''s'", "'back\\slash'", "NULL", "true", "b'01'",
    "x'1f'",
    "a + b * c", "(a + b) * c", "a - -1", "- a", "a || b || c || d", "a OPERATOR(pg_catalog.+) b", "a ^ b ^ c",
    "a = 1 AND b = 2 OR NOT c", "NOT (a AND b)", "a IS NULL", "a IS NOT TRUE", "a IS DISTINCT FROM b",
    "a BETWEEN 1 AND 2", "a NOT BETWEEN SYMMETRIC 1 AND 2", "a IN (1, 2)", "a NOT IN (SELECT 1)",
    "a LIKE 'x%' ESCAPE '!'",
    "a SIMILAR TO 'x'", "a = ANY (ARRAY[1, 2])", "a <> ALL (SELECT b FROM t)", "a = ANY ((SELECT b FROM t))",
    "EXISTS (SELECT 1)", "(SELECT 1)", "ARRAY(SELECT 1)", "ARRAY[[1, 2], [3, 4]]", "ROW(1, 2)", "(1, 2) = (3, 4)",
    "ROW()",
    "CASE WHEN a THEN 1 ELSE 2 END", "CASE a WHEN 1 THEN 2 END", "COALESCE(a, 1)", "NULLIF(a, 1)", "GREATEST(a, b)",
    "a[1]", "a[1:2]", "a[:]", "(a).b", "(f(x)).*", "f()", "f(a, b => 1)", "count(*)", "count(DISTINCT a)",
    "s.f(VARIADIC a)",
    "string_agg(a, ',' ORDER BY b DESC NULLS LAST)", "percentile_cont(0.5) WITHIN GROUP (ORDER BY a)",
    "sum(a) FILTER (WHERE b > 0)", "rank() OVER w", "sum(a) OVER (PARTITION BY b ORDER BY c ROWS BETWEEN 1 "
        "PRECEDING AND CURRENT ROW EXCLUDE TIES)",
    "CAST(a AS numeric(10, 2))", "a::int[]", "a::timestamp(3) with time zone", "a::interval year to month",
    "'x'::varchar(5)",
    "(-1)::int2", "a::s.mytype", "CURRENT_DATE", "LOCALTIME(3)", "CURRENT_USER", "EXTRACT(year FROM a)",
    "position('a' IN b)",
    "substring(a FROM 1 FOR 2)", "trim(BOTH 'x' FROM a)", "a AT TIME ZONE 'UTC'", "a COLLATE \"C\"",
    "overlay(a PLACING b FROM 1)",
    "DATE '2020-01-01'", "INTERVAL '1 day'", "a ~~* b", "@ a", "a -> 'b' ->> 'c'", '"select" + "user"', "$1 + 2",
    "GROUPING(a)",
]  # fmt: skip

QUERIES = [
    "SELECT", "SELECT 1 AS a, b FROM t", "SELECT * FROM t AS x (a, b), s.u", "SELECT DISTINCT ON (a) a FROM t ORDER BY "
        "a",
    "SELECT a FROM t WHERE b GROUP BY a HAVING count(*) > 1 ORDER BY a DESC LIMIT 5 OFFSET 2",
    "SELECT a FROM t ORDER BY a FETCH FIRST 3 ROWS WITH "
        "TIES", "SELECT a FROM t LIMIT ALL", "VALUES (1, 'a'), (2, NULL)",
    "SELECT 1 UNION SELECT 2 UNION ALL SELECT 3", "SELECT 1 EXCEPT (SELECT 2 INTERSECT SELECT 3) ORDER BY 1",
    "(SELECT 1 LIMIT 1) UNION (SELECT 2 ORDER BY 1)", "SELECT * FROM a JOIN b ON a.x = b.x LEFT JOIN c USING (y)",
    "SELECT * FROM a NATURAL JOIN (b CROSS JOIN c)", "SELECT * FROM (a JOIN b USING (x)) AS j", "SELECT * FROM ONLY t",
    "SELECT * FROM (SELECT 1) AS s (x), LATERAL (SELECT x) AS "
        "l", "SELECT * FROM generate_series(1, 3) WITH ORDINALITY AS g (n, i)",
    "SELECT * FROM f() AS t (a int, b text)", "SELECT * FROM ROWS FROM (f(1), g(2)) AS "
        "r", "SELECT rank() OVER w FROM t WINDOW w AS (ORDER BY a)",
    "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c",
    "WITH a AS MATERIALIZED (SELECT 1), b AS NOT MATERIALIZED (SELECT 2) SELECT * FROM a, b",
    "SELECT a, b, sum(c) FROM t GROUP BY GROUPING SETS ((a, b), ROLLUP (a), CUBE (a, b), "
        "())", "SELECT a FROM t FOR UPDATE OF t SKIP LOCKED",
    "SELECT a FROM t TABLESAMPLE bernoulli(10) REPEATABLE "
        "(1)", "SELECT a FROM t ORDER BY a USING >, b NULLS FIRST", "TABLE t",
    "SELECT (SELECT max(x) FROM u WHERE u.y = t.y) FROM t WHERE EXISTS (SELECT 1 FROM u)",
]  # fmt: skip

GRAMMAR = core_grammar()


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_an_expression_survives(text: str) -> None:
    tree = parse_expression(text, GRAMMAR)
    written = expression_text(tree)
    assert parse_expression(written, GRAMMAR) == tree, written
    assert expression_text(parse_expression(written, GRAMMAR)) == written


@pytest.mark.parametrize("text", QUERIES)
def test_a_query_survives(text: str) -> None:
    tree = parse_one(text, GRAMMAR)
    assert tree is not None
    written = query_text(tree)
    assert parse_one(written, GRAMMAR) == tree, written


def test_long_chains_are_written_by_a_loop() -> None:
    text = " || ".join(f"a{number}" for number in range(3000))
    written = expression_text(parse_expression(text, GRAMMAR))
    assert written.startswith("(((((")
    assert written.count(" || ") == 2999
    union = " UNION ALL ".join(["SELECT 1"] * 500)
    tree = parse_one(union, GRAMMAR)
    assert tree is not None
    assert query_text(tree).count("UNION ALL") == 499


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("a", "a"),
        ("A", '"A"'),
        ("select", '"select"'),
        ("name", "name"),
        ("1a", '"1a"'),
        ('a"b', '"a""b"'),
        ("ä", '"ä"'),
        ("", '""'),
    ],
)
def test_names_are_quoted_where_they_must_be(name: str, quoted: str) -> None:
    assert quote_identifier(name) == quoted


def test_texts_are_quoted() -> None:
    assert quote_literal("it's") == "'it''s'"
    assert quote_literal("a\\b'c") == "E'a\\\\b''c'"


def test_what_has_no_text_is_refused() -> None:
    tree = parse_one("INSERT INTO t VALUES (1)", GRAMMAR)
    assert tree is not None
    with pytest.raises(FeatureNotSupported):
        query_text(tree)
