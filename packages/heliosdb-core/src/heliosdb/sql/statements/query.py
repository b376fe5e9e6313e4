"""Syntax of queries: SELECT, VALUES, set operations, WITH, and what stands in FROM.

ORDER BY, LIMIT, locking and WITH belong to any query, so they are fields of the base ``Query``. ``TABLE t`` comes
out as ``SELECT * FROM t``.
"""

from __future__ import annotations

from typing import Literal as OneOf

from heliosdb.sql.statements.base import Clause, Expression, Node, QualifiedName, Statement
from heliosdb.sql.statements.expressions import TypeName, WindowSpec
from heliosdb.sql.value_rows import ValueRows
from heliosdb.value import field, frozen

__all__ = [
    "Alias",
    "ColumnDefinitionItem",
    "CommonTable",
    "CycleClause",
    "FromItem",
    "GroupingSet",
    "IntoTable",
    "Join",
    "Locking",
    "Query",
    "RangeFunction",
    "RangeSubquery",
    "RangeTable",
    "RowsFromItem",
    "SearchClause",
    "Select",
    "SetOperation",
    "SortItem",
    "TableSample",
    "Target",
    "Values",
    "With",
]


@frozen(eq=False, repr=False)
class SortItem(Node):
    """One key of ORDER BY. ``using`` is the operator of ``USING``, which excludes ``direction``."""

    expression: Expression
    direction: OneOf["asc", "desc"] | None = None
    nulls: OneOf["first", "last"] | None = None
    using: QualifiedName | None = None


@frozen(eq=False, repr=False)
class Locking(Node):
    """``FOR UPDATE OF t NOWAIT`` and kin; no relations means all of them."""

    strength: OneOf["update", "no key update", "share", "key share"]
    relations: tuple[QualifiedName, ...] = ()
    wait: OneOf["block", "nowait", "skip locked"] = "block"


@frozen(eq=False, repr=False)
class SearchClause(Node):
    """``SEARCH BREADTH | DEPTH FIRST BY columns SET column``."""

    breadth_first: bool
    columns: tuple[str, ...]
    sequence_column: str


@frozen(eq=False, repr=False)
class CycleClause(Node):
    """``CYCLE columns SET mark [TO value DEFAULT default] USING path``."""

    columns: tuple[str, ...]
    mark_column: str
    mark_value: Expression | None
    mark_default: Expression | None
    path_column: str


@frozen(eq=False, repr=False)
class CommonTable(Node):
    """One member of WITH; ``query`` is a Query or a data-modifying statement. ``materialized`` None: not said."""

    name: str
    columns: tuple[str, ...]
    query: Statement
    materialized: bool | None = None
    search: SearchClause | None = None
    cycle: CycleClause | None = None


@frozen(eq=False, repr=False)
class With(Node):
    """``WITH [RECURSIVE] ...``."""

    tables: tuple[CommonTable, ...]
    recursive: bool = False


@frozen(eq=False, repr=False)
class Query(Statement):
    """Anything that yields rows by itself.

    ``LIMIT ALL`` comes out as the null literal, ``FETCH FIRST ROW`` as the literal 1; ``extensions`` are the clauses of
    plugins that trail the query.
    """

    with_clause: With | None = field(default=None, kw_only=True)
    order_by: tuple[SortItem, ...] = field(default=(), kw_only=True)
    limit: Expression | None = field(default=None, kw_only=True)
    offset: Expression | None = field(default=None, kw_only=True)
    with_ties: bool = field(default=False, kw_only=True)
    locking: tuple[Locking, ...] = field(default=(), kw_only=True)
    extensions: tuple[Clause, ...] = field(default=(), kw_only=True)


@frozen(eq=False, repr=False)
class Target(Node):
    """An output column: SELECT list and RETURNING. A star is a ColumnRef or FieldStar without alias."""

    expression: Expression
    alias: str | None = None


@frozen(eq=False, repr=False)
class Alias(Node):
    """``AS name (columns)``."""

    name: str
    columns: tuple[str, ...] = ()


