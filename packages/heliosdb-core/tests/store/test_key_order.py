"""The order of keys: every key once, in order, between any two bounds, however the runs came about."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from heliosdb.encoding import NULL, Descending, KeyColumn, KeyShape
from heliosdb.store.key_order import RECENT, KeyOrder


def flat(windows: object) -> list[object]:
    return [key for window in windows for key in window]  # type: ignore[attr-defined]


parts = st.lists(st.lists(st.integers(-50, 3000), max_size=40), max_size=6)


@settings(max_examples=60)
@given(
    parts=parts,
    bulk=st.booleans(),
    low=st.none() | st.integers(-60, 3010),
    high=st.none() | st.integers(-60, 3010),
    low_in=st.booleans(),
    high_in=st.booleans(),
    descending=st.booleans(),
    extra=st.lists(st.integers(-50, 3000), max_size=5),
)
def test_windows_give_every_key_once_in_order(
    parts: list[list[int]],
    bulk: bool,
    low: int | None,
    high: int | None,
    low_in: bool,
    high_in: bool,
    descending: bool,
    extra: list[int],
) -> None:
    order = KeyOrder(paired=False, single=True)
    keys: set[int] = set()
    for part in parts:
        added = {*part, *(range(0, 2 * RECENT, 2) if bulk else ())}
        order.add_many(list(added), lambda key: True)
        for key in part:
            order.add(key, lambda key: True)
        keys.update(added)
    keys.update(extra)
    expected = sorted(
        (
            key
            for key in keys
            if (low is None or key > low or (low_in and key == low))
            and (high is None or key < high or (high_in and key == high))
        ),
        reverse=descending,
    )
    found = order.windows(
        None if low is None else (low,), None if high is None else (high,), low_in, high_in, descending, sorted(extra)
    )
    assert flat(found) == expected


def test_prefix_bounds_of_wider_keys() -> None:
    order = KeyOrder(paired=False, single=False)
    order.add_many([(a, b) for a in range(3) for b in (1, 2, NULL)], lambda key: True)
    assert flat(order.windows((1,), (1,))) == [(1, 1), (1, 2), (1, NULL)]
    assert flat(order.windows((1,), None, low_inclusive=False)) == [(2, 1), (2, 2), (2, NULL)]
    assert flat(order.windows((1, 1), (1, 2), low_inclusive=False)) == [(1, 2)]
    assert flat(order.windows(None, (1,), high_inclusive=False)) == [(0, 1), (0, 2), (0, NULL)]


def test_descending_and_null_columns_sort_as_declared() -> None:
    shape = KeyShape([KeyColumn(0, descending=True, nulls_first=True), KeyColumn(1, nulls_first=False)])
    rows = [(1, "a"), (2, None), (None, "x"), (2, "b")]
    key, order_key = shape.row_key(), shape.row_order_key()
    assert order_key is not None
    order = KeyOrder(paired=True, single=False)
    order.add_many([(order_key(row), key(row)) for row in rows], lambda key: True)
    assert flat(order.windows(None, None)) == [(NULL, "x"), (2, "b"), (2, NULL), (1, "a")]
    assert flat(order.windows(shape.bound([2]), shape.bound([2]))) == [(2, "b"), (2, NULL)]
    assert flat(order.windows(None, None, descending=True)) == [(1, "a"), (2, NULL), (2, "b"), (NULL, "x")]
    assert sorted([Descending("a"), Descending("b")]) == [Descending("b"), Descending("a")]


def test_merging_leaves_out_keys_that_are_no_longer_in_use() -> None:
    order = KeyOrder(paired=False, single=True)
    gone = set(range(RECENT))
    order.add_many(sorted(gone), lambda key: True)
    order.waste = len(gone)
    order.add_many(list(range(100, 100 + RECENT)), lambda key: key not in gone)
    assert flat(order.windows(None, None)) == list(range(RECENT, 100 + RECENT))


@given(st.lists(st.tuples(st.none() | st.integers(0, 3), st.none() | st.text(max_size=2)), max_size=12), st.data())
def test_a_key_of_values_is_the_key_of_the_row(rows: list[tuple[object, object]], data: st.DataObject) -> None:
    columns = [
        KeyColumn(slot, descending=data.draw(st.booleans()), nulls_first=data.draw(st.booleans())) for slot in (0, 1)
    ][: data.draw(st.integers(1, 2))]
    shape = KeyShape(columns)
    key, order_key = shape.row_key(), shape.row_order_key() or shape.row_key()
    for row in rows:
        assert shape.key(row) == key(row)
        assert hash(shape.key(row)) == hash(key(row))
    ordered = sorted(rows, key=order_key)
    for before, after in pairwise(ordered):
        assert not order_key(after) < order_key(before)


def test_a_queue_of_ever_new_keys_does_not_grow() -> None:
    order = KeyOrder(paired=False, single=True)
    alive: set[int] = set()
    for key in range(40 * RECENT):
        alive.add(key)
        order.add(key, alive.__contains__)
        if len(alive) > 10:
            alive.discard(key - 10)
            order.waste += 1
    assert len(order) < 4 * RECENT
    assert set(flat(order.windows(None, None))) >= alive


def test_long_lists_are_sorted_in_pieces() -> None:
    order = KeyOrder(paired=False, single=True)
    order.add_many([(key * 7919) % 200_003 for key in range(200_003)], lambda key: True)
    assert flat(order.windows(None, None)) == list(range(200_003))


def test_wasted_keys_that_come_back_together_stand_once() -> None:
    order = KeyOrder(paired=False, single=True)
    order.add_many(list(range(0, 4 * RECENT, 2)), lambda key: True)
    order.waste = len(order)  # every one of them has been given up, and most come back with the next commit
    for back in (list(range(3 * RECENT)), list(range(1, RECENT // 2, 2))):
        order.add_many(back, lambda key: True)
        assert flat(order.windows(None, None)) == sorted(set(range(0, 4 * RECENT, 2)) | set(range(3 * RECENT)))
