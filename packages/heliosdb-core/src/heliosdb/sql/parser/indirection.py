"""What may follow an operand: ``.field``, ``.*`` and subscripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.sql.parser import expressions
from heliosdb.sql.statements import ArrayIndex, ArraySlice, Expression, FieldSelection, FieldStar, Subscript

if TYPE_CHECKING:
    from heliosdb.sql.parser.cursor import Parser

__all__ = ["apply_indirection", "indirection", "subscript"]


def subscript(p: Parser) -> ArrayIndex | ArraySlice:
    """Read ``[i]`` or ``[lower:upper]``."""
    position = p.position
    p.expect("[")
    lower = None if p.kind == ":" else expressions.expression(p)
    if p.accept(":"):
        upper = None if p.kind == "]" else expressions.expression(p)
        p.expect("]")
        return ArraySlice(lower, upper, position=position)
    assert lower is not None
    p.expect("]")
    return ArrayIndex(lower, position=position)


def indirection(p: Parser) -> list[str | ArrayIndex | ArraySlice | None]:
    """Read ``.name``, ``.*`` (None) and subscripts as far as they go."""
    elements: list[str | ArrayIndex | ArraySlice | None] = []
    while True:
        if p.kind == ".":
            p.advance()
            if p.accept("*"):
                elements.append(None)
            else:
                elements.append(p.label())
        elif p.kind == "[":
            elements.append(p.deeper(lambda: subscript(p)))
        else:
            return elements


def apply_indirection(p: Parser, operand: Expression) -> Expression:
    """Read what may follow an expression in parentheses or a parameter, and wrap it."""
    if p.kind != "." and p.kind != "[":
        return operand
    return wrap(p, operand, indirection(p))


def wrap(p: Parser, operand: Expression, elements: list[str | ArrayIndex | ArraySlice | None]) -> Expression:
    """Wrap an expression in field selections and subscripts."""
    if None in elements[:-1]:
        raise p.near('improper use of "*"')
    position = operand.position
    subscripts: list[ArrayIndex | ArraySlice] = []
    for element in elements:
        if isinstance(element, (ArrayIndex, ArraySlice)):
            subscripts.append(element)
            continue
        if subscripts:
            operand = Subscript(operand, tuple(subscripts), position=position)
            subscripts = []
        if element is None:
            operand = FieldStar(operand, position=position)
        else:
            operand = FieldSelection(operand, element, position=position)
    return Subscript(operand, tuple(subscripts), position=position) if subscripts else operand
