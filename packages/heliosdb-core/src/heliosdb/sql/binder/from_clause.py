"""FROM: tables, views, subqueries, functions, common tables and joins, to a plan and the range items it shows.

The name space works as in PostgreSQL's transformFromClause: each finished item becomes visible to LATERAL items to its
right at once, and to the rest of the query when the whole of FROM is bound; an ON condition sees the two sides of its
join only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import evolve

from heliosdb.catalog.definitions import Relation
from heliosdb.catalog.registrations import RowsRequest
from heliosdb.catalog.roles import is_superuser
from heliosdb.catalog.sequences import sequence_view
from heliosdb.catalog.views.support import CATALOG_OIDS
from heliosdb.errors import (
    AmbiguousColumn,
    DatatypeMismatch,
    DuplicateAlias,
    Error,
    FeatureNotSupported,
    InsufficientPrivilege,
    InvalidColumnReference,
    SqlSyntaxError,
    UndefinedColumn,
    WrongObjectType,
)
from heliosdb.plan import expressions as bound
from heliosdb.plan import nodes
from heliosdb.plan.expressions import Expression
from heliosdb.plan.rewrite import free_columns
from heliosdb.sql import statements as ast
from heliosdb.sql.binder.clauses import inner_locking
from heliosdb.sql.binder.coercion import coerce, coerce_to_boolean, select_common_type
from heliosdb.sql.binder.extensions import apply_clauses
from heliosdb.sql.binder.functions import bind_operator
from heliosdb.sql.binder.moments import at_moments, bind_rows, check_readable, undefined_relation_at
from heliosdb.sql.binder.sampling import check_sample, sampled
from heliosdb.sql.binder.scope import AMBIGUOUS, JoinColumn, JoinItem, RangeItem, Scope

if TYPE_CHECKING:
    from heliosdb.catalog.registries import CatalogView
    from heliosdb.sql.binder.binder import Binder

__all__ = ["bind_from", "bind_table_item", "bind_view", "catalog_view_exists"]

CATALOG_SCHEMA = "pg_catalog"


def bind_from(binder: Binder, scope: Scope, items: Sequence[ast.FromItem]) -> nodes.PlanNode:
    """Bind the items of FROM, joined by commas, into ``scope`` and return the plan; OneRow where there are none."""
    plan: nodes.PlanNode | None = None
    before, scope.clause = scope.clause, "FROM clause of their own query level"
    for item in items:
        right, shown = _bind_item(binder, scope, item)
        for entry in shown:
            _check_unique(scope.items, entry)
        plan = right if plan is None else _join(plan, right, "inner", None)
        for entry in shown:
            entry.lateral_only = True
            entry.lateral_ok = True
        scope.items.extend(shown)
    for entry in scope.items:
        entry.lateral_only = False
        entry.lateral_ok = True
    scope.clause = before
    return plan if plan is not None else nodes.OneRow()


def _check_unique(known: Sequence[RangeItem], added: RangeItem) -> None:
    if not added.relation_visible or not added.name:
        return
    for item in known:
        if item is not added and item.relation_visible and item.name == added.name:
            if item.schema != added.schema and None not in (item.schema, added.schema):
                continue
            raise DuplicateAlias(f'table name "{added.name}" specified more than once')


def _join(left: nodes.PlanNode, right: nodes.PlanNode, kind: str, condition: Expression | None) -> nodes.Join:
    produced = set(left.sources)
    lateral = not _is_plain_scan(right) and any(column.source in produced for column in free_columns(right))
    return nodes.Join(kind=kind, left=left, right=right, condition=condition, lateral=lateral)


def _is_plain_scan(plan: nodes.PlanNode) -> bool:
    return isinstance(plan, nodes.Scan | nodes.CatalogScan | nodes.CteScan | nodes.WorkTableScan)


def _bind_item(binder: Binder, scope: Scope, item: ast.FromItem) -> tuple[nodes.PlanNode, list[RangeItem]]:
    if isinstance(item, ast.RangeTable):
        plan, entry = bind_table_item(binder, scope, item)
    elif isinstance(item, ast.RangeSubquery):
        plan, entry = _subquery(binder, scope, item)
    elif isinstance(item, ast.RangeFunction):
        from heliosdb.sql.binder.table_functions import bind_range_function

        plan, entry = bind_range_function(binder, scope, item)
    elif isinstance(item, ast.Join):
        return _bind_join(binder, scope, item)
    else:
        raise FeatureNotSupported(f"{type(item).__name__} is not supported in FROM", position=item.position or None)
    binder.owners[entry.source] = scope
    return plan, [entry]


# -- tables ----------------------------------------------------------------------------------------------------------


def bind_table_item(binder: Binder, scope: Scope, item: ast.RangeTable) -> tuple[nodes.PlanNode, RangeItem]:
    """Bind a named relation: a common table, a stored relation, a view or a catalog view."""
    if not item.extensions:
        return _table_item(binder, scope, item)
    with at_moments(binder, item.extensions):
        plan, entry = _table_item(binder, scope, item)
    return apply_clauses(binder, item.extensions, plan), entry


def _table_item(binder: Binder, scope: Scope, item: ast.RangeTable) -> tuple[nodes.PlanNode, RangeItem]:
    parts = item.name.parts
    position = item.name.position or item.position or None
    if len(parts) > 3:
        raise SqlSyntaxError(f"improper relation name (too many dotted names): {'.'.join(parts)}", position=position)
    if len(parts) > 2 and parts[0] != binder.context.database:
        raise FeatureNotSupported(
            f'cross-database references are not implemented: "{".".join(parts)}"', position=position
        )
    if len(parts) == 1:
        from heliosdb.sql.binder.cte import bind_cte_reference

        referenced = bind_cte_reference(binder, scope, item)
        if referenced is not None:
            check_sample(item, False)
            return referenced
    relation = _find_relation(binder, parts)
    if item.sample is not None and relation is not None:
        check_sample(item, relation.kind in ("table", "materialized view"))
    if relation is None:
        view = _find_catalog_view(binder, parts)
        if view is not None:
            check_sample(item, False)
            return _catalog_scan(binder, item, view)
        resolved = _resolve_relation(binder, parts)
        if resolved is not None and not isinstance(resolved, Relation):
            return _catalog_scan(binder, item, resolved)
        relation = resolved
    moment = binder.moment
    if relation is None:
        if moment is not None:
            raise undefined_relation_at(binder, moment, parts, position)
        raise binder.undefined_relation(parts, position, scope)
    binder.require(relation, "r")
    alias = item.alias.name if item.alias is not None else None
    if relation.kind == "view":
        if moment is not None and isinstance(moment.request, RowsRequest):
            raise FeatureNotSupported(f'"{relation.name}" is a view, of which there are no versions', position=position)
        plan, entry = bind_view(binder, relation, alias, position, inner_locking(scope, alias or relation.name))
    elif relation.kind == "sequence":
        if moment is not None:
            raise FeatureNotSupported(
                f'sequence "{relation.name}" cannot be read as of another time', position=position
            )
        plan, entry = catalog_scan(binder, sequence_view(relation), alias or relation.name)
    else:
        if relation.kind not in ("table", "materialized view"):
            raise WrongObjectType(f'cannot open relation "{relation.name}"', position=position)
        snapshot: nodes.SnapshotRequest | None = None
        if moment is not None:
            moment.scans += 1
            if isinstance(moment.request, RowsRequest):
                check_sample(item, False)
                plan, entry = bind_rows(binder, moment.request, relation, alias)
                if item.alias is not None and item.alias.columns:
                    entry.columns = renamed_columns(entry.columns, item.alias.columns, entry.name)
                return plan, entry
            check_readable(binder, relation, position)
            snapshot = moment.request
        source = binder.new_source()
        entry = binder.scan_item(relation, alias, source)
        plan = nodes.Scan(
            source=source,
            columns=binder.scan_columns(relation),
            relation=relation,
            alias=alias or relation.name,
            snapshot=snapshot,
        )
        if item.sample is not None:
            plan = sampled(binder, scope, item.sample, plan, source)
    if item.alias is not None and item.alias.columns:
        entry.columns = renamed_columns(entry.columns, item.alias.columns, entry.name)
    return plan, entry


def _find_relation(binder: Binder, parts: tuple[str, ...]) -> Relation | None:
    # pg_catalog is searched before every other schema, unless search_path says otherwise.
    if len(parts) == 1 and CATALOG_SCHEMA not in binder.search_path:
        if (CATALOG_SCHEMA, parts[0]) in binder.registries.catalog_views:
            return None
    return binder.relation(parts)


def catalog_view_exists(binder: Binder, parts: tuple[str, ...]) -> bool:
    """Return whether a name means a virtual catalog view."""
    return _find_catalog_view(binder, parts) is not None


def _find_catalog_view(binder: Binder, parts: tuple[str, ...]) -> CatalogView | None:
    views = binder.registries.catalog_views
    if len(parts) > 1:
        return views.get((parts[-2], parts[-1]))
    for schema in (CATALOG_SCHEMA, *binder.search_path):
        found = views.get((schema, parts[0]))
        if found is not None:
            return found
    return None


def _resolve_relation(binder: Binder, parts: tuple[str, ...]) -> Relation | CatalogView | None:
    """Ask the plugins' resolvers for a name that the catalog does not know."""
    from heliosdb.types.definitions import resolve_implementation

    schema = parts[-2] if len(parts) > 1 else None
    for resolver in binder.registries.relation_resolvers:
        found = resolve_implementation(resolver.resolve)(binder.context.session, schema, parts[-1])
        if isinstance(found, Relation):
            binder.dependencies.add((found.oid, found.version))
        if found is not None:
            return found  # type: ignore[no-any-return]
    return None


