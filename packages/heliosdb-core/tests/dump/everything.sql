-- One of everything that a dump may meet, with names and values that quoting must survive.
CREATE SCHEMA shop;
CREATE SCHEMA "Odd ""schema"" – ü";
COMMENT ON SCHEMA shop IS 'it''s a \ shop';

CREATE TYPE shop.mood AS ENUM ('sad', 'ok''ay', 'so "so"', 'glücklich');
CREATE TYPE "Odd ""schema"" – ü"."select" AS ENUM ('from', 'where');
CREATE DOMAIN shop.positive AS integer NOT NULL DEFAULT 5 CONSTRAINT above_zero CHECK (value > 0) CHECK (value < 1000000);
CREATE DOMAIN shop.code AS varchar(12) COLLATE "C" CHECK (value ~ '^[A-Z]+$');
CREATE TYPE shop.point2 AS (x double precision, y double precision);
CREATE TYPE shop.labelled AS (at shop.point2, label text COLLATE "C", moods shop.mood[]);
COMMENT ON TYPE shop.mood IS 'how one feels';
COMMENT ON DOMAIN shop.code IS 'capital letters';

CREATE SEQUENCE shop.tickets AS smallint INCREMENT BY -7 MINVALUE -1000 MAXVALUE 1000 START WITH 500 CYCLE;
SELECT nextval('shop.tickets'), nextval('shop.tickets');
CREATE SEQUENCE public.unused START WITH 42;
COMMENT ON SEQUENCE shop.tickets IS 'counts down';

CREATE TABLE shop.customer (
    id integer GENERATED ALWAYS AS IDENTITY (START WITH 10 INCREMENT BY 5) PRIMARY KEY,
    name text NOT NULL,
    feels shop.mood DEFAULT 'ok''ay',
    credit numeric(12, 2) DEFAULT 0.5 CHECK (credit >= 0),
    code shop.code,
    level shop.positive DEFAULT 3,
    place shop.labelled,
    born date DEFAULT '2000-02-29',
    twice numeric GENERATED ALWAYS AS (credit * 2) STORED,
    tags text[] DEFAULT '{}'::text[],
    CONSTRAINT "name is ""long""" CHECK (length(name) > 0 AND name <> 'x''; DROP TABLE t; --')
);
COMMENT ON TABLE shop.customer IS 'buys';
COMMENT ON COLUMN shop.customer.name IS E'first\nand \t last';
COMMENT ON CONSTRAINT customer_pkey ON shop.customer IS 'the key';
CREATE UNIQUE INDEX customer_lower ON shop.customer (lower(name), feels DESC NULLS LAST) WHERE level > 1;
CREATE INDEX ON shop.customer (code COLLATE "C", born) INCLUDE (credit);
COMMENT ON INDEX shop.customer_lower IS 'no matter the case';

CREATE TABLE shop.purchase (
    id bigserial,
    customer integer NOT NULL CONSTRAINT bought_by REFERENCES shop.customer ON UPDATE CASCADE ON DELETE RESTRICT,
    ticket smallint DEFAULT nextval('shop.tickets'),
    "Total – €" numeric,
    PRIMARY KEY (id, customer),
    UNIQUE (ticket) DEFERRABLE INITIALLY DEFERRED
);

-- Tables that refer to each other, and to themselves.
CREATE TABLE public.hen (id integer PRIMARY KEY, egg integer);
CREATE TABLE public.egg (id integer PRIMARY KEY, hen integer REFERENCES public.hen DEFERRABLE);
ALTER TABLE public.hen ADD CONSTRAINT laid FOREIGN KEY (egg) REFERENCES public.egg (id) ON DELETE SET NULL;
CREATE TABLE public.tree (id integer PRIMARY KEY, parent integer REFERENCES public.tree, UNIQUE (id, parent));
INSERT INTO public.hen VALUES (1, NULL), (2, NULL);
INSERT INTO public.egg VALUES (1, 2), (2, 1);
UPDATE public.hen SET egg = id;
INSERT INTO public.tree VALUES (1, NULL), (3, 1), (2, 3);

CREATE TABLE "Odd ""schema"" – ü"."Table; DROP TABLE t" (
    "select" "Odd ""schema"" – ü"."select" DEFAULT 'from',
    "a ""b"" \c" text,
    "new
line" integer NOT NULL
);
INSERT INTO "Odd ""schema"" – ü"."Table; DROP TABLE t" VALUES ('where', 'x', 1), (DEFAULT, NULL, 2);

CREATE TABLE public.nothing ();
INSERT INTO public.nothing DEFAULT VALUES;
INSERT INTO public.nothing DEFAULT VALUES;
CREATE TABLE public.empty (a integer, b text);
CREATE UNLOGGED TABLE public.fleeting (a integer);

