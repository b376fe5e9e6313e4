"""The traders load unchanged, as a script of the command line too, and every question has PostgreSQL's answer."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from heliosdb.cli.main import cli
from tests.differential.doors import EmbeddedDoor
from tests.differential.recording import differences, same_as_recorded
from tests.differential.runner import run_script
from tests.differential.script import parse_script

from .data import ANSWERS, QUESTIONS, SCRIPT

QUESTIONNAIRE = parse_script("northwind/questions", QUESTIONS.read_text(encoding="utf-8"))
needs_data = pytest.mark.skipif(not SCRIPT.exists(), reason="the data set is not at hand")


def test_answers_belong_to_the_questions() -> None:
    assert same_as_recorded(QUESTIONNAIRE, ANSWERS.read_text(encoding="utf-8"))


@needs_data
def test_questions_have_the_recorded_answers() -> None:
    door = EmbeddedDoor()
    try:
        loader = door.open()
        assert loader.send(SCRIPT.read_text(encoding="utf-8")).failure is None
        loader.close()
        found = differences(QUESTIONNAIRE, ANSWERS.read_text(encoding="utf-8"), run_script(QUESTIONNAIRE, door))
        assert not found, "\n\n".join(found.values())
    finally:
        door.close()


@needs_data
def test_the_command_line_runs_the_script_unchanged() -> None:
    result = CliRunner().invoke(cli, ["run", str(SCRIPT)])
    assert result.exit_code == 0, result.output
    assert "no errors" in result.output
