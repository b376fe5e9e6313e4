"""Readers without locks beside one writer: nothing missing, nothing double, nothing out of order."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from operator import itemgetter
from threading import Event, Thread

import pytest

from heliosdb.errors import DeadlockDetected, UniqueViolation
from heliosdb.store import IndexSpec, key_order, relation, timeline_index
from heliosdb.transaction import TransactionalStore

TABLE, BY_ID, BY_RANK = 100, 101, 102
ROWS = 1500


@pytest.fixture(autouse=True, params=["as shipped", "eager"])
def _switch_often(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Switch threads 400 times as often as usual; "eager": fold and merge after a few changes instead of hundreds."""
    if request.param == "eager":
        monkeypatch.setattr(relation, "FOLD_AT", 20)
        monkeypatch.setattr(relation, "QUIET_FOLD_AT", 2)
        monkeypatch.setattr(key_order, "RECENT", 8)
        monkeypatch.setattr(timeline_index, "MANY", 2)
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0000125)
    yield
    sys.setswitchinterval(before)


def numbered() -> TransactionalStore:
    """Rows (id, rank): every commit keeps the ids 0..ROWS-1 and the ranks a permutation of them."""
    store = TransactionalStore()
    store.define_index(None, TABLE, IndexSpec(BY_ID, TABLE, itemgetter(0), unique=True, key_column=0))
    store.define_index(None, TABLE, IndexSpec(BY_RANK, TABLE, itemgetter(1)))
    transaction = store.begin()
    transaction.insert_rows(TABLE, [(n, n, 0) for n in range(ROWS)])
    transaction.commit()
    return store


def together(readers: list[Callable[[], object]], writer: Callable[[int], object], rounds: int) -> None:
    """Run the readers over and over while the writer does its rounds; re-raise what any of them raised."""
    done, failures = Event(), []

    def read(reader: Callable[[], object]) -> None:
        try:
            while not done.is_set():
                reader()
        except BaseException as error:  # noqa: BLE001 - carried to the main thread
            failures.append(error)

    threads = [Thread(target=read, args=(reader,)) for reader in readers]
    for thread in threads:
        thread.start()
    try:
        for number in range(rounds):
            writer(number)
            if failures:
                break
    finally:
        done.set()
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]


def swap(store: TransactionalStore, number: int) -> None:
    """Exchange the ranks of two rows, replace a row by a new one with the same id: one commit."""
    transaction = store.begin()
    transaction.begin_statement()
    by_id = transaction.view(TABLE).index(BY_ID)
    [(first, a)] = by_id.items(number * 7919 % ROWS)
    [(second, b)] = by_id.items((number * 104729 + 1) % ROWS)
    [(third, c)] = by_id.items((number * 31 + 2) % ROWS)
    if len({first, second, third}) == 3:
        transaction.update(TABLE, first, a, (a[0], b[1], number))
        transaction.update(TABLE, second, b, (b[0], a[1], number))
        transaction.delete(TABLE, third, c)
        transaction.begin_statement()
        transaction.insert(TABLE, (c[0], c[1], number))
    transaction.commit()


def test_scans_and_ranges_beside_a_writer_see_whole_commits() -> None:
    store = numbered()
    everything = list(range(ROWS))

    def scan() -> None:
        transaction = store.begin()
        transaction.begin_statement()
        rows = [row for block in transaction.view(TABLE).row_blocks() for row in block]
        assert sorted(row[0] for row in rows) == everything
        assert sorted(row[1] for row in rows) == everything
        transaction.rollback()

    def by_rank() -> None:
        transaction = store.begin()
        transaction.begin_statement()
        index = transaction.view(TABLE).index(BY_RANK)
        assert [row[1] for block in index.range_blocks() for row in block] == everything
        assert [row[1] for block in index.range_blocks((100,), (300,), descending=True) for row in block] == list(
            range(300, 99, -1)
        )
        transaction.rollback()

    together([scan, by_rank], lambda number: swap(store, number), 400)


def test_point_reads_beside_a_writer_always_find_the_row() -> None:
    store = numbered()
    read = store.point_reader(TABLE, BY_ID)
    last = dict.fromkeys(range(ROWS), -1)

    def point() -> None:
        for key in range(0, ROWS, 7):
            row = read(key)
            assert row is not None
            assert row[0] == key
            assert row[2] >= last[key]
            last[key] = row[2]

    def vacuum_too(number: int) -> None:
        swap(store, number + 1)
        if number % 50 == 0:
            store.vacuum()

    together([point], vacuum_too, 600)


