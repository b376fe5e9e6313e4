"""Blocks: one list for whoever sees everything, the right rows for everybody else, before and after folding."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from heliosdb.store.relation import Relation
from heliosdb.store.row_ids import BULK_ROWS, RowIds
from heliosdb.store.versions import PRUNED


def test_a_clean_block_hands_out_its_own_list() -> None:
    relation = Relation(1, RowIds())
    rows: list[tuple[int, ...] | None] = [(n,) for n in range(10)]
    relation.apply_block(0, rows, 5, ())
    block = relation.block(0)
    assert block is not None
    assert block.visible(5) is rows
    assert block.visible(4) == []
    assert relation.count == 10


def test_a_fold_without_readers_leaves_a_check_free_block() -> None:
    relation = Relation(1, RowIds())
    for slot in range(4):
        relation.apply_rows(0, {slot: (slot,)}, slot + 1, ())
    relation.apply_rows(0, {1: None}, 9, ())
    folded = relation.fold(0, ())
    assert folded is not None
    assert folded.visible(9) == [(0,), (2,), (3,)]
    assert folded.visible(9) is folded.visible(10)
    assert folded.history is None
    assert relation.pruned_to == 9


def test_rows_of_others_behind_a_bulk_insert_stay() -> None:
    relation = Relation(1, RowIds())
    relation.apply_rows(0, {3: ("single",)}, 1, ())
    relation.apply_block(0, [("a",), ("b",)], 2, ())
    assert list(relation.items(2)) == [(0, ("a",)), (1, ("b",)), (3, ("single",))]
    assert list(relation.items(1)) == [(3, ("single",))]
    relation.fold(0, None)
    assert list(relation.items(1)) == [(3, ("single",))]
    relation.apply_block(0, [("again",)], 3, None)
    assert list(relation.items(3)) == [(0, ("again",)), (1, ("b",)), (3, ("single",))]


def test_long_runs_start_at_a_block() -> None:
    row_ids = RowIds()
    assert row_ids.take() == 0
    assert row_ids.take_run(3) == range(1, 4)
    assert row_ids.take_run(BULK_ROWS) == range(4096, 4096 + BULK_ROWS)
    assert row_ids.take() == 4096 + BULK_ROWS


changes = st.lists(
    st.tuples(st.dictionaries(st.integers(0, 8), st.one_of(st.none(), st.integers(0, 9)), max_size=4), st.booleans()),
    max_size=25,
)


@given(changes=changes, readers=st.sets(st.integers(0, 25), max_size=4))
def test_every_reader_sees_its_rows_whatever_is_folded(
    changes: list[tuple[dict[int, int | None], bool]], readers: set[int]
) -> None:
    relation = Relation(1, RowIds())
    states: list[dict[int, int]] = [{}]
    for scn, (change, fold) in enumerate(changes, 1):
        needed = tuple(sorted(reader for reader in readers if reader < scn))
        rows = {slot: None if value is None else (value,) for slot, value in change.items()}
        relation.apply_rows(0, rows, scn, needed)
        state = dict(states[-1])
        for slot, value in change.items():
            if value is None:
                state.pop(slot, None)
            else:
                state[slot] = value
        states.append(state)
        if fold and relation.blocks:
            relation.fold(0, tuple(sorted(reader for reader in readers if reader <= scn)))
    assert relation.count == len(states[-1])
    for reader in {*readers, len(changes)}:
        if reader <= len(changes):
            expected = [(slot, (value,)) for slot, value in sorted(states[reader].items())]
            assert list(relation.items(reader)) == expected
            block = relation.block(0)
            if block is not None:
                assert block.visible(reader) == [row for _, row in expected]
                assert [block.row(slot, reader) for slot, _ in expected] == [row for _, row in expected]


def test_what_a_block_was_is_worked_out_once_and_stays_so() -> None:
    relation = Relation(1, RowIds())
    relation.apply_block(0, [(slot,) for slot in range(10)], 5, None)
    relation.apply_rows(0, {3: ("x",), 4: None, 12: ("new",)}, 6, None)
    for folded in (False, True):
        block = relation.fold(0, None) if folded else relation.block(0)
        assert block is not None
        assert (block.known(5) is None) is not folded  # a fold changes nothing of what was
        before = block.visible(5)
        assert before == [(slot,) for slot in range(10)]
        assert block.visible(5) is before
        assert block.known(5) == [*before, None, None, None]
        relation.apply_rows(0, {5: ("later",), 4: ("again",)}, 7 + folded, None)
        assert block.visible(5) is before
        expected = [(0,), (1,), (2,), ("x",), (5,), (6,), (7,), (8,), (9,), ("new",)]
        if folded:
            expected[4:5] = [("again",), ("later",)]
        assert block.visible(6 + folded) == expected
        assert block.visible(5) == before


def test_what_was_dropped_is_not_remembered() -> None:
    relation = Relation(1, RowIds())
    relation.apply_rows(0, {0: ("a",), 1: ("b",)}, 1, ())
    for scn in range(2, 6):
        relation.apply_rows(0, {0: (scn,)}, scn, ())
    block = relation.block(0)
    assert block is not None
    assert block.positional(2)[0] is PRUNED
    assert block.known(2) is None
