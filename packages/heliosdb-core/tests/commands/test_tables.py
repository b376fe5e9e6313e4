"""CREATE and ALTER TABLE: what is chosen, what is kept, what rows become."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

Client = Any
"""``conftest.Client``; test folders are no packages."""


def constraint_names(client: Client, table: str) -> list[str]:
    return [
        name
        for (name,) in client.rows(
            f"SELECT conname FROM pg_constraint WHERE conrelid = '{table}'::regclass ORDER BY oid"
        )
    ]


def test_constraints_are_named_as_postgresql_names_them(client: Client) -> None:
    client.run("CREATE TABLE p (a int PRIMARY KEY)")
    client.run(
        "CREATE TABLE t (a int PRIMARY KEY, b int UNIQUE CHECK (b > 0), c int REFERENCES p, d int, "
        "UNIQUE (b, c), CHECK (a < b), CHECK (b > 1), FOREIGN KEY (a) REFERENCES p)"
    )
    assert constraint_names(client, "t") == [
        "t_pkey", "t_b_key", "t_b_c_key", "t_b_check", "t_check", "t_b_check1", "t_c_fkey", "t_a_fkey",
    ]  # fmt: skip


def test_long_names_are_cut_to_63_bytes_and_stay_apart(client: Client) -> None:
    table, column = "t" * 60, "ü" * 30
    client.run(f'CREATE TABLE {table} ("{column}" int UNIQUE, "{column}2" int UNIQUE)')
    names = constraint_names(client, table)
    assert len(set(names)) == 2
    assert all(len(name.encode()) <= 63 for name in names)
    assert all(name.endswith(("_key", "_key1")) for name in names)


def test_an_unnamed_unique_constraint_on_the_primary_key_is_left_out(client: Client) -> None:
    client.run("CREATE TABLE t (a int PRIMARY KEY UNIQUE, b int UNIQUE, UNIQUE (b))")
    assert constraint_names(client, "t") == ["t_pkey", "t_b_key"]


def test_a_failed_create_leaves_nothing(client: Client) -> None:
    client.error("CREATE TABLE t (a serial, b int REFERENCES nowhere)")
    assert client.value("SELECT count(*) FROM pg_class WHERE relname LIKE 't%' AND relnamespace = 2200") == 0
    client.run("CREATE TABLE t (a serial)")


def test_definitions_are_undone_with_their_transaction(client: Client) -> None:
    client.run("CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)")
    client.run("BEGIN; ALTER TABLE t ADD b int DEFAULT 5; CREATE INDEX i ON t (b); DROP TABLE t; ROLLBACK")
    assert client.rows("SELECT * FROM t WHERE a = 1") == [(1,)]
    assert client.error("INSERT INTO t VALUES (1)").sqlstate == "23505"


def test_a_savepoint_takes_back_definitions_made_after_it(client: Client) -> None:
    client.run(
        "BEGIN; CREATE TABLE a (x int); SAVEPOINT s; CREATE TABLE b (x int); ALTER TABLE a ADD y int; "
        "ROLLBACK TO s; COMMIT"
    )
    assert client.rows("SELECT relname, relnatts FROM pg_class WHERE relname IN ('a', 'b')") == [("a", 1)]


def test_rows_get_the_default_of_a_new_column(client: Client) -> None:
    client.run(
        "CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2); "
        "ALTER TABLE t ADD b numeric(5,2) NOT NULL DEFAULT 1.5, ADD c serial, ADD d int GENERATED "
        "ALWAYS AS (a * 10) STORED, ADD e int GENERATED ALWAYS AS IDENTITY"
    )
    assert client.rows("SELECT * FROM t ORDER BY a") == [(1, Decimal("1.50"), 1, 10, 1), (2, Decimal("1.50"), 2, 20, 2)]
    client.run("INSERT INTO t (a) VALUES (3)")
    assert client.rows("SELECT * FROM t WHERE a = 3") == [(3, Decimal("1.50"), 3, 30, 3)]


def test_a_default_of_a_new_column_is_computed_at_once(client: Client) -> None:
    client.run("CREATE TABLE t (a int)")
    assert client.error("ALTER TABLE t ADD b int DEFAULT 1 / 0").sqlstate == "22012"
    client.run("CREATE TABLE u (a int DEFAULT 1 / 0)")
    assert client.error("INSERT INTO u DEFAULT VALUES").sqlstate == "22012"


def test_checks_of_the_same_statement_see_the_new_column(client: Client) -> None:
    client.run("CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
    assert client.error("ALTER TABLE t ADD b int DEFAULT 3, ADD CHECK (b > 3)").sqlstate == "23514"
    client.run("ALTER TABLE t ADD b int DEFAULT 4, ADD CHECK (b > 3)")
    assert client.rows("SELECT * FROM t") == [(1, 4)]


def test_a_changed_type_converts_rows_and_keeps_indexes_working(client: Client) -> None:
    client.run(
        "CREATE TABLE t (a text PRIMARY KEY, b text); CREATE INDEX i ON t (b, a); "
        "INSERT INTO t SELECT g::text, g::text FROM generate_series(1, 200) g"
    )
    client.run("UPDATE t SET b = '7' WHERE a = '8'")
    client.run("ALTER TABLE t ALTER a TYPE int USING a::int + 1000, ALTER b TYPE int USING b::int")
    assert client.error("ALTER TABLE t ALTER a TYPE date").sqlstate == "42804"
    assert client.rows("SELECT a, b FROM t WHERE a = 1007") == [(1007, 7)]
    assert client.rows("SELECT a FROM t WHERE b = 7 ORDER BY a") == [(1007,), (1008,)]
    assert client.rows("SELECT a FROM t WHERE b BETWEEN 198 AND 300 ORDER BY b") == [(1198,), (1199,), (1200,)]
    assert client.error("INSERT INTO t VALUES (1007, 1)").sqlstate == "23505"


def test_the_type_of_a_key_that_refers_to_itself_can_change(client: Client) -> None:
    client.run("CREATE TABLE t (a int PRIMARY KEY, b int REFERENCES t); INSERT INTO t VALUES (1, NULL), (2, 1)")
    client.run("ALTER TABLE t ALTER a TYPE bigint, ALTER b TYPE bigint")
    assert client.error("INSERT INTO t VALUES (3, 4)").sqlstate == "23503"
    assert client.error("DELETE FROM t WHERE a = 1").sqlstate == "23503"
    client.run("INSERT INTO t VALUES (3, 2)")


def test_an_index_can_be_made_over_rows_older_than_its_column(client: Client) -> None:
    client.run("CREATE TABLE t (a int); INSERT INTO t SELECT * FROM generate_series(1, 50); UPDATE t SET a = a + 1")
    client.run(
        "ALTER TABLE t ADD b text DEFAULT 'x'; CREATE INDEX i ON t (b); "
        "ALTER TABLE t ALTER b DROP DEFAULT, ALTER b TYPE int USING length(b)"
    )
    client.run("CREATE INDEX i2 ON t (b DESC, a)")
    assert client.value("SELECT count(*) FROM t WHERE b = 1") == 50


def test_a_dropped_column_leaves_the_others_where_they_are(client: Client) -> None:
    client.run("CREATE TABLE t (a int, b int, c int); INSERT INTO t VALUES (1, 2, 3)")
    client.run("ALTER TABLE t DROP b, ADD d int DEFAULT 4; INSERT INTO t VALUES (5, 6, 7)")
    assert client.rows("SELECT * FROM t ORDER BY a") == [(1, 3, 4), (5, 6, 7)]
    client.run("ALTER TABLE t ADD b text")
    assert client.rows("SELECT a, b FROM t ORDER BY a") == [(1, None), (5, None)]


def test_renaming_a_column_renames_it_in_its_tables_expressions(client: Client) -> None:
    client.run(
        "CREATE TABLE t (a int CHECK (a > 0), b int GENERATED ALWAYS AS (a * 2) STORED); "
        'CREATE INDEX i ON t ((a + 1)) WHERE a < 100; ALTER TABLE t RENAME a TO "New Name"; INSERT INTO t VALUES (3)'
    )
    assert client.rows("SELECT * FROM t") == [(3, 6)]
    assert client.error("INSERT INTO t VALUES (-1)").sqlstate == "23514"
    assert (
        client.value("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 't_a_check'")
        == 'CHECK (("New Name" > 0))'
    )
    assert client.value("SELECT indexdef FROM pg_indexes WHERE indexname = 'i'") == (
        'CREATE INDEX i ON public.t USING btree ((("New Name" + 1))) WHERE ("New Name" < 100)'
    )


def test_like_copies_what_it_is_asked_to(client: Client) -> None:
    client.run(
        "CREATE TABLE t (a int PRIMARY KEY, b text DEFAULT 'x' CHECK (b <> ''), c int GENERATED ALWAYS AS "
        "(a + 1) STORED); "
        "CREATE INDEX ON t (lower(b)); COMMENT ON COLUMN t.b IS 'about b'; "
        "CREATE TABLE plain (LIKE t); CREATE TABLE full_copy (LIKE t INCLUDING ALL, d int)"
    )
    client.run("INSERT INTO full_copy (a) VALUES (1); INSERT INTO plain VALUES (1, NULL, 3), (1, '', 3)")
    assert client.rows("SELECT * FROM full_copy") == [(1, "x", 2, None)]
    assert client.error("INSERT INTO full_copy (a, b) VALUES (2, '')").constraint == "t_b_check"
    assert client.rows("SELECT indexname FROM pg_indexes WHERE tablename = 'full_copy' ORDER BY 1") == [
        ("full_copy_lower_idx",), ("full_copy_pkey",),
    ]  # fmt: skip
    assert client.value("SELECT col_description('full_copy'::regclass, 2)") == "about b"


def test_columns_may_be_called_like_keywords(client: Client) -> None:
    client.run(
        "CREATE TABLE t (timestamp int, value int, date date, rank int, count int, hour int, name text, "
        "type text, user_id int)"
    )
    client.run(
        "INSERT INTO t (timestamp, value, count, hour) VALUES (1, 2, 3, 4); CREATE INDEX ON t (timestamp DESC, value)"
    )
    assert client.rows(
        "SELECT timestamp, value, count, t.hour AS current FROM t WHERE rank IS NULL ORDER BY timestamp"
    ) == [(1, 2, 3, 4)]


def test_hostile_names_are_names(client: Client) -> None:
    name = "'); DROP TABLE x; -- \"".replace('"', '""')
    client.run(f'CREATE TABLE "{name}" ("{name}" int DEFAULT 1 CHECK ("{name}" > 0) UNIQUE)')
    client.run(
        f'CREATE INDEX ON "{name}" ("{name}") WHERE "{name}" > 5; '
        f'ALTER TABLE "{name}" RENAME "{name}" TO "__import__(\'os\')"'
    )
    client.run(f'CREATE VIEW v AS SELECT * FROM "{name}"; INSERT INTO "{name}" DEFAULT VALUES')
    assert client.rows("SELECT * FROM v") == [(1,)]


def test_temporary_tables_hide_others_and_go_with_their_session(client: Client, new_client: object) -> None:
    client.run(
        "CREATE TABLE t (a int); INSERT INTO t VALUES (1); CREATE TEMP TABLE t (b text); INSERT INTO t VALUES ('mine')"
    )
    other = new_client()  # type: ignore[operator]
    assert client.rows("SELECT * FROM t") == [("mine",)]
    assert client.rows("SELECT * FROM public.t") == other.rows("SELECT * FROM t") == [(1,)]
    assert other.value("SELECT count(*) FROM pg_class WHERE relname = 't'") == 2
    client.session.close()
    assert other.value("SELECT count(*) FROM pg_class WHERE relname = 't'") == 1


def test_three_hundred_tables_take_little_time(client: Client) -> None:
    start = time.process_time()
    for number in range(300):
        client.run(
            f"CREATE TABLE t{number} (id int PRIMARY KEY, name varchar(50) NOT NULL, price numeric(10,2) "
            f"DEFAULT 0 CHECK (price >= 0), "
            f"at timestamp DEFAULT CURRENT_TIMESTAMP)"
        )
    assert time.process_time() - start < 3
    assert client.value("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 300
