"""MERGE BRANCH: what one branch did since the base is done on another, whole or not at all."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from heliosdb import EmbeddedDatabase, connect, errors
from heliosdb.database import Database
from heliosdb.spi import Retention
from heliosdb.verify import verify
from heliosdb_testkit import FaultyVolume, PowerLoss

from .conftest import on

Row = tuple[Any, ...]


def rows(db: EmbeddedDatabase, branch: str = "main", text: str = "TABLE t ORDER BY 1") -> list[Row]:
    db.execute(f'USE BRANCH "{branch}"')
    try:
        return [tuple(row) for row in db.query(text)]
    finally:
        db.execute("USE BRANCH main")


def merge(db: EmbeddedDatabase, source: str = "x", target: str = "main", options: str = "") -> None:
    db.execute(f'MERGE BRANCH "{source}" INTO "{target}" {options}')


def refuses(db: EmbeddedDatabase, sqlstate: str, *arguments: str) -> errors.Error:
    """A merge is refused, and nothing has changed."""
    before = rows(db), rows(db, "x"), db.database.history.published
    with pytest.raises(errors.Error) as caught:
        merge(db, *arguments)
    assert caught.value.sqlstate == sqlstate, caught.value
    assert (rows(db), rows(db, "x"), db.database.history.published) == before
    return caught.value


def indexes_agree(db: EmbeddedDatabase) -> None:
    """Every index holds what its table has, and every constraint holds."""
    assert verify(db.database).problems == ()


class TestRows:
    def test_changes_of_both_sides_are_there(self, db: EmbeddedDatabase) -> None:
        on(db, "x", "UPDATE t SET a = 1 WHERE id = 1", "DELETE FROM t WHERE id = 2", "INSERT INTO t VALUES (4, 4, 4)")
        on(
            db,
            "main",
            "UPDATE t SET b = 2 WHERE id = 1",
            "INSERT INTO t VALUES (5, 5, 5)",
            "DELETE FROM t WHERE id = 3",
        )
        merge(db)
        assert rows(db) == [(1, 1, 2), (4, 4, 4), (5, 5, 5)]
        assert rows(db, "x") == [(1, 1, 0), (3, 0, 0), (4, 4, 4)]

    def test_the_same_done_on_both_sides_is_no_conflict(self, db: EmbeddedDatabase) -> None:
        for branch in ("x", "main"):
            on(
                db,
                branch,
                "UPDATE t SET a = 1 WHERE id = 1",
                "DELETE FROM t WHERE id = 2",
                "INSERT INTO t VALUES (4, 4, 4)",
            )
        merge(db)
        assert rows(db) == [(1, 1, 0), (3, 0, 0), (4, 4, 4)]

    def test_a_key_that_changed_is_a_row_that_went_and_one_that_came(self, db: EmbeddedDatabase) -> None:
        on(db, "x", "UPDATE t SET id = 10 WHERE id = 1")
        on(db, "main", "UPDATE t SET a = 5 WHERE id = 2")
        merge(db)
        assert rows(db) == [(2, 5, 0), (3, 0, 0), (10, 0, 0)]
        assert rows(db, text="SELECT a FROM t WHERE id = 10") == [(0,)]

    def test_one_row_given_another_key_by_each_side_becomes_two(self, db: EmbeddedDatabase) -> None:
        on(db, "x", "UPDATE t SET id = 10 WHERE id = 1")
        on(db, "main", "UPDATE t SET id = 20 WHERE id = 1")
        merge(db)
        assert rows(db) == [(2, 0, 0), (3, 0, 0), (10, 0, 0), (20, 0, 0)]
        on(db, "x", "UPDATE t SET a = 1 WHERE id = 10")
        merge(db)
        assert rows(db, text="SELECT a FROM t WHERE id IN (10, 20) ORDER BY id") == [(1,), (0,)]

    @pytest.mark.parametrize(
        ("theirs", "ours", "kind", "source_wins", "target_wins"),
        [
            (
                "UPDATE t SET a = 1 WHERE id = 1",
                "UPDATE t SET a = 2, b = 3 WHERE id = 1",
                "changed twice",
                (1, 1, 3),
                (1, 2, 3),
            ),
            ("DELETE FROM t WHERE id = 1", "UPDATE t SET a = 2 WHERE id = 1", "deleted and changed", None, (1, 2, 0)),
            ("UPDATE t SET a = 1 WHERE id = 1", "DELETE FROM t WHERE id = 1", "changed and deleted", (1, 1, 0), None),
            (
                "UPDATE t SET id = 1, a = 9 WHERE id = 2",
                "INSERT INTO t VALUES (1, 8, 0)",
                "inserted twice",
                (1, 9, 0),
                (1, 8, 0),
            ),
        ],
    )
    def test_conflicts_are_listed_and_one_side_may_win(
        self, db: EmbeddedDatabase, theirs: str, ours: str, kind: str, source_wins: Row | None, target_wins: Row | None
    ) -> None:
        if kind == "inserted twice":
            for branch in ("main", "x"):
                on(db, branch, "DELETE FROM t WHERE id = 1")
            merge(db)
        on(db, "x", theirs)
        on(db, "main", ours)
        error = refuses(db, "40001")
        assert error.detail is not None
        assert f"t (1): {kind}" in error.detail
        found = db.query("SELECT table_name, key, kind FROM heliosdb_merge_conflicts('x', 'main')")
        assert {tuple(row) for row in found} == {("t", "1", kind)}
        db.execute("CREATE BRANCH other")
        merge(db, "x", "other", "WITH (conflict_resolution = 'branch_wins')")
        assert [row for row in rows(db, "other") if row[0] == 1] == ([] if source_wins is None else [source_wins])
        merge(db, "x", "main", "WITH (conflict_resolution = 'target_wins')")
        assert [row for row in rows(db) if row[0] == 1] == ([] if target_wins is None else [target_wins])
        decided = rows(db)
        merge(db)
        assert rows(db) == decided, "what has been decided is not asked again"

    @pytest.mark.parametrize("wins", ["branch_wins", "target_wins"])
    def test_the_side_that_wins_wins_in_what_is_in_conflict_alone(self, db: EmbeddedDatabase, wins: str) -> None:
        on(
            db,
            "x",
            "UPDATE t SET a = 1, b = 1 WHERE id = 1",
            "DELETE FROM t WHERE id = 2",
            "UPDATE t SET a = 1 WHERE id = 3",
        )
        on(
            db,
            "main",
            "UPDATE t SET a = 2 WHERE id = 1",
            "UPDATE t SET a = 2 WHERE id = 2",
            "DELETE FROM t WHERE id = 3",
        )
        merge(db, "x", "main", f"WITH (conflict_resolution = '{wins}')")
        assert rows(db) == ([(1, 1, 1), (3, 1, 0)] if wins == "branch_wins" else [(1, 2, 1), (2, 2, 0)])
        indexes_agree(db)

    def test_values_in_conflict_are_shown(self, db: EmbeddedDatabase) -> None:
        on(db, "x", "UPDATE t SET a = 1, b = 5 WHERE id = 1")
        on(db, "main", "UPDATE t SET a = NULL, b = 5 WHERE id = 1")
        text = "SELECT * FROM heliosdb_merge_conflicts('x', 'main')"
        assert [tuple(row) for row in db.query(text)] == [("t", "1", "changed twice", "a", "0", "1", None)]

    def test_what_only_looks_equal_is_a_change(self, db: EmbeddedDatabase) -> None:
        db.execute("CREATE TABLE n (id int PRIMARY KEY, v numeric)")
        db.execute("INSERT INTO n VALUES (1, 1.0)")
        db.execute("CREATE BRANCH y")
        on(db, "y", "UPDATE n SET v = 1.00")
        merge(db, "y")
        assert str(db.query("SELECT v FROM n")[0][0]) == "1.00"

    def test_rows_without_a_key_are_told_apart_by_where_they_come_from(self, db: EmbeddedDatabase) -> None:
        db.execute("CREATE TABLE k (v int, w int)")
        db.execute("INSERT INTO k VALUES (1, 0), (1, 0), (2, 0)")
        db.execute("CREATE BRANCH y")
        on(db, "y", "INSERT INTO k VALUES (3, 0)", "UPDATE k SET v = 20 WHERE v = 2")
        on(db, "main", "INSERT INTO k VALUES (3, 0)", "UPDATE k SET w = 9 WHERE v = 2")
        merge(db, "y")
        assert rows(db, text="TABLE k ORDER BY 1, 2") == [(1, 0), (1, 0), (3, 0), (3, 0), (20, 9)]
        on(db, "y", "DELETE FROM k WHERE v = 3", "UPDATE k SET w = 1 WHERE v = 20")
        with pytest.raises(errors.SerializationFailure):
            merge(db, "y")
        merge(db, "y", "main", "WITH (conflict_resolution = 'branch_wins')")
        assert rows(db, text="TABLE k ORDER BY 1, 2") == [(1, 0), (1, 0), (3, 0), (20, 1)]


class TestBases:
    def test_a_second_merge_starts_from_the_first(self, db: EmbeddedDatabase) -> None:
        on(db, "x", "UPDATE t SET a = 1 WHERE id = 1", "INSERT INTO t VALUES (4, 0, 0)")
        merge(db)
        on(db, "main", "UPDATE t SET a = 5 WHERE id = 1", "DELETE FROM t WHERE id = 4")
        on(db, "x", "UPDATE t SET b = 2 WHERE id = 1")
        merge(db)
        assert rows(db) == [(1, 5, 2), (2, 0, 0), (3, 0, 0)]
        merge(db)
        assert rows(db) == [(1, 5, 2), (2, 0, 0), (3, 0, 0)]

    def test_what_the_source_has_not_seen_is_not_overwritten(self, db: EmbeddedDatabase) -> None:
        on(db, "main", "UPDATE t SET a = 5 WHERE id = 1")
        merge(db)
        on(db, "x", "UPDATE t SET a = 1 WHERE id = 1")
        refuses(db, "40001")

    def test_merging_back_brings_what_the_branch_lacks(self, db: EmbeddedDatabase) -> None:
        on(db, "x", "UPDATE t SET a = 1 WHERE id = 1", "INSERT INTO t VALUES (4, 0, 0)")
        on(db, "main", "UPDATE t SET a = 7 WHERE id = 2")
        merge(db)
        on(db, "x", "UPDATE t SET b = 3 WHERE id = 4")
        merge(db, "main", "x")
        assert rows(db, "x") == [(1, 1, 0), (2, 7, 0), (3, 0, 0), (4, 0, 3)]
        on(db, "main", "UPDATE t SET a = 6 WHERE id = 4")
        merge(db, "main", "x")
        merge(db, "x", "main")
        assert rows(db) == rows(db, "x") == [(1, 1, 0), (2, 7, 0), (3, 0, 0), (4, 6, 3)]

    def test_siblings_meet_where_they_parted(self, db: EmbeddedDatabase) -> None:
        db.execute("CREATE BRANCH y")
        on(db, "x", "UPDATE t SET a = 1 WHERE id = 1", "CREATE BRANCH z")
        on(db, "y", "UPDATE t SET b = 1 WHERE id = 1")
        on(db, "z", "DELETE FROM t WHERE id = 3")
        merge(db, "z", "y")
        assert rows(db, "y") == [(1, 1, 1), (2, 0, 0)]
        merge(db, "x", "y")
        merge(db, "y", "main")
        assert rows(db) == [(1, 1, 1), (2, 0, 0)]
        db.execute("DROP BRANCH x")
        merge(db, "z", "main")
        assert rows(db) == [(1, 1, 1), (2, 0, 0)]

    def test_a_branch_of_the_time_before_a_merge_does_not_know_of_it(self, db: EmbeddedDatabase) -> None:
        on(db, "x", "UPDATE t SET a = 1 WHERE id = 1")
        before = db.database.history.pin("before")
        merge(db)
        db.execute(f"CREATE BRANCH early AS OF SCN {before}")
        merge(db, "x", "early")
        assert rows(db, "early") == [(1, 1, 0), (2, 0, 0), (3, 0, 0)]

    def test_crosswise_merges_are_refused_where_it_matters(self, db: EmbeddedDatabase) -> None:
        db.database.history.retain(Retention())
        on(db, "x", "UPDATE t SET a = 1 WHERE id = 1")
        on(db, "main", "UPDATE t SET a = 2 WHERE id = 1")
        db.execute("CREATE BRANCH x-then FROM x")
        merge(db, "main", "x", "WITH (conflict_resolution = 'target_wins')")
        merge(db, "x-then", "main", "WITH (conflict_resolution = 'target_wins')")
        assert (rows(db, "x")[0], rows(db)[0]) == ((1, 1, 0), (1, 2, 0))
        on(db, "x", "INSERT INTO t VALUES (4, 0, 0)")
        error = refuses(db, "55000")
        assert "crosswise" in error.message

    def test_crosswise_merges_that_come_to_the_same_are_merged(self, db: EmbeddedDatabase) -> None:
        on(db, "x", "UPDATE t SET a = 1 WHERE id = 1")
        on(db, "main", "UPDATE t SET a = 2 WHERE id = 2")
        db.execute("CREATE BRANCH x-then FROM x")
        merge(db, "main", "x")
        merge(db, "x-then", "main")
        on(db, "x", "INSERT INTO t VALUES (4, 0, 0)")
        merge(db)
        assert rows(db) == [(1, 1, 0), (2, 2, 0), (3, 0, 0), (4, 0, 0)]

    def test_bases_outlive_the_process(self, tmp_path: Path) -> None:
        path = str(tmp_path / "db.helio")
        with EmbeddedDatabase(path) as db:
            db.execute("CREATE TABLE t (id int PRIMARY KEY, a int, b int)")
            db.execute("INSERT INTO t VALUES (1, 0, 0)")
            db.execute("CREATE BRANCH x")
            on(db, "x", "UPDATE t SET a = 1")
            merge(db)
            on(db, "main", "UPDATE t SET a = 2")
        with EmbeddedDatabase(path) as db:
            on(db, "x", "UPDATE t SET b = 1")
            db.execute("VACUUM")
            merge(db)
            assert rows(db) == [(1, 2, 1)]
            db.execute("DROP BRANCH x")
            assert db.database.history.pins() == {}
            indexes_agree(db)


class TestConstraints:
    def test_unique_keys_are_those_of_the_merged_table(self, db: EmbeddedDatabase) -> None:
        on(db, "main", "CREATE TABLE u (id int PRIMARY KEY, k int UNIQUE)", "INSERT INTO u VALUES (1, 10), (2, 20)")
        db.execute("CREATE BRANCH y")
        on(db, "y", "UPDATE u SET k = NULL", "UPDATE u SET k = 20 WHERE id = 1", "UPDATE u SET k = 10 WHERE id = 2")
        merge(db, "y")
        assert rows(db, text="TABLE u ORDER BY id") == [(1, 20), (2, 10)]
        assert rows(db, text="SELECT id FROM u WHERE k = 10") == [(2,)]
        on(db, "y", "INSERT INTO u VALUES (3, 30)")
        on(db, "main", "INSERT INTO u VALUES (4, 30)")
        assert "Key (k)=(30)" in str(refuses(db, "23505", "y").detail)

    def test_foreign_keys_are_looked_at_and_do_not_act(self, db: EmbeddedDatabase) -> None:
        db.execute("CREATE TABLE c (id int PRIMARY KEY, t int REFERENCES t ON DELETE CASCADE)")
        db.execute("INSERT INTO c VALUES (10, 1)")
        db.execute("CREATE BRANCH y")
        on(db, "y", "DELETE FROM t WHERE id = 1")
        on(db, "main", "INSERT INTO c VALUES (11, 1)")
        refuses(db, "23503", "y")
        on(db, "main", "DELETE FROM c WHERE id = 11")
        merge(db, "y")
        assert rows(db, text="TABLE c") == []
        on(db, "y", "INSERT INTO c VALUES (12, 2)")
        on(db, "main", "DELETE FROM t WHERE id = 2")
        refuses(db, "23503", "y")

    def test_checks_hold_for_rows_put_together(self, db: EmbeddedDatabase) -> None:
        generated = "d int GENERATED ALWAYS AS (high - low) STORED"
        db.execute(f"CREATE TABLE r (id int PRIMARY KEY, low int, high int, {generated}, CHECK (low <= high))")
        db.execute("INSERT INTO r VALUES (1, 1, 10), (2, 1, 10)")
        db.execute("CREATE BRANCH y")
        on(db, "y", "UPDATE r SET low = 9 WHERE id = 1")
        on(db, "main", "UPDATE r SET high = 5 WHERE id = 1")
        refuses(db, "23514", "y")
        on(db, "main", "UPDATE r SET high = 20 WHERE id = 1")
        merge(db, "y")
        assert rows(db, text="TABLE r ORDER BY id") == [(1, 9, 20, 11), (2, 1, 10, 9)]

    def test_serial_keys_made_on_two_branches_do_not_collide(self, db: EmbeddedDatabase) -> None:
        db.execute("CREATE TABLE s (id serial PRIMARY KEY, v text)")
        db.execute("CREATE BRANCH y")
        for turn in range(3):
            on(db, "y", f"INSERT INTO s (v) VALUES ('y{turn}')")
            on(db, "main", f"INSERT INTO s (v) VALUES ('m{turn}')")
        merge(db, "y")
        assert rows(db, text="TABLE s ORDER BY id") == [
            (1, "y0"), (2, "m0"), (3, "y1"), (4, "m1"), (5, "y2"), (6, "m2"),
        ]  # fmt: skip


class TestDefinitions:
    def test_what_only_the_source_changed_is_taken(self, db: EmbeddedDatabase) -> None:
        on(
            db,
            "x",
            "ALTER TABLE t ADD COLUMN c text DEFAULT 'new'",
            "ALTER TABLE t RENAME COLUMN a TO first",
            "ALTER TABLE t DROP COLUMN b",
            "CREATE INDEX t_c ON t (c)",
            "CREATE TABLE fresh (id serial PRIMARY KEY, t int REFERENCES t)",
            "INSERT INTO fresh (t) VALUES (1), (2)",
            "CREATE VIEW v AS SELECT first FROM t",
            "UPDATE t SET c = 'changed' WHERE id = 1",
        )
        on(db, "main", "INSERT INTO t VALUES (4, 4, 4)", "UPDATE t SET a = 3 WHERE id = 3")
        merge(db)
        assert rows(db) == [(1, 0, "changed"), (2, 0, "new"), (3, 3, "new"), (4, 4, "new")]
        assert rows(db, text="SELECT id FROM t WHERE c = 'new' ORDER BY id") == [(2,), (3,), (4,)]
        assert rows(db, text="TABLE fresh") == [(1, 1), (2, 2)]
        assert rows(db, text="SELECT count(*), sum(first) FROM v") == [(4, 7)]
        with pytest.raises(errors.ForeignKeyViolation):
            db.execute("INSERT INTO fresh (t) VALUES (99)")
        db.execute("INSERT INTO fresh (t) VALUES (4)")
        assert rows(db, text="SELECT max(id) FROM fresh")[0][0] >= 3
        indexes_agree(db)
        before = rows(db)
        merge(db)
        assert rows(db) == before

    def test_changes_of_both_to_one_table_are_put_together(self, db: EmbeddedDatabase) -> None:
        on(db, "x", "ALTER TABLE t ALTER COLUMN a SET DEFAULT 5", "CREATE INDEX t_a ON t (a)")
        on(
            db,
            "main",
            "ALTER TABLE t RENAME COLUMN a TO z",
            "ALTER TABLE t ADD CHECK (b < 100)",
            "INSERT INTO t (id) VALUES (4)",
        )
        merge(db)
        db.execute("INSERT INTO t (id) VALUES (5)")
        assert rows(db, text="SELECT id, z FROM t WHERE id > 3 ORDER BY id") == [(4, None), (5, 5)]
        assert rows(db, text="SELECT indexname FROM pg_indexes WHERE tablename = 't' ORDER BY 1") == [
            ("t_a",),
            ("t_pkey",),
        ]
        indexes_agree(db)

    def test_both_may_have_got_columns(self, db: EmbeddedDatabase) -> None:
        theirs = ["ALTER TABLE t ADD COLUMN p int DEFAULT 1", "UPDATE t SET p = 5, a = 5 WHERE id = 1"]
        ours = ["ALTER TABLE t ADD COLUMN q int DEFAULT 2", "ALTER TABLE t ADD COLUMN r int"]
        on(db, "x", *theirs, "INSERT INTO t (id) VALUES (10)")
        on(db, "main", *ours, "DELETE FROM t WHERE id = 2", "UPDATE t SET q = 7, b = 7 WHERE id = 1")
        on(db, "main", "INSERT INTO t (id) VALUES (11)")
        merge(db)
        text = "SELECT id, a, b, p, q, r FROM t ORDER BY id"
        expected = [
            (1, 5, 7, 5, 7, None),
            (3, 0, 0, 1, 2, None),
            (10, None, None, 1, 2, None),
            (11, None, None, 1, 2, None),
        ]
        assert rows(db, text=text) == expected
        on(db, "x", "ALTER TABLE t DROP COLUMN p", "ALTER TABLE t ADD COLUMN s text")
        on(db, "main", "UPDATE t SET q = 8 WHERE id = 10")
        merge(db, "main", "x")
        assert rows(db, "x", "SELECT id, q, s FROM t ORDER BY id") == [
            (1, 7, None),
            (3, 2, None),
            (10, 8, None),
            (11, 2, None),
        ]
        merge(db, "x", "main")
        assert rows(db, text="SELECT * FROM t ORDER BY id") == rows(db, "x", "SELECT * FROM t ORDER BY id")
        indexes_agree(db)

    def test_a_column_that_came_and_went_leaves_nothing(self, db: EmbeddedDatabase) -> None:
        on(db, "x", "ALTER TABLE t ADD COLUMN c int", "ALTER TABLE t DROP COLUMN c", "CREATE INDEX t_a ON t (a)")
        on(db, "x", "UPDATE t SET a = 1 WHERE id = 1")
        merge(db)
        db.execute("UPDATE t SET b = 2 WHERE id > 1")
        assert rows(db) == [(1, 1, 0), (2, 0, 2), (3, 0, 2)]
        on(db, "x", "ALTER TABLE t ADD COLUMN d int DEFAULT 4")
        merge(db)
        assert rows(db) == [(1, 1, 0, 4), (2, 0, 2, 4), (3, 0, 2, 4)]

    def test_rows_that_a_new_constraint_of_the_source_refuses_are_refused(self, db: EmbeddedDatabase) -> None:
        on(db, "x", "ALTER TABLE t ADD CHECK (a < 5)")
        on(db, "main", "INSERT INTO t VALUES (9, 9, 9)")
        refuses(db, "23514")
        on(db, "main", "DELETE FROM t WHERE id = 9")
        merge(db)
        with pytest.raises(errors.CheckViolation):
            db.execute("INSERT INTO t VALUES (9, 9, 9)")

    def test_a_unique_index_of_the_source_is_over_rows_of_the_target(self, db: EmbeddedDatabase) -> None:
        on(db, "x", "UPDATE t SET a = id", "CREATE UNIQUE INDEX ua ON t (a)")
        on(db, "main", "INSERT INTO t VALUES (9, 1, 9)")
        refuses(db, "23505")

    def test_dropped_tables(self, db: EmbeddedDatabase) -> None:
        on(db, "main", "CREATE TABLE old (id int PRIMARY KEY)", "CREATE BRANCH y")
        on(db, "y", "DROP TABLE old")
        on(db, "main", "INSERT INTO old VALUES (1)")
        error = refuses(db, "40001", "y")
        assert "old: dropped, and rows changed" in str(error.detail)
        merge(db, "y", "main", "WITH (conflict_resolution = 'branch_wins')")
        with pytest.raises(errors.UndefinedTable):
            db.query("TABLE old")

    @pytest.mark.parametrize(
        ("theirs", "ours", "sqlstate", "reason"),
        [
            ("CREATE TABLE n (x int)", "CREATE TABLE n (y int)", "55000", 'relation "n"'),
            ("ALTER TABLE t RENAME COLUMN a TO p", "ALTER TABLE t RENAME COLUMN a TO q", "40001", "a.name"),
            ("ALTER TABLE t RENAME COLUMN a TO p", "ALTER TABLE t RENAME COLUMN b TO p", "55000", 'column "p"'),
            ("ALTER TABLE t DROP COLUMN a", "CREATE VIEW v AS SELECT a FROM t", "55000", '"v" needs a column'),
            ("DROP TABLE t", "CREATE TABLE f (t int REFERENCES t)", "55000", "needs a table"),
            ("DROP TABLE t", "ALTER TABLE t ADD CHECK (a < 9)", "40001", "dropped and changed"),
            ("ALTER TABLE t RENAME COLUMN a TO p", "ALTER TABLE t ADD CHECK (a < 9)", "55000", '"t" does not fit'),
            ("ALTER TABLE t RENAME COLUMN a TO p", "CREATE INDEX e ON t ((a + 1))", "55000", '"t" does not fit'),
            ("ALTER TABLE t RENAME COLUMN a TO p", "CREATE VIEW v AS SELECT a FROM t", "55000", '"v" does not fit'),
            ("ALTER TABLE t RENAME TO u", "CREATE VIEW v AS SELECT a FROM t", "55000", '"v" does not fit'),
            ("ALTER TABLE t ALTER a TYPE text", "UPDATE t SET a = 3 WHERE id = 1", "55000", 'column "a"'),
        ],
    )
    def test_what_does_not_fit_together_is_refused(
        self, db: EmbeddedDatabase, theirs: str, ours: str, sqlstate: str, reason: str
    ) -> None:
        on(db, "x", theirs)
        on(db, "main", ours)
        with pytest.raises(errors.Error) as caught:
            merge(db)
        assert caught.value.sqlstate == sqlstate, caught.value
        assert reason in f"{caught.value.message} {caught.value.detail}"

    def test_a_type_that_the_source_changed(self, db: EmbeddedDatabase) -> None:
        on(db, "x", "ALTER TABLE t ALTER a TYPE text USING 'v' || a", "CREATE INDEX t_a ON t (a)")
        on(db, "main", "UPDATE t SET b = 4 WHERE id = 2")
        merge(db)
        assert rows(db) == [(1, "v0", 0), (2, "v0", 4), (3, "v0", 0)]
        assert rows(db, text="SELECT count(*) FROM t WHERE a = 'v0'") == [(3,)]
        indexes_agree(db)


class TestStatement:
    def test_explain_changes_nothing(self, db: EmbeddedDatabase) -> None:
        on(db, "x", "DELETE FROM t WHERE id = 1", "UPDATE t SET a = 1 WHERE id = 2", "CREATE TABLE n (x int)")
        on(db, "main", "UPDATE t SET a = 5 WHERE id = 2")
        before = db.database.history.published
        lines = [line for (line,) in db.query("EXPLAIN MERGE DATABASE BRANCH x INTO main")]
        assert lines[0] == "Merge x into main"
        assert lines[2:] == [
            "  Create table n",
            "  Change t: 0 inserted, 0 updated, 1 deleted",
            "  Conflicts: 1, nothing is merged",
            "    t (2): changed twice: a, 0 in the base, 1 against 5",
        ]
        assert db.database.history.published == before

    def test_a_branch_may_go_with_its_merge(self, db: EmbeddedDatabase) -> None:
        on(db, "x", "DELETE FROM t WHERE id = 1")
        merge(db, "x", "main", "WITH (conflict_resolution = 'branch_wins', delete_branch_after = true)")
        assert rows(db) == [(2, 0, 0), (3, 0, 0)]
        assert [tuple(row) for row in db.query("SELECT name FROM heliosdb_branches")] == [("main",)]
        assert db.database.history.pins() == {}

    def test_a_branch_in_use_does_not_go_and_is_not_merged(self, db: EmbeddedDatabase) -> None:
        on(db, "x", "DELETE FROM t WHERE id = 1")
        other = db.session()
        other.execute("USE BRANCH x")
        refuses(db, "55006", "x", "main", "WITH (delete_branch_after = true)")
        other.execute("BEGIN; DELETE FROM t WHERE id = 2")
        assert "not committed" in refuses(db, "55006").message
        other.execute("COMMIT")
        other.close()
        merge(db)
        assert rows(db) == [(3, 0, 0)]

    @pytest.mark.parametrize(
        ("text", "sqlstate"),
        [
            ("MERGE BRANCH x INTO x", "22023"),
            ("MERGE BRANCH nobody INTO main", "42704"),
            ("MERGE BRANCH x INTO nobody", "42704"),
            ("MERGE BRANCH x", "42601"),
            ("MERGE BRANCH x INTO main WITH (conflict_resolution = 'last')", "22023"),
            ("MERGE BRANCH x INTO main WITH (conflict_resolution = 'fail', conflict_resolution = 'fail')", "42601"),
            ("MERGE BRANCH x INTO main WITH (delete_branch_after = 3)", "42601"),
            ("MERGE BRANCH x INTO main WITH (squash = true)", "42601"),
            ("EXPLAIN ANALYZE MERGE BRANCH x INTO main", "42601"),
            ("BEGIN; MERGE BRANCH x INTO main", "25001"),
        ],
    )
    def test_errors(self, db: EmbeddedDatabase, text: str, sqlstate: str) -> None:
        session = db.session()
        with pytest.raises(errors.Error) as caught:
            session.execute(text)
        assert caught.value.sqlstate == sqlstate, caught.value
        session.close()

    def test_the_merge_statement_of_sql_is_still_there(self, db: EmbeddedDatabase) -> None:
        db.execute("MERGE INTO t USING (VALUES (1), (9)) AS s (k) ON t.id = s.k WHEN MATCHED THEN DELETE")
        assert rows(db) == [(2, 0, 0), (3, 0, 0)]
        db.execute("CREATE TABLE branch (id int)")
        assert db.query("EXPLAIN MERGE INTO branch USING t ON branch.id = t.id WHEN MATCHED THEN DELETE")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("write", range(1, 9))
def test_a_power_loss_leaves_a_whole_merge_or_none(write: int) -> None:
    database = Database(volume=FaultyVolume(), plugins=["branch"])
    session = database.session()
    session.execute("CREATE TABLE t (id int PRIMARY KEY, a int, b int); INSERT INTO t VALUES (1, 0, 0), (2, 0, 0)")
    session.execute("CREATE BRANCH x")
    session.execute("USE BRANCH x")
    session.execute("UPDATE t SET a = 1; ALTER TABLE t ADD COLUMN c int DEFAULT 3; INSERT INTO t VALUES (3, 0, 0)")
    session.execute("USE BRANCH main")
    session.execute("UPDATE t SET b = 1 WHERE id = 1")
    volume = database.volume
    assert isinstance(volume, FaultyVolume)
    volume.crash_at(write)
    with suppress(PowerLoss):
        session.execute("MERGE BRANCH x INTO main")
    volume.lose_power()
    database.workers.stop()
    assert database.store.maintenance is not None
    with suppress(PowerLoss):
        database.store.maintenance.stop()
    database = Database(volume=volume.crash(Random(write)), plugins=["branch"])
    session = database.session()
    before, after = [(1, 0, 1), (2, 0, 0)], [(1, 1, 1, 3), (2, 1, 0, 3), (3, 0, 0, 3)]
    assert list(session.execute("TABLE t ORDER BY id")[0].rows) in (before, after)
    session.execute("MERGE BRANCH x INTO main")
    assert list(session.execute("TABLE t ORDER BY id")[0].rows) == after
    session.execute("UPDATE t SET a = 9 WHERE id = 3")
    session.execute("MERGE BRANCH x INTO main")
    assert list(session.execute("SELECT a FROM t WHERE id = 3")[0].rows) == [(9,)]
    session.execute("DROP BRANCH x")
    assert database.history.pins() == {}
    assert verify(database).problems == ()
    database.close()


def test_its_status_is_a_count_for_clients_of_postgresql(db: EmbeddedDatabase) -> None:
    on(db, "x", "UPDATE t SET a = 1 WHERE id < 3")
    with connect(db) as connection:
        connection.autocommit = True
        cursor = connection.execute("MERGE BRANCH x INTO main")
        assert (cursor.statusmessage, cursor.rowcount) == ("MERGE 2", 2)
