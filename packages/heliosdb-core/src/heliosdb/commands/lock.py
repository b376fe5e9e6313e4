"""LOCK TABLE: a relation lock for the rest of the transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.catalog.result import Result
from heliosdb.commands.ddl import done
from heliosdb.commands.names import relation_named
from heliosdb.commands.privileges import require_privilege
from heliosdb.errors import NoActiveSqlTransaction, WrongObjectType
from heliosdb.sql import statements as tree
from heliosdb.transaction.locks import RelationLock

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession

__all__ = ["execute_lock"]

PRIVILEGES = {
    RelationLock.ACCESS_SHARE: ("select",),
    RelationLock.ROW_EXCLUSIVE: ("insert", "update", "delete", "truncate"),
}
"""Any of which privileges is needed for a mode, but for the others."""


def execute_lock(session: CommandSession, statement: tree.Lock) -> Result:
    """Execute LOCK TABLE; of a view the relations under it are locked, too."""
    if not session.block.is_open:
        raise NoActiveSqlTransaction("LOCK TABLE can only be used in transaction blocks")
    mode = RelationLock[statement.mode.upper().replace(" ", "_")]
    wait = "nowait" if statement.nowait else "block"
    for item in statement.relations:
        assert isinstance(item, tree.RangeTable)
        relation = relation_named(session, item.name)
        if relation.kind not in ("table", "view"):
            raise WrongObjectType(
                f'cannot lock relation "{relation.name}"',
                detail=f"This operation is not supported for {relation.kind}s.",
            )
        require_privilege(session, relation, *PRIVILEGES.get(mode, ("update", "delete", "truncate")))
        pending, seen = [relation.oid], set()
        while pending:
            oid = pending.pop()
            found = session.catalog.relation_by_oid(oid)
            if oid in seen or found is None:
                continue
            seen.add(oid)
            session.transaction.lock_relation(oid, mode, wait)
            pending.extend(used for used, _ in found.dependencies)
    # What is committed until the first query is to be seen by it.
    session.transaction.look_later()
    return done("LOCK TABLE")
