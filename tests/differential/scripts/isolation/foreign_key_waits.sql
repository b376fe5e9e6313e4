-- Foreign keys against concurrent transactions: a parent being deleted blocks its children, a child blocks its parent's deletion.
CREATE TABLE p (id int PRIMARY KEY, v int);
CREATE TABLE c (id int PRIMARY KEY, pid int REFERENCES p);
INSERT INTO p VALUES (1, 0), (2, 0), (3, 0), (4, 0);
BEGIN;
DELETE FROM p WHERE id = 1;
-- session B
-- blocks
INSERT INTO c VALUES (1, 1);
-- session A
COMMIT;
-- wait B
BEGIN;
DELETE FROM p WHERE id = 2;
-- session B
-- blocks
INSERT INTO c VALUES (2, 2);
-- session A
ROLLBACK;
-- wait B
SELECT * FROM c ORDER BY id;
BEGIN;
INSERT INTO c VALUES (3, 3);
-- session B
-- blocks
DELETE FROM p WHERE id = 3;
-- session A
COMMIT;
-- wait B
SELECT * FROM p ORDER BY id;
BEGIN;
INSERT INTO c VALUES (4, 4);
-- session B
-- blocks
DELETE FROM p WHERE id = 4;
-- session A
ROLLBACK;
-- wait B
SELECT * FROM p ORDER BY id;
BEGIN;
INSERT INTO c VALUES (5, 3);
-- session B
UPDATE p SET v = 1 WHERE id = 3;
SELECT * FROM p WHERE id = 3;
-- session A
COMMIT;
BEGIN;
UPDATE p SET v = 2 WHERE id = 3;
-- session B
INSERT INTO c VALUES (6, 3);
-- session A
COMMIT;
SELECT * FROM c ORDER BY id;
BEGIN;
INSERT INTO p VALUES (10, 0);
-- session B
INSERT INTO c VALUES (10, 10);
-- session A
COMMIT;
-- session B
INSERT INTO c VALUES (10, 10);
BEGIN;
INSERT INTO c VALUES (11, 10);
-- session A
BEGIN;
INSERT INTO c VALUES (12, 10);
COMMIT;
-- session B
COMMIT;
SELECT count(*) FROM c WHERE pid = 10;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM p;
-- session A
INSERT INTO p VALUES (20, 0);
-- session B
INSERT INTO c VALUES (20, 20);
ROLLBACK;
