"""Where the data set is, and its script as a server of today takes it."""

from __future__ import annotations

from pathlib import Path

__all__ = ["ANSWERS", "QUESTIONS", "SCRIPT", "statements"]

HERE = Path(__file__).resolve().parent
SCRIPT = HERE.parents[2] / "shared" / "data" / "northwind_postgresql.sql"
QUESTIONS = HERE / "questions.sql"
ANSWERS = HERE / "answers.txt"


def statements() -> str:
    """Return the script without the one setting that PostgreSQL 12 took away."""
    return SCRIPT.read_text(encoding="utf-8").replace("SET default_with_oids = false;", "")
