"""Queries: SELECT, VALUES, TABLE, set operations, WITH, ORDER BY, LIMIT, locking.

A query in parentheses may get further clauses behind them; as in PostgreSQL they join those it has, and a second clause
of a kind is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import evolve

from heliosdb.errors import SqlSyntaxError
from heliosdb.sql.keywords import BARE_LABELS
from heliosdb.sql.parser import expressions, from_items, functions, primaries, with_clause
from heliosdb.sql.statements import (
    ColumnRef,
    Expression,
    GroupingSet,
    IntoTable,
    Literal,
    Locking,
    Operator,
    Query,
    Select,
    SetOperation,
    SortItem,
    Target,
    Values,
    WindowSpec,
    With,
    leftmost,
)

if TYPE_CHECKING:
    from heliosdb.sql.parser.cursor import Parser
    from heliosdb.sql.statements import Clause

__all__ = [
    "QUERY_WORDS",
    "TAIL_WORDS",
    "order_by",
    "parenthesized_query",
    "query",
    "query_after_with",
    "query_tail",
    "targets",
    "temporary_name",
    "values",
]

#: Words that begin a query, and those that may go on behind one in parentheses.
QUERY_WORDS: Final = frozenset({"select", "values", "with", "with_la", "table"})
TAIL_WORDS: Final = frozenset({"union", "intersect", "except", "order", "limit", "offset", "fetch", "for"})
_ENDS_TARGETS: Final = frozenset(
    {
        "from", "into", "where", "group", "having", "window", "union", "intersect", "except", "order", "limit",
        "offset", "fetch", "for", ")", ";", "EOF",
    }
)  # fmt: skip


def query(p: Parser) -> Query:
    """Read a query (SelectStmt)."""
    return p.deeper(lambda: _query(p))


def _query(p: Parser) -> Query:
    if p.kind == "with" or p.kind == "with_la":
        members = with_clause.with_clause(p)
        return query_after_with(p, members)
    return query_tail(p, query_term(p))


def query_after_with(p: Parser, members: With) -> Query:
    """Read the query behind a WITH clause."""
    return query_tail(p, query_term(p), members)


def parenthesized_query(p: Parser) -> Query:
    """Read a query in (any number of) parentheses (select_with_parens)."""
    if p.kind != "(":
        p.unexpected()
    return p.deeper(lambda: _parenthesized_query(p))


def _parenthesized_query(p: Parser) -> Query:
    p.expect("(")
    if p.kind == "(":
        inner = parenthesized_query(p)
        if p.kind in TAIL_WORDS:
            inner = query_tail(p, inner)
    else:
        inner = query(p)
    p.expect(")")
    return inner


def query_term(p: Parser) -> Query:
    """Read one operand of a set operation."""
    kind = p.kind
    if kind == "select":
        return select(p)
    if kind == "(":
        return parenthesized_query(p)
    if kind == "values":
        return values(p)
    if kind == "table":
        return table(p)
    p.unexpected()


def query_tail(p: Parser, left: Query, members: With | None = None) -> Query:
    """Read set operations and the clauses behind a query whose first operand is there."""
    kind = p.kind
    if kind in ("union", "intersect", "except"):
        left = set_operations(p, left)
        kind = p.kind
    found: dict[str, Any] = {}
    extensions: tuple[Clause, ...] = ()
    if p.grammar.clauses:
        extensions = p.clauses("query")
        kind = p.kind
    if kind == "order":
        found["order_by"] = order_by(p)
        kind = p.kind
    if at_locking(p):
        found["locking"] = locking(p)
        if p.kind in ("limit", "offset", "fetch"):
            limits(p, found)
    elif kind in ("limit", "offset", "fetch"):
        limits(p, found)
        if at_locking(p):
            found["locking"] = locking(p)
    if p.grammar.clauses:
        extensions += p.clauses("query")
        if extensions:
            found["extensions"] = (*left.extensions, *extensions)
    if members is not None:
        found["with_clause"] = members
    if not found:
        return left
    return with_options(left, found)


def with_options(query: Query, found: dict[str, Any]) -> Query:
    """Return the query with the clauses added (PostgreSQL's insertSelectOptions)."""
    if "order_by" in found and query.order_by:
        items = found["order_by"]
        position = leftmost(items[0].expression)
        raise SqlSyntaxError("multiple ORDER BY clauses not allowed", position=position)
    if "locking" in found:
        found["locking"] = (*query.locking, *found["locking"])
    if "offset" in found and query.offset is not None:
        position = leftmost(found["offset"])
        raise SqlSyntaxError("multiple OFFSET clauses not allowed", position=position)
    if "limit" in found and query.limit is not None:
        position = leftmost(found["limit"])
        raise SqlSyntaxError("multiple LIMIT clauses not allowed", position=position)
    if found.get("with_ties"):
        if not (query.order_by or found.get("order_by")):
            raise SqlSyntaxError("WITH TIES cannot be specified without ORDER BY clause")
        if any(lock.wait == "skip locked" for lock in found.get("locking", query.locking)):
            raise SqlSyntaxError("SKIP LOCKED and WITH TIES options cannot be used together")
    if "with_clause" in found and query.with_clause is not None:
        raise SqlSyntaxError("multiple WITH clauses not allowed", position=found["with_clause"].position)
    return evolve(query, **found)


# -- set operations ---------------------------------------------------------------------------------------------------


def set_operations(p: Parser, left: Query) -> Query:
    """Read ``UNION b EXCEPT c ...``; INTERSECT binds tighter, all associate to the left."""
    while p.kind in ("union", "except", "intersect"):
        operator = p.kind
        position, every = set_operator(p)
        right = query_term(p)
        if operator != "intersect":
            while p.kind == "intersect":
                at, inner = set_operator(p)
                right = SetOperation("intersect", inner, right, query_term(p), position=at)
        left = SetOperation(operator, every, left, right, position=position)  # type: ignore[arg-type]
    return left


def set_operator(p: Parser) -> tuple[int, bool]:
    position = p.position
    p.advance()
    if p.accept("all"):
        return position, True
    p.accept("distinct")
    return position, False


# -- SELECT -----------------------------------------------------------------------------------------------------------


def select(p: Parser) -> Select:
    """Read one SELECT without ORDER BY and what follows it."""
    position = p.position
    p.advance()
    distinct = False
    distinct_on: tuple[Expression, ...] = ()
    if p.kind == "distinct":
        p.advance()
        distinct = True
        if p.accept("on"):
            p.expect("(")
            distinct_on = expressions.expression_list(p)
            p.expect(")")
    elif p.kind == "all":
        p.advance()
    found = targets(p) if distinct or p.kind not in _ENDS_TARGETS else ()
    into = None
    if p.kind == "into":
        p.advance()
        into = temporary_name(p)
    relations = from_items.from_clause(p) if p.kind == "from" else ()
    where = None
    if p.kind == "where":
        p.advance()
        where = expressions.expression(p)
    if p.kind not in ("group", "having", "window"):
        return Select(found, relations, where, distinct=distinct, distinct_on=distinct_on, into=into, position=position)
    group_by: tuple[Expression | GroupingSet, ...] = ()
    group_distinct = False
    if p.accept("group"):
        p.expect("by")
        group_distinct = p.accept("distinct")
        if not group_distinct:
            p.accept("all")
        group_by = p.separated(lambda: group_item(p))
    having = expressions.expression(p) if p.accept("having") else None
    windows = p.separated(lambda: window_definition(p)) if p.accept("window") else ()
    return Select(
        found,
        relations,
        where,
        group_by,
        having,
        windows,
        distinct,
        distinct_on,
        group_distinct,
        into,
        position=position,
    )


def targets(p: Parser) -> tuple[Target, ...]:
    """Read output columns."""
    found = [target(p)]
    while p.kind == ",":
        p.advance()
        found.append(target(p))
    return tuple(found)


def target(p: Parser) -> Target:
    position = p.positions[p.i]
    if p.kind == "*":
        p.advance()
        return Target(ColumnRef((), True, position=position), position=position)
    expression = expressions.expression(p, expressions.OUTPUT)
    kind = p.kind
    if kind == "as":
        p.advance()
        return Target(expression, p.label(), position=position)
    if kind in BARE_LABELS:
        alias = p.values[p.i]
        p.advance()
        return Target(expression, alias, position=position)
    return Target(expression, position=position)


def temporary_name(p: Parser) -> IntoTable:
    """Read ``TEMPORARY TABLE name`` and kin behind INTO and EXECUTE's CREATE TABLE."""
    position = p.position
    persistence = "permanent"
    if p.kind in ("local", "global") and p.next_kind() in ("temporary", "temp"):
        p.advance()
    if p.kind in ("temporary", "temp", "unlogged") and p.next_kind() not in _ENDS_NAME:
        persistence = "unlogged" if p.kind == "unlogged" else "temporary"
        p.advance()
        p.accept("table")
    elif p.kind == "table":
        p.advance()
    return IntoTable(p.qualified_name(), persistence, position=position)  # type: ignore[arg-type]


_ENDS_NAME: Final = _ENDS_TARGETS | {"."}


def group_item(p: Parser) -> Expression | GroupingSet:
    """Read a member of GROUP BY."""
    kind = p.kind
    position = p.position
    if kind == "(" and p.next_kind() == ")":
        p.advance()
        p.advance()
        return GroupingSet("empty", position=position)
    if kind in ("cube", "rollup") and p.next_kind() == "(":
        p.advance()
        p.advance()
        members: tuple[Expression | GroupingSet, ...] = expressions.expression_list(p)
        p.expect(")")
        return GroupingSet(kind, members, position=position)  # type: ignore[arg-type]
    if kind == "grouping" and p.next_kind() == "sets":
        p.advance()
        p.advance()
        p.expect("(")
        members = p.deeper(lambda: p.separated(lambda: group_item(p)))
        p.expect(")")
        return GroupingSet("grouping sets", members, position=position)
    return expressions.expression(p)


def window_definition(p: Parser) -> WindowSpec:
    """Read ``name AS (...)``."""
    name = p.identifier()
    p.expect("as")
    return functions.window_specification(p, name)


def values(p: Parser) -> Values:
    """Read ``VALUES (...), (...)``; rows of constants only, the body of a bulk insert, take a short way."""
    position = p.position
    p.expect("values")
    rows: list[tuple[Expression, ...]] = []
    while True:
        row = constant_row(p) or general_row(p)
        rows.append(row)
        if p.kind != ",":
            return Values(tuple(rows), position=position)
        p.advance()


def general_row(p: Parser) -> tuple[Expression, ...]:
    p.expect("(")
    row = expressions.expression_list(p)
    p.expect(")")
    return row


def constant_row(p: Parser) -> tuple[Expression, ...] | None:
    """Read ``(constant, ...)``; None, and nothing read, if anything else stands in it."""
    kinds = p.kinds
    i = p.i
    if kinds[i] != "(":
        return None
    positions, texts, slots = p.positions, p.values, p.slots
    row: list[Expression] = []
    i += 1
    while True:
        kind = kinds[i]
        if kind == "ICONST":
            row.append(Literal("integer", texts[i], slots[i], position=positions[i]))
        elif kind == "SCONST":
            row.append(Literal("string", texts[i], slots[i], position=positions[i]))
        elif kind == "null":
            row.append(Literal("null", "", position=positions[i]))
        elif kind == "true" or kind == "false":
            row.append(Literal("boolean", kind, position=positions[i]))
        elif kind == "FCONST" and not texts[i].isdigit():
            row.append(Literal("numeric", texts[i], slots[i], position=positions[i]))
        elif kind == "-" and kinds[i + 1] == "ICONST":
            row.append(Literal("integer", "-" + texts[i + 1], slots[i + 1], True, position=positions[i]))
            i += 1
        else:
            return None
        kind = kinds[i + 1]
        i += 2
        if kind == ")":
            p.i = i
            p.kind = kinds[i]
            return tuple(row)
        if kind != ",":
            return None


def table(p: Parser) -> Select:
    """Read ``TABLE t``."""
    position = p.position
    p.advance()
    relation = from_items.relation(p)
    star = Target(ColumnRef((), True, position=position), position=position)
    return Select((star,), (relation,), position=position)


# -- clauses behind a query -------------------------------------------------------------------------------------------


def order_by(p: Parser) -> tuple[SortItem, ...]:
    """Read ``ORDER BY ...``."""
    p.expect("order")
    p.expect("by")
    return p.separated(lambda: sort_item(p))


def sort_item(p: Parser) -> SortItem:
    position = p.position
    expression = expressions.expression(p)
    direction = using = nulls = None
    if p.accept("using"):
        using = expressions.qualified_operator(p)
    elif p.kind in ("asc", "desc"):
        direction = p.kind
        p.advance()
    if p.accept("nulls_la"):
        nulls = p.one_of("first", "last")
    return SortItem(expression, direction, nulls, using, position=position)  # type: ignore[arg-type]


def limits(p: Parser, found: dict[str, Any]) -> None:
    """Read LIMIT, FETCH and OFFSET in either order."""
    for _ in range(2):
        kind = p.kind
        if kind == "offset" and "offset" not in found:
            found["offset"] = offset(p)
        elif kind in ("limit", "fetch") and "limit" not in found:
            found["limit"] = limit(p) if kind == "limit" else fetch(p, found)
        else:
            return


def limit(p: Parser) -> Expression:
    position = p.position
    p.advance()
    if p.kind == "all":
        value: Expression = Literal("null", "", position=p.position)
        p.advance()
    else:
        value = expressions.expression(p)
    if p.kind == ",":
        p.advance()
        expressions.expression(p)
        raise SqlSyntaxError(
            "LIMIT #,# syntax is not supported", hint="Use separate LIMIT and OFFSET clauses.", position=position
        )
    return value


def fetch(p: Parser, found: dict[str, Any]) -> Expression:
    p.advance()
    p.one_of("first", "next")
    if p.kind in ("row", "rows") and p.next_kind() in ("only", "with"):
        value: Expression = Literal("integer", "1", position=p.position)
    else:
        value = fetch_value(p)
    p.one_of("row", "rows")
    if p.accept("with"):
        p.expect("ties")
        found["with_ties"] = True
    else:
        p.expect("only")
    return value


def fetch_value(p: Parser) -> Expression:
    """Read a signed number or a primary (select_fetch_first_value)."""
    if p.kind not in ("+", "-"):
        return primaries.primary(p)
    position = p.position
    negative = p.kind == "-"
    p.advance()
    if p.kind not in ("ICONST", "FCONST"):
        p.unexpected()
    constant = p.constant()
    if negative:
        return expressions.negate(constant, position)
    return Operator("+", None, constant, position=position)


def offset(p: Parser) -> Expression:
    p.advance()
    start = p.i
    value = expressions.expression(p)
    if p.kind in ("row", "rows"):
        # Before ROWS only a primary or a signed number may stand: read again under that rule.
        p.reset(start)
        value = fetch_value(p)
        p.one_of("row", "rows")
    return value


def at_locking(p: Parser) -> bool:
    """Whether FOR is that of a lock, and not that of a plugin's clause."""
    return p.kind == "for" and not p.at_clause("query")


def locking(p: Parser) -> tuple[Locking, ...]:
    """Read ``FOR UPDATE ...`` as often as it comes; FOR READ ONLY means nothing."""
    found: list[Locking] = []
    if p.next_kind() == "read":
        p.advance()
        p.advance()
        p.expect("only")
        return ()
    while at_locking(p):
        position = p.position
        p.advance()
        kind = p.one_of("update", "share", "no", "key")
        if kind == "no":
            p.expect_all("key", "update")
            kind = "no key update"
        elif kind == "key":
            p.expect("share")
            kind = "key share"
        relations = p.separated(p.qualified_name) if p.accept("of") else ()
        wait = "block"
        if p.accept("nowait"):
            wait = "nowait"
        elif p.accept("skip"):
            p.expect("locked")
            wait = "skip locked"
        found.append(Locking(kind, relations, wait, position=position))  # type: ignore[arg-type]
    return tuple(found)
