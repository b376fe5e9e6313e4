"""Options of branches, what is shown of them, and branches that go by themselves."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import heliosdb
from heliosdb import EmbeddedDatabase, errors
from heliosdb.database import Database
from heliosdb_branch.lifetime import sweep
from heliosdb_testkit import FaultyVolume


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory() as opened:
        opened.execute("CREATE TABLE t (id int PRIMARY KEY)")
        opened.execute("INSERT INTO t SELECT generate_series(1, 1000)")
        yield opened


def names(db: Any) -> list[str]:
    return sorted(line.name for line in db.database.history.timelines())


class TestOptions:
    def test_what_has_no_meaning_on_one_node_is_kept_and_said(self, db: EmbeddedDatabase) -> None:
        db.execute(
            "CREATE DATABASE BRANCH copy FROM main AS OF NOW WITH ( replication_factor = 3, region = 'us-west-2')"
        )
        assert [notice.message for notice in db.notices] == [
            'option "replication_factor" is kept with the branch, and has no effect on a single node',
            'option "region" is kept with the branch, and has no effect on a single node',
        ]
        ((found,),) = db.query("SELECT options FROM pg_database_branches WHERE branch_name = 'copy'")
        assert found == {"replication_factor": 3, "region": "us-west-2"}

    @pytest.mark.parametrize(
        ("options", "sqlstate"),
        [
            ("colour = 'red'", "22023"),
            ("replication_factor = 0", "22023"),
            ("replication_factor = 'many'", "22023"),
            ("replication_factor", "22023"),
            ("region", "22023"),
            ("ephemeral = 'perhaps'", "22023"),
            ("ttl = '-1 hour'", "22023"),
            ("ttl = 'soon'", "22007"),
            ("ttl", "22023"),
            ("region = 'a', region = 'b'", "42601"),
            ("", "42601"),
        ],
    )
    def test_others_are_refused(self, db: EmbeddedDatabase, options: str, sqlstate: str) -> None:
        with pytest.raises(errors.Error) as caught:
            db.execute(f"CREATE BRANCH b WITH ({options})")
        assert caught.value.sqlstate == sqlstate
        assert names(db) == ["main"]


class TestView:
    def test_it_shows_what_there_is_in_both_forms(self, db: EmbeddedDatabase) -> None:
        db.execute("CREATE BRANCH dev WITH (ttl = '7 days')")
        db.execute("CREATE BRANCH nested FROM dev")
        for form in ("pg_database_branches", "pg_database_branches()"):
            found = db.query(
                "SELECT branch_name, parent_branch, created_at <= now(), status, branch_id, parent_id, is_current, "
                f"expires_at - created_at > interval '6 days', size_bytes / 1048576.0 = size_mb FROM {form} ORDER BY 1"
            )
            assert list(map(tuple, found)) == [
                ("dev", "main", True, "active", 1, 0, False, True, True),
                ("main", None, True, "active", 0, None, True, None, True),
                ("nested", "dev", True, "active", 2, 1, False, None, True),
            ]
        (columns,) = db.query("SELECT * FROM pg_database_branches() WHERE branch_name = 'dev'")
        assert list(columns.as_dict())[:6] == [
            "branch_name", "parent_branch", "created_at", "size_bytes", "size_mb", "status",
        ]  # fmt: skip

    def test_a_branch_is_as_large_as_what_it_changed(self, db: EmbeddedDatabase) -> None:
        db.execute("CREATE BRANCH dev")
        sizes = "SELECT size_bytes FROM pg_database_branches ORDER BY branch_name"
        (dev,), (main,) = db.query(sizes)
        assert (dev, main > 1000) == (0, True)
        db.execute("USE BRANCH dev")
        db.execute("DELETE FROM t WHERE id > 10")
        db.execute("UPDATE t SET id = id + 2000")
        (dev,), (same,) = db.query(sizes)
        assert 0 < dev < main / 10
        assert same == main


class TestEphemeral:
    def test_it_goes_with_its_session(self, db: EmbeddedDatabase) -> None:
        session = db.session()
        session.execute("CREATE BRANCH b WITH (ephemeral = true)")
        session.execute("USE BRANCH b")
        session.execute("DELETE FROM t")
        assert names(db) == ["b", "main"]
        session.close()
        assert names(db) == ["main"]
        assert db.query("SELECT count(*) FROM t") == [(1000,)]

    def test_it_stays_for_another_session_that_works_on_it(self, db: EmbeddedDatabase) -> None:
        first, second, third = db.session(), db.session(), db.session()
        first.execute("CREATE BRANCH b WITH (ephemeral)")
        second.execute("USE BRANCH b")
        third.execute("USE BRANCH b")
        first.close()
        second.execute("DELETE FROM t")
        second.execute("USE BRANCH main")
        second.close()
        assert list(third.execute("SELECT count(*) FROM t")[-1].rows) == [(0,)]
        third.execute("DISCARD ALL")
        assert names(db) == ["main"]

    def test_a_plus_makes_one(self, db: EmbeddedDatabase) -> None:
        with heliosdb.connect(db, branch="+") as connection:
            connection.execute("DELETE FROM t")
            connection.commit()
            assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
            (name,) = connection.execute("SHOW heliosdb.branch").fetchone() or ()
            connection.execute("RESET ALL")  # it is on the branch that it began with, and has looked at it
            assert connection.execute("SHOW heliosdb.branch").fetchone() == (name,)
            assert names(db) == [name, "main"]
        assert names(db) == ["main"]
        assert db.query("SELECT count(*) FROM t") == [(1000,)]
        with db.begin_transaction() as transaction:
            transaction.query("SELECT 1")
            with pytest.raises(errors.ActiveSqlTransaction):
                transaction.execute("SET heliosdb.branch = '+'")
        assert names(db) == ["main"]

    def test_a_path_with_a_plus_leaves_the_database_as_it_was(self, tmp_path: Path) -> None:
        path = str(tmp_path / "shop.helio")
        with EmbeddedDatabase(path) as db:
            db.execute("CREATE TABLE t (id int)")
        with EmbeddedDatabase(f"{path}@+") as db:
            db.execute("INSERT INTO t VALUES (1)")
            db.execute("DISCARD ALL")
            assert db.query("SELECT count(*) FROM t") == [(0,)]
            assert len(names(db)) == 2
            db.execute("DROP TABLE t")
        with EmbeddedDatabase(path) as db:
            assert db.query("SELECT count(*) FROM t") == [(0,)]
            assert names(db) == ["main"]

    def test_what_a_dead_process_left_behind_goes_when_the_database_is_opened(self) -> None:
        volume = FaultyVolume()
        database = Database(volume=volume, plugins=["branch"])
        session = database.session()
        session.execute("CREATE BRANCH b WITH (ephemeral)")
        session.execute("CREATE BRANCH kept WITH (region = 'here')")
        session.execute("CREATE BRANCH nested FROM b")
        volume.lose_power()
        database = Database(volume=volume.kill(), plugins=["branch"])
        assert [line.name for line in database.history.timelines()] == ["main", "kept", "nested"]
        session = database.session()
        ((found,),) = session.execute("SELECT options FROM pg_database_branches WHERE branch_name = 'kept'")[-1].rows
        assert json.loads(found) == {"region": "here"}
        database.close()


class TestTimeToLive:
    def test_it_goes_when_its_time_is_over_and_nobody_works_on_it(self, db: EmbeddedDatabase) -> None:
        db.execute("CREATE BRANCH long WITH (ttl = '1 hour')")
        db.execute("CREATE BRANCH short WITH (ttl = '1 microsecond')")
        db.execute("USE BRANCH short")
        sweep(db.database)
        assert names(db) == ["long", "main", "short"]
        found = db.query("SELECT branch_name, status FROM pg_database_branches WHERE expires_at IS NOT NULL ORDER BY 1")
        assert found == [("long", "active"), ("short", "expired")]
        db.execute("USE BRANCH main")
        sweep(db.database)
        assert names(db) == ["long", "main"]

    def test_a_worker_sweeps(self) -> None:
        config = heliosdb.Config(settings={"heliosdb.branch_sweep_interval": "20ms"})
        with EmbeddedDatabase(":memory:", config=config) as db:
            db.execute("CREATE BRANCH short WITH (ttl = '1 microsecond')")
            patience = time.monotonic() + 30
            while names(db) != ["main"] and time.monotonic() < patience:
                db.query("SELECT 1")
            assert names(db) == ["main"]


def test_what_a_branch_took_comes_back_when_it_is_dropped() -> None:
    volume = FaultyVolume()
    database = Database(volume=volume, plugins=["branch"])
    session = database.session()

    def taken() -> int:
        session.execute("CHECKPOINT")
        return sum(map(volume.size, volume.names()))

    session.execute("CREATE TABLE t AS SELECT g AS id, md5(g::text) AS x FROM generate_series(1, 20000) AS g")
    before = taken()
    session.execute("CREATE BRANCH b")
    session.execute("USE BRANCH b")
    session.execute("UPDATE t SET x = md5(x)")
    session.execute("CREATE INDEX ON t (x)")
    assert taken() > 1.8 * before
    session.execute("USE BRANCH main")
    session.execute("DROP BRANCH b")
    assert taken() < 1.05 * before
    database.close()
