"""Whatever the scripts of the differential tests make of a database, its dump makes it again."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path

import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.dump import backup, dump_script, restore
from heliosdb.errors import Error
from heliosdb.sql.script import split

SCRIPTS = Path(__file__).parent / "differential" / "scripts"
WORLDS = sorted(path for folder in ("ddl", "constraints", "catalog") for path in (SCRIPTS / folder).glob("*.sql"))


def world(path: Path) -> EmbeddedDatabase:
    """Return a database in which a script was run; its statements may fail, that is their purpose."""
    database = EmbeddedDatabase.new_in_memory()
    session = database.session()
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("\\")]
    for statement in split("\n".join(lines)):
        if not statement.text.lower().startswith("copy"):
            with suppress(Error):
                session.execute(statement.text)
    session.close()
    return database


def text_of(database: EmbeddedDatabase) -> str:
    return "".join(dump_script(database))


def test_there_are_worlds() -> None:
    assert len(WORLDS) >= 20


@pytest.mark.parametrize("path", WORLDS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_dump_makes_the_database_again(path: Path) -> None:
    with world(path) as database:
        made = text_of(database)
        for form in ("sql", "archive"):
            file = io.BytesIO()
            backup(database, file, file_format=form)
            file.seek(0)
            with EmbeddedDatabase.new_in_memory() as other:
                restore(other, file)
                # A condition is shown with its parentheses where they were written, and then where they are needed.
                assert text_of(other).translate(BARE) == made.translate(BARE)


BARE = str.maketrans("", "", "()")
