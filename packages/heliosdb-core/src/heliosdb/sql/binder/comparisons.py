"""Comparisons that are more than one operator: BETWEEN, IN, DISTINCT FROM, ANY and ALL over arrays, and rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from heliosdb.errors import (
    AmbiguousFunction,
    DatatypeMismatch,
    FeatureNotSupported,
    SqlSyntaxError,
    UndefinedFunction,
    WrongObjectType,
)
from heliosdb.plan import expressions as bound
from heliosdb.plan.expressions import Expression
from heliosdb.plan.rewrite import columns_in
from heliosdb.sql import statements as ast
from heliosdb.sql.binder.coercion import (
    IMPLICIT,
    can_coerce,
    coerce,
    coerce_to_common_type,
    select_common_type,
)
from heliosdb.sql.binder.functions import bind_operator, find_operator
from heliosdb.sql.binder.polymorphic import element_of, is_polymorphic

if TYPE_CHECKING:
    from heliosdb.sql.binder.binder import Binder
    from heliosdb.sql.binder.scope import Scope

__all__ = [
    "bind_any_all",
    "bind_between",
    "bind_distinct",
    "bind_in_list",
    "bind_row_operator",
    "compare_rows",
    "is_hashed_equality",
    "is_identity_equality",
]

ROW_OPERATORS = {"=", "<>", "<", "<=", ">", ">="}

LONG_LIST = 100
"""An IN list of more plain values is bound as an array."""


def bind_between(binder: Binder, node: ast.Between, scope: Scope) -> Expression:
    """Bind ``x BETWEEN a AND b`` to ``x >= a AND x <= b``, and its variants."""
    position = node.position or None
    operand = binder.expression(node.operand, scope)
    low = binder.expression(node.low, scope)
    high = binder.expression(node.high, scope)

    def pair(first: Expression, second: Expression) -> Expression:
        if node.negated:
            return _either(
                bind_operator(binder, "<", operand, first, position),
                bind_operator(binder, ">", operand, second, position),
            )
        return _both(
            bind_operator(binder, ">=", operand, first, position),
            bind_operator(binder, "<=", operand, second, position),
        )

    if not node.symmetric:
        return pair(low, high)
    straight, swapped = pair(low, high), pair(high, low)
    return _both(straight, swapped) if node.negated else _either(straight, swapped)


def _both(*arguments: Expression) -> Expression:
    return bound.And(
        arguments=arguments,
        nullable=any(argument.nullable for argument in arguments),
        position=arguments[0].position,
    )


def _either(*arguments: Expression) -> Expression:
    return bound.Or(
        arguments=arguments,
        nullable=any(argument.nullable for argument in arguments),
        position=arguments[0].position,
    )


def bind_distinct(binder: Binder, node: ast.IsDistinctFrom, scope: Scope) -> Expression:
    """Bind ``a IS [NOT] DISTINCT FROM b``; rows are compared field by field."""
    position = node.position or None
    if isinstance(node.left, ast.RowConstructor) and isinstance(node.right, ast.RowConstructor):
        lefts = [binder.expression(element, scope) for element in node.left.elements]
        rights = [binder.expression(element, scope) for element in node.right.elements]
        _require_equal_lengths(lefts, rights, position)
        pairs = tuple(_distinct(binder, left, right, False, position) for left, right in zip(lefts, rights))
        differs = pairs[0] if len(pairs) == 1 else bound.Or(arguments=pairs, nullable=False, position=position)
        return bound.Not(operand=differs, nullable=False, position=position) if node.negated else differs
    left = binder.expression(node.left, scope)
    right = binder.expression(node.right, scope)
    return _distinct(binder, left, right, node.negated, position)


def _distinct(binder: Binder, left: Expression, right: Expression, negated: bool, position: int | None) -> Expression:
    equality = bind_operator(binder, "=", left, right, position)
    if equality.type != "bool":
        raise DatatypeMismatch("IS DISTINCT FROM requires = operator to yield boolean", position=position)
    return bound.IsDistinct(equality=equality, negated=negated, position=position)


def bind_in_list(binder: Binder, node: ast.InList, scope: Scope) -> Expression:
    """Bind ``x IN (a, b)``: items without columns are first brought to their common type with x."""
    position = node.position or None
    if isinstance(node.operand, ast.RowConstructor):
        return _row_in_list(binder, node, scope)
    operand = binder.expression(node.operand, scope)
    items = [binder.expression(item, scope) for item in node.items]
    plain = [item for item in items if not any(columns_in(item))]
    if len(plain) > 1:
        type_ = select_common_type(binder, [operand, *plain], None)
        if type_ is not None and type_ != "record":
            can = [can_coerce(binder, (item.type,), (type_,), IMPLICIT) for item in items]
            # By identity: to look for an equal item in the list would take the square of its length.
            without_columns = set(map(id, plain))
            items = [
                coerce_to_common_type(binder, item, type_, "IN") if fits and id(item) in without_columns else item
                for item, fits in zip(items, can)
            ]
            if operand.type == "unknown":
                operand = coerce(binder, operand, type_)
    # PostgreSQL compares int8 with int4 by an operator of its own; one type on both sides gives the same answer and
    # can be hashed.
    if all(isinstance(item, bound.Constant | bound.Parameter) for item in items) and operand.type != "unknown":
        items = [
            coerce(binder, item, operand.type)
            if item.type != operand.type
            and item.type in ("unknown", "int2", "int4")
            and operand.type in ("int4", "int8")
            else item
            for item in items
        ]
    if len(items) > LONG_LIST:
        elements = _as_array(binder, operand, items, node.negated, position)
        if elements is not None:
            return elements
    try:
        equalities = tuple(bind_operator(binder, "=", operand, item, position) for item in items)
    except (UndefinedFunction, AmbiguousFunction):
        if node.negated:
            # NOT IN is <> ALL, and errors name that operator.
            for item in items:
                bind_operator(binder, "<>", operand, item, position)
        raise
    for equality in equalities:
        if equality.type != "bool":
            raise DatatypeMismatch(
                f"argument of IN must be type boolean, not type {binder.display(equality.type)}", position=position
            )
    arguments = [equality.arguments for equality in equalities]
    if operand.type == "unknown":
        operand = arguments[0][0]
    hashable = all(
        isinstance(right, bound.Constant | bound.Parameter) and left == operand for left, right in arguments
    ) and is_identity_equality(binder, [(left, right) for left, right in arguments])
    return bound.InList(
        operand=operand,
        items=tuple(right for _, right in arguments),
        equalities=equalities,
        hashable=hashable,
        negated=node.negated,
        nullable=operand.nullable or any(item.nullable for item in items),
        position=position,
    )


def _as_array(
    binder: Binder, operand: Expression, items: list[Expression], negated: bool, position: int | None
) -> Expression | None:
    """Return a long list of plain values as ``= ANY`` (``<> ALL``) of an array: no equality is bound for each."""
    kind = operand.type
    array = binder.types.array_of(kind)
    if array is None or kind == "unknown":
        return None
    values = tuple(
        item.value for item in items if isinstance(item, bound.Constant) and item.slot is None and item.type == kind
    )
    if len(values) != len(items):
        return None
    element = bound.Element(type=kind, nullable=None in values)
    comparison = bind_operator(binder, "<>" if negated else "=", operand, element, position)
    if (
        not isinstance(comparison, bound.Call)
        or comparison.arguments != (operand, element)
        or not is_identity_equality(binder, [comparison.arguments])
    ):
        return None
    constant = bound.Constant(type=array.name, value=values, nullable=False, position=position)
    nullable = operand.nullable or None in values
    return bound.AnyAll(comparison=comparison, array=constant, all=negated, nullable=nullable, position=position)


def is_identity_equality(binder: Binder, pairs: Sequence[tuple[Expression, Expression]]) -> bool:
    """Return whether every pair has one type whose equality is Python's own."""
    for left, right in pairs:
        if left.type != right.type:
            return False
        ordering = binder.types.ordering(left.type)
        if ordering is None or not ordering.identity:
            return False
    return True


