"""The program's commands and options, as a user's shell runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import heliosdb
from command_line import Run
from heliosdb.plugin import hookimpl
from heliosdb.plugin.discovery import installed_plugins
from heliosdb.plugin.host import load_plugins
from heliosdb.spi import Command


@pytest.mark.parametrize("program", ["heliosdb", "heliosdb-nano"])
def test_the_version_has_the_name_that_the_program_was_called_by(process: Run, program: str) -> None:
    assert process("--version", program=program) == (0, f"{program} {heliosdb.__version__}\n", "")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_the_commands_and_those_of_plugins(process: Run, arguments: list[str]) -> None:
    status, output, _ = process(*arguments, program="heliosdb-nano")
    assert status == 0
    assert output.startswith("Usage: heliosdb-nano ")
    for command in ("repl", "run", "demo", "plugins", "semver"):
        assert f"\n  {command} " in output


@pytest.mark.parametrize("command", ["repl", "run", "demo", "plugins"])
def test_every_command_has_help(run: Run, command: str) -> None:
    status, output, _ = run(command, "--help")
    assert (status, output.splitlines()[0].split()[:3]) == (0, ["Usage:", "heliosdb", command])


def test_the_version_loads_neither_the_engine_nor_the_terminal() -> None:
    code = """
import sys
sys.argv = ["heliosdb", "--version"]
from heliosdb.cli.main import main
try:
    main()
except SystemExit:
    print(sorted(name for name in sys.modules if name.startswith(("heliosdb", "rich", "prompt_toolkit", "pygments"))))
"""
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    own = [f"heliosdb.cli.{name}" for name in ("counting", "main", "moving", "opening", "upkeep")]
    assert done.stdout.splitlines()[1] == str(["heliosdb", "heliosdb.cli", *own])


def test_a_pipe_loads_nothing_of_the_terminal() -> None:
    code = """
import sys
sys.argv = ["heliosdb", "repl", "--memory"]
from heliosdb.cli.main import main
try:
    main()
except SystemExit:
    print(sorted({"asyncio", "numpy", "prompt_toolkit", "pygments", "rich", "stevedore"} & sys.modules.keys()))
"""
    command = [sys.executable, "-I", "-c", code]
    done = subprocess.run(command, input="SELECT 1;", capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_command_of_a_plugin_runs(run: Run) -> None:
    assert run("semver", "1.2.3", "--bump", "minor") == (0, "1.3.0\n", "")
    status, _, error = run("semver", "not-one")
    assert (status, error) == (1, 'Error: "not-one" is not a semantic version\n')


def test_a_plugin_cannot_take_the_name_of_a_command() -> None:
    @hookimpl
    def register_commands() -> list[Command]:
        return [Command(name="run", command="nowhere:run")]

    plugin = SimpleNamespace(plugin_name="thief", register_commands=register_commands)
    status = load_plugins([plugin]).plugins[-1]
    assert (status.name, status.status) == ("thief", "failed")
    assert "run" in str(status.error)
    assert "core" in str(status.error)


def test_plugins_are_listed_as_a_table_and_as_json(run: Run) -> None:
    status, output, _ = run("plugins")
    assert status == 0
    names = [line.split()[1] for line in output.splitlines()[3:-1]]
    assert names == ["core", *sorted(entry.name for entry in installed_plugins())]
    status, output, _ = run("plugins", "--json")
    listed = {plugin["name"]: plugin for plugin in json.loads(output)}
    assert list(listed) == names
    core, semver = listed["core"], listed["semver"]
    assert (core["name"], core["package"], core["status"]) == ("core", "heliosdb-core", "active")
    assert ["types", "semver"] in semver["registered"]
    assert semver["error"] is None


def test_a_database_on_disk_is_there_the_next_time(run: Run, tmp_path: Path) -> None:
    path = str(tmp_path / "shop.db")
    status, _, error = run("repl", path, input="CREATE TABLE t (a int); INSERT INTO t VALUES (42);")
    assert (status, error) == (0, "")
    status, output, _ = run("repl", path, input="SELECT a FROM t;")
    assert status == 0
    assert "42" in output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["run"], "Missing argument 'FILE.sql'"),
        (["run", "--nonsense", "x.sql"], "No such option"),
        (["repl", "x", "--memory"], "a path and --memory exclude each other"),
        (["repl", "--set", "work_mem"], "NAME=VALUE is needed, not 'work_mem'"),
        (["plugins", "extra"], "unexpected extra argument"),
    ],
)
def test_wrong_usage_is_status_2_and_says_what_is_wrong(run: Run, arguments: list[str], said: str) -> None:
    status, output, error = run(*arguments)
    assert (status, output) == (2, "")
    assert said in error
    assert "Traceback" not in error


def test_settings_come_from_the_file_and_from_arguments_which_win(run: Run, tmp_path: Path) -> None:
    (tmp_path / "heliosdb.toml").write_text('[settings]\nTimeZone = "Asia/Tokyo"\nextra_float_digits = 0\n')
    status, output, _ = run(
        "repl", "--set", "TimeZone=Europe/Lisbon", input="\\t\nSHOW TimeZone;\nSHOW extra_float_digits;"
    )
    assert status == 0
    assert "| Europe/Lisbon |" in output
    assert "| 0 " in output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[storage]\nin_memroy = true\n", 'unrecognized configuration key "storage.in_memroy"'),
        ('[server]\nport = "soon"\n', "invalid value for server.port: 'soon'"),
        ("[storage\n", "is not valid TOML"),
        ('[settings]\nwork_mem = "much"\n', "work_mem"),
    ],
)
def test_a_wrong_configuration_file_is_an_error_that_names_what_is_wrong(
    run: Run, tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "my.toml").write_text(text)
    status, output, error = run("repl", "--config", "my.toml", input="SELECT 1;")
    assert (status, output) == (1, "")
    assert error.startswith("Error: ")
    assert said in error


def test_a_configuration_file_that_is_not_there_is_an_error(run: Run) -> None:
    status, _, error = run("repl", "--config", "missing.toml")
    assert (status, error) == (1, 'Error: configuration file "missing.toml" does not exist\n')
