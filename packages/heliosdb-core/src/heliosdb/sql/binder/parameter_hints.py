"""Which operator or function a parameter's value means, where the statement alone does not say.

A parameter's type comes from its context: ``amount > $1`` makes ``$1`` what ``amount`` is. In ``data -> $1`` (jsonb)
the context leaves two: a key is text, an index an integer. PostgreSQL then takes the string, because a parameter
without a type is treated like a quoted literal; but drivers such as psycopg send a Python int as an integer, and mean
an index. Here both hold: the context goes first, then the type of the value that the client gives, then the guess for
quoted literals. A str says nothing, as with psycopg: it may stand for a value of any type.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from heliosdb.errors import AmbiguousFunction
from heliosdb.plan.expressions import Expression, Parameter

if TYPE_CHECKING:
    from heliosdb.sql.binder.binder import Binder

INTEGERS = frozenset({"int2", "int4", "int8"})
FRACTIONS = frozenset({"float8", "numeric"})
NUMBERS = ("int2", "int4", "int8", "numeric", "float8")

__all__ = ["decide_operands", "decided", "hinted_type"]


def hinted_type(binder: Binder, expression: Expression) -> str:
    """Return an expression's type; of an undecided parameter that of its value, where that says something."""
    if expression.type == "unknown" and isinstance(expression, Parameter):
        hint = binder.parameters.hint(expression.number)
        if hint is not None and hint != "text":
            return hint
    return expression.type


def decided(binder: Binder, expression: Expression) -> Expression:
    """Return an undecided parameter with the type of its value, anything else as it is."""
    hint = hinted_type(binder, expression)
    if hint == expression.type or not isinstance(expression, Parameter):
        return expression
    return binder.parameters.decide(expression, hint, binder)


CONVERTED = {
    **dict.fromkeys(INTEGERS, FRACTIONS),
    "time": frozenset({"timestamp", "timestamptz", "interval"}),
    "timetz": frozenset({"timestamptz"}),
    "interval": frozenset({"time"}),
}
"""What is stored in a column of a type by the cast from another."""


def converted_value(binder: Binder, expression: Expression, target: str) -> Expression | None:
    """Return the parameter with the type of its value where that is, say, a float and an integer is wanted.

    It is then converted by PostgreSQL's cast, as what psycopg sends is: 10.0 is 10, and 10.5 is rounded.
    """
    if hinted_type(binder, expression) not in CONVERTED.get(target, ()):
        return None
    return decided(binder, expression)


def common_type_of_values(binder: Binder, expressions: Sequence[Expression], chosen: str) -> str:
    """Return the common type of expressions (``chosen``, or unknown) with regard to what the parameters' values are."""
    hints = {hinted_type(binder, expression) for expression in expressions if expression.type == "unknown"}
    if chosen in INTEGERS and hints & set(NUMBERS):
        return max({chosen, *(hints & set(NUMBERS))}, key=NUMBERS.index)
    if chosen != "unknown":
        return chosen
    known = hints - {"unknown"}
    if known and known <= set(NUMBERS):
        return max(known, key=NUMBERS.index)
    return known.pop() if len(known) == 1 else "text"


def decide_operands(
    binder: Binder, name: str, left: Expression | None, right: Expression, schema: str | None
) -> tuple[Expression | None, Expression]:
    """Return the operands of an operator with those parameters decided that their context leaves open."""
    from heliosdb.sql.binder.coercion import base_type
    from heliosdb.sql.binder.functions import find_operator

    left_type = None if left is None else hinted_type(binder, left)
    right_type = hinted_type(binder, right)
    if (None if left is None else left.type) == left_type and right.type == right_type:
        return left, right
    if left is not None and left_type is not None and (left.type != "unknown" or right.type != "unknown"):
        first, second = binder.types.find(base_type(binder.types, left_type)), binder.types.find(right_type)
        if first is not None and second is not None and first.category == second.category:
            # The other operand's type: a number is read as what the column holds, but a fraction is no integer, and
            # a number may be too large for the column.
            known = first.name if right.type == "unknown" else second.name
            hint = second.name if right.type == "unknown" else first.name
            if not (known in INTEGERS and (hint in FRACTIONS or (hint == "int8" and known != "int8"))):
                return left, right
    try:
        found = find_operator(binder, name, left_type, right_type, schema)
    except AmbiguousFunction:
        found = None
    if found is None:
        return left, right
    return (None if left is None else decided(binder, left)), decided(binder, right)
