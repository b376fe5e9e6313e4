"""Hash tables of joins, INTERSECT and EXCEPT beyond ``work_mem``.

    build       a table that is full is put aside in parts and begun anew
    first pass  if anything was, the table is empty and every row of the other side is put aside in the same parts
    parts       one after the other: its table is filled, its rows of the other side come again

A part whose table does not fit is parted again by another hash. One key may have more rows than fit; no hash parts
these: they become a ``Spooled`` list, which is read anew for each row that meets it, as a nested loop does.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Any

from heliosdb.codegen.spill import FRAME, LEAST, PARTS, SAMPLE, Parts, Watched, size_of
from heliosdb.codegen.spool import Spooled

if TYPE_CHECKING:
    from collections.abc import Callable

    from heliosdb.session.execution import Execution
    from heliosdb.store.temporary import Frame

__all__ = ["JoinOverflow"]

FIRST_PARTS = 64
DEEPEST = 12
"""Rounds of parting; what then is still together has one hash."""
POLLED = 4096
"""Rows that come between two polls, if each gives no more than one."""
COUNTED_EVERY = 0.0001
"""Seconds before the rows of lists are counted again: polls of an index join come every few microseconds."""
KEYS_A_POLL = 8
"""Keys whose rows are counted for each poll, at most, where few rows come at a poll."""
IN_TABLE = 100
"""Bytes that an entry of a dict takes, and its list."""


class _LongBucket:
    """The rows of a key that has more than fit, while they come."""

    __slots__ = ("_frames", "_rows", "_starts", "_write")

    def __init__(self, rows: list[Any], write: Callable[[list[Any]], Frame]) -> None:
        self._write = write
        self._rows: list[Any] = []
        self._frames: list[Frame] = []
        self._starts = [0]
        for row in rows:
            self.append(row)

    def append(self, row: Any) -> None:
        self._rows.append(row)
        if len(self._rows) >= FRAME // 4:
            self._frames.append(self._write(self._rows))
            self._starts.append(self._starts[-1] + len(self._rows))
            self._rows = []

    def spooled(self, execution: Execution, file: Any) -> Spooled:
        return Spooled(execution, file, self._frames, self._starts, self._rows)


class JoinOverflow(Watched):
    """The table of a hash join, and what it had no room for.

    ``held`` is, by ``form``, a dict of packed rows ("unique"), of lists of them ("lists"), of pairs of such a list and
    a bytearray with a mark for each ("marks"), of numbers ("counts"), or a set of keys ("keys").
    """

    __slots__ = (
        "_counted",
        "_depth",
        "_form",
        "_has_lists",
        "_left",
        "_measured",
        "_next",
        "_pending",
        "_polls",
        "_right",
        "_room",
        "_wait",
        "_wanted",
    )

    def __init__(self, execution: Execution, table: Any, form: str, node: int = 0) -> None:
        super().__init__(execution, table, node)
        self._form = form
        self._has_lists = form in ("lists", "marks")
        if self._has_lists:
            # The number of keys says little.
            self.look = 0
        self._next = 0.0
        self._wait = 0
        self._polls = 1
        self._counted = 0
        self._measured = 0
        self._room = 0
        self._wanted = FIRST_PARTS
        """How many parts to make; of a part that does not fit as many as its size asks for."""
        self._depth = 0
        self._right: Parts | None = None
        self._left: Parts | None = None
        self._pending: list[tuple[int, list[Frame], list[Frame]]] = []

    def relieve(self) -> None:
        """Put the table aside where it is full."""
        if self._has_lists:
            return self._relieve_lists()
        fits = self._fits()
        if self._has_room(fits):
            return
        self._put_aside()
        self.look = self._again(fits)

    def _relieve_lists(self) -> None:
        """Count the rows of all keys; not at every poll, but when half of the room may have been taken."""
        now = monotonic()
        if now < self._next:
            return
        self._next = now + COUNTED_EVERY
        if self._wait > 0:
            self._wait -= 1
            return
        count = sum(len(self._bucket(key)) for key in self.held)
        # Where polls come for every few rows (those of an index join), counting so often would take longer than making
        # the rows: four times as many as came at each of the last polls are expected at the next.
        expected = min(POLLED, 4 * max(0, count - self._counted) // self._polls + 1)
        self._counted = count
        self._polls = 1
        if count < LEAST:
            return
        if not self._measured <= count < 2 * self._measured:
            step = max(1, len(self.held) // SAMPLE)
            sample = [(key, self._bucket(key)[-1]) for key in islice(self.held, 0, None, step)]
            self._note(count, sample)
            each = sum(map(size_of, sample)) // len(sample) + IN_TABLE * len(self.held) // count
            self._fits(sample)
            self._measured, self._room = count, self._budget // each
        fits = self._room
        if count < fits - fits // 8:
            slowest = (fits - count) // (2 * POLLED)
            self._wait = max(slowest, min((fits - count) // (2 * expected), len(self.held) // KEYS_A_POLL))
            self._polls += self._wait
            return
        self._make_room()
        self._counted = self._measured = 0

    def _make_room(self) -> None:
        self._put_aside()

    def _put_aside(self) -> Parts:
        right = self._right
        if right is None:
            right = self._right = self._parts(self._depth, self._wanted)
        put = right.put
        for key, row in self._items():
            put(key, (key, row))
        self.held.clear()
        self._counted = 0
        return right

    def _items(self) -> Iterator[tuple[Any, Any]]:
        """Yield what the table holds as (key, row)."""
        if self._form == "keys":
            for key in self.held:
                yield key, None
        elif self._has_lists:
            for key in self.held:
                for row in self._bucket(key):
                    yield key, row
        else:
            yield from self.held.items()

    def _bucket(self, key: Any) -> Any:
        bucket = self.held[key]
        return bucket[0] if self._form == "marks" else bucket

    def end_build(self) -> bool:
        """Return whether the other side's rows have to be parted, when the table's input has ended."""
        self.end()
        if self._right is None:
            return False
        self._left = self._put_aside().twin()
        return True

    def put(self, key: Any, row: Any) -> None:
        """Put a row of the other side aside."""
        assert self._left is not None
        self._left.put(key, (key, row))

    def next(self) -> Iterator[Any] | None:
        """Fill the table with the next part and return the other side's rows of it; None at the end."""
        self._queue()
        while self._pending:
            self._depth, right, left = self._pending.pop()
            if not left and self._form != "marks":
                # Only of a full join rows go on that nobody asked for.
                continue
            self.held.clear()
            if self.report is not None:
                self.report.batches += 1
            if self._load(right):
                return (row for _, row in self._read(left))
            assert self._right is not None
            self._left = self._right.twin()
            for key, row in self._read(left):
                self._left.put(key, (key, row))
            self._queue()
        self._close()
        return None

    def parts(self) -> Iterator[Iterator[Any]]:
        """Fill the table with one part after the other, and yield the other side's rows that belong to it."""
        while (part := self.next()) is not None:
            yield part

    def _queue(self) -> None:
        if self._left is None or self._right is None:
            return
        pairs = zip(self._right.close(), self._left.close(), strict=True)
        self._pending += [(self._depth + 1, right, left) for right, left in pairs if right or left]
        self._right = self._left = None

    # -- filling the table of a part -----------------------------------------------------------------------------------

    def _load(self, frames: list[Frame]) -> bool:
        """Fill the table; False where it does not fit: then all of the part's rows are put aside in smaller parts."""
        execution, file = self._execution, self.file
        assert file is not None
        size = 0
        long: dict[Any, _LongBucket] = {}
        for number, frame in enumerate(frames):
            if execution.cancelled:
                execution.raise_cancelled()
            items = file.read(frame)
            self._enter(items)
            sample = items[:: max(1, len(items) // 4)]
            size += len(items) * (sum(map(size_of, sample)) // len(sample) + IN_TABLE)
            while size > self._budget and len(self.held) > len(long):
                share = self._shorten(long)
                if share:
                    size = int(size * (1 - share))
                elif self._depth < DEEPEST:
                    self._spool(long)
                    self._each = max(1, size // (1 + len(self.held)))
                    self._wanted = max(2, min(PARTS, 2 * size * len(frames) // ((number + 1) * self._budget)))
                    right = self._put_aside()
                    for rest in frames[number + 1 :]:
                        for item in file.read(rest):
                            right.put(item[0], item)
                    return False
                else:
                    break
        self._spool(long)
        if self._form == "marks":
            for rows, marks in self.held.values():
                marks += bytes(len(rows))
        if self.report is not None:
            self.report.memory = max(self.report.memory, size)
        return True

    def _enter(self, items: list[tuple[Any, Any]]) -> None:
        table, form = self.held, self._form
        if form == "unique":
            table.update(items)
        elif form == "keys":
            table.update([key for key, _ in items])
        elif form == "counts":
            for key, count in items:
                table[key] = table.get(key, 0) + count
        elif form == "lists":
            for key, row in items:
                table.setdefault(key, []).append(row)
        else:
            for key, row in items:
                table.setdefault(key, ([], bytearray()))[0].append(row)

    def _shorten(self, long: dict[Any, _LongBucket]) -> float:
        """Put the rows of the key that has most aside, if that helps more than parting; return their share."""
        if not self._has_lists:
            return 0.0
        lengths = {key: len(self._bucket(key)) for key in self.held if key not in long}
        most = max(lengths, key=lengths.__getitem__)
        share = lengths[most] / sum(lengths.values())
        if share < 0.25:
            return 0.0
        bucket = long[most] = _LongBucket(self._bucket(most), self._write)
        self._replace(most, bucket)
        return share

    def _replace(self, key: Any, bucket: Any) -> None:
        self.held[key] = (bucket, bytearray()) if self._form == "marks" else bucket

    def _spool(self, long: dict[Any, _LongBucket]) -> None:
        for key, bucket in long.items():
            self._replace(key, bucket.spooled(self._execution, self.file))
