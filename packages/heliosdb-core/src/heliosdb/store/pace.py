"""How fast background work writes: so many bytes a second, unless somebody waits for it.

Who writes pays for the bytes afterwards, and is held back until they are due. What was not used is not saved up, so
after a pause there is no rush. Whoever needs the work to be done (a checkpoint that was asked for, the end of the
database) hurries it; so does a log that grows faster than the pace lets it shrink, for it must not grow without bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock
from time import monotonic

__all__ = ["Pace", "Pay"]

Pay = Callable[[int], object]
"""What a writer calls when it has written so many bytes."""

LONGEST = 0.1
"""Seconds after which whoever is held back looks again whether there is a hurry."""


class Pace:
    """``rate`` is in bytes a second, None for no limit. ``is_urgent`` says whether waiting would do harm, ``meanwhile``
    does what else is to be done; both are called again and again while somebody is held back.

    ``wait(seconds)`` waits, and returns early when there is a hurry; ``clock`` gives seconds.
    """

    def __init__(
        self,
        rate: int | None,
        is_urgent: Callable[[], bool] = lambda: False,
        meanwhile: Callable[[], None] = lambda: None,
        *,
        clock: Callable[[], float] = monotonic,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self.rate = rate
        self._is_urgent = is_urgent
        self._meanwhile = meanwhile
        self._clock = clock
        self._hurry = Event()
        self._wait: Callable[[float], object] = self._hurry.wait if wait is None else wait
        self._hurrying = 0
        self._lock = Lock()
        self._due = 0.0

    def pay(self, size: int) -> None:
        """Return when as many bytes as have been written are due."""
        rate = self.rate
        self._meanwhile()
        if rate is None:
            return
        now = self._clock()
        self._due = max(self._due, now) + size / rate
        while now < self._due:
            if self._hurry.is_set() or self._is_urgent():
                self._due = now
                return
            self._wait(min(self._due - now, LONGEST))
            self._meanwhile()
            now = self._clock()

    @contextmanager
    def hurried(self) -> Iterator[None]:
        """Hold nobody back while the block runs."""
        with self._lock:
            self._hurrying += 1
            self._hurry.set()
        try:
            yield
        finally:
            with self._lock:
                self._hurrying -= 1
                if not self._hurrying:
                    self._hurry.clear()
