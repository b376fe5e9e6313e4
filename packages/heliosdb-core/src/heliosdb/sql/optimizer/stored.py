"""Expressions that index definitions keep as SQL text, bound on a scan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heliosdb.plan import expressions as ex

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Index
    from heliosdb.plan import nodes as pn

__all__ = ["StoredExpressions", "depends_on_constants"]


class StoredExpressions:
    """Binds index expressions and predicates for one statement, each once a scan."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self._bound: dict[tuple[int, int, str], ex.Expression] = {}

    def key(self, scan: pn.Scan, index: Index, position: int) -> ex.Expression:
        """Return an expression key."""
        text = index.keys[position].expression
        assert text is not None
        return self._bind(scan, index, text, "index expressions", None)

    def predicate(self, scan: pn.Scan, index: Index) -> ex.Expression:
        """Return the predicate of a partial index."""
        assert index.predicate is not None
        return self._bind(scan, index, index.predicate, "index predicates", "bool")

    def _bind(self, scan: pn.Scan, index: Index, text: str, clause: str, type_: str | None) -> ex.Expression:
        from heliosdb.sql.binder import bind_expression
        from heliosdb.sql.parser import parse_expression

        place = (scan.source, index.oid, text)
        found = self._bound.get(place)
        if found is None:
            session = self.session
            tree = parse_expression(text, session.registries.grammar)
            found = self._bound[place] = bind_expression(
                tree, session.bind_context(), scan.relation, source=scan.source, clause=clause, type_=type_
            )
        return found


def depends_on_constants(plan: Any) -> bool:
    """Whether a plan could be better for knowing the statement's constants: its tables have partial indexes, indexes on
    expressions, or a LIKE is about to be looked up in an index."""
    from heliosdb.plan import nodes as pn
    from heliosdb.plan.rewrite import walk

    indexed_text = False
    pattern = False
    for node in walk(plan):
        if isinstance(node, pn.Scan):
            for index in node.relation.indexes:
                if index.predicate is not None or any(key.expression is not None for key in index.keys):
                    return True
                first = index.keys[0].column
                if first is not None and node.relation.columns[first - 1].type in ("text", "varchar"):
                    indexed_text = True
        elif isinstance(node, ex.Call) and node.operator == "~~":
            pattern = True
    return indexed_text and pattern
