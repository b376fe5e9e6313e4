"""A gate before a structure that many threads may search at once, and one may change while nobody searches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, Lock

__all__ = ["Gate"]


class Gate:
    """Readers share it; a writer waits until they have left and keeps new ones out. It is not re-entrant."""

    __slots__ = ("_changed", "_lock", "_readers", "_writing")

    def __init__(self) -> None:
        self._lock = Lock()  # entered by itself: a Condition's own ``with`` takes three times as long
        self._changed = Condition(self._lock)
        self._readers = 0
        self._writing = False

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be alone in here."""
        with self._changed:
            while self._writing:
                self._changed.wait()
            self._writing = True
            while self._readers:
                self._changed.wait()
        try:
            yield
        finally:
            with self._changed:
                self._writing = False
                self._changed.notify_all()

    def __enter__(self) -> None:
        with self._lock:
            while self._writing:
                self._changed.wait()
            self._readers += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._readers -= 1
            if not self._readers and self._writing:
                self._changed.notify_all()
