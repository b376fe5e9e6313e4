"""WITH: common tables, plain, recursive and data-modifying.

A common table is bound where it is defined. If it is a plain query without volatile functions that is named once it
is put where it is named, unless MATERIALIZED says otherwise; every other one becomes a member of a With node and is
read by CteScan. Named how often is counted in the syntax tree, where a name that is hidden by another counts too:
that only keeps a table from being put in place, which is never wrong.

A recursive table is ``start UNION [ALL] step``: while the step is bound, the table's name means the previous round.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field, fields

from heliosdb.errors import (
    DatatypeMismatch,
    DuplicateAlias,
    FeatureNotSupported,
    InvalidColumnReference,
    InvalidRecursion,
)
from heliosdb.plan import nodes
from heliosdb.plan.expressions import Column, RowConstructor
from heliosdb.sql import statements as ast
from heliosdb.sql.binder.coercion import select_common_type
from heliosdb.sql.binder.ordering import equality_class
from heliosdb.sql.binder.scope import RangeItem, Scope
from heliosdb.sql.binder.search_cycle import without_search_and_cycle

if TYPE_CHECKING:
    from heliosdb.sql.binder.binder import Binder
    from heliosdb.sql.binder.bound_query import BoundQuery

__all__ = ["BoundCommonTable", "bind_cte_reference", "bind_with", "with_node"]


@define(eq=False)
class BoundCommonTable:
    """A common table. ``query`` None: a recursive one whose step is being bound, read through WorkTableScan."""

    name: str
    number: int
    columns: tuple[nodes.OutputColumn, ...]
    plan: nodes.PlanNode | None
    inline: bool
    scope: Scope
    outer: tuple[Column, ...] = ()
    modifying: bool = False
    returns_rows: bool = True
    references: int = 0
    rows: dict[int, RowConstructor] = field(factory=dict)


def bind_with(binder: Binder, clause: ast.With, scope: Scope, body: Any = None) -> list[BoundCommonTable]:
    """Bind the members of WITH into a scope and return them in order."""
    names: set[str] = set()
    for table in clause.tables:
        if table.name in names:
            raise DuplicateAlias(
                f'WITH query name "{table.name}" specified more than once', position=table.position or None
            )
        names.add(table.name)
    tables = _in_order(clause) if clause.recursive else list(clause.tables)
    result: list[BoundCommonTable] = []
    scope.later_ctes = set() if clause.recursive else set(names)
    for table in tables:
        if clause.recursive and _names_itself(table):
            bound = _bind_recursive(binder, table, scope)
        else:
            bound = _bind_plain(binder, table, scope)
        scope.ctes[table.name] = bound
        scope.later_ctes.discard(table.name)
        result.append(bound)
    return result


def count_references(node: Any, name: str) -> int:
    """Return how often a name stands as an unqualified table name in a syntax tree."""
    return sum(1 for inner in syntax_nodes(node) if isinstance(inner, ast.RangeTable) and inner.name.parts == (name,))


def syntax_nodes(node: Any) -> Iterator[Any]:
    """Yield every node of a syntax tree."""
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, tuple):
            pending.extend(current)
        elif isinstance(current, ast.Node):
            yield current
            if isinstance(current, ast.Literal | ast.ColumnRef | ast.QualifiedName):
                continue
            for attribute in fields(type(current)):
                child = getattr(current, attribute.name)
                if child.__class__ is tuple or isinstance(child, ast.Node):
                    pending.append(child)


def _names_itself(table: ast.CommonTable) -> bool:
    return count_references(table.query, table.name) > 0


def _in_order(clause: ast.With) -> list[ast.CommonTable]:
    """Return the members of WITH RECURSIVE with those first that others need; mutual recursion is 0A000."""
    names = {table.name: table for table in clause.tables}
    needs = {
        table.name: {other for other in names if other != table.name and count_references(table.query, other) > 0}
        for table in clause.tables
    }
    ordered: list[ast.CommonTable] = []
    done: set[str] = set()
    while len(ordered) < len(clause.tables):
        ready = [table for table in clause.tables if table.name not in done and needs[table.name] <= done]
        if not ready:
            stuck = next(table for table in clause.tables if table.name not in done)
            raise FeatureNotSupported(
                "mutual recursion between WITH items is not implemented", position=stuck.position or None
            )
        ordered.append(ready[0])
        done.add(ready[0].name)
    return ordered


def _bind_plain(binder: Binder, table: ast.CommonTable, scope: Scope) -> BoundCommonTable:
    if table.search is not None or table.cycle is not None:
        raise FeatureNotSupported(
            "WITH query is not recursive", position=(table.search or table.cycle or table).position or None
        )
    boundary = Scope(scope)
    before = binder.volatile_calls
    if isinstance(table.query, ast.Query):
        query = binder.query(table.query, boundary)
        locks = bool(table.query.locking)
        plan: nodes.PlanNode = query.plan
        columns: tuple[nodes.OutputColumn, ...] | None = query.columns
        rows = _rows(binder, query)
        modifying = False
    else:
        if scope.parent is not None:
            raise FeatureNotSupported(
                "WITH clause containing a data-modifying statement must be at the top level",
                position=table.position or None,
            )
        plan, returned, _ = binder.modification(table.query, boundary)
        columns = tuple(returned) if returned is not None else None
        modifying, locks, rows = True, False, {}
    shown = _renamed(table, columns or ())
    volatile = binder.volatile_calls != before
    inline = not modifying and not locks and not volatile and table.materialized is not True
    return BoundCommonTable(
        table.name,
        binder.new_cte(),
        shown,
        plan,
        inline,
        scope,
        outer=tuple(boundary.outer.values()),
        modifying=modifying,
        returns_rows=columns is not None,
        rows=rows,
    )


def _renamed(table: ast.CommonTable, columns: tuple[nodes.OutputColumn, ...]) -> tuple[nodes.OutputColumn, ...]:
    if len(table.columns) > len(columns):
        raise InvalidColumnReference(
            f'WITH query "{table.name}" has {len(columns)} columns available '
            f"but {len(table.columns)} columns specified",
            position=table.position or None,
        )
    return tuple(
        evolve(column, name=table.columns[number]) if number < len(table.columns) else column
        for number, column in enumerate(columns)
    )


# -- recursion -------------------------------------------------------------------------------------------------------


def _bind_recursive(binder: Binder, table: ast.CommonTable, scope: Scope) -> BoundCommonTable:
    position = table.position or None
    query = table.query
    if not isinstance(query, ast.Query):
        raise InvalidRecursion(
            f'recursive query "{table.name}" must not contain data-modifying statements', position=position
        )
    if not isinstance(query, ast.SetOperation) or query.operator != "union":
        raise InvalidRecursion(
            f'recursive query "{table.name}" does not have the form non-recursive-term UNION [ALL] recursive-term',
            position=position,
        )
    _check_recursive_form(table, query, position)
    if table.search is not None or table.cycle is not None:
        table = without_search_and_cycle(table, _column_names(binder, table, query, scope))
        assert isinstance(table.query, ast.SetOperation)
        query = table.query
    boundary = Scope(scope)
    inner = Scope(boundary)
    extra = _bind_inner_with(binder, query, inner)
    start = binder.query(query.left, inner)
    number = binder.new_cte()
    columns = _renamed(table, start.columns)
    working = BoundCommonTable(table.name, number, columns, None, False, boundary)
    working.rows = _rows(binder, start)
    boundary.ctes[table.name] = working
    step = binder.query(query.right, inner, resolve_unknowns=False)
    plan = _recursive_union(binder, table, query, start, step, number, columns)
    if extra:
        plan = with_node(extra, plan)
    return BoundCommonTable(
        table.name,
        number,
        tuple(evolve(column, nullable=True) for column in columns),
        plan,
        False,
        scope,
        outer=tuple(boundary.outer.values()),
        rows=working.rows,
    )


def _column_names(binder: Binder, table: ast.CommonTable, query: ast.SetOperation, scope: Scope) -> tuple[str, ...]:
    """Return the names of a recursive table's columns, which its first term has where none are listed."""
    start = binder.query(query.left, Scope(scope))
    return tuple(column.name for column in _renamed(table, start.columns))


