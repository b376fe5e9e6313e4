"""Rows in the order of an operator, read through an index: ``ORDER BY column <-> value LIMIT k``.

The index says which rows come next, or are likely to; what is visible and how far it is, the row says that the view
shows. In the end every visible row comes, so that a LIMIT over a condition is filled wherever rows for it exist:

    nearest     the index knows lower bounds: a row waits in a heap until the index has come as far
    likely      the index guesses: what it names is sorted by the rows' own values, and comes at once
    the rest    rows that the index did not name: sorted by value, then those without one (NULLs last)

Of what a guess names, as many rows are given as it says that it has the nearest of; those beyond wait for more. So rows
are in order as far as the first guess goes that has as many as are wanted. Whoever reads on, because a condition left
too few, may meet a row that should have come before, and sorts what he keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from math import ceil, isfinite
from typing import TYPE_CHECKING, Any

from heliosdb.errors import FeatureNotSupported
from heliosdb.interrupts import poll
from heliosdb.store.access_method import LikelySearch, Named, Nearest
from heliosdb.store.column_values import ColumnValues

if TYPE_CHECKING:
    from heliosdb.store.column_values import BlockForms
    from heliosdb.store.timeline_index import TimelineIndex
    from heliosdb.store.versions import Row
    from heliosdb.transaction.view import RelationView

__all__ = ["likely_rows", "nearest_rows"]

BATCH = 1024
SPARE = 2
"""Rows that an ancestor's index is to name besides."""
MOST_MOVED = 0.9
LATEST = 8
"""How many searches it takes to learn what part of the rows has moved."""
_FLOATS = {float}

Item = tuple[int, "Row"]
"""(row id, row)."""


def nearest_rows(
    view: RelationView,
    index: TimelineIndex,
    own: Sequence[int],
    operator: str,
    argument: Any,
    row_filter: Container[int] | None,
) -> Iterator[tuple[Any, int, Row]]:
    """Yield (ordering value, row id, row) of visible rows by increasing value, lazily; those without a value last.

    The index gives values of whatever version, or lower bounds; each row's own value is computed when it is
    first met. ``own``: ids of rows that the transaction has written.
    """
    method, spec = index.method, index.spec
    if not isinstance(method, Nearest) or spec.values is None:
        raise FeatureNotSupported(f'access method "{spec.method}" has no ordering operators')
    heap: list[tuple[Any, int, Row]] = []
    without: list[Item] = []
    seen: set[int] = set()

    def meet(row_id: int) -> None:
        for item in _visible(view, index, (row_id,), seen):
            assert spec.values is not None
            assert isinstance(method, Nearest)
            value = method.ordering_value(operator, argument, spec.values(item[1]))
            if value is None:
                without.append(item)
            else:
                heappush(heap, (value, *item))

    for row_id in own:
        if row_filter is None or row_id in row_filter:
            meet(row_id)
    streams: list[tuple[Any, int, int, Iterator[tuple[Any, int]]]] = []
    for line in index.ancestors():
        assert isinstance(line.method, Nearest)
        stream = line.method.nearest(operator, argument, row_filter)
        for value, row_id in stream:
            heappush(streams, (value, len(streams), row_id, stream))
            break
    while streams:
        value, rank, row_id, stream = heappop(streams)
        while heap and heap[0][0] < value:
            yield heappop(heap)
        meet(row_id)
        for value, row_id in stream:
            heappush(streams, (value, rank, row_id, stream))
            break
    while heap:
        yield heappop(heap)
    for row_id, row in without:
        yield None, row_id, row
    for items in _others(view, index, seen):
        for row_id, row in items:
            if row_filter is None or row_id in row_filter:
                yield None, row_id, row


def likely_rows(
    view: RelationView,
    index: TimelineIndex,
    own: Sequence[int],
    search: LikelySearch,
    *,
    asked: bool = True,
    within: Any = None,
) -> Iterator[list[Item]]:
    """Yield blocks of (row id, row): as many visible rows as are wanted in their order, then all the others.

    The search's SCN is the view's; an index of an ancestor is asked for that of the fork. ``own``: ids of rows that
    the transaction has written. Unless the index is ``asked``, all rows come in their order.

    ``within``: rows with a value beyond it are not wanted. When the nearest have been named up to there the index is
    asked no more; what it has missed is found by reading all.
    """
    method: Any = index.method  # an Index, and Likely: asking Python whether it is takes as long as a search
    values_of, key_column = index.spec.values, index.spec.key_column
    assert values_of is not None
    # What the transaction has written is met first, whatever the index knows of it.
    seen: set[int] = set()
    waiting = _visible(view, index, own, seen) if own else []
    needed = search.wanted

    def values(rows: Sequence[Row], forms: BlockForms | None = None) -> Sequence[Any]:
        if key_column is None:
            column = ColumnValues([values_of(row) for row in rows], 0)
        else:
            column = ColumnValues(rows, key_column, forms)
        found: Sequence[Any] = method.ordering_values(search.operator, search.argument, column)
        return found

    streams: list[Iterator[Named]] = []
    read: list[tuple[Any, int]] = []
    relation: Any = view.relation
    scn = view.scn
    for line in index.ancestors() if asked else ():
        likely: Any = line.method
        streams.append(likely.likely(search if scn == search.scn else search._replace(scn=scn)))
        read.append((relation, scn))
        relation, scn = relation.parent, min(scn, line.fork)
        if len(streams) == 1:
            # Of what an ancestor names some has moved since the fork.
            moved = min(index.moved, MOST_MOVED)
            search = search._replace(wanted=search.wanted + SPARE + ceil(1.5 * search.wanted * moved / (1 - moved)))
    nearest = [0] * len(streams)
    """How many of the nearest rows each has surely named, less those that were not as it says."""
    dropped = [0] * len(streams)
    given = 0
    named: set[int] = set()
    while streams:
        place = nearest.index(min(nearest))
        batch = next(streams[place], None)
        if batch is None:
            break
        count, new, _ = batch
        if named:
            new = [row_id for row_id in new if row_id not in named]
        named.update(new)
        items = _visible(view, index, new, seen)
        gone = len(new) - len(items)
        if place:
            # An ancestor's index knows rows as they were at the fork. Those that have moved since are elsewhere now.
            former, at = read[place]
            gone += sum(former.row(row_id, at) != row for row_id, row in items)
            if new:
                index.moved += (gone / len(new) - index.moved) / LATEST
        dropped[place] += gone
        nearest[place] = count - dropped[place]
        waiting += items
        sure = min(nearest) - given
        if sure >= needed and len(waiting) >= needed:
            ranked = sorted(zip(_all_sortable(values([row for _, row in waiting])), waiting))
            ordered = [item for _, item in ranked]
            yield ordered[:sure]
            waiting = ordered[sure:]
            given += len(ordered) - len(waiting)
            needed = 1
            if within is not None and _is_beyond(ranked[:sure][-1][0], within):
                break
    yield from _ranked(view, _rest(view, index, seen, values, waiting), within)


