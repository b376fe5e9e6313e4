"""CREATE INDEX."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.sql.parser import expressions, from_items, options
from heliosdb.sql.parser.indexes import index_element
from heliosdb.sql.statements import CreateIndex, IndexElement

if TYPE_CHECKING:
    from heliosdb.sql.parser.cursor import Parser

__all__ = ["create_index"]


def create_index(p: Parser, position: int) -> CreateIndex:
    """Read CREATE INDEX from UNIQUE or INDEX on."""
    unique = p.accept("unique")
    p.expect("index")
    concurrently = p.accept("concurrently")
    exists = p.if_not_exists()
    name = p.identifier() if exists or p.kind != "on" else None
    p.expect("on")
    relation = from_items.relation(p)
    method = p.identifier() if p.accept("using") else None
    p.expect("(")
    elements = p.separated(lambda: index_element(p))
    p.expect(")")
    include: tuple[IndexElement, ...] = ()
    if p.accept("include"):
        p.expect("(")
        include = p.separated(lambda: index_element(p))
        p.expect(")")
    nulls_not_distinct = False
    if p.kind == "nulls":
        p.advance()
        nulls_not_distinct = p.accept("not")
        p.expect("distinct")
    found = options.relation_options(p) if p.accept("with") else ()
    tablespace = p.identifier() if p.accept("tablespace") else None
    where = expressions.expression(p) if p.accept("where") else None
    return CreateIndex(
        name,
        relation.name,
        elements,
        unique,
        concurrently,
        exists,
        relation.only,
        method,
        include,
        nulls_not_distinct,
        found,
        tablespace,
        where,
        p.clauses("create_index"),
        position=position,
    )
