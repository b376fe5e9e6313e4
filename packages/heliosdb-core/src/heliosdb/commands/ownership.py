"""Whose objects are: giving them to another role, REASSIGN OWNED and DROP OWNED.

What was granted stays granted: in the access list the new owner takes the place of the old one.
(https://www.postgresql.org/docs/15/sql-reassign-owned.html, sql-drop-owned.html)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from attrs import evolve

from heliosdb.catalog.access import Entry
from heliosdb.catalog.definitions import OWNER, DataType, Relation, Schema
from heliosdb.catalog.result import Result
from heliosdb.catalog.roles import PREDEFINED, has_privileges_of
from heliosdb.commands.ddl import apply, done, edit_of, lock_relation
from heliosdb.commands.dependencies import Dropper, Object
from heliosdb.commands.names import role_of
from heliosdb.errors import DependentObjectsStillExist, InsufficientPrivilege
from heliosdb.sql import statements as tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from heliosdb.catalog.changes import CatalogEdit
    from heliosdb.catalog.definitions import Role
    from heliosdb.catalog.view import CatalogSnapshot
    from heliosdb.commands.context import CommandSession

__all__ = [
    "execute_drop_owned",
    "execute_reassign_owned",
    "give",
    "give_sequences",
    "made_over",
    "owned_by",
    "without_role",
]

Owned = Relation | Schema | DataType
Kind = TypeVar("Kind", Relation, Schema, DataType)


def made_over(target: Kind, owner: int) -> Kind:
    """Return an object as another role's."""
    if isinstance(target, DataType) or target.acl is None:
        return evolve(target, owner=owner)
    merged: dict[tuple[int, int], tuple[str, str]] = {}
    for grantee, grantor, privileges, options in target.acl:
        to = owner if grantee == target.owner else grantee
        by = owner if grantor == target.owner else grantor
        old, old_options = merged.get((to, by), ("", ""))
        merged[to, by] = (_united(old, privileges), _united(old_options, options))
    entries: tuple[Entry, ...] = tuple([(to, by, found[0], found[1]) for (to, by), found in merged.items()])
    return evolve(target, owner=owner, acl=entries)


def _united(first: str, second: str) -> str:
    return first + "".join(letter for letter in second if letter not in first)


def give(edit: CatalogEdit, target: Owned, owner: int) -> None:
    """Make an object another role's, and with a table the sequences that its columns own."""
    edit.put(made_over(target, owner))  # type: ignore[type-var]
    if isinstance(target, Relation):
        give_sequences(edit, target, owner)


def give_sequences(edit: CatalogEdit, table: Relation, owner: int) -> None:
    """Make the sequences that columns of a table own another role's."""
    for other in list(edit.relations()):
        if other.sequence is not None and (other.sequence.owned_by or (0, 0))[0] == table.oid:
            edit.put(made_over(other, owner))


def owned_by(catalog: CatalogSnapshot, roles: set[int]) -> Iterator[Owned]:
    """Yield what roles own."""
    for found in catalog.objects():
        if isinstance(found, Relation | Schema | DataType) and found.owner in roles:
            yield found


def without_role(target: Relation | Schema, roles: set[int]) -> Relation | Schema:
    """Return an object on which nothing is granted to roles, or by them; itself where nothing was."""
    if target.acl is None:
        return target
    left = tuple([entry for entry in target.acl if entry[0] not in roles and entry[1] not in roles])
    return target if len(left) == len(target.acl) else evolve(target, acl=left)


def execute_reassign_owned(session: CommandSession, statement: tree.ReassignOwned) -> Result:
    """Execute REASSIGN OWNED."""
    roles = _roles(session, statement.roles, "reassign")
    owner = role_of(session, statement.new_owner)
    if not has_privileges_of(session.catalog, session.role, owner.oid):
        raise InsufficientPrivilege("permission denied to reassign objects")
    edit = edit_of(session)
    for found in list(owned_by(session.catalog, roles)):
        edit.put(made_over(found, owner.oid))  # type: ignore[type-var]
    apply(session, edit)
    return done("REASSIGN OWNED")


def execute_drop_owned(session: CommandSession, statement: tree.DropOwned) -> Result:
    """Execute DROP OWNED: what the roles own goes, and what was granted to them."""
    roles = _roles(session, statement.roles, "drop")
    catalog = session.catalog
    targets: list[Object] = []
    for found in owned_by(catalog, roles):
        if isinstance(found, Relation):
            if found.sequence is None or found.sequence.owned_by is None:
                lock_relation(session, found, action="DROP OWNED")
                targets.append(Object("relation", found.oid))
        else:
            targets.append(Object("schema" if isinstance(found, Schema) else "type", found.oid))
    edit = edit_of(session)
    Dropper(session, edit).drop(targets, cascade=statement.cascade)
    for other in session.catalog.objects():
        if isinstance(other, Relation | Schema) and not edit.is_dropped(other.oid):
            left = without_role(other, roles)
            if left is not other:
                edit.put(left)
    apply(session, edit)
    return done("DROP OWNED")


def _roles(session: CommandSession, names: tuple[tree.RoleName, ...], doing: str) -> set[int]:
    found: list[Role] = [role_of(session, name) for name in names]
    for role in found:
        if not has_privileges_of(session.catalog, session.role, role.oid):
            raise InsufficientPrivilege(f"permission denied to {doing} objects")
        if role in PREDEFINED or role.oid == OWNER:
            raise DependentObjectsStillExist(
                f"cannot {doing} objects owned by role {role.name} because they are required by the database system"
            )
    return {role.oid for role in found}
