"""Another branch becomes main: DROP BRANCH main, then ALTER BRANCH ... RENAME TO main."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heliosdb import EmbeddedDatabase, errors
from heliosdb.database import Database
from heliosdb_testkit import FaultyVolume


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    """Disaster has struck: what main_new has is gone from main."""
    with EmbeddedDatabase.new_in_memory() as opened:
        prepare(opened)
        yield opened


def prepare(db: Any) -> None:
    db.execute("CREATE TABLE users (id int PRIMARY KEY, name text)")
    db.execute("INSERT INTO users VALUES (1, 'ann'), (2, 'bob')")
    db.execute("CREATE DATABASE BRANCH backup_daily FROM main AS OF NOW")
    db.execute("DELETE FROM users")
    db.execute("CREATE DATABASE BRANCH main_new FROM backup_daily AS OF NOW")


def replace(db: Any) -> None:
    db.execute("DROP DATABASE BRANCH main")
    db.execute("ALTER DATABASE BRANCH main_new RENAME TO main")


def test_the_recipe_for_a_disaster_works_in_one_text_or_two(db: EmbeddedDatabase) -> None:
    for _ in range(3):
        assert db.query("SELECT name FROM users WHERE id = 1") == []
    db.execute("DROP DATABASE BRANCH main;ALTER DATABASE BRANCH main_new RENAME TO main;")
    for _ in range(3):
        assert db.query("SELECT name FROM users WHERE id = 1") == [("ann",)]
    assert db.query("SELECT current_branch()") == [("main",)]
    db.execute("INSERT INTO users VALUES (3, 'eve')")
    found = db.query("SELECT name, parent, is_current FROM heliosdb_branches")
    assert found == [("main", "backup_daily", True), ("backup_daily", None, False)]
    session = db.session()
    assert list(session.execute("SELECT count(*) FROM users")[-1].rows) == [(3,)]
    db.execute("CREATE BRANCH next")
    db.execute("USE BRANCH next")
    assert db.query("SELECT count(*) FROM users") == [(3,)]
    db.execute("USE BRANCH main")
    db.execute("DROP BRANCH next")
    db.execute("DROP BRANCH backup_daily")
    db.execute("VACUUM")
    assert db.query("SELECT count(*) FROM users, users@main AS m") == [(9,)]


@pytest.mark.parametrize("end", ["close", "kill", "checkpoint and kill"])
def test_it_outlives_the_process_and_can_be_done_again(end: str) -> None:
    volume = FaultyVolume()
    database = Database(volume=volume, plugins=["branch"])
    session = database.session()
    prepare(session)
    for number in range(3, 6):
        replace(session)
        session.execute(f"INSERT INTO users VALUES ({number}, 'new')")
        session.execute("CREATE BRANCH main_new")
        session.execute("ALTER TABLE users ADD COLUMN gone int")
        if end == "close":
            database.close()
        elif end == "checkpoint and kill":
            session.execute("CHECKPOINT")
        volume.lose_power()
        volume = volume.kill()
        database = Database(volume=volume, plugins=["branch"])
        session = database.session()
        names = [line.name for line in database.history.timelines()]
        assert names == ["main", "backup_daily", "main_new"]
        assert "gone" in [column.name for column in session.execute("SELECT * FROM users")[-1].columns or ()]
        session.execute("USE BRANCH main_new")
        assert list(session.execute("SELECT count(*) FROM users")[-1].rows) == [(number,)]
        session.execute("USE BRANCH main")
    database.close()


def test_main_stays_until_another_branch_takes_its_name(db: EmbeddedDatabase, tmp_path: Path) -> None:
    db.execute("DROP DATABASE BRANCH main")
    assert [notice.message for notice in db.notices] == [
        'branch "main" goes when ALTER BRANCH gives its name to another one'
    ]
    assert db.query("SELECT count(*) FROM users") == [(0,)]
    other = db.session()
    for session, text, sqlstate in (
        (other, "ALTER BRANCH main_new RENAME TO main", "42710"),
        (db, "ALTER BRANCH main_new RENAME TO backup_daily", "42710"),
        (db, "ALTER BRANCH main RENAME TO old", "55006"),
        (db, "ALTER BRANCH main_new RENAME TO main", "55006"),  # the other session works on main
    ):
        with pytest.raises(errors.Error) as caught:
            session.execute(text)  # type: ignore[attr-defined]
        assert caught.value.sqlstate == sqlstate, text
    other.close()
    db.execute("ALTER BRANCH main_new RENAME TO main")
    assert db.query("SELECT count(*) FROM users") == [(2,)]
    with pytest.raises(errors.DuplicateObject):
        db.execute("ALTER BRANCH backup_daily RENAME TO main")


def test_temporary_tables_are_in_the_way(db: EmbeddedDatabase) -> None:
    db.execute("CREATE TEMP TABLE mine (x int)")
    db.execute("DROP DATABASE BRANCH main")
    with pytest.raises(errors.ObjectInUse, match="temporary objects"):
        db.execute("ALTER BRANCH main_new RENAME TO main")
    db.execute("DISCARD TEMP")
    db.execute("ALTER BRANCH main_new RENAME TO main")
    db.execute("CREATE TEMP TABLE mine (x int)")
    db.execute("INSERT INTO mine VALUES (1)")
    assert db.query("SELECT x, current_branch() FROM mine") == [(1, "main")]


def test_a_transaction_on_what_was_main_cannot_commit(db: EmbeddedDatabase) -> None:
    database = db.database
    transaction = database.store.begin()
    transaction.begin_statement()
    transaction.insert(db.query("SELECT 'users'::regclass::oid")[0][0], (9, "late"))
    replace(db)
    with pytest.raises(errors.ObjectNotInPrerequisiteState):
        transaction.commit()
    assert db.query("SELECT count(*) FROM users") == [(2,)]
