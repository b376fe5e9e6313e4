"""The guide is true: its code runs and prints what stands behind it, its tables name every command, option and key.

A page's blocks are run in order. Python blocks share one interpreter, SQL blocks one shell; a ``text`` block behind
one of them is what it prints. Lines of ``sh`` blocks are read by the command they name.
"""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click import Argument

from heliosdb.cli.main import cli
from heliosdb.cli.meta import core_commands
from heliosdb.cli.shell import Shell
from heliosdb.cli.source import StandardInput
from heliosdb.config import ENVIRONMENT, KEYS, OTHER_VARIABLES, load_config
from heliosdb.database import Database

GUIDE = Path(__file__).resolve().parent.parent / "docs" / "guide"
PAGES = sorted(page.name for page in GUIDE.glob("*.md"))


def blocks(page: str) -> list[tuple[str, str]]:
    """Return a page's code blocks with their languages."""
    return re.findall(r"^```(\w+)\n(.*?)^```", (GUIDE / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def with_output(page: str, language: str) -> list[tuple[str, str]]:
    """Return the blocks of a language with what the page says that they print."""
    found = []
    listed = blocks(page)
    for (kind, code), (following, output) in zip(listed, [*listed[1:], ("", "")], strict=True):
        if kind == language:
            found.append((code, output if following == "text" else ""))
    return found


@pytest.mark.parametrize("page", PAGES)
def test_python_prints_what_the_page_says(page: str, tmp_path: Path) -> None:
    parts = with_output(page, "python")
    mark = "-- the next block --"
    program = f"\nprint({mark!r})\n".join(code for code, _ in parts)
    command = [sys.executable, "-I", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stderr == ""
    assert done.stdout.split(mark + "\n") == [output for _, output in parts] or not parts


@pytest.mark.parametrize("page", PAGES)
def test_sql_prints_what_the_page_says(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    database = Database(plugins=[])
    printed = io.StringIO()
    shell = Shell(database, out=printed, err=printed, show_tags=False)
    for code, output in with_output(page, "sql"):
        shell.process(StandardInput(line.encode() for line in code.splitlines(keepends=True)))
        assert printed.getvalue() == output
        printed.seek(0)
        printed.truncate()
    shell.close()
    database.close()


@pytest.mark.parametrize("page", PAGES)
def test_shell_lines_name_commands_and_options_that_exist(page: str) -> None:
    for line in [line for kind, code in blocks(page) if kind == "sh" for line in code.splitlines()]:
        program, command, *arguments = shlex.split(line)
        assert program == "heliosdb"
        context = cli.commands[command].make_context(command, list(arguments))
        assert context.params


@pytest.mark.parametrize("page", PAGES)
def test_configuration_files_are_read(page: str, tmp_path: Path) -> None:
    for kind, code in blocks(page):
        if kind == "toml":
            (tmp_path / "heliosdb.toml").write_text(code)
            database = Database(settings=dict(load_config(str(tmp_path / "heliosdb.toml"), environment={}).settings))
            database.close()


def test_every_command_has_a_heading_and_every_option_a_line() -> None:
    text = (GUIDE / "command-line.md").read_text(encoding="utf-8")
    assert re.findall(r"^## heliosdb (\w+)$", text, re.MULTILINE) == list(cli.commands)
    for name, command in cli.commands.items():
        section = text.partition(f"## heliosdb {name}\n")[2].partition("\n## ")[0]
        for parameter in command.params:
            written = [parameter.make_metavar(None)] if isinstance(parameter, Argument) else parameter.opts  # type: ignore[arg-type]
            for option in written + parameter.secondary_opts:
                assert f"`{option.strip('[]')}" in section, f"{name} {option}"


def test_every_meta_command_has_a_line() -> None:
    text = (GUIDE / "command-line.md").read_text(encoding="utf-8").replace("\\|", "|")
    refused = {"!", "if", "elif", "else", "endif"}
    for command in dict.fromkeys(core_commands().values()):
        if command.names[0] not in refused:
            assert f"| `{command.usage}` |" in text, command.usage


def test_every_key_and_variable_is_named() -> None:
    text = (GUIDE / "configuration.md").read_text(encoding="utf-8")
    for name in [*KEYS, *ENVIRONMENT, *OTHER_VARIABLES]:
        assert f"`{name}`" in text, name


def test_the_index_leads_to_every_page() -> None:
    text = (GUIDE / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\]\((\w[\w-]*\.md)\)", text)) == set(PAGES) - {"README.md"}
