"""Rows of a statement that has not ended: what a door gets that sends them on as they come.

    run(statement, live=True)      the first batch is read as ever; where there is more, ``Result.rows`` is LiveRows
    next(rows)                     another batch, which is not kept
    the end, an error, ``close``   the statement is over, and so is the transaction that it had for itself

Most results are a batch at most, and cost nothing more than before. Between two batches the statement still runs: it
can be cancelled, its time goes on, and its snapshot is held. ``pause`` lets the session run others meanwhile; inside a
transaction block what is shown is fixed, so that these change nothing in it. Any thread may ask for the next batch.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from heliosdb import errors
from heliosdb.interrupts import ask
from heliosdb.rows import full_collection_paused

if TYPE_CHECKING:
    from heliosdb.session.session import Session

__all__ = ["LiveRows"]

Row = tuple[Any, ...]


class LiveRows:
    """An iterator over batches of rows of datums. ``commits``: the transaction ends with the rows."""

    def __init__(
        self, session: Session, first: list[Row], batches: Generator[list[Row], None, None], *, gathers: bool
    ) -> None:
        self._session = session
        self._first = first
        self._batches = batches
        self._gathers = gathers
        self._text = session.current_query
        self._is_over = self._is_cut = False
        self._hold: Any = None
        self._count = 0
        self.commits = session.block.state == "alone"
        session.live = self
        if not self.commits:
            self._hold = session.transaction.hold_snapshot()
            session.block.streams.add(self)

    def __iter__(self) -> LiveRows:
        return self

    def __next__(self) -> list[Row]:
        """Return the next rows; raises what the statement raises, which has failed then."""
        session = self._session
        if self._is_over:
            if self._is_cut:
                raise errors.ObjectNotInPrerequisiteState("the transaction of the rows has ended")
            raise StopIteration
        if session.live is not self:
            session.start_clock(self._text)
            session.live = self
        ask(session.check_interrupt)
        try:
            if session.interrupted:
                session.check_interrupt()
            if self._first:
                batch, self._first = self._first, []
                return self._counted(batch)
            with session.guarded(), full_collection_paused() if self._gathers else nullcontext():
                for batch in self._batches:
                    if session.interrupted:
                        session.check_interrupt()
                    if batch:
                        return self._counted(batch)
        except BaseException:
            self.fail()
            raise
        finally:
            ask(None)
        self.close()
        raise StopIteration

    def _counted(self, batch: list[Row]) -> list[Row]:
        self._count += len(batch)
        self._session.watch.rows = self._count
        return batch

    def pause(self) -> None:
        """Let the session run other statements before the next batch."""
        if self._session.live is self:
            self._session.live = None
            self._session.stop_clock()

    def close(self) -> None:
        """End the statement, read or not, as having succeeded. Harmless a second time."""
        if not self._is_over:
            self._end()
            if self.commits:
                self._session.block.commit()

    def fail(self) -> None:
        """End the statement, and its transaction, as having failed."""
        if not self._is_over:
            block = self._session.block
            self._session.watch.end(failed=True)
            self._end()
            if block.state == "alone" or block.is_implicit:
                block.rollback()
            else:
                block.fail()

    def abandon(self) -> None:
        """End the statement because its session ends."""
        if not self._is_over:
            self._end()
            if self.commits:
                self._session.block.rollback()

    def cut(self) -> None:
        """End, because the transaction block ends; whoever goes on reading is told so."""
        if not self._is_over:
            self._is_cut = True
            self._end()

    def _end(self) -> None:
        self._is_over = True
        self._first = []
        self._batches.close()
        self.pause()
        if self._hold is not None:
            self._hold.release()
            self._hold = None
            self._session.block.streams.discard(self)