def _catalog_scan(binder: Binder, item: ast.RangeTable, view: CatalogView) -> tuple[nodes.PlanNode, RangeItem]:
    if item.extensions:
        clause = item.extensions[0]
        raise FeatureNotSupported(
            f'"{view.name}" is a view of the catalog, which takes no such clause', position=clause.position or None
        )
    if binder.moment is not None:
        raise FeatureNotSupported(f'"{view.name}" cannot be read as of another time')
    alias = item.alias.name if item.alias is not None else view.name
    plan, entry = catalog_scan(binder, view, alias)
    entry.schema = view.schema if item.alias is None else None
    if item.alias is not None and item.alias.columns:
        entry.columns = renamed_columns(entry.columns, item.alias.columns, entry.name)
    return plan, entry


def catalog_scan(binder: Binder, view: CatalogView, alias: str) -> tuple[nodes.PlanNode, RangeItem]:
    """Return the scan of a virtual catalog view."""
    if view.superuser and not is_superuser(binder.context.catalog, binder.role):
        kind = "table" if view.name in CATALOG_OIDS else "view"
        raise InsufficientPrivilege(f"permission denied for {kind} {view.name}")
    source = binder.new_source()
    columns = tuple(
        nodes.OutputColumn(name=name, type=type_, typmod=view.typmods.get(name, -1)) for name, type_ in view.columns
    )
    item = RangeItem(alias, source, columns)
    item.catalog_oid = CATALOG_OIDS.get(view.name) if view.schema == "pg_catalog" else None
    if item.catalog_oid is not None:
        binder.tables[source] = item.catalog_oid
    return nodes.CatalogScan(source=source, columns=columns, view=view, alias=alias), item


