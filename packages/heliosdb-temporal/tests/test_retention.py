"""What the configuration asks to be kept."""

from __future__ import annotations

import io
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from heliosdb import Config, EmbeddedDatabase
from heliosdb.database import Database
from heliosdb.dump import dump_script, restore
from heliosdb.errors import (
    Error,
    FeatureNotSupported,
    InvalidDatetimeFormat,
    InvalidParameterValue,
    ObjectNotInPrerequisiteState,
    SqlSyntaxError,
    UndefinedTable,
    WrongObjectType,
)
from heliosdb.spi import Retention
from heliosdb_temporal.retention import sweep
from heliosdb_testkit import FaultyVolume, PowerLoss

DAY = 86_400_000_000
NOTHING = Config(retention_days=0)


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        ({"retention_days": 30}, Retention(30 * DAY)),
        ({"options": {"temporal.snapshot_retention_days": 1}}, Retention(DAY)),
        ({"retention_days": 2, "options": {"temporal.snapshot_retention_days": 2}}, Retention(2 * DAY)),
        ({"options": {"temporal.time_travel_enabled": True}}, Retention()),
        ({"retention_days": 7, "options": {"temporal.time_travel_enabled": True}}, Retention(7 * DAY)),
        ({"options": {"temporal.time_travel_enabled": False}}, Retention(0)),
        ({"retention_days": 0}, Retention(0)),
        ({"retention_days": 0, "options": {"temporal.time_travel_enabled": False}}, Retention(0)),
        ({}, Retention()),
    ],
)
def test_the_configuration_says_what_is_kept(config: dict[str, Any], kept: Retention | None) -> None:
    with EmbeddedDatabase(":memory:", config=Config(**config)) as db:
        assert db.database.history.retentions().get(0) == kept


@pytest.mark.parametrize(
    "config",
    [
        {"retention_days": -1},
        {"retention_days": True},
        {"retention_days": 36_501},
        {"options": {"temporal.snapshot_retention_days": "30"}},
        {"options": {"temporal.time_travel_enabled": 1}},
        {"retention_days": 1, "options": {"temporal.snapshot_retention_days": 2}},
        {"retention_days": 1, "options": {"temporal.time_travel_enabled": False}},
        {"retention_days": 0, "options": {"temporal.time_travel_enabled": True}},
    ],
)
def test_what_makes_no_sense_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameterValue):
        EmbeddedDatabase(":memory:", config=Config(**config))


def test_a_wish_holds_until_another_one(tmp_path: Path) -> None:
    path = str(tmp_path / "kept.helio")

    def held(config: Config | None = None) -> Retention | None:
        with EmbeddedDatabase(path, config=config) as db:
            return db.database.history.retentions().get(0)

    assert held(Config(retention_days=3)) == Retention(3 * DAY)
    assert held() == Retention(3 * DAY)
    assert held(Config(options={"temporal.time_travel_enabled": True})) == Retention()
    assert held(Config(options={"temporal.time_travel_enabled": False})) == Retention(0)
    assert held() == Retention(0)


def versions(db: EmbeddedDatabase) -> list[int]:
    return [row[0] for row in db.query("SELECT n FROM t FOR SYSTEM_TIME ALL ORDER BY system_scn")]


def test_a_database_that_is_made_with_the_package_keeps_everything_without_it_too(tmp_path: Path) -> None:
    path = str(tmp_path / "made.helio")
    with EmbeddedDatabase(path) as db:
        db.execute("CREATE TABLE t (n int)")
        db.execute("INSERT INTO t VALUES (1)")
    with EmbeddedDatabase(path, plugins=[]) as db:
        assert db.database.history.retentions() == {0: Retention()}
        db.execute("UPDATE t SET n = 2")
        db.execute("VACUUM")
    with EmbeddedDatabase(path) as db:
        assert versions(db) == [1, 2]


def test_a_database_that_was_made_without_it_keeps_everything_while_the_package_is_there(tmp_path: Path) -> None:
    path = str(tmp_path / "other.helio")
    with EmbeddedDatabase(path, plugins=[]) as db:
        db.execute("CREATE TABLE t (n int)")
        db.execute("INSERT INTO t VALUES (1)")
        db.execute("UPDATE t SET n = 2")
        db.execute("VACUUM")
    with EmbeddedDatabase(path) as db:
        db.execute("UPDATE t SET n = 3")
        then = db.query("SELECT heliosdb_current_scn()")[0][0]
        db.execute("UPDATE t SET n = 4")
        db.execute("VACUUM")
    with EmbeddedDatabase(path) as db:
        assert versions(db) == [2, 3, 4]
        assert db.query("SELECT n FROM t AS OF SCN $1", [then]) == [(3,)]
    with EmbeddedDatabase(path, plugins=[]) as db:
        assert db.database.history.retentions() == {}
        db.execute("VACUUM")
    with EmbeddedDatabase(path) as db:
        assert versions(db) == [4]
        with pytest.raises(ObjectNotInPrerequisiteState, match=f"SCN {then} is before the horizon"):
            db.query("SELECT n FROM t AS OF SCN $1", [then])


