"""Which segments a checkpoint writes anew: hardly used ones, and small ones where there are many."""

from __future__ import annotations

from typing import Any

import pytest

from heliosdb.store import stored_blocks
from heliosdb.store.files import StoreFiles
from heliosdb.store.options import StorageOptions
from heliosdb.store.segment import BlockImage, SegmentReader
from heliosdb.store.stored_blocks import MOST_SEGMENTS, Places
from heliosdb_testkit import FaultyVolume


def segments(*blocks: list[int]) -> dict[str, Any]:
    """Write segments of these blocks, four rows each."""
    files = StoreFiles(FaultyVolume(), StorageOptions())
    found: dict[str, SegmentReader] = {}
    for numbers in blocks:
        writer = files.write_segment(1, 0)
        for number in numbers:
            writer.add(BlockImage(number, [(number, "x" * 100)] * 4, 1))
        writer.finish()
        found[writer.name] = files.read_segment(writer.name)
    return found


def test_a_segment_goes_when_half_of_it_is_replaced() -> None:
    found = segments([0, 1, 2, 3], [4, 5])
    first, second = found
    kept, moved = Places(found).worth_keeping({1})
    assert (kept, moved) == ([first, second], {})
    kept, moved = Places(found).worth_keeping({1, 3, 4, 5})
    assert (kept, {number: segment.name for number, segment in moved.items()}) == ([], {0: first, 2: first})


def test_of_many_segments_the_smallest_go(monkeypatch: pytest.MonkeyPatch) -> None:
    found = segments(*[[10 * n + k for k in range(n + 1)] for n in range(MOST_SEGMENTS)])
    names = list(found)
    kept, moved = Places(found).worth_keeping(())
    assert kept == names[MOST_SEGMENTS // 2 :]
    assert sorted(moved) == [number for name in names[: MOST_SEGMENTS // 2] for number in found[name].numbers]
    # Large ones would only be written once more, at every checkpoint.
    monkeypatch.setattr(stored_blocks, "LARGE_SEGMENT", found[names[-1]].size)
    assert Places(found).worth_keeping(()) == (names, {})
