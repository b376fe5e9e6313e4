"""What is joined, what connects it, and how many rows any part of it gives.

A tree of joins is taken apart into items, numbered from 0, and sets of items are bit masks. Most items are the operands
of inner joins. A left, semi or anti join whose left side is such a tree becomes an item of its kind: its right side,
which joins what its condition names, early or late.

Equalities of columns make *equivalence classes*: from a = b and b = c follows a = c, so that the three may be joined in
any order, each join enforces a class once, and no selectivity is counted twice. A constant that a member is compared
with holds for all members, each of which is filtered by it; nothing is left to join by then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, evolve, field, frozen

from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.sql.optimizer.conditions import is_volatile, sources_of, split

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from heliosdb.sql.optimizer.estimates import Estimates

__all__ = [
    "Clause",
    "EquivalenceClass",
    "Graph",
    "Item",
    "Pair",
    "bits",
    "constant_equalities",
    "equivalences",
    "mask_of",
]

Pair = tuple[ex.Expression, ex.Expression, object]
"""Left key, right key and the operator class of an equality."""


@frozen(eq=False)
class Item:
    """One thing to be joined. ``needs`` are the items that have to be there before it.

    ``kind`` is "inner", or for what a left, semi or anti join adds its kind, with the parts of its ``conditions``; what
    is ``lateral`` reads columns of what it needs.
    """

    number: int
    kind: str
    logical: pn.PlanNode
    plan: pn.PlanNode
    needs: int = 0
    conditions: tuple[ex.Expression, ...] = ()
    lateral: bool = False
    factor: float = 1.0
    """Rows for each row of the others, of an item that is not inner."""
    is_hashable: bool = False
    """Whether its conditions have an equality that can be hashed, of an item that is not inner."""


@frozen(eq=False)
class Clause:
    """A condition about several items. ``pair`` and its items where it is an equality that can be hashed."""

    condition: ex.Expression
    mask: int
    selectivity: float
    pair: Pair | None = None
    left: int = 0
    right: int = 0


@define(eq=False)
class EquivalenceClass:
    """Columns that are equal in every row of the result; ``template`` is one of their equalities."""

    template: ex.Call
    ordering: object
    columns: list[ex.Column] = field(factory=list)
    constants: list[ex.Expression] = field(factory=list)
    members: dict[int, list[ex.Column]] = field(factory=dict)
    """The columns by item."""
    mask: int = 0

    def equality(self, left: ex.Expression, right: ex.Expression) -> ex.Expression:
        """Return ``left = right``."""
        return evolve(self.template, arguments=(left, right), nullable=left.nullable or right.nullable, position=None)


def equivalences(
    conditions: list[ex.Expression], orderings: object, inner: set[int]
) -> tuple[list[EquivalenceClass], list[ex.Expression]]:
    """Return the classes that equalities of columns of the inner sources make, and the other conditions."""
    classes: dict[tuple[int, int], EquivalenceClass] = {}
    rest = []
    for condition in conditions:
        columns = _equal_columns(condition, inner)
        ordering = None if columns is None else orderings.ordering(columns[0].type)  # type: ignore[attr-defined]
        if columns is None or ordering is None:
            rest.append(condition)
            continue
        assert isinstance(condition, ex.Call)
        one, other = (classes.get((column.source, column.index)) for column in columns)
        merged = one or other or EquivalenceClass(condition, ordering)
        if one is not None and other is not None and one is not other:
            one.columns.extend(other.columns)
            for column in other.columns:
                classes[column.source, column.index] = one
            merged = one
        for column in columns:
            if (column.source, column.index) not in classes:
                classes[column.source, column.index] = merged
                merged.columns.append(column)
    return list({id(found): found for found in classes.values()}.values()), rest


def _equal_columns(condition: ex.Expression, inner: set[int]) -> tuple[ex.Column, ex.Column] | None:
    if not isinstance(condition, ex.Call) or condition.operator != "=" or len(condition.arguments) != 2:
        return None
    a, b = condition.arguments
    if not isinstance(a, ex.Column) or not isinstance(b, ex.Column) or a.index < 0 or b.index < 0:
        return None
    if a.source == b.source or not {a.source, b.source} <= inner or is_volatile(condition):
        return None
    if not a.type == b.type == condition.argument_types[0] == condition.argument_types[1]:
        return None
    return (a, b) if a.collation == b.collation else None


def constant_equalities(node: pn.PlanNode) -> Iterator[tuple[ex.Column, ex.Expression]]:
    """Yield (column, constant) of the equalities that a leaf is filtered by."""
    while isinstance(node, pn.Filter):
        for part in split(node.condition):
            if isinstance(part, ex.Call) and part.operator == "=" and len(part.arguments) == 2:
                for column, value in (part.arguments, part.arguments[::-1]):
                    if (
                        isinstance(column, ex.Column)
                        and isinstance(value, ex.Constant | ex.Parameter)
                        and column.type == value.type == part.argument_types[0] == part.argument_types[1]
                    ):
                        yield column, value
        node = node.input


class Graph:
    """The items of one tree of joins and what connects them."""

    def __init__(
        self, items: list[Item], classes: list[EquivalenceClass], clauses: list[Clause], estimates: Estimates
    ) -> None:
        self.items = items
        self.classes = [found for found in classes if found.mask & (found.mask - 1) and not found.constants]
        self.clauses = clauses
        self.everything = (1 << len(items)) - 1
        self._estimates = estimates
        self._rows: dict[int, float] = {}
        self._connected: dict[int, bool] = {}
        self._distinct: dict[tuple[int, tuple[int, ...]], tuple[float, float | None]] = {}
        self._base = [estimates.rows(item.plan) for item in items]
        self._classes_of = [[c for c in self.classes if c.mask >> item.number & 1] for item in items]
        self._clauses_of = [[c for c in clauses if c.mask >> item.number & 1] for item in items]
        self.neighbours = [self._neighbours(item) for item in items]

    def _neighbours(self, item: Item) -> int:
        mask = item.needs
        for found in self._classes_of[item.number]:
            mask |= found.mask
        for clause in self._clauses_of[item.number]:
            mask |= clause.mask
        for other in self.items:
            if other.needs >> item.number & 1:
                mask |= 1 << other.number
        return mask & ~(1 << item.number)

    def around(self, mask: int) -> int:
        """Return the items that something connects with those of the mask."""
        result = 0
        for number in bits(mask):
            result |= self.neighbours[number]
        return result & ~mask

    def is_closed(self, mask: int) -> bool:
        """Whether all items of the mask have what they need."""
        return all(not self.items[number].needs & ~mask for number in bits(mask))

    def is_connected(self, mask: int) -> bool:
        """Whether something connects all items of the mask, which is closed."""
        found = self._connected.get(mask)
        if found is None:
            reached = mask & -mask
            while True:
                more = self.around(reached) & mask
                if not more:
                    break
                reached |= more
            found = self._connected[mask] = reached == mask and self.is_closed(mask)
        return found

    def rows(self, mask: int) -> float:
        """Return about how many rows the items of a mask give together, however they are joined."""
        found = self._rows.get(mask)
        if found is None:
            if not mask & (mask - 1):
                found = self._base[mask.bit_length() - 1]
            else:
                last = self._last(mask)
                rest = mask & ~(1 << last)
                found = self.joined(rest, self.rows(rest), last)
            self._rows[mask] = found
        return found

    def _last(self, mask: int) -> int:
        """Return the item of a set to take as joined last: by its unique key if possible, which is sure to be right."""
        best, choice = -1, mask.bit_length() - 1
        for number in bits(mask):
            item, rest = self.items[number], mask & ~(1 << number)
            if not self.is_closed(rest):
                continue
            if item.kind != "inner":
                return number
            found = 2 * self.is_connected(rest)
            shared = [c for c in self._classes_of[number] if c.mask & rest]
            found += bool(shared) and self._of(number, shared)[1] is not None
            if found >= best:
                best, choice = found, number
        return choice

    def joined(self, mask: int, rows: float, number: int) -> float:
        """Return about how many rows come of joining so many rows of a set with one more item."""
        item = self.items[number]
        if item.kind != "inner":
            result = rows * item.factor
        else:
            result = rows * self._base[number] * self._selectivity(number, mask)
        for clause in self._clauses_of[number]:
            if not clause.mask & ~(mask | 1 << number):
                result *= clause.selectivity
        return max(1.0, result)

    def _selectivity(self, number: int, mask: int) -> float:
        """Return what the classes leave of the pairs of an item with a set."""
        shared = [found for found in self._classes_of[number] if found.mask & mask]
        if not shared:
            return 1.0
        mine, unique = self._of(number, shared)
        # The item of the others that has most of these classes speaks for them, others for the rest.
        theirs, their_unique, left = 1.0, None, shared
        while left:
            others = bits(mask & _union(left))
            speaker = max(others, key=lambda other: (sum(c.mask >> other & 1 for c in left), -self._of(other, left)[0]))
            count, rows = self._of(speaker, [c for c in left if c.mask >> speaker & 1])
            theirs *= count
            left = [c for c in left if not c.mask >> speaker & 1]
            if not left and len(shared) == len([c for c in shared if c.mask >> speaker & 1]):
                their_unique = rows
        if (unique is None) != (their_unique is None):
            return 1 / (unique or their_unique or 1.0)
        return 1 / max(mine, theirs)

    def _of(self, number: int, classes: list[EquivalenceClass]) -> tuple[float, float | None]:
        """Return (distinct values of an item's columns in classes, rows of its table if they are a unique key)."""
        place = (number, tuple(id(found) for found in classes if found.mask >> number & 1))
        known = self._distinct.get(place)
        if known is None:
            keys: list[ex.Expression] = [c.members[number][0] for c in classes if c.mask >> number & 1]
            plan = self.items[number].plan
            known = (self._estimates.distinct(keys, plan), self._estimates.unique_rows(keys, plan))
            self._distinct[place] = known
        return known

    def between(self, left: int, right: int) -> tuple[list[Pair], list[ex.Expression]]:
        """Return the hashable equalities, left key first, and the other conditions of joining two sets."""
        pairs: list[Pair] = []
        rest: list[ex.Expression] = []
        for found in self.classes:
            if found.mask & left and found.mask & right:
                a, b = (found.members[next(bits(found.mask & side))][0] for side in (left, right))
                pairs.append((a, b, found.ordering))
        for clause in self._new_clauses(left, right):
            if clause.pair is not None and not clause.left & ~left and not clause.right & ~right:
                pairs.append(clause.pair)
            elif clause.pair is not None and not clause.left & ~right and not clause.right & ~left:
                pairs.append((clause.pair[1], clause.pair[0], clause.pair[2]))
            else:
                rest.append(clause.condition)
        return pairs, rest

    def conditions(self, left: int, right: int) -> list[ex.Expression]:
        """Return everything that joining two sets has to satisfy, as conditions."""
        result: list[ex.Expression] = []
        for found in self.classes:
            if found.mask & left and found.mask & right:
                a, b = (found.members[next(bits(found.mask & side))][0] for side in (left, right))
                result.append(found.equality(a, b))
        result.extend(clause.condition for clause in self._new_clauses(left, right))
        return result

    def _new_clauses(self, left: int, right: int) -> Iterator[Clause]:
        """Yield the clauses that two sets satisfy together only."""
        for clause in self.clauses:
            if not clause.mask & ~(left | right) and clause.mask & ~left and clause.mask & ~right:
                yield clause

    def lookups(self, left: int, number: int) -> tuple[tuple[int, ...], list[ex.Expression]]:
        """Return the conditions by which an item can be looked up for rows of a set, and what tells them apart."""
        place: list[int] = []
        conditions: list[ex.Expression] = []
        for found in self._classes_of[number]:
            if found.mask & left:
                (other, *_) = found.members[next(bits(found.mask & left))]
                place.append(id(found))
                conditions.extend(found.equality(column, other) for column in found.members[number])
        whole = left | 1 << number
        for clause in self._clauses_of[number]:
            if not clause.mask & ~whole:
                place.append(id(clause))
                conditions.append(clause.condition)
        return tuple(place), conditions


def _union(classes: Iterable[EquivalenceClass]) -> int:
    mask = 0
    for found in classes:
        mask |= found.mask
    return mask


def bits(mask: int) -> Iterator[int]:
    """Yield the numbers of the items in a mask, ascending."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def mask_of(node: object, items: dict[int, int]) -> int:
    """Return the items whose columns a node names; ``items`` are their numbers by source."""
    mask = 0
    for source in sources_of(node):
        if source in items:
            mask |= 1 << items[source]
    return mask
