"""Does a database hold what it promises? Every file as it was written, every index against its table, every
constraint against its rows.

Everything is compared as one snapshot sees it, so it may be done while others write. An index is asked the way queries
ask it: for each row, whether it is found under its key, and in order, whether all rows come and none twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import frozen

from heliosdb.commands.validation import check_not_null, check_references, check_rows
from heliosdb.dump.snapshot import is_stored, snapshot
from heliosdb.encoding.keys import NULL, has_null
from heliosdb.errors import DataCorrupted, Error, FeatureNotSupported, InsufficientPrivilege
from heliosdb.plan.forms import stored_reader
from heliosdb.store.block import BLOCK_BITS, SLOT_MASK
from heliosdb.store.files import StoreFiles
from heliosdb.store.options import StorageOptions
from heliosdb.store.verify_files import FileProblem, verify_files
from heliosdb.store.versions import Row
from heliosdb.transaction.view import RelationView

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import ColumnDefinition, Constraint, Index, Relation
    from heliosdb.session import Session
    from heliosdb.store.access_method import IndexSpec
    from heliosdb.store.volume import Volume
    from heliosdb.transaction.index_view import IndexView

__all__ = ["Problem", "Verified", "damaged_files", "verify", "verify_closed"]

UNSEEN = (FeatureNotSupported, InsufficientPrivilege)
"""Errors that say that a value was not looked at, not that it is wrong."""

SHOWN = 10
"""Problems of one index that are told one by one."""


@frozen
class Problem:
    """What is wrong: with which object (``index public.t_pkey``), and what."""

    object: str
    message: str


@frozen
class Verified:
    """How much was looked at, what was wrong, and what could not be looked at: values that this session may not see, or
    that only a plugin reads which the database does not have. Nothing is known of these."""

    tables: int
    rows: int
    indexes: int
    constraints: int
    problems: tuple[Problem, ...]
    unseen: tuple[Problem, ...] = ()


def verify(database: Any, on_progress: Callable[[str, int], None] = lambda title, amount: None) -> Verified:
    """Check all tables of a database (``Database``, ``EmbeddedDatabase``). Damage ends nothing: the rest is checked."""
    store = getattr(database, "database", database).store
    files = StoreFiles(store.volume, store.options)
    damaged = list(verify_files(files, lambda name, size: on_progress(f"file {name}", 0)))
    with ExitStack() as stack:
        try:
            session = stack.enter_context(snapshot(database))
            tables = [found for found in session.catalog.relations() if is_stored(found)]
        except DataCorrupted as error:
            # Nobody knows what tables there are.
            return Verified(0, 0, 0, 0, (*_of_files(damaged, {}), Problem("catalog", error.message)))
        titles = {table.oid: f"table {table.schema}.{table.name}" for table in tables}
        problems = _of_files(damaged, titles)
        unseen: list[Problem] = []
        views = {}
        rows = indexes = constraints = 0
        for table in tables:
            session.transaction.begin_statement()
            title = titles[table.oid]
            view = views[table.oid] = _ReadableRows(session, table.oid)
            for block in view.read_all():
                rows += len(block)
                on_progress(title, len(block))
            problems += [Problem(title, message) for message in view.problems]
        for table in tables:
            session.transaction.begin_statement()
            title = titles[table.oid]
            for name, check in _constraints(session, table, views):
                constraints += 1
                try:
                    check()
                except UNSEEN as error:
                    unseen.append(Problem(f"{name} of {title}", error.message))
                except Error as error:
                    message = error.message if error.detail is None else f"{error.message}: {error.detail}"
                    problems.append(Problem(f"{name} of {title}", message))
            for index in table.indexes:
                indexes += 1
                name = f"index {index.schema}.{index.name}"
                found = list(dict.fromkeys(_index_problems(views[table.oid], index)))
                problems += [Problem(name, message) for message in found[:SHOWN]]
                if len(found) > SHOWN:
                    problems.append(Problem(name, f"and {len(found) - SHOWN} more of the kind"))
    return Verified(len(tables), rows, indexes, constraints, tuple(problems), tuple(unseen))


def damaged_files(
    volume: Volume, on_progress: Callable[[str, int], None] = lambda title, amount: None
) -> list[Problem]:
    """Return what is damaged of a database that does not open."""
    files = StoreFiles(volume, StorageOptions())
    return _of_files(list(verify_files(files, lambda name, size: on_progress(f"file {name}", 0))), {})


def verify_closed(
    path: str, why: str, on_progress: Callable[[str, int], None] = lambda title, amount: None
) -> Verified:
    """Return what is damaged of the database at a path that does not open, and why it does not."""
    from heliosdb.store.directory import DirectoryVolume

    problems: list[Problem] = []
    with suppress(Error), closing(DirectoryVolume(path, read_only=True)) as volume:
        problems = damaged_files(volume, on_progress)
    return Verified(0, 0, 0, 0, (*problems, Problem("database", why)))


def _of_files(damaged: Sequence[FileProblem], titles: Mapping[int, str]) -> list[Problem]:
    problems = []
    for found in damaged:
        about = "" if found.relation is None else f" ({titles.get(found.relation, f'relation {found.relation}')})"
        problems.append(Problem(f"file {found.name}", found.message + about))
    return problems


class _ReadableRows(RelationView):
    """A table as the snapshot sees it, less the blocks that cannot be read."""

    __slots__ = ("_session", "problems", "unreadable", "without_indexes")

    def __init__(self, session: Session, oid: int) -> None:
        transaction = session.transaction
        self.without_indexes: str | None = None
        """Why the table has no indexes: of its runs and of its rows some cannot be read."""
        try:
            relation = transaction.view(oid).relation
        except DataCorrupted as error:
            relation = transaction.timeline.stored[oid]
            self.without_indexes = error.message
        super().__init__(relation, transaction.scn, None, 0)
        self._session = session
        self.unreadable: set[int] = set()
        self.problems: list[str] = []

    def read_all(self) -> Iterator[list[Row]]:
        """Yield the rows of all blocks, and find out which cannot be read."""
        for number in range(self.relation.block_count()):
            self._session.check_interrupt()
            try:
                yield self.relation.visible(number, self.scn)
            except DataCorrupted as error:
                first = number << BLOCK_BITS
                self.unreadable.add(number)
                self.problems.append(f"row ids {first} to {first | SLOT_MASK} cannot be read: {error.message}")

    def readable(self) -> Iterator[Row]:
        """Yield every row of the other blocks."""
        for number in range(self.relation.block_count()):
            if number not in self.unreadable:
                self._session.check_interrupt()
                yield from self.relation.visible(number, self.scn)

    def items(self) -> Iterator[tuple[int, Row]]:
        """Yield (row id, row) of them."""
        for number in range(self.relation.block_count()):
            block = None if number in self.unreadable else self.relation.block(number)
            if block is not None:
                self._session.check_interrupt()
                for row_id, row in enumerate(block.positional(self.scn), number << BLOCK_BITS):
                    if row is not None:
                        yield row_id, row

    def peek(self, row_id: int) -> Row | None:
        """Return a row, None where it cannot be read: what an index says of it is not known to be wrong."""
        return None if row_id >> BLOCK_BITS in self.unreadable else super().peek(row_id)


def _constraints(
    session: Session, table: Relation, views: Mapping[int, _ReadableRows]
) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield every constraint that is held to be true, with what raises where it is not."""
    view = views[table.oid]
    not_null = [column for column in table.columns if column.not_null and not column.dropped]
    if not_null:
        yield "not null", lambda: check_not_null(table, not_null, view.readable())
    for column in table.columns:
        check = None if column.dropped else session.types.check(column.type)
        if check is not None:
            yield f"domain of {column.name}", partial(_domain, session, view, column, check)
    for constraint in table.constraints:
        if not constraint.validated:
            continue
        if constraint.kind == "check":
            yield f"check {constraint.name}", partial(_check, session, table, constraint, view)
        elif constraint.foreign is not None:
            referenced = session.catalog.relation_by_oid(constraint.foreign.relation)
            assert referenced is not None
            yield f"reference {constraint.name}", partial(_reference, session, table, constraint, referenced, views)


