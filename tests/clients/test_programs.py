"""The programs of other people's drivers and tools that are here; ``make clients`` installs the rest."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from heliosdb import EmbeddedDatabase
from heliosdb_server import RunningServer, start_server
from tests.clients.__main__ import HERE, PROGRAMS, TOOLS, missing, run

NEEDS = {
    "asyncpg_program": "asyncpg",
    "psycopg2_program": "psycopg2",
    "django_project": "django",
    "pgvector_python": "pgvector",
}


@pytest.fixture
def server() -> Iterator[RunningServer]:
    with EmbeddedDatabase.new_in_memory() as database, start_server(database, port=0) as running:
        database.execute("CREATE ROLE postgres SUPERUSER LOGIN")
        yield running


@pytest.mark.parametrize("name", [name for name, (tool, _) in PROGRAMS.items() if tool not in ("npm", "java")])
def test_a_program_prints_what_it_prints_with_postgresql(server: RunningServer, name: str) -> None:
    if name in NEEDS and find_spec(NEEDS[name]) is None:
        pytest.skip(f"{NEEDS[name]} is not installed; make clients does it")
    if (why := missing(name)) is not None:
        pytest.skip(why)
    TOOLS.mkdir(exist_ok=True)
    expected = (HERE / "expected" / f"{name}.txt").read_text(encoding="utf-8")
    assert run(name, server.port, "postgres", "app") == expected
