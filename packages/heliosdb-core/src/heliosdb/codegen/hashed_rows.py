"""The rows of an uncorrelated ``= ANY`` subquery as a set of hash keys, with SQL's rule for NULLs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from heliosdb.codegen.key_set import KeySet
from heliosdb.codegen.spill import LEAST, NEVER, Watched
from heliosdb.types.definitions import resolve_implementation

if TYPE_CHECKING:
    from heliosdb.session.execution import Execution

__all__ = ["HashedRows"]

Row = tuple[Any, ...]


class HashedRows(Watched):
    """Watches the list that generated code collects the rows in; a list that is full goes into sets that may go to a
    file. ``finish`` says that the last row has come.
    """

    __slots__ = ("_is_plain", "_keys", "_node", "_set", "_width", "_with_null")

    def __init__(self, execution: Execution, rows: list[Row], classes: Sequence[Any], node: int = 0) -> None:
        super().__init__(execution, rows)
        self._node = node
        self._keys = [
            None if c is None or c.identity or c.hash_key is None else resolve_implementation(c.hash_key)
            for c in classes
        ]
        self._width = len(classes)
        self._is_plain = False
        """Whether the values are their own keys, all in memory and none of them NULL."""
        self._set: Collection[Row] = ()
        self._with_null: Collection[Row] = ()

    def _key(self, row: Row) -> Row:
        return tuple([v if k is None or v is None else k(v) for k, v in zip(self._keys, row, strict=True)])

    def relieve(self) -> None:
        """Move the rows into the sets."""
        fits = max(LEAST, self._fits() // 2)
        if self._has_room(fits):
            return
        self.look = NEVER
        self._move()
        self.look = self._again(fits)

    def _move(self) -> None:
        if not isinstance(self._set, KeySet) or not isinstance(self._with_null, KeySet):
            self._set, self._with_null = KeySet(self._execution, self._node), KeySet(self._execution)
        keys = list(map(self._key, self.held))
        self.held.clear()
        self._set.update(keys)
        self._with_null.update([key for key in keys if None in key])

    def finish(self) -> HashedRows:
        """Return the set, now that all rows are there."""
        self.end()
        if isinstance(self._set, KeySet):
            self._move()
            return self
        keyed = list(map(self._key, self.held)) if any(self._keys) else self.held
        self._with_null = [row for row in keyed if None in row]
        self._set = set(keyed)
        self._is_plain = not self._with_null and not any(self._keys)
        self.held = []
        return self

    def contains(self, row: Row) -> bool | None:
        """Return whether the row is among them; None where only a NULL leaves it open."""
        if self._is_plain and None not in row:
            return row in self._set
        if not self._set:
            return False
        key = self._key(row)
        if None not in key:
            if key in self._set:
                return True
            return None if any(_may_equal(key, other) for other in self._with_null) else False
        return None if any(_may_equal(key, other) for other in self._set) else False


def _may_equal(left: Row, right: Row) -> bool:
    return all(a is None or b is None or a == b for a, b in zip(left, right, strict=True))