INTEGERS = frozenset(("int2", "int4", "int8"))


def is_hashed_equality(binder: Binder, pairs: Sequence[tuple[Expression, Expression]]) -> bool:
    """Return whether values are equal in every pair where their types' hash keys are: of one type, or of two integer
    types, whose values are the same numbers."""
    for left, right in pairs:
        if left.type != right.type and not {left.type, right.type} <= INTEGERS:
            return False
        ordering = binder.types.ordering(left.type)
        if ordering is None or not (ordering.identity or ordering.hash_key):
            return False
    return True


def _row_in_list(binder: Binder, node: ast.InList, scope: Scope) -> Expression:
    position = node.position or None
    assert isinstance(node.operand, ast.RowConstructor)
    lefts = [binder.expression(element, scope) for element in node.operand.elements]
    equalities: list[Expression] = []
    rows: list[Expression] = []
    for item in node.items:
        if not isinstance(item, ast.RowConstructor):
            raise DatatypeMismatch("cannot compare a row with a value that is not a row", position=position)
        rights = [binder.expression(element, scope) for element in item.elements]
        comparison = compare_rows(binder, "=", lefts, rights, position)
        equalities.append(comparison)
        rows.append(bound.RowConstructor(type="record", fields=tuple(rights)))
    operand = bound.RowConstructor(type="record", fields=tuple(binder.known(left) for left in lefts))
    return bound.InList(
        operand=operand,
        items=tuple(rows),
        equalities=tuple(equalities),
        negated=node.negated,
        nullable=any(equality.nullable for equality in equalities),
        position=position,
    )


