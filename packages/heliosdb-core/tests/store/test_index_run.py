"""Index runs give back the entries that were written: by element, by range, merged with others."""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliosdb.encoding.classes import ClassTable
from heliosdb.encoding.codecs import FileCodecs
from heliosdb.encoding.keys import NULL, NULL_FIRST, Descending
from heliosdb.encoding.stored_frames import StoredFrames
from heliosdb.errors import DataCorrupted
from heliosdb.store import index_run
from heliosdb.store.index_run import Entry, IndexRun, IndexRunWriter, RunInfo, merge
from heliosdb.store.key_filter import FILTER_BYTES, hash_of, make_filter, may_hold
from heliosdb.store.volume import MemoryVolume

FRAMES = StoredFrames(ClassTable())
CODECS = FileCodecs(("zstd",))


class Unbounded:
    """A cache that keeps everything, and counts."""

    def __init__(self) -> None:
        self.pages: dict[Any, Any] = {}
        self.weight = 0

    def get(self, key: Any) -> Any:
        return self.pages.get(key)

    def put(self, key: Any, value: Any, weight: int) -> None:
        self.pages[key] = value
        self.weight += weight


def write(
    entries: Iterable[Entry], volume: MemoryVolume | None = None, name: str = "run-1", **options: bool
) -> tuple[IndexRun, RunInfo]:
    """Write a run and return its reader."""
    volume = volume or MemoryVolume()
    writer = IndexRunWriter(volume, name, 16500, 1, CODECS, FRAMES, **options)
    writer.add_sorted(entries)
    info = writer.finish()
    assert info.size == volume.size(name)
    return IndexRun(volume, name, CODECS, FRAMES, Unbounded()), info


def entries_of(windows: Iterable[tuple[list[Any], Sequence[int]]]) -> list[Entry]:
    """Return what windows hold."""
    return [entry for elements, row_ids in windows for entry in zip(elements, row_ids, strict=True)]


KEYS = st.lists(st.tuples(st.integers(-30, 30), st.integers(0, 400)), max_size=300).map(
    lambda pairs: sorted(set(pairs))
)
BOUND = st.none() | st.integers(-32, 32).map(lambda n: (n,))


