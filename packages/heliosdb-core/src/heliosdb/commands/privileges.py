"""What only some roles may do: have the process read and write files with its own rights.

As in PostgreSQL that is for superusers and for members of a role that is named after it. A session whose role is not in
the catalog may do none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from heliosdb.catalog.roles import has_privileges_of
from heliosdb.errors import InsufficientPrivilege

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession

__all__ = ["READ_ALL_DATA", "READ_FILES", "WRITE_FILES", "require_membership"]

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
