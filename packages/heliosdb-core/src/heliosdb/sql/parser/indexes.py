"""The keys of indexes, which ON CONFLICT, EXCLUDE and partitions have too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.sql.keywords import COLUMN_NAMES
from heliosdb.sql.parser import expressions, from_items, options
from heliosdb.sql.statements import Expression, IndexElement, Option

if TYPE_CHECKING:
    from heliosdb.sql.parser.cursor import Parser

__all__ = ["index_element", "key"]


def key(p: Parser) -> tuple[str | None, Expression | None]:
    """Read a column name, a function call, or an expression in parentheses."""
    if p.kind == "(":
        p.advance()
        expression = expressions.expression(p)
        p.expect(")")
        return None, expression
    if p.kind in COLUMN_NAMES and p.next_kind() != "." and not from_items.is_function(p):
        return p.identifier(), None
    return None, from_items.windowless_function(p)


def index_element(p: Parser) -> IndexElement:
    """Read ``key [COLLATE c] [opclass [(options)]] [ASC | DESC] [NULLS FIRST | LAST]``."""
    position = p.position
    name, expression = key(p)
    collation = p.any_name().parts if p.accept("collate") else ()
    operator_class: tuple[str, ...] = ()
    class_options: tuple[Option, ...] = ()
    if p.kind in COLUMN_NAMES:
        operator_class = p.any_name().parts
        if p.kind == "(":
            class_options = options.relation_options(p)
    direction = None
    if p.kind in ("asc", "desc"):
        direction = p.kind
        p.advance()
    nulls = p.one_of("first", "last") if p.accept("nulls_la") else None
    return IndexElement(
        name,
        expression,
        collation,
        operator_class,
        class_options,
        direction,  # type: ignore[arg-type]
        nulls,  # type: ignore[arg-type]
        position=position,
    )
