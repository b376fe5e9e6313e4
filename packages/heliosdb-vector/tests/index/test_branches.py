"""One index for many timelines and instants: entries carry the SCNs between which a row had its vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from heliosdb.spi import IndexDefinition
from heliosdb.store import IndexSpec
from heliosdb.transaction import Transaction, TransactionalStore
from heliosdb_vector import columns
from heliosdb_vector.distances import VECTORS
from heliosdb_vector.index.methods import HnswMethod

TABLE, INDEX = 100, 104
COUNT = 900
RANDOM = np.random.default_rng(8)
ROWS = RANDOM.normal(size=(COUNT, 8)).astype(np.float32)
SUPPORT = {"distance": VECTORS.l2_distance, "distances": columns.VECTORS.l2_distance}
SETTINGS = {"hnsw.ef_search": 200, "heliosdb.vector_recall": 0.0}


@pytest.fixture
def store() -> TransactionalStore:
    made = TransactionalStore(methods=[HnswMethod()])
    fill = made.begin()
    for number, row in enumerate(ROWS):
        fill.insert(TABLE, (number, row.tobytes()))
    fill.commit()
    definition = IndexDefinition(INDEX, 1, operator_classes=("vector_l2_ops",), support=(SUPPORT,))
    made.define_index(
        None,
        TABLE,
        IndexSpec(INDEX, TABLE, lambda row: row[1], method="hnsw", values=lambda row: (row[1],), definition=definition),
    )
    return made


def nearest(transaction: Transaction, query: Any, count: int = 5) -> list[int]:
    transaction.begin_statement()
    index = transaction.view(TABLE).index(INDEX)
    found: list[int] = []
    for block in index.likely("<->", query.tobytes(), count, SETTINGS.__getitem__):
        found += [row[0] for _, row in block]
        if len(found) >= count:
            break
    return found[:count]


def exact(rows: dict[int, Any], query: Any, count: int = 5) -> list[int]:
    return sorted(rows, key=lambda number: float(np.linalg.norm(rows[number] - query)))[:count]


def change(transaction: Transaction, changes: dict[int, Any]) -> None:
    for number, row in changes.items():
        transaction.begin_statement()
        old = transaction.view(TABLE).fetch(number)
        assert old is not None
        if row is None:
            transaction.delete(TABLE, number, old)
        else:
            transaction.update(TABLE, number, old, (number, row.tobytes()))


def require(transaction: Transaction, rows: dict[int, Any], queries: Sequence[Any]) -> None:
    for query in queries:
        assert nearest(transaction, query) == exact(rows, query)
    assert len(nearest(transaction, queries[0], 10_000)) == len(rows)


def test_a_branch_and_its_parent_go_their_own_ways(store: TransactionalStore) -> None:
    queries = RANDOM.normal(size=(20, 8)).astype(np.float32)
    main = dict(enumerate(ROWS))
    store.create_timeline("branch")
    branch = dict(main)
    for number in range(40):
        mine, theirs = RANDOM.normal(size=(2, 8)).astype(np.float32)
        change(on_branch := store.begin(timeline="branch"), {number: mine, 100 + number: None})
        on_branch.commit()
        branch[number] = mine
        del branch[100 + number]
        change(on_main := store.begin(), {200 + number: theirs, 300 + number: None})
        on_main.commit()
        main[200 + number] = theirs
        del main[300 + number]
    require(store.begin(timeline="branch"), branch, queries)
    require(store.begin(), main, queries)
    own = store.begin(timeline="branch")
    own.begin_statement()
    own.insert(TABLE, (5000, queries[0].tobytes()))
    assert nearest(own, queries[0])[0] == 5000
    assert nearest(store.begin(timeline="branch"), queries[0])[0] != 5000


@pytest.mark.parametrize("changed", [0, 1, 60])
def test_a_branch_with_few_changes_asks_its_parent_s_index(store: TransactionalStore, changed: int) -> None:
    """Its own index names all it has, be that nothing; it is no reason to read the whole table."""
    branch = dict(enumerate(ROWS))
    store.create_timeline("branch")
    moved = {number: RANDOM.normal(size=8).astype(np.float32) for number in range(0, 10 * changed, 10)}
    if changed:
        change(writer := store.begin(timeline="branch"), moved)
        writer.commit()
    branch |= moved
    for query in [*RANDOM.normal(size=(5, 8)).astype(np.float32), ROWS[0]]:
        reader = store.begin(timeline="branch")
        reader.begin_statement()
        first = next(reader.view(TABLE).index(INDEX).likely("<->", query.tobytes(), 5, SETTINGS.__getitem__))
        assert 5 <= len(first) < 100
        assert [row[0] for _, row in first[:5]] == exact(branch, query)


def test_snapshots_of_many_instants(store: TransactionalStore) -> None:
    queries = RANDOM.normal(size=(4, 8)).astype(np.float32)
    rows = dict(enumerate(ROWS))
    readers = []
    for _ in range(12):
        changes = {int(number): RANDOM.normal(size=8).astype(np.float32) for number in RANDOM.integers(0, COUNT, 60)}
        gone = int(RANDOM.choice(sorted(rows)))
        changes = {number: row for number, row in changes.items() if number in rows and number != gone}
        reader = store.begin()
        reader.begin_statement()
        readers.append((reader, dict(rows)))
        change(writer := store.begin(), {**changes, gone: None})
        writer.commit()
        rows.update(changes)
        del rows[gone]
        for open_reader, seen in readers:
            require(open_reader, seen, queries)
    require(store.begin(), rows, queries)
    for reader, _ in readers:
        reader.rollback()
    store.vacuum()
    require(store.begin(), rows, queries)
    index: Any = store.index(None, TABLE, INDEX).method
    assert index.known.ended == 0
    assert index.known.live == len(rows)
