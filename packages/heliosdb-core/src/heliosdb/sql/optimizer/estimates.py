"""How many rows a node gives, roughly.

Rows of a table are counted by the store; selectivities are PostgreSQL's defaults where no statistics say better
(src/include/utils/selfuncs.h: 0.005 for equality, 1/3 for a comparison), and 1/rows for equality with a unique key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.sql.optimizer.conditions import split

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Relation

__all__ = ["Estimates"]

EQUAL, RANGE, LIKE, OTHER = 0.005, 1 / 3, 0.02, 0.5


class Estimates:
    """Estimates for one statement. ``table_rows`` gives a relation's number of rows."""

    def __init__(self, table_rows: Callable[[Relation], float]) -> None:
        self._table_rows = table_rows
        self._known: dict[int, float] = {}

    def table(self, relation: Relation) -> float:
        """Return a table's rows, at least one."""
        found = self._known.get(relation.oid)
        if found is None:
            found = self._known[relation.oid] = max(1.0, float(self._table_rows(relation)))
        return found

    def rows(self, node: pn.PlanNode) -> float:
        """Return about how many rows a node gives."""
        if node.rows is not None:
            return node.rows
        return max(1.0, self._rows(node))

    def _rows(self, node: pn.PlanNode) -> float:
        match node:
            case pn.Scan():
                return self.table(node.relation)
            case pn.IndexScan():
                return self._index_scan(node)
            case pn.Filter():
                return self.rows(node.input) * self.selectivity(node.condition, node.input)
            case pn.Values():
                return len(node.table)
            case pn.FunctionScan():
                return 100.0
            case pn.CatalogScan() | pn.CteScan() | pn.WorkTableScan():
                return 100.0
            case pn.Join():
                return self._join(node)
            case pn.Aggregate():
                return 1.0 if not node.groups else self.rows(node.input) / 10 + 1
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
        rows = self.table(node.relation)
        if node.nearest is not None:
            return rows
        selected = rows * (self.equality(node.relation, node.index.keys[0].column) if node.equal else 1.0)
        selected *= EQUAL * len(node.in_list) if node.in_list else 1.0
        if node.low is not None or node.high is not None:
            selected *= RANGE if node.low is None or node.high is None else EQUAL
        return selected

    def equality(self, relation: Relation, column: int | None) -> float:
        """Return the selectivity of ``column = value``."""
        rows = self.table(relation)
        if any(i.unique and len(i.keys) == 1 and i.keys[0].column == column for i in relation.indexes):
            return 1 / rows
        return max(EQUAL, 1 / rows)

    def selectivity(self, condition: ex.Expression | None, node: pn.PlanNode) -> float:
        """Return which part of the node's rows satisfies a condition."""
        result = 1.0
        for part in split(condition):
            result *= self._selectivity(part, node)
        return result

    def _selectivity(self, part: ex.Expression, node: pn.PlanNode) -> float:
        if isinstance(part, ex.Or):
            return min(1.0, sum(self.selectivity(argument, node) for argument in part.arguments))
        if isinstance(part, ex.Not):
            return max(0.0, 1 - self.selectivity(part.operand, node))
        if isinstance(part, ex.IsNull):
            return 0.995 if part.negated else EQUAL
        if isinstance(part, ex.InList):
            return min(0.5, EQUAL * len(part.items))
        if isinstance(part, ex.Call) and part.operator is not None:
            if part.operator == "=":
                for argument in part.arguments:
                    relation = relation_of(argument, node)
                    if relation is not None and isinstance(argument, ex.Column):
                        return self.equality(relation, argument.index + 1)
                return EQUAL
            if part.operator in ("<", "<=", ">", ">="):
                return RANGE
            if part.operator in ("~~", "~~*", "~", "~*"):
                return LIKE
        return OTHER

    def _join(self, node: pn.Join) -> float:
        left, right = self.rows(node.left), self.rows(node.right)
        if node.kind == "semi":
            return max(1.0, left / 2)
        if node.kind == "anti":
            return max(1.0, left / 2)
        result = left * right
        if isinstance(node, pn.HashJoin):
            result *= self.join_selectivity(node.left_keys, node.right_keys, node)
        result *= self.selectivity(node.condition, node)
        if node.kind in ("left", "full"):
            result = max(result, left)
        if node.kind in ("right", "full"):
            result = max(result, right)
        return result

    def join_selectivity(
        self, left: tuple[ex.Expression, ...], right: tuple[ex.Expression, ...], node: pn.PlanNode
    ) -> float:
        """Return the selectivity of an equality join: one over the larger number of distinct keys."""
        result = 1.0
        for a, b in zip(left, right, strict=True):
            distinct = [1.0]
            for key in (a, b):
                relation = relation_of(key, node)
                if relation is not None and isinstance(key, ex.Column):
                    distinct.append(1 / self.equality(relation, key.index + 1))
            result *= 1 / max(distinct)
        return result


def relation_of(expression: ex.Expression, node: pn.PlanNode) -> Relation | None:
    """Return the relation that a column belongs to, where a scan below the node gives it."""
    if not isinstance(expression, ex.Column):
        return None
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, pn.Scan | pn.IndexScan) and current.source == expression.source:
            return current.relation
        pending.extend(current.inputs)
    return None
