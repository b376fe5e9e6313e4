"""heliosdb_diff, heliosdb_compare_branches and heliosdb_blame: what is different, and whose it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from heliosdb import Config, EmbeddedDatabase, errors
from heliosdb.spi import Retention

Row = tuple[Any, ...]


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory() as opened:
        opened.database.history.retain(Retention())
        opened.execute("CREATE TABLE t (id int PRIMARY KEY, a int, b text)")
        opened.execute("INSERT INTO t VALUES (1, 0, 'x'), (2, 0, 'x'), (3, 0, 'x')")
        opened.execute("CREATE BRANCH dev-1")
        opened.execute("USE BRANCH dev-1")
        opened.execute("UPDATE t SET a = 5, b = NULL WHERE id = 1")
        opened.execute("DELETE FROM t WHERE id = 2")
        opened.execute("INSERT INTO t VALUES (4, 4, 'y')")
        opened.execute("USE BRANCH main")
        yield opened


def rows(db: EmbeddedDatabase, text: str, *parameters: Any) -> list[Row]:
    return [tuple(row) for row in db.query(text, parameters)]


CHANGES = [
    ("1", "update", "a", "0", "5"),
    ("1", "update", "b", "x", None),
    ("2", "delete", "a", "0", None),
    ("2", "delete", "b", "x", None),
    ("2", "delete", "id", "2", None),
    ("4", "insert", "a", None, "4"),
    ("4", "insert", "b", None, "y"),
    ("4", "insert", "id", None, "4"),
]


class TestDiff:
    def test_old_and_new_of_each_column(self, db: EmbeddedDatabase) -> None:
        assert rows(db, "SELECT * FROM heliosdb_diff('t', 'main', 'dev-1') ORDER BY 1, 3") == CHANGES
        back = rows(db, "SELECT key, operation, column_name, new_value, old_value"
                        " FROM heliosdb_diff('t', 'dev-1', 'main') ORDER BY 1, 3")  # fmt: skip
        swapped = {"insert": "delete", "delete": "insert", "update": "update"}
        assert back == [(key, swapped[operation], *rest) for key, operation, *rest in CHANGES]
        assert rows(db, "SELECT * FROM heliosdb_diff('t', 'main', 'main')") == []

    def test_what_only_one_side_has_changed_counts_once(self, db: EmbeddedDatabase) -> None:
        db.execute("UPDATE t SET a = 5, b = NULL WHERE id = 1")
        db.execute("UPDATE t SET a = 9 WHERE id = 3")
        found = rows(db, "SELECT * FROM heliosdb_diff('public.t', 'main', 'dev-1') ORDER BY 1, 3")
        assert found == [*CHANGES[2:5], ("3", "update", "a", "9", "0"), *CHANGES[5:]]

    def test_moments_of_a_branch(self, db: EmbeddedDatabase) -> None:
        first = db.database.history.published
        db.execute("UPDATE t SET a = 1 WHERE id = 1")
        second = db.database.history.published
        db.execute("UPDATE t SET a = 2 WHERE id = 1")
        expected = [("1", "update", "a", "0", "1")]
        assert rows(db, "SELECT * FROM heliosdb_diff('t', $1::int8, $2::int8)", first, second) == expected
        assert rows(db, "SELECT * FROM heliosdb_diff('t', $1, $2)", f"@{first}", f"main@{second}") == expected
        commits = db.database.history.commits
        times = [commits.get(scn).time for scn in (first, second)]  # type: ignore[union-attr]
        stamps = [f"2000-01-01 00:00+00:00'::timestamptz + interval '{time} microseconds" for time in times]
        found = rows(db, f"SELECT * FROM heliosdb_diff('t', '{stamps[0]}', '{stamps[1]}')")
        assert found == expected
        assert rows(db, "SELECT * FROM heliosdb_diff('t', $1, 'main')", f"@{second}") == [
            ("1", "update", "a", "1", "2")
        ]

    def test_tags(self, db: EmbeddedDatabase) -> None:
        db.execute("CREATE TAG v1")
        db.execute("UPDATE t SET a = 1 WHERE id = 1")
        db.execute('CREATE TAG "v2.0"')
        db.execute("UPDATE t SET a = 2 WHERE id = 1")
        expected = [("1", "update", "a", "0", "1")]
        assert rows(db, "SELECT * FROM heliosdb_diff('t', 'v1', 'v2.0')") == expected
        assert rows(db, "SELECT * FROM heliosdb_diff('t', 'v2.0', 'main')") == [("1", "update", "a", "1", "2")]
        assert rows(db, "SELECT * FROM heliosdb_compare_branches('v1', 'v2.0')") == [("t", 0, 1, 0)]
        assert rows(db, "SELECT * FROM heliosdb_diff('t', 'dev-1', 'v1')") == [
            (key, {"insert": "delete", "delete": "insert"}.get(operation, operation), column, new, old)
            for key, operation, column, old, new in rows(db, "SELECT * FROM heliosdb_diff('t', 'v1', 'dev-1')")
        ]

    def test_a_key_that_came_back_is_a_change_of_its_row(self, db: EmbeddedDatabase) -> None:
        first = db.database.history.published
        db.execute("DELETE FROM t WHERE id = 1")
        db.execute("INSERT INTO t VALUES (1, 7, 'x')")
        assert rows(db, "SELECT * FROM heliosdb_diff('t', $1, 'main')", f"@{first}") == [("1", "update", "a", "0", "7")]

    def test_columns_are_those_of_now(self, db: EmbeddedDatabase) -> None:
        first = db.database.history.published
        db.execute("ALTER TABLE t DROP COLUMN b")
        db.execute("ALTER TABLE t ADD COLUMN c int DEFAULT 3")
        db.execute("ALTER TABLE t RENAME COLUMN a TO renamed")
        db.execute("UPDATE t SET renamed = 8 WHERE id = 3")
        found = rows(db, "SELECT * FROM heliosdb_diff('t', $1, 'main') WHERE key = '3' ORDER BY 3", f"@{first}")
        assert found == [("3", "update", "c", None, "3"), ("3", "update", "renamed", "0", "8")]

    def test_a_table_that_is_on_the_other_branch_only(self, db: EmbeddedDatabase) -> None:
        db.execute("USE BRANCH dev-1")
        db.execute('CREATE TABLE "On Dev" (v int)')
        db.execute('INSERT INTO "On Dev" VALUES (7)')
        db.execute("USE BRANCH main")
        found = rows(db, """SELECT * FROM heliosdb_diff('"On Dev"', 'main', 'dev-1')""")
        assert found == [("7", "insert", "v", None, "7")]

    def test_numbers_that_print_otherwise_are_others(self, db: EmbeddedDatabase) -> None:
        db.execute("CREATE TABLE n (id int PRIMARY KEY, v numeric, f float8)")
        db.execute("INSERT INTO n VALUES (1, 1.0, 'NaN')")
        first = db.database.history.published
        db.execute("UPDATE n SET v = 1.00, f = 'NaN'")
        assert rows(db, "SELECT * FROM heliosdb_diff('n', $1, 'main')", f"@{first}") == [
            ("1", "update", "v", "1.0", "1.00")
        ]

    @pytest.mark.parametrize(
        ("arguments", "sqlstate"),
        [
            ("'nothing', 'main', 'dev-1'", "42P01"),
            ("'t', 'main', 'nobody'", "42704"),
            ("'t', 'main@99999', 'main'", "22023"),
            ("'t', 'main@2999-01-01', 'main'", "22023"),
            ("'t', 'main@yesterdayish', 'main'", "22007"),
        ],
    )
    def test_errors(self, db: EmbeddedDatabase, arguments: str, sqlstate: str) -> None:
        with pytest.raises(errors.Error) as caught:
            db.query(f"SELECT * FROM heliosdb_diff({arguments})")
        assert caught.value.sqlstate == sqlstate, caught.value


def test_branches_are_compared_by_table(db: EmbeddedDatabase) -> None:
    db.execute("CREATE TABLE same (x int)")
    db.execute("CREATE TABLE other (x int)")
    db.execute("INSERT INTO other VALUES (1), (2)")
    found = rows(db, "SELECT * FROM heliosdb_compare_branches('main', 'dev-1')")
    assert found == [("other", 0, 0, 2), ("t", 1, 1, 1)]
    compared = db.compare_branches("dev-1")
    assert compared.tables == {"other": (2, 0, 0), "t": (1, 1, 1)}
    assert (compared.tables_modified, compared.total_row_changes) == (["other", "t"], 5)
    db.merge_branch("dev-1")
    assert db.compare_branches("dev-1").tables_modified == ["other"]
    with pytest.raises(errors.InvalidParameterValue):
        db.merge_branch("dev-1", conflict_resolution="'")
    db.merge_branch("main", "dev-1", conflict_resolution="target_wins")
    assert db.compare_branches("dev-1", "main").total_row_changes == 0
    db.merge_branch("dev-1", delete_branch_after=True)
    assert rows(db, "SELECT name FROM heliosdb_branches") == [("main",)]


class TestBlame:
    def test_each_row_is_from_the_commit_that_made_it_so(self, db: EmbeddedDatabase) -> None:
        db.execute("SET application_name = 'the editor'")
        db.execute("USE BRANCH dev-1")
        db.execute("UPDATE t SET a = 6 WHERE id = 3")
        last = db.database.history.published
        text = "SELECT key, branch, application_name, scn FROM heliosdb_blame('t') ORDER BY key"
        found = rows(db, text)
        assert [row[:3] for row in found] == [("1", "dev-1", ""), ("3", "dev-1", "the editor"), ("4", "dev-1", "")]
        assert found[1][3] == last
        commit = db.database.history.commits.get(last)
        assert commit is not None
        time = "(extract(epoch FROM changed_at - '2000-01-01 00:00+00') * 1000000)::int8"
        by = rows(db, f"SELECT transaction_id, session_user, {time} FROM heliosdb_blame('t') WHERE key = '3'")
        assert by == [(commit.transaction_id, commit.author.session_user, commit.time)]
        db.execute("USE BRANCH main")
        inserted = [row for row in rows(db, text) if row[0] == "3"]
        assert inserted[0][1:3] == ("main", "")
        assert inserted[0][3] < last

    def test_what_nobody_knows_any_more_is_null(self) -> None:
        with EmbeddedDatabase(":memory:", config=Config(retention_days=0)) as db:
            db.execute("CREATE TABLE t (id int PRIMARY KEY, a int)")
            for key in range(40):
                db.execute("INSERT INTO t VALUES ($1, 0)", (key,))
            db.execute("VACUUM")
            db.execute("UPDATE t SET a = 1 WHERE id = 7")
            last = db.database.history.published
            found = dict(rows(db, "SELECT key, scn FROM heliosdb_blame('t')"))
            assert found.pop("7") == last
            assert set(found.values()) == {None}