def _rows(binder: Binder, query: BoundQuery) -> dict[int, RowConstructor]:
    """Return what is known of the columns of a query that are rows."""
    found = {index: binder.row_of(query.column(index)) for index in range(len(query.columns))}
    return {index: row for index, row in found.items() if row is not None}


def _bind_inner_with(binder: Binder, query: ast.Query, inner: Scope) -> list[BoundCommonTable]:
    return bind_with(binder, query.with_clause, inner) if query.with_clause is not None else []


def _check_recursive_form(table: ast.CommonTable, query: ast.SetOperation, position: int | None) -> None:
    name = table.name
    if count_references(query.left, name):
        raise InvalidRecursion(
            f'recursive reference to query "{name}" must not appear within its non-recursive term',
            position=_reference_position(query.left, name) or position,
        )
    order = query.order_by[0].expression if query.order_by else None
    for present, construct in ((order, "ORDER BY"), (query.offset, "OFFSET"), (query.limit, "LIMIT")):
        if present is not None:
            raise FeatureNotSupported(
                f"{construct} in a recursive query is not implemented", position=ast.leftmost(present) or None
            )
    if query.locking:
        raise FeatureNotSupported("FOR UPDATE/SHARE in a recursive query is not implemented", position=position)
    _check_places(query.right, name)
    if count_references(query.right, name) > 1:
        raise InvalidRecursion(
            f'recursive reference to query "{name}" must not appear more than once',
            position=_reference_position(query.right, name),
        )


