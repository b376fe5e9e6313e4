"""``idle_in_transaction_session_timeout``: a transaction that nobody goes on with gives its locks back.

    statement ends in a block    begin: from now on the time runs
    next statement               end: it stops; if it had run out, the statement gets 25P03
    the time is over             the watching thread rolls the transaction back

PostgreSQL ends the whole session. Here it stays, for the program that has it is the one that owns the database: the
error says that the transaction is gone, and the statement behind it runs in another one. A session behind a door ends
(``session/door.py``).

The thread exists only while a session with the setting is idle in a transaction. It and the session's thread meet at
one lock: either the statement comes first, or it finds the transaction gone.
"""

from __future__ import annotations

from threading import Condition, Thread
from time import monotonic
from typing import TYPE_CHECKING

from heliosdb.errors import IdleInTransactionSessionTimeout

if TYPE_CHECKING:
    from heliosdb.session.environment import SessionEnvironment

__all__ = ["IdleWatch"]

SETTING = "idle_in_transaction_session_timeout"


class IdleWatch:
    """Watches one session. ``is_on`` says whether there is anything to be told."""

    def __init__(self, session: SessionEnvironment) -> None:
        self._session = session
        self._condition = Condition()
        self._deadline: float | None = None
        self._thread: Thread | None = None
        self._has_expired = False
        self.is_on = False

    def begin(self) -> None:
        """Have the time run, if the session is in a transaction block and the setting asks for it."""
        milliseconds = self._session.setting(SETTING)
        if not milliseconds or not self._session.block.is_explicit:
            return
        with self._condition:
            self.is_on = True
            self._deadline = monotonic() + milliseconds / 1000
            if self._thread is None:
                self._thread = Thread(target=self._watch, name=f"{self._session.name} idle", daemon=True)
                self._thread.start()
            else:
                self._condition.notify()

    def end(self) -> None:
        """Stop the time; raise IdleInTransactionSessionTimeout where it had run out."""
        if self.forget():
            raise _expired()

    def forget(self) -> bool:
        """Stop the time and return whether it had run out."""
        with self._condition:
            self._deadline = None
            self.is_on = False
            expired, self._has_expired = self._has_expired, False
            return expired

    def close(self) -> None:
        """Have the thread end."""
        with self._condition:
            self._deadline = None
            self._condition.notify()

    def _watch(self) -> None:
        with self._condition:
            while self._deadline is not None:
                left = self._deadline - monotonic()
                if left > 0:
                    self._condition.wait(left)
                    continue
                self._session.block.rollback()
                self._session.points.suspend()  # the next statement has to hear of it
                self._has_expired = self.is_on = True
                if self._session.door is not None:
                    self._session.door.end(_expired())
            self._thread = None


def _expired() -> IdleInTransactionSessionTimeout:
    return IdleInTransactionSessionTimeout("terminating connection due to idle-in-transaction timeout")