def test_what_came_since_the_last_checkpoint_is_kept_through_a_crash_too() -> None:
    volume = FaultyVolume()
    database = Database(volume=volume, plugins=[])
    with closing(database.session()) as session:
        session.execute("CREATE TABLE t (n int)")
    database.close()
    volume = volume.kill()
    database = Database(volume=volume)
    session = database.session()
    session.execute("INSERT INTO t VALUES (1)")
    session.execute("UPDATE t SET n = 2")
    session.execute("DROP TABLE t")
    scn = database.history.published
    database = Database(volume=volume.kill())
    session = database.session()
    assert [row[0] for row in session.execute(f"SELECT n FROM t AS OF SCN {scn - 1}")[0].rows] == [2]
    assert [row[0] for row in session.execute(f"SELECT n FROM t AS OF SCN {scn - 2}")[0].rows] == [1]


def test_temporary_tables_keep_nothing(tmp_path: Path) -> None:
    with EmbeddedDatabase(str(tmp_path / "t.helio")) as db:
        db.execute("CREATE TEMP TABLE scratch (n int)")
        db.execute("INSERT INTO scratch SELECT generate_series(1, 100)")
        oid = db.query("SELECT 'scratch'::regclass::oid")[0][0]
        for _ in range(5):
            db.execute("UPDATE scratch SET n = n + 1")
        db.execute("VACUUM")
        with db.database.store_transaction() as transaction:
            relation = transaction.relation(oid)
            assert [block.superseded() for block in relation.blocks] == [0]
        db.execute("DROP TABLE scratch")
        assert oid not in db.database.store.main.relations
        assert db.database.history.retentions() == {0: Retention()}


def retention(db: EmbeddedDatabase, table: str) -> Retention | None:
    return db.database.history.retentions().get(db.query("SELECT $1::regclass::oid", [table])[0][0])


def option(db: EmbeddedDatabase, table: str) -> list[str] | None:
    found: list[str] | None = db.query("SELECT reloptions FROM pg_class WHERE oid = $1::regclass", [table])[0][0]
    return found


def test_one_table_keeps_its_past_and_another_does_not(tmp_path: Path) -> None:
    path = str(tmp_path / "one.helio")
    with EmbeddedDatabase(path, config=NOTHING) as db:
        for table in ("kept", "other"):
            db.execute(f"CREATE TABLE {table} (id int)")
        db.execute("ALTER TABLE kept ADD SYSTEM VERSIONING")
        db.execute("INSERT INTO kept VALUES (1); INSERT INTO other VALUES (1)")
        then = db.query("SELECT heliosdb_current_scn()")[0][0]
        db.execute("UPDATE kept SET id = 2; UPDATE other SET id = 2")
        db.execute("CREATE TABLE later (id int); DROP TABLE later")
        db.execute("VACUUM")
    with EmbeddedDatabase(path) as db:
        assert db.query("SELECT * FROM kept AS OF SCN $1", [then]) == [(1,)]
        with pytest.raises(ObjectNotInPrerequisiteState, match='horizon of relation "other"'):
            db.query("SELECT * FROM other AS OF SCN $1", [then])
        db.execute("ALTER TABLE kept DROP SYSTEM VERSIONING")
        db.execute("VACUUM")
        with pytest.raises(ObjectNotInPrerequisiteState, match='horizon of relation "kept"'):
            db.query("SELECT * FROM kept AS OF SCN $1", [then])


def test_a_table_may_keep_nothing_where_the_database_keeps_all() -> None:
    with EmbeddedDatabase.new_in_memory() as db:
        db.execute("CREATE TABLE counted (n int) WITH (retention = '0'); CREATE TABLE kept AS SELECT 1 AS n")
        db.execute("INSERT INTO counted VALUES (1)")
        for table in ("counted", "kept"):
            db.execute(f"UPDATE {table} SET n = 2")
        db.execute("VACUUM")
        found = "SELECT table_name, keeps_past, superseded_versions FROM heliosdb_history_size ORDER BY 1"
        assert db.query(found) == [("counted", False, 0), ("kept", True, 1)]