CREATE TABLE public.dropped (a integer, gone text, b integer);
INSERT INTO public.dropped VALUES (1, 'x', 2);
ALTER TABLE public.dropped DROP COLUMN gone;
ALTER TABLE public.dropped ADD COLUMN later text DEFAULT 'was not there';
ALTER TABLE public.dropped ADD CONSTRAINT unproven CHECK (a > 100) NOT VALID;

CREATE TABLE public.kinds (
    id integer PRIMARY KEY,
    t text, v varchar(20), c char(5), b boolean, i2 smallint, i4 integer, i8 bigint, f4 real, f8 double precision,
    n numeric, nn numeric(20, 5), d date, ti time, tz timetz, ts timestamp, tstz timestamptz, ts3 timestamp(3),
    iv interval, by bytea, u uuid, j json, jb jsonb, bi bit(5), bv bit varying, ia integer[], ta text[][],
    da date[], ja jsonb[]
);
INSERT INTO public.kinds VALUES (1, '', '', '', true, -32768, -2147483648, -9223372036854775808, 'NaN', 'NaN', 'NaN', 0,
    '-infinity', '00:00', '00:00+14', '-infinity', '-infinity', '2024-01-01 10:00:00.123456',
    '-1 year 2 mons -3 days 04:05:06.789', '', '00000000-0000-0000-0000-000000000000', '{"a" :  1}', '{"b": 1, "a": [null, true]}',
    B'10101', B'', '{}', '{}', '{}', '{}');
INSERT INTO public.kinds VALUES (2, E'tab\t newline\n return\r backslash\\ \\N \\. quote'' " \b\f\v\x7f', 'ünïcödé €', 'ab', false,
    32767, 2147483647, 9223372036854775807, 'Infinity', '-Infinity', 'Infinity', 123456789012345.67891,
    'infinity', '24:00', '23:59:59.999999-12:30', 'infinity', 'infinity', NULL,
    '178000000 years', '\x00ff5c0a09', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '[1,  2]', '"\u00fc\n"',
    B'00000', B'1', '{1,NULL,3}', '{{a,"b,c"},{"\"q\"","NULL"}}', '{2024-02-29,infinity}', ARRAY['{"a": "b,}"}'::jsonb]);
INSERT INTO public.kinds VALUES (3, '\N', '\.', '\', NULL, 0, 0, 0, 1.1, 1e-300, 1e-100, -0.00001, '0044-03-15 BC', '12:34:56.789',
    '12:00+05:30', '4713-01-01 BC', '1970-01-01 00:00:00+00', '1999-12-31 23:59:59.9995', '-00:00:00.000001', '\xdeadbeef',
    'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'null', 'null', B'11111', B'010', '[0:1]={7,8}', NULL, NULL, NULL);
INSERT INTO public.kinds (id) VALUES (4);
INSERT INTO public.kinds (id, f4, f8, n) VALUES (5, 3.4028235e38, 1.7976931348623157e308, 123456789012345678901234567890.123456789);
INSERT INTO public.kinds (id, f8, f4) VALUES (6, '-0', 1e-45), (7, 0.1::float8 + 0.2, 16777217);

INSERT INTO shop.customer (name, feels, credit, code, place, tags)
    VALUES ('Ann', 'so "so"', 12.5, 'ABC', ROW(ROW(1.5, 'NaN'), 'here, "there"', '{sad,"ok''ay"}'), '{a,"b c"}'),
           ('Böb', NULL, 0, NULL, NULL, NULL), ('O''Hara \ Sons', 'glücklich', 99999.99, 'Z', ROW(NULL, '', '{}'), '{}');
INSERT INTO shop.purchase (customer, "Total – €") VALUES (10, 1.10), (10, -2), (20, NULL);

CREATE VIEW shop.spent AS
    SELECT c.id, c.name, sum(p."Total – €") AS total FROM shop.customer c LEFT JOIN shop.purchase p ON p.customer = c.id GROUP BY c.id;
CREATE VIEW public.happy (who, mood) AS SELECT name, feels FROM shop.customer WHERE feels IN ('ok''ay', 'glücklich');
CREATE VIEW public.over_view AS SELECT who || '!' AS loud FROM public.happy UNION ALL SELECT 'nobody' ORDER BY 1;
CREATE VIEW shop.rich AS SELECT * FROM shop.customer WHERE credit > 10 WITH LOCAL CHECK OPTION;
COMMENT ON VIEW shop.spent IS 'by customer';
COMMENT ON COLUMN shop.spent.total IS 'in €';
SET search_path = shop;
SELECT 'sad'::mood;
CREATE VIEW found_by_path AS SELECT name, 'sad'::mood AS m FROM customer;
RESET search_path;
CREATE TEMPORARY TABLE passing (a integer);
