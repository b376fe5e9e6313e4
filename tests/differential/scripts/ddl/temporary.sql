-- Temporary tables: precedence over others, ON COMMIT, per session, views over them.
CREATE TABLE t (x text);
INSERT INTO t VALUES ('permanent');
CREATE TEMP TABLE t (x text);
INSERT INTO t VALUES ('temporary');
SELECT * FROM t;
SELECT * FROM public.t;
SELECT * FROM pg_temp.t;
-- session B
SELECT * FROM t;
CREATE TEMPORARY TABLE t (x int);
INSERT INTO t VALUES (42);
SELECT * FROM t;
-- session A
SELECT * FROM t;
DROP TABLE t;
SELECT * FROM t;
BEGIN;
CREATE TEMP TABLE gone (a int) ON COMMIT DROP;
INSERT INTO gone VALUES (1);
SELECT * FROM gone;
COMMIT;
SELECT * FROM gone;
CREATE TEMP TABLE emptied (a int) ON COMMIT DELETE ROWS;
INSERT INTO emptied VALUES (1);
SELECT count(*) FROM emptied;
BEGIN;
INSERT INTO emptied VALUES (1), (2);
SELECT count(*) FROM emptied;
COMMIT;
SELECT count(*) FROM emptied;
CREATE TEMP TABLE kept (a int PRIMARY KEY, b serial);
BEGIN;
INSERT INTO kept VALUES (1);
ROLLBACK;
INSERT INTO kept VALUES (2);
SELECT a FROM kept;
CREATE TEMP TABLE kept (a int);
CREATE TEMP TABLE IF NOT EXISTS kept (a int);
CREATE TABLE public.temp_ref (a int REFERENCES kept);
CREATE TEMP TABLE r (a int REFERENCES kept);
INSERT INTO r VALUES (99);
CREATE VIEW over_temp AS SELECT a FROM kept;
SELECT * FROM over_temp;
-- session B
SELECT * FROM over_temp;
SELECT * FROM kept;
-- session A
CREATE TEMP TABLE public.bad (a int);
CREATE TEMP TABLE pg_temp.fine (a int);
SELECT count(*) FROM fine;
CREATE INDEX ON kept (b);
ALTER TABLE kept ADD COLUMN c text DEFAULT 'c';
SELECT a, c FROM kept;
TRUNCATE kept;
TRUNCATE kept CASCADE;
DISCARD TEMP;
SELECT * FROM kept;
