"""The commits that stand in segments: a relation without a name, whose row ids are SCNs less one.

    row of SCN 8196 = block 2, slot 3:   (time, transaction id, timeline, role, session user, application name, origin,
                                          kind)

A checkpoint writes what was committed since the one before, column by column like any rows: differences of times and
numbers, and a name once for all that have it. Look-ups read what they need and keep nothing:

    by SCN              one row of one block
    by time             times ascend, so the blocks' zones say by bisection which block it is
    by transaction      numbers ascend nearly: whoever begins first need not commit first. Blocks in question are those
                        whose zones hold the number, and lie together; with a long transaction's own there are two

Nothing here is locked. A checkpoint replaces ``relation.stored.places``, and whoever finds a file gone looks again.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from heliosdb.errors import DataCorrupted, Error
from heliosdb.store.block import BLOCK_BITS, BLOCK_SIZE, SLOT_MASK
from heliosdb.store.relation import Relation
from heliosdb.store.row_ids import RowIds
from heliosdb.store.segment import BlockImage

if TYPE_CHECKING:
    from heliosdb.store.stored_blocks import BlockSource, Places

__all__ = ["COMMITS_RELATION", "CommitHistory", "CommitRow"]

COMMITS_RELATION = 1
"""The number of the relation, which no object has."""

CommitRow = tuple[int, int, str, str, str, str, str, str, str | None]
"""(time, transaction id, timeline, role, session user, application name, origin, kind, statement)."""

TIME, TRANSACTION_ID = 0, 1

Found = TypeVar("Found")


class _Known(NamedTuple):
    """What zones say, for one state of the relation: block numbers, and for each the least time and two bounds of
    transaction ids: no block up to it has a greater one, and none from it on has a smaller one."""

    places: Places
    numbers: list[int]
    times: list[int]
    greatest: list[int]
    least: list[int]


class CommitHistory:
    """The commits of one store that are in segments. Any thread may read."""

    def __init__(self) -> None:
        self.relation = Relation(COMMITS_RELATION, RowIds())
        self._zones: _Known | None = None

    def images(self, rows: Sequence[CommitRow], scn: int) -> list[BlockImage]:
        """Return the blocks that hold commits up to an SCN, that of the checkpoint, with what the first of them holds
        already."""
        start, end = scn - len(rows), scn
        images: list[BlockImage] = []
        for number in range(start >> BLOCK_BITS, ((end - 1) >> BLOCK_BITS) + 1):
            begin = number << BLOCK_BITS
            known = self._rows(number) if begin < start else []
            missing = max(0, start - begin - len(known))
            new = rows[max(0, begin - start) : begin + BLOCK_SIZE - start]
            images.append(BlockImage(number, [*known[: max(0, start - begin)], *([None] * missing), *new], scn))
        return images

    def outdated(self, horizon: int) -> set[int]:
        """Return the numbers of the blocks in which all commits are before an SCN."""
        if self.relation.stored is None or horizon < BLOCK_SIZE:
            return set()
        return {number for number in self.relation.stored.where() if (number + 1) << BLOCK_BITS < horizon}

    def _attempt(self, read: Callable[[Places], Found]) -> Found:
        """Read, and once more where a checkpoint has put blocks elsewhere meanwhile."""
        while True:
            stored = self.relation.stored
            assert stored is not None
            places = stored.places
            try:
                return read(places)
            except Error:
                if stored.places is places:
                    raise

    def _rows(self, number: int) -> list[Any]:
        if self.relation.stored is None:
            return []

        def read(places: Places) -> list[Any]:
            segment = places.where().get(number)
            return [] if segment is None else segment.read(number).rows

        return self._attempt(read)

    def row(self, scn: int) -> CommitRow | None:
        """Return what is known of a commit, or None."""
        if self.relation.stored is None or scn < 1:
            return None

        def read(places: Places) -> Any:
            segment = places.where().get((scn - 1) >> BLOCK_BITS)
            return None if segment is None else segment.row((scn - 1) >> BLOCK_BITS, (scn - 1) & SLOT_MASK)

        found: CommitRow | None = self._attempt(read)
        return found

    def scn_at(self, time: int) -> int | None:
        """Return the SCN of the last commit at or before a time, None where none is known."""
        if self.relation.stored is None:
            return None

        def read(places: Places) -> int | None:
            known = self._known(places)
            place = bisect_right(known.times, time) - 1
            if place < 0:
                return None
            number = known.numbers[place]
            first, values = _column(places.where()[number], number, TIME)
            return (number << BLOCK_BITS) + first + bisect_right(values, time)

        return self._attempt(read)

    def scn_of_transaction(self, transaction_id: int) -> int | None:
        """Return the SCN that a transaction committed with, or None."""
        if self.relation.stored is None:
            return None

        def read(places: Places) -> int | None:
            known = self._known(places)
            where = places.where()
            low = bisect_left(known.greatest, transaction_id)
            for number in known.numbers[low : bisect_right(known.least, transaction_id)]:
                least, greatest, _ = _zone(where[number], number, TRANSACTION_ID)
                if least <= transaction_id <= greatest:
                    first, values = _column(where[number], number, TRANSACTION_ID)
                    if transaction_id in values:
                        return (number << BLOCK_BITS) + first + values.index(transaction_id) + 1
            return None

        return self._attempt(read)

    def first_scn(self) -> int | None:
        """Return the SCN of the first commit that is known, or None."""
        if self.relation.stored is None:
            return None

        def read(places: Places) -> int | None:
            numbers = self._known(places).numbers
            if not numbers:
                return None
            first, _ = _column(places.where()[numbers[0]], numbers[0], TIME)
            return (numbers[0] << BLOCK_BITS) + first + 1

        return self._attempt(read)

    def rows(self, first: int, last: int) -> Iterator[tuple[int, CommitRow]]:
        """Yield (SCN, row) of commits between two SCNs, both included, a block at a time."""
        if self.relation.stored is None or last < first:
            return
        for number in range(max(0, first - 1) >> BLOCK_BITS, ((last - 1) >> BLOCK_BITS) + 1):
            begin = (number << BLOCK_BITS) + 1
            for scn, row in enumerate(self._rows(number), begin):
                if row is not None and first <= scn <= last:
                    yield scn, row

    def _known(self, places: Places) -> _Known:
        known = self._zones
        if known is None or known.places is not places:
            where = places.where()
            numbers = sorted(where)
            ids = [_zone(where[number], number, TRANSACTION_ID) for number in numbers]
            known = self._zones = _Known(
                places,
                numbers,
                [_zone(where[number], number, TIME)[0] for number in numbers],
                list(accumulate((greatest for _, greatest, _ in ids), max)),
                list(accumulate((least for least, _, _ in reversed(ids)), min))[::-1],
            )
        return known


def _zone(segment: BlockSource, number: int, column: int) -> tuple[int, int, bool]:
    found = segment.zone(number, column)
    if found is None:
        raise DataCorrupted(f'file "{segment.name}" is corrupted: commits have times and numbers')
    return found


def _column(segment: BlockSource, number: int, column: int) -> tuple[int, list[int]]:
    """Return the first slot that is used, from which all are, and a column's values."""
    shape = segment.present(number)
    values = segment.lists(number, [column])[column]
    return 0 if shape is None else shape[0].index(True), values
