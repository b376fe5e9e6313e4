"""``ALTER TABLE t ADD SYSTEM VERSIONING [WITH (retention = '90 days')]`` and ``DROP SYSTEM VERSIONING``.

A table's retention, in place of the database's. Its rows of the past are read by its definition of then, so the past of
the catalog is kept with the first such table, for good: it is small, and no one knows how far back somebody will look.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen

from heliosdb.errors import (
    InvalidParameterValue,
    ObjectNotInPrerequisiteState,
    SqlSyntaxError,
    UndefinedTable,
    WrongObjectType,
)
from heliosdb.spi import CATALOG_RELATION, Cursor, Result, Retention, Session

__all__ = ["Versioning", "execute", "parse"]


@frozen
class Versioning:
    """What was written."""

    table: tuple[str, ...]
    if_exists: bool
    add: bool
    retention: str | None = None


def parse(cursor: Cursor) -> Versioning | None:
    """Read what is behind ``ALTER TABLE``; None where it is no such statement."""
    if_exists = cursor.accept_keyword("if", "exists")
    if cursor.at_keyword("only") or cursor.at_keyword("all"):
        return None
    table = cursor.qualified_name().parts
    add = cursor.accept_keyword("add", "system", "versioning")
    if not add and not cursor.accept_keyword("drop", "system", "versioning"):
        return None
    return Versioning(table, if_exists, add, _retention(cursor) if add else None)


def _retention(cursor: Cursor) -> str | None:
    if not cursor.accept_keyword("with"):
        return None
    cursor.expect_mark("(")
    position = cursor.position
    name = cursor.identifier()
    if name != "retention":
        raise SqlSyntaxError(f'system versioning has no option "{name}"', position=position)
    cursor.expect_mark("=")
    text = cursor.string()
    cursor.expect_mark(")")
    return text


def execute(session: Session, payload: Versioning) -> Result:
    """Set or remove the table's retention, durably."""
    result = Result("ALTER TABLE")
    schema = payload.table[-2] if len(payload.table) > 1 else None
    name = payload.table[-1]
    relation = session.catalog.lookup_relation(schema, name, session.search_path)
    if relation is None:
        if not payload.if_exists:
            raise UndefinedTable(f'relation "{".".join(payload.table)}" does not exist')
        session.notice(f'relation "{name}" does not exist, skipping')
        return result
    if relation.kind != "table":
        raise WrongObjectType(f'"{name}" is not a table')
    history = session.database.history
    if not payload.add:
        if relation.oid not in history.retentions():
            raise ObjectNotInPrerequisiteState(f'table "{name}" has no system versioning of its own')
        history.retain(None, relation.oid)
        return result
    retention = Retention(None if payload.retention is None else _period(session, payload.retention))
    if CATALOG_RELATION not in history.retentions():
        history.retain(Retention(), CATALOG_RELATION)
    history.retain(retention, relation.oid)
    return result


def _period(session: Session, text: str) -> int:
    rows: list[tuple[Any, ...]] = session.run_internal(
        "SELECT (extract(epoch FROM $1::text::interval) * 1000000)::int8", (text,)
    )
    period = int(rows[0][0])
    if period <= 0:
        raise InvalidParameterValue(f'retention "{text}" is not a positive time')
    return period
