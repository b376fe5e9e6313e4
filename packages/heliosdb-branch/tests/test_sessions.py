"""Which branch a session is on: the setting, arguments and paths that say so, DISCARD ALL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import heliosdb
from heliosdb import Config, EmbeddedDatabase, errors


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory() as opened:
        opened.execute("CREATE TABLE t (id int PRIMARY KEY)")
        opened.execute("CREATE BRANCH dev-1")
        opened.execute("INSERT INTO t VALUES (1)")
        yield opened


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A database with the branch dev-1, where t has a row 1; on main it has none."""
    path = str(tmp_path / "shop.helio")
    with EmbeddedDatabase(path) as db:
        db.execute("CREATE TABLE t (id int PRIMARY KEY)")
        db.execute("CREATE BRANCH dev-1")
        db.execute("USE BRANCH dev-1")
        db.execute("INSERT INTO t VALUES (1)")
    return path


def one(db: Any, text: str) -> Any:
    ((value,),) = db.query(text)
    return value


def sqlstate(db: Any, text: str) -> str | None:
    with pytest.raises(errors.Error) as caught:
        db.execute(text)
    return caught.value.sqlstate


BRANCH = "SELECT current_branch()"
COUNT = "SELECT count(*) FROM t"


class TestSetting:
    def test_it_is_another_name_of_use_branch(self, db: EmbeddedDatabase) -> None:
        assert one(db, "SHOW heliosdb.branch") == "main"
        for text in (
            "SET heliosdb.branch = 'dev-1'",
            'SET heliosdb.branch TO "dev-1"',
            "SELECT set_config('heliosdb.branch', 'dev-1', false)",
        ):
            db.execute(text)
            assert (one(db, "SHOW heliosdb.branch"), one(db, BRANCH), one(db, COUNT)) == ("dev-1", "dev-1", 0)
            db.execute("USE BRANCH main")
            assert (one(db, "SHOW heliosdb.branch"), one(db, BRANCH), one(db, COUNT)) == ("main", "main", 1)

    def test_it_follows_the_branch(self, db: EmbeddedDatabase) -> None:
        db.execute("SET heliosdb.branch = 'dev-1'")
        db.execute("ALTER BRANCH dev-1 RENAME TO dev-2")
        found = db.query("SELECT setting, source, reset_val FROM pg_settings WHERE name = 'heliosdb.branch'")
        assert found == [("dev-2", "session", "main")]
        assert one(db, "SELECT current_setting('heliosdb.branch')") == "dev-2"
        assert db.session().setting("heliosdb.branch") == "main"

    @pytest.mark.parametrize(
        "text", ["RESET heliosdb.branch", "SET heliosdb.branch TO DEFAULT", "RESET ALL", "DISCARD ALL"]
    )
    def test_reset_goes_back_to_what_the_session_began_with(self, db: EmbeddedDatabase, text: str) -> None:
        for settings, name in ((None, "main"), ({"heliosdb.branch": "dev-1"}, "dev-1")):
            session = db.session(settings=settings)
            session.execute("CREATE BRANCH IF NOT EXISTS other")
            session.execute("USE BRANCH other")
            session.execute(text)
            assert list(session.execute(BRANCH)[-1].rows) == [(name,)]
            session.close()

    def test_it_is_the_sessions_and_not_the_transactions(self, db: EmbeddedDatabase) -> None:
        with db.begin_transaction() as transaction:
            assert sqlstate(transaction, "SET LOCAL heliosdb.branch = 'dev-1'") == "0A000"
        with db.begin_transaction() as transaction:
            transaction.execute("SET heliosdb.branch = 'dev-1'")
            assert one(transaction, COUNT) == 0
            assert sqlstate(transaction, "SET heliosdb.branch = 'main'") == "25001"
        session = db.session()
        session.execute("BEGIN")
        session.execute("SET heliosdb.branch = 'dev-1'")
        session.execute("ROLLBACK")
        assert list(session.execute(BRANCH)[-1].rows) == [("dev-1",)]

    def test_a_branch_that_there_is_not_is_refused(self, db: EmbeddedDatabase) -> None:
        assert sqlstate(db, "SET heliosdb.branch = 'nowhere'") == "42704"
        assert one(db, BRANCH) == "main"
        with pytest.raises(errors.UndefinedObject, match='branch "nowhere" does not exist'):
            db.session(settings={"heliosdb.branch": "nowhere"})

    def test_it_is_not_for_a_whole_database(self) -> None:
        with pytest.raises(errors.CantChangeRuntimeParam):
            EmbeddedDatabase(":memory:", config=Config(settings={"heliosdb.branch": "main"}))


