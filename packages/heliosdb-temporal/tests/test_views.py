"""Views over the past: clauses in stored queries."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliosdb import Config, EmbeddedDatabase
from heliosdb.errors import DependentObjectsStillExist

KEPT = Config(options={"temporal.time_travel_enabled": True})


@pytest.mark.parametrize(
    ("query", "written"),
    [
        ("SELECT id, state FROM t AS OF SCN {}", "AS OF SCN ("),
        ("SELECT x.id, x.state FROM t AS OF SCN {} AS x", "AS OF SCN ("),
        ("SELECT id, state FROM t WHERE id > 0 AS OF SCN {}", "AS OF SCN ("),
        ("SELECT id, state FROM t FOR SYSTEM_TIME AS OF heliosdb_scn_timestamp({})", "AS OF TIMESTAMP ("),
        ("SELECT id, state FROM t AS OF TRANSACTION heliosdb_scn_transaction({})", "AS OF TRANSACTION ("),
        ("SELECT id, state FROM t FOR SYSTEM_TIME BETWEEN SCN {0} AND SCN {0}", "FOR SYSTEM_TIME BETWEEN SCN ("),
        ("SELECT id, state FROM t q FOR SYSTEM_TIME FROM SCN {0} TO SCN {0} + 1", "FOR SYSTEM_TIME FROM SCN ("),
        ("SELECT id, state FROM t FOR SYSTEM_TIME ALL WHERE state = 'a'", "FOR SYSTEM_TIME ALL"),
    ],
)
def test_a_view_of_the_past_is_stored_and_read_again(tmp_path: Path, query: str, written: str) -> None:
    path = str(tmp_path / "t.helio")
    with EmbeddedDatabase(path, config=KEPT) as db:
        db.execute("CREATE TABLE t (id int PRIMARY KEY, state text)")
        db.execute("INSERT INTO t VALUES (1, 'a')")
        then = db.query("SELECT heliosdb_current_scn()")[0][0]
        db.execute("CREATE VIEW v AS " + query.format(then))
        db.execute("UPDATE t SET state = 'now'")
        assert written in db.query("SELECT pg_get_viewdef('v'::regclass)")[0][0]
        assert db.query("SELECT * FROM v") == [(1, "a")]
    with EmbeddedDatabase(path) as db:
        assert db.query("SELECT * FROM v") == [(1, "a")]
        assert db.query("SELECT n.state, v.state FROM v JOIN t n USING (id)") == [("now", "a")]


def test_a_view_of_all_versions_has_their_times() -> None:
    with EmbeddedDatabase(":memory:", config=KEPT) as db:
        db.execute("CREATE TABLE t (id int PRIMARY KEY, state text)")
        db.execute("INSERT INTO t VALUES (1, 'a')")
        db.execute("CREATE VIEW audit AS SELECT *, system_scn, system_operation FROM t FOR SYSTEM_TIME ALL")
        db.execute("UPDATE t SET state = 'b'")
        assert db.query("SELECT state, system_operation FROM audit ORDER BY system_scn") == [
            ("a", "INSERT"),
            ("b", "UPDATE"),
        ]


def test_the_names_of_then_are_those_of_the_view() -> None:
    with EmbeddedDatabase(":memory:", config=KEPT) as db:
        db.execute("CREATE TABLE t (id int PRIMARY KEY, state text)")
        db.execute("INSERT INTO t VALUES (1, 'a')")
        then = db.query("SELECT heliosdb_current_scn()")[0][0]
        db.execute(f"CREATE VIEW past AS SELECT t.state FROM t AS OF SCN {then}")
        db.execute(f"CREATE VIEW all_past AS SELECT n.state FROM (SELECT * FROM t) n AS OF SCN {then}")
        db.execute("CREATE VIEW audit AS SELECT t.state FROM t FOR SYSTEM_TIME ALL")
        db.execute("ALTER TABLE t RENAME COLUMN state TO mood")
        db.execute("ALTER TABLE t RENAME TO moved")
        for view in ("past", "all_past", "audit"):
            assert db.query(f"SELECT state FROM {view}") == [("a",)]
        with pytest.raises(DependentObjectsStillExist, match="moved"):
            db.execute("DROP TABLE moved")
        db.execute("DROP VIEW audit")
        db.execute("DROP TABLE moved")
        for view in ("past", "all_past"):
            assert db.query(f"SELECT state FROM {view}") == [("a",)]
