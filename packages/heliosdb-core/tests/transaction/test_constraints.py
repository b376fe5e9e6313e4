"""Unique keys beyond the plain case, serializable transactions, point writes, definitions inside transactions."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any

import pytest

from heliosdb.encoding import NULL, KeyColumn, KeyShape
from heliosdb.errors import (
    FeatureNotSupported,
    NoActiveSqlTransaction,
    SerializationFailure,
    UndefinedObject,
    UniqueViolation,
)
from heliosdb.store import IndexSpec, Retention
from heliosdb.transaction import Transaction, TransactionalStore

TABLE, BY_ID, PAIR, DEFERRED = 100, 101, 102, 103
Row = tuple[Any, ...]


@pytest.fixture
def store() -> TransactionalStore:
    made = TransactionalStore()
    made.define_index(None, TABLE, IndexSpec(BY_ID, TABLE, itemgetter(0), unique=True, key_column=0))
    return made


def fill(store: TransactionalStore, *rows: Row) -> None:
    transaction = store.begin()
    transaction.insert_rows(TABLE, rows)
    transaction.commit()


def table(store: TransactionalStore) -> list[Row]:
    reader = store.begin()
    reader.begin_statement()
    result = sorted(row for block in reader.view(TABLE).row_blocks() for row in block)
    reader.rollback()
    return result


def item(transaction: Transaction, key: int) -> tuple[int, Row]:
    [found] = transaction.view(TABLE).index(BY_ID).items(key)
    return found


# -- unique keys


@pytest.mark.parametrize("count", [1, 40])
@pytest.mark.parametrize("distinct", [True, False])
def test_nulls_are_distinct_unless_declared_otherwise(store: TransactionalStore, distinct: bool, count: int) -> None:
    shape = KeyShape([KeyColumn(1), KeyColumn(2)])
    spec = IndexSpec(PAIR, TABLE, shape.row_key(), width=2, unique=True, nulls_not_distinct=not distinct)
    store.define_index(None, TABLE, spec)
    fill(store, (1, "a", None))
    transaction = store.begin()
    rows = [(2, "a", None), *((10 + n, "b", n) for n in range(count - 1))]
    if distinct:
        transaction.insert_rows(TABLE, rows)
        transaction.begin_statement()
        assert transaction.view(TABLE).index(PAIR).rows(("a", NULL)) == [(1, "a", None), (2, "a", None)]
    else:
        with pytest.raises(UniqueViolation):
            transaction.insert_rows(TABLE, rows)


@pytest.mark.parametrize("count", [3, 40, 600])
def test_a_duplicate_within_one_statement_is_refused(store: TransactionalStore, count: int) -> None:
    transaction = store.begin()
    with pytest.raises(UniqueViolation):
        transaction.insert_rows(TABLE, [*((n, "x") for n in range(count)), (1, "again")])
    transaction.rollback()
    assert table(store) == []
    assert not store.index(None, TABLE, BY_ID).key_locks


def test_an_update_may_not_take_the_key_of_another_row(store: TransactionalStore) -> None:
    fill(store, (1, "a"), (2, "b"))
    transaction = store.begin()
    transaction.begin_statement()
    row_id, row = item(transaction, 1)
    with pytest.raises(UniqueViolation):
        transaction.update(TABLE, row_id, row, (2, "a"))
    assert transaction.update(TABLE, row_id, row, (3, "a")) is None
    transaction.begin_statement()
    transaction.insert(TABLE, (1, "new"))
    transaction.commit()
    assert table(store) == [(1, "new"), (2, "b"), (3, "a")]


def test_a_partial_unique_index_watches_only_its_rows(store: TransactionalStore) -> None:
    spec = IndexSpec(PAIR, TABLE, itemgetter(1), unique=True, predicate=lambda row: row[2])
    store.define_index(None, TABLE, spec)
    fill(store, (1, "a", True), (2, "a", False), (3, "a", False))
    transaction = store.begin()
    transaction.begin_statement()
    row_id, row = item(transaction, 2)
    with pytest.raises(UniqueViolation):
        transaction.update(TABLE, row_id, row, (2, "a", True))
    transaction.rollback()
    transaction = store.begin()
    transaction.begin_statement()
    transaction.delete(TABLE, *item(transaction, 1))
    transaction.update(TABLE, *item(transaction, 2), (2, "a", True))
    transaction.commit()
    reader = store.begin()
    reader.begin_statement()
    assert reader.view(TABLE).index(PAIR).get("a") == (2, "a", True)


def test_a_statement_may_shift_keys_under_a_deferrable_index() -> None:
    store = TransactionalStore()
    spec = IndexSpec(BY_ID, TABLE, itemgetter(0), unique=True, deferrable=True)
    store.define_index(None, TABLE, spec)
    fill(store, *((n,) for n in range(20)))
    transaction = store.begin()
    transaction.begin_statement()
    for row_ids, rows in transaction.view(TABLE).item_blocks():
        for row_id, row in zip(row_ids, rows):
            transaction.update(TABLE, row_id, row, (row[0] + 1,))
    transaction.check_deferred(end_of_statement=True)
    transaction.begin_statement()
    transaction.insert(TABLE, (20,))
    with pytest.raises(UniqueViolation):
        transaction.check_deferred(end_of_statement=True)
    transaction.rollback()
    assert [row[0] for row in table(store)] == list(range(20))


def test_an_initially_deferred_index_is_checked_at_commit() -> None:
    store = TransactionalStore()
    spec = IndexSpec(BY_ID, TABLE, itemgetter(0), unique=True, deferrable=True, initially_deferred=True)
    store.define_index(None, TABLE, spec)
    fill(store, (1, "a"))
    transaction = store.begin()
    transaction.begin_statement()
    transaction.insert(TABLE, (1, "b"))
    transaction.check_deferred(end_of_statement=True)
    with pytest.raises(UniqueViolation):
        transaction.commit()
    assert transaction.status == "rolled back"
    transaction = store.begin()
    transaction.begin_statement()
    mark = transaction.mark()
    transaction.insert(TABLE, (1, "b"))
    transaction.rollback_to(mark)
    transaction.insert(TABLE, (2, "c"))
    transaction.commit()
    assert table(store) == [(1, "a"), (2, "c")]


def test_a_check_at_commit_may_refuse_it(store: TransactionalStore) -> None:
    transaction = store.begin()
    transaction.insert(TABLE, (1, "a"))
    mark = transaction.mark()

    def refuse() -> None:
        raise UniqueViolation("no")

    transaction.on_commit_check(TABLE, refuse)
    transaction.rollback_to(mark)
    transaction.on_commit_check(TABLE, lambda: None)
    transaction.commit()
    assert table(store) == [(1, "a")]
    transaction = store.begin()
    transaction.insert(TABLE, (2, "b"))
    transaction.on_commit_check(TABLE, refuse)
    with pytest.raises(UniqueViolation):
        transaction.commit()
    assert table(store) == [(1, "a")]
    assert not store.snapshots.readers


# -- definitions


def test_an_index_made_in_a_transaction_covers_old_and_own_rows_and_goes_with_a_rollback(
    store: TransactionalStore,
) -> None:
    fill(store, (1, "a"), (2, "b"))
    transaction = store.begin()
    transaction.begin_statement()
    transaction.insert(TABLE, (3, "a"))
    transaction.insert_rows(TABLE, [(n, "bulk") for n in range(1000, 2000)])
    transaction.update(TABLE, *item(transaction, 2), (2, "a"))
    transaction.begin_statement()
    transaction.define_index(IndexSpec(PAIR, TABLE, itemgetter(1)))
    index = transaction.view(TABLE).index(PAIR)
    assert sorted(index.rows("a")) == [(1, "a"), (2, "a"), (3, "a")]
    assert len(index.rows("bulk")) == 1000
    assert index.rows("b") == []
    transaction.rollback()
    with pytest.raises(UndefinedObject):
        store.index(None, TABLE, PAIR)


def test_a_unique_index_over_duplicates_is_refused(store: TransactionalStore) -> None:
    fill(store, (1, "a"), (2, "a"))
    spec = IndexSpec(
        PAIR, TABLE, itemgetter(1), unique=True, constraint="u", describe_key=lambda row: f"(name)=({row[1]})"
    )
    with pytest.raises(UniqueViolation, match='could not create unique index "u"') as caught:
        store.define_index(None, TABLE, spec)
    assert caught.value.detail == "Key (name)=(a) is duplicated."
    transaction = store.begin()
    transaction.begin_statement()
    transaction.delete(TABLE, *item(transaction, 2))
    transaction.commit()
    store.define_index(None, TABLE, spec)
    own = store.begin()
    with pytest.raises(UniqueViolation):
        own.insert(TABLE, (5, "a"))


def test_a_unique_index_over_own_duplicates_is_refused_and_leaves_nothing(store: TransactionalStore) -> None:
    transaction = store.begin()
    transaction.begin_statement()
    transaction.insert(TABLE, (1, "a"))
    transaction.insert(TABLE, (2, "a"))
    with pytest.raises(UniqueViolation):
        transaction.define_index(IndexSpec(PAIR, TABLE, itemgetter(1), unique=True))
    transaction.insert(TABLE, (3, "a"))
    transaction.commit()
    assert len(table(store)) == 3
    with pytest.raises(UndefinedObject):
        store.index(None, TABLE, PAIR)


def test_an_index_made_later_serves_snapshots_from_before(store: TransactionalStore) -> None:
    store.retain(Retention())
    fill(store, (1, "a"), (2, "a"))
    before = store.published
    for key, value in ((1, "b"), (2, None), (1, "c")):
        transaction = store.begin()
        transaction.begin_statement()
        row_id, row = item(transaction, key)
        if value is None:
            transaction.delete(TABLE, row_id, row)
        else:
            transaction.update(TABLE, row_id, row, (key, value))
        transaction.commit()
    store.vacuum()
    store.define_index(None, TABLE, IndexSpec(PAIR, TABLE, itemgetter(1)))
    for scn, value, expected in (
        (before, "a", [(1, "a"), (2, "a")]),
        (before + 1, "b", [(1, "b")]),
        (before + 1, "a", [(2, "a")]),
        (before + 3, "c", [(1, "c")]),
        (before + 3, "a", []),
    ):
        past = store.begin(snapshot=scn)
        past.begin_statement()
        index = past.view(TABLE).index(PAIR)
        assert index.rows(value) == expected
        assert [row for block in index.range_blocks((value,), (value,)) for row in block] == expected


# -- serializable


def commits_in_turn(store: TransactionalStore, *steps: Callable[[Transaction], object]) -> list[bool]:
    """Run the steps in concurrent serializable transactions, commit in order, and say which were let through."""
    transactions = [store.begin(isolation="serializable") for _ in steps]
    for transaction, step in zip(transactions, steps):
        transaction.begin_statement()
        step(transaction)
    results = []
    for transaction in transactions:
        try:
            transaction.commit()
            results.append(True)
        except SerializationFailure:
            results.append(False)
    assert not store.history.open
    return results


def count(transaction: Transaction) -> int:
    return sum(len(block) for block in transaction.view(TABLE).row_blocks())


def test_write_skew_over_a_scan_is_refused(store: TransactionalStore) -> None:
    fill(store, (1, "on"), (2, "on"))

    def leave(key: int) -> Callable[[Transaction], object]:
        def step(transaction: Transaction) -> None:
            assert sum(row[1] == "on" for row in transaction.view(TABLE)) == 2
            transaction.update(TABLE, *item(transaction, key), (key, "off"))

        return step

    assert commits_in_turn(store, leave(1), leave(2)) == [True, False]
    assert table(store) == [(1, "off"), (2, "on")]


def test_a_key_found_missing_and_inserted_by_another_is_refused(store: TransactionalStore) -> None:
    def insert_unless(watched: int, key: int) -> Callable[[Transaction], object]:
        def step(transaction: Transaction) -> None:
            assert transaction.view(TABLE).index(BY_ID).get(watched) is None
            transaction.insert(TABLE, (key, "x"))

        return step

    assert commits_in_turn(store, insert_unless(1, 2), insert_unless(2, 1)) == [True, False]
    assert commits_in_turn(store, insert_unless(10, 11), insert_unless(12, 13)) == [True, True]


def test_a_phantom_in_a_range_is_refused_and_one_outside_is_not(store: TransactionalStore) -> None:
    fill(store, *((n, "x") for n in range(0, 100, 10)))

    def sum_and_insert(low: int, high: int, key: int) -> Callable[[Transaction], object]:
        def step(transaction: Transaction) -> None:
            list(transaction.view(TABLE).index(BY_ID).range_blocks((low,), (high,)))
            transaction.insert(TABLE, (key, "y"))

        return step

    assert commits_in_turn(store, sum_and_insert(0, 20, 35), sum_and_insert(30, 40, 5)) == [True, False]
    assert commits_in_turn(store, sum_and_insert(50, 60, 75), sum_and_insert(80, 90, 95)) == [True, True]


def test_who_only_reads_is_never_refused(store: TransactionalStore) -> None:
    fill(store, (1, "a"))

    def change(transaction: Transaction) -> None:
        transaction.update(TABLE, *item(transaction, 1), (1, "b"))

    assert commits_in_turn(store, change, count) == [True, True]


def test_commits_of_other_levels_and_point_writes_count_too(store: TransactionalStore) -> None:
    fill(store, (1, "a"), (2, "b"))
    reader = store.begin(isolation="serializable")
    reader.begin_statement()
    count(reader)
    reader.update(TABLE, *item(reader, 1), (1, "read everything"))
    assert store.point_writer(TABLE, BY_ID).update(2, lambda row: (2, "changed"))
    with pytest.raises(SerializationFailure) as caught:
        reader.commit()
    assert caught.value.hint == "The transaction might succeed if retried."
    assert table(store) == [(1, "a"), (2, "changed")]


# -- point writes


def test_point_writes_keep_every_index(store: TransactionalStore) -> None:
    store.define_index(None, TABLE, IndexSpec(PAIR, TABLE, itemgetter(1), unique=True))
    writer, read = store.point_writer(TABLE, BY_ID), store.point_reader(TABLE, BY_ID)
    for key, name in ((1, "a"), (2, "b"), (3, "c")):
        writer.insert((key, name))
    with pytest.raises(UniqueViolation):
        writer.insert((4, "a"))
    with pytest.raises(UniqueViolation):
        writer.insert((3, "d"))
    with pytest.raises(UniqueViolation):
        writer.update(2, lambda row: (2, "a"))
    with pytest.raises(UniqueViolation):
        writer.update(2, lambda row: (1, "x"))
    assert writer.update(2, lambda row: (20, "bb"))
    assert not writer.update(2, lambda row: (2, "gone"))
    assert writer.delete(3)
    assert not writer.delete(3)
    assert [read(key) for key in (1, 2, 3, 4, 20)] == [(1, "a"), None, None, None, (20, "bb")]
    reader = store.begin()
    reader.begin_statement()
    by_name = reader.view(TABLE).index(PAIR)
    assert [row for block in by_name.range_blocks() for row in block] == [(1, "a"), (20, "bb")]
    assert not store.relation(None, TABLE).locks
    assert all(not index.key_locks for index in store.relation(None, TABLE).indexes.values())


def test_a_point_update_keeps_what_an_open_snapshot_needs(store: TransactionalStore) -> None:
    fill(store, (1, 0))
    writer = store.point_writer(TABLE, BY_ID)
    reader = store.begin()
    for _ in range(5):
        writer.update(1, lambda row: (1, row[1] + 1))
    writer.delete(1)
    writer.insert((1, "new"))
    reader.begin_statement()
    assert list(reader.view(TABLE)) == [(1, 0)]
    assert reader.view(TABLE).index(BY_ID).get(1) == (1, 0)
    assert store.point_reader(TABLE, BY_ID)(1) == (1, "new")


def test_what_change_raises_leaves_nothing_locked(store: TransactionalStore) -> None:
    fill(store, (1, 0))
    writer = store.point_writer(TABLE, BY_ID)
    with pytest.raises(ZeroDivisionError):
        writer.update(1, lambda row: (1, 1 // row[1]))
    assert not store.relation(None, TABLE).locks
    assert writer.update(1, lambda row: (1, 7))


# -- the end


def test_a_finished_transaction_refuses_everything(store: TransactionalStore) -> None:
    transaction = store.begin()
    transaction.insert(TABLE, (1, "a"))
    transaction.commit()
    transaction.rollback()
    with pytest.raises(NoActiveSqlTransaction):
        transaction.insert(TABLE, (2, "b"))
    with pytest.raises(NoActiveSqlTransaction):
        transaction.begin_statement()
    with pytest.raises(NoActiveSqlTransaction):
        transaction.commit()
    with pytest.raises(FeatureNotSupported):
        store.begin(isolation="snapshot")
    assert table(store) == [(1, "a")]


def test_a_row_changed_twice_by_one_statement_is_left_alone_the_second_time(store: TransactionalStore) -> None:
    fill(store, (1, "a"))
    transaction = store.begin()
    transaction.begin_statement()
    row_id, row = item(transaction, 1)
    assert transaction.update(TABLE, row_id, row, (1, "first")) is None
    state = transaction.update(TABLE, row_id, row, (1, "second"))
    assert state is not None
    assert (state.status, state.row) == ("same", (1, "first"))
    transaction.advance_command()
    assert transaction.update(TABLE, row_id, (1, "first"), (1, "third")) is None
    transaction.commit()
    assert table(store) == [(1, "third")]


def test_an_open_cursor_does_not_see_what_its_transaction_writes_later(store: TransactionalStore) -> None:
    fill(store, *((n, "a") for n in range(3)))
    transaction = store.begin()
    transaction.begin_statement()
    cursor = transaction.view(TABLE)
    for n in range(3):
        transaction.begin_statement()
        transaction.update(TABLE, *item(transaction, n), (n, "b"))
        transaction.begin_statement()
        transaction.insert(TABLE, (10 + n, "c"))
    assert list(cursor) == [(0, "a"), (1, "a"), (2, "a")]
    assert cursor.index(BY_ID).get(1) == (1, "a")
    assert cursor.index(BY_ID).get(11) is None