def _reference_position(node: Any, name: str) -> int | None:
    for inner in syntax_nodes(node):
        if isinstance(inner, ast.RangeTable) and inner.name.parts == (name,):
            return inner.name.position or inner.position or None
    return None


def _check_places(query: Any, name: str) -> None:
    """Refuse a recursive reference in an outer join's nullable side, a subquery expression, INTERSECT or EXCEPT."""
    for node in syntax_nodes(query):
        refused: tuple[Any, str] | None = None
        if isinstance(node, ast.Join) and node.kind in ("left", "full"):
            refused = node.right, "within an outer join"
        if isinstance(node, ast.Join) and node.kind in ("right", "full") and refused is None:
            refused = node.left, "within an outer join"
        if isinstance(node, ast.SetOperation) and node.operator == "except":
            refused = node.right, "within EXCEPT"
        elif isinstance(node, ast.SetOperation) and node.operator == "intersect":
            refused = (node.left, node.right), "within INTERSECT"
        if isinstance(node, ast.Exists | ast.ScalarSubquery | ast.ArraySubquery | ast.InSubquery | ast.AnyAll):
            refused = node.query, "within a subquery"
        if refused is not None and refused[0] is not None and count_references(refused[0], name):
            raise InvalidRecursion(
                f'recursive reference to query "{name}" must not appear {refused[1]}',
                position=_reference_position(refused[0], name),
            )


def _recursive_union(
    binder: Binder,
    table: ast.CommonTable,
    query: ast.SetOperation,
    start: BoundQuery,
    step: BoundQuery,
    number: int,
    columns: tuple[nodes.OutputColumn, ...],
) -> nodes.PlanNode:
    from heliosdb.errors import SqlSyntaxError
    from heliosdb.sql.binder.set_operations import retyped

    if len(start.columns) != len(step.columns):
        raise SqlSyntaxError("each UNION query must have the same number of columns", position=table.position or None)
    types = []
    for index, column in enumerate(start.columns):
        pair = [start.column(index), step.expressions[index] if step.expressions else step.column(index)]
        type_ = select_common_type(binder, pair, "UNION")
        if type_ != column.type:
            raise DatatypeMismatch(
                f'recursive query "{table.name}" column {index + 1} has type {binder.display(column.type)} '
                f"in non-recursive term but type {binder.display(str(type_))} overall",
                hint="Cast the output of the non-recursive term to the correct type.",
                position=start.expressions[index].position if start.expressions else None,
            )
        types.append((column.type, column.typmod))
        if column.typmod >= 0 and pair[1].typmod != column.typmod:
            shown = binder.types.format(column.type, column.typmod)
            raise DatatypeMismatch(
                f'recursive query "{table.name}" column {index + 1} has type {shown} '
                f"in non-recursive term but type {binder.display(column.type)} overall",
                hint="Cast the output of the non-recursive term to the correct type.",
                position=start.expressions[index].position if start.expressions else None,
            )
    step = retyped(binder, step, types, "UNION")
    classes: tuple[object, ...] = ()
    if not query.all:
        classes = tuple(equality_class(binder, column.type) for column in columns)
    return nodes.RecursiveUnion(
        source=binder.new_source(),
        columns=tuple(evolve(column, nullable=True) for column in columns),
        cte=number,
        all=query.all,
        start=start.plan,
        step=step.plan,
        classes=classes,
    )


