-- Two sessions read a value and write it back: read committed loses an update, repeatable read and serializable refuse it.
CREATE TABLE t (id int PRIMARY KEY, v int);
INSERT INTO t VALUES (1, 10);
BEGIN ISOLATION LEVEL READ COMMITTED;
SELECT v FROM t WHERE id = 1;
-- session B
BEGIN ISOLATION LEVEL READ COMMITTED;
SELECT v FROM t WHERE id = 1;
-- session A
UPDATE t SET v = 11 WHERE id = 1;
-- session B
-- blocks
UPDATE t SET v = 12 WHERE id = 1;
-- session A
COMMIT;
-- session B
COMMIT;
SELECT v FROM t;
-- session A
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT v FROM t WHERE id = 1;
-- session B
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT v FROM t WHERE id = 1;
-- session A
UPDATE t SET v = v + 1 WHERE id = 1;
-- session B
-- compare: message
-- blocks
UPDATE t SET v = v + 1 WHERE id = 1;
-- session A
COMMIT;
-- session B
SELECT v FROM t;
COMMIT;
SELECT v FROM t;
-- session A
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT v FROM t WHERE id = 1;
-- session B
UPDATE t SET v = 50 WHERE id = 1;
-- session A
SELECT v FROM t WHERE id = 1;
-- compare: message
UPDATE t SET v = 51 WHERE id = 1;
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT v FROM t WHERE id = 1;
-- session B
BEGIN;
UPDATE t SET v = 60 WHERE id = 1;
-- session A
-- blocks
UPDATE t SET v = 61 WHERE id = 1;
-- session B
ROLLBACK;
-- session A
COMMIT;
SELECT v FROM t;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT v FROM t WHERE id = 1;
-- session B
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT v FROM t WHERE id = 1;
UPDATE t SET v = 70 WHERE id = 1;
COMMIT;
-- session A
-- compare: message
UPDATE t SET v = 71 WHERE id = 1;
ROLLBACK;
SELECT v FROM t;
