"""Columns say the same as rows, wherever the block stands, and when each version began and ended."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from heliosdb.store.block import BLOCK_SIZE
from heliosdb.store.column_source import FOREVER, ColumnBatch, RelationColumns
from heliosdb.store.directory import DirectoryVolume
from heliosdb.store.relation import Relation
from heliosdb.store.row_ids import RowIds
from heliosdb.transaction import TransactionalStore

TABLE = 100


def items(source: RelationColumns, columns: Sequence[int], scn: int) -> list[tuple[int, tuple[Any, ...]]]:
    """Return row ids and rows, as the columns have them."""
    found: list[tuple[int, tuple[Any, ...]]] = []
    for batch in source.batches(columns, scn):
        parts = [batch.columns[column].to_list() for column in columns]
        assert {len(part) for part in parts} <= {len(batch.row_ids)}
        assert len(batch.begins) == len(batch.ends) == len(batch.row_ids)
        found += zip(batch.row_ids, zip(*parts), strict=True)
    return found


changes = st.lists(
    st.tuples(st.dictionaries(st.integers(0, 8), st.one_of(st.none(), st.integers(0, 9)), max_size=4), st.booleans()),
    max_size=20,
)


@settings(max_examples=80, deadline=None)
@given(changes)
def test_columns_are_the_rows_that_a_reader_sees_and_know_their_lifetimes(
    history: list[tuple[dict[int, int | None], bool]],
) -> None:
    relation = Relation(1, RowIds())
    source = RelationColumns(relation)
    versions: dict[int, list[list[Any]]] = {}
    for scn, (change, fold) in enumerate(history, 1):
        rows: dict[int, tuple[Any, ...] | None] = {}
        for slot, value in change.items():
            older = versions.setdefault(slot, [])
            if older and older[-1][1] == FOREVER:
                older[-1][1] = scn
            elif value is None:
                continue
            if value is not None:
                older.append([scn, FOREVER, (value, str(value))])
            rows[slot] = None if value is None else (value, str(value))
        if rows:
            relation.apply_rows(0, rows, scn, None)
        if fold and relation.blocks:
            relation.fold(0, None)
    for scn in range(len(history) + 2):
        assert items(source, [0, 1], scn) == list(relation.items(scn))
        for batch in source.batches([0], scn):
            for row_id, begin, end, value in zip(batch.row_ids, batch.begins, batch.ends, batch.columns[0].to_list()):
                assert [begin, end, (value, str(value))] in versions[row_id]
                assert begin <= scn < end


def test_rows_from_before_a_column_was_added_have_what_stands_for_it() -> None:
    relation = Relation(1, RowIds())
    relation.apply_rows(0, {0: (1,), 1: (2, "b"), 2: (3, None)}, 1, None)
    assert items(RelationColumns(relation), [0, 1], 1) == [(0, (1, None)), (1, (2, "b")), (2, (3, None))]
    filled = RelationColumns(relation, {1: "new", 2: 7})
    assert items(filled, [1, 2], 1) == [(0, ("new", 7)), (1, ("b", 7)), (2, (None, 7))]


def test_a_branch_has_its_parents_columns_up_to_the_fork() -> None:
    main = Relation(1, RowIds())
    main.apply_block(0, [(n,) for n in range(5)], 1, None)
    main.apply_block(1, [(n,) for n in range(5)], 2, None)
    branch = Relation(1, main.row_ids, main, 2)
    main.apply_rows(0, {1: ("later",)}, 3, None)
    branch.apply_rows(1, {0: ("own",)}, 4, None)
    assert items(RelationColumns(branch), [0], 9) == list(branch.items(9))
    fresh = Relation(1, main.row_ids, main, 2)
    assert [value for _, (value,) in items(RelationColumns(fresh), [0], 9)] == [*range(5), *range(5)]
    assert fresh.blocks == [None, None], "reading columns brings no block into memory"


def fill(store: TransactionalStore, rows: list[tuple[Any, ...]]) -> None:
    """Insert rows."""
    transaction = store.begin()
    transaction.insert_rows(TABLE, rows)
    transaction.commit().wait()


def test_blocks_in_segments_are_read_without_making_rows(tmp_path: Path) -> None:
    count = 2 * BLOCK_SIZE
    store = TransactionalStore(DirectoryVolume(tmp_path / "d"))
    store.create_relation(None, TABLE)
    fill(store, [(n, f"kind {n % 3}", Decimal(n).scaleb(-1), None if n % 5 else n / 2) for n in range(count)])
    fill(store, [(-n,) for n in range(1000)])
    transaction = store.begin()
    view = transaction.view(TABLE)
    for row_id in (5, 7):
        transaction.delete(TABLE, row_id, view.fetch(row_id))
    transaction.commit().wait()
    relation = store.create_relation(None, TABLE)
    expected = list(relation.items(store.published))
    store.close()

    store = TransactionalStore(DirectoryVolume(tmp_path / "d"))
    relation = store.create_relation(None, TABLE)
    assert relation.blocks == [None, None, None]
    source = RelationColumns(relation, {1: "none"})
    wanted = [(row_id, row if len(row) > 1 else (row[0], "none", None, None)) for row_id, row in expected]
    assert items(source, [0, 1, 2, 3], store.published) == wanted
    batches: list[ColumnBatch] = list(source.batches([1, 0, 2], store.published))
    assert batches[1].columns[1].distinct == ["kind 1", "kind 2", "kind 0"]
    assert batches[1].columns[0].numbers is not None
    assert batches[1].columns[2].scale == 1
    assert [batch.row_ids[0] for batch in batches] == [0, BLOCK_SIZE, 2 * BLOCK_SIZE]
    assert set(batches[1].ends) == {FOREVER}
    assert relation.blocks == [None, None, None]
    numbers = numpy.asarray(batches[1].columns[0].numbers)
    assert numbers.dtype == numpy.int64
    assert int(numbers.sum()) == sum(range(BLOCK_SIZE, 2 * BLOCK_SIZE))
    assert numpy.asarray(batches[1].begins).min() > 0
    # A change brings the block in, and is seen.
    transaction = store.begin()
    row = transaction.view(TABLE).fetch(9)
    transaction.update(TABLE, 9, row, (9000, "new", Decimal(1), None))
    before = store.published
    transaction.commit().wait()
    assert dict(items(source, [0, 1], store.published))[9] == (9000, "new")
    assert dict(items(source, [0, 1], before))[9] == (9, "kind 0")
    store.close()
