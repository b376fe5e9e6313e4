"""The store's promises in their smallest form: two threads, two timelines, own writes, indexes."""

from __future__ import annotations

from operator import itemgetter
from threading import Barrier, Thread

import pytest

from heliosdb.encoding import MAX, MIN
from heliosdb.errors import ReadOnlySqlTransaction, SerializationFailure, UniqueViolation
from heliosdb.store import IndexSpec, Retention
from heliosdb.transaction import Transaction, TransactionalStore

TABLE = 100
BY_ID = 101
BY_NAME = 102


@pytest.fixture
def store() -> TransactionalStore:
    made = TransactionalStore()
    made.define_index(
        None,
        TABLE,
        IndexSpec(
            BY_ID,
            TABLE,
            itemgetter(0),
            unique=True,
            constraint="t_pkey",
            table="t",
            key_column=0,
            describe_key=lambda row: f"(id)=({row[0]})",
        ),
    )
    made.define_index(None, TABLE, IndexSpec(BY_NAME, TABLE, itemgetter(1)))
    return made


def fill(store: TransactionalStore, *rows: tuple[object, ...]) -> None:
    transaction = store.begin()
    for row in rows:
        transaction.insert(TABLE, row)
    transaction.commit().wait()


def rows(transaction: Transaction) -> list[tuple[object, ...]]:
    transaction.begin_statement()
    return [row for block in transaction.view(TABLE).row_blocks() for row in block]


def change(transaction: Transaction, key: int, name: str | None) -> None:
    transaction.begin_statement()
    view = transaction.view(TABLE)
    [(row_id, row)] = view.index(BY_ID).items(key)
    if name is None:
        assert transaction.delete(TABLE, row_id, row) is None
    else:
        assert transaction.update(TABLE, row_id, row, (row[0], name)) is None


def test_a_committed_row_is_read_by_scan_row_id_and_index(store: TransactionalStore) -> None:
    fill(store, (1, "a"), (2, "b"), (3, "a"))
    reader = store.begin()
    assert rows(reader) == [(1, "a"), (2, "b"), (3, "a")]
    view = reader.view(TABLE)
    assert view.index(BY_ID).get(2) == (2, "b")
    assert view.index(BY_ID).get(9) is None
    assert view.index(BY_NAME).rows("a") == [(1, "a"), (3, "a")]
    [(row_id, _)] = view.index(BY_ID).items(2)
    assert view.fetch(row_id) == (2, "b")
    assert list(view.item_blocks()) == [(range(3), [(1, "a"), (2, "b"), (3, "a")])]
    assert view.estimated_rows() == 3


def test_a_snapshot_does_not_see_later_commits(store: TransactionalStore) -> None:
    fill(store, (1, "a"), (2, "b"))
    before = store.begin()
    change(writer := store.begin(), 1, "z")
    change(writer, 2, None)
    writer.insert(TABLE, (3, "c"))
    assert rows(before) == [(1, "a"), (2, "b")]
    writer.commit()
    assert rows(before) == [(1, "a"), (2, "b")]
    view = before.view(TABLE)
    assert view.index(BY_NAME).rows("a") == [(1, "a")]
    assert view.index(BY_NAME).rows("z") == []
    assert view.index(BY_ID).get(3) is None
    assert [b for block in view.index(BY_ID).range_blocks(MIN, MAX) for b in block] == [(1, "a"), (2, "b")]
    assert rows(store.begin()) == [(1, "z"), (3, "c")]


def test_a_transaction_sees_its_own_writes_from_the_next_statement_on(store: TransactionalStore) -> None:
    fill(store, (1, "a"), (3, "c"))
    transaction = store.begin()
    transaction.begin_statement()
    view = transaction.view(TABLE)
    transaction.insert(TABLE, (2, "b"))
    assert list(view) == [(1, "a"), (3, "c")]
    assert rows(transaction) == [(1, "a"), (3, "c"), (2, "b")]
    change(transaction, 2, "y")
    change(transaction, 1, None)
    assert rows(transaction) == [(3, "c"), (2, "y")]
    by_id = transaction.view(TABLE).index(BY_ID)
    assert [row for block in by_id.range_blocks() for row in block] == [(2, "y"), (3, "c")]
    assert by_id.get(1) is None
    transaction.rollback()
    assert rows(store.begin()) == [(1, "a"), (3, "c")]


def test_a_savepoint_brings_back_rows_keys_and_locks(store: TransactionalStore) -> None:
    fill(store, (1, "a"))
    transaction = store.begin()
    transaction.begin_statement()
    mark = transaction.mark()
    transaction.insert(TABLE, (2, "b"))
    change(transaction, 1, "z")
    transaction.rollback_to(mark)
    assert rows(transaction) == [(1, "a")]
    other = store.begin()
    other.insert(TABLE, (2, "other"))
    change(other, 1, "y")
    other.commit()
    assert rows(transaction) == [(1, "a")]
    assert rows(store.begin()) == [(1, "y"), (2, "other")]


def test_a_duplicate_key_is_refused_with_its_name_and_value(store: TransactionalStore) -> None:
    fill(store, (1, "a"))
    transaction = store.begin()
    with pytest.raises(UniqueViolation) as caught:
        transaction.insert(TABLE, (1, "b"))
    assert caught.value.message == 'duplicate key value violates unique constraint "t_pkey"'
    assert caught.value.detail == "Key (id)=(1) already exists."
    transaction.rollback()
    assert rows(store.begin()) == [(1, "a")]


