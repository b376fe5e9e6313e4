"""What INSERT, UPDATE and DELETE write to: a table, or a simple view over one.

A view whose query is one table or such a view with a condition is automatically updatable, as in PostgreSQL: what is
written goes to the table below, the view's condition decides which rows UPDATE and DELETE find, and columns of the
view that are plain columns of the table may be assigned to. ``WriteTarget`` hides the difference: it gives range items
under the names the statement uses for any source that holds a row of the table.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from attrs import evolve

from heliosdb.catalog.ownership import require_access_methods
from heliosdb.errors import (
    FeatureNotSupported,
    ObjectNotInPrerequisiteState,
    UndefinedColumn,
    WrongObjectType,
)
from heliosdb.plan import nodes
from heliosdb.plan.expressions import Column, Expression
from heliosdb.plan.forms import stored_column
from heliosdb.plan.rewrite import rewritten
from heliosdb.sql import statements as ast
from heliosdb.sql.binder.constraints import parse_view
from heliosdb.sql.binder.from_clause import catalog_view_exists
from heliosdb.sql.binder.scope import RangeItem
from heliosdb.types.definitions import Aggregate, TableFunction

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import ColumnDefinition, Relation
    from heliosdb.sql.binder.binder import Binder

__all__ = ["WriteTarget", "find_target", "why_not_updatable"]

VERBS = {
    "insert into": ("insert into", "inserting into", "INSERT"),
    "update": ("update", "updating", "UPDATE"),
    "delete from": ("delete from", "deleting from", "DELETE"),
}


class DerivedItem(RangeItem):
    """A row of a table under the columns of a view: each is an expression over the table's row, here ``base``."""

    __slots__ = ("base", "expressions")

    def __init__(
        self,
        name: str,
        source: int,
        columns: Sequence[nodes.OutputColumn],
        expressions: Sequence[Expression],
        base: int,
        schema: str | None,
    ) -> None:
        super().__init__(name, source, columns, schema=schema)
        self.base = base
        self.expressions = expressions

    def column(self, number: int, position: int | None = None) -> Expression:
        self.named = True
        expression: Expression = moved(self.expressions[number], self.base, self.source)
        return evolve(expression, position=position)


def moved(expression: Any, old: int, new: int) -> Any:
    """Return an expression with the columns of one source named as another's."""

    def replace(node: Any) -> Any:
        return evolve(node, source=new) if node.__class__ is Column and node.source == old else None

    return rewritten(expression, replace)


