"""Rows merged three ways: base, source, target, by primary key where a table has one, else by row id.

    what the source did since the base   the target's row is       the merged table has
    nothing                              (not looked at)           the target's row
    inserted                             absent                    the row, under its own id
                                         there, the same           that row
                                         there, another            a conflict: both inserted it
    deleted                              as in the base            no row
                                         another                   a conflict: deleted and changed
    changed                              absent                    a conflict: changed and deleted
                                         there                     column by column: what only one side changed is
                                                                   taken; both, to different values: a conflict

So the cost is that of what the source changed. Rows without a key keep their id from branch to branch, so they are
told apart as long as they live; what two branches inserted are different rows, equal or not.

The three have layouts of their own: columns are matched by attribute number, and a side may lack one (``MISSING``).
Generated columns are not compared; they are computed anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from attrs import define, field, frozen

from heliosdb.spi import Difference, Relation, RowChange, is_same_datum

__all__ = ["MISSING", "Conflict", "RowConflict", "TableMerge", "TableSides", "merge_rows"]

Row = tuple[Any, ...]
MISSING: Any = type("Missing", (), {"__repr__": lambda self: "MISSING", "__slots__": ()})()
"""In the place of a column that a side does not have."""


@frozen
class Conflict:
    """Something that both sides changed. ``kind`` says how; the values are texts, None where there is none."""

    table: str
    key: str | None
    kind: str
    column: str | None = None
    base: str | None = None
    source: str | None = None
    target: str | None = None


@frozen
class RowConflict:
    """A row that both sides changed, laid out as the merged table: ``slots`` are the columns, none for the row's
    existence."""

    kind: str
    slots: tuple[int, ...]
    base: Row | None
    source: Row | None
    target: Row | None


@frozen
class TableSides:
    """The definitions of one table: merged, and on each side; None where a side has no such table."""

    merged: Relation
    base: Relation | None
    source: Relation | None
    target: Relation | None

    @property
    def needs_rewriting(self) -> bool:
        """Whether rows of the target that nobody has changed become others: for columns that come, or are computed
        otherwise."""
        own = {} if self.target is None else {column.number: column for column in self.target.columns}
        return self.target is not None and any(
            not column.dropped
            and (
                column.number not in own
                or own[column.number].dropped
                or own[column.number].generated != column.generated
            )
            for column in self.merged.columns
        )

    @property
    def key_columns(self) -> tuple[int, ...]:
        """The numbers of the primary key's columns, where all sides have the same; () else."""
        keys = {_primary_key(side) for side in (self.merged, self.base, self.source, self.target) if side is not None}
        return next(iter(keys)) if len(keys) == 1 else ()


@define
class TableMerge:
    """What is to be done to the target's table. ``inserts`` have their row ids on the source."""

    changes: list[tuple[int, Row, Row]] = field(factory=list)
    """(row id, the target's row, what it becomes)."""
    deletes: dict[int, Row] = field(factory=dict)
    inserts: list[tuple[int, Row]] = field(factory=list)
    conflicts: list[RowConflict] = field(factory=list)

    def by_defaults(self, storage: Any) -> dict[tuple[int, ...], list[RowChange]]:
        """Return the changes by the numbers of the columns that get their defaults. ``storage`` is the target's
        table: a row that comes keeps its id where it is free there."""
        found: dict[tuple[int, ...], list[RowChange]] = {}
        deletes, taken = dict(self.deletes), set()
        for row_id, old, new in self.changes:
            _add(found, row_id, old, new)
        for row_id, new in self.inserts:
            before = deletes.pop(row_id, None)
            if row_id in taken or (before is None and storage.newest(row_id)[1] is not None):
                row_id = storage.row_ids.take()
            taken.add(row_id)
            _add(found, row_id, before, new)
        found.setdefault((), []).extend((row_id, old, None) for row_id, old in deletes.items())
        return found


def _add(found: dict[tuple[int, ...], list[RowChange]], row_id: int, old: Row | None, new: Row) -> None:
    defaults: tuple[int, ...] = ()
    if MISSING in new:
        defaults = tuple([slot + 1 for slot, value in enumerate(new) if value is MISSING])
        new = tuple([None if value is MISSING else value for value in new])
    found.setdefault(defaults, []).append((row_id, old, new))


