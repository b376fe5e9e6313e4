"""INSERT: VALUES, queries and DEFAULT VALUES to one row form.

``Insert.values`` gives every attribute of the table in slot order, from the input's columns or from defaults;
generated columns are NULL there and computed by ``generated``. A VALUES list is one Values node whose columns already
have the target's types: each cell is converted by itself, as PostgreSQL does it, and a literal that needs no more
than reading becomes a constant at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from heliosdb.errors import FeatureNotSupported, GeneratedAlways, SqlSyntaxError
from heliosdb.plan import nodes
from heliosdb.plan.expressions import Column, Constant, Expression
from heliosdb.plan.forms import writing
from heliosdb.sql import statements as ast
from heliosdb.sql.binder.constraints import (
    bind_checks,
    bind_default,
    bind_generated,
    foreign_keys,
    referencing_keys,
)
from heliosdb.sql.binder.insert_values import bind_rows
from heliosdb.sql.binder.locations import location
from heliosdb.sql.binder.modify import bind_returning, is_always_identity, refuse_duplicate
from heliosdb.sql.binder.scope import Scope
from heliosdb.sql.binder.write_target import WriteTarget, find_target
from heliosdb.sql.parser import parse_rows

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import ColumnDefinition, Relation
    from heliosdb.sql.binder.binder import Binder

__all__ = ["bind_insert", "check_may_write", "row_values"]


def bind_insert(binder: Binder, statement: ast.Insert, parent: Scope | None) -> nodes.PlanNode:
    """Bind INSERT."""
    from heliosdb.sql.binder.cte import bind_with, with_node

    scope = Scope(parent)
    ctes = bind_with(binder, statement.with_clause, scope) if statement.with_clause is not None else []
    written = find_target(binder, statement.target, "insert into")
    relation = written.relation
    columns = _listed_columns(written, statement)
    target, source = binder.new_source(), binder.new_source()
    alias = statement.target.alias.name if statement.target.alias is not None else None
    item = written.item(target, alias)
    binder.owners[target] = scope
    # The target cannot be named in the source, but errors may say that it is there.
    scope.from_pending = [item]
    plan, given = _source(binder, relation, columns, statement, scope)
    scope.items = [item]
    conflict = None
    referencing: tuple[object, ...] = ()
    if statement.on_conflict is not None:
        from heliosdb.sql.binder.conflict import bind_conflict

        conflict, changed = bind_conflict(binder, written, statement.on_conflict, alias, scope)
        if changed:
            referencing = referencing_keys(binder, relation, changed)
        scope.items = [item]
    returning, returned = bind_returning(binder, statement.returning, scope)
    written.require("aw" if conflict is not None and conflict.assignments else "a")
    insert = nodes.Insert(
        input=plan,
        relation=relation,
        target=target,
        source=source,
        columns=returned,
        returning=returning,
        checks=(*bind_checks(binder, relation, target), *written.view_checks(target)),
        generated=bind_generated(binder, relation, target),
        foreign_keys=foreign_keys(relation),
        referencing=referencing,  # type: ignore[arg-type]
        values=row_values(binder, relation, given),
        conflict=conflict,
    )
    return with_node(ctes, insert) if ctes else insert


def _listed_columns(written: WriteTarget, statement: ast.Insert) -> list[ColumnDefinition]:
    if not statement.columns:
        live = written.live_columns()
        for number, column in enumerate(live):
            if column is None and _gives(statement, number):
                raise written.not_updatable(written.columns[number][0].name)
        # What the statement does not reach need not be writable.
        return [column for column in live if column is not None]
    names: list[str] = []
    columns = []
    parts: set[str] = set()
    for target in statement.columns:
        column = written.column(target, whole=False)
        if not target.path or column.name not in parts:
            refuse_duplicate(names, column.name, target.position or None)
            names.append(column.name)
        if target.path:
            parts.add(column.name)
        columns.append(column)
    return columns


def _gives(statement: ast.Insert, number: int) -> bool:
    """Return whether an INSERT without a column list gives a column with this number a value."""
    if isinstance(statement.source, ast.Values):
        return number < len(statement.source.rows[0])
    return statement.source is not None


def row_values(binder: Binder, relation: Relation, given: dict[int, Expression]) -> tuple[Expression, ...]:
    """Return what the row holds of every attribute, in slot order."""
    values: list[Expression] = []
    by_number = {column.number: column for column in relation.columns}
    for number in range(1, max(by_number, default=0) + 1):
        column = by_number.get(number)
        if column is None or column.dropped:
            type_ = column.stored_type if column is not None else "text"
            values.append(Constant(type=type_, value=None))
        else:
            value = given[number] if number in given else bind_default(binder, relation, column)
            values.append(writing(binder.registries, column, value))
    return tuple(values)


def _source(
    binder: Binder,
    relation: Relation,
    columns: list[ColumnDefinition],
    statement: ast.Insert,
    scope: Scope,
) -> tuple[nodes.PlanNode, dict[int, Expression]]:
    """Return the input and, by attribute number, the values that it gives."""
    query = statement.source
    if query is None:
        return nodes.OneRow(), {}
    is_list = isinstance(query, ast.Values) and not (
        query.with_clause or query.order_by or query.limit or query.offset or query.locking or query.extensions
    )
    has_parts = any(target.path for target in statement.columns)
    if isinstance(query, ast.Values) and query.every is not None and (has_parts or not is_list):
        query = evolve(query, rows=parse_rows(query.every), every=None)
    if has_parts:
        return _parts(binder, columns, statement, query, scope)
    if isinstance(query, ast.Values) and is_list:
        return _values(binder, relation, columns, statement, query, scope)
    return _query(binder, columns, statement, query, scope)


# -- INSERT ... VALUES -----------------------------------------------------------------------------------------------


def _values(
    binder: Binder,
    relation: Relation,
    columns: list[ColumnDefinition],
    statement: ast.Insert,
    values: ast.Values,
    scope: Scope,
) -> tuple[nodes.PlanNode, dict[int, Expression]]:
    width = len(values.rows[0])
    if width > len(columns):
        raise SqlSyntaxError(
            "INSERT has more expressions than target columns",
            position=ast.leftmost(values.rows[0][len(columns)]) or None,
        )
    if statement.columns and width < len(columns):
        raise SqlSyntaxError(
            "INSERT has more target columns than expressions",
            position=statement.columns[width].position or None,
        )
    columns = columns[:width]
    guarded = [number for number, column in enumerate(columns) if column.generated is not None or column.identity]
    use_default = {number for number in guarded if columns[number].identity and statement.overriding == "user"}
    every, rows = values.every, values.rows
    if guarded and every is not None:
        rows, every = parse_rows(every), None
    for row in rows if guarded else ():
        for number in guarded[: len(row)]:
            if not isinstance(row[number], ast.Default) and number not in use_default:
                check_may_write(columns[number], statement.overriding)
    plan = bind_rows(binder, relation, columns, rows, use_default, scope, every)
    return plan, _given(columns, plan.columns, plan.source)


def _given(
    columns: list[ColumnDefinition], outputs: tuple[nodes.OutputColumn, ...], source: int
) -> dict[int, Expression]:
    return {
        column.number: Column(
            type=output.type,
            typmod=output.typmod,
            nullable=output.nullable,
            collation=output.collation,
            source=source,
            index=index,
            name=column.name,
        )
        for index, (column, output) in enumerate(zip(columns, outputs))
        if column.generated is None
    }


def check_may_write(column: ColumnDefinition, overriding: str | None) -> None:
    """Raise for a column whose value the statement may not give."""
    if column.generated is not None:
        raise GeneratedAlways(
            f'cannot insert a non-DEFAULT value into column "{column.name}"',
            detail=f'Column "{column.name}" is a generated column.',
        )
    if is_always_identity(column) and overriding != "system":
        raise GeneratedAlways(
            f'cannot insert a non-DEFAULT value into column "{column.name}"',
            detail=f'Column "{column.name}" is an identity column defined as GENERATED ALWAYS.',
            hint="Use OVERRIDING SYSTEM VALUE to override.",
        )


# -- INSERT INTO t (a.x, b[1]) -----------------------------------------------------------------------------------------


def _parts(
    binder: Binder, columns: list[ColumnDefinition], statement: ast.Insert, query: ast.Query, scope: Scope
) -> tuple[nodes.PlanNode, dict[int, Expression]]:
    """Bind a source for fields and elements: what is not given of their columns is NULL."""
    from heliosdb.sql.binder.assignment_paths import assigned_path

    result = binder.query(query, Scope(scope), resolve_unknowns=False)
    if len(result.columns) != len(columns):
        few = len(result.columns) < len(columns)
        what = "target columns than expressions" if few else "expressions than target columns"
        raise SqlSyntaxError(f"INSERT has more {what}")
    given: dict[int, Expression] = {}
    for index, (target, column) in enumerate(zip(statement.columns, columns)):
        value: Expression = result.column(index)
        if value.type == "unknown" and result.expressions:
            value = result.expressions[index]
        if column.generated is not None or column.identity:
            check_may_write(column, statement.overriding)
        if target.path:
            current = given.get(column.number, Constant(type=column.type, value=None))
            position = target.position or None
            given[column.number] = assigned_path(binder, current, target.path, value, column.name, scope, position)
        else:
            given[column.number] = binder.assigned(value, column.type, column.typmod, column.name)
    return result.plan, given


# -- INSERT ... SELECT -----------------------------------------------------------------------------------------------


def _query(
    binder: Binder,
    columns: list[ColumnDefinition],
    statement: ast.Insert,
    query: ast.Query,
    scope: Scope,
) -> tuple[nodes.PlanNode, dict[int, Expression]]:
    if isinstance(query, ast.Select) and query.into is not None:
        raise FeatureNotSupported("SELECT INTO is not allowed here", position=query.position or None)
    inner = Scope(scope)
    result = binder.query(query, inner, resolve_unknowns=False)
    width = len(result.columns)
    if width > len(columns):
        expression = result.expressions[len(columns)] if result.expressions else None
        raise SqlSyntaxError(
            "INSERT has more expressions than target columns",
            position=location(expression) if expression is not None else None,
        )
    if statement.columns and width < len(columns):
        raise SqlSyntaxError(
            "INSERT has more target columns than expressions",
            position=statement.columns[width].position or None,
        )
    given: dict[int, Expression] = {}
    for index, column in enumerate(columns[:width]):
        if column.generated is not None or column.identity:
            if column.identity and statement.overriding == "user":
                continue
            check_may_write(column, statement.overriding)
        value: Expression = result.column(index)
        if value.type == "unknown" and result.expressions:
            # A literal, or a parameter: it does not depend on the query's rows.
            value = result.expressions[index]
        if result.expressions:
            value = evolve(value, position=result.expressions[index].position)
        given[column.number] = binder.assigned(value, column.type, column.typmod, column.name)
    return result.plan, given
