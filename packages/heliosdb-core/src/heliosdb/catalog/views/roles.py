"""The views of roles: pg_authid, pg_roles, pg_user and kin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from attrs import evolve

from heliosdb.catalog.definitions import Role
from heliosdb.catalog.roles import members_of
from heliosdb.catalog.views.support import CATALOG_OIDS, catalog_view

__all__ = ["CATALOG_VIEWS"]

Row = tuple[Any, ...]

HIDDEN = "********"
"""Stands for what is kept of a password."""


def pg_roles(session: Any) -> Iterator[Row]:
    """Roles, without what is kept of their passwords."""
    for role in _roles(session):
        yield (
            role.name, role.superuser, role.inherit, role.createrole, role.createdb, role.login, role.replication,
            role.connection_limit, HIDDEN, role.valid_until, role.bypassrls, _settings_of(role), role.oid,
        )  # fmt: skip


def pg_authid(session: Any) -> Iterator[Row]:
    """Roles."""
    for role in _roles(session):
        yield (
            role.oid, role.name, role.superuser, role.inherit, role.createrole, role.createdb, role.login,
            role.replication, role.bypassrls, role.connection_limit, role.verifier, role.valid_until,
        )  # fmt: skip


def _roles(session: Any) -> list[Role]:
    return sorted(session.catalog.roles.values(), key=lambda role: role.oid)


def _settings_of(role: Role) -> Any:
    return tuple([f"{name}={text}" for name, text in role.settings]) or None


def _logins(session: Any, password: Callable[[Role], str | None]) -> Iterator[Row]:
    for role in _roles(session):
        if role.login:
            yield (
                role.name, role.oid, role.createdb, role.superuser, role.replication, role.bypassrls, password(role),
                role.valid_until, _settings_of(role),
            )  # fmt: skip


def pg_user(session: Any) -> Iterator[Row]:
    """Roles that may log in, without what is kept of their passwords."""
    return _logins(session, lambda role: HIDDEN)


def pg_shadow(session: Any) -> Iterator[Row]:
    """Roles that may log in."""
    return _logins(session, lambda role: role.verifier)


def pg_auth_members(session: Any) -> Iterator[Row]:
    """Membership of roles in roles."""
    for member in _roles(session):
        for found in member.memberships:
            yield found.role, member.oid, found.grantor, found.admin


def pg_db_role_setting(session: Any) -> Iterator[Row]:
    """Settings with which roles begin."""
    for role in _roles(session):
        if role.settings:
            yield 0, role.oid, _settings_of(role)


def pg_group(session: Any) -> Iterator[Row]:
    """Roles that may not log in, as groups."""
    for role in _roles(session):
        if not role.login:
            yield role.name, role.oid, tuple([member.oid for member in members_of(session.catalog, role.oid)])


def pg_shdescription(session: Any) -> Iterator[Row]:
    """Comments on roles."""
    for role in _roles(session):
        if role.comment is not None:
            yield role.oid, CATALOG_OIDS["pg_authid"], role.comment


CATALOG_VIEWS = (
    catalog_view("pg_auth_members", pg_auth_members, "Membership of roles in roles."),
    evolve(catalog_view("pg_authid", pg_authid, "Roles."), superuser=True),
    catalog_view("pg_db_role_setting", pg_db_role_setting, "Settings with which roles begin."),
    catalog_view("pg_group", pg_group, "Roles that may not log in, as groups."),
    catalog_view("pg_roles", pg_roles, "Roles, without what is kept of their passwords."),
    evolve(catalog_view("pg_shadow", pg_shadow, "Roles that may log in."), superuser=True),
    catalog_view("pg_shdescription", pg_shdescription, "Comments on shared objects: on roles."),
    catalog_view("pg_user", pg_user, "Roles that may log in, without what is kept of their passwords."),
)
