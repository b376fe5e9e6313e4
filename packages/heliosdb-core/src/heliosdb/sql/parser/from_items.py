"""FROM: relations, subqueries, functions, joins, aliases, samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve

from heliosdb.errors import SqlSyntaxError
from heliosdb.sql.keywords import COLUMN_NAMES, FUNCTION_NAMES
from heliosdb.sql.parser import expressions, functions, query, types
from heliosdb.sql.statements import (
    Alias,
    ColumnDefinitionItem,
    Expression,
    FromItem,
    Join,
    QualifiedName,
    Query,
    RangeFunction,
    RangeSubquery,
    RangeTable,
    RowsFromItem,
    TableSample,
    Values,
)

if TYPE_CHECKING:
    from heliosdb.sql.parser.cursor import Parser

__all__ = ["alias", "from_clause", "from_item", "from_list", "relation", "target_relation", "windowless_function"]

_JOIN_WORDS: Final = frozenset({"join", "inner", "left", "right", "full", "cross", "natural"})


def from_clause(p: Parser) -> tuple[FromItem, ...]:
    """Read ``FROM a, b``."""
    p.advance()
    return from_list(p)


def from_list(p: Parser) -> tuple[FromItem, ...]:
    """Read items separated by commas."""
    first = from_item(p)
    if p.kind != ",":
        return (first,)
    items = [first]
    while p.accept(","):
        items.append(from_item(p))
    return tuple(items)


def from_item(p: Parser) -> FromItem:
    """Read an item with the joins that follow it (table_ref)."""
    item = single_item(p)
    return joins(p, item) if p.kind in _JOIN_WORDS else item


def joins(p: Parser, item: FromItem) -> FromItem:
    """Read joins behind an item.

    ``a JOIN b JOIN c ON .. ON ..`` nests to the right: joins that wait for their condition stand on a stack.
    """
    waiting: list[tuple[FromItem, str, int]] = []
    while True:
        kind = p.kind
        position = p.position
        if kind == "cross":
            p.advance()
            p.expect("join")
            item = Join("cross", item, single_item(p), position=position)
        elif kind == "natural":
            p.advance()
            joined = join_kind(p)
            item = Join(joined, item, single_item(p), True, position=position)  # type: ignore[arg-type]
        elif kind in _JOIN_WORDS:
            waiting.append((item, join_kind(p), position))
            item = single_item(p)
        elif waiting and kind == "on":
            p.advance()
            condition = expressions.expression(p)
            left, joined, position = waiting.pop()
            item = Join(joined, left, item, on=condition, position=position)  # type: ignore[arg-type]
        elif waiting and kind == "using":
            p.advance()
            columns = p.parenthesized_names()
            name = None
            if p.kind == "as" and not p.at_clause("query"):
                p.advance()
                name = p.identifier()
            left, joined, position = waiting.pop()
            item = Join(joined, left, item, using=columns, using_alias=name, position=position)  # type: ignore[arg-type]
        elif waiting:
            p.unexpected()
        else:
            return item


def join_kind(p: Parser) -> str:
    """Read ``[INNER | LEFT [OUTER] ...] JOIN``."""
    kind = p.kind
    if kind == "join":
        p.advance()
        return "inner"
    p.one_of("inner", "left", "right", "full")
    if kind != "inner":
        p.accept("outer")
    p.expect("join")
    return kind


def single_item(p: Parser) -> FromItem:
    """Read an item without joins, or joins in parentheses."""
    kind = p.kind
    if kind == "IDENT":
        following = p.kinds[p.i + 1]
        if following != "(" and following != ".":
            return relation_item(p)
    if kind == "(":
        position = p.position
        inner = in_parentheses(p)
        if isinstance(inner, Query):
            return subquery(p, inner, False, position)
        return with_join_alias(p, inner)
    position = p.position
    if kind == "lateral":
        p.advance()
        if p.kind == "(":
            position = p.position
            return subquery(p, query.parenthesized_query(p), True, position)
        return function_item(p, True, position)
    if kind == "only":
        return relation_item(p)
    if kind == "rows" and p.next_kind() == "from":
        return function_item(p, False, position)
    if kind == "xmltable" and p.next_kind() == "(":
        raise p.unsupported("XMLTABLE")
    if is_function(p):
        return function_item(p, False, position)
    return relation_item(p)


def is_function(p: Parser) -> bool:
    """Whether a function begins here rather than a relation."""
    kind = p.kind
    i = p.i
    if kind in COLUMN_NAMES or kind in FUNCTION_NAMES:
        i += 1
        while p.kinds[i] == "." and i + 2 < len(p.kinds):
            i += 2
        if p.kinds[i] == "(":
            return True
        return kind not in COLUMN_NAMES and (kind in functions.SPECIAL or kind in FUNCTION_NAMES)
    return kind in functions.SPECIAL


def in_parentheses(p: Parser) -> Query | FromItem:
    """Read a query or a join in parentheses; a single relation in them is no item."""
    return p.deeper(lambda: _in_parentheses(p))


def _in_parentheses(p: Parser) -> Query | FromItem:
    p.expect("(")
    if p.kind in query.QUERY_WORDS and not (p.kind == "values" and p.next_kind() != "("):
        inner = query.query(p)
        p.expect(")")
        return inner
    item: FromItem
    if p.kind == "(":
        position = p.position
        content = in_parentheses(p)
        if isinstance(content, Query):
            if p.kind in query.TAIL_WORDS:
                content = query.query_tail(p, content)
            if p.kind == ")":
                p.advance()
                return content
            item = subquery(p, content, False, position)
            joined = False
        else:
            item = with_join_alias(p, content)
            joined = item is content
    else:
        item = single_item(p)
        joined = False
    if p.kind in _JOIN_WORDS:
        item = joins(p, item)
    elif not joined:
        p.unexpected()
    p.expect(")")
    return item


def with_join_alias(p: Parser, item: FromItem) -> FromItem:
    """Read the alias of a join in parentheses."""
    found = alias(p)
    if found is None:
        return item
    assert isinstance(item, Join)
    return evolve(item, alias=found)


def subquery(p: Parser, inner: Query, lateral: bool, position: int) -> RangeSubquery:
    """Read the alias of a subquery, which PostgreSQL 15 demands."""
    found = alias(p)
    if found is None:
        if isinstance(inner, Values):
            raise SqlSyntaxError(
                "VALUES in FROM must have an alias", hint="For example, FROM (VALUES ...) [AS] foo.", position=position
            )
        raise SqlSyntaxError(
            "subquery in FROM must have an alias", hint="For example, FROM (SELECT ...) [AS] foo.", position=position
        )
    return RangeSubquery(inner, found, lateral, position=position)


def alias(p: Parser) -> Alias | None:
    """Read ``[AS] name [(columns)]`` if it is there."""
    position = p.position
    if p.kind == "as":
        p.advance()
        position = p.position
    elif p.kind not in COLUMN_NAMES:
        return None
    name = p.identifier()
    return Alias(name, p.parenthesized_names() if p.kind == "(" else (), position=position)


# -- relations --------------------------------------------------------------------------------------------------------


def relation(p: Parser) -> RangeTable:
    """Read ``[ONLY] name [*]`` without alias (relation_expr)."""
    position = p.position
    if p.accept("only"):
        if p.accept("("):
            name = p.qualified_name()
            p.expect(")")
        else:
            name = p.qualified_name()
        return RangeTable(name, only=True, position=position)
    name = p.qualified_name()
    p.accept("*")
    return RangeTable(name, position=position)


def relation_item(p: Parser) -> RangeTable:
    """Read a relation with alias and sample."""
    base = relation(p)
    extensions = p.clauses("table") if p.grammar.clauses else ()
    found = alias(p) if p.kind == "as" or p.kind in COLUMN_NAMES else None
    if p.grammar.clauses:
        extensions = (*extensions, *p.clauses("table"))
    sample = table_sample(p) if p.kind == "tablesample" else None
    if found is None and sample is None and not extensions:
        return base
    return RangeTable(base.name, found, base.only, sample, extensions, position=base.position)


def table_sample(p: Parser) -> TableSample:
    position = p.position
    p.advance()
    at = p.position
    method = QualifiedName(p.function_name(), position=at)
    p.expect("(")
    arguments = expressions.expression_list(p)
    p.expect(")")
    repeatable = None
    if p.accept("repeatable"):
        p.expect("(")
        repeatable = expressions.expression(p)
        p.expect(")")
    return TableSample(method, arguments, repeatable, position=position)


def target_relation(p: Parser) -> RangeTable:
    """Read the target of UPDATE, DELETE or MERGE (relation_expr_opt_alias); SET is no alias there."""
    base = relation(p)
    extensions = p.clauses("table") if p.grammar.clauses else ()
    found = None
    position = p.position
    if p.accept("as"):
        position = p.position
        found = Alias(p.identifier(), position=position)
    elif p.kind in COLUMN_NAMES and p.kind != "set":
        found = Alias(p.identifier(), position=position)
    if p.grammar.clauses:
        extensions = (*extensions, *p.clauses("table"))
    return evolve(base, alias=found, extensions=extensions) if found or extensions else base


# -- functions --------------------------------------------------------------------------------------------------------


def function_item(p: Parser, lateral: bool, position: int) -> RangeFunction:
    """Read a function, or ROWS FROM, with what may follow it."""
    rows_from = p.kind == "rows" and p.next_kind() == "from"
    if rows_from:
        p.advance()
        p.advance()
        p.expect("(")
        members = p.separated(lambda: rows_from_member(p))
        p.expect(")")
    else:
        at = p.position
        members = (RowsFromItem(windowless_function(p), position=at),)
    ordinality = False
    if p.kind == "with_la":
        p.advance()
        p.expect("ordinality")
        ordinality = True
    found, definitions = function_alias(p)
    return RangeFunction(members, found, definitions, lateral, ordinality, rows_from, position=position)


def rows_from_member(p: Parser) -> RowsFromItem:
    position = p.position
    function = windowless_function(p)
    definitions: tuple[ColumnDefinitionItem, ...] = ()
    if p.accept("as"):
        p.expect("(")
        definitions = p.separated(lambda: column_definition(p))
        p.expect(")")
    return RowsFromItem(function, definitions, position=position)


def windowless_function(p: Parser) -> Expression:
    """Read a call without OVER and kin, or one of the standard's special functions (func_expr_windowless)."""
    kind = p.kind
    position = p.position
    if kind in functions.SPECIAL and (p.next_kind() == "(" or kind not in COLUMN_NAMES):
        if kind != "grouping" and not (kind in FUNCTION_NAMES and kind != "collation" and p.next_kind() == "("):
            before = p.i
            found = functions.SPECIAL[kind](p)
            if p.i > before + 1 or kind not in COLUMN_NAMES:
                return found
    if kind == "xmltable":
        raise p.unsupported("XMLTABLE")
    if kind not in COLUMN_NAMES and kind not in FUNCTION_NAMES:
        p.unexpected()
    name = p.function_name()
    if p.kind != "(":
        p.unexpected()
    return p.deeper(lambda: functions.plain_call(p, name, position))


def function_alias(p: Parser) -> tuple[Alias | None, tuple[ColumnDefinitionItem, ...]]:
    """Read ``AS name (columns)``, ``AS name (a int, ...)`` or ``AS (a int, ...)`` (func_alias_clause)."""
    position = p.position
    if p.accept("as"):
        position = p.position
        if p.accept("("):
            definitions = p.separated(lambda: column_definition(p))
            p.expect(")")
            return None, definitions
    elif p.kind not in COLUMN_NAMES:
        return None, ()
    name = p.identifier()
    if p.kind != "(":
        return Alias(name, position=position), ()
    if p.next_kind() in COLUMN_NAMES and p.next_kind(2) not in (",", ")"):
        p.advance()
        definitions = p.separated(lambda: column_definition(p))
        p.expect(")")
        return Alias(name, position=position), definitions
    return Alias(name, p.parenthesized_names(), position=position), ()


def column_definition(p: Parser) -> ColumnDefinitionItem:
    """Read ``name type [COLLATE c]`` (TableFuncElement)."""
    position = p.position
    name = p.identifier()
    type_name = types.type_name(p)
    collation = p.any_name() if p.accept("collate") else None
    return ColumnDefinitionItem(name, type_name, collation, position=position)
