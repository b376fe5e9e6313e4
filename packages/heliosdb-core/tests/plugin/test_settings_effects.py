"""Every setting either changes something or refuses every value but its own; what SHOW says is what holds."""

from __future__ import annotations

from typing import Any

import pytest

from heliosdb import Config, EmbeddedDatabase, connect
from heliosdb.catalog.registries import Setting
from heliosdb.database import Database
from heliosdb.errors import (
    CantChangeRuntimeParam,
    Error,
    FeatureNotSupported,
    InvalidParameterValue,
    LockNotAvailable,
    QueryCanceled,
    ReadOnlySqlTransaction,
)
from heliosdb.plugin.core_settings import SETTINGS

CHANGEABLE = [setting for setting in SETTINGS if setting.context != "internal"]

SHOWN = {
    "search_path": ("pg_catalog", "SELECT current_schema()::text"),
    "TimeZone": ("Asia/Tokyo", "SELECT '2024-01-01 00:00+00'::timestamptz::text"),
    "DateStyle": ("SQL, DMY", "SELECT '2024-01-31'::date::text"),
    "IntervalStyle": ("iso_8601", "SELECT '1 day 2 hours'::interval::text"),
    "bytea_output": ("escape", "SELECT 'abc'::bytea::text"),
    "extra_float_digits": ("-10", "SELECT (1.0::float8 / 3)::text"),
    "default_transaction_isolation": ("serializable", "SHOW transaction_isolation"),
    "default_transaction_read_only": ("on", "SHOW transaction_read_only"),
    "application_name": ("a program", "SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()"),
}
"""A value, and a query whose answer it changes."""

IN_TRANSACTIONS = {"transaction_isolation": "serializable", "transaction_read_only": "on"}

OTHERWISE = {
    "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "client_min_messages", "work_mem",
    "temp_file_limit", "password_encryption", "idle_session_timeout", "log_min_duration_statement",
    "pg_stat_statements.track",
}  # fmt: skip
"""Each has a test of its own, here or where it is read."""

PERMISSIONS = {
    "synchronous_commit": "off permits to lose the last commits; values that need replicas are refused",
    "row_security": "off wants an error where a policy would leave rows out, and there are no policies",
    "check_function_bodies": "off leaves out a check of bodies in SQL, and there are none",
}  # fmt: skip
"""Both values mean the same here, and why."""


def other_values(setting: Setting) -> list[str]:
    """Return texts of values other than the default's."""
    match setting.kind:
        case "bool":
            return ["off" if setting.default else "on"]
        case "integer":
            return [str(setting.default + 1)]
        case "enum":
            return [value for value in setting.values if value != setting.default]
    return {"client_encoding": ["LATIN1", "SQL_ASCII"]}.get(setting.name, ["other"])


@pytest.mark.parametrize("setting", CHANGEABLE, ids=lambda setting: setting.name)
def test_every_setting_has_an_effect_or_refuses_other_values(setting: Setting) -> None:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        before = database.query(f"SHOW {setting.name}")[0][0]
        if setting.name in SHOWN:
            value, query = SHOWN[setting.name]
            without = database.query(query)
            database.execute("SELECT set_config($1, $2, false)", (setting.name, value))
            assert database.query(query) != without
            database.execute(f"RESET {setting.name}")
            assert database.query(query) == without
            assert database.query(f"SHOW {setting.name}")[0][0] == before
        elif setting.name not in IN_TRANSACTIONS | PERMISSIONS.keys() and setting.name not in OTHERWISE:
            for text in other_values(setting):
                with pytest.raises(FeatureNotSupported) as raised:
                    database.execute(f"SET {setting.name} = '{text}'")
                assert raised.value.detail or raised.value.hint
                with pytest.raises((FeatureNotSupported, CantChangeRuntimeParam)):
                    EmbeddedDatabase.with_config(":memory:", Config(settings={setting.name: text}))
            assert database.query(f"SHOW {setting.name}")[0][0] == before


