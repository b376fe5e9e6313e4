"""BACKUP TO: the database of this moment, as SQL or as an archive, at a path or a URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from heliosdb.catalog.result import Result
from heliosdb.commands.backup_options import Forks, boolean, integer, names, outside_transactions, read_options, word
from heliosdb.commands.privileges import READ_ALL_DATA, WRITE_FILES, require_membership
from heliosdb.errors import InvalidParameterValue

if TYPE_CHECKING:
    from heliosdb.session import Session
    from heliosdb.sql.statements.backup import Backup

__all__ = ["execute_backup"]

READERS: Final = {
    "clean": boolean,
    "compression": word,
    "plain": boolean,
    "data_only": boolean,
    "exclude_table": names,
    "format": word,
    "if_exists": boolean,
    "inserts": boolean,
    "level": integer,
    "overwrite": boolean,
    "rows_per_insert": integer,
    "schema": names,
    "schema_only": boolean,
    "table": names,
}


def execute_backup(session: Session, statement: Backup) -> Result:
    """Execute BACKUP TO."""
    from heliosdb.dump import DumpOptions, backup

    # It holds all rows of all tables.
    require_membership(session, READ_ALL_DATA, "BACKUP a database")
    require_membership(session, WRITE_FILES, "BACKUP to a file")
    outside_transactions(session, "BACKUP")
    given = read_options(statement.options, READERS, "BACKUP")
    if statement.place == "-":
        raise InvalidParameterValue("BACKUP needs the name of a file or a URL")
    options = DumpOptions(
        schema_only=given.get("schema_only", False),
        data_only=given.get("data_only", False),
        tables=given.get("table", ()),
        exclude_tables=given.get("exclude_table", ()),
        schemas=given.get("schema", ()),
        clean=given.get("clean", False),
        if_exists=given.get("if_exists", False),
        inserts=given.get("inserts", False),
        rows_per_insert=given.get("rows_per_insert", 1),
    )
    with Forks(session) as forks:
        report = backup(
            forks,
            statement.place,
            file_format=given.get("format"),
            options=options,
            compression=given.get("compression"),
            plain=given.get("plain", False),
            level=given.get("level"),
            replace=given.get("overwrite", False),
            on_progress=lambda title, amount: session.check_interrupt(),
        )
    return Result("BACKUP", row_count=report.rows)
