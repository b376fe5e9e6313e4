"""Statements of plugins: who may run one says its ``check``, and without one it is for superusers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from heliosdb.database import Database
from heliosdb.errors import InsufficientPrivilege
from heliosdb.plugin.host import hookimpl
from heliosdb.spi import Cursor, Result, Session, Statement, anyone, require_owner, require_privilege

RAN: list[str] = []


def _check(need: Callable[[Session, Any], None]) -> Callable[[Session, str], None]:
    def check(session: Session, payload: str) -> None:
        relation = session.catalog.lookup_relation("public", payload)
        assert relation is not None
        need(session, relation)

    return check


CHECKS: dict[str, Any] = {
    "silent": None,
    "open": anyone,
    "reading": _check(lambda session, relation: require_privilege(session, relation, "SELECT")),
    "owning": _check(require_owner),
}


def statements() -> Iterator[Statement]:
    def parse(cursor: Cursor) -> str:
        return cursor.identifier()

    for name, check in CHECKS.items():

        def execute(session: Session, payload: str, name: str = name) -> Result:
            RAN.append(name)
            return Result("FROB")

        yield Statement(name=name, words=("FROB", name.upper()), parse=parse, execute=execute, check=check)


@pytest.fixture
def database() -> Iterator[Database]:
    RAN.clear()
    plugin = SimpleNamespace(__name__="frob", register_statements=hookimpl(lambda: list(statements())))
    opened = Database(plugins=[plugin])
    session = opened.session()
    for text in (
        "CREATE ROLE nobody", "CREATE ROLE reader", "CREATE ROLE owner", "CREATE ROLE other SUPERUSER",
        "CREATE TABLE t (a int)", "ALTER TABLE t OWNER TO owner", "GRANT SELECT ON t TO reader",
    ):  # fmt: skip
        session.execute(text)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("helios", list(CHECKS)),
        ("other", list(CHECKS)),
        ("owner", ["open", "reading", "owning"]),
        ("reader", ["open", "reading"]),
        ("nobody", ["open"]),
    ],
)
def test_a_statement_is_for_those_whom_its_check_lets_pass(database: Database, role: str, allowed: list[str]) -> None:
    session = database.session(user=role)
    for name in CHECKS:
        if name in allowed:
            session.execute(f"FROB {name} t")
        else:
            with pytest.raises(InsufficientPrivilege):
                session.execute(f"FROB {name} t")
    assert allowed == RAN


def test_what_says_nothing_is_refused_by_name(database: Database) -> None:
    with pytest.raises(InsufficientPrivilege, match="must be superuser to execute FROB SILENT"):
        database.session(user="nobody").execute("FROB SILENT t")
