-- A deadlock ends with 40P01 for one session, and the other goes on.
CREATE TABLE t (id int PRIMARY KEY, v int);
INSERT INTO t VALUES (1, 0), (2, 0);
-- reference: SET deadlock_timeout = '60s'
BEGIN;
UPDATE t SET v = 1 WHERE id = 1;
-- session B
-- reference: SET deadlock_timeout = '20ms'
BEGIN;
UPDATE t SET v = 2 WHERE id = 2;
-- session A
-- blocks
UPDATE t SET v = 1 WHERE id = 2;
-- session B
-- compare: message
UPDATE t SET v = 2 WHERE id = 1;
-- wait A
SELECT 1;
ROLLBACK;
-- session A
COMMIT;
SELECT * FROM t ORDER BY id;
BEGIN;
SELECT * FROM t WHERE id = 1 FOR SHARE;
-- session B
BEGIN;
SELECT * FROM t WHERE id = 1 FOR SHARE;
-- session A
-- blocks
UPDATE t SET v = 5 WHERE id = 1;
-- session B
UPDATE t SET v = 6 WHERE id = 1;
-- wait A
ROLLBACK;
-- session A
COMMIT;
SELECT * FROM t ORDER BY id;
