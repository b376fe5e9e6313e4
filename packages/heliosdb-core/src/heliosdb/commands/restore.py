"""RESTORE FROM: a dump or an archive into this database, all of it or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from heliosdb.catalog.result import Result
from heliosdb.commands.backup_options import Forks, boolean, names, outside_transactions, read_options
from heliosdb.commands.privileges import READ_FILES, require_membership
from heliosdb.errors import InvalidParameterValue, ReadOnlySqlTransaction

if TYPE_CHECKING:
    from heliosdb.session import Session
    from heliosdb.sql.statements.backup import Restore

__all__ = ["execute_restore"]

READERS: Final = {
    "clean": boolean,
    "data_only": boolean,
    "exclude_table": names,
    "if_exists": boolean,
    "schema": names,
    "schema_only": boolean,
    "skip_unsupported": boolean,
    "table": names,
}


def execute_restore(session: Session, statement: Restore) -> Result:
    """Execute RESTORE FROM."""
    from heliosdb.dump import DumpOptions, restore

    require_membership(session, READ_FILES, "RESTORE from a file")
    outside_transactions(session, "RESTORE")
    if session.block.read_only:
        raise ReadOnlySqlTransaction("cannot execute RESTORE in a read-only transaction")
    given = read_options(statement.options, READERS, "RESTORE")
    if statement.place == "-":
        raise InvalidParameterValue("RESTORE needs the name of a file or a URL")
    options = DumpOptions(
        schema_only=given.get("schema_only", False),
        data_only=given.get("data_only", False),
        tables=given.get("table", ()),
        exclude_tables=given.get("exclude_table", ()),
        schemas=given.get("schema", ()),
        clean=given.get("clean", False),
        if_exists=given.get("if_exists", False),
    )
    with Forks(session) as forks:
        report = restore(
            forks,
            statement.place,
            options=options,
            skip_unsupported=given.get("skip_unsupported", False),
            on_progress=lambda title, amount: session.check_interrupt(),
        )
    for what, count in report.skipped.items():
        session.notice(f"left out: {what} ({count})")
    return Result("RESTORE", row_count=report.rows)
