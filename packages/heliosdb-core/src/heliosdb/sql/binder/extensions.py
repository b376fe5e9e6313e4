"""Clauses of plugins: what a registered clause binds to.

A plugin's grammar puts a ``Clause(name, payload)`` after a table's name (or alias), or at the end of a query. The
registration under that name in ``Registries.clauses`` has ``bind``, an implementation called as ``bind(payload,
clause_binder)`` once when the statement is bound. It returns

* a ``SnapshotRequest``: read as of another snapshot. After a table it is that scan's; at the end of a query it is for
  every scan of the query, subqueries and views included, that has none of its own;
* a function ``(PlanNode) -> PlanNode``, which is applied to the plan of the table, or of the query;
* None: the clause means nothing for the plan.

A clause that is not registered is 0A000.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from heliosdb.errors import FeatureNotSupported
from heliosdb.plan.expressions import Expression
from heliosdb.plan.nodes import PlanNode, SnapshotRequest
from heliosdb.sql.binder.coercion import coerce_to_named_type, resolve_unknown
from heliosdb.sql.binder.scope import Scope
from heliosdb.types.definitions import resolve_implementation

if TYPE_CHECKING:
    from heliosdb.sql.binder.binder import Binder
    from heliosdb.sql.binder.context import BindContext
    from heliosdb.sql.statements import Clause
    from heliosdb.sql.statements import Expression as ExpressionNode

__all__ = ["ClauseBinder", "bind_clause", "query_clauses", "table_clauses"]


class ClauseBinder:
    """What a clause's ``bind`` may use."""

    def __init__(self, binder: Binder, scope: Scope, clause: Clause) -> None:
        self._binder = binder
        self._scope = scope
        self.position: int | None = clause.position or None

    @property
    def context(self) -> BindContext:
        """The surroundings of the statement."""
        return self._binder.context

    def expression(self, node: ExpressionNode, type_: str | None = None, construct: str = "clause") -> Expression:
        """Bind an argument, which may name no columns of the query; with ``type_`` convert it."""
        scope = Scope()
        scope.clause = construct
        bound = self._binder.expression(node, scope)
        if type_ is None:
            return resolve_unknown(self._binder, bound)
        return coerce_to_named_type(self._binder, bound, type_, construct)

    def private(self) -> None:
        """Keep the plan out of caches."""
        self._binder.cacheable = False


def bind_clause(binder: Binder, clause: Clause, scope: Scope) -> Any:
    """Return what a clause binds to: see the module."""
    registration = binder.registries.clauses.get(clause.name)
    bind = getattr(registration, "bind", None)
    if registration is None or bind is None:
        raise FeatureNotSupported(f"{clause.name.upper()} is not supported here", position=clause.position or None)
    return resolve_implementation(bind)(clause.payload, ClauseBinder(binder, scope, clause))


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
