"""Partitions, peers and frames of window functions, as generated code uses them (PostgreSQL 15, section 4.2.8)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain, groupby, repeat
from typing import TYPE_CHECKING, Any

from heliosdb import errors
from heliosdb.codegen.spill import LEAST, LEAST_BUDGET, size_of
from heliosdb.codegen.spill_sort import Passes, sorted_rows
from heliosdb.codegen.spool import Spool, Spooled
from heliosdb.sorting import sort_rows

if TYPE_CHECKING:
    from heliosdb.session.execution import Execution

PIECES = 8
"""Which part of ``work_mem`` the rows may take whose results are computed at once."""


class Frame:
    """A frame clause with its offsets evaluated; ``partition`` computes the frames of one partition."""

    def __init__(
        self,
        shape: tuple[str, str, str, str],
        start_offset: Any,
        end_offset: Any,
        values: Sequence[Any] | None,
        in_range: tuple[Any, Any, Any, Any, bool, bool] | None,
    ) -> None:
        self.mode, self.start, self.end, self.exclusion = shape
        self.start_offset = start_offset
        self.end_offset = end_offset
        self.values = values
        self.in_range = in_range
        for which, kind, offset in (("starting", self.start, start_offset), ("ending", self.end, end_offset)):
            if kind not in ("preceding", "following"):
                continue
            if offset is None:
                raise errors.NullValueNotAllowed(f"frame {which} offset must not be null")
            if self.mode in ("rows", "groups") and offset < 0:
                raise errors.InvalidPrecedingOrFollowingSize(f"frame {which} offset must not be negative")
            if self.mode == "range" and _is_negative(offset):
                raise errors.InvalidPrecedingOrFollowingSize("invalid preceding or following size in window function")

    @property
    def only_grows(self) -> bool:
        """Whether the frame starts at the partition's start, so that a state may be carried on."""
        return self.start == "unbounded preceding" and self.exclusion == "no others"