def test_no_setting_is_listed_that_is_not_there() -> None:
    names = {setting.name for setting in CHANGEABLE}
    assert names >= {*SHOWN, *IN_TRANSACTIONS, *OTHERWISE, *PERMISSIONS}


def test_a_statement_that_takes_too_long_is_canceled() -> None:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.execute("SET statement_timeout = 50")
        with pytest.raises(QueryCanceled, match="canceling statement due to statement timeout"):
            database.query("SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b")
        database.execute("SET statement_timeout = 0")
        assert database.query("SELECT count(*) FROM generate_series(1, 1000)") == [(1000,)]


def test_a_lock_is_waited_for_no_longer_than_lock_timeout() -> None:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.execute("CREATE TABLE t (id int)")
        with database.begin_transaction() as first:
            first.execute("LOCK TABLE t")
            database.execute("SET lock_timeout = 20")
            with pytest.raises(LockNotAvailable, match="canceling statement due to lock timeout"):
                database.execute("LOCK TABLE t; SELECT 1")


@pytest.mark.parametrize(("level", "kept"), [("notice", 1), ("warning", 0), ("error", 0), ("debug1", 1)])
def test_notices_below_client_min_messages_are_not_sent(level: str, kept: int) -> None:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.execute(f"SET client_min_messages = {level}")
        database.execute("DROP TABLE IF EXISTS nothing")
        assert len(database.notices) == kept


@pytest.mark.parametrize("name", ["application_name", "statement_timeout", "my.own"])
def test_one_value_is_taken_where_there_is_one(name: str) -> None:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        with pytest.raises(InvalidParameterValue, match=f"SET {name} takes only one argument"):
            database.execute(f"SET {name} = 'a', 'b'")
        database.execute("SET search_path = A, \"B\", 'C d', 'e,f'; SET DateStyle = SQL, DMY")
        assert database.query("SHOW search_path") == [('a, "B", "C d", "e,f"',)]
        assert database.query("SHOW DateStyle") == [("SQL, DMY",)]


# -- what holds for one transaction ------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["SET {0} = '{1}'", "SET LOCAL {0} TO {1}", "SELECT set_config('{0}', '{1}', false)"])
def test_a_transaction_can_be_made_read_only_however_it_is_written(how: str) -> None:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.execute("CREATE TABLE t (id int)")
        for text in ("t", "yes", "1", "on"):
            database.execute("BEGIN")
            database.execute(how.format("transaction_read_only", f"{text}"))
            shown = (
                "SELECT current_setting('transaction_read_only'), setting FROM pg_settings "
                "WHERE name = 'transaction_read_only'"
            )
            assert database.query(shown) == [("on", "on")]
            assert database.query("SHOW transaction_read_only") == [("on",)]
            with pytest.raises(ReadOnlySqlTransaction):
                database.execute("INSERT INTO t VALUES (1)")
            database.execute("ROLLBACK")
        assert database.query("SHOW transaction_read_only") == [("off",)]
        with pytest.raises(InvalidParameterValue, match='parameter "transaction_read_only" requires a Boolean value'):
            database.execute("SET transaction_read_only = 'perhaps'")


@pytest.mark.parametrize("how", ["SET {0} = '{1}'", "SELECT set_config('{0}', '{1}', true)"])
def test_the_isolation_of_a_transaction_is_shown_where_one_looks(how: str) -> None:
    with connect(plugins=[]) as connection:
        wanted = "serializable"
        if how.startswith("SELECT"):
            # A query has its snapshot before its function can change the level, as in PostgreSQL.
            with pytest.raises(Error) as raised:
                connection.execute(how.format("transaction_isolation", wanted))
            assert raised.value.sqlstate == "25001"
            return
        connection.execute(how.format("transaction_isolation", wanted))
        shown = (
            "SELECT current_setting('transaction_isolation'), setting FROM pg_settings "
            "WHERE name = 'transaction_isolation'"
        )
        assert connection.execute(shown).fetchall() == [(wanted, wanted)]
        assert connection.execute("SHOW transaction_isolation").fetchone() == (wanted,)
        connection.rollback()
        assert connection.execute("SHOW transaction_isolation").fetchone() == ("read committed",)


