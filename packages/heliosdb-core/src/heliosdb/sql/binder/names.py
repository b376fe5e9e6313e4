"""Column names: which range item a (qualified) name means, and what is said when it means none.

The search goes outward from the innermost scope and stops at the first scope in which the name is found, so an inner
column hides an outer one. The messages and hints are PostgreSQL 15's (parse_relation.c), down to the "Perhaps you
meant" of near misses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.errors import (
    AmbiguousAlias,
    AmbiguousColumn,
    FeatureNotSupported,
    InvalidColumnReference,
    SqlSyntaxError,
    UndefinedColumn,
    UndefinedTable,
)
from heliosdb.plan.expressions import Column, Expression
from heliosdb.plan.rewrite import columns_in
from heliosdb.sql.binder.scope import AMBIGUOUS, RangeItem, Scope

if TYPE_CHECKING:
    from heliosdb.sql.statements import ColumnRef

__all__ = ["bind_column_reference", "bind_whole_row", "find_relation_item", "note_outer", "undefined_relation_item"]

MAX_FUZZY_DISTANCE = 3


def note_outer(start: Scope, owner: Scope, expression: Expression) -> None:
    """Record that every scope from ``start`` up to but without ``owner`` uses the columns of an expression."""
    if start is owner:
        return
    columns = [expression] if isinstance(expression, Column) else list(columns_in(expression))
    scope: Scope | None = start
    while scope is not None and scope is not owner:
        for column in columns:
            scope.outer.setdefault((column.source, column.index), column)
        scope = scope.parent


def bind_column_reference(reference: ColumnRef, scope: Scope, database: str) -> Expression:
    """Return the expression that a name in a value expression means."""
    parts = reference.parts
    position = reference.position or None
    if len(parts) == 1:
        return _unqualified(parts[0], scope, position)
    return _qualified(parts, scope, position, database)


def bind_whole_row(reference: ColumnRef, scope: Scope) -> Expression:
    """Return the row that ``t.*`` means where one value is wanted."""
    parts = reference.parts
    position = reference.position or None
    schema = parts[-2] if len(parts) > 1 else None
    item, owner = find_relation_item(scope, schema, parts[-1], position)
    expression = item.whole_row(position)
    note_outer(scope, owner, expression)
    return expression


def _unqualified(name: str, scope: Scope, position: int | None) -> Expression:
    level: Scope | None = scope
    while level is not None:
        found: RangeItem | None = None
        number = 0
        for item in level.items:
            if not item.columns_visible or (item.lateral_only and not level.lateral_active):
                continue
            at = item.positions.get(name)
            if at is None:
                continue
            if at == AMBIGUOUS or found is not None:
                raise AmbiguousColumn(f'column reference "{name}" is ambiguous', position=position)
            found, number = item, at
        if found is not None:
            _check_lateral(found, position)
            expression = found.column(number, position)
            note_outer(scope, level, expression)
            return expression
        system = _system_column(level, name, position)
        if system is not None:
            note_outer(scope, level, system)
            return system
        level = level.parent
    located = _relation_item(scope, None, name, position)
    if located is not None:
        item, owner = located
        expression = item.whole_row(position)
        note_outer(scope, owner, expression)
        return expression
    raise UndefinedColumn(f'column "{name}" does not exist', hint=_column_hint(scope, None, name), position=position)


def _system_column(level: Scope, name: str, position: int | None) -> Expression | None:
    found: Expression | None = None
    for item in level.items:
        if not item.columns_visible or (item.lateral_only and not level.lateral_active):
            continue
        for base in item.base_items():
            expression = base.system_column(name, position)
            if expression is not None:
                if found is not None:
                    raise AmbiguousColumn(f'column reference "{name}" is ambiguous', position=position)
                found = expression
    return found


def _qualified(parts: tuple[str, ...], scope: Scope, position: int | None, database: str) -> Expression:
    *qualification, table, name = parts
    if len(qualification) > 2:
        raise SqlSyntaxError(f"improper qualified name (too many dotted names): {'.'.join(parts)}", position=position)
    if len(qualification) > 1 and qualification[0] != database:
        raise FeatureNotSupported(
            f"cross-database references are not implemented: {'.'.join(parts)}", position=position
        )
    schema = qualification[-1] if qualification else None
    item, owner = find_relation_item(scope, schema, table, position)
    number = item.positions.get(name)
    if number == AMBIGUOUS:
        raise AmbiguousColumn(f'column reference "{name}" is ambiguous', position=position)
    if number is None:
        system = item.system_column(name, position)
        if system is None:
            raise UndefinedColumn(
                f"column {table}.{name} does not exist", hint=_column_hint(scope, table, name), position=position
            )
        expression = system
    else:
        expression = item.column(number, position)
    note_outer(scope, owner, expression)
    return expression


def find_relation_item(scope: Scope, schema: str | None, name: str, position: int | None) -> tuple[RangeItem, Scope]:
    """Return the item that a relation name means and the scope it is in; 42P01 when there is none."""
    located = _relation_item(scope, schema, name, position)
    if located is None:
        raise undefined_relation_item(scope, name, position)
    return located


def _relation_item(scope: Scope, schema: str | None, name: str, position: int | None) -> tuple[RangeItem, Scope] | None:
    for level in scope.ancestors():
        found: RangeItem | None = None
        for item in level.items:
            if not item.relation_visible or item.name != name or (item.lateral_only and not level.lateral_active):
                continue
            if schema is not None and item.schema != schema:
                continue
            if found is not None:
                raise AmbiguousAlias(f'table reference "{name}" is ambiguous', position=position)
            found = item
        if found is not None:
            _check_lateral(found, position)
            return found, level
    return None


def _check_lateral(item: RangeItem, position: int | None) -> None:
    if item.lateral_only and not item.lateral_ok:
        raise InvalidColumnReference(
            f'invalid reference to FROM-clause entry for table "{item.name}"',
            detail="The combining JOIN type must be INNER or LEFT for a LATERAL reference.",
            position=position,
        )


def undefined_relation_item(scope: Scope, name: str, position: int | None) -> UndefinedTable:
    """Return the error for a qualified name whose table is not in FROM, or not where it can be seen."""
    hint: str | None = None
    for level in scope.ancestors():
        for item in (*level.from_pending, *level.items):
            if item.relation is not None and item.relation.name == name and item.name != name:
                visible = item.relation_visible and item in level.items
                if visible and not item.lateral_only:
                    hint = f'Perhaps you meant to reference the table alias "{item.name}".'
                    break
            if item.name == name:
                hint = f'There is an entry for table "{name}", but it cannot be referenced from this part of the query.'
                break
        if hint is not None:
            break
    if hint is None:
        return UndefinedTable(f'missing FROM-clause entry for table "{name}"', position=position)
    return UndefinedTable(f'invalid reference to FROM-clause entry for table "{name}"', hint=hint, position=position)


def _column_hint(scope: Scope, table: str | None, name: str) -> str | None:
    """Return PostgreSQL's hint for a misspelt column, or None."""
    best = MAX_FUZZY_DISTANCE + 1
    matches: list[str] = []
    for level in scope.ancestors():
        for item in _all_items(level):
            penalty = 0 if table is None else _distance(table, item.name)
            if table is not None and penalty > MAX_FUZZY_DISTANCE:
                continue
            for column in item.columns:
                if column.name == name and table is None:
                    return (
                        f'There is a column named "{name}" in table "{item.name}", '
                        "but it cannot be referenced from this part of the query."
                    )
                distance = _distance(name, column.name)
                if distance > len(column.name) // 2:
                    continue
                distance += penalty
                if distance < best:
                    best, matches = distance, [f'"{item.name}.{column.name}"']
                elif distance == best and matches:
                    matches.append(f'"{item.name}.{column.name}"')
    if not matches or len(matches) > 2:
        return None
    return f"Perhaps you meant to reference the column {' or the column '.join(matches)}."


def _all_items(level: Scope) -> list[RangeItem]:
    items: list[RangeItem] = []
    for item in (*level.from_pending, *level.items):
        for base in item.base_items():
            if base not in items:
                items.append(base)
    return items


def _distance(left: str, right: str) -> int:
    """Return the Levenshtein distance, or more than the greatest that matters."""
    if abs(len(left) - len(right)) > MAX_FUZZY_DISTANCE:
        return MAX_FUZZY_DISTANCE + 1
    previous = list(range(len(right) + 1))
    for number, character in enumerate(left, 1):
        current = [number]
        for other, candidate in enumerate(right, 1):
            current.append(
                min(previous[other] + 1, current[other - 1] + 1, previous[other - 1] + (character != candidate))
            )
        previous = current
    return previous[-1]