# -- references ------------------------------------------------------------------------------------------------------


def bind_cte_reference(binder: Binder, scope: Scope, item: ast.RangeTable) -> tuple[nodes.PlanNode, RangeItem] | None:
    """Return the plan and range item of a common table, or None where the name is none."""
    from heliosdb.sql.binder.from_clause import renamed_columns

    name = item.name.name
    for level in scope.ancestors():
        table = level.ctes.get(name)
        if table is not None:
            break
    else:
        return None
    position = item.name.position or item.position or None
    if item.extensions:
        raise FeatureNotSupported(
            f'"{name}" is a WITH query, which takes no such clause', position=item.extensions[0].position or None
        )
    if not table.returns_rows:
        raise FeatureNotSupported(f'WITH query "{name}" does not have a RETURNING clause', position=position)
    alias = item.alias.name if item.alias is not None else name
    source = binder.new_source()
    columns = table.columns
    if item.alias is not None and item.alias.columns:
        columns = tuple(renamed_columns(columns, item.alias.columns, alias))
    plan: nodes.PlanNode
    table.references += 1
    if table.plan is None:
        scope.recursive_item = True
        plan = nodes.WorkTableScan(source=source, columns=columns, cte=table.number, name=name)
    else:
        plan = nodes.CteScan(source=source, columns=columns, cte=table.number, name=name)
        if table.inline:
            # Put in place, the table's own outer references are those of whatever stands between.
            _note_outer(scope, table)
    for index, row in table.rows.items():
        binder.rows[source, index] = row
    for index, column in enumerate(columns):
        if column.origin[0]:
            binder.origins[source, index] = column.origin
    return plan, RangeItem(alias, source, columns, kind="WITH query")


def _note_outer(scope: Scope, table: BoundCommonTable) -> None:
    for level in scope.ancestors():
        if level is table.scope:
            return
        for column in table.outer:
            level.outer.setdefault((column.source, column.index), column)


def with_node(tables: list[BoundCommonTable], plan: nodes.PlanNode) -> nodes.PlanNode:
    """Return the plan with its common tables: those named once put in place, the others in a With node."""
    from heliosdb.plan.rewrite import rewritten

    once = {table.number: table for table in tables if table.inline and table.references == 1}
    kept = [table for table in tables if not table.inline or table.references > 1]
    kept = [table for table in kept if table.references or table.modifying]

    def replace(node: Any) -> Any:
        if not isinstance(node, nodes.CteScan) or node.cte not in once:
            return None
        table = once[node.cte]
        assert table.plan is not None
        (inner,) = table.plan.sources
        return nodes.Project(
            input=rewritten(table.plan, replace),
            source=node.source,
            columns=node.columns,
            expressions=tuple(
                Column(
                    type=column.type,
                    typmod=column.typmod,
                    nullable=column.nullable,
                    collation=column.collation,
                    source=inner,
                    index=index,
                    name=column.name,
                )
                for index, column in enumerate(node.columns)
            ),
            alias=node.name,
        )

    if once:
        # All in one pass: a chain of hundreds of tables would be rewritten once for each of them.
        plan = rewritten(plan, replace)
        for table in kept:
            if table.plan is not None:
                table.plan = rewritten(table.plan, replace)
    if not kept:
        return plan
    ctes = tuple((table.number, table.name, table.plan) for table in kept if table.plan is not None)
    return nodes.With(ctes=ctes, input=plan)