class Partition:
    """One partition as ``types.definitions.WindowPartition`` describes it."""

    peer_starts: Sequence[int]
    peer_ends: Sequence[int]

    def __init__(self, first: int, size: int, order_keys: Sequence[Any] | None, frame: Frame) -> None:
        self.first = first
        self.size = size
        self._frame = frame
        self._frames: Sequence[Sequence[int]] | None = None
        self._find_peers(order_keys)

    def _find_peers(self, order_keys: Sequence[Any] | None) -> None:
        first, size = self.first, self.size
        starts: list[int] = []
        if order_keys is None:
            starts = [0] * size
        else:
            begin = 0
            for row in range(size):
                if order_keys[first + row] != order_keys[first + begin]:
                    begin = row
                starts.append(begin)
        self.peer_starts = starts
        ends = [size] * size
        end = size
        for row in range(size - 1, -1, -1):
            ends[row] = end
            if starts[row] == row:
                end = row
        self.peer_ends = ends

    @property
    def frames(self) -> Sequence[Sequence[int]]:
        """For each row the rows of its frame."""
        if self._frames is None:
            self._frames = [self._frame_of(row) for row in range(self.size)]
        return self._frames

    def bounds(self, row: int) -> tuple[int, int]:
        """Return the half-open range of the row's frame before exclusion."""
        frame = self._frame
        low = self._bound(row, frame.start, frame.start_offset, is_start=True)
        high = self._bound(row, frame.end, frame.end_offset, is_start=False)
        return max(low, 0), min(high, self.size)

    def _bound(self, row: int, kind: str, offset: Any, *, is_start: bool) -> int:
        if kind == "unbounded preceding":
            return 0
        if kind == "unbounded following":
            return self.size
        mode = self._frame.mode
        if kind == "current row":
            if mode == "rows":
                return row if is_start else row + 1
            return self.peer_starts[row] if is_start else self.peer_ends[row]
        if mode == "range":
            return self._range_bound(row, kind, offset, is_start=is_start)
        signed: int = -offset if kind == "preceding" else offset
        if mode == "rows":
            return row + signed if is_start else row + signed + 1
        return self._group_bound(row, signed, is_start=is_start)

    @cached_property
    def _groups(self) -> Sequence[int]:
        """The first row of each peer group."""
        return [r for r in range(self.size) if self.peer_starts[r] == r]

    @cached_property
    def _range_keys(self) -> tuple[int, int, Sequence[Any]]:
        """(first row, end) of the rows whose value is not NULL, and their sort keys, ascending."""
        frame = self._frame
        assert frame.values is not None
        assert frame.in_range is not None
        _, _, convert, sort_key, descending, nulls_first = frame.in_range
        values = frame.values[self.first : self.first + self.size]
        nulls = sum(value is None for value in values)
        begin, end = (nulls, self.size) if nulls_first else (0, self.size - nulls)
        key = (lambda v: v) if sort_key is None else sort_key
        keys = [key(v if convert is None else convert(v)) for v in values[begin:end]]
        if descending:
            keys.reverse()
        return begin, end, keys

    def _group_bound(self, row: int, signed: int, *, is_start: bool) -> int:
        firsts = self._groups
        group = bisect_right(firsts, row) - 1 + signed
        if group < 0:
            return 0
        if group >= len(firsts):
            return self.size
        return firsts[group] if is_start else self.peer_ends[firsts[group]]

    def _range_bound(self, row: int, kind: str, offset: Any, *, is_start: bool) -> int:
        frame = self._frame
        assert frame.values is not None
        assert frame.in_range is not None
        add, subtract, _, sort_key, descending, _ = frame.in_range
        value = frame.values[self.first + row]
        if value is None:
            return self.peer_starts[row] if is_start else self.peer_ends[row]
        towards_smaller = (kind == "preceding") != descending
        function = subtract if towards_smaller else add
        if function is None:
            raise errors.FeatureNotSupported("RANGE with offset is not supported for this column type")
        limit = function(value, offset)
        begin, _, keys = self._range_keys
        target = limit if sort_key is None else sort_key(limit)
        if descending:
            position = bisect_right(keys, target) if is_start else bisect_left(keys, target)
            return begin + len(keys) - position
        return begin + (bisect_left(keys, target) if is_start else bisect_right(keys, target))

    def _frame_of(self, row: int) -> Sequence[int]:
        low, high = self.bounds(row)
        exclusion = self._frame.exclusion
        if exclusion == "no others":
            return range(low, high)
        if exclusion == "current row":
            return [r for r in range(low, high) if r != row]
        begin, end = self.peer_starts[row], self.peer_ends[row]
        return [r for r in range(low, high) if not begin <= r < end or (exclusion == "ties" and r == row)]


class LargePartition(Partition):
    """A partition whose rows are in a file: so is what is known of its peers, and its frames are found one by one."""

    def __init__(self, x: Execution, size: int, order_keys: Sequence[Any] | None, frame: Frame) -> None:
        self._execution = x
        super().__init__(0, size, order_keys, frame)

    def _find_peers(self, order_keys: Sequence[Any] | None) -> None:
        if order_keys is None:
            self.peer_starts = _Repeated(0, self.size)
            self.peer_ends = _Repeated(self.size, self.size)
            return
        self.peer_starts = put_aside(
            self._execution, (begin for begin, end in _peers(order_keys) for _ in range(begin, end))
        )
        self.peer_ends = put_aside(
            self._execution, (end for begin, end in _peers(order_keys) for _ in range(begin, end))
        )

    @property
    def frames(self) -> Sequence[Sequence[int]]:
        """For each row the rows of its frame."""
        return _Frames(self)


class _Repeated(Sequence[int]):
    """One number, many times."""

    def __init__(self, number: int, size: int) -> None:
        self._number = number
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[int]:
        return repeat(self._number, self._size)

    def __getitem__(self, row: Any) -> Any:
        return self._number


