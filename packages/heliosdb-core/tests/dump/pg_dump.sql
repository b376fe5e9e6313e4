--
-- PostgreSQL database dump
--

\restrict WRFLjoIpHFbMyj4ZNbK4KZJ2c3XEnoEkiYc0bfeOnNwawNBxaNH76saoiSlWrhR

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: Odd "schema" – ü; Type: SCHEMA; Schema: -; Owner: postgres
--

CREATE SCHEMA "Odd ""schema"" – ü";


ALTER SCHEMA "Odd ""schema"" – ü" OWNER TO postgres;

--
-- Name: shop; Type: SCHEMA; Schema: -; Owner: postgres
--

CREATE SCHEMA shop;


ALTER SCHEMA shop OWNER TO postgres;

--
-- Name: SCHEMA shop; Type: COMMENT; Schema: -; Owner: postgres
--

COMMENT ON SCHEMA shop IS 'it''s a \ shop';


--
-- Name: select; Type: TYPE; Schema: Odd "schema" – ü; Owner: postgres
--

CREATE TYPE "Odd ""schema"" – ü"."select" AS ENUM (
    'from',
    'where'
);


ALTER TYPE "Odd ""schema"" – ü"."select" OWNER TO postgres;

--
-- Name: code; Type: DOMAIN; Schema: shop; Owner: postgres
--

CREATE DOMAIN shop.code AS character varying(12) COLLATE pg_catalog."C"
	CONSTRAINT code_check CHECK (((VALUE)::text ~ '^[A-Z]+$'::text));


ALTER DOMAIN shop.code OWNER TO postgres;

--
-- Name: DOMAIN code; Type: COMMENT; Schema: shop; Owner: postgres
--

COMMENT ON DOMAIN shop.code IS 'capital letters';


--
-- Name: mood; Type: TYPE; Schema: shop; Owner: postgres
--

CREATE TYPE shop.mood AS ENUM (
    'sad',
    'ok''ay',
    'so "so"',
    'glücklich'
);


ALTER TYPE shop.mood OWNER TO postgres;

--
-- Name: TYPE mood; Type: COMMENT; Schema: shop; Owner: postgres
--

COMMENT ON TYPE shop.mood IS 'how one feels';


--
-- Name: point2; Type: TYPE; Schema: shop; Owner: postgres
--

CREATE TYPE shop.point2 AS (
	x double precision,
	y double precision
);


ALTER TYPE shop.point2 OWNER TO postgres;

--
-- Name: labelled; Type: TYPE; Schema: shop; Owner: postgres
--

CREATE TYPE shop.labelled AS (
	at shop.point2,
	label text COLLATE pg_catalog."C",
	moods shop.mood[]
);


ALTER TYPE shop.labelled OWNER TO postgres;

--
-- Name: positive; Type: DOMAIN; Schema: shop; Owner: postgres
--

CREATE DOMAIN shop.positive AS integer NOT NULL DEFAULT 5
	CONSTRAINT above_zero CHECK ((VALUE > 0))
	CONSTRAINT positive_check CHECK ((VALUE < 1000000));


ALTER DOMAIN shop.positive OWNER TO postgres;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: Table; DROP TABLE t; Type: TABLE; Schema: Odd "schema" – ü; Owner: postgres
--

CREATE TABLE "Odd ""schema"" – ü"."Table; DROP TABLE t" (
    "select" "Odd ""schema"" – ü"."select" DEFAULT 'from'::"Odd ""schema"" – ü"."select",
    "a ""b"" \c" text,
    "new
line" integer NOT NULL
);


ALTER TABLE "Odd ""schema"" – ü"."Table; DROP TABLE t" OWNER TO postgres;

--
-- Name: dropped; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.dropped (
    a integer,
    b integer,
    later text DEFAULT 'was not there'::text
);


ALTER TABLE public.dropped OWNER TO postgres;

--
-- Name: egg; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.egg (
    id integer NOT NULL,
    hen integer
);


ALTER TABLE public.egg OWNER TO postgres;

