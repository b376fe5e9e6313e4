"""What one table keeps of its past, in place of what the database keeps: its option ``retention``.

    CREATE TABLE t (...) WITH (retention = '90 days')     what was visible within so long before now
    ALTER TABLE t SET (retention = 'forever')             everything; ADD SYSTEM VERSIONING is the same
    ALTER TABLE t SET (retention = '0')                   nothing
    ALTER TABLE t RESET (retention)                       what the database keeps; DROP SYSTEM VERSIONING is the same

The option is part of the definition: it is in ``pg_class.reloptions`` and in dumps, and is rolled back with its
transaction. The store is told when that has committed (``follow``), and when the database is opened after a crash
(``settle``), which may have come in between.

Rows of the past are read by their definition of then, so the past of the catalog is kept with the first such table, for
good: it is small, and no one knows how far back somebody will look.
"""

from __future__ import annotations

import logging
from typing import Any

from attrs import frozen

from heliosdb.errors import (
    Error,
    FeatureNotSupported,
    InvalidParameterValue,
    ObjectNotInPrerequisiteState,
    SqlSyntaxError,
    WrongObjectType,
)
from heliosdb.spi import CATALOG_RELATION, Cursor, Database, Relation, Retention, Session
from heliosdb.spi import statements as tree

__all__ = ["OPTION", "Versioning", "check", "check_versioning", "follow", "parse", "settle"]

OPTION = "retention"
FOREVER = "forever"
log = logging.getLogger("heliosdb")

MONTH, DAY = 30 * 86_400_000_000, 86_400_000_000


# -- ADD and DROP SYSTEM VERSIONING


@frozen
class Versioning:
    """What was written: ALTER TABLE with the one action that it means."""

    statement: tree.AlterTable


def parse(cursor: Cursor, table: Any, *, if_exists: bool) -> Versioning | None:
    """Read ``ADD | DROP SYSTEM VERSIONING``; None where it is something else."""
    if cursor.accept_keyword("add", "system", "versioning"):
        action = tree.TableAction("set options", options=(_option(_written(cursor)),))
    elif cursor.accept_keyword("drop", "system", "versioning"):
        action = tree.TableAction("reset options", options=(_option(None),))
    else:
        return None
    return Versioning(tree.AlterTable("table", table, (action,), if_exists=if_exists))


def _option(text: str | None) -> tree.Option:
    return tree.Option(OPTION, None if text is None else tree.Literal("string", text))


def _written(cursor: Cursor) -> str:
    if not cursor.accept_keyword("with"):
        return FOREVER
    cursor.expect_mark("(")
    position = cursor.position
    name = cursor.identifier()
    if name != OPTION:
        raise SqlSyntaxError(f'system versioning has no option "{name}"', position=position)
    cursor.expect_mark("=")
    text = cursor.string()
    cursor.expect_mark(")")
    return text


def check_versioning(session: Session, payload: Versioning) -> None:
    """Raise for what is no table, has no versioning to drop, or would get one that keeps nothing."""
    statement = payload.statement
    (action,) = statement.actions
    assert isinstance(action, tree.TableAction)
    relation = session.catalog.lookup_relation(statement.name.schema, statement.name.name, session.search_path)
    if relation is None:
        return
    if relation.kind != "table":
        raise WrongObjectType(f'"{relation.name}" is not a table')
    text = action.options[0].text
    if text is None and OPTION not in dict(relation.options):
        raise ObjectNotInPrerequisiteState(
            f'table "{relation.name}" has no system versioning of its own',
            hint=f"ALTER TABLE ... SET ({OPTION} = '0') keeps nothing of its past.",
        )
    if text is not None and _read(session, text).period == 0:
        raise InvalidParameterValue(f'retention "{text}" is not a positive time')


# -- the option


def check(text: str | None) -> str:
    """Return the option's value as it is kept; what it means needs a session (``follow``)."""
    if text is None:
        raise InvalidParameterValue(
            f'option "{OPTION}" needs a value', hint=f"An interval, '{FOREVER}', or '0' to keep nothing."
        )
    return text.strip()


def _read(session: Any, text: str) -> Retention:
    if text.lower() == FOREVER:
        return Retention()
    months, days, microseconds = session.registries.types.input("interval")(text, -1, session)
    period = months * MONTH + days * DAY + microseconds
    if period < 0:
        raise InvalidParameterValue(f'retention "{text}" is negative')
    return Retention(period)


def _stated(session: Any, definition: Any) -> Retention | None:
    """Return what a definition says, None where it is none of a table that says something."""
    if not isinstance(definition, Relation) or definition.kind != "table":
        return None
    text = dict(definition.options).get(OPTION)
    return None if text is None else _read(session, text)


def follow(session: Any, change: Any) -> None:
    """Have the store keep what a table's new definition says, once that is committed."""
    after = change.after
    if after is None:
        return  # what a dropped table has had is kept for as long as it said
    wanted = _stated(session, after)
    if wanted == (None if change.before is None else _stated(session, change.before)):
        return
    if wanted is not None and after.persistence == "temporary":
        raise FeatureNotSupported(f'temporary table "{after.name}" cannot keep its past')
    history, transaction = session.database.history, session.transaction
    line = transaction.timeline
    if line.parent is not None and history.retentions().get(after.oid) != wanted and _is_of_main(session, after.oid):
        raise FeatureNotSupported(
            f'on branch "{line.name}", the retention of table "{after.name}" cannot be changed',
            detail="Branches share what a table keeps with main.",
            hint="Change it on main.",
        )
    committed: list[bool] = []
    transaction.at_commit(lambda: committed.append(True))

    def keep() -> None:
        if committed and transaction.status == "committed":
            try:
                _keep(history, after.oid, wanted)
            except Error as error:  # nothing more is committed then, and the next opening settles it
                log.warning('the retention of table "%s" is not heeded yet: %s', after.name, error)

    transaction.at_end(keep)


def _is_of_main(session: Any, oid: int) -> bool:
    database = session.database
    main = database.history.timelines()[0]
    with database.store_transaction(main) as transaction:
        return database.catalogs.of(transaction).relation_by_oid(oid) is not None


def _keep(history: Any, oid: int, wanted: Retention | None) -> None:
    held = history.retentions()
    if wanted is not None and wanted.period != 0 and CATALOG_RELATION not in held:
        history.retain(Retention(), CATALOG_RELATION)
    if held.get(oid) != wanted:
        history.retain(wanted, oid)


def settle(database: Database) -> None:
    """Tell the store what definitions of tables say, after a crash."""
    opened: Any = database
    session = opened.session()
    try:
        session.begin("repeatable read")
        for table in session.catalog.relations():
            wanted = _stated(session, table)
            if wanted is not None:
                _keep(database.history, table.oid, wanted)
        session.execute("ROLLBACK")
    finally:
        session.close()
