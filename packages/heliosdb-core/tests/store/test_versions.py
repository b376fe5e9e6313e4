"""Superseded versions: what is kept, what is dropped, and that a reader never gets the wrong one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from heliosdb.store.versions import PRUNED, history, lookup, push, trimmed


def test_nothing_came_before_a_first_version() -> None:
    assert lookup(None, 10) is None
    assert list(history(None)) == []


def test_the_version_just_superseded_is_always_kept() -> None:
    older = push(None, 3, ("a",), ())
    assert lookup(older, 3) == ("a",)
    assert lookup(older, 2) is None
    older = push(older, 5, ("b",), ())
    assert lookup(older, 5) == ("b",)
    assert lookup(older, 4) is PRUNED


def test_a_deleted_version_reads_as_none() -> None:
    older = push(push(None, 3, ("a",), None), 5, None, None)
    assert lookup(older, 4) == ("a",)
    assert lookup(older, 6) is None


def test_a_million_changes_under_one_old_reader_keep_three_versions() -> None:
    older = None
    for scn in range(1, 10_000):
        older = push(older, scn, (scn,), (5,))
    assert lookup(older, 5) == (5,)
    assert lookup(older, 6) is PRUNED
    assert lookup(older, 9_999) == (9_999,)
    assert len(older) < 8


def test_changes_without_readers_keep_one_version() -> None:
    older = None
    for scn in range(1, 1000):
        older = push(older, scn, (scn,), ())
    assert older == (999, (999,), PRUNED)


@given(
    scns=st.lists(st.integers(1, 60), unique=True, min_size=1, max_size=40).map(sorted),
    readers=st.lists(st.integers(0, 60), max_size=5).map(lambda scns: tuple(sorted(set(scns)))),
    keep_all=st.booleans(),
    released=st.integers(0, 40),
)
def test_every_registered_reader_finds_its_version(
    scns: list[int], readers: tuple[int, ...], keep_all: bool, released: int
) -> None:
    older = None
    for place, scn in enumerate(scns):
        if place == released:
            readers = readers[1:]  # a reader that leaves changes nothing for the others
        seen = tuple(reader for reader in readers if reader <= scn)
        older = push(older, scn, (scn,), None if keep_all else seen)
    for reader in range(61) if keep_all else [reader for reader in readers if reader <= scns[-1]]:
        expected = max((scn for scn in scns if scn <= reader), default=None)
        assert lookup(older, reader) == (None if expected is None else (expected,))
    for reader in range(61):
        expected = max((scn for scn in scns if scn <= reader), default=None)
        assert lookup(older, reader) in (PRUNED, None if expected is None else (expected,))
    kept = [scn for scn, _ in history(older)]
    assert kept == sorted(kept, reverse=True)
    assert kept[0] == scns[-1]


def test_a_version_in_front_of_a_list_is_pushed_with_all_of_it() -> None:
    older = (7, ("c",), [(3, ("a",)), (5, ("b",))])
    pushed = push(older, 9, ("d",), None)
    assert list(history(pushed)) == [(9, ("d",)), (7, ("c",)), (5, ("b",)), (3, ("a",))]
    assert [lookup(pushed, scn) for scn in (2, 3, 6, 8, 9)] == [None, ("a",), ("b",), ("c",), ("d",)]
    assert trimmed(older, 9, (4,)) == ([(3, ("a",)), (5, PRUNED)], 9)
    assert trimmed(older, 9, (), 5) == ([(3, PRUNED), (5, ("b",)), (7, ("c",))], 5)
    assert trimmed(older, 9, (), 7) == ([(3, PRUNED), (7, ("c",))], 7)
    assert trimmed(older, 9, (3, 5, 7)) == (older, 0)
    assert trimmed(older, 9, ()) == (None, 9)
