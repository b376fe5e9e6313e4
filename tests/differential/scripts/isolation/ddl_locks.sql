-- Changing a table waits for the transactions that use it, and they for the change.
CREATE TABLE t (id int PRIMARY KEY, v int);
INSERT INTO t VALUES (1, 1);
BEGIN;
UPDATE t SET v = 2;
-- session B
-- blocks
ALTER TABLE t ADD COLUMN w int DEFAULT 7;
-- session A
COMMIT;
-- wait B
SELECT * FROM t;
BEGIN;
INSERT INTO t VALUES (2, 2, 2);
-- session B
-- blocks
DROP TABLE t;
-- session A
ROLLBACK;
-- wait B
SELECT * FROM t;
CREATE TABLE u (a int);
BEGIN;
ALTER TABLE u ADD COLUMN b int;
-- session B
-- blocks
INSERT INTO u VALUES (1, 2);
-- session A
COMMIT;
-- wait B
SELECT * FROM u;
BEGIN;
INSERT INTO u VALUES (3, 4);
-- session B
-- blocks
CREATE INDEX ON u (a);
-- session A
COMMIT;
-- wait B
SELECT * FROM u WHERE a = 3;
BEGIN;
CREATE TABLE n (a int);
-- session B
SELECT * FROM n;
-- session A
COMMIT;
-- session B
SELECT * FROM n;
