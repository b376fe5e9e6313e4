"""Histories and their direct serialization graph: is there an order of the transactions that explains what they saw?

A history is recorded while transactions run on one table of keys. Every write writes a value that is written once, and
commits are known in their order, so the versions of each key and who saw which are known exactly. Committed
transactions are the nodes; edges are (Adya, "Weak Consistency", 1999):

    ww    the second wrote the version of a key that follows the first one's
    wr    the second saw what the first wrote
    rw    the second wrote the version that follows what the first saw; for a condition, the next version that
          changes what the condition finds

A history is serializable where the graph has no cycle. Under snapshot isolation every cycle has two rw edges in a row
(Fekete et al., "Making Snapshot Isolation Serializable", 2005).

What a transaction sees is checked at once: the committed state of its snapshot (read committed: of its statement), with
its own writes laid over. That alone excludes dirty, intermediate and non-repeatable reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise

__all__ = ["Edge", "History", "Row", "Running", "Violation"]

Row = tuple[int, int]
"""A version: (value, group). None stands for "not there"."""

Condition = Callable[[int, Row], bool]
State = dict[int, Row]

INITIAL = -1


class Violation(AssertionError):
    """Something was seen or written that the isolation level does not allow."""


@dataclass(frozen=True)
class Edge:
    """One dependency of the graph."""

    kind: str
    source: int
    target: int
    key: int

    def __str__(self) -> str:
        return f"T{self.source} -{self.kind}({self.key})-> T{self.target}"


@dataclass
class Running:
    """A transaction that is being recorded. ``snapshot`` is the number of commits it sees; None: each statement's."""

    number: int
    keeps_snapshot: bool
    snapshot: int | None = None
    own: dict[int, Row | None] = field(default_factory=dict)
    reads: list[tuple[int, int]] = field(default_factory=list)
    """(key, number of commits seen)"""
    conditions: list[tuple[Condition, int]] = field(default_factory=list)
    doubled: set[int] = field(default_factory=set)
    """Keys that it inserted although its snapshot has a row with them, which somebody has deleted since: it may see
    either, or both, as in PostgreSQL."""


class History:
    """See the module."""

    def __init__(self, rows: State) -> None:
        self.states: list[State] = [dict(rows)]
        """The committed state after each number of commits."""
        self.committed: list[Running] = []
        self._started = 0

    @property
    def now(self) -> State:
        """The committed state."""
        return self.states[-1]

    def begin(self, *, keeps_snapshot: bool) -> Running:
        """Record that a transaction begins."""
        self._started += 1
        return Running(self._started - 1, keeps_snapshot)

    def seen_by(self, transaction: Running) -> int:
        """Return the number of commits that a statement sees that begins now."""
        if not transaction.keeps_snapshot:
            return len(self.states) - 1
        if transaction.snapshot is None:
            transaction.snapshot = len(self.states) - 1
        return transaction.snapshot

    def expected(self, transaction: Running, seen: int) -> State:
        """Return what a statement of the transaction finds."""
        state = dict(self.states[seen])
        for key, row in transaction.own.items():
            if row is None:
                state.pop(key, None)
            else:
                state[key] = row
        return state

    def read(self, transaction: Running, seen: int, condition: Condition, found: Iterable[tuple[int, Row]]) -> None:
        """Record a query for the rows that meet a condition."""
        rows = {key: row for key, row in found if key not in transaction.doubled}
        expected = {
            key: row
            for key, row in self.expected(transaction, seen).items()
            if condition(key, row) and key not in transaction.doubled
        }
        if rows != expected:
            raise Violation(f"T{transaction.number} saw {rows}, and should have seen {expected}")
        transaction.conditions.append((condition, seen))

    def write(self, transaction: Running, seen: int, key: int, before: Row | None, after: Row | None) -> None:
        """Record that a version was written over another one."""
        current = self.expected(transaction, len(self.states) - 1).get(key)
        if before != current:
            raise Violation(f"T{transaction.number} wrote over {before} of {key}, and there was {current}: it is lost")
        if transaction.keeps_snapshot and before is not None and self.expected(transaction, seen).get(key) != before:
            raise Violation(f"T{transaction.number} changed {before} of {key}, which it cannot see")
        if before is None and key in self.states[seen] and key not in transaction.own:
            transaction.doubled.add(key)
        if before is not None and key not in transaction.own:
            # What it changes it has seen.
            transaction.reads.append((key, len(self.states) - 1))
        transaction.own[key] = after

    def commit(self, transaction: Running) -> None:
        """Record that a transaction has committed."""
        self.states.append(self.expected(transaction, len(self.states) - 1))
        self.committed.append(transaction)

    # -- the graph

    def edges(self) -> set[Edge]:
        """Return the direct serialization graph."""
        versions = self._versions()
        edges: set[Edge] = set()

        def add(kind: str, source: int, target: int, key: int) -> None:
            if source not in (target, INITIAL):
                edges.add(Edge(kind, source, target, key))

        for key, line in versions.items():
            for (_, writer, _), (_, following, _) in pairwise(line):
                add("ww", writer, following, key)
        for transaction in self.committed:
            reader = transaction.number
            for key, seen in transaction.reads:
                line = versions[key]
                place = max(i for i, (position, _, _) in enumerate(line) if position <= seen)
                add("wr", line[place][1], reader, key)
                if place + 1 < len(line):
                    add("rw", reader, line[place + 1][1], key)
            for condition, seen in transaction.conditions:
                for key, line in versions.items():
                    place = max(i for i, (position, _, _) in enumerate(line) if position <= seen)
                    row = line[place][2]
                    met = row is not None and condition(key, row)
                    if met:
                        add("wr", line[place][1], reader, key)
                    for _, writer, later in line[place + 1 :]:
                        if met or (later is not None and condition(key, later)):
                            add("rw", reader, writer, key)
                            break
        return edges

    def _versions(self) -> dict[int, list[tuple[int, int, Row | None]]]:
        """Return for each key its versions: (commits when it came, writer, row)."""
        keys = {key for state in self.states for key in state} | {k for t in self.committed for k in t.own}
        versions: dict[int, list[tuple[int, int, Row | None]]] = {
            key: [(0, INITIAL, self.states[0].get(key))] for key in keys
        }
        for position, transaction in enumerate(self.committed, 1):
            for key, row in transaction.own.items():
                if row is not None or versions[key][-1][2] is not None:
                    versions[key].append((position, transaction.number, row))
        return versions

    def cycle(self) -> list[Edge] | None:
        """Return a shortest cycle of the graph, or None."""
        following: dict[int, list[Edge]] = {}
        for edge in sorted(self.edges(), key=lambda edge: (edge.kind != "rw", edge.target, edge.key)):
            following.setdefault(edge.source, []).append(edge)
        best: list[Edge] | None = None
        for start in following:
            paths: list[list[Edge]] = [[edge] for edge in following[start]]
            reached: set[int] = set()
            for path in paths:  # grows while it is walked: breadth first
                end = path[-1].target
                if end == start:
                    if best is None or len(path) < len(best):
                        best = path
                    break
                if end not in reached:
                    reached.add(end)
                    paths.extend([*path, edge] for edge in following.get(end, ()))
        return best
