"""Everything at once: writers of all levels, point writers, branches, vacuum, and readers who compare every way to
read.

Each reader demands of his snapshot that a scan, ranges in both directions, look-ups and three indexes tell the same
rows, and that they still do so statement after statement.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from operator import itemgetter
from random import Random
from threading import Thread
from typing import Any

import pytest

from heliosdb.encoding import KeyColumn, KeyShape
from heliosdb.errors import DeadlockDetected, LockNotAvailable, SerializationFailure, UniqueViolation
from heliosdb.store import IndexSpec, Retention, key_order, relation, timeline_index
from heliosdb.transaction import Transaction, TransactionalStore

TABLE, BY_ID, BY_GROUP, BY_BOTH = 100, 101, 102, 103
KEYS, GROUPS = 60, 8
BOTH = KeyShape([KeyColumn(1, descending=True, nulls_first=True), KeyColumn(0)])
Row = tuple[Any, ...]


class Session:
    """A session that waits for a lock half a second at most."""

    name = "hammer"
    lock_timeout = 0.5

    def may_read(self, schema: str | None, table: str) -> bool:
        return True

    def check_interrupt(self) -> None:
        """Nobody interrupts."""


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(relation, "FOLD_AT", 12)
    monkeypatch.setattr(relation, "QUIET_FOLD_AT", 2)
    monkeypatch.setattr(key_order, "RECENT", 6)
    monkeypatch.setattr(timeline_index, "MANY", 2)
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.00002)
    yield
    sys.setswitchinterval(before)


def compare(transaction: Transaction) -> list[Row]:
    view = transaction.view(TABLE)
    rows = [row for block in view.row_blocks() for row in block]
    ordered = sorted(rows)
    by_id, by_group, by_both = view.index(BY_ID), view.index(BY_GROUP), view.index(BY_BOTH)
    assert len({row[0] for row in rows}) == len(rows)
    assert [row for block in by_id.range_blocks() for row in block] == ordered
    assert [row for block in by_id.range_item_blocks(descending=True) for _, row in block] == ordered[::-1]
    order_key = BOTH.row_order_key()
    assert [row for block in by_both.range_blocks() for row in block] == sorted(rows, key=order_key)
    assert sorted(row for block in by_group.range_blocks() for row in block) == ordered
    for group in range(GROUPS):
        assert sorted(by_group.rows(group)) == [row for row in ordered if row[1] == group]
    keyed = {row[0]: row for row in rows}
    assert [by_id.get(key) for key in range(KEYS)] == [keyed.get(key) for key in range(KEYS)]
    return ordered


def change_something(transaction: Transaction, random: Random) -> None:
    view, choice, key = transaction.view(TABLE), random.random(), random.randrange(KEYS)
    if choice < 0.35:
        transaction.insert(TABLE, (key, random.randrange(GROUPS), random.random()))
    elif choice < 0.42:
        count = random.choice([3, 20, 600])
        transaction.insert_rows(TABLE, [(1000 + n, random.randrange(GROUPS), 0.0) for n in range(count)])
    elif choice < 0.5:
        for row_ids, rows in view.item_blocks():
            for row_id, row in zip(row_ids, rows):
                if row[0] >= 1000 and random.random() < 0.7:
                    transaction.delete(TABLE, row_id, row)
    else:
        for row_id, row in view.index(BY_ID).items(key):
            if choice < 0.65:
                transaction.delete(TABLE, row_id, row)
            elif choice < 0.8:
                transaction.update(TABLE, row_id, row, (row[0], random.randrange(GROUPS), random.random()))
            else:
                transaction.update(TABLE, row_id, row, (random.randrange(KEYS), row[1], random.random()))


def write(store: TransactionalStore, seed: int) -> None:
    random = Random(seed)
    for _ in range(120):
        level = random.choice(["read committed", "repeatable read", "serializable"])
        transaction = store.begin(Session(), isolation=level)
        try:
            for _ in range(random.randrange(1, 6)):
                transaction.begin_statement()
                mark = transaction.mark()
                try:
                    change_something(transaction, random)
                    if random.random() < 0.1:
                        transaction.rollback_to(mark)
                except (UniqueViolation, LockNotAvailable):
                    transaction.rollback_to(mark)
            if random.random() < 0.85:
                transaction.commit()
        except (SerializationFailure, DeadlockDetected):
            pass
        finally:
            transaction.rollback()


def write_points(store: TransactionalStore, seed: int) -> None:
    random = Random(seed)
    writer, read = store.point_writer(TABLE, BY_ID), store.point_reader(TABLE, BY_ID)
    for _ in range(300):
        key, choice = random.randrange(KEYS), random.random()
        try:
            if choice < 0.5:
                writer.update(key, lambda row: (row[0], row[1], random.random()))
            elif choice < 0.6:
                writer.update(key, lambda row: (row[0], random.randrange(GROUPS), 0.5))
            elif choice < 0.7:
                writer.delete(key)
            else:
                writer.insert((key, random.randrange(GROUPS), 1.0))
        except (UniqueViolation, DeadlockDetected):
            pass
        row = read(key)
        assert row is None or row[0] == key


def branch_off(store: TransactionalStore) -> None:
    for number in range(25):
        name = f"branch {number}"
        store.create_timeline(name)
        before = compare(begun := begin(store, name))
        begun.rollback()
        writer = begin(store, name)
        free = next(key for key in range(KEYS + 1) if writer.view(TABLE).index(BY_ID).get(key) is None)
        writer.insert(TABLE, (free, 1, 0.5))
        writer.commit()
        after = begin(store, name)
        assert compare(after) == sorted([*before, (free, 1, 0.5)])
        after.rollback()
        store.drop_timeline(name)
        store.vacuum()


def begin(store: TransactionalStore, timeline: str = "main") -> Transaction:
    transaction = store.begin(Session(), timeline)
    transaction.begin_statement()
    return transaction


def read_on(store: TransactionalStore, running: list[Thread]) -> None:
    while any(thread.is_alive() for thread in running):
        transaction = begin(store)
        rows = compare(transaction)
        for _ in range(2):
            transaction.begin_statement()
            assert compare(transaction) == rows
        transaction.rollback()


@pytest.mark.parametrize("retention", [None, 0])
def test_every_way_to_read_agrees_while_everybody_writes(retention: int | None) -> None:
    store = TransactionalStore()
    store.retain(None if retention is None else Retention())
    store.define_index(None, TABLE, IndexSpec(BY_ID, TABLE, itemgetter(0), unique=True, key_column=0))
    store.define_index(None, TABLE, IndexSpec(BY_GROUP, TABLE, itemgetter(1)))
    paired = IndexSpec(BY_BOTH, TABLE, BOTH.row_key(), order_key=BOTH.row_order_key(), width=2)
    store.define_index(None, TABLE, paired)
    failures: list[BaseException] = []

    def run(work: Callable[..., None], *arguments: Any) -> Thread:
        def guarded() -> None:
            try:
                work(*arguments)
            except BaseException as error:  # noqa: BLE001 - carried to the main thread
                failures.append(error)

        thread = Thread(target=guarded)
        thread.start()
        return thread

    running = [run(write, store, seed) for seed in (1, 2)]
    running += [run(write_points, store, 3), run(branch_off, store)]
    for thread in [*running, run(read_on, store, running[:2])]:
        thread.join()
    if failures:
        raise failures[0]

    store.vacuum()
    rows = store.relation(None, TABLE)
    newest = dict(rows.items(store.published))
    assert rows.count == len(newest)
    assert not rows.locks
    assert not store.snapshots.readers
    for index in rows.indexes.values():
        assert not index.key_locks
        assert index.method.check((row_id, index.elements(row)) for row_id, row in newest.items()) == []
        if retention is None:
            assert index.tree is not None
            assert not index.tree.past
