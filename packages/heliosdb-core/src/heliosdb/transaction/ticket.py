"""Commit tickets: a commit is answered when it is durable, which may be later than when it was ordered.

prepare     validate, append to the log, enter the changes: *pending*
sync        one for all that are pending (a volume without a log skips it)
publish     in SCN order; readers see the commit
answer      ``wait`` returns, ``on_durable`` callbacks run
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Lock

from heliosdb.errors import Error
from heliosdb.store.relation import Relation
from heliosdb.store.store import RowChange

__all__ = ["CommitTicket"]

Changes = list[tuple[Relation, list[RowChange]]]


class CommitTicket:
    """What ``commit`` returns. ``scn`` is 0 for a transaction that wrote nothing.

    ``changes`` is what the commit did, [(relation, [(row id, old, new)])], where somebody listens to commits.
    """

    __slots__ = ("_pending", "changes", "error", "scn", "time", "transaction_id")

    def __init__(
        self,
        scn: int,
        transaction_id: int | None,
        time: int = 0,
        changes: Changes | None = None,
        *,
        pending: bool = False,
    ) -> None:
        self.scn = scn
        self.transaction_id = transaction_id
        self.time = time
        self.changes = changes
        self.error: Error | None = None
        self._pending = _Pending() if pending else None

    def settle(self, error: Error | None = None) -> None:
        """Answer a pending ticket: durable, or failed."""
        pending = self._pending
        if pending is not None:
            with pending.lock:
                self.error = error
                self._pending = None
            pending.done.set()
            for callback in pending.callbacks:
                callback(self)

    def wait(self) -> CommitTicket:
        """Block until the commit is durable; raise what made it fail."""
        pending = self._pending
        if pending is not None:
            pending.done.wait()
        if self.error is not None:
            raise self.error
        return self

    def on_durable(self, callback: Callable[[CommitTicket], None]) -> None:
        """Call back with the ticket when the commit is durable or has failed; at once if that is known already."""
        pending = self._pending
        if pending is not None:
            with pending.lock:
                if self._pending is not None:
                    pending.callbacks.append(callback)
                    return
        callback(self)


class _Pending:
    """What a ticket needs only while it is not answered."""

    __slots__ = ("callbacks", "done", "lock")

    def __init__(self) -> None:
        self.callbacks: list[Callable[[CommitTicket], None]] = []
        self.done = Event()
        self.lock = Lock()