def merge_rows(
    sides: TableSides,
    differences: Iterable[Difference],
    key_of: Callable[[Row], Any] | None,
    find: Callable[[Any], tuple[int, Row] | None],
    wins: str,
    rest: Iterable[tuple[int, Row]] = (),
) -> TableMerge:
    """Merge what the source did to a table (row id, row in the base, row of the source) into the target's.

    ``key_of`` makes the key of a row; None: rows are matched by id. ``find`` gives the target's row, with its id, by
    key or id. ``wins`` is the side whose change is taken in a conflict: "source", or else the target. ``rest`` are
    the target's rows, where they are to be rewritten though nobody has changed them.
    """
    merged = TableMerge()
    lay_base, lay_source, lay_target = (layout(sides.merged, side) for side in (sides.base, sides.source, sides.target))
    live = [c.number - 1 for c in sides.merged.columns if not c.dropped and c.generated is None]
    pairs: dict[Any, list[Any]] = {}
    for row_id, old, new in differences:
        if old is not None:
            pairs.setdefault(row_id if key_of is None else key_of(old), [None, None])[0] = old
        if new is not None:
            pairs.setdefault(row_id if key_of is None else key_of(new), [None, None])[1] = (row_id, new)
    for key, (old, new) in pairs.items():
        base = None if old is None else lay_base(old)
        source = None if new is None else lay_source(new[1])
        found = find(key)
        target = None if found is None else lay_target(found[1])
        if source is None:
            if base is None or target is None or found is None:
                continue
            if not _changed(live, base, target):
                merged.deletes[found[0]] = found[1]
                continue
            merged.conflicts.append(RowConflict("deleted and changed", (), base, None, target))
            if wins == "source":
                merged.deletes[found[0]] = found[1]
        elif target is None or found is None:
            if base is not None:
                if not _changed(live, base, source):
                    continue
                merged.conflicts.append(RowConflict("changed and deleted", (), base, source, None))
                if wins != "source":
                    continue
            merged.inserts.append((new[0], source))
        else:
            row, slots = _columns(live, base, source, target, wins)
            if slots:
                kind = "inserted twice" if base is None else "changed twice"
                merged.conflicts.append(RowConflict(kind, () if base is None else slots, base, source, target))
            if any(row[slot] is not target[slot] for slot in live):
                merged.changes.append((found[0], found[1], row))
    done = {row_id for row_id, _, _ in merged.changes}
    for row_id, row in rest:
        if row_id not in done and row_id not in merged.deletes:
            merged.changes.append((row_id, row, lay_target(row)))
    return merged


def _columns(live: Sequence[int], base: Row | None, source: Row, target: Row, wins: str) -> tuple[Row, tuple[int, ...]]:
    """Return a row of two, and the slots that both have changed. Without a base, one of the two rows wins whole."""
    row, slots = list(target), []
    for slot in live:
        theirs, ours = source[slot], target[slot]
        if theirs is MISSING or is_same_datum(theirs, ours):
            continue
        before = MISSING if base is None else base[slot]
        if ours is MISSING or (before is not MISSING and is_same_datum(ours, before)):
            row[slot] = theirs
        elif before is MISSING or not is_same_datum(theirs, before):
            slots.append(slot)
            if wins == "source":
                row[slot] = theirs
    return tuple(row), tuple(slots)


def _changed(live: Sequence[int], before: Row, after: Row) -> bool:
    """Whether a column that both rows have is another."""
    return any(
        before[slot] is not MISSING and after[slot] is not MISSING and not is_same_datum(before[slot], after[slot])
        for slot in live
    )


def layout(merged: Relation, side: Relation | None) -> Callable[[Row], Row]:
    """Return what lays a side's row out as the merged table."""
    own = {} if side is None else {column.number: column for column in side.columns}
    slots = [
        None if column.dropped else MISSING if column.number not in own or own[column.number].dropped else number
        for number, column in enumerate(merged.columns)
    ]
    width = len(slots)
    if slots == list(range(width)) and side is not None and len(side.columns) == width:
        return lambda row: row if len(row) == width else row + (None,) * (width - len(row))

    def lay_out(row: Row) -> Row:
        size = len(row)
        return tuple([
            slot if slot is None or slot is MISSING else row[slot] if slot < size else None for slot in slots
        ])  # fmt: skip

    return lay_out


def _primary_key(relation: Relation) -> tuple[Any, ...]:
    """Return the columns of the primary key, with their types: where these differ, so do keys."""
    for constraint in relation.constraints:
        if constraint.kind == "primary key":
            return tuple([(number, relation.columns[number - 1].stored_type) for number in constraint.columns])
    return ()
