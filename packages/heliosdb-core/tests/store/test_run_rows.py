"""The row ids beside a run's keys are those that the btree has for them, whatever has changed since."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliosdb import EmbeddedDatabase
from heliosdb.store.btree import BTree
from heliosdb.store.run_rows import FEWEST_KEYS, RunRows

KEYS = FEWEST_KEYS + 100


def naive(tree: BTree, elements: list[Any]) -> list[int]:
    found: list[int] = []
    for element in elements:
        present = tree.current.get(element[1] if tree.paired else element)
        if present is not None:
            found += [present] if isinstance(present, int) else list(present)
    return found


def tree_of(paired: bool, keys: list[int], built: bool) -> BTree:
    tree = BTree(paired=paired)
    entries = [(row_id, [(key, str(key)) if paired else key]) for row_id, key in enumerate(keys)]
    if built:
        tree.build([entries])
    else:
        tree.apply_run([element for _, (element,) in entries], [row_id for row_id, _ in entries], 1)
    return tree


changes = st.lists(
    st.tuples(st.sampled_from(["apply", "replace", "run", "remove"]), st.integers(0, 40), st.integers(0, 40)),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(st.booleans(), st.booleans(), changes, st.data())
def test_windows_show_what_the_tree_has_now(paired: bool, built: bool, steps: Any, data: st.DataObject) -> None:
    keys = [key * 3 % KEYS if key % 50 else 7 for key in range(KEYS)]
    tree = tree_of(paired, keys, built)
    held = dict(enumerate(keys))
    scn = 1
    following = KEYS

    def element(key: int) -> Any:
        return (key, str(key)) if paired else key

    for kind, one, other in steps:
        scn += 1
        run = tree.order.state[0][0]
        known = tree.order.rows_of(run)
        if known is not None:
            start = data.draw(st.integers(0, 100))
            stop = start + data.draw(st.integers(1, 200))
            assert list(known.window(tree, start, stop, scn) or ()) == naive(tree, run[start:stop])
        row_id = one if one in held else following
        if kind == "remove" and one in held:
            tree.remove_run([element(held.pop(one))], [one], scn)
        elif kind == "run":
            tree.apply_run([element(other)], [following], scn)
            held[following] = other
            following += 1
        elif row_id in held and held[row_id] != other:
            old = held[row_id]
            if kind == "apply":
                tree.apply([(row_id, [element(old)], [element(other)])], scn)
            else:
                tree.replace(row_id, (element(old),), (element(other),), scn)
            held[row_id] = other
        if data.draw(st.booleans()):
            tree.forget([(key, row) for key, row in _past(tree, paired)])
    run = tree.order.state[0][0]
    known = tree.order.rows_of(run)
    assert known is None or list(known.window(tree, 0, len(run), scn) or ()) == naive(tree, run)


def _past(tree: BTree, paired: bool) -> list[tuple[Any, int]]:
    entries = []
    for key, kept in list(tree.past.items()):
        for _, _, row_id, _ in [kept] if isinstance(kept, tuple) else kept:
            entries.append(((int(key), key) if paired else key, row_id))
    return entries


def test_a_reader_of_before_a_change_is_told_so() -> None:
    tree = tree_of(False, list(range(KEYS)), True)
    known = tree.order.known
    assert isinstance(known, RunRows)
    assert list(known.window(tree, 0, 3, 5) or ()) == [0, 1, 2]
    tree.replace(1, (1,), None, 6)
    assert known.window(tree, 0, 3, 5) is None
    assert list(known.window(tree, 0, 3, 6) or ()) == [0, 2]


def test_many_changes_begin_anew() -> None:
    tree = tree_of(False, list(range(KEYS)), True)
    known = tree.order.known
    assert known is not None
    for key in range(known.most_changes + 1):
        tree.replace(key, (key,), None, key + 2)
    assert tree.order.known is not known
    run = tree.order.state[0][0]
    again = tree.order.rows_of(run)
    assert again is not None
    assert list(again.window(tree, 0, len(run), 10_000) or ()) == naive(tree, run)


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
def test_ranges_beside_writers_are_of_one_moment(direction: str) -> None:
    """Every commit moves one row from one key to another that is not far."""
    database = EmbeddedDatabase.new_in_memory()
    database.execute("CREATE TABLE t (id integer PRIMARY KEY, v double precision NOT NULL, n integer NOT NULL)")
    database.execute("INSERT INTO t SELECT g, g, 1 FROM generate_series(0, 4999) g")
    database.execute("CREATE INDEX t_v ON t (v)")
    stop = threading.Event()
    failures: list[Any] = []

    def write(seed: int) -> None:
        chooser = random.Random(seed)
        while not stop.is_set():
            number = chooser.randrange(1000) * 5 + seed
            database.execute("UPDATE t SET v = $1 WHERE id = $2", (number + chooser.randrange(-160, 160) / 4, number))

    def read(seed: int) -> None:
        chooser = random.Random(seed)
        session = database.session()
        for _ in range(300):
            low = chooser.randrange(4000)
            (result,) = session.execute(
                f"SELECT id, v FROM t WHERE v BETWEEN $1 AND $2 ORDER BY v {direction}", (low - 100.0, low + 200.0)
            )
            found = list(result.rows or ())
            ids = {row[0] for row in found}
            values = [row[1] for row in found]
            if len(ids) != len(found) or values != sorted(values, reverse=direction == "DESC"):
                failures.append((low, "order or repetition"))
            # Values stay within forty of their ids.
            if not ids >= set(range(max(low - 50, 0), min(low + 150, 5000))):
                failures.append((low, "missing"))

    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(2)]
    readers = [threading.Thread(target=read, args=(seed,)) for seed in (10, 11)]
    for thread in (*writers, *readers):
        thread.start()
    for thread in readers:
        thread.join()
    stop.set()
    for thread in writers:
        thread.join()
    assert not failures
    database.close()