def bind_view(
    binder: Binder,
    relation: Relation,
    alias: str | None,
    position: int | None,
    locking: tuple[ast.Locking, ...] = (),
) -> tuple[nodes.PlanNode, RangeItem]:
    """Bind a view's text and give its columns the names and types that the view was made with."""
    from heliosdb.errors import InvalidRecursion
    from heliosdb.sql.binder.constraints import parse_view

    if relation.oid in binder.views:
        raise InvalidRecursion(
            f'infinite recursion detected in rules for relation "{relation.name}"', position=position
        )
    query = parse_view(binder, relation)
    if locking and not isinstance(query, ast.Values):
        query = evolve(query, locking=query.locking + locking)
    binder.views.append(relation.oid)
    before, binder.role = binder.role, relation.owner
    try:
        with binder.other_text(relation.search_path):
            result = binder.query(query, None)
    except Error as error:
        if error.detail is None:
            error.detail = f'It is in the text of view "{relation.name}".'
        raise
    binder.views.pop()
    binder.role = before
    live = [column for column in relation.columns if not column.dropped]
    source = binder.new_source()
    expressions: list[Expression] = []
    columns: list[nodes.OutputColumn] = []
    for number, output in enumerate(result.columns):
        column = result.column(number)
        name = live[number].name if number < len(live) else output.name
        expression: Expression = column
        if number < len(live) and live[number].type != output.type:
            expression = coerce(binder, column, live[number].type)
        expressions.append(expression)
        columns.append(binder.output_column(name, expression))
    plan = nodes.Project(
        input=result.plan,
        source=source,
        columns=tuple(columns),
        expressions=tuple(expressions),
        alias=alias or relation.name,
    )
    binder.tables[source] = relation.oid
    schema = relation.schema if alias is None else None
    return plan, RangeItem(alias or relation.name, source, columns, relation=relation, schema=schema)


