"""DROP knows what depends on what, and says it as PostgreSQL does."""

from __future__ import annotations

from typing import Any

Client = Any
"""``conftest.Client``; test folders are no packages."""


def test_restrict_names_every_dependent_with_what_it_depends_on(client: Client) -> None:
    client.run(
        "CREATE TABLE t (a int PRIMARY KEY, b int); CREATE TABLE c (t int REFERENCES t); "
        "CREATE VIEW v AS SELECT a FROM t; CREATE VIEW w AS SELECT * FROM v"
    )
    error = client.error("DROP TABLE t")
    assert error.sqlstate == "2BP01"
    assert error.message == "cannot drop table t because other objects depend on it"
    assert error.detail == (
        "constraint c_t_fkey on table c depends on table t\nview v depends on table t\nview w depends on view v"
    )
    assert error.hint == "Use DROP ... CASCADE to drop the dependent objects too."


def test_cascade_tells_what_went(client: Client) -> None:
    client.run(
        "CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE c (t int REFERENCES t); "
        "CREATE VIEW v AS SELECT a FROM t; DROP TABLE t CASCADE"
    )
    assert client.notices() == [
        ("drop cascades to 2 other objects", "drop cascades to constraint c_t_fkey on table c\ndrop cascades to view v")
    ]
    client.run("INSERT INTO c VALUES (99)")
    assert client.error("SELECT * FROM v").sqlstate == "42P01"


def test_tables_that_refer_to_each_other_go_together(client: Client) -> None:
    client.run(
        "CREATE TABLE a (x int PRIMARY KEY); CREATE TABLE b (x int PRIMARY KEY REFERENCES a); "
        "ALTER TABLE a ADD FOREIGN KEY (x) REFERENCES b"
    )
    assert client.error("DROP TABLE a").sqlstate == "2BP01"
    assert client.run("DROP TABLE a, b") == "DROP TABLE"


def test_a_column_takes_its_indexes_and_constraints_along_but_not_views(client: Client) -> None:
    client.run(
        "CREATE TABLE t (a int, b int, c int, UNIQUE (a, b), CHECK (b > c)); "
        "CREATE INDEX i ON t (lower(a::text)); CREATE VIEW v AS SELECT c FROM t"
    )
    client.run("ALTER TABLE t DROP a")
    assert client.rows("SELECT conname FROM pg_constraint WHERE conrelid = 't'::regclass") == [("t_check",)]
    assert client.value("SELECT count(*) FROM pg_indexes WHERE tablename = 't'") == 0
    assert client.error("ALTER TABLE t DROP c").detail == "view v depends on column c of table t"


def test_a_key_that_is_referred_to_stays(client: Client) -> None:
    client.run("CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE c (t int REFERENCES t)")
    assert (
        client.error("ALTER TABLE t DROP CONSTRAINT t_pkey").detail
        == "constraint c_t_fkey on table c depends on index t_pkey"
    )
    assert client.error("DROP INDEX t_pkey").hint == "You can drop constraint t_pkey on table t instead."


def test_a_sequence_in_use_stays_and_an_owned_one_goes(client: Client) -> None:
    client.run("CREATE TABLE t (a serial, b int GENERATED ALWAYS AS IDENTITY)")
    assert (
        client.error("DROP SEQUENCE t_a_seq").detail
        == "default value for column a of table t depends on sequence t_a_seq"
    )
    assert (
        client.error("DROP SEQUENCE t_b_seq").message
        == "cannot drop sequence t_b_seq because column b of table t requires it"
    )
    client.run("DROP SEQUENCE t_a_seq CASCADE; INSERT INTO t (a) VALUES (9)")
    assert client.rows("SELECT * FROM t") == [(9, 1)]
    assert client.error("INSERT INTO t DEFAULT VALUES").sqlstate == "23502"
    client.run("DROP TABLE t")
    assert client.value("SELECT count(*) FROM pg_sequences") == 0


def test_a_schema_goes_with_all_that_is_in_it(client: Client) -> None:
    client.run("CREATE SCHEMA s; CREATE TABLE s.t (a int PRIMARY KEY); CREATE VIEW public.v AS SELECT * FROM s.t")
    assert client.error("DROP SCHEMA s").detail == "table s.t depends on schema s\nview v depends on table s.t"
    client.run("DROP SCHEMA s CASCADE")
    assert client.value("SELECT count(*) FROM pg_class WHERE relname IN ('t', 'v')") == 0
    assert client.error("DROP SCHEMA pg_catalog").sqlstate == "2BP01"


def test_a_chain_of_views_of_any_length_can_be_dropped(client: Client) -> None:
    client.run("CREATE TABLE t (a int); CREATE VIEW v0 AS SELECT a FROM t")
    for number in range(150):
        client.run(
            f"CREATE VIEW v{number + 1} AS SELECT a FROM v{number} WHERE false"
            if number % 50 == 0
            else f"CREATE VIEW v{number + 1} AS SELECT 1 AS a FROM v0"
        )
    client.run("DROP TABLE t CASCADE")
    assert client.value("SELECT count(*) FROM pg_views WHERE schemaname = 'public'") == 0


def test_if_exists_tells_what_is_not_there(client: Client) -> None:
    client.run(
        "DROP TABLE IF EXISTS a, s.b; DROP VIEW IF EXISTS v; DROP SCHEMA IF EXISTS s; "
        "DROP FUNCTION IF EXISTS f(int); DROP TYPE IF EXISTS ty; DROP DATABASE IF EXISTS d"
    )
    assert [message for message, _ in client.notices()] == [
        'table "a" does not exist, skipping',
        'schema "s" does not exist, skipping',
        'view "v" does not exist, skipping',
        'schema "s" does not exist, skipping',
        "function f(integer) does not exist, skipping",
        'type "ty" does not exist, skipping',
        'database "d" does not exist, skipping',
    ]


def test_the_wrong_kind_is_refused_with_the_right_one(client: Client) -> None:
    client.run("CREATE TABLE t (a int PRIMARY KEY); CREATE VIEW v AS SELECT 1 AS a")
    assert client.error("DROP VIEW t").hint == "Use DROP TABLE to remove a table."
    assert client.error("DROP TABLE v").message == '"v" is not a table'
    assert client.error("DROP TABLE t_pkey").hint == "Use DROP INDEX to remove an index."
    assert client.error("DROP TABLE IF EXISTS v").sqlstate == "42809"


def test_what_the_engine_brings_cannot_be_dropped(client: Client) -> None:
    assert client.error("DROP TABLE pg_class").sqlstate == "42501"
    assert client.error("DROP TYPE int4").sqlstate == "2BP01"
    assert client.error("DROP FUNCTION lower(text)").sqlstate == "2BP01"
