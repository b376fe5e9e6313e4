"""The testkit's fixture ``branched``, as a user's tests have it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from heliosdb import Connection, EmbeddedDatabase

LOADED: list[EmbeddedDatabase] = []


@pytest.fixture(scope="session")
def heliosdb_loaded() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory() as db:
        db.execute("CREATE TABLE orders (id int PRIMARY KEY)")
        db.execute("INSERT INTO orders SELECT generate_series(1, 100)")
        LOADED.append(db)
        yield db


@pytest.mark.parametrize("turn", range(3))
def test_each_test_begins_with_what_was_loaded(branched: Connection, turn: int) -> None:
    assert branched.execute("SELECT count(*) FROM orders").fetchone() == (100,)
    branched.execute("DELETE FROM orders WHERE id > 10")
    branched.execute("ALTER TABLE orders ADD COLUMN note text DEFAULT 'mine'")
    assert branched.execute("SELECT count(*), max(note) FROM orders").fetchone() == (10, "mine")
    (loaded,) = LOADED
    assert loaded.query("SELECT * FROM orders WHERE id > 98 ORDER BY id") == [(99,), (100,)]
    assert len(loaded.query("SELECT FROM heliosdb_branches")) == 2  # those of earlier tests are gone
