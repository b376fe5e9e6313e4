"""Compares a database with a model, and every index with its table."""

from __future__ import annotations

from typing import Any

from heliosdb.database import Database

from .workload import Model

__all__ = ["contents", "difference", "index_problems", "rows_of"]

Contents = dict[str, tuple[list[str], list[tuple[Any, ...]]]]
"""The columns and the rows of each table. Without its columns an empty table looks like what it was before an ALTER."""


def rows_of(session: Any, text: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    return list(session.execute(text)[-1].rows)


def tables_of(session: Any) -> list[tuple[int, str]]:
    """Return the OIDs and names of all tables."""
    return rows_of(
        session,
        "SELECT c.oid, relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace "
        "WHERE relkind = 'r' AND nspname = 'public' ORDER BY relname",
    )


def contents(session: Any) -> Contents:
    """Return all columns and rows of all tables, by table."""
    found = {}
    for _, name in tables_of(session):
        result = session.execute(f"SELECT * FROM {name}")[-1]
        found[name] = ([column.name for column in result.columns], sorted(result.rows))
    return found


def difference(found: Contents, model: Model) -> str | None:
    """Return how contents differ from a model, None if they do not."""
    if set(found) != set(model):
        return f"tables are {sorted(found)}, not {sorted(model)}"
    for name, (columns, rows) in found.items():
        named = [column.partition("=")[0] for column in model[name].columns]
        if columns != named:
            return f"{name} has columns {columns}, not {named}"
        expected = sorted(model[name].rows.values())
        if rows != expected:
            missing = [row for row in expected if row not in rows][:3]
            excess = [row for row in rows if row not in expected][:3]
            return f"{name} has {len(rows)} rows, not {len(expected)}; missing {missing}, in excess {excess}"
    return None


def index_problems(database: Database, session: Any) -> list[str]:
    """Return where an index and its table differ, either way."""
    problems: list[str] = []
    tables = tables_of(session)
    with database.store_transaction() as transaction:
        catalog = database.catalogs.of(transaction)
        for oid, name in tables:
            relation = catalog.relation_by_oid(oid)
            assert relation is not None
            view = transaction.view(relation.oid)
            items = [item for ids, rows in view.item_blocks() for item in zip(ids, rows)]
            for definition in relation.indexes:
                index = view.index(definition.oid)
                if index.index.tree is None:
                    keys = ((row_id, index.index.elements(row)) for row_id, row in items)
                    found_wrong = index.index.method.check(keys)
                    problems += [f"{name}: index {definition.name}: {problem}" for problem in found_wrong]
                    continue
                spec = index.index.spec
                expected = {row_id for row_id, row in items if spec.predicate is None or spec.predicate(row)}
                found: dict[Any, list[Any]] = {}
                for row_id, row in items:
                    if row_id not in expected:
                        continue
                    # Each key is asked for once: with hardly any cache every row is read from a file.
                    key = spec.key(row)
                    if key not in found:
                        found[key] = list(index.items(key))
                    if (row_id, row) not in found[key]:
                        problems.append(f"{name}: index {definition.name} does not find row {row_id}, {row!r}")
                listed = [row_id for batch in index.range_item_blocks() for row_id, _ in batch]
                if sorted(listed) != sorted(expected):
                    problems.append(
                        f"{name}: index {definition.name} lists {len(listed)} rows, not {len(expected)}: "
                        f"{sorted(set(listed) ^ expected)[:5]}"
                    )
    return problems
