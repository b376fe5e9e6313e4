"""Partitions, peers and frames of window functions, as generated code uses them (PostgreSQL 15, section 4.2.8)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from heliosdb import errors


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

    def __init__(self, first: int, size: int, order_keys: Sequence[Any] | None, frame: Frame) -> None:
        self.first = first
        self.size = size
        self._frame = frame
        starts: list[int] = []
        if order_keys is None:
            starts = [0] * size
        else:
            begin = 0
            for row in range(size):
                if order_keys[first + row] != order_keys[first + begin]:
                    begin = row
                starts.append(begin)
        self.peer_starts: Sequence[int] = starts
        ends = [size] * size
        end = size
        for row in range(size - 1, -1, -1):
            ends[row] = end
            if starts[row] == row:
                end = row
        self.peer_ends: Sequence[int] = ends
        self._frames: list[Sequence[int]] | None = None

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


def _is_negative(offset: Any) -> bool:
    if isinstance(offset, tuple):
        from heliosdb.types.interval import interval_key

        return interval_key(offset) < 0  # type: ignore[arg-type]
    return bool(offset < 0)


class Whole:
    """A window function, which computes a partition at a time."""

    def __init__(self, implementation: Callable[..., list[Any]]) -> None:
        self.implementation = implementation

    def __call__(
        self, x: Any, partition: Partition, columns: Sequence[Sequence[Any]], keep: Sequence[Any] | None
    ) -> list[Any]:
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
    ) -> list[Any]:
        step = self.step
        rows = list(zip(*columns)) if columns else [()] * partition.size
        results: list[Any] = []
        if partition._frame.only_grows:
            state = self.start()
            done = 0
            value, fresh = None, False
            for row in range(partition.size):
                if not row & 1023 and x.cancelled:
                    x.raise_cancelled()
                _, high = partition.bounds(row)
                while done < high:
                    if keep is None or keep[done]:
                        state = step(state, *rows[done])
                    done += 1
                    fresh = False
                if not fresh:
                    value, fresh = self.final(_copied(state)), True
                results.append(value)
            return results
        if partition._frame.exclusion == "no others":
            if self.undo is not None and (self.reversible is None or self.reversible(columns[0])):
                return self._moving(x, partition, rows, keep)
            if self.associative:
                return self._merging(x, partition, rows, keep)
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
            results.append(value)
        return results

    def _counting(self, rows: Sequence[tuple[Any, ...]], keep: Sequence[Any] | None) -> list[bool]:
        """Return which rows change the state."""
        strict = self.strict
        return [
            (keep is None or bool(keep[number])) and not (strict and None in row) for number, row in enumerate(rows)
        ]

    def _merging(
        self, x: Any, partition: Partition, rows: Sequence[tuple[Any, ...]], keep: Sequence[Any] | None
    ) -> list[Any]:
        """Aggregate a moving frame in two parts, as a queue is made of two stacks.

        ``ahead`` ends with the result over the frame's first row up to some row in its middle, before that stand the
        results over the next row up to there, and so on; ``state`` is that of all rows beyond. When rows leave that
        ``ahead`` does not hold, what ``state`` holds is aggregated once more, from its end to its beginning.
        """
        start, step, final = self.start, self.step, self.final
        counts = self._counting(rows, keep)
        results: list[Any] = []
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
            results.append(value)
        return results

    def _moving(
        self, x: Any, partition: Partition, rows: Sequence[tuple[Any, ...]], keep: Sequence[Any] | None
    ) -> list[Any]:
        """Let rows enter the state and leave it again as the frame moves on; neither end ever moves back."""
        step, undo = self.step, self.undo
        assert undo is not None
        counts = self._counting(rows, keep)
        results: list[Any] = []
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
            results.append(value)
        return results


def _copied(state: tuple[Any, ...]) -> tuple[Any, ...]:
    """Copy mutable slots, so that a final function cannot spoil the running state."""
    return tuple(list(slot) if type(slot) is list else slot for slot in state)


def evaluate(
    x: Any,
    compute: Callable[[Any, Partition, Sequence[Sequence[Any]], Sequence[Any] | None], list[Any]],
    rows: Sequence[Any],
    partition_keys: Sequence[Any] | None,
    order_keys: Sequence[Any] | None,
    frame: Frame,
    columns: Sequence[Sequence[Any]],
    keep: Sequence[Any] | None,
) -> list[Any]:
    """Return the call's result for every row of the sorted ``rows``. ``x`` is asked whether to stop."""
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