def test_outside_of_a_block_settings_of_transactions_change_nothing_and_say_so() -> None:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        for statement in (
            "SET transaction_read_only = on",
            "SELECT set_config('transaction_read_only', 'on', false)",
            "RESET transaction_read_only",
        ):
            database.execute(statement)
            assert database.notices.pop().sqlstate == "25P01"
            database.execute("CREATE TABLE t (id int)")
            database.execute("DROP TABLE t")
        with pytest.raises(InvalidParameterValue, match='invalid value for parameter "transaction_isolation": "chaos"'):
            database.execute("SET transaction_isolation = chaos")


# -- where values come from --------------------------------------------------------------------------------------------

ROW = "SELECT setting, source, boot_val, reset_val FROM pg_settings WHERE name = $1"


def test_pg_settings_tells_values_in_their_base_unit_and_where_they_come_from() -> None:
    config = Config(settings={"statement_timeout": "2min", "TimeZone": "Asia/Tokyo"})
    with EmbeddedDatabase.with_config(":memory:", config) as database:
        assert database.query(ROW, ("statement_timeout",)) == [("120000", "configuration file", "0", "120000")]
        assert database.query("SHOW statement_timeout") == [("2min",)]
        database.execute("SET statement_timeout = '3s'")
        assert database.query(ROW, ("statement_timeout",)) == [("3000", "session", "0", "120000")]
        database.execute("RESET statement_timeout")
        assert database.query(ROW, ("statement_timeout",)) == [("120000", "configuration file", "0", "120000")]
        database.execute("SET TimeZone = 'UTC'")
        assert database.query(ROW, ("TimeZone",)) == [("UTC", "session", "UTC", "Asia/Tokyo")]
        assert database.query(ROW, ("lock_timeout",)) == [("0", "default", "0", "0")]
        assert database.query("SELECT max_val FROM pg_settings WHERE name = 'lock_timeout'") == [("2147483647",)]
        assert "TimeZone" in [row[0] for row in database.query("SHOW ALL")]


def test_reset_all_goes_back_to_the_isolation_of_the_door() -> None:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.execute("SET default_transaction_isolation = serializable")
        for statement in ("RESET ALL", "DISCARD ALL"):
            database.execute(statement)
            assert database.query("SHOW default_transaction_isolation") == [("repeatable read",)]
            with database.begin_transaction() as transaction:
                assert transaction.query("SHOW transaction_isolation") == [("repeatable read",)]


def test_a_configured_isolation_wins_over_that_of_the_door() -> None:
    config = Config(settings={"default_transaction_isolation": "serializable"})
    with EmbeddedDatabase.with_config(":memory:", config) as database:
        assert database.query("SHOW transaction_isolation") == [("serializable",)]
        with database.begin_transaction() as transaction:
            assert transaction.query("SHOW transaction_isolation") == [("serializable",)]


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("log_statement", "all", FeatureNotSupported),
        ("statement_timeout", -1, InvalidParameterValue),
        ("transaction_isolation", "serializable", CantChangeRuntimeParam),
        ("server_version", "9.0", CantChangeRuntimeParam),
        ("standard_conforming_strings", False, FeatureNotSupported),
    ],
)
def test_values_that_come_as_python_objects_are_checked_too(name: str, value: Any, error: type[Error]) -> None:
    with pytest.raises(error):
        Database(settings={name: value}, plugins=[])
    database = Database(plugins=[])
    with pytest.raises(error):
        database.session(settings={name: value})
    database.close()
