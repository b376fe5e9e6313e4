"""DROP of kinds of objects that cannot be created yet: what the registries have is required, nothing else exists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.catalog.result import Result
from heliosdb.commands.binding import spelled_type, type_of
from heliosdb.commands.ddl import done
from heliosdb.commands.names import find_relation
from heliosdb.errors import (
    DependentObjectsStillExist,
    Error,
    InternalFailure,
    UndefinedFunction,
    UndefinedObject,
    UndefinedTable,
)
from heliosdb.sql import statements as tree

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession

__all__ = ["execute_drop_missing"]

ROUTINES = ("aggregate", "function", "procedure", "routine")


def execute_drop_missing(session: CommandSession, statement: tree.Drop) -> Result:
    """Execute DROP of such a kind: an error, or with IF EXISTS a notice, for each object."""
    for position, name in enumerate(statement.objects):
        written = statement.types[position] if position < len(statement.types) else None
        error = _missing(session, statement.kind, name, written)
        if not statement.if_exists or isinstance(error, DependentObjectsStillExist):
            raise error
        session.notice(f"{error.message}, skipping")
    return done(f"DROP {statement.kind.upper()}")


def _missing(session: CommandSession, kind: str, name: tree.ObjectName, written: tree.TypeName | None) -> Error:
    last = name.name.name
    if kind in ROUTINES:
        if last in session.registries.functions:
            return DependentObjectsStillExist(
                f"cannot drop {kind} {last} because it is required by the database system"
            )
        if name.arguments is None:
            what = "function" if kind == "routine" else kind
            return UndefinedFunction(f'could not find a {what} named "{name.name}"')
        arguments = ",".join(_type_text(session, argument) for argument in name.arguments)
        return UndefinedFunction(f"{kind} {name.name}({arguments}) does not exist")
    if kind == "trigger":
        if name.relation is not None and find_relation(session, name.relation) is None:
            return UndefinedTable(f'relation "{name.relation}" does not exist')
        return UndefinedObject(f'trigger "{last}" for table "{name.relation}" does not exist')
    raise InternalFailure(f"DROP {kind.upper()} has an executor of its own")


def _type_text(session: CommandSession, written: tree.TypeName | None) -> str:
    if written is None:
        return "*"
    try:
        return spelled_type(session, *type_of(session, written))
    except UndefinedObject:
        return ".".join(written.names)