--
-- Name: empty; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.empty (
    a integer,
    b text
);


ALTER TABLE public.empty OWNER TO postgres;

--
-- Name: fleeting; Type: TABLE; Schema: public; Owner: postgres
--

CREATE UNLOGGED TABLE public.fleeting (
    a integer
);


ALTER TABLE public.fleeting OWNER TO postgres;

--
-- Name: customer; Type: TABLE; Schema: shop; Owner: postgres
--

CREATE TABLE shop.customer (
    id integer NOT NULL,
    name text NOT NULL,
    feels shop.mood DEFAULT 'ok''ay'::shop.mood,
    credit numeric(12,2) DEFAULT 0.5,
    code shop.code,
    level shop.positive DEFAULT 3,
    place shop.labelled,
    born date DEFAULT '2000-02-29'::date,
    twice numeric GENERATED ALWAYS AS ((credit * (2)::numeric)) STORED,
    tags text[] DEFAULT '{}'::text[],
    CONSTRAINT customer_credit_check CHECK ((credit >= (0)::numeric)),
    CONSTRAINT "name is ""long""" CHECK (((length(name) > 0) AND (name <> 'x''; DROP TABLE t; --'::text)))
);


ALTER TABLE shop.customer OWNER TO postgres;

--
-- Name: TABLE customer; Type: COMMENT; Schema: shop; Owner: postgres
--

COMMENT ON TABLE shop.customer IS 'buys';


--
-- Name: COLUMN customer.name; Type: COMMENT; Schema: shop; Owner: postgres
--

COMMENT ON COLUMN shop.customer.name IS 'first
and 	 last';


--
-- Name: happy; Type: VIEW; Schema: public; Owner: postgres
--

CREATE VIEW public.happy AS
 SELECT customer.name AS who,
    customer.feels AS mood
   FROM shop.customer
  WHERE (customer.feels = ANY (ARRAY['ok''ay'::shop.mood, 'glücklich'::shop.mood]));


ALTER TABLE public.happy OWNER TO postgres;

--
-- Name: hen; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.hen (
    id integer NOT NULL,
    egg integer
);


ALTER TABLE public.hen OWNER TO postgres;

--
-- Name: kinds; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.kinds (
    id integer NOT NULL,
    t text,
    v character varying(20),
    c character(5),
    b boolean,
    i2 smallint,
    i4 integer,
    i8 bigint,
    f4 real,
    f8 double precision,
    n numeric,
    nn numeric(20,5),
    d date,
    ti time without time zone,
    tz time with time zone,
    ts timestamp without time zone,
    tstz timestamp with time zone,
    ts3 timestamp(3) without time zone,
    iv interval,
    by bytea,
    u uuid,
    j json,
    jb jsonb,
    bi bit(5),
    bv bit varying,
    ia integer[],
    ta text[],
    da date[],
    ja jsonb[]
);


ALTER TABLE public.kinds OWNER TO postgres;

--
-- Name: nothing; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.nothing (
);


ALTER TABLE public.nothing OWNER TO postgres;

--
-- Name: over_view; Type: VIEW; Schema: public; Owner: postgres
--

CREATE VIEW public.over_view AS
 SELECT (happy.who || '!'::text) AS loud
   FROM public.happy
UNION ALL
 SELECT 'nobody'::text AS loud
  ORDER BY 1;


ALTER TABLE public.over_view OWNER TO postgres;

--
-- Name: tree; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.tree (
    id integer NOT NULL,
    parent integer
);


ALTER TABLE public.tree OWNER TO postgres;

--
-- Name: unused; Type: SEQUENCE; Schema: public; Owner: postgres
--

CREATE SEQUENCE public.unused
    START WITH 42
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER TABLE public.unused OWNER TO postgres;

--
-- Name: customer_id_seq; Type: SEQUENCE; Schema: shop; Owner: postgres
--

ALTER TABLE shop.customer ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME shop.customer_id_seq
    START WITH 10
    INCREMENT BY 5
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: found_by_path; Type: VIEW; Schema: shop; Owner: postgres
--

