"""How many rows a node gives, roughly.

Rows of a table are counted by the store (``figures``), conditions are judged by ``selectivity``. A join by equality
gives what one over the larger number of distinct keys leaves of all pairs; a group by columns has as many groups as its
columns have values together, as far as the rows suffice (Yao, "Approximating block accesses in database organizations",
CACM 1977).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.sql.optimizer.figures import Figures
from heliosdb.sql.optimizer.selectivity import OTHER, Producers, Selectivity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heliosdb.catalog.definitions import Relation

__all__ = ["Estimates", "in_list_length"]

UNKNOWN_DISTINCT = 200.0
"""PostgreSQL's number of values of an expression of which nothing is known."""


class Estimates:
    """Estimates for one statement of a session."""

    def __init__(self, session: Any, slots: Sequence[Any] = (), width: int = 0) -> None:
        self.figures = Figures(session, slots, width)
        self.conditions = Selectivity(self.figures, self.rows)
        # The nodes themselves are kept, so that their ids are not used again.
        self._rows_of: dict[int, tuple[pn.PlanNode, float]] = {}
        self._producers_of: dict[int, tuple[pn.PlanNode, Producers]] = {}

    def table(self, relation: Relation) -> float:
        """Return a table's rows, at least one."""
        return self.figures.table(relation)

    def producers(self, node: pn.PlanNode) -> Producers:
        """Return where a node's columns come from."""
        found = self._producers_of.get(id(node))
        if found is None:
            found = self._producers_of[id(node)] = (node, Producers(node))
        return found[1]

    def rows(self, node: pn.PlanNode) -> float:
        """Return about how many rows a node gives."""
        if node.rows is not None:
            return node.rows
        found = self._rows_of.get(id(node))
        if found is None:
            found = self._rows_of[id(node)] = (node, max(1.0, self._rows(node)))
        return found[1]

    def _rows(self, node: pn.PlanNode) -> float:
        match node:
            case pn.Scan():
                return self.table(node.relation)
            case pn.IndexScan():
                return self._index_scan(node)
            case pn.IndexUnion():
                return sum(self.rows(scan) for scan in node.scans)
            case pn.Filter():
                return self.rows(node.input) * self.selectivity(node.condition, node.input)
            case pn.Values():
                return len(node.table) + len(node.datums)
            case pn.FunctionScan():
                return 100.0
            case pn.CatalogScan() | pn.CteScan() | pn.WorkTableScan():
                return 100.0
            case pn.Join():
                return self._join(node)
            case pn.Aggregate():
                return self.groups(node.groups, node.input) if node.groups else 1.0
            case pn.Distinct():
                return self._distinct_rows(node)
            case pn.Limit():
                limit = node.limit
                below = self.rows(node.input)
                known = isinstance(limit, ex.Constant) and isinstance(limit.value, int)
                return min(below, limit.value) if known else below  # type: ignore[union-attr]
            case pn.SetOperation():
                left, right = self.rows(node.left), self.rows(node.right)
                return left + right if node.kind == "union" else left
            case pn.RecursiveUnion():
                return 10 * self.rows(node.start)
            case pn.OneRow() | pn.Empty():
                return 1.0
            case pn.ProjectSet():
                return 100 * self.rows(node.input)
        inputs = node.inputs
        return self.rows(inputs[-1]) if inputs else 1.0

    def _index_scan(self, node: pn.IndexScan) -> float:
        if node.unique:
            return 1.0
        selected = self.table(node.relation)
        if node.nearest is not None:
            return selected
        keys = node.index.keys
        for key, value in zip(keys, node.equal, strict=False):
            selected *= self.figures.equality(node.relation, key.column, value)
        position = len(node.equal)
        if node.in_list:
            selected *= self._alternatives(node, keys[position].column)
            position += 1
        if node.low is not None or node.high is not None:
            selected *= self._between(node, keys[position].column)
        return selected

    def _alternatives(self, node: pn.IndexScan, column: int | None) -> float:
        """Return the part of rows that an index scan's IN list finds."""
        if not node.in_array and column is not None:
            found = self.figures.among(node.relation, column, node.in_list)
            if found is not None:
                return found
        return min(1.0, in_list_length(node) * self.figures.equality(node.relation, column))

    def _between(self, node: pn.IndexScan, column: int | None) -> float:
        """Return the part of rows between an index scan's bounds."""
        found = None
        if column is not None:
            found = self.figures.between(
                node.relation, column, node.low, node.high,
                low_inclusive=node.low_inclusive, high_inclusive=node.high_inclusive,
            )  # fmt: skip
        if found is not None:
            return found
        return 1 / 3 if node.low is None or node.high is None else 0.005

    def selectivity(self, condition: ex.Expression | None, node: pn.PlanNode) -> float:
        """Return which part of the node's rows satisfies a condition."""
        return 1.0 if condition is None else self.conditions.of(condition, self.producers(node))

    def _join(self, node: pn.Join) -> float:
        left, right = self.rows(node.left), self.rows(node.right)
        pairs = list(zip(node.left_keys, node.right_keys, strict=True)) if isinstance(node, pn.HashJoin) else []
        if node.kind in ("semi", "anti"):
            part = self.matched(node.left, node.right, pairs, node.condition)
            return left * part if node.kind == "semi" else left * (1 - part)
        result = left * right
        if pairs:
            result *= self.join_selectivity(pairs, node.left, node.right)
        result *= self.selectivity(node.condition, node)
        if node.kind in ("left", "full"):
            result = max(result, left)
        if node.kind in ("right", "full"):
            result = max(result, right)
        return result

    def matched(
        self,
        left: pn.PlanNode,
        right: pn.PlanNode,
        pairs: list[tuple[ex.Expression, ex.Expression]],
        rest: ex.Expression | None,
    ) -> float:
        """Return the part of the left rows that have a match on the right: equal keys that also satisfy the rest."""
        right_rows = self.rows(right)
        if not pairs:
            return OTHER
        mine = self.distinct([a for a, _ in pairs], left)
        theirs = self.distinct([b for _, b in pairs], right)
        part = min(1.0, theirs / mine)
        if rest is not None:
            each = self.selectivity(rest, pn.Join(kind="inner", left=left, right=right))
            part *= 1 - (1 - min(each, 0.999)) ** max(1.0, right_rows / theirs)
        return min(max(part, 0.01), 0.99)

    def join_selectivity(
        self, pairs: list[tuple[ex.Expression, ex.Expression]], left: pn.PlanNode, right: pn.PlanNode
    ) -> float:
        """Return the selectivity of an equality join: one over the larger number of distinct keys.

        A row meets at most one where the keys of the other side are a unique key of their table.
        """
        sides = ([a for a, _ in pairs], left), ([b for _, b in pairs], right)
        uniques = [self.unique_rows(keys, node) for keys, node in sides]
        known = [rows for rows in uniques if rows is not None]
        if len(known) == 1:
            return 1 / known[0]
        return 1 / max(self.distinct(keys, node) for keys, node in sides)

    def unique_rows(self, keys: list[ex.Expression], node: pn.PlanNode) -> float | None:
        """Return the rows of the one table that the keys are a unique key of; None where they are of none."""
        producers = self.producers(node)
        origins = [producers.origin(key) for key in keys]
        places = {origin[2]: origin[0] for origin in origins if origin is not None}
        if len(places) != 1 or None in origins:
            return None
        (relation,) = places.values()
        columns = {origin[1] for origin in origins if origin is not None}
        return self.table(relation) if self.figures.is_unique(relation, columns) else None

    def distinct(self, keys: list[ex.Expression], node: pn.PlanNode) -> float:
        """Return about how many combinations of values the keys have among a node's rows."""
        rows = self.rows(node)
        producers = self.producers(node)
        result = 1.0
        columns: dict[int, tuple[Relation, set[int]]] = {}
        for key in keys:
            origin = producers.origin(key)
            made = producers.aggregate(key)
            if made is not None and len(made[0].groups) == 1 and made[1] is made[0].groups[0]:
                result *= self.rows(made[0])
            elif origin is not None:
                columns.setdefault(origin[2], (origin[0], set()))[1].add(origin[1])
            elif not isinstance(key, ex.Constant | ex.Parameter):
                result *= UNKNOWN_DISTINCT
        for relation, numbers in columns.values():
            result *= self._distinct_of(relation, numbers)
        return max(1.0, min(result, rows))

    def _distinct_of(self, relation: Relation, numbers: set[int]) -> float:
        """Return about how many combinations of values some columns (attribute numbers) of a table have."""
        if self.figures.is_unique(relation, numbers):
            return self.table(relation)
        product = 1.0
        for number in numbers:
            product *= self.figures.distinct(relation, number)
        return min(product, self.table(relation))

    def groups(self, keys: tuple[ex.Expression, ...], node: pn.PlanNode) -> float:
        """Return about how many groups the keys make of a node's rows."""
        rows = self.rows(node)
        producers = self.producers(node)
        columns: dict[int, tuple[Relation, set[int]]] = {}
        result = 1.0
        for key in keys:
            named = _columns(key)
            for column in named:
                origin = producers.origin(column)
                if origin is None:
                    result *= self.distinct([column], node)
                else:
                    columns.setdefault(origin[2], (origin[0], set()))[1].add(origin[1])
        for relation, numbers in columns.values():
            size, values = self.table(relation), self._distinct_of(relation, numbers)
            if rows < size:
                # Some rows of the table, drawn at random, do not meet all its values.
                values *= 1 - (1 - rows / size) ** (size / values)
            result *= max(1.0, values)
        return max(1.0, min(result, rows))

    def _distinct_rows(self, node: pn.Distinct) -> float:
        if node.on:
            return self.groups(node.on, node.input)
        below = node.input
        if isinstance(below, pn.Project):
            return self.groups(below.expressions, below.input)
        return self.rows(below)


def _columns(key: ex.Expression) -> list[ex.Column]:
    from heliosdb.plan.rewrite import columns_in

    return [column for column in columns_in(key) if column.index >= 0]


def in_list_length(node: pn.IndexScan) -> float:
    """Return how many alternatives an index scan tries, of an array that is not known PostgreSQL's guess of ten."""
    if not node.in_array:
        return len(node.in_list)
    (array,) = node.in_list
    if isinstance(array, ex.Constant) and isinstance(array.value, tuple):
        return len(array.value)
    return len(array.elements) if isinstance(array, ex.ArrayConstructor) else 10.0
