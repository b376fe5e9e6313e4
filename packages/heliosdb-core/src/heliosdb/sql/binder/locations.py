"""Where the text of a bound expression begins: what errors about a whole expression point at (exprLocation).

An expression's own ``position`` is that of the token PostgreSQL reports for it, for an operator the operator itself;
``1 + 2`` begins at its left operand.
"""

from __future__ import annotations

from heliosdb.plan import expressions as ex

__all__ = ["location"]

INSIDE: dict[type, tuple[str, ...]] = {
    ex.Call: ("arguments",),
    ex.And: ("arguments",),
    ex.Or: ("arguments",),
    ex.Not: ("operand",),
    ex.IsNull: ("operand",),
    ex.BooleanTest: ("operand",),
    ex.IsDistinct: ("equality",),
    ex.NullIf: ("equality",),
    ex.InList: ("operand",),
    ex.AnyAll: ("comparison",),
    ex.RowComparison: ("equal",),
    ex.Subscript: ("operand",),
    ex.FieldSelection: ("operand",),
    ex.Convert: ("operand",),
    ex.CoerceTypmod: ("operand",),
    ex.Subquery: ("left",),
}
"""The parts that may stand left of an expression's own token; all others begin with it."""


def location(expression: ex.Expression) -> int | None:
    """Return the position of the first character of an expression, or None where it is not known."""
    best: int | None = None
    pending = [expression]
    while pending:
        node = pending.pop()
        if node.position and (best is None or node.position < best):
            best = node.position
        for name in INSIDE.get(type(node), ()):
            part = getattr(node, name)
            if isinstance(part, tuple):
                pending.extend(part)
            else:
                pending.append(part)
    return best
