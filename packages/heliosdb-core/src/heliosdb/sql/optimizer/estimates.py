"""How many rows a node gives, roughly.

Rows of a table are counted by the store, selectivities come from a sample of it (``statistics``). Where neither is
known they are PostgreSQL's defaults (src/include/utils/selfuncs.h: 0.005 for equality, 1/3 for a comparison), and
1/rows for equality with a unique key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.sql.optimizer.conditions import split, unlabelled

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Relation
    from heliosdb.sql.optimizer.statistics import ColumnStatistics

__all__ = ["Estimates", "in_list_length"]

EQUAL, RANGE, LIKE, OTHER = 0.005, 1 / 3, 0.02, 0.5
COMPARISONS = {"<": "<", "<=": "<=", ">": ">", ">=": ">="}
FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


class Estimates:
    """Estimates for one statement of a session."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._known: dict[int, float] = {}

    def table(self, relation: Relation) -> float:
        """Return a table's rows, at least one."""
        found = self._known.get(relation.oid)
        if found is None:
            rows = self._session.transaction.view(relation.oid).estimated_rows()
            found = self._known[relation.oid] = max(1.0, float(rows))
        return found

    def _column(self, relation: Relation, slot: int) -> ColumnStatistics | None:
        """Return what is known of a column's values."""
        statistics = self._session.database.statistics.of(self._session, relation)
        return None if statistics is None else statistics.column(relation, slot, self._session.registries.types)

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
            case pn.IndexUnion():
                return sum(self.rows(scan) for scan in node.scans)
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
        selected = self.table(node.relation)
        if node.nearest is not None:
            return selected
        keys = node.index.keys
        for key, value in zip(keys, node.equal, strict=False):
            selected *= self.equality(node.relation, key.column, value)
        position = len(node.equal)
        if node.in_list:
            column = keys[position].column
            if node.in_array:
                selected *= min(1.0, in_list_length(node) * self.equality(node.relation, column, node.in_list[0]))
            else:
                selected *= min(1.0, sum(self.equality(node.relation, column, item) for item in node.in_list))
            position += 1
        if node.low is not None or node.high is not None:
            selected *= self._between(node, keys[position].column)
        return selected

    def _between(self, node: pn.IndexScan, column: int | None) -> float:
        """Return the part of rows between an index scan's bounds."""
        known = None if column is None else self._column(node.relation, column - 1)
        default = RANGE if node.low is None or node.high is None else EQUAL
        if known is None:
            return default
        low, high = 0.0, 1.0 - known.null_fraction
        for bound, is_low in ((node.low, True), (node.high, False)):
            value = _known_value(bound)
            if bound is not None and value is None:
                return default
            if value is not None and is_low:
                low = known.below(value, inclusive=not node.low_inclusive)
            elif value is not None:
                high = known.below(value, inclusive=node.high_inclusive)
        return max(high - low, 0.0)

    def equality(self, relation: Relation, column: int | None, value: ex.Expression | None = None) -> float:
        """Return the selectivity of ``column = value``; ``column`` is an attribute number, None an expression."""
        rows = self.table(relation)
        if any(i.unique and len(i.keys) == 1 and i.keys[0].column == column for i in relation.indexes):
            return 1 / rows
        known = None if column is None else self._column(relation, column - 1)
        if known is not None:
            return max(known.equal(_known_value(value)), 0.5 / rows)
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
            return self._comparison(part, node)
        return OTHER

    def _comparison(self, part: ex.Call, node: pn.PlanNode) -> float:
        """Return the selectivity of an operator call."""
        if len(part.arguments) == 2 and (part.operator == "=" or part.operator in COMPARISONS):
            left, right = map(unlabelled, part.arguments)
            for column, value, operator in (
                (left, right, part.operator),
                (right, left, FLIPPED.get(part.operator or "", "=")),
            ):
                relation = relation_of(column, node)
                if relation is None or not isinstance(column, ex.Column) or column.index < 0:
                    continue
                if part.operator == "=":
                    return self.equality(relation, column.index + 1, value)
                known = self._column(relation, column.index)
                constant = _known_value(value)
                if known is None or constant is None or part.argument_types[0] != column.type:
                    return RANGE
                if operator in ("<", "<="):
                    return known.below(constant, inclusive=operator == "<=")
                return max(0.0, 1 - known.null_fraction - known.below(constant, inclusive=operator == ">"))
            return EQUAL if part.operator == "=" else RANGE
        return LIKE if part.operator in ("~~", "~~*", "~", "~*") else OTHER

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
        """Return the selectivity of an equality join: one over the larger number of distinct keys.

        A row meets at most one where the keys of the other side are a unique key of their table.
        """
        (count, unique), (other, other_unique) = self._distinct(left, node), self._distinct(right, node)
        if unique != other_unique:
            return 1 / (count if unique else other)
        return 1 / max(count, other)

    def _distinct(self, keys: tuple[ex.Expression, ...], node: pn.PlanNode) -> tuple[float, bool]:
        """Return about how many distinct keys there are, and whether they are a unique key of one table."""
        columns: dict[int, list[int]] = {}
        relations: dict[int, Relation] = {}
        for key in keys:
            relation = relation_of(key, node)
            if relation is not None and isinstance(key, ex.Column) and key.index >= 0:
                columns.setdefault(key.source, []).append(key.index + 1)
                relations[key.source] = relation
        result, unique = 1.0, False
        for source, relation in relations.items():
            distinct = 1.0
            for column in columns[source]:
                distinct /= self.equality(relation, column)
            numbers = set(columns[source])
            indexes = [index for index in relation.indexes if index.unique and index.predicate is None]
            if any({key.column for key in index.keys} <= numbers for index in indexes):
                unique, distinct = len(relations) == 1, self.table(relation)
            result *= min(distinct, self.table(relation))
        return result, unique


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


def _known_value(node: ex.Expression | None) -> Any:
    """Return the datum of a constant that the plan knows, else None."""
    return node.value if isinstance(node, ex.Constant) and node.slot is None else None


def in_list_length(node: pn.IndexScan) -> float:
    """Return how many alternatives an index scan tries, of an array that is not known PostgreSQL's guess of ten."""
    if not node.in_array:
        return len(node.in_list)
    (array,) = node.in_list
    if isinstance(array, ex.Constant) and isinstance(array.value, tuple):
        return len(array.value)
    return len(array.elements) if isinstance(array, ex.ArrayConstructor) else 10.0
