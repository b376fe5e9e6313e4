"""Record PostgreSQL's answers to the questions: ``python -m tests.chinook.record``.

Needs the data set, and a server: the one in POSTGRESQL_REFERENCE, else a throw-away cluster.
"""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path

from tests.differential.recording import render
from tests.differential.reference import REFERENCE_VARIABLE, ReferenceDoor, started_cluster
from tests.differential.runner import run_script
from tests.differential.script import parse_script

from .data import ANSWERS, QUESTIONS, statements


def record(name: str, questions: Path, answers: Path, script: str) -> None:
    """Load a data set into a fresh database of the server and write the answers to the questions about it."""
    parsed = parse_script(name, questions.read_text(encoding="utf-8"))
    server = os.environ.get(REFERENCE_VARIABLE)
    with nullcontext(server) if server else started_cluster() as conninfo:
        door = ReferenceDoor(conninfo)
        try:
            loader = door.open()
            failure = loader.send(script).failure
            assert failure is None, failure
            loader.close()
            steps = run_script(parsed, door, is_reference=True)
            answers.write_text(render([parsed.narration, *door.header()], steps), encoding="utf-8")
        finally:
            door.close()


if __name__ == "__main__":
    record("chinook/questions", QUESTIONS, ANSWERS, statements())