class WriteTarget:
    """The table that a statement writes to, and how the statement sees its rows."""

    def __init__(self, binder: Binder, relation: Relation, verb: str, view: Relation | None = None) -> None:
        self.binder = binder
        self.relation = relation
        self.verb = verb
        self.view = view
        self.base = 0
        self.columns: list[tuple[nodes.OutputColumn, Expression]] = []
        self.conditions: list[tuple[int, Expression]] = []
        """The views' conditions, each with how deep its view lies below the one that was named."""
        self.privileges: list[tuple[Relation, int]] = [(view or relation, binder.role)]
        """What has to be written to, each with the role whose privileges count: the views on the way, the table."""
        self.items: list[RangeItem] = []

    @property
    def name(self) -> str:
        """The name that the statement calls the target by."""
        return (self.view or self.relation).name

    def item(self, source: int, alias: str | None) -> RangeItem:
        """Return the range item for a row of the table under ``source``."""
        made = self._item(source, alias)
        self.items.append(made)
        return made

    def require(self, letters: str) -> None:
        """Note the privileges that the statement needs, and SELECT where it names a column of a row that is there."""
        wanted = letters + "r" * any(item.named for item in self.items)
        for relation, role in self.privileges:
            for letter in wanted:
                self.binder.access.setdefault((relation.oid, letter, role), relation)

    def note_below(self, before: Collection[tuple[int, str, int]]) -> None:
        """Ask of each view's owner what the statement asks of the role, and not whether it may read what is below:
        that was noted since ``before``, when the view's text was bound."""
        view = self.view
        while view is not None:
            below = self._view_below(view) or self.relation
            self.privileges.append((below, view.owner))
            if (key := (below.oid, "r", view.owner)) not in before:
                self.binder.access.pop(key, None)
            view = below if below.kind == "view" else None

    def _item(self, source: int, alias: str | None) -> RangeItem:
        if self.view is None:
            return self.binder.scan_item(self.relation, alias, source, self.relation.schema if alias is None else None)
        schema = self.view.schema if alias is None else None
        columns = [column for column, _ in self.columns]
        expressions = [expression for _, expression in self.columns]
        return DerivedItem(alias or self.view.name, source, columns, expressions, self.base, schema)

    def condition(self, source: int) -> list[Expression]:
        """Return the view's conditions on a row of the table under ``source``."""
        return [moved(condition, self.base, source) for _, condition in self.conditions]

    def view_checks(self, source: int) -> tuple[nodes.RowCheck, ...]:
        """Return what WITH CHECK OPTION asks of a new row under ``source``: of the innermost view first.

        A view with the option asks for its own condition, and CASCADED for those of all views below it.
        """
        checks: list[nodes.RowCheck] = []
        cascaded = False
        level, view = 0, self.view
        while view is not None:
            option = dict(view.options).get("check_option")
            cascaded = cascaded or option == "cascaded"
            if cascaded or option is not None:
                conditions = [condition for depth, condition in self.conditions if depth == level]
                own = [
                    nodes.RowCheck(condition=moved(condition, self.base, source), constraint=view.name, kind="view")
                    for condition in conditions
                ]
                checks = own + checks
            view = self._view_below(view)
            level += 1
        return tuple(checks)

    def _view_below(self, view: Relation) -> Relation | None:
        """Return the view that an updatable view reads, or None where it reads the table."""
        query = parse_view(self.binder, view)
        assert isinstance(query, ast.Select)
        item = query.from_items[0]
        assert isinstance(item, ast.RangeTable)
        parts = item.name.parts
        schema = parts[-2] if len(parts) > 1 else None
        path = view.search_path or self.binder.search_path
        found = self.binder.context.catalog.lookup_relation(schema, parts[-1], path)
        return found if found is not None and found.kind == "view" else None

    def live_columns(self) -> list[ColumnDefinition | None]:
        """Return the columns as INSERT without a list fills them; None for what cannot be written."""
        if self.view is None:
            return [column for column in self.relation.columns if not column.dropped]
        return [self._definition(expression) for _, expression in self.columns]

    def column(self, target: ast.AssignmentTarget, *, whole: bool = True) -> ColumnDefinition:
        """Return the column that INSERT's list or SET names; ``whole`` refuses elements and fields of it."""
        position = target.position or None
        found: ColumnDefinition | None
        if self.view is None:
            found = self.relation.column(target.name)
            if found is None:
                raise self._undefined(target.name, position)
        else:
            found = self._view_column(target.name, position)
        if target.path and whole:
            raise FeatureNotSupported(
                "assignment to an element or a field of a column is not supported", position=position
            )
        return found

    def _undefined(self, name: str, position: int | None) -> UndefinedColumn:
        return UndefinedColumn(f'column "{name}" of relation "{self.name}" does not exist', position=position)

    def _view_column(self, name: str, position: int | None) -> ColumnDefinition:
        for column, expression in self.columns:
            if column.name == name:
                found = self._definition(expression)
                if found is None:
                    raise self.not_updatable(name)
                return found
        raise self._undefined(name, position)

    def not_updatable(self, name: str) -> FeatureNotSupported:
        """Return the error for a column of a view that is not a column of the table."""
        return FeatureNotSupported(
            f'cannot {VERBS[self.verb][0]} column "{name}" of view "{self.name}"',
            detail="View columns that are not columns of their base relation are not updatable.",
        )

    def _definition(self, expression: Expression) -> ColumnDefinition | None:
        place = stored_column(expression)
        if place is not None and place.source == self.base and place.index >= 0:
            for column in self.relation.columns:
                if column.number == place.index + 1:
                    return column
        return None


def find_target(binder: Binder, target: ast.RangeTable, verb: str) -> WriteTarget:
    """Return what a statement writes to; ``verb`` as in 'cannot insert into view "v"'."""
    parts = target.name.parts
    position = target.name.position or target.position or None
    if target.extensions:
        clause = target.extensions[0]
        raise FeatureNotSupported(
            f"{clause.name.upper()} is not supported for the target of a modification",
            position=clause.position or None,
        )
    relation = binder.relation(parts)
    if relation is None:
        if catalog_view_exists(binder, parts):
            raise ObjectNotInPrerequisiteState(f'cannot {verb} view "{parts[-1]}"')
        raise binder.undefined_relation(parts, position)
    if relation.kind == "view":
        return _updatable_view(binder, relation, verb)
    _check_table(binder, relation)
    return WriteTarget(binder, relation, verb)


def _check_table(binder: Binder, relation: Relation) -> None:
    if relation.kind == "sequence":
        raise WrongObjectType(f'cannot change sequence "{relation.name}"')
    if relation.kind == "materialized view":
        raise WrongObjectType(f'cannot change materialized view "{relation.name}"')
    if relation.indexes:
        require_access_methods(relation, binder.registries)


