"""Clauses of plugins: what a registered clause binds to.

A plugin's grammar puts a ``Clause(name, payload)`` after a table's name (or alias), or at the end of a query. The
registration under that name in ``Registries.clauses`` has ``bind``, an implementation called as ``bind(context,
payload)`` once when the statement is bound (``context`` is a ``ClauseBinder``). It returns

* a ``SnapshotRequest``: read as of another snapshot. After a table it is that scan's; at the end of a query it is for
  every scan of the query, subqueries and views included, that has none of its own;
* a function ``(PlanNode) -> PlanNode``, which is applied to the plan of the table, or of the query;
* None: the clause means nothing for the plan.

A clause that is not registered is 0A000.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from heliosdb.errors import AmbiguousColumn, FeatureNotSupported, UndefinedColumn, UndefinedFunction
from heliosdb.plan.expressions import Expression
from heliosdb.plan.nodes import Aggregate, PlanNode, Project, ProjectSet, Scan, SnapshotRequest, Source
from heliosdb.sql.binder.calls import scalar_call
from heliosdb.sql.binder.coercion import coerce_to_named_type, resolve_unknown
from heliosdb.sql.binder.functions import bind_operator, find_function
from heliosdb.sql.binder.scope import AMBIGUOUS, RangeItem, Scope
from heliosdb.types.definitions import ScalarFunction, resolve_implementation

if TYPE_CHECKING:
    from heliosdb.sql.binder.binder import Binder
    from heliosdb.sql.binder.context import BindContext
    from heliosdb.sql.statements import Clause
    from heliosdb.sql.statements import Expression as ExpressionNode

__all__ = ["ClauseBinder", "bind_clause", "query_clauses", "table_clauses"]


class ClauseBinder:
    """What a clause's ``bind`` may use (``heliosdb.catalog.registrations.ClauseContext``)."""

    def __init__(self, binder: Binder, scope: Scope, clause: Clause) -> None:
        self._binder = binder
        self._scope = scope
        self.position: int | None = clause.position or None

    @property
    def surroundings(self) -> BindContext:
        """The surroundings of the statement."""
        return self._binder.context

    def expression(
        self, tree: ExpressionNode, plan: PlanNode | None = None, *, type_: str | None = None, construct: str = "clause"
    ) -> Expression:
        """Bind an expression: over the columns of a plan, without one over none; with ``type_`` convert it."""
        scope = Scope()
        scope.clause = construct
        if plan is not None:
            scope.items.append(_range_item(plan))
        bound = self._binder.expression(tree, scope)
        if type_ is None:
            return resolve_unknown(self._binder, bound)
        return coerce_to_named_type(self._binder, bound, type_, construct)

    def column(self, plan: PlanNode, name: str) -> Expression:
        """Return the expression for a column of a plan; UndefinedColumn when it has none of that name."""
        item = _range_item(plan)
        number = item.positions.get(name)
        if number is None:
            raise UndefinedColumn(f'column "{name}" does not exist', position=self.position)
        if number == AMBIGUOUS:
            raise AmbiguousColumn(f'column reference "{name}" is ambiguous', position=self.position)
        return item.column(number, self.position)

    def call(self, name: str, *arguments: Expression) -> Expression:
        """Return the call of a scalar function; UndefinedFunction when there is none for these arguments."""
        types = tuple(argument.type for argument in arguments)
        candidate, _ = find_function(self._binder, tuple(name.split(".")), types)
        if candidate is None or not isinstance(candidate.target, ScalarFunction):
            raise UndefinedFunction(
                f"function {name}({', '.join(map(self._binder.display, types))}) does not exist", position=self.position
            )
        return scalar_call(self._binder, candidate, arguments, self.position)

    def operator(self, name: str, left: Expression | None, right: Expression) -> Expression:
        """Return ``left name right`` (``left`` None: a prefix operator); UndefinedFunction when there is none."""
        return bind_operator(self._binder, name, left, right, self.position)

    def private(self) -> None:
        """Keep the plan out of caches."""
        self._binder.cacheable = False


def _range_item(plan: PlanNode) -> RangeItem:
    """Return the columns of a plan by name: of the node that made its rows."""
    node = plan
    while not isinstance(node, Source | Project | ProjectSet | Aggregate):
        if len(node.inputs) != 1:
            raise FeatureNotSupported("the clause is not supported for a join")
        (node,) = node.inputs
    if isinstance(node, Scan):
        live = [column for column in node.relation.columns if not column.dropped]
        slots = [column.number - 1 for column in live]
        return RangeItem(node.alias, node.source, [node.columns[slot] for slot in slots], slots=slots)
    return RangeItem("", node.source, node.columns)


def bind_clause(binder: Binder, clause: Clause, scope: Scope) -> Any:
    """Return what a clause binds to: see the module."""
    registration = binder.registries.clauses.get(clause.name)
    bind = getattr(registration, "bind", None)
    if registration is None or bind is None:
        raise FeatureNotSupported(f"{clause.name.upper()} is not supported here", position=clause.position or None)
    return resolve_implementation(bind)(ClauseBinder(binder, scope, clause), clause.payload)


def table_clauses(
    binder: Binder, clauses: tuple[Clause, ...], scope: Scope
) -> tuple[SnapshotRequest | None, list[Callable[[PlanNode], PlanNode]]]:
    """Return the snapshot and the wrappers that the clauses after a table give."""
    snapshot: SnapshotRequest | None = None
    wrappers: list[Callable[[PlanNode], PlanNode]] = []
    for clause in clauses:
        meaning = bind_clause(binder, clause, scope)
        if isinstance(meaning, SnapshotRequest):
            if snapshot is not None:
                raise FeatureNotSupported(
                    f"{clause.name.upper()} is given more than once", position=clause.position or None
                )
            snapshot = meaning
        elif meaning is not None:
            wrappers.append(meaning)
    return snapshot, wrappers


def query_clauses(binder: Binder, clauses: tuple[Clause, ...], scope: Scope) -> Callable[[PlanNode], PlanNode]:
    """Bind the clauses that trail a query and return what is to be done with its plan when it is bound."""
    snapshot, wrappers = table_clauses(binder, clauses, scope)
    before = binder.snapshot
    if snapshot is not None:
        binder.snapshot = snapshot

    def finish(plan: PlanNode) -> PlanNode:
        binder.snapshot = before
        for wrap in wrappers:
            plan = wrap(plan)
        return plan

    return finish
