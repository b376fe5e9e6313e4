"""The part of ``heliosdb demo``: what it shows is found, and without its model it says what to install."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from heliosdb import EmbeddedDatabase
from heliosdb_vector import demo


class Noted:
    """A stage that notes what is said, printed by code, and answered to statements."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self.said: list[str] = []
        self.printed: list[str] = []
        self.answers: list[list[tuple[Any, ...]]] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def python(self, code: str, **names: Any) -> dict[str, Any]:
        with redirect_stdout(io.StringIO()) as printed:
            exec(code, names)
        self.printed.append(printed.getvalue())
        return names

    def sql(self, database: EmbeddedDatabase, *statements: str) -> None:
        self.answers += [[tuple(row) for row in database.query(statement)] for statement in statements]


def test_questions_find_the_paragraphs_that_answer_them(tmp_path: Path) -> None:
    pytest.importorskip("wordllama")
    stage = Noted(tmp_path)
    demo.show(stage)
    nearest, filtered, by_index, by_rows = stage.answers
    assert [question for question, _, _ in nearest] == [question for question in demo.QUESTIONS for _ in range(2)]
    topics = {(question, topic) for question, topic, _ in nearest}
    assert {(demo.QUESTIONS[0], "break"), (demo.QUESTIONS[1], "strings"), (demo.QUESTIONS[2], "numbers")} <= topics
    assert len(filtered) == 3
    assert "break" not in {topic for topic, _ in filtered}
    assert "Index Scan using by_meaning" in str(by_index)
    assert "by_meaning" not in str(by_rows)
    assert "Sort" in str(by_rows)
    filled, fused = stage.printed
    assert int(filled.split()[0]) > 500
    assert len(fused.splitlines()) == 3
    assert "mapping" in fused


def test_without_the_model_it_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wordllama", None)
    stage = Noted(tmp_path)
    demo.show(stage)
    (said,) = stage.said
    assert said.startswith("This part needs wordllama (the model)")
    assert "pip install 'heliosdb-vector[demo]'" in said
    assert list(tmp_path.iterdir()) == []
