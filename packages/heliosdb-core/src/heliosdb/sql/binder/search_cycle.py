"""SEARCH and CYCLE of a recursive common table: rewritten into plain columns before it is bound.

    WITH RECURSIVE t(n) AS (start UNION ALL step) SEARCH DEPTH FIRST BY n SET o

    start   SELECT n, ARRAY[ROW(n)]           AS o FROM (start) AS q(n)
    step    SELECT n, q.o || ROW(n)           AS o FROM (step, and t.o) AS q(n, o)

Breadth first keeps ``ROW(depth, n)`` instead. CYCLE adds a mark, which says whether the row's columns have been met
on its path, and the path; the step goes on from rows without the mark only. It is PostgreSQL's rewriteSearchCycle.c,
done on the syntax tree.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from heliosdb.errors import FeatureNotSupported, SqlSyntaxError
from heliosdb.sql import statements as ast

__all__ = ["without_search_and_cycle"]

STEP = "*TROCTE*"
START = "*TLOCTE*"


def without_search_and_cycle(table: ast.CommonTable, names: Sequence[str]) -> ast.CommonTable:
    """Return the table with its clauses as columns; ``names`` are the columns that it has without them."""
    query = table.query
    assert isinstance(query, ast.SetOperation)
    search, cycle = table.search, table.cycle
    _check(table, names)
    extra: list[str] = []
    first: list[ast.Expression] = []
    following: list[ast.Expression] = []
    where: ast.Expression | None = None
    if search is not None:
        extra.append(search.sequence_column)
        one, more = _sequence(search)
        first.append(one)
        following.append(more)
    if cycle is not None:
        extra += [cycle.mark_column, cycle.path_column]
        value = cycle.mark_value or ast.Literal("boolean", "true")
        default = cycle.mark_default or ast.Literal("boolean", "false")
        row = _row(cycle.columns)
        path = _column(cycle.path_column)
        met = ast.AnyAll(row, "=", "any", array=path)
        first += [default, ast.ArrayConstructor((row,))]
        following += [
            ast.Case(None, (ast.When(met, value),), default),
            ast.Operator("||", path, row),
        ]
        where = ast.Operator("<>", _column(cycle.mark_column), value)
    start = _wrapped(query.left, START, names, (), first, extra, None)
    step = _wrapped(_with_extra(table, query.right, extra), STEP, names, extra, following, extra, where)
    return evolve(
        table,
        query=evolve(query, left=start, right=step),
        columns=(*names, *extra),
        search=None,
        cycle=None,
    )


def _check(table: ast.CommonTable, names: Sequence[str]) -> None:
    made: list[tuple[str, str]] = []
    if table.search is not None:
        for column in table.search.columns:
            if column not in names:
                raise SqlSyntaxError(
                    f'search column "{column}" not in WITH query column list', position=table.search.position or None
                )
        made.append((table.search.sequence_column, "search sequence column"))
    if table.cycle is not None:
        for column in table.cycle.columns:
            if column not in names:
                raise SqlSyntaxError(
                    f'cycle column "{column}" not in WITH query column list', position=table.cycle.position or None
                )
        made += [(table.cycle.mark_column, "cycle mark column"), (table.cycle.path_column, "cycle path column")]
    clause = table.search or table.cycle
    position = (clause.position or None) if clause is not None else None
    for number, (name, what) in enumerate(made):
        if name in names:
            raise SqlSyntaxError(f'{what} name "{name}" already used in WITH query column list', position=position)
        for other, other_what in made[:number]:
            if name == other:
                raise SqlSyntaxError(f"{other_what} name and {what} name are the same", position=position)


def _sequence(search: ast.SearchClause) -> tuple[ast.Expression, ast.Expression]:
    """Return the first value of the sequence column and the one after it."""
    column = _column(search.sequence_column)
    columns = tuple(_column(name) for name in search.columns)
    if not search.breadth_first:
        row = ast.RowConstructor(columns, explicit=True)
        return ast.ArrayConstructor((row,)), ast.Operator("||", column, row)
    integer = ast.TypeName(("pg_catalog", "int8"))
    zero = ast.TypeCast(ast.Literal("integer", "0"), integer)
    deeper = ast.Operator("+", ast.FieldSelection(column, "f1"), ast.Literal("integer", "1"))
    return ast.RowConstructor((zero, *columns), explicit=True), ast.RowConstructor((deeper, *columns), explicit=True)


def _column(name: str) -> ast.ColumnRef:
    return ast.ColumnRef((name,))


def _row(names: Sequence[str]) -> ast.RowConstructor:
    return ast.RowConstructor(tuple(_column(name) for name in names), explicit=True)


def _wrapped(
    query: ast.Query,
    name: str,
    names: Sequence[str],
    extra: Sequence[str],
    expressions: Sequence[ast.Expression],
    made: Sequence[str],
    where: ast.Expression | None,
) -> ast.Select:
    """Return ``SELECT names, expressions AS made FROM (query) AS name(names, extra) WHERE where``."""
    targets = [ast.Target(_column(column), column) for column in names]
    targets += [ast.Target(expression, column) for expression, column in zip(expressions, made)]
    alias = ast.Alias(name, (*names, *extra))
    return ast.Select(tuple(targets), (ast.RangeSubquery(query, alias),), where=where)


def _with_extra(table: ast.CommonTable, query: ast.Query, extra: Sequence[str]) -> ast.Query:
    """Return the step with the table's own extra columns of the previous round among its targets."""
    if not isinstance(query, ast.Select) or query.group_by or query.distinct:
        raise FeatureNotSupported(
            "with a SEARCH or CYCLE clause, the right side of the UNION must be a SELECT",
            position=query.position or None,
        )
    alias = next((found for item in query.from_items if (found := _alias_of(item, table.name)) is not None), None)
    if alias is None:
        raise FeatureNotSupported(
            "with a SEARCH or CYCLE clause, the recursive reference to WITH query "
            f'"{table.name}" must be at the top level of its right-hand SELECT',
            position=query.position or None,
        )
    added = tuple(ast.Target(ast.ColumnRef((alias, column)), column) for column in extra)
    return evolve(query, targets=query.targets + added)


def _alias_of(item: ast.FromItem, name: str) -> str | None:
    """Return what a table is called in an item of FROM, or None where it is not in it."""
    if isinstance(item, ast.RangeTable) and item.name.parts == (name,):
        return item.alias.name if item.alias is not None else name
    if isinstance(item, ast.Join):
        return _alias_of(item.left, name) or _alias_of(item.right, name)
    return None
