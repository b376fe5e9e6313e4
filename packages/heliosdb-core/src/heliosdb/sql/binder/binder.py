"""The state of binding one statement, and the way from a syntax node to the function that binds it.

A ``Binder`` lives for one statement. It numbers sources and common tables, gathers parameter types, literal slots and
the objects that the plan depends on, and hands every node to the module that knows it: those are plain functions over
(binder, node, scope), so that each chapter of SQL can be read by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from attrs import evolve

from heliosdb.catalog.access import may_use_schema
from heliosdb.catalog.definitions import OWNER
from heliosdb.catalog.ownership import require_types
from heliosdb.errors import (
    Error,
    FeatureNotSupported,
    InsufficientPrivilege,
    InvalidSchemaName,
    StatementTooComplex,
    UndefinedColumn,
    UndefinedTable,
)
from heliosdb.plan.expressions import (
    Case,
    Column,
    Constant,
    Expression,
    RowConstructor,
    SetReturningCall,
    Subquery,
    SubqueryKind,
)
from heliosdb.plan.forms import reading
from heliosdb.plan.nodes import BoundStatement, OutputColumn, PlanNode
from heliosdb.sql.binder.coercion import ASSIGNMENT, coerce_to_type, resolve_unknown
from heliosdb.sql.binder.expressions import EXPRESSIONS
from heliosdb.sql.binder.literals import Parameters, Slots
from heliosdb.sql.binder.locations import location
from heliosdb.sql.binder.scope import RangeItem, Scope
from heliosdb.sql.statements import Delete, Insert, Merge, Query, Statement, Update

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import ColumnDefinition, Relation
    from heliosdb.sql.binder.bound_query import BoundQuery
    from heliosdb.sql.binder.context import BindContext
    from heliosdb.sql.binder.moments import Moment
    from heliosdb.sql.statements import Expression as ExpressionNode

__all__ = ["Binder"]


class Binder:
    """Binds one statement; see the module."""

    def __init__(self, context: BindContext) -> None:
        self.context = context
        self.registries = context.registries
        self.types = context.types
        self.undecided_fields: dict[int, tuple[Expression, Constant]] = {}
        """Fields of written rows that became text for want of anything better, and the literals they were."""
        self.search_path = context.search_path
        self.slots = Slots()
        if not context.lift_constants:
            self.slots.suspended += 1
        self.parameters = Parameters(context.parameter_types, context.parameter_hints)
        self.dependencies: set[tuple[int, int]] = set()
        self.volatile_calls = 0
        self.has_collations = False
        self.read_only = True
        self.has_forms = False
        self.cacheable = True
        self.owners: dict[int, Scope] = {}
        self._sources = 0
        self._ctes = 0
        self.other_texts = 0
        self.rows: dict[tuple[int, int], RowConstructor] = {}
        self.tables: dict[int, int] = {}
        """The OIDs of the tables and views that are sources."""
        self.origins: dict[tuple[int, int], tuple[int, int]] = {}
        """By (source, index) of what other sources give on as it is: (OID of the table, number of the column)."""
        self.views: list[int] = []
        self.role: int = getattr(context.session, "role", OWNER)
        """Whose privileges count: the current role's, within a view those of its owner."""
        self.access: dict[tuple[int, str, int], Relation] = {}
        """Which privilege the statement needs on a relation (by OID), and of which role."""
        self.moment: Moment | None = None
        """When what is bound now is read; None: at the statement's own snapshot."""
        self.requests = 0

    # -- entry points --------------------------------------------------------------------------------------------------

    def bind(self, statement: Statement) -> BoundStatement:
        """Bind a whole statement."""
        try:
            return self._statement(statement)
        except RecursionError:
            raise StatementTooComplex(
                "stack depth limit exceeded", hint="Split the statement: its expressions are nested too deeply."
            ) from None

    def _statement(self, statement: Statement) -> BoundStatement:
        columns: Sequence[OutputColumn] | None
        if isinstance(statement, Query):
            bound = self.query(statement, None)
            plan, columns, tag = bound.plan, bound.columns, "SELECT"
        else:
            self.read_only = False
            plan, columns, tag = self.modification(statement, None)
        plan, parameter_types = self.parameters.finish(plan)
        plan, slots = self.slots.finish(plan, self)
        return BoundStatement(
            plan=plan,
            columns=tuple(columns) if columns is not None else None,
            tag=tag,
            parameter_types=parameter_types,
            slots=slots,
            pinned=frozenset(self.slots.pinned),
            dependencies=frozenset(self.dependencies),
            read_only=self.read_only,
            cacheable=self.cacheable,
            has_forms=self.has_forms,
            access=tuple([(relation, letter, role) for (_, letter, role), relation in self.access.items()]),
        )

    def modification(
        self, statement: Statement, parent: Scope | None
    ) -> tuple[PlanNode, Sequence[OutputColumn] | None, str]:
        """Bind INSERT, UPDATE or DELETE and return its plan, the columns of RETURNING (None without) and its tag."""
        self.read_only = False
        if self.moment is not None:
            raise FeatureNotSupported("rows of another time cannot be changed", position=statement.position or None)
        if isinstance(statement, Insert):
            from heliosdb.sql.binder.insert import bind_insert

            plan: PlanNode = bind_insert(self, statement, parent)
            tag = "INSERT"
        elif isinstance(statement, Update):
            from heliosdb.sql.binder.update import bind_update

            plan = bind_update(self, statement, parent)
            tag = "UPDATE"
        elif isinstance(statement, Delete):
            from heliosdb.sql.binder.delete import bind_delete

            plan = bind_delete(self, statement, parent)
            tag = "DELETE"
        elif isinstance(statement, Merge):
            if parent is not None:
                raise FeatureNotSupported("MERGE not supported in WITH query", position=statement.position or None)
            from heliosdb.sql.binder.merge import bind_merge

            plan = bind_merge(self, statement, parent)
            tag = "MERGE"
        else:
            raise FeatureNotSupported(f"{type(statement).__name__} is not a statement that can be planned")
        inner = plan
        while not hasattr(inner, "returning"):
            inner = inner.inputs[-1]
        returning = inner.returning
        return plan, (inner.columns if returning is not None else None), tag  # type: ignore[attr-defined]

    def query(self, query: Query, parent: Scope | None, *, resolve_unknowns: bool = True) -> BoundQuery:
        """Bind a query inside a scope."""
        from heliosdb.sql.binder.query import bind_query

        return bind_query(self, query, parent, resolve_unknowns=resolve_unknowns)

    def expression(self, node: ExpressionNode, scope: Scope) -> Expression:
        """Bind an expression; literals and parameters may come out as of type unknown."""
        bind = EXPRESSIONS.get(type(node))
        if bind is None:
            raise FeatureNotSupported(
                f"{type(node).__name__} is not supported here", position=getattr(node, "position", None) or None
            )
        return bind(self, node, scope)

    def expression_in(self, clause: str, node: ExpressionNode, scope: Scope) -> Expression:
        """Bind an expression of a clause, whose name errors will say."""
        before, scope.clause = scope.clause, clause
        bound = self.expression(node, scope)
        scope.clause = before
        return bound

    def assigned(
        self, expression: Expression, type_: str, typmod: int, column: str, position: int | None = None
    ) -> Expression:
        """Convert a value to a column's type for storing; 42804 where there is no assignment cast."""
        converted = coerce_to_type(self, expression, type_, typmod, ASSIGNMENT)
        if converted is None:
            from heliosdb.errors import DatatypeMismatch

            raise DatatypeMismatch(
                f'column "{column}" is of type {self.display(type_)} '
                f"but expression is of type {self.display(expression.type)}",
                hint="You will need to rewrite or cast the expression.",
                position=position or location(expression),
            )
        return converted

    # -- numbering and bookkeeping -----------------------------------------------------------------------------------

    def new_source(self) -> int:
        """Return a source number that nothing else in the statement has."""
        self._sources += 1
        return self._sources

    def new_cte(self) -> int:
        """Return a number for a common table."""
        self._ctes += 1
        return self._ctes

    def pin(self, slot: int | None) -> None:
        """Note that a literal's value was looked at."""
        self.slots.pin(slot)

    @contextmanager
    def other_text(self, search_path: tuple[str, ...] | None = None) -> Iterator[None]:
        """Bind inside the text of a view, default or check: no slots, no parameters, its own search path."""
        before = self.search_path
        self.slots.suspended += 1
        self.other_texts += 1
        if search_path is not None:
            self.search_path = search_path
        yield
        self.slots.suspended -= 1
        self.other_texts -= 1
        self.search_path = before

    def note_star(self, node: ExpressionNode, items: Sequence[RangeItem]) -> None:
        """Told of every ``*`` with the range items it stands for; who stores a query's text writes the columns out."""

    # -- names -------------------------------------------------------------------------------------------------------

    def relation(self, parts: tuple[str, ...]) -> Relation | None:
        """Return the relation that a name in the statement means, or None."""
        schema = parts[-2] if len(parts) > 1 else None
        if schema is not None and not self.views:
            self.require_schema(schema)
        if self.moment is not None:
            from heliosdb.sql.binder.moments import relation_at

            return relation_at(self, self.moment, schema, parts[-1])
        found = self.context.catalog.lookup_relation(schema, parts[-1], self.search_path)
        if found is not None:
            self.dependencies.add((found.oid, found.version))
            if found.owner_package is not None:
                require_types(found, self.registries)
        return found

    def require_schema(self, name: str) -> None:
        """Refuse to look into a schema that the role may not use."""
        if not may_use_schema(self.context.catalog, self.role, name):
            raise InsufficientPrivilege(f"permission denied for schema {name}")

    def require(self, relation: Relation, letter: str) -> None:
        """Note that the statement needs a privilege on a relation; it is looked at when the statement is bound."""
        self.access.setdefault((relation.oid, letter, self.role), relation)

    def undefined_relation(self, parts: tuple[str, ...], position: int | None, scope: Scope | None = None) -> Error:
        """Return the error for a relation that does not exist."""
        error = UndefinedTable(f'relation "{".".join(parts[-2:])}" does not exist', position=position)
        if scope is not None and len(parts) == 1 and any(parts[0] in level.later_ctes for level in scope.ancestors()):
            error.detail = (
                f'There is a WITH item named "{parts[0]}", but it cannot be referenced from this part of the query.'
            )
            error.hint = "Use WITH RECURSIVE, or re-order the WITH items to remove forward references."
        return error

    def undefined_schema(self, name: str, position: int | None) -> Error:
        """Return the error for a schema that does not exist."""
        return InvalidSchemaName(f'schema "{name}" does not exist', position=position)

    def undefined_column_of(self, relation: Relation, name: str, position: int | None) -> Error:
        """Return the error for a column that a relation does not have."""
        return UndefinedColumn(f'column "{name}" of relation "{relation.name}" does not exist', position=position)

    def display(self, type_: str) -> str:
        """Return how SQL spells a type."""
        found = self.types.find(type_)
        return found.display if found is not None else type_

    def is_collatable(self, type_: str) -> bool:
        """Return whether values of a type have a collation."""
        found = self.types.find(type_)
        return found is not None and found.collatable

    def combined_collation(self, arguments: Iterable[Expression]) -> str | None:
        """Return the collation that a call gets from its arguments; 42P21 and 42P22 are left to COLLATE itself."""
        for argument in arguments:
            if argument.collation is not None:
                return argument.collation
        return None

    # -- outputs -----------------------------------------------------------------------------------------------------

    def output_column(self, name: str, expression: Expression) -> OutputColumn:
        """Return the description of an output column."""
        return OutputColumn(
            name=name,
            type=expression.type,
            typmod=expression.typmod,
            nullable=expression.nullable,
            collation=expression.collation,
            origin=self.origin_of(expression),
        )

    def origin_of(self, expression: Expression) -> tuple[int, int]:
        """Return the OID of the table and the number of the column that an expression is, zeros where it is none."""
        if expression.__class__ is not Column:
            return 0, 0
        table = self.tables.get(expression.source)
        place = (expression.source, expression.index)
        if table is not None:
            return (table, place[1] + 1) if place[1] >= 0 else (0, 0)
        return self.origins.get(place, (0, 0))

    def note_rows(self, source: int, expressions: Sequence[Expression]) -> None:
        """Remember the fields of output columns that are rows, for those who select fields from them."""
        for index, expression in enumerate(expressions):
            origin = self.origin_of(expression)
            if origin[0]:
                self.origins[source, index] = origin
            if expression.type == "record":
                row = self.row_of(expression)
                if row is not None:
                    self.rows[source, index] = row

    def row_of(self, expression: Expression) -> RowConstructor | None:
        """Return the row constructor behind an expression of type record, if it is known."""
        if isinstance(expression, RowConstructor):
            return expression
        if isinstance(expression, SetReturningCall) and expression.type == "record" and expression.columns:
            fields = tuple(Constant(type=type_, value=None) for _, type_ in expression.columns)
            return RowConstructor(type="record", fields=fields, names=tuple(name for name, _ in expression.columns))
        if isinstance(expression, Column):
            return self.rows.get((expression.source, expression.index))
        if isinstance(expression, Case) and expression.default is not None:
            return self.row_of(expression.default)
        if isinstance(expression, Subquery) and expression.kind is SubqueryKind.SCALAR:
            (source,) = expression.plan.sources
            return self.rows.get((source, 0))
        return None

    def known(self, expression: Expression) -> Expression:
        """Return the expression with a type: an undecided literal or parameter becomes text."""
        return resolve_unknown(self, expression)

    def scan_item(self, relation: Relation, alias: str | None, source: int, schema: str | None = None) -> RangeItem:
        """Return the range item of a stored relation: its live columns, at their slots."""
        live = [column for column in relation.columns if not column.dropped]
        for column in live:
            if column.collation is not None:
                self.has_collations = True
        self.tables[source] = relation.oid
        return RangeItem(
            alias or relation.name,
            source,
            [
                OutputColumn(
                    name=column.name,
                    type=column.type,
                    typmod=column.typmod,
                    nullable=not column.not_null,
                    collation=column.collation,
                )
                for column in live
            ],
            slots=[column.number - 1 for column in live],
            relation=relation,
            schema=relation.schema if alias is None else None,
            forms=self.forms(live),
        )

    def forms(self, columns: Sequence[ColumnDefinition]) -> dict[int, Callable[[Column], Expression]] | None:
        """Return what makes the values of columns with a stored form, by their places in the list; None for none."""
        found: dict[int, Callable[[Column], Expression]] = {
            number: partial(reading, self.registries, column)
            for number, column in enumerate(columns)
            if column.form is not None
        }
        if not found:
            return None
        self.has_forms = True
        return found

    def scan_columns(self, relation: Relation) -> tuple[OutputColumn, ...]:
        """Return the columns of a scan: all attributes in slot order, dropped ones included."""
        columns = []
        for number in range(max((column.number for column in relation.columns), default=0)):
            columns.append(_scan_column(relation, number + 1))
        return tuple(columns)


def _scan_column(relation: Relation, number: int) -> OutputColumn:
    for column in relation.columns:
        if column.number == number:
            return OutputColumn(
                name=column.name,
                type=column.stored_type,
                typmod=column.typmod if column.form is None else -1,
                nullable=not column.not_null or column.dropped,
                collation=column.collation,
            )
    return OutputColumn(name="", type="text")


def renamed(column: OutputColumn, name: str) -> OutputColumn:
    """Return the column under another name."""
    return column if column.name == name else evolve(column, name=name)


def unsupported(construct: str, position: int | None = None) -> Error:
    """Return the error for something the grammar knows and the engine does not."""
    return FeatureNotSupported(f"{construct} is not supported", position=position or None)
