"""Blocks: 4,096 consecutive row ids and the versions of their rows.

    row id 8195  =  block 2, slot 3

    Block      rows      [r0, r1, None, r3 ...]   newest version of each slot when the block was made; never changed
               begin     17                       SCN from which all of ``rows`` (and its holes) are as they stand
               begins    array or None            SCN of each slot, where an older reader may still need to know
               history   {slot: older}            superseded versions of rows in ``rows``
               source    where these two are to be had, as long as nobody has asked for them
               overlay   {slot: (scn, row, older)}  changes since, made in place by the committer

Readers take no lock. ``rows`` is immutable and ``dict.copy`` is atomic, so a reader at SCN s has two cases: nothing
in the overlay and s >= begin, which is the list itself, as it is, without a check; or a copy of the list, corrected
from a copy of the overlay. An overlay entry that is younger than s answers with its ``older``.

``fold`` makes a new block of an old one: the overlay moves into ``rows``, what nobody needs is dropped, and the new
block takes the old one's place in the relation's list by one assignment. Readers that hold the old block go on with it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any, Protocol

from heliosdb.store.block_column import BlockColumn, Range
from heliosdb.store.column_values import BlockForms, FormsRoom
from heliosdb.store.versions import PRUNED, Older, Row, is_full, lookup, trimmed
from heliosdb.store.versions import history as versions_of

__all__ = ["BLOCK_BITS", "BLOCK_SIZE", "SLOT_MASK", "Block", "Entry", "VersionSource"]

BLOCK_BITS = 12
BLOCK_SIZE = 1 << BLOCK_BITS
SLOT_MASK = BLOCK_SIZE - 1

Entry = tuple[int, Row | None, Older]


class VersionSource(Protocol):
    """Who has what was before the rows of a block."""

    def read(self) -> tuple[array[int] | None, dict[int, Older] | None]:
        """Return ``begins`` and ``history``."""
        ...


_FIRST, _SECOND = itemgetter(0), itemgetter(1)


class Block:
    """See the module. ``exact`` is False where ``begin`` may be later than the rows' true beginning."""

    __slots__ = (
        "_columns",
        "_forms",
        "_packed",
        "begin",
        "begins",
        "dense",
        "exact",
        "history",
        "met",
        "overlay",
        "past",
        "rows",
        "scattered",
        "source",
    )

    def __init__(
        self,
        rows: list[Row | None],
        begin: int,
        *,
        dense: bool = True,
        exact: bool = True,
        begins: array[int] | None = None,
        history: dict[int, Older] | None = None,
        overlay: dict[int, Entry] | None = None,
        source: VersionSource | None = None,
    ) -> None:
        self.rows = rows
        self.begin = begin
        self.dense = dense
        self.exact = exact
        self.begins = begins
        self.history = history
        self.source = source
        self.overlay: dict[int, Entry] = {} if overlay is None else overlay
        self._packed: list[Row] | None = None
        self._columns: dict[int, BlockColumn] = {}
        self._forms: BlockForms | None = None
        self.past: tuple[int, list[Row | None], list[Row]] | None = None
        """(SCN, one item a slot, the rows alone): what the last reader saw who came from before the last change."""
        self.met = 0
        """How many overlay entries the last scan met."""
        self.scattered = 0
        """How many of the rows, about, came one by one since all were made together: they lie anywhere in memory."""

    @property
    def is_empty(self) -> bool:
        """Whether there is no row and no history in it."""
        if self.has_versions or self.dense or self.overlay:
            return False
        return self.rows.count(None) == len(self.rows)

    @property
    def has_versions(self) -> bool:
        """Whether something is known of what was before ``begin``."""
        return self.begins is not None or self.source is not None

    def load_versions(self) -> array[int] | None:
        """Have ``begins`` and ``history`` here, and return the former; DataCorrupted where they cannot be read."""
        source = self.source
        if source is not None:
            begins, history = source.read()
            # In this order: who finds begins looks at history, and who finds no source has both.
            self.history = history
            self.begins = array("q", [self.begin]) * len(self.rows) if begins is None else begins
            self.source = None
        return self.begins

    def visible(self, scn: int) -> list[Row]:
        """Return the rows that a reader at this SCN sees, in row-id order. The list must not be changed."""
        if scn >= self.begin and not self.overlay:
            if self.dense:
                return self.rows  # type: ignore[return-value]
            packed = self._packed
            if packed is None:
                packed = self._packed = [row for row in self.rows if row is not None]
            return packed
        if scn >= self.begin and self.dense:
            changed = self._with_overlay(scn)
            if changed is not None:
                return changed
        rows = self.positional(scn)
        past = self.past
        if past is not None and past[1] is rows:
            return past[2]
        return [row for row in rows if row is not None]

    def known(self, scn: int) -> list[Row | None] | None:
        """Return one item a slot where that takes no work, else None."""
        if scn >= self.begin and not self.overlay:
            return self.rows
        past = self.past
        return past[1] if past is not None and past[0] == scn else None

    def has_changed_since(self, scn: int) -> bool:
        """Whether a reader at an SCN sees what is no longer the newest."""
        return scn < self.begin or any(entry[0] > scn for entry in self.overlay.copy().values())

    def candidates(self, scn: int, ranges: Sequence[Range]) -> Sequence[Row]:
        """Return what ``visible`` does, rows left out that are surely in none of the ranges."""
        if self.overlay and self.dense and scn >= self.begin:
            changed = self._changed_candidates(scn, ranges)
            if changed is not None:
                return changed
        rows = self.visible(scn)
        for place, low, high in ranges:
            column = self._column(rows, place)
            if column is not None:
                found = column.rows(low, high)
                if len(found) < len(rows):
                    return found
        return rows

    def _changed_candidates(self, scn: int, ranges: Sequence[Range]) -> Sequence[Row] | None:
        """Do this for a block with an overlay and no holes below it; None where no range helps."""
        rows: Sequence[Any] = self.rows
        for place, low, high in ranges:
            column = self._column(rows, place)
            places = None if column is None else column.places(low, high)
            if places is None:
                continue
            overlay = self.overlay.copy()
            found = {slot: rows[slot] for slot in places if slot not in overlay}
            for slot, (begin, row, older) in overlay.items():
                if begin > scn:
                    row = lookup(older, scn)
                if row is None:
                    continue
                value = row[place]
                if value is not None and (low is None or not value < low) and (high is None or not value > high):
                    found[slot] = row
            return [found[slot] for slot in sorted(found)]
        return None

    def ends(self, scn: int, place: int) -> tuple[Any, Any, Sequence[Row]]:
        """Return (least, greatest, rows): what ``visible`` does and a column's extremes, None where not known."""
        rows = self.visible(scn)
        column = self._column(rows, place)
        if column is None:
            return None, None, rows
        column.look_at_ends()
        return column.least, column.greatest, rows

    def formed(
        self, scn: int, ranges: Sequence[Range], room: FormsRoom
    ) -> Iterator[tuple[Sequence[Row], BlockForms | None, list[int] | None]]:
        """Yield what ``candidates`` gives: rows, what functions made of their columns where these are the block's own,
        and the places of the rows that are meant (None: all). The block's own come before those that have changed.
        """
        rows: Sequence[Any] = self.rows
        if not (self.overlay and self.dense and scn >= self.begin):
            found = self.candidates(scn, ranges)
            own = found is rows or (found is self._packed and found)
            if found:
                yield found, (self.own_forms(room) if own else None), None
            return
        changed = self._changed_candidates(scn, ranges) if ranges else None
        if changed is not None:
            if changed:
                yield changed, None, None
            return
        overlay = self.overlay.copy()
        places = list(range(len(rows)))
        for slot in sorted(overlay, reverse=True):
            if slot < len(rows):
                del places[slot]
        if places:
            yield rows, self.own_forms(room), places
        others = [row if begin <= scn else lookup(older, scn) for begin, row, older in overlay.values()]
        present: list[Row] = [row for row in others if row is not None]
        if present:
            yield present, None, None

    def own_forms(self, room: FormsRoom) -> BlockForms:
        """Return what functions made of the columns of ``rows``."""
        forms = self._forms
        if forms is None:
            forms = self._forms = BlockForms(room)
        forms.used = room.scans
        return forms

    def _column(self, rows: Sequence[Row], place: int) -> BlockColumn | None:
        """Return what is known of a column of these rows, None where they are not the block's own."""
        if rows is not self.rows and rows is not self._packed:
            return None
        column = self._columns.get(place)
        if column is None:
            column = self._columns[place] = BlockColumn(rows, place)
        return column

    def _with_overlay(self, scn: int) -> list[Row] | None:
        """Return a copy of ``rows``, which has no holes, as the overlay changes it; None where that makes holes, or
        something was changed after the SCN."""
        overlay = self.overlay.copy()
        if overlay and max(overlay) >= len(self.rows):
            return None
        rows = self.rows[:]
        for slot, (begin, row, _) in overlay.items():
            if begin > scn or row is None:
                return None
            rows[slot] = row
        return rows  # type: ignore[return-value]

    def positional(self, scn: int) -> list[Row | None]:
        """Return one item a slot, None where the reader sees no row. The list may be the block's own: do not change
        it."""
        past = self.past
        if past is not None and past[0] == scn:
            return past[1]
        overlay = self.overlay.copy()
        rows = self.rows
        older: list[Any] = []
        if scn < self.begin:
            rows, older = self._older_rows(scn)
        elif not overlay:
            return rows
        else:
            rows = rows[:]
        if overlay:
            missing = max(overlay) + 1 - len(rows)
            if missing > 0:
                rows.extend([None] * missing)
            for slot, (changed, row, before) in overlay.items():
                if changed > scn:
                    row = lookup(before, scn)
                    older.append(row)
                rows[slot] = row
        if older and PRUNED not in older:
            # What was there at an SCN never changes: the next reader of the same past has it for nothing.
            self.past = (scn, rows, rows if is_full(rows) else [row for row in rows if row is not None])  # type: ignore[assignment]
        return rows

    def _older_rows(self, scn: int) -> tuple[list[Row | None], list[Any]]:
        """Return one item a slot from before ``begin``, and those of them that are no longer the newest."""
        begins = self.load_versions()
        if begins is None:
            return [None] * len(self.rows), []
        rows, find = self.rows[:], (self.history or {}).get
        older = []
        for slot in [slot for slot, begin in enumerate(begins) if begin > scn]:
            rows[slot] = row = lookup(find(slot), scn)
            older.append(row)
        return rows, older

    def row(self, slot: int, scn: int) -> Any:
        """Return a slot's row at an SCN, None, or PRUNED (to a reader without a registered snapshot only)."""
        entry = self.overlay.get(slot)
        if entry is not None:
            return entry[1] if entry[0] <= scn else lookup(entry[2], scn)
        rows = self.rows
        if slot >= len(rows):
            return None
        if scn >= self.begin:
            return rows[slot]
        begins = self.begins if self.source is None else self.load_versions()
        if begins is None:
            return None if self.exact else PRUNED
        if begins[slot] <= scn:
            return rows[slot]
        return lookup(self.history.get(slot) if self.history else None, scn)

    def newest(self, slot: int) -> tuple[int, Row | None]:
        """Return (SCN, row) of the newest version, published or pending; (0, None) for a slot never used."""
        entry = self.overlay.get(slot)
        if entry is not None:
            return entry[0], entry[1]
        rows = self.rows
        if slot >= len(rows):
            return 0, None
        begins = self.begins if self.source is None else self.load_versions()
        return (self.begin if begins is None else begins[slot]), rows[slot]

    def changes(self, first: int, slots: dict[int, Row | None]) -> list[tuple[int, Row | None, Row | None]]:
        """Return (row id, newest row, new row) for new rows by slot; ``first`` is the row id of slot 0."""
        overlay, rows = self.overlay, self.rows
        if slots and max(slots) < len(rows) and overlay.keys().isdisjoint(slots):
            found = [(first + slot, rows[slot], row) for slot, row in slots.items()]
        else:
            newest = self.newest
            found = [(first + slot, newest(slot)[1], row) for slot, row in slots.items()]
        return [change for change in found if change[1] is not None or change[2] is not None]

    def newest_with_older(self, slot: int) -> Entry:
        """Return the newest version with what came before it."""
        entry = self.overlay.get(slot)
        if entry is not None:
            return entry
        rows = self.rows
        if slot >= len(rows):
            return 0, None, None
        begins = self.begins if self.source is None else self.load_versions()
        if begins is None:
            row = rows[slot]
            if row is None and self.exact:
                return 0, None, None
            return self.begin, row, (None if self.exact else PRUNED)
        return begins[slot], rows[slot], (self.history.get(slot) if self.history else None)

    def fold(self, readers: Sequence[int] | None, horizon: int | None = None) -> tuple[Block, int]:
        """Return a block of the same versions without overlay, and the SCN before which something was dropped (or 0).

        ``readers`` are the SCNs at which somebody may read, in ascending order, None where everything is kept. With a
        ``horizon`` versions that ended after it stay, too.
        """
        overlay = self.overlay
        size = max(len(self.rows), max(overlay, default=-1) + 1)
        rows = self.rows + [None] * (size - len(self.rows))
        for slot, entry in overlay.items():
            rows[slot] = entry[1]
        newest = max(self.begin, max(map(_FIRST, overlay.values()), default=0))
        dense = self.dense and size == len(self.rows) and None not in map(_SECOND, overlay.values())
        dense = dense or is_full(rows)
        is_over = horizon is None or horizon >= newest
        if readers is not None and is_over and (not readers or readers[0] >= newest):
            folded = Block(rows, newest, dense=dense, exact=False)
            return self._with_columns(folded), newest
        begins, history = self._versions(size)
        lost = 0
        if readers is not None:
            # What is dropped reads as "nothing was there": right for registered readers, and whoever holds no snapshot
            # and finds nothing looks again.
            for slot, older in tuple(history.items()):
                kept, ended = trimmed(older, begins[slot], readers, horizon)
                lost = max(lost, ended)
                if kept is None:
                    del history[slot]
                elif kept is not older:
                    history[slot] = kept
        folded = Block(rows, newest, dense=dense, begins=begins, history=history or None)
        folded.past = self.past
        return self._with_columns(folded), lost

    def superseded(self) -> int:
        """Count the older versions of rows that are kept, deleted rows among them; DataCorrupted where they cannot be
        read."""
        self.load_versions()
        history = dict(self.history) if self.history else {}
        history.update((slot, entry[2]) for slot, entry in self.overlay.items())
        return sum(row is not None for older in history.values() for _, row in versions_of(older))

    def _with_columns(self, folded: Block) -> Block:
        """Tell a block made of this one what is known of it."""
        folded.scattered = self.scattered + len(self.overlay)
        if folded.dense and self.dense:
            rows: Sequence[Any] = folded.rows
            for place, column in self._columns.copy().items():
                folded._columns[place] = column.moved(rows, self.overlay)
        return folded

    def together(self, rows: list[Row | None]) -> Block:
        """Return a block with equal rows that were made together. There is no overlay."""
        made = Block(
            rows,
            self.begin,
            dense=self.dense,
            exact=self.exact,
            begins=self.begins,
            history=self.history,
            source=self.source,
        )
        self._with_columns(made)
        made.scattered = 0
        return made

    def _versions(self, size: int) -> tuple[array[int], dict[int, Older]]:
        """Return the begin of every slot's newest version, and what came before."""
        known = self.load_versions()
        begins = array("q", [self.begin]) * len(self.rows) if known is None else array("q", known)
        begins.extend([0] * (size - len(begins)))
        history = dict(self.history) if self.history else {}
        for slot, (scn, _, older) in self.overlay.items():
            begins[slot] = scn
            history.pop(slot, None)
            if older is not None:
                history[slot] = older
        return begins, history
