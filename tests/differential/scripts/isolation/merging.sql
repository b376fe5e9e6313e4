-- MERGE meets rows that somebody else has just changed, or deleted, under read committed and repeatable read.
CREATE TABLE t (id int PRIMARY KEY, v int);
INSERT INTO t VALUES (1, 10), (2, 20), (3, 30);
BEGIN;
UPDATE t SET v = v + 1 WHERE id = 1;
-- session B
-- blocks
MERGE INTO t USING (VALUES (1, 100)) s(i, w) ON id = i WHEN MATCHED AND v = 10 THEN UPDATE SET v = w WHEN MATCHED THEN UPDATE SET v = v + w;
-- session A
COMMIT;
-- wait B
SELECT * FROM t ORDER BY id;
BEGIN;
UPDATE t SET id = 20 WHERE id = 2;
-- session B
-- blocks
MERGE INTO t USING (VALUES (2, 200)) s(i, w) ON id = i WHEN MATCHED THEN UPDATE SET v = w WHEN NOT MATCHED THEN INSERT VALUES (i, w);
-- session A
COMMIT;
-- wait B
SELECT * FROM t ORDER BY id;
BEGIN;
DELETE FROM t WHERE id = 3;
-- session B
-- blocks
MERGE INTO t USING (VALUES (3, 300)) s(i, w) ON id = i WHEN MATCHED THEN UPDATE SET v = w WHEN NOT MATCHED THEN INSERT VALUES (i, w);
-- session A
COMMIT;
-- wait B
SELECT * FROM t ORDER BY id;
BEGIN;
INSERT INTO t VALUES (4, 40);
-- session B
-- blocks
MERGE INTO t USING (VALUES (4, 400)) s(i, w) ON id = i WHEN MATCHED THEN UPDATE SET v = w WHEN NOT MATCHED THEN INSERT VALUES (i, w);
-- session A
COMMIT;
-- wait B
SELECT * FROM t ORDER BY id;
BEGIN;
UPDATE t SET v = 0 WHERE id = 1;
-- session B
BEGIN ISOLATION LEVEL REPEATABLE READ;
-- blocks
MERGE INTO t USING (VALUES (1, 100)) s(i, w) ON id = i WHEN MATCHED THEN UPDATE SET v = w;
-- session A
COMMIT;
-- wait B
SELECT * FROM t ORDER BY id;
-- session B
ROLLBACK;
