-- MERGE: matched and not matched actions, conditions, counts, errors.
CREATE TABLE target (id int PRIMARY KEY, v int, note text);
CREATE TABLE source (id int, v int);
INSERT INTO target VALUES (1, 10, 'a'), (2, 20, 'b'), (3, 30, 'c');
INSERT INTO source VALUES (2, 200), (3, 0), (4, 400);
MERGE INTO target t USING source s ON t.id = s.id WHEN MATCHED AND s.v = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.v, 'new');
SELECT * FROM target ORDER BY id;
MERGE INTO target t USING source s ON t.id = s.id WHEN MATCHED THEN DO NOTHING WHEN NOT MATCHED AND s.v > 1000 THEN INSERT (id) VALUES (s.id);
MERGE INTO target USING (VALUES (1, 'x'), (7, 'y')) AS s(id, n) ON target.id = s.id WHEN MATCHED THEN UPDATE SET note = s.n, v = v + 1 WHEN NOT MATCHED THEN INSERT (id, note) VALUES (s.id, s.n);
SELECT * FROM target ORDER BY id;
INSERT INTO source VALUES (2, 201);
MERGE INTO target t USING source s ON t.id = s.id WHEN MATCHED THEN UPDATE SET v = s.v;
MERGE INTO target t USING source s ON t.id = s.id WHEN NOT MATCHED THEN INSERT VALUES (1, 1, 'dup');
MERGE INTO target t USING source s ON t.id = s.id WHEN NOT MATCHED THEN UPDATE SET v = 1;
MERGE INTO nosuch t USING source s ON t.id = s.id WHEN MATCHED THEN DELETE;
