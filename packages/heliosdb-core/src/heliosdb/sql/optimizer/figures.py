"""What is known of tables and their columns while one statement is planned, and which of it hung on a constant.

The constants of a statement's text are mostly free: the plan serves other texts with other constants. Estimates look at
this text's all the same, or every range would be a third of its table. Each look is noted as a ``Peek``, and a text
whose constants select a very different part gets a plan of its own (``session/statements.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from heliosdb.errors import Error
from heliosdb.plan import expressions as ex

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from heliosdb.catalog.definitions import Relation
    from heliosdb.sql.optimizer.statistics import ColumnStatistics, RelationStatistics

__all__ = ["Figures", "Peek"]

EQUAL = 0.005
"""PostgreSQL's part of the rows that equal something, where nothing is known."""

WATCHED_ROWS = 1000
"""In smaller tables no plan is bad enough to be told apart."""

FACTOR, MARGIN = 8.0, 0.002
"""How much a constant may change what is selected before the plan is thought unfit."""


@frozen(eq=False)
class Peek:
    """A selectivity that depends on constants of the text or on parameters; ``compute`` gives it for any datums.

    ``places`` are the constants' slots, the parameters' come after these; None where a datum is part of the plan.
    """

    places: tuple[int | None, ...]
    data: tuple[Any, ...]
    compute: Callable[..., float] = field(repr=False)
    selectivity: float

    @property
    def slots(self) -> tuple[int, ...]:
        """The places of the constants that are free."""
        return tuple(place for place in self.places if place is not None)

    def holds(self, slots: Sequence[Any]) -> bool:
        """Whether other constants select about as much."""
        values = [datum if place is None else slots[place] for place, datum in zip(self.places, self.data, strict=True)]
        if None in values:
            return True
        now, then = self.compute(*values), self.selectivity
        return now <= FACTOR * then + MARGIN and then <= FACTOR * now + MARGIN


class Figures:
    """Sizes of tables and statistics of columns for one statement of a session."""

    def __init__(self, session: Any, slots: Sequence[Any] = (), width: int = 0) -> None:
        self._session = session
        self._slots = slots
        """The datums of this text's free constants, then those of the parameters."""
        self._width = width
        self._rows: dict[int, float] = {}
        self._statistics: dict[int, RelationStatistics | None] = {}
        self._peeks: dict[Any, Peek] = {}

    @property
    def peeks(self) -> tuple[Peek, ...]:
        """The selectivities that were taken from free constants."""
        return tuple(self._peeks.values())

    def table(self, relation: Relation) -> float:
        """Return a table's rows, at least one."""
        found = self._rows.get(relation.oid)
        if found is None:
            rows = self._session.transaction.view(relation.oid).estimated_rows()
            found = self._rows[relation.oid] = max(1.0, float(rows))
        return found

    def _of(self, relation: Relation) -> RelationStatistics | None:
        if relation.oid not in self._statistics:
            self._statistics[relation.oid] = self._session.database.statistics.of(self._session, relation)
        return self._statistics[relation.oid]

    def column(self, relation: Relation, slot: int) -> ColumnStatistics | None:
        """Return what is known of a column's values."""
        statistics = self._of(relation)
        return None if statistics is None else statistics.column(relation, slot, self._session.registries.types)

    def columns_compared(self, relation: Relation, left: int, operator: str, right: int) -> float | None:
        """Return the part of a table's rows for which two columns compare so; None where it is not known."""
        statistics = self._of(relation)
        if statistics is None:
            return None
        return statistics.compared(relation, left, operator, right, self._session.registries.types)

    def is_unique(self, relation: Relation, columns: frozenset[int] | set[int]) -> bool:
        """Whether no two rows agree in these columns (attribute numbers)."""
        return any(
            index.unique and index.predicate is None and {key.column for key in index.keys} <= columns
            for index in relation.indexes
        )

    def distinct(self, relation: Relation, column: int) -> float:
        """Return about how many values a column (attribute number) has."""
        rows = self.table(relation)
        if self.is_unique(relation, {column}):
            return rows
        known = self.column(relation, column - 1)
        return min(rows, 200.0 if known is None else known.distinct)

    def equality(self, relation: Relation, column: int | None, value: ex.Expression | None = None) -> float:
        """Return the selectivity of ``column = value``; ``column`` is an attribute number, None an expression."""
        rows = self.table(relation)
        if column is not None and self.is_unique(relation, {column}):
            return 1 / rows
        known = None if column is None else self.column(relation, column - 1)
        if known is None:
            return max(EQUAL, 1 / rows)
        statistics = known

        def part(datum: Any) -> float:
            return max(statistics.equal(datum), 0.5 / rows)

        return self._peeked(relation, (value,), part) or part(None)

    def among(self, relation: Relation, column: int, values: Sequence[ex.Expression]) -> float | None:
        """Return the selectivity of ``column IN (values)``, None where the column is not known."""
        rows = self.table(relation)
        known = self.column(relation, column - 1)
        if known is None:
            return None
        statistics = known

        def part(*data: Any) -> float:
            return min(1.0, sum(max(statistics.equal(datum), 0.5 / rows) for datum in set(data)))

        return self._peeked(relation, values, part) or min(1.0, len(values) * max(statistics.equal(None), 0.5 / rows))

    def between(
        self,
        relation: Relation,
        column: int,
        low: ex.Expression | None,
        high: ex.Expression | None,
        *,
        low_inclusive: bool,
        high_inclusive: bool,
    ) -> float | None:
        """Return the part of rows between two bounds (None: open), None where column or bounds are not known."""
        known = self.column(relation, column - 1)
        if known is None:
            return None
        statistics = known
        least = 0.5 / self.table(relation)

        def part(*data: Any) -> float:
            values = list(data)
            first, last = 0.0, 1.0 - statistics.null_fraction
            if low is not None:
                first = statistics.below(values.pop(0), inclusive=not low_inclusive)
            if high is not None:
                last = statistics.below(values.pop(0), inclusive=high_inclusive)
            return max(last - first, least)

        return self._peeked(relation, [bound for bound in (low, high) if bound is not None], part)

    def _peeked(
        self, relation: Relation, values: Sequence[ex.Expression | None], part: Callable[..., float]
    ) -> float | None:
        """Return what constants select, noted where they are free; None where they are not known."""
        data = [self.known_value(value) for value in values]
        if any(datum is None for datum in data):
            return None
        result = part(*data)
        slots = tuple(map(self._place, values))
        if any(slot is not None for slot in slots) and self.table(relation) >= WATCHED_ROWS:
            self._peeks.setdefault((relation.oid, slots), Peek(slots, tuple(data), part, result))
        return result

    def _place(self, node: ex.Expression | None) -> int | None:
        """Return where among the datums a value is found before each run, None where it is part of the plan."""
        if isinstance(node, ex.Parameter):
            return self._width + node.number - 1
        return node.slot if isinstance(node, ex.Constant) else None

    def known_value(self, node: ex.Expression | None) -> Any:
        """Return the datum of a constant or a parameter of this run, None of anything else."""
        place = self._place(node)
        if place is not None and place < len(self._slots):
            return self._slots[place]
        if isinstance(node, ex.Constant):
            return node.value
        if isinstance(node, ex.Convert) and node.via_text and not node.element_cast:
            # What a text means here and now, as that of a date hangs on the session's settings.
            text = node.operand
            if isinstance(text, ex.Constant) and text.type == "text" and text.value is not None:
                try:
                    return self._session.registries.types.input(node.type)(text.value, node.typmod, self._session)
                except Error:
                    return None
        return None
