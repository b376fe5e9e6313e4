"""Clauses of plugins: what a registered clause makes of the plan.

A plugin's grammar puts a ``Clause(name, payload)`` after a table's name (or alias), or at the end of a query. The
registration under that name in ``Registries.clauses`` has ``bind``, called as ``bind(context, node, payload)`` once
when the statement is bound, with the scan of the table or the plan of the query; it returns the node that takes its
place, with the same sources and columns. ``context`` is a ``ClauseBinder``. A clause that is not registered is 0A000.
Clauses that say when are in ``moments``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heliosdb.errors import FeatureNotSupported, UndefinedColumn
from heliosdb.plan.expressions import Expression
from heliosdb.plan.nodes import LockRows, PlanNode, Scan
from heliosdb.plan.rewrite import walk
from heliosdb.sql.binder.coercion import coerce_to_named_type, resolve_unknown
from heliosdb.sql.binder.functions import bind_operator
from heliosdb.sql.binder.scope import RangeItem, Scope
from heliosdb.types.definitions import resolve_implementation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heliosdb.sql.binder.binder import Binder
    from heliosdb.sql.binder.context import BindContext
    from heliosdb.sql.statements import Clause
    from heliosdb.sql.statements import Expression as ExpressionNode

__all__ = ["ClauseBinder", "apply_clauses", "lock_rows"]


class ClauseBinder:
    """What a clause's ``bind`` may use; implements ``heliosdb.spi.ClauseContext``."""

    def __init__(self, binder: Binder, clause: Clause) -> None:
        self._binder = binder
        self.clause = clause

    @property
    def context(self) -> BindContext:
        """The surroundings of the statement."""
        return self._binder.context

    def expression(self, tree: ExpressionNode, node: Any = None, type_: str | None = None) -> Expression:
        """Bind a parsed expression over the columns of a node (None: of nothing); with ``type_`` convert it."""
        scope = Scope()
        scope.clause = self.clause.name.upper()
        if node is not None:
            scope.items = [self._item(inner) for inner in _producers(node)]
        bound = self._binder.expression(tree, scope)
        if type_ is None:
            return resolve_unknown(self._binder, bound)
        return coerce_to_named_type(self._binder, bound, type_, self.clause.name.upper())

    def column(self, node: Any, name: str) -> Expression:
        """Return the expression for a column of a node; UndefinedColumn when it has none of that name."""
        for inner in _producers(node):
            item = self._item(inner)
            for number, column in enumerate(item.columns):
                if column.name == name:
                    return item.column(number)
        raise UndefinedColumn(f'column "{name}" does not exist', position=self.clause.position or None)

    def _item(self, node: Any) -> RangeItem:
        alias = getattr(node, "alias", "")
        if isinstance(node, Scan):
            return self._binder.scan_item(node.relation, alias, node.source)
        return RangeItem(alias, node.source, node.columns)

    def call(self, name: str, *arguments: Any) -> Expression:
        """Return the call of a function, resolved by the arguments' types; UndefinedFunction when there is none."""
        from heliosdb.sql.binder.calls import call_function

        return call_function(self._binder, (name,), tuple(arguments), self.clause.position or None)

    def operator(self, name: str, left: Any, right: Any) -> Expression:
        """Return ``left name right``, resolved by the operands' types; UndefinedFunction when there is none."""
        return bind_operator(self._binder, name, left, right, self.clause.position or None)

    def keep_private(self) -> None:
        """Keep the plan out of caches."""
        self._binder.cacheable = False


def _producers(node: Any) -> list[Any]:
    """Return the nodes that make the sources which are available above a node."""
    wanted = set(node.sources)
    found: dict[int, Any] = {}
    for inner in walk(node):
        source: Any = getattr(inner, "source", None)
        if isinstance(inner, PlanNode) and source in wanted and hasattr(inner, "columns"):
            found.setdefault(source, inner)
    return [found[source] for source in node.sources if source in found]


def lock_rows(plan: PlanNode, locks: tuple[tuple[int, str, str], ...]) -> LockRows:
    """Return a plan that locks rows; FeatureNotSupported where they are those of another time."""
    locked = {source for source, _, _ in locks}
    for inner in walk(plan):
        if isinstance(inner, Scan) and inner.snapshot is not None and inner.source in locked:
            raise FeatureNotSupported(
                "rows of another time cannot be locked",
                detail=f'"{inner.alias}" is read as of another time.',
                hint="FOR UPDATE OF names the tables to lock.",
            )
    return LockRows(input=plan, locks=locks)


def apply_clauses(binder: Binder, clauses: Sequence[Clause], node: PlanNode) -> PlanNode:
    """Return the node as the clauses that stand on it make it."""
    for clause in clauses:
        registration = binder.registries.clauses.get(clause.name)
        if registration is None:
            raise FeatureNotSupported(f"{clause.name.upper()} is not supported here", position=clause.position or None)
        if registration.bind is not None:
            node = resolve_implementation(registration.bind)(ClauseBinder(binder, clause), node, clause.payload)
    return node