class _Frames(Sequence[Sequence[int]]):
    """The frames of a partition, found when they are asked for."""

    def __init__(self, partition: Partition) -> None:
        self._partition = partition

    def __len__(self) -> int:
        return self._partition.size

    def __iter__(self) -> Iterator[Sequence[int]]:
        return map(self._partition._frame_of, range(self._partition.size))

    def __getitem__(self, row: Any) -> Any:
        return self._partition._frame_of(row)


class _Rows(Sequence[tuple[Any, ...]]):
    """The arguments of each row, made of columns when they are asked for."""

    def __init__(self, columns: Sequence[Sequence[Any]], size: int) -> None:
        self._columns = columns
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return zip(*self._columns) if self._columns else repeat((), self._size)

    def __getitem__(self, row: Any) -> Any:
        return tuple([column[row] for column in self._columns])


class _Counting(Sequence[bool]):
    """Whether each row changes the state, found when it is asked for."""

    def __init__(self, rows: Sequence[tuple[Any, ...]], keep: Sequence[Any] | None, strict: bool) -> None:
        self._rows = rows
        self._keep = keep
        self._strict = strict

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, row: Any) -> Any:
        return (self._keep is None or bool(self._keep[row])) and not (self._strict and None in self._rows[row])


def _peers(order_keys: Iterable[Any]) -> Iterator[tuple[int, int]]:
    """Yield the bounds of each group of rows with equal keys."""
    begin = 0
    for _, group in groupby(order_keys):
        end = begin + sum(1 for _ in group)
        yield begin, end
        begin = end


def _is_negative(offset: Any) -> bool:
    if isinstance(offset, tuple):
        from heliosdb.types.interval import interval_key

        return interval_key(offset) < 0  # type: ignore[arg-type]
    return bool(offset < 0)


class Whole:
    """A window function, which computes a partition at a time."""

    def __init__(self, implementation: Callable[..., Iterable[Any]]) -> None:
        self.implementation = implementation

    def __call__(
        self, x: Any, partition: Partition, columns: Sequence[Sequence[Any]], keep: Sequence[Any] | None
    ) -> Iterable[Any]:
        return self.implementation(partition, *columns)


