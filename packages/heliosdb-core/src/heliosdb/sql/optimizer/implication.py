"""Whether a condition follows from others: what makes a partial index usable.

Sound, and far from complete, like PostgreSQL's (src/backend/optimizer/util/predtest.c): a condition follows from
itself, ``x IS NOT NULL`` from any strict condition on x, a comparison with a constant from a tighter one, an OR from
one of its arms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from heliosdb.plan import expressions as ex
from heliosdb.sql.optimizer.conditions import split, unlabelled

__all__ = ["follows"]

_FLIPPED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_ORDERED = frozenset({"int2", "int4", "int8", "text", "varchar", "date", "timestamp", "timestamptz", "bool"})
"""Types whose datums Python compares as SQL does."""


def follows(wanted: ex.Expression, known: Sequence[ex.Expression]) -> bool:
    """Return whether ``wanted`` is true for every row for which all of ``known`` are."""
    if wanted in known:
        return True
    if isinstance(wanted, ex.And):
        return all(follows(part, known) for part in split(wanted))
    if isinstance(wanted, ex.Or):
        return any(follows(arm, known) for arm in wanted.arguments)
    if isinstance(wanted, ex.IsNull) and wanted.negated and not wanted.row:
        return any(_is_strict_on(part, unlabelled(wanted.operand)) for part in known)
    if isinstance(wanted, ex.BooleanTest) and wanted.value is True and not wanted.negated:
        return follows(wanted.operand, known)
    mine = _bound(wanted)
    return mine is not None and any(_is_tighter(theirs, mine) for theirs in map(_bound, known) if theirs is not None)


def _is_strict_on(condition: ex.Expression, operand: ex.Expression) -> bool:
    """Whether the condition can only be true where the operand is not NULL."""
    if unlabelled(condition) == operand:
        return True
    if isinstance(condition, ex.Call):
        return condition.function.strict and any(_is_strict_on(a, operand) for a in condition.arguments)
    if isinstance(condition, ex.Convert) and not condition.via_text:
        return _is_strict_on(condition.operand, operand)
    return isinstance(condition, ex.InList) and _is_strict_on(condition.operand, operand)


def _bound(condition: ex.Expression) -> tuple[ex.Expression, str, Any] | None:
    """Return (operand, operator, constant) of a comparison with a known constant."""
    if not isinstance(condition, ex.Call) or condition.operator not in _FLIPPED or len(condition.arguments) != 2:
        return None
    if not set(condition.argument_types) <= _ORDERED:
        return None
    left, right = condition.arguments
    if _is_known(right):
        return unlabelled(left), condition.operator, right.value  # type: ignore[attr-defined]
    if _is_known(left):
        return unlabelled(right), _FLIPPED[condition.operator], left.value  # type: ignore[attr-defined]
    return None


def _is_known(node: ex.Expression) -> bool:
    return isinstance(node, ex.Constant) and node.slot is None and node.value is not None


def _is_tighter(known: tuple[ex.Expression, str, Any], wanted: tuple[ex.Expression, str, Any]) -> bool:
    """Whether ``x known`` makes ``x wanted`` true."""
    if known[0] != wanted[0] or type(known[2]) is not type(wanted[2]):
        return False
    (_, have, value), (_, need, limit) = known, wanted
    if have == "=":
        return bool(
            {"=": value == limit, "<": value < limit, "<=": value <= limit, ">": value > limit, ">=": value >= limit}[
                need
            ]
        )
    if need in (">", ">=") and have in (">", ">="):
        return bool(value > limit or (value == limit and not (need == ">" and have == ">=")))
    if need in ("<", "<=") and have in ("<", "<="):
        return bool(value < limit or (value == limit and not (need == "<" and have == "<=")))
    return False