CREATE VIEW shop.found_by_path AS
 SELECT customer.name,
    'sad'::shop.mood AS m
   FROM shop.customer;


ALTER TABLE shop.found_by_path OWNER TO postgres;

--
-- Name: tickets; Type: SEQUENCE; Schema: shop; Owner: postgres
--

CREATE SEQUENCE shop.tickets
    AS smallint
    START WITH 500
    INCREMENT BY -7
    MINVALUE -1000
    MAXVALUE 1000
    CACHE 1
    CYCLE;


ALTER TABLE shop.tickets OWNER TO postgres;

--
-- Name: SEQUENCE tickets; Type: COMMENT; Schema: shop; Owner: postgres
--

COMMENT ON SEQUENCE shop.tickets IS 'counts down';


--
-- Name: purchase; Type: TABLE; Schema: shop; Owner: postgres
--

CREATE TABLE shop.purchase (
    id bigint NOT NULL,
    customer integer NOT NULL,
    ticket smallint DEFAULT nextval('shop.tickets'::regclass),
    "Total – €" numeric
);


ALTER TABLE shop.purchase OWNER TO postgres;

--
-- Name: purchase_id_seq; Type: SEQUENCE; Schema: shop; Owner: postgres
--

CREATE SEQUENCE shop.purchase_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER TABLE shop.purchase_id_seq OWNER TO postgres;

--
-- Name: purchase_id_seq; Type: SEQUENCE OWNED BY; Schema: shop; Owner: postgres
--

ALTER SEQUENCE shop.purchase_id_seq OWNED BY shop.purchase.id;


--
-- Name: rich; Type: VIEW; Schema: shop; Owner: postgres
--

CREATE VIEW shop.rich AS
 SELECT customer.id,
    customer.name,
    customer.feels,
    customer.credit,
    customer.code,
    customer.level,
    customer.place,
    customer.born,
    customer.twice,
    customer.tags
   FROM shop.customer
  WHERE (customer.credit > (10)::numeric)
  WITH LOCAL CHECK OPTION;


ALTER TABLE shop.rich OWNER TO postgres;

--
-- Name: spent; Type: VIEW; Schema: shop; Owner: postgres
--

CREATE VIEW shop.spent AS
SELECT
    NULL::integer AS id,
    NULL::text AS name,
    NULL::numeric AS total;


ALTER TABLE shop.spent OWNER TO postgres;

--
-- Name: VIEW spent; Type: COMMENT; Schema: shop; Owner: postgres
--

COMMENT ON VIEW shop.spent IS 'by customer';


--
-- Name: COLUMN spent.total; Type: COMMENT; Schema: shop; Owner: postgres
--

COMMENT ON COLUMN shop.spent.total IS 'in €';


--
-- Name: purchase id; Type: DEFAULT; Schema: shop; Owner: postgres
--

ALTER TABLE ONLY shop.purchase ALTER COLUMN id SET DEFAULT nextval('shop.purchase_id_seq'::regclass);


--
-- Data for Name: Table; DROP TABLE t; Type: TABLE DATA; Schema: Odd "schema" – ü; Owner: postgres
--

