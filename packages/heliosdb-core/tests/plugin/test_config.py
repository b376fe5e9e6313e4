from __future__ import annotations

import logging
from pathlib import Path

import pytest
from attrs import fields

from heliosdb import EmbeddedDatabase
from heliosdb.config import KEYS, PACKAGE_ARGUMENTS, PACKAGES, SECTIONS, Config, configure_logging, load_config
from heliosdb.errors import FeatureNotSupported, InvalidParameterValue, UndefinedFile, UndefinedObject


def file(folder: Path, text: str) -> str:
    path = folder / "some.toml"
    path.write_text(text)
    return str(path)


def test_without_any_source_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config(environment={}) == Config()


def test_later_sources_win(tmp_path: Path) -> None:
    given = file(tmp_path, '[storage]\npath = "from-file"\nin_memory = true\n[log]\nlevel = "info"\n')
    environment = {"HELIOSDB_DATA_DIR": "from-environment", "HELIOSDB_LOG_LEVEL": "debug"}
    config = load_config(given, environment=environment, overrides={"path": "from-argument", "log_level": None})
    assert config == Config(path="from-argument", in_memory=True, log_level="debug")


def test_the_default_file_is_read_from_the_current_folder_and_only_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "heliosdb.toml").write_text("[storage]\nin_memory = true\n")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_config(environment={}).in_memory
    monkeypatch.chdir(tmp_path / "below")
    assert not load_config(environment={}).in_memory


def test_the_environment_may_name_the_file(tmp_path: Path) -> None:
    given = file(tmp_path, '[storage]\npath = "x"\n')
    assert load_config(environment={"HELIOSDB_CONFIG": given}).path == "x"
    with pytest.raises(UndefinedFile, match=r'configuration file "nowhere\.toml" does not exist'):
        load_config(environment={"HELIOSDB_CONFIG": "nowhere.toml"})


def test_settings_come_as_text_whatever_their_type_in_the_file(tmp_path: Path) -> None:
    given = file(tmp_path, '[settings]\nwork_mem = "16MB"\nstatement_timeout = 1000\nRow_Security = true\n')
    config = load_config(given, environment={}, overrides={"settings": {"work_mem": "32MB"}})
    assert config.settings == {"work_mem": "32MB", "statement_timeout": "1000", "row_security": "on"}


def test_an_unknown_key_is_an_error_that_names_file_and_key(tmp_path: Path) -> None:
    given = file(tmp_path, '[storage]\npaht = "x"\n')
    with pytest.raises(UndefinedObject) as raised:
        load_config(given, environment={})
    assert raised.value.sqlstate == "42704"
    assert raised.value.message == f'unrecognized configuration key "storage.paht" in {given}'
    assert raised.value.hint == 'Perhaps "storage.path" was meant.'


def test_a_key_outside_of_a_section_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(UndefinedObject, match='unrecognized configuration key "path"'):
        load_config(file(tmp_path, 'path = "x"\n'), environment={})


def test_an_unknown_variable_with_our_prefix_is_an_error() -> None:
    with pytest.raises(UndefinedObject, match='unrecognized environment variable "HELIOSDB_DATADIR"'):
        load_config(environment={"HELIOSDB_DATADIR": "x"})
    load_config(environment={"HELIOSDB_PLUGINS": "", "HELIOSDB_DISABLE_PLUGINS": "x", "PATH": "y"})


@pytest.mark.parametrize(
    ("text", "package"),
    [
        ("[server]\nport = 5432\n", "heliosdb-server"),
        ("[encryption]\nenabled = false\n", "heliosdb-crypto"),
        ("[vector]\npq_enabled = true\n", "heliosdb-vector"),
        ("[temporal]\nsnapshot_retention_days = 30\n", "heliosdb-temporal"),
    ],
)
def test_a_key_of_a_package_that_is_not_there_names_the_package(tmp_path: Path, text: str, package: str) -> None:
    config = load_config(file(tmp_path, text), environment={})
    with pytest.raises(FeatureNotSupported, match=package) as raised:
        EmbeddedDatabase(":memory:", config=config, plugins=[])
    assert raised.value.hint == f"pip install {package}"


def test_a_value_of_the_wrong_type_or_range_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameterValue, match=r'"storage.in_memory" in .* must be a boolean'):
        load_config(file(tmp_path, '[storage]\nin_memory = "yes"\n'), environment={})
    with pytest.raises(InvalidParameterValue) as raised:
        load_config(environment={"HELIOSDB_LOG_LEVEL": "loud"})
    assert raised.value.hint == "Available values: trace, debug, info, warn, error."
    with pytest.raises(InvalidParameterValue, match="must be a string, a number or a boolean"):
        load_config(file(tmp_path, "[settings]\nwork_mem = [1]\n"), environment={})


def test_a_file_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameterValue, match="is not valid TOML"):
        load_config(file(tmp_path, "storage ="), environment={})
    (tmp_path / "some.toml").write_bytes(b"\xff")
    with pytest.raises(InvalidParameterValue, match="is not valid TOML"):
        load_config(str(tmp_path / "some.toml"), environment={})


def test_an_unknown_argument_is_an_error() -> None:
    with pytest.raises(UndefinedObject, match='unrecognized configuration argument "pth"'):
        load_config(environment={}, overrides={"pth": "x"})


def test_every_key_sets_something_or_names_who_would() -> None:
    attributes = {attribute.name for attribute in fields(Config)}
    for name, key in KEYS.items():
        assert (key.attribute in attributes) != (key.package is not None), name
    assert set(PACKAGE_ARGUMENTS) <= attributes & set(PACKAGES)
    assert not SECTIONS & set(PACKAGES)


def test_the_log_level_is_given_to_the_logger() -> None:
    logger = logging.getLogger("heliosdb")
    before = logger.level
    try:
        configure_logging(Config(log_level="trace"))
        assert logger.level == 5
        configure_logging(Config(log_level="warn"))
        configure_logging(Config())
        assert logger.level == logging.WARNING
    finally:
        logger.setLevel(before)
