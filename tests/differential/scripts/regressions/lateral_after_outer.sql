-- What reads a column of an outer join's other side comes after it, with and without a condition.
CREATE TABLE t2 (id int, k int);
INSERT INTO t2 VALUES (1, 5), (2, NULL);
SELECT * FROM ((unnest(ARRAY['a']) AS r26 (x) LEFT JOIN t2 AS r27 ON true) CROSS JOIN LATERAL unnest(array_append(ARRAY[1], r27.k)) AS r28 (x)) ORDER BY id, r28.x;
SELECT * FROM (unnest(ARRAY['a', 'b']) AS a (x) LEFT JOIN t2 AS b ON false) CROSS JOIN LATERAL generate_series(1, coalesce(b.k, 2)) AS g ORDER BY 1, 4;
SELECT * FROM t2 a LEFT JOIN t2 b ON true LEFT JOIN t2 c ON b.k = c.k, LATERAL (SELECT c.id AS ci, b.id AS bi) l ORDER BY a.id, b.id;
SELECT * FROM (VALUES (1), (2)) v(i) LEFT JOIN t2 ON true JOIN t2 z ON z.id = v.i CROSS JOIN LATERAL (VALUES (t2.k)) w(k) ORDER BY 1, 2;
SELECT count(*) FROM t2 a WHERE EXISTS (SELECT 1 FROM t2) AND NOT EXISTS (SELECT 1 FROM t2 WHERE id = 99);
