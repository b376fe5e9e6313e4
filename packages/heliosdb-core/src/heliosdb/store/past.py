"""What a plugin may ask of the past, and have kept: ``Database.history``.

Points of the past are SCNs of a timeline. Transactions and views take them (``Snapshot``); here they are found (by
time, by transaction), held (pins), and made to last (retention). All of it outlives the process.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from heliosdb.errors import InvalidParameterValue, ObjectNotInPrerequisiteState
from heliosdb.store.erasure import erase_rows
from heliosdb.store.holds import DATABASE

if TYPE_CHECKING:
    from heliosdb.store.commits import Commit
    from heliosdb.store.holds import Pin, Retention
    from heliosdb.store.store import Store
    from heliosdb.store.timeline import Timeline

__all__ = ["CommitRecords", "History"]


class CommitRecords(Protocol):
    """Which commit happened when, by whom. Any thread may ask; an answer takes logarithmic time and is not kept."""

    def clock(self) -> int:
        """Return the time now in microseconds since 2000-01-01 UTC, never before the last commit's."""
        ...

    def get(self, scn: int) -> Commit | None:
        """Return the commit with this SCN, or None where there is none or it is known no more."""
        ...

    def first_scn(self) -> int:
        """Return the SCN of the first commit that is known."""
        ...

    def scn_at(self, time: int) -> int:
        """Return the SCN of the last commit at or before a time; where there is none that of the last unknown one, or
        0."""
        ...

    def scn_of_transaction(self, transaction_id: int) -> int | None:
        """Return the SCN that a transaction committed with, or None."""
        ...

    def between(self, first: int, last: int) -> Iterator[Commit]:
        """Yield the commits between two SCNs, both included, as far as they are known."""
        ...


class History:
    """The timelines of a database, and what is kept of them. What changes something is durable when it returns."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def published(self) -> int:
        """The last SCN that readers may see."""
        return self._store.published

    @property
    def commits(self) -> CommitRecords:
        """The commits of all timelines."""
        return self._store.commits

    def scn_at(self, time: int) -> int:
        """Return the SCN that a time (microseconds since 2000-01-01 UTC) means: that of the last commit at or before
        it, 0 before the first commit of all.

        Raises InvalidParameterValue for the future, ObjectNotInPrerequisiteState for a time whose commits are known no
        more: a retention with a period lets go of them.
        """
        commits = self.commits
        if time > commits.clock():
            raise InvalidParameterValue("the time is in the future", hint="The past can be read, up to now.")
        scn = commits.scn_at(time)
        first = commits.first_scn()
        if scn < first and first > 1:
            known = commits.get(first)
            raise ObjectNotInPrerequisiteState(
                "the time is before the horizon: commits of then are no longer known",
                detail=None if known is None else f"The first known commit is SCN {first} of {_written(known.time)}.",
            )
        return min(scn, self.published)

    # -- timelines

    def timelines(self) -> list[Timeline]:
        """Return every timeline, main first."""
        return self._store.timelines()

    def timeline(self, name: str) -> Timeline:
        """Return a timeline by name; UndefinedObject when there is none."""
        return self._store.timeline(name)

    def create_timeline(
        self,
        name: str,
        parent: Timeline | str | None = None,
        scn: int | None = None,
        properties: Mapping[str, Any] | None = None,
        *,
        wait: bool = True,
    ) -> Timeline:
        """Start a timeline at an SCN of its parent (default: main, now). Nothing is copied. ``properties`` are noted
        with it: what JSON can hold. Where nobody is to ``wait``, the next commit makes it durable.

        Raises DuplicateObject, UndefinedObject, and ObjectNotInPrerequisiteState for an SCN that has not been reached
        or whose versions are gone.
        """
        return self._store.create_timeline(name, parent, scn, properties, wait=wait)

    def size(self, timeline: Timeline) -> int:
        """Return how many bytes a timeline has of its own, beside what it shares with its parent.

        On a volume: its segments and its indexes, as of the last checkpoint; what came since is in the log. In memory:
        about what its rows take.
        """
        from heliosdb.store.sizes import own_size

        return own_size(self._store, timeline)

    def rename_timeline(self, name: str, new_name: str) -> None:
        """Give a timeline another name. Raises UndefinedObject, DuplicateObject, ObjectInUse for main."""
        self._store.lines.rename(name, new_name)

    def replace_timeline(self, name: str, by: str) -> None:
        """Drop a timeline and give its name to another, in one step: so another one becomes main, for new sessions and
        for those that are on main.

        Raises UndefinedObject, and ObjectInUse where main or the timeline itself is to be the other one, and where a
        pin holds it.
        """
        self._store.lines.replace(name, by)

    def drop_timeline(self, name: str, *, wait: bool = True) -> None:
        """Remove a timeline's name; its versions stay as long as another reads them. Open transactions on it cannot
        commit. Raises UndefinedObject, and ObjectInUse for main and where a pin holds it. ``wait`` as above."""
        self._store.lines.drop(name, wait=wait)

    # -- what is kept

    def pin(self, name: str, scn: int | None = None, timeline: Timeline | str | None = None) -> int:
        """Keep what is visible at an SCN of a timeline (default: main, now) until ``unpin``; return the SCN.

        Raises DuplicateObject, and ObjectNotInPrerequisiteState for an SCN that has not been reached or whose versions
        are gone.
        """
        return self._store.pin(name, scn, timeline)

    def unpin(self, name: str) -> None:
        """Let go of a pin; UndefinedObject when there is none."""
        self._store.unpin(name)

    def pins(self) -> dict[str, Pin]:
        """Return what is held, by name."""
        return self._store.holds.pins()

    def retain(self, retention: Retention | None, relation_oid: int = DATABASE) -> None:
        """Say what is kept of the past of a relation, or (0) of all relations that have no rule of their own.

        None: no rule. It covers what is there and what will come, and brings nothing back.
        """
        self._store.retain(retention, relation_oid)

    def retentions(self) -> dict[int, Retention]:
        """Return what has been set, by relation; 0: all others."""
        return self._store.holds.retentions()

    def erase(self, relation_oid: int, row_ids: Collection[int]) -> None:
        """Have every version of deleted rows be gone for good, from memory, segments and the log: on a volume this is a
        checkpoint. Indexes keep the rows' keys until they are built again.

        Who reads an older state does not find the rows any more, whatever keeps it. Raises FeatureNotSupported where
        there are other timelines than main, SerializationFailure where a row is there, and what checkpoints raise: then
        the rows may still be in files, and erasing them is to be repeated.
        """
        store = self._store
        if store.maintenance is not None:
            store.maintenance.erase(relation_oid, row_ids)
        else:
            with store.commit_lock:
                erase_rows(store, relation_oid, row_ids)

    def horizon(self, relation_oid: int, timeline: Timeline | str | None = None) -> int:
        """Return the SCN from which on everything of a relation of a timeline (default: main) can be read, as far back
        as the timeline goes. Before it only pinned points can."""
        store = self._store
        line = store.timeline(timeline) if isinstance(timeline, str) else timeline
        return store.create_relation(line, relation_oid).pruned_to


def _written(time: int) -> str:
    """Return a time for a message."""
    from datetime import UTC, datetime, timedelta

    return str(datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=time))