class OverFrame:
    """An aggregate over each row's frame."""

    def __init__(
        self,
        start: Callable[[], Any],
        step: Callable[..., Any],
        final: Callable[[Any], Any],
        undo: Callable[..., Any] | None,
        reversible: Callable[[Sequence[Any]], bool] | None,
        strict: bool,
        associative: bool,
    ) -> None:
        self.start = start
        self.step = step
        self.final = final
        self.undo = undo
        self.reversible = reversible
        self.strict = strict
        self.associative = associative

    def __call__(
        self, x: Any, partition: Partition, columns: Sequence[Sequence[Any]], keep: Sequence[Any] | None
    ) -> Iterable[Any]:
        is_large = isinstance(partition, LargePartition)
        rows: Sequence[tuple[Any, ...]] = _Rows(columns, partition.size)
        if not is_large:
            rows = list(rows)
        if partition._frame.only_grows:
            return self._growing(x, partition, rows, keep)
        if partition._frame.exclusion == "no others":
            counts: Sequence[bool] = _Counting(rows, keep, self.strict) if is_large else self._counting(rows, keep)
            if self.undo is not None and (self.reversible is None or self.reversible(columns[0])):
                return self._moving(x, partition, rows, counts)
            if self.associative:
                return self._merging(x, partition, rows, counts)
        return self._anew(x, partition, rows, keep)

    def _growing(
        self, x: Any, partition: Partition, rows: Iterable[tuple[Any, ...]], keep: Sequence[Any] | None
    ) -> Iterator[Any]:
        """Carry one state on."""
        step = self.step
        state = self.start()
        done = 0
        value, fresh = None, False
        arguments = iter(rows)
        for row in range(partition.size):
            if not row & 1023 and x.cancelled:
                x.raise_cancelled()
            _, high = partition.bounds(row)
            while done < high:
                new = next(arguments)
                if keep is None or keep[done]:
                    state = step(state, *new)
                done += 1
                fresh = False
            if not fresh:
                value, fresh = self.final(_copied(state)), True
            yield value

    def _anew(
        self, x: Any, partition: Partition, rows: Sequence[tuple[Any, ...]], keep: Sequence[Any] | None
    ) -> Iterator[Any]:
        """Aggregate each frame that differs from the one before."""
        step = self.step
        previous: Sequence[int] | None = None
        value = None
        for frame in partition.frames:
            if x.cancelled:
                x.raise_cancelled()
            if frame != previous:
                state = self.start()
                for row in frame:
                    if keep is None or keep[row]:
                        state = step(state, *rows[row])
                value = self.final(state)
                previous = frame
            yield value

    def _counting(self, rows: Sequence[tuple[Any, ...]], keep: Sequence[Any] | None) -> list[bool]:
        """Return which rows change the state."""
        strict = self.strict
        return [
            (keep is None or bool(keep[number])) and not (strict and None in row) for number, row in enumerate(rows)
        ]

    def _merging(
        self, x: Any, partition: Partition, rows: Sequence[tuple[Any, ...]], counts: Sequence[bool]
    ) -> Iterator[Any]:
        """Aggregate a moving frame in two parts, as a queue is made of two stacks.

        ``ahead`` ends with the result over the frame's first row up to some row in its middle, before that stand the
        results over the next row up to there, and so on; ``state`` is that of all rows beyond. When rows leave that
        ``ahead`` does not hold, what ``state`` holds is aggregated once more, from its end to its beginning.
        """
        start, step, final = self.start, self.step, self.final
        ahead: list[Any] = []
        first = last = 0
        state = start()
        for number in range(partition.size):
            if not number & 1023 and x.cancelled:
                x.raise_cancelled()
            low, high = partition.bounds(number)
            if high <= low or low >= last:
                first, last, ahead, state = low, low, [], start()
            while last < high:
                if counts[last]:
                    state = step(state, *rows[last])
                last += 1
            while first < low:
                if not ahead:
                    value = None
                    for behind in range(last - 1, first - 1, -1):
                        if counts[behind]:
                            own = step(start(), *rows[behind])
                            value = final(own if value is None else step(own, value))
                        ahead.append(value)
                    state = start()
                ahead.pop()
                first += 1
            value = final(state)
            if ahead and ahead[-1] is not None:
                value = ahead[-1] if value is None else final(step(step(start(), ahead[-1]), value))
            yield value

    def _moving(
        self, x: Any, partition: Partition, rows: Sequence[tuple[Any, ...]], counts: Sequence[bool]
    ) -> Iterator[Any]:
        """Let rows enter the state and leave it again as the frame moves on; neither end ever moves back."""
        step, undo = self.step, self.undo
        assert undo is not None
        first = last = inside = 0
        state = self.start()
        value = self.final(state)
        for number in range(partition.size):
            if not number & 1023 and x.cancelled:
                x.raise_cancelled()
            low, high = partition.bounds(number)
            moved = first != low or last != high
            if high <= low or low >= last:
                # Nothing of the frame before is left.
                first, last, inside, state = low, low, 0, self.start()
            while last < high:
                if counts[last]:
                    state = step(state, *rows[last])
                    inside += 1
                last += 1
            while first < low:
                if counts[first]:
                    inside -= 1
                    state = undo(state, *rows[first]) if inside else self.start()
                first += 1
            if moved:
                value = self.final(state)
            yield value


def _copied(state: tuple[Any, ...]) -> tuple[Any, ...]:
    """Copy mutable slots, so that a final function cannot spoil the running state."""
    return tuple(list(slot) if type(slot) is list else slot for slot in state)


