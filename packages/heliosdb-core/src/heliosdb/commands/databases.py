"""CREATE, ALTER and DROP DATABASE: one embedded database holds no others; scripts that make one are told so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.catalog.result import Result
from heliosdb.commands.ddl import done
from heliosdb.commands.privileges import CHECKPOINT, require_membership
from heliosdb.errors import FeatureNotSupported, InsufficientPrivilege, InvalidCatalogName, ObjectInUse
from heliosdb.sql import statements as tree

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession

__all__ = ["execute_alter_database_set", "execute_checkpoint", "execute_create_database", "execute_drop_database"]


def execute_create_database(session: CommandSession, statement: tree.CreateDatabase) -> Result:
    """Execute CREATE DATABASE: a notice."""
    role = session.catalog.role_by_oid(session.role)
    if role is None or not (role.superuser or role.createdb):
        raise InsufficientPrivilege("permission denied to create database")
    session.notice(
        f'database "{statement.name}" is not created: this is one embedded database',
        hint="The following statements work in the database that is open.",
    )
    return done("CREATE DATABASE")


def execute_drop_database(session: CommandSession, statement: tree.Drop) -> Result:
    """Execute DROP DATABASE: there is no other database."""
    for name in statement.objects:
        if name.name.name == getattr(session.database, "name", None):
            raise ObjectInUse("cannot drop the currently open database")
        if not statement.if_exists:
            raise InvalidCatalogName(f'database "{name.name}" does not exist')
        session.notice(f'database "{name.name}" does not exist, skipping')
    return done("DROP DATABASE")


def execute_checkpoint(session: CommandSession, statement: tree.Checkpoint) -> Result:
    """Execute CHECKPOINT: what is in memory alone is written now. A database in memory has nothing to write."""
    require_membership(session, CHECKPOINT, "do CHECKPOINT")
    maintenance = session.database.store.maintenance
    if maintenance is not None:
        maintenance.checkpoint()
    return done("CHECKPOINT")


def execute_alter_database_set(session: CommandSession, statement: tree.AlterDatabaseSet) -> Result:
    """Refuse ALTER DATABASE ... SET: there is no place yet where it would last."""
    raise FeatureNotSupported("ALTER DATABASE ... SET is not supported", position=statement.position or None)
