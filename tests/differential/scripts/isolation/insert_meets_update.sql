-- Inserting a key whose row another session is changing waits for that session, whether or not it changes the key.
CREATE TABLE t (id int PRIMARY KEY, v int, u int UNIQUE);
INSERT INTO t VALUES (1, 10, 1), (2, 20, 2);
BEGIN;
UPDATE t SET v = v + 1 WHERE id = 1;
-- session B
-- blocks
INSERT INTO t VALUES (1, 0, NULL);
-- session A
COMMIT;
-- wait B
BEGIN;
UPDATE t SET v = v + 1 WHERE id = 1;
-- session B
-- blocks
INSERT INTO t VALUES (1, 5, NULL) ON CONFLICT (id) DO UPDATE SET v = t.v + EXCLUDED.v RETURNING *;
-- session A
COMMIT;
-- wait B
BEGIN;
UPDATE t SET id = 3 WHERE id = 2;
-- session B
-- blocks
INSERT INTO t VALUES (2, 0, NULL) RETURNING *;
-- session A
COMMIT;
-- wait B
BEGIN;
UPDATE t SET u = NULL WHERE id = 3;
-- session B
-- blocks
INSERT INTO t VALUES (4, 0, 2) RETURNING *;
-- session A
ROLLBACK;
-- wait B
BEGIN;
INSERT INTO t VALUES (1, 0, NULL) ON CONFLICT DO NOTHING;
-- session B
INSERT INTO t VALUES (1, 0, NULL) ON CONFLICT DO NOTHING;
INSERT INTO t VALUES (1, 7, NULL) ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v RETURNING *;
-- session A
COMMIT;
SELECT * FROM t ORDER BY id;
