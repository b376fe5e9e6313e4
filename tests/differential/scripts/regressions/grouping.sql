-- Groups and aggregates where random queries once found a difference: the order in which DISTINCT hands out its
-- rows, and columns that cannot be NULL below a grouping set but are above it.

CREATE TABLE t (id integer PRIMARY KEY, k integer NOT NULL, c text);
INSERT INTO t VALUES (1, 2, 'ab'), (2, 2, NULL), (3, 1, 'B c'), (4, 1, 'ab');

-- DISTINCT sorts, and who collects can tell
SELECT string_agg(DISTINCT c, ','), array_agg(DISTINCT k), array_agg(DISTINCT c ORDER BY c DESC) FROM t;
SELECT string_agg(DISTINCT k::text, ',' ORDER BY k::text DESC) FILTER (WHERE id > 1), count(DISTINCT c) FROM t;

-- id and k are NOT NULL; what a grouping set leaves out is NULL all the same
SELECT 1 + abs(id % 28) AS e, id IS NULL AS n, k, count(*) FROM t GROUP BY CUBE (k, id) ORDER BY 1, 2, 3, 4;
SELECT (SELECT max(x.y + 1) FROM (SELECT r.k AS y) x) AS s, sum(id) FROM t AS r GROUP BY ROLLUP (k) ORDER BY 1;
SELECT (SELECT x.y + 1 FROM (SELECT r.k AS y) x) AS s, k IN (SELECT r.k) AS i FROM t AS r GROUP BY ROLLUP (k)
    HAVING k + 1 IS NULL OR k < 5 ORDER BY k + 1;
SELECT make_date(2001, 2, 1 + k) FROM t GROUP BY GROUPING SETS ((k), ()) ORDER BY 1;
