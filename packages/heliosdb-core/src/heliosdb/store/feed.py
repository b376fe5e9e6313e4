"""The change feed of one relation: what each commit did, in SCN order.

An entry is made once per commit and costs nothing per row: it refers to the changes that the commit made anyway.
Entries are kept as long as a consumer, a retention policy or an open range of SCNs asks for them; reading before
that is an error that names the horizon.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Hashable, Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple

from heliosdb.errors import ObjectNotInPrerequisiteState
from heliosdb.store.versions import Row

__all__ = ["Change", "Feed"]


class Change(NamedTuple):
    """One row changed by one commit. ``operation`` is "insert", "update" or "delete"."""

    scn: int
    operation: str
    row_id: int
    old: Row | None
    new: Row | None


class Feed:
    """The commits that changed one relation in one timeline."""

    __slots__ = ("_commits", "consumers", "horizon", "wanted")

    def __init__(self) -> None:
        self._commits: list[tuple[int, Sequence[tuple[int, Row | None, Row | None]]]] = []
        self.horizon = 0
        """Changes after this SCN are complete."""
        self.consumers: dict[Hashable, int] = {}
        """Who reads the feed, and up to which SCN each has read."""
        self.wanted = False
        """Whether commits are recorded at all."""

    def start(self, scn: int) -> None:
        """Record from now on; everything up to ``scn`` is out of reach unless it was recorded before."""
        if not self.wanted:
            self.wanted = True
            self.horizon = scn
            self._commits = []

    def record(self, scn: int, changes: Sequence[tuple[int, Row | None, Row | None]]) -> None:
        """Add a commit's (row id, old, new) changes."""
        self._commits.append((scn, changes))

    def missed(self, scn: int) -> None:
        """Note a commit that changed the relation while nobody wanted the feed."""
        self.horizon = scn

    @property
    def last_scn(self) -> int:
        """The SCN of the last commit that changed the relation, recorded or not."""
        return self._commits[-1][0] if self._commits else self.horizon

    def trim(self) -> None:
        """Drop what every consumer has read."""
        if self.consumers:
            self.forget(min(self.consumers.values()))

    def forget(self, scn: int | None) -> None:
        """Drop commits up to an SCN, or all of them and stop recording."""
        if scn is None:
            self.wanted = False
            self._commits = []
        elif scn > self.horizon:
            place = bisect_right(self._commits, scn, key=itemgetter(0))
            self.horizon = scn
            if place:
                self._commits = self._commits[place:]

    def erase(self, row_ids: Container[int]) -> None:
        """Forget what became of some rows."""
        self._commits = [
            (scn, [change for change in changes if change[0] not in row_ids]) for scn, changes in self._commits
        ]

    def changes(self, since: int, until: int) -> Iterator[Change]:
        """Yield the changes of commits with since < SCN <= until."""
        if since < self.horizon:
            raise ObjectNotInPrerequisiteState(
                f"changes since {since} are no longer kept", detail=f"The change feed begins after {self.horizon}."
            )
        commits = self._commits
        start = bisect_right(commits, since, key=itemgetter(0))
        for scn, changes in commits[start:]:
            if scn > until:
                return
            for row_id, old, new in changes:
                operation = "insert" if old is None else "delete" if new is None else "update"
                yield Change(scn, operation, row_id, old, new)