def test_point_writers_transactions_and_readers_agree_on_a_sum() -> None:
    store = numbered()
    add = store.point_writer(TABLE, BY_ID)
    done: list[int] = []

    def write() -> None:
        for key in range(5):
            assert add.update(key, lambda row: (row[0], row[1], row[2] + 1))
            done.append(key)

    def in_a_transaction() -> None:
        transaction = store.begin(isolation="read committed")
        for key in (4, 3):
            transaction.begin_statement()
            [(row_id, row)] = transaction.view(TABLE).index(BY_ID).items(key)
            locked = transaction.lock_row(TABLE, row_id, 2)
            row = locked.row or row
            assert transaction.update(TABLE, row_id, row, (row[0], row[1], row[2] + 1)) is None
            done.append(key)
        transaction.commit()

    def sums(number: int) -> None:
        transaction = store.begin()
        transaction.begin_statement()
        rows = [row for block in transaction.view(TABLE).row_blocks() for row in block]
        assert len(rows) == ROWS
        transaction.rollback()

    together([write, write, in_a_transaction], sums, 30)
    read = store.point_reader(TABLE, BY_ID)
    for key in range(5):
        row = read(key)
        assert row is not None
        assert row[2] == done.count(key)


def test_threads_that_insert_the_same_keys_make_each_key_once() -> None:
    store = TransactionalStore()
    store.define_index(None, TABLE, IndexSpec(BY_ID, TABLE, itemgetter(0), unique=True, key_column=0))
    made: list[int] = []

    def insert(worker: int, bulk: bool) -> Callable[[], None]:
        def run() -> None:
            for start in range(0, 3000, 600):
                transaction = store.begin(isolation="read committed")
                transaction.begin_statement()
                rows = [(key, worker) for key in range(start, start + 600)]
                try:
                    if bulk:
                        transaction.insert_rows(TABLE, rows)
                    else:
                        for row in rows:
                            transaction.insert(TABLE, row)
                    transaction.commit()
                    made.append(start)
                except (UniqueViolation, DeadlockDetected):
                    transaction.rollback()

        return run

    threads = [Thread(target=insert(worker, worker % 2 == 0)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reader = store.begin()
    reader.begin_statement()
    keys = [row[0] for block in reader.view(TABLE).row_blocks() for row in block]
    assert sorted(keys) == sorted(key for start in made for key in range(start, start + 600))
    assert len(set(made)) == len(made)
    assert [row[0] for block in reader.view(TABLE).index(BY_ID).range_blocks() for row in block] == sorted(keys)


def test_a_branch_touched_first_by_many_readers_keeps_the_writers_changes() -> None:
    store = numbered()
    store.create_timeline("branch")

    def read_branch() -> None:
        transaction = store.begin(timeline="branch")
        transaction.begin_statement()
        rows = [row for block in transaction.view(TABLE).row_blocks() for row in block]
        assert sorted(row[0] for row in rows) == list(range(ROWS))
        transaction.rollback()

    def write_branch(number: int) -> None:
        transaction = store.begin(timeline="branch")
        transaction.begin_statement()
        [(row_id, row)] = transaction.view(TABLE).index(BY_ID).items(number)
        transaction.update(TABLE, row_id, row, (number, row[1], -1))
        transaction.commit()
        swap(store, number)

    together([read_branch, read_branch], write_branch, 100)
    reader = store.begin(timeline="branch")
    reader.begin_statement()
    rows = [row for block in reader.view(TABLE).row_blocks() for row in block]
    assert sorted(row[0] for row in rows if row[2] == -1) == list(range(100))


def test_an_index_built_beside_a_writer_misses_nothing() -> None:
    store = numbered()
    wide = 103

    def build_and_compare() -> None:
        progress: list[int] = []
        store.define_index(None, TABLE, IndexSpec(wide, TABLE, itemgetter(2)), progress=progress.append)
        assert progress[-1] >= ROWS
        transaction = store.begin()
        transaction.begin_statement()
        view = transaction.view(TABLE)
        expected = sorted((row for block in view.row_blocks() for row in block), key=lambda row: (row[2], row[0]))
        found = [row for block in view.index(wide).range_blocks() for row in block]
        assert sorted(found, key=lambda row: (row[2], row[0])) == expected
        assert [row[2] for row in found] == [row[2] for row in expected]
        transaction.rollback()
        store.drop_index(None, TABLE, wide)

    together([build_and_compare], lambda number: swap(store, number + 1), 400)
