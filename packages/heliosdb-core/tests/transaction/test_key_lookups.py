"""The rows with one key of an index that many rows share, as old and new snapshots see them."""

from __future__ import annotations

from collections import defaultdict
from operator import itemgetter
from random import Random
from typing import Any

import pytest

from heliosdb.store import IndexSpec
from heliosdb.transaction import Transaction, TransactionalStore

TABLE, BY_KIND = 100, 101
Row = tuple[int, int]


@pytest.fixture
def store() -> TransactionalStore:
    made = TransactionalStore()
    made.define_index(None, TABLE, IndexSpec(BY_KIND, TABLE, itemgetter(1), key_column=1))
    return made


def seen(transaction: Transaction) -> dict[int, list[Row]]:
    """Return what an index look-up gives for each key, its forms compared."""
    index = transaction.view(TABLE).index(BY_KIND)
    found: dict[int, list[Row]] = {}
    for key in range(-1, 6):
        rows: list[Any] = sorted(index.rows(key))
        assert rows == sorted(row for _, row in index.items(key))
        assert index.has(key) == bool(rows)
        assert index.count(key) == len(rows)
        if rows:
            found[key] = rows
    keys = [key for block in index.key_blocks((-1,), (5,)) for key in block]
    assert keys == [key for key, rows in found.items() for _ in rows]
    assert [key for block in index.key_blocks((1,), (4,), False, False, True) for key in block] == [
        key for key in reversed(keys) if 1 < key < 4
    ]
    return found


def expected(transaction: Transaction) -> dict[int, list[Row]]:
    by_key: dict[int, list[Row]] = defaultdict(list)
    for block in transaction.view(TABLE).row_blocks():
        for row in block:
            by_key[row[1]].append(row)
    return {key: sorted(rows) for key, rows in by_key.items()}


def test_a_key_that_nobody_has_finds_nothing(store: TransactionalStore) -> None:
    transaction = store.begin()
    transaction.begin_statement()
    index = transaction.view(TABLE).index(BY_KIND)
    assert list(index.rows(7)) == []
    assert index.has(7) is False


@pytest.mark.parametrize("seed", range(6))
def test_a_snapshot_finds_its_rows_by_key_whatever_is_committed_later(store: TransactionalStore, seed: int) -> None:
    random = Random(seed)
    filling = store.begin()
    filling.insert_rows(TABLE, [(number, number % 4) for number in range(random.choice([30, 9000]))])
    filling.commit()
    readers = []
    for _ in range(12):
        reader = store.begin()
        reader.begin_statement()
        kept = expected(reader)
        assert seen(reader) == kept
        readers.append((reader, kept))
        writer = store.begin()
        writer.begin_statement()
        items = [(row_id, row) for ids, rows in writer.view(TABLE).item_blocks() for row_id, row in zip(ids, rows)]
        for row_id, row in random.sample(items, min(5, len(items))):
            if random.random() < 0.3:
                writer.delete_rows(TABLE, [row_id], [row])
            else:
                writer.update_rows(TABLE, [row_id], [row], [(row[0], random.randrange(6))])
        writer.insert_rows(TABLE, [(random.randrange(10_000, 99_999), random.randrange(6))])
        writer.advance_command()
        assert seen(writer) == expected(writer), "its own changes"
        writer.commit()
    for reader, kept in readers:
        assert seen(reader) == kept
    assert all(kept != readers[0][1] for _, kept in readers[1:])
