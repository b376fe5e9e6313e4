"""Comparisons of values turned into comparisons of stored data, where a column's form is deterministic.

    from_stored(a.x) = $1                   a.x = to_search($1)            one call a statement, and indexes serve
    from_stored(a.x) = from_stored(b.y)     a.x = b.y                      where both forms are made alike
    from_stored(a.x) IN (1, 2)              a.x IN (to_search(1), ...)
    from_stored(a.x) = ANY ($1)             a.x = ANY (to_search of each)
    from_stored(a.x) IS NULL                a.x IS NULL                    whatever the form

Everything else, order and patterns above all, is decided on the values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.plan.forms import read_form, read_leniently, searching, searching_each
from heliosdb.plan.rewrite import rewritten
from heliosdb.sql.optimizer.conditions import is_volatile, unlabelled

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import ColumnForm
    from heliosdb.catalog.registries import Registries
    from heliosdb.types.definitions import ScalarFunction

__all__ = ["compare_stored", "read_with_leave"]

ALIKE = (frozenset({"text", "varchar"}), frozenset({"int2", "int4", "int8"}))
"""Types whose equal values are one Python object's equals, so that forms made of them are equal, too."""


def read_with_leave(plan: pn.PlanNode, registries: Registries) -> pn.PlanNode:
    """Return the plan of a statement that changes nothing: values that are not to be seen may be NULL."""
    result: pn.PlanNode = rewritten(
        plan, lambda node: None if read_form(node) is None else read_leniently(registries, node)
    )
    return result


def compare_stored(plan: pn.PlanNode, registries: Registries, *, lenient: bool) -> pn.PlanNode:
    """Return the plan with values compared as they are stored, where that says the same; ``lenient`` where the
    statement changes nothing."""

    def replace(node: Any) -> Any:
        if isinstance(node, ex.Call) and node.operator in ("=", "<>") and len(node.arguments) == 2:
            return _comparison(node, registries, lenient)
        if isinstance(node, ex.IsNull) and not node.row:
            found = read_form(node.operand)
            return None if found is None else evolve(node, operand=found[0])
        if isinstance(node, ex.InList):
            return _in_list(node, registries, lenient)
        if isinstance(node, ex.AnyAll):
            return _any_all(node, registries, lenient)
        if isinstance(node, ex.Subquery):
            # Its comparison belongs with what stands on its left, and is decided as it is.
            inner = rewritten(node.plan, replace)
            return node if inner is node.plan else evolve(node, plan=inner)
        return None

    result: pn.PlanNode = rewritten(plan, replace)
    return result


def _form(node: ex.Expression) -> tuple[ex.Column, ColumnForm] | None:
    """Return the column below a value and its form, where that is deterministic."""
    found = read_form(unlabelled(node))
    return found if found is not None and found[1].deterministic else None


def _is_alike(*types: str) -> bool:
    return len(set(types)) == 1 or any(family.issuperset(types) for family in ALIKE)


def _comparison(node: ex.Call, registries: Registries, lenient: bool) -> ex.Call | None:
    left, right = node.arguments
    forms = _form(left), _form(right)
    function = None
    for found in forms:
        if found is not None:
            function = _operator(node.operator or "", found[1].type, registries)
    plain = [unlabelled(argument) for argument in node.arguments]
    if function is None or not _is_alike(*node.argument_types, *(argument.type for argument in plain)):
        return None
    pair: tuple[ex.Expression, ex.Expression]
    if forms[0] is not None and forms[1] is not None:
        if not forms[0][1].is_comparable(forms[1][1]):
            return None
        pair = forms[0][0], forms[1][0]
    elif forms[0] is not None:
        pair = forms[0][0], searching(registries, forms[0][1], forms[0][0].name, plain[1], lenient=lenient)
    else:
        assert forms[1] is not None
        pair = searching(registries, forms[1][1], forms[1][0].name, plain[0], lenient=lenient), forms[1][0]
    if is_volatile(pair):
        return None
    return evolve(node, function=function, arguments=pair, argument_types=function.arguments, nullable=True)


def _operator(name: str, type_: str, registries: Registries) -> ScalarFunction | None:
    """Return the function of a comparison of stored data."""
    for operator in registries.operators.get(name, ()):
        if operator.left == operator.right == type_:
            for function in registries.functions.get(operator.function, ()):
                if function.arguments == (type_, type_):
                    return function  # type: ignore[return-value]
    return None


def _in_list(node: ex.InList, registries: Registries, lenient: bool) -> ex.InList:
    """Return the list compared with stored data; as it is where one of the items cannot be."""
    found = _form(node.operand)
    if found is None:
        return node
    column = found[0]
    equalities = [
        _comparison(part, registries, lenient) if isinstance(part, ex.Call) else None for part in node.equalities
    ]
    items = tuple(part.arguments[1] for part in equalities if part is not None and part.arguments[0] == column)
    if len(items) != len(node.items) or any(_form(item) is not None for item in node.items):
        return node
    made = tuple(part for part in equalities if part is not None)
    return evolve(node, operand=column, items=items, equalities=made, nullable=True)


def _any_all(node: ex.AnyAll, registries: Registries, lenient: bool) -> ex.AnyAll | None:
    """Return the comparison with an array's elements made one of stored data, each element turned into it once."""
    comparison = node.comparison
    if not isinstance(comparison, ex.Call) or comparison.operator not in ("=", "<>") or len(comparison.arguments) != 2:
        return None
    left, element = comparison.arguments
    found = _form(left)
    if found is None or not isinstance(unlabelled(element), ex.Element) or is_volatile(node.array):
        return node
    column, form = found
    element_type = unlabelled(element).type
    function = _operator(comparison.operator, form.type, registries)
    if function is None or not _is_alike(*comparison.argument_types, unlabelled(left).type, element_type):
        return node
    stored = evolve(
        comparison,
        function=function,
        arguments=(column, ex.Element(type=form.type)),
        argument_types=function.arguments,
        nullable=True,
    )
    array = searching_each(registries, form, column.name, node.array, lenient=lenient)
    return evolve(node, comparison=stored, array=array, nullable=True)
