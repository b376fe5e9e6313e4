-- Non-repeatable reads and phantoms: visible in read committed, not in repeatable read and serializable.
CREATE TABLE t (id int PRIMARY KEY, v int);
INSERT INTO t VALUES (1, 10), (2, 20);
BEGIN ISOLATION LEVEL READ COMMITTED;
SELECT sum(v), count(*) FROM t;
-- session B
UPDATE t SET v = 11 WHERE id = 1;
INSERT INTO t VALUES (3, 30);
-- session A
SELECT sum(v), count(*) FROM t;
-- session B
DELETE FROM t WHERE id = 3;
-- session A
SELECT sum(v), count(*) FROM t;
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT sum(v), count(*) FROM t;
-- session B
UPDATE t SET v = 12 WHERE id = 1;
INSERT INTO t VALUES (3, 30);
DELETE FROM t WHERE id = 2;
-- session A
SELECT sum(v), count(*) FROM t;
SELECT * FROM t WHERE id = 2;
SELECT * FROM t WHERE id = 3;
COMMIT;
SELECT sum(v), count(*) FROM t;
BEGIN ISOLATION LEVEL REPEATABLE READ;
-- session B
INSERT INTO t VALUES (4, 40);
-- session A
SELECT count(*) FROM t;
-- session B
INSERT INTO t VALUES (5, 50);
-- session A
SELECT count(*) FROM t;
INSERT INTO t VALUES (6, 60);
SELECT count(*) FROM t;
COMMIT;
SELECT count(*) FROM t;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) FROM t;
-- session B
INSERT INTO t VALUES (7, 70);
-- session A
SELECT count(*) FROM t;
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM t;
-- session B
CREATE TABLE later (a int);
INSERT INTO later VALUES (1);
-- session A
SELECT count(*) FROM later;
COMMIT;
-- session B
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT max(id) FROM t;
-- session A
INSERT INTO t VALUES (100, 1);
-- session B
SELECT max(id) FROM t;
INSERT INTO t VALUES (101, 1);
ROLLBACK;
SELECT max(id) FROM t;
