"""BEGIN, COMMIT, ROLLBACK, savepoints, SET TRANSACTION and SET CONSTRAINTS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb import errors
from heliosdb.catalog.result import Result
from heliosdb.sql import statements as tree

if TYPE_CHECKING:
    from heliosdb.session import Session


def _modes(modes: tree.TransactionModes) -> tuple[str | None, bool | None]:
    if modes.deferrable:
        raise errors.FeatureNotSupported("DEFERRABLE transactions are not supported", position=modes.position or None)
    return modes.isolation, modes.read_only


def execute_begin(session: Session, statement: tree.Begin) -> Result:
    """BEGIN and START TRANSACTION."""
    session.block.require_healthy()
    session.block.begin(*_modes(statement.modes))
    return Result("START TRANSACTION" if session.current_query[:5].lower() == "start" else "BEGIN")


def execute_commit(session: Session, statement: tree.Commit) -> Result:
    """COMMIT and END: a failed transaction is rolled back, and says so by its tag."""
    return _finish(session, commit=True, chain=statement.chain)


def execute_rollback(session: Session, statement: tree.Rollback) -> Result:
    """ROLLBACK and ABORT."""
    return _finish(session, commit=False, chain=statement.chain)


def _finish(session: Session, *, commit: bool, chain: bool) -> Result:
    block = session.block
    if not block.is_open:
        if chain:
            word = "COMMIT" if commit else "ROLLBACK"
            raise errors.NoActiveSqlTransaction(f"{word} AND CHAIN can only be used in transaction blocks")
        session.notice("there is no transaction in progress", severity="WARNING", sqlstate="25P01")
        return Result("COMMIT" if commit else "ROLLBACK")
    if block.is_implicit:
        session.notice("there is no transaction in progress", severity="WARNING", sqlstate="25P01")
    isolation, read_only = block.isolation, block.read_only
    if commit:
        committed = block.commit()
    else:
        block.rollback()
        committed = False
    if chain:
        block.begin(isolation, read_only)
    return Result("COMMIT" if committed else "ROLLBACK")


def execute_savepoint(session: Session, statement: tree.Savepoint) -> Result:
    """SAVEPOINT."""
    session.block.savepoint(statement.name)
    return Result("SAVEPOINT")


def execute_release(session: Session, statement: tree.Release) -> Result:
    """RELEASE SAVEPOINT."""
    session.block.release(statement.name)
    return Result("RELEASE")


def execute_rollback_to(session: Session, statement: tree.RollbackTo) -> Result:
    """ROLLBACK TO SAVEPOINT."""
    session.block.rollback_to(statement.name)
    return Result("ROLLBACK")


def execute_set_transaction(session: Session, statement: tree.SetTransaction) -> Result:
    """SET TRANSACTION, and SET SESSION CHARACTERISTICS AS TRANSACTION."""
    isolation, read_only = _modes(statement.modes)
    if statement.snapshot is not None:
        raise errors.FeatureNotSupported("SET TRANSACTION SNAPSHOT is not supported")
    if statement.session:
        inside = session.block.is_open
        if isolation is not None:
            session.settings.put("default_transaction_isolation", isolation, in_transaction=inside)
        if read_only is not None:
            session.settings.put("default_transaction_read_only", read_only, in_transaction=inside)
        return Result("SET")
    if not session.block.is_explicit:
        session.notice("SET TRANSACTION can only be used in transaction blocks", severity="WARNING", sqlstate="25P01")
        return Result("SET")
    if isolation is not None:
        session.block.set_isolation(isolation)
    if read_only is not None:
        session.block.set_read_only(read_only)
    return Result("SET")


def execute_set_constraints(session: Session, statement: tree.SetConstraints) -> Result:
    """SET CONSTRAINTS."""
    if not session.block.is_explicit:
        session.notice("SET CONSTRAINTS can only be used in transaction blocks", severity="WARNING", sqlstate="25P01")
    if not statement.names:
        if session.block.is_explicit:
            session.block.set_deferred(None, statement.deferred)
        return Result("SET CONSTRAINTS")
    oids = []
    for name in statement.names:
        found = [
            constraint
            for relation in session.catalog.relations()
            for constraint in relation.constraints
            if constraint.name == name.parts[-1]
            and (relation.schema == name.parts[-2] if len(name.parts) > 1 else relation.schema in session.search_path)
        ]
        if not found:
            raise errors.UndefinedObject(f'constraint "{name.parts[-1]}" does not exist')
        for constraint in found:
            if not constraint.deferrable:
                raise errors.WrongObjectType(f'constraint "{constraint.name}" is not deferrable')
            oids.append(constraint.oid)
    if session.block.is_explicit:
        session.block.set_deferred(oids, statement.deferred)
    return Result("SET CONSTRAINTS")


def execute_prepare_transaction(session: Session, statement: tree.Statement) -> Result:
    """PREPARE TRANSACTION and its kin: two-phase commit does not exist yet."""
    raise errors.FeatureNotSupported("two-phase commit is not supported", position=statement.position or None)
