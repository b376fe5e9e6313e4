"""A query's rows as they come, in constant memory.

    with session.stream("SELECT * FROM big") as stream:
        for batch in stream: ...

The stream shows what was there when it was opened, however late it is read. Inside a transaction block it belongs to
the block and ends with it. Otherwise it has a session and a snapshot of its own, so that the session it was opened on
goes on with other statements meanwhile; both are given back at the end, by ``close``, or when the stream is forgotten.

``statement_timeout`` is the longest that one batch may take, as it is for a FETCH; ``timeout`` is for the whole stream.
What is no plain query (INSERT ... RETURNING, SHOW) is run to its end when the stream is opened.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from heliosdb import errors
from heliosdb.catalog.types import over_domains
from heliosdb.session.definition_locks import lock_plan

if TYPE_CHECKING:
    from types import TracebackType

    from heliosdb.plan.nodes import OutputColumn
    from heliosdb.session.session import Session

__all__ = ["Stream"]

PIECE = 1024

Row = tuple[Any, ...]


class Stream:
    """An iterator over batches of rows of datums. ``columns`` describes them."""

    def __init__(
        self, session: Session, text: str, parameters: Sequence[Any] = (), *, timeout: float | None = None
    ) -> None:
        self.columns: tuple[OutputColumn, ...] = ()
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._is_own = not session.block.is_open
        self._session = session.fork_reader() if self._is_own else session
        self._hold: Any = None
        self._interrupted = False
        self._is_over = self._is_cut = False
        self._text = text
        self._batches: Iterator[list[Row]] = iter(())
        try:
            self._open(session, text, parameters)
        except BaseException:
            self.close()
            raise

    def _open(self, caller: Session, text: str, parameters: Sequence[Any]) -> None:
        session = self._session
        statements = session.texts(text)
        if len(statements) != 1:
            raise errors.SqlSyntaxError("cannot insert multiple commands into a prepared statement")
        (statement,) = statements
        block = session.block
        if self._is_own:
            block.begin_alone()
        else:
            block.require_healthy()
            session.transaction.begin_statement()
        with session.guarded():
            session.start_clock(text)
            try:
                if session.is_query(statement):
                    hints = tuple(map(session.hint, parameters))
                    plan = session.plan(statement, hints, (), parameters)
                    while not lock_plan(session, plan):
                        plan = session.plan(statement, hints, (), parameters)
                    if plan.bound.read_only:
                        assert plan.columns is not None
                        self.columns = over_domains(plan.columns, session.types)
                        datums = session.read_parameters(plan, parameters)
                        self._hold = session.transaction.hold_snapshot()
                        self._batches = session.stream_plan(plan, statement.constants, datums)
                        if not self._is_own:
                            session.block.streams.add(self)
                        return
            finally:
                session.stop_clock()
        self._run(caller, text, parameters)

    def _run(self, caller: Session, text: str, parameters: Sequence[Any]) -> None:
        """Run what changes something as any other statement, on the session that was asked."""
        if self._is_own:
            self._session.block.rollback()
            self._session.close()
            self._is_own = False
            self._session = caller
        (result,) = caller.execute(text, parameters)
        if result.columns is None:
            raise errors.ProgrammingError(f"{result.tag} returns no rows")
        self.columns = result.columns
        rows = list(result.rows)
        self._batches = (rows[start : start + PIECE] for start in range(0, len(rows), PIECE))

    # -- reading -----------------------------------------------------------------------------------------------------

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> list[Row]:
        """Return the next rows: never none at all."""
        if self._is_over:
            if self._is_cut:
                raise errors.ObjectNotInPrerequisiteState("the transaction of the stream has ended")
            raise StopIteration
        session = self._session
        while True:
            with session.guarded():
                session.start_clock(self._text)
                if self._deadline is not None:
                    deadline = session.deadline
                    session.deadline = self._deadline if deadline is None else min(deadline, self._deadline)
                try:
                    if self._interrupted:
                        raise errors.QueryCanceled("canceling statement due to user request")
                    if session.interrupted:
                        session.check_interrupt()
                    batch = next(self._batches, None)
                except BaseException:
                    self.close()
                    raise
                finally:
                    session.stop_clock()
            if batch is None:
                self.close()
                raise StopIteration
            if batch:
                return batch

    def interrupt(self) -> None:
        """Stop the stream, from any thread: its next batch raises QueryCanceled."""
        self._interrupted = True
        if self._is_own:
            self._session.interrupt()

    # -- the end -----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Let go of the snapshot. Harmless a second time."""
        if self._is_over:
            return
        self._is_over = True
        close = getattr(self._batches, "close", None)
        if close is not None:
            close()
        self._batches = iter(())
        if self._hold is not None:
            self._hold.release()
            self._hold = None
        if self._is_own:
            self._session.block.rollback()
            self._session.close()
        else:
            self._session.block.streams.discard(self)

    def cut(self) -> None:
        """Close, because the transaction ends; whoever goes on reading is told so."""
        self.close()
        self._is_cut = True

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # A reader has no locks to give back, only its snapshot's place in a dict.
        if not getattr(self, "_is_over", True):
            with suppress(errors.Error, ValueError):
                self.close()
