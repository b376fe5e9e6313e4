"""The configuration at the doors: ``EmbeddedDatabase``, ``connect`` and the command line do what it says."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import heliosdb
from heliosdb import Config, EmbeddedDatabase, connect, load_config
from heliosdb.config import ENVIRONMENT, KEYS
from heliosdb.errors import (
    Error,
    FeatureNotSupported,
    InterfaceError,
    InvalidParameterValue,
    ReadOnlySqlTransaction,
    UndefinedObject,
)
from heliosdb.plugin import hookimpl

TOKYO = {"TimeZone": "Asia/Tokyo"}


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """The logger of the product; its level is put back."""
    found = logging.getLogger("heliosdb")
    level = found.level
    yield found
    found.setLevel(level)


def test_settings_of_a_configuration_hold_at_both_doors() -> None:
    config = Config(settings=TOKYO)
    with EmbeddedDatabase.with_config(":memory:", config) as database, connect(config=config) as connection:
        assert database.query("SHOW TimeZone") == [("Asia/Tokyo",)]
        assert database.begin_transaction().query("SHOW TimeZone") == [("Asia/Tokyo",)]
        assert connection.execute("SHOW TimeZone").fetchone() == ("Asia/Tokyo",)


def test_without_a_path_the_configuration_says_where(tmp_path: Path) -> None:
    for open_it in (lambda config: EmbeddedDatabase.with_config(None, config), lambda config: connect(config=config)):
        open_it(Config(in_memory=True, path=str(tmp_path / "nowhere"))).close()
        open_it(Config()).close()
        open_it(Config(path=str(tmp_path / "somewhere"))).close()
    assert [entry.name for entry in tmp_path.iterdir()] == ["somewhere"]


def test_a_path_wins_over_the_configured_one_but_does_not_contradict_in_memory(tmp_path: Path) -> None:
    configured = Config(path=str(tmp_path / "configured"))
    EmbeddedDatabase.with_config(":memory:", configured).close()
    connect(str(tmp_path / "argument"), config=configured).close()
    assert [entry.name for entry in tmp_path.iterdir()] == ["argument"]
    for open_it in (EmbeddedDatabase.with_config, lambda path, config: connect(path, config=config)):
        with pytest.raises(InvalidParameterValue, match='the configuration says "in_memory", and the path is "x"'):
            open_it("x", Config(in_memory=True))


def test_what_is_stated_of_a_database_on_disk_reaches_its_store(tmp_path: Path) -> None:
    path = str(tmp_path / "db")
    stated = {
        "cache_size": 3 << 20,
        "checkpoint_log_size": 2 << 20,
        "checkpoint_commits": 7,
        "compact_interval_hours": 5,
        "background_write_rate": 1 << 20,
    }
    with EmbeddedDatabase.with_config(path, Config(compression="none", **stated)) as database:
        options = database.database.store.options
        assert {name: getattr(options, name) for name in stated} == stated
        assert options.codecs.names == ()
        database.execute("CREATE TABLE t (a int)")
    with EmbeddedDatabase.with_config(path, Config(read_only=True)) as database:
        assert database.query("SELECT count(*) FROM t") == [(0,)]
        with pytest.raises(ReadOnlySqlTransaction):
            database.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(ReadOnlySqlTransaction):
            database.execute("CREATE TABLE u (a int)")
    for wrong in ({"cache_size": 5}, {"cache_size": True}, {"compression": "zip"}, {"checkpoint_commits": 0}):
        with pytest.raises(InvalidParameterValue, match=next(iter(wrong))):
            Config(**wrong)


def test_a_size_has_two_names_which_may_not_contradict_each_other(tmp_path: Path) -> None:
    file = tmp_path / "heliosdb.toml"
    file.write_text('[storage]\ncache_size = "64MB"\n[performance]\nbuffer_pool_size = 67108864\n')
    assert load_config(str(file), environment={}).cache_size == 64 << 20
    file.write_text("[storage]\ncache_size = 67108864\n[performance]\nbuffer_pool_size = 1048576\n")
    with pytest.raises(InvalidParameterValue, match=r"buffer_pool_size.*contradicts"):
        load_config(str(file), environment={})
    assert load_config(environment={"HELIOSDB_CACHE_SIZE": "536870912"}).cache_size == 512 << 20
    with pytest.raises(InvalidParameterValue, match=r"cache_size.*must be an? integer"):
        load_config(environment={"HELIOSDB_CACHE_SIZE": "much"})


def test_what_is_fixed_when_a_database_opens_is_refused_for_an_open_one() -> None:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        for options in ({"config": Config(settings=TOKYO)}, {"strict": True}, {"plugins": []}):
            with pytest.raises(InterfaceError):
                connect(database, **options)  # type: ignore[arg-type]


def test_an_unknown_setting_is_refused_when_the_database_opens() -> None:
    for name in ("time_zone", "semver.strikt"):
        with pytest.raises(UndefinedObject, match=f'unrecognized configuration parameter "{name}"'):
            connect(config=Config(settings={name: "x"}))


@pytest.mark.parametrize("name", ["encryption_key", "retention_days"])
def test_arguments_of_packages_that_are_not_there_are_refused(name: str) -> None:
    value: Any = b"k" * 32 if name == "encryption_key" else 30
    for config in (Config(**{name: value}), load_config(environment={}, overrides={name: value})):
        with pytest.raises(FeatureNotSupported, match=f'configuration argument "{name}" needs'):
            connect(config=config, plugins=[])
    assert Config(**{name: None}) == Config()


def test_a_misspelt_name_is_answered_with_the_nearest_one(tmp_path: Path) -> None:
    file = tmp_path / "heliosdb.toml"
    hints = {}
    for text in ('[storage]\npaht = "x"\n', "in_memory = true\n", '[log]\nlevels = "info"\n'):
        file.write_text(text)
        with pytest.raises(UndefinedObject) as raised:
            load_config(str(file), environment={})
        assert str(file) in raised.value.message
        hints[text] = raised.value.hint
    assert [hint and hint.split('"')[1] for hint in hints.values()] == [
        "storage.path", "storage.in_memory", "log.level",
    ]  # fmt: skip
    file.write_text("[sever]\nport = 1\n")
    with pytest.raises(UndefinedObject, match=r'unrecognized configuration key "sever\.port"') as raised:
        connect(config=load_config(str(file), environment={}))
    assert raised.value.hint == 'Perhaps "server.port" was meant.'
    with pytest.raises(UndefinedObject) as raised:
        load_config(environment={"HELIOSDB_LOGLEVEL": "info"})
    assert raised.value.hint == "Perhaps HELIOSDB_LOG_LEVEL was meant."
    with pytest.raises(UndefinedObject) as raised:
        load_config(environment={}, overrides={"in_memroy": True})
    assert raised.value.hint == 'Perhaps "in_memory" was meant.'


@pytest.mark.parametrize("name", [name for name, key in KEYS.items() if key.attribute is None])
def test_a_key_of_what_is_not_there_is_refused_whatever_its_value(tmp_path: Path, name: str) -> None:
    section, _, key = name.partition(".")
    for value in ("0", "false", '""', "{}", "[]"):
        file = tmp_path / "heliosdb.toml"
        file.write_text(f"[{section}]\n{key} = {value}\n")
        with pytest.raises(FeatureNotSupported, match=f'configuration key "{name}"'):
            load_config(str(file), environment={})


# -- the level of logging ----------------------------------------------------------------------------------------------


def broken() -> ModuleType:
    module = ModuleType("broken")

    def register_types() -> list[Any]:
        raise RuntimeError("no types today")

    module.register_types = hookimpl(register_types)  # type: ignore[attr-defined]
    return module


@pytest.mark.parametrize(
    ("level", "expected"),
    [("error", 0), ("warn", 1), ("info", 3), ("debug", 3), ("trace", 3)],
)
def test_the_level_decides_what_is_logged(
    level: str, expected: int, logger: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.handler.setLevel(0)
    EmbeddedDatabase(":memory:", config=Config(log_level=level), plugins=[broken()]).close()
    messages = [record.getMessage() for record in caplog.records if record.name == "heliosdb"]
    assert len(messages) == expected
    if expected:
        assert messages[0] == 'plugin "broken" could not be loaded: RuntimeError: no types today'


def test_connect_sets_the_level_too_and_a_wrong_one_is_refused(logger: logging.Logger) -> None:
    connect(config=Config(log_level="error"), plugins=[]).close()
    assert logger.level == logging.ERROR
    connect(config=Config(), plugins=[]).close()
    assert logger.level == logging.ERROR, "a configuration that states no level leaves it"
    with pytest.raises(InvalidParameterValue, match='invalid value for configuration argument "log_level": "loud"'):
        Config(log_level="loud")


@pytest.mark.parametrize("value", ["no", "", 1, None])
def test_read_only_is_true_or_false(value: Any) -> None:
    with pytest.raises(InvalidParameterValue, match='invalid value for configuration argument "read_only"'):
        Config(read_only=value)


def test_a_size_that_is_no_number_is_told_its_unit() -> None:
    size: Any = "256MB"
    with pytest.raises(InvalidParameterValue) as raised:
        Config(cache_size=size)
    assert raised.value.hint == "It must be a whole number (bytes) of at least 1048576."


# -- the command line --------------------------------------------------------------------------------------------------


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "show.sql").write_text("SHOW TimeZone;\n")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HELIOSDB_")}
    return subprocess.run(
        [sys.executable, "-m", "heliosdb.cli.main", "run", "show.sql", *arguments],
        capture_output=True, text=True, cwd=folder, env=inherited | environment, check=False,
    )  # fmt: skip


def test_file_environment_and_arguments_reach_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text('[settings]\nTimeZone = "Asia/Tokyo"\n')
    assert "UTC" in run(tmp_path).stdout
    assert "Asia/Tokyo" in run(tmp_path, "--config", "other.toml").stdout
    assert "Asia/Tokyo" in run(tmp_path, HELIOSDB_CONFIG="other.toml").stdout
    assert "Europe/Lisbon" in run(tmp_path, "--config", "other.toml", "--set", "TimeZone=Europe/Lisbon").stdout
    (tmp_path / "heliosdb.toml").write_text('[settings]\nTimeZone = "Asia/Seoul"\n')
    assert "Asia/Seoul" in run(tmp_path).stdout
    assert "Asia/Tokyo" in run(tmp_path, "--config", "other.toml").stdout


def test_the_command_line_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[storage]\nin_memry = true\n")
    for arguments, environment, message in (
        (("--config", "bad.toml"), {}, 'unrecognized configuration key "storage.in_memry" in bad.toml'),
        (("--config", "nowhere.toml"), {}, 'configuration file "nowhere.toml" does not exist'),
        ((), {"HELIOSDB_PORT": "soon"}, "invalid value for server.port: 'soon'"),
        ((), {"HELIOSDB_PROT": "5432"}, 'unrecognized environment variable "HELIOSDB_PROT"'),
        ((), {"HELIOSDB_DATA_DIR": "no/folder/data"}, "no/folder"),
        (("--set", "timezon=UTC"), {}, 'unrecognized configuration parameter "timezon"\nHINT:  Perhaps "TimeZone" was'),
    ):
        done = run(tmp_path, *arguments, **environment)
        assert done.returncode == 1, arguments or environment
        assert message in done.stderr


def test_the_command_line_logs_at_the_level_it_is_given(tmp_path: Path) -> None:
    assert "opened" not in run(tmp_path).stderr
    assert 'INFO:  opened database "heliosdb"' in run(tmp_path, HELIOSDB_LOG_LEVEL="info").stderr


@pytest.mark.parametrize(
    "name", sorted(set(ENVIRONMENT) - {"HELIOSDB_DATA_DIR", "HELIOSDB_LOG_LEVEL", "HELIOSDB_CACHE_SIZE"})
)
def test_variables_of_what_is_not_there_are_refused(name: str) -> None:
    with pytest.raises(Error) as raised:
        connect(config=load_config(environment={name: "1"}), plugins=[])
    assert raised.value.sqlstate == "0A000"


def test_the_names_are_in_the_package() -> None:
    assert {"Config", "load_config"} <= set(heliosdb.__all__)


def test_a_number_of_threads_is_refused_with_the_reason() -> None:
    for load in (
        lambda: load_config(environment={"HELIOSDB_WORKER_THREADS": "4"}),
        lambda: load_config(environment={"HELIOSDB_WORKER_THREADS": "1"}),
    ):
        with pytest.raises(FeatureNotSupported, match="worker_threads") as raised:
            load()
        assert "one thread at a time" in str(raised.value.hint)
