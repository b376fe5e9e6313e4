"""Primaries (PostgreSQL's ``c_expr``): constants, names, and whatever stands in brackets of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from heliosdb.sql.parser import expressions, functions, names, query
from heliosdb.sql.parser.indirection import apply_indirection
from heliosdb.sql.statements import (
    ArrayConstructor,
    ArraySubquery,
    Case,
    Exists,
    Expression,
    FunctionCall,
    Literal,
    Parameter,
    Query,
    RowConstructor,
    ScalarSubquery,
    When,
)

if TYPE_CHECKING:
    from heliosdb.sql.parser.cursor import Parser

__all__ = ["parenthesized", "primary"]


def primary(p: Parser) -> Expression:
    """Read a ``c_expr``: a constant, a name, a call, something in parentheses ..."""
    kind = p.kind
    if kind == "IDENT":
        return names.name_expression(p)
    handler = _PRIMARIES.get(kind) or functions.SPECIAL.get(kind)
    if handler is not None:
        return handler(p)
    return names.name_expression(p)


def constant(p: Parser) -> Expression:
    return p.constant()


def word_constant(p: Parser) -> Expression:
    kind = p.kind
    position = p.position
    p.advance()
    if kind == "null":
        return Literal("null", "", position=position)
    return Literal("boolean", kind, position=position)


def parameter(p: Parser) -> Expression:
    position = p.position
    # PostgreSQL reads the number with atol and keeps 32 bits of it; numbers that large mean nothing anyway.
    digits = p.values[p.i].lstrip("0")
    number = int(digits or "0") if len(digits) <= 10 else 2**31
    p.advance()
    return apply_indirection(p, Parameter(number, position=position))


def parenthesis(p: Parser) -> Expression:
    """Read ``(a)``, ``(a, b)``, ``(SELECT ...)`` with what may follow them."""
    position = p.position
    inner = parenthesized(p)
    if isinstance(inner, Query):
        return apply_indirection(p, ScalarSubquery(inner, position=position))
    if len(inner) == 1:
        return apply_indirection(p, inner[0])
    return overlaps(p, RowConstructor(inner, position=position))


def overlaps(p: Parser, left: RowConstructor) -> Expression:
    """Read ``OVERLAPS (c, d)`` behind a row if it is there."""
    if p.kind != "overlaps":
        return left
    position = p.position
    p.advance()
    at = p.position
    if p.kind == "row":
        right = row_elements(p)
    else:
        if p.kind == "(" and p.next_kind() in query.QUERY_WORDS - {"values"}:
            p.advance()
            p.unexpected()
        inner = parenthesized(p)
        if isinstance(inner, Query) or len(inner) == 1:
            p.unexpected()
        right = inner
    for elements, where in ((left.elements, left.position), (right, at)):
        if len(elements) != 2:
            side = "left" if elements is left.elements else "right"
            error = p.error(f"wrong number of parameters on {side} side of OVERLAPS expression")
            error.position = where
            raise error
    return FunctionCall(("pg_catalog", "overlaps"), (*left.elements, *right), sql_syntax=True, position=position)


def parenthesized(p: Parser) -> Query | tuple[Expression, ...]:
    """Read what stands in parentheses: a query, or one or more expressions."""
    return p.deeper(lambda: _parenthesized(p))


def _parenthesized(p: Parser) -> Query | tuple[Expression, ...]:
    p.expect("(")
    if p.kind in query.QUERY_WORDS and not (p.kind == "values" and p.next_kind() != "("):
        inner = query.query(p)
        p.expect(")")
        return inner
    if p.kind == "(":
        position = p.position
        content = parenthesized(p)
        if isinstance(content, Query):
            if p.kind == ")":
                p.advance()
                return content
            if p.kind in query.TAIL_WORDS:
                inner = query.query_tail(p, content)
                p.expect(")")
                return inner
            first: Expression = ScalarSubquery(content, position=position)
        elif len(content) == 1:
            first = content[0]
        else:
            first = overlaps(p, RowConstructor(content, position=position))
        if not isinstance(first, RowConstructor):
            first = apply_indirection(p, first)
        if p.kind in expressions.INFIX:
            first = expressions.infix(p, first, 0, False)
    else:
        first = expressions.expression(p)
    items = [first]
    while p.accept(","):
        items.append(expressions.expression(p))
    p.expect(")")
    return tuple(items)


def case(p: Parser) -> Expression:
    return p.deeper(lambda: _case(p))


def _case(p: Parser) -> Expression:
    position = p.position
    p.advance()
    operand = None if p.kind == "when" else expressions.expression(p)
    whens: list[When] = []
    while p.kind == "when":
        at = p.position
        p.advance()
        condition = expressions.expression(p)
        p.expect("then")
        whens.append(When(condition, expressions.expression(p), position=at))
    if not whens:
        p.unexpected()
    default = expressions.expression(p) if p.accept("else") else None
    p.expect("end")
    return Case(operand, tuple(whens), default, position=position)


def exists(p: Parser) -> Expression:
    if p.next_kind() != "(":
        return names.name_expression(p)
    position = p.position
    p.advance()
    return Exists(query.parenthesized_query(p), position=position)


def array(p: Parser) -> Expression:
    position = p.position
    p.advance()
    if p.kind == "(":
        return ArraySubquery(query.parenthesized_query(p), position=position)
    return p.deeper(lambda: array_elements(p, position))


def array_elements(p: Parser, position: int) -> ArrayConstructor:
    """Read ``[a, b]`` or ``[[a], [b]]``."""
    p.expect("[")
    elements: tuple[Expression, ...] = ()
    if p.kind == "[":
        elements = p.separated(lambda: p.deeper(lambda: array_elements(p, p.position)))
    elif p.kind != "]":
        elements = expressions.expression_list(p)
    p.expect("]")
    return ArrayConstructor(elements, position=position)


def row(p: Parser) -> Expression:
    if p.next_kind() != "(":
        return names.name_expression(p)
    position = p.position
    return overlaps(p, RowConstructor(row_elements(p), True, position=position))


def row_elements(p: Parser) -> tuple[Expression, ...]:
    """Read ``ROW(a, b)`` from the word on."""
    p.advance()
    p.expect("(")
    elements = () if p.kind == ")" else p.deeper(lambda: expressions.expression_list(p))
    p.expect(")")
    return elements


_PRIMARIES: Final[dict[str, Callable[[Parser], Expression]]] = {
    "ICONST": constant,
    "FCONST": constant,
    "SCONST": constant,
    "BCONST": constant,
    "XCONST": constant,
    "PARAM": parameter,
    "(": parenthesis,
    "null": word_constant,
    "true": word_constant,
    "false": word_constant,
    "case": case,
    "exists": exists,
    "array": array,
    "row": row,
}
