"""LISTEN and NOTIFY: transactions tell sessions that something has happened.

    NOTIFY, pg_notify()      ──► Announcement of the transaction ──at commit──► queue ──durable──► inboxes
    LISTEN, UNLISTEN         ──►       "                         ──at commit──► the queue's channels

An announcement enters the queue under the commit lock, so the queue is in the order of commits, and is delivered when
its commit is durable; what stands behind one that is not yet waits for it. Nothing is said by a transaction that rolls
back. A transaction says the same thing once. Who has listened before a commit was published hears of it: LISTEN,
commit, then look at the tables, and nothing is missed.

A session hears what is said on the timeline that it works on, its own transactions included, and takes it between
transactions: ``Inbox.take``. (https://www.postgresql.org/docs/15/sql-notify.html)
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from threading import Condition
from typing import TYPE_CHECKING, Any, NamedTuple

from heliosdb.errors import InterfaceError, InvalidParameterValue, ProgramLimitExceeded

if TYPE_CHECKING:
    from heliosdb.session.environment import SessionEnvironment

__all__ = ["Inbox", "NotificationQueue", "Notify", "notifies"]

LARGEST_CHANNEL, LARGEST_PAYLOAD = 63, 7_999
"""Bytes, as PostgreSQL has them."""

CAPACITY = 64 << 20
"""Bytes that may wait for sessions to take them, roughly; with more NOTIFY fails."""

OVERHEAD = 200
"""Bytes that one notification takes beside its texts, roughly."""


class Notify(NamedTuple):
    """What a session is told. ``pid`` is the number of the session that said it (``pg_backend_pid()``)."""

    channel: str
    payload: str
    pid: int

    @property
    def size(self) -> int:
        """How many bytes of the queue it takes."""
        return OVERHEAD + len(self.channel) + len(self.payload)


class Announcement:
    """What a transaction says and wants to hear once it has committed."""

    __slots__ = ("inbox", "is_done", "is_entered", "line", "said", "wanted")

    def __init__(self, inbox: Inbox, said: tuple[Notify, ...], wanted: list[tuple[bool, str | None]]) -> None:
        self.inbox = inbox
        self.line = inbox.line
        self.said = said
        self.wanted = wanted
        self.is_entered = self.is_done = False


class NotificationQueue:
    """The announcements of a database that wait for their commits, and who listens to what."""

    def __init__(self) -> None:
        self.changed = Condition()
        """Guards everything here and in inboxes; who waits for a notification waits for it."""
        self._waiting: deque[Announcement] = deque()
        self._listeners: dict[str, dict[Inbox, None]] = {}
        self.held = 0
        """Bytes in inboxes, roughly."""

    @property
    def usage(self) -> float:
        """How much of the room for notifications is taken: 0.0 to 1.0."""
        return min(1.0, self.held / CAPACITY)

    def require_room(self) -> None:
        """Raise ProgramLimitExceeded where nothing more may be said."""
        if self.held >= CAPACITY:
            raise ProgramLimitExceeded(
                "too many notifications in the NOTIFY queue",
                hint="Sessions that listen take theirs when they are in no transaction; one has not for long.",
            )

    def enter(self, announcement: Announcement) -> None:
        """Put an announcement behind those of earlier commits; harmless a second time. Never raises."""
        with self.changed:
            if announcement.is_entered:
                return
            announcement.is_entered = True
            for is_wanted, channel in announcement.wanted:
                self._listen(announcement.inbox, channel, is_wanted)
            if announcement.said:
                self._waiting.append(announcement)

    def settle(self, announcement: Announcement, *, committed: bool) -> None:
        """Deliver an announcement whose commit is durable, or forget it; deliver what has waited for it."""
        reached: dict[Inbox, None] = {}
        if committed:
            self.enter(announcement)
        with self.changed:
            announcement.is_done = True
            if not committed:
                announcement.said = ()
            while self._waiting and self._waiting[0].is_done:
                first = self._waiting.popleft()
                for notify in first.said:
                    for inbox in self._listeners.get(notify.channel, ()):
                        if inbox.line is first.line:
                            inbox.notifies.append(notify)
                            self.held += notify.size
                            reached[inbox] = None
            if reached:
                self.changed.notify_all()
        for inbox in reached:
            if inbox.on_arrival is not None:
                inbox.on_arrival()

    def _listen(self, inbox: Inbox, channel: str | None, is_wanted: bool) -> None:
        if channel is None:
            for each in tuple(inbox.channels):
                self._listen(inbox, each, False)
        elif is_wanted:
            inbox.channels[channel] = None
            self._listeners.setdefault(channel, {})[inbox] = None
        elif channel in inbox.channels:
            del inbox.channels[channel]
            del self._listeners[channel][inbox]
            if not self._listeners[channel]:
                del self._listeners[channel]

    def leave(self, inbox: Inbox) -> None:
        """Let a session hear nothing more."""
        with self.changed:
            self._listen(inbox, None, False)
            self._empty(inbox)
            self.changed.notify_all()

    def _empty(self, inbox: Inbox) -> list[Notify]:
        taken, inbox.notifies = list(inbox.notifies), deque()
        self.held -= sum(notify.size for notify in taken)
        return taken

    def take(self, inbox: Inbox, limit: int | None = None) -> list[Notify]:
        """Take what has arrived out of an inbox."""
        with self.changed:
            if limit is None:
                return self._empty(inbox)
            taken = [inbox.notifies.popleft() for _ in range(min(limit, len(inbox.notifies)))]
            self.held -= sum(notify.size for notify in taken)
            return taken


class Inbox:
    """What one session says in its transaction, listens to, and has heard."""

    def __init__(self, session: SessionEnvironment, queue: NotificationQueue) -> None:
        self._session = session
        self._queue = queue
        self._said: dict[tuple[str, str], None] = {}
        self._wanted: list[tuple[bool, str | None]] = []
        self.channels: dict[str, None] = {}
        """What the session listens to."""
        self.notifies: deque[Notify] = deque()
        self.on_arrival: Callable[[], object] | None = None
        """Called without arguments by whatever thread has brought something: it must be short, and take nothing."""

    @property
    def line(self) -> Any:
        """The timeline whose notifications are heard."""
        return self._session.timeline or self._session.database.store.main

    # -- in a transaction ----------------------------------------------------------------------------------------------

    def say(self, channel: str, payload: str) -> None:
        """NOTIFY, when the transaction commits."""
        if not channel:
            raise InvalidParameterValue("channel name cannot be empty")
        if len(channel.encode()) > LARGEST_CHANNEL:
            raise InvalidParameterValue("channel name too long")
        if len(payload.encode()) > LARGEST_PAYLOAD:
            raise InvalidParameterValue("payload string too long")
        self._said.setdefault((channel, payload))

    def listen(self, channel: str) -> None:
        """LISTEN, when the transaction commits."""
        self._wanted.append((True, channel))

    def unlisten(self, channel: str | None) -> None:
        """UNLISTEN, when the transaction commits; None is every channel."""
        self._wanted.append((False, channel))

    def mark(self) -> tuple[int, int]:
        """Return where the transaction stands, for ``rollback_to``."""
        return len(self._said), len(self._wanted)

    def rollback_to(self, mark: tuple[int, int]) -> None:
        """Forget what was said and asked for since a mark."""
        said, wanted = mark
        for key in tuple(self._said)[said:]:
            del self._said[key]
        del self._wanted[wanted:]

    def end(self) -> None:
        """Forget what was said and asked for: the transaction has ended. What has arrived may be taken now."""
        if self._said or self._wanted:
            self._said.clear()
            self._wanted.clear()
        if self.notifies:
            with self._queue.changed:
                self._queue.changed.notify_all()

    def announcement(self) -> Announcement | None:
        """Return what is to be announced by the commit, None for nothing. Raises 54000 where there is no room."""
        if not (self._said or self._wanted):
            return None
        if self._said:
            self._queue.require_room()
        number = self._session.number
        said = tuple([Notify(channel, payload, number) for channel, payload in self._said])
        return Announcement(self, said, list(self._wanted))

    # -- between transactions ------------------------------------------------------------------------------------------

    def take(self, limit: int | None = None) -> list[Notify]:
        """Return what has arrived and has not been taken yet; nothing while a transaction block is open."""
        if not self.notifies or self._session.block.is_open:
            return []
        return self._queue.take(self, limit)

    def wait(self, deadline: float | None) -> Notify | None:
        """Wait for a notification and take it; None where the time (of ``time.monotonic``) is over."""
        changed = self._queue.changed
        while True:
            with changed:
                if self._session.closed:
                    raise InterfaceError("the connection is closed")
                taken = self.take(1)
                if taken:
                    return taken[0]
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return None
                changed.wait(left)

    def leave(self) -> None:
        """UNLISTEN * at once, and forget what has arrived: the session ends or begins anew."""
        self.end()
        if self.channels or self.notifies or self._session.closed:
            self._queue.leave(self)


def notifies(inbox: Inbox, timeout: float | None, stop_after: int | None) -> Iterator[Notify]:
    """Yield notifications as they come. ``timeout`` is in seconds and for all of them, None: no end; ``stop_after`` is
    how many there may be at most. InterfaceError where the session is closed meanwhile."""
    deadline = None if timeout is None else time.monotonic() + timeout
    count = 0
    while stop_after is None or count < stop_after:
        found = inbox.wait(deadline)
        if found is None:
            return
        count += 1
        yield found
