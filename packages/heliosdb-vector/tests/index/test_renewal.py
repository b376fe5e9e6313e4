"""A structure of which more than half is gone is made anew beside the changes and searches that go on."""

from __future__ import annotations

from random import Random
from threading import Thread
from typing import Any

import numpy as np
import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.spi import ColumnValues, IndexDefinition, LikelySearch
from heliosdb_vector import columns, distances
from heliosdb_vector.index.methods import HnswMethod, IvfMethod

from .conftest import clustered, fill, ids

VECTORS = clustered(51, 9000, 12)
SUPPORT = {"distance": distances.VECTORS.l2_distance, "distances": columns.VECTORS.l2_distance}
SETTINGS = {"hnsw.ef_search": 400, "ivfflat.probes": 1000, "heliosdb.vector_recall": 0.0}


class Kept:
    """An index and what it should hold: row id -> number of its vector."""

    def __init__(self, method: Any, options: dict[str, Any]) -> None:
        definition = IndexDefinition(
            1, 1, operator_classes=("vector_l2_ops",), options=options, support=(SUPPORT,), typmods=(12,)
        )
        self.index: Any = method.create(definition)
        self.rows: dict[int, int] = {}
        self.scn = 1

    def put(self, row_id: int, number: int | None) -> None:
        before = self.rows.pop(row_id, None)
        removed = () if before is None else (VECTORS[before].tobytes(),)
        added = () if number is None else (VECTORS[number].tobytes(),)
        self.scn += 1
        self.index.apply([(row_id, removed, added)], self.scn)
        if before is not None:
            self.index.forget([(removed[0], row_id)])
        if number is not None:
            self.rows[row_id] = number

    def nearest(self, query: Any, count: int) -> list[int]:
        search = LikelySearch("<->", query.tobytes(), count, self.scn, SETTINGS.__getitem__)
        named: list[int] = []
        for sure, row_ids, _ in self.index.likely(search):
            named += row_ids
            if sure >= count:
                break
        rows = [(VECTORS[self.rows[row_id]].tobytes(),) for row_id in named]
        values = self.index.ordering_values("<->", query.tobytes(), ColumnValues(rows, 0))
        return [row_id for _, row_id in sorted(zip(values, named))][:count]

    def require(self) -> None:
        matrix = VECTORS[list(self.rows.values())]
        found = exact = 0
        for query in VECTORS[8950:]:
            # Some vectors are there twice: distances are compared, not rows.
            far = np.sort(np.linalg.norm(matrix - query, axis=1))[4] + 1e-4
            found += sum(np.linalg.norm(VECTORS[self.rows[row_id]] - query) <= far for row_id in self.nearest(query, 5))
            exact += 5
        assert found >= 0.97 * exact
        assert self.index.check((row_id, (VECTORS[n].tobytes(),)) for row_id, n in self.rows.items()) == []
        assert self.index.known.live == len(self.rows)


@pytest.mark.parametrize(
    ("method", "options"),
    [
        (HnswMethod(), {"backend": "faiss"}),
        (HnswMethod(), {"backend": "hnswlib"}),
        (IvfMethod(), {}),
        (HnswMethod(), {"quantization": "scalar"}),
    ],
)
def test_changes_meanwhile_are_in_the_new_structure(method: Any, options: dict[str, Any]) -> None:
    if options.get("backend") == "hnswlib":
        pytest.importorskip("hnswlib")
    random = Random(5)
    kept = Kept(method, options)
    for number in range(6000):
        kept.put(number, number)
    renewals: list[Thread] = []
    for row_id in range(4200):
        kept.put(row_id, None)
        renewal = kept.index.renewal
        if renewal is not None and renewal not in renewals:
            renewals.append(renewal)
            # While it is made: inserts, more than are kept aside, deletes of old ones and new, other vectors.
            for number in range(6000, 6900):
                kept.put(10_000 * len(renewals) + number, number)
            for number in (4300, 4301, 5000, 10_000 * len(renewals) + 6800):
                kept.put(number, None)
            kept.put(5500, random.randrange(7000, 8000))
    assert renewals
    kept.index.renewal.join()
    kept.require()
    assert kept.index.number_dead <= len(kept.rows)
    count = kept.index.known.count
    assert count < 6000 + 900 * (len(renewals) + 1)
    # It goes on, and is kept and taken up as any other.
    for number in range(8000, 8700):
        kept.put(number, number)
    kept.require()
    blobs = kept.index.blobs()
    again = Kept(method, options)
    again.index.load(blobs)
    again.rows, again.scn = kept.rows, kept.scn
    again.require()


def test_a_delete_of_most_rows_does_not_wait_for_the_new_structure() -> None:
    with EmbeddedDatabase.new_in_memory(plugins=["vector"]) as database:
        fill(database, VECTORS[:5000])
        database.execute("CREATE INDEX by_v ON items USING hnsw (v)")
        database.execute("DELETE FROM items WHERE id >= 2000")
        database.execute("VACUUM items")
        ((oid,),) = [tuple(row) for row in database.query("SELECT 'items'::regclass::oid::int")]
        (index,) = [
            found.method
            for found in database.database.store.main.relations[oid].indexes.values()
            if hasattr(found.method, "renewal")
        ]
        assert index.renewal is not None
        query = "SELECT id FROM items ORDER BY v <-> $1 LIMIT 3"
        assert [ids(database, query, [VECTORS[number]])[0] for number in range(50)] == list(range(50))
        index.renewal.join()
        assert index.known.count == 2000
        assert [ids(database, query, [VECTORS[number]])[0] for number in range(50)] == list(range(50))
