"""What a block knows of its columns leaves out rows that a range refuses, and never one that it does not."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliosdb.store import block_column
from heliosdb.store.block import Block
from heliosdb.store.block_column import FEWEST_ROWS, WHOLE_SCANS, BlockColumn

SCANS = WHOLE_SCANS + 1

values = st.one_of(
    st.lists(st.one_of(st.none(), st.integers(-5, 5)), min_size=1),
    st.lists(st.one_of(st.none(), st.integers()), min_size=1),
    st.lists(st.one_of(st.floats(), st.sampled_from([0.0, -0.0])), min_size=1),
    st.lists(st.one_of(st.none(), st.text(max_size=3)), min_size=1),
    st.lists(st.one_of(st.integers(), st.booleans()), min_size=1),
)


def in_range(value: Any, low: Any, high: Any) -> bool:
    return value is not None and (low is None or value >= low) and (high is None or value <= high)


@settings(max_examples=150, deadline=None)
@given(values, st.data())
def test_no_row_of_the_range_is_left_out_and_the_order_is_kept(column: list[Any], data: st.DataObject) -> None:
    repeated = column * (FEWEST_ROWS // len(column) + 1)
    rows = list(enumerate(repeated))
    known = BlockColumn(rows, 1)
    ends = st.one_of(st.none(), st.sampled_from(column))
    for _ in range(6):
        low, high = data.draw(ends), data.draw(ends)
        found = list(known.rows(low, high))
        wanted = [row for row in rows if in_range(row[1], low, high)]
        assert [row for row in found if in_range(row[1], low, high)] == wanted
        assert [row[0] for row in found] == sorted({row[0] for row in found})
        known.look_at_ends()
        if known.greatest is not None:
            assert all(known.least <= value <= known.greatest for value in repeated if value is not None)


def test_few_values_are_found_and_others_leave_out_the_block() -> None:
    rows = [(n, n % 100 if n % 7 else None) for n in range(1000)]
    column = BlockColumn(rows, 1)
    for _ in range(WHOLE_SCANS):
        assert column.rows(3, 3) is rows
    assert column.rows(3, 3) == [row for row in rows if row[1] == 3]
    assert column.rows(3, 5) == [row for row in rows if row[1] in (3, 4, 5)]
    assert column.rows(100, None) == []
    assert column.rows(None, -1) == []
    assert column.rows(0, 50) is rows


def test_the_ends_alone_leave_out_blocks() -> None:
    rows = [(n,) for n in range(1000)]
    column = BlockColumn(rows, 0)
    for _ in range(SCANS):
        column.rows(500, None)
    assert (column.least, column.greatest) == (0, 999)
    assert column.rows(1000, None) == []
    assert column.rows(999, None) is rows


def test_a_value_that_most_rows_have_is_not_looked_up_one_by_one() -> None:
    rows = [(0 if n % 50 else n,) for n in range(1000)]
    column = BlockColumn(rows, 0)
    for _ in range(SCANS):
        assert column.rows(0, 0) is rows
    assert column.rows(50, 50) == [(50,)]


def test_nan_makes_a_column_unknown_and_as_a_bound_refuses_nothing() -> None:
    rows = [(float(n),) for n in range(1000)]
    column = BlockColumn(rows, 0)
    for _ in range(SCANS):
        assert column.rows(math.nan, math.nan) is rows
        column.look_at_ends()
    assert column.rows(5000.0, 5000.0) == []
    unknown = BlockColumn([*rows, (math.nan,)], 0)
    for _ in range(SCANS):
        assert len(unknown.rows(5000.0, 5000.0)) == 1001
        unknown.look_at_ends()
    assert unknown.greatest is None


def test_a_changed_block_is_read_as_it_is_now() -> None:
    block = Block([(n, n % 10) for n in range(1000)], 1)
    for _ in range(SCANS + 1):
        assert len(block.candidates(5, [(1, 3, 3)])) in (100, 1000)
    assert len(block.candidates(5, [(1, 3, 3)])) == 100
    block.overlay[0] = (6, (0, 3), (1, (0, 0), None))
    assert (0, 3) in block.candidates(6, [(1, 3, 3)])
    assert [row for row in block.candidates(5, [(1, 3, 3)]) if row[1] == 3] == [(n, 3) for n in range(3, 1000, 10)]


changes = st.lists(
    st.tuples(
        st.sampled_from(["update", "delete", "fold", "fold for a reader", "look"]),
        st.integers(0, 30),
        st.one_of(st.none(), st.integers(-3, 12), st.just(math.nan)),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(0, 9)), min_size=20, max_size=25), changes, st.data())
def test_blocks_with_changes_show_the_rows_of_the_range_to_every_reader(
    column: list[int | None], steps: list[tuple[str, int, Any]], data: st.DataObject
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block_column, "FEWEST_ROWS", 1)
        block = Block([(n, value) for n, value in enumerate(column)], 1)
        scn = first = 1
        for kind, slot, value in steps:
            scn += 1
            if kind in ("update", "delete"):
                before, old, older = block.newest_with_older(slot)
                if old is not None or kind == "update":
                    row = (slot, value) if kind == "update" else None
                    block.overlay[slot] = (scn, row, (before, old, older) if before else None)
            elif kind.startswith("fold"):
                readers = [first] if kind != "fold" else []
                block, _ = block.fold(readers)
                if not readers:
                    first = scn
            for reader in {scn, data.draw(st.integers(first, scn))}:
                ends = st.one_of(st.none(), st.integers(-3, 12))
                low, high = data.draw(ends), data.draw(ends)
                wanted = [row for row in block.visible(reader) if in_range(row[1], low, high)]
                for _ in range(data.draw(st.sampled_from([1, SCANS]))):
                    found = block.candidates(reader, [(1, low, high)])
                    assert [row for row in found if in_range(row[1], low, high)] == wanted
                least, greatest, rows = block.ends(reader, 1)
                assert rows == block.visible(reader)
                if greatest is not None:
                    assert all(least <= row[1] <= greatest for row in rows if row[1] is not None)


def test_a_fold_keeps_what_is_known_where_values_were_known() -> None:
    block = Block([(n, n % 10) for n in range(1000)], 1)
    for _ in range(SCANS):
        block.candidates(1, [(1, 3, 3)])
    block.overlay[0] = (2, (0, 3), (1, (0, 0), None))
    block.overlay[1] = (2, (1, 1), (1, (1, 1), None))
    folded, _ = block.fold([])
    assert folded.candidates(2, [(1, 3, 3)]) == [(0, 3), *((n, 3) for n in range(3, 1000, 10))]
