"""Temporary tables at the end: of the session, of DISCARD TEMP, and of a transaction with ON COMMIT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.commands.ddl import apply, edit_of
from heliosdb.commands.dependencies import Dropper, Object
from heliosdb.commands.truncate import delete_all

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession

__all__ = ["apply_on_commit", "drop_left_over", "drop_temporary_objects"]


def drop_temporary_objects(session: CommandSession) -> None:
    """Drop everything in the session's temporary schema, in its open transaction or in one of its own."""
    block = session.block
    if block.transaction is not None:
        _drop_all(session, session.temporary_schema())
        return
    _drop_alone(session, session.temporary_schema())


def drop_left_over(session: CommandSession) -> None:
    """Drop the temporary objects of sessions that are no more: their process ended without closing the database."""
    _drop_alone(session, None)


def _drop_alone(session: CommandSession, schema: str | None) -> None:
    block = session.block
    block.begin_alone()
    try:
        _drop_all(session, schema)
    except BaseException:
        block.rollback()
        raise
    block.commit()


def _drop_all(session: CommandSession, schema: str | None) -> None:
    """Drop the temporary objects of one temporary schema, or of all."""
    edit = edit_of(session)
    targets = [
        Object("relation", relation.oid)
        for relation in edit.relations()
        if (relation.persistence == "temporary" if schema is None else relation.schema == schema)
    ]
    if targets:
        Dropper(session, edit).drop(targets, cascade=True, quiet=True)
        apply(session, edit)


def apply_on_commit(session: CommandSession) -> None:
    """Do what ON COMMIT says, as the last thing of a transaction of a session with temporary tables."""
    schema = session.temporary_schema()
    session.transaction.advance_command()
    edit = edit_of(session)
    tables = [relation for relation in edit.relations() if relation.schema == schema and relation.on_commit]
    for relation in tables:
        if relation.on_commit == "delete rows":
            delete_all(session, relation)
    targets = [Object("relation", relation.oid) for relation in tables if relation.on_commit == "drop"]
    if targets:
        Dropper(session, edit).drop(targets, cascade=True, quiet=True)
        apply(session, edit)
