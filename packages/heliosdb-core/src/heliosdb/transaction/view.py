"""What one statement sees of one relation: the committed rows of its snapshot with the transaction's own writes laid
over.

A view is fixed when the statement starts (SCN and command id) and gives plain lists of row tuples, so that no plan ever
meets a version. Where nothing was written, neither by others since nor by the transaction, a block's list is handed out
as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from random import Random
from typing import TYPE_CHECKING, Any

from heliosdb.errors import UndefinedObject
from heliosdb.store.access_method import Likely
from heliosdb.store.block import BLOCK_BITS, SLOT_MASK
from heliosdb.store.block_column import Range
from heliosdb.store.relation import Relation
from heliosdb.store.versions import Row, is_full
from heliosdb.transaction.index_view import IndexView
from heliosdb.transaction.outcome import SnapshotHold
from heliosdb.transaction.writes import ABSENT, RelationWrites

if TYPE_CHECKING:
    from heliosdb.store.column_values import BlockForms
    from heliosdb.store.snapshot import Snapshot
    from heliosdb.store.timeline import Timeline
    from heliosdb.store.timeline_index import TimelineIndex
    from heliosdb.transaction.serializable import ReadSet
    from heliosdb.transaction.transaction import Transaction

__all__ = ["RelationView", "hold", "past_view"]

MANY_OF_A_BLOCK = 256
"""Rows of a block that are fetched together."""
SOME_OF_A_BLOCK = 32
"""Rows of a block as it was once for which all of it is worked out: the next reader of that past has it."""
MOST_SAMPLED_BLOCKS = 64
"""Blocks that a small sample looks into."""


class RelationView:
    """One relation at one snapshot and command. Lists handed out belong to the store: do not change them."""

    __slots__ = ("command", "make_index", "own", "reads", "relation", "scn")

    def __init__(
        self,
        relation: Relation,
        scn: int,
        own: RelationWrites | None,
        command: int,
        reads: ReadSet | None = None,
        make_index: Callable[[int], TimelineIndex] | None = None,
    ) -> None:
        self.relation = relation
        self.scn = scn
        self.own = own
        self.command = command
        self.reads = reads
        self.make_index = make_index
        """Makes an index, empty, that the transaction's timeline has and this one may lack."""

    def row_blocks(self, columns: Sequence[int] | None = None) -> Iterator[list[Row]]:
        """Yield the visible rows in row-id order, some thousand at a time.

        ``columns``: nobody looks at others, which may then be None where the rows have to be read from the volume.
        """
        relation, scn, own = self.relation, self.scn, self.own
        if self.reads is not None:
            self.reads.add_relation(relation)
        if own is None:
            blocks, stored = relation.blocks, relation.stored
            cold = None if stored is None or columns is None else stored.scan(relation, scn, columns)
            for number in range(relation.block_count()):
                if cold is not None and blocks[number] is None:
                    part = cold.rows(number)
                    if part is not None:
                        if part:
                            yield part
                        continue
                rows = relation.visible(number, scn)
                if rows:
                    yield rows
            return
        for number in self._numbers(own):
            positional = self._positional(number, own)
            if not is_full(positional):
                positional = [row for row in positional if row is not None]
            if positional:
                yield positional  # type: ignore[misc]

    def column_blocks(self, columns: Sequence[int]) -> Iterator[tuple[int, list[list[Any]]]]:
        """Yield how many rows are visible, some thousand at a time, and what is not NULL in each of these columns."""
        relation, scn = self.relation, self.scn
        if self.own is not None:
            for rows in self.row_blocks():
                yield _columns_of(rows, columns)
            return
        if self.reads is not None:
            self.reads.add_relation(relation)
        blocks, stored = relation.blocks, relation.stored
        cold = None if stored is None else stored.scan(relation, scn, columns)
        for number in range(relation.block_count()):
            part = cold.columns(number) if cold is not None and blocks[number] is None else None
            if part is None:
                rows = relation.visible(number, scn)
                if not rows:
                    continue
                part = _columns_of(rows, columns)
            yield part

    def candidate_blocks(
        self, ranges: Sequence[Range], columns: Sequence[int] | None = None
    ) -> Iterator[Sequence[Row]]:
        """Yield what ``row_blocks`` does, less rows that are surely in none of the ranges."""
        relation, scn = self.relation, self.scn
        if self.own is not None:
            yield from self.row_blocks()
            return
        if self.reads is not None:
            self.reads.add_relation(relation)
        blocks, stored = relation.blocks, relation.stored
        cold = None if stored is None else stored.scan(relation, scn, columns)
        for number in range(relation.block_count()):
            if cold is not None and blocks[number] is None:
                if cold.leaves_out(number, ranges):
                    continue
                part = cold.rows(number, ranges)
                if part is not None:
                    if part:
                        yield part
                    continue
            block = relation.tidy_block(number)
            if block is not None:
                rows = block.candidates(scn, ranges)
                if rows:
                    yield rows

    def formed_blocks(
        self, ranges: Sequence[Range], columns: Sequence[int] | None = None
    ) -> Iterator[tuple[Sequence[Row], BlockForms | None, list[int] | None]]:
        """Yield what ``candidate_blocks`` does, in some order: rows, what functions made of their columns, and the
        places of those rows that are meant (None: all).
        """
        relation, scn = self.relation, self.scn
        room = relation.forms
        if self.own is not None or room is None:
            for rows in self.candidate_blocks(ranges, columns):
                yield rows, None, None
            return
        if self.reads is not None:
            self.reads.add_relation(relation)
        room.scan()
        blocks, stored = relation.blocks, relation.stored
        cold = None if stored is None else stored.scan(relation, scn, columns)
        for number in range(relation.block_count()):
            if cold is not None and blocks[number] is None:
                if cold.leaves_out(number, ranges):
                    continue
                part = cold.rows(number)
                if part is not None:
                    if part:
                        yield part, None, None
                    continue
            block = relation.tidy_block(number)
            if block is not None:
                yield from block.formed(scn, ranges, room)

    def ended_blocks(self, place: int) -> Iterator[tuple[Any, Any, Sequence[Row]]]:
        """Yield what ``row_blocks`` does, with a column's least and greatest value where they are known, else None."""
        if self.own is not None:
            for rows in self.row_blocks():
                yield None, None, rows
            return
        relation, scn = self.relation, self.scn
        if self.reads is not None:
            self.reads.add_relation(relation)
        for number in range(relation.block_count()):
            block = relation.tidy_block(number)
            if block is not None:
                found = block.ends(scn, place)
                if found[2]:
                    yield found

    def item_blocks(self) -> Iterator[tuple[Sequence[int], list[Row]]]:
        """Yield (row ids, rows) in row-id order, both of one length."""
        relation, own = self.relation, self.own
        if self.reads is not None:
            self.reads.add_relation(relation)
        for number in range(relation.block_count()) if own is None else self._numbers(own):
            first = number << BLOCK_BITS
            positional = self._positional(number, own)
            row_ids: Sequence[int] = range(first, first + len(positional))
            if not is_full(positional):
                pairs = [(row_id, row) for row_id, row in zip(row_ids, positional) if row is not None]
                if pairs:
                    yield [row_id for row_id, _ in pairs], [row for _, row in pairs]
            elif positional:
                yield row_ids, positional  # type: ignore[misc]

    def formed_items(self) -> Iterator[tuple[Sequence[int], list[Row], BlockForms | None]]:
        """Yield what ``item_blocks`` does, and what functions made of the rows' columns, where they are a block's."""
        relation, room = self.relation, self.relation.forms
        if room is not None:
            room.scan()
        for row_ids, rows in self.item_blocks():
            block = None if room is None else relation.block(row_ids[0] >> BLOCK_BITS)
            is_own = block is not None and block.rows is rows
            yield row_ids, rows, block.own_forms(room) if is_own else None  # type: ignore[union-attr,arg-type]

    def _numbers(self, own: RelationWrites) -> Sequence[int]:
        count = self.relation.block_count()
        beyond = {number for number in (*own.blocks, *own.bulk) if number >= count}
        return [*range(count), *sorted(beyond)] if beyond else range(count)

    def _positional(self, number: int, own: RelationWrites | None) -> list[Row | None]:
        block = self.relation.block(number)
        rows: list[Row | None] = [] if block is None else block.positional(self.scn)
        if own is None:
            return rows
        bulk = own.bulk.get(number)
        if bulk is not None:
            rows = bulk.over(rows, self.command)
        if number in own.blocks:
            overlay = own.overlay(number, self.command)
            if overlay:
                rows = rows + [None] * (max(overlay) + 1 - len(rows))
                for slot, row in overlay.items():
                    rows[slot] = row
        return rows

    def fetch(self, row_id: int) -> Row | None:
        """Return a row by id, or None where this statement sees none."""
        if self.reads is not None:
            self.reads.add_row(self.relation, row_id)
        return self.peek(row_id)

    def peek(self, row_id: int) -> Row | None:
        """Return a row by id without noting that it was read."""
        own = self.own
        if own is not None:
            mine = own.visible(row_id, self.command)
            if mine is not ABSENT:
                return mine  # type: ignore[no-any-return]
        row: Row | None = self.relation.row(row_id, self.scn)
        return row

    def peek_all(self, row_ids: Sequence[int | None]) -> list[Row | None]:
        """Return rows by id, whole blocks at once where many are of one; None for None."""
        lists = self.relation.settled(self.scn) if self.own is None and None not in row_ids else None
        if lists is not None:
            try:
                return [lists[row_id >> BLOCK_BITS][row_id & SLOT_MASK] for row_id in row_ids]  # type: ignore[operator]
            except IndexError:
                pass  # one of a row that is newer than this snapshot
        numbers = {row_id >> BLOCK_BITS for row_id in row_ids if row_id is not None}
        if len(row_ids) < MANY_OF_A_BLOCK * len(numbers):
            if self.own is None:
                row, scn = self.relation.row, self.scn
                return [None if row_id is None else row(row_id, scn) for row_id in row_ids]
            return [None if row_id is None else self.peek(row_id) for row_id in row_ids]
        blocks = {number: self._positional(number, self.own) for number in numbers}
        return [None if row_id is None else blocks[row_id >> BLOCK_BITS][row_id & SLOT_MASK] for row_id in row_ids]

    def committed_all(self, row_ids: Sequence[int]) -> list[Row | None]:
        """Return committed rows by id, None where there is none: out of whole blocks where these are known, or many
        rows are of one."""
        scn, relation = self.scn, self.relation
        then = relation.then(scn)
        if then is not None:
            try:
                return [then[row_id >> BLOCK_BITS][row_id & SLOT_MASK] for row_id in row_ids]  # type: ignore[index]
            except (TypeError, IndexError):
                pass  # not known yet, or rows that came later
        numbers = {row_id >> BLOCK_BITS for row_id in row_ids}
        are_many = then is not None or len(row_ids) >= SOME_OF_A_BLOCK * len(numbers)
        blocks: dict[int, list[Row | None]] = {}
        for number in numbers:
            block = relation.block(number)
            known = None if block is None else block.known(scn)
            if known is None and are_many and block is not None and block.has_changed_since(scn):
                known = block.positional(scn)  # which stays there
            if known is None:
                return [relation.row(row_id, scn) for row_id in row_ids]
            if then is not None and number < len(then):
                then[number] = known
            blocks[number] = known
        try:
            return [blocks[row_id >> BLOCK_BITS][row_id & SLOT_MASK] for row_id in row_ids]
        except IndexError:  # rows that came later
            return [relation.row(row_id, scn) for row_id in row_ids]

    def rows_of(self, row_ids: Sequence[int]) -> Iterator[list[tuple[int, Row]]]:
        """Yield (row id, row) of those rows that are visible, some thousand at a time."""
        peek = self.peek
        for first in range(0, len(row_ids), 1024):
            some = row_ids[first : first + 1024]
            yield [(row_id, row) for row_id in some if (row := peek(row_id)) is not None]

    def estimated_rows(self) -> int:
        """Return about how many rows the relation has."""
        return max(0, self.relation.count + (0 if self.own is None else self.own.count))

    def sample(self, size: int) -> list[Row]:
        """Return about so many rows, from blocks spread evenly over the relation: for estimates, not for answers."""
        count = self.relation.block_count()
        if count == 0 or self.own is not None:
            return list(islice(chain.from_iterable(self.row_blocks()), size))
        blocks = min(count, max(MOST_SAMPLED_BLOCKS, size // 64))
        each = max(1, size // blocks)
        # Rows at random, not every so many: those that belong together often stand together.
        random = Random(count)
        rows: list[Row] = []
        for number in range(blocks):
            block = self.relation.block(number * count // blocks)
            if block is not None:
                visible = block.visible(self.scn)
                rows.extend(visible if len(visible) <= each else random.sample(visible, each))
        return rows

    def index(self, index_oid: int) -> IndexView:
        """Return one of the relation's indexes as this statement sees it."""
        index = self.relation.indexes.get(index_oid)
        if index is None:
            if self.make_index is None:
                raise UndefinedObject(f"index {index_oid} does not exist")
            # Made on a branch after its fork, or here after a branch was: what the view shows has never been in it.
            index = self.make_index(index_oid)
            if not isinstance(index.method, Likely):  # which may know nothing: the other rows are read anyway
                index.method.build(self._index_entries(index))
        return IndexView(self, index)

    def _index_entries(self, index: TimelineIndex) -> Iterator[list[tuple[int, Sequence[Any]]]]:
        for row_ids, rows in self.item_blocks():
            yield [(row_id, keys) for row_id, row in zip(row_ids, rows) if (keys := index.elements(row))]

    def __iter__(self) -> Iterator[Any]:
        for rows in self.row_blocks():
            yield from rows


def _columns_of(rows: Sequence[Row], columns: Sequence[int]) -> tuple[int, list[list[Any]]]:
    return len(rows), [[value for row in rows if (value := row[place]) is not None] for place in columns]


def past_view(transaction: Transaction, relation_oid: int, at: Snapshot | tuple[Timeline, int]) -> RelationView:
    """Return what a relation was at a point of history, readable until the transaction ends."""
    store = transaction.store
    relation, scn = hold(transaction, relation_oid, at)

    def make_index(index_oid: int) -> TimelineIndex:
        return store.new_index(store.index(transaction.timeline, relation_oid, index_oid).spec)

    return RelationView(relation, scn, None, 0, make_index=make_index)


def hold(transaction: Transaction, relation_oid: int, at: Snapshot | tuple[Timeline, int]) -> tuple[Relation, int]:
    """Return a relation of the timeline that a point is on, and its SCN, readable until the transaction ends.

    Raises UndefinedObject for a timeline's name, and ObjectNotInPrerequisiteState where versions are gone.
    """
    store = transaction.store
    timeline, scn = at if isinstance(at, tuple) else (store.timeline(at.timeline), at.scn)
    while timeline.parent is not None and scn < timeline.fork:
        timeline = timeline.parent
    relation = store.create_relation(timeline, relation_oid)
    with store.commit_lock:  # so that nothing is dropped between the check and the registration
        store.check_readable(relation, scn)
        held = SnapshotHold(store.snapshots, scn)
    transaction.at_end(held.release)
    return relation, scn
