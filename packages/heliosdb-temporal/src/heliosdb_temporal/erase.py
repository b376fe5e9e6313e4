"""``ERASE FROM t WHERE ...``: rows are removed from all history, for good.

A row is erased whole, with all of its versions, if the condition holds for any version of it that is kept.

    1  a transaction deletes the rows that are there, as DELETE does, and writes down which rows are to go
    2  the store erases their versions: memory, segments, log (``History.erase``)
    3  the table's indexes are built again, a checkpoint lets the old ones go, and another one makes it durable that all
       these files are gone
    4  the record loses the rows' numbers, and gets what ``heliosdb_erasures`` shows

What is cut short after 1 is done when the database is opened for writing the next time, or by the next ERASE of the
table; what has come back meanwhile (REVERT TRANSACTION, say) stays. The record says that something was erased,
when, and by whom; nothing of what it was.
"""

from __future__ import annotations

import gc
import logging
from typing import Any

from attrs import frozen

from heliosdb.errors import (
    ActiveSqlTransaction,
    Error,
    FeatureNotSupported,
    ObjectInUse,
    SqlSyntaxError,
    UndefinedTable,
    WrongObjectType,
)
from heliosdb.spi import (
    Cursor,
    Database,
    Relation,
    RelationLock,
    Result,
    RowChanges,
    Session,
    first_readable,
    row_versions,
)
from heliosdb.spi import (
    statements as tree,
)
from heliosdb_temporal.clauses import When
from heliosdb_temporal.erasures import ERASURES, Erasure, records

__all__ = ["Erase", "execute", "finish", "parse"]

CLAUSE = "for system_time"
ROW = "system_row"


log = logging.getLogger("heliosdb")


@frozen
class Erase:
    """What was written."""

    table: Any
    condition: Any


def parse(cursor: Cursor) -> Erase:
    """Read ``table WHERE condition`` behind ``ERASE FROM``."""
    cursor.accept_keyword("only")
    table = cursor.qualified_name()
    if not cursor.accept_keyword("where"):
        raise SqlSyntaxError(
            "ERASE needs a condition",
            position=cursor.position,
            hint="ERASE FROM t WHERE true erases all rows that the table has or had.",
        )
    return Erase(table, cursor.expression())


def execute(session: Session, payload: Erase) -> Result:
    """Erase rows; see the module."""
    schema = payload.table.parts[-2] if len(payload.table.parts) > 1 else None
    relation = session.catalog.lookup_relation(schema, payload.table.parts[-1], session.search_path)
    if relation is None:
        raise UndefinedTable(
            f'relation "{".".join(payload.table.parts)}" does not exist', position=payload.table.position or None
        )
    _require_erasable(session, relation)
    if session.transaction.has_written:
        raise ActiveSqlTransaction("ERASE cannot run in a transaction that has changed something")
    chosen = _chosen(session, payload)
    working: Any = session.fork()
    try:
        if chosen:
            _delete(working, relation, chosen)
        for row_id, erasure in list(records(session.database, pending=True)):
            if erasure.relation == relation.oid:
                _finish(working, row_id, erasure)
    finally:
        working.close()
    return Result("ERASE", row_count=len(chosen))


def _require_erasable(session: Session, relation: Relation) -> None:
    if relation.kind != "table":
        raise WrongObjectType(f'"{relation.name}" is not a table')
    others = [line.name for line in session.database.history.timelines()[1:]]
    if others:
        raise FeatureNotSupported(
            f'rows cannot be erased while there is branch "{others[0]}"',
            detail="It goes on from the table as it was, and would keep them.",
            hint="Merge what is to stay, and drop the branch.",
        )
    if session.timeline is not None:
        raise ObjectInUse("rows can be erased on main only")


def _chosen(session: Session, payload: Erase) -> list[int]:
    """Return the ids of the rows of which a version satisfies the condition."""
    every = tree.Clause(CLAUSE, When("every"))
    query = tree.Select(
        targets=(tree.Target(tree.ColumnRef((ROW,))),),
        from_items=(tree.RangeTable(payload.table, extensions=(every,)),),
        where=payload.condition,
        distinct=True,
    )
    return sorted(row_id for (row_id,) in session.run_query(query).rows)


# -- the deed


def _delete(session: Any, relation: Relation, chosen: list[int]) -> None:
    """Delete the rows that are there, and write down what is to be erased, in a transaction of its own."""
    session.begin("repeatable read")
    try:
        session.lock_definition(relation, RelationLock.SHARE_ROW_EXCLUSIVE)
        view = session.transaction.view(relation.oid)
        present = [(row_id, row, None) for row_id in chosen if (row := view.peek(row_id)) is not None]
        changes = RowChanges(session)
        changes.change(relation, present)
        changes.check()
        line = session.transaction.timeline
        since = first_readable(session.transaction, relation.oid, line)
        found = row_versions(session.transaction, relation.oid, line, since, session.transaction.scn, chosen)
        first = min([version.begin or 0 for versions in found for version in versions], default=0)
        erasure = Erasure(
            relation.oid, relation.schema, relation.name, session.user, session.session_user, len(chosen), first
        )
        erasure.row_ids = " ".join(map(str, chosen))
        session.transaction.insert(ERASURES, erasure.row())
        session.execute("COMMIT")
    except BaseException:
        session.execute("ROLLBACK")
        raise


def _finish(session: Any, row_id: int, erasure: Erasure) -> None:
    """Erase what a record says, and take it that it is done."""
    history = session.database.history
    with session.database.store_transaction() as transaction:
        scn, _ = transaction.relation(ERASURES).newest(row_id)
        view = transaction.view(erasure.relation)
        gone = [number for number in map(int, erasure.row_ids.split()) if view.peek(number) is None]
    history.erase(erasure.relation, gone)
    session.begin("repeatable read")
    relation = session.catalog.relation_by_oid(erasure.relation)
    session.execute("ROLLBACK")
    if relation is not None and relation.indexes:
        session.execute(f"REINDEX TABLE {_quoted(relation.schema)}.{_quoted(relation.name)}")
        gc.collect()  # transactions that have ended refer to the old indexes, in circles
    session.execute("CHECKPOINT")
    # Its last step was to delete files. That they are not there is durable once something behind it has been made so:
    # till then they may be back when the power has failed.
    session.execute("CHECKPOINT")
    commit = history.commits.get(scn)
    done = Erasure(*erasure.row())
    done.scn, done.time, done.row_ids = scn, 0 if commit is None else commit.time, ""
    done.count = len(gone)
    session.begin("repeatable read")
    session.transaction.update(ERASURES, row_id, erasure.row(), done.row())
    session.execute("COMMIT")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def finish(database: Database) -> None:
    """Do what was cut short, as far as it can be done: the database opens in any case."""
    pending = list(records(database, pending=True))
    opened: Any = database
    if pending:
        session: Any = opened.session()
        try:
            for row_id, erasure in pending:
                _finish(session, row_id, erasure)
        except Error as error:
            log.warning("rows of %s that were to be erased are still in its past: %s", erasure.name, error)
        finally:
            session.close()
