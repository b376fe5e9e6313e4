-- Write skew: both doctors go off duty in repeatable read; serializable refuses one of them.
CREATE TABLE doctors (name text PRIMARY KEY, on_call boolean);
INSERT INTO doctors VALUES ('ann', true), ('bob', true);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM doctors WHERE on_call;
-- session B
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM doctors WHERE on_call;
-- session A
UPDATE doctors SET on_call = false WHERE name = 'ann';
-- session B
UPDATE doctors SET on_call = false WHERE name = 'bob';
-- session A
COMMIT;
-- session B
COMMIT;
SELECT count(*) FROM doctors WHERE on_call;
UPDATE doctors SET on_call = true;
-- session A
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) FROM doctors WHERE on_call;
-- session B
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) FROM doctors WHERE on_call;
-- session A
UPDATE doctors SET on_call = false WHERE name = 'ann';
-- session B
UPDATE doctors SET on_call = false WHERE name = 'bob';
-- session A
COMMIT;
-- session B
COMMIT;
SELECT count(*) FROM doctors WHERE on_call;
-- session A
CREATE TABLE sums (k int, v int);
INSERT INTO sums VALUES (1, 10), (1, 20), (2, 100), (2, 200);
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT sum(v) FROM sums WHERE k = 1;
-- session B
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT sum(v) FROM sums WHERE k = 2;
-- session A
INSERT INTO sums VALUES (2, 30);
COMMIT;
-- session B
INSERT INTO sums VALUES (1, 300);
COMMIT;
-- session A
SELECT count(*) FROM sums;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) FROM sums;
-- session B
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) FROM sums;
COMMIT;
-- session A
COMMIT;
