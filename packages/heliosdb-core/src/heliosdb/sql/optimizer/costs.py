"""What EXPLAIN says a plan costs, and how wide its rows are.

The unit is one row read and tested by a sequential scan, as everywhere in the optimizer; an index look-up, a row found
through an index, a row put into a hash table and the rest are measured in it. The optimizer itself compares
alternatives of one kind only (access paths, join orders); here the same figures are summed up over a whole plan, so
that two plans of one statement can be compared. Costs of different databases cannot.
"""

from __future__ import annotations

from math import log2
from typing import TYPE_CHECKING, Any

from attrs import frozen

from heliosdb.plan import nodes as pn
from heliosdb.sql.optimizer.access import KEY, ROW, index_cost

if TYPE_CHECKING:
    from heliosdb.sql.optimizer.estimates import Estimates

__all__ = ["Cost", "Costs"]

HASHED, PROBED, COMPARED, WRITTEN = 1.5, 1.0, 0.2, 10.0
"""A row put into a hash table, looked up in one, a comparison of a sort, and a row changed in a table."""
VARIABLE_WIDTH = 32
"""About the bytes of a value whose type has no fixed length, as PostgreSQL assumes."""


@frozen
class Cost:
    """What it takes until the first row, and until the last."""

    startup: float
    total: float


class Costs:
    """Costs of the nodes of one plan."""

    def __init__(self, estimates: Estimates, types: Any) -> None:
        self._estimates = estimates
        self._types = types
        self._known: dict[int, Cost] = {}

    def of(self, node: pn.PlanNode) -> Cost:
        """Return a node's cost, that of its inputs included."""
        found = self._known.get(id(node))
        if found is None:
            found = self._known[id(node)] = self._of(node)
        return found

    def width(self, columns: tuple[pn.OutputColumn, ...]) -> int:
        """Return about how many bytes a row of these columns has."""
        total = 0
        for column in columns:
            type_ = self._types.find(column.type)
            total += type_.length if type_ is not None and type_.length > 0 else VARIABLE_WIDTH
        return total

    def _of(self, node: pn.PlanNode) -> Cost:
        rows = self._estimates.rows(node)
        match node:
            case pn.Scan():
                return Cost(0, self._estimates.table(node.relation))
            case pn.IndexScan():
                return Cost(0, index_cost(node, rows))
            case pn.IndexIntersection():
                found = sum(index_cost(scan, 0) + KEY * self._estimates.rows(scan) for scan in node.scans)
                return Cost(0, found + ROW * rows)
            case pn.IndexUnion():
                return Cost(0, sum(index_cost(scan, self._estimates.rows(scan)) for scan in node.scans))
            case pn.Join():
                return self._join(node, rows)
        inputs = [self.of(part) for part in node.inputs]
        startup, total = sum(cost.startup for cost in inputs), sum(cost.total for cost in inputs)
        given = sum(self._estimates.rows(part) for part in node.inputs)
        match node:
            case pn.Filter() | pn.Project() | pn.LockRows():
                return Cost(startup, total)
            case pn.Sort():
                sorted_ = total + COMPARED * given * log2(max(2.0, min(given, rows) if node.top is not None else given))
                return Cost(sorted_, sorted_ + COMPARED * rows)
            case pn.Limit():
                part = min(1.0, rows / given) if given else 1.0
                return Cost(startup, startup + (total - startup) * part)
            case pn.Aggregate() | pn.Distinct() | pn.Window():
                made = total + HASHED * given
                return Cost(made, made + rows)
            case pn.Modify():
                return Cost(startup, total + WRITTEN * given)
            case pn.With():
                shared = sum(self.of(plan).total for _, _, plan in node.ctes)
                return Cost(startup + shared, total + shared)
        return Cost(startup, total + rows)

    def _join(self, node: pn.Join, rows: float) -> Cost:
        left, right = self.of(node.left), self.of(node.right)
        left_rows, right_rows = self._estimates.rows(node.left), self._estimates.rows(node.right)
        if isinstance(node, pn.HashJoin):
            startup = right.total + HASHED * right_rows
            return Cost(startup + left.startup, startup + left.total + PROBED * left_rows + rows)
        again = right.total
        if isinstance(node.right, pn.Kept):
            # What is kept is computed once and walked through, or looked up, again and again.
            again = PROBED if node.right.keys else right_rows
        return Cost(left.startup + right.startup, left.total + right.total + max(0.0, left_rows - 1) * again + rows)
