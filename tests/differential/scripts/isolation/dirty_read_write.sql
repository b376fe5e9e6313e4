-- Dirty reads never happen and dirty writes wait, at each isolation level.
CREATE TABLE t (id int PRIMARY KEY, v int);
INSERT INTO t VALUES (1, 10), (2, 20);
BEGIN ISOLATION LEVEL READ COMMITTED;
UPDATE t SET v = 11 WHERE id = 1;
-- session B
SELECT v FROM t WHERE id = 1;
BEGIN ISOLATION LEVEL READ COMMITTED;
SELECT v FROM t WHERE id = 1;
-- blocks
UPDATE t SET v = v + 100 WHERE id = 1 RETURNING v;
-- session A
UPDATE t SET v = 12 WHERE id = 1;
COMMIT;
-- wait B
SELECT v FROM t WHERE id = 1;
-- session B
COMMIT;
-- session A
SELECT * FROM t ORDER BY id;
BEGIN ISOLATION LEVEL READ COMMITTED;
UPDATE t SET v = 1000 WHERE id = 1;
-- session B
BEGIN ISOLATION LEVEL READ COMMITTED;
-- blocks
UPDATE t SET v = v + 1 WHERE id = 1 RETURNING v;
-- session A
ROLLBACK;
-- wait B
SELECT v FROM t WHERE id = 1;
-- session B
COMMIT;
SELECT * FROM t ORDER BY id;
-- session A
BEGIN;
UPDATE t SET v = 0 WHERE id = 2;
-- session B
-- blocks
UPDATE t SET v = v + 1 WHERE id = 2 RETURNING v;
-- session A
COMMIT;
-- wait B
SELECT v FROM t WHERE id = 2;
