-- A circle of three sessions is a deadlock too.
CREATE TABLE t (id int PRIMARY KEY, v int);
INSERT INTO t VALUES (1, 0), (2, 0), (3, 0);
-- reference: SET deadlock_timeout = '60s'
BEGIN;
UPDATE t SET v = 1 WHERE id = 1;
-- session B
-- reference: SET deadlock_timeout = '60s'
BEGIN;
UPDATE t SET v = 2 WHERE id = 2;
-- session C
-- reference: SET deadlock_timeout = '20ms'
BEGIN;
UPDATE t SET v = 3 WHERE id = 3;
-- session A
-- blocks
UPDATE t SET v = 1 WHERE id = 2;
-- session B
-- blocks
UPDATE t SET v = 2 WHERE id = 3;
-- session C
UPDATE t SET v = 3 WHERE id = 1;
-- wait B
ROLLBACK;
-- session B
COMMIT;
-- wait A
SELECT 1;
-- session A
COMMIT;
SELECT * FROM t ORDER BY id;
