"""Waiting for each other: rows, keys, relations; deadlocks, timeouts, cancellation, order of service."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from threading import Event, Thread
from time import monotonic
from typing import Any

import pytest

from heliosdb.errors import (
    DeadlockDetected,
    LockNotAvailable,
    QueryCanceled,
    SerializationFailure,
    UniqueViolation,
)
from heliosdb.store import IndexSpec
from heliosdb.transaction import (
    AdvisoryLock,
    RelationLock,
    RowLock,
    Transaction,
    TransactionalStore,
)

TABLE, BY_ID = 100, 101


class Session:
    """A session with a name, a lock timeout and a cancel button."""

    def __init__(self, name: str, lock_timeout: float | None = None) -> None:
        self.name = name
        self.lock_timeout = lock_timeout
        self.cancelled = Event()

    def may_read(self, schema: str | None, table: str) -> bool:
        return True

    def check_interrupt(self) -> None:
        """Raise if somebody pressed the button."""
        if self.cancelled.is_set():
            raise QueryCanceled("canceling statement due to user request")


class Background:
    """A call in its own thread. ``blocked`` waits until it waits for a lock; ``result`` gives what it returned or
    raised."""

    def __init__(self, transaction: Transaction, call: Callable[[], Any]) -> None:
        self.transaction = transaction
        self._answer: Any = None
        self._error: BaseException | None = None

        def run() -> None:
            try:
                self._answer = call()
            except BaseException as error:  # noqa: BLE001 - carried to the main thread
                self._error = error

        self.thread = Thread(target=run)
        self.thread.start()

    def blocked(self) -> Background:
        end = monotonic() + 10
        while self.transaction.waiter is None:
            assert self.thread.is_alive(), "it did not wait"
            assert monotonic() < end
        return self

    def result(self) -> Any:
        self.thread.join(10)
        assert not self.thread.is_alive()
        if self._error is not None:
            raise self._error
        return self._answer


@pytest.fixture
def store() -> TransactionalStore:
    made = TransactionalStore()
    made.define_index(
        None,
        TABLE,
        IndexSpec(BY_ID, TABLE, itemgetter(0), unique=True, constraint="t_pkey", key_column=0),
    )
    transaction = made.begin()
    for key in (1, 2, 3):
        transaction.insert(TABLE, (key, "old"))
    transaction.commit()
    return made


def begin(store: TransactionalStore, name: str = "", isolation: str = "read committed") -> Transaction:
    transaction = store.begin(Session(name), isolation=isolation)
    transaction.begin_statement()
    return transaction


def update(transaction: Transaction, key: int, value: str, new_key: int | None = None) -> Any:
    transaction.begin_statement()
    [(row_id, row)] = transaction.view(TABLE).index(BY_ID).items(key)
    return transaction.update(TABLE, row_id, row, (key if new_key is None else new_key, value))


def delete(transaction: Transaction, key: int) -> Any:
    transaction.begin_statement()
    [(row_id, row)] = transaction.view(TABLE).index(BY_ID).items(key)
    return transaction.delete(TABLE, row_id, row)


def lock(transaction: Transaction, key: int, mode: RowLock, wait: str = "block") -> Any:
    transaction.begin_statement()
    [(row_id, _)] = transaction.view(TABLE).index(BY_ID).items(key)
    return transaction.lock_row(TABLE, row_id, mode, wait)


def table(store: TransactionalStore) -> list[tuple[Any, ...]]:
    reader = store.begin()
    reader.begin_statement()
    return sorted(row for block in reader.view(TABLE).row_blocks() for row in block)


# -- rows


def test_read_committed_waits_and_is_told_the_new_version(store: TransactionalStore) -> None:
    first, second = begin(store), begin(store)
    update(first, 1, "first")
    waiting = Background(second, lambda: update(second, 1, "second")).blocked()
    first.commit()
    state = waiting.result()
    assert (state.status, state.row) == ("changed", (1, "first"))


def test_read_committed_goes_on_with_its_row_when_the_other_rolls_back(store: TransactionalStore) -> None:
    first, second = begin(store), begin(store)
    update(first, 1, "first")
    waiting = Background(second, lambda: update(second, 1, "second")).blocked()
    first.rollback()
    assert waiting.result() is None
    second.commit()
    assert table(store)[0] == (1, "second")


def test_read_committed_is_told_that_the_row_is_gone(store: TransactionalStore) -> None:
    first, second = begin(store), begin(store)
    delete(first, 1)
    waiting = Background(second, lambda: update(second, 1, "second")).blocked()
    first.commit()
    assert waiting.result().status == "deleted"


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("update", lambda transaction: update(transaction, 1, "x")),
        ("delete", lambda transaction: delete(transaction, 1)),
    ],
)
def test_repeatable_read_fails_when_it_wakes(
    store: TransactionalStore, kind: str, change: Callable[[Transaction], Any]
) -> None:
    first, second = begin(store), begin(store, isolation="repeatable read")
    change(first)
    waiting = Background(second, lambda: update(second, 1, "second")).blocked()
    first.commit()
    with pytest.raises(SerializationFailure, match=f"could not serialize access due to concurrent {kind}"):
        waiting.result()


def test_a_rolled_back_savepoint_lets_the_waiter_on(store: TransactionalStore) -> None:
    first, second = begin(store), begin(store)
    mark = first.mark()
    update(first, 1, "first")
    waiting = Background(second, lambda: update(second, 1, "second")).blocked()
    first.rollback_to(mark)
    assert waiting.result() is None


# PostgreSQL 15, table 13.3: which row locks exclude each other.
ROW_MODES = [RowLock.KEY_SHARE, RowLock.SHARE, RowLock.NO_KEY_UPDATE, RowLock.UPDATE]
EXCLUDING = {(0, 3), (1, 2), (1, 3), (2, 2), (2, 3), (3, 3)}


@pytest.mark.parametrize("held", ROW_MODES)
@pytest.mark.parametrize("wanted", ROW_MODES)
def test_row_locks_exclude_each_other_as_postgresql_says(
    store: TransactionalStore, held: RowLock, wanted: RowLock
) -> None:
    first, second = begin(store), begin(store)
    lock(first, 1, held)
    excluded = tuple(sorted((held, wanted))) in EXCLUDING
    assert lock(second, 1, wanted, "skip").status == ("skipped" if excluded else "same")
    store.relation_name = lambda oid, line: "t"
    if excluded:
        with pytest.raises(LockNotAvailable, match='could not obtain lock on row in relation "t"'):
            lock(second, 1, wanted, "nowait")
    first.rollback()
    assert lock(second, 1, wanted, "nowait").status == "same"
    second.rollback()
    assert not store.relation(None, TABLE).locks


def test_an_update_that_keeps_the_key_lets_foreign_key_checks_pass(store: TransactionalStore) -> None:
    writer, checker = begin(store), begin(store)
    update(writer, 1, "new")
    assert checker.reference(TABLE, BY_ID, 1)
    update(writer, 2, "new", new_key=20)
    waiting = Background(checker, lambda: checker.reference(TABLE, BY_ID, 2)).blocked()
    writer.commit()
    assert waiting.result() is False


def test_a_referenced_row_cannot_be_deleted_before_the_referrer_ends(store: TransactionalStore) -> None:
    child, parent = begin(store), begin(store)
    assert child.reference(TABLE, BY_ID, 1)
    assert not child.reference(TABLE, BY_ID, 99)
    waiting = Background(parent, lambda: delete(parent, 1)).blocked()
    child.commit()
    assert waiting.result() is None


def test_waiters_are_served_in_order_and_newcomers_queue(store: TransactionalStore) -> None:
    holder, second, third, sharer = (begin(store) for _ in range(4))
    lock(holder, 1, RowLock.NO_KEY_UPDATE)
    waiting_second = Background(second, lambda: lock(second, 1, RowLock.UPDATE)).blocked()
    waiting_sharer = Background(sharer, lambda: lock(sharer, 1, RowLock.SHARE)).blocked()
    waiting_third = Background(third, lambda: lock(third, 1, RowLock.UPDATE)).blocked()
    holder.rollback()
    assert waiting_second.result().status == "same"
    assert waiting_sharer.thread.is_alive()
    second.rollback()
    assert waiting_sharer.result().status == "same"
    assert waiting_third.thread.is_alive()
    sharer.rollback()
    assert waiting_third.result().status == "same"


def test_an_upgrade_does_not_wait_for_those_who_wait_for_it(store: TransactionalStore) -> None:
    first, second = begin(store), begin(store)
    lock(first, 1, RowLock.SHARE)
    waiting = Background(second, lambda: lock(second, 1, RowLock.UPDATE)).blocked()
    assert lock(first, 1, RowLock.UPDATE).status == "same"
    first.rollback()
    assert waiting.result().status == "same"


# -- deadlocks, timeouts, cancellation


def test_two_who_wait_for_each_other_are_a_deadlock_and_one_goes_on(store: TransactionalStore) -> None:
    first, second = begin(store, "10"), begin(store, "20")
    update(first, 1, "first")
    update(second, 2, "second")
    waiting = Background(first, lambda: update(first, 2, "first")).blocked()
    with pytest.raises(DeadlockDetected) as caught:
        update(second, 1, "second")
    assert caught.value.message == "deadlock detected"
    assert caught.value.detail is not None
    first_line, second_line = caught.value.detail.split("\n")
    assert first_line.startswith("Process 20 waits for")
    assert first_line.endswith("blocked by Process 10.")
    assert second_line.startswith("Process 10 waits for")
    assert second_line.endswith("blocked by Process 20.")
    second.rollback()
    assert waiting.result() is None


def test_a_circle_of_three_is_a_deadlock(store: TransactionalStore) -> None:
    transactions = [begin(store, str(n)) for n in range(3)]
    for key, transaction in enumerate(transactions, 1):
        update(transaction, key, "x")
    first, second, third = transactions
    a = Background(first, lambda: update(first, 2, "x")).blocked()
    b = Background(second, lambda: update(second, 3, "x")).blocked()
    with pytest.raises(DeadlockDetected):
        update(third, 1, "x")
    third.rollback()
    assert b.result() is None
    second.rollback()
    assert a.result() is None


def test_two_upgrades_of_a_shared_lock_are_a_deadlock(store: TransactionalStore) -> None:
    first, second = begin(store), begin(store)
    lock(first, 1, RowLock.SHARE)
    lock(second, 1, RowLock.SHARE)
    waiting = Background(first, lambda: update(first, 1, "first")).blocked()
    with pytest.raises(DeadlockDetected):
        update(second, 1, "second")
    second.rollback()
    assert waiting.result() is None


def test_a_deadlock_over_a_row_and_a_key(store: TransactionalStore) -> None:
    first, second = begin(store), begin(store)
    update(first, 1, "x")
    second.insert(TABLE, (9, "second"))
    waiting = Background(first, lambda: first.insert(TABLE, (9, "first"))).blocked()
    with pytest.raises(DeadlockDetected):
        update(second, 1, "y")
    second.rollback()
    waiting.result()


def test_a_lock_timeout_ends_the_wait_and_leaves_no_trace(store: TransactionalStore) -> None:
    first = begin(store)
    update(first, 1, "first")
    second = store.begin(Session("s", lock_timeout=0.03), isolation="read committed")
    with pytest.raises(LockNotAvailable, match="canceling statement due to lock timeout"):
        update(second, 1, "second")
    second.rollback()
    first.rollback()
    assert not store.relation(None, TABLE).locks


def test_a_cancelled_wait_lets_those_behind_it_move_up(store: TransactionalStore) -> None:
    holder, second, third = begin(store), begin(store), begin(store)
    holder.lock_relation(TABLE, RelationLock.SHARE)
    waiting = Background(second, lambda: second.lock_relation(TABLE, RelationLock.EXCLUSIVE)).blocked()
    # A share lock would be compatible with the holder, but not with who waits already.
    behind = Background(third, lambda: third.lock_relation(TABLE, RelationLock.SHARE)).blocked()
    assert isinstance(second.session, Session)
    second.session.cancelled.set()
    with pytest.raises(QueryCanceled):
        waiting.result()
    assert behind.result() is True


def test_who_finds_a_row_free_enough_does_not_wait_behind_those_who_want_more(store: TransactionalStore) -> None:
    holder, second, third = begin(store), begin(store), begin(store)
    lock(holder, 1, RowLock.KEY_SHARE)
    waiting = Background(second, lambda: lock(second, 1, RowLock.UPDATE)).blocked()
    assert lock(third, 1, RowLock.KEY_SHARE).status == "same"
    holder.rollback()
    assert waiting.thread.is_alive()
    third.rollback()
    assert waiting.result().status == "same"


# -- keys


def test_the_second_insert_of_a_key_waits_and_fails_on_commit(store: TransactionalStore) -> None:
    first, second = begin(store), begin(store)
    first.insert(TABLE, (9, "first"))
    waiting = Background(second, lambda: second.insert(TABLE, (9, "second"))).blocked()
    first.commit()
    with pytest.raises(UniqueViolation):
        waiting.result()


def test_the_second_insert_of_a_key_waits_and_succeeds_on_rollback(store: TransactionalStore) -> None:
    first, second = begin(store), begin(store)
    first.insert(TABLE, (9, "first"))
    waiting = Background(second, lambda: second.insert(TABLE, (9, "second"))).blocked()
    first.rollback()
    waiting.result()
    second.commit()
    assert table(store)[-1] == (9, "second")


@pytest.mark.parametrize("commit", [True, False])
def test_an_insert_waits_for_whoever_deletes_the_key(store: TransactionalStore, commit: bool) -> None:
    first, second = begin(store), begin(store)
    delete(first, 1)
    waiting = Background(second, lambda: second.insert(TABLE, (1, "second"))).blocked()
    if commit:
        first.commit()
        waiting.result()
        second.commit()
        assert table(store)[0] == (1, "second")
    else:
        first.rollback()
        with pytest.raises(UniqueViolation):
            waiting.result()


def test_who_deletes_a_key_may_insert_it_again_while_another_waits_for_it(store: TransactionalStore) -> None:
    first, second = begin(store), begin(store)
    delete(first, 1)
    waiting = Background(second, lambda: second.insert(TABLE, (1, "second"))).blocked()
    first.begin_statement()
    first.insert(TABLE, (1, "again"))
    first.commit()
    with pytest.raises(UniqueViolation):
        waiting.result()


def test_an_insert_does_not_wait_for_a_row_that_is_only_locked(store: TransactionalStore) -> None:
    first, second = begin(store), begin(store)
    lock(first, 1, RowLock.UPDATE)
    with pytest.raises(UniqueViolation):
        second.insert(TABLE, (1, "second"))


def test_a_single_insert_waits_for_a_bulk_insert_and_the_other_way_round(store: TransactionalStore) -> None:
    bulk, single = begin(store), begin(store)
    bulk.insert_rows(TABLE, [(key, "bulk") for key in range(1000, 2000)])
    waiting = Background(single, lambda: single.insert(TABLE, (1500, "single"))).blocked()
    bulk.rollback()
    waiting.result()
    second = begin(store)
    again = Background(second, lambda: second.insert_rows(TABLE, [(key, "b") for key in range(1000, 2000)])).blocked()
    single.commit()
    with pytest.raises(UniqueViolation):
        again.result()


def test_on_conflict_waits_until_it_is_known_who_has_the_key(store: TransactionalStore) -> None:
    first, second = begin(store), begin(store)
    first.insert(TABLE, (9, "first"))
    waiting = Background(second, lambda: second.find_newest(BY_ID, 9, relation_oid=TABLE, claim=True)).blocked()
    first.commit()
    row_id, row = waiting.result()
    assert row == (9, "first")
    second.begin_statement()
    assert second.update(TABLE, row_id, row, (9, "second")) is None
    assert second.find_newest(BY_ID, 10, relation_oid=TABLE, claim=True) is None
    second.insert(TABLE, (10, "second"))
    second.commit()
    assert table(store)[-2:] == [(9, "second"), (10, "second")]


# -- relations and advisory locks

# PostgreSQL 15, table 13.2.
RELATION_EXCLUDING = {
    (0, 7), (1, 6), (1, 7), (2, 4), (2, 5), (2, 6), (2, 7), (3, 3), (3, 4), (3, 5), (3, 6), (3, 7), (4, 5), (4, 6),
    (4, 7), (5, 5), (5, 6), (5, 7), (6, 6), (6, 7), (7, 7),
}  # fmt: skip


@pytest.mark.parametrize("held", list(RelationLock))
def test_relation_locks_exclude_each_other_as_postgresql_says(store: TransactionalStore, held: RelationLock) -> None:
    first = begin(store)
    first.lock_relation(TABLE, held)
    for wanted in RelationLock:
        second = begin(store)
        excluded = tuple(sorted((held, wanted))) in RELATION_EXCLUDING
        assert second.lock_relation(TABLE, wanted, "skip") is not excluded
        second.rollback()
    assert first.lock_relation(TABLE, RelationLock.ACCESS_EXCLUSIVE)
    first.rollback()
    assert not store.locks.relations


def test_a_branch_has_its_own_relation_locks(store: TransactionalStore) -> None:
    store.create_timeline("branch")
    on_main, on_branch = store.begin(), store.begin(timeline="branch")
    on_main.lock_relation(TABLE, RelationLock.ACCESS_EXCLUSIVE)
    assert on_branch.lock_relation(TABLE, RelationLock.ACCESS_EXCLUSIVE, "skip")


def test_advisory_locks_of_transactions_exclude_each_other(store: TransactionalStore) -> None:
    first, second = begin(store), begin(store)
    assert first.lock_advisory(7, AdvisoryLock.SHARE)
    assert second.lock_advisory(7, AdvisoryLock.SHARE, "skip")
    assert not second.lock_advisory(7, AdvisoryLock.EXCLUSIVE, "skip")
    first.commit()
    assert second.lock_advisory(7, AdvisoryLock.EXCLUSIVE, "skip")
    second.rollback()
    assert not store.locks.advisory


def test_session_level_advisory_locks_outlive_transactions_and_do_not_block_their_own(
    store: TransactionalStore,
) -> None:
    session, stranger = Session("mine"), Session("other")
    mine = store.session_locks(session)
    assert mine.acquire(7, AdvisoryLock.EXCLUSIVE)
    assert mine.acquire(7, AdvisoryLock.EXCLUSIVE)
    own = store.begin(session)
    assert own.lock_advisory(7, AdvisoryLock.EXCLUSIVE, "skip")
    own.commit()
    other = store.begin(stranger)
    assert not other.lock_advisory(7, AdvisoryLock.SHARE, "skip")
    assert mine.release(7, AdvisoryLock.EXCLUSIVE)
    assert not other.lock_advisory(7, AdvisoryLock.SHARE, "skip")
    assert mine.release(7, AdvisoryLock.EXCLUSIVE)
    assert not mine.release(7, AdvisoryLock.EXCLUSIVE)
    assert other.lock_advisory(7, AdvisoryLock.SHARE, "skip")
    mine.release_all()
    other.rollback()
    assert not store.locks.advisory
