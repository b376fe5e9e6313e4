-- Tables and views without columns.
CREATE TABLE t ();
CREATE VIEW v AS SELECT FROM t;
INSERT INTO t DEFAULT VALUES;
SELECT count(*) FROM v;
SELECT EXISTS (SELECT * FROM v);
SELECT relname, relkind, relnatts FROM pg_class WHERE relname IN ('t', 'v') ORDER BY 1;
SELECT count(*) FROM information_schema.columns WHERE table_name IN ('t', 'v');
CREATE OR REPLACE VIEW v AS SELECT 1 AS a FROM t;
SELECT * FROM v;
CREATE OR REPLACE VIEW v AS SELECT FROM t;
CREATE VIEW w (x) AS SELECT FROM t;
