"""What a role owns or was granted: the reasons why it cannot be dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.commands.names import visible_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from heliosdb.catalog.access import Entry
    from heliosdb.catalog.definitions import Role
    from heliosdb.commands.context import CommandSession

__all__ = ["uses_of"]


def uses_of(session: CommandSession, role: Role) -> list[str]:
    """Return what needs a role, as the detail of an error says it."""
    catalog = session.catalog
    uses: list[str] = []
    for name in catalog.schemas():
        schema = catalog.schema(name)
        if schema is not None and schema.owner == role.oid:
            uses.append(f"owner of schema {name}")
        if schema is not None and _is_granted(schema.acl, role.oid):
            uses.append(f"privileges for schema {name}")
    for type_ in catalog.types():
        if type_.owner == role.oid:
            uses.append(f"owner of type {type_.name}")
    for relation in catalog.relations():
        if relation.owner == role.oid:
            uses.append(f"owner of {relation.kind} {visible_name(session, relation)}")
        elif _is_granted(relation.acl, role.oid):
            uses.append(f"privileges for {relation.kind} {visible_name(session, relation)}")
    return uses


def _is_granted(entries: Iterable[Entry] | None, role: int) -> bool:
    return any(role in (grantee, grantor) for grantee, grantor, _, _ in entries or ())
