-- Inserting a key that another open transaction has inserted or deleted waits, and then succeeds or fails.
CREATE TABLE t (id int PRIMARY KEY, v text);
BEGIN;
INSERT INTO t VALUES (1, 'A');
-- session B
-- blocks
INSERT INTO t VALUES (1, 'B');
-- session A
COMMIT;
-- wait B
BEGIN;
INSERT INTO t VALUES (2, 'A');
-- session B
-- blocks
INSERT INTO t VALUES (2, 'B');
-- session A
ROLLBACK;
-- wait B
SELECT * FROM t ORDER BY id;
BEGIN;
DELETE FROM t WHERE id = 1;
-- session B
-- blocks
INSERT INTO t VALUES (1, 'B after delete');
-- session A
COMMIT;
-- wait B
SELECT * FROM t ORDER BY id;
BEGIN;
DELETE FROM t WHERE id = 1;
-- session B
-- blocks
INSERT INTO t VALUES (1, 'B again');
-- session A
ROLLBACK;
-- wait B
BEGIN;
INSERT INTO t VALUES (3, 'A');
-- session B
-- blocks
INSERT INTO t VALUES (3, 'B') ON CONFLICT DO NOTHING;
-- session A
COMMIT;
-- wait B
SELECT * FROM t WHERE id = 3;
BEGIN;
INSERT INTO t VALUES (4, 'A');
-- session B
-- blocks
INSERT INTO t VALUES (4, 'B') ON CONFLICT (id) DO UPDATE SET v = t.v || '+' || EXCLUDED.v RETURNING *;
-- session A
COMMIT;
-- wait B
SELECT * FROM t WHERE id = 4;
BEGIN;
UPDATE t SET id = 50 WHERE id = 4;
-- session B
INSERT INTO t VALUES (51, 'free');
-- blocks
INSERT INTO t VALUES (50, 'taken');
-- session A
COMMIT;
-- session B
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM t;
-- session A
INSERT INTO t VALUES (60, 'unseen');
-- session B
SELECT * FROM t WHERE id = 60;
INSERT INTO t VALUES (60, 'mine');
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM t;
-- session A
INSERT INTO t VALUES (61, 'unseen');
-- session B
INSERT INTO t VALUES (61, 'mine') ON CONFLICT DO NOTHING;
ROLLBACK;
SELECT * FROM t ORDER BY id;