def test_a_key_can_be_given_back_and_taken_again_in_one_transaction(store: TransactionalStore) -> None:
    fill(store, (1, "a"))
    transaction = store.begin()
    change(transaction, 1, None)
    transaction.begin_statement()
    transaction.insert(TABLE, (1, "b"))
    transaction.commit()
    assert rows(store.begin()) == [(1, "b")]


def test_the_second_writer_of_a_row_is_refused_under_repeatable_read(store: TransactionalStore) -> None:
    fill(store, (1, "a"))
    first, second = store.begin(), store.begin()
    second.begin_statement()
    [(row_id, row)] = second.view(TABLE).index(BY_ID).items(1)
    change(first, 1, "x")
    first.commit()
    with pytest.raises(SerializationFailure):
        second.update(TABLE, row_id, row, (1, "y"))


def test_read_committed_is_told_the_newest_version(store: TransactionalStore) -> None:
    fill(store, (1, "a"))
    second = store.begin(isolation="read committed")
    second.begin_statement()
    [(row_id, row)] = second.view(TABLE).index(BY_ID).items(1)
    change(first := store.begin(), 1, "x")
    first.commit()
    state = second.update(TABLE, row_id, row, (1, "y"))
    assert state is not None
    assert (state.status, state.row) == ("changed", (1, "x"))
    assert second.update(TABLE, row_id, (1, "x"), (1, "xy")) is None
    second.commit()
    assert rows(store.begin()) == [(1, "xy")]


def test_two_timelines_share_the_past_and_nothing_else(store: TransactionalStore) -> None:
    fill(store, (1, "a"), (2, "b"))
    store.create_timeline("branch", "main")
    change(on_main := store.begin(), 1, "main")
    on_main.insert(TABLE, (3, "main"))
    on_main.commit()
    on_branch = store.begin(timeline="branch")
    assert rows(on_branch) == [(1, "a"), (2, "b")]
    change(on_branch, 2, "branch")
    on_branch.begin_statement()
    on_branch.insert(TABLE, (3, "branch"))
    on_branch.commit()

    assert rows(store.begin()) == [(1, "main"), (2, "b"), (3, "main")]
    branch = store.begin(timeline="branch")
    assert rows(branch) == [(1, "a"), (2, "branch"), (3, "branch")]
    by_name = branch.view(TABLE).index(BY_NAME)
    assert by_name.rows("main") == []
    assert by_name.rows("a") == [(1, "a")]
    assert by_name.rows("branch") == [(2, "branch"), (3, "branch")]
    with pytest.raises(UniqueViolation):
        branch.insert(TABLE, (1, "again"))


def test_a_branch_of_a_branch_starts_at_its_fork(store: TransactionalStore) -> None:
    fill(store, (1, "a"))
    store.create_timeline("one")
    writer = store.begin(timeline="one")
    writer.insert(TABLE, (2, "one"))
    fork = writer.commit().scn
    store.create_timeline("two", "one", fork)
    change(later := store.begin(timeline="one"), 2, "later")
    later.commit()
    assert rows(store.begin(timeline="two")) == [(1, "a"), (2, "one")]
    assert rows(store.begin(timeline="one")) == [(1, "a"), (2, "later")]
    assert rows(store.begin()) == [(1, "a")]


def test_a_transaction_in_the_past_reads_and_does_not_write(store: TransactionalStore) -> None:
    store.retain(Retention())
    fill(store, (1, "a"))
    then = store.published
    change(writer := store.begin(), 1, "b")
    writer.commit()
    past = store.begin(snapshot=then)
    assert rows(past) == [(1, "a")]
    assert past.view(TABLE).index(BY_NAME).rows("a") == [(1, "a")]
    with pytest.raises(ReadOnlySqlTransaction):
        past.insert(TABLE, (2, "x"))


def test_two_threads_that_add_to_one_row_lose_nothing(store: TransactionalStore) -> None:
    fill(store, (1, 0))
    start = Barrier(2)

    def add() -> None:
        start.wait()
        for _ in range(200):
            while True:
                transaction = store.begin()
                transaction.begin_statement()
                [(row_id, row)] = transaction.view(TABLE).index(BY_ID).items(1)
                try:
                    transaction.update(TABLE, row_id, row, (1, row[1] + 1))
                    transaction.commit()
                    break
                except SerializationFailure:
                    transaction.rollback()

    threads = [Thread(target=add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows(store.begin()) == [(1, 400)]


def test_a_bulk_insert_is_one_commit_and_keeps_unique_keys(store: TransactionalStore) -> None:
    fill(store, (5000, "before"))
    transaction = store.begin()
    transaction.begin_statement()
    row_ids = transaction.insert_rows(TABLE, [(number, "n") for number in range(5000)])
    assert len(row_ids) == 5000
    assert len(rows(transaction)) == 5001
    assert transaction.view(TABLE).index(BY_ID).get(4999) == (4999, "n")
    assert rows(store.begin()) == [(5000, "before")]
    transaction.commit()
    assert sorted(row[0] for row in rows(store.begin())) == list(range(5001))
    again = store.begin()
    with pytest.raises(UniqueViolation) as caught:
        again.insert_rows(TABLE, [(number, "n") for number in range(6000, 4999, -1)])
    assert caught.value.detail == "Key (id)=(5000) already exists."
