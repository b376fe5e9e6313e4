"""Serializable isolation: what a transaction read must not have changed when it commits.

Every read is noted at the coarsest grain that is still useful: a relation, a range or a key of an index, a row. A
committing transaction that wrote something compares its notes with the changes of all commits since its snapshot; if
one of them changed what was read, in its old or its new form, it gets 40001. All serializable transactions that
write are thus equivalent to their order of commit, and one that only reads is equivalent to running at its snapshot
(Kung and Robinson, "On Optimistic Methods for Concurrency Control", 1981: backward validation).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from heliosdb.errors import SerializationFailure
from heliosdb.store.key_order import KeyOrder
from heliosdb.store.relation import Relation
from heliosdb.store.snapshot import REGISTERING
from heliosdb.store.timeline_index import TimelineIndex
from heliosdb.store.versions import Row

if TYPE_CHECKING:
    from heliosdb.transaction.transaction import Transaction

__all__ = ["CommitHistory", "ReadSet", "enroll"]

Changes = list[tuple[int, "Row | None", "Row | None"]]
Bounds = tuple[Any, Any, bool, bool, bool]


class ReadSet:
    """What one transaction has read."""

    __slots__ = ("keys", "ranges", "relations", "rows")

    def __init__(self) -> None:
        self.relations: set[Relation] = set()
        self.rows: dict[Relation, set[int]] = {}
        self.keys: dict[tuple[Relation, TimelineIndex], set[Any]] = {}
        self.ranges: dict[tuple[Relation, TimelineIndex], list[Bounds]] = {}

    def add_relation(self, relation: Relation) -> None:
        """Note a scan."""
        self.relations.add(relation)

    def add_row(self, relation: Relation, row_id: int) -> None:
        """Note that a row was fetched by its id."""
        self.rows.setdefault(relation, set()).add(row_id)

    def add_key(self, relation: Relation, index: TimelineIndex, key: Any) -> None:
        """Note a look-up, found or not."""
        self.keys.setdefault((relation, index), set()).add(key)

    def add_range(self, relation: Relation, index: TimelineIndex, bounds: Bounds) -> None:
        """Note a range scan."""
        if bounds[0] is None and bounds[1] is None:
            self.relations.add(relation)
        else:
            self.ranges.setdefault((relation, index), []).append(bounds)

    def is_touched_by(self, relation: Relation, changes: Changes) -> bool:
        """Whether one of the changes changed something that was read."""
        if relation in self.relations:
            return bool(changes)
        rows = self.rows.get(relation)
        if rows is not None and any(row_id in rows for row_id, _, _ in changes):
            return True
        for (read, index), keys in self.keys.items():
            if read is relation:
                for element in _elements(index, changes):
                    if (element[1] if index.spec.order_key is not None else element) in keys:
                        return True
        for (read, index), ranges in self.ranges.items():
            if read is relation:
                spec = index.spec
                order = KeyOrder(paired=spec.order_key is not None, single=spec.width == 1)
                touched = sorted(set(_elements(index, changes)))
                for low, high, low_in, high_in, _ in ranges:
                    for _ in order.windows(low, high, low_in, high_in, False, touched):
                        return True
        return False


def _elements(index: TimelineIndex, changes: Changes) -> list[Any]:
    return [
        element for _, old, new in changes for row in (old, new) if row is not None for element in index.elements(row)
    ]


class CommitHistory:
    """The changes of recent commits, kept while serializable transactions that may need them are open."""

    __slots__ = ("_commits", "open")

    def __init__(self) -> None:
        self._commits: deque[tuple[int, list[tuple[Relation, Changes]]]] = deque()
        self.open: dict[object, int] = {}
        """Open serializable transactions and their snapshots' SCNs."""

    def record(self, scn: int, changed: list[tuple[Relation, Changes]]) -> None:
        """Add a commit, and drop those that no open transaction needs."""
        self._commits.append((scn, changed))
        oldest = min(tuple(self.open.values()), default=scn)
        while self._commits and self._commits[0][0] <= oldest:
            self._commits.popleft()

    def validate(self, reads: ReadSet, since: int) -> None:
        """Raise SerializationFailure if a commit after ``since`` changed what was read."""
        for scn, changed in self._commits:
            if scn > since:
                for relation, changes in changed:
                    if reads.is_touched_by(relation, changes):
                        raise SerializationFailure(
                            "could not serialize access due to read/write dependencies among transactions",
                            detail="Reason code: Canceled on commit attempt, because what was read has changed.",
                            hint="The transaction might succeed if retried.",
                        )


def enroll(transaction: Transaction) -> ReadSet:
    """Take the snapshot of a serializable transaction, so that every commit that it does not see is remembered."""
    store = transaction.store
    with store.commit_lock:  # who commits has looked whether anybody is enrolled, or will see this one
        store.history.open[transaction] = -1
        pending = store.last_scn
    # What is pending by now may not be remembered: wait until it can be seen.
    store.await_published(pending)
    readers = store.snapshots.readers
    readers[transaction] = REGISTERING
    readers[transaction] = transaction.scn = store.history.open[transaction] = store.published
    return ReadSet()
