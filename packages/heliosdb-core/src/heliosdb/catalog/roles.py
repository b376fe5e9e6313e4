"""Roles: those that are always there, and who is a member of what.

A role is *a member* of another directly or by way of others. It *has the privileges* of those alone that it reaches
by way of roles that inherit; of the others it must become one first (SET ROLE). A superuser is a member of everything,
and has all privileges.
(https://www.postgresql.org/docs/15/role-membership.html)
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from heliosdb.catalog.definitions import OWNER, Membership, Role
from heliosdb.value import Shown, field, frozen

__all__ = [
    "PREDEFINED",
    "READ_ALL_DATA",
    "READ_ALL_STATS",
    "WRITE_ALL_DATA",
    "Login",
    "has_privileges_of",
    "is_admin_of",
    "is_member",
    "is_superuser",
    "login_of",
    "members_of",
    "roles_reached",
    "roles_whose_privileges",
]


def _predefined(oid: int, name: str, *members_of: int) -> Role:
    return Role(
        oid=oid, name=name, superuser=False, createrole=False, createdb=False, login=False, replication=False,
        bypassrls=False, memberships=tuple([Membership(role=role, grantor=OWNER) for role in members_of]),
    )  # fmt: skip


PREDEFINED: Final = (
    _predefined(4569, "pg_read_server_files"),
    _predefined(4570, "pg_write_server_files"),
    _predefined(6181, "pg_read_all_data"),
    _predefined(6182, "pg_write_all_data"),
    _predefined(3373, "pg_monitor", 3374, 3375, 3377),
    _predefined(3374, "pg_read_all_settings"),
    _predefined(3375, "pg_read_all_stats"),
    _predefined(3377, "pg_stat_scan_tables"),
    _predefined(4200, "pg_signal_backend"),
    _predefined(4544, "pg_checkpoint"),
)
"""Roles that every database has and nobody changes; their OIDs are PostgreSQL's. They are stored nowhere."""


@frozen(kw_only=True, eq=False, repr=False)
class Login(Shown):
    """What a server has to know of a role before it opens a session for it.

    ``verifier`` is what is kept of the password (``heliosdb.spi.is_password``), None where there is none; it is good
    until ``valid_until``, seconds of the Unix clock. ``connection_limit`` is -1 where there is none.
    """

    oid: int
    name: str
    login: bool
    superuser: bool
    verifier: str | None = field(repr=False)
    valid_until: float | None
    connection_limit: int


READ_ALL_DATA: Final = 6181
WRITE_ALL_DATA: Final = 6182
READ_ALL_STATS: Final = 3375
"""OIDs of the predefined roles that may read and write all tables, and see what others run."""

EPOCH = 946_684_800
"""2000-01-01, from which timestamps count, in seconds of the Unix clock."""


def login_of(role: Role) -> Login:
    """Return what a server has to know of a role."""
    until = None if role.valid_until is None else role.valid_until / 1_000_000 + EPOCH
    return Login(
        oid=role.oid, name=role.name, login=role.login, superuser=role.superuser, verifier=role.verifier,
        valid_until=until, connection_limit=role.connection_limit,
    )  # fmt: skip


class _Roles(Protocol):
    """The catalog."""

    @property
    def roles(self) -> Any: ...

    def role_by_oid(self, oid: int) -> Role | None: ...


def is_superuser(catalog: _Roles, oid: int) -> bool:
    """Return whether a role is a superuser; one that is not there is none. That a database begins with stays one."""
    if oid == OWNER:
        return True
    found = catalog.role_by_oid(oid)
    return found is not None and found.superuser


def is_member(catalog: _Roles, oid: int, of: int) -> bool:
    """Return whether a role may become another one: itself, one it is a member of, any for a superuser."""
    return oid == of or is_superuser(catalog, oid) or of in _reached(catalog, oid, inherited=False)


def has_privileges_of(catalog: _Roles, oid: int, of: int) -> bool:
    """Return whether a role may do what another one may, without becoming it."""
    return oid == of or is_superuser(catalog, oid) or of in _reached(catalog, oid, inherited=True)


def roles_whose_privileges(catalog: _Roles, oid: int) -> frozenset[int]:
    """Return the roles whose privileges a role has, itself among them; of a superuser no more than for others."""
    return frozenset(_reached(catalog, oid, inherited=True))


def roles_reached(catalog: _Roles, oid: int) -> frozenset[int]:
    """Return the roles that a role is a member of, itself among them; of a superuser no more than for others."""
    return frozenset(_reached(catalog, oid, inherited=False))


def is_admin_of(catalog: _Roles, oid: int, of: int) -> bool:
    """Return whether a role may make others members of a role, by ADMIN OPTION or as a superuser."""
    if is_superuser(catalog, oid):
        return True
    for reached in _reached(catalog, oid, inherited=False):
        role = catalog.role_by_oid(reached)
        if role is not None and any(found.role == of and found.admin for found in role.memberships):
            return True
    return False


def members_of(catalog: _Roles, oid: int) -> list[Role]:
    """Return the roles that are members of a role directly."""
    return [role for role in catalog.roles.values() if any(found.role == oid for found in role.memberships)]


def _reached(catalog: _Roles, oid: int, *, inherited: bool) -> set[int]:
    """Return a role and those that it is a member of; ``inherited``: by way of roles that inherit only."""
    reached = {oid}
    waiting = [oid]
    while waiting:
        role = catalog.role_by_oid(waiting.pop())
        if role is None or (inherited and not role.inherit):
            continue
        for membership in role.memberships:
            if membership.role not in reached:
                reached.add(membership.role)
                waiting.append(membership.role)
    return reached
