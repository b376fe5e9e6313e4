"""A query that has been bound: what the clauses and statements around it work with."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define

from heliosdb.plan import nodes
from heliosdb.plan.expressions import Column, Expression
from heliosdb.sql.binder.scope import RangeItem

__all__ = ["BoundQuery"]


@define(eq=False)
class BoundQuery:
    """A bound query: a plan with one source.

    ``expressions`` are what its columns hold, where a caller may retype literals.
    """

    plan: nodes.PlanNode
    source: int
    columns: tuple[nodes.OutputColumn, ...]
    expressions: tuple[Expression, ...] = ()

    def column(self, index: int, position: int | None = None) -> Column:
        """Return the expression for an output column."""
        column = self.columns[index]
        return Column(
            type=column.type,
            typmod=column.typmod,
            nullable=column.nullable,
            collation=column.collation,
            position=position,
            source=self.source,
            index=index,
            name=column.name,
        )

    def item(self, name: str, column_names: Sequence[str] = ()) -> RangeItem:
        """Return the range item that the query is in FROM."""
        from heliosdb.sql.binder.binder import renamed

        columns = [
            renamed(column, column_names[number]) if number < len(column_names) else column
            for number, column in enumerate(self.columns)
        ]
        return RangeItem(name, self.source, columns, kind="subquery")
