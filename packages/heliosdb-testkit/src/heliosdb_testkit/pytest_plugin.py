"""pytest's door into the testkit (entry point ``pytest11``): the fixtures ``database``, ``session`` and ``branched``.

``heliosdb_plugins`` says which plugins the database loads: None, the installed ones. Override it for others::

    @pytest.fixture
    def heliosdb_plugins():
        return ["semver"]

``branched`` is for tests that share much data and change it: each gets a branch of its own of ``heliosdb_loaded``,
which is loaded once. That is to be overridden, in ``conftest.py``, and needs the package heliosdb-branch::

    @pytest.fixture(scope="session")
    def heliosdb_loaded():
        with EmbeddedDatabase.new_in_memory() as db:
            db.execute("CREATE TABLE orders (id int PRIMARY KEY)")
            yield db

    def test_all_orders_can_go(branched):
        branched.execute("DELETE FROM orders")
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from heliosdb import Connection, EmbeddedDatabase

__all__ = ["branched", "database", "heliosdb_loaded", "heliosdb_plugins", "session"]


@pytest.fixture
def heliosdb_plugins() -> list[Any] | None:
    """The plugins of the fixture ``database``; None: those that are installed."""
    return None


@pytest.fixture
def database(heliosdb_plugins: list[Any] | None) -> Iterator[EmbeddedDatabase]:
    """An empty database in memory, closed when the test ends. A plugin that cannot be loaded is an error."""
    # Here, not above: pytest loads this file in every run, also where nobody asks for a database.
    from heliosdb import EmbeddedDatabase

    with EmbeddedDatabase.new_in_memory(plugins=heliosdb_plugins, strict=True) as database:
        yield database


@pytest.fixture
def session(database: EmbeddedDatabase) -> Iterator[Any]:
    """A transaction of ``database``, rolled back when the test ends."""
    with database.begin_transaction() as transaction:
        yield transaction


@pytest.fixture(scope="session")
def heliosdb_loaded() -> Iterator[EmbeddedDatabase]:
    """The database that ``branched`` makes branches of: an empty one, unless it is overridden."""
    from heliosdb import EmbeddedDatabase

    with EmbeddedDatabase.new_in_memory() as database:
        yield database


@pytest.fixture
def branched(heliosdb_loaded: EmbeddedDatabase) -> Iterator[Connection]:
    """A connection (autocommit) to a branch of ``heliosdb_loaded`` that is gone when the test ends."""
    from heliosdb import connect

    with connect(heliosdb_loaded, autocommit=True, branch="+") as connection:
        yield connection
