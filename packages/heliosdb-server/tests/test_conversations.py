"""Conversations as PostgreSQL has them, message by message (``record_conversations.py``)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from runpy import run_path

import pytest

from heliosdb import EmbeddedDatabase
from heliosdb_server import RunningServer, start_server

RECORDER = run_path(str(Path(__file__).with_name("record_conversations.py")))
CONVERSATIONS, SETUP, talk = RECORDER["CONVERSATIONS"], RECORDER["SETUP"], RECORDER["talk"]
LINES = Path(__file__).with_name("conversations.jsonl").read_text(encoding="utf-8").splitlines()
EXPECTED = {fact["name"]: [tuple(said) for said in fact["answer"]] for fact in map(json.loads, LINES)}


@pytest.fixture
def server() -> Iterator[RunningServer]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database, start_server(database, port=0) as running:
        database.execute(SETUP)
        yield running


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_what_is_answered_is_what_postgresql_answers(server: RunningServer, name: str) -> None:
    assert talk("127.0.0.1", server.port, "helios", "app", CONVERSATIONS[name]) == EXPECTED[name]
