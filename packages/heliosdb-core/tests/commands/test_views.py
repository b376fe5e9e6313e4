"""Views mean what they meant when they were made."""

from __future__ import annotations

from typing import Any

Client = Any
"""``conftest.Client``; test folders are no packages."""


def test_columns_added_later_do_not_appear(client: Client) -> None:
    client.run("CREATE TABLE t (a int, b int); INSERT INTO t VALUES (1, 2)")
    client.run("CREATE VIEW v (p, q, r) AS SELECT s.*, t.a FROM t, (SELECT * FROM t) s (x, y)")
    client.run("CREATE VIEW u AS SELECT * FROM t UNION ALL TABLE t")
    client.run("ALTER TABLE t ADD c int DEFAULT 3")
    assert client.rows("SELECT * FROM v") == [(1, 2, 1)]
    assert client.rows("SELECT * FROM u") == [(1, 2), (1, 2)]


def test_a_column_added_later_takes_no_name_away(client: Client) -> None:
    client.run("CREATE TABLE t (a int, b int); CREATE TABLE u (a int, c int)")
    client.run("INSERT INTO t VALUES (1, 2); INSERT INTO u VALUES (1, 3)")
    client.run("CREATE VIEW unqualified AS SELECT b, c FROM t, u; CREATE VIEW common AS SELECT * FROM t NATURAL JOIN u")
    client.run("CREATE VIEW aliased AS SELECT a FROM t; ALTER TABLE t RENAME a TO z")
    client.run("ALTER TABLE t ADD c int DEFAULT 9, ADD a int DEFAULT 8, ADD d int; ALTER TABLE u ADD b int, ADD d int")
    assert client.rows("SELECT * FROM unqualified") == [(2, 3)]
    assert client.rows("SELECT * FROM common") == [(1, 2, 3)]
    assert client.rows("SELECT * FROM aliased") == [(1,)]


def test_a_renamed_column_keeps_its_name_in_the_view(client: Client) -> None:
    client.run("CREATE TABLE t (a int, b int, c int); INSERT INTO t VALUES (1, 2, 3)")
    client.run(
        "CREATE VIEW v AS SELECT b, t.c FROM t WHERE a = 1 ORDER BY b; "
        "CREATE VIEW w AS SELECT x.b FROM t x JOIN t USING (a)"
    )
    client.run("ALTER TABLE t RENAME a TO q; ALTER TABLE t RENAME b TO z; ALTER TABLE t RENAME q TO b")
    assert client.rows("SELECT b, c FROM v") == [(2, 3)]
    assert client.rows("SELECT b FROM w") == [(2,)]


def test_a_column_dropped_before_a_renamed_one_does_not_shift_it(client: Client) -> None:
    client.run("CREATE TABLE t (a int, b int, c int); INSERT INTO t VALUES (1, 2, 3)")
    client.run("CREATE VIEW v AS SELECT c FROM t; ALTER TABLE t RENAME c TO d; ALTER TABLE t DROP a")
    assert client.rows("SELECT c FROM v") == [(3,)]


def test_a_renamed_or_moved_table_is_found_by_its_views(client: Client) -> None:
    client.run(
        "CREATE TABLE t (a int); INSERT INTO t VALUES (1); CREATE VIEW v AS SELECT t.a FROM t; "
        "CREATE VIEW w AS SELECT * FROM v"
    )
    client.run(
        "ALTER TABLE t RENAME TO u; CREATE SCHEMA s; ALTER TABLE u SET SCHEMA s; ALTER VIEW v RENAME TO v2; "
        "CREATE TABLE t (a text)"
    )
    assert client.rows("SELECT * FROM v2") == [(1,)]
    assert client.rows("SELECT * FROM w") == [(1,)]


def test_a_common_table_of_the_same_name_is_not_renamed(client: Client) -> None:
    client.run(
        "CREATE TABLE t (a int); INSERT INTO t VALUES (1); "
        "CREATE VIEW v AS WITH t AS (SELECT a + 1 AS a FROM t) SELECT a FROM t"
    )
    client.run("ALTER TABLE t RENAME TO u")
    assert client.rows("SELECT * FROM v") == [(2,)]


def test_a_view_keeps_the_search_path_of_its_making(client: Client) -> None:
    client.run("CREATE SCHEMA s; CREATE TABLE s.t (a int); INSERT INTO s.t VALUES (5); SET search_path = s")
    client.run("CREATE VIEW public.v AS SELECT a FROM t; SET search_path = public; CREATE TABLE t (a int)")
    assert client.rows("SELECT * FROM v") == [(5,)]


def test_replacing_may_only_add_columns(client: Client) -> None:
    client.run("CREATE VIEW v AS SELECT 1 AS a, 'x'::text AS b")
    client.run("CREATE OR REPLACE VIEW v AS SELECT 2 AS a, 'y'::text AS b, 3 AS c")
    assert client.rows("SELECT * FROM v") == [(2, "y", 3)]
    assert client.error("CREATE OR REPLACE VIEW v AS SELECT 1 AS a").message == "cannot drop columns from view"
    assert (
        "cannot change name of view column"
        in client.error("CREATE OR REPLACE VIEW v AS SELECT 1 AS z, 'y'::text AS b, 3 AS c").message
    )
    assert (
        "cannot change data type of view column"
        in client.error("CREATE OR REPLACE VIEW v AS SELECT 1.5 AS a, 'y'::text AS b, 3 AS c").message
    )


def test_a_view_over_a_temporary_table_is_temporary(client: Client) -> None:
    client.run("CREATE TEMP TABLE t (a int); CREATE VIEW v AS SELECT * FROM t")
    assert client.notices() == [('view "v" will be a temporary view', None)]
    assert client.value("SELECT relpersistence FROM pg_class WHERE relname = 'v'") == "t"


def test_a_recursive_view(client: Client) -> None:
    client.run("CREATE RECURSIVE VIEW n (i) AS VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 4")
    assert client.rows("SELECT i FROM n") == [(1,), (2,), (3,), (4,)]


def test_what_a_view_cannot_be_is_refused(client: Client) -> None:
    client.run("CREATE TABLE t (a int)")
    assert client.error("CREATE VIEW v AS SELECT a, a FROM t").sqlstate == "42701"
    assert client.error("CREATE VIEW v (x, y) AS SELECT a FROM t").sqlstate == "42601"
    assert client.error("CREATE VIEW v AS SELECT a FROM t WHERE a = $1").sqlstate in ("0A000", "42P02")
    assert client.error("CREATE VIEW v AS SELECT DISTINCT a FROM t WITH CHECK OPTION").sqlstate == "0A000"


def test_a_views_definition_is_shown_in_lines(client: Client) -> None:
    client.run(
        "CREATE TABLE t (a int, b text); "
        "CREATE VIEW v (x, b) AS SELECT a + 1, b FROM t WHERE a > 0 GROUP BY a, b ORDER BY b DESC LIMIT 3"
    )
    assert client.value("SELECT definition FROM pg_views WHERE viewname = 'v'") == (
        " SELECT (t.a + 1) AS x,\n    t.b\n   FROM t\n  WHERE (t.a > 0)\n  GROUP BY t.a, t.b\n  ORDER BY "
        "t.b DESC\n LIMIT 3;"
    )