def test_versioning_is_the_option() -> None:
    with EmbeddedDatabase(":memory:", config=Config(retention_days=30)) as db:
        db.execute("""CREATE TABLE "T" (id int)""")
        db.execute("""alter table public."T" add system versioning with (retention = '90 days')""")
        assert (retention(db, '"T"'), option(db, '"T"')) == (Retention(90 * DAY), ["retention=90 days"])
        db.execute("""ALTER TABLE IF EXISTS "T" ADD SYSTEM VERSIONING WITH (RETENTION = '36 hours')""")
        assert (retention(db, '"T"'), option(db, '"T"')) == (Retention(36 * DAY // 24), ["retention=36 hours"])
        db.execute("""ALTER TABLE "T" ADD SYSTEM VERSIONING""")
        assert (retention(db, '"T"'), option(db, '"T"')) == (Retention(), ["retention=forever"])
        db.execute("""ALTER TABLE "T" SET (retention = '1 month 1 day', fillfactor = 70)""")
        assert retention(db, '"T"') == Retention(31 * DAY)
        db.execute("""ALTER TABLE "T" DROP SYSTEM VERSIONING""")
        assert (retention(db, '"T"'), option(db, '"T"')) == (None, ["fillfactor=70"])
        db.execute("""ALTER TABLE "T" SET (retention = 'Forever'); ALTER TABLE "T" RESET (retention, fillfactor)""")
        assert (retention(db, '"T"'), option(db, '"T"')) == (None, None)
        db.execute("ALTER TABLE IF EXISTS nowhere ADD SYSTEM VERSIONING")


def test_the_option_is_part_of_its_transaction() -> None:
    with EmbeddedDatabase.new_in_memory() as db:
        db.execute("CREATE TABLE t (id int) WITH (retention = '1 day')")
        db.execute("BEGIN; ALTER TABLE t ADD SYSTEM VERSIONING WITH (retention = '2 days'); ROLLBACK")
        assert (retention(db, "t"), option(db, "t")) == (Retention(DAY), ["retention=1 day"])
        db.execute(
            "BEGIN; SAVEPOINT s; ALTER TABLE t SET (retention = '0'); ROLLBACK TO s; CREATE TABLE u (id int); COMMIT"
        )
        assert (retention(db, "t"), option(db, "t")) == (Retention(DAY), ["retention=1 day"])
        db.execute("BEGIN; ALTER TABLE t SET (retention = '3 days'); ALTER TABLE t SET (retention = '4 days')")
        assert retention(db, "t") == Retention(DAY)
        db.execute("COMMIT")
        assert (retention(db, "t"), option(db, "t")) == (Retention(4 * DAY), ["retention=4 days"])
        db.execute("BEGIN; CREATE TABLE gone (id int) WITH (retention = '5 days'); ROLLBACK")
        assert Retention(5 * DAY) not in db.database.history.retentions().values()


def test_a_crash_between_the_definition_and_the_retention_is_made_good() -> None:
    volume = FaultyVolume()
    database = Database(volume=volume)
    session = database.session()
    session.execute("CREATE TABLE t (id int)")
    oid = session.execute("SELECT 't'::regclass::oid")[0].rows[0][0]
    left: list[FaultyVolume] = []
    session.execute("BEGIN")
    session.transaction.at_end(lambda: left.append(volume.kill()))
    session.execute("ALTER TABLE t SET (retention = '7 days')")
    with pytest.raises(PowerLoss):
        session.execute("COMMIT")
    database = Database(volume=left[0])
    assert database.history.retentions()[oid] == Retention(7 * DAY)


def test_dumps_have_the_option() -> None:
    with EmbeddedDatabase.new_in_memory() as db, EmbeddedDatabase.new_in_memory() as copy:
        db.execute("CREATE TABLE t (id int) WITH (retention = '90 days')")
        restore(copy, io.BytesIO("".join(dump_script(db)).encode()))
        assert retention(copy, "t") == Retention(90 * DAY)


def test_branches_share_what_a_table_keeps() -> None:
    with EmbeddedDatabase.new_in_memory() as db:
        db.execute("CREATE TABLE t (id int) WITH (retention = '1 day')")
        for text in ("CREATE BRANCH b", "USE BRANCH b"):
            db.execute(text)
        with pytest.raises(FeatureNotSupported, match='on branch "b"'):
            db.execute("ALTER TABLE t SET (retention = '2 days')")
        db.execute("CREATE TABLE own (id int) WITH (retention = '3 days')")
        assert retention(db, "own") == Retention(3 * DAY)
        db.execute("ALTER TABLE own SET (retention = '4 days')")
        assert retention(db, "own") == Retention(4 * DAY)
        for text in ("USE BRANCH main", "MERGE DATABASE BRANCH b INTO main"):
            db.execute(text)
        assert (retention(db, "own"), option(db, "own")) == (Retention(4 * DAY), ["retention=4 days"])


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("ALTER TABLE nowhere ADD SYSTEM VERSIONING", UndefinedTable),
        ("ALTER TABLE v ADD SYSTEM VERSIONING", WrongObjectType),
        ("ALTER TABLE t DROP SYSTEM VERSIONING", ObjectNotInPrerequisiteState),
        ("ALTER TABLE t ADD SYSTEM VERSIONING WITH (retention = '-1 day')", InvalidParameterValue),
        ("ALTER TABLE t ADD SYSTEM VERSIONING WITH (retention = '0')", InvalidParameterValue),
        ("ALTER TABLE t ADD SYSTEM VERSIONING WITH (retention = 'long')", InvalidDatetimeFormat),
        ("ALTER TABLE t ADD SYSTEM VERSIONING WITH (colour = 'red')", SqlSyntaxError),
        ("ALTER TABLE t DROP SYSTEM VERSIONING WITH (retention = '1 day')", SqlSyntaxError),
        ("ALTER TABLE t ADD COLUMN c int, ADD SYSTEM VERSIONING", FeatureNotSupported),
        ("ALTER TABLE t SET (retention = '-1 day')", InvalidParameterValue),
        ("ALTER TABLE t SET (retention)", InvalidParameterValue),
        ("ALTER TABLE t SET (retention = '')", InvalidDatetimeFormat),
        ("CREATE TABLE u (id int) WITH (retention = 'soon')", InvalidDatetimeFormat),
        ("CREATE TEMP TABLE u (id int) WITH (retention = '1 day')", FeatureNotSupported),
        ("CREATE VIEW w WITH (retention = '1 day') AS SELECT 1", Error),
        ("CREATE MATERIALIZED VIEW w WITH (retention = '1 day') AS SELECT 1", Error),
    ],
)
def test_a_retention_that_makes_no_sense_is_refused(text: str, error: type[Error]) -> None:
    with EmbeddedDatabase.new_in_memory() as db:
        db.execute("CREATE TABLE t (id int); CREATE VIEW v AS SELECT * FROM t")
        with pytest.raises(error):
            db.execute(text)
        assert db.database.history.retentions() == {0: Retention()}


