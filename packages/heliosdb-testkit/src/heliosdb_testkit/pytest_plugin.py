"""pytest's door into the testkit (entry point ``pytest11``): the fixtures ``database`` and ``session``.

``heliosdb_plugins`` says which plugins the database loads: None, the installed ones. Override it for others::

    @pytest.fixture
    def heliosdb_plugins():
        return ["semver"]
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from heliosdb import EmbeddedDatabase

__all__ = ["database", "heliosdb_plugins", "session"]


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
