"""A database with two users, for the tests of the doors that ask for ``db``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from heliosdb import EmbeddedDatabase


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.execute("CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL, born date)")
        database.execute("INSERT INTO users VALUES (1, 'Alice', '1990-05-04'), (2, 'Bob', NULL)")
        yield database