def renamed_columns(
    columns: Sequence[nodes.OutputColumn], names: Sequence[str], alias: str
) -> list[nodes.OutputColumn]:
    """Return the columns under the names of an alias's column list."""
    if len(names) > len(columns):
        raise InvalidColumnReference(
            f'table "{alias}" has {len(columns)} columns available but {len(names)} columns specified'
        )
    return [
        evolve(column, name=names[number]) if number < len(names) else column for number, column in enumerate(columns)
    ]


# -- subqueries ------------------------------------------------------------------------------------------------------


def _subquery(binder: Binder, scope: Scope, item: ast.RangeSubquery) -> tuple[nodes.PlanNode, RangeItem]:
    if item.alias is None:
        # PostgreSQL 15 requires the alias; its grammar says so.
        word = "VALUES" if isinstance(item.query, ast.Values) else "subquery"
        raise SqlSyntaxError(
            f"{word} in FROM must have an alias",
            hint=(
                "For example, FROM (VALUES ...) [AS] foo."
                if word == "VALUES"
                else "For example, FROM (SELECT ...) [AS] foo."
            ),
            position=item.position or None,
        )
    before, scope.lateral_active = scope.lateral_active, item.lateral
    clause, scope.clause = scope.clause, "FROM clause of their own query level"
    query = item.query
    if scope.locking and not isinstance(query, ast.Values):
        query = evolve(query, locking=query.locking + inner_locking(scope, item.alias.name))
    result = binder.query(query, scope)
    scope.lateral_active, scope.clause = before, clause
    names = item.alias.columns
    if len(names) > len(result.columns):
        renamed_columns(result.columns, names, item.alias.name)
    plan = result.plan
    if isinstance(plan, nodes.Project):
        plan = evolve(plan, alias=item.alias.name)
    return plan, result.item(item.alias.name, names)


# -- joins -----------------------------------------------------------------------------------------------------------


def _bind_join(binder: Binder, scope: Scope, join: ast.Join) -> tuple[nodes.PlanNode, list[RangeItem]]:
    left_plan, left_items = _bind_item(binder, scope, join.left)
    # The right side may be LATERAL: it sees the left one, which RIGHT and FULL then forbid to use.
    lateral_ok = join.kind in ("inner", "left", "cross")
    mark = len(scope.items)
    for item in left_items:
        item.lateral_only = True
        item.lateral_ok = lateral_ok
    scope.items.extend(left_items)
    right_plan, right_items = _bind_item(binder, scope, join.right)
    del scope.items[mark:]
    for item in right_items:
        _check_unique(left_items, item)
    both = left_items + right_items
    for item in both:
        item.lateral_only = False
    kind = "inner" if join.kind == "cross" else join.kind
    using = _using_names(join, left_items, right_items)
    merged: list[JoinColumn] = []
    condition: Expression | None = None
    if using is not None:
        condition, merged = _using_condition(binder, join, kind, using, left_items, right_items)
    elif join.on is not None:
        condition = _on_condition(binder, scope, join.on, both)
    plan = _join(left_plan, right_plan, kind, condition)
    _null_sides(kind, left_items, right_items)
    return plan, _shown_items(binder, scope, join, both, left_items, right_items, merged, using)


def _null_sides(kind: str, left_items: list[RangeItem], right_items: list[RangeItem]) -> None:
    sides = {"left": right_items, "right": left_items, "full": left_items + right_items}.get(kind, [])
    for item in sides:
        item.nulled = True
        for base in item.base_items():
            base.nulled = True


def _on_condition(binder: Binder, scope: Scope, node: ast.Expression, both: list[RangeItem]) -> Expression:
    before, pending = scope.items, scope.from_pending
    scope.items, scope.from_pending = both, pending + before
    clause, scope.clause = scope.clause, "JOIN conditions"
    before_active, scope.lateral_active = scope.lateral_active, False
    expression = binder.expression(node, scope)
    scope.lateral_active = before_active
    scope.items, scope.from_pending, scope.clause = before, pending, clause
    return coerce_to_boolean(binder, expression, "JOIN/ON")