# -- views -----------------------------------------------------------------------------------------------------------


def _updatable_view(binder: Binder, view: Relation, verb: str) -> WriteTarget:
    reason = why_not_updatable(binder, parse_view(binder, view))
    if reason is None:
        from heliosdb.sql.binder.from_clause import bind_view

        before = set(binder.access)
        plan, item = bind_view(binder, view, None, None)
        found = _collapsed(plan)
        if found is not None:
            scan, expressions, conditions = found
            target = WriteTarget(binder, scan.relation, verb, view)
            _check_table(binder, scan.relation)
            target.base = scan.source
            target.columns = list(zip(item.columns, expressions))
            target.conditions = conditions
            target.note_below(before)
            return target
        reason = "Views that do not select from a single table or view are not automatically updatable."
    words, doing, event = VERBS[verb]
    raise ObjectNotInPrerequisiteState(
        f'cannot {words} view "{view.name}"',
        detail=reason,
        hint=(
            f"To enable {doing} the view, provide an INSTEAD OF {event} trigger "
            f"or an unconditional ON {event} DO INSTEAD rule."
        ),
    )


def why_not_updatable(binder: Binder, query: ast.Query) -> str | None:
    """Return why a view's query is not updatable, as far as its syntax tells (view_query_is_auto_updatable)."""
    what: str | None = None
    if isinstance(query, ast.Select) and query.distinct:
        what = "containing DISTINCT"
    elif isinstance(query, ast.Select) and query.group_by:
        what = "containing GROUP BY"
    elif isinstance(query, ast.Select) and query.having is not None:
        what = "containing HAVING"
    elif isinstance(query, ast.SetOperation):
        what = "containing UNION, INTERSECT, or EXCEPT"
    elif query.with_clause is not None:
        what = "containing WITH"
    elif query.limit is not None or query.offset is not None:
        what = "containing LIMIT or OFFSET"
    elif isinstance(query, ast.Select):
        what = _returned(binder, query)
        if what is None and (len(query.from_items) != 1 or not isinstance(query.from_items[0], ast.RangeTable)):
            what = "that do not select from a single table or view"
    else:
        what = "that do not select from a single table or view"
    return f"Views {what} are not automatically updatable." if what is not None else None


def _returned(binder: Binder, select: ast.Select) -> str | None:
    """Return what a select list gives that no table column is: aggregates, window functions, sets."""
    from heliosdb.sql.binder.cte import syntax_nodes
    from heliosdb.sql.binder.functions import named_functions

    found: set[str] = set()
    for node in syntax_nodes(tuple(target.expression for target in select.targets)):
        if isinstance(node, ast.FunctionCall):
            functions = named_functions(binder, node.name)
            if node.over is not None:
                found.add("that return window functions")
            elif any(isinstance(function, Aggregate) for function in functions):
                found.add("that return aggregate functions")
            elif any(isinstance(function, TableFunction) for function in functions):
                found.add("that return set-returning functions")
    return min(found, default=None)


def _collapsed(
    plan: nodes.PlanNode, level: int = -1
) -> tuple[nodes.Scan, list[Expression], list[tuple[int, Expression]]] | None:
    """Return the scan below a view's plan, the view's columns and conditions over it, each with the level of its view;
    None for another shape."""
    conditions: list[Expression] = []
    while isinstance(plan, nodes.Filter | nodes.Sort):
        if isinstance(plan, nodes.Filter):
            conditions.append(plan.condition)
        plan = plan.input
    if isinstance(plan, nodes.Scan):
        return plan, [], [(level, condition) for condition in conditions]
    if not isinstance(plan, nodes.Project):
        return None
    # A view gives its columns their names in a projection that carries the view's own name.
    below = _collapsed(plan.input, level + bool(plan.alias))
    if below is None:
        return None
    scan, inner, inner_conditions = below
    outputs = list(plan.expressions)
    if inner:
        outputs = _replaced(outputs, _project_below(plan.input).sources[0], inner)
    # The conditions met on the way here stand above this projection.
    own = _replaced(conditions, plan.source, outputs)
    return scan, outputs, inner_conditions + [(level, condition) for condition in own]


def _replaced(expressions: Sequence[Expression], source: int, values: Sequence[Expression]) -> list[Expression]:
    """Return expressions with the columns of a projection replaced by what it computes."""

    def replace(node: Any) -> Any:
        return values[node.index] if node.__class__ is Column and node.source == source else None

    return [rewritten(expression, replace) for expression in expressions]


def _project_below(plan: nodes.PlanNode) -> nodes.PlanNode:
    while isinstance(plan, nodes.Filter | nodes.Sort):
        plan = plan.input
    return plan
