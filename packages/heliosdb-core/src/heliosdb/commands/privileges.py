"""What commands ask before they do something: that the current role owns an object, may make one in a schema, is a
superuser, or is a member of a role.

Having the process read and write files with its own rights is, as in PostgreSQL, for superusers and for members of a
role that is named after it. What queries and data modifications need is looked at where they are planned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from heliosdb.catalog import access
from heliosdb.catalog.roles import has_privileges_of, is_member, is_superuser
from heliosdb.errors import InsufficientPrivilege

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import DataType, Index, Relation, Role, Schema
    from heliosdb.commands.context import CommandSession

__all__ = [
    "CHECKPOINT",
    "READ_ALL_DATA",
    "READ_FILES",
    "WRITE_FILES",
    "anyone",
    "may_drop",
    "require_create",
    "require_drop",
    "require_index_owner",
    "require_membership",
    "require_new_owner",
    "require_owner",
    "require_privilege",
    "require_schema",
    "require_superuser",
]

CHECKPOINT: Final = "pg_checkpoint"
READ_FILES: Final = "pg_read_server_files"
WRITE_FILES: Final = "pg_write_server_files"
READ_ALL_DATA: Final = "pg_read_all_data"


def require_membership(session: CommandSession, role: str, purpose: str, *, hint: str | None = None) -> None:
    """Raise InsufficientPrivilege (42501) unless the current role is a superuser or a member of ``role``.

    ``purpose`` is how the message goes on: "COPY from a file".
    """
    catalog = session.catalog
    if not has_privileges_of(catalog, session.role, catalog.roles[role].oid):
        raise InsufficientPrivilege(f"must be superuser or have privileges of the {role} role to {purpose}", hint=hint)


def require_superuser(session: CommandSession, message: str, *, hint: str | None = None) -> None:
    """Raise InsufficientPrivilege with a message unless the current role is a superuser."""
    if not is_superuser(session.catalog, session.role):
        raise InsufficientPrivilege(message, hint=hint)


def require_privilege(session: CommandSession, target: Relation | Schema, *privileges: str) -> None:
    """Raise InsufficientPrivilege unless the current role has any of these privileges ("SELECT") on an object."""
    access.require(session.catalog, session.role, target, "".join(access.LETTERS[name.lower()] for name in privileges))


def require_owner(session: CommandSession, target: Relation | Schema | DataType) -> None:
    """Raise InsufficientPrivilege unless an object is the current role's."""
    access.require_owner(session.catalog, session.role, target)


def require_index_owner(session: CommandSession, relation: Relation, index: Index) -> None:
    """Raise InsufficientPrivilege unless an index is the current role's: its table is."""
    if not access.is_owner(session.catalog, session.role, relation):
        raise InsufficientPrivilege(f"must be owner of index {index.name}")


def may_drop(session: CommandSession, target: Relation | DataType) -> bool:
    """Return whether an object is the current role's, or the schema that it is in."""
    schema = session.catalog.schema(target.schema)
    owners = (target,) if schema is None else (target, schema)
    return any(access.is_owner(session.catalog, session.role, owner) for owner in owners)


def require_drop(session: CommandSession, target: Relation | DataType) -> None:
    """Raise InsufficientPrivilege unless an object is the current role's, or the schema that it is in."""
    if not may_drop(session, target):
        require_owner(session, target)


def require_schema(session: CommandSession, name: str) -> None:
    """Raise InsufficientPrivilege unless the current role may look into a schema."""
    if not access.may_use_schema(session.catalog, session.role, name):
        raise InsufficientPrivilege(f"permission denied for schema {name}")


def require_create(session: CommandSession, name: str) -> None:
    """Raise InsufficientPrivilege unless the current role may make objects in a schema."""
    found = session.catalog.schema(name)
    if found is not None:
        access.require(session.catalog, session.role, found, "C")


def require_new_owner(session: CommandSession, owner: Role, schema: str | None) -> None:
    """Raise InsufficientPrivilege unless the current role may give an object of a schema to a role."""
    catalog = session.catalog
    if is_superuser(catalog, session.role):
        return
    if not is_member(catalog, session.role, owner.oid):
        raise InsufficientPrivilege(f'must be member of role "{owner.name}"')
    found = None if schema is None else catalog.schema(schema)
    if found is not None:
        access.require(catalog, owner.oid, found, "C")


def anyone(session: CommandSession, payload: object) -> None:
    """Let everybody run a statement (``Statement.check``)."""
