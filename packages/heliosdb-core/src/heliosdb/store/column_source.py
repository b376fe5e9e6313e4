"""A relation's columns, block by block, for whoever computes with columns: no row tuples are made.

    block in a segment          its columns as they are stored: numbers as machine words, few texts as codes
    block in memory             columns made from its rows

Every row comes with the SCN of the commit that made this version and of the one that ended it, FOREVER where none has.
What a reader sees at an SCN are the rows with begin <= SCN < end, each once.

A block that stands in a segment is not brought into memory, and what is in memory already is not read from a segment:
a change is entered in memory before its SCN is published, and leaves memory after the manifest names the segment that
has it. So whoever finds no block in memory finds it in the segment, as far as his SCN goes.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import compress
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from heliosdb.encoding.stored_column import StoredColumn, column_of
from heliosdb.errors import DataCorrupted
from heliosdb.store.block import BLOCK_BITS, Block
from heliosdb.store.versions import PRUNED, Older, Row

if TYPE_CHECKING:
    from heliosdb.store.relation import Relation
    from heliosdb.store.segment import SegmentReader

__all__ = ["FOREVER", "ColumnBatch", "ColumnSource", "RelationColumns"]

FOREVER = (1 << 63) - 1
"""The end of a version that is the newest."""


class ColumnBatch(NamedTuple):
    """Some rows: their row ids, the SCNs between which they were what they are, and columns by number, from 0.

    ``begins`` may be later than a version's true beginning where nobody can tell any more, never later than the SCN
    that is read at.
    """

    row_ids: array[int]
    begins: array[int]
    ends: array[int]
    columns: Mapping[int, StoredColumn]


class ColumnSource(Protocol):
    """Gives columns. Any number of threads may read; nothing is locked."""

    def batches(self, columns: Sequence[int], scn: int) -> Iterator[ColumnBatch]:
        """Yield the rows that are visible at an SCN, in the order of their row ids, a block at a time."""
        ...


class RelationColumns:
    """The columns of one relation in one timeline.

    ``missing`` are the values of columns in rows that were stored before the column was added (None: NULL). The reader
    keeps the SCN registered that it reads at, as for rows.
    """

    def __init__(self, relation: Relation, missing: Mapping[int, Any] | None = None) -> None:
        self._relation = relation
        self._missing = missing or {}

    def batches(self, columns: Sequence[int], scn: int) -> Iterator[ColumnBatch]:
        """Yield the visible rows of each block that has any."""
        for number in range(self._relation.block_count()):
            batch = self._batch(self._relation, number, columns, scn)
            if batch is not None and batch.row_ids:
                yield batch

    def _batch(self, relation: Relation, number: int, columns: Sequence[int], scn: int) -> ColumnBatch | None:
        blocks = relation.blocks
        block = blocks[number] if number < len(blocks) else None
        if block is None:
            segment: Any = None if relation.stored is None else relation.stored.where().get(number)
            if segment is not None:
                try:
                    if scn >= segment.begin(number):
                        return self._from_segment(segment, number, columns)
                except DataCorrupted:
                    if relation.stored is None or relation.stored.where().get(number) is segment:
                        raise
                    # A checkpoint has put the block elsewhere meanwhile, and deleted the file.
                    return self._batch(relation, number, columns, scn)
            elif relation.parent is not None:
                # A block that the branch has not touched is its parent's, as of the fork.
                if number < relation.parent.block_count():
                    return self._batch(relation.parent, number, columns, min(scn, relation.fork))
                return None
            block = relation.block(number)
        return None if block is None else self._from_rows(block, number, columns, scn)

    def _from_segment(self, segment: SegmentReader, number: int, wanted: Sequence[int]) -> ColumnBatch:
        count = segment.row_count(number)
        shape = segment.present(number)
        first = number << BLOCK_BITS
        slots: Any = range(count) if shape is None else list(compress(range(len(shape[0])), shape[0]))
        begins = segment.versions(number)[0] if segment.has_versions(number) else None
        lengths = None if shape is None or len(set(shape[1])) < 2 else shape[1]
        found = segment.columns(number, wanted)
        return ColumnBatch(
            array("q", [first + slot for slot in slots] if shape is not None else range(first, first + count)),
            array("q", [segment.begin(number)]) * count if begins is None else array("q", [begins[s] for s in slots]),
            array("q", [FOREVER]) * count,
            {column: self._filled(column, found.get(column), count, lengths) for column in wanted},
        )

    def _filled(
        self, column: int, stored: StoredColumn | None, count: int, lengths: Sequence[int] | None
    ) -> StoredColumn:
        """Return a column with the value that stands for what older rows do not have."""
        value = self._missing.get(column)
        if stored is None:
            return column_of([value] * count)
        if value is None or lengths is None or min(lengths) > column:
            return stored
        values = stored.to_list()
        return column_of([item if length > column else value for item, length in zip(values, lengths)])

    def _from_rows(self, block: Block, number: int, wanted: Sequence[int], scn: int) -> ColumnBatch:
        slots, begins, ends, rows = _visible(block, scn)
        first = number << BLOCK_BITS
        columns = {}
        for column in wanted:
            value = self._missing.get(column)
            columns[column] = column_of([row[column] if len(row) > column else value for row in rows])
        return ColumnBatch(array("q", [first + slot for slot in slots]), begins, ends, columns)


def _visible(block: Block, scn: int) -> tuple[Sequence[int], array[int], array[int], list[Row]]:
    """Return slots, begins, ends and rows of what a reader at an SCN sees of a block."""
    if scn >= block.begin and not block.overlay:
        slots = [slot for slot, row in enumerate(block.rows) if row is not None]
        rows = [row for row in block.rows if row is not None]
        own = block.load_versions()
        begins = array("q", [block.begin]) * len(rows) if own is None else array("q", [own[slot] for slot in slots])
        return slots, begins, array("q", [FOREVER]) * len(rows), rows
    slots, rows = [], []
    begins, ends = array("q"), array("q")
    overlay = block.overlay.copy()
    for slot in range(max(len(block.rows), max(overlay, default=-1) + 1)):
        begin, row, older = overlay.get(slot) or block.newest_with_older(slot)
        end = FOREVER
        if begin > scn:
            begin, row, end = _lookup(older, scn, begin)
        if row is not None and row is not PRUNED:
            slots.append(slot)
            rows.append(row)
            begins.append(begin)
            ends.append(end)
    return slots, begins, ends, rows


def _lookup(older: Older, scn: int, end: int) -> tuple[int, Any, int]:
    """Return the version at an SCN among superseded ones, the last of which ended at ``end``: begin, row and end."""
    while type(older) is tuple:
        if older[0] <= scn:
            return older[0], older[1], end
        end = older[0]
        older = older[2]
    if type(older) is list:
        for begin, row in reversed(older):
            if begin <= scn:
                return begin, row, end
            end = begin
    return 0, None, end
