"""Does a database hold what it promises? Every file as it was written, every index against its table, every
constraint against its rows.

Everything is compared as one snapshot sees it, so it may be done while others write. An index is asked the way queries
ask it: for each row, whether it is found under its key, and in order, whether all rows come and none twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import frozen

from heliosdb.commands.validation import check_not_null, check_references, check_rows, rows_of
from heliosdb.dump.snapshot import is_stored, snapshot
from heliosdb.encoding.keys import NULL, has_null
from heliosdb.errors import Error
from heliosdb.store.verify_files import verify_files

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import ColumnDefinition, Constraint, Index, Relation
    from heliosdb.session import Session
    from heliosdb.store.access_method import IndexSpec
    from heliosdb.transaction.index_view import IndexView

__all__ = ["Problem", "Verified", "verify"]

SHOWN = 10
"""Problems of one index that are told one by one."""


@frozen
class Problem:
    """What is wrong: with which object (``index public.t_pkey``), and what."""

    object: str
    message: str


@frozen
class Verified:
    """How much was looked at, and what was wrong."""

    tables: int
    rows: int
    indexes: int
    constraints: int
    problems: tuple[Problem, ...]


def verify(database: Any, on_progress: Callable[[str, int], None] = lambda title, amount: None) -> Verified:
    """Check all tables of a database (``Database``, ``EmbeddedDatabase``)."""
    rows = indexes = constraints = 0
    store = getattr(database, "database", database).store
    problems = [
        Problem(f"file {found.name}", found.message)
        for found in verify_files(store, lambda name, size: on_progress(f"file {name}", 0))
    ]
    with snapshot(database) as session:
        tables = [found for found in session.catalog.relations() if is_stored(found)]
        for table in tables:
            session.transaction.begin_statement()
            title = f"table {table.schema}.{table.name}"
            count = 0
            for block in session.transaction.view(table.oid).row_blocks():
                count += len(block)
                on_progress(title, len(block))
            rows += count
            for name, check in _constraints(session, table):
                constraints += 1
                try:
                    check()
                except Error as error:
                    message = error.message if error.detail is None else f"{error.message}: {error.detail}"
                    problems.append(Problem(f"{name} of {title}", message))
            for index in table.indexes:
                indexes += 1
                name = f"index {index.schema}.{index.name}"
                found = list(_index_problems(session, table, index))
                problems += [Problem(name, message) for message in found[:SHOWN]]
                if len(found) > SHOWN:
                    problems.append(Problem(name, f"and {len(found) - SHOWN} more of the kind"))
    return Verified(len(tables), rows, indexes, constraints, tuple(problems))


def _constraints(session: Session, table: Relation) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield every constraint that is held to be true, with what raises where it is not."""
    not_null = [column for column in table.columns if column.not_null and not column.dropped]
    if not_null:
        yield "not null", partial(_not_null, session, table, not_null)
    for column in table.columns:
        check = None if column.dropped else session.types.check(column.type)
        if check is not None:
            yield f"domain of {column.name}", partial(_domain, session, table, column.number - 1, check)
    for constraint in table.constraints:
        if not constraint.validated:
            continue
        if constraint.kind == "check":
            yield (
                f"check {constraint.name}",
                partial(_check, session, table, constraint),
            )
        elif constraint.foreign is not None:
            referenced = session.catalog.relation_by_oid(constraint.foreign.relation)
            assert referenced is not None
            yield (
                f"reference {constraint.name}",
                partial(_reference, session, table, constraint, referenced),
            )


def _not_null(session: Session, table: Relation, columns: Sequence[ColumnDefinition]) -> None:
    check_not_null(table, columns, rows_of(session, table))


def _check(session: Session, table: Relation, constraint: Constraint) -> None:
    check_rows(session, table, [constraint], rows_of(session, table))


def _reference(session: Session, table: Relation, constraint: Constraint, referenced: Relation) -> None:
    check_references(session, table, constraint, referenced, rows_of(session, table))


def _domain(session: Session, table: Relation, slot: int, check: Callable[[Any, Any], Any]) -> None:
    for row in rows_of(session, table):
        check(row[slot] if slot < len(row) else None, session)


def _index_problems(session: Session, table: Relation, index: Index) -> Iterator[str]:
    """Yield what differs between an index and its table."""
    view = session.transaction.view(table.oid)
    try:
        seen: IndexView = view.index(index.oid)
    except Error as error:
        yield error.message
        return
    if seen.index.tree is None:
        items = ((row_id, seen.index.elements(row)) for row_id, row in view.relation.items(view.scn))
        yield from seen.index.method.check(items)
        return
    expected: dict[int, Any] = {}
    for row_id, row in view.relation.items(view.scn):
        for element in seen.index.elements(row):
            key = element if seen.index.spec.order_key is None else element[1]
            expected[row_id] = key
            holders = [other for other, _ in seen.items(key)]
            if row_id not in holders:
                yield f"row {row_id} is not found under its key {_shown(seen, row)}"
            elif index.unique and len(holders) > 1 and row_id == min(holders) and not _may_repeat(seen.index.spec, key):
                yield f"{len(holders)} rows have the key {_shown(seen, row)}"
    for block in seen.range_item_blocks():
        for row_id, row in block:
            if expected.pop(row_id, None) is None:
                yield f"row {row_id} comes twice, or should not come, in the order of the keys: {_shown(seen, row)}"
    for row_id in expected:
        yield f"row {row_id} does not come in the order of the keys"


def _may_repeat(spec: IndexSpec, key: Any) -> bool:
    """Return whether several rows may have a unique key: it is NULL in a part of it."""
    return not spec.nulls_not_distinct and (key is NULL if spec.width == 1 else has_null(key, spec.width))


def _shown(seen: IndexView, row: Any) -> str:
    describe = seen.index.spec.describe_key
    return repr(seen.index.spec.key(row)) if describe is None else describe(row)
