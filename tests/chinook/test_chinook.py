"""The music shop loads unchanged, and every question has PostgreSQL's answer."""

from __future__ import annotations

import pytest

from tests.differential.doors import EmbeddedDoor
from tests.differential.recording import differences, same_as_recorded
from tests.differential.runner import run_script
from tests.differential.script import parse_script

from .data import ANSWERS, QUESTIONS, SCRIPT, statements

QUESTIONNAIRE = parse_script("chinook/questions", QUESTIONS.read_text(encoding="utf-8"))


def test_answers_belong_to_the_questions() -> None:
    assert same_as_recorded(QUESTIONNAIRE, ANSWERS.read_text(encoding="utf-8"))


@pytest.mark.skipif(not SCRIPT.exists(), reason="the data set is not at hand")
def test_questions_have_the_recorded_answers() -> None:
    door = EmbeddedDoor()
    try:
        loader = door.open()
        assert loader.send(statements()).failure is None
        loader.close()
        found = differences(QUESTIONNAIRE, ANSWERS.read_text(encoding="utf-8"), run_script(QUESTIONNAIRE, door))
        assert not found, "\n\n".join(found.values())
    finally:
        door.close()
