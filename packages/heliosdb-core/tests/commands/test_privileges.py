"""Who may have the process read and write files: superusers, and members of the roles that are named after it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from heliosdb.database import Database
from heliosdb.errors import InsufficientPrivilege

MEMBERSHIPS = {
    "reader": ("pg_read_server_files",),
    "writer": ("pg_write_server_files",),
    "saver": ("pg_write_server_files", "pg_read_all_data"),
    "nobody": (),
}


@pytest.fixture
def database() -> Database:
    database = Database(plugins=[])
    session = database.session()
    session.execute("CREATE TABLE t (a int)")
    session.execute("INSERT INTO t VALUES (1), (2)")
    # What is on the machine's files is the question here, not what is in the tables.
    session.execute("GRANT ALL ON t TO PUBLIC")
    session.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
    for name, roles in MEMBERSHIPS.items():
        session.execute(f"CREATE ROLE {name}" + (f" IN ROLE {', '.join(roles)}" if roles else ""))
    return database


def statements(place: Path) -> dict[str, str]:
    return {
        "read": f"COPY t FROM '{place}/in.txt'",
        "write": f"COPY t TO '{place}/out.txt'",
        "query": f"COPY (SELECT 1) TO '{place}/query.txt'",
        "backup": f"BACKUP TO '{place}/backup.hda'",
        "restore": f"RESTORE FROM '{place}/given.sql'",
    }


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("helios", {"read", "write", "query", "backup", "restore"}),
        ("reader", {"read", "restore"}),
        ("writer", {"write", "query"}),
        ("saver", {"write", "query", "backup"}),
        ("nobody", set()),
    ],
)
def test_files_are_for_those_who_may(database: Database, tmp_path: Path, role: str, allowed: set[str]) -> None:
    (tmp_path / "in.txt").write_text("3\n")
    (tmp_path / "given.sql").write_text("CREATE TABLE given (a int);\n")
    before = set(tmp_path.iterdir())
    done = set()
    for name, statement in statements(tmp_path).items():
        session = database.session(user=role)
        try:
            session.execute(statement)
        except InsufficientPrivilege:
            continue
        done.add(name)
    assert done == allowed
    if not allowed:
        assert set(tmp_path.iterdir()) == before
        assert list(database.session().execute("SELECT a FROM t ORDER BY a")[-1].rows) == [(1,), (2,)]


def test_a_refusal_is_worded_as_postgresql_words_it(database: Database, tmp_path: Path) -> None:
    session = database.session()
    session.execute("SET ROLE nobody")
    with pytest.raises(InsufficientPrivilege) as caught:
        session.execute(statements(tmp_path)["read"])
    assert (caught.value.sqlstate, caught.value.message) == (
        "42501",
        "must be superuser or have privileges of the pg_read_server_files role to COPY from a file",
    )
    assert caught.value.hint == "Anyone can COPY to stdout or from stdin."


def test_anyone_can_copy_from_and_to_a_stream(database: Database) -> None:
    session = database.session(user="nobody")
    with session.copy("COPY t TO STDOUT") as copy:
        assert "".join(copy) == "1\n2\n"


@pytest.mark.parametrize(("role", "shown"), [("helios", "on"), ("nobody", "off")])
def test_is_superuser_tells_the_truth(database: Database, role: str, shown: str) -> None:
    session = database.session()
    session.execute(f"SET ROLE {role}")
    answers: list[Any] = [
        list(session.execute(text)[-1].rows) for text in ("SHOW is_superuser", "SELECT current_setting('is_superuser')")
    ]
    assert answers == [[(shown,)], [(shown,)]]
