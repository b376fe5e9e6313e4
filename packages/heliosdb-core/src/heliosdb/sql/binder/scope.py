"""Scopes: what names mean inside one query, and how inner queries see outer ones.

A scope belongs to one SELECT (or INSERT, UPDATE, DELETE) and holds *range items*: one for each table, subquery,
function or join of FROM. Inner queries point to the scope around them by ``parent``. The rules are those of
PostgreSQL's name spaces:

* an item can be found by its own name (``relation_visible``), by the names of its columns (``columns_visible``), or
  both: the two sides of a join with USING stay visible as relations, while the unqualified names belong to the join;
* while FROM is being bound, what already stands left of the current item is ``lateral_only``: only LATERAL subqueries
  and functions see it, and where the join's kind forbids it (``lateral_ok`` False) naming it is an error of its own.

When a name is found in an outer scope, every scope that was crossed notes the column in ``outer``: so a subquery
knows what it is correlated with.

A column is made into an expression each time it is named, not before: whether it can be NULL depends on the outer
joins that were built above its item meanwhile (``nulled``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from heliosdb.plan.expressions import Case, Coalesce, Column, Constant, Expression, IsNull, RowConstructor
from heliosdb.plan.nodes import OutputColumn

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Relation
    from heliosdb.plan.expressions import AggregateCall, Grouping
    from heliosdb.sql.binder.cte import BoundCommonTable
    from heliosdb.sql.statements import Locking, WindowSpec

__all__ = ["JoinColumn", "JoinItem", "RangeItem", "Scope"]

AMBIGUOUS = -1
SYSTEM_COLUMNS = ("ctid", "tableoid")


class RangeItem:
    """One relation of FROM. ``slots`` are the positions of the columns in the source's row.

    ``kind`` is what FOR UPDATE calls it: "relation", "subquery", "join", "function", "WITH query". ``forms`` make the
    value of columns that have a stored form, by the column's number here.
    """

    __slots__ = (
        "_positions",
        "catalog_oid",
        "columns",
        "columns_visible",
        "forms",
        "hidden",
        "kind",
        "lateral_ok",
        "lateral_only",
        "name",
        "named",
        "nulled",
        "relation",
        "relation_visible",
        "schema",
        "slots",
        "source",
    )

    def __init__(
        self,
        name: str,
        source: int,
        columns: Sequence[OutputColumn],
        *,
        slots: Sequence[int] | None = None,
        relation: Relation | None = None,
        schema: str | None = None,
        kind: str = "relation",
        forms: Mapping[int, Callable[[Column], Expression]] | None = None,
    ) -> None:
        self.forms = forms
        self.hidden: Mapping[str, tuple[int, OutputColumn]] = {}
        """Columns that can be named and are not part of ``*``: (position in the source's row, column)."""
        self.catalog_oid: int | None = None
        """The OID of a table of pg_catalog."""
        self.kind = kind
        self.name = name
        self.source = source
        self.columns = columns
        self.slots = range(len(columns)) if slots is None else slots
        self.relation = relation
        self.schema = schema
        self.relation_visible = True
        self.columns_visible = True
        self.lateral_only = False
        self.lateral_ok = True
        self.nulled = False
        self.named = False
        """Whether the statement reads any of its columns."""
        self._positions: dict[str, int] | None = None

    @property
    def positions(self) -> dict[str, int]:
        """The number of each column name, ``AMBIGUOUS`` where several columns have it."""
        found = self._positions
        if found is None:
            found = {column.name: number for number, column in enumerate(self.columns)}
            if len(found) < len(self.columns):
                seen: set[str] = set()
                for column in self.columns:
                    if column.name in seen:
                        found[column.name] = AMBIGUOUS
                    seen.add(column.name)
            self._positions = found
        return found

    def column(self, number: int, position: int | None = None) -> Expression:
        """Return the expression for a column."""
        self.named = True
        column = self.columns[number]
        made = Column(
            type=column.type,
            typmod=column.typmod,
            nullable=column.nullable or self.nulled,
            collation=column.collation,
            position=position,
            source=self.source,
            index=self.slots[number],
            name=column.name,
        )
        form = None if self.forms is None else self.forms.get(number)
        return made if form is None else form(made)

    def whole_row(self, position: int | None = None) -> Expression:
        """Return the expression for the item's row as one composite value, of the relation's row type if it has one."""
        type_ = "record" if self.relation is None else f"#{self.relation.oid}"
        row = RowConstructor(
            type=type_,
            fields=tuple(self.column(number, position) for number in range(len(self.columns))),
            names=tuple(column.name for column in self.columns),
            position=position,
        )
        if not self.nulled or not self.source:
            return row
        # The row that an outer join did not find is NULL, not a row of NULLs.
        stored = self.relation is not None and self.relation.kind != "view"
        whole = Column(type="int8" if stored else "record", source=self.source, index=-1 if stored else -2)
        missing = Constant(type=type_, value=None)
        return Case(type=type_, branches=((IsNull(operand=whole), missing),), default=row, position=position)

    def system_column(self, name: str, position: int | None) -> Expression | None:
        """Return ``ctid`` or ``tableoid`` of a stored relation, or a hidden column; None for what is none here."""
        self.named = self.named or name in SYSTEM_COLUMNS
        if name in self.hidden:
            index, column = self.hidden[name]
            return Column(type=column.type, source=self.source, index=index, name=name, position=position)
        if name == "tableoid" and self.catalog_oid is not None and not self.nulled:
            return Constant(type="oid", value=self.catalog_oid, nullable=False, position=position)
        if self.hidden or self.relation is None or self.relation.kind not in ("table", "materialized view"):
            return None
        if name == "ctid":
            nullable = self.nulled
            return Column(type="int8", source=self.source, index=-1, name="ctid", nullable=nullable, position=position)
        if name == "tableoid" and not self.nulled:
            return Constant(type="oid", value=self.relation.oid, nullable=False, position=position)
        return None

    def base_items(self) -> Iterator[RangeItem]:
        """Yield the items whose columns this one shows: itself, or for a join those below it."""
        yield self


class JoinColumn:
    """A column of a join: one of a side's (``left`` alone), or two merged by USING.

    ``keep`` says which side's value the merged column has: "left", "right" or "both" (FULL).
    """

    __slots__ = ("keep", "left", "name", "right", "type", "typmod")

    def __init__(
        self,
        name: str,
        left: tuple[RangeItem, int],
        right: tuple[RangeItem, int] | None = None,
        keep: str = "left",
        type_: str = "",
        typmod: int = -1,
    ) -> None:
        self.name = name
        self.left = left
        self.right = right
        self.keep = keep
        self.type = type_
        self.typmod = typmod


class JoinItem(RangeItem):
    """A join as a range item. ``convert`` turns a side's column into the merged column's type where they differ."""

    __slots__ = ("convert", "joined", "sides")

    def __init__(
        self, name: str, joined: Sequence[JoinColumn], sides: Sequence[RangeItem], convert: object = None
    ) -> None:
        columns = [OutputColumn(name=column.name, type=column.type, typmod=column.typmod) for column in joined]
        super().__init__(name, 0, columns, kind="join")
        self.joined = joined
        self.sides = sides
        self.convert = convert

    def column(self, number: int, position: int | None = None) -> Expression:
        column = self.joined[number]
        left = column.left[0].column(column.left[1], position)
        if column.right is None:
            return left
        right = column.right[0].column(column.right[1], position)
        typed_left, typed_right = self._typed(left, column), self._typed(right, column)
        if column.keep == "both":
            return Coalesce(
                type=column.type,
                typmod=column.typmod,
                arguments=(typed_left, typed_right),
                nullable=left.nullable and right.nullable,
                position=position,
            )
        if column.keep == "right":
            return typed_right
        if column.keep == "either" and typed_left is not left and typed_right is right:
            return right
        return typed_left

    def _typed(self, expression: Expression, column: JoinColumn) -> Expression:
        if expression.type == column.type:
            return expression
        assert callable(self.convert)
        converted = self.convert(expression, column.type)
        assert isinstance(converted, Expression)
        return converted

    def base_items(self) -> Iterator[RangeItem]:
        for side in self.sides:
            yield from side.base_items()


class Scope:
    """Names of one query level. ``clause`` is what is being bound, in the words of errors: "WHERE", "SELECT"."""

    __slots__ = (
        "aggregates",
        "clause",
        "ctes",
        "from_pending",
        "groupings",
        "has_set_returning",
        "has_windows",
        "in_window",
        "items",
        "later_ctes",
        "lateral_active",
        "locking",
        "outer",
        "parent",
        "pending_windows",
        "recursive_item",
        "set_calls",
        "windows",
    )

    def __init__(self, parent: Scope | None = None) -> None:
        self.parent = parent
        self.items: list[RangeItem] = []
        self.lateral_active = False
        self.locking: tuple[Locking, ...] = ()
        self.clause = "SELECT"
        self.outer: dict[tuple[int, int], Column] = {}
        self.ctes: dict[str, BoundCommonTable] = {}
        self.aggregates: list[AggregateCall] = []
        self.windows: dict[str, WindowSpec] = {}
        self.has_windows = False
        self.pending_windows: list[WindowSpec] = []
        self.has_set_returning = False
        self.in_window = False
        self.later_ctes: set[str] = set()
        self.recursive_item = False
        self.set_calls: list[int | None] = []
        self.from_pending: list[RangeItem] = []
        self.groupings: list[Grouping] = []

    def ancestors(self) -> Iterator[Scope]:
        """Yield this scope, then the scopes around it."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent
