"""PostgreSQL 15's own verdict, recorded: what it parses we parse, what it refuses we refuse at the same place.

``accepted.sql`` has one text per line; ``rejected.jsonl`` has texts with the server's message and position, made from
the former by ``record_syntax.py``.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from heliosdb.errors import Error
from heliosdb.sql.parser import parse
from heliosdb.sql.script import split

HERE = Path(__file__).parent
ACCEPTED = (HERE / "accepted.sql").read_text(encoding="utf-8").splitlines()
REJECTED = [json.loads(line) for line in (HERE / "rejected.jsonl").read_text(encoding="utf-8").splitlines()]
DATA = HERE.parents[4] / "shared" / "data"


def verdict(text: str) -> tuple[str, str, int | None] | None:
    try:
        parse(text)
    except Error as error:
        return error.sqlstate, error.message, error.position
    return None


def test_every_text_that_postgresql_parses_is_parsed() -> None:
    refused = {text: answer for text in ACCEPTED if (answer := verdict(text)) is not None}
    assert refused == {}


def test_every_text_that_postgresql_refuses_is_refused_with_its_message_at_its_position() -> None:
    assert len(REJECTED) >= 1000
    different = {
        text: (answer, (message, position))
        for text, message, position in REJECTED
        if (answer := verdict(text)) != ("42601", message, position)
    }
    assert different == {}


@pytest.mark.parametrize("name", ["chinook_postgresql.sql", "northwind_postgresql.sql"])
def test_public_sample_databases_are_parsed(name: str) -> None:
    path = DATA / name
    if not path.exists():
        pytest.skip("the sample database is not at hand")
    script = path.read_text(encoding="utf-8")
    script = "\n".join("" if line.startswith("\\") else line for line in script.splitlines())
    count = 0
    for statement in split(script):
        assert len(parse(statement.text)) == 1, statement
        assert script.startswith(statement.text, statement.offset)
        count += 1
    assert count > 20
