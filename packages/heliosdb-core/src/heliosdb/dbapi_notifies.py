"""``connection.notifies()``: what other transactions announce with NOTIFY, in psycopg 3's feel.

    conn.execute("LISTEN orders")
    conn.commit()
    for notify in conn.notifies(timeout=5):
        print(notify.channel, notify.payload, notify.pid)

LISTEN holds from the commit on, and nothing is told inside a transaction: use ``autocommit=True``, or commit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from heliosdb.session.notifications import Notify, notifies

if TYPE_CHECKING:
    from heliosdb.session import Session

__all__ = ["Listening", "Notify"]


class Listening:
    """What can listen: something with a session."""

    session: Session

    def notifies(self, *, timeout: float | None = None, stop_after: int | None = None) -> Iterator[Notify]:
        """Yield notifications as they come, waiting for them; those that are not taken stay for the next call.

        ``timeout`` is in seconds and for all of them (0: what has arrived), None waits for ever; ``stop_after`` is how
        many to wait for at most. Raises InterfaceError where the connection is closed meanwhile.
        """
        return notifies(self.session.inbox, timeout, stop_after)
