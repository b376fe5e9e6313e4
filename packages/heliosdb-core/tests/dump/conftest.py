"""A database that has one of everything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from heliosdb import EmbeddedDatabase

EVERYTHING = Path(__file__).with_name("everything.sql").read_text()


@pytest.fixture
def everything() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory() as database:
        session = database.session()
        for _ in session.execute_script(EVERYTHING):
            pass
        yield database
        session.close()
