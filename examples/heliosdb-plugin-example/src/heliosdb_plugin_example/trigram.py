"""The access method ``trigram``: an inverted index from trigrams to row ids, for similar and for containing text.

    keys (trigrams)          rows
    "  n"  ──► {3, 7, 9}     3 ──► 6      the fewest trigrams of the row's versions
    " nu"  ──► {3, 9}        ...
    ALL    ──► {...}         every row is also under ALL, so that one without trigrams is found

It uses what ``btree`` does not: many keys a row, candidates that the plan rechecks (``exact`` is False), an ordering
operator, a row-id filter, and a persisted form. Rows of old versions stay in it until ``forget``, so a row may be
under the trigrams of several versions: candidates are a superset, and the distance that ``nearest`` gives is a lower
bound.

Readers run while a writer applies changes. What they walk over is therefore copied in one step first (``tuple(set)`` is
atomic in CPython, iterating over a set that grows is not).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from heliosdb_plugin_example.trigrams import THRESHOLD, pattern_trigrams, similarity, trigrams

if TYPE_CHECKING:
    from heliosdb.spi import Index, IndexChange, IndexDefinition, Progress

__all__ = ["TrigramIndex", "TrigramMethod"]

ALL = ""
"""The key that every row has."""

BATCH = 1024
SIMILAR, LIKE = 1, 2


class TrigramIndex:
    """One trigram index: implements ``Index``, ``Nearest`` and ``Persisted``."""

    def __init__(self) -> None:
        self._rows: dict[str, set[int]] = {}
        self._fewest: dict[int, int] = {}

    # -- Index -----------------------------------------------------------------------------------------------------

    def extract(self, values: Sequence[Any]) -> Sequence[str]:
        """Return the trigrams of the text, and the key that every row has; NULL is like a text without letters."""
        (text,) = values
        return [ALL] if text is None else [ALL, *sorted(trigrams(text))]

    def apply(self, changes: Sequence[IndexChange], scn: int) -> None:
        """Enter rows under their new keys. Old keys stay until ``forget``, for readers of older versions."""
        for row_id, removed, added in changes:
            for key in added:
                self._rows.setdefault(key, set()).add(row_id)
            count = len(added) - (ALL in added)
            if ALL not in added:
                # A changed row: what it keeps is not said, so take the least that its new version can have.
                count = max(0, self._fewest.get(row_id, 0) - len(removed) + len(added))
            self._fewest[row_id] = min(count, self._fewest.get(row_id, count))

    def forget(self, entries: Iterable[tuple[str, int]]) -> None:
        """Drop entries that no reader needs."""
        for key, row_id in entries:
            rows = self._rows.get(key)
            if rows is not None:
                rows.discard(row_id)
                if not rows:
                    del self._rows[key]
            if key == ALL:
                self._fewest.pop(row_id, None)

    def build(self, batches: Iterable[Sequence[tuple[int, Sequence[Any]]]], progress: Progress | None = None) -> None:
        """Enter many rows."""
        done = 0
        for batch in batches:
            self.apply([(row_id, (), keys) for row_id, keys in batch], 0)
            done += len(batch)
            if progress is not None:
                progress(done)

    def candidates(
        self, strategy: int, argument: Any, row_filter: Container[int] | None = None
    ) -> Iterator[Sequence[int]]:
        """Yield rows that may be similar to a text (``%``), or match a LIKE pattern (``~~``)."""
        if argument is None:
            return
        found = self._like(argument) if strategy == LIKE else self._similar(argument)
        chosen = found if row_filter is None else [row_id for row_id in found if row_id in row_filter]
        for start in range(0, len(chosen), BATCH):
            yield chosen[start : start + BATCH]

    def _like(self, pattern: str) -> Sequence[int]:
        postings = [self._row_ids(key) for key in pattern_trigrams(pattern)]
        if not postings:
            return self._row_ids(ALL)
        shortest, *others = sorted(postings, key=len)
        return sorted(set(shortest).intersection(*others))

    def _similar(self, text: str) -> Sequence[int]:
        wanted = trigrams(text)
        shared = self._shared(wanted)
        return [row_id for row_id, count in shared.items() if self._bound(row_id, count, len(wanted)) >= THRESHOLD]

    def _shared(self, wanted: frozenset[str]) -> Counter[int]:
        shared: Counter[int] = Counter()
        for key in wanted:
            shared.update(self._row_ids(key))
        return shared

    def _row_ids(self, key: str) -> tuple[int, ...]:
        return tuple(self._rows.get(key, ()))

    def _bound(self, row_id: int, shared: int, wanted: int) -> float:
        """Return the greatest similarity that any version of a row can have that shares this many trigrams."""
        together = max(self._fewest.get(row_id, 0), shared) + wanted - shared
        return shared / together if together else 0.0

    def size_bytes(self) -> int:
        """Return about how much memory the index holds."""
        return sum(len(rows) for rows in tuple(self._rows.values())) * 60 + len(self._fewest) * 100

    def check(self, rows: Iterable[tuple[int, Sequence[Any]]]) -> list[str]:
        """Return what is missing. Entries too many are no fault: they belong to older versions."""
        return [
            f"row {row_id} is not under {key!r}"
            for row_id, keys in rows
            for key in keys
            if row_id not in self._rows.get(key, ())
        ]

    # -- Nearest ---------------------------------------------------------------------------------------------------

    # [nearest]
    def nearest(
        self, operator: str, argument: Any, row_filter: Container[int] | None = None
    ) -> Iterator[tuple[float, int]]:
        """Yield (distance, row id) by distance: first the rows that share a trigram, then all others."""
        wanted = frozenset() if argument is None else trigrams(argument)
        shared = self._shared(wanted)
        ranked = sorted((1.0 - self._bound(row_id, count, len(wanted)), row_id) for row_id, count in shared.items())
        for distance, row_id in ranked:
            if row_filter is None or row_id in row_filter:
                yield distance, row_id
        for row_id in self._row_ids(ALL):
            if row_id not in shared and (row_filter is None or row_id in row_filter):
                yield 1.0, row_id

    def ordering_value(self, operator: str, argument: Any, values: Sequence[Any]) -> float | None:
        """Return the exact distance of one row."""
        (text,) = values
        return None if text is None or argument is None else 1.0 - similarity(text, argument)

    # [end nearest]

    # -- Persisted -------------------------------------------------------------------------------------------------

    def blobs(self) -> dict[str, bytes]:
        """Return the index as two blobs."""
        rows = {key: sorted(row_ids) for key, row_ids in tuple(self._rows.items())}
        fewest = {str(row_id): count for row_id, count in tuple(self._fewest.items())}
        return {"rows.1": json.dumps(rows).encode(), "fewest.1": json.dumps(fewest).encode()}

    def load(self, blobs: Mapping[str, bytes]) -> None:
        """Become what ``blobs`` returned; ValueError for those of another format."""
        if set(blobs) != {"rows.1", "fewest.1"}:
            raise ValueError(f"not a trigram index of format 1: {sorted(blobs)}")
        self._rows = {key: set(row_ids) for key, row_ids in json.loads(blobs["rows.1"]).items()}
        self._fewest = {int(row_id): count for row_id, count in json.loads(blobs["fewest.1"]).items()}

    def entries(self, first: int, past: int) -> Iterator[tuple[str, int]]:
        """Yield what the index has of a range of rows."""
        for key in tuple(self._rows):
            for row_id in self._row_ids(key):
                if first <= row_id < past:
                    yield key, row_id

    def ended(self) -> tuple[tuple[int, str, int], ...]:
        """Return nothing: what was removed is not told from the rest."""
        return ()


class TrigramMethod:
    """The access method ``trigram``."""

    name = "trigram"
    exact = False
    unique = False
    ordered = False
    many_keys = True
    strategies: Mapping[str, Mapping[int, str]] = {"trigram_ops": {SIMILAR: "%", LIKE: "~~"}}
    options: Mapping[str, Callable[[str], Any]] = {}

    def create(self, definition: IndexDefinition) -> Index:
        """Return an empty index."""
        return TrigramIndex()

    def cost(self, rows: float, selectivity: float) -> float:
        """Return the cost of a search: reading the postings, then rechecking what is found."""
        return 50.0 + 0.05 * rows + 2.0 * rows * selectivity
