-- Actions of foreign keys see the rows committed while their statement waited; a kept snapshot that does not is a conflict.
CREATE TABLE p (id int PRIMARY KEY);
CREATE TABLE cas (id int PRIMARY KEY, pid int REFERENCES p ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE nul (id int PRIMARY KEY, pid int REFERENCES p ON DELETE SET NULL);
INSERT INTO p SELECT generate_series(1, 9);
BEGIN;
INSERT INTO cas VALUES (1, 1);
-- session B
-- blocks
DELETE FROM p WHERE id = 1;
-- session A
COMMIT;
-- wait B
SELECT * FROM cas;
BEGIN;
INSERT INTO cas VALUES (2, 2);
-- session B
-- blocks
UPDATE p SET id = 20 WHERE id = 2;
-- session A
COMMIT;
-- wait B
SELECT * FROM cas ORDER BY id;
BEGIN;
INSERT INTO nul VALUES (3, 3);
-- session B
-- blocks
DELETE FROM p WHERE id = 3;
-- session A
COMMIT;
-- wait B
SELECT * FROM nul ORDER BY id;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM p;
-- session B
INSERT INTO cas VALUES (4, 4);
-- session A
-- compare: message
DELETE FROM p WHERE id = 4;
ROLLBACK;
SELECT * FROM cas ORDER BY id;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM p;
INSERT INTO cas VALUES (5, 5);
DELETE FROM p WHERE id = 5;
SELECT * FROM cas ORDER BY id;
COMMIT;
BEGIN;
DELETE FROM p WHERE id = 6;
-- session B
-- blocks
INSERT INTO cas VALUES (6, 6);
-- session A
COMMIT;
-- wait B
SELECT * FROM cas ORDER BY id;
BEGIN;
UPDATE cas SET pid = 7 WHERE id = 4;
-- session B
-- blocks
DELETE FROM p WHERE id = 7;
-- session A
COMMIT;
-- wait B
SELECT * FROM cas ORDER BY id;
BEGIN;
INSERT INTO nul VALUES (8, 8) ON CONFLICT DO NOTHING;
INSERT INTO nul VALUES (8, 9) ON CONFLICT (id) DO UPDATE SET pid = EXCLUDED.pid;
-- session B
INSERT INTO nul VALUES (9, 9);
-- blocks
DELETE FROM p WHERE id = 9;
-- session A
COMMIT;
-- wait B
SELECT * FROM nul ORDER BY id;
