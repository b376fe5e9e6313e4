-- Row locks: FOR UPDATE, FOR SHARE, FOR KEY SHARE, NOWAIT, SKIP LOCKED, and re-evaluation after a wait.
CREATE TABLE t (id int PRIMARY KEY, v int);
INSERT INTO t VALUES (1, 10), (2, 20), (3, 30);
BEGIN;
SELECT * FROM t WHERE id = 1 FOR UPDATE;
-- session B
SELECT * FROM t WHERE id = 1;
-- compare: message
SELECT * FROM t WHERE id = 1 FOR UPDATE NOWAIT;
SELECT * FROM t ORDER BY id FOR UPDATE SKIP LOCKED;
-- blocks
SELECT * FROM t WHERE id = 1 FOR UPDATE;
-- session A
UPDATE t SET v = 11 WHERE id = 1;
COMMIT;
-- wait B
BEGIN;
SELECT v FROM t WHERE id = 1 FOR SHARE;
-- session B
BEGIN;
SELECT v FROM t WHERE id = 1 FOR SHARE;
SELECT v FROM t WHERE id = 1 FOR KEY SHARE;
SELECT v FROM t WHERE id = 1 FOR UPDATE SKIP LOCKED;
SELECT v FROM t WHERE id = 1 FOR NO KEY UPDATE SKIP LOCKED;
COMMIT;
-- blocks
UPDATE t SET v = 12 WHERE id = 1 RETURNING v;
-- session A
COMMIT;
-- wait B
BEGIN;
UPDATE t SET v = 99 WHERE id = 2;
-- session B
-- blocks
SELECT * FROM t WHERE v = 20 FOR UPDATE;
-- session A
COMMIT;
-- wait B
BEGIN;
UPDATE t SET v = 20 WHERE id = 3;
-- session B
-- blocks
UPDATE t SET v = v + 1 WHERE v = 30 RETURNING *;
-- session A
COMMIT;
-- wait B
BEGIN;
DELETE FROM t WHERE id = 3;
-- session B
-- blocks
SELECT * FROM t WHERE id = 3 FOR UPDATE;
-- session A
COMMIT;
-- wait B
BEGIN;
SELECT * FROM t WHERE id = 2 FOR KEY SHARE;
-- session B
UPDATE t SET v = 5 WHERE id = 2 RETURNING v;
-- blocks
DELETE FROM t WHERE id = 2;
-- session A
COMMIT;
-- wait B
SELECT * FROM t ORDER BY id;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM t;
-- session B
UPDATE t SET v = 100 WHERE id = 1;
-- session A
SELECT * FROM t WHERE id = 1;
-- compare: message
SELECT * FROM t WHERE id = 1 FOR UPDATE;
ROLLBACK;
SELECT count(*) FROM t FOR UPDATE;
SELECT DISTINCT v FROM t FOR UPDATE;
SELECT v FROM t GROUP BY v FOR SHARE;
SELECT * FROM t FOR UPDATE OF nosuch;
SELECT * FROM t a JOIN t b USING (id) FOR UPDATE OF b;
SELECT * FROM t a LEFT JOIN t b ON b.id = 99 FOR UPDATE;
SELECT * FROM t a LEFT JOIN t b ON b.id = 99 FOR UPDATE OF a;
SELECT 1 FOR UPDATE;
SELECT * FROM (VALUES (1)) v(x) FOR UPDATE;
SET lock_timeout = '50ms';
BEGIN;
UPDATE t SET v = 1 WHERE id = 1;
-- session B
SET lock_timeout = '50ms';
-- compare: message
UPDATE t SET v = 2 WHERE id = 1;
RESET lock_timeout;
-- session A
COMMIT;