@pytest.fixture(params=[4, 1024])
def page_entries(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Pages of four entries put every border everywhere."""
    monkeypatch.setattr(index_run, "PAGE_ENTRIES", request.param)
    return int(request.param)


@pytest.mark.usefixtures("page_entries")
class TestRuns:
    @settings(max_examples=60, deadline=None)
    @given(entries=KEYS, low=BOUND, high=BOUND, inclusive=st.tuples(st.booleans(), st.booleans()))
    def test_look_ups_and_ranges_are_those_of_a_sorted_list(
        self, entries: list[Entry], low: Any, high: Any, inclusive: tuple[bool, bool]
    ) -> None:
        run, info = write(entries)
        assert (info.entries, len(run)) == (len(entries), len(entries))
        assert (info.low, info.high) == ((entries[0][0], entries[-1][0]) if entries else (None, None))
        assert (run.low, run.high) == (info.low, info.high)
        for key in range(-33, 33):
            assert list(run.row_ids(key)) == [row_id for element, row_id in entries if element == key]
        keys = [element for element, _ in entries]
        start = 0 if low is None else (bisect_left if inclusive[0] else bisect_right)(keys, low[0])
        end = len(keys) if high is None else (bisect_right if inclusive[1] else bisect_left)(keys, high[0])
        wanted = entries[start:end]
        assert entries_of(run.windows(low, high, *inclusive)) == wanted
        assert entries_of(run.windows(low, high, *inclusive, True)) == wanted[::-1]
        assert run.verify() == []

    @settings(max_examples=60, deadline=None)
    @given(st.lists(KEYS, max_size=4), st.integers(2, 5))
    def test_runs_are_merged_in_order_and_without_repetition(self, parts: list[list[Entry]], part: int) -> None:
        runs = [write(entries)[0] for entries in parts]
        everything = sorted({entry for entries in parts for entry in entries})
        assert list(merge(runs)) == everything
        kept = list(merge(runs, lambda element, row_id: (element + row_id) % part != 0))
        assert kept == [entry for entry in everything if sum(entry) % part != 0]

    def test_keys_of_several_columns_are_found_by_their_beginnings(self) -> None:
        entries = sorted(((a, b), 10 * a + b) for a in range(20) for b in range(9))
        entries.append(((20, NULL), 1000))
        run, _ = write(entries, single=False)
        assert list(run.row_ids((7, 3))) == [73]
        assert list(run.row_ids((20, NULL))) == [1000]
        assert list(run.row_ids((7, 9))) == []
        assert entries_of(run.windows((7,), (7,))) == [((7, b), 70 + b) for b in range(9)]
        assert entries_of(run.windows((7,), (8, 1), False, False)) == [((8, 0), 80)]
        assert [row_id for _, row_id in entries_of(run.windows((19, 5), None, False))] == [196, 197, 198, 1000]

    def test_elements_of_order_key_and_key_are_found_by_order_key(self) -> None:
        words = ["Apple", "apple", "Banana", "cherry", "CHERRY", "date"] * 3
        entries = sorted(((word.lower(), word), row_id) for row_id, word in enumerate(words))
        run, _ = write(entries, paired=True)
        assert list(run.row_ids(("cherry", "CHERRY"))) == [4, 10, 16]
        found = entries_of(run.windows(("apple",), ("banana",)))
        assert [element for element, _ in found] == [("apple", "Apple")] * 3 + [("apple", "apple")] * 3 + [
            ("banana", "Banana")
        ] * 3
        assert entries_of(run.windows(("apple",), ("date",), False, False)) == entries[6:15]
        columns = sorted((((Descending(n % 3), n), (n % 3, n)), n) for n in range(30))
        run, _ = write(columns, paired=True, single=False)
        assert [row_id for _, row_id in entries_of(run.windows((Descending(1),), (Descending(1),)))] == list(
            range(1, 30, 3)
        )
        assert list(run.row_ids(columns[5][0])) == [columns[5][1]]

    def test_nulls_stand_where_the_index_puts_them(self) -> None:
        entries: list[Entry] = [(NULL_FIRST, 1), (NULL_FIRST, 2), (5, 3), (7, 4), (NULL, 5), (NULL, 6), (NULL, 9)]
        run, info = write(entries)
        assert info.low is NULL_FIRST
        assert info.high is NULL
        assert list(run.row_ids(NULL)) == [5, 6, 9]
        assert list(run.row_ids(NULL_FIRST)) == [1, 2]
        assert entries_of(run.windows((5,), (7,))) == [(5, 3), (7, 4)]
        assert run.verify() == []

    def test_every_damaged_byte_is_found(self, page_entries: int) -> None:
        volume = MemoryVolume()
        run, _ = write([(n // 2, n) for n in range(20 if page_entries == 4 else 1200)], volume)
        assert run.verify() == []
        content = volume.read("run-1")
        for place in range(0, len(content), 1 if page_entries == 4 else 3):
            broken = MemoryVolume()
            broken.append("run-1", content[:place] + bytes((content[place] ^ 0x10,)) + content[place + 1 :])
            problems = IndexRun(broken, "run-1", CODECS, FRAMES, Unbounded()).verify()
            assert problems, f"byte {place}"
            assert all('file "run-1" is corrupted' in problem for problem in problems)


def test_windows_grow() -> None:
    run, _ = write([(n, n) for n in range(5000)])
    sizes = [len(elements) for elements, _ in run.windows()]
    assert sizes[:5] == [64, 128, 256, 512, 64]
    assert max(sizes) == 1024
    assert sum(sizes) == 5000
    down = [elements for elements, _ in run.windows((100,), (200,), descending=True)]
    assert [element for window in down for element in window] == list(range(200, 99, -1))
    assert len(down[0]) == 64


def test_a_look_up_reads_one_page_and_the_next_one_none() -> None:
    run, _ = write([(n, n) for n in range(10_000)])
    cache = run._cache
    assert isinstance(cache, Unbounded)
    assert list(run.row_ids(5000)) == [5000]
    assert list(cache.pages) == [("run-1", -2, 0), ("run-1", 4)]
    assert cache.weight == 16 * 1024 + 10 * 1024
    assert list(run.row_ids(5001)) == [5001]
    assert list(run.row_ids(50_000)) == []
    assert list(run.row_ids(-1)) == []
    assert len(cache.pages) == 2


def test_pages_of_large_elements_have_fewer_entries() -> None:
    chance = random.Random(5)
    entries = sorted((chance.randbytes(600).hex(), n) for n in range(3000))
    run, _ = write(entries)
    assert len(list(run.pages())) > 5
    assert entries_of(run.windows()) == entries
    assert list(run.row_ids(entries[2222][0])) == [entries[2222][1]]
    cache = run._cache
    assert isinstance(cache, Unbounded)
    assert cache.weight > 3000 * 1200


def test_a_filter_spares_reading_pages_in_vain() -> None:
    chance = random.Random(9)
    keys = sorted(chance.sample(range(0, 10**9, 2), 40_000))
    for plain in (int, str, lambda key: (key, f"{key:010d}")):
        entries = sorted((plain(key), key) for key in keys)  # type: ignore[operator]
        run, _ = write(entries)
        cache = run._cache
        assert isinstance(cache, Unbounded)
        read = 0
        for key in chance.sample(keys, 200):
            cache.pages = {place: page for place, page in cache.pages.items() if len(place) == 3}
            assert list(run.row_ids(plain(key + 1))) == []  # type: ignore[operator]
            read += any(len(place) == 2 for place in cache.pages)
            assert list(run.row_ids(plain(key))) == [key]  # type: ignore[operator]
        assert read < 30


def test_runs_without_filters_and_with_keys_without_hash_answer_alike() -> None:
    entries = [((NULL_FIRST, number), number) for number in range(3000)]
    entries += [((float(number), number), number) for number in range(3000)]
    strange = [((number, frozenset((1,))), number) for number in range(2000)]
    volume = MemoryVolume()
    for name, filters in (("run-1", True), ("run-2", False)):
        writer = IndexRunWriter(volume, name, 1, 1, CODECS, FRAMES, single=False, filters=filters)
        writer.add_sorted(entries)
        writer.finish()
        run = IndexRun(volume, name, CODECS, FRAMES, Unbounded())
        assert [list(run.row_ids((key, 7))) for key in (NULL_FIRST, 7, 7.0, Decimal(7), 8)] == [[7], [7], [7], [7], []]
        assert run.verify() == []
    assert volume.size("run-2") < volume.size("run-1")
    assert hash_of(strange[0][0]) is None


@given(st.lists(st.integers() | st.floats(allow_nan=False) | st.decimals(allow_nan=False) | st.text() | st.binary()))
def test_what_is_in_a_filter_is_found(keys: list[Any]) -> None:
    made = make_filter(keys)
    assert made is not None
    for key in keys:
        number = hash_of(key)
        assert number is not None
        assert may_hold(made, 0, number)
    assert len(make_filter([]) or b"") == FILTER_BYTES


def test_a_page_of_consecutive_integers_refuses_none_and_others_do() -> None:
    (dense, _), (gap, _) = write((n, n) for n in range(1024)), write((n + n // 1023, n) for n in range(1024))
    assert make_filter(list(dense.page(0)[0])) == b"\xff" * FILTER_BYTES
    assert make_filter(list(gap.page(0)[0])) != b"\xff" * FILTER_BYTES
    for run, keys in ((dense, range(1024)), (gap, [*range(1023), 1024])):
        assert [list(run.row_ids(key)) for key in keys] == [[n] for n in range(1024)]
        assert run.verify() == []
        assert not [*run.row_ids(-1), *run.row_ids(1025)]


def test_entries_out_of_order_are_refused() -> None:
    writer = IndexRunWriter(MemoryVolume(), "run-2", 1, 1, CODECS, FRAMES)
    writer.add_sorted((n, n) for n in range(1024))
    with pytest.raises(ValueError, match="entries are not sorted: 5 comes behind 1023"):
        writer.add_sorted((5, n) for n in range(1024))
    writer.abandon()


def test_equal_keys_of_other_classes_are_found() -> None:
    entries = [(Decimal(n).scaleb(-1), n) for n in range(3000)]
    run, _ = write(entries)
    assert list(run.row_ids(Decimal("100.50"))) == [1005]
    assert list(run.row_ids(100)) == [1000]


def test_a_damaged_page_names_file_and_page() -> None:
    volume = MemoryVolume()
    run, _ = write([(n * 7919 % 100_003 + n * 1000, n) for n in range(3000)], volume)
    content = bytearray(volume.read("run-1"))
    content[content.index(b"\x28\xb5\x2f\xfd") + 100] ^= 1
    broken = MemoryVolume()
    broken.append("run-1", bytes(content))
    run = IndexRun(broken, "run-1", CODECS, FRAMES, Unbounded())
    with pytest.raises(DataCorrupted, match='file "run-1" is corrupted: page 0 at offset 111 is damaged'):
        run.row_ids(run.low)
    assert len(list(run.row_ids(run.high))) == 1
