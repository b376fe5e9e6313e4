"""Privileges: who may do what with a table, view, sequence or schema.

An object's access list has entries (to whom, by whom, privileges, those of them with grant option); roles are OIDs,
0 is PUBLIC, privileges are PostgreSQL's letters. An object without a list has the default one: its owner all, and
PUBLIC may use the schemas that every database has.

    letter    r       a       w       d       D         x           t        U      C
    name      SELECT  INSERT  UPDATE  DELETE  TRUNCATE  REFERENCES  TRIGGER  USAGE  CREATE

A superuser may do everything. Any other role may do what is granted to it, to a role whose privileges it has, or to
PUBLIC. Owners may besides change and drop what they own, and grant.
(https://www.postgresql.org/docs/15/ddl-priv.html)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from heliosdb.catalog.definitions import OWNER, DataType, Relation, Schema
from heliosdb.catalog.roles import (
    READ_ALL_DATA,
    WRITE_ALL_DATA,
    has_privileges_of,
    is_superuser,
    roles_whose_privileges,
)
from heliosdb.errors import InsufficientPrivilege
from heliosdb.types.definitions import resolve_implementation

if TYPE_CHECKING:
    from heliosdb.catalog.registrations import Statement

__all__ = [
    "LETTERS",
    "NAMES",
    "PUBLIC",
    "Entry",
    "access_list",
    "allowed",
    "allowed_with_option",
    "check_statement",
    "default_list",
    "denied",
    "is_owner",
    "kind_of",
    "letters_of",
    "may_use_schema",
    "require",
    "require_owner",
    "spelled_entry",
]

Entry = tuple[int, int, str, str]
"""(grantee, grantor, privileges, those with grant option)"""

PUBLIC: Final = 0
LETTERS: Final = {
    "select": "r", "insert": "a", "update": "w", "delete": "d", "truncate": "D", "references": "x", "trigger": "t",
    "usage": "U", "create": "C",
}  # fmt: skip
NAMES: Final = {letter: name.upper() for name, letter in LETTERS.items()}
ORDER: Final = "arwdDxtUC"
"""In which order PostgreSQL writes the letters."""
ALL: Final = {"table": "arwdDxt", "sequence": "rwU", "schema": "UC"}
OPEN_SCHEMAS: Final = frozenset({2200, 11, 13183})
"""The schemas that every database has: PUBLIC may use them."""

Object = Relation | Schema


def kind_of(target: Object) -> str:
    """Return which privileges an object has: those of a "table" (a view's, too), a "sequence" or a "schema"."""
    if isinstance(target, Schema):
        return "schema"
    return "sequence" if target.kind == "sequence" else "table"


def letters_of(target: Object) -> str:
    """Return all privileges that there are on an object."""
    return ALL[kind_of(target)]


def default_list(target: Object) -> tuple[Entry, ...]:
    """Return the access list of an object on which nothing was granted."""
    own = ((target.owner, target.owner, letters_of(target), ""),)
    if isinstance(target, Schema) and target.oid in OPEN_SCHEMAS:
        return (*own, (PUBLIC, target.owner, "U", ""))
    return own


def access_list(target: Object) -> tuple[Entry, ...]:
    """Return an object's access list."""
    return default_list(target) if target.acl is None else target.acl


def allowed(catalog: Any, role: int, target: Object, letters: str) -> bool:
    """Return whether a role has any of these privileges on an object."""
    if is_superuser(catalog, role):
        return True
    roles = roles_whose_privileges(catalog, role)
    for grantee, _, privileges, _ in access_list(target):
        if (grantee == PUBLIC or grantee in roles) and any(letter in privileges for letter in letters):
            return True
    given = "rU" if isinstance(target, Schema) or target.kind != "sequence" else "r"
    if READ_ALL_DATA in roles and any(letter in given for letter in letters):
        return True
    return WRITE_ALL_DATA in roles and any(letter in "awdU" for letter in letters) and kind_of(target) != "sequence"


def allowed_with_option(catalog: Any, role: int, target: Object, letter: str) -> bool:
    """Return whether a role may grant a privilege: by grant option, as the owner or as a superuser."""
    if has_privileges_of(catalog, role, target.owner):
        return True
    roles = roles_whose_privileges(catalog, role)
    return any(grantee in roles and letter in options for grantee, _, _, options in access_list(target))


def require(catalog: Any, role: int, target: Object, letters: str) -> None:
    """Raise InsufficientPrivilege (42501) unless a role has any of these privileges on an object."""
    if not allowed(catalog, role, target, letters):
        raise denied(target)


def denied(target: Object) -> InsufficientPrivilege:
    """Return the error for an object that a role may not do something with."""
    kind = "schema" if isinstance(target, Schema) else target.kind
    return InsufficientPrivilege(f"permission denied for {kind} {target.name}")


def is_owner(catalog: Any, role: int, target: Object | DataType) -> bool:
    """Return whether an object is a role's: its own, or of one whose privileges it has; a superuser owns everything."""
    return has_privileges_of(catalog, role, target.owner)


def require_owner(catalog: Any, role: int, target: Object | DataType) -> None:
    """Raise InsufficientPrivilege (42501) unless an object is a role's."""
    if not is_owner(catalog, role, target):
        kind = "schema" if isinstance(target, Schema) else "type" if isinstance(target, DataType) else target.kind
        raise InsufficientPrivilege(f"must be owner of {kind} {target.name}")


def may_use_schema(catalog: Any, role: int, name: str) -> bool:
    """Return whether a role may look for objects in a schema; in one that is nobody's (temporary objects') it may."""
    if is_superuser(catalog, role):
        return True
    found = catalog.schema(name)
    return found is None or allowed(catalog, role, found, "U")


def spelled_entry(catalog: Any, entry: Entry) -> str:
    """Return an entry as an ``aclitem`` is written: ``ann=ar*w/helios``."""
    grantee, grantor, privileges, options = entry
    to = "" if grantee == PUBLIC else _role(catalog, grantee)
    letters = "".join(letter + "*" * (letter in options) for letter in ORDER if letter in privileges)
    return f"{to}={letters}/{_role(catalog, grantor)}"


def _role(catalog: Any, oid: int) -> str:
    name = str(catalog.role_name(oid))
    plain = name.replace("_", "a").isalnum()
    return name if plain else '"' + name.replace('"', '""') + '"'


def check_statement(session: Any, registered: Statement, payload: object) -> None:
    """Raise InsufficientPrivilege (42501) where the current role may not run a plugin's statement."""
    if session.role == OWNER:
        return
    if registered.check is not None:
        resolve_implementation(registered.check)(session, payload)
    elif not is_superuser(session.catalog, session.role):
        raise InsufficientPrivilege(f"must be superuser to execute {' '.join(registered.words).upper()}")
