"""``ALTER TABLE t ADD | DROP SYSTEM VERSIONING`` and ``ALTER TABLE t DROP PERIOD FOR p``.

They are SQL:2011's words for what is an option (``versioning``) or a constraint (``periods``) here. All else is the
core's.
"""

from __future__ import annotations

from heliosdb.spi import Cursor, Result, Session
from heliosdb_temporal import periods, versioning

__all__ = ["execute", "parse"]

Altered = versioning.Versioning | periods.Dropped


def parse(cursor: Cursor) -> Altered | None:
    """Read what is behind ``ALTER TABLE``; None where it is no such statement."""
    if_exists = cursor.accept_keyword("if", "exists")
    if cursor.at_keyword("only") or cursor.at_keyword("all"):
        return None
    table = cursor.qualified_name()
    if cursor.accept_keyword("drop", "period", "for"):
        return periods.parse_drop(cursor, table, if_exists=if_exists)
    return versioning.parse(cursor, table, if_exists=if_exists)


def execute(session: Session, payload: Altered) -> Result:
    """Run it as the ALTER TABLE of the core that it means."""
    if isinstance(payload, periods.Dropped):
        periods.check_drop(session, payload)
    else:
        versioning.check_versioning(session, payload)
    done: Result = session.registries.statements["AlterTable"](session, payload.statement)
    return done
