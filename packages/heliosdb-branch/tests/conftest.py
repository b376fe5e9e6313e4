"""What tests of merges begin with: a table on main, and a branch ``x`` of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from heliosdb import EmbeddedDatabase


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory() as opened:
        opened.execute("CREATE TABLE t (id int PRIMARY KEY, a int, b int)")
        opened.execute("INSERT INTO t VALUES (1, 0, 0), (2, 0, 0), (3, 0, 0)")
        opened.execute("CREATE BRANCH x")
        yield opened


def on(db: EmbeddedDatabase, branch: str, *texts: str) -> None:
    """Run statements on a branch."""
    db.execute(f'USE BRANCH "{branch}"')
    for text in texts:
        db.execute(text)
    db.execute("USE BRANCH main")
