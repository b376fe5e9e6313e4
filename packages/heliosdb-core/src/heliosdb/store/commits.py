"""Which commit happened when, by whom: SCN <-> time <-> transaction.

SCNs are consecutive, so the record of one commit is its place in three arrays (20 bytes): commit time, transaction
id and a number for the rest (timeline, role, session user, application name, origin, kind), of which few
combinations exist. Commit times are strictly increasing even when the clock steps back.

    commits 1 ..................... 120,000 │ 120,001 ............ 187,300
            in segments (``commit_history``) │ in arrays

What a checkpoint has written may leave the arrays; of a store that keeps no log the oldest go, unless a retention keeps
the past. A look-up asks the arrays first.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from time import time_ns
from typing import NamedTuple

from heliosdb.store.commit_history import CommitHistory, CommitRow

__all__ = ["Author", "Commit", "Commits"]

EPOCH = 946_684_800_000_000
"""2000-01-01 UTC in microseconds since 1970, the zero of timestamps."""
KEEP = 1 << 16
NEVER = 1 << 62
MOST_AUTHORS = 1 << 14
"""How many authors a process keeps in memory, with all that their statements say."""


class Author(NamedTuple):
    """Everything about a commit that many commits share."""

    timeline: str = "main"
    role: str = ""
    session_user: str = ""
    application_name: str = ""
    origin: str = ""
    kind: str = "commit"
    statement: str = ""
    """What is kept of the statements that it is of, without their constants (the hook ``commit_statement``)."""


class Commit(NamedTuple):
    """One commit. ``time`` is microseconds since 2000-01-01 UTC."""

    scn: int
    time: int
    transaction_id: int
    author: Author


class _Recent:
    """The arrays. Commits are appended in place; records leave by another taking its place, so who has it reads on."""

    __slots__ = ("by", "first", "ids", "numbered", "numbers", "times")

    def __init__(self, first: int, times: array[int], ids: array[int], by: array[int]) -> None:
        self.first = first
        self.times = times
        self.ids = ids
        self.by = by
        self.numbers: dict[int, int] = {}
        """Transaction id -> SCN; made when somebody asks."""
        self.numbered = 0
        """For how many."""


class Commits:
    """The commits of a store in SCN order. One thread at a time records; any may read.

    Every look-up takes logarithmic time, and what it reads from the volume is not kept.
    """

    __slots__ = ("_author_numbers", "_authors", "_recent", "droppable", "history", "last_time")

    def __init__(self) -> None:
        self._recent = _Recent(1, array("q"), array("q"), array("I"))
        self._authors: list[Author] = []
        self._author_numbers: dict[Author, int] = {}
        self.last_time = 0
        self.history = CommitHistory()
        self.droppable = NEVER
        """Records of commits before this SCN may leave memory."""

    def clock(self) -> int:
        """Return the time now, never before the last commit's."""
        now = time_ns() // 1000 - EPOCH
        return now if now > self.last_time else self.last_time

    def author_number(self, author: Author) -> int:
        """Return the number that stands for an author, from ``MOST_AUTHORS`` on without its statement."""
        number = self._author_numbers.get(author)
        if number is None:
            if author.statement and len(self._authors) >= MOST_AUTHORS:
                return self.author_number(author._replace(statement=""))
            self._authors.append(author)
            number = self._author_numbers[author] = len(self._authors) - 1
        return number

    def next_time(self) -> int:
        """Return the time of the next commit: now, or just after the last commit where the clock stepped back."""
        now = time_ns() // 1000 - EPOCH
        return now if now > self.last_time else self.last_time + 1

    def start(self, scn: int, time: int) -> None:
        """Begin with the commit that has this SCN, after one at a time; what was before is in ``history``."""
        self._recent.first, self.last_time, self.droppable = scn, time, scn

    def author(self, number: int) -> Author:
        """Return the author that a number stands for."""
        return self._authors[number]

    def record(self, transaction_id: int, author_number: int, time: int = 0) -> int:
        """Record the next commit and return its time: the one given, which the log has, else ``next_time``."""
        now = time or self.next_time()
        self.last_time = now
        recent = self._recent
        recent.by.append(author_number)
        recent.ids.append(transaction_id)
        recent.times.append(now)  # last: who reads looks at their number
        if len(recent.times) > 2 * KEEP and recent.first + KEEP <= self.droppable:
            self._drop(KEEP)
        return now

    def _drop(self, count: int) -> None:
        recent = self._recent
        self._recent = _Recent(recent.first + count, recent.times[count:], recent.ids[count:], recent.by[count:])

    def written_to(self, scn: int) -> None:
        """Take note that commits up to an SCN are in segments; the commit lock is held."""
        self.droppable = scn + 1
        beyond = min(scn + 1 - self._recent.first, len(self._recent.times) - KEEP)
        if beyond > 0:
            self._drop(beyond)

    def rows_from(self, scn: int) -> list[CommitRow]:
        """Return the commits from an SCN on, which are recorded here, as ``history`` has them."""
        recent = self._recent
        place = scn - recent.first
        authors = self._authors
        return [
            (time, number, *authors[by])
            for time, number, by in zip(recent.times[place:], recent.ids[place:], recent.by[place:])
        ]

    def __len__(self) -> int:
        """Return how many commits are recorded in memory."""
        return len(self._recent.times)

    def __iter__(self) -> Iterator[Commit]:
        return self.between(1, NEVER)

    def between(self, first: int, last: int) -> Iterator[Commit]:
        """Yield the commits between two SCNs, both included, as far as they are known."""
        recent = self._recent
        for scn, row in self.history.rows(first, min(last, recent.first - 1)):
            yield _commit(scn, row)
        start = max(first, recent.first)
        for place in range(start - recent.first, min(last - recent.first + 1, len(recent.times))):
            yield self._at(recent, place)

    def _at(self, recent: _Recent, place: int) -> Commit:
        author = self._authors[recent.by[place]]
        return Commit(recent.first + place, recent.times[place], recent.ids[place], author)

    def get(self, scn: int) -> Commit | None:
        """Return the commit with this SCN, or None where there is none or it is known no more."""
        recent = self._recent
        place = scn - recent.first
        if place < 0:
            row = self.history.row(scn)
            return None if row is None else _commit(scn, row)
        return self._at(recent, place) if place < len(recent.times) else None

    def first_scn(self) -> int:
        """Return the SCN of the first commit that is known."""
        found = self.history.first_scn()
        return self._recent.first if found is None else found

    def scn_at(self, time: int) -> int:
        """Return the SCN of the last commit at or before a time; where there is none that of the last unknown one, or
        0."""
        recent = self._recent
        place = bisect_right(recent.times, time)
        if place:
            return recent.first + place - 1
        found = self.history.scn_at(time)
        return self.first_scn() - 1 if found is None else found

    def scn_of_transaction(self, transaction_id: int) -> int | None:
        """Return the SCN that a transaction committed with, or None."""
        recent = self._recent
        for scn, number in enumerate(recent.ids[recent.numbered :], recent.first + recent.numbered):
            recent.numbers[number] = scn
            recent.numbered = scn - recent.first + 1
        found = recent.numbers.get(transaction_id)
        return self.history.scn_of_transaction(transaction_id) if found is None else found


def _commit(scn: int, row: CommitRow) -> Commit:
    return Commit(scn, row[0], row[1], Author(*row[2:8], statement=(row[8] if len(row) > 8 else "") or ""))
