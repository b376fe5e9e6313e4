"""Running the command line as a user would: as a process, at a terminal, or in this process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from command_line import PROGRAMS, Outcome, Run, Talk, Terminal, environment
from heliosdb.cli.main import cli


@pytest.fixture
def process(tmp_path: Path) -> Run:
    """Return a function that runs a program as a process with arguments: (status, output, error output)."""

    def call(*arguments: str, program: str = "heliosdb", input: str | bytes = b"") -> Outcome:  # noqa: A002
        given = input.encode() if isinstance(input, str) else input
        command = [str(PROGRAMS / program), *arguments]
        done = subprocess.run(
            command, input=given, capture_output=True, cwd=tmp_path, env=environment(tmp_path), timeout=60, check=False
        )
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    return call


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return the same, but in this process, which is ten times as fast."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("HELIOSDB_")]:
        monkeypatch.delenv(name)

    def call(*arguments: str, program: str = "heliosdb", input: str | bytes = b"") -> Outcome:  # noqa: A002
        result = CliRunner().invoke(cli, arguments, input, prog_name=program)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout, result.stderr

    return call


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Return a function that starts ``heliosdb`` at a terminal."""
    if sys.platform == "win32":
        pytest.skip("there are no pseudo-terminals")
    opened: list[Terminal] = []

    def start(*arguments: str, **variables: str) -> Terminal:
        opened.append(Terminal(arguments, tmp_path, **variables))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()


@pytest.fixture
def talk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Talk]:
    """Return a shell in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    talk = Talk(tmp_path)
    yield talk
    talk.shell.close()
    talk.database.close()
