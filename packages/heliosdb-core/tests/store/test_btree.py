"""The btree: what it finds for readers of now and of then, and that its order loses no key."""

from __future__ import annotations

from heliosdb.store.btree import BTree
from heliosdb.store.key_order import RECENT


def test_the_key_that_fills_the_recent_list_survives_the_merge() -> None:
    tree = BTree()
    rows = [(row_id, [(row_id * 7919) % 3001]) for row_id in range(3 * RECENT)]
    for row_id, keys in rows:
        tree.apply([(row_id, (), keys)], row_id + 1)
    assert tree.check(rows) == []
    assert [key for window in tree.key_windows(None, None) for key in window] == sorted(keys[0] for _, keys in rows)


def test_a_reader_of_then_finds_the_row_under_its_old_key() -> None:
    tree = BTree()
    tree.apply([(1, (), ["a"])], 5)
    tree.apply([(1, ["a"], ["b"])], 8)
    assert tree.row_ids("a", 7) == (1,)
    assert tree.row_ids("a", 8) == ()
    assert tree.row_ids("b", 8) == (1,)
    tree.forget([("a", 1)])
    assert tree.row_ids("a", 7) == ()
    assert not tree.in_use("a")


def test_a_key_that_comes_back_is_found_once() -> None:
    tree = BTree()
    tree.apply([(1, (), ["a"])], 5)
    tree.apply([(1, ["a"], ["b"])], 8)
    tree.apply([(1, ["b"], ["a"]), (2, (), ["a"])], 9)
    assert tree.row_ids("a", 7) == (1, 2)
    assert tree.row_ids("a", 9) == (1, 2)
    assert tree.row_ids("b", 8) == (1,)
    assert [key for window in tree.key_windows(None, None) for key in window] == ["a", "b"]
    tree.apply([(1, ["a"], ())], 10)
    assert tree.row_ids("a", 10) == (2,)


def test_candidates_answer_the_five_strategies() -> None:
    tree = BTree()
    tree.build([[(row_id, [row_id * 10]) for row_id in range(6)]])

    def found(strategy: int, argument: int, row_filter: set[int] | None = None) -> list[int]:
        return [row_id for batch in tree.candidates(strategy, argument, row_filter) for row_id in batch]

    assert found(1, 20) == [0, 1]
    assert found(2, 20) == [0, 1, 2]
    assert found(3, 20) == [2]
    assert found(4, 40) == [4, 5]
    assert found(5, 40) == [5]
    assert found(4, 0, {3, 9}) == [3]


def test_check_names_what_is_wrong() -> None:
    tree = BTree()
    tree.apply([(1, (), ["a"]), (2, (), ["b"])], 1)
    assert tree.check([(1, ["a"]), (2, ["b"])]) == []
    assert tree.check([(1, ["a"]), (3, ["c"])]) == [
        "row 3 is not found under 'c'",
        "key 'c' is not in order",
        "no row 2 has 'b'",
    ]


def test_a_key_that_is_forgotten_and_comes_back_is_ordered_once() -> None:
    tree = BTree()
    tree.apply([(row_id, (), [row_id]) for row_id in range(2 * RECENT)], 1)
    tree.apply([(5, [5], ())], 2)
    tree.order.compact(tree.in_use)
    tree.forget([(5, 5)])
    tree.apply([(row_id, (), [key]) for row_id, key in enumerate((5, *range(5000, 5000 + 8 * RECENT)), 9000)], 3)
    keys = [key for window in tree.key_windows(None, None) for key in window]
    assert keys == [*range(2 * RECENT), *range(5000, 5000 + 8 * RECENT)]
