"""Functions that say who may do what: ``has_table_privilege`` and kin, ``pg_has_role``."""

from __future__ import annotations

from typing import Any

from heliosdb.catalog.access import LETTERS, allowed, allowed_with_option
from heliosdb.catalog.functions import relation_oid, stable
from heliosdb.catalog.roles import has_privileges_of, is_admin_of, is_member, is_superuser
from heliosdb.errors import InvalidParameterValue, InvalidSchemaName, UndefinedColumn, UndefinedObject, WrongObjectType
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


Wanted = list[tuple[str, bool]]
"""Privileges, each with whether it is the grant option that is asked for."""


def _parsed(kind: str, text: str) -> Wanted:
    wanted: Wanted = []
    for part in text.split(","):
        word = part.strip().lower()
        plain = word.removesuffix(" with grant option")
        if plain not in PRIVILEGES[kind]:
            raise InvalidParameterValue(f'unrecognized privilege type: "{part.strip()}"')
        wanted.append((plain, plain != word))
    return wanted


def _has(kind: str, role: int, target: Any, columns: tuple[Any, ...], wanted: Wanted, session: Any) -> bool | None:
    """Return whether a role has any of the privileges; NULL for an OID that nothing has."""
    catalog = session.catalog
    if kind in ("table", "any_column", "column", "sequence"):
        oid = relation_oid(target, session) if isinstance(target, str) else target
        relation = catalog.relation_by_oid(oid)
        if relation is None:
            # A system catalog, or an index; all may read the first.
            if session.relation_name(oid) is None:
                return None
            return is_superuser(catalog, role) or any(word == "select" and not option for word, option in wanted)
        if kind == "sequence" and relation.kind != "sequence":
            raise WrongObjectType(f'"{relation.name}" is not a sequence')
        for column in columns:
            if isinstance(column, str) and relation.column(column) is None:
                raise UndefinedColumn(f'column "{column}" of relation "{relation.name}" does not exist')
        return _holds(catalog, role, relation, wanted)
    if kind == "schema":
        schema = catalog.schema(target) if isinstance(target, str) else catalog.object_by_oid(target)
        if schema is None and isinstance(target, str):
            raise InvalidSchemaName(f'schema "{target}" does not exist')
        return None if schema is None else _holds(catalog, role, schema, wanted)
    if is_superuser(catalog, role):
        return True
    # Everybody may connect, make temporary tables, use types and languages, and call functions.
    return any(word != "create" and not option for word, option in wanted)


def _holds(catalog: Any, role: int, target: Any, wanted: Wanted) -> bool:
    return any(
        (allowed_with_option if option else allowed)(catalog, role, target, LETTERS[word]) for word, option in wanted
    )


def _privilege(kind: str) -> tuple[ScalarFunction, ...]:
    name = f"has_{kind}_privilege"
    columns = ("text",) if kind == "column" else ()

    def for_self(target: Any, *rest: Any) -> bool | None:
        *named, privilege, session = rest
        return _has(kind, session.role, target, tuple(named), _parsed(kind, privilege), session)

    def for_role(role: Any, target: Any, *rest: Any) -> bool | None:
        *named, privilege, session = rest
        who = 0 if role == "public" else _role_meant(role, session)
        return _has(kind, who, target, tuple(named), _parsed(kind, privilege), session)

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
