"""Column statistics from a sample of a table's rows.

Nothing has to be run: a table of some size is sampled when a plan is made for it, a few blocks spread evenly, and
again when it has grown or shrunk by half. ANALYZE takes a larger sample. A column's figures are made when somebody
asks: the part of NULLs, the most common values, the number of distinct values (the estimator Duj1 of Haas and Stokes,
as in PostgreSQL's analyze.c) and the sorted sample, which is the histogram.
"""

from __future__ import annotations

import operator
from bisect import bisect_left, bisect_right
from collections import Counter
from threading import Lock
from typing import TYPE_CHECKING, Any

from attrs import define, field

from heliosdb.types.definitions import resolve_implementation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from heliosdb.catalog.definitions import Relation

__all__ = ["ColumnStatistics", "RelationStatistics", "StatisticsCache"]

SAMPLE = 2_000
ANALYZED = 30_000
LEAST_ROWS = 200
COMMON = 100
"""Most common values that are kept."""
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


@define
class ColumnStatistics:
    """What a sample says about a column. ``common`` maps hash keys to their part of all rows."""

    null_fraction: float
    distinct: float
    common: dict[Any, float]
    ordered: list[Any]
    hash_key: Any
    sort_key: Any

    def equal(self, value: Any) -> float:
        """Return the part of rows that equal a value (None: some value, not known)."""
        if value is not None:
            found = self.common.get(value if self.hash_key is None else self.hash_key(value))
            if found is not None:
                return found
        rest = 1.0 - self.null_fraction
        others = self.distinct
        if value is not None:
            rest -= sum(self.common.values())
            others -= len(self.common)
        return max(rest, 0.0) / max(others, 1.0)

    def below(self, value: Any, *, inclusive: bool) -> float:
        """Return the part of rows below a known value."""
        if not self.ordered:
            return 0.0
        key = value if self.sort_key is None else self.sort_key(value)
        position = (bisect_right if inclusive else bisect_left)(self.ordered, key)
        return (1.0 - self.null_fraction) * position / len(self.ordered)


@define
class RelationStatistics:
    """A sample of a table and the columns' figures made of it so far. ``rows`` is the table's size at the time."""

    rows: float
    sample: Sequence[tuple[Any, ...]]
    analyzed: bool = False
    _columns: dict[int, ColumnStatistics] = field(factory=dict)
    _compared: dict[tuple[int, str, int], float] = field(factory=dict)

    def column(self, relation: Relation, slot: int, types: Any) -> ColumnStatistics | None:
        """Return a column's statistics, None where the type has no order."""
        found = self._columns.get(slot)
        if found is None:
            ordering = types.ordering(relation.columns[slot].stored_type)
            if ordering is None or not self.sample:
                return None
            found = self._columns[slot] = self._of(slot, ordering)
        return found

    def compared(self, relation: Relation, left: int, name: str, right: int, types: Any) -> float | None:
        """Return the part of rows in which two columns compare so; None where they do not compare as they stand."""
        place = (left, name, right)
        found = self._compared.get(place)
        if found is None:
            type_, other = relation.columns[left].stored_type, relation.columns[right].stored_type
            ordering = types.ordering(type_)
            if type_ != other or ordering is None or not ordering.identity or not self.sample:
                return None
            compare = COMPARISONS[name]
            rows = self.sample[:: max(1, len(self.sample) // SAMPLE)]
            hits = sum(
                1 for row in rows if row[left] is not None and row[right] is not None and compare(row[left], row[right])
            )
            found = self._compared[place] = max(hits, 0.5) / len(rows)
        return found

    def _of(self, slot: int, ordering: Any) -> ColumnStatistics:
        def resolved(implementation: Any) -> Any:
            return None if ordering.identity or implementation is None else resolve_implementation(implementation)

        hash_key, sort_key = resolved(ordering.hash_key), resolved(ordering.sort_key)
        values = [row[slot] for row in self.sample if row[slot] is not None]
        size = len(self.sample)
        counts = Counter(values if hash_key is None else map(hash_key, values))
        once = sum(1 for count in counts.values() if count == 1)
        total = self.rows * len(values) / size
        distinct = float(len(counts))
        if values and once:
            # Duj1: values met once stand for those that were not met.
            distinct = len(values) * distinct / (len(values) - once + once * len(values) / max(total, 1.0))
        common = {key: count / size for key, count in counts.most_common(COMMON) if count > 1}
        ordered = sorted(values if sort_key is None else map(sort_key, values))
        return ColumnStatistics((size - len(values)) / size, max(distinct, 1.0), common, ordered, hash_key, sort_key)


class StatisticsCache:
    """The statistics of a database's tables, by timeline and OID. Any thread may use it."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], RelationStatistics] = {}
        self._lock = Lock()

    def of(self, session: Any, relation: Relation) -> RelationStatistics | None:
        """Return a table's statistics, sampled now where there are none or they are outdated; None for small tables."""
        transaction = session.transaction
        view = transaction.view(relation.oid)
        rows = view.estimated_rows()
        key = (transaction.timeline.id, relation.oid)
        found = self._known.get(key)
        if found is not None and 0.5 <= (rows + 1) / (found.rows + 1) <= 2.0:
            return found
        if rows < LEAST_ROWS:
            return None
        return self._sampled(key, view, rows, SAMPLE)

    def analyze(self, session: Any, relation: Relation) -> RelationStatistics:
        """Take a large sample (ANALYZE)."""
        transaction = session.transaction
        view = transaction.view(relation.oid)
        key = (transaction.timeline.id, relation.oid)
        made = self._sampled(key, view, view.estimated_rows(), ANALYZED)
        made.analyzed = True
        for slot, column in enumerate(relation.columns):
            # Now, not when the first query asks.
            if not column.dropped:
                made.column(relation, slot, session.registries.types)
        return made

    def _sampled(self, key: tuple[int, int], view: Any, rows: float, size: int) -> RelationStatistics:
        made = RelationStatistics(float(rows), view.sample(size))
        with self._lock:
            self._known[key] = made
        return made
