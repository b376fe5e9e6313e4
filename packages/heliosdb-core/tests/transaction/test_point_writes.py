"""Point writes against a model: every index is kept, open snapshots keep seeing what they saw, nothing is left over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliosdb.encoding import KeyColumn, KeyShape
from heliosdb.store import IndexSpec
from heliosdb.transaction import Transaction, TransactionalStore
from heliosdb.transaction.locks import RelationLock

TABLE, BY_ID, BY_KIND, DOWN = 100, 101, 102, 103
Row = tuple[Any, ...]
KINDS = (None, 1, 2, 3)


def make_store() -> TransactionalStore:
    store = TransactionalStore()
    store.define_index(None, TABLE, IndexSpec(BY_ID, TABLE, itemgetter(0), unique=True, key_column=0))
    plain = KeyShape([KeyColumn(1)])
    store.define_index(None, TABLE, IndexSpec(BY_KIND, TABLE, plain.row_key()))
    down = KeyShape([KeyColumn(1, descending=True), KeyColumn(0)])
    store.define_index(None, TABLE, IndexSpec(DOWN, TABLE, down.row_key(), down.row_order_key(), width=2))
    return store


def seen(transaction: Transaction) -> tuple[list[Row], ...]:
    """What a transaction sees by scan, by key, and in the order of each index; all must agree."""
    view = transaction.view(TABLE)
    rows = sorted(view, key=itemgetter(0))
    for row in rows:
        assert view.index(BY_ID).get(row[0]) == row
    ordered = [list(blocks(transaction, index)) for index in (BY_ID, BY_KIND, DOWN)]
    assert ordered[0] == rows
    assert sorted(ordered[1], key=itemgetter(0)) == rows
    assert [row[1] is None for row in ordered[1]] == sorted(row[1] is None for row in rows)
    assert sorted(ordered[2], key=itemgetter(0)) == rows
    return (rows, *ordered)


def blocks(transaction: Transaction, index: int) -> Iterator[Row]:
    for block in transaction.view(TABLE).index(index).range_blocks():
        yield from block


def with_item(place: int, value: Any) -> Callable[[Row], Row]:
    return lambda row: (*row[:place], value, *row[place + 1 :])


write = st.one_of(
    st.tuples(st.just("insert"), st.integers(0, 7), st.sampled_from(KINDS)),
    st.tuples(st.just("kind"), st.integers(0, 7), st.sampled_from(KINDS)),
    st.tuples(st.just("touch"), st.integers(0, 7)),
    st.tuples(st.just("delete"), st.integers(0, 7)),
    st.tuples(st.just("open")),
    st.tuples(st.just("close"), st.integers(0, 3)),
    st.tuples(st.just("vacuum")),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(write, max_size=60))
def test_point_writes_agree_with_a_dict(steps: list[tuple[Any, ...]]) -> None:
    store = make_store()
    writer = store.point_writer(TABLE, BY_ID, waits=False)
    read = store.point_reader(TABLE, BY_ID)
    model: dict[int, Row] = {}
    readers: list[tuple[Transaction, list[Row]]] = []
    for number, step in enumerate(steps):
        what, *arguments = step
        if what == "insert":
            key, kind = arguments
            done = writer.insert((key, kind, number))
            assert (done is None) == (key in model)
            model.setdefault(key, (key, kind, number))
        elif what == "kind":
            key, kind = arguments
            assert writer.update(key, with_item(1, kind)) is (key in model)
            if key in model:
                model[key] = (key, kind, model[key][2])
        elif what == "touch":
            (key,) = arguments
            assert writer.update(key, with_item(2, number)) is (key in model)
            if key in model:
                model[key] = (*model[key][:2], number)
        elif what == "delete":
            (key,) = arguments
            assert writer.delete(key) is (model.pop(key, None) is not None)
        elif what == "open":
            reader = store.begin(read_only=True)
            reader.begin_statement()
            readers.append((reader, sorted(model.values(), key=itemgetter(0))))
        elif what == "close" and arguments[0] < len(readers):
            readers.pop(arguments[0])[0].rollback()
        elif what == "vacuum":
            store.vacuum()
        assert [read(key) for key in range(8)] == [model.get(key) for key in range(8)]
        for reader, rows in readers:
            assert seen(reader)[0] == rows
    relation = store.relation(None, TABLE)
    assert relation.count == len(model)
    for reader, _ in readers:
        reader.rollback()
    store.vacuum()
    for index in relation.indexes.values():
        assert index.tree is not None
        assert not index.tree.past
        assert not index.superseded
        assert not index.key_locks
        assert not index.tree.check((row_id, index.elements(row)) for row_id, row in relation.items(store.published))
    assert not relation.locks


@pytest.mark.parametrize("mode", list(RelationLock))
def test_only_locks_that_a_writer_would_wait_for_are_in_the_way(mode: RelationLock) -> None:
    """PostgreSQL 15, table 13.2. Were it any lock, one ordinary writer would make all others ordinary."""
    store = make_store()
    writer = store.point_writer(TABLE, BY_ID, waits=False)
    holder, other = store.begin(), store.begin()
    holder.lock_relation(TABLE, mode)
    conflicts = mode >= RelationLock.SHARE
    assert (writer.insert((1, 1, "a")) is None) == conflicts
    assert writer.update(1, lambda row: (1, 2, "b")) == (None if conflicts else True)
    if mode != RelationLock.ACCESS_EXCLUSIVE:
        # Two of them, which is a queue.
        other.lock_relation(TABLE, RelationLock.ACCESS_SHARE)
        assert (writer.insert((2, 1, "a")) is None) == conflicts
    holder.rollback()
    other.rollback()
    assert writer.insert((3, 1, "a")) is not None


def test_an_update_of_an_indexed_column_is_a_point_write() -> None:
    store = make_store()
    writer = store.point_writer(TABLE, BY_ID, waits=False)
    writer.insert((1, 1, "a"))
    assert writer.update(1, lambda row: (1, 2, "b")) is True
    assert writer.update(1, lambda row: (7, 2, "b")) is None, "a key of a unique index takes the ordinary way"
    transaction = store.begin()
    transaction.begin_statement()
    assert seen(transaction)[0] == [(1, 2, "b")]


@pytest.mark.parametrize("rows", [1, 5000])
def test_rows_updated_and_deleted_one_by_one_leave_no_garbage(rows: int) -> None:
    store = make_store()
    writer = store.point_writer(TABLE, BY_ID, waits=False)
    for key in range(rows):
        writer.insert((key, 1, key))
    for key in range(rows):
        writer.update(key, lambda row: (row[0], 2, row[2]))
    for key in range(rows):
        writer.delete(key)
    relation = store.relation(None, TABLE)
    for index in relation.indexes.values():
        assert index.tree is not None
        assert not index.tree.current
        assert not index.tree.past
        assert not index.superseded
    assert relation.count == 0
    assert not any(store.begin().view(TABLE))
