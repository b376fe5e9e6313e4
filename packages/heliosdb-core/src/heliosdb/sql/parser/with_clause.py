"""WITH: common table expressions, in front of queries and of data-modifying statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.sql.parser import modify, primaries, query
from heliosdb.sql.statements import CommonTable, CycleClause, Expression, SearchClause, Statement, With

if TYPE_CHECKING:
    from heliosdb.sql.parser.cursor import Parser

__all__ = ["preparable_statement", "statement_with", "with_clause"]


def with_clause(p: Parser) -> With:
    """Read ``WITH [RECURSIVE] name AS (...), ...``."""
    position = p.position
    recursive = p.kind == "with" and p.next_kind() == "recursive" and p.next_kind(2) not in ("as", "(")
    p.advance()
    if recursive:
        p.advance()
    return With(p.separated(lambda: common_table(p)), recursive, position=position)


def common_table(p: Parser) -> CommonTable:
    position = p.position
    name = p.identifier()
    columns = p.parenthesized_names() if p.kind == "(" else ()
    p.expect("as")
    materialized = None
    if p.kind == "not":
        p.advance()
        p.expect("materialized")
        materialized = False
    elif p.accept("materialized"):
        materialized = True
    p.expect("(")
    inner = p.deeper(lambda: preparable_statement(p))
    p.expect(")")
    search = search_clause(p) if p.kind == "search" else None
    cycle = cycle_clause(p) if p.kind == "cycle" else None
    return CommonTable(name, columns, inner, materialized, search, cycle, position=position)


def search_clause(p: Parser) -> SearchClause:
    position = p.position
    p.advance()
    breadth = p.one_of("depth", "breadth") == "breadth"
    p.expect_all("first", "by")
    columns = p.names()
    p.expect("set")
    return SearchClause(breadth, columns, p.identifier(), position=position)


def cycle_clause(p: Parser) -> CycleClause:
    position = p.position
    p.advance()
    columns = p.names()
    p.expect("set")
    mark = p.identifier()
    value: Expression | None = None
    default: Expression | None = None
    if p.accept("to"):
        value = primaries.primary(p)
        p.expect("default")
        default = primaries.primary(p)
    p.expect("using")
    return CycleClause(columns, mark, value, default, p.identifier(), position=position)


def preparable_statement(p: Parser) -> Statement:
    """Read what WITH, PREPARE, COPY and kin may hold: a query or a data-modifying statement (PreparableStmt)."""
    kind = p.kind
    if kind == "with" or kind == "with_la":
        return statement_with(p)
    if kind in modify.STATEMENTS:
        return modify.STATEMENTS[kind](p, None)
    return query.query(p)


def statement_with(p: Parser) -> Statement:
    """Read a statement that begins with WITH."""
    members = with_clause(p)
    if p.kind in modify.STATEMENTS:
        return modify.STATEMENTS[p.kind](p, members)
    return query.query_after_with(p, members)
