"""Commits that are entered and not durable yet: who waits for their locks, and what those see who come meanwhile."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from operator import itemgetter
from typing import Any

import pytest

from heliosdb.errors import IoError, SerializationFailure
from heliosdb.store import IndexSpec, Retention
from heliosdb.transaction import Transaction, TransactionalStore
from heliosdb.transaction.locks import RelationLock, RowLock
from heliosdb_testkit import FaultyVolume

TABLE, BY_ID = 100, 101


class HeldVolume(FaultyVolume):
    """A volume whose syncs can be held up."""

    def __init__(self) -> None:
        super().__init__()
        self.passing = threading.Event()
        self.passing.set()
        self.arrived = threading.Event()

    def sync(self, name: str) -> None:
        self.arrived.set()
        assert self.passing.wait(20)
        super().sync(name)

    def hold(self) -> None:
        """Keep syncs from ending from now on."""
        self.arrived.clear()
        self.passing.clear()


class Session:
    """What the lock table asks of a session."""

    name = "1"
    lock_timeout: float | None = None

    def may_read(self, schema: str | None, table: str) -> bool:
        return True

    def check_interrupt(self) -> None:
        """Nobody interrupts."""


@pytest.fixture
def volume() -> HeldVolume:
    return HeldVolume()


@pytest.fixture
def store(volume: HeldVolume) -> TransactionalStore:
    made = TransactionalStore(volume)
    made.define_index(None, TABLE, IndexSpec(BY_ID, TABLE, itemgetter(0), unique=True, key_column=0))
    with_rows = begin(made)
    for key in (1, 2):
        with_rows.insert(TABLE, (key, 0))
    with_rows.commit().wait()
    return made


def begin(store: TransactionalStore, isolation: str = "read committed") -> Transaction:
    transaction = store.begin(Session(), isolation=isolation)
    transaction.begin_statement()
    return transaction


def change(transaction: Transaction, key: int, value: int) -> None:
    row_id, row = transaction.view(TABLE).index(BY_ID).items(key)[0]
    assert transaction.update(TABLE, row_id, row, (key, value)) is None


def value(transaction: Transaction, key: int) -> int:
    transaction.begin_statement()
    found: int = transaction.view(TABLE).index(BY_ID).get(key)[1]  # type: ignore[index]
    return found


def in_thread(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    answers: list[Any] = []

    def run() -> None:
        try:
            answers.append(work())
        except Exception as error:  # noqa: BLE001 - the test looks at it
            answers.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, answers


def until_waiting(store: TransactionalStore, thread: threading.Thread) -> None:
    while not store.locks.waiting():
        assert thread.is_alive()
        thread.join(0.001)


def test_locks_are_kept_until_the_commit_is_durable(store: TransactionalStore, volume: HeldVolume) -> None:
    first, second = begin(store), begin(store)
    change(first, 1, 10)
    first.lock_relation(TABLE, RelationLock.SHARE)
    volume.hold()
    committing, _ = in_thread(lambda: first.commit().wait())
    assert volume.arrived.wait(20)
    row_id = store.main.relations[TABLE].indexes[BY_ID].newest_row_ids(1)[0]
    waiting, answers = in_thread(lambda: second.lock_row(TABLE, row_id, RowLock.UPDATE))
    until_waiting(store, waiting)
    third = begin(store)
    assert value(third, 1) == 0, "nobody sees what may still be lost"
    assert third.lock_row(TABLE, row_id, RowLock.SHARE, wait="skip").status == "skipped"
    assert not third.lock_relation(TABLE, RelationLock.EXCLUSIVE, wait="skip")
    volume.passing.set()
    waiting.join(20)
    committing.join(20)
    assert answers[0].row == (1, 10)
    assert value(second, 1) == 10, "who got the lock sees what it was for"
    assert third.lock_relation(TABLE, RelationLock.EXCLUSIVE, wait="skip")


def test_locks_of_a_commit_that_failed_are_given_back(store: TransactionalStore, volume: HeldVolume) -> None:
    first, second = begin(store), begin(store)
    change(first, 1, 10)
    row_id = store.main.relations[TABLE].indexes[BY_ID].newest_row_ids(1)[0]
    volume.fail(IoError("the device is gone"), "sync")
    with pytest.raises(IoError):
        first.commit().wait()
    assert value(second, 1) == 0
    with pytest.raises(IoError):  # the lock is free, and nobody can say what the row is now
        second.lock_row(TABLE, row_id, RowLock.SHARE, wait="nowait")


def test_a_ticket_nobody_waits_for_gives_locks_back_when_others_sync(
    store: TransactionalStore, volume: HeldVolume
) -> None:
    first, second = begin(store), begin(store)
    change(first, 1, 10)
    change(second, 2, 20)
    done: list[object] = []
    first.commit().on_durable(done.append)
    second.commit().wait()
    third = begin(store)
    row_id = store.main.relations[TABLE].indexes[BY_ID].newest_row_ids(1)[0]
    assert third.lock_row(TABLE, row_id, RowLock.UPDATE).row == (1, 10)


def test_a_serializable_transaction_sees_what_was_pending_when_it_began(
    store: TransactionalStore, volume: HeldVolume
) -> None:
    first = begin(store)
    change(first, 1, 10)
    volume.hold()
    committing, _ = in_thread(lambda: first.commit().wait())
    assert volume.arrived.wait(20)
    beginning, answers = in_thread(lambda: begin(store, "serializable"))
    volume.passing.set()
    beginning.join(20)
    committing.join(20)
    assert value(answers[0], 1) == 10


def test_commits_between_a_snapshot_and_its_enrolment_are_remembered(store: TransactionalStore) -> None:
    """Whoever begins while others commit either sees a commit or is refused by it."""
    store.retain(Retention())
    refused = passed = 0
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            writer = begin(store)
            change(writer, 1, value(writer, 1) + 1)
            writer.commit().wait()

    writing, failures = in_thread(write)
    for _ in range(20_000):
        if refused >= 5 and passed >= 20:
            break
        reader = begin(store, "serializable")
        seen = value(reader, 1)
        change(reader, 2, seen)
        try:
            scn = reader.commit().wait().scn
        except SerializationFailure:
            refused += 1
            continue
        passed += 1
        past = store.begin(snapshot=scn)
        assert value(past, 1) == seen, "it read a version that was no longer there when it committed"
        past.rollback()
    stop.set()
    writing.join(20)
    assert failures == [None]
    assert refused >= 5
    assert passed >= 20


def test_everybody_who_follows_a_commit_is_told(store: TransactionalStore) -> None:
    told: list[int] = []
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.00001)

    def commit_many(number: int) -> None:
        for turn in range(150):
            transaction = begin(store)
            transaction.insert(TABLE, (1000 * number + turn, 0))
            transaction.commit().on_durable(lambda ticket: told.append(ticket.scn))

    try:
        threads = [in_thread(lambda number=number: commit_many(number))[0] for number in range(1, 5)]  # type: ignore[misc]
        for thread in threads:
            thread.join(60)
        begin_last = begin(store)
        begin_last.insert(TABLE, (9999, 0))
        begin_last.commit().wait()
    finally:
        sys.setswitchinterval(before)
    limit = time.monotonic() + 20
    while len(told) < 600 and time.monotonic() < limit:
        threading.Event().wait(0.001)
    assert len(set(told)) == len(told) == 600
    assert not store.snapshots.readers


def test_who_follows_a_commit_that_is_durable_already_is_told_at_once(store: TransactionalStore) -> None:
    first = begin(store)
    change(first, 1, 10)
    ticket = first.commit()
    assert ticket.is_pending
    assert store.journal is not None
    store.journal.sync()  # as a commit of another thread does
    told: list[int] = []
    ticket.on_durable(lambda answered: told.append(answered.scn))
    assert told == [ticket.scn]
