"""Cursors for doors that hand over parameters: what DECLARE, FETCH and CLOSE do, without their text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from heliosdb.catalog.types import over_domains
from heliosdb.commands.cursors import Cursor
from heliosdb.errors import (
    DuplicateCursor,
    FeatureNotSupported,
    InvalidCursorName,
    NoActiveSqlTransaction,
    ProgrammingError,
    SqlSyntaxError,
)
from heliosdb.session.definition_locks import lock_plan

if TYPE_CHECKING:
    from heliosdb.plan.nodes import OutputColumn
    from heliosdb.session import Session

__all__ = ["close_portal", "declare_portal", "fetch_portal"]


def declare_portal(
    session: Session, name: str, text: str, parameters: Sequence[Any], *, scroll: bool | None, hold: bool
) -> Cursor:
    """Declare a cursor over a query with parameters. Outside a block only one that is held can be."""
    statements = session.texts(text)
    if len(statements) != 1:
        raise SqlSyntaxError("cannot insert multiple commands into a prepared statement")
    (statement,) = statements
    opened = hold and not session.block.is_open
    if opened:
        session.begin()
    try:
        with session.guarded():
            session.start_clock(text)
            try:
                cursor = _declare(session, name, statement, parameters, scroll=scroll, hold=hold)
            finally:
                session.stop_clock()
    except BaseException:
        if opened:
            session.block.rollback()
        raise
    if opened:
        session.block.commit()
    return cursor


def _declare(
    session: Session, name: str, statement: Any, parameters: Sequence[Any], *, scroll: bool | None, hold: bool
) -> Cursor:
    session.block.require_healthy()
    if not session.block.is_explicit:
        raise NoActiveSqlTransaction("DECLARE CURSOR can only be used in transaction blocks")
    if not session.is_query(statement):
        raise ProgrammingError("a cursor needs a query")
    session.transaction.begin_statement()
    if name in session.cursors:
        raise DuplicateCursor(f'cursor "{name}" already exists')
    hints = tuple(map(session.hint, parameters))
    plan = session.plan(statement, hints, (), parameters)
    while not lock_plan(session, plan):
        plan = session.plan(statement, hints, (), parameters)
    if plan.columns is None:
        raise ProgrammingError("a cursor needs a query that returns rows")
    if plan.bound.tag != "SELECT":
        raise FeatureNotSupported("cursors over data-modifying statements are not supported")
    if not plan.bound.read_only and hold:
        raise FeatureNotSupported("DECLARE CURSOR WITH HOLD ... FOR UPDATE is not supported")
    datums = session.read_parameters(plan, parameters)
    cursor = Cursor(
        name,
        over_domains(plan.columns, session.types),
        session.stream_plan(plan, statement.constants, datums),
        session.transaction.hold_snapshot(),
        session,
        scroll=bool(scroll),
        is_held=hold,
        statement=statement.text,
    )
    session.cursors[name] = cursor
    return cursor


def fetch_portal(
    session: Session, name: str, count: int | None, *, mode: str = "forward"
) -> tuple[tuple[OutputColumn, ...], list[tuple[Any, ...]]]:
    """Return a cursor's columns and next rows (None: all that are left), or move to ``count``."""
    with session.guarded():
        session.block.require_healthy()
        cursor = session.cursors.get(name)
        if cursor is None:
            raise InvalidCursorName(f'cursor "{name}" does not exist')
        session.start_clock(cursor.statement)
        try:
            if mode == "forward":
                rows = [] if count == 0 else cursor.forward(count)
            elif mode == "relative":
                rows = cursor.relative(count)
            else:
                rows = cursor.absolute(count)
        finally:
            session.stop_clock()
    return cursor.columns, rows


def close_portal(session: Session, name: str) -> None:
    """Close a cursor, if the transaction's end has not done so."""
    cursor = session.cursors.pop(name, None)
    if cursor is not None:
        cursor.close()
