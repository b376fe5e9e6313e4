"""FOR SYSTEM_TIME FROM, BETWEEN and ALL: the versions of a table, read by its definition of now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from heliosdb import Config, EmbeddedDatabase
from heliosdb.errors import (
    AmbiguousColumn,
    Error,
    FeatureNotSupported,
    NullValueNotAllowed,
    ObjectNotInPrerequisiteState,
    SqlSyntaxError,
    UndefinedColumn,
)
from heliosdb.spi import Retention, row_versions

KEPT = Config(options={"temporal.time_travel_enabled": True})
SCN = "heliosdb_current_scn()"


def scn(db: EmbeddedDatabase) -> int:
    return int(db.query("SELECT heliosdb_current_scn()")[0][0])


def rows(db: EmbeddedDatabase, text: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.query(text, parameters)]


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase(":memory:", config=KEPT) as database:
        database.execute("CREATE TABLE t (id int PRIMARY KEY, state text)")
        yield database


@pytest.fixture
def told(db: EmbeddedDatabase) -> tuple[EmbeddedDatabase, list[int]]:
    """A history of five commits."""
    commits = []
    for text in (
        "INSERT INTO t VALUES (1, 'a'), (2, 'b')",
        "UPDATE t SET state = 'x' WHERE id = 1",
        "DELETE FROM t WHERE id = 2",
        "INSERT INTO t VALUES (2, 'again')",
        "UPDATE t SET state = 'y' WHERE id = 1",
    ):
        db.execute(text)
        commits.append(scn(db))
    return db, commits


def test_all_gives_every_version_with_its_beginning_and_end(told: tuple[EmbeddedDatabase, list[int]]) -> None:
    db, commits = told
    time = {None: None} | {n: db.query("SELECT heliosdb_scn_timestamp($1)", [n])[0][0] for n in commits}
    text = (
        "SELECT *, system_scn, system_operation, system_time, system_time_end FROM t FOR SYSTEM_TIME ALL "
        "ORDER BY id, system_scn"
    )
    first, second, third, fourth, fifth = commits
    assert rows(db, text) == [
        (1, "a", first, "INSERT", time[first], time[second]),
        (1, "x", second, "UPDATE", time[second], time[fifth]),
        (1, "y", fifth, "UPDATE", time[fifth], None),
        (2, "b", first, "INSERT", time[first], time[third]),
        (2, "again", fourth, "INSERT", time[fourth], None),
    ]
    assert rows(db, "SELECT * FROM t WHERE id = 2 FOR SYSTEM_TIME ALL ORDER BY system_time") == [(2, "b"), (2, "again")]
    assert list(db.query("SELECT * FROM t FOR SYSTEM_TIME ALL")[0].keys()) == ["id", "state"]


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ("FROM SCN {0} TO SCN {1}", "ab"),
        ("BETWEEN SCN {0} AND SCN {1}", "abx"),
        ("FROM SCN {1} TO SCN {2}", "bx"),
        ("BETWEEN SCN {1} AND SCN {1}", "bx"),
        ("BETWEEN SCN {2} AND SCN {3}", "again x"),
        ("FROM SCN {1} TO SCN {1}", ""),
        ("BETWEEN SCN {2} AND SCN {1}", ""),
        ("FROM SCN 0 TO SCN {0}", ""),
        ("BETWEEN SCN 0 AND SCN 1000000", "a again bxy"),
        ("FROM TIMESTAMP heliosdb_scn_timestamp({0}) TO heliosdb_scn_timestamp({1})", "ab"),
        ("BETWEEN heliosdb_scn_timestamp({0}) AND heliosdb_scn_timestamp({1})", "abx"),
        (
            "FROM heliosdb_scn_timestamp({1}) - interval '1 us' TO heliosdb_scn_timestamp({1}) + interval '1 us'",
            "abx",
        ),
        ("FROM heliosdb_scn_timestamp({1}) TO heliosdb_scn_timestamp({1})", ""),
        ("BETWEEN heliosdb_scn_timestamp({1}) AND heliosdb_scn_timestamp({0})", ""),
        ("FROM '1999-01-01' TO 'infinity'", "a again bxy"),
        ("FROM '-infinity' TO '1999-01-01'", ""),
        ("FROM 'infinity' TO 'infinity'", ""),
        ("BETWEEN TRANSACTION heliosdb_scn_transaction({0}) AND TRANSACTION heliosdb_scn_transaction({1})", "abx"),
        ("BETWEEN SCN (SELECT {0} + 0) AND SCN (SELECT max({1}) FROM t)", "abx"),
    ],
)
def test_bounds_are_as_the_standard_says(told: tuple[EmbeddedDatabase, list[int]], clause: str, expected: str) -> None:
    db, commits = told
    written = clause.format(*commits)
    for text in (f"SELECT state FROM t FOR SYSTEM_TIME {written}", f"SELECT state FROM t FOR SYSTEM_TIME {written} q"):
        found = "".join(sorted([f" {s} " if len(s) > 1 else s for (s,) in rows(db, text)], key=str.strip))
        assert found.strip() == expected.strip()


def test_the_forms_of_the_guides(told: tuple[EmbeddedDatabase, list[int]]) -> None:
    db, _ = told
    text = "SELECT system_time, id, state FROM t WHERE id = $1 FOR SYSTEM_TIME BETWEEN $2 AND $3 ORDER BY system_time"
    found = rows(db, text, [1, "2024-01-01", datetime.now() + timedelta(days=1)])
    assert [row[2] for row in found] == ["a", "x", "y"]
    assert found[0][0] < found[1][0] < found[2][0]
    text = (
        "SELECT * FROM t WHERE id = 1 FOR SYSTEM_TIME BETWEEN TIMESTAMP '2024-01-01 00:00:00' "
        "AND TIMESTAMP '2224-01-31 23:59:59'"
    )
    assert rows(db, text) == [(1, "a"), (1, "x"), (1, "y")]


def test_versions_are_read_by_the_definition_of_now(told: tuple[EmbeddedDatabase, list[int]]) -> None:
    db, _ = told
    db.execute("ALTER TABLE t RENAME state TO status; ALTER TABLE t ADD COLUMN n int DEFAULT 5 NOT NULL")
    db.execute("ALTER TABLE t ADD COLUMN gone int; ALTER TABLE t DROP COLUMN gone")
    text = "SELECT DISTINCT id, status, n FROM t FOR SYSTEM_TIME ALL WHERE id = 2 ORDER BY 2, 3"
    assert rows(db, text) == [(2, "again", 5), (2, "again", None), (2, "b", None)]
    assert rows(db, "SELECT count(*) FROM t FOR SYSTEM_TIME ALL WHERE n IS NULL") == [(5,)]
    db.execute("ALTER TABLE t ALTER n TYPE text; UPDATE t SET n = 'many' WHERE id = 2")
    db.execute("ALTER TABLE t ALTER n TYPE int USING length(n)")
    text = "SELECT DISTINCT n FROM t FOR SYSTEM_TIME ALL WHERE id = 2 ORDER BY 1"
    # '5' is a number, 'many' is none; what it became is.
    assert rows(db, text) == [(4,), (5,), (None,)]


def test_versions_join_and_group(told: tuple[EmbeddedDatabase, list[int]]) -> None:
    db, _ = told
    text = (
        "SELECT a.state, b.state FROM t FOR SYSTEM_TIME ALL a JOIN t FOR SYSTEM_TIME ALL AS b "
        "ON a.id = b.id AND a.system_time_end = b.system_time ORDER BY b.system_scn"
    )
    assert rows(db, text) == [("a", "x"), ("x", "y")]
    text = "SELECT id, count(*), min(q.system_scn) IS NULL FROM t FOR SYSTEM_TIME ALL q GROUP BY id ORDER BY id"
    assert rows(db, text) == [(1, 3, False), (2, 2, False)]
    assert rows(db, "SELECT b FROM t FOR SYSTEM_TIME ALL AS q (a, b) WHERE a = 2 ORDER BY 1") == [("again",), ("b",)]
    db.execute("CREATE TABLE audit AS SELECT id, state, system_scn FROM t FOR SYSTEM_TIME ALL")
    assert rows(db, "SELECT count(*) FROM audit") == [(5,)]
    with db.begin_transaction() as transaction:
        transaction.execute("UPDATE t SET state = 'not committed'")
        assert transaction.query("SELECT count(*) FROM t FOR SYSTEM_TIME ALL") == [(5,)]
        transaction.rollback()


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("SELECT system_time FROM t", UndefinedColumn),
        (f"SELECT system_time FROM t AS OF SCN {SCN}", UndefinedColumn),
        ("SELECT ctid FROM t FOR SYSTEM_TIME ALL", UndefinedColumn),
        ("SELECT system_time FROM t a JOIN t b USING (id) FOR SYSTEM_TIME ALL", AmbiguousColumn),
        ("SELECT * FROM v FOR SYSTEM_TIME ALL", FeatureNotSupported),
        ("SELECT * FROM pg_class FOR SYSTEM_TIME ALL", FeatureNotSupported),
        ("SELECT * FROM s FOR SYSTEM_TIME ALL", FeatureNotSupported),
        ("SELECT 1 FOR SYSTEM_TIME ALL", FeatureNotSupported),
        ("SELECT * FROM t FOR SYSTEM_TIME ALL FOR UPDATE", FeatureNotSupported),
        (f"SELECT * FROM (SELECT * FROM t AS OF SCN {SCN}) q, t FOR SYSTEM_TIME ALL AS OF SCN {SCN}", SqlSyntaxError),
        ("SELECT * FROM t FOR SYSTEM_TIME ALL TABLESAMPLE bernoulli (10)", Error),
        ("SELECT * FROM t FOR SYSTEM_TIME", SqlSyntaxError),
        ("SELECT * FROM t FOR SYSTEM_TIME FROM now()", SqlSyntaxError),
        ("SELECT * FROM t FOR SYSTEM_TIME FROM NULL TO now()", NullValueNotAllowed),
        ("SELECT * FROM t FOR SYSTEM_TIME BETWEEN now() AND NULL", NullValueNotAllowed),
        ("SELECT * FROM t FOR SYSTEM_TIME BETWEEN 'x' AND 'y'", Error),
        ("SELECT * FROM t FOR SYSTEM_TIME FROM id TO id", UndefinedColumn),
        ("DELETE FROM t FOR SYSTEM_TIME ALL", Error),
    ],
)
def test_what_makes_no_sense_is_refused(db: EmbeddedDatabase, text: str, error: type[Error]) -> None:
    db.execute("CREATE VIEW v AS SELECT * FROM t; CREATE SEQUENCE s")
    with pytest.raises(error):
        db.query(text)


def test_a_column_of_the_table_comes_before_a_hidden_one(db: EmbeddedDatabase) -> None:
    db.execute("CREATE TABLE own (system_time text); INSERT INTO own VALUES ('mine')")
    assert rows(db, "SELECT system_time, system_operation FROM own FOR SYSTEM_TIME ALL") == [("mine", "INSERT")]


def test_before_the_horizon_is_an_error_that_names_it() -> None:
    with EmbeddedDatabase(":memory:", config=Config(retention_days=0)) as db:
        db.execute("CREATE TABLE t (id int); INSERT INTO t VALUES (1); UPDATE t SET id = 2")
        db.execute("VACUUM")
        with pytest.raises(ObjectNotInPrerequisiteState, match='before the horizon of relation "t"') as caught:
            db.query("SELECT * FROM t FOR SYSTEM_TIME FROM SCN 1 TO SCN 100")
        assert "All versions are kept from SCN" in (caught.value.detail or "")
        with pytest.raises(ObjectNotInPrerequisiteState):
            db.query("SELECT * FROM t FOR SYSTEM_TIME FROM '2000-01-01' TO now()")
        # What began before it is not known to have begun then.
        assert rows(db, "SELECT id, system_scn, system_operation FROM t FOR SYSTEM_TIME ALL") == [(2, None, None)]


@pytest.mark.parametrize("seed", range(3))
def test_versions_and_points_agree(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    path = str(tmp_path / "history.helio")
    db = EmbeddedDatabase(path, config=KEPT)
    db.execute("CREATE TABLE t (id int PRIMARY KEY, state text)")
    commits = []
    for step in range(50):
        number, state = random.randrange(8), f"{step}"
        db.execute(
            "INSERT INTO t VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET state = excluded.state"
            if random.random() < 0.7
            else "DELETE FROM t WHERE id = $1 OR state = $2",
            [number, state],
        )
        commits.append(scn(db))
        chance = random.random()
        if chance < 0.1:
            db.execute("CHECKPOINT")
        elif chance < 0.15:
            db.execute("VACUUM t")
        elif chance < 0.2:
            db.close()
            db = EmbeddedDatabase(path)
    versions = rows(db, "SELECT id, state, system_scn, heliosdb_scn_at(system_time_end) FROM t FOR SYSTEM_TIME ALL")
    for commit in commits:
        point = rows(db, f"SELECT id, state FROM t AS OF SCN {commit} ORDER BY id")
        of_range = [v[:2] for v in versions if v[2] <= commit and (v[3] is None or v[3] > commit)]
        assert sorted(of_range) == point
        between = f"SELECT id, state FROM t FOR SYSTEM_TIME BETWEEN SCN {commit} AND SCN {commit} ORDER BY id"
        assert rows(db, between) == point
    db.close()


def test_a_clause_of_a_table_counts_alone(told: tuple[EmbeddedDatabase, list[int]]) -> None:
    db, commits = told
    text = f"SELECT q.state, t.state FROM t FOR SYSTEM_TIME ALL q JOIN t USING (id) WHERE id = 1 AS OF SCN {commits[1]}"
    assert sorted(rows(db, text)) == [("a", "x"), ("x", "x"), ("y", "x")]
    text = (
        f"SELECT q.state, p.state FROM t q JOIN t AS OF SCN {commits[0]} p USING (id) WHERE id = 1 FOR SYSTEM_TIME ALL"
    )
    assert sorted(rows(db, text)) == [("a", "a"), ("x", "a"), ("y", "a")]


def test_a_branch_has_the_versions_of_its_parent_until_the_fork() -> None:
    with EmbeddedDatabase(":memory:", config=KEPT) as db:
        db.execute("CREATE TABLE t (id int PRIMARY KEY, state text); INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')")
        db.execute("UPDATE t SET state = 'a2' WHERE id = 1")
        db.database.history.create_timeline("other")
        db.execute("UPDATE t SET state = 'main' WHERE id < 3")
        session = db.database.session()
        session.use_timeline("other")
        session.execute("UPDATE t SET state = 'other' WHERE id = 1")
        session.execute("DELETE FROM t WHERE id = 3")
        text = "SELECT state, system_time_end IS NULL FROM t FOR SYSTEM_TIME ALL ORDER BY id, system_scn"
        (found,) = session.execute(text)
        assert list(found.rows) == [("a", False), ("a2", False), ("other", True), ("b", True), ("c", False)]
        assert rows(db, text) == [
            ("a", False),
            ("a2", False),
            ("main", True),
            ("b", False),
            ("main", True),
            ("c", True),
        ]
        session.close()


def test_versions_that_go_while_they_are_read_are_missed_aloud() -> None:
    with EmbeddedDatabase.new_in_memory() as db:
        db.execute("CREATE TABLE t (n int); INSERT INTO t SELECT generate_series(1, 10000)")
        for _ in range(2):
            db.execute("UPDATE t SET n = n + 1")
        oid = db.query("SELECT 't'::regclass::oid")[0][0]
        history = db.database.history
        with db.database.store_transaction() as transaction:
            found = row_versions(transaction, oid, transaction.timeline, 0, history.published)
            assert len(next(found)) == 3 * 4096
            history.retain(Retention(0), oid)
            db.execute("VACUUM")
            with pytest.raises(ObjectNotInPrerequisiteState, match="SCN 0 is before the horizon"):
                list(found)
