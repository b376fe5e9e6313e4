"""Many rows at once: the same outcome as row by row, and nothing done where something is in the way."""

from __future__ import annotations

import gc
from operator import itemgetter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliosdb.encoding import KeyColumn, KeyShape
from heliosdb.store import IndexSpec
from heliosdb.transaction import Transaction, TransactionalStore

TABLE, BY_ID, BY_KIND = 100, 101, 102
Row = tuple[Any, ...]


def make_store(rows: int = 0, *, bulk: bool = True) -> TransactionalStore:
    store = TransactionalStore()
    store.define_index(None, TABLE, IndexSpec(BY_ID, TABLE, itemgetter(0), unique=True, key_column=0))
    store.define_index(None, TABLE, IndexSpec(BY_KIND, TABLE, KeyShape([KeyColumn(1)]).row_key()))
    transaction = store.begin()
    made = [(number, number % 7, 0) for number in range(rows)]
    if bulk:
        transaction.insert_rows(TABLE, made)
    else:
        for row in made:
            transaction.insert(TABLE, row)
    transaction.commit()
    return store


def items(transaction: Transaction) -> list[tuple[int, Row]]:
    transaction.begin_statement()
    return [pair for row_ids, rows in transaction.view(TABLE).item_blocks() for pair in zip(row_ids, rows, strict=True)]


def rows(store: TransactionalStore) -> list[Row]:
    """The table's rows, which all indexes agree on."""
    reader = store.begin()
    found = [row for _, row in items(reader)]
    view = reader.view(TABLE)
    for index in (BY_ID, BY_KIND):
        assert sorted(row for block in view.index(index).range_blocks() for row in block) == sorted(found)
    reader.rollback()
    return sorted(found)


@pytest.mark.parametrize("bulk", [True, False])
@pytest.mark.parametrize("count", [1, 20, 700, 5000])
def test_all_rows_are_updated_deleted_and_rolled_back(count: int, bulk: bool) -> None:
    store = make_store(count, bulk=bulk)
    old = store.begin()
    before = items(old)
    transaction = store.begin()
    found = items(transaction)
    row_ids, olds = zip(*found, strict=True)
    assert transaction.update_rows(TABLE, row_ids, olds, [(a, b + 1, c) for a, b, c in olds]) == count
    mark = transaction.mark()
    row_ids, olds = zip(*items(transaction), strict=True)
    assert [row[1] for row in olds] == [number % 7 + 1 for number in range(count)]
    transaction.begin_statement()
    # Own versions of single rows are in the way of another bulk change, those of whole blocks are not.
    done = transaction.delete_rows(TABLE, row_ids, olds)
    assert done == (count if count >= 512 else 0)
    for row_id, row in zip(row_ids[done:], olds[done:], strict=True):
        assert transaction.delete(TABLE, row_id, row) is None
    assert not items(transaction)
    transaction.rollback_to(mark)
    transaction.commit()
    assert rows(store) == [(number, number % 7 + 1, 0) for number in range(count)]
    assert items(old) == before
    assert sorted(row for part in old.view(TABLE).index(BY_KIND).range_blocks() for row in part) == sorted(
        row for _, row in before
    )
    deleting = store.begin()
    row_ids, olds = zip(*items(deleting), strict=True)
    assert deleting.delete_rows(TABLE, row_ids, olds) == count
    deleting.rollback()
    assert len(rows(store)) == count
    deleting = store.begin()
    row_ids, olds = zip(*items(deleting), strict=True)
    deleting.delete_rows(TABLE, row_ids[::-1], olds[::-1])
    deleting.commit()
    assert rows(store) == []
    assert items(old) == before
    relation = store.relation(None, TABLE)
    assert relation.count == 0
    assert not relation.locks
    old.rollback()
    store.vacuum()
    for index in relation.indexes.values():
        assert index.tree is not None
        assert not index.tree.past
        assert not index.superseded


