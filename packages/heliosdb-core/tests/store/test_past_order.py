"""Keys that rows have had: every reader of then finds his, and meets few others; those of now meet none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliosdb.store import past_order
from heliosdb.store.btree import BTree

KEYS, ROWS = 12, 8


def found(tree: BTree, scn: int) -> list[int]:
    """Return the keys that a reader at an SCN goes through."""
    return [key for window in tree.order.windows((2,), (9,), True, False, orders=tree.orders(scn)) for key in window]


@given(data=st.data(), paired=st.booleans(), batch=st.integers(1, 5))
def test_readers_of_every_commit_find_their_keys(data: st.DataObject, paired: bool, batch: int) -> None:
    """What was forgotten, oldest first, nobody asks for."""

    def element(key: int) -> object:
        return (-key, key) if paired else key

    tree = BTree(paired=paired)
    ends = ((-9,), (-2,), False, True) if paired else ((2,), (9,), True, False)
    held: dict[int, int] = {}
    states: list[dict[int, int]] = [{}]
    superseded: list[tuple[int, object, int]] = []
    horizon = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(past_order, "BATCH", batch)
        for scn in range(1, data.draw(st.integers(1, 40)) + 1):
            rows = data.draw(st.lists(st.integers(0, ROWS), min_size=1, max_size=ROWS, unique=True))
            kind = data.draw(st.sampled_from(["apply", "replace", "remove", "taken back"]))
            if kind == "remove":
                rows = [row for row in rows if row in held]
                removed = [element(held.pop(row)) for row in rows]
                if rows:
                    tree.remove_run(removed, rows, scn)
                    superseded += [(scn, gone, row) for gone, row in zip(removed, rows, strict=True)]
            for row in rows if kind == "apply" else rows[:1]:
                if kind == "remove":
                    break
                key = data.draw(st.integers(0, KEYS))
                before = held.get(row)
                if before == key:
                    continue
                held[row] = key
                lost = None if before is None else element(before)
                if kind == "apply":
                    tree.apply([(row, () if lost is None else (lost,), (element(key),))], scn)
                else:
                    tree.replace(row, None if lost is None else (lost,), (element(key),), scn)
                if lost is not None and kind == "taken back" and horizon == scn - 1 and not superseded:
                    tree.forget_last(lost, row)
                    horizon = scn
                elif lost is not None:
                    superseded.append((scn, lost, row))
            states.append(dict(held))
            if data.draw(st.integers(0, 4)) == 0:
                horizon = max(horizon, data.draw(st.integers(0, scn)))
                tree.forget([(gone, row) for end, gone, row in superseded if end <= horizon])
                superseded = [entry for entry in superseded if entry[0] > horizon]
    tree.order.compact(tree.in_use)  # what stands there by chance helps nobody
    for scn, state in enumerate(states):
        if scn < horizon:
            continue
        windows = tree.order.windows(*ends, orders=tree.orders(scn))
        keys = [key for window in windows for key in window]
        assert keys == sorted(set(keys), reverse=paired)
        assert set(keys) >= {key for key in state.values() if 2 <= key < 9}
        for row, key in state.items():
            assert row in tree.row_ids(key, scn)
    newest = len(states) - 1
    assert {key for window in tree.order.windows(*ends, orders=tree.orders(newest)) for key in window} >= {
        key for key in held.values() if 2 <= key < 9
    }
    assert bool(tree.past) == bool(superseded)
    if not superseded:
        assert len(tree.orders(0)) == 1


def test_few_keys_of_other_times_are_met() -> None:
    tree = BTree()
    count, commits = 2000, 64
    tree.apply_run([row * 1000 for row in range(count)], range(count), 1)
    for scn in range(2, commits + 2):
        tree.apply([(row, [row * 1000 + scn - 2], [row * 1000 + scn - 1]) for row in range(count)], scn)
    assert len(tree.past) == count * commits

    def met(scn: int) -> list[int]:
        return [key for window in tree.order.windows(None, None, orders=tree.orders(scn)) for key in window]

    # Those of now meet what no merge has left out yet; those of then as much, and their own.
    assert len(met(commits + 1)) < 2 * count
    for scn in (1, 2, 17, 40, commits):
        keys = met(scn)
        assert set(keys) >= {row * 1000 + scn - 1 for row in range(count)}
        assert len(keys) < 3 * count, scn


def test_rows_changed_at_any_time_have_one_key_for_each_level() -> None:
    tree = BTree()
    count, commits = 4, 4 * past_order.BATCH
    tree.apply_run([row * 10_000_000 for row in range(count)], range(count), 1)
    held = {row: row * 10_000_000 for row in range(count)}
    for scn in range(2, commits + 2):
        row = scn % count
        tree.replace(row, (held[row],), (held[row] + 1,), scn)
        held[row] += 1
    # Four batches: a reader meets his own batch, and what goes over the ends of batches.
    scn = past_order.BATCH + 500
    keys = {element for part in tree.past_order.parts(scn) for run in part.state[0] for element in run}
    assert past_order.BATCH <= len(keys) <= past_order.BATCH + 2 * count


def test_forgotten_keys_leave_the_order() -> None:
    tree = BTree()
    tree.apply_run(list(range(100)), range(100), 1)
    for scn in range(2, 400):
        first = (scn - 2) * 100
        tree.apply([(row, [first + row], [first + 100 + row]) for row in range(100)], scn)
        if scn > 50:
            start = (scn - 50) * 100
            tree.forget([(start - 100 + row, row) for row in range(100)])
    left = sum(len(run) for part in tree.past_order.parts(None) for run in (*part.state[0], part.state[1]))
    assert 4900 <= len(tree.past) <= 5000
    assert left < 3 * len(tree.past) + past_order.BATCH
    assert len(tree.began) == 100