def evaluate(
    x: Execution,
    compute: Callable[[Any, Partition, Sequence[Sequence[Any]], Sequence[Any] | None], Iterable[Any]],
    rows: Sequence[Any],
    partition_keys: Sequence[Any] | None,
    order_keys: Sequence[Any] | None,
    frame: Frame,
    columns: Sequence[Sequence[Any]],
    keep: Sequence[Any] | None,
) -> Sequence[Any]:
    """Return the call's result for every row of the sorted ``rows``. ``x`` is asked whether to stop."""
    if isinstance(rows, Spooled):
        return put_aside(x, compute(x, LargePartition(x, len(rows), order_keys, frame), columns, keep))
    results: list[Any] = []
    first = 0
    total = len(rows)
    while first < total:
        if x.cancelled:
            x.raise_cancelled()
        end = total
        if partition_keys is not None:
            key = partition_keys[first]
            end = first + 1
            while end < total and partition_keys[end] == key:
                end += 1
        partition = Partition(first, end - first, order_keys, frame)
        part = [column[first:end] for column in columns]
        results.extend(compute(x, partition, part, None if keep is None else keep[first:end]))
        first = end
    return results


def like(x: Execution, rows: Sequence[Any], values: Iterable[Any]) -> Sequence[Any]:
    """Return values of rows where the rows are: in a list, or in a file."""
    return put_aside(x, values) if isinstance(rows, Spooled) else list(values)


def put_aside(x: Execution, values: Iterable[Any]) -> Spooled:
    """Return values as a sequence in a file."""
    return Spool(x, []).filled(values)


def run_round(
    x: Execution,
    rows: Any,
    passes: Passes,
    boundary: Callable[[Any], Any] | None,
    step: Callable[[Sequence[Any]], Iterable[Any]],
) -> Any:
    """Sort the rows, call ``step`` for them, and return the rows it makes: a list for a list, else an iterator.

    ``boundary`` gives the key that tells partitions apart.
    """
    if type(rows) is list:
        for key, reverse in passes:
            sort_rows(rows, key, reverse)
        return list(step(rows))
    if passes:
        rows = sorted_rows(x, rows, passes)
    return _by_partition(x, rows, boundary, step)


def _by_partition(
    x: Execution,
    rows: Iterable[Any],
    boundary: Callable[[Any], Any] | None,
    step: Callable[[Sequence[Any]], Iterable[Any]],
) -> Iterator[Any]:
    """Call ``step`` for some whole partitions at a time, and for one that is too large alone."""
    budget = max(LEAST_BUDGET, x.work_mem) // PIECES
    held: list[Any] = []
    begin, most, last = 0, LEAST, None
    source = iter(rows)
    for row in source:
        key = None if boundary is None else boundary(row)
        if key != last:
            begin, last = len(held), key
        held.append(row)
        if len(held) < most:
            continue
        most = max(
            LEAST, budget // (sum(map(size_of, held[:: 1 + len(held) // 8])) // len(held[:: 1 + len(held) // 8]))
        )
        if len(held) < most:
            most = min(most, 2 * len(held))
        elif begin:
            yield from step(held[:begin])
            del held[:begin]
            begin = 0
        else:
            # What comes behind the partition is the beginning of the next.
            behind: list[Any] = []
            large = Spool(x, []).filled(chain(held, _same(source, boundary, last, behind)))
            yield from step(large)
            large.close()
            held = behind
            begin, last = 0, None if boundary is None or not behind else boundary(behind[0])
    if held:
        yield from step(held)


def _same(rows: Iterator[Any], boundary: Callable[[Any], Any] | None, key: Any, behind: list[Any]) -> Iterator[Any]:
    for row in rows:
        if boundary is not None and boundary(row) != key:
            behind.append(row)
            return
        yield row
