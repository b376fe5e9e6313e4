"""What generated data modifications call: refusing a row, and INSERT ... ON CONFLICT for one row."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from heliosdb import errors
from heliosdb.codegen.spool import blocks_of
from heliosdb.plan.forms import spelled
from heliosdb.store.store import has_null
from heliosdb.transaction.locks import RowLock

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Index, Relation
    from heliosdb.catalog.registries import Registries
    from heliosdb.plan.nodes import RowCheck
    from heliosdb.session.execution import Execution

Row = tuple[Any, ...]

MAX_FIELD = 64
PIECE = 4096
"""Rows that are changed by one call, where they come from a file or are wanted back."""


def pieces(x: Execution, rows: Sequence[Any], oid: int, row_at: int, id_at: int) -> Iterator[list[Any]]:
    """Yield the rows to change in lists that the caller may change; ``row_at`` and ``id_at`` say where in each the row
    and its id are.

    Once anything of the statement was put aside, a row may be missing, or a copy: then the one that the statement sees
    is fetched. Where there is no row there is no id (MERGE).
    """
    if x.files is None and isinstance(rows, list) and len(rows) <= PIECE:
        yield rows
        return
    view = x.transaction.view(oid)
    for piece in chunked(rows, PIECE):
        if x.cancelled:
            x.raise_cancelled()
        if x.files is None:
            yield piece
            continue
        found = view.peek_all([packed[id_at] for packed in piece])
        yield [(*packed[:row_at], row, *packed[row_at + 1 :]) for packed, row in zip(piece, found)]


def chunked(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Cut rows into lists."""
    if isinstance(rows, list):
        for start in range(0, len(rows), size):
            yield rows[start : start + size]
        return
    iterator = iter(rows)
    while piece := list(islice(iterator, size)):
        yield piece


def check_blocks(check: Callable[[Execution, Sequence[Any]], None], x: Execution, rows: Sequence[Any]) -> None:
    """Call a check for all rows, or for one list of them after the other where they are in a file."""
    for block in blocks_of(rows):
        check(x, block)


def failing_row(relation: Relation, row: Row, registries: Registries, session: Any) -> str | None:
    """Return PostgreSQL's detail ``Failing row contains (...).``, long values cut; None for who may not read it."""
    if not session.may_read(relation.schema, relation.name):
        return None
    texts = []
    for column in relation.columns:
        if column.dropped:
            continue
        text = spelled(registries, column, row[column.number - 1], session)
        texts.append(text if len(text) <= MAX_FIELD else text[:MAX_FIELD] + "...")
    return f"Failing row contains ({', '.join(texts)})."


def changed_twice() -> None:
    """Raise for a row that MERGE is to change a second time."""
    raise errors.CardinalityViolation(
        "MERGE command cannot affect row a second time",
        hint="Ensure that not more than one source row matches any one target row.",
    )


class NotNull:
    """Raises for the first NOT NULL column of the row that is NULL."""

    def __init__(self, relation: Relation, registries: Registries) -> None:
        self.relation = relation
        self.registries = registries

    def __call__(self, row: Row, session: Any) -> None:
        for column in self.relation.columns:
            if column.not_null and not column.dropped and row[column.number - 1] is None:
                raise errors.NotNullViolation(
                    f'null value in column "{column.name}" of relation "{self.relation.name}" '
                    "violates not-null constraint",
                    detail=failing_row(self.relation, row, self.registries, session),
                    schema=self.relation.schema,
                    table=self.relation.name,
                    column=column.name,
                )


class Check:
    """Raises for a row that makes a check false: a constraint's, or a view's WITH CHECK OPTION."""

    def __init__(self, relation: Relation, check: RowCheck, registries: Registries) -> None:
        self.relation = relation
        self.check = check
        self.registries = registries

    def __call__(self, row: Row, session: Any) -> None:
        detail = failing_row(self.relation, row, self.registries, session)
        if self.check.kind == "view":
            raise errors.WithCheckOptionViolation(
                f'new row violates check option for view "{self.check.constraint}"', detail=detail
            )
        raise errors.CheckViolation(
            f'new row for relation "{self.relation.name}" violates check constraint "{self.check.constraint}"',
            detail=detail,
            schema=self.relation.schema,
            table=self.relation.name,
            constraint=self.check.constraint,
        )


class Upsert:
    """Insert a row, or turn to the row that it conflicts with on one of the arbiter indexes.

    ``change(existing, proposed)`` gives the row that replaces the existing one, or None to leave it; without
    ``change`` a conflict does nothing. ``touched`` holds the ids of rows that this statement has inserted or changed:
    none may be changed twice. ``changes`` takes (old row, new row) of every change. ``assigned`` are the slots that
    may be changed: where a unique key is among them the row is locked as for that, changed or not.
    """

    def __init__(self, relation: Relation, arbiters: tuple[Index, ...], assigned: Collection[int]) -> None:
        self.relation = relation
        keys = {key.column - 1 for i in relation.indexes if i.unique for key in i.keys if key.column is not None}
        self._lock = RowLock.NO_KEY_UPDATE if keys.isdisjoint(assigned) else RowLock.UPDATE
        self.arbiters = tuple(index.oid for index in arbiters) or tuple(
            index.oid for index in relation.indexes if index.unique
        )
        deferrable = {c.index for c in relation.constraints if c.deferrable and c.foreign is None}
        self.is_refused = not deferrable.isdisjoint(self.arbiters)

    def __call__(
        self,
        x: Execution,
        row: Row,
        change: Callable[[Row, Row], Row | None] | None,
        touched: set[int],
        changes: list[tuple[Row, Row | None]] | None = None,
    ) -> Row | None:
        transaction, oid = x.transaction, self.relation.oid
        while True:
            conflict = self._conflict(transaction, row)
            if conflict is None:
                try:
                    touched.add(transaction.insert(oid, row))
                except errors.UniqueViolation:
                    # Somebody was faster between the look and the insert: look again, unless it was no arbiter.
                    if self._conflict(transaction, row) is None:
                        raise
                    continue
                return row
            if change is None:
                transaction.require_seen(oid, conflict)
                return None
            if conflict in touched:
                raise errors.CardinalityViolation(
                    "ON CONFLICT DO UPDATE command cannot affect row a second time",
                    hint="Ensure that no rows proposed for insertion within the same command have duplicate "
                    "constrained values.",
                )
            locked = transaction.lock_row(oid, conflict, self._lock)
            if locked.row is None:
                continue
            existing = locked.row
            new = change(existing, row)
            if new is None:
                return None
            transaction.update(oid, conflict, existing, new)
            touched.add(conflict)
            if changes is not None:
                changes.append((existing, new))
            return new

    def refuse(self) -> None:
        """Raise for the first row where an arbiter is deferrable."""
        raise errors.ObjectNotInPrerequisiteState(
            "ON CONFLICT does not support deferrable unique constraints/exclusion constraints as arbiters",
            schema=self.relation.schema,
            table=self.relation.name,
        )

    def _conflict(self, transaction: Any, row: Row) -> int | None:
        """Return the id of a row with the same key in an arbiter, waiting for whoever is about to make one."""
        oid = self.relation.oid
        for number in self.arbiters:
            spec = transaction.relation(oid).indexes[number].spec
            if spec.predicate is not None and not spec.predicate(row):
                continue
            key = spec.key(row)
            if has_null(key, spec.width) and not spec.nulls_not_distinct:
                continue
            found = transaction.find_newest(number, key, relation_oid=oid, claim=True)
            if found is not None:
                return int(found[0])
        return None
