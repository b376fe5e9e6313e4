"""A branch is its fork and its own changes: rows, keys, definitions; and a session works on one branch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heliosdb import EmbeddedDatabase, errors
from heliosdb.database import Database
from heliosdb.session import Session
from heliosdb.spi import Retention
from heliosdb_testkit import FaultyVolume


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory() as opened:
        opened.execute("CREATE TABLE t (id int PRIMARY KEY, v text)")
        opened.execute("INSERT INTO t VALUES (1, 'one'), (2, 'two')")
        yield opened


@pytest.fixture
def other(db: EmbeddedDatabase) -> Session:
    """Another session; closing the database closes it."""
    return db.session()


def rows(db: Any, text: str = "SELECT * FROM t ORDER BY id") -> list[tuple[Any, ...]]:
    return list(db.execute(text)[-1].rows) if isinstance(db, Session) else list(map(tuple, db.query(text)))


def fails(db: Any, text: str, sqlstate: str) -> errors.Error:
    with pytest.raises(errors.Error) as caught:
        db.execute(text)
    assert caught.value.sqlstate == sqlstate, caught.value
    return caught.value


TEMPORARY = "SELECT relname FROM pg_class WHERE relpersistence = 't'"


class TestIsolation:
    def test_neither_side_sees_what_the_other_writes(self, db: EmbeddedDatabase) -> None:
        db.execute("CREATE BRANCH b")
        db.execute("INSERT INTO t VALUES (3, 'main')")
        db.execute("UPDATE t SET v = 'changed' WHERE id = 1")
        db.execute("USE BRANCH b")
        assert rows(db) == [(1, "one"), (2, "two")]
        db.execute("INSERT INTO t VALUES (3, 'branch')")
        db.execute("DELETE FROM t WHERE id = 2")
        assert rows(db) == [(1, "one"), (3, "branch")]
        db.execute("USE BRANCH main")
        assert rows(db) == [(1, "changed"), (2, "two"), (3, "main")]

    def test_the_same_text_run_often_answers_for_the_branch_of_the_moment(self, db: EmbeddedDatabase) -> None:
        # Often enough for every cache: of texts, of plans, of functions for single rows.
        db.execute("CREATE BRANCH b")
        for turn in range(6):
            for branch in ("main", "b"):
                db.execute(f"USE BRANCH {branch}")
                for _ in range(3):
                    db.execute("UPDATE t SET v = $1 WHERE id = 1", (f"{branch} {turn}",))
                    assert rows(db, "SELECT v FROM t WHERE id = 1") == [(f"{branch} {turn}",)]
        db.execute("USE BRANCH main")
        assert rows(db, "SELECT v FROM t WHERE id = 1") == [("main 5",)]

    def test_plans_follow_the_definitions_of_the_branch(self, db: EmbeddedDatabase) -> None:
        text = "SELECT * FROM t WHERE id = 1"
        assert rows(db, text) == [(1, "one")]
        db.execute("CREATE BRANCH b")
        db.execute("USE BRANCH b")
        db.execute("ALTER TABLE t ADD COLUMN extra int DEFAULT 7")
        db.execute("CREATE INDEX t_v ON t (v)")
        db.execute("CREATE TABLE only_here (x int)")
        for _ in range(3):
            db.execute("USE BRANCH b")
            assert rows(db, text) == [(1, "one", 7)]
            assert rows(db, "SELECT id FROM t WHERE v = 'two'") == [(2,)]
            db.execute("USE BRANCH main")
            assert rows(db, text) == [(1, "one")]
        fails(db, "SELECT * FROM only_here", "42P01")
        db.execute("DROP TABLE t")
        db.execute("USE BRANCH b")
        assert rows(db) == [(1, "one", 7), (2, "two", 7)]

    def test_a_snapshot_is_not_outdated_by_what_another_branch_defines(
        self, db: EmbeddedDatabase, other: Session
    ) -> None:
        db.execute("CREATE BRANCH b")
        db.execute("USE BRANCH b")
        db.execute("ALTER TABLE t ADD COLUMN w int")
        other.execute("USE BRANCH b")
        other.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT * FROM t")
        db.execute("CREATE TABLE elsewhere (x int)")
        other.execute("UPDATE t SET w = 1")
        other.execute("COMMIT")
        assert rows(db, "SELECT w FROM t") == [(1,), (1,)]

    def test_errors_name_the_table_as_the_branch_does(self, db: EmbeddedDatabase, other: Session) -> None:
        db.execute("CREATE BRANCH b")
        db.execute("USE BRANCH b")
        db.execute("ALTER TABLE t RENAME TO renamed")
        other.execute("USE BRANCH b; BEGIN; LOCK TABLE renamed")
        with db.begin_transaction() as transaction:
            assert '"renamed"' in str(fails(transaction, "LOCK TABLE renamed NOWAIT", "55P03"))

    def test_sessions_have_branches_of_their_own(self, db: EmbeddedDatabase, other: Session) -> None:
        db.execute("CREATE BRANCH b")
        other.execute("USE BRANCH b")
        other.execute("DELETE FROM t")
        assert rows(db) == [(1, "one"), (2, "two")]
        assert rows(db, "SELECT current_branch()") == [("main",)]
        assert rows(other, "SELECT current_branch()") == [("b",)]
        other.execute("DISCARD ALL")
        assert rows(other, "SELECT current_branch()") == [("main",)]

    def test_a_branch_does_not_wait_for_locks_on_another(self, db: EmbeddedDatabase, other: Session) -> None:
        db.execute("CREATE BRANCH b")
        other.execute("USE BRANCH b; BEGIN; LOCK TABLE t; UPDATE t SET v = 'held'")
        db.execute("SET lock_timeout = 200")
        db.execute("UPDATE t SET v = 'free' WHERE id = 1")
        db.execute("ALTER TABLE t ADD COLUMN w int")
        other.execute("COMMIT")
        assert rows(db, "SELECT v FROM t ORDER BY id") == [("free",), ("two",)]


class TestConstraints:
    def test_unique_keys_are_those_of_the_branch(self, db: EmbeddedDatabase) -> None:
        db.execute("CREATE BRANCH b")
        db.execute("INSERT INTO t VALUES (3, 'main')")
        db.execute("DELETE FROM t WHERE id = 1")
        db.execute("USE BRANCH b")
        fails(db, "INSERT INTO t VALUES (1, 'twice')", "23505")
        db.execute("INSERT INTO t VALUES (3, 'free here')")
        fails(db, "INSERT INTO t VALUES (3, 'twice')", "23505")
        db.execute("USE BRANCH main")
        db.execute("INSERT INTO t VALUES (1, 'free here')")

    def test_foreign_keys_look_at_the_branch(self, db: EmbeddedDatabase) -> None:
        db.execute("CREATE TABLE child (id int PRIMARY KEY, t int REFERENCES t ON DELETE CASCADE)")
        db.execute("INSERT INTO child VALUES (10, 1)")
        db.execute("CREATE BRANCH b")
        db.execute("DELETE FROM t WHERE id = 1")
        assert rows(db, "SELECT * FROM child") == []
        db.execute("INSERT INTO t VALUES (5, 'five')")
        db.execute("USE BRANCH b")
        db.execute("INSERT INTO child VALUES (11, 1)")
        fails(db, "INSERT INTO child VALUES (12, 5)", "23503")
        db.execute("DELETE FROM t WHERE id = 1")
        assert rows(db, "SELECT * FROM child") == []

    def test_serial_keys_of_two_branches_do_not_collide(self, db: EmbeddedDatabase) -> None:
        db.execute("CREATE TABLE s (id serial PRIMARY KEY)")
        db.execute("INSERT INTO s DEFAULT VALUES")
        db.execute("CREATE BRANCH b")
        db.execute("INSERT INTO s DEFAULT VALUES")
        db.execute("USE BRANCH b")
        db.execute("INSERT INTO s DEFAULT VALUES")
        assert rows(db, "SELECT id FROM s ORDER BY id") == [(1,), (3,)]


class TestPoints:
    def test_from_any_scn_time_or_transaction(self, db: EmbeddedDatabase) -> None:
        history = db.database.history
        history.retain(Retention())
        first = history.commits.get(history.published)
        assert first is not None
        db.execute("DELETE FROM t WHERE id = 1")
        second = history.commits.get(history.published)
        assert second is not None
        db.execute("DELETE FROM t")
        at = "TIMESTAMP '2000-01-01 00:00:00+00'::timestamptz + interval '1 microsecond' * "
        db.execute(f"CREATE BRANCH scn AS OF SCN {first.scn}")
        db.execute(f"CREATE DATABASE BRANCH late FROM main AS OF {at}{second.time}")
        db.execute(f"CREATE BRANCH early AS OF {at}({second.time} - 1)")
        db.execute(f"CREATE DATABASE BRANCH tx FROM CURRENT AS OF TRANSACTION {second.transaction_id}")
        db.execute("CREATE DATABASE BRANCH now FROM CURRENT AS OF NOW")
        both, one = [(1, "one"), (2, "two")], [(2, "two")]
        for name, expected in (("scn", both), ("late", one), ("early", both), ("tx", one), ("now", [])):
            db.execute(f"USE BRANCH {name}")
            assert rows(db) == expected, name

    @pytest.mark.parametrize(
        ("point", "sqlstate"),
        [
            ("SCN 1000000", "55000"),
            ("SCN 0", "22023"),
            ("SCN -1", "22023"),
            ("SCN NULL", "22023"),
            ("SCN 'x'", "22P02"),
            ("TIMESTAMP '2990-01-01'", "22023"),
            ("TIMESTAMP 'infinity'", "22023"),
            ("TIMESTAMP '1990-01-01'", "55000"),
            ("TRANSACTION 999999999", "42704"),
            ("YESTERDAY", "42601"),
        ],
    )
    def test_a_point_that_there_is_not_is_an_error(self, db: EmbeddedDatabase, point: str, sqlstate: str) -> None:
        fails(db, f"CREATE BRANCH b AS OF {point}", sqlstate)
        assert rows(db, "SELECT name FROM heliosdb_branches") == [("main",)]

    def test_a_branch_of_a_branch(self, db: EmbeddedDatabase) -> None:
        db.execute("CREATE BRANCH blue")
        db.execute("USE BRANCH blue")
        db.execute("INSERT INTO t VALUES (3, 'blue')")
        db.execute("CREATE BRANCH green")
        db.execute("CREATE BRANCH from_main FROM main")
        db.execute("DELETE FROM t")
        db.execute("USE BRANCH green")
        assert rows(db) == [(1, "one"), (2, "two"), (3, "blue")]
        found = rows(db, "SELECT name, parent, is_current FROM heliosdb_branches ORDER BY name")
        assert found == [
            ("blue", "main", False), ("from_main", "main", False), ("green", "blue", True), ("main", None, False),
        ]  # fmt: skip
        db.execute("DROP BRANCH blue")
        assert rows(db) == [(1, "one"), (2, "two"), (3, "blue")]
        assert rows(db, "SELECT parent FROM heliosdb_branches WHERE name = 'green'") == [(None,)]


class TestNames:
    @pytest.mark.parametrize(
        ("written", "name"),
        [
            ("dev-20251121", "dev-20251121"),
            ("Staging-v2.1", "staging-v2.1"),
            ("data-team-analytics", "data-team-analytics"),
            ('"Mixed Case"', "Mixed Case"),
            ('"if"', "if"),
            ("branch", "branch"),
            ("release-2e5", "release-2e5"),
        ],
    )
    def test_dashes_dots_and_quotes(self, db: EmbeddedDatabase, written: str, name: str) -> None:
        db.execute(f"CREATE BRANCH {written} FROM main")
        db.execute(f"USE BRANCH {written}")
        assert rows(db, "SELECT current_branch()") == [(name,)]
        db.execute("USE DATABASE BRANCH main;")
        db.execute(f"DROP DATABASE BRANCH {written};")
        assert rows(db, "SELECT name FROM heliosdb_branches") == [("main",)]

    @pytest.mark.parametrize("written", ["", "1a", "a+b", "'a'", "a b", "a/b", "select"])
    def test_what_is_no_name(self, db: EmbeddedDatabase, written: str) -> None:
        fails(db, f"CREATE BRANCH {written}", "42601")
        assert rows(db, "SELECT name FROM heliosdb_branches") == [("main",)]

    def test_if_exists_and_if_not_exists(self, db: EmbeddedDatabase) -> None:
        db.execute("CREATE BRANCH IF NOT EXISTS x")
        fails(db, "CREATE BRANCH x", "42710")
        db.execute("CREATE BRANCH IF NOT EXISTS x")
        db.execute("DROP BRANCH IF EXISTS x")
        fails(db, "DROP BRANCH x", "42704")
        db.execute("DROP BRANCH IF EXISTS x")
        fails(db, "USE BRANCH x", "42704")
        fails(db, "CREATE BRANCH y FROM x", "42704")
        assert rows(db, "SELECT name FROM heliosdb_branches") == [("main",)]

    def test_renaming_takes_sessions_along(self, db: EmbeddedDatabase) -> None:
        db.execute("CREATE BRANCH a")
        db.execute("USE BRANCH a")
        db.execute("ALTER DATABASE BRANCH a RENAME TO b-2")
        assert rows(db, "SELECT current_branch()") == [("b-2",)]
        fails(db, "ALTER BRANCH b-2 RENAME TO main", "42710")
        fails(db, "ALTER BRANCH main RENAME TO c", "55006")
        fails(db, "ALTER BRANCH a RENAME TO c", "42704")

    def test_databases_may_be_called_branch(self, db: EmbeddedDatabase) -> None:
        assert "database" in str(fails(db, "DROP DATABASE branch", "3D000")).lower()


class TestTransactions:
    def test_a_transaction_keeps_its_branch(self, db: EmbeddedDatabase, other: Session) -> None:
        db.execute("CREATE BRANCH b")
        other.execute("BEGIN")
        other.execute("USE BRANCH b")
        other.execute("DELETE FROM t")
        fails(other, "USE BRANCH main", "25001")
        fails(other, "USE BRANCH main", "25P02")
        other.execute("ROLLBACK")
        assert rows(other, "SELECT current_branch(), count(*) FROM t") == [("b", 2)]

    def test_making_and_dropping_are_refused_in_a_transaction(self, db: EmbeddedDatabase, other: Session) -> None:
        for text in ("CREATE BRANCH b", "DROP BRANCH b", "ALTER BRANCH b RENAME TO c"):
            other.execute("BEGIN")
            fails(other, text, "25001")
            other.execute("ROLLBACK")
        fails(other, "DELETE FROM t; CREATE BRANCH b", "25001")
        assert rows(other) == [(1, "one"), (2, "two")]
        other.execute("SET default_transaction_read_only = on")
        fails(other, "CREATE BRANCH b", "25006")

    def test_a_branch_in_use_is_not_dropped(self, db: EmbeddedDatabase, other: Session) -> None:
        db.execute("CREATE BRANCH b")
        other.execute("USE BRANCH b")
        fails(db, "DROP BRANCH b", "55006")
        fails(other, "DROP BRANCH b", "55006")
        other.close()
        db.execute("DROP BRANCH b")

    def test_a_session_gets_away_from_a_branch_that_was_dropped_under_it(self, db: EmbeddedDatabase) -> None:
        db.execute("CREATE BRANCH b")
        db.execute("USE BRANCH b")
        db.database.history.drop_timeline("b")
        fails(db, "SELECT 1", "55000")
        db.execute("USE BRANCH main")
        assert rows(db) == [(1, "one"), (2, "two")]

    def test_temporary_tables_stay_where_they_are(self, db: EmbeddedDatabase) -> None:
        db.execute("CREATE BRANCH b")
        db.execute("CREATE TEMP TABLE mine (x int)")
        fails(db, "USE BRANCH b", "55006")
        db.execute("DROP TABLE mine")
        db.execute("USE BRANCH b")
        db.execute("CREATE TEMP TABLE mine (y int)")
        db.execute("DISCARD ALL")
        db.execute("USE BRANCH b")
        fails(db, "SELECT * FROM mine", "42P01")
        assert rows(db, TEMPORARY) == []

    def test_a_branch_has_no_temporary_tables_of_the_branch_that_it_starts_from(self, db: EmbeddedDatabase) -> None:
        db.execute("CREATE TEMP TABLE mine (id serial PRIMARY KEY)")
        db.execute("CREATE TEMP VIEW seen AS SELECT * FROM mine")
        db.execute("CREATE BRANCH b")
        db.execute("DISCARD TEMP")
        for start, branch in (("main", "b"), ("b", "c")):
            db.execute(f"CREATE BRANCH IF NOT EXISTS {branch} FROM {start}")
            db.execute(f"USE BRANCH {branch}")
            assert rows(db, TEMPORARY) == []
            fails(db, "SELECT * FROM mine", "42P01")
            db.execute("CREATE TEMP TABLE mine (id serial PRIMARY KEY)")
            db.execute("INSERT INTO mine DEFAULT VALUES")
            assert rows(db, "SELECT * FROM pg_temp.mine") == [(1,)]
            db.execute(f"CREATE BRANCH from_{branch}")
            db.execute("DISCARD TEMP")
            db.execute(f"USE BRANCH from_{branch}")
            assert rows(db, TEMPORARY) == []


def test_branches_outlive_the_process(tmp_path: Path) -> None:
    path = str(tmp_path / "db")
    with EmbeddedDatabase(path) as db:
        db.execute("CREATE TABLE t (id int PRIMARY KEY, v text)")
        db.execute("INSERT INTO t VALUES (1, 'one')")
        db.execute("CREATE BRANCH dev-1")
        db.execute("USE BRANCH dev-1")
        db.execute("ALTER TABLE t ADD COLUMN w int DEFAULT 5")
        db.execute("INSERT INTO t VALUES (2, 'two', 6)")
        before = rows(db, "SELECT name, parent, fork_scn, created_at FROM heliosdb_branches ORDER BY 1")
        ((age,),) = rows(db, "SELECT now() - created_at < interval '1 hour' FROM heliosdb_branches WHERE is_current")
        assert age is True
    for _ in range(2):
        with EmbeddedDatabase(path) as db:
            assert rows(db) == [(1, "one")]
            found = rows(db, "SELECT name, parent, fork_scn, created_at FROM heliosdb_branches ORDER BY 1")
            assert found == before
            db.execute("USE BRANCH dev-1")
            assert rows(db) == [(1, "one", 5), (2, "two", 6)]
            fails(db, "INSERT INTO t VALUES (2, 'twice', 0)", "23505")


@pytest.mark.parametrize("closes", [True, False])
def test_temporary_tables_on_branches_end_with_their_process(closes: bool) -> None:
    volume = FaultyVolume()
    database = Database(volume=volume, plugins=["branch"])
    for branch in ("main", "b", "c"):
        session = database.session()
        session.execute(f"CREATE BRANCH IF NOT EXISTS {branch}")
        session.execute(f"USE BRANCH {branch}")
        session.execute("CREATE TEMP TABLE passing (x int PRIMARY KEY); INSERT INTO passing VALUES (1)")
    if closes:
        database.close()
    volume.lose_power()
    database = Database(volume=volume.kill(), plugins=["branch"])
    for branch in ("main", "b", "c"):
        session = database.session()
        session.execute(f"USE BRANCH {branch}")
        assert rows(session, TEMPORARY) == []
        session.execute("CREATE TEMP TABLE passing (x int PRIMARY KEY)")
        assert rows(session, "SELECT * FROM passing") == []
    database.close()


def test_keys_of_rows_that_a_later_column_never_reached_are_found_after_reopening() -> None:
    volume = FaultyVolume()
    database = Database(volume=volume, plugins=["branch"])
    database.history.retain(Retention())
    session = database.session()
    session.execute("CREATE TABLE t (id int PRIMARY KEY, k int UNIQUE)")
    session.execute("INSERT INTO t VALUES (1, 5)")
    fork = database.history.published
    session.execute("DELETE FROM t; ALTER TABLE t ADD COLUMN added int DEFAULT 1")
    volume.lose_power()
    database = Database(volume=volume.kill(), plugins=["branch"])
    session = database.session()
    session.execute(f"CREATE BRANCH b AS OF SCN {fork}")
    session.execute("USE BRANCH b")
    assert rows(session, "SELECT * FROM t WHERE k = 5") == [(1, 5)]
    fails(session, "INSERT INTO t VALUES (1, 6)", "23505")
    database.close()


@pytest.mark.parametrize(
    ("index", "condition"),
    [
        ("(lower(v))", "lower(v) = 'one'"),
        ("(id) WHERE v <> ''", "v <> '' AND id = 1"),
        ("(lower(v)) WHERE id > 0", "lower(v) = 'one' AND id > 0"),
    ],
)
@pytest.mark.parametrize("change", ["ADD COLUMN added int DEFAULT 1", "ALTER COLUMN other TYPE text"])
def test_expressions_of_rows_from_before_another_column_changed_are_found_after_reopening(
    index: str, condition: str, change: str
) -> None:
    volume = FaultyVolume()
    database = Database(volume=volume, plugins=["branch"])
    database.history.retain(Retention())
    session = database.session()
    session.execute("CREATE TABLE t (id int, v text, other int)")
    session.execute(f"CREATE UNIQUE INDEX t_index ON t {index}")
    session.execute("INSERT INTO t VALUES (1, 'One', 5)")
    fork = database.history.published
    session.execute(f"DELETE FROM t; ALTER TABLE t {change}")
    volume.lose_power()
    database = Database(volume=volume.kill(), plugins=["branch"])
    session = database.session()
    session.execute(f"CREATE BRANCH b AS OF SCN {fork}")
    session.execute("USE BRANCH b")
    assert "t_index" in str(rows(session, f"EXPLAIN SELECT * FROM t WHERE {condition}"))
    assert rows(session, f"SELECT * FROM t WHERE {condition}") == [(1, "One", 5)]
    fails(session, "INSERT INTO t VALUES (1, 'ONE', 6)", "23505")
    database.close()


@pytest.mark.parametrize(("size", "others"), [(10, 0), (20_000, 0), (10, 50)])
def test_making_a_branch_copies_nothing(size: int, others: int) -> None:
    volume = FaultyVolume()
    database = Database(volume=volume, plugins=["branch"])
    session = database.session()
    session.execute(f"CREATE TABLE t AS SELECT generate_series(1, {size}) AS x")
    session.execute("CHECKPOINT")
    for number in range(others):
        session.execute(f"CREATE BRANCH other-{number}")
    before = sum(volume.size(name) for name in volume.names())
    session.execute("CREATE BRANCH b")
    assert 0 < sum(volume.size(name) for name in volume.names()) - before < 1024
    session.execute("USE BRANCH b")
    assert rows(session, "SELECT count(*) FROM t") == [(size,)]
    database.close()


def test_a_backup_is_of_the_branch(db: EmbeddedDatabase, tmp_path: Path) -> None:
    db.execute("CREATE BRANCH b")
    db.execute("USE BRANCH b")
    db.execute("ALTER TABLE t ADD COLUMN w int")
    db.execute("UPDATE t SET v = 'of the branch'")
    db.execute(f"BACKUP TO '{tmp_path / 'b.sql'}'")
    text = (tmp_path / "b.sql").read_text()
    assert "of the branch" in text
    assert "one" not in text
