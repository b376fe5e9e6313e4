-- psql: what its \d commands show of a schema that the script makes, \copy both ways, \gset, \gexec, \crosstabview, \watch.
-- The schema is dropped at the end; \watch ends as its query fails. Errors are printed after all else.
\pset null (null)
SET client_min_messages = warning;
CREATE SCHEMA desk;
SET search_path = desk;
COMMENT ON SCHEMA desk IS 'letters and who writes them';
CREATE ROLE desk_clerk LOGIN CONNECTION LIMIT 3;
CREATE ROLE desk_head CREATEDB CREATEROLE VALID UNTIL '2030-01-01 00:00:00+00';
COMMENT ON ROLE desk_head IS 'who signs';
GRANT desk_clerk TO desk_head;
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TYPE size AS (width int, height numeric(4, 1));
CREATE DOMAIN grams AS int DEFAULT 20 CHECK (VALUE > 0);
CREATE SEQUENCE numbers AS int START 3 INCREMENT 2 MAXVALUE 9 CYCLE;
CREATE TABLE writer (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name varchar(20) NOT NULL UNIQUE,
    mood mood DEFAULT 'ok',
    initial text GENERATED ALWAYS AS (upper(left(name, 1))) STORED
);
CREATE TABLE letter (
    id bigserial PRIMARY KEY,
    writer int NOT NULL REFERENCES writer ON DELETE CASCADE,
    body text COLLATE "C" DEFAULT 'Dear "you"',
    size size,
    weight grams,
    sent timestamptz(3),
    tags text[],
    CONSTRAINT letter_sent CHECK (sent > '2000-01-01 00:00:00+00' OR weight < 500)
);
CREATE INDEX letter_sent_writer ON letter (sent DESC NULLS LAST, writer);
CREATE UNIQUE INDEX letter_body ON letter (lower(body)) WHERE body IS NOT NULL;
COMMENT ON TABLE letter IS 'as posted';
COMMENT ON COLUMN letter.weight IS 'with the envelope';
COMMENT ON INDEX letter_body IS 'no letter twice';
CREATE TABLE blank (id int);
CREATE VIEW posted AS SELECT w.name, count(*) AS letters FROM writer w JOIN letter l ON l.writer = w.id GROUP BY w.name;
COMMENT ON VIEW posted IS 'by name';
GRANT SELECT, INSERT ON letter TO desk_clerk;
GRANT SELECT ON posted TO PUBLIC;
GRANT USAGE ON SEQUENCE numbers TO desk_clerk;
GRANT USAGE ON SCHEMA desk TO desk_clerk;
\echo == d
\d
\d writer
\d letter
\d posted
\d numbers
\d letter_body
\d size
\d writer_id_seq
\d nobody
\echo == d+
\d+ writer
\d+ letter
\d+ posted
\d+ letter_sent_writer
\echo == dt dv ds di
\dt
\dt+ desk.blank
\dt desk.w*
\dt *.writ?r
\dv
\ds
\di
\dti desk.letter*
\echo == dn dT dD dd dC dO
\dn desk
\dn+ desk
\dT desk.*
\dT+ desk.*
\dD
\dO desk.*
\dd
\echo == df
\df desk.*
\df pg_catalog.starts_with
\df+ desk.*
\df pg_catalog.md? text
\dfa pg_catalog.bool_*
\dfw pg_catalog.row_number
\sv posted
\echo == du dp
\du desk*
\du+ desk*
\dp
\z letter
\ddp desk*
\drds desk*
\dx nobody
\db nobody
\des
\dy
\dRp
\dRs
\dm
\dP
\echo == copy
INSERT INTO writer (name, mood) VALUES ('Ann', 'sad'), ('Élodie', NULL);
\copy letter (writer, body, size, weight, sent, tags) from stdin
1	one\ttab	(3,4.5)	70	2024-02-29 12:00:00.1234+00	{a,"b c",NULL}
2	\N	\N	20	\N	{}
\.
\copy letter (writer, body) from stdin with (format csv, header, null 'none')
writer,body
2,"a ""quoted"", letter"
1,none
\.
\copy letter to stdout
\copy (select id, body, size from letter order by id) to stdout with (format csv, header, force_quote (body))
\copy letter to 'psql.copy'
\copy letter (id, tags) to 'psql.binary' with (format binary)
CREATE TABLE again (LIKE letter INCLUDING DEFAULTS);
CREATE TABLE tagged (id bigint, tags text[]);
\copy again from 'psql.copy'
\copy tagged from 'psql.binary' with (format binary)
\copy tagged (id) from program 'echo 7; echo 8'
\! rm psql.copy psql.binary
SELECT count(*) FROM (TABLE again INTERSECT TABLE letter) same;
SELECT * FROM tagged ORDER BY id;
\copy tagged (id) from program 'echo seven'
\copy nobody to stdout
\echo == variables
SELECT id AS first_id, body AS first_body, mood AS none FROM letter, (VALUES (NULL::mood)) AS v (mood) ORDER BY id LIMIT 1 \gset got_
\echo :got_first_id :'got_first_body' :{?got_none}
SELECT count(*) FROM letter WHERE id = :got_first_id AND body = :'got_first_body';
SELECT 1 AS one WHERE false \gset
SELECT n FROM generate_series(1, 2) n \gset
SELECT format('SELECT %s AS n, %L AS t', n, 'it''s') FROM generate_series(1, 2) n \gexec
SELECT id, tags FROM letter ORDER BY id \gx
SELECT w.name, l.id % 2 AS odd, count(*) FROM writer w JOIN letter l ON l.writer = w.id GROUP BY 1, 2 ORDER BY 1, 2 \crosstabview
SELECT NULL AS a, 1.50 AS b, '{}'::jsonb AS c, ROW(1, 'x') AS d \gdesc
SELECT 'one' \; SELECT 'two';
\echo :ROW_COUNT :ERROR :SQLSTATE
SELECT 1 / 0;
\echo :ROW_COUNT :ERROR :SQLSTATE :LAST_ERROR_MESSAGE
\set FETCH_COUNT 2
SELECT n FROM generate_series(1, 5) n;
\unset FETCH_COUNT
\set ON_ERROR_ROLLBACK on
BEGIN;
INSERT INTO writer (name) VALUES ('Ann');
INSERT INTO writer (name) VALUES ('Bob');
COMMIT;
SELECT name, initial FROM writer ORDER BY name;
\set AUTOCOMMIT off
DELETE FROM letter;
ROLLBACK;
\set AUTOCOMMIT on
SELECT count(*) FROM letter;
\echo == watch
\t on
SELECT 6 / (7 - nextval('numbers')) \watch 0.01
\t off
SELECT currval('numbers');
\encoding
DROP SCHEMA desk CASCADE;
DROP ROLE desk_head, desk_clerk;