@frozen(eq=False, repr=False)
class ColumnDefinitionItem(Node):
    """``name type [COLLATE c]`` in the column definition list of a function in FROM."""

    name: str
    type: TypeName
    collation: QualifiedName | None = None


@frozen(eq=False, repr=False)
class FromItem(Node):
    """Anything in FROM."""


@frozen(eq=False, repr=False)
class TableSample(Node):
    """``TABLESAMPLE method (arguments) [REPEATABLE (seed)]``."""

    method: QualifiedName
    arguments: tuple[Expression, ...]
    repeatable: Expression | None = None


@frozen(eq=False, repr=False)
class RangeTable(FromItem):
    """A named relation; also the target of DML. ``extensions``: clauses of plugins after the name or the alias."""

    name: QualifiedName
    alias: Alias | None = None
    only: bool = False
    sample: TableSample | None = None
    extensions: tuple[Clause, ...] = ()


@frozen(eq=False, repr=False)
class RangeSubquery(FromItem):
    """``[LATERAL] (query) [AS] alias``."""

    query: Query
    alias: Alias | None = None
    lateral: bool = False


@frozen(eq=False, repr=False)
class RowsFromItem(Node):
    """A function in FROM with its column definition list; ``function`` is a FunctionCall or what the syntax gives."""

    function: Expression
    column_definitions: tuple[ColumnDefinitionItem, ...] = ()


@frozen(eq=False, repr=False)
class RangeFunction(FromItem):
    """``f(...)`` or ``ROWS FROM (f(...), g(...))`` in FROM.

    ``column_definitions`` are those after the alias: ``f() AS t(a int)``; they may come without an alias name.
    """

    functions: tuple[RowsFromItem, ...]
    alias: Alias | None = None
    column_definitions: tuple[ColumnDefinitionItem, ...] = ()
    lateral: bool = False
    ordinality: bool = False
    rows_from: bool = False


@frozen(eq=False, repr=False)
class Join(FromItem):
    """A join; position is that of the word that begins it (JOIN, LEFT, NATURAL ...)."""

    kind: OneOf["inner", "left", "right", "full", "cross"]
    left: FromItem
    right: FromItem
    natural: bool = False
    using: tuple[str, ...] = ()
    using_alias: str | None = None
    on: Expression | None = None
    alias: Alias | None = None


@frozen(eq=False, repr=False)
class GroupingSet(Node):
    """A member of GROUP BY that is not a plain expression; ``empty`` is ``()``, members of ``simple`` ones are rows."""

    kind: OneOf["empty", "rollup", "cube", "grouping sets"]
    members: tuple[Expression | GroupingSet, ...] = ()


@frozen(eq=False, repr=False)
class IntoTable(Node):
    """``SELECT ... INTO table``."""

    name: QualifiedName
    persistence: OneOf["permanent", "temporary", "unlogged"] = "permanent"


@frozen(eq=False, repr=False)
class Select(Query):
    """``SELECT``; ``distinct_on`` implies ``distinct``. ``from_items`` are joined by commas."""

    targets: tuple[Target, ...]
    from_items: tuple[FromItem, ...] = ()
    where: Expression | None = None
    group_by: tuple[Expression | GroupingSet, ...] = ()
    having: Expression | None = None
    windows: tuple[WindowSpec, ...] = ()
    distinct: bool = False
    distinct_on: tuple[Expression, ...] = ()
    group_distinct: bool = False
    into: IntoTable | None = None


@frozen(eq=False, repr=False)
class Values(Query):
    """``VALUES (...), (...)``; Default may stand for a value, which only INSERT allows.

    ``every`` are all rows where only the first was parsed: of an INSERT's long list of constants.
    """

    rows: tuple[tuple[Expression, ...], ...]
    every: ValueRows | None = field(default=None, kw_only=True, eq=False)


@frozen(eq=False, repr=False)
class SetOperation(Query):
    """``left UNION | INTERSECT | EXCEPT [ALL] right``; position is that of the operator. Chains are left-deep."""

    operator: OneOf["union", "intersect", "except"]
    all: bool
    left: Query
    right: Query
