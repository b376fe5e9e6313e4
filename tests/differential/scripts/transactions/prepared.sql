-- PREPARE, EXECUTE, DEALLOCATE, and parameters sent with a statement: types inferred from context or given.
CREATE TABLE t (id int PRIMARY KEY, v text, n numeric, d date);
PREPARE ins (int, text) AS INSERT INTO t (id, v) VALUES ($1, $2);
EXECUTE ins (1, 'a');
EXECUTE ins (2, NULL);
EXECUTE ins ('3', 'c');
EXECUTE ins (1, 'dup');
EXECUTE ins (4);
EXECUTE ins (4, 'x', 'y');
EXECUTE ins ('x', 'y');
EXECUTE ins (4.6, 5);
SELECT * FROM t ORDER BY id;
PREPARE q AS SELECT v FROM t WHERE id = $1;
EXECUTE q (1);
EXECUTE q (99);
EXECUTE q (NULL);
PREPARE q AS SELECT 1;
EXECUTE nosuch;
EXECUTE q;
DEALLOCATE q;
EXECUTE q (1);
DEALLOCATE q;
DEALLOCATE ALL;
EXECUTE ins (9, 'z');
PREPARE bad AS SELECT nosuch;
PREPARE bad AS SELECT $1;
EXECUTE bad ('text');
PREPARE bad2 AS SELECT $1 + $2;
PREPARE bad2 AS SELECT $1 + $1::int;
PREPARE gap AS SELECT $2::int;
PREPARE typed (int) AS SELECT $1, $1 + 1, pg_typeof($1);
EXECUTE typed (5);
EXECUTE typed (1 + 1);
EXECUTE typed ((SELECT 3));
PREPARE lim (int) AS SELECT generate_series(1, 10) LIMIT $1;
EXECUTE lim (2);
SELECT name, statement FROM pg_prepared_statements ORDER BY name;
SELECT $1;
-- bind ["5"]
SELECT $1;
-- bind ["5"]
SELECT $1::int + 1;
-- bind ["5"]
SELECT $1 + 1;
-- bind ["5", "2.5"]
SELECT $1::int * $2::numeric;
-- bind ["x"]
SELECT $1 || '!';
-- bind ["x"]
SELECT $1::int;
-- bind [null]
SELECT $1::int IS NULL, $1;
-- bind ["2024-02-29"]
SELECT $1::date + 1;
-- bind ["1", "2"]
SELECT $1 = $2;
-- bind ["1", "2"]
SELECT $1 + $2;
-- bind ["1"]
SELECT id, v FROM t WHERE id = $1;
-- bind ["x"]
SELECT id, v FROM t WHERE id = $1;
-- bind ["a%"]
SELECT id FROM t WHERE v LIKE $1;
-- bind ["1", "3"]
SELECT id FROM t WHERE id IN ($1, $2) ORDER BY id;
-- bind ["{1,2}"]
SELECT id FROM t WHERE id = ANY ($1) ORDER BY id;
-- bind ["10", "ten", "10.50", "2024-10-10"]
INSERT INTO t VALUES ($1, $2, $3, $4) RETURNING *;
-- bind ["11", null]
INSERT INTO t (id, v) VALUES ($1, $2) RETURNING *;
-- bind ["new", "11"]
UPDATE t SET v = $1 WHERE id = $2 RETURNING *;
-- bind ["11"]
DELETE FROM t WHERE id = $1;
-- bind ["1"]
SELECT $1, $2;
-- bind ["1", "2"]
SELECT $1::int;
-- bind []
SELECT 1;
-- bind ["1"]
SELECT CASE WHEN $1 THEN 1 END;
-- bind ["t"]
SELECT CASE WHEN $1 THEN 1 END;
-- bind ["3"]
SELECT coalesce($1, 5), greatest($1, 2);
-- bind ["1"]
SELECT * FROM t ORDER BY $1;
-- bind ["1"]
SELECT count(*) FROM t GROUP BY $1;
-- bind ["1", "x"]
SELECT * FROM (VALUES ($1::int, $2::text)) AS s(a, b);
-- bind ["2"]
SELECT round(2.567, $1);
-- bind ["abc"]
SELECT length($1), upper($1);
-- bind ["1 day"]
SELECT date '2024-01-01' + $1;
-- bind ["1 day"]
SELECT timestamp '2024-01-01' + $1::interval;
-- bind ["1"]
SELECT 1; SELECT $1;
-- bind ["1"]
CREATE TABLE x (a int DEFAULT $1);
-- bind ["7", "8"]
SELECT $2::int - $1::int, $1::int;
