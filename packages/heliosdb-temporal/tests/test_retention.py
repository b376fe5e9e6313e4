"""What the configuration asks to be kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from heliosdb import Config, EmbeddedDatabase
from heliosdb.errors import (
    ActiveSqlTransaction,
    Error,
    FeatureNotSupported,
    InvalidParameterValue,
    ObjectNotInPrerequisiteState,
    UndefinedTable,
    WrongObjectType,
)
from heliosdb.spi import Retention

DAY = 86_400_000_000


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        ({"retention_days": 30}, Retention(30 * DAY)),
        ({"options": {"temporal.snapshot_retention_days": 1}}, Retention(DAY)),
        ({"retention_days": 2, "options": {"temporal.snapshot_retention_days": 2}}, Retention(2 * DAY)),
        ({"options": {"temporal.time_travel_enabled": True}}, Retention()),
        ({"retention_days": 7, "options": {"temporal.time_travel_enabled": True}}, Retention(7 * DAY)),
        ({"options": {"temporal.time_travel_enabled": False}}, None),
        ({}, None),
    ],
)
def test_the_configuration_says_what_is_kept(config: dict[str, Any], kept: Retention | None) -> None:
    with EmbeddedDatabase(":memory:", config=Config(**config)) as db:
        assert db.database.history.retentions().get(0) == kept


@pytest.mark.parametrize(
    "config",
    [
        {"retention_days": 0},
        {"retention_days": -1},
        {"retention_days": True},
        {"retention_days": 36_501},
        {"options": {"temporal.snapshot_retention_days": "30"}},
        {"options": {"temporal.time_travel_enabled": 1}},
        {"retention_days": 1, "options": {"temporal.snapshot_retention_days": 2}},
        {"retention_days": 1, "options": {"temporal.time_travel_enabled": False}},
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
    assert held(Config(options={"temporal.time_travel_enabled": False})) is None
    assert held() is None


def retention(db: EmbeddedDatabase, table: str) -> Retention | None:
    return db.database.history.retentions().get(db.query("SELECT $1::regclass::oid", [table])[0][0])


def test_one_table_keeps_its_past_and_another_does_not(tmp_path: Path) -> None:
    path = str(tmp_path / "one.helio")
    with EmbeddedDatabase(path) as db:
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


def test_versioning_may_state_how_long() -> None:
    with EmbeddedDatabase(":memory:", config=Config(retention_days=30)) as db:
        db.execute("""CREATE TABLE "T" (id int)""")
        db.execute("""alter table public."T" add system versioning with (retention = '90 days')""")
        assert retention(db, '"T"') == Retention(90 * DAY)
        db.execute("""ALTER TABLE IF EXISTS "T" ADD SYSTEM VERSIONING WITH (RETENTION = '36 hours')""")
        assert retention(db, '"T"') == Retention(36 * DAY // 24)
        db.execute("""ALTER TABLE "T" ADD SYSTEM VERSIONING""")
        assert retention(db, '"T"') == Retention()
        db.execute("""ALTER TABLE "T" DROP SYSTEM VERSIONING""")
        assert retention(db, '"T"') is None
        db.execute("ALTER TABLE IF EXISTS nowhere ADD SYSTEM VERSIONING")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("ALTER TABLE nowhere ADD SYSTEM VERSIONING", UndefinedTable),
        ("ALTER TABLE v ADD SYSTEM VERSIONING", WrongObjectType),
        ("ALTER TABLE t DROP SYSTEM VERSIONING", ObjectNotInPrerequisiteState),
        ("ALTER TABLE t ADD SYSTEM VERSIONING WITH (retention = '-1 day')", InvalidParameterValue),
        ("ALTER TABLE t ADD SYSTEM VERSIONING WITH (retention = '0')", InvalidParameterValue),
        ("ALTER TABLE t ADD SYSTEM VERSIONING WITH (retention = 'long')", Error),
        ("ALTER TABLE t ADD SYSTEM VERSIONING WITH (colour = 'red')", Error),
        ("ALTER TABLE t DROP SYSTEM VERSIONING WITH (retention = '1 day')", Error),
        ("ALTER TABLE t ADD COLUMN c int, ADD SYSTEM VERSIONING", FeatureNotSupported),
        ("BEGIN; ALTER TABLE t ADD SYSTEM VERSIONING", ActiveSqlTransaction),
    ],
)
def test_versioning_that_makes_no_sense_is_refused(text: str, error: type[Error]) -> None:
    with EmbeddedDatabase.new_in_memory() as db:
        db.execute("CREATE TABLE t (id int); CREATE VIEW v AS SELECT * FROM t")
        with pytest.raises(error):
            db.execute(text)
        assert db.database.history.retentions() == {}


def test_other_changes_of_tables_are_as_before() -> None:
    with EmbeddedDatabase.new_in_memory() as db:
        db.execute("CREATE TABLE t (id int)")
        db.execute("ALTER TABLE t ADD system text; ALTER TABLE t DROP system; ALTER TABLE t RENAME TO u")
        assert db.query("SELECT * FROM u") == []
