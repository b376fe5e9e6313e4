"""Where the data set is, and its script without the statements that make and choose a database."""

from __future__ import annotations

from pathlib import Path

__all__ = ["ANSWERS", "QUESTIONS", "SCRIPT", "statements"]

HERE = Path(__file__).resolve().parent
SCRIPT = HERE.parents[2] / "shared" / "data" / "chinook_postgresql.sql"
QUESTIONS = HERE / "questions.sql"
ANSWERS = HERE / "answers.txt"


def statements() -> str:
    """Return the script from its first table on."""
    return SCRIPT.read_text(encoding="utf-8").partition("\\c chinook;")[2]
