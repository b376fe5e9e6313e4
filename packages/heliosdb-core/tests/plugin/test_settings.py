"""Settings: PostgreSQL's answers, recorded from a server of version 15."""

from __future__ import annotations

import pytest

from heliosdb.catalog.registries import Setting
from heliosdb.catalog.settings import find_setting, parse_setting, require_changeable, show_setting
from heliosdb.errors import CantChangeRuntimeParam, Error, FeatureNotSupported, InvalidParameterValue, UndefinedObject
from heliosdb.plugin.core_settings import SETTINGS

MEMORY = Setting(
    name="work_mem", kind="integer", default=4096, unit="kB", minimum=64, maximum=2**31 - 1, description="", reader=""
)
BY_NAME = {setting.name.lower(): setting for setting in SETTINGS} | {"work_mem": MEMORY}


def shown(name: str, text: str, current: object = None) -> str:
    setting = find_setting(BY_NAME, name)
    return show_setting(setting, parse_setting(setting, text, setting.default if current is None else current))


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("work_mem", "4.5MB", "4608kB"),
        ("work_mem", "1e3", "1000kB"),
        ("work_mem", "0x100", "256kB"),
        ("work_mem", " 8192 ", "8MB"),
        ("work_mem", "1048576kB", "1GB"),
        ("statement_timeout", "1.5s", "1500ms"),
        ("statement_timeout", "90s", "90s"),
        ("statement_timeout", "120000", "2min"),
        ("statement_timeout", "0", "0"),
        ("extra_float_digits", "2.5", "2"),
        ("extra_float_digits", "-15", "-15"),
        ("bytea_output", "HEX", "hex"),
        ("synchronous_commit", "1", "on"),
        ("synchronous_commit", "false", "off"),
        ("default_transaction_read_only", "tr", "on"),
        ("client_encoding", "utf-8", "UTF8"),
        ("application_name", "psql\n\N{LATIN SMALL LETTER A WITH DIAERESIS}", "psql???"),
        ("application_name", "é" * 100, "?" * 62),
        ("datestyle", "iso, dmy", "ISO, DMY"),
        ("datestyle", "german", "German, DMY"),
        ("datestyle", "sql", "SQL, MDY"),
        ("datestyle", "us", "ISO, MDY"),
        ("timezone", "europe/berlin", "Europe/Berlin"),
        ("timezone", "+5", "<+05>-05"),
        ("TIMEZONE", "utc", "UTC"),
    ],
)
def test_texts_are_read_and_shown_as_postgresql_does(name: str, text: str, expected: str) -> None:
    assert shown(name, text) == expected


@pytest.mark.parametrize(
    ("name", "text", "message", "hint"),
    [
        ("work_mem", "1", '1 kB is outside the valid range for parameter "work_mem" (64 .. 2147483647)', None),
        ("work_mem", "x", 'invalid value for parameter "work_mem": "x"', None),
        (
            "work_mem",
            "4x",
            'invalid value for parameter "work_mem": "4x"',
            'Valid units for this parameter are "B", "kB", "MB", "GB", and "TB".',
        ),
        ("work_mem", "3TB", 'invalid value for parameter "work_mem": "3TB"', "Value exceeds integer range."),
        (
            "work_mem",
            "9" * 400,
            f'invalid value for parameter "work_mem": "{"9" * 400}"',
            "Value exceeds integer range.",
        ),
        (
            "statement_timeout",
            "10 mb",
            'invalid value for parameter "statement_timeout": "10 mb"',
            'Valid units for this parameter are "us", "ms", "s", "min", "h", and "d".',
        ),
        (
            "statement_timeout",
            "-1",
            '-1 ms is outside the valid range for parameter "statement_timeout" (0 .. 2147483647)',
            None,
        ),
        ("statement_timeout", "true", 'invalid value for parameter "statement_timeout": "true"', None),
        ("extra_float_digits", "4", '4 is outside the valid range for parameter "extra_float_digits" (-15 .. 3)', None),
        ("transaction_read_only", "maybe", 'parameter "transaction_read_only" requires a Boolean value', None),
        ("transaction_read_only", "", 'parameter "transaction_read_only" requires a Boolean value', None),
        ("bytea_output", "foo", 'invalid value for parameter "bytea_output": "foo"', "Available values: escape, hex."),
        (
            "transaction_isolation",
            "foo",
            'invalid value for parameter "transaction_isolation": "foo"',
            "Available values: serializable, repeatable read, read committed, read uncommitted.",
        ),
        ("client_encoding", "foo", 'invalid value for parameter "client_encoding": "foo"', None),
        ("timezone", "foo", 'invalid value for parameter "TimeZone": "foo"', None),
        ("datestyle", "foo", 'invalid value for parameter "DateStyle": "foo"', None),
    ],
)
def test_wrong_texts_are_refused_in_postgresqls_words(name: str, text: str, message: str, hint: str | None) -> None:
    with pytest.raises(InvalidParameterValue) as raised:
        shown(name, text)
    assert (raised.value.message, raised.value.hint) == (message, hint)


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("foo", 'Unrecognized key word: "foo".'),
        ("iso, sql", 'Conflicting "datestyle" specifications.'),
        ("dmy, ymd", 'Conflicting "datestyle" specifications.'),
    ],
)
def test_a_wrong_date_style_says_which_word(text: str, detail: str) -> None:
    with pytest.raises(InvalidParameterValue) as raised:
        shown("datestyle", text)
    assert raised.value.detail == detail


def test_a_date_style_keeps_the_part_that_is_not_given() -> None:
    assert shown("datestyle", "us", "SQL, DMY") == "SQL, MDY"
    assert shown("datestyle", "sql", "German, DMY") == "SQL, DMY"
    assert shown("datestyle", "default", "SQL, DMY") == "ISO, MDY"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("client_encoding", "latin1"),
        ("standard_conforming_strings", "off"),
        ("synchronous_commit", "remote_write"),
        ("default_transaction_deferrable", "on"),
    ],
)
def test_what_the_core_does_not_have_is_refused_not_ignored(name: str, text: str) -> None:
    (setting,) = [setting for setting in SETTINGS if setting.name == name]
    with pytest.raises(FeatureNotSupported):
        parse_setting(setting, text, setting.default)


def test_unknown_and_internal_settings() -> None:
    with pytest.raises(UndefinedObject, match='unrecognized configuration parameter "nosuch"'):
        find_setting(BY_NAME, "nosuch")
    with pytest.raises(CantChangeRuntimeParam, match='parameter "server_version" cannot be changed'):
        require_changeable(find_setting(BY_NAME, "server_version"))
    require_changeable(find_setting(BY_NAME, "work_mem"))


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_default_is_a_value_that_the_setting_accepts(setting: Setting) -> None:
    text = show_setting(setting, setting.default)
    try:
        assert parse_setting(setting, text, setting.default) == setting.default
    except Error as error:
        pytest.fail(f"{setting.name} refuses its default: {error}")
