"""Which items are joined first: by trying all orders of a few, by always taking the next best of many.

Up to ``MOST_ITEMS`` items it is dynamic programming over connected sets (Selinger et al., "Access path selection in a
relational database management system", SIGMOD 1979; bushy trees as in Moerkotte and Neumann, VLDB 2006): the cheapest
way to join a set is the cheapest pair of ways to join its two halves. Parts that nothing connects are joined last,
smallest first. Beyond so many items, or so many pairs, one begins with the smallest item, or with the one of which its
conditions leave the smallest part, and always adds what gives the fewest rows.

Costs are in rows of a filtered sequential scan, of which a second has some twenty million. They were measured on
tables of 75 k and 300 k rows: a row put into a table of lists costs four, one that is looked up one; an index look-up
eight, and each row that it finds six, because that row is somewhere else in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from heliosdb.sql.optimizer.join_graph import bits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from heliosdb.sql.optimizer.join_graph import Graph

__all__ = ["Step", "Tree", "best_order"]

MOST_ITEMS = 11
MOST_PAIRS = 800
BUILD, PROBE, RESULT = 4.0, 1.0, 1.0
"""What a row put into a hash table, one looked up there, and one that comes of a join cost."""


@frozen
class Step:
    """How two sets are joined: ``left`` is the one whose rows are looped over, ``method`` "hash", "index" or
    "loops"."""

    left: int
    right: int
    method: str
    cost: float


@frozen
class Tree:
    """A set of items with the way to join them; ``step`` is None for one item."""

    mask: int
    rows: float
    cost: float
    step: Step | None = None
    left: Tree | None = None
    right: Tree | None = None


class _Costs:
    """What it costs to join two sets. ``scan`` gives an item's own cost, ``lookup`` that of one index look-up."""

    def __init__(self, graph: Graph, scan: Callable[[int], float], lookup: Callable[[int, int], float | None]) -> None:
        self.graph = graph
        self.scan = scan
        self.lookup = lookup

    def leaf(self, number: int) -> Tree:
        mask = 1 << number
        return Tree(mask, self.graph.rows(mask), self.scan(number))

    def join(self, one: Tree, other: Tree, rows: float) -> Tree | None:
        """Return the cheapest join of two sets, in either order; None where one may not come after the other."""
        steps = [*self._steps(one, other), *self._steps(other, one)]
        if not steps:
            return None
        step = min(steps, key=lambda tried: tried.cost)
        left, right = (one, other) if step.left == one.mask else (other, one)
        return Tree(one.mask | other.mask, rows, step.cost + RESULT * rows, step, left, right)

    def _steps(self, left: Tree, right: Tree) -> Iterator[Step]:
        graph, number = self.graph, right.mask.bit_length() - 1
        single = not right.mask & (right.mask - 1)
        item = graph.items[number] if single else None
        if not left.mask & (left.mask - 1):
            first = graph.items[left.mask.bit_length() - 1]
            if first.kind != "inner" or first.needs:
                return
        if item is not None and item.needs & ~left.mask:
            return
        if item is not None and item.lateral:
            yield Step(left.mask, right.mask, "loops", left.cost + left.rows * right.cost)
            return
        if item is not None:
            found = self.lookup(left.mask, number)
            if found is not None:
                yield Step(left.mask, right.mask, "index", left.cost + left.rows * found)
        special = item is not None and item.kind != "inner"
        if self._hashes(left.mask, right.mask, item.conditions if item is not None and special else None):
            if special or right.rows <= left.rows:
                cost = left.cost + right.cost + BUILD * right.rows + PROBE * left.rows
                yield Step(left.mask, right.mask, "hash", cost)
        else:
            cost = left.cost + right.cost + right.rows + left.rows * right.rows
            yield Step(left.mask, right.mask, "loops", cost)

    def _hashes(self, left: int, right: int, conditions: object) -> bool:
        graph = self.graph
        if conditions is not None:
            return graph.items[right.bit_length() - 1].is_hashable
        for found in graph.classes:
            if found.mask & left and found.mask & right:
                return True
        whole = left | right
        return any(
            clause.pair is not None
            and not clause.mask & ~whole
            and (
                (not clause.left & ~left and not clause.right & ~right)
                or (not clause.left & ~right and not clause.right & ~left)
            )
            for clause in graph.clauses
        )


