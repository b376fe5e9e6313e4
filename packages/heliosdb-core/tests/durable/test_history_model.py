"""Random histories beside a model that remembers everything: each SCN of each timeline shows what it showed.

Rows change more than once between two checkpoints, timelines start now or in the past, and the store is checkpointed,
vacuumed, compacted, closed, killed, salvaged and struck by power losses on the way. Rows are read by scan and by index.
Where nothing keeps the past, an SCN may be out of reach; a wrong answer it may never give.
"""

from __future__ import annotations

from contextlib import suppress
from operator import itemgetter
from random import Random
from typing import Any

import pytest

from heliosdb.errors import ObjectNotInPrerequisiteState
from heliosdb.store import IndexSpec, Retention, Store, index_storage, relation
from heliosdb.store.options import StorageOptions
from heliosdb.store.salvage import salvage
from heliosdb.store.snapshot import Snapshot
from heliosdb.transaction import Transaction, TransactionalStore, differences
from heliosdb.transaction.view import RelationView
from heliosdb_testkit import FaultyVolume, PowerLoss

TABLE, BY_ID, BY_VALUE, BY_RANK = 100, 101, 102, 103
Row = tuple[Any, ...]
State = dict[int, Row]
SPECS = (
    IndexSpec(BY_ID, TABLE, itemgetter(0), unique=True, key_column=0),
    IndexSpec(BY_VALUE, TABLE, itemgetter(1), key_column=1),
    # As for numerics: sorted by something else than the key.
    IndexSpec(BY_RANK, TABLE, itemgetter(1), order_key=lambda row: (-row[1],)),
)
STEPS = 120


