"""Statements of an open block that are run at once, by whoever must not wait: the event loop of a server.

Such a statement touches one row by a unique key, or enters one (``codegen/bounded.py``), and has a plan already. It
runs as ever, but that its transaction never waits: where it would have to, for a lock or until a commit of somebody
else is durable, what it has begun is undone, and a thread that may wait runs it from its beginning.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from heliosdb.catalog.types import over_domains
from heliosdb.session.definition_locks import lock_plan
from heliosdb.session.environment import EPOCH
from heliosdb.transaction.locks import WouldWait

if TYPE_CHECKING:
    from heliosdb.catalog.result import Result
    from heliosdb.session.session import Session
    from heliosdb.session.statements import StatementText

__all__ = ["ends_at_once", "run_at_once"]


def ends_at_once(session: Session) -> bool:
    """Whether COMMIT or ROLLBACK of the open block has nothing to do but to end it."""
    block = session.block
    if block.state != "open" or session.cursors or block.streams or session.live is not None:
        return False
    if session.has_temporary_schema or session.inbox.mark() != (0, 0):
        return False
    transaction = block.transaction if block.has_begun else None
    if transaction is None:
        return True
    mark = transaction.mark()
    is_counted = transaction.has_counted or transaction.store.listeners
    return not (mark.journal or mark.checks or mark.deferred or is_counted)


def run_at_once(session: Session, statement: StatementText, parameters: Sequence[Any] | None) -> Result | None:
    """Run a statement of the open block and return its result; None: nothing was done, ``Session.run`` has to.

    Errors are those of ``Session.run``, and fail the block as there.
    """
    block = session.block
    transaction = block.transaction if block.state == "open" else None
    if transaction is None or transaction.is_past or session.live is not None or statement.cut_names:
        return None
    given = parameters or ()
    mark = transaction.mark()
    transaction.never_waits = True
    session.start_clock(statement.text)
    try:
        with session.guarded():
            try:
                session.statement_timestamp = time.time_ns() // 1000 - EPOCH
                transaction.begin_statement()
                plan = session.cached_plan(statement, tuple(map(session.hint, given)), given, statement.types)
                if plan is None or not plan.is_bounded or len(plan.bound.parameter_types) != len(given):
                    return None
                if plan.columns is not None and over_domains(plan.columns, session.types) is not plan.columns:
                    return None
                if not lock_plan(session, plan):
                    return None
                session.last_plan = plan
                if session.watch.is_on:
                    session.watch.begin(statement, parameters)
                result = session.run_plan(plan, statement.constants, session.read_parameters(plan, given))
                session.watch.rows = result.row_count
                return result
            except WouldWait:
                session.watch.forget()
                transaction.rollback_to(mark)
                block.locked.clear()
                return None
            except BaseException:
                session.watch.end(failed=True)
                raise
    finally:
        transaction.never_waits = False
        session.stop_clock()
