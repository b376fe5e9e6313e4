"""Changes of whole blocks: their locks are rows' locks to everybody else, and their rows may be in a file."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from random import Random
from threading import Thread
from typing import Any

import pytest

from heliosdb.errors import LockNotAvailable
from heliosdb.store import IndexSpec
from heliosdb.store.temporary import TemporarySpace
from heliosdb.transaction import RowLock, Transaction, TransactionalStore
from heliosdb.transaction.aside import Aside
from heliosdb_testkit import FaultyVolume

TABLE, BY_ID = 100, 101
Row = tuple[Any, ...]
Change = Callable[[Row], Row] | None


class Session:
    """What is asked of a session about temporary files."""

    temporary_bytes = 0

    def setting(self, name: str) -> Any:
        """Return no limit."""
        return -1


def make_store(count: int, volume: FaultyVolume | None = None) -> TransactionalStore:
    store = TransactionalStore(volume)
    store.define_index(None, TABLE, IndexSpec(BY_ID, TABLE, itemgetter(0), unique=True, key_column=0))
    transaction = store.begin()
    transaction.insert_rows(TABLE, [(number, 0) for number in range(count)])
    transaction.commit().wait()
    return store


def items(transaction: Transaction) -> dict[int, Row]:
    transaction.begin_statement()
    view = transaction.view(TABLE)
    found = {row_id: row for ids, rows in view.item_blocks() for row_id, row in zip(ids, rows, strict=True)}
    assert {row_id: view.peek(row_id) for row_id in found} == found
    assert sorted(view.index(BY_ID).get(row[0]) for row in found.values()) == sorted(found.values())
    return found


def change(transaction: Transaction, change: Change, where: Callable[[int], bool] = lambda number: True) -> int:
    """Change the rows whose number is asked for, as a statement does; return how many went by whole blocks."""
    chosen = [(row_id, row) for row_id, row in items(transaction).items() if where(row[0])]
    row_ids, olds = [row_id for row_id, _ in chosen], [row for _, row in chosen]
    if change is None:
        return transaction.delete_rows(TABLE, row_ids, olds)
    return transaction.update_rows(TABLE, row_ids, olds, [change(row) for row in olds])


def up(row: Row) -> Row:
    return row[0], row[1] + 1


def test_rows_of_a_changed_block_are_locked_and_no_others() -> None:
    store = make_store(6000)
    transaction = store.begin()
    assert change(transaction, up, lambda number: number % 2 == 0) == 3000
    assert not store.relation(None, TABLE).locks
    other = store.begin(isolation="read committed")
    other.begin_statement()
    with pytest.raises(LockNotAvailable):
        other.lock_row(TABLE, 4, RowLock.NO_KEY_UPDATE, "nowait")
    assert other.lock_row(TABLE, 4098, RowLock.SHARE, "skip").status == "skipped"
    assert other.lock_row(TABLE, 4, RowLock.KEY_SHARE, "nowait").status == "same"
    assert other.lock_row(TABLE, 5, RowLock.UPDATE, "nowait").status == "same"
    assert change(other, None, lambda number: number >= 4096) == 0, "every other row is locked"
    transaction.commit()
    assert other.lock_row(TABLE, 6, RowLock.UPDATE, "nowait").row == (6, 1)
    other.rollback()
    locks = store.relation(None, TABLE).locks
    assert not locks
    assert not locks.blocks


def test_a_point_writer_declines_rows_of_a_changed_block() -> None:
    store = make_store(1000)
    transaction = store.begin()
    assert change(transaction, up, lambda number: number >= 100) == 900
    writer = store.point_writer(TABLE, BY_ID, waits=False)
    assert writer.update(500, up) is None
    assert writer.update(99, up) is True
    transaction.commit()
    assert writer.update(500, up) is True
    assert [row[1] for row in items(store.begin()).values()] == [0] * 99 + [1] * 401 + [2] + [1] * 499


def test_a_savepoint_gives_back_what_came_after_it_even_where_others_have_looked() -> None:
    store = make_store(2000)
    transaction = store.begin()
    assert change(transaction, up, lambda number: number < 1000) == 1000
    mark = transaction.mark()
    assert change(transaction, None) == 0, "some are own rows and others are not"
    assert change(transaction, None, lambda number: number < 1000) == 1000
    assert change(transaction, up) == 1000
    other = store.begin()
    for row_id in (10, 1500):
        assert other.lock_row(TABLE, row_id, RowLock.KEY_SHARE, "skip").status == (
            "skipped" if row_id < 1000 else "same"
        )
    transaction.rollback_to(mark)
    assert other.lock_row(TABLE, 11, RowLock.KEY_SHARE, "skip").status == "same", "only as strong as before"
    assert other.lock_row(TABLE, 12, RowLock.UPDATE, "skip").status == "skipped"
    assert other.lock_row(TABLE, 1500, RowLock.UPDATE, "skip").status == "same"
    assert [row[1] for row in items(transaction).values()] == [1] * 1000 + [0] * 1000
    transaction.rollback()
    assert other.lock_row(TABLE, 12, RowLock.UPDATE, "skip").status == "same"
    other.rollback()
    assert not store.relation(None, TABLE).locks.blocks
    assert not store.relation(None, TABLE).locks


@pytest.mark.parametrize("limit", [1, 1 << 30])
def test_own_blocks_agree_with_a_dict_in_a_file_or_not(limit: int) -> None:
    random = Random(limit)
    store = make_store(9000, FaultyVolume())
    assert store.large is not None
    model = {number: (number, 0) for number in range(9000)}
    transaction = store.begin()
    transaction.aside = Aside(TemporarySpace(), Session(), limit, store.large)
    marks: list[tuple[Any, dict[int, Row]]] = []
    views: list[tuple[Any, dict[int, Row]]] = []
    fresh = 9000
    for step in range(40):
        what = random.choice(["up", "up", "delete", "insert", "mark", "back", "one", "view"])
        low, part = random.choice([0, 3000, 5000]), random.choice([1, 2, 3])
        if what in ("up", "delete"):
            made = up if what == "up" else None
            chosen = (
                [n for n in model if n >= low and n % part == 0] if what == "up" else [n for n in model if n % 9 == 0]
            )
            found = {row[0]: row_id for row_id, row in items(transaction).items()}
            done = change(transaction, made, set(chosen).__contains__)
            for number in chosen[done:]:
                if made is None:
                    assert transaction.delete(TABLE, found[number], model[number]) is None
                else:
                    assert transaction.update(TABLE, found[number], model[number], made(model[number])) is None
            for number in chosen:
                if made is None:
                    del model[number]
                else:
                    model[number] = made(model[number])
        elif what == "insert":
            rows = [(fresh + number, step) for number in range(random.choice([3, 600, 5000]))]
            transaction.insert_rows(TABLE, rows)
            model |= {row[0]: row for row in rows}
            fresh += len(rows)
        elif what == "one":
            row_id, row = random.choice(list(items(transaction).items()))
            assert transaction.update(TABLE, row_id, row, up(row)) is None
            model[row[0]] = up(row)
        elif what == "view":
            transaction.begin_statement()
            views.append((transaction.view(TABLE), dict(model)))
        elif what == "mark":
            transaction.begin_statement()
            marks.append((transaction.mark(), dict(model)))
        elif marks:
            mark, model = marks.pop(random.randrange(len(marks)))
            marks = [(other, then) for other, then in marks if other.journal < mark.journal]
            transaction.rollback_to(mark)
            views.clear()
        for view, then in views:
            assert sorted(view) == sorted(then.values())
        assert dict(items(transaction).values()) == dict(model.values())
    transaction.commit().wait()
    assert dict(items(store.begin()).values()) == dict(model.values())


def test_threads_that_change_whole_blocks_and_single_rows_lose_nothing() -> None:
    store = make_store(1200)
    rounds, errors = 12, []

    def work(seed: int) -> None:
        random = Random(seed)
        try:
            for _ in range(rounds):
                transaction = store.begin(isolation="read committed")
                found = list(items(transaction).items())
                done = 0
                if random.random() < 0.6:
                    done = transaction.update_rows(
                        TABLE, [row_id for row_id, _ in found], [row for _, row in found], [up(row) for _, row in found]
                    )
                    # The rest one by one and in order, so that nobody waits in a circle.
                for row_id, row in found[done:]:
                    state = transaction.update(TABLE, row_id, row, up(row))
                    while state is not None:
                        assert state.status == "changed"
                        state = transaction.update(TABLE, row_id, state.row, up(state.row))
                transaction.commit()
        except BaseException as error:  # noqa: BLE001 - carried to the main thread
            errors.append(error)

    threads = [Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert {row[1] for row in items(store.begin()).values()} == {4 * rounds}
    assert not store.relation(None, TABLE).locks.blocks
