-- Indexes where random statements once found a difference: a unique index that is made in a transaction is about the
-- rows as that transaction has left them.

CREATE TABLE t (id integer PRIMARY KEY, k integer, c text);
INSERT INTO t VALUES (5, 1, 'ab'), (30, 1, 'ab');

BEGIN;
UPDATE t SET k = id;
CREATE UNIQUE INDEX t_k ON t (k);
INSERT INTO t VALUES (31, 30, 'x');
ROLLBACK;

BEGIN;
UPDATE t SET k = 16;
CREATE UNIQUE INDEX t_partial ON t (k, c) WHERE k = 1;
COMMIT;
INSERT INTO t VALUES (31, 1, 'ab');
INSERT INTO t VALUES (32, 1, 'ab');
SELECT * FROM t ORDER BY id;

-- what was deleted is no duplicate either, what was inserted is one
DROP INDEX t_partial;
BEGIN;
DELETE FROM t WHERE id = 30;
CREATE UNIQUE INDEX t_k ON t (k);
ROLLBACK;
BEGIN;
UPDATE t SET k = id;
INSERT INTO t VALUES (33, 30, 'y');
CREATE UNIQUE INDEX t_k ON t (k);
ROLLBACK;
