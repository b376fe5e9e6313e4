"""GRANT and REVOKE of roles: who is a member of which.

A membership is kept with the member. There are no circles.
(https://www.postgresql.org/docs/15/sql-grant.html, "GRANT on Roles")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from heliosdb.catalog.definitions import Membership, Role
from heliosdb.catalog.result import Result
from heliosdb.catalog.roles import PREDEFINED, is_admin_of, is_superuser, roles_reached
from heliosdb.commands.ddl import apply, done, edit_of
from heliosdb.commands.names import role_of
from heliosdb.errors import (
    FeatureNotSupported,
    InsufficientPrivilege,
    InvalidGrantOperation,
    UndefinedObject,
)
from heliosdb.sql import statements as tree

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from heliosdb.commands.context import CommandSession

__all__ = ["add_members", "drop_members", "execute_grant_role", "without_members"]


def execute_grant_role(session: CommandSession, statement: tree.GrantRole) -> Result:
    """Execute GRANT and REVOKE of roles."""
    if statement.granted_by is not None:
        grantor = role_of(session, statement.granted_by)
        if grantor.oid != session.role and not is_superuser(session.catalog, session.role):
            raise InsufficientPrivilege("must be superuser to set grantor")
    else:
        grantor = None
    members = [role_of(session, name) for name in statement.grantees]
    for named in statement.roles:
        if named.columns:
            raise InvalidGrantOperation(
                "column names cannot be included in GRANT/REVOKE ROLE", position=named.position or None
            )
        role = session.catalog.roles.get(named.name)
        if role is None:
            raise UndefinedObject(f'role "{named.name}" does not exist', position=named.position or None)
        if statement.grant:
            add_members(session, role, members, admin=statement.admin_option, grantor=grantor)
        else:
            drop_members(session, role, members, admin_only=statement.admin_option)
    return done("GRANT ROLE" if statement.grant else "REVOKE ROLE")


def add_members(
    session: CommandSession, role: Role, members: Sequence[Role], *, admin: bool, grantor: Role | None = None
) -> None:
    """Make roles members of a role; with ``admin`` they may make others."""
    if not members:
        return
    _check_may_change(session, role)
    for member in members:
        _refuse_fixed(member)
        catalog = session.catalog
        member = catalog.role_by_oid(member.oid) or member
        if member.oid == role.oid or member.oid in roles_reached(catalog, role.oid):
            raise InvalidGrantOperation(f'role "{role.name}" is a member of role "{member.name}"')
        old = next((found for found in member.memberships if found.role == role.oid), None)
        if old is not None and (old.admin or not admin):
            session.notice(f'role "{member.name}" is already a member of role "{role.name}"')
            continue
        made = Membership(role=role.oid, grantor=session.role if grantor is None else grantor.oid, admin=admin)
        others = tuple([found for found in member.memberships if found is not old])
        _put(session, evolve(member, memberships=(*others, made)))


def drop_members(session: CommandSession, role: Role, members: Sequence[Role], *, admin_only: bool = False) -> None:
    """Make roles no longer members of a role, or, ``admin_only``, members that make no others."""
    if not members:
        return
    _check_may_change(session, role)
    for member in members:
        member = session.catalog.role_by_oid(member.oid) or member
        old = next((found for found in member.memberships if found.role == role.oid), None)
        if old is None:
            session.notice(
                f'role "{member.name}" is not a member of role "{role.name}"', severity="WARNING", sqlstate="01000"
            )
            continue
        others = tuple([found for found in member.memberships if found is not old])
        if admin_only:
            others = (*others, evolve(old, admin=False))
        _put(session, evolve(member, memberships=others))


def without_members(role: Role, gone: Collection[int]) -> Role:
    """Return a role that is no longer a member of the roles with these OIDs; itself where it was of none."""
    left = tuple([found for found in role.memberships if found.role not in gone])
    return role if len(left) == len(role.memberships) else evolve(role, memberships=left)


def _check_may_change(session: CommandSession, role: Role) -> None:
    catalog = session.catalog
    if is_superuser(catalog, session.role):
        return
    if role.superuser:
        raise InsufficientPrivilege("must be superuser to alter superusers")
    current = catalog.role_by_oid(session.role)
    if not (current is not None and current.createrole) and not is_admin_of(catalog, session.role, role.oid):
        raise InsufficientPrivilege(f'must have admin option on role "{role.name}"')


def _refuse_fixed(member: Role) -> None:
    if member in PREDEFINED:
        raise FeatureNotSupported(
            f'role "{member.name}" cannot be made a member of others', detail="It is one of the system's own roles."
        )


def _put(session: CommandSession, role: Role) -> None:
    edit = edit_of(session)
    edit.put(role)
    apply(session, edit)
