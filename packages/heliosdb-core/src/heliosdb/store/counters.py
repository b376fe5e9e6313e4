"""Counters: numbers that no transaction undoes and all timelines share, such as the next OID and where sequences stand.

A counter changes at once, whatever becomes of the transaction that asked. It is durable no later than the next commit
after the change: each commit record carries the counters that changed since the record before. So whoever has
committed something that depends on a number will never see the number given again.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock

__all__ = ["OIDS", "Counter", "Counters"]

OIDS = 0
"""The key of the OID counter; sequences have their storage number."""

Counter = tuple[int, bool]
"""(value, whether it has been given out)."""


class Counters:
    """The counters of one database. Whoever reads and then sets one holds ``lock`` meanwhile."""

    __slots__ = ("_changed", "_values", "lock")

    def __init__(self) -> None:
        self.lock = Lock()
        self._values: dict[int, Counter] = {}
        self._changed: dict[int, Counter] = {}

    def get(self, key: int) -> Counter | None:
        """Return a counter, None for one that was never set."""
        return self._values.get(key)

    def set(self, key: int, value: int, given: bool = True) -> None:
        """Set a counter; the caller holds ``lock``."""
        self._values[key] = self._changed[key] = (value, given)

    @property
    def has_changed(self) -> bool:
        """Whether there is something that the log does not know yet."""
        return bool(self._changed)

    def take_changed(self) -> dict[int, Counter]:
        """Return what changed since the last call: whoever takes it writes it down, or gives it back."""
        with self.lock:
            changed, self._changed = self._changed, {}
        return changed

    def give_back(self, changed: Mapping[int, Counter]) -> None:
        """Take back what could not be written down."""
        with self.lock:
            self._changed = {**changed, **self._changed}

    def all(self) -> dict[int, Counter]:
        """Return every counter."""
        with self.lock:
            return dict(self._values)

    def load(self, values: Mapping[int, Counter]) -> None:
        """Enter what was written down before, at opening."""
        with self.lock:
            self._values.update(values)
