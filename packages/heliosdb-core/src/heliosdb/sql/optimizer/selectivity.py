"""Which part of the rows a condition leaves.

Statistics decide where a column meets constants: equality, IN lists, ranges (two bounds of one column together), LIKE
(tried on a part of the sample) and comparisons of two columns of one table. Everything else gets PostgreSQL's defaults
(src/include/utils/selfuncs.h). A condition on an aggregate, as in HAVING, takes the sizes of groups as Poisson's, and
sums and averages as normally distributed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.sql.optimizer.conditions import sources_of, split, unlabelled
from heliosdb.sql.optimizer.figures import EQUAL, Figures
from heliosdb.types.definitions import resolve_implementation

if TYPE_CHECKING:
    from collections.abc import Callable

    from heliosdb.catalog.definitions import Relation

__all__ = ["Producers", "Selectivity"]

RANGE, BETWEEN, LIKE, OTHER = 1 / 3, 0.005, 0.02, 0.5
FLIPPED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
PATTERNS = frozenset({"~~", "~~*", "~", "~*"})
TRIED = 200
"""Values of a sample that a pattern is tried on."""


class Producers:
    """The nodes of a plan by the source they make, to follow a column to the table it comes from."""

    def __init__(self, *plans: pn.PlanNode) -> None:
        self._nodes: dict[int, pn.PlanNode] = {}
        pending = list(plans)
        while pending:
            node = pending.pop()
            number = getattr(node, "source", None)
            if isinstance(number, int):
                self._nodes.setdefault(number, node)
            pending.extend(node.inputs)

    def origin(self, expression: ex.Expression | None) -> tuple[Relation, int, int] | None:
        """Return (table, attribute number, source of its scan) of an expression that is a column of a table."""
        while expression is not None:
            expression = unlabelled(expression)
            if not isinstance(expression, ex.Column) or expression.index < 0:
                return None
            node = self._nodes.get(expression.source)
            if isinstance(node, pn.Scan | pn.IndexScan | pn.IndexUnion | pn.IndexIntersection):
                return node.relation, expression.index + 1, node.source
            if isinstance(node, pn.Project):
                expression = node.expressions[expression.index]
            elif isinstance(node, pn.Aggregate) and expression.index < len(node.groups):
                expression = node.groups[expression.index]
            else:
                return None
        return None

    def aggregate(self, expression: ex.Expression) -> tuple[pn.Aggregate, ex.Expression] | None:
        """Return the aggregation that makes a column, and its group expression or call."""
        expression = unlabelled(expression)
        while isinstance(expression, ex.Column) and expression.index >= 0:
            node = self._nodes.get(expression.source)
            if isinstance(node, pn.Aggregate):
                made = (*node.groups, *node.calls)
                return (node, made[expression.index]) if expression.index < len(made) else None
            if not isinstance(node, pn.Project):
                return None
            expression = unlabelled(node.expressions[expression.index])
        return None


class Selectivity:
    """Selectivities for one statement. ``rows`` estimates nodes."""

    def __init__(self, figures: Figures, rows: Callable[[pn.PlanNode], float]) -> None:
        self._figures = figures
        self._rows = rows

    def of(self, condition: ex.Expression | None, producers: Producers) -> float:
        """Return which part of the rows that the producers make satisfies a condition."""
        result = 1.0
        ranges: dict[tuple[int, int], list[tuple[str, ex.Call, ex.Expression]]] = {}
        for part in split(condition):
            bound = self._bound(part, producers)
            if bound is None:
                result *= self._part(part, producers)
            else:
                place, operator, value = bound
                assert isinstance(part, ex.Call)
                ranges.setdefault(place, []).append((operator, part, value))
        for bounds in ranges.values():
            result *= self._range(bounds, producers)
        return result

    def _bound(self, part: ex.Expression, producers: Producers) -> tuple[tuple[int, int], str, ex.Expression] | None:
        """Return (column, operator, value) of a comparison that bounds a table's column."""
        if not isinstance(part, ex.Call) or part.operator not in ("<", "<=", ">", ">=") or len(part.arguments) != 2:
            return None
        left, right = part.arguments
        for column, value, operator in ((left, right, part.operator), (right, left, FLIPPED[part.operator])):
            if isinstance(unlabelled(value), ex.Constant | ex.Parameter | ex.Convert) and not sources_of(value):
                origin = producers.origin(column)
                if origin is not None and origin[0].columns[origin[1] - 1].type == part.argument_types[0]:
                    return (origin[2], origin[1]), operator, unlabelled(value)
        return None

    def _range(self, bounds: list[tuple[str, ex.Call, ex.Expression]], producers: Producers) -> float:
        """Return the selectivity of the comparisons of one column with constants."""
        lows = [(operator, value) for operator, _, value in bounds if operator in (">", ">=")]
        highs = [(operator, value) for operator, _, value in bounds if operator in ("<", "<=")]
        if len(lows) > 1 or len(highs) > 1:
            result = 1.0
            for bound in bounds:
                result = min(result, self._range([bound], producers))
            return result
        call = bounds[0][1]
        origin = producers.origin(call.arguments[0]) or producers.origin(call.arguments[1])
        assert origin is not None
        (low_operator, low) = lows[0] if lows else ("", None)
        (high_operator, high) = highs[0] if highs else ("", None)
        found = self._figures.between(
            origin[0], origin[1], low, high, low_inclusive=low_operator == ">=", high_inclusive=high_operator == "<="
        )
        return found if found is not None else BETWEEN if lows and highs else RANGE

    def _part(self, part: ex.Expression, producers: Producers) -> float:
        if isinstance(part, ex.Or):
            missed = 1.0
            for argument in part.arguments:
                missed *= 1 - self.of(argument, producers)
            return 1 - missed
        if isinstance(part, ex.And):
            return self.of(part, producers)
        if isinstance(part, ex.Not):
            return max(0.0, 1 - self.of(part.operand, producers))
        if isinstance(part, ex.IsNull):
            nulls = self._nulls(part.operand, producers)
            return 1 - nulls if part.negated else nulls
        if isinstance(part, ex.Constant):
            return 1.0 if part.value else 0.0
        if isinstance(part, ex.InList):
            return self._in_list(part, producers)
        if isinstance(part, ex.AnyAll):
            return self._any_all(part, producers)
        if isinstance(part, ex.Column):
            known = self._statistics(part, producers)
            return OTHER if known is None else known.equal(True)
        if isinstance(part, ex.Call) and part.operator is not None and len(part.arguments) == 2:
            return self._comparison(part, producers)
        return OTHER

    def _statistics(self, column: ex.Expression, producers: Producers) -> Any:
        origin = producers.origin(column)
        return None if origin is None else self._figures.column(origin[0], origin[1] - 1)

    def _nulls(self, operand: ex.Expression, producers: Producers) -> float:
        if not operand.nullable:
            return 0.0
        known = self._statistics(operand, producers)
        return EQUAL if known is None else float(known.null_fraction)

    def _in_list(self, part: ex.InList, producers: Producers) -> float:
        origin = producers.origin(part.operand)
        found = None if origin is None else self._figures.among(origin[0], origin[1], part.items)
        if found is None:
            found = min(OTHER, EQUAL * len(part.items))
        return max(0.0, 1 - found - self._nulls(part.operand, producers)) if part.negated else found

    def _any_all(self, part: ex.AnyAll, producers: Producers) -> float:
        """Return the selectivity of a comparison with the elements of an array, of which PostgreSQL guesses ten."""
        elements = part.array.value if isinstance(part.array, ex.Constant) else None
        count = len(elements) if isinstance(elements, tuple) else 10
        each = self.of(part.comparison, producers)
        if part.all:
            return max(0.0, 1 - count * (1 - each))
        return min(OTHER if elements is None else 1.0, count * each)

    def _comparison(self, part: ex.Call, producers: Producers) -> float:
        """Return the selectivity of a call of an operator with two operands."""
        operator = part.operator or ""
        left, right = map(unlabelled, part.arguments)
        if operator in FLIPPED:
            two = self._two_columns(left, operator, right, producers)
            if two is not None:
                return two
        if operator in ("=", "<>"):
            equal = self._equality(left, right, producers)
            return equal if operator == "=" else max(0.0, 1 - equal)
        if operator in FLIPPED:
            found = self._aggregated(left, operator, right, producers)
            if found is None:
                found = self._aggregated(right, FLIPPED[operator], left, producers)
            return RANGE if found is None else found
        if operator in PATTERNS:
            return self._pattern(part, producers)
        if operator.startswith("!") and operator[1:] in PATTERNS:
            return 1 - self._pattern(part, producers, negated=True)
        return OTHER

    def _equality(self, left: ex.Expression, right: ex.Expression, producers: Producers) -> float:
        origins = producers.origin(left), producers.origin(right)
        if origins[0] is not None and origins[1] is not None:
            return 1 / max(self._figures.distinct(table, column) for table, column, _ in filter(None, origins))
        for origin, value in zip(origins, (right, left), strict=True):
            if origin is not None:
                return self._figures.equality(origin[0], origin[1], value)
        return EQUAL

    def _two_columns(
        self, left: ex.Expression, operator: str, right: ex.Expression, producers: Producers
    ) -> float | None:
        """Return the selectivity of a comparison of two columns of one row."""
        first, second = producers.origin(left), producers.origin(right)
        if first is None or second is None or first[2] != second[2]:
            return None
        return self._figures.columns_compared(first[0], first[1] - 1, operator, second[1] - 1)

    def _pattern(self, part: ex.Call, producers: Producers, *, negated: bool = False) -> float:
        """Return the part of values that a pattern matches, tried on some of the sample."""
        origin = producers.origin(part.arguments[0])
        pattern = self._figures.known_value(unlabelled(part.arguments[1]))
        if origin is None or pattern is None or part.function.needs_session:
            return LIKE
        known = self._figures.column(origin[0], origin[1] - 1)
        if known is None or known.sort_key is not None or not known.ordered:
            return LIKE
        tried = known.ordered[:: max(1, len(known.ordered) // TRIED)]
        if not isinstance(tried[0], str):
            return LIKE
        matches = resolve_implementation(part.function.implementation or "")
        hits = sum(1 for value in tried if bool(matches(value, pattern)) is not negated)
        return max(hits, 0.5) / len(tried) * (1 - known.null_fraction)

    def _aggregated(
        self, column: ex.Expression, operator: str, value: ex.Expression, producers: Producers
    ) -> float | None:
        """Return the part of groups for which an aggregate compares so with a constant."""
        made = producers.aggregate(column)
        bound = self._figures.known_value(value)
        if made is None or isinstance(bound, bool) or not _is_number(bound):
            return None
        node, call = made
        if not node.groups or not isinstance(call, ex.AggregateCall) or call.distinct or call.filter is not None:
            return None
        groups = max(1.0, self._rows(node))
        size = max(1.0, self._rows(node.input) / groups)
        name, (mean, square) = call.aggregate.name, (1.0, 1.0)
        if name != "count":
            moments = self._moments(call.arguments[0], Producers(node)) if len(call.arguments) == 1 else None
            if moments is None or name not in ("sum", "avg"):
                return None
            mean, square = moments
        if name == "avg":
            deviation = math.sqrt(max(square - mean * mean, 0.0) / size)
        else:
            # A sum of as many values as a Poisson variable says.
            mean, deviation = size * mean, math.sqrt(size * square)
        distance = (float(bound) - mean) / max(deviation, 1e-9)
        below = 0.5 * (1 + math.erf(max(-30.0, min(30.0, distance)) / math.sqrt(2)))
        part = below if operator in ("<", "<=") else 1 - below
        return min(1.0, max(part, 0.5 / groups))

    def _moments(self, argument: ex.Expression, producers: Producers) -> tuple[float, float] | None:
        """Return the means of a column's values and of their squares."""
        known = self._statistics(argument, producers)
        if known is None or not known.ordered:
            return None
        some = known.ordered[:: max(1, len(known.ordered) // TRIED)]
        if not all(_is_number(value) and math.isfinite(value) for value in some):
            return None
        values = [float(value) for value in some]
        return math.fsum(values) / len(values), math.fsum(value * value for value in values) / len(values)


def _is_number(value: Any) -> bool:
    from decimal import Decimal

    return isinstance(value, int | float | Decimal)
