"""COPY: which table, columns and file; the rest is ``copy_from`` and ``copy_to``.

A file is read and written by the process itself, with its rights. STDIN and STDOUT are whatever the caller of
``Session.copy`` brings; a COPY with them that is executed like any other statement has nothing to read or write.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from heliosdb.catalog.result import Result
from heliosdb.commands.copy_options import CopyOptions, copy_options
from heliosdb.commands.privileges import READ_FILES, WRITE_FILES, require_membership, require_privilege, require_schema
from heliosdb.commands.trees import without_slots
from heliosdb.errors import (
    DuplicateColumn,
    FeatureNotSupported,
    InvalidColumnReference,
    IoError,
    ReadOnlySqlTransaction,
    UndefinedColumn,
    UndefinedFile,
    UndefinedTable,
    WrongObjectType,
)
from heliosdb.sql import statements as tree
from heliosdb.transaction.locks import RelationLock

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import ColumnDefinition, Relation
    from heliosdb.commands.copy_from import CopyIn
    from heliosdb.commands.copy_to import CopyOut
    from heliosdb.session import Session

__all__ = ["execute_copy", "start_copy"]

PIECE = 1 << 16


def execute_copy(session: Session, statement: tree.Copy) -> Result:
    """Execute COPY with a file; with STDIN or STDOUT hand the transfer to the door that asked for it."""
    door = session.copy_door
    if statement.file is None and not statement.program and door is None:
        raise FeatureNotSupported(
            f"COPY {'FROM STDIN' if statement.is_from else 'TO STDOUT'} needs a stream",
            hint="Use copy_from() or copy_to(), or cursor.copy() of the DB-API.",
        )
    if statement.file is not None:
        role, purpose = (READ_FILES, "COPY from a file") if statement.is_from else (WRITE_FILES, "COPY to a file")
        require_membership(session, role, purpose, hint="Anyone can COPY to stdout or from stdin.")
    transfer = start_copy(session, statement)
    if statement.file is None:
        assert door is not None
        door.transfer = transfer
        return Result("COPY")
    path = Path(statement.file)
    if statement.is_from:
        return _read_file(path, transfer)
    return _write_file(path, transfer)


def start_copy(session: Session, statement: tree.Copy) -> CopyIn | CopyOut:
    """Check a COPY and begin it in the open transaction."""
    if statement.program:
        raise FeatureNotSupported(
            "COPY to or from an external program is not supported", position=statement.position or None
        )
    if statement.table is None:
        return _copy_query(session, statement)
    relation = _relation(session, statement.table)
    options = copy_options(statement.options, is_from=statement.is_from)
    if statement.is_from:
        return _copy_from(session, statement, relation, options)
    return _copy_table(session, statement, relation, options)


# -- FROM --------------------------------------------------------------------------------------------------------------


def _copy_from(session: Session, statement: tree.Copy, relation: Relation, options: CopyOptions) -> CopyIn:
    from heliosdb.commands.copy_binary import BinaryIn
    from heliosdb.commands.copy_from import CopyIn

    transaction = session.transaction
    if transaction.read_only and relation.persistence != "temporary":
        raise ReadOnlySqlTransaction("cannot execute COPY FROM in a read-only transaction")
    transaction.writes_temporary = True
    require_privilege(session, relation, "insert")
    columns = _columns(relation, statement.columns)
    for words, names in (("FORCE_NOT_NULL", options.force_not_null), ("FORCE_NULL", options.force_null)):
        _check_referenced(relation, words, names, columns)
    if relation.kind != "table":
        if relation.kind == "view":
            raise WrongObjectType(
                f'cannot copy to view "{relation.name}"',
                hint="To enable copying to a view, provide an INSTEAD OF INSERT trigger.",
            )
        raise WrongObjectType(f'cannot copy to {relation.kind} "{relation.name}"')
    wanted = (relation.oid, RelationLock.ROW_EXCLUSIVE)
    if wanted not in session.block.locked:
        transaction.lock_relation(*wanted)
        session.block.locked.add(wanted)
        if transaction.isolation == "read committed":
            transaction.begin_statement()
            newest = session.catalog.relation_by_oid(relation.oid)
            if newest is None:
                raise UndefinedTable(f'relation "{relation.name}" does not exist')
            relation = newest
            columns = _columns(relation, statement.columns)
    kind = BinaryIn if options.is_binary else CopyIn
    return kind(session, relation, columns, options, statement.where)


def _read_file(path: Path, transfer: Any) -> Result:
    try:
        if path.is_dir():
            raise WrongObjectType(f'"{path}" is a directory')
        file = path.open("rb")
    except OSError as error:
        raise _io_error(path, "reading", error) from None
    with file:
        try:
            while piece := file.read(PIECE):
                transfer.write(piece)
            result: Result = transfer.finish()
        except OSError as error:
            raise IoError(f"could not read from COPY file: {error.strerror}") from None
        finally:
            transfer.close()
    return result


# -- TO ----------------------------------------------------------------------------------------------------------------


def _copy_table(session: Session, statement: tree.Copy, relation: Relation, options: CopyOptions) -> CopyOut:
    if relation.kind != "table":
        if relation.kind in ("view", "materialized view"):
            raise WrongObjectType(
                f'cannot copy from {relation.kind} "{relation.name}"',
                hint="Try the COPY (SELECT ...) TO variant.",
            )
        raise WrongObjectType(f'cannot copy from {relation.kind} "{relation.name}"')
    columns = _columns(relation, statement.columns)
    _check_referenced(relation, "FORCE_QUOTE", options.force_quote, columns)
    assert statement.table is not None
    query = tree.Select(
        targets=tuple(tree.Target(tree.ColumnRef((column.name,))) for column in columns),
        from_items=(tree.RangeTable(tree.QualifiedName((relation.schema, relation.name)), only=True),),
    )
    return _copy_plan(session, query, options)


def _copy_query(session: Session, statement: tree.Copy) -> CopyOut:
    query = statement.query
    assert query is not None
    if getattr(query, "into", None) is not None:
        raise FeatureNotSupported("COPY (SELECT INTO) is not supported")
    options = copy_options(statement.options, is_from=False)
    if isinstance(query, tree.Insert | tree.Update | tree.Delete) and not query.returning:
        raise FeatureNotSupported("COPY query must have a RETURNING clause")
    return _copy_plan(session, without_slots(query), options, check=True)


def _copy_plan(session: Session, query: tree.Statement, options: CopyOptions, *, check: bool = False) -> CopyOut:
    from heliosdb.commands.copy_binary import BinaryOut
    from heliosdb.commands.copy_to import CopyOut
    from heliosdb.session.definition_locks import lock_plan

    plan = session.make_plan(query)
    while not lock_plan(session, plan):
        plan = session.make_plan(query)
    if plan.columns is None:
        raise FeatureNotSupported("COPY query must have a RETURNING clause")
    session.require_writable(plan)
    names = {column.name for column in plan.columns}
    if check and options.force_quote not in ((), ("*",)):
        for name in options.force_quote:
            if name not in names:
                raise UndefinedColumn(f'column "{name}" does not exist')
    kind = BinaryOut if options.is_binary else CopyOut
    return kind(session, plan.columns, session.stream_plan(plan, (), ()), options)


def _write_file(path: Path, transfer: Any) -> Result:
    try:
        if path.is_dir():
            raise WrongObjectType(f'could not open file "{path}" for writing: Is a directory')
        file: Any = path.open("wb") if transfer.options.is_binary else path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise _io_error(path, "writing", error) from None
    try:
        with file:
            for piece in transfer:
                file.write(piece)
    except OSError as error:
        raise IoError(f"could not write to COPY file: {error.strerror}") from None
    finally:
        transfer.close()
    result: Result = transfer.result()
    return result


# -- names -------------------------------------------------------------------------------------------------------------


def _relation(session: Session, name: tree.QualifiedName) -> Relation:
    if name.schema is not None:
        require_schema(session, name.schema)
    found = session.catalog.lookup_relation(name.schema, name.name, session.search_path)
    if found is None:
        raise UndefinedTable(f'relation "{name}" does not exist')
    return found


def _columns(relation: Relation, names: Sequence[str]) -> list[ColumnDefinition]:
    live = [column for column in relation.columns if not column.dropped]
    if not names:
        return [column for column in live if column.generated is None]
    by_name = {column.name: column for column in live}
    columns = []
    for name in names:
        column = by_name.get(name)
        if column is None:
            raise UndefinedColumn(f'column "{name}" of relation "{relation.name}" does not exist')
        if column.generated is not None:
            raise InvalidColumnReference(
                f'column "{name}" is a generated column', detail="Generated columns cannot be used in COPY."
            )
        if column in columns:
            raise DuplicateColumn(f'column "{name}" specified more than once')
        columns.append(column)
    return columns


def _check_referenced(
    relation: Relation, words: str, names: tuple[str, ...], columns: Sequence[ColumnDefinition]
) -> None:
    if names == ("*",):
        return
    for column in _columns(relation, names) if names else ():
        if column not in columns:
            raise InvalidColumnReference(f'{words} column "{column.name}" not referenced by COPY')


def _io_error(path: Path, doing: Literal["reading", "writing"], error: OSError) -> Exception:
    from heliosdb.errors import InsufficientPrivilege

    message = f'could not open file "{path}" for {doing}: {error.strerror}'
    hint = (
        f"COPY {'FROM' if doing == 'reading' else 'TO'} instructs the server process to "
        f"{'read' if doing == 'reading' else 'write'} a file."
    )
    if isinstance(error, FileNotFoundError):
        return UndefinedFile(message, hint=hint)
    if isinstance(error, PermissionError):
        return InsufficientPrivilege(message, hint=hint)
    return IoError(message)
