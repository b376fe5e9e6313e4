"""What a transaction has written to many rows of a block by one statement.

    OwnBlock    command, rows by slot, which slots were written, and the own block before it:
                    a bulk insert's            every slot from the first on, and nothing before it
                    an UPDATE's, a DELETE's    the new rows, None where deleted

So a statement's change of a whole block is one object with one list, and not an entry, a lock and a way back for each
row. The rows may be in a file (``aside``). What is written to single rows later stands in ``RelationWrites.blocks`` and
goes before.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping, Sequence
from itertools import compress
from typing import TYPE_CHECKING, Any

from heliosdb.store.rows_elsewhere import RowsElsewhere

if TYPE_CHECKING:
    from heliosdb.store.growing_segments import WrittenRows
    from heliosdb.store.versions import Row
    from heliosdb.transaction.aside import AsideRows

__all__ = ["ABSENT", "ChangedSlots", "OwnBlock", "OwnRows"]


class _Absent:
    """Marks that a transaction has not touched a row."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False


ABSENT: Any = _Absent()


class OwnBlock:
    """See the module. ``written`` has a byte a slot, 1 where there is an own row; None: every slot has one."""

    __slots__ = ("before", "command", "is_new", "rows", "written")

    def __init__(
        self, command: int, rows: list[Any], written: bytes | None, before: OwnBlock | None, *, is_new: bool
    ) -> None:
        self.command = command
        self.rows: list[Row | None] | AsideRows | WrittenRows = rows
        self.written = written
        self.before = before
        self.is_new = is_new
        """Whether the block's rows come to be by this transaction."""

    @property
    def count(self) -> int:
        """How many rows were written."""
        return len(self.rows) if self.written is None else self.written.count(1)

    def has(self, slot: int) -> bool:
        """Whether there is an own row in a slot, or nothing in place of one."""
        return slot < len(self.rows) and (self.written is None or self.written[slot] == 1)

    def newest(self, slot: int) -> tuple[int, Any]:
        """Return (command, row) of the own newest version in a slot, (-1, ABSENT) if untouched."""
        entry: OwnBlock | None = self
        while entry is not None:
            if entry.has(slot):
                return entry.command, entry.rows[slot]
            entry = entry.before
        return -1, ABSENT

    def visible(self, slot: int, command: int) -> Any:
        """Return the own version in a slot that a statement with this command id sees; ABSENT if it sees none."""
        entry: OwnBlock | None = self
        while entry is not None:
            if entry.command < command and entry.has(slot):
                return entry.rows[slot]
            entry = entry.before
        return ABSENT

    def over(self, rows: list[Any], command: int | None = None, nothing: Any = None) -> list[Any]:
        """Return rows by slot with the own ones in their place, those of commands before the given one; all, if none
        is given. ``nothing`` stands where there is neither. The list may be shared: do not change it."""
        if self.before is not None:
            rows = self.before.over(rows, command, nothing)
        if command is not None and self.command >= command:
            return rows
        own = self.rows if isinstance(self.rows, list) else self.rows.read()
        if self.written is None:
            return [*own, *rows[len(own) :]] if len(rows) > len(own) else own
        result = rows + [nothing] * (len(own) - len(rows))
        for slot in compress(range(len(own)), self.written):
            result[slot] = own[slot]
        return result

    def covers(self, slots: Sequence[int]) -> bool | None:
        """Whether all of these slots were written; None where some were and others not."""
        touched = [self.newest_command(slot) >= 0 for slot in slots]
        return all(touched) if all(touched) or not any(touched) else None

    def newest_command(self, slot: int) -> int:
        """Return the command that has last written a slot, -1 if none has."""
        entry: OwnBlock | None = self
        while entry is not None:
            if entry.has(slot):
                return entry.command
            entry = entry.before
        return -1


class OwnRows(RowsElsewhere):
    """The newest rows of a new block, worked out when they are asked for."""

    def __init__(self, entry: OwnBlock, later: Mapping[int, Any]) -> None:
        self._entry = entry
        self._later = later
        length = len(entry.rows)
        while entry.before is not None:
            entry = entry.before
            length = max(length, len(entry.rows))
        super().__init__(length)

    def read(self) -> list[Any]:
        """Return the rows."""
        rows = self._entry.over([])
        if self._later:
            rows = rows[:]
            for slot, entry in self._later.items():
                if slot < len(rows):
                    rows[slot] = entry[1]
        return rows


class ChangedSlots(Mapping[int, Any]):
    """The newest own rows of a block by slot, worked out when they are asked for; ``at_least`` is about how many."""

    def __init__(self, entry: OwnBlock, later: Mapping[int, Any]) -> None:
        self._entry = entry
        self._later = later
        self.at_least = entry.count

    def to_dict(self) -> dict[int, Row | None]:
        """Return them."""
        rows = self._entry.over([], nothing=ABSENT)
        found = {slot: row for slot, row in enumerate(rows) if row is not ABSENT}
        for slot, entry in self._later.items():
            found[slot] = entry[1]
        return found

    def items(self) -> ItemsView[int, Any]:
        """Return slots and rows."""
        return self.to_dict().items()

    def __getitem__(self, slot: int) -> Any:
        later = self._later.get(slot)
        if later is not None:
            return later[1]
        row = self._entry.newest(slot)[1]
        if row is ABSENT:
            raise KeyError(slot)
        return row

    def __iter__(self) -> Iterator[int]:
        return iter(self.to_dict())

    def __len__(self) -> int:
        return len(self.to_dict())
