"""CREATE TAG: points with names, which can be read and branched from for as long as the tag is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from heliosdb import EmbeddedDatabase, errors


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory() as opened:
        opened.execute("CREATE TABLE t (id int PRIMARY KEY)")
        opened.execute("INSERT INTO t VALUES (1)")
        yield opened


def fails(db: EmbeddedDatabase, text: str) -> str | None:
    with pytest.raises(errors.Error) as caught:
        db.execute(text)
    return caught.value.sqlstate


def test_a_tag_keeps_what_it_names(db: EmbeddedDatabase) -> None:
    db.execute("CREATE DATABASE TAG v1.0")
    db.execute("UPDATE t SET id = 2")
    db.execute("CREATE TAG v2-0 FROM main AS OF NOW")
    db.execute("DELETE FROM t")
    db.execute("ALTER TABLE t ADD COLUMN more int")
    db.execute("VACUUM")
    assert db.query('SELECT * FROM t@"v1.0" UNION ALL SELECT * FROM t@"v2-0"') == [(1,), (2,)]
    assert db.query('SELECT * FROM t@"v1.0" x JOIN t@"v2-0" y ON x.id < y.id') == [(1, 2)]
    db.execute("CREATE BRANCH fix FROM v1.0")
    db.execute("DROP DATABASE TAG v1.0")
    db.execute("VACUUM")
    assert db.query("SELECT * FROM t@fix") == [(1,)]
    assert fails(db, 'SELECT * FROM t@"v1.0"') == "42704"


def test_tags_of_any_point_and_branch_outlive_the_process(tmp_path: Path) -> None:
    path = str(tmp_path / "db")
    with EmbeddedDatabase(path) as db:
        db.execute("CREATE TABLE t (id int)")
        db.execute("CREATE BRANCH dev")
        scn = db.database.history.published
        db.execute("USE BRANCH dev")
        db.execute("CREATE TAG here")
        db.execute("INSERT INTO t VALUES (1)")
        db.execute("CREATE TAG before FROM main AS OF SCN $1".replace("$1", str(scn)))
        db.execute("CREATE TAG same FROM here")
        db.execute("ALTER BRANCH dev RENAME TO renamed")
    with EmbeddedDatabase(path) as db:
        found = db.query("SELECT name, branch, scn, committed_at <= now() FROM heliosdb_tags ORDER BY name")
        assert found == [
            ("before", "main", scn, True), ("here", "renamed", scn, True), ("same", "renamed", scn, True),
        ]  # fmt: skip
        assert db.query("SELECT count(*) FROM t@here") == [(0,)]
        assert fails(db, "DROP BRANCH renamed") == "55006"
        db.execute("DROP TAG here")
        db.execute("DROP TAG same")
        db.execute("DROP BRANCH renamed")


def test_names_are_of_one_thing(db: EmbeddedDatabase) -> None:
    db.execute("CREATE TAG a")
    db.execute("CREATE BRANCH b")
    db.execute("CREATE TAG IF NOT EXISTS a")
    for text, sqlstate in (
        ("CREATE TAG a", "42710"),
        ("CREATE TAG b", "42710"),
        ("CREATE TAG main", "42710"),
        ("CREATE BRANCH a", "42710"),
        ("ALTER BRANCH b RENAME TO a", "42710"),
        ("CREATE BRANCH c FROM a AS OF SCN 1", "22023"),
        ("CREATE TAG c FROM nowhere", "42704"),
        ("CREATE TAG c AS OF SCN 1000000", "55000"),
        ("DROP TAG b", "42704"),
        ("USE BRANCH a", "42704"),
        ("CREATE TAG", "42601"),
    ):
        assert fails(db, text) == sqlstate, text
    db.execute("DROP TAG IF EXISTS c")
    assert db.query("SELECT name FROM heliosdb_tags") == [("a",)]
    with db.begin_transaction() as transaction, pytest.raises(errors.ActiveSqlTransaction):
        transaction.execute("CREATE TAG d")