def test_other_changes_of_tables_are_as_before() -> None:
    with EmbeddedDatabase.new_in_memory() as db:
        db.execute("CREATE TABLE t (id int)")
        db.execute("ALTER TABLE t ADD system text; ALTER TABLE t DROP system; ALTER TABLE t RENAME TO u")
        assert db.query("SELECT * FROM u") == []


class TestSweep:
    """A database in memory lets go of what no retention covers."""

    def filled(self, db: EmbeddedDatabase, kept: str) -> None:
        db.execute("CREATE TABLE t (n int)")
        db.execute("INSERT INTO t VALUES (0)")
        for _ in range(3):
            db.execute("UPDATE t SET n = n + 1")
        db.execute(f"ALTER TABLE t SET (retention = '{kept}')")

    def test_a_worker_does_it(self) -> None:
        config = Config(settings={"heliosdb.retention_sweep_interval": "20ms"})
        with EmbeddedDatabase(":memory:", config=config) as db:
            self.filled(db, "1 microsecond")
            oid = db.query("SELECT 't'::regclass::oid")[0][0]
            patience = time.monotonic() + 30
            while not db.database.history.horizon(oid) and time.monotonic() < patience:
                db.query("SELECT 1")
            assert versions(db) == [3]

    def test_what_is_covered_stays(self) -> None:
        with EmbeddedDatabase.new_in_memory() as db:
            self.filled(db, "1 hour")
            sweep(db.database)
            assert versions(db) == [0, 1, 2, 3]

    def test_files_are_compaction_s(self, tmp_path: Path) -> None:
        with EmbeddedDatabase(str(tmp_path / "t.helio")) as db:
            self.filled(db, "1 microsecond")
            sweep(db.database)
            kept = db.query("SELECT superseded_versions FROM heliosdb_history_size")
            assert kept == [(3,)]
            db.execute("VACUUM")
            assert versions(db) == [3]
