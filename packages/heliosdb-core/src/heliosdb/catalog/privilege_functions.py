"""Functions that say who may do what: ``has_table_privilege`` and kin, ``pg_has_role``."""

from __future__ import annotations

from typing import Any

from heliosdb.catalog.functions import relation_oid, stable
from heliosdb.catalog.roles import has_privileges_of, is_admin_of, is_member
from heliosdb.errors import InvalidParameterValue, UndefinedObject
from heliosdb.types.definitions import ScalarFunction

__all__ = ["FUNCTIONS"]

TABLE_PRIVILEGES = frozenset({"select", "insert", "update", "delete", "truncate", "references", "trigger"})
PRIVILEGES = {
    "table": TABLE_PRIVILEGES,
    "any_column": frozenset({"select", "insert", "update", "references"}),
    "column": frozenset({"select", "insert", "update", "references"}),
    "schema": frozenset({"create", "usage"}),
    "database": frozenset({"create", "connect", "temporary", "temp"}),
    "sequence": frozenset({"usage", "select", "update"}),
    "function": frozenset({"execute"}),
    "language": frozenset({"usage"}),
    "type": frozenset({"usage"}),
    "tablespace": frozenset({"create"}),
}


def _check_privileges(kind: str, text: str) -> None:
    for part in text.split(","):
        word = part.strip().lower().removesuffix(" with grant option")
        if word not in PRIVILEGES[kind]:
            raise InvalidParameterValue(f'unrecognized privilege type: "{part.strip()}"')


def _check_object(kind: str, target: Any, session: Any) -> bool | None:
    """Raise where a named object is not there; False: an OID that nothing has."""
    if kind in ("table", "any_column", "column", "sequence"):
        if isinstance(target, str):
            relation_oid(target, session)
        elif session.relation_name(target) is None:
            return None
    elif kind == "schema" and isinstance(target, str) and session.catalog.schema(target) is None:
        raise UndefinedObject(f'schema "{target}" does not exist')
    return True


def _privilege(kind: str) -> tuple[ScalarFunction, ...]:
    name = f"has_{kind}_privilege"
    columns = ("text",) if kind == "column" else ()

    def for_self(target: Any, *rest: Any) -> bool | None:
        *_, privilege, session = rest
        _check_privileges(kind, privilege)
        return _check_object(kind, target, session)

    def for_role(role: Any, target: Any, *rest: Any) -> bool | None:
        *_, privilege, session = rest
        if isinstance(role, str) and role not in session.catalog.roles:
            raise UndefinedObject(f'role "{role}" does not exist')
        _check_privileges(kind, privilege)
        return _check_object(kind, target, session)

    found = []
    for target in ("text", "oid"):
        found.append(stable(name, (target, *columns, "text"), "bool", for_self))
        for role in ("name", "oid"):
            found.append(stable(name, (role, target, *columns, "text"), "bool", for_role))
    return tuple(found)


def _role_meant(role: Any, session: Any) -> int:
    """Return the OID of a role that is given by name or OID; UndefinedObject for a name that none has."""
    if not isinstance(role, str):
        return int(role)
    found = session.catalog.roles.get(role)
    if found is None:
        raise UndefinedObject(f'role "{role}" does not exist')
    return int(found.oid)


def pg_has_role(role: Any, privilege: str, session: Any) -> bool:
    """Return whether the current role is a member of a role (MEMBER), or has its privileges (USAGE)."""
    return pg_has_role_of(session.role, role, privilege, session)


def pg_has_role_of(member: Any, role: Any, privilege: str, session: Any) -> bool:
    """Return whether a role is a member of another one (MEMBER), or has its privileges (USAGE)."""
    catalog = session.catalog
    who, of = _role_meant(member, session), _role_meant(role, session)
    answers = []
    for part in privilege.split(","):
        word, _, option = part.strip().lower().partition(" ")
        if word not in ("member", "usage") or option not in ("", "with admin option", "with grant option"):
            raise InvalidParameterValue(f'unrecognized privilege type: "{part.strip()}"')
        asked = is_admin_of if option else is_member if word == "member" else has_privileges_of
        answers.append(asked(catalog, who, of))
    return any(answers)


FUNCTIONS = (
    *[function for kind in PRIVILEGES for function in _privilege(kind)],
    *[stable("pg_has_role", (role, "text"), "bool", pg_has_role) for role in ("name", "oid")],
    *[
        stable("pg_has_role", (member, role, "text"), "bool", pg_has_role_of)
        for member in ("name", "oid")
        for role in ("name", "oid")
    ],
)
