"""Which commit happened when, by whom: SCN <-> time <-> transaction.

SCNs are consecutive, so the record of one commit is its place in three arrays (20 bytes): commit time, transaction
id and a number for the rest (timeline, role, session user, application name, origin, kind), of which few
combinations exist. Commit times are strictly increasing even when the clock steps back.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from time import time_ns
from typing import NamedTuple

__all__ = ["Author", "Commit", "Commits"]

EPOCH = 946_684_800_000_000
"""2000-01-01 UTC in microseconds since 1970, the zero of timestamps."""
KEEP = 1 << 16


class Author(NamedTuple):
    """Everything about a commit that many commits share."""

    timeline: str = "main"
    role: str = ""
    session_user: str = ""
    application_name: str = ""
    origin: str = ""
    kind: str = "commit"


class Commit(NamedTuple):
    """One commit. ``time`` is microseconds since 2000-01-01 UTC."""

    scn: int
    time: int
    transaction_id: int
    author: Author


class Commits:
    """The commits of a store in SCN order. One thread at a time records; any may read."""

    __slots__ = ("_author_numbers", "_authors", "_by", "_first", "_ids", "_times", "keep_all", "last_time")

    def __init__(self) -> None:
        self._first = 1
        self._times = array("q")
        self._ids = array("q")
        self._by = array("I")
        self._authors: list[Author] = []
        self._author_numbers: dict[Author, int] = {}
        self.last_time = 0
        self.keep_all = False
        """Whether the oldest records stay when there are more than about a hundred thousand."""

    def clock(self) -> int:
        """Return the time now, never before the last commit's."""
        now = time_ns() // 1000 - EPOCH
        return now if now > self.last_time else self.last_time

    def author_number(self, author: Author) -> int:
        """Return the number that stands for an author."""
        number = self._author_numbers.get(author)
        if number is None:
            self._authors.append(author)
            number = self._author_numbers[author] = len(self._authors) - 1
        return number

    def next_time(self) -> int:
        """Return the time of the next commit: now, or just after the last commit where the clock stepped back."""
        now = time_ns() // 1000 - EPOCH
        return now if now > self.last_time else self.last_time + 1

    def start(self, scn: int, time: int) -> None:
        """Begin with the commit that has this SCN, after one at a time; what was before is not known."""
        self._first, self.last_time = scn, time

    def author(self, number: int) -> Author:
        """Return the author that a number stands for."""
        return self._authors[number]

    def record(self, transaction_id: int, author_number: int, time: int = 0) -> int:
        """Record the next commit and return its time: the one given, which the log has, else ``next_time``."""
        now = time or self.next_time()
        self.last_time = now
        self._by.append(author_number)
        self._ids.append(transaction_id)
        self._times.append(now)
        if len(self._times) > 2 * KEEP and not self.keep_all:
            self._drop(KEEP)
        return now

    def _drop(self, count: int) -> None:
        self._by = self._by[count:]
        self._ids = self._ids[count:]
        self._times = self._times[count:]
        self._first += count

    def __len__(self) -> int:
        return len(self._times)

    def __iter__(self) -> Iterator[Commit]:
        first, times, ids, by = self._first, self._times, self._ids, self._by
        for place, time in enumerate(times[:]):
            yield Commit(first + place, time, ids[place], self._authors[by[place]])

    def get(self, scn: int) -> Commit | None:
        """Return the commit with this SCN, or None where it is not recorded (any more)."""
        place = scn - self._first
        if not 0 <= place < len(self._times):
            return None
        return Commit(scn, self._times[place], self._ids[place], self._authors[self._by[place]])

    def scn_at(self, time: int) -> int:
        """Return the SCN of the last commit at or before a time, 0 where there was none."""
        place = bisect_right(self._times, time)
        return self._first + place - 1 if place else 0 if self._first == 1 else self._first - 1

    def scn_of_transaction(self, transaction_id: int) -> int | None:
        """Return the SCN that a transaction committed with, or None."""
        try:
            return self._first + self._ids.index(transaction_id)
        except ValueError:
            return None
