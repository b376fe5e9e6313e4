"""The row of a table that a cursor stands on, for ``UPDATE ... WHERE CURRENT OF``.

A cursor whose query reads tables row by row, with nothing that makes one row of several, is declared with the row ids
of its tables as further columns. They are cut off before anybody sees them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from attrs import evolve

from heliosdb.commands.names import find_relation
from heliosdb.errors import Error
from heliosdb.session.definition_locks import lock_plan
from heliosdb.sql import statements as tree

if TYPE_CHECKING:
    from heliosdb.session import Session
    from heliosdb.session.statements import Plan

__all__ = ["plan_with_rows"]


def plan_with_rows(session: Session, query: tree.Query) -> tuple[Plan, tuple[int, ...]]:
    """Return the plan of a cursor's query and the tables whose row ids are its last columns, locked."""
    augmented, tables = _with_row_ids(session, query)
    if tables:
        try:
            return _locked_plan(session, augmented), tables
        except Error:
            # There is no row id where rows are grouped, and the like.
            pass
    return _locked_plan(session, query), ()


def _locked_plan(session: Session, query: tree.Query) -> Plan:
    plan = session.plan_query(query)
    while not lock_plan(session, plan):
        plan = session.plan_query(query)
    return plan


def _with_row_ids(session: Session, query: tree.Query) -> tuple[tree.Query, tuple[int, ...]]:
    if not isinstance(query, tree.Select) or query.distinct or query.distinct_on or query.group_by or query.having:
        return query, ()
    common = {table.name for table in query.with_clause.tables} if query.with_clause is not None else set()
    tables: list[int] = []
    targets: list[tree.Target] = []
    for item in _tables(query.from_items):
        if len(item.name.parts) == 1 and item.name.name in common:
            continue
        relation = find_relation(session, item.name)
        if relation is None or relation.kind != "table":
            continue
        name = item.alias.name if item.alias is not None else item.name.name
        tables.append(relation.oid)
        targets.append(tree.Target(tree.ColumnRef((name, "ctid")), None))
    if not targets:
        return query, ()
    return evolve(query, targets=(*query.targets, *targets)), tuple(tables)


def _tables(items: tuple[tree.FromItem, ...]) -> Iterator[tree.RangeTable]:
    for item in items:
        if isinstance(item, tree.RangeTable):
            yield item
        elif isinstance(item, tree.Join) and item.alias is None:
            yield from _tables((item.left, item.right))