def _require_equal_lengths(lefts: Sequence[Expression], rights: Sequence[Expression], position: int | None) -> None:
    if len(lefts) != len(rights):
        raise SqlSyntaxError("unequal number of entries in row expressions", position=position)
    if not lefts:
        raise FeatureNotSupported("cannot compare rows of zero length", position=position)


def compare_rows(
    binder: Binder, operator: str, lefts: Sequence[Expression], rights: Sequence[Expression], position: int | None
) -> Expression:
    """Return the comparison of two rows, given by their fields (make_row_comparison_op)."""
    _require_equal_lengths(lefts, rights, position)
    if len(lefts) == 1:
        return bind_operator(binder, operator, lefts[0], rights[0], position)
    if operator not in ROW_OPERATORS:
        for left, right in zip(lefts, rights):
            result = bind_operator(binder, operator, left, right, position)
            if result.type != "bool":
                raise DatatypeMismatch(
                    f"row comparison operator must yield type boolean, not type {binder.display(result.type)}",
                    position=position,
                )
        raise FeatureNotSupported(
            f"could not determine interpretation of row comparison operator {operator}",
            hint="Row comparison operators must be associated with btree operator families.",
            position=position,
        )
    for left, right in zip(lefts, rights) if operator != "=" else ():
        bind_operator(binder, operator, left, right, position)
    equal = tuple(bind_operator(binder, "=", left, right, position) for left, right in zip(lefts, rights))
    less: tuple[Expression, ...] = ()
    if operator not in ("=", "<>"):
        strict = operator[0]
        less = tuple(bind_operator(binder, strict, left, right, position) for left, right in zip(lefts, rights))
    return bound.RowComparison(
        operator=operator,
        equal=equal,
        less=less,
        nullable=any(equality.nullable for equality in equal),
        position=position,
    )


def bind_row_operator(binder: Binder, node: ast.Operator, scope: Scope) -> Expression:
    """Bind an operator one of whose operands is a row."""
    position = node.position or None
    left, right = node.left, node.right
    if isinstance(left, ast.RowConstructor) and isinstance(right, ast.ScalarSubquery):
        from heliosdb.sql.binder.subqueries import row_fields

        lefts = [binder.expression(element, scope) for element in left.elements]
        return compare_rows(binder, node.name, lefts, row_fields(binder, right, len(lefts), scope, position), position)
    if isinstance(left, ast.RowConstructor) and isinstance(right, ast.RowConstructor):
        lefts = [binder.expression(element, scope) for element in left.elements]
        rights = [binder.expression(element, scope) for element in right.elements]
        return compare_rows(binder, node.name, lefts, rights, position)
    assert left is not None
    schema = node.schema[-1] if node.schema else None
    bound_left = binder.expression(left, scope)
    bound_right = binder.expression(right, scope)
    return bind_operator(binder, node.name, bound_left, bound_right, position, schema)


def bind_any_all(binder: Binder, node: ast.AnyAll, scope: Scope) -> Expression:
    """Bind ``x op ANY (array)``; a subquery goes to ``subqueries.py``."""
    if node.query is not None:
        from heliosdb.sql.binder.subqueries import bind_quantified

        return bind_quantified(binder, node, scope)
    assert node.array is not None
    position = node.position or None
    schema = node.schema[-1] if node.schema else None
    left = binder.expression(node.operand, scope)
    array = binder.expression(node.array, scope)
    if array.type == "unknown":
        element_type = _element_wanted(binder, node.operator, left, schema)
        found = binder.types.array_of(element_type)
        if found is None:
            raise WrongObjectType("op ANY/ALL (array) requires array on right side", position=position)
        array = coerce(binder, array, found.name)
    else:
        element = element_of(binder, array.type)
        if element is None:
            raise WrongObjectType("op ANY/ALL (array) requires array on right side", position=position)
        element_type = element
    placeholder = bound.Element(type=element_type, collation=array.collation, position=array.position)
    comparison = bind_operator(binder, node.operator, left, placeholder, position, schema)
    if comparison.type != "bool":
        raise WrongObjectType("op ANY/ALL (array) requires operator to yield boolean", position=position)
    return bound.AnyAll(comparison=comparison, array=array, all=node.quantifier == "all", position=position)


def _element_wanted(binder: Binder, operator: str, left: Expression, schema: str | None) -> str:
    """Return the element type of an array literal of unknown type: what the operator takes on its right."""
    found = find_operator(binder, operator, left.type, "unknown", schema)
    if found is None or is_polymorphic(found[0].right):
        return "text" if left.type == "unknown" else left.type
    return found[0].right