def test_whoever_is_in_the_way_leaves_the_chunk_to_the_caller() -> None:
    store = make_store(6000)
    other = store.begin()
    row_id, row = items(other)[5000]
    other.update(TABLE, row_id, row, (*row[:2], 1))
    transaction = store.begin()
    row_ids, olds = zip(*items(transaction), strict=True)
    assert transaction.delete_rows(TABLE, row_ids, olds) == 4096
    assert transaction.delete(TABLE, row_ids[4096], olds[4096]) is None
    other.rollback()
    assert transaction.delete_rows(TABLE, row_ids[4096:], olds[4096:]) == 0, "a row of its own"
    assert transaction.delete_rows(TABLE, row_ids[4097:], olds[4097:]) == 1903
    transaction.commit()
    assert rows(store) == []
    assert not store.relation(None, TABLE).locks


def test_a_stale_version_a_repeated_row_and_a_unique_key_are_in_the_way() -> None:
    store = make_store(20)
    transaction = store.begin()
    row_ids, olds = zip(*items(transaction), strict=True)
    assert store.point_writer(TABLE, BY_ID).update(3, lambda row: (*row[:2], "changed"))
    assert transaction.delete_rows(TABLE, row_ids, olds) == 0
    transaction.rollback()
    transaction = store.begin()
    row_ids, olds = zip(*items(transaction), strict=True)
    assert transaction.delete_rows(TABLE, (*row_ids, row_ids[0]), (*olds, olds[0])) == 0
    assert transaction.update_rows(TABLE, row_ids, olds, [(row[0] + 100, *row[1:]) for row in olds]) == 0
    transaction.rollback()
    assert len(rows(store)) == 20


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["update", "kind", "delete", "insert", "snapshot", "vacuum"]),
            st.integers(1, 5),
            st.booleans(),
        ),
        max_size=14,
    )
)
def test_histories_of_bulk_changes_agree_with_a_dict(steps: list[tuple[str, int, bool]]) -> None:
    store = make_store(60)
    model = {number: (number, number % 7, 0) for number in range(60)}
    snapshots: list[tuple[Transaction, list[Row]]] = []
    fresh = 60
    for what, divisor, commits in steps:
        if what == "snapshot":
            reader = store.begin(read_only=True)
            reader.begin_statement()
            snapshots.append((reader, sorted(model.values())))
        elif what == "vacuum":
            store.vacuum()
            if commits and snapshots:
                snapshots.pop(0)[0].rollback()
        else:
            transaction = store.begin()
            chosen = [(row_id, row) for row_id, row in items(transaction) if row[0] % divisor == 0]
            row_ids, olds = [row_id for row_id, _ in chosen], [row for _, row in chosen]
            after = dict(model)
            if what == "insert":
                made = [(fresh + number, number % 7, 1) for number in range(divisor * 9)]
                fresh += len(made)
                transaction.insert_rows(TABLE, made)
                after.update({row[0]: row for row in made})
            elif what == "delete":
                assert transaction.delete_rows(TABLE, row_ids, olds) == len(chosen)
                for row in olds:
                    del after[row[0]]
            else:
                place = 1 if what == "kind" else 2
                news = [(*row[:place], row[place] + 1, *row[place + 1 :]) for row in olds]
                assert transaction.update_rows(TABLE, row_ids, olds, news) == len(chosen)
                after.update({row[0]: row for row in news})
            assert sorted(row for _, row in items(transaction)) == sorted(after.values())
            if commits:
                transaction.commit()
                model = after
            else:
                transaction.rollback()
        assert rows(store) == sorted(model.values())
        for reader, seen in snapshots:
            assert sorted(row for _, row in items(reader)) == seen
            for index in (BY_ID, BY_KIND):
                assert sorted(r for part in reader.view(TABLE).index(index).range_blocks() for r in part) == seen
    assert store.relation(None, TABLE).count == len(model)
    assert gc.isenabled()
