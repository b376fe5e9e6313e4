"""Rounds of a database that keeps its past: pins, branches, what is committed on them, and every commit's record.

What was answered is there after whatever crash, and shows what it showed: a pin, a branch with its own commits, and
where all of the past is kept, each SCN that was looked at. What was under way is there or not, but nothing in between.
In the end all of it is salvaged, and shows it once more.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import Any

from heliosdb.database import Database
from heliosdb.store import Commit, Retention
from heliosdb.store.salvage import salvage
from heliosdb.store.snapshot import Snapshot
from heliosdb_testkit import FaultyVolume

from .rounds import Round, abandon

__all__ = ["PastRound"]

State = dict[int, list[tuple[Any, ...]]]
"""The rows of each table by its OID, without columns that were added."""
FIRST_ID = 1_000_000
"""Of rows on branches."""


class PastRound(Round):
    """See the module."""

    def __init__(self, seed: int, skip: Container[str] = (), focus: Sequence[str] = ()) -> None:
        super().__init__(seed, skip, focus)
        self.keeps_all = self.random.random() < 0.5
        self.points: dict[int, State] = {}
        """What main showed at SCNs."""
        self.commits: dict[int, Commit] = {}
        self.pins: dict[str, tuple[int, State]] = {}
        self.branches: dict[str, list[State]] = {}
        """What each branch may show, oldest first."""
        self.open: set[str] = set()
        """Pins and branches that are being made or dropped."""
        self.names = 0

    def run(self) -> int:
        """Go through all lives, and salvage what is there in the end."""
        answered = super().run()
        self.history.append("-- salvage")
        target = FaultyVolume()
        losses = salvage(self.volume, target).losses
        if losses:
            raise self._violation(f"salvage has lost something of a whole database: {losses[0].message}")
        self.volume = target.crash(self.random)
        self._verify()
        return answered

    # -- what is done

    def _maintain(self, database: Database) -> None:
        super()._maintain(database)
        if self.keeps_all and Retention() not in database.history.retentions().values():
            database.history.retain(Retention())
            self._settled(self.visible)
        steps: list[tuple[float, Callable[[Database], None]]] = [
            (0.06, self._pin),
            (0.02, self._unpin),
            (0.04, self._branch),
            (0.08, self._commit_on_branch),
            (0.02, self._drop_branch),
            (0.05, self._look),
        ]
        for share, step in steps:
            if self.random.random() < share:
                step(database)

    def _name(self, kind: str) -> str:
        self.names += 1
        return f"{kind}{self.names}"

    def _opened(self, name: str, kind: str) -> None:
        """From here on it may be there or not."""
        self.history.append(f"-- {kind} {name}")
        self.open.add(name)

    def _done(self, name: str) -> None:
        """From here on it is known. What makes it durable does so for all that was committed before."""
        self.open.discard(name)
        self._settled(self.visible)

    def _pin(self, database: Database) -> None:
        name, state = self._name("pin"), state_of(database)
        self._opened(name, "pin")
        self.pins[name] = (database.store.published, state)
        assert database.history.pin(name) == self.pins[name][0]
        self._done(name)
        self._look(database)

    def _unpin(self, database: Database) -> None:
        if self.pins:
            name = self.random.choice(sorted(self.pins))
            self._opened(name, "unpin")
            database.history.unpin(name)
            del self.pins[name]
            self._done(name)

    def _branch(self, database: Database) -> None:
        if len(self.branches) < 3:
            name, parent = self._name("branch"), self.random.choice(["main", *self.branches])
            state = state_of(database, parent)
            self._opened(name, f"branch of {parent}")
            self.branches[name] = [state]
            database.history.create_timeline(name, parent)
            self._done(name)

    def _drop_branch(self, database: Database) -> None:
        if self.branches:
            name = self.random.choice(sorted(self.branches))
            self._opened(name, "drop")
            database.history.drop_timeline(name)
            del self.branches[name]
            self._done(name)

    def _commit_on_branch(self, database: Database) -> None:
        """Insert a row and delete another in some table of a branch."""
        if not self.branches:
            return
        name = self.random.choice(sorted(self.branches))
        state = self.branches[name][-1]
        if not state:
            return
        oid = self.random.choice(sorted(state))
        self.names += 1
        row = (FIRST_ID + self.names, self.random.randrange(8), "of a branch")
        left = state[oid]
        transaction = database.store.begin(timeline=name)
        try:
            transaction.begin_statement()
            items = [item for ids, rows in transaction.view(oid).item_blocks() for item in zip(ids, rows)]
            if items and self.random.random() < 0.5:
                row_id, old = self.random.choice(items)
                transaction.delete(oid, row_id, old)
                left = [other for other in left if other[0] != old[0]]
            transaction.insert(oid, row)
            self.history.append(f"-- {row} into {oid} of {name}")
            self.branches[name].append({**state, oid: sorted([*left, row], key=repr)})
            ticket = transaction.commit()
        except Exception:
            # It could not be logged.
            self.branches[name][1:] = []
            transaction.rollback()
            raise
        ticket.wait()
        del self.branches[name][:-1]
        self._settled(self.visible)

    def _look(self, database: Database) -> None:
        """Remember what there is now, once it is durable."""
        if database.store.journal is not None and not database.store.journal.is_sealed:
            database.store.journal.sync()
            self._settled(self.visible)
            scn = database.store.published
            self.points[scn] = state_of(database)
            commit = database.history.commits.get(scn)
            if commit is not None:
                self.commits[scn] = commit

    # -- what is there

    def _verify(self) -> None:
        super()._verify()
        database = self._open(300_000)
        try:
            self._verify_past(database)
        finally:
            abandon(database)
        self.volume = self.volume.kill()

    def _verify_past(self, database: Database) -> None:
        history, store = database.history, database.store
        pins, lines = history.pins(), {line.name for line in history.timelines()} - {"main"}
        self._expect("pins", set(pins), set(self.pins))
        self._expect("branches", lines, set(self.branches))
        for name in self.open:
            if name not in pins:
                self.pins.pop(name, None)
            if name not in lines:
                self.branches.pop(name, None)
        self.open.clear()
        for name, (scn, state) in self.pins.items():
            self._compare_state(f"pin {name} at {scn}", state_of(database, "main", scn), [state])
        for name, states in self.branches.items():
            found = state_of(database, name)
            self._compare_state(f"branch {name}", found, states)
            self.branches[name] = [found]
        if self.keeps_all and Retention() in history.retentions().values():
            for scn in self.random.sample(sorted(self.points), min(6, len(self.points))):
                self._compare_state(f"SCN {scn}", state_of(database, "main", scn), [self.points[scn]])
        for scn, commit in self.commits.items():
            if history.commits.get(scn) != commit:
                raise self._violation(f"commit {scn} is {history.commits.get(scn)}, and was {commit}")
        times = [commit.time for commit in history.commits.between(1, store.published)]
        if len(times) != store.published or times != sorted(set(times)):
            raise self._violation(f"{len(times)} commits are recorded, not {store.published}, or not in order")

    def _expect(self, what: str, found: set[str], known: set[str]) -> None:
        if found - self.open != known - self.open or not found <= known:
            raise self._violation(f"{what} are {sorted(found)}, not {sorted(known)}; open: {sorted(self.open)}")

    def _compare_state(self, what: str, found: State, expected: Sequence[State]) -> None:
        for state in expected:
            # A table that was made and dropped again since has no rows there.
            if {oid: rows for oid, rows in found.items() if rows} == {oid: rows for oid, rows in state.items() if rows}:
                return
        known = {oid: len(rows) for oid, rows in expected[-1].items()}
        raise self._violation(f"{what} shows { ({oid: len(rows) for oid, rows in found.items()}) }, not {known}")


def state_of(database: Database, timeline: str = "main", scn: int | None = None) -> State:
    """Return the rows of all tables at a point."""
    store = database.store
    transaction = store.begin(snapshot=Snapshot(timeline, store.published if scn is None else scn))
    try:
        transaction.begin_statement()
        catalog = database.catalogs.of(transaction)
        found = catalog.relations()
        tables = [relation for relation in found if relation.kind == "table" and relation.schema == "public"]
        return {
            relation.oid: sorted(
                (row[:3] for block in transaction.view(relation.oid).row_blocks() for row in block), key=repr
            )
            for relation in tables
        }
    finally:
        transaction.rollback()
