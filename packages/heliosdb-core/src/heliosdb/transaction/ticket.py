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

__all__ = ["CommitTicket"]


class CommitTicket:
    """What ``commit`` returns. ``scn`` is 0 for a transaction that wrote nothing."""

    __slots__ = ("_callbacks", "_done", "_lock", "error", "scn", "time", "transaction_id")

    def __init__(self, scn: int, transaction_id: int | None, time: int = 0) -> None:
        self.scn = scn
        self.transaction_id = transaction_id
        self.time = time
        self.error: Error | None = None
        self._callbacks: list[Callable[[CommitTicket], None]] = []
        self._done: Event | None = None
        self._lock = Lock()

    @classmethod
    def pending(cls, scn: int, transaction_id: int | None, time: int) -> CommitTicket:
        """Return a ticket that is not durable yet; ``settle`` answers it."""
        ticket = cls(scn, transaction_id, time)
        ticket._done = Event()
        return ticket

    def settle(self, error: Error | None = None) -> None:
        """Answer: durable, or failed."""
        with self._lock:
            self.error = error
            done, self._done = self._done, None
            callbacks, self._callbacks = self._callbacks, []
        if done is not None:
            done.set()
        for callback in callbacks:
            callback(self)

    def wait(self) -> CommitTicket:
        """Block until the commit is durable; raise what made it fail."""
        done = self._done
        if done is not None:
            done.wait()
        if self.error is not None:
            raise self.error
        return self

    def on_durable(self, callback: Callable[[CommitTicket], None]) -> None:
        """Call back with the ticket when the commit is durable or has failed; at once if that is known already."""
        with self._lock:
            if self._done is not None:
                self._callbacks.append(callback)
                return
        callback(self)