def best_order(
    graph: Graph,
    scan: Callable[[int], float],
    lookup: Callable[[int, int], float | None],
    selectivity: Callable[[int], float],
    check: Callable[[], None],
) -> Tree:
    """Return the way to join all items.

    ``selectivity`` is the part of its table that an item leaves; ``check`` is called now and then, and raises where the
    statement is to stop.
    """
    costs = _Costs(graph, scan, lookup)
    if len(graph.items) <= MOST_ITEMS:
        found = _tried(costs, check)
        if found is not None:
            return found
    starts = [item.number for item in graph.items if item.kind == "inner" and not item.needs]
    first = {min(starts, key=lambda number: graph.rows(1 << number)), min(starts, key=selectivity)}
    return min((_grown(costs, start, check) for start in sorted(first)), key=lambda tree: tree.cost)


def _tried(costs: _Costs, check: Callable[[], None]) -> Tree | None:
    """Return the cheapest of all orders; None where there are too many."""
    graph = costs.graph
    sizes: list[dict[int, Tree]] = [{}, {}]
    for item in graph.items:
        sizes[1][1 << item.number] = costs.leaf(item.number)
    pairs = 0
    for size in range(2, len(graph.items) + 1):
        sets: dict[int, Tree] = {}
        sizes.append(sets)
        check()
        for smaller in range(1, size // 2 + 1):
            for mask, one in sizes[smaller].items():
                around = graph.around(mask)
                for other_mask, other in sizes[size - smaller].items():
                    if mask & other_mask or not around & other_mask:
                        continue
                    if 2 * smaller == size and mask > other_mask:
                        continue
                    pairs += 1
                    if pairs > MOST_PAIRS:
                        return None
                    whole = mask | other_mask
                    if not graph.is_closed(whole):
                        continue
                    joined = costs.join(one, other, graph.rows(whole))
                    if joined is not None and (whole not in sets or joined.cost < sets[whole].cost):
                        sets[whole] = joined
    return _put_together(costs, sizes)


def _put_together(costs: _Costs, sizes: list[dict[int, Tree]]) -> Tree | None:
    """Join the parts that nothing connects, smallest first."""
    graph = costs.graph
    parts: list[Tree] = []
    left = graph.everything
    while left:
        for sets in reversed(sizes):
            fitting = [tree for mask, tree in sets.items() if not mask & ~left and graph.is_closed(mask)]
            if fitting:
                break
        else:
            return None
        part = max(fitting, key=lambda tree: tree.mask & left)
        parts.append(part)
        left &= ~part.mask
    parts.sort(key=lambda tree: tree.rows)
    result = parts[0]
    for part in parts[1:]:
        joined = costs.join(result, part, graph.rows(result.mask | part.mask))
        if joined is None:
            return None
        result = joined
    return result


def _grown(costs: _Costs, start: int, check: Callable[[], None]) -> Tree:
    """Return an order that begins with one item and always adds what gives the fewest rows."""
    graph = costs.graph
    result = costs.leaf(start)
    leaves = {item.number: costs.leaf(item.number) for item in graph.items}
    while result.mask != graph.everything:
        check()
        ready = [n for n in bits(graph.everything & ~result.mask) if not graph.items[n].needs & ~result.mask]
        connected = [number for number in ready if graph.neighbours[number] & result.mask]
        if not connected:
            inner = [number for number in ready if graph.items[number].kind == "inner"] or ready
            connected = [min(inner, key=lambda number: graph.rows(1 << number))]
        tries = []
        for number in connected:
            rows = graph.joined(result.mask, result.rows, number)
            joined = costs.join(result, leaves[number], rows)
            if joined is not None:
                tries.append(joined)
        result = min(tries, key=lambda tree: (tree.rows, tree.cost))
    return result