class TestOpening:
    def test_by_argument_method_and_path(self, path: str) -> None:
        for opened in (
            lambda: EmbeddedDatabase(path, branch="dev-1"),
            lambda: EmbeddedDatabase.new_branch(path, "dev-1"),
            lambda: EmbeddedDatabase(f"{path}@dev-1"),
            lambda: EmbeddedDatabase(f"{path}@dev-1", branch="dev-1"),
        ):
            with opened() as db:
                assert (one(db, BRANCH), one(db, COUNT)) == ("dev-1", 1)
                assert db.database.path == path
                with db.begin_transaction() as transaction:
                    assert one(transaction, BRANCH) == "dev-1"
                assert list(db.session().execute(BRANCH)[-1].rows) == [("dev-1",)]
        for connected in (lambda: heliosdb.connect(path, branch="dev-1"), lambda: heliosdb.connect(f"{path}@dev-1")):
            with connected() as connection:
                assert connection.execute(COUNT).fetchone() == (1,)

    def test_a_connection_to_an_open_database(self, db: EmbeddedDatabase) -> None:
        with heliosdb.connect(db, branch="dev-1") as connection:
            assert connection.execute(COUNT).fetchone() == (0,)
            connection.execute("INSERT INTO t VALUES (1), (2)")
        assert one(db, COUNT) == 1
        assert one(db, BRANCH) == "main"

    @pytest.mark.parametrize("opened", [EmbeddedDatabase, heliosdb.connect])
    @pytest.mark.parametrize(("written", "arguments"), [("", {"branch": "nowhere"}), ("@nowhere", {})])
    def test_an_opening_that_is_refused_lets_go_of_the_database(
        self, path: str, opened: Any, written: str, arguments: dict[str, str]
    ) -> None:
        with pytest.raises(errors.UndefinedObject, match='branch "nowhere" does not exist') as caught:
            opened(path + written, **arguments)
        assert caught.value.sqlstate == "42704"
        EmbeddedDatabase(path).close()

    def test_two_branches_contradict_each_other(self, path: str) -> None:
        for opened in (EmbeddedDatabase, heliosdb.connect):
            with pytest.raises(errors.InvalidParameterValue, match='"dev-1", and not "main"'):
                opened(f"{path}@dev-1", branch="main")  # type: ignore[operator]

    def test_other_signs_at_are_part_of_the_path(self, tmp_path: Path) -> None:
        for name in ("a@b", "me@home/db", "@c", "d@"):
            place = tmp_path / name
            place.parent.mkdir(exist_ok=True)
            if name == "a@b":
                place.mkdir()
            with EmbeddedDatabase(str(place)) as db:
                assert (one(db, BRANCH), db.database.path) == ("main", str(place))
        with EmbeddedDatabase(f"{tmp_path / 'a@b'}@main") as db:
            assert db.database.path == str(tmp_path / "a@b")

    def test_without_the_package_there_is_no_such_setting(self, path: str) -> None:
        with pytest.raises(errors.UndefinedObject, match=r"heliosdb\.branch"):
            EmbeddedDatabase(path, plugins=[], branch="dev-1")