class History:
    """A store, and what it showed at every SCN of every timeline."""

    def __init__(self, seed: int, keeps: str) -> None:
        self.random = Random(seed)
        self.keeps = keeps
        self.volume = FaultyVolume()
        self.states: dict[str, dict[int, State]] = {"main": {0: {}}}
        self.held: dict[str, tuple[str, int]] = {}
        """Pins: by name, timeline and SCN."""
        self.next_key = 0
        self.store = self.opened()
        if keeps == "all":
            self.store.retain(Retention())
        elif keeps == "one relation":
            self.store.retain(Retention(), TABLE)

    def opened(self) -> TransactionalStore:
        # Large commits write segments themselves, and replace whole blocks.
        large = self.random.choice((256, 1 << 14))
        store = TransactionalStore(self.volume, options=StorageOptions(large_commit=large))
        store.specs_of = lambda line, oid: SPECS
        if not store.is_recovered:
            for spec in SPECS:
                store.define_index(None, TABLE, spec)
        assert store.indexes is not None
        store.indexes.most_entries = self.random.choice((0, 1 << 30))
        return store

    # -- steps

    def commit(self) -> None:
        """Change some rows of a timeline in one transaction."""
        random = self.random
        timeline = random.choice(list(self.states))
        state = dict(self.newest(timeline))
        transaction = self.store.begin(timeline=timeline)
        transaction.begin_statement()
        by_id = transaction.view(TABLE).index(BY_ID)
        changed = random.sample(list(state), min(len(state), random.choice((1, 1, 2, 5))))
        for key in changed:
            ((row_id, row),) = by_id.items(key)
            assert row == state[key]
            if random.random() < 0.2:
                transaction.delete(TABLE, row_id, row)
                del state[key]
            else:
                new = (key, random.randrange(8), random.randrange(1000))
                transaction.update(TABLE, row_id, row, new)
                state[key] = new
        for _ in range(random.choice((0, 1, 1, 3))):
            row = (self.next_key, random.randrange(8), 0)
            self.next_key += 1
            transaction.insert(TABLE, row)
            state[row[0]] = row
        if random.random() < 0.03:
            many = [(self.next_key + n, random.randrange(8), 1) for n in range(600)]
            self.next_key += len(many)
            transaction.insert_rows(TABLE, many)
            state |= {row[0]: row for row in many}
        self.committed(transaction, state)

    def update_all(self) -> None:
        """Change most rows of a timeline at once."""
        timeline = self.random.choice(list(self.states))
        transaction = self.store.begin(timeline=timeline)
        transaction.begin_statement()
        items = [item for ids, rows in transaction.view(TABLE).item_blocks() for item in zip(ids, rows)]
        state = dict(self.newest(timeline))
        assert sorted(row for _, row in items) == sorted(state.values())
        chosen = [item for item in items if self.random.random() < 0.9]
        new = [(row[0], (row[1] + 1) % 8, -row[2]) for _, row in chosen]
        row_ids, old = [row_id for row_id, _ in chosen], [row for _, row in chosen]
        if not chosen:
            transaction.rollback()
            return
        assert transaction.update_rows(TABLE, row_ids, old, new) == len(chosen)
        self.committed(transaction, state | {row[0]: row for row in new})

    def committed(self, transaction: Transaction, state: State) -> None:
        """Commit a transaction, and note what it leaves."""
        timeline = transaction.timeline.name
        ticket = transaction.commit()
        ticket.wait()
        if ticket.scn:
            self.states[timeline][ticket.scn] = state

    def branch(self) -> None:
        """Start a timeline, now or at a point of the past."""
        if len(self.states) > 4:
            return
        name = f"b{self.random.randrange(10**9)}"
        parent = self.random.choice(list(self.states))
        scn = None if self.random.random() < 0.6 else self.random.randint(0, self.store.published)
        try:
            made = self.store.create_timeline(name, parent, scn)
        except ObjectNotInPrerequisiteState:
            assert scn is not None
            assert not self.must_be_there(parent, scn)
            return
        fork = made.fork
        start = self.state(parent, fork)
        before = {n: s for n, s in self.states[parent].items() if n <= fork}
        self.states[name] = {**before, fork: start}

    def drop(self) -> None:
        """Drop a timeline."""
        names = [n for n in self.states if n != "main" and n not in {timeline for timeline, _ in self.held.values()}]
        if names:
            name = self.random.choice(names)
            self.store.drop_timeline(name)
            del self.states[name]

    def pin(self) -> None:
        """Hold a point, or let go of one."""
        if self.held and self.random.random() < 0.5:
            name = self.random.choice(list(self.held))
            self.store.unpin(name)
            del self.held[name]
            return
        name, timeline = f"p{self.random.randrange(10**9)}", self.random.choice(list(self.states))
        # A pin on what a timeline takes from its parent holds the parent's point.
        scn = self.random.randint(self.store.timeline(timeline).fork, self.store.published)
        try:
            self.store.pin(name, scn, timeline)
        except ObjectNotInPrerequisiteState:
            assert not self.must_be_there(timeline, scn)
            return
        self.held[name] = (timeline, scn)

    def checkpoint(self) -> None:
        assert self.store.maintenance is not None
        self.store.maintenance.checkpoint()

    def vacuum(self) -> None:
        self.store.vacuum()

    def compact(self) -> None:
        assert self.store.maintenance is not None
        self.store.maintenance.compact()

    def read_indexes(self) -> None:
        """Read indexes into memory, as if they had been asked often."""
        assert self.store.maintenance is not None
        for line in self.store.lines.all():
            for found in line.relations.values():
                for index in found.indexes.values():
                    if index.runs is not None:
                        index.runs.asked = 1 << 20
        self.store.maintenance.read_busy_indexes()

    def close(self) -> None:
        self.store.close()
        self.volume = self.volume.kill()
        self.store = self.opened()

    def crash(self) -> None:
        self.volume.lose_power()
        assert self.store.maintenance is not None
        with suppress(PowerLoss):
            self.store.maintenance.stop()
        self.volume = self.volume.crash(self.random)
        self.store = self.opened()

    def salvaged(self) -> None:
        """Kill the process, and go on with what salvage makes of the files: of whole ones, all."""
        commits, lines = list(self.store.commits), self.store.timelines()
        target = FaultyVolume()
        assert salvage(self.volume.kill(), target).losses == []
        self.volume = target.crash(self.random)
        self.store = self.opened()
        assert list(self.store.commits) == commits
        transaction = self.store.begin()
        assert transaction.transaction_id > max([0, *(commit.transaction_id for commit in commits)])
        transaction.rollback()
        assert [(line.id, line.name, line.created) for line in self.store.timelines()] == [
            (line.id, line.name, line.created) for line in lines
        ]

    def interrupted(self) -> None:
        """Lose power somewhere in a checkpoint."""
        self.volume.crash_at(self.random.randint(1, 15))
        with suppress(PowerLoss):
            self.random.choice((self.checkpoint, self.compact))()
        self.crash()

    # -- the model

    def state(self, timeline: str, scn: int) -> State:
        states = self.states[timeline]
        return states[max(seen for seen in states if seen <= scn)]

    def newest(self, timeline: str) -> State:
        return self.state(timeline, 1 << 60)

    def must_be_there(self, timeline: str, scn: int) -> bool:
        """Whether an SCN is kept: by a retention, a pin, or because it is now."""
        return self.keeps != "points" or scn >= self.store.published or (timeline, scn) in self.held.values()

    def check(self) -> None:
        """Compare what a few points show, of which some must be there."""
        published, random = self.store.published, self.random
        points = [(timeline, published) for timeline in self.states]
        points += [(timeline, self.store.timeline(timeline).fork) for timeline in self.states if timeline != "main"]
        points += self.held.values()
        points += [(random.choice(list(self.states)), random.randint(0, published)) for _ in range(12)]
        for _ in range(12):  # first, while blocks are not in memory
            self.check_differences(random.choice(points), random.choice(points))
        for timeline, scn in points:
            self.check_point(timeline, scn)

    def check_differences(self, first: tuple[str, int], second: tuple[str, int]) -> None:
        """Compare what is said to be different between two points with their states."""
        transaction = self.store.begin()
        try:
            blocks = list(differences(transaction, TABLE, Snapshot(*first), Snapshot(*second)))
        except ObjectNotInPrerequisiteState:
            assert not (self.must_be_there(*first) and self.must_be_there(*second)), f"{first} and {second}"
            return
        finally:
            transaction.rollback()
        before, after = self.state(*first), self.state(*second)
        found = {(old or new or ())[0]: (old, new) for block in blocks for _, old, new in block}
        assert sum(map(len, blocks)) == len(found)
        keys = before.keys() | after.keys()
        expected = {key: (before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)}
        assert found == expected, f"{first} and {second}"

    def check_point(self, timeline: str, scn: int) -> None:
        transaction = self.store.begin(snapshot=Snapshot(timeline, scn))
        transaction.begin_statement()
        try:
            view = transaction.view(TABLE)
        except ObjectNotInPrerequisiteState:
            assert not self.must_be_there(timeline, scn), f"{timeline} at {scn}"
        else:
            self.compare(view, self.state(timeline, scn), f"{timeline} at {scn}")
        finally:
            transaction.rollback()

    def compare(self, view: RelationView, expected: State, where: str) -> None:
        found = [row for block in view.row_blocks() for row in block]
        assert sorted(found) == sorted(expected.values()), where
        for key in self.random.sample(range(self.next_key + 1), min(5, self.next_key)):
            assert view.index(BY_ID).get(key) == expected.get(key), f"{key} of {where}"
        value = self.random.randrange(8)
        with_value = sorted(row for row in expected.values() if row[1] == value)
        assert sorted(view.index(BY_VALUE).rows(value)) == with_value, f"{value} of {where}"
        assert sorted(view.index(BY_RANK).rows(value)) == with_value, f"{value} of {where}"
        in_order = [row for batch in view.index(BY_VALUE).range_item_blocks() for _, row in batch]
        assert sorted(in_order) == sorted(expected.values()), f"{where} by index"
        assert [row[1] for row in in_order] == sorted(row[1] for row in in_order)

    def check_all(self) -> None:
        """Compare every SCN of every timeline at which something changed."""
        for timeline, states in self.states.items():
            for scn in states:
                self.check_point(timeline, scn)


