-- Writers of different rows do not wait, readers never wait, and a queue of three is served.
CREATE TABLE t (id int PRIMARY KEY, v int);
INSERT INTO t SELECT g, 0 FROM generate_series(1, 10) g;
BEGIN;
UPDATE t SET v = 1 WHERE id = 1;
-- session B
BEGIN;
UPDATE t SET v = 2 WHERE id = 2;
SELECT sum(v) FROM t;
INSERT INTO t VALUES (11, 0);
-- session A
INSERT INTO t VALUES (12, 0);
SELECT sum(v), count(*) FROM t;
COMMIT;
-- session B
SELECT sum(v), count(*) FROM t;
COMMIT;
SELECT sum(v), count(*) FROM t;
-- session A
BEGIN;
UPDATE t SET v = v + 1 WHERE id = 5;
-- session B
-- blocks
UPDATE t SET v = v + 5 WHERE id = 5;
-- session C
-- blocks
UPDATE t SET v = v + 5 WHERE id = 5;
-- session A
SELECT v FROM t WHERE id = 5;
COMMIT;
-- wait B
-- wait C
SELECT v FROM t WHERE id = 5;
BEGIN;
DELETE FROM t WHERE id = 6;
-- session B
SELECT count(*) FROM t WHERE id = 6;
-- blocks
UPDATE t SET v = 6 WHERE id = 6 RETURNING *;
-- session A
COMMIT;
-- wait B
BEGIN;
UPDATE t SET id = 70 WHERE id = 7;
-- session B
-- blocks
UPDATE t SET v = 7 WHERE id = 7 RETURNING *;
-- session A
COMMIT;
-- wait B
BEGIN;
UPDATE t SET v = -1 WHERE id IN (8, 9);
-- session B
-- blocks
DELETE FROM t WHERE v >= 0 AND id >= 8 AND id < 11 RETURNING id;
-- session A
COMMIT;
-- wait B
SELECT * FROM t ORDER BY id;
