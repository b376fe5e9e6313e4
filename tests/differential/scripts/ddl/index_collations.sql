-- Collations of index keys: shown where they are not the column's own, used where the query's is the same.
CREATE TABLE c (id int, n text, p text COLLATE "C", q varchar(5) COLLATE "POSIX");
INSERT INTO c VALUES (1, 'b', 'b', 'b'), (2, 'A', 'A', 'A'), (3, 'a', 'a', 'a'), (4, 'B', NULL, 'B');
CREATE INDEX c1 ON c (n COLLATE "C");
CREATE INDEX c2 ON c (p COLLATE "C" DESC);
CREATE INDEX c3 ON c (p COLLATE "POSIX", q);
CREATE INDEX c4 ON c (lower(n) COLLATE "C");
CREATE INDEX c5 ON c (n COLLATE "default");
CREATE INDEX c6 ON c (id COLLATE "C");
CREATE INDEX c7 ON c (n COLLATE "nosuch");
SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'c' ORDER BY 1;
SELECT n FROM c ORDER BY n COLLATE "C";
SELECT n FROM c WHERE n COLLATE "C" > 'B' ORDER BY n COLLATE "C";
SELECT p FROM c WHERE p >= 'a' ORDER BY p DESC NULLS LAST;
SELECT q FROM c WHERE q < 'a' ORDER BY q;
SELECT id FROM c WHERE lower(n) COLLATE "C" = 'a' ORDER BY id;
SELECT min(n COLLATE "C"), max(p) FROM c;
SELECT attname, collname FROM pg_attribute a JOIN pg_collation l ON l.oid = a.attcollation WHERE attrelid = 'c'::regclass AND attnum > 0 ORDER BY attnum;
