"""Index runs: the sorted entries of a btree on a volume.

    header, chunks, footer (see ``chunk_file``), kind "IRUN"

    page        1,024 entries or so: a frame of elements, a frame of row ids
    filters     32 pages' Bloom filters (see ``key_filter``)
    footer      fences (the first element of each page), the last element, and where pages and filters are

An entry is an *element* (the key, or (order key, key) where these differ, see ``key_order``) and a row id; entries
ascend by element and, where that is the same, by row id. Elements are compared by Python's ``<``, as in memory.

A look-up bisects the fences, asks the page's filter whether the page need be read, reads it and bisects that. Pages and
filters that were read stay in a cache that all runs share and that the caller bounds; integers and row ids are kept
there as machine words. A run is written once; an index that
has several merges them (``merge``), leaving out what nobody needs.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, islice
from sys import getsizeof
from typing import Any, NamedTuple, Protocol

from heliosdb.encoding.codecs import FileCodecs
from heliosdb.encoding.keys import MAX
from heliosdb.encoding.stored_frames import StoredFrames
from heliosdb.errors import DataCorrupted
from heliosdb.store.chunk_file import Chunk, ChunkFileReader, ChunkFileWriter
from heliosdb.store.key_filter import FILTER_BYTES, MODULUS, hash_of, make_filter, may_hold
from heliosdb.store.pace import Pay
from heliosdb.store.volume import Volume

__all__ = ["Entry", "IndexRun", "IndexRunWriter", "PageCache", "RunInfo", "merge"]

KIND = b"IRUN"
VERSION = 1
FOOTER_LISTS = 9
"""The frames that a footer consists of."""

PAGE_ENTRIES = 1024
SMALLEST_PAGE = 32
FILTERS = -2
"""The first number of the place of filters; the second is their number."""
FILTER_PAGES = 32
LARGE_PAGE = 1 << 17
"""Bytes of a page from which on pages of fewer entries are made."""
FIRST_WINDOW = 64
LAST_WINDOW = 1024

Entry = tuple[Any, int]
"""(element, row id)."""
Page = tuple[Sequence[Any], Sequence[int]]
"""The elements of a page and their row ids."""


class PageCache(Protocol):
    """Keeps decoded pages within bounds. Any thread may call it."""

    def get(self, key: Any) -> Any:
        """Return what was put under a key, or None."""
        ...

    def put(self, key: Any, value: Any, weight: int) -> None:
        """Keep a value that takes about so many bytes, for as long as there is room."""
        ...


class RunInfo(NamedTuple):
    """What a manifest says of a run. ``low`` and ``high`` are its first and last element, None without entries."""

    name: str
    size: int
    entries: int
    low: Any
    high: Any


class IndexRunWriter:
    """Writes one run; entries come in ascending order."""

    def __init__(
        self,
        volume: Volume,
        name: str,
        index_oid: int,
        timeline_id: int,
        codecs: FileCodecs,
        frames: StoredFrames,
        *,
        paired: bool = False,
        single: bool = True,
        filters: bool = True,
        pay: Pay | None = None,
    ) -> None:
        parameters = {"index": index_oid, "timeline": timeline_id, "paired": paired, "single": single}
        self._file = ChunkFileWriter(volume, name, KIND, VERSION, codecs, parameters, pay)
        self._frames = frames
        self._page_entries = PAGE_ENTRIES
        self._elements: list[Any] = []
        self._row_ids: list[int] = []
        """Entries of the page that is being filled."""
        self._fences: list[Any] = []
        self._counts: list[int] = []
        self._chunks: list[Chunk] = []
        self._high: list[Any] = []
        self._filters: list[bytes] | None = [] if filters else None

    @property
    def size(self) -> int:
        """How many bytes the file has so far."""
        return self._file.size

    def add_sorted(self, entries: Iterable[Entry]) -> None:
        """Append entries, which follow those before them."""
        source = iter(entries)
        while some := list(islice(source, PAGE_ENTRIES)):
            elements, row_ids = zip(*some)
            self.add_run(list(elements), list(row_ids))

    def add_run(self, elements: Sequence[Any], row_ids: Sequence[int]) -> None:
        """Append entries, which follow those before them, given as elements and the row ids beside them."""
        at, count = 0, len(elements)
        while at < count:
            end = at + self._page_entries - len(self._elements)
            self._elements += elements[at:end]
            self._row_ids += row_ids[at:end]
            at = end
            if len(self._elements) >= self._page_entries:
                self._add_page()

    def _add_page(self) -> None:
        elements, row_ids = self._elements, self._row_ids
        self._elements, self._row_ids = [], []
        if self._high and elements[0] < self._high[0]:
            raise ValueError(f"entries are not sorted: {elements[0]!r} comes behind {self._high[0]!r}")
        if self._filters is not None:
            made = make_filter(elements)
            if made is None:
                self._filters = None
            else:
                self._filters.append(made)
        data = self._frames.encode(elements) + self._frames.encode(row_ids)
        self._chunks.append(self._file.add(data, len(self._chunks), 0))
        self._fences.append(elements[0])
        self._counts.append(len(elements))
        self._high = elements[-1:]
        if len(data) > LARGE_PAGE:
            self._page_entries = max(SMALLEST_PAGE, self._page_entries // 2)

    def finish(self) -> RunInfo:
        """Write the footer, make the file durable and return what it holds."""
        if self._elements:
            self._add_page()
        chunks = self._chunks
        filters = [
            self._file.add(
                b"".join((self._filters or ())[place : place + FILTER_PAGES]), FILTERS, place // FILTER_PAGES
            )
            for place in range(0, len(self._filters or ()), FILTER_PAGES)
        ]
        start = chunks[0].offset if chunks else 0
        lists: tuple[list[Any], ...] = (
            [start],
            self._fences,
            self._high,
            self._counts,
            [chunk.length for chunk in chunks],
            [chunk.checksum for chunk in chunks],
            [MODULUS],
            [chunk.length for chunk in filters],
            [chunk.checksum for chunk in filters],
        )
        size = self._file.finish(b"".join(map(self._frames.encode, lists)))
        low, high = (self._fences[0], self._high[0]) if chunks else (None, None)
        return RunInfo(self._file.name, size, sum(self._counts), low, high)

    def abandon(self) -> None:
        """Delete what was written."""
        self._file.abandon()


class _Directory(NamedTuple):
    """The footer."""

    fences: Sequence[Any]
    high: Any
    counts: list[int]
    chunks: list[Chunk]
    entries: int
    filters: list[Chunk]
    paired: bool
    single: bool


class IndexRun:
    """Reads one run, from any number of threads. The file is opened when something of it is wanted."""

    def __init__(self, volume: Volume, name: str, codecs: FileCodecs, frames: StoredFrames, cache: PageCache) -> None:
        self.name = name
        self._file = ChunkFileReader(volume, name, KIND, VERSION, codecs)
        self._frames = frames
        self._cache = cache
        self._loaded: _Directory | None = None

    def _directory(self) -> _Directory:
        loaded = self._loaded
        if loaded is None:
            loaded = self._loaded = self._load()
        return loaded

    def _load(self) -> _Directory:
        data = self._file.footer()
        try:
            lists = self._frames.decode_each(data, FOOTER_LISTS)
            (start,), fences, high, counts, lengths, checksums, (modulus,), *filters = lists
        except (ValueError, DataCorrupted) as error:
            raise self._file.damaged("its footer") from error
        chunks = list(map(Chunk, accumulate(lengths, initial=start), lengths, checksums))
        offsets = accumulate(filters[0], initial=start + sum(lengths))
        found = list(map(Chunk, offsets, *filters)) if modulus == MODULUS else []
        parameters = self._file.header.parameters
        paired, single = bool(parameters["paired"]), bool(parameters["single"])
        last = high[0] if high else None
        return _Directory(_compact(fences), last, counts, chunks, sum(counts), found, paired, single)

    @property
    def index_oid(self) -> int:
        """The index that the entries are of."""
        return int(self._file.header.parameters["index"])

    @property
    def paired(self) -> bool:
        """Whether elements are pairs of an order key and a key."""
        return self._directory().paired

    @property
    def low(self) -> Any:
        """The first element, None where there is none."""
        fences = self._directory().fences
        return fences[0] if fences else None

    @property
    def high(self) -> Any:
        """The last element, None where there is none."""
        return self._directory().high

    def __len__(self) -> int:
        return self._directory().entries

    def page_counts(self) -> Sequence[int]:
        """Return how many entries each page has."""
        return self._directory().counts

    def page(self, number: int) -> Page:
        """Return a page, from the cache if it is there."""
        key = (self.name, number)
        page: Page | None = self._cache.get(key)
        if page is None:
            page, weight = self._read(number)
            self._cache.put(key, page, weight)
        return page

    def _read(self, number: int) -> tuple[Page, int]:
        directory = self._directory()
        what = f"page {number}"
        data = self._file.read(directory.chunks[number], number, 0, what)
        try:
            elements, row_ids = self._frames.decode_each(data, 2)
            page = _compact(elements), array("q", row_ids)
        except (DataCorrupted, TypeError, OverflowError) as error:
            raise self._file.damaged(what, str(error)) from error
        if not len(elements) == len(row_ids) == directory.counts[number]:
            raise self._file.damaged(what, "it has another number of entries")
        weight = 8 * len(row_ids) + (8 * len(elements) if type(page[0]) is array else _weight(elements))
        return page, weight

    # -- look-ups ----------------------------------------------------------------------------------------------------

    def row_ids(self, element: Any) -> Sequence[int]:
        """Return the row ids of all entries with an element."""
        directory = self._loaded or self._directory()
        fences = directory.fences
        if not fences or element < fences[0] or directory.high < element:
            return ()
        number = bisect_left(fences, element) - 1
        found: Sequence[int] = ()
        if number >= 0:
            page: Page | None = self._cache.get((self.name, number))
            if page is None:
                page = self.page(number) if self._may_hold(directory, number, element) else ((), ())
            elements, row_ids = page
            first = end = bisect_left(elements, element)
            size = len(elements)
            if first < size:
                # Mostly there is one entry, or none; comparing costs more than looking.
                if not element < elements[first]:
                    end = first + 1
                    if end < size and not element < elements[end]:
                        end = bisect_right(elements, element, end)
                if end < size:
                    return row_ids[first:end]
                found = row_ids[first:end]
        # The entries begin in that page, or with the one behind it, and may go on for several.
        for following in range(number + 1, len(fences)):
            if element < fences[following]:
                break
            elements, row_ids = self.page(following)
            end = bisect_right(elements, element)
            found = [*found, *row_ids[:end]]
            if end < len(elements):
                break
        return found

    def _may_hold(self, directory: _Directory, number: int, element: Any) -> bool:
        """Whether a page may hold an element."""
        if not directory.filters:
            return True
        known = hash_of(element)
        return known is None or may_hold(self._filter(directory, number), number % FILTER_PAGES * FILTER_BYTES, known)

    def _filter(self, directory: _Directory, number: int) -> bytes:
        group = number // FILTER_PAGES
        key = (self.name, FILTERS, group)
        filters: bytes | None = self._cache.get(key)
        if filters is None:
            what = f"the filters from page {group * FILTER_PAGES} on"
            filters = self._file.read(directory.filters[group], FILTERS, group, what)
            if len(filters) != FILTER_BYTES * min(FILTER_PAGES, len(directory.fences) - group * FILTER_PAGES):
                raise self._file.damaged(what, "it has another length")
            self._cache.put(key, filters, len(filters))
        return filters

    def _page_filter(self, directory: _Directory, number: int) -> bytes:
        start = number % FILTER_PAGES * FILTER_BYTES
        return self._filter(directory, number)[start : start + FILTER_BYTES]

    def _cut(self, bound: tuple[Any, ...], after: bool) -> Callable[[Sequence[Any]], int]:
        """Return the function that finds where elements are cut before (or after) all with this prefix."""
        directory = self._directory()
        if directory.single and not directory.paired:
            value = bound[0]
            return (lambda run: bisect_right(run, value)) if after else (lambda run: bisect_left(run, value))
        if directory.single:
            target: Any = (bound[0], MAX) if after else (bound[0],)
        else:
            target = (*bound, MAX) if after else bound
            if directory.paired:
                target = (target,)
        return lambda run: bisect_left(run, target)

    def windows(
        self,
        low: tuple[Any, ...] | None = None,
        high: tuple[Any, ...] | None = None,
        low_inclusive: bool = True,
        high_inclusive: bool = True,
        descending: bool = False,
    ) -> Iterator[tuple[list[Any], Sequence[int]]]:
        """Yield growing windows of elements between two bounds, in order, and their row ids beside them.

        A bound is a prefix of an order key, as a tuple; None for an open end.
        """
        fences = self._directory().fences
        first = None if low is None else self._cut(low, not low_inclusive)
        last = None if high is None else self._cut(high, high_inclusive)
        start = 0 if first is None else max(0, first(fences) - 1)
        end = len(fences) if last is None else last(fences)
        size = FIRST_WINDOW
        for number in range(end - 1, start - 1, -1) if descending else range(start, end):
            elements, row_ids = self.page(number)
            left = first(elements) if first is not None and number <= start + 1 else 0
            right = last(elements) if last is not None and number >= end - 1 else len(elements)
            while left < right:
                if descending:
                    at = max(left, right - size)
                    window, ids = list(elements[at:right]), row_ids[at:right]
                    window.reverse()
                    yield window, ids[::-1]
                    right = at
                else:
                    at = min(right, left + size)
                    yield list(elements[left:at]), row_ids[left:at]
                    left = at
                size = min(2 * size, LAST_WINDOW)

    def pages(self) -> Iterator[Page]:
        """Yield all pages in order, past the cache."""
        for number in range(len(self._directory().fences)):
            yield self._read(number)[0]

    def verify(self) -> list[str]:
        """Return what is damaged: every page is read, compared with its checksum, decoded, and its order looked at."""
        problems: list[str] = []
        try:
            directory = self._directory()
        except DataCorrupted as error:
            return [error.message]
        before: list[Any] = []
        for number in range(len(directory.fences)):
            try:
                elements, row_ids = self._read(number)[0]
            except DataCorrupted as error:
                problems.append(error.message)
                before = []
                continue
            entries = list(zip(elements, row_ids))
            if before + entries != sorted(before + entries) or directory.fences[number] != elements[0]:
                problems.append(f'file "{self.name}" is corrupted: page {number} is not in order')
            before = entries[-1:]
            try:
                missed = directory.filters and make_filter(elements) != self._page_filter(directory, number)
            except DataCorrupted as error:
                problems.append(error.message)
                continue
            if missed:
                problems.append(f'file "{self.name}" is corrupted: the filter of page {number} is another page\'s')
        if before and before[0][0] != directory.high:
            problems.append(f'file "{self.name}" is corrupted: its last element is another')
        return list(dict.fromkeys(problems))


def merge(
    runs: Sequence[IndexRun], keep: Callable[[Any, int], bool] | None = None, *, distinct: bool = True
) -> Iterator[Entry]:
    """Yield the entries of several runs in order that ``keep(element, row id)`` wants, each once if ``distinct``."""
    sources = [run.pages() for run in runs]
    pieces: list[tuple[Sequence[Any], Sequence[int]]] = [((), ())] * len(runs)
    previous: Entry | None = None
    while True:
        for place, source in enumerate(sources):
            if not pieces[place][0]:
                pieces[place] = next(source, ((), ()))
        there = [place for place, piece in enumerate(pieces) if piece[0]]
        if not there:
            return
        # Everything up to the least of the pages' last elements is in these pages, but for that element itself, which
        # may go on in the next one: entries ascend by row id, too.
        pivot = min(pieces[place][0][-1] for place in there)
        taken: list[Entry] = []
        for place in there:
            elements, row_ids = pieces[place]
            end = bisect_left(elements, pivot)
            taken += zip(elements[:end], row_ids[:end])
            pieces[place] = elements[end:], row_ids[end:]
        if not taken:
            taken = _taken_of(pivot, pieces, sources)
        if len(there) > 1:
            taken.sort()  # a merge: the parts are sorted
        for entry in taken:
            if distinct and previous is not None and entry == previous:
                continue
            previous = entry
            if keep is None or keep(*entry):
                yield entry


def _taken_of(pivot: Any, pieces: list[Page], sources: Sequence[Iterator[Page]]) -> list[Entry]:
    """Take all entries of one element, which all pieces begin with or have not, from pages to come as well."""
    taken: list[Entry] = []
    for place, source in enumerate(sources):
        while True:
            elements, row_ids = pieces[place]
            end = bisect_right(elements, pivot)
            taken += zip(elements[:end], row_ids[:end])
            pieces[place] = elements[end:], row_ids[end:]
            if end < len(elements) or not elements:
                break
            pieces[place] = next(source, ((), ()))
    return taken


def _compact(elements: list[Any]) -> Sequence[Any]:
    """Return elements as machine words where they are integers."""
    if elements and type(elements[0]) is int and set(map(type, elements)) == {int}:
        try:
            return array("q", elements)
        except OverflowError:
            return elements
    return elements


def _weight(elements: list[Any]) -> int:
    """Return about how many bytes elements take."""
    sample = elements[:: max(1, len(elements) // 16)]
    return (8 + sum(map(_size, sample)) // max(1, len(sample))) * len(elements)


def _size(value: Any) -> int:
    size = getsizeof(value)
    return size + sum(map(_size, value)) if isinstance(value, tuple) else size