def _check(session: Session, table: Relation, constraint: Constraint, view: _ReadableRows) -> None:
    check_rows(session, table, [constraint], view.readable())


def _reference(
    session: Session,
    table: Relation,
    constraint: Constraint,
    referenced: Relation,
    views: Mapping[int, _ReadableRows],
) -> None:
    if views[referenced.oid].unreadable:
        raise DataCorrupted(f'rows of table "{referenced.name}" cannot be read: what refers to it cannot be compared')
    check_references(session, table, constraint, referenced, views[table.oid].readable())


def _domain(session: Session, view: _ReadableRows, column: ColumnDefinition, check: Callable[[Any, Any], Any]) -> None:
    slot, read = column.number - 1, stored_reader(session.registries, column)
    for row in view.readable():
        check(read(row[slot], session) if slot < len(row) else None, session)


def _index_problems(view: _ReadableRows, index: Index) -> Iterator[str]:
    """Yield what differs between an index and its table."""
    if view.without_indexes is not None:
        yield f"it cannot be read, nor made anew: {view.without_indexes}"
        return
    try:
        seen = view.index(index.oid)
    except Error as error:
        yield error.message
        return
    if seen.index.tree is None:
        items = ((row_id, seen.index.elements(row)) for row_id, row in view.items())
        yield from seen.index.method.check(items)
        return
    expected: dict[int, Any] = {}
    for row_id, row in view.items():
        for element in seen.index.elements(row):
            key = element if seen.index.spec.order_key is None else element[1]
            expected[row_id] = key
            try:
                holders = [other for other, _ in seen.items(key)]
            except DataCorrupted as error:
                yield error.message
                continue
            if row_id not in holders:
                yield f"row {row_id} is not found under its key {_shown(seen, row)}"
            elif index.unique and len(holders) > 1 and row_id == min(holders) and not _may_repeat(seen.index.spec, key):
                yield f"{len(holders)} rows have the key {_shown(seen, row)}"
    try:
        for block in seen.range_item_blocks():
            for row_id, row in block:
                if expected.pop(row_id, None) is None:
                    yield f"row {row_id} comes twice, or should not come, in the order of the keys: {_shown(seen, row)}"
    except DataCorrupted as error:
        yield f"its order can be compared up to a damaged place only: {error.message}"
        return
    for row_id in expected:
        yield f"row {row_id} does not come in the order of the keys"


def _may_repeat(spec: IndexSpec, key: Any) -> bool:
    """Return whether several rows may have a unique key: it is NULL in a part of it."""
    return not spec.nulls_not_distinct and (key is NULL if spec.width == 1 else has_null(key, spec.width))


def _shown(seen: IndexView, row: Any) -> str:
    describe = seen.index.spec.describe_key
    return repr(seen.index.spec.key(row)) if describe is None else describe(row)
