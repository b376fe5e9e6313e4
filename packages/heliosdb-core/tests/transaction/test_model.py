"""The store against an oracle: histories over timelines, transactions, savepoints, snapshots, indexes, folding and
the feed.

The oracle keeps, for every timeline, the whole table as a dict from row id to row after every commit. At every step
each open transaction must see exactly what the oracle says through a scan, by row id, through the unique index, through
ranges of it and through the other indexes.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from heliosdb.encoding import MAX, MIN, NULL, KeyColumn, KeyShape
from heliosdb.errors import LockNotAvailable, ObjectNotInPrerequisiteState, SerializationFailure, UniqueViolation
from heliosdb.store import IndexSpec, Retention, key_order, relation, timeline_index
from heliosdb.store.snapshot import Snapshot
from heliosdb.transaction import Mark, Transaction, TransactionalStore, differences

TABLE, BY_ID, BY_NAME, PARTIAL = 100, 101, 102, 103
Row = tuple[Any, ...]
Table = dict[int, Row]
NAME = KeyShape([KeyColumn(1, descending=True, nulls_first=True), KeyColumn(0)])


class Impatient:
    """A session that waits for no lock."""

    name = "impatient"
    lock_timeout = 0.0

    def may_read(self, schema: str | None, table: str) -> bool:
        return True

    def check_interrupt(self) -> None:
        """Nobody interrupts."""


class Open:
    """An open transaction and what the oracle says of it."""

    def __init__(self, transaction: Transaction, timeline: str, base: Table) -> None:
        self.transaction = transaction
        self.timeline = timeline
        self.base = base
        self.own: dict[int, Row | None] = {}
        self.savepoints: list[tuple[Mark, dict[int, Row | None]]] = []

    def table(self) -> Table:
        merged: dict[int, Row | None] = {**self.base, **self.own}
        return {row_id: row for row_id, row in sorted(merged.items()) if row is not None}


ids = st.integers(0, 7)
names = st.none() | st.sampled_from("abc")
numbers = st.integers(0, 1000)


class StoreModel(RuleBasedStateMachine):
    """See the module."""

    @initialize(retention=st.booleans(), eager=st.booleans())
    def start(self, retention: bool, eager: bool) -> None:
        self.saved = relation.FOLD_AT, relation.QUIET_FOLD_AT, key_order.RECENT, timeline_index.MANY
        if eager:
            # So that folding and merging happen all the time instead of after a thousand changes.
            relation.FOLD_AT, relation.QUIET_FOLD_AT, key_order.RECENT, timeline_index.MANY = 3, 2, 3, 2
        self.store = TransactionalStore()
        self.retention = retention
        if retention:
            self.store.retain(Retention())
        for spec in (
            IndexSpec(BY_ID, TABLE, itemgetter(0), unique=True, key_column=0),
            IndexSpec(BY_NAME, TABLE, NAME.row_key(), order_key=NAME.row_order_key(), width=2),
            IndexSpec(PARTIAL, TABLE, itemgetter(1), predicate=lambda row: row[1] is not None and row[1] != "c"),
        ):
            self.store.define_index(None, TABLE, spec)
        self.store.follow(TABLE)
        self.states: dict[str, dict[int, Table]] = {"main": {0: {}}}
        self.open: list[Open] = []

    def state(self, timeline: str, scn: int) -> Table:
        states = self.states[timeline]
        return states[max(seen for seen in states if seen <= scn)]

    def newest(self, timeline: str) -> Table:
        return self.state(timeline, 10**9)

    def pick(self, number: int) -> Open:
        return self.open[number % len(self.open)]

    def statement(self, opened: Open) -> Mark:
        opened.transaction.begin_statement()
        if opened.transaction.isolation == "read committed":
            opened.base = self.state(opened.timeline, opened.transaction.scn)
        return opened.transaction.mark()

    def others(self, opened: Open) -> list[Open]:
        return [o for o in self.open if o is not opened and o.timeline == opened.timeline]

    # -- rules

    @precondition(lambda self: len(self.open) < 4)
    @rule(timeline=numbers, isolation=st.sampled_from(["read committed", "repeatable read", "serializable"]))
    def begin(self, timeline: int, isolation: str) -> None:
        name = sorted(self.states)[timeline % len(self.states)]
        transaction = self.store.begin(Impatient(), name, isolation)
        self.open.append(Open(transaction, name, self.state(name, transaction.scn)))

    @precondition(lambda self: len(self.states) < 4)
    @rule(parent=numbers, back=st.integers(0, 3))
    def branch(self, parent: int, back: int) -> None:
        name = sorted(self.states)[parent % len(self.states)]
        made = f"b{len(self.states)}"
        scn = max(0, self.store.published - back) if self.retention else None
        timeline = self.store.create_timeline(made, name, scn)
        self.states[made] = {timeline.fork: dict(self.at(name, timeline.fork))}

    def at(self, timeline: str, scn: int) -> Table:
        while scn < min(self.states[timeline]):
            parent = self.store.timeline(timeline).parent
            assert parent is not None
            timeline = parent.name
        return self.state(timeline, scn)

    @precondition(lambda self: self.open)
    @rule(number=numbers, key=ids, name=names)
    def insert(self, number: int, key: int, name: str | None) -> None:
        opened = self.pick(number)
        mark = self.statement(opened)
        taken = any(row[0] == key for row in {**self.newest(opened.timeline), **opened.own}.values() if row)
        try:
            row_id = opened.transaction.insert(TABLE, (key, name))
        except UniqueViolation:
            assert taken
            opened.transaction.rollback_to(mark)
        except LockNotAvailable:
            assert any(other.own or other.savepoints for other in self.others(opened))
            opened.transaction.rollback_to(mark)
        else:
            assert not taken or any(
                other.own.get(row_id, 0) is None or other.own for other in self.others(opened) for row_id in other.own
            )
            opened.own[row_id] = (key, name)

    @precondition(lambda self: self.open)
    @rule(number=numbers, first=st.integers(10, 14), count=st.sampled_from([3, 600]))
    def insert_many(self, number: int, first: int, count: int) -> None:
        opened = self.pick(number)
        mark = self.statement(opened)
        rows: list[Row] = [(first + 5 * n, "bulk") for n in range(count)]
        keys = {row[0] for row in rows}
        taken = any(row[0] in keys for row in {**self.newest(opened.timeline), **opened.own}.values() if row)
        try:
            row_ids = opened.transaction.insert_rows(TABLE, rows)
        except UniqueViolation:
            assert taken
            opened.transaction.rollback_to(mark)
        except LockNotAvailable:
            assert any(other.own or other.savepoints for other in self.others(opened))
            opened.transaction.rollback_to(mark)
        else:
            opened.own.update(zip(row_ids, rows))

    @precondition(lambda self: any(opened.table() for opened in self.open))
    @rule(number=numbers, place=numbers, key=ids | st.none(), name=names, delete=st.booleans())
    def change(self, number: int, place: int, key: int | None, name: str | None, delete: bool) -> None:
        candidates = [opened for opened in self.open if opened.table()]
        opened = candidates[number % len(candidates)]
        mark = self.statement(opened)
        table = opened.table()
        if not table:
            return
        row_id = list(table)[place % len(table)]
        row = table[row_id]
        new = (row[0] if key is None else key, name)
        transaction = opened.transaction
        newest = self.newest(opened.timeline).get(row_id)
        try:
            state = transaction.delete(TABLE, row_id, row) if delete else transaction.update(TABLE, row_id, row, new)
            if state is not None:
                assert transaction.isolation == "read committed"
                assert state.row == newest
                if state.status == "deleted":
                    return
        except SerializationFailure:
            assert transaction.isolation != "read committed"
            self.end(opened, False)
        except (UniqueViolation, LockNotAvailable):
            transaction.rollback_to(mark)
        else:
            opened.own[row_id] = None if delete else new

    @precondition(lambda self: self.open)
    @rule(number=numbers)
    def savepoint(self, number: int) -> None:
        opened = self.pick(number)
        opened.savepoints.append((opened.transaction.mark(), dict(opened.own)))

    @precondition(lambda self: any(opened.savepoints for opened in self.open))
    @rule(number=numbers, depth=numbers)
    def rollback_to(self, number: int, depth: int) -> None:
        candidates = [opened for opened in self.open if opened.savepoints]
        opened = candidates[number % len(candidates)]
        place = depth % len(opened.savepoints)
        mark, own = opened.savepoints[place]
        opened.transaction.rollback_to(mark)
        opened.own = dict(own)
        del opened.savepoints[place + 1 :]

    @precondition(lambda self: self.open)
    @rule(number=numbers, commit=st.booleans())
    def finish(self, number: int, commit: bool) -> None:
        self.end(self.pick(number), commit)

    def end(self, opened: Open, commit: bool) -> None:
        self.open.remove(opened)
        if not commit:
            opened.transaction.rollback()
            return
        try:
            ticket = opened.transaction.commit().wait()
        except SerializationFailure:
            assert opened.transaction.isolation == "serializable"
            return
        if ticket.scn:
            table: dict[int, Row | None] = {**self.newest(opened.timeline), **opened.own}
            self.states[opened.timeline][ticket.scn] = {i: row for i, row in sorted(table.items()) if row is not None}

    @rule()
    def vacuum(self) -> None:
        self.store.vacuum()

    @rule(timeline=numbers, scn=numbers)
    def read_the_past(self, timeline: int, scn: int) -> None:
        """It is either right or an error, and an error only where nothing asked to keep it."""
        name = sorted(self.states)[timeline % len(self.states)]
        scn %= self.store.published + 1
        past = self.store.begin(Impatient(), name, snapshot=scn)
        try:
            self.check(past, self.at(name, scn))
        except ObjectNotInPrerequisiteState:
            assert not self.retention
            assert scn not in self.store.snapshots.pins.values()
        finally:
            past.rollback()

    @rule(timelines=st.tuples(numbers, numbers), scns=st.tuples(numbers, numbers))
    def compare_points(self, timelines: tuple[int, int], scns: tuple[int, int]) -> None:
        """What is different between two points of any timelines; never more, and no less."""
        names = [sorted(self.states)[number % len(self.states)] for number in timelines]
        points = [(name, scn % (self.store.published + 1)) for name, scn in zip(names, scns)]
        reader = self.store.begin(Impatient())
        try:
            first, second = (Snapshot(*point) for point in points)
            found = [item for block in differences(reader, TABLE, first, second) for item in block]
        except ObjectNotInPrerequisiteState:
            assert not self.retention
            return
        finally:
            reader.rollback()
        before, after = (self.at(*point) for point in points)
        row_ids = sorted(before.keys() | after.keys())
        pairs = [(row_id, before.get(row_id), after.get(row_id)) for row_id in row_ids]
        assert found == [(row_id, old, new) for row_id, old, new in pairs if old != new]

    # -- what must hold

    @invariant()
    def everybody_sees_what_the_oracle_says(self) -> None:
        for opened in getattr(self, "open", []):
            self.statement(opened)
            self.check(opened.transaction, opened.table())

    def check(self, transaction: Transaction, table: Table) -> None:
        transaction.begin_statement()
        # Reads of the check itself must not count as reads of a serializable transaction.
        reads, transaction.reads = transaction.reads, None
        view = transaction.view(TABLE)
        transaction.reads = reads
        rows = list(table.values())
        assert [row for block in view.row_blocks() for row in block] == rows
        items = [item for row_ids, block in view.item_blocks() for item in zip(row_ids, block, strict=True)]
        assert items == list(table.items())
        assert all(view.fetch(row_id) == row for row_id, row in list(table.items())[:20])
        by_id = view.index(BY_ID)
        by_key = sorted(rows)
        assert [row for block in by_id.range_blocks(MIN, MAX) for row in block] == by_key
        assert [row for block in by_id.range_blocks(MIN, MAX, descending=True) for row in block] == by_key[::-1]
        between = [row for row in by_key if 2 <= row[0] < 6]
        assert [row for block in by_id.range_blocks((2,), (6,), high_inclusive=False) for row in block] == between
        for key in range(8):
            assert by_id.get(key) == next((row for row in rows if row[0] == key), None)
        by_name = view.index(BY_NAME)
        expected = sorted(rows, key=lambda row: (NAME.row_order_key() or NAME.row_key())(row))
        assert [row for block in by_name.range_blocks() for row in block] == expected
        for name in (None, "a"):
            bound = NAME.bound([name])
            found = [row for block in by_name.range_blocks(bound, bound) for row in block]
            assert found == [row for row in expected if row[1] == name]
        assert by_name.rows((NULL, 3)) == [row for row in rows if row == (3, None)]
        partial = view.index(PARTIAL)
        for name in "abc":
            wanted = [(row_id, row) for row_id, row in table.items() if row[1] == name and name != "c"]
            assert sorted(partial.items(name)) == wanted

    @invariant()
    def the_newest_state_is_read_by_key_without_a_transaction(self) -> None:
        if hasattr(self, "store"):
            read = self.store.point_reader(TABLE, BY_ID)
            table = self.newest("main")
            for key in range(8):
                assert read(key) == next((row for row in table.values() if row[0] == key), None)
            assert self.store.relation(None, TABLE).count == len(table)

    def teardown(self) -> None:
        if not hasattr(self, "store"):
            return
        relation.FOLD_AT, relation.QUIET_FOLD_AT, key_order.RECENT, timeline_index.MANY = self.saved
        for opened in self.open:
            opened.transaction.rollback()
        self.open.clear()
        assert not self.store.snapshots.readers
        replayed: Table = {}
        for change in self.store.changes(TABLE, 0):
            assert replayed.get(change.row_id) == change.old
            assert (change.operation == "insert") == (change.old is None)
            if change.new is None:
                del replayed[change.row_id]
            else:
                replayed[change.row_id] = change.new
        assert replayed == self.newest("main")
        for name in self.states:
            rows = self.store.relation(self.store.timeline(name), TABLE)
            assert not rows.locks
            for index in rows.indexes.values():
                assert not index.key_locks
                assert not index.claims
        for index in self.store.relation(None, TABLE).indexes.values():
            problems = index.method.check((i, index.elements(row)) for i, row in self.newest("main").items())
            assert problems == []


TestStoreModel = StoreModel.TestCase
TestStoreModel.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