COPY "Odd ""schema"" – ü"."Table; DROP TABLE t" ("select", "a ""b"" \c", "new
line") FROM stdin;
where	x	1
from	\N	2
\.


--
-- Data for Name: dropped; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.dropped (a, b, later) FROM stdin;
1	2	was not there
\.


--
-- Data for Name: egg; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.egg (id, hen) FROM stdin;
1	2
2	1
\.


--
-- Data for Name: empty; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.empty (a, b) FROM stdin;
\.


--
-- Data for Name: fleeting; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.fleeting (a) FROM stdin;
\.


--
-- Data for Name: hen; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.hen (id, egg) FROM stdin;
1	1
2	2
\.


--
-- Data for Name: kinds; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.kinds (id, t, v, c, b, i2, i4, i8, f4, f8, n, nn, d, ti, tz, ts, tstz, ts3, iv, by, u, j, jb, bi, bv, ia, ta, da, ja) FROM stdin;
1			     	t	-32768	-2147483648	-9223372036854775808	NaN	NaN	NaN	0.00000	-infinity	00:00:00	00:00:00+14	-infinity	-infinity	2024-01-01 10:00:00.123	-10 mons -3 days +04:05:06.789	\\x	00000000-0000-0000-0000-000000000000	{"a" :  1}	{"a": [null, true], "b": 1}	10101		{}	{}	{}	{}
2	tab\t newline\n return\r backslash\\ \\N \\. quote' " \b\fv	ünïcödé €	ab   	f	32767	2147483647	9223372036854775807	Infinity	-Infinity	Infinity	123456789012345.67891	infinity	24:00:00	23:59:59.999999-12:30	infinity	infinity	\N	178000000 years	\\x00ff5c0a09	ffffffff-ffff-ffff-ffff-ffffffffffff	[1,  2]	"ü\\n"	00000	1	{1,NULL,3}	{{a,"b,c"},{"\\"q\\"","NULL"}}	{2024-02-29,infinity}	{"{\\"a\\": \\"b,}\\"}"}
3	\\N	\\.	\\    	\N	0	0	0	1.1	1e-300	0.0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001	-0.00001	0044-03-15 BC	12:34:56.789	12:00:00+05:30	4713-01-01 00:00:00 BC	1970-01-01 00:00:00+00	1999-12-31 23:59:59.999	-00:00:00.000001	\\xdeadbeef	a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11	null	null	11111	010	[0:1]={7,8}	\N	\N	\N
4	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N
5	\N	\N	\N	\N	\N	\N	\N	3.4028235e+38	1.7976931348623157e+308	123456789012345678901234567890.123456789	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N
6	\N	\N	\N	\N	\N	\N	\N	1e-45	-0	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N
7	\N	\N	\N	\N	\N	\N	\N	1.6777216e+07	0.30000000000000004	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N
\.


--
-- Data for Name: nothing; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.nothing  FROM stdin;


\.


--
-- Data for Name: tree; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.tree (id, parent) FROM stdin;
1	\N
3	1
2	3
\.


--
-- Data for Name: customer; Type: TABLE DATA; Schema: shop; Owner: postgres
--

COPY shop.customer (id, name, feels, credit, code, level, place, born, tags) FROM stdin;
10	Ann	so "so"	12.50	ABC	3	("(1.5,NaN)","here, ""there""","{sad,ok'ay}")	2000-02-29	{a,"b c"}
15	Böb	\N	0.00	\N	3	\N	2000-02-29	\N
20	O'Hara \\ Sons	glücklich	99999.99	Z	3	(,"",{})	2000-02-29	{}
\.


--
-- Data for Name: purchase; Type: TABLE DATA; Schema: shop; Owner: postgres
--

COPY shop.purchase (id, customer, ticket, "Total – €") FROM stdin;
1	10	486	1.10
2	10	479	-2
3	20	472	\N
\.


--
-- Name: unused; Type: SEQUENCE SET; Schema: public; Owner: postgres
--

SELECT pg_catalog.setval('public.unused', 42, false);


--
-- Name: customer_id_seq; Type: SEQUENCE SET; Schema: shop; Owner: postgres
--

SELECT pg_catalog.setval('shop.customer_id_seq', 20, true);


--
-- Name: purchase_id_seq; Type: SEQUENCE SET; Schema: shop; Owner: postgres
--

SELECT pg_catalog.setval('shop.purchase_id_seq', 3, true);


--
-- Name: tickets; Type: SEQUENCE SET; Schema: shop; Owner: postgres
--

SELECT pg_catalog.setval('shop.tickets', 472, true);


--
-- Name: egg egg_pkey; Type: CONSTRAINT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.egg
    ADD CONSTRAINT egg_pkey PRIMARY KEY (id);


--
-- Name: hen hen_pkey; Type: CONSTRAINT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.hen
    ADD CONSTRAINT hen_pkey PRIMARY KEY (id);


--
-- Name: kinds kinds_pkey; Type: CONSTRAINT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.kinds
    ADD CONSTRAINT kinds_pkey PRIMARY KEY (id);


--
-- Name: tree tree_id_parent_key; Type: CONSTRAINT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.tree
    ADD CONSTRAINT tree_id_parent_key UNIQUE (id, parent);


--
-- Name: tree tree_pkey; Type: CONSTRAINT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.tree
    ADD CONSTRAINT tree_pkey PRIMARY KEY (id);


--
-- Name: dropped unproven; Type: CHECK CONSTRAINT; Schema: public; Owner: postgres
--

ALTER TABLE public.dropped
    ADD CONSTRAINT unproven CHECK ((a > 100)) NOT VALID;


--
-- Name: customer customer_pkey; Type: CONSTRAINT; Schema: shop; Owner: postgres
--

ALTER TABLE ONLY shop.customer
    ADD CONSTRAINT customer_pkey PRIMARY KEY (id);


--
-- Name: CONSTRAINT customer_pkey ON customer; Type: COMMENT; Schema: shop; Owner: postgres
--

COMMENT ON CONSTRAINT customer_pkey ON shop.customer IS 'the key';


--
-- Name: purchase purchase_pkey; Type: CONSTRAINT; Schema: shop; Owner: postgres
--

ALTER TABLE ONLY shop.purchase
    ADD CONSTRAINT purchase_pkey PRIMARY KEY (id, customer);


--
-- Name: purchase purchase_ticket_key; Type: CONSTRAINT; Schema: shop; Owner: postgres
--

ALTER TABLE ONLY shop.purchase
    ADD CONSTRAINT purchase_ticket_key UNIQUE (ticket) DEFERRABLE INITIALLY DEFERRED;


--
-- Name: customer_code_born_credit_idx; Type: INDEX; Schema: shop; Owner: postgres
--

CREATE INDEX customer_code_born_credit_idx ON shop.customer USING btree (code, born) INCLUDE (credit);


--
-- Name: customer_lower; Type: INDEX; Schema: shop; Owner: postgres
--

CREATE UNIQUE INDEX customer_lower ON shop.customer USING btree (lower(name), feels DESC NULLS LAST) WHERE ((level)::integer > 1);


--
-- Name: INDEX customer_lower; Type: COMMENT; Schema: shop; Owner: postgres
--

COMMENT ON INDEX shop.customer_lower IS 'no matter the case';


--
-- Name: spent _RETURN; Type: RULE; Schema: shop; Owner: postgres
--

CREATE OR REPLACE VIEW shop.spent AS
 SELECT c.id,
    c.name,
    sum(p."Total – €") AS total
   FROM (shop.customer c
     LEFT JOIN shop.purchase p ON ((p.customer = c.id)))
  GROUP BY c.id;


--
-- Name: egg egg_hen_fkey; Type: FK CONSTRAINT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.egg
    ADD CONSTRAINT egg_hen_fkey FOREIGN KEY (hen) REFERENCES public.hen(id) DEFERRABLE;


--
-- Name: hen laid; Type: FK CONSTRAINT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.hen
    ADD CONSTRAINT laid FOREIGN KEY (egg) REFERENCES public.egg(id) ON DELETE SET NULL;


--
-- Name: tree tree_parent_fkey; Type: FK CONSTRAINT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.tree
    ADD CONSTRAINT tree_parent_fkey FOREIGN KEY (parent) REFERENCES public.tree(id);


--
-- Name: purchase bought_by; Type: FK CONSTRAINT; Schema: shop; Owner: postgres
--

ALTER TABLE ONLY shop.purchase
    ADD CONSTRAINT bought_by FOREIGN KEY (customer) REFERENCES shop.customer(id) ON UPDATE CASCADE ON DELETE RESTRICT;


--
-- PostgreSQL database dump complete
--

\unrestrict WRFLjoIpHFbMyj4ZNbK4KZJ2c3XEnoEkiYc0bfeOnNwawNBxaNH76saoiSlWrhR