def _rest(
    view: RelationView,
    index: TimelineIndex,
    seen: set[int],
    values: Callable[[Sequence[Row], BlockForms | None], Sequence[Any]],
    waiting: list[Item],
) -> Iterator[tuple[Sequence[Any], Iterable[int]]]:
    """Yield (values, row ids) of rows that were named and not given, and of all others, block by block."""
    if waiting:
        yield values([row for _, row in waiting], None), [row_id for row_id, _ in waiting]
    predicate = index.spec.predicate
    for row_ids, rows, forms in view.formed_items():
        poll()
        if predicate is not None:
            places = [place for place, row in enumerate(rows) if predicate(row)]
            row_ids, rows, forms = [row_ids[place] for place in places], [rows[place] for place in places], None
        found = values(rows, forms) if rows else ()
        if not seen:
            yield found, row_ids
        else:
            pairs = [pair for pair in zip(found, row_ids) if pair[1] not in seen]
            if pairs:
                yield [value for value, _ in pairs], [row_id for _, row_id in pairs]


def _is_beyond(value: Any, bound: Any) -> bool:
    """Whether what sorts as a value does is beyond a bound."""
    if type(value) is tuple:
        return value[0] > 0 or bool(value[1] > bound)
    return bool(value > bound)


def _ranked(
    view: RelationView, parts: Iterable[tuple[Sequence[Any], Iterable[int]]], within: Any
) -> Iterator[list[Item]]:
    """Yield the rows in the order of their values, by blocks, without those beyond a bound where there is one."""
    # Row ids and values only: the rows of a large table have no room.
    numbers: list[tuple[Any, int]] = []
    behind: list[tuple[int, int]] = []
    for values, row_ids in parts:
        if within is not None:
            numbers += [pair for pair in zip(values, row_ids) if pair[0] is not None and pair[0] <= within]
        # A sum with NaN is NaN.
        elif None not in values and (total := sum(values)) == total:
            numbers += zip(values, row_ids)
        else:
            for value, row_id in zip(values, row_ids):
                if value is not None and value == value:
                    numbers.append((value, row_id))
                else:
                    behind.append((1 if value is None else 0, row_id))
    # Mostly few are looked at: a heap gives these before a sort would be done.
    heapify(numbers)
    first = [heappop(numbers)[1] for _ in range(min(BATCH, len(numbers)))]
    yield _peeked(view, first)
    numbers.sort()
    behind.sort()
    for ranked in (numbers, behind):
        for start in range(0, len(ranked), BATCH):
            poll()
            yield _peeked(view, [row_id for _, row_id in ranked[start : start + BATCH]])


def _peeked(view: RelationView, row_ids: Sequence[int]) -> list[Item]:
    return [(row_id, row) for row_id, row in zip(row_ids, view.peek_all(row_ids)) if row is not None]


def _sortable(value: Any) -> tuple[int, Any]:
    """Return what sorts as PostgreSQL does: NaN behind all numbers, NULL behind NaN."""
    if value is None:
        return 2, 0
    return (0, value) if value == value else (1, 0)


def _all_sortable(values: Sequence[Any]) -> Iterable[Any]:
    """Return what sorts as the values do: themselves, where they are floats that all have a place in their order."""
    return values if {*map(type, values)} == _FLOATS and isfinite(sum(values)) else map(_sortable, values)


def _visible(view: RelationView, index: TimelineIndex, row_ids: Sequence[int], seen: set[int]) -> list[Item]:
    """Return those rows that the view shows and the index is about, each but once."""
    predicate = index.spec.predicate
    new = row_ids if not seen else [row_id for row_id in row_ids if row_id not in seen]
    before = len(seen)
    seen.update(new)
    if len(seen) - before < len(new):
        new = list(dict.fromkeys(new))
    return [
        (row_id, row)
        for row_id, row in zip(new, view.peek_all(new))
        if row is not None and (predicate is None or predicate(row))
    ]


def _others(view: RelationView, index: TimelineIndex, seen: set[int]) -> Iterator[list[Item]]:
    """Yield all visible rows of a (partial) index that were not seen, by block."""
    predicate: Callable[[Row], Any] | None = index.spec.predicate
    for row_ids, rows in view.item_blocks():
        poll()
        items = [
            (row_id, row)
            for row_id, row in zip(row_ids, rows)
            if row_id not in seen and (predicate is None or predicate(row))
        ]
        if items:
            yield items
