"""Reading at an old SCN from the volume: by key one block is read, and a range leaves out blocks as one of now does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest

from heliosdb.store import Retention
from heliosdb.store.snapshot import Snapshot
from heliosdb.transaction import TransactionalStore
from heliosdb.transaction.view import RelationView
from heliosdb_testkit import FaultyVolume
from plain_store import BY_ID, BY_VALUE, TABLE, checkpoint, opened

BLOCKS = 6
ROWS = BLOCKS * 4096
Row = tuple[int, int, str]


@contextmanager
def reading(store: TransactionalStore, scn: int) -> Iterator[RelationView]:
    transaction = store.begin(snapshot=Snapshot("main", scn))
    transaction.begin_statement()
    yield transaction.view(TABLE)
    transaction.rollback()


def blocks_in_memory(store: TransactionalStore) -> int:
    return sum(block is not None for block in store.relation(None, TABLE).blocks)


@pytest.fixture(scope="module")
def history() -> tuple[FaultyVolume, dict[int, list[Row]]]:
    """A closed store, and its rows at two SCNs: some of each block were changed in between."""
    random = Random(1)
    store = opened(FaultyVolume())
    store.retain(Retention())
    old: list[Row] = [(n, 10 * n, "old") for n in range(ROWS)]
    transaction = store.begin()
    transaction.begin_statement()
    transaction.insert_rows(TABLE, old)
    transaction.commit().wait()
    before = store.published
    checkpoint(store)
    chosen = sorted(random.sample(range(ROWS), ROWS // 10))
    now = old[:]
    transaction = store.begin()
    transaction.begin_statement()
    view = transaction.view(TABLE)
    for n in chosen:
        ((row_id, row),) = view.index(BY_ID).items(n)
        now[n] = (n, 10 * n + 5, "new")
        transaction.update(TABLE, row_id, row, now[n])
    transaction.commit().wait()
    after = store.published
    store.close()
    assert isinstance(store.volume, FaultyVolume)
    return store.volume.kill(), {before: old, after: now}


def test_one_row_by_key_reads_one_block(history: tuple[FaultyVolume, dict[int, list[Row]]]) -> None:
    volume, states = history
    changed = next(old[0] for old, now in zip(*states.values()) if old != now)
    for scn, rows in states.items():
        store = opened(volume.kill())
        with reading(store, scn) as view:
            assert view.index(BY_ID).get(changed) == rows[changed]
            assert blocks_in_memory(store) == 1
            assert view.index(BY_VALUE).rows(rows[changed][1]) == [rows[changed]]
            assert blocks_in_memory(store) == 1
            for other in states.values():
                if other is not rows:
                    assert view.index(BY_VALUE).rows(other[changed][1]) == []


def test_a_range_at_an_old_scn_reads_the_blocks_that_may_have_it(
    history: tuple[FaultyVolume, dict[int, list[Row]]],
) -> None:
    volume, states = history
    random = Random(2)
    for scn, rows in states.items():
        for _ in range(12):
            store = opened(volume.kill())
            column = random.choice((0, 1))
            low = random.randrange(ROWS) * (10 if column else 1)
            high = low + random.choice((0, 5, 300))
            with reading(store, scn) as view:
                blocks = view.candidate_blocks([(column, low, high)], [0, 1, 2])
                found = [row for part in blocks for row in part if low <= row[column] <= high]
            assert found == [row for row in rows if low <= row[column] <= high]
            # Blocks that stand in the order of the column overlap at their ends, if at all.
            assert blocks_in_memory(store) <= 2


def test_a_value_that_only_older_versions_have_is_not_left_out() -> None:
    store = opened(FaultyVolume())
    store.retain(Retention())
    transaction = store.begin()
    transaction.begin_statement()
    transaction.insert_rows(TABLE, [(n, 1, "") for n in range(600)])
    transaction.commit().wait()
    transaction = store.begin()
    transaction.begin_statement()
    for ids, rows in transaction.view(TABLE).item_blocks():
        transaction.update_rows(TABLE, list(ids), rows, [(row[0], 2, "") for row in rows])
    transaction.commit().wait()
    store.close()
    assert isinstance(store.volume, FaultyVolume)
    volume = store.volume.kill()
    for scn, value in ((1, 1), (2, 2)):
        for asked in (1, 2, 3):
            store = opened(volume.kill())
            with reading(store, scn) as view:
                found = [
                    row for part in view.candidate_blocks([(1, asked, asked)], [1]) for row in part if row[1] == asked
                ]
            assert len(found) == (600 if asked == value else 0)
            assert blocks_in_memory(store) == (1 if scn == 1 and asked < 3 else 0)