def _visible_columns(items: Sequence[RangeItem]) -> list[tuple[RangeItem, int]]:
    return [(item, number) for item in items if item.columns_visible for number in range(len(item.columns))]


def _using_names(join: ast.Join, left_items: list[RangeItem], right_items: list[RangeItem]) -> tuple[str, ...] | None:
    if join.natural:
        right_names = {item.columns[number].name for item, number in _visible_columns(right_items)}
        names = [item.columns[number].name for item, number in _visible_columns(left_items)]
        return tuple(dict.fromkeys(name for name in names if name in right_names))
    return join.using or None


def _using_column(items: list[RangeItem], name: str, side: str, position: int | None) -> tuple[RangeItem, int]:
    found: tuple[RangeItem, int] | None = None
    for item in items:
        if not item.columns_visible:
            continue
        at = item.positions.get(name)
        if at is None:
            continue
        if at == AMBIGUOUS or found is not None:
            raise AmbiguousColumn(
                f'common column name "{name}" appears more than once in {side} table', position=position
            )
        found = item, at
    if found is None:
        raise UndefinedColumn(
            f'column "{name}" specified in USING clause does not exist in {side} table', position=position
        )
    return found


def _using_condition(
    binder: Binder,
    join: ast.Join,
    kind: str,
    names: tuple[str, ...],
    left_items: list[RangeItem],
    right_items: list[RangeItem],
) -> tuple[Expression | None, list[JoinColumn]]:
    position = join.position or None
    conditions: list[Expression] = []
    merged: list[JoinColumn] = []
    seen: set[str] = set()
    for name in names:
        if name in seen:
            from heliosdb.errors import DuplicateColumn

            raise DuplicateColumn(f'column name "{name}" appears more than once in USING clause', position=position)
        seen.add(name)
        left_at = _using_column(left_items, name, "left", position)
        right_at = _using_column(right_items, name, "right", position)
        left, right = left_at[0].column(left_at[1]), right_at[0].column(right_at[1])
        type_ = select_common_type(binder, [left, right], "JOIN/USING")
        assert type_ is not None
        typmod = left.typmod if left.typmod == right.typmod and left.type == right.type else -1
        equality = bind_operator(binder, "=", left, right, position)
        if equality.type != "bool":
            raise DatatypeMismatch("argument of JOIN/USING must be type boolean", position=position)
        conditions.append(equality)
        keep = {"left": "left", "right": "right", "full": "both"}.get(kind, "either")
        merged.append(JoinColumn(name, left_at, right_at, keep, type_, typmod))
    if not conditions:
        return None, merged
    if len(conditions) == 1:
        return conditions[0], merged
    return bound.And(arguments=tuple(conditions)), merged


def _shown_items(
    binder: Binder,
    scope: Scope,
    join: ast.Join,
    both: list[RangeItem],
    left_items: list[RangeItem],
    right_items: list[RangeItem],
    merged: list[JoinColumn],
    using: tuple[str, ...] | None,
) -> list[RangeItem]:
    """Return what is visible of a join: its sides as they are, or with USING or an alias a join item before them."""
    if using is None and join.alias is None:
        return both

    def convert(expression: Expression, type_: str) -> Expression:
        return coerce(binder, expression, type_)

    names = set(using or ())
    rest = [
        _passed(item, number)
        for item, number in _visible_columns(left_items) + _visible_columns(right_items)
        if item.columns[number].name not in names
    ]
    columns = merged + rest
    if join.alias is None:
        item = JoinItem("", columns, both, convert)
        item.relation_visible = False
        shown: list[RangeItem] = [item]
        if join.using_alias is not None:
            alias_item = JoinItem(join.using_alias, merged, (), convert)
            alias_item.columns_visible = False
            for other in both:
                _check_unique([other], alias_item)
            shown.append(alias_item)
        for other in both:
            other.columns_visible = False
        return shown + both
    item = JoinItem(join.alias.name, columns, both, convert)
    if join.alias.columns:
        item.columns = renamed_columns(item.columns, join.alias.columns, join.alias.name)
    for other in both:
        other.columns_visible = other.relation_visible = False
    scope.from_pending = scope.from_pending + both
    return [item]


def _passed(item: RangeItem, number: int) -> JoinColumn:
    column = item.columns[number]
    return JoinColumn(column.name, (item, number), None, "left", column.type, column.typmod)