# The power fails under threads, too.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("keeps", ["all", "one relation", "points"])
@pytest.mark.parametrize("seed", range(3))
def test_every_scn_shows_what_it_showed(monkeypatch: pytest.MonkeyPatch, seed: int, keeps: str) -> None:
    random = Random(seed)
    monkeypatch.setattr(relation, "FOLD_AT", random.choice((4, 1024)))
    monkeypatch.setattr(relation, "QUIET_FOLD_AT", random.choice((2, 32)))
    monkeypatch.setattr(index_storage, "READ_AT_ONCE", random.choice((0, 4096)))
    history = History(seed, keeps)
    rare = [history.close, history.crash, history.vacuum, history.compact, history.read_indexes, history.drop]
    rare += [history.update_all, history.interrupted, history.salvaged]
    often = [history.commit] * 5 + [history.checkpoint, history.check]
    steps = [*(often * 3), *rare, *([history.pin, history.branch] * 2)]
    for _ in range(STEPS):
        random.choice(steps)()
    history.check_all()
    history.crash()
    history.check_all()
    history.salvaged()
    history.check_all()


def test_what_was_set_holds_after_reopening() -> None:
    store: Store = TransactionalStore(FaultyVolume())
    store.retain(Retention(), 5)
    store.retain(Retention(period=3_600_000_000, since=2))
    store.close()
    assert isinstance(store.volume, FaultyVolume)
    store = TransactionalStore(store.volume.kill())
    store.retain(None, 5)
    store.retain(Retention(0), 6)
    assert isinstance(store.volume, FaultyVolume)
    store.volume.lose_power()
    store = TransactionalStore(store.volume.crash(Random(1)))
    assert store.holds.retentions() == {0: Retention(3_600_000_000, 2), 6: Retention(0)}
