"""Definitions are shown as PostgreSQL shows them."""

from __future__ import annotations

from typing import Any

import pytest

Client = Any
"""``conftest.Client``; test folders are no packages."""

CHECKS = [
    # As PostgreSQL 15 prints them.
    ("price > 0", "CHECK ((price > (0)::numeric))"),
    ("price > 1.5 AND n < 3", "CHECK (((price > 1.5) AND (n < 3)))"),
    ("status = 'open'", "CHECK (((status)::text = 'open'::text))"),
    ("note = 'x' OR note IS NULL", "CHECK (((note = 'x'::text) OR (note IS NULL)))"),
    ("n IN (1, 2)", "CHECK ((n = ANY (ARRAY[1, 2])))"),
    ("n NOT IN (1, 2)", "CHECK ((n <> ALL (ARRAY[1, 2])))"),
    (
        "status IN ('a', 'b')",
        "CHECK (((status)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])))",
    ),
    ("n BETWEEN 1 AND 5", "CHECK (((n >= 1) AND (n <= 5)))"),
    ("NOT flag", "CHECK ((NOT flag))"),
    ("flag IS TRUE", "CHECK ((flag IS TRUE))"),
    ("length(note) > 2", "CHECK ((length(note) > 2))"),
    ("note LIKE 'a%'", "CHECK ((note ~~ 'a%'::text))"),
    ("n > -5", "CHECK ((n > '-5'::integer))"),
    ("coalesce(n, 0) = 0", "CHECK ((COALESCE(n, 0) = 0))"),
    ("n::text <> ''", "CHECK (((n)::text <> ''::text))"),
    ("day > '2020-01-01'", "CHECK ((day > '2020-01-01'::date))"),
    (
        "status NOT IN ('a', 'b')",
        "CHECK (((status)::text <> ALL ((ARRAY['a'::character varying, 'b'::character varying])::text[])))",
    ),
    ("upper(status) = 'A'", "CHECK ((upper((status)::text) = 'A'::text))"),
    ("n IN (1, 2) OR flag", "CHECK (((n = ANY (ARRAY[1, 2])) OR flag))"),
    ("CASE WHEN n > 1 THEN flag ELSE true END", "CHECK (\nCASE\n    WHEN (n > 1) THEN flag\n    ELSE true\nEND)"),
    ("CASE n WHEN 1 THEN flag END", "CHECK (\nCASE n\n    WHEN 1 THEN flag\n    ELSE NULL::boolean\nEND)"),
    ("n = ANY (ARRAY[1, 2])", "CHECK ((n = ANY (ARRAY[1, 2])))"),
    ("status || 'x' <> 'y'", "CHECK ((((status)::text || 'x'::text) <> 'y'::text))"),
    ("n::numeric > 1.50", "CHECK (((n)::numeric > 1.50))"),
    ("n::smallint > 2", "CHECK (((n)::smallint > 2))"),
    ("note IS DISTINCT FROM 'a'", "CHECK ((note IS DISTINCT FROM 'a'::text))"),
    ("n % 2 = 0", "CHECK (((n % 2) = 0))"),
    ("-n < 5", "CHECK (((- n) < 5))"),
]


@pytest.mark.parametrize(("condition", "shown"), CHECKS)
def test_checks(client: Client, condition: str, shown: str) -> None:
    client.run(
        "CREATE TABLE t (price numeric(8,2), n int, status varchar(10), note text, flag boolean, day date, "
        f"CONSTRAINT c CHECK ({condition}))"
    )
    assert client.value("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'c'") == shown


@pytest.mark.parametrize(
    ("definition", "shown"),
    [
        ("PRIMARY KEY (a, b)", "PRIMARY KEY (a, b)"),
        ("UNIQUE (a) DEFERRABLE INITIALLY DEFERRED", "UNIQUE (a) DEFERRABLE INITIALLY DEFERRED"),
        ("UNIQUE NULLS NOT DISTINCT (a) INCLUDE (b)", "UNIQUE NULLS NOT DISTINCT (a) INCLUDE (b)"),
        ("FOREIGN KEY (a) REFERENCES p", "FOREIGN KEY (a) REFERENCES p(k)"),
        (
            "FOREIGN KEY (a, b) REFERENCES p (x, y) MATCH FULL ON DELETE SET NULL (b) ON UPDATE CASCADE",
            "FOREIGN KEY (a, b) REFERENCES p(x, y) MATCH FULL ON UPDATE CASCADE ON DELETE SET NULL (b)",
        ),
    ],
)
def test_keys_and_references(client: Client, definition: str, shown: str) -> None:
    client.run("CREATE TABLE p (k int PRIMARY KEY, x int, y int, UNIQUE (x, y))")
    client.run(f"CREATE TABLE t (a int, b int, CONSTRAINT c {definition})")
    assert client.value("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'c'") == shown


@pytest.mark.parametrize(
    ("definition", "shown"),
    [
        ("(a)", "USING btree (a)"),
        ("(a DESC, b NULLS FIRST)", "USING btree (a DESC, b NULLS FIRST)"),
        ("(a DESC NULLS LAST)", "USING btree (a DESC NULLS LAST)"),
        ("(lower(b), (a + 1))", "USING btree (lower(b), ((a + 1)))"),
        ("(a) INCLUDE (b) WHERE a > 5", "USING btree (a) INCLUDE (b) WHERE (a > 5)"),
    ],
)
def test_indexes(client: Client, definition: str, shown: str) -> None:
    client.run(f"CREATE TABLE t (a int, b text); CREATE INDEX i ON t {definition}")
    assert client.value("SELECT pg_get_indexdef('i'::regclass)") == f"CREATE INDEX i ON public.t {shown}"


def test_what_is_shown_can_be_run_again(client: Client) -> None:
    client.run("CREATE TABLE t (price numeric, n int, status varchar(10), note text, flag boolean, day date)")
    for condition, _ in CHECKS:
        texts = [f"CHECK ({condition})"]
        for name in ("first", "second", "third"):
            # A list of constants takes the type of the comparison the second time, in PostgreSQL too; then it stays.
            client.run(f"ALTER TABLE t ADD CONSTRAINT {name} {texts[-1]}")
            query = f"SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = '{name}'"
            texts.append(client.value(query))
        assert texts[2] == texts[3]
        client.run("ALTER TABLE t DROP CONSTRAINT first, DROP CONSTRAINT second, DROP CONSTRAINT third")
